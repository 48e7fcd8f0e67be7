#include "documents/write/change.h"

#include <algorithm>

#include "base/time_text.h"
#include "documents/sql_text.h"

namespace hf::documents {
namespace {

using catalog::Column;
using catalog::ColumnKind;
using document::Row;

// The place of a column's value in a statement.
Result<std::string> place_of(SqlText& sql, const Column& column, const document::Value& value) {
  const auto cell = cell_of(column, value);
  auto kept = cell ? stored(sql.dialect, column, *cell) : Result<database::Value>(tl::unexpected(cell.error()));
  if (!kept) return tl::unexpected(std::move(kept.error()));
  return written(sql.dialect, column, sql.bind(*std::move(kept)));
}

Result<database::Statement> plan_insert(Dialect dialect, const catalog::Table& table, const Row& row) {
  SqlText sql{dialect, {}};
  std::string names, places;
  for (const Column& column : table.columns) {
    // A picture or a file that may not be null is empty until somebody brings one.
    const bool empty = column.kind == ColumnKind::bytes && !column.nullable;
    if (row.is_null(column.name) && !empty) continue;
    auto place = empty ? Result<std::string>(written(dialect, column, sql.bind(std::string())))
                       : place_of(sql, column, row.at(column.name));
    if (!place) return tl::unexpected(std::move(place.error()));
    names += (names.empty() ? "" : ", ") + quoted(column.name);
    places += (places.empty() ? "" : ", ") + *place;
  }
  sql.add("INSERT INTO " + quoted(table.name) + " (" + names + ") VALUES (" + places + ")");
  return std::move(sql.made);
}

// Nothing if no column differs.
Result<std::optional<database::Statement>> plan_update(Dialect dialect, const catalog::Table& table,
                                                       const std::string& key, const Row& before, const Row& after) {
  SqlText sql{dialect, {}};
  std::string sets;
  for (const Column& column : table.columns) {
    if (before.at(column.name) == after.at(column.name)) continue;
    auto place = place_of(sql, column, after.at(column.name));
    if (!place) return tl::unexpected(std::move(place.error()));
    sets += (sets.empty() ? "" : ", ") + quoted(column.name) + " = " + *place;
  }
  if (sets.empty()) return std::optional<database::Statement>();
  sql.add("UPDATE " + quoted(table.name) + " SET " + sets + " WHERE " + quoted(key) + " = " + sql.bind(after.id(key)));
  return std::optional(std::move(sql.made));
}

database::Statement plan_delete(Dialect dialect, const catalog::Table& table, const std::string& column,
                                std::int64_t id) {
  SqlText sql{dialect, {}};
  sql.add("DELETE FROM " + quoted(table.name) + " WHERE " + quoted(column) + " = " + sql.bind(id));
  return std::move(sql.made);
}

class Rows {
 public:
  Rows(const Catalog& catalog, Dialect dialect, const BillChange& change, const std::string& run)
      : content_(catalog.content()), dialect_(dialect), change_(change), type_(*change.after.type), run_(run) {}

  Result<std::vector<database::Statement>> plan() {
    const catalog::Table& table = content_.tables[type_.table];
    // A bill that is only marked keeps its lines: whoever looks into old papers finds them.
    if (change_.deleted && type_.deleted.empty()) {
      for (const catalog::Part& part : type_.parts)
        made_.push_back(plan_delete(dialect_, content_.tables[part.table], part.parent, change_.after.id));
      made_.push_back(plan_delete(dialect_, table, type_.key, change_.after.id));
      SqlText from{dialect_, {}};
      from.add("DELETE FROM hf_link WHERE source_type = " + from.bind(type_.name) +
               " AND source_id = " + from.bind(change_.after.id));
      made_.push_back(std::move(from.made));
    } else {
      static const Row none;
      if (auto done = write(table, type_.key, change_.before ? &change_.before->master : nullptr, change_.after.master);
          !done)
        return tl::unexpected(std::move(done.error()));
      for (catalog::Index part = 0; part < type_.parts.size(); ++part) {
        if (auto done = write_lines(part); !done) return tl::unexpected(std::move(done.error()));
      }
    }
    write_links();
    return std::move(made_);
  }

 private:
  Result<void> write(const catalog::Table& table, const std::string& key, const Row* before, const Row& after) {
    if (before == nullptr) {
      auto insert = plan_insert(dialect_, table, after);
      if (!insert) return tl::unexpected(std::move(insert.error()));
      made_.push_back(*std::move(insert));
      return {};
    }
    auto update = plan_update(dialect_, table, key, *before, after);
    if (!update) return tl::unexpected(std::move(update.error()));
    if (*update) made_.push_back(**std::move(update));
    return {};
  }

