#include "nearest.h"

#include <algorithm>
#include <utility>

namespace hf::cli {
namespace {

constexpr std::size_t word_bytes_max = 64;  // nobody mistypes a longer one

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool begins_with(std::string_view text, std::string_view begin) {
  return begin.size() >= 3 && text.size() > begin.size() &&
         std::equal(begin.begin(), begin.end(), text.begin(), [](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace

std::size_t letters_apart(std::string_view one, std::string_view other) {
  std::vector<std::size_t> before(other.size() + 1), last(other.size() + 1), now(other.size() + 1);
  for (std::size_t j = 0; j <= other.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= one.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= other.size(); ++j) {
      const bool same = lower(one[i - 1]) == lower(other[j - 1]);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (same ? 0U : 1U)});
      const bool swapped =
          i > 1 && j > 1 && lower(one[i - 1]) == lower(other[j - 2]) && lower(one[i - 2]) == lower(other[j - 1]);
      if (swapped) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[other.size()];
}

std::vector<std::string> nearest(std::string_view text, const std::vector<std::string>& words, std::size_t at_most) {
  if (text.empty() || text.size() > word_bytes_max) return {};
  const std::size_t far = std::max<std::size_t>(1, text.size() / 3);
  std::vector<std::pair<std::size_t, std::string>> found;
  for (const std::string& word : words) {
    const std::size_t apart = letters_apart(text, word);
    if (apart <= far || begins_with(word, text)) found.emplace_back(apart, word);
  }
  std::ranges::sort(found);
  std::vector<std::string> out;
  for (std::size_t i = 0; i < std::min(at_most, found.size()); ++i) out.push_back(std::move(found[i].second));
  return out;
}

}  // namespace hf::cli
