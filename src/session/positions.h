#pragma once

// The changed positions of waiters that are not sent yet: the newest of each wait, in the order in which they first
// changed. A wait that ends meanwhile is dropped. Not thread-safe.

#include <cstddef>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/assert.h"
#include "base/id.h"
#include "model/commands.h"

namespace hf::session {

class Positions {
 public:
  void put(const LockWaiting& moved) {
    const auto [it, is_new] = at_.try_emplace(moved.wait, moved_.size());
    if (is_new) {
      moved_.push_back(moved);
    } else {
      HF_ASSERT(moved_[it->second].wait == moved.wait);
      moved_[it->second] = moved;
    }
  }
  void erase(LockId wait) {
    const auto found = at_.find(wait);
    if (found == at_.end()) return;
    HF_ASSERT(moved_[found->second].wait == wait);
    moved_[found->second].wait = {};
    at_.erase(found);
  }
  std::vector<LockWaiting> take() {
    at_.clear();
    std::erase_if(moved_, [](const LockWaiting& moved) { return moved.wait.is_nil(); });
    return std::exchange(moved_, {});
  }

 private:
  std::vector<LockWaiting> moved_;  // one that has ended has no wait
  boost::unordered_flat_map<LockId, std::size_t, IdHash> at_;
};

}  // namespace hf::session
