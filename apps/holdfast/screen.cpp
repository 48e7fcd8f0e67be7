#include "screen.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>

#include "console.h"
#include "width.h"

namespace hf::cli {
namespace {

std::string_view environment(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? "" : value;
}

std::string_view colour_of(Style style) {
  switch (style) {
    case Style::plain: return "";
    case Style::title: return "\x1b[7m";
    case Style::head: return "\x1b[1m";
    case Style::group: return "\x1b[36m";
    case Style::marked: return "\x1b[33m";
    case Style::added: return "\x1b[32m";
    case Style::removed: return "\x1b[31m";
    case Style::dim: return "\x1b[2m";
  }
  return "";
}

}  // namespace

Screen::Screen() {
  if (!is_one()) return;
  colours_ = environment("NO_COLOR").empty() && environment("TERM") != "dumb";
  termios modes{};
  if (::isatty(STDIN_FILENO) != 1 || ::tcgetattr(STDIN_FILENO, &modes) != 0) return;
  before_ = modes;
  keys_ = true;
  set_modes();
}

Screen::~Screen() {
  if (before_ && ::tcgetpgrp(STDIN_FILENO) == ::getpgrp()) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &*before_);
}

// Keys one by one, unseen; Ctrl-C goes on being a signal. Set at each drawing, for a shell that had us stopped has
// set others meanwhile.
void Screen::set_modes() const {
  if (!before_ || ::tcgetpgrp(STDIN_FILENO) != ::getpgrp()) return;
  termios modes = *before_;
  modes.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  modes.c_cc[VMIN] = 0;
  modes.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
}

bool Screen::is_one() { return ::isatty(STDOUT_FILENO) == 1; }

Screen::Size Screen::size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 5 || size.ws_col < 20) return {};
  return {size.ws_row, size.ws_col};
}

std::vector<Key> Screen::read_keys() {
  std::array<char, 256> part;
  const ssize_t got = ::read(STDIN_FILENO, part.data(), part.size());
  if (got <= 0) {
    if (got == 0) keys_ = false;  // no more will come
    return {};
  }
  typed_.append(part.data(), static_cast<std::size_t>(got));
  return keys_of(typed_);
}

void Screen::draw(const std::vector<Line>& lines, std::size_t width) {
  set_modes();
  std::string out = drawn_ > 0 ? "\x1b[" + std::to_string(drawn_) + "A\r" : "\r";
  for (const Line& line : lines) {
    const std::string_view colour = colours_ ? colour_of(line.style) : "";
    out += std::string(colour) + cut(line.text, width) + (colour.empty() ? "" : "\x1b[0m") + "\x1b[K\n";
  }
  say(out + "\x1b[J");
  drawn_ = lines.size();
}

}  // namespace hf::cli
