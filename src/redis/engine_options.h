#pragma once

// What the engine on Redis is told when it is made, and what it tells tests of each decision.

#include <functional>
#include <string>
#include <vector>

#include "engine/command_families.h"
#include "engine/lock_tree.h"
#include "engine/status_board.h"
#include "redis/audit_trail.h"
#include "redis/port.h"
#include "store/lock_engine.h"

namespace hf::redis {

// The outcome of one command of the log; without a command, the log was opened anew. For tests that check histories.
struct Decided {
  std::uint64_t generation = 0, number = 0;  // of the entry
  NamespaceIndex ns = 0;
  Wall clock{};
  const Command* command = nullptr;
  const Outcome* outcome = nullptr;
  const std::vector<Event>* events = nullptr;
};

struct EngineOptions {
  std::string name = "holdfast";  // of the installation: part of every key
  std::string node = "node";      // of this node, for people
  Id128 self;                     // of this process: new with each start
  LockTreeOptions tree;
  StatusBoardOptions board;
  std::uint64_t rules = 0;  // a digest of what the tree decides by: nodes of one installation must agree
  Millis timeout{2000};     // of one command, and for how long a request waits for a Redis that is away
  Millis quarantine = quarantine_default;
  Micros heartbeats_wait{50'000};        // for others, so that many share one entry
  std::uint32_t wait_replicas = 0;       // how many replicas have an entry before it is answered
  std::size_t log_bytes_max = 16 << 20;  // of entries on top of an image that is smaller
  std::size_t batch_bytes_max = 8 << 20;
  std::size_t namespaces_max = 100;
  bool clock_of_caller = false;       // for tests: the clock given to submit() decides, and nothing ticks by itself
  std::function<Micros()> monotonic;  // a clock that never goes back
  std::function<Id128()> random;
  // Checks each Redis that the links connect to; a sentence refuses it.
  std::function<std::string(const ServerInfo&)> on_server = [](const ServerInfo&) { return std::string(); };
  std::uint64_t audit_bytes_max = 1ULL << 30;  // of the audit trail, before it is compressed
  Millis audit_age_max{30LL * 24 * 3600 * 1000};
  Micros audit_gap_after{60'000'000};              // how long to wait for a node that knows what the trail lacks
  AuditStore* audit = nullptr;                     // this node's copy of it; outlives the engine
  std::function<void(const Decided&)> on_decided;  // for every command, on every node
  std::function<void()> turn = [] {};              // something was delivered: the loop's turn has to end
};

}  // namespace hf::redis
