// The bill that a conversion makes of others.
#include <algorithm>

#include "catalog/document/draft.h"
#include "documents/write/bill_writes.h"

namespace hf::documents {
namespace {

using catalog::Conversion;
using catalog::Index;
using catalog::Route;
using catalog::Type;
using document::Row;

constexpr std::int64_t us_per_day = 86'400'000'000;

std::string name_of(const Type& type, std::optional<Index> part) {
  return part ? type.parts[*part].name : std::string();
}

// What of the conversion is a rule in C++ that is not there; empty: nothing.
std::string rule_missing_of(const Conversion& conversion) {
  if (conversion.kind != catalog::ConversionKind::generate || !conversion.handler.empty()) return conversion.name;
  const auto asks = [](catalog::Question question) { return question != catalog::Question::confirm; };
  if (std::any_of(conversion.asks.begin(), conversion.asks.end(), asks)) return conversion.name;
  const auto counted = [](const catalog::LineRule& rule) { return !rule.effects.empty(); };
  return std::all_of(conversion.lines.begin(), conversion.lines.end(), counted) ? std::string() : conversion.name;
}

const Route* route_of(const Catalog& catalog, const Conversion& conversion, const BillImage& source) {
  const catalog::Table& table = catalog.content().tables[source.type->table];
  const document::RowFields fields(source.master, table);
  const Index type = catalog.index_of(*source.type);
  const auto at = std::find_if(conversion.routes.begin(), conversion.routes.end(),
                               [&](const Route& route) { return route.from == type && route.when.evaluate(fields); });
  return at == conversion.routes.end() ? nullptr : &*at;
}

class Converting {
 public:
  // `conversion`: of which `making` is a part; null: a creation.
  Converting(const Catalog& catalog, const Request& request, const catalog::Making& making,
             const Conversion* conversion, const Wish& wish, BillLedger& ledger)
      : catalog_(catalog),
        content_(catalog.content()),
        request_(request),
        wish_(wish),
        making_(making),
        conversion_(conversion),
        ledger_(ledger) {}

  // The bill that an action makes of one that it has moved.
  Outcome<BillChange> create(const BillImage& source, const Route& route, const std::string& number) {
    route_ = &route;
    if (auto added = add_source(source); !added) return refuse(std::move(added.error()));
    images_.push_back(&source);
    return make(content_.types[route.to], number, {});
  }

  Outcome<Change> plan(const Type& type, const std::string& number) {
    if (auto read = read_sources(type); !read) return tl::unexpected(std::move(read.error()));
    const auto parts = parts_asked();
    if (!parts) return tl::unexpected(parts.error());
    auto made = make(type, number, *parts);
    if (!made) return tl::unexpected(std::move(made.error()));
    made->action = "convert";
    const std::vector<LinkRow> links = *made->links;
    return finished(catalog_, *std::move(made), {}, links, ledger_);
  }

 private:
  Outcome<BillChange> make(const Type& type, const std::string& number, const std::vector<document::Part>& parts) {
    auto drafted = draft(parts);
    if (!drafted) return tl::unexpected(std::move(drafted.error()));
    Writing writing = writing_of(request_, ledger_);
    writing.number = number;
    BillImage bill = fresh_bill(catalog_, type, writing);
    for (const auto& [column, value] : drafted->master.values()) bill.master.set(column, value);
    return finish(std::move(bill), *drafted);
  }

  Outcome<void> read_sources(const Type& type) {
    for (const SeenBill& seen : wish_.sources) {
      const auto bill = seen_bill(catalog_, seen, ledger_);
      if (!bill) return tl::unexpected(bill.error());
      route_ = route_of(catalog_, *conversion_, **bill);
      if (route_ == nullptr || &content_.types[route_->to] != &type)
        return refuse(Code::invalid, "The conversion does not go from this bill.", "bills");
      if (auto fit = check(**bill); !fit) return fit;
      if (auto added = add_source(**bill); !added) return refuse(std::move(added.error()));
      images_.push_back(*bill);
    }
    return {};
  }

  // The conversion's own requirements.
  Outcome<void> check(const BillImage& bill) {
    const catalog::Table& table = content_.tables[bill.type->table];
    if (const catalog::Check* const unmet = document::unmet(conversion_->require, bill.master, table))
      return refuse(Code::invalid, unmet->en + ".", "bills");
    const catalog::Check* const warned = document::unmet(conversion_->warn, bill.master, table);
    if (warned != nullptr && !wish_.confirmed) return asked(warned->en + ". Go on all the same?", {});
    for (const catalog::BillCheck& other : conversion_->bills) {
      auto found = ledger_.checked(other, bill);
      if (!found) return refuse(std::move(found.error()));
      if (found->empty() == (other.want == catalog::BillCheck::Want::none)) continue;
      if (other.otherwise == catalog::BillCheck::Otherwise::refuse)
        return in_the_way(other.en + ".", *std::move(found), "bills");
      if (!wish_.confirmed) return asked(other.en + ". Go on all the same?", *std::move(found));
    }
    const auto given = ledger_.given_master(making_, *route_, bill.id);
    if (!given) return refuse(given.error());
    if (conversion_->once && !given->first)
      return refuse(Code::invalid, "It was made from this bill already.", "bills");
    return {};
  }

