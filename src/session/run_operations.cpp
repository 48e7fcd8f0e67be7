// Runs: an ERP's own actions under our guard. The hub knows the rights and the catalog; the engine decides the rest.
//
// Beginning a run may wait for its locks: its one answer stays owed until the engine tells. Finishing it takes steps:
// what the run is, then its events onto the board, then its end. Each may be repeated: the board knows the batch, and
// the run ends once. What was published settles the run, also if its end never comes.
#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.h"
#include "model/plain_text.h"
#include "session/bill_id.h"
#include "session/hub_state.h"

namespace hf {

namespace {

bool names(const std::vector<catalog::Index>& actions, catalog::Index action) {
  return std::ranges::find(actions, action) != actions.end();
}

std::vector<Target> bills_of(const RunInfo& run, std::string_view type) {
  std::vector<Target> found;
  std::ranges::copy_if(run.bills, std::back_inserter(found), [&](const Target& bill) { return bill.type() == type; });
  return found;
}

}  // namespace

// ---------------------------------------------------------------------------------------------- beginning

// The bill that is named first is the one acted upon: the action's right must cover it. The others are those that the
// action changes beside it, such as its order: who may edit them, or do the same to them, may take them along.
std::optional<Error> Hub::State::refuses_run(const Call& call, const BeginRun& f, std::string_view right) const {
  const RightSet& rights = *call.who->rights;
  for (std::size_t i = 0; i < f.bills.size(); ++i) {
    const std::string_view type = f.bills[i].type();
    if (rights.allows_action(right, type) || (i > 0 && rights.allows(Right::lock_edit, type))) continue;
    const std::string needed = "action." + std::string(right);
    return Error{Code::forbidden, "You lack the right " + needed + " for " + std::string(type) + ".", {}};
  }
  for (const Target& bill : f.bills) {
    if (options.strict_types && !catalog.accepts_type(bill.type()))
      return Error{Code::invalid, "The catalog has no type " + std::string(bill.type()) + ".", "bills"};
    if (auto error = session::refuses_target(catalog, bill, "bills")) return error;
  }
  return std::nullopt;
}

void Hub::State::operate(Call& call, BeginRun& f) {
  if (const auto error = refuses_new_work()) return refuse(call, *error);
  std::string right;
  if (const catalog::Action* const action = catalog.find_action_called(f.action); action != nullptr) {
    f.action = action->name;
    right = action->right;
  } else if (!options.strict_types && is_action_name(f.action)) {
    right = f.action;
  } else {
    return refuse(call, Error{Code::invalid, "The catalog has no action " + f.action + ".", "action"});
  }
  if (const auto error = refuses_run(call, f, right)) return refuse(call, *error);
  if (f.session.is_nil()) f.session = call.session;  // by HTTP there is none: then the run has its own
  f.caller = take_caller(call);
  f.run = RunId{secrets.next_id()};
  f.service = call.who->service;
  f.node = engine.self();
  submit_for_session(call, Op::run_begin, f);
}

void Hub::State::run_waits(Errand&& errand, const Queued& queued) {
  beginnings[queued.wait].push_back(std::move(errand));
}

void Hub::State::run_waited(const LockId& wait, const LockOutcome& outcome) {
  const auto found = beginnings.find(wait);
  if (found == beginnings.end()) return;
  std::vector<Errand> asked = std::move(found->second);
  beginnings.erase(found);
  for (Errand& errand : asked) {
    LockOutcome its_own = outcome;
    answer(errand, its_own);
  }
}

void Hub::State::run_waits_end(SessionId session) {
  std::vector<LockId> over;
  for (const auto& [wait, asked] : beginnings) {
    if (session.is_nil() || std::ranges::any_of(asked, [&](const Errand& e) { return e.session == session; }))
      over.push_back(wait);
  }
  std::ranges::sort(over);
  const Code why = session.is_nil() ? Code::unknown_outcome : Code::session_gone;
  for (const LockId& wait : over) run_waited(wait, session::refusal_of(why));
}

void Hub::State::run_asker_gone(ExchangeId id) {
  for (auto& [wait, asked] : beginnings) {
    for (Errand& errand : asked) {
      if (errand.call.face != Face::http || errand.call.peer != id || errand.gone) continue;
      errand.gone = true;
      if (!errand.call.repeatable) undo(errand.call.who, undo_run(errand.call.who, RunId{wait.value}));
    }
  }
}

LockCommand Hub::State::undo_run(const BearerPtr& who, RunId run) const {
  return FailRun{own_caller(who), run, "nobody was told that it began"};
}

// ---------------------------------------------------------------------------------------------- going on
// A run answers to its user alone, which the engine knows: a right is not needed to end what one has begun.

void Hub::State::operate(Call& call, StepRun& f) {
  if (!is_plain_line(f.step)) {
    return refuse(
        call, Error{Code::invalid, "A step is one line, without control characters and marks of direction.", "step"});
  }
  f.caller = take_caller(call);
  submit(call, Op::run_step, call.session, std::move(f));
}

void Hub::State::operate(Call& call, FailRun& f) {
  if (!is_plain_prose(f.error)) {
    const std::string field = "error";
    return refuse(call, Error{Code::invalid,
                              "`" + field + "` has a control character or a mark of direction: leave it out.", field});
  }
  f.caller = take_caller(call);
  submit(call, Op::run_fail, call.session, std::move(f));
}

void Hub::State::operate(Call& call, GetRun& f) {
  f.caller = caller_of(call);
  submit(call, Op::run_get, call.session, std::move(f));
}

void Hub::State::operate(Call& call, FinishRun& f) {
  for (LogEvent& event : f.events) {
    auto* const state = std::get_if<StatusEvent>(&event);
    if (state == nullptr)
      return refuse(call, Error{Code::invalid, "A run's events say what its bills are now.", "events"});
    if (state->cause.empty()) state->cause = f.run.text();
  }
  if (!f.events.empty()) {
    if (const auto error = refuses_new_work()) return refuse(call, *error);
    if (const auto error = refuses_publishing(call, f.events)) return refuse(call, *error);
  }
  f.caller = take_caller(call);
  if (!failed.empty()) return refuse(call, Error{Code::unavailable, {}, {}});
  const NamespaceIndex ns = call.who->ns;
  GetRun look{f.caller, f.run};
  look.caller.request_id.clear();
  engine.submit(ns, park_finish(call, Step::run_look, std::move(f)), LockCommand(std::move(look)), now.wall);
}

// The call goes on its next step to the engine, and so does what it is about.
Ticket Hub::State::park_finish(Call& call, Step step, FinishRun&& finish) {
  const Face face = call.face;
  const std::uint64_t peer = call.peer;
  const Ticket ticket = send_errand(Errand{.call = std::move(call), .op = Op::run_finish, .step = step});
  parked.emplace(ticket, std::move(finish));
  if (face == Face::http) {
    if (const auto exchange = exchanges.find(peer); exchange != exchanges.end()) exchange->second.ticket = ticket;
  }
  return ticket;
}

FinishRun Hub::State::take_finish(Ticket ticket) {
  const auto node = parked.find(ticket);
  HF_ASSERT(node != parked.end());
  FinishRun finish = std::get<FinishRun>(std::move(node->second));
  parked.erase(node);
  return finish;
}

// What has begun goes on though its asker is gone: he has committed it.
void Hub::State::run_looked(Ticket ticket, Errand& errand, const LockOutcome& outcome) {
  FinishRun finish = take_finish(ticket);
  Call& call = errand.call;
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) {
    if (!errand.gone) refuse(call, *refusal);
    return;
  }
  const RunInfo& run = std::get<RunInfo>(outcome);
  add_holds(finish, run);
  const bool may = run.user == call.who->user && run.state != RunState::failed && run.state != RunState::locking;
  if (finish.events.empty() || !may) return finish_run(call, std::move(finish));
  Publish publish{finish.caller, std::exchange(finish.events, {})};
  const NamespaceIndex ns = call.who->ns;
  engine.submit(ns, park_finish(call, Step::run_events, std::move(finish)), StatusCommand(std::move(publish)),
                now.wall);
}

