// lookup/{table} over real databases: names for keys, and what fits in a field. If these fail, a bill shows a number
// where a name belongs, or a seller picks what he must not sell to.
#include <gmock/gmock.h>

#include "tests/documents/store_database.h"

namespace hf::test {
namespace {

using documents::LookupQuestion;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class LookupOnBoth : public OnBoth {
 protected:
  LookupOnBoth() : database_(GetParam(), Tables::of_erp), store_(database_.prepared()), rows_(store_) {}

  void add_partner(std::int64_t id, const std::string& code, const std::string& name, Columns columns = {}) {
    columns.emplace("CustomerVendor_ID", std::to_string(id));
    columns.emplace("CVCode", code);
    columns.emplace("CVName", name);
    columns.emplace("Is_enabled", "true");
    rows_.add("tb_CustomerVendor", columns);
  }
  std::vector<std::int64_t> ids(LookupQuestion question, const Audience& audience = everybody()) {
    std::vector<std::int64_t> all;
    for (int pages = 0; pages < 50; ++pages) {
      const auto page = store_.look_up(audience, question);
      EXPECT_TRUE(page) << page.error().field << ": " << page.error().detail;
      if (!page) break;
      for (const documents::LookupRow& row : page->rows) all.push_back(row.id);
      if (page->next.empty()) break;
      question.next = page->next;
    }
    return all;
  }
  std::string refusal(const LookupQuestion& question, const Audience& audience = everybody()) {
    const auto page = store_.look_up(audience, question);
    EXPECT_FALSE(page);
    return page ? std::string() : page.error().field;
  }

  StoreDatabase database_;
  documents::DocumentStore store_;
  Rows rows_;
};
HF_ON_BOTH(LookupOnBoth);

TEST_P(LookupOnBoth, rows_are_found_by_code_and_by_how_code_or_name_begin) {
  add_partner(1, "C1", "北京一");
  add_partner(2, "C12", "上海");
  add_partner(3, "D1", "C公司");
  EXPECT_THAT(ids({.table = "CustomerVendor", .code = "C1"}), ElementsAre(1));
  EXPECT_THAT(ids({.table = "CustomerVendor", .text = "C1"}), UnorderedElementsAre(1, 2));
  EXPECT_THAT(ids({.table = "CustomerVendor", .text = "C"}), UnorderedElementsAre(1, 2, 3));
  EXPECT_THAT(ids({.table = "CustomerVendor", .text = "北"}), ElementsAre(1));
  EXPECT_THAT(ids({.table = "CustomerVendor", .text = "' OR 1=1 --"}), IsEmpty());
  EXPECT_THAT(ids({.table = "CustomerVendor", .limit = 1}), UnorderedElementsAre(1, 2, 3));
}

TEST_P(LookupOnBoth, what_is_disabled_or_deleted_is_named_and_not_picked) {
  add_partner(1, "C1", "one");
  add_partner(2, "C2", "two", {{"Is_enabled", "false"}});
  add_partner(3, "C3", "three", {{"isdeleted", "true"}});
  EXPECT_THAT(ids({.table = "CustomerVendor"}), ElementsAre(1));
  const auto page = store_.look_up(everybody(), {.table = "CustomerVendor", .ids = {"1", "2", "3", "4"}});
  ASSERT_TRUE(page) << page.error().detail;
  ASSERT_EQ(page->rows.size(), 3U);
  for (const documents::LookupRow& row : page->rows) {
    EXPECT_EQ(row.enabled, row.id == 1);
    EXPECT_EQ(row.code, "C" + std::to_string(row.id));
  }
}

TEST_P(LookupOnBoth, a_picker_offers_what_fits_the_bill) {
  add_partner(1, "C1", "customer", {{"IsCustomer", "true"}});
  add_partner(2, "V1", "vendor", {{"IsVendor", "true"}});
  const auto picked = [&](const std::string& type, std::vector<std::string> filled) {
    return ids({.table = "CustomerVendor", .type = type, .column = "CustomerVendor_ID", .filled = std::move(filled)});
  };
  EXPECT_THAT(picked("SaleOrder", {}), ElementsAre(1));
  EXPECT_THAT(picked("PurOrder", {}), ElementsAre(2));
  EXPECT_THAT(picked("PreReceived", {"ReceivePaymentType=1"}), ElementsAre(1));
  EXPECT_THAT(picked("PreReceived", {"ReceivePaymentType=2"}), ElementsAre(2));
  // Accounts of the bill's own partner; without one there is nothing to pick.
  rows_.add("tb_FM_PayeeInfo", {{"PayeeInfoID", "7"}, {"CustomerVendor_ID", "2"}, {"Is_enabled", "true"}});
  rows_.add("tb_FM_PayeeInfo", {{"PayeeInfoID", "8"}, {"CustomerVendor_ID", "1"}, {"Is_enabled", "true"}});
  const auto account = [&](std::vector<std::string> filled) {
    return ids({.table = "FM_PayeeInfo", .type = "PurOrder", .column = "PayeeInfoID", .filled = std::move(filled)});
  };
  EXPECT_THAT(account({"CustomerVendor_ID=2"}), ElementsAre(7));
  EXPECT_THAT(account({}), IsEmpty());
  EXPECT_EQ(
      refusal(
          {.table = "FM_PayeeInfo", .type = "PurOrder", .column = "PayeeInfoID", .filled = {"CustomerVendor_ID=x"}}),
      "filled");
}

TEST_P(LookupOnBoth, a_row_that_is_somebodys_is_for_him) {
  add_partner(1, "C1", "nobody's");
  add_partner(2, "C2", "his", {{"Employee_ID", "5"}});
  add_partner(3, "C3", "another's", {{"Employee_ID", "6"}});
  std::string own;
  for (const catalog::Role& role : erp()->content().roles) {
    if (role.scope == catalog::Scope::own && !role.tree.empty()) own = role.name;
  }
  ASSERT_FALSE(own.empty());
  const Audience li = somebody({.user = "li", .employee = "5", .roles = {own}});
  EXPECT_THAT(ids({.table = "CustomerVendor"}, li), UnorderedElementsAre(1, 2));
  EXPECT_THAT(ids({.table = "CustomerVendor", .ids = {"1", "2", "3"}}, li), UnorderedElementsAre(1, 2));
  EXPECT_THAT(ids({.table = "CustomerVendor"}), UnorderedElementsAre(1, 2, 3));
}

TEST_P(LookupOnBoth, secrets_are_not_read_and_what_is_hostile_is_refused_by_name) {
  rows_.add("tb_Employee",
            {{"Employee_ID", "1"}, {"Employee_NO", "E1"}, {"Employee_Name", "李"}, {"Is_enabled", "true"}});
  const auto page = store_.look_up(everybody(), {.table = "Employee"});
  ASSERT_TRUE(page) << page.error().detail;
  ASSERT_EQ(page->rows.size(), 1U);
  EXPECT_EQ(page->rows[0].text, "李");
  for (const documents::BillField& field : page->rows[0].fields) {
    for (const std::string& secret : erp()->find_lookup("Employee")->secret) EXPECT_NE(field.column, secret);
  }
  const std::string evil = "x\"; DROP TABLE \"tb_Employee\"; --";
  EXPECT_EQ(refusal({.table = evil}), "table");
  EXPECT_EQ(refusal({.table = "tb_Employee"}), "table");
  EXPECT_EQ(refusal({.table = "Employee"}, somebody({.user = "li"})), "table");
  EXPECT_EQ(refusal({.table = "Employee", .ids = {evil}}), "ids");
  EXPECT_EQ(refusal({.table = "Employee", .ids = std::vector<std::string>(201, "1")}), "ids");
  EXPECT_EQ(refusal({.table = "Employee", .type = "SaleOrder", .column = evil}), "column");
  EXPECT_EQ(refusal({.table = "Employee", .type = "SaleOrder", .part = evil, .column = "Employee_ID"}), "part");
  EXPECT_EQ(refusal({.table = "Employee", .column = "Employee_ID"}), "type");
  EXPECT_EQ(refusal({.table = "Employee", .next = evil}), "next");
  EXPECT_EQ(refusal({.table = "Employee", .limit = 201}), "limit");
  EXPECT_EQ(refusal({.table = "Employee", .text = std::string(201, 'x')}), "text");
  EXPECT_THAT(ids({.table = "Employee"}), ElementsAre(1));
}

}  // namespace
}  // namespace hf::test
