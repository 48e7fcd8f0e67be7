#pragma once

// Commands as bytes, for an engine that keeps a log of them (store: redis). What one node writes another decides by, so
// every field that decides is in it, and nothing else. Only commands that change something are written; a question is
// answered by the node that is asked. The format: engine/field_codec.h; the numbers: engine/command_families.h.

#include <optional>
#include <string>
#include <string_view>

#include "engine/command_families.h"
#include "engine/command_format.h"

namespace hf {

// Appends `command` to `out`. REQUIRES: it is no question.
void write_command(std::string& out, const Command& command);

// Takes the first command off `bytes`. Nothing if they are malformed, or a newer build's; then `bytes` is as it was.
std::optional<Command> take_command(std::string_view& bytes);
// The same of a list of one family, as older entries have it.
std::optional<Command> take_lock_command(std::string_view& bytes, CommandFormat format);
std::optional<Command> take_status_command(std::string_view& bytes, CommandFormat format);

// Whether it is a question, which changes nothing but what is due by time.
bool is_query(const Command& command) noexcept;

}  // namespace hf
