#include "help.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "commands.h"
#include "console.h"
#include "nearest.h"
#include "width.h"
#include "words.h"

namespace hf::cli {
namespace {

constexpr std::size_t page_columns = 100;
constexpr std::size_t name_columns_max = 34;

struct Example {
  const char* command;  // which page it is on; "" is the first one
  const char* arguments;
  const char* what;
};
constexpr Example examples[] = {
    {"", "demo", "the whole story in one terminal"},
    {"", "lock SaleOrder:1001 -- vim order.txt", "hold the order while you edit"},
    {"", "--as Wang request SaleOrder:1001", "Wang asks for it, on a server that runs with --dev"},
    {"", "demo-data --live", "bills to look at, then: todo"},
    {"lock", "lock SaleOrder:1001 -- vim order.txt", "while an editor is open"},
    {"lock", "lock SaleOrder:1001 --wait 30s -- ./book.sh", "wait up to 30 s, then run a script"},
    {"lock", "lock SaleOrder:1001 PurOrder:7 --label SO-1001", "both or none, until Ctrl-C"},
    {"request", "request SaleOrder:1001 --message \"customer on the phone\"", "ask, wait for it and hold it"},
    {"request", "request SaleOrder:1001 -- vim order.txt", "and edit once it is yours"},
    {"check", "check SaleOrder:1001 SaleOrder:1002", "is somebody editing them?"},
    {"locks", "locks --type SaleOrder --older 1h", "orders that somebody has held for more than an hour"},
    {"force", "force SaleOrder:1001 --reason \"gone home\"", "the holder and the audit trail get the reason"},
    {"refuse", "refuse REQUEST --reason \"five more minutes\"", "they are told why"},
    {"defer", "defer REQUEST --by 2m", "they are told when you will answer"},
    {"catalog", "catalog SaleOrder", "its parts, groups and actions"},
    {"todo", "todo --types SaleOrder,PurOrder", "two types only"},
    {"todo", "todo --once --json", "for a script"},
    {"notices", "notices --limit 20 --read", "look at twenty and put them away"},
    {"watch", "watch SaleOrder:1001", "what becomes of one bill"},
    {"publish", "publish SaleOrder:1001 --version 2 --state DataStatus=2,ApprovalStatus=0 --action submit",
     "one bill, as it is now"},
    {"publish", "publish --file events.jsonl", "many, one JSON object a line"},
    {"run", "run begin approve SaleOut:77 SaleOrder:1001", "its id is on the first line, and RUN from here on"},
    {"run", "run step RUN writing", "before a minute is over"},
    {"run", "run finish RUN", "or: run fail RUN --reason \"no stock\""},
    {"demo-data", "demo-data --live", "bills that go on moving"},
    {"login", "login", "on this machine's development server, or with a token that is asked for"},
    {"login", "login --server https://erp.example --token-file token.txt", "with a token from your sign-in"},
    {"token", "token Li --role admin", "for HOLDFAST_TOKEN or --token"},
    {"completion", "completion bash > ~/.local/share/bash-completion/completions/holdfast", "for each new shell"},
    {"backup", "backup --data data locks.backup", "of a server that is stopped"},
    {"restore", "restore locks.backup --redis redis://127.0.0.1", "into another engine"},
    {"outbox", "outbox sql sqlite", "the SQL that makes the table"},
    {"fence", "fence sql sqlite", "the SQL that makes the table"},
    {"fence", "fence triggers sqlite --catalog catalog/ruinorerp.toml SaleOrder", "the triggers of one type"},
    {"help", "help lock", "one command in full"},
};

// Words are parted at blanks, Chinese anywhere. Lines after the first begin with `indent` blanks.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t begun) {
  std::string out;
  std::size_t used = begun;
  std::string_view rest = text;
  while (!rest.empty()) {
    if (rest.front() == '\n') {
      out += "\n" + std::string(indent, ' ');
      used = indent;
      rest.remove_prefix(1);
      continue;
    }
    const bool ascii = static_cast<unsigned char>(rest.front()) < 0x80;
    std::size_t size = 1;
    if (ascii) {
      while (size < rest.size() && rest[size] > ' ' && static_cast<unsigned char>(rest[size]) < 0x80) ++size;
    } else {
      while (size < rest.size() && (static_cast<unsigned char>(rest[size]) & 0xC0) == 0x80) ++size;
    }
    const std::string_view word = rest.substr(0, size);
    const std::size_t width = columns(word);
    // A Chinese comma or full stop never begins a line.
    const bool hangs = word == "，" || word == "。" || word == "、" || word == "；" || word == "：" || word == "）";
    const std::size_t first = word.find_first_not_of(' ');
    if (used + width > page_columns && used > indent && !hangs) {
      while (out.ends_with(' ')) out.pop_back();
      out += "\n" + std::string(indent, ' ');
      used = indent;
      if (first == std::string_view::npos || first > 0) {
        const std::string_view kept = first == std::string_view::npos ? "" : word.substr(first);
        out += kept;
        used += columns(kept);
        rest.remove_prefix(size);
        continue;
      }
    }
    out += word;
    used += width;
    rest.remove_prefix(size);
  }
  return out;
}

using Rows = std::vector<std::pair<std::string, std::string>>;

std::string two_columns(const Rows& rows) {
  std::size_t width = 0;
  for (const auto& [name, text] : rows) {
    if (columns(name) <= name_columns_max) width = std::max(width, columns(name));
  }
  std::string out;
  const std::size_t indent = width + 4;
  for (const auto& [name, text] : rows) {
    std::string line = "  " + padded(name, width) + "  ";
    if (columns(name) > width) line = "  " + name + "\n" + std::string(indent, ' ');
    out += line + wrapped(text, indent, indent) + "\n";
  }
  return out;
}

std::string section(const std::string& title, const Rows& rows) {
  return rows.empty() ? "" : "\n" + title + tr(":") + "\n" + two_columns(rows);
}

std::string option_name(const CLI::Option& option) {
  std::string name;
  for (const std::string& one : option.get_snames()) name += (name.empty() ? "-" : ", -") + one;
  for (const std::string& one : option.get_lnames()) name += (name.empty() ? "--" : ", --") + one;
  if (option.get_items_expected_max() > 0) name += " " + tr(option.get_type_name());
  return name;
}

std::string usage_line(const CLI::App& app) {
  const bool whole = app.get_parent() == nullptr;
  std::string path;
  for (const CLI::App* one = &app; one->get_parent() != nullptr; one = one->get_parent())
    path = one->get_name() + (path.empty() ? "" : " " + path);
  std::string line = typed(path);
  if (whole || !app.get_subcommands(nullptr).empty()) return line + " " + tr("COMMAND [options]");
  line += " " + tr("[options]");
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) continue;
    std::string name = tr(option->get_type_name());
    if (option->get_expected_max() > 1) name += "…";
    line += " " + (option->get_required() ? name : "[" + name + "]");
  }
  if (path == "lock" || path == "request") line += " " + tr("[-- PROGRAM…]");
  return line;
}

