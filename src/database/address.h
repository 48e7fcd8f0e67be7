#pragma once

// Where a database is: a file of SQLite, or a database of PostgreSQL.
//
// Pure functions, thread-safe.

#include <string>
#include <string_view>

#include "base/dialect.h"
#include "base/result.h"

namespace hf::database {

struct Address {
  Dialect dialect = Dialect::sqlite;
  std::string where;  // a path, or libpq's URL
};

// `url`: sqlite:PATH, which may be sqlite:///PATH, or postgresql://…, as libpq has it. `invalid`, with `field`, if it
// is neither.
Result<Address> address_of(const std::string& url, std::string_view field);

// The URL with libpq's options that notice a dead link, unless it has its own.
std::string with_timeouts(std::string url);

}  // namespace hf::database
