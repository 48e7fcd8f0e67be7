#include <algorithm>

#include "base/assert.h"
#include "base/fingerprint.h"
#include "session/hub_state.h"
#include "wire/said_writer.h"
#include "wire/websocket.h"

namespace hf {

void Hub::State::attach(ConnectionId id, Connection& c, SessionId session, std::uint64_t seq) {
  HF_ASSERT(id != 0 && c.who && !session.is_nil());
  Live& live = sessions[session];
  const ConnectionId former = live.connection;
  live.connection = id;
  live.seq = std::max(live.seq, seq);
  live.ns = c.who->ns;
  if (former == id) return;
  HF_ASSERT(std::ranges::find(c.sessions, session) == c.sessions.end());
  c.sessions.push_back(session);
  if (!c.pinging) {
    c.pinging = true;
    c.heard = now.monotonic;
    pings.push_back({now.monotonic + options.ping_every, id});
  }
  const auto found = connections.find(former);
  if (found == connections.end()) return;
  // Taken over: the window that has the session now watches its bills again.
  watchers.remove_all(live.ns, Watcher::of(session));
  Connection& old = found->second;
  old.sessions.erase(std::remove(old.sessions.begin(), old.sessions.end(), session), old.sessions.end());
  if (old.session == session) old.session = SessionId{};
  tell_replaced(former, session);
}

void Hub::State::taken_elsewhere(SessionId session) {
  const auto found = sessions.find(session);
  if (found == sessions.end()) return;
  const ConnectionId former = found->second.connection;
  detach(session);
  tell_replaced(former, session);
}

void Hub::State::tell_replaced(ConnectionId former, SessionId session) {
  const auto found = connections.find(former);
  if (found == connections.end()) return;
  if (found->second.sessions.empty() && found->second.opening == 0) {
    shut(former, close_code::replaced, "replaced");
    return;
  }
  scratch.clear();
  append_push(scratch, SessionReplaced{session});
  transport.send(former, scratch);
}

void Hub::State::detach(SessionId session) {
  const auto found = sessions.find(session);
  if (found == sessions.end()) return;
  watchers.remove_all(found->second.ns, Watcher::of(session));
  if (const auto carrier = connections.find(found->second.connection); carrier != connections.end()) {
    Connection& c = carrier->second;
    c.sessions.erase(std::remove(c.sessions.begin(), c.sessions.end(), session), c.sessions.end());
    if (c.session == session) c.session = SessionId{};
  }
  found->second.connection = 0;
  if (found->second.in_flight == 0) sessions.erase(found);
}

void Hub::State::uncount(SessionId counted) {
  const auto found = sessions.find(counted);
  if (found == sessions.end()) return;
  if (found->second.in_flight > 0) --found->second.in_flight;
  if (found->second.in_flight == 0 && found->second.connection == 0) sessions.erase(found);
}

Secret Hub::State::new_secret(const Call& call) {
  if (!call.repeatable) return Secret{secrets.next_id()};
  // A repeat must tell the same secret, which nobody keeps: it is made from the request id and a key of this run.
  const std::uint64_t by_id = fingerprint(call.request_id);
  const std::uint64_t by_user = fingerprint(call.who->user) + call.who->ns;
  return digest_of(Secret{Id128{open_key.hi ^ by_id, open_key.lo ^ by_user}});
}

namespace {

// Whether a session may have been opened, or may be yet, of which nobody will be told.
bool leaves_unheard_session(const LockOutcome& outcome, bool is_heard) {
  const Refusal* refusal = std::get_if<Refusal>(&outcome);
  if (refusal != nullptr) return refusal->code == Code::unknown_outcome;
  return !is_heard && std::holds_alternative<SessionOpened>(outcome);
}

}  // namespace

void Hub::State::hello_answered(Errand& errand, LockOutcome& outcome) {
  const auto found = connections.find(errand.call.peer);
  // It must not count towards the user's limit. If there is a request id, the repeat answers with the session.
  if (!errand.resumed && !errand.call.repeatable && leaves_unheard_session(outcome, found != connections.end()))
    undo(errand.call.who, EndSession{own_caller(errand.call.who), errand.opened});
  if (found == connections.end()) return;
  Connection& c = found->second;
  HF_ASSERT(c.opening > 0);
  --c.opening;
  if (const Refusal* refusal = std::get_if<Refusal>(&outcome)) {
    if (c.session == errand.opened) c.session = c.sessions.empty() ? SessionId{} : c.sessions.front();
    if (c.sessions.empty() && c.opening == 0) {
      c.greeted = false;
      c.hello_by = now.monotonic + options.hello_within;
      hellos.push_back({c.hello_by, errand.call.peer});
    }
    refuse(errand.call, *refusal);
    return;
  }
  Welcome welcome;
  welcome.secret = errand.secret;
  welcome.node = options.node;
  welcome.rights = c.who->rights->texts();
  welcome.resumed = errand.resumed;
  if (const EpochId epoch = engine.epoch(c.who->ns); !epoch.is_nil()) welcome.epoch = epoch.text();
  if (const SessionOpened* opened = std::get_if<SessionOpened>(&outcome)) {
    if (c.session == errand.opened) c.session = opened->session;
    errand.opened = opened->session;  // a repeat answers with the session that the first one opened
    welcome.lease = opened->lease;
    welcome.seq = opened->seq;
  } else if (SessionResumed* resumed = std::get_if<SessionResumed>(&outcome)) {
    welcome.lease = resumed->state.lease;
    welcome.seq = resumed->state.seq;
    if (resumed->state.next.empty()) welcome.state = std::move(resumed->state);  // else it is asked for in pages
  }
  welcome.session = errand.opened;
  if (c.session.is_nil()) c.session = errand.opened;
  attach(errand.call.peer, c, errand.opened, welcome.seq);
  sessions.find(errand.opened)->second.resumed = errand.resumed;
  // Only now: a resume whose asker is gone takes nothing away from where the client lives.
  if (errand.resumed)
    owe(errand.call.who, TakeOver{own_caller(errand.call.who), errand.opened, digest_of(errand.secret)});
  scratch.clear();
  encode_welcome(scratch, welcome, view_of(Face::websocket, c.language, *c.who));
  transport.send(errand.call.peer, scratch);
}

void Hub::State::open_answered(Errand& errand, LockOutcome& outcome) {
  const SessionOpened* opened = std::get_if<SessionOpened>(&outcome);
  const bool by_http = errand.call.face == Face::http;
  const auto found = by_http ? connections.end() : connections.find(errand.call.peer);
  const bool is_heard = by_http || found != connections.end();  // by HTTP, answer() looks after it
  if (!errand.call.repeatable && leaves_unheard_session(outcome, is_heard))
    undo(errand.call.who, EndSession{own_caller(errand.call.who), errand.opened});
  if (by_http) return answer(errand, outcome);
  if (found == connections.end()) return;
  HF_ASSERT(found->second.opening > 0);
  --found->second.opening;
  if (opened != nullptr) {
    attach(errand.call.peer, found->second, opened->session, opened->seq);
    if (found->second.session.is_nil()) found->second.session = opened->session;
  }
  answer(errand, outcome);
}

void Hub::State::pong_answered(const Errand& errand, const LockOutcome& outcome) {
  const Refusal* refusal = std::get_if<Refusal>(&outcome);
  if (const Renewed* renewed = std::get_if<Renewed>(&outcome)) {
    if (const auto live = sessions.find(errand.opened); live != sessions.end()) {
      live->second.seq = std::max(live->second.seq, renewed->seq);
    }
  }
  const auto found = connections.find(errand.call.peer);
  if (found == connections.end()) return;
  if (refusal != nullptr && refusal->code == Code::session_gone) {
    // Its end was missed (another node's, or a restart): says so now, so that it no longer holds up the others.
    const LockEvent ended = SessionEnded{errand.opened, EndReason::expired};
    push(errand.opened, 0, ended);
    detach(errand.opened);
  }
  Connection& c = found->second;
  if (c.pong != errand.n || c.pong_left == 0) return;
  if (refusal != nullptr && refusal->code != Code::session_gone) c.pong_failed = true;
  if (--c.pong_left == 0 && !c.pong_failed) c.acked = errand.n;
}

}  // namespace hf
