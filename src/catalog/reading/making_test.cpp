// A conversion whose target lacks a value fails when somebody clicks it: the database refuses the row. The loader
// proves beforehand that it cannot, and a conversion more is data only.

#include <gtest/gtest.h>

#include "catalog/small_catalog_test.h"

namespace hf {
namespace {

using namespace hf::test;
using catalog::Setting;

// `good` with a column more on the target's master, and with `rule` among the keys of the conversion.
std::string target_with(std::string_view column, std::string_view rule = "") {
  std::string text = with("\"OutNo text(50)\"", "\"OutNo text(50)\", \"" + std::string(column) + "\"");
  return text.replace(text.find("link = { id = \"Order_ID\" }"), 0, std::string(rule) + "\n");
}

std::string says(const std::string& text) {
  const std::string said = problems(text);
  return said.substr(std::min(said.size(), said.find(": ") + 2));
}

TEST(Making, a_column_that_may_not_be_null_and_gets_no_value_is_refused) {
  for (const char* kind : {"id", "time", "date", "bytes"}) {
    EXPECT_EQ(
        says(target_with("More " + std::string(kind))),
        "conversion OrderToOut: column tb_Out.More may not be null and gets no value: give it one by map or set\n");
    EXPECT_EQ(says(target_with("More " + std::string(kind) + "?")), "");
  }
  EXPECT_EQ(
      problems(with("set = { Made = \"@now\" }\n", "")),
      "small.toml:" + std::to_string(line_of("[[conversion.lines]]")) +
          ": conversion OrderToOut: lines: column tb_OutDetail.Made may not be null and gets no value: give it one "
          "by map or set\n");
}

TEST(Making, what_can_be_nothing_becomes_0_false_or_empty) {
  for (const char* kind : {"int", "bool", "money", "decimal(8,2)", "text(9)"}) {
    const auto loaded = load_catalog(target_with("More " + std::string(kind)), "small.toml");
    ASSERT_TRUE(loaded) << loaded.error().text();
    EXPECT_EQ(loaded->content().conversions.at(0).filling.by_kind, (std::vector<std::string>{"More", "PayStatus"}));
  }
}

TEST(Making, a_status_without_the_value_0_must_be_set) {
  std::string text = with("status = [\"DataStatus\"]\nlock", "status = [\"DataStatus\", \"PayStatus\"]\nlock");
  EXPECT_EQ(
      says(text),
      "conversion OrderToOut: column tb_Out.PayStatus may not be null and has no value 0: give it one by map or set\n");
  text.replace(text.find("link = { id = \"Order_ID\" }"), 0, "set = { PayStatus = 1 }\n");
  EXPECT_EQ(says(text), "");
  text.replace(text.find("PayStatus = 1 }"), 15, "PayStatus = 3 }");
  EXPECT_EQ(says(text), "conversion OrderToOut: column tb_Out.PayStatus has no value 3\n");
}

TEST(Making, a_copy_of_what_may_be_null_needs_a_value_for_then) {
  std::string text =
      with("\"Order_ID id\", \"Customer_ID id(tb_Customer)?\"", "\"Order_ID id\", \"Customer_ID id(tb_Customer)\"");
  EXPECT_EQ(says(text),
            "conversion OrderToOut: column tb_Out.Customer_ID may not be null, and tb_Order.Customer_ID may be: say by "
            "otherwise what it is then\n");
  text.replace(text.find("link = { id = \"Order_ID\" }"), 0, "otherwise = { Customer_ID = \"@standard\" }\n");
  const auto loaded = load_catalog(text, "small.toml");
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->content().conversions.at(0).filling.otherwise.at(0).from, Setting::From::standard);
  EXPECT_EQ(says(target_with("More id?", "otherwise = { More = \"@employee\" }")),
            "conversion OrderToOut: otherwise.More never holds: it is for a column that is copied from one that may be "
            "null\n");
}

TEST(Making, a_setting_is_of_its_columns_kind) {
  const auto set = [](std::string_view column, std::string_view value) {
    return says(target_with(column, "set = { More = " + std::string(value) + " }"));
  };
  EXPECT_EQ(set("More time", "\"@now\""), "");
  EXPECT_EQ(set("More date", "\"@today\""), "");
  EXPECT_EQ(set("More id", "\"@employee\""), "");
  EXPECT_EQ(set("More int", "\"@source.type\""), "");
  EXPECT_EQ(set("More text", "\"@source.numbers\""), "");
  EXPECT_EQ(set("More bool", "true"), "");
  EXPECT_EQ(set("More text", "\"\""), "");
  EXPECT_EQ(set("More money", "\"1.5\""), "");
  EXPECT_EQ(set("More int", "-3"), "");
  const std::string of = "conversion OrderToOut: column tb_Out.More ";
  EXPECT_EQ(set("More date", "\"@now\""), of + "is of another kind than @now\n");
  EXPECT_EQ(set("More int", "\"@employee\""), of + "is of another kind than @employee\n");
  EXPECT_EQ(set("More int", "true"), of + "is of another kind than its value\n");
  EXPECT_EQ(set("More time", "1"), of + "is of another kind than its value\n");
  EXPECT_EQ(set("More text", "\"@user\""), of + "cannot be @user: there is no such word\n");
  EXPECT_EQ(set("More id(tb_Order)", "\"@standard\""),
            of + "cannot be @standard: it refers to no lookup that has a standard row\n");
  EXPECT_EQ(set("More int", "\"1.5\""),
            of + "cannot be 1.5: The number has more decimals than its column: round it.\n");
  EXPECT_EQ(set("More int", "[1]"), "conversion OrderToOut: set.More must be a whole number, a text, true or false\n");
}

TEST(Making, a_column_that_two_rules_write_is_refused) {
  EXPECT_EQ(says(with("link = { id = \"Order_ID\" }", "set = { Total = 1 }\nlink = { id = \"Order_ID\" }")),
            "conversion OrderToOut: column tb_Out.Total is written by another rule\n");
  EXPECT_EQ(says(target_with("More money", "share = { More = \"Total\" }\nset = { More = 1 }")),
            "conversion OrderToOut: column tb_Out.More is written by another rule\n");
  EXPECT_EQ(says(target_with("Text text", "set = { Text = \"x\" }")), "") << "a setting goes before a copy";
}

TEST(Making, a_first_column_is_an_amount_of_both_and_is_not_copied) {
  std::string text = target_with("Freight money", "first = [\"Freight\"]");
  EXPECT_NE(says(text).find("table tb_Order has no column 'Freight'"), std::string::npos);
  text.replace(text.find("\"Total money\", \"Text text\""), 0, "\"Freight money\", ");
  const auto loaded = load_catalog(text, "small.toml");
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->content().conversions.at(0).first, std::vector<std::string>{"Freight"});
  EXPECT_EQ(loaded->content().conversions.at(0).filling.copies.size(), 1u);  // Customer_ID
}

