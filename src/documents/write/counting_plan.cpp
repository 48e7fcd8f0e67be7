#include "documents/write/counting_plan.h"

#include <algorithm>

#include "catalog/document/counting.h"

namespace hf::documents {
namespace {

using catalog::Effect;
using catalog::Index;
using document::Done;
using document::Row;
using document::RowFields;
using document::Value;

enum class Purpose : std::uint8_t { check, apply, undo };

std::string name_of(const catalog::Type& type, std::optional<Index> part) {
  return part ? type.parts[*part].name : std::string();
}

const catalog::Table& table_of(const catalog::Content& content, const catalog::Type& type, std::optional<Index> part) {
  return content.tables[part ? type.parts[*part].table : type.table];
}

bool has_quantity(const catalog::Content& content, const Effect& effect) {
  return table_of(content, content.types[effect.from], effect.from_part).find(effect.quantity) != nullptr;
}

// An acting line and the line that it counts on.
struct Pair {
  const Row* acting = nullptr;
  std::int64_t line = 0;
};
using Pairs = std::map<BillKey, std::vector<Pair>>;

Result<Decimal> sum_of(const Row& row, std::span<const std::string> columns) {
  Result<Decimal> sum = Decimal();
  for (const std::string& column : columns) {
    if (sum) sum = sum->plus(row.number(column));
  }
  return sum;
}

// One effect of one bill.
class Counting {
 public:
  Counting(const Catalog& catalog, const Effect& effect, const BillImage& acting, Ledger& ledger, Purpose purpose)
      : catalog_(catalog),
        content_(catalog.content()),
        effect_(effect),
        acting_(acting),
        ledger_(ledger),
        purpose_(purpose),
        to_(content_.types[effect.to]),
        table_(table_of(content_, to_, effect.to_part)) {}

  // What the bill counts on, bill by bill; nothing if the effect is none of such bills.
  Outcome<Pairs> pairs(std::span<const LinkRow> links) const {
    Pairs made;
    const catalog::Table& master = content_.tables[acting_.type->table];
    if (!effect_.when.evaluate(RowFields(acting_.master, master))) return made;
    if (!effect_.from_part) {
      if (auto added = add_pair(links, 0, acting_.master, made); !added)
        return tl::unexpected(std::move(added.error()));
      return made;
    }
    for (const ImageLine& line : acting_.parts[*effect_.from_part]) {
      if (auto added = add_pair(links, line.id, line.row, made); !added)
        return tl::unexpected(std::move(added.error()));
    }
    return made;
  }

  // Counts on `image`. What there is too little of goes to `shortages`.
  Outcome<void> count_on(BillImage& image, std::span<const Pair> pairs, std::vector<Shortage>& shortages) {
    if (!effect_.to_when.evaluate(RowFields(image.master, content_.tables[to_.table]))) return {};
    if (purpose_ == Purpose::apply) {
      if (auto open = check_open(image); !open) return refuse(std::move(open.error()));
    }
    reserved_.clear();
    counted_.clear();
    done_.clear();
    if (auto read = read_sums(image, pairs); !read) return refuse(std::move(read.error()));
    for (const Pair& pair : pairs) {
      Row* const row = row_of(image, pair.line);
      if (row == nullptr) return refuse(Code::invalid, "A line that it comes from is not there any more.", "lines");
      if (auto counted = count_line(image, *row, pair, shortages); !counted) return refuse(std::move(counted.error()));
    }
    if (purpose_ == Purpose::check) return {};
    if (auto finished = finish(image); !finished) return refuse(std::move(finished.error()));
    return {};
  }

