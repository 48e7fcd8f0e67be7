#include "session/watchers.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace hf::session {

std::size_t Watchers::TextHash::operator()(std::string_view text) const noexcept {
  std::uint64_t hash = 0xCBF29CE484222325ULL;  // FNV-1a, then one round of mixing
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  hash ^= hash >> 32;
  hash *= 0x9E3779B97F4A7C15ULL;
  return static_cast<std::size_t>(hash ^ (hash >> 29));
}

bool Watchers::add(NamespaceIndex ns, const Target& bill, Watcher watcher) {
  HF_ASSERT(bill.level() == Level::bill);
  if (types_.size() <= ns) types_.resize(ns + 1U);
  std::vector<Watcher>& on_bill = types_[ns][std::string(bill.type())][bill.text()];
  if (std::find(on_bill.begin(), on_bill.end(), watcher) != on_bill.end()) return false;
  on_bill.push_back(watcher);
  watched_[watcher].push_back({bill});
  return true;
}

bool Watchers::unlink(NamespaceIndex ns, const Target& bill, Watcher watcher) {
  if (types_.size() <= ns) return false;
  const auto type = types_[ns].find(bill.type());
  if (type == types_[ns].end()) return false;
  const auto on_bill = type->second.find(bill.text());
  if (on_bill == type->second.end() || std::erase(on_bill->second, watcher) == 0) return false;
  if (on_bill->second.empty()) type->second.erase(on_bill);
  if (type->second.empty()) types_[ns].erase(type);
  return true;
}

bool Watchers::remove(NamespaceIndex ns, const Target& bill, Watcher watcher) {
  if (!unlink(ns, bill, watcher)) return false;
  const auto watched = watched_.find(watcher);
  HF_ASSERT(watched != watched_.end());
  const std::size_t forgotten = std::erase_if(watched->second, [&](const Watched& each) { return each.bill == bill; });
  HF_ASSERT(forgotten == 1);
  if (watched->second.empty()) watched_.erase(watched);
  return true;
}

void Watchers::remove_all(NamespaceIndex ns, Watcher watcher) {
  const auto watched = watched_.find(watcher);
  if (watched == watched_.end()) return;
  for (const Watched& each : watched->second) {
    const bool was_linked = unlink(ns, each.bill, watcher);
    HF_ASSERT(was_linked);  // what it watches knows it
  }
  watched_.erase(watched);
}

bool Watchers::watches(NamespaceIndex ns, const Target& bill, Watcher watcher) const {
  if (types_.size() <= ns) return false;
  const auto type = types_[ns].find(bill.type());
  if (type == types_[ns].end()) return false;
  const auto on_bill = type->second.find(bill.text());
  return on_bill != type->second.end() &&
         std::find(on_bill->second.begin(), on_bill->second.end(), watcher) != on_bill->second.end();
}

std::size_t Watchers::count(Watcher watcher) const {
  const auto watched = watched_.find(watcher);
  return watched != watched_.end() ? watched->second.size() : 0;
}

std::vector<Target> Watchers::watched_by(Watcher watcher) const {
  std::vector<Target> bills;
  if (const auto watched = watched_.find(watcher); watched != watched_.end()) {
    for (const Watched& each : watched->second) bills.push_back(each.bill);
  }
  return bills;
}

bool Watchers::show(Watcher watcher, std::string_view bill, bool shown) {
  const auto watched = watched_.find(watcher);
  if (watched == watched_.end()) return false;
  const auto at = std::ranges::find_if(watched->second, [&](const Watched& each) { return each.bill.text() == bill; });
  return at != watched->second.end() && std::exchange(at->shown, shown);
}

void Watchers::watching(NamespaceIndex ns, const Target& changed, std::vector<Watcher>& out) const {
  if (changed.level() != Level::type) return watching(ns, changed.type(), changed.text_at(Level::bill), out);
  out.clear();
  if (types_.size() <= ns || types_[ns].empty()) return;
  const auto type = types_[ns].find(changed.type());
  if (type == types_[ns].end()) return;
  for (const auto& [bill, on_bill] : type->second) out.insert(out.end(), on_bill.begin(), on_bill.end());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
}

void Watchers::watching(NamespaceIndex ns, std::string_view type, std::string_view bill,
                        std::vector<Watcher>& out) const {
  out.clear();
  if (types_.size() <= ns || types_[ns].empty()) return;
  const auto bills = types_[ns].find(type);
  if (bills == types_[ns].end()) return;
  const auto on_bill = bills->second.find(bill);
  if (on_bill == bills->second.end()) return;
  out = on_bill->second;
  std::sort(out.begin(), out.end());
}

std::vector<Target> Watchers::watched(NamespaceIndex ns) const {
  std::vector<Target> bills;
  if (types_.size() <= ns) return bills;
  for (const auto& [watcher, all] : watched_) {
    for (const Watched& each : all) {
      if (watches(ns, each.bill, watcher)) bills.push_back(each.bill);
    }
  }
  std::sort(bills.begin(), bills.end());
  bills.erase(std::unique(bills.begin(), bills.end()), bills.end());
  return bills;
}

}  // namespace hf::session
