// Server and SDK must mean the same: whatever is encoded comes back equal, for random values by seed, and
// what a broken or hostile server says never brings a client down.

#include "wire/server_messages.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "wire/said_writer.h"

namespace hf {
namespace {

// Random values of the vocabulary, as the wire can carry them: times cut to milliseconds.
class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
  bool coin() { return random_.one_in(2); }
  Id128 bits() {
    const std::uint64_t hi = random_.next();
    const std::uint64_t lo = random_.next() | 1U;
    return Id128{hi, lo};
  }
  template <class I>
  I id() {
    return I{bits()};
  }
  std::uint64_t number() { return coin() ? below(100) : below(token_max) + 1; }
  std::uint32_t count() { return static_cast<std::uint32_t>(coin() ? below(5) : below(UINT32_MAX)); }
  std::string text() {
    constexpr std::string_view kPieces[] = {"li", "单据", "\"", "\\", "\n", "𠀀", " ", "/", "<b>", "null"};
    std::string out;
    for (std::uint64_t n = below(4); n > 0; --n) out += kPieces[below(std::size(kPieces))];
    return out;
  }
  std::string name() { return "u" + text(); }
  Wall time() { return wall_us(1'700'000'000'000'000 + static_cast<std::int64_t>(below(1'000'000'000'000)) * 1000); }
  Millis ms() { return Millis(static_cast<std::int64_t>(below(100'000'000))); }
  Target target() {
    std::string text = coin() ? "SaleOrder" : "采购\"单";
    const std::uint64_t level = below(4);
    if (level > 0) text += ":" + std::to_string(below(1000)) + "\\";
    if (level > 1) text += "/Detail";
    if (level > 2) text += "/7";
    return *Target::parse(text);
  }
  std::vector<Target> targets() {
    std::set<Target> some;
    for (std::uint64_t n = 1 + below(3); n > 0; --n) some.insert(target());
    return {some.begin(), some.end()};
  }
  Mode mode() { return static_cast<Mode>(below(2)); }
  Kind kind() { return static_cast<Kind>(below(3)); }
  EndReason reason() { return static_cast<EndReason>(below(8)); }
  ClientInfo client() { return coin() ? ClientInfo{} : ClientInfo{text(), text(), text()}; }

  Grant grant() {
    Grant g;
    g.lock = id<LockId>();
    g.token = number();
    for (Target& t : targets()) g.targets.push_back(HeldTarget{std::move(t), coin() ? g.token : number()});
    g.mode = mode();
    g.kind = kind();
    if (coin()) g.session = id<SessionId>();
    g.user = name();
    g.user_name = text();
    g.client = client();
    g.owner = text();
    g.label = text();
    g.reason = text();
    g.acquired_at = time();
    g.expires_at = time();
    g.holds = count();
    if (coin()) {
      g.run = id<RunId>();
      g.node = id<RunId>().value;
    }
    if (coin()) g.stops = {"save", "void"};
    g.rule = text();
    return g;
  }
  RunInfo run() {
    RunInfo r;
    r.run = id<RunId>();
    r.user = name();
    r.user_name = text();
    r.action = text();
    r.bills = targets();
    r.session = id<SessionId>();
    r.node = id<RunId>().value;
    r.state = static_cast<RunState>(below(5));
    r.step = text();
    r.error = text();
    r.begun_at = time();
    r.changed_at = time();
    if (coin()) r.expires_at = time();
    if (coin()) r.placed = {grant(), grant()};
    return r;
  }
  Granted granted() {
    Granted g{grant(), coin(), {}};
    for (std::uint64_t n = below(3); n > 0; --n) {
      g.versions.emplace(target().text(), coin() ? std::optional(number()) : std::nullopt);
    }
    return g;
  }
  Conflict conflict() {
    Conflict c;
    c.target = target();
    c.lock = id<LockId>();
    c.waiting = coin();
    c.label = text();
    c.user = name();
    c.user_name = text();
    c.since = time();
    c.mode = mode();
    c.same_user = coin();
    c.queue = count();
    if (c.waiting) {
      c.position = count();
    } else {
      c.client = client();
      c.session = id<SessionId>();
      c.last_activity_at = time();
      c.expires_at = time();
      c.kind = kind();
      c.reason = text();
    }
    return c;
  }
  std::vector<Conflict> conflicts() {
    std::vector<Conflict> some;
    for (std::uint64_t n = below(3); n > 0; --n) some.push_back(conflict());
    return some;
  }
  Refusal refusal() {
    Refusal r;
    r.code = static_cast<Code>(1 + below(16));
    r.detail = text();
    r.field = text();
    if (r.code == Code::locked) {
      r.conflicts = conflicts();
      r.conflicts_total = count();
      r.deadlock = coin();
    }
    if (r.code == Code::lock_gone) r.ended = EndedInfo{reason(), time(), text()};
    if (r.code == Code::stale_version) {
      r.stale_target = target().text();
      r.known_version = number();
    }
    if (r.code == Code::too_many) r.retry_after = ms();
    return r;
  }
  WaitInfo wait() {
    WaitInfo w;
    w.wait = id<LockId>();
    w.session = id<SessionId>();
    w.user = name();
    w.user_name = text();
    w.targets = targets();
    w.mode = mode();
    w.kind = kind();
    w.label = text();
    w.since = time();
    w.until = time();
    w.position = count();
    w.asking = coin();
    return w;
  }
  AskInfo ask() {
    AskInfo a{wait(), id<LockId>(), text(), static_cast<AskState>(below(4)), text(), coin() ? time() : Wall{}};
    a.wait.asking = true;
    return a;
  }
  SessionSnapshot session(bool whole) {
    SessionSnapshot s;
    s.session = id<SessionId>();
    s.user = name();
    s.user_name = text();
    s.client = client();
    s.lease = ms();
    s.opened_at = time();
    s.expires_at = time();
    s.last_activity_at = time();
    s.seq = number();
    if (!whole) return s;
    for (std::uint64_t n = below(3); n > 0; --n) s.locks.push_back(grant());
    for (std::uint64_t n = below(3); n > 0; --n) s.waits.push_back(wait());
    for (std::uint64_t n = below(3); n > 0; --n) s.asks.push_back(ask());
    if (coin()) s.next = "l17";
    return s;
  }
  Grant watched_grant(const Target& t) {
    Grant g = grant();
    g.targets = {HeldTarget{t, 0}};
    g.token = 0;
    g.owner.clear();
    g.holds = 1;
    g.run = {};
    g.node = {};
    g.rule.clear();
    g.stops.clear();
    return g;
  }
  TargetChanged changed() {
    const Target t = target();
    return TargetChanged{t, coin() ? std::optional(watched_grant(t)) : std::nullopt};
  }
  LockLost lost() {
    LockLost l;
    l.session = id<SessionId>();
    l.seq = number();
    l.lock = id<LockId>();
    l.reason = reason();
    l.targets = targets();
    l.whole = coin();
    if (coin()) {
      l.by_user = name();
      l.by_name = text();
    }
    l.note = text();
    return l;
  }
  LockAnswered answered() {
    LockAnswered a;
    a.session = id<SessionId>();
    a.seq = number();
    a.wait = id<LockId>();
    a.answer = "refused";
    a.reason = text();
    if (coin()) {
      a.by_user = name();
      a.by_name = text();
    }
    if (coin()) a.answer_by = time();
    return a;
  }
  LockEvent event() {
    switch (below(9)) {
      case 0: return LockGranted{id<SessionId>(), number(), id<LockId>(), granted()};
      case 1: return LockWaiting{id<SessionId>(), id<LockId>(), count()};
      case 2: return WaitEnded{id<SessionId>(), number(), id<LockId>(), refusal()};
      case 3: return lost();
      case 4: return LockExpiring{id<SessionId>(), id<LockId>(), time(), reason()};
      case 5: return LockRequested{id<SessionId>(), number(), ask()};
      case 6: return answered();
      case 7: return SessionEnded{id<SessionId>(), reason()};
      default: return changed();
    }
  }
  std::pair<Op, LockOutcome> outcome() {
    switch (below(23)) {
      case 0: return {Op::session_open, SessionOpened{id<SessionId>(), ms(), time(), number()}};
      case 1: {
        Renewed r{time(), number(), {}};
        for (std::uint64_t n = below(4); n > 0; --n) r.locks.push_back(id<LockId>());
        return {Op::session_heartbeat, r};
      }
      case 2: return {Op::session_end, SessionClosed{count()}};
      case 3: return {Op::session_list, SessionList{{session(false), session(false)}, coin() ? "1-a" : ""}};
      case 4: return {Op::session_state, session(true)};
      case 5: return {Op::lock_acquire, granted()};
      case 6: return {Op::lock_acquire, Queued{id<LockId>(), count()}};
      case 7: return {Op::lock_get, grant()};
      case 8: return {Op::lock_list, LockList{{grant(), grant()}, number()}};
      case 9: return {Op::lock_release, Released{.released = coin(), .holds = count()}};
      case 10: return {Op::lock_release, Released{.already = true}};
      case 11: return {Op::lock_extend, granted()};
      case 12: return {Op::lock_transfer, granted()};
      case 13: return {Op::lock_force, Done{}};
      case 14: return {Op::lock_request, Queued{id<LockId>(), count()}};
      case 15: return {Op::lock_cancel_wait, coin() ? LockOutcome(Done{}) : LockOutcome(granted())};
      case 16: return {Op::lock_check, Checked{{CheckItem{target(), coin(), coin(), conflicts()}}}};
      case 17: {
        const bool valid = coin();
        Verified verified{valid, valid ? ms() : Millis(0), valid ? "" : "not_covered", {}};
        if (valid) verified.targets = {HeldTarget{target(), 1 + number()}};
        return {Op::lock_verify, std::move(verified)};
      }
      case 18: return {Op::lock_release_all, ReleasedMany{count()}};
      case 19: return {Op::request_agree, Answered{coin()}};
      case 20: return {Op::request_list, AskList{{ask()}}};
      case 21: {
        constexpr Op about_runs[] = {Op::run_step, Op::run_finish, Op::run_fail, Op::run_get};
        return {about_runs[below(4)], run()};
      }
      default: {
        Stats s;
        s.locks = number();
        s.waits = number();
        s.asks = number();
        s.clock_alarms = number();
        s.runs = number();
        s.run_tally = {number(), number(), number(), number(), number()};
        s.last_token = number();
        return {Op::stats_get, s};
      }
    }
  }

 private:
  Random random_;
};

constexpr std::uint64_t kRounds = 3000;

class Everything : public testing::Test {
 protected:
  // Runs `body` with a Maker of each seed.
  template <class Body>
  static void for_all(Body body) {
    for (std::uint64_t seed = 1; seed <= kRounds && !HasFailure(); ++seed) {
      SCOPED_TRACE("seed " + std::to_string(seed));
      Maker make(seed);
      body(make);
    }
  }
};

TEST_F(Everything, a_grant_comes_back_equal) {
  for_all([](Maker& make) {
    const Grant grant = make.grant();
    std::string text;
    append_said(text, grant);
    const auto back = parse_grant(text);
    ASSERT_TRUE(back) << back.error().detail << text;
    EXPECT_EQ(*back, grant) << text;
    const Granted granted = make.granted();
    text.clear();
    append_said(text, granted);
    const auto granted_back = parse_granted(text);
    ASSERT_TRUE(granted_back) << text;
    EXPECT_EQ(*granted_back, granted) << text;
  });
}

TEST_F(Everything, a_refusal_comes_back_equal_with_its_conflicts_and_what_one_may_do) {
  for_all([](Maker& make) {
    const Refusal refusal = make.refusal();
    View view;
    view.allowed = [](std::string_view right, std::string_view type) {
      return right == "lock.edit" || type == "SaleOrder";
    };
    const auto back = parse_problem(encode_problem(refusal, view));
    ASSERT_TRUE(back) << back.error().detail;
    EXPECT_EQ(back->refusal, refusal);
    ASSERT_EQ(back->may.size(), refusal.conflicts.size());
    for (std::size_t i = 0; i < back->may.size(); ++i) EXPECT_EQ(back->may[i], may_of(refusal.conflicts[i], view));
  });
}

TEST_F(Everything, an_event_comes_back_equal) {
  for_all([](Maker& make) {
    const LockEvent event = make.event();
    std::string text;
    ASSERT_TRUE(encode_event(text, event));
    const auto message = parse_server_message(text);
    ASSERT_TRUE(message) << message.error().detail << text;
    const Push& push = std::get<Push>(message->what);
    std::visit(
        [&](const auto& e) {
          using E = std::remove_cvref_t<decltype(e)>;
          if constexpr (!std::same_as<E, ClockAlarm> && !std::same_as<E, RunChanged>) {
            ASSERT_TRUE(std::holds_alternative<E>(push)) << text;
            EXPECT_EQ(std::get<E>(push), e) << text;
          }
        },
        event);
  });
}

TEST_F(Everything, an_outcome_comes_back_equal_by_websocket_and_by_http) {
  for_all([](Maker& make) {
    const auto [op, outcome] = make.outcome();
    std::string body;
    View view;
    view.face = Face::http;
    append_outcome(body, op, outcome, view);
    const auto by_http = parse_outcome(op, body);
    ASSERT_TRUE(by_http) << by_http.error().detail << body;
    EXPECT_EQ(*by_http, outcome) << name_of(op) << body;

    std::string text;
    const MessageId id = make.coin() ? MessageId(make.number()) : MessageId(make.text());
    encode_answer(text, id, op, outcome);
    const auto message = parse_server_message(text);
    ASSERT_TRUE(message) << message.error().detail << text;
    EXPECT_EQ(message->id, id);
    const auto by_socket = parse_outcome(op, std::get<OkAnswer>(message->what).body);
    ASSERT_TRUE(by_socket) << text;
    EXPECT_EQ(*by_socket, outcome) << name_of(op) << text;
  });
}

TEST_F(Everything, what_a_client_asks_arrives_equal) {
  for_all([](Maker& make) {
    Acquire acquire;
    acquire.caller.request_id = make.text();
    if (make.coin()) acquire.session = make.id<SessionId>();
    acquire.targets = make.targets();
    acquire.mode = make.mode();
    acquire.kind = make.kind();
    acquire.owner = make.text();
    acquire.ttl = make.ms();
    acquire.wait = make.ms();
    if (make.coin()) acquire.if_versions = {{"SaleOrder:1\"", make.number()}};
    acquire.label = make.text();
    acquire.reason = make.text();
    Release release;
    release.lock = make.id<LockId>();
    release.token = make.number();
    release.all = make.coin();
    if (make.coin()) release.version = make.number();
    ListLocks list;
    list.client = make.text();
    if (make.coin()) list.kind = make.kind();
    list.after = make.number();
    HelloFields hello;
    hello.token = make.text();
    hello.client = make.client();
    if (make.coin()) hello.lease = make.ms();
    PongFields pong{make.number(), {{make.id<SessionId>(), make.ms()}}};
    for (const Fields& fields : {Fields(acquire), Fields(release), Fields(list), Fields(hello), Fields(pong)}) {
      std::string text;
      append_message(text, MessageId(std::uint64_t{7}), fields);
      const auto message = parse_message(text);
      ASSERT_TRUE(message && message->fields) << text;
      EXPECT_EQ(message->id, MessageId(std::uint64_t{7}));
      EXPECT_EQ(*message->fields, fields) << text;
      text.clear();
      append_fields(text, fields);
      const auto body = parse_fields(op_of(fields), text);
      ASSERT_TRUE(body) << text;
      EXPECT_EQ(*body, fields) << text;
    }
  });
}

TEST_F(Everything, a_connection_s_own_pushes_come_back_equal) {
  const auto push_of = [](const std::string& text) {
    const auto message = parse_server_message(text);
    EXPECT_TRUE(message) << text;
    return message ? std::get<Push>(message->what) : Push{};
  };
  for_all([&](Maker& make) {
    Welcome welcome;
    welcome.session = make.id<SessionId>();
    welcome.secret = make.id<Secret>();
    welcome.node = make.text();
    welcome.lease = make.ms();
    welcome.seq = make.number();
    welcome.epoch = make.text();
    welcome.rights = {"lock.edit:SaleOrder", make.text()};
    welcome.resumed = make.coin();
    if (welcome.resumed) welcome.state = make.session(true);
    std::string text;
    encode_welcome(text, welcome);
    EXPECT_EQ(push_of(text), Push(welcome)) << text;

    const Ping ping{make.number(), make.number(), {{make.id<SessionId>(), make.number()}}};
    text.clear();
    encode_ping(text, ping);
    EXPECT_EQ(push_of(text), Push(ping)) << text;

    const SessionState state{make.session(true)};
    text.clear();
    encode_session_state(text, state.state);
    EXPECT_EQ(push_of(text), Push(state)) << text;

    const Drain drain{make.ms()};
    text.clear();
    encode_drain(text, drain.retry);
    EXPECT_EQ(push_of(text), Push(drain));

    const AuthRequired required{make.coin() ? std::optional(make.time()) : std::nullopt};
    text.clear();
    encode_auth_required(text, required.by);
    EXPECT_EQ(push_of(text), Push(required));
  });
}

TEST(ServerMessages, the_body_of_an_answer_is_the_text_between_its_own_braces) {
  const auto body = [](const std::string& text) {
    const auto message = parse_server_message(text);
    if (!message) return std::string("refused");
    const auto* ok = std::get_if<OkAnswer>(&message->what);
    return ok != nullptr ? std::string(ok->body) : std::string("no answer");
  };
  EXPECT_EQ(body(R"({"id":"ok","ok":{"a":"}\"]"}})"), R"({"a":"}\"]"})");
  EXPECT_EQ(body(R"( { "x" : {"ok":{"no":1}} , "id" : 1 , "ok" : { "b" : [ {} ] } } )"), R"({ "b" : [ {} ] })");
  EXPECT_EQ(body(R"({"ok":{}})"), "{}");
  EXPECT_EQ(body(R"({"id":1,"ok":[]})"), "refused");
  EXPECT_EQ(body(R"({"id":1})"), "refused");
}

TEST(ServerMessages, what_a_newer_server_adds_is_let_through) {
  const auto message = parse_server_message(R"({"event":"bill.changed","bill":"SaleOrder:1"})");
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<Push>(message->what), Push(UnknownPush{"bill.changed"}));
  const auto ping = parse_server_message(R"({"event":"ping","n":8,"acked":7,"mood":"good"})");
  ASSERT_TRUE(ping);
  EXPECT_EQ(std::get<Push>(ping->what), Push(Ping{8, 7, {}}));
  const auto problem = parse_problem(R"({"type":"about:blank","title":"I am a teapot","status":418,"code":"teapot"})");
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->refusal.code, Code::invalid);
  EXPECT_EQ(parse_problem(R"({"status":502,"title":"Bad Gateway"})")->refusal.code, Code::unavailable);
}

