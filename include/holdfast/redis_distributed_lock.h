#pragma once

// The lock primitive over Redis, without a Holdfast server: one process, or many, that share a Redis share its keys.
//
// Besides what every DistributedLock promises (holdfast/distributed_lock.h):
//   1. each call is one script or command in Redis, and ends within `timeout`, whatever happens to Redis;
//   2. an unreachable Redis is an error, never "held": unavailable if surely nothing was done, unknown_outcome if it
//      may have been done. If that matters, give a value of your own: after unknown_outcome is_held_by() with that
//      value tells. A key under a generated value is free after its ttl at the latest;
//   3. tokens grow across release, expiry and restarts, and also if Redis loses its data, as long as Redis' clock does
//      not go back by more than the time between two grants.
// What no such lock can promise: Redis replicates without waiting, so a failover may forget the last grants and grant a
// key again while its former holder still believes that he holds it. The token tells the two apart: check it where you
// write.
//
// Keys in Redis: {PREFIX}:key:KEY has the holder's value until the ttl ends; {PREFIX}:token has the last token. All
// keys of a prefix lie in one slot of a Cluster. Link holdfast::redis.

#include <memory>
#include <string>

#include "holdfast/distributed_lock.h"

namespace holdfast {

struct RedisDistributedLockOptions {
  std::string prefix = "holdfast";  // 1 to 200 bytes without { and }; programs with the same prefix share keys
  Millis timeout{2000};             // of each call: 1 ms to 10 minutes
};

// `url` is redis://[user:password@]host[:port][/db], rediss:// with TLS, unix:///path/redis.sock,
// redis+sentinel://host[:port],…/MASTER or redis+cluster://host[:port],…; options as ?ca=FILE&timeout_ms=N follow.
// Fails with invalid, field `url`, `prefix` or `timeout`; it does not wait for Redis: the first call does. The returned
// lock is thread-safe and has its own thread. REQUIRES: it outlives all calls to it.
Result<std::unique_ptr<DistributedLock>> make_redis_distributed_lock(const std::string& url,
                                                                     RedisDistributedLockOptions options = {});

}  // namespace holdfast
