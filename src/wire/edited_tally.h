#pragma once

// What the second part of a to-do digest sums, for the rows that say who edits the bill: the server adds up its own,
// and a client those that it shows. A pure function, thread-safe.

#include <string_view>

#include "base/time.h"
#include "model/status_tally.h"

namespace hf {

// Over "type:id/group@user@since", with the texts that the row's `editing` has; `key` is "type:id", and the user is
// empty where names are hidden.
Tally edited_tally(std::string_view key, std::string_view group, std::string_view user, Wall since);

}  // namespace hf
