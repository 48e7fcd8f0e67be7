#include "store/audit.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>

#include "engine/change_codec.h"

namespace hf {
namespace {

// Rows are in the log's order, entries by their own clock: a day covers every reasonable step between the two.
constexpr std::chrono::hours slack{24};

bool lies_in(std::string_view target, std::string_view ancestor) {
  if (!target.starts_with(ancestor)) return false;
  return target.size() == ancestor.size() || target[ancestor.size()] == ':' || target[ancestor.size()] == '/';
}

}  // namespace

bool matches(const AuditEntry& entry, const AuditFilter& filter) {
  if (!filter.user.empty() && entry.user != filter.user) return false;
  if (!filter.action.empty() && entry.action != filter.action) return false;
  if (filter.lock && entry.lock != *filter.lock) return false;
  if (filter.from && entry.at < *filter.from) return false;
  if (filter.to && entry.at >= *filter.to) return false;
  if (filter.target.empty()) return true;
  return std::any_of(entry.targets.begin(), entry.targets.end(),
                     [&](const std::string& t) { return lies_in(t, filter.target); });
}

bool is_audited(const ChangeView& change) noexcept {
  const Entity entity = change.header.entity;
  if (entity != Entity::session && entity != Entity::grant && entity != Entity::wait && entity != Entity::run)
    return false;
  return !change.body.empty() && change.body.front() != static_cast<char>(Action::none);
}

AuditPager::AuditPager(const AuditFilter& filter, const AuditCursor& before, const Size& size)
    : filter_(filter), before_(before), size_(size), room_(size.bytes_max) {
  page_.next = before;
}

bool AuditPager::add(const LogPlace& place, Wall at, std::string_view changes) {
  if (filter_.from && at + slack < *filter_.from) {
    too_old_ = true;
    return true;
  }
  const bool begun = place == LogPlace{before_.generation, before_.seq};
  if (begun && before_.index == 0) return true;  // to read it again could fill a page without getting on
  scanned_ += changes.size();
  const std::uint32_t index_end = begun ? before_.index : std::numeric_limits<std::uint32_t>::max();
  found_.clear();
  std::uint32_t index = 0;
  for (; index < index_end; ++index) {
    const auto change = take_change(changes);
    if (!change) break;
    auto entry = audit_of(*change);
    if (!entry) return false;
    if (matches(*entry, filter_)) found_.emplace_back(index, *std::move(entry));
  }
  if (index < index_end && !changes.empty()) return false;
  page_.next = {.seq = place.number, .index = 0, .generation = place.generation};
  for (auto it = found_.rbegin(); it != found_.rend() && page_.entries.size() < size_.limit; ++it) {
    full_ = !room_.takes(bytes_of(it->second));
    page_.next.index = it->first + 1;
    if (full_) break;
    page_.next.index = std::next(it) == found_.rend() ? 0 : it->first;
    page_.entries.push_back(std::move(it->second));
  }
  return true;
}

AuditPage AuditPager::take(bool all) {
  page_.end = too_old_ || (all && !done());
  return std::move(page_);
}

}  // namespace hf
