#pragma once

// Terminal is a program on a terminal of its own (a pseudo-terminal): what it shows, what is typed, in which modes the
// terminal is. Background is a program without one. Both are ended with the test, by their process ids.

#include <sys/types.h>
#include <termios.h>

#include <optional>
#include <string>
#include <vector>

namespace hf::test {

class Terminal {
 public:
  // HOLDFAST_* of the test's environment is left out, `environment` is added.
  Terminal(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
           unsigned short rows = 24, unsigned short columns = 80);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(const std::string& text) const;
  // Waits until `text` has been shown after `from`; its place, or nothing if it never was.
  std::optional<std::size_t> shown(const std::string& text, std::size_t from = 0);
  // All that was shown so far.
  const std::string& output() const noexcept { return output_; }
  termios modes() const;
  // The exit code, once it has ended; 128 + n: by signal n.
  std::optional<int> wait();

 private:
  bool read_some(int patience_ms);

  pid_t pid_ = -1;
  int master_ = -1;
  std::string output_;
};

class Background {
 public:
  Background(const std::vector<std::string>& arguments, const std::vector<std::string>& environment);
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  void signal(int number) const;
  std::optional<int> wait();

 private:
  pid_t pid_ = -1;
};

}  // namespace hf::test