TEST(Making, a_total_may_add_columns_of_the_bill_but_no_other_total) {
  std::string text = target_with("Freight money", "set = { Freight = 5 }");
  text.replace(text.find("sum = [\"Qty\"]"), 13, "sum = [\"Qty\"], plus = [\"Freight\"]");
  const auto loaded = load_catalog(text, "small.toml");
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->content().conversions.at(0).totals.at(0).plus, std::vector<std::string>{"Freight"});
  text = target_with("Freight money");
  text.replace(text.find("totals = [{ column = \"Total\", sum = [\"Qty\"] }]"), 46,
               "totals = [{ column = \"Total\", sum = [\"Qty\"] }, { column = \"Freight\", plus = [\"Total\"] }]");
  EXPECT_EQ(says(text), "conversion OrderToOut: total: plus adds Total, which is a total itself\n");
}

TEST(Making, sources_that_differ_become_one_bill_only_where_a_column_may_be_empty) {
  const std::string merging = "merge_by = [\"Customer_ID\"]";
  EXPECT_EQ(says(target_with("More int?", merging)),
            "conversion OrderToOut: merge_by needs a link that stands in a part: a master names one source only\n");
  std::string text =
      with("link = { id = \"Order_ID\" }", merging + "\nlink = { part = \"OutDetail\", id = \"Order_ID\" }");
  text.replace(text.find("[\"OutLine_ID id\""), 16, "[\"OutLine_ID id\", \"Order_ID id\"");
  text.replace(text.find("\"PayStatus int\", \"Order_ID id\""), 30,
               "\"PayStatus int\", \"Text text\", \"Order_ID id?\"");
  EXPECT_EQ(says(text),
            "conversion OrderToOut: merge_by must name Text: tb_Out.Text may not be null, and the sources may differ "
            "in it\n");
  text.replace(text.find(merging), merging.size(), "merge_by = [\"Customer_ID\", \"Text\"]");
  EXPECT_EQ(says(text), "");
}

