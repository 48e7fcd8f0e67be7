// If a name that only looks like ours were taken for ours, any web page could act as the person who reads it.
#include "session/identities.h"

#include <malloc.h>

#include "session/hub_fixture_test.h"

namespace hf::session {

TEST(Headers, give_the_token_of_a_bearer_and_of_nobody_else) {
  EXPECT_EQ(bearer_token("Bearer abc"), "abc");
  EXPECT_EQ(bearer_token("bearer  abc "), "abc");
  EXPECT_EQ(bearer_token("Basic abc"), "");
  EXPECT_EQ(bearer_token("Bearer"), "");
  EXPECT_EQ(cookie_value("a=1; holdfast=x.y.z; b=2", "holdfast"), "x.y.z");
  EXPECT_EQ(cookie_value("xholdfast=1", "holdfast"), "");
  EXPECT_EQ(cookie_value("", "holdfast"), "");
}

TEST(Headers, tell_our_own_origin_from_others) {
  EXPECT_TRUE(is_same_origin("http://erp.example:7420", "erp.example:7420"));
  EXPECT_TRUE(is_same_origin("https://ERP.example", "erp.example"));
  EXPECT_FALSE(is_same_origin("http://erp.example:7420", "erp.example"));
  EXPECT_FALSE(is_same_origin("http://erp.example.evil", "erp.example"));
  EXPECT_FALSE(is_same_origin("null", "erp.example"));
  EXPECT_FALSE(is_same_origin("http://", ""));
}

TEST(Headers, know_the_names_of_this_machine) {
  for (const char* own : {"localhost", "LOCALHOST:7420", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:7420"})
    EXPECT_TRUE(is_loopback_host(own)) << own;
  for (const char* other : {"", "localhost.evil", "127.evil.example", "127.0.0.1.evil", "10.0.0.1", "[::2]", "[::1",
                            "[::1]x", "128.0.0.1"}) {
    EXPECT_FALSE(is_loopback_host(other)) << other;
  }
}

class Idle : public test::HubTest {};

TEST_F(Idle, a_connection_with_its_session_costs_less_than_a_kilobyte) {
  start();
  const std::string li = token("li");
  constexpr std::size_t many = 10'000;
  const auto open = [&](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      const ConnectionId c = connect();
      tell(c, R"({"op":"hello","token":")" + li + "\"}");
      const auto asked = engine.take<OpenSession>();
      hub->on_outcome(asked.ticket,
                      SessionOpened{std::get<OpenSession>(asked.command).session, Millis(30'000), now.wall, 0});
      transport.sent.clear();
      transport.owners.clear();  // the paper keeps a list of its own
    }
  };
  open(1'000);
  const auto before = ::mallinfo2();
  open(many);
  const auto after = ::mallinfo2();
  // Under a sanitizer mallinfo2 tells nothing: the difference is 0 there.
  const std::size_t each = (after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / many;
  RecordProperty("bytes_per_connection", static_cast<int>(each));
  EXPECT_LE(each, 1024u);
}

}  // namespace hf::session
