#include "base/dialect.h"

#include <array>

namespace hf {
namespace {

constexpr std::array<std::string_view, dialect_count> names = {"sqlite", "postgresql", "sqlserver", "mysql"};

}  // namespace

std::string_view name_of(Dialect dialect) noexcept { return names[static_cast<std::size_t>(dialect)]; }

std::optional<Dialect> dialect_from_name(std::string_view name) noexcept {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<Dialect>(i);
  }
  return std::nullopt;
}

}  // namespace hf
