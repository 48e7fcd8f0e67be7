#include "wire/messages.h"

#include <array>
#include <charconv>
#include <concepts>

#include "wire/json_text.h"
#include "wire/json_writer.h"
#include "wire/jwt.h"
#include "wire/plain_json.h"

namespace hf {
namespace {

namespace json = boost::json;

struct OpRow {
  std::string_view name;
  bool mutating;
};
constexpr std::array kOps{
#define HF_OP(name, wire, fields, mutating) OpRow{wire, mutating},
    HF_OPS(HF_OP)
#undef HF_OP
};
static_assert(kOps.size() == std::variant_size_v<Fields>, "one struct of fields for each operation");
#define HF_OP(name, wire, fields, mutating) \
  static_assert(std::same_as<std::variant_alternative_t<static_cast<std::size_t>(Op::name), Fields>, fields>);
HF_OPS(HF_OP)
#undef HF_OP

constexpr std::size_t kMessageIdBytesMax = 64;
// A hundred years: so that no sum of a time and a duration can pass what a clock can show.
constexpr std::uint64_t kDurationMsMax = 100ULL * 366 * 86'400'000;

enum class Need : std::uint8_t { optional, required };
enum class Runs : std::uint8_t { no, too };  // whether steps of runs may stand among the events

// ------------------------------------------------------------------------------------- what each op has
// visit(fields, visitor) names every field once, for reading, checking and writing alike.

template <class S, class F>
concept Is = std::same_as<std::remove_const_t<S>, F>;

template <class V>
void visit(Is<HelloFields> auto& f, V& v) {
  v.text("request_id", f.request_id, request_id_bytes_max);
  v.text("token", f.token, jwt_bytes_max);
  v.value("session", f.session);
  v.value("secret", f.secret);
  v.client("client", f.client);
  v.value("lease_ms", f.lease);
  v.value("attempt", f.attempt);
}
template <class V>
void visit(Is<AuthFields> auto& f, V& v) {
  v.text("token", f.token, jwt_bytes_max, Need::required);
}
template <class V>
void visit(Is<PongFields> auto& f, V& v) {
  v.value("n", f.n);
  v.idle("idle_ms", f.idle);
}
template <class V>
void visit(Is<SessionOpenFields> auto& f, V& v) {
  v.text("request_id", f.request_id, request_id_bytes_max);
  v.client("client", f.client);
  v.value("lease_ms", f.lease);
}
template <class V>
void visit(Is<HeartbeatFields> auto& f, V& v) {
  v.value("session", f.session);
  v.value("idle_ms", f.idle);
}
template <class V>
void visit(Is<SessionEndFields> auto& f, V& v) {
  v.text("request_id", f.request_id, request_id_bytes_max);
  v.value("session", f.session);
}
template <class V>
void visit(Is<SessionListFields> auto& f, V& v) {
  v.value("limit", f.limit);
}
template <class V>
void visit(Is<SessionStateFields> auto& f, V& v) {
  v.value("session", f.session);
}
template <class V>
void visit(Is<AcquireFields> auto& f, V& v) {
  v.targets("targets", f.targets, Need::required);
  v.value("session", f.session);
  v.text("request_id", f.request_id, request_id_bytes_max);
  v.value("mode", f.mode);
  v.value("kind", f.kind);
  v.text("owner", f.owner, owner_bytes_max);
  v.value("ttl_ms", f.ttl);
  v.wait("wait_ms", f.wait);
  v.versions("if_versions", f.if_versions);
  v.text("label", f.label, label_bytes_max);
  v.text("reason", f.reason, reason_bytes_max);
}
template <class V>
void visit(Is<LockGetFields> auto& f, V& v) {
  v.value("lock", f.lock, Need::required);
}
template <class V>
void visit(Is<LockListFields> auto& f, V& v) {
  v.text("type", f.type, target_segment_bytes_max);
  v.text("user", f.user, user_bytes_max);
  v.text("client", f.client, client_field_bytes_max);
  v.value("session", f.session);
  v.value("kind", f.kind);
  v.value("older_ms", f.older);
  v.value("limit", f.limit);
  v.cursor("next", f.next);
}
template <class V>
void visit(Is<ReleaseFields> auto& f, V& v) {
  v.value("lock", f.lock, Need::required);
  v.value("session", f.session);
  v.text("request_id", f.request_id, request_id_bytes_max);
  v.text("owner", f.owner, owner_bytes_max);
  v.token("token", f.token);
  v.value("all", f.all);
  v.targets("targets", f.targets);
  v.value("version", f.version);
  v.value("holds", f.holds);
}
template <class V>
void visit(Is<ExtendFields> auto& f, V& v) {
  v.value("lock", f.lock, Need::required);
  v.value("session", f.session);
  v.text("request_id", f.request_id, request_id_bytes_max);
  v.value("ttl_ms", f.ttl, Need::required);
}
template <class V>
void visit(Is<TransferFields> auto& f, V& v) {
  v.value("lock", f.lock, Need::required);
  v.value("session", f.session);
  v.text("request_id", f.request_id, request_id_bytes_max);
  v.value("to_session", f.to_session, Need::required);
}
template <class V>
void visit(Is<ForceFields> auto& f, V& v) {
  v.value("lock", f.lock, Need::required);
  v.text("request_id", f.request_id, request_id_bytes_max);
  v.text("reason", f.reason, reason_bytes_max, Need::required);
}
template <class V>
void visit(Is<LockRequestFields> auto& f, V& v) {
  v.value("lock", f.lock, Need::required);
  v.value("session", f.session);
  v.text("request_id", f.request_id, request_id_bytes_max);
  v.targets("targets", f.targets);
  v.value("mode", f.mode);
  v.text("message", f.message, message_bytes_max);
  v.text("label", f.label, label_bytes_max);
  v.wait("wait_ms", f.wait);
}
template <class V>
void visit(Is<CancelWaitFields> auto& f, V& v) {
  v.value("wait", f.wait, Need::required);
  v.value("session", f.session);
  v.text("request_id", f.request_id, request_id_bytes_max);
}
template <class V>
void visit(Is<CheckFields> auto& f, V& v) {
  v.targets("targets", f.targets, Need::required);
  v.value("session", f.session);
  v.value("mode", f.mode);
}
template <class V>
void visit(Is<VerifyFields> auto& f, V& v) {
  v.value("lock", f.lock, Need::required);
  v.token("token", f.token, Need::required);
  v.targets("targets", f.targets, Need::required);
  v.value("min_valid_ms", f.min_valid);
}
template <class V>
void visit(Is<ReleaseAllFields> auto& f, V& v) {
  v.value("session", f.session);
  v.text("request_id", f.request_id, request_id_bytes_max);
  v.text("type", f.type, target_segment_bytes_max);
}
template <class V>
void visit(Is<AgreeFields> auto& f, V& v) {
  v.value("request", f.request, Need::required);
  v.value("session", f.session);
  v.text("request_id", f.request_id, request_id_bytes_max);
  v.value("version", f.version);
}
template <class V>
void visit(Is<RefuseFields> auto& f, V& v) {
  v.value("request", f.request, Need::required);
  v.value("session", f.session);
  v.text("request_id", f.request_id, request_id_bytes_max);
  v.text("reason", f.reason, reason_bytes_max);
}
template <class V>
void visit(Is<DeferFields> auto& f, V& v) {
  v.value("request", f.request, Need::required);
  v.value("session", f.session);
  v.text("request_id", f.request_id, request_id_bytes_max);
  v.value("ms", f.by, Need::required);
}
template <class V>
void visit(Is<WithdrawFields> auto& f, V& v) {
  v.value("request", f.request, Need::required);
  v.value("session", f.session);
  v.text("request_id", f.request_id, request_id_bytes_max);
}
template <class V>
void visit(Is<RequestListFields> auto& f, V& v) {
  v.value("limit", f.limit);
  v.cursor("next", f.next);
}
template <class V>
void visit(Is<WatchFields> auto& f, V& v) {
  v.targets("targets", f.targets, Need::required);
  v.value("session", f.session);
  v.value("again", f.again);
}
template <class V>
void visit(Is<UnwatchFields> auto& f, V& v) {
  v.targets("targets", f.targets, Need::required);
  v.value("session", f.session);
}
template <class V>
void visit(Is<StatusPublishFields> auto& f, V& v) {
  v.text("batch_id", f.request_id, batch_id_bytes_max);
  v.events("events", f.events, Runs::too, Need::required);
}
template <class V>
void visit(Is<StatusGetFields> auto& f, V& v) {
  v.text("type", f.type, target_segment_bytes_max, Need::required);
  v.text("bill", f.bill, target_segment_bytes_max, Need::required);
}
template <class V>
void visit(Is<StatusHistoryFields> auto& f, V& v) {
  v.text("type", f.type, target_segment_bytes_max, Need::required);
  v.text("bill", f.bill, target_segment_bytes_max, Need::required);
  v.value("limit", f.limit);
  v.cursor("next", f.next);
}
template <class V>
void visit(Is<StatusResyncFields> auto& f, V& v) {
  v.value("resync", f.resync);
  v.text("type", f.type, target_segment_bytes_max);
  v.events("events", f.events, Runs::no);
  v.value("commit", f.commit);
  v.value("drop", f.drop);
}
template <class V>
void visit(Is<TodoSubscribeFields> auto& f, V& v) {
  v.texts("types", f.types, target_segment_bytes_max);
  v.value("rows", f.rows);
  v.texts("open", f.open, 2 * target_segment_bytes_max + 1);
  v.text("cursor", f.cursor, cursor_bytes_max);
}
template <class V>
void visit(Is<TodoUnsubscribeFields> auto&, V&) {}
template <class V>
void visit(Is<TodoPageFields> auto& f, V& v) {
  v.text("type", f.type, target_segment_bytes_max, Need::required);
  v.text("group", f.group, target_segment_bytes_max, Need::required);
  v.value("limit", f.limit);
  v.cursor("next", f.next);
}
template <class V>
void visit(Is<NoticeListFields> auto& f, V& v) {
  v.value("limit", f.limit);
  v.cursor("next", f.next);
}
template <class V>
void visit(Is<NoticeReadFields> auto& f, V& v) {
  v.numbers("notices", f.notices, Need::required);
}
template <class V>
void visit(Is<AuditListFields> auto& f, V& v) {
  v.text("action", f.action, target_segment_bytes_max);
  v.text("user", f.user, user_bytes_max);
  v.text("holder", f.holder, user_bytes_max);
  v.text("target", f.target, 4 * target_segment_bytes_max + 3);
  v.text("lock", f.lock, target_segment_bytes_max);
  v.text("session", f.session, target_segment_bytes_max);
  v.text("since", f.since, target_segment_bytes_max);
  v.text("until", f.until, target_segment_bytes_max);
  v.value("limit", f.limit);
  v.text("next", f.next, cursor_bytes_max);
}
template <class V>
void visit(Is<CatalogGetFields> auto&, V&) {}
template <class V>
void visit(Is<StatsGetFields> auto&, V&) {}

// ---------------------------------------------------------------------------------- where a value comes from

struct FromJson {
  const json::value& value;

