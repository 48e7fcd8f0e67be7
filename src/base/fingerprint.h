#pragma once

#include <cstdint>
#include <string_view>

namespace hf {

// A 64-bit hash (XXH3), the same on every machine and in every build; good, but not against an adversary.
std::uint64_t fingerprint(std::string_view bytes) noexcept;

}  // namespace hf
