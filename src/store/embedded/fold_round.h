#pragma once

// A FoldRound is what a run of journal rows comes to: for each key its last put or its erase.
//
// A key whose first change in the run is a fresh put was not in the state before: its erase then leaves
// nothing to do. That is what makes folding cheap where locks come and go: most never reach the state.
// What is_folded() says no of is left out. Ordered by StateKey, as the state's rows are. Not thread-safe.

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "store/embedded/journal_format.h"

namespace hf {

struct FoldEntry {
  bool fresh = false;  // the key was not in the state before the run
  bool erase = false;
  std::string body;  // of the last put
};

class FoldRound {
 public:
  // Adds every change of one section; false if it is malformed.
  bool add(const SectionView& section);
  const std::map<StateKey, FoldEntry>& entries() const noexcept { return entries_; }
  // What the entries take in memory, about.
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  void put(const StateKey& key, bool fresh, std::string_view body);
  void erase(const StateKey& key);
  std::map<StateKey, FoldEntry> entries_;
  std::size_t bytes_ = 0;
};

}  // namespace hf
