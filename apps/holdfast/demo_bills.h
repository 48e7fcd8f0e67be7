#pragma once

// DemoBills makes up bills of the real ERP's types and moves them through their states, as people at work would: made,
// submitted, approved or rejected, closed; a closed one is followed by a new one, and a draft that was deleted is made
// again under its id. The same seed makes the same bills and the same moves.
//
// Not thread-safe.

#include <string>
#include <vector>

#include "base/random.h"
#include "holdfast/status.h"

namespace hf::cli {

class DemoBills {
 public:
  // `version` is that of every bill at first: above what an earlier demonstration has published.
  // People, partners and reasons have names in the language of who looks at them.
  DemoBills(std::size_t count, std::uint64_t seed, std::uint64_t version, bool chinese);

  // Every bill as it stands.
  std::vector<holdfast::StatusEvent> all() const { return bills_; }
  // Moves one bill on; what it is now.
  const holdfast::StatusEvent& move();

 private:
  holdfast::StatusEvent make(std::size_t place);
  void make_again(holdfast::StatusEvent& bill);
  void reach(holdfast::StatusEvent& bill, std::size_t type, std::size_t stage);
  holdfast::Person somebody();

  bool chinese_;
  Random random_;
  std::uint64_t version_;
  std::uint64_t made_ = 0;
  std::vector<holdfast::StatusEvent> bills_;
  std::vector<std::size_t> types_, stages_;  // of each bill
};

}  // namespace hf::cli
