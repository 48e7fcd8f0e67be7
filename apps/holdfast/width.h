#pragma once

// How many columns of a terminal a text takes, so that what people wrote does not shift what stands beside it: a
// Chinese character or an emoji takes two, what is drawn over the character before it takes none.

#include <cstddef>
#include <string>
#include <string_view>

namespace hf::cli {

// Of UTF-8; a byte that is none counts as one column. O(n log of the table).
std::size_t columns(std::string_view text);
// As much of the text's beginning as fits into `width` columns, whole characters with what is drawn over them.
std::string cut(std::string_view text, std::size_t width);
// The text with blanks up to `width` columns.
std::string padded(std::string text, std::size_t width);

}  // namespace hf::cli
