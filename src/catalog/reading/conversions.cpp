// Conversions, creations and upstream holds: what makes or holds one bill because of another.

#include <algorithm>

#include "catalog/reading/builder.h"

namespace hf::catalog {
namespace {

bool contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// True if a value of the one kind can be written to the other as it is.
bool same_kind(ColumnKind a, ColumnKind b) {
  const auto is_moment = [](ColumnKind kind) { return kind == ColumnKind::time || kind == ColumnKind::date; };
  return a == b || (is_number(a) && is_number(b)) || (is_moment(a) && is_moment(b));
}

}  // namespace

void Builder::read_conversions(Section& root) {
  static constexpr std::pair<std::string_view, Question> questions[] = {{"confirm", Question::confirm},
                                                                        {"choose", Question::choose},
                                                                        {"amount", Question::amount},
                                                                        {"reason", Question::reason}};
  for (const Tree* tree : root.tables("conversion")) {
    Section section(*tree, "conversion", problems_);
    Conversion made;
    const Word name = section.text("name");
    made.name = name.text;
    check_name(name, "conversion");
    section.rename("conversion " + made.name);
    made.no = static_cast<int>(section.integer("no", 1, 100'000));
    for (const Conversion& other : made_.conversions) {
      if (other.no == made.no) section.problem("no", std::to_string(made.no) + " is already that of " + other.name);
    }
    made.identifier = section.text_if("identifier").text;
    const std::string kind = section.text("kind").text;
    if (kind == "act") {
      made.kind = ConversionKind::act;
    } else if (kind != "generate" && !kind.empty()) {
      section.problem("kind", "must be \"generate\" or \"act\"");
    }
    if (const Word action = section.text_if("action"); !action.text.empty()) {
      made.action = find(made_.actions, action, "action");
    }
    made.handler = section.text_if("handler").text;
    made.once = section.flag_or("once", false);
    for (const Word& ask : section.texts("asks")) {
      const auto* const found =
          std::find_if(std::begin(questions), std::end(questions), [&](const auto& q) { return q.first == ask.text; });
      if (found == std::end(questions)) {
        problems_.add(ask.line, "conversion " + made.name + ": unknown question '" + ask.text + "'");
      } else {
        made.asks.push_back(found->second);
      }
    }
    read_making(section, made, made.kind == ConversionKind::generate || section.has("lines"));
    const Tree* const source_state = section.table("source_state");
    if (made.routes.empty()) {
      section.tables("require");
      section.tables("warn");
    } else {
      const Type& from = made_.types[made.routes.front().from];
      made.require = read_checks(section, "require", from);
      made.warn = read_checks(section, "warn", from);
      if (source_state != nullptr)
        made.source_state = read_source_state(*source_state, from, "conversion " + made.name);
    }
    if (made.kind == ConversionKind::act && made.lines.empty() && !made.action && made.handler.empty()) {
      section.problem("kind", "\"act\" needs an action, a handler or lines");
    }
    add_named(made_.conversions, std::move(made), tree->line, "conversion");
  }
}

void Builder::read_creations(Section& root) {
  for (const Tree* tree : root.tables("creation")) {
    Section section(*tree, "creation", problems_);
    Creation made;
    const Word name = section.text("name");
    made.name = name.text;
    check_name(name, "creation");
    section.rename("creation " + made.name);
    if (const auto on = find(made_.actions, section.text("on"), "action")) made.on = *on;
    if (const Word undo = section.text_if("undo"); !undo.text.empty()) made.undo = find(made_.actions, undo, "action");
    read_making(section, made, true);
    if (!made.routes.empty()) {
      const Type& to = made_.types[made.routes.front().to];
      if (to.lifecycle) made.undo_while = values_of(section, "undo_while", made_.models[*to.lifecycle]);
    }
    section.integers("undo_while");
    add_named(made_.creations, std::move(made), tree->line, "creation");
  }
}

void Builder::read_making(Section& section, Making& making, bool makes_bill) {
  const std::string what = "conversion " + making.name;
  making.zh = section.text("zh").text;
  making.en = section.text("en").text;
  for (const Tree* item : section.tables("routes")) {
    Section route(*item, what + ": route", problems_);
    const auto from = find(made_.types, route.text("from"), "type");
    const auto to = find(made_.types, route.text("to"), "type");
    const Word when = route.text_if("when");
    if (!from || !to) continue;
    Route made{*from, *to, when.text.empty() ? Condition() : read_condition(when)};
    check_condition(made.when, made_.types[*from], when.line);
    if (!making.routes.empty()) {
      const Route& first = making.routes.front();
      if (made_.types[first.from].table != made_.types[*from].table ||
          made_.types[first.to].table != made_.types[*to].table) {
        problems_.add(item->line, what + ": all routes must lead between the same two tables");
        continue;
      }
    }
    making.routes.push_back(std::move(made));
  }
  const std::vector<const Tree*> lines = section.tables("lines");
  const std::vector<const Tree*> totals = section.tables("totals");
  const Tree* const link = section.table("link");
  const auto state = section.integer_if("state", 0, 1'000'000);
  if (making.routes.empty()) {
    section.problem("routes", "must not be empty");
    section.pairs("map");
    section.texts("skip");
    return;
  }
  const Type& from = made_.types[making.routes.front().from];
  const Type& to = made_.types[making.routes.front().to];
  if (state) {
    making.state = static_cast<int>(*state);
    if (!to.lifecycle || made_.models[*to.lifecycle].find(*making.state) == nullptr) {
      section.problem("state", std::to_string(*state) + " is no lifecycle value of " + to.name);
    }
  }
  if (link != nullptr) making.link = read_link(*link, to, what);
  if (makes_bill && !making.link) section.problem("link", "is missing: the new bill must name its source");
  for (const Tree* item : lines) making.lines.push_back(read_line(*item, making, what));

  for (const Tree* item : totals) {
    Section total(*item, what + ": total", problems_);
    Product made;
    made.column = column(table_of(to), total.text("column"), Need::number);
    const std::vector<Word> factors = total.texts("sum");
    if (factors.empty()) total.problem("sum", "must not be empty");
    if (making.lines.empty()) {
      total.problem("sum", "there are no lines to add up");
    } else {
      for (const Word& factor : factors) {
        made.factors.push_back(column(table_of(to, making.lines.front().to), factor, Need::number));
      }
    }
    making.totals.push_back(std::move(made));
  }

  std::vector<std::string> excluded = {to.key, to.no, to.deleted};
  if (to.only) excluded.push_back(to.only->column);
  for (const Index status : to.status) {
    if (made_.models[status].kind != StatusKind::business) excluded.push_back(made_.models[status].name);
  }
  if (making.link && !making.link->part) {
    excluded.insert(excluded.end(), {making.link->id, making.link->no, making.link->biz_type});
  }
  for (const Product& total : making.totals) excluded.push_back(total.column);
  for (const LineRule& line : making.lines) {
    if (!line.to) excluded.push_back(line.quantity);
  }
  if (makes_bill) {
    making.copies = read_copies(section, table_of(from), table_of(to), excluded);
  } else {
    if (!section.pairs("map").empty() || !section.texts("skip").empty()) section.problem("map", "copies into no bill");
  }
}

Link Builder::read_link(const Tree& tree, const Type& to, std::string what) {
  Section section(tree, std::move(what) + ": link", problems_);
  Link made;
  made.part = part_named(to, section.text_if("part"));
  const Table& table = table_of(to, made.part);
  made.id = column(table, section.text("id"), Need::id);
  made.no = column(table, section.text_if("no"));
  made.biz_type = column(table, section.text_if("biz_type"), Need::whole);
  return made;
}

LineRule Builder::read_line(const Tree& tree, const Making& making, std::string what) {
  Section section(tree, std::move(what) + ": lines", problems_);
  const Type& from = made_.types[making.routes.front().from];
  const Type& to = made_.types[making.routes.front().to];
  LineRule made;
  made.from = part_named(from, section.text_if("from"));
  made.to = part_named(to, section.text_if("to"));
  const Table& source = table_of(from, made.from);
  const Table& target = table_of(to, made.to);
  for (const Word& name : section.texts("ordered")) made.ordered.push_back(column(source, name, Need::number));
  if (made.ordered.empty()) section.problem("ordered", "must not be empty");
  made.done = column(source, section.text_if("done"), Need::number);
  made.rest = column(source, section.text_if("rest"), Need::number);
  made.quantity = column(target, section.text("quantity"), Need::number);
  made.line_link = column(target, section.text_if("line_link"), Need::id);
  for (const Word& name : section.texts("match")) {
    made.match.push_back(column(target, name));
    column(source, name);
  }
  made.factor = static_cast<int>(section.integer_if("factor", -1, 1).value_or(1));
  if (made.factor == 0) section.problem("factor", "must be 1 or -1");
  made.round_up = section.flag_or("round_up", false);
  made.absolute = section.flag_or("absolute", false);
  for (const Word& name : section.texts("prorate")) {
    made.prorate.push_back(column(target, name, Need::number));
    column(source, name, Need::number);
  }
  for (const Tree* item : section.tables("computed")) {
    Section computed(*item, "conversion " + making.name + ": computed", problems_);
    Product product;
    product.column = column(target, computed.text("column"), Need::number);
    for (const Word& factor : computed.texts("product"))
      product.factors.push_back(column(target, factor, Need::number));
    if (product.factors.empty()) computed.problem("product", "must not be empty");
    made.computed.push_back(std::move(product));
  }
  std::vector<std::string> excluded = made.prorate;
  excluded.insert(excluded.end(), {made.quantity, made.line_link});
  for (const Product& product : made.computed) excluded.push_back(product.column);
  if (made.to) {
    excluded.insert(excluded.end(), {to.parts[*made.to].key, to.parts[*made.to].parent});
    if (making.link && making.link->part == made.to) {
      excluded.insert(excluded.end(), {making.link->id, making.link->no, making.link->biz_type});
    }
    made.copies = read_copies(section, source, target, excluded);
  } else if (section.has("map") || section.has("skip")) {
    section.pairs("map");
    section.texts("skip");
    section.problem("map", "belongs to the master, which copies by itself");
  }
  return made;
}

std::vector<Copy> Builder::read_copies(Section& section, const Table& from, const Table& to,
                                       const std::vector<std::string>& excluded) {
  std::vector<Copy> made;
  std::vector<std::string> mapped;
  for (const auto& [target, source] : section.pairs("map")) {
    const Column* const into = to.find(column(to, {target, source.line}));
    const Column* const out_of = from.find(column(from, source));
    mapped.push_back(target);
    if (into == nullptr || out_of == nullptr) continue;
    if (contains(excluded, target)) {
      problems_.add(source.line, "column " + to.name + "." + target + " is written by another rule");
    } else if (!same_kind(into->kind, out_of->kind)) {
      problems_.add(source.line,
                    "columns " + from.name + "." + source.text + " and " + to.name + "." + target + " differ in kind");
    } else {
      made.push_back({target, source.text});
    }
  }
  const std::vector<Word> skip = section.texts("skip");
  const auto like_named = [&](const std::string& name) {
    const Column* const source = from.find(name);
    const Column* const target = to.find(name);
    return source != nullptr && target != nullptr && same_kind(source->kind, target->kind) &&
           !contains(excluded, name) && !contains(mapped, name) && !contains(never_copy_, name);
  };
  for (const Word& name : skip) {
    if (!like_named(name.text)) problems_.add(name.line, "column '" + name.text + "' is not copied anyway");
  }
  for (const Column& each : to.columns) {
    const bool skipped =
        std::any_of(skip.begin(), skip.end(), [&](const Word& word) { return word.text == each.name; });
    if (!skipped && like_named(each.name)) made.push_back({each.name, each.name});
  }
  return made;
}

SourceState Builder::read_source_state(const Tree& tree, const Type& from, std::string what) {
  Section section(tree, std::move(what) + ": source_state", problems_);
  SourceState made;
  const auto at = find(made_.models, section.text("model"), "status model");
  made.none = static_cast<int>(section.integer("none", 0, 1'000'000));
  made.part = static_cast<int>(section.integer("part", 0, 1'000'000));
  made.all = static_cast<int>(section.integer("all", 0, 1'000'000));
  if (!at) return made;
  made.model = *at;
  const StatusModel& model = made_.models[*at];
  if (from.lifecycle != at) section.problem("model", model.name + " is not the lifecycle of " + from.name);
  for (const auto& [a, b] :
       {std::pair(made.none, made.part), std::pair(made.none, made.all), std::pair(made.part, made.all)}) {
    if (model.find(a) == nullptr || model.find(b) == nullptr) {
      section.problem("model", model.name + " has not all of these values");
    } else if (!model.allows(a, b)) {
      section.problem("model", model.name + " has no transition " + std::to_string(a) + " -> " + std::to_string(b));
    }
  }
  return made;
}

std::vector<Check> Builder::read_checks(Section& section, std::string_view key, const Type& from) {
  std::vector<Check> made;
  for (const Tree* item : section.tables(key)) {
    Section check(*item, std::string(key), problems_);
    const Word when = check.text("when");
    Check each{read_condition(when), check.text("zh").text, check.text("en").text};
    check_condition(each.when, from, when.line);
    made.push_back(std::move(each));
  }
  return made;
}

void Builder::read_holds(Section& root) {
  for (const Tree* tree : root.tables("hold")) {
    Section section(*tree, "hold", problems_);
    HoldRule made;
    const Word name = section.text("name");
    made.name = name.text;
    check_name(name, "hold");
    section.rename("hold " + made.name);
    const auto type = find(made_.types, section.text("type"), "type");
    if (const auto source = find(made_.types, section.text("source"), "type")) made.source = *source;
    const Word link = section.text("link");
    if (type) {
      made.type = *type;
      made.link = column(table_of(made_.types[*type]), link, Need::id);
    }
    made.place = find_all(made_.actions, section.texts("place"), "action");
    made.end = find_all(made_.actions, section.texts("end"), "action");
    made.end_source = find_all(made_.actions, section.texts("end_source"), "action");
    made.stops = find_all(made_.actions, section.texts("stops"), "action");
    if (made.place.empty()) section.problem("place", "must not be empty");
    made.ttl = Millis(section.integer("ttl_days", 1, 366) * 24 * 3'600'000);
    add_named(made_.holds, std::move(made), tree->line, "hold");
  }
}

}  // namespace hf::catalog
