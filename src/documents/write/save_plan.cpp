#include "documents/write/save_plan.h"

#include <algorithm>

#include "documents/write/column_rules.h"
#include "model/plain_text.h"

namespace hf::documents {
namespace {

using catalog::Column;
using catalog::ColumnKind;
using catalog::Index;
using document::Row;
using document::Value;

enum class Age : std::uint8_t { fresh, old };  // of a row: made by this save, or there before

std::size_t characters_of(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count) static_cast<void>(take_character(text));
  return count;
}

std::string_view why_not(Keeper keeper) {
  switch (keeper) {
    case Keeper::everybody: break;
    case Keeper::key: return "The store draws it: leave it out.";
    case Keeper::number: return "The number is drawn once, when the bill is made: leave it out.";
    case Keeper::state: return "Actions move it: leave it out.";
    case Keeper::link: return "It names the bill that this one comes from, and is said when the line is made.";
    case Keeper::done: return "Other bills count here: leave it out.";
    case Keeper::total: return "It is the sum of the lines: leave it out.";
    case Keeper::stamp: return "The store writes it: leave it out.";
  }
  return {};
}

// Where a field stands, for whoever is told that it is wrong.
struct Place {
  std::optional<Index> part;
  std::optional<std::size_t> line;
  Age age = Age::old;
};

class Saving {
 public:
  Saving(const Catalog& catalog, const catalog::Type& type, const Writing& writing)
      : catalog_(catalog),
        content_(catalog.content()),
        type_(type),
        writing_(writing),
        rules_(rules_of(catalog, type)) {}

  Outcome<BillImage> make(BillImage bill, const SaidBill& said, Age age) {
    const Place master{std::nullopt, std::nullopt, age};
    say(said.fields, master, bill.master);
    if (age == Age::fresh) fill(master, bill.master);
    for (const SaidPart& part : said.parts) say_part(part, bill);
    std::size_t lines = 0;
    for (const auto& part : bill.parts) lines += part.size();
    if (lines > lines_per_bill_max)
      add_fault({{}, {}, {}, "A bill has at most " + std::to_string(lines_per_bill_max) + " lines."});
    if (!faults_.empty()) return refused();
    if (auto added = add_totals(catalog_, bill); !added) return refuse(std::move(added.error()));
    return bill;
  }

 private:
  const catalog::Table& table(const Place& place) const {
    return content_.tables[place.part ? type_.parts[*place.part].table : type_.table];
  }

  void say(const std::vector<SaidField>& fields, const Place& place, Row& row) {
    for (auto at = fields.begin(); at != fields.end(); ++at) {
      const auto same = [&](const SaidField& other) { return other.column == at->column; };
      const Column* const column = table(place).find(at->column);
      if (column == nullptr) {
        wrong(at->column, place, "Bills of " + type_.name + " have no such column.");
      } else if (std::any_of(fields.begin(), at, same)) {
        wrong(at->column, place, "It is said twice.");
      } else {
        say(*column, at->text, place, row);
      }
    }
  }

  void say(const Column& column, const std::optional<std::string>& text, const Place& place, Row& row) {
    const Keeper keeper = rules_.keeper(place.part, column.name);
    const auto value = value_said(column, text, place.part);
    if (!value) {
      wrong(column.name, place, value.error().detail);
    } else if (is_free(keeper, place.age)) {
      row.set(column.name, *value);
    } else if (row.at(column.name) != *value) {
      wrong(column.name, place, std::string(why_not(keeper)));
    }
  }

  bool is_free(Keeper keeper, Age age) const {
    switch (keeper) {
      case Keeper::everybody: return true;
      case Keeper::link: return age == Age::fresh;
      case Keeper::number: return age == Age::fresh && type_.prefix.empty();
      case Keeper::key:
      case Keeper::state:
      case Keeper::done:
      case Keeper::total:
      case Keeper::stamp: break;
    }
    return false;
  }

