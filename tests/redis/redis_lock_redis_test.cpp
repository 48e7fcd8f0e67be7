// The primitive over a real Redis. If these fail, two programs hold one key, or one is told that a key is held where
// in truth nobody could be asked.

#include <gtest/gtest.h>

#include <cstdlib>

#include "client/distributed_lock_suite.h"
#include "holdfast/redis_distributed_lock.h"
#include "tests/redis/redis_process.h"

namespace hf::test {
namespace {

using holdfast::DistributedLock;
using holdfast::make_redis_distributed_lock;
using holdfast::Token;
using Seconds = std::chrono::seconds;
using LockCode = holdfast::Code;

std::int64_t clock_ms(const RedisProcess& redis) {
  const auto time = redis.command({"TIME"});
  return time.items.size() == 2 ? std::stoll(time.items[0].text) * 1000 + std::stoll(time.items[1].text) / 1000 : 0;
}

struct RedisBackend {
  std::unique_ptr<DistributedLock> make() {
    redis.command({"FLUSHALL"});
    auto made = make_redis_distributed_lock(redis.url().text(), {.timeout = Seconds(10)});
    EXPECT_TRUE(made);
    return made ? *std::move(made) : nullptr;
  }
  void pass(Millis time) {
    const std::int64_t end = clock_ms(redis) + time.count();
    EXPECT_TRUE(eventually([&] { return clock_ms(redis) >= end; }));
  }
  RedisProcess redis;
};

}  // namespace
}  // namespace hf::test

namespace holdfast {
INSTANTIATE_TYPED_TEST_SUITE_P(Redis, DistributedLockSuite, hf::test::RedisBackend);
}  // namespace holdfast

