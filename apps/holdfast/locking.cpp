#include <algorithm>

#include "asking.h"
#include "base/percent.h"
#include "console.h"
#include "holding.h"
#include "show.h"
#include "wire/server_messages.h"
#include "words.h"

namespace hf::cli {
namespace {

namespace json = boost::json;
using holdfast::Client;
using holdfast::Code;
using holdfast::Millis;
using holdfast::Result;

bool is_lock_id(const std::string& text) {
  return text.size() == 26 && text.find_first_of(":/") == std::string::npos &&
         std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::string held_line(const holdfast::Conflict& one) {
  const std::string name = plain(one.user_name.empty() ? one.user : one.user_name);
  return tr("{} holds {} (lock {})", name.empty() ? tr("somebody") : name, plain(one.target), plain(one.lock));
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
    return holdfast::failure(Code::invalid, tr("Several locks are on {}. Name one by its id: {}.", text, list),
                             "target");
  const std::string none =
      whose == Whose::anybodys ? tr("Nobody holds {} itself", text) : tr("You do not hold {} itself", text);
  return holdfast::failure(Code::not_found, none + (list.empty() ? "" : "; " + list) + tr("."));
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
    list += (list.empty() ? "" : "; ") + held_line(one);
  }
  if (list.empty()) return std::string();
  return holdfast::failure(Code::locked, tr("Only parts of {} are held. Ask for these: {}.", text, list));
}

std::function<void(const std::string&, std::uint32_t)> waiting_line(const Arguments& a) {
  return [&a](const std::string& wait, std::uint32_t position) {
    if (a.json)
      say_event("waiting", {{"wait", wait}, {"position", position}});
    else
      complain(complaint(tr("Waiting for it, at place {} of the queue (wait {}). Ctrl-C gives up.", position, wait)));
  };
}

std::string why_not(const std::string& why) {
  if (why == "not_holder") return tr("the lock has another token or another holder");
  if (why == "not_covered") return tr("the lock does not cover all targets");
  if (why == "too_short") return tr("its time is too short");
  if (why == "lock_gone") return tr("the lock has ended");
  return plain(why);
}

}  // namespace

int lock(const Arguments& a) {
  const auto wait = duration_of(a.wait, Millis(0), "wait");
  const auto ttl = duration_of(a.ttl, Millis(0), "ttl");
  if (!wait) return report(a, wait.error());
  if (!ttl) return report(a, ttl.error());
  if (!a.ttl.empty() && ttl->count() == 0)
    return report(
        a, holdfast::failure(Code::invalid, tr("--ttl: 0 would end the lock at once. Leave it out for none."), "ttl")
               .value());
  return take_and_hold(a, [&](Client& client, Holding& holding) -> Result<holdfast::Nothing> {
    holdfast::Acquire what;
    what.targets = a.targets;
    what.mode = a.shared ? holdfast::Mode::shared : holdfast::Mode::exclusive;
    what.wait = *wait;
    what.ttl = *ttl;
    what.label = a.label;
    what.reason = a.reason;
    what.on_waiting = waiting_line(a);
    what.on_lost = [&holding](const holdfast::Lost& lost) { holding.lost(lost); };
    client.acquire(std::move(what), [&holding](Holding::Answer answer) { holding.answered(std::move(answer)); });
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
      what.on_lost = [&holding](const holdfast::Lost& lost) { holding.lost(lost); };
      client.acquire(std::move(what), [&holding](Holding::Answer answer) { holding.answered(std::move(answer)); });
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
    what.on_lost = [&holding](const holdfast::Lost& lost) { holding.lost(lost); };
    client.request(std::move(what), [&holding](Holding::Answer answer) { holding.answered(std::move(answer)); });
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
  return done(a, handle->release(), tr("Released."));
}

int force(const Arguments& a) {
  auto id = lock_on(a, a.target, Whose::anybodys);
  if (!id) return report(a, id.error());
  auto lock = ask(a, "GET", "/v1/locks/" + percent_encoded(*id));
  // Who may end a lock need not be one who may see it.
  if (!lock && lock.error().code != Code::forbidden && lock.error().code != Code::not_found)
    return report(a, lock.error());
  const json::object grant = lock && lock->is_object() ? lock->get_object() : json::object();
  auto forced = tell(a, "POST", "/v1/locks/" + percent_encoded(*id) + "/force", {{"reason", a.reason}});
  if (!forced) return report(a, forced.error());
  json::object ended{{"ok", true}, {"lock", *id}};
  for (const char* name : {"user", "user_name", "targets"}) {
    if (const json::value* value = grant.if_contains(name)) ended[name] = *value;
  }
  const std::string name = person_in(grant);
  if (a.json)
    say_json(std::move(ended));
  else
    say(name.empty()
            ? tr("Ended: {} (lock {}). The holder was told who and why.", joined(grant, "targets"), plain(*id)) + "\n"
            : tr("Ended: {}, held by {} (lock {}). The holder was told who and why.", joined(grant, "targets"), name,
                 plain(*id)) +
                  "\n");
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
      say((item.mine ? tr("{}: yours", plain(item.target)) : tr("{}: free", plain(item.target))) + "\n");
    } else {
      for (const holdfast::Conflict& one : item.conflicts) say(conflict(one));
    }
  }
  if (a.json) say_json({{"targets", items_of(*checked)}});
  return free ? exit_done : exit_refused;
}

int verify(const Arguments& a) {
  const auto id = id_of(a.target, Named::lock);
  if (!id) return report(a, id.error());
  auto body = send(a, "POST", "/v1/locks/verify",
                   {{"lock", a.target}, {"token", a.fencing_token}, {"targets", texts(a.targets)}});
  if (!body) return report(a, body.error());
  const auto outcome = parse_outcome(Op::lock_verify, *body);
  const Verified* verified = outcome ? std::get_if<Verified>(&*outcome) : nullptr;
  if (verified == nullptr)
    return report(a, holdfast::failure(Code::unavailable, tr("The server's answer was not understood.")).value());
  if (a.json) {
    boost::json::object tokens;
    for (const HeldTarget& held : verified->targets) tokens[held.target.text()] = held.token;
    say_json({{"valid", verified->valid},
              {"valid_for_ms", verified->valid_for.count()},
              {"why", verified->why},
              {"tokens", std::move(tokens)}});
  } else if (verified->valid) {
    say(tr("Valid for {} at least.", duration(verified->valid_for)) + "\n");
    for (const HeldTarget& held : verified->targets)
      say(tr("Write {} with token {}.", plain(held.target.text()), std::to_string(held.token)) + "\n");
  } else {
    say(tr("Not valid: {}.", why_not(verified->why)) + "\n");
  }
  return verified->valid ? exit_done : exit_refused;
}

}  // namespace hf::cli