  std::optional<std::string_view> text() const noexcept {
    const json::string* s = value.if_string();
    return s != nullptr ? std::optional(text_of(*s)) : std::nullopt;
  }
  std::optional<std::uint64_t> number() const noexcept { return whole_number(value); }
  std::optional<bool> boolean() const noexcept {
    const bool* b = value.if_bool();
    return b != nullptr ? std::optional(*b) : std::nullopt;
  }
  const json::object* object() const noexcept { return value.if_object(); }
  std::optional<WideMembers> wide() const { return wide_members(value); }
};

struct FromPlain {
  const PlainJson::Member& value;

  std::optional<std::string_view> text() const noexcept {
    return value.kind == PlainJson::Kind::text ? std::optional(value.text) : std::nullopt;
  }
  std::optional<std::uint64_t> number() const noexcept {
    return value.kind == PlainJson::Kind::number ? std::optional(value.number) : std::nullopt;
  }
  std::optional<bool> boolean() const noexcept {
    return value.kind == PlainJson::Kind::boolean ? std::optional(value.flag) : std::nullopt;
  }
  const json::object* object() const noexcept { return nullptr; }
  std::optional<WideMembers> wide() const noexcept { return std::nullopt; }
};

struct FromText {
  std::string_view value;

  std::optional<std::string_view> text() const noexcept { return value; }
  std::optional<std::uint64_t> number() const noexcept {
    std::uint64_t n = 0;
    const auto end = std::from_chars(value.data(), value.data() + value.size(), n);
    if (end.ec != std::errc() || end.ptr != value.data() + value.size() || n > token_max) return std::nullopt;
    return n;
  }
  std::optional<bool> boolean() const noexcept {
    if (value == "true" || value == "1") return true;
    if (value == "false" || value == "0") return false;
    return std::nullopt;
  }
  const json::object* object() const noexcept { return nullptr; }
  std::optional<WideMembers> wide() const noexcept { return std::nullopt; }
};

// Sets the field called `name` to what `from` has.
template <class Source>
class Setter {
 public:
  Setter(std::string_view name, Source from, const ParseLimits& limits, std::optional<Error>& error)
      : name_(name), from_(from), limits_(limits), error_(error) {}

