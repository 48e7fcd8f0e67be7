#pragma once

// HistoryChecker judges a recorded history from outside: from what was asked, answered and told, and nothing
// else. It knows neither engine nor model, so it holds for the embedded engine, for Redis and for real servers
// alike, and it sees a fault that engine and model share.
//
// After each command it demands:
//   1. no two parties hold modes on one path that exclude each other;
//   2. a new grant's token is greater than all before it; re-entry and renewal keep lock and token;
//   3. a grant has exactly the targets that were asked for, or what is left after a told or own release;
//   4. nobody is granted past an earlier request that it excludes, except by agreement and for what it holds;
//   5. whoever waits is excluded by somebody who holds, or who came earlier;
//   6. what ended never comes back: not by release, extend, verify, heartbeat or list;
//   7. each wait is queued once and ends once; a refused request leaves nothing;
//   8. the numbers of a session's events have no gap but where the engine was started anew;
//   9. at a clock that is far off every command is refused, and nothing is told.
//
// A hold, and a lock that outlives its session, ends untold when its time is over; from then on the checker takes it
// for neither held nor free. Not thread-safe.

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "model/commands.h"

namespace hf::test {

class HistoryChecker {
 public:
  // Takes in one command with what came of it. Returns the sentence that was broken, or nothing.
  std::string record(const LockCommand& command, Wall clock, const LockOutcome& outcome,
                     const std::vector<LockEvent>& events);

  // The engine was started anew: the numbers of events may skip.
  void restarted();

  std::size_t live() const { return live_.size(); }

 private:
  struct Claim {
    std::vector<Target> targets;
    Mode mode = Mode::exclusive;
    Kind kind = Kind::edit;
    SessionId session;
    std::string owner;
    std::vector<std::string> stops{};  // of a hold
    std::string action{};              // of a run
  };
  struct Wait {
    LockId id;
    Claim claim;
  };

  struct Overtaker {
    LockId as;
    Claim claim;
    std::vector<LockId> ahead;  // who stood before it then
  };

  Claim claim_of(const Grant& g) const;
  static bool meets(const Claim& a, const Claim& b);     // some of their targets exclude each other
  static bool excludes(const Claim& a, const Claim& b);  // and they are different parties
  bool orphan(const Grant& grant) const;
  bool perhaps_ended(const Grant& grant) const {
    return unsure_.contains(grant.lock) ||
           ((grant.kind == Kind::hold || orphan(grant)) && out_of_time_.contains(grant.lock));
  }

  void pass_time(Wall clock);
  void shown(const Grant& grant) { until_[grant.lock] = now_ + (grant.expires_at - clock_); }
  void broken(std::string sentence);
  void ended(LockId lock);
  void cut(LockId lock, const std::vector<Target>& targets);
  void session_over(SessionId session);
  void granted(const Granted& granted, const Claim& asked, LockId as);
  bool is_uncounted(LockId lock);
  void raise_below(const Grant& fresh);
  void nodes_living(const NodesLiving& living);
  void take_effects(const LockCommand& command, const LockOutcome& outcome);
  void finished(const FinishRun& finish, const RunInfo& run);
  void take_event(const LockEvent& event);
  void take_answer(const LockCommand& command, const LockOutcome& outcome);
  void holds_nothing_ended(const LockCommand& command, const LockOutcome& outcome);
  void check_all();

  Wall clock_{};
  Instant now_{};                         // engine time as far as the commands tell
  std::map<RunId, std::string> actions_;  // of runs
  std::set<RunId> unknown_;
  std::map<LockId, Instant> until_;  // when a lock ends if nothing more is heard of it
  std::set<LockId> out_of_time_;
  std::set<LockId> unsure_;         // granted and perhaps released by one command: told as granted only
  std::set<LockId> uncounted_;      // counted and perhaps counted down by one command
  bool takes_counts_back_ = false;  // the command does, and nothing is told of them
  struct Unheard {
    Id128 node;
    LockId lock;  // what the wait became
  };
  std::map<LockId, Unheard> unheard_;  // waits that only one node can tell
  std::map<LockId, Grant> live_;
  std::set<LockId> ended_;
  std::set<LockId> refused_;
  std::set<LockId> waits_ended_;
  std::vector<Wait> waits_;  // queue order
  std::map<SessionId, std::uint64_t> seq_;
  std::set<SessionId> may_skip_;  // sessions whose next number may be any greater one
  std::set<SessionId> sessions_;
  Token last_token_ = 0;
  std::vector<Token> new_tokens_;
  std::vector<LockId> new_grants_;
  std::vector<Grant> ended_now_;                          // wholly or in part by this command, as they were
  std::vector<Overtaker> overtook_;                       // granted in this command, held against the queue at its end
  std::set<LockId> granted_now_;                          // told in this command
  std::set<LockId> moved_;                                // transferred in this command
  std::set<LockId> waited_;                               // who waited before this command
  std::set<std::pair<SessionId, std::string>> answered_;  // acquires by request id
  std::set<std::tuple<SessionId, std::string, std::string>> released_before_;  // releases by request id
  std::string broken_;
};

}  // namespace hf::test
