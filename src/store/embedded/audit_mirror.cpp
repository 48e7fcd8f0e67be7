#include "store/embedded/audit_mirror.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <string>

namespace hf {
namespace {

constexpr int busy_millis = 2'000;  // for another program, say a copying one, to leave the file

constexpr const char* settings =
    "PRAGMA page_size=4096; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;";
constexpr const char* schema =
    "CREATE TABLE IF NOT EXISTS names(ix INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE IF NOT EXISTS batches(generation INTEGER NOT NULL, number INTEGER NOT NULL, id BLOB NOT NULL,"
    " PRIMARY KEY(generation, number)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS changes(generation INTEGER NOT NULL, number INTEGER NOT NULL, ns INTEGER NOT NULL,"
    " at_us INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE(generation, number, ns));"
    "CREATE INDEX IF NOT EXISTS changes_of ON changes(ns, generation, number);";

std::int64_t bound(std::uint64_t n) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(n, std::uint64_t{1} << 62));
}

Statement& bind_place(Statement& statement, int first, const LogPlace& place) {
  return statement.bind(first, bound(place.generation)).bind(first + 1, bound(place.number));
}

LogPlace place_at(const Statement& statement) {
  return {static_cast<std::uint64_t>(statement.integer(0)), static_cast<std::uint64_t>(statement.integer(1))};
}

}  // namespace

Result<std::unique_ptr<AuditMirror>> AuditMirror::open(const std::string& directory) {
  auto lock = DirectoryLock::take(directory);
  if (!lock) return tl::unexpected(lock.error());
  std::unique_ptr<AuditMirror> mirror(new AuditMirror(directory, std::move(*lock)));
  if (mirror->open_file()) return mirror;
  // Whatever is wrong with it, the trail has what it had.
  if (auto begun = mirror->set_aside(); !begun) return tl::unexpected(begun.error());
  return mirror;
}

