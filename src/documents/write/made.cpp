#include "documents/write/made.h"

#include <algorithm>

#include "documents/condition_sql.h"
#include "documents/remainder.h"
#include "documents/row_scope.h"
#include "documents/sql_text.h"

namespace hf::documents {
namespace {

using catalog::Column;
using catalog::Index;
using catalog::Type;

const catalog::Table& table_of(const catalog::Content& content, const Type& type, std::optional<Index> part) {
  return content.tables[part ? type.parts[*part].table : type.table];
}

std::string name_of(const Type& type, std::optional<Index> part) {
  return part ? type.parts[*part].name : std::string();
}

// Bills of the type that are approved or may be.
std::string counts_sql(SqlText& sql, const Catalog& catalog, const Type& type) {
  std::string text = is_bill_sql(sql, catalog, type);
  if (!type.lifecycle) return text;
  const std::string open = states_of(catalog, type, Taking::reserving), done = states_of(catalog, type, Taking::done);
  const std::string states = open + (open.empty() || done.empty() ? "" : ", ") + done;
  const catalog::Content& content = catalog.content();
  const Column& column = *content.tables[type.table].find(content.models[*type.lifecycle].name);
  return text + " AND " + compared(sql.dialect, column, "t") + " IN (" + (states.empty() ? "NULL" : states) + ")";
}

std::string sums_sql(Dialect dialect, const catalog::Table& table, const std::vector<catalog::Copy>& shares,
                     std::string_view alias) {
  std::string text;
  for (const catalog::Copy& share : shares) text += ", SUM(" + compared(dialect, *table.find(share.to), alias) + ")";
  return text;
}

Result<void> read_sums(Dialect dialect, const catalog::Table& table, const std::vector<catalog::Copy>& shares,
                       const database::Row& row, std::size_t from, document::Row& sums) {
  for (const catalog::Copy& share : shares) {
    const Column& column = *table.find(share.to);
    const auto cell = cell_read(dialect, column, row[from++]);
    auto value = cell ? value_of(column, *cell) : Result<document::Value>(tl::unexpected(cell.error()));
    if (!value) return tl::unexpected(std::move(value.error()));
    if (value->index() != 0) sums.set(share.to, *std::move(value));
  }
  return {};
}

}  // namespace

database::Statement plan_given_lines(const Catalog& catalog, Dialect dialect, const catalog::Making& making,
                                     const catalog::Route& route, std::size_t rule, std::int64_t source) {
  const catalog::Content& content = catalog.content();
  const Type &from = content.types[route.from], &to = content.types[route.to];
  const catalog::LineRule& line = making.lines[rule];
  const catalog::Table& table = table_of(content, to, line.to);
  const std::string alias = line.to ? "x" : "t";
  SqlText sql{dialect, {}};
  sql.add("SELECT k.source_line, SUM(ABS(" + compared(dialect, *table.find(line.quantity), alias) + "))" +
          sums_sql(dialect, table, line.filling.shares, alias));
  sql.add(" FROM hf_link k JOIN " + quoted(content.tables[to.table].name) + " t ON t." + quoted(to.key) +
          " = k.target_id");
  if (line.to)
    sql.add(" JOIN " + quoted(table.name) + " x ON x." + quoted(to.parts[*line.to].key) + " = k.target_line");
  sql.add(" WHERE k.conversion = " + sql.bind(making.name) + " AND k.source_type = " + sql.bind(from.name) +
          " AND k.source_id = " + sql.bind(source) + " AND k.source_part = " + sql.bind(name_of(from, line.from)) +
          " AND k.target_type = " + sql.bind(to.name) + " AND k.target_part = " + sql.bind(name_of(to, line.to)));
  sql.add(" AND " + counts_sql(sql, catalog, to) + " GROUP BY k.source_line");
  sql.made.columns = 2 + line.filling.shares.size();
  return std::move(sql.made);
}

Result<GivenLines> read_given_lines(const Catalog& catalog, Dialect dialect, const catalog::Making& making,
                                    const catalog::Route& route, std::size_t rule, const database::Rows& rows) {
  const catalog::Content& content = catalog.content();
  const catalog::LineRule& line = making.lines[rule];
  const catalog::Table& table = table_of(content, content.types[route.to], line.to);
  const std::vector<catalog::Copy> quantity = {{line.quantity, {}}};
  GivenLines made;
  for (const database::Row& row : rows) {
    GivenLine& given = made[whole_of(row[0].value_or("")).value_or(0)];
    document::Row linked;
    if (auto read = read_sums(dialect, table, quantity, row, 1, linked); !read)
      return tl::unexpected(std::move(read.error()));
    given.linked = linked.number(line.quantity);
    if (auto read = read_sums(dialect, table, line.filling.shares, row, 2, given.sums); !read)
      return tl::unexpected(std::move(read.error()));
  }
  return made;
}

database::Statement plan_given_master(const Catalog& catalog, Dialect dialect, const catalog::Making& making,
                                      const catalog::Route& route, std::int64_t source) {
  const catalog::Content& content = catalog.content();
  const Type &from = content.types[route.from], &to = content.types[route.to];
  const catalog::Table& table = content.tables[to.table];
  SqlText sql{dialect, {}};
  const std::string linked = "(SELECT k.target_id FROM hf_link k WHERE k.source_type = " + sql.bind(from.name) +
                             " AND k.source_id = " + sql.bind(source) + " AND k.target_type = " + sql.bind(to.name);
  const std::string counts = counts_sql(sql, catalog, to);
  // How many there are stands beside the sums of those that this conversion made.
  sql.add("SELECT (SELECT COUNT(*) FROM " + quoted(table.name) + " t WHERE t." + quoted(to.key) + " IN " + linked +
          ") AND " + counts + "), COUNT(*)" + sums_sql(dialect, table, making.filling.shares, "t"));
  sql.add(" FROM " + quoted(table.name) + " t WHERE t." + quoted(to.key) + " IN " + linked +
          " AND k.conversion = " + sql.bind(making.name) + ") AND " + counts);
  sql.made.columns = 2 + making.filling.shares.size();
  return std::move(sql.made);
}

Result<GivenMaster> read_given_master(const Catalog& catalog, Dialect dialect, const catalog::Making& making,
                                      const catalog::Route& route, const database::Rows& rows) {
  GivenMaster made;
  if (rows.empty()) return made;
  made.first = rows.front()[0].value_or("0") == "0";
  const catalog::Content& content = catalog.content();
  const catalog::Table& table = content.tables[content.types[route.to].table];
  if (auto read = read_sums(dialect, table, making.filling.shares, rows.front(), 2, made.sums); !read)
    return tl::unexpected(std::move(read.error()));
  return made;
}

database::Statement plan_checked(const Catalog& catalog, Dialect dialect, const catalog::BillCheck& check,
                                 const BillImage& source, Index index) {
  const catalog::Content& content = catalog.content();
  const Type& type = content.types[index];
  const catalog::Part* const part = check.part ? &type.parts[*check.part] : nullptr;
  const catalog::Table& master = content.tables[type.table];
  const catalog::Table& table = part != nullptr ? content.tables[part->table] : master;
  const std::string alias = part != nullptr ? "x" : "t";
  SqlText sql{dialect, {}};
  sql.add("SELECT t." + quoted(type.key) + ", t." + quoted(type.no) + " FROM " + quoted(master.name) + " t WHERE " +
          is_bill_sql(sql, catalog, type));
  std::string names = "1 = 1";
  if (!check.link.empty()) names += " AND " + alias + "." + quoted(check.link) + " = " + sql.bind(source.id);
  if (!check.biz_type.empty())
    names += " AND " + alias + "." + quoted(check.biz_type) + " = " + sql.bind(std::int64_t{source.type->code});
  for (const catalog::Copy& copy : check.match) {
    const Column& column = *table.find(copy.to);
    const auto cell = cell_of(column, source.master.at(copy.from));
    const auto kept = cell ? stored(dialect, column, *cell) : Result<database::Value>(database::Value());
    names += " AND " + compared(dialect, column, alias) + " = " + sql.bind(kept ? *kept : database::Value());
  }
  if (part != nullptr) {
    sql.add(" AND EXISTS (SELECT 1 FROM " + quoted(table.name) + " x WHERE x." + quoted(part->parent) + " = t." +
            quoted(type.key) + " AND " + names + ")");
  } else {
    sql.add(" AND " + names);
  }
  if (!check.states.empty() && type.lifecycle) {
    std::string states;
    for (const int state : check.states) states += (states.empty() ? "" : ", ") + std::to_string(state);
    const Column& column = *master.find(content.models[*type.lifecycle].name);
    sql.add(" AND " + compared(dialect, column, "t") + " IN (" + states + ")");
  }
  sql.add(" AND " + condition_sql(sql, master, "t", check.when));
  sql.add(" ORDER BY t." + quoted(type.key) + " LIMIT 20");
  sql.made.columns = 2;
  return std::move(sql.made);
}

std::optional<database::Statement> plan_standard(const Catalog& catalog, Dialect dialect, std::string_view table) {
  for (const catalog::Lookup& lookup : catalog.content().lookups) {
    const catalog::Table& rows = catalog.content().tables[lookup.table];
    if (rows.name != table || !lookup.standard) continue;
    SqlText sql{dialect, {}};
    const std::string key = "t." + quoted(lookup.key);
    sql.add("SELECT " + key + " FROM " + quoted(rows.name) + " t WHERE " +
            condition_sql(sql, rows, "t", *lookup.standard) + " ORDER BY " + key + " LIMIT 1");
    sql.made.columns = 1;
    return std::move(sql.made);
  }
  return std::nullopt;
}

}  // namespace hf::documents
