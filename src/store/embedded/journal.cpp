#include "store/embedded/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include "base/assert.h"

namespace hf {
namespace {

constexpr std::uint64_t kFormat = 2;
constexpr std::uint64_t kPageBytes = 4096;
constexpr std::size_t kLoadChunkBytes = 256 << 10;
constexpr int kBackupPages = 128;
constexpr int kBusyMillis = 2'000;  // for another program, say a copying one, to leave the file

constexpr const char* kSchema =
    "PRAGMA page_size=4096; PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=FULL;"
    "BEGIN;"
    "CREATE TABLE journal(seq INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, body BLOB NOT NULL);"
    "CREATE TABLE state(ns INTEGER NOT NULL, entity INTEGER NOT NULL, key BLOB NOT NULL, body BLOB NOT NULL,"
    " PRIMARY KEY(ns, entity, key)) WITHOUT ROWID;"
    "CREATE TABLE namespaces(ix INTEGER PRIMARY KEY, name TEXT NOT NULL);"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;";

// Slices are measured, not counted: how long a page takes is the disk's to say.
class Stopwatch {
 public:
  Micros passed() const { return std::chrono::duration_cast<Micros>(std::chrono::steady_clock::now() - start_); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::string ceiling_name(std::size_t ns) { return "ceiling/" + std::to_string(ns); }

bool sync_directory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool ok = fsync(fd) == 0;
  ::close(fd);
  return ok;
}

bool sync_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return false;
  const bool ok = fsync(fd) == 0;
  ::close(fd);
  return ok;
}

std::string parent_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

std::uint64_t file_bytes(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

// Nothing if there is no such file.
std::optional<FileId> file_at(const std::string& path) {
  struct stat found = {};
  if (::stat(path.c_str(), &found) != 0) return std::nullopt;
  return FileId{found.st_dev, found.st_ino};
}

// Whether anybody asks for it once it is folded: the audit trail, and a start that wants to know how grants ended.
bool outlives_folding(Entity entity) {
  return entity == Entity::session || entity == Entity::grant || entity == Entity::wait || entity == Entity::ended ||
         entity == Entity::note;
}

// States of bills are most of what is written where they are published, and their log is in the state. Rows without
// any are left as they are: to write them again would cost more than it saves.
bool has_states_of_bills(std::string_view changes) {
  while (const auto change = take_change(changes)) {
    if (change->header.entity >= Entity::status_meta) return true;
  }
  return false;
}

}  // namespace

struct Journal::Fold {
  FoldRound round;
  bool resumed = false;  // an earlier process wrote some of the keys
  bool gathered = false;
  std::uint64_t next = 0;   // the next row to gather
  std::uint64_t bytes = 0;  // of the rows gathered
  std::vector<FoldRound::Row> rows;
  std::size_t at = 0;   // the next of them to write
  bool strips = false;  // some of the rows have states of bills
};

struct Journal::Backup {
  std::string path;
  Database copy;
  std::function<void(Result<void>)> done;
  struct Finish {
    void operator()(sqlite3_backup* b) const noexcept { sqlite3_backup_finish(b); }
  };
  std::unique_ptr<sqlite3_backup, Finish> handle;  // after `copy`: it ends first
  std::string partial() const { return path + ".partial"; }
};

// ------------------------------------------------------------------------------------------------ opening

Journal::Journal(std::string directory, JournalOptions options, DirectoryLock lock)
    : directory_(std::move(directory)), options_(std::move(options)), lock_(std::move(lock)) {}

Journal::~Journal() {
  if (backup_) {
    ::unlink(backup_->partial().c_str());
    backup_->done(fail(Code::unavailable, "the engine stopped before the copy was whole"));
  }
  // SQLite empties the write-ahead log into the file as it closes: not from what was refused, and not after a
  // failed sync, when the pages in memory may be all that is left of what the log should hold.
  if (db_.handle() == nullptr || !loaded_ || !failed_.empty()) return;
  // The mark goes after all is in the file and before SQLite removes the log: with a mark there is always a log.
  if (empty_wal() && whole_ && mark_.remove())
    sqlite3_db_config(db_.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
}

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

tl::unexpected<Error> Journal::damaged(std::string_view what) const {
  return fail(Code::unavailable, path() + " is damaged: " + std::string(what) +
                                     ". It was left as it is. To restore: move " + directory_ +
                                     " away, make it anew and put the newest backup there as holdfast.db");
}

// After SQLite gave something else than was asked for: only some of its reasons are the file's.
tl::unexpected<Error> Journal::unreadable() const {
  const int rc = sqlite3_extended_errcode(db_.handle());
  switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fail(Code::unavailable, path() + " is in use by another program: end that one, then start again");
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_NOMEM: {
      const int cause = sqlite3_system_errno(db_.handle());
      return fail(Code::unavailable, "cannot read " + path() + ": " + db_.message() +
                                         (cause != 0 ? std::string(" (") + std::strerror(cause) + ")" : ""));
    }
    default: return damaged(db_.message());
  }
}

tl::unexpected<Error> Journal::break_down(std::string_view doing) {
  if (failed_.empty()) failed_ = std::string(doing) + " failed: " + db_.message();
  return refuse_failed();
}

tl::unexpected<Error> Journal::refuse_failed() const {
  return fail(Code::unavailable,
              path() + ": " + failed_ + ". Nothing more is written; start again to recover from the file");
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
            db.execute(kSchema) == SQLITE_OK;
  if (ok) {
    Statement put = db.prepare("INSERT INTO meta VALUES(?,?)");
    ok = static_cast<bool>(put);
    const std::pair<std::string_view, std::string> rows[] = {{"format", seal_meta("format", bytes_of(kFormat))},
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
  if (n != static_cast<ssize_t>(sizeof head) || file_bytes(path()) < kPageBytes)
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
  sqlite3_busy_timeout(db_.handle(), kBusyMillis);
  sqlite3_db_config(db_.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  // NORMAL leaves the log's sync to us (sync()), and still syncs around each emptying of the log. EXCLUSIVE
  // keeps the log's index in memory. Freed pages hold nothing secret: not overwriting them halves the log.
  const int rc = db_.execute(
      "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=OFF; PRAGMA cell_size_check=ON;"
      "PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0");
  if (rc != SQLITE_OK) return unreadable();
  // The hook tells the log's length and takes the place of SQLite's own emptying, which would delay a commit.
  sqlite3_wal_hook(
      db_.handle(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Journal*>(self)->wal_pages_ = static_cast<std::uint64_t>(pages);
        return SQLITE_OK;
      },
      this);
  return {};
}

std::optional<std::string> Journal::meta(std::string_view name) {
  get_meta_.bind_text(1, name);
  std::optional<std::string> bytes;
  if (get_meta_.step() == SQLITE_ROW) {
    if (const auto opened = open_meta(name, get_meta_.blob(0))) bytes = std::string(*opened);
  }
  get_meta_.reset();
  return bytes;
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
  if (!version || (*version == kFormat && !meta("format"))) return damaged("it does not say its format");
  if (*version != kFormat)
    return fail(Code::unavailable, path() + " has format " + std::to_string(*version) + ", this program reads format " +
                                       std::to_string(kFormat) + ": start the version that wrote it");
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
      {&rows_before_, "SELECT seq, at_us, body FROM journal WHERE seq <= ? ORDER BY seq DESC"},
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

// ------------------------------------------------------------------------------------------------ loading

Result<void> Journal::load(const Take& take) {
  HF_ASSERT(!loaded_);
  auto interrupted = read_interrupted_fold();
  if (!interrupted) return tl::unexpected(std::move(interrupted.error()));
  if (auto ok = load_state(interrupted->take_rows(), take); !ok) return ok;
  if (auto ok = load_recent(take); !ok) return ok;
  if (auto ok = load_rows(take); !ok) return ok;
  loaded_ = true;
  find_oldest();
  // A sync that failed before a crash may have left pages of the log only in the system's cache, marked clean.
  // Written to the file they are dirty again, and the next sync tells the truth.
  if (!empty_wal() || !set_mark()) return refuse_failed();
  return {};
}

// The log is given something to hold first, so that with the mark there is always a log. SQLite does not write what
// is there already, hence the number of starts.
bool Journal::set_mark() {
  const auto before = meta("starts");
  const std::uint64_t starts = (before ? number_from(*before) : std::nullopt).value_or(0) + 1;
  bool ok = begin_.run() == SQLITE_DONE && write_meta("starts", bytes_of(starts)) && commit_.run() == SQLITE_DONE;
  unsynced_ = true;
  ok = ok && sync_log();
  if (ok) {
    claim_.told = claim_.synced = wal_pages_;
    ok = read_salts();
  }
  claim_.boot = boot_now();
  const char* vfs = options_.vfs.empty() ? nullptr : options_.vfs.c_str();
  ok = ok && mark_.set(sqlite3_vfs_find(vfs), mark_path(), claim_) == SQLITE_OK;
  if (!ok) {
    break_down("marking the file as in use");
    return false;
  }
  database_ = file_at(path());
  log_ = file_at(path() + "-wal");
  return true;
}

bool Journal::read_salts() {
  sqlite3_file* log = nullptr;
  std::array<char, log_header_bytes> head{};
  if (sqlite3_file_control(db_.handle(), "main", SQLITE_FCNTL_JOURNAL_POINTER, static_cast<void*>(&log)) != SQLITE_OK ||
      log == nullptr || log->pMethods == nullptr ||
      log->pMethods->xRead(log, head.data(), static_cast<int>(head.size()), 0) != SQLITE_OK)
    return false;
  claim_.salts = salts_in({head.data(), head.size()});
  log_begun_ = false;
  return true;
}

// Called after a commit or sync has succeeded and before anybody hears of it.
bool Journal::claim_log(std::uint64_t synced) {
  if (log_begun_) {
    claim_.synced = 0;
    if (!read_salts()) return false;
  }
  claim_.told = wal_pages_;
  claim_.synced = std::max(claim_.synced, synced);
  return mark_.claim(claim_) == SQLITE_OK;
}

// Folding writes keys in their order, not in the rows' order, so a process that died in a round has left some
// keys ahead of `folded_to`. The rows of that round, put over the state, make it whole again.
Result<FoldRound> Journal::read_interrupted_fold() {
  FoldRound round;
  std::uint64_t expected = folded_.folded_to + 1;
  rows_from_.bind(1, static_cast<std::int64_t>(expected));
  while (expected <= folded_.folding_to) {
    if (rows_from_.step() != SQLITE_ROW || rows_from_.integer(0) != static_cast<std::int64_t>(expected))
      return damaged("row " + std::to_string(expected) + " is missing");
    auto sections = open_row(rows_from_.blob(2), expected, rows_from_.integer(1));
    while (sections && !sections->empty()) {
      const auto section = take_section(*sections);
      if (!section || section->ns >= namespaces_.size() || !round.add(*section)) sections.reset();
    }
    if (!sections) return damaged("row " + std::to_string(expected) + " is not what was written");
    ++expected;
  }
  rows_from_.reset();
  return round;
}

Result<void> Journal::load_state(const std::vector<FoldRound::Row>& over, const Take& take) {
  Statement all = db_.prepare("SELECT ns, entity, key, body FROM state ORDER BY ns, entity, key");
  if (!all) return unreadable();
  auto next = over.begin();
  std::string chunk;
  NamespaceIndex chunk_ns = 0;
  const auto give = [&](const StateKey& key, std::string_view body) {
    if (key.ns != chunk_ns || chunk.size() >= kLoadChunkBytes) {
      if (!chunk.empty() && !take(chunk_ns, chunk)) return false;
      chunk.clear();
      chunk_ns = key.ns;
    }
    append_put(chunk, key, body);
    return true;
  };
  const auto give_over = [&] {
    const auto& [key, entry] = *next++;
    return entry.erase || give(key, entry.body);
  };
  std::uint64_t rows = 0;
  std::uint64_t sum = 0;
  bool sound = true;
  int rc = all.step();
  for (; sound && rc == SQLITE_ROW; rc = all.step()) {
    const std::int64_t ns = all.integer(0);
    const std::int64_t entity = all.integer(1);
    const auto id = key_from_blob(all.blob(2));
    if (ns < 0 || ns >= static_cast<std::int64_t>(namespaces_.size()) || entity < 1 || entity > 255 || !id)
      return damaged("a key of the state makes no sense");
    const StateKey key{static_cast<NamespaceIndex>(ns), static_cast<Entity>(entity), *id};
    const auto state = open_state(key, all.blob(3));
    if (!state) return damaged("a row of the state is not what was written");
    ++rows;
    sum += state->checksum;
    while (sound && next != over.end() && next->first < key) sound = give_over();
    if (!sound) break;
    if (next != over.end() && next->first == key)
      sound = give_over();
    else
      sound = give(key, state->body);
  }
  if (sound && rc != SQLITE_DONE) return unreadable();
  while (sound && next != over.end()) sound = give_over();
  if (sound && !chunk.empty()) sound = take(chunk_ns, chunk);
  if (!sound) return damaged("the state contradicts itself");
  if (rows != folded_.rows || sum != folded_.sum) return damaged("rows of the state are missing or old");
  return {};
}

// What is not folded is still asked for: the newest part of the rows that are folded has it.
Result<void> Journal::load_recent(const Take& take) {
  constexpr std::int64_t recent_us = 600'000'000;
  constexpr std::int64_t recent_bytes_max = 32 << 20;
  Statement newest_first = db_.prepare("SELECT seq, at_us, length(body) FROM journal WHERE seq <= ? ORDER BY seq DESC");
  if (!newest_first) return unreadable();
  const auto last = static_cast<std::int64_t>(folded_.folding_to);
  std::int64_t first = last + 1;
  std::int64_t newest_at = 0;
  std::int64_t bytes = 0;
  newest_first.bind(1, last);
  while (newest_first.step() == SQLITE_ROW) {
    if (newest_at == 0) newest_at = newest_first.integer(1);
    bytes += newest_first.integer(2);
    if (newest_first.integer(1) < newest_at - recent_us || bytes > recent_bytes_max) break;
    first = newest_first.integer(0);
  }
  std::string kept;
  rows_from_.bind(1, first);
  while (rows_from_.step() == SQLITE_ROW && rows_from_.integer(0) <= last) {
    auto sections =
        open_row(rows_from_.blob(2), static_cast<std::uint64_t>(rows_from_.integer(0)), rows_from_.integer(1));
    while (sections && !sections->empty()) {
      const auto section = take_section(*sections);
      kept.clear();
      std::string_view changes = section ? section->changes : std::string_view();
      while (const auto change = take_change(changes)) {
        if (change->header.entity == Entity::ended) kept += change->whole;
      }
      if (!section || section->ns >= namespaces_.size() || !changes.empty() || !take(section->ns, kept))
        sections.reset();
    }
    if (!sections) return damaged("row " + std::to_string(rows_from_.integer(0)) + " is not what was written");
  }
  rows_from_.reset();
  return {};
}

Result<void> Journal::load_rows(const Take& take) {
  std::uint64_t expected = folded_.folded_to + 1;
  rows_from_.bind(1, static_cast<std::int64_t>(expected));
  int rc = rows_from_.step();
  for (; rc == SQLITE_ROW; rc = rows_from_.step(), ++expected) {
    if (rows_from_.integer(0) != static_cast<std::int64_t>(expected))
      return damaged("row " + std::to_string(expected) + " is missing");
    const std::string_view row = rows_from_.blob(2);
    unfolded_bytes_ += row.size();
    if (expected <= folded_.folding_to) continue;
    auto sections = open_row(row, expected, rows_from_.integer(1));
    while (sections && !sections->empty()) {
      const auto section = take_section(*sections);
      if (!section || section->ns >= namespaces_.size() || !take(section->ns, section->changes)) sections.reset();
    }
    if (!sections) return damaged("row " + std::to_string(expected) + " is not what was written");
  }
  rows_from_.reset();
  if (rc != SQLITE_DONE) return unreadable();
  last_seq_ = expected - 1;
  if (last_seq_ < folded_.folding_to) return damaged("rows that were folded are missing");
  return {};
}

// ---------------------------------------------------------------------------------------------- committing

bool Journal::write_meta(std::string_view name, std::string_view bytes) {
  const std::string sealed = seal_meta(name, bytes);
  return put_meta_.bind_text(1, name).bind_blob(2, sealed).run() == SQLITE_DONE;
}

bool Journal::write_namespace(std::size_t index) {
  return write_meta(ceiling_name(index), bytes_of(namespaces_[index].ceiling) + namespaces_[index].name);
}

bool Journal::append_row(const JournalBatch& batch) {
  begin_row(row_);
  for (const JournalSection& section : batch.sections) {
    HF_ASSERT(section.ns < namespaces_.size() && section.changes.size() <= std::numeric_limits<std::uint32_t>::max());
    if (!section.changes.empty()) add_section(row_, section.ns, section.changes);
  }
  std::string_view sections = std::string_view(row_).substr(4);
  if (sections.empty()) return true;
  const std::uint64_t seq = last_seq_ + 1;
  seal_row(row_, seq, to_us(batch.at));
  if (insert_row_.bind(1, static_cast<std::int64_t>(seq)).bind(2, to_us(batch.at)).bind_blob(3, row_).run() !=
      SQLITE_DONE)
    return false;
  last_seq_ = seq;
  unfolded_bytes_ += row_.size();
  if (oldest_seq_ == 0) {
    oldest_seq_ = seq;
    oldest_at_ = batch.at;
  }
  return true;
}

bool Journal::write_batch(const JournalBatch& batch, bool& sync_first) {
  for (const std::string& name : batch.new_namespaces) {
    const std::size_t index = namespaces_.size();
    namespaces_.push_back({name, 0});
    if (put_namespace_.bind(1, static_cast<std::int64_t>(index)).bind_text(2, name).run() != SQLITE_DONE) return false;
    if (!write_namespace(index)) return false;
  }
  for (const JournalSection& section : batch.sections) {
    Token& ceiling = namespaces_[section.ns].ceiling;
    if (section.last_token <= ceiling) continue;
    ceiling = std::min<Token>(section.last_token + options_.token_reserve, token_max);
    if (!write_namespace(section.ns)) return false;
    sync_first = true;
  }
  return append_row(batch);
}

Result<void> Journal::commit(const JournalBatch& batch) {
  if (!failed_.empty()) return refuse_failed();
  HF_ASSERT(loaded_);
  bool sync_now = options_.durability == Durability::full;
  if (begin_.run() != SQLITE_DONE) return break_down("beginning a commit");
  if (!write_batch(batch, sync_now)) return break_down("writing a commit");
  if (commit_.run() != SQLITE_DONE) return break_down("a commit");
  unsynced_ = true;
  if (sync_now) return sync();
  if (!claim_log(0)) return break_down("marking a commit");
  return {};
}

Result<void> Journal::sync() {
  const auto log = begin_sync();
  if (log) return end_sync(*log, log->run());
  if (!failed_.empty()) return refuse_failed();
  return {};
}

std::optional<Journal::LogSync> Journal::begin_sync() {
  if (!failed_.empty() || !unsynced_) return std::nullopt;
  auto log = log_to_sync();
  if (!log) break_down("finding the write-ahead log");
  unsynced_ = false;  // what is committed from here on needs another one
  return log;
}

Result<void> Journal::end_sync(const LogSync& sync, bool ok) {
  if (!ok && failed_.empty())
    failed_ = std::string("a sync failed: ") + std::strerror(sqlite3_system_errno(db_.handle()));
  if (!failed_.empty()) return refuse_failed();
  if (!claim_log(sync.pages)) return break_down("marking a sync");
  return {};
}

// The log is synced here and not by SQLite (synchronous=FULL), so that one setting serves both durabilities and a
// sync without a commit is possible. It goes through SQLite's own file, so that a VFS sees it.
bool Journal::LogSync::run() const noexcept { return log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) == SQLITE_OK; }

std::optional<Journal::LogSync> Journal::log_to_sync() {
  sqlite3_file* log = nullptr;
  const int rc = sqlite3_file_control(db_.handle(), "main", SQLITE_FCNTL_JOURNAL_POINTER, static_cast<void*>(&log));
  if (rc != SQLITE_OK || log == nullptr || log->pMethods == nullptr) return std::nullopt;
  return LogSync{log, wal_pages_};
}

bool Journal::sync_log() {
  const auto log = log_to_sync();
  if (!log || !log->run()) return false;
  unsynced_ = false;
  return true;
}

Result<void> Journal::raise_ceilings(Token amount) {
  if (!failed_.empty()) return refuse_failed();
  bool ok = begin_.run() == SQLITE_DONE;
  for (std::size_t i = 0; i < namespaces_.size(); ++i) {
    namespaces_[i].ceiling = std::min<Token>(namespaces_[i].ceiling + amount, token_max);
    ok = ok && write_namespace(i);
  }
  if (!ok || commit_.run() != SQLITE_DONE) return break_down("raising the tokens");
  unsynced_ = true;
  return sync();
}

// ------------------------------------------------------------------------------------------------- tending

bool Journal::empty_wal() {
  // One connection, no open reader: a passive emptying is a whole one, and the next commit begins the log anew.
  int pages = 0;
  int done = 0;
  if (sqlite3_wal_checkpoint_v2(db_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &done) != SQLITE_OK) {
    break_down("emptying the write-ahead log");
    return false;
  }
  wal_pages_ = 0;
  log_begun_ = true;
  unsynced_ = false;  // it syncs the log before it copies
  whole_ = pages == done;
  return true;
}

bool Journal::wants_tending() const noexcept {
  if (!failed_.empty()) return false;
  return wal_pages_ * kPageBytes >= options_.wal_idle_bytes || fold_ || unfolded_bytes_ >= options_.fold_bytes ||
         strip_due() || backup_;
}

bool Journal::tend(Pace pace, Wall now) {
  if (!failed_.empty() || !loaded_) return false;
  const bool idle = pace == Pace::idle;
  if (wal_pages_ * kPageBytes >= (idle ? options_.wal_idle_bytes : options_.wal_busy_bytes)) return empty_wal();
  if (backup_) {
    backup_slice();
    return failed_.empty();
  }
  const bool fold_begun = fold_ != nullptr || unfolded_bytes_ >= options_.fold_bytes;
  if (idle ? fold_begun : unfolded_bytes_ >= 2 * options_.fold_bytes) {
    fold_slice();
    return failed_.empty();
  }
  // Before old rows go: else states of bills would push the audit trail out.
  if (strip_due() && (idle || folded_.kept_bytes > options_.audit_bytes_max)) {
    strip_slice();
    return failed_.empty();
  }
  if (retention_due(now) && (idle || folded_.kept_bytes > options_.audit_bytes_max + options_.audit_bytes_max / 4)) {
    retention_slice(now);
    return failed_.empty();
  }
  return false;
}

void Journal::fold(Micros budget) {
  const Stopwatch watch;
  while (failed_.empty() && loaded_ && folded_.folded_to < last_seq_ && watch.passed() < budget) {
    fold_slice();
    if (wal_pages_ * kPageBytes >= options_.wal_busy_bytes) empty_wal();
  }
}

void Journal::fold_slice() {
  if (!fold_) {
    fold_ = std::make_unique<Fold>();
    fold_->next = folded_.folded_to + 1;
    fold_->resumed = folded_.folding_to > folded_.folded_to;
  }
  const bool ok = fold_->gathered ? write_slice() : gather_slice();
  if (!ok) break_down("folding");
  if (!failed_.empty()) fold_.reset();
}

// A resumed round takes exactly the rows of the interrupted one: it is by those that fresh keys and their
// erasures were cancelled out.
bool Journal::gather_slice() {
  const Stopwatch watch;
  Fold& fold = *fold_;
  const std::uint64_t last = fold.resumed ? folded_.folding_to : last_seq_;
  rows_from_.bind(1, static_cast<std::int64_t>(fold.next));
  bool ok = true;
  const auto full = [&] { return !fold.resumed && fold.round.bytes() >= options_.fold_round_bytes; };
  for (bool first = true; ok && fold.next <= last && !full() && (first || watch.passed() < options_.slice);
       first = false) {
    ok = rows_from_.step() == SQLITE_ROW && rows_from_.integer(0) == static_cast<std::int64_t>(fold.next);
    if (!ok) break;
    const std::string_view row = rows_from_.blob(2);
    auto sections = open_row(row, fold.next, rows_from_.integer(1));
    while (sections && !sections->empty()) {
      const auto section = take_section(*sections);
      fold.strips = fold.strips || (section && has_states_of_bills(section->changes));
      if (!section || !fold.round.add(*section)) sections.reset();
    }
    ok = sections.has_value();
    fold.bytes += row.size();
    ++fold.next;
  }
  rows_from_.reset();
  fold.gathered = fold.next > last || full();
  if (fold.gathered) fold.rows = fold.round.take_rows();
  return ok;
}

bool Journal::write_slice() {
  const Stopwatch watch;
  Fold& fold = *fold_;
  if (begin_.run() != SQLITE_DONE) return false;
  FoldPoint point = folded_;
  folded_.folding_to = fold.next - 1;
  const auto more = [&] { return fold.at != fold.rows.size(); };
  for (bool first = true; more() && (first || watch.passed() < options_.slice); ++fold.at, first = false) {
    if (!apply(fold.rows[fold.at].first, fold.rows[fold.at].second)) return false;
  }
  const bool done = !more();
  if (done) {
    const bool strips = fold.strips || strip_due();
    folded_.folded_to = folded_.folding_to;
    if (!strips) stripped_ = folded_.folded_to;
    folded_.kept_bytes += fold.bytes;
    unfolded_bytes_ -= fold.bytes;
  }
  if (folded_ != point && !write_meta("fold", bytes_of(folded_))) return false;
  if (done && !strip_due() && !write_meta("stripped", bytes_of(stripped_))) return false;
  if (commit_.run() != SQLITE_DONE) return false;
  unsynced_ = true;
  if (done) fold_.reset();
  return true;
}

void Journal::strip_slice() {
  const Stopwatch watch;
  bool ok = begin_.run() == SQLITE_DONE;
  for (bool first = true; ok && strip_due() && (first || watch.passed() < options_.slice); first = false)
    ok = strip_next();
  find_oldest();
  ok = ok && write_meta("fold", bytes_of(folded_)) && write_meta("stripped", bytes_of(stripped_)) &&
       commit_.run() == SQLITE_DONE;
  unsynced_ = true;
  if (!ok) break_down("stripping folded rows");
}

// Takes out of the first row behind stripped_ what nobody asks for, if it has states of bills; an empty row goes.
bool Journal::strip_next() {
  rows_from_.bind(1, static_cast<std::int64_t>(stripped_ + 1));
  const int rc = rows_from_.step();
  const std::uint64_t seq = rc == SQLITE_ROW ? static_cast<std::uint64_t>(rows_from_.integer(0)) : last_seq_ + 1;
  if (seq > folded_.folded_to) {
    rows_from_.reset();
    stripped_ = folded_.folded_to;
    return rc == SQLITE_ROW || rc == SQLITE_DONE;
  }
  const std::int64_t at_us = rows_from_.integer(1);
  const std::string_view row = rows_from_.blob(2);
  const std::uint64_t bytes = row.size();
  begin_row(row_);
  std::string kept;
  bool strips = false;
  auto sections = open_row(row, seq, at_us);
  while (sections && !sections->empty()) {
    const auto section = take_section(*sections);
    kept.clear();
    std::string_view changes = section ? section->changes : std::string_view();
    strips = strips || has_states_of_bills(changes);
    while (const auto change = take_change(changes)) {
      if (outlives_folding(change->header.entity)) kept += change->whole;
    }
    if (!section || !changes.empty()) {
      sections.reset();
    } else if (!kept.empty()) {
      add_section(row_, section->ns, kept);
    }
  }
  rows_from_.reset();
  stripped_ = seq;
  if (!sections || !strips) return true;  // who reads the trail is told that the row is damaged
  const bool gone = std::string_view(row_).substr(4).empty();
  if (!gone) seal_row(row_, seq, at_us);
  folded_.kept_bytes -= gone ? bytes : bytes - row_.size();
  const auto place = static_cast<std::int64_t>(seq);
  return (gone ? delete_row_.bind(1, place) : update_row_.bind_blob(1, row_).bind(2, place)).run() == SQLITE_DONE;
}

bool Journal::apply(const StateKey& key, const FoldEntry& entry) {
  const auto blob = key_blob(key.key);
  const std::string_view id(blob.data(), blob.size());
  const auto bind_key = [&](Statement& s) -> Statement& {
    return s.bind(1, key.ns).bind(2, static_cast<std::int64_t>(key.entity)).bind_blob(3, id);
  };
  const int rc = bind_key(get_state_).step();
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return false;
  const bool was = rc == SQLITE_ROW;
  if (was) {
    const auto old = open_state(key, get_state_.blob(0));
    if (!old) return false;
    folded_.sum -= old->checksum;
    --folded_.rows;
  }
  get_state_.reset();
  if (entry.erase) return !was || bind_key(erase_state_).run() == SQLITE_DONE;
  const std::uint32_t checksum = state_checksum(key, entry.body);
  const std::string sealed = seal_state(entry.body, checksum);
  folded_.sum += checksum;
  ++folded_.rows;
  return bind_key(put_state_).bind_blob(4, sealed).run() == SQLITE_DONE;
}

void Journal::find_oldest() {
  oldest_seq_ = 0;
  if (oldest_row_.step() == SQLITE_ROW) {
    oldest_seq_ = static_cast<std::uint64_t>(oldest_row_.integer(0));
    oldest_at_ = wall_us(oldest_row_.integer(1));
  }
  oldest_row_.reset();
}

bool Journal::retention_due(Wall now) const noexcept {
  if (oldest_seq_ == 0 || oldest_seq_ > folded_.folded_to) return false;
  return folded_.kept_bytes > options_.audit_bytes_max || now - oldest_at_ > options_.audit_age_max;
}

void Journal::retention_slice(Wall now) {
  const Stopwatch watch;
  bool ok = begin_.run() == SQLITE_DONE;
  for (bool first = true; ok && retention_due(now) && (first || watch.passed() < options_.slice); first = false) {
    ok = oldest_row_.step() == SQLITE_ROW;
    const auto bytes = static_cast<std::uint64_t>(oldest_row_.integer(2));
    oldest_row_.reset();
    ok = ok && bytes <= folded_.kept_bytes &&
         delete_row_.bind(1, static_cast<std::int64_t>(oldest_seq_)).run() == SQLITE_DONE;
    if (ok) folded_.kept_bytes -= bytes;
    find_oldest();
  }
  ok = ok && write_meta("fold", bytes_of(folded_)) && commit_.run() == SQLITE_DONE;
  unsynced_ = true;
  if (!ok) break_down("dropping old audit rows");
}

// ------------------------------------------------------------------------------------------- audit, backup

Result<AuditPage> Journal::audit(NamespaceIndex ns, const AuditFilter& filter, AuditCursor before, std::size_t limit,
                                 std::size_t bytes_max) {
  // Rows are in commit order, entries by their own clock: a day covers every reasonable step between the two.
  constexpr std::chrono::hours slack{24};
  if (before.generation != 0)
    return fail(Code::invalid, "That is a cursor of another trail: begin without one.", "next");
  AuditPage page;
  page.next = before;
  std::uint64_t scanned = 0;
  std::vector<std::pair<std::uint32_t, AuditEntry>> found;
  const std::uint64_t first = std::min<std::uint64_t>(before.seq, std::uint64_t{1} << 62);
  // Nothing of row `seq` is left at index 0: reading it again could fill a page without getting on.
  rows_before_.bind(1, static_cast<std::int64_t>(first) - (before.index == 0 ? 1 : 0));
  Page room(bytes_max);
  bool full = false;
  int rc = SQLITE_ROW;
  while (!full && page.entries.size() < limit && scanned < options_.audit_scan_bytes_max) {
    rc = rows_before_.step();
    if (rc != SQLITE_ROW) break;
    const auto seq = static_cast<std::uint64_t>(rows_before_.integer(0));
    const std::string_view row = rows_before_.blob(2);
    const Wall at = wall_us(rows_before_.integer(1));
    if (filter.from && at + slack < *filter.from) {
      rc = SQLITE_DONE;
      break;
    }
    scanned += row.size();
    auto sections = open_row(row, seq, to_us(at));
    std::uint32_t index = 0;
    const std::uint32_t index_end = seq == before.seq ? before.index : std::numeric_limits<std::uint32_t>::max();
    found.clear();
    while (sections && !sections->empty()) {
      const auto section = take_section(*sections);
      if (!section) {
        sections.reset();
        break;
      }
      std::string_view changes = section->changes;
      if (section->ns != ns) continue;
      while (auto change = take_change(changes)) {
        if (!outlives_folding(change->header.entity)) continue;  // it may be gone at the next page
        const std::uint32_t place = index++;
        if (place >= index_end) break;
        auto entry = audit_of(*change);
        if (entry && matches(*entry, filter)) found.emplace_back(place, std::move(*entry));
      }
    }
    if (!sections) {
      rows_before_.reset();
      return damaged("row " + std::to_string(seq) + " of the audit trail is not what was written");
    }
    page.next = {.seq = seq};
    for (auto it = found.rbegin(); it != found.rend() && page.entries.size() < limit; ++it) {
      full = !room.takes(bytes_of(it->second));
      page.next.index = full ? it->first + 1 : it->first;
      if (full) break;
      page.entries.push_back(std::move(it->second));
      if (std::next(it) == found.rend()) page.next.index = 0;
    }
  }
  rows_before_.reset();
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return unreadable();
  page.end = rc == SQLITE_DONE;
  return page;
}

Result<void> Journal::begin_backup(const std::string& path, std::function<void(Result<void>)> done) {
  if (!failed_.empty()) return refuse_failed();
  if (backup_) return fail(Code::unavailable, "a backup is being made already: repeat when it is done");
  if (std::filesystem::exists(path)) return fail(Code::invalid, path + " exists already: name a new file", "path");
  auto backup = std::make_unique<Backup>();
  backup->path = path;
  ::unlink(backup->partial().c_str());
  if (backup->copy.open(backup->partial(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, options_.vfs) != SQLITE_OK ||
      backup->copy.execute("PRAGMA synchronous=OFF") != SQLITE_OK)  // synced once, when it is whole
    return fail(Code::unavailable, "cannot make " + backup->partial() + ": " + backup->copy.message());
  backup->handle.reset(sqlite3_backup_init(backup->copy.handle(), "main", db_.handle(), "main"));
  if (!backup->handle)
    return fail(Code::unavailable, "cannot make " + backup->partial() + ": " + backup->copy.message());
  backup->done = std::move(done);
  backup_ = std::move(backup);
  return {};
}

// The source is read and written by one connection, so SQLite itself carries later writes over into the copy.
void Journal::backup_slice() {
  int rc = SQLITE_OK;
  const Stopwatch watch;
  do rc = sqlite3_backup_step(backup_->handle.get(), kBackupPages);
  while (rc == SQLITE_OK && watch.passed() < options_.slice);
  if (rc == SQLITE_OK) return;
  const auto backup = std::move(backup_);
  backup->handle.reset();
  Result<void> result;
  if (rc != SQLITE_DONE)
    result = fail(Code::unavailable, "the copy to " + backup->path + " failed: " + backup->copy.message());
  backup->copy.close();
  if (result && (!sync_file(backup->partial()) || std::rename(backup->partial().c_str(), backup->path.c_str()) != 0 ||
                 !sync_directory(parent_of(backup->path))))
    result = fail(Code::unavailable, "cannot finish " + backup->path + ": " + std::strerror(errno));
  if (!result) ::unlink(backup->partial().c_str());
  backup->done(std::move(result));
}

void Journal::look_at_files() {
  if (!failed_.empty() || !loaded_) return;
  if (lock_.is_at(directory_) && file_at(path()) == database_ && file_at(path() + "-wal") == log_) return;
  failed_ = "files of the data directory were removed or replaced while they were in use";
}

std::uint64_t Journal::disk_free_bytes() const noexcept {
  struct statvfs fs = {};
  if (statvfs(directory_.c_str(), &fs) != 0) return std::numeric_limits<std::uint64_t>::max();
  return static_cast<std::uint64_t>(fs.f_bavail) * fs.f_frsize;
}

Journal::Sizes Journal::sizes() const noexcept {
  return {last_seq_, folded_.kept_bytes + unfolded_bytes_, unfolded_bytes_, wal_pages_ * kPageBytes, folded_.rows};
}

}  // namespace hf
