#include "documents/keyset.h"

#include <algorithm>
#include <charconv>

#include "base/assert.h"

namespace hf::documents {
namespace {

constexpr std::string_view null_mark = "-";

std::string hex_of_mark(std::uint64_t mark) {
  char text[17];
  const auto [end, wrong] = std::to_chars(text, text + sizeof text, mark, 16);
  HF_ASSERT(wrong == std::errc());
  return std::string(text, end);
}

bool is_null(const Cell& cell) { return std::holds_alternative<std::monostate>(cell); }

// Rows whose `key` comes after `place`, the place of the value; null where the value is.
std::string comes_after(const SortKey& key, const Cell& cell, const std::string& place) {
  if (is_null(cell)) return key.order == Order::up ? key.expression + " IS NOT NULL" : "1 = 0";
  if (key.order == Order::up) return key.expression + " > " + place;
  const std::string less = key.expression + " < " + place;
  return key.column->nullable ? "(" + less + " OR " + key.expression + " IS NULL)" : less;
}

std::string is_equal(const SortKey& key, const Cell& cell, const std::string& place) {
  return is_null(cell) ? key.expression + " IS NULL" : key.expression + " = " + place;
}

}  // namespace

std::string order_by(Dialect dialect, std::span<const SortKey> keys) {
  std::string text;
  for (const SortKey& key : keys) {
    text += (text.empty() ? "ORDER BY " : ", ") + key.expression + (key.order == Order::up ? " ASC" : " DESC");
    // Only where it matters: an index of a column without nulls knows nothing of them.
    if (dialect == Dialect::postgresql && key.column->nullable)
      text += key.order == Order::up ? " NULLS FIRST" : " NULLS LAST";
  }
  return text;
}

Result<std::string> rows_after(SqlText& sql, std::span<const SortKey> keys, std::span<const Cell> row) {
  HF_ASSERT(keys.size() == row.size() && !keys.empty());
  std::vector<std::string> places;
  bool plain = true;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    auto value = stored(sql.dialect, *keys[i].column, row[i]);
    if (!value) return tl::unexpected(std::move(value.error()));
    places.push_back(is_null(row[i]) ? std::string() : sql.bind(*std::move(value)));
    plain = plain && !keys[i].column->nullable && keys[i].order == keys.front().order;
  }
  if (plain) {  // as both databases find it in an index
    std::string left, right;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      left += (i == 0 ? "" : ", ") + keys[i].expression;
      right += (i == 0 ? "" : ", ") + places[i];
    }
    return "(" + left + ") " + (keys.front().order == Order::up ? ">" : "<") + " (" + right + ")";
  }
  std::string any, same;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    any += (i == 0 ? "(" : " OR ") + ("(" + same) + comes_after(keys[i], row[i], places[i]) + ")";
    same += is_equal(keys[i], row[i], places[i]) + " AND ";
  }
  return any + ")";
}

std::string cursor_of(std::uint64_t mark, std::span<const Cell> row) {
  std::string text = hex_of_mark(mark);
  for (const Cell& cell : row) {
    text += '.';
    text += is_null(cell) ? std::string(null_mark) : hex_of_bytes(text_of(cell));
  }
  return text;
}

Result<std::vector<Cell>> read_cursor(std::string_view text, std::uint64_t mark, std::span<const SortKey> keys) {
  const auto none = [] {
    return fail(Code::invalid, "It is the cursor of another question: take `next` from the page before.", "next");
  };
  if (text.size() > cursor_bytes_max) return none();
  std::vector<std::string_view> pieces;
  for (std::size_t from = 0; from <= text.size();) {
    const auto end = std::min(text.find('.', from), text.size());
    pieces.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  if (pieces.size() != keys.size() + 1 || pieces[0] != hex_of_mark(mark)) return none();
  std::vector<Cell> row;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string_view piece = pieces[i + 1];
    if (piece == null_mark) {
      row.emplace_back();
      continue;
    }
    const auto said = bytes_of_hex(piece);
    Result<Cell> cell = said ? cell_said(*keys[i].column, *said) : Result<Cell>(none());
    if (!cell) return none();
    row.push_back(*std::move(cell));
  }
  return row;
}

}  // namespace hf::documents
