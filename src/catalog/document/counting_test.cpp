// If an effect counted wrong by a unit, an order that was delivered would stay open, or goods would be delivered twice.

#include "catalog/document/counting.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/random.h"
#include "catalog/erp_catalog_test.h"

namespace hf::document {
namespace {

using catalog::Effect;

const Catalog& erp() { return *test::erp(); }

Decimal number(std::string_view text) { return Decimal::parse(text).value(); }

const Effect& effect(std::string_view name) {
  const std::vector<Effect>& all = erp().content().effects;
  return *std::find_if(all.begin(), all.end(), [&](const Effect& each) { return each.name == name; });
}

const catalog::Table& table_of(const Effect& effect) {
  const catalog::Type& to = erp().content().types[effect.to];
  return erp().content().tables[effect.to_part ? to.parts[*effect.to_part].table : to.table];
}

struct How {
  Direction direction = Direction::apply;
  bool limited = true;
  Held held;
};

std::variant<Counted, OverLimit> outcome(std::string_view name, const Row& acting, const Row& row,
                                         const How& how = {}) {
  const Effect& of = effect(name);
  auto made = count(of, {acting, how.direction, how.limited}, row, table_of(of), how.held);
  EXPECT_TRUE(made) << made.error().detail;
  return made ? *made : std::variant<Counted, OverLimit>();
}

Counted counted(std::string_view name, const Row& acting, const Row& row, const How& how = {}) {
  auto made = outcome(name, acting, row, how);
  EXPECT_TRUE(std::holds_alternative<Counted>(made)) << name;
  return std::holds_alternative<Counted>(made) ? std::get<Counted>(made) : Counted();
}

Row delivery(std::string_view quantity) { return Row{{"Quantity", number(quantity)}}; }
Row line(std::string_view ordered, std::string_view done) {
  return Row{{"Quantity", number(ordered)}, {"TotalDeliveredQty", number(done)}};
}

TEST(Counting, left_is_what_was_ordered_less_done_and_reserved) {
  const std::vector<std::string> ordered = {"Quantity"}, done = {"TotalDeliveredQty"};
  const auto left = [&](const Row& row, const Held& held) { return left_of(row, ordered, done, held)->text(); };
  EXPECT_EQ(left(line("10", "4"), {number("3"), {}}), "3");
  EXPECT_EQ(left(line("10", "8"), {number("3"), {}}), "0");
  EXPECT_EQ(left(line("-10", "-4"), {number("-1"), {}}), "-5");  // a red bill counts by size
  EXPECT_EQ(left(line("-10", "-12"), {}), "0");
  EXPECT_EQ(left(Row{}, {}), "0");
  // Where no column says what is done, it is counted.
  EXPECT_EQ(left_of(line("10", "4"), ordered, {}, {number("3"), number("5")})->text(), "2");
}

TEST(Counting, a_delivery_counts_once_and_is_taken_back_whole) {
  const Row before = line("10", "4");
  const Counted some = counted("delivery_delivers_order", delivery("3"), before);
  EXPECT_EQ(some.row.number("TotalDeliveredQty"), number("7"));
  EXPECT_EQ(some.done, Done::part);
  const Counted all = counted("delivery_delivers_order", delivery("6"), before);
  EXPECT_EQ(all.done, Done::all);
  const Counted back = counted("delivery_delivers_order", delivery("6"), all.row, {.direction = Direction::undo});
  EXPECT_EQ(back.row, before);
  EXPECT_EQ(back.done, Done::part);
}

TEST(Counting, what_drafts_hold_cannot_be_delivered) {
  const auto refused = outcome("delivery_delivers_order", delivery("4"), line("10", "4"), {.held = {number("3"), {}}});
  const auto* const over = std::get_if<OverLimit>(&refused);
  ASSERT_NE(over, nullptr);
  EXPECT_EQ(over->left, number("3"));
  EXPECT_EQ(over->asked, number("4"));
  EXPECT_EQ(counted("delivery_delivers_order", delivery("3"), line("10", "4"), {.held = {number("3"), {}}}).done,
            Done::part);
}

TEST(Counting, whole_pieces_may_pass_a_fractional_need_by_less_than_one) {
  const auto need = [](std::string_view sent) {
    return Row{{"ShouldSendQty", number("2.400")}, {"WastageQty", number("0.100")}, {"ActualSentQty", number(sent)}};
  };
  const Row three{{"ActualSentQty", number("3")}};
  const Counted made = counted("requisition_issues_material", three, need("0.000"));
  EXPECT_EQ(made.done, Done::all);
  EXPECT_EQ(made.row.number("OverSentQty"), number("0.5"));
  EXPECT_TRUE(std::holds_alternative<OverLimit>(outcome("requisition_issues_material", three, need("1.000"))));
  // 补料 is not bound, and says by how much it is over.
  EXPECT_EQ(counted("requisition_issues_material", three, need("1.000"), {.limited = false}).row.number("OverSentQty"),
            number("1.5"));
}

TEST(Counting, a_plan_takes_half_as_much_again) {
  const Row plan{{"Quantity", number("10")}, {"CompletedQuantity", number("12")}};
  EXPECT_EQ(counted("goods_complete_plan", Row{{"Qty", number("3")}}, plan).row.number("CompletedQuantity"),
            number("15"));
  EXPECT_TRUE(std::holds_alternative<OverLimit>(outcome("goods_complete_plan", Row{{"Qty", number("4")}}, plan)));
}

TEST(Counting, an_analysis_marks_its_plan_line_while_it_counts) {
  const Row plan{{"AnalyzedQuantity", number("0")}, {"IsAnalyzed", std::int64_t{0}}};
  const Row need{{"NeedQuantity", number("7")}};
  const Counted made = counted("demand_analyses_plan", need, plan);
  EXPECT_EQ(made.row.id("IsAnalyzed"), 1);
  EXPECT_EQ(counted("demand_analyses_plan", need, made.row, {.direction = Direction::undo}).row, plan);
}

TEST(Counting, what_is_paid_goes_to_the_oldest_lines_first) {
  const std::vector<Decimal> left = {number("30.00"), number("-5.00"), number("50.00"), number("20.00")};
  const Spread part = spread(number("45.00"), left).value();
  EXPECT_EQ(part.shares, (std::vector<Decimal>{number("30"), number("0"), number("15"), number("0")}));
  EXPECT_TRUE(part.rest.is_zero());
  const Spread more = spread(number("101.00"), left).value();
  EXPECT_EQ(more.rest, number("1"));
  const Spread red = spread(number("-7.00"), left).value();
  EXPECT_EQ(red.shares[1], number("-5"));
  EXPECT_EQ(red.rest, number("-2"));
}

TEST(Counting, a_bill_is_all_done_when_each_line_is) {
  using enum Done;
  EXPECT_EQ(done_of(std::vector{all, all}), all);
  EXPECT_EQ(done_of(std::vector{all, none}), part);
  EXPECT_EQ(done_of(std::vector{none, none}), none);
  EXPECT_EQ(done_of(std::vector<Done>{}), none);
  const catalog::StateByDone state = effect("receipt_settles_statement").close.at(0);
  EXPECT_EQ(state_for(state, none), 3);
  EXPECT_EQ(state_for(state, part), 5);
  EXPECT_EQ(state_for(state, all), 4);
}

std::string text_of(const Row& row) {
  std::string made;
  for (const auto& [column, value] : row.values())
    made += "  " + column + " = " + std::get<Decimal>(value).text() + "\n";
  return made;
}

// 预收抵扣应收: the settlement acts on both bills. First a part of the receivable by one advance, then the rest by
// another.
TEST(Counting, an_advance_is_set_off_in_part_and_then_the_rest) {
  Row receivable{{"TotalLocalPayableAmount", number("1000.0000")},
                 {"LocalPaidAmount", number("0.0000")},
                 {"ForeignPaidAmount", number("0.0000")},
                 {"LocalBalanceAmount", number("1000.0000")},
                 {"ForeignBalanceAmount", number("142.8571")}};
  const auto advance = [](std::string_view local, std::string_view foreign) {
    return Row{{"LocalPrepaidAmount", number(local)},   {"LocalPaidAmount", number("0.0000")},
               {"LocalRefundAmount", number("0.0000")}, {"ForeignPaidAmount", number("0.0000")},
               {"LocalBalanceAmount", number(local)},   {"ForeignBalanceAmount", number(foreign)}};
  };
  const auto settle = [](std::string_view local, std::string_view foreign) {
    return Row{{"SettledLocalAmount", number(local)}, {"SettledForeignAmount", number(foreign)}};
  };
  const catalog::StateByDone& bill = effect("settlement_pays_receivable").close.at(0);
  const catalog::StateByDone& prepaid = effect("settlement_uses_prereceived").close.at(0);
  std::string said;
  struct Step {
    Row advance, settlement;
  };
  for (const Step& step : {Step{advance("300.0000", "42.8571"), settle("300.0000", "42.8571")},
                           Step{advance("900.0000", "128.5714"), settle("700.0000", "100.0000")}}) {
    const Counted paid = counted("settlement_pays_receivable", step.settlement, receivable);
    const Counted used = counted("settlement_uses_prereceived", step.settlement, step.advance);
    said += "receivable, ARAPStatus " + std::to_string(state_for(bill, paid.done)) + "\n" + text_of(paid.row);
    said += "advance, PrePaymentStatus " + std::to_string(state_for(prepaid, used.done)) + "\n" + text_of(used.row);
    // 撤销抵扣 takes it back to the unit.
    EXPECT_EQ(counted("settlement_pays_receivable", step.settlement, paid.row, {.direction = Direction::undo}).row,
              receivable);
    receivable = paid.row;
  }
  std::ifstream file(HF_SOURCE_DIR "/src/catalog/document/golden/advance_offsets_receivable.txt", std::ios::binary);
  std::stringstream stream;
  stream << file.rdbuf();
  EXPECT_EQ(said, stream.str());
}

// Approved and un-approved in any order, what is done is the sum of what is approved, and never more than was ordered.
TEST(Counting, after_any_history_done_is_the_sum_of_what_is_approved) {
  Random random(606);
  for (int round = 0; round < 200; ++round) {
    Row order = line("50", "0");
    std::vector<std::int64_t> approved;
    std::int64_t sum = 0;
    for (int step = 0; step < 40; ++step) {
      if (!approved.empty() && random.one_in(3)) {
        const auto at = static_cast<std::ptrdiff_t>(random.below(approved.size()));
        const std::int64_t quantity = approved[static_cast<std::size_t>(at)];
        order = counted("delivery_delivers_order", delivery(std::to_string(quantity)), order,
                        {.direction = Direction::undo})
                    .row;
        approved.erase(approved.begin() + at);
        sum -= quantity;
      } else {
        const auto quantity = static_cast<std::int64_t>(1 + random.below(20));
        const auto made = outcome("delivery_delivers_order", delivery(std::to_string(quantity)), order);
        EXPECT_EQ(std::holds_alternative<Counted>(made), sum + quantity <= 50);
        if (const auto* const done = std::get_if<Counted>(&made)) {
          order = done->row;
          approved.push_back(quantity);
          sum += quantity;
          EXPECT_EQ(done->done, sum == 50 ? Done::all : Done::part);
        }
      }
      EXPECT_EQ(order.number("TotalDeliveredQty"), Decimal::of(sum));
    }
  }
}

}  // namespace
}  // namespace hf::document
