#include "wire/answers.h"

#include <charconv>

#include "wire/answer_types.h"
#include "wire/said_writer.h"

namespace hf {
namespace {

using std::string_view;

Refusal refusal_of(const Error& error) {
  Refusal refusal;
  refusal.code = error.code;
  refusal.detail = error.detail;
  refusal.field = error.field;
  return refusal;
}

// The pushes that tell each event; ClockAlarm is no client's to know.
template <class T>
bool write_event(std::string& out, const T& event, const View& view) {
  append_push(out, event, view);
  return true;
}
bool write_event(std::string& out, const TargetChanged& event, const View& view) {
  if (event.grant) {
    append_push<LockChanged>(out, event, view);
  } else {
    append_push<LockFree>(out, event, view);
  }
  return true;
}
bool write_event(std::string&, const ClockAlarm&, const View&) { return false; }
bool write_event(std::string&, const RunChanged&, const View&) { return false; }

void begin_answer(std::string& out, const MessageId& id, string_view what) {
  out.append("{\"id\":");
  append_message_id(out, id);
  out.append(what);
}

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

void append_outcome(std::string& out, Op op, const LockOutcome& outcome, const View& view, const Secret& secret) {
  if (const auto* queued = std::get_if<Queued>(&outcome)) {
    if (op == Op::lock_request) return append_said<QueuedRequest>(out, *queued, view);
    if (view.face == Face::websocket) return append_said<QueuedInside>(out, *queued, view);
  } else if (const auto* opened = std::get_if<SessionOpened>(&outcome)) {
    return append_said(out, OpenedSession{*opened, secret}, view);
  }
  std::visit([&](const auto& said) { append_said(out, said, view); }, outcome);
}

int http_status_of(Op op, const LockOutcome& outcome) noexcept {
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) return code_http_status(refusal->code);
  if (std::holds_alternative<SessionOpened>(outcome)) return 201;
  if (std::holds_alternative<Queued>(outcome)) return op == Op::lock_request ? 201 : 202;
  if (std::holds_alternative<Granted>(outcome))
    return op == Op::lock_acquire || op == Op::lock_request || op == Op::run_begin ? 201 : 200;
  return 200;
}

void encode_answer(std::string& out, const MessageId& id, Op op, const LockOutcome& outcome, const View& view,
                   const Secret& secret) {
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) return encode_error(out, id, *refusal, view);
  begin_answer(out, id, ",\"ok\":");
  append_outcome(out, op, outcome, view, secret);
  out.push_back('}');
}

void encode_ok(std::string& out, const MessageId& id, string_view body) {
  begin_answer(out, id, ",\"ok\":");
  out.append(body);
  out.push_back('}');
}

void encode_error(std::string& out, const MessageId& id, const Refusal& refusal, const View& view) {
  begin_answer(out, id, ",\"error\":");
  append_problem(out, refusal, view);
  out.push_back('}');
}

void encode_error(std::string& out, const MessageId& id, const Error& error, Language language) {
  View view;
  view.language = language;
  encode_error(out, id, refusal_of(error), view);
}

void append_problem(std::string& out, const Refusal& refusal, const View& view) { append_said(out, refusal, view); }

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

bool encode_event(std::string& out, const LockEvent& event, const View& view) {
  return std::visit([&](const auto& e) { return write_event(out, e, view); }, event);
}

void encode_welcome(std::string& out, const Welcome& welcome, const View& view) { append_push(out, welcome, view); }
void encode_ping(std::string& out, const Ping& ping) { append_push(out, ping); }
void encode_session_state(std::string& out, const SessionSnapshot& session, const View& view) {
  append_push<SessionState>(out, SessionState{session}, view);
}
void encode_drain(std::string& out, Millis retry) { append_push(out, Drain{retry}); }
void encode_auth_required(std::string& out, std::optional<Wall> by) { append_push(out, AuthRequired{by}); }

}  // namespace hf
