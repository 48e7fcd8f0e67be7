#pragma once

// Core is the client's protocol as a pure state machine: what came from the server, what the user asked and
// what time it is go in; messages to send, the wish for a link or a token, and callbacks to run come out.
// It reads no clock, opens no socket and starts no thread, so that drops, repeats and deadlines are tested
// with scripted messages and a made-up time.
//
// Invariants:
//   1. the lease's deadline is when the newest acknowledged renewal was *sent*, plus lease - 2 % - 500 ms;
//      every input first ends what is due at its time, and nothing that ended comes back;
//   2. an unanswered request is sent again on the next link with the same request id, until its deadline;
//   3. a lock or wait that the server lists and no caller knows of is given back, once no unanswered acquire
//      could claim it;
//   4. each `done` is called exactly once;
//   5. with several addresses, one that cannot be reached, has no session for us, drains or renews no lease is left for
//      the next; a link that just broke is tried again where it was.
//
// core.cpp has the link and time; core_requests.cpp, core_messages.cpp, core_locks.cpp and core_status.cpp are what
// their names say.
//
// Not thread-safe: one thread owns it. Held and Lease are shared with handles, which read their atomics.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/random.h"
#include "client/todo_core.h"
#include "holdfast/client.h"
#include "holdfast/todo_view.h"
#include "wire/server_messages.h"
#include "wire/websocket.h"

