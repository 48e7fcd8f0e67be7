#include "tests/client/terminal.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string_view>

namespace hf::test {
namespace {

constexpr int patience_ms = 30'000;

std::vector<std::string> variables_with(const std::vector<std::string>& added) {
  std::vector<std::string> all = added;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view line = *one;
    const std::string name(line.substr(0, line.find('=') + 1));
    bool is_there = line.starts_with("HOLDFAST_");
    for (const std::string& other : added) is_there = is_there || other.starts_with(name);
    if (!is_there) all.emplace_back(line);
  }
  return all;
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::optional<int> code_of(pid_t pid) {
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (handle < 0) return std::nullopt;
  pollfd ended{handle, POLLIN, 0};
  const int ready = ::poll(&ended, 1, patience_ms);
  ::close(handle);
  int status = 0;
  if (ready <= 0 || ::waitpid(pid, &status, 0) != pid) return std::nullopt;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void end(pid_t pid) {
  if (pid <= 0) return;
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

}  // namespace

Terminal::Terminal(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                   unsigned short rows, unsigned short columns) {
  const std::vector<std::string> variables = variables_with(environment);
  const std::vector<char*> argv = pointers_to(arguments);
  const std::vector<char*> envp = pointers_to(variables);
  const winsize size{rows, columns, 0, 0};
  pid_ = ::forkpty(&master_, nullptr, nullptr, &size);
  if (pid_ == 0) {
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
}

Terminal::~Terminal() {
  if (master_ >= 0) ::close(master_);  // hangs up: whatever runs there gets SIGHUP
  end(pid_);
}

void Terminal::type(const std::string& text) const {
  [[maybe_unused]] const auto written = ::write(master_, text.data(), text.size());
}

bool Terminal::read_some(int left_ms) {
  pollfd ready{master_, POLLIN, 0};
  if (::poll(&ready, 1, left_ms) <= 0) return false;
  std::array<char, 4096> part;
  const ssize_t got = ::read(master_, part.data(), part.size());
  if (got <= 0) return false;  // EIO: nobody has it open any more
  output_.append(part.data(), static_cast<std::size_t>(got));
  return true;
}

std::optional<std::size_t> Terminal::shown(const std::string& text, std::size_t from) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_ms);
  while (true) {
    if (const auto at = output_.find(text, from); at != std::string::npos) return at;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    if (left <= 0 || !read_some(static_cast<int>(left))) return std::nullopt;
  }
}

termios Terminal::modes() const {
  termios modes{};
  ::tcgetattr(master_, &modes);
  return modes;
}

std::optional<int> Terminal::wait() {
  while (read_some(patience_ms)) {
  }
  const auto code = code_of(pid_);
  if (code) pid_ = -1;
  return code;
}

Background::Background(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
  const std::vector<std::string> variables = variables_with(environment);
  if (::posix_spawn(&pid_, arguments[0].c_str(), nullptr, nullptr, pointers_to(arguments).data(),
                    pointers_to(variables).data()) != 0)
    pid_ = -1;
}

Background::~Background() { end(pid_); }

void Background::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

std::optional<int> Background::wait() {
  const auto code = code_of(pid_);
  if (code) pid_ = -1;
  return code;
}

}  // namespace hf::test
