// An effect that is wrong is found by nobody for weeks: an order stays open that was delivered, or goods stay delivered
// by a bill that was taken back. So the loader refuses what it can prove.

#include <gtest/gtest.h>

#include "catalog/small_catalog_test.h"

namespace hf {
namespace {

using namespace hf::test;
using catalog::Effect;

std::string effect_problem(std::string_view piece, std::string_view reason) {
  return problem_at(piece, "effect out_delivers_order: " + std::string(reason));
}

TEST(Effects, what_the_file_says_is_what_the_catalog_holds) {
  const auto loaded = load_catalog(good, "small.toml");
  ASSERT_TRUE(loaded) << loaded.error().text();
  const Effect& effect = loaded->content().effects.at(0);
  EXPECT_EQ(loaded->content().actions[effect.on].name, "approve");
  EXPECT_EQ(loaded->content().types[effect.from].name, "Out");
  EXPECT_EQ(loaded->content().types[effect.to].name, "Order");
  EXPECT_EQ(effect.done, std::vector<std::string>{"Done"});  // the only column that is raised
  EXPECT_EQ(effect.quantity, "Qty");
  EXPECT_FALSE(effect.link_in_part);
  EXPECT_EQ(effect.limit_percent, 100);
}

TEST(Effects, a_conversion_takes_its_quantities_from_its_effect_and_says_them_once) {
  const auto loaded = load_catalog(good, "small.toml");
  ASSERT_TRUE(loaded);
  const catalog::LineRule& line = loaded->content().conversions.at(0).lines.at(0);
  EXPECT_EQ(line.ordered, std::vector<std::string>{"Qty"});
  EXPECT_EQ(line.done, std::vector<std::string>{"Done"});
  EXPECT_EQ(line.line_link, "Line_ID");
  EXPECT_EQ(
      problems(with("effect = [\"out_delivers_order\"]", "effect = [\"out_delivers_order\"]\nquantity = \"Qty\"")),
      "small.toml:" + std::to_string(line_of("effect = [\"out") + 1) +
          ": conversion OrderToOut: lines: quantity is the effect's to say\n");
}

TEST(Effects, an_effect_that_stays_when_its_bill_is_taken_back_is_refused) {
  EXPECT_EQ(
      problems(with("undo = [\"unapprove\"]\n", "")),
      effect_problem("[[effect]]", "undo must name unapprove: it takes the bill back, and the effect would stay"));
}

TEST(Effects, an_effect_of_an_action_that_does_not_approve_is_refused) {
  EXPECT_NE(problems(with("on = \"approve\"\nundo", "on = \"submit\"\nundo"))
                .find("on submit does not approve a bill of Out"),
            std::string::npos);
  EXPECT_NE(problems(with("on = \"approve\"\nundo", "on = \"ship\"\nundo")).find("unknown action 'ship'"),
            std::string::npos);
}

TEST(Effects, an_effect_between_unknown_types_is_refused) {
  EXPECT_NE(problems(with("from = \"Out/OutDetail\"", "from = \"In/InDetail\""))
                .find(problem_at("from = \"Out/OutDetail\"", "unknown type 'In'")),
            std::string::npos);
  // Nor does a file without any type bring the loader down.
  EXPECT_NE(problems("format = 1\nname = \"x\"\n[[effect]]\nname = \"e\"\nfrom = \"A\"\nto = \"B\"\n")
                .find("unknown type 'A'"),
            std::string::npos);
}

TEST(Effects, a_status_without_the_way_back_is_refused) {
  EXPECT_EQ(problems(with("{ from = 8, to = [4] }", "{ from = 8, to = [] }")),
            effect_problem("close = ", "close: model DataStatus has no transition 8 -> 4"));
  EXPECT_EQ(problems(with("part = 4, all = 8", "part = 4, all = 7")),
            effect_problem("close = ", "close: model DataStatus has not all of these values"));
  EXPECT_NE(problems(with("model = \"DataStatus\", none", "model = \"PayStatus\", none"))
                .find("PayStatus is no status of Order that an effect may write"),
            std::string::npos);
}

TEST(Effects, an_effect_that_finds_no_line_is_refused) {
  EXPECT_NE(problems(with("line = \"Line_ID\"\n", ""))
                .find("line is missing: say by line, match or spread which line of tb_OrderDetail is meant"),
            std::string::npos);
  EXPECT_EQ(problems(with("line = \"Line_ID\"\n", "match = [\"Prod_ID\"]\n")), "");
  EXPECT_EQ(problems(with("line = \"Line_ID\"\n", "spread = \"Line_ID\"\n")), "");
  EXPECT_NE(problems(with("line = \"Line_ID\"\n", "spread = \"Line_ID\"\nmatch = [\"Prod_ID\"]\n"))
                .find("spread stands alone: without line and match"),
            std::string::npos);
  EXPECT_NE(problems(with("line = \"Line_ID\"\n", "match = [\"Colour\"]\n"))
                .find("table tb_OrderDetail has no column 'Colour'"),
            std::string::npos);
}

TEST(Effects, a_link_that_is_known_to_lead_elsewhere_is_refused) {
  EXPECT_NE(problems(with("link = \"Order_ID\"\nline", "link = \"Customer_ID\"\nline"))
                .find("column tb_Out.Customer_ID refers to tb_Customer and not to tb_Order"),
            std::string::npos);
}

TEST(Effects, a_way_over_other_bills_is_followed_column_by_column) {
  const auto over = [](std::string_view via) {
    return problems(with("line = \"Line_ID\"\nadd", "match = [\"Prod_ID\"]\nvia = [" + std::string(via) + "]\nadd"));
  };
  EXPECT_NE(over(R"({ type = "Out", link = "Order_ID" })").find("does not lead from Out back to Order"),
            std::string::npos)
      << "a conversion makes its target from the source alone";
  EXPECT_NE(over(R"({ type = "Out", link = "Customer_ID" })").find("refers to tb_Customer and not to tb_Order"),
            std::string::npos);
  EXPECT_NE(over(R"({ type = "In", link = "Order_ID" })").find("unknown type 'In'"), std::string::npos);
  EXPECT_NE(over(R"({ type = "Out", link = "Order_ID", line = "Order_ID" })").find("line and part go together"),
            std::string::npos);
}

TEST(Effects, what_is_added_to_fewer_decimals_is_refused) {
  EXPECT_EQ(problems(with("\"Qty int\", \"Made time\"", "\"Qty decimal(10,2)\", \"Made time\"")),
            effect_problem("add = ",
                           "tb_OrderDetail.Done has fewer decimals than tb_OutDetail.Qty, so what is added would "
                           "be rounded"));
}

TEST(Effects, what_needs_a_limit_is_refused_without_one) {
  const std::string without = problems(with("limit = [\"Qty\"]\n", ""));
  EXPECT_NE(without.find("close needs a limit: without one nothing is ever all done"), std::string::npos) << without;
  EXPECT_NE(without.find("out_delivers_order has no limit, so there is no left"), std::string::npos) << without;
  EXPECT_NE(problems(with("limit = [\"Qty\"]\nclose", "round_up = true\nclose")).find("round_up needs a limit"),
            std::string::npos);
  EXPECT_NE(problems(with("add = { Done = \"Qty\" }\n", ""))
                .find("quantity is missing: what of the acting line counts against the limit?"),
            std::string::npos);
}

TEST(Effects, without_a_column_what_is_done_is_counted_from_the_lines) {
  const auto loaded = load_catalog(with("add = { Done = \"Qty\" }", "quantity = \"Qty\""), "small.toml");
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_TRUE(loaded->content().effects.at(0).done.empty());
  EXPECT_EQ(loaded->content().effects.at(0).quantity, "Qty");
}

TEST(Effects, a_column_can_be_lowered_and_several_count_together) {
  const auto loaded =
      load_catalog(with("add = { Done = \"Qty\" }",
                        "add = { Done = \"Qty\", Rest = \"-Qty\" }\ndone = [\"Done\"]\nquantity = \"Qty\"")
                       .replace(0, 0, ""),
                   "small.toml");
  EXPECT_FALSE(loaded);  // there is no Rest yet
  std::string text = with("\"Done int\"", "\"Done int\", \"Rest int\"");
  text.replace(text.find("add = { Done = \"Qty\" }"), 22, "add = { Done = \"Qty\", Rest = \"-Qty\" }");
  const auto whole = load_catalog(text, "small.toml");
  ASSERT_TRUE(whole) << whole.error().text();
  const Effect& effect = whole->content().effects.at(0);
  ASSERT_EQ(effect.add.size(), 2u);
  EXPECT_TRUE(effect.add[effect.add[0].column == "Rest" ? 0 : 1].minus);
  EXPECT_EQ(effect.done, std::vector<std::string>{"Done"});
}

TEST(Effects, a_flag_of_what_is_no_boolean_is_refused) {
  EXPECT_NE(problems(with("limit = [\"Qty\"]\nclose", "flags = { Note = \"some\" }\nlimit = [\"Qty\"]\nclose"))
                .find("column tb_OrderDetail.Note is not true or false"),
            std::string::npos);
  EXPECT_NE(problems(with("limit = [\"Qty\"]\nclose", "flags = { Done = \"half\" }\nlimit = [\"Qty\"]\nclose"))
                .find("Done must be \"none\", \"some\" or \"all\""),
            std::string::npos);
}

TEST(Effects, a_conversion_that_finds_its_source_otherwise_than_its_effect_is_refused) {
  EXPECT_NE(problems(with("link = { id = \"Order_ID\" }", "link = { id = \"Customer_ID\" }"))
                .find("out_delivers_order finds its bill by other columns than the conversion's link"),
            std::string::npos);
  EXPECT_NE(
      problems(with("effect = [\"out_delivers_order\"]", "effect = [\"out_delivers_order\", \"out_delivers_order\"]"))
          .find("effect must name one effect for each route"),
      std::string::npos);
  EXPECT_NE(
      problems(with("effect = [\"out_delivers_order\"]", "effect = [\"delivery\"]")).find("unknown effect 'delivery'"),
      std::string::npos);
}

TEST(Effects, numbers_without_gaps_need_a_prefix) {
  EXPECT_EQ(problems(with("no = \"OutNo\"", "no = \"OutNo\"\ngapless = true")),
            "small.toml:" + std::to_string(line_of("no = \"OutNo\"") + 1) +
                ": type Out: gapless needs a prefix: who else draws the number?\n");
  EXPECT_EQ(problems(with("no = \"OutNo\"", "no = \"OutNo\"\nprefix = \"OUT\"\ngapless = true")), "");
}

}  // namespace
}  // namespace hf
