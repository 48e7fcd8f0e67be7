#include "property/reference_model.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "engine/page.h"
#include "property/reference_pages.h"
#include "property/reference_parts.h"

namespace hf::test {
namespace {

constexpr Wall kEarliest = wall_us(1'704'067'200'000'000);  // 2024-01-01
constexpr Wall kLatest = wall_us(4'133'980'800'000'000);    // 2101-01-01

}  // namespace

ReferenceModel::ReferenceModel(LockTreeOptions options, Broken broken)
    : options_(std::move(options)), broken_(broken) {}

// ------------------------------------------------------------------------------------------ conflict and queue

bool ReferenceModel::clash(const Target& a, Mode am, const Target& b, Mode bm) const {
  if (am == Mode::shared && bm == Mode::shared) return false;
  if (broken_ == Broken::shared_beside_exclusive && am != bm) return false;
  if (broken_ == Broken::part_under_bill && a.level() != b.level()) return false;
  return above_or_same(a, b) || above_or_same(b, a);
}

bool ReferenceModel::same_party(const Party& a, const Party& b) {
  const bool a_hold = a.kind == Kind::hold;
  const bool b_hold = b.kind == Kind::hold;
  return a_hold == b_hold && (a_hold ? *a.owner == *b.owner : a.session == b.session);
}

bool ReferenceModel::exempt(const Party& a, const Party& b) {
  if (a.kind != Kind::hold && b.kind != Kind::hold) return a.session == b.session;
  return !a.owner->empty() && *a.owner == *b.owner;
}

bool ReferenceModel::is_same(const Grant& grant, const Acquire& request) const {
  if (find_run(grant.lock.value) != nullptr || find_run(request.lock.value) != nullptr) return false;
  if (grant.stops != request.stops) return false;
  return grant.kind == request.kind && same_party(party_of(grant), party_of(request)) &&
         same_set(grant.targets, request.targets);
}

bool ReferenceModel::re_enters(const Grant& grant, const Acquire& request) const {
  return is_same(grant, request) && (grant.mode == Mode::exclusive || request.mode == Mode::shared);
}

// Not for another owner: a request that its owner's holds let through would make a grant stronger that they do
// not let be.
bool ReferenceModel::upgrades(const Grant& grant, const Acquire& request) const {
  return is_same(grant, request) && grant.mode == Mode::shared && request.mode == Mode::exclusive &&
         grant.owner == request.owner;
}

bool ReferenceModel::passes(const Grant& grant, const Acquire& request) const {
  const Run* const run = request.kind == Kind::temporary ? find_run(request.lock.value) : nullptr;
  if (run == nullptr || grant.kind != Kind::hold || grant.stops.empty()) return false;
  return broken_ == Broken::pass_holds || std::ranges::find(grant.stops, run->info.action) == grant.stops.end();
}

bool ReferenceModel::clashes(const Grant& grant, const Acquire& request) const {
  if (passes(grant, request)) return false;
  if (exempt(party_of(grant), party_of(request))) return false;
  if (broken_ == Broken::hold_owner && grant.session == request.session) return false;
  for (const HeldTarget& h : grant.targets) {
    for (const Target& t : request.targets) {
      if (clash(h.target, grant.mode, t, request.mode)) return true;
    }
  }
  return false;
}

// True if what the requester holds already gives it, at the node where `mine` and `theirs` meet, the mode that
// its claim puts there.
bool ReferenceModel::covered(const Acquire& request, const Target& mine, const Target& theirs) const {
  const bool intention = !above_or_same(mine, theirs);  // `theirs` lies above: only my intention meets it
  const Target& node = intention ? theirs : mine;
  for (const Held& h : held_) {
    if (!same_party(party_of(h.grant), party_of(request))) continue;
    if (request.mode == Mode::exclusive && h.grant.mode == Mode::shared) continue;
    for (const HeldTarget& t : h.grant.targets) {
      if (above_or_same(t.target, node) || (intention && above_or_same(node, t.target))) return true;
    }
  }
  return false;
}

bool ReferenceModel::holds_against(const Acquire& request, const Acquire& waiter) const {
  if (broken_ == Broken::holder_upgrade) return false;
  for (const Held& h : held_) {
    if (h.grant.kind != Kind::hold && h.grant.session == request.session && clashes(h.grant, waiter)) return true;
  }
  return false;
}

// True if `request` must let `waiter`, who came earlier, go first.
bool ReferenceModel::behind(const Acquire& request, const Acquire& waiter) const {
  if (broken_ == Broken::queue_order) return false;
  if (request.session == waiter.session || exempt(party_of(request), party_of(waiter))) return false;
  for (const Target& mine : request.targets) {
    for (const Target& theirs : waiter.targets) {
      if (clash(mine, request.mode, theirs, waiter.mode) &&
          (broken_ == Broken::holder_upgrade || !covered(request, mine, theirs))) {
        return !holds_against(request, waiter);
      }
    }
  }
  return false;
}

bool ReferenceModel::grantable(const Acquire& request, std::size_t earlier) const {
  for (const Held& h : held_) {
    if (clashes(h.grant, request)) return false;
  }
  for (std::size_t i = 0; i < earlier; ++i) {
    if (behind(request, waiting_[i].request)) return false;
  }
  return true;
}

std::uint32_t ReferenceModel::position_of(std::size_t index) const {
  const Acquire& mine = waiting_[index].request;
  std::uint32_t position = 1;
  for (std::size_t i = 0; i < index; ++i) {
    const Acquire& theirs = waiting_[i].request;
    if (mine.session == theirs.session || exempt(party_of(mine), party_of(theirs))) continue;
    const bool meets = std::ranges::any_of(mine.targets, [&](const Target& a) {
      return std::ranges::any_of(theirs.targets, [&](const Target& b) { return clash(a, mine.mode, b, theirs.mode); });
    });
    if (meets) ++position;
  }
  return position;
}

// Follows who waits for whom from `request`; true if that leads back to its session.
bool ReferenceModel::deadlocks(const Acquire& request) const {
  if (broken_ == Broken::deadlock) return false;
  const bool holds = std::ranges::any_of(
      held_, [&](const Held& h) { return h.grant.kind != Kind::hold && h.grant.session == request.session; });
  if (!holds) return false;
  std::vector<SessionId> reached;
  std::vector<std::pair<const Acquire*, std::size_t>> open{{&request, waiting_.size()}};
  const auto reach = [&](SessionId session) {
    if (std::ranges::find(reached, session) != reached.end()) return;
    reached.push_back(session);
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      if (waiting_[i].request.session == session) open.emplace_back(&waiting_[i].request, i);
    }
  };
  while (!open.empty()) {
    const auto [wait, earlier] = open.back();
    open.pop_back();
    for (const Held& h : held_) {
      if (h.grant.kind != Kind::hold && clashes(h.grant, *wait)) reach(h.grant.session);
    }
    for (std::size_t i = 0; i < earlier; ++i) {
      if (behind(*wait, waiting_[i].request)) reach(waiting_[i].request.session);
    }
  }
  return std::ranges::find(reached, request.session) != reached.end();
}

Refusal ReferenceModel::locked(const Acquire& request, std::size_t earlier) const {
  Refusal refusal = refuse(Code::locked);
  const auto in_the_way = [&](Conflict c, const std::string& user) {
    ++refusal.conflicts_total;
    if (refusal.conflicts.size() == options_.limits.conflicts_told_max) return;
    const Session* const asker = find_session(request.session);
    c.same_user = user == (asker != nullptr ? asker->user : request.caller.user);
    for (const Waiting& w : waiting_)
      c.queue += std::ranges::any_of(w.request.targets, [&](const Target& t) { return t == c.target; }) ? 1 : 0;
    refusal.conflicts.push_back(std::move(c));
  };
  for (const Held& h : held_) {
    const Grant& g = h.grant;
    if (exempt(party_of(g), party_of(request)) || passes(g, request)) continue;
    for (const HeldTarget& t : g.targets) {
      const bool meets = std::ranges::any_of(
          request.targets, [&](const Target& mine) { return clash(mine, request.mode, t.target, g.mode); });
      const Session* s = find_session(g.session);
      if (meets) {
        in_the_way(
            {t.target, g.lock, false, g.label, g.user, g.user_name, g.client, g.session, g.acquired_at,
             s == nullptr ? Wall{} : s->last_activity_at, shown(deadline_of(h)), g.kind, g.mode, g.reason, 0, 0, false},
            g.user);
      }
    }
  }
  for (std::size_t i = 0; i < earlier; ++i) {
    const Acquire& w = waiting_[i].request;
    if (!behind(request, w)) continue;
    const Session& s = *find_session(w.session);
    in_the_way({w.targets.front(), w.lock, true, w.label, s.user, s.user_name, s.client, s.id, waiting_[i].since,
                s.last_activity_at, shown(waiting_[i].deadline), w.kind, w.mode, w.reason, position_of(i), 0, false},
               s.user);
  }
  return refusal;
}

// ------------------------------------------------------------------------------------------------------- time

void ReferenceModel::advance(Wall clock) {
  if (!started_) {
    now_ = instant_us(to_us(clock));
    started_ = true;
  } else {
    const Micros passed = std::max(clock - clock_, Micros(0));
    if (clock < clock_ || passed > options_.limits.clock_step_max) tell(ClockAlarm{});
    now_ += std::min(passed, Micros(options_.limits.clock_step_max));
  }
  clock_ = clock;
}

// What is due goes in the order of its deadline, then sessions before grants, waits and answers, then the order
// in which they were made.
void ReferenceModel::sweep() {
  while (true) {
    std::tuple<Instant, int, std::uint64_t, std::size_t> first{Instant::max(), 0, 0, 0};
    for (std::size_t i = 0; i < sessions_.size(); ++i)
      first = std::min(first, {sessions_[i].lease_end, 0, sessions_[i].created, i});
    for (std::size_t i = 0; i < held_.size(); ++i) {
      first = std::min(first, {std::min(held_[i].ttl_end, held_[i].max_end), 1, held_[i].created, i});
    }
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      first = std::min(first, {waiting_[i].deadline, 2, waiting_[i].created, i});
      first = std::min(first, {waiting_[i].answer_by, 3, waiting_[i].created, i});
    }
    const auto [at, kind, created, index] = first;
    if (at > now_) break;
    if (kind == 0) {
      end_session(index, EndReason::expired);
    } else if (kind == 1) {
      end(index, held_[index].max_end <= held_[index].ttl_end ? EndReason::max_hold : EndReason::expired);
    } else if (kind == 2) {
      leave_queue(index, locked(waiting_[index].request, index), true);
    } else {
      answer_timeout(index);
    }
    settle();
  }
  std::erase_if(versions_, [&](const auto& v) { return !remembers(v.second.at); });
}

void ReferenceModel::answer_timeout(std::size_t index) {
  Waiting& w = waiting_[index];
  w.answer_by = Instant::max();
  bool blocked = false;
  bool all_idle = true;
  for (const Held& h : held_) {
    if (!clashes(h.grant, w.request)) continue;
    blocked = true;
    const Session* s = find_session(h.grant.session);
    all_idle = all_idle && h.grant.kind == Kind::edit && s != nullptr &&
               now_ - s->last_activity >= options_.policy(h.grant.targets.front().target.type()).idle_takeover;
  }
  if (blocked && all_idle) {
    const LockId wait = w.request.lock;
    const Session& asker = *find_session(w.request.session);
    tell(LockAnswered{w.request.session, next_seq(w.request.session), wait, "agreed", "idle", {}, {}, {}});
    hand_over(Acquire(w.request), nullptr, asker.user, asker.user_name, "idle", std::nullopt);
    to_front(wait);
  } else {
    w.state = AskState::unanswered;
    tell(LockAnswered{w.request.session, next_seq(w.request.session), w.request.lock, "unanswered", {}, {}, {}, {}});
  }
}

// ---------------------------------------------------------------------------------------------------- effects

std::optional<Refusal> ReferenceModel::stale(const Acquire& request) const {
  if (broken_ == Broken::stale_version) return std::nullopt;
  for (const auto& [bill, version] : request.if_versions) {
    const auto known = versions_.find(bill);
    if (known != versions_.end() && remembers(known->second.at) && version < known->second.version) {
      Refusal r = refuse(Code::stale_version);
      r.stale_target = bill;
      r.known_version = known->second.version;
      return r;
    }
  }
  return std::nullopt;
}

// Gives what was found grantable: a re-entry, an upgrade or a new grant.
Granted ReferenceModel::grant(const Acquire& request, const std::string& user, const std::string& name,
                              const ClientInfo& client) {
  Granted granted;
  for (const auto& [bill, version] : request.if_versions) {
    const auto known = versions_.find(bill);
    granted.versions[bill] =
        known == versions_.end() || !remembers(known->second.at) ? std::nullopt : std::optional(known->second.version);
  }
  for (Held& h : held_) {
    if (!re_enters(h.grant, request)) continue;
    ++h.grant.holds;
    if (broken_ == Broken::token_on_reentry) h.grant.token = ++last_token_;
    granted.grant = view(h);
    granted.again = true;
    return granted;
  }

  const Token token = std::max(last_token_ + 1, static_cast<Token>(to_us(now_)));
  last_token_ = token;
  std::vector<HeldTarget> targets;
  for (const Target& t : request.targets) {
    Token under = token;
    for (const Held& h : held_) {
      if (request.kind == Kind::hold || h.grant.mode == Mode::shared ||
          !same_party(party_of(h.grant), party_of(request)))
        continue;
      for (const HeldTarget& own : h.grant.targets) {
        if (above_or_same(own.target, t)) under = std::min(under, own.token);
      }
    }
    targets.push_back({t, under});
  }
  if (broken_ == Broken::partial_grant && targets.size() > 1) targets.pop_back();
  for (std::size_t i = 0; i < held_.size(); ++i) {
    if (!upgrades(held_[i].grant, request)) continue;
    Held upgraded = held_[i];
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
    upgraded.grant.mode = Mode::exclusive;
    upgraded.grant.token = token;
    upgraded.grant.targets = targets;
    ++upgraded.grant.holds;
    held_.push_back(upgraded);
    raise_below(upgraded.grant);
    granted.grant = view(held_.back());
    return granted;
  }
  Held h;
  h.created = ++created_;
  h.grant = Grant{request.lock,    token,          targets, request.mode, request.kind,
                  request.session, user,           name,    client,       request.owner,
                  request.label,   request.reason, clock_,  {},           1};
  h.grant.stops = request.stops;
  if (const Run* const run = request.kind == Kind::temporary ? find_run(request.lock.value) : nullptr) {
    h.grant.run = run->info.run;
    h.grant.node = run->info.node;
  }
  Millis max_hold = Millis::max();
  for (const Target& t : request.targets) max_hold = std::min(max_hold, options_.policy(t.type()).max_hold);
  if (request.kind == Kind::edit) h.max_end = now_ + max_hold;
  if (request.ttl.count() > 0) h.ttl_end = now_ + request.ttl;
  if (request.ttl.count() == 0 && request.kind == Kind::temporary) h.ttl_end = now_ + options_.limits.temporary_ttl;
  held_.push_back(h);
  raise_below(h.grant);
  granted.grant = view(held_.back());
  return granted;
}

// What the session holds below is written under the newer token from now on.
void ReferenceModel::raise_below(const Grant& fresh) {
  if (fresh.kind == Kind::hold || fresh.mode == Mode::shared) return;
  for (Held& h : held_) {
    if (h.grant.mode == Mode::shared || !same_party(party_of(h.grant), party_of(fresh))) continue;
    for (HeldTarget& own : h.grant.targets) {
      for (const HeldTarget& above : fresh.targets) {
        if (own.target != above.target && above_or_same(above.target, own.target))
          own.token = std::max(own.token, above.token);
      }
    }
  }
}

// Grants whoever waits and can be granted, in the queue's order, until nobody is left who could be; then tells
// those who wait where they stand now.
void ReferenceModel::settle() {
  for (std::size_t i = 0; i < waiting_.size() && broken_ != Broken::wake_up;) {
    const Acquire request = waiting_[i].request;
    if (!grantable(request, i)) {
      if (request.kind == Kind::temporary && find_run(request.lock.value) != nullptr && lasting(request)) {
        leave_queue(i, locked(request, i), true);
        i = 0;
      } else {
        ++i;
      }
      continue;
    }
    const Session& s = *find_session(request.session);
    LockOutcome outcome = give(request, s);
    if (const auto* why = std::get_if<Refusal>(&outcome)) {
      leave_queue(i, *why, true);
    } else {
      waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
      run_has_locks(request.lock);
      Granted& granted = std::get<Granted>(outcome);
      for (Remembered& r : remembered_) {
        if (r.lock == request.lock) r.lock = granted.grant.lock, r.outcome = granted;
      }
      if (granted.grant.lock != request.lock)
        became_.push_back({request.lock, granted.grant.lock, request.session, now_});
      tell(LockGranted{request.session, next_seq(request.session), request.lock, std::move(granted)});
    }
    i = 0;
  }
}

void ReferenceModel::tell_positions() {
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    const std::uint32_t position = position_of(i);
    if (position == waiting_[i].told) continue;
    waiting_[i].told = position;
    tell(LockWaiting{waiting_[i].request.session, waiting_[i].request.lock, position});
  }
}

