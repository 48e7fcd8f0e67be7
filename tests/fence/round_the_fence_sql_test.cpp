// The triggers of the fence on real databases: what is written without it is counted, what is written with it is not
// counted twice. If one of these fails, a repair by hand or an import is overwritten by the next save, or an event
// states a version that the bill has not.

#include <gtest/gtest.h>

#include "catalog/erp_catalog_test.h"
#include "fence/fence_sql.h"
#include "tests/fence/save.h"

namespace hf::test {
namespace {

constexpr Token token = 100;

class RoundTheFence : public ::testing::TestWithParam<Dialect> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(database.is_made());
    ASSERT_TRUE(save(erp, {.version = 0, .token = token}, order(1001, 10)));
    ASSERT_TRUE(save(erp, {.version = 1, .token = token}, line(7, 1001, 4)));
    ASSERT_TRUE(save(erp, {.version = 2, .token = token}, line(8, 1001, 6)));
    ASSERT_TRUE(save(erp, {.id = 1002, .version = 0, .token = token}, order(1002, 1)));
  }

  FenceDatabase database{GetParam()};
  Connection erp = database.connect();
  Connection other = database.connect();
};

INSTANTIATE_TEST_SUITE_P(Databases, RoundTheFence,
                         ::testing::Values(Dialect::sqlite, Dialect::postgresql, Dialect::mysql),
                         [](const auto& tested) { return std::string(name_of(tested.param)); });

TEST_P(RoundTheFence, a_write_without_the_fence_makes_the_next_save_stale) {
  for (const std::string& sql : {
           set_quantity(11),
           line(9, 1001, 1),
           std::string(R"(UPDATE "tb_SaleOrderDetail" SET "Quantity" = 5 WHERE "SaleOrderDetail_ID" = 7)"),
           std::string(R"(UPDATE "tb_SaleOrderDetail" SET "Quantity" = "Quantity" + 1)"),
           std::string(R"(DELETE FROM "tb_SaleOrderDetail" WHERE "SaleOrderDetail_ID" = 8)"),
           std::string(R"(DELETE FROM "tb_SaleOrder" WHERE "SOrder_ID" = 1001)"),
           order(1001, 5),
       }) {
    SCOPED_TRACE(sql);
    const Number read = version_of(erp);
    ASSERT_TRUE(other.execute(sql)) << other.why();
    EXPECT_GT(version_of(erp), read);
    EXPECT_FALSE(save(erp, {.version = read, .token = token}, set_quantity(99)));
    EXPECT_TRUE(save(erp, {.version = version_of(erp), .token = token}, set_quantity(12))) << "read again, it saves";
  }
  EXPECT_EQ(version_of(erp, 1002), 1) << "another bill";
}

TEST_P(RoundTheFence, a_statement_that_replaces_a_row_is_seen) {
  if (GetParam() == Dialect::postgresql) {
    ASSERT_TRUE(other.execute(order(1001, 5) + R"( ON CONFLICT ("SOrder_ID") DO UPDATE SET "TotalQty" = 5)"));
  } else {
    ASSERT_TRUE(other.execute("REPLACE" + order(1001, 5).substr(sizeof "INSERT" - 1))) << other.why();
  }
  EXPECT_GT(version_of(erp), 3);
}

TEST_P(RoundTheFence, a_line_that_moves_to_another_bill_changes_both) {
  ASSERT_TRUE(other.execute(R"(UPDATE "tb_SaleOrderDetail" SET "SOrder_ID" = 1002 WHERE "SaleOrderDetail_ID" = 7)"));
  EXPECT_EQ(version_of(erp, 1001), 4);
  EXPECT_EQ(version_of(erp, 1002), 2);
  ASSERT_TRUE(other.execute(R"(UPDATE "tb_SaleOrderDetail" SET "SOrder_ID" = NULL WHERE "SaleOrderDetail_ID" = 7)"));
  EXPECT_EQ(version_of(erp, 1002), 3);
}

