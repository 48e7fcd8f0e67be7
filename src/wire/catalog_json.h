#pragma once

// The catalog as clients see it: what they need to name, group and offer things. Tables, columns, conditions
// and the inner rules of conversions stay on the server.
//
// A pure function, thread-safe.

#include <string>

#include "catalog/catalog.h"

namespace hf {

// Appends {name, strict_types, edit_after_submit, types, models, actions, groups, conversions, roles}; things
// refer to each other by name. O(catalog): the catalog never changes, so keep the text.
void append_catalog(std::string& out, const Catalog& catalog);

}  // namespace hf
