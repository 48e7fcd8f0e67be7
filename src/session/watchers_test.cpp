// Who watches a bill would work on with a stale picture if its change were told to somebody else, or to nobody.
#include "session/watchers.h"

#include <gtest/gtest.h>

#include "session/tickets.h"

namespace hf::session {

class WatchersTest : public ::testing::Test {
 protected:
  Watchers watchers;
  std::vector<Watcher> out;
  const Watcher a = Watcher::of(SessionId{Id128{1, 1}});
  const Watcher b = Watcher::of(SessionId{Id128{2, 2}});
  static Target target(std::string_view text) { return *Target::parse(text); }
  std::size_t hear(NamespaceIndex ns, std::string_view text) {
    watchers.watching(ns, target(text), out);
    return out.size();
  }
};

TEST_F(WatchersTest, hear_of_their_bill_its_parts_and_lines_and_its_whole_type) {
  EXPECT_TRUE(watchers.add(0, target("A:1"), a));
  EXPECT_FALSE(watchers.add(0, target("A:1"), a));
  EXPECT_TRUE(watchers.add(0, target("A:2"), a));
  EXPECT_TRUE(watchers.add(0, target("A:1"), b));
  EXPECT_EQ(hear(0, "A:1"), 2u);
  EXPECT_EQ(hear(0, "A:1/D"), 2u);
  EXPECT_EQ(hear(0, "A:1/D/7"), 2u);
  EXPECT_EQ(hear(0, "A"), 2u) << "each once";
  EXPECT_EQ(hear(0, "A:2"), 1u);
  EXPECT_EQ(hear(0, "A:3"), 0u);
  EXPECT_EQ(hear(0, "B"), 0u);
  EXPECT_EQ(hear(1, "A:1"), 0u) << "another namespace";
}

TEST_F(WatchersTest, forget_what_ends) {
  watchers.add(0, target("A:1"), a);
  watchers.add(0, target("A:2"), a);
  EXPECT_TRUE(watchers.remove(0, target("A:1"), a));
  EXPECT_FALSE(watchers.remove(0, target("A:1"), a));
  EXPECT_FALSE(watchers.remove(5, target("A:1"), a));
  EXPECT_EQ(watchers.count(a), 1u);
  watchers.remove_all(0, a);
  EXPECT_EQ(watchers.count(a), 0u);
  EXPECT_EQ(hear(0, "A"), 0u);
}

TEST_F(WatchersTest, a_stream_is_never_taken_for_a_session) {
  const Watcher stream = Watcher::of_stream(7);
  watchers.add(0, target("A:1"), stream);
  watchers.add(0, target("A:1"), Watcher::of(SessionId{Id128{0, 7}}));
  EXPECT_EQ(hear(0, "A:1"), 2u);
  watchers.remove_all(0, stream);
  EXPECT_EQ(hear(0, "A:1"), 1u);
  EXPECT_FALSE(out[0].stream);
}

TEST_F(WatchersTest, are_shown_a_bill_from_the_word_that_says_so_to_the_one_that_takes_it_back) {
  watchers.add(0, target("A:1"), a);
  EXPECT_FALSE(watchers.show(a, "A:1", true)) << "at first nothing is shown";
  EXPECT_TRUE(watchers.show(a, "A:1", true));
  EXPECT_FALSE(watchers.show(b, "A:1", true)) << "who does not watch is shown nothing";
  watchers.add(0, target("A:1"), b);
  EXPECT_FALSE(watchers.show(b, "A:1", false));
  EXPECT_TRUE(watchers.show(a, "A:1", false));
  EXPECT_FALSE(watchers.show(a, "A:1", true));
  watchers.remove(0, target("A:1"), a);
  watchers.add(0, target("A:1"), a);
  EXPECT_FALSE(watchers.show(a, "A:1", true)) << "a new watch begins anew";
}

TEST(Tickets, find_what_was_put_once_and_nothing_else) {
  Tickets<int> tickets;
  const Ticket one = tickets.put(1);
  const Ticket two = tickets.put(2);
  EXPECT_EQ(tickets.take(one), 1);
  EXPECT_EQ(tickets.take(one), std::nullopt);
  const Ticket three = tickets.put(3);
  EXPECT_NE(three, one) << "the place is used again, the number is not";
  EXPECT_EQ(tickets.take(one), std::nullopt);
  EXPECT_EQ(*tickets.find(two), 2);
  EXPECT_EQ(tickets.take(0), std::nullopt);
  EXPECT_EQ(tickets.all().size(), 2u);
}

}  // namespace hf::session
