// Targets, modes, grants, holds, tokens (docs/locks.md §1, §2, §4, §7): who owns a bill, and what an owner may do.

#include "contract/lock_contract.h"
#include "engine/page.h"

namespace hf::test {
namespace {

// ----------------------------------------------------------------------------------------------- the tree

TEST_P(LockContract, a_bill_lock_covers_its_parts_and_lines_and_no_other_bill) {
  const Window li = open("li");
  const Window wang = open("wang");
  take(li, {"SaleOrder:1"});
  EXPECT_TRUE(refused(acquire(wang, {"SaleOrder:1/Detail"}), Code::locked));
  EXPECT_TRUE(refused(acquire(wang, {"SaleOrder:1/Detail/7"}), Code::locked));
  take(wang, {"SaleOrder:10"});
  take(wang, {"Stock:1"});
}

TEST_P(LockContract, a_line_lock_blocks_its_bill_and_its_type_but_no_sister) {
  const Window li = open("li");
  const Window wang = open("wang");
  take(li, {"SaleOrder:1/Detail/7"});
  EXPECT_TRUE(refused(acquire(wang, {"SaleOrder"}), Code::locked));
  EXPECT_TRUE(refused(acquire(wang, {"SaleOrder:1"}), Code::locked));
  EXPECT_TRUE(refused(acquire(wang, {"SaleOrder:1"}, Mode::shared), Code::locked));
  EXPECT_TRUE(refused(acquire(wang, {"SaleOrder:1/Detail"}), Code::locked));
  take(wang, {"SaleOrder:1/Detail/70"});
  take(wang, {"SaleOrder:1/Fee"});
}

TEST_P(LockContract, a_type_lock_blocks_every_bill_of_the_type) {
  const Window li = open("li");
  const Window wang = open("wang");
  take(li, {"SaleOrder"});
  EXPECT_TRUE(refused(acquire(wang, {"SaleOrder:1"}), Code::locked));
  take(wang, {"SaleOrderX:1"});
}

TEST_P(LockContract, targets_differ_by_case) {
  take(open("li"), {"SaleOrder:a"});
  take(open("wang"), {"SaleOrder:A"});
}

TEST_P(LockContract, shared_stands_beside_shared_at_any_height_and_never_beside_exclusive) {
  const Window li = open("li");
  const Window wang = open("wang");
  take(li, {"SaleOrder:1"}, Mode::shared);
  take(wang, {"SaleOrder:1"}, Mode::shared);
  take(wang, {"SaleOrder"}, Mode::shared);
  take(wang, {"SaleOrder:1/Detail/1"}, Mode::shared);
  EXPECT_TRUE(refused(acquire(wang, {"SaleOrder:1/Detail/1"}), Code::locked));
}

TEST_P(LockContract, a_session_never_conflicts_with_itself) {
  const Window li = open("li");
  take(li, {"SaleOrder:1"});
  take(li, {"SaleOrder"});
  take(li, {"SaleOrder:1/Detail/1"}, Mode::shared);
}

TEST_P(LockContract, two_windows_of_one_user_conflict) {
  const Window one = open("li");
  const Window two = open("li");
  take(one, {"SaleOrder:1"});
  const Refusal r = refusal(acquire(two, {"SaleOrder:1"}));
  ASSERT_EQ(r.conflicts.size(), 1U);
  EXPECT_TRUE(r.conflicts[0].same_user);
}

TEST_P(LockContract, a_batch_is_all_or_nothing_and_leaves_no_residue) {
  const Window li = open("li");
  const Window wang = open("wang");
  take(li, {"SaleOrder:3"});
  EXPECT_TRUE(refused(acquire(wang, {"SaleOrder:1", "SaleOrder:2", "SaleOrder:3"}), Code::locked));
  EXPECT_EQ(all_locks().size(), 1U);
  take(li, {"SaleOrder:1"});
  take(li, {"SaleOrder:2"});
}

TEST_P(LockContract, an_acquire_names_one_to_a_thousand_targets) {
  const Window li = open("li");
  EXPECT_TRUE(refused(acquire(li, {}), Code::invalid));
  Acquire c = wish(li, {});
  for (int i = 0; i < 1000; ++i) c.targets.push_back(target("SaleOrder:" + std::to_string(i)));
  EXPECT_EQ(granted(run(c)).grant.targets.size(), 1000U);
  c.lock = LockId{Id128{3, 999'999}};
  c.targets.push_back(target("SaleOrder:1000"));
  EXPECT_TRUE(refused(run(c), Code::too_large));
}

TEST_P(LockContract, a_session_holds_no_more_than_its_limit) {
  LockTreeOptions options;
  options.limits.locks_per_session_max = 3;
  start(options);
  const Window li = open("li");
  const Grant two = take(li, {"SaleOrder:1", "SaleOrder:2"});
  take(li, {"SaleOrder:3"});
  EXPECT_TRUE(refused(acquire(li, {"SaleOrder:4"}), Code::too_many));
  release(li, two.lock);
  take(li, {"SaleOrder:4"});
}

// ----------------------------------------------------------------------------------------------- a grant

TEST_P(LockContract, a_grant_says_whose_it_is_and_until_when) {
  const Window li = open("li", Millis(30'000));
  Acquire c = wish(li, {"SaleOrder:2", "SaleOrder:1", "SaleOrder:2"});
  c.label = "SO-1";
  c.reason = "edit";
  const Grant g = granted(run(c)).grant;
  EXPECT_EQ(g.lock, c.lock);
  ASSERT_EQ(g.targets.size(), 2U);
  EXPECT_EQ(g.targets[0].target.text(), "SaleOrder:1");
  EXPECT_EQ(g.targets[0].token, g.token);
  EXPECT_EQ(g.session, li.id);
  EXPECT_EQ(g.user, "li");
  EXPECT_EQ(g.user_name, "name of li");
  EXPECT_EQ(g.client.program, "demo");
  EXPECT_EQ(g.label, "SO-1");
  EXPECT_EQ(g.reason, "edit");
  EXPECT_EQ(g.kind, Kind::edit);
  EXPECT_EQ(g.holds, 1U);
  EXPECT_EQ(g.acquired_at, clock_);
  EXPECT_EQ(g.expires_at, clock_ + Millis(30'000));
}

TEST_P(LockContract, re_entry_returns_the_same_lock_and_token_and_counts) {
  const Window li = open("li");
  const Grant first = take(li, {"SaleOrder:1", "SaleOrder:2"});
  const Granted again = granted(acquire(li, {"SaleOrder:2", "SaleOrder:1", "SaleOrder:1"}, Mode::shared));
  EXPECT_TRUE(again.again);
  EXPECT_EQ(again.grant.lock, first.lock);
  EXPECT_EQ(again.grant.token, first.token);
  EXPECT_EQ(again.grant.mode, Mode::exclusive);
  EXPECT_EQ(again.grant.holds, 2U);
  const auto one_left = std::get<Released>(release(li, first.lock));
  EXPECT_FALSE(one_left.released);
  EXPECT_EQ(one_left.holds, 1U);
  EXPECT_FALSE(is_free("SaleOrder:1"));
  EXPECT_TRUE(std::get<Released>(release(li, first.lock)).released);
  EXPECT_TRUE(is_free("SaleOrder:1"));
}

// Or a proxy that sends a release twice would end a lock that is still needed.
TEST_P(LockContract, a_release_that_names_the_count_it_saw_counts_once_however_often_it_comes) {
  const Window li = open("li");
  const Grant g = take(li, {"SaleOrder:1"});
  take(li, {"SaleOrder:1"});
  take(li, {"SaleOrder:1"});
  Release c;
  c.caller = by("li");
  c.session = li.id;
  c.lock = g.lock;
  c.holds = 3;
  EXPECT_EQ(std::get<Released>(run(c)), (Released{.released = false, .holds = 2}));
  EXPECT_EQ(std::get<Released>(run(c)), (Released{.holds = 2, .already = true}));
  c.token = g.token + 1;
  EXPECT_TRUE(refused(run(c), Code::not_holder)) << "the token is compared first";
  c.token = g.token;
  c.all = true;
  EXPECT_EQ(std::get<Released>(run(c)), (Released{.holds = 2, .already = true})) << "all, too";
  c.all = false;
  c.targets = targets({"SaleOrder:1"});
  EXPECT_EQ(std::get<Released>(run(c)), (Released{.holds = 2, .already = true})) << "and a part";
  c.targets.clear();
  c.holds = 2;
  EXPECT_EQ(std::get<Released>(run(c)).holds, 1U);
  c.holds = 1;
  EXPECT_TRUE(std::get<Released>(run(c)).released);
  EXPECT_EQ(std::get<Released>(run(c)), (Released{.already = true}));
  EXPECT_TRUE(is_free("SaleOrder:1"));
}

TEST_P(LockContract, an_exact_release_of_a_lock_held_more_than_once_says_which_count_it_saw) {
  const Window li = open("li");
  const Grant g = take(li, {"SaleOrder:1", "SaleOrder:2"});
  take(li, {"SaleOrder:1", "SaleOrder:2"});
  Release c;
  c.caller = by("li");
  c.session = li.id;
  c.lock = g.lock;
  c.exact = true;
  const Refusal r = refusal(run(c));
  EXPECT_EQ(r.code, Code::invalid);
  EXPECT_EQ(r.field, "holds");
  c.targets = targets({"SaleOrder:2"});
  EXPECT_TRUE(std::get<Released>(run(c)).released) << "a part is named: once more is no release";
  c.targets.clear();
  c.holds = 2;
  EXPECT_EQ(std::get<Released>(run(c)).holds, 1U);
  c.holds.reset();
  EXPECT_TRUE(std::get<Released>(run(c)).released) << "held once, it just ends";
  EXPECT_TRUE(std::get<Released>(run(c)).already);
}

// Or a person who has married is shown by the old name for as long as his window is open.
TEST_P(LockContract, what_a_session_holds_has_the_name_of_the_newest_token_that_acted_for_it) {
  const Window li = open("li"), wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  const auto shown = [&] {
    const Refusal r = refusal(acquire(wang, {"SaleOrder:1"}));
    const auto all = all_locks();
    EXPECT_EQ(all.front().user_name, r.conflicts.front().user_name);
    const auto session = run(GetSession{by("li"), li.id});
    EXPECT_EQ(std::get<SessionSnapshot>(session).user_name, all.front().user_name);
    return all.front().user_name;
  };
  EXPECT_EQ(shown(), "name of li");
  Caller named = by("li");
  named.user_name = "Li Lei";
  EXPECT_TRUE(std::holds_alternative<Renewed>(run(Heartbeat{named, li.id, Millis(0)})));
  EXPECT_EQ(shown(), "Li Lei");
  ResumeSession resume;
  resume.caller = by("li");
  resume.caller.user_name = "Li Han";
  resume.session = li.id;
  resume.secret = Secret{Id128{9, 9}};
  EXPECT_TRUE(refused(run(resume), Code::session_gone));
  EXPECT_EQ(shown(), "Li Lei") << "who does not know the secret names nobody";
  Acquire more = wish(li, {"SaleOrder:2"});
  more.caller.user_name = "Li Mei";
  EXPECT_EQ(granted(run(more)).grant.user_name, "Li Mei");
  EXPECT_EQ(shown(), "Li Mei");
  more = wish(wang, {"SaleOrder:3"});
  more.session = li.id;
  more.caller.user_name = "Wang";
  EXPECT_TRUE(refused(run(more), Code::forbidden));
  EXPECT_EQ(shown(), "Li Mei");
  restart();
  EXPECT_EQ(shown(), "Li Mei");
  EXPECT_EQ(g.user_name, "name of li");
}

TEST_P(LockContract, release_all_ends_a_lock_whatever_its_count) {
  const Window li = open("li");
  const Grant g = take(li, {"SaleOrder:1"});
  take(li, {"SaleOrder:1"});
  Release c;
  c.caller = by("li");
  c.session = li.id;
  c.lock = g.lock;
  c.all = true;
  EXPECT_TRUE(std::get<Released>(run(c)).released);
  EXPECT_TRUE(is_free("SaleOrder:1"));
}

TEST_P(LockContract, another_set_is_a_grant_beside_and_a_target_is_free_with_its_last_grant) {
  const Window li = open("li");
  const Grant one = take(li, {"SaleOrder:1"});
  const Grant two = take(li, {"SaleOrder:1", "SaleOrder:2"});
  EXPECT_NE(one.lock, two.lock);
  release(li, one.lock);
  EXPECT_FALSE(is_free("SaleOrder:1"));
  release(li, two.lock);
  EXPECT_TRUE(is_free("SaleOrder:1"));
}

TEST_P(LockContract, an_upgrade_keeps_the_lock_and_takes_a_new_token) {
  const Window li = open("li");
  const Grant s = take(li, {"SaleOrder:1"}, Mode::shared);
  const Granted x = granted(acquire(li, {"SaleOrder:1"}));
  EXPECT_FALSE(x.again);
  EXPECT_EQ(x.grant.lock, s.lock);
  EXPECT_GT(x.grant.token, s.token);
  EXPECT_EQ(x.grant.mode, Mode::exclusive);
  EXPECT_FALSE(is_free("SaleOrder:1", Mode::shared));
}

TEST_P(LockContract, an_upgrade_is_counted_as_an_acquire) {
  const Window li = open("li");
  const Grant s = take(li, {"SaleOrder:1"}, Mode::shared);
  EXPECT_EQ(take(li, {"SaleOrder:1"}).holds, 2U);
  EXPECT_FALSE(std::get<Released>(release(li, s.lock)).released);
  EXPECT_TRUE(std::get<Released>(release(li, s.lock)).released);
}

TEST_P(LockContract, a_refused_upgrade_loses_nothing) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant s = take(li, {"SaleOrder:1"}, Mode::shared);
  take(wang, {"SaleOrder:1"}, Mode::shared);
  EXPECT_TRUE(refused(acquire(li, {"SaleOrder:1"}), Code::locked));
  EXPECT_TRUE(std::get<Verified>(verify(s)).valid);
}

TEST_P(LockContract, release_of_targets_frees_these_only) {
  const Window li = open("li");
  const Grant g = take(li, {"SaleOrder:1", "SaleOrder:2"});
  Release c;
  c.caller = by("li");
  c.session = li.id;
  c.lock = g.lock;
  c.targets = targets({"SaleOrder:1"});
  EXPECT_TRUE(std::get<Released>(run(c)).released);
  EXPECT_TRUE(is_free("SaleOrder:1"));
  EXPECT_FALSE(is_free("SaleOrder:2"));
  EXPECT_TRUE(std::get<Verified>(verify(g, {"SaleOrder:2"})).valid);
  EXPECT_EQ(std::get<Verified>(verify(g, {"SaleOrder:1"})).why, "not_covered");
}

TEST_P(LockContract, a_second_release_never_ends_a_newer_lock) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant old = take(li, {"SaleOrder:1"});
  release(li, old.lock);
  const Grant newer = take(wang, {"SaleOrder:1"});
  EXPECT_TRUE(std::get<Released>(release(li, old.lock)).already);
  EXPECT_TRUE(std::get<Verified>(verify(newer)).valid);
}

TEST_P(LockContract, only_the_holder_with_its_token_releases) {
  const Window li = open("li");
  const Window other = open("li");
  const Grant g = take(li, {"SaleOrder:1"});
  EXPECT_TRUE(refused(release(other, g.lock), Code::not_holder));
  Release c;
  c.caller = by("li");
  c.session = li.id;
  c.lock = g.lock;
  c.token = g.token - 1;
  EXPECT_TRUE(refused(run(c), Code::not_holder));
  c.caller = by("wang");
  EXPECT_TRUE(refused(run(c), Code::forbidden));
}

TEST_P(LockContract, what_ended_is_remembered_for_ten_minutes) {
  const Window li = open("li");
  const Grant g = take(li, {"SaleOrder:1"});
  run(Force{by("boss"), g.lock, "month end"});
  const Refusal r = refusal(release(li, g.lock));
  EXPECT_EQ(r.code, Code::lock_gone);
  ASSERT_TRUE(r.ended);
  EXPECT_EQ(r.ended->reason, EndReason::forced);
  EXPECT_EQ(r.ended->by, "boss");
  pass(Millis(599'000));
  EXPECT_TRUE(refused(release(li, g.lock), Code::lock_gone));
  pass(Millis(2'000));
  EXPECT_TRUE(refused(release(li, g.lock), Code::not_found));
}

TEST_P(LockContract, after_its_end_verify_extend_heartbeat_and_release_refuse_a_grant) {
  const Window li = open("li");
  const Grant g = take(li, {"SaleOrder:1"});
  run(Force{by("boss"), g.lock, "month end"});
  EXPECT_EQ(std::get<Verified>(verify(g)).why, "lock_gone");
  EXPECT_TRUE(refused(run(Extend{by("li"), li.id, g.lock, Millis(1000)}), Code::lock_gone));
  EXPECT_TRUE(std::get<Renewed>(heartbeat(li)).locks.empty());
  EXPECT_TRUE(refused(release(li, g.lock), Code::lock_gone));
}

// ----------------------------------------------------------------------------------------------- tokens

TEST_P(LockContract, every_new_grant_has_a_greater_token_also_when_the_clock_goes_back) {
  const Window li = open("li");
  Token last = 0;
  for (int i = 0; i < 5; ++i) {
    const Grant g = take(li, {"SaleOrder:1"});
    EXPECT_GT(g.token, last);
    last = g.token;
    release(li, g.lock);
    clock_ -= Millis(100'000);
  }
}

TEST_P(LockContract, a_restart_never_brings_a_token_back) {
  const Window li = open("li");
  const Grant before = take(li, {"SaleOrder:1"});
  restart();
  EXPECT_GT(take(li, {"SaleOrder:2"}).token, before.token);
}

TEST_P(LockContract, renewal_keeps_the_token) {
  const Window li = open("li");
  const Grant g = take(li, {"SaleOrder:1"});
  pass(Millis(5000));
  heartbeat(li);
  EXPECT_EQ(std::get<Grant>(run(Extend{by("li"), li.id, g.lock, Millis(60'000)})).token, g.token);
}

TEST_P(LockContract, what_is_held_exclusively_already_keeps_the_token_it_is_held_under) {
  const Window li = open("li");
  const Grant bill = take(li, {"SaleOrder:1"});
  const Grant inner = take(li, {"SaleOrder:1/Detail/1", "SaleOrder:2"});
  EXPECT_GT(inner.token, bill.token);
  EXPECT_EQ(inner.targets[0].token, bill.token);
  EXPECT_EQ(inner.targets[1].token, inner.token);
}

TEST_P(LockContract, a_shared_lock_lends_no_token) {
  const Window li = open("li");
  take(li, {"SaleOrder:1"}, Mode::shared);
  const Grant inner = take(li, {"SaleOrder:1/Detail/1"});
  EXPECT_EQ(inner.targets[0].token, inner.token);
}

TEST_P(LockContract, a_clock_outside_its_years_is_refused_and_changes_nothing) {
  const Window li = open("li");
  const Wall good = clock_;
  clock_ = wall_us(1'000'000);
  EXPECT_TRUE(refused(acquire(li, {"SaleOrder:1"}), Code::unavailable));
  clock_ = good;
  EXPECT_TRUE(is_free("SaleOrder:1"));
}

// ----------------------------------------------------------------------------------------------- kinds

TEST_P(LockContract, a_temporary_survives_its_session_until_its_time_is_over) {
  const Window li = open("li");
  Acquire c = wish(li, {"SaleOrder:1"});
  c.kind = Kind::temporary;
  granted(run(c));
  end(li);
  pass(Millis(59'000));
  EXPECT_FALSE(is_free("SaleOrder:1"));
  pass(Millis(1'000));
  EXPECT_TRUE(is_free("SaleOrder:1"));
}

TEST_P(LockContract, a_hold_conflicts_with_the_session_that_placed_it_but_not_with_its_owner) {
  const Window li = open("li");
  granted(run(hold_wish(li, {"SaleOrder:1"}, "SaleOut:77")));
  EXPECT_TRUE(refused(acquire(li, {"SaleOrder:1"}), Code::locked));
  Acquire c = wish(open("wang"), {"SaleOrder:1"});
  c.owner = "SaleOut:77";
  granted(run(c));
}

TEST_P(LockContract, a_hold_needs_the_right_an_owner_and_a_time_of_at_most_a_year) {
  const Window li = open("li");
  Acquire c = hold_wish(li, {"SaleOrder:1"}, "SaleOut:77");
  c.caller.hold = false;
  EXPECT_TRUE(refused(run(c), Code::forbidden));
  EXPECT_TRUE(refused(run(hold_wish(li, {"SaleOrder:1"}, "")), Code::invalid));
  EXPECT_TRUE(refused(run(hold_wish(li, {"SaleOrder:1"}, "SaleOut:77", Millis(0))), Code::invalid));
  EXPECT_TRUE(refused(run(hold_wish(li, {"SaleOrder:1"}, "SaleOut:77", std::chrono::hours(24 * 366) + Millis(1))),
                      Code::invalid));
  granted(run(hold_wish(li, {"SaleOrder:1"}, "SaleOut:77", std::chrono::hours(24 * 366))));
}

TEST_P(LockContract, whoever_has_the_right_and_names_the_owner_releases_a_hold) {
  const Grant g = granted(run(hold_wish(open("li"), {"SaleOrder:1"}, "SaleOut:77"))).grant;
  EXPECT_TRUE(refused(release_hold("wang", g.lock, "SaleOut:78"), Code::not_holder));
  Release c;
  c.caller = by("wang");
  c.lock = g.lock;
  c.owner = "SaleOut:77";
  EXPECT_TRUE(refused(run(c), Code::forbidden));
  EXPECT_TRUE(std::get<Released>(release_hold("wang", g.lock, "SaleOut:77")).released);
  EXPECT_TRUE(std::get<Released>(release_hold("zhao", g.lock, "SaleOut:77")).already);
}

TEST_P(LockContract, end_of_session_and_release_all_leave_a_hold_alone) {
  const Window li = open("li");
  granted(run(hold_wish(li, {"SaleOrder:1"}, "SaleOut:77")));
  EXPECT_EQ(std::get<ReleasedMany>(run(ReleaseAll{by("li"), li.id, ""})).released, 0U);
  EXPECT_TRUE(std::get<Renewed>(heartbeat(li)).locks.empty());
  end(li);
  EXPECT_FALSE(is_free("SaleOrder:1"));
  pass(Millis(60'000));
  EXPECT_TRUE(is_free("SaleOrder:1"));
}

TEST_P(LockContract, an_upgrade_that_names_an_owner_never_stands_beside_the_owners_hold_as_nobodys) {
  const Window li = open("li");
  const Grant plain = take(li, {"SaleOrder:1/Detail"}, Mode::shared);
  Acquire hold = hold_wish(open("wang"), {"SaleOrder:1"}, "SaleOut:77");
  hold.mode = Mode::shared;
  granted(run(hold));
  Acquire c = wish(li, {"SaleOrder:1/Detail"});
  c.owner = "SaleOut:77";
  const Grant x = granted(run(c)).grant;
  EXPECT_EQ(x.owner, "SaleOut:77");
  EXPECT_NE(x.lock, plain.lock);
  EXPECT_EQ(engine_->check(), "");
}

TEST_P(LockContract, a_repeat_of_a_queued_acquire_shows_the_versions_it_was_granted_with) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  Acquire c = wish(wang, {"SaleOrder:1"}, Mode::exclusive, Millis(60'000));
  c.caller.request_id = "r1";
  c.if_versions = {{"SaleOrder:1", 8}};
  run(c);
  Release r;
  r.caller = by("li");
  r.session = li.id;
  r.lock = g.lock;
  r.version = 8;
  run(r);
  EXPECT_EQ(granted(run(c)).versions["SaleOrder:1"], 8U);
}

// ----------------------------------------------------------------------------------------------- conflicts

TEST_P(LockContract, a_conflict_says_what_is_held_by_whom_since_when_and_who_waits) {
  const Window li = open("li", Millis(30'000));
  const Window wang = open("wang");
  Acquire c = wish(li, {"SaleOrder:1"});
  c.label = "SO-1";
  c.reason = "editing";
  const Grant g = granted(run(c)).grant;
  const LockId wait = queue(wang, {"SaleOrder:1"});
  pass(Millis(2000));
  const Refusal r = refusal(acquire(open("zhao"), {"SaleOrder:1/Detail"}));
  EXPECT_EQ(r.conflicts_total, 2U);
  ASSERT_EQ(r.conflicts.size(), 2U);
  const Conflict& held = r.conflicts[0];
  EXPECT_EQ(held.target.text(), "SaleOrder:1");
  EXPECT_EQ(held.lock, g.lock);
  EXPECT_FALSE(held.waiting);
  EXPECT_EQ(held.label, "SO-1");
  EXPECT_EQ(held.user, "li");
  EXPECT_EQ(held.user_name, "name of li");
  EXPECT_EQ(held.session, li.id);
  EXPECT_EQ(held.since, g.acquired_at);
  EXPECT_EQ(held.expires_at, g.expires_at);
  EXPECT_EQ(held.reason, "editing");
  EXPECT_EQ(held.queue, 1U);
  EXPECT_FALSE(held.same_user);
  const Conflict& waiting = r.conflicts[1];
  EXPECT_TRUE(waiting.waiting);
  EXPECT_EQ(waiting.lock, wait);
  EXPECT_EQ(waiting.user, "wang");
  EXPECT_EQ(waiting.position, 1U);
}

TEST_P(LockContract, the_first_twenty_conflicts_are_told_and_all_are_counted) {
  const Window li = open("li");
  for (int i = 0; i < 25; ++i) take(li, {"SaleOrder:" + std::to_string(i)});
  const Refusal r = refusal(acquire(open("wang"), {"SaleOrder"}));
  EXPECT_EQ(r.conflicts_total, 25U);
  EXPECT_EQ(r.conflicts.size(), 20U);
}

// ----------------------------------------------------------------------------------------------- queries

TEST_P(LockContract, verify_says_why_a_lock_does_not_do) {
  const Window li = open("li", Millis(30'000));
  const Grant g = take(li, {"SaleOrder:1"});
  const auto ok = std::get<Verified>(verify(g, {"SaleOrder:1/Detail/1"}));
  EXPECT_TRUE(ok.valid);
  EXPECT_EQ(ok.valid_for, Millis(30'000));
  EXPECT_EQ(std::get<Verified>(verify(g, {"SaleOrder"})).why, "not_covered");
  EXPECT_EQ(std::get<Verified>(verify(g, {}, Millis(30'001))).why, "too_short");
  EXPECT_EQ(std::get<Verified>(run(Verify{by("li"), g.lock, g.token + 1, {}, Millis(0)})).why, "not_holder");
  EXPECT_EQ(std::get<Verified>(run(Verify{by("li"), LockId{Id128{8, 8}}, 1, {}, Millis(0)})).why, "not_found");
}

TEST_P(LockContract, a_lock_held_during_a_whole_walk_is_listed_exactly_once) {
  const Window li = open("li");
  std::vector<LockId> kept;
  std::vector<LockId> passing;
  for (int i = 0; i < 10; ++i) {
    const Grant g = take(li, {"SaleOrder:" + std::to_string(i)});
    (i % 2 == 0 ? kept : passing).push_back(g.lock);
  }
  ListLocks c;
  c.caller = by("li");
  c.limit = 3;
  std::vector<LockId> seen;
  Token last = 0;
  do {
    const auto page = std::get<LockList>(run(c));
    for (const Grant& g : page.locks) {
      EXPECT_GT(g.token, last);
      last = g.token;
      seen.push_back(g.lock);
    }
    c.after = page.next;
    if (!passing.empty()) {
      release(li, passing.back());
      passing.pop_back();
      take(li, {"Stock:" + std::to_string(seen.size())});
    }
  } while (c.after != 0 && seen.size() < 100);
  for (const LockId& lock : kept) EXPECT_EQ(std::ranges::count(seen, lock), 1);
}

TEST_P(LockContract, a_page_of_locks_ends_when_its_bytes_are_used_up_and_the_next_goes_on) {
  const Window li = open("li");
  std::vector<LockId> held;
  for (int i = 0; i < 8; ++i) {
    Acquire c = wish(li, {});
    for (int n = 0; n < 500; ++n)
      c.targets.push_back(target("SaleOrder:" + std::to_string(i) + "/" + std::string(200, 'p') + "/" +
                                 std::string(196, 'l') + std::to_string(1000 + n)));
    held.push_back(granted(run(c)).grant.lock);
  }
  ListLocks c;
  c.caller = by("li");
  std::vector<LockId> seen;
  int pages = 0;
  do {
    const auto page = std::get<LockList>(run(c));
    std::size_t bytes = 0;
    for (const Grant& g : page.locks) {
      for (const HeldTarget& t : g.targets) bytes += t.target.text().size();
      seen.push_back(g.lock);
    }
    EXPECT_FALSE(page.locks.empty()) << "a page has one row at least";
    EXPECT_LE(bytes, page_bytes_max);
    c.after = page.next;
  } while (c.after != 0 && ++pages < 20);
  EXPECT_EQ(seen, held);
  EXPECT_GE(pages, 1);
}

TEST_P(LockContract, requests_are_listed_page_by_page_in_their_order) {
  std::vector<LockId> made;
  for (int i = 0; i < 5; ++i) {
    const Grant g = take(open("li"), {"SaleOrder:" + std::to_string(i)});
    made.push_back(ask(open("wang"), g.lock));
  }
  ListAsks c;
  c.caller = by("li");
  c.limit = 2;
  std::vector<LockId> seen;
  std::vector<std::size_t> sizes;
  do {
    const auto page = std::get<AskList>(run(c));
    for (const AskInfo& one : page.asks) seen.push_back(one.wait.wait);
    sizes.push_back(page.asks.size());
    c.after = page.next;
  } while (c.after != 0 && sizes.size() < 20);
  EXPECT_EQ(seen, made);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{2, 2, 1}));
}

TEST_P(LockContract, lists_filter_by_type_user_session_kind_and_age) {
  const Window li = open("li");
  const Window wang = open("wang");
  take(li, {"SaleOrder:1"});
  take(wang, {"Stock:1"});
  granted(run(hold_wish(wang, {"SaleOrder:2"}, "SaleOut:77")));
  pass(Millis(5000));
  take(li, {"SaleOrder:3"});
  const auto count = [&](auto set) {
    ListLocks c;
    c.caller = by("li");
    set(c);
    return std::get<LockList>(run(c)).locks.size();
  };
  EXPECT_EQ(count([](ListLocks&) {}), 4U);
  EXPECT_EQ(count([](ListLocks& c) { c.type = "SaleOrder"; }), 3U);
  EXPECT_EQ(count([](ListLocks& c) { c.user = "wang"; }), 2U);
  EXPECT_EQ(count([&](ListLocks& c) { c.session = li.id; }), 2U);
  EXPECT_EQ(count([](ListLocks& c) { c.kind = Kind::hold; }), 1U);
  EXPECT_EQ(count([](ListLocks& c) { c.older = Millis(3000); }), 3U);
}

TEST_P(LockContract, check_says_what_a_try_would) {
  const Window li = open("li");
  const Window wang = open("wang");
  take(li, {"SaleOrder:1"});
  queue(wang, {"SaleOrder"});
  const auto of_li = std::get<Checked>(
      run(Check{by("li"), li.id, targets({"SaleOrder:1", "SaleOrder:2", "Stock:1"}), Mode::exclusive}));
  EXPECT_TRUE(of_li.items[0].mine);
  EXPECT_TRUE(of_li.items[0].free);
  EXPECT_TRUE(of_li.items[1].free) << "who holds what the waiter waits for is not behind it";
  EXPECT_TRUE(of_li.items[2].free);
  const auto of_zhao = std::get<Checked>(
      run(Check{by("zhao"), open("zhao").id, targets({"SaleOrder:1", "SaleOrder:2"}), Mode::exclusive}));
  EXPECT_FALSE(of_zhao.items[0].free);
  EXPECT_FALSE(of_zhao.items[1].free) << "a try may not overtake";
}

TEST_P(LockContract, release_all_frees_one_type_or_all_and_another_session_only_for_admin) {
  const Window li = open("li");
  const Window wang = open("wang");
  take(li, {"SaleOrder:1", "Stock:1"});
  take(li, {"SaleOrder:2"});
  EXPECT_TRUE(refused(run(ReleaseAll{by("wang"), li.id, ""}), Code::forbidden));
  EXPECT_EQ(std::get<ReleasedMany>(run(ReleaseAll{by("li"), li.id, "Stock"})).released, 1U);
  EXPECT_TRUE(is_free("Stock:1"));
  EXPECT_FALSE(is_free("SaleOrder:1"));
  EXPECT_EQ(std::get<ReleasedMany>(run(ReleaseAll{by_holder_of_rights("root"), li.id, ""})).released, 2U);
  EXPECT_EQ(told<LockLost>(li).size(), 2U);
  EXPECT_TRUE(is_free("SaleOrder"));
}

// ----------------------------------------------------------------------------------------------- repeats

TEST_P(LockContract, a_repeated_request_has_one_effect_and_one_answer) {
  const Window li = open("li");
  Acquire c = wish(li, {"SaleOrder:1"});
  c.caller.request_id = "r1";
  c.caller.fingerprint = 7;
  const Grant first = granted(run(c)).grant;
  const Grant second = granted(run(c)).grant;
  EXPECT_EQ(first.lock, second.lock);
  EXPECT_EQ(first.token, second.token);
  EXPECT_EQ(second.holds, 1U);
  c.caller.fingerprint = 8;
  EXPECT_TRUE(refused(run(c), Code::request_id_reused));
}

TEST_P(LockContract, a_repeat_of_an_acquire_whose_grant_ended_is_lock_gone) {
  const Window li = open("li");
  Acquire c = wish(li, {"SaleOrder:1"});
  c.caller.request_id = "r1";
  const Grant g = granted(run(c)).grant;
  release(li, g.lock);
  EXPECT_TRUE(refused(run(c), Code::lock_gone));
}

TEST_P(LockContract, a_repeat_of_a_re_entry_whose_grant_ended_is_lock_gone) {
  const Window li = open("li");
  const Grant g = take(li, {"SaleOrder:1"});
  Acquire c = wish(li, {"SaleOrder:1"});
  c.caller.request_id = "r1";
  EXPECT_TRUE(granted(run(c)).again);
  release(li, g.lock);
  release(li, g.lock);
  EXPECT_TRUE(refused(run(c), Code::lock_gone));
}

TEST_P(LockContract, a_repeat_while_the_first_waits_joins_it) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  Acquire c = wish(wang, {"SaleOrder:1"}, Mode::exclusive, Millis(60'000));
  c.caller.request_id = "r1";
  EXPECT_EQ(std::get<Queued>(run(c)).wait, c.lock);
  EXPECT_EQ(std::get<Queued>(run(c)).position, 1U);
  release(li, g.lock);
  EXPECT_EQ(granted(run(c)).grant.lock, c.lock);
}

TEST_P(LockContract, a_remembered_refusal_stays_one_though_the_lock_is_free_now) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  Acquire c = wish(wang, {"SaleOrder:1"});
  c.caller.request_id = "r1";
  EXPECT_TRUE(refused(run(c), Code::locked));
  release(li, g.lock);
  EXPECT_TRUE(refused(run(c), Code::locked));
}

TEST_P(LockContract, request_ids_of_one_session_mean_nothing_in_another) {
  const Window one = open("li");
  const Window two = open("li");
  Acquire a = wish(one, {"SaleOrder:1"});
  a.caller.request_id = "r1";
  granted(run(a));
  Acquire b = wish(two, {"SaleOrder:2"});
  b.caller.request_id = "r1";
  b.caller.fingerprint = 9;
  granted(run(b));
}

TEST_P(LockContract, the_newest_sixty_four_request_ids_are_remembered_for_ten_minutes) {
  const Window li = open("li");
  const auto extend = [&](LockId lock, int n, std::uint64_t fingerprint) {
    Extend c{by("li"), li.id, lock, Millis(1'000'000)};
    c.caller.request_id = "r" + std::to_string(n);
    c.caller.fingerprint = fingerprint;
    return run(c);
  };
  const Grant g = take(li, {"SaleOrder:1"});
  for (int i = 0; i < 65; ++i) EXPECT_TRUE(std::holds_alternative<Grant>(extend(g.lock, i, 0)));
  EXPECT_TRUE(refused(extend(g.lock, 1, 1), Code::request_id_reused));
  EXPECT_TRUE(std::holds_alternative<Grant>(extend(g.lock, 0, 1))) << "forgotten: a new request";
  pass(Millis(601'000));
  EXPECT_TRUE(std::holds_alternative<Grant>(extend(g.lock, 64, 1)));
}

TEST_P(LockContract, repeats_are_known_after_a_restart) {
  const Window li = open("li");
  Acquire c = wish(li, {"SaleOrder:1"});
  c.caller.request_id = "r1";
  const Grant g = granted(run(c)).grant;
  restart();
  const Granted again = granted(run(c));
  EXPECT_EQ(again.grant.lock, g.lock);
  EXPECT_EQ(again.grant.token, g.token);
  EXPECT_EQ(again.grant.holds, 1U);
}

// ----------------------------------------------------------------------------------------------- versions

TEST_P(LockContract, a_version_behind_the_one_told_at_a_release_is_stale) {
  const Window li = open("li");
  const Grant g = take(li, {"SaleOrder:1"});
  Release r;
  r.caller = by("li");
  r.session = li.id;
  r.lock = g.lock;
  r.version = 8;
  run(r);
  Acquire c = wish(li, {"SaleOrder:1", "SaleOrder:2"});
  c.if_versions = {{"SaleOrder:1", 7}};
  const Refusal stale = refusal(run(c));
  EXPECT_EQ(stale.code, Code::stale_version);
  EXPECT_EQ(stale.stale_target, "SaleOrder:1");
  EXPECT_EQ(stale.known_version, 8U);
  c.if_versions = {{"SaleOrder:1", 8}, {"SaleOrder:2", 3}};
  const Granted ok = granted(run(c));
  EXPECT_EQ(ok.versions.at("SaleOrder:1"), 8U);
  EXPECT_EQ(ok.versions.at("SaleOrder:2"), std::nullopt);
}

TEST_P(LockContract, a_known_version_is_forgotten_after_ten_minutes) {
  const Window li = open("li");
  const Grant g = take(li, {"SaleOrder:1"});
  Release r;
  r.caller = by("li");
  r.session = li.id;
  r.lock = g.lock;
  r.version = 8;
  run(r);
  pass(Millis(601'000));
  Acquire c = wish(li, {"SaleOrder:1"});
  c.if_versions = {{"SaleOrder:1", 7}};
  EXPECT_EQ(granted(run(c)).versions.at("SaleOrder:1"), std::nullopt);
}

TEST_P(LockContract, a_waiter_with_a_stale_version_leaves_and_the_next_is_served) {
  const Window li = open("li");
  const Window wang = open("wang");
  const Window zhao = open("zhao");
  const Grant g = take(li, {"SaleOrder:1"});
  Acquire c = wish(wang, {"SaleOrder:1"}, Mode::exclusive, Millis(60'000));
  c.if_versions = {{"SaleOrder:1", 7}};
  run(c);
  queue(zhao, {"SaleOrder:1"});
  Release r;
  r.caller = by("li");
  r.session = li.id;
  r.lock = g.lock;
  r.version = 8;
  run(r);
  ASSERT_EQ(told<WaitEnded>(wang).size(), 1U);
  EXPECT_EQ(told<WaitEnded>(wang)[0].why.code, Code::stale_version);
  EXPECT_EQ(told<WaitEnded>(wang)[0].why.known_version, 8U);
  EXPECT_EQ(told<LockGranted>(zhao).size(), 1U);
}

// ----------------------------------------------------------------------------------------------- fencing

// What hf_bill keeps of one bill, and what it asks of whoever writes: the fence that stands beside the ERP's own
// tables.
struct FencedBill {
  std::uint64_t version = 1;
  Token token = 0;       // of the last write under a lock of the bill or of its type
  Token part_token = 0;  // the highest of a write under a lock of a part or a line

  bool write_bill(Token with, std::uint64_t read_at) {
    if (read_at != version || with < token || with < part_token) return false;
    token = with;
    ++version;
    return true;
  }
  bool write_part(Token with, std::uint64_t read_at) {
    if (read_at != version || with < token) return false;
    part_token = std::max(part_token, with);
    ++version;
    return true;
  }
};

TEST_P(LockContract, who_holds_a_line_and_then_its_bill_writes_both_with_what_verify_tells) {
  const auto token_for = [&](const Grant& g, std::string_view text) {
    const Verified v = std::get<Verified>(verify(g, {text}));
    EXPECT_TRUE(v.valid) << v.why;
    return v.targets.empty() ? Token{0} : v.targets.front().token;
  };
  FencedBill bill;
  const Window li = open("li");
  const Grant line = take(li, {"SaleOrder:1/Detail/7"});
  EXPECT_TRUE(bill.write_part(token_for(line, "SaleOrder:1/Detail/7"), bill.version));
  const Grant whole = take(li, {"SaleOrder:1"});
  EXPECT_GT(whole.token, line.token);
  EXPECT_TRUE(bill.write_bill(token_for(whole, "SaleOrder:1"), bill.version));
  EXPECT_FALSE(bill.write_part(line.token, bill.version)) << "the line's first token is behind";
  EXPECT_TRUE(bill.write_part(token_for(line, "SaleOrder:1/Detail/7"), bill.version));
  EXPECT_TRUE(bill.write_part(token_for(whole, "SaleOrder:1/Detail/8"), bill.version));
  release(li, whole.lock);
  restart();
  EXPECT_TRUE(bill.write_part(token_for(line, "SaleOrder:1/Detail/7"), bill.version)) << "it is his line still";
  // Whoever comes next is above, and what li sends late is refused.
  const Token late = token_for(line, "SaleOrder:1/Detail/7");
  release(li, line.lock);
  const Window wang = open("wang");
  const Grant next = take(wang, {"SaleOrder:1"});
  EXPECT_TRUE(bill.write_bill(token_for(next, "SaleOrder:1"), bill.version));
  EXPECT_FALSE(bill.write_part(late, bill.version));
}

TEST_P(LockContract, verify_tells_of_each_target_what_it_is_written_with) {
  const Window li = open("li");
  take(li, {"SaleOrder:2"});
  const Grant both = take(li, {"SaleOrder:1", "SaleOrder:2/Detail/1"});
  const Grant type = take(li, {"SaleOrder"});
  const Verified v = std::get<Verified>(verify(both, {"SaleOrder:2/Detail/1", "SaleOrder:1/Detail", "SaleOrder:1"}));
  ASSERT_EQ(v.targets.size(), 3U);
  for (const HeldTarget& held : v.targets) EXPECT_EQ(held.token, type.token) << held.target.text();
  EXPECT_TRUE(std::get<Verified>(verify(both, {"SaleOrder:3"})).targets.empty());
  // A shared lock above writes nothing, so it fences nothing off.
  const Window wang = open("wang");
  const Grant line = take(wang, {"Stock:1/Detail/1"});
  take(wang, {"Stock:1"}, Mode::shared);
  EXPECT_EQ(std::get<Verified>(verify(line, {"Stock:1/Detail/1"})).targets.at(0).token, line.token);
}

}  // namespace
}  // namespace hf::test
