#include "documents/row_scope.h"

#include "documents/values.h"

namespace hf::documents {
namespace {

// `column` of the master has what a token says. An id that the token spells in another way is nobody's.
void add_column(SqlText& sql, std::vector<Way>& ways, const catalog::Table& table, const std::string& name,
                const std::string& said) {
  const catalog::Column* const column = name.empty() ? nullptr : table.find(name);
  if (column == nullptr || said.empty()) return;
  database::Value value = said;
  if (catalog::is_whole(column->kind)) {
    const auto whole = whole_of(said);
    if (!whole) return;
    value = *whole;
  }
  ways.push_back({Way::Asks::master, compared(sql.dialect, *column, "t") + " = " + sql.bind(std::move(value))});
}

}  // namespace

std::vector<Way> ways_to_see(SqlText& sql, const Catalog& catalog, const catalog::Type& type,
                             const Audience& audience) {
  const auto scope = audience.scope_of(catalog.index_of(type));
  if (!scope) return {};
  if (*scope == catalog::Scope::all) return {Way{}};
  const catalog::Table& table = catalog.content().tables[type.table];
  std::vector<Way> ways;
  if (!audience.user().empty()) {
    for (const char* column : {"b.creator", "b.handler"}) {
      ways.push_back({Way::Asks::bill, std::string(column) + " = " + sql.bind(audience.user())});
    }
  }
  add_column(sql, ways, table, type.owner, audience.employee());
  if (*scope == catalog::Scope::department) {
    for (const std::string& department : audience.departments()) {
      add_column(sql, ways, table, type.department, department);
    }
  }
  return ways;
}

std::string seen_sql(SqlText& sql, const Catalog& catalog, const catalog::Type& type, const Audience& audience) {
  std::string any;
  for (const Way& way : ways_to_see(sql, catalog, type, audience)) {
    if (way.asks == Way::Asks::nothing) return "1 = 1";
    any += (any.empty() ? "(" : " OR ") + way.condition;
  }
  return any.empty() ? "1 = 0" : any + ")";
}

std::string is_bill_sql(SqlText& sql, const Catalog& catalog, const catalog::Type& type) {
  const catalog::Table& table = catalog.content().tables[type.table];
  std::string all;
  if (type.only) {
    if (const catalog::Column* column = table.find(type.only->column)) {
      all += compared(sql.dialect, *column, "t") + " = " + std::to_string(type.only->value);
    }
  }
  if (!type.deleted.empty()) {
    if (const catalog::Column* column = table.find(type.deleted)) {
      all += (all.empty() ? "" : " AND ") + is_unset(sql.dialect, *column, "t");
    }
  }
  return all.empty() ? "1 = 1" : all;
}

}  // namespace hf::documents
