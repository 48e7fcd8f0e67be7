#pragma once

// The suite that every DistributedLock passes, written once.
//
// A backend is a type with `std::unique_ptr<DistributedLock> make()` and `void pass(Millis)`, which lets the
// time of that backend pass (a made-up clock moves; a server's does so by itself).
// INSTANTIATE_TYPED_TEST_SUITE_P(Name, DistributedLockSuite, Backend) runs it.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "holdfast/distributed_lock.h"

namespace holdfast {

template <class Backend>
class DistributedLockSuite : public ::testing::Test {
 protected:
  Backend backend_;
};
TYPED_TEST_SUITE_P(DistributedLockSuite);

TYPED_TEST_P(DistributedLockSuite, a_held_key_is_not_acquired_and_that_is_no_error) {
  auto lock = this->backend_.make();
  auto first = lock->try_acquire("k", Millis(10'000), "a");
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->value, "a");
  auto second = lock->try_acquire("k", Millis(10'000), "b");
  ASSERT_TRUE(second);
  EXPECT_FALSE(*second);
  auto own = lock->try_acquire("k", Millis(10'000), "a");
  ASSERT_TRUE(own);
  EXPECT_FALSE(*own);
  EXPECT_TRUE(*lock->try_acquire("other", Millis(10'000), "b"));
}

TYPED_TEST_P(DistributedLockSuite, every_grant_has_a_greater_token) {
  auto lock = this->backend_.make();
  Token last = 0;
  for (int i = 0; i < 10; ++i) {
    auto grant = lock->try_acquire(i % 2 == 0 ? "k" : "l", Millis(10'000), "a");
    ASSERT_TRUE(grant && *grant);
    EXPECT_GT((*grant)->token, last);
    last = (*grant)->token;
    EXPECT_TRUE(*lock->release(i % 2 == 0 ? "k" : "l", "a"));
  }
}

TYPED_TEST_P(DistributedLockSuite, values_that_were_made_differ) {
  auto lock = this->backend_.make();
  auto a = lock->try_acquire("a", Millis(10'000));
  auto b = lock->try_acquire("b", Millis(10'000));
  ASSERT_TRUE(a && *a && b && *b);
  EXPECT_NE((*a)->value, (*b)->value);
  EXPECT_TRUE(*lock->is_held_by("a", (*a)->value));
}

TYPED_TEST_P(DistributedLockSuite, only_the_holders_value_releases_and_extends) {
  auto lock = this->backend_.make();
  ASSERT_TRUE(*lock->try_acquire("k", Millis(10'000), "a"));
  EXPECT_FALSE(*lock->release("k", "b"));
  EXPECT_FALSE(*lock->extend("k", Millis(20'000), "b"));
  EXPECT_TRUE(*lock->exists("k"));
  EXPECT_TRUE(*lock->is_held_by("k", "a"));
  EXPECT_FALSE(*lock->is_held_by("k", "b"));
  EXPECT_TRUE(*lock->release("k", "a"));
  EXPECT_FALSE(*lock->release("k", "a"));
  EXPECT_FALSE(*lock->exists("k"));
}

TYPED_TEST_P(DistributedLockSuite, a_key_is_free_when_its_time_has_passed) {
  auto lock = this->backend_.make();
  ASSERT_TRUE(*lock->try_acquire("k", Millis(300), "a"));
  this->backend_.pass(Millis(400));
  EXPECT_FALSE(*lock->exists("k"));
  EXPECT_FALSE(*lock->is_held_by("k", "a"));
  EXPECT_FALSE(*lock->remaining("k"));
  EXPECT_FALSE(*lock->extend("k", Millis(10'000), "a"));
  auto next = lock->try_acquire("k", Millis(10'000), "b");
  ASSERT_TRUE(next && *next);
  EXPECT_FALSE(*lock->release("k", "a")) << "the former holder ended the next one's lock";
  EXPECT_TRUE(*lock->is_held_by("k", "b"));
}

TYPED_TEST_P(DistributedLockSuite, extending_counts_from_now_and_may_shorten) {
  auto lock = this->backend_.make();
  ASSERT_TRUE(*lock->try_acquire("k", Millis(60'000), "a"));
  EXPECT_TRUE(*lock->extend("k", Millis(300), "a"));
  auto left = lock->remaining("k");
  ASSERT_TRUE(left && *left);
  EXPECT_LE(**left, Millis(300));
  EXPECT_GT(**left, Millis(0));
  this->backend_.pass(Millis(400));
  EXPECT_FALSE(*lock->exists("k"));
}

TYPED_TEST_P(DistributedLockSuite, what_cannot_be_a_key_value_or_time_is_invalid) {
  auto lock = this->backend_.make();
  EXPECT_EQ(lock->try_acquire("", Millis(1'000), "a").error().field, "key");
  EXPECT_EQ(lock->try_acquire(std::string(513, 'k'), Millis(1'000), "a").error().field, "key");
  EXPECT_TRUE(*lock->try_acquire(std::string(512, 'k'), Millis(1'000), "a"));
  EXPECT_EQ(lock->try_acquire("k", Millis(0), "a").error().field, "ttl");
  EXPECT_EQ(lock->try_acquire("k", std::chrono::hours(24 * 367), "a").error().field, "ttl");
  EXPECT_EQ(lock->try_acquire("k", Millis(1'000), "").error().field, "value");
  EXPECT_EQ(lock->extend("k", Millis(-1), "a").error().code, Code::invalid);
}

TYPED_TEST_P(DistributedLockSuite, many_threads_never_hold_one_key_together) {
  auto lock = this->backend_.make();
  std::atomic<int> inside{0}, grants{0};
  std::atomic<bool> together{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        auto grant = lock->try_acquire("k", Millis(60'000));
        if (!grant || !*grant) continue;
        if (inside.fetch_add(1) != 0) together = true;
        ++grants;
        inside.fetch_sub(1);
        auto released = lock->release("k", (*grant)->value);
        if (!released || !*released) together = true;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_FALSE(together);
  EXPECT_GT(grants, 0);
}

REGISTER_TYPED_TEST_SUITE_P(DistributedLockSuite, a_held_key_is_not_acquired_and_that_is_no_error,
                            every_grant_has_a_greater_token, values_that_were_made_differ,
                            only_the_holders_value_releases_and_extends, a_key_is_free_when_its_time_has_passed,
                            extending_counts_from_now_and_may_shorten, what_cannot_be_a_key_value_or_time_is_invalid,
                            many_threads_never_hold_one_key_together);

}  // namespace holdfast
