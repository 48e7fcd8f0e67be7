#include "catalog/document/row.h"

#include "base/assert.h"

namespace hf::document {

using catalog::ColumnKind;

const Value& Row::at(std::string_view column) const noexcept {
  static const Value null;
  const auto found = values_.find(column);
  return found == values_.end() ? null : found->second;
}

Decimal Row::number(std::string_view column) const noexcept {
  const Decimal* const found = std::get_if<Decimal>(&at(column));
  return found == nullptr ? Decimal() : *found;
}

std::int64_t Row::id(std::string_view column) const noexcept {
  const std::int64_t* const found = std::get_if<std::int64_t>(&at(column));
  return found == nullptr ? 0 : *found;
}

std::optional<FieldValue> RowFields::field(std::string_view name) const {
  const Value& value = row_.at(name);
  if (const auto* const whole = std::get_if<std::int64_t>(&value)) return *whole;
  if (const auto* const text = std::get_if<std::string>(&value)) return std::string_view(*text);
  const auto* const number = std::get_if<Decimal>(&value);
  if (number == nullptr) return std::nullopt;
  const catalog::Column* const column = table_.find(name);
  const bool whole = column != nullptr && column->kind == ColumnKind::integer;
  return whole ? number->units() : std::int64_t{number->sign()};
}

Result<Value> fitted(const Value& value, const catalog::Column& column) {
  const Decimal* const number = std::get_if<Decimal>(&value);
  if (number == nullptr) return value;
  Result<Decimal> made = number->at_scale(column.scale, Rounding::half_away);
  if (!made) return tl::make_unexpected(std::move(made.error()));
  std::int64_t bound = 1;
  for (int i = 0; i < column.precision && i < decimal_scale_max; ++i) bound *= 10;
  // Money has 19 digits, which is more than a Decimal holds.
  if (column.precision > 0 && column.precision <= decimal_scale_max && made->size().units() >= bound) {
    return fail(Code::too_large, "The number has more digits than fit: write a smaller one.", column.name);
  }
  return Value(*made);
}

Value nothing_of(const catalog::Column& column) {
  switch (column.kind) {
    case ColumnKind::integer:
    case ColumnKind::money:
    case ColumnKind::decimal: return Decimal::of(0, column.scale);
    case ColumnKind::boolean: return std::int64_t{0};
    case ColumnKind::text: return std::string();
    case ColumnKind::id:
    case ColumnKind::time:
    case ColumnKind::date:
    case ColumnKind::bytes: break;
  }
  HF_ASSERT(false && "the loader lets no such column be nothing");
  return {};
}

}  // namespace hf::document
