#pragma once

// The scripts that run inside Redis: src/redis/lua, built in. Each is called by its digest (SHA-1, as EVALSHA has it),
// so that the texts of two versions live side by side in one Redis.

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "redis/port.h"

namespace hf::redis {

enum ScriptName : std::size_t {
  script_append,
  script_hello,
  script_open,
  script_rebase,
  script_audit,
  script_key_acquire,
  script_key_extend,
  script_key_release,
  script_count
};

struct Script {
  std::string text;
  std::string digest;
};

// The Lua files as they stand, in the order of ScriptName.
extern const std::array<std::string_view, script_count> lua_texts;

const Script& script_of(std::size_t name);

// Calls a script with `rest`: how many keys, the keys, the arguments. By its digest; by its text if this Redis does not
// know it. `time_left` gives the time for each of the two.
void call_script(Link& link, ScriptName name, Arguments rest, std::function<Millis()> time_left, Done done);

}  // namespace hf::redis
