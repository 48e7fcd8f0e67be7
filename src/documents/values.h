#pragma once

// A column's value on its three ways: said by a person or a program, kept in a database, read back.
//
// Numbers are exact everywhere: units of 10^-scale in SQLite, numeric in PostgreSQL, text where people say them. Times
// are RFC 3339, UTC, with milliseconds, and so in order as texts.
//
// Pure functions, thread-safe.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/dialect.h"
#include "base/result.h"
#include "base/statement.h"
#include "catalog/table.h"
#include "model/documents.h"

namespace hf::documents {

// What `text` says of the column. `invalid`, with the column's name as field, if it says nothing of its kind.
Result<Cell> cell_said(const catalog::Column& column, std::string_view text);
// What a statement's value must be. REQUIRES: the cell is of the column's kind or null.
Result<database::Value> stored(Dialect dialect, const catalog::Column& column, const Cell& cell);
// What selected() (sql_text.h) gave. `unavailable` if the database has there what nobody of ours wrote.
Result<Cell> cell_read(Dialect dialect, const catalog::Column& column, const std::optional<std::string>& text);

// What two digits a byte say; nothing if they say none.
std::optional<std::string> bytes_of_hex(std::string_view hex);
std::string hex_of_bytes(std::string_view bytes);

// "-12" and nothing else: the one way to spell a whole number.
std::optional<std::int64_t> whole_of(std::string_view text) noexcept;

}  // namespace hf::documents
