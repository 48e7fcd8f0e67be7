#pragma once

// A change of the store: which bills become what. It is said as bills before and after; the statements are the
// difference. One change is one transaction, in this order: guard, masters, details, links, an event for each bill.
//
// Pure functions, thread-safe.

#include <optional>
#include <string>
#include <vector>

#include "base/statement.h"
#include "documents/write/counting_plan.h"

namespace hf::documents {

struct BillChange {
  std::optional<BillImage> before;  // nothing: the bill is new
  BillImage after;                  // its version is the newer one
  bool asked = false;               // the bill that the change is about; the others are counted on
  bool deleted = false;
  std::string action, reason;
  std::optional<std::vector<LinkRow>> links;  // that it has from now on; nothing: they stay
};

struct Change {
  std::vector<BillChange> bills;  // by type and id
};

// Whether anything of the bill differs but its version.
bool differs(const BillImage& before, const BillImage& after);

// ---- locks

// A bill's row of hf_bill as it was locked.
struct LockedBill {
  BillKey key;
  Version version = 0;
  std::uint64_t token = 0, part_token = 0;
};
// Locks the rows in the order of type and id, and reads them. REQUIRES: keys is not empty.
database::Statement plan_lock(Dialect dialect, const std::set<BillKey>& keys);
std::vector<LockedBill> read_locked(const database::Rows& rows);

// ---- writes

// The fence (docs/fencing.md), with who handled the bill and what closed it; of a new bill its row. One row, or the
// fence refuses. No token: the writer needs no lock.
database::Statement plan_guard(Dialect dialect, const BillChange& change, std::optional<std::uint64_t> token);

// Master, details and links, in order. `invalid` or `too_large`: a value does not fit its column.
Result<std::vector<database::Statement>> plan_rows(const Catalog& catalog, Dialect dialect, const BillChange& change,
                                                   const std::string& run);

// ---- hf_run: what became of a run, decided once

struct RunRow {
  std::string run, user, request_id, fingerprint, action, state, result;
  Wall at{};
};

// No row was written if another has the run or the user's request.
database::Statement plan_run(Dialect dialect, const RunRow& row);
database::Statement find_run(Dialect dialect, const std::string& run);
database::Statement find_request(Dialect dialect, const std::string& user, const std::string& request_id);
// Nothing: there is no such row.
std::optional<RunRow> read_run(const database::Rows& rows);
// Runs that are older are known no more.
database::Statement forget_runs(Dialect dialect, Wall before);

struct WrittenBill {
  std::string type, no;
  std::int64_t id = 0;
  Version version = 0;
  bool deleted = false;
  bool operator==(const WrittenBill&) const = default;
};
// A line for each bill.
std::string result_of(const std::vector<WrittenBill>& bills);
std::vector<WrittenBill> read_result(std::string_view text);

}  // namespace hf::documents
