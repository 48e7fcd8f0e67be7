# Writes the texts of FILES, in that order, into the C++ source TO: the array ARRAY of NAMESPACE, which HEADER declares
# with SIZE texts.
set(text "// Made by cmake/embed_texts.cmake.
#include \"${HEADER}\"

namespace ${NAMESPACE} {

const std::array<std::string_view, ${SIZE}> ${ARRAY}{
")
foreach(file ${FILES})
  file(READ ${file} content)
  string(APPEND text "    std::string_view(R\"text(${content})text\"),\n")
endforeach()
file(WRITE ${TO} "${text}};

}  // namespace ${NAMESPACE}
")
