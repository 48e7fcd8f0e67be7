#include "server/startup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "catalog/catalog_loader.h"
#include "net/os_secrets.h"
#include "server/key_check.h"

namespace hf {
namespace {

constexpr std::size_t key_file_bytes_max = 64 * 1024;

std::string reason_now() { return std::generic_category().message(errno); }

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const noexcept { return number_; }
  bool is_open() const noexcept { return number_ >= 0; }

 private:
  int number_;
};

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

// Reads the keys of a configuration and judges them.
class KeyReader {
 public:
  KeyReader(NodeKeys& made, bool dev) : made_(made), dev_(dev) {}

  Result<void> add(const KeyConfig& key) {
    named_ = "auth.key \"" + key.kid + "\": ";
    if (!key.secret_env.empty()) {
      const char* value = std::getenv(key.secret_env.c_str());
      if (value == nullptr)
        return fail(Code::invalid, "The environment has no " + key.secret_env + ", which auth.key names.", "auth.key");
      return add_secret(key, value);
    }
    const bool secret = !key.secret_file.empty();
    const std::string& path = secret ? key.secret_file : key.public_key_file;
    auto text = read_file(path, key_file_bytes_max);
    if (!text) return tl::unexpected(text.error());
    const FileExposure exposed = exposure_of(path, secret ? KeyFile::secret : KeyFile::public_key);
    if (auto judged = refuse_unless_dev(exposed.to_all); !judged) return judged;
    if (exposed.to_all.empty() && !exposed.to_group.empty()) warn(exposed.to_group);
    if (secret) return add_secret(key, trimmed(std::move(*text)));
    const auto algorithm = jwt_algorithm_from_name(key.alg);
    if (!algorithm) return fail(Code::invalid, "No algorithm is called " + key.alg + ".", "auth.key");
    return told(made_.keys.add_pem(key.kid, *algorithm, *text));
  }

 private:
  Result<void> add_secret(const KeyConfig& key, std::string secret) {
    const auto& all = made_.keys.all();
    const bool shared = std::any_of(all.begin(), all.end(), [&](const JwtKey& k) { return k.secret == secret; });
    const std::string weakness = weakness_of_secret(secret);
    if (auto added = told(made_.keys.add_hs256(key.kid, std::move(secret))); !added) return added;
    if (auto judged = refuse_unless_dev(weakness); !judged) return judged;
    return refuse_unless_dev(shared ? "Another key has the same secret: who knows one knows both, make a new one."
                                    : "");
  }
  Result<void> refuse_unless_dev(const std::string& what) {
    if (what.empty()) return {};
    if (!dev_) return fail(Code::invalid, named_ + what, "auth.key");
    warn(what);
    return {};
  }
  void warn(const std::string& what) { made_.warnings.push_back(named_ + what); }
  Result<void> told(Result<void> added) const {
    if (!added) added.error().detail.insert(0, named_);
    return added;
  }

  NodeKeys& made_;
  bool dev_;
  std::string named_;
};

std::string hex_secret() {
  std::array<unsigned char, 32> bytes{};
  fill_random(bytes.data(), bytes.size());
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

// The development key of a data directory: made once, then the same for ever, so that tokens outlive a restart.
Result<std::string> open_dev_key(const std::string& directory) {
  const std::string path = directory + "/dev.key";
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.is_open()) {
    if (errno != EEXIST) return fail(Code::unavailable, "Cannot make " + path + ": " + reason_now() + ".");
    auto text = read_file(path, key_file_bytes_max);
    if (text) *text = trimmed(std::move(*text));
    if (text && text->size() < 32) return fail(Code::invalid, path + " is no key; remove it, and a new one is made.");
    return text;
  }
  std::string secret = hex_secret();
  const std::string line = secret + "\n";
  const bool written = ::write(file.number(), line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
                       ::fsync(file.number()) == 0;
  if (written) return secret;
  const std::string why = reason_now();
  ::unlink(path.c_str());
  return fail(Code::unavailable, "Cannot write " + path + ": " + why + ".");
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return fail(Code::unavailable, "Cannot open " + path + ": " + reason_now() + ".");
  std::string text;
  std::array<char, 16 * 1024> block{};
  for (;;) {
    const ssize_t got = ::read(file.number(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Code::unavailable, "Cannot read " + path + ": " + reason_now() + ".");
    if (got == 0) return text;
    text.append(block.data(), static_cast<std::size_t>(got));
    if (text.size() > bytes_max)
      return fail(Code::too_large, path + " has more than " + std::to_string(bytes_max) + " bytes.");
  }
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "node";
}

Result<void> make_directory(const std::string& path) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(Code::unavailable, "Cannot make the directory " + path + ": " + reason_now() + ".");
  if (!std::filesystem::is_directory(path, error)) return fail(Code::unavailable, path + " is no directory.");
  return {};
}

Result<Catalog> open_catalog(const Config& config) {
  std::string text;
  if (config.catalog.empty()) {
    text = embedded_catalog_text();
  } else {
    auto read = read_file(config.catalog, catalog_bytes_max);
    if (!read) return tl::unexpected(read.error());
    text = std::move(*read);
  }
  auto catalog = load_catalog(text, config.catalog.empty() ? "the built-in catalog" : config.catalog);
  if (!catalog) return fail(Code::invalid, catalog.error().text());
  return std::move(*catalog);
}

Result<NodeKeys> open_keys(const Config& config, DevKey dev_key) {
  NodeKeys made;
  made.keys.require_exp = config.require_exp;
  KeyReader reader(made, config.dev);
  for (const KeyConfig& key : config.keys) {
    if (auto added = reader.add(key); !added) return tl::unexpected(added.error());
  }
  if (!config.dev) return made;
  std::error_code error;
  if (dev_key == DevKey::leave && !std::filesystem::exists(config.data + "/dev.key", error)) return made;
  auto secret = open_dev_key(config.data);
  if (!secret) return tl::unexpected(secret.error());
  made.dev_secret = std::move(*secret);
  const FileExposure exposed = exposure_of(config.data + "/dev.key", KeyFile::secret);
  if (!exposed.to_all.empty() || !exposed.to_group.empty())
    made.warnings.push_back(exposed.to_all.empty() ? exposed.to_group : exposed.to_all);
  if (auto added = made.keys.add_hs256(dev_kid, made.dev_secret); !added) return tl::unexpected(added.error());
  return made;
}

}  // namespace hf
