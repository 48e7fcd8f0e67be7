#pragma once

// How the commands of a log entry lie in it (engine/field_codec.h). The entry says which: redis/log_entry.h.

#include <cstdint>

namespace hf {

enum class CommandFormat : std::uint8_t {
  by_place,   // read only, format 2: a list for each family, in each numbers from 0; fields without tags
  by_family,  // read only, format 3: the same with tags
  by_tag      // one list
};

}  // namespace hf
