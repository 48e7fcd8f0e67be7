// The primitive within one process. If these fail, two threads of a program edit the same thing.

#include "client/distributed_lock_suite.h"

namespace holdfast {
namespace {

struct LocalBackend {
  std::unique_ptr<DistributedLock> make() {
    return make_local_distributed_lock({.keys_max = 1'000, .steady_now = [this] { return now; }, .wall_now = {}});
  }
  void pass(Millis time) { now += time; }
  std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
};
INSTANTIATE_TYPED_TEST_SUITE_P(Local, DistributedLockSuite, LocalBackend);

TEST(LocalDistributedLock, holds_at_most_its_limit_of_keys_and_takes_more_when_some_have_expired) {
  std::chrono::steady_clock::time_point now{};
  auto lock = make_local_distributed_lock({.keys_max = 2, .steady_now = [&] { return now; }, .wall_now = {}});
  ASSERT_TRUE(*lock->try_acquire("a", Millis(100), "v"));
  ASSERT_TRUE(*lock->try_acquire("b", Millis(200), "v"));
  auto third = lock->try_acquire("c", Millis(100), "v");
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Code::too_many);
  now += Millis(100);
  EXPECT_TRUE(*lock->try_acquire("c", Millis(100), "v"));
  EXPECT_TRUE(*lock->exists("b"));
}

TEST(LocalDistributedLock, tokens_grow_across_a_restart_of_the_process) {
  std::chrono::system_clock::time_point wall{std::chrono::hours(24 * 365 * 55)};
  const auto options = [&] {
    return LocalDistributedLockOptions{.keys_max = 10, .steady_now = {}, .wall_now = [&] { return wall; }};
  };
  auto first = make_local_distributed_lock(options());
  const Token before = (**first->try_acquire("k", Millis(1'000))).token;
  wall += std::chrono::seconds(1);
  auto second = make_local_distributed_lock(options());
  EXPECT_GT((**second->try_acquire("k", Millis(1'000))).token, before);
}

}  // namespace
}  // namespace holdfast
