#include "wire/answers.h"

#include <array>
#include <charconv>

#include "base/sentences.h"
#include "wire/json_writer.h"

namespace hf {
namespace {

using std::string_view;

bool is_hidden(const View& view, string_view user) noexcept { return view.hide_names && user != view.user; }

// A text about a person: null when hidden, left out when empty.
void personal(JsonWriter& w, bool hidden, string_view name, string_view text) {
  if (hidden) {
    w.key(name).null();
  } else {
    w.some(name, text);
  }
}

void personal_session(JsonWriter& w, bool hidden, const SessionId& session) {
  if (hidden) {
    w.key("session").null();
  } else if (!session.is_nil()) {
    w.key("session").id(session);
  }
}

void write_client(JsonWriter& w, bool hidden, const ClientInfo& client) {
  if (hidden) {
    w.key("client").null();
  } else if (!client.program.empty() || !client.host.empty() || !client.window.empty()) {
    w.key("client").begin_object();
    w.some("program", client.program).some("host", client.host).some("window", client.window).end_object();
  }
}

void write_time(JsonWriter& w, string_view name, Wall time) {
  if (time != Wall{}) w.key(name).time(time);
}

void write_targets(JsonWriter& w, const std::vector<Target>& targets) {
  w.key("targets").begin_array();
  for (const Target& target : targets) w.string(target.text());
  w.end_array();
}

void write_grant_members(JsonWriter& w, const Grant& grant, const View& view) {
  const bool hidden = is_hidden(view, grant.user);
  w.key("lock").id(grant.lock);
  if (grant.token != 0) w.key("token").number(grant.token);
  w.key("targets").begin_array();
  bool differs = false;
  for (const HeldTarget& held : grant.targets) {
    w.string(held.target.text());
    differs = differs || held.token != grant.token;
  }
  w.end_array();
  if (differs) {
    w.key("tokens").begin_object();
    for (const HeldTarget& held : grant.targets) {
      if (held.token != grant.token) w.key_escaped(held.target.text()).number(held.token);
    }
    w.end_object();
  }
  w.field("mode", name_of(grant.mode)).field("kind", name_of(grant.kind));
  personal_session(w, hidden, grant.session);
  personal(w, hidden, "user", grant.user);
  personal(w, hidden, "user_name", grant.user_name);
  write_client(w, hidden, grant.client);
  w.some("owner", grant.owner).some("label", grant.label);
  personal(w, hidden, "reason", grant.reason);
  write_time(w, "acquired_at", grant.acquired_at);
  write_time(w, "expires_at", grant.expires_at);
  w.key("holds").number(grant.holds);
}

void write_grant(JsonWriter& w, const Grant& grant, const View& view) {
  w.begin_object();
  write_grant_members(w, grant, view);
  w.end_object();
}

void write_granted(JsonWriter& w, const Granted& granted, const View& view) {
  w.begin_object();
  write_grant_members(w, granted.grant, view);
  if (granted.again) w.key("again").boolean(true);
  if (!granted.versions.empty()) {
    w.key("versions").begin_object();
    for (const auto& [bill, version] : granted.versions) {
      w.key_escaped(bill);
      version ? w.number(*version) : w.null();
    }
    w.end_object();
  }
  w.end_object();
}

void write_conflict(JsonWriter& w, const Conflict& c, const View& view) {
  const bool hidden = is_hidden(view, c.user);
  w.begin_object();
  w.field("target", c.target.text());
  w.key("lock").id(c.lock);
  w.field("mode", name_of(c.mode)).some("label", c.label);
  if (c.waiting) {
    w.key("waiting").begin_object();
    personal(w, hidden, "user", c.user);
    personal(w, hidden, "name", c.user_name);
    write_time(w, "since", c.since);
    w.key("position").number(c.position).end_object();
  } else {
    w.key("holder").begin_object();
    personal(w, hidden, "user", c.user);
    personal(w, hidden, "name", c.user_name);
    write_client(w, hidden, c.client);
    personal_session(w, hidden, c.session);
    write_time(w, "since", c.since);
    write_time(w, "last_activity_at", c.last_activity_at);
    write_time(w, "expires_at", c.expires_at);
    w.field("kind", name_of(c.kind));
    personal(w, hidden, "reason", c.reason);
    w.end_object();
  }
  w.key("same_user").boolean(c.same_user);
  w.key("queue").number(c.queue);

  const May may = may_of(c, view);
  w.key("may").begin_array();
  for (const auto& [bit, name] : kMays) {
    if ((may & bit) != 0) w.string(name);
  }
  w.end_array().end_object();
}

void write_conflicts(JsonWriter& w, const std::vector<Conflict>& conflicts, const View& view) {
  w.key("conflicts").begin_array();
  for (const Conflict& c : conflicts) write_conflict(w, c, view);
  w.end_array();
}

void write_wait_members(JsonWriter& w, const WaitInfo& wait, bool hidden) {
  personal_session(w, hidden, wait.session);
  personal(w, hidden, "user", wait.user);
  personal(w, hidden, "user_name", wait.user_name);
  write_targets(w, wait.targets);
  w.field("mode", name_of(wait.mode)).field("kind", name_of(wait.kind)).some("label", wait.label);
  write_time(w, "since", wait.since);
  write_time(w, "until", wait.until);
  w.key("position").number(wait.position);
}

void write_wait(JsonWriter& w, const WaitInfo& wait, const View& view) {
  w.begin_object().key("wait").id(wait.wait);
  write_wait_members(w, wait, is_hidden(view, wait.user));
  if (wait.asking) w.key("asking").boolean(true);
  w.end_object();
}

void write_ask(JsonWriter& w, const AskInfo& ask, const View& view) {
  const bool hidden = is_hidden(view, ask.wait.user);
  w.begin_object().key("request").id(ask.wait.wait);
  w.key("lock").id(ask.lock);
  write_wait_members(w, ask.wait, hidden);
  personal(w, hidden, "message", ask.message);
  w.field("state", name_of(ask.state));
  // Whose words these are is not told here: never the asker's.
  personal(w, view.hide_names, "answer_reason", ask.answer_reason);
  write_time(w, "answer_by", ask.answer_by);
  w.end_object();
}

enum class With : std::uint8_t { head_only, locks_and_waits };

void write_session_members(JsonWriter& w, const SessionSnapshot& s, const View& view, With with) {
  const bool hidden = is_hidden(view, s.user);
  w.key("session").id(s.session);
  personal(w, hidden, "user", s.user);
  personal(w, hidden, "user_name", s.user_name);
  write_client(w, hidden, s.client);
  w.key("lease_ms").signed_number(s.lease.count());
  write_time(w, "opened_at", s.opened_at);
  write_time(w, "expires_at", s.expires_at);
  write_time(w, "last_activity_at", s.last_activity_at);
  w.key("seq").number(s.seq);
  if (with == With::head_only) return;
  w.key("locks").begin_array();
  for (const Grant& grant : s.locks) write_grant(w, grant, view);
  w.end_array().key("waits").begin_array();
  for (const WaitInfo& wait : s.waits) write_wait(w, wait, view);
  w.end_array().key("requests").begin_array();
  for (const AskInfo& ask : s.asks) write_ask(w, ask, view);
  w.end_array().some("next", s.next);
}

void write_session(JsonWriter& w, const SessionSnapshot& s, const View& view, With with) {
  w.begin_object();
  write_session_members(w, s, view, with);
  w.end_object();
}

void write_problem(JsonWriter& w, const Refusal& r, const View& view) {
  w.begin_object();
  const string_view code = code_name(r.code);
  if (view.face == Face::http) w.field("type", "urn:holdfast:problem:" + std::string(code));
  w.field("code", code);
  w.field("title", view.language == Language::zh ? code_sentence_zh(r.code) : code_sentence(r.code));
  if (view.face == Face::http) w.key("status").signed_number(code_http_status(r.code));
  if (view.language == Language::zh)
    w.some("detail", in_chinese(r.detail));
  else
    w.some("detail", r.detail);
  w.some("field", r.field);
  if (r.code == Code::locked) {
    if (r.deadlock) w.key("deadlock").boolean(true);
    w.key("conflicts_total").number(r.conflicts_total);
    write_conflicts(w, r.conflicts, view);
  }
  if (r.ended) {
    w.key("ended").begin_object().field("reason", name_of(r.ended->reason));
    write_time(w, "at", r.ended->at);
    personal(w, !r.ended->by.empty() && is_hidden(view, r.ended->by), "by", r.ended->by);
    w.end_object();
  }
  if (!r.stale_target.empty()) w.field("target", r.stale_target).key("known_version").number(r.known_version);
  if (r.retry_after.count() > 0) w.key("retry_after_ms").signed_number(r.retry_after.count());
  w.end_object();
}

Refusal refusal_of(const Error& error) {
  Refusal refusal;
  refusal.code = error.code;
  refusal.detail = error.detail;
  refusal.field = error.field;
  return refusal;
}

void write_stats(JsonWriter& w, const Stats& s) {
  w.begin_object();
  w.key("locks").number(s.locks).key("sessions").number(s.sessions).key("waits").number(s.waits);
  w.key("requests").number(s.asks).key("nodes").number(s.nodes).key("granted").number(s.granted);
  w.key("refused").number(s.refused).key("released").number(s.released).key("expired").number(s.expired);
  w.key("forced").number(s.forced).key("handed_over").number(s.handed_over).key("waited").number(s.waited);
  w.key("deadlocks")
      .number(s.deadlocks)
      .key("clock_alarms")
      .number(s.clock_alarms)
      .key("last_token")
      .number(s.last_token);
  w.end_object();
}

// The body for each kind of outcome.
struct OutcomeWriter {
  JsonWriter& w;
  Op op;
  const View& view;
  const Secret& secret;

