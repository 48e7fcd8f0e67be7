#pragma once

// Greeting is what a node learns from Redis each time it asks for the state of the log (lua/hello.lua). While the log
// is closed: the known members, those that have reported, and how far each of these has read. Internal to the engine.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/id.h"
#include "redis/reply.h"
#include "store/audit.h"

namespace hf::redis {

using Place = LogPlace;  // how far the log or a node has come

struct Greeting {
  struct Report {
    Place place;
    std::int64_t at_ms = 0;
    std::string name;  // of the node; empty: an older version, which says none
  };
  std::uint64_t generation = 0, base_number = 0, base_bytes = 0;
  Place place;  // the generation is that of the log's last opening
  bool open = false, found = false;
  std::string base;
  std::int64_t closed_for_ms = 0, now_ms = 0;
  std::map<Id128, Report> reports;
  std::map<Id128, std::string> members;  // with their names

  // Nothing if `reply` is not what hello.lua answers.
  static std::optional<Greeting> read(const Reply& reply);
  // Whether the node has reported lately.
  bool has_heard(const Id128& node) const;
};

}  // namespace hf::redis
