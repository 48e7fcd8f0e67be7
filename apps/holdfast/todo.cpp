#include <signal.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <limits>
#include <map>
#include <mutex>

#include "child.h"
#include "commands.h"
#include "console.h"
#include "screen.h"
#include "show.h"
#include "todo_tree.h"
#include "words.h"

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

// What the callbacks bring and the loop of the terminal shows.
struct Following {
  const Arguments& a;
  CatalogNames names;
  Attention attention;
  std::atomic<std::uint32_t> seen{0};
  std::atomic<bool> dirty{true};
  std::atomic<bool> snapshot{false};  // rows that come are not news
  std::mutex mutex;
  std::deque<Line> news;
  std::map<std::uint64_t, std::string> notices;  // as their lines say them; unread
  bool screen;

  void line(Line text) {
    if (!screen) return say(text.text + "\n");
    std::lock_guard guard(mutex);
    news.push_back(std::move(text));
    if (news.size() > news_max) news.pop_front();
  }
  void tell(const holdfast::Notice& notice) {
    if (a.once) return;
    if (a.json) {
      say_event("notice", {{"notice", notice.notice},
                           {"type", notice.type},
                           {"id", notice.id},
                           {"action", notice.action},
                           {"reason", notice.reason},
                           {"by", notice.actor.user}});
    } else {
      Line made = notice_line(notice, names);
      notices[notice.notice] = made.text;
      line(std::move(made));
    }
    wake();
  }
  // They are read, here or in another window: the screen shows them no more.
  void read(const std::vector<std::uint64_t>& numbers) {
    if (a.once) return;
    if (a.json) say_event("notice.read", {{"notices", json::array(numbers.begin(), numbers.end())}});
    for (const std::uint64_t number : numbers) {
      const auto found = notices.extract(number);
      if (found.empty()) continue;
      std::lock_guard guard(mutex);
      if (const auto at = std::ranges::find(news, found.mapped(), &Line::text); at != news.end()) news.erase(at);
    }
    wake();
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
        json::object object = to_json(change.row);
        object["by"] = change.by.user;
        object["action"] = change.action;
        if (!change.reason.empty()) object["reason"] = change.reason;
        say_event(names_of[static_cast<std::size_t>(change.what)], std::move(object));
      } else if (!screen || !snapshot) {
        line(change_line(change, names));
      }
    }
    if (a.json && !changes.counts.empty()) say_event("counts", {{"counts", to_json(changes.counts)}});
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
      complain(complaint(state_text(state) + because(why) + tr(".")));
    }
    wake();
  }
  void wake() {
    dirty = true;
    attention.call();
  }
  static std::string because(const holdfast::Error& why) {
    return why.code_name.empty() ? "" : tr(" ({})", plain(translated(why.text())));
  }
};

// Which part of the tree is on the screen.
class Window {
 public:
  // False: the user wants to end.
  bool obey(const std::vector<Key>& keys) {
    for (const Key key : keys) {
      switch (key) {
        case Key::up: top_ -= top_ > 0 ? 1 : 0; break;
        case Key::down: ++top_; break;
        case Key::page_up: top_ -= std::min(top_, page_); break;
        case Key::page_down: top_ += page_; break;
        case Key::home: top_ = 0; break;
        case Key::end: top_ = std::numeric_limits<std::size_t>::max() / 2; break;
        case Key::all: all_ = !all_; break;
        case Key::quit: return false;
        case Key::other: break;
      }
    }
    return true;
  }
  bool shows_all() const noexcept { return all_; }
  // The lines from `top` on that fit into `room`, and how many are above and below.
  struct Part {
    std::vector<Line> lines;
    std::size_t above = 0, below = 0;
  };
  Part part_of(std::vector<Line> tree, std::size_t room) {
    const std::size_t furthest = tree.size() > room ? tree.size() - room : 0;
    top_ = std::min(top_, furthest);
    page_ = std::max<std::size_t>(1, room - 1);
    const std::size_t end = std::min(tree.size(), top_ + room);
    Part part{{}, top_, tree.size() - end};
    for (std::size_t i = top_; i < end; ++i) part.lines.push_back(std::move(tree[i]));
    return part;
  }

 private:
  std::size_t top_ = 0;
  std::size_t page_ = 1;
  bool all_ = false;
};

std::string legend(const Screen& screen) {
  if (!screen.has_keys()) return tr("Ctrl-C ends. + came  ~ changed  - left  ! notice");
  return tr("↑↓ PgUp PgDn Home End: scroll   a: all rows   q: end   + came  ~ changed  - left  ! notice");
}

