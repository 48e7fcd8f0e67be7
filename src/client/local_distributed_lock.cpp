#include <mutex>
#include <random>
#include <set>
#include <unordered_map>

#include "client/lock_values.h"
#include "holdfast/distributed_lock.h"

namespace holdfast {
namespace {

using Steady = std::chrono::steady_clock::time_point;

using hf::client::made_value;
using hf::client::wrong_text;
using hf::client::wrong_ttl;

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
    if (auto wrong = wrong_text(key, "key")) return tl::unexpected(*wrong);
    if (auto wrong = wrong_ttl(ttl)) return tl::unexpected(*wrong);
    if (value) {
      if (auto wrong = wrong_text(*value, "value")) return tl::unexpected(*wrong);
    }
    std::lock_guard guard(mutex_);
    const Steady now = options_.steady_now();
    sweep(now);
    if (keys_.contains(key)) return std::nullopt;
    if (keys_.size() >= options_.keys_max) return failure(Code::too_many, "too many keys are held");
    if (!value) value = made_value(device_);
    auto [it, fresh] = keys_.emplace(key, Entry{*value, now + ttl});
    ends_.emplace(it->second.end, &it->first);
    return KeyGrant{*std::move(value), ++last_token_, ttl};
  }

  Result<bool> release(const std::string& key, const std::string& value) override {
    if (auto wrong = wrong_text(key, "key")) return tl::unexpected(*wrong);
    std::lock_guard guard(mutex_);
    auto it = held(key);
    if (it == keys_.end() || it->second.value != value) return false;
    ends_.erase({it->second.end, &it->first});
    keys_.erase(it);
    return true;
  }

  Result<bool> extend(const std::string& key, Millis ttl, const std::string& value) override {
    if (auto wrong = wrong_text(key, "key")) return tl::unexpected(*wrong);
    if (auto wrong = wrong_ttl(ttl)) return tl::unexpected(*wrong);
    std::lock_guard guard(mutex_);
    auto it = held(key);
    if (it == keys_.end() || it->second.value != value) return false;
    ends_.erase({it->second.end, &it->first});
    it->second.end = options_.steady_now() + ttl;
    ends_.emplace(it->second.end, &it->first);
    return true;
  }

  Result<bool> exists(const std::string& key) override {
    if (auto wrong = wrong_text(key, "key")) return tl::unexpected(*wrong);
    std::lock_guard guard(mutex_);
    return held(key) != keys_.end();
  }

  Result<bool> is_held_by(const std::string& key, const std::string& value) override {
    if (auto wrong = wrong_text(key, "key")) return tl::unexpected(*wrong);
    std::lock_guard guard(mutex_);
    auto it = held(key);
    return it != keys_.end() && it->second.value == value;
  }

  Result<std::optional<Millis>> remaining(const std::string& key) override {
    if (auto wrong = wrong_text(key, "key")) return tl::unexpected(*wrong);
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
