// One bill made from another in real databases. If these fail, more is converted than was ordered, a freight is charged
// twice, or the parts of an amount do not add up to it.
#include <gmock/gmock.h>

#include <thread>

#include "tests/documents/write_fixture.h"

namespace hf::test {
namespace {

using documents::Wish;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ConvertOnBoth : public OnBoth {
 protected:
  ConvertOnBoth() : database_(GetParam(), Tables::of_erp), prepared_(database_.prepared()), li_(database_) {}

  static Wish wish(Writer& writer, const BillKey& source, const std::string& conversion,
                   const std::vector<std::pair<std::int64_t, std::string>>& lines) {
    const std::string part = erp()->find_type(source.type)->parts.front().name;
    Wish made{conversion, {writer.seen(source)}, {}, true};
    for (const auto& [line, quantity] : lines) made.lines.push_back({source, part, line, quantity});
    return made;
  }
  static Outcome<Written> convert(Writer& writer, const Wish& wish) {
    return writer.writer().convert(writer.asker(), writer.call(), wish);
  }
  // The draft that came of it.
  BillKey made(const Outcome<Written>& outcome) {
    EXPECT_TRUE(outcome) << why(outcome);
    return outcome ? BillKey{outcome->bills.at(0).type, outcome->bills.at(0).id} : BillKey();
  }
  std::int64_t line_of(const BillKey& bill, std::size_t index, const std::string& key) {
    return documents::whole_of(line(prepared_, bill, index, key)).value_or(0);
  }
  std::string field(const BillKey& bill, const std::string& column) {
    const auto found = prepared_.get(everybody(), {.type = bill.type, .id = std::to_string(bill.id)});
    EXPECT_TRUE(found);
    for (const documents::BillField& each : found->fields) {
      if (each.column == column) return documents::text_of(each.value);
    }
    return "none";
  }
  std::string line_field(const BillKey& bill, const std::string& column) {
    const auto found = prepared_.get(everybody(), {.type = bill.type, .id = std::to_string(bill.id)});
    EXPECT_TRUE(found);
    for (const documents::BillField& each : found->parts.at(0).lines.at(0).fields) {
      if (each.column == column) return documents::text_of(each.value);
    }
    return "none";
  }

  // An order of 3 pieces at 9.99.
  BillKey order(const std::string& freight) {
    SaidBill said{
        {{"CustomerVendor_ID", "1"},
         {"Currency_ID", "1"},
         {"Employee_ID", "17"},
         {"SaleDate", "2025-11-30T00:00:00Z"},
         {"ExchangeRate", "1"},
         {"FreightIncome", freight}},
        {{"SaleOrderDetail",
          {{{}, {{"ProdDetailID", "1"}, {"Location_ID", "5"}, {"Quantity", "3"}, {"TransactionPrice", "9.99"}}}}}}};
    const auto order_made = li_.create("SaleOrder", said);
    EXPECT_TRUE(order_made) << why(order_made);
    if (!order_made) return {};
    return li_.approved({"SaleOrder", order_made->bills[0].id});
  }

  StoreDatabase database_;
  documents::DocumentStore prepared_;
  Writer li_;
};
HF_ON_BOTH(ConvertOnBoth);

TEST_P(ConvertOnBoth, all_that_is_left_becomes_a_draft_with_its_lines_and_links) {
  const BillKey loan = li_.approved(li_.loan({"5", "2"}));
  const auto outcome = convert(li_, wish(li_, loan, "BorrowToReturn", {}));
  const BillKey back = made(outcome);
  EXPECT_EQ(back.type, "ProdReturning");
  EXPECT_EQ(outcome->bills[0].no, "RT2511300001");
  EXPECT_EQ(field(back, "TotalQty"), "7");
  EXPECT_EQ(field(back, "TotalAmount"), "7.2000");
  EXPECT_EQ(field(back, "DataStatus"), "1");
  EXPECT_EQ(field(back, "BorrowNO"), "BL2511300001");
  EXPECT_EQ(field(back, "ReturnDate"), "2025-11-30T12:00:00.000Z");
  EXPECT_EQ(ask(prepared_, "SELECT COUNT(*) FROM hf_link WHERE conversion = 'BorrowToReturn'"), "2");
  EXPECT_EQ(li_.seen(loan).version, 3U);
  EXPECT_THAT(broken(prepared_), IsEmpty());
  const auto again = convert(li_, wish(li_, loan, "BorrowToReturn", {}));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().error.detail, "Nothing is left of it.");
  li_.approved(back);
  EXPECT_EQ(master(prepared_, loan, "DataStatus"), "8");
  EXPECT_THAT(broken(prepared_), IsEmpty());
}

TEST_P(ConvertOnBoth, parts_of_an_amount_add_up_to_it) {
  const BillKey loan = li_.approved(li_.loan({"3"}));  // 3.1 in all
  const std::int64_t line = line_of(loan, 0, "BorrowDetaill_ID");
  std::vector<std::string> amounts;
  std::vector<BillKey> drafts;
  for (int i = 0; i < 3; ++i) {
    drafts.push_back(made(convert(li_, wish(li_, loan, "BorrowToReturn", {{line, "1"}}))));
    amounts.push_back(line_field(drafts.back(), "SubtotalPirceAmount"));
  }
  EXPECT_THAT(amounts, testing::ElementsAre("1.0333", "1.0334", "1.0333"));
  // Somebody else's takes the place of one that is deleted, also after a save.
  ASSERT_TRUE(li_.save(drafts[0], {{{"Notes", "x"}}, {}}));
  ASSERT_TRUE(li_.remove(drafts[1]));
  const BillKey rest = made(convert(li_, wish(li_, loan, "BorrowToReturn", {})));
  EXPECT_EQ(line_field(rest, "SubtotalPirceAmount"), "1.0334");
  EXPECT_THAT(broken(prepared_), IsEmpty());
}

TEST_P(ConvertOnBoth, more_than_is_left_is_refused_and_names_the_draft_that_holds_it) {
  const BillKey loan = li_.approved(li_.loan({"5"}));
  const std::int64_t line = line_of(loan, 0, "BorrowDetaill_ID");
  const BillKey draft = made(convert(li_, wish(li_, loan, "BorrowToReturn", {{line, "4"}})));
  const auto refused = convert(li_, wish(li_, loan, "BorrowToReturn", {{line, "2"}}));
  ASSERT_FALSE(refused);
  ASSERT_THAT(refused.error().shortages, SizeIs(1));
  EXPECT_EQ(refused.error().shortages[0].left.text(), "1");
  ASSERT_THAT(refused.error().shortages[0].reservers, SizeIs(1));
  EXPECT_EQ(refused.error().shortages[0].reservers[0].id, draft.id);
  const auto wrong = convert(li_, wish(li_, loan, "BorrowToReturn", {{line, "x"}, {7, "1"}}));
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().fields, SizeIs(2));
}