  void operator()(const Refusal& r) { write_problem(w, r, view); }
  void operator()(const SessionOpened& s) {
    w.begin_object().key("session").id(s.session);
    if (!secret.is_nil()) w.key("secret").id(secret);
    w.key("lease_ms").signed_number(s.lease.count());
    write_time(w, "expires_at", s.expires_at);
    w.key("seq").number(s.seq).end_object();
  }
  void operator()(const SessionResumed& s) { write_session(w, s.state, view, With::locks_and_waits); }
  void operator()(const SessionClosed& s) { w.begin_object().key("released").number(s.released).end_object(); }
  void operator()(const Renewed& r) {
    w.begin_object().key("expires_at").time(r.expires_at);
    w.key("seq").number(r.seq).key("locks").begin_array();
    for (const LockId& lock : r.locks) w.id(lock);
    w.end_array().end_object();
  }
  void operator()(const Granted& g) { write_granted(w, g, view); }
  void operator()(const Queued& q) {
    w.begin_object();
    const bool nested = view.face == Face::websocket && op != Op::lock_request;
    if (nested) w.key("queued").begin_object();
    if (op == Op::lock_request) w.key("request").id(q.wait);
    w.key("wait").id(q.wait).key("position").number(q.position);
    if (nested) w.end_object();
    w.end_object();
  }
  void operator()(const Released& r) {
    w.begin_object();
    if (r.already) {
      w.key("already_released").boolean(true);
      if (r.holds > 0) w.key("holds").number(r.holds);
    } else {
      w.key("released").boolean(r.released).key("holds").number(r.holds);
    }
    w.end_object();
  }
  void operator()(const ReleasedMany& r) { w.begin_object().key("released").number(r.released).end_object(); }
  void operator()(const Done&) { w.begin_object().end_object(); }
  void operator()(const Answered& a) {
    w.begin_object().key("granted").boolean(a.granted);
    if (!a.granted) w.key("queued").boolean(true);
    w.end_object();
  }
  void operator()(const SessionSnapshot& s) { write_session(w, s, view, With::locks_and_waits); }
  void operator()(const LockList& list) {
    w.begin_object().key("locks").begin_array();
    for (const Grant& grant : list.locks) write_grant(w, grant, view);
    w.end_array();
    if (list.next != 0) w.field("next", std::to_string(list.next));
    w.end_object();
  }
  void operator()(const Checked& checked) {
    w.begin_object().key("targets").begin_array();
    for (const CheckItem& item : checked.items) {
      w.begin_object()
          .field("target", item.target.text())
          .key("free")
          .boolean(item.free)
          .key("mine")
          .boolean(item.mine);
      if (!item.conflicts.empty()) write_conflicts(w, item.conflicts, view);
      w.end_object();
    }
    w.end_array().end_object();
  }
  void operator()(const Verified& v) {
    w.begin_object().key("valid").boolean(v.valid);
    if (v.valid) w.key("valid_for_ms").signed_number(v.valid_for.count());
    if (!v.targets.empty()) {
      const Token token = v.targets.front().token;
      if (std::ranges::all_of(v.targets, [&](const HeldTarget& held) { return held.token == token; }))
        w.key("token").number(token);
      w.key("tokens").begin_object();
      for (const HeldTarget& held : v.targets) w.key_escaped(held.target.text()).number(held.token);
      w.end_object();
    }
    w.some("why", v.why).end_object();
  }
  void operator()(const SessionList& list) {
    w.begin_object().key("sessions").begin_array();
    for (const SessionSnapshot& s : list.sessions) write_session(w, s, view, With::head_only);
    w.end_array().some("next", list.next).end_object();
  }
  void operator()(const AskList& list) {
    w.begin_object().key("requests").begin_array();
    for (const AskInfo& ask : list.asks) write_ask(w, ask, view);
    w.end_array();
    if (list.next != 0) w.field("next", std::to_string(list.next));
    w.end_object();
  }
  void operator()(const WaitList& list) {
    w.begin_object().key("waits").begin_array();
    for (const WaitInfo& wait : list.waits) write_wait(w, wait, view);
    w.end_array().end_object();
  }
  void operator()(const Stats& s) { write_stats(w, s); }
  void operator()(const Grant& g) { write_grant(w, g, view); }
};

JsonWriter& begin_push(JsonWriter& w, string_view name) { return w.begin_object().field("event", name); }

void write_by(JsonWriter& w, string_view user, string_view name, const View& view) {
  if (user.empty()) return;
  const bool hidden = is_hidden(view, user);
  w.key("by").begin_object();
  personal(w, hidden, "user", user);
  personal(w, hidden, "name", name);
  w.end_object();
}

struct EventWriter {
  JsonWriter& w;
  const View& view;

