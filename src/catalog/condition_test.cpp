// Conditions put bills into to-do groups and guard conversions. If they are wrong, people miss work or see a
// colleague's; if the parser is, a server starts with a catalog that means something else than it says.

#include "catalog/condition.h"

#include <gtest/gtest.h>

#include <map>

namespace hf {
namespace {

class Bill : public FieldSource {
 public:
  std::map<std::string, FieldValue, std::less<>> values;
  std::optional<FieldValue> field(std::string_view name) const override {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  }
};

Bill bill(std::int64_t data, std::int64_t approval) {
  Bill made;
  made.values = {{"DataStatus", data}, {"ApprovalStatus", approval}, {"Kind", std::string_view("it's")}};
  return made;
}

bool holds(std::string_view text, const Bill& on = bill(2, 0)) {
  const auto condition = Condition::parse(text);
  if (!condition) {
    ADD_FAILURE() << text << ": " << condition.error().reason;
    return false;
  }
  return condition->evaluate(on);
}

std::string refusal(std::string_view text) {
  const auto condition = Condition::parse(text);
  if (condition) return "";
  return std::to_string(condition.error().offset) + ": " + condition.error().reason;
}

TEST(Condition, every_operator_compares_as_it_reads) {
  EXPECT_TRUE(holds("DataStatus=2"));
  EXPECT_FALSE(holds("DataStatus=1"));
  EXPECT_TRUE(holds("DataStatus!=1"));
  EXPECT_FALSE(holds("DataStatus!=2"));
  EXPECT_TRUE(holds("DataStatus<3"));
  EXPECT_FALSE(holds("DataStatus<2"));
  EXPECT_TRUE(holds("DataStatus<=2"));
  EXPECT_FALSE(holds("DataStatus<=1"));
  EXPECT_TRUE(holds("DataStatus>-1"));
  EXPECT_FALSE(holds("DataStatus>2"));
  EXPECT_TRUE(holds("DataStatus>=2"));
  EXPECT_FALSE(holds("DataStatus>=3"));
}

TEST(Condition, in_holds_for_any_of_its_values_and_not_in_for_none) {
  EXPECT_TRUE(holds("DataStatus in (1, 2)"));
  EXPECT_FALSE(holds("DataStatus in (4)"));
  EXPECT_TRUE(holds("DataStatus not in (4,8)"));
  EXPECT_FALSE(holds("DataStatus not in (2)"));
}

TEST(Condition, and_binds_tighter_than_or_and_not_tightest) {
  EXPECT_TRUE(holds("DataStatus=2 or DataStatus=1 and ApprovalStatus=7"));
  EXPECT_FALSE(holds("(DataStatus=2 or DataStatus=1) and ApprovalStatus=7"));
  EXPECT_FALSE(holds("not DataStatus=2 and ApprovalStatus=0"));
  EXPECT_TRUE(holds("not (DataStatus=2 and ApprovalStatus=7)"));
  EXPECT_TRUE(holds("not not DataStatus=2"));
}

TEST(Condition, texts_are_quoted_and_a_doubled_quote_stands_for_one) {
  EXPECT_TRUE(holds("Kind='it''s'"));
  EXPECT_FALSE(holds("Kind='its'"));
  EXPECT_TRUE(holds("Kind in ('a', 'it''s')"));
}

TEST(Condition, true_and_false_are_one_and_zero) {
  EXPECT_TRUE(holds("ApprovalStatus=false"));
  EXPECT_FALSE(holds("ApprovalStatus=true"));
}

TEST(Condition, a_missing_field_satisfies_no_comparison_not_even_unequal) {
  EXPECT_FALSE(holds("Nothing=1"));
  EXPECT_FALSE(holds("Nothing!=1"));
  EXPECT_FALSE(holds("Nothing in (1)"));
  EXPECT_TRUE(holds("not Nothing=1"));
}

TEST(Condition, a_number_never_equals_or_differs_from_a_text) {
  EXPECT_FALSE(holds("DataStatus='2'"));
  EXPECT_FALSE(holds("DataStatus!='2'"));
  EXPECT_FALSE(holds("Kind=0"));
}

TEST(Condition, the_empty_condition_of_the_default_constructor_always_holds) {
  EXPECT_TRUE(Condition().evaluate(bill(1, 1)));
}

TEST(Condition, a_mistake_is_refused_with_its_place_and_reason) {
  EXPECT_EQ(refusal(""), "0: expected the name of a field");
  EXPECT_EQ(refusal("DataStatus"), "10: expected one of = != < <= > >= in");
  EXPECT_EQ(refusal("DataStatus="), "11: expected a whole number, a 'text', true or false");
  EXPECT_EQ(refusal("DataStatus=1.5"), "11: expected a whole number, a 'text', true or false");
  EXPECT_EQ(refusal("DataStatus=1 ApprovalStatus=2"), "13: expected 'and', 'or' or the end");
  EXPECT_EQ(refusal("(DataStatus=1"), "13: expected ')'");
  EXPECT_EQ(refusal("A in ()"), "6: expected a whole number, a 'text', true or false");
  EXPECT_EQ(refusal("A in (1"), "7: expected ',' or ')'");
  EXPECT_EQ(refusal("A='x"), "2: the text has no closing quote");
  EXPECT_EQ(refusal("and=1"), "3: 'and' cannot be a field");
  EXPECT_EQ(refusal("A=99999999999999999999"), "2: number out of range");
  EXPECT_EQ(refusal("A=1 or"), "6: expected the name of a field");
  EXPECT_EQ(refusal("A not 3"), "6: expected 'in'");
}

TEST(Condition, nesting_up_to_the_limit_parses_and_one_more_is_refused) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '(') + "A=1" + std::string(depth, ')'); };
  EXPECT_EQ(refusal(nested(condition_depth_max)), "");
  EXPECT_NE(refusal(nested(condition_depth_max + 1)).find("nested deeper"), std::string::npos);
  std::string nots;
  for (std::size_t i = 0; i <= condition_depth_max; ++i) nots += "not ";
  EXPECT_NE(refusal(nots + "A=1").find("nested deeper"), std::string::npos);
}

