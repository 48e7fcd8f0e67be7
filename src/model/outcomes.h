#pragma once

// What a lock engine answers to a command, and what others must be told: plain values, as model/commands.h has the
// commands.
//
// An engine answers each command once, with an Outcome: what was asked for, or a Refusal. What other sessions must be
// told goes out as Events, in order. `said` names the members as a client sees them (model/field_rule.h).

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "model/field_rule.h"
#include "model/lock.h"
#include "model/run.h"

namespace hf {

struct EndedInfo {
  EndReason reason = EndReason::released;
  Wall at{};
  std::string by;  // user who ended it, if another than the holder
  bool operator==(const EndedInfo&) const = default;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("reason", v.reason, {.key = true})("at", v.at, {.known = true});
    a.about_if_any(v.by);
    a("by", v.by, {.personal = true});
  }
};

struct Refusal {
  Code code = Code::invalid;
  std::string detail;
  std::string field;
  std::vector<Conflict> conflicts;  // code locked: the first of them
  std::uint32_t conflicts_total = 0;
  bool deadlock = false;
  std::optional<EndedInfo> ended;  // code lock_gone
  std::string stale_target;        // code stale_version: which bill, and the version known
  std::uint64_t known_version = 0;
  Millis retry_after{0};  // code too_many
  bool operator==(const Refusal&) const = default;

  static constexpr std::string_view said_as = "Problem";

  template <class A, class V>
  static void said(A& a, V& v) {
    a.code(v.code);
    a("detail", v.detail, {.sentence = true})("field", v.field);
    const bool locked = v.code == Code::locked;
    a.when(locked && v.deadlock, "deadlock", v.deadlock);
    a.when(locked, "conflicts_total", v.conflicts_total);
    a.when(locked, "conflicts", v.conflicts);
    a("ended", v.ended);
    a("target", v.stale_target);
    a.when(!v.stale_target.empty(), "known_version", v.known_version);
    a("retry_after_ms", v.retry_after);
  }
};

struct SessionOpened {
  SessionId session;
  Millis lease{0};
  Wall expires_at{};
  std::uint64_t seq = 0;
  bool operator==(const SessionOpened&) const = default;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("session", v.session, {.key = true})("lease_ms", v.lease, {.required = true});
    a("expires_at", v.expires_at, {.known = true})("seq", v.seq, {.required = true});
  }
};
struct SessionSnapshot {
  SessionId session;
  std::string user, user_name;
  ClientInfo client;
  Millis lease{0};
  Wall opened_at{}, expires_at{}, last_activity_at{};
  std::uint64_t seq = 0;
  std::vector<Grant> locks;     // token order
  std::vector<WaitInfo> waits;  // queue order
  std::vector<AskInfo> asks;    // that this session made, or that its user is asked and has not answered
  std::string next = {};        // of a page: where the next one begins; empty: the end
  bool operator==(const SessionSnapshot&) const = default;

  static constexpr std::string_view said_as = "Session";

  template <class A, class V>
  static void said(A& a, V& v) {
    said_head(a, v);
    a("locks", v.locks, {.required = true});
    a("waits", v.waits, {.required = true});
    a("requests", v.asks, {.required = true});
    a("next", v.next);
  }
  template <class A, class V>
  static void said_head(A& a, V& v) {
    a("session", v.session, {.key = true});
    a.about(v.user);
    a("user", v.user, {.known = true, .personal = true});
    a("user_name", v.user_name, {.personal = true});
    a("client", v.client, {.personal = true});
    a("lease_ms", v.lease, {.required = true});
    a("opened_at", v.opened_at, {.known = true});
    a("expires_at", v.expires_at, {.known = true});
    a("last_activity_at", v.last_activity_at, {.known = true});
    a("seq", v.seq, {.required = true});
  }
};
struct SessionResumed {
  SessionSnapshot state;
  bool operator==(const SessionResumed&) const = default;

  template <class A, class V>
  static void said(A& a, V& v) {
    SessionSnapshot::said(a, v.state);
  }
};
struct SessionClosed {
  std::uint32_t released = 0;
  bool operator==(const SessionClosed&) const = default;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("released", v.released, {.required = true});
  }
};
struct Renewed {
  Wall expires_at{};
  std::uint64_t seq = 0;
  std::vector<LockId> locks;
  bool operator==(const Renewed&) const = default;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("expires_at", v.expires_at, {.required = true})("seq", v.seq, {.required = true});
    a("locks", v.locks, {.required = true});
  }
};

struct Granted {
  Grant grant;
  bool again = false;  // re-entry: the session held exactly this before
  // For each bill of if_versions: the version known, or nothing.
  std::map<std::string, std::optional<std::uint64_t>> versions;
  bool operator==(const Granted&) const = default;

