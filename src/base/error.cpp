#include "base/error.h"

#include <array>

namespace hf {
namespace {

struct Row {
  Code code;
  std::string_view name;
  int status;
  std::string_view en;
  std::string_view zh;
};

constexpr std::array kRows{
#define HF_ERROR(name, number, status, en, zh) Row{Code::name, #name, status, en, zh},
#include "base/errors.def"
#undef HF_ERROR
};

const Row& row(Code code) noexcept { return kRows[static_cast<std::size_t>(code) - 1]; }

constexpr bool numbers_are_dense() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].code) != i + 1) return false;
  }
  return true;
}
static_assert(numbers_are_dense(), "errors.def: numbers run 1, 2, 3 … in order, so that row() is an index");

}  // namespace

std::string_view code_name(Code code) noexcept { return row(code).name; }
int code_http_status(Code code) noexcept { return row(code).status; }
std::string_view code_sentence(Code code) noexcept { return row(code).en; }
std::string_view code_sentence_zh(Code code) noexcept { return row(code).zh; }

std::optional<Code> code_from_name(std::string_view name) noexcept {
  for (const Row& r : kRows) {
    if (r.name == name) return r.code;
  }
  return std::nullopt;
}

}  // namespace hf
