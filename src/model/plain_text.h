#pragma once

// Whether a text can be shown to people as it is.
//
// Control characters change what stands around them on a screen, and marks of direction let a text read otherwise than
// it is compared: `admin` can be written so that it looks like a word of another order. Bytes that are no UTF-8 are not
// plain either.
//
// Pure functions, thread-safe. O(bytes).

#include <string_view>

namespace hf {

// A name or a label: one line, without control characters and marks of direction.
bool is_plain_line(std::string_view text) noexcept;
// A message to other people: as a line, but with line breaks and tabs.
bool is_plain_prose(std::string_view text) noexcept;

// Takes the first character off `text`; U+FFFFFFFF, and one byte, if it is no UTF-8. REQUIRES: `text` is not empty.
char32_t take_character(std::string_view& text) noexcept;
inline constexpr char32_t no_character = 0xFFFF'FFFF;

}  // namespace hf
