// A run is told on the board, and a bill settles its run, though nobody submits a command for either. If that failed,
// people would see an action that hangs for ever; if it were not in the journal, a restart would forget it.
#include "engine/namespace_state.h"

#include <gtest/gtest.h>

namespace hf {
namespace {

struct Namespace : testing::Test {
  NamespaceState state{{}, {}};
  Wall clock = wall_us(1'800'000'000'000'000);
  std::vector<Event> events;
  std::string journal;
  const RunId run{Id128{8, 1}};

  Namespace() { EXPECT_TRUE(state.board().recovered(clock, EpochId{Id128{9, 9}})); }

  Outcome apply(const Command& command) {
    events.clear();
    Outcome outcome = state.apply(command, clock, events, journal);
    EXPECT_EQ(state.check(), "");
    return outcome;
  }
  void begin() {
    BeginRun c{.caller = {.user = "li", .user_name = "Li"}, .session = {}, .run = run, .action = "approve"};
    c.bills = {Target::from_text("SaleOrder:1"), Target::from_text("SaleOut:77")};
    ASSERT_EQ(refusal_in(apply(LockCommand(c))), nullptr);
  }
  void publish(const std::string& cause) {
    StatusEvent event{.type = "SaleOut", .id = "77", .version = 1};
    event.cause = cause;
    ASSERT_EQ(refusal_in(apply(StatusCommand(Publish{.caller = {.user = "erp"}, .events = {event}}))), nullptr);
  }
  void pass(int seconds) {
    std::vector<Event> all;
    for (int i = 0; i < seconds; ++i) {
      clock += Millis(1000);
      apply(LockCommand(Tick{}));
      all.insert(all.end(), events.begin(), events.end());
    }
    events = std::move(all);
  }
  RunState state_of_run() {
    std::vector<Event> none;
    const Outcome found = state.apply(LockCommand(GetRun{.caller = {.user = "li"}, .run = run}), clock, none, journal);
    return std::get<RunInfo>(std::get<LockOutcome>(found)).state;
  }
  // What the board was told of the run, as "bill step".
  std::vector<std::string> told() const {
    std::vector<std::string> all;
    for (const Event& event : events) {
      const auto* of_board = std::get_if<BoardEvent>(&event);
      const auto* one = of_board != nullptr ? std::get_if<RunTold>(of_board) : nullptr;
      if (one == nullptr) continue;
      EXPECT_EQ(one->run->event.run, run);
      all.push_back(one->run->event.type + ":" + one->run->event.id + " " + one->run->event.step);
    }
    return all;
  }
};

TEST_F(Namespace, what_a_run_does_is_told_on_the_board_of_each_of_its_bills) {
  begin();
  EXPECT_EQ(told(), (std::vector<std::string>{"SaleOrder:1 running", "SaleOut:77 running"}));
  apply(LockCommand(StepRun{.caller = {.user = "li"}, .run = run, .step = "writing"}));
  EXPECT_EQ(told(), (std::vector<std::string>{"SaleOrder:1 writing", "SaleOut:77 writing"}));
  apply(LockCommand(FinishRun{.caller = {.user = "li"}, .run = run}));
  EXPECT_EQ(told(), (std::vector<std::string>{"SaleOrder:1 done", "SaleOut:77 done"}));
  EXPECT_EQ(state.board().last_offset(), 6U);
}

TEST_F(Namespace, a_bill_that_is_told_late_settles_its_run_and_the_board_hears_of_it) {
  begin();
  pass(61);
  EXPECT_EQ(told(), (std::vector<std::string>{"SaleOrder:1 unknown", "SaleOut:77 unknown"}));
  EXPECT_EQ(state_of_run(), RunState::unknown);
  publish(run.text());
  EXPECT_EQ(told(), (std::vector<std::string>{"SaleOrder:1 done", "SaleOut:77 done"}));
  EXPECT_EQ(state_of_run(), RunState::done);
}

TEST_F(Namespace, a_bill_that_names_no_run_settles_none) {
  begin();
  pass(61);
  publish("SaleOrder:1");
  EXPECT_TRUE(told().empty());
  publish({});
  EXPECT_EQ(state_of_run(), RunState::unknown);
}

TEST_F(Namespace, what_follows_from_a_command_is_in_the_journal_with_it) {
  begin();
  pass(61);
  publish(run.text());
  state.seal(journal);
  NamespaceState again({}, {});
  ASSERT_TRUE(again.recover(journal));
  ASSERT_TRUE(again.recovered(clock, state.locks().last_token(), EpochId{Id128{9, 10}}));
  EXPECT_EQ(again.check(), "");
  EXPECT_EQ(again.board().last_offset(), state.board().last_offset());
  std::vector<Event> none;
  const Outcome found = again.apply(LockCommand(GetRun{.caller = {.user = "li"}, .run = run}), clock, none, journal);
  EXPECT_EQ(std::get<RunInfo>(std::get<LockOutcome>(found)).state, RunState::done);
}

}  // namespace
}  // namespace hf
