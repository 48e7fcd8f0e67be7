#pragma once

// The values of locking: targets, grants, waits, requests and conflicts. Plain data, compared by value; the rules that
// make them are the engine's.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/time.h"
#include "model/target.h"

namespace hf {

using LockId = Id<struct LockTag>;  // a grant; a wait has the id that its grant will have
using SessionId = Id<struct SessionTag>;
using RunId = Id<struct RunTag>;      // of a run of an action; its locks have the same id
using Secret = Id<struct SecretTag>;  // a resume secret, or the digest of one

using Token = std::uint64_t;  // fencing token, 1 .. 2^53-1; 0 = none

enum class Mode : std::uint8_t { shared, exclusive };
enum class Kind : std::uint8_t { edit, temporary, hold };

enum class EndReason : std::uint8_t {
  released,
  expired,
  max_hold,
  forced,
  handed_over,
  transferred,
  session_ended,
  engine_lost
};

std::string_view name_of(Mode mode) noexcept;
std::string_view name_of(Kind kind) noexcept;
std::string_view name_of(EndReason reason) noexcept;
std::optional<Mode> mode_from_name(std::string_view name) noexcept;
std::optional<Kind> kind_from_name(std::string_view name) noexcept;

// Where a session runs: told by the client, shown to people, never trusted.
struct ClientInfo {
  std::string program;
  std::string host;
  std::string window;
  bool operator==(const ClientInfo&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.program)(2, v.host)(3, v.window);
  }

  static constexpr std::string_view said_as = "Where";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("program", v.program)("host", v.host)("window", v.window);
  }
};

// One target of a grant and the token it is held under. The token is the grant's own, unless the session
// already held the target exclusively, itself or by an ancestor: then it is that older one, so that an action
// inside one's own edit lock does not fence that edit lock off.
struct HeldTarget {
  Target target;
  Token token = 0;
  bool operator==(const HeldTarget&) const = default;
};

struct Grant {
  LockId lock;
  Token token = 0;
  std::vector<HeldTarget> targets;  // in text order, without repeats
  Mode mode = Mode::exclusive;
  Kind kind = Kind::edit;
  SessionId session;  // of a hold: the one that placed it
  std::string user;
  std::string user_name;
  ClientInfo client;
  std::string owner;  // holds, and requests that name one
  std::string label;
  std::string reason;
  Wall acquired_at{};
  Wall expires_at{};
  std::uint32_t holds = 1;  // how often it was acquired and not yet released
  RunId run{};              // temporaries: the run that they belong to, and the node that began it
  Id128 node{};
  std::vector<std::string> stops{};  // holds: the actions whose runs they stop; empty: every one
  std::string rule{};                // holds that a run placed: the catalog's rule
  bool operator==(const Grant&) const = default;

  static constexpr std::string_view said_as = "Grant";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("lock", v.lock, {.key = true});
    a("token", v.token, {.from_one = true, .known = true});
    a.held(v.targets, v.token);
    a("mode", v.mode, {.required = true});
    a("kind", v.kind, {.required = true});
    a.about(v.user);
    a("session", v.session, {.known = true, .personal = true});
    a("user", v.user, {.known = true, .personal = true});
    a("user_name", v.user_name, {.personal = true});
    a("client", v.client, {.personal = true});
    a("owner", v.owner);
    a("label", v.label);
    a("run", v.run);
    a("node", v.node);
    a("rule", v.rule);
    a("stops", v.stops);
    a("reason", v.reason, {.personal = true});
    a("acquired_at", v.acquired_at, {.known = true});
    a("expires_at", v.expires_at, {.known = true});
    a("holds", v.holds, {.required = true});
  }
};

