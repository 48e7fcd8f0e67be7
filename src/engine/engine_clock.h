#pragma once

// EngineClock turns the readings of a clock that may jump into a time that may not.
//
// Engine time advances at each command by the clock's step since the command before, but by at most one second,
// and never goes back; it stands still while the engine is down. So a clock set forward, a suspended machine or
// a process stopped for an hour cannot expire every lock at once. A step that was cut, or a clock that went
// back, raises an alarm. Invariant: now() never decreases. Not thread-safe.

#include "base/time.h"

namespace hf {

class EngineClock {
 public:
  enum class Alarm : unsigned char { none, jumped_ahead, went_back };

  // Advances to the reading `clock`. The first reading after construction or resume() only sets the mark.
  Alarm advance(Wall clock, Millis step_max) noexcept;
  Instant now() const noexcept { return now_; }
  // The wall time that people are shown for an instant, as of the newest reading.
  Wall wall_of(Instant instant) const noexcept { return mark_ + (instant - now_); }
  Wall wall() const noexcept { return mark_; }
  // Goes on from `now` after the engine was down.
  void resume(Instant now) noexcept;
  // Stands exactly as another clock stands.
  void stand_as(Instant now, Wall mark) noexcept {
    now_ = now;
    mark_ = mark;
    marked_ = true;
  }
  // True for readings that no working clock gives: before 2024 or after 2100.
  static bool is_absurd(Wall clock) noexcept;

 private:
  Instant now_{};
  Wall mark_{};
  bool marked_ = false;
};

}  // namespace hf
