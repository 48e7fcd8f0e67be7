#include "property/history_checker.h"

#include <algorithm>

#include "engine/engine_clock.h"

namespace hf::test {
namespace {

bool covers(const Target& above, const Target& below) {
  const std::string& s = above.text();
  const std::string& l = below.text();
  if (l.size() < s.size() || l.compare(0, s.size(), s) != 0) return false;
  return l.size() == s.size() || l[s.size()] == ':' || l[s.size()] == '/';
}

std::vector<Target> set_of(std::vector<Target> targets) {
  std::ranges::sort(targets);
  targets.erase(std::ranges::unique(targets).begin(), targets.end());
  return targets;
}

}  // namespace

HistoryChecker::Claim HistoryChecker::claim_of(const Grant& g) const {
  Claim claim{{}, g.mode, g.kind, g.session, g.owner, g.stops, {}};
  if (const auto run = actions_.find(g.run); run != actions_.end()) claim.action = run->second;
  for (const HeldTarget& t : g.targets) claim.targets.push_back(t.target);
  return claim;
}

bool HistoryChecker::meets(const Claim& a, const Claim& b) {
  if (a.mode == Mode::shared && b.mode == Mode::shared) return false;
  for (const Target& x : a.targets) {
    for (const Target& y : b.targets) {
      if (covers(x, y) || covers(y, x)) return true;
    }
  }
  return false;
}

bool HistoryChecker::excludes(const Claim& a, const Claim& b) {
  const auto passes = [](const Claim& run, const Claim& hold) {
    return !run.action.empty() && !hold.stops.empty() && std::ranges::find(hold.stops, run.action) == hold.stops.end();
  };
  if (passes(a, b) || passes(b, a)) return false;
  const bool one_party =
      a.kind == Kind::hold || b.kind == Kind::hold ? !a.owner.empty() && a.owner == b.owner : a.session == b.session;
  return !one_party && meets(a, b);
}

bool HistoryChecker::orphan(const Grant& grant) const { return !sessions_.contains(grant.session); }

void HistoryChecker::pass_time(Wall clock) {
  if (to_us(clock_) != 0) now_ += std::clamp(clock - clock_, Micros(0), Micros(Limits{}.clock_step_max));
  clock_ = clock;
  for (const auto& [lock, grant] : live_) {
    if (grant.expires_at <= clock_ || until_[lock] <= now_)
      out_of_time_.insert(lock);
    else
      out_of_time_.erase(lock);
  }
}

void HistoryChecker::broken(std::string sentence) {
  if (broken_.empty()) broken_ = std::move(sentence);
}

void HistoryChecker::ended(LockId lock) {
  const auto it = live_.find(lock);
  if (it == live_.end()) return;
  ended_now_.push_back(it->second);
  live_.erase(it);
  ended_.insert(lock);
}

void HistoryChecker::cut(LockId lock, const std::vector<Target>& targets) {
  const auto it = live_.find(lock);
  if (it == live_.end()) return;
  ended_now_.push_back(it->second);
  std::erase_if(it->second.targets,
                [&](const HeldTarget& t) { return std::ranges::find(targets, t.target) != targets.end(); });
  if (it->second.targets.empty()) ended(lock);
}

void HistoryChecker::session_over(SessionId session) {
  std::vector<LockId> gone;
  for (const auto& [lock, g] : live_) {
    if (g.session == session && g.kind == Kind::edit) gone.push_back(lock);
  }
  for (const LockId& lock : gone) ended(lock);
  std::erase_if(waits_, [&](const Wait& w) { return w.claim.session == session && waits_ended_.insert(w.id).second; });
  sessions_.erase(session);
}

// Its next count may be any. While a command takes counts back, that holds for all that it grants.
bool HistoryChecker::is_uncounted(LockId lock) {
  return takes_counts_back_ ? uncounted_.contains(lock) : uncounted_.erase(lock) > 0;
}

void HistoryChecker::granted(const Granted& given, const Claim& asked, LockId as) {
  const Grant& g = given.grant;
  const auto it = live_.find(g.lock);
  if (ended_.contains(g.lock)) broken("a lock that ended came back");
  if (claim_of(g).targets != asked.targets) broken("a grant has other targets than were asked for");
  if (g.session != asked.session && asked.kind != Kind::hold) broken("a grant went to another session than asked");
  if (given.again) {
    if (it == live_.end())
      broken("a re-entry of a lock that is not held");
    else if (it->second.token != g.token)
      broken("a re-entry changed the token");
    else if (!is_uncounted(g.lock) && g.holds != it->second.holds + 1)
      broken("a re-entry did not count by one: " + std::to_string(it->second.holds) + " then " +
             std::to_string(g.holds));
    else if (asked.mode == Mode::exclusive && g.mode == Mode::shared)
      broken("a re-entry is weaker than asked");
  } else {
    if (g.mode != asked.mode) broken("a grant has another mode than asked");
    if (it == live_.end() && g.lock != as) broken("a new grant has another id than its request");
    if (it != live_.end() && (it->second.mode != Mode::shared || g.mode != Mode::exclusive))
      broken("a grant replaced one that was not weaker");
    new_tokens_.push_back(g.token);
    for (const HeldTarget& t : g.targets) {
      if (t.token == g.token) continue;
      // The lock that lends its token may have been released by this very command, after its sweep.
      const auto lends = [&](const Grant& other) {
        return other.mode == Mode::exclusive && other.kind != Kind::hold && other.session == g.session &&
               std::ranges::any_of(other.targets, [&](const HeldTarget& o) {
                 return o.token == t.token && covers(o.target, t.target);
               });
      };
      const bool own = std::ranges::any_of(live_, [&](const auto& entry) { return lends(entry.second); }) ||
                       std::ranges::any_of(ended_now_, lends);
      if (!own) broken("a target is held under a token that no own lock above it has");
    }
    Overtaker overtaker{as, asked, {}};
    for (const Wait& w : waits_) {
      if (w.id == as) break;
      overtaker.ahead.push_back(w.id);
    }
    overtook_.push_back(std::move(overtaker));
  }
  live_[g.lock] = g;
  shown(g);
  new_grants_.push_back(g.lock);
  raise_below(g);
}

// What the session holds below is held under this token from now on.
void HistoryChecker::raise_below(const Grant& fresh) {
  if (fresh.mode != Mode::exclusive || fresh.kind == Kind::hold) return;
  for (auto& [lock, other] : live_) {
    if (other.mode != Mode::exclusive || other.kind == Kind::hold || other.session != fresh.session) continue;
    for (HeldTarget& own : other.targets) {
      for (const HeldTarget& above : fresh.targets) {
        if (own.target != above.target && covers(above.target, own.target))
          own.token = std::max(own.token, above.token);
      }
    }
  }
}

// What was only a dead node's to tell ends; of what has no session to be told, and of counts, nothing is told.
void HistoryChecker::nodes_living(const NodesLiving& living) {
  for (auto it = unheard_.begin(); it != unheard_.end();) {
    if (std::ranges::find(living.nodes, it->second.node) != living.nodes.end()) {
      ++it;
      continue;
    }
    const auto held = live_.find(it->second.lock);
    if (held != live_.end() && held->second.holds > 1) {
      --held->second.holds;
    } else if (held != live_.end() && (held->second.kind == Kind::hold || orphan(held->second))) {
      ended(held->first);
    }
    it = unheard_.erase(it);
  }
  unsure_.insert(granted_now_.begin(), granted_now_.end());
  uncounted_.insert(granted_now_.begin(), granted_now_.end());
}

// What the command itself ended, before anybody else could be granted.
void HistoryChecker::take_effects(const LockCommand& command, const LockOutcome& outcome) {
  if (const auto* c = std::get_if<Release>(&command)) {
    const auto* r = std::get_if<Released>(&outcome);
    if (r == nullptr || r->already) return;
    const auto it = live_.find(c->lock);
    if (it == live_.end())
      return c->caller.request_id.empty() ? broken("a release of what is not held succeeded") : void();
    const bool owner = it->second.kind == Kind::hold ? c->owner == it->second.owner : c->session == it->second.session;
    const bool repeat = !c->caller.request_id.empty();
    if (!owner && !repeat) broken("a release by another than the holder succeeded");
    if (c->token != 0 && c->token != it->second.token && !repeat) broken("a release with another token succeeded");
    if (repeat && released_before_.contains({c->session, c->caller.user, c->caller.request_id})) return;
    if (repeat) released_before_.insert({c->session, c->caller.user, c->caller.request_id});
    if (!c->targets.empty())
      cut(c->lock, c->targets);
    else if (r->released)
      ended(c->lock);
    else
      it->second.holds = r->holds;
    if (r->released && r->holds == 0) ended(c->lock);
  } else if (const auto* a = std::get_if<ReleaseAll>(&command)) {
    if (!std::holds_alternative<ReleasedMany>(outcome)) return;
    const bool repeat = !a->caller.request_id.empty();
    if (repeat && !released_before_.insert({a->session, a->caller.user, a->caller.request_id}).second) return;
    std::vector<std::pair<LockId, std::vector<Target>>> cuts;
    for (const auto& [lock, g] : live_) {
      if (g.session != a->session || g.kind != Kind::edit || granted_now_.contains(lock)) continue;
      std::vector<Target> named;
      for (const HeldTarget& t : g.targets) {
        if (a->type.empty() || t.target.type() == a->type) named.push_back(t.target);
      }
      cuts.emplace_back(lock, std::move(named));
    }
    for (const auto& [lock, targets] : cuts) cut(lock, targets);
  } else if (const auto* t = std::get_if<Transfer>(&command)) {
    const auto* g = std::get_if<Grant>(&outcome);
    if (g == nullptr) return;
    const auto it = live_.find(g->lock);
    const bool repeat = !t->caller.request_id.empty() &&
                        !released_before_.insert({t->session, t->caller.user, t->caller.request_id}).second;
    if (repeat) return;
    if (it == live_.end()) return broken("a transfer of what is not held succeeded");
    if (it->second.session == g->session) return;
    if (it->second.token == g->token) broken("a transfer kept the token");
    new_tokens_.push_back(g->token);
    new_grants_.push_back(g->lock);
    ended_now_.push_back(it->second);
    it->second = *g;
    shown(*g);
  } else if (const auto* step = std::get_if<StepRun>(&command)) {
    const auto* run = std::get_if<RunInfo>(&outcome);
    const auto it = live_.find(LockId{step->run.value});
    if (run == nullptr || it == live_.end()) return;
    it->second.expires_at = run->expires_at;
    shown(it->second);
  } else if (const auto* failed = std::get_if<FailRun>(&command)) {
    if (std::holds_alternative<RunInfo>(outcome)) ended(LockId{failed->run.value});
  } else if (const auto* finish = std::get_if<FinishRun>(&command)) {
    if (const auto* run = std::get_if<RunInfo>(&outcome)) finished(*finish, *run);
  } else if (const auto* f = std::get_if<Force>(&command)) {
    if (std::holds_alternative<Done>(outcome)) ended(f->lock);
  } else if (const auto* heard = std::get_if<Heard>(&command)) {
    if (std::holds_alternative<Done>(outcome)) unheard_.erase(heard->wait);
  } else if (const auto* living = std::get_if<NodesLiving>(&command)) {
    if (std::holds_alternative<Done>(outcome)) nodes_living(*living);
  } else if (const auto* w = std::get_if<CancelWait>(&command)) {
    if (!std::holds_alternative<Done>(outcome)) return;
    std::erase_if(waits_, [&](const Wait& wait) { return wait.id == w->wait && waits_ended_.insert(wait.id).second; });
  }
}

// Its locks end, and so do holds; those that it placed begin.
void HistoryChecker::finished(const FinishRun& finish, const RunInfo& run) {
  if (ended_.contains(LockId{run.run.value}) && run.placed.empty() && !unknown_.contains(run.run)) return;  // a repeat
  unknown_.erase(run.run);
  ended(LockId{run.run.value});
  std::vector<LockId> over;
  for (const RunRelease& which : finish.ends) {
    for (const auto& [lock, g] : live_) {
      const bool on_it = std::ranges::any_of(g.targets, [&](const HeldTarget& t) { return t.target == which.source; });
      if (g.kind == Kind::hold && on_it && g.rule == which.rule && (which.owner.empty() || g.owner == which.owner))
        over.push_back(lock);
    }
  }
  for (const LockId& lock : over) ended(lock);
  for (const Grant& hold : run.placed) {
    if (live_.contains(hold.lock) || ended_.contains(hold.lock)) broken("a hold was placed under an id that was used");
    live_[hold.lock] = hold;
    shown(hold);
    new_tokens_.push_back(hold.token);
    new_grants_.push_back(hold.lock);
  }
}

void HistoryChecker::take_event(const LockEvent& event) {
  const auto numbered = [&](SessionId session, std::uint64_t seq) {
    if (seq == 0) return;
    std::uint64_t& last = seq_[session];
    if (seq != last + 1 && (seq <= last || may_skip_.erase(session) == 0))
      broken("the numbers of a session's events have a gap");
    may_skip_.erase(session);
    last = seq;
  };
  const auto leave = [&](LockId wait) {
    const auto w = std::ranges::find(waits_, wait, &Wait::id);
    if (w == waits_.end()) return false;
    waits_.erase(w);
    waits_ended_.insert(wait);
    return true;
  };
  if (const auto* e = std::get_if<LockGranted>(&event)) {
    numbered(e->session, e->seq);
    if (const auto owed = unheard_.find(e->wait); owed != unheard_.end()) owed->second.lock = e->granted.grant.lock;
    const auto w = std::ranges::find(waits_, e->wait, &Wait::id);
    if (w != waits_.end()) {
      const Claim asked = w->claim;
      granted(e->granted, asked, e->wait);
      leave(e->wait);
    } else if (!moved_.contains(e->granted.grant.lock) && !waited_.contains(e->wait)) {
      broken("a grant was told that nobody waited for");
    }
  } else if (const auto* n = std::get_if<WaitEnded>(&event)) {
    numbered(n->session, n->seq);
    if (!leave(n->wait) && !waits_ended_.contains(n->wait)) broken("the end of a wait was told that never was");
  } else if (const auto* l = std::get_if<LockLost>(&event)) {
    numbered(l->session, l->seq);
    if (l->reason == EndReason::transferred) {
      moved_.insert(l->lock);
    } else if (l->whole) {
      ended(l->lock);
    } else {
      cut(l->lock, l->targets);
    }
  } else if (const auto* a = std::get_if<LockAnswered>(&event)) {
    numbered(a->session, a->seq);
    const auto w = std::ranges::find(waits_, a->wait, &Wait::id);
    if (w == waits_.end()) return waited_.contains(a->wait) ? void() : broken("an answer was told to nobody who asks");
    if (a->answer == "agreed") std::rotate(waits_.begin(), w, w + 1);
  } else if (const auto* r = std::get_if<LockRequested>(&event)) {
    numbered(r->session, r->seq);
  } else if (const auto* run = std::get_if<RunChanged>(&event)) {
    if (run->run.state == RunState::unknown) {
      unknown_.insert(run->run.run);
    } else {
      unknown_.erase(run->run.run);
    }
    if (run->run.state != RunState::running) ended(LockId{run->run.run.value});
  } else if (const auto* s = std::get_if<SessionEnded>(&event)) {
    session_over(s->session);
  } else if (const auto* p = std::get_if<LockWaiting>(&event)) {
    if (p->position == 0 || p->position > waited_.size() + 1) broken("a position that nobody can have");
  }
}

void HistoryChecker::take_answer(const LockCommand& command, const LockOutcome& outcome) {
  if (const auto* c = std::get_if<OpenSession>(&command)) {
    const auto* opened = std::get_if<SessionOpened>(&outcome);
    if (opened != nullptr && sessions_.insert(c->session).second) seq_[c->session] = opened->seq;
  }
  Claim asked;
  LockId as;
  std::string request_id;
  if (const auto* c = std::get_if<BeginRun>(&command)) {
    as = LockId{c->run.value};
    const SessionId session = c->session.is_nil() ? SessionId{c->run.value} : c->session;
    const auto* g = std::get_if<Granted>(&outcome);
    const auto* q = std::get_if<Queued>(&outcome);
    if ((g == nullptr || g->grant.lock != as) && (q == nullptr || q->wait != as)) return;  // refused, or a repeat
    if (live_.contains(as) || std::ranges::find(waits_, as, &Wait::id) != waits_.end()) return;
    actions_[c->run] = c->action;
    if (c->session.is_nil() && sessions_.insert(session).second) seq_[session] = 0;
    asked = {set_of(c->bills), Mode::exclusive, Kind::temporary, session, {}, {}, c->action};
    if (g != nullptr) return granted(*g, asked, as);
    waits_.push_back({as, asked});
    return;
  }
  if (const auto* c = std::get_if<Acquire>(&command)) {
    asked = {set_of(c->targets), c->mode, c->kind, c->session, c->owner, c->stops, {}};
    as = c->lock;
    request_id = c->caller.request_id;
  } else if (const auto* q = std::get_if<Ask>(&command)) {
    asked = {set_of(q->targets), q->mode, Kind::edit, q->session, {}, {}, {}};
    const auto it = live_.find(q->lock);
    if (asked.targets.empty() && it != live_.end()) asked.targets = claim_of(it->second).targets;
    as = q->wait;
    request_id = q->caller.request_id;
  } else {
    return;
  }
  const bool known = live_.contains(as) || waits_ended_.contains(as) || ended_.contains(as) ||
                     std::ranges::find(waits_, as, &Wait::id) != waits_.end();
  if (const auto* g = std::get_if<Granted>(&outcome)) {
    const auto it = live_.find(g->grant.lock);
    const bool repeat = !request_id.empty() && !answered_.insert({asked.session, request_id}).second;
    if (!repeat) return granted(*g, asked, as);
    if (it == live_.end())
      broken("a repeat returned a lock that is not held");
    else if (it->second.token < g->grant.token)
      broken("a repeat returned a token that was never given");
  } else if (const auto* q = std::get_if<Queued>(&outcome)) {
    if (!request_id.empty()) answered_.insert({asked.session, request_id});
    if (known && request_id.empty()) broken("an id was queued twice");
    if (q->wait == as && !known) waits_.push_back({as, asked});
    if (const auto* a = std::get_if<Acquire>(&command); a != nullptr && q->wait == as && !known && !a->node.is_nil())
      unheard_[as] = {a->node, as};
  } else if (!known && request_id.empty()) {
    refused_.insert(as);
  }
}

void HistoryChecker::holds_nothing_ended(const LockCommand& command, const LockOutcome& outcome) {
  const auto current = [&](const Grant& g, std::string_view by) {
    const auto it = live_.find(g.lock);
    if (it == live_.end()) return broken(std::string(by) + " shows a lock that is not held");
    if (unsure_.erase(g.lock) > 0) {
      it->second = g;
      return shown(g);
    }
    if (it->second.token != g.token) broken(std::string(by) + " shows another token");
    if (claim_of(it->second).targets != claim_of(g).targets) broken(std::string(by) + " shows other targets");
    it->second.expires_at = g.expires_at;
    shown(g);
  };
  const bool repeatable = std::visit(
      [](const auto& c) {
        if constexpr (requires { c.caller; })
          return !c.caller.request_id.empty();
        else
          return false;
      },
      command);
  if (const auto* shown = std::get_if<Grant>(&outcome)) {
    if (std::holds_alternative<Transfer>(command)) return;
    if (!repeatable) current(*shown, "an answer");
    // A remembered answer may be from before: then its lock may end earlier than thought.
    else if (live_.contains(shown->lock))
      until_[shown->lock] = std::min(until_[shown->lock], now_ + (shown->expires_at - clock_));
  } else if (const auto* v = std::get_if<Verified>(&outcome)) {
    const auto& asked = std::get<Verify>(command);
    const auto it = live_.find(asked.lock);
    const bool held =
        it != live_.end() &&
        (it->second.token == asked.token ||
         std::ranges::any_of(it->second.targets, [&](const HeldTarget& t) { return t.token == asked.token; }));
    if (v->valid && !held) broken("verify calls valid what is not held");
    if (!v->valid && v->why == "lock_gone" && it != live_.end() && !perhaps_ended(it->second))
      broken("verify calls gone what is held");
  } else if (const auto* list = std::get_if<LockList>(&outcome)) {
    for (const Grant& g : list->locks) current(g, "a list");
    const auto& c = std::get<ListLocks>(command);
    const bool all = c.type.empty() && c.user.empty() && c.client.empty() && c.session.is_nil() && c.run.is_nil() &&
                     !c.kind && c.older.count() == 0 && c.after == 0;
    if (!all || list->next != 0) return;
    for (const auto& [lock, g] : live_) {
      if (!perhaps_ended(g) && std::ranges::find(list->locks, lock, &Grant::lock) == list->locks.end())
        broken("a list lacks a lock that is held");
    }
  } else if (const auto* r = std::get_if<Renewed>(&outcome); r != nullptr && !repeatable) {
    const auto& c = std::get<Heartbeat>(command);
    for (const LockId& lock : r->locks) {
      if (!live_.contains(lock)) broken("a heartbeat renewed a lock that is not held");
    }
    for (const auto& [lock, g] : live_) {
      const bool renewed = std::ranges::find(r->locks, lock) != r->locks.end();
      if (g.session == c.session && g.kind == Kind::edit && !renewed && !perhaps_ended(g))
        broken("a heartbeat lost a lock");
    }
    if (may_skip_.erase(c.session) > 0) seq_[c.session] = std::max(seq_[c.session], r->seq);
    if (r->seq != seq_[c.session]) broken("a heartbeat's number is not that of the newest event");
  }
}

void HistoryChecker::check_all() {
  std::ranges::sort(new_tokens_);
  for (const Token token : new_tokens_) {
    if (token <= last_token_) broken("a new grant's token is not greater than all before it");
    last_token_ = std::max(last_token_, token);
  }
  for (const LockId& id : new_grants_) {
    const auto mine = live_.find(id);
    if (mine == live_.end() || perhaps_ended(mine->second)) continue;
    if (refused_.contains(id)) broken("a refused request was granted later");
    const Claim claim = claim_of(mine->second);
    for (const auto& [lock, g] : live_) {
      if (lock != id && !perhaps_ended(g) && excludes(claim, claim_of(g))) {
        broken("two parties hold modes on one path that exclude each other: " + id.text() + " and " + lock.text());
      }
    }
  }
  for (const auto& [as, claim, ahead] : overtook_) {
    const auto holds_against = [&, &asked = claim, id = as](const Wait& w) {
      const auto held_against = [&](const Grant& grant) {
        const Claim own = claim_of(grant);
        const bool mine = own.kind == Kind::hold ? asked.kind == Kind::hold && own.owner == asked.owner
                                                 : own.session == asked.session;
        return grant.lock != id && mine && meets(own, w.claim);
      };
      return std::ranges::any_of(live_, [&](const auto& entry) { return held_against(entry.second); }) ||
             std::ranges::any_of(ended_now_, held_against);  // held still when the sweep granted
    };
    for (const Wait& w : waits_) {
      if (std::ranges::find(ahead, w.id) == ahead.end()) continue;
      if (w.claim.session != claim.session && excludes(claim, w.claim) && !holds_against(w))
        broken("somebody was granted past an earlier request");
    }
  }
  for (std::size_t i = 0; i < waits_.size(); ++i) {
    const Claim& mine = waits_[i].claim;
    const bool held = std::ranges::any_of(live_, [&](const auto& e) { return excludes(claim_of(e.second), mine); });
    const bool behind = std::ranges::any_of(waits_.begin(), waits_.begin() + static_cast<std::ptrdiff_t>(i),
                                            [&](const Wait& w) { return excludes(w.claim, mine); });
    if (!held && !behind) broken("somebody waits for nothing");
  }
}

void HistoryChecker::restarted() { may_skip_ = sessions_; }

std::string HistoryChecker::record(const LockCommand& command, Wall clock, const LockOutcome& outcome,
                                   const std::vector<LockEvent>& events) {
  if (EngineClock::is_absurd(clock)) {  // no engine goes by it: nothing happens, and no time passes
    const auto* refusal = std::get_if<Refusal>(&outcome);
    if (refusal == nullptr || refusal->code != Code::unavailable || !events.empty())
      broken("a command was carried out at a clock that is far off");
    return broken_;
  }
  pass_time(clock);
  new_tokens_.clear();
  new_grants_.clear();
  overtook_.clear();
  moved_.clear();
  ended_now_.clear();
  waited_.clear();
  for (const Wait& w : waits_) waited_.insert(w.id);
  // A command ends what it ends after the sweep and before others are granted. What it names may have been
  // granted by its own sweep only.
  const LockId named = std::visit(
      [](const auto& c) {
        if constexpr (requires { c.lock; })
          return c.lock;
        else
          return LockId{};
      },
      command);
  granted_now_.clear();
  takes_counts_back_ = std::holds_alternative<NodesLiving>(command);
  for (const LockEvent& event : events) {
    if (const auto* g = std::get_if<LockGranted>(&event)) granted_now_.insert(g->granted.grant.lock);
  }
  const bool before = std::holds_alternative<Transfer>(command) || !granted_now_.contains(named);
  if (before) take_effects(command, outcome);
  // What the command got may at once let others of its party go on: they have a greater token, or share its lock.
  const auto* got = std::get_if<Granted>(&outcome);
  bool answer_taken = false;
  for (const LockEvent& event : events) {
    const auto* g = std::get_if<LockGranted>(&event);
    const bool later =
        g != nullptr && got != nullptr && !got->again &&
        (g->granted.grant.token > got->grant.token || (g->granted.again && g->granted.grant.lock == got->grant.lock));
    if (later && !answer_taken) {
      take_answer(command, outcome);
      answer_taken = true;
    }
    take_event(event);
  }
  if (!before) take_effects(command, outcome);
  if (const auto* all = std::get_if<ReleaseAll>(&command)) {
    for (const LockId& lock : new_grants_) {
      if (live_.contains(lock) && live_[lock].session == all->session) unsure_.insert(lock);
    }
  }
  if (!answer_taken) take_answer(command, outcome);
  holds_nothing_ended(command, outcome);
  check_all();
  return broken_;
}

}  // namespace hf::test
