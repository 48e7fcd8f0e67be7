// The judge must see by itself what an engine does wrong: it is all there is to judge real servers by.

#include <gtest/gtest.h>

#include "property/history_checker.h"
#include "property/random_history.h"
#include "property/reference_model.h"

namespace hf::test {
namespace {

// What the judge says of random histories answered by a model without that rule.
std::string verdict(Broken broken) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    ReferenceModel model({}, broken);
    RandomHistory random(seed);
    HistoryChecker checker;
    for (int i = 0; i < 500; ++i) {
      World world;
      for (const auto& s : model.sessions()) world.sessions.push_back({s.id, s.user});
      for (const auto& h : model.held()) {
        World::Lock lock{h.grant.lock,  h.grant.token, h.grant.session, h.grant.user,
                         h.grant.owner, h.grant.kind,  h.grant.mode,    {},
                         h.grant.holds};
        for (const HeldTarget& t : h.grant.targets) lock.targets.push_back(t.target);
        world.locks.push_back(std::move(lock));
      }
      const Step step = random.next(world);
      std::vector<LockEvent> events;
      const LockOutcome outcome = model.apply(step.command, step.clock, events);
      if (std::string why = checker.record(step.command, step.clock, outcome, events); !why.empty()) return why;
    }
  }
  return {};
}

TEST(HistoryChecker, finds_no_fault_with_the_model) { EXPECT_EQ(verdict(Broken::nothing), ""); }
TEST(HistoryChecker, sees_shared_beside_exclusive) { EXPECT_NE(verdict(Broken::shared_beside_exclusive), ""); }
TEST(HistoryChecker, sees_a_part_held_beside_its_bill) { EXPECT_NE(verdict(Broken::part_under_bill), ""); }
TEST(HistoryChecker, sees_an_earlier_request_overtaken) { EXPECT_NE(verdict(Broken::queue_order), ""); }
TEST(HistoryChecker, sees_a_lost_wake_up) { EXPECT_NE(verdict(Broken::wake_up), ""); }
TEST(HistoryChecker, sees_a_new_token_on_re_entry) { EXPECT_NE(verdict(Broken::token_on_reentry), ""); }
TEST(HistoryChecker, sees_a_batch_granted_in_part) { EXPECT_NE(verdict(Broken::partial_grant), ""); }
TEST(HistoryChecker, sees_a_command_carried_out_at_a_clock_that_is_far_off) {
  const OpenSession open{.caller = {.user = "li"}, .session = SessionId{Id128{5, 1}}};
  const Refusal refused{.code = Code::unavailable};
  EXPECT_EQ(HistoryChecker().record(open, wall_us(1'000'000), refused, {}), "");
  EXPECT_NE(HistoryChecker().record(open, wall_us(1'000'000), SessionOpened{}, {}), "");
  EXPECT_NE(HistoryChecker().record(open, wall_us(1'000'000), refused, {ClockAlarm{}}), "");
}
TEST(HistoryChecker, sees_a_hold_shared_with_the_session_that_placed_it) { EXPECT_NE(verdict(Broken::hold_owner), ""); }

}  // namespace
}  // namespace hf::test