  static tl::unexpected<Refusal> asked(std::string sentence, std::vector<BillLinked> bills) {
    auto refusal = in_the_way(std::move(sentence), std::move(bills), "confirmed");
    refusal.value().asks = true;
    return refusal;
  }

  Result<void> add_source(const BillImage& bill) {
    document::Source source;
    source.type = catalog_.index_of(*bill.type);
    source.master = bill.master;
    auto given = ledger_.given_master(making_, *route_, bill.id);
    if (!given) return tl::unexpected(std::move(given.error()));
    source.first = given->first;
    source.given = std::move(given->sums);
    std::vector<std::vector<std::int64_t>> ids;
    for (std::size_t rule = 0; rule < making_.lines.size(); ++rule) {
      std::vector<std::int64_t>& lines = ids.emplace_back();
      auto made = lines_of(bill, rule, lines);
      if (!made) return tl::unexpected(std::move(made.error()));
      source.lines.push_back(*std::move(made));
    }
    sources_.push_back(std::move(source));
    ids_.push_back(std::move(ids));
    return {};
  }

  Result<std::vector<document::SourceLine>> lines_of(const BillImage& bill, std::size_t index,
                                                     std::vector<std::int64_t>& ids) {
    const catalog::LineRule& rule = making_.lines[index];
    Result<Sums> reserved = Sums(), done = Sums();
    // Of a creation nothing is there before: its undoing deletes it.
    if (!rule.effects.empty()) {
      const catalog::Effect& effect = effect_of(rule);
      reserved = ledger_.taken(effect, bill.id, Taking::reserving, 0);
      if (reserved && rule.done.empty()) done = ledger_.taken(effect, bill.id, Taking::done, 0);
    }
    if (!reserved) return tl::unexpected(std::move(reserved.error()));
    if (!done) return tl::unexpected(std::move(done.error()));
    auto given = ledger_.given_lines(making_, *route_, index, bill.id);
    if (!given) return tl::unexpected(std::move(given.error()));
    std::vector<document::SourceLine> made;
    const auto add = [&](std::int64_t id, const Row& row) {
      Decimal ordered;
      for (const std::string& column : rule.ordered) ordered = ordered.is_zero() ? row.number(column) : ordered;
      const auto turned = [&](const Decimal& size) { return ordered.sign() < 0 ? size.negated() : size; };
      GivenLine& has = (*given)[id];
      made.push_back({row, {turned((*reserved)[id]), turned((*done)[id])}, turned(has.linked), std::move(has.sums)});
      ids.push_back(id);
    };
    if (!rule.from) {
      add(0, bill.master);
    } else {
      for (const ImageLine& line : bill.parts[*rule.from]) add(line.id, line.row);
    }
    return made;
  }

  // REQUIRES: the rule has effects, one for each route.
  const catalog::Effect& effect_of(const catalog::LineRule& rule) const {
    return content_.effects[rule.effects[static_cast<std::size_t>(route_ - making_.routes.data())]];
  }

  // What is asked of the lines, as the draft knows them.
  Outcome<std::vector<document::Part>> parts_asked() const {
    std::vector<document::Part> parts;
    std::vector<FieldFault> faults;
    for (std::size_t i = 0; i < wish_.lines.size(); ++i) {
      const WishedLine& wished = wish_.lines[i];
      const auto quantity = Decimal::parse(wished.quantity);
      const auto part = place_of(wished);
      if (!part) faults.push_back({"line", wished.part, i, "The bill has no such line."});
      if (!quantity || quantity->is_zero())
        faults.push_back({"quantity", wished.part, i, "It is a number, and not 0."});
      if (part && quantity) parts.push_back({part->source, part->rule, part->line, *quantity});
    }
    if (faults.empty()) return parts;
    Refusal refusal;
    refusal.error = {Code::invalid, faults.front().detail, "lines"};
    refusal.fields = std::move(faults);
    return tl::unexpected<Refusal>(std::move(refusal));
  }

