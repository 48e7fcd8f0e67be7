// Runs, as docs/locks.md §7 has them.
#include <algorithm>
#include <utility>

#include "property/reference_model.h"
#include "property/reference_parts.h"

namespace hf::test {

const ReferenceModel::Run* ReferenceModel::find_run(Id128 id) const {
  const auto it = std::ranges::find(runs_, RunId{id}, [](const Run& r) { return r.info.run; });
  return it == runs_.end() ? nullptr : &*it;
}
ReferenceModel::Run* ReferenceModel::find_run(Id128 id) { return const_cast<Run*>(std::as_const(*this).find_run(id)); }

RunInfo ReferenceModel::view(const Run& run) const {
  RunInfo info = run.info;
  const std::size_t h = find_held(LockId{info.run.value});
  if (info.state == RunState::running && h < held_.size()) info.expires_at = shown(deadline_of(held_[h]));
  return info;
}

// What an action does not last as long as: somebody edits, or a hold.
bool ReferenceModel::lasting(const Acquire& request) const {
  return broken_ != Broken::run_waits_for_edit && std::ranges::any_of(held_, [&](const Held& h) {
           return h.grant.kind != Kind::temporary && clashes(h.grant, request);
         });
}

void ReferenceModel::close_sessions_over() {
  while (!sessions_over_.empty()) {
    for (const SessionId& id : std::exchange(sessions_over_, {})) {
      const Session* const s = find_session(id);
      if (s != nullptr) end_session(static_cast<std::size_t>(s - sessions_.data()), EndReason::session_ended);
    }
    settle();
  }
}

// What is over is forgotten: the sessions of runs, and runs that ended long ago.
void ReferenceModel::finish_command() {
  close_sessions_over();
  while (true) {
    const auto ended = std::ranges::count_if(runs_, [](const Run& r) { return !r.live(); });
    auto oldest = runs_.end();
    for (auto r = runs_.begin(); r != runs_.end(); ++r) {
      if (!r->live() && (oldest == runs_.end() || r->ended < oldest->ended)) oldest = r;
    }
    if (oldest == runs_.end()) return;
    if (ended <= options_.limits.runs_ended_max && now_ - oldest->ended < options_.limits.run_kept) return;
    runs_.erase(oldest);
  }
}

Refusal ReferenceModel::run_gone(const Run& run) const {
  Refusal r = refuse(Code::lock_gone);
  r.ended = EndedInfo{run.reason, run.info.changed_at, {}};
  if (const Gone* g = find_gone(LockId{run.info.run.value})) r.ended = g->info;
  return r;
}

std::optional<Refusal> ReferenceModel::run_refusal(const Caller& caller, RunId id) const {
  const Run* const run = find_run(id.value);
  if (run == nullptr) return refuse(Code::not_found);
  if (run->info.user != caller.user) return refuse(Code::not_holder);
  return std::nullopt;
}

LockOutcome ReferenceModel::begun(const Run& run) {
  const LockId lock{run.info.run.value};
  if (const std::size_t w = find_wait(lock); w < waiting_.size()) return Queued{lock, position_of(w)};
  if (const std::size_t h = find_held(lock); h < held_.size()) return Granted{view(held_[h]), false, {}};
  return run_gone(run);
}

void ReferenceModel::run_has_locks(LockId lock) {
  Run* const run = find_run(lock.value);
  if (run == nullptr || run->info.state != RunState::locking) return;
  run->info.state = RunState::running;
  run->info.changed_at = clock_;
  if (run->own_session) {
    Session& own = *find_session(run->info.session);
    own.lease_end = now_ + own.lease;
  }
  tell(RunChanged{view(*run)});
}

void ReferenceModel::run_ends(Run& run, RunState state, EndReason reason, bool is_error) {
  if (run.live()) {
    run.ended = now_;
    if (run.own_session) sessions_over_.push_back(run.info.session);
  }
  run.info.state = state;
  run.info.error = is_error ? "why" : "";
  run.info.changed_at = clock_;
  run.reason = reason;
  tell(RunChanged{view(run)});
}

void ReferenceModel::run_gets_nothing(LockId wait) {
  const Run* const run = find_run(wait.value);
  if (run == nullptr || run->info.state != RunState::locking) return;
  if (run->own_session) sessions_over_.push_back(run->info.session);
  std::erase_if(runs_, [&](const Run& r) { return r.info.run.value == wait.value; });
}

// Why none can begin.
std::optional<LockOutcome> ReferenceModel::refuses(const BeginRun& c) const {
  const Limits& limits = options_.limits;
  if (c.action.empty()) return refuse(Code::invalid, "action");
  if (c.bills.empty()) return refuse(Code::invalid, "bills");
  if (c.bills.size() > limits.targets_per_acquire_max) return refuse(Code::too_large, "bills");
  if (std::ranges::any_of(c.bills, [](const Target& t) { return t.level() != Level::bill; }))
    return refuse(Code::invalid, "bills");
  if (c.wait.count() < 0 || c.wait > limits.run_wait_max) return refuse(Code::invalid, "wait_ms");
  const LockId lock{c.run.value};
  const SessionId own{c.run.value};
  if (c.run.is_nil() || find_run(c.run.value) != nullptr || find_held(lock) < held_.size() ||
      find_wait(lock) < waiting_.size() || known_gone(lock) || find_session(own) != nullptr) {
    return refuse(Code::invalid, "run");
  }
  const auto live = std::ranges::count_if(runs_, &Run::live);
  const auto of_user =
      std::ranges::count_if(runs_, [&](const Run& r) { return r.live() && r.info.user == c.caller.user; });
  if (live >= limits.runs_max || of_user >= (c.service ? limits.runs_per_service_max : limits.runs_per_user_max))
    return refuse(Code::too_many);
  return std::nullopt;
}

LockOutcome ReferenceModel::run(const BeginRun& c) {
  if (!c.session.is_nil()) {
    if (auto r = session_refusal(c.caller, c.session)) return *r;
  }
  for (const Run& run : runs_) {
    if (c.caller.request_id.empty() || run.request_id != c.caller.request_id || run.info.user != c.caller.user)
      continue;
    return run.fingerprint == c.caller.fingerprint ? begun(run) : LockOutcome(refuse(Code::request_id_reused));
  }
  if (auto why = refuses(c)) return *why;
  const Limits& limits = options_.limits;
  const LockId lock{c.run.value};
  const SessionId own{c.run.value};
  Run run;
  run.info.run = c.run;
  run.info.user = c.caller.user;
  run.info.user_name = c.caller.user_name;
  run.info.action = c.action;
  run.info.bills = sorted_set(c.bills);
  run.info.node = c.node;
  run.info.begun_at = run.info.changed_at = clock_;
  run.number = ++runs_made_;
  run.request_id = c.caller.request_id;
  run.fingerprint = c.caller.fingerprint;
  run.own_session = c.session.is_nil();
  run.info.session = run.own_session ? own : c.session;
  Acquire request;
  request.caller = c.caller;
  request.session = run.info.session;
  request.lock = lock;
  request.targets = run.info.bills;
  request.kind = Kind::temporary;
  request.wait = c.wait;
  runs_.push_back(run);
  const bool blocked = !grantable(request, waiting_.size());
  if (blocked && (c.wait.count() == 0 || request.targets.size() > limits.targets_per_wait_max || lasting(request))) {
    Refusal refusal = locked(request, waiting_.size());
    runs_.pop_back();
    return refusal;
  }
  if (run.own_session) {
    sessions_.push_back({own,
                         c.caller.user,
                         c.caller.user_name,
                         c.client,
                         {},
                         {},
                         0,
                         limits.temporary_ttl,
                         now_ + limits.temporary_ttl,
                         now_,
                         clock_,
                         clock_,
                         0,
                         ++created_,
                         c.service});
  }
  Waiting w;
  w.deadline = now_ + c.wait;
  const LockOutcome outcome = enqueue(request, std::move(w));
  if (std::holds_alternative<Refusal>(outcome)) {
    run_gets_nothing(lock);
  } else if (std::holds_alternative<Granted>(outcome)) {
    run_has_locks(lock);
  }
  return outcome;
}

LockOutcome ReferenceModel::run(const StepRun& c) {
  if (auto r = run_refusal(c.caller, c.run)) return *r;
  Run& run = *find_run(c.run.value);
  if (run.info.state != RunState::running) return run_gone(run);
  held_[find_held(LockId{c.run.value})].ttl_end = now_ + options_.limits.temporary_ttl;
  if (Session* const own = run.own_session ? find_session(run.info.session) : nullptr)
    own->lease_end = now_ + own->lease;
  const bool again = !c.caller.request_id.empty() && c.caller.request_id == run.step_id;
  if (!c.step.empty() && !again) {
    run.info.step = c.step;
    run.info.changed_at = clock_;
    run.step_id = c.caller.request_id;
    tell(RunChanged{view(run)});
  }
  return view(run);
}

LockOutcome ReferenceModel::run(const FinishRun& c) {
  if (auto r = run_refusal(c.caller, c.run)) return *r;
  Run& run = *find_run(c.run.value);
  if (run.info.state == RunState::locking || run.info.state == RunState::failed) return run_gone(run);
  if (run.info.state == RunState::done) return view(run);
  run_ends(run, RunState::done, EndReason::released, false);
  Grant before;  // whose name and client its holds have
  before.user_name = run.info.user_name;
  if (const std::size_t h = find_held(LockId{c.run.value}); h < held_.size()) {
    before = held_[h].grant;
    end(h, EndReason::released, {}, {}, {}, false);
  }
  for (const RunRelease& which : c.ends) {
    for (std::size_t i = 0; i < held_.size();) {
      const Grant& g = held_[i].grant;
      const bool on_it = std::ranges::any_of(g.targets, [&](const HeldTarget& t) { return t.target == which.source; });
      if (g.kind == Kind::hold && on_it && g.rule == which.rule && (which.owner.empty() || g.owner == which.owner)) {
        end(i, EndReason::released, run.info.user, {}, run.info.user_name, false);
      } else {
        ++i;
      }
    }
  }
  RunInfo info;
  std::vector<Grant> placed;
  for (const RunHold& hold : c.places) {
    if (auto grant = place(hold, run, before)) placed.push_back(*grant);
  }
  info = view(run);
  info.placed = placed;
  return info;
}

std::optional<Grant> ReferenceModel::place(const RunHold& hold, const Run& run, const Grant& before) {
  Acquire request;
  request.caller.user = run.info.user;
  request.session = run.info.session;
  request.lock = hold.lock;
  request.targets = {hold.source};
  request.mode = Mode::shared;
  request.kind = Kind::hold;
  request.owner = hold.owner;
  request.ttl = hold.ttl;
  request.stops = hold.stops;
  std::ranges::sort(request.stops);
  if (find_held(hold.lock) < held_.size() || find_wait(hold.lock) < waiting_.size() || known_gone(hold.lock))
    return std::nullopt;
  for (const Held& h : held_) {
    if (clashes(h.grant, request) || is_same(h.grant, request)) return std::nullopt;
  }
  Granted granted = grant(request, run.info.user, before.user_name, before.client);
  held_.back().grant.rule = granted.grant.rule = hold.rule;
  return granted.grant;
}

LockOutcome ReferenceModel::run(const FailRun& c) {
  if (auto r = run_refusal(c.caller, c.run)) return *r;
  Run& run = *find_run(c.run.value);
  const LockId lock{c.run.value};
  if (run.info.state == RunState::failed) return view(run);
  if (run.info.state == RunState::done) return run_gone(run);
  if (run.info.state == RunState::locking) {
    RunInfo info = view(run);
    info.state = RunState::failed;
    info.error = c.error;
    leave_queue(find_wait(lock), refuse(Code::request_gone), true);
    return info;
  }
  run_ends(run, RunState::failed, EndReason::released, true);
  if (const std::size_t h = find_held(lock); h < held_.size()) end(h, EndReason::released, {}, {}, {}, false);
  return view(*find_run(c.run.value));
}

LockOutcome ReferenceModel::run(const SettleRun& c) {
  Run* const run = find_run(c.run.value);
  if (run == nullptr || run->told) return Done{};
  run->told = true;
  if (run->info.state == RunState::unknown) run_ends(*run, RunState::done, run->reason, false);
  return Done{};
}

LockOutcome ReferenceModel::run(const GetRun& c) {
  const Run* const run = find_run(c.run.value);
  return run == nullptr ? LockOutcome(refuse(Code::not_found)) : LockOutcome(view(*run));
}

}  // namespace hf::test
