#pragma once

// What is done with the fields of a message, by the lines that each struct has of them (model/field_rule.h): they are
// read, asked for, written and hashed. Internal to the wire.
//
// Not thread-safe.

#include <array>
#include <charconv>
#include <concepts>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fingerprint.h"
#include "model/commands.h"
#include "model/field_rule.h"
#include "wire/json_text.h"
#include "wire/json_writer.h"
#include "wire/messages.h"
#include "wire/plain_json.h"

namespace hf {

// A hundred years: so that no sum of a time and a duration can pass what a clock can show.
inline constexpr std::uint64_t duration_ms_max = 100ULL * 366 * 86'400'000;

// A visitor of messages: `Self::field(name, value, rule)` is called for each field that goes in messages.
template <class Self>
class MessageFields {
 public:
  template <class T>
  Self& operator()(std::uint8_t, T&) {
    return self();  // of the log alone
  }
  template <class T>
  Self& operator()(std::uint8_t, const char* name, T& value, const FieldRule& rule = {}) {
    return (*this)(name, value, rule);
  }
  template <class T>
  Self& operator()(const char* name, T& value, const FieldRule& rule = {}) {
    if constexpr (std::same_as<std::remove_const_t<T>, Caller>) {
      self().field(name, value.request_id, {.bytes_max = request_id_bytes_max, .hashed = false});
    } else {
      self().field(name, value, rule);
    }
    return self();
  }
  Self& later() { return self(); }
  Self& tagged() { return self(); }

 private:
  Self& self() { return static_cast<Self&>(*this); }
};

template <class Visitor, class F>
void visit_fields(Visitor& visitor, F& fields) {
  std::remove_const_t<F>::fields(visitor, fields);
}

// ---------------------------------------------------------------------------------- where a value comes from

struct FromJson {
  const boost::json::value& value;

  std::optional<std::string_view> text() const noexcept {
    const boost::json::string* s = value.if_string();
    return s != nullptr ? std::optional(text_of(*s)) : std::nullopt;
  }
  std::optional<std::uint64_t> number() const noexcept { return whole_number(value); }
  std::optional<bool> boolean() const noexcept {
    const bool* b = value.if_bool();
    return b != nullptr ? std::optional(*b) : std::nullopt;
  }
  const boost::json::object* object() const noexcept { return value.if_object(); }
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
  const boost::json::object* object() const noexcept { return nullptr; }
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
  const boost::json::object* object() const noexcept { return nullptr; }
  std::optional<WideMembers> wide() const noexcept { return std::nullopt; }
};

// Sets the field called `name` to what `from` has.
template <class Source>
class Setter : public MessageFields<Setter<Source>> {
 public:
  Setter(std::string_view name, Source from, const ParseLimits& limits, std::optional<Error>& error)
      : name_(name), from_(from), limits_(limits), error_(error) {}

