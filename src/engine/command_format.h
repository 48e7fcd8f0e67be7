#pragma once

// How the commands of a log entry lie in it (engine/field_codec.h). The entry says which: redis/log_entry.h.

#include <cstdint>

namespace hf {

enum class CommandFormat : std::uint8_t {
  by_place,  // read only: as builds before tags wrote it
  by_tag
};

}  // namespace hf
