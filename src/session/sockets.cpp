#include <algorithm>

#include "session/hub_state.h"
#include "wire/answer_types.h"
#include "wire/said_writer.h"
#include "wire/websocket.h"

namespace hf {

using session::bearer_token;
using session::cookie_value;

namespace {

constexpr Millis idle_unsaid{366LL * 24 * 3600 * 1000};  // of a heartbeat: no newer activity than is known

Refusal too_fast() {
  Refusal refusal = session::refusal_of(Code::too_many, "You send too many requests a second.");
  refusal.retry_after = session::retry_soon;
  return refusal;
}

}  // namespace

// ---------------------------------------------------------------------------------------------- what one person may

bool Hub::State::may_ask(const Bearer& who) {
  const double rate = options.requests_per_second_max;
  const auto [it, is_new] = people.try_emplace(who.person);
  if (is_new) it->second.allowance = session::Allowance::full(rate, now.monotonic);
  return it->second.allowance.take(rate, now.monotonic);
}

bool Hub::State::is_unread(const Bearer& who, ConnectionId connection) const {
  return transport.unsent(connection) > options.unread_per_connection_max ||
         transport.unsent_of(who.person) > options.unread_per_user_max;
}

Refusal Hub::State::unread_refusal() {
  Refusal refusal = session::refusal_of(Code::too_many, "Read the answers that you have before you ask for more.");
  refusal.retry_after = session::retry_soon;
  return refusal;
}

std::optional<Refusal> Hub::State::refuses_to_hear(const Bearer& who, ConnectionId connection) {
  if (!may_ask(who)) return too_fast();
  if (is_unread(who, connection)) return unread_refusal();
  return std::nullopt;
}

// Many questions may be on their way before the first one is answered. A command's answer is always told: it happened.
bool Hub::State::is_answer_unwanted(const Call& call, Op op) const {
  if (is_mutating(op) || op == Op::hello || op == Op::auth || op == Op::pong || op == Op::session_heartbeat ||
      op == Op::status_resync || op == Op::notice_read)
    return false;
  return is_unread(*call.who, session::asker_of(call));
}

// ---------------------------------------------------------------------------------------------- connections

void Hub::State::connected(ConnectionId id, const WebSocketOpened& opened) {
  if (draining) {
    transport.close(id, close_code::drain, drain_reason());
    return;
  }
  Connection c;
  c.language = language_of(opened.accept_language);
  c.heard = now.monotonic;
  c.hello_by = now.monotonic + options.hello_within;
  c.allowance = session::Allowance::full(options.requests_per_second_max, now.monotonic);
  std::string_view token = bearer_token(opened.authorization);
  // A page of another origin can open a socket with our cookie; only its Origin header tells it apart.
  if (opened.authorization.empty() && session::is_same_origin(opened.origin, opened.host)) {
    token = cookie_value(opened.cookie, session::login_cookie);
  }
  connections.insert_or_assign(id, std::move(c));
  hellos.push_back({now.monotonic + options.hello_within, id});
  if (token.empty() && opened.authorization.empty()) return;
  auto who = identities.of_token(token, now.wall);
  Connection& kept = connections.find(id)->second;
  if (!who && opened.authorization.empty()) return;  // a stale cookie is no token: hello brings one
  if (!who) {
    transport.sign_in_failed(id, who.error().why);
    send_error(id, MessageId(), who.error(), kept.language);
    shut(id, close_code::unauthenticated, "unauthenticated");
    return;
  }
  if (!belongs(id, MessageId(), **who, kept.language)) return;
  kept.who = std::move(*who);
}

bool Hub::State::belongs(ConnectionId id, const MessageId& message, const Bearer& who, Language language) {
  if (transport.belongs(id, who.person)) return true;
  send_error(id, message, Error{Code::too_many, "You have as many connections as you may: close one.", {}}, language);
  shut(id, close_code::limit, "too many connections of this user");
  return false;
}

void Hub::State::leaving(ConnectionId id) {
  const auto found = connections.find(id);
  if (found == connections.end()) return transport.close(id, close_code::normal, {});
  found->second.leaving = true;
  if (found->second.asked == 0) shut(id, close_code::normal, {});
}

void Hub::State::message(ConnectionId id, std::string_view text) {
  const auto found = connections.find(id);
  if (found == connections.end()) return;
  Connection& c = found->second;
  if (!c.greeted && text.size() > hello_bytes_max) {
    send_error(
        id, MessageId(),
        Error{Code::too_large,
              "Before its hello a connection sends at most " + std::to_string(hello_bytes_max) + " bytes.", "message"},
        c.language);
    shut(id, close_code::too_big, "hello first");
    return;
  }
  ParseLimits limits;
  limits.targets_max = options.limits.targets_per_acquire_max;
  auto parsed = parse_message(text, limits);
  if (!parsed) {
    send_error(id, MessageId(), parsed.error(), c.language);
    shut(id, close_code::holdfast_protocol, "not a message");
    return;
  }
  const Op op = parsed->fields ? op_of(*parsed->fields) : Op::stats_get;
  if (op == Op::pong && c.greeted) {
    pong(id, c, std::get<PongFields>(*parsed->fields));
    return;
  }
  std::optional<Refusal> refusal;
  if (c.greeted) {
    refusal = refuses_to_hear(*c.who, id);
  } else if (!c.allowance.take(options.requests_per_second_max, now.monotonic)) {
    refusal = too_fast();
  }
  if (refusal) {
    View view;
    view.language = c.language;
    send_refusal(id, parsed->id, *refusal, view);
    return;
  }
  if (!parsed->fields) {
    send_error(id, parsed->id, parsed->fields.error(), c.language);
    if (!c.greeted && parsed->fields.error().field == "op") shut(id, close_code::holdfast_protocol, "hello first");
    return;
  }
  Fields& fields = *parsed->fields;
  if (op == Op::hello) {
    hello(id, c, parsed->id, std::get<HelloFields>(fields));
    return;
  }
  if (!c.greeted) {
    send_error(id, parsed->id, Error{Code::invalid, "The first message is hello.", "op"}, c.language);
    shut(id, close_code::holdfast_protocol, "hello first");
    return;
  }
  if (op == Op::auth) {
    auth(id, c, parsed->id, std::get<AuthFields>(fields));
    return;
  }
  if (expired(*c.who)) {
    send_error(id, parsed->id, Error{Code::unauthenticated, "Your token has expired: renew it with auth.", {}},
               c.language);
    return;
  }
  Call call;
  call.face = Face::websocket;
  call.language = c.language;
  call.peer = id;
  call.id = std::move(parsed->id);
  call.who = c.who;
  call.session = c.session;
  perform(call, fields);
}

void Hub::State::hello(ConnectionId id, Connection& c, const MessageId& message, HelloFields& f) {
  if (draining) {
    send_error(id, message, Error{Code::draining, {}, {}}, c.language);
    return;
  }
  BearerPtr who = c.who;
  if (!f.token.empty() || !who) {
    auto named = identities.of_token(f.token, now.wall);
    if (named && who && !who->same_person(**named)) {
      named = session::failed_sign_in(SignInFailure::other_user, Code::unauthenticated,
                                      "The token in hello is another user's than the connection's.", "token");
    }
    if (!named) {
      transport.sign_in_failed(id, named.error().why);
      send_error(id, message, named.error(), c.language);
      shut(id, close_code::unauthenticated, "unauthenticated");
      return;
    }
    who = std::move(*named);
  }
  if (!belongs(id, message, *who, c.language)) return;
  if (!c.greeted && !may_ask(*who)) {
    send_refusal(id, message, too_fast(), View{.language = c.language});
    return;
  }
  if (f.session.is_nil() != f.secret.is_nil()) {
    send_error(
        id, message,
        Error{Code::invalid, "To resume, send both session and secret.", f.session.is_nil() ? "session" : "secret"},
        c.language);
    return;
  }

  Errand errand;
  errand.op = Op::hello;
  errand.step = Step::hello;
  errand.call.peer = id;
  errand.call.id = message;
  errand.call.language = c.language;
  errand.call.who = who;
  errand.resumed = !f.session.is_nil();
  if (!errand.resumed && !f.request_id.empty()) {
    errand.call.fingerprint = fingerprint_of(HelloFields{.client = f.client, .lease = f.lease});
    errand.call.request_id = std::move(f.request_id);
    errand.call.repeatable = true;
  }
  errand.secret = new_secret(errand.call);
  errand.opened = errand.resumed ? f.session : SessionId{secrets.next_id()};
  LockCommand command;
  if (errand.resumed) {
    command =
        ResumeSession{caller_of(errand.call), f.session, digest_of(f.secret), digest_of(errand.secret), f.attempt};
  } else {
    OpenSession open;
    open.caller = caller_of(errand.call);
    open.session = errand.opened;
    open.secret = digest_of(errand.secret);
    open.client = std::move(f.client);
    open.lease = f.lease.value_or(options.limits.lease_websocket);
    open.service = who->service;
    command = std::move(open);
  }
  if (!failed.empty()) {
    send_error(id, message, Error{Code::unavailable, {}, {}}, c.language);
    return;
  }
  const BearerPtr former = std::exchange(c.who, std::move(who));
  // One more hello may come with another token: what the former one showed is over.
  if (former) recheck_watched(c, *former);
  todo.renew(id, c.who->audience, c.who->audience_class);
  c.auth_asked = false;
  c.greeted = true;
  ++c.opening;
  if (c.session.is_nil()) c.session = errand.opened;
  const NamespaceIndex ns = c.who->ns;
  engine.submit(ns, send_errand(std::move(errand)), std::move(command), now.wall);
}

void Hub::State::auth(ConnectionId id, Connection& c, const MessageId& message, const AuthFields& f) {
  auto who = identities.of_token(f.token, now.wall);
  if (who && !(*who)->same_person(*c.who)) {
    who = session::failed_sign_in(SignInFailure::other_user, Code::forbidden,
                                  "auth renews the same user's identity: open another connection for another user.",
                                  "token");
  }
  if (!who) {
    transport.sign_in_failed(id, who.error().why);
    send_error(id, message, who.error(), c.language);
    return;
  }
  const BearerPtr former = std::exchange(c.who, std::move(*who));
  c.auth_asked = false;
  if (former->name != c.who->name) tell_name(c);
  std::string body;
  append_said(body, Renewal{c.who->rights->texts(), c.who->expires_at});
  scratch.clear();
  encode_ok(scratch, message, body);
  transport.send(id, scratch);
  recheck_watched(c, *former);
  todo.renew(id, c.who->audience, c.who->audience_class);
}

// The engine shows the name of the newest token that acts for a session: here one acts that says nothing of the person.
void Hub::State::tell_name(const Connection& c) {
  if (!failed.empty()) return;
  Call call;
  call.who = c.who;
  for (const SessionId session : c.sessions)
    engine.submit(c.who->ns, 0, Heartbeat{caller_of(call), session, idle_unsaid}, now.wall);
}

void Hub::State::pong(ConnectionId id, Connection& c, const PongFields& f) {
  if (f.n == 0 || f.n > c.ping) {
    shut(id, close_code::holdfast_protocol, "a pong without a ping");
    return;
  }
  c.heard = now.monotonic;
  if (f.n <= c.pong) return;
  c.pong = f.n;
  c.pong_failed = !failed.empty();
  c.pong_left = static_cast<std::uint32_t>(c.sessions.size());
  if (c.pong_left == 0) c.acked = f.n;
  if (c.pong_failed) return;
  for (const SessionId session : c.sessions) {
    Errand errand;
    errand.op = Op::session_heartbeat;
    errand.step = Step::pong;
    errand.call.peer = id;
    errand.opened = session;
    errand.n = f.n;
    Heartbeat beat;
    beat.caller.user = c.who->user;
    beat.caller.user_name = c.who->name;
    beat.session = session;
    const auto idle =
        std::find_if(f.idle.begin(), f.idle.end(), [&](const auto& pair) { return pair.first == session; });
    if (idle != f.idle.end()) beat.idle = idle->second;
    engine.submit(c.who->ns, send_errand(std::move(errand)), std::move(beat), now.wall);
  }
}

void Hub::State::ping(ConnectionId id, Connection& c) {
  if (now.monotonic - c.heard > options.answer_pings_within) {
    shut(id, close_code::too_slow, "no answer to pings");
    return;
  }
  if (expired(*c.who)) {
    shut(id, close_code::unauthenticated, "the token has expired");
    return;
  }
  if (c.who->expires_at && !c.auth_asked && now.wall + options.auth_before + options.ping_every >= *c.who->expires_at) {
    c.auth_asked = true;
    scratch.clear();
    encode_auth_required(scratch, c.who->expires_at);
    transport.send(id, scratch);
  }
  Ping ping;
  ping.n = ++c.ping;
  ping.acked = c.acked;
  for (const SessionId session : c.sessions) ping.seqs.emplace_back(session, sessions.find(session)->second.seq);
  scratch.clear();
  encode_ping(scratch, ping);
  transport.send(id, scratch);
  pings.push_back({now.monotonic + options.ping_every, id});
}

bool Hub::State::expired(const Bearer& who) const { return who.expires_at && now.wall >= *who.expires_at + jwt_skew; }

void Hub::State::forget_connection(ConnectionId id) {
  const auto found = connections.find(id);
  if (found == connections.end()) return;
  const auto carried = std::move(found->second.sessions);
  connections.erase(found);
  todo.unsubscribe(id);
  subscribing.erase(id);
  cancel_audits(Face::websocket, id);
  cancel_documents(Face::websocket, id);
  for (const SessionId session : carried) detach(session);
}

void Hub::State::shut(ConnectionId id, std::uint16_t code, std::string_view reason) {
  forget_connection(id);
  transport.close(id, code, reason);
}

std::string Hub::State::drain_reason() const { return "retry_ms=" + std::to_string(drain_retry.count()); }

void Hub::State::send_refusal(ConnectionId id, const MessageId& message, const Refusal& refusal, const View& view) {
  scratch.clear();
  encode_error(scratch, message, refusal, view);
  transport.send(id, scratch);
  transport.refused(refusal.code);
}

void Hub::State::send_error(ConnectionId id, const MessageId& message, const Error& error, Language language) {
  scratch.clear();
  encode_error(scratch, message, error, language);
  transport.send(id, scratch);
  transport.refused(error.code);
}

void Hub::State::connections_due() {
  while (!hellos.empty() && hellos.front().at <= now.monotonic) {
    const ConnectionId id = hellos.front().id;
    hellos.pop_front();
    const auto found = connections.find(id);
    if (found == connections.end() || found->second.greeted) continue;
    if (found->second.hello_by > now.monotonic) continue;  // a later entry stands for it
    shut(id, close_code::holdfast_protocol, "no hello in time");
  }
  while (!pings.empty() && pings.front().at <= now.monotonic) {
    const ConnectionId id = pings.front().id;
    pings.pop_front();
    const auto found = connections.find(id);
    if (found != connections.end()) ping(id, found->second);
  }
  while (!drains.empty() && drains.front().at <= now.monotonic) {
    const ConnectionId id = drains.front().id;
    drains.pop_front();
    if (connections.contains(id)) shut(id, close_code::drain, drain_reason());
  }
}

}  // namespace hf
