// Tables and bill types.

#include <algorithm>
#include <charconv>

#include "catalog/reading/builder.h"
#include "model/target.h"

namespace hf::catalog {

void Builder::read_tables(Section& root) {
  const Tree* const tables = root.table("table");
  for (std::size_t i = 0; tables != nullptr && i < tables->items.size(); ++i) {
    Section section(tables->items[i], "table " + tables->names[i], problems_);
    Table table;
    table.name = tables->names[i];
    check_name({table.name, section.line()}, "table");
    for (const Word& spec : section.texts("columns")) {
      Column made = read_column(spec);
      if (table.find(made.name) != nullptr) {
        problems_.add(spec.line, "table " + table.name + ": column '" + made.name + "' stands twice");
      }
      table.columns.push_back(std::move(made));
    }
    if (table.columns.empty()) section.problem("columns", "must not be empty");
    made_.tables.push_back(std::move(table));
  }
  unknown_table_ = static_cast<Index>(made_.tables.size());
  made_.tables.emplace_back();
}

// "SOrderNo text(50)? 订单编号"
Column Builder::read_column(const Word& spec) {
  Column column;
  const std::string_view text = spec.text;
  const std::size_t name_end = std::min(text.find(' '), text.size());
  column.name = text.substr(0, name_end);
  check_name({column.name, spec.line}, "column");
  std::string_view rest = text.substr(std::min(name_end + 1, text.size()));
  const std::size_t kind_end = std::min(rest.find(' '), rest.size());
  std::string_view kind = rest.substr(0, kind_end);
  column.label = rest.substr(std::min(kind_end + 1, rest.size()));
  if (kind.ends_with('?')) {
    column.nullable = true;
    kind.remove_suffix(1);
  }
  if (!read_kind(kind, column)) {
    problems_.add(spec.line,
                  "column '" + spec.text +
                      "': must be \"Name kind label\" with kind id, id(table), int, bool, money, " +
                      "decimal(digits,decimals), text, text(length), time, date or bytes, and ? if it may be null");
  }
  if (!column.refers.empty()) references_.push_back({column.refers, spec.line});
  return column;
}

// "id", "id(tb_Unit)", "text(50)", "decimal(18,4)": false if it is no kind.
bool Builder::read_kind(std::string_view kind, Column& column) {
  static constexpr std::pair<std::string_view, ColumnKind> kinds[] = {
      {"id", ColumnKind::id},       {"int", ColumnKind::integer},     {"bool", ColumnKind::boolean},
      {"money", ColumnKind::money}, {"decimal", ColumnKind::decimal}, {"text", ColumnKind::text},
      {"time", ColumnKind::time},   {"date", ColumnKind::date},       {"bytes", ColumnKind::bytes}};
  const std::size_t open = kind.find('(');
  const bool bracketed = open != std::string_view::npos && kind.ends_with(')');
  const std::string_view inner = bracketed ? kind.substr(open + 1, kind.size() - open - 2) : std::string_view();
  const std::string_view word = kind.substr(0, bracketed ? open : kind.size());
  const auto* const found =
      std::find_if(std::begin(kinds), std::end(kinds), [&](const auto& k) { return k.first == word; });
  if (found == std::end(kinds)) return false;
  column.kind = found->second;
  const auto number = [](std::string_view digits, auto& into) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), into);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  switch (column.kind) {
    case ColumnKind::money:
      column.precision = money_precision;
      column.scale = money_scale;
      return !bracketed;
    case ColumnKind::decimal: {
      const std::size_t comma = std::min(inner.find(','), inner.size());
      return number(inner.substr(0, comma), column.precision) &&
             number(inner.substr(std::min(comma + 1, inner.size())), column.scale) && column.precision >= 1 &&
             column.precision <= decimal_precision_max && column.scale >= 0 && column.scale <= column.precision;
    }
    case ColumnKind::text: return !bracketed || (number(inner, column.length) && column.length > 0);
    case ColumnKind::id: column.refers = inner; return !bracketed || !inner.empty();
    case ColumnKind::integer:
    case ColumnKind::boolean:
    case ColumnKind::time:
    case ColumnKind::date:
    case ColumnKind::bytes: return !bracketed;
  }
  return false;
}

