#include <errno.h>
#include <signal.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <fstream>
#include <iostream>
#include <iterator>
#include <type_traits>
#include <utility>

#include "catalog_names.h"
#include "child.h"
#include "client/status_values.h"
#include "client/values.h"
#include "commands.h"
#include "console.h"
#include "demo_bills.h"
#include "identity.h"
#include "show.h"
#include "wire/json_text.h"
#include "wire/status_messages.h"
#include "words.h"

namespace hf::cli {
namespace {

namespace json = boost::json;
using holdfast::Client;
using holdfast::Code;
using holdfast::Millis;
using holdfast::Published;
using holdfast::Result;

constexpr std::size_t batch_events_max = 500;
constexpr std::size_t batch_bytes_max = 700'000;

tl::unexpected<holdfast::Error> wrong(std::string sentence, std::string field) {
  return holdfast::failure(Code::invalid, std::move(sentence), std::move(field));
}

holdfast::Person person_of(const std::string& text) {
  const std::size_t at = text.find('=');
  if (at == std::string::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + 1)};
}

// DataStatus=2: a whole number or true, false where it looks like one, else a text.
Result<std::map<std::string, holdfast::StateValue>> state_of(const std::vector<std::string>& pairs) {
  std::map<std::string, holdfast::StateValue> state;
  for (const std::string& pair : pairs) {
    const std::size_t at = pair.find('=');
    if (at == 0 || at == std::string::npos) return wrong(tr("--state: '{}' is not COLUMN=VALUE.", pair), "state");
    const std::string value = pair.substr(at + 1);
    std::int64_t number = 0;
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
    holdfast::StateValue& to = state[pair.substr(0, at)];
    if (value == "true" || value == "false") {
      to = std::int64_t{value == "true" ? 1 : 0};
    } else if (!value.empty() && parsed.ec == std::errc() && parsed.ptr == value.data() + value.size()) {
      to = number;
    } else {
      to = value;
    }
  }
  return state;
}

Result<holdfast::StatusEvent> event_of(const Arguments& a) {
  holdfast::StatusEvent event = a.event;
  const std::size_t at = a.target.find(':');
  if (at == 0 || at == std::string::npos || at + 1 == a.target.size())
    return wrong(tr("'{}' is no bill. Write SaleOrder:1001.", a.target), "bill");
  event.type = a.target.substr(0, at);
  event.id = a.target.substr(at + 1);
  auto state = state_of(a.state);
  if (!state) return tl::unexpected(state.error());
  event.state = *std::move(state);
  event.actor = person_of(a.actor);
  event.creator = person_of(a.creator);
  event.handler = person_of(a.handler);
  event.owner = person_of(a.owner);
  return event;
}

// An event states the whole bill, while a person who moves one on names what has changed: the rest is as the server
// knows it. What neither of them names is said to be nothing.
Result<void> fill(Client& client, const Arguments& a, holdfast::StatusEvent& event) {
  const std::vector<std::string> cleared =
      std::exchange(event.none, {"creator", "owner", "department"});  // where they stay empty
  event.none.insert(event.none.end(), cleared.begin(), cleared.end());
  if (event.created) return {};  // of what had this id before it takes nothing over
  auto known = client.status(event.type, event.id);
  if (known && known->state.deleted) return {};  // the server says what to do about it
  if (!known && known.error().code != Code::not_found) return tl::unexpected(at_server(a, known.error()));
  if (!known) {
    if (cleared.empty() && event.creator.user.empty() && event.owner.user.empty() && event.department.empty())
      complain(
          complaint(tr("The server shows you no {}, so it is published without creator, owner and department. Name "
                       "those that it has.",
                       plain(a.target))));
    return {};
  }
  const holdfast::StatusEvent& former = known->state;
  const auto keeps = [&](const std::string& name) { return std::ranges::find(cleared, name) == cleared.end(); };
  for (const auto& [column, value] : former.state) {
    if (keeps("state." + column)) event.state.emplace(column, value);
  }
  const auto take = [&](const char* name, auto& member, const auto& from) {
    if (member == std::remove_cvref_t<decltype(member)>{} && keeps(name)) member = from;
  };
  take("creator", event.creator, former.creator);
  take("handler", event.handler, former.handler);
  take("owner", event.owner, former.owner);
  take("department", event.department, former.department);
  take("no", event.no, former.no);
  take("title", event.title, former.title);
  take("partner", event.partner, former.partner);
  take("amount", event.amount, former.amount);
  return {};
}

Result<std::string> read_text_file(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file) return wrong(tr("{} cannot be read: {}.", path, ::strerror(errno)), "file");
  }
  std::istream& in = path == "-" ? std::cin : file;
  std::string text;
  std::array<char, 1 << 16> part;
  while (in.read(part.data(), part.size()) || in.gcount() > 0)
    text.append(part.data(), static_cast<std::size_t>(in.gcount()));
  if (in.bad()) return wrong(tr("{} cannot be read: {}.", path, ::strerror(errno)), "file");  // a directory, say
  return text;
}

