#include "documents/lookup_read.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/fingerprint.h"
#include "documents/bill_list.h"
#include "documents/condition_sql.h"
#include "documents/sql_text.h"

namespace hf::documents {
namespace {

using catalog::Column;

constexpr std::size_t filled_columns_max = 200;

// The bill that is filled, as conditions ask it.
class Filled : public FieldSource {
 public:
  Filled(const std::map<std::string, std::string>& row, std::vector<const catalog::Table*> tables)
      : row_(row), tables_(std::move(tables)) {}

  std::optional<FieldValue> field(std::string_view name) const override {
    const auto at = row_.find(std::string(name));
    if (at == row_.end()) return std::nullopt;
    for (const catalog::Table* table : tables_) {
      const Column* const column = table->find(name);
      if (column == nullptr) continue;
      if (!catalog::is_whole(column->kind)) return FieldValue(std::string_view(at->second));
      const auto cell = cell_said(*column, at->second);
      if (!cell) return std::nullopt;
      const auto* truth = std::get_if<bool>(&*cell);
      return FieldValue(truth != nullptr ? std::int64_t{*truth ? 1 : 0} : std::get<std::int64_t>(*cell));
    }
    return std::nullopt;
  }

 private:
  const std::map<std::string, std::string>& row_;
  std::vector<const catalog::Table*> tables_;
};

class Planning {
 public:
  Planning(const Catalog& catalog, Dialect dialect, const Audience& audience, const LookupQuestion& question,
           const catalog::Lookup& lookup)
      : catalog_(catalog),
        content_(catalog.content()),
        audience_(audience),
        question_(question),
        lookup_(lookup),
        table_(content_.tables[lookup.table]) {
    sql_.dialect = dialect;
    plan_.lookup = &lookup;
  }

  Result<LookupPlan> plan() {
    if (question_.limit == 0 || question_.limit > lookup_rows_max)
      return fail(Code::invalid, "It is 1 to " + std::to_string(lookup_rows_max) + ".", "limit");
    if (auto good = find_filled(); !good) return tl::unexpected(std::move(good.error()));
    plan_.limit = question_.ids.empty() ? question_.limit : lookup_ids_max;
    plan_.mark = mark();
    choose();
    auto good = question_.ids.empty() ? pick() : by_ids();
    if (!good) return tl::unexpected(std::move(good.error()));
    demand(scope());
    if (!question_.next.empty()) {
      const auto row = read_cursor(question_.next, plan_.mark, plan_.sort);
      if (!row) return tl::unexpected(row.error());
      auto after = rows_after(sql_, plan_.sort, *row);
      if (!after) return tl::unexpected(std::move(after.error()));
      demand(*after);
    }
    for (const Column* column : plan_.columns)
      sql_.add(sql_.made.text.empty() ? "SELECT " : ", ").add(selected(sql_.dialect, *column, "t"));
    sql_.add(" FROM " + quoted(table_.name) + " t WHERE 1 = 1" + conditions_ + " " +
             order_by(sql_.dialect, plan_.sort) + " LIMIT " + std::to_string(plan_.limit + 1));
    sql_.made.columns = plan_.columns.size();
    plan_.statement = std::move(sql_.made);
    return std::move(plan_);
  }

 private:
  void demand(const std::string& condition) { conditions_ += " AND " + condition; }

  std::uint64_t mark() const {
    std::string text;
    const auto add = [&](std::string_view piece) {
      text.append(std::to_string(piece.size())).append(":").append(piece);
    };
    for (const std::string& piece : {question_.table, question_.code, question_.text, question_.type, question_.part,
                                     question_.column, std::to_string(audience_.key())})
      add(piece);
    for (const std::string& said : question_.filled) add(said);
    return fingerprint(text);
  }

  // The tables of the bill and of the line that something is picked for.
  Result<void> find_filled() {
    if (question_.filled.size() > filled_columns_max)
      return fail(Code::too_large, "At most " + std::to_string(filled_columns_max) + " columns.", "filled");
    for (const std::string& said : question_.filled) {
      const std::size_t end = said.find('=');
      if (end == std::string::npos) return fail(Code::invalid, "Write Column=value.", "filled");
      row_.insert_or_assign(said.substr(0, end), said.substr(end + 1));
    }
    if (question_.type.empty()) {
      if (question_.part.empty() && question_.column.empty()) return {};
      return fail(Code::invalid, "Say the type of the bill that it is picked for.", "type");
    }
    const auto type = type_seen(catalog_, audience_, question_.type);
    if (!type) return tl::unexpected(type.error());
    type_ = *type;
    filled_ = {&content_.tables[type_->table]};
    if (!question_.part.empty()) {
      const catalog::Part* const part = type_->find_part(question_.part);
      if (part == nullptr) return fail(Code::invalid, "Bills of " + type_->name + " have no such part.", "part");
      filled_.insert(filled_.begin(), &content_.tables[part->table]);
    }
    const Column* const column = filled_.front()->find(question_.column);
    if (column == nullptr || column->kind != catalog::ColumnKind::id)
      return fail(Code::invalid, "Nothing is picked for such a column.", "column");
    return {};
  }

