#pragma once

// What the files of Core share beside Core itself: its clock in a handle's words, and errors of its own. Private to
// src/client/core*.cpp.

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "base/error.h"
#include "client/core.h"
#include "holdfast/client.h"

namespace hf::client {

// Timers of requests are rounded up to this, so that thousands of them wake the loop a hundred times a second.
inline constexpr Millis timer_grain{10};
inline constexpr std::size_t remembered_max = 1'000;

inline std::int64_t ns(Time time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}
inline Time from_ns(std::int64_t value) {
  return Time(std::chrono::duration_cast<Time::duration>(std::chrono::nanoseconds(value)));
}

inline Time rounded(Time time) {
  const auto grain = std::chrono::duration_cast<Time::duration>(timer_grain);
  const auto rest = time.time_since_epoch() % grain;
  return rest.count() == 0 ? time : time + (grain - rest);
}

inline bool may_repeat(Code code) {
  return code == Code::unavailable || code == Code::unknown_outcome || code == Code::too_many || code == Code::draining;
}

// An error that the server did not tell.
inline holdfast::Error own(holdfast::Code code, std::string detail, std::string field = {}) {
  return holdfast::failure(code, std::move(detail), std::move(field)).value();
}

template <class Set, class Key>
void remember(Set& set, const Key& key) {
  if (set.size() >= remembered_max) set.erase(set.begin());
  set.insert(key);
}

}  // namespace hf::client