TEST_P(RoundTheFence, one_statement_over_many_bills_counts_for_each_and_only_for_them) {
  ASSERT_TRUE(other.execute(R"(UPDATE "tb_SaleOrder" SET "TotalQty" = 0)"));
  EXPECT_EQ(version_of(erp, 1001), 4);
  EXPECT_EQ(version_of(erp, 1002), 2);
  ASSERT_EQ(other.execute(R"(UPDATE "tb_SaleOrder" SET "TotalQty" = 0 WHERE "SOrder_ID" = 9)"), 0);
  EXPECT_EQ(other.ask("SELECT COUNT(*) FROM hf_bill"), 2);
}

TEST_P(RoundTheFence, a_bill_that_was_never_fenced_gets_its_row_and_refuses_who_had_read_none) {
  const Number read = version_of(erp, 1003);
  ASSERT_EQ(read, 0);
  ASSERT_TRUE(other.execute(order(1003, 5)));
  EXPECT_EQ(version_of(erp, 1003), 1);
  EXPECT_FALSE(save(erp, {.id = 1003, .version = read, .token = token}, set_quantity(9, 1003)));
}

TEST_P(RoundTheFence, a_fenced_save_counts_once_with_all_its_lines) {
  const BillAt bill{.version = 3, .token = token};
  ASSERT_TRUE(begin_save(erp, bill));
  for (const std::string& sql :
       {set_quantity(30), line(9, 1001, 1), line(10, 1001, 2),
        std::string(R"(UPDATE "tb_SaleOrderDetail" SET "Quantity" = 1)"),
        std::string(R"(DELETE FROM "tb_SaleOrderDetail" WHERE "SaleOrderDetail_ID" = 7)"), set_quantity(31)})
    ASSERT_TRUE(erp.execute(sql)) << erp.why();
  EXPECT_EQ(version_of(erp), 4) << "what the event states";
  ASSERT_TRUE(end_save(erp, bill));
  EXPECT_EQ(version_of(other), 4);
  EXPECT_EQ(other.ask("SELECT SUM(guarded) FROM hf_bill"), 0);
}

TEST_P(RoundTheFence, what_a_fenced_save_writes_of_another_bill_is_counted) {
  const BillAt bill{.version = 3, .token = token};
  ASSERT_TRUE(begin_save(erp, bill));
  ASSERT_TRUE(erp.execute(set_quantity(30)));
  ASSERT_TRUE(erp.execute(set_quantity(2, 1002)));
  ASSERT_TRUE(end_save(erp, bill));
  EXPECT_EQ(version_of(other, 1001), 4);
  EXPECT_EQ(version_of(other, 1002), 2) << "whoever edits that bill must see it";
}

TEST_P(RoundTheFence, two_bills_in_one_transaction_count_once_each) {
  const BillAt first{.id = 1001, .version = 3, .token = token};
  const BillAt second{.id = 1002, .version = 1, .token = token};
  ASSERT_TRUE(begin_save(erp, first));
  ASSERT_EQ(erp.execute(fence(second)), 1);
  ASSERT_TRUE(erp.execute(R"(UPDATE "tb_SaleOrder" SET "TotalQty" = 0)"));
  ASSERT_EQ(erp.execute(last(first)), 1);
  ASSERT_TRUE(end_save(erp, second));
  EXPECT_EQ(version_of(other, 1001), 4);
  EXPECT_EQ(version_of(other, 1002), 2);
}

TEST_P(RoundTheFence, the_same_connection_is_counted_again_in_its_next_transaction) {
  ASSERT_TRUE(save(erp, {.version = 3, .token = token}, set_quantity(30)));
  ASSERT_TRUE(erp.execute(set_quantity(31))) << "a connection of a pool, used by a program that knows no fence";
  EXPECT_EQ(version_of(other), 5);
  ASSERT_TRUE(begin_save(erp, {.version = 5, .token = token}));
  erp.roll_back();
  ASSERT_TRUE(erp.execute(set_quantity(32)));
  EXPECT_EQ(version_of(other), 6) << "also after a save that was rolled back";
}

TEST_P(RoundTheFence, what_was_written_before_the_fence_refuses_it) {
  erp.begin();
  ASSERT_TRUE(erp.execute(set_quantity(30)));
  EXPECT_EQ(erp.execute(fence({.version = 3, .token = token})), 0);
  erp.roll_back();
  EXPECT_EQ(version_of(other), 3);
}

