#include "documents/bill_read.h"

#include <algorithm>

#include "base/fingerprint.h"
#include "documents/row_scope.h"
#include "documents/sql_text.h"

namespace hf::documents {
namespace {

using catalog::Column;
using catalog::ColumnKind;

enum Before : std::uint8_t { version, creator, creator_name, handler, handler_name, closed_by, before_count };

std::vector<const Column*> columns_read(const catalog::Table& table) {
  std::vector<const Column*> columns;
  for (const Column& column : table.columns) {
    if (column.kind != ColumnKind::bytes) columns.push_back(&column);
  }
  return columns;
}

Result<std::vector<BillField>> read_fields(Dialect dialect, const catalog::Table& table, const database::Row& row,
                                           std::size_t from) {
  std::vector<BillField> fields;
  for (const Column* column : columns_read(table)) {
    auto cell = cell_read(dialect, *column, row[from++]);
    if (!cell) return tl::unexpected(std::move(cell.error()));
    fields.push_back({column->name, *std::move(cell)});
  }
  return fields;
}

const Cell* find(const std::vector<BillField>& fields, const std::string& column) {
  const auto at =
      std::find_if(fields.begin(), fields.end(), [&](const BillField& field) { return field.column == column; });
  return at == fields.end() ? nullptr : &at->value;
}

std::int64_t key_in(const std::vector<BillField>& fields, const std::string& key) {
  const Cell* const cell = find(fields, key);
  const auto* number = cell != nullptr ? std::get_if<std::int64_t>(cell) : nullptr;
  return number != nullptr ? *number : 0;
}

std::vector<SortKey> line_order(const Catalog& catalog, Dialect dialect, const catalog::Part& part) {
  const Column* const key = catalog.content().tables[part.table].find(part.key);
  return {{key, compared(dialect, *key, "x"), Order::up}};
}

std::uint64_t mark_of(const BillPlan& plan, const catalog::Part& part) {
  return fingerprint(plan.type->name + ':' + std::to_string(plan.id) + '/' + part.name);
}

}  // namespace

Result<BillPlan> plan_bill(const Catalog& catalog, Dialect dialect, const Audience& audience,
                           const BillQuestion& question) {
  const auto type = type_seen(catalog, audience, question.type);
  if (!type) return tl::unexpected(type.error());
  const auto id = whole_of(question.id);
  if (!id) return fail(Code::not_found, "There is no such bill that you may see.", "id");
  if (question.lines == 0 || question.lines > lines_per_page_max)
    return fail(Code::invalid, "It is 1 to " + std::to_string(lines_per_page_max) + ".", "lines");
  BillPlan plan;
  plan.type = *type;
  plan.id = *id;
  for (const catalog::Part& part : (*type)->parts) {
    if (question.part.empty() || part.name == question.part) plan.parts.push_back(&part);
  }
  if (plan.parts.empty() && !question.part.empty())
    return fail(Code::invalid, "Bills of " + (*type)->name + " have no such part.", "part");
  if (question.part.empty() && !question.next.empty())
    return fail(Code::invalid, "Say the part whose lines go on.", "part");
  const catalog::Table& table = catalog.content().tables[(*type)->table];
  SqlText sql{dialect, {}};
  sql.add("SELECT COALESCE(b.version, 0), b.creator, b.creator_name, b.handler, b.handler_name, b.closed_by");
  const std::vector<const Column*> columns = columns_read(table);
  for (const Column* column : columns) sql.add(", " + selected(dialect, *column, "t"));
  const std::string key = "t." + quoted((*type)->key);
  sql.add(" FROM " + quoted(table.name) + " t LEFT JOIN hf_bill b ON b.type = " + sql.bind((*type)->name) +
          " AND b.id = " + key + " WHERE " + key + " = " + sql.bind(*id));
  sql.add(" AND " + is_bill_sql(sql, catalog, **type));
  sql.add(" AND " + seen_sql(sql, catalog, **type, audience));
  sql.made.columns = before_count + columns.size();
  plan.head = std::move(sql.made);
  return plan;
}

Result<Bill> read_bill(const Catalog& catalog, Dialect dialect, const BillPlan& plan, const database::Rows& rows) {
  if (rows.empty()) return fail(Code::not_found, "There is no such bill that you may see.", "id");
  const database::Row& row = rows.front();
  auto fields = read_fields(dialect, catalog.content().tables[plan.type->table], row, before_count);
  if (!fields) return tl::unexpected(std::move(fields.error()));
  Bill bill;
  bill.type = plan.type->name;
  bill.id = plan.id;
  if (const Cell* no = find(*fields, plan.type->no)) bill.no = text_of(*no);
  bill.version = static_cast<Version>(whole_of(row[version].value_or("0")).value_or(0));
  bill.creator = {row[creator].value_or(""), row[creator_name].value_or("")};
  bill.handler = {row[handler].value_or(""), row[handler_name].value_or("")};
  bill.closed_by = row[closed_by].value_or("");
  bill.fields = *std::move(fields);
  return bill;
}

Result<database::Statement> plan_lines(const Catalog& catalog, Dialect dialect, const BillPlan& plan,
                                       const catalog::Part& part, const BillQuestion& question) {
  const catalog::Table& table = catalog.content().tables[part.table];
  const std::vector<SortKey> order = line_order(catalog, dialect, part);
  const std::vector<const Column*> columns = columns_read(table);
  SqlText sql{dialect, {}};
  for (const Column* column : columns)
    sql.add(sql.made.text.empty() ? "SELECT " : ", ").add(selected(dialect, *column, "x"));
  sql.add(" FROM " + quoted(table.name) + " x WHERE x." + quoted(part.parent) + " = " + sql.bind(plan.id));
  if (!question.next.empty()) {
    const auto row = read_cursor(question.next, mark_of(plan, part), order);
    if (!row) return tl::unexpected(row.error());
    auto after = rows_after(sql, order, *row);
    if (!after) return tl::unexpected(std::move(after.error()));
    sql.add(" AND " + *after);
  }
  sql.add(" " + order_by(dialect, order) + " LIMIT " + std::to_string(question.lines + 1));
  sql.made.columns = columns.size();
  return std::move(sql.made);
}

Result<BillPart> read_lines(const Catalog& catalog, Dialect dialect, const BillPlan& plan, const catalog::Part& part,
                            const BillQuestion& question, const database::Rows& rows) {
  BillPart made;
  made.name = part.name;
  std::size_t bytes = 0;
  for (const database::Row& row : rows) {
    if (made.lines.size() == question.lines || bytes > lines_bytes_max) {
      const Cell last = made.lines.back().id;
      made.next = cursor_of(mark_of(plan, part), {&last, 1});
      break;
    }
    auto fields = read_fields(dialect, catalog.content().tables[part.table], row, 0);
    if (!fields) return tl::unexpected(std::move(fields.error()));
    BillLine& line = made.lines.emplace_back();
    line.id = key_in(*fields, part.key);
    for (const auto& text : row) bytes += text ? text->size() : 0;
    line.fields = *std::move(fields);
  }
  return made;
}

database::Statement plan_links(Dialect dialect, const BillPlan& plan, Direction direction) {
  const bool up = direction == Direction::up;
  const std::string theirs = up ? "source" : "target", ours = up ? "target" : "source";
  SqlText sql{dialect, {}};
  sql.add("SELECT DISTINCT " + theirs + "_type, " + theirs + "_id FROM hf_link WHERE " + ours +
          "_type = " + sql.bind(plan.type->name) + " AND " + ours + "_id = " + sql.bind(plan.id) + " ORDER BY " +
          theirs + "_type, " + theirs + "_id LIMIT " + std::to_string(links_told_max));
  sql.made.columns = 2;
  return std::move(sql.made);
}

std::vector<LinkedPlan> plan_linked(const Catalog& catalog, Dialect dialect, const Audience& audience,
                                    const database::Rows& links) {
  std::map<std::string, std::vector<std::int64_t>> ids;
  for (const database::Row& row : links) ids[row[0].value_or("")].push_back(whole_of(row[1].value_or("")).value_or(0));
  std::vector<LinkedPlan> plans;
  for (const auto& [name, list] : ids) {
    const auto type = type_seen(catalog, audience, name);
    if (!type) continue;
    SqlText sql{dialect, {}};
    const std::string key = "t." + quoted((*type)->key);
    std::string places;
    for (const std::int64_t id : list) places += (places.empty() ? "" : ", ") + sql.bind(id);
    sql.add("SELECT " + key + ", t." + quoted((*type)->no) + " FROM " +
            quoted(catalog.content().tables[(*type)->table].name) + " t LEFT JOIN hf_bill b ON b.type = " +
            sql.bind(name) + " AND b.id = " + key + " WHERE " + key + " IN (" + places + ")");
    sql.add(" AND " + is_bill_sql(sql, catalog, **type));
    sql.add(" AND " + seen_sql(sql, catalog, **type, audience) + " ORDER BY " + key);
    sql.made.columns = 2;
    plans.push_back({*type, std::move(sql.made)});
  }
  return plans;
}

void read_linked(const LinkedPlan& plan, const database::Rows& rows, std::vector<BillLinked>& made) {
  for (const database::Row& row : rows)
    made.push_back({plan.type->name, row[1].value_or(""), whole_of(row[0].value_or("")).value_or(0)});
}

std::map<std::string, Cell> cells_of(const std::vector<BillField>& fields) {
  std::map<std::string, Cell> cells;
  for (const BillField& field : fields) cells.emplace(field.column, field.value);
  return cells;
}

}  // namespace hf::documents
