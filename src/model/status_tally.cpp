#include "model/status_tally.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <charconv>
#include <string>

namespace hf {

Tally text_tally(std::string_view text) noexcept {
  return {1, XXH32(text.data(), text.size(), 0), XXH32(text.data(), text.size(), 1)};
}

Tally row_tally(std::string_view key, std::string_view group, Version version) {
  char number[20];
  const char* const end = std::to_chars(number, number + sizeof number, version).ptr;
  std::string row;
  row.reserve(key.size() + group.size() + 24);
  row.append(key).append(1, '/').append(group).append(1, '@').append(static_cast<const char*>(number), end);
  return text_tally(row);
}

void add(Tally& to, const Tally& other) noexcept {
  to.rows += other.rows;
  to.sum0 += other.sum0;
  to.sum1 += other.sum1;
}

void subtract(Tally& from, const Tally& other) noexcept {
  from.rows -= other.rows;
  from.sum0 -= other.sum0;
  from.sum1 -= other.sum1;
}

}  // namespace hf
