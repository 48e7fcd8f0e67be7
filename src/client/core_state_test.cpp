// If these fail, a user loses the locks that a session has beyond the first page of its state.

#include "client/core_script_test.h"

namespace hf::client {
namespace {

using holdfast::LostReason;

TEST(Core, a_state_in_pages_is_judged_when_its_last_page_has_come) {
  Script s;
  s.ready();
  auto first = s.holding(1);
  auto second = s.holding(2);
  auto lost = s.holding(3);
  s.pings(1, 0, 5);
  auto page = s.state({grant(1)}, 5);
  page.next = "l1";
  s.answers(s.last<GetSession>().id, Op::session_state, page);
  EXPECT_TRUE(second->lost.empty());
  EXPECT_TRUE(lost->lost.empty());
  ASSERT_EQ(s.count<GetSession>(), 2U);
  const auto& asked = std::get<GetSession>(s.last<GetSession>().fields);
  EXPECT_EQ(asked.after, "l1");
  EXPECT_GT(asked.limit, 0U);
  auto late = s.holding(4);  // after the walk began: no page need have it
  s.answers(s.last<GetSession>().id, Op::session_state, s.state({grant(2)}, 5));
  EXPECT_TRUE(first->lost.empty());
  EXPECT_TRUE(second->lost.empty());
  ASSERT_EQ(lost->lost.size(), 1U);
  EXPECT_EQ(lost->lost[0].reason, LostReason::missing);
  EXPECT_TRUE(late->lost.empty());
  EXPECT_EQ(s.count<Release>(), 0U) << "each listed lock is known";
}

TEST(Core, a_welcome_without_a_state_leads_to_a_question_for_it) {
  Script s;
  s.ready();
  auto lock = s.holding();
  s.breaks();
  s.open_link();
  s.sent.clear();
  s.welcomes(s.greeting(1, true));
  EXPECT_TRUE(lock->lost.empty());
  ASSERT_EQ(s.count<GetSession>(), 1U);
  s.answers(s.last<GetSession>().id, Op::session_state, s.state({grant(1)}, 1));
  EXPECT_TRUE(lock->lost.empty());
}

}  // namespace
}  // namespace hf::client
