#include "store/embedded/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace hf {
namespace {

std::string owner_named_in(int file) {
  char text[32] = {};
  const ssize_t n = pread(file, text, sizeof text - 1, 0);
  std::string owner(text, n > 0 ? static_cast<std::size_t>(n) : 0);
  owner.erase(owner.find_last_not_of(" \n") + 1);
  return owner.empty() ? "unknown" : owner;
}

}  // namespace

Result<DirectoryLock> DirectoryLock::take(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail(Code::unavailable, "cannot make the data directory " + directory + ": " + error.message());
  const std::string path = directory + "/holdfast.lock";
  DirectoryLock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.file_ < 0) return fail(Code::unavailable, "cannot open " + path + ": " + std::strerror(errno));
  if (flock(lock.file_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(Code::unavailable, "cannot lock " + path + ": " + std::strerror(errno));
    return fail(Code::unavailable, "the data directory " + directory + " is in use by process " +
                                       owner_named_in(lock.file_) + ": stop it, or name another directory");
  }
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(lock.file_, 0) != 0 ||
      pwrite(lock.file_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
    return fail(Code::unavailable, "cannot write " + path + ": " + std::strerror(errno));
  return lock;
}

bool DirectoryLock::is_at(const std::string& directory) const {
  struct stat ours = {};
  struct stat there = {};
  return fstat(file_, &ours) == 0 && ours.st_nlink != 0 && stat((directory + "/holdfast.lock").c_str(), &there) == 0 &&
         ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

DirectoryLock& DirectoryLock::operator=(DirectoryLock&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

DirectoryLock::~DirectoryLock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace hf
