#pragma once

// What can be asked of a lock engine, what it answers, and what others must be told: plain values, the same
// for the embedded engine, for Redis and for the simulator (design: one contract, several engines).
//
// Every id is made by the caller, so that two engines given the same commands give the same answers. A
// command carries who asks (`Caller`), from the authenticated token, never from the message; rights are
// checked before a command is made. Identity rules are the engine's: a session answers only to its user.
//
// A command that changes something lies in the log of several nodes by its `log_number` and by the tags of `fields`: a
// persistent format, engine/field_codec.h. A new field takes the next tag and goes last, a new command the next number;
// what was ever used is never used for anything else.
//
// An engine answers each command once, with its `Answer` or a Refusal, and tells other sessions by LockEvents
// (model/outcomes.h).

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "model/caller.h"
#include "model/field_rule.h"
#include "model/lock.h"
#include "model/outcomes.h"
#include "model/run_commands.h"

namespace hf {

// What the board says of the bills that have had one id, one after another.
struct BillLife {
  std::uint64_t number = 0;  // grows when the bill is made anew
  bool deleted = false;      // it has no version until it is
};

// ---------------------------------------------------------------------------------------------- commands

struct OpenSession {
  using Answer = SessionOpened;
  Caller caller;
  SessionId session;
  Secret secret;  // digest of the resume secret; the engine never sees the secret itself
  ClientInfo client;
  Millis lease{30'000};  // within Limits::lease_min..lease_max
  bool service = false;  // sessions_per_service_max applies
  bool operator==(const OpenSession&) const = default;

  static constexpr std::uint8_t log_number = 0;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.caller)(2, v.session)(3, v.secret)(4, v.client)(5, v.lease)(6, v.service);
  }
};
// Takes a session up: proves a secret, renews the lease, installs the next secret. The one that was proved, and each
// one that was told since, stay valid until one of those is used. Who carries the session is told by TakeOver alone.
struct ResumeSession {
  using Answer = SessionResumed;
  Caller caller;
  SessionId session;
  Secret secret;  // digest of the secret presented
  Secret next_secret;
  // The client's own count of its tries to take the session up; 0: it does not count. What comes behind a later one
  // is refused: the client lives by that one.
  std::uint64_t attempt = 0;
  bool operator==(const ResumeSession&) const = default;

  static constexpr std::uint8_t log_number = 1;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.caller)(2, v.session)(3, v.secret)(4, v.next_secret).later()(5, v.attempt);
  }
};
// The connection that asked for the newest resume stands and carries the session from now on: who is connected to it
// elsewhere has been superseded. Refused, and nothing is said, if a later resume has been carried out.
struct TakeOver {
  using Answer = Done;
  Caller caller;
  SessionId session;
  Secret secret;  // digest of the secret that the resume installed
  bool operator==(const TakeOver&) const = default;

  static constexpr std::uint8_t log_number = 25;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.caller)(2, v.session)(3, v.secret);
  }
};
struct EndSession {
  using Answer = SessionClosed;
  Caller caller;
  SessionId session;
  bool operator==(const EndSession&) const = default;

  static constexpr std::uint8_t log_number = 2;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "request_id", v.caller)(2, "session", v.session);
  }
};
struct Heartbeat {
  using Answer = Renewed;
  Caller caller;
  SessionId session;
  Millis idle{0};
  bool operator==(const Heartbeat&) const = default;

  static constexpr std::uint8_t log_number = 3;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.caller)(2, "session", v.session)(3, "idle_ms", v.idle);
  }
};  // idle: of the person, not of the socket

struct Acquire {
  using Answer = Either<Granted, Queued>;
  Caller caller;
  SessionId session;
  LockId lock;                  // the id of the grant, or of the wait
  std::vector<Target> targets;  // order and repeats do not matter
  Mode mode = Mode::exclusive;
  Kind kind = Kind::edit;
  std::string owner;
  Millis ttl{0};   // 0: none of its own (edit), the default (temporary); holds need one
  Millis wait{0};  // 0: try
  std::map<std::string, std::uint64_t> if_versions;  // bill text -> the version that the client has read
  std::string label;
  std::string reason;
  // Not nil: only this node can tell the asker what becomes of the wait, so the wait ends with the node, and so does
  // the lock that it becomes, until Heard.
  Id128 node{};
  // Of a hold: the actions whose runs it stops. Empty: no run passes it.
  std::vector<std::string> stops{};
  bool operator==(const Acquire&) const = default;

