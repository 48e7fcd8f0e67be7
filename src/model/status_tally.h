#pragma once

// The tally of a group's rows: how many, and two sums of xxHash32 (seeds 0 and 1) over "type:id/group@version" of each,
// mod 2^32. The board can update the sums as rows come and go, and a client that adds up its own rows proves that it
// shows what the board says. Pure functions, thread-safe.

#include <cstdint>
#include <string_view>

#include "model/status.h"

namespace hf {

struct Tally {
  std::uint32_t rows = 0, sum0 = 0, sum1 = 0;
  bool operator==(const Tally&) const = default;
};

// Of one text.
Tally text_tally(std::string_view text) noexcept;
// Of one row; `key` is "type:id".
Tally row_tally(std::string_view key, std::string_view group, Version version);
void add(Tally& to, const Tally& other) noexcept;
void subtract(Tally& from, const Tally& other) noexcept;

}  // namespace hf