// Names and areas first: actions and successors refer to types that stand further down.
void Builder::read_type_names(Section& root) {
  for (const Tree* tree : root.tables("type")) {
    Type type;
    for (std::size_t i = 0; i < tree->names.size(); ++i) {
      if (tree->names[i] == "name") type.name = tree->items[i].text;
      if (tree->names[i] == "area") type.area = tree->items[i].text;
    }
    if (!type.name.empty() && !is_target_segment(type.name)) {
      problems_.add(tree->line, "type '" + type.name + "': cannot stand in a lock target");
    }
    for (const Type& before : made_.types) {
      if (before.name == type.name) problems_.add(tree->line, "type '" + type.name + "' stands twice");
    }
    type.table = unknown_table_;
    made_.types.push_back(std::move(type));
  }
}

void Builder::read_types(Section& root) {
  const std::vector<const Tree*> trees = root.tables("type");
  for (std::size_t i = 0; i < trees.size(); ++i) read_type(*trees[i], made_.types[i]);
  for (std::size_t i = 0; i < trees.size(); ++i) {
    Section section(*trees[i], "type " + made_.types[i].name, problems_, Section::Keys::some);
    for (const Tree* item : section.tables("successors")) {
      made_.types[i].successors.push_back(read_successor(*item, made_.types[i]));
    }
  }
  check_shared_tables();
}

void Builder::read_type(const Tree& tree, Type& type) {
  Section section(tree, "type " + type.name, problems_);
  section.text("name");
  type.zh = section.text("zh").text;
  type.en = section.text("en").text;
  check_name(section.text("area"), "area");
  type.code = static_cast<int>(section.integer("code", 0, 1'000'000));
  for (const Type& other : made_.types) {
    if (&other < &type && other.code == type.code) {
      section.problem("code", std::to_string(type.code) + " is already that of " + other.name);
    }
  }
  if (const auto at = find(made_.tables, section.text("table"), "table")) type.table = *at;
  const Table& table = table_of(type);
  type.key = column(table, section.text("key"), Need::id);
  type.no = column(table, section.text("no"));
  type.id = read_id_rule(section, "id", made_.id);
  type.prefix = section.text_if("prefix").text;
  type.gapless = section.flag_or("gapless", false);
  if (type.gapless && type.prefix.empty()) section.problem("gapless", "needs a prefix: who else draws the number?");
  if (const Tree* only = section.table("only")) {
    Section of(*only, "type " + type.name + ": only", problems_);
    const Word name = of.text("column");
    type.only = Only{column(table, name, Need::whole), static_cast<int>(of.integer("value", 0, 1'000'000))};
  }
  type.owner = column(table, section.text_if("owner"), Need::id);
  type.department = column(table, section.text_if("department"), Need::id);
  type.creator = column(table, section.text_if("creator"), Need::id);
  type.deleted = column(table, section.text_if("deleted"), Need::whole);
  type.partner = column(table, section.text_if("partner"), Need::id);
  type.quantity = column(table, section.text_if("quantity"), Need::number);
  type.amount = column(table, section.text_if("amount"), Need::number);
  read_status(section, type);
  for (const Tree* item : section.tables("parts")) {
    Part part = read_part(*item, type);
    if (type.find_part(part.name) != nullptr) problems_.add(item->line, "part '" + part.name + "' stands twice");
    type.parts.push_back(std::move(part));
  }
  section.tables("successors");  // refer to parts of other types: read afterwards
  type.auto_approve_up_to = section.integer_if("auto_approve_up_to", 0, 1'000'000'000'000);
  if (type.auto_approve_up_to && type.amount.empty()) section.problem("auto_approve_up_to", "needs an amount column");
  type.lock = read_lock(section.table("lock"), "type " + type.name + ": lock", made_.lock);
}

