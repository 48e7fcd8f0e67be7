#include "catalog/document/draft.h"

#include <algorithm>

#include "base/assert.h"

namespace hf::document {
namespace {

using catalog::Column;
using catalog::Copy;
using catalog::LineRule;
using catalog::Setting;
using catalog::Table;
using catalog::Type;

using Failure = tl::unexpected<Error>;

// What is taken of a row, or of all rows of a bill, for shares.
struct Portion {
  Taken taken;
  bool last = false;           // nothing is left, and nobody but this conversion took of it
  const Row* given = nullptr;  // what the bills before have
  bool negative = false;       // a red bill of a blue one
  bool absolute = false;
};

class Drafter {
 public:
  Drafter(const Catalog& catalog, const catalog::Making& making, const catalog::Route& route,
          std::span<const Source> sources, const Occasion& occasion)
      : content_(catalog.content()),
        making_(making),
        from_(content_.types[route.from]),
        to_(content_.types[route.to]),
        sources_(sources),
        occasion_(occasion) {}

  Result<Outcome> make(std::span<const Part> parts) {
    if (auto differ = differing()) return fail(Code::invalid, std::move(*differ), "bills");
    for (std::size_t s = 0; s < sources_.size(); ++s) {
      for (std::size_t r = 0; r < making_.lines.size(); ++r) {
        for (std::size_t l = 0; l < sources_[s].lines[r].size(); ++l) {
          Result<std::optional<NotEnough>> refused = take({s, r, l, {}}, parts);
          if (!refused) return Failure(std::move(refused.error()));
          if (*refused) return Outcome(**refused);
        }
      }
    }
    if (!making_.lines.empty() && !took_) return Outcome(NothingLeft());
    if (Result<void> filled = fill_master(); !filled) return Failure(std::move(filled.error()));
    if (Result<void> added = add_totals(); !added) return Failure(std::move(added.error()));
    return Outcome(std::move(made_));
  }

 private:
  const Table& table(const Type& type, const std::optional<catalog::Index>& part) const {
    return content_.tables[part ? type.parts[*part].table : type.table];
  }

  // A column of merge_by in which the sources are not alike.
  std::optional<std::string> differing() const {
    if (sources_.size() == 1) return std::nullopt;
    if (making_.merge_by.empty()) return "These bills do not become one: convert them one by one.";
    for (const std::string& column : making_.merge_by) {
      for (const Source& source : sources_) {
        if (source.master.at(column) == sources_.front().master.at(column)) continue;
        return "These bills differ in " + column + ": convert them one by one.";
      }
    }
    return std::nullopt;
  }

  // Takes what is asked of a line, or all that is left of it.
  Result<std::optional<NotEnough>> take(Part place, std::span<const Part> parts) {
    const LineRule& rule = making_.lines[place.rule];
    const SourceLine& line = sources_[place.source].lines[place.rule][place.line];
    const Result<Decimal> left = left_of(line.row, rule.ordered, rule.done, line.held);
    if (!left) return Failure(left.error());
    Result<Portion> portion = portion_of(rule, line, *left);
    if (!portion) return Failure(std::move(portion.error()));
    const auto asked = std::find_if(parts.begin(), parts.end(), [&](const Part& part) {
      return part.source == place.source && part.rule == place.rule && part.line == place.line;
    });
    if (!parts.empty() && asked == parts.end()) return std::nullopt;
    const Column& column = *table(to_, rule.to).find(rule.quantity);
    const Result<Decimal> now =
        asked == parts.end() ? left->at_scale(column.scale, rule.round_up ? Rounding::away : Rounding::toward_zero)
                             : asked_of(rule, *left, asked->quantity).exactly(column.scale);
    if (!now) return Failure(now.error());
    if (now->is_zero()) return std::nullopt;
    const Result<Decimal> above = now->size().minus(left->size());
    if (!above) return Failure(above.error());
    if (now->sign() != left->sign() || (above->sign() > 0 && !(rule.round_up && *above < Decimal::of(1)))) {
      return NotEnough{place.source, place.rule, place.line, *left, *now};
    }
    took_ = true;
    place.quantity = *now;
    portion->taken.now = now->size() > left->size() ? *left : *now;
    portion->last = portion->last && portion->taken.now == *left;
    const Result<Decimal> sum = all_.now.plus(portion->taken.now);
    if (!sum) return Failure(sum.error());
    all_.now = *sum;
    if (Result<void> added = add_line(place, *portion); !added) return Failure(std::move(added.error()));
    return std::nullopt;
  }

