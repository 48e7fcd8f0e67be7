#pragma once

// Allowance limits the requests of one caller: it grows by `rate` a second and holds a second's worth (a token bucket:
// Turner 1986). A rate of 0 never refuses. A plain value; not thread-safe.

#include <algorithm>

#include "base/assert.h"
#include "base/time.h"

namespace hf::session {

struct Allowance {
  Micros at{0};  // when `left` was computed
  double left = 0;

  static Allowance full(double rate, Micros now) { return {now, rate}; }
  // Takes one request. False if there is none left.
  bool take(double rate, Micros now) {
    if (rate == 0) return true;
    refill(rate, now);
    if (left < 1) return false;
    left -= 1;
    HF_ASSERT(left >= 0 && left < rate);
    return true;
  }
  // Whether it equals a fresh one.
  bool is_full(double rate, Micros now) {
    refill(rate, now);
    return left >= rate;
  }

 private:
  void refill(double rate, Micros now) {
    if (now <= at) return;
    left = std::min(rate, left + static_cast<double>((now - at).count()) / 1e6 * rate);
    at = now;
  }
};

}  // namespace hf::session
