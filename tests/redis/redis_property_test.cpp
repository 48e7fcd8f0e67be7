// Random histories on two nodes over a real Redis, held against the same model as the embedded engine's tree. If it
// fails, a bill is granted by other rules once a company has outgrown one machine.
//
// HF_SEED=n runs the one history of that seed, HF_REDIS_STEPS=n that many steps.

#include <gtest/gtest.h>

#include <cstdlib>

#include "property/comparison.h"
#include "property/describe.h"
#include "tests/redis/redis_process.h"
#include "tests/redis/redis_subject.h"

namespace hf::test {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(RedisProperty, two_nodes_answer_and_tell_what_the_model_does) {
  const RedisProcess redis;
  ASSERT_TRUE(redis.is_running());
  const auto subject = [&](const LockTreeOptions& options) { return redis_subject(redis.url(), options); };
  const std::uint64_t one_seed = from_environment("HF_SEED", 0);
  const std::uint64_t total = from_environment("HF_REDIS_STEPS", 20'000);
  std::uint64_t done = 0;
  for (std::uint64_t seed = one_seed != 0 ? one_seed : 1; done < total; ++seed, done += 400) {
    ComparisonOptions options = options_for(seed);
    options.check_every = 50;
    History history;
    const auto found = explore(seed, 400, options, subject, history);
    ASSERT_FALSE(found) << "HF_SEED=" << seed << ", step " << found->step << ": " << found->what << "\n"
                        << describe(History(
                               history.end() - static_cast<std::ptrdiff_t>(std::min<std::size_t>(history.size(), 12)),
                               history.end()));
    if (one_seed != 0) return;
  }
}

}  // namespace
}  // namespace hf::test
