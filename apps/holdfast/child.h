#pragma once

// A command that runs under a lock: started with its own environment, sent signals, and its end turned into an
// exit code.
//
// Signals come as data (a signalfd), so that a loss of the lock, an answer of the terminal and the end of the
// command meet in one loop. Attention::take() must be called before any thread is started, since threads
// inherit the mask. Not thread-safe, but for Attention::call().
//
// The command has a process group of its own, so that what it started ends with it, and gets the terminal as a
// shell would give it. In the middle of a pipeline on a terminal it stays in the shell's group: there the others of
// the pipeline, such as a pager, need the terminal, too. Should we be killed, the command is sent SIGTERM.

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
    bool output_gone = false;    // nobody reads our standard output any more
  };
  // The next signal or call, or after `timeout_ms` (-1: never) nothing.
  Woken wait(int timeout_ms = -1);
  int signals_fd() const noexcept { return signals_; }

 private:
  int signals_ = -1;
  int calls_ = -1;
  bool output_gone_ = false;
};

using Environment = std::vector<std::pair<std::string, std::string>>;

class Child {
 public:
  Child() = default;
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Starts `command` (found in PATH) with `environment` added; false if it cannot be started.
  bool start(const std::vector<std::string>& command, const Environment& environment);
  // To the command and all that it started in its group.
  void send(int signal) const;
  // Whether the terminal sends its signals to us and not to it.
  bool is_apart() const noexcept { return group_ > 0; }
  // The exit code once it has ended: its own, or 128 + the signal that ended it. If the terminal stopped it (Ctrl-Z),
  // we stop, too, until the shell goes on with both.
  std::optional<int> ended();
  // Whether something that it started is still there.
  bool leaves_others() const;

 private:
  void stop_with_it();
  void take_terminal_back() const;

  pid_t pid_ = -1;
  pid_t group_ = -1;   // its own; else it is in ours
  int terminal_ = -1;  // ours, if there is one
};

}  // namespace hf::cli
