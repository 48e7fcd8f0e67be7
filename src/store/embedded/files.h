#pragma once

// What the journal asks of the file system beside SQLite: whether a name still leads to the same file, and that names
// and bytes are on the disk.
//
// Blocks. Any thread.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace hf {

// Which file a name leads to, whatever its name.
struct FileId {
  dev_t device = 0;
  ino_t file = 0;
  bool operator==(const FileId&) const = default;
};

// Nothing if there is no such file.
std::optional<FileId> file_at(const std::string& path);
// 0 if there is no such file.
std::uint64_t file_bytes(const std::string& path);
std::string parent_of(const std::string& path);
// False, with errno, if it is not on the disk for sure.
bool sync_file(const std::string& path);
bool sync_directory(const std::string& directory);

}  // namespace hf