  bool operator()(const LockGranted& e) {
    begin_push(w, "lock.granted").key("session").id(e.session);
    w.key("seq").number(e.seq).key("wait").id(e.wait).key("grant");
    write_granted(w, e.granted, view);
    return end();
  }
  bool operator()(const LockWaiting& e) {
    begin_push(w, "lock.waiting").key("session").id(e.session);
    w.key("wait").id(e.wait).key("position").number(e.position);
    return end();
  }
  bool operator()(const WaitEnded& e) {
    begin_push(w, "lock.wait_ended").key("session").id(e.session);
    w.key("seq").number(e.seq).key("wait").id(e.wait).key("error");
    View by_socket = view;
    by_socket.face = Face::websocket;
    write_problem(w, e.why, by_socket);
    return end();
  }
  bool operator()(const LockLost& e) {
    begin_push(w, "lock.lost").key("session").id(e.session);
    w.key("seq").number(e.seq).key("lock").id(e.lock).field("reason", name_of(e.reason));
    write_targets(w, e.targets);
    w.key("whole").boolean(e.whole);
    write_by(w, e.by_user, e.by_name, view);
    personal(w, !e.by_user.empty() && is_hidden(view, e.by_user), "note", e.note);
    return end();
  }
  bool operator()(const LockExpiring& e) {
    begin_push(w, "lock.expiring").key("session").id(e.session);
    w.key("lock").id(e.lock).key("expires_at").time(e.expires_at).field("reason", name_of(e.reason));
    return end();
  }
  bool operator()(const LockRequested& e) {
    begin_push(w, "lock.requested").key("session").id(e.session);
    w.key("seq").number(e.seq).key("request");
    write_ask(w, e.ask, view);
    return end();
  }
  bool operator()(const LockAnswered& e) {
    begin_push(w, "lock.answered").key("session").id(e.session);
    w.key("seq").number(e.seq).key("request").id(e.wait).field("answer", e.answer);
    personal(w, !e.by_user.empty() && is_hidden(view, e.by_user), "reason", e.reason);
    write_by(w, e.by_user, e.by_name, view);
    write_time(w, "answer_by", e.answer_by);
    return end();
  }
  bool operator()(const SessionEnded& e) {
    begin_push(w, "session.ended").key("session").id(e.session).field("reason", name_of(e.reason));
    return end();
  }
  bool operator()(const TargetChanged& e) {
    if (!e.grant) {
      begin_push(w, "lock.free").field("target", e.target.text());
      return end();
    }
    const Grant& g = *e.grant;
    const bool hidden = is_hidden(view, g.user);
    begin_push(w, "lock.changed").field("target", e.target.text()).key("lock").id(g.lock);
    w.field("mode", name_of(g.mode)).some("label", g.label).key("holder").begin_object();
    personal(w, hidden, "user", g.user);
    personal(w, hidden, "name", g.user_name);
    write_client(w, hidden, g.client);
    personal_session(w, hidden, g.session);
    write_time(w, "since", g.acquired_at);
    write_time(w, "expires_at", g.expires_at);
    w.field("kind", name_of(g.kind));
    personal(w, hidden, "reason", g.reason);
    w.end_object();
    return end();
  }
  bool operator()(const ClockAlarm&) { return false; }