// What was found grantable, or why it cannot be after all.
LockOutcome ReferenceModel::give(const Acquire& request, const Session& s) {
  if (auto why = stale(request)) return *why;
  const bool has_it = std::ranges::any_of(
      held_, [&](const Held& h) { return re_enters(h.grant, request) || upgrades(h.grant, request); });
  std::size_t targets = request.targets.size();
  for (const Held& h : held_) {
    if (h.grant.kind != Kind::hold && h.grant.session == s.id) targets += h.grant.targets.size();
  }
  if (request.kind != Kind::hold && !has_it && targets > options_.limits.locks_per_session_max)
    return refuse(Code::too_many);
  return grant(request, s.user, s.user_name, s.client);
}

void ReferenceModel::end(std::size_t index, EndReason reason, const std::string& by, const std::string& note,
                         const std::string& by_name, bool tell_holder) {
  const Grant g = held_[index].grant;
  unheard_.erase(g.lock);
  held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(index));
  gone_.push_back({g.lock, {reason, clock_, by}, g.session, g.owner, g.kind, gone_at(), false});
  if (Run* const run = find_run(g.lock.value);
      run != nullptr && run->info.state == RunState::running && broken_ != Broken::run_outlives_locks)
    run_ends(*run, run->told ? RunState::done : RunState::unknown, reason, !run->told);
  if (!tell_holder || g.kind == Kind::hold || find_session(g.session) == nullptr) return;
  LockLost lost{g.session, next_seq(g.session), g.lock, reason, {}, true, by, by_name, note};
  for (const HeldTarget& t : g.targets) lost.targets.push_back(t.target);
  tell(std::move(lost));
}

