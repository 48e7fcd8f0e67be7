#pragma once

// Numbers as Redis has them: decimal digits. Internal to src/redis.

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace hf::redis {

inline std::string digits(std::uint64_t n) { return std::to_string(n); }

// The number that `text` begins with; 0 if none does.
inline std::uint64_t number_in(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace hf::redis
