#pragma once

// Pool<T> keeps records at stable addresses and names them by 32-bit indices, which are used again, last freed
// first, so that two pools that see the same calls give the same indices. It never shrinks. A freed record is
// reset by the caller. Not thread-safe.

#include <cstdint>
#include <memory>
#include <vector>

#include "base/assert.h"

namespace hf {

using Index = std::uint32_t;
inline constexpr Index no_index = UINT32_MAX;

template <class T>
class Pool {
 public:
  Index make() {
    if (!free_.empty()) {
      const Index index = free_.back();
      free_.pop_back();
      ++live_;
      return index;
    }
    if (used_ == chunks_.size() * chunk_size) chunks_.push_back(std::make_unique<T[]>(chunk_size));
    HF_ASSERT(used_ < no_index);
    ++live_;
    return static_cast<Index>(used_++);
  }
  void free(Index index) {
    HF_ASSERT(index < used_ && live_ > 0);
    free_.push_back(index);
    --live_;
  }
  T& operator[](Index index) noexcept { return chunks_[index / chunk_size][index % chunk_size]; }
  const T& operator[](Index index) const noexcept { return chunks_[index / chunk_size][index % chunk_size]; }
  std::size_t live() const noexcept { return live_; }
  // One past the greatest index ever made.
  Index end() const noexcept { return static_cast<Index>(used_); }

 private:
  static constexpr std::size_t chunk_size = 256;
  std::vector<std::unique_ptr<T[]>> chunks_;
  std::vector<Index> free_;
  std::size_t used_ = 0;
  std::size_t live_ = 0;
};

}  // namespace hf