  Result<void> write_lines(catalog::Index index) {
    const catalog::Part& part = type_.parts[index];
    const catalog::Table& table = content_.tables[part.table];
    static const std::vector<ImageLine> none;
    const std::vector<ImageLine>& before = change_.before ? change_.before->parts[index] : none;
    for (const ImageLine& line : before) {
      if (find_line(change_.after.parts[index], line.id) != nullptr) continue;
      made_.push_back(plan_delete(dialect_, table, part.key, line.id));
      SqlText sql{dialect_, {}};
      sql.add("DELETE FROM hf_link WHERE source_type = " + sql.bind(type_.name) +
              " AND source_id = " + sql.bind(change_.after.id) + " AND source_part = " + sql.bind(part.name) +
              " AND source_line = " + sql.bind(line.id));
      made_.push_back(std::move(sql.made));
    }
    for (const ImageLine& line : change_.after.parts[index]) {
      const ImageLine* const old = find_line(before, line.id);
      if (auto done = write(table, part.key, old != nullptr ? &old->row : nullptr, line.row); !done) return done;
    }
    return {};
  }

  void write_links() {
    if (!change_.links && !change_.deleted) return;
    const BillKey key = change_.after.key();
    SqlText old{dialect_, {}};
    old.add("DELETE FROM hf_link WHERE target_type = " + old.bind(key.type) + " AND target_id = " + old.bind(key.id));
    if (change_.before) made_.push_back(std::move(old.made));
    if (change_.deleted) return;
    for (const LinkRow& link : *change_.links) {
      SqlText sql{dialect_, {}};
      sql.add(
          "INSERT INTO hf_link (target_type, target_id, target_part, target_line, source_type, source_id, source_part, "
          "source_line, conversion, run) VALUES (" +
          sql.bind(key.type) + ", " + sql.bind(key.id) + ", " + sql.bind(link.target_part) + ", " +
          sql.bind(link.target_line) + ", " + sql.bind(link.source.type) + ", " + sql.bind(link.source.id) + ", " +
          sql.bind(link.source_part) + ", " + sql.bind(link.source_line) + ", " + sql.bind(link.conversion) + ", " +
          sql.bind(run_) + ")");
      made_.push_back(std::move(sql.made));
    }
  }

