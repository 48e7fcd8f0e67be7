#include "documents/bill_list.h"

#include <algorithm>

#include "base/fingerprint.h"
#include "documents/condition_sql.h"
#include "documents/row_scope.h"
#include "documents/schema.h"
#include "documents/sql_text.h"

namespace hf::documents {
namespace {

using catalog::Column;
using catalog::ColumnKind;

// What comes before the columns in each row of a page.
enum Before : std::uint8_t {
  before_version,
  before_creator,
  before_creator_name,
  before_handler,
  before_handler_name,
  before_count
};

constexpr std::uint32_t sorted_length_max = 200;  // of a text: a cursor has it

struct Demanded {
  std::string_view column, op, value;
};
// What an entry of `where` says; nothing if it is none.
std::optional<Demanded> demanded_by(std::string_view said) {
  const std::size_t end = said.find_first_of("=<>^");
  if (end == std::string_view::npos) return std::nullopt;
  for (const std::string_view op : {"=", ">=", "<", "^="}) {
    if (said.substr(end).starts_with(op)) return Demanded{said.substr(0, end), op, said.substr(end + op.size())};
  }
  return std::nullopt;
}

class Planning {
 public:
  Planning(const Catalog& catalog, Dialect dialect, const Audience& audience, const BillListQuestion& question,
           const catalog::Type& type)
      : catalog_(catalog),
        audience_(audience),
        question_(question),
        type_(type),
        table_(catalog.content().tables[type.table]) {
    sql_.dialect = dialect;
    plan_.type = &type;
  }

  Result<BillListPlan> plan() {
    if (question_.limit == 0 || question_.limit > bills_per_page_max)
      return fail(Code::invalid, "It is 1 to " + std::to_string(bills_per_page_max) + ".", "limit");
    plan_.limit = question_.limit;
    plan_.mark = mark();
    if (auto good = choose_sort(); !good) return tl::unexpected(std::move(good.error()));
    choose_columns();
    if (auto good = filter(); !good) return tl::unexpected(std::move(good.error()));
    if (question_.total) plan_.total = total();
    if (auto good = page(); !good) return tl::unexpected(std::move(good.error()));
    return std::move(plan_);
  }

 private:
  // A cursor goes on with the same question of the same person, whatever the size of its pages.
  std::uint64_t mark() const {
    std::string text;
    const auto add = [&](std::string_view piece) {
      text.append(std::to_string(piece.size())).append(":").append(piece);
    };
    for (const std::string& piece : {question_.type, question_.group, question_.text, question_.partner, question_.from,
                                     question_.until, question_.sort, std::to_string(audience_.key())})
      add(piece);
    for (const std::string& state : question_.states) add(state);
    add("");
    for (const std::string& filter : question_.where) add(filter);
    return fingerprint(text);
  }

  Result<void> choose_sort() {
    const bool down = question_.sort.empty() || question_.sort.front() == '-';
    const std::string name = question_.sort.substr(question_.sort.starts_with('-') ? 1 : 0);
    const Column* const key = table_.find(type_.key);
    const Column* const column = question_.sort.empty() ? key : table_.find(name);
    if (column == nullptr || column->kind == ColumnKind::bytes ||
        (column->kind == ColumnKind::text && (column->length == 0 || column->length > sorted_length_max)))
      return fail(Code::invalid, "Bills of " + type_.name + " cannot be sorted by this.", "sort");
    const Order order = down ? Order::down : Order::up;
    if (column != key) plan_.sort.push_back({column, compared(sql_.dialect, *column, "t"), order});
    plan_.sort.push_back({key, compared(sql_.dialect, *key, "t"), order});
    return {};
  }

  void choose_columns() {
    const auto add = [&](const std::string& name) {
      const Column* const column = name.empty() ? nullptr : table_.find(name);
      const auto& chosen = plan_.columns;
      if (column != nullptr && std::find(chosen.begin(), chosen.end(), column) == chosen.end())
        plan_.columns.push_back(column);
    };
    add(type_.key);
    add(type_.no);
    for (const catalog::Index model : type_.status) add(catalog_.content().models[model].name);
    for (const std::string& name : {type_.partner, type_.owner, type_.department, type_.quantity, type_.amount})
      add(name);
    if (const Column* day = day_of(catalog_, type_)) add(day->name);
    for (const SortKey& key : plan_.sort) add(key.column->name);
  }

  // ---- filters, all of which a bill passes

  void demand(const std::string& condition) { conditions_ += " AND " + condition; }

