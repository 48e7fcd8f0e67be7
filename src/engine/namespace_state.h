#pragma once

// NamespaceState is all that is decided of one namespace: its locks and its board, and whatever state machine joins
// them. An engine gives it commands in the order in which they were submitted, whatever their family, and keeps the
// changes.
//
// The machines see each other: an acquire with if_versions asks the board which version of the bill it knows. So the
// order of commands of different families counts, and the state stays where it was made.
//
// They also owe each other news (engine/run_news.h): what the tree tells of a run goes onto the board, and a bill that
// names a run as its cause settles it in the tree. Both follow at once from the command in hand, so that no journal and
// no log needs a command for them.
//
// Not thread-safe: one owner per state.

#include <string>
#include <string_view>
#include <vector>

#include "engine/command_families.h"
#include "engine/lock_tree.h"
#include "engine/status_board.h"

namespace hf {

class NamespaceState {
 public:
  NamespaceState(LockTreeOptions tree, StatusBoardOptions board);
  NamespaceState(const NamespaceState&) = delete;
  NamespaceState& operator=(const NamespaceState&) = delete;

  // Decides `command` at the clock's reading `clock`, and what follows from it, and answers it in its own family.
  // Appends news for others to `events` and changes to `journal`. Costs and refusals: LockTree::apply,
  // StatusBoard::apply; and a run's bills, for each thing that is told of a run.
  Outcome apply(const Command& command, Wall clock, std::vector<Event>& events, std::string& journal);

  // Appends engine times, the last token and the place of the board's log to `journal`; a committer calls it once for
  // each batch.
  void seal(std::string& journal);

  // The changes of all machines together, for recover(): as a journal has them, or as image() writes them. False if one
  // is malformed. REQUIRES: nothing was applied yet.
  bool recover(std::string_view changes);
  // Ends recovery: LockTree::recovered, StatusBoard::recovered.
  bool recovered(Wall clock, Token token_floor, const EpochId& fresh);
  void image(std::string& out) const;

  LockTree& locks() noexcept { return locks_; }
  const LockTree& locks() const noexcept { return locks_; }
  StatusBoard& board() noexcept { return board_; }
  const StatusBoard& board() const noexcept { return board_; }

  // The first invariant found broken, or empty. O(everything).
  std::string check() const;

 private:
  LockTreeOptions beside_board(LockTreeOptions options) const;
  Outcome decide(const Command& command, Wall clock, std::vector<Event>& events, std::string& journal);

  LockTree locks_;
  StatusBoard board_;
  bool board_changed_ = false;  // since it was sealed
  std::vector<LockEvent> lock_events_;
  std::vector<BoardEvent> board_events_;
};

}  // namespace hf
