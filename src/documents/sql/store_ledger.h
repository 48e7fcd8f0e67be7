#pragma once

// StoreLedger is the ledger of one transaction over the store: it reads what a plan asks for, once, and notes which
// bills the plan needs locked.
//
// Not thread-safe.

#include <map>
#include <memory>
#include <set>

#include "database/connection.h"
#include "documents/write/behind.h"
#include "documents/write/bill_writes.h"
#include "documents/write/numbers.h"

namespace hf::documents {

class StoreLedger final : public BillLedger {
 public:
  // REQUIRES: all of them outlive the ledger.
  StoreLedger(const Catalog& catalog, database::Connection& connection, const Audience& audience, Snowflakes& ids,
              Wall now)
      : catalog_(catalog), connection_(connection), audience_(audience), ids_(ids), now_(now) {}

  Result<const BillImage*> bill(const catalog::Type& type, std::int64_t id, Need need) override;
  Result<Sums> taken(const catalog::Effect& effect, std::int64_t bill, Taking taking, std::int64_t except) override;
  Result<std::map<std::int64_t, std::vector<Reserver>>> reservers(const catalog::Effect& effect,
                                                                  std::int64_t bill) override;
  Result<std::vector<LinkRow>> links(const BillKey& target) override;
  Result<bool> sees(const catalog::Type& type, std::int64_t id) override;
  Result<std::vector<BillLinked>> successors(const catalog::Type& type, std::int64_t id) override;
  Result<std::vector<BillLinked>> drafts(const catalog::Type& type, std::int64_t id) override;
  Result<GivenLines> given_lines(const catalog::Making& making, const catalog::Route& route, std::size_t rule,
                                 std::int64_t source) override;
  Result<GivenMaster> given_master(const catalog::Making& making, const catalog::Route& route,
                                   std::int64_t source) override;
  Result<std::vector<BillLinked>> checked(const catalog::BillCheck& check, const BillImage& source) override;
  Result<std::optional<std::int64_t>> standard(std::string_view table) override;
  std::int64_t next_id() override { return ids_.next(now_); }

  // The bills that were asked for to be locked.
  const std::set<BillKey>& needed() const noexcept { return needed_; }

 private:
  Result<std::unique_ptr<BillImage>> read(const catalog::Type& type, std::int64_t id);
  Result<std::vector<BillLinked>> read_all(const std::vector<BehindPlan>& plans);

  const Catalog& catalog_;
  database::Connection& connection_;
  const Audience& audience_;
  Snowflakes& ids_;
  Wall now_;
  std::map<BillKey, std::unique_ptr<BillImage>> bills_;  // null: there is none
  std::set<BillKey> needed_;
};

}  // namespace hf::documents
