// Two deliveries of one order must have its goods, its freight and its tax once, to the last unit; a payment what is
// open.
//
// The drafts of the three conversions that the design writes out lie in golden/: first a part, then the rest.

#include "catalog/document/draft.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/random.h"
#include "catalog/erp_catalog_test.h"

namespace hf::document {
namespace {

using catalog::Conversion;
using catalog::Effect;

const Catalog& erp() { return *test::erp(); }

Decimal number(std::string_view text) { return Decimal::parse(text).value(); }

std::string text_of(const Value& value) {
  if (const auto* const id = std::get_if<std::int64_t>(&value)) return "#" + std::to_string(*id);
  if (const auto* const decimal = std::get_if<Decimal>(&value)) return decimal->text();
  if (const auto* const text = std::get_if<std::string>(&value)) return "'" + *text + "'";
  return "null";
}

std::string text_of(const Row& row, std::string_view title) {
  std::string made(title);
  made += "\n";
  for (const auto& [column, value] : row.values()) {
    if (value.index() != 0) made += "  " + column + " = " + text_of(value) + "\n";
  }
  return made;
}

std::string text_of(const Draft& draft) {
  std::string made = text_of(draft.master, "master");
  for (const Draft::Line& line : draft.lines) {
    made += text_of(line.row, "line of " + std::to_string(line.source) + "/" + std::to_string(line.line));
  }
  return made;
}

std::string golden(const std::string& name) {
  std::ifstream file(HF_SOURCE_DIR "/src/catalog/document/golden/" + name, std::ios::binary);
  std::stringstream stream;
  stream << file.rdbuf();
  return stream.str();
}

const Conversion& conversion(std::string_view name) { return *erp().find_conversion(name); }

catalog::Index type_index(std::string_view name) { return erp().index_of(*erp().find_type(name)); }

Occasion occasion() {
  Occasion made;
  made.now = 1'763'800'000'000'000;
  made.today = 20'414;
  made.today_begins = 1'763'740'800'000'000;
  made.employee = 501;
  made.standard = [](std::string_view table) {
    return table == "tb_Currency" ? std::optional<std::int64_t>(1) : std::nullopt;
  };
  return made;
}

Draft drafted(std::string_view name, std::span<const Source> sources, std::span<const Part> parts = {}) {
  const Conversion& made = conversion(name);
  Result<Outcome> outcome = draft(erp(), made, *made.route_from(sources[0].type), sources, parts, occasion());
  if (!outcome) {
    ADD_FAILURE() << outcome.error().detail;
    return {};
  }
  if (!std::holds_alternative<Draft>(*outcome)) {
    ADD_FAILURE() << "no draft";
    return {};
  }
  return std::move(std::get<Draft>(*outcome));
}

// A sales order of two lines, with freight and a deposit.
Source order() {
  Source made;
  made.type = type_index("SaleOrder");
  made.master = Row{{"SOrder_ID", std::int64_t{1001}},
                    {"SOrderNo", std::string("SO2511220007")},
                    {"CustomerVendor_ID", std::int64_t{77}},
                    {"Currency_ID", std::int64_t{1}},
                    {"ExchangeRate", number("7.1000")},
                    {"Employee_ID", std::int64_t{501}},
                    {"PayStatus", number("1")},
                    {"DataStatus", number("4")},
                    {"ApprovalStatus", number("1")},
                    {"FreightIncome", number("60.0000")},
                    {"ForeignFreightIncome", number("8.4507")},
                    {"ForeignTotalAmount", number("100.0000")},
                    {"Deposit", number("50.0000")},
                    {"ShippingAddress", std::string("上海市")},
                    {"Notes", std::string("not for the delivery")}};
  made.lines = {{SourceLine{Row{{"SaleOrderDetail_ID", std::int64_t{1}},
                                {"ProdDetailID", std::int64_t{9001}},
                                {"Location_ID", std::int64_t{3}},
                                {"Quantity", number("10")},
                                {"TotalDeliveredQty", number("0")},
                                {"UnitPrice", number("19.9900")},
                                {"TransactionPrice", number("18.8800")},
                                {"Cost", number("12.3450")},
                                {"CustomizedCost", number("1.0000")},
                                {"UnitCommissionAmount", number("0.5000")},
                                {"TaxRate", number("0.130")},
                                {"SubtotalTaxAmount", number("21.7203")},
                                {"SubtotalUntaxedAmount", number("167.0797")}},
                            {},
                            {},
                            {}},
                 SourceLine{Row{{"SaleOrderDetail_ID", std::int64_t{2}},
                                {"ProdDetailID", std::int64_t{9002}},
                                {"Location_ID", std::int64_t{3}},
                                {"Quantity", number("3")},
                                {"TotalDeliveredQty", number("0")},
                                {"TransactionPrice", number("33.3333")},
                                {"Cost", number("20.0000")},
                                {"SubtotalTaxAmount", number("10.0000")},
                                {"SubtotalUntaxedAmount", number("90.0000")},
                                {"Gift", std::int64_t{0}}},
                            {},
                            {},
                            {}}}};
  return made;
}

// The source after `made` was made from it: its lines are reserved, or done if it was approved.
enum class Then : std::uint8_t { stays_a_draft, is_approved };
Source after(Source source, const Draft& made, Then then) {
  const Conversion& how = conversion("SaleOrderToSaleOut");
  source.first = false;
  for (const catalog::Copy& copy : how.filling.shares) {
    source.given.set(copy.to, source.given.number(copy.to).plus(made.master.number(copy.to)).value());
  }
  for (const Draft::Line& line : made.lines) {
    SourceLine& of = source.lines[line.rule][line.line];
    const Decimal quantity = line.row.number("Quantity");
    of.linked = of.linked.plus(quantity).value();
    if (then == Then::stays_a_draft) {
      of.held.reserved = of.held.reserved.plus(quantity).value();
    } else {
      of.row.set("TotalDeliveredQty", of.row.number("TotalDeliveredQty").plus(quantity).value());
    }
    for (const catalog::Copy& copy : how.lines[0].filling.shares) {
      of.given.set(copy.to, of.given.number(copy.to).plus(line.row.number(copy.to)).value());
    }
  }
  return source;
}

TEST(Draft, a_part_of_an_order_and_then_the_rest) {
  const std::vector<Source> whole = {order()};
  const std::vector<Part> parts = {{0, 0, 0, number("4")}, {0, 0, 1, number("1")}};
  const Draft first = drafted("SaleOrderToSaleOut", whole, parts);
  EXPECT_EQ(text_of(first), golden("sale_order_to_sale_out_1.txt"));
  const std::vector<Source> rest = {after(order(), first, Then::is_approved)};
  const Draft second = drafted("SaleOrderToSaleOut", rest);
  EXPECT_EQ(text_of(second), golden("sale_order_to_sale_out_2.txt"));
}

TEST(Draft, a_draft_holds_what_it_takes_so_that_nobody_takes_it_again) {
  const std::vector<Source> whole = {order()};
  const Draft first = drafted("SaleOrderToSaleOut", whole);
  const std::vector<Source> nothing = {after(order(), first, Then::stays_a_draft)};
  const Conversion& made = conversion("SaleOrderToSaleOut");
  const auto outcome = draft(erp(), made, made.routes[0], nothing, {}, occasion());
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(std::holds_alternative<NothingLeft>(*outcome));
  const std::vector<Part> one = {{0, 0, 1, number("1")}};
  const auto refused = draft(erp(), made, made.routes[0], nothing, one, occasion());
  ASSERT_TRUE(refused);
  const auto* const more = std::get_if<NotEnough>(&*refused);
  ASSERT_NE(more, nullptr);
  EXPECT_EQ(more->line, 1u);
  EXPECT_EQ(more->left, number("0"));
}

TEST(Draft, a_quantity_with_more_decimals_than_its_column_is_invalid) {
  const std::vector<Source> whole = {order()};
  const std::vector<Part> half = {{0, 0, 0, number("0.5")}};
  const Conversion& made = conversion("SaleOrderToSaleOut");
  const auto outcome = draft(erp(), made, made.routes[0], whole, half, occasion());
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::invalid);
}

// However the order is cut, drafts and deliveries together have it once.
TEST(Draft, the_parts_of_an_order_add_up_to_it) {
  Random random(1122);
  for (int round = 0; round < 200; ++round) {
    Source source = order();
    std::map<std::string, Decimal> sums;
    Decimal freight, taken;
    while (true) {
      std::vector<Part> parts;
      for (std::size_t l = 0; l < 2; ++l) {
        const SourceLine& line = source.lines[0][l];
        const auto left = left_of(line.row, std::vector<std::string>{"Quantity"},
                                  std::vector<std::string>{"TotalDeliveredQty"}, line.held);
        const auto take = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(left->units()) + 1));
        if (take > 0) parts.push_back({0, 0, l, Decimal::of(take)});
      }
      const std::vector<Source> sources = {source};
      const bool rest = parts.empty();
      const Conversion& how = conversion("SaleOrderToSaleOut");
      const auto outcome = draft(erp(), how, how.routes[0], sources, parts, occasion());
      ASSERT_TRUE(outcome);
      if (rest && std::holds_alternative<NothingLeft>(*outcome)) break;
      const Draft& made = std::get<Draft>(*outcome);
      freight = *freight.plus(made.master.number("FreightIncome"));
      for (const char* shared : {"Deposit", "ForeignTotalAmount"}) {
        sums[shared] = *sums[shared].plus(made.master.number(shared));
      }
      for (const Draft::Line& line : made.lines) {
        taken = *taken.plus(line.row.number("Quantity"));
        for (const char* shared : {"SubtotalTaxAmount", "SubtotalUntaxedAmount", "SubtotalTransAmount"}) {
          sums[shared] = *sums[shared].plus(line.row.number(shared));
        }
      }
      source = after(std::move(source), made, random.one_in(2) ? Then::is_approved : Then::stays_a_draft);
    }
    EXPECT_EQ(taken, number("13"));
    EXPECT_EQ(freight, number("60"));
    EXPECT_EQ(sums["Deposit"], number("50"));
    EXPECT_EQ(sums["ForeignTotalAmount"], number("100"));
    EXPECT_EQ(sums["SubtotalTaxAmount"], number("31.7203"));
    EXPECT_EQ(sums["SubtotalUntaxedAmount"], number("257.0797"));
    EXPECT_EQ(sums["SubtotalTransAmount"], number("288.7999"));  // 10 × 18.88 and 3 × 33.3333
  }
}