void draw(Following& following, const TodoView& view, Screen& screen, Window& window) {
  const auto size = Screen::size();
  const auto counts = view.counts();
  std::vector<Line> news;
  {
    std::lock_guard guard(following.mutex);
    news.assign(following.news.begin(), following.news.end());
  }
  // The first line, what does not fit, one between, the legend, and one that the cursor stands on.
  const std::size_t around = 5 + news.size();
  const std::size_t room = size.lines > around + 1 ? size.lines - around : 1;
  const std::size_t rows = window.shows_all() ? view.size() : rows_that_fit(counts, room);
  // Before all has come, an empty tree says nothing.
  const bool known = view.state() == TodoState::live || view.size() > 0;
  auto part = window.part_of(known ? tree_of(counts, view.rows(), following.names, rows) : std::vector<Line>(), room);
  std::vector<Line> lines;
  const std::string bills = counted(view.size(), "{} bill", "{} bills");
  lines.push_back({state_text(view.state()) + Following::because(view.why()) + tr(", ") + bills, Style::title});
  for (Line& line : part.lines) lines.push_back(std::move(line));
  std::string more;
  if (part.above > 0) more += "↑ " + counted(part.above, "{} line above", "{} lines above") + "  ";
  if (part.below > 0) more += "↓ " + counted(part.below, "{} line below", "{} lines below");
  lines.push_back({more, Style::dim});
  for (Line& line : news) lines.push_back(std::move(line));
  lines.push_back({legend(screen), Style::dim});
  screen.draw(lines, size.columns);
}

int print_once(const Arguments& a, const TodoView& view, const CatalogNames& names) {
  if (auto live = view.wait_live(); !live) return report(a, live.error());
  if (const holdfast::Error why = view.why(); !why.code_name.empty())
    complain(complaint(plain(translated(why.text()))));
  if (!a.json) {
    for (const Line& line : tree_of(view.counts(), view.rows(), names, view.size())) say(line.text + "\n");
    return exit_done;
  }
  json::array rows;
  for (const TodoRow& row : view.rows()) rows.push_back(to_json(row));
  say_json({{"counts", to_json(view.counts())}, {"rows", std::move(rows)}});
  return exit_done;
}

// Until a signal, `q`, enough changes, or the end of the view.
int follow_on_screen(Following& following, const TodoView& view) {
  const Arguments& a = following.a;
  Screen screen;
  Window window;
  auto drawn = steady_clock::now() - redraw_every;
  bool ends = false;
  while (output_error() == 0) {
    const bool closed = view.state() == TodoState::closed;
    ends = ends || closed || (a.count > 0 && following.seen >= a.count);
    const auto now = steady_clock::now();
    const bool due = now - drawn >= redraw_every * (1 + view.size() / large_tree) || ends;
    if (due) {
      following.dirty = false;
      draw(following, view, screen, window);
      drawn = now;
    }
    if (closed) return report(a, view.why());
    if (ends) break;
    const auto soon = static_cast<int>(redraw_every.count());
    const auto input = screen.has_keys() ? Attention::Input::watch : Attention::Input::leave;
    const auto woken = following.attention.wait(following.dirty && !due ? soon : age_ms, input);
    if (woken.output_gone || (woken.signal != 0 && woken.signal != SIGCHLD)) break;
    if (!woken.input) continue;
    ends = !window.obey(screen.read_keys());
    drawn = now - redraw_every * (1 + view.size() / large_tree);  // a key is answered at once
  }
  return exit_done;
}

int follow_by_lines(Following& following, const TodoView& view) {
  const Arguments& a = following.a;
  while (output_error() == 0) {
    if (view.state() == TodoState::closed) return report(a, view.why());
    if (a.count > 0 && following.seen >= a.count) break;
    const auto woken = following.attention.wait();
    if (woken.output_gone || (woken.signal != 0 && woken.signal != SIGCHLD)) break;
  }
  return exit_done;
}

holdfast::TodoOptions options_for(Following& following) {
  const Arguments& a = following.a;
  holdfast::TodoOptions options;
  options.types = a.types;
  if (!a.group.empty()) {
    options.rows = holdfast::TodoOptions::Rows::opened;
    options.open = {a.group};
  }
  options.on_change = [&](const holdfast::TodoChanges& changes) { following.tell(changes); };
  options.on_state = [&](TodoState state, const holdfast::Error& why) { following.tell(state, why); };
  options.on_notice = [&](const holdfast::Notice& notice) { following.tell(notice); };
  options.on_notices_read = [&](const std::vector<std::uint64_t>& numbers) { following.read(numbers); };
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
      following.line(step_line(step, following.names));
    }
    following.wake();
  };
  return options;
}

}  // namespace

int todo(const Arguments& a) {
  Following following{.a = a, .names = {}, .screen = !a.json && !a.once && Screen::is_one()};
  if (!following.attention.take()) return exit_unavailable;
  auto client = connect(a, options_of(a));
  if (!client) return report(a, client.error());
  if (!a.json) following.names = CatalogNames::ask(a);
  auto view = TodoView::open(*client, options_for(following));
  if (!view) return report(a, view.error());
  if (a.once) return print_once(a, *view, following.names);
  return following.screen ? follow_on_screen(following, *view) : follow_by_lines(following, *view);
}

}  // namespace hf::cli
