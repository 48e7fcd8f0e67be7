#include "store/embedded/journal_reader.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>
#include <utility>
#include <vector>

#include "engine/page.h"
#include "store/embedded/fold_round.h"
#include "store/embedded/journal_format.h"
#include "store/embedded/journal_trouble.h"

namespace hf {
namespace {

// Rows are in commit order, entries by their own clock: a day covers every reasonable step between the two.
constexpr std::chrono::hours slack{24};

// What a row says of a namespace, from old to new, each entry with its place among what outlives the folding: others
// may be gone at the next page. False: the row is not what was written.
bool read_row(std::string_view row, std::uint64_t seq, Wall at, NamespaceIndex ns, const AuditFilter& filter,
              std::uint32_t index_end, std::vector<std::pair<std::uint32_t, AuditEntry>>& found) {
  found.clear();
  auto sections = open_row(row, seq, to_us(at));
  std::uint32_t index = 0;
  while (sections && !sections->empty()) {
    const auto section = take_section(*sections);
    if (!section) return false;
    if (section->ns != ns) continue;
    std::string_view changes = section->changes;
    while (const auto change = take_change(changes)) {
      if (!outlives_folding(change->header.entity)) continue;
      const std::uint32_t place = index++;
      if (place >= index_end) break;
      auto entry = audit_of(*change);
      if (entry && matches(*entry, filter)) found.emplace_back(place, std::move(*entry));
    }
  }
  return sections.has_value();
}

}  // namespace

Result<std::unique_ptr<JournalReader>> JournalReader::open(std::string path, const std::string& vfs,
                                                           std::uint64_t scan_bytes_max,
                                                           std::shared_ptr<const std::atomic<std::uint64_t>> told) {
  std::unique_ptr<JournalReader> reader(new JournalReader(std::move(path), scan_bytes_max, std::move(told)));
  Database& db = reader->db_;
  // Opened for writing, and then forbidden to: SQLite would take locks of the system for a connection that may only
  // read, and so give up the process's own.
  if (db.open(reader->path_, SQLITE_OPEN_READWRITE, vfs) != SQLITE_OK)
    return fail(Code::unavailable, "cannot open " + reader->path_ + ": " + db.message());
  sqlite3_extended_result_codes(db.handle(), 1);
  sqlite3_busy_timeout(db.handle(), journal_busy_millis);
  sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (db.execute("PRAGMA query_only=ON; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0") == SQLITE_OK)
    reader->rows_before_ = db.prepare("SELECT seq, at_us, body FROM journal WHERE seq <= ? ORDER BY seq DESC");
  if (!reader->rows_before_) return journal_unreadable(reader->path_, db);
  return reader;
}

Result<AuditPage> JournalReader::page(NamespaceIndex ns, const AuditFilter& filter, const AuditCursor& before,
                                      std::size_t limit, std::size_t bytes_max) {
  if (before.generation != 0)
    return fail(Code::invalid, "That is a cursor of another trail: begin without one.", "next");
  AuditPage page;
  page.next = before;
  std::uint64_t scanned = 0;
  std::vector<std::pair<std::uint32_t, AuditEntry>> found;
  // Nothing of row `seq` is left at index 0: reading it again could fill a page without getting on.
  const std::uint64_t from = before.index == 0 && before.seq > 0 ? before.seq - 1 : before.seq;
  rows_before_.bind(1, static_cast<std::int64_t>(std::min(from, told_->load(std::memory_order_acquire))));
  Page room(bytes_max);
  bool full = false;
  int rc = SQLITE_ROW;
  while (!full && page.entries.size() < limit && scanned < scan_bytes_max_) {
    rc = rows_before_.step();
    if (rc != SQLITE_ROW) break;
    const auto seq = static_cast<std::uint64_t>(rows_before_.integer(0));
    const Wall at = wall_us(rows_before_.integer(1));
    if (filter.from && at + slack < *filter.from) {
      rc = SQLITE_DONE;
      break;
    }
    const std::string_view row = rows_before_.blob(2);
    scanned += row.size();
    const std::uint32_t index_end = seq == before.seq ? before.index : std::numeric_limits<std::uint32_t>::max();
    if (!read_row(row, seq, at, ns, filter, index_end, found)) {
      rows_before_.reset();
      return journal_damaged(path_, "row " + std::to_string(seq) + " of the audit trail is not what was written");
    }
    page.next = {.seq = seq};
    for (auto it = found.rbegin(); it != found.rend() && page.entries.size() < limit; ++it) {
      full = !room.takes(bytes_of(it->second));
      page.next.index = full ? it->first + 1 : it->first;
      if (full) break;
      page.entries.push_back(std::move(it->second));
      if (std::next(it) == found.rend()) page.next.index = 0;
    }
  }
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
    auto trouble = journal_unreadable(path_, db_);
    rows_before_.reset();
    return trouble;
  }
  rows_before_.reset();
  page.end = rc == SQLITE_DONE;
  return page;
}

}  // namespace hf