TEST(ServerMessages, a_session_that_lives_on_elsewhere_is_no_malformed_message) {
  std::string text;
  append_push(text, SessionReplaced{*SessionId::parse("0000000000000000000000000a")});
  EXPECT_EQ(text, R"({"event":"session.ended","session":"0000000000000000000000000a","reason":"replaced"})");
  const auto message = parse_server_message(text);
  ASSERT_TRUE(message) << message.error().detail;
  EXPECT_EQ(std::get<Push>(message->what), Push(UnknownPush{"session.ended"}));
}

TEST(ServerMessages, an_answer_that_the_lock_engine_does_not_give_is_not_taken_for_done) {
  EXPECT_FALSE(parse_outcome(Op::status_get, "{}"));
  EXPECT_FALSE(parse_outcome(Op::hello, "{}"));
  EXPECT_EQ(*parse_outcome(Op::lock_force, "{}"), LockOutcome(Done{}));
}

TEST(ServerMessages, a_malformed_member_is_named_and_nothing_is_made_up) {
  const auto field = [](const std::string& text) {
    const auto message = parse_server_message(text);
    return message ? std::string("accepted") : message.error().field;
  };
  EXPECT_EQ(field(R"({"event":"ping","n":-8})"), "n");
  EXPECT_EQ(field(R"({"event":7})"), "event");
  EXPECT_EQ(field(R"({"event":"lock.lost","lock":"0000000000000000000000000a"})"), "session");
  EXPECT_EQ(
      field(R"({"event":"lock.granted","session":"0000000000000000000000000a","wait":"0000000000000000000000000a"})"),
      "grant");
  EXPECT_EQ(field(R"({"event":"session.ended","session":"0000000000000000000000000a","reason":"boredom"})"), "reason");
  EXPECT_EQ(field(R"({"id":-1,"ok":{}})"), "id");
  EXPECT_EQ(field(R"({"id":1,"error":{}})"), "code");
  EXPECT_EQ(field("nonsense"), "");
  EXPECT_FALSE(parse_grant("{}"));
  EXPECT_FALSE(parse_grant(R"({"lock":"0000000000000000000000000a","targets":["a:"]})"));
  EXPECT_FALSE(parse_grant(R"({"lock":"0000000000000000000000000a","targets":["a:b"],"tokens":{"a:b":"x"}})"));
  EXPECT_FALSE(parse_grant(R"({"lock":"0000000000000000000000000a","acquired_at":"yesterday"})"));
}

}  // namespace
}  // namespace hf