 private:
  Outcome<void> add_pair(std::span<const LinkRow> links, std::int64_t id, const Row& row, Pairs& made) const {
    if (!effect_.line_when.evaluate(RowFields(row, table_of(content_, *acting_.type, effect_.from_part)))) return {};
    const std::string part = name_of(*acting_.type, effect_.from_part), to_part = name_of(to_, effect_.to_part);
    bool linked = false;
    for (const LinkRow& link : links) {
      if (link.target_part != part || link.target_line != id || link.source.type != to_.name ||
          link.source_part != to_part)
        continue;
      made[link.source].push_back({&row, link.source_line});
      linked = true;
    }
    if (linked || purpose_ != Purpose::apply) return {};
    const Row& names = effect_.link_in_part ? row : acting_.master;
    const Index first = effect_.via.empty() ? effect_.to : effect_.via.front().type;
    const bool this_type =
        effect_.biz_type.empty() || names.number(effect_.biz_type) == Decimal::of(content_.types[first].code);
    if (names.id(effect_.link) == 0 || !this_type) return {};
    return refuse(Code::invalid,
                  "A line is not found in the bill of " + to_.name + " that it names: correct it and save it again.",
                  "lines");
  }

  Result<void> check_open(const BillImage& image) const {
    const auto state = state_of(catalog_, image);
    if (!state) return {};
    const catalog::StatusModel& model = content_.models[*to_.lifecycle];
    if (model.is_approved(*state) && (!model.closes(*state) || !image.closed_by.empty())) return {};
    return fail(Code::invalid, "It counts on " + image.no() + ", which is not approved or was closed.", "bill");
  }

  // What others have of the bill, and this one, by line; with the sign of what was ordered.
  Result<void> read_sums(const BillImage& image, std::span<const Pair> pairs) {
    if (!has_quantity(content_, effect_)) return {};
    if (!effect_.limit.empty()) {
      auto sums = ledger_.taken(effect_, image.id, Taking::reserving, acting_id());
      if (!sums) return tl::unexpected(std::move(sums.error()));
      reserved_ = *std::move(sums);
    }
    if (!is_done_summed(effect_)) return {};
    auto sums = ledger_.taken(effect_, image.id, Taking::done, acting_id());
    if (!sums) return tl::unexpected(std::move(sums.error()));
    counted_ = *std::move(sums);
    for (auto& [line, sum] : counted_) sum = turned(image, line, sum);
    if (purpose_ != Purpose::undo) return {};
    for (const Pair& pair : pairs) {
      const auto sum = counted_[pair.line].plus(pair.acting->number(effect_.quantity));
      if (!sum) return tl::unexpected(sum.error());
      counted_[pair.line] = *sum;
    }
    return {};
  }

  // Another type's bill may have the same id.
  std::int64_t acting_id() const { return acting_.id; }

  Decimal turned(const BillImage& image, std::int64_t line, const Decimal& size) const {
    const Row* const row = row_of(image, line);
    const auto ordered = row != nullptr ? sum_of(*row, effect_.limit) : Decimal();
    return ordered && ordered->sign() < 0 ? size.negated() : size;
  }

  const Row* row_of(const BillImage& image, std::int64_t line) const {
    if (!effect_.to_part) return &image.master;
    const ImageLine* const found = find_line(image.parts[*effect_.to_part], line);
    return found == nullptr ? nullptr : &found->row;
  }
  Row* row_of(BillImage& image, std::int64_t line) const {
    return const_cast<Row*>(row_of(std::as_const(image), line));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  }

  Result<void> count_line(const BillImage& image, Row& row, const Pair& pair, std::vector<Shortage>& shortages) {
    const bool undo = purpose_ == Purpose::undo;
    Decimal& counted = counted_[pair.line];
    const Decimal amount = pair.acting->number(effect_.quantity);
    const auto rest = undo ? counted.minus(amount) : Result<Decimal>(counted);
    if (!rest) return tl::unexpected(rest.error());
    const bool limited = !effect_.unlimited ||
                         !effect_.unlimited->evaluate(RowFields(acting_.master, content_.tables[acting_.type->table]));
    const document::Held held{turned(image, pair.line, reserved_[pair.line]), *rest};
    auto outcome =
        document::count(effect_, {*pair.acting, undo ? document::Direction::undo : document::Direction::apply, limited},
                        row, table_, held);
    if (!outcome) return tl::unexpected(std::move(outcome.error()));
    if (const auto* over = std::get_if<document::OverLimit>(&*outcome)) {
      shortages.push_back(
          {effect_.name, image.key(), name_of(to_, effect_.to_part), pair.line, over->left, over->asked, {}});
      return {};
    }
    auto& made = std::get<document::Counted>(*outcome);
    row = std::move(made.row);
    done_[pair.line] = made.done;
    const auto sum = undo ? rest : rest->plus(amount);
    if (!sum) return tl::unexpected(sum.error());
    counted = *sum;
    if (effect_.mark) mark(row);
    return {};
  }

