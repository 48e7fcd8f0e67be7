// One audit trail for all nodes of an installation. If these fail, a change stands in it twice or not at all, or who
// asks another node is told another history: nobody can prove by it who did what.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "redis/scripts.h"
#include "tests/client/relay.h"
#include "tests/redis/engine_commands.h"
#include "tests/redis/engine_nodes.h"
#include "tests/redis/redis_process.h"

namespace hf::test {
namespace {

using ::testing::SizeIs;

// Nodes with a directory each, which a node that is started again finds as it was, and what people were told.
class AuditOnRedis : public ::testing::Test {
 protected:
  // A process that is started again calls itself otherwise: `self` counts on by tens, its directory is the same.
  EngineNode& start(std::uint64_t self, const redis::Url& url) {
    auto& directory = directories[self % 10];
    if (!directory) directory = std::make_unique<TemporaryDirectory>();
    nodes.base.url = url;
    nodes.base.audit_directory = directory->path();
    return nodes.add(self);
  }
  EngineNode& start(std::uint64_t self) { return start(self, redis.url()); }
  // Dies without a word.
  void kill(const EngineNode& node) {
    std::erase_if(nodes.nodes, [&](const auto& one) { return one.get() == &node; });
  }
  void open(EngineNode& at, std::uint64_t n, const std::string& user) {
    ASSERT_TRUE(std::holds_alternative<SessionOpened>(at.ask(open_session(n, user, Millis(600'000)))));
    told.push_back("session_open " + session(n).text());
  }
  // Acquires and releases `count` locks, each on its own bill.
  void pairs(EngineNode& at, std::uint64_t count, std::uint64_t n = 1, const std::string& user = "li") {
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t id = ++last_lock;
      ASSERT_NE(token_of(at.ask(acquire(n, user, id, "SaleOrder:" + std::to_string(id)))), 0U);
      told.push_back("acquire " + lock(id).text());
      ASSERT_TRUE(std::get<Released>(at.ask(release(n, user, id))).released);
      told.push_back("release " + lock(id).text());
    }
  }
  void expect_each_change_once() {
    nodes.expect_agreement();
    for (const auto& node : nodes.nodes) {
      ASSERT_EQ(node->trail(), told);
      ASSERT_EQ(node->trail(7), told);
    }
  }
  // Until an image was written by the first node, so that the log was cut.
  void cut_the_log(EngineNode& first) {
    const std::uint64_t before = first.engine().counters().images;
    pairs(first, 40);
    ASSERT_TRUE(nodes.loop.until([&] { return first.engine().counters().images > before; }));
    pairs(first, 3);
  }
  std::string at(const std::string& of) const { return "hf:{" + nodes.base.name + "}:" + of; }

  RedisProcess redis{{.lines = {"save \"\""}}};
  Nodes nodes{redis.url()};
  std::map<std::uint64_t, std::unique_ptr<TemporaryDirectory>> directories;
  std::vector<std::string> told;
  std::uint64_t last_lock = 0;
};

TEST_F(AuditOnRedis, a_node_that_is_started_again_writes_nothing_twice) {
  EngineNode& a = start(1);
  open(a, 1, "li");
  pairs(a, 2);
  expect_each_change_once();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    kill(*nodes.nodes[0]);
    pairs(start(1 + 10 * i), 1);
    expect_each_change_once();
  }
}

TEST_F(AuditOnRedis, a_node_that_takes_an_image_learns_what_happened_before_it) {
  nodes.base.log_bytes_max = 3000;
  EngineNode& a = start(1);
  EngineNode& b = start(2);
  open(a, 1, "li");
  pairs(b, 3);
  kill(b);
  ASSERT_NO_FATAL_FAILURE(cut_the_log(a));
  ASSERT_NO_FATAL_FAILURE(cut_the_log(a));
  start(12);
  start(3);  // it has never been there
  expect_each_change_once();
  EXPECT_EQ(nodes.nodes[0]->engine().trail().counters().gaps, 0U);
  kill(a);
  pairs(*nodes.nodes[0], 2);
  start(11);
  expect_each_change_once();
}

TEST_F(AuditOnRedis, the_log_is_cut_only_behind_what_the_trail_has) {
  EngineNode& a = start(1);
  open(a, 1, "li");
  pairs(a, 5);
  ASSERT_EQ(redis.command({"HSET", at("base:x"), "0", "image"}).integer, 1);
  const auto number = std::to_string(a.engine().counters().number);
  const std::uint64_t log = static_cast<std::uint64_t>(redis.command({"XLEN", at("log")}).integer);
  const redis::Reply last = redis.command({"XREVRANGE", at("log"), "+", "-", "COUNT", "1"});
  ASSERT_THAT(last.items, SizeIs(1));
  const redis::Reply cut = redis.command({"EVAL", redis::script_of(redis::script_rebase).text, "2", at("meta"),
                                          at("log"), "1", at("base:x"), number, last.items[0].items[0].text, "5", "1"});
  EXPECT_EQ(cut.integer, 0) << cut.text;
  EXPECT_GE(redis.command({"XLEN", at("log")}).integer, static_cast<std::int64_t>(log));
  expect_each_change_once();
}

TEST_F(AuditOnRedis, a_redis_that_forgot_everything_is_given_the_trail_back) {
  nodes.base.log_bytes_max = 3000;
  EngineNode& a = start(1);
  start(2);
  open(a, 1, "li");
  ASSERT_NO_FATAL_FAILURE(cut_the_log(a));
  const std::uint64_t before = nodes.generation();
  ASSERT_EQ(redis.command({"FLUSHALL"}).text, "OK");
  ASSERT_TRUE(nodes.new_generation_after(before));
  pairs(a, 2);
  start(3);
  expect_each_change_once();
  kill(*nodes.nodes[1]);
  start(12);
  expect_each_change_once();
}

TEST_F(AuditOnRedis, a_redis_restored_from_an_old_dump_is_given_what_it_lacks) {
  nodes.base.log_bytes_max = 3000;
  EngineNode& a = start(1);
  start(2);
  open(a, 1, "li");
  ASSERT_NO_FATAL_FAILURE(cut_the_log(a));
  ASSERT_EQ(redis.command({"SAVE"}).text, "OK");
  ASSERT_NO_FATAL_FAILURE(cut_the_log(a));
  const std::uint64_t before = nodes.generation();
  redis.kill();
  ASSERT_TRUE(redis.start());
  ASSERT_TRUE(nodes.new_generation_after(before));
  pairs(a, 2);
  expect_each_change_once();
  start(3);
  kill(*nodes.nodes[1]);
  start(12);
  expect_each_change_once();
}

TEST_F(AuditOnRedis, nobody_is_told_a_part_of_it) {
  nodes.base.log_bytes_max = 3000;
  EngineNode& a = start(1);
  open(a, 1, "li");
  ASSERT_NO_FATAL_FAILURE(cut_the_log(a));
  EngineNode& b = start(2);
  const auto early = b.trail_page({}, 10);
  if (early) {
    EXPECT_EQ(early->entries.size(), 10U);  // it was quick
  } else {
    EXPECT_EQ(early.error().code, Code::unavailable);
  }
  expect_each_change_once();
}

TEST_F(AuditOnRedis, a_page_of_one_node_goes_on_at_another) {
  nodes.base.log_bytes_max = 3000;
  EngineNode& a = start(1);
  EngineNode& b = start(2);
  open(a, 1, "li");
  ASSERT_NO_FATAL_FAILURE(cut_the_log(a));
  nodes.expect_agreement();
  ASSERT_EQ(a.trail(), b.trail());
  std::size_t seen = 0;
  AuditPage page;
  for (std::size_t i = 0; !page.end; ++i) {
    const auto next = (i % 2 == 0 ? a : b).trail_page(page.next, 3);
    ASSERT_TRUE(next) << next.error().detail;
    page = *next;
    seen += page.entries.size();
  }
  EXPECT_EQ(seen, told.size());
  const auto foreign = a.trail_page({.seq = 17}, 3);
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, Code::invalid);
}

TEST_F(AuditOnRedis, what_is_beyond_its_limit_goes_from_redis_and_from_each_node) {
  nodes.base.log_bytes_max = 3000;
  nodes.base.audit_bytes_max = 20'000;
  EngineNode& a = start(1);
  start(2);
  open(a, 1, "li");
  for (int i = 0; i < 6; ++i) ASSERT_NO_FATAL_FAILURE(cut_the_log(a));
  start(3);
  nodes.expect_agreement();
  EXPECT_LE(std::stoull(redis.command({"HGET", at("meta"), "audit_bytes"}).text), 20'000U);
  const std::string trimmed = redis.command({"HGET", at("meta"), "audit_trimmed"}).text;
  EXPECT_NE(trimmed, "");
  std::vector<std::string> first;
  ASSERT_TRUE(nodes.loop.until([&] {
    first = a.trail();
    return std::ranges::all_of(nodes.nodes, [&](const auto& node) { return node->trail() == first; });
  }));
  ASSERT_LT(first.size(), told.size());
  ASSERT_GT(first.size(), 50U);
  EXPECT_EQ(first, std::vector<std::string>(told.end() - static_cast<std::ptrdiff_t>(first.size()), told.end()));
}

// As where a node of an older version, which knows of no trail, has cut the log: what lay there nobody has.
TEST_F(AuditOnRedis, what_no_node_remembers_is_a_gap_that_is_counted_and_holds_nothing_up) {
  nodes.base.log_bytes_max = 3000;
  EngineNode& a = start(1);
  open(a, 1, "li");
  ASSERT_NO_FATAL_FAILURE(cut_the_log(a));
  nodes.expect_agreement();
  const std::size_t before = a.trail().size();
  ASSERT_EQ(before, told.size());
  ASSERT_NO_FATAL_FAILURE(cut_the_log(a));
  nodes.expect_agreement();
  kill(a);
  // The last batches go, the image above them stays.
  const redis::Reply batches = redis.command({"XRANGE", at("audit"), "-", "+"});
  ASSERT_GE(batches.items.size(), 2U);
  const std::string& kept = batches.items[0].items[0].text;
  for (std::size_t i = 1; i < batches.items.size(); ++i)
    redis.command({"XDEL", at("audit"), batches.items[i].items[0].text});
  ASSERT_EQ(redis.command({"HSET", at("meta"), "audited", kept}).integer, 0);
  directories.clear();
  nodes.base.audit_gap_after = Micros(100'000);
  EngineNode& b = start(2);
  ASSERT_TRUE(nodes.loop.until([&] { return b.engine().trail().counters().gaps == 1; }));
  pairs(b, 2);
  const auto trail = b.trail();
  EXPECT_LT(trail.size(), told.size());
  EXPECT_EQ(std::vector<std::string>(trail.end() - 4, trail.end()),
            std::vector<std::string>(told.end() - 4, told.end()));
}

// Two masters: what the side that was left behind did is no part of the trail, and all nodes say so.
TEST_F(AuditOnRedis, what_a_side_that_was_cut_off_did_is_dropped_with_its_state) {
  RedisProcess other({.appendonly = true});
  ASSERT_EQ(other.command({"REPLICAOF", "127.0.0.1", std::to_string(redis.port())}).text, "OK");
  ASSERT_TRUE(eventually([&] { return other.info("master_link_status") == "up"; }));
  Relay wire_a{redis.port()}, wire_b{redis.port()};
  const auto over = [](const Relay& wire) {
    redis::Url url;
    url.hosts = {{"127.0.0.1", wire.port()}};
    return url;
  };
  nodes.base.log_bytes_max = 3000;
  nodes.base.timeout = Millis(1000);
  nodes.base.quarantine = Millis(500);
  EngineNode& a = start(1, over(wire_a));
  EngineNode& b = start(2, over(wire_b));
  open(a, 1, "li");
  open(b, 2, "wang");
  pairs(a, 20);
  nodes.expect_agreement();
  const auto copied = [&] {
    const std::string number = other.command({"HGET", at("meta"), "number"}).text;
    return !number.empty() && std::stoull(number) >= a.engine().counters().number;
  };
  ASSERT_TRUE(eventually(copied));
  ASSERT_EQ(other.command({"REPLICAOF", "NO", "ONE"}).text, "OK");
  wire_b.lead_to(other.port());
  wire_b.cut();
  const std::vector<std::string> shared = told;
  ASSERT_NO_FATAL_FAILURE(cut_the_log(a));  // its master does not know that it is one no more
  told = shared;
  ASSERT_TRUE(nodes.loop.until([&] { return b.live() && b.engine().counters().generation == 2; }));
  pairs(b, 40, 2, "wang");
  wire_a.lead_to(other.port());
  wire_a.cut();
  ASSERT_TRUE(nodes.loop.until([&] { return a.told().resets == 1 && a.live(); }));
  pairs(a, 3);
  expect_each_change_once();
}

TEST_F(AuditOnRedis, a_failover_under_load_keeps_each_acknowledged_change_once) {
  RedisSentinels sentinels(1);
  ASSERT_TRUE(sentinels.is_ready());
  nodes.base.log_bytes_max = 5000;
  EngineNode& a = start(1, sentinels.url());
  EngineNode& b = start(2, sentinels.url());
  open(a, 1, "li");
  open(b, 2, "wang");
  struct Asked {
    EngineNode* node = nullptr;
    Ticket ticket = 0;
    std::uint64_t id = 0;
  };
  std::vector<Asked> asked;
  const auto answered = [](const Asked& one) { return one.node->told().outcome_of(one.ticket) != nullptr; };
  const std::uint64_t before = nodes.generation();
  for (int round = 0; round < 300; ++round) {
    for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{2}}) {
      EngineNode& node = n == 1 ? a : b;
      const std::uint64_t id = ++last_lock;
      asked.push_back({&node, node.post(acquire(n, n == 1 ? "li" : "wang", id, "Offer:" + std::to_string(id))), id});
    }
    if (round == 150) sentinels.master()->kill();
    ASSERT_TRUE(nodes.loop.until([&] { return answered(asked.back()) && answered(asked[asked.size() - 2]); }));
  }
  ASSERT_TRUE(nodes.new_generation_after(before));
  start(3, sentinels.url());
  nodes.expect_agreement();
  const auto trail = a.trail();
  EXPECT_EQ(b.trail(), trail);
  EXPECT_EQ(nodes.nodes[2]->trail(), trail);
  const std::set<std::string> once(trail.begin(), trail.end());
  EXPECT_EQ(once.size(), trail.size()) << "a change stands there twice";
  std::size_t granted = 0;
  for (const Asked& one : asked) {
    if (token_of(*one.node->told().outcome_of(one.ticket)) == 0) continue;
    ++granted;
    EXPECT_TRUE(once.contains("acquire " + lock(one.id).text()));
  }
  EXPECT_GT(granted, 200U);
}

}  // namespace
}  // namespace hf::test
