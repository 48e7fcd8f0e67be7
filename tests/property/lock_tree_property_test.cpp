// A million random steps, each answered by the tree and by the plain model: a difference means that somebody
// would be told a lock is his that is not, or waits for ever, or that a restart changes who owns a bill.
//
// HF_SEED=n runs the one history of that seed, HF_STEPS=n that many steps, HF_SOAK=1 a hundred
// times as many.

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "property/comparison.h"
#include "property/describe.h"

namespace hf::test {
namespace {

constexpr std::uint64_t kSteps = 1'000'000;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

void expect_no_difference(std::uint64_t seed, std::size_t steps, std::uint32_t check_every,
                          const SubjectFactory& subject = tree_subject) {
  ComparisonOptions options = options_for(seed);
  options.check_every = check_every;
  History history;
  if (!explore(seed, steps, options, subject, history)) return;
  options.check_every = 1;
  const History shorter = shorten(history, options, subject);
  const auto found = compare(shorter, options, subject);
  FAIL() << "HF_SEED=" << seed << ", " << shorter.size() << " of " << history.size() << " steps:\n"
         << describe(shorter) << (found ? found->what : std::string("(does not fail again)"));
}

TEST(LockTreeProperty, the_tree_answers_and_tells_what_the_model_does) {
  const std::uint64_t one_seed = from_environment("HF_SEED", 0);
  const std::uint64_t soak = from_environment("HF_SOAK", 0) != 0 ? 100 : 1;
  const std::uint64_t total = from_environment("HF_STEPS", kSteps) * soak;
  std::uint64_t done = 0;
  for (std::uint64_t seed = one_seed != 0 ? one_seed : 1; done < total; ++seed) {
    // Every eighth history is short and looks into the tree after each step; the others look now and then.
    const bool close = seed % 8 == 0;
    const std::size_t steps = close ? 300 : 600 + static_cast<std::size_t>(seed * 7919 % 1400);
    expect_no_difference(seed, steps, close ? 1 : 64);
    if (HasFatalFailure() || one_seed != 0) return;
    done += steps;
  }
}

// A node that joins takes the state of those that are there: from then on nobody may tell them apart.
TEST(LockTreeProperty, a_tree_made_from_an_image_lives_on_as_the_one_it_was_taken_of) {
  const std::uint64_t one_seed = from_environment("HF_SEED", 0);
  const std::uint64_t total = from_environment("HF_STEPS", kSteps) / 10;
  std::uint64_t done = 0;
  for (std::uint64_t seed = one_seed != 0 ? one_seed : 1; done < total; ++seed) {
    expect_no_difference(seed, 500, 16, twin_subject);
    if (HasFatalFailure() || one_seed != 0) return;
    done += 500;
  }
}

// A command that is refused lets time pass as any other does: what ends by that is told beside the refusal.
TEST(LockTreeProperty, what_is_told_beside_a_refusal_is_judged_too) {
  const Caller li{.user = "li"};
  const Caller wang{.user = "wang"};
  const SessionId lis{Id128{5, 1}};
  const SessionId wangs{Id128{5, 2}};
  const Secret secret{Id128{9, 1}};
  const LockId lock{Id128{7, 1}};
  const std::vector<Target> bill{Target::from_text("SaleOrder:1")};
  History history;
  const auto then = [&](Millis after, LockCommand command) {
    history.push_back({std::move(command), wall_us(1'780'000'000'000'000) + after});
  };
  then(Millis(0), OpenSession{.caller = li, .session = lis, .secret = secret});
  then(Millis(0), OpenSession{.caller = wang, .session = wangs, .secret = Secret{Id128{9, 2}}});
  then(Millis(0), ResumeSession{li, lis, secret, secret, 2});
  then(Millis(0), Acquire{.caller = li, .session = lis, .lock = lock, .targets = bill});
  then(Millis(0),
       Acquire{.caller = wang, .session = wangs, .lock = LockId{Id128{7, 2}}, .targets = bill, .wait = Millis(500)});
  then(Millis(600), ResumeSession{li, lis, secret, secret, 1});  // unavailable, and the wait is over
  then(Millis(600), Release{.caller = li, .session = lis, .lock = lock});
  const auto found = compare(history, options_for(1), tree_subject);
  EXPECT_FALSE(found) << found->step << ": " << found->what;
}

}  // namespace
}  // namespace hf::test
