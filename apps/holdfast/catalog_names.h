#pragma once

// What the server's catalog calls things: bill types, their groups and actions, in the language of the terminal, and
// in the order of people's work.
//
// A name that the catalog does not have is shown as it is, without what could drive a terminal.

#include <map>
#include <string>
#include <vector>

#include "commands.h"

namespace hf::cli {

class CatalogNames {
 public:
  CatalogNames() = default;
  // From the answer of catalog.get.
  explicit CatalogNames(const std::string& catalog);
  // Asks the server; without an answer it has no names.
  static CatalogNames ask(const Arguments& a);

  std::string type(const std::string& name) const;
  std::string group(const std::string& name) const;
  // An action is published by its name or by what an ERP calls it: "submit", "Submit" or "提交".
  std::string action(const std::string& name) const;

  // The places in the catalog; what it does not have comes last.
  std::size_t place(const std::string& type) const { return place_of(type); }
  std::size_t place(const std::string& type, const std::string& group) const { return place_of(type + "/" + group); }

  bool has_type(const std::string& name) const { return places_.contains(name); }
  bool empty() const noexcept { return places_.empty(); }
  // The types that somebody may have meant by `text`, the nearest first, at most three.
  std::vector<std::string> types_near(const std::string& text) const;

 private:
  std::size_t place_of(const std::string& what) const;

  std::map<std::string, std::string> types_, groups_, actions_;  // by name; actions also by what they are called
  std::map<std::string, std::string> called_;                    // the type that is called so, in either language
  std::map<std::string, std::size_t> places_;                    // of types, and of "type/group"
};

}  // namespace hf::cli
