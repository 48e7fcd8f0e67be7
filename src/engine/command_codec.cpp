#include "engine/command_codec.h"

#include "base/assert.h"
#include "engine/field_codec.h"

namespace hf {

static_assert(numbers_differ(static_cast<const Command*>(nullptr)));

void write_command(std::string& out, const Command& command) {
  HF_ASSERT(!is_query(command));
  std::visit(
      [&]<class C>(const C& c) {
        if constexpr (Logged<C>) FieldWriter(out).command(c);
      },
      command);
}

std::optional<Command> take_command(std::string_view& bytes, CommandFormat format) {
  return take_logged<Command>(bytes, format);
}

bool is_query(const Command& command) noexcept {
  return std::visit([]<class C>(const C&) { return !Logged<C>; }, command);
}

}  // namespace hf
