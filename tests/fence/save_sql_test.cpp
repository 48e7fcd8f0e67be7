// The fence, by the statements of docs/fencing.md, on real databases and with the tokens of real locks. If one of these
// fails, an ERP that follows the page overwrites what somebody else has saved.

#include <gtest/gtest.h>

#include "tests/fence/locks.h"
#include "tests/fence/mariadb_process.h"
#include "tests/fence/save.h"

namespace hf::test {
namespace {

constexpr const char* bill = "SaleOrder:1001";
constexpr const char* line_7 = "SaleOrder:1001/SaleOrderDetail/7";
constexpr const char* line_8 = "SaleOrder:1001/SaleOrderDetail/8";

class Fence : public ::testing::TestWithParam<Dialect> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(database.is_made());
    ASSERT_TRUE(save(erp, {.version = 0, .token = 1}, order(1001, 10)));
  }
  Number token_in(const char* column) {
    return erp.ask(std::string("SELECT ") + column + " FROM hf_bill WHERE type = 'SaleOrder' AND id = 1001")
        .value_or(-1);
  }

  FenceDatabase database{GetParam()};
  Connection erp = database.connect();
  Connection other = database.connect();
  Locks locks;
};

INSTANTIATE_TEST_SUITE_P(Databases, Fence, ::testing::Values(Dialect::sqlite, Dialect::postgresql, Dialect::mysql),
                         [](const auto& tested) { return std::string(name_of(tested.param)); });

TEST_P(Fence, a_save_under_the_lock_is_taken_and_makes_the_next_version) {
  const Grant held = locks.grant("li", bill);
  EXPECT_TRUE(save(erp, {.version = 1, .token = held.token}, set_quantity(11)));
  EXPECT_TRUE(save(erp, {.version = 2, .token = held.token}, set_quantity(12))) << "the same lock saves twice";
  EXPECT_EQ(version_of(other), 3);
  EXPECT_EQ(quantity_of(other), 12);
  EXPECT_EQ(token_in("token"), static_cast<Number>(held.token));
}

TEST_P(Fence, a_save_after_a_forced_unlock_is_refused) {
  const Grant li = locks.grant("li", bill);
  locks.force(li);
  const Grant wang = locks.grant("wang", bill);
  ASSERT_TRUE(save(other, {.version = 1, .token = wang.token}, set_quantity(20)));
  EXPECT_FALSE(save(erp, {.version = 1, .token = li.token}, set_quantity(11)));
  EXPECT_FALSE(save(erp, {.version = version_of(erp), .token = li.token}, set_quantity(11)))
      << "he reads the version anew: his token is behind all the same";
  EXPECT_EQ(quantity_of(erp), 20);
}

TEST_P(Fence, a_late_save_before_the_next_holders_first_makes_that_one_stale) {
  const Grant li = locks.grant("li", bill);
  locks.force(li);
  const Grant wang = locks.grant("wang", bill);
  const Number wang_read = version_of(other);
  ASSERT_TRUE(save(erp, {.version = 1, .token = li.token}, set_quantity(11)));
  EXPECT_FALSE(save(other, {.version = wang_read, .token = wang.token}, set_quantity(20)));
  EXPECT_TRUE(save(other, {.version = version_of(other), .token = wang.token}, set_quantity(20)));
}

TEST_P(Fence, a_save_of_a_version_that_is_behind_is_refused) {
  const Grant held = locks.grant("li", bill);
  ASSERT_TRUE(save(erp, {.version = 1, .token = held.token}, set_quantity(11)));
  EXPECT_FALSE(save(other, {.version = 1, .token = held.token}, set_quantity(12))) << "his other window";
  EXPECT_FALSE(save(other, {.version = 3, .token = held.token}, set_quantity(12))) << "a version that is to come";
  EXPECT_EQ(quantity_of(erp), 11);
  EXPECT_EQ(version_of(erp), 2);
}

