#pragma once

// Scheduler is the time of a simulated world: what shall happen later stands in it, and time goes from one thing to the
// next. Of two things of one moment the one that was put in first comes first, so a seed gives one history.
//
// Not thread-safe.

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "base/time.h"

namespace hf::sim {

class Scheduler {
 public:
  using Work = std::function<void()>;

  Micros now() const noexcept { return now_; }
  void after(Micros delay, Work work) { queue_.emplace(std::pair(now_ + delay, next_++), std::move(work)); }
  // Lets everything happen that is due within `span`, also what that brings.
  void run(Micros span) {
    const Micros end = now_ + span;
    while (!queue_.empty() && queue_.begin()->first.first <= end) {
      auto node = queue_.extract(queue_.begin());
      now_ = node.key().first;
      node.mapped()();
    }
    now_ = end;
  }
  // Runs in steps of `step` until `done`, for `patience` at most; whether it is done.
  template <class Done>
  bool until(Done&& done, Micros patience, Micros step = Millis(20)) {
    for (const Micros end = now_ + patience; !done();) {
      if (now_ >= end) return false;
      run(step);
    }
    return true;
  }

 private:
  Micros now_{0};
  std::uint64_t next_ = 0;
  std::map<std::pair<Micros, std::uint64_t>, Work> queue_;
};

}  // namespace hf::sim
