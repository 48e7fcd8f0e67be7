#pragma once

// The SQL of the fence, for the ERP's own database: the table hf_bill, and the triggers that give a bill a new version
// when something writes it without the fence. The files of sql/, carried by the program; docs/fencing.md explains them.
//
// Pure functions, thread-safe.

#include <array>
#include <string>
#include <string_view>

#include "base/dialect.h"
#include "catalog/catalog.h"

namespace hf::fence {

// What makes the table, and what the triggers call. To run it again changes nothing.
std::string_view schema_of(Dialect dialect) noexcept;

// The triggers on the tables of the type's bills and on those of its parts. To run them again makes them anew.
// REQUIRES: the type is one of the catalog's.
std::string triggers_of(Dialect dialect, const Catalog& catalog, const catalog::Type& type);

extern const std::array<std::string_view, dialect_count> schema_texts;
extern const std::array<std::string_view, dialect_count> trigger_texts;

}  // namespace hf::fence
