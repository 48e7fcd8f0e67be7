// What people do to the Redis under the nodes: fill it, write into the log, delete from it, set its clock, give a wrong
// password. If these fail, requests are left without an answer, a node that cannot grant calls itself ready, or one
// careless command at Redis stops a whole company until somebody finds out which.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/redis/engine_commands.h"
#include "tests/redis/engine_nodes.h"
#include "tests/redis/redis_process.h"

namespace hf::test {
namespace {

using ::testing::HasSubstr;

class EngineOperator : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(redis.is_running());
    nodes.base.timeout = Millis(1000);
  }
  void two_people_one_lock() {
    EngineNode& a = nodes.add(1);
    nodes.add(2);
    a.ask(open_session(1, "li"));
    a.ask(open_session(2, "wang"));
    ASSERT_NE(token_of(a.ask(acquire(1, "li", 1, "SaleOrder:1"))), 0U);
  }
  // One that may not come to life.
  EngineNode& start(std::uint64_t self) {
    NodeOptions options = nodes.base;
    options.self = self;
    return *nodes.nodes.emplace_back(std::make_unique<EngineNode>(nodes.loop, options));
  }
  bool comes_to_life(EngineNode& node) {
    return nodes.loop.until([&] { return node.live(); }, Millis(10'000));
  }
  void expect_why(EngineNode& node, const std::string& word) {
    std::string why;
    EXPECT_TRUE(nodes.loop.until(
        [&] {
          why.clear();
          return !node.engine().ready(why) && why.find(word) != std::string::npos;
        },
        Millis(5000)))
        << why;
  }
  void expect_refused_in_time(EngineNode& node, std::uint64_t id) {
    const Ticket ticket = node.post(acquire(2, "wang", id, "SaleOrder:" + std::to_string(id)));
    ASSERT_TRUE(nodes.loop.until([&] { return node.told().outcome_of(ticket) != nullptr; }, Millis(3000)))
        << "no answer";
    EXPECT_EQ(code_of(*node.told().outcome_of(ticket)), Code::unavailable);
  }
  void let_redis_have(const std::string& memory) {
    ASSERT_EQ(redis.command({"CONFIG", "SET", "maxmemory", memory}).text, "OK");
  }
  std::string key(const std::string& of) const { return "hf:{" + nodes.base.name + "}:" + of; }
  std::string base_key() const { return redis.command({"HGET", key("meta"), "base"}).text; }
  // A wait of half a second comes to its end, by engine time.
  void expect_time_to_pass(EngineNode& node, std::uint64_t id) {
    const Ticket ticket = node.post(acquire(2, "wang", id, "SaleOrder:1", Millis(500)));
    ASSERT_TRUE(nodes.loop.until([&] { return node.told().outcome_of(ticket) != nullptr; }));
    ASSERT_TRUE(std::holds_alternative<Queued>(*node.told().outcome_of(ticket)));
    EXPECT_TRUE(nodes.loop.until(
        [&] {
          for (const LockEvent& event : node.told().events()) {
            const auto* ended = std::get_if<WaitEnded>(&event);
            if (ended != nullptr && ended->wait == lock(id)) return true;
          }
          return false;
        },
        Millis(5000)))
        << "time stands still";
  }

  RedisProcess redis;
  Nodes nodes{redis.url()};
};

// ------------------------------------------------------------------------------------------------- refused writes

TEST_F(EngineOperator, a_node_that_comes_while_redis_refuses_writes_answers_in_time_and_is_not_ready) {
  two_people_one_lock();
  let_redis_have("1mb");
  EngineNode& c = start(3);
  expect_refused_in_time(c, 30);
  expect_why(c, "OOM");
  expect_refused_in_time(c, 31);
  let_redis_have("0");
  ASSERT_TRUE(comes_to_life(c));
  EXPECT_EQ(code_of(c.ask(acquire(2, "wang", 32, "SaleOrder:1"))), Code::locked);
  nodes.expect_agreement();
}

TEST_F(EngineOperator, a_key_of_another_kind_in_the_place_of_one_of_ours_leaves_no_request_without_an_answer) {
  two_people_one_lock();
  redis.command({"DEL", key("nodes")});
  ASSERT_EQ(redis.command({"SET", key("nodes"), "x"}).text, "OK");
  EngineNode& c = start(3);
  expect_refused_in_time(c, 30);
  expect_why(c, "WRONGTYPE");
  redis.command({"DEL", key("nodes")});
  ASSERT_TRUE(comes_to_life(c));
  nodes.expect_agreement();
}

TEST_F(EngineOperator, what_redis_refuses_at_the_log_itself_leaves_no_hole_in_it) {
  two_people_one_lock();
  ASSERT_EQ(redis.command({"RENAME", key("log"), "elsewhere"}).text, "OK");
  ASSERT_EQ(redis.command({"SET", key("log"), "x"}).text, "OK");
  expect_why(*nodes.nodes[0], "WRONGTYPE");
  ASSERT_EQ(redis.command({"RENAME", "elsewhere", key("log")}).text, "OK");
  nodes.expect_agreement();
  EXPECT_EQ(nodes.nodes[0]->told().resets, 0) << "a number was used up by what is not in the log";
}

TEST_F(EngineOperator, while_redis_refuses_writes_no_node_is_ready_and_then_all_are_without_being_asked) {
  two_people_one_lock();
  let_redis_have("1mb");
  for (const auto& node : nodes.nodes) expect_why(*node, "OOM");
  expect_refused_in_time(*nodes.nodes[1], 20);
  let_redis_have("0");
  for (const auto& node : nodes.nodes) EXPECT_TRUE(comes_to_life(*node));
  EXPECT_EQ(code_of(nodes.nodes[1]->ask(acquire(2, "wang", 21, "SaleOrder:1"))), Code::locked);
}

// ------------------------------------------------------------------------------------------------- who is let in

TEST_F(EngineOperator, a_wrong_password_is_what_a_node_says_it_waits_for) {
  const RedisProcess locked({.password = "right"});
  nodes.base.url = locked.url();
  nodes.base.url.credentials->password = "wrong";
  EngineNode& a = start(1);
  expect_why(a, "WRONGPASS");
  expect_refused_in_time(a, 10);
  ASSERT_EQ(locked.command({"CONFIG", "SET", "requirepass", "wrong"}).text, "OK");
  EXPECT_TRUE(comes_to_life(a));
}

TEST_F(EngineOperator, a_user_who_may_not_ask_redis_who_it_is_is_told_so) {
  const RedisProcess careful({.users = {"hold on >secret ~* &* +@all -info"}});
  nodes.base.url = careful.url();
  nodes.base.url.credentials = redis::Credentials{"hold", "secret"};
  EngineNode& a = start(1);
  expect_why(a, "It does not say who it is: NOPERM");
  ASSERT_EQ(careful.command({"ACL", "SETUSER", "hold", "+info"}).text, "OK");
  EXPECT_TRUE(comes_to_life(a));
}

// ------------------------------------------------------------------------------------------------- in the log

TEST_F(EngineOperator, an_entry_of_somebody_else_in_the_log_decides_nothing_and_stops_nobody) {
  nodes.base.log_bytes_max = 4000;
  two_people_one_lock();
  EngineNode& a = *nodes.nodes[0];
  std::uint64_t id = 100;
  for (int round = 0; round < 3; ++round) {  // before an image, and over images
    ASSERT_EQ(redis.command({"XADD", key("log"), "*", "foo", "bar"}).kind, redis::Reply::Kind::text);
    ASSERT_EQ(redis.command({"XADD", key("log"), "*", "a", "1", "b", "2", "c", "3", "d", "4", "e", "5"}).kind,
              redis::Reply::Kind::text);
    nodes.nodes[1]->reconnect();
    EXPECT_EQ(code_of(a.ask(acquire(2, "wang", ++id, "SaleOrder:1"))), Code::locked);
    nodes.expect_agreement();
    nodes.add(static_cast<std::uint64_t>(10 + round));
    nodes.expect_agreement();
    const std::uint64_t images = a.engine().counters().images;
    for (int i = 0; i < 200 && a.engine().counters().images == images; ++i) {
      a.ask(acquire(1, "li", ++id, "SaleOrder:7"));
      a.ask(release(1, "li", id));
    }
    ASSERT_GT(a.engine().counters().images, images);
  }
  nodes.expect_agreement();
  for (const auto& node : nodes.nodes) EXPECT_EQ(node->told().resets, 0);
}

// ------------------------------------------------------------------------------------------------- what is missing

TEST_F(EngineOperator, an_image_that_was_deleted_is_put_back_for_a_node_that_comes) {
  two_people_one_lock();
  const std::uint64_t before = nodes.generation();
  ASSERT_EQ(redis.command({"FLUSHALL"}).text, "OK");
  ASSERT_TRUE(nodes.new_generation_after(before));
  ASSERT_NE(base_key(), "");
  ASSERT_EQ(redis.command({"DEL", base_key()}).integer, 1);
  nodes.nodes.pop_back();
  EngineNode& c = start(3);
  ASSERT_TRUE(comes_to_life(c));
  EXPECT_EQ(code_of(c.ask(acquire(2, "wang", 30, "SaleOrder:1"))), Code::locked);
  nodes.expect_agreement();
}

TEST_F(EngineOperator, a_log_that_was_emptied_is_given_an_image_by_any_node_that_lives) {
  two_people_one_lock();
  // Once the one that stays has read all that is there.
  const std::string emptied =
      "if redis.call('HGET', KEYS[1], 'number') ~= ARGV[1] then return 0 end "
      "redis.call('XTRIM', KEYS[2], 'MAXLEN', 0) return 1";
  ASSERT_TRUE(nodes.loop.until([&] {
    const std::string number = std::to_string(nodes.nodes[1]->engine().counters().number);
    return redis.command({"EVAL", emptied, "2", key("meta"), key("log"), number}).integer == 1;
  }));
  nodes.nodes.erase(nodes.nodes.begin());  // the first in rank has died, and counts as one of them for a while
  EngineNode& c = start(3);
  ASSERT_TRUE(comes_to_life(c));
  EXPECT_LE(c.told().resets, 20) << "it asks too often";
  EXPECT_EQ(code_of(c.ask(acquire(2, "wang", 30, "SaleOrder:1"))), Code::locked);
  nodes.expect_agreement();
}

TEST_F(EngineOperator, an_image_that_nobody_can_put_back_is_named) {
  two_people_one_lock();
  const std::uint64_t before = nodes.generation();
  ASSERT_EQ(redis.command({"FLUSHALL"}).text, "OK");
  ASSERT_TRUE(nodes.new_generation_after(before));
  for (const auto& node : nodes.nodes) ASSERT_TRUE(node->leave());
  ASSERT_EQ(redis.command({"DEL", base_key()}).integer, 1);
  nodes.nodes.clear();
  nodes.base.history = nullptr;  // what begins anew is another history
  EngineNode& c = start(3);
  expect_why(c, "hf:{test}:*");
  expect_refused_in_time(c, 30);
  ASSERT_EQ(redis.command({"FLUSHALL"}).text, "OK");
  EXPECT_TRUE(comes_to_life(c)) << "what it names is what helps";
}

// ------------------------------------------------------------------------------------------------- clocks

TEST_F(EngineOperator, ids_set_ahead_by_a_day_do_not_make_time_stand_still) {
  two_people_one_lock();
  const std::uint64_t day_ahead = std::stoull(redis.command({"TIME"}).items.at(0).text) * 1000 + 86'400'000;
  ASSERT_EQ(redis.command({"XSETID", key("log"), std::to_string(day_ahead) + "-0"}).text, "OK");
  expect_time_to_pass(*nodes.nodes[1], 20);
  nodes.add(3);
  nodes.expect_agreement();
  expect_time_to_pass(*nodes.nodes[2], 21);
  EXPECT_EQ(nodes.nodes[0]->engine().counters().members, 3U);
}

TEST_F(EngineOperator, ids_of_a_time_that_no_clock_shows_hinder_nobody) {
  two_people_one_lock();
  // The year 5138, and what no number of microseconds can hold.
  for (const std::string id : {"99999999999999-0", "18446744073709551000-0"}) {
    ASSERT_EQ(redis.command({"XSETID", key("log"), id}).text, "OK");
    expect_time_to_pass(*nodes.nodes[1], id.size());
    EXPECT_NE(token_of(nodes.nodes[0]->ask(acquire(1, "li", 1000 + id.size(), "Offer:" + id.substr(0, 5)))), 0U);
  }
  nodes.add(3);
  nodes.expect_agreement();
}

TEST_F(EngineOperator, ids_that_are_used_up_are_said_and_a_log_that_is_deleted_then_goes_on) {
  two_people_one_lock();
  ASSERT_EQ(redis.command({"XSETID", key("log"), "18446744073709551615-18446744073709551615"}).text, "OK");
  expect_why(*nodes.nodes[0], "exhausted");
  ASSERT_EQ(redis.command({"DEL", key("log")}).integer, 1);
  for (const auto& node : nodes.nodes) ASSERT_TRUE(comes_to_life(*node));
  EXPECT_EQ(code_of(nodes.nodes[1]->ask(acquire(2, "wang", 20, "SaleOrder:1"))), Code::locked);
  nodes.add(3);
  nodes.expect_agreement();
}

TEST_F(EngineOperator, a_log_that_was_closed_while_the_clock_was_ahead_is_opened_after_the_quarantine) {
  nodes.base.quarantine = Millis(2000);
  EngineNode& a = nodes.add(1);
  const std::string day_ahead =
      std::to_string(std::stoull(redis.command({"TIME"}).items.at(0).text) * 1000 + 86'400'000);
  redis.command({"HSET", key("members"), Id128{77, 1}.text(), "one who never speaks"});
  redis.command({"HSET", key("meta"), "run", "another"});
  a.reconnect();
  expect_why(a, "the nodes are agreeing");
  redis.command({"HSET", key("meta"), "closed", day_ahead});
  EXPECT_TRUE(comes_to_life(a));
  EXPECT_EQ(code_of(a.ask(open_session(1, "li"))), std::nullopt);
}

}  // namespace
}  // namespace hf::test
