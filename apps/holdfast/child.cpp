#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

namespace hf::cli {
namespace {

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD}) sigaddset(&set, signal);
  return set;
}

// Who is not in the foreground may give the terminal to another only while SIGTTOU is blocked.
void give_terminal(int terminal, pid_t group) {
  sigset_t set, before;
  sigemptyset(&set);
  sigaddset(&set, SIGTTOU);
  pthread_sigmask(SIG_BLOCK, &set, &before);
  ::tcsetpgrp(terminal, group);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
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

Attention::Woken Attention::wait(int timeout_ms) {
  pollfd fds[3] = {{signals_, POLLIN, 0}, {calls_, POLLIN, 0}, {STDOUT_FILENO, 0, 0}};
  if (output_gone_) fds[2].fd = -1;  // said once, or it would be said without end
  if (::poll(fds, 3, timeout_ms) <= 0) return {};
  const bool gone = (fds[2].revents & (POLLERR | POLLHUP)) != 0;
  output_gone_ = output_gone_ || gone;
  std::uint64_t count = 0;
  if ((fds[1].revents & POLLIN) != 0) {
    [[maybe_unused]] const auto got = ::read(calls_, &count, sizeof count);
  }
  signalfd_siginfo info{};
  if ((fds[0].revents & POLLIN) != 0 && ::read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    return {static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL, gone};
  }
  return {0, false, gone};
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
  terminal_ = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
  const bool in_front = terminal_ >= 0 && ::tcgetpgrp(terminal_) == ::getpgrp();
  const bool apart = !in_front || (::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    if (apart) ::setpgid(0, 0);
    if (apart && in_front) give_terminal(terminal_, ::getpid());
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(127);
    const sigset_t set = watched();
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::execvp(arguments[0], arguments.data());
    const int why = errno;
    [[maybe_unused]] const auto written = ::write(failure[1], &why, sizeof why);
    ::_exit(127);
  }
  ::close(failure[1]);
  if (apart && pid_ > 0) {  // both do it, since nobody knows who comes first
    ::setpgid(pid_, pid_);
    group_ = pid_;
    if (in_front) give_terminal(terminal_, group_);
  }
  int why = 0;
  const bool failed = pid_ < 0 || ::read(failure[0], &why, sizeof why) > 0;
  ::close(failure[0]);
  if (failed && pid_ > 0) ::waitpid(pid_, nullptr, 0);
  if (failed) {
    take_terminal_back();
    pid_ = group_ = -1;
    errno = why;
  }
  return !failed;
}

Child::~Child() {
  if (terminal_ >= 0) ::close(terminal_);
}

void Child::send(int signal) const {
  if (group_ > 0)
    ::kill(-group_, signal);
  else if (pid_ > 0)
    ::kill(pid_, signal);
}

bool Child::leaves_others() const { return group_ > 0 && ::kill(-group_, 0) == 0; }

void Child::take_terminal_back() const {
  if (group_ > 0 && terminal_ >= 0 && ::tcgetpgrp(terminal_) == group_) give_terminal(terminal_, ::getpgrp());
}

void Child::stop_with_it() {
  take_terminal_back();
  ::kill(::getpid(), SIGSTOP);
  // Here the shell has let us go on, in the foreground or in the background.
  if (terminal_ >= 0 && ::tcgetpgrp(terminal_) == ::getpgrp()) give_terminal(terminal_, group_);
  send(SIGCONT);
}

std::optional<int> Child::ended() {
  int status = 0;
  if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG | WUNTRACED) != pid_) return std::nullopt;
  if (WIFSTOPPED(status)) {
    const bool by_terminal = WSTOPSIG(status) == SIGTSTP || WSTOPSIG(status) == SIGTTIN || WSTOPSIG(status) == SIGTTOU;
    if (group_ > 0 && by_terminal) stop_with_it();
    return std::nullopt;
  }
  pid_ = -1;
  take_terminal_back();
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace hf::cli
