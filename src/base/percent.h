#pragma once

// The %XX of URLs (RFC 3986): the one encoder and the one decoder of the tree.
//
// Pure functions, thread-safe.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hf {

// In a query '+' stands for a blank; everywhere else it is a '+'.
enum class Plus : std::uint8_t { itself, blank };

// `text` with the byte of each %XX in its place. Nothing if a '%' has no two hexadecimal digits behind it. O(size).
std::optional<std::string> percent_decoded(std::string_view text, Plus plus = Plus::itself);

// `text` fit for a segment of a path or a value of a query: letters, digits, "-._~" and the bytes of `also_plain` stay,
// every other byte becomes %XX. O(size).
std::string percent_encoded(std::string_view text, std::string_view also_plain = {});

}  // namespace hf