 private:
  bool end() {
    w.end_object();
    return true;
  }
};

}  // namespace

Language language_of(string_view accept) noexcept {
  double zh = -1;
  double en = -1;
  while (!accept.empty()) {
    const std::size_t comma = accept.find(',');
    string_view range = accept.substr(0, comma);
    accept = comma == string_view::npos ? string_view() : accept.substr(comma + 1);
    while (!range.empty() && range.front() == ' ') range.remove_prefix(1);
    double q = 1;
    if (const std::size_t at = range.find("q="); at != string_view::npos) {
      if (std::from_chars(range.data() + at + 2, range.data() + range.size(), q).ec != std::errc()) q = 0;
    }
    const auto is = [&](string_view lower, string_view upper) {
      return range.starts_with(lower) || range.starts_with(upper);
    };
    // Of two of one weight the first counts.
    if (is("zh", "ZH") && q > 0 && q > zh && q > en) zh = q;
    if (is("en", "EN") && q > 0 && q > en && q > zh) en = q;
  }
  return zh > en ? Language::zh : Language::en;
}

May may_of(const Conflict& c, const View& view) {
  May may = may_read_only | may_notify;
  if (!view.allowed) return may;
  if (view.allowed("lock.edit", c.target.type())) {
    may |= may_wait;
    if (!c.waiting && c.kind == Kind::edit) may |= c.same_user ? may_request | may_transfer : may_request;
  }
  if (!c.waiting && view.allowed("lock.force", c.target.type())) may |= may_force;
  return may;
}

void append_grant(std::string& out, const Grant& grant, const View& view) {
  JsonWriter w(out);
  write_grant(w, grant, view);
}
void append_granted(std::string& out, const Granted& granted, const View& view) {
  JsonWriter w(out);
  write_granted(w, granted, view);
}
void append_conflict(std::string& out, const Conflict& conflict, const View& view) {
  JsonWriter w(out);
  write_conflict(w, conflict, view);
}
void append_session(std::string& out, const SessionSnapshot& session, const View& view) {
  JsonWriter w(out);
  write_session(w, session, view, With::locks_and_waits);
}
void append_wait(std::string& out, const WaitInfo& wait, const View& view) {
  JsonWriter w(out);
  write_wait(w, wait, view);
}
void append_ask(std::string& out, const AskInfo& ask, const View& view) {
  JsonWriter w(out);
  write_ask(w, ask, view);
}

void append_audit(std::string& out, const AuditEntry& e) {
  JsonWriter w(out);
  w.begin_object().key("at").time(e.at).field("action", e.action).some("user", e.user).some("holder", e.holder);
  if (!e.lock.is_nil()) w.key("lock").id(e.lock);
  if (!e.session.is_nil()) w.key("session").id(e.session);
  if (!e.targets.empty()) {
    w.key("targets").begin_array();
    for (const std::string& target : e.targets) w.string(target);
    w.end_array();
  }
  w.some("reason", e.reason).some("before", e.before).some("after", e.after).end_object();
}

void append_outcome(std::string& out, Op op, const Outcome& outcome, const View& view, const Secret& secret) {
  JsonWriter w(out);
  std::visit(OutcomeWriter{w, op, view, secret}, outcome);
}

int http_status_of(Op op, const Outcome& outcome) noexcept {
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) return code_http_status(refusal->code);
  if (std::holds_alternative<SessionOpened>(outcome)) return 201;
  if (std::holds_alternative<Queued>(outcome)) return op == Op::lock_request ? 201 : 202;
  if (std::holds_alternative<Granted>(outcome)) return op == Op::lock_acquire || op == Op::lock_request ? 201 : 200;
  return 200;
}

