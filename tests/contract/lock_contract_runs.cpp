// Runs (docs/locks.md §7): an ERP's action and a person's edit never have one bill at once, an action waits for no
// person, and nobody is told that an action failed that was committed.

#include "contract/lock_contract.h"

namespace hf::test {
namespace {

BeginRun run_wish(std::uint64_t number, const Caller& caller, SessionId session, std::vector<Target> bills,
                  Millis wait = Millis(5000), std::string action = "approve") {
  return BeginRun{.caller = caller,
                  .session = session,
                  .run = RunId{Id128{8, number}},
                  .action = std::move(action),
                  .bills = std::move(bills),
                  .wait = wait,
                  .node = Id128{6, 1}};
}

TEST_P(LockContract, a_run_locks_all_its_bills_and_names_itself_and_its_node) {
  const Window li = open("li"), wang = open("wang");
  const Grant edit = take(li, {"SaleOut:77"});
  const Grant g = granted(run(run_wish(1, by("li"), li.id, targets({"SaleOut:77", "SaleOrder:1"})))).grant;
  EXPECT_EQ(g.kind, Kind::temporary);
  EXPECT_EQ(g.run, (RunId{Id128{8, 1}}));
  EXPECT_EQ(g.lock.value, g.run.value);
  EXPECT_EQ(g.node, (Id128{6, 1}));
  EXPECT_EQ(g.targets[1].token, edit.token) << "what the window edits keeps its token";
  EXPECT_TRUE(refused(acquire(wang, {"SaleOrder:1/SaleOrderDetail"}), Code::locked));
  ListLocks of_run;
  of_run.caller = by_holder_of_rights("root");
  of_run.run = g.run;
  ASSERT_EQ(std::get<LockList>(run(of_run)).locks.size(), 1U);
  EXPECT_TRUE(std::get<Verified>(verify(g, {"SaleOrder:1"})).valid);
  EXPECT_TRUE(refused(release(li, g.lock), Code::forbidden));
}

TEST_P(LockContract, a_run_waits_for_a_run_and_for_no_person) {
  const Window li = open("li"), wang = open("wang"), zhao = open("zhao");
  run(run_wish(1, by("li"), {}, targets({"SaleOrder:1"})));
  EXPECT_TRUE(std::holds_alternative<Queued>(run(run_wish(2, by("wang"), wang.id, targets({"SaleOrder:1"})))));
  const LockId editor = queue(zhao, {"SaleOrder:1"});
  EXPECT_TRUE(std::holds_alternative<Queued>(run(run_wish(3, by("li"), li.id, targets({"SaleOrder:1"})))));
  forget();
  run(FinishRun{.caller = by("li"), .run = RunId{Id128{8, 1}}});
  ASSERT_EQ(told<LockGranted>(wang).size(), 1U);
  run(FinishRun{.caller = by("wang"), .run = RunId{Id128{8, 2}}});
  ASSERT_EQ(told<LockGranted>(zhao).size(), 1U);
  EXPECT_EQ(told<LockGranted>(zhao)[0].wait, editor);
  ASSERT_EQ(told<WaitEnded>(li).size(), 1U) << "somebody edits now";
  EXPECT_EQ(told<WaitEnded>(li)[0].why.code, Code::locked);
  EXPECT_TRUE(refused(run(run_wish(4, by("li"), li.id, targets({"SaleOrder:1"}))), Code::locked));
}

TEST_P(LockContract, a_run_passes_the_holds_that_do_not_stop_it_however_many) {
  const Window li = open("li");
  for (const std::string_view owner : {"SaleOut:1", "SaleOut:2"}) {
    Acquire hold = hold_wish(li, {"SaleOrder:1"}, owner);
    hold.mode = Mode::shared;
    hold.stops = {"void", "delete"};
    granted(run(hold));
  }
  granted(run(run_wish(1, by("li"), li.id, targets({"SaleOrder:1"}))));
  run(FailRun{by("li"), RunId{Id128{8, 1}}, "no stock"});
  EXPECT_TRUE(refused(run(run_wish(2, by("li"), li.id, targets({"SaleOrder:1"}), Millis(0), "void")), Code::locked));
  EXPECT_TRUE(refused(acquire(li, {"SaleOrder:1"}), Code::locked));
}

TEST_P(LockContract, a_silent_run_ends_unknown_and_what_is_told_of_its_bills_settles_it) {
  const Window li = open("li"), wang = open("wang");
  run(run_wish(1, by("li"), li.id, targets({"SaleOrder:1"})));
  pass(Millis(50'000));
  run(StepRun{by("li"), RunId{Id128{8, 1}}, "writing"});
  pass(Millis(59'000));
  EXPECT_FALSE(is_free("SaleOrder:1"));
  forget();
  pass(Millis(2'000));
  const auto changes = told<RunChanged>();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].run.state, RunState::unknown);
  EXPECT_EQ(changes[0].run.step, "writing");
  ASSERT_EQ(told<LockLost>(li).size(), 1U);
  take(wang, {"SaleOrder:1"});
  EXPECT_TRUE(refused(run(StepRun{by("li"), RunId{Id128{8, 1}}, "late"}), Code::lock_gone));
  run(SettleRun{RunId{Id128{8, 1}}});
  EXPECT_EQ(std::get<RunInfo>(run(GetRun{by("li"), RunId{Id128{8, 1}}})).state, RunState::done);
}

TEST_P(LockContract, a_run_goes_on_over_a_restart_and_its_request_finds_it_again) {
  const Window wang = open("wang");
  Acquire hold = hold_wish(wang, {"SaleOrder:1"}, "SaleOut:1", Millis(3'600'000));
  hold.mode = Mode::shared;
  hold.stops = {"void"};
  granted(run(hold));
  BeginRun begin = run_wish(1, by("li"), {}, targets({"SaleOrder:1"}));
  begin.caller.request_id = "r1";
  const Grant before = granted(run(begin)).grant;
  EXPECT_TRUE(
      std::holds_alternative<Queued>(run(run_wish(2, by("wang"), wang.id, targets({"SaleOrder:1"}), Millis(20'000)))));
  restart();
  const Grant after = granted(run(begin)).grant;
  EXPECT_EQ(after.run, before.run);
  EXPECT_EQ(after.token, before.token);
  begin.caller.fingerprint = 7;
  EXPECT_TRUE(refused(run(begin), Code::request_id_reused));
  forget();
  run(FinishRun{.caller = by("li"), .run = before.run});
  EXPECT_EQ(told<LockGranted>(wang).size(), 1U);
  EXPECT_EQ(std::get<RunInfo>(run(GetRun{by("li"), before.run})).state, RunState::done);
}

TEST_P(LockContract, a_finished_run_places_its_hold_before_those_who_wait) {
  const Window wang = open("wang");
  run(run_wish(1, by("li"), {}, targets({"SaleOut:77", "SaleOrder:1"})));
  const LockId wait = queue(wang, {"SaleOrder:1"});
  FinishRun finish{.caller = by("li"), .run = RunId{Id128{8, 1}}};
  finish.places = {{LockId{Id128{3, 999}}, target("SaleOrder:1"), "SaleOut:77", "delivery", {"void"}, Millis(60'000)}};
  forget();
  const RunInfo done = std::get<RunInfo>(run(finish));
  ASSERT_EQ(done.placed.size(), 1U);
  EXPECT_EQ(done.placed[0].owner, "SaleOut:77");
  EXPECT_TRUE(told<LockGranted>(wang).empty());
  run(CancelWait{by("wang"), wang.id, wait});
  FinishRun undo{.caller = by("li"), .run = RunId{Id128{8, 2}}};
  undo.ends = {{target("SaleOrder:1"), {}, "delivery"}};
  granted(run(run_wish(2, by("li"), {}, targets({"SaleOrder:1"}), Millis(0), "close")));
  queue(wang, {"SaleOrder:1"});
  run(undo);
  EXPECT_EQ(told<LockGranted>(wang).size(), 1U);
}

TEST_P(LockContract, runs_have_limits_of_their_own) {
  LockTreeOptions options;
  options.limits.runs_per_user_max = 1;
  options.limits.runs_max = 2;
  start(options);
  run(run_wish(1, by("li"), {}, targets({"SaleOrder:1"})));
  EXPECT_TRUE(refused(run(run_wish(2, by("li"), {}, targets({"SaleOrder:2"}))), Code::too_many));
  granted(run(run_wish(3, by("wang"), {}, targets({"SaleOrder:2"}))));
  EXPECT_TRUE(refused(run(run_wish(4, by("zhao"), {}, targets({"SaleOrder:3"}))), Code::too_many));
  run(FailRun{by("li"), RunId{Id128{8, 1}}, "no stock"});
  granted(run(run_wish(5, by("zhao"), {}, targets({"SaleOrder:3"}))));
}

}  // namespace
}  // namespace hf::test
