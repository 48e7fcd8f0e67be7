#pragma once

// A command that runs under a lock: started with its own environment, sent signals, and its end turned into an
// exit code.
//
// Signals come as data (a signalfd), so that a loss of the lock, an answer of the terminal and the end of the
// command meet in one loop. Attention::take() must be called before any thread is started, since threads
// inherit the mask. Not thread-safe, but for Attention::call().

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hf::cli {

// SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD and calls from other threads, waited for together.
class Attention {
 public:
  Attention() = default;
  ~Attention();
  Attention(const Attention&) = delete;
  Attention& operator=(const Attention&) = delete;

  bool take();
  // Wakes wait(). May be called from any thread.
  void call() const noexcept;

  struct Woken {
    int signal = 0;              // 0: call(), or the time is up
    bool from_terminal = false;  // the terminal sent it to the command, too
  };
  // The next signal or call, or after `timeout_ms` (-1: never) nothing.
  Woken wait(int timeout_ms = -1) const;
  int signals_fd() const noexcept { return signals_; }

 private:
  int signals_ = -1;
  int calls_ = -1;
};

using Environment = std::vector<std::pair<std::string, std::string>>;

class Child {
 public:
  // Starts `command` (found in PATH) with `environment` added; false if it cannot be started.
  bool start(const std::vector<std::string>& command, const Environment& environment);
  void send(int signal) const;
  // The exit code once it has ended: its own, or 128 + the signal that ended it.
  std::optional<int> ended();

 private:
  pid_t pid_ = -1;
};

}  // namespace hf::cli
