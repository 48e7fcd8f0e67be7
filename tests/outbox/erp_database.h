#pragma once

// The database of an ERP for one test, of either kind, with an outbox in it, and what the ERP does there.
//
// Each Erp is a connection of its own with at most one open transaction; going, it rolls back, as a process that dies
// does. Not thread-safe.

#include <memory>
#include <string>

#include "outbox/sql/tables.h"
#include "outbox/sql_outbox.h"
#include "tests/outbox/postgres_process.h"
#include "tests/server/server_process.h"

namespace soci {
class session;
}

namespace hf::test {

class Erp {
 public:
  explicit Erp(const std::string& url);
  ~Erp();
  Erp(Erp&&) noexcept;
  Erp& operator=(Erp&&) noexcept;

  void begin();
  void commit();
  void roll_back();
  void write(const std::string& event);
  // A bill of that version and state; a version of 0: of none.
  void write_bill(const std::string& id, int version, int status = 2);
  void execute(const std::string& sql);
  // The first column of the only row.
  std::string ask(const std::string& sql);
  int rows() { return std::stoi(ask("SELECT COUNT(*) FROM holdfast_outbox")); }

 private:
  std::unique_ptr<soci::session> session_;
  bool open_ = false;
};

class ErpDatabase {
 public:
  // Makes it. PostgreSQL is started for the first that needs it and serves the whole program.
  explicit ErpDatabase(outbox::Dialect dialect);
  // Null: it could not be started.
  static PostgresProcess* postgres();

  const std::string& url() const noexcept { return url_; }
  Erp erp() const { return Erp(url_); }
  outbox::SqlOutbox outbox() const { return *outbox::SqlOutbox::at(url_); }
  const std::string& path() const noexcept { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
  std::string url_;
};

}  // namespace hf::test
