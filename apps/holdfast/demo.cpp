// `holdfast demo`: two people, one bill, live. Without a server it starts its own, and kills it at the end.

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <thread>

#include "commands.h"
#include "show.h"

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
    pid_ = ::fork();
    if (pid_ == 0) {
      if (::freopen(log.c_str(), "a", stderr) == nullptr || ::freopen(log.c_str(), "a", stdout) == nullptr)
        ::_exit(127);
      ::execv(arguments[0], const_cast<char**>(arguments));
      ::_exit(127);
    }
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
    Told<holdfast::Request> asked;
    Told<holdfast::Lost> gone;
    Told<Result<holdfast::LockHandle>> wangs;
    Told<bool> back;

    auto li = person("li", "Li", {.on_requested = [&](const holdfast::Request& request) { asked.tell(request); }});
    if (!li) return failed(li.error());
    auto wang = person("wang", "Wang", {.on_link = [&](const holdfast::LinkChange& change) {
                         if (change.resumed) back.tell(true);
                       }});
    if (!wang) return failed(wang.error());

    step("Li opens the order " + bill_ + " to edit it.");
    auto lis = li->acquire({.targets = {bill_}, .label = "SO-" + number_, .on_lost = [&](const holdfast::Lost& lost) {
                              gone.tell(lost);
                            }});
    if (!lis) return failed(lis.error());
    step("  It is Li's now, under the fencing token " + std::to_string(lis->token()) + ".");

    step("Wang wants to edit it, too.");
    auto refused = wang->acquire({.targets = {bill_}});
    if (refused || refused.error().code != holdfast::Code::locked) {
      return refused ? failed("Wang got a lock that Li holds") : failed(refused.error());
    }
    step("  Refused at once, and Wang sees why:\n  " +
         conflict(refused.error().conflicts.empty() ? holdfast::Conflict{} : refused.error().conflicts[0]));

    step("Wang asks Li for it.");
    holdfast::Ask ask;
    ask.lock = refused.error().conflicts.empty() ? lis->id() : refused.error().conflicts[0].lock;
    ask.message = "The customer is on the phone, may I?";
    ask.wait = Millis(60'000);
    wang->request(ask, [&](Result<holdfast::LockHandle> handle) { wangs.tell(std::move(handle)); });
    const auto request = asked.wait();
    if (!request) return failed("Li was not told of the request");
    step("  Li's window shows: " + plain(request->user_name) + " asks for it: \"" + plain(request->message) + "\"");

    step("Li agrees.");
    auto agreed = li->agree(request->request);
    if (!agreed) return failed(agreed.error());
    const auto lost = gone.wait();
    if (!lost) return failed("Li was not told that the lock is gone");
    auto handed = wangs.wait();
    if (!handed || !*handed) return handed ? failed(handed->error()) : failed("Wang was not told of the lock");
    holdfast::LockHandle wang_has = std::move(**handed);
    step("  Wang has it, without a free moment in between, under the token " + std::to_string(wang_has.token()) + ".");

    if (own_ != nullptr) {
      step("Now the server is killed (kill -9) and started again.");
      own_->stop(SIGKILL);
      if (!own_->start()) return failed("the server did not start again");
      if (!back.wait()) return failed("Wang's client did not come back");
      auto verified = wang->verify(wang_has.id(), wang_has.token(), {bill_});
      if (!verified) return failed(verified.error());
      if (!verified->valid || !wang_has.held()) return failed("the lock did not survive");
      step("  Wang's client came back by itself, and the lock is still there, valid for " +
           duration(verified->valid_for) + " at least.");
      auto again = li->acquire({.targets = {bill_}});
      if (again) return failed("Li got a lock that Wang holds");
      step("  Li tries again: " + plain(again.error().text()));
    }
    step("Wang saves and closes the order.");
    auto released = wang_has.release();
    if (!released) return failed(released.error());
    step("  It is free. That is Holdfast.");
    return exit_done;
  }

 private:
  Result<Client> person(const std::string& user, const std::string& name, holdfast::Options options) {
    auto token = holdfast::dev_token(url_, {user, name, {"editor"}, {}});
    if (!token) return tl::unexpected(token.error());
    options.url = url_;
    options.token = *token;
    options.language = a_.language;
    options.client = {"holdfast demo", {}, name + "'s window"};
    options.deadline = step_max;
    auto client = Client::open(std::move(options));
    if (!client) return client;
    if (auto ready = client->wait_ready(); !ready) return tl::unexpected(ready.error());
    return client;
  }
  void step(const std::string& line) {
    if (a_.json)
      std::cout << boost::json::serialize(boost::json::object{{"step", line}}) << std::endl;
    else
      std::cout << line << std::endl;
  }
  int failed(const holdfast::Error& error) { return report(a_, error); }
  int failed(const std::string& why) {
    std::cerr << "holdfast: the demo failed: " << why << std::endl;
    return exit_refused;
  }

  const Arguments& a_;
  std::string url_;
  OwnServer* own_;
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
      std::cerr << "holdfast: " << own.program().string() << " does not start" << std::endl;
      return exit_unavailable;
    }
    if (!a.json) std::cout << "A server of the demo's own runs at " << own.url() << "." << std::endl;
    return Story(a, own.url(), &own).tell();
  }
  return Story(a, a.server, nullptr).tell();
}

}  // namespace hf::cli