struct Batch {
  std::vector<holdfast::LogEvent> events;
  std::size_t bytes = 0;
};

Result<void> add_event(std::vector<Batch>& batches, const json::value& value, const std::string& where) {
  auto event = parse_log_event(value, where);
  if (!event) return tl::unexpected(client::to_public(event.error()));
  std::string written;
  append_log_event(written, *event);
  if (batches.empty() || batches.back().events.size() == batch_events_max ||
      batches.back().bytes + written.size() > batch_bytes_max) {
    batches.emplace_back();
  }
  batches.back().bytes += written.size() + 1;
  batches.back().events.push_back(client::to_public(*event));
  return {};
}

// A file of events in the order in which it has them: one array, or a JSON object on each line.
Result<std::vector<Batch>> read_events(const std::string& path) {
  auto text = read_text_file(path);
  if (!text) return tl::unexpected(text.error());
  std::vector<Batch> batches;
  const std::size_t first = text->find_first_not_of(" \t\r\n");
  if (first != std::string::npos && (*text)[first] == '[') {
    const auto all = parse_json(*text);
    if (!all || !all->is_array()) return wrong(tr("{} is no JSON array of events.", path), "file");
    std::size_t place = 0;
    for (const json::value& one : all->get_array()) {
      auto added = add_event(batches, one, "events[" + std::to_string(place++) + "]");
      if (!added) return tl::unexpected(added.error());
    }
    return batches;
  }
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text->size();) {
    const std::size_t end = std::min(text->find('\n', begin), text->size());
    const std::string_view line = std::string_view(*text).substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = path + ":" + std::to_string(number);
    const auto one = parse_json(line);
    if (!one) return wrong(tr("{}: this line is no JSON object.", where), "file");
    auto added = add_event(batches, *one, where);
    if (!added) return tl::unexpected(added.error());
  }
  return batches;
}

std::string name_of_event(const holdfast::LogEvent& event) {
  return std::visit([](const auto& one) { return one.type + ":" + one.id; }, event);
}

struct Tally {
  std::size_t logged = 0, others = 0;
};

void say_result(const Arguments& a, const holdfast::LogEvent& event, const Published& result, bool each, Tally& tally) {
  const bool logged = result.what == Published::What::logged;
  ++(logged ? tally.logged : tally.others);
  if (a.json) {
    json::object line =
        std::visit([](const auto& one) { return json::object{{"type", one.type}, {"id", one.id}}; }, event);
    if (logged) {
      line["offset"] = result.number;
    } else {
      line[result.what == Published::What::differs ? "differs" : "stale"] = true;
      if (result.what == Published::What::deleted) line["deleted"] = true;
      line["version"] = result.number;
    }
    return say_json(std::move(line));
  }
  const std::string name = plain(name_of_event(event));
  if (logged && each) say(tr("{}: logged at {}", name, result.number) + "\n");
  if (result.what == Published::What::stale)
    say(tr("{}: stale, the server knows version {}", name, result.number) + "\n");
  if (result.what == Published::What::deleted)
    say(tr("{}: not logged, the bill was deleted with version {}. Made again, it begins with --created.", name,
           result.number) +
        "\n");
  if (result.what == Published::What::differs)
    say(tr("{}: not logged, the server knows another state under the same version {}", name, result.number) + "\n");
}