void Hub::State::run_published(Ticket ticket, Errand& errand, const StatusOutcome& outcome) {
  FinishRun finish = take_finish(ticket);
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) {
    if (!errand.gone) refuse(errand.call, *refusal);
    return;
  }
  finish_run(errand.call, std::move(finish));
}

void Hub::State::finish_run(Call& call, FinishRun&& finish) {
  finish.caller.request_id.clear();  // a run ends once by itself
  const SessionId session = call.session;
  submit(call, Op::run_finish, session, std::move(finish));
}

// The catalog's rules for what the run's action does to holds on its bills. A hold joins a bill and its source. Where a
// run has several of both, which belongs to which is not known here, and none is placed.
void Hub::State::add_holds(FinishRun& finish, const RunInfo& run) const {
  const catalog::Action* const action = catalog.find_action(run.action);
  if (action == nullptr) return;
  const catalog::Index done = catalog.index_of(*action);
  const auto& content = catalog.content();
  for (const catalog::HoldRule& rule : content.holds) {
    const std::vector<Target> bills = bills_of(run, content.types[rule.type].name);
    const std::vector<Target> sources = bills_of(run, content.types[rule.source].name);
    const bool joined = bills.size() == 1 || sources.size() == 1;
    std::vector<std::string> stops;
    for (const catalog::Index stopped : rule.stops) stops.push_back(content.actions[stopped].name);
    for (const Target& source : sources) {
      if (names(rule.end_source, done)) finish.ends.push_back({source, {}, rule.name});
      for (const Target& bill : bills) {
        if (names(rule.end, done)) finish.ends.push_back({source, bill.text(), rule.name});
        if (joined && names(rule.place, done))
          finish.places.push_back({LockId{secrets.next_id()}, source, bill.text(), rule.name, stops, rule.ttl});
      }
    }
  }
}

}  // namespace hf