// Takes `targets` away from a grant; true if that was all of it.
bool ReferenceModel::cut(std::size_t index, const std::vector<Target>& targets, EndReason reason, const std::string& by,
                         const std::string& by_name, bool tell_holder, const std::string& note) {
  Grant& g = held_[index].grant;
  const auto named = [&](const HeldTarget& t) { return std::ranges::find(targets, t.target) != targets.end(); };
  if (std::ranges::all_of(g.targets, named)) {
    end(index, reason, by, note, by_name, tell_holder);
    return true;
  }
  LockLost lost{g.session, 0, g.lock, reason, {}, false, by, by_name, note};
  for (const HeldTarget& t : g.targets) {
    if (named(t)) lost.targets.push_back(t.target);
  }
  std::erase_if(g.targets, named);
  if (!lost.targets.empty() && tell_holder && find_session(g.session) != nullptr) {
    lost.seq = next_seq(g.session);
    tell(std::move(lost));
  }
  return false;
}

std::uint32_t ReferenceModel::end_session(std::size_t index, EndReason reason) {
  const SessionId id = sessions_[index].id;
  std::uint32_t ended = 0;
  for (std::size_t i = 0; i < held_.size() && broken_ != Broken::lease_end;) {
    const Grant& g = held_[i].grant;
    if (g.session != id || g.kind != Kind::edit) {
      ++i;
      continue;
    }
    end(i, reason, {}, {}, {}, false);
    ++ended;
  }
  for (std::size_t i = 0; i < waiting_.size();) {
    if (waiting_[i].request.session == id)
      leave_queue(i, refuse(Code::session_gone), false);
    else
      ++i;
  }
  sessions_.erase(sessions_.begin() + static_cast<std::ptrdiff_t>(index));
  std::erase_if(remembered_, [&](const Remembered& r) { return r.scope == id.text(); });
  tell(SessionEnded{id, reason});
  return ended;
}

