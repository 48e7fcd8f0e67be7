#pragma once

// A store, people who write bills in it, and loans with their returns: 借出单 and 归还单, whose effect counts and
// closes.
//
// Not thread-safe; each thread has a Writer of its own.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "documents/sql/bill_writer.h"
#include "tests/documents/store_database.h"

namespace hf::test {

using documents::BillKey;
using documents::BillWriter;
using documents::Call;
using documents::Deed;
using documents::Outcome;
using documents::Refusal;
using documents::SaidBill;
using documents::SaidLine;
using documents::SeenBill;
using documents::Written;

inline constexpr Wall start = wall_us(1'764'504'000'000'000);  // 2025-11-30T12:00:00Z

// Somebody with rights on all that a test does.
documents::Actor somebody_who_acts(const std::string& user);

std::shared_ptr<documents::Snowflakes> snowflakes();

// A person at a connection of his own.
class Writer {
 public:
  explicit Writer(const StoreDatabase& database, const std::string& user = "li",
                  std::shared_ptr<const Catalog> catalog = erp());

  documents::DocumentStore& store() noexcept { return store_; }
  BillWriter& writer() noexcept { return writer_; }
  documents::Asker asker() const { return {actor, audience}; }
  // A run of its own.
  Call call(const std::string& request_id = {});

  Outcome<Written> create(const std::string& type, const SaidBill& said);
  Outcome<Written> save(const BillKey& bill, const SaidBill& said);
  Outcome<Written> remove(const BillKey& bill);
  Outcome<Written> act(const BillKey& bill, const std::string& action, const std::string& reason = {});
  // The bill as it is now, also of somebody who does not see it.
  SeenBill seen(const BillKey& bill);

  // A loan of those quantities, and a return of such of it, each of another product; checked to be made.
  BillKey loan(const std::vector<std::string>& quantities);
  BillKey give_back(const BillKey& loan, const std::vector<std::string>& quantities);
  // The same, done and approved.
  BillKey approved(const BillKey& bill);

  static SaidBill said_loan(const std::vector<std::string>& quantities);
  static SaidBill said_return(const BillKey& loan, const std::vector<std::string>& quantities);

  documents::Actor actor;
  Audience audience;

 private:
  documents::DocumentStore store_;
  BillWriter writer_;
};

// What is wrong, for a message.
std::string why(const Refusal& refusal);
template <class T>
std::string why(const Outcome<T>& answer) {
  return answer ? std::string("it was done") : why(answer.error());
}

// One value of a bill's master, or of one of its lines, as the database says it.
std::string master(documents::DocumentStore& store, const BillKey& bill, const std::string& column);
std::string line(documents::DocumentStore& store, const BillKey& bill, std::size_t index, const std::string& column);

// The invariants that rows alone can break, as questions; what breaks one is a row.
std::vector<std::string> broken(documents::DocumentStore& store);

}  // namespace hf::test
