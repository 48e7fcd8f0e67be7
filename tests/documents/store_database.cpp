#include "tests/documents/store_database.h"

#include "documents/sql_text.h"
#include "documents/values.h"

namespace hf::test {
namespace {

PostgresProcess& postgres() {
  static PostgresProcess process;
  return process;
}

database::Connection connection_to(const std::string& url) {
  return {*database::address_of(url, "documents"), {"test", "The test's database", database::IfMissing::make}};
}

// What says nothing, for a column that must have something.
std::string nothing_of(const catalog::Column& column) {
  switch (column.kind) {
    case catalog::ColumnKind::text:
    case catalog::ColumnKind::bytes: return "";
    case catalog::ColumnKind::time: return "2026-11-01T00:00:00Z";
    case catalog::ColumnKind::date: return "2026-11-01";
    case catalog::ColumnKind::id:
    case catalog::ColumnKind::integer:
    case catalog::ColumnKind::boolean:
    case catalog::ColumnKind::money:
    case catalog::ColumnKind::decimal: break;
  }
  return "0";
}

}  // namespace

StoreDatabase::StoreDatabase(Dialect dialect, Tables tables) {
  if (dialect == Dialect::sqlite) {
    url_ = "sqlite:" + directory_.path() + "/documents.db";
    return;
  }
  std::string copied = "template0";
  if (tables == Tables::of_erp) {
    static const StoreDatabase first(Dialect::postgresql);
    static const bool made = [] {
      first.prepared();  // its connection is closed again, or it could not be copied
      return true;
    }();
    EXPECT_TRUE(made);
    const std::size_t from = first.url_.rfind('/') + 1;
    copied = first.url_.substr(from, first.url_.find('?', from) - from);
  }
  static int number = 0;
  const std::string name = "documents" + std::to_string(++number);
  database::Connection server = connection_to(postgres().url());
  const auto made = server.write({"CREATE DATABASE " + name + " TEMPLATE " + copied, {}, 0});
  EXPECT_TRUE(made) << made.error().detail;
  url_ = postgres().url(name);
}

documents::DocumentStore StoreDatabase::store(std::shared_ptr<const Catalog> catalog) const {
  return *documents::DocumentStore::at(url_, std::move(catalog));
}

documents::DocumentStore StoreDatabase::prepared(std::shared_ptr<const Catalog> catalog) const {
  documents::DocumentStore made = store(std::move(catalog));
  const auto done = made.prepare("default");
  EXPECT_TRUE(done) << done.error().detail;
  return made;
}

std::string ask(documents::DocumentStore& store, const std::string& sql) {
  const auto rows = store.connection().read({sql, {}, 1});
  EXPECT_TRUE(rows) << rows.error().detail;
  return rows && !rows->empty() ? (*rows)[0][0].value_or("") : "";
}

void run(documents::DocumentStore& store, const std::string& sql) {
  const auto done = store.connection().write({sql, {}, 0});
  EXPECT_TRUE(done) << done.error().detail;
}

void Rows::add(const std::string& table, const Columns& columns) {
  const catalog::Table* const found = catalog_->find_table(table);
  ASSERT_NE(found, nullptr) << table;
  const Dialect dialect = store_.connection().dialect();
  documents::SqlText sql{dialect, {}};
  std::string names, places;
  for (const catalog::Column& column : found->columns) {
    const auto said = columns.find(column.name);
    if (said == columns.end() && column.nullable) continue;
    documents::Cell cell = std::string();
    if (column.kind != catalog::ColumnKind::bytes) {
      auto made = documents::cell_said(column, said != columns.end() ? said->second : nothing_of(column));
      ASSERT_TRUE(made) << column.name << ": " << made.error().detail;
      cell = *std::move(made);
    }
    names += (names.empty() ? "" : ", ") + documents::quoted(column.name);
    places += (places.empty() ? "" : ", ") +
              documents::written(dialect, column, sql.bind(*documents::stored(dialect, column, cell)));
  }
  sql.add("INSERT INTO " + documents::quoted(table) + " (" + names + ") VALUES (" + places + ")");
  const auto done = store_.connection().write(sql.made);
  ASSERT_TRUE(done) << done.error().detail;
}

void Rows::add_bill(const std::string& type, std::int64_t id, const People& people, Columns columns) {
  const catalog::Type* const found = catalog_->find_type(type);
  ASSERT_NE(found, nullptr) << type;
  columns.emplace(found->key, std::to_string(id));
  columns.emplace(found->no, type + std::to_string(id));
  if (found->only) columns.emplace(found->only->column, std::to_string(found->only->value));
  add(catalog_->content().tables[found->table].name, columns);
  documents::SqlText sql{store_.connection().dialect(), {}};
  sql.add("INSERT INTO hf_bill (type, id, version, creator, creator_name, handler, handler_name, closed_by) VALUES (" +
          sql.bind(type) + ", " + sql.bind(id) + ", 1, " + sql.bind(people.creator) + ", '', " +
          sql.bind(people.handler) + ", '', '')");
  const auto done = store_.connection().write(sql.made);
  ASSERT_TRUE(done) << done.error().detail;
}

void Rows::add_line(const std::string& type, const std::string& part, std::int64_t line, std::int64_t bill,
                    Columns columns) {
  const catalog::Part* const found = catalog_->find_type(type)->find_part(part);
  ASSERT_NE(found, nullptr) << part;
  columns.emplace(found->key, std::to_string(line));
  columns.emplace(found->parent, std::to_string(bill));
  add(catalog_->content().tables[found->table].name, columns);
}

void Rows::link(const std::string& target, std::int64_t target_id, std::int64_t target_line, const std::string& source,
                std::int64_t source_id, std::int64_t source_line) {
  const auto part = [&](const std::string& type) { return catalog_->find_type(type)->parts.front().name; };
  documents::SqlText sql{store_.connection().dialect(), {}};
  sql.add(
      "INSERT INTO hf_link (target_type, target_id, target_part, target_line, source_type, source_id, source_part, "
      "source_line, conversion, run) VALUES (" +
      sql.bind(target) + ", " + sql.bind(target_id) + ", " + sql.bind(part(target)) + ", " + sql.bind(target_line) +
      ", " + sql.bind(source) + ", " + sql.bind(source_id) + ", " + sql.bind(part(source)) + ", " +
      sql.bind(source_line) + ", '', '')");
  const auto done = store_.connection().write(sql.made);
  ASSERT_TRUE(done) << done.error().detail;
}

Audience somebody(const Claims& claims) { return Audience(*erp(), claims); }

}  // namespace hf::test
