#pragma once

// Whether an event states the whole bill.
//
// An event takes the place of whatever was said of its bill before; the server does not merge. So what an event leaves
// out is taken from the people who see the bill by it, and what it misspells too. Therefore an event of a type that the
// catalog knows is refused unless it has
//   - a value for every column that the groups of its type ask for, or null where the ERP's table allows that;
//   - no column that the type does not have, each value of its column's kind, a status one of its model's values;
//   - `creator`, and `owner` and `department` where a role or a notice of the catalog goes by them: each with its id,
//     or null, which says that the bill has none.
// A deletion may leave out what it likes, but what it has must be right. Of types that the catalog does not know, and
// of steps of runs, it says nothing.
//
// A pure function of catalog and event: every node gives the same answer. Thread-safe.

#include <optional>
#include <string>

#include "base/error.h"
#include "catalog/catalog.h"
#include "model/status.h"

namespace hf {

// Nothing if it does. Else `invalid`: `field` is the first place at fault, with `where` before it (`events[3]` gives
// events[3].state.DataStatus), and the sentence says what to send. O(columns stated × columns of the type).
std::optional<Error> refuses_event(const Catalog& catalog, const StatusEvent& event, const std::string& where);

}  // namespace hf