void encode_answer(std::string& out, const MessageId& id, Op op, const Outcome& outcome, const View& view,
                   const Secret& secret) {
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) return encode_error(out, id, *refusal, view);
  out.append("{\"id\":");
  append_message_id(out, id);
  out.append(",\"ok\":");
  append_outcome(out, op, outcome, view, secret);
  out.push_back('}');
}

void encode_ok(std::string& out, const MessageId& id, string_view body) {
  out.append("{\"id\":");
  append_message_id(out, id);
  out.append(",\"ok\":");
  out.append(body);
  out.push_back('}');
}

void encode_error(std::string& out, const MessageId& id, const Refusal& refusal, const View& view) {
  out.append("{\"id\":");
  append_message_id(out, id);
  out.append(",\"error\":");
  append_problem(out, refusal, view);
  out.push_back('}');
}

void encode_error(std::string& out, const MessageId& id, const Error& error, Language language) {
  View view;
  view.language = language;
  encode_error(out, id, refusal_of(error), view);
}

void append_problem(std::string& out, const Refusal& refusal, const View& view) {
  JsonWriter w(out);
  write_problem(w, refusal, view);
}

std::string encode_problem(const Refusal& refusal, View view) {
  view.face = Face::http;
  std::string out;
  append_problem(out, refusal, view);
  return out;
}

