#include "engine/command_codec.h"

#include "engine/field_codec.h"

namespace hf {

static_assert(numbers_differ(static_cast<const Command*>(nullptr)));

void write_command(std::string& out, const Command& command) { write_logged(out, command); }

std::optional<Command> take_command(std::string_view& bytes, CommandFormat format) {
  return take_logged<Command>(bytes, format);
}

bool is_query(const Command& command) noexcept { return is_unlogged(command); }

}  // namespace hf
