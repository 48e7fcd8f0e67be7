// How a lock ends: released, given over, forced, lapsed; and what is remembered of it.
#include <algorithm>
#include <utility>

#include "engine/lock_tree_state.h"

namespace hf {

const EndedRec* LockTree::State::find_ended(const LockId& lock) const {
  const auto it = ended_by_id.find(lock);
  return it == ended_by_id.end() ? nullptr : &ended[it->second % limits().ended_grants_max];
}

std::optional<Refusal> LockTree::State::gone(const LockId& lock) const {
  Refusal refusal;
  refusal.code = Code::not_found;
  if (const EndedRec* e = find_ended(lock)) {
    if (e->more && e->more->wait) return refusal;
    refusal.code = Code::lock_gone;
    refusal.ended = e->info();
  }
  return refusal;
}

void LockTree::State::remember_ended(EndedRec e) {
  HF_ASSERT(!e.lock.is_nil() && ended_oldest <= ended_next);
  const std::uint64_t number = ended_next++;
  const std::size_t slot = number % limits().ended_grants_max;
  if (ended.size() <= slot) ended.resize(slot + 1);
  if (ended_next - ended_oldest > limits().ended_grants_max) {
    const auto old = ended_by_id.find(ended[slot].lock);
    if (old != ended_by_id.end() && old->second == ended_oldest) ended_by_id.erase(old);
    ++ended_oldest;
  }
  ended_by_id[e.lock] = number;
  ended[slot] = std::move(e);
  put_ended(number);
}

void LockTree::State::end_grant(GrantIx index, EndReason reason, std::string_view by_user, std::string_view by_name,
                                std::string_view note, bool tell) {
  GrantRec& grant = grants[index];
  HF_ASSERT(grant.live && grant.holds > 0 && !grant.targets.empty());
  if (tell && grant.session != no_index) {
    LockLost lost{grant.who->session,   next_seq(grant.session), grant.lock,       reason, {}, true,
                  std::string(by_user), std::string(by_name),    std::string(note)};
    for (const TargetRec& target : grant.targets) lost.targets.push_back(Target::from_text(nodes[target.node].text));
    events->emplace_back(std::move(lost));
  }
  EndedRec e{grant.lock, grant.who->session, reason, clock.wall(), now(), nullptr};
  const bool hold = grant.kind == Kind::hold;
  if (hold || !by_user.empty()) {
    e.more = std::make_unique<const EndedRec::More>(
        EndedRec::More{.by = std::string(by_user), .owner = hold ? grant.texts->owner : std::string()});
  }
  remember_ended(std::move(e));
  erase_grant(grant, reason, note);
  if (grant.texts && !(grant.texts->stops.empty() && grant.texts->rule.empty()))
    ChangeFrame(*journal, Entity::stops, change_erase, grant.lock.value);
  const Party alias = alias_of(grant);
  std::vector<Target> freed;
  for (const TargetRec& target : grant.targets) {
    drop(nodes[target.node].direct, index);
    if (watching) freed.push_back(Target::from_text(nodes[target.node].text));
    free_claims(target.node, grant.mode, grant.party, alias);
  }
  for (Target& target : freed) {
    const auto it = node_by_text.find(target.text());
    if (it != node_by_text.end()) {
      target_changed(it->second);
    } else {
      events->emplace_back(TargetChanged{std::move(target), std::nullopt});
    }
  }
  if (grant.texts && !grant.texts->owner.empty()) unuse_owner(grant.texts->owner);
  if (grant.texts && !grant.texts->stops.empty()) unuse_stops(grant.texts->stops);
  if (grant.kind == Kind::temporary) run_lost(grant, reason);
  unlink_from_session(index);
  order_remove(index);
  const std::size_t forgotten = grant_by_id.erase(grant.lock);
  HF_ASSERT(forgotten == 1);
  forget_unheard(grant.lock);
  unschedule();
  if (reason == EndReason::released) ++stats.released;
  grant.targets.clear();
  grant.who.reset();
  grant.texts.reset();
  grant.live = false;
  ++grant.due_stamp;
  grants.free(index);
}

void LockTree::State::drop_targets(GrantIx index, const std::vector<std::size_t>& which, EndReason reason,
                                   std::string_view by_user, std::string_view by_name, std::string_view note,
                                   bool tell) {
  GrantRec& grant = grants[index];
  HF_ASSERT(grant.live && !which.empty() && which.size() <= grant.targets.size());
  HF_ASSERT(which.back() < grant.targets.size());
  if (which.size() == grant.targets.size()) {
    end_grant(index, reason, by_user, by_name, note, tell);
    return;
  }
  LockLost lost{grant.who->session, 0, grant.lock, reason, {}, false, std::string(by_user), std::string(by_name),
                std::string(note)};
  const Party alias = alias_of(grant);
  std::vector<TargetRec> dropped;
  for (std::size_t i = which.size(); i-- > 0;) {
    dropped.push_back(grant.targets[which[i]]);
    grant.targets.erase(grant.targets.begin() + static_cast<std::ptrdiff_t>(which[i]));
  }
  if (grant.session != no_index) sessions[grant.session].targets_held -= static_cast<std::uint32_t>(dropped.size());
  HF_ASSERT(!grant.targets.empty());
  std::ranges::reverse(dropped);
  for (const TargetRec& target : dropped) {
    lost.targets.push_back(Target::from_text(nodes[target.node].text));
    drop(nodes[target.node].direct, index);
    free_claims(target.node, grant.mode, grant.party, alias);
  }
  put_grant(index, Action::release_part, false, lost.targets);
  if (watching) {
    for (const Target& target : lost.targets) {
      const auto it = node_by_text.find(target.text());
      if (it != node_by_text.end()) {
        target_changed(it->second);
      } else {
        events->emplace_back(TargetChanged{target, std::nullopt});
      }
    }
  }
  if (tell && grant.session != no_index) {
    lost.seq = next_seq(grant.session);
    events->emplace_back(std::move(lost));
  }
}

void LockTree::State::learn_version(std::string_view bill, std::uint64_t version) {
  KnownVersion& known = versions[std::string(bill)];
  const std::uint64_t life = options.board_life ? options.board_life(bill).number : 0;
  known.version = known.life == life ? std::max(known.version, version) : version;
  known.life = life;
  known.at = now();
  version_age.emplace_back(now(), std::string(bill));
  put_version(std::string(bill), known, false);
}

namespace {

Refusal belongs_to_run() {
  return Refusal{.code = Code::forbidden,
                 .detail = "The lock is a run's: run.step extends it, run.finish and run.fail end it.",
                 .field = "lock"};
}

}  // namespace

OutcomeOf<Release> LockTree::State::release(const Release& c, SessionIx session) {
  const auto it = grant_by_id.find(c.lock);
  if (it == grant_by_id.end()) {
    const EndedRec* e = find_ended(c.lock);
    const bool hold = e != nullptr && e->more && !e->more->owner.empty();
    const bool own = e != nullptr && (hold ? c.caller.hold && e->more->owner == c.owner : e->session == c.session);
    if (own && e->reason == EndReason::released && !(e->more && e->more->wait)) return Released{.already = true};
    return *gone(c.lock);
  }
  GrantRec& grant = grants[it->second];
  if (grant.kind == Kind::temporary && run_of(grant.lock) != nullptr) return belongs_to_run();
  if (grant.kind == Kind::hold) {
    if (!c.caller.hold)
      return Refusal{.code = Code::forbidden, .detail = "Releasing a hold needs the right lock.hold."};
    if (grant.texts->owner != c.owner)
      return Refusal{.code = Code::not_holder, .detail = "The hold has another owner.", .field = "owner"};
  } else if (session == no_index || grant.session != session) {
    return Refusal{.code = Code::not_holder};
  }
  if (c.token != 0 && c.token != grant.token)
    return Refusal{.code = Code::not_holder, .detail = "The token is another grant's.", .field = "token"};
  if (c.holds && *c.holds != grant.holds) return Released{.holds = grant.holds, .already = true};
  if (c.exact && !c.holds && !c.all && c.targets.empty() && grant.holds > 1) {
    const std::string count = std::to_string(grant.holds);
    return Refusal{.code = Code::invalid,
                   .detail = "The lock is held " + count + " times: say holds=" + count +
                             " to end one of them, all=true to end it, or give a request id.",
                   .field = "holds"};
  }
  std::vector<std::size_t> which;
  for (const Target& target : c.targets) {
    const auto found =
        std::ranges::find_if(grant.targets, [&](const TargetRec& t) { return nodes[t.node].text == target.text(); });
    if (found == grant.targets.end())
      return Refusal{
          .code = Code::invalid, .detail = "The lock does not hold " + target.text() + ".", .field = "targets"};
    which.push_back(static_cast<std::size_t>(found - grant.targets.begin()));
  }
  if (c.version) {
    for (const TargetRec& target : grant.targets) {
      const Path path = path_of(target.node);
      if (path.depth > 1) learn_version(nodes[path.node[1]].text, *c.version);
    }
  }
  if (!which.empty()) {
    std::ranges::sort(which);
    which.erase(std::ranges::unique(which).begin(), which.end());
    const bool whole = which.size() == grant.targets.size();
    const std::uint32_t left = whole ? 0 : grant.holds;
    drop_targets(it->second, which, EndReason::released, {}, {}, {}, false);
    return Released{.released = true, .holds = left};
  }
  if (!c.all && grant.holds > 1) {
    --grant.holds;
    put_grant(it->second, Action::release, false);
    return Released{.released = false, .holds = grant.holds};
  }
  end_grant(it->second, EndReason::released, {}, {}, {}, false);
  return Released{.released = true};
}

OutcomeOf<Extend> LockTree::State::extend(const Extend& c, SessionIx session) {
  const auto it = grant_by_id.find(c.lock);
  if (it == grant_by_id.end()) return *gone(c.lock);
  GrantRec& grant = grants[it->second];
  if (grant.kind == Kind::temporary && run_of(grant.lock) != nullptr) return belongs_to_run();
  if (grant.kind == Kind::hold) {
    if (!c.caller.hold)
      return Refusal{.code = Code::forbidden, .detail = "Extending a hold needs the right lock.hold."};
  } else if (session == no_index || grant.session != session) {
    return Refusal{.code = Code::not_holder};
  }
  if (c.ttl <= Millis(0) || c.ttl > limits().hold_ttl_max)
    return Refusal{.code = Code::invalid, .detail = "ttl_ms is positive and at most a year.", .field = "ttl_ms"};
  grant.own_end = now() + c.ttl;
  HF_ASSERT(grant.own_end > now());
  unschedule();
  schedule_grant(it->second, true);
  put_grant(it->second, Action::extend, false);
  return grant_value(it->second);
}

// Under a new token, behind all other grants.
void LockTree::State::move_grant(GrantIx index, SessionIx to, Party alias) {
  GrantRec& grant = grants[index];
  HF_ASSERT(grant.live && grant.kind == Kind::edit && sessions[to].live && grant.session != to);
  unlink_from_session(index);
  order_remove(index);
  const Party old_party = grant.party;
  grant.who = sessions[to].who;
  grant.party = sessions[to].party;
  grant.token = mint();
  for (TargetRec& target : grant.targets) {
    const Token older = token_held(grant.party, target.node);
    target.token = older != 0 ? older : grant.token;
  }
  for (const TargetRec& target : grant.targets) {
    hold_claims(target.node, grant.mode, grant.party, alias);
    free_claims(target.node, grant.mode, old_party, alias);
    auto& direct = nodes[target.node].direct;
    drop(direct, index);
    direct.push_back(index);
  }
  link_to_session(index, to);
  order_append(index);
  HF_ASSERT(grant.session == to && grant.party == sessions[to].party);
  put_grant(index, Action::transfer, false);
}

OutcomeOf<Transfer> LockTree::State::transfer(const Transfer& c, SessionIx session) {
  Refusal refusal;
  const SessionIx to = find_session(c.to_session, c.caller, refusal);
  if (to == no_index) {
    refusal.field = "to_session";
    return refusal;
  }
  const auto it = grant_by_id.find(c.lock);
  if (it == grant_by_id.end()) return *gone(c.lock);
  const GrantIx index = it->second;
  GrantRec& grant = grants[index];
  if (grant.kind != Kind::edit)
    return Refusal{.code = Code::forbidden, .detail = "Only edit locks move between windows."};
  if (grant.session == no_index || (grant.session != session && to != session))
    return Refusal{.code = Code::not_holder};
  if (grant.who->user != c.caller.user) return Refusal{.code = Code::not_holder};
  const SessionIx from = grant.session;
  if (from == to) return grant_value(index);
  if (sessions[to].targets_held + grant.targets.size() > limits().locks_per_session_max) {
    return Refusal{
        .code = Code::too_many, .detail = "A session holds at most 10,000 locks.", .retry_after = Millis(1000)};
  }
  // Another lock of the old window may lie in the new one's way.
  const Party alias = alias_of(grant);
  Want want =
      want_of(to, grant.kind, grant.mode, grant.texts ? std::string_view(grant.texts->owner) : std::string_view());
  for (const TargetRec& target : grant.targets) want.paths.push_back(path_of(target.node));
  Refusal in_way{.code = Code::locked};
  for (GrantIx other = sessions[from].first_grant; other != no_index; other = grants[other].next) {
    if (other == index) continue;
    for (std::size_t t = 0; t < grants[other].targets.size(); ++t) {
      const Path held = path_of(grants[other].targets[t].node);
      const bool meets = std::ranges::any_of(
          want.paths, [&](const Path& path) { return paths_collide(held, grants[other].mode, path, want.mode); });
      if (!meets) continue;
      if (++in_way.conflicts_total <= limits().conflicts_told_max)
        in_way.conflicts.push_back(conflict_of(other, t, c.caller.user));
    }
  }
  if (in_way.conflicts_total > 0) return in_way;
  LockLost lost{grant.who->session, next_seq(from),     grant.lock, EndReason::transferred, {}, true,
                c.caller.user,      c.caller.user_name, {}};
  for (const TargetRec& target : grant.targets) lost.targets.push_back(Target::from_text(nodes[target.node].text));
  events->emplace_back(std::move(lost));
  move_grant(index, to, alias);
  wake_waits_of(to);
  if (watching) {
    for (const TargetRec& target : grant.targets) target_changed(target.node);
  }
  events->emplace_back(LockGranted{sessions[to].id, next_seq(to), grant.lock, granted_value(index, false)});
  return grant_value(index);
}

OutcomeOf<Force> LockTree::State::force(const Force& c, SessionIx) {
  if (c.reason.empty())
    return Refusal{.code = Code::invalid, .detail = "Forcing a lock needs a reason.", .field = "reason"};
  const auto it = grant_by_id.find(c.lock);
  if (it == grant_by_id.end()) return *gone(c.lock);
  ++stats.forced;
  end_grant(it->second, EndReason::forced, c.caller.user, c.caller.user_name, c.reason, true);
  return Done{};
}

OutcomeOf<ReleaseAll> LockTree::State::release_all(const ReleaseAll& c, SessionIx session) {
  const bool own = sessions[session].who->user == c.caller.user;
  std::uint32_t released = 0;
  for (GrantIx g = sessions[session].first_grant; g != no_index;) {
    const GrantIx next = grants[g].next;
    std::vector<std::size_t> which;
    for (std::size_t i = 0; i < grants[g].targets.size(); ++i) {
      const Path path = path_of(grants[g].targets[i].node);
      if (c.type.empty() || nodes[path.node[0]].text == c.type) which.push_back(i);
    }
    if (grants[g].kind == Kind::edit && !which.empty()) {
      ++released;
      if (own) {
        drop_targets(g, which, EndReason::released, {}, {}, {}, false);
      } else {
        drop_targets(g, which, EndReason::forced, c.caller.user, c.caller.user_name, "all released by an administrator",
                     true);
      }
    }
    g = next;
  }
  return ReleasedMany{released};
}

}  // namespace hf
