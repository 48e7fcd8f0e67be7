#pragma once

// Connection runs statements in one database, SQLite or PostgreSQL, through SOCI.
//
// Every call blocks, for up to some ten seconds. `unavailable`: the database cannot be reached or refuses, as said in
// the error; what was open is rolled back, and the next call connects anew. What SOCI throws is caught here.
// Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/statement.h"
#include "database/address.h"

namespace soci {
class session;
}

namespace hf::database {

// Whether the file of an SQLite database may be new.
enum class IfMissing : std::uint8_t { refuse, make };

struct ConnectionOptions {
  std::string name;  // of the connection, for the database's operator, in ASCII
  std::string what;  // the database, as sentences about it begin: "The document store"
  IfMissing if_missing = IfMissing::refuse;
};

// What a database said when it refused last: whether the same transaction may be tried again, or would write what
// stands there once.
enum class Failure : std::uint8_t { none, other, again, duplicate };

class Connection {
 public:
  Connection(Address address, ConnectionOptions options);
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  Dialect dialect() const noexcept { return address_.dialect; }
  // Of the last call that failed.
  Failure last_failure() const noexcept { return last_failure_; }

  Result<Rows> read(const Statement& statement);
  // How many rows it changed.
  Result<std::size_t> write(const Statement& statement);
  // Statement after statement of a script (script.h).
  Result<void> run_script(std::string_view script);

  // One transaction at a time. A reader sees one state of the database. A writer's waits for other writers in SQLite;
  // in PostgreSQL it is READ COMMITTED.
  Result<void> begin_reading();
  Result<void> begin_writing();
  Result<void> commit();
  // Also ends one that failed. Never fails: without a connection there is no transaction.
  void roll_back() noexcept;

 private:
  template <class Work>
  auto attempt(Work work) -> Result<decltype(work(std::declval<soci::session&>()))>;
  soci::session& open();
  Result<void> execute(const char* sql);

  Address address_;
  ConnectionOptions options_;
  std::unique_ptr<soci::session> session_;
  Failure last_failure_ = Failure::none;
};

}  // namespace hf::database
