#include "server/idle_check.h"

#include <algorithm>
#include <utility>

namespace hf {

IdleCheck::IdleCheck(Look look, Clock clock, std::function<void(const std::string&)> broken)
    : look_(std::move(look)), clock_(std::move(clock)), broken_(std::move(broken)) {}

void IdleCheck::tick() {
  quiet_ = std::min(quiet_ + 1, idle_check_after);
  if (quiet_ < idle_check_after || is_over_) return;
  const Micros began = clock_();
  const SlicedCheck::Slice slice = look_(idle_check_entities);
  counts_.time += clock_() - began;
  ++counts_.slices;
  counts_.entities += slice.entities;
  counts_.rounds += slice.is_round ? 1 : 0;
  if (slice.broken.empty()) return;
  is_over_ = true;
  broken_(slice.broken);
}

}  // namespace hf
