// Without its base data a bill shows numbers where people expect names, and a picker offers suppliers as customers.

#include <gtest/gtest.h>

#include "catalog/erp_catalog_test.h"
#include "catalog/small_catalog_test.h"

namespace hf {
namespace {

using namespace hf::test;
using catalog::Lookup;

TEST(Lookups, what_the_file_says_is_what_the_catalog_holds) {
  const auto loaded = load_catalog(good, "small.toml");
  ASSERT_TRUE(loaded) << loaded.error().text();
  const Lookup* const customer = loaded->find_lookup("Customer");
  ASSERT_NE(customer, nullptr);
  EXPECT_EQ(loaded->content().tables[customer->table].name, "tb_Customer");
  EXPECT_EQ(customer->text, "Name");
  ASSERT_EQ(customer->picks.size(), 1u);
  EXPECT_EQ(customer->picks[0].when.text(), "Kind=1");
  EXPECT_EQ(loaded->find_table("tb_Order")->find("Customer_ID")->refers, "tb_Customer");
  EXPECT_EQ(loaded->find_table("tb_Customer")->find("Region_ID")->refers, "");
  EXPECT_EQ(loaded->find_lookup("Region"), nullptr);
}

TEST(Lookups, an_id_that_leads_to_a_table_nobody_can_look_into_is_refused) {
  EXPECT_EQ(problems(with("\"Region_ID id?\"", "\"Region_ID id(tb_Region)?\"")),
            problem_at("\"Region_ID id?\"", "id(tb_Region): there is no type, part or lookup of that table"));
}

TEST(Lookups, a_column_that_the_table_has_not_is_refused) {
  EXPECT_EQ(problems(with("text = \"Name\"", "text = \"Title\"")),
            problem_at("text = \"Name\"", "table tb_Customer has no column 'Title'"));
  EXPECT_EQ(problems(with("standard = \"Code='house'\"", "standard = \"Kind='house'\"")),
            problem_at("standard = ", "condition 'Kind='house'': column Kind is no text"));
  EXPECT_EQ(problems(with("when = \"Kind=1\"", "when = \"Sort=1\"")),
            problem_at("when = \"Kind=1\"", "condition 'Sort=1': table tb_Customer has no column 'Sort'"));
}

TEST(Lookups, a_pick_that_leaves_nothing_out_or_is_for_no_column_is_refused) {
  EXPECT_EQ(problems(with(", when = \"Kind=1\" }]", " }]")),
            problem_at("picks = ", "lookup Customer: pick: when is missing: the pick leaves nothing out"));
  EXPECT_EQ(
      problems(with("tables = [\"tb_Order\"]", "tables = [\"tb_OrderDetail\"]")),
      problem_at("picks = ", "lookup Customer: pick: tables tb_OrderDetail has no column that refers to tb_Customer"));
}

TEST(Lookups, what_pickers_show_is_no_secret_and_a_table_has_one_lookup) {
  EXPECT_EQ(problems(with("enabled = \"Enabled\"", "enabled = \"Enabled\"\nsecret = [\"Name\"]")),
            "small.toml:" + std::to_string(line_of("enabled = \"Enabled\"") + 1) +
                ": lookup Customer: secret names Name, which every picker shows\n");
  const std::string again =
      "[[lookup]]\nname = \"Buyer\"\nzh = \"z\"\nen = \"e\"\ntable = \"tb_Customer\"\nkey = "
      "\"Customer_ID\"\n[table.tb_Customer]";
  EXPECT_NE(problems(with("[table.tb_Customer]", again)).find("table is already that of Customer"), std::string::npos);
}

TEST(Lookups, the_real_erp_has_its_base_data) {
  const Catalog& catalog = *erp();
  EXPECT_EQ(catalog.content().lookups.size(), 32u);
  const Lookup* const partner = catalog.find_lookup("CustomerVendor");
  ASSERT_NE(partner, nullptr);
  EXPECT_EQ(partner->code, "CVCode");
  EXPECT_EQ(partner->picks.size(), 10u);
  EXPECT_TRUE(catalog.find_lookup("Currency")->standard);
  std::size_t referring = 0;
  for (const catalog::Table& table : catalog.content().tables) {
    for (const catalog::Column& column : table.columns) referring += column.refers.empty() ? 0u : 1u;
  }
  EXPECT_GT(referring, 400u);
}

// No picker shows what the ERP keeps from most of its users.
TEST(Lookups, salaries_passwords_and_balances_are_secret) {
  const Catalog& catalog = *erp();
  for (const auto& [lookup, column] : {std::pair("Employee", "salary"), std::pair("UserInfo", "Password"),
                                       std::pair("FM_Account", "CurrentBalance")}) {
    const std::vector<std::string>& secret = catalog.find_lookup(lookup)->secret;
    EXPECT_NE(std::find(secret.begin(), secret.end(), column), secret.end()) << lookup;
  }
}

}  // namespace
}  // namespace hf
