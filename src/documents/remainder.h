#pragma once

// What is left of a bill's lines: left = ordered - done - reserved, for each effect of the catalog that counts on them.
//
// `ordered` and `done` are columns of the line, or `done` is the sum of what approved bills took. `reserved` is never
// kept: it is the sum of what bills would take that are neither approved nor void nor deleted, and that hf_link joins
// to the line. Nothing has to be given back, so nothing drifts. Red bills count by their size.
//
// A bill that reserves counts for everybody, and is named only to who sees it.
//
// In hf_link a master stands as the part '' and the line 0.
//
// Pure functions, thread-safe.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/statement.h"
#include "catalog/audience.h"
#include "documents/values.h"
#include "model/documents.h"

namespace hf::documents {

// The effects of the catalog by which something counts on the lines of `part`, or on the master where there is none.
std::vector<const catalog::Effect*> effects_on(const Catalog& catalog, const catalog::Type& type,
                                               const catalog::Part* part);

// Whose sums: bills that may still be approved, or those that are.
enum class Taking : std::uint8_t { reserving, done };

// The lifecycle values of such bills, with commas between; empty: the type has none.
std::string states_of(const Catalog& catalog, const catalog::Type& type, Taking taking);

// For each line of the bill what bills take of it by the effect, all but `except`: source line, sum.
database::Statement plan_taken(const Catalog& catalog, Dialect dialect, const catalog::Effect& effect,
                               std::int64_t bill, Taking taking, std::int64_t except = 0);
// Who of them reserves, as far as the audience sees it: source line, bill, number, creator, creator's name, sum.
database::Statement plan_reservers(const Catalog& catalog, Dialect dialect, const Audience& audience,
                                   const catalog::Effect& effect, std::int64_t bill);

using Sums = std::map<std::int64_t, Decimal>;  // by source line
Result<Sums> read_taken(const Catalog& catalog, Dialect dialect, const catalog::Effect& effect,
                        const database::Rows& rows);
Result<std::map<std::int64_t, std::vector<Reserver>>> read_reservers(const Catalog& catalog, Dialect dialect,
                                                                     const catalog::Effect& effect,
                                                                     const database::Rows& rows);

// True if what is done stands in no column, so that plan_taken() must be asked for it.
bool is_done_summed(const catalog::Effect& effect) noexcept;

// The remainder of a line, whose cells `cell_of` gives by column. `too_large`: a sum does not fit.
struct LineSums {
  Decimal done, reserved;  // done: only if is_done_summed()
};
Result<Remainder> remainder_of(const catalog::Effect& effect, const std::map<std::string, Cell>& line,
                               const LineSums& sums);

}  // namespace hf::documents
