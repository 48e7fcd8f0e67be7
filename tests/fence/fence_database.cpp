#include "tests/fence/fence_database.h"

#include <gtest/gtest.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <fstream>
#include <set>
#include <sstream>

#include "catalog/erp_catalog_test.h"
#include "fence/fence_sql.h"
#include "tests/fence/mariadb_process.h"
#include "tests/outbox/erp_database.h"

namespace hf::test {
namespace {

constexpr std::string_view tables = R"(CREATE TABLE "tb_SaleOrder" ("SOrder_ID" bigint PRIMARY KEY, "TotalQty" bigint);
CREATE TABLE "tb_SaleOrderDetail" ("SaleOrderDetail_ID" bigint PRIMARY KEY, "SOrder_ID" bigint, "Quantity" bigint);
)";

// The end of the first statement of a script of ours. A line that goes on with one is indented or ends a body.
std::size_t statement_end(std::string_view script) {
  for (auto end = script.find(";\n"); end != std::string_view::npos; end = script.find(";\n", end + 1)) {
    const std::string_view next = script.substr(end + 2);
    if (!next.starts_with(' ') && !next.starts_with("END") && !next.starts_with("$$")) return end;
  }
  return std::string_view::npos;
}

// Without comments: a colon in one would be taken for a parameter.
std::string without_comments(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto line_end = text.find('\n');
    const std::string_view line = text.substr(0, line_end);
    out.append(line.substr(0, line.find("--"))).append(1, '\n');
    text = line_end == std::string_view::npos ? std::string_view() : text.substr(line_end + 1);
  }
  return out;
}

void replace(std::string& text, std::string_view name, const std::string& value) {
  for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size()))
    text.replace(at, name.size(), value);
}

}  // namespace

Connection::Connection(Dialect dialect, const std::string& where) : dialect_(dialect) {
  try {
    switch (dialect) {
      case Dialect::sqlite:
        session_ = std::make_unique<soci::session>(*soci::factory_sqlite3(), where);
        *session_ << "PRAGMA synchronous = OFF";
        *session_ << "PRAGMA journal_mode = WAL";
        break;
      case Dialect::postgresql:
        session_ = std::make_unique<soci::session>(*soci::factory_postgresql(), where);
        *session_ << "SET deadlock_timeout = '20ms'";
        *session_ << "SET client_min_messages = 'warning'";
        break;
      case Dialect::mysql:
        session_ = std::make_unique<soci::session>("mysql", where);
        *session_ << "SET SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')";  // names are quoted as the others do
        break;
      case Dialect::sqlserver: break;
    }
  } catch (const soci::soci_error& error) {
    why_ = error.what();
    session_.reset();
  }
}
Connection::~Connection() {
  if (session_ && open_) roll_back();
}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

std::optional<Number> Connection::execute(const std::string& sql) {
  if (!session_) return std::nullopt;
  try {
    soci::statement prepared = (session_->prepare << sql);
    prepared.execute(true);
    return prepared.get_affected_rows();
  } catch (const soci::soci_error& error) {
    why_ = error.what();
    return std::nullopt;
  }
}

std::optional<Number> Connection::ask(const std::string& sql) {
  if (!session_) return std::nullopt;
  try {
    long long value = 0;
    soci::indicator is = soci::i_null;
    *session_ << sql, soci::into(value, is);
    if (!session_->got_data() || is == soci::i_null) return std::nullopt;
    return value;
  } catch (const soci::soci_error& error) {
    why_ = error.what();
    return std::nullopt;
  }
}

bool Connection::run(std::string_view script) {
  while (true) {
    const auto end = statement_end(script);
    if (end == std::string_view::npos) return true;
    if (!execute(without_comments(script.substr(0, end)))) return false;
    script.remove_prefix(end + 2);
  }
}

bool Connection::begin() {
  // SOCI's own begins a reader in SQLite, which cannot become a writer once another has written.
  open_ = execute(dialect_ == Dialect::sqlite ? "BEGIN IMMEDIATE" : "START TRANSACTION").has_value();
  return open_;
}
bool Connection::commit() {
  open_ = false;
  return execute("COMMIT").has_value();
}
void Connection::roll_back() {
  open_ = false;
  execute("ROLLBACK");
}

MariadbProcess* FenceDatabase::mariadb() {
  static MariadbProcess process;
  return process.is_running() ? &process : nullptr;
}

FenceDatabase::FenceDatabase(Dialect dialect, Triggers triggers) : dialect_(dialect) {
  // A server makes a database slowly, so the tests of one program share those of their kind.
  static std::set<std::string> there;
  name_ = triggers == Triggers::none ? "bare" : "fenced";
  if (dialect == Dialect::sqlite) {
    where_ = "dbname=" + file() + " timeout=20";
  } else if (dialect == Dialect::postgresql) {
    PostgresProcess* const server = ErpDatabase::postgres();
    if (server == nullptr) return;
    where_ = server->url(name_);
    if (!there.contains(where_))
      Connection(dialect, server->url()).execute("CREATE DATABASE " + name_ + " TEMPLATE template0");
  } else {
    MariadbProcess* const server = mariadb();
    if (server == nullptr) return;
    where_ = server->parameters(name_);
    if (!there.contains(where_)) Connection(dialect, server->parameters("mysql")).execute("CREATE DATABASE " + name_);
  }
  Connection erp = connect();
  made_ = there.insert(where_).second ? make(erp, triggers) : empty(erp);
  EXPECT_TRUE(made_) << erp.why();
}

bool FenceDatabase::make(Connection& erp, Triggers triggers) const {
  return erp.run(fence::schema_of(dialect_)) && erp.run(tables) &&
         (triggers == Triggers::none ||
          erp.run(fence::triggers_of(dialect_, *test::erp(), *test::erp()->find_type("SaleOrder"))));
}

bool FenceDatabase::empty(Connection& erp) {
  // hf_bill last: the triggers of the others write to it.
  return erp.execute("DELETE FROM \"tb_SaleOrder\"") && erp.execute("DELETE FROM \"tb_SaleOrderDetail\"") &&
         erp.execute("DELETE FROM hf_bill");
}

const std::string& fencing_page() {
  static const std::string page = [] {
    std::ifstream in(std::string(HF_SOURCE_DIR) + "/docs/fencing.md");
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }();
  return page;
}

std::string statement(std::string_view comment, const BillAt& bill) {
  const std::string head = "-- " + std::string(comment) + "\n";
  const std::string& page = fencing_page();
  const auto at = page.find(head);
  EXPECT_NE(at, std::string::npos) << "docs/fencing.md has no statement: " << comment;
  if (at == std::string::npos) return {};
  std::string sql = page.substr(at + head.size(), page.find(';', at) - at - head.size());
  replace(sql, ":type", "'SaleOrder'");
  replace(sql, ":id", std::to_string(bill.id));
  replace(sql, ":version", std::to_string(bill.version));
  replace(sql, ":token", std::to_string(bill.token));
  return sql;
}

}  // namespace hf::test