void ReferenceModel::leave_queue(std::size_t index, Refusal why, bool tell_waiter) {
  const Acquire request = waiting_[index].request;
  unheard_.erase(request.lock);
  run_gets_nothing(request.lock);
  waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
  if (tell_waiter) gone_.push_back({request.lock, {}, request.session, {}, request.kind, gone_at(), true});
  for (Remembered& r : remembered_) {
    if (r.lock == request.lock) r.outcome = why, r.lock = {};
  }
  if (tell_waiter) tell(WaitEnded{request.session, next_seq(request.session), request.lock, std::move(why)});
}

void ReferenceModel::to_front(LockId wait) {
  const std::size_t i = find_wait(wait);
  std::rotate(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(i),
              waiting_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
}

// Ends what stands in the way of `request` among the edit locks (of one user, or of all). False if nothing did.
bool ReferenceModel::hand_over(const Acquire& request, const std::string* user_only, const std::string& by,
                               const std::string& by_name, const std::string& note,
                               std::optional<std::uint64_t> version) {
  bool any = false;
  for (std::size_t i = 0; i < held_.size();) {
    const Grant& g = held_[i].grant;
    std::vector<Target> taken;
    if (g.kind == Kind::edit && (user_only == nullptr || g.user == *user_only) &&
        !exempt(party_of(g), party_of(request))) {
      for (const HeldTarget& h : g.targets) {
        if (std::ranges::any_of(request.targets,
                                [&](const Target& t) { return clash(h.target, g.mode, t, request.mode); }))
          taken.push_back(h.target);
      }
    }
    any = any || !taken.empty();
    for (const Target& t : taken) learn({{t, 0}}, version);
    if (taken.empty() || !cut(i, taken, EndReason::handed_over, by, by_name, true, note)) ++i;
  }
  return any;
}

void ReferenceModel::learn(const std::vector<HeldTarget>& targets, std::optional<std::uint64_t> version) {
  if (!version) return;
  for (const HeldTarget& t : targets) {
    const std::string bill = bill_of(t.target);
    if (bill.empty()) continue;
    Known& known = versions_[bill];
    known.version = std::max(known.version, *version);
    known.at = now_;
  }
}

// ------------------------------------------------------------------------------------------ what things look like

Instant ReferenceModel::deadline_of(const Held& h) const {
  Instant at = std::min(h.ttl_end, h.max_end);
  const Session* s = h.grant.kind == Kind::edit ? find_session(h.grant.session) : nullptr;
  return s == nullptr ? at : std::min(at, s->lease_end);
}

Wall ReferenceModel::shown(Instant at) const { return clock_ + (at - now_); }

Grant ReferenceModel::view(const Held& h) const {
  Grant g = h.grant;
  g.expires_at = shown(deadline_of(h));
  return g;
}

WaitInfo ReferenceModel::view(std::size_t i) const {
  const Waiting& w = waiting_[i];
  const Session& s = *find_session(w.request.session);
  return {w.request.lock, s.id,           s.user,          s.user_name, w.request.targets,
          w.request.mode, w.request.kind, w.request.label, w.since,     shown(w.deadline),
          position_of(i), w.asking};
}

AskInfo ReferenceModel::ask_view(std::size_t i) const {
  const Waiting& w = waiting_[i];
  return {view(i), w.asked,         w.message,
          w.state, w.answer_reason, w.answer_by == Instant::max() ? Wall{} : shown(w.answer_by)};
}

bool ReferenceModel::concerns(std::size_t i, const std::string& user) const {
  const Waiting& w = waiting_[i];
  return w.asking && (find_session(w.request.session)->user == user ||
                      std::ranges::find(w.asked_users, user) != w.asked_users.end());
}

SessionSnapshot ReferenceModel::snapshot(const Session& s, bool whole) const {
  SessionSnapshot out{
      s.id,  s.user, s.user_name, s.client, s.lease, s.opened_at, shown(s.lease_end), s.last_activity_at,
      s.seq, {},     {},          {},       {}};
  if (!whole) return out;
  for (const Held& h : held_) {
    if (h.grant.session == s.id && h.grant.kind != Kind::hold) out.locks.push_back(view(h));
  }
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    if (waiting_[i].request.session == s.id) out.waits.push_back(view(i));
  }
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    if (waiting_[i].asking && waiting_[i].request.session == s.id) out.asks.push_back(ask_view(i));
  }
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    const Waiting& w = waiting_[i];
    const bool open = w.state == AskState::asked || w.state == AskState::deferred;
    const bool asked = std::ranges::find(w.asked_users, s.user) != w.asked_users.end();
    if (w.asking && asked && open && w.request.session != s.id) out.asks.push_back(ask_view(i));
  }
  return out;
}

ReferenceModel::Session* ReferenceModel::find_session(SessionId id) {
  const auto it = std::ranges::find(sessions_, id, &Session::id);
  return it == sessions_.end() ? nullptr : &*it;
}
const ReferenceModel::Session* ReferenceModel::find_session(SessionId id) const {
  const auto it = std::ranges::find(sessions_, id, &Session::id);
  return it == sessions_.end() ? nullptr : &*it;
}
std::size_t ReferenceModel::find_held(LockId lock) const {
  std::size_t i = 0;
  while (i < held_.size() && held_[i].grant.lock != lock) ++i;
  return i;
}
std::size_t ReferenceModel::find_wait(LockId wait) const {
  std::size_t i = 0;
  while (i < waiting_.size() && waiting_[i].request.lock != wait) ++i;
  return i;
}
const ReferenceModel::Gone* ReferenceModel::find_gone(LockId lock) const {
  for (auto g = gone_.rbegin(); g != gone_.rend(); ++g) {
    if (g->lock == lock && remembers(g->at)) return &*g;
  }
  return nullptr;
}

bool ReferenceModel::known_gone(LockId lock) const {
  const Gone* g = find_gone(lock);
  return g != nullptr;
}

std::optional<Refusal> ReferenceModel::session_refusal(const Caller& caller, SessionId id) const {
  const Session* s = find_session(id);
  if (s == nullptr) return refuse(Code::session_gone);
  if (s->user != caller.user) return refuse(Code::forbidden);
  return std::nullopt;
}

Refusal ReferenceModel::gone_refusal(LockId lock) const {
  const Gone* g = find_gone(lock);
  if (g == nullptr || g->was_wait) return refuse(Code::not_found);
  Refusal r = refuse(Code::lock_gone);
  r.ended = g->info;
  return r;
}

std::uint64_t ReferenceModel::next_seq(SessionId id) {
  Session* s = find_session(id);
  return s == nullptr ? 0 : ++s->seq;
}

void ReferenceModel::follow_name(const Caller& caller, SessionId id) {
  Session* s = find_session(id);
  if (s == nullptr || s->user != caller.user || caller.user_name.empty()) return;
  s->user_name = caller.user_name;
  for (Held& h : held_) {
    if (h.grant.session == id && h.grant.kind != Kind::hold) h.grant.user_name = caller.user_name;
  }
}

// ---------------------------------------------------------------------------------------------------- repeats

