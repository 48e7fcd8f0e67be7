#pragma once

// EngineHost is an engine as a node runs it: the port, and what the port does not speak of: time, the audit trail, how
// it ends. One for each kind of engine, opened from the configuration.
//
// Not thread-safe: the node's loop owns it.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "engine/lock_tree.h"
#include "engine/sliced_check.h"
#include "engine/status_board.h"
#include "net/loop.h"
#include "net/worker.h"
#include "redis/redis_engine.h"
#include "server/audit_lines.h"
#include "server/config.h"
#include "store/lock_engine.h"

namespace hf {

inline constexpr std::size_t audit_questions_max = 64;  // of all users, that are not answered yet

class EngineHost {
 public:
  virtual ~EngineHost() = default;
  virtual LockEngine& port() = 0;
  // Where to deliver to. REQUIRES: before the first tick().
  virtual void attach(LockEngineSink& sink) = 0;
  // Each 100 ms.
  virtual void tick() {}
  // Looks at up to `entities` of what the engine knows, each time at the next ones (engine/sliced_check.h).
  virtual SlicedCheck::Slice check_some(std::size_t entities) = 0;
  // Whether anything that was submitted has not been answered.
  virtual bool busy() const = 0;
  virtual std::vector<std::string> namespace_names() const = 0;
  virtual BoardStats board_stats(NamespaceIndex ns) const = 0;
  // What one question about the audit trail reads: newest first, at or before `from`. The source blocks; only a job of
  // audit_strand() may call it.
  virtual Result<AuditSource> audit(NamespaceIndex ns, const AuditCursor& from) = 0;
  virtual const Worker::Strand& audit_strand() const = 0;
  // Takes leave of other nodes, while the loop still runs; `done` is called on it.
  virtual void leave(std::function<void()> done) { done(); }
  // After the loop and its worker: what was submitted is finished, files are closed.
  virtual void stop() = 0;
};

// What every engine decides by: limits from the configuration, policies from the catalog, which must outlive it.
LockTreeOptions tree_options(const Config& config, const Catalog& catalog);
// The same of its status board, which shares the catalog's places with the hub.
StatusBoardOptions board_options(const Config& config, const Catalog& catalog);
// The same for a node of the Redis engine, and how it talks to Redis: all but who it is (`self`, `random`).
redis::EngineOptions redis_engine_options(const Config& config, const Catalog& catalog);

// The host outlives the worker, or its stop. `vfs`: the disk of a test (JournalOptions::vfs).
Result<std::unique_ptr<EngineHost>> open_embedded_host(const Config& config, const Catalog& catalog, Loop& loop,
                                                       Worker& worker, const std::string& vfs = {});
Result<std::unique_ptr<EngineHost>> open_redis_host(const Config& config, const Catalog& catalog, Loop& loop,
                                                    Worker& worker);

}  // namespace hf
