// If the link lost an answer, gave one to the wrong command, or took a dead server for a living one, users would see
// locks that are not theirs, or wait for nothing.

#include <gtest/gtest.h>

#include <atomic>

#include "tests/redis/link_harness.h"
#include "tests/redis/redis_process.h"

namespace hf::test {
namespace {

using redis::Reply;

redis::Url url_of(const std::string& text) {
  auto url = redis::parse_url(text);
  EXPECT_TRUE(url.has_value()) << text;
  return url.value_or(redis::Url{});
}

std::int64_t ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - start).count();
}

TEST(RedisLink, a_command_is_answered_and_the_owner_knows_by_whom) {
  const RedisProcess redis({.appendonly = true, .lines = {"maxmemory-policy volatile-lru", "save 3600 1"}});
  ASSERT_TRUE(redis.is_running()) << redis.log();
  LinkHarness link(redis.url(), {.name = "holdfast-test"});
  EXPECT_EQ(link.text({"SET", "k", "v"}), "OK");
  EXPECT_EQ(link.text({"GET", "k"}), "v");
  EXPECT_EQ(link.text({"INCR", "k"}), "ERR value is not an integer or out of range");
  EXPECT_EQ(link.text({"CLIENT", "GETNAME"}), "holdfast-test");
  EXPECT_EQ(link.ups(), 1U);
  const redis::ServerInfo info = link.last_up();
  EXPECT_EQ(info.run_id, redis.info("run_id"));
  EXPECT_EQ(info.version, redis.info("redis_version"));
  EXPECT_EQ(info.maxmemory_policy, "volatile-lru");
  EXPECT_EQ(info.address, "127.0.0.1:" + std::to_string(redis.port()));
  EXPECT_TRUE(info.aof);
  EXPECT_TRUE(info.saves);
}

TEST(RedisLink, a_database_of_its_own_is_used) {
  const RedisProcess redis;
  redis::Url url = redis.url();
  url.db = 3;
  LinkHarness link(url);
  EXPECT_EQ(link.text({"SET", "k", "v"}), "OK");
  EXPECT_TRUE(redis.command({"GET", "k"}).is_null());
}

TEST(RedisLink, a_socket_of_the_system_is_a_connection_like_any) {
  const RedisProcess redis({.socket = true});
  LinkHarness link(url_of("unix://" + redis.socket_path()));
  EXPECT_EQ(link.text({"PING"}), "PONG");
  EXPECT_EQ(link.last_up().address, redis.socket_path());
}

TEST(RedisLink, a_user_with_few_rights_can_use_it) {
  const RedisProcess redis({.users = {"hold on >secret ~hf:* &* -@all +@read +@write +info +ping"}});
  ASSERT_TRUE(redis.is_running()) << redis.log();
  redis::Url url = redis.url();
  url.credentials = redis::Credentials{"hold", "secret"};
  LinkHarness link(url, {.name = "holdfast-test"});
  EXPECT_EQ(link.text({"SET", "hf:k", "v"}), "OK");
  EXPECT_TRUE(link.text({"SET", "other", "v"}).starts_with("NOPERM"));
  EXPECT_FALSE(link.last_up().saves);
}

TEST(RedisLink, a_wrong_password_is_said_and_tried_again) {
  const RedisProcess redis({.password = "right"});
  redis::Url url = redis.url();
  url.credentials->password = "wrong";
  LinkHarness link(url);
  const std::string answer = link.text({"PING"}, Millis(300));
  EXPECT_TRUE(answer.starts_with("unavailable: ")) << answer;
  EXPECT_NE(answer.find("WRONGPASS"), std::string::npos) << answer;
  EXPECT_EQ(link.ups(), 0U);
  EXPECT_EQ(link.downs(), 0U) << "it was never up";
  EXPECT_EQ(redis.command({"CONFIG", "SET", "requirepass", "wrong"}).text, "OK");
  EXPECT_EQ(link.text({"PING"}), "PONG");
}

TEST(RedisLink, a_missing_password_is_said) {
  const RedisProcess redis({.password = "right"});
  redis::Url url = redis.url();
  url.credentials.reset();
  LinkHarness link(url);
  const std::string answer = link.text({"PING"}, Millis(300));
  EXPECT_NE(answer.find("NOAUTH"), std::string::npos) << answer;
}

TEST(RedisLink, a_server_is_trusted_by_its_certificate_only) {
  const TestCertificates ours;
  const TestCertificates theirs;
  const RedisProcess redis({.certificates = &ours});
  ASSERT_TRUE(redis.is_running()) << redis.log();
  const std::string port = std::to_string(redis.tls_port());
  {
    LinkHarness link(url_of("rediss://127.0.0.1:" + port + "?ca=" + ours.ca()));
    EXPECT_EQ(link.text({"PING"}), "PONG");
  }
  {
    LinkHarness link(url_of("rediss://localhost:" + port + "?ca=" + ours.ca()));
    EXPECT_EQ(link.text({"SET", "big", std::string(1 << 20, 'x')}), "OK");
    EXPECT_EQ(link.text({"GET", "big"}), std::string(1 << 20, 'x'));
  }
  {
    LinkHarness link(url_of("rediss://127.0.0.1:" + port + "?ca=" + theirs.ca()));
    const std::string answer = link.text({"PING"}, Millis(300));
    EXPECT_NE(answer.find("certificate is not good"), std::string::npos) << answer;
    EXPECT_EQ(link.ups(), 0U);
  }
  {
    LinkHarness link(url_of("rediss://127.0.0.1:" + port + "?verify=no"));
    EXPECT_EQ(link.text({"PING"}), "PONG");
  }
  {
    LinkHarness link(url_of("rediss://127.0.0.1:" + port + "?ca=/nonexistent"));
    const std::string answer = link.text({"PING"}, Millis(300));
    EXPECT_NE(answer.find("authorities"), std::string::npos) << answer;
  }
}