  std::optional<document::Part> place_of(const WishedLine& wished) const {
    for (std::size_t source = 0; source < images_.size(); ++source) {
      if (images_[source]->key() != wished.bill) continue;
      for (std::size_t rule = 0; rule < making_.lines.size(); ++rule) {
        if (name_of(*images_[source]->type, making_.lines[rule].from) != wished.part) continue;
        const std::vector<std::int64_t>& ids = ids_[source][rule];
        const auto at = std::find(ids.begin(), ids.end(), wished.line);
        if (at != ids.end()) return document::Part{source, rule, static_cast<std::size_t>(at - ids.begin()), {}};
      }
    }
    return std::nullopt;
  }

  Outcome<document::Draft> draft(const std::vector<document::Part>& parts) {
    document::Occasion occasion;
    occasion.now = to_us(request_.now);
    occasion.today = (to_us(request_.now) + request_.zone.count()) / us_per_day;
    occasion.today_begins = occasion.today * us_per_day - request_.zone.count();
    occasion.employee = request_.actor.employee;
    Result<void> read;
    occasion.standard = [&](std::string_view table) {
      auto key = ledger_.standard(table);
      if (!key) read = tl::unexpected(key.error());
      return key ? *key : std::nullopt;
    };
    auto outcome = document::draft(catalog_, making_, *route_, sources_, parts, occasion);
    if (!read) return refuse(std::move(read.error()));
    if (!outcome) return refuse(std::move(outcome.error()));
    if (auto* made = std::get_if<document::Draft>(&*outcome)) return std::move(*made);
    if (const auto* over = std::get_if<document::NotEnough>(&*outcome)) return not_enough(*over);
    return refuse(Code::invalid, "Nothing is left of it.", "bills");
  }

  tl::unexpected<Refusal> not_enough(const document::NotEnough& over) {
    const catalog::LineRule& rule = making_.lines[over.rule];
    if (rule.effects.empty()) return refuse(Code::invalid, "Nothing is left of it.", "bills");
    const catalog::Effect& effect = effect_of(rule);
    const BillImage& source = *images_[over.source];
    const std::int64_t line = ids_[over.source][over.rule][over.line];
    auto reservers = ledger_.reservers(effect, source.id);
    if (!reservers) return refuse(std::move(reservers.error()));
    Refusal refusal;
    refusal.error = {Code::invalid, "Less is left of a line than this bill takes: see each.", "lines"};
    refusal.shortages.push_back({effect.name, source.key(), name_of(*source.type, rule.from), line, over.left,
                                 over.asked, std::move((*reservers)[line])});
    return tl::unexpected<Refusal>(std::move(refusal));
  }

  // The new bill with its lines, and the links to what each was made from.
  Outcome<BillChange> finish(BillImage bill, const document::Draft& drafted) {
    std::vector<LinkRow> made;
    for (const document::Draft::Line& line : drafted.lines) {
      const catalog::LineRule& rule = making_.lines[line.rule];
      const catalog::Part& part = bill.type->parts[*rule.to];
      ImageLine& added = bill.parts[*rule.to].emplace_back(ImageLine{ledger_.next_id(), line.row});
      added.row.set(part.key, added.id);
      added.row.set(part.parent, bill.id);
      const BillImage& source = *images_[line.source];
      made.push_back({part.name, added.id, source.key(), name_of(*source.type, rule.from),
                      ids_[line.source][line.rule][line.line], making_.name});
    }
    auto named = links_of(catalog_, bill, ledger_);
    if (!named) return tl::unexpected(std::move(named.error()));
    // What a line was made from counts before what its columns are like.
    for (LinkRow& link : named->rows) {
      const auto same = [&](const LinkRow& other) {
        return other.target_part == link.target_part && other.target_line == link.target_line &&
               other.source.type == link.source.type && other.source_part == link.source_part;
      };
      if (std::none_of(made.begin(), made.end(), same)) made.push_back(std::move(link));
    }
    for (LinkRow& link : made) {
      if (link.target_part.empty()) link.conversion = making_.name;
    }
    std::sort(made.begin(), made.end());
    if (auto left = check_left(catalog_, {bill, made}, nullptr, ledger_); !left)
      return tl::unexpected(std::move(left.error()));
    BillChange change;
    change.after = std::move(bill);
    change.links = std::move(made);
    return change;
  }

