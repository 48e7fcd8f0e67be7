#pragma once

// What somebody may have meant who mistyped a word.

#include <string>
#include <string_view>
#include <vector>

namespace hf::cli {

// How many letters must be left out, put in, changed or swapped with their neighbour to get from one word to the
// other (Damerau and Levenshtein), without regard to capitals. O(length × length).
std::size_t letters_apart(std::string_view one, std::string_view other);
// Those of `words` that are near enough to `text` to have been meant, or begin with it: the nearest first.
std::vector<std::string> nearest(std::string_view text, const std::vector<std::string>& words, std::size_t at_most);

}  // namespace hf::cli
