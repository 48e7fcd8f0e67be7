// If these fail, --dev listens to the whole network, or an address that people write is refused.

#include "net/address.h"

#include <gtest/gtest.h>

namespace hf {
namespace {

TEST(ListenAddress, addresses_as_people_write_them_are_read) {
  EXPECT_EQ(parse_listen_address("127.0.0.1:7420"), (ListenAddress{"127.0.0.1", 7420, true}));
  EXPECT_EQ(parse_listen_address("localhost:0"), (ListenAddress{"127.0.0.1", 0, true}));
  EXPECT_EQ(parse_listen_address("[::1]:65535"), (ListenAddress{"::1", 65535, true}));
  EXPECT_EQ(parse_listen_address("0.0.0.0:80"), (ListenAddress{"0.0.0.0", 80, false}));
  EXPECT_EQ(parse_listen_address("[::]:80"), (ListenAddress{"::", 80, false}));
  EXPECT_EQ(parse_listen_address("[::1]:7420")->text(), "[::1]:7420");
}

TEST(ListenAddress, only_loopback_addresses_count_as_loopback) {
  EXPECT_TRUE(parse_listen_address("127.8.9.10:1")->loopback);
  EXPECT_TRUE(parse_listen_address("[::ffff:127.0.0.1]:1")->loopback);
  for (const char* text : {"10.0.0.1:1", "128.0.0.1:1", "0.0.0.0:1", "[::]:1", "[::ffff:10.0.0.1]:1", "[fe80::1]:1"}) {
    EXPECT_FALSE(parse_listen_address(text)->loopback) << text;
  }
}

TEST(ListenAddress, whatever_is_no_address_is_refused_with_its_field) {
  for (const char* text :
       {"", ":", "7420", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:7420x",
        "example.com:1", "::1:7420", "[127.0.0.1]:1", "[::1:1", ":7420", "127.0.0.1: 80", "999.0.0.1:1"}) {
    const auto address = parse_listen_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, Code::invalid);
    EXPECT_EQ(address.error().field, "listen");
  }
}

}  // namespace
}  // namespace hf
