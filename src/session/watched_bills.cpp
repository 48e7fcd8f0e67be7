// Tells each watcher what the bills are that he sees, and takes it back when he no longer sees them.
#include <algorithm>

#include "session/hub_state.h"

namespace hf {
namespace {

// As far as lock.changed tells it.
Grant grant_of(const Conflict& held) {
  Grant grant;
  grant.lock = held.lock;
  grant.mode = held.mode;
  grant.kind = held.kind;
  grant.session = held.session;
  grant.user = held.user;
  grant.user_name = held.user_name;
  grant.client = held.client;
  grant.label = held.label;
  grant.reason = held.reason;
  grant.acquired_at = held.since;
  grant.expires_at = held.expires_at;
  return grant;
}

}  // namespace

void Hub::State::on_event(NamespaceIndex ns, const BoardEvent& event) {
  todo.on_event(ns, event);
  if (watchers.nobody()) return;
  if (const auto* const changed = std::get_if<StatusChanged>(&event)) {
    const Bill& after = *changed->after;
    watchers.watching(ns, after.type(), after.text(Bill::key), watching);
    tell_bill(after.text(Bill::key), &after, Look::changed);
  } else if (std::holds_alternative<BoardReset>(event)) {
    for (Target& bill : watchers.watched(ns)) ask_bill({ns, std::move(bill), {}, Look::changed});
  }
}

void Hub::State::ask_bill(WatchedBill asked) {
  Errand errand;
  errand.step = Step::bill;
  const Ticket ticket = errands.put(std::move(errand));
  const NamespaceIndex ns = asked.ns;
  GetStatus get{everybody, std::string(asked.bill.type()), std::string(asked.bill.bill_id())};
  bills_asked.emplace(ticket, std::move(asked));
  engine.submit(ns, ticket, std::move(get), now.wall);
}

void Hub::State::bill_found(Ticket ticket, const StatusOutcome& outcome) {
  const auto found = bills_asked.find(ticket);
  WatchedBill asked = std::move(found->second);
  bills_asked.erase(found);
  if (asked.watcher) {
    watching.clear();
    if (watchers.watches(asked.ns, asked.bill, *asked.watcher)) watching.push_back(*asked.watcher);
  } else {
    watchers.watching(asked.ns, asked.bill, watching);
  }
  if (const auto* const status = std::get_if<StatusFound>(&outcome)) {
    tell_bill(asked.bill.text(), status->bill.get(), asked.look);
  } else if (const auto* const refusal = std::get_if<Refusal>(&outcome); refusal->code == Code::not_found) {
    tell_bill(asked.bill.text(), nullptr, asked.look);
  } else if (failed.empty()) {
    bills_unanswered.push_back(std::move(asked));
  }
}

const session::Bearer& Hub::State::bearer_of(const Watcher& watcher) const {
  if (watcher.stream) return *exchanges.find(watcher.id.lo)->second.who;
  return *connections.find(sessions.find(SessionId{watcher.id})->second.connection)->second.who;
}

void Hub::State::tell_bill(std::string_view key, const Bill* bill, Look look) {
  std::string changed, gone;
  std::vector<std::pair<ConnectionId, const std::string*>> sockets;
  for (const Watcher& watcher : watching) {
    const Bearer& who = bearer_of(watcher);
    const bool sees =
        bill != nullptr && who.rights->allows(Right::lock_view, bill->type()) && visible(*who.audience, bill->facts());
    const bool shown = watchers.show(watcher, key, sees);
    const bool is_told = sees ? look != Look::recheck || !shown : shown || look == Look::again;
    if (!is_told) continue;
    std::string& text = sees ? changed : gone;
    if (text.empty() && sees) append_bill_changed(text, *bill);
    if (text.empty()) append_bill_gone(text, key);
    if (!watcher.stream) {
      sockets.emplace_back(sessions.find(SessionId{watcher.id})->second.connection, &text);
      continue;
    }
    scratch.assign("event: bill.changed\ndata: ").append(text).append("\n\n");
    transport.stream(watcher.id.lo, scratch);
  }
  // Windows of one browser share a connection, and so what they see, and hear it once.
  std::sort(sockets.begin(), sockets.end());
  sockets.erase(std::unique(sockets.begin(), sockets.end()), sockets.end());
  for (const auto& [connection, text] : sockets) transport.send(connection, *text);
}

// ---------------------------------------------------------------------------------------------- other rights

void Hub::State::recheck_watched(const Connection& c, const Bearer& former) {
  const Bearer& who = *c.who;
  const bool same_audience = who.audience->key() == former.audience->key();
  for (const SessionId session : c.sessions) {
    const Watcher watcher = Watcher::of(session);
    Check locks;
    for (Target& bill : watchers.watched_by(watcher)) {
      const bool may = who.rights->allows(Right::lock_view, bill.type());
      const bool might = former.rights->allows(Right::lock_view, bill.type());
      if (may && !might) locks.targets.push_back(bill);
      if (may != might || !same_audience) ask_bill({who.ns, std::move(bill), watcher, Look::recheck});
    }
    if (locks.targets.empty()) continue;
    Errand errand;
    errand.op = Op::watch;
    errand.step = Step::locks_again;
    errand.session = session;
    errand.call.who = c.who;
    locks.caller = caller_of(errand.call);
    locks.session = session;
    engine.submit(who.ns, errands.put(std::move(errand)), std::move(locks), now.wall);
  }
}

// Of bills that he may view again: what became of their locks meanwhile he was not told.
void Hub::State::locks_again(const Errand& errand, const LockOutcome& outcome) {
  const Checked* const checked = std::get_if<Checked>(&outcome);
  const auto live = sessions.find(errand.session);
  if (checked == nullptr || live == sessions.end()) return;
  const NamespaceIndex ns = errand.call.who->ns;
  for (const CheckItem& item : checked->items) {
    watching.assign(1, Watcher::of(errand.session));
    if (!watchers.watches(ns, item.target, watching.front())) continue;
    bool held = false;
    for (const Conflict& conflict : item.conflicts) {
      if (conflict.waiting) continue;
      held = true;
      tell_locks(TargetChanged{conflict.target, grant_of(conflict)});
    }
    if (!held) tell_locks(TargetChanged{item.target, std::nullopt});
  }
}

}  // namespace hf
