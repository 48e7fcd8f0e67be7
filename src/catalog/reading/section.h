#pragma once

// Section reads one table of the catalog file: typed access by key, every mistake reported with its line.
//
// A key that is missing or of the wrong type is reported and read as its default, so that reading goes on and finds
// more. A key that nobody read is unknown: the destructor reports it.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catalog/catalog_loader.h"
#include "catalog/reading/tree.h"

namespace hf::catalog {

// The problems found so far.
class Problems {
 public:
  explicit Problems(std::string_view file) : file_(file) {}
  void add(int line, std::string reason);
  bool empty() const noexcept { return found_.list.empty(); }
  // All, sorted by line.
  CatalogProblems take() &&;

 private:
  std::string file_;
  CatalogProblems found_;
};

// A text and where it stands.
struct Word {
  std::string text;
  int line = 0;
};

class Section {
 public:
  // Whether this section reads all keys of its table, so that what it did not ask for is unknown.
  enum class Keys { all, some };
  // `what` says what the table is, for the problems: "type SaleOrder". REQUIRES: both outlive the section.
  Section(const Tree& table, std::string what, Problems& problems, Keys keys = Keys::all);
  ~Section();
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;

  int line() const noexcept { return table_.line; }
  bool has(std::string_view key) const noexcept { return find(key) != nullptr; }
  void rename(std::string what) { what_ = std::move(what); }
  const std::string& what() const noexcept { return what_; }
  // Says nothing of the keys that nobody has read: the table cannot be read any further.
  void give_up() noexcept { keys_ = Keys::some; }
  // Reports a problem at the key, or at the table if it has no such key.
  void problem(std::string_view key, std::string reason) const;

  // Required, and not empty.
  Word text(std::string_view key);
  // Optional; empty if missing.
  Word text_if(std::string_view key);
  std::int64_t integer(std::string_view key, std::int64_t min, std::int64_t max);
  std::optional<std::int64_t> integer_if(std::string_view key, std::int64_t min, std::int64_t max);
  bool flag_or(std::string_view key, bool otherwise);
  std::vector<Word> texts(std::string_view key);  // optional, like all below
  std::vector<int> integers(std::string_view key);
  const Tree* table(std::string_view key);
  std::vector<const Tree*> tables(std::string_view key);
  std::vector<std::pair<std::string, Word>> pairs(std::string_view key);
  // The table's whole numbers, flags and texts.
  std::vector<std::pair<std::string, const Tree*>> values(std::string_view key);

 private:
  const Tree* find(std::string_view key) const noexcept;
  const Tree* use(std::string_view key, Tree::Kind kind, std::string_view kind_name);
  const Tree* need(std::string_view key, Tree::Kind kind, std::string_view kind_name);
  std::vector<const Tree*> items(std::string_view key, Tree::Kind kind, std::string_view kind_name);

  const Tree& table_;
  std::string what_;
  Problems& problems_;
  Keys keys_;
  std::set<std::string, std::less<>> used_;
};

}  // namespace hf::catalog
