// Runs: who may begin one, the locks that it takes, and what ends with it.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "engine/lock_tree_each.h"
#include "engine/lock_tree_state.h"

namespace hf {
namespace {

Refusal invalid(std::string detail, std::string field) {
  return Refusal{.code = Code::invalid, .detail = std::move(detail), .field = std::move(field)};
}

std::optional<Refusal> malformed(const BeginRun& c, const Limits& limits) {
  if (c.action.empty()) return invalid("Name the action.", "action");
  if (c.bills.empty()) return invalid("Name at least one bill.", "bills");
  if (c.bills.size() > limits.targets_per_acquire_max) {
    return Refusal{.code = Code::too_large, .detail = "A run names at most 1,000 bills.", .field = "bills"};
  }
  if (std::ranges::any_of(c.bills, [](const Target& bill) { return bill.level() != Level::bill; }))
    return invalid("A run is of bills: Type:id.", "bills");
  if (c.wait < Millis(0) || c.wait > limits.run_wait_max) return invalid("wait_ms is 0 to 20,000.", "wait_ms");
  return std::nullopt;
}

}  // namespace

// ---------------------------------------------------------------------------------------------- beginning

OutcomeOf<BeginRun> LockTree::State::run(const BeginRun& c) {
  Refusal refusal;
  SessionIx session = no_index;
  if (!c.session.is_nil()) {
    session = find_session(c.session, c.caller, refusal);
    if (session == no_index) return refusal;
    follow_name(session, c.caller);
  }
  actor = c.caller.user;
  if (!c.caller.request_id.empty()) {
    if (const RunRecord* before = runs.begun_by(c.caller.user, c.caller.request_id)) {
      if (before->fingerprint != c.caller.fingerprint)
        return Refusal{.code = Code::request_id_reused, .field = "request_id"};
      return run_granted(before->info.run);
    }
  }
  if (auto why = malformed(c, limits())) return *std::move(why);
  const LockId lock{c.run.value};
  const SessionId own_session{c.run.value};
  if (c.run.is_nil() || runs.find(c.run) != nullptr || grant_by_id.contains(lock) || wait_by_id.contains(lock) ||
      find_ended(lock) != nullptr || session_by_id.contains(own_session)) {
    return invalid("The run's id was used before.", "run");
  }
  if (const auto why = runs.refuses(c.caller.user, c.service))
    return Refusal{.code = Code::too_many, .detail = std::string(*why), .retry_after = Millis(1000)};

  RunRecord record;
  record.info.run = c.run;
  record.info.user = c.caller.user;
  record.info.user_name = c.caller.user_name;
  record.info.action = c.action;
  record.info.bills = c.bills;
  std::ranges::sort(record.info.bills);
  record.info.bills.erase(std::ranges::unique(record.info.bills).begin(), record.info.bills.end());
  record.info.node = c.node;
  record.info.begun_at = record.info.changed_at = clock.wall();
  record.request_id = c.caller.request_id;
  record.fingerprint = c.caller.fingerprint;
  record.own_session = session == no_index;
  record.info.session = record.own_session ? own_session : c.session;

  Want want = want_of(session, Kind::temporary, Mode::exclusive, {});
  let_pass(want, c.action);
  for (const Target& bill : record.info.bills) want.paths.push_back(path_of(bill));
  const bool blocked = is_blocked(want);
  const bool may_wait = blocked && c.wait > Millis(0) && record.info.bills.size() <= limits().targets_per_wait_max;
  if (blocked && (!may_wait || lasting_in_way(want))) {
    ++stats.refused;
    return locked(want, c.caller.user);
  }
  if (record.own_session) {
    session = open_own_session(c);
    want.session = session;
    want.party = sessions[session].party;
  }
  const std::vector<Target> bills = record.info.bills;
  const Details details{.lock = lock, .owner = {}, .label = {}, .reason = {}};
  const RunRecord& begun = runs.begin(std::move(record), *journal, stamp(Action::none));
  OutcomeOf<BeginRun> outcome =
      blocked ? enqueue(want, session, bills, details, c.wait, nullptr) : grant_now(want, bills, details);
  if (std::holds_alternative<Refusal>(outcome)) {
    run_over(begun);
    runs.forget(c.run, *journal);
  } else if (!blocked) {
    run_began(lock);
  }
  return outcome;
}

SessionIx LockTree::State::open_own_session(const BeginRun& c) {
  return add_session(OpenSession{.caller = c.caller,
                                 .session = SessionId{c.run.value},
                                 .client = c.client,
                                 .lease = limits().temporary_ttl,
                                 .service = c.service});
}

// What the run's beginning is answered, now.
OutcomeOf<BeginRun> LockTree::State::run_granted(const RunId& run) {
  const RunRecord& record = *runs.find(run);
  const LockId lock{run.value};
  if (const auto w = wait_by_id.find(lock); w != wait_by_id.end()) return Queued{lock, waits[w->second].position};
  if (const auto g = grant_by_id.find(lock); g != grant_by_id.end()) return granted_value(g->second, false);
  return run_gone(record);
}

void LockTree::State::run_began(const LockId& lock) {
  HF_ASSERT(grant_by_id.contains(lock));
  const RunRecord& begun = runs.start(RunId{lock.value}, clock.wall(), *journal, stamp(Action::run_begin));
  renew_own_session(begun);
  tell_run(begun);
}

void LockTree::State::renew_own_session(const RunRecord& record) {
  if (!record.own_session) return;
  const auto own = session_by_id.find(record.info.session);
  if (own != session_by_id.end()) sessions[own->second].lease_end = now() + sessions[own->second].lease;
}

// Each of the walk's first steps would do: who is in the way of a run is mostly one.
bool LockTree::State::lasting_in_way(const Want& want) const {
  constexpr std::size_t looked_at_max = 10'000;
  bool lasting = false;
  each_grant_in_way(want, looked_at_max, [&](GrantIx grant, std::size_t) {
    lasting = grants[grant].kind != Kind::temporary;
    return !lasting;
  });
  return lasting;
}

void LockTree::State::wake_runs_at(const GrantRec& grant) {
  if (runs.live() == 0 || grant.kind == Kind::temporary) return;
  const auto look = [&](NodeIx node, Claim claim) {
    if (!nodes[node].queue) return;
    for (const Claim other : {Claim::is, Claim::ix, Claim::s, Claim::x}) {
      if (compatible(claim, other)) continue;
      for (const auto& [order_key, wait] : (*nodes[node].queue)[at(other)]) {
        if (waits[wait].kind == Kind::temporary) woken.emplace(order_key, wait);
      }
    }
  };
  for (const TargetRec& target : grant.targets) {
    Claim claim = direct_claim(grant.mode);
    for (NodeIx n = target.node; n != no_index; n = nodes[n].parent, claim = intent_claim(grant.mode)) look(n, claim);
  }
}

// ---------------------------------------------------------------------------------------------- its end

void LockTree::State::run_lost(const GrantRec& grant, EndReason reason) {
  HF_ASSERT(grant.kind == Kind::temporary);
  const RunRecord* const record = run_of(grant.lock);
  if (record == nullptr || record->info.state != RunState::running) return;
  const bool told = record->told;
  std::string why;
  if (!told) why = "Its locks ended before it said how it went: " + std::string(name_of(reason)) + ".";
  const RunRecord& lost = runs.end(record->info.run, told ? RunState::done : RunState::unknown, why, reason, now(),
                                   clock.wall(), *journal, stamp(told ? Action::run_settle : Action::run_unknown));
  tell_run(lost);
  run_over(lost);
}

void LockTree::State::run_unlocked(const LockId& wait) {
  const RunRecord* const record = run_of(wait);
  if (record == nullptr || record->info.state != RunState::locking) return;
  run_over(*record);
  runs.forget(record->info.run, *journal);
}

void LockTree::State::run_over(const RunRecord& record) {
  if (record.own_session) sessions_over.push_back(record.info.session);
}

// What its user has locked in such a session goes with it.
void LockTree::State::close_sessions_over() {
  while (!sessions_over.empty()) {
    for (const SessionId& id : std::exchange(sessions_over, {})) {
      if (const auto it = session_by_id.find(id); it != session_by_id.end())
        close_session(it->second, EndReason::session_ended);
    }
    settle();
  }
}

void LockTree::State::tell_run(const RunRecord& record) { events->emplace_back(RunChanged{run_value(record)}); }

RunInfo LockTree::State::run_value(const RunRecord& record) const {
  RunInfo value = record.info;
  const auto grant = grant_by_id.find(LockId{record.info.run.value});
  if (record.info.state == RunState::running && grant != grant_by_id.end())
    value.expires_at = clock.wall_of(end_of(grants[grant->second]));
  return value;
}

// ---------------------------------------------------------------------------------------------- what its ERP tells

const RunRecord* LockTree::State::find_run(const RunId& id, const Caller& caller, Refusal& refusal) const {
  const RunRecord* const record = runs.find(id);
  if (record == nullptr) {
    refusal = Refusal{.code = Code::not_found, .field = "run"};
  } else if (record->info.user != caller.user) {
    refusal = Refusal{.code = Code::not_holder, .detail = "The run is another user's.", .field = "run"};
    return nullptr;
  }
  return record;
}

Refusal LockTree::State::run_gone(const RunRecord& record) const {
  Refusal refusal{.code = Code::lock_gone, .field = "run"};
  switch (record.info.state) {
    case RunState::locking: refusal.detail = "The run waits for its locks still."; break;
    case RunState::running:
    case RunState::unknown: refusal.detail = "The run's locks have ended: roll back, or begin anew."; break;
    case RunState::done: refusal.detail = "The run is done."; break;
    case RunState::failed: refusal.detail = "The run has failed."; break;
  }
  refusal.ended = EndedInfo{record.reason, record.info.changed_at, {}};
  if (const EndedRec* e = find_ended(LockId{record.info.run.value})) refusal.ended = e->info();
  return refusal;
}

OutcomeOf<StepRun> LockTree::State::run(const StepRun& c) {
  actor = c.caller.user;
  Refusal refusal;
  const RunRecord* record = find_run(c.run, c.caller, refusal);
  if (record == nullptr) return refusal;
  if (record->info.state != RunState::running) return run_gone(*record);
  const auto held = grant_by_id.find(LockId{c.run.value});
  HF_ASSERT(held != grant_by_id.end());  // a run that runs has its locks
  const GrantIx index = held->second;
  GrantRec& grant = grants[index];
  grant.own_end = now() + limits().temporary_ttl;
  unschedule();
  schedule_grant(index, false);
  put_grant(index, Action::none, false);
  renew_own_session(*record);
  // A repeat of the newest step, and a sign of life alone, tell nobody anything.
  const bool repeat = !c.caller.request_id.empty() && c.caller.request_id == record->step_id;
  if (!c.step.empty() && !repeat) {
    record = &runs.step(c.run, c.step, c.caller.request_id, clock.wall(), *journal, stamp(Action::run_step));
    tell_run(*record);
  }
  return run_value(*record);
}

OutcomeOf<FinishRun> LockTree::State::run(const FinishRun& c) {
  actor = c.caller.user;
  Refusal refusal;
  const RunRecord* const record = find_run(c.run, c.caller, refusal);
  if (record == nullptr) return refusal;
  const RunState before = record->info.state;
  if (before == RunState::locking || before == RunState::failed) return run_gone(*record);
  if (before == RunState::done) return run_value(*record);
  const auto grant = grant_by_id.find(LockId{c.run.value});
  PrincipalPtr who;
  if (grant != grant_by_id.end()) {
    who = grants[grant->second].who;
  } else {
    who = std::make_shared<const Principal>(
        Principal{record->info.session, record->info.user, record->info.user_name, {}});
  }
  const RunRecord& done = runs.end(c.run, RunState::done, {}, EndReason::released, now(), clock.wall(), *journal,
                                   stamp(Action::run_finish));
  if (grant != grant_by_id.end()) end_grant(grant->second, EndReason::released, {}, {}, {}, false);
  for (const RunRelease& which : c.ends) end_holds(done, which);
  std::vector<Grant> placed;
  for (const RunHold& hold : c.places) {
    if (auto made = place_hold(hold, who)) placed.push_back(*std::move(made));
  }
  tell_run(done);
  if (before == RunState::running) run_over(done);
  RunInfo value = run_value(done);
  value.placed = std::move(placed);
  return value;
}

OutcomeOf<FailRun> LockTree::State::run(const FailRun& c) {
  actor = c.caller.user;
  Refusal refusal;
  const RunRecord* const record = find_run(c.run, c.caller, refusal);
  if (record == nullptr) return refusal;
  const RunState before = record->info.state;
  if (before == RunState::failed) return run_value(*record);
  if (before == RunState::done) return run_gone(*record);
  if (before == RunState::locking) {
    RunInfo value = run_value(*record);
    value.state = RunState::failed;
    value.error = c.error;
    const auto waiting = wait_by_id.find(LockId{c.run.value});
    HF_ASSERT(waiting != wait_by_id.end());
    end_wait(waiting->second, Refusal{.code = Code::request_gone, .detail = "The wait was cancelled."});
    return value;
  }
  const RunRecord& failed = runs.end(c.run, RunState::failed, c.error, EndReason::released, now(), clock.wall(),
                                     *journal, stamp(Action::run_fail));
  const auto grant = grant_by_id.find(LockId{c.run.value});
  if (grant != grant_by_id.end()) end_grant(grant->second, EndReason::released, {}, {}, {}, false);
  tell_run(failed);
  if (before == RunState::running) run_over(failed);
  return run_value(failed);
}

OutcomeOf<SettleRun> LockTree::State::run(const SettleRun& c) {
  if (runs.tell(c.run, clock.wall(), *journal, stamp(Action::run_settle))) tell_run(*runs.find(c.run));
  return Done{};
}

OutcomeOf<GetRun> LockTree::State::run(const GetRun& c) {
  const RunRecord* const record = runs.find(c.run);
  if (record == nullptr) return Refusal{.code = Code::not_found, .field = "run"};
  return run_value(*record);
}

// ---------------------------------------------------------------------------------------------- its holds

void LockTree::State::end_holds(const RunRecord& record, const RunRelease& which) {
  const auto node = node_by_text.find(which.source.text());
  if (node == node_by_text.end()) return;
  std::vector<GrantIx> over;
  for (const GrantIx g : nodes[node->second].direct) {
    const GrantTexts* const texts = grants[g].texts.get();
    if (grants[g].kind != Kind::hold || texts == nullptr || texts->rule != which.rule) continue;
    if (which.owner.empty() || texts->owner == which.owner) over.push_back(g);
  }
  for (const GrantIx g : over) {
    end_grant(g, EndReason::released, record.info.user, record.info.user_name, "its rule's action was run", false);
  }
}

// It goes before those who wait: the action that it is for is done. An edit lock keeps it out.
std::optional<Grant> LockTree::State::place_hold(const RunHold& hold, const PrincipalPtr& who) {
  const std::vector<Target> source{hold.source};
  std::vector<std::string> stops = hold.stops;
  std::ranges::sort(stops);
  Want want = want_of(no_index, Kind::hold, Mode::shared, hold.owner);
  want.stops = &stops;
  want.paths.push_back(path_of(hold.source));
  const Path& path = want.paths.front();
  for (std::size_t level = 0; level < path.depth && path.node[level] != no_index; ++level) {
    if (held_in_way(want, path.node[level], claim_at(path, level, want.mode)) > 0) return std::nullopt;
  }
  const bool used = hold.lock.is_nil() || grant_by_id.contains(hold.lock) || wait_by_id.contains(hold.lock) ||
                    find_ended(hold.lock) != nullptr;
  if (used || find_same(want, source) != no_index) return std::nullopt;
  Details details{.lock = hold.lock, .owner = hold.owner, .label = {}, .reason = {}, .ttl = hold.ttl};
  details.rule = hold.rule;
  details.stops = &stops;
  details.who = who;
  OutcomeOf<Acquire> outcome = grant_now(want, source, details);
  auto* const granted = std::get_if<Granted>(&outcome);
  return granted == nullptr ? std::nullopt : std::optional(std::move(granted->grant));
}

}  // namespace hf