  static constexpr std::uint8_t log_number = 4;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "request_id", v.caller);
    a(2, "session", v.session);
    a(3, v.lock);
    a(4, "targets", v.targets, {.required = true});
    a(5, "mode", v.mode);
    a(6, "kind", v.kind);
    a(7, "owner", v.owner, {.bytes_max = owner_bytes_max});
    a(8, "ttl_ms", v.ttl);
    a(9, "wait_ms", v.wait, {.hashed = false});
    a(10, "if_versions", v.if_versions);
    a(11, "label", v.label, {.bytes_max = label_bytes_max});
    a(12, "reason", v.reason, {.bytes_max = reason_bytes_max});
    a.later();
    a(13, v.node);
    a.tagged();
    a(14, "stops", v.stops, {.bytes_max = action_name_bytes_max});
  }
};
struct Release {
  using Answer = Released;
  Caller caller;
  SessionId session;  // nil for a hold released by its owner
  std::string owner;  // holds: must name the owner
  LockId lock;
  Token token = 0;                       // 0: not compared
  bool all = false;                      // end it whatever `holds` says
  std::vector<Target> targets;           // not empty: free only these
  std::optional<std::uint64_t> version;  // the bill's version now, for if_versions of others
  // The count that the caller saw: with another one now, the release was done before, and nothing happens.
  std::optional<std::uint32_t> holds;
  // It may come once more without a request id: a lock held more than once is not counted down without `holds`.
  bool exact = false;
  bool operator==(const Release&) const = default;

  static constexpr std::uint8_t log_number = 5;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "request_id", v.caller);
    a(2, "session", v.session);
    a(3, "owner", v.owner, {.bytes_max = owner_bytes_max});
    a(4, "lock", v.lock, {.required = true});
    a(5, "token", v.token, {.from_one = true});
    a(6, "all", v.all);
    a(7, "targets", v.targets);
    a(8, "version", v.version);
    a.later();
    a(9, "holds", v.holds);
    a(10, v.exact);
  }
};
struct Extend {
  using Answer = Grant;
  Caller caller;
  SessionId session;
  LockId lock;
  Millis ttl{0};
  bool operator==(const Extend&) const = default;

  static constexpr std::uint8_t log_number = 6;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "request_id", v.caller);
    a(2, "session", v.session);
    a(3, "lock", v.lock, {.required = true});
    a(4, "ttl_ms", v.ttl, {.required = true});
  }
};  // holds: session nil, right lock.hold
struct Transfer {
  using Answer = Grant;
  Caller caller;
  SessionId session;
  LockId lock;
  SessionId to_session;
  bool operator==(const Transfer&) const = default;

  static constexpr std::uint8_t log_number = 7;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "request_id", v.caller);
    a(2, "session", v.session);
    a(3, "lock", v.lock, {.required = true});
    a(4, "to_session", v.to_session, {.required = true});
  }
};
struct Force {
  using Answer = Done;
  Caller caller;
  LockId lock;
  std::string reason;
  bool operator==(const Force&) const = default;

  static constexpr std::uint8_t log_number = 8;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "request_id", v.caller);
    a(2, "lock", v.lock, {.required = true});
    a(3, "reason", v.reason, {.required = true, .bytes_max = reason_bytes_max});
  }
};
struct ReleaseAll {
  using Answer = ReleasedMany;
  Caller caller;
  SessionId session;
  std::string type;
  bool operator==(const ReleaseAll&) const = default;

  static constexpr std::uint8_t log_number = 9;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "request_id", v.caller);
    a(2, "session", v.session);
    a(3, "type", v.type, {.bytes_max = target_segment_bytes_max});
  }
};  // type empty: all

// Asking: a waiter with a message. `wait` becomes the id of the request and of its wait.
struct Ask {
  using Answer = Either<Granted, Queued>;
  Caller caller;
  SessionId session;
  LockId lock;  // the lock that is asked for
  LockId wait;
  std::vector<Target> targets;  // empty: the lock's
  Mode mode = Mode::exclusive;
  std::string message;
  std::string label;
  Millis wait_for{600'000};
  bool operator==(const Ask&) const = default;

  static constexpr std::uint8_t log_number = 10;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "request_id", v.caller);
    a(2, "session", v.session);
    a(3, "lock", v.lock, {.required = true});
    a(4, v.wait);
    a(5, "targets", v.targets);
    a(6, "mode", v.mode);
    a(7, "message", v.message, {.bytes_max = message_bytes_max});
    a(8, "label", v.label, {.bytes_max = label_bytes_max});
    a(9, "wait_ms", v.wait_for, {.otherwise = 600'000, .hashed = false});
  }
};
struct Agree {
  using Answer = Answered;
  Caller caller;
  LockId wait;
  std::optional<std::uint64_t> version;
  bool operator==(const Agree&) const = default;

  static constexpr std::uint8_t log_number = 11;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "request_id", v.caller);
    a(2, "request", v.wait, {.required = true});
    a(3, "version", v.version);
  }
};
struct Refuse {
  using Answer = Done;
  Caller caller;
  LockId wait;
  std::string reason;
  bool operator==(const Refuse&) const = default;

  static constexpr std::uint8_t log_number = 12;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "request_id", v.caller);
    a(2, "request", v.wait, {.required = true});
    a(3, "reason", v.reason, {.bytes_max = reason_bytes_max});
  }
};
struct Defer {
  using Answer = Done;
  Caller caller;
  LockId wait;
  Millis by{0};
  bool operator==(const Defer&) const = default;

  static constexpr std::uint8_t log_number = 13;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "request_id", v.caller);
    a(2, "request", v.wait, {.required = true});
    a(3, "ms", v.by, {.required = true});
  }
};
struct CancelWait {
  using Answer = Either<Done, Granted>;
  Caller caller;
  SessionId session;
  LockId wait;
  bool operator==(const CancelWait&) const = default;

