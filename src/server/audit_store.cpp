#include "server/audit_store.h"

#include <utility>

namespace hf {
namespace {

// Rows of one namespace that a question may need and the store may lack, from new to old.
struct Newest {
  std::vector<AuditRow> rows;
  bool all = true;
};

Newest newest_of(const std::string& ns, const std::deque<AuditRow>& rows, const AuditCursor& from) {
  Newest newest;
  const LogPlace first{from.generation, from.seq};
  std::uint64_t bytes = 0;
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    if (row->ns != ns || (from != AuditCursor{} && row->place > first)) continue;
    newest.all = bytes < AuditPager::Size{}.scan_bytes_max;
    if (!newest.all) break;  // no page reads more
    bytes += row->changes.size();
    newest.rows.push_back(*row);
  }
  return newest;
}

Result<AuditPage> page_of(AuditMirror& mirror, const std::string& ns, const Newest& newest, const AuditFilter& filter,
                          const AuditCursor& before, const AuditPager::Size& size) {
  const LogPlace stored = mirror.end().place;
  const LogPlace first{before.generation, before.seq};
  AuditPager pager(filter, before, size);
  bool reaches = newest.all;  // down to what is stored
  for (const AuditRow& row : newest.rows) {
    reaches = reaches || row.place <= stored;
    if (row.place <= stored || pager.done()) break;
    if (before != AuditCursor{} && row.place > first) continue;
    if (!pager.add(row.place, row.at, row.changes))
      return fail(Code::unavailable, "A change that this node has made cannot be read: restart it.");
  }
  if (pager.done() || !reaches) return pager.take(false);
  const auto all = mirror.read(ns, before, pager);
  if (!all) return tl::unexpected(all.error());
  return pager.take(*all);
}

}  // namespace

NodeAuditStore::NodeAuditStore(std::unique_ptr<AuditMirror> mirror, Worker::Strand strand,
                               std::function<void(std::string)> failed)
    : mirror_(std::move(mirror)), strand_(std::move(strand)), failed_(std::move(failed)) {}

template <class T, class Work>
void NodeAuditStore::give(Work work, std::function<void(std::optional<T>)> done) {
  const auto given = strand_.give([mirror = mirror_, work = std::move(work)] { return Result<T>(work(*mirror)); },
                                  [this, done](Result<T>&& result) {
                                    if (result) return done(*std::move(result));
                                    if (failed_) std::exchange(failed_, nullptr)(result.error().detail);
                                  });
  if (!given) done(std::nullopt);
}

void NodeAuditStore::take(AuditBatch batch, LogPlace trimmed, std::function<void(bool)> done) {
  give<bool>([batch = std::move(batch),
              trimmed](AuditMirror& mirror) { return mirror.take(batch, trimmed).map([] { return true; }); },
             [done = std::move(done)](std::optional<bool> taken) { done(taken.has_value()); });
}

void NodeAuditStore::trim(LogPlace trimmed) {
  give<bool>([trimmed](AuditMirror& mirror) { return mirror.trim(trimmed).map([] { return true; }); },
             [](std::optional<bool>) {});  // the next batch takes it along
}

void NodeAuditStore::cut(LogPlace after, std::function<void(const std::optional<End>&)> done) {
  give<End>(
      [after](AuditMirror& mirror) {
        return mirror.cut(after).map([&] { return End{mirror.end().place, mirror.end().batch}; });
      },
      std::move(done));
}

void NodeAuditStore::set_aside(std::function<void(bool)> done) {
  give<bool>([](AuditMirror& mirror) { return mirror.set_aside().map([] { return true; }); },
             [done = std::move(done)](std::optional<bool> begun) { done(begun.has_value()); });
}

void NodeAuditStore::rows(LogPlace after, std::size_t bytes_max,
                          std::function<void(const std::optional<std::vector<AuditRow>>&)> done) {
  give<std::vector<AuditRow>>([after, bytes_max](AuditMirror& mirror) { return mirror.rows(after, bytes_max); },
                              std::move(done));
}

Result<AuditSource> NodeAuditStore::source(const std::string& ns, const std::deque<AuditRow>& newest,
                                           const AuditCursor& from) const {
  if (from != AuditCursor{} && from.generation == 0)
    return fail(Code::invalid, "That is a cursor of another trail: begin without one.", "next");
  return [mirror = mirror_, ns, rows = std::make_shared<const Newest>(newest_of(ns, newest, from))](
             const AuditFilter& filter, const AuditCursor& before, std::size_t limit, std::size_t bytes_max) {
    return page_of(*mirror, ns, *rows, filter, before, {.limit = limit, .bytes_max = bytes_max});
  };
}

}  // namespace hf