  Result<database::Value> value_of(const Column& column, std::string_view said, const std::string& field) {
    if (said.size() > filter_bytes_max)
      return fail(Code::too_large, "It has at most " + std::to_string(filter_bytes_max) + " bytes.", field);
    if (++values_ > values_per_list_max)
      return fail(Code::too_large, "All filters have at most " + std::to_string(values_per_list_max) + " values.",
                  field);
    std::string text(said);
    // A day of a column that has times begins where UTC says so.
    if (column.kind == ColumnKind::time && text.find('T') == std::string::npos) text += "T00:00:00Z";
    auto cell = cell_said(column, text);
    if (!cell) return fail(cell.error().code, std::move(cell.error().detail), field);
    auto value = stored(sql_.dialect, column, *cell);
    if (!value) return fail(value.error().code, std::move(value.error().detail), field);
    return value;
  }

  Result<void> demand_compared(const Column& column, std::string_view op, std::string_view said,
                               const std::string& field) {
    auto value = value_of(column, said, field);
    if (!value) return tl::unexpected(std::move(value.error()));
    demand(compared(sql_.dialect, column, "t") + " " + std::string(op) + " " + sql_.bind(*std::move(value)));
    return {};
  }

  Result<void> demand_one_of(const Column& column, const std::vector<std::string>& said, const std::string& field) {
    std::string places;
    for (const std::string& each : said) {
      auto value = value_of(column, each, field);
      if (!value) return tl::unexpected(std::move(value.error()));
      places += (places.empty() ? "" : ", ") + sql_.bind(*std::move(value));
    }
    demand(compared(sql_.dialect, column, "t") + " IN (" + places + ")");
    return {};
  }

  Result<void> demand_beginning(const Column& column, const std::vector<std::string>& said, const std::string& field) {
    if (column.kind != ColumnKind::text) return fail(Code::invalid, "Only a text begins with something.", field);
    std::string any;
    for (const std::string& each : said) {
      auto value = value_of(column, each, field);
      if (!value) return tl::unexpected(std::move(value.error()));
      any += (any.empty() ? "" : " OR ") + begins_sql(sql_, column, "t", each);
    }
    demand("(" + any + ")");
    return {};
  }

  Result<void> filter() {
    conditions_ = is_bill_sql(sql_, catalog_, type_);
    if (auto good = filter_by_state(); !good) return good;
    if (!question_.text.empty()) {
      std::vector<std::string> texts = {question_.text};
      std::string capitals = question_.text;
      for (char& c : capitals) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
      }
      if (capitals != question_.text) texts.push_back(std::move(capitals));
      if (auto good = demand_beginning(*table_.find(type_.no), texts, "text"); !good) return good;
    }
    if (!question_.partner.empty()) {
      const Column* const partner = type_.partner.empty() ? nullptr : table_.find(type_.partner);
      if (partner == nullptr) return fail(Code::invalid, "Bills of " + type_.name + " have no partner.", "partner");
      if (auto good = demand_compared(*partner, "=", question_.partner, "partner"); !good) return good;
    }
    const Column* const day = day_of(catalog_, type_);
    if (day == nullptr && !(question_.from.empty() && question_.until.empty()))
      return fail(Code::invalid, "Bills of " + type_.name + " have no day.", question_.from.empty() ? "until" : "from");
    if (day != nullptr) {
      if (auto good = demand_moment(*day, ">=", question_.from, "from"); !good) return good;
      if (auto good = demand_moment(*day, "<", question_.until, "until"); !good) return good;
    }
    return filter_by_columns();
  }

  Result<void> demand_moment(const Column& day, std::string_view op, const std::string& said, const char* field) {
    return said.empty() ? Result<void>() : demand_compared(day, op, said, field);
  }

  Result<void> filter_by_state() {
    if (!question_.states.empty()) {
      if (!type_.lifecycle) return fail(Code::invalid, "Bills of " + type_.name + " have no states.", "state");
      const catalog::StatusModel& model = catalog_.content().models[*type_.lifecycle];
      for (const std::string& state : question_.states) {
        const bool known =
            std::any_of(model.values.begin(), model.values.end(),
                        [&](const catalog::StatusValue& value) { return std::to_string(value.value) == state; });
        // What a hostile text says is not repeated.
        if (!known) return fail(Code::invalid, "It is no value of " + model.name + ".", "state");
      }
      if (auto good = demand_one_of(*table_.find(model.name), question_.states, "state"); !good) return good;
    }
    if (question_.group.empty()) return {};
    for (const catalog::Index index : type_.groups) {
      const catalog::Group& group = catalog_.content().groups[index];
      if (group.name != question_.group) continue;
      demand(condition_sql(sql_, table_, "t", group.when));
      return {};
    }
    return fail(Code::invalid, "Bills of " + type_.name + " have no such group.", "group");
  }

