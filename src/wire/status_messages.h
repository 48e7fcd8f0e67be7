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
#include "engine/status_commands.h"
#include "engine/status_limits.h"
#include "model/status.h"

namespace hf {

struct StatusPublishFields {
  std::string request_id;        // batch_id
  std::vector<LogEvent> events;  // required
  bool operator==(const StatusPublishFields&) const = default;
};
struct StatusGetFields {
  std::string type, bill;  // required; `bill` is its id, for `id` is the message's
  bool operator==(const StatusGetFields&) const = default;
};
struct StatusHistoryFields {
  std::string type, bill;  // required; `bill` is its id, for `id` is the message's
  std::optional<std::uint32_t> limit;
  Offset next = 0;  // text on the wire
  bool operator==(const StatusHistoryFields&) const = default;
};
// Without `resync` it opens one of `type`; with it exactly one of events, commit, drop is given.
struct StatusResyncFields {
  ResyncId resync;
  std::string type;
  std::vector<LogEvent> events;  // no runs
  bool commit = false, drop = false;
  bool operator==(const StatusResyncFields&) const = default;
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
};
struct TodoUnsubscribeFields {
  bool operator==(const TodoUnsubscribeFields&) const = default;
};
struct TodoPageFields {
  std::string type, group;  // required
  std::optional<std::uint32_t> limit;
  Offset next = 0;  // text on the wire
  bool operator==(const TodoPageFields&) const = default;
};
struct NoticeListFields {
  std::optional<std::uint32_t> limit;
  std::uint64_t next = 0;  // text on the wire
  bool operator==(const NoticeListFields&) const = default;
};
struct NoticeReadFields {
  std::vector<std::uint64_t> notices;  // required
  bool operator==(const NoticeReadFields&) const = default;
};

// The event in `value`; invalid, naming the field as in "events[3].version" where `where` is "events[3]".
Result<LogEvent> parse_log_event(const boost::json::value& value, const std::string& where);
void append_log_event(std::string& out, const LogEvent& event);

// ---------------------------------------------------------------------------------------------- to commands
// Everything but `caller`, `audience` and the ids that the node makes.

Publish to_command(StatusPublishFields&& f);
GetStatus to_command(StatusGetFields&& f);
GetHistory to_command(StatusHistoryFields&& f);
// A page, a commit or a drop; or the opening of a new one.
StatusCommand to_command(StatusResyncFields&& f);
ListNotices to_command(const NoticeListFields& f);
ReadNotices to_command(NoticeReadFields&& f);

}  // namespace hf
