#include "documents/write/bill_image.h"

#include <algorithm>

#include "base/time_text.h"
#include "documents/row_scope.h"
#include "documents/sql_text.h"

namespace hf::documents {

using catalog::Column;
using catalog::ColumnKind;
using document::Value;

namespace {

constexpr std::int64_t us_per_day = 86'400'000'000;

enum Head : std::uint8_t { version, creator, creator_name, handler, handler_name, closed_by, head_count };

tl::unexpected<Error> strange(const Column& column, const std::string& text) {
  return fail(Code::unavailable,
              "The document store: " + column.name + " holds '" + text + "', which is no value of its kind.");
}

// Pictures and files are not read, so no change ever writes them.
std::vector<const Column*> columns_read(const catalog::Table& table) {
  std::vector<const Column*> columns;
  for (const Column& column : table.columns) {
    if (column.kind != ColumnKind::bytes) columns.push_back(&column);
  }
  return columns;
}

Result<document::Row> read_row(Dialect dialect, const catalog::Table& table, const database::Row& row,
                               std::size_t from) {
  document::Row made;
  for (const Column* column : columns_read(table)) {
    const auto cell = cell_read(dialect, *column, row[from++]);
    if (!cell) return tl::unexpected(cell.error());
    auto value = value_of(*column, *cell);
    if (!value) return tl::unexpected(std::move(value.error()));
    if (value->index() != 0) made.set(column->name, *std::move(value));
  }
  return made;
}

template <class Lines>
auto find_in(Lines& lines, std::int64_t id) noexcept -> decltype(lines.data()) {
  const auto at = std::find_if(lines.begin(), lines.end(), [id](const ImageLine& line) { return line.id == id; });
  return at == lines.end() ? nullptr : &*at;
}

}  // namespace

std::string BillImage::no() const {
  const auto* const text = std::get_if<std::string>(&master.at(type->no));
  return text == nullptr ? std::string() : *text;
}

const ImageLine* find_line(const std::vector<ImageLine>& lines, std::int64_t id) noexcept { return find_in(lines, id); }
ImageLine* find_line(std::vector<ImageLine>& lines, std::int64_t id) noexcept { return find_in(lines, id); }

std::optional<int> state_of(const Catalog& catalog, const BillImage& bill) {
  if (!bill.type->lifecycle) return std::nullopt;
  const std::string& column = catalog.content().models[*bill.type->lifecycle].name;
  if (bill.master.is_null(column)) return std::nullopt;
  return static_cast<int>(bill.master.number(column).units());
}

bool is_approved(const Catalog& catalog, const BillImage& bill) {
  const std::optional<int> state = state_of(catalog, bill);
  return state && catalog.content().models[*bill.type->lifecycle].is_approved(*state);
}

Result<Value> value_of(const Column& column, const Cell& cell) {
  struct Turn {
    const Column& column;
    Result<Value> operator()(std::monostate) const { return Value(); }
    Result<Value> operator()(bool truth) const { return Value(std::int64_t{truth ? 1 : 0}); }
    Result<Value> operator()(std::int64_t number) const {
      if (column.kind != ColumnKind::integer) return Value(number);
      if (number == INT64_MIN) return fail(Code::too_large, "A number is too large to be counted with.", column.name);
      return Value(Decimal::of(number));
    }
    Result<Value> operator()(const Decimal& number) const { return Value(number); }
    Result<Value> operator()(const std::string& text) const {
      if (!catalog::is_moment(column.kind)) return Value(text);
      const bool day = column.kind == ColumnKind::date;
      const auto time = parse_time(day ? text + "T00:00:00Z" : text);
      if (!time) return strange(column, text);
      return Value(day ? to_us(*time) / us_per_day : to_us(*time));
    }
  };
  return std::visit(Turn{column}, cell);
}

Result<Cell> cell_of(const Column& column, const Value& value) {
  struct Turn {
    const Column& column;
    Result<Cell> operator()(std::monostate) const { return Cell(); }
    Result<Cell> operator()(std::int64_t number) const {
      if (column.kind == ColumnKind::boolean) return Cell(number != 0);
      if (!catalog::is_moment(column.kind)) return Cell(number);
      const bool day = column.kind == ColumnKind::date;
      std::string text;
      append_time(text, wall_us(day ? number * us_per_day : number));
      if (day) text.resize(10);
      return Cell(std::move(text));
    }
    Result<Cell> operator()(const Decimal& number) const {
      if (column.kind != ColumnKind::integer) return Cell(number);
      const auto whole = number.exactly(0);
      if (!whole) return fail(whole.error().code, whole.error().detail, column.name);
      return Cell(whole->units());
    }
    Result<Cell> operator()(const std::string& text) const { return Cell(text); }
  };
  return std::visit(Turn{column}, value);
}

database::Statement plan_image(const Catalog& catalog, Dialect dialect, const catalog::Type& type, std::int64_t id) {
  const catalog::Table& table = catalog.content().tables[type.table];
  SqlText sql{dialect, {}};
  sql.add("SELECT b.version, b.creator, b.creator_name, b.handler, b.handler_name, b.closed_by");
  const std::vector<const Column*> columns = columns_read(table);
  for (const Column* column : columns) sql.add(", " + selected(dialect, *column, "t"));
  const std::string key = "t." + quoted(type.key);
  sql.add(" FROM " + quoted(table.name) + " t JOIN hf_bill b ON b.type = " + sql.bind(type.name) +
          " AND b.id = " + key + " WHERE " + key + " = " + sql.bind(id));
  sql.add(" AND " + is_bill_sql(sql, catalog, type));
  sql.made.columns = head_count + columns.size();
  return std::move(sql.made);
}

Result<BillImage> read_image(const Catalog& catalog, Dialect dialect, const catalog::Type& type, std::int64_t id,
                             const database::Rows& rows) {
  const database::Row& row = rows.front();
  auto master = read_row(dialect, catalog.content().tables[type.table], row, head_count);
  if (!master) return tl::unexpected(std::move(master.error()));
  BillImage bill;
  bill.type = &type;
  bill.id = id;
  bill.version = static_cast<Version>(whole_of(row[version].value_or("0")).value_or(0));
  bill.creator = {row[creator].value_or(""), row[creator_name].value_or("")};
  bill.handler = {row[handler].value_or(""), row[handler_name].value_or("")};
  bill.closed_by = row[closed_by].value_or("");
  bill.master = *std::move(master);
  bill.parts.resize(type.parts.size());
  return bill;
}

database::Statement plan_image_lines(const Catalog& catalog, Dialect dialect, const catalog::Part& part,
                                     std::int64_t bill) {
  const catalog::Table& table = catalog.content().tables[part.table];
  SqlText sql{dialect, {}};
  const std::vector<const Column*> columns = columns_read(table);
  for (const Column* column : columns)
    sql.add(sql.made.text.empty() ? "SELECT " : ", ").add(selected(dialect, *column, "x"));
  sql.add(" FROM " + quoted(table.name) + " x WHERE x." + quoted(part.parent) + " = " + sql.bind(bill) +
          " ORDER BY x." + quoted(part.key));
  sql.made.columns = columns.size();
  return std::move(sql.made);
}

Result<std::vector<ImageLine>> read_image_lines(const Catalog& catalog, Dialect dialect, const catalog::Part& part,
                                                const database::Rows& rows) {
  std::vector<ImageLine> lines;
  for (const database::Row& row : rows) {
    auto read = read_row(dialect, catalog.content().tables[part.table], row, 0);
    if (!read) return tl::unexpected(std::move(read.error()));
    const std::int64_t id = read->id(part.key);
    lines.push_back({id, *std::move(read)});
  }
  return lines;
}

}  // namespace hf::documents
