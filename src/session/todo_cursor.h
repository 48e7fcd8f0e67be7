#pragma once

// TodoCursor is a place in the log as a client keeps it: what its rows are the rows of, as an opaque text.
//
// It needs no signature. It says only what its client has; what the client is told is decided by the audience of his
// token, now, for old states and new: who makes a cursor up hears of bills that he may see, or is given a snapshot. It
// is bound to the namespace by the epoch, a random number of that namespace's log, to user and rights by
// Audience::key(), and to what was subscribed by the selection; where one differs it is not served.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/status_commands.h"

namespace hf::session {

struct TodoCursor {
  Cursor place;
  std::uint64_t selection = 0;  // TodoSelection::key
  bool operator==(const TodoCursor&) const = default;
};

// Appends up to 150 characters that need no escape in JSON or in a query.
void append_cursor(std::string& out, const TodoCursor& cursor);
// Nothing, if `text` is not what append_cursor makes.
std::optional<TodoCursor> parse_cursor(std::string_view text);

}  // namespace hf::session
