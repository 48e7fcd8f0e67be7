#include "server/sign_in_log.h"

#include <algorithm>
#include <vector>

namespace hf {

void SignInLog::failed(const std::string& address, SignInFailure why, Micros now) {
  const bool crowded = entries_.size() >= addresses_max && !entries_.contains(address);
  const auto [at, fresh] = entries_.try_emplace(crowded ? std::string("others") : address);
  Entry& entry = at->second;
  if (!fresh && now - entry.told_at < told_each) {
    ++entry.left_out;
    entry.newest = why;
    return;
  }
  tell_(at->first, why, entry.left_out);
  entry = {now, 0, why};
}

void SignInLog::tick(Micros now) {
  std::vector<std::string> due;
  for (const auto& [address, entry] : entries_) {
    if (now - entry.told_at >= told_each) due.push_back(address);
  }
  std::ranges::sort(due);
  for (const std::string& address : due) {
    const auto at = entries_.find(address);
    Entry& entry = at->second;
    if (entry.left_out == 0) {
      entries_.erase(at);
      continue;
    }
    tell_(address, entry.newest, entry.left_out - 1);
    entry = {now, 0, entry.newest};
  }
}

}  // namespace hf
