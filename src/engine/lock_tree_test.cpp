// The first thing a user sees: one has it, the other is told who.
#include "engine/lock_tree.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "engine/change.h"

namespace hf {
namespace {

struct Fixture : testing::Test {
  LockTree tree;
  SeededSecrets ids{42};
  Wall clock = wall_us(1'800'000'000'000'000);
  std::vector<LockEvent> events;
  std::string journal;

  LockOutcome apply(LockCommand c) {
    events.clear();
    LockOutcome o = tree.apply(c, clock, events, journal);
    EXPECT_EQ(tree.check(), "");
    return o;
  }
  static Caller caller(const std::string& user) { return Caller{.user = user, .user_name = user, .hold = true}; }
  SessionId open(const std::string& user) {
    const SessionId id{ids.next_id()};
    EXPECT_TRUE(std::holds_alternative<SessionOpened>(
        apply(OpenSession{.caller = caller(user), .session = id, .secret = {ids.next_id()}})));
    return id;
  }
  LockOutcome acquire(const std::string& user, SessionId s, std::vector<std::string> targets, Millis wait = Millis(0),
                      Mode mode = Mode::exclusive) {
    Acquire a{.caller = caller(user), .session = s, .lock = {ids.next_id()}, .mode = mode, .wait = wait};
    for (const auto& t : targets) a.targets.push_back(*Target::parse(t));
    return apply(a);
  }
};

using LockTreeTest = Fixture;

TEST_F(LockTreeTest, the_first_editor_owns_and_the_second_is_told_who) {
  const SessionId li = open("li"), wang = open("wang");
  const LockOutcome first = acquire("li", li, {"SaleOrder:1001"});
  ASSERT_TRUE(std::holds_alternative<Granted>(first));
  const LockOutcome second = acquire("wang", wang, {"SaleOrder:1001/SaleOrderDetail/7"});
  const auto* refusal = std::get_if<Refusal>(&second);
  ASSERT_NE(refusal, nullptr);
  EXPECT_EQ(refusal->code, Code::locked);
  EXPECT_EQ(refusal->conflicts_total, 1u);
  ASSERT_EQ(refusal->conflicts.size(), 1u);
  EXPECT_EQ(refusal->conflicts[0].user, "li");
}

TEST_F(LockTreeTest, a_release_hands_over_to_the_first_who_waits) {
  const SessionId li = open("li"), wang = open("wang"), chen = open("chen");
  const Grant grant = std::get<Granted>(acquire("li", li, {"SaleOrder:1"})).grant;
  const LockOutcome w1 = acquire("wang", wang, {"SaleOrder:1"}, Millis(1000));
  const LockOutcome w2 = acquire("chen", chen, {"SaleOrder:1"}, Millis(1000));
  EXPECT_EQ(std::get<Queued>(w1).position, 1u);
  EXPECT_EQ(std::get<Queued>(w2).position, 2u);
  EXPECT_TRUE(std::get<Released>(apply(Release{.caller = caller("li"), .session = li, .lock = grant.lock})).released);
  const auto it =
      std::ranges::find_if(events, [](const LockEvent& e) { return std::holds_alternative<LockGranted>(e); });
  ASSERT_NE(it, events.end());
  const auto* granted = std::get_if<LockGranted>(&*it);
  EXPECT_EQ(granted->session, wang);
  EXPECT_GT(granted->granted.grant.token, grant.token);
}

TEST_F(LockTreeTest, asking_agreeing_hands_over_without_a_free_moment) {
  const SessionId li = open("li"), wang = open("wang");
  const Grant grant = std::get<Granted>(acquire("li", li, {"SaleOrder:1"})).grant;
  const LockOutcome asked = apply(
      Ask{.caller = caller("wang"), .session = wang, .lock = grant.lock, .wait = {ids.next_id()}, .message = "please"});
  ASSERT_TRUE(std::holds_alternative<Queued>(asked));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<LockRequested>(events[0]));
  EXPECT_TRUE(std::get<Answered>(apply(Agree{.caller = caller("li"), .wait = std::get<Queued>(asked).wait})).granted);
}

TEST_F(LockTreeTest, the_known_version_is_the_greater_of_the_boards_and_the_one_told) {
  std::map<std::string, std::uint64_t, std::less<>> board{{"SaleOrder:1", 4}};
  LockTreeOptions options;
  options.board_version = [&](std::string_view bill) {
    const auto at = board.find(bill);
    return at == board.end() ? std::nullopt : std::optional(at->second);
  };
  tree = LockTree(std::move(options));
  const SessionId li = open("li"), wang = open("wang");
  const auto read_at = [&](const std::string& user, SessionId session, std::uint64_t version, Millis wait = Millis(0)) {
    Acquire a{.caller = caller(user), .session = session, .lock = {ids.next_id()}, .wait = wait};
    a.targets = {*Target::parse("SaleOrder:1")};
    a.if_versions = {{"SaleOrder:1", version}, {"SaleOrder:2", 1}};
    return apply(a);
  };
  const auto refused_by = [](const LockOutcome& outcome) {
    const auto* refusal = std::get_if<Refusal>(&outcome);
    return refusal != nullptr && refusal->code == Code::stale_version ? refusal->known_version : 0;
  };
  EXPECT_EQ(refused_by(read_at("li", li, 3)), 4u);
  LockOutcome outcome = read_at("li", li, 4);
  ASSERT_TRUE(std::holds_alternative<Granted>(outcome));
  EXPECT_EQ(std::get<Granted>(outcome).versions.at("SaleOrder:1"), 4u);
  EXPECT_EQ(std::get<Granted>(outcome).versions.at("SaleOrder:2"), std::nullopt);
  Release release{.caller = caller("li"), .session = li, .lock = std::get<Granted>(outcome).grant.lock};
  release.version = 6;
  apply(release);
  EXPECT_EQ(refused_by(read_at("li", li, 5)), 6u) << "told by who had it";
  board["SaleOrder:1"] = 9;
  EXPECT_EQ(refused_by(read_at("li", li, 8)), 9u);
  // What counts is the moment of the grant.
  outcome = read_at("li", li, 9);
  ASSERT_TRUE(std::holds_alternative<Granted>(outcome));
  ASSERT_TRUE(std::holds_alternative<Queued>(read_at("wang", wang, 9, Millis(60'000))));
  board["SaleOrder:1"] = 10;
  apply(Release{.caller = caller("li"), .session = li, .lock = std::get<Granted>(outcome).grant.lock});
  const auto ended =
      std::ranges::find_if(events, [](const LockEvent& e) { return std::holds_alternative<WaitEnded>(e); });
  ASSERT_NE(ended, events.end());
  EXPECT_EQ(std::get<WaitEnded>(*ended).why.code, Code::stale_version);
  EXPECT_EQ(std::get<WaitEnded>(*ended).why.known_version, 10u);
}

TEST_F(LockTreeTest, what_was_told_of_a_bill_counts_no_more_once_it_is_deleted_or_made_anew) {
  std::optional<std::uint64_t> board = 2;
  BillLife life;
  LockTreeOptions options;
  options.board_version = [&](std::string_view) { return board; };
  options.board_life = [&](std::string_view) { return life; };
  tree = LockTree(std::move(options));
  const SessionId li = open("li");
  const auto read_at = [&](std::uint64_t version) {
    Acquire a{.caller = caller("li"), .session = li, .lock = {ids.next_id()}};
    a.targets = {*Target::parse("SaleOrder:1")};
    a.if_versions = {{"SaleOrder:1", version}};
    return apply(a);
  };
  const auto release_at = [&](const LockOutcome& granted, std::uint64_t version) {
    Release release{.caller = caller("li"), .session = li, .lock = std::get<Granted>(granted).grant.lock};
    release.version = version;
    apply(release);
  };
  release_at(read_at(2), 3);
  EXPECT_TRUE(std::holds_alternative<Refusal>(read_at(2)));
  board.reset();
  life.deleted = true;
  const LockOutcome while_deleted = read_at(1);
  ASSERT_TRUE(std::holds_alternative<Granted>(while_deleted));
  release_at(while_deleted, 1);
  board = 1;
  life = {.number = 7, .deleted = false};
  const LockOutcome anew = read_at(1);
  ASSERT_TRUE(std::holds_alternative<Granted>(anew)) << "3 was another bill's";
  release_at(anew, 2);
  EXPECT_EQ(std::get<Refusal>(read_at(1)).known_version, 2u) << "told of this one";
}

TEST_F(LockTreeTest, what_the_journal_says_is_what_a_restart_finds) {
  const SessionId li = open("li"), wang = open("wang");
  const Grant grant = std::get<Granted>(acquire("li", li, {"SaleOrder:1", "SaleOut:2/SaleOutDetail"})).grant;
  acquire("wang", wang, {"SaleOrder:1"}, Millis(60'000));
  LockTree again;
  ASSERT_TRUE(again.recover(journal));
  ASSERT_TRUE(again.recovered(clock, 0));
  EXPECT_EQ(again.check(), "");
  std::string none;
  const LockOutcome found = again.apply(GetLock{.caller = caller("li"), .lock = grant.lock}, clock, events, none);
  EXPECT_EQ(std::get<Grant>(found).token, grant.token);
}

TEST_F(LockTreeTest, a_request_repeated_after_a_restart_gets_its_first_answer) {
  const SessionId li = open("li");
  Acquire a{.caller = caller("li"), .session = li, .lock = {ids.next_id()}};
  a.caller.request_id = "r1";
  a.caller.fingerprint = 5;
  a.targets.push_back(*Target::parse("SaleOrder:1"));
  const Grant grant = std::get<Granted>(apply(a)).grant;
  Release other_release{
      .caller = caller("li"), .session = li, .lock = std::get<Granted>(acquire("li", li, {"SaleOrder:2"})).grant.lock};
  other_release.caller.request_id = "r2";
  apply(other_release);
  LockTree again;
  ASSERT_TRUE(again.recover(journal));
  ASSERT_TRUE(again.recovered(clock, 0));
  a.lock = {ids.next_id()};
  std::string none;
  const LockOutcome repeated = again.apply(a, clock, events, none);
  ASSERT_TRUE(std::holds_alternative<Granted>(repeated));
  EXPECT_EQ(std::get<Granted>(repeated).grant.lock, grant.lock);
  a.caller.fingerprint = 6;
  const LockOutcome other = again.apply(a, clock, events, none);
  EXPECT_EQ(std::get<Refusal>(other).code, Code::request_id_reused);
}

TEST_F(LockTreeTest, every_change_tells_the_audit_trail_who_did_what) {
  const SessionId li = open("li");
  const Grant grant = std::get<Granted>(acquire("li", li, {"SaleOrder:1"})).grant;
  apply(Force{.caller = caller("boss"), .lock = grant.lock, .reason = "stuck"});
  std::string_view bytes = journal;
  std::vector<AuditEntry> trail;
  while (auto change = take_change(bytes)) {
    if (auto entry = audit_of(*change)) trail.push_back(*entry);
  }
  ASSERT_EQ(trail.size(), 3u);
  EXPECT_EQ(trail[1].action, "acquire");
  EXPECT_EQ(trail[2].action, "force");
  EXPECT_EQ(trail[2].user, "boss");
  EXPECT_EQ(trail[2].holder, "li");
  EXPECT_EQ(trail[2].reason, "stuck");
}

TEST_F(LockTreeTest, a_released_part_is_told_with_what_it_was_of) {
  const SessionId li = open("li");
  const Grant grant = std::get<Granted>(acquire("li", li, {"SaleOrder:1", "SaleOrder:2", "SaleOrder:3"})).grant;
  Release release{.caller = caller("li"), .session = li, .lock = grant.lock};
  release.targets = {*Target::parse("SaleOrder:2")};
  const std::size_t before = journal.size();
  apply(release);
  std::string_view bytes = std::string_view(journal).substr(before);
  std::optional<AuditEntry> part;
  while (const auto change = take_change(bytes)) {
    if (auto entry = audit_of(*change); entry && entry->action == "release_part") part = std::move(entry);
  }
  ASSERT_TRUE(part);
  EXPECT_EQ(part->targets, std::vector<std::string>{"SaleOrder:2"});
  const std::string held = "edit exclusive by li, token " + std::to_string(grant.token);
  EXPECT_EQ(part->before, held + ": SaleOrder:1, SaleOrder:2, SaleOrder:3");
  EXPECT_EQ(part->after, held + ": SaleOrder:1, SaleOrder:3");
  LockTree again;
  ASSERT_TRUE(again.recover(journal));
  ASSERT_TRUE(again.recovered(clock, 0));
  EXPECT_EQ(again.check(), "");
}

}  // namespace
}  // namespace hf