ReferenceModel::RepeatKey ReferenceModel::repeat_key(const LockCommand& command) {
  return std::visit(
      []<class C>(const C& c) -> RepeatKey {
        constexpr bool query = std::is_same_v<C, GetLock> || std::is_same_v<C, ListLocks> || std::is_same_v<C, Check> ||
                               std::is_same_v<C, Verify> || std::is_same_v<C, GetSession> ||
                               std::is_same_v<C, ListSessions> || std::is_same_v<C, ListAsks> ||
                               std::is_same_v<C, ListWaits> || std::is_same_v<C, GetStats> ||
                               std::is_same_v<C, BeginRun> || std::is_same_v<C, StepRun> ||
                               std::is_same_v<C, FinishRun> || std::is_same_v<C, FailRun> ||
                               std::is_same_v<C, SettleRun> || std::is_same_v<C, GetRun>;  // or by the run itself
        constexpr bool of_user = std::is_same_v<C, OpenSession> || std::is_same_v<C, Force> ||
                                 std::is_same_v<C, Agree> || std::is_same_v<C, Refuse> || std::is_same_v<C, Defer>;
        RepeatKey key;
        constexpr bool remembered = !std::is_same_v<C, Heartbeat> && !std::is_same_v<C, ResumeSession> &&
                                    !std::is_same_v<C, TakeOver> && !std::is_same_v<C, Heard>;
        if constexpr (std::is_same_v<C, Tick> || std::is_same_v<C, NodesLiving> || query) {
          return key;
        } else {
          if (c.caller.request_id.empty() || !remembered) return key;
          key.caller = &c.caller;
          key.scope = "user " + c.caller.user;
          if constexpr (!of_user) {
            if (!c.session.is_nil()) key.scope = c.session.text(), key.session = c.session;
          }
          if constexpr (std::is_same_v<C, Acquire>) key.lock = c.lock;
          if constexpr (std::is_same_v<C, Ask>) key.lock = c.wait;
          return key;
        }
      },
      command);
}

std::optional<LockOutcome> ReferenceModel::repeated(const RepeatKey& key) {
  if (broken_ == Broken::repeat) return std::nullopt;
  for (const Remembered& r : remembered_) {
    if (r.scope != key.scope || r.request_id != key.caller->request_id || !remembers(r.at)) continue;
    if (r.fingerprint != key.caller->fingerprint) return refuse(Code::request_id_reused);
    if (r.lock.is_nil()) return r.outcome;
    if (const std::size_t w = find_wait(r.lock); w < waiting_.size()) return Queued{r.lock, position_of(w)};
    const std::size_t h = find_held(r.lock);
    if (h == held_.size()) {
      Refusal gone = gone_refusal(r.lock);
      gone.code = Code::lock_gone;
      return gone;
    }
    const auto* granted = std::get_if<Granted>(&r.outcome);
    Granted same;
    if (granted != nullptr) same = *granted;
    for (auto& [bill, version] : same.versions) {
      const auto known = versions_.find(bill);
      version = known == versions_.end() || !remembers(known->second.at) ? std::nullopt
                                                                         : std::optional(known->second.version);
    }
    same.grant = view(held_[h]);
    return same;
  }
  return std::nullopt;
}

// A session's memory is for its user only, and only while it lives.
bool ReferenceModel::session_answers(const RepeatKey& key) const {
  return key.session.is_nil() || !session_refusal(*key.caller, key.session);
}

void ReferenceModel::remember(const RepeatKey& key, const LockOutcome& outcome) {
  LockId lock = key.lock;
  if (const auto* granted = std::get_if<Granted>(&outcome)) lock = granted->grant.lock;
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) {
    const bool kept = refusal->code == Code::locked || refusal->code == Code::stale_version ||
                      refusal->code == Code::not_holder || refusal->code == Code::lock_gone;
    if (!kept) return;
    lock = {};
  }
  remembered_.push_back({key.scope, key.caller->request_id, key.caller->fingerprint, outcome, lock, now_});
  const auto of_scope = [&](const Remembered& r) { return r.scope == key.scope; };
  if (static_cast<std::size_t>(std::ranges::count_if(remembered_, of_scope)) >
      options_.limits.request_ids_per_session_max) {
    remembered_.erase(std::ranges::find_if(remembered_, of_scope));
  }
}

// --------------------------------------------------------------------------------------------------- commands

LockOutcome ReferenceModel::apply(const LockCommand& command, Wall clock, std::vector<LockEvent>& events) {
  if (clock < kEarliest || clock >= kLatest) return refuse(Code::unavailable);
  events_ = &events;
  advance(clock);
  sweep();
  close_sessions_over();
  std::visit(
      [this]<class C>(const C& c) {
        constexpr bool acts = std::is_same_v<C, Heartbeat> || std::is_same_v<C, Acquire> ||
                              std::is_same_v<C, Release> || std::is_same_v<C, Extend> || std::is_same_v<C, Transfer> ||
                              std::is_same_v<C, ReleaseAll> || std::is_same_v<C, Ask> ||
                              std::is_same_v<C, CancelWait> || std::is_same_v<C, BeginRun>;
        if constexpr (acts) follow_name(c.caller, c.session);
      },
      command);
  const RepeatKey key = repeat_key(command);
  if (key.caller != nullptr && session_answers(key)) {
    if (auto before = repeated(key)) {
      if (const auto* open = std::get_if<OpenSession>(&command)) tell_secret(*open, *before);
      if (const auto* opened = std::get_if<SessionOpened>(&*before);
          opened != nullptr && find_session(opened->session) == nullptr)
        before = refuse(Code::session_gone, "session");
      finish_command();
      tell_positions();
      return *before;
    }
  }
  LockOutcome outcome = std::visit([&](const auto& c) { return run(c); }, command);
  const bool scope_lives = key.session.is_nil() || find_session(key.session) != nullptr;
  if (key.caller != nullptr && scope_lives && session_answers(key)) remember(key, outcome);
  settle();
  finish_command();
  tell_positions();
  return outcome;
}

void ReferenceModel::restarted(Wall clock, Instant recorded, Token floor) {
  now_ = recorded;
  clock_ = clock;
  started_ = true;
  last_token_ = std::max(last_token_, floor);
  for (Session& s : sessions_) {
    s.lease_end = now_ + s.lease;
    s.last_activity = now_;
  }
  // The journal keeps of an answer only whose grant or session it showed: it is repeated as of the restart.
  std::erase_if(remembered_, [&](const Remembered& r) {
    const auto* opened = std::get_if<SessionOpened>(&r.outcome);
    return opened != nullptr && find_session(opened->session) == nullptr;
  });
  for (Remembered& r : remembered_) {
    const auto* grant = std::get_if<Grant>(&r.outcome);
    if (grant == nullptr) continue;
    const LockId lock = grant->lock;
    if (const std::size_t h = find_held(lock); h < held_.size()) {
      r.outcome = view(held_[h]);
    } else {
      Refusal gone = gone_refusal(lock);
      gone.code = Code::lock_gone;
      r.outcome = gone;
    }
  }
}

bool ReferenceModel::renumbered(SessionId id, std::uint64_t seq) {
  Session* s = find_session(id);
  if (s == nullptr || seq < s->seq) return false;
  s->seq = seq;
  return true;
}