  void text(std::string_view name, std::string& out, std::size_t bytes_max, Need = Need::optional) {
    if (is(name)) set_text(out, bytes_max);
  }
  template <class Tag>
  void value(std::string_view name, Id<Tag>& out, Need = Need::optional) {
    if (!is(name)) return;
    const auto text = from_.text();
    const auto id = text ? Id<Tag>::parse(*text) : std::nullopt;
    if (!id || id->is_nil()) return bad("must be an id: 26 characters, as the server gave it.");
    out = *id;
  }
  void value(std::string_view name, Mode& out, Need = Need::optional) {
    if (!is(name)) return;
    const auto text = from_.text();
    const auto mode = text ? mode_from_name(*text) : std::nullopt;
    if (!mode) return bad("must be `exclusive` or `shared`.");
    out = *mode;
  }
  void value(std::string_view name, Kind& out, Need = Need::optional) {
    if (!is(name)) return;
    const auto text = from_.text();
    const auto kind = text ? kind_from_name(*text) : std::nullopt;
    if (!kind) return bad("must be `edit`, `temporary` or `hold`.");
    out = *kind;
  }
  void value(std::string_view name, TodoRows& out, Need = Need::optional) {
    if (!is(name)) return;
    const auto text = from_.text();
    const auto rows = text ? todo_rows_from_name(*text) : std::nullopt;
    if (!rows) return bad("must be `all` or `opened`.");
    out = *rows;
  }
  void value(std::string_view name, bool& out, Need = Need::optional) {
    if (!is(name)) return;
    const auto flag = from_.boolean();
    if (!flag) return bad("must be true or false.");
    out = *flag;
  }
  void value(std::string_view name, Millis& out, Need = Need::optional) {
    if (!is(name)) return;
    const auto ms = from_.number();
    if (!ms || *ms > kDurationMsMax) return bad("must be a duration: whole milliseconds, from 0 to a hundred years.");
    out = Millis(static_cast<std::int64_t>(*ms));
  }
  void value(std::string_view name, std::uint64_t& out, Need = Need::optional) {
    if (!is(name)) return;
    const auto n = from_.number();
    if (!n) return bad("must be a whole number from 0 to 2^53-1.");
    out = *n;
  }
  void value(std::string_view name, std::uint32_t& out, Need = Need::optional) {
    if (!is(name)) return;
    const auto n = from_.number();
    if (!n || *n == 0 || *n > UINT32_MAX) return bad("must be a whole number from 1 to 2^32-1.");
    out = static_cast<std::uint32_t>(*n);
  }
  template <class T>
  void value(std::string_view name, std::optional<T>& out, Need need = Need::optional) {
    if (is(name)) value(name, out.emplace(), need);
  }
  void wait(std::string_view name, auto& out) { value(name, out); }
  void token(std::string_view name, Token& out, Need = Need::optional) {
    if (!is(name)) return;
    const auto n = from_.number();
    if (!n || *n == 0) return bad("must be a token: a whole number from 1 to 2^53-1.");
    out = *n;
  }
  void cursor(std::string_view name, Token& out) {
    if (!is(name)) return;
    const auto text = from_.text();
    const auto n = text ? FromText{*text}.number() : std::nullopt;
    if (!n || *n == 0) return bad("must be the `next` of the page before.");
    out = *n;
  }
  void targets(std::string_view name, std::vector<Target>& out, Need = Need::optional) {
    if (!is(name)) return;
    if constexpr (std::same_as<Source, FromText>) {
      add_target(out, from_.value);
    } else if constexpr (std::same_as<Source, FromPlain>) {
      if (from_.value.kind != PlainJson::Kind::texts) return bad("must be a list of texts.");
      if (from_.value.texts.size() > limits_.targets_max) return too_many_entries();
      out.reserve(from_.value.texts.size());
      for (const std::string_view text : from_.value.texts) {
        if (!add_target(out, text)) return;
      }
    } else {
      const json::array* list = from_.value.if_array();
      if (list == nullptr) return bad("must be a list of texts.");
      if (list->size() > limits_.targets_max) return too_many_entries();
      out.clear();
      out.reserve(list->size());
      for (const json::value& element : *list) {
        const json::string* text = element.if_string();
        if (text == nullptr) return bad("must be a list of texts.");
        if (!add_target(out, text_of(*text))) return;
      }
    }
  }
  // A text of path or query adds one element.
  void texts(std::string_view name, std::vector<std::string>& out, std::size_t bytes_max) {
    if (!is(name)) return;
    if constexpr (std::same_as<Source, FromText>) {
      add_text(out, from_.value, bytes_max);
    } else if constexpr (std::same_as<Source, FromPlain>) {
      if (from_.value.kind != PlainJson::Kind::texts) return bad("must be a list of texts.");
      for (const std::string_view text : from_.value.texts) add_text(out, text, bytes_max);
    } else {
      const json::array* list = from_.value.if_array();
      if (list == nullptr) return bad("must be a list of texts.");
      for (const json::value& element : *list) {
        const json::string* text = element.if_string();
        if (text == nullptr) return bad("must be a list of texts.");
        add_text(out, text_of(*text), bytes_max);
        if (error_) return;
      }
    }
  }
  void numbers(std::string_view name, std::vector<std::uint64_t>& out, Need = Need::optional) {
    if (!is(name)) return;
    if constexpr (std::same_as<Source, FromJson>) {
      const json::array* list = from_.value.if_array();
      if (list == nullptr) return bad("must be a list of whole numbers.");
      if (list->size() > limits_.targets_max) return too_many_entries();
      for (const json::value& element : *list) {
        const auto number = whole_number(element);
        if (!number) return bad("must be a list of whole numbers.");
        out.push_back(*number);
      }
    } else {
      bad("must be a list of whole numbers.");
    }
  }
  void events(std::string_view name, std::vector<LogEvent>& out, Runs runs, Need = Need::optional) {
    if (!is(name)) return;
    if constexpr (std::same_as<Source, FromJson>) {
      const json::array* list = from_.value.if_array();
      if (list == nullptr) return bad("must be a list of events.");
      if (list->size() > limits_.events_max) {
        return large("has at most " + std::to_string(limits_.events_max) + " events.");
      }
      out.reserve(list->size());
      for (const json::value& element : *list) {
        const std::string where = std::string(name) + "[" + std::to_string(out.size()) + "]";
        auto event = parse_log_event(element, where);
        if (event && runs == Runs::no && std::holds_alternative<RunEvent>(*event)) {
          event = fail(Code::invalid, "A resync has no steps of runs.", where + ".run");
        }
        if (!event) {
          error_ = std::move(event.error());
          return;
        }
        out.push_back(std::move(*event));
      }
    } else {
      bad("must be a list of events.");
    }
  }
  void versions(std::string_view name, std::map<std::string, std::uint64_t>& out) {
    if (!is(name)) return;
    constexpr std::string_view kWhat = "must be an object of bills and their versions: {\"SaleOrder:1001\": 7}.";
    const auto members = from_.wide();
    if (!members) return bad(kWhat);
    if (members->size() > limits_.targets_max) return too_many_entries();
    for (const auto& [key, value] : *members) {
      const auto bill = Target::parse(key);
      const auto version = whole_number(*value);
      if (!bill || bill->level() != Level::bill || !version) return bad(kWhat);
      out.emplace(bill->text(), *version);
    }
  }
  void idle(std::string_view name, std::vector<std::pair<SessionId, Millis>>& out) {
    if (!is(name)) return;
    constexpr std::string_view kWhat = "must be an object of sessions and how long their users have been idle, in ms.";
    const auto members = from_.wide();
    if (!members) return bad(kWhat);
    if (members->size() > limits_.targets_max) return too_many_entries();
    for (const auto& [key, value] : *members) {
      const auto session = SessionId::parse(key);
      const auto ms = whole_number(*value);
      if (!session || session->is_nil() || !ms || *ms > kDurationMsMax) return bad(kWhat);
      out.emplace_back(*session, Millis(static_cast<std::int64_t>(*ms)));
    }
  }
  void client(std::string_view name, ClientInfo& out) {
    if (!is(name)) return;
    const json::object* object = from_.object();
    if (object == nullptr) {
      if (!from_.text()) return bad("must be an object {program, host, window} of texts, or a text.");
      return text(name, out.program, client_field_bytes_max);
    }
    for (const auto& member : *object) {
      if (member.value().is_null()) continue;
      std::optional<Error> error;
      Setter<FromJson> part(std::string_view(member.key().data(), member.key().size()), FromJson{member.value()},
                            limits_, error);
      part.text("program", out.program, client_field_bytes_max);
      part.text("host", out.host, client_field_bytes_max);
      part.text("window", out.window, client_field_bytes_max);
      if (error) {
        error->field = std::string(name) + "." + error->field;
        error_ = std::move(error);
        return;
      }
    }
  }

