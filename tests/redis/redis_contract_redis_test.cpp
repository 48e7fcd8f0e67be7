// The lock contract on two nodes over a real Redis, once for each topology.

#include "contract/lock_contract.h"
#include "tests/redis/redis_process.h"
#include "tests/redis/redis_subject.h"

namespace hf::test {
namespace {

std::unique_ptr<Subject> standalone(const LockTreeOptions& options) {
  static const RedisProcess redis;
  return redis_subject(redis.url(), options);
}
std::unique_ptr<Subject> sentinel(const LockTreeOptions& options) {
  static const RedisSentinels redis(1);
  return redis_subject(redis.url(), options);
}
std::unique_ptr<Subject> cluster(const LockTreeOptions& options) {
  static const RedisCluster redis(3);
  return redis_subject(redis.url(), options);
}

INSTANTIATE_TEST_SUITE_P(Redis, LockContract,
                         testing::Values(ContractEngine{"standalone", standalone}, ContractEngine{"sentinel", sentinel},
                                         ContractEngine{"cluster", cluster}),
                         [](const auto& engine) { return engine.param.name; });

}  // namespace
}  // namespace hf::test
