#pragma once

// The lock primitive over Redis, without a Holdfast server: one process, or many, that share a Redis share its keys.
//
// Besides what every DistributedLock promises (holdfast/distributed_lock.h):
//   1. each call is one script or command in Redis, and ends within `timeout`, whatever becomes of Redis;
//   2. a Redis that cannot be asked is an error, never "not acquired": unavailable if surely nothing was done,
//      unknown_outcome if it may have been. After unknown_outcome is_held_by() with the value of one's own tells, so
//      give one where that matters; a key under a value that was made for the call is free after its ttl at the latest;
//   3. tokens grow over release, expiry and restarts, and where Redis has lost its data, for as long as Redis' clock
//      does not go back by more than what lies between two grants.
// What no such lock can promise: Redis replicates without waiting, so a failover may forget the last grants, and a key
// is then granted anew while its holder believes in it. The token is what tells the two apart: check it where you
// write.
//
// In Redis lie {PREFIX}:key:KEY, the holder's value until the ttl ends it, and {PREFIX}:token, the last token. All of
// a prefix lies in one slot of a Cluster. Link holdfast::redis.

#include <memory>
#include <string>

#include "holdfast/distributed_lock.h"

namespace holdfast {

struct RedisDistributedLockOptions {
  std::string prefix = "holdfast";  // 1 to 200 bytes without { and }; who gives the same shares the keys
  Millis timeout{2000};             // of each call: 1 ms to 10 minutes
};

// `url` is redis://[user:password@]host[:port][/db], rediss:// with TLS, unix:///path/redis.sock,
// redis+sentinel://host[:port],…/MASTER or redis+cluster://host[:port],…; options as ?ca=FILE&timeout_ms=N follow.
// Fails with invalid, field `url`, `prefix` or `timeout`; it does not wait for Redis: the first call does.
// What is made is thread-safe and has one thread of its own. REQUIRES: it outlives all calls to it.
Result<std::unique_ptr<DistributedLock>> make_redis_distributed_lock(const std::string& url,
                                                                     RedisDistributedLockOptions options = {});

}  // namespace holdfast
