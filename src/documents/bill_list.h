#pragma once

// bill.list: a page of the bills of one type, as a question, as SQL, and as rows.
//
// Whoever asks gets the bills that he sees (row_scope.h) and no other: neither in rows nor in the total. A page costs
// what its rows cost, however many bills there are, if it is sorted by the key (as it is unless asked otherwise) or by
// a column with an index (schema.h): each way to see bills is followed by its own index.
//
// Pure functions, thread-safe.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/statement.h"
#include "catalog/audience.h"
#include "documents/keyset.h"
#include "documents/values.h"
#include "model/documents.h"

namespace hf::documents {

// The question as the database is asked it.
struct BillListPlan {
  const catalog::Type* type = nullptr;
  std::vector<const catalog::Column*> columns;  // shown
  std::vector<SortKey> sort;
  std::size_t limit = 0;
  std::uint64_t mark = 0;
  database::Statement page;
  std::optional<database::Statement> total;
};

// `not_found`, with field "type": there is no such type, or he sees none of its bills. `invalid` and `too_large` name
// the filter or the column. REQUIRES: `catalog` outlives the plan.
Result<BillListPlan> plan_list(const Catalog& catalog, Dialect dialect, const Audience& audience,
                               const BillListQuestion& question);
// What plan.page gave, and plan.total if there is one.
Result<BillPage> read_list(Dialect dialect, const BillListPlan& plan, const database::Rows& page,
                           const database::Rows& total);

// ---- shared with other reads

// A type by name, if he may see bills of it; else `not_found`, with field "type", whatever the reason.
Result<const catalog::Type*> type_seen(const Catalog& catalog, const Audience& audience, const std::string& name);

}  // namespace hf::documents