LockOutcome ReferenceModel::run(const Tick&) { return Done{}; }

LockOutcome ReferenceModel::run(const OpenSession& c) {
  if (c.session.is_nil() || find_session(c.session) != nullptr) return refuse(Code::invalid, "session");
  if (c.lease < options_.limits.lease_min || c.lease > options_.limits.lease_max)
    return refuse(Code::invalid, "lease_ms");
  const auto count = std::ranges::count_if(sessions_, [&](const Session& s) {
    return s.user == c.caller.user && find_run(s.id.value) == nullptr;  // those of runs do not count
  });
  const std::uint32_t max =
      c.service ? options_.limits.sessions_per_service_max : options_.limits.sessions_per_user_max;
  if (static_cast<std::uint32_t>(count) >= max) return refuse(Code::too_many);
  sessions_.push_back({c.session,
                       c.caller.user,
                       c.caller.user_name,
                       c.client,
                       c.secret,
                       {},
                       0,
                       c.lease,
                       now_ + c.lease,
                       now_,
                       clock_,
                       clock_,
                       0,
                       ++created_,
                       c.service});
  return SessionOpened{c.session, c.lease, shown(now_ + c.lease), 0};
}

namespace {

// Any of the last nine told since one was proved may be the one that arrived.
void tell_secret_to(ReferenceModel::Session& s, const Secret& next) {
  if (!s.told.empty() && (s.told.back() == next || s.told.back() == s.proved)) s.told.pop_back();
  s.told.push_back(next);
  if (s.told.size() > 9) s.told.erase(s.told.begin());
}

}  // namespace

void ReferenceModel::tell_secret(const OpenSession& c, const LockOutcome& before) {
  const auto* opened = std::get_if<SessionOpened>(&before);
  Session* s = opened == nullptr ? nullptr : find_session(opened->session);
  if (s == nullptr || c.secret == s->proved || std::ranges::find(s->told, c.secret) != s->told.end()) return;
  tell_secret_to(*s, c.secret);
}

LockOutcome ReferenceModel::run(const ResumeSession& c) {
  if (auto r = session_refusal(c.caller, c.session)) return *r;
  Session& s = *find_session(c.session);
  const bool is_told = std::ranges::find(s.told, c.secret) != s.told.end();
  if (c.secret != s.proved && !is_told) return refuse(Code::session_gone);
  if (c.attempt != 0 && c.attempt < s.attempt) return refuse(Code::unavailable);
  s.attempt = std::max(s.attempt, c.attempt);
  if (c.secret != s.proved) s.proved = c.secret, s.told.clear();
  tell_secret_to(s, c.next_secret);
  follow_name(c.caller, c.session);
  s.lease_end = now_ + s.lease;
  s.last_activity = now_;
  s.last_activity_at = clock_;
  return SessionResumed{page_of(snapshot(s, true), 0, SIZE_MAX, page_bytes_max)};
}

LockOutcome ReferenceModel::run(const TakeOver& c) {
  if (auto r = session_refusal(c.caller, c.session)) return *r;
  const Session& s = *find_session(c.session);
  if (c.secret != (s.told.empty() ? s.proved : s.told.back())) return refuse(Code::session_gone);
  return Done{};
}

LockOutcome ReferenceModel::run(const Heard& c) {
  if (auto r = session_refusal(c.caller, c.session)) return *r;
  unheard_.erase(c.wait);
  return Done{};
}

LockOutcome ReferenceModel::run(const NodesLiving& c) {
  const auto unheard = unheard_;
  for (const auto& [wait, node] : unheard) {
    if (std::ranges::find(c.nodes, node) != c.nodes.end() || unheard_.erase(wait) == 0) continue;
    if (const std::size_t w = find_wait(wait); w < waiting_.size()) {
      leave_queue(w, refuse(Code::request_gone), true);
    } else {
      LockId lock = wait;
      for (const Became& b : became_) {
        if (b.wait == wait && remembers(b.at)) lock = b.lock;
      }
      const std::size_t h = find_held(lock);
      if (h == held_.size()) continue;
      if (--held_[h].grant.holds == 0)
        end(h, EndReason::released, {}, "its node died before anybody was told", {}, true);
    }
    settle();
  }
  return Done{};
}

LockOutcome ReferenceModel::run(const EndSession& c) {
  const Session* s = find_session(c.session);
  if (s == nullptr) return refuse(Code::session_gone);
  if (s->user != c.caller.user && !c.caller.admin) return refuse(Code::forbidden);
  const auto index = static_cast<std::size_t>(find_session(c.session) - sessions_.data());
  return SessionClosed{end_session(index, EndReason::session_ended)};
}

LockOutcome ReferenceModel::run(const Heartbeat& c) {
  if (auto r = session_refusal(c.caller, c.session)) return *r;
  Session& s = *find_session(c.session);
  s.lease_end = now_ + s.lease;
  s.last_activity = std::max(s.last_activity, now_ - std::max(c.idle, Millis(0)));
  s.last_activity_at = std::max(s.last_activity_at, clock_ - std::max(c.idle, Millis(0)));
  Renewed renewed{shown(s.lease_end), s.seq, {}};
  for (const Held& h : held_) {
    if (h.grant.session == s.id && h.grant.kind != Kind::hold) renewed.locks.push_back(h.grant.lock);
  }
  return renewed;
}

LockOutcome ReferenceModel::run(const Acquire& c) {
  if (auto r = session_refusal(c.caller, c.session)) return *r;
  const Limits& limits = options_.limits;
  Acquire request = c;
  request.targets = sorted_set(c.targets);
  if (request.targets.empty()) return refuse(Code::invalid, "targets");
  if (c.targets.size() > limits.targets_per_acquire_max) return refuse(Code::too_large, "targets");
  if (c.wait.count() > 0 && c.targets.size() > limits.targets_per_wait_max) return refuse(Code::invalid, "targets");
  if (c.wait.count() < 0 || c.wait > limits.wait_max) return refuse(Code::invalid, "wait_ms");
  if (c.ttl.count() < 0) return refuse(Code::invalid, "ttl_ms");
  if (c.kind == Kind::hold) {
    if (!c.caller.hold) return refuse(Code::forbidden);
    if (c.owner.empty()) return refuse(Code::invalid, "owner");
    if (c.ttl.count() == 0 || c.ttl > limits.hold_ttl_max) return refuse(Code::invalid, "ttl_ms");
  }
  if (!c.stops.empty()) {
    if (c.kind != Kind::hold || c.stops.size() > limits.hold_stops_max) return refuse(Code::invalid, "stops");
    if (c.wait.count() > 0) return refuse(Code::invalid, "wait_ms");
  }
  std::ranges::sort(request.stops);
  request.stops.erase(std::ranges::unique(request.stops).begin(), request.stops.end());
  if (c.lock.is_nil() || find_held(c.lock) < held_.size() || find_wait(c.lock) < waiting_.size() ||
      known_gone(c.lock)) {
    return refuse(Code::invalid, "lock");
  }
  Waiting w;
  w.deadline = now_ + c.wait;
  return enqueue(std::move(request), std::move(w));
}