  void choose() {
    const auto add = [&](const std::string& name) {
      const Column* const column = name.empty() ? nullptr : table_.find(name);
      const auto& secret = lookup_.secret;
      if (column == nullptr || column->kind == catalog::ColumnKind::bytes ||
          std::find(secret.begin(), secret.end(), name) != secret.end() ||
          std::find(plan_.columns.begin(), plan_.columns.end(), column) != plan_.columns.end())
        return;
      plan_.columns.push_back(column);
    };
    const auto sort = [&](const std::string& name) {
      const Column* const column = name.empty() ? nullptr : table_.find(name);
      const auto& secret = lookup_.secret;
      if (column == nullptr || std::find(secret.begin(), secret.end(), name) != secret.end()) return;
      for (const SortKey& key : plan_.sort) {
        if (key.column == column) return;
      }
      plan_.sort.push_back({column, compared(sql_.dialect, *column, "t"), Order::up});
    };
    for (const std::string& name : lookup_.order) sort(name);
    sort(lookup_.text);
    sort(lookup_.key);
    for (const std::string& name :
         {lookup_.key, lookup_.code, lookup_.text, lookup_.enabled, lookup_.deleted, lookup_.parent})
      add(name);
    for (const std::string& name : lookup_.more) add(name);
    for (const std::string& name : lookup_.order) add(name);
  }

  Result<void> by_ids() {
    if (question_.ids.size() > lookup_ids_max)
      return fail(Code::too_large, "At most " + std::to_string(lookup_ids_max) + " ids.", "ids");
    std::string places;
    for (const std::string& id : question_.ids) {
      const auto whole = whole_of(id);
      if (!whole) return fail(Code::invalid, "An id is a whole number.", "ids");
      places += (places.empty() ? "" : ", ") + sql_.bind(*whole);
    }
    demand("t." + quoted(lookup_.key) + " IN (" + places + ")");
    return {};
  }

  Result<void> pick() {
    if (!lookup_.enabled.empty()) demand("(NOT " + unset(lookup_.enabled) + ")");
    if (!lookup_.deleted.empty()) demand(unset(lookup_.deleted));
    if (auto good = by_text(); !good) return good;
    return type_ == nullptr ? Result<void>() : by_picks();
  }

  std::string unset(const std::string& name) const { return is_unset(sql_.dialect, *table_.find(name), "t"); }

  Result<void> by_text() {
    for (const auto& [said, field] : {std::pair(&question_.code, "code"), std::pair(&question_.text, "text")}) {
      if (said->size() > filter_bytes_max)
        return fail(Code::too_large, "It has at most " + std::to_string(filter_bytes_max) + " bytes.", field);
      const auto kept = cell_said(Column{.name = field, .kind = catalog::ColumnKind::text}, *said);
      if (!kept) return tl::unexpected(kept.error());
    }
    const auto of_text = [&](const std::string& name) -> const Column* {
      const Column* const column = name.empty() ? nullptr : table_.find(name);
      return column != nullptr && column->kind == catalog::ColumnKind::text ? column : nullptr;
    };
    const Column* const code = of_text(lookup_.code);
    const Column* const text = of_text(lookup_.text);
    if (!question_.code.empty()) {
      if (code == nullptr) return fail(Code::invalid, lookup_.name + " has no code.", "code");
      demand(compared(sql_.dialect, *code, "t") + " = " + sql_.bind(question_.code));
    }
    if (question_.text.empty()) return {};
    if (code == nullptr && text == nullptr)
      return fail(Code::invalid, lookup_.name + " has neither code nor name.", "text");
    std::string any;
    for (const Column* column : {code, text}) {
      if (column != nullptr) any += (any.empty() ? "" : " OR ") + begins_sql(sql_, *column, "t", question_.text);
    }
    demand("(" + any + ")");
    return {};
  }

  // What the catalog lets be picked for the column: picks of its table, or else those of every other table.
  Result<void> by_picks() {
    const auto names = [&](const catalog::Pick& pick) {
      return std::any_of(pick.tables.begin(), pick.tables.end(),
                         [&](catalog::Index index) { return &content_.tables[index] == filled_.front(); });
    };
    const bool named = std::any_of(lookup_.picks.begin(), lookup_.picks.end(), names);
    const Filled filled(row_, filled_);
    for (const catalog::Pick& pick : lookup_.picks) {
      if (named ? !names(pick) : !pick.tables.empty()) continue;
      if (!pick.column.empty() && pick.column != question_.column) continue;
      if (!pick.bill.evaluate(filled)) continue;
      demand(condition_sql(sql_, table_, "t", pick.when));
      for (const auto& [theirs, ours] : pick.match) {
        const Column& column = *table_.find(theirs);
        const auto said = row_.find(ours);
        if (said == row_.end()) {  // nobody can say what fits yet
          demand("1 = 0");
          continue;
        }
        auto cell = cell_said(column, said->second);
        auto value = cell ? stored(sql_.dialect, column, *cell) : Result<database::Value>(tl::unexpected(cell.error()));
        if (!value) return fail(value.error().code, value.error().detail, "filled");
        demand(compared(sql_.dialect, column, "t") + " = " + sql_.bind(*std::move(value)));
      }
    }
    return {};
  }

