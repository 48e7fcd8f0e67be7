#include "engine/status_command_codec.h"

#include "engine/field_codec.h"

namespace hf {

static_assert(numbers_differ(static_cast<const StatusCommand*>(nullptr)));

void write_status_command(std::string& out, const StatusCommand& command) { write_logged(out, command); }

std::optional<StatusCommand> take_status_command(std::string_view& bytes, CommandFormat format) {
  return take_logged<StatusCommand>(bytes, format);
}

bool is_query(const StatusCommand& command) noexcept { return is_unlogged(command); }

}  // namespace hf
