#pragma once

// JournalReader reads the audit trail from a Journal's file through a connection of its own. Neither waits for the
// other, whatever the disk does.
//
// It sees only commits that the journal has reported, never one that a power cut may still take back. It writes
// nothing.
//
// Blocks. One thread at a time, which need not be the journal's.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "store/audit.h"
#include "store/embedded/sqlite.h"
#include "store/lock_engine.h"

namespace hf {

class JournalReader {
 public:
  // `told`: the newest row that it may read. Fails with unavailable, and a sentence for the operator.
  // REQUIRES: a Journal of this process has the file open, and closes it after this reader.
  static Result<std::unique_ptr<JournalReader>> open(std::string path, const std::string& vfs,
                                                     std::uint64_t scan_bytes_max,
                                                     std::shared_ptr<const std::atomic<std::uint64_t>> told);

  // One page of a namespace's audit trail: at most `limit` entries and `bytes_max` bytes of them, but at least one. A
  // page may have fewer and yet not be the last, if much had to be read to find them.
  Result<AuditPage> page(NamespaceIndex ns, const AuditFilter& filter, const AuditCursor& before, std::size_t limit,
                         std::size_t bytes_max = page_bytes_max);

 private:
  JournalReader(std::string path, std::uint64_t scan_bytes_max, std::shared_ptr<const std::atomic<std::uint64_t>> told)
      : path_(std::move(path)), scan_bytes_max_(scan_bytes_max), told_(std::move(told)) {}

  const std::string path_;
  const std::uint64_t scan_bytes_max_;
  const std::shared_ptr<const std::atomic<std::uint64_t>> told_;
  Database db_;
  Statement rows_before_;
};

}  // namespace hf
