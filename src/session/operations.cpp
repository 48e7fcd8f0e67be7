#include <algorithm>
#include <array>

#include "base/fingerprint.h"
#include "model/plain_text.h"
#include "session/bill_id.h"
#include "session/catalog_json.h"
#include "session/hub_state.h"
#include "wire/answer_types.h"
#include "wire/said_writer.h"

namespace hf {

using session::forbidden;

namespace {

std::optional<Right> right_from_name(std::string_view name) noexcept {
  for (std::size_t i = 0; i < right_names.size(); ++i) {
    if (right_names[i] == name) return static_cast<Right>(i);
  }
  return std::nullopt;
}

// The spaces of Unicode that are no single byte, and what is drawn as nothing at all: zero widths, marks of direction,
// soft hyphen, byte order mark. U+3000 is the Chinese space.
constexpr std::array<std::string_view, 29> blanks = {
    "\u00A0", "\u00AD", "\u115F", "\u1160", "\u1680", "\u180E", "\u2000", "\u2001", "\u2002", "\u2003",
    "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200A", "\u200B", "\u200C", "\u200D",
    "\u200E", "\u200F", "\u2028", "\u2029", "\u202F", "\u205F", "\u2060", "\u3000", "\uFEFF"};

// Nothing in it that a person could read.
bool is_blank(std::string_view text) {
  while (!text.empty()) {
    const auto* const blank = std::ranges::find_if(blanks, [&](std::string_view b) { return text.starts_with(b); });
    const bool wide = blank != blanks.end();
    const auto byte = static_cast<unsigned char>(text.front());
    if (!wide && byte > ' ' && byte != 0x7F) return false;
    text.remove_prefix(wide ? blank->size() : 1);
  }
  return true;
}

// A label is a line; what one writes to others may have several.
std::optional<Error> refuses_text(std::string_view label, std::string_view prose, const char* field) {
  if (!is_plain_line(label)) {
    return Error{Code::invalid, "A label is one line, without control characters and marks of direction.", "label"};
  }
  if (is_plain_prose(prose)) return std::nullopt;
  return Error{Code::invalid,
               "`" + std::string(field) + "` has a control character or a mark of direction: leave it out.", field};
}

}  // namespace

// ---------------------------------------------------------------------------------------------- what all share

void Hub::State::perform(Call& call, Fields& fields) {
  if (std::string* const request_id = request_id_field(fields); request_id != nullptr && !request_id->empty()) {
    call.fingerprint = fingerprint_of(fields);
    call.request_id = std::move(*request_id);
    call.repeatable = true;
  }
  std::visit([&](auto& f) { operate(call, f); }, fields);
}

SessionId Hub::State::session_for(const Call& call, SessionId named) {
  if (!named.is_nil()) return named;
  if (call.session.is_nil()) {
    refuse(call, call.face == Face::http
                     ? Error{Code::invalid, "Name the session.", "session"}
                     : Error{Code::session_gone, "This connection has no session of its own: name one.", "session"});
  }
  return call.session;
}

Caller Hub::State::caller_of(const Call& call) const {
  Caller caller;
  caller.user = call.who->user;
  caller.user_name = call.who->name;
  caller.admin = call.who->admin;
  caller.hold = call.who->rights->allows_everywhere(Right::lock_hold);
  caller.request_id = call.request_id;
  caller.fingerprint = call.fingerprint;
  return caller;
}

Caller Hub::State::take_caller(Call& call) const {
  std::string request_id = std::exchange(call.request_id, {});
  Caller caller = caller_of(call);
  caller.request_id = std::move(request_id);
  return caller;
}

std::optional<Error> Hub::State::refuses(const Call& call, const std::vector<Target>& targets, Right right,
                                         Ids ids) const {
  for (const Target& target : targets) {
    if (!call.who->rights->allows(right, target.type())) return forbidden(right, target.type());
  }
  for (const Target& target : targets) {
    if (!options.strict_types) break;
    if (!catalog.accepts_type(target.type())) {
      return Error{Code::invalid, "The catalog has no type " + std::string(target.type()) + ".", "targets"};
    }
    if (!target.part().empty() && !catalog.accepts_part(target.type(), target.part())) {
      return Error{Code::invalid, std::string(target.type()) + " has no part " + std::string(target.part()) + ".",
                   "targets"};
    }
  }
  if (ids == Ids::as_kept) return std::nullopt;
  for (const Target& target : targets) {
    if (auto error = session::refuses_target(catalog, target, "targets")) return error;
  }
  return std::nullopt;
}

std::optional<Error> Hub::State::refuses_type(std::string_view type) const {
  if (type.empty() || !options.strict_types || catalog.accepts_type(type)) return std::nullopt;
  return Error{Code::invalid, "The catalog has no type " + std::string(type) + ".", "type"};
}

std::optional<Error> Hub::State::refuses_new_work() const {
  if (draining) return Error{Code::draining, {}, {}};
  // Looked at each tick; an engine that was away is asked again at once.
  if (std::string why; !engine_ready && (!failed.empty() || !engine.ready(why)))
    return Error{Code::unavailable, std::move(why), {}};
  return std::nullopt;
}

bool Hub::State::sees(const Bearer& who, const RunInfo& run) const {
  return run.user == who.user || std::ranges::all_of(run.bills, [&](const Target& bill) {
           return who.rights->allows(Right::lock_view, bill.type());
         });
}

bool Hub::State::sees(const Bearer& who, const Grant& grant) const {
  if (grant.user == who.user) return true;
  return std::all_of(grant.targets.begin(), grant.targets.end(),
                     [&](const HeldTarget& held) { return who.rights->allows(Right::lock_view, held.target.type()); });
}

View Hub::State::view_of(Face face, Language language, const Bearer& who) const {
  View view;
  view.face = face;
  view.language = language;
  view.hide_names = options.hide_names && !who.admin;
  view.user = who.user;
  view.allowed = [rights = who.rights.get()](std::string_view name, std::string_view type) {
    const auto right = right_from_name(name);
    return right && rights->allows(*right, type);
  };
  return view;
}

SessionId Hub::State::counted_under(const Call& call, SessionId session) const {
  if (session.is_nil()) return session;
  const auto live = sessions.find(session);
  if (call.face == Face::websocket && live != sessions.end() && live->second.connection == call.peer) return session;
  return SessionId{Id128{session.value.hi ^ fingerprint(call.who->user), session.value.lo}};
}

void Hub::State::submit(Call& call, Errand&& errand, Command&& command) {
  if (!failed.empty()) return refuse(call, Error{Code::unavailable, {}, {}});
  errand.counted = counted_under(call, errand.session);
  if (!errand.counted.is_nil()) {
    Live& live = sessions[errand.counted];
    if (live.in_flight >= options.limits.requests_in_flight_per_session_max) {
      return refuse(call,
                    Error{Code::too_many, "Too many requests of this session are on their way: wait for answers.", {}},
                    session::retry_soon);
    }
    ++live.in_flight;
  }
  const NamespaceIndex ns = call.who->ns;
  const Face face = call.face;
  const std::uint64_t peer = call.peer;
  errand.call = std::move(call);
  const Ticket ticket = send_errand(std::move(errand));
  if (face == Face::http) {
    if (const auto exchange = exchanges.find(peer); exchange != exchanges.end()) exchange->second.ticket = ticket;
  }
  engine.submit(ns, ticket, std::move(command), now.wall);
}

void Hub::State::submit(Call& call, Op op, SessionId session, LockCommand&& command, Step step) {
  Errand errand{.op = op, .step = step, .session = session};
  if (const auto* acquire = std::get_if<Acquire>(&command)) errand.made = acquire->lock;
  if (const auto* ask = std::get_if<Ask>(&command)) errand.made = ask->wait;
  if (const auto* begin = std::get_if<BeginRun>(&command)) errand.made.value = begin->run.value;
  submit(call, std::move(errand), std::move(command));
}

void Hub::State::submit_if_types_allow(Call& call, Op op, SessionId session, Right right, LockCommand command) {
  const LockId lock = std::visit(
      [](const auto& c) {
        if constexpr (requires { c.lock; })
          return c.lock;
        else
          return LockId{};
      },
      command);
  Caller caller = caller_of(call);
  caller.request_id.clear();
  const std::uint64_t peer = call.peer;
  const Face face = call.face;
  const NamespaceIndex ns = call.who->ns;
  if (!failed.empty()) {
    refuse(call, Error{Code::unavailable, {}, {}});
    return;
  }
  Errand errand;
  errand.call = std::move(call);
  errand.op = op;
  errand.step = Step::ask_types;
  errand.right = right;
  errand.session = session;  // counted when the command itself goes
  const Ticket ticket = send_errand(std::move(errand));
  parked.emplace(ticket, std::move(command));
  if (face == Face::http) {
    if (const auto exchange = exchanges.find(peer); exchange != exchanges.end()) exchange->second.ticket = ticket;
  }
  engine.submit(ns, ticket, GetLock{std::move(caller), lock}, now.wall);
}

void Hub::State::refuse(const Call& call, const Error& error, Millis retry_after) {
  Refusal refusal = session::refusal_of(error.code, error.detail, error.field);
  refusal.retry_after = retry_after;
  refuse(call, refusal);
}

void Hub::State::refuse(const Call& call, const Refusal& refusal) {
  const View view = view_of(call.face, call.language, *call.who);
  if (call.face == Face::http) {
    respond_refusal(call.peer, refusal, view);
    return;
  }
  if (connections.contains(call.peer)) send_refusal(call.peer, call.id, refusal, view);
}

void Hub::State::answer_body(const Call& call, std::string body) {
  if (call.face == Face::http) {
    respond(call.peer, 200, std::move(body));
    return;
  }
  scratch.clear();
  encode_ok(scratch, call.id, body);
  transport.send(call.peer, scratch);
}

// ---------------------------------------------------------------------------------------------- sessions

// Their one face is the socket's: http_routes has no path to them, and sockets.cpp takes them before.
void Hub::State::operate(Call& call, HelloFields&) { refuse(call, Error{Code::invalid, "Not here.", "op"}); }
void Hub::State::operate(Call& call, AuthFields&) { refuse(call, Error{Code::invalid, "Not here.", "op"}); }
void Hub::State::operate(Call& call, PongFields&) { refuse(call, Error{Code::invalid, "Not here.", "op"}); }

void Hub::State::operate(Call& call, SessionOpenFields& f) {
  if (draining) return refuse(call, Error{Code::draining, {}, {}});
  if (!failed.empty()) return refuse(call, Error{Code::unavailable, {}, {}});
  OpenSession open;
  open.caller = caller_of(call);
  open.session = SessionId{secrets.next_id()};
  const Secret secret = new_secret(call);
  open.secret = digest_of(secret);
  open.client = std::move(f.client);
  // Over HTTP a session lives by calls that people make: it gets the original design's half hour.
  open.lease = f.lease.value_or(call.face == Face::http ? options.limits.lease_max : options.limits.lease_websocket);
  open.service = call.who->service;

  Errand errand;
  errand.op = Op::session_open;
  errand.step = Step::open;
  errand.opened = open.session;
  errand.secret = secret;
  const NamespaceIndex ns = call.who->ns;
  const Face face = call.face;
  const std::uint64_t peer = call.peer;
  errand.call = std::move(call);
  const Ticket ticket = send_errand(std::move(errand));
  if (face == Face::http) {
    exchanges.find(peer)->second.ticket = ticket;
  } else {
    ++connections.find(peer)->second.opening;
  }
  engine.submit(ns, ticket, std::move(open), now.wall);
}

void Hub::State::operate(Call& call, Heartbeat& f) {
  f.session = session_for(call, f.session);
  if (f.session.is_nil()) return;
  f.caller = caller_of(call);
  submit_for_session(call, Op::session_heartbeat, f);
}

void Hub::State::operate(Call& call, EndSession& f) {
  f.session = session_for(call, f.session);
  if (f.session.is_nil()) return;
  f.caller = caller_of(call);
  submit_for_session(call, Op::session_end, f);
}

void Hub::State::operate(Call& call, ListSessions& f) {
  f.caller = caller_of(call);
  submit(call, Op::session_list, call.session, std::move(f));
}

void Hub::State::operate(Call& call, GetSession& f) {
  f.session = session_for(call, f.session);
  if (f.session.is_nil()) return;
  f.caller = caller_of(call);
  submit_for_session(call, Op::session_state, f);
}

// ---------------------------------------------------------------------------------------------- locks

void Hub::State::operate(Call& call, Acquire& f) {
  if (const auto error = refuses_new_work()) return refuse(call, *error);
  if (f.kind == Kind::temporary) {
    return refuse(call, Error{Code::forbidden, "Temporary locks belong to running actions.", "kind"});
  }
  if (const auto error = refuses(call, f.targets, f.kind == Kind::hold ? Right::lock_hold : Right::lock_edit))
    return refuse(call, *error);
  for (const auto& [bill, version] : f.if_versions) {
    const auto target = Target::parse(bill);
    if (!target) continue;  // names no bill that there is
    if (const auto error = session::refuses_target(catalog, *target, "if_versions")) return refuse(call, *error);
  }
  if (const auto error = refuses_text(f.label, f.reason, "reason")) return refuse(call, *error);
  f.session = session_for(call, f.session);
  if (f.session.is_nil()) return;
  f.caller = take_caller(call);
  f.caller.hold |= f.kind == Kind::hold;  // covered for these targets, or it would have been refused
  f.lock = LockId{secrets.next_id()};
  if (call.face == Face::http && !call.repeatable) f.node = engine.self();
  submit_for_session(call, Op::lock_acquire, f);
}

void Hub::State::operate(Call& call, GetLock& f) {
  if (!call.who->rights->allows_somewhere(Right::lock_view)) return refuse(call, forbidden(Right::lock_view, {}));
  f.caller = caller_of(call);
  submit(call, Op::lock_get, call.session, std::move(f));
}

void Hub::State::operate(Call& call, ListLocks& f) {
  const RightSet& rights = *call.who->rights;
  if (f.type.empty() ? !rights.allows_somewhere(Right::lock_view) : !rights.allows(Right::lock_view, f.type)) {
    return refuse(call, forbidden(Right::lock_view, f.type));
  }
  if (options.hide_names && !call.who->admin && (!f.client.empty() || (!f.user.empty() && f.user != call.who->user))) {
    return refuse(call, Error{Code::forbidden, "Names are hidden here: they cannot be asked for.",
                              f.client.empty() ? "user" : "client"});
  }
  if (const auto error = refuses_type(f.type)) return refuse(call, *error);
  f.caller = caller_of(call);
  submit(call, Op::lock_list, call.session, std::move(f));
}

void Hub::State::operate(Call& call, Release& f) {
  const bool hold = !f.owner.empty();
  if (!hold) {
    f.session = session_for(call, f.session);
    if (f.session.is_nil()) return;
  }
  const SessionId counted = f.session.is_nil() ? call.session : f.session;
  f.caller = take_caller(call);
  f.exact = call.face == Face::http && !call.repeatable;  // a proxy may send it once more
  if (hold && call.who->hold && !f.caller.hold) {
    return submit_if_types_allow(call, Op::lock_release, counted, Right::lock_hold, std::move(f));
  }
  submit(call, Op::lock_release, counted, std::move(f));
}

void Hub::State::operate(Call& call, Extend& f) {
  // A hold is extended by right, not by session: over HTTP none need be named.
  if (call.face == Face::websocket || !call.who->hold) {
    f.session = session_for(call, f.session);
    if (f.session.is_nil()) return;
  }
  f.caller = caller_of(call);
  if (call.who->hold && !f.caller.hold) {
    const SessionId session = f.session;
    return submit_if_types_allow(call, Op::lock_extend, session, Right::lock_hold, std::move(f));
  }
  submit_for_session(call, Op::lock_extend, f);
}

void Hub::State::operate(Call& call, Transfer& f) {
  f.session = session_for(call, f.session);
  if (f.session.is_nil()) return;
  f.caller = caller_of(call);
  submit_for_session(call, Op::lock_transfer, f);
}

void Hub::State::operate(Call& call, Force& f) {
  const RightSet& rights = *call.who->rights;
  if (!rights.allows_somewhere(Right::lock_force)) return refuse(call, forbidden(Right::lock_force, {}));
  if (is_blank(f.reason))
    return refuse(call, Error{Code::invalid, "The holder is told the reason: give one.", "reason"});
  if (const auto error = refuses_text({}, f.reason, "reason")) return refuse(call, *error);
  f.caller = caller_of(call);
  if (!rights.allows_everywhere(Right::lock_force)) {
    return submit_if_types_allow(call, Op::lock_force, call.session, Right::lock_force, std::move(f));
  }
  submit(call, Op::lock_force, call.session, std::move(f));
}

void Hub::State::operate(Call& call, Ask& f) {
  if (const auto error = refuses_new_work()) return refuse(call, *error);
  const RightSet& rights = *call.who->rights;
  if (!rights.allows_somewhere(Right::lock_edit)) return refuse(call, forbidden(Right::lock_edit, {}));
  if (const auto error = refuses(call, f.targets, Right::lock_edit, Ids::as_kept)) return refuse(call, *error);
  if (const auto error = refuses_text(f.label, f.message, "message")) return refuse(call, *error);
  f.session = session_for(call, f.session);
  if (f.session.is_nil()) return;
  // Named targets are the lock's, or the engine refuses; that the lock is there at all is not everybody's to know.
  const bool types_known =
      rights.allows_everywhere(Right::lock_edit) || (!f.targets.empty() && rights.allows_everywhere(Right::lock_view));
  f.caller = caller_of(call);
  f.wait = LockId{secrets.next_id()};
  if (!types_known) {
    const SessionId session = f.session;
    return submit_if_types_allow(call, Op::lock_request, session, Right::lock_edit, std::move(f));
  }
  submit_for_session(call, Op::lock_request, f);
}

void Hub::State::operate(Call& call, CancelWait& f) {
  f.session = session_for(call, f.session);
  if (f.session.is_nil()) return;
  f.caller = caller_of(call);
  submit_for_session(call, Op::lock_cancel_wait, f);
}

void Hub::State::operate(Call& call, Check& f) {
  if (const auto error = refuses(call, f.targets, Right::lock_view)) return refuse(call, *error);
  if (f.session.is_nil()) f.session = call.session;
  f.caller = caller_of(call);
  submit_for_session(call, Op::lock_check, f);
}

void Hub::State::operate(Call& call, Verify& f) {
  if (const auto error = refuses(call, f.targets, Right::lock_view, Ids::as_kept)) return refuse(call, *error);
  f.caller = caller_of(call);
  submit(call, Op::lock_verify, call.session, std::move(f));
}

void Hub::State::operate(Call& call, ReleaseAll& f) {
  if (const auto error = refuses_type(f.type)) return refuse(call, *error);
  f.session = session_for(call, f.session);
  if (f.session.is_nil()) return;
  f.caller = caller_of(call);
  submit_for_session(call, Op::lock_release_all, f);
}

// ---------------------------------------------------------------------------------------------- asking
// The engine knows who is asked and who asked; a right is not needed to answer for what one holds.

void Hub::State::operate(Call& call, Agree& f) {
  f.caller = caller_of(call);
  submit(call, Op::request_agree, call.session, std::move(f));
}

void Hub::State::operate(Call& call, Refuse& f) {
  if (const auto error = refuses_text({}, f.reason, "reason")) return refuse(call, *error);
  f.caller = caller_of(call);
  submit(call, Op::request_refuse, call.session, std::move(f));
}

void Hub::State::operate(Call& call, Defer& f) {
  f.caller = caller_of(call);
  submit(call, Op::request_defer, call.session, std::move(f));
}

void Hub::State::operate(Call& call, WithdrawFields& f) {
  f.session = session_for(call, f.session);
  if (f.session.is_nil()) return;
  CancelWait cancel = to_command(f);
  cancel.caller = caller_of(call);
  submit(call, Op::request_withdraw, f.session, std::move(cancel));
}

void Hub::State::operate(Call& call, ListAsks& f) {
  f.caller = caller_of(call);
  submit(call, Op::request_list, call.session, std::move(f));
}

// ---------------------------------------------------------------------------------------------- watching, reading

void Hub::State::operate(Call& call, WatchFields& f) {
  if (const auto error = refuses(call, f.targets, Right::lock_view)) return refuse(call, *error);
  for (const Target& target : f.targets) {
    if (target.level() != Level::bill) return refuse(call, Error{Code::invalid, "Watch bills: Type:id.", "targets"});
  }
  SessionId watcher;
  if (call.face == Face::websocket) {
    watcher = session_for(call, f.session);
    if (watcher.is_nil()) return;
    const auto live = sessions.find(watcher);
    if (live == sessions.end() || live->second.connection != call.peer) {
      return refuse(call, Error{Code::invalid, "A session watches on the connection that carries it.", "session"});
    }
  }
  std::sort(f.targets.begin(), f.targets.end());
  f.targets.erase(std::unique(f.targets.begin(), f.targets.end()), f.targets.end());
  std::size_t more = f.targets.size();
  if (call.face == Face::websocket) {
    more = static_cast<std::size_t>(std::count_if(f.targets.begin(), f.targets.end(), [&](const Target& bill) {
      return !watchers.watches(call.who->ns, bill, Watcher::of(watcher));
    }));
    more += watchers.count(Watcher::of(watcher));
  }
  if (more > options.limits.watched_per_session_max) {
    return refuse(call,
                  Error{Code::too_many,
                        "A session watches up to " + std::to_string(options.limits.watched_per_session_max) + " bills.",
                        "targets"});
  }
  Check check;
  check.caller = caller_of(call);
  check.session = watcher;
  check.targets = std::move(f.targets);
  call.again = f.again;
  somebody_watches();
  submit(call, Op::watch, watcher, std::move(check), Step::watch);
}

void Hub::State::operate(Call& call, UnwatchFields& f) {
  const SessionId watcher = session_for(call, f.session);
  if (watcher.is_nil()) return;
  const auto live = sessions.find(watcher);
  if (live == sessions.end() || live->second.connection != call.peer) {
    return refuse(call, Error{Code::invalid, "A session watches on the connection that carries it.", "session"});
  }
  for (const Target& target : f.targets) {
    if (target.level() == Level::bill) watchers.remove(call.who->ns, target, Watcher::of(watcher));
  }
  std::string body;
  append_said(body, WatchedCount{watchers.count(Watcher::of(watcher))});
  answer_body(call, std::move(body));
}

void Hub::State::load_catalog_body() {
  if (!catalog_body.empty()) return;
  append_catalog(catalog_body, catalog);
  catalog_etag = session::entity_tag(catalog_body);
}

void Hub::State::operate(Call& call, CatalogGetFields&) {
  load_catalog_body();
  answer_body(call, catalog_body);
}

void Hub::State::operate(Call& call, GetStats&) {
  if (!call.who->rights->allows_somewhere(Right::lock_view)) return refuse(call, forbidden(Right::lock_view, {}));
  submit(call, Op::stats_get, call.session, GetStats{});
}

// The namespace's own numbers, and this node's.
std::string Hub::State::stats_body(const Stats& stats) const {
  std::string body;
  append_said(body, StatsAnswer{stats, options.node, HF_VERSION});
  return body;
}

}  // namespace hf
