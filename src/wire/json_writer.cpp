#include "wire/json_writer.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace hf {
namespace {

// 0: copied as it is; 'u': \u00XX; else the letter after the backslash.
constexpr std::array<char, 256> make_escapes() {
  std::array<char, 256> escapes{};
  for (std::size_t c = 0; c < 0x20; ++c) escapes[c] = 'u';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  escapes['\b'] = 'b';
  escapes['\f'] = 'f';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  return escapes;
}
constexpr auto kEscapes = make_escapes();

// How many bytes from the beginning, in steps of eight, need no escape.
std::size_t plain_bytes(std::string_view text) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHigh = 0x8080808080808080;
  // The high bit of a byte that is zero (of the lowest such byte, at least).
  const auto zeros = [](std::uint64_t word) { return (word - kOnes) & ~word; };
  std::size_t n = 0;
  for (; n + 8 <= text.size(); n += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + n, 8);
    const std::uint64_t control = (word - kOnes * 0x20) & ~word;
    if (((control | zeros(word ^ (kOnes * '"')) | zeros(word ^ (kOnes * '\\'))) & kHigh) != 0) break;
  }
  return n;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  const char* from = text.data();
  const char* const end = from + text.size();
  for (const char* p = from + plain_bytes(text); p != end; ++p) {
    const char escape = kEscapes[static_cast<unsigned char>(*p)];
    if (escape == 0) [[likely]]
      continue;
    out.append(from, p);
    from = p + 1;
    out.push_back('\\');
    out.push_back(escape);
    if (escape == 'u') {
      constexpr std::string_view kHex = "0123456789abcdef";
      const auto c = static_cast<unsigned char>(*p);
      out.append("00", 2);
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15U]);
    }
  }
  out.append(from, end);
  out.push_back('"');
}

}  // namespace hf
