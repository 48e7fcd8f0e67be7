#include "session/todo_cursor.h"

#include <array>
#include <charconv>

namespace hf::session {
namespace {

constexpr std::string_view form = "1";  // of these cursors

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.push_back('-');
  out.append(digits.data(), end.ptr);
}

}  // namespace

void append_cursor(std::string& out, const TodoCursor& cursor) {
  out.append(form).push_back('-');
  cursor.place.epoch.value.append_to(out);
  append_number(out, cursor.place.audience);
  append_number(out, cursor.selection);
  append_number(out, cursor.place.since);
  append_number(out, cursor.place.through);
  append_number(out, cursor.place.paged ? 1 : 0);
}

std::optional<TodoCursor> parse_cursor(std::string_view text) {
  const auto part = [&text]() {
    const std::size_t end = text.find('-');
    const std::string_view found = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return found;
  };
  if (part() != form) return std::nullopt;
  const auto epoch = EpochId::parse(part());
  std::array<std::uint64_t, 5> numbers{};
  for (std::uint64_t& number : numbers) {
    const std::string_view digits = part();
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (digits.empty() || end.ec != std::errc() || end.ptr != digits.data() + digits.size()) return std::nullopt;
  }
  if (!epoch || !text.empty() || numbers[4] > 1 || numbers[2] > numbers[3]) return std::nullopt;
  return TodoCursor{{*epoch, numbers[0], numbers[2], numbers[3], numbers[4] == 1}, numbers[1]};
}

}  // namespace hf::session
