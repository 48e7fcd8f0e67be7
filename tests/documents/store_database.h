#pragma once

// A document store in a database of its own, of either kind, and rows for it: what a test names, and for every other
// column that may not be null a value that says nothing.
//
// Not thread-safe.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "catalog/erp_catalog_test.h"
#include "documents/sql/document_store.h"
#include "tests/outbox/postgres_process.h"
#include "tests/server/server_process.h"

namespace hf::test {

using Columns = std::map<std::string, std::string>;  // as people say them; what is not named is null or says nothing

struct People {
  std::string creator, handler;
};

enum class Tables : std::uint8_t { none, of_erp };

class StoreDatabase {
 public:
  // An empty database, or one that has the tables of the ERP's catalog, which is faster made than by prepare().
  // PostgreSQL is started for the first that needs it and serves the whole program.
  explicit StoreDatabase(Dialect dialect, Tables tables = Tables::none);

  const std::string& url() const noexcept { return url_; }
  documents::DocumentStore store(std::shared_ptr<const Catalog> catalog = erp()) const;
  // A store that is prepared.
  documents::DocumentStore prepared(std::shared_ptr<const Catalog> catalog = erp()) const;

 private:
  TemporaryDirectory directory_;
  std::string url_;
};

// Runs a statement without values. The first column of the first row; empty if there is none.
std::string ask(documents::DocumentStore& store, const std::string& sql);
void run(documents::DocumentStore& store, const std::string& sql);

class Rows {
 public:
  explicit Rows(documents::DocumentStore& store, std::shared_ptr<const Catalog> catalog = erp())
      : store_(store), catalog_(std::move(catalog)) {}

  // A row of a table; the key is among the columns.
  void add(const std::string& table, const Columns& columns);
  // A bill with its row of hf_bill.
  void add_bill(const std::string& type, std::int64_t id, const People& people, Columns columns = {});
  void add_line(const std::string& type, const std::string& part, std::int64_t line, std::int64_t bill,
                Columns columns);
  void link(const std::string& target, std::int64_t target_id, std::int64_t target_line, const std::string& source,
            std::int64_t source_id, std::int64_t source_line);

 private:
  documents::DocumentStore& store_;
  std::shared_ptr<const Catalog> catalog_;
};

// An audience of the ERP's catalog.
Audience somebody(const Claims& claims);
inline Audience everybody() { return somebody({.user = "root", .super = true}); }

// A suite that runs on both databases.
class OnBoth : public testing::TestWithParam<Dialect> {};

}  // namespace hf::test

#define HF_ON_BOTH(suite)                                                                                   \
  INSTANTIATE_TEST_SUITE_P(Databases, suite, testing::Values(hf::Dialect::sqlite, hf::Dialect::postgresql), \
                           [](const auto& each) { return std::string(hf::name_of(each.param)); })
