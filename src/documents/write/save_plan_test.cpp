// If a save wrote what is not the user's, he could approve by typing, or deliver what was never ordered; if it named
// one wrong field at a time, he would save ten times.
#include "documents/write/save_plan.h"

#include <gmock/gmock.h>

#include "catalog/erp_catalog_test.h"
#include "documents/write/column_rules.h"

namespace hf::documents {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const catalog::Type& type(std::string_view name) { return *test::erp()->find_type(name); }

class Save : public testing::Test {
 protected:
  Save() {
    writing_.person = {"li", "Li Lei"};
    writing_.employee = 17;
    writing_.now = wall_us(1'700'000'000'000'000);
    writing_.next_id = [this] { return ++last_id_; };
    writing_.number = "BL1";
  }

  static SaidLine line(std::string quantity, std::string amount = "0") {
    return {{},
            {{"Location_ID", "5"},
             {"ProdDetailID", "7"},
             {"Qty", std::move(quantity)},
             {"SubtotalPirceAmount", std::move(amount)}}};
  }
  static SaidBill loan(std::vector<SaidLine> lines) {
    return {{{"Employee_ID", "17"}, {"Reason", "fair"}}, {{"ProdBorrowingDetail", std::move(lines)}}};
  }
  BillImage make(const SaidBill& said) {
    auto made = created(*test::erp(), type("ProdBorrowing"), said, writing_);
    EXPECT_TRUE(made) << made.error().error.field << ": " << made.error().error.detail;
    return made ? *std::move(made) : BillImage();
  }
  // "part/line.field: detail"
  static std::vector<std::string> faults(const Outcome<BillImage>& made) {
    std::vector<std::string> texts;
    if (made) return texts;
    for (const FieldFault& fault : made.error().fields) {
      texts.push_back((fault.line ? fault.part + "/" + std::to_string(*fault.line) + "." : fault.part) + fault.field +
                      ": " + fault.detail);
    }
    return texts;
  }

  Writing writing_;
  std::int64_t last_id_ = 100;
};

TEST_F(Save, a_new_bill_has_its_keys_its_states_its_stamps_and_its_totals) {
  const BillImage bill = make(loan({line("2", "10.5"), line("3", "0.25")}));
  EXPECT_EQ(bill.id, 101);
  EXPECT_EQ(bill.no(), "BL1");
  EXPECT_EQ(bill.creator.user, "li");
  EXPECT_EQ(bill.master.number("DataStatus"), Decimal::of(1));
  EXPECT_EQ(bill.master.number("ApprovalStatus"), Decimal::of(0));
  EXPECT_EQ(bill.master.id("Created_by"), 17);
  EXPECT_EQ(bill.master.number("TotalQty").text(), "5");
  EXPECT_EQ(bill.master.number("TotalAmount").text(), "10.7500");
  EXPECT_EQ(bill.master.at("isdeleted"), document::Value(std::int64_t{0}));
  ASSERT_EQ(bill.parts[0].size(), 2U);
  EXPECT_EQ(bill.parts[0][1].id, 103);
  EXPECT_EQ(bill.parts[0][1].row.id("BorrowID"), 101);
  EXPECT_EQ(bill.parts[0][0].row.number("ReQty"), Decimal());
}

TEST_F(Save, every_wrong_field_is_named_at_once) {
  SaidBill said = loan({line("two"), line("1")});
  said.fields = {{"Reason", std::string(501, 'x')},
                 {"NoSuch", "1"},
                 {"TotalQty", "9"},
                 {"DataStatus", "4"},
                 {"BorrowNo", "X"},
                 {"Notes", "a"},
                 {"Notes", "b"}};
  said.parts[0].lines[1].fields.push_back({"ReQty", "1"});
  said.parts.push_back({"NoPart", {}});
  const auto made = created(*test::erp(), type("ProdBorrowing"), said, writing_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().error.code, Code::invalid);
  EXPECT_EQ(made.error().error.detail, "10 fields are wrong: see each.");
  EXPECT_THAT(
      faults(made),
      ElementsAre("Reason: It has at most 500 characters.", "NoSuch: Bills of ProdBorrowing have no such column.",
                  "TotalQty: It is the sum of the lines: leave it out.", "DataStatus: Actions move it: leave it out.",
                  "BorrowNo: The number is drawn once, when the bill is made: leave it out.",
                  "Notes: It is said twice.", "Employee_ID: It must have a value.",
                  "ProdBorrowingDetail/0.Qty: It is a whole number.",
                  "ProdBorrowingDetail/1.ReQty: Other bills count here: leave it out.",
                  "NoPart: Bills of ProdBorrowing have no such part."));
}

TEST_F(Save, what_is_said_as_it_is_is_no_change) {
  BillImage bill = make(loan({line("2")}));
  bill.version = 1;
  SaidBill said;
  said.fields = {{"BorrowNo", "BL1"}, {"TotalQty", "2"}, {"DataStatus", "1"}, {"BorrowID", "101"}, {"Reason", "other"}};
  const auto made = saved(*test::erp(), bill, said, writing_);
  ASSERT_TRUE(made) << made.error().error.detail;
  EXPECT_EQ(made->parts[0].size(), 1U);
  EXPECT_EQ(made->master.at("Reason"), document::Value(std::string("other")));
  EXPECT_EQ(made->master.id("Modified_by"), 17);
}

TEST_F(Save, a_part_that_is_said_is_said_whole) {
  const BillImage bill = make(loan({line("2"), line("3"), line("4")}));
  SaidBill said;
  said.parts = {{"ProdBorrowingDetail", {{103, {{"Qty", "30"}}}, line("1")}}};
  const auto made = saved(*test::erp(), bill, said, writing_);
  ASSERT_TRUE(made) << made.error().error.detail;
  ASSERT_EQ(made->parts[0].size(), 2U);
  EXPECT_EQ(made->parts[0][0].id, 103);
  EXPECT_EQ(made->parts[0][0].row.id("ProdDetailID"), 7);
  EXPECT_EQ(made->master.number("TotalQty").text(), "31");
  said.parts[0].lines[0].id = 999;
  said.parts[0].lines.push_back({102, {}});
  said.parts[0].lines.push_back({102, {}});
  EXPECT_THAT(
      faults(saved(*test::erp(), bill, said, writing_)),
      ElementsAre("ProdBorrowingDetail/0.: The bill has no such line.", "ProdBorrowingDetail/3.: It is said twice."));
}

TEST_F(Save, a_link_is_said_when_the_line_is_made_and_never_again) {
  writing_.number = "SOD1";
  SaidBill said;
  said.fields = {
      {"CustomerVendor_ID", "1"}, {"Currency_ID", "1"}, {"OutDate", "2026-11-30T00:00:00Z"}, {"SOrder_ID", "9"}};
  const SaidLine out{{}, {{"Location_ID", "5"}, {"ProdDetailID", "7"}, {"SaleOrderDetail_ID", "91"}}};
  said.parts = {{"SaleOutDetail", {out}}};
  const auto bill = created(*test::erp(), type("SaleOut"), said, writing_);
  ASSERT_TRUE(bill) << bill.error().error.field << bill.error().error.detail;
  EXPECT_EQ(bill->master.id("SOrder_ID"), 9);
  SaidBill again;
  again.fields = {{"SOrder_ID", "10"}};
  again.parts = {{"SaleOutDetail", {{bill->parts[0][0].id, {{"SaleOrderDetail_ID", "92"}}}, out}}};
  EXPECT_THAT(faults(saved(*test::erp(), *bill, again, writing_)),
              ElementsAre(HasSubstr("SOrder_ID: It names the bill"),
                          HasSubstr("SaleOutDetail/0.SaleOrderDetail_ID: It names")));
}

TEST_F(Save, money_is_exact_and_what_does_not_fit_is_named) {
  const BillImage bill = make(loan({line("1", "0.1"), line("1", "0.2")}));
  EXPECT_EQ(bill.master.number("TotalAmount").text(), "0.3000");
  EXPECT_THAT(faults(created(*test::erp(), type("ProdBorrowing"), loan({line("1", "0.12345")}), writing_)),
              ElementsAre("ProdBorrowingDetail/0.SubtotalPirceAmount: It is a number with 4 decimals at most."));
  const auto made = created(*test::erp(), type("ProdBorrowing"),
                            loan({line("1", "900000000000000"), line("1", "900000000000000")}), writing_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().error.code, Code::too_large);
}

TEST_F(Save, a_bill_has_a_bound_of_lines) {
  std::vector<SaidLine> lines(lines_per_bill_max + 1, line("1"));
  EXPECT_THAT(faults(created(*test::erp(), type("ProdBorrowing"), loan(lines), writing_)),
              ElementsAre(": A bill has at most 2000 lines."));
}

TEST(ColumnRules, no_column_that_a_type_asks_for_by_meaning_is_left_to_everybody) {
  for (const catalog::Type& each : test::erp()->content().types) {
    const ColumnRules rules = rules_of(*test::erp(), each);
    EXPECT_EQ(rules.keeper(std::nullopt, each.key), Keeper::key) << each.name;
    if (each.lifecycle) {
      EXPECT_EQ(rules.keeper(std::nullopt, test::erp()->content().models[*each.lifecycle].name), Keeper::state)
          << each.name;
    }
    for (catalog::Index part = 0; part < each.parts.size(); ++part)
      EXPECT_EQ(rules.keeper(part, each.parts[part].parent), Keeper::key) << each.name;
  }
  const ColumnRules order = rules_of(*test::erp(), type("SaleOrder"));
  EXPECT_EQ(order.keeper(0, "TotalDeliveredQty"), Keeper::done);
  EXPECT_EQ(order.keeper(std::nullopt, "PayStatus"), Keeper::state);
  EXPECT_EQ(order.keeper(std::nullopt, "TotalAmount"), Keeper::total);
  EXPECT_EQ(order.keeper(std::nullopt, "CustomerVendor_ID"), Keeper::everybody);
}

}  // namespace
}  // namespace hf::documents
