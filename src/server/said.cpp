#include "server/said.h"

#include <cstdlib>

#include "base/sentences.h"

namespace hf {

std::string said(std::string_view english) {
  static const bool chinese = reads_chinese(std::getenv("LC_ALL"), std::getenv("LC_MESSAGES"), std::getenv("LANG"));
  return chinese ? in_chinese(english) : std::string(english);
}

}  // namespace hf
