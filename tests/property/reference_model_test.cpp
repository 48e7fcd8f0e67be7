// The comparison must be able to fail: each rule left out of a copy of the model must be seen.

#include <gtest/gtest.h>

#include "property/comparison.h"
#include "property/describe.h"

namespace hf::test {
namespace {

std::optional<Difference> first_difference(const SubjectFactory& subject, std::uint64_t histories, std::size_t steps) {
  for (std::uint64_t seed = 1; seed <= histories; ++seed) {
    History history;
    if (auto found = explore(seed, steps, options_for(seed), subject, history)) return found;
  }
  return std::nullopt;
}

TEST(ReferenceModel, a_copy_of_it_answers_the_same_and_passes_the_judge) {
  const std::uint64_t histories = 200;
  for (std::uint64_t seed = 1; seed <= histories; ++seed) {
    History history;
    const ComparisonOptions options = options_for(seed);
    const auto found = explore(seed, 800, options, broken_subject(Broken::nothing), history);
    if (found) {
      const History shorter = shorten(history, options, broken_subject(Broken::nothing));
      const auto again = compare(shorter, options, broken_subject(Broken::nothing));
      FAIL() << "seed " << seed << "\n" << describe(shorter) << (again ? again->what : found->what);
    }
  }
}

class ABrokenRule : public testing::TestWithParam<Broken> {};

TEST_P(ABrokenRule, is_noticed_within_forty_histories) {
  EXPECT_TRUE(first_difference(broken_subject(GetParam()), 40, 800));
}

INSTANTIATE_TEST_SUITE_P(Of, ABrokenRule,
                         testing::Values(Broken::shared_beside_exclusive, Broken::part_under_bill, Broken::queue_order,
                                         Broken::holder_upgrade, Broken::wake_up, Broken::token_on_reentry,
                                         Broken::release_counts, Broken::partial_grant, Broken::deadlock,
                                         Broken::lease_end, Broken::stale_version, Broken::repeat, Broken::hold_owner,
                                         Broken::defer_twice, Broken::pass_holds, Broken::run_waits_for_edit,
                                         Broken::run_outlives_locks));

}  // namespace
}  // namespace hf::test
