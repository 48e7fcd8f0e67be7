#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <tuple>

#include "child.h"
#include "commands.h"
#include "console.h"
#include "holdfast/todo_view.h"
#include "show.h"

namespace hf::cli {
namespace {

namespace json = boost::json;
using holdfast::Millis;
using holdfast::TodoChange;
using holdfast::TodoRow;
using holdfast::TodoState;
using holdfast::TodoView;
using std::chrono::steady_clock;

constexpr Millis redraw_every{100};  // at most: a person reads no faster; a large tree is drawn less often
constexpr std::size_t large_tree = 10'000;
constexpr int age_ms = 1'000;  // the ages on the screen grow by themselves
constexpr std::size_t news_max = 5;

std::string who(const holdfast::Person& person) { return plain(person.name.empty() ? person.user : person.name); }

std::string key_of(const TodoRow& row) {
  return plain(row.bill.type) + " " + plain(row.bill.no.empty() ? row.bill.id : row.bill.no);
}

json::object row_json(const TodoRow& row) {
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

json::object counts_json(const holdfast::TodoCounts& counts) {
  json::object out;
  for (const auto& [type, groups] : counts) {
    json::object& of_type = out[type].emplace_object();
    for (const auto& [group, count] : groups) of_type[group] = count;
  }
  return out;
}

// What types and groups are called, in the language of the terminal, and the order of people's work in which the
// catalog has them.
class Names {
 public:
  explicit Names(bool chinese) : language_(chinese ? "zh" : "en") {}
  // From the answer of catalog.get; names that are not there are shown as they are.
  void read(const std::string& catalog) {
    boost::system::error_code failed;
    const json::value value = json::parse(catalog, failed);
    for (const char* list : {"types", "groups"}) {
      const json::value* all = failed || !value.is_object() ? nullptr : value.get_object().if_contains(list);
      if (all == nullptr || !all->is_array()) continue;
      for (const json::value& one : all->get_array()) {
        const json::object* object = one.if_object();
        const json::value* name = object == nullptr ? nullptr : object->if_contains("name");
        const json::value* shown = object == nullptr ? nullptr : object->if_contains(language_);
        if (name == nullptr || shown == nullptr || !name->is_string() || !shown->is_string()) continue;
        names_[std::string(name->get_string())] = plain(std::string_view(shown->get_string()));
        places_.emplace(std::string(name->get_string()), places_.size());
        const json::value* groups = object->if_contains("groups");
        if (groups == nullptr || !groups->is_array()) continue;
        for (const json::value& group : groups->get_array()) {
          if (group.is_string()) places_.emplace(key(*name, std::string_view(group.get_string())), places_.size());
        }
      }
    }
  }
  std::size_t place(const std::string& type) const { return found(type); }
  std::size_t place(const std::string& type, const std::string& group) const { return found(type + "/" + group); }
  std::string of(const std::string& name) const {
    const auto found = names_.find(name);
    return found == names_.end() ? plain(name) : found->second;
  }

 private:
  static std::string key(const json::value& type, std::string_view group) {
    return std::string(type.get_string()).append("/").append(group);
  }
  std::size_t found(const std::string& what) const {
    const auto at = places_.find(what);
    return at == places_.end() ? places_.size() : at->second;
  }

  std::string_view language_;
  std::map<std::string, std::string> names_;
  std::map<std::string, std::size_t> places_;  // of types, and of "type/group"
};

// One line of a change: "+ SaleOrder SO1 in unreviewed (Li 提交)".
std::string change_line(const TodoChange& change, const Names& names) {
  static constexpr const char* signs[] = {"+ ", "~ ", "- "};
  std::string line = signs[static_cast<std::size_t>(change.what)] + key_of(change.row) + " " +
                     (change.what == TodoChange::What::removed ? "left " : "in ") + names.of(change.row.group);
  std::string by = who(change.by);
  if (!change.action.empty()) by += (by.empty() ? "" : " ") + plain(change.action);
  if (!change.reason.empty()) by += ": " + plain(change.reason);
  if (change.deleted) by += by.empty() ? "deleted" : ", deleted";
  return line + (by.empty() ? "" : " (" + by + ")");
}

std::string notice_line(const holdfast::Notice& notice) {
  return "! " + plain(notice.type) + " " + plain(notice.no.empty() ? notice.id : notice.no) + ": " + who(notice.actor) +
         " " + plain(notice.action) + (notice.reason.empty() ? "" : ", \"" + plain(notice.reason) + "\"");
}

std::string step_line(const holdfast::RunStep& step) {
  return "> " + plain(step.type) + " " + plain(step.id) + ": " + who(step.actor) + " " + plain(step.action) +
         ", step " + plain(step.step) + (step.error.empty() ? "" : " failed: " + plain(step.error));
}

std::string row_line(const TodoRow& row) {
  std::string line = plain(row.bill.no.empty() ? row.bill.id : row.bill.no);
  line += "  v" + std::to_string(row.bill.version.value_or(0));
  if (!row.bill.partner.empty()) line += "  " + plain(row.bill.partner);
  if (!row.bill.amount.empty()) line += "  " + plain(row.bill.amount);
  const std::string by = who(row.bill.actor);
  if (!by.empty() || !row.bill.action.empty()) line += "  " + by + " " + plain(row.bill.action);
  if (row.bill.at) line += ", " + since(*row.bill.at);
  if (row.editing) {
    const std::string editor = who(row.editing->by);
    line += "  [edited" + (editor.empty() ? "" : " by " + editor) + "]";
  }
  return line;
}

struct Space {
  std::size_t lines = 100'000, rows_per_group = 100'000;
};

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

// Of each group as many rows as there is space for, the ones that changed last first.
void append_rows(std::vector<std::string>& lines, std::vector<const TodoRow*> rows, std::size_t at_most) {
  std::ranges::sort(rows, [](const TodoRow* a, const TodoRow* b) {
    return std::tie(b->bill.at, a->bill.id) < std::tie(a->bill.at, b->bill.id);
  });
  const std::size_t shown = std::min(rows.size(), at_most);
  for (std::size_t i = 0; i < shown; ++i) lines.push_back("    " + row_line(*rows[i]));
  if (shown > 0 && shown < rows.size()) lines.back() += "   … and " + std::to_string(rows.size() - shown) + " more";
}

std::vector<std::string> tree(const holdfast::TodoCounts& counts, const std::vector<TodoRow>& rows, const Names& names,
                              Space space) {
  std::map<std::pair<std::string_view, std::string_view>, std::vector<const TodoRow*>> by_group;
  for (const TodoRow& row : rows) by_group[{row.bill.type, row.group}].push_back(&row);
  std::vector<std::string> lines;
  for (const auto* type : ordered(counts, sum_of, [&](const std::string& name) { return names.place(name); })) {
    lines.push_back(names.of(type->first) + " 【" + std::to_string(sum_of(type->second)) + "】  " + plain(type->first));
    const auto place = [&](const std::string& group) { return names.place(type->first, group); };
    for (const auto* group : ordered(type->second, std::identity(), place)) {
      lines.push_back("  " + names.of(group->first) + " 【" + std::to_string(group->second) + "】");
      append_rows(lines, by_group[{type->first, group->first}], space.rows_per_group);
    }
  }
  if (lines.empty()) lines.emplace_back("Nothing to do.");
  if (lines.size() > space.lines) {
    lines.resize(space.lines);
    lines.back() = "…";
  }
  return lines;
}

Space space_for(const holdfast::TodoCounts& counts, std::size_t lines) {
  std::size_t heads = 0, groups = 0;
  for (const auto& [type, of_type] : counts) {
    const auto shown = static_cast<std::size_t>(
        std::count_if(of_type.begin(), of_type.end(), [](const auto& group) { return group.second > 0; }));
    heads += shown > 0 ? shown + 1 : 0;
    groups += shown;
  }
  const std::size_t left = lines > heads ? lines - heads : 0;
  return {lines, groups == 0 ? 0 : left / groups};
}

// Draws over what it drew before, and never more than the screen has.
class Screen {
 public:
  static bool is_one() { return ::isatty(STDOUT_FILENO) == 1; }
  struct Size {
    std::size_t lines = 24, columns = 80;
  };
  static Size size() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 5 || size.ws_col < 20) return {};
    return {size.ws_row, size.ws_col};
  }
  void draw(const std::vector<std::string>& lines, std::size_t width) {
    std::string out = drawn_ > 0 ? "\x1b[" + std::to_string(drawn_) + "A\r" : "\r";
    for (const std::string& line : lines) out += cut(line, width) + "\x1b[K\n";
    say(out + "\x1b[J");
    drawn_ = lines.size();
  }

