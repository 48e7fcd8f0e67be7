#include "wire/status_messages.h"

#include <algorithm>
#include <boost/json/value.hpp>
#include <limits>

#include "wire/json_text.h"
#include "wire/json_writer.h"

namespace hf {
namespace {

namespace json = boost::json;

constexpr std::string_view state_prefix = "state.";

Error wrong(const std::string& field, std::string_view sentence) {
  return Error{Code::invalid, "`" + field + "` " + std::string(sentence), field};
}

// Reads the members of one object; the first that is wrong stays in error().
class EventReader {
 public:
  EventReader(const json::object& object, std::string where) : object_(object), where_(std::move(where)) {}

  std::optional<Error>& error() noexcept { return error_; }

  // Null: absent.
  const json::value* find(const char* name) const noexcept {
    const json::value* value = object_.if_contains(name);
    return value != nullptr && !value->is_null() ? value : nullptr;
  }
  void text(const char* name, std::string& out) {
    const json::value* value = find(name);
    if (value == nullptr) return;
    const json::string* s = value->if_string();
    if (s == nullptr) return bad(name, "must be a text.");
    out.assign(text_of(*s));
  }
  // Notes the member if it is there and null.
  void note_null(const char* name, std::vector<std::string>& none) const {
    const json::value* value = object_.if_contains(name);
    if (value != nullptr && value->is_null()) none.emplace_back(name);
  }
  void required(const char* name, std::string& out) {
    text(name, out);
    if (out.empty()) bad(name, "is missing.");
  }
  void flag(const char* name, bool& out) {
    const json::value* value = find(name);
    if (value == nullptr) return;
    const bool* b = value->if_bool();
    if (b == nullptr) return bad(name, "must be true or false.");
    out = *b;
  }
  void version(const char* name, std::optional<Version>& out) {
    const json::value* value = find(name);
    if (value == nullptr) return;
    out = whole_number(*value);
    if (!out) bad(name, "must be a whole number from 0 to 2^53-1.");
  }
  void time(const char* name, std::optional<Wall>& out) {
    const json::value* value = find(name);
    if (value == nullptr) return;
    const json::string* s = value->if_string();
    out = s != nullptr ? parse_time(text_of(*s)) : std::nullopt;
    if (!out) bad(name, "must be a time: 2025-11-22T09:30:00.000Z.");
  }
  void person(const char* name, Person& out) {
    const json::value* value = find(name);
    if (value == nullptr) return;
    if (value->is_string()) return text(name, out.user);
    const json::object* object = value->if_object();
    if (object == nullptr) return bad(name, "must be an object {user, name} of texts, or a text: the user.");
    EventReader inside(*object, where_ + "." + name);
    inside.text("user", out.user);
    inside.text("name", out.name);
    if (inside.error() && !error_) error_ = std::move(inside.error());
  }
  void state(const char* name, std::vector<BillField>& out, std::vector<std::string>& none) {
    const json::value* value = find(name);
    if (value == nullptr) return;
    const json::object* object = value->if_object();
    if (object == nullptr) return bad(name, "must be an object of columns and their values.");
    for (const auto& member : *object) {
      const std::string column(member.key().data(), member.key().size());
      if (member.value().is_null()) {
        none.push_back(std::string(name) + "." + column);
        continue;
      }
      const auto read = column_value(member.value());
      if (!read) return bad((std::string(name) + "." + column).c_str(), "must be a text, a whole number or a boolean.");
      out.push_back({column, *read});
    }
  }
  template <class Tag>
  void id(const char* name, Id<Tag>& out) {
    const json::value* value = find(name);
    const json::string* s = value != nullptr ? value->if_string() : nullptr;
    const auto parsed = s != nullptr ? Id<Tag>::parse(text_of(*s)) : std::nullopt;
    if (!parsed || parsed->is_nil()) return bad(name, "must be an id: 26 characters, as the server gave it.");
    out = *parsed;
  }

 private:
  static std::optional<std::variant<std::int64_t, std::string>> column_value(const json::value& value) {
    if (const json::string* s = value.if_string()) return std::string(text_of(*s));
    if (const bool* b = value.if_bool()) return std::int64_t{*b ? 1 : 0};
    if (const std::int64_t* n = value.if_int64()) return *n;
    if (const auto whole = whole_number(value)) return static_cast<std::int64_t>(*whole);
    return std::nullopt;
  }
  void bad(const char* name, std::string_view sentence) {
    if (!error_) error_ = wrong(where_ + "." + name, sentence);
  }

