#include "documents/write/column_rules.h"

#include <algorithm>
#include <array>

namespace hf::documents {
namespace {

using catalog::Effect;
using catalog::Index;
using catalog::Making;

constexpr std::array<std::string_view, 9> stamped = {stamps::created_at,  stamps::created_by,  stamps::modified_at,
                                                     stamps::modified_by, stamps::opinion,     stamps::verdict,
                                                     stamps::approver,    stamps::approved_at, stamps::closing_opinion};

class Ruling {
 public:
  Ruling(const Catalog& catalog, const catalog::Type& type)
      : content_(catalog.content()), type_(type), index_(catalog.index_of(type)) {
    made_.parts.resize(type.parts.size());
  }

  ColumnRules rule() {
    for (const std::string_view stamp : stamped) keep(std::nullopt, std::string(stamp), Keeper::stamp);
    keep(std::nullopt, type_.creator, Keeper::stamp);
    for (const Effect& effect : content_.effects) {
      if (effect.to == index_) keep_counted(effect);
      if (effect.from == index_) keep_links(effect);
    }
    for (const catalog::Conversion& conversion : content_.conversions) keep_made(conversion);
    for (const catalog::Creation& creation : content_.creations) keep_made(creation);
    add_own_totals();
    for (const TotalRule& total : made_.totals) keep(std::nullopt, total.column, Keeper::total);
    for (const Index model : type_.status) {
      if (content_.models[model].kind != catalog::StatusKind::business)
        keep(std::nullopt, content_.models[model].name, Keeper::state);
    }
    keep(std::nullopt, type_.key, Keeper::key);
    if (type_.no != type_.key) keep(std::nullopt, type_.no, Keeper::number);
    if (type_.only) keep(std::nullopt, type_.only->column, Keeper::key);
    keep(std::nullopt, type_.deleted, Keeper::state);
    for (Index part = 0; part < type_.parts.size(); ++part) {
      keep(part, type_.parts[part].key, Keeper::key);
      keep(part, type_.parts[part].parent, Keeper::key);
    }
    return std::move(made_);
  }

 private:
  // The last rule that names a column has it.
  void keep(std::optional<Index> part, const std::string& column, Keeper keeper) {
    if (column.empty()) return;
    const catalog::Table& table = content_.tables[part ? type_.parts[*part].table : type_.table];
    if (table.find(column) == nullptr) return;
    (part ? made_.parts[*part] : made_.master).insert_or_assign(column, keeper);
  }

  void keep_counted(const Effect& effect) {
    for (const Effect::Add& add : effect.add) keep(effect.to_part, add.column, Keeper::done);
    keep(effect.to_part, effect.over, Keeper::done);
    for (const Effect::Flag& flag : effect.flags) keep(effect.to_part, flag.column, Keeper::done);
    for (const Effect::Flag& flag : effect.bill_flags) keep(std::nullopt, flag.column, Keeper::done);
    if (effect.mark) {
      for (const std::string& column : {effect.mark->id, effect.mark->no, effect.mark->biz_type})
        keep(effect.to_part, column, Keeper::done);
    }
    for (const catalog::Copy& total : effect.totals) keep(std::nullopt, total.to, Keeper::done);
    for (const catalog::StateByDone& close : effect.close)
      keep(std::nullopt, content_.models[close.model].name, Keeper::state);
  }

  void keep_links(const Effect& effect) {
    const std::optional<Index> part = effect.link_in_part ? effect.from_part : std::nullopt;
    keep(part, effect.link, Keeper::link);
    keep(part, effect.biz_type, Keeper::link);
    keep(effect.from_part, effect.line, Keeper::link);
  }

  void keep_made(const Making& making) {
    if (std::none_of(making.routes.begin(), making.routes.end(), [&](const auto& each) { return each.to == index_; }))
      return;
    if (making.link) {
      for (const std::string& column : {making.link->id, making.link->no, making.link->biz_type})
        keep(making.link->part, column, Keeper::link);
    }
    TotalRule rule;
    for (const catalog::LineRule& line : making.lines) {
      if (line.to) keep(*line.to, line.line_link, Keeper::link);
      if (line.to && std::find(rule.parts.begin(), rule.parts.end(), *line.to) == rule.parts.end())
        rule.parts.push_back(*line.to);
    }
    for (const catalog::Total& total : making.totals) {
      rule.column = total.column;
      rule.factors = total.factors;
      rule.plus = total.plus;
      if (!has_total(total.column)) made_.totals.push_back(rule);
    }
    const auto fills = [&](const std::vector<catalog::Copy>& copies) {
      return std::any_of(copies.begin(), copies.end(), [&](const auto& copy) { return copy.to == type_.amount; });
    };
    amount_is_made_ = amount_is_made_ || fills(making.filling.copies) || fills(making.filling.shares);
  }

  bool has_total(std::string_view column) const {
    return std::any_of(made_.totals.begin(), made_.totals.end(),
                       [column](const TotalRule& rule) { return rule.column == column; });
  }

  // The type's own quantity and amount are sums of its first part, unless a conversion says otherwise: one that fills
  // the amount from its source may have what stands on no line, such as freight.
  void add_own_totals() {
    if (type_.parts.empty()) return;
    const catalog::Part& part = type_.parts.front();
    const auto add = [&](const std::string& total, const std::string& column) {
      if (total.empty() || column.empty() || has_total(total)) return;
      made_.totals.push_back({total, {0}, {column}, {}});
    };
    add(type_.quantity, part.quantity);
    if (!amount_is_made_) add(type_.amount, part.amount);
  }

  const catalog::Content& content_;
  const catalog::Type& type_;
  Index index_;
  ColumnRules made_;
  bool amount_is_made_ = false;
};

}  // namespace

Keeper ColumnRules::keeper(std::optional<Index> part, std::string_view column) const noexcept {
  const Keepers& keepers = part ? parts[*part] : master;
  const auto at = keepers.find(column);
  return at == keepers.end() ? Keeper::everybody : at->second;
}

ColumnRules rules_of(const Catalog& catalog, const catalog::Type& type) { return Ruling(catalog, type).rule(); }

}  // namespace hf::documents
