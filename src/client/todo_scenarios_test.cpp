// The scenarios of tests/scenarios/todo, which hold the browser's client to the same rules. If these fail, the terminal
// shows another list of work than the browser beside it.

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "client/todo_core.h"

namespace hf::client {
namespace {

namespace json = boost::json;

using holdfast::TodoChange;
using holdfast::TodoChanges;

std::string text_of(const json::value& value) { return json::value_to<std::string>(value); }

std::vector<std::string> sorted(std::vector<std::string> lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::string shown(const holdfast::TodoRow& row) {
  std::string text =
      row.bill.type + "/" + row.group + "/" + row.bill.id + "@" + std::to_string(row.bill.version.value_or(0));
  if (row.born != 0) text += " born " + std::to_string(row.born);
  if (row.editing) text += " edited" + (row.editing->by.user.empty() ? "" : " by " + row.editing->by.user);
  return text;
}

std::string_view name_of(TodoChange::What what) {
  switch (what) {
    case TodoChange::What::added: return "added";
    case TodoChange::What::changed: return "changed";
    case TodoChange::What::removed: return "removed";
  }
  return "";
}

void put(json::object& out, const char* name, const std::string& text) {
  if (!text.empty()) out[name] = text;
}

// As the scenario has it; what is nothing is left out.
std::string told(const TodoChange& change) {
  json::object out;
  out["what"] = name_of(change.what);
  out["row"] = shown(change.row);
  put(out, "by", change.by.user);
  put(out, "action", change.action);
  put(out, "reason", change.reason);
  if (change.what != TodoChange::What::removed) put(out, "cause", change.row.bill.cause);
  if (change.deleted) out["deleted"] = true;
  return json::serialize(out);
}

std::string told(const json::object& expected) {
  json::object out;
  for (const char* name : {"what", "row", "by", "action", "reason", "cause", "deleted"}) {
    if (expected.contains(name)) out[name] = expected.at(name);
  }
  EXPECT_EQ(out.size(), expected.size()) << expected;
  return json::serialize(out);
}

holdfast::TodoCounts counts_of(const json::value& value) {
  holdfast::TodoCounts counts;
  for (const auto& [type, groups] : value.as_object()) {
    for (const auto& [group, count] : groups.as_object())
      counts[std::string(type)][std::string(group)] = count.to_number<std::uint64_t>();
  }
  return counts;
}

void put(json::object& out, const char* name, const holdfast::Person& person) {
  if (person == holdfast::Person{}) return;
  json::object& members = out[name].emplace_object();
  put(members, "user", person.user);
  put(members, "name", person.name);
}

// All that a row shows beside what it is known by.
json::object members_of(const holdfast::TodoRow& row) {
  const holdfast::StatusEvent& bill = row.bill;
  json::object out;
  put(out, "no", bill.no);
  json::object state;
  for (const auto& [column, value] : bill.state) std::visit([&](const auto& one) { state[column] = one; }, value);
  if (!state.empty()) out["state"] = std::move(state);
  put(out, "creator", bill.creator);
  put(out, "handler", bill.handler);
  put(out, "owner", bill.owner);
  put(out, "actor", bill.actor);
  put(out, "department", bill.department);
  put(out, "action", bill.action);
  put(out, "reason", bill.reason);
  put(out, "title", bill.title);
  put(out, "partner", bill.partner);
  put(out, "amount", bill.amount);
  put(out, "cause", bill.cause);
  if (row.unordered) out["unordered"] = true;
  return out;
}

void expect_changes(const TodoChanges& changes, const json::object& expected, const std::string& at) {
  EXPECT_EQ(changes.snapshot, text_of(expected.at("snapshot"))) << at;
  EXPECT_EQ(changes.counts, counts_of(expected.at("counts"))) << at;
  std::vector<std::string> lines, wanted;
  for (const TodoChange& change : changes.rows) lines.push_back(told(change));
  for (const json::value& row : expected.at("rows").as_array()) wanted.push_back(told(row.as_object()));
  EXPECT_EQ(sorted(std::move(lines)), sorted(std::move(wanted))) << at;
}

void expect_state(const TodoCore& core, const json::object& step, const std::string& at) {
  std::vector<std::string> rows;
  for (const auto& [key, row] : core.rows()) rows.push_back(shown(row));
  for (const auto& member : step) {
    const std::string_view name = member.key();
    const json::value& expected = member.value();
    if (name == "rows") {
      EXPECT_EQ(sorted(rows), sorted(json::value_to<std::vector<std::string>>(expected))) << at;
    } else if (name == "row") {
      const auto found = std::find_if(core.rows().begin(), core.rows().end(), [&](const auto& one) {
        return text_of(expected.at("key")) == one.first.type + "/" + one.first.group + "/" + one.first.id;
      });
      ASSERT_NE(found, core.rows().end()) << at;
      EXPECT_EQ(members_of(found->second), expected.at("members").as_object()) << at;
    } else if (name == "counts") {
      EXPECT_EQ(core.counts(), counts_of(expected)) << at;
    } else if (name == "cursor") {
      EXPECT_EQ(core.cursor(), text_of(expected)) << at;
    } else if (name == "live") {
      EXPECT_EQ(core.live(), expected.as_bool()) << at;
    } else if (name == "unread") {
      EXPECT_EQ(core.unread(), expected.to_number<std::uint32_t>()) << at;
    } else if (name == "doubts") {
      EXPECT_EQ(core.doubts(), expected.to_number<std::uint32_t>()) << at;
    } else if (name == "wants_resubscribe") {
      EXPECT_EQ(core.wants_resubscribe(), expected.as_bool()) << at;
    } else {
      constexpr std::string_view others[] = {"hears", "hears_text", "does", "refused", "changes"};
      EXPECT_NE(std::find(std::begin(others), std::end(others), name), std::end(others)) << at;
    }
  }
}

void hear(TodoCore& core, const json::object& step, const std::string& at) {
  const json::value* const text = step.if_contains("hears_text");
  auto fed = core.feed(text != nullptr ? text_of(*text) : json::serialize(step.at("hears")));
  const json::value* const refused = step.if_contains("refused");
  if (refused != nullptr) {
    ASSERT_FALSE(fed) << at;
    EXPECT_EQ(fed.error().code, text_of(*refused) == "invalid" ? holdfast::Code::invalid : holdfast::Code::too_large)
        << at;
    return;
  }
  ASSERT_TRUE(fed) << at << fed.error().text();
  if (const json::value* const changes = step.if_contains("changes")) expect_changes(*fed, changes->as_object(), at);
}

void run(const json::object& scenario) {
  TodoCoreLimits limits;
  if (const json::value* const most = scenario.if_contains("rows_max"))
    limits.rows_max = most->to_number<std::size_t>();
  TodoCore core(limits);
  for (const json::value& one : scenario.at("steps").as_array()) {
    const json::object& step = one.as_object();
    const std::string at = text_of(scenario.at("name")) + "\n" + json::serialize(step);
    if (const json::value* const does = step.if_contains("does")) {
      if (text_of(*does) == "subscribes") {
        core.subscribing();
      } else {
        ASSERT_EQ(text_of(*does), "forgets_cursor");
        core.forget_cursor();
      }
    } else {
      hear(core, step, at);
    }
    expect_state(core, step, at);
  }
}

TEST(TodoScenarios, the_sdk_keeps_what_the_browser_keeps) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(HF_SOURCE_DIR "/tests/scenarios/todo")) {
    if (entry.path().extension() != ".json") continue;
    ++files;
    SCOPED_TRACE(entry.path().filename().string());
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const json::value scenarios = json::parse(text.str());
    ASSERT_FALSE(scenarios.at("cases").as_array().empty());
    for (const json::value& one : scenarios.at("cases").as_array()) run(one.as_object());
  }
  EXPECT_GE(files, 10U);
}

}  // namespace
}  // namespace hf::client