TEST_P(ConvertOnBoth, what_the_catalog_requires_is_asked_and_what_it_warns_of_is_a_question) {
  const BillKey loan = li_.loan({"5"});
  const auto draft = convert(li_, wish(li_, loan, "BorrowToReturn", {}));
  ASSERT_FALSE(draft);
  EXPECT_EQ(draft.error().error.detail, "The loan is not approved.");
  li_.approved(loan);
  Wish some = wish(li_, loan, "BorrowToReturn", {{line_of(loan, 0, "BorrowDetaill_ID"), "1"}});
  some.confirmed = false;
  ASSERT_TRUE(convert(li_, some));
  const auto asked = convert(li_, some);
  ASSERT_FALSE(asked);
  EXPECT_TRUE(asked.error().asks);
  EXPECT_THAT(asked.error().in_the_way, SizeIs(1));
  some.confirmed = true;
  EXPECT_TRUE(convert(li_, some));
  EXPECT_FALSE(convert(li_, wish(li_, loan, "SaleOrderToSaleOut", {})));
  EXPECT_FALSE(convert(li_, wish(li_, loan, "NoSuch", {})));
}

TEST_P(ConvertOnBoth, only_the_first_delivery_of_an_order_carries_its_freight) {
  const BillKey order = this->order("30");
  const std::int64_t line = line_of(order, 0, "SaleOrderDetail_ID");
  const BillKey first = made(convert(li_, wish(li_, order, "SaleOrderToSaleOut", {{line, "2"}})));
  EXPECT_EQ(field(first, "FreightIncome"), "30.0000");
  EXPECT_EQ(field(first, "TotalAmount"), "49.9800");
  const BillKey second = made(convert(li_, wish(li_, order, "SaleOrderToSaleOut", {})));
  EXPECT_EQ(field(second, "FreightIncome"), "0.0000");
  EXPECT_EQ(field(second, "TotalAmount"), "9.9900");
  EXPECT_EQ(line_field(second, "Quantity"), "1");
}