 private:
  // Most fields of an operation differ in size or first letter: asked for each of them, so before the rest.
  bool is(std::string_view name) const noexcept {
    return name.size() == name_.size() && name[0] == name_[0] && name == name_;
  }
  void set_text(std::string& out, std::size_t bytes_max) {
    const auto text = from_.text();
    if (!text) return bad("must be a text.");
    if (text->size() > bytes_max) return large("has at most " + std::to_string(bytes_max) + " bytes.");
    out.assign(*text);
  }
  void add_text(std::vector<std::string>& out, std::string_view text, std::size_t bytes_max) {
    if (out.size() >= limits_.targets_max) return too_many_entries();
    if (text.size() > bytes_max) return large("has texts of at most " + std::to_string(bytes_max) + " bytes.");
    if (text.empty()) return bad("must be a list of texts that are not empty.");
    out.emplace_back(text);
  }
  bool add_target(std::vector<Target>& out, std::string_view text) {
    if (out.size() >= limits_.targets_max) {
      too_many_entries();
      return false;
    }
    auto target = Target::parse(text);
    if (!target) {
      error_ = std::move(target.error());
      return false;
    }
    out.push_back(std::move(*target));
    return true;
  }
  void bad(std::string_view sentence) {
    error_ = Error{Code::invalid, "`" + std::string(name_) + "` " + std::string(sentence), std::string(name_)};
  }
  void large(std::string sentence) {
    error_ = Error{Code::too_large, "`" + std::string(name_) + "` " + std::move(sentence), std::string(name_)};
  }
  void too_many_entries() { large("has at most " + std::to_string(limits_.targets_max) + " entries."); }