  // Names the acting bill on the line, or nobody.
  void mark(Row& row) const {
    const bool undo = purpose_ == Purpose::undo;
    const auto set = [&](const std::string& name, Value value) {
      const catalog::Column* const column = table_.find(name);
      if (column == nullptr) return;
      if (undo)
        value = column->nullable                          ? Value()
                : column->kind == catalog::ColumnKind::id ? Value(std::int64_t{0})
                                                          : document::nothing_of(*column);
      row.set(name, std::move(value));
    };
    set(effect_.mark->id, acting_.id);
    set(effect_.mark->no, acting_.no());
    set(effect_.mark->biz_type, Decimal::of(acting_.type->code));
  }

  // How much is done of each line of the bill, also of those that this bill does not count on.
  Result<std::vector<Done>> done_of_lines(const BillImage& image) {
    std::vector<Done> made;
    const auto add = [&](std::int64_t line, const Row& row) -> Result<void> {
      if (const auto known = done_.find(line); known != done_.end()) {
        made.push_back(known->second);
        return {};
      }
      const Row nothing;
      const auto outcome = document::count(effect_, {nothing, document::Direction::apply, false}, row, table_,
                                           {Decimal(), counted_[line]});
      if (!outcome) return tl::unexpected(outcome.error());
      made.push_back(std::get<document::Counted>(*outcome).done);
      return {};
    };
    if (!effect_.to_part) {
      if (auto added = add(0, image.master); !added) return tl::unexpected(std::move(added.error()));
      return made;
    }
    for (const ImageLine& line : image.parts[*effect_.to_part]) {
      if (auto added = add(line.id, line.row); !added) return tl::unexpected(std::move(added.error()));
    }
    return made;
  }

  // The master of the bill that is counted on: totals, flags, states.
  Result<void> finish(BillImage& image) {
    const catalog::Table& master = content_.tables[to_.table];
    for (const catalog::Copy& total : effect_.totals) {
      const catalog::Column& column = *master.find(total.to);
      Result<Decimal> sum = Decimal::of(0, column.scale);
      for (const ImageLine& line : image.parts[*effect_.to_part]) {
        if (sum) sum = sum->plus(line.row.number(total.from));
      }
      auto value = sum ? document::fitted(*sum, column) : Result<Value>(tl::unexpected(sum.error()));
      if (!value) return tl::unexpected(std::move(value.error()));
      image.master.set(total.to, *std::move(value));
    }
    const auto lines = done_of_lines(image);
    if (!lines) return tl::unexpected(lines.error());
    const Done whole = document::done_of(*lines);
    for (const Effect::Flag& flag : effect_.bill_flags) {
      const bool on = std::all_of(lines->begin(), lines->end(), [&](Done done) { return shows(flag.on, done); });
      image.master.set(flag.column, std::int64_t{on ? 1 : 0});
    }
    for (const catalog::StateByDone& close : effect_.close) {
      if (auto moved = move(close, document::state_for(close, whole), image); !moved) return moved;
    }
    return {};
  }

  static bool shows(Effect::Share share, Done done) {
    switch (share) {
      case Effect::Share::none: return done == Done::none;
      case Effect::Share::some: return done != Done::none;
      case Effect::Share::all: return done == Done::all;
    }
    return false;
  }

