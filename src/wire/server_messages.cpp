#include "wire/server_messages.h"

#include <algorithm>

#include "wire/json_text.h"
#include "wire/json_writer.h"

namespace hf {
namespace {

namespace json = boost::json;
using std::string_view;

template <class E>
std::optional<E> named(string_view name, E last) noexcept {
  for (std::size_t i = 0; i <= static_cast<std::size_t>(last); ++i) {
    if (name_of(static_cast<E>(i)) == name) return static_cast<E>(i);
  }
  return std::nullopt;
}

// Reads the members of one object. What is absent or null gives the empty value; what is malformed too, and
// its name is kept in `bad`.
class Reader {
 public:
  Reader(const json::object& object, std::string& bad) : object_(object), bad_(bad) {}

  std::string& bad() const { return bad_; }
  // The member, unless it is absent or null.
  const json::value* find(string_view name) const noexcept {
    const json::value* value = object_.if_contains(json::string_view(name.data(), name.size()));
    return value != nullptr && !value->is_null() ? value : nullptr;
  }
  bool has(string_view name) const { return find(name) != nullptr; }

  std::string text(string_view name) const {
    const json::value* value = find(name);
    if (value == nullptr) return {};
    const json::string* s = value->if_string();
    return s != nullptr ? std::string(text_of(*s)) : wrong(name, std::string());
  }
  std::uint64_t number(string_view name) const {
    const json::value* value = find(name);
    if (value == nullptr) return 0;
    const auto n = whole_number(*value);
    return n ? *n : wrong(name, std::uint64_t{0});
  }
  std::uint32_t count(string_view name, std::uint32_t absent = 0) const {
    if (!has(name)) return absent;
    const std::uint64_t n = number(name);
    return n <= UINT32_MAX ? static_cast<std::uint32_t>(n) : wrong(name, absent);
  }
  Millis duration(string_view name) const { return Millis(static_cast<std::int64_t>(number(name))); }
  bool flag(string_view name, bool absent = false) const {
    const json::value* value = find(name);
    if (value == nullptr) return absent;
    const bool* b = value->if_bool();
    return b != nullptr ? *b : wrong(name, absent);
  }
  Wall time(string_view name) const {
    if (!has(name)) return Wall{};
    const auto t = parse_time(text(name));
    return t ? *t : wrong(name, Wall{});
  }
  template <class I>
  I id(string_view name) const {
    if (!has(name)) return I{};
    const auto parsed = I::parse(text(name));
    return parsed ? *parsed : wrong(name, I{});
  }
  template <class I>
  I required_id(string_view name) const {
    const I found = id<I>(name);
    return found.is_nil() ? wrong(name, I{}) : found;
  }
  Mode mode() const {
    if (!has("mode")) return Mode::exclusive;
    const auto mode = mode_from_name(text("mode"));
    return mode ? *mode : wrong("mode", Mode::exclusive);
  }
  Kind kind() const {
    if (!has("kind")) return Kind::edit;
    const auto kind = kind_from_name(text("kind"));
    return kind ? *kind : wrong("kind", Kind::edit);
  }
  EndReason reason() const {
    const auto reason = named(text("reason"), EndReason::engine_lost);
    return reason ? *reason : wrong("reason", EndReason::released);
  }
  Target target(string_view name) const {
    auto parsed = Target::parse(text(name));
    return parsed ? std::move(*parsed) : wrong(name, Target{});
  }
  std::vector<Target> targets(string_view name) const {
    std::vector<Target> out;
    each(name, [&](const json::value& element) {
      const json::string* s = element.if_string();
      auto parsed = s != nullptr ? Target::parse(text_of(*s)) : fail(Code::invalid);
      if (!parsed) return wrong(name, false);
      out.push_back(std::move(*parsed));
      return true;
    });
    return out;
  }
  // Calls `take` for each element of a list until it gives false.
  template <class Take>
  void each(string_view name, Take take) const {
    const json::value* value = find(name);
    if (value == nullptr) return;
    const json::array* list = value->if_array();
    if (list == nullptr) {
      wrong(name, 0);
      return;
    }
    for (const json::value& element : *list) {
      if (!take(element)) return;
    }
  }
  // A list of objects.
  template <class Take>
  void each_object(string_view name, Take take) const {
    each(name, [&](const json::value& element) {
      const json::object* object = element.if_object();
      if (object == nullptr) return wrong(name, false);
      take(Reader(*object, bad_));
      return true;
    });
  }
  const json::object* object(string_view name) const {
    const json::value* value = find(name);
    if (value == nullptr) return nullptr;
    const json::object* object = value->if_object();
    if (object == nullptr) wrong(name, 0);
    return object;
  }
  // The members of the wide object `name`; none if it is absent.
  WideMembers wide(string_view name) const {
    const json::value* value = find(name);
    if (value == nullptr) return {};
    auto members = wide_members(*value);
    return members ? std::move(*members) : wrong(name, WideMembers());
  }
  // Calls `take` with a reader of the object `name`, if it is there.
  template <class Take>
  void within(string_view name, Take take) const {
    if (const json::object* inner = object(name)) take(Reader(*inner, bad_));
  }
  template <class T>
  T wrong(string_view name, T value) const {
    if (bad_.empty()) bad_ = name;
    return value;
  }