// One thing in the way of a failed acquire: a lock held, or a request that waits before it.
struct Conflict {
  Target target;  // the target held or waited for
  LockId lock;    // the grant, or the wait
  bool waiting = false;
  std::string label;
  std::string user;
  std::string user_name;
  ClientInfo client;
  SessionId session;
  Wall since{};
  Wall last_activity_at{};
  Wall expires_at{};
  Kind kind = Kind::edit;
  Mode mode = Mode::exclusive;
  std::string reason;
  std::uint32_t position = 0;  // of a waiter
  std::uint32_t queue = 0;     // requests that wait for this target
  bool same_user = false;
  bool operator==(const Conflict&) const = default;

  static constexpr std::string_view said_as = "Conflict";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("target", v.target, {.key = true});
    a("lock", v.lock, {.required = true});
    a("mode", v.mode, {.required = true});
    a("label", v.label);
    a.about(v.user);
    const auto who = [&](auto& in) {
      in("user", v.user, {.known = true, .personal = true});
      in("name", v.user_name, {.personal = true});
    };
    const auto waiting = [&](auto& in) {
      who(in);
      in("since", v.since, {.known = true});
      in("position", v.position, {.required = true});
    };
    const auto holder = [&](auto& in) {
      who(in);
      in("client", v.client, {.personal = true});
      in("session", v.session, {.known = true, .personal = true});
      in("since", v.since, {.known = true});
      in("last_activity_at", v.last_activity_at);
      in("expires_at", v.expires_at, {.known = true});
      in("kind", v.kind, {.required = true});
      in("reason", v.reason, {.personal = true});
    };
    a.either(v.waiting, "waiting", waiting, "holder", holder);
    a("same_user", v.same_user, {.required = true});
    a("queue", v.queue, {.required = true});
    a.may(v);
  }
};

// A request that waits, as its owner sees it.
struct WaitInfo {
  LockId wait;
  SessionId session;
  std::string user;
  std::string user_name;
  std::vector<Target> targets;
  Mode mode = Mode::exclusive;
  Kind kind = Kind::edit;
  std::string label;
  Wall since{};
  Wall until{};
  std::uint32_t position = 1;  // 1 + the earlier requests of others that it cannot be granted beside
  bool asking = false;         // it asks the holders: it is a request, under the same id
  bool operator==(const WaitInfo&) const = default;

  static constexpr std::string_view said_as = "Wait";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("wait", v.wait, {.key = true});
    said_without_id(a, v);
    a("asking", v.asking);
  }
  template <class A, class V>
  static void said_without_id(A& a, V& v) {
    a.about(v.user);
    a("session", v.session, {.known = true, .personal = true});
    a("user", v.user, {.known = true, .personal = true});
    a("user_name", v.user_name, {.personal = true});
    a("targets", v.targets, {.required = true});
    a("mode", v.mode, {.required = true});
    a("kind", v.kind, {.required = true});
    a("label", v.label);
    a("since", v.since, {.known = true});
    a("until", v.until);
    a("position", v.position, {.required = true});
  }
};

enum class AskState : std::uint8_t { asked, deferred, refused, unanswered };
std::string_view name_of(AskState state) noexcept;

// A wait that asks, as asker and holders see it.
struct AskInfo {
  WaitInfo wait;
  LockId lock;  // the lock it was addressed to
  std::string message;
  AskState state = AskState::asked;
  std::string answer_reason;
  Wall answer_by{};
  bool operator==(const AskInfo&) const = default;

  static constexpr std::string_view said_as = "Request";

  template <class A, class V>
  static void said(A& a, V& v) {
    a("request", v.wait.wait, {.key = true});
    a("lock", v.lock, {.required = true});
    WaitInfo::said_without_id(a, v.wait);
    a("message", v.message, {.personal = true});
    a("state", v.state, {.key = true});
    a.about_others();  // whose words these are is not told here: never the asker's
    a("answer_reason", v.answer_reason, {.personal = true});
    a("answer_by", v.answer_by);
    if constexpr (A::reads) v.wait.asking = true;
  }
};

}  // namespace hf
