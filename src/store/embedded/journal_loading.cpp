// How a start reads what is durable: the folded state, what an interrupted fold left over it, the rows behind it.
#include "base/assert.h"
#include "store/embedded/journal.h"

namespace hf {
namespace {

constexpr std::size_t load_chunk_bytes = 256 << 10;

}  // namespace

Result<void> Journal::load(const Take& take) {
  HF_ASSERT(!loaded_);
  auto interrupted = read_interrupted_fold();
  if (!interrupted) return tl::unexpected(std::move(interrupted.error()));
  if (auto ok = load_state(interrupted->take_rows(), take); !ok) return ok;
  if (auto ok = load_recent(take); !ok) return ok;
  if (auto ok = load_rows(take); !ok) return ok;
  loaded_ = true;
  told_->store(last_seq_, std::memory_order_release);
  find_oldest();
  // A sync that failed before a crash may have left pages of the log only in the system's cache, marked clean.
  // Written to the file they are dirty again, and the next sync tells the truth.
  if (!empty_wal() || !set_mark()) return refuse_failed();
  return {};
}

// Folding writes keys in their order, not in the rows' order, so a process that died in a round has left some
// keys ahead of `folded_to`. The rows of that round, put over the state, make it whole again.
Result<FoldRound> Journal::read_interrupted_fold() {
  FoldRound round;
  std::uint64_t expected = folded_.folded_to + 1;
  rows_from_.bind(1, static_cast<std::int64_t>(expected));
  while (expected <= folded_.folding_to) {
    if (rows_from_.step() != SQLITE_ROW || rows_from_.integer(0) != static_cast<std::int64_t>(expected))
      return damaged("row " + std::to_string(expected) + " is missing");
    auto sections = open_row(rows_from_.blob(2), expected, rows_from_.integer(1));
    while (sections && !sections->empty()) {
      const auto section = take_section(*sections);
      if (!section || section->ns >= namespaces_.size() || !round.add(*section)) sections.reset();
    }
    if (!sections) return damaged("row " + std::to_string(expected) + " is not what was written");
    ++expected;
  }
  rows_from_.reset();
  return round;
}

Result<void> Journal::load_state(const std::vector<FoldRound::Row>& over, const Take& take) {
  Statement all = db_.prepare("SELECT ns, entity, key, body FROM state ORDER BY ns, entity, key");
  if (!all) return unreadable();
  auto next = over.begin();
  std::string chunk;
  NamespaceIndex chunk_ns = 0;
  const auto give = [&](const StateKey& key, std::string_view body) {
    if (key.ns != chunk_ns || chunk.size() >= load_chunk_bytes) {
      if (!chunk.empty() && !take(chunk_ns, chunk)) return false;
      chunk.clear();
      chunk_ns = key.ns;
    }
    append_put(chunk, key, body);
    return true;
  };
  const auto give_over = [&] {
    const auto& [key, entry] = *next++;
    return entry.erase || give(key, entry.body);
  };
  std::uint64_t rows = 0;
  std::uint64_t sum = 0;
  bool sound = true;
  int rc = all.step();
  for (; sound && rc == SQLITE_ROW; rc = all.step()) {
    const std::int64_t ns = all.integer(0);
    const std::int64_t entity = all.integer(1);
    const auto id = key_from_blob(all.blob(2));
    if (ns < 0 || ns >= static_cast<std::int64_t>(namespaces_.size()) || entity < 1 || entity > 255 || !id)
      return damaged("a key of the state makes no sense");
    const StateKey key{static_cast<NamespaceIndex>(ns), static_cast<Entity>(entity), *id};
    const auto state = open_state(key, all.blob(3));
    if (!state) return damaged("a row of the state is not what was written");
    ++rows;
    sum += state->checksum;
    while (sound && next != over.end() && next->first < key) sound = give_over();
    if (!sound) break;
    if (next != over.end() && next->first == key)
      sound = give_over();
    else
      sound = give(key, state->body);
  }
  if (sound && rc != SQLITE_DONE) return unreadable();
  while (sound && next != over.end()) sound = give_over();
  if (sound && !chunk.empty()) sound = take(chunk_ns, chunk);
  if (!sound) return damaged("the state contradicts itself");
  if (rows != folded_.rows || sum != folded_.sum) return damaged("rows of the state are missing or old");
  return {};
}

// What is not folded is still asked for: the newest part of the rows that are folded has it.
Result<void> Journal::load_recent(const Take& take) {
  constexpr std::int64_t recent_us = 600'000'000;
  constexpr std::int64_t recent_bytes_max = 32 << 20;
  Statement newest_first = db_.prepare("SELECT seq, at_us, length(body) FROM journal WHERE seq <= ? ORDER BY seq DESC");
  if (!newest_first) return unreadable();
  const auto last = static_cast<std::int64_t>(folded_.folding_to);
  std::int64_t first = last + 1;
  std::int64_t newest_at = 0;
  std::int64_t bytes = 0;
  newest_first.bind(1, last);
  while (newest_first.step() == SQLITE_ROW) {
    if (newest_at == 0) newest_at = newest_first.integer(1);
    bytes += newest_first.integer(2);
    if (newest_first.integer(1) < newest_at - recent_us || bytes > recent_bytes_max) break;
    first = newest_first.integer(0);
  }
  std::string kept;
  rows_from_.bind(1, first);
  while (rows_from_.step() == SQLITE_ROW && rows_from_.integer(0) <= last) {
    auto sections =
        open_row(rows_from_.blob(2), static_cast<std::uint64_t>(rows_from_.integer(0)), rows_from_.integer(1));
    while (sections && !sections->empty()) {
      const auto section = take_section(*sections);
      kept.clear();
      std::string_view changes = section ? section->changes : std::string_view();
      while (const auto change = take_change(changes)) {
        if (change->header.entity == Entity::ended) kept += change->whole;
      }
      if (!section || section->ns >= namespaces_.size() || !changes.empty() || !take(section->ns, kept))
        sections.reset();
    }
    if (!sections) return damaged("row " + std::to_string(rows_from_.integer(0)) + " is not what was written");
  }
  rows_from_.reset();
  return {};
}

Result<void> Journal::load_rows(const Take& take) {
  std::uint64_t expected = folded_.folded_to + 1;
  rows_from_.bind(1, static_cast<std::int64_t>(expected));
  int rc = rows_from_.step();
  for (; rc == SQLITE_ROW; rc = rows_from_.step(), ++expected) {
    if (rows_from_.integer(0) != static_cast<std::int64_t>(expected))
      return damaged("row " + std::to_string(expected) + " is missing");
    const std::string_view row = rows_from_.blob(2);
    unfolded_bytes_ += row.size();
    if (expected <= folded_.folding_to) continue;
    auto sections = open_row(row, expected, rows_from_.integer(1));
    while (sections && !sections->empty()) {
      const auto section = take_section(*sections);
      if (!section || section->ns >= namespaces_.size() || !take(section->ns, section->changes)) sections.reset();
    }
    if (!sections) return damaged("row " + std::to_string(expected) + " is not what was written");
  }
  rows_from_.reset();
  if (rc != SQLITE_DONE) return unreadable();
  last_seq_ = expected - 1;
  if (last_seq_ < folded_.folding_to) return damaged("rows that were folded are missing");
  return {};
}

}  // namespace hf