  static constexpr std::string_view said_as = "Granted";
  static constexpr const char* told_by = "lock";  // of several answers it is this one that has it

  template <class A, class V>
  static void said(A& a, V& v) {
    Grant::said(a, v.grant);
    a("again", v.again)("versions", v.versions);
  }
};
struct Queued {
  LockId wait;
  std::uint32_t position = 1;
  bool operator==(const Queued&) const = default;

  static constexpr std::string_view said_as = "Queued";
  static constexpr const char* told_by = "wait";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("wait", v.wait, {.key = true})("position", v.position, {.required = true});
  }
};
struct Released {
  bool released = false;    // the lock (or the named targets) ended with this call
  std::uint32_t holds = 0;  // what is left of the count
  bool already = false;     // it was released before by this session, or is held another time: nothing happened
  bool operator==(const Released&) const = default;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("already_released", v.already);
    a.when(!v.already, "released", v.released);
    a.when(!v.already || v.holds > 0, "holds", v.holds);
  }
};
struct ReleasedMany {
  std::uint32_t released = 0;
  bool operator==(const ReleasedMany&) const = default;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("released", v.released, {.required = true});
  }
};
struct Done {
  bool operator==(const Done&) const = default;

  template <class A, class V>
  static void said(A&, V&) {}
};  // refuse, defer, force, cancel of a wait
struct Answered {
  bool granted = false;
  bool operator==(const Answered&) const = default;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("granted", v.granted, {.required = true});
    a.mark(!v.granted, "queued");
  }
};  // agree: the asker has it now / stays queued first
struct LockList {
  std::vector<Grant> locks;
  Token next = 0;
  bool operator==(const LockList&) const = default;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("locks", v.locks, {.required = true})("next", v.next, {.as_text = true});
  }
};  // next 0: the end
struct CheckItem {
  Target target;
  bool free = true;
  bool mine = false;
  std::vector<Conflict> conflicts;
  bool operator==(const CheckItem&) const = default;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("target", v.target, {.key = true})("free", v.free, {.required = true})("mine", v.mine, {.required = true});
    a("conflicts", v.conflicts);
  }
};
struct Checked {
  std::vector<CheckItem> items;
  bool operator==(const Checked&) const = default;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("targets", v.items, {.required = true});
  }
};
// why: "", not_found, lock_gone, not_holder (another token), not_covered (a target that the lock does not cover),
// too_short
struct Verified {
  bool valid = false;
  Millis valid_for{0};
  std::string why;
  // Valid: what a write of each target named is fenced with. The highest token that the session has held on its path.
  std::vector<HeldTarget> targets;
  bool operator==(const Verified&) const = default;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("valid", v.valid, {.required = true});
    a.when(v.valid, "valid_for_ms", v.valid_for);
    a.fences(v.targets);
    a("why", v.why);
  }
};
// A session without what it has.
struct SessionHead {
  static constexpr std::string_view said_as = "SessionHead";

  template <class A, class V>
  static void said(A& a, V& v) {
    SessionSnapshot::said_head(a, v);
  }
};
struct SessionList {
  std::vector<SessionSnapshot> sessions;
  std::string next = {};  // empty: the end
  bool operator==(const SessionList&) const = default;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("sessions", v.sessions, {.required = true}, SessionHead{})("next", v.next);
  }
};  // without locks, waits, asks
struct AskList {
  std::vector<AskInfo> asks;
  std::uint64_t next = 0;  // 0: the end
  bool operator==(const AskList&) const = default;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("requests", v.asks, {.required = true})("next", v.next, {.as_text = true});
  }
};
struct WaitList {
  std::vector<WaitInfo> waits;
  bool operator==(const WaitList&) const = default;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("waits", v.waits, {.required = true});
  }
};
struct Stats {
  std::uint64_t locks = 0, sessions = 0, waits = 0, asks = 0, nodes = 0;
  std::uint64_t granted = 0, refused = 0, released = 0, expired = 0, forced = 0, handed_over = 0, waited = 0,
                deadlocks = 0, clock_alarms = 0;
  std::uint64_t runs = 0;  // that have not ended
  RunTally run_tally;
  Token last_token = 0;
  bool operator==(const Stats&) const = default;

