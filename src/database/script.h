#pragma once

// The statements of a script of SQL, as one that prepares them takes them: one at a time, and without comments, for a
// colon in a comment would be taken for a parameter.
//
// Pure function, thread-safe.

#include <string>
#include <string_view>
#include <vector>

namespace hf::database {

// Statements end with ';'. Texts in quotation marks and bodies between $$ are left as they are. O(bytes).
std::vector<std::string> statements_of(std::string_view script);

}  // namespace hf::database
