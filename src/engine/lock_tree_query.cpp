// Questions that change nothing, and the check of the invariants.
#include <algorithm>
#include <utility>

#include "engine/lock_tree_each.h"
#include "engine/lock_tree_state.h"
#include "engine/page.h"

namespace hf {

OutcomeOf<GetLock> LockTree::State::run(const GetLock& c) {
  const auto it = grant_by_id.find(c.lock);
  if (it == grant_by_id.end()) return *gone(c.lock);
  return grant_value(it->second);
}

OutcomeOf<ListLocks> LockTree::State::run(const ListLocks& c) {
  constexpr std::size_t looked_at_max = 20'000;
  const std::uint32_t limit = std::clamp<std::uint32_t>(c.limit, 1, limits().list_page_max);
  LockList list;
  Page page;
  auto it = std::ranges::upper_bound(order, c.after, {}, [](const auto& entry) { return entry.first; });
  Token last_seen = c.after;
  for (std::size_t looked_at = 0; it != order.end(); ++it) {
    if (it->second == no_index) continue;
    if (list.locks.size() == limit || looked_at++ == looked_at_max) {
      list.next = last_seen;
      return list;
    }
    const Token before = std::exchange(last_seen, it->first);
    const GrantRec& grant = grants[it->second];
    if (c.kind && grant.kind != *c.kind) continue;
    if (!c.user.empty() && grant.who->user != c.user) continue;
    if (!c.session.is_nil() && grant.who->session != c.session) continue;
    if (!c.run.is_nil() && grant.lock.value != c.run.value) continue;
    const ClientInfo& client = grant.who->client;
    if (!c.client.empty() && client.program != c.client && client.host != c.client && client.window != c.client)
      continue;
    if (c.older > Millis(0) && clock.wall() - grant.acquired_at < c.older) continue;
    if (!c.type.empty() && std::ranges::none_of(grant.targets, [&](const TargetRec& t) {
          return nodes[path_of(t.node).node[0]].text == c.type;
        }))
      continue;
    Grant value = grant_value(it->second);
    if (!page.takes(bytes_of(value))) {
      list.next = before;
      return list;
    }
    list.locks.push_back(std::move(value));
  }
  return list;
}

OutcomeOf<Check> LockTree::State::run(const Check& c) {
  SessionIx session = no_index;
  if (!c.session.is_nil()) {
    Refusal refusal;
    session = find_session(c.session, c.caller, refusal);
    if (session == no_index) return refusal;
  }
  if (c.targets.empty() || c.targets.size() > limits().targets_per_acquire_max) {
    return Refusal{.code = c.targets.empty() ? Code::invalid : Code::too_large,
                   .detail = "Name 1 to 1,000 targets.",
                   .field = "targets"};
  }
  Checked checked;
  for (const Target& target : c.targets) {
    Want want = want_of(session, Kind::edit, c.mode, {});
    want.paths.push_back(path_of(target));
    CheckItem item;
    item.target = target;
    const Path& path = want.paths.front();
    const bool known = path.node[path.depth - 1] != no_index;
    if (session != no_index &&
        path.node[0] != no_index) {  // held in this mode or a stronger one, itself or by an ancestor
      for (std::size_t level = 0; level < path.depth && path.node[level] != no_index; ++level) {
        const Counts* own = nodes[path.node[level]].holdings.find(want.party);
        if (own == nullptr) continue;
        item.mine |= (*own)[at(Claim::x)] > 0 || (c.mode == Mode::shared && (*own)[at(Claim::s)] > 0);
      }
    }
    item.free = !is_blocked(want) || (known && find_same(want, std::span(&target, 1)) != no_index && item.mine);
    if (!item.free) item.conflicts = locked(want, c.caller.user).conflicts;
    checked.items.push_back(std::move(item));
  }
  return checked;
}

OutcomeOf<Verify> LockTree::State::run(const Verify& c) {
  const auto it = grant_by_id.find(c.lock);
  if (it == grant_by_id.end())
    return Verified{.valid = false, .why = gone(c.lock)->code == Code::lock_gone ? "lock_gone" : "not_found"};
  const GrantRec& grant = grants[it->second];
  const auto covering = [&](const Target& named) -> const TargetRec* {
    for (const TargetRec& held : grant.targets) {
      const Level level = nodes[held.node].level;
      if (level <= named.level() && nodes[held.node].text == named.text_at(level)) return &held;
    }
    return nullptr;
  };
  if (c.targets.empty() && c.token != grant.token) return Verified{.valid = false, .why = "not_holder"};
  Verified verified{.valid = true};
  for (const Target& named : c.targets) {
    const TargetRec* held = covering(named);
    if (held == nullptr) return Verified{.valid = false, .why = "not_covered"};
    if (c.token != held->token && c.token != grant.token) return Verified{.valid = false, .why = "not_holder"};
    verified.targets.push_back({named, held->token});
  }
  const Millis left = std::chrono::duration_cast<Millis>(end_of(grant) - now());
  if (left < c.min_valid) return Verified{.valid = false, .valid_for = left, .why = "too_short"};
  std::ranges::sort(verified.targets, {}, &HeldTarget::target);
  verified.targets.erase(std::ranges::unique(verified.targets).begin(), verified.targets.end());
  verified.valid_for = left;
  return verified;
}

OutcomeOf<ListAsks> LockTree::State::run(const ListAsks& c) {
  std::vector<WaitIx> found;
  for (Index i = 0; i < waits.end(); ++i) {
    const WaitRec& wait = waits[i];
    if (!wait.live || !wait.ask) continue;
    const bool mine = sessions[wait.session].who->user == c.caller.user;
    const bool asked = std::ranges::find(wait.ask->asked, c.caller.user) != wait.ask->asked.end();
    if (mine || asked || c.caller.admin) found.push_back(i);
  }
  std::ranges::sort(found, {}, [&](WaitIx w) { return waits[w].order; });
  // A place in the order of requests as a cursor, which is never 0 and fits 53 bits.
  constexpr std::int64_t cursor_base = std::int64_t{1} << 52;
  const auto cursor_of = [&](WaitIx w) { return static_cast<std::uint64_t>(cursor_base + waits[w].order); };
  AskList list;
  Page page;
  const std::size_t most = std::clamp<std::size_t>(c.limit, 1, limits().list_page_max);
  for (auto it = std::ranges::upper_bound(found, c.after, {}, cursor_of); it != found.end(); ++it) {
    AskInfo value = ask_value(*it);
    if (list.asks.size() == most || !page.takes(bytes_of(value))) {
      list.next = cursor_of(*std::prev(it));
      break;
    }
    list.asks.push_back(std::move(value));
  }
  return list;
}

OutcomeOf<ListWaits> LockTree::State::run(const ListWaits& c) {
  std::vector<WaitIx> found;
  for (Index i = 0; i < waits.end(); ++i) {
    if (waits[i].live && (c.caller.admin || sessions[waits[i].session].who->user == c.caller.user)) found.push_back(i);
  }
  std::ranges::sort(found, {}, [&](WaitIx w) { return waits[w].order; });
  WaitList list;
  for (const WaitIx w : found) {
    if (list.waits.size() < std::min(c.limit, limits().list_page_max)) list.waits.push_back(wait_value(w));
  }
  return list;
}

OutcomeOf<GetStats> LockTree::State::run(const GetStats&) {
  Stats now_stats = stats;
  now_stats.locks = grants.live();
  now_stats.sessions = sessions.live();
  now_stats.waits = waits.live();
  now_stats.nodes = nodes.live();
  now_stats.runs = runs.live();
  now_stats.run_tally = runs.tally();
  now_stats.last_token = last_token;
  for (Index i = 0; i < waits.end(); ++i) now_stats.asks += waits[i].live && waits[i].ask ? 1 : 0;
  return now_stats;
}

// ---------------------------------------------------------------------------------------------- check

// How many claims of runs that passed the hold its own claim there would not go beside.
std::uint32_t LockTree::State::passed_at(const GrantRec& hold, const Spot& spot) const {
  if (hold.kind != Kind::hold || !hold.texts || hold.texts->stops.empty()) return 0;
  std::uint32_t passed = 0;
  for (GrantIx g = 0; g < grants.end(); ++g) {
    const GrantRec& grant = grants[g];
    if (!grant.live || grant.kind != Kind::temporary) continue;
    const RunRecord* const run = run_of(grant.lock);
    if (run == nullptr || std::ranges::binary_search(hold.texts->stops, run->info.action)) continue;
    for (const TargetRec& target : grant.targets) {
      Claim claim = direct_claim(grant.mode);
      for (NodeIx n = target.node; n != no_index; n = nodes[n].parent, claim = intent_claim(grant.mode)) {
        if (n == spot.node && !compatible(spot.claim, claim)) ++passed;
      }
    }
  }
  return passed;
}

std::string LockTree::State::check_run(const RunRecord& run) const {
  if (std::string broken = runs.check(run); !broken.empty()) return broken;
  const LockId lock{run.info.run.value};
  const bool running = run.info.state == RunState::running;
  if (grant_by_id.contains(lock) != running) return "a run and its locks";
  if (wait_by_id.contains(lock) != (run.info.state == RunState::locking)) return "a run and its wait";
  // While it runs its own session may have ended with its lease.
  if (run.own_session && !running && run.is_live() != session_by_id.contains(run.info.session))
    return "a run and its own session";
  return {};
}

std::string LockTree::State::check_runs() const {
  std::string broken = runs.check();
  const RunRecord* run = runs.after(0);
  for (; run != nullptr && broken.empty(); run = runs.after(run->number)) broken = check_run(*run);
  return broken;
}

// The first node on which another party holds what does not go beside the grant; none: no_index.
NodeIx LockTree::State::shared_with_another(const GrantRec& grant, NodeIx node) const {
  const std::string_view owner = grant.texts ? std::string_view(grant.texts->owner) : std::string_view();
  Want want = want_of(grant.session, grant.kind, grant.mode, owner);
  want.party = grant.party;
  want.paths.push_back(path_of(node));
  if (const RunRecord* run = grant.kind == Kind::temporary ? run_of(grant.lock) : nullptr)
    let_pass(want, run->info.action);
  for (const Spot& spot : spots(want)) {
    // A hold stands beside the runs that passed it.
    if (held_in_way(want, spot.node, spot.claim) != passed_at(grant, spot)) return spot.node;
  }
  return no_index;
}

std::string LockTree::check() const {
  const State& s = *state_;
  struct Tally {
    Counts held{};
    std::uint32_t claims = 0;
    std::map<Party, Counts> parties;
    std::vector<GrantIx> direct;
    std::map<std::pair<std::size_t, std::int64_t>, WaitIx> queue;
  };
  std::map<NodeIx, Tally> expected;
  std::map<SessionIx, std::uint32_t> session_targets;
  std::vector<GrantIx> all;
  for (GrantIx g = 0; g < s.grants.end(); ++g) {
    if (s.grants[g].live) all.push_back(g);
  }
  std::ranges::sort(all, {}, [&](GrantIx g) { return s.grants[g].token; });
  if (all.size() != s.grants.live() || all.size() != s.grant_by_id.size()) return "grants by id";
  Token last = 0;
  for (const GrantIx g : all) {
    const GrantRec& grant = s.grants[g];
    if (grant.token <= last || grant.token > s.last_token) return "tokens do not grow";
    last = grant.token;
    if (s.order.at(grant.order_slot) != std::pair(grant.token, g)) return "token order";
    if (grant.holds == 0 || grant.targets.empty()) return "an empty grant lives";
    if (s.end_of(grant) <= s.now()) return "a grant outlives its deadline";
    if (grant.session != no_index) session_targets[grant.session] += static_cast<std::uint32_t>(grant.targets.size());
    const Party alias = s.alias_of(grant);
    for (const TargetRec& target : grant.targets) {
      expected[target.node].direct.push_back(g);
      Claim claim = direct_claim(grant.mode);
      for (NodeIx n = target.node; n != no_index; n = s.nodes[n].parent, claim = intent_claim(grant.mode)) {
        Tally& tally = expected[n];
        ++tally.claims;
        ++tally.held[at(claim)];
        ++tally.parties[grant.party][at(claim)];
        if (alias != 0) ++tally.parties[alias][at(claim)];
      }
    }
  }
  if (std::string broken = s.check_runs(); !broken.empty()) return broken;
  std::size_t live_waits = 0;
  for (WaitIx w = 0; w < s.waits.end(); ++w) {
    const WaitRec& wait = s.waits[w];
    if (!wait.live) continue;
    ++live_waits;
    for (const NodeIx leaf : wait.nodes) {
      Claim claim = direct_claim(wait.mode);
      for (NodeIx n = leaf; n != no_index; n = s.nodes[n].parent, claim = intent_claim(wait.mode)) {
        if (expected[n].queue.emplace(std::pair(at(claim), wait.order), w).second) ++expected[n].claims;
      }
    }
    const Want wanted = s.want_of(wait);
    if (!s.is_blocked(wanted)) return "a request waits that could be granted";
    if (!wanted.action.empty() && s.lasting_in_way(wanted)) return "a run waits for an edit lock or a hold";
    std::uint32_t position = 1;
    for (WaitIx o = 0; o < s.waits.end(); ++o) {
      if (s.waits[o].live && s.waits[o].order < wait.order && s.claims_collide(s.waits[o], wait)) ++position;
    }
    if (position != wait.position) return "a position is wrong";
    if (wait.until <= s.now()) return "a wait outlives its time";
  }
  if (live_waits != s.waits.live() || live_waits != s.wait_by_id.size()) return "waits by id";
  if (expected.size() != s.nodes.live() || expected.size() != s.node_by_text.size())
    return "nodes without claims, or claims without nodes";
  for (const auto& [n, tally] : expected) {
    const Node& node = s.nodes[n];
    if (node.held != tally.held || node.claims != tally.claims) return "counters of " + node.text;
    std::map<Party, Counts> parties;
    node.holdings.each([&](Party party, const Counts& counts) { parties[party] = counts; });
    if (parties != tally.parties) return "holdings of " + node.text;
    if (!std::ranges::equal(node.direct, tally.direct)) return "direct grants of " + node.text;
    std::map<std::pair<std::size_t, std::int64_t>, WaitIx> queue;
    if (node.queue) {
      for (std::size_t c = 0; c < 4; ++c) {
        for (const auto& [order_key, w] : (*node.queue)[c]) queue.emplace(std::pair(c, order_key), w);
      }
    }
    if (queue != tally.queue) return "queue of " + node.text;
    for (const GrantIx g : node.direct) {  // no two parties hold incompatible modes on one path
      const NodeIx both = s.shared_with_another(s.grants[g], n);
      if (both != no_index) return "two hold " + s.nodes[both].text;
    }
  }
  for (SessionIx i = 0; i < s.sessions.end(); ++i) {
    const SessionRec& session = s.sessions[i];
    if (!session.live) continue;
    if (session.targets_held != session_targets[i]) return "targets held by a session";
    if (session.lease_end <= s.now()) return "a session outlives its lease";
    std::uint32_t targets = 0;
    for (GrantIx g = session.first_grant; g != no_index; g = s.grants[g].next)
      targets += static_cast<std::uint32_t>(s.grants[g].targets.size());
    if (targets != session.targets_held) return "grants of a session";
  }
  return {};
}

}  // namespace hf
