// If a slot were computed otherwise than Redis does, every command of a Cluster would be turned away.

#include "redis/slots.h"

#include <gtest/gtest.h>

namespace hf::redis {
namespace {

Reply text(std::string of) {
  Reply reply;
  reply.kind = Reply::Kind::text;
  reply.text = std::move(of);
  return reply;
}
Reply error(std::string of) {
  Reply reply = text(std::move(of));
  reply.kind = Reply::Kind::error;
  return reply;
}
Reply number(std::int64_t of) {
  Reply reply;
  reply.kind = Reply::Kind::integer;
  reply.integer = of;
  return reply;
}
Reply list(std::vector<Reply> items) {
  Reply reply;
  reply.kind = Reply::Kind::array;
  reply.items = std::move(items);
  return reply;
}

const HostPort asked{"10.0.0.9", 7009};

// The values are those of CLUSTER KEYSLOT.
TEST(Slots, a_key_has_the_slot_that_redis_gives_it) {
  EXPECT_EQ(key_slot("123456789"), 0x31C3);
  EXPECT_EQ(key_slot("foo"), 12182);
  EXPECT_EQ(key_slot(""), 0);
  EXPECT_EQ(key_slot("{user1000}.following"), key_slot("user1000"));
  EXPECT_EQ(key_slot("foo{}{bar}"), 8363);
  EXPECT_EQ(key_slot("foo{{bar}}zap"), key_slot("{bar"));
  EXPECT_EQ(key_slot("foo{bar}{zap}"), key_slot("bar"));
  EXPECT_EQ(key_slot("foo{bar"), key_slot("foo{bar"));
  EXPECT_NE(key_slot("foo{bar"), key_slot("bar"));
}

TEST(Slots, the_owner_of_a_slot_is_found_in_what_a_node_says) {
  const Reply reply = list({list({number(0), number(5460), list({text("10.0.0.1"), number(7000), text("id")}),
                                  list({text("10.0.0.4"), number(7003), text("id"), list({})})}),
                            list({number(5461), number(16383), list({text(""), number(7001)})})});
  const auto ranges = parse_slots(reply, asked);
  ASSERT_TRUE(ranges.has_value());
  ASSERT_EQ(ranges->size(), 2U);
  EXPECT_EQ((*ranges)[0].replicas, (std::vector<HostPort>{{"10.0.0.4", 7003}}));
  EXPECT_EQ(find_slot(*ranges, 5460)->master, (HostPort{"10.0.0.1", 7000}));
  EXPECT_EQ(find_slot(*ranges, 5461)->master, (HostPort{"10.0.0.9", 7001}))
      << "a node without address is where it was asked";
  EXPECT_EQ(find_slot({}, 1), nullptr);
}

TEST(Slots, what_is_no_map_of_slots_is_refused) {
  const Reply node = list({text("a"), number(1)});
  for (const Reply& reply :
       {text("x"), list({text("x")}), list({list({number(0), number(1)})}), list({list({number(-1), number(1), node})}),
        list({list({number(2), number(1), node})}), list({list({number(0), number(16384), node})}),
        list({list({number(0), number(1), list({text("a"), number(70000)})})}),
        list({list({number(0), number(1), list({number(1), number(1)})})})}) {
    EXPECT_FALSE(parse_slots(reply, asked).has_value());
  }
  EXPECT_EQ(parse_slots(error("ERR This instance has cluster support disabled"), asked).error().code,
            Code::unavailable);
}

TEST(Slots, a_redirection_names_where_to_go) {
  EXPECT_EQ(parse_redirect(error("MOVED 3999 127.0.0.1:6381"), asked),
            (Redirect{Redirect::Kind::moved, 3999, {"127.0.0.1", 6381}}));
  EXPECT_EQ(parse_redirect(error("ASK 3999 ::1:6381"), asked), (Redirect{Redirect::Kind::ask, 3999, {"::1", 6381}}));
  EXPECT_EQ(parse_redirect(error("MOVED 3999 :6381"), asked),
            (Redirect{Redirect::Kind::moved, 3999, {"10.0.0.9", 6381}}));
  for (const char* text_of : {"MOVED", "MOVED 1", "MOVED x 127.0.0.1:1", "MOVED 16384 a:1", "MOVED 1 a:0",
                              "MOVED 1 a:65536", "ASK 1 a", "MOVED:1 2", "TRYAGAIN x", "ERR"}) {
    EXPECT_FALSE(parse_redirect(error(text_of), asked).has_value()) << text_of;
  }
  EXPECT_FALSE(parse_redirect(text("MOVED 3999 127.0.0.1:6381"), asked).has_value());
}

TEST(Slots, a_sentinel_names_the_master_or_that_it_knows_none) {
  EXPECT_EQ(*parse_master(list({text("10.0.0.1"), text("6379")})), (HostPort{"10.0.0.1", 6379}));
  EXPECT_EQ(parse_master(Reply()).error().code, Code::not_found);
  EXPECT_EQ(parse_master(error("NOAUTH Authentication required.")).error().code, Code::unavailable);
  EXPECT_EQ(parse_master(list({text("10.0.0.1"), text("x")})).error().code, Code::invalid);
  EXPECT_EQ(parse_master(list({text(""), text("1")})).error().code, Code::invalid);
}

}  // namespace
}  // namespace hf::redis
