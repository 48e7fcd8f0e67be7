#pragma once

// Times as people and programs write them: RFC 3339.
//
// Pure functions, thread-safe.

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace hf {

// Appends RFC 3339, UTC, milliseconds (cut, not rounded), without quotes: 2024-02-29T23:59:59.999Z. Times outside
// the years 0 to 9999 are shown as the nearest inside.
void append_time(std::string& out, Wall time);
// The time that `text` shows in that form, with 0 to 6 digits of a second and `Z` or an offset; nothing if it is none.
std::optional<Wall> parse_time(std::string_view text) noexcept;

}  // namespace hf
