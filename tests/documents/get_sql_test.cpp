// bill.get over real databases: the whole bill in one answer, and what is left of each line as two people at once would
// count it. If these fail, a remainder is converted twice, or never.
#include <gmock/gmock.h>

#include "tests/documents/store_database.h"

namespace hf::test {
namespace {

using documents::Bill;
using documents::BillQuestion;
using documents::Remainder;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class BillGetOnBoth : public OnBoth {
 protected:
  BillGetOnBoth() : database_(GetParam(), Tables::of_erp), store_(database_.prepared()), rows_(store_) {}

  Bill get(const BillQuestion& question, const Audience& audience = everybody()) {
    auto bill = store_.get(audience, question);
    EXPECT_TRUE(bill) << bill.error().field << ": " << bill.error().detail;
    return bill ? *std::move(bill) : Bill();
  }
  Error refusal(const BillQuestion& question, const Audience& audience = everybody()) {
    auto bill = store_.get(audience, question);
    EXPECT_FALSE(bill);
    return bill ? Error{} : bill.error();
  }
  // An order of 10 and 5, of which 3 of the first are delivered.
  void add_order() {
    rows_.add_bill("SaleOrder", 1, {"li", ""}, {{"DataStatus", "4"}});
    rows_.add_line("SaleOrder", "SaleOrderDetail", 11, 1, {{"Quantity", "10"}, {"TotalDeliveredQty", "3"}});
    rows_.add_line("SaleOrder", "SaleOrderDetail", 12, 1, {{"Quantity", "5"}});
  }
  // A delivery of the order's first line.
  void add_delivery(std::int64_t id, const std::string& creator, const std::string& quantity, Columns columns) {
    rows_.add_bill("SaleOut", id, {creator, ""}, std::move(columns));
    rows_.add_line("SaleOut", "SaleOutDetail", id * 10, id, {{"Quantity", quantity}});
    rows_.link("SaleOut", id, id * 10, "SaleOrder", 1, 11);
  }
  static const Remainder& delivered(const Bill& bill, std::size_t line) {
    static const Remainder none;
    for (const Remainder& each : bill.parts.at(0).lines.at(line).left) {
      if (each.effect == "delivery_delivers_order") return each;
    }
    ADD_FAILURE() << "no remainder";
    return none;
  }

  StoreDatabase database_;
  documents::DocumentStore store_;
  Rows rows_;
};
HF_ON_BOTH(BillGetOnBoth);

TEST_P(BillGetOnBoth, a_bill_comes_with_its_fields_and_lines) {
  add_order();
  const Bill bill = get({.type = "SaleOrder", .id = "1"});
  EXPECT_EQ(bill.id, 1);
  EXPECT_EQ(bill.no, "SaleOrder1");
  EXPECT_EQ(bill.version, 1U);
  EXPECT_EQ(bill.creator.user, "li");
  EXPECT_THAT(bill.closed_by, IsEmpty());
  EXPECT_EQ(bill.fields.size(), erp()->find_table("tb_SaleOrder")->columns.size());
  const auto fields = documents::cells_of(bill.fields);
  EXPECT_EQ(documents::text_of(fields.at("SaleDate")), "2026-11-01T00:00:00.000Z");
  EXPECT_EQ(documents::text_of(fields.at("TotalAmount")), "0.0000");
  EXPECT_EQ(fields.at("isdeleted"), documents::Cell(false));
  EXPECT_EQ(fields.at("Notes"), documents::Cell());
  ASSERT_EQ(bill.parts.size(), 1U);
  ASSERT_EQ(bill.parts[0].lines.size(), 2U);
  EXPECT_EQ(bill.parts[0].lines[0].id, 11);
  EXPECT_THAT(bill.parts[0].next, IsEmpty());
}

TEST_P(BillGetOnBoth, left_is_ordered_less_done_less_reserved_and_names_who_reserves) {
  add_order();
  add_delivery(2, "wang", "2", {{"DataStatus", "1"}});
  add_delivery(3, "zhao", "4", {{"DataStatus", "2"}});
  const Bill bill = get({.type = "SaleOrder", .id = "1"});
  const Remainder& first = delivered(bill, 0);
  EXPECT_EQ(first.ordered.text(), "10");
  EXPECT_EQ(first.done.text(), "3");
  EXPECT_EQ(first.reserved.text(), "6");
  EXPECT_EQ(first.left.text(), "1");
  ASSERT_EQ(first.reservers.size(), 2U);
  EXPECT_EQ(first.reservers[0].no, "SaleOut2");
  EXPECT_EQ(first.reservers[0].quantity.text(), "2");
  EXPECT_EQ(first.reservers[1].creator.user, "zhao");
  EXPECT_EQ(delivered(bill, 1).left.text(), "5");
  EXPECT_THAT(delivered(bill, 1).reservers, IsEmpty());
}

TEST_P(BillGetOnBoth, what_is_approved_void_deleted_or_exempt_reserves_nothing) {
  add_order();
  add_delivery(2, "wang", "2", {{"DataStatus", "4"}});
  add_delivery(3, "wang", "2", {{"DataStatus", "8"}});
  add_delivery(4, "wang", "2", {{"DataStatus", "16"}});
  add_delivery(5, "wang", "2", {{"DataStatus", "1"}, {"isdeleted", "true"}});
  add_delivery(6, "wang", "2", {{"DataStatus", "1"}, {"ReplaceOut", "true"}});
  EXPECT_EQ(delivered(get({.type = "SaleOrder", .id = "1"}), 0).reserved.text(), "0");
  add_delivery(7, "wang", "-2", {{"DataStatus", "1"}});  // a red bill counts by its size
  EXPECT_EQ(delivered(get({.type = "SaleOrder", .id = "1"}), 0).reserved.text(), "2");
}

TEST_P(BillGetOnBoth, what_somebody_does_not_see_counts_and_is_not_named) {
  add_order();
  add_delivery(2, "wang", "2", {{"DataStatus", "1"}});
  add_delivery(3, "li", "4", {{"DataStatus", "1"}});
  std::string role;
  for (const catalog::Role& each : erp()->content().roles) {
    const Audience his = somebody({.user = "li", .roles = {each.name}});
    if (his.scope_of(erp()->index_of(*erp()->find_type("SaleOrder"))) == catalog::Scope::own &&
        his.scope_of(erp()->index_of(*erp()->find_type("SaleOut"))) == catalog::Scope::own)
      role = each.name;
  }
  ASSERT_FALSE(role.empty());
  const Bill bill = get({.type = "SaleOrder", .id = "1"}, somebody({.user = "li", .roles = {role}}));
  const Remainder& first = delivered(bill, 0);
  EXPECT_EQ(first.left.text(), "1");
  ASSERT_EQ(first.reservers.size(), 1U);
  EXPECT_EQ(first.reservers[0].id, 3);
  EXPECT_THAT(bill.targets, ElementsAre(documents::BillLinked{"SaleOut", "SaleOut3", 3}));
}

TEST_P(BillGetOnBoth, links_lead_up_and_down) {
  add_order();
  add_delivery(2, "wang", "2", {{"DataStatus", "1"}});
  EXPECT_THAT(get({.type = "SaleOrder", .id = "1"}).targets,
              ElementsAre(documents::BillLinked{"SaleOut", "SaleOut2", 2}));
  const Bill delivery = get({.type = "SaleOut", .id = "2"});
  EXPECT_THAT(delivery.sources, ElementsAre(documents::BillLinked{"SaleOrder", "SaleOrder1", 1}));
  EXPECT_THAT(delivery.targets, IsEmpty());
}

TEST_P(BillGetOnBoth, many_lines_come_in_pages) {
  rows_.add_bill("SaleOrder", 1, {});
  rows_.add_bill("SaleOrder", 2, {});
  for (std::int64_t line = 1; line <= 5; ++line) rows_.add_line("SaleOrder", "SaleOrderDetail", line, 1, {});
  BillQuestion question{.type = "SaleOrder", .id = "1", .lines = 2};
  std::vector<std::int64_t> lines;
  for (int pages = 0; pages < 5; ++pages) {
    const Bill bill = get(question);
    for (const documents::BillLine& line : bill.parts.at(0).lines) lines.push_back(line.id);
    if (bill.parts[0].next.empty()) break;
    question.part = "SaleOrderDetail";
    question.next = bill.parts[0].next;
  }
  EXPECT_THAT(lines, ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(refusal({.type = "SaleOrder", .id = "2", .part = "SaleOrderDetail", .next = question.next}).field, "next");
  EXPECT_EQ(refusal({.type = "SaleOrder", .id = "1", .next = question.next}).field, "part");
  EXPECT_EQ(refusal({.type = "SaleOrder", .id = "1", .part = "x\"--"}).field, "part");
  EXPECT_EQ(refusal({.type = "SaleOrder", .id = "1", .lines = 501}).field, "lines");
}

TEST_P(BillGetOnBoth, nobody_can_tell_a_bill_that_he_may_not_see_from_one_that_is_not_there) {
  rows_.add_bill("SaleOrder", 1, {"wang", ""});
  rows_.add_bill("SaleOrder", 2, {"li", ""}, {{"isdeleted", "true"}});
  rows_.add_bill("Payable", 3, {"li", ""});
  std::string role;
  for (const catalog::Role& each : erp()->content().roles) {
    const auto scope =
        somebody({.user = "li", .roles = {each.name}}).scope_of(erp()->index_of(*erp()->find_type("SaleOrder")));
    if (scope == catalog::Scope::own) role = each.name;
  }
  const Audience li = somebody({.user = "li", .roles = {role}});
  const Error none = refusal({.type = "SaleOrder", .id = "99"}, li);
  EXPECT_EQ(none.code, Code::not_found);
  for (const char* id : {"1", "2", "3", "01", "x", "", "1 OR 1=1", "99999999999999999999"}) {
    EXPECT_EQ(refusal({.type = "SaleOrder", .id = id}, li), none) << id;
  }
  EXPECT_EQ(refusal({.type = "Receivable", .id = "3"}).code, Code::not_found);
  const Audience nobody = somebody({.user = "li"});
  EXPECT_EQ(refusal({.type = "SaleOrder", .id = "1"}, nobody), refusal({.type = "NoSuch", .id = "1"}, nobody));
}

}  // namespace
}  // namespace hf::test