Source receivable(std::int64_t id, std::string_view amount, std::string_view foreign,
                  std::string_view paid = "0.0000") {
  Source made;
  made.type = type_index("Receivable");
  const Decimal total = number(amount);
  made.master = Row{{"ARAPId", id},
                    {"ARAPNo", "AR" + std::to_string(id)},
                    {"CustomerVendor_ID", std::int64_t{77}},
                    {"Currency_ID", std::int64_t{2}},
                    {"ExchangeRate", number("7.0000")},
                    {"IsForCommission", std::int64_t{0}},
                    {"IsFromPlatform", std::int64_t{0}},
                    {"Employee_ID", id},
                    {"TotalLocalPayableAmount", total},
                    {"TotalForeignPayableAmount", number(foreign)},
                    {"LocalPaidAmount", number(paid)},
                    {"LocalBalanceAmount", total.minus(number(paid)).value()},
                    {"ForeignBalanceAmount", number(foreign)},
                    {"ARAPStatus", number("3")},
                    {"ReceivePaymentType", number("1")}};
  made.lines = {{SourceLine{made.master, {}, {}, {}}}};
  return made;
}

TEST(Draft, several_receivables_become_one_receipt_in_part_and_then_the_rest) {
  const std::vector<Source> both = {receivable(5, "1000.0000", "142.8571"), receivable(6, "333.3300", "47.6186")};
  const std::vector<Part> parts = {{0, 0, 0, number("500.0000")}, {1, 0, 0, number("333.3300")}};
  const Draft first = drafted("ReceivableToPaymentRecord", both, parts);
  EXPECT_EQ(text_of(first), golden("receivable_to_receipt_1.txt"));
  Source rest = receivable(5, "1000.0000", "142.8571", "500.0000");
  rest.master.set("ForeignBalanceAmount", number("71.4285"));
  rest.lines[0][0].row = rest.master;
  rest.lines[0][0].linked = number("500");
  rest.lines[0][0].given.set("ForeignAmount", first.lines.at(0).row.number("ForeignAmount"));
  const std::vector<Source> one = {rest};
  const Draft second = drafted("ReceivableToPaymentRecord", one);
  EXPECT_EQ(text_of(second), golden("receivable_to_receipt_2.txt"));
  EXPECT_EQ(first.lines[0].row.number("ForeignAmount").plus(second.lines[0].row.number("ForeignAmount")).value(),
            number("142.8571"));
}

