// If the link went astray in a Cluster, a lock would be written where its readers do not look, twice, or not at all.

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "redis/slots.h"
#include "tests/redis/link_harness.h"
#include "tests/redis/redis_process.h"

namespace hf::test {
namespace {

using redis::Reply;

const std::string tag = "{a}";
constexpr std::size_t keys_count = 20;

std::string key_of(std::size_t index) { return tag + ":" + std::to_string(index); }

LinkOptions options() { return {.key = tag}; }

// Counts up keys of one slot without pause, one key or two at a time, and keeps every answer.
class Load {
 public:
  explicit Load(LinkHarness& link) : link_(link) {
    link_.run([this](RedisLink& l) {
      for (std::size_t i = 0; i < under_way; ++i) next(l);
    });
  }

  std::uint64_t answers() {
    std::uint64_t count = 0;
    link_.run([&](RedisLink&) { count = answers_; });
    return count;
  }
  // Lets so many more be answered.
  bool more(std::uint64_t count) {
    const std::uint64_t goal = answers() + count;
    return eventually([&] { return answers() >= goal; });
  }
  void stop() {
    link_.run([this](RedisLink&) { stopping_ = true; });
    EXPECT_TRUE(eventually([this] {
      bool idle = false;
      link_.run([&](RedisLink&) { idle = under_way_ == 0; });
      return idle;
    }));
  }
  // After stop(): what each key was counted up to by the answers, none of which came twice.
  std::array<std::int64_t, keys_count> counted() {
    std::array<std::int64_t, keys_count> all{};
    for (std::size_t i = 0; i < keys_count; ++i) {
      const auto& values = values_[i];
      all[i] = values.empty() ? 0 : *values.rbegin();
      EXPECT_EQ(static_cast<std::int64_t>(values.size()), all[i]) << key_of(i) << ": one for each step";
    }
    EXPECT_TRUE(failures_.empty()) << failures_.size() << ", such as " << failures_.front();
    return all;
  }

 private:
  static constexpr std::size_t under_way = 16;
  static constexpr const char* script = "return {redis.call('INCR', KEYS[1]), redis.call('INCR', KEYS[2])}";

  void next(RedisLink& l) {
    if (stopping_) return;
    ++under_way_;
    const std::size_t one = turn_++ % keys_count;
    const std::size_t two = (one + 7) % keys_count;
    const bool pair = turn_ % 3 == 0;
    const redis::Arguments command =
        pair ? redis::Arguments{"EVAL", script, "2", key_of(one), key_of(two)} : redis::Arguments{"INCR", key_of(one)};
    l.send(command, Millis(20'000), [this, &l, one, two](Result<Reply> reply) {
      --under_way_;
      ++answers_;
      if (!reply || reply->is_error()) {
        failures_.push_back(shown(reply));
      } else if (reply->kind == Reply::Kind::integer) {
        count(one, *reply);
      } else {
        count(one, reply->items.at(0));
        count(two, reply->items.at(1));
      }
      next(l);
    });
  }
  void count(std::size_t key, const Reply& reply) {
    if (!values_[key].insert(reply.integer).second) failures_.push_back(key_of(key) + " twice");
  }

