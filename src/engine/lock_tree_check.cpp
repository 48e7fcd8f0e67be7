// The check of the invariants in slices: of each grant, wait, node, session, run and deadline what can be seen without
// a look at all others. check() sees the rest: the positions of waits, and counters that are sums over everything.
#include <algorithm>

#include "engine/check_cursor.h"
#include "engine/lock_tree_each.h"
#include "engine/lock_tree_state.h"

namespace hf {

struct LockTree::State::Slices {
  using Found = std::string;
  static constexpr std::size_t listed_max = 64;  // of lists that may be long: so many of their first are looked at
  static constexpr std::size_t passed_max = 1000;

  // Everything that one claim must have left on its path.
  static bool claims_stand(const State& s, NodeIx node, Mode mode, Party party) {
    Claim claim = direct_claim(mode);
    for (NodeIx n = node; n != no_index; n = s.nodes[n].parent, claim = intent_claim(mode)) {
      const Counts* own = s.nodes[n].holdings.find(party);
      if (own == nullptr || (*own)[at(claim)] == 0 || s.nodes[n].held[at(claim)] < (*own)[at(claim)]) return false;
    }
    return true;
  }

  static Found in_session(const State& s, GrantIx g) {
    const GrantRec& grant = s.grants[g];
    if (grant.session == no_index) return {};
    const SessionRec& session = s.sessions[grant.session];
    if (!session.live || session.id != grant.who->session || session.party != grant.party)
      return "a grant is of another session";
    if ((grant.previous == no_index ? session.first_grant : s.grants[grant.previous].next) != g ||
        (grant.next == no_index ? session.last_grant : s.grants[grant.next].previous) != g)
      return "a grant is not in its session's list";
    return {};
  }

  // A hold stands beside the runs that passed it, and beside nothing else that it does not go with.
  static bool passed_by_runs(const State& s, Want want, const GrantRec& hold, NodeIx node) {
    if (hold.kind != Kind::hold || !hold.texts || hold.texts->stops.empty()) return false;
    want.paths.push_back(s.path_of(node));
    bool passed = true;
    s.each_grant_in_way(want, passed_max, [&](GrantIx g, std::size_t) {
      const RunRecord* const run = s.grants[g].kind == Kind::temporary ? s.run_of(s.grants[g].lock) : nullptr;
      passed = run != nullptr && !std::ranges::binary_search(hold.texts->stops, run->info.action);
      return passed;
    });
    return passed;
  }

  static Found of_target(const State& s, GrantIx g, const TargetRec& target) {
    const GrantRec& grant = s.grants[g];
    const std::string_view owner = grant.texts ? std::string_view(grant.texts->owner) : std::string_view();
    const Node& node = s.nodes[target.node];
    if (target.token == 0 || target.token > s.last_token) return "a token of a target was never given";
    if (node.direct.size() <= listed_max && std::ranges::find(node.direct, g) == node.direct.end())
      return "direct grants of " + node.text;
    if (grant.texts && !grant.texts->stops.empty() && !s.stops_parties.contains(grant.texts->stops))
      return "what a hold stops is not counted";
    const Party alias = s.alias_of(grant);
    if (!claims_stand(s, target.node, grant.mode, grant.party) ||
        (alias != 0 && s.nodes[target.node].holdings.find(alias) == nullptr))
      return "holdings of " + node.text;
    // No two parties hold incompatible modes on one path.
    Want want = s.want_of(grant.session, grant.kind, grant.mode, owner);
    want.party = grant.party;
    if (const RunRecord* run = grant.kind == Kind::temporary ? s.run_of(grant.lock) : nullptr)
      s.let_pass(want, run->info.action);
    const Path path = s.path_of(target.node);
    for (std::size_t level = 0; level < path.depth; ++level) {
      if (s.held_in_way(want, path.node[level], s.claim_at(path, level, grant.mode)) != 0 &&
          !passed_by_runs(s, want, grant, target.node))
        return "two hold " + s.nodes[path.node[level]].text;
    }
    return {};
  }

  static Found of_grant(const State& s, GrantIx g) {
    const GrantRec& grant = s.grants[g];
    if (!grant.live) return {};
    if (grant.token == 0 || grant.token > s.last_token) return "a token was never given";
    if (grant.order_slot >= s.order.size() || s.order[grant.order_slot] != std::pair(grant.token, g))
      return "token order";
    const auto by_id = s.grant_by_id.find(grant.lock);
    if (by_id == s.grant_by_id.end() || by_id->second != g) return "grants by id";
    if (grant.holds == 0 || grant.targets.empty()) return "an empty grant lives";
    if (s.end_of(grant) <= s.now()) return "a grant outlives its deadline";
    if (Found broken = in_session(s, g); !broken.empty()) return broken;
    for (const TargetRec& target : grant.targets) {
      if (Found broken = of_target(s, g, target); !broken.empty()) return broken;
    }
    return {};
  }

  static Found of_wait(const State& s, WaitIx w) {
    const WaitRec& wait = s.waits[w];
    if (!wait.live) return {};
    const auto by_id = s.wait_by_id.find(wait.id);
    if (by_id == s.wait_by_id.end() || by_id->second != w) return "waits by id";
    const SessionRec& session = s.sessions[wait.session];
    if (!session.live || std::ranges::find(session.waits, w) == session.waits.end())
      return "a wait is not its session's";
    if (wait.until <= s.now()) return "a wait outlives its time";
    if (wait.order <= s.front_order || wait.order >= s.next_order || wait.position == 0)
      return "a wait has no place in the queue";
    if (wait.nodes.empty() || wait.nodes.size() != wait.targets.size()) return "targets of a wait";
    for (std::size_t i = 0; i < wait.nodes.size(); ++i) {
      if (s.nodes[wait.nodes[i]].text != wait.targets[i].text()) return "targets of a wait";
      Claim claim = direct_claim(wait.mode);
      for (NodeIx n = wait.nodes[i]; n != no_index; n = s.nodes[n].parent, claim = intent_claim(wait.mode)) {
        const auto& queue = s.nodes[n].queue;
        if (!queue) return "queue of " + s.nodes[n].text;
        const auto place = (*queue)[at(claim)].find(wait.order);
        if (place == (*queue)[at(claim)].end() || place->second != w) return "queue of " + s.nodes[n].text;
      }
    }
    if (!s.is_blocked(s.want_of(wait))) return "a request waits that could be granted";
    return {};
  }