 private:
  std::size_t drawn_ = 0;
};

// What the callbacks bring and the loop of the terminal shows.
struct Following {
  const Arguments& a;
  Names names;
  Attention attention;
  std::atomic<std::uint32_t> seen{0};
  std::atomic<bool> dirty{true};
  std::atomic<bool> snapshot{false};  // rows that come are not news
  std::mutex mutex;
  std::deque<std::string> news;
  bool screen;

  void line(const std::string& text) {
    if (!screen) return say(text + "\n");
    std::lock_guard guard(mutex);
    news.push_back(text);
    if (news.size() > news_max) news.pop_front();
  }
  void tell(const holdfast::TodoChanges& changes) {
    if (a.once) return;
    if (!changes.snapshot.empty()) {
      snapshot = true;
      if (a.json) say_event("snapshot", {{"reason", changes.snapshot}});
    }
    for (const TodoChange& change : changes.rows) {
      if (a.json) {
        static constexpr const char* names_of[] = {"added", "changed", "removed"};
        json::object object = row_json(change.row);
        object["by"] = change.by.user;
        object["action"] = change.action;
        if (!change.reason.empty()) object["reason"] = change.reason;
        say_event(names_of[static_cast<std::size_t>(change.what)], std::move(object));
      } else if (!screen || !snapshot) {
        line(change_line(change, names));
      }
    }
    if (a.json && !changes.counts.empty()) say_event("counts", {{"counts", counts_json(changes.counts)}});
    if (!snapshot) seen += static_cast<std::uint32_t>(changes.rows.size());
    wake();
  }
  void tell(TodoState state, const holdfast::Error& why) {
    if (state == TodoState::live) snapshot = false;
    if (!a.once && a.json) {
      json::object object{{"state", name_of(state)}};
      if (!why.code_name.empty()) object["why"] = to_json(why);
      say_event("state", std::move(object));
    } else if (!a.once && !screen) {
      complain("holdfast: " + std::string(name_of(state)) +
               (why.code_name.empty() ? "" : " (" + plain(why.text()) + ")") + "\n");
    }
    wake();
  }
  void wake() {
    dirty = true;
    attention.call();
  }
};

void draw(Following& following, const TodoView& view, Screen& screen) {
  const auto size = Screen::size();
  const auto counts = view.counts();
  std::vector<std::string> news;
  {
    std::lock_guard guard(following.mutex);
    news.assign(following.news.begin(), following.news.end());
  }
  const std::size_t around = 3 + news.size();  // the first line, one between, one that the cursor stands on
  const std::size_t room = size.lines > around + 1 ? size.lines - around : 1;
  const holdfast::Error why = view.why();
  std::vector<std::string> lines{std::string(name_of(view.state())) +
                                 (why.code_name.empty() ? "" : " (" + plain(why.text()) + ")") + ", " +
                                 std::to_string(view.size()) + " rows. Ctrl-C ends."};
  for (std::string& line : tree(counts, view.rows(), following.names, space_for(counts, room)))
    lines.push_back(std::move(line));
  lines.emplace_back();
  for (std::string& line : news) lines.push_back(std::move(line));
  screen.draw(lines, size.columns);
}

int print_once(const Arguments& a, const TodoView& view, const Names& names) {
  if (auto live = view.wait_live(); !live) return report(a, live.error());
  if (const holdfast::Error why = view.why(); !why.code_name.empty()) complain("holdfast: " + plain(why.text()) + "\n");
  if (!a.json) {
    for (const std::string& line : tree(view.counts(), view.rows(), names, {})) say(line + "\n");
    return exit_done;
  }
  json::array rows;
  for (const TodoRow& row : view.rows()) rows.push_back(row_json(row));
  say_json({{"counts", counts_json(view.counts())}, {"rows", std::move(rows)}});
  return exit_done;
}

// Until a signal, enough changes, or the end of the view.
int follow(Following& following, const TodoView& view) {
  const Arguments& a = following.a;
  Screen screen;
  auto drawn = steady_clock::now() - redraw_every;
  bool ends = false;
  while (!ends && output_error() == 0) {
    const bool closed = view.state() == TodoState::closed;
    ends = closed || (a.count > 0 && following.seen >= a.count);
    const auto now = steady_clock::now();
    const bool due = now - drawn >= redraw_every * (1 + view.size() / large_tree) || ends;
    if (following.screen && due) {
      following.dirty = false;
      draw(following, view, screen);
      drawn = now;
    }
    if (closed) return report(a, view.why());
    if (ends) break;
    const auto soon = static_cast<int>(redraw_every.count());
    const auto woken = following.attention.wait(!following.screen ? -1 : following.dirty && !due ? soon : age_ms);
    if (woken.output_gone || (woken.signal != 0 && woken.signal != SIGCHLD)) break;
  }
  return exit_done;
}

}  // namespace

