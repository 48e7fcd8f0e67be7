// `holdfast demo`: two people, one bill, live. Without a server it starts its own, and kills it at the end.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "commands.h"
#include "console.h"
#include "show.h"
#include "words.h"

namespace hf::cli {
namespace {

using holdfast::Client;
using holdfast::Millis;
using holdfast::Result;
namespace fs = std::filesystem;

constexpr Millis server_start_max{15'000};
constexpr Millis step_max{30'000};

// A holdfastd of our own on a free port, with its data in a temporary folder; gone with this object.
class OwnServer {
 public:
  ~OwnServer() {
    stop(SIGTERM);
    std::error_code ignored;
    if (!data_.empty()) fs::remove_all(data_, ignored);
  }
  std::string url() const { return "http://127.0.0.1:" + port_; }

  bool prepare() {
    std::error_code failed;
    const fs::path self = fs::read_symlink("/proc/self/exe", failed);
    program_ = self.parent_path() / "holdfastd";
    if (failed || !fs::exists(program_, failed)) return false;
    std::string folder = (fs::temp_directory_path(failed) / "holdfast-demo-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) return false;
    data_ = folder;
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const bool bound = ::bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                       ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    ::close(probe);
    port_ = std::to_string(ntohs(address.sin_port));
    return bound;
  }
  // Starts it and waits until it gives tokens.
  bool start() {
    const std::string listen = "127.0.0.1:" + port_;
    const std::string program = program_.string();
    const std::string data = data_.string();
    const std::string log = (data_ / "server.log").string();
    const char* arguments[] = {program.c_str(), "--dev", "--listen", listen.c_str(), "--data", data.c_str(), nullptr};
    // By posix_spawn: the clients' threads run, and may hold what a fork would need.
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    const int failed = ::posix_spawn(&pid_, arguments[0], &actions, nullptr, const_cast<char**>(arguments), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) pid_ = -1;
    const auto until = std::chrono::steady_clock::now() + server_start_max;
    while (pid_ > 0 && std::chrono::steady_clock::now() < until) {
      if (holdfast::dev_token(url(), {"li", "Li", {"editor"}, {}}, Millis(1'000))) return true;
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = -1;
        return false;
      }
      std::this_thread::sleep_for(Millis(50));
    }
    return false;
  }
  void stop(int signal) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  const fs::path& program() const { return program_; }

 private:
  fs::path program_, data_;
  std::string port_;
  pid_t pid_ = -1;
};

// Something that another thread tells once.
template <class T>
class Told {
 public:
  void tell(T value) {
    std::lock_guard guard(mutex_);
    value_ = std::move(value);
    told_.notify_all();
  }
  std::optional<T> wait() {
    std::unique_lock guard(mutex_);
    told_.wait_for(guard, step_max, [&] { return value_.has_value(); });
    return std::move(value_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::optional<T> value_;
};

class Story {
 public:
  Story(const Arguments& a, std::string url, OwnServer* own) : a_(a), url_(std::move(url)), own_(own) {}

  int tell() {
    auto told = tell_all();
    if (!told) return report(a_, told.error());
    step(tr("It is free. That is Holdfast. Next: {}", typed("help")), Depth::inner);
    return exit_done;
  }

 private:
  enum class Depth : std::uint8_t { outer, inner };
  using Step = Result<holdfast::Nothing>;

  // One act after the other; the first that fails ends the story.
  Step tell_all() {
    auto begun = people_come();
    if (!begun) return begun;
    auto lis = li_takes_it();
    if (!lis) return tl::unexpected(lis.error());
    auto lock = wang_is_refused(*lis);
    if (!lock) return tl::unexpected(lock.error());
    auto wangs = wang_asks_and_gets_it(*lock);
    if (!wangs) return tl::unexpected(wangs.error());
    if (own_ != nullptr) {
      if (auto survived = the_server_dies(*wangs); !survived) return survived;
    }
    step(tr("{} saves and closes the order.", wangs_name_));
    return wangs->release();
  }

  Step people_come() {
    auto li =
        person("li", lis_name_, {.on_requested = [this](const holdfast::Request& request) { asked_.tell(request); }});
    if (!li) return tl::unexpected(li.error());
    auto wang = person("wang", wangs_name_, {.on_link = [this](const holdfast::LinkChange& change) {
                         if (change.resumed) back_.tell(true);
                       }});
    if (!wang) return tl::unexpected(wang.error());
    li_.emplace(*std::move(li));
    wang_.emplace(*std::move(wang));
    return holdfast::Nothing{};
  }

  Result<holdfast::LockHandle> li_takes_it() {
    step(tr("{} opens the order {} to edit it.", lis_name_, bill_));
    auto lis =
        li_->acquire({.targets = {bill_}, .label = "SO-" + number_, .on_lost = [this](const holdfast::Lost& lost) {
                        gone_.tell(lost);
                      }});
    if (lis) step(tr("It is {}'s now, under the fencing token {}.", lis_name_, lis->token()), Depth::inner);
    return lis;
  }

  // The id of the lock that is in the way.
  Result<std::string> wang_is_refused(const holdfast::LockHandle& lis) {
    step(tr("{} wants to edit it, too.", wangs_name_));
    auto refused = wang_->acquire({.targets = {bill_}});
    if (refused) return wrong(tr("{} got a lock that {} holds.", wangs_name_, lis_name_));
    if (refused.error().code != holdfast::Code::locked) return tl::unexpected(refused.error());
    const auto& conflicts = refused.error().conflicts;
    const holdfast::Conflict first = conflicts.empty() ? holdfast::Conflict{} : conflicts[0];
    step(tr("Refused at once, and {} sees why:", wangs_name_) + "\n  " + without_end(conflict(first)), Depth::inner);
    return first.lock.empty() ? lis.id() : first.lock;
  }

  Result<holdfast::LockHandle> wang_asks_and_gets_it(const std::string& lock) {
    step(tr("{} asks {} for it.", wangs_name_, lis_name_));
    holdfast::Ask ask;
    ask.lock = lock;
    ask.message = tr("The customer is on the phone, may I?");
    ask.wait = Millis(60'000);
    wang_->request(ask, [this](Result<holdfast::LockHandle> handle) { handed_.tell(std::move(handle)); });
    const auto request = asked_.wait();
    if (!request) return wrong(tr("{} was not told of the request.", lis_name_));
    step(tr("{}'s window shows: {} asks for it: \"{}\"", lis_name_, plain(request->user_name), plain(request->message)),
         Depth::inner);
    step(tr("{} agrees.", lis_name_));
    auto agreed = li_->agree(request->request);
    if (!agreed) return tl::unexpected(agreed.error());
    if (!gone_.wait()) return wrong(tr("{} was not told that the lock is gone.", lis_name_));
    auto handed = handed_.wait();
    if (!handed) return wrong(tr("{} was not told of the lock.", wangs_name_));
    if (*handed) {
      step(tr("{} has it, without a free moment in between, under the token {}.", wangs_name_, (*handed)->token()),
           Depth::inner);
    }
    return std::move(*handed);
  }

  Step the_server_dies(const holdfast::LockHandle& wangs) {
    step(tr("Now the server is killed (kill -9) and started again."));
    own_->stop(SIGKILL);
    if (!own_->start()) return wrong(tr("The server did not start again."));
    if (!back_.wait()) return wrong(tr("{}'s client did not come back.", wangs_name_));
    auto verified = wang_->verify(wangs.id(), wangs.token(), {bill_});
    if (!verified) return tl::unexpected(verified.error());
    if (!verified->valid || !wangs.held()) return wrong(tr("The lock did not survive."));
    step(tr("{}'s client came back by itself, and the lock is still there, valid for {} at least.", wangs_name_,
            duration(verified->valid_for)),
         Depth::inner);
    auto again = li_->acquire({.targets = {bill_}});
    if (again) return wrong(tr("{} got a lock that {} holds.", lis_name_, wangs_name_));
    step(tr("{} tries again: {}", lis_name_, plain(translated(again.error().text()))), Depth::inner);
    return holdfast::Nothing{};
  }

  Result<Client> person(const std::string& user, const std::string& name, holdfast::Options options) {
    auto token = holdfast::dev_token(url_, {user, name, {"editor"}, {}}, step_max, a_.ca);
    if (!token) return tl::unexpected(token.error());
    options.url = url_;
    options.ca_file = a_.ca;
    options.token = *token;
    options.language = a_.language;
    options.client = {"holdfast demo", {}, tr("{}'s window", name)};
    options.deadline = step_max;
    auto client = Client::open(std::move(options));
    if (!client) return client;
    if (auto ready = client->wait_ready(); !ready) return tl::unexpected(ready.error());
    return client;
  }
  void step(const std::string& text, Depth depth = Depth::outer) {
    if (a_.json)
      say_json({{"step", text}});
    else
      say((depth == Depth::inner ? "  " : "") + text + "\n");
  }
  static tl::unexpected<holdfast::Error> wrong(const std::string& why) {
    return holdfast::failure(holdfast::Code::other, tr("The demo failed: {}", why));
  }
  static std::string without_end(std::string text) {
    while (text.ends_with('\n')) text.pop_back();
    return text;
  }

  const Arguments& a_;
  std::string url_;
  OwnServer* own_;
  const std::string lis_name_ = tr("Li");
  const std::string wangs_name_ = tr("Wang");
  Told<holdfast::Request> asked_;
  Told<holdfast::Lost> gone_;
  Told<Result<holdfast::LockHandle>> handed_;
  Told<bool> back_;
  std::optional<Client> li_, wang_;  // last: their callbacks tell the above
  // A new order each time: the last one may be locked by somebody who tried the demo's commands himself.
  const std::string number_ =
      std::to_string(std::chrono::duration_cast<Millis>(std::chrono::system_clock::now().time_since_epoch()).count());
  const std::string bill_ = "SaleOrder:" + number_;
};

}  // namespace

int demo(const Arguments& a) {
  if (a.server_given) return Story(a, a.server, nullptr).tell();
  OwnServer own;
  if (own.prepare()) {
    if (!own.start()) {
      complain(complaint(tr("{} does not start.", own.program().string())));
      return exit_unavailable;
    }
    if (!a.json) say(tr("A server of the demo's own runs at {}.", own.url()) + "\n");
    return Story(a, own.url(), &own).tell();
  }
  return Story(a, a.server, nullptr).tell();
}

}  // namespace hf::cli
