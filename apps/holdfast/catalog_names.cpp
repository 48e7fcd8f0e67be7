#include "catalog_names.h"

#include <algorithm>

#include "asking.h"
#include "nearest.h"
#include "show.h"
#include "wire/json_text.h"
#include "words.h"

namespace hf::cli {
namespace {

namespace json = boost::json;

std::string looked_up(const std::map<std::string, std::string>& names, const std::string& name) {
  const auto found = names.find(name);
  return found == names.end() ? plain(name) : found->second;
}

}  // namespace

CatalogNames::CatalogNames(const std::string& catalog) {
  const auto read = parse_json(catalog);
  if (!read) return;
  const json::value& value = *read;
  const char* language = speaks_chinese() ? "zh" : "en";
  for (const json::object& type : list_in(value, "types")) {
    const std::string name = text_in(type, "name");
    types_[name] = plain_in(type, language);
    for (const char* other : {"zh", "en"}) called_.emplace(text_in(type, other), name);
    places_.emplace(name, places_.size());
    const json::value* groups = type.if_contains("groups");
    if (groups == nullptr || !groups->is_array()) continue;
    for (const json::value& group : groups->get_array()) {
      if (group.is_string()) places_.emplace(name + "/" + std::string(group.get_string()), places_.size());
    }
  }
  for (const json::object& group : list_in(value, "groups"))
    groups_[text_in(group, "name")] = plain_in(group, language);
  for (const json::object& action : list_in(value, "actions")) {
    for (const char* one : {"name", "zh", "en"}) actions_.emplace(text_in(action, one), plain_in(action, language));
  }
}

CatalogNames CatalogNames::ask(const Arguments& a) {
  const auto answer = send(a, "GET", "/v1/catalog");
  return answer ? CatalogNames(*answer) : CatalogNames();
}

std::string CatalogNames::type(const std::string& name) const { return looked_up(types_, name); }
std::string CatalogNames::group(const std::string& name) const { return looked_up(groups_, name); }
std::string CatalogNames::action(const std::string& name) const { return looked_up(actions_, name); }

std::size_t CatalogNames::place_of(const std::string& what) const {
  const auto at = places_.find(what);
  return at == places_.end() ? places_.size() : at->second;
}

std::vector<std::string> CatalogNames::types_near(const std::string& text) const {
  if (const auto named = called_.find(text); named != called_.end()) return {named->second};
  std::vector<std::string> all;
  for (const auto& [name, shown] : types_) all.push_back(name);
  return nearest(text, all, 3);
}

}  // namespace hf::cli
