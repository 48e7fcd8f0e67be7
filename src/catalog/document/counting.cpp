#include "catalog/document/counting.h"

#include <algorithm>
#include <optional>

namespace hf::document {

using catalog::Effect;

namespace {

Result<Decimal> sum_of(const Row& row, std::span<const std::string> columns) {
  Result<Decimal> sum = Decimal();
  for (const std::string& column : columns) {
    if (sum) sum = sum->plus(row.number(column));
  }
  return sum;
}

// What is done by the row's columns, or else by what was counted.
Result<Decimal> done_in(const Row& row, std::span<const std::string> done, const Decimal& counted) {
  return done.empty() ? Result<Decimal>(counted) : sum_of(row, done);
}

// The limit of the row, with the effect's percent on top.
Result<Decimal> limit_of(const Effect& effect, const Row& row) {
  Result<Decimal> limit = sum_of(row, effect.limit);
  if (!limit || effect.limit_percent == 100) return limit;
  return limit->times_ratio(Decimal::of(effect.limit_percent), Decimal::of(100), limit->scale(), Rounding::toward_zero);
}

bool shows(Effect::Share share, Done done) {
  switch (share) {
    case Effect::Share::none: return done == Done::none;
    case Effect::Share::some: return done != Done::none;
    case Effect::Share::all: return done == Done::all;
  }
  return false;
}

// Adds what the acting line has to the row's columns.
Result<Row> added(const Effect& effect, const Acting& acting, const Row& row, const catalog::Table& table) {
  Row made = row;
  for (const Effect::Add& add : effect.add) {
    const Decimal amount = acting.line.number(add.from);
    const bool minus = add.minus != (acting.direction == Direction::undo);
    const Result<Decimal> sum = minus ? row.number(add.column).minus(amount) : row.number(add.column).plus(amount);
    if (!sum) return tl::make_unexpected(sum.error());
    Result<Value> value = fitted(*sum, *table.find(add.column));
    if (!value) return tl::make_unexpected(std::move(value.error()));
    made.set(add.column, std::move(*value));
  }
  return made;
}

// Above its limit, `done` may stand less than 1 if the effect rounds up.
Result<bool> within(const Effect& effect, const Decimal& done, const Decimal& limit) {
  const Result<Decimal> above = done.size().minus(limit.size());
  if (!above) return tl::make_unexpected(above.error());
  const bool same_side = done.is_zero() || limit.is_zero() || done.sign() == limit.sign();
  return same_side && (above->sign() <= 0 || (effect.round_up && *above < Decimal::of(1)));
}

}  // namespace

Result<Decimal> left_of(const Row& row, std::span<const std::string> ordered, std::span<const std::string> done,
                        const Held& held) {
  const Result<Decimal> whole = sum_of(row, ordered);
  const Result<Decimal> taken = whole ? done_in(row, done, held.counted) : whole;
  const Result<Decimal> rest = taken ? whole->minus(*taken) : taken;
  Result<Decimal> left = rest ? rest->minus(held.reserved) : rest;
  if (!left) return left;
  return left->sign() == whole->sign() ? *left : Decimal::of(0, left->scale());
}

Result<std::variant<Counted, OverLimit>> count(const Effect& effect, const Acting& acting, const Row& row,
                                               const catalog::Table& table, const Held& held) {
  using Outcome = std::variant<Counted, OverLimit>;
  Result<Row> made = added(effect, acting, row, table);
  if (!made) return tl::make_unexpected(std::move(made.error()));
  const Decimal asked = acting.line.number(effect.quantity);
  const Result<Decimal> counted =
      acting.direction == Direction::undo ? Result<Decimal>(held.counted) : held.counted.plus(asked);
  const Result<Decimal> done = counted ? done_in(*made, effect.done, *counted) : counted;
  const Result<Decimal> limit = done ? limit_of(effect, row) : done;
  const Result<Decimal> with_drafts = limit ? done->plus(held.reserved) : limit;
  if (!with_drafts) return tl::make_unexpected(with_drafts.error());
  Counted outcome{std::move(*made), done->is_zero() ? Done::none : Done::part};
  if (!effect.limit.empty()) {
    const Result<bool> fits = within(effect, *with_drafts, *limit);
    if (!fits) return tl::make_unexpected(fits.error());
    if (acting.direction == Direction::apply && acting.limited && !*fits) {
      const Result<Decimal> before = done_in(row, effect.done, held.counted);
      const Result<Decimal> rest = before ? limit->minus(*before) : before;
      const Result<Decimal> left = rest ? rest->minus(held.reserved) : rest;
      if (!left) return tl::make_unexpected(left.error());
      return Outcome(OverLimit{*left, asked});
    }
    const Result<Decimal> whole = sum_of(row, effect.limit);
    if (done->size() >= whole->size()) outcome.done = Done::all;
    if (!effect.over.empty()) {
      const Result<Decimal> above = done->minus(*whole);
      const Decimal over = above && above->sign() > 0 ? *above : Decimal();
      Result<Value> value = fitted(over, *table.find(effect.over));
      if (!value) return tl::make_unexpected(std::move(value.error()));
      outcome.row.set(effect.over, std::move(*value));
    }
  }
  for (const Effect::Flag& flag : effect.flags) {
    outcome.row.set(flag.column, std::int64_t{shows(flag.on, outcome.done) ? 1 : 0});
  }
  return Outcome(std::move(outcome));
}

Result<Spread> spread(const Decimal& amount, std::span<const Decimal> left) {
  Spread made{{}, amount};
  for (const Decimal& room : left) {
    const bool fits = room.sign() == made.rest.sign();
    const Decimal share = !fits ? Decimal() : room.size() < made.rest.size() ? room : made.rest;
    const Result<Decimal> rest = made.rest.minus(share);
    if (!rest) return tl::make_unexpected(rest.error());
    made.shares.push_back(share);
    made.rest = *rest;
  }
  return made;
}

Done done_of(std::span<const Done> lines) noexcept {
  const auto is = [](Done wanted) { return [wanted](Done each) { return each == wanted; }; };
  if (lines.empty() || std::all_of(lines.begin(), lines.end(), is(Done::none))) return Done::none;
  return std::all_of(lines.begin(), lines.end(), is(Done::all)) ? Done::all : Done::part;
}

int state_for(const catalog::StateByDone& state, Done done) noexcept {
  switch (done) {
    case Done::none: return state.none;
    case Done::part: return state.part;
    case Done::all: return state.all;
  }
  return state.none;
}

}  // namespace hf::document
