#pragma once

// Drafting: the bill that a conversion or a creation makes, from rows given as values.
//
// A Draft has a value in every column that may not be null, except the keys, the numbers and the parents' keys, which
// the store draws. It has no state to keep: the same rows give the same draft, so a run can compute it again.
//
// Shares of an amount add up to it. While only this conversion takes of a line, the last bill gets the amount less
// what the others have, even if somebody has changed or deleted one of them in between.
//
// Pure functions of their arguments; thread-safe. O(lines × columns).

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "catalog/catalog.h"
#include "catalog/document/counting.h"
#include "catalog/document/row.h"

namespace hf::document {

// A row that lines are made from, and what there is of it in other bills.
struct SourceLine {
  Row row;
  Held held;
  Decimal linked;  // of held and done, what the lines have that this conversion made
  Row given;       // the sums of their shared columns, by the name of the new line's column
};

struct Source {
  catalog::Index type = 0;
  Row master;
  std::vector<std::vector<SourceLine>> lines;  // for each rule of the conversion
  bool first = true;                           // no bill that counts or may count was made from it
  Row given;                                   // the sums of the shared columns of the masters that were
};

// How much is asked of one line. Without any, all that is left of every line is taken.
struct Part {
  std::size_t source = 0, rule = 0, line = 0;
  Decimal quantity;
};

// Who makes the bill, and when.
struct Occasion {
  std::int64_t now = 0;                      // microseconds since 1970, UTC
  std::int64_t today = 0, today_begins = 0;  // the day in the business zone, and when it began
  std::optional<std::int64_t> employee;      // absent: the actor is nobody's
  std::function<std::optional<std::int64_t>(std::string_view table)> standard;  // the key of a lookup's standard row
};

struct Draft {
  struct Line {
    std::size_t source = 0, rule = 0, line = 0;  // what it was made from
    Row row;
  };
  Row master;
  std::vector<Line> lines;
};

// More is asked of a line than is left.
struct NotEnough {
  std::size_t source = 0, rule = 0, line = 0;
  Decimal left, asked;
};
// Nothing is left of any line.
struct NothingLeft {};

using Outcome = std::variant<Draft, NotEnough, NothingLeft>;

// The bill of `making` by `route`, from one source or, where the making merges, from several.
// `invalid`: the sources differ in a column of merge_by, the actor is no employee, a lookup has no standard row, or a
// quantity has more decimals than its column. `too_large`: a number does not fit.
// REQUIRES: each source is of the route's type and has lines for each rule; sources is not empty; parts name lines of
// it.
Result<Outcome> draft(const Catalog& catalog, const catalog::Making& making, const catalog::Route& route,
                      std::span<const Source> sources, std::span<const Part> parts, const Occasion& occasion);

// The first check that the source does not fulfil; null if it fulfils all.
const catalog::Check* unmet(std::span<const catalog::Check> checks, const Row& master, const catalog::Table& table);

}  // namespace hf::document