// Grants, or queues as `w` says; the end of an acquire and of an ask alike.
LockOutcome ReferenceModel::enqueue(Acquire request, Waiting w) {
  const Session& s = *find_session(request.session);
  const bool again = std::ranges::any_of(held_, [&](const Held& h) { return re_enters(h.grant, request); });
  if (again || grantable(request, waiting_.size())) {
    return give(request, s);
  }
  if (request.wait.count() == 0) return locked(request, waiting_.size());
  const auto waits =
      std::ranges::count_if(waiting_, [&](const Waiting& other) { return other.request.session == s.id; });
  if (static_cast<std::uint32_t>(waits) >= options_.limits.waits_per_session_max) return refuse(Code::too_many);
  if (deadlocks(request)) {
    Refusal r = locked(request, waiting_.size());
    r.deadlock = true;
    return r;
  }
  w.request = std::move(request);
  w.created = ++created_;
  w.since = clock_;
  waiting_.push_back(std::move(w));
  Waiting& queued = waiting_.back();
  if (!queued.request.node.is_nil()) unheard_[queued.request.lock] = queued.request.node;
  queued.told = position_of(waiting_.size() - 1);
  return Queued{queued.request.lock, queued.told};
}

LockOutcome ReferenceModel::run(const Release& c) {
  if (!c.session.is_nil()) {
    if (auto r = session_refusal(c.caller, c.session)) return *r;
  }
  const std::size_t i = find_held(c.lock);
  if (i == held_.size()) {
    const Gone* g = find_gone(c.lock);
    const bool own = g != nullptr && !g->was_wait && g->info.reason == EndReason::released &&
                     (g->kind == Kind::hold ? c.caller.hold && g->owner == c.owner : g->session == c.session);
    if (own) return Released{false, 0, true};
    return gone_refusal(c.lock);
  }
  Grant& g = held_[i].grant;
  if (find_run(g.lock.value) != nullptr) return refuse(Code::forbidden);
  if (g.kind == Kind::hold) {
    if (!c.caller.hold) return refuse(Code::forbidden);
    if (c.owner != g.owner) return refuse(Code::not_holder);
  } else if (g.session != c.session) {
    return refuse(Code::not_holder);
  }
  if (c.token != 0 && c.token != g.token) return refuse(Code::not_holder);
  if (c.holds && *c.holds != g.holds) return Released{false, g.holds, true};
  if (c.exact && !c.holds && !c.all && c.targets.empty() && g.holds > 1) return refuse(Code::invalid, "holds");
  const auto unknown = [&](const Target& t) {
    return std::ranges::find(g.targets, t, &HeldTarget::target) == g.targets.end();
  };
  if (std::ranges::any_of(c.targets, unknown)) return refuse(Code::invalid, "targets");
  learn(g.targets, c.version);
  if (!c.targets.empty()) {
    const std::uint32_t holds = g.holds;
    const bool whole = cut(i, c.targets, EndReason::released, {}, {}, false);
    return Released{true, whole ? 0 : holds, false};
  }
  if (g.holds > 1 && !c.all && broken_ != Broken::release_counts) {
    --g.holds;
    return Released{false, g.holds, false};
  }
  end(i, EndReason::released, {}, {}, {}, false);
  return Released{true, 0, false};
}

LockOutcome ReferenceModel::run(const Extend& c) {
  if (!c.session.is_nil()) {
    if (auto r = session_refusal(c.caller, c.session)) return *r;
  }
  const std::size_t i = find_held(c.lock);
  if (i == held_.size()) return gone_refusal(c.lock);
  Held& h = held_[i];
  if (find_run(h.grant.lock.value) != nullptr) return refuse(Code::forbidden);
  if (h.grant.kind == Kind::hold) {
    if (!c.caller.hold) return refuse(Code::forbidden);
  } else if (h.grant.session != c.session) {
    return refuse(Code::not_holder);
  }
  if (c.ttl.count() <= 0 || c.ttl > options_.limits.hold_ttl_max) return refuse(Code::invalid, "ttl_ms");
  h.ttl_end = now_ + c.ttl;
  return view(h);
}

LockOutcome ReferenceModel::run(const Transfer& c) {
  if (auto r = session_refusal(c.caller, c.session)) return *r;
  if (auto r = session_refusal(c.caller, c.to_session)) return *r;
  const std::size_t i = find_held(c.lock);
  if (i == held_.size()) return gone_refusal(c.lock);
  if (held_[i].grant.kind != Kind::edit) return refuse(Code::forbidden);
  if (held_[i].grant.user != c.caller.user) return refuse(Code::not_holder);
  if (held_[i].grant.session != c.session && c.to_session != c.session) return refuse(Code::not_holder);
  if (held_[i].grant.session == c.to_session) return view(held_[i]);
  std::size_t targets = held_[i].grant.targets.size();
  for (const Held& h : held_) {
    if (h.grant.kind != Kind::hold && h.grant.session == c.to_session) targets += h.grant.targets.size();
  }
  if (targets > options_.limits.locks_per_session_max) return refuse(Code::too_many);
  Held h = held_[i];
  Acquire as_request;
  as_request.session = c.to_session;
  as_request.mode = h.grant.mode;
  as_request.owner = h.grant.owner;
  for (const HeldTarget& t : h.grant.targets) as_request.targets.push_back(t.target);
  for (std::size_t k = 0; k < held_.size(); ++k) {
    if (k != i && clashes(held_[k].grant, as_request)) return locked(as_request, 0);
  }
  const Session& to = *find_session(c.to_session);
  const SessionId from = h.grant.session;
  const Token token = std::max(last_token_ + 1, static_cast<Token>(to_us(now_)));
  last_token_ = token;
  h.grant.session = to.id;
  h.grant.client = to.client;
  h.grant.user_name = to.user_name;
  h.grant.token = token;
  LockLost lost{from,
                next_seq(from),
                h.grant.lock,
                EndReason::transferred,
                as_request.targets,
                true,
                c.caller.user,
                c.caller.user_name,
                {}};
  tell(std::move(lost));
  held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
  for (HeldTarget& t : h.grant.targets) {
    t.token = token;
    for (const Held& other : held_) {
      if (other.grant.mode == Mode::shared || other.grant.kind == Kind::hold || other.grant.session != to.id) continue;
      for (const HeldTarget& own : other.grant.targets) {
        if (above_or_same(own.target, t.target)) t.token = std::min(t.token, own.token);
      }
    }
  }
  held_.push_back(h);
  tell(LockGranted{to.id, next_seq(to.id), h.grant.lock, Granted{view(h), false, {}}});
  return view(h);
}

LockOutcome ReferenceModel::run(const Force& c) {
  if (c.reason.empty()) return refuse(Code::invalid, "reason");
  const std::size_t i = find_held(c.lock);
  if (i == held_.size()) return gone_refusal(c.lock);
  end(i, EndReason::forced, c.caller.user, c.reason, c.caller.user_name);
  return Done{};
}

