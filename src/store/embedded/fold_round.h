#pragma once

// A FoldRound is the net effect of a run of journal rows: for each key its last put or its erase.
//
// If a key's first change in the run is a fresh put, the key was not in the state before, and a later erase cancels the
// put. That makes folding cheap where locks come and go: most never reach the state. It leaves out changes for which
// is_folded() is false. Its entries come out in the order of StateKey, as the state's rows are. Not thread-safe.

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/embedded/journal_format.h"

namespace hf {

struct FoldEntry {
  bool fresh = false;  // the key was not in the state before the run
  bool erase = false;
  std::string body;  // of the last put
};

// Whether anybody asks for it once it is folded: the audit trail, and a start that wants to know how grants ended.
bool outlives_folding(Entity entity) noexcept;

class FoldRound {
 public:
  using Row = std::pair<StateKey, FoldEntry>;

  // Adds every change of one section; false if it is malformed.
  bool add(const SectionView& section);
  // The entries in order; the round is empty then.
  std::vector<Row> take_rows();
  // What the entries take in memory, about.
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  void put(const StateKey& key, bool fresh, std::string_view body);
  void erase(const StateKey& key);
  struct KeyHash {
    using is_avalanching = void;
    std::size_t operator()(const StateKey& key) const noexcept {
      return IdHash{}(key.key) ^ (std::size_t{key.ns} << 8) ^ static_cast<std::size_t>(key.entity);
    }
  };
  // By hash, because nearly all keys that come go again: only the rest is worth sorting.
  boost::unordered_flat_map<StateKey, FoldEntry, KeyHash> entries_;
  std::size_t bytes_ = 0;
};

// A round under way: first its rows are gathered, then what they come to is written.
struct FoldWork {
  FoldRound round;
  bool resumed = false;  // an earlier process wrote some of the keys
  bool gathered = false;
  std::uint64_t next = 0;   // the next row to gather
  std::uint64_t bytes = 0;  // of the rows gathered
  std::vector<FoldRound::Row> rows;
  std::size_t at = 0;   // the next of them to write
  bool strips = false;  // some of the rows have states of bills
};

}  // namespace hf
