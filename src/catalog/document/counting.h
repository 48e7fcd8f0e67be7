#pragma once

// Counting: what of a line is left, and what an approved bill adds to the one it counts on.
//
//   left = ordered - done - reserved
//
// `ordered` and `done` stand in the row; `reserved` is what lines of bills that are not approved yet hold. Red bills
// have all three with a minus and count by size, so left has the sign of what was ordered, or is 0.
//
// Pure functions of their arguments; thread-safe. Exact (model/decimal.h): what does not fit is `too_large`.

#include <span>
#include <variant>
#include <vector>

#include "catalog/catalog.h"
#include "catalog/document/row.h"

namespace hf::document {

// What bills made from a line, or acting on it, have of it beside the row's own columns: as the line counts it, so a
// red bill of a blue one is turned round.
struct Held {
  Decimal reserved;  // by bills that are not approved yet
  Decimal counted;   // by approved ones; needed only where no column of the row says what is done
};

// How much may still be taken of `row`, whose columns `ordered` and `done` name.
Result<Decimal> left_of(const Row& row, std::span<const std::string> ordered, std::span<const std::string> done,
                        const Held& held);

enum class Done : std::uint8_t { none, part, all };
enum class Direction : std::uint8_t { apply, undo };

// The limit would be passed. `left` is what may be taken.
struct OverLimit {
  Decimal left, asked;
};

// What an effect makes of a line that is counted on.
struct Counted {
  Row row;  // with its columns raised or lowered, and its flags
  Done done = Done::none;
};

// Lets the line `acting` count on `row`, or takes it back. Nothing of `row` but what the effect names is changed.
//
// OverLimit: applied, it would pass the effect's limit; nothing else is asked, not the effect's conditions either.
// `held`: of the row, without the acting line itself. `limited` is false for acting bills that no limit binds.
struct Acting {
  const Row& line;
  Direction direction = Direction::apply;
  bool limited = true;
};
Result<std::variant<Counted, OverLimit>> count(const catalog::Effect& effect, const Acting& acting, const Row& row,
                                               const catalog::Table& table, const Held& held);

// An amount that goes to several lines in turn, to each up to what is left of it. Shares and rest add up to the amount.
struct Spread {
  std::vector<Decimal> shares;  // for each line
  Decimal rest;                 // that no line has room for
};
// A line whose left is of the other sign gets nothing. O(lines).
Result<Spread> spread(const Decimal& amount, std::span<const Decimal> left);

// What is done of a bill by what is done of its lines: all if each is, none if none is. All of no line is none.
Done done_of(std::span<const Done> lines) noexcept;
// The value of the status for it.
int state_for(const catalog::StateByDone& state, Done done) noexcept;

}  // namespace hf::document
