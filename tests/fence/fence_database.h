#pragma once

// The database of an ERP for one test, with the fence in it: hf_bill, the two tables of its sales orders and, unless
// the test asks for none, the triggers of the type. And the statements of docs/fencing.md, as the page prints them.
//
// Connections are the ERP's own. A statement that the database refuses is nothing, with why() to say the reason.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/dialect.h"
#include "model/lock.h"
#include "tests/server/server_process.h"

namespace soci {
class session;
}

namespace hf::test {

class MariadbProcess;

using Number = std::int64_t;

class Connection {
 public:
  Connection(Dialect dialect, const std::string& where);
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  // How many rows it hit, or was about.
  std::optional<Number> execute(const std::string& sql);
  // The first column of the first row; nothing if there is no row, or it is null.
  std::optional<Number> ask(const std::string& sql);
  // All statements of a script.
  bool run(std::string_view script);
  bool begin();
  bool commit();
  void roll_back();

  Dialect dialect() const noexcept { return dialect_; }
  const std::string& why() const noexcept { return why_; }

 private:
  Dialect dialect_;
  std::unique_ptr<soci::session> session_;
  bool open_ = false;
  std::string why_;
};

enum class Triggers : std::uint8_t { none, installed };

class FenceDatabase {
 public:
  // Empty, but for what is made. At most one of a kind is used at a time.
  explicit FenceDatabase(Dialect dialect, Triggers triggers = Triggers::installed);
  // Null: it could not be started. The whole program has one.
  static MariadbProcess* mariadb();

  bool is_made() const noexcept { return made_; }
  Connection connect() const { return {dialect_, where_}; }
  const std::string& where() const noexcept { return where_; }
  const std::string& name() const noexcept { return name_; }
  std::string file() const { return directory_.path() + "/erp.db"; }

  // As it is made: no rows.
  static bool empty(Connection& erp);

 private:
  bool make(Connection& erp, Triggers triggers) const;

  TemporaryDirectory directory_;
  Dialect dialect_;
  std::string where_;
  std::string name_;
  bool made_ = false;
};

// What a statement of the page is about.
struct BillAt {
  Number id = 1001;
  Number version = 0;
  Token token = 0;
};

// docs/fencing.md, whole.
const std::string& fencing_page();
// The statement of docs/fencing.md that stands below that comment, its parameters replaced by values. Fails the test
// if there is none.
std::string statement(std::string_view comment, const BillAt& bill);

}  // namespace hf::test
