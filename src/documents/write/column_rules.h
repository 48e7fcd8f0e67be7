#pragma once

// Whose the columns of a bill are. A save writes those that are everybody's; all others belong to the store, to
// actions, or to other bills, and a save that would change one is refused.
//
// Pure functions of the catalog, thread-safe.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"

namespace hf::documents {

enum class Keeper : std::uint8_t {
  everybody,
  key,  // drawn by the store; so is the column that leads to the bill, and the one that tells types of one table apart
  number,  // drawn when the bill is made; where the type has no prefix it is said then
  state,   // moved by actions
  link,    // names the bill that this one comes from: said when the bill or the line is made
  done,    // other bills count there
  total,   // the sum of the lines
  stamp,   // who wrote it, and when
};

// A total of the master: the sum over the lines of a product of their columns, and columns of the master.
struct TotalRule {
  std::string column;
  std::vector<catalog::Index> parts;  // of the type
  std::vector<std::string> factors;
  std::vector<std::string> plus;
};

struct ColumnRules {
  using Keepers = std::map<std::string, Keeper, std::less<>>;  // of columns that are not everybody's
  Keepers master;
  std::vector<Keepers> parts;
  std::vector<TotalRule> totals;

  Keeper keeper(std::optional<catalog::Index> part, std::string_view column) const noexcept;
};

// O(effects + conversions).
ColumnRules rules_of(const Catalog& catalog, const catalog::Type& type);

// The ERP's columns for who wrote a bill, and when: the table has them or not.
namespace stamps {
inline constexpr std::string_view created_at = "Created_at", created_by = "Created_by", modified_at = "Modified_at",
                                  modified_by = "Modified_by", opinion = "ApprovalOpinions",
                                  verdict = "ApprovalResults", approver = "Approver_by", approved_at = "Approver_at",
                                  closing_opinion = "CloseCaseOpinions";
}  // namespace stamps

}  // namespace hf::documents
