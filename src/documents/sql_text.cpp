#include "documents/sql_text.h"

#include <utility>

namespace hf::documents {

using catalog::ColumnKind;

std::string quoted(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) text.append(c == '"' ? 2 : 1, c);
  return text + '"';
}

std::string SqlText::bind(database::Value value) {
  made.values.push_back(std::move(value));
  return ":v" + std::to_string(made.values.size());
}

namespace {

std::string name_of(const catalog::Column& column, std::string_view table) {
  return std::string(table) + '.' + quoted(column.name);
}

}  // namespace

std::string compared(Dialect dialect, const catalog::Column& column, std::string_view table) {
  const std::string name = name_of(column, table);
  const bool cast = dialect == Dialect::postgresql && column.kind == ColumnKind::boolean;
  return cast ? "CAST(" + name + " AS integer)" : name;
}

std::string selected(Dialect dialect, const catalog::Column& column, std::string_view table) {
  std::string name = name_of(column, table);
  if (dialect == Dialect::sqlite) return name;
  switch (column.kind) {
    case ColumnKind::time: return "to_char(" + name + ", 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')";
    case ColumnKind::date: return "to_char(" + name + ", 'YYYY-MM-DD')";
    case ColumnKind::bytes: return "encode(" + name + ", 'hex')";
    case ColumnKind::boolean:
    case ColumnKind::id:
    case ColumnKind::integer:
    case ColumnKind::money:
    case ColumnKind::decimal:
    case ColumnKind::text: break;
  }
  return compared(dialect, column, table);
}

std::string written(Dialect dialect, const catalog::Column& column, const std::string& place) {
  if (dialect == Dialect::postgresql && column.kind == ColumnKind::boolean)
    return "CAST(CAST(" + place + " AS integer) AS boolean)";
  if (dialect == Dialect::postgresql && column.kind == ColumnKind::bytes)
    return "decode(CAST(" + place + " AS text), 'hex')";
  return place;
}

std::string begins_sql(SqlText& sql, const catalog::Column& column, std::string_view table,
                       const std::string& beginning) {
  constexpr std::string_view last = "\xf4\x8f\xbf\xbf";  // no text has this character, and it comes after all others
  const std::string value = compared(sql.dialect, column, table);
  return "(" + value + " >= " + sql.bind(beginning) + " AND " + value + " < " +
         sql.bind(beginning + std::string(last)) + ")";
}

std::string is_unset(Dialect dialect, const catalog::Column& column, std::string_view table) {
  const std::string value = compared(dialect, column, table);
  const std::string zero = value + " = 0";
  return column.nullable ? "(" + value + " IS NULL OR " + zero + ")" : zero;
}

}  // namespace hf::documents