  template <class A, class V>
  static void said(A& a, V& v) {
    a("locks", v.locks, {.required = true});
    a("sessions", v.sessions, {.required = true});
    a("waits", v.waits, {.required = true});
    a("requests", v.asks, {.required = true});
    a("runs", v.runs, {.required = true});
    a("nodes", v.nodes, {.required = true});
    a("granted", v.granted, {.required = true});
    a("refused", v.refused, {.required = true});
    a("released", v.released, {.required = true});
    a("expired", v.expired, {.required = true});
    a("forced", v.forced, {.required = true});
    a("handed_over", v.handed_over, {.required = true});
    a("waited", v.waited, {.required = true});
    a("deadlocks", v.deadlocks, {.required = true});
    a("clock_alarms", v.clock_alarms, {.required = true});
    a("runs_begun", v.run_tally.begun, {.required = true});
    a("runs_done", v.run_tally.done, {.required = true});
    a("runs_failed", v.run_tally.failed, {.required = true});
    a("runs_unknown", v.run_tally.unknown, {.required = true});
    a("runs_settled", v.run_tally.settled, {.required = true});
    a("last_token", v.last_token, {.required = true});
  }
};

using LockOutcome = std::variant<Refusal, SessionOpened, SessionResumed, SessionClosed, Renewed, Granted, Queued,
                                 Released, ReleasedMany, Done, Answered, SessionSnapshot, LockList, Checked, Verified,
                                 SessionList, AskList, WaitList, Stats, Grant, RunInfo>;

// A command names its answer, `using Answer = Released;`, or several, `using Answer = Either<Granted, Queued>;`, and
// whoever decides it returns OutcomeOf it: that, or a Refusal. So the compiler holds that a release is not answered
// with a list.
template <class... A>
struct Either;

// What a command of type C is answered with: its answer or a Refusal.
template <class Answer>
struct OutcomeOfAnswer {
  using type = std::variant<Refusal, Answer>;
};
template <class... A>
struct OutcomeOfAnswer<Either<A...>> {
  using type = std::variant<Refusal, A...>;
};
template <class C>
using OutcomeOf = typename OutcomeOfAnswer<typename C::Answer>::type;

// The T in `outcome`; null: it has another answer, or never has this one.
template <class T, class... A>
const T* answer_in(const std::variant<A...>& outcome) noexcept {
  if constexpr ((std::is_same_v<T, A> || ...)) {
    return std::get_if<T>(&outcome);
  } else {
    return nullptr;
  }
}
// `outcome` as one of To, which has all that it may be.
template <class To, class... A>
To widened(std::variant<A...>&& outcome) {
  return std::visit([]<class T>(T&& one) { return To(std::forward<T>(one)); }, std::move(outcome));
}
// `outcome` as one of To; nothing if that never has this answer.
template <class To, class... A>
std::optional<To> narrowed(std::variant<A...>&& outcome) {
  return std::visit(
      []<class T>(T&& one) -> std::optional<To> {
        if constexpr (std::is_constructible_v<To, T>) {
          return To(std::forward<T>(one));
        } else {
          return std::nullopt;
        }
      },
      std::move(outcome));
}

// ---------------------------------------------------------------------------------------------- events

// Events that a session must not miss carry its `seq`, which grows by one with each of them: a grant after
// waiting, a loss, a wait's end, a request, an answer. A client that sees a gap asks for the whole state. What
// a session did itself is told by the command's outcome and does not count.
struct LockGranted {
  SessionId session;
  std::uint64_t seq = 0;
  LockId wait;
  Granted granted;
  bool operator==(const LockGranted&) const = default;

  static constexpr std::string_view event = "lock.granted";
  template <class A, class V>
  static void said(A& a, V& v) {
    a("session", v.session, {.key = true})("seq", v.seq, {.required = true});
    a("wait", v.wait, {.key = true})("grant", v.granted, {.key = true});
  }
};
struct LockWaiting {
  SessionId session;
  LockId wait;
  std::uint32_t position = 1;
  bool operator==(const LockWaiting&) const = default;

  static constexpr std::string_view event = "lock.waiting";
  template <class A, class V>
  static void said(A& a, V& v) {
    a("session", v.session, {.key = true})("wait", v.wait, {.key = true});
    a("position", v.position, {.required = true});
  }
};
struct WaitEnded {
  SessionId session;
  std::uint64_t seq = 0;
  LockId wait;
  Refusal why;
  bool operator==(const WaitEnded&) const = default;

  static constexpr std::string_view event = "lock.wait_ended";
  template <class A, class V>
  static void said(A& a, V& v) {
    a("session", v.session, {.key = true})("seq", v.seq, {.required = true});
    a("wait", v.wait, {.key = true});
    a.problem("error", v.why);
  }
};  // why.code: locked (time over), stale_version, request_gone (cancelled)
struct LockLost {
  SessionId session;
  std::uint64_t seq = 0;
  LockId lock;
  EndReason reason = EndReason::released;
  std::vector<Target> targets;  // what ended: all, or a part
  bool whole = true;            // the grant has ended; false: it lives on with its other targets
  std::string by_user, by_name, note;
  bool operator==(const LockLost&) const = default;