TEST_P(Fence, the_late_commit_of_a_lapsed_run_is_refused) {
  const Grant run = locks.grant("run-1", bill, Kind::temporary);
  const Number read = version_of(erp);
  locks.pass(Millis(90'000));
  ASSERT_EQ(locks.token_of(run, bill), 0u) << "its lock has lapsed";
  const Grant next = locks.grant("run-2", bill, Kind::temporary);
  ASSERT_TRUE(save(other, {.version = read, .token = next.token}, set_quantity(20)));
  EXPECT_FALSE(save(erp, {.version = read, .token = run.token}, set_quantity(11)));
  EXPECT_EQ(quantity_of(erp), 20);
}

TEST_P(Fence, an_action_inside_ones_own_edit_lock_does_not_fence_the_edit_off) {
  const Grant editing = locks.grant("li", bill);
  const Grant action = locks.grant("li", line_7);
  EXPECT_TRUE(save(erp, {.version = 1, .token = locks.token_of(action, line_7)}, set_quantity(11), Under::part));
  EXPECT_TRUE(save(erp, {.version = 2, .token = editing.token}, set_quantity(12)));
}

// ---------------------------------------------------------------------------------------------- parts and lines

TEST_P(Fence, a_newer_line_fences_an_older_bill_off) {
  const Grant old = locks.grant("li", bill);
  locks.force(old);
  const Grant newer = locks.grant("wang", line_7);
  ASSERT_TRUE(save(other, {.version = 1, .token = newer.token}, set_quantity(20), Under::part));
  EXPECT_FALSE(save(erp, {.version = 2, .token = old.token}, set_quantity(11)));
  EXPECT_EQ(token_in("part_token"), static_cast<Number>(newer.token));
  EXPECT_EQ(token_in("token"), 1) << "the bill's own is untouched";
}

TEST_P(Fence, a_newer_bill_fences_an_older_line_off) {
  const Grant old = locks.grant("li", line_7);
  locks.force(old);
  const Grant newer = locks.grant("wang", bill);
  ASSERT_TRUE(save(other, {.version = 1, .token = newer.token}, set_quantity(20)));
  EXPECT_FALSE(save(erp, {.version = 2, .token = old.token}, set_quantity(11), Under::part));
  EXPECT_EQ(token_in("part_token"), 0);
}

TEST_P(Fence, two_lines_do_not_fence_each_other_off_but_the_version_is_compared) {
  const Grant first = locks.grant("li", line_7);
  const Grant second = locks.grant("wang", line_8);
  ASSERT_GT(second.token, first.token);
  ASSERT_TRUE(save(other, {.version = 1, .token = second.token}, set_quantity(20), Under::part));
  EXPECT_FALSE(save(erp, {.version = 1, .token = first.token}, set_quantity(11), Under::part));
  EXPECT_TRUE(save(erp, {.version = 2, .token = first.token}, set_quantity(11), Under::part));
  EXPECT_EQ(token_in("part_token"), static_cast<Number>(second.token)) << "the highest stays";
}

TEST_P(Fence, who_holds_a_line_and_then_its_bill_writes_both_with_the_token_that_verify_tells) {
  const Grant own_line = locks.grant("li", line_7);
  const Grant own_bill = locks.grant("li", bill);
  ASSERT_TRUE(save(erp, {.version = 1, .token = own_bill.token}, set_quantity(11)));
  EXPECT_FALSE(save(erp, {.version = 2, .token = own_line.token}, set_quantity(12), Under::part))
      << "the token of the line's own grant is too old by now";
  const Token told = locks.token_of(own_line, line_7);
  EXPECT_EQ(told, own_bill.token);
  EXPECT_TRUE(save(erp, {.version = 2, .token = told}, set_quantity(12), Under::part));
  locks.release(own_bill);
  EXPECT_TRUE(save(erp, {.version = 3, .token = locks.token_of(own_line, line_7)}, set_quantity(13), Under::part));
}

TEST_P(Fence, a_lock_on_the_type_writes_its_bills) {
  const Grant old = locks.grant("li", line_7);
  locks.force(old);
  const Grant all = locks.grant("wang", "SaleOrder");
  ASSERT_TRUE(save(other, {.version = 1, .token = locks.token_of(all, bill)}, set_quantity(20)));
  EXPECT_FALSE(save(erp, {.version = 2, .token = old.token}, set_quantity(11), Under::part));
}

// ---------------------------------------------------------------------------------------------- lives of a bill

TEST_P(Fence, a_bill_made_anew_under_its_id_goes_on_with_the_next_version) {
  const Grant held = locks.grant("li", bill);
  ASSERT_TRUE(save(erp, {.version = 1, .token = held.token}, "DELETE FROM \"tb_SaleOrder\""));
  EXPECT_EQ(version_of(erp), 2);
  ASSERT_TRUE(save(erp, {.version = 2, .token = held.token}, order(1001, 5)));
  EXPECT_EQ(version_of(erp), 3);
  EXPECT_FALSE(save(other, {.version = 1, .token = held.token}, set_quantity(11))) << "a window of the first life";
}

TEST_P(Fence, a_save_that_is_rolled_back_leaves_the_fence_as_it_was) {
  const Grant held = locks.grant("li", bill);
  ASSERT_TRUE(begin_save(erp, {.version = 1, .token = held.token}));
  ASSERT_TRUE(erp.execute(set_quantity(11)));
  erp.roll_back();
  EXPECT_EQ(version_of(other), 1);
  EXPECT_EQ(token_in("token"), 1);
  EXPECT_TRUE(save(other, {.version = 1, .token = held.token}, set_quantity(12)));
}

TEST_P(Fence, without_triggers_the_fence_is_one_statement) {
  const FenceDatabase bare(GetParam(), Triggers::none);
  Connection plain = bare.connect();
  const auto only = [](const BillAt& at) { return statement("Without triggers, the only statement of a save.", at); };
  plain.begin();
  ASSERT_TRUE(plain.execute(row_for(GetParam(), {})));
  EXPECT_EQ(plain.execute(only({.version = 0, .token = 5})), 1);
  ASSERT_TRUE(plain.execute(order(1001, 10)));
  ASSERT_TRUE(plain.commit());
  EXPECT_EQ(version_of(plain), 1);
  EXPECT_EQ(plain.execute(only({.version = 0, .token = 5})), 0);
  EXPECT_EQ(plain.execute(only({.version = 1, .token = 4})), 0);
  EXPECT_EQ(plain.execute(only({.version = 1, .token = 5})), 1);
}

// ---------------------------------------------------------------------------------------------- at the same moment

TEST_P(Fence, a_snapshot_that_is_older_than_the_fence_saves_nothing) {
  const Grant held = locks.grant("li", bill);
  // Not begin(): in SQLite that would keep the other out, and there would be nothing to test.
  ASSERT_TRUE(erp.execute(GetParam() == Dialect::postgresql ? "BEGIN ISOLATION LEVEL REPEATABLE READ" : "BEGIN"));
  const Number read = version_of(erp);
  ASSERT_TRUE(save(other, {.version = 1, .token = held.token}, set_quantity(20)));
  ASSERT_EQ(version_of(erp), read) << "the snapshot still has it";
  EXPECT_NE(erp.execute(fence({.version = read, .token = held.token})), 1);
  erp.roll_back();
  EXPECT_EQ(quantity_of(erp), 20);
  EXPECT_EQ(version_of(erp), 2);
}

TEST(FenceOnMariadb, the_count_of_rows_is_the_same_for_clients_that_count_found_and_for_those_that_count_changed) {
  const FenceDatabase database(Dialect::mysql);
  ASSERT_TRUE(database.is_made());
  Connection found = database.connect();  // SOCI's connections count what is found
  ASSERT_TRUE(found.execute(row_for(Dialect::mysql, {})));
  EXPECT_EQ(found.execute(fence({.version = 0, .token = 5})), 1);
  EXPECT_EQ(found.execute("UPDATE hf_bill SET token = 5"), 1) << "found, though not changed";
  ASSERT_TRUE(found.execute(last({})));
  const auto changed = [&](const std::string& sql) {
    return run_program({"mariadb", "--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--user=root",
                        "--port=" + std::to_string(FenceDatabase::mariadb()->port()), "--skip-column-names",
                        database.name(), "-e", sql + "; SELECT ROW_COUNT()"})
        .output;
  };
  EXPECT_EQ(changed("UPDATE hf_bill SET token = 5"), "0\n") << "this client counts what is changed";
  EXPECT_EQ(changed(fence({.version = 0, .token = 5})), "0\n");
  EXPECT_EQ(changed(fence({.version = 1, .token = 5})), "1\n");
}

}  // namespace
}  // namespace hf::test
