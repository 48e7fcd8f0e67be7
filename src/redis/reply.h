#pragma once

// What Redis answers, as a value (RESP2 and RESP3: https://redis.io/docs/reference/protocol-spec).

#include <cstdint>
#include <string>
#include <vector>

namespace hf::redis {

struct Reply {
  enum class Kind : std::uint8_t { null, integer, number, boolean, text, status, error, array, map, push };
  Kind kind = Kind::null;
  std::int64_t integer = 0;  // integer; boolean: 0 or 1
  double number = 0;         // RESP3
  std::string text;          // text, status, error (with its first word, such as "MOVED 1 127.0.0.1:7001")
  std::vector<Reply> items;  // array, push; map: key, value, key, value …

  bool is_error() const noexcept { return kind == Kind::error; }
  bool is_null() const noexcept { return kind == Kind::null; }
  // Whether it is an error whose first word is `word` (NOSCRIPT, MOVED, READONLY …).
  bool is_error(std::string_view word) const noexcept {
    return is_error() && text.starts_with(word) && (text.size() == word.size() || text[word.size()] == ' ');
  }
};

}  // namespace hf::redis
