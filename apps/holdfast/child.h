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
// the pipeline, such as a pager, need the terminal, too. When it has ended, the terminal is ours again and has the
// modes it had before. Should we be killed, the command is sent SIGTERM.
//
// A program with threads may do next to nothing between fork and exec. So the command is started by posix_spawn, and
// what that cannot do is done by this very program: it is started anew as a launcher, which has one thread, asks for
// the signal of our death and becomes the command.

#include <sys/types.h>
#include <termios.h>

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
  // Wakes wait(), now or when it is next called: once for all calls since the last time. Whoever waits for what a
  // call tells looks for it first. May be called from any thread.
  void call() const noexcept;

  struct Woken {
    int signal = 0;              // 0: call(), or the time is up
    bool from_terminal = false;  // the terminal sent it to the command, too
    bool output_gone = false;    // nobody reads our standard output any more
    bool input = false;          // standard input has something to read
  };
  enum class Input : std::uint8_t { leave, watch };
  // The next signal or call, or after `timeout_ms` (-1: never) nothing.
  Woken wait(int timeout_ms = -1, Input input = Input::leave);

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

  // Starts `command` (found in PATH) with `environment` added; false, with errno, if it cannot be started.
  bool start(const std::vector<std::string>& command, const Environment& environment);
  // To the command and all that it started in its group.
  void send(int signal) const;
  // Whether the terminal sends its signals to us and not to it.
  bool is_apart() const noexcept { return group_ > 0; }
  // Whether the screen is its own: what we print there would stand in its picture.
  bool has_screen() const noexcept { return has_screen_; }
  // Tells its user something without painting: the terminal's bell, and `text` as its title.
  void ring(const std::string& text) const;
  // The exit code once it has ended: its own, or 128 + the signal that ended it. If the terminal stopped it (Ctrl-Z),
  // we stop, too, until the shell goes on with both.
  std::optional<int> ended();
  // Whether something that it started is still there.
  bool leaves_others() const;

  // For main(): whether these arguments ask for the launcher, and its work. It returns only if that failed.
  static bool is_launch(int count, char** arguments) noexcept;
  static int launch(int count, char** arguments) noexcept;

 private:
  void stop_with_it();
  void take_terminal_back() const;
  void restore_modes(int by_signal) const;

  pid_t pid_ = -1;
  pid_t group_ = -1;   // its own; else it is in ours
  int terminal_ = -1;  // ours, if there is one
  bool has_screen_ = false;
  mutable bool titled_ = false;
  std::optional<termios> modes_;  // of the terminal, before the command had it
};

}  // namespace hf::cli
