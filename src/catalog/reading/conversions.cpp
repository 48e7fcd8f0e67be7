// Conversions, creations and upstream holds: what makes or holds one bill because of another.

#include <algorithm>

#include "catalog/reading/builder.h"

namespace hf::catalog {
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
    const bool makes_bill = made.kind == ConversionKind::generate || section.has("lines");
    read_making(section, made, makes_bill ? MakesBill::yes : MakesBill::no);
    const std::vector<const Tree*> bills = section.tables("bill");
    if (made.routes.empty()) {
      section.tables("require");
      section.tables("warn");
    } else {
      const Type& from = made_.types[made.routes.front().from];
      made.require = read_checks(section, "require", from);
      made.warn = read_checks(section, "warn", from);
      for (const Tree* item : bills) made.bills.push_back(read_bill_check(*item, from, "conversion " + made.name));
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
    read_making(section, made, MakesBill::yes);
    if (!made.routes.empty()) {
      const Type& to = made_.types[made.routes.front().to];
      if (to.lifecycle) made.undo_while = values_of(section, "undo_while", made_.models[*to.lifecycle]);
    }
    section.integers("undo_while");
    add_named(made_.creations, std::move(made), tree->line, "creation");
  }
}

std::vector<Check> Builder::read_checks(Section& section, std::string_view key, const Type& from) {
  std::vector<Check> made;
  for (const Tree* item : section.tables(key)) {
    Section check(*item, std::string(key), problems_);
    const Word when = check.text("when");
    Check each{read_condition(when), check.text("zh").text, check.text("en").text};
    check_condition(each.when, from, when.line, Amounts::compared_with_zero);
    made.push_back(std::move(each));
  }
  return made;
}

BillCheck Builder::read_bill_check(const Tree& tree, const Type& from, std::string of) {
  Section section(tree, std::move(of) + ": bill", problems_);
  BillCheck made;
  made.types = find_all(made_.types, section.texts("types"), "type");
  const Word part = section.text_if("part"), link = section.text_if("link"), biz_type = section.text_if("biz_type"),
             when = section.text_if("when");
  const std::string want = section.text("want").text, otherwise = section.text_if("otherwise").text;
  made.zh = section.text("zh").text;
  made.en = section.text("en").text;
  const std::vector<int> states = section.integers("states");
  if (want == "some") {
    made.want = BillCheck::Want::some;
  } else if (!want.empty() && want != "none") {
    section.problem("want", "must be \"none\" or \"some\"");
  }
  if (otherwise == "warn") {
    made.otherwise = BillCheck::Otherwise::warn;
  } else if (!otherwise.empty() && otherwise != "refuse") {
    section.problem("otherwise", "must be \"refuse\" or \"warn\"");
  }
  if (made.types.empty()) {
    section.problem("types", "must not be empty");
    section.texts("match");
    return made;
  }
  const Type& type = made_.types[made.types.front()];
  for (const Index each : made.types) {
    if (made_.types[each].table != type.table) section.problem("types", "must be of one table");
    if (made_.types[each].lifecycle != type.lifecycle) section.problem("types", "must have one lifecycle");
  }
  made.part = part_named(type, part);
  const Table& table = table_of(type, made.part);
  made.link = column(table, link, Need::id);
  made.biz_type = column(table, biz_type, Need::whole);
  made.match = read_match(section, table, table_of(from));
  if (link.text.empty() && made.match.empty()) section.problem("link", "is missing: which bills are meant?");
  if (!when.text.empty()) made.when = read_condition(when);
  check_condition(made.when, type, when.line, Amounts::compared_with_zero);
  for (const int state : states) {
    if (!type.lifecycle || made_.models[*type.lifecycle].find(state) == nullptr) {
      section.problem("states", "names " + std::to_string(state) + ", which is no lifecycle value of " + type.name);
    }
  }
  made.states = states;
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
