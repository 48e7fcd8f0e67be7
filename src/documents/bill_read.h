#pragma once

// bill.get: one bill with its lines, what is left of them, and the bills above and below it, as questions, as SQL and
// as values. All statements of one answer must see one state of the database: they run in one transaction.
//
// Who does not see the bill gets the answer of one that is not there. Links name only bills that he sees.
//
// Pictures and files (columns of bytes) are not read.
//
// Pure functions, thread-safe.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/statement.h"
#include "documents/bill_list.h"
#include "documents/remainder.h"

namespace hf::documents {

// ---- the bill itself

struct BillPlan {
  const catalog::Type* type = nullptr;
  std::int64_t id = 0;
  std::vector<const catalog::Part*> parts;  // asked for
  database::Statement head;
};
// `not_found`, with field "type" or "id"; `invalid` names another field. REQUIRES: `catalog` outlives the plan.
Result<BillPlan> plan_bill(const Catalog& catalog, Dialect dialect, const Audience& audience,
                           const BillQuestion& question);
// Without parts and links. `not_found`, with field "id": there is no row.
Result<Bill> read_bill(const Catalog& catalog, Dialect dialect, const BillPlan& plan, const database::Rows& rows);

// ---- the lines of a part

Result<database::Statement> plan_lines(const Catalog& catalog, Dialect dialect, const BillPlan& plan,
                                       const catalog::Part& part, const BillQuestion& question);
Result<BillPart> read_lines(const Catalog& catalog, Dialect dialect, const BillPlan& plan, const catalog::Part& part,
                            const BillQuestion& question, const database::Rows& rows);

// ---- links

enum class Direction : std::uint8_t { up, down };  // to the bills that it comes from, and to those made from it
database::Statement plan_links(Dialect dialect, const BillPlan& plan, Direction direction);  // type, id
struct LinkedPlan {
  const catalog::Type* type = nullptr;
  database::Statement statement;  // id, number
};
// Those of the links that the audience sees, type by type.
std::vector<LinkedPlan> plan_linked(const Catalog& catalog, Dialect dialect, const Audience& audience,
                                    const database::Rows& links);
void read_linked(const LinkedPlan& plan, const database::Rows& rows, std::vector<BillLinked>& made);

// The fields as remainder_of() takes them.
std::map<std::string, Cell> cells_of(const std::vector<BillField>& fields);

}  // namespace hf::documents
