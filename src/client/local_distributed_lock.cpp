#include <mutex>
#include <random>
#include <set>
#include <unordered_map>

#include "base/id.h"
#include "holdfast/distributed_lock.h"

namespace holdfast {
namespace {

using Steady = std::chrono::steady_clock::time_point;

constexpr std::size_t text_bytes_max = 512;
constexpr Millis ttl_max{std::chrono::hours(24 * 366)};

class LocalDistributedLock final : public DistributedLock {
 public:
  explicit LocalDistributedLock(LocalDistributedLockOptions options) : options_(std::move(options)) {
    if (!options_.steady_now) options_.steady_now = [] { return std::chrono::steady_clock::now(); };
    if (!options_.wall_now) options_.wall_now = [] { return std::chrono::system_clock::now(); };
    const auto since_epoch = options_.wall_now().time_since_epoch();
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
    last_token_ = micros > 0 ? static_cast<Token>(micros) : 0;
  }

  Result<std::optional<KeyGrant>> try_acquire(const std::string& key, Millis ttl,
                                              std::optional<std::string> value) override {
    if (auto wrong = check(key, "key")) return tl::unexpected(*wrong);
    if (auto wrong = check(ttl)) return tl::unexpected(*wrong);
    if (value) {
      if (auto wrong = check(*value, "value")) return tl::unexpected(*wrong);
    }
    std::lock_guard guard(mutex_);
    const Steady now = options_.steady_now();
    sweep(now);
    if (keys_.contains(key)) return std::nullopt;
    if (keys_.size() >= options_.keys_max) return failure(Code::too_many, "too many keys are held");
    if (!value) value = made_value();
    auto [it, fresh] = keys_.emplace(key, Entry{*value, now + ttl});
    ends_.emplace(it->second.end, &it->first);
    return KeyGrant{*std::move(value), ++last_token_, ttl};
  }

  Result<bool> release(const std::string& key, const std::string& value) override {
    if (auto wrong = check(key, "key")) return tl::unexpected(*wrong);
    std::lock_guard guard(mutex_);
    auto it = held(key);
    if (it == keys_.end() || it->second.value != value) return false;
    ends_.erase({it->second.end, &it->first});
    keys_.erase(it);
    return true;
  }

  Result<bool> extend(const std::string& key, Millis ttl, const std::string& value) override {
    if (auto wrong = check(key, "key")) return tl::unexpected(*wrong);
    if (auto wrong = check(ttl)) return tl::unexpected(*wrong);
    std::lock_guard guard(mutex_);
    auto it = held(key);
    if (it == keys_.end() || it->second.value != value) return false;
    ends_.erase({it->second.end, &it->first});
    it->second.end = options_.steady_now() + ttl;
    ends_.emplace(it->second.end, &it->first);
    return true;
  }

  Result<bool> exists(const std::string& key) override {
    if (auto wrong = check(key, "key")) return tl::unexpected(*wrong);
    std::lock_guard guard(mutex_);
    return held(key) != keys_.end();
  }

  Result<bool> is_held_by(const std::string& key, const std::string& value) override {
    if (auto wrong = check(key, "key")) return tl::unexpected(*wrong);
    std::lock_guard guard(mutex_);
    auto it = held(key);
    return it != keys_.end() && it->second.value == value;
  }

  Result<std::optional<Millis>> remaining(const std::string& key) override {
    if (auto wrong = check(key, "key")) return tl::unexpected(*wrong);
    std::lock_guard guard(mutex_);
    const Steady now = options_.steady_now();
    sweep(now);
    auto it = keys_.find(key);
    if (it == keys_.end()) return std::nullopt;
    return std::chrono::ceil<Millis>(it->second.end - now);
  }

 private:
  struct Entry {
    std::string value;
    Steady end;
  };
  using Keys = std::unordered_map<std::string, Entry>;

  static std::optional<Error> check(const std::string& text, const char* field) {
    if (!text.empty() && text.size() <= text_bytes_max) return std::nullopt;
    return failure(Code::invalid, std::string(field) + " is 1 to 512 bytes", field).value();
  }
  static std::optional<Error> check(Millis ttl) {
    if (ttl >= Millis(1) && ttl <= ttl_max) return std::nullopt;
    return failure(Code::invalid, "ttl is 1 ms to 1 year", "ttl").value();
  }

  Keys::iterator held(const std::string& key) {
    sweep(options_.steady_now());
    return keys_.find(key);
  }
  // What has ended is forgotten by the next call of any kind: O(what ended × log keys).
  void sweep(Steady now) {
    while (!ends_.empty() && ends_.begin()->first <= now) {
      const std::string* key = ends_.begin()->second;
      ends_.erase(ends_.begin());
      keys_.erase(keys_.find(*key));
    }
  }
  std::string made_value() {
    const auto word = [this] { return (static_cast<std::uint64_t>(device_()) << 32) | device_(); };
    const std::uint64_t hi = word();
    const std::uint64_t lo = word();
    return hf::Id128{hi, lo}.text();
  }

  LocalDistributedLockOptions options_;
  std::mutex mutex_;
  std::random_device device_;
  Keys keys_;
  std::set<std::pair<Steady, const std::string*>> ends_;  // keys in a node container do not move
  Token last_token_ = 0;
};

}  // namespace

std::unique_ptr<DistributedLock> make_local_distributed_lock(LocalDistributedLockOptions options) {
  return std::make_unique<LocalDistributedLock>(std::move(options));
}

}  // namespace holdfast
