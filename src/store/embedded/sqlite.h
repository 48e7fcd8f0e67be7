#pragma once

// SQLite's C interface with owners: a Database closes itself, a Statement finalizes itself. Nothing more is
// hidden: result codes are SQLite's own, and a caller decides what they mean.
//
// Opened without SQLite's mutex: one thread at a time uses a Database and its Statements. A Statement must end
// before its Database. A blob() lives until the next step() or reset().

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace hf {

class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  explicit operator bool() const noexcept { return statement_ != nullptr; }
  // Parameters count from 1, columns from 0. What a blob or text is bound to must live until the reset().
  Statement& bind(int parameter, std::int64_t value);
  Statement& bind_blob(int parameter, std::string_view bytes);
  Statement& bind_text(int parameter, std::string_view text);
  // SQLITE_ROW, SQLITE_DONE, or what went wrong.
  int step();
  void reset();
  // step() to the end and reset(): SQLITE_DONE, or what went wrong.
  int run();
  std::int64_t integer(int column) const;
  std::string_view blob(int column) const;
  bool is_blob(int column) const;
  bool is_integer(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* s) const noexcept { sqlite3_finalize(s); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  Database() = default;

  // SQLITE_OK, or what went wrong; then message() says more. `vfs` empty: the system's.
  int open(const std::string& path, int flags, const std::string& vfs);
  void close() noexcept { handle_.reset(); }
  // Runs one or more statements and drops their rows.
  int execute(const char* sql);
  // An empty Statement if `sql` does not fit the database.
  Statement prepare(std::string_view sql);
  // SQLite's sentence about the last failure.
  std::string message() const;
  sqlite3* handle() const noexcept { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace hf
