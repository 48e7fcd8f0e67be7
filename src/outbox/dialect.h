#pragma once

// The databases that an outbox may lie in, and the SQL that makes its tables there: the files of sql/, carried by the
// program. docs/outbox.md quotes them. The relay drains the first two; of the others the program knows the tables only.
//
// Pure functions, thread-safe.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hf::outbox {

enum class Dialect : std::uint8_t { sqlite, postgresql, sqlserver, mysql };
inline constexpr std::size_t dialect_count = 4;

std::string_view name_of(Dialect dialect) noexcept;
std::optional<Dialect> dialect_from_name(std::string_view name) noexcept;
// What makes the tables. To run it again changes nothing.
std::string_view schema_of(Dialect dialect) noexcept;

extern const std::array<std::string_view, dialect_count> schema_texts;

}  // namespace hf::outbox
