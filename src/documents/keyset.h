#pragma once

// Pages by keyset: the next page begins after the last row of the one before, by what the rows are sorted by. So a page
// deep in a list costs what the first one does, and no row is shown twice because another came in.
//
// The last sort column is a key, so no two rows are alike. A null comes before every value.
//
// Pure functions, thread-safe.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "documents/sql_text.h"
#include "documents/values.h"

namespace hf::documents {

enum class Order : std::uint8_t { up, down };

struct SortKey {
  const catalog::Column* column = nullptr;
  std::string expression;  // as it is compared
  Order order = Order::up;
};

// "ORDER BY …" with that name for each key.
std::string order_by(Dialect dialect, std::span<const SortKey> keys);

// The rows after that one. REQUIRES: a cell for each key, of its column's kind or null.
Result<std::string> rows_after(SqlText& sql, std::span<const SortKey> keys, std::span<const Cell> row);

// A cursor is bound to its question by `mark`: it goes on with that question alone. Opaque, printable.
std::string cursor_of(std::uint64_t mark, std::span<const Cell> row);
// `invalid`, with field "next": it is none of that question's. O(bytes).
Result<std::vector<Cell>> read_cursor(std::string_view text, std::uint64_t mark, std::span<const SortKey> keys);

}  // namespace hf::documents
