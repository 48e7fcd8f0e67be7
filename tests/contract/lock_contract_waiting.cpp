// Sessions, time, waiting, asking, handing over, forcing (docs/locks.md §3, §5, §6): that a lock ends when it
// must, goes to whose turn it is, and that everybody concerned is told.

#include "contract/lock_contract.h"

namespace hf::test {
namespace {

// ------------------------------------------------------------------------------------------ sessions and time

TEST_P(LockContract, a_lease_lasts_ten_seconds_to_thirty_minutes) {
  const auto open_with = [&](Millis lease) {
    OpenSession c;
    c.caller = by("li");
    c.session = SessionId{Id128{1, ++made_}};
    c.lease = lease;
    return run(c);
  };
  EXPECT_TRUE(refused(open_with(Millis(9'999)), Code::invalid));
  EXPECT_TRUE(refused(open_with(Millis(1'800'001)), Code::invalid));
  EXPECT_TRUE(std::holds_alternative<SessionOpened>(open_with(Millis(10'000))));
  EXPECT_TRUE(std::holds_alternative<SessionOpened>(open_with(Millis(1'800'000))));
}

TEST_P(LockContract, a_user_has_no_more_sessions_than_the_limit) {
  for (int i = 0; i < 20; ++i) open("li");
  OpenSession c;
  c.caller = by("li");
  c.session = SessionId{Id128{1, 777}};
  EXPECT_TRUE(refused(run(c), Code::too_many));
  c.service = true;
  EXPECT_TRUE(std::holds_alternative<SessionOpened>(run(c)));
  open("wang");
}

TEST_P(LockContract, one_heartbeat_renews_all_that_a_session_holds) {
  const Window li = open("li", Millis(30'000));
  const Grant one = take(li, {"SaleOrder:1"});
  const Grant two = take(li, {"SaleOrder:2"});
  for (int i = 0; i < 5; ++i) {
    pass(Millis(20'000));
    EXPECT_EQ(std::get<Renewed>(heartbeat(li)).locks.size(), 2U);
  }
  EXPECT_TRUE(std::get<Verified>(verify(one)).valid);
  EXPECT_TRUE(std::get<Verified>(verify(two)).valid);
}

TEST_P(LockContract, without_a_heartbeat_the_locks_end_with_the_lease) {
  const Window li = open("li", Millis(30'000));
  const Grant g = take(li, {"SaleOrder:1"});
  pass(Millis(29'000));
  EXPECT_FALSE(is_free("SaleOrder:1"));
  pass(Millis(1'000));
  EXPECT_TRUE(is_free("SaleOrder:1"));
  ASSERT_EQ(told<SessionEnded>(li).size(), 1U);
  EXPECT_EQ(told<SessionEnded>(li)[0].reason, EndReason::expired);
  EXPECT_TRUE(refused(heartbeat(li), Code::session_gone));
  EXPECT_TRUE(refused(release(li, g.lock), Code::session_gone));
  EXPECT_EQ(std::get<Verified>(verify(g)).why, "lock_gone");
}

TEST_P(LockContract, ending_a_session_frees_at_once_and_hands_over) {
  const Window li = open("li");
  const Window wang = open("wang");
  take(li, {"SaleOrder:1"});
  const LockId wait = queue(wang, {"SaleOrder:1"});
  EXPECT_EQ(std::get<SessionClosed>(end(li)).released, 1U);
  ASSERT_EQ(told<LockGranted>(wang).size(), 1U);
  EXPECT_EQ(told<LockGranted>(wang)[0].granted.grant.lock, wait);
}

TEST_P(LockContract, a_session_answers_only_to_its_user) {
  const Window li = open("li");
  const Window as_wang{li.id, "wang"};
  EXPECT_TRUE(refused(heartbeat(as_wang), Code::forbidden));
  EXPECT_TRUE(refused(acquire(as_wang, {"SaleOrder:1"}), Code::forbidden));
  EXPECT_TRUE(refused(end(as_wang), Code::forbidden));
}

TEST_P(LockContract, a_deadline_is_the_least_of_lease_own_time_and_max_hold) {
  LockTreeOptions options;
  options.policy = [](std::string_view type) {
    TypePolicy p;
    if (type == "Stock") p.max_hold = Millis(20'000);
    return p;
  };
  start(options);
  const Window li = open("li", Millis(30'000));
  Acquire c = wish(li, {"SaleOrder:1"});
  EXPECT_EQ(granted(run(c)).grant.expires_at, clock_ + Millis(30'000));
  c = wish(li, {"SaleOrder:2"});
  c.ttl = Millis(10'000);
  EXPECT_EQ(granted(run(c)).grant.expires_at, clock_ + Millis(10'000));
  c = wish(li, {"Stock:1"});
  c.ttl = Millis(25'000);
  EXPECT_EQ(granted(run(c)).grant.expires_at, clock_ + Millis(20'000));
}

TEST_P(LockContract, extend_sets_the_own_time_and_never_outlasts_the_lease) {
  const Window li = open("li", Millis(30'000));
  const Grant g = take(li, {"SaleOrder:1"});
  const auto extend = [&](Millis ttl) { return run(Extend{by("li"), li.id, g.lock, ttl}); };
  EXPECT_EQ(std::get<Grant>(extend(Millis(5'000))).expires_at, clock_ + Millis(5'000));
  EXPECT_EQ(std::get<Grant>(extend(Millis(500'000))).expires_at, clock_ + Millis(30'000));
  EXPECT_TRUE(refused(extend(Millis(0)), Code::invalid));
  extend(Millis(2'000));
  pass(Millis(2'000));
  ASSERT_EQ(told<LockLost>(li).size(), 1U);
  EXPECT_EQ(told<LockLost>(li)[0].reason, EndReason::expired);
}

TEST_P(LockContract, max_hold_runs_from_the_first_acquire_whatever_comes_after) {
  LockTreeOptions options;
  options.policy = [](std::string_view) {
    TypePolicy p;
    p.max_hold = Millis(100'000);
    return p;
  };
  start(options);
  const Window li = open("li");
  const Window second = open("li");
  const Grant g = take(li, {"SaleOrder:1"}, Mode::shared);
  const Wall end_at = g.expires_at;
  pass(Millis(30'000));
  EXPECT_EQ(take(li, {"SaleOrder:1"}, Mode::shared).expires_at, end_at) << "re-entry";
  EXPECT_EQ(take(li, {"SaleOrder:1"}).expires_at, end_at) << "upgrade";
  EXPECT_EQ(std::get<Grant>(run(Transfer{by("li"), li.id, g.lock, second.id})).expires_at, end_at) << "transfer";
  EXPECT_EQ(std::get<Grant>(run(Extend{by("li"), second.id, g.lock, Millis(900'000)})).expires_at, end_at) << "extend";
  forget();
  pass(Millis(70'000));
  ASSERT_EQ(told<LockLost>(second).size(), 1U);
  EXPECT_EQ(told<LockLost>(second)[0].reason, EndReason::max_hold);
}

TEST_P(LockContract, a_clock_that_jumps_ahead_frees_nothing_and_raises_an_alarm) {
  const Window li = open("li", Millis(30'000));
  take(li, {"SaleOrder:1"});
  forget();
  clock_ += std::chrono::hours(1);
  EXPECT_FALSE(is_free("SaleOrder:1"));
  EXPECT_EQ(told<ClockAlarm>().size(), 1U);
  pass(Millis(28'000));
  EXPECT_FALSE(is_free("SaleOrder:1")) << "the jump counted as one second";
  pass(Millis(1'000));
  EXPECT_TRUE(is_free("SaleOrder:1"));
}

TEST_P(LockContract, while_the_clock_goes_back_time_stands_still) {
  const Window li = open("li", Millis(30'000));
  take(li, {"SaleOrder:1"});
  forget();
  clock_ -= std::chrono::hours(1);
  run(Tick{});
  EXPECT_EQ(told<ClockAlarm>().size(), 1U);
  pass(Millis(29'000));
  EXPECT_FALSE(is_free("SaleOrder:1"));
  pass(Millis(1'000));
  EXPECT_TRUE(is_free("SaleOrder:1"));
}

TEST_P(LockContract, after_a_restart_every_live_session_has_one_full_lease) {
  const Window li = open("li", Millis(30'000));
  take(li, {"SaleOrder:1"});
  pass(Millis(25'000));
  restart();
  pass(Millis(29'000));
  EXPECT_FALSE(is_free("SaleOrder:1"));
  pass(Millis(1'000));
  EXPECT_TRUE(is_free("SaleOrder:1"));
}

TEST_P(LockContract, a_holder_is_warned_at_a_fifth_of_the_lease_and_a_minute_before_max_hold) {
  if (GetParam().name == "model") GTEST_SKIP() << "the model does not warn";
  LockTreeOptions options;
  options.policy = [](std::string_view) {
    TypePolicy p;
    p.max_hold = Millis(200'000);
    return p;
  };
  start(options);
  const Window li = open("li", Millis(100'000));
  take(li, {"SaleOrder:1"});
  pass(Millis(79'000));
  EXPECT_TRUE(told<LockExpiring>(li).empty());
  pass(Millis(1'000));
  ASSERT_EQ(told<LockExpiring>(li).size(), 1U);
  EXPECT_EQ(told<LockExpiring>(li)[0].reason, EndReason::expired);
  heartbeat(li);
  forget();
  pass(Millis(59'000));
  EXPECT_TRUE(told<LockExpiring>(li).empty());
  pass(Millis(1'000));
  ASSERT_EQ(told<LockExpiring>(li).size(), 1U);
  EXPECT_EQ(told<LockExpiring>(li)[0].reason, EndReason::max_hold);
}

TEST_P(LockContract, events_of_a_session_are_numbered_and_a_heartbeat_tells_the_newest) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  const LockId wait = ask(wang, g.lock);
  run(Refuse{by("li"), wait, "no"});
  run(Force{by("boss"), g.lock, "month end"});
  const auto asked = told<LockRequested>(li);
  const auto lost = told<LockLost>(li);
  ASSERT_EQ(asked.size(), 1U);
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_EQ(lost[0].seq, asked[0].seq + 1);
  EXPECT_EQ(std::get<Renewed>(heartbeat(li)).seq, lost[0].seq);
}

TEST_P(LockContract, numbers_of_events_never_go_back_over_restarts) {
  const Window li = open("li");
  std::uint64_t last = 0;
  for (int i = 0; i < 4; ++i) {
    forget();
    const Grant g = take(li, {"SaleOrder:1"});
    run(Force{by("boss"), g.lock, "month end"});
    const auto lost = told<LockLost>(li);
    ASSERT_EQ(lost.size(), 1U);
    EXPECT_GT(lost[0].seq, last);
    last = lost[0].seq;
    restart();
  }
}

// ---------------------------------------------------------------------------------------------------- waiting

TEST_P(LockContract, release_expiry_and_force_hand_over_to_whose_turn_it_is) {
  const Window wang = open("wang");
  const Window zhao = open("zhao");
  for (int way = 0; way < 3; ++way) {
    const Window li = open("li", Millis(30'000));
    const Grant g = take(li, {"SaleOrder:1"});
    const LockId first = queue(wang, {"SaleOrder:1"});
    const LockId second = queue(zhao, {"SaleOrder:1"});
    forget();
    if (way == 0) release(li, g.lock);
    if (way == 1) pass(Millis(30'000));
    if (way == 2) run(Force{by("boss"), g.lock, "month end"});
    ASSERT_EQ(told<LockGranted>(wang).size(), 1U) << way;
    EXPECT_TRUE(told<LockGranted>(zhao).empty()) << way;
    release(wang, first);
    ASSERT_EQ(told<LockGranted>(zhao).size(), 1U) << way;
    release(zhao, second);
    if (way != 1) end(li);
  }
}

TEST_P(LockContract, sharers_at_the_head_of_the_queue_are_granted_together) {
  const Window li = open("li");
  const Grant g = take(li, {"SaleOrder:1"});
  const Window one = open("wang");
  const Window two = open("zhao");
  const Window writer = open("chen");
  const Window late = open("sun");
  queue(one, {"SaleOrder:1"}, Mode::shared);
  queue(two, {"SaleOrder:1"}, Mode::shared);
  queue(writer, {"SaleOrder:1"});
  queue(late, {"SaleOrder:1"}, Mode::shared);
  release(li, g.lock);
  EXPECT_EQ(told<LockGranted>(one).size(), 1U);
  EXPECT_EQ(told<LockGranted>(two).size(), 1U);
  EXPECT_TRUE(told<LockGranted>(writer).empty());
  EXPECT_TRUE(told<LockGranted>(late).empty()) << "it would overtake the writer";
}

TEST_P(LockContract, a_try_may_not_overtake_who_waits) {
  const Window li = open("li");
  take(li, {"SaleOrder:1"}, Mode::shared);
  queue(open("wang"), {"SaleOrder:1"});
  EXPECT_TRUE(refused(acquire(open("zhao"), {"SaleOrder:1"}, Mode::shared), Code::locked));
}

TEST_P(LockContract, a_type_level_waiter_is_not_starved_by_tries_at_bills) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Window closing = open("chen");
  const Grant g = take(li, {"SaleOrder:1"});
  queue(closing, {"SaleOrder"});
  EXPECT_TRUE(refused(acquire(wang, {"SaleOrder:2"}), Code::locked));
  release(li, g.lock);
  EXPECT_EQ(told<LockGranted>(closing).size(), 1U);
}

TEST_P(LockContract, a_holder_is_not_blocked_by_who_waits_for_it) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant s = take(li, {"SaleOrder:1"}, Mode::shared);
  queue(wang, {"SaleOrder:1"});
  const Grant x = take(li, {"SaleOrder:1"});
  EXPECT_EQ(x.lock, s.lock);
  take(li, {"SaleOrder:1/Detail/1"});
  take(li, {"SaleOrder:1"}, Mode::shared);
}

TEST_P(LockContract, an_upgrade_that_waits_keeps_what_is_held_and_gets_it) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant mine = take(li, {"SaleOrder:1"}, Mode::shared);
  const Grant theirs = take(wang, {"SaleOrder:1"}, Mode::shared);
  const LockId wait = queue(li, {"SaleOrder:1"});
  EXPECT_TRUE(std::get<Verified>(verify(mine)).valid);
  release(wang, theirs.lock);
  ASSERT_EQ(told<LockGranted>(li).size(), 1U);
  const LockGranted e = told<LockGranted>(li)[0];
  EXPECT_EQ(e.wait, wait);
  EXPECT_EQ(e.granted.grant.lock, mine.lock);
  EXPECT_EQ(e.granted.grant.mode, Mode::exclusive);
  const LockOutcome late_cancel = run(CancelWait{by("li"), li.id, wait});
  EXPECT_EQ(granted(late_cancel).grant.lock, mine.lock) << "the push may have been lost";
}

TEST_P(LockContract, the_second_of_two_upgrading_sharers_is_refused_as_a_deadlock) {
  const Window li = open("li");
  const Window wang = open("wang");
  take(li, {"SaleOrder:1"}, Mode::shared);
  take(wang, {"SaleOrder:1"}, Mode::shared);
  queue(li, {"SaleOrder:1"});
  const Refusal r = refusal(acquire(wang, {"SaleOrder:1"}, Mode::exclusive, Millis(60'000)));
  EXPECT_EQ(r.code, Code::locked);
  EXPECT_TRUE(r.deadlock);
}

TEST_P(LockContract, a_cycle_over_three_sessions_is_refused_and_a_chain_is_not) {
  const Window a = open("a");
  const Window b = open("b");
  const Window c = open("c");
  take(a, {"SaleOrder:1"});
  take(b, {"SaleOrder:2"});
  take(c, {"SaleOrder:3"});
  queue(a, {"SaleOrder:2"});
  queue(b, {"SaleOrder:3"});
  EXPECT_TRUE(refusal(acquire(c, {"SaleOrder:1/Detail"}, Mode::shared, Millis(60'000))).deadlock);
  EXPECT_FALSE(refusal(acquire(c, {"SaleOrder:1"})).deadlock) << "a try waits for nobody";
  queue(open("d"), {"SaleOrder:1"});
}

TEST_P(LockContract, a_chain_longer_than_the_limit_of_steps_is_refused) {
  LockTreeOptions options;
  options.limits.deadlock_steps_max = 5;
  start(options);
  if (GetParam().name == "model") GTEST_SKIP() << "the model follows any chain to its end";
  std::vector<Window> windows;
  for (int i = 0; i < 8; ++i) {
    windows.push_back(open("u" + std::to_string(i)));
    take(windows.back(), {"SaleOrder:" + std::to_string(i)});
  }
  for (int i = 0; i < 6; ++i) queue(windows[static_cast<std::size_t>(i)], {"SaleOrder:" + std::to_string(i + 1)});
  EXPECT_TRUE(refusal(acquire(windows[7], {"SaleOrder:0"}, Mode::exclusive, Millis(60'000))).deadlock);
}

TEST_P(LockContract, waiters_are_told_every_change_of_their_position) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Window zhao = open("zhao");
  take(li, {"SaleOrder:1"});
  const LockId first = queue(wang, {"SaleOrder:1"});
  Acquire c = wish(zhao, {"SaleOrder:1"}, Mode::exclusive, Millis(60'000));
  EXPECT_EQ(std::get<Queued>(run(c)).position, 2U);
  run(CancelWait{by("wang"), wang.id, first});
  ASSERT_EQ(told<LockWaiting>(zhao).size(), 1U);
  EXPECT_EQ(told<LockWaiting>(zhao)[0].position, 1U);
}

TEST_P(LockContract, a_wait_ends_when_its_time_is_over_and_those_behind_go_on) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Window zhao = open("zhao");
  take(li, {"SaleOrder:1"}, Mode::shared);
  queue(wang, {"SaleOrder:1"}, Mode::exclusive, Millis(5'000));
  queue(zhao, {"SaleOrder:1"}, Mode::shared);
  pass(Millis(5'000));
  ASSERT_EQ(told<WaitEnded>(wang).size(), 1U);
  EXPECT_EQ(told<WaitEnded>(wang)[0].why.code, Code::locked);
  EXPECT_EQ(told<LockGranted>(zhao).size(), 1U);
}

TEST_P(LockContract, a_dead_waiter_is_never_granted) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Window zhao = open("zhao");
  const Grant g = take(li, {"SaleOrder:1"});
  queue(wang, {"SaleOrder:1"});
  queue(zhao, {"SaleOrder:1"});
  end(wang);
  release(li, g.lock);
  EXPECT_TRUE(told<LockGranted>(wang).empty());
  EXPECT_EQ(told<LockGranted>(zhao).size(), 1U);
}

TEST_P(LockContract, a_granted_hold_wakes_who_waits_for_the_same_hold_of_its_owner) {
  const Window zhao = open("zhao");
  const Window wang = open("wang");
  const Window li = open("li");
  const Window sun = open("sun");
  const Grant in_the_way = take(zhao, {"Stock:1"});
  const Grant line = take(sun, {"SaleOrder:1/Detail/1"});
  queue(wang, {"SaleOrder:1", "Stock:1"});
  Acquire first = hold_wish(li, {"Stock:1"}, "SaleOut:77");
  first.wait = Millis(60'000);
  run(first);
  Acquire second = hold_wish(sun, {"Stock:1"}, "SaleOut:77");
  second.wait = Millis(60'000);
  run(second);
  release(zhao, in_the_way.lock);  // sun holds what wang waits for: only sun's request may pass
  ASSERT_EQ(told<LockGranted>(sun).size(), 1U);
  ASSERT_EQ(told<LockGranted>(li).size(), 1U) << "its owner holds it now";
  EXPECT_TRUE(told<LockGranted>(li)[0].granted.again);
  EXPECT_EQ(engine_->check(), "");
}

TEST_P(LockContract, cancelling_a_wait_that_was_granted_returns_the_grant) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  const LockId wait = queue(wang, {"SaleOrder:1"});
  release(li, g.lock);
  EXPECT_EQ(granted(run(CancelWait{by("wang"), wang.id, wait})).grant.lock, wait);
  EXPECT_TRUE(refused(run(CancelWait{by("wang"), wang.id, LockId{Id128{8, 8}}}), Code::not_found));
}

TEST_P(LockContract, cancelling_the_wait_of_a_hold_that_was_granted_returns_the_grant) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  Acquire c = hold_wish(wang, {"SaleOrder:1"}, "SaleOut:77");
  c.wait = Millis(60'000);
  run(c);
  release(li, g.lock);
  EXPECT_EQ(granted(run(CancelWait{by("wang"), wang.id, c.lock})).grant.lock, c.lock);
}

TEST_P(LockContract, waits_have_limits_of_time_targets_and_number) {
  const Window li = open("li");
  const Window wang = open("wang");
  take(li, {"SaleOrder"});
  EXPECT_TRUE(refused(acquire(wang, {"SaleOrder:1"}, Mode::exclusive, Millis(600'001)), Code::invalid));
  Acquire c = wish(wang, {}, Mode::exclusive, Millis(1000));
  for (int i = 0; i < 101; ++i) c.targets.push_back(target("SaleOrder:" + std::to_string(i)));
  EXPECT_TRUE(refused(run(c), Code::invalid));
  c.targets.pop_back();
  EXPECT_TRUE(std::holds_alternative<Queued>(run(c)));
  for (int i = 1; i < 16; ++i) queue(wang, {"SaleOrder:" + std::to_string(i)}, Mode::exclusive, Millis(600'000));
  EXPECT_TRUE(refused(acquire(wang, {"SaleOrder:200"}, Mode::exclusive, Millis(1000)), Code::too_many));
}

TEST_P(LockContract, a_node_has_no_more_waiters_than_its_limit) {
  if (GetParam().name == "model") GTEST_SKIP() << "the model knows no nodes";
  LockTreeOptions options;
  options.limits.waiters_per_node_max = 2;
  start(options);
  take(open("li"), {"SaleOrder:1"});
  queue(open("wang"), {"SaleOrder:1"});
  queue(open("zhao"), {"SaleOrder:1"});
  EXPECT_TRUE(refused(acquire(open("sun"), {"SaleOrder:1"}, Mode::exclusive, Millis(1000)), Code::too_many));
}

// ------------------------------------------------------------------------------------- asking and handing over

TEST_P(LockContract, a_request_asks_all_windows_of_the_holder_and_nobody_else) {
  const Window li = open("li");
  const Window li_too = open("li");
  const Window wang = open("wang");
  const Window zhao = open("zhao");
  const Grant g = take(li, {"SaleOrder:1"});
  const LockId wait = ask(wang, g.lock);
  ASSERT_EQ(told<LockRequested>(li).size(), 1U);
  EXPECT_EQ(told<LockRequested>(li_too).size(), 1U);
  EXPECT_TRUE(told<LockRequested>(zhao).empty());
  const AskInfo info = told<LockRequested>(li)[0].ask;
  EXPECT_EQ(info.wait.wait, wait);
  EXPECT_EQ(info.wait.user, "wang");
  EXPECT_EQ(info.message, "please");
  EXPECT_EQ(info.answer_by, clock_ + Millis(60'000));
}

TEST_P(LockContract, agreeing_hands_over_without_a_free_moment_past_those_who_wait) {
  const Window li = open("li");
  const Window zhao = open("zhao");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  take(li, {"SaleOrder:1"});  // twice: agreeing ends it with all its counts
  queue(zhao, {"SaleOrder:1"});
  const LockId wait = ask(wang, g.lock);
  EXPECT_TRUE(std::get<Answered>(run(Agree{by("li"), wait, {}})).granted);
  ASSERT_EQ(told<LockLost>(li).size(), 1U);
  EXPECT_EQ(told<LockLost>(li)[0].reason, EndReason::handed_over);
  EXPECT_EQ(told<LockLost>(li)[0].by_user, "li");
  EXPECT_EQ(told<LockAnswered>(wang).back().answer, "agreed");
  ASSERT_EQ(told<LockGranted>(wang).size(), 1U);
  EXPECT_GT(told<LockGranted>(wang)[0].granted.grant.token, g.token);
  EXPECT_TRUE(told<LockGranted>(zhao).empty());
}

TEST_P(LockContract, agreeing_ends_only_the_claim_on_the_asked_targets) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1", "SaleOrder:2"});
  const LockId wait = ask(wang, g.lock, {"SaleOrder:1/Detail"});
  EXPECT_TRUE(std::get<Answered>(run(Agree{by("li"), wait, {}})).granted);
  ASSERT_EQ(told<LockLost>(li).size(), 1U);
  EXPECT_FALSE(told<LockLost>(li)[0].whole);
  EXPECT_EQ(told<LockLost>(li)[0].targets, targets({"SaleOrder:1"}));
  EXPECT_TRUE(std::get<Verified>(verify(g, {"SaleOrder:2"})).valid);
}

TEST_P(LockContract, agreeing_while_others_block_leaves_the_asker_queued_first) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Window zhao = open("zhao");
  const Window sun = open("sun");
  const Grant mine = take(li, {"SaleOrder:1"}, Mode::shared);
  const Grant theirs = take(zhao, {"SaleOrder:1"}, Mode::shared);
  queue(sun, {"SaleOrder:1"});
  const LockId wait = ask(wang, mine.lock);
  EXPECT_FALSE(std::get<Answered>(run(Agree{by("li"), wait, {}})).granted);
  release(zhao, theirs.lock);
  EXPECT_EQ(told<LockGranted>(wang).size(), 1U);
  EXPECT_TRUE(told<LockGranted>(sun).empty());
}

TEST_P(LockContract, only_who_holds_what_is_asked_for_can_answer) {
  const Window li = open("li");
  const Grant g = take(li, {"SaleOrder:1"});
  const LockId wait = ask(open("wang"), g.lock);
  EXPECT_TRUE(refused(run(Agree{by("zhao"), wait, {}}), Code::not_holder));
  EXPECT_TRUE(refused(run(Refuse{by("zhao"), wait, ""}), Code::not_holder));
  EXPECT_TRUE(refused(run(Defer{by("zhao"), wait, Millis(1000)}), Code::not_holder));
}

TEST_P(LockContract, a_refused_asker_may_wait_on) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  const LockId wait = ask(wang, g.lock);
  run(Refuse{by("li"), wait, "not now"});
  ASSERT_EQ(told<LockAnswered>(wang).size(), 1U);
  EXPECT_EQ(told<LockAnswered>(wang)[0].answer, "refused");
  EXPECT_EQ(told<LockAnswered>(wang)[0].reason, "not now");
  EXPECT_EQ(told<LockAnswered>(wang)[0].by_user, "li");
  pass(Millis(120'000));
  EXPECT_EQ(told<LockAnswered>(wang).size(), 1U) << "a refused request is not unanswered";
  release(li, g.lock);
  EXPECT_EQ(told<LockGranted>(wang).size(), 1U);
}

TEST_P(LockContract, a_holder_defers_once_and_at_most_five_minutes) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  const LockId wait = ask(wang, g.lock);
  EXPECT_TRUE(refused(run(Defer{by("li"), wait, Millis(300'001)}), Code::invalid));
  EXPECT_TRUE(std::holds_alternative<Done>(run(Defer{by("li"), wait, Millis(300'000)})));
  EXPECT_EQ(told<LockAnswered>(wang).back().answer, "deferred");
  EXPECT_EQ(told<LockAnswered>(wang).back().answer_by, clock_ + Millis(300'000));
  EXPECT_TRUE(refused(run(Defer{by("li"), wait, Millis(1000)}), Code::invalid));
  pass(Millis(299'000));
  EXPECT_EQ(told<LockAnswered>(wang).back().answer, "deferred");
  heartbeat(li);
  pass(Millis(1'000));
  EXPECT_EQ(told<LockAnswered>(wang).back().answer, "unanswered");
}

TEST_P(LockContract, a_request_without_an_answer_keeps_its_place) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  ask(wang, g.lock);
  pass(Millis(60'000));
  EXPECT_EQ(told<LockAnswered>(wang).back().answer, "unanswered");
  EXPECT_TRUE(told<LockLost>(li).empty());
  release(li, g.lock);
  EXPECT_EQ(told<LockGranted>(wang).size(), 1U);
}

TEST_P(LockContract, a_holder_idle_for_ten_minutes_hands_over_when_the_time_to_answer_is_over) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  pass(Millis(560'000));
  ask(wang, g.lock);
  pass(Millis(59'000));
  EXPECT_TRUE(told<LockLost>(li).empty());
  pass(Millis(1'000));
  ASSERT_EQ(told<LockLost>(li).size(), 1U);
  EXPECT_EQ(told<LockLost>(li)[0].reason, EndReason::handed_over);
  EXPECT_EQ(told<LockGranted>(wang).size(), 1U);
}

TEST_P(LockContract, a_person_at_work_is_not_idle_and_a_socket_is_not_a_person) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  pass(Millis(600'000));
  heartbeat(li, Millis(100'000));  // worked 100 s ago
  ask(wang, g.lock);
  pass(Millis(60'000));
  EXPECT_TRUE(told<LockLost>(li).empty());
  const Window zhao = open("zhao");
  const Grant other = take(zhao, {"SaleOrder:2"});
  pass(Millis(600'000));
  heartbeat(zhao, Millis(600'000));
  ask(wang, other.lock);
  pass(Millis(60'000));
  EXPECT_EQ(told<LockLost>(zhao).size(), 1U);
}

TEST_P(LockContract, a_restart_makes_nobody_idle) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  pass(Millis(700'000));
  heartbeat(li);
  ask(wang, g.lock);
  pass(Millis(55'000));
  restart();
  forget();
  pass(Millis(10'000));
  EXPECT_TRUE(told<LockLost>(li).empty());
}

TEST_P(LockContract, an_answer_to_who_is_gone_changes_nothing) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  const LockId wait = ask(wang, g.lock);
  end(wang);
  EXPECT_TRUE(refused(run(Agree{by("li"), wait, {}}), Code::request_gone));
  EXPECT_TRUE(std::get<Verified>(verify(g)).valid);
}

TEST_P(LockContract, a_hold_and_a_temporary_cannot_be_asked) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant hold = granted(run(hold_wish(li, {"SaleOrder:1"}, "SaleOut:77", Millis(600'000)))).grant;
  Acquire t = wish(li, {"SaleOrder:2"});
  t.kind = Kind::temporary;
  const Grant temporary = granted(run(t)).grant;
  Ask c;
  c.caller = by("wang");
  c.session = wang.id;
  for (const LockId lock : {hold.lock, temporary.lock}) {
    c.lock = lock;
    c.wait = LockId{Id128{3, 7000}};
    EXPECT_TRUE(refused(run(c), Code::forbidden));
  }
  EXPECT_TRUE(told<LockRequested>(li).empty());
}

TEST_P(LockContract, a_request_names_targets_of_the_lock_it_asks_for) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1", "SaleOrder:2/Detail"});
  Ask c;
  c.caller = by("wang");
  c.session = wang.id;
  c.lock = g.lock;
  c.wait = LockId{Id128{3, 7000}};
  for (const char* other : {"SaleOrder:3", "SaleOrder", "SaleOrder:2", "SaleOrder:11", "SaleOrder:2/Detail2"}) {
    c.targets = targets({"SaleOrder:1", other});
    EXPECT_TRUE(refused(run(c), Code::invalid)) << other;
  }
  EXPECT_TRUE(told<LockRequested>(li).empty());
  ask(wang, g.lock, {"SaleOrder:1/Detail", "SaleOrder:2/Detail/7"});
  EXPECT_EQ(told<LockRequested>(li).size(), 1U);
}

TEST_P(LockContract, asking_for_a_lock_that_ended_says_so) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  release(li, g.lock);
  Ask c;
  c.caller = by("wang");
  c.session = wang.id;
  c.lock = g.lock;
  c.wait = LockId{Id128{3, 5000}};
  EXPECT_TRUE(refused(run(c), Code::lock_gone));
  c.lock = LockId{Id128{8, 8}};
  EXPECT_TRUE(refused(run(c), Code::not_found));
}

TEST_P(LockContract, a_version_told_when_agreeing_is_known) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  run(Agree{by("li"), ask(wang, g.lock), 9});
  const LockId got = told<LockGranted>(wang).at(0).granted.grant.lock;
  release(wang, got);
  Acquire c = wish(open("zhao"), {"SaleOrder:1"});
  c.if_versions = {{"SaleOrder:1", 8}};
  EXPECT_TRUE(refused(run(c), Code::stale_version));
}

TEST_P(LockContract, a_transfer_goes_to_a_window_of_the_same_user_from_either_side) {
  const Window here = open("li");
  const Window there = open("li");
  const Window wang = open("wang");
  const Grant g = take(here, {"SaleOrder:1"});
  EXPECT_TRUE(refused(run(Transfer{by("li"), here.id, g.lock, wang.id}), Code::forbidden));
  const LockOutcome pulled = run(Transfer{by("li"), there.id, g.lock, there.id});
  const Grant moved = std::get<Grant>(pulled);
  EXPECT_EQ(moved.session, there.id);
  EXPECT_GT(moved.token, g.token);
  ASSERT_EQ(told<LockLost>(here).size(), 1U);
  EXPECT_EQ(told<LockLost>(here)[0].reason, EndReason::transferred);
  EXPECT_TRUE(refused(release(here, g.lock), Code::not_holder));
  EXPECT_EQ(std::get<Verified>(run(Verify{by("li"), g.lock, g.token, {}, Millis(0)})).why, "not_holder");
  const LockOutcome pushed = run(Transfer{by("li"), there.id, g.lock, here.id});
  EXPECT_EQ(std::get<Grant>(pushed).session, here.id);
}

TEST_P(LockContract, a_transfer_never_makes_two_windows_hold_one_path) {
  const Window here = open("li");
  const Window there = open("li");
  const Grant bill = take(here, {"SaleOrder:1"});
  take(here, {"SaleOrder:1/Detail/1"});
  EXPECT_TRUE(refused(run(Transfer{by("li"), here.id, bill.lock, there.id}), Code::locked));
  EXPECT_TRUE(std::get<Verified>(verify(bill)).valid);
}

TEST_P(LockContract, requests_move_along_with_a_transfer) {
  const Window here = open("li");
  const Window there = open("li");
  const Window wang = open("wang");
  const Grant g = take(here, {"SaleOrder:1"});
  const LockId wait = ask(wang, g.lock);
  run(Transfer{by("li"), here.id, g.lock, there.id});
  EXPECT_TRUE(std::get<Answered>(run(Agree{by("li"), wait, {}})).granted);
  EXPECT_EQ(told<LockLost>(there).size(), 1U);
}

TEST_P(LockContract, force_needs_a_reason_and_the_holder_is_told_who_and_why) {
  const Window li = open("li");
  const Grant g = take(li, {"SaleOrder:1"});
  EXPECT_TRUE(refused(run(Force{by("boss"), g.lock, ""}), Code::invalid));
  EXPECT_TRUE(std::holds_alternative<Done>(run(Force{by("boss"), g.lock, "month end"})));
  ASSERT_EQ(told<LockLost>(li).size(), 1U);
  EXPECT_EQ(told<LockLost>(li)[0].reason, EndReason::forced);
  EXPECT_EQ(told<LockLost>(li)[0].by_user, "boss");
  EXPECT_EQ(told<LockLost>(li)[0].note, "month end");
}

TEST_P(LockContract, requests_queues_and_holds_survive_a_restart) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Window zhao = open("zhao");
  const Grant g = take(li, {"SaleOrder:1"});
  granted(run(hold_wish(li, {"SaleOrder:2"}, "SaleOut:77")));
  const LockId asked = ask(wang, g.lock);
  const LockId queued = queue(zhao, {"SaleOrder:1"});
  restart();
  forget();
  EXPECT_FALSE(is_free("SaleOrder:2"));
  const LockOutcome asks = run(ListAsks{by("li"), 500});
  ASSERT_EQ(std::get<AskList>(asks).asks.size(), 1U);
  EXPECT_EQ(std::get<AskList>(asks).asks[0].message, "please");
  EXPECT_TRUE(std::get<Answered>(run(Agree{by("li"), asked, {}})).granted);
  release(wang, asked);
  ASSERT_EQ(told<LockGranted>(zhao).size(), 1U);
  EXPECT_EQ(told<LockGranted>(zhao)[0].wait, queued);
}

TEST_P(LockContract, two_temporaries_of_a_session_that_is_gone_stay_one_party_over_a_restart) {
  const Window li = open("li");
  Acquire line = wish(li, {"SaleOrder:1/Detail/1"});
  line.kind = Kind::temporary;
  granted(run(line));
  Acquire bill = wish(li, {"SaleOrder:1"});
  bill.kind = Kind::temporary;
  granted(run(bill));
  end(li);
  restart();
  EXPECT_EQ(engine_->check(), "");
  EXPECT_EQ(all_locks().size(), 2U);
}

}  // namespace
}  // namespace hf::test