int todo(const Arguments& a) {
  Following following{.a = a, .names = Names(!a.language.empty()), .screen = !a.json && !a.once && Screen::is_one()};
  if (!following.attention.take()) return exit_unavailable;
  auto client = connect(a, options_of(a));
  if (!client) return report(a, client.error());
  if (auto catalog = client->call("catalog.get", "{}", holdfast::Client::Repeat::query); catalog && !a.json)
    following.names.read(*catalog);
  holdfast::TodoOptions options;
  options.types = a.types;
  if (!a.group.empty()) {
    options.rows = holdfast::TodoOptions::Rows::opened;
    options.open = {a.group};
  }
  options.on_change = [&](const holdfast::TodoChanges& changes) { following.tell(changes); };
  options.on_state = [&](TodoState state, const holdfast::Error& why) { following.tell(state, why); };
  options.on_notice = [&](const holdfast::Notice& notice) {
    if (a.once) return;
    if (a.json) {
      say_event("notice", {{"notice", notice.notice},
                           {"type", notice.type},
                           {"id", notice.id},
                           {"action", notice.action},
                           {"reason", notice.reason},
                           {"by", notice.actor.user}});
    } else {
      following.line(notice_line(notice));
    }
    following.wake();
  };
  options.on_run_step = [&](const holdfast::RunStep& step) {
    if (a.once) return;
    if (a.json) {
      say_event("run.step", {{"run", step.run},
                             {"type", step.type},
                             {"id", step.id},
                             {"step", step.step},
                             {"action", step.action},
                             {"error", step.error},
                             {"by", step.actor.user}});
    } else {
      following.line(step_line(step));
    }
    following.wake();
  };
  auto view = TodoView::open(*client, std::move(options));
  if (!view) return report(a, view.error());
  return a.once ? print_once(a, *view, following.names) : follow(following, *view);
}

}  // namespace hf::cli
