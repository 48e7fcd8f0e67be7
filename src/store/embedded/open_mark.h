#pragma once

// OpenMark is a file beside a database, holdfast.open, that exists until the database is closed cleanly. It says how
// much of the write-ahead log there must be, because the log cannot: if the log is missing, or bad from its first byte
// on, SQLite believes that nothing was written.
//
//   1. It claims frames before anybody is answered for them: `told` frames are in the log however the process ends, as
//      long as the machine goes on; `synced` frames are in it even after a power cut.
//   2. A claim is about one life of the log, identified by its salts: once the log begins anew, the frames of an older
//      claim are in the database.
//   3. Claims are not synced, except the first: after a power cut an older claim may be there, which claims less, never
//      too much.
//
// Blocks. Not thread-safe: the Journal's.

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hf {

struct LogClaim {
  std::uint64_t salts = 0;   // of the log's life
  std::uint64_t told = 0;    // frames for which somebody may have been answered
  std::uint64_t synced = 0;  // of them, those that survive a power cut
  std::string boot;          // which run of the machine it was made in; empty: not known
  bool operator==(const LogClaim&) const = default;
};
std::string bytes_of(const LogClaim& claim);
// Nothing if the bytes are corrupt.
std::optional<LogClaim> log_claim_from(std::string_view bytes);

// The run of the machine, which `kill -9` does not end and a power cut does; empty if the system does not tell.
const std::string& boot_now();

// What SQLite will find in a write-ahead log.
struct LogFound {
  bool empty = false;         // no file, or not even its header
  bool header_sound = false;  // false also for an empty one
  std::uint64_t salts = 0;
  std::uint64_t frames = 0;  // up to the last sound commit
};
// Reads the whole log, about as fast as the disk does.
LogFound read_log(const std::string& path);
// The salts in the first bytes of a log.
std::uint64_t salts_in(std::string_view header) noexcept;
inline constexpr std::size_t log_header_bytes = 32;

// Why a log is not what `mark`, the bytes of a mark, claims; empty: it may be trusted.
std::string missing_of(std::string_view mark, const LogFound& found, std::string_view boot);

class OpenMark {
 public:
  // Writes the first claim and syncs it and its name. SQLITE_OK, or what went wrong.
  int set(sqlite3_vfs* vfs, const std::string& path, const LogClaim& claim);
  int claim(const LogClaim& claim);
  // The database is closed cleanly. False if the file cannot be removed.
  bool remove();

 private:
  struct Close {
    void operator()(sqlite3_file* file) const noexcept;
  };
  sqlite3_vfs* vfs_ = nullptr;
  std::string path_;                           // before file_, which keeps its address
  std::unique_ptr<sqlite3_file, Close> file_;  // through SQLite's own layer, so that a VFS sees it
};

}  // namespace hf
