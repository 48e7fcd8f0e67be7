#pragma once

// A fingerprint is a 64-bit hash (XXH3) that is the same on every machine and in every build: it tells requests,
// persons and texts apart where nobody gains by making two alike. It is no defence against an adversary.
//
// Pure function, thread-safe.

#include <cstdint>
#include <string_view>

namespace hf {

std::uint64_t fingerprint(std::string_view bytes) noexcept;

}  // namespace hf
