// The status board of several nodes on a real Redis. If these fail, two nodes show two states of one bill, or a client
// goes on from a log that has lost its tail.

#include <gtest/gtest.h>

#include "base/random.h"
#include "catalog/erp_catalog_test.h"
#include "tests/redis/engine_commands.h"
#include "tests/redis/engine_nodes.h"
#include "tests/redis/redis_process.h"

namespace hf::test {
namespace {

StatusEvent bill(const std::string& id, Version version, std::int64_t data, std::int64_t approval = 0) {
  StatusEvent event;
  event.type = "SaleOrder";
  event.id = id;
  event.no = "SO" + id;
  event.version = version;
  event.state = {{"DataStatus", data}, {"ApprovalStatus", approval}};
  event.creator = {"li", "Li"};
  event.department = "D1";
  return event;
}

StatusCommand publish(std::vector<LogEvent> events, const std::string& batch = "", std::uint64_t content = 0) {
  Publish command{caller("erp"), std::move(events)};
  command.caller.request_id = batch;
  command.caller.fingerprint = content;
  return command;
}

class StatusOnRedis : public ::testing::Test {
 protected:
  StatusOnRedis() : nodes(server.url()) {
    nodes.base.board.catalog = catalog;
    Claims claims;
    claims.user = "boss";
    claims.super = true;
    everybody = std::make_shared<const Audience>(*catalog, claims);
  }
  Published published(EngineNode& node, const StatusCommand& command) {
    const StatusOutcome outcome = node.ask(command);
    if (const auto* made = std::get_if<Published>(&outcome)) return *made;
    ADD_FAILURE() << std::get<Refusal>(outcome).detail;
    return {};
  }
  Todo todo(EngineNode& node) { return std::get<Todo>(node.ask(StatusCommand(GetTodo{everybody}))); }
  static std::uint32_t rows(const Todo& todo) {
    std::uint32_t sum = 0;
    for (const GroupTally& group : todo.groups) sum += group.tally.rows;
    return sum;
  }
  static int resets_told(EngineNode& node) {
    return static_cast<int>(std::ranges::count_if(
        node.told().board, [](const BoardEvent& event) { return std::holds_alternative<BoardReset>(event); }));
  }

