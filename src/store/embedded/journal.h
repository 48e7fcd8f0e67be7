#pragma once

// Journal keeps the lock engines' changes in one SQLite file, DIRECTORY/holdfast.db.
//
// A commit is one row, whatever it holds; the rows are also the audit trail. In the gaps between commits they
// are folded into a table of states, so that a start reads what is, not what was; what the trail does not speak of
// leaves the rows then. Every row carries a checksum; a start refuses what is not exactly what was written, and never
// resets anything.
//
// Promises:
//   1. after commit() returns, the batch outlives `kill -9`; at Durability::full also a power cut;
//   2. at Durability::relaxed a power cut loses at most what was committed since the last sync(), and no token
//      comes back: a ceiling above every token given is synced before a token passes the former one;
//   3. load() gives a prefix of the commits that was committed as such, or fails; it gives all of them unless
//      the file was damaged;
//   4. a write-ahead log that is lost or cut after an end that was not clean is such a damage: see OpenMark;
//   5. after the first failed write or sync nothing more is written: every call fails, and the file is left for
//      the next start to recover from.
//
// journal.cpp commits and tends; journal_opening.cpp, journal_loading.cpp and journal_folding.cpp are what their names
// say. The audit trail is read by a JournalReader.
//
// Blocks. Not thread-safe: one thread at a time.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/embedded/backup_copy.h"
#include "store/embedded/directory_lock.h"
#include "store/embedded/files.h"
#include "store/embedded/fold_round.h"
#include "store/embedded/journal_format.h"
#include "store/embedded/journal_reader.h"
#include "store/embedded/open_mark.h"
#include "store/embedded/sqlite.h"

namespace hf {

enum class Durability : std::uint8_t {
  full,    // synced before commit() returns
  relaxed  // with the operating system before commit() returns; synced each second
};

struct JournalOptions {
  Durability durability = Durability::full;
  std::string vfs;  // a registered SQLite VFS over "unix-excl"; empty: that one
  // Rows not yet folded beyond which folding begins; at twice that it waits for no gap. That much should be in
  // SQLite's memory still (64 MB), or folding reads it from the file.
  std::uint64_t fold_bytes = 20ULL << 20;
  std::uint64_t fold_round_bytes = 16ULL << 20;  // memory for one round of folding
  std::uint64_t audit_bytes_max = 1ULL << 30;    // of rows kept after folding
  std::chrono::hours audit_age_max{30 * 24};
  std::uint64_t audit_scan_bytes_max = 4ULL << 20;  // read for one page of the audit trail
  std::uint64_t wal_idle_bytes = 16ULL << 20;       // of write-ahead log, beyond which a gap is used to empty it
  std::uint64_t wal_busy_bytes = 32ULL << 20;       // beyond which it is emptied without waiting for a gap
  Micros slice{1500};                               // one piece of what can wait; at least one row or key
  Token token_reserve = 60'000'000;                 // how far the ceiling is kept ahead: µs of token
  std::uint64_t disk_reserve_bytes = 64ULL << 20;
};

struct JournalSection {
  NamespaceIndex ns = 0;
  std::string_view changes;  // engine/change.h
  Token last_token = 0;      // every token in `changes` is <= this
};

struct JournalBatch {
  Wall at{};
  std::span<const std::string> new_namespaces;  // get the next indices, in order
  std::span<const JournalSection> sections;
};

class Journal {
 public:
  // Opens the file of `directory`, making both if there is none. Fails with unavailable, and a sentence for the
  // operator, if another process has the directory, if the file is damaged, of another version or not ours.
  static Result<std::unique_ptr<Journal>> open(const std::string& directory, JournalOptions options = {});
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  struct Namespace {
    std::string name;
    Token ceiling = 0;  // no token above it was ever given
  };
  const std::vector<Namespace>& namespaces() const noexcept { return namespaces_; }

  // Gives all that is durable to `take`: first the folded state, then the later batches in order. Fails if a row
  // is not what was written, or if `take` says that it makes no sense. O(state + rows not folded).
  // REQUIRES: called once, before the first commit; namespaces() are known to `take`.
  using Take = std::function<bool(NamespaceIndex ns, std::string_view changes)>;
  Result<void> load(const Take& take);

  // Commits a batch as one transaction. REQUIRES: load() succeeded.
  Result<void> commit(const JournalBatch& batch);

  // Whether commit(batch) would wait for the disk: always at Durability::full; at Durability::relaxed if a token lies
  // above its namespace's ceiling.
  bool waits_for_disk(const JournalBatch& batch) const noexcept;

  // Whether something was committed since the last sync.
  bool needs_sync() const noexcept { return unsynced_; }
  Result<void> sync();

  // The same in three steps, so that commits go on during the middle one, which may take the disk's time: begin, then
  // LogSync::run() on any thread, then end. begin_sync() gives nothing if there is nothing to sync.
  // REQUIRES: between begin and end nothing but commits.
  struct LogSync {
    sqlite3_file* log = nullptr;
    std::uint64_t pages = 0;
    bool run() const noexcept;
  };
  std::optional<LogSync> begin_sync();
  Result<void> end_sync(const LogSync& sync, bool ok);

