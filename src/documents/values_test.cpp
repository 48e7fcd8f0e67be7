// If a number lost a digit on its way to the database and back, an amount on a bill would be wrong by it.
#include "documents/values.h"

#include <gmock/gmock.h>

namespace hf::documents {
namespace {

using catalog::Column;
using catalog::ColumnKind;

constexpr std::array<Dialect, 2> both = {Dialect::sqlite, Dialect::postgresql};

const Column money{.name = "Amount", .kind = ColumnKind::money, .precision = 19, .scale = 4};
const Column rate{.name = "Rate", .kind = ColumnKind::decimal, .precision = 10, .scale = 2};

std::string said_and_stored(Dialect dialect, const Column& column, std::string_view text) {
  const auto cell = cell_said(column, text);
  if (!cell) return cell.error().field + ": " + cell.error().detail;
  const auto value = stored(dialect, column, *cell);
  if (!value) return value.error().detail;
  if (const auto* number = std::get_if<std::int64_t>(&*value)) return std::to_string(*number);
  if (const auto* words = std::get_if<std::string>(&*value)) return "'" + *words + "'";
  return "null";
}

TEST(DocumentValues, a_decimal_is_units_in_sqlite_and_a_number_in_postgresql) {
  EXPECT_EQ(said_and_stored(Dialect::sqlite, money, "1234567890123.4567"), "12345678901234567");
  EXPECT_EQ(said_and_stored(Dialect::postgresql, money, "1234567890123.4567"), "'1234567890123.4567'");
  EXPECT_EQ(said_and_stored(Dialect::sqlite, rate, "-0.1"), "-10");
  for (const Dialect dialect : both) {
    EXPECT_EQ(said_and_stored(dialect, rate, "0.125"), "Rate: It is a number with 2 decimals at most.");
    EXPECT_EQ(said_and_stored(dialect, rate, "1e3"), "Rate: It is a number with 2 decimals at most.");
  }
}

TEST(DocumentValues, what_is_read_is_what_was_stored) {
  EXPECT_EQ(text_of(*cell_read(Dialect::sqlite, money, "12345678901234567")), "1234567890123.4567");
  EXPECT_EQ(text_of(*cell_read(Dialect::postgresql, money, "1234567890123.4567")), "1234567890123.4567");
  EXPECT_EQ(text_of(*cell_read(Dialect::postgresql, rate, "5")), "5.00");
  EXPECT_EQ(text_of(*cell_read(Dialect::sqlite, rate, std::nullopt)), "");
  EXPECT_FALSE(cell_read(Dialect::sqlite, rate, "1.5"));
  EXPECT_FALSE(cell_read(Dialect::postgresql, rate, "NaN"));
  const Column truth{.name = "T", .kind = ColumnKind::boolean};
  EXPECT_EQ(*cell_read(Dialect::sqlite, truth, "1"), Cell(true));
  EXPECT_FALSE(cell_read(Dialect::sqlite, truth, "2"));
  const Column picture{.name = "P", .kind = ColumnKind::bytes};
  const std::string bytes("\0\xff\x10", 3);
  const auto kept = stored(Dialect::sqlite, picture, Cell(bytes));
  EXPECT_EQ(*cell_read(Dialect::sqlite, picture, std::get<std::string>(*kept)), Cell(bytes));
}

TEST(DocumentValues, each_kind_refuses_what_is_not_of_it) {
  const auto refuses = [](ColumnKind kind, std::initializer_list<std::string_view> texts) {
    const Column column{.name = "C", .kind = kind};
    for (const std::string_view text : texts) {
      const auto cell = cell_said(column, text);
      EXPECT_FALSE(cell) << text;
      if (!cell) EXPECT_EQ(cell.error().field, "C");
    }
  };
  refuses(ColumnKind::id, {"", "x", "1.0", "007", "-0", "+1", "9223372036854775808", "1 OR 1=1"});
  refuses(ColumnKind::boolean, {"", "yes", "2"});
  refuses(ColumnKind::time, {"", "2026-11-30", "2026-13-01T00:00:00Z", "now"});
  refuses(ColumnKind::date, {"", "2026-11-31", "2026-11-30T00:00:00Z", "30.11.2026"});
  refuses(ColumnKind::text, {std::string_view("a\0b", 3)});
  refuses(ColumnKind::bytes, {"", "ff"});
  EXPECT_EQ(text_of(*cell_said({.name = "C", .kind = ColumnKind::time}, "2026-11-30T08:00:00+08:00")),
            "2026-11-30T00:00:00.000Z");
}

}  // namespace
}  // namespace hf::documents