  RedisProcess server;
  std::shared_ptr<const Catalog> catalog = erp();
  AudiencePtr everybody;
  Nodes nodes;
};

TEST_F(StatusOnRedis, what_one_node_publishes_all_know_in_one_order) {
  EngineNode& a = nodes.add(1);
  EngineNode& b = nodes.add(2);
  const Published first = published(a, publish({bill("1", 1, 2), bill("2", 1, 2)}, "batch-1", 7));
  ASSERT_EQ(first.results.size(), 2U);
  EXPECT_EQ(first.results[1].number, 2U);
  EXPECT_FALSE(first.epoch.is_nil());
  // The same batch at the other node is the same batch.
  EXPECT_EQ(published(b, publish({bill("1", 1, 2), bill("2", 1, 2)}, "batch-1", 7)), first);
  const Published stale = published(b, publish({bill("1", 0, 1)}));
  EXPECT_EQ(stale.results.at(0).kind, PublishResult::Kind::stale);
  const Published next = published(b, publish({bill("1", 2, 4, 1)}));
  EXPECT_EQ(next.epoch, first.epoch);
  EXPECT_EQ(next.results.at(0).number, 3U);
  const auto found = std::get<StatusFound>(a.ask(StatusCommand(GetStatus{everybody, "SaleOrder", "1"})));
  EXPECT_EQ(found.bill->version(), 2U);
  EXPECT_EQ(todo(a).cursor, todo(b).cursor);
  nodes.expect_agreement();
}

TEST_F(StatusOnRedis, who_would_edit_an_older_version_than_any_node_published_is_refused_at_every_node) {
  EngineNode& a = nodes.add(1);
  EngineNode& b = nodes.add(2);
  a.ask(open_session(1, "li"));
  b.ask(open_session(2, "wang"));
  const auto read_at = [](LockCommand command, Version version, Millis wait = Millis(0)) {
    std::get<Acquire>(command).if_versions = {{"SaleOrder:1", version}};
    std::get<Acquire>(command).wait = wait;
    return command;
  };
  published(b, publish({bill("1", 5, 2)}));
  for (EngineNode* const node : {&a, &b}) {
    const LockOutcome refused = node->ask(read_at(acquire(1, "li", node == &a ? 10 : 11, "SaleOrder:1"), 4));
    ASSERT_EQ(code_of(refused), Code::stale_version);
    EXPECT_EQ(std::get<Refusal>(refused).known_version, 5U);
  }
  ASSERT_NE(token_of(a.ask(read_at(acquire(1, "li", 12, "SaleOrder:1"), 5))), 0U);
  b.ask(read_at(acquire(2, "wang", 20, "SaleOrder:1"), 5, Millis(60'000)));
  published(a, publish({bill("1", 6, 2)}));
  a.ask(release(1, "li", 12));
  const auto ended_at = [](EngineNode& node) {
    for (const LockEvent& event : node.told().events()) {
      if (const auto* ended = std::get_if<WaitEnded>(&event)) return ended->why.known_version;
    }
    return std::uint64_t{0};
  };
  ASSERT_TRUE(nodes.loop.until([&] { return ended_at(b) != 0; }));
  EXPECT_EQ(ended_at(b), 6U);
  // One that begins with what the others have kept decides as they do.
  EngineNode& c = nodes.add(3);
  EXPECT_EQ(code_of(c.ask(read_at(acquire(1, "li", 13, "SaleOrder:1"), 5))), Code::stale_version);
  nodes.expect_agreement();
}

TEST_F(StatusOnRedis, a_node_that_comes_later_has_the_board_and_serves_old_cursors) {
  nodes.base.log_bytes_max = 4000;  // so that there is an image to begin with
  EngineNode& a = nodes.add(1);
  const Cursor old = todo(a).cursor;
  for (std::uint64_t i = 1; i <= 300; ++i) published(a, publish({bill(std::to_string(i % 40), i, i % 2 == 0 ? 2 : 1)}));
  ASSERT_TRUE(nodes.loop.until([&] { return a.engine().counters().images > 0; }));
  EngineNode& b = nodes.add(2);
  EXPECT_EQ(rows(todo(b)), rows(todo(a)));
  const auto since = [&](EngineNode& node) {
    return std::get<TodoDiff>(node.ask(StatusCommand(GetTodoDiff{everybody, old, 500})));
  };
  const TodoDiff at_a = since(a), at_b = since(b);
  EXPECT_EQ(at_b.snapshot, at_a.snapshot);
  EXPECT_EQ(at_b.cursor, at_a.cursor);
  EXPECT_EQ(at_b.changed.size(), at_a.changed.size());
  EXPECT_EQ(at_b.removed.size(), at_a.removed.size());
  const Cursor now = todo(b).cursor;
  published(a, publish({bill("7", 900, 2)}));
  const auto diff = std::get<TodoDiff>(b.ask(StatusCommand(GetTodoDiff{everybody, now, 500})));
  EXPECT_EQ(diff.snapshot, SnapshotReason::none);
  ASSERT_EQ(diff.changed.size(), 1U);
  EXPECT_EQ(diff.changed[0]->version(), 900U);
  nodes.expect_agreement();
}

TEST_F(StatusOnRedis, a_redis_that_lost_its_data_keeps_the_board_and_begins_a_new_epoch) {
  EngineNode& a = nodes.add(1);
  EngineNode& b = nodes.add(2);
  const Published before = published(a, publish({bill("1", 1, 2)}));
  const Cursor cursor = todo(b).cursor;
  const std::uint64_t generation = nodes.generation();
  const int told = resets_told(b);
  ASSERT_EQ(server.command({"FLUSHALL"}).text, "OK");
  ASSERT_TRUE(nodes.new_generation_after(generation));
  const auto diff = std::get<TodoDiff>(b.ask(StatusCommand(GetTodoDiff{everybody, cursor, 500})));
  EXPECT_EQ(diff.snapshot, SnapshotReason::epoch);
  EXPECT_GT(resets_told(b), told);
  EXPECT_GT(rows(todo(b)), 0U) << "the bill is still there";
  const Published after = published(b, publish({bill("1", 2, 4)}));
  EXPECT_NE(after.epoch, before.epoch);
  nodes.expect_agreement();
}

TEST_F(StatusOnRedis, random_publishes_at_two_nodes_leave_both_with_one_board) {
  nodes.base.log_bytes_max = 60'000;
  EngineNode& a = nodes.add(1);
  EngineNode& b = nodes.add(2);
  Random random(20261122);
  std::vector<std::pair<EngineNode*, Ticket>> asked;
  for (int i = 0; i < 400; ++i) {
    EngineNode& node = random.one_in(2) ? a : b;
    std::vector<LogEvent> events;
    for (std::uint64_t n = 1 + random.below(20); n > 0; --n) {
      StatusEvent event =
          bill(std::to_string(random.below(60)), 1 + random.below(50), static_cast<std::int64_t>(1 + random.below(8)),
               static_cast<std::int64_t>(random.below(3)));
      if (random.one_in(4)) event.version.reset();
      event.deleted = random.one_in(15);
      event.creator.user = random.one_in(2) ? "li" : "wang";
      events.emplace_back(std::move(event));
    }
    asked.emplace_back(&node, node.post(publish(std::move(events))));
    if (random.one_in(20)) nodes.loop.until([&] { return node.told().status.contains(asked.back().second); });
  }
  ASSERT_TRUE(nodes.loop.until([&] {
    return std::ranges::all_of(asked, [](const auto& one) { return one.first->told().status.contains(one.second); });
  }));
  for (const auto& [node, ticket] : asked)
    EXPECT_TRUE(std::holds_alternative<Published>(node->told().status.at(ticket))) << ticket;
  nodes.expect_agreement();
  EXPECT_EQ(todo(a).cursor, todo(b).cursor);
  EXPECT_EQ(todo(a).groups.size(), todo(b).groups.size());
  EXPECT_EQ(rows(todo(a)), rows(todo(b)));
}

}  // namespace
}  // namespace hf::test