  // What can wait: emptying the write-ahead log, folding, dropping old rows, copying a backup. One call does
  // one slice of it, about two milliseconds (an emptying takes as long as it takes), and says whether there is more.
  // Pace::busy does only what cannot wait much longer. `now` is what ages are counted to.
  enum class Pace : std::uint8_t { idle, busy };
  bool tend(Pace pace, Wall now);
  // Whether tend(idle) would find something.
  bool wants_tending() const noexcept;
  // Folds what is not folded yet, until done or `budget` has passed.
  void fold(Micros budget);

  // A reader of the audit trail, for another thread. REQUIRES: load() succeeded; the reader ends before the journal.
  Result<std::unique_ptr<JournalReader>> open_reader() const;

  // Begins a copy of the file to `path`, which must not exist; tend() makes it, `done` says how it went. Commits
  // go on meanwhile. The copy opens as the holdfast.db of an empty directory. Fails if a copy is being made.
  Result<void> begin_backup(const std::string& path, std::function<void(Result<void>)> done);

  // Raises every ceiling by `amount` and syncs: after a restore, so that tokens given since the backup stay behind.
  Result<void> raise_ceilings(Token amount);

  // Why nothing can be written any more; empty: it can.
  const std::string& failed() const noexcept { return failed_; }
  // Fails, as a write does, if the files are not the ones that were opened: what is written to them is lost.
  void look_at_files();
  // Free bytes of the directory's file system for us; all, if it cannot be told.
  std::uint64_t disk_free_bytes() const noexcept;
  const JournalOptions& options() const noexcept { return options_; }

  struct Sizes {
    std::uint64_t last_seq = 0;
    std::uint64_t rows_kept_bytes = 0;
    std::uint64_t rows_unfolded_bytes = 0;
    std::uint64_t wal_bytes = 0;
    std::uint64_t state_rows = 0;
  };
  Sizes sizes() const noexcept;

 private:
  Journal(std::string directory, JournalOptions options, DirectoryLock lock);

  std::string path() const { return directory_ + "/holdfast.db"; }
  std::string mark_path() const { return directory_ + "/holdfast.open"; }
  Result<void> create_file();
  Result<void> check_file() const;
  Result<void> check_log() const;
  Result<void> open_file();
  Result<void> read_meta();
  Result<void> prepare();
  Result<FoldRound> read_interrupted_fold();
  // `over`: rows of an interrupted fold, to be put over the state.
  Result<void> load_state(const std::vector<FoldRound::Row>& over, const Take& take);
  Result<void> load_recent(const Take& take);
  Result<void> load_rows(const Take& take);
  tl::unexpected<Error> damaged(std::string_view what) const;
  tl::unexpected<Error> unreadable() const;
  tl::unexpected<Error> break_down(std::string_view doing);
  tl::unexpected<Error> refuse_failed() const;
  bool write_batch(const JournalBatch& batch, bool& sync_first);
  bool append_row(const JournalBatch& batch);
  bool write_namespace(std::size_t index);
  bool write_meta(std::string_view name, std::string_view bytes);
  std::optional<std::string> meta(std::string_view name);
  bool empty_wal();
  void log_is(std::uint64_t pages) noexcept;
  // About how much was written to the log since it was last emptied.
  std::uint64_t wal_bytes() const noexcept { return (wal_pages_ - wal_left_) * database_page_bytes; }
  std::optional<LogSync> log_to_sync();
  bool sync_log();
  bool set_mark();
  bool read_salts();
  // `synced`: how many pages of the log are known to be on the disk now; 0: not known.
  bool claim_log(std::uint64_t synced);
  void fold_slice();
  bool gather_slice();
  bool write_slice();
  bool strip_due() const noexcept { return stripped_ < folded_.folded_to; }
  void strip_slice();
  bool strip_next();
  bool apply(const StateKey& key, const FoldEntry& entry);
  bool retention_due(Wall now) const noexcept;
  void retention_slice(Wall now);
  void find_oldest();

  std::string directory_;
  JournalOptions options_;
  DirectoryLock lock_;
  OpenMark mark_;
  Database db_;
  Statement begin_, commit_, insert_row_, rows_from_, oldest_row_, delete_row_, update_row_;
  Statement get_state_, put_state_, erase_state_, get_meta_, put_meta_, put_namespace_;
  std::vector<Namespace> namespaces_;
  FoldPoint folded_;
  std::uint64_t stripped_ = 0;  // rows up to here have nothing left but what outlives the folding; <= folded_to
  std::uint64_t last_seq_ = 0;
  std::uint64_t unfolded_bytes_ = 0;
  std::uint64_t oldest_seq_ = 0;  // 0: there is no row
  Wall oldest_at_{};
  std::uint64_t wal_pages_ = 0;  // of the log
  std::uint64_t wal_left_ = 0;   // that it had when it was last emptied; 0 once it has begun anew; <= wal_pages_
  // The newest row that commit() has reported.
  std::shared_ptr<std::atomic<std::uint64_t>> told_ = std::make_shared<std::atomic<std::uint64_t>>(0);
  std::string row_;  // the row being built; kept for its memory
  bool loaded_ = false;
  bool unsynced_ = false;
  LogClaim claim_;
  bool log_begun_ = false;  // it was emptied: the next commit begins a new life of it
  bool whole_ = false;      // the last emptying left nothing in it
  std::optional<FileId> database_, log_;
  std::string failed_;
  std::unique_ptr<FoldWork> fold_;
  std::unique_ptr<BackupCopy> backup_;
};

}  // namespace hf
