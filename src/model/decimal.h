#pragma once

// Decimal is an exact number: whole units of 10^-scale. Quantities and amounts of bills are Decimals and never floating
// point, so three times 0.1 is 0.3, and the parts of an amount add up to the amount.
//
// 1. Units lie between -(2^63-1) and 2^63-1, so every number of money(19,4) and decimal(18,s) has its Decimal.
// 2. Nothing wraps and nothing is rounded unless the caller says how. What does not fit is refused as `too_large`.
// 3. 1.5 equals 1.50. They differ in scale, and so in text.
//
// A value: trivially copyable, no allocation but for texts. O(1) unless said otherwise.

#include <compare>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hf {

inline constexpr int decimal_scale_max = 18;

// Where a number goes that lies between two of the scale asked for.
enum class Rounding : std::uint8_t {
  half_away,    // to the nearer one, and the half away from zero: 0.125 is 0.13, -0.125 is -0.13 (四舍五入)
  away,         // away from zero: 2.1 pieces are 3
  toward_zero,  // the rest is cut off
};

class Decimal {
 public:
  constexpr Decimal() = default;  // 0
  // REQUIRES: units is not the least int64; 0 <= scale <= decimal_scale_max.
  static Decimal of(std::int64_t units, int scale = 0);
  // The number that `text` says, as JSON writes numbers without an exponent: "0", "-12.50". Its scale is the number of
  // digits behind the point. `invalid` if it says none, `too_large` if the number or its scale does not fit. O(bytes).
  static Result<Decimal> parse(std::string_view text);
  // As parse() reads it.
  std::string text() const;

  std::int64_t units() const noexcept { return units_; }
  int scale() const noexcept { return scale_; }
  // -1, 0 or 1.
  int sign() const noexcept { return units_ > 0 ? 1 : units_ < 0 ? -1 : 0; }
  bool is_zero() const noexcept { return units_ == 0; }
  Decimal negated() const noexcept { return {-units_, scale_}; }
  Decimal size() const noexcept { return {units_ < 0 ? -units_ : units_, scale_}; }

  // Of the greater of both scales.
  Result<Decimal> plus(const Decimal& other) const;
  Result<Decimal> minus(const Decimal& other) const { return plus(other.negated()); }

  // The same number with `scale` digits behind the point. REQUIRES: 0 <= scale <= decimal_scale_max.
  Result<Decimal> at_scale(int scale, Rounding rounding) const;
  // The same, or `invalid` if digits other than zeros would be lost.
  Result<Decimal> exactly(int scale) const;

  // All factors multiplied, and rounded once; 1 if there is none. `too_large` also if an intermediate product passes
  // 2^127. O(factors). REQUIRES: 0 <= scale <= decimal_scale_max.
  static Result<Decimal> product(std::span<const Decimal> factors, int scale, Rounding rounding);

  // This number times part / whole, rounded once. `invalid` if whole is 0. REQUIRES as product().
  Result<Decimal> times_ratio(const Decimal& part, const Decimal& whole, int scale, Rounding rounding) const;

  std::weak_ordering operator<=>(const Decimal& other) const noexcept;
  bool operator==(const Decimal& other) const noexcept { return (*this <=> other) == 0; }

 private:
  constexpr Decimal(std::int64_t units, int scale) : units_(units), scale_(static_cast<std::int8_t>(scale)) {}

  std::int64_t units_ = 0;
  std::int8_t scale_ = 0;
};

// What is taken of a whole: `now`, after `before` was taken.
struct Taken {
  Decimal whole, before, now;
};

// The share of `amount` that goes with what is taken now, rounded half away to the amount's scale. Shares that follow
// each other, until the whole is taken, add up to the amount; each differs from its exact value by less than one unit.
// `invalid` if the whole is 0.
Result<Decimal> share(const Decimal& amount, const Taken& taken);

}  // namespace hf
