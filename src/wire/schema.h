#pragma once

// What each operation may be asked with, and what a server says, as JSON Schema (2020-12), from the same lines as
// everything else that is done with the fields (model/field_rule.h). Documents and the types of other languages are
// made from it, or held against it.
//
// Pure functions, thread-safe.

#include <string>

namespace hf {

// Appends a list with an object for each operation: `op`, `repeatable` (it takes a request id), and `fields`, the
// schema of its fields. That refers to $defs of id, target, mode and the like, which append_definitions() has.
void append_operations(std::string& out);
void append_definitions(std::string& out);
// Appends what a server says: `answers`, by operation a list of {by: both, http or websocket, schema}; `pushes`, a list
// of {event, schema}; `problem`; and the $defs of these, which also refer to those of append_definitions().
void append_server_words(std::string& out);

}  // namespace hf
