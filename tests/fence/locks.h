#pragma once

// The lock tree with people at it, whose grants' tokens the tests write with. Time is the tests' own.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/random.h"
#include "engine/lock_tree.h"

namespace hf::test {

class Locks {
 public:
  // The grant, or nothing if it is refused.
  std::optional<Grant> acquire(const std::string& user, const std::string& target, Kind kind = Kind::edit) {
    Acquire asked{.caller = caller(user), .session = session(user), .lock = {ids_.next_id()}, .kind = kind};
    asked.targets = {*Target::parse(target)};
    const LockOutcome outcome = apply(asked);
    const auto* granted = std::get_if<Granted>(&outcome);
    return granted == nullptr ? std::nullopt : std::optional(granted->grant);
  }
  Grant grant(const std::string& user, const std::string& target, Kind kind = Kind::edit) {
    const auto granted = acquire(user, target, kind);
    EXPECT_TRUE(granted) << user << " does not get " << target;
    return granted.value_or(Grant{});
  }
  // What a write of `target` is fenced with; 0: the lock does not allow one.
  Token token_of(const Grant& grant, const std::string& target) {
    const LockOutcome outcome = apply(Verify{
        .caller = caller(grant.user), .lock = grant.lock, .token = grant.token, .targets = {*Target::parse(target)}});
    const auto* verified = std::get_if<Verified>(&outcome);
    return verified != nullptr && verified->valid ? verified->targets.at(0).token : 0;
  }
  void release(const Grant& grant) {
    apply(Release{.caller = caller(grant.user), .session = grant.session, .lock = grant.lock});
  }
  void force(const Grant& grant) {
    apply(Force{.caller = caller("boss"), .lock = grant.lock, .reason = "he has gone home"});
  }
  // Lets that much time pass, in steps that the engine believes.
  void pass(Millis time) {
    for (Millis done{0}; done < time; done += step) {
      clock_ += step;
      apply(Verify{
          .caller = caller("boss"), .lock = {ids_.next_id()}, .token = 1, .targets = {*Target::parse("SaleOrder")}});
    }
  }

 private:
  static constexpr Millis step{500};

  static Caller caller(const std::string& user) {
    return Caller{.user = user, .user_name = user, .admin = user == "boss"};
  }
  SessionId session(const std::string& user) {
    const auto [at, made] = sessions_.try_emplace(user, SessionId{ids_.next_id()});
    if (made) apply(OpenSession{.caller = caller(user), .session = at->second, .secret = {ids_.next_id()}});
    return at->second;
  }
  LockOutcome apply(const LockCommand& command) {
    std::vector<LockEvent> events;
    std::string journal;
    clock_ += Micros(1);
    return tree_.apply(command, clock_, events, journal);
  }

  LockTree tree_;
  SeededSecrets ids_{42};
  Wall clock_ = wall_us(1'800'000'000'000'000);
  std::map<std::string, SessionId> sessions_;
};

}  // namespace hf::test
