#include "todo_tree.h"

#include <algorithm>
#include <functional>
#include <tuple>

#include "show.h"
#include "words.h"

namespace hf::cli {
namespace {

namespace json = boost::json;
using holdfast::TodoChange;
using holdfast::TodoRow;
using holdfast::TodoState;

constexpr std::size_t rows_per_group_min = 3;

std::string who(const holdfast::Person& person) { return plain(person.name.empty() ? person.user : person.name); }

std::string bill_of(const std::string& type, const std::string& no, const std::string& id, const CatalogNames& names) {
  return names.type(type) + " " + plain(no.empty() ? id : no);
}

std::string by_and_action(const holdfast::Person& person, const std::string& action, const CatalogNames& names) {
  std::string by = who(person);
  if (action.empty()) return by;
  return by.empty() ? names.action(action) : tr("{} {}", by, names.action(action));
}

Line row_line(const TodoRow& row, const CatalogNames& names) {
  std::string line = "    " + plain(row.bill.no.empty() ? row.bill.id : row.bill.no);
  line += "  v" + std::to_string(row.bill.version.value_or(0));
  if (!row.bill.partner.empty()) line += "  " + plain(row.bill.partner);
  if (!row.bill.amount.empty()) line += "  " + plain(row.bill.amount);
  if (const std::string by = by_and_action(row.bill.actor, row.bill.action, names); !by.empty()) line += "  " + by;
  if (row.bill.at) line += tr(", ") + tr("{} ago", since(*row.bill.at));
  if (!row.editing) return {line, Style::plain};
  const std::string editor = who(row.editing->by);
  return {line + "  " + (editor.empty() ? tr("[edited]") : tr("[edited by {}]", editor)), Style::marked};
}

// The entries of `map` whose count is not 0, in the order that `place` gives.
template <class Map, class Count, class Place>
auto ordered(const Map& map, Count count, Place place) {
  std::vector<typename Map::const_pointer> entries;
  for (const auto& entry : map) {
    if (count(entry.second) > 0) entries.push_back(&entry);
  }
  std::ranges::sort(entries, {}, [&](const auto* entry) { return std::tuple(place(entry->first), entry->first); });
  return entries;
}

std::uint64_t sum_of(const std::map<std::string, std::uint64_t>& groups) {
  std::uint64_t sum = 0;
  for (const auto& [group, count] : groups) sum += count;
  return sum;
}

void append_rows(std::vector<Line>& lines, std::vector<const TodoRow*> rows, std::size_t at_most,
                 const CatalogNames& names) {
  std::ranges::sort(rows, [](const TodoRow* a, const TodoRow* b) {
    return std::tie(b->bill.at, a->bill.id) < std::tie(a->bill.at, b->bill.id);
  });
  const std::size_t shown = std::min(rows.size(), at_most);
  for (std::size_t i = 0; i < shown; ++i) lines.push_back(row_line(*rows[i], names));
  if (shown < rows.size()) lines.push_back({"    … " + tr("and {} more", rows.size() - shown), Style::dim});
}

}  // namespace

std::vector<Line> tree_of(const holdfast::TodoCounts& counts, const std::vector<TodoRow>& rows,
                          const CatalogNames& names, std::size_t rows_per_group) {
  std::map<std::pair<std::string_view, std::string_view>, std::vector<const TodoRow*>> by_group;
  for (const TodoRow& row : rows) by_group[{row.bill.type, row.group}].push_back(&row);
  std::vector<Line> lines;
  for (const auto* type : ordered(counts, sum_of, [&](const std::string& name) { return names.place(name); })) {
    const std::string count = " 【" + std::to_string(sum_of(type->second)) + "】  ";
    lines.push_back({names.type(type->first) + count + plain(type->first), Style::head});
    const auto place = [&](const std::string& group) { return names.place(type->first, group); };
    for (const auto* group : ordered(type->second, std::identity(), place)) {
      lines.push_back({"  " + names.group(group->first) + " 【" + std::to_string(group->second) + "】", Style::group});
      append_rows(lines, by_group[{type->first, group->first}], rows_per_group, names);
    }
  }
  if (lines.empty()) {
    lines.push_back({tr("Nothing to do."), Style::plain});
    lines.push_back(
        {tr("Bills appear here as they are published. Made-up ones: {}", typed("demo-data --live")), Style::dim});
  }
  return lines;
}

std::size_t rows_that_fit(const holdfast::TodoCounts& counts, std::size_t lines) {
  std::size_t heads = 0, groups = 0;
  for (const auto& [type, of_type] : counts) {
    const auto shown = static_cast<std::size_t>(
        std::count_if(of_type.begin(), of_type.end(), [](const auto& group) { return group.second > 0; }));
    heads += shown > 0 ? shown + 1 : 0;
    groups += shown;
  }
  const std::size_t left = lines > heads ? lines - heads : 0;
  // Of each group one line says how many more there are.
  const std::size_t each = groups == 0 ? 0 : left / groups;
  return std::max(rows_per_group_min, each == 0 ? 0 : each - 1);
}

Line change_line(const TodoChange& change, const CatalogNames& names) {
  const std::string bill = bill_of(change.row.bill.type, change.row.bill.no, change.row.bill.id, names);
  const std::string group = names.group(change.row.group);
  std::string by = by_and_action(change.by, change.action, names);
  if (!change.reason.empty()) by += (by.empty() ? "" : tr(": ")) + plain(change.reason);
  if (change.deleted) by += (by.empty() ? "" : tr(", ")) + tr("deleted");
  if (!by.empty()) by = tr(" ({})", by);
  switch (change.what) {
    case TodoChange::What::added: return {"+ " + tr("{} in {}", bill, group) + by, Style::added};
    case TodoChange::What::changed: return {"~ " + tr("{} in {}", bill, group) + by, Style::plain};
    case TodoChange::What::removed: return {"- " + tr("{} left {}", bill, group) + by, Style::removed};
  }
  return {};
}

Line notice_line(const holdfast::Notice& notice, const CatalogNames& names) {
  std::string line = "! " + bill_of(notice.type, notice.no, notice.id, names) + tr(": ") +
                     by_and_action(notice.actor, notice.action, names);
  if (!notice.reason.empty()) line += tr(", ") + "\"" + plain(notice.reason) + "\"";
  return {line, Style::marked};
}

Line step_line(const holdfast::RunStep& step, const CatalogNames& names) {
  std::string line = "> " + bill_of(step.type, {}, step.id, names) + tr(": ") +
                     by_and_action(step.actor, step.action, names) + tr(", ") + tr("step {}", plain(step.step));
  if (!step.error.empty()) line += " " + tr("failed: {}", plain(step.error));
  return {line, step.error.empty() ? Style::plain : Style::removed};
}

std::string state_text(TodoState state) {
  switch (state) {
    case TodoState::connecting: return tr("Connecting");
    case TodoState::catching_up: return tr("Catching up");
    case TodoState::live: return tr("Live");
    case TodoState::closed: return tr("Closed");
  }
  return {};
}

json::object to_json(const TodoRow& row) {
  json::object out{{"type", row.bill.type}, {"id", row.bill.id}, {"group", row.group}};
  out["version"] = row.bill.version.value_or(0);
  const auto some = [&](const char* name, const std::string& text) {
    if (!text.empty()) out[name] = text;
  };
  some("no", row.bill.no);
  some("partner", row.bill.partner);
  some("amount", row.bill.amount);
  some("creator", row.bill.creator.user);
  if (row.editing) out["editing"] = row.editing->by.user;
  return out;
}

json::object to_json(const holdfast::TodoCounts& counts) {
  json::object out;
  for (const auto& [type, groups] : counts) {
    json::object& of_type = out[type].emplace_object();
    for (const auto& [group, count] : groups) of_type[group] = count;
  }
  return out;
}

}  // namespace hf::cli
