#include <algorithm>

#include "session/hub_state.h"

namespace hf {

void Hub::State::on_event(NamespaceIndex ns, const LockEvent& event) {
  struct Route {
    State& hub;
    NamespaceIndex ns;
    const LockEvent& event;
    void operator()(const LockGranted& e) const {
      hub.positions.erase(e.wait);
      hub.push(e.session, e.seq, event);
      hub.wait_granted(e);
      hub.run_waited(e.wait, LockOutcome(e.granted));
    }
    void operator()(const LockWaiting& e) const {
      hub.positions.put(e);
      if (const auto wait = hub.waits.find(e.wait); wait != hub.waits.end()) {
        for (const ExchangeId id : wait->second) hub.exchanges.find(id)->second.position = e.position;
      }
    }
    void operator()(const WaitEnded& e) const {
      hub.positions.erase(e.wait);
      hub.push(e.session, e.seq, event);
      hub.wait_ended(e);
      hub.run_waited(e.wait, LockOutcome(e.why));
    }
    void operator()(const LockLost& e) const { hub.push(e.session, e.seq, event); }
    void operator()(const LockExpiring& e) const { hub.push(e.session, 0, event); }
    void operator()(const LockRequested& e) const { hub.push(e.session, e.seq, event); }
    void operator()(const LockAnswered& e) const { hub.push(e.session, e.seq, event); }
    void operator()(const SessionEnded& e) const { hub.session_ended(e, event); }
    void operator()(const TargetChanged& e) const { hub.target_changed(ns, e); }
    void operator()(const ClockAlarm&) const {}
    void operator()(const RunChanged&) const {}  // the board tells it
  };
  std::visit(Route{*this, ns, event}, event);
}

void Hub::State::push(SessionId session, std::uint64_t seq, const LockEvent& event) {
  const auto live = sessions.find(session);
  if (live == sessions.end()) return;
  live->second.seq = std::max(live->second.seq, seq);
  const auto found = connections.find(live->second.connection);
  if (found == connections.end()) return;  // detached: the resumed welcome tells
  scratch.clear();
  if (encode_event(scratch, event, view_of(Face::websocket, found->second.language, *found->second.who))) {
    transport.send(found->first, scratch);
  }
}

// A hand-over moves everybody who waits behind it. They get their newest position with the tick, so that the new holder
// does not wait for the others' news.
void Hub::State::tell_positions() {
  for (const LockWaiting& moved : positions.take()) push(moved.session, 0, moved);
}

void Hub::State::session_ended(const SessionEnded& ended, const LockEvent& event) {
  push(ended.session, 0, event);
  detach(ended.session);
  if (!waits.empty()) end_waits_of(ended.session);
  if (!beginnings.empty()) run_waits_end(ended.session);
}

// A session's waits end with it, without an event of their own.
void Hub::State::end_waits_of(SessionId session) {
  std::vector<ExchangeId> waiting;
  for (const auto& [wait, ids] : waits) {
    for (const ExchangeId id : ids) {
      if (exchanges.find(id)->second.session == session) waiting.push_back(id);
    }
  }
  std::sort(waiting.begin(), waiting.end());
  for (const ExchangeId id : waiting) {
    const Exchange& exchange = exchanges.find(id)->second;
    waits.erase(exchange.wait);
    respond_error(id, Error{Code::session_gone, {}, "session"}, exchange.language);
  }
}

void Hub::State::wait_granted(const LockGranted& granted) {
  const auto wait = waits.find(granted.wait);
  if (wait == waits.end()) return;
  const auto waiting = std::move(wait->second);
  waits.erase(wait);
  const LockOutcome outcome = granted.granted;
  for (const ExchangeId id : waiting) {
    const Exchange exchange = exchanges.find(id)->second;
    std::string body;
    append_outcome(body, Op::lock_acquire, outcome, view_of(Face::http, exchange.language, *exchange.who));
    std::optional<LockCommand> release;
    if (!exchange.repeatable) release = undo_grant(exchange.who, granted.granted.grant);
    respond(id, http_status_of(Op::lock_acquire, outcome), std::move(body), std::move(release));
    hears(id, exchange);
  }
}

void Hub::State::wait_ended(const WaitEnded& ended) {
  const auto wait = waits.find(ended.wait);
  if (wait == waits.end()) return;
  const auto waiting = std::move(wait->second);
  waits.erase(wait);
  for (const ExchangeId id : waiting) {
    const Exchange& exchange = exchanges.find(id)->second;
    respond_refusal(id, ended.why, view_of(Face::http, exchange.language, *exchange.who));
  }
}

void Hub::State::target_changed(NamespaceIndex ns, const TargetChanged& changed) {
  if (ns < locks_known.size() && locks_known[ns])
    todo.target_changed(ns, changed.target, changed.grant ? &*changed.grant : nullptr);
  watchers.watching(ns, changed.target, watching);
  tell_locks(changed);
}

void Hub::State::tell_locks(const TargetChanged& changed) {
  if (watching.empty()) return;
  const LockEvent event = changed;
  std::string text;  // one for the whole audience, unless each may see something else
  tell_watching(changed.grant ? "lock.changed" : "lock.free", [&](const Bearer& who) -> const std::string* {
    if (!who.rights->allows(Right::lock_view, changed.target.type())) return nullptr;
    if (text.empty() || options.hide_names) {
      text.clear();
      encode_event(text, event, view_of(Face::websocket, Language::en, who));
    }
    return &text;
  });
}

template <class TextFor>
void Hub::State::tell_watching(std::string_view name, const TextFor& text_for) {
  told.clear();
  for (const Watcher& watcher : watching) {
    if (!watcher.stream) {
      told.push_back(sessions.find(SessionId{watcher.id})->second.connection);
    } else if (const std::string* text = text_for(*exchanges.find(watcher.id.lo)->second.who)) {
      scratch.assign("event: ").append(name).append("\ndata: ").append(*text).append("\n\n");
      transport.stream(watcher.id.lo, scratch);
    }
  }
  // Windows of one browser share a connection and hear it once.
  std::sort(told.begin(), told.end());
  told.erase(std::unique(told.begin(), told.end()), told.end());
  for (const ConnectionId id : told) {
    if (const std::string* text = text_for(*connections.find(id)->second.who)) transport.send(id, *text);
  }
}

}  // namespace hf
