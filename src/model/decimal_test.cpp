// If a number lost a unit, an order of 0.3 would refuse its third 0.1, and the shares of an amount would not be the
// amount.
#include "model/decimal.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"

namespace hf {
namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

Decimal number(std::string_view text) {
  const Result<Decimal> made = Decimal::parse(text);
  EXPECT_TRUE(made) << text;
  return made.value_or(Decimal());
}

std::string text_of(const Result<Decimal>& made) {
  return made ? made->text() : std::string(code_name(made.error().code));
}

// Units of any size, small ones often.
Decimal any(Random& random) {
  const auto bits = random.below(63);
  const auto units = static_cast<std::int64_t>(random.next() >> (1 + bits));
  return Decimal::of(random.one_in(2) ? -units : units, static_cast<int>(random.below(decimal_scale_max + 1)));
}

TEST(Decimal, a_number_is_the_text_that_it_was_read_from) {
  for (const char* text : {"0", "7", "-7", "0.00", "12.50", "-0.05", "9223372036854775807", "-9223372036854775807",
                           "922337203685477.5807", "0.000000000000000001", "9.223372036854775807"}) {
    EXPECT_EQ(text_of(Decimal::parse(text)), text);
  }
  EXPECT_EQ(number("-0").text(), "0");
  EXPECT_EQ(number("-12.50").units(), -1250);
  EXPECT_EQ(number("-12.50").scale(), 2);
}

TEST(Decimal, what_is_no_number_is_invalid_and_what_does_not_fit_too_large) {
  for (const char* text :
       {"", "-", ".", "1.", ".5", "+1", "01", "1e3", "1,5", " 1", "1 ", "--1", "1.2.3", "0x1", "NaN", "一"}) {
    EXPECT_EQ(text_of(Decimal::parse(text)), "invalid") << text;
  }
  for (const char* text : {"9223372036854775808", "-9223372036854775808", "0.0000000000000000001",
                           "92233720368547758.070", "99999999999999999999999999"}) {
    EXPECT_EQ(text_of(Decimal::parse(text)), "too_large") << text;
  }
}

TEST(Decimal, numbers_of_different_scales_are_compared_by_their_value) {
  EXPECT_EQ(number("1.5"), number("1.50"));
  EXPECT_LT(number("-1.51"), number("-1.5"));
  EXPECT_GT(number("0.1"), number("0.099999999999999999"));
  EXPECT_LT(Decimal::of(-most, 0), Decimal::of(most, decimal_scale_max));
  EXPECT_GT(Decimal::of(most, 0), Decimal::of(most, decimal_scale_max));
  EXPECT_EQ(number("0.000").sign(), 0);
  EXPECT_EQ(number("-0.001").sign(), -1);
}

TEST(Decimal, sums_are_exact_and_never_wrap) {
  EXPECT_EQ(text_of(number("0.1").plus(number("0.2"))), "0.3");
  EXPECT_EQ(text_of(number("1").minus(number("0.75"))), "0.25");
  EXPECT_EQ(text_of(Decimal::of(most).plus(Decimal::of(1))), "too_large");
  EXPECT_EQ(text_of(Decimal::of(-most).minus(Decimal::of(1))), "too_large");
  EXPECT_EQ(text_of(Decimal::of(-most).plus(Decimal::of(most))), "0");
  EXPECT_EQ(text_of(Decimal::of(most).plus(number("0.0"))), "too_large");  // it would need one digit more
}

TEST(Decimal, rounding_goes_where_it_was_told) {
  using enum Rounding;
  const auto at = [](std::string_view text, int scale, Rounding rounding) {
    return text_of(number(text).at_scale(scale, rounding));
  };
  EXPECT_EQ(at("0.125", 2, half_away), "0.13");
  EXPECT_EQ(at("-0.125", 2, half_away), "-0.13");
  EXPECT_EQ(at("0.1249", 2, half_away), "0.12");
  EXPECT_EQ(at("2.1", 0, away), "3");
  EXPECT_EQ(at("-2.1", 0, away), "-3");
  EXPECT_EQ(at("2.0", 0, away), "2");
  EXPECT_EQ(at("-2.9", 0, toward_zero), "-2");
  EXPECT_EQ(at("2", 4, toward_zero), "2.0000");
  EXPECT_EQ(at("9223372036854775807", 1, half_away), "too_large");
  EXPECT_EQ(text_of(number("2.50").exactly(1)), "2.5");
  EXPECT_EQ(text_of(number("2.55").exactly(1)), "invalid");
}

TEST(Decimal, a_product_is_rounded_once) {
  const auto product = [](std::vector<Decimal> factors, int scale) {
    return text_of(Decimal::product(factors, scale, Rounding::half_away));
  };
  EXPECT_EQ(product({number("19.99"), number("3")}, 4), "59.9700");
  EXPECT_EQ(product({number("0.5"), number("0.5"), number("0.5")}, 1), "0.1");  // 0.125; rounded twice it were 0.2
  EXPECT_EQ(product({}, 2), "1.00");
  EXPECT_EQ(product({number("922337203685477.5807"), number("1.0000")}, 4), "922337203685477.5807");
  EXPECT_EQ(product({Decimal::of(most), Decimal::of(2)}, 0), "too_large");
  EXPECT_EQ(product({Decimal::of(most), Decimal::of(most), Decimal::of(most)}, 0), "too_large");
  EXPECT_EQ(product({Decimal::of(most, 18), Decimal::of(most, 18)}, 4), "85.0706");
}

TEST(Decimal, a_ratio_is_rounded_once_and_of_nothing_there_is_none) {
  const auto ratio = [](std::string_view amount, std::string_view part, std::string_view whole, int scale) {
    return text_of(number(amount).times_ratio(number(part), number(whole), scale, Rounding::half_away));
  };
  EXPECT_EQ(ratio("100.00", "1", "3", 2), "33.33");
  EXPECT_EQ(ratio("100.00", "-1", "3", 2), "-33.33");
  EXPECT_EQ(ratio("100.00", "1", "-3", 2), "-33.33");
  EXPECT_EQ(ratio("100", "0.5", "1.25", 0), "40");
  EXPECT_EQ(ratio("922337203685477.5807", "99999999999999.9999", "99999999999999.9999", 4), "922337203685477.5807");
  EXPECT_EQ(ratio("1", "1", "0", 2), "invalid");
  EXPECT_EQ(ratio("9223372036854775807", "2", "1", 0), "too_large");
}

TEST(Decimal, adding_and_taking_away_again_leaves_the_number) {
  Random random(20261130);
  for (int i = 0; i < 20'000; ++i) {
    const Decimal a = any(random);
    const Decimal b = any(random);
    const Result<Decimal> sum = a.plus(b);
    if (!sum) continue;
    EXPECT_EQ(*sum, *b.plus(a));
    if (const Result<Decimal> back = sum->minus(b)) EXPECT_EQ(*back, a) << a.text() << " " << b.text();
    EXPECT_EQ(*Decimal::parse(a.text()), a);
    EXPECT_EQ(a<b, b> a);
  }
}

TEST(Decimal, rounding_never_moves_a_number_by_a_unit) {
  Random random(7);
  for (int i = 0; i < 20'000; ++i) {
    const Decimal a = any(random);
    const int scale = static_cast<int>(random.below(static_cast<std::uint64_t>(a.scale()) + 1));
    const Decimal unit = Decimal::of(1, scale);
    for (const Rounding rounding : {Rounding::half_away, Rounding::away, Rounding::toward_zero}) {
      const Result<Decimal> made = a.at_scale(scale, rounding);
      ASSERT_TRUE(made) << a.text();
      const Result<Decimal> moved = made->minus(a);
      if (!moved) continue;
      EXPECT_LT(moved->size(), unit) << a.text();
      if (rounding == Rounding::away) EXPECT_GE(made->size(), a.size());
      if (rounding == Rounding::toward_zero) EXPECT_LE(made->size(), a.size());
    }
  }
}

// Whatever is taken, in however many parts: to the last unit, the shares are the amount.
TEST(Decimal, the_shares_of_an_amount_add_up_to_it) {
  Random random(42);
  for (int i = 0; i < 5'000; ++i) {
    const Decimal amount = Decimal::of(static_cast<std::int64_t>(random.below(2'000'000)) - 1'000'000, 4);
    const Decimal whole =
        Decimal::of(static_cast<std::int64_t>(1 + random.below(100'000)), static_cast<int>(random.below(4)));
    Decimal before = Decimal::of(0, whole.scale());
    Decimal given;
    while (before < whole) {
      const auto rest = static_cast<std::uint64_t>(whole.units() - before.units());
      const Decimal now = Decimal::of(static_cast<std::int64_t>(1 + random.below(rest)), whole.scale());
      const Result<Decimal> part = share(amount, {whole, before, now});
      ASSERT_TRUE(part);
      EXPECT_EQ(part->scale(), amount.scale());
      EXPECT_TRUE(part->sign() == 0 || part->sign() == amount.sign()) << amount.text() << " of " << whole.text();
      given = *given.plus(*part);
      before = *before.plus(now);
    }
    EXPECT_EQ(given, amount) << amount.text() << " of " << whole.text();
  }
}

TEST(Decimal, the_last_share_takes_the_rest) {
  const Decimal amount = number("100.00");
  const Decimal whole = number("3");
  EXPECT_EQ(text_of(share(amount, {whole, number("0"), number("1")})), "33.33");
  EXPECT_EQ(text_of(share(amount, {whole, number("1"), number("1")})), "33.34");
  EXPECT_EQ(text_of(share(amount, {whole, number("2"), number("1")})), "33.33");
  EXPECT_EQ(text_of(share(amount, {whole, number("0"), number("3")})), "100.00");
  EXPECT_EQ(text_of(share(number("-0.02"), {number("4"), number("3"), number("1")})), "0.00");
  EXPECT_EQ(text_of(share(amount, {number("0"), number("0"), number("0")})), "invalid");
}

}  // namespace
}  // namespace hf
