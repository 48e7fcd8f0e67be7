#pragma once

// The two walks over what is in a request's way. Private to src/engine; templates, so that looking for the
// first one costs no more than finding it.

#include "engine/lock_tree_state.h"

namespace hf {

// False if f stopped the walk.
template <class F>
bool LockTree::State::each_wait_in_way(const Want& want, F&& f) const {
  for (const Path& path : want.paths) {
    for (std::size_t level = 0; level < path.depth && path.node[level] != no_index; ++level) {
      const auto& queue = nodes[path.node[level]].queue;
      if (!queue || covered(want, path, level)) continue;
      const Claim claim = claim_at(path, level, want.mode);
      for (const Claim other : {Claim::is, Claim::ix, Claim::s, Claim::x}) {
        if (compatible(claim, other)) continue;
        for (const auto& [order_key, index] : (*queue)[at(other)]) {
          if (order_key >= want.order) break;
          const WaitRec& wait = waits[index];
          if (wait.session == want.session || owners_exempt(want, wait) || holds_what_waits(want, wait)) continue;
          if (!f(index)) return false;
        }
      }
    }
  }
  return true;
}

// Ancestors from the type down, then the target, then what lies under it, each in the order it was made.
template <class F>
void LockTree::State::each_grant_in_way(const Want& want, std::size_t steps, F&& f) const {
  const auto visit = [&](NodeIx index, Claim claim, bool is_target_or_above) {
    for (const GrantIx g : nodes[index].direct) {
      const GrantRec& grant = grants[g];
      const Claim theirs = is_target_or_above ? direct_claim(grant.mode) : intent_claim(grant.mode);
      if (compatible(claim, theirs) || grant_exempt(want, grant)) continue;
      for (std::size_t t = 0; t < grant.targets.size(); ++t) {
        if (grant.targets[t].node == index && !f(g, t)) return false;
      }
    }
    return true;
  };
  for (const Spot& spot : spots(want)) {
    if (steps-- == 0) return;
    if (!visit(spot.node, spot.claim, true)) return;
    if (!spot.is_target) continue;
    for (NodeIx index = nodes[spot.node].first_child; index != no_index;) {
      if (steps-- == 0) return;
      const Node& node = nodes[index];
      const bool exclusive_below = node.held[at(Claim::ix)] + node.held[at(Claim::x)] > 0;
      const bool any_below = exclusive_below || node.held[at(Claim::is)] + node.held[at(Claim::s)] > 0;
      const bool worth = spot.claim == Claim::x ? any_below : exclusive_below;
      if (worth && !visit(index, spot.claim, false)) return;
      if (worth && node.first_child != no_index) {
        index = node.first_child;
        continue;
      }
      while (index != spot.node && nodes[index].next == no_index) index = nodes[index].parent;
      if (index == spot.node) break;
      index = nodes[index].next;
    }
  }
}

}  // namespace hf
