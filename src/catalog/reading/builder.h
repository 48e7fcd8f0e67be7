#pragma once

// Builder makes the catalog's content from the tree of its file, list by list in the order in which they refer to
// each other, and checks every reference on the way. The functions of each list stand in the file named after it.
//
// What is wrong is reported and left out or read as a default; the content is only good if no problem was found.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catalog/catalog.h"
#include "catalog/reading/section.h"

namespace hf::catalog {

class Builder {
 public:
  explicit Builder(Problems& problems) : problems_(problems) {}

  Content build(const Tree& root);

 private:
  // builder.cpp
  void read_settings(Section& root);
  IdRule read_id_rule(Section& section, std::string_view key, IdRule otherwise);
  LockPolicy read_lock(const Tree* table, std::string what, LockPolicy defaults);
  Condition read_condition(const Word& text);

  // states.cpp
  void read_models(Section& root);
  StatusModel read_model(const Tree& tree);
  std::vector<int> values_of(Section& section, std::string_view key, const StatusModel& model);
  void read_actions(Section& root);
  Action read_action(const Tree& tree);
  Move read_move(const Tree& tree, const std::string& action);
  void read_groups(Section& root);

  // types.cpp
  void read_tables(Section& root);
  Column read_column(const Word& spec);
  void read_type_names(Section& root);
  void read_types(Section& root);
  void read_type(const Tree& tree, Type& type);
  void read_status(Section& section, Type& type);
  Part read_part(const Tree& tree, const Type& type);
  Successor read_successor(const Tree& tree, const Type& type);
  void check_shared_tables();

  // conversions.cpp
  void read_conversions(Section& root);
  void read_creations(Section& root);
  void read_holds(Section& root);
  void read_making(Section& section, Making& making, bool makes_bill);
  Link read_link(const Tree& tree, const Type& to, std::string what);
  LineRule read_line(const Tree& tree, const Making& making, std::string what);
  SourceState read_source_state(const Tree& tree, const Type& from, std::string what);
  std::vector<Check> read_checks(Section& section, std::string_view key, const Type& from);
  std::vector<Copy> read_copies(Section& section, const Table& from, const Table& to,
                                const std::vector<std::string>& excluded);

  // roles.cpp
  void read_roles(Section& root);
  void read_notices(Section& root);
  std::vector<std::string> expand_right(const Word& text);

  // References: the thing, or a problem at the word's line.
  template <class List>
  std::optional<Index> find(const List& list, const Word& name, std::string_view kind) {
    for (Index i = 0; i < list.size(); ++i) {
      if (list[i].name == name.text) return i;
    }
    if (!name.text.empty()) problems_.add(name.line, "unknown " + std::string(kind) + " '" + name.text + "'");
    return std::nullopt;
  }
  template <class List>
  std::vector<Index> find_all(const List& list, const std::vector<Word>& names, std::string_view kind) {
    std::vector<Index> made;
    for (const Word& name : names) {
      if (const std::optional<Index> at = find(list, name, kind)) made.push_back(*at);
    }
    return made;
  }
  // Adds to the list unless it has one of that name.
  template <class List, class Thing>
  void add_named(List& list, Thing thing, int line, std::string_view kind) {
    for (const auto& each : list) {
      if (each.name == thing.name) return problems_.add(line, std::string(kind) + " '" + thing.name + "' stands twice");
    }
    list.push_back(std::move(thing));
  }

  // The types that a list of names, @areas and "*" stands for; sorted.
  std::vector<Index> types_named(const std::vector<Word>& names);
  // The column's name if the table has it (and it is a number, if that is asked); else "" and a problem. "" stays "".
  enum class Need { any, number, whole, id };
  std::string column(const Table& table, const Word& name, Need need = Need::any);
  const Table& table_of(const Type& type) const { return made_.tables[type.table]; }
  const Table& table_of(const Type& type, const std::optional<Index>& part) const {
    return part ? made_.tables[type.parts[*part].table] : table_of(type);
  }
  std::optional<Index> part_named(const Type& type, const Word& name);
  // Reports what `condition` asks for that bills of the type do not have.
  void check_condition(const Condition& condition, const Type& type, int line);
  void check_name(const Word& name, std::string_view kind);

  Problems& problems_;
  Content made_;
  // A nameless table stands last while the catalog is read: what names an unknown table refers to it, and nothing
  // more is said about its columns.
  Index unknown_table_ = 0;
  std::vector<std::string> never_copy_;
};

}  // namespace hf::catalog
