#pragma once

// A row of a table as values: what a store has read, or is to write. No SQL, no text of a wire.
//
// A number, and a whole number of the ERP too, is a Decimal of its column's scale. An id is its number, a boolean 0 or
// 1, a time its microseconds and a date its days since 1970, UTC and business zone as the store has them. Null is
// monostate.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "catalog/condition.h"
#include "catalog/table.h"
#include "model/decimal.h"

namespace hf::document {

using Value = std::variant<std::monostate, std::int64_t, Decimal, std::string>;

// Column to value. A column that is not there is null.
class Row {
 public:
  Row() = default;
  Row(std::initializer_list<std::pair<const std::string, Value>> values) : values_(values) {}

  const Value& at(std::string_view column) const noexcept;
  bool is_null(std::string_view column) const noexcept { return at(column).index() == 0; }
  // The number; 0 where the row has none.
  Decimal number(std::string_view column) const noexcept;
  std::int64_t id(std::string_view column) const noexcept;
  void set(std::string_view column, Value value) { values_.insert_or_assign(std::string(column), std::move(value)); }
  const std::map<std::string, Value, std::less<>>& values() const noexcept { return values_; }
  bool operator==(const Row&) const = default;

 private:
  std::map<std::string, Value, std::less<>> values_;
};

// A row as conditions see it: an amount is its sign, for conditions compare amounts with 0 only.
class RowFields final : public FieldSource {
 public:
  RowFields(const Row& row, const catalog::Table& table) : row_(row), table_(table) {}
  std::optional<FieldValue> field(std::string_view name) const override;

 private:
  const Row& row_;
  const catalog::Table& table_;
};

// `value` as the column holds it: a number rounded half away to its scale. `too_large` if it has more digits than the
// column.
Result<Value> fitted(const Value& value, const catalog::Column& column);
// 0, false or '', as the column's kind has it. REQUIRES: it is no id, time, date or bytes.
Value nothing_of(const catalog::Column& column);

}  // namespace hf::document
