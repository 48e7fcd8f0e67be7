#pragma once

// Commands as bytes, for an engine that keeps a log of them (store: redis). What one node writes another decides by,
// so every field that the lock tree reads is in it, and nothing else. The format: engine/field_codec.h.

#include <optional>
#include <string>
#include <string_view>

#include "engine/command_format.h"
#include "model/commands.h"

namespace hf {

// Appends `command` to `out`. REQUIRES: it is no query
void write_command(std::string& out, const LockCommand& command);

// Takes the first command off `bytes`. Nothing if they are malformed, or a newer build's; then `bytes` is as it was.
std::optional<LockCommand> take_command(std::string_view& bytes, CommandFormat format = CommandFormat::by_tag);

// Whether it changes nothing but what is due by time. A query may be answered by one node alone, and is not written.
bool is_query(const LockCommand& command) noexcept;

}  // namespace hf
