#pragma once

// The SQL that makes the tables of an outbox: the files of sql/, carried by the program. docs/outbox.md quotes them.
// The relay drains SQLite and PostgreSQL; of the others the program knows the tables only.
//
// Pure functions, thread-safe.

#include <array>
#include <string_view>

#include "base/dialect.h"

namespace hf::outbox {

using hf::Dialect;

// What makes the tables. To run it again changes nothing.
std::string_view schema_of(Dialect dialect) noexcept;

extern const std::array<std::string_view, dialect_count> schema_texts;

}  // namespace hf::outbox
