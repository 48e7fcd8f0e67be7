// The links that a bill's columns name.
#include <algorithm>

#include "documents/write/counting_plan.h"

namespace hf::documents {
namespace {

using catalog::Effect;
using catalog::Index;
using document::Row;

// A bill on the way, and the line of it that was named; 0: none was.
struct At {
  const BillImage* bill = nullptr;
  std::int64_t line = 0;
  bool is_missing = false;  // the columns of the bill name one that is not there
};

class Linking {
 public:
  Linking(const Catalog& catalog, const BillImage& bill, Ledger& ledger)
      : content_(catalog.content()), index_(catalog.index_of(*bill.type)), bill_(bill), ledger_(ledger) {}

  Result<Links> link() {
    for (const Effect& effect : content_.effects) {
      if (effect.from != index_ || !effect.spread.empty()) continue;
      taken_.clear();
      if (!effect.from_part) {
        if (auto added = add(effect, {}, bill_.master); !added) return tl::unexpected(std::move(added.error()));
        continue;
      }
      const std::vector<ImageLine>& lines = bill_.parts[*effect.from_part];
      for (std::size_t i = 0; i < lines.size(); ++i) {
        if (auto added = add(effect, i, lines[i].row); !added) return tl::unexpected(std::move(added.error()));
      }
    }
    std::vector<LinkRow>& rows = made_.rows;
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    return std::move(made_);
  }

 private:
  // `index`: of the acting line; none: the master acts.
  Result<void> add(const Effect& effect, std::optional<std::size_t> index, const Row& row) {
    const auto at = follow(effect, row);
    if (!at) return tl::unexpected(at.error());
    if (at->is_missing && acts(effect, row)) miss(effect, index);
    if (at->bill == nullptr) return {};
    std::int64_t line = 0;
    if (effect.to_part) {
      line = line_of(effect, *at, row);
      if (line == 0) return {};
      taken_.push_back(line);
    }
    const std::string from = effect.from_part ? bill_.type->parts[*effect.from_part].name : std::string();
    const std::string to = effect.to_part ? at->bill->type->parts[*effect.to_part].name : std::string();
    const std::int64_t id = index ? bill_.parts[*effect.from_part][*index].id : 0;
    made_.rows.push_back({from, id, at->bill->key(), to, line, {}});
    return {};
  }

  bool acts(const Effect& effect, const Row& row) const {
    const catalog::Table& master = content_.tables[bill_.type->table];
    const catalog::Table& own = effect.from_part ? content_.tables[bill_.type->parts[*effect.from_part].table] : master;
    return effect.when.evaluate(document::RowFields(bill_.master, master)) &&
           effect.line_when.evaluate(document::RowFields(row, own));
  }

  void miss(const Effect& effect, std::optional<std::size_t> index) {
    FieldFault fault{effect.link, {}, {}, "There is no such bill that you may see."};
    if (effect.link_in_part && index) {
      fault.part = bill_.type->parts[*effect.from_part].name;
      fault.line = index;
    }
    if (std::find(made_.missing.begin(), made_.missing.end(), fault) == made_.missing.end())
      made_.missing.push_back(std::move(fault));
  }

  // The bill that the row leads to by the effect's way.
  Result<At> follow(const Effect& effect, const Row& row) {
    const Row& names = effect.link_in_part ? row : bill_.master;
    At at{nullptr, effect.line.empty() ? 0 : row.id(effect.line), false};
    std::int64_t id = names.id(effect.link);
    const std::string* biz_type = &effect.biz_type;
    const Row* said = &names;
    for (std::size_t step = 0; step <= effect.via.size(); ++step) {
      const bool last = step == effect.via.size();
      const catalog::Type& type = content_.types[last ? effect.to : effect.via[step].type];
      if (id == 0 || (!biz_type->empty() && said->number(*biz_type) != Decimal::of(type.code))) return At{};
      const auto bill = ledger_.bill(type, id, last ? Need::lock : Need::look);
      if (!bill) return tl::unexpected(bill.error());
      if (*bill == nullptr) return At{nullptr, 0, step == 0};
      if (last) return At{*bill, at.line, false};
      const Effect::Step& way = effect.via[step];
      const ImageLine* const line = way.part ? find_line((*bill)->parts[*way.part], at.line) : nullptr;
      const bool in_master = content_.tables[type.table].find(way.link) != nullptr;
      if (!in_master && line == nullptr) return At{};
      said = in_master ? &(*bill)->master : &line->row;
      biz_type = &way.biz_type;
      id = said->id(way.link);
      at.line = line != nullptr && !way.line.empty() ? line->row.id(way.line) : 0;
    }
    return At{};
  }

  // The line that was named, or else one that is alike: one that no line of this bill has yet, if there is one.
  std::int64_t line_of(const Effect& effect, const At& at, const Row& row) const {
    const std::vector<ImageLine>& lines = at.bill->parts[*effect.to_part];
    if (at.line != 0 && find_line(lines, at.line) != nullptr) return at.line;
    if (at.line != 0 || effect.match.empty()) return 0;
    std::int64_t found = 0;
    for (const ImageLine& line : lines) {
      const bool alike = std::all_of(effect.match.begin(), effect.match.end(), [&](const catalog::Copy& copy) {
        return line.row.at(copy.to) == row.at(copy.from);
      });
      if (!alike) continue;
      if (std::find(taken_.begin(), taken_.end(), line.id) == taken_.end()) return line.id;
      if (found == 0) found = line.id;
    }
    return found;
  }

  const catalog::Content& content_;
  Index index_;
  const BillImage& bill_;
  Ledger& ledger_;
  std::vector<std::int64_t> taken_;
  Links made_;
};

}  // namespace

std::vector<LinkRow> kept(std::vector<LinkRow> links, std::span<const LinkRow> before) {
  for (LinkRow& link : links) {
    for (const LinkRow& old : before) {
      LinkRow alike = old;
      alike.conversion = link.conversion;
      if (alike == link) link.conversion = old.conversion;
    }
  }
  return links;
}

Outcome<Links> links_of(const Catalog& catalog, const BillImage& bill, Ledger& ledger) {
  auto made = Linking(catalog, bill, ledger).link();
  if (!made) return refuse(std::move(made.error()));
  return *std::move(made);
}

}  // namespace hf::documents
