// An ERP's action and a person's edit meet on one bill: if a run did not keep others off, passed a hold that stops it,
// waited for somebody's lunch or let its locks go by themselves unsaid, two people would change one bill.
#include <gtest/gtest.h>

#include "base/random.h"
#include "engine/lock_tree.h"

namespace hf {
namespace {

struct LockTreeRuns : testing::Test {
  LockTree tree;
  SeededSecrets ids{42};
  Wall clock = wall_us(1'800'000'000'000'000);
  std::vector<LockEvent> events;
  std::string journal;

  LockOutcome apply(const LockCommand& c) {
    events.clear();
    LockOutcome o = tree.apply(c, clock, events, journal);
    EXPECT_EQ(tree.check(), "");
    return o;
  }
  static Caller caller(const std::string& user) { return Caller{.user = user, .user_name = user, .hold = true}; }
  SessionId open(const std::string& user) {
    const SessionId id{ids.next_id()};
    EXPECT_TRUE(std::holds_alternative<SessionOpened>(apply(
        OpenSession{.caller = caller(user), .session = id, .secret = {ids.next_id()}, .lease = Millis(600'000)})));
    return id;
  }
  static std::vector<Target> targets(const std::vector<std::string>& texts) {
    std::vector<Target> found;
    for (const auto& text : texts) found.push_back(Target::from_text(text));
    return found;
  }
  LockOutcome acquire(const std::string& user, SessionId s, const std::vector<std::string>& on,
                      Millis wait = Millis(0)) {
    return apply(
        Acquire{.caller = caller(user), .session = s, .lock = {ids.next_id()}, .targets = targets(on), .wait = wait});
  }
  LockOutcome hold(SessionId s, const std::string& owner, std::vector<std::string> stops) {
    return apply(Acquire{.caller = caller("li"),
                         .session = s,
                         .lock = {ids.next_id()},
                         .targets = targets({"SaleOrder:1"}),
                         .mode = Mode::shared,
                         .kind = Kind::hold,
                         .owner = owner,
                         .ttl = Millis(3'600'000),
                         .stops = std::move(stops)});
  }
  BeginRun beginning(const std::string& user, SessionId s, const std::vector<std::string>& bills,
                     Millis wait = Millis(5000), const std::string& action = "approve") {
    return BeginRun{.caller = caller(user),
                    .session = s,
                    .run = {ids.next_id()},
                    .action = action,
                    .bills = targets(bills),
                    .wait = wait,
                    .node = Id128{9, 9}};
  }
  LockOutcome begin(const std::string& user, SessionId s, const std::vector<std::string>& bills,
                    Millis wait = Millis(5000), const std::string& action = "approve") {
    return apply(beginning(user, s, bills, wait, action));
  }
  template <class T>
  std::vector<T> told() const {
    std::vector<T> found;
    for (const LockEvent& event : events) {
      if (const auto* one = std::get_if<T>(&event)) found.push_back(*one);
    }
    return found;
  }
  static Grant granted(const LockOutcome& outcome) {
    const auto* g = std::get_if<Granted>(&outcome);
    EXPECT_NE(g, nullptr);
    return g == nullptr ? Grant{} : g->grant;
  }
  static Code refused(const LockOutcome& outcome) {
    const auto* r = std::get_if<Refusal>(&outcome);
    EXPECT_NE(r, nullptr);
    return r == nullptr ? Code::invalid : r->code;
  }
  RunInfo run_of(const LockOutcome& outcome) const {
    const auto* run = std::get_if<RunInfo>(&outcome);
    EXPECT_NE(run, nullptr);
    return run == nullptr ? RunInfo{} : *run;
  }
  RunInfo get(RunId run) { return run_of(apply(GetRun{.run = run})); }
  // Engine time goes on by at most a second with each command.
  void pass(int seconds) {
    std::vector<LockEvent> all;
    for (int i = 0; i < seconds; ++i) {
      clock += Millis(1000);
      apply(Tick{});
      all.insert(all.end(), events.begin(), events.end());
    }
    events = all;
  }
  void restart() {
    tree = LockTree();
    ASSERT_TRUE(tree.recover(journal));
    ASSERT_TRUE(tree.recovered(clock, tree.last_token()));
    EXPECT_EQ(tree.check(), "");
  }
};

TEST_F(LockTreeRuns, a_run_keeps_editors_off_all_its_bills_or_none) {
  const SessionId li = open("li"), wang = open("wang");
  const Grant mine = granted(begin("li", li, {"SaleOut:77", "SaleOrder:1"}));
  EXPECT_EQ(mine.kind, Kind::temporary);
  EXPECT_EQ(mine.run.value, mine.lock.value);
  EXPECT_EQ(mine.node, (Id128{9, 9}));
  EXPECT_EQ(refused(acquire("wang", wang, {"SaleOrder:1/SaleOrderDetail/7"})), Code::locked);
  EXPECT_EQ(refused(begin("wang", wang, {"SaleOrder:1", "SaleOrder:2"}, Millis(0))), Code::locked);
  EXPECT_TRUE(std::holds_alternative<Granted>(acquire("wang", wang, {"SaleOrder:2"})))
      << "of a refusal nothing is left";
}

TEST_F(LockTreeRuns, what_the_window_edits_counts_as_held_with_its_token) {
  const SessionId li = open("li"), other = open("li");
  const Grant edit = granted(acquire("li", li, {"SaleOut:77"}));
  const Grant run = granted(begin("li", li, {"SaleOut:77", "SaleOrder:1"}));
  EXPECT_GT(run.token, edit.token);
  EXPECT_EQ(run.targets[0], (HeldTarget{Target::from_text("SaleOrder:1"), run.token}));
  EXPECT_EQ(run.targets[1], (HeldTarget{Target::from_text("SaleOut:77"), edit.token}));
  EXPECT_EQ(refused(begin("li", other, {"SaleOut:77"})), Code::locked) << "another window is somebody else";
}

TEST_F(LockTreeRuns, without_a_session_a_run_has_its_own_which_ends_with_it) {
  const Grant run = granted(begin("li", {}, {"SaleOut:77"}));
  EXPECT_EQ(run.session.value, run.run.value);
  EXPECT_EQ(run_of(apply(FinishRun{.caller = caller("li"), .run = run.run})).state, RunState::done);
  ASSERT_EQ(told<SessionEnded>().size(), 1u);
  EXPECT_EQ(told<SessionEnded>()[0].session, run.session);
}

TEST_F(LockTreeRuns, nothing_is_granted_in_the_session_of_a_run_that_is_over_by_then) {
  granted(begin("li", {}, {"SaleOrder:1"}));
  const BeginRun next = beginning("wang", {}, {"SaleOrder:1"}, Millis(500));
  ASSERT_TRUE(std::holds_alternative<Queued>(apply(next)));
  const SessionId own{next.run.value};
  granted(acquire("wang", own, {"SaleOrder:9"}));
  clock += Millis(1000);
  EXPECT_EQ(refused(acquire("wang", own, {"SaleOrder:8"})), Code::session_gone);
  EXPECT_EQ(told<SessionEnded>().size(), 1u);
}

TEST_F(LockTreeRuns, the_sessions_of_runs_take_no_window_away_from_their_user) {
  for (int i = 0; i < 20; ++i) granted(begin("li", {}, {"SaleOut:" + std::to_string(i)}));
  EXPECT_EQ(refused(begin("li", {}, {"SaleOut:99"})), Code::too_many);
  for (int i = 0; i < 20; ++i) open("li");
  EXPECT_EQ(refused(apply(OpenSession{.caller = caller("li"), .session = {ids.next_id()}})), Code::too_many);
}

TEST_F(LockTreeRuns, an_edit_lock_is_answered_at_once_however_long_the_run_would_wait) {
  const SessionId li = open("li"), wang = open("wang");
  granted(acquire("wang", wang, {"SaleOrder:1/SaleOrderDetail/7"}));
  const LockOutcome outcome = begin("li", li, {"SaleOut:77", "SaleOrder:1"});
  ASSERT_EQ(refused(outcome), Code::locked);
  EXPECT_EQ(std::get<Refusal>(outcome).conflicts.at(0).user, "wang");
  hold(wang, "SaleOut:1", {});
  EXPECT_EQ(refused(begin("li", li, {"SaleOrder:1"})), Code::locked);
}

TEST_F(LockTreeRuns, a_run_waits_for_another_and_begins_as_that_ends) {
  const SessionId li = open("li"), wang = open("wang");
  const Grant first = granted(begin("li", li, {"SaleOrder:1"}));
  const BeginRun next = beginning("wang", wang, {"SaleOrder:1"});
  EXPECT_EQ(std::get<Queued>(apply(next)).wait.value, next.run.value);
  EXPECT_EQ(get(next.run).state, RunState::locking);
  apply(FinishRun{.caller = caller("li"), .run = first.run});
  ASSERT_EQ(told<LockGranted>().size(), 1u);
  EXPECT_EQ(told<LockGranted>()[0].granted.grant.run, next.run);
  ASSERT_EQ(told<RunChanged>().size(), 2u);
  EXPECT_EQ(get(next.run).state, RunState::running);
}

TEST_F(LockTreeRuns, a_wait_ends_at_once_when_somebody_begins_to_edit) {
  const SessionId li = open("li"), wang = open("wang"), chen = open("chen");
  const Grant first = granted(begin("li", li, {"SaleOrder:1"}));
  ASSERT_TRUE(std::holds_alternative<Queued>(acquire("wang", wang, {"SaleOrder:1"}, Millis(60'000))));
  const BeginRun next = beginning("chen", chen, {"SaleOrder:1"}, Millis(20'000));
  ASSERT_TRUE(std::holds_alternative<Queued>(apply(next)));
  apply(FinishRun{.caller = caller("li"), .run = first.run});
  ASSERT_EQ(told<LockGranted>().size(), 1u);
  EXPECT_EQ(told<LockGranted>()[0].session, wang);
  ASSERT_EQ(told<WaitEnded>().size(), 1u);
  EXPECT_EQ(told<WaitEnded>()[0].wait.value, next.run.value);
  EXPECT_EQ(told<WaitEnded>()[0].why.code, Code::locked);
  EXPECT_EQ(refused(apply(GetRun{.run = next.run})), Code::not_found) << "it never began";
}

// The window of the run that is waited for edits on: whoever waits would wait for a person.
TEST_F(LockTreeRuns, a_wait_ends_at_once_when_the_run_before_turns_into_an_edit) {
  const SessionId li = open("li"), wang = open("wang");
  granted(begin("li", li, {"SaleOrder:1"}));
  ASSERT_TRUE(std::holds_alternative<Queued>(begin("wang", wang, {"SaleOrder:1"})));
  granted(acquire("li", li, {"SaleOrder:1"}));
  ASSERT_EQ(told<WaitEnded>().size(), 1u);
  EXPECT_EQ(told<WaitEnded>()[0].why.code, Code::locked);
}

TEST_F(LockTreeRuns, more_than_a_hundred_bills_are_only_tried) {
  const SessionId li = open("li"), wang = open("wang");
  granted(begin("li", li, {"SaleOrder:1"}));
  std::vector<std::string> bills;
  for (int i = 1; i <= 101; ++i) bills.push_back("SaleOrder:" + std::to_string(i));
  EXPECT_EQ(refused(begin("wang", wang, bills)), Code::locked);
  bills.pop_back();
  EXPECT_TRUE(std::holds_alternative<Queued>(begin("wang", wang, bills)));
}

TEST_F(LockTreeRuns, a_run_passes_all_holds_that_do_not_stop_its_action) {
  const SessionId li = open("li");
  for (const char* owner : {"SaleOut:1", "SaleOut:2", "SaleOut:3"}) granted(hold(li, owner, {"void", "cancel"}));
  granted(hold(li, "SaleOut:4", {"save"}));
  const Grant run = granted(begin("li", li, {"SaleOrder:1"}));
  apply(FinishRun{.caller = caller("li"), .run = run.run});
  EXPECT_EQ(refused(begin("li", li, {"SaleOrder:1"}, Millis(5000), "void")), Code::locked);
  EXPECT_EQ(refused(acquire("li", li, {"SaleOrder:1"})), Code::locked) << "an edit lock passes none";
  granted(hold(li, "SaleOut:5", {}));
  EXPECT_EQ(refused(begin("li", li, {"SaleOrder:1"})), Code::locked) << "what names no action stops every one";
}

TEST_F(LockTreeRuns, a_hold_says_what_it_stops_or_is_refused) {
  const SessionId li = open("li");
  const Grant grant = granted(hold(li, "SaleOut:1", {"void", "cancel", "void"}));
  EXPECT_EQ(grant.stops, (std::vector<std::string>{"cancel", "void"}));
  Acquire edit{.caller = caller("li"), .session = li, .lock = {ids.next_id()}, .targets = targets({"SaleOrder:9"})};
  edit.stops = {"void"};
  EXPECT_EQ(refused(apply(edit)), Code::invalid);
  std::vector<std::string> many;
  for (int i = 0; i < 33; ++i) many.push_back("a" + std::to_string(i));
  EXPECT_EQ(refused(hold(li, "SaleOut:2", many)), Code::invalid);
  const Grant beside = granted(hold(li, "SaleOut:1", {"void"}));
  EXPECT_NE(beside.lock, grant.lock) << "one that stops less is no re-entry of one that stops more";
}

TEST_F(LockTreeRuns, a_silent_run_ends_unknown_and_frees_its_bills) {
  const SessionId li = open("li"), wang = open("wang");
  const Grant run = granted(begin("li", li, {"SaleOrder:1"}));
  pass(59);
  EXPECT_EQ(get(run.run).state, RunState::running);
  pass(2);
  ASSERT_EQ(told<RunChanged>().size(), 1u);
  EXPECT_EQ(told<RunChanged>()[0].run.state, RunState::unknown);
  ASSERT_EQ(told<LockLost>().size(), 1u);
  EXPECT_EQ(told<LockLost>()[0].reason, EndReason::expired);
  EXPECT_TRUE(std::holds_alternative<Granted>(acquire("wang", wang, {"SaleOrder:1"})));
  EXPECT_EQ(refused(apply(StepRun{.caller = caller("li"), .run = run.run, .step = "writing"})), Code::lock_gone);
  apply(SettleRun{run.run});
  EXPECT_EQ(get(run.run).state, RunState::done) << "its event came later";
}

TEST_F(LockTreeRuns, a_run_whose_event_came_ends_done_though_its_erp_fell_silent) {
  const Grant run = granted(begin("li", {}, {"SaleOrder:1"}));
  apply(SettleRun{run.run});
  EXPECT_EQ(get(run.run).state, RunState::running);
  pass(61);
  EXPECT_EQ(get(run.run).state, RunState::done);
}

TEST_F(LockTreeRuns, a_step_tells_progress_and_begins_the_time_anew) {
  const Grant run = granted(begin("li", {}, {"SaleOrder:1"}));
  for (int i = 0; i < 4; ++i) {
    pass(40);
    StepRun step{.caller = caller("li"), .run = run.run, .step = i == 0 ? "writing" : ""};
    EXPECT_EQ(run_of(apply(step)).state, RunState::running);
    EXPECT_EQ(told<RunChanged>().size(), i == 0 ? 1u : 0u) << "a sign of life is no news";
  }
  EXPECT_EQ(get(run.run).step, "writing");
}

TEST_F(LockTreeRuns, a_repeated_step_is_told_once) {
  const Grant run = granted(begin("li", {}, {"SaleOrder:1"}));
  StepRun step{.caller = caller("li"), .run = run.run, .step = "writing"};
  step.caller.request_id = "s1";
  apply(step);
  EXPECT_EQ(told<RunChanged>().size(), 1u);
  apply(step);
  EXPECT_EQ(told<RunChanged>().size(), 0u);
}

TEST_F(LockTreeRuns, a_repeated_beginning_finds_the_run_that_it_began) {
  BeginRun first = beginning("li", {}, {"SaleOrder:1"});
  first.caller.request_id = "r1";
  first.caller.fingerprint = 7;
  const Grant run = granted(apply(first));
  BeginRun again = first;
  again.run = RunId{ids.next_id()};
  EXPECT_EQ(granted(apply(again)).lock, run.lock);
  again.caller.fingerprint = 8;
  EXPECT_EQ(refused(apply(again)), Code::request_id_reused);
  apply(FailRun{.caller = caller("li"), .run = run.run, .error = "no stock"});
  EXPECT_EQ(refused(apply(first)), Code::lock_gone);
}

TEST_F(LockTreeRuns, an_end_is_said_once_and_repeats_change_nothing) {
  const Grant run = granted(begin("li", {}, {"SaleOrder:1"}));
  EXPECT_EQ(refused(apply(FinishRun{.caller = caller("wang"), .run = run.run})), Code::not_holder);
  EXPECT_EQ(run_of(apply(FinishRun{.caller = caller("li"), .run = run.run})).state, RunState::done);
  EXPECT_EQ(run_of(apply(FinishRun{.caller = caller("li"), .run = run.run})).state, RunState::done);
  EXPECT_TRUE(told<RunChanged>().empty());
  EXPECT_EQ(refused(apply(FailRun{.caller = caller("li"), .run = run.run, .error = "late"})), Code::lock_gone);
  EXPECT_EQ(refused(apply(FinishRun{.caller = caller("li"), .run = RunId{ids.next_id()}})), Code::not_found);
}

TEST_F(LockTreeRuns, a_forced_unlock_leaves_the_run_unknown) {
  const Grant run = granted(begin("li", {}, {"SaleOrder:1"}));
  apply(Force{.caller = caller("boss"), .lock = run.lock, .reason = "month end"});
  ASSERT_EQ(told<RunChanged>().size(), 1u);
  EXPECT_EQ(told<RunChanged>()[0].run.state, RunState::unknown);
  EXPECT_EQ(run_of(apply(FinishRun{.caller = caller("li"), .run = run.run})).state, RunState::done)
      << "it was committed after all, says its ERP";
}

TEST_F(LockTreeRuns, the_locks_of_a_run_outlive_its_session_and_only_the_run_ends_them) {
  const SessionId li = open("li"), wang = open("wang");
  const Grant run = granted(begin("li", li, {"SaleOrder:1"}));
  EXPECT_EQ(refused(apply(Release{.caller = caller("li"), .session = li, .lock = run.lock})), Code::forbidden);
  EXPECT_EQ(refused(apply(Extend{.caller = caller("li"), .session = li, .lock = run.lock, .ttl = Millis(99'000)})),
            Code::forbidden);
  apply(EndSession{.caller = caller("li"), .session = li});
  EXPECT_EQ(refused(acquire("wang", wang, {"SaleOrder:1"})), Code::locked);
  EXPECT_EQ(run_of(apply(StepRun{.caller = caller("li"), .run = run.run, .step = "writing"})).state, RunState::running);
  apply(FinishRun{.caller = caller("li"), .run = run.run});
  EXPECT_TRUE(std::holds_alternative<Granted>(acquire("wang", wang, {"SaleOrder:1"})));
}

TEST_F(LockTreeRuns, a_finished_action_places_its_hold_before_anybody_else_has_the_bill) {
  const SessionId li = open("li"), wang = open("wang"), chen = open("chen");
  const Grant run = granted(begin("li", li, {"SaleOut:77", "SaleOrder:1"}));
  const LockOutcome waits = acquire("wang", wang, {"SaleOrder:1"}, Millis(60'000));
  ASSERT_TRUE(std::holds_alternative<Queued>(waits));
  FinishRun finish{.caller = caller("li"), .run = run.run};
  finish.places = {
      {LockId{ids.next_id()}, Target::from_text("SaleOrder:1"), "SaleOut:77", "delivery", {"void"}, Millis(3'600'000)}};
  const RunInfo done = run_of(apply(finish));
  ASSERT_EQ(done.placed.size(), 1u);
  EXPECT_EQ(done.placed[0].rule, "delivery");
  EXPECT_TRUE(told<LockGranted>().empty());
  apply(CancelWait{.caller = caller("wang"), .session = wang, .wait = std::get<Queued>(waits).wait});
  const Grant second = granted(begin("chen", chen, {"SaleOut:78", "SaleOrder:1"}, Millis(0)));
  EXPECT_EQ(second.kind, Kind::temporary) << "two deliveries hold one order at once";
  ASSERT_TRUE(std::holds_alternative<Queued>(acquire("wang", wang, {"SaleOrder:1"}, Millis(60'000))));
  FinishRun undo{.caller = caller("chen"), .run = second.run};
  undo.ends = {{Target::from_text("SaleOrder:1"), "SaleOut:77", "delivery"}};
  apply(undo);
  ASSERT_EQ(told<LockGranted>().size(), 1u);
  EXPECT_EQ(told<LockGranted>()[0].session, wang);
}

TEST_F(LockTreeRuns, a_live_run_its_locks_and_its_wait_survive_a_restart) {
  const SessionId li = open("li"), wang = open("wang");
  granted(hold(li, "SaleOut:9", {"void"}));
  BeginRun first = beginning("li", {}, {"SaleOrder:1"});
  first.caller.request_id = "r1";
  const Grant run = granted(apply(first));
  const BeginRun next = beginning("wang", wang, {"SaleOrder:1"}, Millis(20'000));
  ASSERT_TRUE(std::holds_alternative<Queued>(apply(next)));
  restart();
  EXPECT_EQ(get(run.run).state, RunState::running);
  EXPECT_EQ(granted(apply(first)).run, run.run);
  EXPECT_EQ(get(next.run).state, RunState::locking);
  apply(FinishRun{.caller = caller("li"), .run = run.run});
  ASSERT_EQ(told<LockGranted>().size(), 1u) << "it passes the hold still";
  EXPECT_EQ(get(next.run).state, RunState::running);
}

TEST_F(LockTreeRuns, locks_are_listed_by_their_run) {
  const Grant run = granted(begin("li", {}, {"SaleOrder:1"}));
  granted(begin("li", {}, {"SaleOrder:2"}));
  const LockOutcome listed = apply(ListLocks{.run = run.run});
  ASSERT_EQ(std::get<LockList>(listed).locks.size(), 1u);
  EXPECT_EQ(std::get<LockList>(listed).locks[0].run, run.run);
  const Stats stats = std::get<Stats>(apply(GetStats{}));
  EXPECT_EQ(stats.runs, 2u);
  EXPECT_EQ(stats.run_tally.begun, 2u);
}

TEST_F(LockTreeRuns, a_malformed_run_names_its_field) {
  const auto field = [&](const BeginRun& c) { return std::get<Refusal>(apply(c)).field; };
  EXPECT_EQ(field(beginning("li", {}, {})), "bills");
  EXPECT_EQ(field(beginning("li", {}, {"SaleOrder"})), "bills");
  EXPECT_EQ(field(beginning("li", {}, {"SaleOrder:1"}, Millis(20'001))), "wait_ms");
  EXPECT_EQ(field(beginning("li", {}, {"SaleOrder:1"}, Millis(0), "")), "action");
}

}  // namespace
}  // namespace hf
