#include <algorithm>
#include <array>
#include <concepts>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "wire/answer_types.h"
#include "wire/json_writer.h"
#include "wire/pushes.h"
#include "wire/schema.h"
#include "wire/view.h"

namespace hf {
namespace {

// The schemas of values that have a name of their own, in the order in which they were met.
struct Definitions {
  std::vector<std::pair<std::string, std::string>> all;

  bool has(std::string_view name) const {
    return std::ranges::any_of(all, [&](const auto& one) { return one.first == name; });
  }
};

template <class D, class T>
T blank() {
  if constexpr (requires { D::blank(); }) {
    return D::blank();
  } else {
    return T{};
  }
}

template <class D, class T>
std::string object_schema(Definitions& definitions, std::string_view event = {});

// Notes a member's schema for each line of `said`.
class SaidSchema {
 public:
  static constexpr bool reads = false;

  explicit SaidSchema(Definitions& definitions) noexcept : definitions_(definitions) {}

  void about(std::string_view) noexcept {}
  void about_if_any(std::string_view) noexcept {}
  void about_others() noexcept {}

  template <class T, class D = Itself>
  SaidSchema& operator()(const char* name, const T&, const FieldRule& rule = {}, D = {}) {
    std::string schema = schema_of<D>(static_cast<const T*>(nullptr), rule);
    if (rule.personal) schema = R"({"anyOf":[)" + schema + R"(,{"type":"null"}]})";
    note(name, rule.required || rule.key || rule.known, std::move(schema));
    return *this;
  }
  template <class T, class D = Itself>
  SaidSchema& when(bool, const char* name, const T&, D = {}) {
    note(name, false, schema_of<D>(static_cast<const T*>(nullptr), {.required = true}));
    return *this;
  }
  void mark(bool, const char* name) { note(name, false, R"({"const":true})"); }
  template <class Members>
  void part(const char* name, bool is_there, Members members) {
    SaidSchema inside(definitions_);
    members(inside);
    note(name, is_there, inside.object());
  }
  template <class First, class Second>
  void either(bool, const char* first_name, First first, const char* second_name, Second second) {
    part(first_name, false, first);
    part(second_name, false, second);
    for (const char* name : {first_name, second_name}) one_of_.emplace_back(name);
  }
  void problem(const char* name, const Refusal& v) { (*this)(name, v, {.required = true}); }
  void code(Code) {
    note("type", false, kText);  // by HTTP, as `status`
    std::string codes;
    JsonWriter w(codes);
    w.begin_object().key("enum").begin_array();
#define HF_ERROR(name, number, status, en, zh) w.string(code_name(Code::name));
#include "base/errors.def"
#undef HF_ERROR
    w.end_array().end_object();
    note("code", true, std::move(codes));
    note("title", true, kText);
    note("status", false, kWhole);
  }
  void may(const Conflict&) {
    std::string schema;
    JsonWriter w(schema);
    w.begin_object().field("type", "array").key("items").begin_object().key("enum").begin_array();
    for (const auto& [bit, name] : kMays) w.string(name);
    w.end_array().end_object().end_object();
    note("may", true, std::move(schema));
  }
  void held(const std::vector<HeldTarget>&, Token) {
    note("targets", true, list(reference("target")));
    note("tokens", false, by_name(kToken));
  }
  void fences(const std::vector<HeldTarget>&) {
    note("token", false, kToken);
    note("tokens", false, by_name(kToken));
  }

  // The object that has these members; as a push, with the name of its event.
  std::string object(std::string_view event = {}) const {
    std::string out;
    JsonWriter w(out);
    w.begin_object().field("type", "object").key("properties").begin_object();
    if (!event.empty()) w.key("event").begin_object().field("const", event).end_object();
    for (const auto& [name, schema] : members_) w.key(name).raw(schema);
    w.end_object();
    if (!required_.empty() || !event.empty()) {
      w.key("required").begin_array();
      if (!event.empty()) w.string("event");
      for (const std::string& name : required_) w.string(name);
      w.end_array();
    }
    if (!one_of_.empty()) {
      w.key("oneOf").begin_array();
      for (const std::string& name : one_of_)
        w.begin_object().key("required").begin_array().string(name).end_array().end_object();
      w.end_array();
    }
    w.end_object();
    return out;
  }

