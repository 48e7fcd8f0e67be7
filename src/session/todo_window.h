#pragma once

// TodoWindow gathers changes of bills until the next flush: of several changes of a bill it keeps the last one, and for
// each row lost meanwhile the state by which it was last lost.
//
// Not thread-safe.

#include <algorithm>
#include <boost/container/flat_set.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/status_outcomes.h"

namespace hf::session {

class TodoWindow {
 public:
  struct Change {
    BillPtr first, now;  // `first` holds the key
    std::vector<Removal> lost;
    std::uint64_t stirred = 0;  // the last change without an offset, counted; 0: none
  };

  // The bill has rows in the groups `has` by `after`, and had them in `had` by `before`. REQUIRES: `before`, if it had.
  void note(const BillPtr& before, const BillPtr& after, std::uint32_t had, std::uint32_t has,
            std::uint64_t stirred = 0) {
    const auto [at, fresh] = places_.try_emplace(after->text(Bill::key), changes_.size());
    if (fresh) changes_.push_back({after, after, {}, 0});
    Change& change = changes_[at->second];
    change.now = after;
    change.stirred = std::max(change.stirred, stirred);
    for (Removal& removal : change.lost) removal.groups &= ~has;
    if ((had & ~has) != 0) change.lost.push_back({after, had & ~has, before});
  }
  void note(RunPtr run) { runs_.push_back(std::move(run)); }
  void touch(std::uint32_t group) { touched_.insert(group); }

  const std::vector<Change>& changes() const noexcept { return changes_; }
  const std::vector<RunPtr>& runs() const noexcept { return runs_; }
  const boost::container::flat_set<std::uint32_t>& touched() const noexcept { return touched_; }
  // Null: the bill has not changed.
  const Change* find(std::string_view key) const {
    const auto at = places_.find(key);
    return at == places_.end() ? nullptr : &changes_[at->second];
  }
  bool empty() const noexcept { return changes_.empty() && runs_.empty(); }
  void clear() {
    places_.clear();
    changes_.clear();
    runs_.clear();
    touched_.clear();
  }

 private:
  std::vector<Change> changes_;  // in the order of their first change
  boost::unordered_flat_map<std::string_view, std::size_t> places_;
  std::vector<RunPtr> runs_;
  boost::container::flat_set<std::uint32_t> touched_;  // groups whose count or rows have changed
};

}  // namespace hf::session