  static constexpr std::string_view event = "lock.lost";
  template <class A, class V>
  static void said(A& a, V& v) {
    a("session", v.session, {.key = true})("seq", v.seq, {.required = true});
    a("lock", v.lock, {.key = true})("reason", v.reason, {.key = true});
    a("targets", v.targets, {.required = true})("whole", v.whole, {.required = true});
    a.about_if_any(v.by_user);
    a.part("by", !v.by_user.empty(), [&](auto& in) {
      in("user", v.by_user, {.known = true, .personal = true})("name", v.by_name, {.personal = true});
    });
    a("note", v.note, {.personal = true});
  }
};
struct LockExpiring {
  SessionId session;
  LockId lock;
  Wall expires_at{};
  EndReason reason = EndReason::expired;
  bool operator==(const LockExpiring&) const = default;

  static constexpr std::string_view event = "lock.expiring";
  template <class A, class V>
  static void said(A& a, V& v) {
    a("session", v.session, {.key = true})("lock", v.lock, {.key = true});
    a("expires_at", v.expires_at, {.required = true})("reason", v.reason, {.key = true});
  }
};
struct LockRequested {
  SessionId session;
  std::uint64_t seq = 0;
  AskInfo ask;
  bool operator==(const LockRequested&) const = default;

  static constexpr std::string_view event = "lock.requested";
  template <class A, class V>
  static void said(A& a, V& v) {
    a("session", v.session, {.key = true})("seq", v.seq, {.required = true})("request", v.ask, {.key = true});
  }
};  // to each window of each holder asked
// state: asked never; refused, deferred, unanswered as AskState; agreed when a holder agreed or was taken over from.
struct LockAnswered {
  SessionId session;
  std::uint64_t seq = 0;
  LockId wait;
  std::string answer;
  std::string reason;
  std::string by_user, by_name;
  Wall answer_by{};
  bool operator==(const LockAnswered&) const = default;

  static constexpr std::string_view event = "lock.answered";
  template <class A, class V>
  static void said(A& a, V& v) {
    a("session", v.session, {.key = true})("seq", v.seq, {.required = true});
    a("request", v.wait, {.key = true})("answer", v.answer, {.required = true});
    a.about_if_any(v.by_user);
    a("reason", v.reason, {.personal = true});
    a.part("by", !v.by_user.empty(), [&](auto& in) {
      in("user", v.by_user, {.known = true, .personal = true})("name", v.by_name, {.personal = true});
    });
    a("answer_by", v.answer_by);
  }
};
struct SessionEnded {
  SessionId session;
  EndReason reason = EndReason::expired;
  bool operator==(const SessionEnded&) const = default;

  static constexpr std::string_view event = "session.ended";
  template <class A, class V>
  static void said(A& a, V& v) {
    a("session", v.session, {.key = true})("reason", v.reason, {.key = true});
  }
};
// A target's holder changed: for who watches it. `grant`, told with this one target only, is empty when nobody
// holds the target itself now.
struct TargetChanged {
  Target target;
  std::optional<Grant> grant;
  bool operator==(const TargetChanged&) const = default;
};
// The two pushes that tell it.
struct LockChanged {
  static constexpr std::string_view event = "lock.changed";
  using Value = TargetChanged;
  static TargetChanged blank() { return TargetChanged{{}, Grant{}}; }

  template <class A, class V>
  static void said(A& a, V& v) {
    auto& grant = *v.grant;
    a("target", v.target, {.key = true})("lock", grant.lock, {.key = true});
    a("mode", grant.mode, {.required = true})("label", grant.label);
    a.about(grant.user);
    a.part("holder", true, [&](auto& in) {
      in("user", grant.user, {.known = true, .personal = true});
      in("name", grant.user_name, {.personal = true});
      in("client", grant.client, {.personal = true});
      in("session", grant.session, {.known = true, .personal = true});
      in("since", grant.acquired_at, {.known = true});
      in("expires_at", grant.expires_at, {.known = true});
      in("kind", grant.kind, {.required = true});
      in("reason", grant.reason, {.personal = true});
    });
    if constexpr (A::reads) grant.targets = {HeldTarget{v.target, 0}};
  }
};
struct LockFree {
  static constexpr std::string_view event = "lock.free";
  using Value = TargetChanged;
  static TargetChanged blank() { return {}; }

  template <class A, class V>
  static void said(A& a, V& v) {
    a("target", v.target, {.key = true});
  }
};
struct ClockAlarm {
  std::string what;
  bool operator==(const ClockAlarm&) const = default;
};

using LockEvent = std::variant<LockGranted, LockWaiting, WaitEnded, LockLost, LockExpiring, LockRequested, LockAnswered,
                               SessionEnded, TargetChanged, ClockAlarm, RunChanged>;

}  // namespace hf