namespace hf::client {

using Time = std::chrono::steady_clock::time_point;

inline constexpr Millis dial_max{5'000};      // to connect and upgrade; again for hello
inline constexpr Millis silence_max{15'000};  // without a message the link counts as dead: pings come each 10 s
inline constexpr Millis backoff_max{5'000};
inline constexpr std::size_t in_flight_max = 60;  // the server allows 64 a session
inline constexpr std::size_t pending_max = 10'000;
inline constexpr std::size_t publish_bytes_max = 1'000'000;  // of its message: the server reads up to 1 MiB
inline constexpr Millis forever{-1};                         // as a deadline: none
// Between two subscriptions of a tree whose frames do not fit, doubled each time.
inline constexpr Millis resubscribe_base{500};
inline constexpr Millis resubscribe_max{60'000};

// How long a renewal for a time to live of a lock's own, which may be a year: no clock goes wrong by more than a
// minute.
constexpr Millis trusted_ttl(Millis ttl) { return ttl - std::min(ttl / 50, Millis(60'000)) - Millis(500); }

struct Lease {
  std::atomic<std::int64_t> deadline_ns{0};  // steady clock
};

// A lock that the server granted to this session. What handles read is atomic or under `mutex`; the rest is the core's.
struct Held {
  struct Watcher {
    std::function<void(const holdfast::Lost&)> on_lost;
    std::shared_ptr<std::atomic<bool>> alive;  // false: the handle is gone, do not call
  };

  LockId lock;
  std::string id;
  std::shared_ptr<Lease> lease;  // none: a hold, which lives outside the session
  std::atomic<Token> token{0};
  std::atomic<std::int64_t> own_deadline_ns{std::numeric_limits<std::int64_t>::max()};
  std::atomic<bool> ended{false};
  std::mutex mutex;
  holdfast::LockInfo info;

  std::uint32_t handles = 0;
  std::uint32_t count = 1;  // how often the server holds it for us, as far as is known
  std::map<std::uint64_t, Watcher> watchers;
  std::optional<holdfast::Lost> lost;

  std::int64_t deadline_ns() const noexcept;
};

// One handle's share in a lock.
struct Taken {
  std::shared_ptr<Held> held;
  std::uint64_t handle = 0;
  std::shared_ptr<std::atomic<bool>> alive;
  std::map<std::string, std::optional<std::uint64_t>> versions;
};

// What a TodoView and the core share. The core writes under `mutex`, anybody reads under it.
struct Followed {
  holdfast::TodoOptions options;  // constant
  std::shared_ptr<std::atomic<bool>> alive = std::make_shared<std::atomic<bool>>(true);

  std::mutex mutex;
  std::condition_variable changed;  // of `state`
  TodoCore todo;
  holdfast::TodoState state = holdfast::TodoState::connecting;
  holdfast::Error why;

  // The core's own: what was told already, of what may come twice.
  std::uint64_t steps_told = 0;             // the offset of the newest step of a run
  std::uint64_t notices_listed = 0;         // the number of the newest notice that a list had
  std::set<std::uint64_t> notices_heard;    // pushed, beyond it
  std::set<std::uint64_t> notices_unread;   // told, and not known to be read
  std::uint64_t notices_page = 0;           // where the list that is asked for goes on
  std::set<std::uint64_t> notices_missing;  // unread when that list was begun, and not in it so far
};

struct Call {
  std::function<void()> run;
  bool direct = false;  // run it where the core runs, not on the executor: somebody blocks on it
};

struct Output {
  std::vector<std::string> messages;
  std::vector<Call> calls;
  bool drop = false;  // close the link, if there is one; comes before connect
  bool connect = false;
  std::size_t address = 0;  // with connect: which of the client's addresses
  bool want_token = false;  // ask the token provider, answer with token()
  bool close = false;       // with drop: after `messages` are written
};

template <class T>
struct Reply {
  holdfast::Done<T> done;
  bool direct = false;
};

class Core {
 public:
  // Of `options` the core uses token, client, lease, deadline and the callbacks (which it only hands out).
  // `addresses`: how many there are; the caller keeps them.
  Core(holdfast::Options options, std::uint64_t seed, std::size_t addresses = 1);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  void start(Time now);
  void token(Time now, holdfast::Result<std::string> token);
  void opened(Time now);
  void message(Time now, std::string_view text);
  // The link could not be opened or was closed; `code` as in the close frame, 0 without one. `field` is the option to
  // change, if it is one.
  void closed(Time now, std::uint16_t code, std::string reason, std::string field = {});
  // To be called at next(), or later.
  void tick(Time now);
  Time next() const;
  Output take();

  void acquire(Time now, holdfast::Acquire what, Reply<Taken> reply);
  void ask(Time now, holdfast::Ask what, Reply<Taken> reply);
  void take_over(Time now, const std::string& lock, Reply<Taken> reply);
  // Gives back one handle's share; the last one ends the lock.
  void release(Time now, const Taken& taken, std::optional<std::uint64_t> version, Reply<holdfast::Nothing> reply);
  void release_all(Time now, const std::string& type, Reply<std::uint32_t> reply);
  void extend(Time now, const std::string& lock, Millis ttl, Reply<holdfast::LockInfo> reply);
  void withdraw(Time now, const std::string& id, Reply<holdfast::Nothing> reply);
  void watch(Time now, std::vector<Target> targets, Reply<holdfast::Nothing> reply);
  void unwatch(Time now, std::vector<Target> targets, Reply<holdfast::Nothing> reply);
  // Any other operation: its outcome, or the refusal as an error.
  void send(Time now, Fields fields, Reply<LockOutcome> reply);
  void refuse(Reply<LockOutcome> reply, holdfast::Error why) {
    answer<LockOutcome>(reply, tl::unexpected(std::move(why)));
  }
  void call(Time now, const std::string& op, const std::string& fields_json, bool change, Reply<std::string> reply,
            Millis deadline = Millis(0));
  void publish(Time now, const std::vector<holdfast::LogEvent>& events, const std::string& batch_id, Millis deadline,
               Reply<std::vector<holdfast::Published>> reply);
  // Follows a tree until unfollow(); refused if one is followed already.
  void follow(Time now, std::shared_ptr<Followed> followed, Reply<holdfast::Nothing> reply);
  void unfollow(Time now, const std::shared_ptr<Followed>& followed);
  void on_lost(const Taken& taken, std::function<void(const holdfast::Lost&)> callback);
  // How to make a handle for Options::on_transferred_here and hand it over.
  using Transferred = std::function<void(const std::function<void(holdfast::LockHandle)>& callback, Taken taken)>;
  void set_transferred(Transferred transferred) { transferred_ = std::move(transferred); }
  // Ends the session and stops; everything unanswered fails.
  void end(Time now);

  holdfast::Link link() const noexcept { return shown_; }
  const std::string& session_text() const noexcept { return session_text_; }
  const std::vector<std::string>& rights() const noexcept { return rights_; }
  // Why the link is not up; for what times out meanwhile.
  const holdfast::Error& link_error() const noexcept { return link_error_; }

 private:
  enum class Phase : std::uint8_t { idle, waiting, token, dialing, hello, ready, closed };
  enum class Share : std::uint8_t { one, last };
  struct Answered {
    Time sent{};  // when the message that was answered was first sent
    Time sent_last{};
    std::string_view body;
    std::string_view message;
    bool abandoned = false;
  };
  using Complete = std::function<void(Time, holdfast::Result<Answered>)>;
  struct Pending {
    Fields fields;
    std::string raw_op, raw_fields, raw_request_id;  // of call()
    Complete complete;
    Time deadline{};
    Time sent_first{};
    Time sent_last{};
    std::uint32_t attempts = 0;
    bool sent = false;       // ever
    bool in_flight = false;  // on this link
    bool claims = false;     // its answer may bring a lock or a wait
    bool in_line = false;    // waits for the publish before it
    bool abandoned = false;  // its deadline has passed; the answer is still wanted, to give back what it brings
    std::optional<holdfast::Error> last_error;
  };
  struct Waiting {
    Reply<Taken> reply;
    std::function<void(const std::string&, std::uint32_t)> on_waiting;
    std::function<void(const holdfast::Answer&)> on_answered;
    std::function<void(const holdfast::Lost&)> on_lost;
    Time asked{};
    Millis ttl{0};
  };
  struct Due {
    enum class What : std::uint8_t { deadline, retry, wait, own } what;
    std::uint64_t id = 0;
    LockId lock;
  };

  void emit(std::function<void()> run, bool direct = false);
  template <class T>
  void answer(const Reply<T>& reply, holdfast::Result<T> result) {
    if (!reply.done) return;
    // A std::function must be copyable; the result may hold what is moved once.
    auto shared = std::make_shared<holdfast::Result<T>>(std::move(result));
    emit([done = reply.done, shared] { done(std::move(*shared)); }, reply.direct);
  }
  void show(holdfast::Link link, bool resumed, holdfast::Error why);

  void begin_connect(Time now);
  void say_hello(Time now);
  void dial(Time now);
  enum class Address : std::uint8_t { same, next };
  void lost_link(Time now, holdfast::Error why, Millis least, Address address);
  // When a lease that nobody renews is to be renewed elsewhere; never with one address.
  Time away_due() const;
  void refuse_identity(Time now, holdfast::Error why);
  void stop(Time now, holdfast::Error why, holdfast::LostReason reason);
  void forget_session(Time now, holdfast::LostReason reason);

  std::uint64_t submit(Time now, Pending pending, Millis deadline);
  void pump(Time now);
  void transmit(Time now, std::uint64_t id, Pending& pending);
  void finish(Time now, std::uint64_t id, holdfast::Result<Answered> result);
  void refused(Time now, std::uint64_t id, const Refusal& refusal, std::string_view message);
  void late(Time now, std::uint64_t id);
  void quietly(Time now, Fields fields);
  void cancel_quietly(Time now, LockId wait);
  void give_back(Time now, const std::shared_ptr<Held>& held, std::optional<std::uint64_t> version, Share share,
                 Reply<holdfast::Nothing> reply);
  void release_quietly(Time now, const Grant& grant);

  void welcome(Time now, const Welcome& welcome);
  void hello_refused(Time now, const Refusal& refusal, std::string_view message);
  void renewed(Time sent);
  void beat(Time now);
  void push(Time now, const Push& push, std::string_view text);
  void hear(Time now, const Ping& ping, std::string_view text);
  void hear(Time now, const LockGranted& told, std::string_view text);
  void hear(Time now, const LockWaiting& told, std::string_view text);
  void hear(Time now, const WaitEnded& told, std::string_view text);
  void hear(Time now, const LockLost& told, std::string_view text);
  void hear(Time now, const LockExpiring& expiring, std::string_view text);
  void hear(Time now, const LockRequested& told, std::string_view text);
  void hear(Time now, const LockAnswered& told, std::string_view text);
  void hear(Time now, const SessionState& told, std::string_view text);
  void hear(Time now, const SessionEnded& told, std::string_view text);
  void hear(Time now, const TargetChanged& told, std::string_view text);
  void hear(Time now, const AuthRequired& told, std::string_view text);
  void hear(Time now, const Drain& told, std::string_view text);
  void hear(Time now, const UnknownPush& told, std::string_view text);
  // Any other event, by its name.
  void hear_event(Time now, const std::string& name, std::string_view text);
  void bill_changed(std::string_view text);
  bool pushed_status(Time now, const std::string& name, std::string_view text);
  void saw(Time now, std::uint64_t seq);
  void ask_state(Time now);
  // The walk through the pages of the session's state: what was known when it began, and what has been listed so far.
  struct StateWalk {
    std::set<LockId> locks, waits;
    std::set<LockId> listed_locks, listed_waits;
    bool is_welcome = false;  // everything known is older than the answer
  };
  void ask_state_page(Time now, std::shared_ptr<StateWalk> walk, std::string next);
  void reconcile(Time now, const SessionSnapshot& page, StateWalk& walk);
  void miss_unlisted(const StateWalk& walk);
  void settle(Time now);

  void claim(Time now, Fields fields, Op op, Waiting waiting, Millis wait, Millis deadline);
  void acquired(Time now, const holdfast::Result<Answered>& answered, Op op, Waiting waiting, Millis wait,
                Millis deadline);
  void queued(Time now, const Queued& queued, Waiting waiting, Millis wait, Millis deadline, bool abandoned);
  void granted(Time now, const Granted& granted, Time asked, Waiting waiting, bool pushed);
  void hand_out(Time now, const Granted& granted, Time asked, Waiting waiting);
  void wait_over(Time now, LockId wait, holdfast::Error why);
  void requested(const AskInfo& ask);
  void lose(const std::shared_ptr<Held>& held, holdfast::Lost lost);
  void lose_all(holdfast::LostReason reason);
  void drop_lock(LockId lock);
  void end_due(Time now);
  bool leased() const;

  void next_publish(std::uint64_t done);
  void refuse_publish_too_big(Time now);
  void subscribe_todo(Time now);
  void todo_subscribed(Time now, const holdfast::Result<Answered>& answered);
  void list_notices(Time now);
  void ask_notices(Time now);
  void notices_listed(Time now, std::string_view body);
  void tell_notice(holdfast::Notice&& notice, bool listed);
  void tell_notices_read(const std::set<std::uint64_t>& numbers);
  // On the executor, unless the view is gone by then.
  template <class Callback, class... Values>
  void tell_view(const Callback& callback, Values... values);
  void doubt_todo(Time now, std::uint32_t doubts);
  void show_todo(holdfast::TodoState state, holdfast::Error why = {});
  void end_todo(holdfast::Error why);

  holdfast::Options options_;
  Transferred transferred_;
  Random random_;
  const std::size_t addresses_;
  Output out_;

  Phase phase_ = Phase::idle;
  holdfast::Link shown_ = holdfast::Link::connecting;
  holdfast::Error link_error_;
  Time link_due_ = Time::max();  // retry, dial, hello or silence, by phase
  std::size_t link_attempts_ = 0;
  std::size_t address_ = 0;  // the one in use, or the next to try
  std::uint32_t identity_failures_ = 0;
  std::optional<Millis> drain_retry_;
  std::string token_;

  SessionId session_;
  std::string session_text_;
  Secret secret_;
  std::vector<std::string> rights_;
  Millis lease_length_{0};
  std::shared_ptr<Lease> lease_;
  Time lease_deadline_{};
  Time beat_due_ = Time::max();
  Time hello_sent_{};
  std::uint64_t hello_id_ = 0;
  std::string hello_request_;            // the request id under which a session is asked for until one is told
  std::uint64_t hello_attempt_ = 0;      // counts the tries to take the session up
  std::map<std::uint64_t, Time> pongs_;  // n → when it was sent; not yet acknowledged
  std::uint64_t seq_ = 0;
  bool engine_lost_ = false;  // said by the node that closed: what is missing when we are back was lost by its store
  bool state_asked_ = false;
  bool state_again_ = false;

  std::uint64_t last_id_ = 0;
  std::string id_prefix_;
  std::map<std::uint64_t, Pending> pending_;
  std::set<std::uint64_t> unsent_;
  std::size_t in_flight_ = 0;
  std::size_t claims_ = 0;  // unanswered requests whose answer may bring a lock
  std::multimap<Time, Due> due_;

  std::uint64_t last_handle_ = 0;
  std::map<LockId, std::shared_ptr<Held>> locks_;
  std::map<LockId, Waiting> waits_;
  std::map<LockId, LockGranted> early_;  // granted before its wait was known
  std::map<LockId, WaitEnded> early_ends_;
  std::set<LockId> strange_locks_;  // listed by the server, known to nobody here
  std::set<LockId> strange_waits_;
  std::set<LockId> lost_here_;  // ended by our deadline while the server may still list them
  std::set<LockId> releasing_;
  bool orphans_ = false;       // an acquire was given up unanswered in this session
  std::set<LockId> requests_;  // told to on_requested
  std::set<Target> watched_;
  std::set<std::string> bills_shown_;  // watched, and told by their state last

  std::map<std::uint64_t, std::size_t> outbox_;  // publishes by id: their events. Only the first one is on its way
  std::size_t outbox_events_ = 0;
  std::shared_ptr<Followed> followed_;
  std::uint64_t todo_asked_ = 0;  // the subscription that is unanswered
  Time todo_due_ = Time::max();   // when to subscribe again
};

}  // namespace hf::client