 private:
  const json::object& object_;
  std::string& bad_;
};

ClientInfo client_of(const Reader& in) {
  ClientInfo client;
  in.within("client", [&](const Reader& c) {
    client.program = c.text("program");
    client.host = c.text("host");
    client.window = c.text("window");
  });
  return client;
}

Verified verified_of(const Reader& in) {
  Verified verified{in.flag("valid"), in.duration("valid_for_ms"), in.text("why"), {}};
  for (const auto& [text, value] : in.wide("tokens")) {
    auto target = Target::parse(text);
    const auto token = whole_number(*value);
    if (!target || !token) {
      (void)in.wrong("tokens", Token{0});
      continue;
    }
    verified.targets.push_back(HeldTarget{*std::move(target), *token});
  }
  return verified;
}

Grant grant_of(const Reader& in) {
  Grant g;
  g.lock = in.required_id<LockId>("lock");
  g.token = in.number("token");
  WideMembers tokens = in.wide("tokens");
  std::sort(tokens.begin(), tokens.end());
  for (Target& target : in.targets("targets")) {
    Token token = g.token;
    const auto own = std::lower_bound(tokens.begin(), tokens.end(), string_view(target.text()),
                                      [](const auto& member, string_view text) { return member.first < text; });
    if (own != tokens.end() && own->first == target.text()) {
      const auto n = whole_number(*own->second);
      token = n ? *n : in.wrong("tokens", Token{0});
    }
    g.targets.push_back(HeldTarget{std::move(target), token});
  }
  g.mode = in.mode();
  g.kind = in.kind();
  g.session = in.id<SessionId>("session");
  g.user = in.text("user");
  g.user_name = in.text("user_name");
  g.client = client_of(in);
  g.owner = in.text("owner");
  g.label = in.text("label");
  g.reason = in.text("reason");
  g.acquired_at = in.time("acquired_at");
  g.expires_at = in.time("expires_at");
  g.holds = in.count("holds", 1);
  return g;
}

Granted granted_of(const Reader& in) {
  Granted granted;
  granted.grant = grant_of(in);
  granted.again = in.flag("again");
  for (const auto& [bill, told] : in.wide("versions")) {
    std::optional<std::uint64_t> version;
    if (!told->is_null()) {
      version = whole_number(*told);
      if (!version) in.wrong("versions", 0);
    }
    granted.versions.emplace(bill, version);
  }
  return granted;
}

// What holder{} and waiting{} tell of a conflict.
void read_party(const Reader& in, Conflict& c) {
  c.user = in.text("user");
  c.user_name = in.text("name");
  c.client = client_of(in);
  c.session = in.id<SessionId>("session");
  c.since = in.time("since");
  c.last_activity_at = in.time("last_activity_at");
  c.expires_at = in.time("expires_at");
  c.kind = in.kind();
  c.reason = in.text("reason");
  c.position = in.count("position");
}

Conflict conflict_of(const Reader& in, May& may) {
  Conflict c;
  c.target = in.target("target");
  c.lock = in.id<LockId>("lock");
  c.mode = in.mode();
  c.label = in.text("label");
  c.waiting = in.has("waiting");
  in.within(c.waiting ? "waiting" : "holder", [&](const Reader& party) { read_party(party, c); });
  c.same_user = in.flag("same_user");
  c.queue = in.count("queue");
  may = 0;
  in.each("may", [&](const json::value& element) {
    const json::string* s = element.if_string();
    for (const auto& [bit, name] : kMays) {
      if (s != nullptr && text_of(*s) == name) may |= bit;
    }
    return true;
  });
  return c;
}

std::vector<Conflict> conflicts_of(const Reader& in, std::vector<May>* mays = nullptr) {
  std::vector<Conflict> conflicts;
  in.each_object("conflicts", [&](const Reader& one) {
    May may = 0;
    conflicts.push_back(conflict_of(one, may));
    if (mays != nullptr) mays->push_back(may);
  });
  return conflicts;
}

WaitInfo wait_of(const Reader& in, string_view id_name) {
  WaitInfo w;
  w.wait = in.required_id<LockId>(id_name);
  w.session = in.id<SessionId>("session");
  w.user = in.text("user");
  w.user_name = in.text("user_name");
  w.targets = in.targets("targets");
  w.mode = in.mode();
  w.kind = in.kind();
  w.label = in.text("label");
  w.since = in.time("since");
  w.until = in.time("until");
  w.position = in.count("position", 1);
  w.asking = in.flag("asking");
  return w;
}

// The cursor of a list's next page; 0: there is none.
std::uint64_t next_of(const Reader& in) {
  if (!in.has("next")) return 0;
  Fields cursor{ListLocks{}};
  const bool read = set_field(cursor, "next", in.text("next")).has_value();
  const std::uint64_t next = read ? std::get<ListLocks>(cursor).after : 0;
  if (next == 0) in.wrong("next", 0);
  return next;
}

AskInfo ask_of(const Reader& in) {
  AskInfo ask;
  ask.wait = wait_of(in, "request");
  ask.wait.asking = true;
  ask.lock = in.id<LockId>("lock");
  ask.message = in.text("message");
  const auto state = named(in.text("state"), AskState::unanswered);
  ask.state = state ? *state : in.wrong("state", AskState::asked);
  ask.answer_reason = in.text("answer_reason");
  ask.answer_by = in.time("answer_by");
  return ask;
}

SessionSnapshot session_of(const Reader& in) {
  SessionSnapshot s;
  s.session = in.required_id<SessionId>("session");
  s.user = in.text("user");
  s.user_name = in.text("user_name");
  s.client = client_of(in);
  s.lease = in.duration("lease_ms");
  s.opened_at = in.time("opened_at");
  s.expires_at = in.time("expires_at");
  s.last_activity_at = in.time("last_activity_at");
  s.seq = in.number("seq");
  in.each_object("locks", [&](const Reader& one) { s.locks.push_back(grant_of(one)); });
  in.each_object("waits", [&](const Reader& one) { s.waits.push_back(wait_of(one, "wait")); });
  in.each_object("requests", [&](const Reader& one) { s.asks.push_back(ask_of(one)); });
  s.next = in.text("next");
  return s;
}

ErrorAnswer problem_of(const Reader& in) {
  ErrorAnswer answer;
  Refusal& r = answer.refusal;
  const std::string name = in.text("code");
  if (const auto code = code_from_name(name)) {
    r.code = *code;
  } else {
    const std::uint64_t status = in.number("status");
    r.code = status >= 400 && status < 500 ? Code::invalid : Code::unavailable;
    if (name.empty() && status == 0) in.wrong("code", 0);
  }
  r.detail = in.text("detail");
  r.field = in.text("field");
  r.conflicts = conflicts_of(in, &answer.may);
  r.conflicts_total = in.count("conflicts_total");
  r.deadlock = in.flag("deadlock");
  in.within("ended", [&](const Reader& e) { r.ended = EndedInfo{e.reason(), e.time("at"), e.text("by")}; });
  r.stale_target = in.text("target");
  r.known_version = in.number("known_version");
  r.retry_after = in.duration("retry_after_ms");
  return answer;
}

SessionOpened opened_of(const Reader& in) {
  return SessionOpened{in.required_id<SessionId>("session"), in.duration("lease_ms"), in.time("expires_at"),
                       in.number("seq")};
}

Stats stats_of(const Reader& in) {
  Stats s;
  s.locks = in.number("locks");
  s.sessions = in.number("sessions");
  s.waits = in.number("waits");
  s.asks = in.number("requests");
  s.nodes = in.number("nodes");
  s.granted = in.number("granted");
  s.refused = in.number("refused");
  s.released = in.number("released");
  s.expired = in.number("expired");
  s.forced = in.number("forced");
  s.handed_over = in.number("handed_over");
  s.waited = in.number("waited");
  s.deadlocks = in.number("deadlocks");
  s.clock_alarms = in.number("clock_alarms");
  s.last_token = in.number("last_token");
  return s;
}

Outcome granted_or_queued(const Reader& in) {
  if (in.has("lock")) return granted_of(in);
  Queued queued;
  const auto read = [&](const Reader& q) { queued = Queued{q.required_id<LockId>("wait"), q.count("position", 1)}; };
  if (in.has("queued")) {
    in.within("queued", read);
  } else {
    read(in);
  }
  return queued;
}

Renewed renewed_of(const Reader& in) {
  Renewed renewed{in.time("expires_at"), in.number("seq"), {}};
  in.each("locks", [&](const json::value& element) {
    const json::string* s = element.if_string();
    const auto lock = s != nullptr ? LockId::parse(text_of(*s)) : std::nullopt;
    if (!lock) return in.wrong("locks", false);
    renewed.locks.push_back(*lock);
    return true;
  });
  return renewed;
}

Checked checked_of(const Reader& in) {
  Checked checked;
  in.each_object("targets", [&](const Reader& one) {
    checked.items.push_back(CheckItem{one.target("target"), one.flag("free"), one.flag("mine"), conflicts_of(one)});
  });
  return checked;
}

Outcome outcome_of(Op op, const Reader& in) {
  switch (op) {
    case Op::session_open: return opened_of(in);
    case Op::session_heartbeat: return renewed_of(in);
    case Op::session_end: return SessionClosed{in.count("released")};
    case Op::session_list: {
      SessionList list;
      in.each_object("sessions", [&](const Reader& one) { list.sessions.push_back(session_of(one)); });
      list.next = in.text("next");
      return list;
    }
    case Op::session_state: return session_of(in);
    case Op::lock_acquire:
    case Op::lock_request: return granted_or_queued(in);
    case Op::lock_get: return grant_of(in);
    case Op::lock_list: {
      LockList list;
      in.each_object("locks", [&](const Reader& one) { list.locks.push_back(grant_of(one)); });
      list.next = next_of(in);
      return list;
    }
    case Op::lock_release: {
      if (in.flag("already_released")) return Released{.holds = in.count("holds"), .already = true};
      return Released{.released = in.flag("released"), .holds = in.count("holds")};
    }
    case Op::lock_extend:
    case Op::lock_transfer: return granted_of(in);
    case Op::lock_cancel_wait:
    case Op::request_withdraw:
      if (in.has("lock")) return granted_of(in);
      return Done{};
    case Op::lock_check: return checked_of(in);
    case Op::lock_verify: return verified_of(in);
    case Op::lock_release_all: return ReleasedMany{in.count("released")};
    case Op::request_agree: return Answered{in.flag("granted")};
    case Op::request_list: {
      AskList list;
      in.each_object("requests", [&](const Reader& one) { list.asks.push_back(ask_of(one)); });
      list.next = next_of(in);
      return list;
    }
    case Op::stats_get: return stats_of(in);
    // These say no more than that; of the others whoever asks reads the answer himself, or does not need to.
    case Op::lock_force:
    case Op::request_refuse:
    case Op::request_defer:
    case Op::hello:
    case Op::auth:
    case Op::pong:
    case Op::watch:
    case Op::unwatch:
    case Op::status_publish:
    case Op::status_get:
    case Op::status_history:
    case Op::status_resync:
    case Op::todo_subscribe:
    case Op::todo_unsubscribe:
    case Op::todo_page:
    case Op::notice_list:
    case Op::notice_read:
    case Op::audit_list:
    case Op::catalog_get: return Done{};
  }
  return Done{};
}

TargetChanged changed_of(const Reader& in) {
  TargetChanged changed{in.target("target"), Grant{}};
  Conflict holder;
  in.within("holder", [&](const Reader& party) { read_party(party, holder); });
  Grant& g = *changed.grant;
  g.lock = in.required_id<LockId>("lock");
  g.targets = {HeldTarget{changed.target, 0}};
  g.mode = in.mode();
  g.kind = holder.kind;
  g.session = holder.session;
  g.user = std::move(holder.user);
  g.user_name = std::move(holder.user_name);
  g.client = std::move(holder.client);
  g.label = in.text("label");
  g.reason = std::move(holder.reason);
  g.acquired_at = holder.since;
  g.expires_at = holder.expires_at;
  return changed;
}

LockLost lost_of(const Reader& in) {
  LockLost lost;
  lost.session = in.required_id<SessionId>("session");
  lost.seq = in.number("seq");
  lost.lock = in.required_id<LockId>("lock");
  lost.reason = in.reason();
  lost.targets = in.targets("targets");
  lost.whole = in.flag("whole", true);
  in.within("by", [&](const Reader& by) {
    lost.by_user = by.text("user");
    lost.by_name = by.text("name");
  });
  lost.note = in.text("note");
  return lost;
}

LockAnswered answered_of(const Reader& in) {
  LockAnswered a;
  a.session = in.required_id<SessionId>("session");
  a.seq = in.number("seq");
  a.wait = in.required_id<LockId>("request");
  a.answer = in.text("answer");
  a.reason = in.text("reason");
  in.within("by", [&](const Reader& by) {
    a.by_user = by.text("user");
    a.by_name = by.text("name");
  });
  a.answer_by = in.time("answer_by");
  return a;
}

Welcome welcome_of(const Reader& in) {
  Welcome w;
  w.session = in.required_id<SessionId>("session");
  w.secret = in.required_id<Secret>("secret");
  w.node = in.text("node");
  w.lease = in.duration("lease_ms");
  w.seq = in.number("seq");
  w.epoch = in.text("epoch");
  in.each("rights", [&](const json::value& element) {
    const json::string* s = element.if_string();
    if (s == nullptr) return in.wrong("rights", false);
    w.rights.emplace_back(text_of(*s));
    return true;
  });
  w.resumed = in.flag("resumed");
  in.within("state", [&](const Reader& state) { w.state = session_of(state); });
  return w;
}

Ping ping_of(const Reader& in) {
  Ping ping{in.number("n"), in.number("acked"), {}};
  for (const auto& [key, told] : in.wide("seq")) {
    const auto session = SessionId::parse(key);
    const auto seq = whole_number(*told);
    if (!session || !seq) {
      in.wrong("seq", 0);
    } else {
      ping.seqs.emplace_back(*session, *seq);
    }
  }
  return ping;
}

Push push_of(std::string name, const Reader& in) {
  const auto session = [&] { return in.required_id<SessionId>("session"); };
  if (name == "ping") return ping_of(in);
  if (name == "welcome") return welcome_of(in);
  if (name == "session.state") return SessionState{session_of(in)};
  if (name == "drain") return Drain{in.duration("retry_ms")};
  if (name == "auth.required") return AuthRequired{in.has("by") ? std::optional(in.time("by")) : std::nullopt};
  if (name == "lock.granted") {
    LockGranted e{session(), in.number("seq"), in.required_id<LockId>("wait"), {}};
    in.within("grant", [&](const Reader& grant) { e.granted = granted_of(grant); });
    if (e.granted.grant.lock.is_nil()) in.wrong("grant", 0);
    return e;
  }
  if (name == "lock.waiting") return LockWaiting{session(), in.required_id<LockId>("wait"), in.count("position", 1)};
  if (name == "lock.wait_ended") {
    WaitEnded e{session(), in.number("seq"), in.required_id<LockId>("wait"), {}};
    in.within("error", [&](const Reader& error) { e.why = problem_of(error).refusal; });
    return e;
  }
  if (name == "lock.lost") return lost_of(in);
  if (name == "lock.expiring") {
    return LockExpiring{session(), in.required_id<LockId>("lock"), in.time("expires_at"), in.reason()};
  }
  if (name == "lock.requested") {
    LockRequested e{session(), in.number("seq"), {}};
    in.within("request", [&](const Reader& ask) { e.ask = ask_of(ask); });
    if (e.ask.wait.wait.is_nil()) in.wrong("request", 0);
    return e;
  }
  if (name == "lock.answered") return answered_of(in);
  if (name == "session.ended") return SessionEnded{session(), in.reason()};
  if (name == "lock.changed") return changed_of(in);
  if (name == "lock.free") return TargetChanged{in.target("target"), std::nullopt};
  return UnknownPush{std::move(name)};
}

// The end of the string that begins with the quote at `at`. REQUIRES: valid JSON.
std::size_t string_end(string_view text, std::size_t at) noexcept {
  for (++at; text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1;
}

// The object that stands under `key` in the object `text`, as it is written there. REQUIRES: valid JSON that
// has it.
string_view member_text(string_view text, string_view key) noexcept {
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '"') {
      const std::size_t end = string_end(text, i);
      std::size_t next = text.find_first_not_of(" \t\r\n", end);
      if (depth == 1 && text[next] == ':' && text.substr(i + 1, end - i - 2) == key) {
        next = text.find_first_not_of(" \t\r\n", next + 1);
        std::size_t open = 0;
        for (std::size_t k = next; k < text.size();) {
          if (text[k] == '"') {
            k = string_end(text, k);
            continue;
          }
          if (text[k] == '{' || text[k] == '[') ++open;
          if ((text[k] == '}' || text[k] == ']') && --open == 0) return text.substr(next, k + 1 - next);
          ++k;
        }
      }
      i = end;
      continue;
    }
    if (text[i] == '{' || text[i] == '[') ++depth;
    if (text[i] == '}' || text[i] == ']') --depth;
    ++i;
  }
  return {};
}

tl::unexpected<Error> malformed(std::string_view why, std::string field) {
  return fail(Code::invalid, "The server's message cannot be understood: " + std::string(why), std::move(field));
}

// Parses `body` as an object and reads it; fails if a member is malformed.
template <class Read>
auto read_body(string_view body, Read read) -> Result<decltype(read(std::declval<const Reader&>()))> {
  const Json parsed(body);
  const json::object* object = parsed.object();
  if (object == nullptr) return malformed("it is no JSON object.", {});
  std::string bad;
  auto value = read(Reader(*object, bad));
  if (!bad.empty()) return malformed("`" + bad + "` is malformed.", bad);
  return value;
}

}  // namespace