  // Where only the size counts, the asker need not know the sign.
  static Decimal asked_of(const LineRule& rule, const Decimal& left, const Decimal& quantity) {
    return rule.absolute && left.sign() < 0 ? quantity.size().negated() : quantity;
  }

  // The line before anything of it is taken. Taken or not, it is a part of its whole bill.
  Result<Portion> portion_of(const LineRule& rule, const SourceLine& line, const Decimal& left) {
    Result<Decimal> whole = Decimal();
    for (const std::string& column : rule.ordered) {
      if (whole) whole = whole->plus(line.row.number(column));
    }
    const Result<Decimal> before = whole ? whole->minus(left) : whole;
    const Result<Decimal> all_whole = before ? all_.whole.plus(*whole) : before;
    const Result<Decimal> all_before = all_whole ? all_.before.plus(*before) : all_whole;
    if (!all_before) return Failure(all_before.error());
    all_.whole = *all_whole;
    all_.before = *all_before;
    const bool alone = *before == line.linked;
    all_last_ = all_last_ && alone;
    return Portion{{*whole, *before, Decimal()}, alone, &line.given, rule.factor < 0, rule.absolute};
  }

  Result<void> add_line(const Part& place, const Portion& portion) {
    const LineRule& rule = making_.lines[place.rule];
    const Source& source = sources_[place.source];
    const Row& from = source.lines[place.rule][place.line].row;
    const Decimal size = rule.absolute ? place.quantity.size() : place.quantity;
    const Decimal quantity = rule.factor < 0 ? size.negated() : size;
    if (!rule.to) {
      made_.master.set(rule.quantity, quantity);
      return {};
    }
    const Table& target = table(to_, rule.to);
    Row row;
    if (Result<void> filled = fill(rule.filling, from, target, portion, row); !filled) return filled;
    if (making_.link && making_.link->part == rule.to) set_link(source, target, row);
    if (!rule.line_link.empty() && rule.from) {
      row.set(rule.line_link, from.at(from_.parts[*rule.from].key));
    }
    row.set(rule.quantity, quantity);
    std::string before;
    for (const catalog::Product& product : rule.computed) {
      const Column& column = *target.find(product.column);
      const Result<Decimal> value = product_of(row, product.factors, column.scale);
      if (!value) return Failure(value.error());
      const Result<Decimal> sum = product.column == before ? row.number(product.column).plus(*value) : *value;
      if (!sum) return Failure(sum.error());
      Result<Value> fits = fitted(*sum, column);
      if (!fits) return Failure(std::move(fits.error()));
      row.set(product.column, std::move(*fits));
      before = product.column;
    }
    made_.lines.push_back({place.source, place.rule, place.line, std::move(row)});
    return {};
  }

  static Result<Decimal> product_of(const Row& row, std::span<const std::string> columns, int scale) {
    std::vector<Decimal> factors;
    for (const std::string& column : columns) factors.push_back(row.number(column));
    return Decimal::product(factors, scale, Rounding::half_away);
  }

  // A whole number as the column holds it.
  static Value whole(std::int64_t number, const Column& column) {
    return catalog::is_number(column.kind) ? Value(Decimal::of(number)) : Value(number);
  }

