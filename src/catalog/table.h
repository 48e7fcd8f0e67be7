#pragma once

// The tables of a catalog: columns with their kinds, and lookups, which are the base data that bills refer to.
//
// Values of catalog.h, whose essay says how they hang together.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catalog/condition.h"

namespace hf::catalog {

using Index = std::uint32_t;  // into one of the catalog's lists

enum class ColumnKind : std::uint8_t { id, integer, boolean, money, decimal, text, time, date, bytes };

// Numbers can be added and multiplied; wholes and texts can stand in conditions.
constexpr bool is_number(ColumnKind kind) {
  return kind == ColumnKind::integer || kind == ColumnKind::money || kind == ColumnKind::decimal;
}
constexpr bool is_whole(ColumnKind kind) {
  return kind == ColumnKind::id || kind == ColumnKind::integer || kind == ColumnKind::boolean;
}
constexpr bool is_moment(ColumnKind kind) { return kind == ColumnKind::time || kind == ColumnKind::date; }

inline constexpr int money_precision = 19, money_scale = 4;
inline constexpr int decimal_precision_max = 18;  // what a Decimal surely holds

struct Column {
  std::string name;
  std::string label;  // what the ERP's forms call it, in Chinese; may be empty
  ColumnKind kind = ColumnKind::text;
  std::uint32_t length = 0;  // of text; 0 = unlimited
  bool nullable = false;
  int precision = 0, scale = 0;  // of money and decimals: digits, and how many of them stand behind the point
  std::string refers;            // of an id: the table whose key it holds; empty: the catalog does not say
};

struct Table {
  std::string name;
  std::vector<Column> columns;                                 // in the ERP's order
  const Column* find(std::string_view column) const noexcept;  // O(columns)
};

// What of a lookup may be picked for a column of some tables.
struct Pick {
  std::vector<Index> tables;  // those with the column that is picked for; empty: every other
  std::string column;         // of those tables; empty: each that refers to the lookup
  Condition bill;             // and only where the row to be filled fulfils this
  Condition when;             // the lookup's rows that may be picked
  // Columns of the lookup that must equal a column of the row to be filled, or of its bill.
  std::vector<std::pair<std::string, std::string>> match;
};

// Base data: read, looked up by code and name, written by import only.
struct Lookup {
  std::string name, zh, en;
  Index table = 0;
  std::string key, code, text;        // columns; code and text, which people read, may be empty
  std::vector<std::string> more;      // shown beside them
  std::string parent;                 // of a tree: the column with the key of the row above
  std::vector<std::string> order;     // columns that rows are sorted by
  std::string enabled, deleted;       // columns; empty where there is none
  std::vector<std::string> scope;     // columns by which rows are a person's or a department's
  std::vector<std::string> secret;    // columns that no picker reads
  std::optional<Condition> standard;  // the row that stands where nobody picked one
  std::vector<Pick> picks;
};

}  // namespace hf::catalog
