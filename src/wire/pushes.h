#pragma once

// What a connection itself is told, as values with their lines (`said`, model/field_rule.h); what the engine tells
// others is in model/outcomes.h.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/outcomes.h"

namespace hf {

struct Welcome {
  SessionId session;
  Secret secret;
  std::string node;
  Millis lease{30'000};
  std::uint64_t seq = 0;
  std::string epoch;
  std::vector<std::string> rights;
  bool resumed = false;
  std::optional<SessionSnapshot> state;  // of a resumed session
  bool operator==(const Welcome&) const = default;

  static constexpr std::string_view event = "welcome";
  template <class A, class V>
  static void said(A& a, V& v) {
    a("session", v.session, {.key = true})("secret", v.secret, {.key = true});
    a("node", v.node, {.required = true})("lease_ms", v.lease, {.required = true});
    a("seq", v.seq, {.required = true})("epoch", v.epoch, {.required = true});
    a("rights", v.rights, {.required = true})("resumed", v.resumed, {.required = true});
    a("state", v.state);
  }
};
struct Ping {
  std::uint64_t n = 0;
  std::uint64_t acked = 0;
  std::vector<std::pair<SessionId, std::uint64_t>> seqs;  // `seq` {session: newest}
  bool operator==(const Ping&) const = default;

  static constexpr std::string_view event = "ping";
  template <class A, class V>
  static void said(A& a, V& v) {
    a("n", v.n, {.required = true})("acked", v.acked, {.required = true})("seq", v.seqs);
  }
};
struct SessionState {
  SessionSnapshot state;
  bool operator==(const SessionState&) const = default;

  static constexpr std::string_view event = "session.state";
  template <class A, class V>
  static void said(A& a, V& v) {
    SessionSnapshot::said(a, v.state);
  }
};
// The session has gone over to another connection of its user, and this one lives on.
struct SessionReplaced {
  SessionId session;
  std::string reason = "replaced";
  bool operator==(const SessionReplaced&) const = default;

  static constexpr std::string_view event = "session.ended";
  template <class A, class V>
  static void said(A& a, V& v) {
    a("session", v.session, {.key = true})("reason", v.reason, {.required = true});
  }
};
struct Drain {
  Millis retry{0};
  bool operator==(const Drain&) const = default;

  static constexpr std::string_view event = "drain";
  template <class A, class V>
  static void said(A& a, V& v) {
    a("retry_ms", v.retry, {.required = true});
  }
};
// `by`: until when the identity must be renewed.
struct AuthRequired {
  std::optional<Wall> by;
  bool operator==(const AuthRequired&) const = default;

  static constexpr std::string_view event = "auth.required";
  template <class A, class V>
  static void said(A& a, V& v) {
    a("by", v.by);
  }
};

}  // namespace hf