  void set_link(const Source& source, const Table& target, Row& row) const {
    const catalog::Link& link = *making_.link;
    row.set(link.id, source.master.at(from_.key));
    if (!link.no.empty()) row.set(link.no, source.master.at(from_.no));
    if (!link.biz_type.empty()) row.set(link.biz_type, whole(from_.code, *target.find(link.biz_type)));
  }

  Result<void> fill(const catalog::Filling& filling, const Row& from, const Table& target, const Portion& portion,
                    Row& row) const {
    const auto put = [&](const std::string& name, const Value& value) -> Result<void> {
      Result<Value> fits = fitted(value, *target.find(name));
      if (!fits) return Failure(std::move(fits.error()));
      row.set(name, std::move(*fits));
      return {};
    };
    for (const std::string& name : filling.by_kind) row.set(name, nothing_of(*target.find(name)));
    for (const Copy& copy : filling.copies) {
      const Column& into = *target.find(copy.to);
      const Value& value = from.at(copy.from);
      // An id or a time is never missing here: the loader asks for `otherwise`, or the source's column may not be null
      // either.
      const bool nothing = catalog::is_number(into.kind) || into.kind == catalog::ColumnKind::boolean ||
                           into.kind == catalog::ColumnKind::text;
      if (value.index() == 0 && nothing && !into.nullable && !has(filling.otherwise, copy.to)) {
        row.set(copy.to, nothing_of(into));
      } else if (Result<void> done = put(copy.to, value); !done) {
        return done;
      }
    }
    for (const Copy& copy : filling.shares) {
      const Result<Decimal> value = share_of(from.number(copy.from), copy.to, portion);
      if (!value) return Failure(value.error());
      if (Result<void> done = put(copy.to, *value); !done) return done;
    }
    for (const std::vector<Setting>* settings : {&filling.settings, &filling.otherwise}) {
      for (const Setting& setting : *settings) {
        if (settings == &filling.otherwise && !row.is_null(setting.column)) continue;
        const Result<Value> value = value_of(setting, *target.find(setting.column));
        if (!value) return Failure(value.error());
        if (Result<void> done = put(setting.column, *value); !done) return done;
      }
    }
    return {};
  }

  static bool has(const std::vector<Setting>& settings, std::string_view column) {
    return std::any_of(settings.begin(), settings.end(), [&](const Setting& s) { return s.column == column; });
  }

  static Result<Decimal> share_of(const Decimal& amount, std::string_view column, const Portion& portion) {
    if (portion.taken.whole.is_zero()) return amount;
    // What the others have lies in their columns, turned round as this one will be.
    const Decimal given = portion.given->number(column);
    const bool turned = portion.negative != (portion.absolute && amount.sign() < 0);
    Result<Decimal> part = portion.last ? amount.minus(turned ? given.negated() : given) : share(amount, portion.taken);
    if (!part) return part;
    const Decimal size = portion.absolute ? part->size() : *part;
    return portion.negative ? size.negated() : size;
  }

  Result<Value> value_of(const Setting& setting, const Column& column) const {
    using From = Setting::From;
    switch (setting.from) {
      case From::number: return catalog::is_number(column.kind) ? Value(setting.number) : Value(setting.number.units());
      case From::text: return Value(setting.text);
      case From::now: return Value(occasion_.now);
      case From::today:
        return Value(column.kind == catalog::ColumnKind::date ? occasion_.today : occasion_.today_begins);
      case From::employee:
        if (occasion_.employee) return Value(*occasion_.employee);
        return fail(Code::invalid, "You are no employee of the ERP: let somebody do this who is.", column.name);
      case From::source_type: return Value(Decimal::of(from_.code));
      case From::source_numbers: return Value(source_numbers());
      case From::standard:
        if (const auto key = occasion_.standard ? occasion_.standard(column.refers) : std::nullopt) return Value(*key);
        return fail(Code::invalid, "There is no standard row in " + column.refers + ": mark one.", column.name);
    }
    return Value();
  }

