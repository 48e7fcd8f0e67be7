#include "client/status_values.h"

#include <boost/json.hpp>

#include "client/values.h"
#include "wire/json_text.h"
#include "wire/json_writer.h"

namespace hf::client {
namespace {

namespace json = boost::json;

const json::value* member(const json::object& object, std::string_view name) { return object.if_contains(name); }

std::map<std::string, holdfast::StateValue> read_state(const json::object& object) {
  std::map<std::string, holdfast::StateValue> state;
  const json::value* value = member(object, "state");
  const json::object* columns = value == nullptr ? nullptr : value->if_object();
  if (columns == nullptr) return state;
  for (const auto& [key, column] : *columns) {
    if (const std::int64_t* number = column.if_int64()) {
      state.emplace(key, *number);
    } else if (const json::string* text = column.if_string()) {
      state.emplace(key, std::string(text->data(), text->size()));
    }
  }
  return state;
}

const json::array* list_in(const json::object& object, std::string_view name) {
  const json::value* value = member(object, name);
  return value == nullptr ? nullptr : value->if_array();
}

// Every element of the list, or nothing if one cannot be read. No list: none.
template <class T, class Read>
std::optional<std::vector<T>> read_all(const json::array* list, Read read) {
  std::vector<T> all;
  if (list == nullptr) return all;
  all.reserve(list->size());
  for (const json::value& one : *list) {
    const json::object* object = one.if_object();
    auto value = object == nullptr ? std::nullopt : read(*object);
    if (!value) return std::nullopt;
    all.push_back(*std::move(value));
  }
  return all;
}

std::optional<holdfast::Published> read_result(const json::object& object) {
  using What = holdfast::Published::What;
  if (const auto offset = read_whole(object, "offset")) return holdfast::Published{What::logged, *offset};
  const auto version = read_whole(object, "version");
  if (!version) return std::nullopt;
  if (read_flag(object, "stale")) {
    return holdfast::Published{read_flag(object, "deleted") ? What::deleted : What::stale, *version};
  }
  if (read_flag(object, "differs")) return holdfast::Published{What::differs, *version};
  return std::nullopt;
}

std::optional<holdfast::BillStatus> read_known(const json::object& object) {
  auto bill = read_bill(object);
  const auto offset = read_whole(object, "offset");
  if (!bill || !offset) return std::nullopt;
  return holdfast::BillStatus{*std::move(bill), *offset, read_flag(object, "unordered"),
                              read_whole(object, "born").value_or(0)};
}

// The tree of a body, if it is an object.
json::value parsed(std::string_view body) {
  auto value = parse_json(body);
  return value && value->is_object() ? std::move(*value) : json::value();
}

holdfast::Person to_public(const Person& person) { return {person.user, person.name}; }
std::optional<holdfast::WallTime> to_public(const std::optional<Wall>& time) {
  if (!time) return std::nullopt;
  return client::to_public(*time);
}
Person from_public(const holdfast::Person& person) { return {person.user, person.name}; }
std::optional<Wall> from_public(const std::optional<holdfast::WallTime>& time) {
  if (!time) return std::nullopt;
  return Wall(std::chrono::duration_cast<Micros>(time->time_since_epoch()));
}

}  // namespace

std::string read_text(const json::object& object, std::string_view name) {
  const json::value* value = member(object, name);
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

std::optional<std::uint64_t> read_whole(const json::object& object, std::string_view name) {
  const json::value* value = member(object, name);
  const std::int64_t* number = value == nullptr ? nullptr : value->if_int64();
  if (number == nullptr || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

std::optional<holdfast::WallTime> read_time(const json::object& object, std::string_view name) {
  const auto time = parse_time(read_text(object, name));
  if (!time) return std::nullopt;
  return to_public(*time);
}

bool read_flag(const json::object& object, std::string_view name) {
  const json::value* value = member(object, name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

holdfast::Person read_person(const json::object& object, std::string_view name) {
  const json::value* value = member(object, name);
  const json::object* person = value == nullptr ? nullptr : value->if_object();
  if (person == nullptr) return {};
  return {read_text(*person, "user"), read_text(*person, "name")};
}

std::optional<holdfast::StatusEvent> read_bill(const json::object& object) {
  holdfast::StatusEvent bill;
  bill.type = read_text(object, "type");
  bill.id = read_text(object, "id");
  bill.version = read_whole(object, "version");
  if (bill.type.empty() || bill.id.empty() || !bill.version) return std::nullopt;
  bill.no = read_text(object, "no");
  bill.state = read_state(object);
  bill.creator = read_person(object, "creator");
  bill.handler = read_person(object, "handler");
  bill.owner = read_person(object, "owner");
  bill.actor = read_person(object, "actor");
  bill.department = read_text(object, "department");
  bill.action = read_text(object, "action");
  bill.reason = read_text(object, "reason");
  bill.at = read_time(object, "at");
  bill.deleted = read_flag(object, "deleted");
  if (bill.deleted && bill.actor == holdfast::Person{}) bill.actor = read_person(object, "by");
  bill.title = read_text(object, "title");
  bill.partner = read_text(object, "partner");
  bill.amount = read_text(object, "amount");
  bill.cause = read_text(object, "cause");
  return bill;
}

std::optional<holdfast::TodoRow> read_row(const json::object& object) {
  auto bill = read_bill(object);
  std::string group = read_text(object, "group");
  if (!bill || group.empty()) return std::nullopt;
  holdfast::TodoRow row{
      std::move(group), *std::move(bill), read_flag(object, "unordered"), read_whole(object, "born").value_or(0), {}};
  if (const json::value* editing = object.if_contains("editing"); editing != nullptr && editing->is_object()) {
    const json::object& by = editing->get_object();
    row.editing = {{read_text(by, "user"), read_text(by, "name")},
                   read_time(by, "since").value_or(holdfast::WallTime{})};
  }
  return row;
}

std::optional<holdfast::RunStep> read_run_step(const json::object& object) {
  holdfast::RunStep step;
  step.run = read_text(object, "run");
  step.type = read_text(object, "type");
  step.id = read_text(object, "id");
  if (step.run.empty() || step.type.empty() || step.id.empty()) return std::nullopt;
  step.step = read_text(object, "step");
  step.action = read_text(object, "action");
  step.error = read_text(object, "error");
  step.actor = read_person(object, "actor");
  step.at = read_time(object, "at");
  step.offset = read_whole(object, "offset").value_or(0);
  return step;
}

std::optional<holdfast::Notice> read_notice(const json::object& object) {
  holdfast::Notice notice;
  const auto number = read_whole(object, "notice");
  notice.type = read_text(object, "type");
  notice.id = read_text(object, "id");
  if (!number || notice.type.empty() || notice.id.empty()) return std::nullopt;
  notice.notice = *number;
  notice.no = read_text(object, "no");
  notice.title = read_text(object, "title");
  notice.version = read_whole(object, "version").value_or(0);
  notice.action = read_text(object, "action");
  notice.reason = read_text(object, "reason");
  notice.actor = read_person(object, "actor");
  notice.at = read_time(object, "at").value_or(holdfast::WallTime{});
  notice.rejection = read_flag(object, "rejection");
  return notice;
}

std::optional<std::vector<holdfast::Published>> read_published(std::string_view body) {
  const json::value value = parsed(body);
  const json::array* list = value.is_object() ? list_in(value.get_object(), "results") : nullptr;
  if (list == nullptr) return std::nullopt;
  return read_all<holdfast::Published>(list, read_result);
}

std::optional<holdfast::BillStatus> read_bill_status(std::string_view body) {
  const json::value value = parsed(body);
  return value.is_object() ? read_known(value.get_object()) : std::nullopt;
}

std::optional<holdfast::BillHistory> read_history(std::string_view body) {
  const json::value value = parsed(body);
  if (!value.is_object()) return std::nullopt;
  const json::object& object = value.get_object();
  auto states = read_all<holdfast::BillStatus>(list_in(object, "states"), read_known);
  auto runs = read_all<holdfast::RunStep>(list_in(object, "runs"), read_run_step);
  if (!states || !runs) return std::nullopt;
  return holdfast::BillHistory{*std::move(states), *std::move(runs), read_text(object, "next")};
}

StatusEvent from_public(const holdfast::StatusEvent& event) {
  StatusEvent out;
  out.type = event.type;
  out.id = event.id;
  out.no = event.no;
  out.version = event.version;
  for (const auto& [name, value] : event.state) out.state.push_back({name, value});
  out.creator = from_public(event.creator);
  out.handler = from_public(event.handler);
  out.owner = from_public(event.owner);
  out.actor = from_public(event.actor);
  out.department = event.department;
  out.action = event.action;
  out.reason = event.reason;
  out.at = from_public(event.at);
  out.created = event.created;
  out.deleted = event.deleted;
  out.title = event.title;
  out.partner = event.partner;
  out.amount = event.amount;
  out.cause = event.cause;
  out.none = event.none;
  return out;
}

holdfast::LogEvent to_public(const LogEvent& event) {
  if (const auto* step = std::get_if<RunEvent>(&event)) {
    return holdfast::RunStep{.run = step->run.text(),
                             .type = step->type,
                             .id = step->id,
                             .step = step->step,
                             .action = step->action,
                             .error = step->error,
                             .actor = to_public(step->actor),
                             .at = to_public(step->at)};
  }
  const auto& state = std::get<StatusEvent>(event);
  holdfast::StatusEvent out;
  out.type = state.type;
  out.id = state.id;
  out.no = state.no;
  out.version = state.version;
  for (const BillField& field : state.state) out.state.emplace(field.name, field.value);
  out.creator = to_public(state.creator);
  out.handler = to_public(state.handler);
  out.owner = to_public(state.owner);
  out.actor = to_public(state.actor);
  out.department = state.department;
  out.action = state.action;
  out.reason = state.reason;
  out.at = to_public(state.at);
  out.created = state.created;
  out.deleted = state.deleted;
  out.title = state.title;
  out.partner = state.partner;
  out.amount = state.amount;
  out.cause = state.cause;
  out.none = state.none;
  return out;
}

Result<LogEvent> from_public(const holdfast::LogEvent& event, std::size_t place) {
  if (const auto* state = std::get_if<holdfast::StatusEvent>(&event)) return LogEvent(from_public(*state));
  const auto& step = std::get<holdfast::RunStep>(event);
  const auto run = RunId::parse(step.run);
  if (!run || run->is_nil()) {
    return fail(Code::invalid, "A run is known by an id of 26 characters.",
                "events[" + std::to_string(place) + "].run");
  }
  return LogEvent(RunEvent{*run, step.type, step.id, step.step, step.action, step.error, from_public(step.actor),
                           from_public(step.at)});
}

}  // namespace hf::client