  // The values that a column may have are gathered: any of them will do. All else must hold.
  Result<void> filter_by_columns() {
    std::vector<std::pair<const Column*, std::vector<std::string>>> any_of;
    for (const std::string& said : question_.where) {
      const auto demanded = demanded_by(said);
      const Column* const column = demanded ? table_.find(demanded->column) : nullptr;
      if (column == nullptr || column->kind == ColumnKind::bytes) {
        return fail(Code::invalid,
                    "Write Column=value, Column>=value, Column<value or Column^=value, with a column that bills of " +
                        type_.name + " have.",
                    "where");
      }
      Result<void> good;
      if (demanded->op == "=") {
        const auto same = [&](const auto& one) { return one.first == column; };
        auto found = std::find_if(any_of.begin(), any_of.end(), same);
        if (found == any_of.end()) found = any_of.insert(found, {column, {}});
        found->second.emplace_back(demanded->value);
      } else if (demanded->op == "^=") {
        good = demand_beginning(*column, {std::string(demanded->value)}, "where");
      } else {
        good = demand_compared(*column, demanded->op, demanded->value, "where");
      }
      if (!good) return good;
    }
    for (const auto& [column, values] : any_of) {
      if (auto good = demand_one_of(*column, values, "where"); !good) return good;
    }
    return {};
  }

  // ---- statements

  // The bills that one way leads to, by `key` and sort value.
  std::string follow(const Way& way, const std::string& type_place) const {
    const std::string table = quoted(table_.name);
    std::string text = "SELECT t." + quoted(type_.key) + " AS k";
    if (plan_.sort.size() > 1) text += ", " + plan_.sort.front().expression + " AS s";
    // A cross join is made in the order written: from the few bills that are somebody's to their rows.
    if (way.asks == Way::Asks::bill) {
      return text + " FROM hf_bill b CROSS JOIN " + table + " t WHERE b.type = " + type_place + " AND " +
             way.condition + " AND t." + quoted(type_.key) + " = b.id AND " + conditions_;
    }
    return text + " FROM " + table + " t WHERE " + (way.asks == Way::Asks::master ? way.condition + " AND " : "") +
           conditions_;
  }

  // All of them once. `tail`: what each way ends with before they are united.
  template <class Tail>
  std::string unite(const std::vector<Way>& ways, const std::string& type_place, Tail tail) const {
    if (ways.size() == 1) return follow(ways.front(), type_place) + tail(ways.front());
    std::string text;
    for (std::size_t i = 0; i < ways.size(); ++i) {
      text += (i == 0 ? "SELECT * FROM (" : " UNION SELECT * FROM (") + follow(ways[i], type_place) + tail(ways[i]) +
              ") w" + std::to_string(i);
    }
    return text;
  }

  database::Statement total() const {
    SqlText sql = sql_;
    const std::vector<Way> ways = ways_asked(sql);
    const std::string place = sql.bind(type_.name);
    std::string limit = " LIMIT " + std::to_string(bills_counted_max + 1);
    sql.add("SELECT COUNT(*) FROM (SELECT k FROM (" + unite(ways, place, [&](const Way&) { return limit; }) + ") u" +
            limit + ") c");
    sql.made.columns = 1;
    return std::move(sql.made);
  }

  // A way that leads from hf_bill is sorted by the key as that table has it, so that its index gives the order.
  std::vector<SortKey> sorted_for(Way::Asks asks) const {
    std::vector<SortKey> keys = plan_.sort;
    if (asks == Way::Asks::bill) keys.back().expression = "b.id";
    return keys;
  }

  std::vector<Way> ways_asked(SqlText& sql) const {
    std::vector<Way> ways = ways_to_see(sql, catalog_, type_, audience_);
    if (ways.empty()) ways.push_back({Way::Asks::master, "1 = 0"});
    return ways;
  }