TEST_P(RoundTheFence, a_forgotten_last_statement_refuses_the_next_save_until_it_is_mended) {
  ASSERT_TRUE(begin_save(erp, {.version = 3, .token = token}));
  ASSERT_TRUE(erp.execute(set_quantity(30)));
  ASSERT_TRUE(erp.commit());
  ASSERT_TRUE(other.execute(set_quantity(31))) << "this the triggers do not count";
  EXPECT_FALSE(save(erp, {.version = 4, .token = token}, set_quantity(32))) << "so nobody may save over it";
  const std::string page = fencing_page();
  const std::string remedy = "UPDATE hf_bill SET guarded = 0, version = version + 1 WHERE guarded = 1";
  ASSERT_NE(page.find(remedy), std::string::npos);
  ASSERT_EQ(erp.execute(remedy), 1);
  EXPECT_FALSE(save(erp, {.version = 4, .token = token}, set_quantity(32)));
  EXPECT_TRUE(save(erp, {.version = 5, .token = token}, set_quantity(32)));
}

TEST_P(RoundTheFence, types_that_share_their_tables_are_told_apart) {
  ASSERT_TRUE(erp.run(R"(DROP TABLE IF EXISTS "tb_FM_OtherExpense";
DROP TABLE IF EXISTS "tb_FM_OtherExpenseDetail";
CREATE TABLE "tb_FM_OtherExpense" ("ExpenseMainID" bigint PRIMARY KEY, "EXPOrINC" boolean);
CREATE TABLE "tb_FM_OtherExpenseDetail" ("ExpenseSubID" bigint PRIMARY KEY, "ExpenseMainID" bigint);
)")) << erp.why();
  for (const char* type : {"OtherExpense", "OtherIncome"})
    ASSERT_TRUE(erp.run(fence::triggers_of(GetParam(), *test::erp(), *test::erp()->find_type(type)))) << erp.why();
  ASSERT_TRUE(erp.execute(R"(INSERT INTO "tb_FM_OtherExpense" VALUES (5, false), (6, true))")) << erp.why();
  ASSERT_TRUE(erp.execute(R"(INSERT INTO "tb_FM_OtherExpenseDetail" VALUES (1, 6))")) << erp.why();
  const auto version = [&](const std::string& type, const std::string& id) {
    return erp.ask("SELECT version FROM hf_bill WHERE type = '" + type + "' AND id = " + id);
  };
  EXPECT_EQ(version("OtherExpense", "5"), 1);
  EXPECT_EQ(version("OtherExpense", "6"), std::nullopt);
  EXPECT_EQ(version("OtherIncome", "5"), std::nullopt);
  EXPECT_EQ(version("OtherIncome", "6"), 2) << "the bill and its line";
}

TEST_P(RoundTheFence, bills_that_were_there_before_get_their_rows) {
  ASSERT_TRUE(erp.execute("DELETE FROM hf_bill WHERE id = 1002"));
  std::string fill = statement("A row for each bill that is there.", {});
  for (const std::string_view name : {"SOrder_ID", "tb_SaleOrder"}) {
    for (auto at = fill.find(name); at != std::string::npos; at = fill.find(name, at + name.size() + 2))
      fill.replace(at, name.size(), '"' + std::string(name) + '"');
  }
  EXPECT_EQ(erp.execute(fill), 1) << erp.why();
  EXPECT_EQ(version_of(erp, 1001), 3);
  EXPECT_EQ(version_of(erp, 1002), 1);
}

TEST_P(RoundTheFence, to_run_the_sql_again_changes_nothing) {
  ASSERT_TRUE(erp.run(fence::schema_of(GetParam())));
  ASSERT_TRUE(erp.run(fence::triggers_of(GetParam(), *test::erp(), *test::erp()->find_type("SaleOrder")))) << erp.why();
  EXPECT_EQ(version_of(erp), 3);
  ASSERT_TRUE(other.execute(set_quantity(11)));
  EXPECT_EQ(version_of(erp), 4);
}

}  // namespace
}  // namespace hf::test
