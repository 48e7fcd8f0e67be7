#pragma once

// What a document store is asked and answers: bills with their lines and what is left of them, pages of bills, and rows
// of base data. Questions come as messages, so they name their fields (model/field_rule.h); a column's value is said as
// text, whatever its kind.
//
// Values, thread-safe.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "model/decimal.h"
#include "model/field_rule.h"
#include "model/status.h"

namespace hf::documents {

inline constexpr std::uint32_t bills_per_page_default = 50;
inline constexpr std::uint32_t bills_per_page_max = 500;
inline constexpr std::uint32_t bills_counted_max = 10'000;  // a total beyond it is told as "more"
inline constexpr std::size_t values_per_list_max = 200;     // of all filters
inline constexpr std::size_t filter_bytes_max = 200;        // of each value
inline constexpr std::size_t column_bytes_max = 63;         // of a column's name
inline constexpr std::size_t where_bytes_max = column_bytes_max + 2 + filter_bytes_max;
inline constexpr std::uint32_t lines_per_page_default = 200;
inline constexpr std::uint32_t lines_per_page_max = 500;
inline constexpr std::size_t lines_bytes_max = std::size_t{1} << 20;  // of a page of lines, but one line at least
inline constexpr std::size_t links_told_max = 200;                    // up, and as many down
inline constexpr std::size_t reservers_told_max = 200;                // for each effect of a bill
inline constexpr std::uint32_t lookup_rows_default = 50;
inline constexpr std::uint32_t lookup_rows_max = 200;
inline constexpr std::size_t lookup_ids_max = 200;
inline constexpr std::size_t cursor_bytes_max = 4096;

// ---- values

// boolean: bool; id, integer: int64; money, decimal: Decimal; text, time, date: their text; bytes: themselves.
using Cell = std::variant<std::monostate, bool, std::int64_t, Decimal, std::string>;

// As people and programs say it; empty: null.
std::string text_of(const Cell& cell);

struct BillField {
  std::string column;
  Cell value;
  bool operator==(const BillField&) const = default;
};

// ---- a bill

struct BillQuestion {
  std::string type, id;
  std::string part, next;  // the page of this part's lines that begins after `next`; empty: the first page of each part
  std::uint32_t lines = lines_per_page_default;  // of each part
  bool operator==(const BillQuestion&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("type", v.type, {.required = true, .bytes_max = target_segment_bytes_max});
    a("bill", v.id, {.required = true, .bytes_max = target_segment_bytes_max});
    a("part", v.part, {.bytes_max = target_segment_bytes_max});
    a("lines", v.lines, {.otherwise = lines_per_page_default});
    a("next", v.next, {.bytes_max = cursor_bytes_max});
  }
};

struct Reserver {
  std::string type, no;
  std::int64_t id = 0;
  Decimal quantity;
  Person creator;
  bool operator==(const Reserver&) const = default;
};

// Of a line, or of a bill as a whole, by one effect.
struct Remainder {
  std::string effect;
  Decimal ordered, done, reserved, left;
  std::vector<Reserver> reservers;  // those that the asker sees, up to reservers_told_max
  bool operator==(const Remainder&) const = default;
};

struct BillLine {
  std::int64_t id = 0;
  std::vector<BillField> fields;
  std::vector<Remainder> left;
  bool operator==(const BillLine&) const = default;
};

struct BillPart {
  std::string name;
  std::vector<BillLine> lines;  // by their keys
  std::string next;             // empty: there are no more
  bool operator==(const BillPart&) const = default;
};

struct BillLinked {
  std::string type, no;
  std::int64_t id = 0;
  bool operator==(const BillLinked&) const = default;
};

struct Bill {
  std::string type, no;
  std::int64_t id = 0;
  Version version = 0;
  Person creator, handler;
  std::string closed_by;  // the effect that closed it; empty: none did
  std::vector<BillField> fields;
  std::vector<Remainder> left;  // of the master, where effects count on it
  std::vector<BillPart> parts;
  std::vector<BillLinked> sources, targets;  // by type and id
  bool operator==(const Bill&) const = default;
};

// ---- a page of bills

struct BillListQuestion {
  std::string type;
  std::vector<std::string> states;  // of the lifecycle; empty: all
  std::string group;                // a to-do group of the type
  std::string text;                 // the number begins with it, or with it in capitals
  std::string partner;              // the partner's key
  std::string from, until;          // the bill's day (documents/schema.h); a time or a date
  // "Column=value", any of several of one column; "Column>=value", "Column<value"; "Column^=value": it begins so.
  std::vector<std::string> where;
  std::string sort;  // a column, with '-' before it: the greatest first; empty: the newest first
  std::uint32_t limit = bills_per_page_default;
  std::string next;    // of the page before; empty: the first
  bool total = false;  // count them
  bool operator==(const BillListQuestion&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("type", v.type, {.required = true, .bytes_max = target_segment_bytes_max});
    a("state", v.states, {.bytes_max = filter_bytes_max});
    a("group", v.group, {.bytes_max = target_segment_bytes_max});
    a("text", v.text, {.bytes_max = filter_bytes_max});
    a("partner", v.partner, {.bytes_max = filter_bytes_max});
    a("from", v.from, {.bytes_max = filter_bytes_max});
    a("until", v.until, {.bytes_max = filter_bytes_max});
    a("where", v.where, {.bytes_max = where_bytes_max});
    a("sort", v.sort, {.bytes_max = column_bytes_max + 1});
    a("limit", v.limit, {.otherwise = bills_per_page_default});
    a("total", v.total);
    a("next", v.next, {.bytes_max = cursor_bytes_max});
  }
};

struct BillRow {
  std::int64_t id = 0;
  std::string no;
  Version version = 0;
  Person creator, handler;
  std::vector<BillField> fields;  // states, partner, owner, department, day, quantity, amount: those that there are
  bool operator==(const BillRow&) const = default;
};

struct BillPage {
  std::vector<BillRow> rows;
  std::string next;                    // empty: this is the last page
  std::optional<std::uint64_t> total;  // if it was asked for; at most bills_counted_max
  bool total_is_more = false;          // there are more than `total`
  bool operator==(const BillPage&) const = default;
};

// ---- base data

struct LookupQuestion {
  std::string table;                // the lookup's name
  std::string code, text;           // the whole code; how code or name begin; empty: any
  std::vector<std::string> ids;     // instead of all other filters
  std::string type, part, column;   // what is picked for; empty: nothing
  std::vector<std::string> filled;  // the bill that is filled, and its line: "Column=value"
  std::uint32_t limit = lookup_rows_default;
  std::string next;
  bool operator==(const LookupQuestion&) const = default;

