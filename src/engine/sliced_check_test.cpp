// A server whose state contradicts itself would go on giving one bill to two people. If these fail, its check while
// idle does not see that, or cries out over a state that is sound.
#include "engine/sliced_check.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <tuple>

#include "base/random.h"
#include "catalog/erp_catalog_test.h"
#include "engine/lock_tree_state.h"
#include "engine/status_board_state.h"

namespace hf {

struct LockTreeTamper {
  static auto& state(LockTree& tree) { return *tree.state_; }
};
struct StatusBoardTamper {
  static auto& state(StatusBoard& board) { return *board.state_; }
};

namespace {

struct Sliced : testing::Test {
  NamespaceState state{{}, {.catalog = test::erp()}};
  LockTree& tree = state.locks();
  StatusBoard& board = state.board();
  SeededSecrets ids{7};
  Wall clock = wall_us(1'800'000'000'000'000);
  std::vector<LockEvent> events;
  std::vector<BoardEvent> board_events;
  std::string journal;
  RunId running, waiting;  // of live()

  Sliced() { EXPECT_TRUE(board.recovered(clock, EpochId{Id128{9, 9}})); }

  LockOutcome apply(const LockCommand& c) { return tree.apply(c, clock, events, journal); }
  static Caller by(const std::string& user) { return Caller{.user = user, .user_name = user, .hold = true}; }
  SessionId open(const std::string& user) {
    const SessionId id{ids.next_id()};
    apply(OpenSession{.caller = by(user), .session = id, .secret = {ids.next_id()}, .lease = Millis(1'800'000)});
    return id;
  }
  LockId acquire(const std::string& user, SessionId session, std::vector<std::string> targets, Millis wait = Millis(0),
                 Mode mode = Mode::exclusive, const std::string& owner = {}) {
    Acquire a{.caller = by(user), .session = session, .lock = {ids.next_id()}, .mode = mode, .wait = wait};
    for (const std::string& t : targets) a.targets.push_back(*Target::parse(t));
    if (!owner.empty()) {
      a.kind = Kind::hold;
      a.owner = owner;
      a.ttl = Millis(600'000);
    }
    apply(a);
    return a.lock;
  }
  RunId begin(const std::string& user, const std::string& bill, const std::string& action = "approve") {
    BeginRun c{.caller = by(user), .session = {}, .run = {ids.next_id()}, .action = action};
    c.bills = {*Target::parse(bill)};
    apply(c);
    return c.run;
  }
  void hold(const std::string& user, SessionId session, const std::string& bill, const std::string& owner) {
    Acquire a{.caller = by(user), .session = session, .lock = {ids.next_id()}, .targets = {*Target::parse(bill)}};
    a.mode = Mode::shared;
    a.kind = Kind::hold;
    a.owner = owner;
    a.ttl = Millis(600'000);
    a.stops = {"void"};
    apply(a);
  }
  void publish(const std::string& id, Version version, std::int64_t data, const std::string& action = {}) {
    StatusEvent e;
    e.type = "SaleOrder";
    e.id = id;
    e.version = version;
    e.state = {{"DataStatus", data}, {"ApprovalStatus", std::int64_t{0}}};
    e.creator = {"li", "Li"};
    e.owner = {"E-li", "Li"};
    e.department = "D1";
    e.actor = {"wang", "Wang"};
    e.action = action;
    Publish p{.events = {e}};
    p.caller = by("erp");
    p.caller.request_id = id + "-" + std::to_string(version);
    board.apply(p, clock, board_events, journal);
  }
  // Two who hold, one who waits, one who asks, holds, a run beside one of them and one that waits for it, and two bills
  // of several states.
  void live() {
    const SessionId li = open("li"), wang = open("wang");
    const LockId bill = acquire("li", li, {"SaleOrder:1", "SaleOrder:2/Line/1"});
    acquire("li", li, {"Stock:1"}, Millis(0), Mode::shared);
    acquire("wang", wang, {"Stock:1"}, Millis(0), Mode::shared);
    acquire("wang", wang, {"SaleOrder:9"}, Millis(0), Mode::exclusive, "SaleOut:77");
    acquire("wang", wang, {"SaleOrder:1"}, Millis(60'000));
    apply(Ask{.caller = by("wang"), .session = wang, .lock = bill, .wait = {ids.next_id()}, .message = "please"});
    hold("wang", wang, "SaleOrder:5", "SaleOut:78");
    running = begin("chen", "SaleOrder:5");
    waiting = begin("zhao", "SaleOrder:5");
    for (const Version v : {1U, 2U, 3U}) publish("1001", v, v == 1 ? 1 : 2);
    publish("1002", 1, 2, "reject");
    EXPECT_EQ(tree.check(), "");
    EXPECT_EQ(board.check(), "");
  }
  // What a whole round finds, in slices of so many.
  std::string round(std::size_t entities = 3) {
    SlicedCheck check;
    const std::string name = "default";
    for (int slices = 0; slices < 10'000; ++slices) {
      const auto slice = check.look(entities, 1, [&](std::size_t) { return std::tie(name, state); });
      EXPECT_LE(slice.entities, entities);
      if (!slice.broken.empty()) return slice.broken;
      if (slice.is_round) return {};
    }
    return "the round has no end";
  }
};

TEST_F(Sliced, a_sound_state_is_found_sound_in_slices_of_any_size) {
  EXPECT_EQ(round(), "") << "nothing is there";
  live();
  for (const std::size_t entities : {1U, 2U, 7U, 100'000U}) EXPECT_EQ(round(entities), "") << entities;
}

TEST_F(Sliced, each_thing_that_is_broken_in_a_tree_is_found_within_a_round) {
  live();
  auto& s = LockTreeTamper::state(tree);
  const auto of = [&](std::string_view user) {
    return s.sessions[s.users.find(user)->second.sessions.front()].first_grant;
  };
  const GrantIx g = of("li");
  const NodeIx leaf = s.grants[g].targets.front().node;
  WaitIx w = 0;
  while (!s.waits[w].live) ++w;
  struct Broken {
    const char* what;
    std::function<void()> spoil, mend;
  };
  std::map<std::vector<std::string>, StopsParty> none;
  const GrantIx other = of("wang");
  const NodeIx shared = s.grants[other].targets.front().node;
  const Broken all[] = {
      {"two hold Stock:1",
       [&] {
         s.grants[other].mode = Mode::exclusive, s.nodes[shared].holdings.add(s.grants[other].party, Claim::x),
         ++s.nodes[shared].held[at(Claim::x)],
         s.nodes[s.nodes[shared].parent].holdings.add(s.grants[other].party, Claim::ix),
         ++s.nodes[s.nodes[shared].parent].held[at(Claim::ix)];
       },
       [&] {
         s.grants[other].mode = Mode::shared, s.nodes[shared].holdings.remove(s.grants[other].party, Claim::x),
         --s.nodes[shared].held[at(Claim::x)],
         s.nodes[s.nodes[shared].parent].holdings.remove(s.grants[other].party, Claim::ix),
         --s.nodes[s.nodes[shared].parent].held[at(Claim::ix)];
       }},
      {"a token was never given", [&] { s.grants[g].token += Token{1} << 40; },
       [&] { s.grants[g].token -= Token{1} << 40; }},
      {"an empty grant lives", [&] { s.grants[g].holds = 0; }, [&] { s.grants[g].holds = 1; }},
      {"holdings of", [&] { ++s.grants[g].party; }, [&] { --s.grants[g].party; }},
      {"counters of", [&] { ++s.nodes[leaf].claims; }, [&] { --s.nodes[leaf].claims; }},
      {"direct grants of", [&] { s.nodes[leaf].direct.push_back(g); }, [&] { s.nodes[leaf].direct.pop_back(); }},
      {"a wait is not its session's", [&] { s.waits[w].session = s.grants[g].session; },
       [&] { s.waits[w].session = s.grants[other].session; }},
      {"a wait outlives its time", [&] { s.waits[w].until -= std::chrono::hours(1); },
       [&] { s.waits[w].until += std::chrono::hours(1); }},
      {"a wait has no place in the queue", [&] { s.waits[w].order += 1000; }, [&] { s.waits[w].order -= 1000; }},
      {"targets held by a session", [&] { ++s.sessions[s.grants[g].session].targets_held; },
       [&] { --s.sessions[s.grants[g].session].targets_held; }},
      {"a session outlives its lease", [&] { s.sessions[s.grants[other].session].lease_end -= std::chrono::hours(9); },
       [&] { s.sessions[s.grants[other].session].lease_end += std::chrono::hours(9); }},
      {"a run and its wait", [&] { s.wait_by_id.emplace(LockId{running.value}, w); },
       [&] { s.wait_by_id.erase(LockId{running.value}); }},
      {"a run and its locks", [&] { s.grant_by_id.emplace(LockId{waiting.value}, g); },
       [&] { s.grant_by_id.erase(LockId{waiting.value}); }},
      {"what a hold stops is not counted", [&] { std::swap(none, s.stops_parties); },
       [&] { std::swap(none, s.stops_parties); }},
      {"deadlines are out of order", [&] { s.due.back().at -= std::chrono::hours(9); },
       [&] { s.due.back().at += std::chrono::hours(9); }},
  };
  for (const Broken& one : all) {
    one.spoil();
    const std::string found = round();
    EXPECT_NE(found, "") << one.what;
    if (std::string_view(one.what) != "holdings of" && std::string_view(one.what) != "a session outlives its lease")
      EXPECT_NE(found.find(one.what), std::string::npos) << found << " instead of " << one.what;
    one.mend();
    EXPECT_EQ(round(), "") << "after " << one.what;
  }
}

TEST_F(Sliced, each_thing_that_is_broken_in_a_board_is_found_within_a_round) {
  live();
  auto& s = StatusBoardTamper::state(board);
  const BillIx bill = s.find("SaleOrder:1001");
  ASSERT_NE(bill, no_index);
  const PersonIx person = s.bills[bill].links[created].person;
  ASSERT_NE(person, no_index);
  ASSERT_FALSE(s.notices.empty());
  struct Broken {
    const char* what;
    std::function<void()> spoil, mend;
  };
  const auto group = [&]() -> GroupRows& {
    const Bill& now = *s.bills[bill].now;
    std::size_t place = 0;
    while (((now.groups() >> place) & 1) == 0) ++place;
    return s.groups[now.type_index()][place];
  };
  std::set<std::uint64_t> inbox;
  const Broken all[] = {
      {"the list of changes is out of order", [&] { std::swap(s.newest, s.oldest); },
       [&] { std::swap(s.newest, s.oldest); }},
      {"a group's tally is wrong", [&] { ++group().all.sum0; }, [&] { --group().all.sum0; }},
      {"is not at its offset", [&] { std::swap(s.log.front(), s.log.back()); },
       [&] { std::swap(s.log.front(), s.log.back()); }},
      {"a person is lost", [&] { s.people[person].id.push_back('x'); }, [&] { s.people[person].id.pop_back(); }},
      {"an inbox is wrong", [&] { std::swap(inbox, s.inboxes.begin()->second); },
       [&] { std::swap(inbox, s.inboxes.begin()->second); }},
      {"the batches are counted wrong", [&] { ++s.batches.front().number; }, [&] { --s.batches.front().number; }},
  };
  for (const Broken& one : all) {
    one.spoil();
    EXPECT_NE(round(), "") << one.what;
    one.mend();
    EXPECT_EQ(round(), "") << "after " << one.what;
  }
}

// The cursor stands where it stood while locks, waits and bills come and go.
TEST_F(Sliced, what_changes_during_a_round_is_no_alarm) {
  Random random(20261130);
  SlicedCheck check;
  const std::string name = "default";
  std::vector<SessionId> sessions;
  std::vector<std::pair<LockId, SessionId>> locks;
  std::vector<std::pair<std::string, RunId>> runs;
  Version version = 0;
  int rounds = 0;
  for (int step = 0; step < 3000; ++step) {
    clock += Millis(1 + random.below(50));
    if (sessions.size() < 4) sessions.push_back(open("u" + std::to_string(sessions.size() % 2)));
    const std::size_t who = random.below(sessions.size());
    const std::string user = "u" + std::to_string(who % 2);
    const std::string bill = "SaleOrder:" + std::to_string(random.below(9));
    switch (random.below(9)) {
      case 0:
        if (!locks.empty()) {
          const auto [lock, session] = locks[random.below(locks.size())];
          for (const char* one : {"u0", "u1"}) apply(Release{.caller = by(one), .session = session, .lock = lock});
        }
        break;
      case 1: apply(Heartbeat{by(user), sessions[who], Millis(0)}); break;
      case 2:
        publish(std::to_string(random.below(20)), ++version, static_cast<std::int64_t>(1 + random.below(3)));
        break;
      case 3: runs.emplace_back(user, begin(user, bill, random.below(4) == 0 ? "void" : "approve")); break;
      case 4:
        if (!runs.empty()) {
          const auto& [whose, run] = runs[random.below(runs.size())];
          apply(FinishRun{.caller = by(whose), .run = run});
        }
        break;
      case 5: hold(user, sessions[who], bill, "SaleOut:" + std::to_string(random.below(3))); break;
      default:
        locks.emplace_back(acquire(user, sessions[who], {bill}, Millis(random.below(2) * 500),
                                   random.below(2) == 0 ? Mode::shared : Mode::exclusive),
                           sessions[who]);
    }
    const auto slice = check.look(random.below(9), 1, [&](std::size_t) { return std::tie(name, state); });
    ASSERT_EQ(slice.broken, "") << "step " << step;
    rounds += slice.is_round ? 1 : 0;
  }
  EXPECT_EQ(tree.check(), "");
  EXPECT_GT(rounds, 3);
}

}  // namespace
}  // namespace hf
