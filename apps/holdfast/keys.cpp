#include "keys.h"

#include <string_view>
#include <utility>

namespace hf::cli {
namespace {

constexpr std::pair<std::string_view, Key> sequences[] = {
    {"\x1b[A", Key::up},       {"\x1bOA", Key::up},         {"\x1b[B", Key::down}, {"\x1bOB", Key::down},
    {"\x1b[5~", Key::page_up}, {"\x1b[6~", Key::page_down}, {"\x1b[H", Key::home}, {"\x1bOH", Key::home},
    {"\x1b[1~", Key::home},    {"\x1b[7~", Key::home},      {"\x1b[F", Key::end},  {"\x1bOF", Key::end},
    {"\x1b[4~", Key::end},     {"\x1b[8~", Key::end}};

Key key_of(char c) {
  switch (c) {
    case 'k': return Key::up;
    case 'j':
    case '\r':
    case '\n': return Key::down;
    case 'b': return Key::page_up;
    case ' ': return Key::page_down;
    case 'g': return Key::home;
    case 'G': return Key::end;
    case 'a': return Key::all;
    case 'q':
    case 'Q': return Key::quit;
    default: return Key::other;
  }
}

// How many bytes the escape sequence at the beginning has; 0 while its end has not come.
std::size_t sequence_size(std::string_view bytes) {
  if (bytes.size() < 2) return 0;
  if (bytes[1] == 'O') return bytes.size() < 3 ? 0 : 3;
  if (bytes[1] != '[') return 1;
  for (std::size_t i = 2; i < bytes.size(); ++i) {
    if (bytes[i] >= 0x40 && bytes[i] <= 0x7E) return i + 1;
  }
  return 0;
}

}  // namespace

std::vector<Key> keys_of(std::string& bytes) {
  std::vector<Key> keys;
  std::string_view rest = bytes;
  while (!rest.empty()) {
    if (rest.front() != '\x1b') {
      keys.push_back(key_of(rest.front()));
      rest.remove_prefix(1);
      continue;
    }
    const std::size_t size = sequence_size(rest);
    if (size == 0) break;
    Key key = Key::other;
    for (const auto& [sequence, meant] : sequences) {
      if (rest.substr(0, size) == sequence) key = meant;
    }
    keys.push_back(key);
    rest.remove_prefix(size);
  }
  bytes.assign(std::string(rest));
  return keys;
}

}  // namespace hf::cli
