#pragma once

// What keys of a terminal mean, out of the bytes that it sends for them.

#include <cstdint>
#include <string>
#include <vector>

namespace hf::cli {

enum class Key : std::uint8_t { up, down, page_up, page_down, home, end, all, quit, other };

// The keys that `bytes` mean; what is only the beginning of one stays in `bytes`.
std::vector<Key> keys_of(std::string& bytes);

}  // namespace hf::cli
