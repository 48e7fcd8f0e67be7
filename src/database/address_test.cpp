// If an address were read wrongly, an operator would find his bills in a file of a strange name.
#include "database/address.h"

#include <gtest/gtest.h>

namespace hf::database {
namespace {

TEST(DatabaseAddress, is_a_path_of_sqlite_or_a_url_of_postgresql) {
  const auto file = address_of("sqlite:/var/lib/a b.db", "from");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->dialect, Dialect::sqlite);
  EXPECT_EQ(file->where, "/var/lib/a b.db");
  EXPECT_EQ(address_of("sqlite:///var/lib/a b.db", "from")->where, file->where);
  EXPECT_EQ(address_of("sqlite:a.db", "from")->where, "a.db");
  for (const char* url : {"postgresql://h/d", "postgres://u@h:1/d?sslmode=require"}) {
    const auto server = address_of(url, "from");
    ASSERT_TRUE(server);
    EXPECT_EQ(server->dialect, Dialect::postgresql);
    EXPECT_EQ(server->where, url);
  }
  for (const char* url : {"", "sqlite:", "sqlite:a\"b", "mysql://h/d", "/var/lib/a.db"}) {
    const auto none = address_of(url, "documents");
    ASSERT_FALSE(none) << url;
    EXPECT_EQ(none.error().code, Code::invalid);
    EXPECT_EQ(none.error().field, "documents");
  }
}

TEST(DatabaseAddress, gets_the_options_that_it_does_not_have) {
  EXPECT_EQ(with_timeouts("postgresql://h/d"), "postgresql://h/d?connect_timeout=5&tcp_user_timeout=10000");
  EXPECT_EQ(with_timeouts("postgresql://h/d?connect_timeout=1"),
            "postgresql://h/d?connect_timeout=1&tcp_user_timeout=10000");
}

}  // namespace
}  // namespace hf::database
