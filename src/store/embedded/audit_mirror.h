#pragma once

// AuditMirror is a node's copy of an audit trail that lies elsewhere, in one SQLite file, DIRECTORY/audit.db.
//
// It answers questions about the trail, and can be rebuilt from the trail: a damaged file is renamed to audit.old.db,
// and a lost one costs only reading. So it syncs no more than SQLite needs for a file that opens again.
//
// Blocks. Not thread-safe: one thread at a time. After the first failed write every call fails.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/audit.h"
#include "store/embedded/directory_lock.h"
#include "store/embedded/sqlite.h"

namespace hf {

class AuditMirror {
 public:
  // Opens the file of `directory`, making both if there is none. Fails with unavailable, and a sentence for the
  // operator, if another process has the directory or no file can be made there.
  static Result<std::unique_ptr<AuditMirror>> open(const std::string& directory);

  struct End {
    LogPlace place;
    Id128 batch;
  };
  // The last batch that it has; nil: none.
  const End& end() const noexcept { return end_; }

  // Replaces everything after batch.from by the batch, and drops everything at or before `trimmed`.
  Result<void> take(const AuditBatch& batch, const LogPlace& trimmed);
  Result<void> trim(const LogPlace& trimmed);
  // Drops all batches that end after `after`.
  Result<void> cut(const LogPlace& after);
  // Renames the file, replacing one renamed before, and starts an empty one.
  Result<void> set_aside();

  // The rows after `after`, in order: at least one if there is one, then those that fit into `bytes_max`; all rows of a
  // place or none. Sorted by place, then namespace.
  Result<std::vector<AuditRow>> rows(const LogPlace& after, std::size_t bytes_max);
  // Passes the namespace's rows at or before the cursor to `pager`, from new to old, until it is done. Returns whether
  // there were no more.
  Result<bool> read(std::string_view ns, const AuditCursor& before, AuditPager& pager);

 private:
  AuditMirror(std::string directory, DirectoryLock lock) : directory_(std::move(directory)), lock_(std::move(lock)) {}

  std::string path() const { return directory_ + "/audit.db"; }
  bool open_file();
  bool prepare();
  void close_file();
  Result<std::int64_t> index_of(const std::string& ns);
  bool drop_behind(const LogPlace& after);
  bool drop_up_to(const LogPlace& trimmed);
  bool find_end();
  bool read_names();
  tl::unexpected<Error> failed(std::string_view doing);

  std::string directory_;
  DirectoryLock lock_;
  Database db_;
  Statement begin_, commit_, rollback_, put_row_, put_batch_, put_name_, last_batch_, batch_at_;
  Statement drop_rows_after_, drop_batches_after_, drop_rows_to_, drop_batches_to_, rows_after_, rows_before_;
  std::map<std::string, std::int64_t, std::less<>> names_;
  End end_;
  std::string failed_;
};

}  // namespace hf
