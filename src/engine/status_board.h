#pragma once

// StatusBoard is the log of all bills' changes, and the newest state of each bill, for one partition. It stands beside
// LockTree and has the same shape: a pure state machine that reads no clock and does no I/O. Only commands and the
// clock's reading decide; news for others goes out as events, every change as bytes for the journal.
//
// Invariants, checked by check():
//   1. offsets are dense: the log has every offset after its floor, except what a resync took out of it;
//   2. a bill's version only grows within an epoch, until the bill is made anew (StatusEvent::created);
//   3. indices, counts and digests equal what the bills say;
//   4. of each bill the state in force at every offset since the floor is kept, so a diff is exact;
//   5. whatever grows has a limit (StatusLimits).
// If visible() denies a row to an audience, no answer to that audience contains it.
//
// Not thread-safe: one owner per board. The Bills it gives away are.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/check_cursor.h"
#include "engine/status_outcomes.h"
#include "model/status_commands.h"
#include "model/status_limits.h"

namespace hf {

struct StatusBoardOptions {
  StatusLimits limits;
  std::shared_ptr<const Catalog> catalog = std::make_shared<const Catalog>();
  Millis clock_step_max = Limits{}.clock_step_max;
  bool notices = true;  // the namespace's switch; a rejection notifies the bill's creator in any case
};

struct BoardStats {
  std::uint64_t logged = 0, stale = 0, differs = 0, runs = 0, resyncs = 0, resyncs_dropped = 0;
  std::uint64_t bills = 0, bills_of_fullest_type = 0, log_entries = 0, log_bytes = 0, notices = 0, closing = 0;  // now
  bool operator==(const BoardStats&) const = default;
};

// The rules that decide the rows, as text: with other rules a board's cursors are void.
std::string group_rules(const Catalog& catalog);
// The other rules that decide what a board says: boards that share a log must agree in both.
std::string notice_rules(const Catalog& catalog);

class StatusBoard {
 public:
  explicit StatusBoard(StatusBoardOptions options = {});
  ~StatusBoard();
  StatusBoard(StatusBoard&&) noexcept;
  StatusBoard& operator=(StatusBoard&&) noexcept;

  // Decides `command` at the clock's reading `clock` and answers it. Appends news for others to `events` and changes to
  // `journal`. A question is answered as of the last other command, and changes nothing.
  //
  // Publish: O(events × groups). Counts: O(groups), and for types that are shown by department or own the bills of the
  // person. A page: rows_looked_at_max at most. A diff: the bills changed. A commit: the bills of the type. It first
  // sweeps what is due, swept_per_command_max at most. Unavailable, with nothing changed, if `clock` is absurd or if
  // something is published before there is an epoch.
  StatusOutcome apply(const StatusCommand& command, Wall clock, std::vector<BoardEvent>& events, std::string& journal);

  // Appends the engine's time and the log's place to `journal`; the committer calls it once for each batch.
  void seal(std::string& journal);

  // Puts back what the journal or an image says, in order; ignores changes that are not the board's. False if one is
  // malformed. REQUIRES: nothing was applied yet.
  bool recover(std::string_view changes);
  // Ends recovery. A board from a journal (not from an image) that has no epoch, or whose catalog had other groups,
  // begins the epoch `fresh`, because its rows are not those that clients know. Nodes that share a log pass nil,
  // because they must begin the same epoch: then nothing can be published until a BeginEpoch of that log. False as for
  // recover().
  bool recovered(Wall clock, const EpochId& fresh);

  // Appends the exact state to `out`, as changes for recover(). O(everything).
  void image(std::string& out) const;

  const EpochId& epoch() const noexcept;
  Offset last_offset() const noexcept;
  Offset floor() const noexcept;  // cursors below it are trimmed
  // The version that an event of the bill ("type:id") must exceed; nothing: the bill is unknown or deleted. O(1).
  std::optional<Version> version_of(std::string_view bill) const;
  // Which bill has this id now: knowledge of another life does not apply to it. O(1).
  BillLife life_of(std::string_view bill) const;
  Instant now() const noexcept;
  BoardStats stats() const;

  // The first invariant found broken, or empty. O(everything).
  std::string check() const;
  // A part of check(), as LockTree::check_some().
  std::size_t check_some(CheckCursor& cursor, std::size_t entities, std::string& broken) const;

 private:
  friend struct StatusBoardTamper;  // of tests: breaks what must be found
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hf
