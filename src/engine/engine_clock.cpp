#include "engine/engine_clock.h"

#include "base/assert.h"

namespace hf {

EngineClock::Alarm EngineClock::advance(Wall clock, Millis step_max) noexcept {
  if (!marked_) {
    marked_ = true;
    mark_ = clock;
    if (now_ == Instant{}) now_ = instant_us(to_us(clock));
    return Alarm::none;
  }
  const Micros step = clock - mark_;
  mark_ = clock;
  if (step < Micros(0)) return Alarm::went_back;
  if (step > step_max) {
    now_ += step_max;
    return Alarm::jumped_ahead;
  }
  HF_ASSERT(step >= Micros(0));
  now_ += step;
  return Alarm::none;
}

void EngineClock::resume(Instant now) noexcept {
  now_ = now;
  marked_ = false;
}

bool EngineClock::is_absurd(Wall clock) noexcept {
  constexpr std::int64_t year_2024_us = 1'704'067'200'000'000;
  constexpr std::int64_t year_2100_us = 4'102'444'800'000'000;
  return to_us(clock) < year_2024_us || to_us(clock) >= year_2100_us;
}

}  // namespace hf