Rows option_rows(const CLI::App& app, bool positional) {
  Rows rows;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional() != positional) continue;
    std::string text = option->get_description();
    if (option->get_required() && !positional) text += tr(" (required)");
    rows.emplace_back(positional ? tr(option->get_type_name()) : option_name(*option), std::move(text));
  }
  return rows;
}

std::string commands_of(const CLI::App& app) {
  std::vector<std::string> groups;
  std::map<std::string, Rows> rows;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    const std::string& group = command->get_group();
    if (!rows.contains(group)) groups.push_back(group);
    rows[group].emplace_back(command->get_name(), command->get_description());
  }
  std::string out;
  for (const std::string& group : groups) out += section(group, rows[group]);
  return out;
}

std::string examples_of(const std::string& command) {
  Rows rows;
  for (const Example& one : examples) {
    if (command == one.command) rows.emplace_back(typed(one.arguments), tr(one.what));
  }
  if (rows.empty()) return {};
  std::string out = "\n" + tr("Examples") + tr(":") + "\n";
  std::size_t width = 0;
  for (const auto& [line, what] : rows) width = std::max(width, columns(line));
  const bool beside = width <= page_columns / 2 + 10;
  for (const auto& [line, what] : rows)
    out += beside ? "  " + padded(line, width) + "  # " + what + "\n" : "  " + line + "\n      # " + what + "\n";
  return out;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    names.push_back(command->get_name());
    for (const std::string& alias : command->get_aliases()) names.push_back(alias);
  }
  return names;
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& words) {
  std::string list;
  for (const std::string& near : nearest(word, words, 3)) list += (list.empty() ? "" : tr(", ")) + near;
  return list.empty() ? "" : tr("Did you mean {}?", list);
}

