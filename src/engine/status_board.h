#pragma once

// StatusBoard is the log of what became of the bills, and the newest state of each, for one partition. It stands
// beside LockTree and has its shape: a pure state machine that reads no clock and does no I/O; commands, the clock's
// reading and nothing else decide, what others must be told goes out as events, every change as bytes for the journal.
//
// Invariants, checked by check():
//   1. offsets are dense: the log has every offset after its floor, except what a resync took out of it;
//   2. a bill's version only grows within an epoch, until the bill is made anew (StatusEvent::created);
//   3. indices, counts and digests equal what the bills say;
//   4. of each bill the state in force at every offset since the floor is kept, so a diff is exact;
//   5. whatever grows has a limit (StatusLimits).
// A row that visible() denies an audience is in none of the answers that the audience gets.
//
// Not thread-safe: one owner per board. The Bills it gives away are.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/status_commands.h"
#include "engine/status_limits.h"

namespace hf {

struct StatusBoardOptions {
  StatusLimits limits;
  std::shared_ptr<const Catalog> catalog = std::make_shared<const Catalog>();
  Millis clock_step_max = Limits{}.clock_step_max;
  bool notices = true;  // the namespace's switch; a rejection is told to its creator all the same
};

struct BoardStats {
  std::uint64_t logged = 0, stale = 0, differs = 0, runs = 0, resyncs = 0, resyncs_dropped = 0;
  std::uint64_t bills = 0, bills_of_fullest_type = 0, log_entries = 0, log_bytes = 0, notices = 0, closing = 0;  // now
  bool operator==(const BoardStats&) const = default;
};

// What decides the rows, as text: with another one a board's cursors are void.
std::string group_rules(const Catalog& catalog);
// What else decides what a board says: boards that share a log must agree in both.
std::string notice_rules(const Catalog& catalog);

class StatusBoard {
 public:
  explicit StatusBoard(StatusBoardOptions options = {});
  ~StatusBoard();
  StatusBoard(StatusBoard&&) noexcept;
  StatusBoard& operator=(StatusBoard&&) noexcept;

  // Decides `command` at the clock's reading `clock` and answers it. Appends what others must be told to `events` and
  // what changed to `journal`. A question is answered as of the last command that was none, and changes nothing.
  //
  // Publish: O(events × groups). Counts: O(groups), and for types that are shown by department or own the bills of
  // the person. A page: rows_looked_at_max at most. A diff: the bills changed. A commit: the bills of the type. What is
  // due is swept first, swept_per_command_max at most. Unavailable, with nothing changed, if `clock` is absurd or if
  // something is published before there is an epoch.
  StatusOutcome apply(const StatusCommand& command, Wall clock, std::vector<BoardEvent>& events, std::string& journal);

  // Appends the engine's time and the log's place to `journal`: once per batch, by who commits it.
  void seal(std::string& journal);

  // Puts back what the journal or an image says, in order; changes that are not the board's are passed over. False if
  // one is malformed. REQUIRES: nothing was applied yet.
  bool recover(std::string_view changes);
  // Ends recovery. A board that came from a journal, not from an image, and has no epoch or had other groups in its
  // catalog begins `fresh`: its rows are not those that clients know. Nodes that share a log give nil, for they must
  // begin the same epoch: nothing is published then until a BeginEpoch of that log. False as recover() is.
  bool recovered(Wall clock, const EpochId& fresh);

  // Appends the exact state to `out`, as changes for recover(). O(everything).
  void image(std::string& out) const;

  const EpochId& epoch() const noexcept;
  Offset last_offset() const noexcept;
  Offset floor() const noexcept;  // cursors below it are trimmed
  // What an event of the bill ("type:id") must be above; nothing: it is not known, or it is deleted. O(1).
  std::optional<Version> version_of(std::string_view bill) const;
  // Which bill it is that has this id now: what was known of another life says nothing of this one. O(1).
  BillLife life_of(std::string_view bill) const;
  Instant now() const noexcept;
  BoardStats stats() const;

  // The first invariant found broken, or empty. O(everything).
  std::string check() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hf
