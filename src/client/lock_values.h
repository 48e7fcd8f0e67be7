#pragma once

// What every DistributedLock takes for a key, a value and a time, and how a value is made: one rule for all of them.
//
// Pure but for made_value(), which asks the given device. Thread-safe as far as the device is.

#include <cstdint>
#include <optional>
#include <random>
#include <string>

#include "base/id.h"
#include "holdfast/distributed_lock.h"

namespace hf::client {

inline constexpr std::size_t lock_text_bytes_max = 512;
inline constexpr holdfast::Millis lock_ttl_max{std::chrono::hours(24 * 366)};

// What is wrong with it; nothing: it is good.
inline std::optional<holdfast::Error> wrong_text(const std::string& text, const char* field) {
  if (!text.empty() && text.size() <= lock_text_bytes_max) return std::nullopt;
  return holdfast::failure(holdfast::Code::invalid, std::string(field) + " is 1 to 512 bytes", field).value();
}
inline std::optional<holdfast::Error> wrong_ttl(holdfast::Millis ttl) {
  if (ttl >= holdfast::Millis(1) && ttl <= lock_ttl_max) return std::nullopt;
  return holdfast::failure(holdfast::Code::invalid, "ttl is 1 ms to 1 year", "ttl").value();
}

// 26 characters that cannot be guessed.
inline std::string made_value(std::random_device& device) {
  const auto word = [&device] { return (static_cast<std::uint64_t>(device()) << 32) | device(); };
  const std::uint64_t hi = word();
  const std::uint64_t lo = word();
  return Id128{hi, lo}.text();
}

}  // namespace hf::client
