#include "model/decimal.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/assert.h"

namespace hf {
namespace {

using Wide = __int128;

constexpr std::int64_t units_max = std::numeric_limits<std::int64_t>::max();
constexpr int wide_digits_max = 38;  // 10^38 is the greatest power of ten in a Wide

constexpr Wide power_of_ten(int exponent) {
  Wide made = 1;
  for (int i = 0; i < exponent; ++i) made *= 10;
  return made;
}

Wide size_of(Wide number) { return number < 0 ? -number : number; }

tl::unexpected<Error> no_room() {
  return fail(Code::too_large, "The number has more digits than fit: write a smaller one.");
}

std::optional<Wide> multiplied(Wide a, Wide b) {
  Wide made = 0;
  if (__builtin_mul_overflow(a, b, &made)) return std::nullopt;
  return made;
}

// `number` × 10^exponent, which is not negative.
std::optional<Wide> raised(Wide number, int exponent) {
  if (number == 0) return 0;
  if (exponent > wide_digits_max) return std::nullopt;
  return multiplied(number, power_of_ten(exponent));
}

// REQUIRES: divisor > 0.
Wide divided(Wide number, Wide divisor, Rounding rounding) {
  const Wide whole = number / divisor;
  const Wide rest = size_of(number % divisor);
  const bool up =
      rest != 0 && (rounding == Rounding::away || (rounding == Rounding::half_away && rest >= divisor - rest));
  return up ? whole + (number < 0 ? -1 : 1) : whole;
}

Result<Decimal> made_of(Wide units, int scale) {
  if (size_of(units) > units_max) return no_room();
  return Decimal::of(static_cast<std::int64_t>(units), scale);
}

// numerator / divisor × 10^exponent as units of `scale`.
Result<Decimal> rounded(Wide numerator, Wide divisor, int exponent, int scale, Rounding rounding) {
  const std::optional<Wide> above = exponent > 0 ? raised(numerator, exponent) : numerator;
  const std::optional<Wide> below = exponent < 0 ? raised(divisor, -exponent) : divisor;
  if (!above || !below) return no_room();
  return made_of(divided(*above, *below, rounding), scale);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Decimal Decimal::of(std::int64_t units, int scale) {
  HF_ASSERT(units >= -units_max && scale >= 0 && scale <= decimal_scale_max);
  return {units, scale};
}

Result<Decimal> Decimal::parse(std::string_view text) {
  const bool negative = text.starts_with('-');
  const std::string_view size = text.substr(negative ? 1 : 0);
  const std::size_t point = std::min(size.find('.'), size.size());
  const std::string_view whole = size.substr(0, point);
  const std::string_view fraction = size.substr(std::min(point + 1, size.size()));
  const auto digits = [](std::string_view part) {
    return !part.empty() && std::all_of(part.begin(), part.end(), is_digit);
  };
  if (!digits(whole) || (whole.size() > 1 && whole[0] == '0') || (point < size.size() && !digits(fraction))) {
    return fail(Code::invalid, "This is no number: write digits, and a point before decimals, as in -12.50.");
  }
  if (fraction.size() > decimal_scale_max) return no_room();
  std::int64_t units = 0;
  for (const std::string_view part : {whole, fraction}) {
    for (const char c : part) {
      if (__builtin_mul_overflow(units, std::int64_t{10}, &units) ||
          __builtin_add_overflow(units, std::int64_t{c - '0'}, &units)) {
        return no_room();
      }
    }
  }
  return Decimal(negative ? -units : units, static_cast<int>(fraction.size()));
}

std::string Decimal::text() const {
  std::string made = std::to_string(units_ < 0 ? -units_ : units_);
  const auto behind = static_cast<std::size_t>(scale_);
  if (behind > 0) {
    if (made.size() <= behind) made.insert(0, behind + 1 - made.size(), '0');
    made.insert(made.size() - behind, 1, '.');
  }
  return units_ < 0 ? "-" + made : made;
}

Result<Decimal> Decimal::plus(const Decimal& other) const {
  const int scale = std::max(scale_, other.scale_);
  // Both products stay below 2^123.
  return made_of(Wide{units_} * power_of_ten(scale - scale_) + Wide{other.units_} * power_of_ten(scale - other.scale_),
                 scale);
}

Result<Decimal> Decimal::at_scale(int scale, Rounding rounding) const {
  HF_ASSERT(scale >= 0 && scale <= decimal_scale_max);
  return rounded(units_, 1, scale - scale_, scale, rounding);
}

Result<Decimal> Decimal::exactly(int scale) const {
  Result<Decimal> made = at_scale(scale, Rounding::toward_zero);
  if (made && *made != *this) return fail(Code::invalid, "The number has more decimals than its column: round it.");
  return made;
}

Result<Decimal> Decimal::product(std::span<const Decimal> factors, int scale, Rounding rounding) {
  HF_ASSERT(scale >= 0 && scale <= decimal_scale_max);
  Wide units = 1;
  int scales = 0;
  for (const Decimal& factor : factors) {
    const std::optional<Wide> more = multiplied(units, factor.units_);
    if (!more) return no_room();
    units = *more;
    scales += factor.scale_;
  }
  return rounded(units, 1, scale - scales, scale, rounding);
}

Result<Decimal> Decimal::times_ratio(const Decimal& part, const Decimal& whole, int scale, Rounding rounding) const {
  HF_ASSERT(scale >= 0 && scale <= decimal_scale_max);
  if (whole.is_zero()) return fail(Code::invalid, "There is no share of nothing: the whole is 0.");
  const Wide numerator = Wide{units_} * part.units_;  // below 2^126
  const int exponent = scale - scale_ - part.scale_ + whole.scale_;
  return rounded(whole.units_ < 0 ? -numerator : numerator, size_of(whole.units_), exponent, scale, rounding);
}

std::weak_ordering Decimal::operator<=>(const Decimal& other) const noexcept {
  const int scale = std::max(scale_, other.scale_);
  const Wide a = Wide{units_} * power_of_ten(scale - scale_);
  const Wide b = Wide{other.units_} * power_of_ten(scale - other.scale_);
  return a < b ? std::weak_ordering::less : a > b ? std::weak_ordering::greater : std::weak_ordering::equivalent;
}

Result<Decimal> share(const Decimal& amount, const Taken& taken) {
  // Two points on one line, each rounded: what lies between them cannot drift, however many shares there are.
  Result<Decimal> after = taken.before.plus(taken.now);
  if (!after) return after;
  const auto until = [&](const Decimal& point) {
    return amount.times_ratio(point, taken.whole, amount.scale(), Rounding::half_away);
  };
  Result<Decimal> to = until(*after);
  if (!to) return to;
  const Result<Decimal> from = until(taken.before);
  return from ? to->minus(*from) : from;
}

}  // namespace hf