  void field(std::string_view name, std::string& out, const FieldRule& rule) {
    if (is(name)) set_text(out, rule.bytes_max);
  }
  template <class Tag>
  void field(std::string_view name, Id<Tag>& out, const FieldRule&) {
    if (!is(name)) return;
    const auto text = from_.text();
    const auto id = text ? Id<Tag>::parse(*text) : std::nullopt;
    if (!id || id->is_nil()) return bad("must be an id: 26 characters, as the server gave it.");
    out = *id;
  }
  void field(std::string_view name, Mode& out, const FieldRule&) {
    if (!is(name)) return;
    const auto text = from_.text();
    const auto mode = text ? mode_from_name(*text) : std::nullopt;
    if (!mode) return bad("must be `exclusive` or `shared`.");
    out = *mode;
  }
  void field(std::string_view name, Kind& out, const FieldRule&) {
    if (!is(name)) return;
    const auto text = from_.text();
    const auto kind = text ? kind_from_name(*text) : std::nullopt;
    if (!kind) return bad("must be `edit`, `temporary` or `hold`.");
    out = *kind;
  }
  void field(std::string_view name, TodoRows& out, const FieldRule&) {
    if (!is(name)) return;
    const auto text = from_.text();
    const auto rows = text ? todo_rows_from_name(*text) : std::nullopt;
    if (!rows) return bad("must be `all` or `opened`.");
    out = *rows;
  }
  void field(std::string_view name, bool& out, const FieldRule&) {
    if (!is(name)) return;
    const auto flag = from_.boolean();
    if (!flag) return bad("must be true or false.");
    out = *flag;
  }
  void field(std::string_view name, Millis& out, const FieldRule&) {
    if (!is(name)) return;
    const auto ms = from_.number();
    if (!ms || *ms > duration_ms_max) return bad("must be a duration: whole milliseconds, from 0 to a hundred years.");
    out = Millis(static_cast<std::int64_t>(*ms));
  }
  void field(std::string_view name, std::uint64_t& out, const FieldRule& rule) {
    if (!is(name)) return;
    auto n = rule.as_text ? std::nullopt : from_.number();
    if (const auto text = rule.as_text ? from_.text() : std::nullopt) n = FromText{*text}.number();
    if (n && (*n != 0 || !(rule.as_text || rule.from_one))) return void(out = *n);
    if (rule.as_text) return bad("must be the `next` of the page before.");
    if (rule.from_one) return bad("must be a token: a whole number from 1 to 2^53-1.");
    bad("must be a whole number from 0 to 2^53-1.");
  }
  void field(std::string_view name, std::uint32_t& out, const FieldRule&) {
    if (!is(name)) return;
    const auto n = from_.number();
    if (!n || *n == 0 || *n > UINT32_MAX) return bad("must be a whole number from 1 to 2^32-1.");
    out = static_cast<std::uint32_t>(*n);
  }
  template <class T>
  void field(std::string_view name, std::optional<T>& out, const FieldRule& rule) {
    if (is(name)) field(name, out.emplace(), rule);
  }
  void field(std::string_view name, std::vector<Target>& out, const FieldRule&) {
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
      const boost::json::array* list = from_.value.if_array();
      if (list == nullptr) return bad("must be a list of texts.");
      if (list->size() > limits_.targets_max) return too_many_entries();
      out.clear();
      out.reserve(list->size());
      for (const boost::json::value& element : *list) {
        const boost::json::string* text = element.if_string();
        if (text == nullptr) return bad("must be a list of texts.");
        if (!add_target(out, text_of(*text))) return;
      }
    }
  }
  // A text of path or query adds one element.
  void field(std::string_view name, std::vector<std::string>& out, const FieldRule& rule) {
    if (!is(name)) return;
    if constexpr (std::same_as<Source, FromText>) {
      add_text(out, from_.value, rule.bytes_max);
    } else if constexpr (std::same_as<Source, FromPlain>) {
      if (from_.value.kind != PlainJson::Kind::texts) return bad("must be a list of texts.");
      for (const std::string_view text : from_.value.texts) add_text(out, text, rule.bytes_max);
    } else {
      const boost::json::array* list = from_.value.if_array();
      if (list == nullptr) return bad("must be a list of texts.");
      for (const boost::json::value& element : *list) {
        const boost::json::string* text = element.if_string();
        if (text == nullptr) return bad("must be a list of texts.");
        add_text(out, text_of(*text), rule.bytes_max);
        if (error_) return;
      }
    }
  }
  void field(std::string_view name, std::vector<std::uint64_t>& out, const FieldRule&) {
    if (!is(name)) return;
    if constexpr (std::same_as<Source, FromJson>) {
      const boost::json::array* list = from_.value.if_array();
      if (list == nullptr) return bad("must be a list of whole numbers.");
      if (list->size() > limits_.targets_max) return too_many_entries();
      for (const boost::json::value& element : *list) {
        const auto number = whole_number(element);
        if (!number) return bad("must be a list of whole numbers.");
        out.push_back(*number);
      }
    } else {
      bad("must be a list of whole numbers.");
    }
  }
  void field(std::string_view name, std::vector<LogEvent>& out, const FieldRule&) {
    if (!is(name)) return;
    if constexpr (std::same_as<Source, FromJson>) {
      const boost::json::array* list = from_.value.if_array();
      if (list == nullptr) return bad("must be a list of events.");
      if (list->size() > limits_.events_max) {
        return large("has at most " + std::to_string(limits_.events_max) + " events.");
      }
      out.reserve(list->size());
      for (const boost::json::value& element : *list) {
        const std::string where = std::string(name) + "[" + std::to_string(out.size()) + "]";
        auto event = parse_log_event(element, where);
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
  void field(std::string_view name, std::map<std::string, std::uint64_t>& out, const FieldRule&) {
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
  void field(std::string_view name, std::vector<std::pair<SessionId, Millis>>& out, const FieldRule&) {
    if (!is(name)) return;
    constexpr std::string_view kWhat = "must be an object of sessions and how long their users have been idle, in ms.";
    const auto members = from_.wide();
    if (!members) return bad(kWhat);
    if (members->size() > limits_.targets_max) return too_many_entries();
    for (const auto& [key, value] : *members) {
      const auto session = SessionId::parse(key);
      const auto ms = whole_number(*value);
      if (!session || session->is_nil() || !ms || *ms > duration_ms_max) return bad(kWhat);
      out.emplace_back(*session, Millis(static_cast<std::int64_t>(*ms)));
    }
  }
  void field(std::string_view name, ClientInfo& out, const FieldRule&) {
    if (!is(name)) return;
    constexpr FieldRule part_rule{.bytes_max = client_field_bytes_max};
    const boost::json::object* object = from_.object();
    if (object == nullptr) {
      if (!from_.text()) return bad("must be an object {program, host, window} of texts, or a text.");
      return field(name, out.program, part_rule);
    }
    for (const auto& member : *object) {
      if (member.value().is_null()) continue;
      std::optional<Error> error;
      Setter<FromJson> part(std::string_view(member.key().data(), member.key().size()), FromJson{member.value()},
                            limits_, error);
      part.field("program", out.program, part_rule);
      part.field("host", out.host, part_rule);
      part.field("window", out.window, part_rule);
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
class RequiredCheck : public MessageFields<RequiredCheck> {
 public:
  std::string_view missing() const noexcept { return missing_; }

  template <class T>
  void field(std::string_view name, const T& value, const FieldRule& rule) {
    if (rule.required && missing_.empty() && is_empty(value)) missing_ = name;
  }

 private:
  template <class T>
  static bool is_empty(const T& value) {
    if constexpr (requires { value.is_nil(); }) {
      return value.is_nil();
    } else if constexpr (requires { value.empty(); }) {
      return value.empty();
    } else {
      return value == T{};
    }
  }
  std::string_view missing_;
};

// Writes the fields that are given.
class FieldsToJson : public MessageFields<FieldsToJson> {
 public:
  explicit FieldsToJson(JsonWriter& out) : w_(out) {}

  void field(std::string_view name, const std::string& v, const FieldRule&) { w_.some(name, v); }
  template <class Tag>
  void field(std::string_view name, const Id<Tag>& v, const FieldRule&) {
    if (!v.is_nil()) w_.key(name).id(v);
  }
  void field(std::string_view name, Mode v, const FieldRule&) {
    if (v != Mode::exclusive) w_.field(name, name_of(v));
  }
  void field(std::string_view name, Kind v, const FieldRule&) {
    if (v != Kind::edit) w_.field(name, name_of(v));
  }
  void field(std::string_view name, TodoRows v, const FieldRule&) {
    if (v != TodoRows::all) w_.field(name, name_of(v));
  }
  void field(std::string_view name, bool v, const FieldRule&) {
    if (v) w_.key(name).boolean(true);
  }
  void field(std::string_view name, Millis v, const FieldRule& rule) {
    if (v != Millis(static_cast<std::int64_t>(rule.otherwise))) w_.key(name).signed_number(v.count());
  }
  template <class T>
    requires(std::unsigned_integral<T> && !std::same_as<T, bool>)
  void field(std::string_view name, T v, const FieldRule& rule) {
    if (v == rule.otherwise) return;
    if (rule.as_text) {
      w_.field(name, std::to_string(v));
    } else {
      w_.key(name).number(v);
    }
  }
  // What is given is written, also where it is the default.
  void field(std::string_view name, const std::optional<Kind>& v, const FieldRule&) {
    if (v) w_.field(name, name_of(*v));
  }
  void field(std::string_view name, const std::optional<Millis>& v, const FieldRule&) {
    if (v) w_.key(name).signed_number(v->count());
  }
  template <std::unsigned_integral T>
  void field(std::string_view name, const std::optional<T>& v, const FieldRule&) {
    if (v) w_.key(name).number(*v);
  }
  void field(std::string_view name, const std::vector<Target>& v, const FieldRule&) {
    list(name, v, [&](const Target& target) { w_.string(target.text()); });
  }
  void field(std::string_view name, const std::vector<std::string>& v, const FieldRule&) {
    list(name, v, [&](const std::string& text) { w_.string(text); });
  }
  void field(std::string_view name, const std::vector<std::uint64_t>& v, const FieldRule&) {
    list(name, v, [&](std::uint64_t number) { w_.number(number); });
  }
  void field(std::string_view name, const std::vector<LogEvent>& v, const FieldRule&) {
    list(name, v, [&](const LogEvent& event) {
      w_.raw("");
      append_log_event(w_.out(), event);
    });
  }
  void field(std::string_view name, const std::map<std::string, std::uint64_t>& v, const FieldRule&) {
    if (v.empty()) return;
    w_.key(name).begin_object();
    for (const auto& [bill, version] : v) w_.key_escaped(bill).number(version);
    w_.end_object();
  }
  void field(std::string_view name, const std::vector<std::pair<SessionId, Millis>>& v, const FieldRule&) {
    if (v.empty()) return;
    w_.key(name).begin_object();
    for (const auto& [session, ms] : v) w_.key_escaped(session.text()).signed_number(ms.count());
    w_.end_object();
  }
  void field(std::string_view name, const ClientInfo& v, const FieldRule&) {
    if (v == ClientInfo{}) return;
    w_.key(name).begin_object();
    w_.some("program", v.program).some("host", v.host).some("window", v.window);
    w_.end_object();
  }

 private:
  template <class T, class Write>
  void list(std::string_view name, const std::vector<T>& v, Write write) {
    if (v.empty()) return;
    w_.key(name).begin_array();
    for (const T& item : v) write(item);
    w_.end_array();
  }
  JsonWriter& w_;
};

// Hashes the names and values of the fields that are given, without those that a repeat may say otherwise.
class FieldHash : public MessageFields<FieldHash> {
 public:
  explicit FieldHash(std::string_view op) : hash_(fingerprint(op)) {}
  std::uint64_t hash() const noexcept { return hash_; }

  template <class T>
  void field(std::string_view name, const T& v, const FieldRule& rule) {
    if (rule.hashed && name != "session") add_field(name, v);  // that one may be the connection's own
  }

 private:
  void add_field(std::string_view name, const std::string& v) {
    if (!v.empty()) add(name, fingerprint(v));
  }
  template <class Tag>
  void add_field(std::string_view name, const Id<Tag>& v) {
    if (!v.is_nil()) add(name, of(v));
  }
  // Zero is the default of numbers, modes and kinds alike.
  template <class T>
    requires(std::integral<T> || std::is_enum_v<T>)
  void add_field(std::string_view name, T v) {
    if (v != T{}) add(name, static_cast<std::uint64_t>(v));
  }
  void add_field(std::string_view name, Millis v) { add_field(name, static_cast<std::uint64_t>(v.count())); }
  template <class T>
  void add_field(std::string_view name, const std::optional<T>& v) {
    if (!v) return;
    if constexpr (std::same_as<T, Millis>) {
      add(name, static_cast<std::uint64_t>(v->count()));
    } else {
      add(name, static_cast<std::uint64_t>(*v));
    }
  }
  void add_field(std::string_view name, const std::vector<Target>& v) {
    if (!v.empty()) add(name, v.size());
    for (const Target& target : v) mix(fingerprint(target.text()));
  }
  void add_field(std::string_view name, const std::vector<std::string>& v) {
    if (!v.empty()) add(name, v.size());
    for (const std::string& text : v) mix(fingerprint(text));
  }
  void add_field(std::string_view name, const std::vector<std::uint64_t>& v) {
    if (!v.empty()) add(name, v.size());
    for (const std::uint64_t number : v) mix(number);
  }
  void add_field(std::string_view name, const std::vector<LogEvent>& v) {
    if (!v.empty()) add(name, v.size());
    std::string text;
    for (const LogEvent& event : v) {
      text.clear();
      append_log_event(text, event);
      mix(fingerprint(text));
    }
  }
  void add_field(std::string_view name, const std::map<std::string, std::uint64_t>& v) {
    if (!v.empty()) add(name, v.size());
    for (const auto& [bill, version] : v) add(bill, version);
  }
  void add_field(std::string_view name, const std::vector<std::pair<SessionId, Millis>>& v) {
    if (!v.empty()) add(name, v.size());
    for (const auto& [session, ms] : v) {
      mix(of(session));
      mix(static_cast<std::uint64_t>(ms.count()));
    }
  }
  void add_field(std::string_view name, const ClientInfo& v) {
    if (v == ClientInfo{}) return;
    for (const std::string* part : {&v.program, &v.host, &v.window}) add(name, fingerprint(*part));
  }

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

}  // namespace hf
