// If these fail, one user or one address takes what all should have, or many behind one proxy are one another's limit.

#include "net/shares.h"

#include <gtest/gtest.h>

namespace hf {
namespace {

TEST(Shares, an_address_has_a_number_of_strangers_and_who_signs_in_makes_room) {
  Shares shares({.connections_per_user_max = 5, .unidentified_per_address_max = 2});
  EXPECT_EQ(shares.come("192.0.2.1"), Shares::Welcome::welcome);
  EXPECT_EQ(shares.come("192.0.2.1"), Shares::Welcome::welcome);
  EXPECT_EQ(shares.come("192.0.2.1"), Shares::Welcome::refused);
  EXPECT_EQ(shares.come("192.0.2.2"), Shares::Welcome::welcome) << "another address";
  shares.leave("192.0.2.1");  // the one that was refused
  ASSERT_TRUE(shares.take(7));
  shares.leave("192.0.2.1");  // it is a person's now
  EXPECT_EQ(shares.come("192.0.2.1"), Shares::Welcome::welcome);
  for (std::size_t i = 0; i < Shares::refused_per_address_max; ++i)
    EXPECT_EQ(shares.come("192.0.2.1"), Shares::Welcome::refused);
  EXPECT_EQ(shares.come("192.0.2.1"), Shares::Welcome::dropped);
  EXPECT_EQ(shares.unidentified("192.0.2.1"), 2 + Shares::refused_per_address_max) << "who is dropped does not count";
}

TEST(Shares, a_person_has_a_number_of_connections_whatever_their_addresses) {
  Shares shares({.connections_per_user_max = 2, .unidentified_per_address_max = 9});
  EXPECT_TRUE(shares.take(1));
  EXPECT_TRUE(shares.take(1));
  EXPECT_FALSE(shares.take(1));
  EXPECT_TRUE(shares.take(2));
  shares.give_back(1, 0);
  EXPECT_TRUE(shares.take(1));
}

TEST(Shares, what_is_unsent_is_summed_over_a_persons_connections_and_goes_with_them) {
  Shares shares(Shares::Limits{});
  ASSERT_TRUE(shares.take(1));
  ASSERT_TRUE(shares.take(1));
  shares.unsent_changed(1, 0, 1000);
  shares.unsent_changed(1, 0, 500);
  EXPECT_EQ(shares.unsent(1), 1500U);
  shares.unsent_changed(1, 1000, 200);
  EXPECT_EQ(shares.unsent(1), 700U);
  shares.give_back(1, 500);
  EXPECT_EQ(shares.unsent(1), 200U);
  shares.give_back(1, 200);
  EXPECT_EQ(shares.unsent(1), 0U);
  EXPECT_EQ(shares.connections(1), 0U);
}

}  // namespace
}  // namespace hf