// Of a file of several batches: which of its events the server means, and that those before are published.
holdfast::Error in_file(holdfast::Error error, std::size_t before) {
  constexpr std::string_view list = "events[";
  std::size_t place = 0;
  if (std::string_view(error.field).starts_with(list) &&
      std::from_chars(error.field.data() + list.size(), error.field.data() + error.field.size(), place).ec ==
          std::errc()) {
    error.detail = tr("Event {} of the file: {}", before + place + 1, translated(error.text()));
  }
  if (before > 0)
    error.detail = after(translated(error.text()),
                         counted(before, "The {} event before is published.", "The {} events before are published."));
  return error;
}

Result<Tally> publish_all(const Arguments& a, Client& client, std::vector<Batch> batches, bool each) {
  Tally tally;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    holdfast::Publish what;
    what.events = batches[i].events;
    if (!a.batch_id.empty()) what.batch_id = a.batch_id + (i == 0 ? "" : "-" + std::to_string(i + 1));
    auto results = client.publish(std::move(what));
    if (!results) {
      const auto error = at_server(a, results.error());
      return tl::unexpected(each ? error : in_file(error, tally.logged + tally.others));
    }
    for (std::size_t n = 0; n < results->size(); ++n) say_result(a, batches[i].events[n], (*results)[n], each, tally);
  }
  return tally;
}

// Grows by one a second, so that a demonstration begins above what an earlier one has left.
std::uint64_t demo_version() {
  constexpr std::chrono::sys_days begin = std::chrono::year(2025) / 1 / 1;
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - begin).count());
}

// The token of a development server, for who has not said who he is.
Result<holdfast::Nothing> take_demo_token(Arguments& a) {
  if (!a.token.empty()) return holdfast::Nothing{};
  auto made = development_token(a, holdfast::DevToken{"erp", "ERP", {"admin"}, {}});
  if (!made && made.error().code == Code::not_found)
    return holdfast::failure(Code::unauthenticated,
                             tr("You are not signed in to {}. `{}` does it.", a.server, typed("login")));
  if (!made) return tl::unexpected(at_server(a, made.error()));
  a.token = *std::move(made);
  return holdfast::Nothing{};
}

// Publishes all of them and says how many the server did not know better.
Result<holdfast::Nothing> publish_demo(const Arguments& a, Client& client,
                                       const std::vector<holdfast::StatusEvent>& bills) {
  std::size_t older = 0;
  for (std::size_t at = 0; at < bills.size();) {
    const std::size_t end = std::min(bills.size(), at + batch_events_max);
    holdfast::Publish what;
    for (; at < end; ++at) what.events.emplace_back(bills[at]);
    auto results = client.publish(std::move(what));
    if (!results) return tl::unexpected(at_server(a, results.error()));
    older += static_cast<std::size_t>(std::ranges::count_if(
        *results, [](const Published& result) { return result.what != Published::What::logged; }));
  }
  if (a.json)
    say_event("published", {{"bills", bills.size() - older}, {"older", older}});
  else
    say(counted(bills.size() - older, "{} bill published", "{} bills published") +
        (older > 0 ? tr(", of {} the server knows a newer version", older) : "") + tr(". See them: {}", typed("todo")) +
        "\n");
  return holdfast::Nothing{};
}

}  // namespace

int publish(const Arguments& a) {
  const bool from_file = !a.file.empty();
  if (from_file != a.target.empty()) return report(a, wrong(tr("Give a bill, or --file with events."), "bill").value());
  std::vector<Batch> batches;
  if (from_file) {
    auto read = read_events(a.file);
    if (!read) return report(a, read.error());
    batches = *std::move(read);
  } else {
    auto event = event_of(a);
    if (!event) return report(a, event.error());
    batches.push_back({{*std::move(event)}, 0});
  }
  auto client = connect(a, options_of(a));
  if (!client) return report(a, client.error());
  if (!from_file) {
    auto& event = std::get<holdfast::StatusEvent>(batches.front().events.front());
    if (const auto filled = event.deleted ? Result<void>() : fill(*client, a, event); !filled)
      return report(a, filled.error());
  }
  auto tally = publish_all(a, *client, std::move(batches), !from_file);
  if (!tally) return report(a, tally.error());
  if (from_file && !a.json)
    say(counted(tally->logged, "{} event logged", "{} events logged") + tr(", {} not.", tally->others) + "\n");
  return tally->others == 0 ? exit_done : exit_refused;
}

