#include "wire/messages.h"

#include <array>
#include <concepts>

#include "wire/field_visitors.h"

namespace hf {
namespace {

namespace json = boost::json;

struct OpRow {
  std::string_view name;
  bool mutating;
};
constexpr std::array kOps{
#define HF_OP(name, wire, fields, answer, mutating, http) OpRow{wire, mutating},
    HF_OPS(HF_OP)
#undef HF_OP
};
constexpr std::size_t kMessageIdBytesMax = 64;

void write_fields(JsonWriter& w, const Fields& fields) {
  FieldsToJson writer(w);
  std::visit([&](const auto& f) { visit_fields(writer, f); }, fields);
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
          visit_fields(setter, f);
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
    std::visit([&](auto& f) { visit_fields(setter, f); }, *out.fields);
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
  std::visit([&](auto& f) { visit_fields(setter, f); }, fields);
  if (error) return tl::unexpected<Error>(std::move(*error));
  return {};
}

Result<void> check_fields(const Fields& fields) {
  RequiredCheck check;
  std::visit([&](const auto& f) { visit_fields(check, f); }, fields);
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
    for (std::size_t i = 0; i < resync->events.size(); ++i) {
      if (std::holds_alternative<StatusEvent>(resync->events[i])) continue;
      return fail(Code::invalid, "A resync has no steps of runs.", "events[" + std::to_string(i) + "].run");
    }
  }
  if (missing.empty()) return {};
  return fail(Code::invalid, "`" + std::string(missing) + "` is missing.", std::string(missing));
}

std::string* request_id_field(Fields& fields) noexcept {
  if (!is_mutating(op_of(fields))) return nullptr;
  return std::visit(
      [](auto& f) -> std::string* {
        if constexpr (requires { f.request_id; }) {
          return &f.request_id;
        } else if constexpr (requires { f.caller; }) {
          return &f.caller.request_id;
        } else {
          return nullptr;
        }
      },
      fields);
}

std::uint64_t fingerprint_of(const Fields& fields) {
  FieldHash hash(name_of(op_of(fields)));
  std::visit([&](const auto& f) { visit_fields(hash, f); }, fields);
  return hash.hash();
}

CancelWait to_command(const WithdrawFields& f) {
  return CancelWait{.caller = {}, .session = f.session, .wait = f.request};
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
