#include "holding.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include <utility>

#include "console.h"
#include "show.h"
#include "words.h"

namespace hf::cli {
namespace {

using holdfast::Client;
using holdfast::Millis;
using holdfast::Result;
using std::chrono::steady_clock;

constexpr Millis command_grace{10'000};  // from SIGTERM to SIGKILL for a command whose lock was lost
constexpr int grace_beat_ms = 200;       // how often what a command has left behind is looked for meanwhile

std::string targets_of(const std::vector<std::string>& targets) {
  std::string out;
  for (const std::string& target : targets) out += (out.empty() ? "" : " ") + plain(target);
  return out;
}

std::string asks(const holdfast::Request& request) {
  const std::string name = plain(request.user_name.empty() ? request.user : request.user_name);
  return tr("{} asks for {}", name, targets_of(request.targets));
}

std::string request_line(const holdfast::Request& request) {
  std::string line = "* " + asks(request);
  if (!request.message.empty()) line += ": \"" + plain(request.message) + "\"";
  const std::string& id = request.request;
  return line + "\n  " + tr("agree:  {}", typed("agree " + id)) + "\n  " +
         tr("refuse: {}", typed("refuse " + id + " --reason '…'")) + "\n  " +
         tr("later:  {}", typed("defer " + id + " --by 2m")) + "\n";
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
  const std::string what = tr(sentences[static_cast<std::size_t>(lost.reason)]);
  const std::string by = plain(lost.by_name.empty() ? lost.by : lost.by_name);
  const std::string who = by.empty() ? what : tr("{} by {}", what, by);
  return complaint(tr("The lock is lost: {}.", lost.note.empty() ? who : who + tr(": ") + plain(lost.note)));
}

void say_held(const Arguments& a, const holdfast::LockInfo& info) {
  if (a.json) return say_event("held", to_json(info));
  if (!a.command.empty()) return;
  say(tr("Held: {} (lock {}, token {}). Ctrl-C releases it.", targets_of(info.targets), info.lock, info.token) + "\n");
}

// While the command runs: how it ended, once it may be told.
class Running {
 public:
  Running(const Arguments& a, Holding& holding) : a_(a), holding_(holding) {}

  bool start(const holdfast::LockInfo& info) {
    Environment given{{"HOLDFAST_LOCK", info.lock},
                      {"HOLDFAST_TOKEN_NUMBER", std::to_string(info.token)},
                      {"HOLDFAST_TARGETS", targets_of(info.targets)},
                      {"HOLDFAST_SERVER", a_.server}};
    if (!a_.ca.empty()) given.emplace_back("HOLDFAST_CA", a_.ca);
    return holding_.start(a_.command, given);
  }
  // Turn after turn: looks at what has happened, and waits for more.
  int until_its_end() {
    for (;;) {
      if (!kill_at_) look_for_loss();
      if (kill_at_ && steady_clock::now() >= *kill_at_) holding_.child().send(SIGKILL);
      if (!ended_) ended_ = holding_.ended();
      // What it started may not go on without the lock either.
      if (ended_ && !(kill_at_ && holding_.child().leaves_others())) break;
      const auto woken = holding_.wait(kill_at_ ? grace_beat_ms : -1);
      if (woken.signal != 0 && woken.signal != SIGCHLD && (holding_.child().is_apart() || !woken.from_terminal))
        holding_.child().send(woken.signal);
    }
    holding_.finish();
    return kill_at_ ? exit_refused : *ended_;
  }

 private:
  void look_for_loss() {
    const auto lost = holding_.loss();
    if (!lost) return;
    if (a_.json) say_event("lost", to_json(*lost));
    holding_.notify(lost_line(*lost), tr("The lock is lost"));
    holding_.child().send(SIGTERM);
    kill_at_ = steady_clock::now() + command_grace;
  }

  const Arguments& a_;
  Holding& holding_;
  std::optional<int> ended_;
  std::optional<steady_clock::time_point> kill_at_;  // set once the lock is lost
};

int hold_alone(const Arguments& a, Holding& holding, holdfast::LockHandle& handle) {
  const std::string lock = handle.id();
  for (;;) {
    if (const auto lost = holding.loss()) {
      if (a.json) say_event("lost", to_json(*lost));
      complain(lost_line(*lost));
      return exit_refused;
    }
    const auto woken = holding.wait();
    if (woken.output_gone || output_error() != 0 || (woken.signal != 0 && woken.signal != SIGCHLD)) break;
  }
  auto released = handle.release();
  if (!released) return report(a, released.error());
  if (a.json)
    say_event("released", {{"lock", lock}});
  else
    say(tr("Released.") + "\n");
  return exit_done;
}

int hold(const Arguments& a, Holding& holding, holdfast::LockHandle handle) {
  const holdfast::LockInfo info = handle.info();
  say_held(a, info);
  if (a.command.empty()) return hold_alone(a, holding, handle);
  Running running(a, holding);
  if (!running.start(info)) {
    complain(complaint(tr("Cannot start {}: {}.", a.command[0], ::strerror(errno))));
    return exit_usage;
  }
  return running.until_its_end();
}

holdfast::Options options_for(const Arguments& a, Holding& holding) {
  auto options = options_of(a);
  options.on_requested = [&](const holdfast::Request& asked) {
    if (a.json)
      say_event("requested", to_json(asked));
    else
      holding.notify(request_line(asked), asks(asked));
  };
  options.on_link = [&](const holdfast::LinkChange& change) {
    if (a.json) return;
    if (change.link == holdfast::Link::connecting) {
      holding.notify(complaint(tr("The connection is down ({}). Trying again …", plain(translated(change.why.text())))),
                     tr("The connection is down"));
    }
    if (change.link == holdfast::Link::ready && change.resumed)
      holding.notify(complaint(tr("Connected again, nothing was lost.")), tr("Connected again"));
  };
  return options;
}

}  // namespace

void Holding::answered(Answer answer) {
  {
    std::lock_guard guard(mutex_);
    answer_ = std::move(answer);
  }
  attention_.call();
}

void Holding::lost(holdfast::Lost what) {
  if (!what.whole) return;
  {
    std::lock_guard guard(mutex_);
    lost_ = std::move(what);
  }
  attention_.call();
}

void Holding::notify(const std::string& line, const std::string& short_text) {
  std::lock_guard guard(mutex_);
  if (!has_screen_) return complain(line);
  held_back_ += line;
  child_.ring(short_text);
}

std::optional<Holding::Answer> Holding::take_answer() {
  std::lock_guard guard(mutex_);
  return std::exchange(answer_, std::nullopt);
}

std::optional<holdfast::Lost> Holding::loss() const {
  std::lock_guard guard(mutex_);
  return lost_;
}

bool Holding::start(const std::vector<std::string>& command, const Environment& environment) {
  std::lock_guard guard(mutex_);
  const bool started = child_.start(command, environment);
  has_screen_ = started && child_.has_screen();
  return started;
}

std::optional<int> Holding::ended() {
  std::lock_guard guard(mutex_);
  const auto code = child_.ended();
  if (code) has_screen_ = false;
  return code;
}

void Holding::finish() {
  std::lock_guard guard(mutex_);
  has_screen_ = false;
  if (!held_back_.empty()) complain(std::exchange(held_back_, {}));
}

int take_and_hold(const Arguments& a, const std::function<Result<holdfast::Nothing>(Client&, Holding&)>& start) {
  Holding holding;
  if (!holding.begin()) {
    complain(complaint(tr("Signals cannot be waited for: {}.", ::strerror(errno))));
    return exit_unavailable;
  }
  auto client = connect(a, options_for(a, holding));
  if (!client) return report(a, client.error());
  auto started = start(*client, holding);
  if (!started) return report(a, started.error());
  for (;;) {
    if (auto answer = holding.take_answer())
      return *answer ? hold(a, holding, std::move(**answer)) : report(a, answer->error());
    const auto woken = holding.wait();
    if (woken.signal != 0 && woken.signal != SIGCHLD) return 128 + woken.signal;
    if (woken.output_gone && a.command.empty()) return exit_done;
  }
}

}  // namespace hf::cli
