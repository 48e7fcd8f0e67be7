#pragma once

// SqlOutbox is the outbox in an ERP's database, SQLite or PostgreSQL, as its relay sees it: the rows that wait, and
// the one row that says who relays (sql/ has both tables).
//
// Guarantees:
//   1. read() gives rows of committed transactions only, and waits for no open one;
//   2. what is written by beat(), settle() and release() is written while `fence` is the newest, in one transaction
//      with the test of it: a relay that was fenced off changes nothing any more;
//   3. take() succeeds for one of several relays that saw the same lease.
//
// Every call blocks, for up to some ten seconds. `unavailable`: the database cannot be reached or refuses, as said in
// the error; it is connected anew by the next call. Not thread-safe.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "outbox/batch.h"
#include "outbox/sql/tables.h"

namespace hf::outbox {

struct Lease {
  std::int64_t fence = 0;
  std::int64_t beat = 0;
  std::string holder;         // empty: nobody
  std::vector<RowId> flight;  // what the holder may have published
  bool operator==(const Lease&) const = default;
};

enum class Fenced : std::uint8_t { held, lost };

struct RefusedRow {
  RowId id = 0;
  std::string why;
  bool operator==(const RefusedRow&) const = default;
};

struct OutboxState {
  std::uint64_t waiting = 0;
  std::int64_t oldest_seconds = 0;  // how long the oldest of them has waited
  std::uint64_t refused = 0;
  std::vector<RefusedRow> refused_rows;  // the first refused_told_max
  Lease lease;
};

inline constexpr std::size_t refused_told_max = 20;
inline constexpr std::size_t refused_bytes_max = 1000;  // of a reason; what is longer is cut

class SqlOutbox {
 public:
  // `url`: sqlite:PATH or postgresql://…, as libpq has it. invalid, with field "from", if it is neither. Connects to
  // nothing yet.
  static Result<SqlOutbox> at(const std::string& url);
  ~SqlOutbox();
  SqlOutbox(SqlOutbox&&) noexcept;
  SqlOutbox& operator=(SqlOutbox&&) noexcept;

  Result<Lease> look();
  // Makes the caller the holder, with the fence after the one that it saw, if the lease is still as it was seen.
  Result<bool> take(const Lease& seen, const std::string& holder);
  Result<Fenced> beat(std::int64_t fence);
  // The same, and says what is about to be published.
  Result<Fenced> beat(std::int64_t fence, const std::vector<Row>& flight);

  // The oldest rows that wait, at most `rows` and, but for the first, at most `bytes` of events.
  Result<std::vector<Row>> read(std::size_t rows, std::uint64_t bytes);
  // Those of `ids` that still wait.
  Result<std::vector<Row>> read(const std::vector<RowId>& ids);

  // Removes what was sent, marks what was refused, and nothing is in flight.
  Result<Fenced> settle(std::int64_t fence, const std::vector<Row>& sent, const std::vector<RefusedRow>& refused);
  Result<Fenced> release(std::int64_t fence);

  Result<OutboxState> state();

 private:
  struct Connection;
  explicit SqlOutbox(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

}  // namespace hf::outbox
