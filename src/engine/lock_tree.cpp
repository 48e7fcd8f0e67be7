// Commands, their repeats, and what it takes to grant a lock.
#include "engine/lock_tree.h"

#include <algorithm>
#include <utility>

#include "engine/lock_tree_state.h"

namespace hf {

LockTree::LockTree(LockTreeOptions options) : state_(std::make_unique<State>(std::move(options))) {}
LockTree::~LockTree() = default;
LockTree::LockTree(LockTree&&) noexcept = default;
LockTree& LockTree::operator=(LockTree&&) noexcept = default;

Token LockTree::last_token() const noexcept { return state_->last_token; }
Instant LockTree::now() const noexcept { return state_->now(); }
bool LockTree::has_unheard() const noexcept { return !state_->unheard.empty(); }
void LockTree::set_watching(bool any) noexcept { state_->watching = any; }

void LockTree::seal(std::string& journal) {
  state_->journal = &journal;
  state_->put_meta();
}

LockOutcome LockTree::apply(const LockCommand& command, Wall clock, std::vector<LockEvent>& events,
                            std::string& journal) {
  State& s = *state_;
  if (EngineClock::is_absurd(clock)) {
    return Refusal{.code = Code::unavailable,
                   .detail = "The server's clock is outside the years 2024 to 2100: set it."};
  }
  s.events = &events;
  s.journal = &journal;
  s.actor = {};
  HF_ASSERT(!s.pending && s.woken.empty() && s.moved.empty());
  const std::size_t journal_begin = journal.size();
  const Instant time_before = s.now();
  const Token token_before = s.last_token;
  const EngineClock::Alarm alarm = s.clock.advance(clock, s.limits().clock_step_max);
  if (alarm != EngineClock::Alarm::none) {
    ++s.stats.clock_alarms;
    events.emplace_back(ClockAlarm{alarm == EngineClock::Alarm::went_back
                                       ? "The clock went back."
                                       : "The clock jumped ahead by more than a second."});
  }
  s.sweep();
  s.close_sessions_over();  // the command must not be granted anything in a session that is over
  LockOutcome outcome = std::visit([&](const auto& c) { return widened<LockOutcome>(s.run(c)); }, command);
  s.settle();
  s.close_sessions_over();
  s.runs.sweep(s.now(), journal);
  s.tell_positions();
  const bool changed = journal.size() != journal_begin;
  const Micros unwritten = s.now() - s.meta_written;
  if ((changed && unwritten >= std::chrono::seconds(1)) ||
      (s.grants.live() > 0 && unwritten >= std::chrono::seconds(10)))
    s.put_meta();
  s.actor = {};
  HF_ASSERT(s.now() >= time_before && s.last_token >= token_before);
  s.assert_counts();
  return outcome;
}

// What every command leaves true, as far as it costs nothing to see. check() looks at the rest.
void LockTree::State::assert_counts() const noexcept {
  HF_ASSERT(woken.empty() && moved.empty() && sessions_over.empty());
  HF_ASSERT(runs.live() <= grants.live() + waits.live());
  HF_ASSERT(grants.live() == grant_by_id.size() && grants.live() == order.size() - order_dead);
  HF_ASSERT(waits.live() == wait_by_id.size() && nodes.live() == node_by_text.size());
  HF_ASSERT(sessions.live() == session_by_id.size() && sessions.live() == session_by_party.size());
  HF_ASSERT(order.empty() || order.back().first <= last_token);
  // One deadline each, and one more for a wait that asks.
  HF_ASSERT(due_live <= due.size() && due_live >= grants.live() + sessions.live() + waits.live());
  HF_ASSERT(due.empty() || due.front().at > now());
}

// ---------------------------------------------------------------------------------------------- repeats

template <class C>
OutcomeOf<C> LockTree::State::once(SessionIx session, const C& c, OutcomeOf<C> (State::*body)(const C&, SessionIx)) {
  actor = c.caller.user;
  if (c.caller.request_id.empty()) return (this->*body)(c, session);
  if (auto known = recall(session, c.caller)) {
    if (auto answer = narrowed<OutcomeOf<C>>(*std::move(known))) return *std::move(answer);
    return Refusal{.code = Code::request_id_reused, .field = "request_id"};  // of a command that is answered otherwise
  }
  auto outcome = (this->*body)(c, session);
  const LockId* lock = nullptr;
  if constexpr (requires { c.wait_for; }) {
    lock = &c.wait;
  } else if constexpr (requires { c.if_versions; }) {
    lock = &c.lock;
  }
  // The command may have ended the session that its id was remembered in.
  if (session == no_index || sessions[session].live) remember(session, c.caller, outcome, lock);
  return outcome;
}

template <class C>
OutcomeOf<C> LockTree::State::in_session(const C& c, OutcomeOf<C> (State::*body)(const C&, SessionIx)) {
  Refusal refusal;
  const SessionIx session = find_session(c.session, c.caller, refusal);
  if (session == no_index) return refusal;
  follow_name(session, c.caller);
  return once(session, c, body);
}

OutcomeOf<OpenSession> LockTree::State::run(const OpenSession& c) {
  auto outcome = once(no_index, c, &State::open_session);
  const auto* opened = std::get_if<SessionOpened>(&outcome);
  if (opened == nullptr) return outcome;
  if (!session_by_id.contains(opened->session)) {  // a repeat, and what it opened has ended since
    return Refusal{.code = Code::session_gone,
                   .detail = "The session that this request opened has ended: open another under a new request id.",
                   .field = "session"};
  }
  tell_secret(c, opened->session);
  return outcome;
}
OutcomeOf<Acquire> LockTree::State::run(const Acquire& c) {
  auto outcome = in_session(c, &State::acquire);
  auto* granted = std::get_if<Granted>(&outcome);
  if (granted != nullptr && granted->versions.empty()) {  // a repeat
    for (const auto& [bill, version] : c.if_versions) granted->versions[bill] = known_version(bill);
  }
  return outcome;
}
OutcomeOf<Release> LockTree::State::run(const Release& c) {
  return c.session.is_nil() ? once(no_index, c, &State::release) : in_session(c, &State::release);
}
OutcomeOf<Extend> LockTree::State::run(const Extend& c) {
  return c.session.is_nil() ? once(no_index, c, &State::extend) : in_session(c, &State::extend);
}
OutcomeOf<Transfer> LockTree::State::run(const Transfer& c) { return in_session(c, &State::transfer); }
OutcomeOf<Force> LockTree::State::run(const Force& c) { return once(no_index, c, &State::force); }
OutcomeOf<Ask> LockTree::State::run(const Ask& c) { return in_session(c, &State::ask); }
OutcomeOf<Agree> LockTree::State::run(const Agree& c) { return once(no_index, c, &State::agree); }
OutcomeOf<Refuse> LockTree::State::run(const Refuse& c) { return once(no_index, c, &State::refuse); }
OutcomeOf<Defer> LockTree::State::run(const Defer& c) { return once(no_index, c, &State::defer); }
OutcomeOf<CancelWait> LockTree::State::run(const CancelWait& c) { return in_session(c, &State::cancel_wait); }

OutcomeOf<ReleaseAll> LockTree::State::run(const ReleaseAll& c) {
  Refusal refusal;
  const SessionIx session = find_session(c.session, c.caller, refusal, true);
  if (session == no_index) return refusal;
  // An administrator's request ids are his own, not the session's.
  const bool own = sessions[session].who->user == c.caller.user;
  if (!own) {
    actor = c.caller.user;
    return release_all(c, session);
  }
  follow_name(session, c.caller);
  return once(session, c, &State::release_all);
}

std::optional<LockOutcome> LockTree::State::recall(SessionIx session, const Caller& caller) {
  const Memory* memory = nullptr;
  if (session != no_index) {
    memory = sessions[session].memory.get();
  } else if (const auto it = users.find(caller.user); it != users.end()) {
    memory = it->second.memory.get();
  }
  if (memory == nullptr) return std::nullopt;
  const std::uint64_t hash = TextHash{}(caller.request_id);
  for (std::size_t slot = 0; slot < memory->ring.size(); ++slot) {
    if (memory->id_hashes[slot] != hash) continue;
    const Remembered& entry = memory->ring[slot];
    if (!entry.used || entry.request_id != caller.request_id) continue;
    if (now() - entry.at > limits().memory_age_max) continue;
    if (entry.fingerprint != caller.fingerprint) {
      return Refusal{.code = Code::request_id_reused, .field = "request_id"};
    }
    if (entry.released) return *entry.released;
    if (entry.answer) return *entry.answer;
    if (const auto w = wait_by_id.find(entry.lock); w != wait_by_id.end())
      return Queued{entry.lock, waits[w->second].position};
    if (const auto g = grant_by_id.find(entry.lock); g != grant_by_id.end())
      return granted_value(g->second, entry.again);
    Refusal refusal;
    refusal.code = Code::lock_gone;
    if (const EndedRec* e = find_ended(entry.lock)) refusal.ended = e->info();
    return refusal;
  }
  return std::nullopt;
}

template <class O>
void LockTree::State::remember(SessionIx session, const Caller& caller, const O& outcome, const LockId* lock) {
  const auto* refusal = answer_in<Refusal>(outcome);
  if (refusal != nullptr && refusal->code != Code::locked && refusal->code != Code::stale_version &&
      refusal->code != Code::not_holder && refusal->code != Code::lock_gone) {
    return;
  }
  HF_ASSERT(!caller.request_id.empty());
  auto& memory = session != no_index ? sessions[session].memory : users[caller.user].memory;
  if (!memory) memory = std::make_unique<Memory>();
  const std::uint64_t number = memory->next++;
  Remembered& entry = memory->place(number, limits().request_ids_per_session_max, TextHash{}(caller.request_id));
  entry.used = true;
  entry.number = number;
  entry.fingerprint = caller.fingerprint;
  entry.request_id = caller.request_id;
  entry.at = now();
  entry.lock = {};
  entry.again = false;
  entry.released.reset();
  entry.answer.reset();
  const auto* granted = answer_in<Granted>(outcome);
  if (granted != nullptr) {
    entry.lock = granted->grant.lock;
    entry.again = granted->again;
  } else if (answer_in<Queued>(outcome) != nullptr && lock != nullptr) {
    entry.lock = *lock;
  } else if (const auto* released = answer_in<Released>(outcome)) {
    entry.released = *released;
  } else {
    entry.answer = std::make_unique<LockOutcome>(widened<LockOutcome>(O(outcome)));
  }
  if (session == no_index) user_memory_age.emplace_back(now(), caller.user);
  put_memory(session, caller.user, entry);
}

void LockTree::State::prune_user_memories() {
  while (!user_memory_age.empty() && now() - user_memory_age.front().first > limits().memory_age_max) {
    const auto it = users.find(user_memory_age.front().second);
    user_memory_age.pop_front();
    if (it == users.end() || !it->second.memory) continue;
    const auto fresh = [&](const Remembered& entry) {
      return entry.used && now() - entry.at <= limits().memory_age_max;
    };
    if (std::ranges::any_of(it->second.memory->ring, fresh)) continue;
    erase_user_memory(it->first, *it->second.memory);
    it->second.memory.reset();
    if (it->second.sessions.empty() && it->second.asked.empty()) users.erase(it);
  }
}

// ---------------------------------------------------------------------------------------------- granting

namespace {

template <class T>
std::vector<T> in_order(const std::vector<T>& items) {
  std::vector<T> sorted = items;
  std::ranges::sort(sorted);
  sorted.erase(std::ranges::unique(sorted).begin(), sorted.end());
  return sorted;
}

std::optional<Refusal> malformed(const Acquire& c, const Limits& limits) {
  const auto invalid = [](std::string detail, std::string field) {
    return Refusal{.code = Code::invalid, .detail = std::move(detail), .field = std::move(field)};
  };
  if (c.targets.empty()) return invalid("Name at least one target.", "targets");
  if (c.targets.size() > limits.targets_per_acquire_max) {
    return Refusal{.code = Code::too_large, .detail = "An acquire names at most 1,000 targets.", .field = "targets"};
  }
  if (c.wait < Millis(0) || c.wait > limits.wait_max) return invalid("wait_ms is 0 to 600,000.", "wait_ms");
  if (c.wait > Millis(0) && c.targets.size() > limits.targets_per_wait_max)
    return invalid("A request that waits names at most 100 targets.", "targets");
  if (c.ttl < Millis(0)) return invalid("ttl_ms is positive.", "ttl_ms");
  if (c.kind == Kind::hold) {
    if (!c.caller.hold) return Refusal{.code = Code::forbidden, .detail = "Placing a hold needs the right lock.hold."};
    if (c.owner.empty()) return invalid("A hold names its owner.", "owner");
    if (c.ttl == Millis(0) || c.ttl > limits.hold_ttl_max)
      return invalid("A hold needs a ttl_ms of at most a year.", "ttl_ms");
  }
  if (!c.stops.empty()) {
    if (c.kind != Kind::hold) return invalid("Only a hold names the actions that it stops.", "stops");
    if (c.wait > Millis(0)) return invalid("A hold that names `stops` does not wait: leave wait_ms out.", "wait_ms");
    if (c.stops.size() > limits.hold_stops_max) return invalid("A hold stops at most 32 actions.", "stops");
  }
  return std::nullopt;
}

}  // namespace

OutcomeOf<Acquire> LockTree::State::acquire(const Acquire& c, SessionIx session) {
  if (auto refusal = malformed(c, limits())) return std::move(*refusal);
  if (c.lock.is_nil() || grant_by_id.contains(c.lock) || wait_by_id.contains(c.lock) || find_ended(c.lock) != nullptr) {
    return Refusal{.code = Code::invalid, .detail = "The lock's id was used before.", .field = "lock"};
  }
  std::vector<Target> sorted;
  std::span<const Target> targets = c.targets;
  if (targets.size() > 1) {
    sorted = in_order(c.targets);
    targets = sorted;
  }
  const std::vector<std::string> stops = in_order(c.stops);
  Want want = want_of(session, c.kind, c.mode, c.owner);
  want.stops = &stops;
  for (const Target& target : targets) want.paths.push_back(path_of(target));
  Details details{c.lock, c.owner, c.label, c.reason, c.ttl, &c.if_versions, c.node};
  details.stops = &stops;
  if (!is_blocked(want)) return grant_now(want, targets, details);
  // Exactly what is held already is held again, whoever waits for it.
  const GrantIx same = find_same(want, targets);
  if (same != no_index && (grants[same].mode == Mode::exclusive || c.mode == Mode::shared))
    return grant_now(want, targets, details);
  if (c.wait == Millis(0)) {
    ++stats.refused;
    return locked(want, c.caller.user);
  }
  return enqueue(want, session, targets, details, c.wait, nullptr);
}

std::optional<std::uint64_t> LockTree::State::known_version(std::string_view bill) const {
  std::optional<std::uint64_t> known;
  if (options.board_version) known = options.board_version(bill);
  const BillLife life = options.board_life ? options.board_life(bill) : BillLife{};
  if (life.deleted) return std::nullopt;
  const auto it = versions.find(bill);
  if (it == versions.end() || it->second.life != life.number) return known;
  if (now() - it->second.at > limits().memory_age_max) return known;
  return std::max(known, std::optional(it->second.version));
}

std::optional<Refusal> LockTree::State::stale_versions(
    const std::map<std::string, std::uint64_t>& wanted,
    std::map<std::string, std::optional<std::uint64_t>>& known) const {
  for (const auto& [bill, version] : wanted) {
    const auto now_known = known_version(bill);
    if (now_known && *now_known > version) {
      return Refusal{.code = Code::stale_version, .stale_target = bill, .known_version = *now_known};
    }
    known[bill] = now_known;
  }
  return std::nullopt;
}

namespace {

bool stop_alike(const Want& want, const GrantRec& hold) {
  static const std::vector<std::string> none;
  return (want.stops ? *want.stops : none) == (hold.texts ? hold.texts->stops : none);
}

}  // namespace

// The session's (a hold's owner's) grant of exactly these targets: one that is strong enough, else one to upgrade,
// which names the same owner, because whom a grant is exempt from does not change.
GrantIx LockTree::State::find_same(const Want& want, std::span<const Target> targets) const {
  HF_ASSERT(!targets.empty() && want.paths.size() == targets.size());
  const Path& first = want.paths.front();
  const NodeIx node = first.node[first.depth - 1];
  if (node == no_index || want.party == 0 || !want.action.empty()) return no_index;
  GrantIx weaker = no_index;
  for (const GrantIx index : nodes[node].direct) {
    const GrantRec& grant = grants[index];
    if (grant.kind != want.kind || grant.party != want.party || grant.targets.size() != targets.size()) continue;
    if (grant.kind == Kind::temporary && run_of(grant.lock) != nullptr) continue;
    if (grant.kind == Kind::hold && !stop_alike(want, grant)) continue;
    bool same = true;
    for (std::size_t i = 0; same && i < targets.size(); ++i) {
      same = grant.targets[i].node == want.paths[i].node[want.paths[i].depth - 1];
    }
    if (!same) continue;
    if (grant.mode == Mode::exclusive || want.mode == Mode::shared) return index;
    const std::string_view owner = grant.texts ? std::string_view(grant.texts->owner) : std::string_view();
    if (weaker == no_index && owner == want.owner) weaker = index;
  }
  return weaker;
}

// The token under which `party` holds `node` exclusively, itself or by the nearest ancestor; 0 if it does not.
Token LockTree::State::token_held(Party party, NodeIx node) const {
  for (; node != no_index; node = nodes[node].parent) {
    const Counts* own = nodes[node].holdings.find(party);
    if (own == nullptr || (*own)[at(Claim::x)] == 0) continue;
    for (const GrantIx index : nodes[node].direct) {
      const GrantRec& grant = grants[index];
      if (grant.party != party || grant.mode != Mode::exclusive || grant.kind == Kind::hold) continue;
      for (const TargetRec& target : grant.targets) {
        if (target.node == node) return target.token;
      }
    }
  }
  return 0;
}

// A bill that is saved under the newer token would fence off its own lines, while and after it is held.
void LockTree::State::raise_below(SessionIx session, NodeIx node, Token token) {
  HF_ASSERT(token != 0 && token <= last_token);
  const Counts* own = nodes[node].holdings.find(sessions[session].party);
  if (own == nullptr || (*own)[at(Claim::ix)] == 0) return;  // nothing of its own lies below
  const auto lies_below = [&](NodeIx held) {
    for (held = nodes[held].parent; held != no_index; held = nodes[held].parent) {
      if (held == node) return true;
    }
    return false;
  };
  for (GrantIx g = sessions[session].first_grant; g != no_index; g = grants[g].next) {
    if (grants[g].mode != Mode::exclusive) continue;
    bool raised = false;
    for (TargetRec& target : grants[g].targets) {
      if (target.token >= token || !lies_below(target.node)) continue;
      target.token = token;
      raised = true;
    }
    if (raised) put_grant(g, Action::none, false);
  }
}

Token LockTree::State::mint() {
  const Token former = std::exchange(last_token, std::max(last_token + 1, static_cast<Token>(to_us(now()))));
  HF_ASSERT(last_token > former);
  return last_token;
}

void LockTree::State::order_append(GrantIx index) {
  HF_ASSERT(grants[index].live && (order.empty() || order.back().first < grants[index].token));
  grants[index].order_slot = order.size();
  order.emplace_back(grants[index].token, index);
}

void LockTree::State::order_remove(GrantIx index) {
  const std::uint64_t slot = grants[index].order_slot;
  HF_ASSERT(slot < order.size() && order[slot] == std::pair(grants[index].token, index));
  order[slot].second = no_index;
  if (++order_dead <= order.size() / 2 + 1024) return;
  std::size_t kept = 0;
  for (const auto& entry : order) {
    if (entry.second == no_index) continue;
    grants[entry.second].order_slot = kept;
    order[kept++] = entry;
  }
  HF_ASSERT(kept == order.size() - order_dead);
  order.resize(kept);
  order_dead = 0;
}

void LockTree::State::link_to_session(GrantIx index, SessionIx to) {
  GrantRec& grant = grants[index];
  SessionRec& session = sessions[to];
  HF_ASSERT(session.live && grant.live && grant.session == no_index && grant.kind != Kind::hold);
  grant.session = to;
  grant.previous = session.last_grant;
  grant.next = no_index;
  (session.last_grant == no_index ? session.first_grant : grants[session.last_grant].next) = index;
  session.last_grant = index;
  session.targets_held += static_cast<std::uint32_t>(grant.targets.size());
}

void LockTree::State::unlink_from_session(GrantIx index) {
  GrantRec& grant = grants[index];
  if (grant.session == no_index) return;
  SessionRec& session = sessions[grant.session];
  HF_ASSERT(session.live && session.targets_held >= grant.targets.size());
  HF_ASSERT((grant.previous == no_index) == (session.first_grant == index));
  HF_ASSERT((grant.next == no_index) == (session.last_grant == index));
  (grant.previous == no_index ? session.first_grant : grants[grant.previous].next) = grant.next;
  (grant.next == no_index ? session.last_grant : grants[grant.next].previous) = grant.previous;
  session.targets_held -= static_cast<std::uint32_t>(grant.targets.size());
  grant.session = no_index;
  grant.previous = grant.next = no_index;
}

namespace {

template <class Details>
std::unique_ptr<GrantTexts> texts_of(const Details& d) {
  if (d.owner.empty() && d.label.empty() && d.reason.empty()) return nullptr;
  return std::make_unique<GrantTexts>(GrantTexts{std::string(d.owner), std::string(d.label), std::string(d.reason),
                                                 std::string(d.rule), d.stops ? *d.stops : std::vector<std::string>()});
}

}  // namespace

// REQUIRES: nothing is in the want's way, or it is held already.
OutcomeOf<Acquire> LockTree::State::grant_now(Want& want, std::span<const Target> targets, const Details& d) {
  std::map<std::string, std::optional<std::uint64_t>> known;
  if (d.if_versions != nullptr) {
    if (auto refusal = stale_versions(*d.if_versions, known)) return std::move(*refusal);
  }
  GrantIx index = find_same(want, targets);
  const bool again = index != no_index && (grants[index].mode == Mode::exclusive || want.mode == Mode::shared);
  if (again) {
    ++grants[index].holds;
    put_grant(index, Action::reenter, false);
  } else {
    if (want.kind != Kind::hold && index == no_index &&
        sessions[want.session].targets_held + targets.size() > limits().locks_per_session_max) {
      return Refusal{
          .code = Code::too_many, .detail = "A session holds at most 10,000 locks.", .retry_after = Millis(1000)};
    }
    const Token token = mint();
    const bool upgrade = index != no_index;
    if (upgrade) {
      GrantRec& grant = grants[index];
      const Party alias = alias_of(grant);
      for (const TargetRec& target : grant.targets) hold_claims(target.node, Mode::exclusive, grant.party, alias);
      for (const TargetRec& target : grant.targets) free_claims(target.node, Mode::shared, grant.party, alias);
      order_remove(index);
      grant.token = token;
      for (TargetRec& target : grant.targets) {
        const Token older = want.kind == Kind::hold ? 0 : token_held(grant.party, target.node);
        target.token = older != 0 ? older : token;
        auto& direct = nodes[target.node].direct;  // its place among them is by token
        drop(direct, index);
        direct.push_back(index);
      }
      grant.mode = Mode::exclusive;
      ++grant.holds;
      if (grant.session != no_index) {
        const SessionIx session = grant.session;
        unlink_from_session(index);
        link_to_session(index, session);
      }
    } else {
      Party alias = 0;
      if (!d.owner.empty()) {
        const OwnerParties& owner = use_owner(d.owner);
        want.party = want.kind == Kind::hold ? owner.hold : want.party;
        alias = want.kind == Kind::hold ? 0 : owner.alias;
      }
      index = grants.make();
      GrantRec& grant = grants[index];
      grant.lock = d.lock;
      grant.token = token;
      grant.who = d.who ? d.who : sessions[want.session].who;
      grant.party = want.party;
      grant.kind = want.kind;
      grant.mode = want.mode;
      grant.holds = 1;
      grant.birth = next_birth++;
      grant.acquired_at = clock.wall();
      grant.live = true;
      grant.texts = texts_of(d);
      if (grant.texts && !grant.texts->stops.empty()) alias = use_stops(grant.texts->stops).alias;
      grant.own_end = grant.max_end = Instant::max();
      Millis ttl = d.ttl;
      if (want.kind == Kind::temporary && ttl == Millis(0)) ttl = limits().temporary_ttl;
      if (ttl > Millis(0)) grant.own_end = now() + ttl;
      for (const Target& target : targets) {
        const NodeIx node = touch(target);
        const Token older = want.kind == Kind::hold ? 0 : token_held(grant.party, node);
        grant.targets.push_back(TargetRec{node, older != 0 ? older : token});
        if (want.kind == Kind::edit) grant.max_end = std::min(grant.max_end, now() + policy_of(node).max_hold);
      }
      for (const TargetRec& target : grant.targets) {
        hold_claims(target.node, want.mode, grant.party, alias);
        nodes[target.node].direct.push_back(index);
      }
      HF_ASSERT(grant_by_id.emplace(grant.lock, index).second);
      if (want.kind != Kind::hold) {
        link_to_session(index, want.session);
      } else {
        grant.session = no_index;
      }
      schedule_grant(index, true);
    }
    order_append(index);
    put_grant(index, upgrade ? Action::upgrade : Action::acquire, !upgrade);
    if (!upgrade) put_stops(grants[index]);
    wake_runs_at(grants[index]);
    if (want.mode == Mode::exclusive && want.kind != Kind::hold) {
      for (const TargetRec& target : grants[index].targets) raise_below(want.session, target.node, target.token);
    }
    if (watching) {
      for (const TargetRec& target : grants[index].targets) target_changed(target.node);
    }
    if (want.session != no_index && !sessions[want.session].waits.empty()) wake_waits_of(want.session);
    if (want.kind == Kind::hold) wake_waits_of_owner(d.owner);  // which it may cover now
  }
  ++stats.granted;
  OutcomeOf<Acquire> outcome(std::in_place_type<Granted>);
  Granted& granted = std::get<Granted>(outcome);
  describe(granted.grant, index, no_index);
  granted.again = again;
  granted.versions = std::move(known);
  return outcome;
}

Grant LockTree::State::grant_value(GrantIx index, NodeIx only) const {
  Grant value;
  describe(value, index, only);
  return value;
}

void LockTree::State::describe(Grant& value, GrantIx index, NodeIx only) const {
  const GrantRec& grant = grants[index];
  HF_ASSERT(grant.live && grant.holds > 0 && grant.token != 0 && grant.token <= last_token && !grant.targets.empty());
  value.lock = grant.lock;
  value.token = grant.token;
  value.targets.reserve(only == no_index ? grant.targets.size() : 1);
  for (const TargetRec& target : grant.targets) {
    if (only == no_index || only == target.node)
      value.targets.push_back(HeldTarget{Target::from_text(nodes[target.node].text), target.token});
  }
  value.mode = grant.mode;
  value.kind = grant.kind;
  value.session = grant.who->session;
  value.user = grant.who->user;
  value.user_name = grant.who->user_name;
  value.client = grant.who->client;
  if (grant.texts) {
    value.owner = grant.texts->owner;
    value.label = grant.texts->label;
    value.reason = grant.texts->reason;
    value.rule = grant.texts->rule;
    value.stops = grant.texts->stops;
  }
  if (grant.kind == Kind::temporary) {
    if (const RunRecord* record = run_of(grant.lock)) {
      value.run = record->info.run;
      value.node = record->info.node;
    }
  }
  value.acquired_at = grant.acquired_at;
  value.expires_at = clock.wall_of(end_of(grant));
  value.holds = grant.holds;
}

Granted LockTree::State::granted_value(GrantIx index, bool again) const {
  return Granted{grant_value(index), again, {}};
}

void LockTree::State::target_changed(NodeIx node) {
  TargetChanged event{Target::from_text(nodes[node].text), std::nullopt};
  if (!nodes[node].direct.empty()) event.grant = grant_value(nodes[node].direct.front(), node);
  events->emplace_back(std::move(event));
}

}  // namespace hf