  std::string_view name_;
  Source from_;
  const ParseLimits& limits_;
  std::optional<Error>& error_;
};

// Finds the first required field that is not given.
class RequiredCheck {
 public:
  std::string_view missing() const noexcept { return missing_; }

  void text(std::string_view name, const std::string& v, std::size_t, Need need = Need::optional) {
    look(name, v.empty(), need);
  }
  template <class Tag>
  void value(std::string_view name, const Id<Tag>& v, Need need = Need::optional) {
    look(name, v.is_nil(), need);
  }
  template <class T>
  void value(std::string_view name, const std::optional<T>& v, Need need = Need::optional) {
    look(name, !v.has_value(), need);
  }
  template <class T>
  void value(std::string_view, const T&) {}
  template <class T>
  void wait(std::string_view, const T&) {}
  void token(std::string_view name, Token v, Need need = Need::optional) { look(name, v == 0, need); }
  void targets(std::string_view name, const std::vector<Target>& v, Need need = Need::optional) {
    look(name, v.empty(), need);
  }
  void cursor(std::string_view, Token) {}
  void texts(std::string_view, const std::vector<std::string>&, std::size_t) {}
  void numbers(std::string_view name, const std::vector<std::uint64_t>& v, Need need = Need::optional) {
    look(name, v.empty(), need);
  }
  void events(std::string_view name, const std::vector<LogEvent>& v, Runs, Need need = Need::optional) {
    look(name, v.empty(), need);
  }
  template <class T>
  void versions(std::string_view, const T&) {}
  template <class T>
  void idle(std::string_view, const T&) {}
  void client(std::string_view, const ClientInfo&) {}

 private:
  void look(std::string_view name, bool empty, Need need) {
    if (need == Need::required && empty && missing_.empty()) missing_ = name;
  }
  std::string_view missing_;
};

// Writes the fields that are given.
class FieldWriter {
 public:
  explicit FieldWriter(JsonWriter& out) : w_(out) {}

  void text(std::string_view name, const std::string& v, std::size_t, Need = Need::optional) { w_.some(name, v); }
  template <class Tag>
  void value(std::string_view name, const Id<Tag>& v, Need = Need::optional) {
    if (!v.is_nil()) w_.key(name).id(v);
  }
  void value(std::string_view name, Mode v, Need = Need::optional) {
    if (v != Mode::exclusive) w_.field(name, name_of(v));
  }
  void value(std::string_view name, Kind v, Need = Need::optional) {
    if (v != Kind::edit) w_.field(name, name_of(v));
  }
  void value(std::string_view name, TodoRows v, Need = Need::optional) {
    if (v != TodoRows::all) w_.field(name, name_of(v));
  }
  void value(std::string_view name, bool v, Need = Need::optional) {
    if (v) w_.key(name).boolean(true);
  }
  void value(std::string_view name, Millis v, Need = Need::optional) {
    if (v.count() != 0) w_.key(name).signed_number(v.count());
  }
  void value(std::string_view name, std::uint64_t v, Need = Need::optional) {
    if (v != 0) w_.key(name).number(v);
  }
  void value(std::string_view name, const std::optional<Kind>& v, Need = Need::optional) {
    if (v) w_.field(name, name_of(*v));
  }
  void value(std::string_view name, const std::optional<Millis>& v, Need = Need::optional) {
    if (v) w_.key(name).signed_number(v->count());
  }
  template <std::unsigned_integral T>
  void value(std::string_view name, const std::optional<T>& v, Need = Need::optional) {
    if (v) w_.key(name).number(*v);
  }
  void wait(std::string_view name, const auto& v) { value(name, v); }
  void token(std::string_view name, Token v, Need = Need::optional) { value(name, v); }
  void targets(std::string_view name, const std::vector<Target>& v, Need = Need::optional) {
    if (v.empty()) return;
    w_.key(name).begin_array();
    for (const Target& target : v) w_.string(target.text());
    w_.end_array();
  }
  void cursor(std::string_view name, Token v) {
    if (v != 0) w_.field(name, std::to_string(v));
  }
  void texts(std::string_view name, const std::vector<std::string>& v, std::size_t) {
    if (v.empty()) return;
    w_.key(name).begin_array();
    for (const std::string& text : v) w_.string(text);
    w_.end_array();
  }
  void numbers(std::string_view name, const std::vector<std::uint64_t>& v, Need = Need::optional) {
    if (v.empty()) return;
    w_.key(name).begin_array();
    for (const std::uint64_t number : v) w_.number(number);
    w_.end_array();
  }
  void events(std::string_view name, const std::vector<LogEvent>& v, Runs, Need = Need::optional) {
    if (v.empty()) return;
    w_.key(name).begin_array();
    for (const LogEvent& event : v) {
      w_.raw("");
      append_log_event(w_.out(), event);
    }
    w_.end_array();
  }
  void versions(std::string_view name, const std::map<std::string, std::uint64_t>& v) {
    if (v.empty()) return;
    w_.key(name).begin_object();
    for (const auto& [bill, version] : v) w_.key_escaped(bill).number(version);
    w_.end_object();
  }
  void idle(std::string_view name, const std::vector<std::pair<SessionId, Millis>>& v) {
    if (v.empty()) return;
    w_.key(name).begin_object();
    for (const auto& [session, ms] : v) w_.key_escaped(session.text()).signed_number(ms.count());
    w_.end_object();
  }
  void client(std::string_view name, const ClientInfo& v) {
    if (v == ClientInfo{}) return;
    w_.key(name).begin_object();
    w_.some("program", v.program).some("host", v.host).some("window", v.window);
    w_.end_object();
  }