  const catalog::Content& content_;
  Dialect dialect_;
  const BillChange& change_;
  const catalog::Type& type_;
  const std::string& run_;
  std::vector<database::Statement> made_;
};

constexpr std::size_t run_columns = 8;

database::Statement find_run_by(SqlText sql, const std::string& condition) {
  std::string at = "at";
  if (sql.dialect == Dialect::postgresql) at = "to_char(at, 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')";
  sql.add("SELECT run, user_id, request_id, fingerprint, action, state, result, " + at + " FROM hf_run WHERE " +
          condition);
  sql.made.columns = run_columns;
  return std::move(sql.made);
}

}  // namespace

bool differs(const BillImage& before, const BillImage& after) {
  const auto lines_differ = [](const std::vector<ImageLine>& a, const std::vector<ImageLine>& b) {
    return !std::equal(a.begin(), a.end(), b.begin(), b.end(),
                       [](const ImageLine& x, const ImageLine& y) { return x.id == y.id && x.row == y.row; });
  };
  return before.master != after.master || before.closed_by != after.closed_by || before.handler != after.handler ||
         !std::equal(before.parts.begin(), before.parts.end(), after.parts.begin(), after.parts.end(),
                     [&](const auto& a, const auto& b) { return !lines_differ(a, b); });
}

database::Statement plan_lock(Dialect dialect, const std::set<BillKey>& keys) {
  SqlText sql{dialect, {}};
  std::string any;
  for (const BillKey& key : keys)
    any += (any.empty() ? "" : " OR ") + std::string("(type = ") + sql.bind(key.type) +
           " AND id = " + sql.bind(key.id) + ")";
  sql.add("SELECT type, id, version, token, part_token FROM hf_bill WHERE " + any + " ORDER BY type, id");
  if (dialect == Dialect::postgresql) sql.add(" FOR UPDATE");
  sql.made.columns = 5;
  return std::move(sql.made);
}

std::vector<LockedBill> read_locked(const database::Rows& rows) {
  const auto number = [](const std::optional<std::string>& text) {
    return static_cast<std::uint64_t>(whole_of(text.value_or("")).value_or(0));
  };
  std::vector<LockedBill> made;
  for (const database::Row& row : rows) {
    const BillKey key{row[0].value_or(""), whole_of(row[1].value_or("")).value_or(0)};
    made.push_back({key, number(row[2]), number(row[3]), number(row[4])});
  }
  return made;
}

database::Statement plan_guard(Dialect dialect, const BillChange& change, std::optional<std::uint64_t> token) {
  const BillImage& bill = change.after;
  SqlText sql{dialect, {}};
  const std::string ours = token ? sql.bind(static_cast<std::int64_t>(*token)) : "0";
  const std::string handler = sql.bind(bill.handler.user), handler_name = sql.bind(bill.handler.name);
  const std::string closed_by = sql.bind(bill.closed_by), type = sql.bind(bill.type->name), id = sql.bind(bill.id);
  const std::string version = sql.bind(static_cast<std::int64_t>(bill.version));
  if (!change.before) {
    sql.add(
        "INSERT INTO hf_bill (type, id, version, token, creator, creator_name, handler, handler_name, closed_by) "
        "VALUES "
        "(" +
        type + ", " + id + ", " + version + ", " + ours + ", " + sql.bind(bill.creator.user) + ", " +
        sql.bind(bill.creator.name) + ", " + handler + ", " + handler_name + ", " + closed_by +
        ") ON CONFLICT (type, id) DO NOTHING");
    return std::move(sql.made);
  }
  sql.add("UPDATE hf_bill SET version = " + version + (token ? ", token = " + ours : "") + ", handler = " + handler +
          ", handler_name = " + handler_name + ", closed_by = " + closed_by + " WHERE type = " + type +
          " AND id = " + id + " AND version = " + sql.bind(static_cast<std::int64_t>(change.before->version)));
  if (token) sql.add(" AND token <= " + ours + " AND part_token <= " + ours);
  return std::move(sql.made);
}

Result<std::vector<database::Statement>> plan_rows(const Catalog& catalog, Dialect dialect, const BillChange& change,
                                                   const std::string& run) {
  return Rows(catalog, dialect, change, run).plan();
}

database::Statement plan_run(Dialect dialect, const RunRow& row) {
  SqlText sql{dialect, {}};
  std::string at;
  append_time(at, row.at);
  std::string places;
  for (const std::string& text :
       {row.run, row.user, row.request_id, row.fingerprint, row.action, row.state, row.result, at})
    places += (places.empty() ? "" : ", ") + sql.bind(text);
  sql.add("INSERT INTO hf_run (run, user_id, request_id, fingerprint, action, state, result, at) VALUES (" + places +
          ") ON CONFLICT DO NOTHING");
  return std::move(sql.made);
}

database::Statement find_run(Dialect dialect, const std::string& run) {
  SqlText sql{dialect, {}};
  const std::string place = sql.bind(run);
  return find_run_by(std::move(sql), "run = " + place);
}

database::Statement find_request(Dialect dialect, const std::string& user, const std::string& request_id) {
  SqlText sql{dialect, {}};
  const std::string who = sql.bind(user), what = sql.bind(request_id);
  return find_run_by(std::move(sql), "user_id = " + who + " AND request_id = " + what);
}

std::optional<RunRow> read_run(const database::Rows& rows) {
  if (rows.empty()) return std::nullopt;
  const database::Row& row = rows.front();
  const auto text = [&row](std::size_t i) { return row[i].value_or(""); };
  RunRow made{text(0), text(1), text(2), text(3), text(4), text(5), text(6), {}};
  made.at = parse_time(text(7)).value_or(Wall());
  return made;
}

database::Statement forget_runs(Dialect dialect, Wall before) {
  SqlText sql{dialect, {}};
  std::string at;
  append_time(at, before);
  sql.add("DELETE FROM hf_run WHERE at < " + sql.bind(at));
  return std::move(sql.made);
}

std::string result_of(const std::vector<WrittenBill>& bills) {
  std::string text;
  for (const WrittenBill& bill : bills) {
    text += bill.type + ' ' + std::to_string(bill.id) + ' ' + std::to_string(bill.version) +
            (bill.deleted ? " deleted " : " written ") + bill.no + '\n';
  }
  return text;
}

std::vector<WrittenBill> read_result(std::string_view text) {
  std::vector<WrittenBill> made;
  const auto take = [&text](char end) {
    const std::size_t at = std::min(text.find(end), text.size());
    const std::string_view word = text.substr(0, at);
    text.remove_prefix(std::min(at + 1, text.size()));
    return word;
  };
  while (!text.empty()) {
    WrittenBill& bill = made.emplace_back();
    bill.type = take(' ');
    bill.id = whole_of(take(' ')).value_or(0);
    bill.version = static_cast<Version>(whole_of(take(' ')).value_or(0));
    bill.deleted = take(' ') == "deleted";
    bill.no = take('\n');
  }
  return made;
}

}  // namespace hf::documents
