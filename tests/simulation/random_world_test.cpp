// Whole installations by seed, with everything that goes wrong in them: a difference means that somebody's tree shows
// what is not so, a leak that somebody reads what he may not, and that no digest told him.
//
// HF_SEED=n runs the world of that seed alone and tells all that its clients said and heard, HF_SEEDS=n that many of
// each kind, HF_SOAK=1 a hundred times as many.

#include <gtest/gtest.h>

#include <cstdlib>

#include "simulation/chaos.h"

namespace hf::sim {
namespace {

// A checked build takes ten times as long for each.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::uint64_t fewer = 4;
#else
constexpr std::uint64_t fewer = 1;
#endif
#else
constexpr std::uint64_t fewer = 1;
#endif

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

struct Sum {
  std::size_t frames = 0, upserts = 0, removals = 0, digests = 0, snapshots = 0, connects = 0, acknowledged = 0;
  Micros slowest{0};
};

bool run(std::uint64_t seed, bool redis, Sum& sum) {
  WorldOptions options = random_options(seed, redis);
  options.tells_all = from_environment("HF_SEED", 0) != 0;
  World world(std::move(options));
  Chaos chaos(world);
  chaos.rage(Millis(12'000));
  world.settle();
  for (const auto& seat : world.seats) {
    sum.frames += seat->judge->frames;
    sum.upserts += seat->judge->upserts;
    sum.removals += seat->judge->removals;
    sum.digests += seat->judge->digests;
    sum.snapshots += seat->judge->snapshots;
    sum.connects += seat->connects;
  }
  sum.acknowledged += world.acknowledged;
  sum.slowest = std::max(sum.slowest, world.converged_after);
  if (world.faults.empty()) return true;
  std::string story;
  for (const std::string& each : world.story) story += each + "\n";
  ADD_FAILURE() << "HF_SEED=" << seed << (redis ? " over Redis: " : ": ") << world.faults.front() << "\n" << story;
  return false;
}

void run_all(bool redis, std::uint64_t seeds) {
  const bool soaks = from_environment("HF_SOAK", 0) != 0;
  const std::uint64_t one = from_environment("HF_SEED", 0);
  const std::uint64_t first = one != 0 ? one : 1,
                      count = one != 0 ? 1 : from_environment("HF_SEEDS", seeds / fewer) * (soaks ? 100 : 1);
  Sum sum;
  std::uint64_t failed = 0;
  for (std::uint64_t seed = first; seed < first + count && failed < 3; ++seed) failed += run(seed, redis, sum) ? 0 : 1;
  std::printf(
      "%llu worlds: %zu events acknowledged, %zu connections, %zu frames, %zu rows told, %zu removed, "
      "%zu snapshots, converged within %lld ms\n",
      static_cast<unsigned long long>(count), sum.acknowledged, sum.connects, sum.frames, sum.upserts, sum.removals,
      sum.snapshots, static_cast<long long>(sum.slowest.count() / 1000));
  if (count < 100) return;
  // A world in which nothing happens would be right, too.
  EXPECT_GT(sum.upserts, 20 * count);
  EXPECT_GT(sum.removals, count);
}

TEST(RandomWorld, a_seed_gives_one_history) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    std::vector<std::string> stories[2];
    for (auto& story : stories) {
      WorldOptions options = random_options(seed, seed % 2 == 0);
      options.tells_all = true;
      World world(std::move(options));
      Chaos(world).rage(Millis(6'000));
      world.settle();
      story = std::move(world.story);
    }
    EXPECT_GT(stories[0].size(), 100u);
    EXPECT_TRUE(stories[0] == stories[1]) << "HF_SEED=" << seed;
  }
}

TEST(RandomWorld, every_client_shows_what_the_database_says_of_one_node_with_a_disk) { run_all(false, 2500); }
TEST(RandomWorld, every_client_shows_what_the_database_says_of_nodes_that_share_a_redis) { run_all(true, 800); }

}  // namespace
}  // namespace hf::sim
