#pragma once

// What a conversion has made of a bill already, and other bills that it asks for, as questions.
//
// Pure functions, thread-safe.

#include <map>

#include "base/statement.h"
#include "documents/write/bill_image.h"

namespace hf::documents {

// What bills that a conversion made, and that count or may come to, have of a line.
struct GivenLine {
  Decimal linked;      // by size
  document::Row sums;  // of the shared columns
};
using GivenLines = std::map<std::int64_t, GivenLine>;  // by source line

struct GivenMaster {
  bool first = true;  // no such bill has been made, by whatever conversion or hand
  document::Row sums;
};

database::Statement plan_given_lines(const Catalog& catalog, Dialect dialect, const catalog::Making& making,
                                     const catalog::Route& route, std::size_t rule, std::int64_t source);
Result<GivenLines> read_given_lines(const Catalog& catalog, Dialect dialect, const catalog::Making& making,
                                    const catalog::Route& route, std::size_t rule, const database::Rows& rows);

database::Statement plan_given_master(const Catalog& catalog, Dialect dialect, const catalog::Making& making,
                                      const catalog::Route& route, std::int64_t source);
Result<GivenMaster> read_given_master(const Catalog& catalog, Dialect dialect, const catalog::Making& making,
                                      const catalog::Route& route, const database::Rows& rows);

// id, number: bills that the check is about, as they stand to the source.
database::Statement plan_checked(const Catalog& catalog, Dialect dialect, const catalog::BillCheck& check,
                                 const BillImage& source, catalog::Index type);

// The key of the standard row. Nothing: the lookup has no such rule.
std::optional<database::Statement> plan_standard(const Catalog& catalog, Dialect dialect, std::string_view table);

}  // namespace hf::documents
