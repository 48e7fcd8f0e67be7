#pragma once

// IdleCheck has the engine look at a slice of its own invariants whenever the node has had nothing to do for a while.
//
// It counts ticks, not time: the first tick after work only notes that there was some. A slice has a bounded number of
// entities, so that whoever comes meanwhile waits for a millisecond at most. What it finds broken it reports once, and
// then it looks no more.
//
// Not thread-safe: the node's loop owns it.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "base/time.h"
#include "engine/sliced_check.h"

namespace hf {

inline constexpr std::size_t idle_check_entities = 1000;  // of one slice
inline constexpr std::uint32_t idle_check_after = 3;      // ticks of 100 ms without work

struct IdleCheckCounts {
  std::uint64_t slices = 0, entities = 0, rounds = 0;
  Micros time{0};
};

class IdleCheck {
 public:
  using Look = std::function<SlicedCheck::Slice(std::size_t entities)>;
  using Clock = std::function<Micros()>;

  // `broken` is called from tick(), at most once.
  IdleCheck(Look look, Clock clock, std::function<void(const std::string&)> broken);

  // Something has come in.
  void worked() noexcept { quiet_ = 0; }
  void tick();
  const IdleCheckCounts& counts() const noexcept { return counts_; }

 private:
  Look look_;
  Clock clock_;
  std::function<void(const std::string&)> broken_;
  std::uint32_t quiet_ = 0;  // ticks since there was work
  bool is_over_ = false;
  IdleCheckCounts counts_;
};

}  // namespace hf
