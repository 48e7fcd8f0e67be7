#pragma once

// AuditStore of a node: its mirror of the audit trail. Only jobs of one strand use the mirror, in order; the loop gets
// the results as completions and never waits for SQLite.
//
// All calls belong to the loop's thread. REQUIRES: it ends after the strand's worker has stopped.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/worker.h"
#include "redis/audit_trail.h"
#include "server/audit_lines.h"
#include "store/embedded/audit_mirror.h"

namespace hf {

class NodeAuditStore final : public redis::AuditStore {
 public:
  // `failed` is called on the loop, once, when the file cannot be written or read any more.
  NodeAuditStore(std::unique_ptr<AuditMirror> mirror, Worker::Strand strand, std::function<void(std::string)> failed);

  void take(AuditBatch batch, LogPlace trimmed, std::function<void(bool)> done) override;
  void trim(LogPlace trimmed) override;
  void cut(LogPlace after, std::function<void(const std::optional<End>&)> done) override;
  void set_aside(std::function<void(bool)> done) override;
  void rows(LogPlace after, std::size_t bytes_max,
            std::function<void(const std::optional<std::vector<AuditRow>>&)> done) override;

  // The trail of a namespace at or before `from`, for one question; only a job of the strand may read it. `newest` is
  // what the node knows after the store's end, in order, and maybe some before. Copies as much of it as a page reads.
  Result<AuditSource> source(const std::string& ns, const std::deque<AuditRow>& newest, const AuditCursor& from) const;

 private:
  // Runs `work` on the strand and gives its result to `done`. If the strand is full or has stopped, `done` gets
  // nothing, at once. If the mirror fails, `done` is not called.
  template <class T, class Work>
  void give(Work work, std::function<void(std::optional<T>)> done);

  std::shared_ptr<AuditMirror> mirror_;  // the strand's
  Worker::Strand strand_;
  std::function<void(std::string)> failed_;
};

}  // namespace hf
