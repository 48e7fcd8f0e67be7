#pragma once

// What a Redis says about itself when a connection begins: INFO as values.

#include <string>
#include <string_view>

#include "redis/port.h"

namespace hf::redis {

struct Standing {
  ServerInfo info;
  bool master = false;
  bool loading = false;  // it reads its data and answers nothing yet
  bool cluster = false;
  std::uint32_t loading_eta_s = 0;
};

// The text of INFO as values; missing ones keep their defaults.
Standing parse_info(std::string_view text);
// Whether the answer to CONFIG GET save names a rule for writing RDB files; false if CONFIG is not allowed.
bool parse_saves(const Reply& reply);

}  // namespace hf::redis
