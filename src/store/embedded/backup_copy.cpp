#include "store/embedded/backup_copy.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "store/embedded/files.h"
#include "store/embedded/stopwatch.h"

namespace hf {
namespace {

constexpr int pages_a_step = 128;

}  // namespace

Result<std::unique_ptr<BackupCopy>> BackupCopy::begin(const Database& source, const std::string& path,
                                                      const std::string& vfs, Told done) {
  if (std::filesystem::exists(path)) return fail(Code::invalid, path + " exists already: name a new file", "path");
  std::unique_ptr<BackupCopy> made(new BackupCopy(path, std::move(done)));
  Database& copy = made->copy_;
  const auto failed = [&] { return fail(Code::unavailable, "cannot make " + made->partial() + ": " + copy.message()); };
  ::unlink(made->partial().c_str());
  if (copy.open(made->partial(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs) != SQLITE_OK ||
      copy.execute("PRAGMA synchronous=OFF") != SQLITE_OK)  // synced once, when it is whole
    return failed();
  made->handle_.reset(sqlite3_backup_init(copy.handle(), "main", source.handle(), "main"));
  if (!made->handle_) return failed();
  return made;
}

bool BackupCopy::copy_for(Micros slice) {
  const Stopwatch watch;
  do step_ = sqlite3_backup_step(handle_.get(), pages_a_step);
  while (step_ == SQLITE_OK && watch.passed() < slice);
  return step_ == SQLITE_OK;
}

void BackupCopy::finish() {
  handle_.reset();
  Result<void> result;
  if (step_ != SQLITE_DONE) result = fail(Code::unavailable, "the copy to " + path_ + " failed: " + copy_.message());
  copy_.close();
  if (result && (!sync_file(partial()) || std::rename(partial().c_str(), path_.c_str()) != 0 ||
                 !sync_directory(parent_of(path_))))
    result = fail(Code::unavailable, "cannot finish " + path_ + ": " + std::strerror(errno));
  if (!result) ::unlink(partial().c_str());
  done_(std::move(result));
}

void BackupCopy::abandon() {
  ::unlink(partial().c_str());
  done_(fail(Code::unavailable, "the engine stopped before the copy was whole"));
}

}  // namespace hf
