// How the rows are read as the audit trail.
#include <limits>

#include "store/embedded/journal.h"

namespace hf {

Result<AuditPage> Journal::audit(NamespaceIndex ns, const AuditFilter& filter, AuditCursor before, std::size_t limit,
                                 std::size_t bytes_max) {
  // Rows are in commit order, entries by their own clock: a day covers every reasonable step between the two.
  constexpr std::chrono::hours slack{24};
  if (before.generation != 0)
    return fail(Code::invalid, "That is a cursor of another trail: begin without one.", "next");
  AuditPage page;
  page.next = before;
  std::uint64_t scanned = 0;
  std::vector<std::pair<std::uint32_t, AuditEntry>> found;
  const std::uint64_t first = std::min<std::uint64_t>(before.seq, std::uint64_t{1} << 62);
  // Nothing of row `seq` is left at index 0: reading it again could fill a page without getting on.
  rows_before_.bind(1, static_cast<std::int64_t>(first) - (before.index == 0 ? 1 : 0));
  Page room(bytes_max);
  bool full = false;
  int rc = SQLITE_ROW;
  while (!full && page.entries.size() < limit && scanned < options_.audit_scan_bytes_max) {
    rc = rows_before_.step();
    if (rc != SQLITE_ROW) break;
    const auto seq = static_cast<std::uint64_t>(rows_before_.integer(0));
    const std::string_view row = rows_before_.blob(2);
    const Wall at = wall_us(rows_before_.integer(1));
    if (filter.from && at + slack < *filter.from) {
      rc = SQLITE_DONE;
      break;
    }
    scanned += row.size();
    auto sections = open_row(row, seq, to_us(at));
    std::uint32_t index = 0;
    const std::uint32_t index_end = seq == before.seq ? before.index : std::numeric_limits<std::uint32_t>::max();
    found.clear();
    while (sections && !sections->empty()) {
      const auto section = take_section(*sections);
      if (!section) {
        sections.reset();
        break;
      }
      std::string_view changes = section->changes;
      if (section->ns != ns) continue;
      while (auto change = take_change(changes)) {
        if (!outlives_folding(change->header.entity)) continue;  // it may be gone at the next page
        const std::uint32_t place = index++;
        if (place >= index_end) break;
        auto entry = audit_of(*change);
        if (entry && matches(*entry, filter)) found.emplace_back(place, std::move(*entry));
      }
    }
    if (!sections) {
      rows_before_.reset();
      return damaged("row " + std::to_string(seq) + " of the audit trail is not what was written");
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
  rows_before_.reset();
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return unreadable();
  page.end = rc == SQLITE_DONE;
  return page;
}

}  // namespace hf
