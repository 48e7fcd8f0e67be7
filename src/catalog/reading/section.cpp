#include "catalog/reading/section.h"

#include <algorithm>
#include <tuple>

namespace hf::catalog {

void Problems::add(int line, std::string reason) {
  CatalogProblem problem{file_, line, std::move(reason)};
  if (std::find(found_.list.begin(), found_.list.end(), problem) != found_.list.end()) return;
  if (found_.list.size() >= catalog_problems_max) {
    ++found_.left_out;
    return;
  }
  found_.list.push_back(std::move(problem));
}

CatalogProblems Problems::take() && {
  std::sort(found_.list.begin(), found_.list.end(), [](const CatalogProblem& a, const CatalogProblem& b) {
    return std::tie(a.line, a.reason) < std::tie(b.line, b.reason);
  });
  return std::move(found_);
}

Section::Section(const Tree& table, std::string what, Problems& problems, Keys keys)
    : table_(table), what_(std::move(what)), problems_(problems), keys_(keys) {
  if (table_.kind != Tree::Kind::table) problems_.add(table_.line, what_ + ": must be a table");
}

Section::~Section() {
  if (keys_ == Keys::some) return;
  for (std::size_t i = 0; i < table_.names.size(); ++i) {
    if (!used_.contains(table_.names[i])) {
      problems_.add(table_.items[i].line, what_ + ": unknown key '" + table_.names[i] + "'");
    }
  }
}

void Section::problem(std::string_view key, std::string reason) const {
  const Tree* const found = find(key);
  problems_.add(found != nullptr ? found->line : table_.line, what_ + ": " + std::string(key) + " " + reason);
}

const Tree* Section::find(std::string_view key) const noexcept {
  for (std::size_t i = 0; i < table_.names.size(); ++i) {
    if (table_.names[i] == key) return &table_.items[i];
  }
  return nullptr;
}

const Tree* Section::use(std::string_view key, Tree::Kind kind, std::string_view kind_name) {
  used_.emplace(key);
  const Tree* const found = find(key);
  if (found == nullptr || found->kind == kind) return found;
  problem(key, "must be " + std::string(kind_name));
  return nullptr;
}

const Tree* Section::need(std::string_view key, Tree::Kind kind, std::string_view kind_name) {
  if (!has(key) && table_.kind == Tree::Kind::table) problem(key, "is missing");
  return use(key, kind, kind_name);
}

Word Section::text(std::string_view key) {
  const Tree* const found = need(key, Tree::Kind::text, "a text");
  if (found == nullptr) return {"", table_.line};
  if (found->text.empty()) problem(key, "must not be empty");
  return {found->text, found->line};
}

Word Section::text_if(std::string_view key) {
  const Tree* const found = use(key, Tree::Kind::text, "a text");
  return found == nullptr ? Word{"", table_.line} : Word{found->text, found->line};
}

std::int64_t Section::integer(std::string_view key, std::int64_t min, std::int64_t max) {
  need(key, Tree::Kind::integer, "a whole number");
  return integer_if(key, min, max).value_or(min);
}

std::optional<std::int64_t> Section::integer_if(std::string_view key, std::int64_t min, std::int64_t max) {
  const Tree* const found = use(key, Tree::Kind::integer, "a whole number");
  if (found == nullptr) return std::nullopt;
  if (found->integer < min || found->integer > max) {
    problem(key, "must be between " + std::to_string(min) + " and " + std::to_string(max));
    return std::nullopt;
  }
  return found->integer;
}

bool Section::flag_or(std::string_view key, bool otherwise) {
  const Tree* const found = use(key, Tree::Kind::flag, "true or false");
  return found == nullptr ? otherwise : found->flag;
}

std::vector<const Tree*> Section::items(std::string_view key, Tree::Kind kind, std::string_view kind_name) {
  std::vector<const Tree*> made;
  const Tree* const found = use(key, Tree::Kind::array, "a list of " + std::string(kind_name));
  if (found == nullptr) return made;
  if (found->items.size() > catalog_list_max) {
    problem(key, "has more than " + std::to_string(catalog_list_max) + " items");
    return made;
  }
  for (const Tree& item : found->items) {
    if (item.kind == kind) {
      made.push_back(&item);
    } else {
      problems_.add(item.line, what_ + ": " + std::string(key) + " must be a list of " + std::string(kind_name));
    }
  }
  return made;
}

std::vector<Word> Section::texts(std::string_view key) {
  std::vector<Word> made;
  for (const Tree* item : items(key, Tree::Kind::text, "texts")) made.push_back({item->text, item->line});
  return made;
}

std::vector<int> Section::integers(std::string_view key) {
  std::vector<int> made;
  for (const Tree* item : items(key, Tree::Kind::integer, "whole numbers")) {
    if (item->integer < -1'000'000 || item->integer > 1'000'000) {
      problem(key, "has a number that is out of range");
    } else {
      made.push_back(static_cast<int>(item->integer));
    }
  }
  return made;
}

const Tree* Section::table(std::string_view key) { return use(key, Tree::Kind::table, "a table"); }

std::vector<const Tree*> Section::tables(std::string_view key) { return items(key, Tree::Kind::table, "tables"); }

std::vector<std::pair<std::string, Word>> Section::pairs(std::string_view key) {
  std::vector<std::pair<std::string, Word>> made;
  const Tree* const found = table(key);
  if (found == nullptr) return made;
  for (std::size_t i = 0; i < found->items.size(); ++i) {
    const Tree& item = found->items[i];
    if (item.kind == Tree::Kind::text) {
      made.emplace_back(found->names[i], Word{item.text, item.line});
    } else {
      problems_.add(item.line, what_ + ": " + std::string(key) + "." + found->names[i] + " must be a text");
    }
  }
  return made;
}

std::vector<std::pair<std::string, const Tree*>> Section::values(std::string_view key) {
  std::vector<std::pair<std::string, const Tree*>> made;
  const Tree* const found = table(key);
  if (found == nullptr) return made;
  for (std::size_t i = 0; i < found->items.size(); ++i) {
    const Tree& item = found->items[i];
    if (item.kind == Tree::Kind::text || item.kind == Tree::Kind::integer || item.kind == Tree::Kind::flag) {
      made.emplace_back(found->names[i], &item);
    } else {
      problems_.add(item.line, what_ + ": " + std::string(key) + "." + found->names[i] +
                                   " must be a whole number, a text, true or false");
    }
  }
  return made;
}

}  // namespace hf::catalog
