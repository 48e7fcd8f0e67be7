// What becomes of rows: they are folded into the state, stripped of what nobody asks for, and dropped when they are
// old.
#include "base/assert.h"
#include "store/embedded/journal.h"
#include "store/embedded/stopwatch.h"

namespace hf {
namespace {

// States of bills are most of what is written where they are published, and their log is in the state. Rows without
// any are left as they are: to write them again would cost more than it saves.
bool has_states_of_bills(std::string_view changes) {
  while (const auto change = take_change(changes)) {
    if (change->header.entity >= Entity::status_meta) return true;
  }
  return false;
}

}  // namespace

void Journal::fold(Micros budget) {
  const Stopwatch watch;
  while (failed_.empty() && loaded_ && folded_.folded_to < last_seq_ && watch.passed() < budget) {
    fold_slice();
    if (wal_bytes() >= options_.wal_busy_bytes) empty_wal();
  }
}

void Journal::fold_slice() {
  if (!fold_) {
    fold_ = std::make_unique<FoldWork>();
    fold_->next = folded_.folded_to + 1;
    fold_->resumed = folded_.folding_to > folded_.folded_to;
  }
  const bool ok = fold_->gathered ? write_slice() : gather_slice();
  if (!ok) break_down("folding");
  if (!failed_.empty()) fold_.reset();
}

// A resumed round takes exactly the rows of the interrupted one: it is by those that fresh keys and their
// erasures were cancelled out.
bool Journal::gather_slice() {
  const Stopwatch watch;
  FoldWork& fold = *fold_;
  const std::uint64_t last = fold.resumed ? folded_.folding_to : last_seq_;
  rows_from_.bind(1, static_cast<std::int64_t>(fold.next));
  bool ok = true;
  const auto full = [&] { return !fold.resumed && fold.round.bytes() >= options_.fold_round_bytes; };
  for (bool first = true; ok && fold.next <= last && !full() && (first || watch.passed() < options_.slice);
       first = false) {
    ok = rows_from_.step() == SQLITE_ROW && rows_from_.integer(0) == static_cast<std::int64_t>(fold.next);
    if (!ok) break;
    const std::string_view row = rows_from_.blob(2);
    auto sections = open_row(row, fold.next, rows_from_.integer(1));
    while (sections && !sections->empty()) {
      const auto section = take_section(*sections);
      fold.strips = fold.strips || (section && has_states_of_bills(section->changes));
      if (!section || !fold.round.add(*section)) sections.reset();
    }
    ok = sections.has_value();
    fold.bytes += row.size();
    ++fold.next;
  }
  rows_from_.reset();
  HF_ASSERT(fold.next <= last + 1);
  fold.gathered = fold.next > last || full();
  if (fold.gathered) fold.rows = fold.round.take_rows();
  return ok;
}

bool Journal::write_slice() {
  const Stopwatch watch;
  FoldWork& fold = *fold_;
  HF_ASSERT(fold.gathered && fold.at <= fold.rows.size());
  HF_ASSERT(fold.next > folded_.folded_to && fold.next - 1 <= last_seq_ && fold.bytes <= unfolded_bytes_);
  if (begin_.run() != SQLITE_DONE) return false;
  FoldPoint point = folded_;
  folded_.folding_to = fold.next - 1;
  const auto more = [&] { return fold.at != fold.rows.size(); };
  for (bool first = true; more() && (first || watch.passed() < options_.slice); ++fold.at, first = false) {
    if (!apply(fold.rows[fold.at].first, fold.rows[fold.at].second)) return false;
  }
  const bool done = !more();
  if (done) {
    const bool strips = fold.strips || strip_due();
    folded_.folded_to = folded_.folding_to;
    if (!strips) stripped_ = folded_.folded_to;
    folded_.kept_bytes += fold.bytes;
    unfolded_bytes_ -= fold.bytes;
  }
  if (folded_ != point && !write_meta("fold", bytes_of(folded_))) return false;
  if (done && !strip_due() && !write_meta("stripped", bytes_of(stripped_))) return false;
  if (commit_.run() != SQLITE_DONE) return false;
  unsynced_ = true;
  if (done) fold_.reset();
  return true;
}

void Journal::strip_slice() {
  const Stopwatch watch;
  bool ok = begin_.run() == SQLITE_DONE;
  for (bool first = true; ok && strip_due() && (first || watch.passed() < options_.slice); first = false)
    ok = strip_next();
  find_oldest();
  ok = ok && write_meta("fold", bytes_of(folded_)) && write_meta("stripped", bytes_of(stripped_)) &&
       commit_.run() == SQLITE_DONE;
  unsynced_ = true;
  if (!ok) break_down("stripping folded rows");
}

// Takes out of the first row behind stripped_ what nobody asks for, if it has states of bills; an empty row goes.
bool Journal::strip_next() {
  rows_from_.bind(1, static_cast<std::int64_t>(stripped_ + 1));
  const int rc = rows_from_.step();
  const std::uint64_t seq = rc == SQLITE_ROW ? static_cast<std::uint64_t>(rows_from_.integer(0)) : last_seq_ + 1;
  if (seq > folded_.folded_to) {
    rows_from_.reset();
    stripped_ = folded_.folded_to;
    return rc == SQLITE_ROW || rc == SQLITE_DONE;
  }
  const std::int64_t at_us = rows_from_.integer(1);
  const std::string_view row = rows_from_.blob(2);
  const std::uint64_t bytes = row.size();
  begin_row(row_);
  std::string kept;
  bool strips = false;
  auto sections = open_row(row, seq, at_us);
  while (sections && !sections->empty()) {
    const auto section = take_section(*sections);
    kept.clear();
    std::string_view changes = section ? section->changes : std::string_view();
    strips = strips || has_states_of_bills(changes);
    while (const auto change = take_change(changes)) {
      if (outlives_folding(change->header.entity)) kept += change->whole;
    }
    if (!section || !changes.empty()) {
      sections.reset();
    } else if (!kept.empty()) {
      add_section(row_, section->ns, kept);
    }
  }
  rows_from_.reset();
  HF_ASSERT(seq > stripped_ && seq <= folded_.folded_to);
  stripped_ = seq;
  if (!sections || !strips) return true;  // who reads the trail is told that the row is damaged
  const bool gone = std::string_view(row_).substr(4).empty();
  if (!gone) seal_row(row_, seq, at_us);
  folded_.kept_bytes -= gone ? bytes : bytes - row_.size();
  const auto place = static_cast<std::int64_t>(seq);
  return (gone ? delete_row_.bind(1, place) : update_row_.bind_blob(1, row_).bind(2, place)).run() == SQLITE_DONE;
}

bool Journal::apply(const StateKey& key, const FoldEntry& entry) {
  const auto blob = key_blob(key.key);
  const std::string_view id(blob.data(), blob.size());
  const auto bind_key = [&](Statement& s) -> Statement& {
    return s.bind(1, key.ns).bind(2, static_cast<std::int64_t>(key.entity)).bind_blob(3, id);
  };
  const int rc = bind_key(get_state_).step();
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return false;
  const bool was = rc == SQLITE_ROW;
  if (was) {
    const auto old = open_state(key, get_state_.blob(0));
    if (!old) return false;
    folded_.sum -= old->checksum;
    --folded_.rows;
  }
  get_state_.reset();
  if (entry.erase) return !was || bind_key(erase_state_).run() == SQLITE_DONE;
  const std::uint32_t checksum = state_checksum(key, entry.body);
  const std::string sealed = seal_state(entry.body, checksum);
  folded_.sum += checksum;
  ++folded_.rows;
  return bind_key(put_state_).bind_blob(4, sealed).run() == SQLITE_DONE;
}

void Journal::find_oldest() {
  oldest_seq_ = 0;
  if (oldest_row_.step() == SQLITE_ROW) {
    oldest_seq_ = static_cast<std::uint64_t>(oldest_row_.integer(0));
    oldest_at_ = wall_us(oldest_row_.integer(1));
  }
  oldest_row_.reset();
}

bool Journal::retention_due(Wall now) const noexcept {
  if (oldest_seq_ == 0 || oldest_seq_ > folded_.folded_to) return false;
  return folded_.kept_bytes > options_.audit_bytes_max || now - oldest_at_ > options_.audit_age_max;
}

void Journal::retention_slice(Wall now) {
  const Stopwatch watch;
  bool ok = begin_.run() == SQLITE_DONE;
  for (bool first = true; ok && retention_due(now) && (first || watch.passed() < options_.slice); first = false) {
    ok = oldest_row_.step() == SQLITE_ROW;
    const auto bytes = static_cast<std::uint64_t>(oldest_row_.integer(2));
    oldest_row_.reset();
    ok = ok && bytes <= folded_.kept_bytes &&
         delete_row_.bind(1, static_cast<std::int64_t>(oldest_seq_)).run() == SQLITE_DONE;
    if (ok) folded_.kept_bytes -= bytes;
    find_oldest();
  }
  ok = ok && write_meta("fold", bytes_of(folded_)) && commit_.run() == SQLITE_DONE;
  unsynced_ = true;
  if (!ok) break_down("dropping old audit rows");
}

}  // namespace hf
