#pragma once

// The families of commands as one: what a namespace can be asked, what it answers, and what others must be told,
// whichever of its state machines decides. Each machine takes and gives the variant of its own family.
//
// A family has one place in all three variants. So that the commands of all families share one list of a log, each
// family has log numbers of its own (Command::log_number), a persistent format (engine/command_codec.h):
//
//   0 … 63     locks
//   64 … 95    status
//   96 … 127   not given yet

#include <utility>
#include <variant>

#include "engine/status_outcomes.h"
#include "model/commands.h"
#include "model/outcomes.h"
#include "model/status_commands.h"

namespace hf {

using Command = std::variant<LockCommand, StatusCommand>;
using Outcome = std::variant<LockOutcome, StatusOutcome>;
using Event = std::variant<LockEvent, BoardEvent>;

// Both are of one family: what `command` is answered with if it is refused.
inline Outcome refused(const Command& command, Refusal refusal) {
  if (std::holds_alternative<LockCommand>(command)) return LockOutcome(std::move(refusal));
  return StatusOutcome(std::move(refusal));
}

// Null: it was not refused.
inline const Refusal* refusal_in(const Outcome& outcome) noexcept {
  return std::visit([](const auto& of_family) { return std::get_if<Refusal>(&of_family); }, outcome);
}

}  // namespace hf
