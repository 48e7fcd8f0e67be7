#pragma once

// Tree is a parsed TOML document as plain values, each with its line. It keeps toml++ out of everything but
// catalog_loader.cpp.

#include <cstdint>
#include <string>
#include <vector>

namespace hf::catalog {

struct Tree {
  enum class Kind : std::uint8_t { other, flag, integer, text, array, table };
  Kind kind = Kind::other;  // other: a float or a date, which no key of ours takes
  int line = 0;
  bool flag = false;
  std::int64_t integer = 0;
  std::string text;
  std::vector<Tree> items;         // of an array or a table
  std::vector<std::string> names;  // of a table's items, same order
};

}  // namespace hf::catalog
