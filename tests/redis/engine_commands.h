#pragma once

// Short ways to say what the tests of the Redis engine ask for.

#include <optional>

#include "model/commands.h"

namespace hf::test {

inline Caller caller(const std::string& user) { return Caller{user, user, false, false, {}, 0}; }
inline SessionId session(std::uint64_t n) { return SessionId{{100, n}}; }
inline LockId lock(std::uint64_t n) { return LockId{{200, n}}; }

inline LockCommand open_session(std::uint64_t n, const std::string& user, Millis lease = Millis(30'000)) {
  return OpenSession{caller(user), session(n), Secret{{1, n}}, {}, lease, false};
}
inline LockCommand resume_session(std::uint64_t n, const std::string& user) {
  return ResumeSession{caller(user), session(n), Secret{{1, n}}, Secret{{1, n}}};
}
inline LockCommand take_over(std::uint64_t n, const std::string& user) {
  return TakeOver{caller(user), session(n), Secret{{1, n}}};
}
inline LockCommand acquire(std::uint64_t n, const std::string& user, std::uint64_t id, const std::string& target,
                           Millis wait = Millis(0)) {
  Acquire command;
  command.caller = caller(user);
  command.session = session(n);
  command.lock = lock(id);
  command.targets = {*Target::parse(target)};
  command.wait = wait;
  return command;
}
inline LockCommand release(std::uint64_t n, const std::string& user, std::uint64_t id) {
  Release command;
  command.caller = caller(user);
  command.session = session(n);
  command.lock = lock(id);
  return command;
}

// Zero: nothing was granted.
inline Token token_of(const LockOutcome& outcome) {
  const auto* granted = std::get_if<Granted>(&outcome);
  return granted == nullptr ? 0 : granted->grant.token;
}
// Of a refusal; nothing: it is none.
inline std::optional<Code> code_of(const LockOutcome& outcome) {
  const auto* refused = std::get_if<Refusal>(&outcome);
  return refused == nullptr ? std::nullopt : std::optional(refused->code);
}

}  // namespace hf::test
