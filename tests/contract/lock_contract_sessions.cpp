// Sessions and what ends with a node (docs/locks.md §3, §5, §7): who may take a window up again, and that nobody is
// given what he was never told of.

#include "contract/lock_contract.h"
#include "engine/page.h"

namespace hf::test {
namespace {

TEST_P(LockContract, a_resume_proves_the_secret_and_gives_the_whole_state) {
  const Window li = open("li", Millis(30'000));
  const Window wang = open("wang");
  const Grant g = take(li, {"SaleOrder:1"});
  take(open("zhao"), {"SaleOrder:2"});
  const LockId wait = queue(li, {"SaleOrder:2"});
  const LockId asked = ask(wang, g.lock);
  pass(Millis(20'000));
  const auto resume = [&](std::uint64_t secret, std::uint64_t next) {
    return run(ResumeSession{by("li"), li.id, Secret{Id128{2, secret}}, Secret{Id128{2, next}}});
  };
  EXPECT_TRUE(refused(resume(4711, 100), Code::session_gone));
  const LockOutcome o = resume(li.id.value.lo, 100);
  const SessionSnapshot& s = std::get<SessionResumed>(o).state;
  ASSERT_EQ(s.locks.size(), 1U);
  EXPECT_EQ(s.locks[0].lock, g.lock);
  ASSERT_EQ(s.waits.size(), 1U);
  EXPECT_EQ(s.waits[0].wait, wait);
  ASSERT_EQ(s.asks.size(), 1U);
  EXPECT_EQ(s.asks[0].wait.wait, asked);
  EXPECT_EQ(s.expires_at, clock_ + Millis(30'000));
}

TEST_P(LockContract, the_former_secret_is_valid_until_the_new_one_is_first_used) {
  const Window li = open("li");
  const auto resume = [&](std::uint64_t secret, std::uint64_t next) {
    return run(ResumeSession{by("li"), li.id, Secret{Id128{2, secret}}, Secret{Id128{2, next}}});
  };
  const std::uint64_t first = li.id.value.lo;
  EXPECT_TRUE(std::holds_alternative<SessionResumed>(resume(first, 100)));
  EXPECT_TRUE(std::holds_alternative<SessionResumed>(resume(first, 101))) << "the answer with 100 was lost";
  EXPECT_TRUE(std::holds_alternative<SessionResumed>(resume(101, 102)));
  EXPECT_TRUE(refused(resume(first, 103), Code::session_gone));
}

// A node that was cut off carries a resume out long after its asker lives by another one. Whatever secret he was told
// last must let him come back.
TEST_P(LockContract, the_newest_secret_that_was_told_is_never_refused_however_many_late_resumes_come_behind_it) {
  const Window li = open("li");
  const auto resume = [&](std::uint64_t secret, std::uint64_t next) {
    return run(ResumeSession{by("li"), li.id, Secret{Id128{2, secret}}, Secret{Id128{2, next}}});
  };
  const std::uint64_t first = made_;
  EXPECT_TRUE(std::holds_alternative<SessionResumed>(resume(first, 100)));
  for (std::uint64_t late = 200; late < 208; ++late)
    EXPECT_TRUE(std::holds_alternative<SessionResumed>(resume(first, late)));
  restart();
  EXPECT_TRUE(std::holds_alternative<SessionResumed>(resume(100, 101)));
  EXPECT_TRUE(refused(resume(first, 300), Code::session_gone)) << "he has used what came after it";
  EXPECT_TRUE(refused(resume(207, 300), Code::session_gone));
  EXPECT_TRUE(std::holds_alternative<SessionResumed>(resume(101, 102)));
}

TEST_P(LockContract, a_resume_that_comes_behind_a_later_one_changes_nothing) {
  const Window li = open("li", Millis(10'000));
  const auto resume = [&](std::uint64_t secret, std::uint64_t next, std::uint64_t attempt) {
    return run(ResumeSession{by("li"), li.id, Secret{Id128{2, secret}}, Secret{Id128{2, next}}, attempt});
  };
  const std::uint64_t first = made_;
  EXPECT_TRUE(std::holds_alternative<SessionResumed>(resume(first, 100, 2)));
  pass(Millis(6'000));
  EXPECT_TRUE(refused(resume(first, 101, 1), Code::unavailable));
  restart();
  EXPECT_TRUE(refused(resume(first, 101, 1), Code::unavailable));
  EXPECT_TRUE(refused(resume(101, 102, 3), Code::session_gone)) << "nobody was told 101";
  EXPECT_TRUE(std::holds_alternative<SessionResumed>(resume(100, 102, 3)));
  EXPECT_TRUE(std::holds_alternative<SessionResumed>(resume(100, 103, 3))) << "the same try again";
  EXPECT_TRUE(std::holds_alternative<SessionResumed>(resume(103, 104, 0))) << "who does not count is never late";
}

TEST_P(LockContract, only_the_newest_resume_may_take_a_session_over) {
  const Window li = open("li");
  const Secret first{Id128{2, made_}};
  const auto resume = [&](std::uint64_t next) {
    return run(ResumeSession{by("li"), li.id, first, Secret{Id128{2, next}}});
  };
  const auto take_over = [&](std::uint64_t secret) { return run(TakeOver{by("li"), li.id, Secret{Id128{2, secret}}}); };
  EXPECT_TRUE(std::holds_alternative<SessionResumed>(resume(100)));
  EXPECT_TRUE(std::holds_alternative<SessionResumed>(resume(101)));
  EXPECT_TRUE(refused(take_over(100), Code::session_gone));
  EXPECT_TRUE(std::holds_alternative<Done>(take_over(101)));
  EXPECT_TRUE(refused(run(TakeOver{by("wang"), li.id, Secret{Id128{2, 101}}}), Code::forbidden));
}

TEST_P(LockContract, an_open_repeated_after_its_session_ended_says_so) {
  OpenSession c;
  c.caller = by("li");
  c.caller.request_id = "open-1";
  c.session = SessionId{Id128{1, 900}};
  c.secret = Secret{Id128{2, 900}};
  EXPECT_TRUE(std::holds_alternative<SessionOpened>(run(c)));
  EXPECT_TRUE(std::holds_alternative<SessionClosed>(run(EndSession{by("li"), c.session})));
  EXPECT_TRUE(refused(run(c), Code::session_gone));
}

// ----------------------------------------------------------------------------------------------- page by page

TEST_P(LockContract, sessions_are_listed_page_by_page_the_oldest_first) {
  std::vector<SessionId> own;
  for (int i = 0; i < 6; ++i) {
    own.push_back(open("li").id);
    open("wang");
    if (i % 2 == 1) pass(Millis(1000));  // others are opened at the same time
  }
  ListSessions c;
  c.caller = by("li");
  c.limit = 2;
  std::vector<SessionId> seen;
  do {
    const auto page = std::get<SessionList>(run(c));
    for (const SessionSnapshot& one : page.sessions) seen.push_back(one.session);
    EXPECT_EQ(page.sessions.size(), 2U);
    c.after = page.next;
    if (seen.size() == 2) {
      end({seen.front(), "li"});  // the cursor's own session ends, and others stay
      end({seen.back(), "li"});
    }
  } while (!c.after.empty() && seen.size() < 20);
  EXPECT_EQ(seen, own);
  c.caller = by_holder_of_rights("root");
  c.limit = 500;
  c.after.clear();
  EXPECT_EQ(std::get<SessionList>(run(c)).sessions.size(), 10U);
  for (const std::string_view bad : {"x", "-", "12-", "12-nobody"}) {
    c.after = bad;
    EXPECT_TRUE(refused(run(c), Code::invalid)) << bad;
  }
}

TEST_P(LockContract, a_sessions_state_comes_page_by_page_and_misses_nothing) {
  const Window li = open("li");
  const Window wang = open("wang");
  for (int i = 0; i < 5; ++i) take(li, {"SaleOrder:" + std::to_string(i)});
  const Grant others = take(wang, {"Stock:1", "Stock:2"});
  queue(li, {"Stock:1"});
  ask(li, others.lock, {"Stock:2"});
  const SessionSnapshot before = std::get<SessionSnapshot>(run(GetSession{by("li"), li.id}));
  const Window zhao = open("zhao");
  for (int i = 0; i < 3; ++i) ask(zhao, before.locks[static_cast<std::size_t>(i)].lock);
  const SessionSnapshot whole = std::get<SessionSnapshot>(run(GetSession{by("li"), li.id}));
  ASSERT_EQ(whole.asks.size(), 4U);
  SessionSnapshot gathered = whole;
  gathered.locks.clear();
  gathered.waits.clear();
  gathered.asks.clear();
  GetSession c{by("li"), li.id, 2};
  int pages = 0;
  do {
    const auto page = std::get<SessionSnapshot>(run(c));
    EXPECT_LE(page.locks.size(), 2U);
    gathered.locks.insert(gathered.locks.end(), page.locks.begin(), page.locks.end());
    gathered.waits.insert(gathered.waits.end(), page.waits.begin(), page.waits.end());
    gathered.asks.insert(gathered.asks.end(), page.asks.begin(), page.asks.end());
    c.after = page.next;
  } while (!c.after.empty() && ++pages < 20);
  EXPECT_EQ(gathered, whole);
  EXPECT_EQ(pages, 4) << "5 locks, the waits together, 3 requests of others: 9 rows";
  for (const std::string_view bad : {"l", "x1", "l1x"}) {
    c.after = bad;
    EXPECT_TRUE(refused(run(c), Code::invalid)) << bad;
  }
}

TEST_P(LockContract, a_state_that_is_larger_than_an_answer_is_told_in_pages_alone) {
  if (GetParam().name == "model") GTEST_SKIP() << "the model takes half a minute for so many targets";
  const Window li = open("li");
  std::vector<LockId> held;
  for (int i = 100; i < 120; ++i) {
    Acquire c = wish(li, {});
    for (int n = 1000; n < 1400; ++n)
      c.targets.push_back(target(std::string(200, 'T') + ":" + std::string(197, 'b') + std::to_string(i) + "/" +
                                 std::string(200, 'p') + "/" + std::string(196, 'l') + std::to_string(n)));
    held.push_back(granted(run(c)).grant.lock);
  }
  EXPECT_TRUE(refused(run(GetSession{by("li"), li.id}), Code::too_large));
  GetSession c{by("li"), li.id, 500};
  std::vector<LockId> seen;
  int pages = 0;
  do {
    const auto page = std::get<SessionSnapshot>(run(c));
    std::size_t bytes = 0;
    for (const Grant& g : page.locks) {
      for (const HeldTarget& t : g.targets) bytes += t.target.text().size();
      seen.push_back(g.lock);
    }
    EXPECT_LE(bytes, page_bytes_max);
    c.after = page.next;
  } while (!c.after.empty() && ++pages < 50);
  EXPECT_EQ(seen, held);
  const Secret secret{Id128{2, 1}};
  const LockOutcome resumed = run(ResumeSession{by("li"), li.id, secret, Secret{Id128{2, 100}}});
  EXPECT_FALSE(std::get<SessionResumed>(resumed).state.next.empty()) << "a welcome must not call it the whole state";
}

// ----------------------------------------------------------------------------------------------- what a node owes

TEST_P(LockContract, a_wait_that_only_one_node_can_tell_ends_with_that_node) {
  const Id128 here{70, 1};
  const Id128 there{70, 2};
  const Window li = open("li");
  const Window wang = open("wang");
  const Window zhao = open("zhao");
  const Grant held = take(li, {"SaleOrder:1"});
  Acquire by_http = wish(wang, {"SaleOrder:1"}, Mode::exclusive, Millis(600'000));
  by_http.node = there;
  ASSERT_TRUE(std::holds_alternative<Queued>(run(by_http)));
  const LockId patient = queue(zhao, {"SaleOrder:1"}, Mode::exclusive, Millis(600'000));
  restart_among_others();
  forget();
  run(NodesLiving{{here, there}});
  EXPECT_TRUE(told<WaitEnded>(wang).empty());
  run(NodesLiving{{here}});
  ASSERT_EQ(told<WaitEnded>(wang).size(), 1U);
  EXPECT_EQ(told<WaitEnded>(wang)[0].why.code, Code::request_gone);
  EXPECT_TRUE(std::holds_alternative<Renewed>(heartbeat(wang))) << "his session is another matter";
  forget();
  release(li, held.lock);
  ASSERT_EQ(told<LockGranted>(zhao).size(), 1U);
  EXPECT_EQ(told<LockGranted>(zhao)[0].wait, patient);
}

TEST_P(LockContract, a_lock_that_a_wait_became_ends_with_its_node_unless_somebody_was_told) {
  const Id128 there{70, 2};
  const Window li = open("li");
  const Window wang = open("wang");
  for (const bool heard : {false, true}) {
    const Grant held = take(li, {"SaleOrder:1"});
    Acquire by_http = wish(wang, {"SaleOrder:1"}, Mode::exclusive, Millis(600'000));
    by_http.node = there;
    ASSERT_TRUE(std::holds_alternative<Queued>(run(by_http)));
    release(li, held.lock);
    EXPECT_FALSE(is_free("SaleOrder:1")) << "it is wang's";
    if (heard) run(Heard{by("wang"), wang.id, by_http.lock});
    restart_among_others();
    forget();
    run(NodesLiving{});
    EXPECT_EQ(is_free("SaleOrder:1"), !heard);
    EXPECT_EQ(told<LockLost>(wang).size(), heard ? 0U : 1U);
  }
}

TEST_P(LockContract, a_re_entry_that_nobody_was_told_of_takes_one_count_back) {
  const Id128 there{70, 2};
  const Window li = open("li");
  const Window wang = open("wang");
  const Grant own = take(li, {"SaleOrder:1"}, Mode::shared);
  const Grant other = take(wang, {"SaleOrder:1"}, Mode::shared);
  Acquire upgrade = wish(li, {"SaleOrder:1"}, Mode::exclusive, Millis(600'000));
  upgrade.node = there;
  ASSERT_TRUE(std::holds_alternative<Queued>(run(upgrade)));
  release(wang, other.lock);
  run(NodesLiving{});
  const auto locks = all_locks();
  ASSERT_EQ(locks.size(), 1U);
  EXPECT_EQ(locks[0].lock, own.lock);
  EXPECT_EQ(locks[0].holds, 1U);
}

TEST_P(LockContract, an_open_repeated_at_another_node_tells_a_secret_that_fits) {
  OpenSession c;
  c.caller = by("li");
  c.caller.request_id = "o1";
  const auto open_by = [&](std::uint64_t node) {  // each makes a session and a secret of its own
    c.session = SessionId{Id128{1, node}};
    c.secret = Secret{Id128{2, node}};
    return std::get<SessionOpened>(run(c)).session;
  };
  const SessionId session = open_by(501);
  EXPECT_EQ(open_by(502), session);
  const auto resume = [&](std::uint64_t secret, std::uint64_t next) {
    return run(ResumeSession{by("li"), session, Secret{Id128{2, secret}}, Secret{Id128{2, next}}});
  };
  EXPECT_TRUE(std::holds_alternative<SessionResumed>(resume(502, 502)));
  EXPECT_EQ(open_by(503), session);
  EXPECT_TRUE(std::holds_alternative<SessionResumed>(resume(502, 502))) << "the answer with 503 was lost";
  EXPECT_EQ(open_by(504), session);
  restart();
  EXPECT_TRUE(std::holds_alternative<SessionResumed>(resume(504, 505)));
  EXPECT_TRUE(refused(resume(501, 506), Code::session_gone));
}

}  // namespace
}  // namespace hf::test
