#pragma once

// Times as values. Nothing here reads a clock.
//
// Wall is a reading of the real-time clock: microseconds since 1970, UTC; it may jump. Instant is engine
// time, which only goes forward, at most one second per command, and stands still while the engine is down
// (engine/engine_clock.h). The two cannot be mixed up: leases are decided in Instants, people are shown Walls.

#include <chrono>
#include <cstdint>

namespace hf {

using Micros = std::chrono::microseconds;
using Millis = std::chrono::milliseconds;

struct WallTag {
  using duration = Micros;
  using rep = Micros::rep;
  using period = Micros::period;
  using time_point = std::chrono::time_point<WallTag, Micros>;
  static constexpr bool is_steady = false;
};
struct EngineTag {
  using duration = Micros;
  using rep = Micros::rep;
  using period = Micros::period;
  using time_point = std::chrono::time_point<EngineTag, Micros>;
  static constexpr bool is_steady = true;
};

using Wall = std::chrono::time_point<WallTag, Micros>;
using Instant = std::chrono::time_point<EngineTag, Micros>;

constexpr Wall wall_us(std::int64_t us) { return Wall(Micros(us)); }
constexpr Instant instant_us(std::int64_t us) { return Instant(Micros(us)); }
constexpr std::int64_t to_us(Wall t) { return t.time_since_epoch().count(); }
constexpr std::int64_t to_us(Instant t) { return t.time_since_epoch().count(); }
constexpr std::int64_t to_ms(Micros d) { return std::chrono::duration_cast<Millis>(d).count(); }

}  // namespace hf