  Result<Value> value_said(const Column& column, const std::optional<std::string>& text,
                           std::optional<Index> part) const {
    if (column.kind == ColumnKind::bytes) return fail(Code::invalid, "Pictures and files are not saved with a bill.");
    if (!text) {
      if (!column.nullable) return fail(Code::invalid, "It must have a value.");
      return Value();
    }
    const auto cell = cell_said(column, *text);
    if (!cell) return tl::unexpected(cell.error());
    if (column.kind == ColumnKind::text && column.length > 0 && characters_of(*text) > column.length)
      return fail(Code::invalid, "It has at most " + std::to_string(column.length) + " characters.");
    if (column.name == type_.no && !part && !is_plain_line(*text))
      return fail(Code::invalid, "It is one line without control characters.");
    auto value = value_of(column, *cell);
    if (!value) return value;
    if (const catalog::StatusModel* const model = part ? nullptr : model_of(column.name)) {
      const auto* const number = std::get_if<Decimal>(&*value);
      if (number != nullptr && model->find(static_cast<int>(number->units())) == nullptr)
        return fail(Code::invalid, *text + " is no value of " + column.name + ".");
    }
    return document::fitted(*value, column);
  }

  const catalog::StatusModel* model_of(std::string_view column) const {
    for (const Index model : type_.status) {
      if (content_.models[model].name == column) return &content_.models[model];
    }
    return nullptr;
  }

  // What was not said of a new row: nothing, where the column's kind has a nothing.
  void fill(const Place& place, Row& row) {
    for (const Column& column : table(place).columns) {
      if (column.nullable || column.kind == ColumnKind::bytes || !row.is_null(column.name)) continue;
      const catalog::StatusModel* const model = place.part ? nullptr : model_of(column.name);
      if (model != nullptr && !model->values.empty()) {
        row.set(column.name, Decimal::of(model->values.front().value));
      } else if (column.kind == ColumnKind::id || catalog::is_moment(column.kind)) {
        if (!is_faulty(column.name, place)) wrong(column.name, place, "It must have a value.");
      } else {
        row.set(column.name, document::nothing_of(column));
      }
    }
  }

  void say_part(const SaidPart& said, BillImage& bill) {
    const catalog::Part* const part = type_.find_part(said.part);
    if (part == nullptr) return add_fault({{}, said.part, {}, "Bills of " + type_.name + " have no such part."});
    const auto index = static_cast<Index>(part - type_.parts.data());
    if (std::find(said_.begin(), said_.end(), index) != said_.end())
      return add_fault({{}, said.part, {}, "It is said twice."});
    said_.push_back(index);
    const std::vector<ImageLine> before = std::move(bill.parts[index]);
    std::vector<ImageLine> lines;
    for (std::size_t i = 0; i < said.lines.size(); ++i) {
      Place place{index, i, said.lines[i].id ? Age::old : Age::fresh};
      if (auto line = line_of(said.lines[i], before, lines, place, bill.id)) {
        say(said.lines[i].fields, place, line->row);
        if (place.age == Age::fresh) fill(place, line->row);
        lines.push_back(*std::move(line));
      }
    }
    std::sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    bill.parts[index] = std::move(lines);
  }

  std::optional<ImageLine> line_of(const SaidLine& said, const std::vector<ImageLine>& before,
                                   const std::vector<ImageLine>& lines, const Place& place, std::int64_t bill) {
    const catalog::Part& part = type_.parts[*place.part];
    if (!said.id) {
      ImageLine made{writing_.next_id(), {}};
      made.row.set(part.key, made.id);
      made.row.set(part.parent, bill);
      return made;
    }
    const ImageLine* const found = find_line(before, *said.id);
    if (found == nullptr) wrong({}, place, "The bill has no such line.");
    if (found == nullptr) return std::nullopt;
    if (find_line(lines, *said.id) != nullptr) {
      wrong({}, place, "It is said twice.");
      return std::nullopt;
    }
    return *found;
  }

  void wrong(const std::string& column, const Place& place, std::string detail) {
    add_fault({column, place.part ? type_.parts[*place.part].name : std::string(), place.line, std::move(detail)});
  }
  bool is_faulty(std::string_view column, const Place& place) const {
    const std::string part = place.part ? type_.parts[*place.part].name : std::string();
    return std::any_of(faults_.begin(), faults_.end(), [&](const FieldFault& fault) {
      return fault.field == column && fault.part == part && fault.line == place.line;
    });
  }
  void add_fault(FieldFault fault) {
    if (faults_.size() < faults_told_max) faults_.push_back(std::move(fault));
  }

  tl::unexpected<Refusal> refused() {
    Refusal refusal;
    const FieldFault& first = faults_.front();
    refusal.error = {Code::invalid, first.detail, first.field.empty() ? first.part : first.field};
    if (faults_.size() > 1) refusal.error.detail = std::to_string(faults_.size()) + " fields are wrong: see each.";
    refusal.fields = std::move(faults_);
    return tl::unexpected<Refusal>(std::move(refusal));
  }

