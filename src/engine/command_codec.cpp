#include "engine/command_codec.h"

#include "engine/field_codec.h"

namespace hf {
namespace {

constexpr std::uint8_t status_from = 64, status_until = 96;

static_assert(numbers_within<LockCommand>(0, status_from) && numbers_within<StatusCommand>(status_from, status_until));

}  // namespace

void write_command(std::string& out, const Command& command) {
  std::visit([&](const auto& of_family) { write_logged(out, of_family); }, command);
}

std::optional<Command> take_command(std::string_view& bytes) {
  const auto number = bytes.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(bytes.front());
  if (number < status_from) return take_logged<LockCommand>(bytes, CommandFormat::by_tag);
  return take_logged<StatusCommand>(bytes, CommandFormat::by_tag);
}

std::optional<Command> take_lock_command(std::string_view& bytes, CommandFormat format) {
  return take_logged<LockCommand>(bytes, format);
}

std::optional<Command> take_status_command(std::string_view& bytes, CommandFormat format) {
  return take_logged<StatusCommand>(bytes, format, status_from);
}

bool is_query(const Command& command) noexcept {
  return std::visit([](const auto& of_family) { return is_unlogged(of_family); }, command);
}

}  // namespace hf
