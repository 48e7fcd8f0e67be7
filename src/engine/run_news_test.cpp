// If a run's steps were told of the wrong bills, or what was told of a bill did not settle its run, people would see an
// action that hangs for ever.
#include "engine/run_news.h"

#include <gtest/gtest.h>

#include "engine/status_board.h"

namespace hf {
namespace {

RunChanged changed(RunState state, std::string step = {}) {
  RunInfo run;
  run.run = RunId{{1, 2}};
  run.user = "li";
  run.user_name = "Li Lei";
  run.action = "approve";
  run.bills = {Target::from_text("SaleOrder:1"), Target::from_text("SaleOut:77")};
  run.state = state;
  run.step = std::move(step);
  run.error = state == RunState::failed ? "no stock" : "";
  run.changed_at = wall_us(5);
  return {run};
}

TEST(RunNews, a_step_is_told_of_each_bill_in_the_name_of_its_user) {
  const auto news = news_of(changed(RunState::running, "writing"));
  ASSERT_TRUE(news);
  ASSERT_EQ(news->events.size(), 2u);
  EXPECT_EQ(std::get<RunEvent>(news->events[1]), (RunEvent{.run = RunId{{1, 2}},
                                                           .type = "SaleOut",
                                                           .id = "77",
                                                           .step = "writing",
                                                           .action = "approve",
                                                           .error = {},
                                                           .actor = {"li", "Li Lei"},
                                                           .at = wall_us(5)}));
  EXPECT_TRUE(news->caller.request_id.empty()) << "it takes no place among the publishers' repeats";
}

TEST(RunNews, a_beginning_and_an_end_are_told_by_what_the_run_is_then) {
  const auto step_of = [](const RunChanged& run) { return std::get<RunEvent>(news_of(run)->events[0]).step; };
  EXPECT_EQ(step_of(changed(RunState::running)), "running");
  EXPECT_EQ(step_of(changed(RunState::unknown, "writing")), "unknown");
  EXPECT_EQ(std::get<RunEvent>(news_of(changed(RunState::failed))->events[0]).error, "no stock");
}

TEST(RunNews, other_events_tell_nothing_of_a_run) {
  EXPECT_FALSE(news_of(ClockAlarm{"jumped"}));
  EXPECT_FALSE(settled_by(BoardReset{{}, "first"}));
}

TEST(RunNews, what_is_told_of_a_bill_settles_the_run_that_it_names) {
  StatusBoard board;
  std::vector<BoardEvent> events;
  std::string journal;
  const Wall clock = wall_us(1'800'000'000'000'000);
  board.apply(BeginEpoch{EpochId{{1, 1}}, "first"}, clock, events, journal);
  const auto settled = [&](const std::string& id, const std::string& cause) {
    events.clear();
    StatusEvent event{.type = "SaleOut", .id = id, .version = 1};
    event.cause = cause;
    board.apply(Publish{.events = {event}}, clock, events, journal);
    EXPECT_FALSE(events.empty());
    return events.empty() ? std::nullopt : settled_by(events[0]);
  };
  EXPECT_EQ(settled("1", RunId{{1, 2}}.text()), (SettleRun{RunId{{1, 2}}}));
  EXPECT_FALSE(settled("2", "SaleOrder:1")) << "a bill was its cause";
  EXPECT_FALSE(settled("3", ""));
}

}  // namespace
}  // namespace hf
