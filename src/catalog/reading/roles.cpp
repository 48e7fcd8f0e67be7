// Roles and notices.

#include <algorithm>

#include "catalog/reading/builder.h"

namespace hf::catalog {

void Builder::read_roles(Section& root) {
  for (const Tree* tree : root.tables("role")) {
    Section section(*tree, "role", problems_);
    Role role;
    const Word name = section.text("name");
    role.name = name.text;
    check_name(name, "role");
    section.rename("role " + role.name);
    role.zh = section.text("zh").text;
    role.en = section.text("en").text;
    for (const Word& text : section.texts("rights")) {
      for (std::string& right : expand_right(text)) role.rights.push_back(std::move(right));
    }
    RightSet set;
    if (const auto refused = set.add_all(role.rights); !refused.empty()) {
      section.problem("rights", "come to too many, or '" + refused.front() + "' is none");
    }
    role.rights = set.texts();
    role.tree = types_named(section.texts("tree"));
    const std::string scope = section.text("scope").text;
    if (scope == "all") {
      role.scope = Scope::all;
    } else if (scope == "department") {
      role.scope = Scope::department;
    } else if (scope != "own" && !scope.empty()) {
      section.problem("scope", "must be \"all\", \"department\" or \"own\"");
    }
    add_named(made_.roles, std::move(role), tree->line, "role");
  }
}

// "action.submit:@sales,PurOrder" -> one right for each type.
std::vector<std::string> Builder::expand_right(const Word& text) {
  const std::size_t colon = text.text.find(':');
  const std::string name = text.text.substr(0, colon);
  std::vector<std::string> names;
  for (const Action& action : made_.actions) {
    const std::string right = "action." + action.right;
    if (name == right || name == "action.*") names.push_back(right);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (std::find(right_names.begin(), right_names.end(), name) != right_names.end()) names.push_back(name);
  if (names.empty()) problems_.add(text.line, "unknown right '" + name + "'");
  if (colon == std::string::npos) return names;

  std::vector<Word> types;
  for (std::size_t begin = colon + 1; begin <= text.text.size();) {
    const std::size_t end = std::min(text.text.find(',', begin), text.text.size());
    types.push_back({text.text.substr(begin, end - begin), text.line});
    begin = end + 1;
  }
  std::vector<std::string> made;
  for (const Index type : types_named(types)) {
    for (const std::string& right : names) made.push_back(right + ":" + made_.types[type].name);
  }
  return made;
}

void Builder::read_notices(Section& root) {
  for (const Tree* tree : root.tables("notice")) {
    Section section(*tree, "notice", problems_);
    Notice made;
    const Word name = section.text("name");
    made.name = name.text;
    check_name(name, "notice");
    section.rename("notice " + made.name);
    made.actions = find_all(made_.actions, section.texts("actions"), "action");
    made.types = types_named(section.texts("types"));
    const std::vector<Word> to = section.texts("to");
    if (made.actions.empty()) section.problem("actions", "must not be empty");
    if (made.types.empty()) section.problem("types", "must not be empty");
    if (to.empty()) section.problem("to", "must not be empty");
    for (const Word& whom : to) {
      if (whom.text == "creator") {
        made.creator = true;
      } else if (whom.text == "owner") {
        made.owner = true;
      } else if (whom.text == "handler") {
        made.handler = true;
      } else if (whom.text == "reviewers") {
        made.reviewers = true;
      } else if (whom.text == "department") {
        made.department = true;
      } else if (whom.text.starts_with("role:")) {
        if (const auto role = find(made_.roles, {whom.text.substr(5), whom.line}, "role")) made.roles.push_back(*role);
      } else {
        problems_.add(whom.line, "notice " + made.name + ": unknown reader '" + whom.text + "'");
      }
    }
    add_named(made_.notices, std::move(made), tree->line, "notice");
  }
}

}  // namespace hf::catalog
