// If a URL were taken for another one, a node would write locks where nobody looks; if it showed its password, logs
// would.

#include "redis/url.h"

#include <gtest/gtest.h>

namespace hf::redis {
namespace {

Url good(std::string_view text) {
  auto url = parse_url(text);
  EXPECT_TRUE(url.has_value()) << text << ": " << (url ? "" : url.error().detail);
  return url.value_or(Url{});
}

TEST(RedisUrl, one_server_has_a_host_a_port_and_a_database) {
  const Url url = good("redis://127.0.0.1:7000/3");
  EXPECT_EQ(url.topology, Url::Topology::standalone);
  EXPECT_FALSE(url.tls);
  EXPECT_EQ(url.hosts, (std::vector<HostPort>{{"127.0.0.1", 7000}}));
  EXPECT_EQ(url.db, 3U);
  EXPECT_EQ(good("redis://h").hosts, (std::vector<HostPort>{{"h", 6379}}));
  EXPECT_EQ(good("redis://h/").db, 0U);
  EXPECT_EQ(good("redis://[::1]:7000").hosts, (std::vector<HostPort>{{"::1", 7000}}));
  EXPECT_EQ(good("redis://[::1]").hosts, (std::vector<HostPort>{{"::1", 6379}}));
}

TEST(RedisUrl, sentinels_name_a_master_and_have_their_own_password) {
  const Url url = good(
      "rediss+sentinel://u:p@a,b:1,[::2]:3/my%20master?db=2&sentinel_user=s&sentinel_password=t%26&ca=/etc/ca.pem");
  EXPECT_EQ(url.topology, Url::Topology::sentinel);
  EXPECT_TRUE(url.tls);
  EXPECT_EQ(url.hosts, (std::vector<HostPort>{{"a", 26379}, {"b", 1}, {"::2", 3}}));
  EXPECT_EQ(url.master_name, "my master");
  EXPECT_EQ(url.db, 2U);
  EXPECT_EQ(url.credentials, (Credentials{"u", "p"}));
  EXPECT_EQ(url.sentinel_credentials, (Credentials{"s", "t&"}));
  EXPECT_EQ(url.ca_path, "/etc/ca.pem");
}

TEST(RedisUrl, a_cluster_has_nodes) {
  const Url url = good("redis+cluster://:p@h1:7000,h2:7001?timeout_ms=500");
  EXPECT_EQ(url.topology, Url::Topology::cluster);
  EXPECT_EQ(url.hosts.size(), 2U);
  EXPECT_EQ(url.credentials, (Credentials{"", "p"}));
  EXPECT_EQ(url.connect_timeout, Millis(500));
}

TEST(RedisUrl, a_socket_is_a_path) {
  const Url url = good("unix://u:p@/run/redis/redis.sock?db=1");
  EXPECT_EQ(url.socket_path, "/run/redis/redis.sock");
  EXPECT_EQ(url.db, 1U);
  EXPECT_EQ(url.credentials, (Credentials{"u", "p"}));
  EXPECT_TRUE(url.hosts.empty());
}

TEST(RedisUrl, a_password_may_hold_anything_that_is_written_as_hexadecimal_digits) {
  EXPECT_EQ(good("redis://u%3a:p%40%2F%3f%25@h").credentials, (Credentials{"u:", "p@/?%"}));
  EXPECT_EQ(good("redis://u:p@q:r@h").credentials, (Credentials{"u", "p@q:r"}));
}

TEST(RedisUrl, its_text_says_everything_but_passwords) {
  for (const std::string_view text :
       {"redis://h:1", "redis://u:***@[::1]:7000?db=3", "rediss://h:1?ca=/a%20b&cert=/c&key=/k&timeout_ms=7",
        "rediss+cluster://:***@a:1,b:2?verify=no", "unix:///run/r.sock?db=1",
        "redis+sentinel://a:26379/mymaster?sentinel_user=s&sentinel_password=***"}) {
    EXPECT_EQ(good(text).text(), text);
  }
  EXPECT_EQ(good("redis://u:secret@h/0").text(), "redis://u:***@h:6379");
}

TEST(RedisUrl, what_is_wrong_is_said_without_repeating_it) {
  for (const std::string_view text : {"",
                                      "h:6379",
                                      "http://h",
                                      "REDIS://h",
                                      "redis://",
                                      "redis://secret@h",
                                      "redis://u:secret@",
                                      "redis://u:secret@:6379",
                                      "redis://u:secret%@h",
                                      "redis://u:secret%4@h",
                                      "redis://u:secret%zz@h",
                                      "redis://u:secret%00@h",
                                      "redis://u:secret@h:0",
                                      "redis://u:secret@h:65536",
                                      "redis://u:secret@h:x",
                                      "redis://u:secret@h:",
                                      "redis://u:secret@::1",
                                      "redis://u:secret@[::1",
                                      "redis://u:secret@[::1]x",
                                      "redis://u:secret@h/x",
                                      "redis://u:secret@h/-1",
                                      "redis://u:secret@a,b",
                                      "redis://u:secret/x@h",
                                      "redis://:secret/x@h",
                                      "redis+sentinel://u:secret@h",
                                      "redis+sentinel://u:secret@h/",
                                      "redis+sentinel://u:secret@h/a/b",
                                      "redis+sentinel://h/m?sentinel_user=secret",
                                      "redis+sentinel://h/m?sentinel_password=a&secret",
                                      "redis+cluster://u:secret@h/1",
                                      "redis+cluster://u:secret@h?db=1",
                                      "redis+cluster://u:secret@a,,b",
                                      "redis://u:secret@h?ca=/f",
                                      "redis://u:secret@h?verify=no",
                                      "rediss://u:secret@h?verify=maybe",
                                      "rediss://u:secret@h?cert=/c",
                                      "redis://u:secret@h?timeout_ms=0",
                                      "redis://u:secret@h?timeout_ms=1h",
                                      "redis://u:secret@h?secret=1",
                                      "redis://h?sentinel_password=secret",
                                      "unix://secret"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url.has_value()) << text;
    EXPECT_EQ(url.error().code, Code::invalid) << text;
    EXPECT_EQ(url.error().field, "url") << text;
    EXPECT_FALSE(url.error().detail.empty()) << text;
    EXPECT_EQ(url.error().detail.find("secret"), std::string::npos) << text << ": " << url.error().detail;
  }
}

}  // namespace
}  // namespace hf::redis
