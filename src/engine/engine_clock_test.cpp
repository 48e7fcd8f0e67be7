// If engine time followed the wall clock, one NTP step would free every lock in the company.
#include "engine/engine_clock.h"

#include <gtest/gtest.h>

namespace hf {
namespace {
constexpr Wall start = wall_us(1'800'000'000'000'000);
constexpr Millis second{1000};
}  // namespace

TEST(EngineClock, follows_small_steps) {
  EngineClock clock;
  clock.advance(start, second);
  const Instant begin = clock.now();
  EXPECT_EQ(clock.advance(start + Millis(300), second), EngineClock::Alarm::none);
  EXPECT_EQ(clock.now() - begin, Millis(300));
}

TEST(EngineClock, takes_at_most_one_second_of_a_jump_and_tells) {
  EngineClock clock;
  clock.advance(start, second);
  const Instant begin = clock.now();
  EXPECT_EQ(clock.advance(start + std::chrono::hours(1), second), EngineClock::Alarm::jumped_ahead);
  EXPECT_EQ(clock.now() - begin, second);
}

TEST(EngineClock, never_goes_back) {
  EngineClock clock;
  clock.advance(start, second);
  const Instant begin = clock.now();
  EXPECT_EQ(clock.advance(start - std::chrono::hours(1), second), EngineClock::Alarm::went_back);
  EXPECT_EQ(clock.now(), begin);
  clock.advance(start - std::chrono::hours(1) + Millis(5), second);
  EXPECT_EQ(clock.now() - begin, Millis(5));
}

TEST(EngineClock, stands_still_while_the_engine_is_down) {
  EngineClock clock;
  clock.resume(instant_us(1'799'000'000'000'000));
  clock.advance(start, second);
  EXPECT_EQ(clock.now(), instant_us(1'799'000'000'000'000));
  EXPECT_EQ(clock.wall_of(clock.now() + Millis(5)), start + Millis(5));
}

TEST(EngineClock, finds_readings_before_2024_and_after_2100_absurd) {
  EXPECT_TRUE(EngineClock::is_absurd(wall_us(0)));
  EXPECT_TRUE(EngineClock::is_absurd(wall_us(4'102'444'800'000'000)));
  EXPECT_FALSE(EngineClock::is_absurd(start));
}

}  // namespace hf
