#pragma once

// Which bills a person sees, in SQL. The rule is the board's (catalog/audience.h: visible()), said to a database: the
// creator and the handler stand in hf_bill, the owner and the department in the catalog's columns of the bill itself.
//
// Each way to see a bill is a condition of its own, so that a list can follow each by its own index instead of reading
// every bill to find the few that are seen.
//
// Pure functions, thread-safe.

#include <string>
#include <string_view>
#include <vector>

#include "catalog/audience.h"
#include "documents/sql_text.h"

namespace hf::documents {

// A way to see bills: the condition that it puts to `t`, the bill's master row, or to `b`, its row of hf_bill.
struct Way {
  enum class Asks : std::uint8_t { nothing, master, bill };
  Asks asks = Asks::nothing;  // nothing: every bill is seen
  std::string condition;
};

// Empty: he sees none. A bill is seen if one of the ways holds.
std::vector<Way> ways_to_see(SqlText& sql, const Catalog& catalog, const catalog::Type& type, const Audience& audience);

// The same as one condition on t and b.
std::string seen_sql(SqlText& sql, const Catalog& catalog, const catalog::Type& type, const Audience& audience);

// What makes a row of the master table, as `t`, a bill of this type: its discriminator where types share a table, and
// that it is not deleted.
std::string is_bill_sql(SqlText& sql, const Catalog& catalog, const catalog::Type& type);

}  // namespace hf::documents
