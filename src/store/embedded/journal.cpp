#include "store/embedded/journal.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "base/assert.h"
#include "store/embedded/files.h"
#include "store/embedded/journal_trouble.h"

namespace hf {
namespace {

// SQLite's layer over the system that takes the file for this process as a whole and keeps the index of the log in
// memory: connections of this process share it, and no other program gets in.
constexpr const char* default_vfs = "unix-excl";

}  // namespace

Journal::Journal(std::string directory, JournalOptions options, DirectoryLock lock)
    : directory_(std::move(directory)), options_(std::move(options)), lock_(std::move(lock)) {
  if (options_.vfs.empty()) options_.vfs = default_vfs;
}

Journal::~Journal() {
  if (backup_) backup_->abandon();
  // SQLite empties the write-ahead log into the file as it closes: not from what was refused, and not after a
  // failed sync, when the pages in memory may be all that is left of what the log should hold.
  if (db_.handle() == nullptr || !loaded_ || !failed_.empty()) return;
  // The mark goes after all is in the file and before SQLite removes the log: with a mark there is always a log.
  if (empty_wal() && whole_ && mark_.remove())
    sqlite3_db_config(db_.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
}

tl::unexpected<Error> Journal::damaged(std::string_view what) const { return journal_damaged(path(), what); }

tl::unexpected<Error> Journal::unreadable() const { return journal_unreadable(path(), db_); }

tl::unexpected<Error> Journal::break_down(std::string_view doing) {
  if (failed_.empty()) failed_ = std::string(doing) + " failed: " + db_.message();
  return refuse_failed();
}

tl::unexpected<Error> Journal::refuse_failed() const {
  return fail(Code::unavailable,
              path() + ": " + failed_ + ". Nothing more is written; start again to recover from the file");
}

// ------------------------------------------------------------------------------------------------ meta and mark

std::optional<std::string> Journal::meta(std::string_view name) {
  get_meta_.bind_text(1, name);
  std::optional<std::string> bytes;
  if (get_meta_.step() == SQLITE_ROW) {
    if (const auto opened = open_meta(name, get_meta_.blob(0))) bytes = std::string(*opened);
  }
  get_meta_.reset();
  return bytes;
}

bool Journal::write_meta(std::string_view name, std::string_view bytes) {
  const std::string sealed = seal_meta(name, bytes);
  return put_meta_.bind_text(1, name).bind_blob(2, sealed).run() == SQLITE_DONE;
}

bool Journal::write_namespace(std::size_t index) {
  return write_meta(ceiling_name(index), bytes_of(namespaces_[index].ceiling) + namespaces_[index].name);
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
  ok = ok && mark_.set(sqlite3_vfs_find(options_.vfs.c_str()), mark_path(), claim_) == SQLITE_OK;
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

// ------------------------------------------------------------------------------------------------ committing

bool Journal::append_row(const JournalBatch& batch) {
  begin_row(row_);
  for (const JournalSection& section : batch.sections) {
    HF_ASSERT(section.ns < namespaces_.size() && section.changes.size() <= std::numeric_limits<std::uint32_t>::max());
    if (!section.changes.empty()) add_section(row_, section.ns, section.changes);
  }
  std::string_view sections = std::string_view(row_).substr(4);
  if (sections.empty()) return true;
  HF_ASSERT(folded_.folded_to <= last_seq_ && oldest_seq_ <= last_seq_);
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
    HF_ASSERT(ceiling >= section.last_token || ceiling == token_max);
  }
  return append_row(batch);
}

bool Journal::waits_for_disk(const JournalBatch& batch) const noexcept {
  return options_.durability == Durability::full ||
         std::ranges::any_of(batch.sections, [&](const JournalSection& section) {
           return section.ns >= namespaces_.size() || section.last_token > namespaces_[section.ns].ceiling;
         });
}

Result<void> Journal::commit(const JournalBatch& batch) {
  if (!failed_.empty()) return refuse_failed();
  HF_ASSERT(loaded_);
  bool sync_now = options_.durability == Durability::full;
  if (begin_.run() != SQLITE_DONE) return break_down("beginning a commit");
  if (!write_batch(batch, sync_now)) return break_down("writing a commit");
  if (commit_.run() != SQLITE_DONE) return break_down("a commit");
  unsynced_ = true;
  if (sync_now) {
    if (auto synced = sync(); !synced) return synced;
  } else if (!claim_log(0)) {
    return break_down("marking a commit");
  }
  HF_ASSERT(told_->load(std::memory_order_relaxed) <= last_seq_);
  told_->store(last_seq_, std::memory_order_release);
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

// ------------------------------------------------------------------------------------------------ tending

void Journal::log_is(std::uint64_t pages) noexcept {
  if (pages < wal_left_) wal_left_ = 0;  // it has begun anew
  wal_pages_ = pages;
}

// Without a reader a passive checkpoint copies the whole log, and the next commit begins the log anew. Pages that a
// reader still uses stay in the log until the next checkpoint, after the log has grown by as much again.
bool Journal::empty_wal() {
  int pages = 0;
  int done = 0;
  if (sqlite3_wal_checkpoint_v2(db_.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &done) != SQLITE_OK) {
    break_down("emptying the write-ahead log");
    return false;
  }
  wal_left_ = wal_pages_;
  whole_ = pages == done;
  if (!whole_) return true;
  log_begun_ = true;
  unsynced_ = false;  // it syncs the log before it copies
  return true;
}

bool Journal::wants_tending() const noexcept {
  if (!failed_.empty()) return false;
  return wal_bytes() >= options_.wal_idle_bytes || fold_ || unfolded_bytes_ >= options_.fold_bytes || strip_due() ||
         backup_;
}

bool Journal::tend(Pace pace, Wall now) {
  if (!failed_.empty() || !loaded_) return false;
  const bool idle = pace == Pace::idle;
  if (wal_bytes() >= (idle ? options_.wal_idle_bytes : options_.wal_busy_bytes)) return empty_wal();
  if (backup_) {
    if (!backup_->copy_for(options_.slice)) {
      const auto copy = std::move(backup_);  // another one may be begun by who hears of this one
      copy->finish();
    }
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

Result<std::unique_ptr<JournalReader>> Journal::open_reader() const {
  HF_ASSERT(loaded_);
  return JournalReader::open(path(), options_.vfs, options_.audit_scan_bytes_max, told_);
}

Result<void> Journal::begin_backup(const std::string& path, std::function<void(Result<void>)> done) {
  if (!failed_.empty()) return refuse_failed();
  if (backup_) return fail(Code::unavailable, "a backup is being made already: repeat when it is done");
  auto copy = BackupCopy::begin(db_, path, options_.vfs, std::move(done));
  if (!copy) return tl::unexpected(std::move(copy.error()));
  backup_ = *std::move(copy);
  return {};
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
  return {last_seq_, folded_.kept_bytes + unfolded_bytes_, unfolded_bytes_, wal_bytes(), folded_.rows};
}

}  // namespace hf
