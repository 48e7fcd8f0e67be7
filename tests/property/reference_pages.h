#pragma once

// The pages of the reference model: what a walk through lists must show, by the plainest code that does it. Their
// cursors are the model's own.
//
// Pure functions, thread-safe.

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/commands.h"

namespace hf::test {

// What is behind the first `begin` rows of a session's state, as far as it fits.
SessionSnapshot page_of(const SessionSnapshot& all, std::size_t begin, std::size_t rows_max, std::size_t bytes_max);
// What the question asks for of it.
Result<SessionSnapshot> page_of(const SessionSnapshot& all, const GetSession& question);
// The sessions behind a cursor, the oldest first; nothing if it is none.
std::optional<SessionList> page_of(std::vector<SessionSnapshot> all, std::string_view after, std::size_t rows_max);

}  // namespace hf::test
