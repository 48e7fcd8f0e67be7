#include "catalog/catalog_loader.h"

#include "catalog/reading/builder.h"

// toml++ then returns its errors instead of throwing them.
#define TOML_EXCEPTIONS 0
// toml++ 3.3.0 asserts on malformed keys before its own error path; the error path is what we want. The same
// in both files that include it (one definition).
#define TOML_ASSERT(expr) static_cast<void>(0)
#include <toml++/toml.h>

namespace hf {
namespace {

using catalog::Tree;

constexpr int depth_max = 12;

int line_of(const toml::node& node) { return static_cast<int>(node.source().begin.line); }

Tree to_tree(const toml::node& node, int depth, catalog::Problems& problems) {
  Tree made;
  made.line = line_of(node);
  if (depth > depth_max) {
    problems.add(made.line, "is nested too deep");
    return made;
  }
  if (const auto* text = node.as_string()) {
    made.kind = Tree::Kind::text;
    made.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    made.kind = Tree::Kind::integer;
    made.integer = integer->get();
  } else if (const auto* flag = node.as_boolean()) {
    made.kind = Tree::Kind::flag;
    made.flag = flag->get();
  } else if (const auto* array = node.as_array()) {
    made.kind = Tree::Kind::array;
    for (const toml::node& item : *array) made.items.push_back(to_tree(item, depth + 1, problems));
  } else if (const auto* table = node.as_table()) {
    made.kind = Tree::Kind::table;
    for (const auto& [key, item] : *table) {
      made.names.emplace_back(key.str());
      made.items.push_back(to_tree(item, depth + 1, problems));
    }
  }
  return made;
}

}  // namespace

std::string CatalogProblem::text() const {
  return line == 0 ? file + ": " + reason : file + ":" + std::to_string(line) + ": " + reason;
}

std::string CatalogProblems::text() const {
  std::string made;
  for (const CatalogProblem& problem : list) made += problem.text() + "\n";
  if (left_out != 0) made += "... and " + std::to_string(left_out) + " more\n";
  return made;
}

tl::expected<Catalog, CatalogProblems> load_catalog(std::string_view text, std::string_view file_name) {
  catalog::Problems problems(file_name);
  if (text.size() > catalog_bytes_max) {
    problems.add(0, "is larger than " + std::to_string(catalog_bytes_max) + " bytes");
    return tl::make_unexpected(std::move(problems).take());
  }
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    problems.add(static_cast<int>(parsed.error().source().begin.line), std::string(parsed.error().description()));
    return tl::make_unexpected(std::move(problems).take());
  }
  const Tree tree = to_tree(parsed.table(), 0, problems);
  catalog::Content content = catalog::Builder(problems).build(tree);
  if (!problems.empty()) return tl::make_unexpected(std::move(problems).take());
  return Catalog(std::move(content));
}

}  // namespace hf
