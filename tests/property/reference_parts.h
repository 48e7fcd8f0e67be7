#pragma once

// What the files of the reference model share: paths compared as texts, and refusals.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "model/commands.h"

namespace hf::test {

// True if `a` is `b` or above it.
inline bool above_or_same(const Target& a, const Target& b) {
  const std::string& s = a.text();
  const std::string& l = b.text();
  return l.starts_with(s) && (l.size() == s.size() || l[s.size()] == ':' || l[s.size()] == '/');
}

inline std::vector<Target> sorted_set(std::vector<Target> targets) {
  std::ranges::sort(targets);
  targets.erase(std::ranges::unique(targets).begin(), targets.end());
  return targets;
}

inline bool same_set(const std::vector<HeldTarget>& held, const std::vector<Target>& targets) {
  return std::ranges::equal(held, targets, {}, &HeldTarget::target);
}

inline std::string bill_of(const Target& target) {
  return target.level() == Level::type ? std::string() : std::string(target.text_at(Level::bill));
}

inline Refusal refuse(Code code) {
  Refusal r;
  r.code = code;
  return r;
}

inline Refusal refuse(Code code, std::string field) {
  Refusal r = refuse(code);
  r.field = std::move(field);
  return r;
}

}  // namespace hf::test
