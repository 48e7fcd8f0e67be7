#include "engine/command_codec.h"

#include "engine/field_codec.h"

namespace hf {

static_assert(numbers_differ(static_cast<const LockCommand*>(nullptr)));

void write_command(std::string& out, const LockCommand& command) { write_logged(out, command); }

std::optional<LockCommand> take_command(std::string_view& bytes, CommandFormat format) {
  return take_logged<LockCommand>(bytes, format);
}

bool is_query(const LockCommand& command) noexcept { return is_unlogged(command); }

}  // namespace hf