TEST(Making, a_check_of_other_bills_says_which_bills_and_what_for) {
  const auto check = [](std::string_view keys) {
    return says(with("[[conversion.lines]]", "[[conversion.bill]]\n" + std::string(keys) + "\n[[conversion.lines]]"));
  };
  const std::string words = "\nzh = \"有\"\nen = \"there is one\"";
  EXPECT_EQ(
      check("types = [\"Out\"]\nlink = \"Order_ID\"\nstates = [1, 2]\nwant = \"none\"\notherwise = \"warn\"" + words),
      "");
  EXPECT_EQ(check("types = [\"Out\"]\nmatch = [\"Customer_ID\"]\nwant = \"some\"\nwhen = \"Total!=0\"" + words), "");
  const std::string of = "conversion OrderToOut: bill: ";
  EXPECT_EQ(check("types = [\"Out\"]\nwant = \"some\"" + words), of + "link is missing: which bills are meant?\n");
  EXPECT_EQ(check("types = [\"Out\", \"Order\"]\nlink = \"Order_ID\"\nwant = \"some\"" + words),
            of + "types must be of one table\n");
  EXPECT_EQ(check("types = [\"Out\"]\nlink = \"Order_ID\"\nwant = \"one\"" + words),
            of + "want must be \"none\" or \"some\"\n");
  EXPECT_EQ(check("types = [\"Out\"]\nlink = \"Order_ID\"\nwant = \"none\"\notherwise = \"ask\"" + words),
            of + "otherwise must be \"refuse\" or \"warn\"\n");
  EXPECT_EQ(check("types = [\"Out\"]\nlink = \"Order_ID\"\nwant = \"none\"\nstates = [3]" + words),
            of + "states names 3, which is no lifecycle value of Out\n");
}

TEST(Making, a_conversion_more_is_data_only) {
  std::string text(good);
  text += R"toml(
[[conversion]]
no = 2
name = "OrderAgain"
kind = "generate"
zh = "再来一单"
en = "Order again"
routes = [{ from = "Order", to = "Order" }]
require = [{ when = "Total>0", zh = "没有金额", en = "There is no amount" }]
link = { id = "Before_ID" }
set = { Text = "again" }
[[conversion.lines]]
from = "OrderDetail"
to = "OrderDetail"
ordered = ["Qty"]
quantity = "Qty"
skip = ["Done"]
)toml";
  text.replace(text.find("\"Total money\", \"Text text\""), 0, "\"Before_ID id(tb_Order)?\", ");
  const auto loaded = load_catalog(text, "small.toml");
  ASSERT_TRUE(loaded) << loaded.error().text();
  const catalog::Conversion* const made = loaded->find_conversion("OrderAgain");
  ASSERT_NE(made, nullptr);
  EXPECT_TRUE(made->lines.at(0).done.empty());
  EXPECT_EQ(made->lines.at(0).filling.by_kind, std::vector<std::string>{"Done"});
  EXPECT_EQ(made->filling.settings.at(0).text, "again");
}

TEST(Making, a_conversion_that_makes_no_bill_fills_none) {
  std::string text = with("kind = \"generate\"\nzh = \"转\"",
                          "kind = \"act\"\nhandler = \"settle\"\nset = { Total = 1 }\nzh = \"转\"");
  const std::size_t lines = text.find("[[conversion.lines]]");
  text.erase(lines, text.find("[[hold]]") - lines);
  text.erase(text.find("totals = [{ column"),
             std::string_view("totals = [{ column = \"Total\", sum = [\"Qty\"] }]\n").size());
  EXPECT_EQ(says(text), "conversion OrderToOut: set fills no bill: this conversion makes none\n");
}

}  // namespace
}  // namespace hf
