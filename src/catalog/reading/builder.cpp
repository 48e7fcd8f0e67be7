#include "catalog/reading/builder.h"

#include <algorithm>

namespace hf::catalog {

Content Builder::build(const Tree& root) {
  Section section(root, "catalog", problems_);
  read_settings(section);
  read_tables(section);
  read_type_names(section);
  read_models(section);
  read_actions(section);
  read_groups(section);
  read_types(section);
  read_lookups(section);
  read_effects(section);
  read_conversions(section);
  read_creations(section);
  read_holds(section);
  read_roles(section);
  read_notices(section);
  made_.tables.pop_back();
  return std::move(made_);
}

void Builder::read_settings(Section& root) {
  root.integer("format", 1, 1);
  made_.name = root.text("name").text;
  made_.strict_types = root.flag_or("strict_types", true);
  made_.four_eyes = root.flag_or("four_eyes", false);
  made_.board_keep_days = static_cast<int>(root.integer_if("board_keep_days", 0, 3650).value_or(7));
  const Word edit = root.text_if("edit_after_submit");
  if (edit.text == "strict") {
    made_.edit_after_submit = EditAfterSubmit::strict;
  } else if (!edit.text.empty() && edit.text != "flexible") {
    root.problem("edit_after_submit", "must be \"flexible\" or \"strict\"");
  }
  made_.id = read_id_rule(root, "id", IdRule::text);
  made_.line_id = read_id_rule(root, "line_id", IdRule::text);
  made_.lock = read_lock(root.table("lock"), "lock", {});
  if (const Tree* tree = root.table("numbering")) {
    Section numbering(*tree, "numbering", problems_);
    made_.numbering.date = numbering.text("date").text;
    made_.numbering.digits = static_cast<int>(numbering.integer("digits", 1, 12));
  }
  if (const Tree* tree = root.table("conversion_defaults")) {
    Section defaults(*tree, "conversion_defaults", problems_);
    for (Word& name : defaults.texts("never_copy")) never_copy_.push_back(std::move(name.text));
  }
}

IdRule Builder::read_id_rule(Section& section, std::string_view key, IdRule otherwise) {
  const Word word = section.text_if(key);
  if (word.text.empty()) return otherwise;
  if (word.text == "text") return IdRule::text;
  if (word.text == "upper") return IdRule::upper;
  if (word.text == "integer") return IdRule::integer;
  section.problem(key, "must be \"integer\", \"upper\" or \"text\"");
  return otherwise;
}

LockPolicy Builder::read_lock(const Tree* table, std::string what, LockPolicy defaults) {
  if (table == nullptr) return defaults;
  Section section(*table, std::move(what), problems_);
  if (const auto minutes = section.integer_if("max_hold_minutes", 1, 7 * 24 * 60)) {
    defaults.max_hold = Millis(*minutes * 60'000);
  }
  if (const auto minutes = section.integer_if("idle_takeover_minutes", 1, 24 * 60)) {
    defaults.idle_takeover = Millis(*minutes * 60'000);
  }
  if (const auto seconds = section.integer_if("request_timeout_seconds", 5, 3600)) {
    defaults.request_timeout = Millis(*seconds * 1000);
  }
  return defaults;
}

Condition Builder::read_condition(const Word& text) {
  auto parsed = Condition::parse(text.text);
  if (parsed) return std::move(*parsed);
  problems_.add(text.line, "condition '" + text.text + "': at " + std::to_string(parsed.error().offset) + ": " +
                               parsed.error().reason);
  return {};
}

std::vector<Index> Builder::types_named(const std::vector<Word>& names) {
  std::vector<Index> made;
  for (const Word& name : names) {
    const std::size_t before = made.size();
    for (Index i = 0; i < made_.types.size(); ++i) {
      const Type& type = made_.types[i];
      if (name.text == "*" || name.text == type.name || name.text == "@" + type.area) made.push_back(i);
    }
    if (made.size() == before) problems_.add(name.line, "unknown type or area '" + name.text + "'");
  }
  std::sort(made.begin(), made.end());
  made.erase(std::unique(made.begin(), made.end()), made.end());
  return made;
}

std::string Builder::column(const Table& table, const Word& name, Need need) {
  if (name.text.empty() || table.name.empty()) return "";
  const Column* const found = table.find(name.text);
  if (found == nullptr) {
    problems_.add(name.line, "table " + table.name + " has no column '" + name.text + "'");
    return "";
  }
  const bool fits = need == Need::any || (need == Need::number && is_number(found->kind)) ||
                    (need == Need::whole && is_whole(found->kind)) ||
                    (need == Need::id && found->kind == ColumnKind::id);
  if (!fits) {
    const char* const wanted = need == Need::number ? "a number" : need == Need::whole ? "a whole number" : "an id";
    problems_.add(name.line, "column " + table.name + "." + name.text + " is not " + wanted);
  }
  return name.text;
}

std::optional<Index> Builder::part_named(const Type& type, const Word& name) {
  if (name.text.empty()) return std::nullopt;
  return find(type.parts, name, "part of " + type.name);
}

void Builder::check_fields(const Condition& condition, const Table& table, int line, Amounts amounts,
                           std::string_view whose) {
  if (table.name.empty()) return;
  const auto report = [&](std::string reason) {
    problems_.add(line, "condition '" + condition.text() + "': " + std::move(reason));
  };
  for (const Condition::FieldUse& use : condition.fields()) {
    const Column* const found = table.find(use.name);
    if (found == nullptr) {
      report((whose.empty() ? "table " + table.name : std::string(whose)) + " has no column '" + use.name + "'");
      continue;
    }
    if (use.as_number && !is_whole(found->kind)) {
      if (!is_number(found->kind) || amounts == Amounts::none) {
        report("column " + use.name + " is no whole number");
      } else if (use.beyond_zero) {
        report("column " + use.name + " is an amount: compare it with 0 only");
      }
    }
    if (use.as_text && found->kind != ColumnKind::text) report("column " + use.name + " is no text");
  }
}

void Builder::check_condition(const Condition& condition, const Type& type, int line, Amounts amounts) {
  if (table_of(type).name.empty()) return;
  check_fields(condition, table_of(type), line, amounts, "type " + type.name);
  const auto report = [&](std::string reason) {
    problems_.add(line, "condition '" + condition.text() + "': " + std::move(reason));
  };
  for (const Condition::FieldUse& use : condition.fields()) {
    for (Index i = 0; i < made_.models.size(); ++i) {
      const StatusModel& model = made_.models[i];
      if (model.name != use.name) continue;
      if (std::find(type.status.begin(), type.status.end(), i) == type.status.end()) {
        report("type " + type.name + " has no status " + use.name);
      }
      for (const std::int64_t value : use.exactly) {
        if (std::none_of(model.values.begin(), model.values.end(),
                         [value](const StatusValue& known) { return known.value == value; })) {
          report(use.name + " has no value " + std::to_string(value));
        }
      }
    }
  }
}

void Builder::check_name(const Word& name, std::string_view kind) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  if (name.text.empty()) return;
  if (name.text.size() > 100 || !std::all_of(name.text.begin(), name.text.end(), good)) {
    problems_.add(name.line, std::string(kind) + " '" + name.text + "': a name is 1 to 100 of A-Z a-z 0-9 _");
  }
}

}  // namespace hf::catalog
