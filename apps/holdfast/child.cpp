#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace hf::cli {
namespace {

constexpr int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD};

// Who is not in the foreground may give the terminal to another or write to it only while SIGTTOU is blocked.
class Background {
 public:
  Background() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &set, &before_);
  }
  ~Background() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

 private:
  sigset_t before_{};
};

void give_terminal(int terminal, pid_t group) {
  const Background background;
  ::tcsetpgrp(terminal, group);
}

void write_to(int terminal, const std::string& text) {
  const Background background;
  [[maybe_unused]] const auto written = ::write(terminal, text.data(), text.size());
}

}  // namespace

Attention::~Attention() {
  if (signals_ >= 0) ::close(signals_);
  if (calls_ >= 0) ::close(calls_);
}

bool Attention::take() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : watched) sigaddset(&set, signal);
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

Attention::Woken Attention::wait(int timeout_ms, Input input) {
  pollfd fds[4] = {{signals_, POLLIN, 0}, {calls_, POLLIN, 0}, {STDOUT_FILENO, 0, 0}, {STDIN_FILENO, POLLIN, 0}};
  if (output_gone_) fds[2].fd = -1;  // said once, or it would be said without end
  if (input == Input::leave) fds[3].fd = -1;
  if (::poll(fds, 4, timeout_ms) <= 0) return {};
  const bool gone = (fds[2].revents & (POLLERR | POLLHUP)) != 0;
  const bool typed = (fds[3].revents & (POLLIN | POLLHUP)) != 0;
  output_gone_ = output_gone_ || gone;
  std::uint64_t count = 0;
  if ((fds[1].revents & POLLIN) != 0) {
    [[maybe_unused]] const auto got = ::read(calls_, &count, sizeof count);
  }
  signalfd_siginfo info{};
  if ((fds[0].revents & POLLIN) != 0 && ::read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    return {static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL, gone, typed};
  }
  return {0, false, gone, typed};
}

namespace {

constexpr char launch_word[] = "--launch";
constexpr char launcher[] = "/proc/self/exe";

// The environment of this program with `added` in place of what has those names.
std::vector<std::string> environment_with(const Environment& added) {
  std::vector<std::string> all;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view line = *one;
    const auto is_it = [&](const auto& pair) { return line.starts_with(pair.first + "="); };
    if (std::none_of(added.begin(), added.end(), is_it)) all.emplace_back(line);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// What posix_spawn does between fork and exec.
struct Spawning {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;

  Spawning() {
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
  }
  ~Spawning() {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
  }
  Spawning(const Spawning&) = delete;
  Spawning& operator=(const Spawning&) = delete;

  void set(bool own_group, int foreground_of) {
    sigset_t mask, defaults;
    pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    for (const int signal : watched) sigdelset(&mask, signal);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &mask);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (own_group) {
      posix_spawnattr_setpgroup(&attributes, 0);
      flags = static_cast<short>(flags | POSIX_SPAWN_SETPGROUP);
    }
    posix_spawnattr_setflags(&attributes, flags);
    if (foreground_of >= 0) posix_spawn_file_actions_addtcsetpgrp_np(&actions, foreground_of);
  }
};

}  // namespace

bool Child::start(const std::vector<std::string>& command, const Environment& environment) {
  int failure[2];
  if (::pipe2(failure, O_CLOEXEC) != 0) return false;
  terminal_ = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
  const bool in_front = terminal_ >= 0 && ::tcgetpgrp(terminal_) == ::getpgrp();
  const bool apart = !in_front || (::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1);
  termios modes{};
  if (in_front && ::tcgetattr(terminal_, &modes) == 0) modes_ = modes;

  // The launcher is told the end of the pipe by number, and closes it by becoming the command.
  std::vector<std::string> words{"holdfast", launch_word, std::to_string(::getpid()), std::to_string(failure[1])};
  words.insert(words.end(), command.begin(), command.end());
  std::vector<std::string> variables = environment_with(environment);
  Spawning spawning;
  spawning.set(apart, apart && in_front ? terminal_ : -1);
  posix_spawn_file_actions_adddup2(&spawning.actions, failure[1], failure[1]);  // clears its O_CLOEXEC
  int why = ::posix_spawn(&pid_, launcher, &spawning.actions, &spawning.attributes, pointers_to(words).data(),
                          pointers_to(variables).data());
  ::close(failure[1]);
  if (why == 0) {
    if (apart) group_ = pid_;
    if (::read(failure[0], &why, sizeof why) != static_cast<ssize_t>(sizeof why)) why = 0;
    if (why != 0) ::waitpid(pid_, nullptr, 0);
  }
  ::close(failure[0]);
  if (why != 0) {
    take_terminal_back();
    pid_ = group_ = -1;
    errno = why;
    return false;
  }
  has_screen_ = in_front && ::isatty(STDERR_FILENO) == 1;
  return true;
}

bool Child::is_launch(int count, char** arguments) noexcept {
  return count > 4 && std::string_view(arguments[1]) == launch_word;
}

int Child::launch(int count, char** arguments) noexcept {
  const auto parent = static_cast<pid_t>(::atoi(arguments[2]));
  const int failure = ::atoi(arguments[3]);
  ::fcntl(failure, F_SETFD, FD_CLOEXEC);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() == parent && arguments[count] == nullptr) {
    ::execvp(arguments[4], arguments + 4);
    const int why = errno;
    [[maybe_unused]] const auto written = ::write(failure, &why, sizeof why);
  }
  return 127;
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

// An editor that is ended by a signal may leave the terminal raw, and one that is killed leaves its whole picture.
void Child::restore_modes(int by_signal) const {
  if (!modes_ || ::tcgetpgrp(terminal_) != ::getpgrp()) return;
  std::string out;
  // The normal screen, the cursor, plain pasting, no reports of the mouse, plain colours.
  if (by_signal != 0) out = "\x1b[?1049l\x1b[?25h\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1006l\x1b[0m\r\n";
  if (titled_) out += "\x1b[23;2t";
  if (!out.empty()) write_to(terminal_, out);
  ::tcsetattr(terminal_, TCSADRAIN, &*modes_);
}

void Child::ring(const std::string& text) const {
  if (!has_screen_) return;
  const char* kind = ::getenv("TERM");
  const std::string_view term = kind == nullptr ? "" : kind;
  std::string out;
  if (!term.empty() && term != "dumb" && !term.starts_with("linux")) {
    if (!titled_) out += "\x1b[22;2t";  // the terminal keeps the old title until restore_modes()
    out += "\x1b]2;" + text + "\x07";
    titled_ = true;
  }
  out += "\x07";
  write_to(terminal_, out);
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
  restore_modes(WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace hf::cli
