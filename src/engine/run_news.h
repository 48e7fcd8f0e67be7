#pragma once

// What the lock tree and the board beside it owe each other of runs. Their owner has it decided right behind the
// command that it came from (engine/namespace_state.h), so that no log and no journal has it.
//
// Pure functions, thread-safe.

#include <optional>

#include "engine/command_families.h"

namespace hf {

// The run events of a run that began, told a step or ended: one for each of its bills. Nothing: it tells nobody.
std::optional<Publish> news_of(const LockEvent& event);

// The run that a bill's new state settles: the one that it names as its cause.
std::optional<SettleRun> settled_by(const BoardEvent& event);

// The one or the other.
std::optional<Command> owed_by(const Event& event);

}  // namespace hf
