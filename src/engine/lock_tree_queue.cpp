// Waiting, asking, handing over.
#include <algorithm>

#include "engine/lock_tree_each.h"
#include "engine/lock_tree_state.h"

namespace hf {

// ---------------------------------------------------------------------------------------------- queue

OutcomeOf<Acquire> LockTree::State::enqueue(const Want& want, SessionIx session, std::span<const Target> targets,
                                            const Details& d, Millis wait_for, std::unique_ptr<AskRec> ask) {
  if (sessions[session].waits.size() >= limits().waits_per_session_max) {
    return Refusal{
        .code = Code::too_many, .detail = "A session has at most 16 requests waiting.", .retry_after = Millis(1000)};
  }
  for (const Path& path : want.paths) {
    for (std::size_t level = 0; level < path.depth && path.node[level] != no_index; ++level) {
      const auto& queue = nodes[path.node[level]].queue;
      if (!queue) continue;
      std::size_t waiting = 0;
      for (const auto& of_claim : *queue) waiting += of_claim.size();
      if (waiting >= limits().waiters_per_node_max) {
        return Refusal{
            .code = Code::too_many, .detail = "Too many requests wait here already.", .retry_after = Millis(1000)};
      }
    }
  }
  if (would_deadlock(want)) {
    ++stats.deadlocks;
    ++stats.refused;
    Refusal refusal = locked(want, sessions[session].who->user);
    refusal.deadlock = true;
    refusal.detail = "Waiting would never end: somebody in the way waits for what you hold. Release first.";
    return refusal;
  }
  HF_ASSERT(sessions[session].live && !targets.empty() && wait_for > Millis(0));
  const WaitIx index = waits.make();
  WaitRec& wait = waits[index];
  wait.id = d.lock;
  wait.session = session;
  wait.targets.assign(targets.begin(), targets.end());
  wait.mode = want.mode;
  wait.kind = want.kind;
  wait.owner = d.owner;
  wait.label = d.label;
  wait.reason = d.reason;
  wait.ttl = d.ttl;
  if (d.if_versions != nullptr) wait.if_versions = *d.if_versions;
  wait.order = next_order++;
  wait.until = now() + wait_for;
  wait.since = clock.wall();
  wait.birth = next_birth++;
  wait.ask = std::move(ask);
  wait.live = true;
  join_owner(index);
  insert_in_queue(index);
  wait.told = wait.position;
  sessions[session].waits.push_back(index);
  const bool is_new = wait_by_id.emplace(wait.id, index).second;
  HF_ASSERT(is_new && !grant_by_id.contains(wait.id) && wait.position > 0 && wait.nodes.size() == targets.size());
  schedule(wait.until, Due::wait, index, wait.birth, wait.due_stamp);
  ++stats.waited;
  if (!d.node.is_nil()) {
    unheard.emplace(wait.id, d.node);
    put_unheard(wait.id, d.node);
  }
  if (!wait.ask) put_wait(index, Action::queue, true);  // ask() writes what it adds
  return Queued{wait.id, wait.position};
}

// Puts the wait's claims where its order says and counts positions: its own, and those of waits behind it.
void LockTree::State::insert_in_queue(WaitIx index) {
  WaitRec& wait = waits[index];
  HF_ASSERT(wait.live && !wait.targets.empty() && wait.order > front_order && wait.order < next_order);
  wait.nodes.clear();
  for (const Target& target : wait.targets) {
    const NodeIx leaf = touch(target);
    wait.nodes.push_back(leaf);
    Claim claim = direct_claim(wait.mode);
    for (NodeIx n = leaf; n != no_index; n = nodes[n].parent, claim = intent_claim(wait.mode)) {
      Node& node = nodes[n];
      if (!node.queue) node.queue = std::make_unique<NodeQueue>();
      if ((*node.queue)[at(claim)].emplace(wait.order, index).second) ++node.claims;
    }
  }
  const std::uint64_t mark = ++visit_mark;
  wait.visit = mark;
  wait.position = 1;
  for (const NodeIx leaf : wait.nodes) {
    Claim claim = direct_claim(wait.mode);
    for (NodeIx n = leaf; n != no_index; n = nodes[n].parent, claim = intent_claim(wait.mode)) {
      for (const Claim other : {Claim::is, Claim::ix, Claim::s, Claim::x}) {
        if (compatible(claim, other)) continue;
        for (const auto& [order_key, o] : (*nodes[n].queue)[at(other)]) {
          WaitRec& there = waits[o];
          if (there.visit == mark || !collide(wait, there)) continue;
          there.visit = mark;
          if (order_key < wait.order) {
            ++wait.position;
          } else {
            ++there.position;
            moved.push_back(o);
          }
        }
      }
    }
  }
}

// For waits whose claims are incompatible somewhere: may one have to wait for the other?
bool LockTree::State::collide(const WaitRec& a, const WaitRec& b) const {
  if (a.session == b.session) return false;
  const bool hold = a.kind == Kind::hold || b.kind == Kind::hold;
  return !(hold && !a.owner.empty() && a.owner == b.owner);
}

bool LockTree::State::claims_collide(const WaitRec& a, const WaitRec& b) const {
  if (!collide(a, b)) return false;
  for (const NodeIx leaf_a : a.nodes) {
    const Path one = path_of(leaf_a);
    for (const NodeIx leaf_b : b.nodes) {
      if (paths_collide(one, a.mode, path_of(leaf_b), b.mode)) return true;
    }
  }
  return false;
}

// Takes the wait's claims out, moves up who stood behind it, and wakes whom they blocked.
void LockTree::State::remove_from_queue(WaitIx index) {
  WaitRec& wait = waits[index];
  HF_ASSERT(wait.live && !wait.nodes.empty());
  const std::uint64_t mark = ++visit_mark;
  wait.visit = mark;
  for (const NodeIx leaf : wait.nodes) {
    Claim claim = direct_claim(wait.mode);
    for (NodeIx n = leaf; n != no_index; n = nodes[n].parent, claim = intent_claim(wait.mode)) {
      for (const Claim other : {Claim::is, Claim::ix, Claim::s, Claim::x}) {
        if (compatible(claim, other)) continue;
        auto& queue = (*nodes[n].queue)[at(other)];
        for (auto it = queue.upper_bound(wait.order); it != queue.end(); ++it) {
          WaitRec& there = waits[it->second];
          if (there.visit == mark || !collide(wait, there)) continue;
          there.visit = mark;
          HF_ASSERT(there.position > 1);
          --there.position;
          moved.push_back(it->second);
          woken.emplace(there.order, it->second);
        }
      }
    }
  }
  for (const NodeIx leaf : wait.nodes) {
    Claim claim = direct_claim(wait.mode);
    for (NodeIx n = leaf; n != no_index; n = nodes[n].parent, claim = intent_claim(wait.mode)) {
      Node& node = nodes[n];
      if (node.queue && (*node.queue)[at(claim)].erase(wait.order) == 1) {
        --node.claims;
        if (std::ranges::all_of(*node.queue, [](const auto& q) { return q.empty(); })) node.queue.reset();
      }
    }
  }
  woken.erase({wait.order, index});
}

void LockTree::State::forget_ask(WaitIx index) {
  WaitRec& wait = waits[index];
  if (!wait.ask) return;
  if (wait.ask->answer_by != Instant::max()) unschedule();
  for (const std::string& name : wait.ask->asked) {
    const auto it = users.find(name);
    if (it == users.end()) continue;
    drop(it->second.asked, index);
    if (it->second.sessions.empty() && it->second.asked.empty() && !it->second.memory) users.erase(it);
  }
}

// The wait is over, however: everything that knows it forgets it. Journal and events are the caller's.
void LockTree::State::forget_wait(WaitIx index) {
  WaitRec& wait = waits[index];
  remove_from_queue(index);
  for (const NodeIx leaf : wait.nodes) {
    if (!nodes[leaf].text.empty()) drop_node_if_idle(leaf);  // it may have gone with another leaf's ancestors
  }
  forget_ask(index);
  unschedule();
  auto& of_session = sessions[wait.session].waits;
  const auto listed = std::ranges::find(of_session, index);
  HF_ASSERT(listed != of_session.end());
  of_session.erase(listed);
  const std::size_t forgotten = wait_by_id.erase(wait.id);
  HF_ASSERT(forgotten == 1);
  if (wait.kind == Kind::temporary) run_unlocked(wait.id);
  if (!wait.owner.empty()) {
    drop(owners.find(wait.owner)->second.waits, index);
    unuse_owner(wait.owner);
  }
  drop(moved, index);
  const auto stamp_now = static_cast<std::uint16_t>(wait.due_stamp + 1);
  wait = WaitRec{};
  wait.due_stamp = stamp_now;
  waits.free(index);
}

// Ends the wait with a refusal, which is also what a repeat of its request is told from now on.
void LockTree::State::end_wait(WaitIx index, Refusal why) {
  const WaitRec& wait = waits[index];
  const SessionIx session = wait.session;
  const LockId id = wait.id;
  HF_ASSERT(wait.live && sessions[session].live);
  if (auto& memory = sessions[session].memory) {
    for (Remembered& entry : memory->ring) {
      if (!entry.used || entry.answer || entry.lock != id) continue;
      entry.answer = std::make_unique<LockOutcome>(why);
      put_memory(session, {}, entry);
    }
  }
  events->emplace_back(WaitEnded{sessions[session].id, next_seq(session), id, std::move(why)});
  wait_was(session, id, LockId{});
  forget_unheard(id);
  erase_wait(wait);
  forget_wait(index);
}

// So that who asks for the wait again is told what became of it.
void LockTree::State::wait_was(SessionIx session, const LockId& wait, const LockId& became) {
  remember_ended(EndedRec{wait, sessions[session].id, EndReason::released, clock.wall(), now(),
                          std::make_unique<const EndedRec::More>(EndedRec::More{.became = became, .wait = true})});
}

void LockTree::State::wake(NodeIx node, Claim freed) {
  for (const Claim other : {Claim::is, Claim::ix, Claim::s, Claim::x}) {
    if (compatible(freed, other)) continue;
    for (const auto& [order_key, wait] : (*nodes[node].queue)[at(other)]) woken.emplace(order_key, wait);
  }
}

void LockTree::State::wake_waits_of(SessionIx session) {
  for (const WaitIx wait : sessions[session].waits) woken.emplace(waits[wait].order, wait);
}

void LockTree::State::wake_waits_of_owner(std::string_view owner) {
  const auto it = owners.find(owner);
  if (it == owners.end()) return;
  for (const WaitIx wait : it->second.waits) woken.emplace(waits[wait].order, wait);
}

void LockTree::State::join_owner(WaitIx index) {
  const WaitRec& wait = waits[index];
  if (wait.owner.empty()) return;
  OwnerParties& owner = use_owner(wait.owner);
  if (wait.kind == Kind::hold) owner.waits.push_back(index);
}

// Grants, in queue order, whom nothing blocks any more. A grant may wake other waits of its session.
void LockTree::State::settle() {
  while (!woken.empty()) {
    const auto [order_key, index] = *woken.begin();
    woken.erase(woken.begin());
    WaitRec& wait = waits[index];
    if (!wait.live || wait.order != order_key) continue;
    Want want = want_of(wait);
    if (is_blocked(want)) {
      if (!want.action.empty() && lasting_in_way(want)) end_wait(index, locked(want, sessions[wait.session].who->user));
      continue;
    }
    const SessionIx session = wait.session;
    const LockId id = wait.id;
    const std::vector<Target> targets = std::move(wait.targets);
    const auto if_versions = std::move(wait.if_versions);
    const std::string owner = wait.owner, label = wait.label, reason = wait.reason;
    const Details details{id, owner, label, reason, wait.ttl, &if_versions};
    wait.targets = targets;
    // Claimed before the queue lets go, so that nothing under way is dropped and made again.
    const auto outcome = grant_now(want, targets, details);
    if (const auto* refusal = std::get_if<Refusal>(&outcome)) {
      end_wait(index, *refusal);
      continue;
    }
    if (!want.action.empty()) run_began(id);
    const Granted& granted = std::get<Granted>(outcome);
    HF_ASSERT(waits[index].live && waits[index].id == id && sessions[session].live);
    if (granted.grant.lock != id) {  // an upgrade or a re-entry: the lock is an older one
      wait_was(session, id, granted.grant.lock);
      if (auto& memory = sessions[session].memory) {
        for (Remembered& entry : memory->ring) {
          if (!entry.used || entry.answer || entry.lock != id) continue;
          entry.lock = granted.grant.lock;
          entry.again = granted.again;
          put_memory(session, {}, entry);
        }
      }
    }
    events->emplace_back(LockGranted{sessions[session].id, next_seq(session), id, granted});
    erase_wait(waits[index]);
    forget_wait(index);
  }
}

void LockTree::State::tell_positions() {
  if (moved.empty()) return;
  std::ranges::sort(moved, {}, [&](WaitIx w) { return waits[w].order; });
  moved.erase(std::ranges::unique(moved).begin(), moved.end());
  for (const WaitIx index : moved) {
    WaitRec& wait = waits[index];
    if (!wait.live || wait.position == wait.told) continue;
    wait.told = wait.position;
    events->emplace_back(LockWaiting{sessions[wait.session].id, wait.id, wait.position});
  }
  moved.clear();
}

void LockTree::State::move_to_front(WaitIx index) {
  WaitRec& wait = waits[index];
  HF_ASSERT(wait.live && wait.order > front_order);
  remove_from_queue(index);  // which drops no node: the claims come back at once
  wait.order = front_order--;
  insert_in_queue(index);
  moved.push_back(index);
  woken.emplace(wait.order, index);
}

OutcomeOf<CancelWait> LockTree::State::cancel_wait(const CancelWait& c, SessionIx session) {
  const auto it = wait_by_id.find(c.wait);
  if (it == wait_by_id.end()) {
    LockId lock = c.wait;
    const EndedRec* e = find_ended(c.wait);
    if (e != nullptr && e->more && e->more->wait) {
      if (e->more->became.is_nil()) return Refusal{.code = Code::request_gone};
      lock = e->more->became;
    }
    const auto g = grant_by_id.find(lock);
    if (g == grant_by_id.end()) return *gone(lock);
    if (grants[g->second].who->session != c.session) return Refusal{.code = Code::not_holder};
    return granted_value(g->second, false);
  }
  if (waits[it->second].session != session)
    return Refusal{.code = Code::not_holder, .detail = "Another session waits here.", .field = "wait"};
  end_wait(it->second, Refusal{.code = Code::request_gone, .detail = "The wait was cancelled."});
  return Done{};
}

// ---------------------------------------------------------------------------------------------- asking

// Whether each target is one of the grant's or lies below one.
bool LockTree::State::covers_all(const GrantRec& grant, const std::vector<Target>& targets) const {
  std::set<std::string_view> held;
  for (const TargetRec& target : grant.targets) held.insert(nodes[target.node].text);
  return std::ranges::all_of(targets, [&](const Target& target) {
    for (Level level = Level::type;; level = static_cast<Level>(static_cast<int>(level) + 1)) {
      if (held.contains(target.text_at(level))) return true;
      if (level == target.level()) return false;
    }
  });
}

OutcomeOf<Ask> LockTree::State::ask(const Ask& c, SessionIx session) {
  const auto it = grant_by_id.find(c.lock);
  if (it == grant_by_id.end()) return *gone(c.lock);
  const GrantRec& named = grants[it->second];
  if (named.kind != Kind::edit) {
    return Refusal{.code = Code::forbidden,
                   .detail = named.kind == Kind::hold
                                 ? "A hold cannot be asked for: it ends by whoever may hold, or by its time."
                                 : "A temporary lock cannot be asked for: it ends with its action.",
                   .field = "lock"};
  }
  if (!covers_all(named, c.targets)) {
    return Refusal{.code = Code::invalid,
                   .detail = "A request names targets of the lock that it asks for, or what lies below them.",
                   .field = "targets"};
  }
  if (c.wait.is_nil() || grant_by_id.contains(c.wait) || wait_by_id.contains(c.wait) || find_ended(c.wait) != nullptr) {
    return Refusal{.code = Code::invalid, .detail = "The request's id was used before.", .field = "wait"};
  }
  std::vector<Target> targets = c.targets;
  if (targets.empty()) {
    for (const TargetRec& target : grants[it->second].targets)
      targets.push_back(Target::from_text(nodes[target.node].text));
  }
  std::ranges::sort(targets);
  targets.erase(std::ranges::unique(targets).begin(), targets.end());
  if (targets.size() > limits().targets_per_wait_max) {
    return Refusal{
        .code = Code::invalid, .detail = "A request that waits names at most 100 targets.", .field = "targets"};
  }
  if (c.wait_for <= Millis(0) || c.wait_for > limits().wait_max) {
    return Refusal{.code = Code::invalid, .detail = "wait_ms is 1 to 600,000.", .field = "wait_ms"};
  }
  Want want = want_of(session, Kind::edit, c.mode, {});
  for (const Target& target : targets) want.paths.push_back(path_of(target));
  const std::map<std::string, std::uint64_t> no_versions;
  const Details details{c.wait, {}, c.label, {}, Millis(0), &no_versions};
  const GrantIx same = find_same(want, targets);
  const bool held = same != no_index && (grants[same].mode == Mode::exclusive || c.mode == Mode::shared);
  if (held || !is_blocked(want)) return grant_now(want, targets, details);
  auto asking = std::make_unique<AskRec>();
  asking->lock = c.lock;
  asking->message = c.message;
  asking->answer_by = now() + options.policy(targets.front().type()).request_timeout;
  auto outcome = enqueue(want, session, targets, details, c.wait_for, std::move(asking));
  if (!std::holds_alternative<Queued>(outcome)) return outcome;
  const WaitIx index = wait_by_id.find(c.wait)->second;
  WaitRec& wait = waits[index];
  schedule(wait.ask->answer_by, Due::ask, index, wait.birth, wait.ask->due_stamp);
  std::set<std::string> asked;
  for (const GrantIx g : blocking_grants(wait)) {
    if (grants[g].kind == Kind::edit) asked.insert(grants[g].who->user);
  }
  wait.ask->asked.assign(asked.begin(), asked.end());
  for (const std::string& name : asked) {
    UserRec& user = users[name];
    user.asked.push_back(index);
    for (const SessionIx s : user.sessions)
      events->emplace_back(LockRequested{sessions[s].id, next_seq(s), ask_value(index)});
  }
  put_wait(index, Action::ask, true);
  return outcome;
}

std::vector<GrantIx> LockTree::State::blocking_grants(const WaitRec& wait) const {
  std::vector<GrantIx> found;
  constexpr std::size_t looked_at_max = 10'000;
  each_grant_in_way(want_of(wait), looked_at_max, [&](GrantIx grant, std::size_t) {
    if (std::ranges::find(found, grant) == found.end()) found.push_back(grant);
    return found.size() < 1000;
  });
  std::ranges::sort(found, {}, [&](GrantIx g) { return grants[g].token; });
  return found;
}

// Ends what `only_user` (empty: everybody) holds for editing in the asker's way and puts the asker first.
void LockTree::State::hand_over(WaitIx index, std::string_view only_user, std::string_view by_user,
                                std::string_view by_name, std::string_view note, std::optional<std::uint64_t> version) {
  HF_ASSERT(waits[index].live && waits[index].ask);
  const Want want = want_of(waits[index]);
  for (const GrantIx g : blocking_grants(waits[index])) {
    if (grants[g].kind != Kind::edit || (!only_user.empty() && grants[g].who->user != only_user)) continue;
    std::vector<std::size_t> which;
    for (std::size_t t = 0; t < grants[g].targets.size(); ++t) {
      const Path held = path_of(grants[g].targets[t].node);
      const bool in_way = std::ranges::any_of(
          want.paths, [&](const Path& path) { return paths_collide(held, grants[g].mode, path, want.mode); });
      if (!in_way) continue;
      which.push_back(t);
      if (version && held.depth > 1) learn_version(nodes[held.node[1]].text, *version);
    }
    ++stats.handed_over;
    drop_targets(g, which, EndReason::handed_over, by_user, by_name, note, true);
  }
  move_to_front(index);
}

void LockTree::State::answer_ask(WaitIx index, std::string_view answer, std::string_view reason,
                                 std::string_view by_user, std::string_view by_name) {
  const WaitRec& wait = waits[index];
  const Wall by = wait.ask->answer_by == Instant::max() ? Wall{} : clock.wall_of(wait.ask->answer_by);
  events->emplace_back(LockAnswered{sessions[wait.session].id, next_seq(wait.session), wait.id, std::string(answer),
                                    std::string(reason), std::string(by_user), std::string(by_name), by});
}

namespace {
Refusal request_gone() { return Refusal{.code = Code::request_gone}; }
}  // namespace

OutcomeOf<Agree> LockTree::State::agree(const Agree& c, SessionIx) {
  const auto it = wait_by_id.find(c.wait);
  if (it == wait_by_id.end() || !waits[it->second].ask) return request_gone();
  const WaitIx index = it->second;
  const auto blocking = blocking_grants(waits[index]);
  const auto own = [&](GrantIx g) { return grants[g].kind == Kind::edit && grants[g].who->user == c.caller.user; };
  if (std::ranges::none_of(blocking, own)) {
    return Refusal{.code = Code::not_holder, .detail = "You hold nothing that this request asks for."};
  }
  hand_over(index, c.caller.user, c.caller.user, c.caller.user_name, {}, c.version);
  answer_ask(index, "agreed", {}, c.caller.user, c.caller.user_name);
  put_wait(index, Action::agree, false);
  settle();
  if (wait_by_id.contains(c.wait)) return Answered{false};
  const EndedRec* e = find_ended(c.wait);  // granted as an older lock, or refused at the last moment
  return Answered{grant_by_id.contains(c.wait) || (e != nullptr && e->more && !e->more->became.is_nil())};
}

OutcomeOf<Refuse> LockTree::State::refuse(const Refuse& c, SessionIx) {
  const auto it = wait_by_id.find(c.wait);
  if (it == wait_by_id.end() || !waits[it->second].ask) return request_gone();
  WaitRec& wait = waits[it->second];
  const auto own = [&](GrantIx g) { return grants[g].kind == Kind::edit && grants[g].who->user == c.caller.user; };
  if (std::ranges::none_of(blocking_grants(wait), own)) {
    return Refusal{.code = Code::not_holder, .detail = "You hold nothing that this request asks for."};
  }
  if (wait.ask->answer_by != Instant::max()) unschedule();
  wait.ask->answer_by = Instant::max();
  ++wait.ask->due_stamp;
  wait.ask->state = AskState::refused;
  wait.ask->answer_reason = c.reason;
  answer_ask(it->second, "refused", c.reason, c.caller.user, c.caller.user_name);
  put_wait(it->second, Action::refuse, false);
  return Done{};
}

OutcomeOf<Defer> LockTree::State::defer(const Defer& c, SessionIx) {
  const auto it = wait_by_id.find(c.wait);
  if (it == wait_by_id.end() || !waits[it->second].ask) return request_gone();
  WaitRec& wait = waits[it->second];
  const auto own = [&](GrantIx g) { return grants[g].kind == Kind::edit && grants[g].who->user == c.caller.user; };
  if (std::ranges::none_of(blocking_grants(wait), own)) {
    return Refusal{.code = Code::not_holder, .detail = "You hold nothing that this request asks for."};
  }
  if (c.by <= Millis(0) || c.by > limits().defer_max)
    return Refusal{.code = Code::invalid, .detail = "ms is 1 to 300,000.", .field = "ms"};
  if (wait.ask->state != AskState::asked)
    return Refusal{.code = Code::invalid, .detail = "The request was answered or deferred before.", .field = "ms"};
  HF_ASSERT(wait.ask->answer_by != Instant::max());
  wait.ask->state = AskState::deferred;
  unschedule();
  ++wait.ask->due_stamp;
  wait.ask->answer_by = now() + c.by;
  schedule(wait.ask->answer_by, Due::ask, it->second, wait.birth, wait.ask->due_stamp);
  answer_ask(it->second, "deferred", {}, c.caller.user, c.caller.user_name);
  put_wait(it->second, Action::defer, false);
  return Done{};
}

// Nobody answered: a hand-over if all who hold it have been idle long enough, else the asker waits on.
void LockTree::State::ask_due(WaitIx index) {
  WaitRec& wait = waits[index];
  HF_ASSERT(wait.live && wait.ask);
  wait.ask->answer_by = Instant::max();
  ++wait.ask->due_stamp;
  const auto blocking = blocking_grants(wait);
  const bool all_idle = !blocking.empty() && std::ranges::all_of(blocking, [&](GrantIx g) {
    const GrantRec& grant = grants[g];
    if (grant.kind != Kind::edit || grant.session == no_index) return false;
    return now() - sessions[grant.session].last_activity >= policy_of(grant.targets.front().node).idle_takeover;
  });
  if (all_idle) {
    const PrincipalPtr asker = sessions[wait.session].who;
    hand_over(index, {}, asker->user, asker->user_name, "idle", std::nullopt);
    answer_ask(index, "agreed", "idle", {}, {});
    put_wait(index, Action::agree, false);
  } else {
    wait.ask->state = AskState::unanswered;
    answer_ask(index, "unanswered", {}, {}, {});
    put_wait(index, Action::unanswered, false);
  }
}

WaitInfo LockTree::State::wait_value(WaitIx index) const {
  const WaitRec& wait = waits[index];
  const SessionRec& session = sessions[wait.session];
  return WaitInfo{
      wait.id,   session.id, session.who->user, session.who->user_name,    wait.targets,  wait.mode,
      wait.kind, wait.label, wait.since,        clock.wall_of(wait.until), wait.position, wait.ask != nullptr};
}

AskInfo LockTree::State::ask_value(WaitIx index) const {
  const AskRec& ask = *waits[index].ask;
  return AskInfo{wait_value(index), ask.lock,
                 ask.message,       ask.state,
                 ask.answer_reason, ask.answer_by == Instant::max() ? Wall{} : clock.wall_of(ask.answer_by)};
}

}  // namespace hf
