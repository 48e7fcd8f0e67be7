#pragma once

// DistributedLock is the primitive under everything else: a key is held by one value for a time.
//
// It is deliberately small: no session, no queue, no tree. "The key is held" is a value, not an error; an engine that
// fails is an error, never "held". Every grant returns a fencing token that is greater than those of all earlier grants
// of that implementation. A value identifies the holder: whoever knows it may release and extend. Keys and values are 1
// to 512 bytes; ttl is 1 ms to 1 year.
//
// Promises of every implementation; one test suite checks them (src/client/distributed_lock_suite.h):
//   1. at any time at most one value holds a key;
//   2. release and extend with another value change nothing, also after the key was granted anew;
//   3. a key is free when its ttl has passed, without anybody doing anything;
//   4. a held key is not acquired again, not even by its holder: extend() is the renewal.
//
// Thread-safe.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "holdfast/result.h"

namespace holdfast {

struct KeyGrant {
  std::string value;  // as given, or generated: 26 characters that nobody can guess
  Token token = 0;
  Millis ttl{0};
  bool operator==(const KeyGrant&) const = default;
};

class DistributedLock {
 public:
  virtual ~DistributedLock() = default;
  // The grant, or nothing if the key is held. Without a value it generates one.
  virtual Result<std::optional<KeyGrant>> try_acquire(const std::string& key, Millis ttl,
                                                      std::optional<std::string> value = std::nullopt) = 0;
  // True if `value` held it and it is free now.
  virtual Result<bool> release(const std::string& key, const std::string& value) = 0;
  // True if `value` holds it; it now ends `ttl` from now, earlier or later than before.
  virtual Result<bool> extend(const std::string& key, Millis ttl, const std::string& value) = 0;
  virtual Result<bool> exists(const std::string& key) = 0;
  virtual Result<bool> is_held_by(const std::string& key, const std::string& value) = 0;
  // How long the key is still held; nothing if it is free.
  virtual Result<std::optional<Millis>> remaining(const std::string& key) = 0;
};

// The primitive within one process, without a server. It needs no thread and no timer. Expired keys cost only memory,
// and later calls to acquire() free it. At most `keys_max` keys are held at a time, then too_many. Tokens start at the
// clock's microseconds, so that they grow across restarts of the process as long as the clock does not go back.
struct LocalDistributedLockOptions {
  std::size_t keys_max = 100'000;
  // Both may be replaced by tests. The steady clock decides expiry; the wall clock is read once, for tokens.
  std::function<std::chrono::steady_clock::time_point()> steady_now;
  std::function<std::chrono::system_clock::time_point()> wall_now;
};
std::unique_ptr<DistributedLock> make_local_distributed_lock(LocalDistributedLockOptions options = {});

}  // namespace holdfast
