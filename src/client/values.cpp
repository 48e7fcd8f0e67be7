#include "client/values.h"

#include <boost/json.hpp>

#include "base/error.h"
#include "wire/json_text.h"

namespace holdfast {
namespace {

constexpr std::string_view lost_reasons[] = {"released",    "expired",     "max_hold",      "forced",
                                             "handed_over", "transferred", "session_ended", "engine_lost",
                                             "deadline",    "replaced",    "missing",       "closed"};

#define HF_ERROR(name, number, status, en, zh) \
  static_assert(static_cast<int>(Code::name) == number, "holdfast/result.h and errors.def name different codes");
#include "base/errors.def"
#undef HF_ERROR

}  // namespace

std::string_view name_of(LostReason reason) noexcept { return lost_reasons[static_cast<std::size_t>(reason)]; }
std::string_view name_of(Mode mode) noexcept { return hf::name_of(static_cast<hf::Mode>(mode)); }
std::string_view name_of(Kind kind) noexcept { return hf::name_of(static_cast<hf::Kind>(kind)); }
std::string_view name_of(Code code) noexcept {
  return code == Code::other ? std::string_view("other") : hf::code_name(static_cast<hf::Code>(code));
}

tl::unexpected<Error> failure(Code code, std::string detail, std::string field) {
  Error error;
  error.code = code;
  error.code_name = name_of(code);
  if (code != Code::other) error.title = hf::code_sentence(static_cast<hf::Code>(code));
  error.detail = std::move(detail);
  error.field = std::move(field);
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace holdfast

namespace hf::client {
namespace {

static_assert(static_cast<int>(holdfast::Mode::exclusive) == static_cast<int>(Mode::exclusive));
static_assert(static_cast<int>(holdfast::Kind::hold) == static_cast<int>(Kind::hold));
static_assert(static_cast<int>(holdfast::LostReason::released) == static_cast<int>(EndReason::released));
static_assert(static_cast<int>(holdfast::LostReason::engine_lost) == static_cast<int>(EndReason::engine_lost));

namespace json = boost::json;

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// What a Refusal does not carry: title, the code as text, and what the caller may do about each conflict.
void enrich(holdfast::Error& error, std::string_view message) {
  const auto whole = parse_json(message);
  if (!whole || !whole->is_object()) return;
  const json::value* problem = whole->get_object().if_contains("error");
  if (problem == nullptr) problem = &*whole;
  if (!problem->is_object()) return;
  const json::object& object = problem->get_object();
  error.json = json::serialize(object);
  if (std::string title = text_in(object, "title"); !title.empty()) error.title = std::move(title);
  if (std::string code = text_in(object, "code"); !code.empty() && code != error.code_name) {
    error.code = holdfast::Code::other;
    error.code_name = std::move(code);
  }
  const json::value* conflicts = object.if_contains("conflicts");
  if (conflicts == nullptr || !conflicts->is_array()) return;
  const json::array& list = conflicts->get_array();
  for (std::size_t i = 0; i < list.size() && i < error.conflicts.size(); ++i) {
    const json::object* conflict = list[i].if_object();
    const json::value* may = conflict == nullptr ? nullptr : conflict->if_contains("may");
    if (may == nullptr || !may->is_array()) continue;
    for (const json::value& what : may->get_array()) {
      if (what.is_string()) error.conflicts[i].may.emplace_back(what.get_string());
    }
  }
}

}  // namespace

holdfast::WallTime to_public(Wall time) {
  return holdfast::WallTime(std::chrono::floor<holdfast::Millis>(time.time_since_epoch()));
}
holdfast::ClientInfo to_public(const ClientInfo& client) { return {client.program, client.host, client.window}; }
ClientInfo from_public(const holdfast::ClientInfo& client) { return {client.program, client.host, client.window}; }
holdfast::LostReason to_public(EndReason reason) noexcept { return static_cast<holdfast::LostReason>(reason); }

std::vector<std::string> to_public(const std::vector<Target>& targets) {
  std::vector<std::string> texts;
  texts.reserve(targets.size());
  for (const Target& target : targets) texts.push_back(target.text());
  return texts;
}

Result<std::vector<Target>> from_public(const std::vector<std::string>& targets) {
  std::vector<Target> parsed;
  parsed.reserve(targets.size());
  for (const std::string& text : targets) {
    auto target = Target::parse(text);
    if (!target) return tl::unexpected(target.error());
    parsed.push_back(*std::move(target));
  }
  return parsed;
}

holdfast::LockInfo to_public(const Grant& grant) {
  holdfast::LockInfo info;
  info.lock = grant.lock.text();
  info.token = grant.token;
  for (const HeldTarget& held : grant.targets) info.targets.push_back(held.target.text());
  info.mode = static_cast<holdfast::Mode>(grant.mode);
  info.kind = static_cast<holdfast::Kind>(grant.kind);
  if (!grant.session.is_nil()) info.session = grant.session.text();
  info.user = grant.user;
  info.user_name = grant.user_name;
  info.client = to_public(grant.client);
  info.owner = grant.owner;
  info.label = grant.label;
  info.reason = grant.reason;
  info.acquired_at = to_public(grant.acquired_at);
  info.expires_at = to_public(grant.expires_at);
  info.holds = grant.holds;
  return info;
}

holdfast::Conflict to_public(const Conflict& conflict) {
  holdfast::Conflict out;
  out.target = conflict.target.text();
  out.lock = conflict.lock.text();
  out.waiting = conflict.waiting;
  out.label = conflict.label;
  out.user = conflict.user;
  out.user_name = conflict.user_name;
  out.client = to_public(conflict.client);
  if (!conflict.session.is_nil()) out.session = conflict.session.text();
  out.since = to_public(conflict.since);
  out.last_activity_at = to_public(conflict.last_activity_at);
  out.expires_at = to_public(conflict.expires_at);
  out.kind = static_cast<holdfast::Kind>(conflict.kind);
  out.reason = conflict.reason;
  out.position = conflict.position;
  out.queue = conflict.queue;
  out.same_user = conflict.same_user;
  return out;
}

holdfast::Request to_public(const AskInfo& ask) {
  holdfast::Request out;
  out.request = ask.wait.wait.text();
  out.lock = ask.lock.text();
  out.targets = to_public(ask.wait.targets);
  out.mode = static_cast<holdfast::Mode>(ask.wait.mode);
  out.user = ask.wait.user;
  out.user_name = ask.wait.user_name;
  out.message = ask.message;
  out.label = ask.wait.label;
  out.state = name_of(ask.state);
  out.answer_reason = ask.answer_reason;
  out.position = ask.wait.position;
  out.since = to_public(ask.wait.since);
  out.answer_by = to_public(ask.answer_by);
  return out;
}

holdfast::Answer to_public(const LockAnswered& answered) {
  return {answered.wait.text(), answered.answer,  answered.reason,
          answered.by_user,     answered.by_name, to_public(answered.answer_by)};
}

holdfast::Lost to_public(const LockLost& lost) {
  return {lost.lock.text(), to_public(lost.reason), to_public(lost.targets), lost.whole, lost.by_user, lost.by_name,
          lost.note};
}

holdfast::Verification to_public(const Verified& verified) {
  holdfast::Verification out{verified.valid, verified.valid_for, verified.why, {}};
  for (const HeldTarget& held : verified.targets) out.tokens.emplace(held.target.text(), held.token);
  return out;
}

holdfast::CheckedTarget to_public(const CheckItem& item) {
  holdfast::CheckedTarget out{item.target.text(), item.free, item.mine, {}};
  for (const Conflict& conflict : item.conflicts) out.conflicts.push_back(to_public(conflict));
  return out;
}

holdfast::Error to_public(const Refusal& refusal, std::string_view message) {
  holdfast::Error error =
      holdfast::failure(static_cast<holdfast::Code>(refusal.code), refusal.detail, refusal.field).value();
  for (const Conflict& conflict : refusal.conflicts) error.conflicts.push_back(to_public(conflict));
  error.conflicts_total = refusal.conflicts_total;
  error.deadlock = refusal.deadlock;
  error.retry_after = refusal.retry_after;
  if (!message.empty()) enrich(error, message);
  return error;
}

holdfast::Error to_public(const Error& error) {
  return holdfast::failure(static_cast<holdfast::Code>(error.code), error.detail, error.field).value();
}

}  // namespace hf::client
