// How the file is found, made and looked at before anything is believed of it.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "store/embedded/files.h"
#include "store/embedded/journal.h"
#include "store/embedded/journal_trouble.h"

namespace hf {
namespace {

constexpr std::uint64_t format_version = 2;

constexpr const char* schema =
    "PRAGMA page_size=4096; PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=FULL;"
    "BEGIN;"
    "CREATE TABLE journal(seq INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, body BLOB NOT NULL);"
    "CREATE TABLE state(ns INTEGER NOT NULL, entity INTEGER NOT NULL, key BLOB NOT NULL, body BLOB NOT NULL,"
    " PRIMARY KEY(ns, entity, key)) WITHOUT ROWID;"
    "CREATE TABLE namespaces(ix INTEGER PRIMARY KEY, name TEXT NOT NULL);"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;";

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(const std::string& directory, JournalOptions options) {
  auto lock = DirectoryLock::take(directory);
  if (!lock) return tl::unexpected(std::move(lock.error()));
  std::unique_ptr<Journal> journal(new Journal(directory, std::move(options), std::move(*lock)));
  const bool exists = std::filesystem::exists(journal->path());
  auto ok = exists ? journal->check_file() : journal->create_file();
  if (ok) ok = journal->check_log();
  if (ok) ok = journal->open_file();
  if (ok) ok = journal->read_meta();
  if (ok) ok = journal->prepare();
  if (!ok) return tl::unexpected(std::move(ok.error()));
  return journal;
}

// A new file gets its name only when it is whole, so that an empty holdfast.db is never a beginning but always a
// damage: SQLite would take an empty file for a new database and drop the write-ahead log beside it.
Result<void> Journal::create_file() {
  if (file_bytes(path() + "-wal") != 0)
    return damaged("holdfast.db is missing, but its write-ahead log holdfast.db-wal is there");
  if (std::filesystem::exists(mark_path()))
    return damaged("holdfast.db is missing, but holdfast.open says that it was in use");
  const std::string young = path() + ".new";
  ::unlink(young.c_str());
  ::unlink((young + "-journal").c_str());
  Database db;
  bool ok = db.open(young, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, options_.vfs) == SQLITE_OK &&
            db.execute(schema) == SQLITE_OK;
  if (ok) {
    Statement put = db.prepare("INSERT INTO meta VALUES(?,?)");
    ok = static_cast<bool>(put);
    const std::pair<std::string_view, std::string> rows[] = {{"format", seal_meta("format", bytes_of(format_version))},
                                                             {"fold", seal_meta("fold", bytes_of(FoldPoint{}))}};
    for (const auto& [name, value] : rows) ok = ok && put.bind_text(1, name).bind_blob(2, value).run() == SQLITE_DONE;
  }
  ok = ok && db.execute("COMMIT") == SQLITE_OK && db.execute("PRAGMA journal_mode=WAL") == SQLITE_OK;
  if (!ok) return fail(Code::unavailable, "cannot make " + young + ": " + db.message());
  db.close();
  if (!sync_file(young) || std::rename(young.c_str(), path().c_str()) != 0 || !sync_directory(directory_))
    return fail(Code::unavailable, "cannot make " + path() + ": " + std::strerror(errno));
  return {};
}

// What SQLite would overlook: an empty file, and one cut off within the first page.
Result<void> Journal::check_file() const {
  const int fd = ::open(path().c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(Code::unavailable, "cannot open " + path() + ": " + std::strerror(errno));
  char head[100] = {};
  const ssize_t n = pread(fd, head, sizeof head, 0);
  ::close(fd);
  if (n != static_cast<ssize_t>(sizeof head) || file_bytes(path()) < database_page_bytes)
    return damaged("its first page is cut off");
  if (std::memcmp(head, "SQLite format 3", 16) != 0) return damaged("it does not begin as a database does");
  return {};
}

// What SQLite would overlook in the log: see OpenMark.
Result<void> Journal::check_log() const {
  std::ifstream in(mark_path(), std::ios::binary);
  if (!in) return {};
  const std::string mark{std::istreambuf_iterator<char>(in), {}};
  const std::string missing = missing_of(mark, read_log(path() + "-wal"), boot_now());
  if (!missing.empty()) return damaged(missing);
  return {};
}

Result<void> Journal::open_file() {
  if (db_.open(path(), SQLITE_OPEN_READWRITE, options_.vfs) != SQLITE_OK)
    return fail(Code::unavailable, "cannot open " + path() + ": " + db_.message());
  sqlite3_extended_result_codes(db_.handle(), 1);
  sqlite3_busy_timeout(db_.handle(), journal_busy_millis);
  sqlite3_db_config(db_.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  // NORMAL leaves the log's sync to us (sync()), and still syncs around each emptying of the log. Freed pages hold
  // nothing secret: not overwriting them halves the log.
  const int rc = db_.execute(
      "PRAGMA synchronous=NORMAL; PRAGMA secure_delete=OFF; PRAGMA cell_size_check=ON;"
      "PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0");
  if (rc != SQLITE_OK) return unreadable();
  // The hook tells the log's length and takes the place of SQLite's own emptying, which would delay a commit.
  sqlite3_wal_hook(
      db_.handle(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Journal*>(self)->log_is(static_cast<std::uint64_t>(pages));
        return SQLITE_OK;
      },
      this);
  return {};
}

Result<void> Journal::read_meta() {
  get_meta_ = db_.prepare("SELECT value FROM meta WHERE key=?");
  if (!get_meta_) return unreadable();
  // The number comes first in every format, whatever the checksum behind it is made by.
  get_meta_.bind_text(1, "format");
  const int found = get_meta_.step();
  const auto version = found == SQLITE_ROW ? number_from(get_meta_.blob(0).substr(0, 8)) : std::nullopt;
  get_meta_.reset();
  if (found != SQLITE_ROW && found != SQLITE_DONE) return unreadable();
  if (!version || (*version == format_version && !meta("format"))) return damaged("it does not say its format");
  if (*version != format_version)
    return fail(Code::unavailable, path() + " has format " + std::to_string(*version) + ", this program reads format " +
                                       std::to_string(format_version) + ": start the version that wrote it");
  Statement mode = db_.prepare("PRAGMA journal_mode=WAL");
  if (!mode || mode.step() != SQLITE_ROW || mode.blob(0) != "wal") return unreadable();
  mode.reset();
  const auto fold = meta("fold");
  const auto point = fold ? fold_point_from(*fold) : std::nullopt;
  if (!point || point->folding_to < point->folded_to) return damaged("it does not say how far it is folded");
  folded_ = *point;
  const auto stripped = meta("stripped");  // a file of before has none
  stripped_ = (stripped ? number_from(*stripped) : std::nullopt).value_or(0);

  Statement names = db_.prepare("SELECT ix, name FROM namespaces ORDER BY ix");
  if (!names) return unreadable();
  int rc = names.step();
  for (; rc == SQLITE_ROW; rc = names.step()) {
    if (names.integer(0) != static_cast<std::int64_t>(namespaces_.size())) return damaged("a namespace is missing");
    const std::string name(names.blob(1));
    // The ceiling's row covers the name too, so that a namespace cannot change its name by a flipped bit.
    const auto sealed = meta(ceiling_name(namespaces_.size()));
    const auto ceiling =
        sealed && sealed->size() >= 8 ? number_from(std::string_view(*sealed).substr(0, 8)) : std::nullopt;
    if (!ceiling || std::string_view(*sealed).substr(8) != name) return damaged("a namespace's tokens are missing");
    namespaces_.push_back({name, *ceiling});
  }
  if (rc != SQLITE_DONE) return unreadable();
  if (meta(ceiling_name(namespaces_.size()))) return damaged("the last namespace is missing");
  return {};
}

Result<void> Journal::prepare() {
  const std::pair<Statement*, std::string_view> statements[] = {
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&insert_row_, "INSERT INTO journal VALUES(?,?,?)"},
      {&rows_from_, "SELECT seq, at_us, body FROM journal WHERE seq >= ? ORDER BY seq"},
      {&oldest_row_, "SELECT seq, at_us, length(body) FROM journal ORDER BY seq LIMIT 1"},
      {&delete_row_, "DELETE FROM journal WHERE seq=?"},
      {&update_row_, "UPDATE journal SET body=? WHERE seq=?"},
      {&get_state_, "SELECT body FROM state WHERE ns=? AND entity=? AND key=?"},
      {&put_state_, "INSERT INTO state VALUES(?,?,?,?) ON CONFLICT DO UPDATE SET body=excluded.body"},
      {&erase_state_, "DELETE FROM state WHERE ns=? AND entity=? AND key=?"},
      {&put_meta_, "INSERT INTO meta VALUES(?,?) ON CONFLICT DO UPDATE SET value=excluded.value"},
      {&put_namespace_, "INSERT INTO namespaces VALUES(?,?)"}};
  for (const auto& [statement, sql] : statements) {
    *statement = db_.prepare(sql);
    if (!*statement) return unreadable();
  }
  return {};
}

}  // namespace hf
