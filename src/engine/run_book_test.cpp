// If a run were forgotten, counted twice or told under another id, an ERP could not say how its action went, or a user
// would be refused a new one for ever.
#include "engine/run_book.h"

#include <gtest/gtest.h>

namespace hf {
namespace {

struct RunBookTest : testing::Test {
  Limits limits;
  RunBook book{limits};
  std::string journal;
  Stamp stamp{Action::run_begin, wall_us(1'800'000'000'000'000), "li"};
  Wall wall = wall_us(1'800'000'000'000'000);

  static RunId id(std::uint64_t n) { return RunId{Id128{1, n}}; }
  void begin(std::uint64_t n, const std::string& user = "li", const std::string& request = {}) {
    RunRecord run;
    run.info.run = id(n);
    run.info.user = user;
    run.info.action = "approve";
    run.info.bills = {Target::from_text("SaleOut:77")};
    run.request_id = request;
    book.begin(std::move(run), journal, stamp);
    EXPECT_EQ(book.check(), "");
  }
  void start(std::uint64_t n) { book.start(id(n), wall, journal, stamp); }
  void end(std::uint64_t n, RunState state, std::int64_t at = 1) {
    book.end(id(n), state, "", EndReason::released, instant_us(at), wall, journal, stamp);
    EXPECT_EQ(book.check(), "");
  }
  // What the bytes that were written come to, folded as a store does.
  static std::map<Id128, std::string> folded(std::string_view bytes) {
    std::map<Id128, std::string> last;
    while (const auto change = take_change(bytes)) {
      if ((change->header.flags & change_erase) != 0) {
        last.erase(change->header.key);
      } else {
        last[change->header.key] = change->body;
      }
    }
    return last;
  }
};

TEST_F(RunBookTest, a_user_may_have_so_many_runs_and_no_more) {
  limits.runs_per_user_max = 2;
  limits.runs_per_service_max = 3;
  begin(1);
  EXPECT_FALSE(book.refuses("li", false));
  begin(2);
  EXPECT_TRUE(book.refuses("li", false));
  EXPECT_FALSE(book.refuses("li", true)) << "a service has a limit of its own";
  EXPECT_FALSE(book.refuses("wang", false));
  start(1);
  end(1, RunState::done);
  EXPECT_FALSE(book.refuses("li", false)) << "what has ended does not count";
}

TEST_F(RunBookTest, all_users_together_have_a_limit_too) {
  limits.runs_max = 2;
  begin(1);
  begin(2, "wang");
  EXPECT_TRUE(book.refuses("chen", true));
}

TEST_F(RunBookTest, what_is_told_settles_a_run_that_fell_silent_and_no_other) {
  for (const std::uint64_t n : {1U, 2U, 3U}) {
    begin(n);
    start(n);
  }
  end(1, RunState::unknown);
  end(2, RunState::failed);
  EXPECT_TRUE(book.tell(id(1), wall, journal, stamp));
  EXPECT_FALSE(book.tell(id(1), wall, journal, stamp)) << "once";
  EXPECT_FALSE(book.tell(id(2), wall, journal, stamp));
  EXPECT_FALSE(book.tell(id(3), wall, journal, stamp)) << "it goes on";
  EXPECT_FALSE(book.tell(id(4), wall, journal, stamp));
  EXPECT_EQ(book.find(id(1))->info.state, RunState::done);
  EXPECT_EQ(book.find(id(2))->info.state, RunState::failed);
  EXPECT_TRUE(book.find(id(3))->told);
}

TEST_F(RunBookTest, the_oldest_of_those_that_ended_is_forgotten_first) {
  limits.runs_ended_max = 2;
  for (const std::uint64_t n : {1U, 2U, 3U, 4U}) {
    begin(n, "li", "r" + std::to_string(n));
    start(n);
  }
  end(3, RunState::done, 10);
  end(1, RunState::done, 20);
  end(2, RunState::done, 30);
  book.sweep(instant_us(40), journal);
  EXPECT_EQ(book.check(), "");
  EXPECT_EQ(book.find(id(3)), nullptr);
  EXPECT_EQ(book.begun_by("li", "r3"), nullptr);
  ASSERT_NE(book.begun_by("li", "r1"), nullptr);
  EXPECT_EQ(book.begun_by("wang", "r1"), nullptr) << "a request id is its user's";
  book.sweep(instant_us(20) + limits.run_kept, journal);
  EXPECT_EQ(book.find(id(1)), nullptr);
  EXPECT_NE(book.find(id(2)), nullptr);
  EXPECT_NE(book.find(id(4)), nullptr) << "it goes on";
}

TEST_F(RunBookTest, a_book_made_of_its_bytes_is_the_same) {
  begin(1, "li", "first");
  start(1);
  book.step(id(1), "writing", "s1", wall, journal, stamp);
  begin(2, "wang");
  begin(3);
  start(3);
  end(3, RunState::unknown);
  begin(4);
  book.forget(id(4), journal);
  RunBook again(limits);
  for (const auto& [key, body] : folded(journal)) ASSERT_TRUE(again.restore(key, body));
  EXPECT_EQ(again.check(), "");
  EXPECT_EQ(again.live(), 2u);
  EXPECT_EQ(again.find(id(4)), nullptr);
  ASSERT_NE(again.begun_by("li", "first"), nullptr);
  EXPECT_EQ(again.begun_by("li", "first")->info, book.find(id(1))->info);
  EXPECT_EQ(again.find(id(1))->step_id, "s1");
  std::string one, other;
  book.write(one, stamp);
  again.write(other, stamp);
  EXPECT_EQ(one, other);
}

TEST_F(RunBookTest, bytes_that_are_cut_off_are_refused) {
  begin(1, "li", "first");
  const std::string body = folded(journal).begin()->second;
  for (std::size_t n = 0; n < body.size(); ++n) {
    RunBook again(limits);
    EXPECT_FALSE(again.restore(Id128{1, 1}, std::string_view(body).substr(0, n))) << n;
  }
}

TEST_F(RunBookTest, the_audit_trail_says_who_did_what) {
  begin(1);
  start(1);
  std::string_view bytes = journal;
  std::optional<AuditEntry> entry;
  while (const auto change = take_change(bytes)) entry = audit_of(*change);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->action, "run_begin");
  EXPECT_EQ(entry->user, "li");
  EXPECT_EQ(entry->targets, std::vector<std::string>{"SaleOut:77"});
  EXPECT_EQ(entry->after, "approve, running");
}

}  // namespace
}  // namespace hf
