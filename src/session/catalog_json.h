#pragma once

// The catalog as JSON, as clients see it (wire/catalog_view.h).
//
// Pure functions, thread-safe.

#include <string>

#include "catalog/catalog.h"
#include "wire/catalog_view.h"

namespace hf {

// Appends CatalogView. O(catalog): the catalog never changes, so keep the text.
void append_catalog(std::string& out, const Catalog& catalog);

}  // namespace hf
