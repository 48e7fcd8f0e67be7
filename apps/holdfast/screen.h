#pragma once

// Screen draws lines on a terminal over those it drew before, never more than fit, and reads keys meanwhile.
//
// What was drawn stays on the terminal when it ends; the terminal's modes do not. Colours follow NO_COLOR
// (https://no-color.org): none if that is set and not empty, none for TERM=dumb, none elsewhere than on a terminal.
// Not thread-safe.

#include <termios.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "keys.h"

namespace hf::cli {

enum class Style : std::uint8_t { plain, title, head, group, marked, added, removed, dim };

struct Line {
  std::string text;
  Style style = Style::plain;
};

class Screen {
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // Whether standard output is a terminal.
  static bool is_one();
  struct Size {
    std::size_t lines = 24, columns = 80;
  };
  static Size size();

  // Whether keys come; then they are waited for on standard input.
  bool has_keys() const noexcept { return keys_; }
  std::vector<Key> read_keys();
  // REQUIRES: fewer lines than the screen has.
  void draw(const std::vector<Line>& lines, std::size_t width);

 private:
  void set_modes() const;

  std::size_t drawn_ = 0;
  bool colours_ = false;
  bool keys_ = false;
  std::string typed_;
  std::optional<termios> before_;
};

}  // namespace hf::cli
