#pragma once

// One line of the audit trail: who did what to which lock. A value; the trail itself is a port (store/audit.h).

#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/lock.h"

namespace hf {

struct AuditEntry {
  Wall at{};
  std::string action;  // acquire, release, expire, force, hand_over, transfer, request, agree, …
  std::string user;    // who did it; empty: the engine itself (expiry)
  std::string holder;  // whose lock it is
  LockId lock;         // the grant or wait
  SessionId session;
  std::vector<std::string> targets;
  std::string reason;
  std::string before;  // short: e.g. "held exclusive by li, token 17"
  std::string after;

  static constexpr std::string_view said_as = "AuditEntry";
  template <class A, class V>
  static void said(A& a, V& v) {
    a("at", v.at, {.required = true})("action", v.action, {.required = true})("user", v.user)("holder", v.holder);
    a("lock", v.lock)("session", v.session)("targets", v.targets);
    a("reason", v.reason)("before", v.before)("after", v.after);
  }
};

}  // namespace hf
