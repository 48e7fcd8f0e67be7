#pragma once

// A Stopwatch tells how long a slice of work has taken. Slices are measured, not counted: how long a page takes is the
// disk's to say.

#include <chrono>

#include "base/time.h"

namespace hf {

class Stopwatch {
 public:
  Micros passed() const { return std::chrono::duration_cast<Micros>(std::chrono::steady_clock::now() - start_); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace hf
