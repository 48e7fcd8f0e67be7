// The judge of several nodes must see by itself what they do wrong: a failover test that it finds no fault with shows
// nothing otherwise.

#include "tests/redis/shared_history.h"

#include <gtest/gtest.h>

#include "tests/redis/engine_commands.h"

namespace hf::test {
namespace {

class SharedHistoryTest : public ::testing::Test {
 protected:
  SharedHistoryTest() : a(history.add_node()), b(history.add_node()) {
    open(a, 1, 1);
    open(b, 1, 1);
  }
  void open(std::size_t node, std::uint64_t generation, std::uint64_t number) {
    history.decided(node, {.generation = generation, .number = number});
  }
  void decide(std::size_t node, std::uint64_t generation, std::uint64_t number, const Command& command,
              const Outcome& outcome) {
    history.decided(node, {generation, number, 0, wall_us(1'800'000'000'000'000), &command, &outcome, &nothing});
  }
  void grant(std::size_t node, std::uint64_t generation, std::uint64_t number, std::uint64_t n, Token token) {
    const LockCommand command = acquire(n, "user" + std::to_string(n), number, "SaleOrder:1");
    Granted granted;
    granted.grant.lock = lock(number);
    granted.grant.session = session(n);
    granted.grant.token = token;
    granted.grant.holds = 1;
    granted.grant.expires_at = wall_us(1'900'000'000'000'000);
    granted.grant.targets = {{*Target::parse("SaleOrder:1"), token}};
    decide(node, generation, number, command, granted);
  }
  void give_back(std::size_t node, std::uint64_t generation, std::uint64_t number, std::uint64_t n,
                 std::uint64_t granted_at) {
    Released released;
    released.released = true;
    decide(node, generation, number, release(n, "user" + std::to_string(n), granted_at), released);
  }
  bool says(const std::string& part) const { return history.verdict().find(part) != std::string::npos; }

  SharedHistory history;
  std::size_t a, b;
  std::vector<Event> nothing;
};

TEST_F(SharedHistoryTest, finds_no_fault_with_nodes_that_agree) {
  for (const std::size_t node : {a, b}) {
    grant(node, 1, 2, 1, 100);
    give_back(node, 1, 3, 1, 2);
    grant(node, 1, 4, 2, 101);
  }
  EXPECT_EQ(history.verdict(), "");
}

TEST_F(SharedHistoryTest, sees_nodes_that_decide_differently) {
  grant(a, 1, 2, 1, 100);
  grant(b, 1, 2, 2, 100);
  EXPECT_TRUE(says("the nodes decided differently")) << history.verdict();
}

TEST_F(SharedHistoryTest, sees_two_holders_of_whom_each_was_told_by_another_node) {
  grant(a, 1, 2, 1, 100);
  grant(b, 1, 3, 2, 101);
  EXPECT_TRUE(says("exclude each other")) << history.verdict();
}

TEST_F(SharedHistoryTest, sees_a_token_that_does_not_grow_over_an_opening) {
  grant(a, 1, 2, 1, 100);
  give_back(a, 1, 3, 1, 2);
  open(a, 2, 4);
  grant(a, 2, 5, 2, 100);
  EXPECT_TRUE(says("not greater than all before it")) << history.verdict();
}

TEST_F(SharedHistoryTest, sees_a_node_that_keeps_what_is_not_in_the_log) {
  grant(a, 1, 2, 1, 100);
  open(b, 2, 2);
  grant(b, 2, 3, 2, 200);
  EXPECT_TRUE(says("keeps what is not in the log")) << history.verdict();
  history.reset(a);
  EXPECT_EQ(history.verdict(), "");
  EXPECT_EQ(history.left_behind(), 1U);
}

TEST_F(SharedHistoryTest, sees_a_token_left_behind_that_a_resource_would_not_refuse) {
  grant(a, 1, 2, 1, 300);
  history.reset(a);
  open(b, 2, 2);
  grant(b, 2, 3, 2, 200);
  EXPECT_TRUE(says("not below those given since")) << history.verdict();
}

}  // namespace
}  // namespace hf::test
