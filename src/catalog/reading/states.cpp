// Status models, actions and to-do groups.

#include <algorithm>

#include "catalog/reading/builder.h"

namespace hf::catalog {

void Builder::read_models(Section& root) {
  for (const Tree* tree : root.tables("status_model")) {
    add_named(made_.models, read_model(*tree), tree->line, "status model");
  }
}

StatusModel Builder::read_model(const Tree& tree) {
  Section section(tree, "status model", problems_);
  StatusModel model;
  const Word name = section.text("name");
  model.name = name.text;
  section.rename("status model " + model.name);
  check_name(name, "status model");
  model.zh = section.text("zh").text;
  model.en = section.text("en").text;
  const std::string kind = section.text("kind").text;
  if (kind == "lifecycle") {
    model.kind = StatusKind::lifecycle;
  } else if (kind == "approval") {
    model.kind = StatusKind::approval;
  } else if (kind != "business" && !kind.empty()) {
    section.problem("kind", "must be \"lifecycle\", \"approval\" or \"business\"");
  }
  for (const Tree* item : section.tables("values")) {
    Section value(*item, "status model " + model.name + ": value", problems_);
    StatusValue made{static_cast<int>(value.integer("value", 0, 1'000'000)), value.text("zh").text,
                     value.text("en").text};
    if (model.find(made.value) != nullptr) value.problem("value", std::to_string(made.value) + " stands twice");
    model.values.push_back(std::move(made));
  }
  if (model.values.empty()) section.problem("values", "must not be empty");
  const auto known = [&model, this](int value, int line) {
    if (model.find(value) == nullptr) {
      problems_.add(line, "status model " + model.name + ": transition names unknown value " + std::to_string(value));
    }
  };
  for (const Tree* item : section.tables("transitions")) {
    Section row(*item, "status model " + model.name + ": transition", problems_);
    StatusModel::Transition made{static_cast<int>(row.integer("from", 0, 1'000'000)), row.integers("to")};
    known(made.from, row.line());
    for (const int to : made.to) known(to, row.line());
    for (const auto& before : model.transitions) {
      if (before.from == made.from) row.problem("from", std::to_string(made.from) + " stands twice");
    }
    model.transitions.push_back(std::move(made));
  }
  if (model.kind != StatusKind::business || section.has("initial")) {
    model.initial = static_cast<int>(section.integer("initial", 0, 1'000'000));
    if (model.find(model.initial) == nullptr) section.problem("initial", "is not a value of the model");
  }
  model.editable = values_of(section, "editable", model);
  model.editable_strict = values_of(section, "editable_strict", model);
  model.deletable = values_of(section, "deletable", model);
  model.approved = values_of(section, "approved", model);
  model.closing = values_of(section, "closing", model);
  model.final = values_of(section, "final", model);
  return model;
}

std::vector<int> Builder::values_of(Section& section, std::string_view key, const StatusModel& model) {
  std::vector<int> values = section.integers(key);
  for (const int value : values) {
    if (model.find(value) == nullptr) section.problem(key, "names unknown value " + std::to_string(value));
  }
  return values;
}

void Builder::read_actions(Section& root) {
  for (const Tree* tree : root.tables("action")) {
    add_named(made_.actions, read_action(*tree), tree->line, "action");
  }
}

Action Builder::read_action(const Tree& tree) {
  static constexpr std::pair<std::string_view, ActionKind> kinds[] = {{"create", ActionKind::create},
                                                                      {"save", ActionKind::save},
                                                                      {"delete", ActionKind::erase},
                                                                      {"move", ActionKind::move},
                                                                      {"convert", ActionKind::convert}};
  Section section(tree, "action", problems_);
  Action action;
  action.name = section.text("name").text;
  section.rename("action " + action.name);
  if (!action.name.empty() && !is_action_name(action.name)) section.problem("name", "must be of a-z, 0-9 and _");
  action.zh = section.text("zh").text;
  action.en = section.text("en").text;
  for (Word& alias : section.texts("aliases")) action.aliases.push_back(std::move(alias.text));
  const std::string kind = section.text("kind").text;
  const auto* const found =
      std::find_if(std::begin(kinds), std::end(kinds), [&](const auto& k) { return k.first == kind; });
  if (found != std::end(kinds)) {
    action.kind = found->second;
  } else if (!kind.empty()) {
    section.problem("kind", "must be \"create\", \"save\", \"delete\", \"move\" or \"convert\"");
  }
  const std::string right = section.text("right").text;
  if (right.starts_with("action.") && is_action_name(std::string_view(right).substr(7))) {
    action.right = right.substr(7);
  } else if (!right.empty()) {
    section.problem("right", "must be \"action.<name>\"");
  }
  action.stateless = section.flag_or("stateless", false);
  action.creator_only = section.flag_or("creator_only", false);
  action.reason_required = section.flag_or("reason_required", false);
  action.no_successor = section.flag_or("no_successor", false);
  action.reviews = section.flag_or("reviews", false);
  if (section.has("types")) action.types = types_named(section.texts("types"));
  for (const Tree* item : section.tables("moves")) {
    Move move = read_move(*item, action.name);
    if (action.move_of(move.model) != nullptr)
      problems_.add(item->line, "action " + action.name + ": two moves of one model");
    if (action.kind == ActionKind::create && !move.from.empty()) {
      problems_.add(item->line, "action " + action.name + ": a bill to be created has no `from`");
    }
    action.moves.push_back(std::move(move));
  }
  if (action.kind == ActionKind::move && action.moves.empty()) section.problem("moves", "must not be empty");
  return action;
}

Move Builder::read_move(const Tree& tree, const std::string& action) {
  Section section(tree, "action " + action + ": move", problems_);
  Move move;
  const Word name = section.text("model");
  const std::optional<Index> model = find(made_.models, name, "status model");
  move.from = section.integers("from");
  if (const auto to = section.integer_if("to", 0, 1'000'000)) move.to = static_cast<int>(*to);
  if (const auto approval = section.integer_if("approval", 0, 1'000'000)) move.approval = static_cast<int>(*approval);
  for (const StatusModel& each : made_.models) {
    if (each.kind == StatusKind::approval && move.approval && each.find(*move.approval) == nullptr) {
      section.problem("approval", "names unknown value " + std::to_string(*move.approval) + " of " + each.name);
    }
  }
  if (!model) return move;
  move.model = *model;
  const StatusModel& of = made_.models[*model];
  if (of.kind != StatusKind::lifecycle) section.problem("model", of.name + " is no lifecycle");
  for (const int from : move.from) {
    if (of.find(from) == nullptr)
      section.problem("from", "names unknown value " + std::to_string(from) + " of " + of.name);
  }
  if (!move.to) return move;
  if (of.find(*move.to) == nullptr) {
    section.problem("to", "names unknown value " + std::to_string(*move.to) + " of " + of.name);
    return move;
  }
  for (const int from : move.from) {
    if (!of.allows(from, *move.to)) {
      section.problem("to", "is illegal: " + of.name + " has no transition " + std::to_string(from) + " -> " +
                                std::to_string(*move.to));
    }
  }
  return move;
}

void Builder::read_groups(Section& root) {
  for (const Tree* tree : root.tables("group")) {
    Section section(*tree, "group", problems_);
    Group group;
    const Word name = section.text("name");
    group.name = name.text;
    check_name(name, "group");
    section.rename("group " + group.name);
    group.zh = section.text("zh").text;
    group.en = section.text("en").text;
    const Word when = section.text("when");
    if (!when.text.empty()) group.when = read_condition(when);
    add_named(made_.groups, std::move(group), tree->line, "group");
  }
}

}  // namespace hf::catalog