bool AuditMirror::open_file() {
  return db_.open(path(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, {}) == SQLITE_OK &&
         sqlite3_busy_timeout(db_.handle(), busy_millis) == SQLITE_OK && db_.execute(settings) == SQLITE_OK &&
         db_.execute(schema) == SQLITE_OK && prepare() && read_names() && find_end();
}

bool AuditMirror::prepare() {
  const auto make = [&](Statement& statement, const char* sql) {
    statement = db_.prepare(sql);
    return static_cast<bool>(statement);
  };
  return make(begin_, "BEGIN") && make(commit_, "COMMIT") && make(rollback_, "ROLLBACK") &&
         make(put_row_, "INSERT INTO changes(generation, number, ns, at_us, body) VALUES(?1, ?2, ?3, ?4, ?5)") &&
         make(put_batch_, "INSERT INTO batches(generation, number, id) VALUES(?1, ?2, ?3)") &&
         make(put_name_, "INSERT INTO names(ix, name) VALUES(?1, ?2)") &&
         make(last_batch_,
              "SELECT generation, number, id FROM batches ORDER BY generation DESC, number DESC LIMIT 1") &&
         make(batch_at_,
              "SELECT generation, number FROM batches WHERE (generation, number) <= (?1, ?2)"
              " ORDER BY generation DESC, number DESC LIMIT 1") &&
         make(drop_rows_after_, "DELETE FROM changes WHERE (generation, number) > (?1, ?2)") &&
         make(drop_batches_after_, "DELETE FROM batches WHERE (generation, number) > (?1, ?2)") &&
         make(drop_rows_to_, "DELETE FROM changes WHERE (generation, number) <= (?1, ?2)") &&
         make(drop_batches_to_, "DELETE FROM batches WHERE (generation, number) <= (?1, ?2)") &&
         make(rows_after_,
              "SELECT generation, number, at_us, name, body FROM changes CROSS JOIN names ON ns = ix"
              " WHERE (generation, number) > (?1, ?2) ORDER BY generation, number, name") &&
         make(rows_before_,
              "SELECT generation, number, at_us, body FROM changes"
              " WHERE ns = ?3 AND (generation, number) <= (?1, ?2) ORDER BY generation DESC, number DESC");
}

void AuditMirror::close_file() {
  for (Statement* statement :
       {&begin_, &commit_, &rollback_, &put_row_, &put_batch_, &put_name_, &last_batch_, &batch_at_, &drop_rows_after_,
        &drop_batches_after_, &drop_rows_to_, &drop_batches_to_, &rows_after_, &rows_before_})
    *statement = Statement();
  db_.close();
  names_.clear();
  end_ = {};
}

bool AuditMirror::read_names() {
  Statement all = db_.prepare("SELECT ix, name FROM names");
  if (!all) return false;
  int rc = all.step();
  for (; rc == SQLITE_ROW; rc = all.step()) names_.emplace(std::string(all.blob(1)), all.integer(0));
  return rc == SQLITE_DONE;
}

bool AuditMirror::find_end() {
  end_ = {};
  const int rc = last_batch_.step();
  if (rc == SQLITE_ROW) {
    const std::string_view id = last_batch_.blob(2);
    end_.place = place_at(last_batch_);
    if (id.size() == sizeof end_.batch) std::memcpy(&end_.batch, id.data(), sizeof end_.batch);
  }
  last_batch_.reset();
  return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

tl::unexpected<Error> AuditMirror::failed(std::string_view doing) {
  if (failed_.empty()) {
    failed_ = "The audit trail in " + path() + " cannot be used (" + std::string(doing) + "): " + db_.message();
    rollback_.run();
  }
  return fail(Code::unavailable, failed_);
}

Result<std::int64_t> AuditMirror::index_of(const std::string& ns) {
  if (const auto known = names_.find(ns); known != names_.end()) return known->second;
  const auto index = static_cast<std::int64_t>(names_.size());
  if (put_name_.bind(1, index).bind_text(2, ns).run() != SQLITE_DONE) return failed("writing a namespace");
  return names_[ns] = index;
}

bool AuditMirror::drop_behind(const LogPlace& after) {
  return bind_place(drop_rows_after_, 1, after).run() == SQLITE_DONE &&
         bind_place(drop_batches_after_, 1, after).run() == SQLITE_DONE;
}

bool AuditMirror::drop_up_to(const LogPlace& trimmed) {
  return bind_place(drop_rows_to_, 1, trimmed).run() == SQLITE_DONE &&
         bind_place(drop_batches_to_, 1, trimmed).run() == SQLITE_DONE;
}

Result<void> AuditMirror::trim(const LogPlace& trimmed) {
  if (!failed_.empty()) return failed({});
  if (begin_.run() != SQLITE_DONE || !drop_up_to(trimmed) || commit_.run() != SQLITE_DONE || !find_end())
    return failed("dropping batches");
  return {};
}

Result<void> AuditMirror::take(const AuditBatch& batch, const LogPlace& trimmed) {
  if (!failed_.empty()) return failed({});
  bool ok = begin_.run() == SQLITE_DONE && drop_behind(batch.from);
  for (auto row = batch.rows.begin(); ok && row != batch.rows.end(); ++row) {
    const auto ns = index_of(row->ns);
    if (!ns) return tl::unexpected(ns.error());
    ok = bind_place(put_row_, 1, row->place).bind(3, *ns).bind(4, to_us(row->at)).bind_blob(5, row->changes).run() ==
         SQLITE_DONE;
  }
  std::array<char, sizeof batch.id> id{};
  std::memcpy(id.data(), &batch.id, sizeof batch.id);
  ok = ok && bind_place(put_batch_, 1, batch.to).bind_blob(3, {id.data(), id.size()}).run() == SQLITE_DONE;
  if (!ok || !drop_up_to(trimmed) || commit_.run() != SQLITE_DONE) return failed("writing a batch");
  end_ = {batch.to, batch.id};
  return {};
}

Result<void> AuditMirror::cut(const LogPlace& after) {
  if (!failed_.empty()) return failed({});
  if (end_.place <= after) return {};
  LogPlace last;
  const int rc = bind_place(batch_at_, 1, after).step();
  if (rc == SQLITE_ROW) last = place_at(batch_at_);
  batch_at_.reset();
  const bool ok = (rc == SQLITE_ROW || rc == SQLITE_DONE) && begin_.run() == SQLITE_DONE && drop_behind(last);
  if (!ok || commit_.run() != SQLITE_DONE || !find_end()) return failed("dropping batches");
  return {};
}

Result<void> AuditMirror::set_aside() {
  if (!failed_.empty()) return failed({});
  if (last_batch_ && end_.place.is_nil()) return {};  // it is new
  close_file();
  // Closing it has put what was in the write-ahead log into the file; what is left of that after a crash is lost.
  for (const char* rest : {"-wal", "-shm"}) std::remove((path() + rest).c_str());
  std::rename(path().c_str(), (directory_ + "/audit.old.db").c_str());
  if (!open_file()) return failed("opening a new file");
  return {};
}

Result<std::vector<AuditRow>> AuditMirror::rows(const LogPlace& after, std::size_t bytes_max) {
  if (!failed_.empty()) return failed({});
  std::vector<AuditRow> found;
  std::size_t bytes = 0;
  bind_place(rows_after_, 1, after);
  int rc = rows_after_.step();
  for (; rc == SQLITE_ROW; rc = rows_after_.step()) {
    const LogPlace place = place_at(rows_after_);
    const std::string_view changes = rows_after_.blob(4);
    if (!found.empty() && bytes + changes.size() > bytes_max && place != found.back().place) break;
    bytes += changes.size();
    found.push_back({place, wall_us(rows_after_.integer(2)), std::string(rows_after_.blob(3)), std::string(changes)});
  }
  rows_after_.reset();
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return failed("reading");
  return found;
}

Result<bool> AuditMirror::read(std::string_view ns, const AuditCursor& before, AuditPager& pager) {
  if (!failed_.empty()) return failed({});
  const auto known = names_.find(ns);
  if (known == names_.end()) return true;
  const bool newest = before == AuditCursor{};
  const LogPlace from = newest ? LogPlace{std::uint64_t{1} << 62, 0} : LogPlace{before.generation, before.seq};
  bind_place(rows_before_, 1, from).bind(3, known->second);
  int rc = SQLITE_ROW;
  bool sound = true;
  while (sound && !pager.done()) {
    rc = rows_before_.step();
    if (rc != SQLITE_ROW) break;
    sound = pager.add(place_at(rows_before_), wall_us(rows_before_.integer(2)), rows_before_.blob(3));
  }
  rows_before_.reset();
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return failed("reading");
  if (!sound)
    return fail(Code::unavailable, "A row of the audit trail is not what was written: delete " + path() + ".");
  return rc == SQLITE_DONE;
}

}  // namespace hf
