#include "documents/sql/store_ledger.h"

#include <algorithm>

#include "documents/row_scope.h"
#include "documents/sql_text.h"

namespace hf::documents {

Result<const BillImage*> StoreLedger::bill(const catalog::Type& type, std::int64_t id, Need need) {
  const BillKey key{type.name, id};
  if (need == Need::lock) needed_.insert(key);
  const auto known = bills_.find(key);
  if (known != bills_.end()) return known->second.get();
  auto found = read(type, id);
  if (!found) return tl::unexpected(std::move(found.error()));
  return bills_.emplace(key, *std::move(found)).first->second.get();
}

Result<std::unique_ptr<BillImage>> StoreLedger::read(const catalog::Type& type, std::int64_t id) {
  const Dialect dialect = connection_.dialect();
  const auto rows = connection_.read(plan_image(catalog_, dialect, type, id));
  if (!rows) return tl::unexpected(rows.error());
  if (rows->empty()) return std::unique_ptr<BillImage>();
  auto image = read_image(catalog_, dialect, type, id, *rows);
  if (!image) return tl::unexpected(std::move(image.error()));
  for (std::size_t part = 0; part < type.parts.size(); ++part) {
    const auto lines = connection_.read(plan_image_lines(catalog_, dialect, type.parts[part], id));
    if (!lines) return tl::unexpected(lines.error());
    auto read = read_image_lines(catalog_, dialect, type.parts[part], *lines);
    if (!read) return tl::unexpected(std::move(read.error()));
    image->parts[part] = *std::move(read);
  }
  return std::make_unique<BillImage>(*std::move(image));
}

Result<Sums> StoreLedger::taken(const catalog::Effect& effect, std::int64_t bill, Taking taking, std::int64_t except) {
  const auto rows = connection_.read(plan_taken(catalog_, connection_.dialect(), effect, bill, taking, except));
  if (!rows) return tl::unexpected(rows.error());
  return read_taken(catalog_, connection_.dialect(), effect, *rows);
}

Result<std::map<std::int64_t, std::vector<Reserver>>> StoreLedger::reservers(const catalog::Effect& effect,
                                                                             std::int64_t bill) {
  const auto rows = connection_.read(plan_reservers(catalog_, connection_.dialect(), audience_, effect, bill));
  if (!rows) return tl::unexpected(rows.error());
  return read_reservers(catalog_, connection_.dialect(), effect, *rows);
}

Result<std::vector<LinkRow>> StoreLedger::links(const BillKey& target) {
  SqlText sql{connection_.dialect(), {}};
  sql.add(
      "SELECT target_part, target_line, source_type, source_id, source_part, source_line, conversion FROM hf_link "
      "WHERE "
      "target_type = " +
      sql.bind(target.type) + " AND target_id = " + sql.bind(target.id));
  sql.made.columns = 7;
  const auto rows = connection_.read(sql.made);
  if (!rows) return tl::unexpected(rows.error());
  const auto number = [](const std::optional<std::string>& text) { return whole_of(text.value_or("")).value_or(0); };
  std::vector<LinkRow> made;
  for (const database::Row& row : *rows) {
    const BillKey source{row[2].value_or(""), number(row[3])};
    // A type that the catalog has lost counts no more.
    if (catalog_.find_type(source.type) == nullptr) continue;
    made.push_back(
        {row[0].value_or(""), number(row[1]), source, row[4].value_or(""), number(row[5]), row[6].value_or("")});
  }
  std::sort(made.begin(), made.end());
  return made;
}

Result<bool> StoreLedger::sees(const catalog::Type& type, std::int64_t id) {
  SqlText sql{connection_.dialect(), {}};
  const std::string key = "t." + quoted(type.key);
  sql.add("SELECT 1 FROM " + quoted(catalog_.content().tables[type.table].name) +
          " t LEFT JOIN hf_bill b ON b.type = " + sql.bind(type.name) + " AND b.id = " + key + " WHERE " + key + " = " +
          sql.bind(id));
  sql.add(" AND " + is_bill_sql(sql, catalog_, type));
  sql.add(" AND " + seen_sql(sql, catalog_, type, audience_));
  sql.made.columns = 1;
  const auto rows = connection_.read(sql.made);
  if (!rows) return tl::unexpected(rows.error());
  return !rows->empty();
}

Result<std::vector<BillLinked>> StoreLedger::successors(const catalog::Type& type, std::int64_t id) {
  return read_all(plan_successors(catalog_, connection_.dialect(), type, id));
}

Result<std::vector<BillLinked>> StoreLedger::drafts(const catalog::Type& type, std::int64_t id) {
  return read_all(plan_drafts(catalog_, connection_.dialect(), type, id));
}

Result<GivenLines> StoreLedger::given_lines(const catalog::Making& making, const catalog::Route& route,
                                            std::size_t rule, std::int64_t source) {
  const auto rows = connection_.read(plan_given_lines(catalog_, connection_.dialect(), making, route, rule, source));
  if (!rows) return tl::unexpected(rows.error());
  return read_given_lines(catalog_, connection_.dialect(), making, route, rule, *rows);
}

Result<GivenMaster> StoreLedger::given_master(const catalog::Making& making, const catalog::Route& route,
                                              std::int64_t source) {
  const auto rows = connection_.read(plan_given_master(catalog_, connection_.dialect(), making, route, source));
  if (!rows) return tl::unexpected(rows.error());
  return read_given_master(catalog_, connection_.dialect(), making, route, *rows);
}

Result<std::vector<BillLinked>> StoreLedger::checked(const catalog::BillCheck& check, const BillImage& source) {
  std::vector<BehindPlan> plans;
  for (const catalog::Index type : check.types) {
    plans.push_back(
        {&catalog_.content().types[type], plan_checked(catalog_, connection_.dialect(), check, source, type)});
  }
  return read_all(plans);
}

Result<std::optional<std::int64_t>> StoreLedger::standard(std::string_view table) {
  const auto plan = plan_standard(catalog_, connection_.dialect(), table);
  if (!plan) return std::optional<std::int64_t>();
  const auto rows = connection_.read(*plan);
  if (!rows) return tl::unexpected(rows.error());
  return rows->empty() ? std::nullopt : whole_of((*rows)[0][0].value_or(""));
}

Result<std::vector<BillLinked>> StoreLedger::read_all(const std::vector<BehindPlan>& plans) {
  std::vector<BillLinked> made;
  for (const BehindPlan& plan : plans) {
    const auto rows = connection_.read(plan.statement);
    if (!rows) return tl::unexpected(rows.error());
    read_behind(plan, *rows, made);
  }
  return made;
}

}  // namespace hf::documents