TEST(Draft, bills_that_are_not_alike_do_not_become_one) {
  std::vector<Source> both = {receivable(5, "1000.0000", "142.8571"), receivable(6, "333.3300", "47.6186")};
  both[1].master.set("Currency_ID", std::int64_t{3});
  const Conversion& made = conversion("ReceivableToPaymentRecord");
  const auto outcome = draft(erp(), made, made.routes[0], both, {}, occasion());
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().detail, "These bills differ in Currency_ID: convert them one by one.");
  const std::vector<Source> orders = {order(), order()};
  const Conversion& deliver = conversion("SaleOrderToSaleOut");
  EXPECT_FALSE(draft(erp(), deliver, deliver.routes[0], orders, {}, occasion()));
}

TEST(Draft, a_refund_is_red_and_takes_its_share_of_the_foreign_amount) {
  Source advance;
  advance.type = type_index("PreReceived");
  advance.master = Row{{"PreRPID", std::int64_t{8}},
                       {"PreRPNO", std::string("PRC1")},
                       {"CustomerVendor_ID", std::int64_t{77}},
                       {"Currency_ID", std::int64_t{2}},
                       {"LocalPrepaidAmount", number("300.0000")},
                       {"ForeignPrepaidAmount", number("42.8571")},
                       {"LocalPaidAmount", number("200.0000")},
                       {"LocalBalanceAmount", number("100.0000")}};
  advance.lines = {{SourceLine{advance.master, {}, {}, {}}}};
  const std::vector<Source> sources = {advance};
  const Draft made = drafted("AdvanceToRefund", sources);
  EXPECT_EQ(made.lines.at(0).row.number("LocalAmount"), number("-100"));
  EXPECT_EQ(made.lines.at(0).row.number("ForeignAmount"), number("-14.2857"));
  EXPECT_EQ(made.master.number("TotalLocalAmount"), number("-100"));
  EXPECT_EQ(text_of(made.master.at("ReceivePaymentType")), "1");
}

