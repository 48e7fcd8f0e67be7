#pragma once

// A DirectoryLock makes a data directory one process's own. The lock is the operating system's (flock) on the
// file holdfast.lock, which names the owner's process id for people; it ends with the process, however that
// ends, so nothing has to be cleaned up after a crash.

#include <string>

#include "base/result.h"

namespace hf {

class DirectoryLock {
 public:
  // Makes the directory if it is missing. Fails with unavailable, naming the owner, if another process (or
  // another lock of this one) has it.
  static Result<DirectoryLock> take(const std::string& directory);

  // Whether the directory still has the file that is locked: false once it was removed or replaced.
  bool is_at(const std::string& directory) const;

  DirectoryLock(DirectoryLock&& other) noexcept;
  DirectoryLock& operator=(DirectoryLock&& other) noexcept;
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int file) : file_(file) {}
  int file_ = -1;
};

}  // namespace hf
