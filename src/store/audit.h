#pragma once

// The audit trail as values: its entries, their places, and how to ask for a page of it.
//
// Where several nodes share a log, a change is identified by the place of its log entry and its index among the changes
// of one namespace in that entry: the same on every node. On one machine the store's rows take the place of log
// entries.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/id.h"
#include "base/time.h"
#include "engine/change.h"
#include "engine/page.h"

namespace hf {

struct AuditFilter {
  std::string target;  // it, or what lies below it
  std::string user;    // who did it
  std::string action;
  std::optional<LockId> lock;
  std::optional<Wall> from;
  std::optional<Wall> to;
};
bool matches(const AuditEntry& entry, const AuditFilter& filter);
// Whether a change belongs into the trail, without decoding it. REQUIRES: `change` is not a note.
bool is_audited(const ChangeView& change) noexcept;

// A place in the audit trail, between entries. By default: after the newest.
struct AuditCursor {
  std::uint64_t seq = std::uint64_t{1} << 62;  // the store's row, or the number of the log entry
  std::uint32_t index = 0;
  std::uint64_t generation = 0;  // of the log entry; 0: a row of a store
  bool operator==(const AuditCursor&) const = default;
};

struct AuditPage {
  std::vector<AuditEntry> entries;  // newest first
  AuditCursor next;                 // older entries lie before it
  bool end = false;                 // there are none
};

// A place in a log that several nodes share. Default: its beginning.
struct LogPlace {
  std::uint64_t generation = 0, number = 0;
  auto operator<=>(const LogPlace&) const = default;
  bool is_nil() const noexcept { return *this == LogPlace{}; }
};

// What one log entry changed in one namespace, as far as it belongs into the trail (engine/change.h).
struct AuditRow {
  LogPlace place;
  Wall at{};
  std::string ns;
  std::string changes;
  bool operator==(const AuditRow&) const = default;
};

// All rows of the log entries after `from`, up to `to`, in order; rows of one place are ordered by namespace.
struct AuditBatch {
  LogPlace from, to;
  Id128 id;  // random: distinguishes the batches of two trails
  std::vector<AuditRow> rows;
  bool operator==(const AuditBatch&) const = default;
};

// Fills a page from rows that come from new to old.
class AuditPager {
 public:
  struct Size {
    std::size_t limit = 0;                      // entries
    std::size_t bytes_max = page_bytes_max;     // of them, but one at least
    std::uint64_t scan_bytes_max = 4ULL << 20;  // read for the page
  };
  // `before`: where the page begins.
  AuditPager(const AuditFilter& filter, const AuditCursor& before, const Size& size);

  // Whether it wants no more rows: it is full, it has read enough for one page, or all further rows are too old.
  bool done() const noexcept {
    return too_old_ || full_ || page_.entries.size() >= size_.limit || scanned_ >= size_.scan_bytes_max;
  }
  // False if the changes are corrupt. REQUIRES: the row is of the page's namespace, and not done().
  bool add(const LogPlace& place, Wall at, std::string_view changes);
  // `all`: there were no more rows.
  AuditPage take(bool all);

 private:
  const AuditFilter& filter_;
  const AuditCursor before_;
  Size size_;
  Page room_;
  std::uint64_t scanned_ = 0;
  bool too_old_ = false, full_ = false;
  AuditPage page_;
  std::vector<std::pair<std::uint32_t, AuditEntry>> found_;
};

}  // namespace hf
