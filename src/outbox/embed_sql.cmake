# Writes the SQL files FILES, in that order, into the C++ source TO.
set(text "// Made by src/outbox/embed_sql.cmake.
#include \"outbox/dialect.h\"

namespace hf::outbox {

const std::array<std::string_view, dialect_count> schema_texts{
")
foreach(file ${FILES})
  file(READ ${file} sql)
  string(APPEND text "    std::string_view(R\"sql(${sql})sql\"),\n")
endforeach()
file(WRITE ${TO} "${text}};

}  // namespace hf::outbox
")
