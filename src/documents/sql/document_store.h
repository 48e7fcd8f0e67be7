#pragma once

// DocumentStore is the database that holds the bills: SQLite or PostgreSQL, made and grown from the catalog.
//
// It runs what the pure part of this module (documents/) makes of a question, and nothing else. One object has one
// connection: whoever reads and writes at once has several objects, each on a strand of its own.
//
// Every call blocks, for up to some ten seconds. `unavailable`: the database cannot be reached or refuses, as said in
// the error; it is connected anew by the next call. Not thread-safe.

#include <memory>
#include <string>

#include "base/result.h"
#include "catalog/catalog.h"
#include "database/connection.h"
#include "documents/bill_list.h"
#include "documents/bill_read.h"
#include "documents/lookup_read.h"

namespace hf::documents {

class DocumentStore {
 public:
  // `url`: sqlite:PATH or postgresql://…, as libpq has it. `invalid`, with field "documents", if it is neither.
  // Connects to nothing yet.
  static Result<DocumentStore> at(const std::string& url, std::shared_ptr<const Catalog> catalog);

  // Makes the tables in an empty database, or adds what the catalog has got since. One process does it at a time, whole
  // or not at all. `invalid`, with field "documents": the database is not ours, keeps the bills of another namespace,
  // is newer than this program, or needs more than adding; nothing has changed.
  Result<void> prepare(const std::string& ns);

  // As plan_list(), plan_bill() and plan_lookup() have it; each answer is of one state of the database.
  Result<BillPage> list(const Audience& audience, const BillListQuestion& question);
  Result<Bill> get(const Audience& audience, const BillQuestion& question);
  Result<LookupPage> look_up(const Audience& audience, const LookupQuestion& question);

  // For whoever writes.
  database::Connection& connection() noexcept { return connection_; }

 private:
  DocumentStore(database::Address address, std::shared_ptr<const Catalog> catalog);
  Result<void> grow(const std::string& ns);
  // What `work` gives, within one transaction that reads.
  template <class Work>
  auto reading(Work work) -> decltype(work());
  Result<Bill> read(const Audience& audience, const BillQuestion& question, const BillPlan& plan);
  Result<std::vector<BillLinked>> linked(const Audience& audience, const BillPlan& plan, Direction direction);
  // Fills `left` of what counts on the part: of its lines, or of the master where there is none.
  Result<void> count_left(const Audience& audience, const BillPlan& plan, const catalog::Part* part, Bill& bill);

  std::shared_ptr<const Catalog> catalog_;
  database::Connection connection_;
};

}  // namespace hf::documents
