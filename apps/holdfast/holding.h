#pragma once

// What `lock` and `request` share: they take a lock, then hold it, alone or while a command runs.

#include <functional>
#include <mutex>
#include <optional>

#include "child.h"
#include "commands.h"
#include "holdfast/client.h"

namespace hf::cli {

// What the threads of the client and the loop of the terminal share while a lock is taken and held.
class Holding {
 public:
  using Answer = holdfast::Result<holdfast::LockHandle>;

  bool begin() { return attention_.take(); }
  // From the client's threads: the answer to the question for the lock, and its loss.
  void answered(Answer answer);
  void lost(holdfast::Lost what);
  // A line for the user. While a command has the screen it would stand in the command's picture: then the terminal
  // rings and has `short_text` as its title, and the line waits for the command's end.
  void notify(const std::string& line, const std::string& short_text);

  // For the loop: looks first, then waits.
  std::optional<Answer> take_answer();
  std::optional<holdfast::Lost> loss() const;
  Attention::Woken wait(int timeout_ms = -1) { return attention_.wait(timeout_ms); }
  bool start(const std::vector<std::string>& command, const Environment& environment);
  // As Child::ended().
  std::optional<int> ended();
  // After the command: says what was held back.
  void finish();
  Child& child() noexcept { return child_; }

 private:
  Attention attention_;
  Child child_;
  mutable std::mutex mutex_;
  std::optional<Answer> answer_;
  std::optional<holdfast::Lost> lost_;
  bool has_screen_ = false;  // the command, now
  std::string held_back_;
};

// Begins by `start`, whose answer comes to the Holding; then holds until a signal, the loss, or the command's end.
int take_and_hold(const Arguments& a,
                  const std::function<holdfast::Result<holdfast::Nothing>(holdfast::Client&, Holding&)>& start);

}  // namespace hf::cli
