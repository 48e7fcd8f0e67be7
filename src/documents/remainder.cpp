#include "documents/remainder.h"

#include <algorithm>

#include "base/assert.h"
#include "documents/condition_sql.h"
#include "documents/row_scope.h"
#include "documents/sql_text.h"

namespace hf::documents {
namespace {

using catalog::Column;
using catalog::Effect;

// The acting bill of an effect, in SQL: t is its master, x its line, or the master again where it has no line.
struct Acting {
  const catalog::Type& type;
  const catalog::Part* part;
  const catalog::Table& master;
  const catalog::Table& lines;
  const Column* quantity;

  Acting(const Catalog& catalog, const Effect& effect)
      : type(catalog.content().types[effect.from]),
        part(effect.from_part ? &type.parts[*effect.from_part] : nullptr),
        master(catalog.content().tables[type.table]),
        lines(part != nullptr ? catalog.content().tables[part->table] : master),
        quantity(lines.find(effect.quantity)) {}
};

std::string size_of(const Acting& acting, Dialect dialect) {
  return "SUM(ABS(" + compared(dialect, *acting.quantity, acting.part != nullptr ? "x" : "t") + "))";
}

// FROM and WHERE: the links from the bill to what acts on it in those states.
std::string acting_sql(SqlText& sql, const Catalog& catalog, const Effect& effect, const Acting& acting,
                       std::int64_t bill, Taking taking) {
  const catalog::Type& counted = catalog.content().types[effect.to];
  const std::string counted_part = effect.to_part ? counted.parts[*effect.to_part].name : std::string();
  const std::string acting_part = acting.part != nullptr ? acting.part->name : std::string();
  const std::string states = states_of(catalog, acting.type, taking);
  std::string text =
      " FROM hf_link k JOIN " + quoted(acting.master.name) + " t ON t." + quoted(acting.type.key) + " = k.target_id";
  if (acting.part != nullptr) {
    text += " JOIN " + quoted(acting.lines.name) + " x ON x." + quoted(acting.part->key) + " = k.target_line";
  }
  text += " LEFT JOIN hf_bill b ON b.type = k.target_type AND b.id = k.target_id WHERE k.source_type = " +
          sql.bind(counted.name) + " AND k.source_id = " + sql.bind(bill) +
          " AND k.source_part = " + sql.bind(counted_part) + " AND k.target_type = " + sql.bind(acting.type.name) +
          " AND k.target_part = " + sql.bind(acting_part) + " AND " + is_bill_sql(sql, catalog, acting.type);
  if (states.empty()) return text + " AND 1 = 0";
  const catalog::StatusModel& model = catalog.content().models[*acting.type.lifecycle];
  text += " AND " + compared(sql.dialect, *acting.master.find(model.name), "t") + " IN (" + states + ")";
  text += " AND " + condition_sql(sql, acting.master, "t", effect.when);
  return text + " AND " + condition_sql(sql, acting.lines, acting.part != nullptr ? "x" : "t", effect.line_when);
}

Result<Decimal> number_of(const Cell& cell) {
  if (const auto* number = std::get_if<Decimal>(&cell)) return *number;
  const auto* whole = std::get_if<std::int64_t>(&cell);
  if (whole == nullptr) return Decimal();
  if (*whole == INT64_MIN) return fail(Code::too_large, "A number is too large to be counted with.");
  return Decimal::of(*whole);
}

Result<Decimal> sum_of(const std::vector<std::string>& columns, const std::map<std::string, Cell>& line) {
  Decimal sum;
  for (const std::string& name : columns) {
    const auto at = line.find(name);
    if (at == line.end()) continue;
    auto number = number_of(at->second);
    auto more = number ? sum.plus(*number) : number;
    if (!more) return more;
    sum = *more;
  }
  return sum.size();
}

Result<Decimal> read_sum(Dialect dialect, const Acting& acting, const std::optional<std::string>& text) {
  const auto cell = cell_read(dialect, *acting.quantity, text);
  return cell ? number_of(*cell) : Result<Decimal>(tl::unexpected(cell.error()));
}

}  // namespace

std::string states_of(const Catalog& catalog, const catalog::Type& type, Taking taking) {
  if (!type.lifecycle) return {};
  const catalog::StatusModel& model = catalog.content().models[*type.lifecycle];
  std::string list;
  for (const catalog::StatusValue& value : model.values) {
    const bool approved = model.is_approved(value.value);
    const bool void_ = std::find(model.final.begin(), model.final.end(), value.value) != model.final.end();
    if (taking == Taking::done ? approved : !approved && !void_)
      list += (list.empty() ? "" : ", ") + std::to_string(value.value);
  }
  return list;
}

std::vector<const Effect*> effects_on(const Catalog& catalog, const catalog::Type& type, const catalog::Part* part) {
  std::vector<const Effect*> found;
  for (const Effect& effect : catalog.content().effects) {
    if (effect.to != catalog.index_of(type) || effect.limit.empty()) continue;
    const catalog::Part* const counted = effect.to_part ? &type.parts[*effect.to_part] : nullptr;
    if (counted == part && Acting(catalog, effect).quantity != nullptr) found.push_back(&effect);
  }
  return found;
}

database::Statement plan_taken(const Catalog& catalog, Dialect dialect, const Effect& effect, std::int64_t bill,
                               Taking taking, std::int64_t except) {
  const Acting acting(catalog, effect);
  SqlText sql{dialect, {}};
  sql.add("SELECT k.source_line, " + size_of(acting, dialect));
  sql.add(acting_sql(sql, catalog, effect, acting, bill, taking));
  if (except != 0) sql.add(" AND k.target_id <> " + sql.bind(except));
  sql.add(" GROUP BY k.source_line");
  sql.made.columns = 2;
  return std::move(sql.made);
}

database::Statement plan_reservers(const Catalog& catalog, Dialect dialect, const Audience& audience,
                                   const Effect& effect, std::int64_t bill) {
  const Acting acting(catalog, effect);
  SqlText sql{dialect, {}};
  const std::string no = "t." + quoted(acting.type.no);
  sql.add("SELECT k.source_line, k.target_id, " + no + ", b.creator, b.creator_name, " + size_of(acting, dialect));
  sql.add(acting_sql(sql, catalog, effect, acting, bill, Taking::reserving));
  sql.add(" AND " + seen_sql(sql, catalog, acting.type, audience));
  sql.add(" GROUP BY k.source_line, k.target_id, " + no + ", b.creator, b.creator_name");
  sql.add(" ORDER BY k.source_line, k.target_id LIMIT " + std::to_string(reservers_told_max));
  sql.made.columns = 6;
  return std::move(sql.made);
}

Result<Sums> read_taken(const Catalog& catalog, Dialect dialect, const Effect& effect, const database::Rows& rows) {
  const Acting acting(catalog, effect);
  Sums sums;
  for (const database::Row& row : rows) {
    auto sum = read_sum(dialect, acting, row[1]);
    if (!sum) return tl::unexpected(std::move(sum.error()));
    sums[whole_of(row[0].value_or("")).value_or(0)] = *sum;
  }
  return sums;
}

Result<std::map<std::int64_t, std::vector<Reserver>>> read_reservers(const Catalog& catalog, Dialect dialect,
                                                                     const Effect& effect, const database::Rows& rows) {
  const Acting acting(catalog, effect);
  std::map<std::int64_t, std::vector<Reserver>> made;
  for (const database::Row& row : rows) {
    auto sum = read_sum(dialect, acting, row[5]);
    if (!sum) return tl::unexpected(std::move(sum.error()));
    made[whole_of(row[0].value_or("")).value_or(0)].push_back({acting.type.name, row[2].value_or(""),
                                                               whole_of(row[1].value_or("")).value_or(0), *sum,
                                                               Person{row[3].value_or(""), row[4].value_or("")}});
  }
  return made;
}

bool is_done_summed(const Effect& effect) noexcept { return effect.done.empty(); }

Result<Remainder> remainder_of(const Effect& effect, const std::map<std::string, Cell>& line, const LineSums& sums) {
  Remainder made;
  made.effect = effect.name;
  auto ordered = sum_of(effect.limit, line);
  if (ordered && effect.limit_percent != 100) {
    ordered = ordered->times_ratio(Decimal::of(effect.limit_percent), Decimal::of(100), ordered->scale(),
                                   Rounding::toward_zero);
  }
  const auto done = is_done_summed(effect) ? Result<Decimal>(sums.done) : sum_of(effect.done, line);
  if (!ordered) return tl::unexpected(std::move(ordered.error()));
  if (!done) return tl::unexpected(done.error());
  const auto rest = ordered->minus(*done);
  const auto left = rest ? rest->minus(sums.reserved) : rest;
  if (!left) return tl::unexpected(left.error());
  made.ordered = *ordered;
  made.done = *done;
  made.reserved = sums.reserved;
  made.left = *left;
  return made;
}

}  // namespace hf::documents
