#pragma once

// The values of status sync for users of the SDK: events to publish, states of bills, rows of the to-do tree.
//
// Plain data, compared and copied by value. A StatusEvent says what a bill is now, not what to do with it; a RunStep
// reports one step of an action. Versions come from the bill's own row and only grow. Points in time are by the
// publisher's wall clock: show them to people, do not decide by them.
//
// An event states the whole bill: the server keeps nothing of earlier events. It refuses an event that leaves something
// out, or has something that the catalog does not know, as `invalid`, and names the place (events[3].state.DataStatus):
//
//   client.publish({.events = {holdfast::StatusEvent{
//       .type = "SaleOrder", .id = "1001", .no = "SO2511220007", .version = 7,
//       .state = {{"DataStatus", 2}, {"ApprovalStatus", 0}},   // every column that the type's groups ask for
//       .creator = {"li", "Li Lei"}, .owner = {"E17", "Li Lei"}, .actor = {"li", "Li Lei"},
//       .action = "提交",
//       .none = {"department"}}}});                             // it belongs to no department, and we say so

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "holdfast/types.h"

namespace holdfast {

struct Person {
  std::string user;
  std::string name;
  bool operator==(const Person&) const = default;
};

// A status column's value; true and false are 1 and 0.
using StateValue = std::variant<std::int64_t, std::string>;

struct StatusEvent {
  std::string type;  // required: SaleOrder
  std::string id;    // required: the bill's id within its type
  std::string no;    // its number, for people
  std::optional<std::uint64_t> version;
  std::map<std::string, StateValue> state;  // every column that the catalog's groups ask for
  Person creator, handler;
  Person owner;  // the responsible employee: `user` is the id that a token's `employee` has
  Person actor;  // who did it
  std::string department;
  std::string action;  // 提交, 审核, 驳回 …
  std::string reason;
  std::optional<WallTime> at;
  bool created =
      false;  // the bill begins with this event, whatever was known under its id before: say so when it is made
  bool deleted = false;  // with the version that it had, or a higher one
  std::string title, partner, amount;
  std::string cause;  // the bill or run behind it
  // The members that the bill does not have: "creator", "owner", "department", or a column that the ERP's table allows
  // to be null, "state.ProcessWay". A member that is empty and not named here counts as forgotten. Published, never
  // received.
  std::vector<std::string> none;
  bool operator==(const StatusEvent&) const = default;
};

// One step of an action, also a failed, refused or cancelled one.
struct RunStep {
  std::string run;  // required: an id of 26 characters
  std::string type, id;
  std::string step, action, error;
  Person actor;
  std::optional<WallTime> at;
  std::uint64_t offset = 0;  // its place in the log; received, not published
  bool operator==(const RunStep&) const = default;
};

using LogEvent = std::variant<StatusEvent, RunStep>;

// What became of one event that was published.
struct Published {
  enum class What : std::uint8_t {
    logged,   // durable, at `number` in the log
    stale,    // its version is not above the known one, which is `number`: not logged
    differs,  // its version is the known one, `number`, but it says something else: not logged
    deleted,  // the bill was deleted, with version `number`, and the event does not say `created`: not logged
  };
  What what = What::logged;
  std::uint64_t number = 0;
  bool operator==(const Published&) const = default;
};

// What the server knows of a bill. For a deleted bill: `deleted`, with version, actor, action, reason and `at`, if the
// user could see it, as long as the server's log has it.
struct BillStatus {
  StatusEvent state;
  std::uint64_t offset = 0;  // its place in the log
  bool unordered = false;    // published without a version
  std::uint64_t born = 0;    // as in TodoRow
  bool operator==(const BillStatus&) const = default;
};

struct BillHistory {
  std::vector<BillStatus> states;  // newest first
  std::vector<RunStep> runs;
  std::string next;  // cursor of the next page; empty: the end
  bool operator==(const BillHistory&) const = default;
};

// Who edits a bill. `by` is empty where names are hidden.
struct Editing {
  Person by;
  WallTime since{};
  bool operator==(const Editing&) const = default;
};

// A bill in a group of its type.
struct TodoRow {
  std::string group;
  StatusEvent bill;
  bool unordered = false;
  // Grows when the bill is created again under its id; the greater one is newer, whatever its version. 0: created once,
  // as far as the server knows.
  std::uint64_t born = 0;
  std::optional<Editing> editing;  // somebody holds its edit lock
  bool operator==(const TodoRow&) const = default;
};

// type → group → how many rows this user sees in it.
using TodoCounts = std::map<std::string, std::map<std::string, std::uint64_t>>;

struct TodoChange {
  enum class What : std::uint8_t { added, changed, removed };
  What what = What::added;
  TodoRow row;  // removed: as it was
  Person by;    // who did it, by what, and when
  std::string action, reason;
  WallTime at{};
  bool deleted = false;  // removed: the bill was deleted
  bool operator==(const TodoChange&) const = default;
};

// What one frame of the server changed: show it as a whole.
struct TodoChanges {
  // Not empty: a snapshot begins and everything shown before is gone. first, trimmed, epoch or audience.
  std::string snapshot;
  std::vector<TodoChange> rows;
  TodoCounts counts;  // the groups whose count the frame has
  bool empty() const noexcept { return snapshot.empty() && rows.empty() && counts.empty(); }
  bool operator==(const TodoChanges&) const = default;
};

// Something changed on a watched bill: its lock, a part's lock, or the bill itself.
struct WatchEvent {
  enum class What : std::uint8_t { lock_changed, lock_free, bill_changed };
  What what = What::lock_changed;
  std::string target;
  std::optional<LockInfo> holder;   // lock_changed: who holds it now
  std::optional<StatusEvent> bill;  // bill_changed: what it is now; absent: there is none, or this user may not see it
  std::string json;                 // the whole event as the server sent it
  bool operator==(const WatchEvent&) const = default;
};

// A notice for this user; the server keeps it until it is read.
struct Notice {
  std::uint64_t notice = 0;  // its number
  std::string type, id, no, title;
  std::uint64_t version = 0;
  std::string action, reason;
  Person actor;
  WallTime at{};
  bool rejection = false;
  bool operator==(const Notice&) const = default;
};

}  // namespace holdfast