LockOutcome ReferenceModel::run(const ReleaseAll& c) {
  const Session* s = find_session(c.session);
  if (s == nullptr) return refuse(Code::session_gone);
  if (s->user != c.caller.user && !c.caller.admin) return refuse(Code::forbidden);
  const bool own = s->user == c.caller.user;
  ReleasedMany many;
  for (std::size_t i = 0; i < held_.size();) {
    const Grant& g = held_[i].grant;
    std::vector<Target> named;
    for (const HeldTarget& t : g.targets) {
      if (c.type.empty() || t.target.type() == c.type) named.push_back(t.target);
    }
    if (g.session != c.session || g.kind != Kind::edit || named.empty()) {
      ++i;
      continue;
    }
    ++many.released;
    if (!cut(i, named, own ? EndReason::released : EndReason::forced, own ? std::string() : c.caller.user,
             own ? std::string() : c.caller.user_name, !own, own ? std::string() : "all released by an administrator"))
      ++i;
  }
  return many;
}

LockOutcome ReferenceModel::run(const Ask& c) {
  if (auto r = session_refusal(c.caller, c.session)) return *r;
  const std::size_t i = find_held(c.lock);
  if (i == held_.size()) return gone_refusal(c.lock);
  const Grant& named = held_[i].grant;
  if (named.kind != Kind::edit) return refuse(Code::forbidden, "lock");
  for (const Target& t : c.targets) {
    if (std::ranges::none_of(named.targets, [&](const HeldTarget& own) { return above_or_same(own.target, t); }))
      return refuse(Code::invalid, "targets");
  }
  if (c.wait.is_nil() || find_held(c.wait) < held_.size() || find_wait(c.wait) < waiting_.size() ||
      known_gone(c.wait)) {
    return refuse(Code::invalid, "wait");
  }
  Acquire request;
  request.caller = c.caller;
  request.session = c.session;
  request.lock = c.wait;
  request.targets = sorted_set(c.targets);
  if (request.targets.empty()) {
    for (const HeldTarget& t : held_[i].grant.targets) request.targets.push_back(t.target);
  }
  if (request.targets.size() > options_.limits.targets_per_wait_max) return refuse(Code::invalid, "targets");
  if (c.wait_for.count() <= 0 || c.wait_for > options_.limits.wait_max) return refuse(Code::invalid, "wait_ms");
  request.mode = c.mode;
  request.label = c.label;
  request.wait = c.wait_for;
  Waiting w;
  w.asking = true;
  w.asked = c.lock;
  w.message = c.message;
  w.deadline = now_ + c.wait_for;
  w.answer_by = now_ + options_.policy(request.targets.front().type()).request_timeout;
  LockOutcome outcome = enqueue(std::move(request), std::move(w));
  if (!std::holds_alternative<Queued>(outcome)) return outcome;
  const std::size_t index = waiting_.size() - 1;
  for (const Held& h : held_) {
    if (h.grant.kind == Kind::edit && clashes(h.grant, waiting_[index].request))
      waiting_[index].asked_users.push_back(h.grant.user);
  }
  const AskInfo info = ask_view(index);
  for (Session& s : sessions_) {
    const auto& asked = waiting_[index].asked_users;
    if (std::ranges::find(asked, s.user) != asked.end()) tell(LockRequested{s.id, ++s.seq, info});
  }
  return outcome;
}

LockOutcome ReferenceModel::run(const Agree& c) {
  const std::size_t i = find_wait(c.wait);
  if (i == waiting_.size() || !waiting_[i].asking) return refuse(Code::request_gone);
  const Acquire request = waiting_[i].request;
  const bool blocks = std::ranges::any_of(held_, [&](const Held& h) {
    return h.grant.kind == Kind::edit && h.grant.user == c.caller.user && clashes(h.grant, request);
  });
  if (!blocks) return refuse(Code::not_holder);
  tell(LockAnswered{
      request.session, next_seq(request.session), c.wait, "agreed", {}, c.caller.user, c.caller.user_name, {}});
  hand_over(request, &c.caller.user, c.caller.user, c.caller.user_name, {}, c.version);
  to_front(c.wait);
  settle();
  const bool granted = std::ranges::any_of(*events_, [&](const LockEvent& e) {
    const auto* g = std::get_if<LockGranted>(&e);
    return g != nullptr && g->wait == c.wait;
  });
  return Answered{granted};
}

LockOutcome ReferenceModel::run(const Refuse& c) {
  const std::size_t i = find_wait(c.wait);
  if (i == waiting_.size() || !waiting_[i].asking) return refuse(Code::request_gone);
  Waiting& w = waiting_[i];
  const bool blocks = std::ranges::any_of(held_, [&](const Held& h) {
    return h.grant.kind == Kind::edit && h.grant.user == c.caller.user && clashes(h.grant, w.request);
  });
  if (!blocks) return refuse(Code::not_holder);
  w.state = AskState::refused;
  w.answer_reason = c.reason;
  w.answer_by = Instant::max();
  tell(LockAnswered{w.request.session,
                    next_seq(w.request.session),
                    c.wait,
                    "refused",
                    c.reason,
                    c.caller.user,
                    c.caller.user_name,
                    {}});
  return Done{};
}

LockOutcome ReferenceModel::run(const Defer& c) {
  const std::size_t i = find_wait(c.wait);
  if (i == waiting_.size() || !waiting_[i].asking) return refuse(Code::request_gone);
  Waiting& w = waiting_[i];
  const bool blocks = std::ranges::any_of(held_, [&](const Held& h) {
    return h.grant.kind == Kind::edit && h.grant.user == c.caller.user && clashes(h.grant, w.request);
  });
  if (!blocks) return refuse(Code::not_holder);
  if (c.by.count() <= 0 || c.by > options_.limits.defer_max) return refuse(Code::invalid, "ms");
  if (w.state != AskState::asked && broken_ != Broken::defer_twice) return refuse(Code::invalid, "ms");
  w.state = AskState::deferred;
  w.answer_by = now_ + c.by;
  tell(LockAnswered{w.request.session,
                    next_seq(w.request.session),
                    c.wait,
                    "deferred",
                    {},
                    c.caller.user,
                    c.caller.user_name,
                    shown(w.answer_by)});
  return Done{};
}

LockOutcome ReferenceModel::run(const CancelWait& c) {
  if (auto r = session_refusal(c.caller, c.session)) return *r;
  if (const std::size_t i = find_wait(c.wait); i < waiting_.size()) {
    if (waiting_[i].request.session != c.session) return refuse(Code::not_holder);
    leave_queue(i, refuse(Code::request_gone), true);
    return Done{};
  }
  LockId lock = c.wait;
  for (const Became& b : became_) {
    if (b.wait == c.wait && remembers(b.at)) lock = b.lock;
  }
  if (const std::size_t h = find_held(lock); h < held_.size()) {
    if (held_[h].grant.session != c.session) return refuse(Code::not_holder);
    return Granted{view(held_[h]), false, {}};
  }
  const Gone* g = find_gone(lock);
  return g != nullptr && g->was_wait ? refuse(Code::request_gone) : gone_refusal(lock);
}

}  // namespace hf::test
