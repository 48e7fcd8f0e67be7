#include "client/status_values.h"

#include <boost/json.hpp>

#include "client/values.h"
#include "wire/json_text.h"
#include "wire/said_reader.h"
#include "wire/status_said.h"

namespace hf::client {
namespace {

namespace json = boost::json;

std::optional<holdfast::Published> result_of(const ResultView& result) {
  using What = holdfast::Published::What;
  if (result.offset) return holdfast::Published{What::logged, *result.offset};
  if (!result.version || !(result.stale || result.differs)) return std::nullopt;
  const What refused = result.deleted ? What::deleted : What::stale;
  return holdfast::Published{result.stale ? refused : What::differs, *result.version};
}

struct ReadablePage {
  Readable<holdfast::Notice> notices;
  std::string next;

  template <class A, class V>
  static void said(A& a, V& v) {
    NoticesPage::said(a, v);
  }
};

// Of a deleted bill it is said who deleted it.
bool read_deletion(const json::object& object, holdfast::StatusEvent& bill) {
  if (!bill.deleted || bill.actor != holdfast::Person{}) return true;
  std::uint64_t born = 0;
  Findings found{.taken = Findings::Taken::kindly, .bad = {}, .mays = {}};
  SaidReader in(object, found);
  DeletedMembers::said(in, bill, born);
  return found.bad.empty();
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

std::optional<holdfast::StatusEvent> read_bill(const json::object& object) {
  holdfast::StatusEvent bill;
  std::uint64_t born = 0;
  bool unordered = false;
  Findings found{.taken = Findings::Taken::kindly, .bad = {}, .mays = {}};
  SaidReader in(object, found);
  BillMembers::said(in, bill, born, unordered);
  if (!found.bad.empty() || !read_deletion(object, bill)) return std::nullopt;
  return bill;
}

std::optional<holdfast::RunStep> read_run_step(const json::object& object) {
  holdfast::RunStep step;
  return read_kindly<StepMembers>(object, step) ? std::optional(std::move(step)) : std::nullopt;
}

std::optional<holdfast::Notice> read_notice(const json::object& object) {
  holdfast::Notice notice;
  return read_kindly<NoticeMembers>(object, notice) ? std::optional(std::move(notice)) : std::nullopt;
}

std::optional<std::vector<holdfast::Published>> read_published(std::string_view body) {
  const auto answer = read_answer<PublishAnswer>(body);
  if (!answer) return std::nullopt;
  std::vector<holdfast::Published> results;
  for (const ResultView& one : answer->results) {
    const auto result = result_of(one);
    if (!result) return std::nullopt;
    results.push_back(*result);
  }
  return results;
}

std::optional<holdfast::BillStatus> read_bill_status(std::string_view body) {
  const json::value value = parsed(body);
  holdfast::BillStatus status;
  if (!value.is_object() || !read_kindly<LoggedMembers>(value.get_object(), status)) return std::nullopt;
  return read_deletion(value.get_object(), status.state) ? std::optional(std::move(status)) : std::nullopt;
}

std::optional<holdfast::BillHistory> read_history(std::string_view body) {
  const json::value value = parsed(body);
  if (!value.is_object()) return std::nullopt;
  holdfast::BillHistory history;
  Findings found{.taken = Findings::Taken::kindly, .bad = {}, .mays = {}};
  SaidReader in(value.get_object(), found);
  HistoryPage::said_lists(in, history);
  return found.bad.empty() ? std::optional(std::move(history)) : std::nullopt;
}

std::optional<std::vector<holdfast::Notice>> read_notices(std::string_view body) {
  auto page = read_answer<ReadablePage>(body);
  return page ? std::optional(std::move(page->notices.all)) : std::nullopt;
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