std::string encode_problem(const Error& error, Language language) {
  View view;
  view.language = language;
  return encode_problem(refusal_of(error), std::move(view));
}

// ---------------------------------------------------------------------------------------------- pushes

bool encode_event(std::string& out, const Event& event, const View& view) {
  JsonWriter w(out);
  return std::visit(EventWriter{w, view}, event);
}

void encode_welcome(std::string& out, const Welcome& welcome, const View& view) {
  JsonWriter w(out);
  begin_push(w, "welcome").key("session").id(welcome.session);
  w.key("secret").id(welcome.secret).field("node", welcome.node);
  w.key("lease_ms").signed_number(welcome.lease.count()).key("seq").number(welcome.seq).field("epoch", welcome.epoch);
  w.key("rights").begin_array();
  for (const std::string& right : welcome.rights) w.string(right);
  w.end_array().key("resumed").boolean(welcome.resumed);
  if (welcome.state) {
    w.key("state");
    write_session(w, *welcome.state, view, With::locks_and_waits);
  }
  w.end_object();
}

void encode_ping(std::string& out, const Ping& ping) {
  JsonWriter w(out);
  begin_push(w, "ping").key("n").number(ping.n).key("acked").number(ping.acked);
  if (!ping.seqs.empty()) {
    w.key("seq").begin_object();
    for (const auto& [session, seq] : ping.seqs) w.key_escaped(session.text()).number(seq);
    w.end_object();
  }
  w.end_object();
}

void encode_session_state(std::string& out, const SessionSnapshot& session, const View& view) {
  JsonWriter w(out);
  begin_push(w, "session.state");
  write_session_members(w, session, view, With::locks_and_waits);
  w.end_object();
}

void encode_drain(std::string& out, Millis retry) {
  JsonWriter w(out);
  begin_push(w, "drain").key("retry_ms").signed_number(retry.count()).end_object();
}

void encode_auth_required(std::string& out, std::optional<Wall> by) {
  JsonWriter w(out);
  begin_push(w, "auth.required");
  if (by) w.key("by").time(*by);
  w.end_object();
}

}  // namespace hf