TEST(RedisLink, a_certificate_for_another_host_is_refused) {
  const TestCertificates ours;
  // The certificate is for 127.0.0.1; the server listens on 127.0.0.2 too.
  const RedisProcess redis({.certificates = &ours, .lines = {"bind 127.0.0.1 127.0.0.2"}});
  ASSERT_TRUE(redis.is_running()) << redis.log();
  LinkHarness link(url_of("rediss://127.0.0.2:" + std::to_string(redis.tls_port()) + "?ca=" + ours.ca()));
  const std::string answer = link.text({"PING"}, Millis(500));
  EXPECT_TRUE(answer.starts_with("unavailable: ")) << answer;
  EXPECT_NE(answer.find("certificate"), std::string::npos) << answer;
  EXPECT_EQ(link.ups(), 0U);
}

TEST(RedisLink, ten_thousand_commands_are_answered_in_order) {
  const RedisProcess redis;
  LinkHarness link(redis.url());
  constexpr int count = 10'000;
  std::vector<std::int64_t> answers;
  std::promise<void> all;
  link.run([&](RedisLink& l) {
    for (int i = 0; i < count; ++i) {
      l.send({"INCR", "counter"}, Millis(20'000), [&](Result<Reply> reply) {
        answers.push_back(reply ? reply->integer : -1);
        if (answers.size() == count) all.set_value();
      });
    }
    EXPECT_TRUE(answers.empty()) << "never from inside a call";
  });
  ASSERT_EQ(all.get_future().wait_for(Millis(30'000)), std::future_status::ready);
  for (int i = 0; i < count; ++i) ASSERT_EQ(answers[static_cast<std::size_t>(i)], i + 1);
}

TEST(RedisLink, more_than_may_wait_is_refused_at_once) {
  RedisProcess redis;
  const redis::Url url = redis.url();
  redis.kill();
  LinkHarness link(url, {.waiting_max = 2});
  auto first = link.begin({"PING"}, Millis(600));
  auto second = link.begin({"PING"}, Millis(600));
  EXPECT_EQ(link.text({"PING"}, Millis(600)), "unavailable: Too many commands wait for Redis.");
  EXPECT_TRUE(shown(first.get()).starts_with("unavailable: Redis has not taken"));
  EXPECT_TRUE(shown(second.get()).starts_with("unavailable: Redis has not taken"));
}

TEST(RedisLink, a_command_that_was_sent_and_not_answered_in_time_may_have_been_carried_out) {
  const RedisProcess redis;
  LinkHarness link(redis.url());
  ASSERT_EQ(link.text({"SET", "k", "0"}), "OK");
  ASSERT_EQ(redis.command({"CLIENT", "PAUSE", "1000", "WRITE"}).text, "OK");
  const auto start = std::chrono::steady_clock::now();
  auto late = link.begin({"INCR", "k"}, Millis(200));
  EXPECT_EQ(shown(late.get()), "unknown_outcome: Redis has not answered in time.");
  EXPECT_GE(ms_since(start), 200);
  EXPECT_LT(ms_since(start), 900) << "in time";
  // The answer that comes after all is nobody else's.
  EXPECT_EQ(link.text({"GET", "k"}), "1");
  EXPECT_EQ(link.ups(), 1U);
}

TEST(RedisLink, a_server_that_died_is_found_again_when_it_is_back) {
  RedisProcess redis({.appendonly = true});
  LinkHarness link(redis.url());
  ASSERT_EQ(link.text({"SET", "k", "v"}), "OK");
  const std::string run_id = link.last_up().run_id;
  redis.kill();
  ASSERT_TRUE(link.wait_downs(1));
  const std::string answer = link.text({"GET", "k"}, Millis(300));
  EXPECT_TRUE(answer.starts_with("unavailable: ")) << answer;
  // What waits when the server comes back is answered by it.
  auto waiting = link.begin({"GET", "k"}, Millis(30'000));
  ASSERT_TRUE(redis.start());
  EXPECT_EQ(shown(waiting.get()), "v");
  EXPECT_EQ(link.ups(), 2U);
  EXPECT_NE(link.last_up().run_id, run_id);
}

TEST(RedisLink, what_was_under_way_when_the_server_died_may_have_been_carried_out) {
  RedisProcess redis;
  LinkHarness link(redis.url());
  ASSERT_EQ(link.text({"PING"}), "PONG");
  ASSERT_EQ(redis.command({"CLIENT", "PAUSE", "30000", "WRITE"}).text, "OK");
  auto under_way = link.begin({"SET", "k", "v"}, Millis(30'000));
  link.run([](RedisLink&) {});
  link.run([](RedisLink&) {});
  redis.kill();
  const std::string answer = shown(under_way.get());
  EXPECT_TRUE(answer.starts_with("unknown_outcome: ")) << answer;
}

TEST(RedisLink, a_connection_that_is_half_open_is_noticed_in_five_seconds) {
  const RedisProcess redis;
  LinkHarness link(redis.url());
  ASSERT_EQ(link.text({"PING"}), "PONG");
  redis.pause();
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(link.wait_downs(1)) << "while nothing is asked";
  EXPECT_LT(ms_since(start), 5000);
  EXPECT_NE(link.last_down().find("silent"), std::string::npos) << link.last_down();
  redis.resume();
  ASSERT_TRUE(link.wait_ups(2));
  EXPECT_EQ(link.text({"PING"}), "PONG");
}

TEST(RedisLink, a_reader_that_waits_for_news_is_not_taken_for_dead_nor_a_dead_one_for_a_reader) {
  const RedisProcess redis;
  LinkHarness link(redis.url(), {.probe_period = Millis(200), .probe_timeout = Millis(300)});
  const redis::Arguments read = {"XREAD", "BLOCK", "1500", "STREAMS", "s", "$"};
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(link.text(read, Millis(20'000)), "null");
  EXPECT_GE(ms_since(start), 1400);
  EXPECT_EQ(link.downs(), 0U);
  auto reading = link.begin(read, Millis(20'000));
  link.run([](RedisLink&) {});
  link.run([](RedisLink&) {});
  redis.pause();
  const auto paused = std::chrono::steady_clock::now();
  EXPECT_TRUE(shown(reading.get()).starts_with("unknown_outcome: "));
  EXPECT_LT(ms_since(paused), 1500 + 2000);
  redis.resume();
}

TEST(RedisLink, a_replica_is_not_taken_for_a_master) {
  const RedisProcess master;
  const RedisProcess replica({.lines = {"replicaof 127.0.0.1 " + std::to_string(master.port())}});
  LinkHarness link(replica.url());
  const std::string answer = link.text({"PING"}, Millis(500));
  EXPECT_NE(answer.find("It is a replica"), std::string::npos) << answer;
  EXPECT_EQ(link.ups(), 0U);
  EXPECT_EQ(replica.command({"REPLICAOF", "NO", "ONE"}).text, "OK");
  EXPECT_EQ(link.text({"SET", "k", "v"}), "OK");
}

TEST(RedisLink, a_master_that_was_demoted_is_left_and_the_command_waits_for_the_next) {
  const RedisProcess master;
  const RedisProcess redis;
  LinkHarness link(redis.url());
  ASSERT_EQ(link.text({"SET", "k", "v"}), "OK");
  // Its link to the other one is never up, so that it keeps its data.
  ASSERT_EQ(redis.command({"CONFIG", "SET", "masterauth", "wrong"}).text, "OK");
  ASSERT_EQ(master.command({"CONFIG", "SET", "requirepass", "right"}).text, "OK");
  ASSERT_EQ(redis.command({"REPLICAOF", "127.0.0.1", std::to_string(master.port())}).text, "OK");
  auto writing = link.begin({"APPEND", "k", "w"}, Millis(20'000));
  ASSERT_TRUE(link.wait_downs(1));
  EXPECT_NE(link.last_down().find("READONLY"), std::string::npos) << link.last_down();
  ASSERT_EQ(redis.command({"REPLICAOF", "NO", "ONE"}).text, "OK");
  EXPECT_EQ(shown(writing.get()), "2");
  EXPECT_EQ(redis.command({"GET", "k"}).text, "vw") << "once";
}

TEST(RedisLink, the_owner_can_ask_for_a_new_connection) {
  const RedisProcess redis;
  LinkHarness link(redis.url());
  ASSERT_TRUE(link.wait_ups(1));
  std::promise<std::string> waited;
  link.run([&](RedisLink& l) {
    l.reconnect();
    EXPECT_FALSE(l.is_up());
    EXPECT_EQ(link.downs(), 0U) << "never from inside a call";
    l.send({"PING"}, Millis(10'000), [&](Result<Reply> reply) { waited.set_value(shown(reply)); });
  });
  EXPECT_EQ(waited.get_future().get(), "PONG");
  EXPECT_EQ(link.ups(), 2U);
  EXPECT_EQ(link.downs(), 1U);
}

TEST(RedisLink, a_link_may_be_destroyed_in_a_callback_and_calls_nothing_more) {
  const RedisProcess redis;
  Loop loop;
  auto link = RedisLink::open(loop, redis.url());
  std::atomic<int> calls = 0;
  for (int i = 0; i < 10; ++i) {
    link->send({"PING"}, Millis(10'000), [&](Result<Reply>) {
      ++calls;
      link.reset();
      loop.post([&] { loop.stop(); });
    });
  }
  loop.run();
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace hf::test
