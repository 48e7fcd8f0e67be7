// What conversions and creations share: routes, the link, lines, totals, and where each column gets its value.

#include <algorithm>

#include "catalog/reading/builder.h"

namespace hf::catalog {
namespace {

bool contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// True if a value of the one kind can be written to the other.
bool same_kind(ColumnKind a, ColumnKind b) {
  return a == b || (is_number(a) && is_number(b)) || (is_moment(a) && is_moment(b));
}

// Whether 0, false or '' may stand where nobody gave a value.
bool has_nothing(ColumnKind kind) { return is_number(kind) || kind == ColumnKind::boolean || kind == ColumnKind::text; }

}  // namespace

void Builder::read_making(Section& section, Making& making, MakesBill makes_bill) {
  const std::string what = "conversion " + making.name;
  making.zh = section.text("zh").text;
  making.en = section.text("en").text;
  read_routes(section, making, what);
  const auto state = section.integer_if("state", 0, 1'000'000);
  const Tree* const link = section.table("link");
  const std::vector<const Tree*> lines = section.tables("lines");
  if (making.routes.empty()) {
    section.problem("routes", "must not be empty");
    for (const char* key : {"map", "set", "otherwise", "share"}) section.table(key);
    for (const char* key : {"skip", "first", "merge_by"}) section.texts(key);
    section.tables("totals");
    return;
  }
  const Type& to = made_.types[making.routes.front().to];
  if (state) {
    making.state = static_cast<int>(*state);
    if (!to.lifecycle || made_.models[*to.lifecycle].find(*making.state) == nullptr) {
      section.problem("state", std::to_string(*state) + " is no lifecycle value of " + to.name);
    }
  }
  if (link != nullptr) making.link = read_link(*link, to, what);
  if (makes_bill == MakesBill::yes && !making.link) {
    section.problem("link", "is missing: the new bill must name its source");
  }
  for (const Tree* item : lines) making.lines.push_back(read_line(*item, making, what));
  read_totals(section, making, what);
  read_master(section, making, makes_bill, what);
}

void Builder::read_routes(Section& section, Making& making, const std::string& what) {
  for (const Tree* item : section.tables("routes")) {
    Section route(*item, what + ": route", problems_);
    const auto from = find(made_.types, route.text("from"), "type");
    const auto to = find(made_.types, route.text("to"), "type");
    const Word when = route.text_if("when");
    if (!from || !to) continue;
    Route made{*from, *to, when.text.empty() ? Condition() : read_condition(when)};
    check_condition(made.when, made_.types[*from], when.line, Amounts::compared_with_zero);
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

void Builder::read_totals(Section& section, Making& making, const std::string& what) {
  const Type& to = made_.types[making.routes.front().to];
  for (const Tree* item : section.tables("totals")) {
    Section total(*item, what + ": total", problems_);
    Total made;
    made.column = column(table_of(to), total.text("column"), Need::number);
    const std::vector<Word> factors = total.texts("sum");
    for (const Word& name : total.texts("plus")) {
      made.plus.push_back(column(table_of(to), name, Need::number));
      if (std::any_of(making.totals.begin(), making.totals.end(),
                      [&](const Total& t) { return t.column == name.text; })) {
        total.problem("plus", "adds " + name.text + ", which is a total itself");
      }
    }
    if (factors.empty() && made.plus.empty()) total.problem("sum", "must not be empty");
    if (making.lines.empty() && !factors.empty()) {
      total.problem("sum", "there are no lines to add up");
    } else {
      for (const Word& factor : factors) {
        made.factors.push_back(column(table_of(to, making.lines.front().to), factor, Need::number));
      }
    }
    making.totals.push_back(std::move(made));
  }
}

void Builder::read_master(Section& section, Making& making, MakesBill makes_bill, const std::string& what) {
  const Type& from = made_.types[making.routes.front().from];
  const Type& to = made_.types[making.routes.front().to];
  const Table& source = table_of(from);
  const Table& target = table_of(to);
  std::vector<std::string> written = {to.key, to.no, to.deleted};
  if (to.only) written.push_back(to.only->column);
  for (const Index status : to.status) {
    if (made_.models[status].kind != StatusKind::business) written.push_back(made_.models[status].name);
  }
  if (making.link && !making.link->part) {
    written.insert(written.end(), {making.link->id, making.link->no, making.link->biz_type});
  }
  for (const Total& total : making.totals) written.push_back(total.column);
  for (const LineRule& line : making.lines) {
    if (!line.to) written.push_back(line.quantity);
  }
  for (const Word& name : section.texts("first")) {
    making.first.push_back(column(target, name, Need::number));
    column(source, name, Need::number);
    if (contains(written, name.text)) {
      problems_.add(name.line,
                    what + ": first: column " + target.name + "." + name.text + " is written by another rule");
    }
    written.push_back(name.text);
  }
  for (const Word& name : section.texts("merge_by")) making.merge_by.push_back(column(source, name));
  if (makes_bill == MakesBill::no) {
    for (const char* key : {"map", "skip", "set", "otherwise", "share", "first", "merge_by"}) {
      if (section.has(key)) section.problem(key, "fills no bill: this conversion makes none");
    }
    for (const char* key : {"map", "set", "otherwise", "share"}) section.table(key);
    section.texts("skip");
    return;
  }
  making.filling = read_filling(section, {source, target, &to, std::move(written), what});
  check_merging(section, making);
}

// Bills that differ in a column can become one bill only if that column may be left empty.
void Builder::check_merging(Section& section, const Making& making) {
  if (making.merge_by.empty()) return;
  if (!making.link || !making.link->part) {
    section.problem("merge_by", "needs a link that stands in a part: a master names one source only");
  }
  if (!making.first.empty()) section.problem("merge_by", "cannot stand beside first: which source would be the first?");
  if (!making.filling.shares.empty()) section.problem("merge_by", "cannot stand beside share: of which source?");
  const Table& target = table_of(made_.types[making.routes.front().to]);
  for (const Copy& copy : making.filling.copies) {
    const Column* const into = target.find(copy.to);
    if (into != nullptr && !into->nullable && !contains(making.merge_by, copy.from)) {
      section.problem("merge_by", "must name " + copy.from + ": " + target.name + "." + copy.to +
                                      " may not be null, and the sources may differ in it");
    }
  }
}

LineRule Builder::read_line(const Tree& tree, const Making& making, const std::string& of) {
  const std::string what = of + ": lines";
  Section section(tree, what, problems_);
  const Type& from = made_.types[making.routes.front().from];
  const Type& to = made_.types[making.routes.front().to];
  LineRule made;
  if (section.has("effect")) {
    take_effects(section, making, made);
  } else {
    made.from = part_named(from, section.text_if("from"));
    made.to = part_named(to, section.text_if("to"));
    const Table& source = table_of(from, made.from);
    const Table& target = table_of(to, made.to);
    for (const Word& name : section.texts("ordered")) made.ordered.push_back(column(source, name, Need::number));
    if (made.ordered.empty()) section.problem("ordered", "must not be empty");
    made.quantity = column(target, section.text("quantity"), Need::number);
    made.line_link = column(target, section.text_if("line_link"), Need::id);
    made.match = read_match(section, source, target);
    made.round_up = section.flag_or("round_up", false);
  }
  const Table& source = table_of(from, made.from);
  const Table& target = table_of(to, made.to);
  made.factor = static_cast<int>(section.integer_if("factor", -1, 1).value_or(1));
  if (made.factor == 0) section.problem("factor", "must be 1 or -1");
  made.absolute = section.flag_or("absolute", false);
  for (const Tree* item : section.tables("computed")) {
    Section computed(*item, of + ": computed", problems_);
    Product product;
    product.column = column(target, computed.text("column"), Need::number);
    for (const Word& factor : computed.texts("product")) {
      product.factors.push_back(column(target, factor, Need::number));
    }
    if (product.factors.empty()) computed.problem("product", "must not be empty");
    made.computed.push_back(std::move(product));
  }
  if (!made.to) {
    for (const char* key : {"map", "skip", "set", "otherwise", "share"}) {
      if (section.has(key)) section.problem(key, "belongs to the master, which is filled by the conversion's own keys");
    }
    for (const char* key : {"map", "set", "otherwise", "share"}) section.table(key);
    section.texts("skip");
    return made;
  }
  std::vector<std::string> written = {to.parts[*made.to].key, to.parts[*made.to].parent, made.quantity, made.line_link};
  for (const Product& product : made.computed) written.push_back(product.column);
  if (making.link && making.link->part == made.to) {
    written.insert(written.end(), {making.link->id, making.link->no, making.link->biz_type});
  }
  made.filling = read_filling(section, {source, target, nullptr, std::move(written), what});
  return made;
}

// A list of "Column", which both tables have, or "Theirs=Ours".
std::vector<Copy> Builder::read_match(Section& section, const Table& theirs, const Table& ours) {
  std::vector<Copy> made;
  for (const Word& word : section.texts("match")) {
    const std::size_t middle = word.text.find('=');
    const std::string left = word.text.substr(0, middle);
    const std::string right = middle == std::string::npos ? left : word.text.substr(middle + 1);
    made.push_back({column(theirs, {left, word.line}), column(ours, {right, word.line})});
  }
  return made;
}

// What an effect says of quantities is not said again by the conversion.
void Builder::take_effects(Section& section, const Making& making, LineRule& line) {
  for (const char* key : {"from", "to", "ordered", "quantity", "line_link", "match", "round_up"}) {
    if (section.has(key)) section.problem(key, "is the effect's to say");
  }
  for (const char* key : {"from", "to", "quantity", "line_link"}) section.text_if(key);
  for (const char* key : {"ordered", "match"}) section.texts(key);
  section.flag_or("round_up", false);
  const std::vector<Word> names = section.texts("effect");
  if (names.size() != making.routes.size()) section.problem("effect", "must name one effect for each route");
  for (std::size_t i = 0; i < names.size() && i < making.routes.size(); ++i) {
    const auto at = find(made_.effects, names[i], "effect");
    if (!at) continue;
    const Effect& effect = made_.effects[*at];
    const Route& route = making.routes[i];
    if (effect.from != route.to || effect.to != route.from || !effect.via.empty()) {
      section.problem("effect", effect.name + " does not lead from " + made_.types[route.to].name + " back to " +
                                    made_.types[route.from].name);
    }
    if (effect.limit.empty()) section.problem("effect", effect.name + " has no limit, so there is no left");
    const std::optional<Index> link_part = effect.link_in_part ? effect.from_part : std::nullopt;
    if (making.link && (making.link->id != effect.link || making.link->biz_type != effect.biz_type ||
                        making.link->part != link_part)) {
      section.problem("effect", effect.name + " finds its bill by other columns than the conversion's link");
    }
    if (i > 0) {
      const Effect& first = made_.effects[line.effects.empty() ? *at : line.effects.front()];
      if (first.from_part != effect.from_part || first.to_part != effect.to_part || first.limit != effect.limit ||
          first.done != effect.done || first.quantity != effect.quantity || first.line != effect.line) {
        section.problem("effect", effect.name + " counts otherwise than " + first.name);
      }
    }
    line.effects.push_back(*at);
  }
  if (line.effects.empty()) return;
  const Effect& effect = made_.effects[line.effects.front()];
  line.from = effect.to_part;
  line.to = effect.from_part;
  line.ordered = effect.limit;
  line.done = effect.done;
  line.quantity = effect.quantity;
  line.line_link = effect.line;
  line.match = effect.match;
  line.round_up = effect.round_up;
}

Filling Builder::read_filling(Section& section, Place place) {
  Filling made;
  const auto claim = [&](const std::string& name, int line) {
    if (contains(place.written, name)) {
      problems_.add(line, place.what + ": column " + place.to.name + "." + name + " is written by another rule");
    }
    place.written.push_back(name);
  };
  for (const auto& [target, source] : section.pairs("share")) {
    made.shares.push_back(
        {column(place.to, {target, source.line}, Need::number), column(place.from, source, Need::number)});
    claim(target, source.line);
  }
  for (const auto& [name, value] : section.values("set")) {
    if (auto setting = read_setting(place, name, *value)) made.settings.push_back(std::move(*setting));
    claim(name, value->line);
  }
  made.copies = read_copies(section, place.from, place.to, place.written);
  for (const auto& [name, value] : section.values("otherwise")) {
    const auto copy = std::find_if(made.copies.begin(), made.copies.end(), [&](const Copy& c) { return c.to == name; });
    if (copy == made.copies.end() || !place.from.find(copy->from)->nullable) {
      problems_.add(value->line, place.what + ": otherwise." + name +
                                     " never holds: it is for a column that is copied from one that may be null");
    } else if (auto setting = read_setting(place, name, *value)) {
      made.otherwise.push_back(std::move(*setting));
    }
  }
  fill_rest(section, place, made);
  return made;
}

// The proof that no INSERT is refused: each column that may not be null has a value, whatever the source holds.
void Builder::fill_rest(Section& section, const Place& place, Filling& filling) {
  const auto has_otherwise = [&](const std::string& name) {
    return std::any_of(filling.otherwise.begin(), filling.otherwise.end(),
                       [&](const Setting& s) { return s.column == name; });
  };
  for (const Column& each : place.to.columns) {
    if (each.nullable || contains(place.written, each.name)) continue;
    const std::string name = place.what + ": column " + place.to.name + "." + each.name;
    const auto copy =
        std::find_if(filling.copies.begin(), filling.copies.end(), [&](const Copy& c) { return c.to == each.name; });
    if (copy != filling.copies.end()) {
      if (place.from.find(copy->from)->nullable && !has_nothing(each.kind) && !has_otherwise(each.name)) {
        problems_.add(section.line(), name + " may not be null, and " + place.from.name + "." + copy->from +
                                          " may be: say by otherwise what it is then");
      }
      continue;
    }
    if (!has_nothing(each.kind)) {
      problems_.add(section.line(), name + " may not be null and gets no value: give it one by map or set");
      continue;
    }
    const StatusModel* const status = place.type == nullptr ? nullptr : status_of(*place.type, each.name);
    if (status != nullptr && status->find(0) == nullptr) {
      problems_.add(section.line(), name + " may not be null and has no value 0: give it one by map or set");
    }
    filling.by_kind.push_back(each.name);
  }
}

const StatusModel* Builder::status_of(const Type& type, std::string_view column) const {
  const auto at = std::find_if(type.status.begin(), type.status.end(),
                               [&](Index model) { return made_.models[model].name == column; });
  return at == type.status.end() ? nullptr : &made_.models[*at];
}

std::optional<Setting> Builder::read_setting(const Place& place, const std::string& name, const Tree& value) {
  using From = Setting::From;
  struct Known {
    std::string_view word;
    From from;
    bool (*fits)(ColumnKind);
  };
  static constexpr Known words[] = {
      {"@now", From::now, [](ColumnKind kind) { return kind == ColumnKind::time; }},
      {"@today", From::today, is_moment},
      {"@employee", From::employee, [](ColumnKind kind) { return kind == ColumnKind::id; }},
      {"@source.type", From::source_type, [](ColumnKind kind) { return kind == ColumnKind::integer; }},
      {"@source.numbers", From::source_numbers, [](ColumnKind kind) { return kind == ColumnKind::text; }},
      {"@standard", From::standard, [](ColumnKind kind) { return kind == ColumnKind::id; }}};
  const std::string valid = column(place.to, {name, value.line});
  if (valid.empty()) return std::nullopt;
  const Column& into = *place.to.find(valid);
  const auto refuse = [&](const std::string& reason) -> std::optional<Setting> {
    problems_.add(value.line, place.what + ": column " + place.to.name + "." + name + " " + reason);
    return std::nullopt;
  };
  Setting made;
  made.column = name;
  if (value.kind == Tree::Kind::text && value.text.starts_with('@')) {
    const auto* const known =
        std::find_if(std::begin(words), std::end(words), [&](const Known& each) { return each.word == value.text; });
    if (known == std::end(words)) return refuse("cannot be " + value.text + ": there is no such word");
    if (!known->fits(into.kind)) return refuse("is of another kind than " + value.text);
    made.from = known->from;
    if (made.from == From::standard && !has_standard(into.refers)) {
      return refuse("cannot be @standard: it refers to no lookup that has a standard row");
    }
  } else if (value.kind == Tree::Kind::text && into.kind == ColumnKind::text) {
    made.from = From::text;
    made.text = value.text;
  } else if (value.kind == Tree::Kind::flag && into.kind == ColumnKind::boolean) {
    made.number = Decimal::of(value.flag ? 1 : 0);
  } else if (is_number(into.kind) && (value.kind == Tree::Kind::integer || value.kind == Tree::Kind::text)) {
    const auto number = Decimal::parse(value.kind == Tree::Kind::text ? value.text : std::to_string(value.integer));
    const auto scaled = number ? number->exactly(into.scale) : number;
    if (!scaled) return refuse("cannot be " + value.text + ": " + scaled.error().detail);
    made.number = *scaled;
    const StatusModel* const status = place.type == nullptr ? nullptr : status_of(*place.type, name);
    if (status != nullptr && status->find(static_cast<int>(made.number.units())) == nullptr) {
      return refuse("has no value " + made.number.text());
    }
  } else {
    return refuse("is of another kind than its value");
  }
  return made;
}

bool Builder::has_standard(std::string_view table) const {
  return std::any_of(made_.lookups.begin(), made_.lookups.end(),
                     [&](const Lookup& each) { return each.standard && made_.tables[each.table].name == table; });
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

}  // namespace hf::catalog
