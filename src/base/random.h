#pragma once

// Random numbers, always from a source that the caller owns.
//
// Random is deterministic by its seed (SplitMix64, Steele et al. 2014): for simulation, tests and jitter.
// SecretSource is an interface for what must not be guessed; production gives it the operating system's
// generator (net/os_random.h), tests a seeded one.

#include <cstdint>

#include "base/id.h"

namespace hf {

class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}
  std::uint64_t next() noexcept;
  // Uniform in [0, bound). REQUIRES: bound > 0.
  std::uint64_t below(std::uint64_t bound) noexcept;
  bool one_in(std::uint64_t n) noexcept { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

class SecretSource {
 public:
  virtual ~SecretSource() = default;
  virtual Id128 next_id() = 0;
};

// For tests: ids from a seed.
class SeededSecrets final : public SecretSource {
 public:
  explicit SeededSecrets(std::uint64_t seed) : random_(seed) {}
  Id128 next_id() override {
    const std::uint64_t hi = random_.next();
    const std::uint64_t lo = random_.next();
    return Id128{hi, lo};
  }

 private:
  Random random_;
};

}  // namespace hf
