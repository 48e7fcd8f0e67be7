#include "documents/schema.h"

#include <algorithm>

#include "base/fingerprint.h"
#include "documents/sql_text.h"

namespace hf::documents {
namespace {

using catalog::Column;
using catalog::ColumnKind;
using catalog::Table;

// SQLite keeps a declared type as it stands, and goes by the INT or TEXT within it. So it tells a scale or a kind that
// has changed, though it would keep anything.
std::string type_of(const Column& column, Dialect dialect) {
  const bool lite = dialect == Dialect::sqlite;
  const auto digits = [&](int precision, int scale) {
    return (lite ? "INTEGER(" : "numeric(") + std::to_string(precision) + "," + std::to_string(scale) + ")";
  };
  switch (column.kind) {
    case ColumnKind::id:
    case ColumnKind::integer: return lite ? "INTEGER" : "bigint";
    case ColumnKind::boolean: return lite ? "BOOLEAN INTEGER" : "boolean";
    case ColumnKind::money: return digits(catalog::money_precision, catalog::money_scale);
    case ColumnKind::decimal: return digits(column.precision, column.scale);
    case ColumnKind::text: return lite ? "TEXT" : "text";
    case ColumnKind::time: return lite ? "TIME TEXT" : "timestamp(3) with time zone";
    case ColumnKind::date: return lite ? "DATE TEXT" : "date";
    case ColumnKind::bytes: return lite ? "HEX TEXT" : "bytea";
  }
  return {};
}

// A new column of rows that are there is 0, false or empty. Nobody can guess to what an id leads or when something was.
std::string filling_of(const Column& column, Dialect dialect) {
  switch (column.kind) {
    case ColumnKind::integer:
    case ColumnKind::money:
    case ColumnKind::decimal: return "0";
    case ColumnKind::boolean: return dialect == Dialect::sqlite ? "0" : "false";
    case ColumnKind::text:
    case ColumnKind::bytes: return "''";
    case ColumnKind::id:
    case ColumnKind::time:
    case ColumnKind::date: break;
  }
  return {};
}

ColumnPlan plan_column(const Column& column, Dialect dialect) {
  return {column.name, type_of(column, dialect), column.nullable, filling_of(column, dialect)};
}

std::string cut_to_a_name(std::string name) {
  if (name.size() <= name_bytes_max) return name;
  const std::string mark = std::to_string(fingerprint(name) % 1'000'000'000);
  name.resize(name_bytes_max - mark.size() - 1);
  return name + '_' + mark;
}

class Planning {
 public:
  Planning(const Catalog& catalog, Dialect dialect)
      : content_(catalog.content()), catalog_(catalog), dialect_(dialect) {}

  std::vector<TablePlan> plan() {
    for (const Table& table : content_.tables) {
      TablePlan& made = plans_.emplace_back();
      made.name = table.name;
      for (const Column& column : table.columns) made.columns.push_back(plan_column(column, dialect_));
    }
    for (const catalog::Type& type : content_.types) plan_type(type);
    for (const catalog::Lookup& lookup : content_.lookups) {
      TablePlan& plan = keyed(lookup.table, lookup.key);
      for (const std::string& column : {lookup.code, lookup.text})
        add_index(plan, lookup.table, column, {column, lookup.key});
    }
    return std::move(plans_);
  }

 private:
  void plan_type(const catalog::Type& type) {
    TablePlan& plan = keyed(type.table, type.key);
    std::vector<std::string> number;
    if (type.only) number.push_back(type.only->column);
    number.push_back(type.no);
    if (type.no != type.key) add_index(plan, type.table, "no", number, true);
    // The status column that actions move, and the columns by which bills are somebody's.
    const std::string state = type.lifecycle ? content_.models[*type.lifecycle].name : std::string();
    const Column* const day = day_of(catalog_, type);
    for (const std::string& column :
         {state, type.partner, type.owner, type.department, day != nullptr ? day->name : std::string()}) {
      add_index(plan, type.table, column, {column, type.key});
    }
    for (const catalog::Part& part : type.parts) {
      add_index(keyed(part.table, part.key), part.table, part.parent, {part.parent, part.key});
    }
  }

  TablePlan& keyed(catalog::Index table, const std::string& key) {
    TablePlan& plan = plans_[table];
    if (plan.key.empty()) plan.key = {key};
    return plan;
  }

  // Once, also where several types or columns ask for it; none on no column and on the key.
  void add_index(TablePlan& plan, catalog::Index table, const std::string& purpose,
                 const std::vector<std::string>& columns, bool unique = false) {
    if (columns.front().empty() || columns.front() == plan.key.front()) return;
    IndexPlan made{cut_to_a_name(plan.name + "_" + purpose), {}, unique};
    for (const std::string& name : columns) {
      const Column* const column = content_.tables[table].find(name);
      if (column == nullptr) return;
      // In PostgreSQL nulls come last unless it is told; lists have them first.
      made.columns.push_back(quoted(name) +
                             (dialect_ == Dialect::postgresql && column->nullable ? " NULLS FIRST" : ""));
    }
    const auto same = [&](const IndexPlan& other) { return other.name == made.name; };
    if (std::none_of(plan.indexes.begin(), plan.indexes.end(), same)) plan.indexes.push_back(std::move(made));
  }

  const catalog::Content& content_;
  const Catalog& catalog_;
  Dialect dialect_;
  std::vector<TablePlan> plans_;
};

// ---- our own tables

TablePlan own_table(Dialect dialect, const std::string& name, std::vector<Column> columns,
                    std::vector<std::string> key) {
  TablePlan plan;
  plan.name = name;
  for (const Column& column : columns) plan.columns.push_back(plan_column(column, dialect));
  plan.key = std::move(key);
  return plan;
}

IndexPlan own_index(const std::string& name, const std::vector<std::string>& columns, bool unique = false) {
  IndexPlan plan{name, {}, unique};
  for (const std::string& column : columns) plan.columns.push_back(quoted(column));
  return plan;
}

std::vector<TablePlan> own_tables(Dialect dialect) {
  const auto id = [](std::string name) { return Column{.name = std::move(name), .kind = ColumnKind::id}; };
  const auto text = [](std::string name) { return Column{.name = std::move(name), .kind = ColumnKind::text}; };
  const auto number = [](std::string name) { return Column{.name = std::move(name), .kind = ColumnKind::integer}; };
  const auto time = [](std::string name) { return Column{.name = std::move(name), .kind = ColumnKind::time}; };
  std::vector<TablePlan> plans;

  TablePlan& bill = plans.emplace_back(
      own_table(dialect, "hf_bill",
                {text("creator"), text("creator_name"), text("handler"), text("handler_name"), text("closed_by")}, {}));
  bill.has_others = true;
  bill.indexes = {own_index("hf_bill_creator", {"creator", "type", "id"}),
                  own_index("hf_bill_handler", {"handler", "type", "id"})};

  TablePlan& link = plans.emplace_back(
      own_table(dialect, "hf_link",
                {text("target_type"), id("target_id"), text("target_part"), id("target_line"), text("source_type"),
                 id("source_id"), text("source_part"), id("source_line"), text("conversion"), text("run")},
                {"target_type", "target_id", "target_part", "target_line", "source_type", "source_id", "source_part",
                 "source_line"}));
  link.indexes = {own_index("hf_link_source", {"source_type", "source_id", "source_part", "source_line"})};

  TablePlan& run = plans.emplace_back(own_table(dialect, "hf_run",
                                                {text("run"), text("user_id"), text("request_id"), text("fingerprint"),
                                                 text("action"), text("state"), text("result"), time("at")},
                                                {"run"}));
  // A run that has no request id of its own takes its own id for one.
  run.indexes = {own_index("hf_run_request", {"user_id", "request_id"}, true), own_index("hf_run_at", {"at"})};

  plans.push_back(own_table(dialect, "hf_number", {text("prefix"), text("day"), number("last")}, {"prefix", "day"}));
  plans.push_back(
      own_table(dialect, "hf_schema", {number("id"), number("format"), text("catalog"), text("namespace")}, {"id"}));
  return plans;
}

// ---- from what is there

constexpr std::string_view field = "documents";

tl::unexpected<Error> refused(std::string sentence) {
  return fail(Code::invalid, std::move(sentence), std::string(field));
}

std::string column_sql(const ColumnPlan& column, Dialect dialect) {
  // Texts in the order of their bytes, as in SQLite, so that both databases sort alike.
  const bool is_text = dialect == Dialect::postgresql && column.type == "text";
  return quoted(column.name) + " " + column.type + (is_text ? " COLLATE \"C\"" : "") +
         (column.nullable ? "" : " NOT NULL");
}

std::string list_of(const std::vector<std::string>& items) {
  std::string list;
  for (const std::string& item : items) list += (list.empty() ? "" : ", ") + item;
  return list;
}

std::string create_table(const TablePlan& plan, Dialect dialect) {
  std::vector<std::string> items;
  for (const ColumnPlan& column : plan.columns) {
    std::string item = column_sql(column, dialect);
    // SQLite keeps rows by such a key and needs no index for it.
    if (plan.key.size() == 1 && plan.key.front() == column.name) item += " PRIMARY KEY";
    items.push_back(std::move(item));
  }
  if (plan.key.size() > 1) {
    std::vector<std::string> key;
    for (const std::string& name : plan.key) key.push_back(quoted(name));
    items.push_back("PRIMARY KEY (" + list_of(key) + ")");
  }
  const bool without_rowid = dialect == Dialect::sqlite && plan.key.size() > 1;
  return "CREATE TABLE " + quoted(plan.name) + " (" + list_of(items) + ")" + (without_rowid ? " WITHOUT ROWID" : "");
}

Result<void> grow_table(const TablePlan& plan, const std::map<std::string, FoundColumn>& found, Dialect dialect,
                        std::vector<std::string>& statements) {
  for (const ColumnPlan& column : plan.columns) {
    const std::string name = plan.name + "." + column.name;
    const auto at = found.find(column.name);
    if (at == found.end()) {
      if (!column.nullable && column.filling.empty()) {
        return refused(name +
                       " is new and may not be null, and no value fits the rows that are there: let it be null "
                       "in the catalog, or add it to the database by hand.");
      }
      statements.push_back("ALTER TABLE " + quoted(plan.name) + " ADD COLUMN " + column_sql(column, dialect) +
                           (column.nullable ? "" : " DEFAULT " + column.filling));
      continue;
    }
    const auto described = [](const std::string& type, bool nullable) {
      return type + (nullable ? " that may be null" : "");
    };
    if (at->second.type != column.type || at->second.nullable != column.nullable) {
      return refused(name + " is " + described(at->second.type, at->second.nullable) + " in the database and " +
                     described(column.type, column.nullable) +
                     " by the catalog: set the catalog back, or change the database by hand.");
    }
  }
  if (plan.has_others) return {};
  for (const auto& [name, column] : found) {
    const auto is = [&](const ColumnPlan& planned) { return planned.name == name; };
    if (std::none_of(plan.columns.begin(), plan.columns.end(), is)) {
      return refused(plan.name + "." + name +
                     " is in the database and not in the catalog: put it back into the "
                     "catalog, or drop it by hand.");
    }
  }
  return {};
}

// A database tells names apart by their letters alone, whatever their case (SQLite), and cuts long ones (PostgreSQL).
Result<void> check_names(const std::vector<TablePlan>& plans) {
  const auto folded = [](std::string name) {
    for (char& c : name) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return name;
  };
  const auto is_name = [](const std::string& name) {
    return !name.empty() && name.size() <= name_bytes_max &&
           name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
               std::string::npos;
  };
  std::set<std::string> tables;
  for (const TablePlan& plan : plans) {
    if (!is_name(plan.name))
      return refused("Call the table " + plan.name + " by 1 to 63 of A-Z a-z 0-9 _ in the catalog.");
    if (!tables.insert(folded(plan.name)).second || plan.name == "holdfast_outbox")
      return refused("The catalog may not have a table " + plan.name + ": there is one of that name.");
    std::set<std::string> columns;
    for (const ColumnPlan& column : plan.columns) {
      const std::string name = plan.name + "." + column.name;
      if (!is_name(column.name))
        return refused("Call the column " + name + " by 1 to 63 of A-Z a-z 0-9 _ in the catalog.");
      if (!columns.insert(folded(column.name)).second)
        return refused("Another column of " + plan.name + " is called as " + name + ", but for capitals: rename one.");
    }
  }
  return {};
}

}  // namespace

const Column* day_of(const Catalog& catalog, const catalog::Type& type) noexcept {
  const std::vector<Column>& columns = catalog.content().tables[type.table].columns;
  const auto at = std::find_if(columns.begin(), columns.end(), [](const Column& column) {
    return catalog::is_moment(column.kind) && !column.nullable;
  });
  return at == columns.end() ? nullptr : &*at;
}

Result<std::vector<TablePlan>> plan_schema(const Catalog& catalog, Dialect dialect) {
  std::vector<TablePlan> plans = Planning(catalog, dialect).plan();
  for (TablePlan& plan : own_tables(dialect)) plans.push_back(std::move(plan));
  if (auto good = check_names(plans); !good) return tl::unexpected(std::move(good.error()));
  return plans;
}

database::Statement find_columns(Dialect dialect) {
  if (dialect == Dialect::sqlite) {
    return {
        "SELECT m.name, p.name, p.type, CASE WHEN p.\"notnull\" = 0 AND p.pk = 0 THEN 1 ELSE 0 END "
        "FROM sqlite_master m JOIN pragma_table_info(m.name) p "
        "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        {},
        4};
  }
  return {
      "SELECT CAST(c.relname AS text), CAST(a.attname AS text), format_type(a.atttypid, a.atttypmod), "
      "CASE WHEN a.attnotnull THEN 0 ELSE 1 END "
      "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid "
      "WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped",
      {},
      4};
}

database::Statement find_indexes(Dialect dialect) {
  if (dialect == Dialect::sqlite) return {"SELECT name FROM sqlite_master WHERE type = 'index'", {}, 1};
  return {
      "SELECT CAST(c.relname AS text) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
      "WHERE n.nspname = current_schema() AND c.relkind = 'i'",
      {},
      1};
}

Found read_found(const database::Rows& columns, const database::Rows& indexes) {
  Found found;
  for (const database::Row& row : columns) {
    found.tables[row[0].value_or("")][row[1].value_or("")] = {row[2].value_or(""), row[3] == "1"};
  }
  for (const database::Row& row : indexes) found.indexes.insert(row[0].value_or(""));
  return found;
}

Result<std::vector<std::string>> changes(const std::vector<TablePlan>& wanted, const Found& found, Dialect dialect) {
  std::vector<std::string> statements;
  for (const TablePlan& plan : wanted) {
    const auto at = found.tables.find(plan.name);
    if (at == found.tables.end()) {
      statements.push_back(create_table(plan, dialect));
    } else if (auto grown = grow_table(plan, at->second, dialect, statements); !grown) {
      return tl::unexpected(std::move(grown.error()));
    }
    for (const IndexPlan& index : plan.indexes) {
      if (found.indexes.contains(index.name)) continue;
      statements.push_back(std::string(index.unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ") + quoted(index.name) +
                           " ON " + quoted(plan.name) + " (" + list_of(index.columns) + ")");
    }
  }
  return statements;
}

}  // namespace hf::documents