namespace hf::test {
namespace {

class RedisLock : public ::testing::Test {
 protected:
  std::unique_ptr<DistributedLock> lock(std::string prefix = "test", Millis timeout = Seconds(10)) {
    auto made = make_redis_distributed_lock(redis_.url().text(), {.prefix = std::move(prefix), .timeout = timeout});
    EXPECT_TRUE(made);
    return made ? *std::move(made) : nullptr;
  }
  // The token of a grant under the value "v"; 0: there is none.
  static Token granted(DistributedLock& lock, const std::string& key, Millis ttl = Seconds(60)) {
    const auto grant = lock.try_acquire(key, ttl, "v");
    return grant && *grant ? (*grant)->token : 0;
  }
  void SetUp() override { ASSERT_TRUE(redis_.is_running()); }
  RedisProcess redis_;
};

TEST_F(RedisLock, two_programs_never_hold_one_key_and_each_prefix_is_its_own) {
  const auto one = lock();
  const auto two = lock();
  const auto other = lock("other");
  const auto mine = one->try_acquire("k", Seconds(60));
  ASSERT_TRUE(mine && *mine);
  const auto theirs = two->try_acquire("k", Seconds(60));
  ASSERT_TRUE(theirs);
  EXPECT_FALSE(*theirs);
  EXPECT_TRUE(*two->is_held_by("k", (*mine)->value));
  EXPECT_FALSE(*two->release("k", "guessed"));
  EXPECT_FALSE(*two->extend("k", Seconds(90), "guessed"));
  EXPECT_GT(granted(*other, "k"), 0U);
  EXPECT_TRUE(*two->release("k", (*mine)->value)) << "the value is the holder, whichever program has it";
  EXPECT_GT(granted(*two, "k"), (*mine)->token);
}

TEST_F(RedisLock, tokens_grow_over_release_expiry_and_a_redis_that_lost_everything) {
  const auto locks = lock();
  Token last = granted(*locks, "k", Millis(50));
  ASSERT_GT(last, 0U);
  const auto grows = [&] {
    const Token next = granted(*locks, "k", Seconds(60));
    const bool more = next > last;
    last = std::max(last, next);
    return more;
  };
  EXPECT_TRUE(eventually([&] { return !locks->exists("k").value_or(true); }));
  EXPECT_TRUE(grows()) << "after expiry";
  EXPECT_TRUE(*locks->release("k", "v"));
  EXPECT_TRUE(grows()) << "after release";
  redis_.command({"FLUSHALL"});
  EXPECT_TRUE(grows()) << "after a loss of all data";
  redis_.command({"FLUSHALL"});
  redis_.command({"SET", "{test}:token", "4000000000000000"});
  last = 4'000'000'000'000'000;
  EXPECT_TRUE(grows()) << "from a counter ahead of the clock";
  EXPECT_EQ(last, 4'000'000'000'000'001U) << "a token lost digits on its way";
}

TEST_F(RedisLock, a_redis_that_forgot_the_scripts_is_told_them_again) {
  const auto locks = lock();
  ASSERT_GT(granted(*locks, "k"), 0U);
  redis_.command({"SCRIPT", "FLUSH"});
  EXPECT_TRUE(*locks->extend("k", Seconds(90), "v"));
  redis_.command({"SCRIPT", "FLUSH"});
  EXPECT_TRUE(*locks->release("k", "v"));
  redis_.command({"SCRIPT", "FLUSH"});
  EXPECT_GT(granted(*locks, "k"), 0U);
}

TEST_F(RedisLock, a_redis_that_is_gone_or_silent_is_an_error_in_time_never_not_acquired) {
  const auto locks = lock("test", Millis(500));
  ASSERT_GT(granted(*locks, "k"), 0U);
  const auto began = std::chrono::steady_clock::now();
  redis_.pause();
  const auto silent = locks->try_acquire("l", Seconds(60), "v");
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, LockCode::unknown_outcome) << "it was sent, and may be carried out";
  redis_.resume();
  redis_.kill();
  const auto gone = locks->try_acquire("m", Seconds(60), "v");
  ASSERT_FALSE(gone);
  const auto still = locks->try_acquire("m", Seconds(60), "v");
  ASSERT_FALSE(still);
  EXPECT_EQ(still.error().code, LockCode::unavailable);
  EXPECT_FALSE(locks->exists("k"));
  EXPECT_EQ(locks->is_held_by("k", "v").error().code, LockCode::unavailable);
  EXPECT_FALSE(locks->remaining("k"));
  EXPECT_FALSE(locks->release("k", "v"));
  EXPECT_FALSE(locks->extend("k", Seconds(60), "v"));
  EXPECT_LT(std::chrono::steady_clock::now() - began, Seconds(120)) << "none waits longer than it was told";
  ASSERT_TRUE(redis_.start());
  EXPECT_TRUE(eventually([&] { return granted(*locks, "n") > 0; })) << "it does not come back by itself";
}

TEST_F(RedisLock, what_redis_refuses_is_an_error_and_nothing_is_held) {
  const auto locks = lock();
  redis_.command({"RPUSH", "{test}:token", "a list"});
  const auto grant = locks->try_acquire("k", Seconds(60), "v");
  ASSERT_FALSE(grant);
  EXPECT_EQ(grant.error().code, LockCode::unavailable);
  EXPECT_NE(grant.error().detail.find("WRONGTYPE"), std::string::npos) << grant.error().detail;
  EXPECT_FALSE(*locks->exists("k"));
  redis_.command({"SET", "{test}:key:l", "made by hand"});
  EXPECT_FALSE(locks->remaining("l")) << "a key without an end is no lock of ours";
}

TEST(RedisLockTopologies, sentinels_lead_to_the_master_that_took_over) {
  const RedisSentinels redis(1);
  ASSERT_TRUE(redis.is_ready());
  auto made = make_redis_distributed_lock(redis.url().text(), {.timeout = Seconds(2)});
  ASSERT_TRUE(made);
  const auto before = (*made)->try_acquire("k", Seconds(60), "v");
  ASSERT_TRUE(before && *before);
  redis.master()->kill();
  Token after = 0;
  EXPECT_TRUE(eventually([&] {
    const auto grant = (*made)->try_acquire("l", Seconds(60), "v");
    if (grant && *grant) after = (*grant)->token;
    return after != 0;
  }));
  EXPECT_GT(after, (*before)->token);
}

TEST(RedisLockTopologies, a_cluster_keeps_all_of_a_prefix_in_one_slot) {
  const RedisCluster redis;
  ASSERT_TRUE(redis.is_ready());
  auto made = make_redis_distributed_lock(redis.url().text());
  ASSERT_TRUE(made);
  for (const char* key : {"a", "b", "c", "d"}) {
    const auto grant = (*made)->try_acquire(key, Seconds(60), "v");
    ASSERT_TRUE(grant) << grant.error().detail;
    EXPECT_TRUE(*grant);
    EXPECT_TRUE(*(*made)->release(key, "v"));
  }
}

TEST(RedisLockOptions, what_cannot_be_is_invalid_and_named) {
  const auto field = [](const std::string& url, holdfast::RedisDistributedLockOptions options) {
    const auto made = make_redis_distributed_lock(url, std::move(options));
    return made ? std::string("made") : made.error().field;
  };
  EXPECT_EQ(field("http://x", {}), "url");
  EXPECT_EQ(field("redis://127.0.0.1", {.prefix = ""}), "prefix");
  EXPECT_EQ(field("redis://127.0.0.1", {.prefix = "a{b"}), "prefix");
  EXPECT_EQ(field("redis://127.0.0.1", {.prefix = std::string(201, 'p')}), "prefix");
  EXPECT_EQ(field("redis://127.0.0.1", {.timeout = Millis(0)}), "timeout");
  EXPECT_EQ(field("redis://127.0.0.1", {.prefix = std::string(200, 'p')}), "made");
}

TEST_F(RedisLock, the_example_runs) {
  const std::string command = std::string(HF_REDIS_LOCK) + " " + redis_.url().text();
  EXPECT_EQ(std::system(command.c_str()), 0);
  redis_.command({"SET", "{erp-locks}:key:stock:A-17", "another", "PX", "60000"});
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 1);
}

}  // namespace
}  // namespace hf::test
