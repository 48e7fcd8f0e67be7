#pragma once

// A backup is the locks of a whole installation in one file that no engine needs to have written: what moves between
// engines (server/moving.h).
//
//   16 bytes magic, u32 format, i64 when in µs, varint namespaces: text name, text LockTree::image(); u32 crc of it all
//
// A file is whole or it is not there: it is written under another name, synced and renamed. It holds the secrets of
// sessions, so only its owner may read it. Values and plain functions; they block.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace hf {

inline constexpr std::size_t backup_bytes_max = std::size_t{512} << 20;

struct Backup {
  struct Part {
    std::string ns;
    std::string image;  // LockTree::image()
    bool operator==(const Part&) const = default;
  };
  Wall at{};
  std::vector<Part> parts;
  bool operator==(const Backup&) const = default;
};

std::string write_backup(const Backup& backup);
// Fails if `bytes` are not a backup, of a newer format, or damaged. `name` is what the sentence calls them.
Result<Backup> read_backup(std::string_view bytes, const std::string& name);

// Fails if `path` is there already, or with too_large beyond `bytes_max`.
Result<void> save_backup(const std::string& path, const Backup& backup, std::size_t bytes_max = backup_bytes_max);

}  // namespace hf