TEST(Draft, nobody_who_is_no_employee_makes_a_bill_that_needs_one) {
  Source receipt;
  receipt.type = type_index("PurEntry");
  receipt.master = Row{{"PurEntryID", std::int64_t{4}}, {"CustomerVendor_ID", std::int64_t{7}}};
  receipt.lines = {{SourceLine{Row{{"Quantity", number("2")}}, {}, {}, {}}}};
  const std::vector<Source> sources = {receipt};
  const Conversion& made = conversion("PurEntryToReturn");
  Occasion nobody = occasion();
  nobody.employee.reset();
  const auto refused = draft(erp(), made, made.routes[0], sources, {}, nobody);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field, "Employee_ID");
  const Draft by_him = drafted("PurEntryToReturn", sources);
  EXPECT_EQ(by_him.master.id("Employee_ID"), 501);
  EXPECT_EQ(text_of(by_him.master.at("ProcessWay")), "1");
}

TEST(Draft, every_conversion_fills_every_column_that_may_not_be_null) {
  for (const Conversion& each : erp().content().conversions) {
    if (each.lines.empty()) continue;
    for (const catalog::Route& route : each.routes) {
      Source source;
      source.type = route.from;
      const catalog::Type& from = erp().content().types[route.from];
      source.master = Row{{from.key, std::int64_t{1}}};
      const catalog::LineRule& rule = each.lines[0];
      SourceLine line{rule.from ? Row{} : source.master, {}, {}, {}};
      for (const std::string& column : rule.ordered) line.row.set(column, number("5"));
      if (!rule.from) source.master = line.row;
      source.lines = {{line}};
      const std::vector<Source> sources = {source};
      const auto outcome = draft(erp(), each, route, sources, {}, occasion());
      ASSERT_TRUE(outcome) << each.name << ": " << outcome.error().detail;
      const Draft& made = std::get<Draft>(*outcome);
      const catalog::Type& to = erp().content().types[route.to];
      const auto whole = [&](const Row& row, const catalog::Table& table,
                             std::initializer_list<std::string_view> drawn) {
        for (const catalog::Column& column : table.columns) {
          // What the source has in a column that may not be null either, this poor source has not.
          const bool id = !catalog::is_number(column.kind) && column.kind != catalog::ColumnKind::text &&
                          column.kind != catalog::ColumnKind::boolean;
          if (column.nullable || id || std::find(drawn.begin(), drawn.end(), column.name) != drawn.end()) continue;
          EXPECT_FALSE(row.is_null(column.name)) << each.name << " " << table.name << "." << column.name;
        }
      };
      whole(made.master, erp().content().tables[to.table], {to.key, to.no, each.link->no});
      for (const Draft::Line& row : made.lines) {
        const catalog::Part& part = to.parts[*rule.to];
        whole(row.row, erp().content().tables[part.table], {part.key, part.parent, each.link->no});
      }
    }
  }
}

TEST(Draft, the_first_unmet_requirement_is_told) {
  const Conversion& made = conversion("ReceivableToPaymentRecord");
  const catalog::Table& table = *erp().find_table("tb_FM_ReceivablePayable");
  Source bill = receivable(5, "1000.0000", "142.8571");
  bill.master.set("ApprovalStatus", number("1"));
  EXPECT_EQ(unmet(made.require, bill.master, table), nullptr);
  bill.master.set("LocalBalanceAmount", number("0.0000"));
  ASSERT_NE(unmet(made.require, bill.master, table), nullptr);
  EXPECT_EQ(unmet(made.require, bill.master, table)->zh, "该单据余额为 0，无需收付款");
  bill.master.set("LocalBalanceAmount", number("-0.0001"));
  EXPECT_EQ(unmet(made.require, bill.master, table), nullptr);
}

}  // namespace
}  // namespace hf::document
