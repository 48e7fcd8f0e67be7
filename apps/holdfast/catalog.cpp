#include <functional>

#include "asking.h"
#include "catalog_names.h"
#include "console.h"
#include "show.h"
#include "words.h"

namespace hf::cli {
namespace {

namespace json = boost::json;
using holdfast::Code;

std::string shown_list(const json::object& type, const char* member,
                       const std::function<std::string(const std::string&)>& name_of) {
  const json::value* list = type.if_contains(member);
  std::string out;
  if (list == nullptr || !list->is_array()) return out;
  for (const json::value& one : list->get_array()) {
    if (!one.is_string()) continue;
    out += (out.empty() ? "" : tr(", ")) + name_of(std::string(one.get_string()));
  }
  return out;
}

std::string time_in(const json::object& object, std::string_view name) {
  const json::value* ms = object.if_contains(name);
  if (ms == nullptr || !ms->is_int64() || ms->get_int64() == 0) return tr("without limit");
  return duration(holdfast::Millis(ms->get_int64()));
}

// One type in full.
std::string type_lines(const json::object& type, const CatalogNames& names) {
  const std::string name = plain_in(type, "name");
  std::vector<std::vector<std::string>> rows;
  rows.push_back({tr("Type"), name});
  rows.push_back({tr("Name"), names.type(name)});
  rows.push_back({tr("Parts"), joined(type, "parts")});
  rows.push_back({tr("Groups"), shown_list(type, "groups", [&](const auto& one) { return names.group(one); })});
  rows.push_back({tr("Actions"), shown_list(type, "actions", [&](const auto& one) { return names.action(one); })});
  if (const json::value* lock = type.if_contains("lock"); lock != nullptr && lock->is_object()) {
    const json::object& times = lock->get_object();
    rows.push_back({tr("Held at most"), time_in(times, "max_hold_ms")});
    rows.push_back({tr("Free when idle for"), time_in(times, "idle_takeover_ms")});
    rows.push_back({tr("Requests are answered within"), time_in(times, "request_timeout_ms")});
  }
  return table({}, rows);
}

}  // namespace

int catalog(const Arguments& a) {
  auto answer = ask(a, "GET", "/v1/catalog");
  if (!answer) return report(a, answer.error());
  if (a.json && a.target.empty()) return say(json::serialize(*answer) + "\n"), exit_done;
  std::vector<std::vector<std::string>> rows;
  for (const json::object& type : list_in(*answer, "types")) {
    const std::string name = plain_in(type, "name");
    if (a.target.empty()) {
      std::string parts = joined(type, "parts");
      if (parts.empty()) parts = joined(type, "details");
      rows.push_back({name, plain_in(type, speaks_chinese() ? "zh" : "en"), parts});
    } else if (name == a.target) {
      if (a.json) return say_json(type), exit_done;
      return say(type_lines(type, CatalogNames(json::serialize(*answer)))), exit_done;
    }
  }
  if (!a.target.empty()) {
    return report(a, holdfast::failure(Code::not_found, tr("The catalog has no type {}.", a.target)).value());
  }
  say(rows.empty() ? tr("The catalog has no types.") + "\n" : table({tr("TYPE"), tr("NAME"), tr("PARTS")}, rows));
  return exit_done;
}

}  // namespace hf::cli
