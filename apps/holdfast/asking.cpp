#include "asking.h"

#include <charconv>

#include "base/percent.h"
#include "client/http.h"
#include "client/values.h"
#include "console.h"
#include "show.h"
#include "wire/json_text.h"
#include "wire/server_messages.h"
#include "words.h"

namespace hf::cli {

namespace json = boost::json;
using holdfast::Code;
using holdfast::Millis;
using holdfast::Result;

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return {};
  return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}
std::string plain_in(const json::object& object, std::string_view name) { return plain(text_in(object, name)); }

std::string person_in(const json::object& object) {
  const std::string name = plain_in(object, "user_name");
  return name.empty() ? plain_in(object, "user") : name;
}

std::string joined(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  std::string out;
  if (value == nullptr || !value->is_array()) return out;
  for (const json::value& one : value->get_array()) {
    if (!one.is_string()) continue;
    if (!out.empty()) out += ' ';
    out += plain(std::string_view(one.get_string()));
  }
  return out;
}

std::vector<json::object> list_in(const json::value& value, std::string_view name) {
  std::vector<json::object> out;
  const json::object* object = value.if_object();
  const json::value* list = object == nullptr ? nullptr : object->if_contains(name);
  if (list == nullptr || !list->is_array()) return out;
  for (const json::value& one : list->get_array()) {
    if (one.is_object()) out.push_back(one.get_object());
  }
  return out;
}

Result<std::string> send(const Arguments& a, const std::string& method, const std::string& path,
                         const json::object& fields, Millis deadline) {
  auto answer = client::call_over_http({.url = a.server,
                                        .ca_file = a.ca,
                                        .token = a.token,
                                        .language = a.language,
                                        .method = method,
                                        .path = path,
                                        .body = method == "POST" ? json::serialize(fields) : std::string(),
                                        .deadline = deadline});
  if (!answer) return tl::unexpected(at_server(a, answer.error()));
  return answer;
}

Result<json::value> ask(const Arguments& a, const std::string& method, const std::string& path,
                        const json::object& fields, Millis deadline) {
  auto answer = send(a, method, path, fields, deadline);
  if (!answer) return tl::unexpected(answer.error());
  auto value = parse_json(*answer);
  if (!value) return holdfast::failure(Code::unavailable, tr("The server's answer was not understood."));
  return std::move(*value);
}

Result<holdfast::Nothing> tell(const Arguments& a, const std::string& method, const std::string& path,
                               const json::object& fields) {
  auto answer = send(a, method, path, fields);
  if (!answer) return tl::unexpected(answer.error());
  return holdfast::Nothing{};
}

std::string query_of(const json::object& fields) {
  std::string query;
  for (const auto& [name, value] : fields) {
    query += query.empty() ? "?" : "&";
    query += std::string(name) + "=" + percent_encoded(text_in(fields, name));
  }
  return query;
}

json::array texts(const std::vector<std::string>& list) {
  json::array out;
  for (const std::string& text : list) out.emplace_back(text);
  return out;
}

Result<std::string> id_of(const std::string& text, Named what) {
  const auto id = LockId::parse(text);
  if (id && !id->is_nil()) return percent_encoded(text);
  switch (what) {
    case Named::lock:
      return holdfast::failure(Code::invalid, tr("'{}' is no id of a lock: it has 26 letters and digits.", text),
                               "lock");
    case Named::request:
      return holdfast::failure(Code::invalid, tr("'{}' is no id of a request: it has 26 letters and digits.", text),
                               "request");
    case Named::session:
      return holdfast::failure(Code::invalid, tr("'{}' is no id of a session: it has 26 letters and digits.", text),
                               "session");
    case Named::run:
      return holdfast::failure(Code::invalid, tr("'{}' is no id of a run: it has 26 letters and digits.", text), "run");
  }
  return text;
}

Result<Millis> duration_of(const std::string& text, Millis otherwise, const char* option) {
  if (text.empty()) return otherwise;
  const auto parsed = parse_duration(text);
  if (!parsed)
    return holdfast::failure(Code::invalid, tr("--{}: '{}' is no time. Write 30s, 2m or 1h.", option, text), option);
  return *parsed;
}

Result<std::vector<holdfast::CheckedTarget>> check_targets(const Arguments& a, const std::vector<std::string>& targets,
                                                           bool shared) {
  auto body =
      send(a, "POST", "/v1/locks/check", {{"targets", texts(targets)}, {"mode", shared ? "shared" : "exclusive"}});
  if (!body) return tl::unexpected(body.error());
  auto outcome = parse_outcome(Op::lock_check, *body);
  const Checked* checked = outcome ? std::get_if<Checked>(&*outcome) : nullptr;
  if (checked == nullptr) return holdfast::failure(Code::unavailable, tr("The server's answer was not understood."));
  std::vector<holdfast::CheckedTarget> items;
  for (const CheckItem& item : checked->items) items.push_back(client::to_public(item));
  return items;
}

json::array items_of(const std::vector<holdfast::CheckedTarget>& checked) {
  json::array items;
  for (const holdfast::CheckedTarget& item : checked) {
    json::array holders;
    for (const holdfast::Conflict& one : item.conflicts) {
      holders.push_back(
          json::object{{"lock", one.lock}, {"user", one.user}, {"user_name", one.user_name}, {"waiting", one.waiting}});
    }
    items.push_back(json::object{
        {"target", item.target}, {"free", item.free}, {"mine", item.mine}, {"conflicts", std::move(holders)}});
  }
  return items;
}

int done(const Arguments& a, const Result<holdfast::Nothing>& result, const std::string& sentence) {
  if (!result) return report(a, result.error());
  if (a.json)
    say_json({{"ok", true}});
  else
    say(sentence + "\n");
  return exit_done;
}

std::optional<Millis> parse_duration(const std::string& text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc()) return std::nullopt;
  const std::string unit(parsed.ptr, text.data() + text.size());
  std::uint64_t factor = 0;
  if (unit.empty() || unit == "s")
    factor = 1'000;
  else if (unit == "ms")
    factor = 1;
  else if (unit == "m" || unit == "min")
    factor = 60'000;
  else if (unit == "h")
    factor = 3'600'000;
  else if (unit == "d")
    factor = 86'400'000;
  if (factor == 0 || number > 366ULL * 86'400'000 / factor) return std::nullopt;
  return Millis(static_cast<Millis::rep>(number * factor));
}

}  // namespace hf::cli
