#pragma once

// Who asks an engine for something: from the authenticated token, never from the message.

#include <cstdint>
#include <string>

#include "model/field_rule.h"

namespace hf {

struct Caller {
  std::string user;  // the token's subject
  std::string user_name;
  bool admin = false;  // right `admin`: may act on other users' sessions (release_all), sees all in lists
  bool hold = false;   // right `lock.hold`
  // For repeats of mutating commands. Empty: not repeatable. `fingerprint` is a hash of the operation and
  // its arguments, made by the caller; the same id with another fingerprint is request_id_reused.
  std::string request_id;
  std::uint64_t fingerprint = 0;
  bool operator==(const Caller&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.user)(2, v.user_name)(3, v.admin)(4, v.hold)(5, v.request_id)(6, v.fingerprint);
  }
};

}  // namespace hf
