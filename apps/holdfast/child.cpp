#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hf::cli {
namespace {

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD}) sigaddset(&set, signal);
  return set;
}

}  // namespace

Attention::~Attention() {
  if (signals_ >= 0) ::close(signals_);
  if (calls_ >= 0) ::close(calls_);
}

bool Attention::take() {
  const sigset_t set = watched();
  ::signal(SIGPIPE, SIG_IGN);
  if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return false;
  signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  calls_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return signals_ >= 0 && calls_ >= 0;
}

void Attention::call() const noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(calls_, &one, sizeof one);
}

Attention::Woken Attention::wait(int timeout_ms) const {
  pollfd fds[2] = {{signals_, POLLIN, 0}, {calls_, POLLIN, 0}};
  if (::poll(fds, 2, timeout_ms) <= 0) return {};
  std::uint64_t count = 0;
  if ((fds[1].revents & POLLIN) != 0) {
    [[maybe_unused]] const auto got = ::read(calls_, &count, sizeof count);
  }
  signalfd_siginfo info{};
  if ((fds[0].revents & POLLIN) != 0 && ::read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    return {static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL};
  }
  return {};
}

bool Child::start(const std::vector<std::string>& command, const Environment& environment) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  // Between fork and exec of a program with threads only what POSIX calls async-signal-safe may happen, which
  // setenv is not; so the environment is made before.
  for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
  int failure[2];
  if (::pipe2(failure, O_CLOEXEC) != 0) return false;
  pid_ = ::fork();
  if (pid_ == 0) {
    const sigset_t set = watched();
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::execvp(arguments[0], arguments.data());
    const int why = errno;
    [[maybe_unused]] const auto written = ::write(failure[1], &why, sizeof why);
    ::_exit(127);
  }
  ::close(failure[1]);
  int why = 0;
  const bool failed = pid_ < 0 || ::read(failure[0], &why, sizeof why) > 0;
  ::close(failure[0]);
  if (failed && pid_ > 0) ::waitpid(pid_, nullptr, 0);
  if (failed) {
    pid_ = -1;
    errno = why;
  }
  return !failed;
}

void Child::send(int signal) const {
  if (pid_ > 0) ::kill(pid_, signal);
}

std::optional<int> Child::ended() {
  int status = 0;
  if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace hf::cli
