// The Redis engine on a real Redis: several nodes live by one log. If these fail, two nodes grant one bill to two
// people, or a node that was away goes on from a state that nobody else has.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/redis/engine_commands.h"
#include "tests/redis/engine_nodes.h"
#include "tests/redis/redis_process.h"

namespace hf::test {
namespace {

using ::testing::SizeIs;

class EngineOnRedis : public ::testing::Test {
 protected:
  std::unique_ptr<EngineNode> node(std::uint64_t self) {
    NodeOptions options = base;
    options.self = self;
    auto made = std::make_unique<EngineNode>(loop, options);
    EXPECT_TRUE(loop.until([&] { return made->live(); }));
    return made;
  }
  void SetUp() override {
    ASSERT_TRUE(server.is_running());
    base.url = server.url();
  }
  RedisProcess server;
  TestLoop loop;
  NodeOptions base;
};

TEST_F(EngineOnRedis, one_node_grants_refuses_and_releases) {
  auto a = node(1);
  ASSERT_TRUE(std::holds_alternative<SessionOpened>(a->ask(open_session(1, "li"))));
  ASSERT_TRUE(std::holds_alternative<SessionOpened>(a->ask(open_session(2, "wang"))));
  const Outcome granted = a->ask(acquire(1, "li", 1, "SaleOrder:1"));
  ASSERT_TRUE(std::holds_alternative<Granted>(granted));
  const Outcome refused = a->ask(acquire(2, "wang", 2, "SaleOrder:1"));
  ASSERT_TRUE(std::holds_alternative<Refusal>(refused));
  EXPECT_EQ(std::get<Refusal>(refused).code, Code::locked);
  EXPECT_THAT(std::get<Refusal>(refused).conflicts, SizeIs(1));
  EXPECT_TRUE(std::get<Released>(a->ask(release(1, "li", 1))).released);
  EXPECT_TRUE(std::holds_alternative<Granted>(a->ask(acquire(2, "wang", 3, "SaleOrder:1"))));
  EXPECT_EQ(a->engine().check(), "");
}

TEST_F(EngineOnRedis, a_conflict_and_a_hand_over_reach_across_nodes) {
  auto a = node(1);
  auto b = node(2);
  a->ask(open_session(1, "li"));
  b->ask(open_session(2, "wang"));
  const auto first = std::get<Granted>(a->ask(acquire(1, "li", 1, "SaleOrder:1")));
  EXPECT_EQ(std::get<Refusal>(b->ask(acquire(2, "wang", 2, "SaleOrder:1"))).conflicts.at(0).user, "li");
  EXPECT_EQ(std::get<Queued>(b->ask(acquire(2, "wang", 3, "SaleOrder:1", Millis(60'000)))).position, 1U);
  a->ask(release(1, "li", 1));
  const auto granted = [&]() -> const LockGranted* {
    for (const auto& one : b->told().all) {
      if (const auto* event = std::get_if<LockGranted>(&one.event); one.ticket == 0 && event != nullptr) return event;
    }
    return nullptr;
  };
  ASSERT_TRUE(loop.until([&] { return granted() != nullptr; }));
  EXPECT_EQ(granted()->session, session(2));
  EXPECT_GT(granted()->granted.grant.token, first.grant.token);
}

TEST_F(EngineOnRedis, a_node_that_comes_later_knows_all_and_one_that_dies_leaves_its_sessions) {
  base.log_bytes_max = 4000;  // so that there is an image to begin with
  auto a = node(1);
  a->ask(open_session(1, "li"));
  a->ask(acquire(1, "li", 1, "SaleOrder:1"));
  for (std::uint64_t i = 10; i < 200; ++i) {
    a->ask(acquire(1, "li", i, "SaleOrder:7"));
    a->ask(release(1, "li", i));
  }
  ASSERT_TRUE(loop.until([&] { return a->engine().counters().images > 0; }));
  auto b = node(2);
  EXPECT_LT(b->engine().counters().entries, a->engine().counters().entries);
  a.reset();
  const Outcome back = b->ask(resume_session(1, "li"));
  ASSERT_TRUE(std::holds_alternative<SessionResumed>(back)) << std::get<Refusal>(back).detail;
  EXPECT_THAT(std::get<SessionResumed>(back).state.locks, SizeIs(1));
  EXPECT_EQ(b->engine().check(), "");
}

TEST_F(EngineOnRedis, a_node_with_other_rules_stays_away_until_the_others_are_gone) {
  base.rules = 7;
  auto a = node(1);
  a->ask(open_session(1, "li"));
  ASSERT_TRUE(loop.until([&] { return a->engine().counters().members == 1; }));
  NodeOptions other = base;
  other.self = 2;
  other.rules = 8;
  EngineNode b(loop, other);
  std::string why;
  ASSERT_TRUE(loop.until([&] {
    why.clear();
    return !b.engine().ready(why) && why.find("node-1") != std::string::npos;
  })) << why;
  EXPECT_NE(why.find("another catalog or other limits"), std::string::npos) << why;
  bool left = false;
  a->engine().leave([&] { left = true; });
  ASSERT_TRUE(loop.until([&] { return left && b.live(); }));
  EXPECT_TRUE(std::holds_alternative<Granted>(b.ask(acquire(1, "li", 1, "SaleOrder:1"))));
}

TEST_F(EngineOnRedis, locks_that_come_and_go_leave_no_keys_and_a_short_log) {
  base.log_bytes_max = 20'000;
  auto a = node(1);
  a->ask(open_session(1, "li"));
  const auto keys = [&] { return server.command({"DBSIZE"}).integer; };
  for (std::uint64_t i = 1; i <= 5000; ++i) {
    a->post(acquire(1, "li", i, "SaleOrder:" + std::to_string(i)));
    a->post(release(1, "li", i));
    if (i % 500 != 0) continue;
    a->ask(GetStats{});
    EXPECT_LE(keys(), 7);  // log, meta, nodes, members, the image, and the next one while it is written
  }
  EXPECT_TRUE(loop.until([&] { return a->engine().counters().images > 0 && keys() <= 5; }));
  EXPECT_LT(server.command({"XLEN", redis::Engine::key_of(base.name)}).integer, 5000);
}

TEST_F(EngineOnRedis, a_session_taken_up_elsewhere_is_told_to_the_node_it_left) {
  auto a = node(1);
  auto b = node(2);
  a->ask(open_session(1, "li"));
  b->ask(resume_session(1, "li"));
  ASSERT_TRUE(loop.until([&] { return !a->told().taken.empty(); }));
  EXPECT_EQ(a->told().taken.front(), session(1));
  EXPECT_TRUE(b->told().taken.empty());
}

}  // namespace
}  // namespace hf::test
