# Writes FROM, as bytes, into the C++ source TO, which defines FUNCTION of server/startup.h. In pieces: a string literal may be 65,536 bytes long.
file(READ ${FROM} hex HEX)
string(LENGTH "${hex}" length)
set(pieces "")
set(at 0)
while(at LESS length)
  string(SUBSTRING "${hex}" ${at} 16000 piece)
  string(REGEX REPLACE "(..)" "\\\\x\\1" piece "${piece}")
  string(APPEND pieces "    std::string_view(\"${piece}\"),\n")
  math(EXPR at "${at} + 16000")
endwhile()
file(WRITE ${TO} "// Made by src/server/embed_file.cmake.
#include <string>
#include <string_view>

#include \"server/startup.h\"

namespace hf {

std::string ${FUNCTION}() {
  static constexpr std::string_view pieces[] = {
${pieces}  };
  std::string text;
  for (const std::string_view piece : pieces) text += piece;
  return text;
}

}  // namespace hf
")
