#include "store/embedded/fold_round.h"

#include <algorithm>

#include "base/assert.h"

namespace hf {
namespace {

constexpr std::size_t entry_bytes = 128;  // a place in the table, about

}  // namespace

bool outlives_folding(Entity entity) noexcept {
  return entity == Entity::session || entity == Entity::grant || entity == Entity::wait || entity == Entity::ended ||
         entity == Entity::run || entity == Entity::note;
}

bool FoldRound::add(const SectionView& section) {
  std::string_view changes = section.changes;
  while (auto change = take_change(changes)) {
    if (!is_folded(change->header.entity)) continue;
    const StateKey key{section.ns, change->header.entity, change->header.key};
    if ((change->header.flags & change_erase) != 0)
      erase(key);
    else
      put(key, (change->header.flags & change_fresh) != 0, change->body);
  }
  return changes.empty();
}

std::vector<FoldRound::Row> FoldRound::take_rows() {
  std::vector<Row> rows;
  rows.reserve(entries_.size());
  for (auto& [key, entry] : entries_) rows.emplace_back(key, std::move(entry));
  entries_.clear();
  bytes_ = 0;
  std::ranges::sort(rows, {}, &Row::first);
  return rows;
}

void FoldRound::put(const StateKey& key, bool fresh, std::string_view body) {
  const auto [it, is_new] = entries_.try_emplace(key);
  FoldEntry& entry = it->second;
  if (is_new) {
    entry.fresh = fresh;
    bytes_ += entry_bytes;
  }
  bytes_ += body.size();
  HF_ASSERT(bytes_ >= entry.body.size());
  bytes_ -= entry.body.size();
  entry.erase = false;
  entry.body.assign(body);
}

void FoldRound::erase(const StateKey& key) {
  const auto [it, is_new] = entries_.try_emplace(key);
  FoldEntry& entry = it->second;
  HF_ASSERT(bytes_ >= entry.body.size());
  bytes_ -= entry.body.size();
  if (is_new) bytes_ += entry_bytes;
  if (!is_new && entry.fresh) {
    bytes_ -= entry_bytes;
    entries_.erase(it);
    return;
  }
  entry.erase = true;
  entry.body.clear();
}

}  // namespace hf