Result<ServerMessage> parse_server_message(string_view text) {
  return read_body(text, [&](const Reader& in) {
    ServerMessage message{MessageId{}, Push{UnknownPush{}}};
    if (in.has("event")) {
      message.what = push_of(in.text("event"), in);
      return message;
    }
    if (const json::value* id = in.find("id")) {
      if (const json::string* s = id->if_string()) {
        message.id.emplace<std::string>(text_of(*s));
      } else if (const auto n = whole_number(*id)) {
        message.id.emplace<std::uint64_t>(*n);
      } else {
        in.wrong("id", 0);
      }
    }
    if (in.object("ok") != nullptr) {
      const string_view body = member_text(text, "ok");
      if (body.empty()) in.wrong("ok", 0);
      message.what = OkAnswer{body};
    } else if (in.object("error") != nullptr) {
      in.within("error", [&](const Reader& error) { message.what = problem_of(error); });
    } else {
      in.wrong("event", 0);
    }
    return message;
  });
}

Result<Outcome> parse_outcome(Op op, string_view body) {
  return read_body(body, [&](const Reader& in) { return outcome_of(op, in); });
}
Result<OpenedSession> parse_opened_session(string_view body) {
  return read_body(body,
                   [](const Reader& in) { return OpenedSession{opened_of(in), in.required_id<Secret>("secret")}; });
}
Result<Granted> parse_granted(string_view body) { return read_body(body, granted_of); }
Result<Grant> parse_grant(string_view body) { return read_body(body, grant_of); }
Result<ErrorAnswer> parse_problem(string_view body) { return read_body(body, problem_of); }

}  // namespace hf
