// If an answer that says "not here" were taken for the command's own, a lock would be refused that is free.

#include "redis/command.h"

#include <gtest/gtest.h>

namespace hf::redis {
namespace {

Reply error(std::string text) {
  Reply reply;
  reply.kind = Reply::Kind::error;
  reply.text = std::move(text);
  return reply;
}

TEST(RedisCommand, the_time_that_redis_may_keep_silent_is_what_the_command_says) {
  EXPECT_EQ(blocking_time({"XREAD", "COUNT", "10", "BLOCK", "5000", "STREAMS", "s", "$"}), Millis(5000));
  EXPECT_EQ(blocking_time({"xreadgroup", "GROUP", "g", "c", "block", "7", "STREAMS", "s", ">"}), Millis(7));
  EXPECT_EQ(blocking_time({"WAIT", "1", "300"}), Millis(300));
  EXPECT_EQ(blocking_time({"XREAD", "STREAMS", "BLOCK", "5"}), std::nullopt) << "a stream of that name";
  EXPECT_EQ(blocking_time({"XREAD", "BLOCK", "0", "STREAMS", "s", "$"}), std::nullopt);
  EXPECT_EQ(blocking_time({"XREAD", "BLOCK", "-5", "STREAMS", "s", "$"}), std::nullopt);
  EXPECT_EQ(blocking_time({"SET", "BLOCK", "5"}), std::nullopt);
  EXPECT_EQ(blocking_time({}), std::nullopt);
}

TEST(RedisCommand, an_answer_that_nothing_was_done_is_known_by_its_first_word) {
  EXPECT_EQ(meaning_of(error("MOVED 1 a:1")), Meaning::moved);
  EXPECT_EQ(meaning_of(error("ASK 1 a:1")), Meaning::ask);
  EXPECT_EQ(meaning_of(error("TRYAGAIN Multiple keys request during rehashing of slot")), Meaning::try_again);
  EXPECT_EQ(meaning_of(error("LOADING Redis is loading the dataset in memory")), Meaning::loading);
  EXPECT_EQ(meaning_of(error("READONLY You can't write against a read only replica.")), Meaning::not_master);
  EXPECT_EQ(meaning_of(error("MASTERDOWN Link with MASTER is down")), Meaning::not_master);
  EXPECT_EQ(meaning_of(error("CLUSTERDOWN The cluster is down")), Meaning::not_master);
  EXPECT_EQ(
      meaning_of(error("ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY You can't "
                       "write against a read only replica.")),
      Meaning::not_master);
  EXPECT_EQ(meaning_of(error("NOSCRIPT No matching script.")), Meaning::answer);
  EXPECT_EQ(meaning_of(error("ERR READONLY")), Meaning::answer);
  EXPECT_EQ(meaning_of(error("READONLYX")), Meaning::answer);
  Reply text = error("MOVED 1 a:1");
  text.kind = Reply::Kind::text;
  EXPECT_EQ(meaning_of(text), Meaning::answer);
}

}  // namespace
}  // namespace hf::redis
