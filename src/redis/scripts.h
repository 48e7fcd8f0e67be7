#pragma once

// The scripts that run inside Redis: src/redis/lua, built in. Each is called by its digest (SHA-1, as EVALSHA has it).

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace hf::redis {

enum ScriptName : std::size_t {
  script_append,
  script_hello,
  script_open,
  script_rebase,
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

}  // namespace hf::redis
