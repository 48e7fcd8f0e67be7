#include "engine/namespace_state.h"

#include <optional>
#include <utility>

#include "engine/run_news.h"

namespace hf {
namespace {

template <class Machine, class C, class E>
Outcome applied(Machine& machine, const C& command, Wall clock, std::vector<E>& made, std::vector<Event>& events,
                std::string& journal) {
  made.clear();
  Outcome outcome = machine.apply(command, clock, made, journal);
  for (E& event : made) events.emplace_back(std::move(event));
  return outcome;
}

}  // namespace

NamespaceState::NamespaceState(LockTreeOptions tree, StatusBoardOptions board)
    : locks_(beside_board(std::move(tree))), board_(std::move(board)) {}

LockTreeOptions NamespaceState::beside_board(LockTreeOptions options) const {
  options.board_version = [this](std::string_view bill) { return board_.version_of(bill); };
  options.board_life = [this](std::string_view bill) { return board_.life_of(bill); };
  return options;
}

Outcome NamespaceState::apply(const Command& command, Wall clock, std::vector<Event>& events, std::string& journal) {
  const std::size_t first = events.size();
  Outcome outcome = decide(command, clock, events, journal);
  // What one machine says may concern the other, and so may what that says to it: a bill settles a run, and the board
  // tells how that run ended. It ends there, for what is told of a run settles none.
  for (std::size_t i = first; i < events.size(); ++i) {
    if (std::optional<Command> owed = owed_by(events[i])) (void)decide(*owed, clock, events, journal);
  }
  return outcome;
}

Outcome NamespaceState::decide(const Command& command, Wall clock, std::vector<Event>& events, std::string& journal) {
  if (const auto* of_locks = std::get_if<LockCommand>(&command))
    return applied(locks_, *of_locks, clock, lock_events_, events, journal);
  const std::size_t before = journal.size();
  Outcome outcome = applied(board_, std::get<StatusCommand>(command), clock, board_events_, events, journal);
  board_changed_ |= journal.size() != before;
  return outcome;
}

void NamespaceState::seal(std::string& journal) {
  locks_.seal(journal);
  if (std::exchange(board_changed_, false)) board_.seal(journal);
}

bool NamespaceState::recover(std::string_view changes) { return locks_.recover(changes) && board_.recover(changes); }

bool NamespaceState::recovered(Wall clock, Token token_floor, const EpochId& fresh) {
  return locks_.recovered(clock, token_floor) && board_.recovered(clock, fresh);
}

void NamespaceState::image(std::string& out) const {
  locks_.image(out);
  board_.image(out);
}

std::string NamespaceState::check() const {
  std::string broken = locks_.check();
  return broken.empty() ? board_.check() : broken;
}

}  // namespace hf