  const Catalog& catalog_;
  const catalog::Content& content_;
  const catalog::Type& type_;
  const Writing& writing_;
  const ColumnRules rules_;
  std::vector<Index> said_;  // parts
  std::vector<FieldFault> faults_;
};

// What the store itself writes into a new bill.
void begin(const Catalog& catalog, const Writing& writing, BillImage& bill) {
  const catalog::Type& type = *bill.type;
  const catalog::Table& table = catalog.content().tables[type.table];
  bill.master.set(type.key, bill.id);
  if (!writing.number.empty() && type.no != type.key) bill.master.set(type.no, writing.number);
  if (type.only) bill.master.set(type.only->column, Decimal::of(type.only->value));
  if (!type.deleted.empty()) bill.master.set(type.deleted, std::int64_t{0});
  for (const Index index : type.status) {
    const catalog::StatusModel& model = catalog.content().models[index];
    if (model.kind != catalog::StatusKind::business) bill.master.set(model.name, Decimal::of(model.initial));
  }
  const Value employee = writing.employee ? Value(*writing.employee) : Value();
  stamp(table, stamps::created_at, to_us(writing.now), bill.master);
  stamp(table, stamps::created_by, employee, bill.master);
  if (!type.creator.empty()) stamp(table, type.creator, employee, bill.master);
}

Result<Decimal> total_of(const TotalRule& rule, const BillImage& bill, int scale) {
  Result<Decimal> sum = Decimal::of(0, scale);
  for (const Index part : rule.parts) {
    for (const ImageLine& line : bill.parts[part]) {
      if (rule.factors.empty()) break;
      std::vector<Decimal> factors;
      for (const std::string& column : rule.factors) factors.push_back(line.row.number(column));
      const auto product = Decimal::product(factors, scale, Rounding::half_away);
      sum = product ? sum->plus(*product) : product;
      if (!sum) return sum;
    }
  }
  for (const std::string& column : rule.plus) {
    sum = sum->plus(bill.master.number(column));
    if (!sum) return sum;
  }
  return sum;
}

}  // namespace

BillImage fresh_bill(const Catalog& catalog, const catalog::Type& type, const Writing& writing) {
  BillImage bill;
  bill.type = &type;
  bill.id = writing.next_id();
  bill.creator = writing.person;
  bill.handler = writing.person;
  bill.parts.resize(type.parts.size());
  begin(catalog, writing, bill);
  return bill;
}

Outcome<BillImage> created(const Catalog& catalog, const catalog::Type& type, const SaidBill& said,
                           const Writing& writing) {
  return Saving(catalog, type, writing).make(fresh_bill(catalog, type, writing), said, Age::fresh);
}

Outcome<BillImage> saved(const Catalog& catalog, const BillImage& before, const SaidBill& said,
                         const Writing& writing) {
  BillImage bill = before;
  const catalog::Table& table = catalog.content().tables[before.type->table];
  auto made = Saving(catalog, *before.type, writing).make(std::move(bill), said, Age::old);
  if (!made) return made;
  stamp(table, stamps::modified_at, to_us(writing.now), made->master);
  stamp(table, stamps::modified_by, writing.employee ? Value(*writing.employee) : Value(), made->master);
  return made;
}

Result<void> add_totals(const Catalog& catalog, BillImage& bill) {
  const catalog::Table& table = catalog.content().tables[bill.type->table];
  for (const TotalRule& rule : rules_of(catalog, *bill.type).totals) {
    const Column& column = *table.find(rule.column);
    const auto sum = total_of(rule, bill, column.scale);
    if (!sum) return fail(sum.error().code, sum.error().detail, column.name);
    auto value = document::fitted(*sum, column);
    if (!value) return tl::unexpected(std::move(value.error()));
    bill.master.set(column.name, *std::move(value));
  }
  return {};
}

void stamp(const catalog::Table& table, std::string_view column, Value value, Row& row) {
  const Column* const found = table.find(column);
  if (found == nullptr) return;
  if (value.index() == 0 && !found->nullable) {
    if (catalog::is_moment(found->kind) || found->kind == ColumnKind::bytes) return;
    value = found->kind == ColumnKind::id ? Value(std::int64_t{0}) : document::nothing_of(*found);
  }
  row.set(column, std::move(value));
}

}  // namespace hf::documents
