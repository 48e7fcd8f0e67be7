#pragma once

// The bills that stand behind one, as questions: its approved successors, for which it cannot be taken back, and the
// drafts that reserve of it.
//
// Pure functions, thread-safe.

#include <vector>

#include "base/statement.h"
#include "documents/bill_read.h"

namespace hf::documents {

inline constexpr std::size_t behind_told_max = 20;  // of each type

// id, number.
struct BehindPlan {
  const catalog::Type* type = nullptr;
  database::Statement statement;
};

// By the successors that the catalog names for the type.
std::vector<BehindPlan> plan_successors(const Catalog& catalog, Dialect dialect, const catalog::Type& type,
                                        std::int64_t id);
// By hf_link: bills neither approved nor void nor deleted.
std::vector<BehindPlan> plan_drafts(const Catalog& catalog, Dialect dialect, const catalog::Type& type,
                                    std::int64_t id);

void read_behind(const BehindPlan& plan, const database::Rows& rows, std::vector<BillLinked>& made);

}  // namespace hf::documents
