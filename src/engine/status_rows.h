#pragma once

// OrderedRows has the bills of one group in the order in which they came onto the board, so that a page can go on after
// any of them. Nearly all bills are appended; the others cost a move of half a chunk. 16 bytes a row.
//
// Not thread-safe.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "engine/pool.h"

namespace hf {

class OrderedRows {
 public:
  struct Row {
    std::uint64_t born = 0;
    Index bill = no_index;
  };

  // REQUIRES: no row has this `born`.
  void insert(Row row) {
    ++size_;
    if (chunks_.empty() || (chunks_.back().back().born < row.born && chunks_.back().size() == chunk_rows)) {
      chunks_.emplace_back().push_back(row);
      return;
    }
    const std::size_t c = chunk_of(row.born);
    std::vector<Row>& chunk = chunks_[c];
    const auto at = place(chunk, row.born);
    HF_ASSERT(at == chunk.end() || at->born != row.born);
    chunk.insert(at, row);
    if (chunk.size() <= chunk_rows) return;
    std::vector<Row> upper(chunk.begin() + chunk_rows / 2, chunk.end());
    chunk.resize(chunk_rows / 2);
    chunks_.insert(chunks_.begin() + static_cast<std::ptrdiff_t>(c) + 1, std::move(upper));
  }
  // REQUIRES: the row is there.
  void erase(std::uint64_t born) {
    const std::size_t c = chunk_of(born);
    std::vector<Row>& chunk = chunks_[c];
    const auto at = place(chunk, born);
    HF_ASSERT(at != chunk.end() && at->born == born);
    HF_ASSERT(size_ > 0);
    chunk.erase(at);
    --size_;
    if (chunk.empty()) chunks_.erase(chunks_.begin() + static_cast<std::ptrdiff_t>(c));
  }
  // Calls f(row) for the rows after `born` in order, until it says no.
  template <class F>
  void walk(std::uint64_t after, F&& f) const {
    if (chunks_.empty()) return;
    for (std::size_t c = chunk_of(after); c < chunks_.size(); ++c) {
      for (const Row& row : chunks_[c]) {
        if (row.born > after && !f(row)) return;
      }
    }
  }
  // The bill of the row with this `born`; no_index: there is none.
  Index bill_of(std::uint64_t born) const {
    if (chunks_.empty()) return no_index;
    const std::vector<Row>& chunk = chunks_[chunk_of(born)];
    const auto at = std::lower_bound(chunk.begin(), chunk.end(), born,
                                     [](const Row& row, std::uint64_t b) { return row.born < b; });
    return at == chunk.end() || at->born != born ? no_index : at->bill;
  }
  std::size_t size() const noexcept { return size_; }

 private:
  static constexpr std::size_t chunk_rows = 256;

  // The last chunk that does not begin after `born`, or the first.
  std::size_t chunk_of(std::uint64_t born) const {
    const auto at = std::upper_bound(chunks_.begin(), chunks_.end(), born,
                                     [](std::uint64_t b, const std::vector<Row>& c) { return b < c.front().born; });
    return at == chunks_.begin() ? 0 : static_cast<std::size_t>(at - chunks_.begin()) - 1;
  }
  static std::vector<Row>::iterator place(std::vector<Row>& chunk, std::uint64_t born) {
    return std::lower_bound(chunk.begin(), chunk.end(), born,
                            [](const Row& row, std::uint64_t b) { return row.born < b; });
  }

  std::vector<std::vector<Row>> chunks_;  // none is empty
  std::size_t size_ = 0;
};

}  // namespace hf
