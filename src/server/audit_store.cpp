#include "server/audit_store.h"

#include <utility>

namespace hf {

NodeAuditStore::NodeAuditStore(std::unique_ptr<AuditMirror> mirror, Loop& loop, std::function<void(std::string)> failed)
    : loop_(loop),
      failed_(std::make_shared<std::function<void(std::string)>>(std::move(failed))),
      mirror_(std::move(mirror)) {
  worker_ = std::thread([this] { work(); });
}

NodeAuditStore::~NodeAuditStore() {
  {
    const std::lock_guard hold(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  worker_.join();
}

void NodeAuditStore::work() {
  std::unique_lock hold(mutex_);
  while (true) {
    changed_.wait(hold, [&] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;  // what is left is in Redis
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    working_ = true;
    hold.unlock();
    const Result<void> taken = job.work(*mirror_);
    hold.lock();
    working_ = false;
    changed_.notify_all();
    if (taken) {
      loop_.post(job.done);
    } else {
      tell(taken);
    }
  }
}

void NodeAuditStore::tell(const Result<void>& result) {
  if (result) return;
  loop_.post([failed = failed_, why = result.error().detail] {
    if (*failed) std::exchange(*failed, nullptr)(why);
  });
}

std::unique_lock<std::mutex> NodeAuditStore::settled() {
  std::unique_lock hold(mutex_);
  changed_.wait(hold, [&] { return jobs_.empty() && !working_; });
  return hold;
}

redis::AuditStore::End NodeAuditStore::end() {
  const auto hold = settled();
  return {mirror_->end().place, mirror_->end().batch};
}

void NodeAuditStore::give(Job job) {
  {
    const std::lock_guard hold(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_all();
}

void NodeAuditStore::take(AuditBatch batch, LogPlace trimmed, std::function<void()> done) {
  give({[batch = std::move(batch), trimmed](AuditMirror& mirror) { return mirror.take(batch, trimmed); },
        std::move(done)});
}

void NodeAuditStore::trim(LogPlace trimmed) {
  give({[trimmed](AuditMirror& mirror) { return mirror.trim(trimmed); }, [] {}});
}

void NodeAuditStore::cut(LogPlace after) {
  const auto hold = settled();
  tell(mirror_->cut(after));
}

void NodeAuditStore::set_aside() {
  const auto hold = settled();
  tell(mirror_->set_aside());
}

std::vector<AuditRow> NodeAuditStore::rows(LogPlace after, std::size_t bytes_max) {
  const auto hold = settled();
  auto found = mirror_->rows(after, bytes_max);
  if (found) return *std::move(found);
  tell(tl::unexpected(found.error()));
  return {};
}

Result<AuditPage> NodeAuditStore::page(const std::string& ns, const std::deque<AuditRow>& newest,
                                       const AuditFilter& filter, const AuditCursor& before, std::size_t limit,
                                       std::size_t bytes_max) {
  if (before != AuditCursor{} && before.generation == 0)
    return fail(Code::invalid, "That is a cursor of another trail: begin without one.", "next");
  std::unique_lock hold(mutex_);
  changed_.wait(hold, [&] { return !working_; });
  const LogPlace stored = mirror_->end().place;
  const LogPlace first{before.generation, before.seq};
  AuditPager pager(filter, before, {.limit = limit, .bytes_max = bytes_max});
  for (auto row = newest.rbegin(); row != newest.rend() && row->place > stored && !pager.done(); ++row) {
    if (row->ns != ns || (before != AuditCursor{} && row->place > first)) continue;
    if (!pager.add(row->place, row->at, row->changes))
      return fail(Code::unavailable, "A change that this node has made cannot be read: restart it.");
  }
  if (pager.done()) return pager.take(false);
  const auto all = mirror_->read(ns, before, pager);
  if (!all) return tl::unexpected(all.error());
  return pager.take(*all);
}

}  // namespace hf
