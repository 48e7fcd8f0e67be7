#pragma once

// lookup/{table}: rows of base data by code, by the beginning of code or name, or by their keys, as a question, as SQL
// and as rows.
//
// To pick a value for a column of a bill, say which: then the catalog's pickers leave out what does not fit there, what
// is not enabled and what is deleted. Rows by their keys are found whatever has become of them, for old bills name
// them.
//
// Row scope: a row that is somebody's (the catalog's `scope` columns that lead where the owner or the department of
// bills lead) is for him or for his department; a row that is nobody's, and every row for who sees all bills of a type,
// is free. Base data are no bills: that a table also has bills of a type does not hide its rows here.
//
// Columns that the catalog calls secret are not read. Pure functions, thread-safe.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/statement.h"
#include "catalog/audience.h"
#include "documents/keyset.h"
#include "model/documents.h"

namespace hf::documents {

struct LookupPlan {
  const catalog::Lookup* lookup = nullptr;
  std::vector<const catalog::Column*> columns;
  std::vector<SortKey> sort;
  std::size_t limit = 0;
  std::uint64_t mark = 0;
  database::Statement statement;
};

// `not_found`, with field "table": there is no such lookup, or he sees no bills at all. `invalid` and `too_large` name
// the field. REQUIRES: `catalog` outlives the plan.
Result<LookupPlan> plan_lookup(const Catalog& catalog, Dialect dialect, const Audience& audience,
                               const LookupQuestion& question);
Result<LookupPage> read_lookup(Dialect dialect, const LookupPlan& plan, const database::Rows& rows);

}  // namespace hf::documents
