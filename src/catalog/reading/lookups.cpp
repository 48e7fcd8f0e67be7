// Lookups: the base data that bills refer to, and what of it may be picked where.

#include <algorithm>

#include "catalog/reading/builder.h"

namespace hf::catalog {

void Builder::read_lookups(Section& root) {
  for (const Tree* tree : root.tables("lookup")) {
    Section section(*tree, "lookup", problems_);
    Lookup made;
    const Word name = section.text("name");
    made.name = name.text;
    check_name(name, "lookup");
    section.rename("lookup " + made.name);
    made.zh = section.text("zh").text;
    made.en = section.text("en").text;
    const auto at = find(made_.tables, section.text("table"), "table");
    made.table = at.value_or(unknown_table_);
    const Table& table = made_.tables[made.table];
    made.key = column(table, section.text("key"), Need::id);
    made.code = column(table, section.text_if("code"));
    made.text = column(table, section.text_if("text"));
    made.parent = column(table, section.text_if("parent"), Need::id);
    for (const Word& each : section.texts("order")) made.order.push_back(column(table, each));
    made.enabled = column(table, section.text_if("enabled"), Need::whole);
    made.deleted = column(table, section.text_if("deleted"), Need::whole);
    for (const Word& each : section.texts("more")) made.more.push_back(column(table, each));
    for (const Word& each : section.texts("scope")) made.scope.push_back(column(table, each, Need::id));
    for (const Word& each : section.texts("secret")) made.secret.push_back(column(table, each));
    if (const Word standard = section.text_if("standard"); !standard.text.empty()) {
      made.standard = read_condition(standard);
      check_fields(*made.standard, table, standard.line, Amounts::none);
    }
    for (const Tree* item : section.tables("picks")) made.picks.push_back(read_pick(*item, made));
    for (const std::string& shown : {made.code, made.text}) {
      if (!shown.empty() && std::find(made.secret.begin(), made.secret.end(), shown) != made.secret.end()) {
        section.problem("secret", "names " + shown + ", which every picker shows");
      }
    }
    for (const Lookup& other : made_.lookups) {
      if (other.table == made.table && at) section.problem("table", "is already that of " + other.name);
    }
    add_named(made_.lookups, std::move(made), tree->line, "lookup");
  }
  check_references();
}

Pick Builder::read_pick(const Tree& tree, const Lookup& lookup) {
  Section section(tree, "lookup " + lookup.name + ": pick", problems_);
  const Table& table = made_.tables[lookup.table];
  Pick made;
  for (const Word& word : section.texts("tables")) {
    if (const auto at = find(made_.tables, word, "table")) made.tables.push_back(*at);
  }
  const Word of = section.text_if("column"), bill = section.text_if("bill"), when = section.text_if("when");
  made.column = of.text;
  if (!bill.text.empty()) made.bill = read_condition(bill);
  if (!when.text.empty()) made.when = read_condition(when);
  check_fields(made.when, table, when.line, Amounts::none);
  const std::vector<Word> match = section.texts("match");
  for (const Index index : made.tables) {
    const Table& filled = made_.tables[index];
    column(filled, of, Need::id);
    check_fields(made.bill, filled, bill.line, Amounts::none);
    const auto refers = [&](const Column& c) { return c.refers == table.name; };
    if (of.text.empty() && std::none_of(filled.columns.begin(), filled.columns.end(), refers)) {
      section.problem("tables", filled.name + " has no column that refers to " + table.name);
    }
  }
  // A match may also name a column of the master above the table that is filled, so only the lookup's side is proved.
  for (const Word& word : match) {
    const std::size_t middle = word.text.find('=');
    const std::string left = word.text.substr(0, middle);
    made.match.emplace_back(column(table, {left, word.line}),
                            middle == std::string::npos ? left : word.text.substr(middle + 1));
  }
  if (when.text.empty() && match.empty()) section.problem("when", "is missing: the pick leaves nothing out");
  return made;
}

// Each id that says where it leads must lead to a table that somebody can look into.
void Builder::check_references() {
  const auto known = [&](std::string_view name) {
    const auto is = [&](Index table) { return made_.tables[table].name == name; };
    return std::any_of(made_.types.begin(), made_.types.end(),
                       [&](const Type& type) {
                         return is(type.table) || std::any_of(type.parts.begin(), type.parts.end(),
                                                              [&](const Part& part) { return is(part.table); });
                       }) ||
           std::any_of(made_.lookups.begin(), made_.lookups.end(), [&](const Lookup& l) { return is(l.table); });
  };
  for (const Word& word : references_) {
    if (!known(word.text)) {
      problems_.add(word.line, "id(" + word.text + "): there is no type, part or lookup of that table");
    }
  }
}

}  // namespace hf::catalog
