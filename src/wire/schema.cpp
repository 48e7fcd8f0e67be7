#include "wire/schema.h"

#include "model/status_limits.h"
#include "wire/field_visitors.h"

namespace hf {
namespace {

// Writes the schema of each field as a member of `properties`, and remembers which are required.
class SchemaWriter : public MessageFields<SchemaWriter> {
 public:
  explicit SchemaWriter(JsonWriter& out) : w_(out) {}
  const std::vector<std::string_view>& required() const noexcept { return required_; }

  template <class T>
  void field(std::string_view name, const T&, const FieldRule& rule) {
    if (rule.required) required_.push_back(name);
    w_.key(name).begin_object();
    describe(static_cast<const T*>(nullptr), rule);
    w_.end_object();
  }

 private:
  void refer(std::string_view to) { w_.field("$ref", "#/$defs/" + std::string(to)); }
  void whole_number(std::uint64_t least, std::uint64_t most) {
    w_.field("type", "integer").key("minimum").number(least).key("maximum").number(most);
  }
  void list(std::size_t most) { w_.field("type", "array").key("maxItems").number(most); }

  void describe(const std::string*, const FieldRule& rule) {
    w_.field("type", "string").key("maxLength").number(rule.bytes_max);
  }
  template <class Tag>
  void describe(const Id<Tag>*, const FieldRule&) {
    refer("id");
  }
  void describe(const Mode*, const FieldRule&) { refer("mode"); }
  void describe(const Kind*, const FieldRule&) { refer("kind"); }
  void describe(const TodoRows*, const FieldRule&) { refer("rows"); }
  void describe(const bool*, const FieldRule&) { w_.field("type", "boolean"); }
  void describe(const Millis*, const FieldRule& rule) {
    whole_number(0, duration_ms_max);
    if (rule.otherwise != 0) w_.key("default").number(rule.otherwise);
  }
  void describe(const std::uint64_t*, const FieldRule& rule) {
    if (rule.as_text) {
      w_.field("type", "string").field("pattern", "^[1-9][0-9]*$");
    } else {
      whole_number(rule.from_one ? 1 : 0, token_max);
    }
  }
  void describe(const std::uint32_t*, const FieldRule& rule) {
    whole_number(1, UINT32_MAX);
    if (rule.otherwise != 0) w_.key("default").number(rule.otherwise);
  }
  template <class T>
  void describe(const std::optional<T>*, const FieldRule& rule) {
    describe(static_cast<const T*>(nullptr), rule);
  }
  void describe(const std::vector<Target>*, const FieldRule& rule) {
    list(ParseLimits{}.targets_max);
    if (rule.required) w_.key("minItems").number(1);
    w_.key("items").begin_object();
    refer("target");
    w_.end_object();
  }
  void describe(const std::vector<std::string>*, const FieldRule& rule) {
    list(ParseLimits{}.targets_max);
    w_.key("items").begin_object().field("type", "string").key("minLength").number(1);
    w_.key("maxLength").number(rule.bytes_max).end_object();
  }
  void describe(const std::vector<std::uint64_t>*, const FieldRule&) {
    list(ParseLimits{}.targets_max);
    w_.key("items").begin_object();
    whole_number(0, token_max);
    w_.end_object();
  }
  void describe(const std::vector<LogEvent>*, const FieldRule&) {
    list(ParseLimits{}.events_max);
    w_.key("items").begin_object();
    refer("event");
    w_.end_object();
  }
  void describe(const std::map<std::string, std::uint64_t>*, const FieldRule&) {
    w_.field("type", "object").key("maxProperties").number(ParseLimits{}.targets_max);
    w_.key("additionalProperties").begin_object();
    whole_number(0, token_max);
    w_.end_object();
  }
  void describe(const std::vector<std::pair<SessionId, Millis>>*, const FieldRule&) {
    w_.field("type", "object").key("maxProperties").number(ParseLimits{}.targets_max);
    w_.key("additionalProperties").begin_object();
    whole_number(0, duration_ms_max);
    w_.end_object();
  }
  void describe(const ClientInfo*, const FieldRule&) { refer("client"); }

  JsonWriter& w_;
  std::vector<std::string_view> required_;
};

template <class F>
void append_fields_schema(JsonWriter& w) {
  const F fields{};
  SchemaWriter schema(w);
  w.begin_object().field("type", "object").key("properties").begin_object();
  visit_fields(schema, fields);
  w.end_object();
  if (!schema.required().empty()) {
    w.key("required").begin_array();
    for (const std::string_view name : schema.required()) w.string(name);
    w.end_array();
  }
  w.end_object();
}

template <std::size_t... I>
void append_all(JsonWriter& w, std::index_sequence<I...>) {
  const auto one = [&]<std::size_t N>() {
    const Op op = static_cast<Op>(N);
    w.begin_object().field("op", name_of(op)).key("repeatable").boolean(is_mutating(op));
    w.key("fields");
    append_fields_schema<std::variant_alternative_t<N, Fields>>(w);
    w.end_object();
  };
  (one.template operator()<I>(), ...);
}

void text(JsonWriter& w, std::string_view name, std::size_t bytes_max) {
  w.key(name).begin_object().field("type", "string").key("maxLength").number(bytes_max).end_object();
}

template <class E, std::size_t N>
void choices(JsonWriter& w, std::string_view name, const std::array<E, N>& values) {
  w.key(name).begin_object().key("enum").begin_array();
  for (const E value : values) w.string(name_of(value));
  w.end_array().end_object();
}

}  // namespace

void append_operations(std::string& out) {
  JsonWriter w(out);
  w.begin_array();
  append_all(w, std::make_index_sequence<std::variant_size_v<Fields>>());
  w.end_array();
}

void append_definitions(std::string& out) {
  JsonWriter w(out);
  w.begin_object();
  w.key("id").begin_object().field("type", "string").field("pattern", "^[0-7][0-9a-hjkmnp-tv-z]{25}$").end_object();
  w.key("target").begin_object().field("type", "string").key("minLength").number(1);
  w.key("maxLength").number(4 * target_segment_bytes_max + 3);
  w.field("pattern", "^[^:/]+(:[^:/]+(/[^:/]+){0,2})?$").end_object();
  w.key("time").begin_object().field("type", "string");
  w.field("pattern", R"(^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$)").end_object();
  choices(w, "mode", std::array{Mode::exclusive, Mode::shared});
  choices(w, "kind", std::array{Kind::edit, Kind::temporary, Kind::hold});
  choices(w, "rows", std::array{TodoRows::all, TodoRows::opened});
  w.key("client").begin_object().key("oneOf").begin_array();
  w.begin_object().field("type", "string").key("maxLength").number(client_field_bytes_max).end_object();
  w.begin_object().field("type", "object").key("properties").begin_object();
  for (const std::string_view part : {"program", "host", "window"}) text(w, part, client_field_bytes_max);
  w.end_object().end_object().end_array().end_object();
  w.end_object();
}

}  // namespace hf