  const json::object& object_;
  const std::string where_;
  std::optional<Error> error_;
};

void write_person(JsonWriter& w, std::string_view name, const Person& person) {
  if (person == Person{}) return;
  w.key(name).begin_object().some("user", person.user).some("name", person.name).end_object();
}

// What has a value is not null, whatever `none` says.
void write_person_or_null(JsonWriter& w, std::string_view name, const Person& person, const StatusEvent& e) {
  if (person == Person{} && says_none(e, name)) w.key(name).null();
  write_person(w, name, person);
}

void write_state(JsonWriter& w, const StatusEvent& e) {
  const auto is_null = [&e](std::string_view name) {
    return name.starts_with(state_prefix) && std::ranges::none_of(e.state, [&](const BillField& field) {
             return field.name == name.substr(state_prefix.size());
           });
  };
  if (e.state.empty() && std::ranges::none_of(e.none, is_null)) return;
  w.key("state").begin_object();
  for (const BillField& field : e.state) {
    w.key_escaped(field.name);
    if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
      w.signed_number(*number);
    } else {
      w.string(std::get<std::string>(field.value));
    }
  }
  for (const std::string& name : e.none) {
    if (is_null(name)) w.key_escaped(std::string_view(name).substr(state_prefix.size())).null();
  }
  w.end_object();
}

void write(JsonWriter& w, const StatusEvent& e) {
  w.field("type", e.type).field("id", e.id).some("no", e.no);
  if (e.version) w.key("version").number(*e.version);
  write_state(w, e);
  write_person_or_null(w, "creator", e.creator, e);
  write_person(w, "handler", e.handler);
  write_person_or_null(w, "owner", e.owner, e);
  write_person(w, "actor", e.actor);
  if (e.department.empty() && says_none(e, "department")) w.key("department").null();
  w.some("department", e.department).some("action", e.action).some("reason", e.reason);
  if (e.at) w.key("at").time(*e.at);
  if (e.created) w.key("created").boolean(true);
  if (e.deleted) w.key("deleted").boolean(true);
  w.some("title", e.title).some("partner", e.partner).some("amount", e.amount).some("cause", e.cause);
}

void write(JsonWriter& w, const RunEvent& e) {
  w.key("run").id(e.run).field("type", e.type).field("id", e.id).some("step", e.step).some("action", e.action);
  w.some("error", e.error);
  write_person(w, "actor", e.actor);
  if (e.at) w.key("at").time(*e.at);
}

std::vector<StatusEvent> states_of(std::vector<LogEvent>&& events) {
  std::vector<StatusEvent> states;
  states.reserve(events.size());
  for (LogEvent& event : events) {
    if (auto* state = std::get_if<StatusEvent>(&event)) states.push_back(std::move(*state));
  }
  return states;
}

}  // namespace

std::string_view name_of(TodoRows rows) noexcept { return rows == TodoRows::all ? "all" : "opened"; }
std::optional<TodoRows> todo_rows_from_name(std::string_view name) noexcept {
  if (name == "all") return TodoRows::all;
  if (name == "opened") return TodoRows::opened;
  return std::nullopt;
}

Result<LogEvent> parse_log_event(const json::value& value, const std::string& where) {
  const json::object* object = value.if_object();
  if (object == nullptr) return tl::unexpected<Error>(wrong(where, "must be an object: an event."));
  EventReader in(*object, where);
  LogEvent event;
  if (in.find("run") != nullptr) {
    RunEvent& e = event.emplace<RunEvent>();
    in.id("run", e.run);
    in.required("type", e.type);
    in.required("id", e.id);
    in.text("step", e.step);
    in.text("action", e.action);
    in.text("error", e.error);
    in.person("actor", e.actor);
    in.time("at", e.at);
  } else {
    StatusEvent& e = event.emplace<StatusEvent>();
    in.required("type", e.type);
    in.required("id", e.id);
    in.text("no", e.no);
    in.version("version", e.version);
    in.state("state", e.state, e.none);
    for (const char* name : {"creator", "owner", "department"}) in.note_null(name, e.none);
    in.person("creator", e.creator);
    in.person("handler", e.handler);
    in.person("owner", e.owner);
    in.person("actor", e.actor);
    in.text("department", e.department);
    in.text("action", e.action);
    in.text("reason", e.reason);
    in.time("at", e.at);
    in.flag("created", e.created);
    in.flag("deleted", e.deleted);
    in.text("title", e.title);
    in.text("partner", e.partner);
    in.text("amount", e.amount);
    in.text("cause", e.cause);
  }
  if (in.error()) return tl::unexpected<Error>(std::move(*in.error()));
  return event;
}

void append_log_event(std::string& out, const LogEvent& event) {
  JsonWriter w(out);
  w.begin_object();
  std::visit([&](const auto& e) { write(w, e); }, event);
  w.end_object();
}

StatusCommand to_command(StatusResyncFields&& f) {
  if (f.resync.is_nil()) return OpenResync{.caller = {}, .resync = {}, .type = std::move(f.type)};
  if (f.commit) return CommitResync{.caller = {}, .resync = f.resync, .epoch = {}};
  if (f.drop) return DropResync{.caller = {}, .resync = f.resync};
  return ResyncPage{.caller = {}, .resync = f.resync, .events = states_of(std::move(f.events))};
}
}  // namespace hf
