#include "commands.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include <atomic>
#include <charconv>
#include <iostream>
#include <mutex>

#include "child.h"
#include "client/http.h"
#include "client/values.h"
#include "console.h"
#include "show.h"
#include "wire/server_messages.h"

namespace hf::cli {
namespace {

namespace json = boost::json;
using holdfast::Client;
using holdfast::Code;
using holdfast::Error;
using holdfast::Millis;
using holdfast::Result;

constexpr Millis command_grace{10'000};  // from SIGTERM to SIGKILL for a command whose lock was lost

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return {};
  return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}
std::string plain_in(const json::object& object, std::string_view name) { return plain(text_in(object, name)); }

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

// The list of that name in an answer; other elements than objects are left out.
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

// A question or an answer goes by HTTP and takes no session: who has all his sessions open can still look, answer
// and end one of them.
Result<std::string> send(const Arguments& a, const std::string& method, const std::string& path,
                         const json::object& fields = {}) {
  if (a.token.empty()) return no_token();
  auto answer = client::call_over_http({.url = a.server,
                                        .token = a.token,
                                        .language = a.language,
                                        .method = method,
                                        .path = path,
                                        .body = method == "POST" ? json::serialize(fields) : std::string()});
  if (!answer) return tl::unexpected(at_server(a, answer.error()));
  return answer;
}

// The same, its answer parsed.
Result<json::value> ask(const Arguments& a, const std::string& method, const std::string& path,
                        const json::object& fields = {}) {
  auto answer = send(a, method, path, fields);
  if (!answer) return tl::unexpected(answer.error());
  boost::system::error_code failed;
  auto value = json::parse(*answer, failed);
  if (failed) return holdfast::failure(Code::unavailable, "the server's answer is no JSON");
  return value;
}

Result<holdfast::Nothing> tell(const Arguments& a, const std::string& method, const std::string& path,
                               const json::object& fields = {}) {
  auto answer = send(a, method, path, fields);
  if (!answer) return tl::unexpected(answer.error());
  return holdfast::Nothing{};
}

std::string query_of(const json::object& fields) {
  std::string query;
  for (const auto& [name, value] : fields) {
    query += query.empty() ? "?" : "&";
    query += std::string(name) + "=" + client::url_escaped(text_in(fields, name));
  }
  return query;
}

json::array texts(const std::vector<std::string>& list) {
  json::array out;
  for (const std::string& text : list) out.emplace_back(text);
  return out;
}

// The id in a path; nothing but an id makes sense there.
Result<std::string> id_of(const std::string& text, const char* what) {
  const auto id = LockId::parse(text);
  if (id && !id->is_nil()) return client::url_escaped(text);
  return holdfast::failure(Code::invalid, "'" + text + "' is no id of a " + what + ": it has 26 letters and digits",
                           what);
}

Result<std::vector<holdfast::CheckedTarget>> check_targets(const Arguments& a, const std::vector<std::string>& targets,
                                                           bool shared = false) {
  auto body =
      send(a, "POST", "/v1/locks/check", {{"targets", texts(targets)}, {"mode", shared ? "shared" : "exclusive"}});
  if (!body) return tl::unexpected(body.error());
  auto outcome = parse_outcome(Op::lock_check, *body);
  const Checked* checked = outcome ? std::get_if<Checked>(&*outcome) : nullptr;
  if (checked == nullptr) return holdfast::failure(Code::unavailable, "the server's answer was not understood");
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

bool is_lock_id(const std::string& text) {
  return text.size() == 26 && text.find_first_of(":/") == std::string::npos &&
         std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::string held_line(const holdfast::Conflict& one) {
  const std::string name = plain(one.user_name.empty() ? one.user : one.user_name);
  return (name.empty() ? "somebody" : name) + " holds " + plain(one.target) + " (lock " + plain(one.lock) + ")";
}

// Who holds something that is in the way of `text`, each lock once.
Result<std::vector<holdfast::Conflict>> holders_near(const Arguments& a, const std::string& text) {
  auto checked = check_targets(a, {text});
  if (!checked) return tl::unexpected(checked.error());
  std::vector<holdfast::Conflict> near;
  for (const holdfast::CheckedTarget& item : *checked) {
    for (const holdfast::Conflict& one : item.conflicts) {
      if (!one.waiting) near.push_back(one);
    }
  }
  return near;
}

enum class Whose : std::uint8_t { anybodys, ones_own };

// `text` is a lock's id, or a target: then the one lock on exactly that target. A lock above or below it is another
// one, and to end it by mistake is worse than to end none.
Result<std::string> lock_on(const Arguments& a, const std::string& text, Whose whose) {
  if (is_lock_id(text)) return text;
  auto near = holders_near(a, text);
  if (!near) return tl::unexpected(near.error());
  std::vector<holdfast::Conflict> found;
  for (const holdfast::Conflict& one : *near) {
    const bool other = std::none_of(found.begin(), found.end(), [&](const auto& f) { return f.lock == one.lock; });
    if (one.target == text && other && (whose == Whose::anybodys || one.same_user)) found.push_back(one);
  }
  if (found.size() == 1) return found[0].lock;
  std::string list;
  for (const holdfast::Conflict& one : found.empty() ? *near : found)
    list += (list.empty() ? "" : "; ") + held_line(one);
  if (!found.empty())
    return holdfast::failure(Code::invalid, "several locks are on " + text + ", name one by its id: " + list, "target");
  return holdfast::failure(Code::not_found, (whose == Whose::anybodys ? "nobody holds " : "you do not hold ") + text +
                                                " itself" + (list.empty() ? "" : "; " + list));
}

bool lies_in(std::string_view target, std::string_view above) {
  if (!target.starts_with(above)) return false;
  return target.size() == above.size() || target[above.size()] == ':' || target[above.size()] == '/';
}

// The lock to ask for, to get `text`: one that covers it. An empty text: nobody holds it.
Result<std::string> lock_over(const Arguments& a, const std::string& text) {
  auto near = holders_near(a, text);
  if (!near) return tl::unexpected(near.error());
  std::string list;
  for (const holdfast::Conflict& one : *near) {
    if (lies_in(text, one.target)) return one.lock;
    list += "; " + held_line(one);
  }
  if (list.empty()) return std::string();
  return holdfast::failure(Code::locked, "only parts of " + text + " are held, ask for these" + list);
}

Result<Millis> duration_of(const std::string& text, Millis otherwise, const char* option) {
  if (text.empty()) return otherwise;
  const auto parsed = parse_duration(text);
  if (!parsed)
    return holdfast::failure(Code::invalid, std::string(option) + ": '" + text + "' is no time; write 30s, 2m or 1h",
                             option);
  return *parsed;
}

std::string request_line(const holdfast::Request& request) {
  std::string targets;
  for (const std::string& target : request.targets) targets += " " + plain(target);
  std::string line = "* " + plain(request.user_name.empty() ? request.user : request.user_name) + " asks for" + targets;
  if (!request.message.empty()) line += ": \"" + plain(request.message) + "\"";
  return line + "\n  answer: holdfast agree " + request.request + "   or: refuse " + request.request +
         " --reason '…'   or: defer " + request.request + " --by 2m\n";
}

std::string lost_line(const holdfast::Lost& lost) {
  static constexpr const char* sentences[] = {"it was released",
                                              "its lease ran out",
                                              "it was held as long as its type allows",
                                              "it was forced",
                                              "it was handed over",
                                              "it continues elsewhere",
                                              "its session was ended",
                                              "the server's store lost it",
                                              "it could not be renewed in time",
                                              "another client took the session over",
                                              "the server no longer lists it",
                                              "the connection was closed"};
  std::string line = std::string("lock lost: ") + sentences[static_cast<std::size_t>(lost.reason)];
  if (!lost.by_name.empty() || !lost.by.empty()) line += " by " + plain(lost.by_name.empty() ? lost.by : lost.by_name);
  if (!lost.note.empty()) line += ": " + plain(lost.note);
  return line;
}

// What the threads of the client and the loop of the terminal share while a lock is held.
struct Holding {
  Attention attention;
  std::mutex mutex;
  std::optional<Result<holdfast::LockHandle>> answer;
  std::optional<holdfast::Lost> lost;

  void tell(holdfast::Lost what) {
    if (!what.whole) return;
    {
      std::lock_guard guard(mutex);
      lost = std::move(what);
    }
    attention.call();
  }
  std::optional<holdfast::Lost> take_lost() {
    std::lock_guard guard(mutex);
    return lost;
  }
};

int hold(const Arguments& a, Holding& holding, holdfast::LockHandle handle) {
  const holdfast::LockInfo info = handle.info();
  std::string targets;
  for (const std::string& target : info.targets) targets += (targets.empty() ? "" : " ") + target;
  if (a.json)
    say_event("held", to_json(info));
  else if (a.command.empty())
    say("Held: " + plain(targets) + " (lock " + info.lock + ", token " + std::to_string(info.token) +
        "). Ctrl-C releases.\n");

  Child child;
  if (!a.command.empty()) {
    const Environment environment{{"HOLDFAST_LOCK", info.lock},
                                  {"HOLDFAST_TOKEN_NUMBER", std::to_string(info.token)},
                                  {"HOLDFAST_TARGETS", targets},
                                  {"HOLDFAST_SERVER", a.server}};
    if (!child.start(a.command, environment)) {
      complain("holdfast: " + a.command[0] + ": " + ::strerror(errno) + "\n");
      return exit_usage;
    }
  }
  std::optional<holdfast::Lost> lost;
  std::optional<int> ended;
  std::optional<std::chrono::steady_clock::time_point> kill_at;
  for (;;) {
    const auto woken = holding.attention.wait(kill_at ? 200 : -1);
    if (!lost) {
      lost = holding.take_lost();
      if (lost) {
        if (a.json) say_event("lost", to_json(*lost));
        complain("holdfast: " + lost_line(*lost) + "\n");
        if (a.command.empty()) return exit_refused;
        child.send(SIGTERM);
        kill_at = std::chrono::steady_clock::now() + command_grace;
      }
    }
    if (kill_at && std::chrono::steady_clock::now() >= *kill_at) child.send(SIGKILL);
    if (!a.command.empty()) {
      if (!ended) ended = child.ended();
      // What it started may not go on without the lock either.
      if (ended && !(lost && child.leaves_others())) return lost ? exit_refused : *ended;
      if (woken.signal != 0 && woken.signal != SIGCHLD && (child.is_apart() || !woken.from_terminal))
        child.send(woken.signal);
    } else if (woken.output_gone || output_error() != 0 || (woken.signal != 0 && woken.signal != SIGCHLD)) {
      break;
    }
  }
  auto released = handle.release();
  if (!released) return report(a, released.error());
  if (a.json)
    say_event("released", {{"lock", info.lock}});
  else
    say("Released.\n");
  return exit_done;
}

// lock and request: takes (start begins it, its answer comes to `holding`), then holds.
int take_and_hold(const Arguments& a, const std::function<Result<holdfast::Nothing>(Client&, Holding&)>& start) {
  Holding holding;
  if (!holding.attention.take()) {
    complain(std::string("holdfast: ") + ::strerror(errno) + "\n");
    return exit_unavailable;
  }
  auto options = options_of(a);
  options.on_requested = [&a](const holdfast::Request& asked) {
    if (a.json)
      say_event("requested", to_json(asked));
    else
      complain(request_line(asked));
  };
  options.on_link = [&a](const holdfast::LinkChange& change) {
    if (a.json) return;
    if (change.link == holdfast::Link::connecting)
      complain("holdfast: the connection is down (" + plain(change.why.text()) + "), trying again …\n");
    if (change.link == holdfast::Link::ready && change.resumed)
      complain("holdfast: connected again, nothing was lost.\n");
  };
  auto client = connect(a, std::move(options));
  if (!client) return report(a, client.error());
  auto started = start(*client, holding);
  if (!started) return report(a, started.error());
  for (;;) {
    {
      std::lock_guard guard(holding.mutex);
      if (holding.answer) break;
    }
    const auto woken = holding.attention.wait();
    if (woken.signal != 0 && woken.signal != SIGCHLD) return 128 + woken.signal;
    if (woken.output_gone && a.command.empty()) return exit_done;
  }
  if (!*holding.answer) return report(a, holding.answer->error());
  return hold(a, holding, std::move(**holding.answer));
}

holdfast::Done<holdfast::LockHandle> answer_to(Holding& holding) {
  return [&holding](Result<holdfast::LockHandle> answer) {
    {
      std::lock_guard guard(holding.mutex);
      holding.answer = std::move(answer);
    }
    holding.attention.call();
  };
}

std::function<void(const std::string&, std::uint32_t)> waiting_line(const Arguments& a) {
  return [&a](const std::string& wait, std::uint32_t position) {
    if (a.json)
      say_event("waiting", {{"wait", wait}, {"position", position}});
    else
      complain("Waiting, position " + std::to_string(position) + " (" + wait + ")\n");
  };
}

int done(const Arguments& a, const Result<holdfast::Nothing>& result, const std::string& sentence) {
  if (!result) return report(a, result.error());
  if (a.json)
    say_json({{"ok", true}});
  else
    say(sentence + "\n");
  return exit_done;
}

}  // namespace

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

int lock(const Arguments& a) {
  const auto wait = duration_of(a.wait, Millis(0), "wait");
  const auto ttl = duration_of(a.ttl, Millis(0), "ttl");
  if (!wait) return report(a, wait.error());
  if (!ttl) return report(a, ttl.error());
  if (!a.ttl.empty() && ttl->count() == 0)
    return report(
        a, holdfast::failure(Code::invalid, "ttl: 0 would end the lock at once; leave it out for none", "ttl").value());
  return take_and_hold(a, [&](Client& client, Holding& holding) -> Result<holdfast::Nothing> {
    holdfast::Acquire what;
    what.targets = a.targets;
    what.mode = a.shared ? holdfast::Mode::shared : holdfast::Mode::exclusive;
    what.wait = *wait;
    what.ttl = *ttl;
    what.label = a.label;
    what.reason = a.reason;
    what.on_waiting = waiting_line(a);
    what.on_lost = [&holding](const holdfast::Lost& lost) { holding.tell(lost); };
    client.acquire(std::move(what), answer_to(holding));
    return holdfast::Nothing{};
  });
}

int request(const Arguments& a) {
  const auto wait = duration_of(a.wait, Millis(600'000), "wait");
  if (!wait) return report(a, wait.error());
  return take_and_hold(a, [&](Client& client, Holding& holding) -> Result<holdfast::Nothing> {
    const bool by_id = is_lock_id(a.target);
    auto id = by_id ? Result<std::string>(a.target) : lock_over(a, a.target);
    if (!id) return tl::unexpected(id.error());
    if (id->empty()) {  // it is free: take it
      holdfast::Acquire what;
      what.targets = {a.target};
      what.wait = *wait;
      what.on_waiting = waiting_line(a);
      what.on_lost = [&holding](const holdfast::Lost& lost) { holding.tell(lost); };
      client.acquire(std::move(what), answer_to(holding));
      return holdfast::Nothing{};
    }
    holdfast::Ask what;
    what.lock = *id;
    if (!by_id) what.targets = {a.target};
    what.message = a.message;
    what.wait = *wait;
    what.on_waiting = waiting_line(a);
    what.on_answered = [&a](const holdfast::Answer& answer) {
      if (a.json)
        say_event(
            "answered",
            {{"request", answer.request}, {"answer", answer.answer}, {"reason", answer.reason}, {"by", answer.by}});
      else
        complain("* " + plain(answer.by_name.empty() ? answer.by : answer.by_name) + ": " + plain(answer.answer) +
                 (answer.reason.empty() ? "" : ", \"" + plain(answer.reason) + "\"") + "\n");
    };
    what.on_lost = [&holding](const holdfast::Lost& lost) { holding.tell(lost); };
    client.request(std::move(what), answer_to(holding));
    return holdfast::Nothing{};
  });
}

// A lock belongs to a window; it is moved into this command's and released there.
int unlock(const Arguments& a) {
  auto id = lock_on(a, a.target, Whose::ones_own);
  if (!id) return report(a, id.error());
  auto client = connect(a, options_of(a));
  if (!client) return report(a, client.error());
  auto handle = client->take_over(*id);
  if (!handle) return report(a, handle.error());
  return done(a, handle->release(), "Released.");
}

int locks(const Arguments& a) {
  json::object fields{{"limit", a.limit}};
  if (!a.type.empty()) fields["type"] = a.type;
  if (!a.user.empty()) fields["user"] = a.user;
  if (!a.client.empty()) fields["client"] = a.client;
  if (!a.kind.empty()) fields["kind"] = a.kind;
  const auto older = duration_of(a.older, Millis(0), "older");
  if (!older) return report(a, older.error());
  if (older->count() > 0) fields["older_ms"] = older->count();
  auto answer = ask(a, "GET", "/v1/locks" + query_of(fields));
  if (!answer) return report(a, answer.error());
  if (a.json) return say(json::serialize(*answer) + "\n"), exit_done;
  std::vector<std::vector<std::string>> rows;
  for (const json::object& one : list_in(*answer, "locks")) {
    const std::string name = plain_in(one, "user_name");
    rows.push_back({joined(one, "targets"), plain_in(one, "mode"), name.empty() ? plain_in(one, "user") : name,
                    since(text_in(one, "acquired_at")), plain_in(one, "kind"), plain_in(one, "label"),
                    plain_in(one, "lock")});
  }
  if (rows.empty())
    say("No locks.\n");
  else
    say(table({"TARGETS", "MODE", "HOLDER", "FOR", "KIND", "LABEL", "LOCK"}, rows));
  if (answer->is_object() && answer->get_object().contains("next"))
    say("There are more: narrow it with --type, --user or --older, or raise --limit.\n");
  return exit_done;
}

// "version 8: 审核 by Li Lei, DataStatus 4".
std::string bill_line(const holdfast::StatusEvent& bill) {
  std::string line = "version " + std::to_string(bill.version.value_or(0));
  std::string separator = ": ";
  const auto add = [&](const std::string& text) { line += std::exchange(separator, ", ") + text; };
  if (bill.deleted) add("deleted");
  const std::string by = plain(bill.actor.name.empty() ? bill.actor.user : bill.actor.name);
  if (!bill.action.empty()) add(plain(bill.action) + (by.empty() ? "" : " by " + by));
  for (const auto& [column, value] : bill.state) {
    const auto* const number = std::get_if<std::int64_t>(&value);
    add(plain(column) + " " + (number != nullptr ? std::to_string(*number) : plain(std::get<std::string>(value))));
  }
  return line;
}

int watch(const Arguments& a) {
  Attention attention;
  if (!attention.take()) return exit_unavailable;
  std::atomic<std::uint32_t> seen{0};
  std::atomic<bool> closed{false};
  auto options = options_of(a);
  options.on_watch = [&](const holdfast::WatchEvent& event) {
    if (a.json) {
      say(event.json + "\n");
    } else if (event.what == holdfast::WatchEvent::What::lock_free) {
      say(plain(event.target) + ": free\n");
    } else if (event.what == holdfast::WatchEvent::What::lock_changed && event.holder) {
      const auto& holder = *event.holder;
      say(plain(event.target) + ": " + plain(holder.user_name.empty() ? holder.user : holder.user_name) +
          " has it, for " + since(holder.acquired_at) + "\n");
    } else if (event.bill) {
      say(plain(event.target) + ": " + bill_line(*event.bill) + "\n");
    } else {
      say(plain(event.target) + ": the bill is gone, or not yours to see\n");
    }
    ++seen;
    attention.call();
  };
  options.on_link = [&](const holdfast::LinkChange& change) {
    closed = change.link == holdfast::Link::closed;
    attention.call();
  };
  auto client = connect(a, std::move(options));
  if (!client) return report(a, client.error());
  auto checked = check_targets(a, a.targets);
  if (!checked) return report(a, checked.error());
  auto watching = client->watch(a.targets);
  if (!watching) return report(a, watching.error());
  if (a.json) say_event("watch", {{"targets", items_of(*checked)}});
  for (const holdfast::CheckedTarget& item : *checked) {
    if (a.json) continue;
    if (item.conflicts.empty()) say(plain(item.target) + ": free\n");
    for (const holdfast::Conflict& one : item.conflicts) say(conflict(one));
  }
  while (!closed && output_error() == 0 && (a.count == 0 || seen < a.count)) {
    const auto woken = attention.wait();
    if (woken.output_gone || (woken.signal != 0 && woken.signal != SIGCHLD)) return exit_done;
  }
  return closed ? exit_unavailable : exit_done;
}

int agree(const Arguments& a) {
  const auto id = id_of(a.target, "request");
  if (!id) return report(a, id.error());
  auto answer = ask(a, "POST", "/v1/requests/" + *id + "/agree");
  if (!answer) return report(a, answer.error());
  const auto* object = answer->if_object();
  const auto* value = object == nullptr ? nullptr : object->if_contains("granted");
  const bool granted = value != nullptr && value->is_bool() && value->get_bool();
  if (a.json) return say_json({{"granted", granted}}), exit_done;
  say(granted ? "Agreed: they have it now.\n" : "Agreed: they are first in the queue; others still hold part of it.\n");
  return exit_done;
}

int refuse(const Arguments& a) {
  const auto id = id_of(a.target, "request");
  if (!id) return report(a, id.error());
  return done(a, tell(a, "POST", "/v1/requests/" + *id + "/refuse", {{"reason", a.reason}}),
              "Refused; they may wait on.");
}

int defer(const Arguments& a) {
  const auto by = duration_of(a.by, Millis(120'000), "by");
  if (!by) return report(a, by.error());
  const auto id = id_of(a.target, "request");
  if (!id) return report(a, id.error());
  return done(a, tell(a, "POST", "/v1/requests/" + *id + "/defer", {{"ms", by->count()}}),
              "Deferred: they were told that you will answer in " + duration(*by) + ".");
}

int force(const Arguments& a) {
  auto id = lock_on(a, a.target, Whose::anybodys);
  if (!id) return report(a, id.error());
  auto lock = ask(a, "GET", "/v1/locks/" + client::url_escaped(*id));
  // Who may end a lock need not be one who may see it.
  if (!lock && lock.error().code != Code::forbidden && lock.error().code != Code::not_found)
    return report(a, lock.error());
  const json::object grant = lock && lock->is_object() ? lock->get_object() : json::object();
  auto forced = tell(a, "POST", "/v1/locks/" + client::url_escaped(*id) + "/force", {{"reason", a.reason}});
  if (!forced) return report(a, forced.error());
  json::object ended{{"ok", true}, {"lock", *id}};
  for (const char* name : {"user", "user_name", "targets"}) {
    if (const json::value* value = grant.if_contains(name)) ended[name] = *value;
  }
  std::string name = plain_in(grant, "user_name");
  if (name.empty()) name = plain_in(grant, "user");
  if (a.json)
    say_json(std::move(ended));
  else
    say("Ended: " + joined(grant, "targets") + (name.empty() ? "" : ", held by " + name) + " (lock " + plain(*id) +
        "). The holder was told who and why.\n");
  return exit_done;
}

int check(const Arguments& a) {
  auto checked = check_targets(a, a.targets, a.shared);
  if (!checked) return report(a, checked.error());
  bool free = true;
  for (const holdfast::CheckedTarget& item : *checked) {
    free = free && item.free;
    if (a.json) continue;
    if (item.conflicts.empty()) {
      say(plain(item.target) + ": " + (item.mine ? "yours" : "free") + "\n");
    } else {
      for (const holdfast::Conflict& one : item.conflicts) say(conflict(one));
    }
  }
  if (a.json) say_json({{"targets", items_of(*checked)}});
  return free ? exit_done : exit_refused;
}

int verify(const Arguments& a) {
  const auto id = id_of(a.target, "lock");
  if (!id) return report(a, id.error());
  auto body = send(a, "POST", "/v1/locks/verify",
                   {{"lock", a.target}, {"token", a.fencing_token}, {"targets", texts(a.targets)}});
  if (!body) return report(a, body.error());
  const auto outcome = parse_outcome(Op::lock_verify, *body);
  const Verified* verified = outcome ? std::get_if<Verified>(&*outcome) : nullptr;
  if (verified == nullptr)
    return report(a, holdfast::failure(Code::unavailable, "the server's answer was not understood").value());
  if (a.json)
    say_json({{"valid", verified->valid}, {"valid_for_ms", verified->valid_for.count()}, {"why", verified->why}});
  else if (verified->valid)
    say("Valid for " + duration(verified->valid_for) + " at least.\n");
  else
    say("Not valid: " + plain(verified->why) + "\n");
  return verified->valid ? exit_done : exit_refused;
}

int token(const Arguments& a) {
  holdfast::DevToken who{a.target, a.name, a.roles, a.ns, a.employee, a.departments, a.super};
  if (who.roles.empty()) who.roles = {"editor"};
  auto made = holdfast::dev_token(a.server, who);
  if (!made) {
    Error error = made.error();
    if (error.code == Code::not_found) error.detail = "this server gives no tokens: it does not run with --dev";
    if (error.code == Code::unavailable) error.detail = a.server + ": " + error.text();
    return report(a, error);
  }
  if (a.json)
    say_json({{"token", *made}});
  else
    say(*made + "\n");
  return exit_done;
}

int catalog(const Arguments& a) {
  auto answer = ask(a, "GET", "/v1/catalog");
  if (!answer) return report(a, answer.error());
  if (a.json && a.target.empty()) return say(json::serialize(*answer) + "\n"), exit_done;
  std::vector<std::vector<std::string>> rows;
  for (const json::object& type : list_in(*answer, "types")) {
    const std::string name = plain_in(type, "name");
    if (!a.target.empty() && name != a.target) continue;
    if (a.json) return say_json(type), exit_done;
    if (!a.target.empty()) {
      for (const auto& [key, value] : type)
        say(std::string(key) + ": " +
            plain(value.is_string() ? std::string(value.get_string()) : json::serialize(value)) + "\n");
      return exit_done;
    }
    std::string parts = joined(type, "parts");
    if (parts.empty()) parts = joined(type, "details");
    rows.push_back({name, plain_in(type, "zh"), plain_in(type, "en"), parts});
  }
  if (!a.target.empty())
    return report(a, holdfast::failure(Code::not_found, "the catalog has no type " + a.target).value());
  say(rows.empty() ? "The catalog has no types.\n" : table({"TYPE", "ZH", "EN", "PARTS"}, rows));
  return exit_done;
}

int sessions(const Arguments& a) {
  if (!a.session.empty()) {
    const auto id = id_of(a.session, "session");
    if (!id) return report(a, id.error());
    return done(a, tell(a, "DELETE", "/v1/sessions/" + *id), "Ended, and its locks with it.");
  }
  auto answer = ask(a, "GET", "/v1/sessions" + query_of({{"limit", a.limit}}));
  if (!answer) return report(a, answer.error());
  if (a.json) return say(json::serialize(*answer) + "\n"), exit_done;
  std::vector<std::vector<std::string>> rows;
  for (const json::object& one : list_in(*answer, "sessions")) {
    std::string from;
    if (const json::value* client = one.if_contains("client"); client != nullptr && client->is_object()) {
      from = plain_in(client->get_object(), "program") + " " + plain_in(client->get_object(), "window") + " " +
             plain_in(client->get_object(), "host");
    }
    const std::string name = plain_in(one, "user_name");
    rows.push_back({plain_in(one, "session"), name.empty() ? plain_in(one, "user") : name, from,
                    since(text_in(one, "opened_at")), since(text_in(one, "last_activity_at"))});
  }
  say(table({"SESSION", "USER", "FROM", "OPEN FOR", "IDLE FOR"}, rows));
  return exit_done;
}

int requests(const Arguments& a) {
  auto answer = ask(a, "GET", "/v1/requests");
  if (!answer) return report(a, answer.error());
  if (a.json) return say(json::serialize(*answer) + "\n"), exit_done;
  std::vector<std::vector<std::string>> rows;
  for (const json::object& one : list_in(*answer, "requests")) {
    const std::string name = plain_in(one, "user_name");
    rows.push_back({plain_in(one, "request"), joined(one, "targets"), name.empty() ? plain_in(one, "user") : name,
                    plain_in(one, "state"), since(text_in(one, "since")), plain_in(one, "message")});
  }
  say(rows.empty() ? "No requests.\n" : table({"REQUEST", "TARGETS", "BY", "STATE", "FOR", "MESSAGE"}, rows));
  return exit_done;
}

int notices(const Arguments& a) {
  json::array all;
  for (std::string next;;) {
    json::object fields{{"limit", 500}};
    if (!next.empty()) fields["next"] = next;
    auto answer = ask(a, "GET", "/v1/notices" + query_of(fields));
    if (!answer) return report(a, answer.error());
    const auto page = list_in(*answer, "notices");
    if (page.empty()) break;
    for (const json::object& one : page) all.push_back(one);
    next = text_in(answer->get_object(), "next");
  }
  json::array numbers;
  for (const json::value& one : all) {
    if (const auto* number = one.get_object().if_contains("notice")) numbers.push_back(*number);
  }
  if (a.json) {
    say(json::serialize(json::object{{"notices", all}}) + "\n");
  } else {
    std::vector<std::vector<std::string>> rows;
    for (const json::value& value : all) {
      const json::object& one = value.get_object();
      const auto* by = one.if_contains("actor");
      const std::string no = plain_in(one, "no");
      rows.push_back({plain_in(one, "notice"), since(text_in(one, "at")),
                      plain_in(one, "type") + " " + (no.empty() ? plain_in(one, "id") : no), plain_in(one, "action"),
                      by != nullptr && by->is_object() ? plain_in(by->get_object(), "name") : "",
                      plain_in(one, "reason")});
    }
    say(rows.empty() ? "No notices.\n" : table({"NOTICE", "SINCE", "BILL", "ACTION", "BY", "REASON"}, rows));
  }
  // What could not be shown was not read.
  constexpr std::size_t at_a_time = 500;
  for (std::size_t i = 0; a.read && output_error() == 0 && i < numbers.size(); i += at_a_time) {
    const json::array some(numbers.begin() + static_cast<std::ptrdiff_t>(i),
                           numbers.begin() + static_cast<std::ptrdiff_t>(std::min(i + at_a_time, numbers.size())));
    auto done = ask(a, "POST", "/v1/notices/read", json::object{{"notices", some}});
    if (!done) return report(a, done.error());
  }
  return exit_done;
}

int stats(const Arguments& a) {
  auto answer = ask(a, "GET", "/v1/stats");
  if (!answer) return report(a, answer.error());
  if (a.json) return say(json::serialize(*answer) + "\n"), exit_done;
  std::vector<std::vector<std::string>> rows;
  if (answer->is_object()) {
    for (const auto& [key, value] : answer->get_object()) {
      rows.push_back(
          {std::string(key), plain(value.is_string() ? std::string(value.get_string()) : json::serialize(value))});
    }
  }
  say(table({"WHAT", "NOW"}, rows));
  return exit_done;
}

}  // namespace hf::cli
