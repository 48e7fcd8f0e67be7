#include <algorithm>

#include "base/assert.h"
#include "session/hub_state.h"
#include "wire/websocket.h"

namespace hf {

using session::asker_of;

Ticket Hub::State::send_errand(Errand&& errand) {
  if (const auto asker = connections.find(asker_of(errand.call)); asker != connections.end()) ++asker->second.asked;
  return errands.put(std::move(errand));
}

void Hub::State::errand_done(ConnectionId asker) {
  const auto found = connections.find(asker);
  if (found == connections.end()) return;
  HF_ASSERT(found->second.asked > 0);
  if (--found->second.asked == 0 && found->second.leaving) shut(asker, close_code::normal, {});
}

void Hub::State::on_outcome(Ticket ticket, Outcome&& outcome) {
  auto errand = errands.take(ticket);
  if (!errand) return;
  const ConnectionId asker = asker_of(errand->call);
  if (!errand->counted.is_nil()) uncount(errand->counted);
  std::visit([&](auto& of_family) { bring(*errand, ticket, of_family); }, outcome);
  errand_done(asker);
}

void Hub::State::bring(Errand& errand, Ticket ticket, StatusOutcome& outcome) {
  if (errand.step == Step::bill) return bill_found(ticket, outcome);
  if (errand.step == Step::run_events) return run_published(ticket, errand, outcome);
  status_answered(errand, std::move(outcome));
}

void Hub::State::bring(Errand& errand, Ticket ticket, LockOutcome& outcome) {
  switch (errand.step) {
    case Step::answer: return answer(errand, outcome);
    case Step::hello: return hello_answered(errand, outcome);
    case Step::open: return open_answered(errand, outcome);
    case Step::pong: return pong_answered(errand, outcome);
    case Step::watch: return watch_answered(errand, outcome);
    case Step::ask_types: return types_answered(ticket, errand, outcome);
    case Step::status:
    case Step::todo:
      if (Refusal* refusal = std::get_if<Refusal>(&outcome)) status_answered(errand, std::move(*refusal));
      return;
    case Step::run_look: return run_looked(ticket, errand, outcome);
    case Step::run_events:
      if (const Refusal* refusal = std::get_if<Refusal>(&outcome)) run_published(ticket, errand, *refusal);
      return;
    case Step::locks: return locks_listed(errand, outcome);
    case Step::locks_again: return locks_again(errand, outcome);
    case Step::bill:
      if (const Refusal* refusal = std::get_if<Refusal>(&outcome)) bill_found(ticket, *refusal);
      return;
    case Step::audit:
      if (const Refusal* refusal = std::get_if<Refusal>(&outcome))
        audit_answered(errand, ticket, fail(refusal->code, refusal->detail));
      return;
    case Step::documents:
      if (const Refusal* refusal = std::get_if<Refusal>(&outcome))
        documents_answered(errand, ticket, fail(refusal->code, refusal->detail));
      return;
    case Step::bill_lock: return bill_lock_answered(errand, outcome);
    case Step::owed: return owed_answered(ticket, outcome);
  }
}

void Hub::State::answer(Errand& errand, LockOutcome& outcome) {
  if (const Queued* queued = std::get_if<Queued>(&outcome); queued != nullptr && errand.op == Op::run_begin)
    return run_waits(std::move(errand), *queued);
  const Call& call = errand.call;
  const Bearer& who = *call.who;
  const Grant* const grant = errand.op == Op::lock_get ? std::get_if<Grant>(&outcome) : nullptr;
  const RunInfo* const run = errand.op == Op::run_get ? std::get_if<RunInfo>(&outcome) : nullptr;
  if ((grant != nullptr && !sees(who, *grant)) || (run != nullptr && !sees(who, *run))) {
    outcome = session::refusal_of(Code::not_found);
  } else if (LockList* list = std::get_if<LockList>(&outcome);
             list != nullptr && !who.rights->allows_everywhere(Right::lock_view)) {
    std::erase_if(list->locks, [&](const Grant& held) { return !sees(who, held); });
  } else if (const SessionSnapshot* snapshot = std::get_if<SessionSnapshot>(&outcome)) {
    if (const auto live = sessions.find(snapshot->session); live != sessions.end()) {
      live->second.seq = std::max(live->second.seq, snapshot->seq);
    }
  } else if (const Renewed* renewed = std::get_if<Renewed>(&outcome)) {
    if (const auto live = sessions.find(errand.session); live != sessions.end()) {
      live->second.seq = std::max(live->second.seq, renewed->seq);
    }
  } else if (std::holds_alternative<SessionClosed>(outcome)) {
    detach(errand.session);
  }

  if (!std::holds_alternative<Refusal>(outcome) && is_answer_unwanted(call, errand.op)) outcome = unread_refusal();
  const View view = view_of(call.face, call.language, who);
  if (call.face == Face::websocket) {
    if (!connections.contains(call.peer)) return;  // its session lives on: resuming tells what became of this
    if (const Refusal* refusal = std::get_if<Refusal>(&outcome))
      return send_refusal(call.peer, call.id, *refusal, view);
    scratch.clear();
    if (const Stats* stats = std::get_if<Stats>(&outcome)) {
      encode_ok(scratch, call.id, stats_body(*stats));
    } else {
      encode_answer(scratch, call.id, errand.op, outcome, view, errand.secret);
    }
    transport.send(call.peer, scratch);
    return;
  }
  std::optional<LockCommand> takes_back = undo_of(errand, outcome);
  if (const Refusal* refusal = std::get_if<Refusal>(&outcome);
      refusal != nullptr && refusal->code == Code::unknown_outcome && !errand.made.is_nil() && !call.repeatable) {
    // It may be carried out yet, and cannot be asked for again.
    undo(call.who, errand.op == Op::run_begin ? undo_run(call.who, RunId{errand.made.value})
                                              : undo_wait(call.who, errand.session, errand.made));
  }
  if (errand.gone) {
    if (takes_back) undo(call.who, *std::move(takes_back));
    return;
  }
  if (const Queued* queued = std::get_if<Queued>(&outcome); queued != nullptr && errand.op == Op::lock_acquire) {
    return wait_on(errand, *queued);
  }
  if (const Refusal* refusal = std::get_if<Refusal>(&outcome)) return respond_refusal(call.peer, *refusal, view);
  std::string body;
  if (const Stats* stats = std::get_if<Stats>(&outcome)) {
    body = stats_body(*stats);
  } else {
    append_outcome(body, errand.op, outcome, view, errand.secret);
  }
  respond(call.peer, http_status_of(errand.op, outcome), std::move(body), std::move(takes_back));
}

// An answer that does not arrive, to a request without a request id, leaves nothing behind: nobody could ever learn of
// it.
std::optional<LockCommand> Hub::State::undo_of(const Errand& errand, const LockOutcome& outcome) const {
  const Call& call = errand.call;
  if (call.repeatable) return std::nullopt;
  if (errand.op == Op::lock_acquire || errand.op == Op::lock_request) {
    if (const auto* granted = std::get_if<Granted>(&outcome)) return undo_grant(call.who, granted->grant);
    if (const auto* queued = std::get_if<Queued>(&outcome)) return undo_wait(call.who, errand.session, queued->wait);
  } else if (errand.op == Op::run_begin) {
    if (std::holds_alternative<Granted>(outcome)) return undo_run(call.who, RunId{errand.made.value});
  } else if (errand.op == Op::session_open) {
    if (const auto* opened = std::get_if<SessionOpened>(&outcome)) return EndSession{caller_of(call), opened->session};
  }
  return std::nullopt;
}

// One count of it: what the session held before stays.
LockCommand Hub::State::undo_grant(const BearerPtr& who, const Grant& grant) const {
  Call call;
  call.who = who;
  Release release;
  release.caller = caller_of(call);
  release.caller.hold |= grant.kind == Kind::hold;  // who may place it may take it back
  release.session = grant.kind == Kind::hold ? SessionId{} : grant.session;
  release.owner = grant.kind == Kind::hold ? grant.owner : std::string();
  release.lock = grant.lock;
  return release;
}

LockCommand Hub::State::undo_wait(const BearerPtr& who, SessionId session, LockId wait) const {
  Call call;
  call.who = who;
  return CancelWait{caller_of(call), session, wait};
}

void Hub::State::types_answered(Ticket ticket, Errand& errand, LockOutcome& outcome) {
  auto node = parked.find(ticket);
  HF_ASSERT(node != parked.end());
  LockCommand command = std::move(node->second);
  parked.erase(node);
  if (errand.gone) return;
  if (const Refusal* refusal = std::get_if<Refusal>(&outcome)) return refuse(errand.call, *refusal);
  const Grant* grant = std::get_if<Grant>(&outcome);
  const bool allowed =
      grant != nullptr && std::all_of(grant->targets.begin(), grant->targets.end(), [&](const HeldTarget& held) {
        return errand.call.who->rights->allows(errand.right, held.target.type());
      });
  if (const Ask* ask = std::get_if<Ask>(&command)) {
    if (!allowed && (grant == nullptr || !sees(*errand.call.who, *grant)))
      return refuse(errand.call, session::refusal_of(Code::not_found));
    if (!ask->targets.empty()) return submit(errand.call, errand.op, errand.session, std::move(command));
  }
  if (!allowed && errand.right != Right::lock_hold) {
    const std::string_view right = right_names[static_cast<std::size_t>(errand.right)];
    return refuse(errand.call,
                  Error{Code::forbidden, "You lack the right " + std::string(right) + " for this lock's type.", {}});
  }
  if (allowed && errand.right == Right::lock_hold) {
    if (Release* release = std::get_if<Release>(&command)) release->caller.hold = true;
    if (Extend* extend = std::get_if<Extend>(&command)) extend->caller.hold = true;
  }
  submit(errand.call, errand.op, errand.session, std::move(command));
}

void Hub::State::watch_answered(Errand& errand, LockOutcome& outcome) {
  const Checked* checked = std::get_if<Checked>(&outcome);
  if (checked == nullptr) return answer(errand, outcome);
  const Call& call = errand.call;
  if (is_answer_unwanted(call, Op::watch)) {
    if (!errand.gone) refuse(call, unread_refusal());
    return;
  }
  if (call.face == Face::http) {
    if (!errand.gone) begin_stream(call, *checked);
    return;
  }
  const auto live = sessions.find(errand.session);
  if (live == sessions.end() || live->second.connection != call.peer) return;  // taken over meanwhile
  // From this answer on: what changed before is in it, what changes after is pushed.
  const Watcher watcher = Watcher::of(errand.session);
  for (const CheckItem& item : checked->items) {
    if (watchers.count(watcher) >= options.limits.watched_per_session_max &&
        !watchers.watches(call.who->ns, item.target, watcher)) {
      return refuse(call, Error{Code::too_many, "A session watches no more bills than this.", "targets"});
    }
    watchers.add(call.who->ns, item.target, watcher);
  }
  const Look look = call.again || live->second.resumed ? Look::again : Look::changed;
  answer(errand, outcome);
  for (const CheckItem& item : checked->items) ask_bill({call.who->ns, item.target, watcher, look});
}

}  // namespace hf
