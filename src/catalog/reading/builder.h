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
  static bool read_kind(std::string_view kind, Column& column);
  void read_type_names(Section& root);
  void read_types(Section& root);
  void read_type(const Tree& tree, Type& type);
  void read_status(Section& section, Type& type);
  Part read_part(const Tree& tree, const Type& type);
  Successor read_successor(const Tree& tree, const Type& type);
  void check_shared_tables();

  // lookups.cpp
  void read_lookups(Section& root);
  Pick read_pick(const Tree& tree, const Lookup& lookup);
  void check_references();

  // effects.cpp
  void read_effects(Section& root);
  bool read_ends(Section& section, Effect& effect);
  void read_way(Section& section, Effect& effect);
  Effect::Step read_step(const Tree& tree, const std::string& of);
  void check_link(const Table& table, const Word& link, const Type& to, const std::string& biz_type);
  void read_sums(Section& section, Effect& effect);
  StateByDone read_state_by_done(const Tree& tree, const Effect& effect, const std::string& of);
  void read_marks(Section& section, Effect& effect);
  void check_undo(Section& section, const Effect& effect);
  bool leaves_approval(const Type& type, const Action& action) const;
  void check_counting(Section& section, const Effect& effect);

  // making.cpp
  enum class MakesBill : std::uint8_t { no, yes };
  void read_making(Section& section, Making& making, MakesBill makes_bill);
  void read_routes(Section& section, Making& making, const std::string& what);
  Link read_link(const Tree& tree, const Type& to, std::string what);
  void read_totals(Section& section, Making& making, const std::string& what);
  void read_master(Section& section, Making& making, MakesBill makes_bill, const std::string& what);
  void check_merging(Section& section, const Making& making);
  LineRule read_line(const Tree& tree, const Making& making, const std::string& of);
  std::vector<Copy> read_match(Section& section, const Table& theirs, const Table& ours);
  void take_effects(Section& section, const Making& making, LineRule& line);
  // The table whose columns are filled from those of another.
  struct Place {
    const Table& from;
    const Table& to;
    const Type* type;                  // whose master `to` is; null for a part
    std::vector<std::string> written;  // columns that other rules fill
    std::string what;
  };
  Filling read_filling(Section& section, Place place);
  void fill_rest(Section& section, const Place& place, Filling& filling);
  const StatusModel* status_of(const Type& type, std::string_view column) const;
  std::optional<Setting> read_setting(const Place& place, const std::string& name, const Tree& value);
  bool has_standard(std::string_view table) const;
  std::vector<Copy> read_copies(Section& section, const Table& from, const Table& to,
                                const std::vector<std::string>& excluded);

  // conversions.cpp
  void read_conversions(Section& root);
  void read_creations(Section& root);
  void read_holds(Section& root);
  std::vector<Check> read_checks(Section& section, std::string_view key, const Type& from);
  BillCheck read_bill_check(const Tree& tree, const Type& from, std::string of);

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
  // Whether a condition may compare amounts with 0; with other numbers none may, for it knows whole numbers only.
  enum class Amounts : std::uint8_t { none, compared_with_zero };
  // Reports what `condition` asks for that rows of the table, or bills of the type, do not have.
  void check_fields(const Condition& condition, const Table& table, int line, Amounts amounts,
                    std::string_view whose = "");
  void check_condition(const Condition& condition, const Type& type, int line, Amounts amounts = Amounts::none);
  void check_name(const Word& name, std::string_view kind);

  Problems& problems_;
  Content made_;
  // A nameless table stands last while the catalog is read: what names an unknown table refers to it, and nothing
  // more is said about its columns.
  Index unknown_table_ = 0;
  std::vector<std::string> never_copy_;
  std::vector<Word> references_;  // the tables that columns refer to
};

}  // namespace hf::catalog
