#pragma once

// Random commands by a seed, and what an engine tells of them as lines of text: what the tests that kill and
// starve the store compare.
//
// A Workload needs no answers to go on, so a Shadow, a lock tree in memory that is given the same commands, says
// what every answer must have been and what the state was after each. A store that has lost its process or its
// disk must come back to the shadow's state after some command, none earlier than the last whose answer it let
// out. Not thread-safe.

#include <string>
#include <vector>

#include "base/random.h"
#include "engine/lock_tree.h"
#include "store/lock_engine.h"

namespace hf {

class Workload {
 public:
  explicit Workload(std::uint64_t seed, Wall start) : random_(seed), ids_(seed), clock_(start) {}
  // The next command; clock() is its time.
  LockCommand next();
  Wall clock() const noexcept { return clock_; }

 private:
  struct Known {
    LockId lock;
    std::size_t session = 0;
  };
  Caller caller(std::size_t session) const;
  LockCommand acquire(std::size_t session);
  Random random_;
  SeededSecrets ids_;
  Wall clock_;
  std::vector<SessionId> sessions_;
  std::vector<Known> known_;
};

// One line each, equal for equal answers; leases are left out, for they start anew after a restart.
std::string line_of(const LockOutcome& outcome);
std::string line_of(const LockEvent& event);
// All locks and waits of `tree`, as text. Applies queries at `clock`.
std::string state_of(LockTree& tree, Wall clock);

// Collects what an engine lets out of locks.
class Told final : public LockEngineSink {
 public:
  std::vector<std::string> lines;  // events, and outcomes with their tickets
  Ticket answered = 0;             // the last ticket that had another outcome than unknown_outcome
  std::size_t unknown = 0;
  std::string failed;
  std::size_t after_failure = 0;  // calls that came after on_failed
  std::size_t turns = 0;

  void on_outcome(Ticket ticket, Outcome&& outcome) override;
  void on_event(NamespaceIndex, const Event& event) override;
  void on_turn_end() override { ++turns; }
  void on_failed(std::string why) override;
};

class Shadow {
 public:
  explicit Shadow(LockTree tree) : tree_(std::move(tree)) {}
  // Applies the command and appends what an engine must tell of it.
  void apply(Ticket ticket, const LockCommand& command, Wall clock, std::vector<std::string>& lines);
  std::string state(Wall clock) { return state_of(tree_, clock); }

 private:
  LockTree tree_;
};

}  // namespace hf
