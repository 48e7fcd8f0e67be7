#pragma once

// The values of status sync: what a publisher says of a bill or of a run. Plain data, compared by value; what becomes
// of them is the board's to decide (engine/status_board.h).
//
// A StatusEvent says what a bill is now, not what to do with it, and all of it: nothing is taken over from what was
// said before. The tags of `fields` are a persistent format (engine/field_codec.h). `state` has the catalog's status
// columns and the columns that the groups' conditions ask for, by column name.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/id.h"
#include "base/time.h"
#include "model/lock.h"

namespace hf {

using EpochId = Id<struct EpochTag>;  // identity of a log: offsets of two epochs cannot be compared
using ResyncId = Id<struct ResyncTag>;
using Offset = std::uint64_t;   // place in the log: 1, 2, 3 …; 0 is before the first
using Version = std::uint64_t;  // of a bill, from its own row; 0 .. 2^53-1

struct Person {
  std::string user, name;
  bool operator==(const Person&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.user)(2, v.name);
  }
};

struct BillField {
  std::string name;
  std::variant<std::int64_t, std::string> value;
  bool operator==(const BillField&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.name)(2, v.value);
  }
};

struct StatusEvent {
  std::string type, id, no;
  std::optional<Version> version;  // absent: the log counts it up and marks the event unordered
  std::vector<BillField> state;
  Person creator, handler;
  Person owner;  // the responsible employee: `user` is the id that a token's `employee` has
  Person actor;
  std::string department, action, reason;
  std::optional<Wall> at;  // absent: when the board met it
  bool created = false;    // the bill begins with this event, whatever was known under its id before
  bool deleted = false;
  std::string title, partner, amount;
  std::string cause;  // the bill or run behind it
  // What the bill does not have and the publisher says so by null: "creator", "owner", "department", "state.COLUMN".
  // Of the door alone (catalog/event_check.h): the board neither asks nor keeps it.
  std::vector<std::string> none;
  bool operator==(const StatusEvent&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.type)(2, v.id)(3, v.no)(4, v.version)(5, v.state)(6, v.creator)(7, v.handler)(8, v.owner)(9, v.actor)(
        10, v.department)(11, v.action)(12, v.reason)(13, v.at)
        .flags(14, v.deleted, v.created)(15, v.title)(16, v.partner)(17, v.amount)(18, v.cause);
  }
};

inline bool says_none(const StatusEvent& event, std::string_view name) noexcept {
  return std::find(event.none.begin(), event.none.end(), name) != event.none.end();
}

// One step of an action; failed, refused and cancelled ones too.
struct RunEvent {
  RunId run;
  std::string type, id;  // the bill
  std::string step, action, error;
  Person actor;
  std::optional<Wall> at;
  bool operator==(const RunEvent&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a(1, v.run)(2, v.type)(3, v.id)(4, v.step)(5, v.action)(6, v.error)(7, v.actor)(8, v.at);
  }
};

using LogEvent = std::variant<StatusEvent, RunEvent>;

}  // namespace hf
