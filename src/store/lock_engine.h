#pragma once

// The port to an engine of locks and status: a command goes in; later its outcome and events come out, by value.
//
// Guarantees of every implementation:
//   1. each accepted command is answered exactly once, on the thread (loop) that owns the port;
//   2. nothing comes out that depends on a change that is not durable at the configured level;
//   3. the commands of a namespace are decided in the order in which they were submitted, whatever their family, and
//      outcomes and events come out in that order; events of a command come before its outcome;
//   4. after a failed commit pending commands get unknown_outcome, then on_failed() comes, and nothing else.
//
// The embedded engine, the one over Redis and the simulator implement it alike. Not thread-safe: one loop owns it.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/command_families.h"

namespace hf {

// Chosen by the caller; comes back with the outcome. 0: nobody waits for the outcome.
using Ticket = std::uint64_t;
// A namespace's place in the engine's table: 0, 1, 2 …
using NamespaceIndex = std::uint16_t;

// The receiver of an engine's outcomes and events.
class LockEngineSink {
 public:
  virtual ~LockEngineSink() = default;
  // Of the command's family.
  virtual void on_outcome(Ticket ticket, Outcome&& outcome) = 0;
  virtual void on_event(NamespaceIndex ns, const Event& event) = 0;
  // The end of one delivery turn: write what you have, once per socket.
  virtual void on_turn_end() = 0;
  // The engine's state was replaced (a failover lost the former one): connected sessions must come back and fetch their
  // state again.
  virtual void on_reset() {}
  // A connection on another node carries the session now, instead of the one on this node.
  virtual void on_taken_elsewhere([[maybe_unused]] const SessionId& session) {}
  // The engine cannot go on (failed commit, lost store). The process must stop and recover from the file.
  virtual void on_failed(std::string why) = 0;
};

class LockEngine {
 public:
  virtual ~LockEngine() = default;
  // The index of namespace `name`, made if it is new. Fails with too_many beyond the limit of namespaces.
  virtual Result<NamespaceIndex> open_namespace(std::string_view name) = 0;
  // Decides or sends `command` with the clock's reading `clock`. The outcome comes to the sink, never from
  // inside this call.
  virtual void submit(NamespaceIndex ns, Ticket ticket, Command&& command, Wall clock) = 0;
  // The epoch of the namespace's status log, to compare cursors with; nil before the first command.
  virtual EpochId epoch(NamespaceIndex ns) const = 0;
  // The id of this node among those of the same engine; it marks waits that only this node can answer (Acquire::node).
  // New with each start where there are several nodes; always the same for a node that is alone.
  virtual Id128 self() const { return {0, 1}; }
  // Ends the caller's turn: what was submitted since the last call may be committed as one batch.
  virtual void flush() = 0;
  // Whether anybody watches targets: if not, an engine need not make TargetChanged events. Initially on.
  virtual void set_watching(bool any) = 0;
  // False while acquires must be refused (disk reserve, lost engine); `why` is for /readyz.
  virtual bool ready(std::string& why) const = 0;
};

}  // namespace hf
