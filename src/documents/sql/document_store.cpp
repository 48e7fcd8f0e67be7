#include "documents/sql/document_store.h"

#include <utility>

#include "documents/schema.h"
#include "documents/sql_text.h"
#include "fence/fence_sql.h"
#include "outbox/sql/tables.h"

namespace hf::documents {
namespace {

// Any number, as long as all our programs have the same.
constexpr std::int64_t schema_lock = 0x686f6c6466617374;

Result<Found> look(database::Connection& connection) {
  auto columns = connection.read(find_columns(connection.dialect()));
  if (!columns) return tl::unexpected(std::move(columns.error()));
  auto indexes = connection.read(find_indexes(connection.dialect()));
  if (!indexes) return tl::unexpected(std::move(indexes.error()));
  return read_found(*columns, *indexes);
}

// Whether a document store made the database, or it is empty; else a refusal.
Result<void> check_owner(database::Connection& connection, const Found& found, const std::string& ns) {
  if (found.tables.empty()) return {};
  if (!found.tables.contains("hf_schema")) {
    return fail(
        Code::invalid,
        "The database has tables, and no document store has made them: name an empty one. It is never the ERP's "
        "own.",
        "documents");
  }
  const auto rows = connection.read({"SELECT format, namespace FROM hf_schema WHERE id = 1", {}, 2});
  if (!rows) return tl::unexpected(rows.error());
  if (rows->size() != 1 || (*rows)[0][0] != std::to_string(schema_format)) {
    return fail(Code::invalid, "Another version of Holdfast has made this database: run one that is as new.",
                "documents");
  }
  if ((*rows)[0][1] == ns) return {};
  return fail(Code::invalid,
              "The database keeps the bills of the namespace " + (*rows)[0][1].value_or("") +
                  ": each namespace has a database of its own.",
              "documents");
}

}  // namespace

DocumentStore::DocumentStore(database::Address address, std::shared_ptr<const Catalog> catalog)
    : catalog_(std::move(catalog)),
      connection_(std::move(address), {"holdfast documents", "The document store", database::IfMissing::make}) {}

Result<DocumentStore> DocumentStore::at(const std::string& url, std::shared_ptr<const Catalog> catalog) {
  auto address = database::address_of(url, "documents");
  if (!address) return tl::unexpected(std::move(address.error()));
  return DocumentStore(*std::move(address), std::move(catalog));
}

Result<void> DocumentStore::prepare(const std::string& ns) {
  if (auto begun = connection_.begin_writing(); !begun) return begun;
  auto grown = grow(ns);
  if (grown) grown = connection_.commit();
  if (!grown) connection_.roll_back();
  return grown;
}

Result<void> DocumentStore::grow(const std::string& ns) {
  const Dialect dialect = connection_.dialect();
  if (dialect == Dialect::postgresql) {
    SqlText lock{dialect, {}};
    lock.add("SELECT pg_advisory_xact_lock(" + lock.bind(schema_lock) + ")");
    if (auto held = connection_.write(lock.made); !held) return tl::unexpected(std::move(held.error()));
  }
  const auto wanted = plan_schema(*catalog_, dialect);
  if (!wanted) return tl::unexpected(wanted.error());
  auto found = look(connection_);
  if (!found) return tl::unexpected(std::move(found.error()));
  if (auto ours = check_owner(connection_, *found, ns); !ours) return ours;
  if (!found->tables.contains("hf_schema")) {
    for (const std::string_view script : {fence::schema_of(dialect), outbox::schema_of(dialect)}) {
      if (auto made = connection_.run_script(script); !made) return made;
    }
    found = look(connection_);
    if (!found) return tl::unexpected(std::move(found.error()));
  }
  const auto statements = changes(*wanted, *found, dialect);
  if (!statements) return tl::unexpected(statements.error());
  for (const std::string& statement : *statements) {
    if (auto done = connection_.write({statement, {}, 0}); !done) return tl::unexpected(std::move(done.error()));
  }
  SqlText row{dialect, {}};
  row.add("INSERT INTO hf_schema (id, format, catalog, namespace) VALUES (1, " + row.bind(schema_format) + ", " +
          row.bind(catalog_->content().name) + ", " + row.bind(ns) +
          ") ON CONFLICT (id) DO UPDATE SET format = excluded.format, catalog = excluded.catalog");
  auto kept = connection_.write(row.made);
  if (!kept) return tl::unexpected(std::move(kept.error()));
  return {};
}

template <class Work>
auto DocumentStore::reading(Work work) -> decltype(work()) {
  if (auto begun = connection_.begin_reading(); !begun) return tl::unexpected(std::move(begun.error()));
  auto made = work();
  connection_.roll_back();
  return made;
}

Result<BillPage> DocumentStore::list(const Audience& audience, const BillListQuestion& question) {
  const Dialect dialect = connection_.dialect();
  const auto plan = plan_list(*catalog_, dialect, audience, question);
  if (!plan) return tl::unexpected(plan.error());
  return reading([&]() -> Result<BillPage> {
    const auto page = connection_.read(plan->page);
    if (!page) return tl::unexpected(page.error());
    const auto total = plan->total ? connection_.read(*plan->total) : Result<database::Rows>(database::Rows());
    if (!total) return tl::unexpected(total.error());
    return read_list(dialect, *plan, *page, *total);
  });
}

Result<LookupPage> DocumentStore::look_up(const Audience& audience, const LookupQuestion& question) {
  const auto plan = plan_lookup(*catalog_, connection_.dialect(), audience, question);
  if (!plan) return tl::unexpected(plan.error());
  const auto rows = connection_.read(plan->statement);
  if (!rows) return tl::unexpected(rows.error());
  return read_lookup(connection_.dialect(), *plan, *rows);
}

Result<Bill> DocumentStore::get(const Audience& audience, const BillQuestion& question) {
  const auto plan = plan_bill(*catalog_, connection_.dialect(), audience, question);
  if (!plan) return tl::unexpected(plan.error());
  return reading([&] { return read(audience, question, *plan); });
}

Result<Bill> DocumentStore::read(const Audience& audience, const BillQuestion& question, const BillPlan& plan) {
  const Dialect dialect = connection_.dialect();
  const auto head = connection_.read(plan.head);
  if (!head) return tl::unexpected(head.error());
  auto bill = read_bill(*catalog_, dialect, plan, *head);
  if (!bill) return bill;
  if (auto counted = count_left(audience, plan, nullptr, *bill); !counted)
    return tl::unexpected(std::move(counted.error()));
  for (const catalog::Part* part : plan.parts) {
    const auto statement = plan_lines(*catalog_, dialect, plan, *part, question);
    if (!statement) return tl::unexpected(statement.error());
    const auto rows = connection_.read(*statement);
    if (!rows) return tl::unexpected(rows.error());
    auto lines = read_lines(*catalog_, dialect, plan, *part, question, *rows);
    if (!lines) return tl::unexpected(std::move(lines.error()));
    bill->parts.push_back(*std::move(lines));
    if (auto counted = count_left(audience, plan, part, *bill); !counted)
      return tl::unexpected(std::move(counted.error()));
  }
  auto sources = linked(audience, plan, Direction::up);
  if (!sources) return tl::unexpected(std::move(sources.error()));
  auto targets = linked(audience, plan, Direction::down);
  if (!targets) return tl::unexpected(std::move(targets.error()));
  bill->sources = *std::move(sources);
  bill->targets = *std::move(targets);
  return bill;
}

Result<void> DocumentStore::count_left(const Audience& audience, const BillPlan& plan, const catalog::Part* part,
                                       Bill& bill) {
  const Dialect dialect = connection_.dialect();
  for (const catalog::Effect* effect : effects_on(*catalog_, *plan.type, part)) {
    const auto sums_of = [&](Taking taking) -> Result<Sums> {
      const auto rows = connection_.read(plan_taken(*catalog_, dialect, *effect, plan.id, taking));
      if (!rows) return tl::unexpected(rows.error());
      return read_taken(*catalog_, dialect, *effect, *rows);
    };
    auto reserved = sums_of(Taking::reserving);
    if (!reserved) return tl::unexpected(std::move(reserved.error()));
    auto done = is_done_summed(*effect) ? sums_of(Taking::done) : Result<Sums>(Sums());
    if (!done) return tl::unexpected(std::move(done.error()));
    const auto rows = connection_.read(plan_reservers(*catalog_, dialect, audience, *effect, plan.id));
    if (!rows) return tl::unexpected(rows.error());
    auto reservers = read_reservers(*catalog_, dialect, *effect, *rows);
    if (!reservers) return tl::unexpected(std::move(reservers.error()));
    const auto count = [&](std::int64_t line, const std::vector<BillField>& fields,
                           std::vector<Remainder>& left) -> Result<void> {
      auto made = remainder_of(*effect, cells_of(fields), {(*done)[line], (*reserved)[line]});
      if (!made) return tl::unexpected(std::move(made.error()));
      made->reservers = std::move((*reservers)[line]);
      left.push_back(*std::move(made));
      return {};
    };
    if (part == nullptr) {
      if (auto counted = count(0, bill.fields, bill.left); !counted) return counted;
      continue;
    }
    for (BillLine& line : bill.parts.back().lines) {
      if (auto counted = count(line.id, line.fields, line.left); !counted) return counted;
    }
  }
  return {};
}

Result<std::vector<BillLinked>> DocumentStore::linked(const Audience& audience, const BillPlan& plan,
                                                      Direction direction) {
  const auto links = connection_.read(plan_links(connection_.dialect(), plan, direction));
  if (!links) return tl::unexpected(links.error());
  std::vector<BillLinked> made;
  for (const LinkedPlan& each : plan_linked(*catalog_, connection_.dialect(), audience, *links)) {
    const auto rows = connection_.read(each.statement);
    if (!rows) return tl::unexpected(rows.error());
    read_linked(each, *rows, made);
  }
  return made;
}

}  // namespace hf::documents
