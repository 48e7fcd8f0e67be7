#include "tests/server/server_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace hf::test {
namespace {

constexpr int start_patience_ms = 60'000;  // sanitizers on a busy machine

std::string read_all(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// Starts a program with its standard output on `output` and its standard error on `errors`.
pid_t spawn(const std::vector<std::string>& arguments, const std::vector<std::string>& environment, int output,
            int errors) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::vector<char*> envp;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view line = *one;
    const std::string_view name = line.substr(0, line.find('=') + 1);
    const bool given = std::any_of(environment.begin(), environment.end(),
                                   [&](const std::string& variable) { return variable.starts_with(name); });
    if (!given && !line.starts_with("HOLDFAST_")) envp.push_back(*one);
  }
  for (const std::string& variable : environment) envp.push_back(const_cast<char*>(variable.c_str()));
  envp.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawn_file_actions_adddup2(&actions, errors, 2);
  pid_t pid = -1;
  const int failed = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  return failed == 0 ? pid : -1;
}

// The exit code, or nothing if the process still runs after `patience_ms`.
std::optional<int> wait_for(pid_t pid, int patience_ms) {
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (handle < 0) return std::nullopt;
  pollfd ended{handle, POLLIN, 0};
  const int ready = ::poll(&ended, 1, patience_ms);
  ::close(handle);
  int status = 0;
  if (ready <= 0 || ::waitpid(pid, &status, 0) != pid) return std::nullopt;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

std::string holdfastd_path() { return HF_HOLDFASTD; }

TemporaryDirectory::TemporaryDirectory() {
  std::string name = std::filesystem::temp_directory_path().string() + "/holdfast-test-XXXXXX";
  path_ = ::mkdtemp(name.data()) != nullptr ? name : std::string("/nonexistent");
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;  // what cannot be removed is left to the system
  std::filesystem::remove_all(path_, ignored);
}

ServerProcess::ServerProcess(std::string data, std::vector<std::string> arguments, std::vector<std::string> environment,
                             std::vector<std::string> wrapper) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
  std::filesystem::create_directories(data);
  log_path_ = data + "/stderr.log";
  const int errors = ::open(log_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  std::vector<std::string> all = std::move(wrapper);
  const std::vector<std::string> ours = {holdfastd_path(), "--dev",  "--listen",
                                         "127.0.0.1:0",    "--data", std::move(data)};
  all.insert(all.end(), ours.begin(), ours.end());
  all.insert(all.end(), arguments.begin(), arguments.end());
  pid_ = spawn(all, environment, ends[1], errors);
  ::close(errors);
  ::close(ends[1]);
  pipe_ = ends[0];
  std::string line;
  while (read_line(line)) {
    const auto colon = line.rfind(':');
    if (line.starts_with("listening on http://") && colon != std::string::npos) {
      port_ = static_cast<std::uint16_t>(std::atoi(line.c_str() + colon + 1));
      return;
    }
  }
}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) kill();
  if (pipe_ >= 0) ::close(pipe_);
}

bool ServerProcess::read_line(std::string& line) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(start_patience_ms);
  std::size_t end = 0;
  while ((end = output_.find('\n')) == std::string::npos) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    pollfd ready{pipe_, POLLIN, 0};
    if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) <= 0) return false;
    std::array<char, 4096> block;
    const ssize_t got = ::read(pipe_, block.data(), block.size());
    if (got <= 0) return false;
    output_.append(block.data(), static_cast<std::size_t>(got));
  }
  line = output_.substr(0, end);
  output_.erase(0, end + 1);
  return true;
}

void ServerProcess::signal(int number) const noexcept {
  if (pid_ > 0) ::kill(pid_, number);
}

std::optional<Ended> ServerProcess::wait(int patience_ms) {
  const auto code = pid_ > 0 ? wait_for(pid_, patience_ms) : std::nullopt;
  if (!code) return std::nullopt;
  pid_ = -1;
  return Ended{*code, output_, log()};
}

std::optional<Ended> ServerProcess::stop() {
  signal(SIGTERM);
  return wait();
}

void ServerProcess::kill() {
  signal(SIGKILL);
  wait();
}

std::uint64_t ServerProcess::memory() const {
  std::ifstream in("/proc/" + std::to_string(pid_) + "/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  in >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::string ServerProcess::log() const { return read_all(log_path_); }

Ended run_program(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                  int patience_ms) {
  const TemporaryDirectory directory;
  const std::string output_path = directory.path() + "/output";
  const std::string errors_path = directory.path() + "/errors";
  const int output = ::open(output_path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const int errors = ::open(errors_path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const pid_t pid = spawn(arguments, environment, output, errors);
  ::close(output);
  ::close(errors);
  Ended ended;
  if (pid > 0) {
    const auto code = wait_for(pid, patience_ms);
    if (!code) {
      ::kill(pid, SIGKILL);
      wait_for(pid, 1000);
    }
    ended.exit_code = code.value_or(-1);
  }
  ended.output = read_all(output_path);
  ended.errors = read_all(errors_path);
  return ended;
}

}  // namespace hf::test
