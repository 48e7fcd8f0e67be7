#pragma once

// A client's core against a scripted server and a made-up time: what the core wants sent is kept, what it wants run is
// run at once.

#include <gtest/gtest.h>

#include "client/core.h"
#include "client/values.h"
#include "wire/answers.h"

namespace hf::client {

using std::chrono::seconds;

inline LockId lock_id(std::uint64_t n) { return LockId{{7, n}}; }
inline SessionId session_id(std::uint64_t n) { return SessionId{{8, n}}; }
inline Secret secret(std::uint64_t n) { return Secret{{9, n}}; }
inline Target target(const char* text) { return *Target::parse(text); }

inline Grant grant(std::uint64_t n, const char* text = "SaleOrder:1001", Token token = 100) {
  Grant out;
  out.lock = lock_id(n);
  out.token = token + n;
  out.targets = {{target(text), token + n}};
  out.session = session_id(1);
  out.user = "li";
  out.acquired_at = wall_us(1'700'000'000'000'000);
  out.expires_at = out.acquired_at + seconds(30);
  return out;
}

struct Sent {
  std::uint64_t id = 0;
  Fields fields;
  std::string text;
};

// A core and the server it believes to speak to.
class Script {
 public:
  explicit Script(holdfast::Options options = {}, std::size_t addresses = 1)
      : core(with_callbacks(std::move(options)), 1, addresses) {}

  holdfast::Options with_callbacks(holdfast::Options options) {
    if (options.token.empty()) options.token = "token";
    options.on_lost = [this](const holdfast::Lost& lost) { losses.push_back(lost); };
    options.on_link = [this](const holdfast::LinkChange& change) { links.push_back(change); };
    options.on_requested = [this](const holdfast::Request& request) { requests.push_back(request); };
    return options;
  }

  // Runs what the core wants run and keeps what it wants sent.
  void turn() {
    for (Output out = core.take();; out = core.take()) {
      if (out.drop) {
        ++drops;
        dialing = false;
      }
      if (out.connect) {
        ++connects;
        address = out.address;
        dialing = true;
      }
      if (out.want_token) ++token_wishes;
      for (std::string& text : out.messages) {
        auto parsed = parse_message(text);
        ASSERT_TRUE(parsed) << text;
        Sent message;
        if (const auto* id = std::get_if<std::uint64_t>(&parsed->id)) message.id = *id;
        ASSERT_TRUE(parsed->fields) << text << parsed->fields.error().detail;
        message.fields = *parsed->fields;
        message.text = std::move(text);
        sent.push_back(std::move(message));
      }
      if (out.calls.empty()) return;
      for (Call& call : out.calls) call.run();
    }
  }
  void at(std::chrono::nanoseconds after) { now = start + std::chrono::duration_cast<Time::duration>(after); }
  void pass(std::chrono::nanoseconds by) {
    const Time until = now + std::chrono::duration_cast<Time::duration>(by);
    while (core.next() <= until) {
      now = std::max(now, core.next());
      core.tick(now);
      turn();
    }
    now = until;
  }
  void says(const std::string& text) {
    core.message(now, text);
    turn();
  }
  void open_link() {
    for (int i = 0; i < 100 && !dialing; ++i) pass(std::chrono::milliseconds(100));
    ASSERT_TRUE(dialing);
    dialing = false;
    core.opened(now);
    turn();
  }
  Welcome greeting(std::uint64_t n = 1, bool resumed = false) {
    Welcome welcome;
    welcome.session = session_id(n);
    welcome.secret = secret(++secrets);
    welcome.node = "a";
    welcome.resumed = resumed;
    return welcome;
  }
  void welcomes(const Welcome& welcome) {
    std::string text;
    encode_welcome(text, welcome);
    says(text);
  }
  void ready() {
    core.start(now);
    turn();
    open_link();
    welcomes(greeting());
    sent.clear();
  }
  void resume(const SessionSnapshot& state) {
    open_link();
    sent.clear();
    auto welcome = greeting(1, true);
    welcome.state = state;
    welcome.seq = state.seq;
    welcomes(welcome);
  }
  SessionSnapshot state(std::vector<Grant> locks, std::uint64_t seq = 0) {
    SessionSnapshot out;
    out.session = session_id(1);
    out.user = "li";
    out.seq = seq;
    out.locks = std::move(locks);
    return out;
  }
  void answers(std::uint64_t id, Op op, const LockOutcome& outcome) {
    std::string text;
    encode_answer(text, MessageId(id), op, outcome);
    says(text);
  }
  void refuses(std::uint64_t id, hf::Code code, Millis retry_after = Millis(0)) {
    Refusal refusal;
    refusal.code = code;
    refusal.retry_after = retry_after;
    answers(id, Op::lock_acquire, refusal);
  }
  void pushes(const LockEvent& event) {
    std::string text;
    ASSERT_TRUE(encode_event(text, event));
    says(text);
  }
  void pings(std::uint64_t n, std::uint64_t acked, std::uint64_t seq = 0) {
    std::string text;
    encode_ping(text, {n, acked, {{session_id(1), seq}}});
    says(text);
  }
  void breaks(std::uint16_t code = 0) {
    core.closed(now, code, "");
    turn();
  }
  // The newest message of that kind; fails the test if there is none.
  template <class F>
  const Sent& last() {
    for (auto it = sent.rbegin(); it != sent.rend(); ++it) {
      if (std::holds_alternative<F>(it->fields)) return *it;
    }
    ADD_FAILURE() << "no such message was sent";
    static const Sent none{};
    return none;
  }
  template <class F>
  std::size_t count() {
    return static_cast<std::size_t>(
        std::count_if(sent.begin(), sent.end(), [](const Sent& one) { return std::holds_alternative<F>(one.fields); }));
  }

  struct Asked {
    std::optional<holdfast::Result<Taken>> result;
    std::vector<std::uint32_t> positions;
    std::vector<holdfast::Lost> lost;
    int calls = 0;
    bool granted() const { return result && *result; }
    holdfast::Code code() const { return result && !*result ? result->error().code : holdfast::Code::other; }
  };
  std::shared_ptr<Asked> acquire(holdfast::Acquire what = {}) {
    if (what.targets.empty()) what.targets = {"SaleOrder:1001"};
    auto asked = std::make_shared<Asked>();
    what.on_waiting = [asked](const std::string&, std::uint32_t position) { asked->positions.push_back(position); };
    what.on_lost = [asked](const holdfast::Lost& lost) { asked->lost.push_back(lost); };
    core.acquire(now, what,
                 {[asked](holdfast::Result<Taken> taken) {
                    ++asked->calls;
                    asked->result = std::move(taken);
                  },
                  false});
    turn();
    return asked;
  }
  std::shared_ptr<Asked> holding(std::uint64_t n = 1) {
    auto asked = acquire();
    answers(last<Acquire>().id, Op::lock_acquire, Granted{grant(n), false, {}});
    EXPECT_TRUE(asked->granted());
    return asked;
  }
  bool held(const std::shared_ptr<Asked>& asked) {
    const auto& held = (*asked->result)->held;
    return !held->ended.load() &&
           std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count() < held->deadline_ns();
  }

  const Time start = Time(std::chrono::hours(1000));
  Time now = start;
  Core core;
  std::vector<Sent> sent;
  std::vector<holdfast::Lost> losses;
  std::vector<holdfast::LinkChange> links;
  std::vector<holdfast::Request> requests;
  int connects = 0, drops = 0, token_wishes = 0;
  bool dialing = false;
  std::size_t address = 0;  // dialed last
  std::uint64_t secrets = 0;
};

}  // namespace hf::client