  LinkHarness& link_;
  std::array<std::set<std::int64_t>, keys_count> values_;
  std::vector<std::string> failures_;
  std::uint64_t answers_ = 0;
  std::size_t under_way_ = 0;
  std::size_t turn_ = 0;
  bool stopping_ = false;
};

TEST(RedisClusterLink, the_owner_of_the_key_is_found_from_any_node) {
  const RedisCluster cluster(3, RedisCluster::Replicas::none, {.password = "secret"});
  ASSERT_TRUE(cluster.is_ready());
  for (const std::string key : {"{a}", "{b}", "{c}", "{d}"}) {
    auto url = cluster.url();
    url.hosts = {{"127.0.0.1", 1}, cluster.node(0).address()};
    LinkHarness link(url, {.key = key});
    EXPECT_EQ(link.text({"SET", key, "v"}), "OK");
    EXPECT_EQ(link.last_up().address, cluster.owner(key)->address().text());
    EXPECT_EQ(link.ups(), 1U) << "no detour";
  }
}

TEST(RedisClusterLink, a_slot_that_moves_while_commands_run_loses_and_repeats_none) {
  const RedisCluster cluster;
  ASSERT_TRUE(cluster.is_ready());
  const std::uint16_t slot = redis::key_slot(tag);
  LinkHarness link(cluster.url(), options());
  Load load(link);
  ASSERT_TRUE(load.more(500));
  for (int round = 0; round < 2; ++round) {
    RedisProcess* from = cluster.owner(tag);
    RedisProcess* to = cluster.other(tag);
    ASSERT_TRUE(from != nullptr && to != nullptr);
    ASSERT_TRUE(RedisCluster::begin_move(slot, *from, *to));
    for (std::size_t i = 0; i < keys_count; ++i) {
      ASSERT_TRUE(RedisCluster::move_key(key_of(i), *from, *to));
      // Commands over two keys cannot be carried out before both have moved.
      if (i % 5 == 0) ASSERT_TRUE(load.more(1));
    }
    ASSERT_TRUE(load.more(100)) << "every key is there, and asked for";
    ASSERT_TRUE(cluster.finish_move(slot, *to));
    ASSERT_TRUE(load.more(500));
    EXPECT_EQ(link.last_up().address, to->address().text());
  }
  load.stop();
  const auto counted = load.counted();
  for (std::size_t i = 0; i < keys_count; ++i) {
    EXPECT_EQ(link.text({"GET", key_of(i)}), std::to_string(counted[i])) << key_of(i);
  }
}

TEST(RedisClusterLink, a_slot_that_moved_while_nothing_was_asked_is_followed) {
  const RedisCluster cluster;
  ASSERT_TRUE(cluster.is_ready());
  LinkHarness link(cluster.url(), options());
  ASSERT_EQ(link.text({"SET", tag, "v"}), "OK");
  RedisProcess* from = cluster.owner(tag);
  RedisProcess* to = cluster.other(tag);
  ASSERT_TRUE(RedisCluster::begin_move(redis::key_slot(tag), *from, *to));
  ASSERT_TRUE(RedisCluster::move_key(tag, *from, *to));
  ASSERT_TRUE(cluster.finish_move(redis::key_slot(tag), *to));
  EXPECT_EQ(link.text({"GET", tag}), "v");
  EXPECT_EQ(link.ups(), 2U);
  EXPECT_NE(link.last_down().find("MOVED"), std::string::npos) << link.last_down();
  EXPECT_EQ(link.last_up().address, to->address().text());
}

TEST(RedisClusterLink, a_command_over_keys_that_are_parted_waits_until_they_are_not) {
  const RedisCluster cluster;
  ASSERT_TRUE(cluster.is_ready());
  LinkHarness link(cluster.url(), options());
  ASSERT_EQ(link.text({"MSET", key_of(0), "v", key_of(1), "w"}), "OK");
  RedisProcess* from = cluster.owner(tag);
  RedisProcess* to = cluster.other(tag);
  ASSERT_TRUE(RedisCluster::begin_move(redis::key_slot(tag), *from, *to));
  ASSERT_TRUE(RedisCluster::move_key(key_of(0), *from, *to));
  const std::string answer = link.text({"MGET", key_of(0), key_of(1)}, Millis(300));
  EXPECT_TRUE(answer.starts_with("unavailable: ")) << answer;
  EXPECT_NE(answer.find("TRYAGAIN"), std::string::npos) << answer;
  EXPECT_EQ(link.text({"GET", key_of(0)}), "v") << "one of them alone can be asked for";
  auto both = link.begin({"MGET", key_of(0), key_of(1)});
  ASSERT_TRUE(RedisCluster::move_key(key_of(1), *from, *to));
  const auto reply = both.get();
  ASSERT_TRUE(reply.has_value()) << shown(reply);
  ASSERT_EQ(reply->items.size(), 2U) << shown(reply);
  EXPECT_EQ(reply->items[1].text, "w");
  EXPECT_EQ(link.ups(), 1U);
}

TEST(RedisClusterLink, a_replica_that_took_over_is_found_when_its_master_died) {
  const RedisCluster cluster(3, RedisCluster::Replicas::one_each);
  ASSERT_TRUE(cluster.is_ready());
  LinkHarness link(cluster.url(), options());
  ASSERT_EQ(link.text({"SET", tag, "v"}), "OK");
  ASSERT_EQ(link.text({"WAIT", "1", "5000"}), "1");
  RedisProcess* old = cluster.owner(tag);
  ASSERT_NE(old, nullptr);
  old->kill();
  ASSERT_TRUE(link.wait_downs(1));
  EXPECT_EQ(link.text({"GET", tag}, Millis(40'000)), "v");
  RedisProcess* owner = cluster.owner(tag);
  ASSERT_NE(owner, nullptr);
  EXPECT_EQ(link.last_up().address, owner->address().text());
  EXPECT_EQ(link.text({"SET", tag, "w"}), "OK");
}

TEST(RedisClusterLink, a_server_that_is_no_cluster_is_said) {
  const RedisProcess redis;
  auto url = redis.url();
  url.topology = redis::Url::Topology::cluster;
  LinkHarness link(url, options());
  const std::string answer = link.text({"PING"}, Millis(300));
  EXPECT_NE(answer.find("cluster support disabled"), std::string::npos) << answer;
}

}  // namespace
}  // namespace hf::test