 private:
  JsonWriter& w_;
};

// Hashes the names and values of the fields that are given, without request id, session and wait_ms.
class FieldHash {
 public:
  explicit FieldHash(std::string_view op) : hash_(fingerprint(op)) {}
  std::uint64_t hash() const noexcept { return hash_; }

  void text(std::string_view name, const std::string& v, std::size_t, Need = Need::optional) {
    if (!v.empty() && name != "request_id" && name != "batch_id") add(name, fingerprint(v));
  }
  template <class Tag>
  void value(std::string_view name, const Id<Tag>& v, Need = Need::optional) {
    if (!v.is_nil() && name != "session") add(name, of(v));
  }
  // Zero is the default of numbers, modes and kinds alike.
  template <class T>
    requires(std::integral<T> || std::is_enum_v<T>)
  void value(std::string_view name, T v, Need = Need::optional) {
    if (v != T{}) add(name, static_cast<std::uint64_t>(v));
  }
  void value(std::string_view name, Millis v, Need = Need::optional) {
    value(name, static_cast<std::uint64_t>(v.count()));
  }
  template <class T>
  void value(std::string_view name, const std::optional<T>& v, Need = Need::optional) {
    if (!v) return;
    if constexpr (std::same_as<T, Millis>) {
      add(name, static_cast<std::uint64_t>(v->count()));
    } else {
      add(name, static_cast<std::uint64_t>(*v));
    }
  }
  void wait(std::string_view, const auto&) {}
  void token(std::string_view name, Token v, Need = Need::optional) { value(name, v); }
  void targets(std::string_view name, const std::vector<Target>& v, Need = Need::optional) {
    if (!v.empty()) add(name, v.size());
    for (const Target& target : v) mix(fingerprint(target.text()));
  }
  void cursor(std::string_view name, Token v) { value(name, v); }
  void texts(std::string_view name, const std::vector<std::string>& v, std::size_t) {
    if (!v.empty()) add(name, v.size());
    for (const std::string& text : v) mix(fingerprint(text));
  }
  void numbers(std::string_view name, const std::vector<std::uint64_t>& v, Need = Need::optional) {
    if (!v.empty()) add(name, v.size());
    for (const std::uint64_t number : v) mix(number);
  }
  void events(std::string_view name, const std::vector<LogEvent>& v, Runs, Need = Need::optional) {
    if (!v.empty()) add(name, v.size());
    std::string text;
    for (const LogEvent& event : v) {
      text.clear();
      append_log_event(text, event);
      mix(fingerprint(text));
    }
  }
  void versions(std::string_view name, const std::map<std::string, std::uint64_t>& v) {
    if (!v.empty()) add(name, v.size());
    for (const auto& [bill, version] : v) add(bill, version);
  }
  void idle(std::string_view name, const std::vector<std::pair<SessionId, Millis>>& v) {
    if (!v.empty()) add(name, v.size());
    for (const auto& [session, ms] : v) {
      mix(of(session));
      mix(static_cast<std::uint64_t>(ms.count()));
    }
  }
  void client(std::string_view name, const ClientInfo& v) {
    if (v == ClientInfo{}) return;
    for (const std::string* part : {&v.program, &v.host, &v.window}) add(name, fingerprint(*part));
  }