 private:
  static constexpr const char* kText = R"({"type":"string"})";
  static constexpr const char* kWhole = R"({"type":"integer","minimum":0,"maximum":9007199254740991})";
  static constexpr const char* kToken = R"({"type":"integer","minimum":1,"maximum":9007199254740991})";

  void note(const char* name, bool required, std::string schema) {
    members_.emplace_back(name, std::move(schema));
    if (required) required_.emplace_back(name);
  }
  static std::string reference(std::string_view name) { return R"({"$ref":"#/$defs/)" + std::string(name) + "\"}"; }
  static std::string list(const std::string& of) { return R"({"type":"array","items":)" + of + "}"; }
  static std::string by_name(const std::string& of) { return R"({"type":"object","additionalProperties":)" + of + "}"; }
  template <class E>
  static std::string names(E last) {
    std::string out;
    JsonWriter w(out);
    w.begin_object().key("enum").begin_array();
    for (std::size_t i = 0; i <= static_cast<std::size_t>(last); ++i) w.string(name_of(static_cast<E>(i)));
    w.end_array().end_object();
    return out;
  }

  template <class D>
  std::string schema_of(const std::string*, const FieldRule& rule) {
    return rule.as_text ? R"({"type":"string","pattern":"^[1-9][0-9]*$"})" : kText;
  }
  template <class D>
  std::string schema_of(const std::string_view*, const FieldRule&) {
    return kText;
  }
  template <class D>
  std::string schema_of(const Target*, const FieldRule&) {
    return reference("target");
  }
  template <class D, class Tag>
  std::string schema_of(const Id<Tag>*, const FieldRule&) {
    return reference("id");
  }
  template <class D>
  std::string schema_of(const Mode*, const FieldRule&) {
    return reference("mode");
  }
  template <class D>
  std::string schema_of(const Kind*, const FieldRule&) {
    return reference("kind");
  }
  template <class D>
  std::string schema_of(const EndReason*, const FieldRule&) {
    return names(EndReason::engine_lost);
  }
  template <class D>
  std::string schema_of(const AskState*, const FieldRule&) {
    return names(AskState::unanswered);
  }
  template <class D>
  std::string schema_of(const RunState*, const FieldRule&) {
    return names(RunState::unknown);
  }
  template <class D>
  std::string schema_of(const Id128*, const FieldRule&) {
    return reference("id");
  }
  template <class D>
  std::string schema_of(const bool*, const FieldRule& rule) {
    return rule.required ? R"({"type":"boolean"})" : R"({"const":true})";  // false is left out
  }
  template <class D, std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  std::string schema_of(const T*, const FieldRule& rule) {
    if (rule.as_text) return R"({"type":"string","pattern":"^[1-9][0-9]*$"})";
    return rule.from_one ? kToken : kWhole;
  }
  template <class D, std::signed_integral T>
  std::string schema_of(const T*, const FieldRule& rule) {
    return rule.as_text ? R"({"type":"string","pattern":"^-?[0-9]+$"})" : R"({"type":"integer"})";
  }
  template <class D>
  std::string schema_of(const Decimal*, const FieldRule&) {
    return R"({"type":"string","pattern":"^-?[0-9]+(\\.[0-9]+)?$"})";
  }
  template <class D>
  std::string schema_of(const Millis*, const FieldRule&) {
    return kWhole;
  }
  template <class D>
  std::string schema_of(const Wall*, const FieldRule&) {
    return reference("time");
  }
  template <class D, class T>
  std::string schema_of(const Ready<T>*, const FieldRule& rule) {
    return schema_of<D>(static_cast<const T*>(nullptr), rule);
  }
  template <class D, class T>
  std::string schema_of(const std::optional<T>*, const FieldRule& rule) {
    return schema_of<D>(static_cast<const T*>(nullptr), rule);
  }
  template <class D, class T>
  std::string schema_of(const std::vector<T>*, const FieldRule& rule) {
    return list(schema_of<D>(static_cast<const T*>(nullptr), rule));
  }
  template <class D, class T>
  std::string schema_of(const std::map<std::string, T>*, const FieldRule& rule) {
    return by_name(schema_of<D>(static_cast<const T*>(nullptr), rule));
  }
  // A bill of which a version is asked, and none is known, has null.
  template <class D>
  std::string schema_of(const std::map<std::string, std::optional<std::uint64_t>>*, const FieldRule&) {
    return by_name(R"({"anyOf":[)" + std::string(kWhole) + R"(,{"type":"null"}]})");
  }
  template <class D>
  std::string schema_of(const std::vector<std::pair<SessionId, std::uint64_t>>*, const FieldRule&) {
    return by_name(kWhole);
  }
  template <class D>
  std::string schema_of(const std::vector<BillField>*, const FieldRule&) {
    return by_name(R"({"type":["string","integer"]})");
  }
  template <class D>
  std::string schema_of(const std::vector<documents::BillField>*, const FieldRule&) {
    return by_name(R"({"type":["string","boolean","null"]})");
  }
  template <class D, class T>
    requires Says<D, T>
  std::string schema_of(const T*, const FieldRule&) {
    using By = Sayer<D, T>;
    if constexpr (requires { By::said_as; }) {
      const std::string name(By::said_as);
      if (!definitions_.has(name)) {
        const std::size_t place = definitions_.all.size();
        definitions_.all.emplace_back(name, std::string());
        std::string schema = object_schema<D, T>(definitions_);
        definitions_.all[place].second = std::move(schema);
      }
      return reference(name);
    } else {
      return object_schema<D, T>(definitions_);
    }
  }

  template <class D, class T>
  friend std::string answer_schema(Definitions& definitions);

  Definitions& definitions_;
  std::vector<std::pair<const char*, std::string>> members_;
  std::vector<std::string> required_, one_of_;
};

template <class D, class T>
std::string object_schema(Definitions& definitions, std::string_view event) {
  const T v = blank<Sayer<D, T>, T>();
  SaidSchema schema(definitions);
  say<D>(schema, v);
  return schema.object(event);
}

template <class D, class T>
std::string answer_schema(Definitions& definitions) {
  return SaidSchema(definitions).schema_of<D>(static_cast<const T*>(nullptr), {});
}

template <class D>
struct ValueOf {
  using type = D;
};
template <class D>
  requires requires { typename D::Value; }
struct ValueOf<D> {
  using type = typename D::Value;
};

// One answer's schema, and the face by which it comes.
template <class A>
struct AnswerSchema {
  static void append(JsonWriter& w, Definitions& definitions, const char* by = "both") {
    w.begin_object().field("by", by).key("schema").raw(answer_schema<A, typename ValueOf<A>::type>(definitions));
    w.end_object();
  }
};
template <class A>
struct AnswerSchema<ByHttp<A>> {
  static void append(JsonWriter& w, Definitions& d) { AnswerSchema<A>::append(w, d, "http"); }
};
template <class A>
struct AnswerSchema<BySocket<A>> {
  static void append(JsonWriter& w, Definitions& d) { AnswerSchema<A>::append(w, d, "websocket"); }
};
template <class... A>
struct AnswerSchema<OneOf<A...>> {
  static void append([[maybe_unused]] JsonWriter& w, [[maybe_unused]] Definitions& d) {
    (AnswerSchema<A>::append(w, d), ...);
  }
};

template <class... A>
void append_answers(JsonWriter& w, Definitions& definitions, const std::tuple<A...>*) {
  std::size_t op = 0;
  const auto one = [&]<class Answer>() {
    w.key(name_of(static_cast<Op>(op++))).begin_array();
    AnswerSchema<Answer>::append(w, definitions);
    w.end_array();
  };
  (one.template operator()<A>(), ...);
}

template <class D>
void append_push_schema(JsonWriter& w, Definitions& definitions) {
  using T = typename ValueOf<D>::type;
  w.begin_object().field("event", D::event).key("schema").raw(object_schema<D, T>(definitions, D::event)).end_object();
}

}  // namespace

void append_server_words(std::string& out) {
  Definitions definitions;
  JsonWriter w(out);
  w.begin_object().key("answers").begin_object();
  append_answers(w, definitions, static_cast<const Answers*>(nullptr));
  w.end_object().key("pushes").begin_array();
  each_push([&]<class D>() { append_push_schema<D>(w, definitions); });
  w.end_array().key("problem").raw(answer_schema<Itself, Refusal>(definitions));
  w.key("$defs").begin_object();
  for (const auto& [name, schema] : definitions.all) w.key(name).raw(schema);
  w.end_object().end_object();
}

}  // namespace hf