  const Catalog& catalog_;
  const catalog::Content& content_;
  const Request& request_;
  const Wish& wish_;
  const catalog::Making& making_;
  const Conversion* conversion_;
  BillLedger& ledger_;
  const Route* route_ = nullptr;
  std::vector<const BillImage*> images_;
  std::vector<document::Source> sources_;
  std::vector<std::vector<std::vector<std::int64_t>>> ids_;  // of the lines, by source and rule
};

}  // namespace

Outcome<const Type*> type_to_convert(const Catalog& catalog, const Actor& actor, const Wish& wish, BillLedger& ledger) {
  const Conversion* const conversion = catalog.find_conversion(wish.conversion);
  if (conversion == nullptr) return refuse(Code::invalid, "There is no such conversion.", "conversion");
  const std::string missing = rule_missing_of(*conversion);
  if (!missing.empty()) {
    return refuse(Code::invalid, "This version does not carry out the conversion " + missing + ".", "conversion");
  }
  if (wish.sources.empty()) return refuse(Code::invalid, "Name a bill.", "bills");
  if (wish.sources.size() > sources_per_wish_max) {
    return refuse(Code::too_large, "At most " + std::to_string(sources_per_wish_max) + " bills become one.", "bills");
  }
  const auto& actions = catalog.content().actions;
  const auto convert = std::find_if(actions.begin(), actions.end(), [](const catalog::Action& each) {
    return each.kind == catalog::ActionKind::convert;
  });
  const auto source = seen_bill(catalog, wish.sources.front(), ledger);
  if (!source) return tl::unexpected(source.error());
  if (convert != actions.end()) {
    if (auto may = check_right(actor, *convert, *(*source)->type); !may) return refuse(std::move(may.error()));
  }
  const Route* const route = route_of(catalog, *conversion, **source);
  if (route == nullptr) return refuse(Code::invalid, "The conversion does not go from this bill.", "bills");
  return &catalog.content().types[route->to];
}

Outcome<Change> plan_convert(const Catalog& catalog, const Request& request, const Wish& wish, const Type& type,
                             const std::string& number, BillLedger& ledger) {
  const Conversion& conversion = *catalog.find_conversion(wish.conversion);
  return Converting(catalog, request, conversion, &conversion, wish, ledger).plan(type, number);
}

const catalog::Creation* creation_on(const Catalog& catalog, const Type& type, const catalog::Action& action) {
  const auto& creations = catalog.content().creations;
  const auto at = std::find_if(creations.begin(), creations.end(), [&](const catalog::Creation& each) {
    return each.on == catalog.index_of(action) && each.route_from(catalog.index_of(type)) != nullptr;
  });
  return at == creations.end() ? nullptr : &*at;
}

Outcome<void> add_creation(const Catalog& catalog, const Request& request, const catalog::Creation& creation,
                           const BillImage& source, const std::string& number, BillLedger& ledger, Change& change) {
  const Route& route = *creation.route_from(catalog.index_of(*source.type));
  const catalog::Table& table = catalog.content().tables[source.type->table];
  if (!route.when.evaluate(document::RowFields(source.master, table))) return {};
  const Wish none;
  auto made = Converting(catalog, request, creation, nullptr, none, ledger).create(source, route, number);
  if (!made) return tl::unexpected(std::move(made.error()));
  made->action = "create";
  made->after.version = 1;
  change.bills.push_back(*std::move(made));
  return {};
}

Outcome<void> undo_creations(const Catalog& catalog, const catalog::Action& action, const BillImage& source,
                             BillLedger& ledger, Change& change) {
  for (const catalog::Creation& creation : catalog.content().creations) {
    const Route* const route = creation.route_from(catalog.index_of(*source.type));
    if (creation.undo != catalog.index_of(action) || route == nullptr || !creation.link) continue;
    catalog::BillCheck check;
    check.types = {route->to};
    check.part = creation.link->part;
    check.link = creation.link->id;
    check.biz_type = creation.link->biz_type;
    const auto made = ledger.checked(check, source);
    if (!made) return refuse(made.error());
    for (const BillLinked& each : *made) {
      const Type& type = catalog.content().types[route->to];
      const auto bill = ledger.bill(type, each.id, Need::lock);
      if (!bill) return refuse(bill.error());
      if (*bill == nullptr) continue;
      const auto state = state_of(catalog, **bill);
      const std::vector<int>& allowed = creation.undo_while;
      const bool may = !state || std::find(allowed.begin(), allowed.end(), *state) != allowed.end();
      auto drafts = ledger.drafts(type, each.id);
      if (!drafts) return refuse(std::move(drafts.error()));
      if (!may || !drafts->empty()) {
        drafts->insert(drafts->begin(), each);
        return in_the_way("What was made from it has gone on: take that back first.", *std::move(drafts), "action");
      }
      BillChange gone;
      gone.before = **bill;
      gone.after = **bill;
      if (!type.deleted.empty()) gone.after.master.set(type.deleted, std::int64_t{1});
      ++gone.after.version;
      gone.deleted = true;
      gone.action = "delete";
      change.bills.push_back(std::move(gone));
    }
  }
  return {};
}

}  // namespace hf::documents
