// If a replica were taken for a master, every change would be refused; if one start of Redis for another, lost locks
// would go unnoticed.

#include "redis/server_answers.h"

#include <gtest/gtest.h>

namespace hf::redis {
namespace {

TEST(ServerAnswers, info_says_who_the_server_is) {
  const Standing standing = parse_info(
      "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n\r\n# Memory\r\nmaxmemory_policy:noeviction\r\n# "
      "Persistence\r\n"
      "loading:0\r\naof_enabled:1\r\n# Replication\r\nrole:master\r\nconnected_slaves:2\r\n"
      "slave0:ip=10.0.0.2,port=6379\r\nmaster_replid:def\r\n# Cluster\r\ncluster_enabled:1\r\n");
  EXPECT_TRUE(standing.master);
  EXPECT_FALSE(standing.loading);
  EXPECT_TRUE(standing.cluster);
  EXPECT_EQ(standing.info.version, "7.0.15");
  EXPECT_EQ(standing.info.run_id, "abc");
  EXPECT_EQ(standing.info.maxmemory_policy, "noeviction");
  EXPECT_TRUE(standing.info.aof);
  EXPECT_EQ(standing.info.replicas, 2U);
}

TEST(ServerAnswers, what_info_does_not_say_is_not_assumed) {
  const Standing standing = parse_info("role:slave\nloading:1\nconnected_slaves:x\nnonsense\n:\n");
  EXPECT_FALSE(standing.master);
  EXPECT_TRUE(standing.loading);
  EXPECT_EQ(standing.info.replicas, 0U);
  EXPECT_FALSE(parse_info("").master);
}

TEST(ServerAnswers, a_rule_to_save_is_seen_only_where_there_is_one) {
  Reply reply;
  EXPECT_FALSE(parse_saves(reply));
  reply.kind = Reply::Kind::array;
  reply.items.resize(2);
  reply.items[0].text = "save";
  EXPECT_FALSE(parse_saves(reply));
  reply.items[1].text = "3600 1";
  EXPECT_TRUE(parse_saves(reply));
}

}  // namespace
}  // namespace hf::redis