  Result<void> page() {
    std::string after_of_master, after_of_bill;
    if (!question_.next.empty()) {
      const auto row = read_cursor(question_.next, plan_.mark, plan_.sort);
      if (!row) return tl::unexpected(row.error());
      for (const Way::Asks asks : {Way::Asks::master, Way::Asks::bill}) {
        auto after = rows_after(sql_, sorted_for(asks), *row);
        if (!after) return tl::unexpected(std::move(after.error()));
        (asks == Way::Asks::bill ? after_of_bill : after_of_master) = " AND " + *after;
      }
    }
    const std::vector<Way> ways = ways_asked(sql_);
    const std::string place = sql_.bind(type_.name);
    const std::string limit = " LIMIT " + std::to_string(plan_.limit + 1);
    std::vector<SortKey> united = plan_.sort;  // the same columns by the names that follow() gives them
    united.back().expression = "k";
    if (united.size() > 1) united.front().expression = "s";
    std::string inner = unite(ways, place, [&](const Way& way) {
      return (way.asks == Way::Asks::bill ? after_of_bill : after_of_master) + " " +
             order_by(sql_.dialect, sorted_for(way.asks)) + limit;
    });
    if (ways.size() > 1) inner += " " + order_by(sql_.dialect, united) + limit;
    for (SortKey& key : united) key.expression = "p." + key.expression;
    sql_.add("SELECT COALESCE(b.version, 0), b.creator, b.creator_name, b.handler, b.handler_name");
    for (const Column* column : plan_.columns) sql_.add(", " + selected(sql_.dialect, *column, "t"));
    sql_.add(" FROM (" + inner + ") p JOIN " + quoted(table_.name) + " t ON t." + quoted(type_.key) +
             " = p.k LEFT JOIN hf_bill b ON b.type = " + place + " AND b.id = p.k " + order_by(sql_.dialect, united));
    sql_.made.columns = before_count + plan_.columns.size();
    plan_.page = std::move(sql_.made);
    return {};
  }

  const Catalog& catalog_;
  const Audience& audience_;
  const BillListQuestion& question_;
  const catalog::Type& type_;
  const catalog::Table& table_;
  SqlText sql_;
  std::string conditions_;
  std::size_t values_ = 0;
  BillListPlan plan_;
};

std::vector<Cell> sorted_cells(const BillListPlan& plan, const std::vector<Cell>& cells) {
  std::vector<Cell> sorted;
  for (const SortKey& key : plan.sort) {
    const auto at = std::find(plan.columns.begin(), plan.columns.end(), key.column);
    sorted.push_back(cells[static_cast<std::size_t>(at - plan.columns.begin())]);
  }
  return sorted;
}

BillRow bill_of(const BillListPlan& plan, const database::Row& row, const std::vector<Cell>& cells) {
  BillRow bill;
  bill.version = static_cast<Version>(whole_of(row[before_version].value_or("0")).value_or(0));
  bill.creator = {row[before_creator].value_or(""), row[before_creator_name].value_or("")};
  bill.handler = {row[before_handler].value_or(""), row[before_handler_name].value_or("")};
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string& name = plan.columns[i]->name;
    if (name == plan.type->key) {
      bill.id = std::get<std::int64_t>(cells[i]);
    } else if (name == plan.type->no) {
      bill.no = text_of(cells[i]);
    } else {
      bill.fields.push_back({name, cells[i]});
    }
  }
  return bill;
}

}  // namespace

Result<const catalog::Type*> type_seen(const Catalog& catalog, const Audience& audience, const std::string& name) {
  const catalog::Type* const type = catalog.find_type(name);
  if (type == nullptr || !audience.scope_of(catalog.index_of(*type)))
    return fail(Code::not_found, "There is no such type of bills that you may see.", "type");
  return type;
}

Result<BillListPlan> plan_list(const Catalog& catalog, Dialect dialect, const Audience& audience,
                               const BillListQuestion& question) {
  const auto type = type_seen(catalog, audience, question.type);
  if (!type) return tl::unexpected(type.error());
  return Planning(catalog, dialect, audience, question, **type).plan();
}

Result<BillPage> read_list(Dialect dialect, const BillListPlan& plan, const database::Rows& page,
                           const database::Rows& total) {
  BillPage made;
  std::vector<Cell> cells(plan.columns.size());
  for (const database::Row& row : page) {
    if (made.rows.size() == plan.limit) {
      made.next = cursor_of(plan.mark, sorted_cells(plan, cells));
      break;
    }
    for (std::size_t i = 0; i < cells.size(); ++i) {
      auto cell = cell_read(dialect, *plan.columns[i], row[before_count + i]);
      if (!cell) return tl::unexpected(std::move(cell.error()));
      cells[i] = *std::move(cell);
    }
    made.rows.push_back(bill_of(plan, row, cells));
  }
  if (plan.total && !total.empty()) {
    const auto counted = static_cast<std::uint64_t>(whole_of(total[0][0].value_or("0")).value_or(0));
    made.total_is_more = counted > bills_counted_max;
    made.total = std::min<std::uint64_t>(counted, bills_counted_max);
  }
  return made;
}

}  // namespace hf::documents