  std::string source_numbers() const {
    std::string made;
    for (const Source& source : sources_) {
      const auto* const no = std::get_if<std::string>(&source.master.at(from_.no));
      if (no != nullptr) made += (made.empty() ? "" : ",") + *no;
    }
    return made;
  }

  // What the sources agree on; where they do not, nothing.
  Row common_master() const {
    Row made = sources_.front().master;
    for (const auto& entry : sources_.front().master.values()) {
      const bool alike = std::all_of(sources_.begin(), sources_.end(),
                                     [&](const Source& s) { return s.master.at(entry.first) == entry.second; });
      if (!alike) made.set(entry.first, std::monostate());
    }
    return made;
  }

  Result<void> fill_master() {
    const Table& target = table(to_, std::nullopt);
    const Source& source = sources_.front();
    const Result<Decimal> end = all_.before.plus(all_.now);
    if (!end) return Failure(end.error());
    const bool negative = !making_.lines.empty() && making_.lines.front().factor < 0;
    const bool absolute = !making_.lines.empty() && making_.lines.front().absolute;
    const Portion portion{all_, all_last_ && *end == all_.whole && !making_.lines.empty(), &source.given, negative,
                          absolute};
    if (Result<void> filled = fill(making_.filling, common_master(), target, portion, made_.master); !filled)
      return filled;
    for (const std::string& column : making_.first) {
      Result<Value> value = fitted(source.first ? source.master.number(column) : Decimal(), *target.find(column));
      if (!value) return Failure(std::move(value.error()));
      made_.master.set(column, std::move(*value));
    }
    if (making_.link && !making_.link->part) set_link(source, target, made_.master);
    if (to_.only) made_.master.set(to_.only->column, whole(to_.only->value, *target.find(to_.only->column)));
    if (!to_.deleted.empty()) made_.master.set(to_.deleted, std::int64_t{0});
    for (const catalog::Index index : to_.status) {
      const catalog::StatusModel& model = content_.models[index];
      if (model.kind == catalog::StatusKind::business) continue;
      const bool lifecycle = to_.lifecycle == index;
      made_.master.set(model.name, Decimal::of(lifecycle && making_.state ? *making_.state : model.initial));
    }
    return {};
  }

  Result<void> add_totals() {
    const Table& target = table(to_, std::nullopt);
    for (const catalog::Total& total : making_.totals) {
      const Column& column = *target.find(total.column);
      Result<Decimal> sum = made_.master.number(total.column);
      for (const Draft::Line& line : made_.lines) {
        if (total.factors.empty()) break;
        const Result<Decimal> product = product_of(line.row, total.factors, column.scale);
        if (!product) return Failure(product.error());
        if (sum) sum = sum->plus(*product);
      }
      for (const std::string& plus : total.plus) {
        if (sum) sum = sum->plus(made_.master.number(plus));
      }
      if (!sum) return Failure(sum.error());
      Result<Value> value = fitted(*sum, column);
      if (!value) return Failure(std::move(value.error()));
      made_.master.set(total.column, std::move(*value));
    }
    return {};
  }

  const catalog::Content& content_;
  const catalog::Making& making_;
  const Type& from_;
  const Type& to_;
  std::span<const Source> sources_;
  const Occasion& occasion_;
  Draft made_;
  Taken all_;
  bool all_last_ = true;
  bool took_ = false;
};

}  // namespace

Result<Outcome> draft(const Catalog& catalog, const catalog::Making& making, const catalog::Route& route,
                      std::span<const Source> sources, std::span<const Part> parts, const Occasion& occasion) {
  HF_ASSERT(!sources.empty());
  return Drafter(catalog, making, route, sources, occasion).make(parts);
}

const catalog::Check* unmet(std::span<const catalog::Check> checks, const Row& master, const Table& table) {
  const RowFields fields(master, table);
  const auto at = std::find_if(checks.begin(), checks.end(),
                               [&](const catalog::Check& check) { return !check.when.evaluate(fields); });
  return at == checks.end() ? nullptr : &*at;
}

}  // namespace hf::document