  static Found of_node(const State& s, NodeIx n) {
    const Node& node = s.nodes[n];
    if (node.text.empty()) return {};  // a free place
    const auto by_text = s.node_by_text.find(std::string_view(node.text));
    if (by_text == s.node_by_text.end() || by_text->second != n) return "nodes by text";
    if ((node.parent == no_index) != (node.level == Level::type) ||
        (node.parent == no_index) != (node.policy != nullptr))
      return "the level of " + node.text;
    if (node.parent != no_index) {
      const Node& above = s.nodes[node.parent];
      if ((node.previous == no_index ? above.first_child : s.nodes[node.previous].next) != n ||
          (node.next == no_index ? above.last_child : s.nodes[node.next].previous) != n)
        return "the parent of " + node.text;
    }
    std::uint64_t claims = 0;
    for (const std::uint32_t count : node.held) claims += count;
    std::uint64_t waiting = 0;
    if (node.queue) {
      for (const auto& of_claim : *node.queue) waiting += of_claim.size();
      if (waiting == 0) return "an empty queue of " + node.text;
    }
    if (node.claims == 0 || claims + waiting != node.claims) return "counters of " + node.text;
    if (node.held[at(Claim::s)] + node.held[at(Claim::x)] != node.direct.size()) return "direct grants of " + node.text;
    Token last = 0;
    for (std::size_t i = 0; i < std::min(node.direct.size(), listed_max); ++i) {
      const GrantRec& grant = s.grants[node.direct[i]];
      if (!grant.live || grant.token <= last) return "direct grants of " + node.text;
      last = grant.token;
    }
    return {};
  }

  static Found of_session(const State& s, SessionIx i) {
    const SessionRec& session = s.sessions[i];
    if (!session.live) return {};
    const auto by_id = s.session_by_id.find(session.id);
    const auto by_party = s.session_by_party.find(session.party);
    if (by_id == s.session_by_id.end() || by_id->second != i) return "sessions by id";
    if (by_party == s.session_by_party.end() || by_party->second != i) return "sessions by party";
    if (session.lease_end <= s.now()) return "a session outlives its lease";
    const auto user = s.users.find(session.who->user);
    if (user == s.users.end() || std::ranges::find(user->second.sessions, i) == user->second.sessions.end())
      return "a session is not its user's";
    for (const WaitIx w : session.waits) {
      if (!s.waits[w].live || s.waits[w].session != i) return "a wait is not its session's";
    }
    // As many grants as there are targets at most: a list that goes in a circle ends too.
    std::uint64_t targets = 0;
    GrantIx g = session.first_grant;
    for (; g != no_index && targets < session.targets_held; g = s.grants[g].next) {
      if (!s.grants[g].live || s.grants[g].session != i) return "grants of a session";
      targets += std::max<std::size_t>(s.grants[g].targets.size(), 1);
    }
    if (g != no_index || targets != session.targets_held) return "targets held by a session";
    return {};
  }

  static bool next_run(const State& s, std::uint64_t& at, std::string& broken) {
    const RunRecord* const run = s.runs.after(at);
    if (run == nullptr) return false;
    at = run->number;
    broken = s.check_run(*run);
    return true;
  }

  static Found of_order(const State& s, std::size_t slot) {
    const auto& [token, g] = s.order[slot];
    if (slot > 0 && s.order[slot - 1].first >= token) return "tokens do not grow";
    if (g == no_index) return {};
    if (!s.grants[g].live || s.grants[g].token != token || s.grants[g].order_slot != slot) return "token order";
    return {};
  }

  static Found of_deadline(const State& s, std::size_t place) {
    if (place == 0 && s.due[0].at <= s.now()) return "a deadline has passed";
    if (place > 0 && s.due[(place - 1) / 2].at > s.due[place].at) return "deadlines are out of order";
    return {};
  }

  // Of a table whose places are numbered from 0.
  template <auto size, auto look>
  static bool next(const State& s, std::uint64_t& at, std::string& broken) {
    if (at >= size(s)) return false;
    broken = look(s, static_cast<Index>(at++));
    return true;
  }
};

std::size_t LockTree::check_some(CheckCursor& cursor, std::size_t entities, std::string& broken) const {
  using C = State::Slices;
  static constexpr std::array<CheckPart<State>, 7> parts{
      C::next<[](const State& s) { return std::uint64_t{s.grants.end()}; }, C::of_grant>,
      C::next<[](const State& s) { return std::uint64_t{s.waits.end()}; }, C::of_wait>,
      C::next<[](const State& s) { return std::uint64_t{s.nodes.end()}; }, C::of_node>,
      C::next<[](const State& s) { return std::uint64_t{s.sessions.end()}; }, C::of_session>,
      C::next_run,
      C::next<[](const State& s) { return std::uint64_t{s.order.size()}; }, C::of_order>,
      C::next<[](const State& s) { return std::uint64_t{s.due.size()}; }, C::of_deadline>,
  };
  return look_on(parts, *state_, cursor, entities, broken);
}

}  // namespace hf
