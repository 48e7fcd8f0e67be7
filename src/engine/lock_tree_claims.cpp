// Claims on nodes: what is held, who is in whose way, who waits for whom.
#include <algorithm>

#include "engine/lock_tree_each.h"
#include "engine/lock_tree_state.h"

namespace hf {

const Counts* Holdings::find(Party party) const noexcept {
  if (party == 0) return nullptr;
  if (first_party_ == party) return &first_;
  if (!more_) return nullptr;
  const auto it = more_->find(party);
  return it == more_->end() ? nullptr : &it->second;
}

void Holdings::add(Party party, Claim claim) {
  if (first_party_ == party) {
    ++first_[at(claim)];
    return;
  }
  if (first_party_ == 0 && (!more_ || !more_->contains(party))) {
    first_party_ = party;
    first_ = {};
    ++first_[at(claim)];
    return;
  }
  if (!more_) more_ = std::make_unique<boost::unordered_flat_map<Party, Counts>>();
  ++(*more_)[party][at(claim)];
}

void Holdings::remove(Party party, Claim claim) {
  if (first_party_ == party) {
    HF_ASSERT(first_[at(claim)] > 0);
    --first_[at(claim)];
    if (first_ == Counts{}) first_party_ = 0;
    return;
  }
  HF_ASSERT(more_);
  const auto it = more_->find(party);
  HF_ASSERT(it != more_->end() && it->second[at(claim)] > 0);
  --it->second[at(claim)];
  if (it->second == Counts{}) more_->erase(it);
}

// ---------------------------------------------------------------------------------------------- nodes

Path LockTree::State::path_of(const Target& target) const {
  Path path;
  path.depth = static_cast<std::size_t>(target.level()) + 1;
  for (std::size_t level = 0; level < path.depth; ++level) {
    const auto it = node_by_text.find(target.text_at(static_cast<Level>(level)));
    if (it == node_by_text.end()) break;
    path.node[level] = it->second;
  }
  return path;
}

Path LockTree::State::path_of(NodeIx node) const {
  Path path;
  path.depth = static_cast<std::size_t>(nodes[node].level) + 1;
  for (std::size_t level = path.depth; level-- > 0; node = nodes[node].parent) path.node[level] = node;
  return path;
}

NodeIx LockTree::State::touch(const Target& target) {
  NodeIx parent = no_index;
  const auto depth = static_cast<std::size_t>(target.level()) + 1;
  for (std::size_t level = 0; level < depth; ++level) {
    const std::string_view text = target.text_at(static_cast<Level>(level));
    const auto it = node_by_text.find(text);
    if (it != node_by_text.end()) {
      parent = it->second;
      continue;
    }
    const NodeIx made = nodes.make();
    Node& node = nodes[made];
    node.text = text;
    node.level = static_cast<Level>(level);
    node.parent = parent;
    if (parent == no_index) {
      node.policy = std::make_unique<TypePolicy>(options.policy(text));
    } else {
      Node& above = nodes[parent];
      node.previous = above.last_child;
      if (above.last_child == no_index) {
        above.first_child = made;
      } else {
        nodes[above.last_child].next = made;
      }
      above.last_child = made;
    }
    node_by_text.emplace(std::string_view(node.text), made);
    parent = made;
  }
  return parent;
}

void LockTree::State::drop_node_if_idle(NodeIx index) {
  while (index != no_index) {
    Node& node = nodes[index];
    if (node.claims != 0 || node.first_child != no_index) return;
    const NodeIx parent = node.parent;
    if (parent != no_index) {
      Node& above = nodes[parent];
      (node.previous == no_index ? above.first_child : nodes[node.previous].next) = node.next;
      (node.next == no_index ? above.last_child : nodes[node.next].previous) = node.previous;
    }
    HF_ASSERT(node.direct.empty() && !node.queue && node.held == Counts{});
    const std::size_t forgotten = node_by_text.erase(std::string_view(node.text));
    HF_ASSERT(forgotten == 1);
    node = Node{};
    nodes.free(index);
    index = parent;
  }
}

void LockTree::State::hold_claims(NodeIx target, Mode mode, Party party, Party alias) {
  HF_ASSERT(target != no_index && party != 0);
  Claim claim = direct_claim(mode);
  for (NodeIx index = target; index != no_index; index = nodes[index].parent, claim = intent_claim(mode)) {
    Node& node = nodes[index];
    ++node.claims;
    ++node.held[at(claim)];
    node.holdings.add(party, claim);
    if (alias != 0) node.holdings.add(alias, claim);
  }
}

void LockTree::State::free_claims(NodeIx target, Mode mode, Party party, Party alias) {
  Claim claim = direct_claim(mode);
  for (NodeIx index = target; index != no_index; index = nodes[index].parent, claim = intent_claim(mode)) {
    Node& node = nodes[index];
    HF_ASSERT(node.claims > 0 && node.held[at(claim)] > 0);
    --node.claims;
    --node.held[at(claim)];
    node.holdings.remove(party, claim);
    if (alias != 0) node.holdings.remove(alias, claim);
    if (node.queue) wake(index, claim);
  }
  drop_node_if_idle(target);
}

const TypePolicy& LockTree::State::policy_of(NodeIx node) const {
  while (nodes[node].parent != no_index) node = nodes[node].parent;
  HF_ASSERT(nodes[node].policy);
  return *nodes[node].policy;
}

std::uint32_t LockTree::State::queue_length(NodeIx node) const {
  const auto& queue = nodes[node].queue;
  return queue ? static_cast<std::uint32_t>((*queue)[at(Claim::s)].size() + (*queue)[at(Claim::x)].size()) : 0;
}

// ---------------------------------------------------------------------------------------------- parties

OwnerParties& LockTree::State::use_owner(std::string_view owner) {
  OwnerParties& parties = owners[std::string(owner)];
  if (parties.uses++ == 0) {
    parties.hold = next_party++;
    parties.alias = next_party++;
  }
  return parties;
}

void LockTree::State::unuse_owner(std::string_view owner) {
  const auto it = owners.find(owner);
  HF_ASSERT(it != owners.end() && it->second.uses > 0);
  if (--it->second.uses == 0) owners.erase(it);
}

StopsParty& LockTree::State::use_stops(const std::vector<std::string>& stops) {
  StopsParty& party = stops_parties[stops];
  if (party.uses++ == 0) party.alias = next_party++;
  return party;
}

void LockTree::State::unuse_stops(const std::vector<std::string>& stops) {
  const auto it = stops_parties.find(stops);
  HF_ASSERT(it != stops_parties.end() && it->second.uses > 0);
  if (--it->second.uses == 0) stops_parties.erase(it);
}

Party LockTree::State::alias_of(const GrantRec& grant) const {
  if (!grant.texts) return 0;
  if (grant.kind == Kind::hold) {
    if (grant.texts->stops.empty()) return 0;
    const auto party = stops_parties.find(grant.texts->stops);
    HF_ASSERT(party != stops_parties.end());
    return party->second.alias;
  }
  if (grant.texts->owner.empty()) return 0;
  const auto owner = owners.find(grant.texts->owner);
  HF_ASSERT(owner != owners.end());
  return owner->second.alias;
}

Want LockTree::State::want_of(SessionIx session, Kind kind, Mode mode, std::string_view owner) const {
  Want want;
  want.mode = mode;
  want.kind = kind;
  want.session = session;
  want.owner = owner;
  const auto it = owner.empty() ? owners.end() : owners.find(owner);
  const bool known = it != owners.end();
  if (kind == Kind::hold) {
    want.party = known ? it->second.hold : 0;
    want.exempt = known ? it->second.alias : 0;
  } else {
    want.party = session == no_index ? 0 : sessions[session].party;
    want.exempt = known ? it->second.hold : 0;
  }
  return want;
}

void LockTree::State::let_pass(Want& want, std::string_view action) const {
  want.action = action;
  for (const auto& [stops, party] : stops_parties) {
    if (!std::ranges::binary_search(stops, action)) want.passes.push_back(party.alias);
  }
}

Want LockTree::State::want_of(const WaitRec& wait) const {
  Want want = want_of(wait.session, wait.kind, wait.mode, wait.owner);
  if (wait.kind == Kind::temporary) {
    if (const RunRecord* record = run_of(wait.id)) let_pass(want, record->info.action);
  }
  want.order = wait.order;
  for (const NodeIx node : wait.nodes) want.paths.push_back(path_of(node));
  return want;
}

// ---------------------------------------------------------------------------------------------- conflicts

std::uint32_t LockTree::State::held_in_way(const Want& want, NodeIx index, Claim claim) const {
  const Node& node = nodes[index];
  std::uint32_t in_way = 0;
  for (const Claim other : {Claim::is, Claim::ix, Claim::s, Claim::x}) {
    if (!compatible(claim, other)) in_way += node.held[at(other)];
  }
  if (in_way == 0) return 0;
  const auto exempt = [&](Party party) {
    const Counts* own = node.holdings.find(party);
    if (own == nullptr) return;
    std::uint32_t covered = 0;
    for (const Claim other : {Claim::is, Claim::ix, Claim::s, Claim::x}) {
      if (!compatible(claim, other)) covered += (*own)[at(other)];
    }
    HF_ASSERT(covered <= in_way);  // what is passed stands among the node's claims, each under one of these parties
    in_way -= covered;
  };
  exempt(want.party);
  exempt(want.exempt);
  for (const Party party : want.passes) exempt(party);
  return in_way;
}

bool LockTree::State::covered(const Want& want, const Path& path, std::size_t level) const {
  const Claim claim = claim_at(path, level, want.mode);
  for (std::size_t above = 0; above <= level; ++above) {
    const Counts* own = nodes[path.node[above]].holdings.find(want.party);
    if (own == nullptr) continue;
    for (const Claim held : {Claim::is, Claim::ix, Claim::s, Claim::x}) {
      if ((*own)[at(held)] == 0) continue;
      if (above == level ? covers(held, claim) : held == Claim::x || (held == Claim::s && want.mode == Mode::shared))
        return true;
    }
  }
  return false;
}

bool LockTree::State::owners_exempt(const Want& want, const WaitRec& wait) const {
  return (want.kind == Kind::hold || wait.kind == Kind::hold) && !want.owner.empty() && want.owner == wait.owner;
}

bool LockTree::State::grant_exempt(const Want& want, const GrantRec& grant) const {
  if (grant.kind == Kind::hold && !want.action.empty()) {
    return grant.texts && !grant.texts->stops.empty() && !std::ranges::binary_search(grant.texts->stops, want.action);
  }
  if (want.kind == Kind::hold || grant.kind == Kind::hold) {
    return !want.owner.empty() && grant.texts && grant.texts->owner == want.owner;
  }
  return want.session != no_index && grant.party == sessions[want.session].party;
}

bool LockTree::State::holds_what_waits(const Want& want, const WaitRec& wait) const {
  if (want.session == no_index) return false;
  const SessionRec& session = sessions[want.session];
  if (session.first_grant == no_index) return false;
  if (wait.kind == Kind::hold) {  // grants that name its owner are not in its way: look at each
    const Want waiting = want_of(wait);
    for (GrantIx g = session.first_grant; g != no_index; g = grants[g].next) {
      if (grant_exempt(waiting, grants[g])) continue;
      for (const TargetRec& target : grants[g].targets) {
        const Path held = path_of(target.node);
        for (const Path& path : waiting.paths) {
          if (paths_collide(held, grants[g].mode, path, wait.mode)) return true;
        }
      }
    }
    return false;
  }
  for (const NodeIx target : wait.nodes) {
    Claim claim = direct_claim(wait.mode);
    for (NodeIx index = target; index != no_index; index = nodes[index].parent, claim = intent_claim(wait.mode)) {
      const Counts* own = nodes[index].holdings.find(session.party);
      if (own == nullptr) continue;
      for (const Claim held : {Claim::is, Claim::ix, Claim::s, Claim::x}) {
        if ((*own)[at(held)] > 0 && !compatible(held, claim)) return true;
      }
    }
  }
  return false;
}

bool LockTree::State::is_blocked(const Want& want) const {
  bool queues = false;
  for (const Path& path : want.paths) {
    for (std::size_t level = 0; level < path.depth && path.node[level] != no_index; ++level) {
      if (held_in_way(want, path.node[level], claim_at(path, level, want.mode)) > 0) return true;
      queues |= nodes[path.node[level]].queue != nullptr;
    }
  }
  return queues && !each_wait_in_way(want, [](WaitIx) { return false; });
}

boost::container::small_vector<LockTree::State::Spot, 4> LockTree::State::spots(const Want& want) const {
  boost::container::small_vector<Spot, 4> out;
  std::set<NodeIx> targets;
  if (want.paths.size() > 1) {
    for (const Path& path : want.paths) targets.insert(path.node[path.depth - 1]);
  }
  std::set<NodeIx> seen;
  for (const Path& path : want.paths) {
    bool under_another = false;
    for (std::size_t level = 0; level + 1 < path.depth && path.node[level] != no_index; ++level) {
      under_another |= targets.contains(path.node[level]);
    }
    if (under_another) continue;
    for (std::size_t level = 0; level < path.depth && path.node[level] != no_index; ++level) {
      if (want.paths.size() > 1 && !seen.insert(path.node[level]).second) continue;
      out.push_back(Spot{path.node[level], claim_at(path, level, want.mode), level + 1 == path.depth});
    }
  }
  return out;
}

Conflict LockTree::State::conflict_of(GrantIx index, std::size_t target, std::string_view user) const {
  const GrantRec& grant = grants[index];
  Conflict c;
  c.target = Target::from_text(nodes[grant.targets[target].node].text);
  c.lock = grant.lock;
  if (grant.texts) {
    c.label = grant.texts->label;
    c.reason = grant.texts->reason;
  }
  c.user = grant.who->user;
  c.user_name = grant.who->user_name;
  c.client = grant.who->client;
  c.session = grant.who->session;
  c.since = grant.acquired_at;
  c.last_activity_at =
      grant.session == no_index ? grant.acquired_at : clock.wall_of(sessions[grant.session].last_activity);
  c.expires_at = clock.wall_of(end_of(grant));
  c.kind = grant.kind;
  c.mode = grant.mode;
  c.queue = queue_length(grant.targets[target].node);
  c.same_user = grant.who->user == user;
  return c;
}

Conflict LockTree::State::conflict_of_wait(WaitIx index, std::string_view user) const {
  const WaitRec& wait = waits[index];
  const SessionRec& session = sessions[wait.session];
  Conflict c;
  c.target = wait.targets.front();
  c.lock = wait.id;
  c.waiting = true;
  c.label = wait.label;
  c.user = session.who->user;
  c.user_name = session.who->user_name;
  c.client = session.who->client;
  c.session = session.id;
  c.since = wait.since;
  c.last_activity_at = clock.wall_of(session.last_activity);
  c.expires_at = clock.wall_of(wait.until);
  c.kind = wait.kind;
  c.mode = wait.mode;
  c.position = wait.position;
  c.queue = queue_length(wait.nodes.front());
  c.same_user = session.who->user == user;
  return c;
}

Refusal LockTree::State::locked(const Want& want, std::string_view user) const {
  Refusal refusal;
  refusal.code = Code::locked;
  const auto where = spots(want);
  for (const Spot& spot : where) refusal.conflicts_total += held_in_way(want, spot.node, spot.claim);
  constexpr std::size_t looked_at_max = 10'000;
  each_grant_in_way(want, looked_at_max, [&](GrantIx grant, std::size_t target) {
    if (refusal.conflicts.size() >= limits().conflicts_told_max) return false;
    refusal.conflicts.push_back(conflict_of(grant, target, user));
    return true;
  });
  std::set<std::pair<std::int64_t, WaitIx>> before;
  each_wait_in_way(want, [&](WaitIx wait) {
    before.emplace(waits[wait].order, wait);
    return true;
  });
  refusal.conflicts_total += static_cast<std::uint32_t>(before.size());
  for (const auto& [order_key, wait] : before) {
    if (refusal.conflicts.size() >= limits().conflicts_told_max) break;
    refusal.conflicts.push_back(conflict_of_wait(wait, user));
  }
  return refusal;
}

// ---------------------------------------------------------------------------------------------- deadlock

// Depth-first over who waits for whom. A wait waits for the sessions that hold what is in its way and for
// those whose earlier waits it may not overtake; a session waits with each of its waits. One step is one wait
// looked at, so the verdict does not depend on the order of looking.
bool LockTree::State::would_deadlock(const Want& want) const {
  if (want.session == no_index || sessions[want.session].first_grant == no_index) return false;
  std::set<SessionIx> visited;
  std::vector<WaitIx> open;
  std::uint32_t steps = 0;
  bool deadlock = false;
  const auto meet = [&](SessionIx session) {
    if (session == want.session) deadlock = true;
    if (deadlock || !visited.insert(session).second) return;
    for (const WaitIx wait : sessions[session].waits) {
      if (++steps > limits().deadlock_steps_max) deadlock = true;
      open.push_back(wait);
    }
  };
  const auto expand = [&](const Want& w) {
    if (w.kind == Kind::hold) {
      each_grant_in_way(w, SIZE_MAX, [&](GrantIx grant, std::size_t) {
        if (grants[grant].session != no_index) meet(grants[grant].session);
        return !deadlock;
      });
    } else {
      for (const Spot& spot : spots(w)) {
        nodes[spot.node].holdings.each([&](Party party, const Counts& counts) {
          if (deadlock || party == w.party || party == w.exempt) return;
          for (const Claim held : {Claim::is, Claim::ix, Claim::s, Claim::x}) {
            if (counts[at(held)] == 0 || compatible(held, spot.claim)) continue;
            const auto it = session_by_party.find(party);
            if (it != session_by_party.end()) meet(it->second);
            return;
          }
        });
      }
    }
    each_wait_in_way(w, [&](WaitIx wait) {
      meet(waits[wait].session);
      return !deadlock;
    });
  };
  expand(want);
  while (!deadlock && !open.empty()) {
    const WaitIx wait = open.back();
    open.pop_back();
    expand(want_of(waits[wait]));
  }
  return deadlock;
}

}  // namespace hf
