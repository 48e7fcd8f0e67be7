#pragma once

// What a client can ask of status sync, as values: the fields of status.*, todo.* and notice.*, and the events that a
// publisher sends. wire/messages.h has the table of operations and the functions that read and write them all.
//
// An event is an object. One with `run` is a step of an action (RunEvent), any other says what a bill is now
// (StatusEvent). A person is {user, name}, or a text: the user. The values of `state` are texts and whole numbers; true
// and false count as 1 and 0. A null creator, owner, department or column is not the same as an absent one: it says
// that the bill has none (StatusEvent::none). Sizes and the types of bills are the board's to judge, and whether an
// event states the whole bill is the catalog's.
//
// Pure functions, thread-safe.

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/field_rule.h"
#include "model/status.h"
#include "model/status_commands.h"
#include "model/status_limits.h"

namespace hf {

inline constexpr std::size_t cursor_bytes_max = 1024;

// Without `resync` it opens one of `type`; with it exactly one of events, commit, drop is given.
struct StatusResyncFields {
  ResyncId resync;
  std::string type;
  std::vector<LogEvent> events;  // no runs
  bool commit = false, drop = false;
  bool operator==(const StatusResyncFields&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("resync", v.resync);
    a("type", v.type, {.bytes_max = target_segment_bytes_max});
    a("events", v.events);
    a("commit", v.commit);
    a("drop", v.drop);
  }
};

enum class TodoRows : std::uint8_t { all, opened };
std::string_view name_of(TodoRows rows) noexcept;
std::optional<TodoRows> todo_rows_from_name(std::string_view name) noexcept;

struct TodoSubscribeFields {
  std::vector<std::string> types;  // empty: all that are shown
  TodoRows rows = TodoRows::all;
  std::vector<std::string> open;  // groups: "unreviewed", or of one type "SaleOrder/unreviewed"
  std::string cursor;
  bool operator==(const TodoSubscribeFields&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("types", v.types, {.bytes_max = target_segment_bytes_max});
    a("rows", v.rows);
    a("open", v.open, {.bytes_max = 2 * target_segment_bytes_max + 1});
    a("cursor", v.cursor, {.bytes_max = cursor_bytes_max});
  }
};
struct TodoUnsubscribeFields {
  bool operator==(const TodoUnsubscribeFields&) const = default;

  template <class A, class V>
  static void fields(A&, V&) {}
};
struct TodoPageFields {
  std::string type, group;  // required
  std::optional<std::uint32_t> limit;
  Offset next = 0;  // text on the wire
  bool operator==(const TodoPageFields&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("type", v.type, {.required = true, .bytes_max = target_segment_bytes_max});
    a("group", v.group, {.required = true, .bytes_max = target_segment_bytes_max});
    a("limit", v.limit);
    a("next", v.next, {.as_text = true});
  }
};

// The event in `value`; invalid, naming the field as in "events[3].version" where `where` is "events[3]".
Result<LogEvent> parse_log_event(const boost::json::value& value, const std::string& where);
void append_log_event(std::string& out, const LogEvent& event);

// ---------------------------------------------------------------------------------------------- to commands
// Everything but `caller`, `audience` and the ids that the node makes.

// A page, a commit or a drop; or the opening of a new one.
StatusCommand to_command(StatusResyncFields&& f);

}  // namespace hf