  template <class A, class V>
  static void fields(A& a, V& v) {
    a("table", v.table, {.required = true, .bytes_max = target_segment_bytes_max});
    a("code", v.code, {.bytes_max = filter_bytes_max});
    a("text", v.text, {.bytes_max = filter_bytes_max});
    a("ids", v.ids, {.bytes_max = filter_bytes_max});
    a("type", v.type, {.bytes_max = target_segment_bytes_max});
    a("part", v.part, {.bytes_max = target_segment_bytes_max});
    a("column", v.column, {.bytes_max = column_bytes_max});
    a("filled", v.filled, {.bytes_max = where_bytes_max});
    a("limit", v.limit, {.otherwise = lookup_rows_default});
    a("next", v.next, {.bytes_max = cursor_bytes_max});
  }
};

struct LookupRow {
  std::int64_t id = 0;
  std::string code, text;
  bool enabled = true;            // and not deleted
  std::vector<BillField> fields;  // `parent` and `more` of the catalog
  bool operator==(const LookupRow&) const = default;
};

struct LookupPage {
  std::vector<LookupRow> rows;
  std::string next;
  bool operator==(const LookupPage&) const = default;
};

using Question = std::variant<BillQuestion, BillListQuestion, LookupQuestion>;
using Answer = std::variant<Bill, BillPage, LookupPage>;

}  // namespace hf::documents
