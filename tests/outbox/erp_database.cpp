#include "tests/outbox/erp_database.h"

#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

namespace hf::test {
namespace {

constexpr std::string_view sqlite_prefix = "sqlite:";

// Statement by statement: what prepares them takes one at a time.
void execute_all(Erp& erp, std::string_view script) {
  while (true) {
    const auto end = script.find(";\n");
    if (end == std::string_view::npos) return;
    // A colon in a comment would be taken for a parameter.
    std::string statement;
    for (std::string_view rest = script.substr(0, end); !rest.empty();) {
      const auto line_end = rest.find('\n');
      const std::string_view line = rest.substr(0, line_end);
      statement.append(line.substr(0, line.find("--"))).append(1, '\n');
      rest = line_end == std::string_view::npos ? std::string_view() : rest.substr(line_end + 1);
    }
    erp.execute(statement);
    script.remove_prefix(end + 2);
  }
}

}  // namespace

Erp::Erp(const std::string& url) {
  if (url.starts_with(sqlite_prefix)) {
    session_ = std::make_unique<soci::session>(*soci::factory_sqlite3(),
                                               "dbname=" + url.substr(sqlite_prefix.size()) + " timeout=5");
    *session_ << "PRAGMA synchronous = OFF";  // the ERP's own; a test of it would be one of SQLite
  } else {
    session_ = std::make_unique<soci::session>(*soci::factory_postgresql(), url);
  }
}
Erp::~Erp() {
  if (session_ && open_) roll_back();
}
Erp::Erp(Erp&&) noexcept = default;
Erp& Erp::operator=(Erp&&) noexcept = default;

void Erp::begin() {
  session_->begin();
  open_ = true;
}
void Erp::commit() {
  session_->commit();
  open_ = false;
}
void Erp::roll_back() {
  session_->rollback();
  open_ = false;
}

void Erp::write(const std::string& event) {
  *session_ << "INSERT INTO holdfast_outbox (event) VALUES (:event)", soci::use(event, "event");
}

void Erp::write_bill(const std::string& id, int version, int status) {
  write(R"({"type":"SaleOrder","id":")" + id + "\"" +
        (version > 0 ? R"(,"version":)" + std::to_string(version) : std::string()) + R"(,"state":{"DataStatus":)" +
        std::to_string(status) + R"(,"ApprovalStatus":0},"creator":"li","owner":null,"department":null})");
}

void Erp::execute(const std::string& sql) { *session_ << sql; }

std::string Erp::ask(const std::string& sql) {
  soci::row row;
  *session_ << sql, soci::into(row);
  if (row.size() == 0 || row.get_indicator(0) == soci::i_null) return {};
  switch (row.get_properties(0).get_data_type()) {
    case soci::dt_integer: return std::to_string(row.get<int>(0));
    case soci::dt_long_long: return std::to_string(row.get<long long>(0));
    default: return row.get<std::string>(0);
  }
}

PostgresProcess* ErpDatabase::postgres() {
  static PostgresProcess process;
  return process.is_running() ? &process : nullptr;
}

ErpDatabase::ErpDatabase(outbox::Dialect dialect) {
  if (dialect == outbox::Dialect::sqlite) {
    url_ = std::string(sqlite_prefix) + directory_.path() + "/erp.db";
  } else {
    PostgresProcess* const server = postgres();
    if (server == nullptr) return;
    static int number = 0;
    const std::string name = "erp" + std::to_string(++number);
    Erp(server->url()).execute("CREATE DATABASE " + name + " TEMPLATE template0");
    url_ = server->url(name);
  }
  Erp made(url_);
  execute_all(made, outbox::schema_of(dialect));
}

}  // namespace hf::test
