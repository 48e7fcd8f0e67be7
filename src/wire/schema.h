#pragma once

// What each operation may be asked with, as JSON Schema (2020-12), from the same lines as everything else that is done
// with the fields (model/field_rule.h). Documents and the types of other languages are made from it, or held against
// it.
//
// Pure functions, thread-safe.

#include <string>

namespace hf {

// Appends a list with an object for each operation: `op`, `repeatable` (it takes a request id), and `fields`, the
// schema of its fields. That refers to $defs of id, target, mode and the like, which append_definitions() has.
void append_operations(std::string& out);
void append_definitions(std::string& out);

}  // namespace hf