TEST_P(ConvertOnBoth, an_approved_delivery_makes_its_receivable_and_taking_it_back_deletes_that) {
  const BillKey order = this->order("0");
  const BillKey delivery = li_.approved(made(convert(li_, wish(li_, order, "SaleOrderToSaleOut", {}))));
  EXPECT_EQ(master(prepared_, order, "DataStatus"), "8");
  const std::string id = ask(prepared_, "SELECT \"ARAPId\" FROM \"tb_FM_ReceivablePayable\"");
  const BillKey receivable{"Receivable", documents::whole_of(id).value_or(0)};
  EXPECT_EQ(field(receivable, "ARAPNo"), "AR2511300001");
  EXPECT_EQ(field(receivable, "ARAPStatus"), "2");
  EXPECT_EQ(field(receivable, "TotalLocalPayableAmount"), "29.9700");
  EXPECT_EQ(field(receivable, "SourceBillId"), std::to_string(delivery.id));
  EXPECT_EQ(line_field(receivable, "LocalPayableAmount"), "29.9700");
  ASSERT_TRUE(li_.act(receivable, "approve"));
  const auto back = li_.act(delivery, "unapprove");
  ASSERT_TRUE(back) << why(back);
  EXPECT_THAT(back->bills, SizeIs(3));
  EXPECT_EQ(master(prepared_, order, "DataStatus"), "4");
  EXPECT_FALSE(prepared_.get(everybody(), {.type = "Receivable", .id = id}));
  ASSERT_TRUE(li_.act(delivery, "approve"));
  run(prepared_, "UPDATE \"tb_FM_ReceivablePayable\" SET \"ARAPStatus\" = 4");
  const auto paid = li_.act(delivery, "unapprove");
  ASSERT_FALSE(paid);
  EXPECT_EQ(paid.error().in_the_way.at(0).type, "Receivable");
  EXPECT_THAT(broken(prepared_), IsEmpty());
}

TEST_P(ConvertOnBoth, people_who_convert_at_once_never_convert_more_than_there_is) {
  const BillKey loan = li_.approved(li_.loan({"20"}));
  const std::int64_t line = line_of(loan, 0, "BorrowDetaill_ID");
  std::vector<std::thread> people;
  std::atomic<int> made_all{0};
  for (int i = 0; i < 6; ++i) {
    people.emplace_back([&, i] {
      Writer writer(database_, "p" + std::to_string(i));
      for (int n = 0; n < 3; ++n) {
        const auto outcome = convert(writer, wish(writer, loan, "BorrowToReturn", {{line, "3"}}));
        if (outcome) ++made_all;
        if (!outcome) EXPECT_THAT(outcome.error().shortages, SizeIs(1)) << why(outcome);
      }
    });
  }
  for (std::thread& person : people) person.join();
  EXPECT_EQ(made_all, 6);
  EXPECT_THAT(broken(prepared_), IsEmpty());
}

TEST_P(ConvertOnBoth, a_double_click_converts_once) {
  const BillKey loan = li_.approved(li_.loan({"5"}));
  const Wish all = wish(li_, loan, "BorrowToReturn", {});
  const auto first = li_.writer().convert(li_.asker(), li_.call("c1"), all);
  const auto second = li_.writer().convert(li_.asker(), li_.call("c1"), all);
  ASSERT_TRUE(first) << why(first);
  ASSERT_TRUE(second) << why(second);
  EXPECT_EQ(first->bills, second->bills);
}

}  // namespace
}  // namespace hf::test