 private:
  template <class Tag>
  static std::uint64_t of(const Id<Tag>& id) noexcept {
    return mixed(id.value.hi, id.value.lo);
  }
  static std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) noexcept {
    const std::uint64_t words[] = {hash, value};
    return fingerprint(std::string_view(reinterpret_cast<const char*>(words), sizeof words));
  }
  void mix(std::uint64_t value) noexcept { hash_ = mixed(hash_, value); }
  void add(std::string_view name, std::uint64_t value) noexcept {
    mix(fingerprint(name));
    mix(value);
  }
  std::uint64_t hash_;
};

void write_fields(JsonWriter& w, const Fields& fields) {
  FieldWriter writer(w);
  std::visit([&](const auto& f) { visit(f, writer); }, fields);
}

void write_id(JsonWriter& w, const MessageId& id) {
  if (const auto* number = std::get_if<std::uint64_t>(&id)) {
    w.number(*number);
  } else if (const auto* text = std::get_if<std::string>(&id)) {
    w.string(*text);
  } else {
    w.null();
  }
}

template <std::size_t... I>
constexpr auto starters_of(std::index_sequence<I...>) {
  return std::array<void (*)(Fields&), sizeof...(I)>{+[](Fields& fields) { fields.emplace<I>(); }...};
}
constexpr auto kStarters = starters_of(std::make_index_sequence<std::variant_size_v<Fields>>());

void start(Fields& fields, Op op) { kStarters[static_cast<std::size_t>(op)](fields); }

Fields empty_fields(Op op) {
  Fields fields;
  start(fields, op);
  return fields;
}

Result<Fields> read_fields(Op op, const json::object& object, const ParseLimits& limits) {
  Result<Fields> result(empty_fields(op));
  std::optional<Error> error;
  std::visit(
      [&](auto& f) {
        for (const auto& member : object) {
          if (member.value().is_null()) continue;
          const std::string_view name(member.key().data(), member.key().size());
          Setter<FromJson> setter(name, FromJson{member.value()}, limits, error);
          visit(f, setter);
          if (error) return;
        }
      },
      *result);
  if (error) return tl::unexpected<Error>(std::move(*error));
  return result;
}

Result<void> check_size(std::string_view text, const ParseLimits& limits) {
  if (text.size() <= limits.message_bytes_max) return {};
  return fail(Code::too_large, "A message has at most " + std::to_string(limits.message_bytes_max) + " bytes.",
              "message");
}

tl::unexpected<Error> not_an_object(const Json& parsed) {
  const std::string why = parsed.ok() ? "it is no object" : parsed.why();
  return fail(Code::invalid, "The message must be one JSON object: " + why + ".", "message");
}

Result<Fields> fields_of(const json::object& object, const ParseLimits& limits) {
  const json::value* name = object.if_contains("op");
  const json::string* text = name != nullptr ? name->if_string() : nullptr;
  const auto op = text != nullptr ? op_from_name(text_of(*text)) : std::nullopt;
  if (!op) return fail(Code::invalid, "`op` must name an operation of the protocol, such as `lock.acquire`.", "op");
  auto fields = read_fields(*op, object, limits);
  if (fields) {
    if (auto checked = check_fields(*fields); !checked) return tl::unexpected<Error>(std::move(checked.error()));
  }
  return fields;
}

// Reads a message that is plain and right; false, with anything in `out`, for every other one.
bool read_plain(std::string_view text, const ParseLimits& limits, ParsedMessage& out) {
  const PlainJson plain(text);
  if (!plain.ok()) return false;
  const PlainJson::Member* const name = plain.find("op");
  const auto op = name != nullptr && name->kind == PlainJson::Kind::text ? op_from_name(name->text) : std::nullopt;
  if (!op) return false;
  start(*out.fields, *op);
  std::optional<Error> error;
  for (const PlainJson::Member& member : plain.members()) {
    if (member.kind == PlainJson::Kind::null || &member == name) continue;
    if (member.name == "id") {
      if (member.kind == PlainJson::Kind::number) {
        out.id.emplace<std::uint64_t>(member.number);
      } else if (member.kind == PlainJson::Kind::text && member.text.size() <= kMessageIdBytesMax) {
        out.id.emplace<std::string>(member.text);
      } else {
        return false;
      }
      continue;
    }
    Setter<FromPlain> setter(member.name, FromPlain{member}, limits, error);
    std::visit([&](auto& f) { visit(f, setter); }, *out.fields);
    if (error) return false;
  }
  return check_fields(*out.fields).has_value();
}

}  // namespace

std::string_view name_of(Op op) noexcept { return kOps[static_cast<std::size_t>(op)].name; }
bool is_mutating(Op op) noexcept { return kOps[static_cast<std::size_t>(op)].mutating; }
std::optional<Op> op_from_name(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kOps.size(); ++i) {
    if (kOps[i].name == name) return static_cast<Op>(i);
  }
  return std::nullopt;
}

std::vector<std::pair<std::string, std::string>> AuditListFields::filters() const {
  std::vector<std::pair<std::string, std::string>> out;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) out.emplace_back(name, value);
  };
  add("action", action);
  add("user", user);
  add("holder", holder);
  add("target", target);
  add("lock", lock);
  add("session", session);
  add("since", since);
  add("until", until);
  if (limit) out.emplace_back("limit", std::to_string(*limit));
  return out;
}

Result<ParsedMessage> parse_message(std::string_view text, const ParseLimits& limits) {
  if (auto size = check_size(text, limits); !size) return tl::unexpected<Error>(std::move(size.error()));
  {
    Result<ParsedMessage> plain(tl::in_place);
    if (read_plain(text, limits, *plain)) return plain;
  }
  const Json parsed(text);
  const json::object* object = parsed.object();
  if (object == nullptr) return not_an_object(parsed);

  MessageId id;
  if (const json::value* value = object->if_contains("id"); value != nullptr && !value->is_null()) {
    if (const json::string* s = value->if_string(); s != nullptr && s->size() <= kMessageIdBytesMax) {
      id.emplace<std::string>(text_of(*s));
    } else if (const auto number = whole_number(*value)) {
      id.emplace<std::uint64_t>(*number);
    } else {
      return fail(Code::invalid, "`id` must be a whole number up to 2^53-1 or a text of at most 64 bytes.", "id");
    }
  }
  return ParsedMessage{std::move(id), fields_of(*object, limits)};
}

Result<Fields> parse_fields(Op op, std::string_view text, const ParseLimits& limits) {
  if (text.empty()) return empty_fields(op);
  if (auto size = check_size(text, limits); !size) return tl::unexpected<Error>(std::move(size.error()));
  const Json parsed(text);
  if (parsed.object() == nullptr) return not_an_object(parsed);
  return read_fields(op, *parsed.object(), limits);
}

Result<void> set_field(Fields& fields, std::string_view name, std::string_view text, const ParseLimits& limits) {
  std::optional<Error> error;
  Setter<FromText> setter(name, FromText{text}, limits, error);
  std::visit([&](auto& f) { visit(f, setter); }, fields);
  if (error) return tl::unexpected<Error>(std::move(*error));
  return {};
}

Result<void> check_fields(const Fields& fields) {
  RequiredCheck check;
  std::visit([&](const auto& f) { visit(f, check); }, fields);
  std::string_view missing = check.missing();
  if (const auto* hello = std::get_if<HelloFields>(&fields)) {
    // A resume names both.
    if (hello->session.is_nil() != hello->secret.is_nil()) missing = hello->session.is_nil() ? "session" : "secret";
  }
  if (const auto* resync = std::get_if<StatusResyncFields>(&fields)) {
    const int asked = (resync->events.empty() ? 0 : 1) + (resync->commit ? 1 : 0) + (resync->drop ? 1 : 0);
    if (resync->resync.is_nil()) {
      missing = asked != 0 ? "resync" : resync->type.empty() ? "type" : "";
    } else if (asked != 1) {
      return fail(Code::invalid, "Send one of `events`, `commit` and `drop` with a resync.", "events");
    }
  }
  if (missing.empty()) return {};
  return fail(Code::invalid, "`" + std::string(missing) + "` is missing.", std::string(missing));
}

