#include "store/embedded/faulty_vfs.h"

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>

namespace hf {
namespace {

struct FaultyFile {
  sqlite3_file head;
  FaultyVfs* owner;
  std::string* path;
  sqlite3_file* base() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

FaultyFile* of(sqlite3_file* file) { return reinterpret_cast<FaultyFile*>(file); }
sqlite3_file* base_of(sqlite3_file* file) { return of(file)->base(); }
const sqlite3_io_methods* methods_of(sqlite3_file* file) { return base_of(file)->pMethods; }

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

int close(sqlite3_file* f) {
  delete of(f)->path;
  return methods_of(f)->xClose(base_of(f));
}
int read(sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
  of(f)->owner->on_read();
  return methods_of(f)->xRead(base_of(f), to, n, at);
}
int write(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
  const int rc = of(f)->owner->on_write();
  return rc != SQLITE_OK ? rc : methods_of(f)->xWrite(base_of(f), from, n, at);
}
int truncate(sqlite3_file* f, sqlite3_int64 size) {
  const int rc = of(f)->owner->on_write();
  return rc != SQLITE_OK ? rc : methods_of(f)->xTruncate(base_of(f), size);
}
int sync(sqlite3_file* f, int flags) {
  // The real sync is spared: the tests ask what the code does about its result, not what the disk does.
  static_cast<void>(flags);
  return of(f)->owner->on_sync(*of(f)->path);
}
int file_size(sqlite3_file* f, sqlite3_int64* size) { return methods_of(f)->xFileSize(base_of(f), size); }
int lock(sqlite3_file* f, int level) { return methods_of(f)->xLock(base_of(f), level); }
int unlock(sqlite3_file* f, int level) { return methods_of(f)->xUnlock(base_of(f), level); }
int check_lock(sqlite3_file* f, int* held) { return methods_of(f)->xCheckReservedLock(base_of(f), held); }
int control(sqlite3_file* f, int op, void* argument) { return methods_of(f)->xFileControl(base_of(f), op, argument); }
int sector_size(sqlite3_file* f) { return methods_of(f)->xSectorSize(base_of(f)); }
int characteristics(sqlite3_file* f) { return methods_of(f)->xDeviceCharacteristics(base_of(f)); }

int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** at) {
  return methods_of(f)->xShmMap(base_of(f), page, size, extend, at);
}
int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
  return methods_of(f)->xShmLock(base_of(f), offset, n, flags);
}
void shm_barrier(sqlite3_file* f) { methods_of(f)->xShmBarrier(base_of(f)); }
int shm_unmap(sqlite3_file* f, int remove) { return methods_of(f)->xShmUnmap(base_of(f), remove); }

// Version 2: no mapping.
constexpr sqlite3_io_methods kMethods = {
    2,         close,      read,    write,       truncate,        sync,    file_size, lock,
    unlock,    check_lock, control, sector_size, characteristics, shm_map, shm_lock,  shm_barrier,
    shm_unmap, nullptr,    nullptr};

FaultyVfs* owner_of(sqlite3_vfs* vfs) { return static_cast<FaultyVfs*>(vfs->pAppData); }

int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  FaultyFile* f = of(file);
  f->head.pMethods = nullptr;
  f->owner = owner_of(vfs);
  const int rc = f->owner->base()->xOpen(f->owner->base(), path, f->base(), flags, out_flags);
  if (rc != SQLITE_OK) return rc;
  f->path = new std::string(path != nullptr ? path : "");
  f->head.pMethods = &kMethods;
  f->owner->on_open(*f->path);
  return SQLITE_OK;
}

int remove(sqlite3_vfs* vfs, const char* path, int sync_directory) {
  owner_of(vfs)->on_delete(path);
  return owner_of(vfs)->base()->xDelete(owner_of(vfs)->base(), path, sync_directory);
}

}  // namespace

FaultyVfs::FaultyVfs() : base_(sqlite3_vfs_find("unix-excl")) {
  static std::atomic<int> made{0};
  name_ = "faulty" + std::to_string(++made);
  vfs_ = *base_;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.pNext = nullptr;
  vfs_.szOsFile = static_cast<int>(sizeof(FaultyFile)) + base_->szOsFile;
  vfs_.xOpen = open;
  vfs_.xDelete = remove;
  sqlite3_vfs_register(&vfs_, 0);
}

FaultyVfs::~FaultyVfs() { sqlite3_vfs_unregister(&vfs_); }

void FaultyVfs::fail_write(std::uint64_t n, int code) {
  const std::lock_guard hold(mutex_);
  failing_write_ = n == 0 ? 0 : writes_ + n;
  write_code_ = code;
}

void FaultyVfs::fail_sync(std::uint64_t n, int code) {
  const std::lock_guard hold(mutex_);
  failing_sync_ = n == 0 ? 0 : syncs_ + n;
  sync_code_ = code;
}

void FaultyVfs::heal() {
  const std::lock_guard hold(mutex_);
  failing_write_ = failing_sync_ = 0;
}

void FaultyVfs::Latch::close() {
  const std::lock_guard hold(mutex);
  closed = true;
}

bool FaultyVfs::Latch::await(std::chrono::milliseconds patience) {
  std::unique_lock hold(mutex);
  return changed.wait_for(hold, patience, [&] { return standing > 0; });
}

void FaultyVfs::Latch::open() {
  const std::lock_guard hold(mutex);
  closed = false;
  changed.notify_all();
}

void FaultyVfs::Latch::pass() {
  std::unique_lock hold(mutex);
  if (!closed) return;
  ++standing;
  changed.notify_all();
  changed.wait(hold, [&] { return !closed; });
  --standing;
}

void FaultyVfs::hold_syncs() { sync_latch_.close(); }
bool FaultyVfs::await_held_sync(std::chrono::milliseconds patience) { return sync_latch_.await(patience); }
void FaultyVfs::let_syncs_go() { sync_latch_.open(); }

void FaultyVfs::hold_reads() { read_latch_.close(); }
bool FaultyVfs::await_held_read(std::chrono::milliseconds patience) { return read_latch_.await(patience); }
void FaultyVfs::let_reads_go() { read_latch_.open(); }

std::uint64_t FaultyVfs::writes() {
  const std::lock_guard hold(mutex_);
  return writes_;
}

std::uint64_t FaultyVfs::syncs() {
  const std::lock_guard hold(mutex_);
  return syncs_;
}

void FaultyVfs::remember_synced() {
  const std::lock_guard hold(mutex_);
  remembers_ = true;
}

void FaultyVfs::power_cut() {
  const std::lock_guard hold(mutex_);
  for (const auto& [path, content] : synced_) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << content;
  }
}

void FaultyVfs::on_open(const std::string& path) {
  const std::lock_guard hold(mutex_);
  if (remembers_ && !path.empty() && !synced_.contains(path)) synced_[path] = content_of(path);
}

void FaultyVfs::on_read() { read_latch_.pass(); }

int FaultyVfs::on_write() {
  const std::lock_guard hold(mutex_);
  ++writes_;
  return failing_write_ != 0 && writes_ >= failing_write_ ? write_code_ : SQLITE_OK;
}

int FaultyVfs::on_sync(const std::string& path) {
  sync_latch_.pass();
  const std::lock_guard hold(mutex_);
  ++syncs_;
  if (failing_sync_ != 0 && syncs_ >= failing_sync_) return sync_code_;
  if (remembers_ && !path.empty()) synced_[path] = content_of(path);
  return SQLITE_OK;
}

void FaultyVfs::on_delete(const std::string& path) {
  const std::lock_guard hold(mutex_);
  synced_.erase(path);
}

}  // namespace hf
