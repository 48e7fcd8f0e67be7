#include "documents/write/behind.h"

#include <algorithm>
#include <set>

#include "documents/remainder.h"
#include "documents/row_scope.h"
#include "documents/sql_text.h"

namespace hf::documents {
namespace {

// SELECT id, number FROM the bills of the type, in those states.
void add_bills(SqlText& sql, const Catalog& catalog, const catalog::Type& type, Taking taking) {
  const catalog::Content& content = catalog.content();
  const std::string key = "t." + quoted(type.key);
  sql.add("SELECT " + key + ", t." + quoted(type.no) + " FROM " + quoted(content.tables[type.table].name) +
          " t WHERE " + is_bill_sql(sql, catalog, type));
  if (!type.lifecycle) return;
  const std::string states = states_of(catalog, type, taking);
  const catalog::Column& column = *content.tables[type.table].find(content.models[*type.lifecycle].name);
  sql.add(states.empty() ? " AND 1 = 0" : " AND " + compared(sql.dialect, column, "t") + " IN (" + states + ")");
}

BehindPlan finished(SqlText sql, const catalog::Type& type) {
  sql.add(" ORDER BY t." + quoted(type.key) + " LIMIT " + std::to_string(behind_told_max));
  sql.made.columns = 2;
  return {&type, std::move(sql.made)};
}

}  // namespace

std::vector<BehindPlan> plan_successors(const Catalog& catalog, Dialect dialect, const catalog::Type& type,
                                        std::int64_t id) {
  std::vector<BehindPlan> plans;
  for (const catalog::Successor& successor : type.successors) {
    const catalog::Type& other = catalog.content().types[successor.type];
    const catalog::Part* const part = successor.part ? &other.parts[*successor.part] : nullptr;
    SqlText sql{dialect, {}};
    add_bills(sql, catalog, other, Taking::done);
    const std::string row = part != nullptr ? "x." : "t.";
    std::string names = row + quoted(successor.link) + " = " + sql.bind(id);
    if (!successor.biz_type.empty())
      names += " AND " + row + quoted(successor.biz_type) + " = " + sql.bind(std::int64_t{type.code});
    if (part != nullptr) {
      sql.add(" AND EXISTS (SELECT 1 FROM " + quoted(catalog.content().tables[part->table].name) + " x WHERE x." +
              quoted(part->parent) + " = t." + quoted(other.key) + " AND " + names + ")");
    } else {
      sql.add(" AND " + names);
    }
    plans.push_back(finished(std::move(sql), other));
  }
  return plans;
}

std::vector<BehindPlan> plan_drafts(const Catalog& catalog, Dialect dialect, const catalog::Type& type,
                                    std::int64_t id) {
  std::set<catalog::Index> types;
  for (const catalog::Effect& effect : catalog.content().effects) {
    if (effect.to == catalog.index_of(type)) types.insert(effect.from);
  }
  std::vector<BehindPlan> plans;
  for (const catalog::Index index : types) {
    const catalog::Type& other = catalog.content().types[index];
    SqlText sql{dialect, {}};
    add_bills(sql, catalog, other, Taking::reserving);
    sql.add(" AND t." + quoted(other.key) +
            " IN (SELECT k.target_id FROM hf_link k WHERE k.source_type = " + sql.bind(type.name) +
            " AND k.source_id = " + sql.bind(id) + " AND k.target_type = " + sql.bind(other.name) + ")");
    plans.push_back(finished(std::move(sql), other));
  }
  return plans;
}

void read_behind(const BehindPlan& plan, const database::Rows& rows, std::vector<BillLinked>& made) {
  for (const database::Row& row : rows)
    made.push_back({plan.type->name, row[1].value_or(""), whole_of(row[0].value_or("")).value_or(0)});
}

}  // namespace hf::documents
