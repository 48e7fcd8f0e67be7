#pragma once

// TodoCursor is a place in the log as a client keeps it, as opaque text: the state that its rows show.
//
// It needs no signature. It says only what its client has; the audience of the token decides what the client gets, for
// old states and new. A client with a forged cursor gets only bills that it may see, or a snapshot. A cursor is bound
// to the namespace by the epoch, a random number of that namespace's log, to user and rights by Audience::key(), and to
// the subscription by the selection; if one of them differs the server does not serve it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/status_commands.h"

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
