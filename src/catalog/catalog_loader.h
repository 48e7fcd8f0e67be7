#pragma once

// Reads a catalog file (TOML 1.0; docs/catalog.md has its keys).
//
// The loader is strict so that a mistake is found when the server starts and not when a bill is converted: an
// unknown key, a wrong type of value, a name or code twice, a reference to something that is not there, an illegal
// move, a condition that does not parse or asks for a column that the type has not are all refused. It reports
// as many problems as it can find in one pass, each with its line, sorted by line.
//
// Pure: text in, catalog or problems out; no file is opened here.

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "catalog/catalog.h"

namespace hf {

inline constexpr std::size_t catalog_bytes_max = 4 * 1024 * 1024;
inline constexpr std::size_t catalog_problems_max = 200;  // later ones are only counted
inline constexpr std::size_t catalog_list_max = 5000;     // types, conversions, columns of a table, ...

struct CatalogProblem {
  std::string file;
  int line = 0;  // 0: the file as a whole
  std::string reason;
  // "ruinorerp.toml:12: …", as compilers say it.
  std::string text() const;
  bool operator==(const CatalogProblem&) const = default;
};

struct CatalogProblems {
  std::vector<CatalogProblem> list;  // never empty
  std::size_t left_out = 0;          // problems beyond catalog_problems_max
  // All of them, one on a line.
  std::string text() const;
};

// The catalog that `text` says, or everything that is wrong with it; `file_name` is only for the problems.
tl::expected<Catalog, CatalogProblems> load_catalog(std::string_view text, std::string_view file_name);

}  // namespace hf
