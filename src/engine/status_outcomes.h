#pragma once

// What a status board answers and tells of bills. It says them by its own states, which are shared and never change,
// and by the places that types and groups have in the catalog. Its other answers are plain values:
// model/status_commands.h.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "catalog/audience.h"
#include "engine/status_bill.h"
#include "model/commands.h"
#include "model/outcomes.h"
#include "model/status.h"
#include "model/status_commands.h"
#include "model/status_tally.h"

namespace hf {

// ---------------------------------------------------------------------------------------------- outcomes

struct Run {
  Offset offset = 0;
  Instant logged{};
  RunEvent event;  // with its `at`
  bool operator==(const Run&) const = default;
};
using RunPtr = std::shared_ptr<const Run>;

struct StatusFound {
  EpochId epoch;
  BillPtr bill;  // or its deletion, as long as the log has it
};
struct History {
  EpochId epoch;
  std::vector<BillPtr> states;  // newest first
  std::vector<RunPtr> runs;     // of this bill, newest first, within the same offsets
  Offset next = 0;              // `before` of the next page; 0: that is all that is kept
};
struct GroupTally {
  Catalog::Index type = 0;
  std::uint32_t group = 0;
  Tally tally;
  bool operator==(const GroupTally&) const = default;
};
struct Todo {
  Cursor cursor;
  std::vector<GroupTally> groups;  // every group of every type shown, by type and group
};
struct TodoPage {
  Offset offset = 0;           // where it is true
  EpochId epoch;               // another than the snapshot's: begin anew
  std::vector<BillPtr> bills;  // in the order of their `born`
  Offset next = 0;             // `after` of the next page; 0: the end
};
// A row that the audience has lost, and by which state.
struct Removal {
  BillPtr by;                // the state with which the bill left: type, id, version, actor, action, at
  std::uint32_t groups = 0;  // those it left
  BillPtr seen;              // the last state in which the audience had the row, right before `by`
};
// Whether the audience may know the state by which the row left, which it may if it sees the bill in that state. Of a
// bill that left its sight it knows only the state that it saw last. A deletion need not say whose the bill was: then
// the state before it counts.
bool may_know(const Audience& audience, const Removal& removal) noexcept;
enum class SnapshotReason : std::uint8_t { none, first, trimmed, epoch, audience };
std::string_view name_of(SnapshotReason reason) noexcept;
struct TodoDiff {
  SnapshotReason snapshot = SnapshotReason::none;  // else: nothing but this; begin with GetTodo
  Cursor cursor;
  std::vector<BillPtr> changed;  // each with rows for the audience: Bill::rows()
  std::vector<Removal> removed;
  std::vector<RunPtr> runs;  // oldest first; with the last page
  bool more = false;
};
struct Notice {
  std::uint64_t number = 0;
  BillPtr bill;  // the state that it tells: action, actor, reason, at
  Instant made{};
  bool rejection = false;
  std::vector<std::string> persons;  // "u:" and a user, "e:" and an employee, who have not read it
  bool reviewers = false, department = false;
  std::vector<std::string> roles;
};
using NoticePtr = std::shared_ptr<const Notice>;
// Whether the notice is meant for this person. His tree must show the bill's type, except for a rejection to the
// creator. Nobody gets notices of what he did himself. Only the board knows whether he has read it.
bool is_reader(const Audience& audience, const Notice& notice) noexcept;
struct NoticeList {
  std::vector<NoticePtr> notices;  // oldest first, unread
};

using StatusOutcome = std::variant<Refusal, Done, Published, ResyncTaken, ResyncCommitted, StatusFound, History, Todo,
                                   TodoPage, TodoDiff, NoticeList>;

// ---------------------------------------------------------------------------------------------- events

// A bill's new state. An audience gets the rows of `after` that it sees; `after` removes the rows of `before` that it
// saw and no longer sees.
struct StatusChanged {
  BillPtr before;  // null: it is new
  BillPtr after;
};
struct RunTold {
  RunPtr run;
  BillPtr bill;  // null: not on the board; only the actor and the editor may be told
};
struct NoticeMade {
  NoticePtr notice;
};
using BoardEvent = std::variant<StatusChanged, RunTold, NoticeMade, NoticesRead, BoardReset, VersionDiffers>;

}  // namespace hf
