#include "profile.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <system_error>

#include "words.h"

namespace hf::cli {
namespace {

using holdfast::Code;
using holdfast::Result;
namespace fs = std::filesystem;

constexpr std::size_t profile_bytes_max = 64 * 1024;

tl::unexpected<holdfast::Error> wrong(std::string sentence) {
  return holdfast::failure(Code::invalid, std::move(sentence), "profile");
}

std::string home() {
  if (const char* given = ::getenv("HOME"); given != nullptr && *given == '/') return given;
  const passwd* user = ::getpwuid(::getuid());
  return user != nullptr && user->pw_dir != nullptr ? user->pw_dir : "";
}

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

// `text` between quotation marks, its \" and \\ taken back; nothing if it is no such text.
std::optional<std::string> unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"') return std::nullopt;
  std::string out;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      const auto rest = text.find_first_not_of(" \t\r", i + 1);
      return rest == std::string_view::npos || text[rest] == '#' ? std::optional(out) : std::nullopt;
    }
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return std::nullopt;
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") + 1 - first);
}

Result<Profile> parsed(const std::string& path, std::string_view text) {
  Profile profile;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    const std::size_t equals = line.find('=');
    const std::string_view name = trimmed(line.substr(0, equals));
    auto value = equals == std::string_view::npos ? std::nullopt : unquoted(trimmed(line.substr(equals + 1)));
    std::string* const to = name == "server"  ? &profile.server
                            : name == "ca"    ? &profile.ca
                            : name == "token" ? &profile.token
                                              : nullptr;
    if (to == nullptr || !value)
      return wrong(
          tr("{}:{}: this is none of server = \"…\", ca = \"…\" and token = \"…\". Correct it, or make it anew: {}",
             path, number, typed("login")));
    *to = *std::move(value);
  }
  return profile;
}

}  // namespace

std::string profile_path() {
  if (const char* given = ::getenv("XDG_CONFIG_HOME"); given != nullptr && *given == '/')
    return std::string(given) + "/holdfast/profile.toml";
  const std::string at = home();
  return at.empty() ? "" : at + "/.config/holdfast/profile.toml";
}

Result<std::optional<Profile>> read_profile() {
  const std::string path = profile_path();
  if (path.empty()) return std::nullopt;
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return wrong(tr("{} cannot be read: {}.", path, ::strerror(errno)));
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return wrong(tr("{} cannot be read: {}.", path, ::strerror(errno)));
  if (status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
    return wrong(tr("{} holds your token, and others can read it. Make it yours alone: chmod 600 {}", path, path));
  std::string text;
  std::array<char, 4096> part;
  for (ssize_t got = 0; (got = ::read(file.get(), part.data(), part.size())) > 0;) {
    text.append(part.data(), static_cast<std::size_t>(got));
    if (text.size() > profile_bytes_max) return wrong(tr("{} is too large to be a profile.", path));
  }
  auto profile = parsed(path, text);
  if (!profile) return tl::unexpected(profile.error());
  return *std::move(profile);
}

Result<holdfast::Nothing> write_profile(const Profile& profile) {
  const std::string path = profile_path();
  if (path.empty()) return wrong(tr("There is no home directory for a profile. Set HOME or XDG_CONFIG_HOME."));
  const fs::path folder = fs::path(path).parent_path();
  std::error_code failed;
  fs::create_directories(folder.parent_path(), failed);
  if (!failed && ::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) failed.assign(errno, std::generic_category());
  if (!failed && ::chmod(folder.c_str(), 0700) != 0) failed.assign(errno, std::generic_category());
  if (failed) return wrong(tr("{} cannot be written: {}.", path, failed.message()));

  const std::string text = "# Made by `holdfast login`. The token is a secret.\nserver = " + in_quotes(profile.server) +
                           (profile.ca.empty() ? "" : "\nca = " + in_quotes(profile.ca)) +
                           "\ntoken = " + in_quotes(profile.token) + "\n";
  std::string young = path + ".XXXXXX";
  const File file(::mkostemp(young.data(), O_CLOEXEC));  // mode 0600
  const bool written = file.get() >= 0 &&
                       ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(file.get()) == 0 && ::rename(young.c_str(), path.c_str()) == 0;
  if (written) return holdfast::Nothing{};
  const int why = errno;
  if (file.get() >= 0) ::unlink(young.c_str());
  return wrong(tr("{} cannot be written: {}.", path, ::strerror(why)));
}

Result<bool> remove_profile() {
  const std::string path = profile_path();
  if (path.empty()) return false;
  if (::unlink(path.c_str()) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return wrong(tr("{} cannot be removed: {}.", path, ::strerror(errno)));
}

}  // namespace hf::cli