int resync(const Arguments& a) {
  auto read = read_events(a.file);
  if (!read) return report(a, read.error());
  std::vector<holdfast::StatusEvent> bills;
  for (Batch& batch : *read) {
    for (holdfast::LogEvent& event : batch.events) {
      auto* state = std::get_if<holdfast::StatusEvent>(&event);
      if (state == nullptr) return report(a, wrong(tr("A resync has bills only, and no runs."), "file").value());
      bills.push_back(std::move(*state));
    }
  }
  auto client = connect(a, options_of(a));
  if (!client) return report(a, client.error());
  auto done = client->resync(a.type, bills);
  if (!done) return report(a, at_server(a, done.error()));
  if (a.json)
    say_json({{"type", a.type}, {"bills", done->bills}, {"left", done->left}});
  else
    say(tr("{} has {} now; {} left.", plain(a.type), counted(done->bills, "{} bill", "{} bills"), done->left) + "\n");
  return exit_done;
}

int demo_data(const Arguments& given) {
  Attention attention;
  if (!attention.take()) return exit_unavailable;
  Arguments a = given;
  if (auto taken = take_demo_token(a); !taken) return report(a, taken.error());
  std::atomic<bool> failed{false};
  std::atomic<bool> closed{false};
  std::atomic<std::uint32_t> unanswered{0};
  auto options = options_of(a);
  options.on_link = [&](const holdfast::LinkChange& change) {
    closed = change.link == holdfast::Link::closed;
    attention.call();
  };
  auto client = connect(a, std::move(options));
  if (!client) return report(a, client.error());
  const CatalogNames names = a.live && !a.json ? CatalogNames::ask(a) : CatalogNames();
  DemoBills demo(a.bills, a.seed, demo_version(), speaks_chinese());
  if (auto done = publish_demo(a, *client, demo.all()); !done) return report(a, done.error());
  if (!a.live) return exit_done;

  // Published without waiting: while the server is away the bills go on moving, and it hears of all of it.
  const int pause_ms = static_cast<int>(1'000 / a.per_second);
  for (std::uint32_t n = 0; (a.count == 0 || n < a.count) && !failed && !closed && output_error() == 0; ++n) {
    const holdfast::StatusEvent& bill = demo.move();
    if (a.json)
      say_event("moved", {{"type", bill.type}, {"id", bill.id}, {"action", bill.action}, {"by", bill.actor.user}});
    else
      say(tr("{} {} {} {}", plain(bill.actor.name), names.action(bill.action), names.type(bill.type), plain(bill.no)) +
          "\n");
    ++unanswered;
    client->publish({.events = {bill}}, [&](Result<std::vector<Published>> results) {
      if (!results && !failed.exchange(true)) report(a, at_server(a, results.error()));
      --unanswered;
      attention.call();
    });
    if (n + 1 == a.count) break;
    const auto until = std::chrono::steady_clock::now() + Millis(pause_ms);
    for (auto left = Millis(pause_ms); left.count() > 0 && !failed && !closed;
         left = std::chrono::duration_cast<Millis>(until - std::chrono::steady_clock::now())) {
      const auto woken = attention.wait(static_cast<int>(left.count()));
      if (woken.output_gone || (woken.signal != 0 && woken.signal != SIGCHLD)) return exit_done;
    }
  }
  while (unanswered > 0 && !closed) {
    const auto woken = attention.wait();
    if (woken.signal != 0 && woken.signal != SIGCHLD) break;
  }
  return failed || closed ? exit_unavailable : exit_done;
}

}  // namespace hf::cli
