#pragma once

// FaultyVfs is a disk that fails or stands still on order: an SQLite VFS over the system's, for tests.
//
// It counts the writes and syncs of all files opened through it and fails the nth with a chosen code; it holds reads
// or syncs until it is told to let them go; and it remembers what each file held when it was last synced, so that
// power_cut() can put that back: the worst that a power cut may leave of a disk that keeps its word. Registered under a
// name of its own for its lifetime.
//
// Thread-safe: the database lives on another thread than the test.

#include <sqlite3.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace hf {

class FaultyVfs {
 public:
  FaultyVfs();
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  const std::string& name() const noexcept { return name_; }

  // From now on: the nth write or sync (from 1; 0: none) fails with `code`, and all after it.
  void fail_write(std::uint64_t n, int code);
  void fail_sync(std::uint64_t n, int code);
  void heal();
  // From now on a sync stands still until let_syncs_go(); await_held_sync() returns when one does, or, after
  // `patience`, false.
  void hold_syncs();
  bool await_held_sync(std::chrono::milliseconds patience);
  void let_syncs_go();
  // The same of reads, of all files.
  void hold_reads();
  bool await_held_read(std::chrono::milliseconds patience);
  void let_reads_go();
  std::uint64_t writes();
  std::uint64_t syncs();
  // Remember synced contents; off at first, for it costs a copy of the file for each sync.
  void remember_synced();
  // Puts every file back to what it held when last synced, or else when first opened. REQUIRES: none of them is open.
  void power_cut();

  // What the file methods ask: SQLITE_OK, or what to fail with.
  void on_open(const std::string& path);
  void on_read();
  int on_write();
  int on_sync(const std::string& path);
  void on_delete(const std::string& path);
  sqlite3_vfs* base() const noexcept { return base_; }

 private:
  struct Latch {
    void close();
    bool await(std::chrono::milliseconds patience);
    void open();
    void pass();
    std::mutex mutex;
    std::condition_variable changed;
    bool closed = false;
    int standing = 0;
  };
  Latch sync_latch_, read_latch_;
  std::mutex mutex_;
  sqlite3_vfs* base_;
  sqlite3_vfs vfs_{};
  std::string name_;
  std::uint64_t writes_ = 0, syncs_ = 0;
  std::uint64_t failing_write_ = 0, failing_sync_ = 0;
  int write_code_ = SQLITE_OK, sync_code_ = SQLITE_OK;
  bool remembers_ = false;
  std::map<std::string, std::string> synced_;
};

}  // namespace hf