  // ---- whose rows

  bool sees_all() const {
    if (type_ != nullptr) return audience_.scope_of(catalog_.index_of(*type_)) == catalog::Scope::all;
    return std::any_of(content_.types.begin(), content_.types.end(), [&](const catalog::Type& type) {
      return audience_.scope_of(catalog_.index_of(type)) == catalog::Scope::all;
    });
  }

  // Where the owners, or the departments, of bills lead.
  std::set<std::string> led_to(std::string catalog::Type::* member) const {
    std::set<std::string> tables;
    for (const catalog::Type& type : content_.types) {
      const Column* const column = content_.tables[type.table].find(type.*member);
      if (column != nullptr && !column->refers.empty()) tables.insert(column->refers);
    }
    return tables;
  }

  std::string scope() {
    if (lookup_.scope.empty() || sees_all()) return "1 = 1";
    const std::set<std::string> people = led_to(&catalog::Type::owner);
    const std::set<std::string> departments = led_to(&catalog::Type::department);
    std::string nobodys, his;
    const auto own = [&](const std::string& column, const std::string& said) {
      if (const auto id = whole_of(said)) his += " OR " + column + " = " + sql_.bind(*id);
    };
    for (const std::string& name : lookup_.scope) {
      const Column& column = *table_.find(name);
      const std::string value = compared(sql_.dialect, column, "t");
      if (people.contains(column.refers)) {
        own(value, audience_.employee());
      } else if (departments.contains(column.refers)) {
        for (const std::string& department : audience_.departments()) own(value, department);
      } else {
        continue;  // it makes a row nobody's
      }
      nobodys += (nobodys.empty() ? "((" : " AND ") + value + " IS NULL";
    }
    return nobodys.empty() ? "1 = 1" : nobodys + ")" + his + ")";
  }

  const Catalog& catalog_;
  const catalog::Content& content_;
  const Audience& audience_;
  const LookupQuestion& question_;
  const catalog::Lookup& lookup_;
  const catalog::Table& table_;
  const catalog::Type* type_ = nullptr;
  std::vector<const catalog::Table*> filled_;  // the line's table, if there is one, and the bill's
  std::map<std::string, std::string> row_;     // what is filled, by column
  SqlText sql_;
  std::string conditions_;
  LookupPlan plan_;
};

}  // namespace

Result<LookupPlan> plan_lookup(const Catalog& catalog, Dialect dialect, const Audience& audience,
                               const LookupQuestion& question) {
  const catalog::Lookup* const lookup = catalog.find_lookup(question.table);
  const auto& types = catalog.content().types;
  const bool sees_bills = std::any_of(types.begin(), types.end(), [&](const catalog::Type& type) {
    return audience.scope_of(catalog.index_of(type)).has_value();
  });
  if (lookup == nullptr || !sees_bills)
    return fail(Code::not_found, "There are no such base data that you may see.", "table");
  return Planning(catalog, dialect, audience, question, *lookup).plan();
}

Result<LookupPage> read_lookup(Dialect dialect, const LookupPlan& plan, const database::Rows& rows) {
  LookupPage page;
  std::vector<Cell> cells(plan.columns.size());
  const auto cell_of = [&](const Column* column) {
    const auto at = std::find(plan.columns.begin(), plan.columns.end(), column);
    return at == plan.columns.end() ? Cell() : cells[static_cast<std::size_t>(at - plan.columns.begin())];
  };
  for (const database::Row& row : rows) {
    if (page.rows.size() == plan.limit) {
      std::vector<Cell> last;
      for (const SortKey& key : plan.sort) last.push_back(cell_of(key.column));
      page.next = cursor_of(plan.mark, last);
      break;
    }
    LookupRow& made = page.rows.emplace_back();
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const Column& column = *plan.columns[i];
      auto cell = cell_read(dialect, column, row[i]);
      if (!cell) return tl::unexpected(std::move(cell.error()));
      cells[i] = *std::move(cell);
      const std::string text = text_of(cells[i]);
      const bool set = text == "true" || (text != "false" && text != "0" && !text.empty());
      const catalog::Lookup& lookup = *plan.lookup;
      if (column.name == lookup.key) made.id = std::get<std::int64_t>(cells[i]);
      if (column.name == lookup.code) made.code = text;
      if (column.name == lookup.text) made.text = text;
      if (column.name == lookup.enabled) made.enabled = made.enabled && set;
      if (column.name == lookup.deleted) made.enabled = made.enabled && !set;
      const auto& more = lookup.more;
      if (column.name == lookup.parent || std::find(more.begin(), more.end(), column.name) != more.end())
        made.fields.push_back({column.name, cells[i]});
    }
  }
  return page;
}

}  // namespace hf::documents
