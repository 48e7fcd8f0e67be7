// Effects: how a bill counts on another, and the proof that what it does is taken back by whatever undoes the bill.

#include <algorithm>

#include "catalog/reading/builder.h"

namespace hf::catalog {
namespace {

bool contains(const std::vector<Index>& list, Index index) {
  return std::find(list.begin(), list.end(), index) != list.end();
}

}  // namespace

void Builder::read_effects(Section& root) {
  for (const Tree* tree : root.tables("effect")) {
    Section section(*tree, "effect", problems_);
    Effect made;
    const Word name = section.text("name");
    made.name = name.text;
    check_name(name, "effect");
    section.rename("effect " + made.name);
    if (!read_ends(section, made)) {
      section.give_up();
      continue;
    }
    const auto on = find(made_.actions, section.text("on"), "action");
    made.undo = find_all(made_.actions, section.texts("undo"), "action");
    made.handler = section.text_if("handler").text;
    read_way(section, made);
    read_sums(section, made);
    read_marks(section, made);
    if (!on) continue;
    made.on = *on;
    check_undo(section, made);
    check_counting(section, made);
    add_named(made_.effects, std::move(made), tree->line, "effect");
  }
}

// "Type" or "Type/Part", where the effect comes from and where it goes. False: there is no such type.
bool Builder::read_ends(Section& section, Effect& effect) {
  const auto read = [&](std::string_view key, Index& type, std::optional<Index>& part) {
    const Word word = section.text(key);
    const std::size_t slash = std::min(word.text.find('/'), word.text.size());
    const auto at = find(made_.types, {word.text.substr(0, slash), word.line}, "type");
    if (!at) return false;
    type = *at;
    if (slash < word.text.size()) part = part_named(made_.types[*at], {word.text.substr(slash + 1), word.line});
    return true;
  };
  const bool from = read("from", effect.from, effect.from_part);
  const bool to = read("to", effect.to, effect.to_part);
  return from && to;
}

// Which bills and lines: the conditions, and the columns that lead from the one to the other.
void Builder::read_way(Section& section, Effect& effect) {
  const Type& from = made_.types[effect.from];
  const Table& master = table_of(from);
  const Table& acting = table_of(from, effect.from_part);
  const Table& counted = table_of(made_.types[effect.to], effect.to_part);
  const auto condition = [&](std::string_view key, const Table& table, const Type* type) {
    const Word word = section.text_if(key);
    Condition made = word.text.empty() ? Condition() : read_condition(word);
    if (type != nullptr) {
      check_condition(made, *type, word.line, Amounts::compared_with_zero);
    } else {
      check_fields(made, table, word.line, Amounts::compared_with_zero);
    }
    return made;
  };
  effect.when = condition("when", master, &from);
  effect.line_when = condition("line_when", acting, nullptr);
  const Type& to = made_.types[effect.to];
  effect.to_when = condition("to_when", table_of(to), &to);
  if (section.has("unlimited")) {
    effect.unlimited = condition("unlimited", master, &from);
  }
  const Word link = section.text("link");
  effect.link_in_part = effect.from_part && acting.find(link.text) != nullptr;
  const Table& linking = effect.link_in_part ? acting : master;
  effect.link = column(linking, link, Need::id);
  effect.biz_type = column(linking, section.text_if("biz_type"), Need::whole);
  const Type* next = &made_.types[effect.to];
  const std::vector<const Tree*> steps = section.tables("via");
  for (const Tree* item : steps) effect.via.push_back(read_step(*item, section.what()));
  if (!effect.via.empty()) next = &made_.types[effect.via.front().type];
  check_link(linking, link, *next, effect.biz_type);
  for (std::size_t i = 0; i < effect.via.size(); ++i) {
    const Effect::Step& step = effect.via[i];
    const Type& then = made_.types[i + 1 < effect.via.size() ? effect.via[i + 1].type : effect.to];
    check_link(table_of(made_.types[step.type]), {step.link, steps[i]->line}, then, step.biz_type);
  }
  effect.line = column(acting, section.text_if("line"), Need::id);
  effect.match = read_match(section, counted, acting);
  const Word spread = section.text_if("spread");
  effect.spread = column(counted, spread);
  const int ways = (effect.line.empty() ? 0 : 1) + (spread.text.empty() ? 0 : 2);
  if (effect.to_part && ways == 0 && effect.match.empty()) {
    section.problem("line", "is missing: say by line, match or spread which line of " + counted.name + " is meant");
  }
  if (ways == 3 || (ways == 2 && !effect.match.empty()))
    section.problem("spread", "stands alone: without line and match");
  if (!effect.to_part && ways != 0) section.problem("to", "names no part, so no line of it can be meant");
}

Effect::Step Builder::read_step(const Tree& tree, const std::string& of) {
  Section section(tree, of + ": via", problems_);
  Effect::Step made;
  const auto at = find(made_.types, section.text("type"), "type");
  const Word part = section.text_if("part"), link = section.text("link"), biz_type = section.text_if("biz_type"),
             line = section.text_if("line");
  if (!at) return made;
  made.type = *at;
  const Type& type = made_.types[*at];
  made.part = part_named(type, part);
  made.link = column(table_of(type), link, Need::id);
  made.biz_type = column(table_of(type), biz_type, Need::whole);
  made.line = column(table_of(type, made.part), line, Need::id);
  if (made.part.has_value() != !line.text.empty()) section.problem("line", "and part go together");
  return made;
}

// A column that is known to be another table's key cannot name this one.
void Builder::check_link(const Table& table, const Word& link, const Type& to, const std::string& biz_type) {
  const Column* const found = table.find(link.text);
  if (found == nullptr || found->refers.empty() || !biz_type.empty()) return;
  if (found->refers != table_of(to).name) {
    problems_.add(link.line, "column " + table.name + "." + link.text + " refers to " + found->refers + " and not to " +
                                 table_of(to).name);
  }
}

// What is added, what counts as done, and how much may be.
void Builder::read_sums(Section& section, Effect& effect) {
  const Table& acting = table_of(made_.types[effect.from], effect.from_part);
  const Table& counted = table_of(made_.types[effect.to], effect.to_part);
  const Table& master = table_of(made_.types[effect.to]);
  std::vector<const Effect::Add*> raised;
  for (const auto& [name, from] : section.pairs("add")) {
    const bool minus = from.text.starts_with('-');
    Effect::Add made{column(counted, {name, from.line}, Need::number),
                     column(acting, {minus ? from.text.substr(1) : from.text, from.line}, Need::number), minus};
    const Column* const into = counted.find(made.column);
    const Column* const out_of = acting.find(made.from);
    if (into != nullptr && out_of != nullptr && out_of->scale > into->scale) {
      problems_.add(from.line, section.what() + ": " + counted.name + "." + made.column + " has fewer decimals than " +
                                   acting.name + "." + made.from + ", so what is added would be rounded");
    }
    effect.add.push_back(std::move(made));
  }
  for (const Effect::Add& each : effect.add) {
    if (!each.minus) raised.push_back(&each);
  }
  for (const Word& name : section.texts("done")) effect.done.push_back(column(counted, name, Need::number));
  effect.quantity = column(acting, section.text_if("quantity"), Need::number);
  if (raised.size() == 1) {
    if (effect.done.empty()) effect.done.push_back(raised.front()->column);
    if (effect.quantity.empty()) effect.quantity = raised.front()->from;
  }
  for (const Word& name : section.texts("limit")) effect.limit.push_back(column(counted, name, Need::number));
  effect.limit_percent = static_cast<int>(section.integer_if("limit_percent", 100, 1000).value_or(100));
  effect.round_up = section.flag_or("round_up", false);
  effect.over = column(counted, section.text_if("over"), Need::number);
  for (const auto& [to, from] : section.pairs("totals")) {
    effect.totals.push_back({column(master, {to, from.line}, Need::number), column(counted, from, Need::number)});
  }
  for (const Tree* item : section.tables("close")) {
    effect.close.push_back(read_state_by_done(*item, effect, section.what()));
  }
}

StateByDone Builder::read_state_by_done(const Tree& tree, const Effect& effect, const std::string& of) {
  Section section(tree, of + ": close", problems_);
  StateByDone made;
  const auto at = find(made_.models, section.text("model"), "status model");
  made.none = static_cast<int>(section.integer("none", 0, 1'000'000));
  made.part = static_cast<int>(section.integer("part", 0, 1'000'000));
  made.all = static_cast<int>(section.integer("all", 0, 1'000'000));
  if (!at) return made;
  made.model = *at;
  const StatusModel& model = made_.models[*at];
  const Type& to = made_.types[effect.to];
  if (std::find(to.status.begin(), to.status.end(), *at) == to.status.end() || model.kind == StatusKind::approval) {
    section.problem("model", model.name + " is no status of " + to.name + " that an effect may write");
  }
  std::vector<std::pair<int, int>> ways = {{made.none, made.part}, {made.none, made.all}, {made.part, made.all}};
  if (!effect.undo.empty()) {
    ways.insert(ways.end(), {{made.part, made.none}, {made.all, made.none}, {made.all, made.part}});
  }
  for (const auto& [a, b] : ways) {
    if (model.find(a) == nullptr || model.find(b) == nullptr) {
      section.problem("model", model.name + " has not all of these values");
    } else if (!model.allows(a, b)) {
      section.problem("model", model.name + " has no transition " + std::to_string(a) + " -> " + std::to_string(b));
    }
  }
  return made;
}

// What else the bill that is counted on, and its line, say of it.
void Builder::read_marks(Section& section, Effect& effect) {
  using Share = Effect::Share;
  static constexpr std::pair<std::string_view, Share> shares[] = {
      {"none", Share::none}, {"some", Share::some}, {"all", Share::all}};
  const Type& to = made_.types[effect.to];
  const Table& counted = table_of(to, effect.to_part);
  const auto read_flags = [&](std::string_view key, const Table& table, std::vector<Effect::Flag>& flags) {
    for (const auto& [name, word] : section.pairs(key)) {
      const std::string& asked = word.text;
      const auto* const share =
          std::find_if(std::begin(shares), std::end(shares), [&](const auto& s) { return s.first == asked; });
      const std::string flag = column(table, {name, word.line});
      const Column* const found = table.find(flag);
      if (share == std::end(shares)) {
        problems_.add(word.line, section.what() + ": " + name + " must be \"none\", \"some\" or \"all\"");
      } else if (found != nullptr && found->kind != ColumnKind::boolean) {
        problems_.add(word.line, section.what() + ": column " + table.name + "." + name + " is not true or false");
      } else {
        flags.push_back({flag, share->second});
      }
    }
  };
  read_flags("flags", counted, effect.flags);
  read_flags("bill_flags", table_of(to), effect.bill_flags);
  if (const Tree* const tree = section.table("mark")) {
    Section mark(*tree, section.what() + ": mark", problems_);
    effect.mark = Link{effect.to_part, column(counted, mark.text("id"), Need::id), column(counted, mark.text_if("no")),
                       column(counted, mark.text_if("biz_type"), Need::whole)};
  }
  for (const Tree* item : section.tables("companions")) {
    Section of(*item, section.what() + ": companion", problems_);
    const auto at = find(made_.types, of.text("type"), "type");
    const Word link = of.text("link");
    if (!at) continue;
    const Type& type = made_.types[*at];
    effect.companions.push_back({*at, column(table_of(type), link, Need::id)});
    check_link(table_of(type), link, to, "");
    if (type.lifecycle != to.lifecycle) of.problem("type", type.name + " has not the lifecycle of " + to.name);
  }
}

// Whatever leads out of the approved states must take the effect back, or goods would stay delivered by a bill that is
// not.
void Builder::check_undo(Section& section, const Effect& effect) {
  const Type& from = made_.types[effect.from];
  const Action& on = made_.actions[effect.on];
  for (const Index each : effect.undo) {
    if (!contains(from.actions, each)) {
      section.problem("undo", made_.actions[each].name + " is not open to " + from.name);
    }
  }
  if (!contains(from.actions, effect.on)) return section.problem("on", on.name + " is not open to " + from.name);
  if (!from.lifecycle) {
    if (on.kind != ActionKind::create)
      section.problem("on", "must be the action that makes it: " + from.name + " has no states");
  } else if (const Move* const move = on.move_of(*from.lifecycle);
             move == nullptr || !move->to || !made_.models[*from.lifecycle].is_approved(*move->to)) {
    section.problem("on", on.name + " does not approve a bill of " + from.name);
  }
  for (const Index each : from.actions) {
    if (each == effect.on || contains(effect.undo, each) || !leaves_approval(from, made_.actions[each])) continue;
    section.problem("undo",
                    "must name " + made_.actions[each].name + ": it takes the bill back, and the effect would stay");
  }
}

// True if the action takes back what counts: it leads from an approved state to one that is not, or deletes.
bool Builder::leaves_approval(const Type& type, const Action& action) const {
  if (!type.lifecycle) return action.kind == ActionKind::erase;
  const StatusModel& model = made_.models[*type.lifecycle];
  const Move* const move = action.move_of(*type.lifecycle);
  if (move == nullptr ||
      std::none_of(move->from.begin(), move->from.end(), [&](int v) { return model.is_approved(v); })) {
    return false;
  }
  return action.kind == ActionKind::erase || (move->to && !model.is_approved(*move->to));
}

void Builder::check_counting(Section& section, const Effect& effect) {
  const bool by_all = std::any_of(effect.flags.begin(), effect.flags.end(),
                                  [](const Effect::Flag& flag) { return flag.on == Effect::Share::all; }) ||
                      std::any_of(effect.bill_flags.begin(), effect.bill_flags.end(),
                                  [](const Effect::Flag& flag) { return flag.on == Effect::Share::all; });
  if (effect.limit.empty()) {
    for (const char* key : {"limit_percent", "round_up", "unlimited", "spread", "over"}) {
      if (section.has(key)) section.problem(key, "needs a limit");
    }
    if (!effect.close.empty()) section.problem("close", "needs a limit: without one nothing is ever all done");
    if (by_all) section.problem("flags", "need a limit: without one nothing is ever all done");
  } else if (effect.quantity.empty()) {
    section.problem("quantity", "is missing: what of the acting line counts against the limit?");
  }
  if (!effect.companions.empty() && effect.close.empty()) section.problem("companions", "need close");
  if (effect.add.empty() && effect.close.empty() && !effect.mark && effect.flags.empty() && effect.handler.empty()) {
    section.problem("add", "is missing: the effect does nothing");
  }
}

}  // namespace hf::catalog