std::string no_command(const CLI::App& app, const std::string& word) {
  const bool is_option = word.starts_with('-');
  std::vector<std::string> words = is_option ? std::vector<std::string>() : command_names(app);
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (is_option) words.push_back("--" + name);
    }
  }
  return after(is_option ? tr("There is no option {}.", word) : tr("There is no command {}.", word),
               did_you_mean(word, words));
}

// The first of what a command must be given and was not, as its page calls it.
std::string missing_in(const CLI::App& page) {
  for (const CLI::Option* option : page.get_options()) {
    if (!option->get_required() || option->count() > 0) continue;
    return option->get_positional() ? tr(option->get_type_name()) : "--" + option->get_lnames().front();
  }
  return {};
}

}  // namespace

std::string help_of(const CLI::App& app) {
  const bool whole = app.get_parent() == nullptr;
  std::string out = wrapped(app.get_description(), 0, 0) + "\n\n" + tr("Usage: {}", usage_line(app)) + "\n";
  out += commands_of(app);
  if (!whole) out += section(tr("Arguments"), option_rows(app, true));
  Rows options = option_rows(app, false);
  out += section(tr("Options"), options);
  if (!whole) {
    const CLI::App* top = &app;
    while (top->get_parent() != nullptr) top = top->get_parent();
    Rows everywhere;
    for (auto& [name, text] : option_rows(*top, false)) {
      if (name.find("--help") == std::string::npos && name.find("--version") == std::string::npos)
        everywhere.emplace_back(std::move(name), std::move(text));
    }
    out += section(tr("Options of every command"), everywhere);
  }
  out += examples_of(whole ? "" : app.get_name());
  if (const std::string footer = app.get_footer(); !footer.empty()) out += "\n" + wrapped(footer, 0, 0) + "\n";
  if (whole) out += tr("One command in full: {}", typed("help lock")) + "\n";
  return out;
}

int say_help(const CLI::App& app, const std::vector<std::string>& command) {
  const CLI::App* page = &app;
  for (const std::string& word : command) {
    const CLI::App* next = nullptr;
    for (const CLI::App* one : page->get_subcommands(nullptr)) {
      if (one->check_name(word)) next = one;
    }
    if (next == nullptr) {
      complain(complaint(no_command(*page, word)));
      return exit_usage;
    }
    page = next;
  }
  say(help_of(*page));
  return exit_done;
}

std::string usage_complaint(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* page = &app;
  while (!page->get_subcommands().empty()) page = page->get_subcommands().front();
  std::string path;
  for (const CLI::App* one = page; one->get_parent() != nullptr; one = one->get_parent())
    path = one->get_name() + (path.empty() ? "" : " " + path);
  const auto unknown = app.remaining(true);
  std::string sentence;
  if (!unknown.empty() && (page == &app || unknown[0].starts_with('-') || !page->get_subcommands(nullptr).empty())) {
    sentence = no_command(*page, unknown[0]);
  } else if (const std::string missing = missing_in(*page); !missing.empty() && error.get_name() == "RequiredError") {
    sentence = tr("{} is missing.", missing);
  } else {
    sentence = translated(error.what());
    if (!sentence.ends_with('.') && !sentence.ends_with("。")) sentence += tr(".");
  }
  return after(sentence, tr("`{}` tells more.", typed(path.empty() ? "help" : "help " + path)));
}

}  // namespace hf::cli
