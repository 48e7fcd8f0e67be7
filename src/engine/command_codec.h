#pragma once

// Commands as bytes, for an engine that keeps a log of them (store: redis). What one node writes another decides by,
// so every field that the lock tree reads is in it, and nothing else.
//
// The format is told by `command_format`: a node refuses bytes of a newer one than its own.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/commands.h"

namespace hf {

inline constexpr std::uint8_t command_format = 1;

// Appends `command` to `out`.
void write_command(std::string& out, const Command& command);

// Takes the first command off `bytes`. Nothing if they are malformed; then `bytes` is as it was.
std::optional<Command> take_command(std::string_view& bytes);

// Whether it may change anything besides what is due by time. A query may be answered by one node alone.
bool is_query(const Command& command) noexcept;

}  // namespace hf
