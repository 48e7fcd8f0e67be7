#pragma once

// The tables of a document store, as the catalog and this program want them, and the way there from what a database
// has.
//
// The catalog's tables are those of its bills, their parts and its base data, column for column. Beside them are ours:
// hf_bill (of the fence; we add who made a bill, who handled it last and which effect closed it), hf_link, hf_run,
// hf_number and hf_schema.
//
//   1. A database only grows: tables, columns and indexes are added, nothing is ever dropped or rewritten.
//   2. What would need more than that is refused, with a sentence that says what to do.
//   3. Only an empty database, or one that a document store has made, is touched.
//
// Pure functions, thread-safe.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/dialect.h"
#include "base/result.h"
#include "base/statement.h"
#include "catalog/catalog.h"

namespace hf::documents {

// Grows when a store of this program needs more than tables, columns and indexes that are added.
inline constexpr std::int64_t schema_format = 1;
inline constexpr std::size_t name_bytes_max = 63;  // of a table, a column or an index: PostgreSQL cuts what is longer

struct ColumnPlan {
  std::string name;
  std::string type;  // as the database tells it
  bool nullable = false;
  std::string filling;  // what rows that are there get when it is added; empty: it cannot be added to a table
};

struct IndexPlan {
  std::string name;
  std::vector<std::string> columns;  // quoted
  bool unique = false;
};

struct TablePlan {
  std::string name;
  std::vector<ColumnPlan> columns;
  std::vector<std::string> key;
  std::vector<IndexPlan> indexes;
  bool has_others = false;  // another script makes the table and the rest of its columns
};

// The tables in the catalog's order, then ours. `invalid` if a name of the catalog is none in a database.
Result<std::vector<TablePlan>> plan_schema(const Catalog& catalog, Dialect dialect);

// The column by which bills have a day: the first time or date of the master that may not be null. Null: none.
const catalog::Column* day_of(const Catalog& catalog, const catalog::Type& type) noexcept;

// ---- what a database has

struct FoundColumn {
  std::string type;
  bool nullable = false;
};

struct Found {
  std::map<std::string, std::map<std::string, FoundColumn>> tables;
  std::set<std::string> indexes;
};

database::Statement find_columns(Dialect dialect);  // table, column, type, 1 if it may be null
database::Statement find_indexes(Dialect dialect);  // index
Found read_found(const database::Rows& columns, const database::Rows& indexes);

// What makes `found` what `wanted` is, in order. `invalid`, with field "documents": it cannot be done by adding.
Result<std::vector<std::string>> changes(const std::vector<TablePlan>& wanted, const Found& found, Dialect dialect);

}  // namespace hf::documents