SessionId* session_field(Fields& fields) noexcept {
  return std::visit(
      [](auto& f) -> SessionId* {
        if constexpr (requires {
                        { f.session } -> std::same_as<SessionId&>;
                      }) {
          return &f.session;
        } else {
          return nullptr;
        }
      },
      fields);
}

std::string* request_id_field(Fields& fields) noexcept {
  return std::visit(
      [](auto& f) -> std::string* {
        if constexpr (requires { f.request_id; }) {
          return &f.request_id;
        } else {
          return nullptr;
        }
      },
      fields);
}

std::uint64_t fingerprint_of(const Fields& fields) {
  FieldHash hash(name_of(op_of(fields)));
  std::visit([&](const auto& f) { visit(f, hash); }, fields);
  return hash.hash();
}

// ---------------------------------------------------------------------------------------------- to commands

Acquire to_command(AcquireFields&& f) {
  return Acquire{.caller = {},
                 .session = f.session,
                 .lock = {},
                 .targets = std::move(f.targets),
                 .mode = f.mode,
                 .kind = f.kind,
                 .owner = std::move(f.owner),
                 .ttl = f.ttl,
                 .wait = f.wait,
                 .if_versions = std::move(f.if_versions),
                 .label = std::move(f.label),
                 .reason = std::move(f.reason)};
}
Release to_command(ReleaseFields&& f) {
  return Release{.caller = {},
                 .session = f.session,
                 .owner = std::move(f.owner),
                 .lock = f.lock,
                 .token = f.token,
                 .all = f.all,
                 .targets = std::move(f.targets),
                 .version = f.version,
                 .holds = f.holds};
}
Extend to_command(const ExtendFields& f) {
  return Extend{.caller = {}, .session = f.session, .lock = f.lock, .ttl = f.ttl.value_or(Millis(0))};
}
Transfer to_command(const TransferFields& f) {
  return Transfer{.caller = {}, .session = f.session, .lock = f.lock, .to_session = f.to_session};
}
Force to_command(ForceFields&& f) { return Force{.caller = {}, .lock = f.lock, .reason = std::move(f.reason)}; }
Ask to_command(LockRequestFields&& f) {
  Ask ask{.caller = {},
          .session = f.session,
          .lock = f.lock,
          .wait = {},
          .targets = std::move(f.targets),
          .mode = f.mode,
          .message = std::move(f.message),
          .label = std::move(f.label)};
  if (f.wait) ask.wait_for = *f.wait;
  return ask;
}
CancelWait to_command(const CancelWaitFields& f) {
  return CancelWait{.caller = {}, .session = f.session, .wait = f.wait};
}
CancelWait to_command(const WithdrawFields& f) {
  return CancelWait{.caller = {}, .session = f.session, .wait = f.request};
}
Check to_command(CheckFields&& f) {
  return Check{.caller = {}, .session = f.session, .targets = std::move(f.targets), .mode = f.mode};
}
Verify to_command(VerifyFields&& f) {
  return Verify{
      .caller = {}, .lock = f.lock, .token = f.token, .targets = std::move(f.targets), .min_valid = f.min_valid};
}
ReleaseAll to_command(ReleaseAllFields&& f) {
  return ReleaseAll{.caller = {}, .session = f.session, .type = std::move(f.type)};
}
Agree to_command(const AgreeFields& f) { return Agree{.caller = {}, .wait = f.request, .version = f.version}; }
Refuse to_command(RefuseFields&& f) { return Refuse{.caller = {}, .wait = f.request, .reason = std::move(f.reason)}; }
Defer to_command(const DeferFields& f) {
  return Defer{.caller = {}, .wait = f.request, .by = f.by.value_or(Millis(0))};
}
GetLock to_command(const LockGetFields& f) { return GetLock{.caller = {}, .lock = f.lock}; }
ListLocks to_command(LockListFields&& f) {
  ListLocks list{.caller = {},
                 .type = std::move(f.type),
                 .user = std::move(f.user),
                 .client = std::move(f.client),
                 .session = f.session,
                 .kind = f.kind,
                 .older = f.older};
  if (f.limit) list.limit = *f.limit;
  list.after = f.next;
  return list;
}
Heartbeat to_command(const HeartbeatFields& f) { return Heartbeat{.caller = {}, .session = f.session, .idle = f.idle}; }
EndSession to_command(const SessionEndFields& f) { return EndSession{.caller = {}, .session = f.session}; }
GetSession to_command(const SessionStateFields& f) { return GetSession{.caller = {}, .session = f.session}; }
ListSessions to_command(const SessionListFields& f) {
  ListSessions list;
  if (f.limit) list.limit = *f.limit;
  return list;
}
ListAsks to_command(const RequestListFields& f) {
  ListAsks list;
  if (f.limit) list.limit = *f.limit;
  list.after = f.next;
  return list;
}

// ---------------------------------------------------------------------------------------------- the way back

void append_message_id(std::string& out, const MessageId& id) {
  JsonWriter w(out);
  write_id(w, id);
}

void append_message(std::string& out, const MessageId& id, const Fields& fields) {
  JsonWriter w(out);
  w.begin_object();
  if (!std::holds_alternative<std::monostate>(id)) {
    w.key("id");
    write_id(w, id);
  }
  w.field("op", name_of(op_of(fields)));
  write_fields(w, fields);
  w.end_object();
}

void append_fields(std::string& out, const Fields& fields) {
  JsonWriter w(out);
  w.begin_object();
  write_fields(w, fields);
  w.end_object();
}

}  // namespace hf
