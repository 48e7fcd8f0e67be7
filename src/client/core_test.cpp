// The client's protocol without sockets: what the server says is scripted, time is made up. If these fail, a
// user edits a bill that somebody else was granted, or loses one that nobody took.

#include "client/core_script_test.h"

namespace hf::client {
namespace {

using holdfast::Code;
using holdfast::LostReason;

constexpr auto half_lost = std::chrono::milliseconds(28'900);  // 30 s - 2 % - 500 ms

TEST(Core, says_hello_with_token_client_and_lease) {
  holdfast::Options options;
  options.token = "secret-token";
  options.client = {"erp", "pc-7", "order form"};
  options.lease = Millis(45'000);
  Script s(options);
  s.core.start(s.now);
  s.turn();
  s.open_link();
  const auto& hello = std::get<HelloFields>(s.last<HelloFields>().fields);
  EXPECT_EQ(hello.token, "secret-token");
  EXPECT_EQ(hello.client.window, "order form");
  EXPECT_EQ(hello.lease, Millis(45'000));
  EXPECT_TRUE(hello.session.is_nil());
  EXPECT_EQ(s.core.link(), holdfast::Link::connecting);
  s.welcomes(s.greeting());
  EXPECT_EQ(s.core.link(), holdfast::Link::ready);
}

TEST(Core, before_any_ping_the_deadline_counts_from_the_sending_of_hello) {
  Script s;
  s.core.start(s.now);
  s.turn();
  s.open_link();
  const Time hello = s.now;
  s.now += seconds(3);
  s.welcomes(s.greeting());
  auto lock = s.acquire();
  s.answers(s.last<Acquire>().id, Op::lock_acquire, Granted{grant(1), false, {}});
  s.now = hello + half_lost - std::chrono::milliseconds(1);
  EXPECT_TRUE(s.held(lock));
  s.now = hello + half_lost;
  EXPECT_FALSE(s.held(lock));
}

TEST(Core, a_deadline_counts_from_the_sending_of_the_newest_acknowledged_pong) {
  Script s;
  s.ready();
  auto lock = s.holding();
  s.pass(seconds(10));
  const Time first_pong = s.now;
  s.pings(1, 0);
  EXPECT_EQ(std::get<PongFields>(s.last<PongFields>().fields).n, 1U);
  s.pass(seconds(10));
  s.pings(2, 1);  // acknowledges the first
  s.now = first_pong + half_lost - std::chrono::milliseconds(1);
  EXPECT_TRUE(s.held(lock));
  s.now = first_pong + half_lost;
  EXPECT_FALSE(s.held(lock)) << "a pong that was sent but not acknowledged counted";
}

TEST(Core, a_lease_shorter_than_the_pings_renews_itself) {
  Script s;
  s.core.start(s.now);
  s.turn();
  s.open_link();
  auto welcome = s.greeting();
  welcome.lease = Millis(10'000);
  s.welcomes(welcome);
  auto lock = s.acquire();
  s.answers(s.last<Acquire>().id, Op::lock_acquire, Granted{grant(1), false, {}});
  for (int i = 0; i < 10; ++i) {
    s.sent.clear();
    s.pass(Millis(7'000));
    ASSERT_EQ(s.count<Heartbeat>(), 1U);
    s.answers(s.last<Heartbeat>().id, Op::session_heartbeat, Renewed{wall_us(1'700'000'000'000'000), 0, {lock_id(1)}});
  }
  EXPECT_TRUE(s.held(lock));
  EXPECT_TRUE(lock->lost.empty());
}

TEST(Core, a_lease_that_pings_renew_in_time_sends_no_heartbeat_of_its_own) {
  Script s;
  s.ready();
  auto lock = s.holding();
  for (std::uint64_t n = 1; n < 20; ++n) {
    s.pass(seconds(10));
    s.pings(n, n - 1);
  }
  EXPECT_EQ(s.count<Heartbeat>(), 0U);
  EXPECT_TRUE(s.held(lock));
}

TEST(Core, a_lock_is_reported_lost_at_the_deadline_though_the_link_is_down) {
  Script s;
  s.ready();
  auto lock = s.holding();
  s.breaks();
  s.pass(half_lost - std::chrono::milliseconds(200));
  EXPECT_TRUE(s.losses.empty());
  s.pass(std::chrono::milliseconds(201));
  ASSERT_EQ(lock->lost.size(), 1U);
  EXPECT_EQ(lock->lost[0].reason, LostReason::deadline);
  EXPECT_EQ(s.losses.size(), 1U);
  EXPECT_EQ(lock->lost[0].targets, std::vector<std::string>{"SaleOrder:1001"});
}

TEST(Core, a_lost_lock_never_comes_back_and_is_given_back_when_the_server_still_lists_it) {
  Script s;
  s.ready();
  auto lock = s.holding();
  s.breaks();
  s.pass(seconds(29));
  ASSERT_EQ(lock->lost.size(), 1U);
  s.resume(s.state({grant(1)}));
  EXPECT_FALSE(s.held(lock));
  const auto& release = std::get<Release>(s.last<Release>().fields);
  EXPECT_EQ(release.lock, lock_id(1));
  EXPECT_TRUE(release.all);
}

TEST(Core, an_acknowledgement_after_the_deadline_revives_nothing) {
  Script s;
  s.ready();
  auto lock = s.holding();
  s.pings(1, 0);
  s.now = s.start + seconds(40);
  s.pings(2, 1);
  EXPECT_EQ(lock->lost.size(), 1U);
  EXPECT_FALSE(s.held(lock));
}

TEST(Core, a_hello_without_an_answer_is_said_again_under_its_request_id_until_it_is_welcomed) {
  Script s;
  s.core.start(s.now);
  s.turn();
  s.open_link();
  const std::string asked = std::get<HelloFields>(s.last<HelloFields>().fields).request_id;
  EXPECT_FALSE(asked.empty());
  s.breaks();
  s.open_link();
  EXPECT_EQ(std::get<HelloFields>(s.last<HelloFields>().fields).request_id, asked);
  s.welcomes(s.greeting());
  // A resume is counted, so that one which a node carries out late is known for what it is.
  for (std::uint64_t attempt = 1; attempt <= 3; ++attempt) {
    s.breaks();
    s.open_link();
    const auto& hello = std::get<HelloFields>(s.last<HelloFields>().fields);
    EXPECT_TRUE(hello.request_id.empty());
    EXPECT_EQ(hello.attempt, attempt);
  }
}

TEST(Core, a_resume_shows_the_session_and_its_newest_secret_and_keeps_the_locks) {
  Script s;
  s.ready();
  auto lock = s.holding();
  s.breaks();
  s.open_link();
  auto hello = std::get<HelloFields>(s.last<HelloFields>().fields);
  EXPECT_EQ(hello.session, session_id(1));
  EXPECT_EQ(hello.secret, secret(1));
  auto welcome = s.greeting(1, true);
  welcome.state = s.state({grant(1)});
  s.welcomes(welcome);
  EXPECT_TRUE(s.held(lock));
  EXPECT_EQ(s.count<Release>(), 0U);
  s.breaks();
  s.open_link();
  EXPECT_EQ(std::get<HelloFields>(s.last<HelloFields>().fields).secret, secret(2));
}

TEST(Core, what_is_gone_after_a_node_that_lost_its_state_was_lost_by_the_engine_and_only_that) {
  for (const bool session_too : {false, true}) {
    Script s;
    s.ready();
    auto lock = s.holding();
    s.core.closed(s.now, close_code::drain, "engine_lost retry_ms=1000");
    s.open_link();
    if (session_too) {
      s.refuses(s.last<HelloFields>().id, hf::Code::session_gone);
    } else {
      auto welcome = s.greeting(1, true);
      welcome.state = s.state({});
      s.welcomes(welcome);
    }
    ASSERT_EQ(lock->lost.size(), 1U);
    EXPECT_EQ(lock->lost[0].reason, LostReason::engine_lost);
  }
  Script s;
  s.ready();
  auto lock = s.holding();
  s.core.closed(s.now, close_code::drain, "engine_lost retry_ms=1000");
  s.open_link();
  auto welcome = s.greeting(1, true);
  welcome.state = s.state({grant(1)});
  s.welcomes(welcome);
  EXPECT_TRUE(s.held(lock)) << "it was put back";
  s.breaks();
  s.open_link();
  s.refuses(s.last<HelloFields>().id, hf::Code::session_gone);
  ASSERT_EQ(lock->lost.size(), 1U);
  EXPECT_EQ(lock->lost[0].reason, LostReason::expired) << "another time, another reason";
}

TEST(Core, a_resume_that_fails_loses_the_locks_and_opens_a_new_session_on_the_same_link) {
  Script s;
  s.ready();
  auto lock = s.holding();
  s.breaks();
  s.open_link();
  const int connects = s.connects;
  s.refuses(s.last<HelloFields>().id, hf::Code::session_gone);
  EXPECT_EQ(lock->lost.size(), 1U);
  EXPECT_TRUE(std::get<HelloFields>(s.last<HelloFields>().fields).session.is_nil());
  EXPECT_EQ(s.connects, connects);
  s.welcomes(s.greeting(2));
  EXPECT_EQ(s.core.session_text(), session_id(2).text());
}

TEST(Core, a_replaced_session_is_lost_and_never_connected_again) {
  Script s;
  s.ready();
  auto lock = s.holding();
  s.breaks(close_code::replaced);
  ASSERT_EQ(lock->lost.size(), 1U);
  EXPECT_EQ(lock->lost[0].reason, LostReason::replaced);
  EXPECT_EQ(s.core.link(), holdfast::Link::closed);
  const int connects = s.connects;
  s.pass(seconds(60));
  EXPECT_EQ(s.connects, connects);
  EXPECT_EQ(s.acquire()->code(), Code::session_gone);
}

TEST(Core, an_unanswered_request_is_repeated_on_the_next_link_under_the_same_request_id) {
  Script s;
  s.ready();
  auto asked = s.acquire();
  const auto first = std::get<Acquire>(s.last<Acquire>().fields).caller.request_id;
  EXPECT_FALSE(first.empty());
  s.breaks();
  s.resume(s.state({}));
  ASSERT_EQ(s.count<Acquire>(), 1U);
  EXPECT_EQ(std::get<Acquire>(s.last<Acquire>().fields).caller.request_id, first);
  s.answers(s.last<Acquire>().id, Op::lock_acquire, Granted{grant(1), false, {}});
  EXPECT_TRUE(asked->granted());
  EXPECT_EQ(asked->calls, 1);
}

TEST(Core, a_grant_whose_answer_was_lost_is_not_given_back_while_the_repeat_is_unanswered) {
  Script s;
  s.ready();
  auto asked = s.acquire();
  s.breaks();
  s.resume(s.state({grant(1)}, 1));
  EXPECT_EQ(s.count<Release>(), 0U);
  s.answers(s.last<Acquire>().id, Op::lock_acquire, Granted{grant(1), false, {}});
  EXPECT_TRUE(asked->granted());
  EXPECT_EQ(s.count<Release>(), 0U);
  EXPECT_TRUE(s.held(asked));
}

TEST(Core, what_may_be_repeated_is_repeated_with_jitter_and_the_same_id_and_nothing_else) {
  for (const auto code : {hf::Code::unavailable, hf::Code::unknown_outcome, hf::Code::too_many, hf::Code::draining}) {
    Script s;
    s.ready();
    auto asked = s.acquire();
    const auto first = std::get<Acquire>(s.last<Acquire>().fields).caller.request_id;
    s.refuses(s.last<Acquire>().id, code);
    EXPECT_FALSE(asked->result);
    s.pass(seconds(1));
    ASSERT_EQ(s.count<Acquire>(), 2U) << code_name(code);
    EXPECT_EQ(std::get<Acquire>(s.last<Acquire>().fields).caller.request_id, first);
  }
  for (const auto code :
       {hf::Code::locked, hf::Code::stale_version, hf::Code::not_holder, hf::Code::lock_gone, hf::Code::forbidden,
        hf::Code::invalid, hf::Code::not_found, hf::Code::request_id_reused, hf::Code::session_gone}) {
    Script s;
    s.ready();
    auto asked = s.acquire();
    s.refuses(s.last<Acquire>().id, code);
    ASSERT_TRUE(asked->result) << code_name(code);
    EXPECT_EQ(static_cast<int>(asked->code()), static_cast<int>(code));
    s.pass(seconds(9));
    EXPECT_EQ(s.count<Acquire>(), 1U) << code_name(code);
  }
}

TEST(Core, a_repeat_waits_as_long_as_the_server_says) {
  Script s;
  s.ready();
  auto asked = s.acquire();
  s.refuses(s.last<Acquire>().id, hf::Code::too_many, Millis(4'000));
  s.pass(Millis(3'990));
  EXPECT_EQ(s.count<Acquire>(), 1U);
  s.pass(Millis(100));
  EXPECT_EQ(s.count<Acquire>(), 2U);
}

TEST(Core, a_repeat_that_would_come_after_the_deadline_is_not_made) {
  Script s;
  s.ready();
  auto asked = s.acquire();
  s.refuses(s.last<Acquire>().id, hf::Code::too_many, Millis(11'000));
  EXPECT_EQ(asked->code(), Code::too_many);
}

TEST(Core, a_call_that_was_never_sent_ends_as_unavailable_and_a_sent_one_as_unknown_outcome) {
  Script s;
  s.core.start(s.now);
  s.turn();
  auto unsent = s.acquire();
  s.breaks();
  for (int i = 0; i < 20; ++i) {
    s.pass(seconds(1));
    if (s.dialing) {
      s.breaks();
    }
  }
  EXPECT_EQ(unsent->code(), Code::unavailable);

  Script t;
  t.ready();
  auto sent = t.acquire();
  t.pass(Millis(9'990));
  EXPECT_FALSE(sent->result);
  t.pass(Millis(20));
  EXPECT_EQ(sent->code(), Code::unknown_outcome);
}

TEST(Core, a_grant_that_comes_after_the_callers_deadline_is_given_back) {
  Script s;
  s.ready();
  auto asked = s.acquire();
  const auto id = s.last<Acquire>().id;
  s.pass(seconds(11));
  ASSERT_EQ(asked->code(), Code::unknown_outcome);
  s.answers(id, Op::lock_acquire, Granted{grant(1), false, {}});
  EXPECT_EQ(asked->calls, 1);
  EXPECT_EQ(std::get<Release>(s.last<Release>().fields).lock, lock_id(1));
}

TEST(Core, a_gap_in_the_numbers_asks_for_the_whole_state_and_reports_what_is_missing_in_it) {
  Script s;
  s.ready();
  auto lock = s.holding();
  s.pings(1, 0, 5);
  ASSERT_EQ(s.count<GetSession>(), 1U);
  s.pings(2, 1, 5);
  EXPECT_EQ(s.count<GetSession>(), 1U);
  s.answers(s.last<GetSession>().id, Op::session_state, s.state({}, 5));
  ASSERT_EQ(lock->lost.size(), 1U);
  EXPECT_EQ(lock->lost[0].reason, LostReason::missing);
}

TEST(Core, a_push_whose_number_skips_one_asks_for_the_whole_state) {
  Script s;
  s.ready();
  auto lock = s.holding();
  AskInfo ask;
  ask.wait.wait = lock_id(9);
  ask.wait.session = session_id(5);
  ask.wait.targets = {target("SaleOrder:1001")};
  ask.lock = lock_id(1);
  s.pushes(LockRequested{session_id(1), 1, ask});
  EXPECT_EQ(s.count<GetSession>(), 0U);
  ask.wait.wait = lock_id(10);
  s.pushes(LockRequested{session_id(1), 3, ask});
  EXPECT_EQ(s.count<GetSession>(), 1U);
}

TEST(Core, a_grant_of_an_acquire_given_up_is_released_and_not_taken_for_one_moved_here) {
  holdfast::Options options;
  options.on_transferred_here = [](holdfast::LockHandle) {};
  Script s(options);
  int moved = 0;
  s.core.set_transferred([&](const auto&, const Taken&) { ++moved; });
  s.ready();
  auto asked = s.acquire();
  s.pass(seconds(11));
  ASSERT_EQ(asked->code(), Code::unknown_outcome);
  s.breaks();
  s.resume(s.state({grant(1)}, 1));
  EXPECT_EQ(moved, 0);
  EXPECT_EQ(std::get<Release>(s.last<Release>().fields).lock, lock_id(1));
}

TEST(Core, a_lock_granted_after_the_state_was_asked_for_is_not_missing_in_it) {
  Script s;
  s.ready();
  s.pings(1, 0, 3);
  const auto state = s.last<GetSession>().id;
  auto lock = s.holding();
  s.answers(state, Op::session_state, s.state({}, 3));
  EXPECT_TRUE(lock->lost.empty());
  EXPECT_TRUE(s.held(lock));
}

TEST(Core, a_listed_lock_that_nobody_knows_is_released) {
  Script s;
  s.ready();
  s.pings(1, 0, 1);
  s.answers(s.last<GetSession>().id, Op::session_state, s.state({grant(4)}, 1));
  const auto& release = std::get<Release>(s.last<Release>().fields);
  EXPECT_EQ(release.lock, lock_id(4));
}

TEST(Core, a_hold_is_neither_released_as_unknown_nor_lost_with_the_session) {
  Script s;
  s.ready();
  Grant hold = grant(4);
  hold.kind = Kind::hold;
  hold.owner = "SaleOut:77";
  holdfast::Acquire what;
  what.targets = {"SaleOrder:1001"};
  what.kind = holdfast::Kind::hold;
  what.owner = hold.owner;
  what.ttl = std::chrono::hours(1);
  auto asked = s.acquire(what);
  s.answers(s.last<Acquire>().id, Op::lock_acquire, Granted{hold, false, {}});
  ASSERT_TRUE(asked->granted());
  s.pings(1, 0, 9);
  s.answers(s.last<GetSession>().id, Op::session_state, s.state({hold}, 9));
  EXPECT_EQ(s.count<Release>(), 0U);
  s.breaks();
  s.pass(seconds(31));
  EXPECT_TRUE(asked->lost.empty());
  EXPECT_TRUE(s.held(asked));
  s.pass(std::chrono::hours(1));
  EXPECT_EQ(asked->lost.size(), 1U);
}

TEST(Core, a_wait_tells_its_position_and_ends_with_the_pushed_grant) {
  Script s;
  s.ready();
  holdfast::Acquire what;
  what.wait = Millis(60'000);
  auto asked = s.acquire(what);
  s.answers(s.last<Acquire>().id, Op::lock_acquire, Queued{lock_id(1), 3});
  s.pass(seconds(14));
  s.pings(1, 0);
  s.pushes(LockWaiting{session_id(1), lock_id(1), 2});
  EXPECT_EQ(asked->positions, (std::vector<std::uint32_t>{3, 2}));
  EXPECT_FALSE(asked->result);
  s.pushes(LockGranted{session_id(1), 1, lock_id(1), Granted{grant(1), false, {}}});
  EXPECT_TRUE(asked->granted());
  EXPECT_EQ(s.count<GetSession>(), 0U);
}

TEST(Core, a_grant_pushed_before_the_answer_that_names_its_wait_is_not_lost) {
  Script s;
  s.ready();
  holdfast::Acquire what;
  what.wait = Millis(60'000);
  auto asked = s.acquire(what);
  s.pushes(LockGranted{session_id(1), 1, lock_id(1), Granted{grant(1), false, {}}});
  s.answers(s.last<Acquire>().id, Op::lock_acquire, Queued{lock_id(1), 1});
  EXPECT_TRUE(asked->granted());
  EXPECT_EQ(s.count<Release>(), 0U);
}

TEST(Core, a_wait_that_ends_says_why) {
  Script s;
  s.ready();
  holdfast::Acquire what;
  what.wait = Millis(5'000);
  auto asked = s.acquire(what);
  s.answers(s.last<Acquire>().id, Op::lock_acquire, Queued{lock_id(1), 1});
  Refusal why;
  why.code = hf::Code::locked;
  s.pushes(WaitEnded{session_id(1), 1, lock_id(1), why});
  EXPECT_EQ(asked->code(), Code::locked);
}

TEST(Core, a_wait_granted_while_the_link_was_down_is_found_in_the_state) {
  Script s;
  s.ready();
  holdfast::Acquire what;
  what.wait = Millis(60'000);
  auto asked = s.acquire(what);
  s.answers(s.last<Acquire>().id, Op::lock_acquire, Queued{lock_id(1), 1});
  s.breaks();
  s.resume(s.state({grant(1)}, 1));
  EXPECT_TRUE(asked->granted());
  EXPECT_EQ(s.count<Release>(), 0U);
}

TEST(Core, a_wait_that_is_gone_after_a_drop_ends) {
  Script s;
  s.ready();
  holdfast::Acquire what;
  what.wait = Millis(60'000);
  auto asked = s.acquire(what);
  s.answers(s.last<Acquire>().id, Op::lock_acquire, Queued{lock_id(1), 1});
  s.breaks();
  s.resume(s.state({}, 1));
  EXPECT_EQ(asked->code(), Code::request_gone);
}

TEST(Core, a_time_to_live_counts_from_the_first_sending_of_the_acquire) {
  Script s;
  s.ready();
  holdfast::Acquire what;
  what.ttl = Millis(10'000);
  auto asked = s.acquire(what);
  const Time sent = s.now;
  s.pass(seconds(2));
  s.answers(s.last<Acquire>().id, Op::lock_acquire, Granted{grant(1), false, {}});
  s.now = sent + Millis(9'299);
  EXPECT_TRUE(s.held(asked));
  s.now = sent + Millis(9'300);  // 10 s - 2 % - 500 ms
  EXPECT_FALSE(s.held(asked));
}

TEST(Core, a_time_to_live_after_a_wait_is_set_anew_from_a_known_moment) {
  Script s;
  s.ready();
  holdfast::Acquire what;
  what.ttl = Millis(10'000);
  what.wait = Millis(60'000);
  auto asked = s.acquire(what);
  s.answers(s.last<Acquire>().id, Op::lock_acquire, Queued{lock_id(1), 1});
  s.pass(seconds(12));
  s.pings(1, 0);
  s.pushes(LockGranted{session_id(1), 1, lock_id(1), Granted{grant(1), false, {}}});
  EXPECT_FALSE(asked->result);
  EXPECT_EQ(std::get<Extend>(s.last<Extend>().fields).ttl, Millis(10'000));
  s.answers(s.last<Extend>().id, Op::lock_extend, Granted{grant(1), false, {}});
  ASSERT_TRUE(asked->granted());
  EXPECT_TRUE(s.held(asked));
}

TEST(Core, the_longest_hold_ends_a_lock_here_though_the_link_went_down) {
  Script s;
  s.ready();
  auto lock = s.holding();
  const Wall server = wall_us(1'700'000'100'000'000);
  s.pushes(LockExpiring{session_id(1), lock_id(1), server + seconds(20), EndReason::max_hold});
  const Time sent = s.now;
  s.answers(s.last<Heartbeat>().id, Op::session_heartbeat, Renewed{server + seconds(30), 0, {lock_id(1)}});
  s.now = sent + Millis(19'099);
  EXPECT_TRUE(s.held(lock));
  s.now = sent + Millis(19'100);  // 20 s - 2 % - 500 ms
  EXPECT_FALSE(s.held(lock));
}

TEST(Core, a_lock_taken_twice_is_released_twice) {
  Script s;
  s.ready();
  auto first = s.holding(1);
  auto second = s.acquire();
  Grant again = grant(1);
  again.holds = 2;
  s.answers(s.last<Acquire>().id, Op::lock_acquire, Granted{again, true, {}});
  ASSERT_TRUE(second->granted());
  EXPECT_EQ((*first->result)->held, (*second->result)->held);
  s.core.release(s.now, **first->result, std::nullopt, {});
  s.turn();
  EXPECT_EQ(s.count<Release>(), 1U);
  EXPECT_FALSE(std::get<Release>(s.last<Release>().fields).all) << "the other handle holds it on";
  EXPECT_TRUE(s.held(second));
  s.core.release(s.now, **second->result, std::nullopt, {});
  s.turn();
  EXPECT_EQ(s.count<Release>(), 2U);
  EXPECT_FALSE(s.held(second));
  const auto& last = std::get<Release>(s.last<Release>().fields);
  EXPECT_TRUE(last.all);
  EXPECT_EQ(last.holds, 1U);
}

// A double click: the second acquire's answer is on its way, or was given up, when the form closes.
TEST(Core, the_only_handle_ends_its_lock_whatever_it_counts) {
  Script s;
  s.ready();
  auto lock = s.acquire();
  Grant twice = grant(1);
  twice.holds = 2;
  s.answers(s.last<Acquire>().id, Op::lock_acquire, Granted{twice, true, {}});
  std::optional<holdfast::Result<holdfast::Nothing>> result;
  s.core.release(s.now, **lock->result, std::nullopt,
                 {[&](holdfast::Result<holdfast::Nothing> r) { result = std::move(r); }, false});
  s.turn();
  EXPECT_TRUE(std::get<Release>(s.last<Release>().fields).all);
  EXPECT_EQ(std::get<Release>(s.last<Release>().fields).holds, 2U);
  s.answers(s.last<Release>().id, Op::lock_release, Released{.holds = 3, .already = true});
  EXPECT_FALSE(result) << "nothing happened";
  EXPECT_TRUE(std::get<Release>(s.last<Release>().fields).all);
  EXPECT_EQ(std::get<Release>(s.last<Release>().fields).holds, 3U);
  s.answers(s.last<Release>().id, Op::lock_release, Released{.released = true});
  ASSERT_TRUE(result);
  EXPECT_TRUE(*result);
  EXPECT_EQ(s.count<Release>(), 2U);
}

TEST(Core, a_last_release_leaves_the_share_that_is_on_its_way_to_another_handle) {
  Script s;
  s.ready();
  auto first = s.holding(1);
  auto second = s.acquire();
  const std::uint64_t acquire = s.last<Acquire>().id;
  s.core.release(s.now, **first->result, std::nullopt, {});
  s.turn();
  EXPECT_EQ(std::get<Release>(s.last<Release>().fields).holds, 1U) << "of two, which the server knows of";
  Grant again = grant(1);
  again.holds = 2;
  s.answers(acquire, Op::lock_acquire, Granted{again, true, {}});
  ASSERT_TRUE(second->granted());
  s.answers(s.last<Release>().id, Op::lock_release, Released{.holds = 2, .already = true});
  EXPECT_EQ(s.count<Release>(), 2U);
  EXPECT_FALSE(std::get<Release>(s.last<Release>().fields).all);
  EXPECT_FALSE(std::get<Release>(s.last<Release>().fields).holds);
  s.answers(s.last<Release>().id, Op::lock_release, Released{.holds = 1});
  EXPECT_TRUE(s.held(second));
  s.core.release(s.now, **second->result, std::nullopt, {});
  s.turn();
  EXPECT_TRUE(std::get<Release>(s.last<Release>().fields).all);
  EXPECT_EQ(std::get<Release>(s.last<Release>().fields).holds, 1U);
}

TEST(Core, an_unanswered_acquire_may_have_taken_the_share_that_a_last_release_met) {
  Script s;
  s.ready();
  auto first = s.holding(1);
  auto second = s.acquire();
  s.core.release(s.now, **first->result, std::nullopt, {});
  s.turn();
  s.answers(s.last<Release>().id, Op::lock_release, Released{.holds = 2, .already = true});
  EXPECT_FALSE(std::get<Release>(s.last<Release>().fields).all);
}

TEST(Core, an_upgrade_changes_the_token_of_all_handles) {
  Script s;
  s.ready();
  auto first = s.holding(1);
  auto second = s.acquire();
  s.answers(s.last<Acquire>().id, Op::lock_acquire, Granted{grant(1, "SaleOrder:1001", 900), false, {}});
  EXPECT_EQ((*first->result)->held->token.load(), 901U);
}

TEST(Core, a_release_of_what_has_ended_is_no_error) {
  for (const auto code : {hf::Code::lock_gone, hf::Code::not_found, hf::Code::not_holder, hf::Code::session_gone}) {
    Script s;
    s.ready();
    auto lock = s.holding();
    std::optional<holdfast::Result<holdfast::Nothing>> result;
    s.core.release(s.now, **lock->result, 7,
                   {[&](holdfast::Result<holdfast::Nothing> r) { result = std::move(r); }, false});
    s.turn();
    EXPECT_EQ(std::get<Release>(s.last<Release>().fields).version, 7U);
    s.refuses(s.last<Release>().id, code);
    ASSERT_TRUE(result);
    EXPECT_TRUE(*result);
  }
}

TEST(Core, a_released_handle_is_not_told_of_a_loss) {
  Script s;
  s.ready();
  auto lock = s.holding();
  (*lock->result)->alive->store(false);
  s.core.release(s.now, **lock->result, std::nullopt, {});
  s.turn();
  s.pushes(LockLost{
      session_id(1), 1, lock_id(1), EndReason::forced, {target("SaleOrder:1001")}, true, "boss", "Boss", "now"});
  EXPECT_TRUE(lock->lost.empty());
}

TEST(Core, a_forced_lock_tells_who_and_why) {
  Script s;
  s.ready();
  auto lock = s.holding();
  s.pushes(LockLost{session_id(1),
                    1,
                    lock_id(1),
                    EndReason::forced,
                    {target("SaleOrder:1001")},
                    true,
                    "boss",
                    "Boss",
                    "stock-taking"});
  ASSERT_EQ(lock->lost.size(), 1U);
  EXPECT_EQ(lock->lost[0].reason, LostReason::forced);
  EXPECT_EQ(lock->lost[0].by_name, "Boss");
  EXPECT_EQ(lock->lost[0].note, "stock-taking");
  EXPECT_FALSE(s.held(lock));
}

TEST(Core, a_part_lost_leaves_the_rest_held) {
  Script s;
  s.ready();
  auto lock = s.acquire({.targets = {"SaleOrder:1", "SaleOrder:2"}});
  Grant both = grant(1, "SaleOrder:1");
  both.targets.push_back({target("SaleOrder:2"), both.token});
  s.answers(s.last<Acquire>().id, Op::lock_acquire, Granted{both, false, {}});
  s.pushes(LockLost{
      session_id(1), 1, lock_id(1), EndReason::handed_over, {target("SaleOrder:2")}, false, "wang", "Wang", ""});
  ASSERT_EQ(lock->lost.size(), 1U);
  EXPECT_FALSE(lock->lost[0].whole);
  EXPECT_TRUE(s.held(lock));
  EXPECT_EQ((*lock->result)->held->info.targets, std::vector<std::string>{"SaleOrder:1"});
}

TEST(Core, a_loss_before_on_lost_was_set_is_still_told) {
  Script s;
  s.ready();
  auto lock = s.holding();
  s.pushes(LockLost{session_id(1), 1, lock_id(1), EndReason::forced, {}, true, "", "", ""});
  int told = 0;
  s.core.on_lost(**lock->result, [&](const holdfast::Lost&) { ++told; });
  s.turn();
  EXPECT_EQ(told, 1);
}

TEST(Core, a_request_is_told_once_though_the_state_repeats_it) {
  Script s;
  s.ready();
  auto lock = s.holding();
  AskInfo ask;
  ask.wait.wait = lock_id(9);
  ask.wait.session = session_id(5);
  ask.wait.user = "wang";
  ask.wait.targets = {target("SaleOrder:1001")};
  ask.lock = lock_id(1);
  ask.message = "please";
  s.pushes(LockRequested{session_id(1), 1, ask});
  ASSERT_EQ(s.requests.size(), 1U);
  EXPECT_EQ(s.requests[0].message, "please");
  EXPECT_EQ(s.requests[0].request, lock_id(9).text());
  auto state = s.state({grant(1)}, 1);
  state.asks = {ask};
  s.breaks();
  s.resume(state);
  EXPECT_EQ(s.requests.size(), 1U);
}

TEST(Core, silence_counts_as_a_broken_link) {
  Script s;
  s.ready();
  const int drops = s.drops;
  s.pass(Millis(14'900));
  EXPECT_EQ(s.drops, drops);
  s.pass(Millis(200));
  EXPECT_EQ(s.drops, drops + 1);
  s.open_link();
}

TEST(Core, reconnecting_backs_off_to_at_most_five_seconds) {
  Script s;
  s.core.start(s.now);
  s.turn();
  int tries = 0;
  for (int i = 0; i < 600; ++i) {
    if (s.dialing) {
      ++tries;
      s.breaks();
    }
    s.pass(Millis(100));
  }
  EXPECT_GT(tries, 12);
  EXPECT_LT(tries, 100);
}

TEST(Core, a_bad_token_closes_the_client_and_a_provider_is_asked_once_more) {
  Script s;
  s.core.start(s.now);
  s.turn();
  auto asked = s.acquire();
  s.open_link();
  s.refuses(s.last<HelloFields>().id, hf::Code::unauthenticated);
  EXPECT_EQ(s.core.link(), holdfast::Link::closed);
  EXPECT_EQ(asked->code(), Code::unauthenticated);

  holdfast::Options options;
  options.token_provider = [] { return holdfast::Result<std::string>("unused by the core"); };
  Script t(options);
  t.core.start(t.now);
  t.turn();
  EXPECT_EQ(t.token_wishes, 1);
  EXPECT_EQ(t.connects, 0);
  t.core.token(t.now, "expired");
  t.turn();
  t.open_link();
  t.breaks(close_code::unauthenticated);
  t.pass(seconds(1));
  EXPECT_EQ(t.token_wishes, 2);
  t.core.token(t.now, "fresh");
  t.turn();
  t.open_link();
  EXPECT_EQ(std::get<HelloFields>(t.last<HelloFields>().fields).token, "fresh");
  t.breaks(close_code::unauthenticated);
  EXPECT_EQ(t.core.link(), holdfast::Link::closed);
}

TEST(Core, a_token_is_renewed_in_place_when_the_server_asks) {
  holdfast::Options options;
  options.token_provider = [] { return holdfast::Result<std::string>("unused by the core"); };
  Script s(options);
  s.core.start(s.now);
  s.turn();
  s.core.token(s.now, "first");
  s.turn();
  s.open_link();
  s.welcomes(s.greeting());
  std::string text;
  encode_auth_required(text, std::nullopt);
  s.says(text);
  EXPECT_EQ(s.token_wishes, 2);
  s.core.token(s.now, "second");
  s.turn();
  EXPECT_EQ(std::get<AuthFields>(s.last<AuthFields>().fields).token, "second");
}

TEST(Core, no_more_than_sixty_requests_are_in_flight_and_the_rest_follow) {
  Script s;
  s.ready();
  for (int i = 0; i < 70; ++i) s.acquire();
  ASSERT_EQ(s.count<Acquire>(), in_flight_max);
  s.refuses(s.sent[0].id, hf::Code::locked);
  EXPECT_EQ(s.count<Acquire>(), in_flight_max + 1);
}

TEST(Core, more_than_ten_thousand_unanswered_calls_are_refused) {
  Script s;
  std::shared_ptr<Script::Asked> asked;
  for (std::size_t i = 0; i < pending_max; ++i) asked = s.acquire();
  EXPECT_FALSE(asked->result);
  EXPECT_EQ(s.acquire()->code(), Code::too_many);
}

TEST(Core, a_malformed_target_is_refused_without_asking_the_server) {
  Script s;
  s.ready();
  auto asked = s.acquire({.targets = {"Sale:Order:1001"}});
  ASSERT_EQ(asked->code(), Code::invalid);
  EXPECT_EQ(asked->result->error().field, "targets");
  EXPECT_TRUE(s.sent.empty());
}

TEST(Core, watched_targets_are_watched_again_after_a_drop) {
  Script s;
  s.ready();
  s.core.watch(s.now, {target("SaleOrder:1001")}, {});
  s.turn();
  s.answers(s.last<WatchFields>().id, Op::watch, Done{});
  s.breaks();
  s.resume(s.state({}));
  const auto& again = std::get<WatchFields>(s.last<WatchFields>().fields);
  EXPECT_EQ(again.targets, std::vector<Target>{target("SaleOrder:1001")});
  EXPECT_TRUE(again.again) << "what was shown may be gone by now";
}

TEST(Core, a_watched_bill_is_told_as_gone_to_who_was_shown_it_and_once) {
  std::vector<std::string> told;
  holdfast::Options options;
  options.on_watch = [&](const holdfast::WatchEvent& event) {
    told.push_back(event.target + (event.bill ? "" : " gone"));
  };
  Script s(options);
  s.ready();
  const auto says = [&](const std::string& bill, const std::string& what) {
    s.says(R"({"event":"bill.changed","target":"SaleOrder:)" + bill + "\"," + what + "}");
  };
  const auto state = [](const std::string& bill) {
    return R"("offset":1,"type":"SaleOrder","id":")" + bill + R"(","version":2,"at":"2025-11-22T09:30:00.000Z")";
  };
  says("1", state("1"));
  says("2", R"("gone":true)");  // watched again after a drop, and never there
  says("1", R"("gone":true)");
  says("1", R"("gone":true)");
  says("1", state("1"));
  EXPECT_EQ(told, (std::vector<std::string>{"SaleOrder:1", "SaleOrder:1 gone", "SaleOrder:1"}));
}

TEST(Core, a_lock_moved_here_by_another_window_is_handed_over_or_released) {
  for (const bool wanted : {true, false}) {
    holdfast::Options options;
    if (wanted) options.on_transferred_here = [](holdfast::LockHandle) {};
    Script s(options);
    int moved = 0;
    s.core.set_transferred([&](const auto&, const Taken&) { ++moved; });
    s.ready();
    s.pushes(LockGranted{session_id(1), 1, lock_id(3), Granted{grant(3), false, {}}});
    EXPECT_EQ(moved, wanted ? 1 : 0);
    EXPECT_EQ(s.count<Release>(), wanted ? 0U : 1U);
  }
}

TEST(Core, a_take_over_names_this_session_and_gives_a_handle_though_told_twice) {
  Script s;
  s.ready();
  int grants = 0;
  s.core.take_over(s.now, lock_id(2).text(), {[&](holdfast::Result<Taken> taken) { grants += taken ? 1 : 0; }, false});
  s.turn();
  EXPECT_EQ(std::get<Transfer>(s.last<Transfer>().fields).to_session, session_id(1));
  s.pushes(LockGranted{session_id(1), 1, lock_id(2), Granted{grant(2), false, {}}});
  s.answers(s.last<Transfer>().id, Op::lock_transfer, Granted{grant(2), false, {}});
  EXPECT_EQ(grants, 1);
  EXPECT_EQ(s.count<Release>(), 0U);
}

TEST(Core, ending_says_so_and_fails_what_is_unanswered) {
  Script s;
  s.ready();
  auto lock = s.holding();
  auto waiting = s.acquire();
  s.core.end(s.now);
  s.turn();
  EXPECT_EQ(s.count<EndSession>(), 1U);
  EXPECT_EQ(waiting->code(), Code::session_gone);
  EXPECT_FALSE(s.held(lock));
  EXPECT_EQ(s.core.next(), Time::max());
}

TEST(Core, any_operation_can_be_called_by_name_with_its_fields) {
  Script s;
  s.ready();
  std::optional<holdfast::Result<std::string>> result;
  s.core.call(s.now, "stats.get", R"({"x":1})", false,
              {[&](holdfast::Result<std::string> r) { result = std::move(r); }, false});
  s.turn();
  EXPECT_NE(s.sent.back().text.find(R"("op":"stats.get","x":1})"), std::string::npos) << s.sent.back().text;
  std::string text;
  encode_ok(text, MessageId(s.sent.back().id), R"({"locks":3})");
  s.says(text);
  ASSERT_TRUE(result && *result);
  EXPECT_EQ(**result, R"({"locks":3})");
  s.core.call(s.now, "stats.get", "[]", false,
              {[&](holdfast::Result<std::string> r) { result = std::move(r); }, false});
  s.turn();
  EXPECT_EQ(result->error().code, Code::invalid);
}

TEST(Core, bytes_that_are_no_message_break_the_link_and_nothing_else) {
  for (const char* text : {"", "{", "[]", "{\"event\":7}", "\xff", "{\"id\":1}"}) {
    Script s;
    s.ready();
    auto lock = s.holding();
    s.says(text);
    EXPECT_TRUE(s.held(lock)) << text;
    EXPECT_NE(s.core.link(), holdfast::Link::closed) << text;
  }
}

TEST(Core, a_conflict_carries_who_and_what_one_may_do) {
  Script s;
  s.ready();
  auto asked = s.acquire();
  Refusal refusal;
  refusal.code = hf::Code::locked;
  Conflict conflict{.target = target("SaleOrder:1001"), .lock = lock_id(6)};
  conflict.user = "wang";
  conflict.user_name = "Wang";
  refusal.conflicts = {conflict};
  refusal.conflicts_total = 1;
  View view;
  view.allowed = [](std::string_view, std::string_view) { return true; };
  std::string text;
  encode_answer(text, MessageId(s.last<Acquire>().id), Op::lock_acquire, refusal, view);
  s.says(text);
  ASSERT_EQ(asked->code(), Code::locked);
  const auto& error = asked->result->error();
  ASSERT_EQ(error.conflicts.size(), 1U);
  EXPECT_EQ(error.conflicts[0].user_name, "Wang");
  EXPECT_EQ(error.conflicts[0].lock, lock_id(6).text());
  EXPECT_FALSE(error.conflicts[0].may.empty());
  EXPECT_FALSE(error.title.empty());
}

}  // namespace
}  // namespace hf::client
