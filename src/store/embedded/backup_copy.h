#pragma once

// A BackupCopy copies an open database to a new file, slice by slice. The file has another name until it is whole and
// on the disk. The source may be written meanwhile by the connection that is copied: SQLite carries that over.
//
// Blocks. Not thread-safe: the source's owner calls it, and ends it before the source.

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "store/embedded/sqlite.h"

namespace hf {

class BackupCopy {
 public:
  using Told = std::function<void(Result<void>)>;
  // Fails, and calls nothing, if `path` exists or cannot be made. Otherwise `done` is told once: by finish() or
  // abandon().
  static Result<std::unique_ptr<BackupCopy>> begin(const Database& source, const std::string& path,
                                                   const std::string& vfs, Told done);

  // Copies for about `slice`; false when there is nothing more to copy, or no use: then finish() comes.
  bool copy_for(Micros slice);
  // Gives the file its name and tells how it went.
  void finish();
  // The source ends before the copy is whole: removes it and says so.
  void abandon();

 private:
  BackupCopy(std::string path, Told done) : path_(std::move(path)), done_(std::move(done)) {}
  std::string partial() const { return path_ + ".partial"; }

  struct Finish {
    void operator()(sqlite3_backup* b) const noexcept { sqlite3_backup_finish(b); }
  };
  std::string path_;
  Told done_;
  Database copy_;
  std::unique_ptr<sqlite3_backup, Finish> handle_;  // after `copy_`: it ends first
  int step_ = SQLITE_OK;                            // what the last one said
};

}  // namespace hf
