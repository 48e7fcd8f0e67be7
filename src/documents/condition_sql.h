#pragma once

// The catalog's conditions in SQL: a row fulfils the SQL if and only if Condition::evaluate() is true of its columns.
//
// So a comparison with a null is false and not unknown, and `not` makes it true.
//
// Pure function, thread-safe.

#include <string>
#include <string_view>

#include "catalog/condition.h"
#include "documents/sql_text.h"

namespace hf::documents {

// What `condition` says of a row of `table`, which the statement calls `alias`. O(condition).
// REQUIRES: it asks for no amount but whether that is above, below or equal to 0.
std::string condition_sql(SqlText& sql, const catalog::Table& table, std::string_view alias,
                          const Condition& condition);

}  // namespace hf::documents
