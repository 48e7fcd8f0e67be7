#pragma once

// CheckCursor is the place of a walk through the invariants of a state machine, a few entities at a time, while
// commands come in between. It is an index into tables that keep their places (engine/pool.h) or a number that only
// grows, so that no change makes it wrong: what comes or goes behind it is met on the next round.
//
// A plain value; not thread-safe.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace hf {

struct CheckCursor {
  std::size_t part = 0;   // which table
  std::uint64_t at = 0;   // the next place in it
  bool is_round = false;  // the last look came to the end; the next one begins anew
};

// One table: looks at what stands at `at` or behind, and moves `at` past it. False: there is nothing more. `broken`:
// the invariant that does not hold, in words; empty as long as all do.
template <class State>
using CheckPart = bool (*)(const State& state, std::uint64_t& at, std::string& broken);

// Looks at up to `entities`, from `cursor` on, and returns how many it looked at. It ends at the first one that is
// broken, and at the end of the round.
template <class State, std::size_t n>
std::size_t look_on(const std::array<CheckPart<State>, n>& parts, const State& state, CheckCursor& cursor,
                    std::size_t entities, std::string& broken) {
  if (cursor.is_round) cursor = {};
  std::size_t looked_at = 0;
  while (cursor.part < n) {
    if (looked_at == entities) return looked_at;
    if (!parts[cursor.part](state, cursor.at, broken)) {
      cursor = {cursor.part + 1, 0, false};
      continue;
    }
    ++looked_at;
    if (!broken.empty()) return looked_at;
  }
  cursor.is_round = true;
  return looked_at;
}

}  // namespace hf
