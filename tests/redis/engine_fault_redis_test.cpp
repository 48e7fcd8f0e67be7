// What a Redis can do to its nodes: die, come back empty or old, fail over, stand still. If these fail, a lock that
// somebody was told he has is given to another, or the nodes no longer agree on who has what. What all nodes did is
// judged when each test ends (tests/redis/shared_history.h).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "redis/slots.h"
#include "tests/client/relay.h"
#include "tests/redis/engine_commands.h"
#include "tests/redis/engine_nodes.h"
#include "tests/redis/redis_process.h"

namespace hf::test {
namespace {

constexpr Token generation_step = Token{1} << 32;

// What every loss of data must leave: the lock of the first, refused to the second, and tokens that go on above.
void expect_nothing_lost(Nodes& nodes, Token before) {
  EngineNode& a = *nodes.nodes[0];
  EngineNode& b = *nodes.nodes[1];
  nodes.expect_agreement();
  EXPECT_EQ(code_of(b.ask(acquire(2, "wang", 20, "SaleOrder:1"))), Code::locked);
  ASSERT_TRUE(std::get<Released>(a.ask(release(1, "li", 1))).released);
  EXPECT_GE(token_of(b.ask(acquire(2, "wang", 21, "SaleOrder:1"))), before + generation_step);
  nodes.expect_agreement();
}

Token two_people_one_lock(Nodes& nodes) {
  EngineNode& a = nodes.add(1);
  EngineNode& b = nodes.add(2);
  a.ask(open_session(1, "li"));
  b.ask(open_session(2, "wang"));
  return token_of(a.ask(acquire(1, "li", 1, "SaleOrder:1")));
}

TEST(EngineFault, a_flushed_redis_is_given_the_state_back_by_the_nodes) {
  const RedisProcess redis;
  Nodes nodes(redis.url());
  const Token token = two_people_one_lock(nodes);
  ASSERT_NE(token, 0U);
  const std::uint64_t before = nodes.generation();
  ASSERT_EQ(redis.command({"FLUSHALL"}).text, "OK");
  ASSERT_TRUE(nodes.new_generation_after(before));
  expect_nothing_lost(nodes, token);
}

TEST(EngineFault, a_redis_that_forgot_everything_in_a_restart_is_given_the_state_back) {
  RedisProcess redis({.lines = {"save \"\""}});
  Nodes nodes(redis.url());
  const Token token = two_people_one_lock(nodes);
  const std::uint64_t before = nodes.generation();
  redis.kill();
  ASSERT_TRUE(redis.start());
  ASSERT_TRUE(nodes.new_generation_after(before));
  expect_nothing_lost(nodes, token);
}

TEST(EngineFault, a_redis_restored_from_an_old_dump_is_given_what_it_lacks) {
  RedisProcess redis({.lines = {"save \"\""}});
  Nodes nodes(redis.url());
  EngineNode& a = nodes.add(1);
  EngineNode& b = nodes.add(2);
  a.ask(open_session(1, "li"));
  ASSERT_EQ(redis.command({"SAVE"}).text, "OK");
  b.ask(open_session(2, "wang"));
  const Token token = token_of(a.ask(acquire(1, "li", 1, "SaleOrder:1")));
  const std::uint64_t before = nodes.generation();
  redis.kill();
  ASSERT_TRUE(redis.start());
  ASSERT_TRUE(nodes.new_generation_after(before));
  expect_nothing_lost(nodes, token);
}

// ------------------------------------------------------------------------------------------------- who is waited for

// Closes the log by another run of Redis, and says how long the quarantine is until the test tells otherwise.
class Quarantine : public ::testing::Test {
 protected:
  void SetUp() override { nodes.base.quarantine = Millis(600'000); }
  void restart_redis() {
    redis.kill();
    ASSERT_TRUE(redis.start());
  }
  EngineNode& add(std::uint64_t self, const std::string& name) {
    nodes.base.node = name;
    return nodes.add(self);
  }
  RedisProcess redis{{.appendonly = true, .lines = {"appendfsync always"}}};
  Nodes nodes{redis.url()};
};

TEST_F(Quarantine, a_node_that_is_back_under_its_name_is_not_waited_for_as_its_former_self) {
  EngineNode& a = add(1, "pc1");
  add(2, "pc2");
  a.ask(open_session(1, "li"));
  const Token token = token_of(a.ask(acquire(1, "li", 1, "SaleOrder:1")));
  nodes.nodes.pop_back();  // pc2 dies, and is back before anybody has missed it
  add(3, "pc2");
  EXPECT_EQ(a.engine().counters().members, 2U);
  const std::uint64_t before = nodes.generation();
  ASSERT_NO_FATAL_FAILURE(restart_redis());
  ASSERT_TRUE(nodes.new_generation_after(before)) << "the dead one is waited for";
  EXPECT_EQ(code_of(nodes.nodes[1]->ask(open_session(2, "wang"))), std::nullopt);
  EXPECT_EQ(code_of(nodes.nodes[1]->ask(acquire(2, "wang", 2, "SaleOrder:1"))), Code::locked);
  EXPECT_NE(token, 0U);
}

// It died with Redis and is back while the log is closed: it has joined nothing, but it speaks.
TEST_F(Quarantine, a_node_that_comes_back_while_the_log_is_closed_takes_its_former_selfs_place) {
  EngineNode& a = add(1, "pc1");
  add(2, "pc2");
  a.ask(open_session(1, "li"));
  const std::uint64_t before = nodes.generation();
  redis.kill();
  nodes.nodes.pop_back();
  ASSERT_TRUE(redis.start());
  std::string why;
  ASSERT_TRUE(nodes.loop.until([&] {
    why.clear();
    return !a.engine().ready(why) && why.find("s more are given to pc2") != std::string::npos;
  })) << why;
  EXPECT_EQ(why.find("pc1"), std::string::npos) << why;
  add(3, "pc2");
  EXPECT_TRUE(nodes.new_generation_after(before));
}

TEST_F(Quarantine, who_was_waited_for_in_vain_is_not_waited_for_again) {
  nodes.base.quarantine = Millis(1500);
  EngineNode& a = add(1, "pc1");
  add(2, "pc2");
  a.ask(open_session(1, "li"));
  ASSERT_EQ(a.engine().counters().members, 2U);
  const std::uint64_t before = nodes.generation();
  redis.kill();
  nodes.nodes.pop_back();
  ASSERT_TRUE(redis.start());
  ASSERT_TRUE(nodes.new_generation_after(before));
  EXPECT_EQ(a.engine().counters().members, 1U);
  EXPECT_TRUE(
      nodes.loop.until([&] { return redis.command({"HLEN", "hf:{" + nodes.base.name + "}:members"}).integer == 1; }));
}

// Redis takes a new replication id when its first replica comes. Nodes that connected before and after must not close
// the log on each other.
TEST(EngineFault, a_first_replica_that_comes_late_keeps_nobody_from_work) {
  const RedisProcess redis;
  const RedisProcess replica;
  Nodes nodes(redis.url());
  two_people_one_lock(nodes);
  const std::string id = redis.info("master_replid");
  ASSERT_EQ(replica.command({"REPLICAOF", "127.0.0.1", std::to_string(redis.port())}).text, "OK");
  ASSERT_TRUE(eventually([&] { return replica.info("master_link_status") == "up"; }));
  ASSERT_NE(redis.info("master_replid"), id);
  nodes.nodes[0]->reconnect();
  ASSERT_TRUE(nodes.new_generation_after(1));
  nodes.expect_agreement();
  EXPECT_EQ(nodes.generation(), 2U);
  EXPECT_EQ(code_of(nodes.nodes[1]->ask(acquire(2, "wang", 2, "SaleOrder:1"))), Code::locked);
}

TEST(EngineFault, scripts_that_redis_forgot_are_given_again_within_the_call) {
  const RedisProcess redis;
  Nodes nodes(redis.url());
  two_people_one_lock(nodes);
  ASSERT_EQ(redis.command({"SCRIPT", "FLUSH"}).text, "OK");
  EXPECT_EQ(code_of(nodes.nodes[1]->ask(acquire(2, "wang", 2, "SaleOrder:1"))), Code::locked);
}

TEST(EngineFault, without_redis_requests_are_refused_in_time_and_served_again_by_themselves) {
  RedisProcess redis({.appendonly = true});
  Nodes nodes(redis.url());
  two_people_one_lock(nodes);
  EngineNode& b = *nodes.nodes[1];
  redis.kill();
  ASSERT_TRUE(nodes.loop.until([&] { return !b.live(); }));
  // How soon: redis_engine_test, where the test has the clock.
  EXPECT_EQ(code_of(b.ask(acquire(2, "wang", 2, "SaleOrder:2"))), Code::unavailable);
  ASSERT_TRUE(redis.start());
  nodes.expect_agreement();
  EXPECT_NE(token_of(b.ask(acquire(2, "wang", 3, "SaleOrder:2"))), 0U);
  EXPECT_EQ(code_of(b.ask(acquire(2, "wang", 4, "SaleOrder:1"))), Code::locked);
}

TEST(EngineFault, a_redis_that_stands_still_leaves_no_request_without_an_answer_and_none_done_twice) {
  const RedisProcess redis;
  Nodes nodes(redis.url());
  two_people_one_lock(nodes);
  EngineNode& b = *nodes.nodes[1];
  redis.pause();
  const LockOutcome doubtful = b.ask(acquire(2, "wang", 2, "SaleOrder:2"));
  EXPECT_THAT(code_of(doubtful), ::testing::AnyOf(Code::unknown_outcome, Code::unavailable));
  redis.resume();
  nodes.expect_agreement();
  // Whatever became of it: the same lock once more is one hold, not two.
  const LockOutcome again = b.ask(acquire(2, "wang", 3, "SaleOrder:2"));
  ASSERT_NE(token_of(again), 0U);
  EXPECT_LE(std::get<Granted>(again).grant.holds, 2U);
  nodes.expect_agreement();
}

TEST(EngineFault, a_fresh_node_finds_what_a_dead_company_left_in_redis) {
  const RedisProcess redis;
  {
    Nodes nodes(redis.url());
    two_people_one_lock(nodes);
  }
  Nodes nodes(redis.url());
  EngineNode& c = nodes.add(3);
  EXPECT_EQ(code_of(c.ask(open_session(3, "zhao"))), std::nullopt);
  EXPECT_EQ(code_of(c.ask(acquire(3, "zhao", 30, "SaleOrder:1"))), Code::locked);
}

// Two people who want the same few bills, over whichever node; some wait, some give back, some share.
class Load {
 public:
  explicit Load(Nodes& nodes) : nodes_(nodes) {}

  void more(int count) {
    for (int i = 0; i < count; ++i) {
      const std::uint64_t who = 1 + random_.below(2);
      const std::string user = who == 1 ? "li" : "wang";
      EngineNode& at = *nodes_.nodes[random_.below(nodes_.nodes.size())];
      if (random_.below(3) == 0 && id_ > first_id) {
        at.post(release(who, user, id_ - random_.below(std::min<std::uint64_t>(id_ - first_id, 12))));
        continue;
      }
      Acquire wanted = std::get<Acquire>(acquire(who, user, ++id_, "Offer:" + std::to_string(random_.below(5))));
      if (random_.below(4) == 0) wanted.wait = Millis(1000);
      if (random_.below(4) == 0) wanted.mode = Mode::shared;
      at.post(wanted);
    }
  }

 private:
  static constexpr std::uint64_t first_id = 1'000'000;
  Nodes& nodes_;
  Random random_{7};
  std::uint64_t id_ = first_id;
};

TEST(EngineFault, nodes_that_come_go_and_die_under_load_agree) {
  const RedisProcess redis;
  Nodes nodes(redis.url());
  nodes.base.log_bytes_max = 5000;
  two_people_one_lock(nodes);
  Load load(nodes);
  for (std::uint64_t round = 0; round < 12; ++round) {
    load.more(40);
    nodes.add(10 + round);
    load.more(60);
    if (round % 3 == 2) {  // the oldest goes, the youngest dies with all that it was asked
      EngineNode& writes = *nodes.nodes[0];
      EXPECT_TRUE(nodes.loop.until([&] { return writes.engine().counters().images > 0; })) << "it is the first";
      load.more(60);
      EXPECT_TRUE(writes.leave());
      nodes.nodes.erase(nodes.nodes.begin());
      nodes.nodes.pop_back();
    }
    if (round % 2 == 1) nodes.expect_agreement();
  }
  nodes.expect_agreement();
}

TEST(EngineFault, a_node_that_stood_still_beyond_its_leases_learns_what_it_lost) {
  const RedisProcess redis;
  Nodes here(redis.url());
  Nodes there(redis.url());  // on another loop, which the test can leave alone
  EngineNode& a = here.add(1);
  EngineNode& b = there.add(2);
  const auto on_b = [&](const LockCommand& command) {
    const Ticket ticket = b.post(command);
    EXPECT_TRUE(there.loop.until([&] { return b.told().outcome_of(ticket) != nullptr; }));
    return *b.told().outcome_of(ticket);
  };
  on_b(open_session(2, "wang", Millis(10'000)));
  const Token lost = token_of(on_b(acquire(2, "wang", 2, "SaleOrder:1")));
  ASSERT_NE(lost, 0U);
  a.ask(open_session(1, "li"));
  const Ticket waiting = a.post(acquire(1, "li", 1, "SaleOrder:1", Millis(60'000)));
  ASSERT_TRUE(here.loop.until([&] { return a.told().outcome_of(waiting) != nullptr; }));
  // Nobody runs the loop of b. Its lease ends by the log, which a keeps going.
  Token gained = 0;
  ASSERT_TRUE(here.loop.until(
      [&] {
        for (const LockEvent& event : a.told().events()) {
          if (const auto* granted = std::get_if<LockGranted>(&event)) gained = granted->granted.grant.token;
        }
        return gained != 0;
      },
      Millis(30'000)));
  EXPECT_GT(gained, lost);
  const auto told_of_its_end = [&] {
    for (const LockEvent& event : b.told().events()) {
      const auto* ended = std::get_if<SessionEnded>(&event);
      if (ended != nullptr && ended->session == session(2)) return true;
    }
    return false;
  };
  EXPECT_FALSE(told_of_its_end());
  EXPECT_TRUE(there.loop.until(told_of_its_end));
  EXPECT_EQ(code_of(on_b(acquire(2, "wang", 3, "SaleOrder:2"))), Code::session_gone);
}

// A node whose wire to Redis is cut, both ways or only back to it, beside one whose wire is whole.
void cut_off(void (Relay::*cut)()) {
  const RedisProcess redis;
  Relay wire(redis.port());
  Nodes nodes(redis.url());
  EngineNode& a = nodes.add(1);
  nodes.base.url.hosts = {{"127.0.0.1", wire.port()}};
  nodes.base.timeout = Millis(1000);
  EngineNode& b = nodes.add(2);
  a.ask(open_session(1, "li"));
  b.ask(open_session(2, "wang"));
  const Token before = token_of(b.ask(acquire(2, "wang", 20, "SaleOrder:1")));
  ASSERT_NE(before, 0U);
  (wire.*cut)();
  const LockOutcome doubtful = b.ask(acquire(2, "wang", 21, "SaleOrder:2"));
  EXPECT_THAT(code_of(doubtful), ::testing::AnyOf(Code::unknown_outcome, Code::unavailable));
  // The others go on, and the bill of the one that is cut off is his still.
  EXPECT_EQ(code_of(a.ask(acquire(1, "li", 10, "SaleOrder:1"))), Code::locked);
  EXPECT_NE(token_of(a.ask(acquire(1, "li", 11, "SaleOrder:3"))), 0U);
  wire.let_through();
  nodes.expect_agreement();
  EXPECT_EQ(code_of(b.ask(acquire(2, "wang", 22, "SaleOrder:3"))), Code::locked);
  EXPECT_EQ(nodes.generation(), 1U) << "a cut wire is no new Redis";
}

TEST(EngineFault, a_node_cut_off_both_ways_hinders_nobody_and_catches_up) { cut_off(&Relay::swallow); }
TEST(EngineFault, a_node_that_hears_no_answers_doubles_nothing_and_catches_up) { cut_off(&Relay::swallow_answers); }

// A master dies under load and its replica may lack the last entries. Whoever was told that he has a lock has it still,
// or his token is behind every token given for that bill since.
TEST(EngineFault, a_failover_under_load_loses_no_lock_that_was_answered) {
  const RedisSentinels redis(1);
  ASSERT_TRUE(redis.is_ready());
  Nodes nodes(redis.url());
  nodes.base.timeout = Millis(1000);
  EngineNode& a = nodes.add(1);
  EngineNode& b = nodes.add(2);
  a.ask(open_session(1, "li", Millis(120'000)));
  b.ask(open_session(2, "wang", Millis(120'000)));
  const std::uint64_t before = nodes.generation();
  std::map<std::string, std::pair<std::uint64_t, Token>> answered;  // bill -> lock, token
  std::map<Ticket, std::pair<std::string, std::uint64_t>> asked;
  std::uint64_t id = 100;
  Load others(nodes);
  for (int i = 0; i < 400; ++i) {
    others.more(1);
    const std::string bill = "SaleOrder:" + std::to_string(i);
    asked[a.post(acquire(1, "li", ++id, bill))] = {bill, id};
    if (i == 300) redis.server(0).kill();
    if (i % 10 == 0) (void)nodes.loop.until([&] { return false; }, Millis(2));
  }
  ASSERT_TRUE(nodes.loop.until(
      [&] {
        return std::ranges::all_of(asked, [&](const auto& one) { return a.told().outcome_of(one.first) != nullptr; });
      },
      Millis(30'000)));
  for (const auto& [ticket, what] : asked) {
    const Token token = token_of(*a.told().outcome_of(ticket));
    if (token != 0) answered[what.first] = {what.second, token};
  }
  ASSERT_GE(answered.size(), 100U);
  ASSERT_TRUE(nodes.new_generation_after(before)) << "nothing was opened after the failover";
  nodes.expect_agreement();
  std::uint64_t held = 0;
  for (const auto& [bill, mine] : answered) {
    const LockOutcome other = b.ask(acquire(2, "wang", ++id, bill));
    held += code_of(other) == Code::locked ? 1 : 0;
    if (token_of(other) != 0) {
      EXPECT_GT(token_of(other), mine.second) << bill;
    }
  }
  EXPECT_EQ(held, answered.size()) << "the node that was told lives: it brings its locks along";
}

TEST(EngineFault, with_wait_replicas_nothing_is_answered_that_the_replica_lacks) {
  const RedisSentinels redis(1);
  ASSERT_TRUE(redis.is_ready());
  Nodes nodes(redis.url());
  nodes.base.wait_replicas = 1;
  nodes.base.timeout = Millis(1000);
  const Token token = two_people_one_lock(nodes);
  ASSERT_NE(token, 0U);
  EngineNode& b = *nodes.nodes[1];
  redis.server(1).pause();
  EXPECT_EQ(code_of(b.ask(acquire(2, "wang", 2, "SaleOrder:2"))), Code::unknown_outcome);
  redis.server(1).resume();
  nodes.expect_agreement();
  EXPECT_EQ(code_of(b.ask(acquire(2, "wang", 3, "SaleOrder:1"))), Code::locked);
}

TEST(EngineFault, a_cluster_is_one_log_like_any_other) {
  const RedisCluster redis(3, RedisCluster::Replicas::one_each);
  ASSERT_TRUE(redis.is_ready());
  Nodes nodes(redis.url());
  const Token token = two_people_one_lock(nodes);
  ASSERT_NE(token, 0U);
  RedisProcess* owner = redis.owner(redis::Engine::key_of(nodes.base.name));
  ASSERT_NE(owner, nullptr);
  const std::uint64_t before = nodes.generation();
  owner->kill();
  ASSERT_TRUE(nodes.new_generation_after(before));
  expect_nothing_lost(nodes, token);
}

TEST(EngineFault, the_slot_of_the_log_moves_to_another_master_while_locks_are_held) {
  const RedisCluster redis(3);
  ASSERT_TRUE(redis.is_ready());
  Nodes nodes(redis.url());
  nodes.base.timeout = Millis(5000);
  const Token token = two_people_one_lock(nodes);
  ASSERT_NE(token, 0U);
  const std::uint64_t before = nodes.generation();
  const std::string log = redis::Engine::key_of(nodes.base.name);
  const std::uint16_t slot = redis::key_slot(log);
  const RedisProcess* from = redis.owner(log);
  const RedisProcess* to = redis.other(log);
  ASSERT_TRUE(from != nullptr && to != nullptr);
  ASSERT_TRUE(RedisCluster::begin_move(slot, *from, *to));
  for (int i = 0; i < 100; ++i) {
    const auto left = from->command({"CLUSTER", "GETKEYSINSLOT", std::to_string(slot), "1"});
    if (left.items.empty()) break;
    ASSERT_TRUE(RedisCluster::move_key(left.items[0].text, *from, *to));
    (void)nodes.loop.until([] { return false; }, Millis(5));  // the nodes go on between two keys
  }
  ASSERT_TRUE(redis.finish_move(slot, *to));
  ASSERT_TRUE(nodes.new_generation_after(before)) << "another master is another Redis";
  nodes.expect_agreement();
  EngineNode& a = *nodes.nodes[0];
  EngineNode& b = *nodes.nodes[1];
  EXPECT_EQ(code_of(b.ask(acquire(2, "wang", 30, "SaleOrder:1"))), Code::locked);
  EXPECT_TRUE(std::get<Released>(a.ask(release(1, "li", 1))).released);
  EXPECT_GT(token_of(b.ask(acquire(2, "wang", 31, "SaleOrder:1"))), token);
}

}  // namespace
}  // namespace hf::test
