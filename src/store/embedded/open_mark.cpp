#include "store/embedded/open_mark.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <vector>

#include "base/assert.h"
#include "store/embedded/journal_format.h"

namespace hf {
namespace {

constexpr std::string_view kName = "holdfast.open";
constexpr std::size_t kNumbersBytes = 24;
constexpr std::size_t kFrameHeaderBytes = 24;

std::uint32_t big(const char* at) noexcept {
  std::array<unsigned char, 4> b{};
  std::memcpy(b.data(), at, b.size());
  return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 | b[3];
}

// The log's running checksum (SQLite's file format, §4.2).
struct LogSum {
  bool big_endian = false;
  std::uint32_t a = 0, b = 0;

  void add(const char* bytes, std::size_t size) noexcept {
    for (std::size_t i = 0; i + 8 <= size; i += 8) {
      a += word(bytes + i) + b;
      b += word(bytes + i + 4) + a;
    }
  }
  std::uint32_t word(const char* at) const noexcept { return big_endian ? big(at) : __builtin_bswap32(big(at)); }
  bool is(const char* at) const noexcept { return big(at) == a && big(at + 4) == b; }
};

}  // namespace

std::string bytes_of(const LogClaim& claim) {
  return seal_meta(kName, bytes_of(claim.salts) + bytes_of(claim.told) + bytes_of(claim.synced) + claim.boot);
}

std::optional<LogClaim> log_claim_from(std::string_view bytes) {
  const auto opened = open_meta(kName, bytes);
  if (!opened || opened->size() < kNumbersBytes) return std::nullopt;
  const auto number = [&](std::size_t at) { return number_from(opened->substr(at, 8)).value_or(0); };
  return LogClaim{number(0), number(8), number(16), std::string(opened->substr(kNumbersBytes))};
}

const std::string& boot_now() {
  static const std::string boot = [] {
    std::string id;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
    return id;
  }();
  return boot;
}

std::uint64_t salts_in(std::string_view header) noexcept {
  if (header.size() < 24) return 0;
  return std::uint64_t{big(header.data() + 16)} << 32 | big(header.data() + 20);
}

LogFound read_log(const std::string& path) {
  LogFound found;
  std::ifstream in(path, std::ios::binary);
  std::array<char, log_header_bytes> head{};
  if (!in.read(head.data(), head.size())) {
    found.empty = true;
    return found;
  }
  LogSum sum;
  sum.big_endian = (big(head.data()) & 1) != 0;
  sum.add(head.data(), 24);
  const std::uint32_t page_bytes = big(head.data() + 8);
  found.salts = salts_in({head.data(), head.size()});
  found.header_sound = (big(head.data()) & ~1U) == 0x377f0682 && page_bytes >= 512 && page_bytes <= 65536 &&
                       (page_bytes & (page_bytes - 1)) == 0 && sum.is(head.data() + 24);
  if (!found.header_sound) return found;
  std::vector<char> frame(kFrameHeaderBytes + page_bytes);
  for (std::uint64_t n = 1; in.read(frame.data(), static_cast<std::streamsize>(frame.size())); ++n) {
    sum.add(frame.data(), 8);
    sum.add(frame.data() + kFrameHeaderBytes, page_bytes);
    if (big(frame.data()) == 0 || std::memcmp(frame.data() + 8, head.data() + 16, 8) != 0 || !sum.is(frame.data() + 16))
      break;
    if (big(frame.data() + 4) != 0) found.frames = n;
  }
  return found;
}

std::string missing_of(std::string_view mark, const LogFound& found, std::string_view boot) {
  if (found.empty) return "it was not closed cleanly, and its write-ahead log holdfast.db-wal is missing or empty";
  if (!found.header_sound) return "the beginning of its write-ahead log holdfast.db-wal is not what was written";
  const auto claim = log_claim_from(mark);
  if (!claim || claim->salts != found.salts) return {};
  const bool same_run = !claim->boot.empty() && claim->boot == boot;
  const std::uint64_t expected = same_run ? claim->told : claim->synced;
  if (found.frames >= expected) return {};
  return "of its write-ahead log holdfast.db-wal " + std::to_string(found.frames) + " pages of " +
         std::to_string(expected) + " are what was written";
}

void OpenMark::Close::operator()(sqlite3_file* file) const noexcept {
  if (file->pMethods != nullptr) file->pMethods->xClose(file);
  std::free(file);
}

int OpenMark::set(sqlite3_vfs* vfs, const std::string& path, const LogClaim& first) {
  if (vfs == nullptr) return SQLITE_ERROR;
  vfs_ = vfs;
  path_ = path;
  file_.reset(static_cast<sqlite3_file*>(std::calloc(1, static_cast<std::size_t>(vfs->szOsFile))));
  if (!file_) return SQLITE_NOMEM;
  // A kind of file whose first sync also syncs the directory.
  constexpr int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_SUPER_JOURNAL;
  int rc = vfs->xOpen(vfs, path_.c_str(), file_.get(), flags, nullptr);
  if (rc == SQLITE_OK) rc = file_->pMethods->xTruncate(file_.get(), static_cast<sqlite3_int64>(bytes_of(first).size()));
  if (rc == SQLITE_OK) rc = claim(first);
  return rc == SQLITE_OK ? file_->pMethods->xSync(file_.get(), SQLITE_SYNC_NORMAL) : rc;
}

int OpenMark::claim(const LogClaim& claim) {
  HF_ASSERT(file_ != nullptr);
  const std::string bytes = bytes_of(claim);
  return file_->pMethods->xWrite(file_.get(), bytes.data(), static_cast<int>(bytes.size()), 0);
}

bool OpenMark::remove() {
  file_.reset();
  return vfs_ != nullptr && vfs_->xDelete(vfs_, path_.c_str(), 1) == SQLITE_OK;
}

}  // namespace hf
