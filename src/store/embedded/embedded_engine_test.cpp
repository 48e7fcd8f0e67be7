// The engine may tell nobody of a lock that a crash could take back, and must go on where it was after a restart.
#include "store/embedded/embedded_engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <limits>
#include <thread>

#include "store/embedded/engine_fixture.h"
#include "store/embedded/faulty_vfs.h"
#include "store/embedded/store_fixture.h"
#include "store/embedded/store_workload.h"

namespace hf {
namespace {

constexpr Wall kStart = wall_us(1'800'000'000'000'000);

struct EmbeddedEngineTest : testing::TestWithParam<Durability> {
  TemporaryDirectory directory;
  TestLoop loop;
  Told told;
  SeededSecrets ids{42};
  std::unique_ptr<EmbeddedEngine> engine;
  Wall clock = kStart;

  EmbeddedOptions options() {
    EmbeddedOptions o;
    o.directory = directory.path();
    o.journal.durability = GetParam();
    o.journal.disk_reserve_bytes = 1;
    o.wake = loop.wake();
    return o;
  }
  void start(EmbeddedOptions o) {
    engine.reset();
    auto opened = EmbeddedEngine::open(std::move(o), clock);
    ASSERT_TRUE(opened) << opened.error().detail;
    engine = std::move(*opened);
    engine->attach(told);
    ASSERT_EQ(engine->open_namespace("default"), NamespaceIndex{0});
  }
  void SetUp() override { start(options()); }

  static Caller caller(const std::string& user) {
    Caller c;
    c.user = c.user_name = user;
    return c;
  }
  SessionId open_session(const std::string& user) {
    OpenSession o;
    o.caller = caller(user);
    o.session.value = ids.next_id();
    o.secret.value = ids.next_id();
    engine->submit(0, 0, o, clock);
    return o.session;
  }
  LockId acquire(Ticket ticket, const std::string& user, SessionId session, const std::string& target,
                 Millis wait = Millis(0)) {
    Acquire a;
    a.caller = caller(user);
    a.session = session;
    a.lock.value = ids.next_id();
    a.targets = {*Target::parse(target)};
    a.wait = wait;
    engine->submit(0, ticket, a, clock);
    return a.lock;
  }
  void release(Ticket ticket, const std::string& user, SessionId session, LockId lock) {
    Release r;
    r.caller = caller(user);
    r.session = session;
    r.lock = lock;
    engine->submit(0, ticket, r, clock);
  }
  void get(Ticket ticket, LockId lock) {
    GetLock g;
    g.caller = caller("li");
    g.lock = lock;
    engine->submit(0, ticket, g, clock);
  }
  std::string line(std::size_t i) const { return i < told.lines.size() ? told.lines[i] : ""; }
};

INSTANTIATE_TEST_SUITE_P(Durabilities, EmbeddedEngineTest, testing::Values(Durability::full, Durability::relaxed),
                         [](const auto& i) { return i.param == Durability::full ? "full" : "relaxed"; });

using RelaxedEngineTest = EmbeddedEngineTest;
INSTANTIATE_TEST_SUITE_P(Durabilities, RelaxedEngineTest, testing::Values(Durability::relaxed));

}  // namespace

TEST_P(EmbeddedEngineTest, nothing_comes_out_of_submit) {
  const SessionId li = open_session("li");
  get(1, acquire(2, "li", li, "SaleOrder:1"));
  EXPECT_TRUE(told.lines.empty());
  ASSERT_TRUE(loop.settle(*engine));
  EXPECT_FALSE(told.lines.empty());
}

TEST_P(EmbeddedEngineTest, a_query_waits_for_the_commit_that_it_has_seen) {
  // With the worker committing, nothing is durable before deliver() is called.
  EmbeddedOptions o = options();
  o.relaxed_commits = CommitOn::worker;
  start(std::move(o));
  engine->set_watching(false);
  const SessionId li = open_session("li");
  ASSERT_TRUE(loop.settle(*engine));
  const LockId lock = acquire(1, "li", li, "SaleOrder:1");
  engine->flush();
  get(2, lock);
  engine->flush();
  EXPECT_TRUE(told.lines.empty()) << told.lines[0];
  ASSERT_TRUE(loop.settle(*engine));
  ASSERT_EQ(told.lines.size(), 2u);
  EXPECT_TRUE(line(0).starts_with("1 granted ")) << line(0);
  EXPECT_TRUE(line(1).starts_with("2 lock ")) << line(1);
}

TEST_P(RelaxedEngineTest, commits_go_on_while_the_disk_syncs_the_ones_before) {
  FaultyVfs disk;
  EmbeddedOptions o = options();
  o.journal.vfs = disk.name();
  start(std::move(o));
  const SessionId li = open_session("li");
  acquire(1, "li", li, "SaleOrder:1");  // the first token raises their ceiling, which is synced before the answer
  ASSERT_TRUE(loop.settle(*engine));
  disk.hold_syncs();
  release(0, "li", li, acquire(0, "li", li, "SaleOrder:2"));
  ASSERT_TRUE(loop.settle(*engine));
  const bool held = disk.await_held_sync(std::chrono::seconds(20));
  acquire(2, "li", li, "SaleOrder:2");
  engine->flush();
  const std::string meanwhile = line(told.lines.size() - 1);
  disk.let_syncs_go();
  EXPECT_TRUE(held) << "nothing is synced within a second";
  EXPECT_TRUE(meanwhile.starts_with("2 granted")) << meanwhile;
  engine->stop();
  engine.reset();
}

TEST_P(EmbeddedEngineTest, a_query_with_nothing_in_flight_is_answered_by_the_flush) {
  open_session("li");
  ASSERT_TRUE(loop.settle(*engine));
  get(7, LockId{});
  EXPECT_TRUE(told.lines.empty());
  engine->flush();
  ASSERT_EQ(told.lines.size(), 1u);
  EXPECT_TRUE(line(0).starts_with("7 refused not_found")) << line(0);
}

TEST_P(EmbeddedEngineTest, events_of_a_command_come_before_its_outcome) {
  engine->set_watching(false);
  const SessionId li = open_session("li"), wang = open_session("wang");
  const LockId held = acquire(1, "li", li, "SaleOrder:1");
  acquire(2, "wang", wang, "SaleOrder:1", Millis(5000));
  release(3, "li", li, held);
  ASSERT_TRUE(loop.settle(*engine));
  ASSERT_GE(told.lines.size(), 4u);
  EXPECT_TRUE(told.lines[told.lines.size() - 2].starts_with("event granted")) << told.lines[told.lines.size() - 2];
  EXPECT_TRUE(told.lines.back().starts_with("3 released 1")) << told.lines.back();
}

TEST_P(EmbeddedEngineTest, a_restart_finds_the_locks_and_gives_greater_tokens) {
  const SessionId li = open_session("li");
  const LockId lock = acquire(1, "li", li, "SaleOrder:1");
  ASSERT_TRUE(loop.settle(*engine));
  const std::string granted = told.lines.back();
  engine->stop();
  start(options());
  told.lines.clear();
  get(1, lock);
  acquire(2, "li", li, "SaleOrder:2");
  ASSERT_TRUE(loop.settle(*engine));
  ASSERT_GE(told.lines.size(), 2u);
  EXPECT_EQ(line(0).substr(7), granted.substr(10)) << line(0);
  const auto token = [](const std::string& text) {
    return std::stoull(text.substr(text.find(' ', text.find("ed ") + 3)));
  };
  EXPECT_GT(token(told.lines.back()), token(granted)) << told.lines.back() << granted;
  EXPECT_EQ(engine->check(), "");
}

// Who waited by HTTP, without an id to ask again, waits nowhere: his wait must not become a lock that nobody knows of.
TEST_P(EmbeddedEngineTest, a_wait_that_the_process_alone_could_tell_ends_with_its_next_start) {
  const SessionId li = open_session("li"), wang = open_session("wang");
  const LockId lock = acquire(1, "li", li, "SaleOrder:1");
  std::vector<LockId> waits;
  for (const Id128& node : {engine->self(), Id128{}}) {
    Acquire wait;
    wait.caller = caller("wang");
    wait.session = wang;
    wait.lock.value = ids.next_id();
    wait.targets = {*Target::parse("SaleOrder:1")};
    wait.wait = Millis(600'000);
    wait.node = node;
    waits.push_back(wait.lock);
    engine->submit(0, 0, wait, clock);
  }
  ASSERT_TRUE(loop.settle(*engine));
  engine->stop();
  start(options());
  ASSERT_TRUE(loop.settle(*engine));
  engine->stop();
  start(options());
  told.lines.clear();
  engine->submit(0, 5, CancelWait{caller("wang"), wang, waits[0]}, clock);
  release(6, "li", li, lock);
  ASSERT_TRUE(loop.settle(*engine));
  EXPECT_EQ(line(0), "5 refused request_gone 0");
  const auto granted =
      std::ranges::find_if(told.lines, [](const std::string& one) { return one.starts_with("event granted"); });
  ASSERT_NE(granted, told.lines.end());
  EXPECT_NE(granted->find(waits[1].text()), std::string::npos) << "that one is asked for again: " << *granted;
  EXPECT_EQ(engine->check(), "");
}

TEST_P(EmbeddedEngineTest, a_version_behind_the_boards_is_stale_also_after_a_restart) {
  const SessionId li = open_session("li");
  StatusEvent bill;
  bill.type = "SaleOrder";
  bill.id = "1";
  bill.version = 5;
  engine->submit(0, 1, Publish{caller("erp"), {bill}}, clock);
  const auto line_for = [&](std::uint64_t version) {
    told.lines.clear();
    Acquire a;
    a.caller = caller("li");
    a.session = li;
    a.lock.value = ids.next_id();
    a.targets = {*Target::parse("SaleOrder:1")};
    a.if_versions = {{"SaleOrder:1", version}};
    engine->submit(0, 2, a, clock);
    EXPECT_TRUE(loop.settle(*engine));
    return told.lines.back();
  };
  EXPECT_EQ(line_for(4), "2 refused stale_version 0");
  engine->stop();
  start(options());
  EXPECT_EQ(line_for(4), "2 refused stale_version 0");
  EXPECT_TRUE(line_for(5).starts_with("2 granted")) << told.lines.back();
}

TEST_P(EmbeddedEngineTest, stop_lets_out_what_was_submitted) {
  const SessionId li = open_session("li");
  acquire(5, "li", li, "SaleOrder:1");
  engine->stop();
  ASSERT_FALSE(told.lines.empty());
  EXPECT_TRUE(told.lines.back().starts_with("5 granted")) << told.lines.back();
}

TEST_P(EmbeddedEngineTest, below_the_disk_reserve_locks_can_be_released_but_not_acquired) {
  const SessionId li = open_session("li");
  const LockId lock = acquire(1, "li", li, "SaleOrder:1");
  ASSERT_TRUE(loop.settle(*engine));
  engine->stop();
  EmbeddedOptions o = options();
  o.journal.disk_reserve_bytes = std::numeric_limits<std::uint64_t>::max();
  start(std::move(o));
  std::string why;
  EXPECT_FALSE(engine->ready(why));
  EXPECT_NE(why.find("released, not acquired"), std::string::npos);
  told.lines.clear();
  acquire(2, "li", li, "SaleOrder:2");
  release(3, "li", li, lock);
  ASSERT_TRUE(loop.settle(*engine));
  EXPECT_TRUE(line(0).starts_with("2 refused unavailable")) << line(0);
  EXPECT_TRUE(told.lines.back().starts_with("3 released 1")) << told.lines.back();
}

TEST_P(EmbeddedEngineTest, refuses_acquires_beyond_the_bytes_of_a_batch) {
  EmbeddedOptions o = options();
  o.batch_bytes_max = 1;
  start(std::move(o));
  const SessionId li = open_session("li");
  const LockId lock = acquire(1, "li", li, "SaleOrder:1");
  ASSERT_TRUE(loop.settle(*engine));
  EXPECT_TRUE(line(0).starts_with("1 refused unavailable")) << line(0);
  get(2, lock);
  acquire(3, "li", li, "SaleOrder:1");
  ASSERT_TRUE(loop.settle(*engine));
  EXPECT_TRUE(told.lines.back().starts_with("3 granted")) << told.lines.back();
}

TEST_P(EmbeddedEngineTest, refuses_a_namespace_beyond_the_limit_and_finds_the_others_again) {
  EmbeddedOptions o = options();
  o.namespaces_max = 2;
  start(std::move(o));
  EXPECT_EQ(engine->open_namespace("acme"), NamespaceIndex{1});
  EXPECT_EQ(engine->open_namespace("acme"), NamespaceIndex{1});
  const auto refused = engine->open_namespace("third");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::too_many);
  open_session("li");
  ASSERT_TRUE(loop.settle(*engine));
  engine->stop();
  start(options());
  EXPECT_EQ(engine->namespace_names(), (std::vector<std::string>{"default", "acme"}));
}

TEST_P(EmbeddedEngineTest, says_what_the_shadow_says_whatever_the_turns_are) {
  EmbeddedOptions o = options();
  o.journal.fold_bytes = 20'000;
  o.journal.wal_idle_bytes = 100'000;
  start(std::move(o));
  Workload workload(11, clock);
  Shadow shadow{LockTree{}};
  Random turns(5);
  std::vector<std::string> expected;
  for (Ticket ticket = 1; ticket <= 3000; ++ticket) {
    const LockCommand command = workload.next();
    engine->submit(0, ticket, LockCommand(command), workload.clock());
    shadow.apply(ticket, command, workload.clock(), expected);
    if (turns.one_in(20)) engine->flush();
    if (turns.one_in(100)) ASSERT_TRUE(loop.settle(*engine));
  }
  ASSERT_TRUE(loop.settle(*engine));
  EXPECT_EQ(told.lines, expected);
  EXPECT_EQ(engine->check(), "");
}

TEST_P(EmbeddedEngineTest, a_backup_holds_the_locks_and_restores_above_their_tokens) {
  const SessionId li = open_session("li");
  const LockId lock = acquire(1, "li", li, "SaleOrder:1");
  ASSERT_TRUE(loop.settle(*engine));
  const TemporaryDirectory other;
  std::optional<Result<void>> copied;
  engine->backup(other.file("holdfast.db"), [&](Result<void> result) { copied = std::move(result); });
  ASSERT_TRUE(loop.run(*engine, [&] { return copied.has_value(); }));
  ASSERT_TRUE(*copied) << copied->error().detail;
  engine->stop();
  ASSERT_TRUE(EmbeddedEngine::raise_tokens(other.path(), Token{1} << 40));
  EmbeddedOptions o = options();
  o.directory = other.path();
  start(std::move(o));
  told.lines.clear();
  get(1, lock);
  acquire(2, "li", li, "SaleOrder:2");
  ASSERT_TRUE(loop.settle(*engine));
  EXPECT_TRUE(line(0).starts_with("1 lock")) << line(0);
  const std::string granted = told.lines.back();
  EXPECT_GT(std::stoull(granted.substr(granted.find(' ', granted.find("ed ") + 3))),
            static_cast<std::uint64_t>(to_us(kStart)) + (1ULL << 40));
}

TEST_P(EmbeddedEngineTest, the_audit_trail_tells_who_did_what) {
  const SessionId li = open_session("li");
  const LockId lock = acquire(1, "li", li, "SaleOrder:1/SaleOrderDetail");
  release(2, "li", li, lock);
  ASSERT_TRUE(loop.settle(*engine));
  AuditFilter filter;
  filter.target = "SaleOrder:1";
  const auto page = engine->audit(0, filter, {}, 10);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->entries.size(), 2u);
  EXPECT_EQ(page->entries[0].action, "release");
  EXPECT_EQ(page->entries[1].action, "acquire");
  EXPECT_EQ(page->entries[1].user, "li");
}

// The token ceiling is synced ahead of a relaxed commit, about once a minute: the loop must not wait for the disk then.
TEST(EmbeddedEngine, a_relaxed_commit_that_needs_a_sync_leaves_the_loop_free) {
  const TemporaryDirectory directory;
  FaultyVfs disk;
  TestLoop loop;
  Told told;
  EmbeddedOptions options;
  options.directory = directory.path();
  options.journal.vfs = disk.name();
  options.journal.durability = Durability::relaxed;
  options.journal.token_reserve = 1;
  options.journal.disk_reserve_bytes = 1;
  options.wake = loop.wake();
  auto engine = EmbeddedEngine::open(std::move(options), kStart);
  ASSERT_TRUE(engine) << engine.error().detail;
  (*engine)->attach(told);
  ASSERT_TRUE((*engine)->open_namespace("default"));
  const auto acquire = [&](Ticket ticket, Wall clock) {
    OpenSession open;
    open.caller.user = "li";
    open.session.value = open.secret.value = Id128{1, ticket};
    (*engine)->submit(0, 0, open, clock);
    Acquire acquire;
    acquire.caller.user = "li";
    acquire.session = open.session;
    acquire.lock.value = Id128{2, ticket};
    acquire.targets = {*Target::parse("SaleOrder:" + std::to_string(ticket))};
    (*engine)->submit(0, ticket, acquire, clock);
  };
  acquire(1, kStart);
  ASSERT_TRUE(loop.settle(**engine));
  disk.hold_syncs();
  std::promise<void> flushed;
  std::thread turns([&] {
    acquire(2, kStart + std::chrono::seconds(1));  // tokens follow the clock: beyond the ceiling
    (*engine)->flush();
    flushed.set_value();
  });
  EXPECT_TRUE(disk.await_held_sync(std::chrono::seconds(20)));
  EXPECT_EQ(flushed.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready)
      << "the loop waits for the disk";
  disk.let_syncs_go();
  turns.join();
  ASSERT_TRUE(loop.settle(**engine));
  EXPECT_TRUE(told.lines.back().starts_with("2 granted")) << told.lines.back();
}

}  // namespace hf
