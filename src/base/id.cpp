#include "base/id.h"

#include <array>

namespace hf {
namespace {

constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::size_t kTextLength = 26;

constexpr std::array<std::int8_t, 256> make_values() {
  std::array<std::int8_t, 256> values{};
  for (auto& v : values) v = -1;
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}
constexpr auto kValues = make_values();

}  // namespace

void Id128::append_to(std::string& out) const {
  char buffer[kTextLength];
  // Two letters for the top 8 bits, then twice twelve for 60: words are shifted faster than pairs of them.
  const auto put = [&buffer](std::size_t begin, std::size_t letters, std::uint64_t bits) {
    for (std::size_t i = begin + letters; i-- > begin; bits >>= 5) buffer[i] = kAlphabet[bits & 31];
  };
  put(0, 2, hi >> 56);
  put(2, 12, (hi << 4) | (lo >> 60));
  put(14, 12, lo);
  out.append(buffer, kTextLength);
}

std::string Id128::text() const {
  std::string out;
  append_to(out);
  return out;
}

std::optional<Id128> Id128::parse(std::string_view text) noexcept {
  if (text.size() != kTextLength) return std::nullopt;
  unsigned __int128 bits = 0;
  for (std::size_t i = 0; i < kTextLength; ++i) {
    const int v = kValues[static_cast<unsigned char>(text[i])];
    if (v < 0 || (i == 0 && v > 7)) return std::nullopt;
    bits = (bits << 5) | static_cast<unsigned>(v);
  }
  return Id128{static_cast<std::uint64_t>(bits >> 64), static_cast<std::uint64_t>(bits)};
}

}  // namespace hf
