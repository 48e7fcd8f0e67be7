// What the real ERP keeps, held against catalog/ruinorerp.toml. A done quantity without its effect is never raised, so
// the same goods are delivered twice; a column with fewer decimals than the ERP's loses money.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "catalog/erp_catalog_test.h"

namespace hf {
namespace {

using namespace catalog;

const Catalog& erp() { return *test::erp(); }

const Effect& effect(std::string_view name) {
  const std::vector<Effect>& all = erp().content().effects;
  const auto at = std::find_if(all.begin(), all.end(), [&](const Effect& each) { return each.name == name; });
  if (at == all.end()) throw std::runtime_error("no effect " + std::string(name));
  return *at;
}

const Conversion& conversion(std::string_view name) {
  const Conversion* const found = erp().find_conversion(name);
  if (found == nullptr) throw std::runtime_error("no conversion " + std::string(name));
  return *found;
}

// "tb_SaleOrderDetail.TotalDeliveredQty" for each column that some effect writes, and for each status.
std::set<std::string> written_by_effects() {
  std::set<std::string> made;
  for (const Effect& each : erp().content().effects) {
    const Type& to = erp().content().types[each.to];
    const std::string master = erp().content().tables[to.table].name;
    const std::string row = each.to_part ? erp().content().tables[to.parts[*each.to_part].table].name : master;
    for (const Effect::Add& add : each.add) made.insert(row + "." + add.column);
    for (const Effect::Flag& flag : each.flags) made.insert(row + "." + flag.column);
    for (const Effect::Flag& flag : each.bill_flags) made.insert(master + "." + flag.column);
    for (const Copy& total : each.totals) made.insert(master + "." + total.to);
    for (const StateByDone& state : each.close) made.insert(master + "." + erp().content().models[state.model].name);
    if (each.mark) made.insert({row + "." + each.mark->id, row + "." + each.mark->no, row + "." + each.mark->biz_type});
    if (!each.over.empty()) made.insert(row + "." + each.over);
  }
  return made;
}

TEST(ErpFacts, every_done_quantity_that_somebody_keeps_has_its_effect) {
  const std::set<std::string> written = written_by_effects();
  for (const char* kept : {"tb_SaleOrderDetail.TotalDeliveredQty",
                           "tb_SaleOrderDetail.TotalReturnedQty",
                           "tb_SaleOutDetail.TotalReturnedQty",
                           "tb_PurOrderDetail.DeliveredQuantity",
                           "tb_PurOrderDetail.UndeliveredQty",
                           "tb_PurOrder.TotalUndeliveredQty",
                           "tb_PurOrderDetail.TotalReturnedQty",
                           "tb_PurEntryDetail.ReturnedQty",
                           "tb_PurEntryReDetail.DeliveredQuantity",
                           "tb_ManufacturingOrder.QuantityDelivered",
                           "tb_ManufacturingOrderDetail.ActualSentQty",
                           "tb_ManufacturingOrderDetail.OverSentQty",
                           "tb_MaterialRequisitionDetail.ReturnQty",
                           "tb_MaterialRequisition.TotalReQty",
                           "tb_ProductionPlanDetail.CompletedQuantity",
                           "tb_ProductionPlan.TotalCompletedQuantity",
                           "tb_ProductionPlanDetail.AnalyzedQuantity",
                           "tb_ProductionPlanDetail.IsAnalyzed",
                           "tb_ProductionPlan.Analyzed",
                           "tb_ProduceGoodsRecommendDetail.RefBillID",
                           "tb_ProduceGoodsRecommendDetail.RefBillNO",
                           "tb_ProduceGoodsRecommendDetail.RefBillType",
                           "tb_ProdBorrowingDetail.ReQty",
                           "tb_MRP_ReworkReturnDetail.DeliveredQuantity",
                           "tb_AS_AfterSaleApplyDetail.DeliveredQty",
                           "tb_AS_AfterSaleApply.TotalDeliveredQty",
                           "tb_AS_AfterSaleApply.ASProcessStatus",
                           "tb_AS_RepairOrderDetail.DeliveredQty",
                           "tb_AS_RepairOrder.TotalDeliveredQty",
                           "tb_AS_RepairOrder.RepairStatus",
                           "tb_AS_RepairOrderMaterialDetail.ActualSentQty",
                           "tb_FM_ReceivablePayable.LocalPaidAmount",
                           "tb_FM_ReceivablePayable.ForeignPaidAmount",
                           "tb_FM_ReceivablePayable.LocalBalanceAmount",
                           "tb_FM_ReceivablePayable.ForeignBalanceAmount",
                           "tb_FM_ReceivablePayable.LocalReconciledAmount",
                           "tb_FM_ReceivablePayable.ForeignReconciledAmount",
                           "tb_FM_ReceivablePayable.AllowAddToStatement",
                           "tb_FM_PreReceivedPayment.LocalBalanceAmount",
                           "tb_FM_PreReceivedPayment.ForeignBalanceAmount",
                           "tb_FM_PreReceivedPayment.LocalPaidAmount",
                           "tb_FM_PreReceivedPayment.LocalRefundAmount",
                           "tb_FM_StatementDetail.WrittenOffLocalAmount",
                           "tb_FM_StatementDetail.RemainingLocalAmount",
                           "tb_FM_ExpenseClaim.PayStatus",
                           "tb_FM_OtherExpense.PayStatus",
                           "tb_SaleOutRe.PayStatus",
                           "tb_SaleOrder.PayStatus",
                           "tb_PurOrder.PayStatus"}) {
    EXPECT_TRUE(written.contains(kept)) << kept;
  }
}

TEST(ErpFacts, what_closes_by_itself_in_the_erp_closes_here) {
  std::set<std::string> closed;
  for (const Effect& each : erp().content().effects) {
    for (const StateByDone& state : each.close) {
      const Type& to = erp().content().types[each.to];
      if (to.lifecycle == state.model) closed.insert(to.name);
    }
  }
  for (const char* name :
       {"SaleOrder", "SaleOut", "PurOrder", "PurEntryReturn", "ManufacturingOrder", "ProductionPlan", "ProdBorrowing",
        "ReworkReturn", "AfterSaleApply", "RepairOrder", "Receivable", "Payable", "PreReceived", "PrePayment",
        "Statement", "ExpenseClaim", "OtherExpense", "OtherIncome", "SaleReturn"}) {
    EXPECT_TRUE(closed.contains(name)) << name;
  }
  EXPECT_FALSE(closed.contains("PurEntry"));  // closes by hand only
}

TEST(ErpFacts, an_advance_gets_its_balance_from_what_is_paid_in) {
  const Effect& fills = effect("receipt_fills_advance");
  EXPECT_EQ(fills.line_when.text(), "LocalAmount>0");
  EXPECT_EQ(fills.done, (std::vector<std::string>{"LocalBalanceAmount", "LocalPaidAmount", "LocalRefundAmount"}));
  EXPECT_EQ(fills.close.at(0).all, 4);
  const Effect& refunds = effect("payment_refunds_advance");
  const auto refunded = std::find_if(refunds.add.begin(), refunds.add.end(),
                                     [](const Effect::Add& add) { return add.column == "LocalRefundAmount"; });
  ASSERT_NE(refunded, refunds.add.end());
  EXPECT_TRUE(refunded->minus);  // a red bill says -100, and 100 were refunded
}

TEST(ErpFacts, a_payment_carries_its_foreign_amounts) {
  for (const char* name : {"ExpenseClaimToPayment", "AdvanceToPaymentRecord", "AdvanceToRefund",
                           "ReceivableToPaymentRecord", "StatementToPaymentRecord"}) {
    std::set<std::string> totals;
    for (const Total& total : conversion(name).totals) totals.insert(total.column);
    EXPECT_EQ(totals, (std::set<std::string>{"TotalLocalAmount", "TotalForeignAmount", "TotalLocalPayableAmount",
                                             "TotalForeignPayableAmount"}))
        << name;
    const std::vector<std::string>& nothing = conversion(name).lines.at(0).filling.by_kind;
    for (const char* column : {"ForeignAmount", "ForeignPayableAmount", "ExchangeRate"}) {
      EXPECT_EQ(std::find(nothing.begin(), nothing.end(), column), nothing.end()) << name << " " << column;
    }
  }
}

TEST(ErpFacts, the_freight_of_an_order_goes_to_its_first_delivery_and_counts_in_the_totals) {
  const Conversion& made = conversion("SaleOrderToSaleOut");
  EXPECT_EQ(made.first, (std::vector<std::string>{"FreightIncome", "ForeignFreightIncome"}));
  for (const Total& total : made.totals) {
    const bool with_freight =
        total.column == "TotalAmount" || total.column == "TotalCost" || total.column == "FreightCost";
    EXPECT_EQ(total.plus, with_freight ? std::vector<std::string>{"FreightIncome"} : std::vector<std::string>{})
        << total.column;
  }
  EXPECT_EQ(made.filling.copies.size(), 15u);
  EXPECT_EQ(made.lines.at(0).filling.copies.size(), 14u);
}

TEST(ErpFacts, what_the_supplier_refunds_does_not_come_back) {
  EXPECT_EQ(effect("refund_of_supplier_closes_return").to_when.text(), "ProcessWay=0");
}

// Of the ERP's entities: how many columns of the bills have which digits and decimals.
TEST(ErpFacts, decimals_have_the_digits_that_the_erp_gives_them) {
  std::map<std::pair<int, int>, int> counts;
  std::set<Index> of_bills;
  for (const Type& each : erp().content().types) {
    of_bills.insert(each.table);
    for (const Part& part : each.parts) of_bills.insert(part.table);
  }
  EXPECT_EQ(of_bills.size(), 99u);
  for (const Index table : of_bills) {
    for (const Column& column : erp().content().tables[table].columns) {
      if (column.kind == ColumnKind::decimal) ++counts[{column.precision, column.scale}];
      if (column.kind == ColumnKind::money) EXPECT_EQ(column.scale, 4);
    }
  }
  EXPECT_EQ(counts, (std::map<std::pair<int, int>, int>{{{5, 2}, 10},
                                                        {{5, 3}, 4},
                                                        {{8, 2}, 6},
                                                        {{8, 3}, 2},
                                                        {{8, 4}, 7},
                                                        {{10, 3}, 16},
                                                        {{10, 4}, 18},
                                                        {{15, 4}, 3},
                                                        {{15, 5}, 10},
                                                        {{18, 0}, 4},
                                                        {{18, 4}, 12},
                                                        {{18, 6}, 1}}));
}

// Whoever reads the file in a hurry must not add a conversion whose drafts could not be approved.
TEST(ErpFacts, every_conversion_that_makes_lines_says_what_is_done) {
  std::set<std::string> by_hand;
  for (const Conversion& each : erp().content().conversions) {
    for (const LineRule& line : each.lines) {
      if (line.effects.empty()) by_hand.insert(each.name);
    }
  }
  EXPECT_EQ(by_hand, (std::set<std::string>{"SaleOrderToAdvance", "StatementToPaymentRecord"}));
}

}  // namespace
}  // namespace hf