TEST(Condition, parentheses_side_by_side_do_not_count_as_depth) {
  std::string text = "(A=1)";
  for (std::size_t i = 0; i < 2 * condition_depth_max; ++i) text += " or (A=1)";
  EXPECT_EQ(refusal(text), "");
}

TEST(Condition, size_is_limited_in_bytes_parts_and_values) {
  EXPECT_EQ(refusal("A=1" + std::string(condition_bytes_max - 3, ' ')), "");
  EXPECT_NE(refusal("A=1" + std::string(condition_bytes_max - 2, ' ')).find("longer than"), std::string::npos);
  std::string parts = "A=1";
  for (std::size_t i = 0; i < condition_nodes_max / 2; ++i) parts += " or A=1";
  EXPECT_NE(refusal(parts).find("parts"), std::string::npos);
  std::string values = "A in (1";
  for (std::size_t i = 0; i < condition_literals_max; ++i) values += ",1";
  EXPECT_NE(refusal(values + ")").find("values"), std::string::npos);
}

TEST(Condition, fields_lists_each_name_once_with_the_kinds_it_is_compared_with) {
  const auto condition = Condition::parse("B='x' and A=1 and B=2");
  ASSERT_TRUE(condition);
  ASSERT_EQ(condition->fields().size(), 2u);
  EXPECT_EQ(condition->fields()[0].name, "B");
  EXPECT_TRUE(condition->fields()[0].as_text);
  EXPECT_TRUE(condition->fields()[0].as_number);
  EXPECT_EQ(condition->fields()[1].name, "A");
  EXPECT_FALSE(condition->fields()[1].as_text);
}

}  // namespace
}  // namespace hf
