// If the link stayed with a master that was replaced, or followed what is none, nodes would write locks in two places.

#include <gtest/gtest.h>

#include "tests/redis/link_harness.h"
#include "tests/redis/redis_process.h"

namespace hf::test {
namespace {

using Arguments = redis::Arguments;

TEST(RedisSentinelLink, the_master_is_found_whichever_sentinels_answer) {
  const RedisSentinels redis(1, {.password = "secret"});
  ASSERT_TRUE(redis.is_ready());
  redis.sentinel(0).kill();
  redis.sentinel(1).pause();
  LinkHarness link(redis.url(), {.connect_timeout = Millis(300)});
  EXPECT_EQ(link.text({"SET", "k", "v"}), "OK");
  EXPECT_EQ(link.last_up().address, redis.server(0).address().text());
  EXPECT_EQ(link.last_up().replicas, 1U);
}

TEST(RedisSentinelLink, a_name_that_no_sentinel_knows_is_said) {
  const RedisSentinels redis(0);
  ASSERT_TRUE(redis.is_ready());
  auto url = redis.url();
  url.master_name = "another";
  LinkHarness link(url);
  const std::string answer = link.text({"PING"}, Millis(500));
  EXPECT_NE(answer.find("knows no master of that name"), std::string::npos) << answer;
}

TEST(RedisSentinelLink, sentinels_that_ask_for_a_password_get_theirs) {
  const RedisSentinels redis(0, {.password = "secret"});
  ASSERT_TRUE(redis.is_ready());
  for (std::size_t i = 0; i < 3; ++i) {
    const auto reply = redis.sentinel(i).command(
        {"ACL", "SETUSER", "default", "resetpass", ">watch", "-@all", "+sentinel|get-master-addr-by-name"});
    ASSERT_EQ(reply.text, "OK");
  }
  auto url = redis.url();
  url.sentinel_credentials = redis::Credentials{"default", "watch"};
  LinkHarness link(url);
  EXPECT_EQ(link.text({"PING"}), "PONG");
}

TEST(RedisSentinelLink, the_new_master_is_found_when_the_old_one_died) {
  const RedisSentinels redis(2);
  ASSERT_TRUE(redis.is_ready());
  LinkHarness link(redis.url());
  ASSERT_EQ(link.text({"SET", "k", "v"}), "OK");
  ASSERT_EQ(link.text({"WAIT", "2", "5000"}), "2");
  redis.server(0).kill();
  ASSERT_TRUE(link.wait_downs(1));
  EXPECT_EQ(link.text({"GET", "k"}, Millis(30'000)), "v");
  // Sentinels that are short of time may replace the new master as well; the link ends where they do.
  EXPECT_TRUE(eventually([&] {
    if (link.text({"SET", "k", "w"}) != "OK") return false;
    const auto named = redis.sentinel(0).command({"SENTINEL", "get-master-addr-by-name", "mymaster"});
    return named.items.size() == 2 && link.last_up().address == named.items[0].text + ":" + named.items[1].text;
  })) << link.last_up().address;
  EXPECT_NE(link.last_up().address, redis.server(0).address().text());
}

TEST(RedisSentinelLink, a_master_that_was_away_is_not_followed_when_it_is_back) {
  const RedisSentinels redis(1);
  ASSERT_TRUE(redis.is_ready());
  LinkHarness link(redis.url());
  ASSERT_EQ(link.text({"SET", "k", "0"}), "OK");
  ASSERT_EQ(link.text({"WAIT", "1", "5000"}), "1");
  RedisProcess& old = redis.server(0);
  old.pause();
  ASSERT_TRUE(link.wait_ups(2, 40'000));
  EXPECT_EQ(link.last_up().address, redis.server(1).address().text());
  old.resume();
  ASSERT_EQ(link.text({"INCR", "k"}), "1");
  EXPECT_EQ(link.text({"INCR", "k"}), "2");
  EXPECT_EQ(redis.server(1).command({"GET", "k"}).text, "2");
}

}  // namespace
}  // namespace hf::test
