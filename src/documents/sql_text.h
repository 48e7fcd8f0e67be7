#pragma once

// SqlText is a statement in the making: its text, and the values that its :v1, :v2 … stand for.
//
// Names come from the catalog and are quoted; everything else that is not our own text is bound.
//
// A value, not thread-safe while it grows.

#include <string>
#include <string_view>

#include "base/dialect.h"
#include "base/statement.h"
#include "catalog/table.h"

namespace hf::documents {

// "name". A quotation mark in it is doubled, though no name of a catalog has one.
std::string quoted(std::string_view name);

struct SqlText {
  Dialect dialect = Dialect::sqlite;
  database::Statement made;

  // The place in the text that stands for `value`.
  std::string bind(database::Value value);
  SqlText& add(std::string_view text) {
    made.text += text;
    return *this;
  }
};

// ---- a column in SQL

// As it is compared and sorted.
std::string compared(Dialect dialect, const catalog::Column& column, std::string_view table);
// As its text is read (values.h).
std::string selected(Dialect dialect, const catalog::Column& column, std::string_view table);
// As it is written: what `place`, the place of a stored() value, becomes in an INSERT or an UPDATE.
std::string written(Dialect dialect, const catalog::Column& column, const std::string& place);
// "t.x IS FALSE", also where it is null.
std::string is_unset(Dialect dialect, const catalog::Column& column, std::string_view table);

// The texts that begin with `beginning`, as an index finds them.
std::string begins_sql(SqlText& sql, const catalog::Column& column, std::string_view table,
                       const std::string& beginning);

}  // namespace hf::documents
