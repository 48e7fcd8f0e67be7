#pragma once

// Status commands as bytes, beside command_codec.h: what one node writes into a log another decides by. Only commands
// that change something are written; a question is answered by the node that is asked. The format:
// engine/field_codec.h.

#include <optional>
#include <string>
#include <string_view>

#include "engine/command_format.h"
#include "model/status_commands.h"

namespace hf {

// Whether it is a question, which never changes anything.
bool is_query(const StatusCommand& command) noexcept;

// Appends `command` to `out`. REQUIRES: it is no query.
void write_status_command(std::string& out, const StatusCommand& command);

// Takes the first command off `bytes`. Nothing if they are malformed, or a newer build's; then `bytes` is as it was.
std::optional<StatusCommand> take_status_command(std::string_view& bytes, CommandFormat format = CommandFormat::by_tag);

}  // namespace hf
