#pragma once

// Ids that cannot be guessed: 128 random bits, shown as 26 characters of Crockford's base 32 in lower case
// (0-9 a-z without i l o u), so that they survive URLs, shells and telephones.

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace hf {

struct Id128 {
  std::uint64_t hi = 0;
  std::uint64_t lo = 0;

  auto operator<=>(const Id128&) const = default;
  bool is_nil() const noexcept { return hi == 0 && lo == 0; }
  std::string text() const;
  // Appends text() to `out`.
  void append_to(std::string& out) const;
  // The id that `text` shows; nothing unless it is exactly 26 such characters and fits 128 bits.
  static std::optional<Id128> parse(std::string_view text) noexcept;
};

// An Id128 of one kind: a session id is never taken for a lock id.
template <class Tag>
struct Id {
  Id128 value;

  auto operator<=>(const Id&) const = default;
  bool is_nil() const noexcept { return value.is_nil(); }
  std::string text() const { return value.text(); }
  static std::optional<Id> parse(std::string_view text) noexcept {
    auto v = Id128::parse(text);
    return v ? std::optional<Id>(Id{*v}) : std::nullopt;
  }
};

// The bits are random already: a hash need only fold them.
struct IdHash {
  using is_avalanching = void;
  std::size_t operator()(const Id128& id) const noexcept {
    return static_cast<std::size_t>(id.hi ^ (id.lo * 0x9E3779B97F4A7C15ULL));
  }
  template <class Tag>
  std::size_t operator()(const Id<Tag>& id) const noexcept {
    return (*this)(id.value);
  }
};

// Compares without telling by its duration where two values differ.
inline bool equal_constant_time(const Id128& a, const Id128& b) noexcept {
  volatile std::uint64_t difference = (a.hi ^ b.hi) | (a.lo ^ b.lo);
  return difference == 0;
}

}  // namespace hf
