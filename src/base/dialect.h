#pragma once

// The databases in which an ERP keeps tables of ours: the outbox and the fence. Their SQL differs in each.
//
// Pure functions, thread-safe.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hf {

enum class Dialect : std::uint8_t { sqlite, postgresql, sqlserver, mysql };
inline constexpr std::size_t dialect_count = 4;

std::string_view name_of(Dialect dialect) noexcept;
std::optional<Dialect> dialect_from_name(std::string_view name) noexcept;

}  // namespace hf
