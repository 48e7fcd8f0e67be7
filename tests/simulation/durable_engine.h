#pragma once

// DurableEngine is the engine of one node with a disk of paper: real lock tree, real status board, and a journal that
// takes its time to be written. What it decided leaves it when the journal has it, in order; when it dies, any part of
// what was on its way to the disk may have come there, from the front, without anybody having been told.
//
// Not thread-safe.

#include <boost/json.hpp>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "engine/namespace_state.h"
#include "simulation/scheduler.h"
#include "store/lock_engine.h"

namespace hf::sim {

// What outlives the engine.
struct Disk {
  std::string journal;
  std::uint64_t starts = 0;
};

class DurableEngine final : public LockEngine {
 public:
  DurableEngine(Scheduler& scheduler, Random& random, StatusBoardOptions board, Disk& disk, Wall clock);
  void attach(LockEngineSink& sink) { sink_ = &sink; }

  Result<NamespaceIndex> open_namespace(std::string_view name) override;
  void submit(NamespaceIndex ns, Ticket ticket, Command&& command, Wall clock) override;
  EpochId epoch(NamespaceIndex) const override { return state_.board().epoch(); }
  void flush() override;
  void set_watching(bool any) override { state_.locks().set_watching(any); }
  bool ready(std::string&) const override { return true; }

  // Nothing leaves it any more. The caller destroys it.
  void crash();
  // Each commit takes between a tenth of this and this; a stalled disk is a long one.
  Micros commit_max{2'000};

  // Whether this row, or this removal of one, tells of a state that is decided and not yet durable: nobody may have
  // heard of it. A version is not enough to tell it by: a bill that is deleted, or leaves the board, may keep the one
  // it had.
  bool tells_undurable(const boost::json::object& row) const;
  bool has_undurable() const noexcept { return !undurable_.empty(); }
  StatusBoard& board() noexcept { return state_.board(); }
  // The first invariant found broken in recovery or since, or empty.
  std::string check() const;

 private:
  struct Told {
    Ticket ticket = 0;
    Outcome outcome;
    std::vector<Event> events;
  };
  struct Batch {
    std::string changes;
    std::vector<Told> told;
  };
  void commit();
  void deliver(Batch&& batch);

  Scheduler& scheduler_;
  Random& random_;
  Disk& disk_;
  NamespaceState state_;
  LockEngineSink* sink_ = nullptr;
  Batch gathering_;
  std::deque<Batch> writing_;            // the front one is under way
  std::deque<StatusChanged> undurable_;  // in the order of the log
  std::string broken_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace hf::sim
