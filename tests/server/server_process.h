#pragma once

// ServerProcess is a holdfastd of its own: the built program on a port that the system chooses, with a data
// directory that goes with the test. It is ended by its process id, also when a test fails.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hf::test {

// A new directory under the system's temporary one, removed with all in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

// What a program said and how it ended.
struct Ended {
  int exit_code = -1;  // 128 + n: by signal n
  std::string output;
  std::string errors;
};

class ServerProcess {
 public:
  // Starts holdfastd --dev on `data` and waits until it listens; port() is 0 if it never did. `wrapper` goes before the
  // program, as in {"prlimit", "--nofile=1100"}.
  explicit ServerProcess(std::string data, std::vector<std::string> arguments = {},
                         std::vector<std::string> environment = {}, std::vector<std::string> wrapper = {});
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  std::uint16_t port() const noexcept { return port_; }
  pid_t pid() const noexcept { return pid_; }
  void signal(int number) const noexcept;
  // How it ended; nothing if it is still there after `patience_ms`.
  std::optional<Ended> wait(int patience_ms = 20'000);
  // SIGTERM, and its end.
  std::optional<Ended> stop();
  // SIGKILL: no time for anything.
  void kill();
  // Resident memory now, in bytes.
  std::uint64_t memory() const;
  // What it has written to standard error so far.
  std::string log() const;

 private:
  bool read_line(std::string& line);

  std::string log_path_;
  std::string output_;
  pid_t pid_ = -1;
  int pipe_ = -1;
  std::uint16_t port_ = 0;
};

// Runs a program to its end.
Ended run_program(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {},
                  int patience_ms = 20'000);
// The path of the holdfastd that was built with this test.
std::string holdfastd_path();

}  // namespace hf::test
