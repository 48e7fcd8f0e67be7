#pragma once

// The commands and questions of a status board, its outcomes, and its events: plain values, as model/commands.h has
// them for locks, and taking the same way.
//
// The caller makes every id and epoch, and checks rights before it makes a command. The board decides what a person may
// see, by the Audience that each question carries.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "catalog/audience.h"
#include "engine/status_bill.h"
#include "engine/status_tally.h"
#include "model/commands.h"
#include "model/status.h"

namespace hf {

using AudiencePtr = std::shared_ptr<const Audience>;

// ---------------------------------------------------------------------------------------------- commands

// Gives the log a new identity: before the first event, and whenever its tail may have been lost.
struct BeginEpoch {
  EpochId epoch;
  std::string why;  // first, lost, restored, …
  bool operator==(const BeginEpoch&) const = default;

  static constexpr std::uint8_t log_number = 0;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.epoch)(2, v.why);
  }
};
// All of it or none. `caller.request_id` is the batch id.
struct Publish {
  Caller caller;
  std::vector<LogEvent> events;
  bool operator==(const Publish&) const = default;

  static constexpr std::uint8_t log_number = 1;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "batch_id", v.caller);
    a(2, "events", v.events, {.required = true});
  }
};
// Replaces the bills of one type. The user who opened it sends its pages and commits it.
struct OpenResync {
  Caller caller;
  ResyncId resync;
  std::string type;
  bool operator==(const OpenResync&) const = default;

  static constexpr std::uint8_t log_number = 2;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.caller)(2, v.resync)(3, v.type);
  }
};
struct ResyncPage {
  Caller caller;
  ResyncId resync;
  std::vector<StatusEvent> events;  // of that type
  bool operator==(const ResyncPage&) const = default;

  static constexpr std::uint8_t log_number = 3;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.caller)(2, v.resync)(3, v.events);
  }
};
struct CommitResync {
  Caller caller;
  ResyncId resync;
  EpochId epoch;  // the next
  bool operator==(const CommitResync&) const = default;

  static constexpr std::uint8_t log_number = 4;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.caller)(2, v.resync)(3, v.epoch);
  }
};
struct DropResync {
  Caller caller;
  ResyncId resync;
  bool operator==(const DropResync&) const = default;

  static constexpr std::uint8_t log_number = 5;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.caller)(2, v.resync);
  }
};
struct ReadNotices {
  Caller caller;
  std::string employee;                // the token's, if it has one
  std::vector<std::uint64_t> numbers;  // those that are read now
  bool operator==(const ReadNotices&) const = default;

  static constexpr std::uint8_t log_number = 6;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.caller);
    a(2, v.employee);
    a(3, "notices", v.numbers, {.required = true});
  }
};
// Time only: sweeps what is due.
struct StatusTick {
  bool operator==(const StatusTick&) const = default;

  static constexpr std::uint8_t log_number = 7;

  template <class A, class V>
  static void fields(A&, V&) {}
};

// Questions: they never change anything. `audience` is never null.
struct GetStatus {
  AudiencePtr audience;
  std::string type, id;
  bool operator==(const GetStatus&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("type", v.type, {.required = true, .bytes_max = target_segment_bytes_max});
    a("bill", v.id, {.required = true, .bytes_max = target_segment_bytes_max});
  }
};
struct GetHistory {
  AudiencePtr audience;
  std::string type, id;
  Offset before = 0;  // only entries older than this; 0: from the newest
  std::uint32_t limit = 100;
  bool operator==(const GetHistory&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("type", v.type, {.required = true, .bytes_max = target_segment_bytes_max});
    a("bill", v.id, {.required = true, .bytes_max = target_segment_bytes_max});
    a("limit", v.limit, {.otherwise = 100});
    a("next", v.before, {.as_text = true});
  }
};
// A client's place in the log.
struct Cursor {
  EpochId epoch;
  std::uint64_t audience = 0;  // Audience::key()
  Offset since = 0;            // the client has at least the rows that were true here
  Offset through = 0;  // >= since: of the bills changed after `since` it has those whose last change is up to here
  bool paged = false;  // it read pages after `since`: their rows may be newer
  bool operator==(const Cursor&) const = default;
};
// Counts the rows, and says where a snapshot begins.
struct GetTodo {
  AudiencePtr audience;
};
struct GetTodoPage {
  AudiencePtr audience;
  Catalog::Index type = 0;
  std::uint32_t group = 0;  // its place among the type's groups
  Offset after = 0;         // TodoPage::next of the page before
  std::uint32_t limit = 500;
};
// What changed after the cursor. Ask again with the cursor in the answer until `more` is false.
struct GetTodoDiff {
  AudiencePtr audience;
  std::optional<Cursor> cursor;
  std::uint32_t limit = 500;  // bills
};
struct ListNotices {
  AudiencePtr audience;
  std::uint64_t after = 0;
  std::uint32_t limit = 100;
  bool operator==(const ListNotices&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("limit", v.limit, {.otherwise = 100});
    a("next", v.after, {.as_text = true});
  }
};

using StatusCommand = std::variant<BeginEpoch, Publish, OpenResync, ResyncPage, CommitResync, DropResync, ReadNotices,
                                   StatusTick, GetStatus, GetHistory, GetTodo, GetTodoPage, GetTodoDiff, ListNotices>;

// ---------------------------------------------------------------------------------------------- outcomes

struct PublishResult {
  // deleted: stale, because the bill is deleted and the event does not begin it anew.
  enum class Kind : std::uint8_t { logged, stale, differs, deleted } kind = Kind::logged;
  std::uint64_t number = 0;  // logged: the offset; else the version known
  bool operator==(const PublishResult&) const = default;
};
struct Published {
  EpochId epoch;
  std::vector<PublishResult> results;  // one for each event, in their order
  bool operator==(const Published&) const = default;
};
struct ResyncTaken {
  std::uint64_t bills = 0;  // named so far
  bool operator==(const ResyncTaken&) const = default;
};
struct ResyncCommitted {
  EpochId epoch;
  std::uint64_t bills = 0, left = 0;  // on the board now; not named and gone
  bool operator==(const ResyncCommitted&) const = default;
};

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
// A person has read notices. A notice to an employee's id is then read for everybody with that id.
struct NoticesRead {
  std::string user, employee;
  std::vector<std::uint64_t> numbers;  // for the user
  std::vector<std::uint64_t> shared;   // those of them that were the employee's
};
// Every cursor is void: each client needs a snapshot.
struct BoardReset {
  EpochId epoch;
  std::string why;
};
// Two publishers say different things under one version: for the operator.
struct VersionDiffers {
  std::string bill;
  Version version = 0;
  std::string publisher;
};

using BoardEvent = std::variant<StatusChanged, RunTold, NoticeMade, NoticesRead, BoardReset, VersionDiffers>;

}  // namespace hf
