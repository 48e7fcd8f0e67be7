#pragma once

// What can be asked of a status board, and what it answers and tells of itself: plain values, as model/commands.h has
// them for locks, and taking the same way. What it says of bills it says by the board's own: engine/status_outcomes.h.
//
// The caller makes every id and epoch, and checks rights before it makes a command. The board decides what a person may
// see, by the Audience that each question carries (catalog/audience.h); whoever asks passes it on and looks into it
// not.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/commands.h"
#include "model/status.h"

namespace hf {

class Audience;
using AudiencePtr = std::shared_ptr<const Audience>;

// ---------------------------------------------------------------------------------------------- commands

// Answers (model/commands.h) that tell of bills: engine/status_outcomes.h.
struct StatusFound;
struct History;
struct Todo;
struct TodoPage;
struct TodoDiff;
struct NoticeList;
// Those that do not: below.
struct Published;
struct ResyncTaken;
struct ResyncCommitted;

// Gives the log a new identity: before the first event, and whenever its tail may have been lost.
struct BeginEpoch {
  using Answer = Done;
  EpochId epoch;
  std::string why;  // first, lost, restored, …
  bool operator==(const BeginEpoch&) const = default;

  static constexpr std::uint8_t log_number = 64;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.epoch)(2, v.why);
  }
};
// All of it or none. `caller.request_id` is the batch id.
struct Publish {
  using Answer = Published;
  Caller caller;
  std::vector<LogEvent> events;
  bool operator==(const Publish&) const = default;

  static constexpr std::uint8_t log_number = 65;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, "batch_id", v.caller);
    a(2, "events", v.events, {.required = true});
  }
};
// Replaces the bills of one type. The user who opened it sends its pages and commits it.
struct OpenResync {
  using Answer = ResyncTaken;
  Caller caller;
  ResyncId resync;
  std::string type;
  bool operator==(const OpenResync&) const = default;

  static constexpr std::uint8_t log_number = 66;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.caller)(2, v.resync)(3, v.type);
  }
};
struct ResyncPage {
  using Answer = ResyncTaken;
  Caller caller;
  ResyncId resync;
  std::vector<StatusEvent> events;  // of that type
  bool operator==(const ResyncPage&) const = default;

  static constexpr std::uint8_t log_number = 67;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.caller)(2, v.resync)(3, v.events);
  }
};
struct CommitResync {
  using Answer = ResyncCommitted;
  Caller caller;
  ResyncId resync;
  EpochId epoch;  // the next
  bool operator==(const CommitResync&) const = default;

  static constexpr std::uint8_t log_number = 68;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.caller)(2, v.resync)(3, v.epoch);
  }
};
struct DropResync {
  using Answer = Done;
  Caller caller;
  ResyncId resync;
  bool operator==(const DropResync&) const = default;

  static constexpr std::uint8_t log_number = 69;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.caller)(2, v.resync);
  }
};
struct ReadNotices {
  using Answer = Done;
  Caller caller;
  std::string employee;                // the token's, if it has one
  std::vector<std::uint64_t> numbers;  // those that are read now
  bool operator==(const ReadNotices&) const = default;

  static constexpr std::uint8_t log_number = 70;
  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.caller);
    a(2, v.employee);
    a(3, "notices", v.numbers, {.required = true});
  }
};
// Time only: sweeps what is due.
struct StatusTick {
  using Answer = Done;
  bool operator==(const StatusTick&) const = default;

  static constexpr std::uint8_t log_number = 71;

  template <class A, class V>
  static void fields(A&, V&) {}
};

// Questions: they never change anything. `audience` is never null.
struct GetStatus {
  using Answer = StatusFound;
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
  using Answer = History;
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
  using Answer = Todo;
  AudiencePtr audience;
};
struct GetTodoPage {
  using Answer = TodoPage;
  AudiencePtr audience;
  std::uint32_t type = 0;   // its place in the catalog
  std::uint32_t group = 0;  // its place among the type's groups
  Offset after = 0;         // TodoPage::next of the page before
  std::uint32_t limit = 500;
};
// What changed after the cursor. Ask again with the cursor in the answer until `more` is false.
struct GetTodoDiff {
  using Answer = TodoDiff;
  AudiencePtr audience;
  std::optional<Cursor> cursor;
  std::uint32_t limit = 500;  // bills
};
struct ListNotices {
  using Answer = NoticeList;
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

// ---------------------------------------------------------------------------------------------- events

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

}  // namespace hf
