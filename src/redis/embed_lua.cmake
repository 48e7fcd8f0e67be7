# Writes the Lua files FILES, in that order, into the C++ source TO.
set(text "// Made by src/redis/embed_lua.cmake.
#include \"redis/scripts.h\"

namespace hf::redis {

const std::array<std::string_view, script_count> lua_texts{
")
foreach(file ${FILES})
  file(READ ${file} lua)
  string(APPEND text "    std::string_view(R\"lua(${lua})lua\"),\n")
endforeach()
file(WRITE ${TO} "${text}};

}  // namespace hf::redis
")
