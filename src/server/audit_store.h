#pragma once

// AuditStore of a node: its mirror of the audit trail, written by a thread of its own, so that the loop does not wait
// for SQLite while the trail is copied. Questions are asked on the loop and wait for the batch that is being written.
//
// All calls are for the loop's thread. It ends before the loop does.

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "net/loop.h"
#include "redis/audit_trail.h"
#include "store/embedded/audit_mirror.h"

namespace hf {

class NodeAuditStore final : public redis::AuditStore {
 public:
  // `failed` is called on the loop, once, when the file cannot be written or read any more.
  NodeAuditStore(std::unique_ptr<AuditMirror> mirror, Loop& loop, std::function<void(std::string)> failed);
  ~NodeAuditStore() override;

  End end() override;
  void take(AuditBatch batch, LogPlace trimmed, std::function<void()> done) override;
  void trim(LogPlace trimmed) override;
  void cut(LogPlace after) override;
  void set_aside() override;
  std::vector<AuditRow> rows(LogPlace after, std::size_t bytes_max) override;

  // A page of the trail: `newest` is what the node knows behind the store's end, in order, and maybe some before.
  Result<AuditPage> page(const std::string& ns, const std::deque<AuditRow>& newest, const AuditFilter& filter,
                         const AuditCursor& before, std::size_t limit, std::size_t bytes_max);

 private:
  struct Job {
    std::function<Result<void>(AuditMirror&)> work;
    std::function<void()> done;
  };
  void give(Job job);
  void work();
  void tell(const Result<void>& result);
  // The mirror, once all that was given is in it.
  std::unique_lock<std::mutex> settled();

  Loop& loop_;
  std::shared_ptr<std::function<void(std::string)>> failed_;  // what is posted outlives this
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool working_ = false, stopping_ = false;
  std::unique_ptr<AuditMirror> mirror_;  // the thread's while working_
  std::thread worker_;
};

}  // namespace hf
