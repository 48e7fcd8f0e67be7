// bill.list over real databases: pages that are whole, sorted alike everywhere and true while others write, filters
// that say what they leave out. If these fail, people work by a list from which bills are missing.
#include <gmock/gmock.h>

#include <algorithm>

#include "base/random.h"
#include "tests/documents/store_database.h"

namespace hf::test {
namespace {

using documents::BillListQuestion;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BillListOnBoth : public OnBoth {
 protected:
  BillListOnBoth() : database_(GetParam(), Tables::of_erp), store_(database_.prepared()), rows_(store_) {}

  std::vector<std::int64_t> ids(BillListQuestion question, const Audience& audience = everybody()) {
    std::vector<std::int64_t> all;
    for (int pages = 0; pages < 100; ++pages) {
      const auto page = store_.list(audience, question);
      EXPECT_TRUE(page) << page.error().field << ": " << page.error().detail;
      if (!page) break;
      for (const documents::BillRow& row : page->rows) all.push_back(row.id);
      if (page->next.empty()) break;
      EXPECT_EQ(page->rows.size(), question.limit);
      question.next = page->next;
    }
    return all;
  }
  std::string refusal(const BillListQuestion& question) {
    const auto page = store_.list(everybody(), question);
    EXPECT_FALSE(page);
    return page ? std::string() : page.error().field;
  }

  StoreDatabase database_;
  documents::DocumentStore store_;
  Rows rows_;
};
HF_ON_BOTH(BillListOnBoth);

TEST_P(BillListOnBoth, the_newest_come_first_with_what_a_list_shows) {
  rows_.add_bill("SaleOrder", 10, {"li", "wang"}, {{"TotalAmount", "1234567890123.4567"}, {"DataStatus", "2"}});
  rows_.add_bill("SaleOrder", 9'007'199'254'740'993, {"li", ""});
  const auto page = store_.list(everybody(), {.type = "SaleOrder"});
  ASSERT_TRUE(page) << page.error().detail;
  ASSERT_EQ(page->rows.size(), 2U);
  EXPECT_EQ(page->rows[0].id, 9'007'199'254'740'993);
  const documents::BillRow& row = page->rows[1];
  EXPECT_EQ(row.no, "SaleOrder10");
  EXPECT_EQ(row.version, 1U);
  EXPECT_EQ(row.creator.user, "li");
  EXPECT_EQ(row.handler.user, "wang");
  const auto field = [&](std::string_view name) {
    for (const documents::BillField& each : row.fields) {
      if (each.column == name) return documents::text_of(each.value);
    }
    return std::string("none");
  };
  EXPECT_EQ(field("TotalAmount"), "1234567890123.4567");
  EXPECT_EQ(field("DataStatus"), "2");
  EXPECT_EQ(field("VoucherImage"), "none");
  EXPECT_THAT(page->next, IsEmpty());
  EXPECT_FALSE(page->total);
}

TEST_P(BillListOnBoth, pages_have_every_bill_once_by_every_column_up_and_down) {
  const catalog::Table& table = *erp()->find_table("tb_SaleOrder");
  Random random(7);
  std::vector<std::int64_t> all;
  for (std::int64_t id = 1; id <= 23; ++id) {
    Columns columns;
    if (random.below(2) == 0) columns["ProjectGroup_ID"] = std::to_string(random.below(3));
    if (random.below(2) == 0) columns["Notes"] = random.below(2) == 0 ? "b" : "a中";
    columns["TotalAmount"] = std::to_string(random.below(4)) + ".5";
    rows_.add_bill("SaleOrder", id, {}, columns);
    all.push_back(id);
  }
  for (const catalog::Column& column : table.columns) {
    if (column.kind == catalog::ColumnKind::bytes || column.length > 200) continue;
    BillListQuestion question{.type = "SaleOrder", .sort = column.name, .limit = 5};
    std::vector<std::int64_t> up = ids(question);
    question.sort = "-" + column.name;
    std::vector<std::int64_t> down = ids(question);
    std::reverse(down.begin(), down.end());
    EXPECT_EQ(up, down) << column.name;
    std::sort(up.begin(), up.end());
    EXPECT_EQ(up, all) << column.name;
  }
}

TEST_P(BillListOnBoth, nulls_come_before_values_and_texts_in_the_order_of_their_bytes) {
  rows_.add_bill("SaleOrder", 1, {}, {{"CustomerPONo", "b"}});
  rows_.add_bill("SaleOrder", 2, {});
  rows_.add_bill("SaleOrder", 3, {}, {{"CustomerPONo", "Z"}});
  rows_.add_bill("SaleOrder", 4, {}, {{"CustomerPONo", "中"}});
  EXPECT_THAT(ids({.type = "SaleOrder", .sort = "CustomerPONo", .limit = 1}), ElementsAre(2, 3, 1, 4));
  EXPECT_THAT(ids({.type = "SaleOrder", .sort = "-CustomerPONo", .limit = 3}), ElementsAre(4, 1, 3, 2));
}

TEST_P(BillListOnBoth, a_bill_that_comes_in_moves_no_page) {
  for (std::int64_t id = 1; id <= 4; ++id) rows_.add_bill("SaleOrder", id, {});
  const auto first = store_.list(everybody(), {.type = "SaleOrder", .limit = 2});
  ASSERT_TRUE(first);
  rows_.add_bill("SaleOrder", 5, {});
  EXPECT_THAT(ids({.type = "SaleOrder", .limit = 2, .next = first->next}), ElementsAre(2, 1));
}

TEST_P(BillListOnBoth, each_filter_leaves_out_what_does_not_pass) {
  rows_.add_bill("SaleOrder", 1, {},
                 {{"SOrderNo", "SO2601"}, {"DataStatus", "1"}, {"CustomerVendor_ID", "5"}, {"TotalAmount", "10"}});
  rows_.add_bill("SaleOrder", 2, {},
                 {{"SOrderNo", "SO2602"},
                  {"DataStatus", "2"},
                  {"ApprovalStatus", "0"},
                  {"CustomerVendor_ID", "6"},
                  {"TotalAmount", "10.5"}});
  rows_.add_bill("SaleOrder", 3, {},
                 {{"SOrderNo", "XX2603"}, {"DataStatus", "4"}, {"ApprovalStatus", "1"}, {"TotalAmount", "-3"}});
  rows_.add_bill("SaleOrder", 4, {}, {{"isdeleted", "true"}});
  const auto with = [](auto change) {
    BillListQuestion question{.type = "SaleOrder"};
    change(question);
    return question;
  };
  EXPECT_THAT(ids({.type = "SaleOrder"}), ElementsAre(3, 2, 1));
  EXPECT_THAT(ids(with([](auto& q) { q.states = {"1", "4"}; })), ElementsAre(3, 1));
  EXPECT_THAT(ids(with([](auto& q) { q.group = "unreviewed"; })), ElementsAre(2));
  EXPECT_THAT(ids(with([](auto& q) { q.text = "so26"; })), ElementsAre(2, 1));
  EXPECT_THAT(ids(with([](auto& q) { q.text = "SO2602"; })), ElementsAre(2));
  EXPECT_THAT(ids(with([](auto& q) { q.text = "%"; })), IsEmpty());
  EXPECT_THAT(ids(with([](auto& q) { q.partner = "6"; })), ElementsAre(2));
  EXPECT_THAT(ids(with([](auto& q) { q.where = {"TotalAmount>=10", "TotalAmount<10.5"}; })), ElementsAre(1));
  EXPECT_THAT(ids(with([](auto& q) { q.where = {"TotalAmount=-3", "TotalAmount=10.50"}; })), ElementsAre(3, 2));
  EXPECT_THAT(ids(with([](auto& q) { q.where = {"isdeleted=true"}; })), IsEmpty());
  EXPECT_THAT(ids(with([](auto& q) { q.where = {"SOrderNo^=XX", "TotalAmount<0"}; })), ElementsAre(3));
  EXPECT_THAT(ids(with([](auto& q) { q.from = "2026-11-01"; })), ElementsAre(3, 2, 1));
  EXPECT_THAT(ids(with([](auto& q) { q.until = "2026-11-01T00:00:00Z"; })), IsEmpty());
}

TEST_P(BillListOnBoth, what_is_hostile_or_unknown_is_refused_by_name_and_runs_nowhere) {
  rows_.add_bill("SaleOrder", 1, {});
  const std::string evil = "x\" = 0; DROP TABLE \"tb_SaleOrder\"; --";
  EXPECT_EQ(refusal({.type = evil}), "type");
  EXPECT_EQ(refusal({.type = "SaleOrder", .sort = evil}), "sort");
  EXPECT_EQ(refusal({.type = "SaleOrder", .sort = "-"}), "sort");
  EXPECT_EQ(refusal({.type = "SaleOrder", .group = evil}), "group");
  EXPECT_EQ(refusal({.type = "SaleOrder", .partner = evil}), "partner");
  EXPECT_EQ(refusal({.type = "SaleOrder", .from = evil}), "from");
  EXPECT_EQ(refusal({.type = "SaleOrder", .states = {"3"}}), "state");
  EXPECT_EQ(refusal({.type = "SaleOrder", .states = {evil}}), "state");
  for (const std::string& none :
       {evil, "TotalAmount=" + evil, std::string("TotalAmount^=1"), std::string("TotalAmount"),
        std::string("TotalAmount>1"), std::string("Nothing=1"), std::string()}) {
    EXPECT_EQ(refusal({.type = "SaleOrder", .where = {none}}), "where") << none;
  }
  EXPECT_EQ(refusal({.type = "SaleOrder", .sort = "Notes"}), "sort") << "no cursor has texts of any length";
  EXPECT_EQ(refusal({.type = "SaleOrder", .text = std::string(201, 'x')}), "text");
  EXPECT_EQ(refusal({.type = "SaleOrder", .text = "\xff"}), "text");
  EXPECT_EQ(refusal({.type = "SaleOrder", .limit = 501}), "limit");
  EXPECT_EQ(refusal({.type = "SaleOrder", .limit = 0}), "limit");
  EXPECT_EQ(refusal({.type = "SaleOrder", .next = evil}), "next");
  EXPECT_EQ(refusal({.type = "SaleOrder", .where = std::vector<std::string>(201, "TotalQty=1")}), "where");
  EXPECT_EQ(refusal({.type = "SaleOrder", .where = {"Notes=" + std::string(201, 'x')}}), "where");
  // A text is only compared, whatever stands in it.
  EXPECT_THAT(ids({.type = "SaleOrder", .text = "' OR '1'='1"}), IsEmpty());
  EXPECT_THAT(ids({.type = "SaleOrder", .where = {"Notes=:v1'; --"}}), IsEmpty());
  EXPECT_THAT(ids({.type = "SaleOrder"}), ElementsAre(1));
}

TEST_P(BillListOnBoth, a_cursor_goes_on_with_its_own_question_only) {
  for (std::int64_t id = 1; id <= 3; ++id) rows_.add_bill("SaleOrder", id, {});
  const auto first = store_.list(everybody(), {.type = "SaleOrder", .limit = 1});
  ASSERT_TRUE(first);
  EXPECT_EQ(refusal({.type = "SaleOrder", .states = {"1"}, .next = first->next}), "next");
  EXPECT_EQ(refusal({.type = "SaleOrder", .sort = "TotalQty", .next = first->next}), "next");
  EXPECT_EQ(refusal({.type = "SaleOrder", .next = first->next + "0"}), "next");
  EXPECT_EQ(refusal({.type = "SaleOrder", .next = std::string(5000, 'a')}), "next");
  const auto his = store_.list(somebody({.user = "other", .super = true}), {.type = "SaleOrder", .next = first->next});
  EXPECT_FALSE(his);
}

TEST_P(BillListOnBoth, a_total_is_counted_up_to_a_bound) {
  for (std::int64_t id = 1; id <= 3; ++id) rows_.add_bill("SaleOrder", id, {}, {{"DataStatus", id == 1 ? "2" : "1"}});
  auto page = store_.list(everybody(), {.type = "SaleOrder", .states = {"1"}, .limit = 1, .total = true});
  ASSERT_TRUE(page) << page.error().detail;
  EXPECT_EQ(page->total, 2U);
  EXPECT_FALSE(page->total_is_more);
  // Copies of the first bill, until there is one too many.
  std::string names, values;
  for (const catalog::Column& column : erp()->find_table("tb_SaleOrder")->columns) {
    names += (names.empty() ? "\"" : ", \"") + column.name + "\"";
    values += values.empty() ? "" : ", ";
    values += column.name == "SOrder_ID"  ? "n.i"
              : column.name == "SOrderNo" ? "'N' || n.i"
                                          : "t.\"" + column.name + "\"";
  }
  run(store_,
      "WITH RECURSIVE n(i) AS (SELECT 4 UNION ALL SELECT i + 1 FROM n WHERE i < 10001) INSERT INTO \"tb_SaleOrder\" (" +
          names + ") SELECT " + values + " FROM n JOIN \"tb_SaleOrder\" t ON t.\"SOrder_ID\" = 1");
  page = store_.list(everybody(), {.type = "SaleOrder", .limit = 1, .total = true});
  ASSERT_TRUE(page) << page.error().detail;
  EXPECT_EQ(page->total, documents::bills_counted_max);
  EXPECT_TRUE(page->total_is_more);
}

TEST_P(BillListOnBoth, types_that_share_a_table_do_not_show_each_others_bills) {
  rows_.add_bill("Receivable", 1, {});
  rows_.add_bill("Payable", 2, {});
  EXPECT_THAT(ids({.type = "Receivable"}), ElementsAre(1));
  EXPECT_THAT(ids({.type = "Payable"}), ElementsAre(2));
}

}  // namespace
}  // namespace hf::test
