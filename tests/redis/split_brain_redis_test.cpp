// Two masters at once: the old one goes on for nodes that are cut off with it, beside the one that was promoted. If
// these fail, two people edit one bill and no token tells them apart, or somebody is told that he holds what was lost.

#include <gtest/gtest.h>

#include <sstream>

#include "redis/log_entry.h"
#include "redis/scripts.h"
#include "tests/client/relay.h"
#include "tests/redis/engine_commands.h"
#include "tests/redis/engine_nodes.h"
#include "tests/redis/redis_process.h"

namespace hf::test {
namespace {

constexpr Token generation_step = Token{1} << 36;

bool follow(const RedisProcess& replica, const RedisProcess& master) {
  return replica.command({"REPLICAOF", "127.0.0.1", std::to_string(master.port())}).text == "OK";
}

// Two Redis of which the second follows the first, and two nodes whose wires can be led to either.
class SplitBrain : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(follow(new_master, old_master));
    ASSERT_TRUE(eventually([&] { return new_master.info("master_link_status") == "up"; }));
    nodes.base.timeout = Millis(1000);
    nodes.base.quarantine = Millis(500);
  }
  void two_people_one_lock() {
    a = &add(1, wire_a);
    b = &add(2, wire_b);
    a->ask(open_session(1, "li", Millis(120'000)));
    b->ask(open_session(2, "wang", Millis(120'000)));
    ASSERT_NE(token_of(a->ask(acquire(1, "li", 1, "SaleOrder:1"))), 0U);
    nodes.expect_agreement();
    const std::uint64_t number = a->engine().counters().number;
    ASSERT_TRUE(eventually([&] {
      const std::string copied = new_master.command({"HGET", "hf:{" + nodes.base.name + "}:meta", "number"}).text;
      return !copied.empty() && std::stoull(copied) >= number;
    }));
  }
  EngineNode& add(std::uint64_t self, const Relay& wire) {
    nodes.base.url.hosts = {{"127.0.0.1", wire.port()}};
    return nodes.add(self);
  }
  void promote() const { ASSERT_EQ(new_master.command({"REPLICAOF", "NO", "ONE"}).text, "OK"); }
  void lead_to_new(Relay& wire) const {
    wire.lead_to(new_master.port());
    wire.cut();
  }
  void let_it_run(const std::function<bool()>& condition) { ASSERT_TRUE(nodes.loop.until(condition)); }
  static std::uint64_t generation(EngineNode& node) { return node.engine().counters().generation; }
  // What was on its way to the old master when it went, and reaches the new one before anybody has looked at it.
  void stray(std::uint64_t batch, const redis::Entry& entry) const {
    const std::string at = "hf:{" + nodes.base.name + "}:";
    const redis::Reply reply =
        new_master.command({"EVAL", redis::script_of(redis::script_append).text, "3", at + "meta", at + "log",
                            at + "nodes", "1", Id128{9, 9}.text(), std::to_string(batch), redis::write_entry(entry)});
    ASSERT_EQ(reply.kind, redis::Reply::Kind::integer) << reply.text;
  }

  RedisProcess old_master;
  RedisProcess new_master{{.appendonly = true, .lines = {"appendfsync always"}}};
  Relay wire_a{old_master.port()}, wire_b{old_master.port()};
  Nodes nodes{redis::Url()};
  EngineNode* a = nullptr;
  EngineNode* b = nullptr;
};

TEST_F(SplitBrain, what_an_old_master_still_grants_is_behind_all_that_the_new_one_grants_and_is_told_to_be_lost) {
  ASSERT_NO_FATAL_FAILURE(two_people_one_lock());
  promote();
  lead_to_new(wire_b);
  const Token first = token_of(a->ask(acquire(1, "li", 100, "SaleOrder:100")));
  ASSERT_NE(first, 0U) << "the old master does not know that it is one";
  let_it_run([&] { return b->live() && generation(*b) == 2; });
  for (std::uint64_t i = 101; i < 150; ++i) {
    const std::string bill = "SaleOrder:" + std::to_string(i);
    const Token old_token = token_of(a->ask(acquire(1, "li", i, bill)));
    const Token new_token = token_of(b->ask(acquire(2, "wang", i + 1000, bill)));
    ASSERT_NE(old_token, 0U);
    ASSERT_GT(new_token, old_token + generation_step / 2) << "a resource that checks must refuse the old side";
  }
  EXPECT_EQ(a->told().resets, 0);
  EXPECT_EQ(generation(*a), 1U);
  // The cut heals: the old master becomes a replica, and something is on its way to it.
  wire_a.lead_to(new_master.port());
  const Ticket doubtful = a->post(acquire(1, "li", 200, "SaleOrder:200"));
  ASSERT_TRUE(follow(old_master, new_master));
  let_it_run([&] { return a->told().outcome_of(doubtful) != nullptr && a->told().resets == 1 && a->live(); });
  nodes.expect_agreement();
  EXPECT_EQ(generation(*a), generation(*b));
  EXPECT_GE(generation(*a), 2U);
  EXPECT_GE(nodes.history.left_behind(), 50U);
  EXPECT_EQ(code_of(a->ask(release(1, "li", 102))), Code::not_found) << "it was lost";
  EXPECT_EQ(code_of(a->ask(acquire(1, "li", 201, "SaleOrder:103"))), Code::locked);
  EXPECT_EQ(code_of(b->ask(acquire(2, "wang", 202, "SaleOrder:1"))), Code::locked) << "it was given before the cut";
}

TEST_F(SplitBrain, an_old_master_that_must_have_a_replica_grants_nothing) {
  ASSERT_EQ(old_master.command({"CONFIG", "SET", "min-replicas-to-write", "1"}).text, "OK");
  ASSERT_NO_FATAL_FAILURE(two_people_one_lock());
  promote();
  lead_to_new(wire_b);
  let_it_run([&] { return old_master.info("connected_slaves") == "0"; });
  EXPECT_EQ(code_of(a->ask(acquire(1, "li", 2, "SaleOrder:2"))), Code::unavailable);
  let_it_run([&] { return b->live() && generation(*b) == 2; });
  EXPECT_NE(token_of(b->ask(acquire(2, "wang", 3, "SaleOrder:2"))), 0U);
  lead_to_new(wire_a);
  nodes.expect_agreement();
  EXPECT_EQ(nodes.history.left_behind(), 0U);
  EXPECT_EQ(code_of(a->ask(acquire(1, "li", 4, "SaleOrder:2"))), Code::locked);
}

TEST_F(SplitBrain, a_node_that_waits_for_replicas_is_granted_nothing_by_an_old_master) {
  nodes.base.wait_replicas = 1;
  ASSERT_NO_FATAL_FAILURE(two_people_one_lock());
  promote();
  let_it_run([&] { return old_master.info("connected_slaves") == "0"; });
  EXPECT_EQ(code_of(a->ask(acquire(1, "li", 2, "SaleOrder:2"))), Code::unknown_outcome);
  EXPECT_EQ(code_of(b->ask(release(2, "wang", 2))), Code::unknown_outcome);
}

TEST_F(SplitBrain, a_node_whose_two_links_find_two_masters_goes_to_the_new_one_with_both) {
  ASSERT_NO_FATAL_FAILURE(two_people_one_lock());
  promote();
  wire_a.lead_to(new_master.port());
  wire_b.lead_to(new_master.port());
  std::istringstream clients(old_master.command({"CLIENT", "LIST"}).text);
  std::size_t killed = 0;
  for (std::string line; std::getline(clients, line);) {
    if (line.find(" name=read ") == std::string::npos) continue;
    const std::string id = line.substr(3, line.find(' ') - 3);
    killed += old_master.command({"CLIENT", "KILL", "ID", id}).integer == 1 ? 1U : 0U;
  }
  ASSERT_EQ(killed, 2U);
  ASSERT_TRUE(nodes.new_generation_after(1));
  nodes.expect_agreement();
  EXPECT_EQ(code_of(b->ask(acquire(2, "wang", 2, "SaleOrder:1"))), Code::locked);
  EXPECT_EQ(nodes.history.left_behind(), 0U);
}

TEST_F(SplitBrain, what_reaches_a_new_master_before_anybody_has_looked_at_it_pushes_no_answered_lock_aside) {
  ASSERT_NO_FATAL_FAILURE(two_people_one_lock());
  promote();
  const Token token = token_of(a->ask(acquire(1, "li", 2, "SaleOrder:2")));
  ASSERT_NE(token, 0U);
  nodes.expect_agreement();
  for (std::uint64_t i = 1; i <= 300; ++i) ASSERT_NO_FATAL_FAILURE(stray(i, redis::Entry{}));
  lead_to_new(wire_a);
  lead_to_new(wire_b);
  ASSERT_TRUE(nodes.new_generation_after(1));
  nodes.expect_agreement();
  EXPECT_EQ(code_of(b->ask(acquire(2, "wang", 3, "SaleOrder:2"))), Code::locked) << "li was told that he has it";
  EXPECT_EQ(nodes.history.left_behind(), 0U);
}

TEST_F(SplitBrain, who_comes_from_an_old_master_does_not_put_its_longer_log_over_the_newer_one) {
  ASSERT_NO_FATAL_FAILURE(two_people_one_lock());
  promote();
  lead_to_new(wire_b);
  let_it_run([&] { return b->live() && generation(*b) == 2; });
  const Token token = token_of(b->ask(acquire(2, "wang", 2, "SaleOrder:2")));
  ASSERT_NE(token, 0U);
  const std::uint64_t number = b->engine().counters().number;
  nodes.nodes.pop_back();  // b dies, and its master is started anew
  for (std::uint64_t i = 100; a->engine().counters().number <= number + 100; ++i) {
    ASSERT_NE(token_of(a->ask(acquire(1, "li", i, "SaleOrder:" + std::to_string(i)))), 0U);
  }
  new_master.kill();
  ASSERT_TRUE(new_master.start());
  lead_to_new(wire_a);
  ASSERT_TRUE(nodes.new_generation_after(2));
  EXPECT_EQ(a->told().resets, 1);
  EXPECT_EQ(code_of(a->ask(acquire(1, "li", 3, "SaleOrder:2"))), Code::locked) << "wang was told that he has it";
  EXPECT_GT(token_of(a->ask(acquire(1, "li", 4, "SaleOrder:3"))), token);
}

}  // namespace
}  // namespace hf::test
