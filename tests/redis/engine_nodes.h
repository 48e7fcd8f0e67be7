#pragma once

// Nodes without a server round them: engines over real links to a real Redis, all on one loop, so that a test can
// stop one, cut it off or start it anew between two commands.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/loop.h"
#include "net/redis_link.h"
#include "net/worker.h"
#include "redis/redis_engine.h"
#include "redis/url.h"
#include "server/audit_store.h"
#include "tests/redis/shared_history.h"

namespace hf::test {

// What came out of one node: of locks, in order, and of the board.
struct Told : LockEngineSink {
  struct One {
    Ticket ticket = 0;  // 0: an event
    NamespaceIndex ns = 0;
    LockOutcome outcome;
    LockEvent event;
  };
  std::vector<One> all;
  int resets = 0;
  std::function<void()> when_reset = [] {};
  std::vector<SessionId> taken;
  std::map<Ticket, StatusOutcome> status;
  std::vector<BoardEvent> board;

  void on_outcome(Ticket ticket, Outcome&& outcome) override;
  void on_event(NamespaceIndex ns, const Event& event) override;
  void on_turn_end() override {}
  void on_reset() override {
    ++resets;
    when_reset();
  }
  void on_taken_elsewhere(const SessionId& session) override { taken.push_back(session); }
  void on_failed(std::string) override {}

  const LockOutcome* outcome_of(Ticket ticket) const;
  std::vector<LockEvent> events() const;
};

// The loop of a test, and a wait for a condition on it.
class TestLoop {
 public:
  Loop& loop() { return loop_; }
  // Runs until `done` or for `patience` at most; whether it is done.
  bool until(const std::function<bool()>& done, Millis patience = Millis(20'000));

 private:
  Loop loop_;
};

struct NodeOptions {
  redis::Url url;
  std::string name = "test";
  std::uint64_t self = 1;  // small numbers first in rank
  Millis timeout{2000};
  std::string node;  // its name; empty: "node-" and self
  Millis quarantine = quarantine_default;
  std::size_t log_bytes_max = 16 << 20;
  std::uint32_t wait_replicas = 0;
  bool clock_of_caller = false;
  std::uint64_t rules = 0;
  LockTreeOptions tree;
  StatusBoardOptions board;
  std::string audit_directory;  // of the node's copy of the audit trail; empty: it has none
  std::uint64_t audit_bytes_max = 1 << 30;
  Millis audit_age_max{24LL * 3600 * 1000};
  Micros audit_gap_after{60'000'000};
  SharedHistory* history = nullptr;  // which takes down what the node decides, and outlives it
};

class EngineNode {
 public:
  EngineNode(TestLoop& loop, NodeOptions options);
  ~EngineNode();

  redis::Engine& engine() { return *engine_; }
  Id128 self() const { return engine_->self(); }
  Told& told() { return told_; }
  bool live() const;
  // Says goodbye and waits until it is said.
  bool leave();
  // Drops its connections and makes new ones.
  void reconnect();
  // Asks, and waits for the answer.
  LockOutcome ask(LockCommand command, NamespaceIndex ns = 0);
  StatusOutcome ask(StatusCommand command);
  Ticket post(Command command, NamespaceIndex ns = 0, Wall clock = {});
  // The audit trail as it answers: from old to new, "action lock" or "action session", read in pages of `page`. Waits
  // until it can.
  std::vector<std::string> trail(std::size_t page = 1000);
  // One page of it, newest first.
  Result<AuditPage> trail_page(const AuditCursor& before, std::size_t limit);

 private:
  TestLoop& loop_;
  NodeOptions options_;
  Told told_;
  std::unique_ptr<RedisLink> writer_, reader_;
  std::unique_ptr<NodeAuditStore> audit_;
  Worker worker_;  // ends before audit_
  Worker::Strand audit_strand_;
  std::unique_ptr<redis::Engine> engine_;
  std::shared_ptr<bool> ticking_ = std::make_shared<bool>(true);
  Ticket next_ticket_ = 1;
};

// Nodes that live by one log, on one loop; when they go, what they did is judged.
class Nodes {
 public:
  explicit Nodes(const redis::Url& url);
  ~Nodes();
  Nodes(const Nodes&) = delete;
  Nodes& operator=(const Nodes&) = delete;

  // One more, once all live.
  EngineNode& add(std::uint64_t self);
  bool all_live();
  // All live, at one place of the log, in one state, which keeps the invariants.
  void expect_agreement();
  std::uint64_t generation() { return nodes[0]->engine().counters().generation; }
  bool new_generation_after(std::uint64_t before);

  TestLoop loop;
  NodeOptions base;  // of those that come next
  SharedHistory history;
  std::vector<std::unique_ptr<EngineNode>> nodes;
};

}  // namespace hf::test