void Builder::read_status(Section& section, Type& type) {
  const Table& table = table_of(type);
  for (const Word& name : section.texts("status")) {
    const std::optional<Index> at = find(made_.models, name, "status model");
    if (!at) continue;
    column(table, name, Need::whole);
    const StatusKind kind = made_.models[*at].kind;
    if (kind == StatusKind::lifecycle) {
      if (type.lifecycle) problems_.add(name.line, "type " + type.name + ": has two lifecycles");
      type.lifecycle = at;
    }
    type.has_approval |= kind == StatusKind::approval;
    type.status.push_back(*at);
  }
  if (section.has("editable_in") && !type.lifecycle) section.problem("editable_in", "needs a lifecycle");
  if (type.lifecycle) {
    const StatusModel& model = made_.models[*type.lifecycle];
    const bool strict = made_.edit_after_submit == EditAfterSubmit::strict;
    type.editable_in = section.has("editable_in") ? values_of(section, "editable_in", model)
                       : strict                   ? model.editable_strict
                                                  : model.editable;
  } else {
    section.integers("editable_in");
  }
  for (const Word& name : section.texts("groups")) {
    const std::optional<Index> at = find(made_.groups, name, "group");
    if (!at) continue;
    if (std::find(type.groups.begin(), type.groups.end(), *at) != type.groups.end()) {
      problems_.add(name.line, "type " + type.name + ": group '" + name.text + "' stands twice");
    }
    type.groups.push_back(*at);
    check_condition(made_.groups[*at].when, type, name.line);
  }
  if (type.groups.size() > groups_per_type_max) {
    section.problem("groups", "are more than " + std::to_string(groups_per_type_max));
  }
  const std::vector<Index> without = find_all(made_.actions, section.texts("without"), "action");
  const auto in = [](const std::vector<Index>& list, Index index) {
    return std::find(list.begin(), list.end(), index) != list.end();
  };
  const Index self = static_cast<Index>(&type - made_.types.data());
  for (Index i = 0; i < made_.actions.size(); ++i) {
    const Action& action = made_.actions[i];
    const bool fits = action.kind == ActionKind::convert ||
                      (type.lifecycle ? action.move_of(*type.lifecycle) != nullptr : action.stateless);
    if (fits && !in(without, i) && (action.types.empty() || in(action.types, self))) type.actions.push_back(i);
  }
}

Part Builder::read_part(const Tree& tree, const Type& type) {
  Section section(tree, "type " + type.name + ": part", problems_);
  Part part;
  const Word name = section.text("table");
  const std::optional<Index> at = find(made_.tables, name, "table");
  if (name.text.starts_with("tb_")) {
    part.name = name.text.substr(3);
  } else if (!name.text.empty()) {
    section.problem("table", "must begin with tb_");
  }
  part.table = at.value_or(unknown_table_);
  part.id = read_id_rule(section, "id", made_.line_id);
  const Word key = section.text("key"), parent = section.text("parent"), quantity = section.text_if("quantity"),
             amount = section.text_if("amount");
  if (!at) return part;
  const Table& table = made_.tables[*at];
  part.key = column(table, key, Need::id);
  part.parent = column(table, parent, Need::id);
  part.quantity = column(table, quantity, Need::number);
  part.amount = column(table, amount, Need::number);
  return part;
}

Successor Builder::read_successor(const Tree& tree, const Type& type) {
  Section section(tree, "type " + type.name + ": successor", problems_);
  Successor made;
  const std::optional<Index> at = find(made_.types, section.text("type"), "type");
  const Word part = section.text_if("part"), link = section.text("link"), biz_type = section.text_if("biz_type");
  if (!at) return made;
  made.type = *at;
  const Type& of = made_.types[*at];
  made.part = part_named(of, part);
  const Table& table = table_of(of, made.part);
  made.link = column(table, link, Need::id);
  made.biz_type = column(table, biz_type, Need::whole);
  if (!of.lifecycle) section.problem("type", of.name + " has no lifecycle, so it is never approved");
  return made;
}

void Builder::check_shared_tables() {
  for (std::size_t i = 0; i < made_.types.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const Type& a = made_.types[j];
      const Type& b = made_.types[i];
      if (a.table != b.table || a.table == unknown_table_) continue;
      if (!a.only || !b.only || a.only->column != b.only->column || a.only->value == b.only->value) {
        problems_.add(0, "types " + a.name + " and " + b.name + " share table " + table_of(a).name +
                             ": each needs an `only` of the same column and another value");
      }
    }
  }
}

}  // namespace hf::catalog
