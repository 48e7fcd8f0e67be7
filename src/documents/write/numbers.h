#pragma once

// What the store draws: ids, and the numbers of bills.
//
// A number is the type's prefix, the day in the business zone, and a count within both: SO2611300007. It is drawn in a
// transaction of its own, before the bill's, so nobody waits for another's bill; a bill that is then refused leaves a
// gap. A type that the catalog calls gapless draws within the bill's transaction.

#include <atomic>
#include <cstdint>
#include <string>

#include "base/dialect.h"
#include "base/statement.h"
#include "base/time.h"
#include "catalog/catalog.h"

namespace hf::documents {

inline constexpr std::uint32_t snowflake_nodes = 1024;

// Ids that grow: 41 bits of milliseconds since 2020, 10 of the node, 12 of a count. No two are alike as long as no two
// nodes have one number. A clock that goes back, or 4,096 ids in one millisecond, only let them run ahead of it.
//
// Thread-safe.
class Snowflakes {
 public:
  // REQUIRES: node < snowflake_nodes.
  explicit Snowflakes(std::uint32_t node) noexcept;
  std::int64_t next(Wall now) noexcept;

 private:
  std::uint64_t node_;
  std::atomic<std::uint64_t> last_{0};  // milliseconds and count
};

// The day of `now` where the business is, as the catalog's numbering writes it: yyyy, yy, MM and dd are replaced.
std::string number_day(const catalog::Numbering& numbering, Wall now, Micros zone);
std::string number_text(const catalog::Numbering& numbering, const std::string& prefix, const std::string& day,
                        std::int64_t count);
// Counts one on: the count.
database::Statement plan_number(Dialect dialect, const std::string& prefix, const std::string& day);

}  // namespace hf::documents
