#include "server/backup_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "engine/change_codec.h"

namespace hf {
namespace {

constexpr std::string_view magic = "HOLDFAST BACKUP\n";
constexpr std::uint32_t format = 1;
constexpr std::size_t crc_bytes = 4;

std::uint32_t crc_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool write_file(const std::string& path, std::string_view bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const bool written = write_all(file, bytes) && ::fsync(file) == 0;
  return ::close(file) == 0 && written;
}

bool sync_directory_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  const int folder = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return false;
  const bool synced = ::fsync(folder) == 0;
  ::close(folder);
  return synced;
}

}  // namespace

std::string write_backup(const Backup& backup) {
  std::string bytes;
  ByteWriter w(bytes);
  w.raw_text(magic);
  w.u32(format);
  w.i64(to_us(backup.at));
  w.varint(backup.parts.size());
  for (const Backup::Part& part : backup.parts) {
    w.text(part.ns);
    w.text(part.image);
  }
  w.u32(crc_of(bytes));
  return bytes;
}

Result<Backup> read_backup(std::string_view bytes, const std::string& name) {
  if (!bytes.starts_with(magic)) return fail(Code::invalid, name + " is no backup of Holdfast.");
  ByteReader head(bytes.substr(magic.size()));
  if (const std::uint32_t found = head.u32(); head.ok() && found > format)
    return fail(Code::invalid, name + " has format " + std::to_string(found) + ", this program reads format " +
                                   std::to_string(format) +
                                   ": restore it with the version that wrote it, or a newer one.");
  const auto damaged = fail(Code::invalid, name + " is damaged: its checksum does not match. Take another backup.");
  if (bytes.size() < magic.size() + crc_bytes) return damaged;
  const std::string_view body = bytes.substr(0, bytes.size() - crc_bytes);
  if (ByteReader(bytes.substr(body.size())).u32() != crc_of(body)) return damaged;
  ByteReader r(body.substr(magic.size()));
  r.u32();
  Backup backup;
  backup.at = wall_us(r.i64());
  const std::uint64_t parts = r.varint();
  for (std::uint64_t i = 0; i < parts && r.ok(); ++i) {
    Backup::Part part;
    part.ns = r.text();
    part.image = r.text();
    backup.parts.push_back(std::move(part));
  }
  if (!r.ok() || !r.at_end()) return damaged;
  return backup;
}

Result<void> save_backup(const std::string& path, const Backup& backup, std::size_t bytes_max) {
  const std::string bytes = write_backup(backup);
  if (bytes.size() > bytes_max)
    return fail(Code::too_large, "The backup would have " + std::to_string(bytes.size()) + " bytes, more than the " +
                                     std::to_string(bytes_max) + " that a restore reads.");
  const std::string young = path + ".new";
  if (!write_file(young, bytes)) {
    const std::string why = std::strerror(errno);
    ::unlink(young.c_str());
    return fail(Code::unavailable, "Cannot write " + young + ": " + why + ".");
  }
  // A link, unlike a rename, never takes the place of a file that is there.
  const bool linked = ::link(young.c_str(), path.c_str()) == 0;
  const int error = errno;
  ::unlink(young.c_str());
  if (!linked && error == EEXIST)
    return fail(Code::invalid, path + " is there already: name a new file, or remove it first.");
  if (!linked || !sync_directory_of(path))
    return fail(Code::unavailable, "Cannot make " + path + ": " + std::strerror(linked ? errno : error) + ".");
  return {};
}

}  // namespace hf
