#include "model/plain_text.h"

#include <cstdint>

namespace hf {
namespace {

bool is_control(char32_t c) noexcept { return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x2028 || c == 0x2029; }

// Bidi_Control of Unicode.
bool is_mark_of_direction(char32_t c) noexcept {
  return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

template <class May>
bool is_plain(std::string_view text, May may) noexcept {
  while (!text.empty()) {
    const char32_t c = take_character(text);
    if (c == no_character || ((is_control(c) || is_mark_of_direction(c)) && !may(c))) return false;
  }
  return true;
}

}  // namespace

// As RFC 3629 §4 has it.
char32_t take_character(std::string_view& text) noexcept {
  const auto byte = [&text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  std::size_t more = 0;
  char32_t code = first;
  if (first >= 0xC2 && first <= 0xDF) {
    more = 1;
    code = first & 0x1FU;
  } else if (first >= 0xE0 && first <= 0xEF) {
    more = 2;
    code = first & 0x0FU;
  } else if (first >= 0xF0 && first <= 0xF4) {
    more = 3;
    code = first & 0x07U;
  } else if (first >= 0x80) {
    text.remove_prefix(1);
    return no_character;
  }
  bool good = more < text.size();
  for (std::size_t i = 1; good && i <= more; ++i) {
    good = (byte(i) & 0xC0U) == 0x80U;
    code = (code << 6) | (byte(i) & 0x3FU);
  }
  const bool overlong = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
  good = good && !overlong && !(code >= 0xD800 && code <= 0xDFFF) && code <= 0x10FFFF;
  text.remove_prefix(good ? more + 1 : 1);
  return good ? code : no_character;
}

bool is_plain_line(std::string_view text) noexcept {
  return is_plain(text, [](char32_t) { return false; });
}

bool is_plain_prose(std::string_view text) noexcept {
  return is_plain(text, [](char32_t c) { return c == '\n' || c == '\r' || c == '\t'; });
}

}  // namespace hf