  static constexpr std::uint8_t log_number = 14;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "request_id", v.caller);
    a(2, "session", v.session);
    a(3, "wait", v.wait, {.required = true});
  }
};  // also `withdraw`
// The asker was told what became of a wait that was only one node's to tell: his lock, or that he waits on, under an
// id that he knows. From now on it lives as any other.
struct Heard {
  using Answer = Done;
  Caller caller;
  SessionId session;
  LockId wait;
  bool operator==(const Heard&) const = default;

  static constexpr std::uint8_t log_number = 26;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.caller)(2, v.session)(3, v.wait);
  }
};
// Which nodes live. What was only another node's to tell ends: waits are cancelled, and of locks one count is released.
struct NodesLiving {
  using Answer = Done;
  std::vector<Id128> nodes;
  bool operator==(const NodesLiving&) const = default;

  static constexpr std::uint8_t log_number = 27;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.nodes);
  }
};

// Time only: sweeps what is due. Sent by the owner of the engine at least every 100 ms.
struct Tick {
  using Answer = Done;
  bool operator==(const Tick&) const = default;

  static constexpr std::uint8_t log_number = 15;

  template <class A, class V>
  static void fields(A&, V&) {}
};

// Queries: never change anything, never take a request id.
struct GetLock {
  using Answer = Grant;
  Caller caller;
  LockId lock;
  bool operator==(const GetLock&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("lock", v.lock, {.required = true});
  }
};
struct ListLocks {
  using Answer = LockList;
  Caller caller;
  std::string type, user, client;
  SessionId session;
  std::optional<Kind> kind;
  Millis older{0};
  std::uint32_t limit = 100;
  Token after = 0;  // cursor: the last token of the page before
  RunId run;
  bool operator==(const ListLocks&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("type", v.type, {.bytes_max = target_segment_bytes_max});
    a("user", v.user, {.bytes_max = user_bytes_max});
    a("client", v.client, {.bytes_max = client_field_bytes_max});
    a("session", v.session);
    a("kind", v.kind);
    a("older_ms", v.older);
    a("limit", v.limit, {.otherwise = 100});
    a("next", v.after, {.as_text = true});
    a("run", v.run);
  }
};
struct Check {
  using Answer = Checked;
  Caller caller;
  SessionId session;
  std::vector<Target> targets;
  Mode mode = Mode::exclusive;
  bool operator==(const Check&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("targets", v.targets, {.required = true});
    a("session", v.session);
    a("mode", v.mode);
  }
};
struct Verify {
  using Answer = Verified;
  Caller caller;
  LockId lock;
  Token token = 0;
  std::vector<Target> targets;
  Millis min_valid{0};
  bool operator==(const Verify&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("lock", v.lock, {.required = true});
    a("token", v.token, {.required = true, .from_one = true});
    a("targets", v.targets, {.required = true});
    a("min_valid_ms", v.min_valid);
  }
};
struct GetSession {
  using Answer = SessionSnapshot;
  Caller caller;
  SessionId session;
  std::uint32_t limit = 0;  // rows of a page; 0, and no `after`: everything in one answer
  std::string after = {};   // cursor: the `next` of the page before
  bool operator==(const GetSession&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("session", v.session);
    a("limit", v.limit);
    a("next", v.after, {.bytes_max = page_cursor_bytes_max});
  }
};
struct ListSessions {
  using Answer = SessionList;
  Caller caller;
  std::uint32_t limit = 500;
  std::string after = {};  // cursor: the `next` of the page before
  bool operator==(const ListSessions&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("limit", v.limit, {.otherwise = 500});
    a("next", v.after, {.bytes_max = page_cursor_bytes_max});
  }
};  // own ones; all with admin
struct ListAsks {
  using Answer = AskList;
  Caller caller;
  std::uint32_t limit = 500;
  std::uint64_t after = 0;  // cursor: the `next` of the page before
  bool operator==(const ListAsks&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("limit", v.limit, {.otherwise = 500});
    a("next", v.after, {.as_text = true});
  }
};  // that the caller made or is asked
struct ListWaits {
  using Answer = WaitList;
  Caller caller;
  std::uint32_t limit = 500;
  bool operator==(const ListWaits&) const = default;
};  // own ones; all with admin
struct GetStats {
  using Answer = Stats;
  bool operator==(const GetStats&) const = default;

  template <class A, class V>
  static void fields(A&, V&) {}
};

using LockCommand = std::variant<OpenSession, ResumeSession, EndSession, Heartbeat, Acquire, Release, Extend, Transfer,
                                 Force, ReleaseAll, Ask, Agree, Refuse, Defer, CancelWait, Tick, GetLock, ListLocks,
                                 Check, Verify, GetSession, ListSessions, ListAsks, ListWaits, GetStats, TakeOver,
                                 Heard, NodesLiving, BeginRun, StepRun, FinishRun, FailRun, SettleRun, GetRun>;

}  // namespace hf
