// A client that knows several nodes of one installation. If these fail, a killed node takes its people's locks along,
// though another node could have kept them.

#include "client/core_script_test.h"
#include "client/url.h"

namespace hf::client {
namespace {

// Until the core dials.
void dial(Script& s) {
  for (int i = 0; i < 100 && !s.dialing; ++i) s.pass(std::chrono::milliseconds(100));
  ASSERT_TRUE(s.dialing);
}

TEST(Addresses, a_link_that_broke_is_tried_where_it_was_and_then_at_the_next) {
  Script s({}, 3);
  s.ready();
  auto lock = s.holding();
  s.breaks();
  dial(s);
  EXPECT_EQ(s.address, 0U);
  s.breaks();  // refused
  dial(s);
  EXPECT_EQ(s.address, 1U);
  s.resume(s.state({grant(1)}));
  EXPECT_EQ(s.address, 1U);
  EXPECT_TRUE(s.held(lock));
  EXPECT_TRUE(s.losses.empty());
}

TEST(Addresses, a_round_through_them_comes_back_to_the_first) {
  Script s({}, 2);
  s.core.start(s.now);
  s.turn();
  for (const std::size_t expected : {0U, 1U, 0U, 1U, 0U}) {
    dial(s);
    EXPECT_EQ(s.address, expected);
    s.breaks();
  }
}

TEST(Addresses, a_dead_address_costs_no_longer_pause_before_the_next) {
  Script s({}, 2);
  s.core.start(s.now);
  s.turn();
  dial(s);
  s.breaks();
  const Time refused = s.now;
  dial(s);
  EXPECT_LE(s.now - refused, std::chrono::milliseconds(200)) << "one refusal is no reason to be patient with another";
}

TEST(Addresses, a_node_that_drains_is_left_at_once) {
  Script s({}, 2);
  s.ready();
  s.breaks(close_code::drain);
  dial(s);
  EXPECT_EQ(s.address, 1U);
}

TEST(Addresses, a_node_that_has_fallen_silent_or_answers_no_dial_is_left) {
  Script s({}, 3);
  s.ready();
  s.pass(silence_max + seconds(1));
  dial(s);
  EXPECT_EQ(s.address, 1U);
  s.pass(dial_max + seconds(1));
  dial(s);
  EXPECT_EQ(s.address, 2U);
}

TEST(Addresses, a_node_whose_store_is_away_is_left) {
  Script s({}, 2);
  s.core.start(s.now);
  s.turn();
  s.open_link();
  s.refuses(s.last<HelloFields>().id, Code::unavailable);
  dial(s);
  EXPECT_EQ(s.address, 1U);
}

TEST(Addresses, a_limit_that_every_node_knows_is_no_reason_to_go) {
  Script s({}, 2);
  s.core.start(s.now);
  s.turn();
  s.open_link();
  s.refuses(s.last<HelloFields>().id, Code::too_many, Millis(200));
  dial(s);
  EXPECT_EQ(s.address, 0U);
}

TEST(Addresses, a_node_that_renews_no_lease_is_left_before_the_lock_is_lost) {
  Script s({}, 2);
  s.ready();
  auto lock = s.holding();
  for (std::uint64_t n = 1; s.address == 0 && n < 10; ++n) {
    s.pass(seconds(9));
    if (!s.dialing) s.pings(n, 0);  // it lives, but acknowledges nothing
  }
  EXPECT_EQ(s.address, 1U);
  EXPECT_TRUE(s.held(lock));
  s.resume(s.state({grant(1)}));
  s.pass(seconds(5));
  EXPECT_TRUE(s.held(lock));
  EXPECT_TRUE(s.losses.empty());
}

TEST(Addresses, the_only_one_is_kept_though_it_renews_nothing) {
  Script s;
  s.ready();
  auto lock = s.holding();
  s.pass(seconds(10));
  s.pings(1, 0);
  s.pass(seconds(10));
  s.pings(2, 0);
  s.pass(seconds(8));
  EXPECT_EQ(s.core.link(), holdfast::Link::ready);
  EXPECT_TRUE(s.held(lock));
}

TEST(Addresses, are_written_with_commas) {
  const auto urls = parse_urls("http://a:7420, http://b:7420/x,http://a:7420");
  ASSERT_TRUE(urls);
  EXPECT_EQ(*urls, (std::vector<Url>{{"a", "7420", ""}, {"b", "7420", "/x"}}));
  for (const char* text : {"", ",", "http://a,", "http://a,,http://b", "http://a,b"}) {
    ASSERT_FALSE(parse_urls(text)) << text;
    EXPECT_EQ(parse_urls(text).error().field, "url");
  }
  std::string many;
  for (std::size_t i = 0; i <= urls_max; ++i) many += (i == 0 ? "http://h" : ",http://h") + std::to_string(i);
  EXPECT_EQ(parse_urls(many).error().code, holdfast::Code::too_large);
}

}  // namespace
}  // namespace hf::client