  // An effect moves what is approved, and opens only what it closed itself.
  Result<void> move(const catalog::StateByDone& close, int wanted, BillImage& image) const {
    const catalog::StatusModel& model = content_.models[close.model];
    const int now = static_cast<int>(image.master.number(model.name).units());
    if (now == wanted) return {};
    const bool lifecycle = to_.lifecycle == close.model;
    if (lifecycle && (!model.is_approved(now) || (model.closes(now) && image.closed_by != effect_.name))) return {};
    if (!model.allows(now, wanted)) {
      return fail(Code::invalid,
                  model.name + " of " + image.no() + " does not go from " + std::to_string(now) + " to " +
                      std::to_string(wanted) + ".",
                  "bill");
    }
    image.master.set(model.name, Decimal::of(wanted));
    if (lifecycle) image.closed_by = model.closes(wanted) ? effect_.name : std::string();
    return {};
  }

  const Catalog& catalog_;
  const catalog::Content& content_;
  const Effect& effect_;
  const BillImage& acting_;
  Ledger& ledger_;
  Purpose purpose_;
  const catalog::Type& to_;
  const catalog::Table& table_;
  Sums reserved_, counted_;
  std::map<std::int64_t, Done> done_;
};

// The bill that is counted on, in its newest form.
Outcome<BillImage*> image_in(const Catalog& catalog, const BillKey& key, Ledger& ledger, Images& images) {
  const auto at = images.find(key);
  if (at != images.end()) return &at->second;
  const auto found = ledger.bill(*catalog.find_type(key.type), key.id, Need::lock);
  if (!found) return refuse(found.error());
  if (*found == nullptr) return refuse(Code::invalid, "A bill that it comes from is not there any more.", "bill");
  return &images.emplace(key, **found).first->second;
}

// More is taken of these lines than is left: tells who has the rest.
tl::unexpected<Refusal> not_enough(const Catalog& catalog, Ledger& ledger, const BillKey& self,
                                   std::vector<Shortage> shortages) {
  Refusal refusal;
  refusal.error = {Code::invalid, "Less is left of a line than this bill takes: see each.", "lines"};
  for (Shortage& shortage : shortages) {
    for (const Effect& effect : catalog.content().effects) {
      if (effect.name != shortage.effect) continue;
      auto found = ledger.reservers(effect, shortage.bill.id);
      if (!found) return refuse(std::move(found.error()));
      for (Reserver& each : (*found)[shortage.line]) {
        if (each.type != self.type || each.id != self.id) shortage.reservers.push_back(std::move(each));
      }
    }
  }
  refusal.shortages = std::move(shortages);
  return tl::unexpected<Refusal>(std::move(refusal));
}

using Amounts = std::map<std::pair<BillKey, std::int64_t>, Decimal>;

// How much is taken of each line.
Result<Amounts> amounts_of(const Effect& effect, const Pairs& pairs) {
  Amounts made;
  for (const auto& [key, list] : pairs) {
    for (const Pair& pair : list) {
      Decimal& sum = made[{key, pair.line}];
      const auto more = sum.plus(pair.acting->number(effect.quantity).size());
      if (!more) return tl::unexpected(more.error());
      sum = *more;
    }
  }
  return made;
}

// Leaves out lines of which no more is taken than before.
Result<void> leave_out(const Catalog& catalog, const Effect& effect, const Pairs& now, const Counter& before,
                       Ledger& ledger, std::vector<Shortage>& shortages) {
  const auto old = Counting(catalog, effect, before.bill, ledger, Purpose::check).pairs(before.links);
  if (!old) return tl::unexpected(old.error().error);
  const auto was = amounts_of(effect, *old), is = amounts_of(effect, now);
  if (!was) return tl::unexpected(was.error());
  if (!is) return tl::unexpected(is.error());
  std::erase_if(shortages, [&](const Shortage& shortage) {
    const auto at = was->find({shortage.bill, shortage.line});
    return shortage.effect == effect.name && at != was->end() && is->at({shortage.bill, shortage.line}) <= at->second;
  });
  return {};
}

}  // namespace

Outcome<void> check_left(const Catalog& catalog, const Counter& counter, const Counter* before, Ledger& ledger) {
  Images scratch;
  std::vector<Shortage> shortages;
  const Index type = catalog.index_of(*counter.bill.type);
  for (const Effect& effect : catalog.content().effects) {
    if (effect.from != type || effect.limit.empty() || !effect.spread.empty()) continue;
    Counting counting(catalog, effect, counter.bill, ledger, Purpose::check);
    const auto pairs = counting.pairs(counter.links);
    if (!pairs) return tl::unexpected(pairs.error());
    for (const auto& [key, list] : *pairs) {
      const auto image = image_in(catalog, key, ledger, scratch);
      if (!image) return tl::unexpected(image.error());
      if (auto counted = counting.count_on(**image, list, shortages); !counted) return counted;
    }
    if (before == nullptr || shortages.empty()) continue;
    if (auto left = leave_out(catalog, effect, *pairs, *before, ledger, shortages); !left)
      return refuse(std::move(left.error()));
  }
  if (shortages.empty()) return {};
  return not_enough(catalog, ledger, counter.bill.key(), std::move(shortages));
}

Outcome<void> count_all(const Catalog& catalog, const Counter& counter, const catalog::Action& action, Ledger& ledger,
                        Images& changed) {
  const Index type = catalog.index_of(*counter.bill.type), doing = catalog.index_of(action);
  std::vector<Shortage> shortages;
  for (const Effect& effect : catalog.content().effects) {
    if (effect.from != type) continue;
    const bool undoes = std::find(effect.undo.begin(), effect.undo.end(), doing) != effect.undo.end();
    if (effect.on != doing && !undoes) continue;
    // What takes back an approval has nothing to take back of a bill that was not approved.
    const bool by_approval = catalog.content().actions[effect.on].kind == catalog::ActionKind::move;
    if (undoes && by_approval && !is_approved(catalog, counter.bill)) continue;
    Counting counting(catalog, effect, counter.bill, ledger, undoes ? Purpose::undo : Purpose::apply);
    const auto pairs = counting.pairs(counter.links);
    if (!pairs) return tl::unexpected(pairs.error());
    for (const auto& [key, list] : *pairs) {
      const auto image = image_in(catalog, key, ledger, changed);
      if (!image) return tl::unexpected(image.error());
      if (auto counted = counting.count_on(**image, list, shortages); !counted) return counted;
    }
  }
  if (shortages.empty()) return {};
  return not_enough(catalog, ledger, counter.bill.key(), std::move(shortages));
}

Outcome<void> check_given(const Catalog& catalog, const BillImage& bill, Ledger& ledger) {
  const Index type = catalog.index_of(*bill.type);
  const catalog::Content& content = catalog.content();
  std::vector<Shortage> shortages;
  for (const Effect& effect : content.effects) {
    if (effect.to != type || effect.limit.empty() || !has_quantity(content, effect)) continue;
    const auto sums = ledger.taken(effect, bill.id, Taking::reserving, 0);
    if (!sums) return refuse(sums.error());
    const catalog::Table& table = table_of(content, *bill.type, effect.to_part);
    for (const auto& [line, sum] : *sums) {
      const ImageLine* const found = effect.to_part ? find_line(bill.parts[*effect.to_part], line) : nullptr;
      if (effect.to_part && found == nullptr)
        return refuse(Code::invalid, "Other bills come from a line that would go: delete them first.", "lines");
      const Row& row = found != nullptr ? found->row : bill.master;
      const auto ordered = sum_of(row, effect.limit);
      const Row nothing;
      const Decimal reserved = ordered && ordered->sign() < 0 ? sum.negated() : sum;
      const auto outcome =
          document::count(effect, {nothing, document::Direction::apply, true}, row, table, {reserved, Decimal()});
      if (!outcome) return refuse(outcome.error());
      if (const auto* over = std::get_if<document::OverLimit>(&*outcome)) {
        shortages.push_back(
            {effect.name, bill.key(), name_of(*bill.type, effect.to_part), line, over->left, over->asked, {}});
      }
    }
  }
  if (shortages.empty()) return {};
  return not_enough(catalog, ledger, bill.key(), std::move(shortages));
}

}  // namespace hf::documents
