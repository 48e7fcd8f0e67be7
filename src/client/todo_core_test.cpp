// What a follower of a to-do tree keeps of the frames he is sent. If these fail, somebody looks at a list of work that
// is not his, or no longer, and nothing tells him so.

#include "client/todo_core.h"

#include <gtest/gtest.h>

namespace hf::client {
namespace {

using holdfast::TodoChange;
using holdfast::TodoChanges;

std::string row(const std::string& id, std::uint64_t version, const std::string& group = "unreviewed",
                const std::string& more = "") {
  return R"({"group":")" + group + R"(","type":"SaleOrder","id":")" + id + R"(","version":)" + std::to_string(version) +
         more + "}";
}
std::string removal(const std::string& id, std::uint64_t version, const std::string& group = "unreviewed") {
  return R"({"type":"SaleOrder","id":")" + id + R"(","group":")" + group + R"(","version":)" + std::to_string(version) +
         R"(,"by":{"user":"li","name":"Li"},"action":"审核","at":"2025-11-22T09:30:00.000Z"})";
}
std::string frame(const std::string& event, const std::string& members) {
  return R"({"event":")" + event + "\"" + (members.empty() ? "" : "," + members) + "}";
}
std::string live(const std::string& cursor, const std::string& members = "") {
  return frame("todo.live", R"("cursor":")" + cursor + "\"" + (members.empty() ? "" : "," + members));
}
std::string upsert(const std::string& rows) { return "\"upsert\":[" + rows + "]"; }
std::string remove(const std::string& rows) { return "\"remove\":[" + rows + "]"; }
const std::string begin = frame("todo.page", R"("reason":"first","counts":{"SaleOrder":{"unreviewed":2}})");

class Tree : public ::testing::Test {
 protected:
  TodoChanges hears(const std::string& text) {
    auto changes = core.feed(text);
    EXPECT_TRUE(changes) << text << changes.error().text();
    return changes.value_or(TodoChanges{});
  }
  std::string digest(const std::string& cursor) const {
    Tally sum;
    for (const auto& [key, kept] : core.rows())
      add(sum, row_tally(key.type + ":" + key.id, key.group, kept.bill.version.value_or(0)));
    return digest(cursor, sum);
  }
  static std::string digest(const std::string& cursor, const Tally& sum) {
    return frame("todo.digest", R"("cursor":")" + cursor + R"(","rows":)" + std::to_string(sum.rows) + R"(,"sum0":)" +
                                    std::to_string(sum.sum0) + R"(,"sum1":)" + std::to_string(sum.sum1));
  }
  std::string shown() const {
    std::string text;
    for (const auto& [key, kept] : core.rows())
      text += key.group + "/" + key.id + "@" + std::to_string(kept.bill.version.value_or(0)) + " ";
    return text;
  }
  void catch_up() {
    hears(begin);
    hears(frame("todo.page", upsert(row("1", 5) + "," + row("2", 6))));
    hears(live("c1", R"("counts":{"SaleOrder":{"unreviewed":2}})"));
  }

  TodoCore core;
};

TEST_F(Tree, a_digest_that_says_that_other_rows_are_edited_ends_in_a_snapshot_ever_more_rarely) {
  const std::string since = "2025-11-22T09:30:00.000Z";
  const auto edited = [&](const std::string& user) {
    return R"(,"editing":{"user":")" + user + R"(","since":")" + since + "\"}";
  };
  const auto proves = [&](const Tally& sum) {
    std::string text = digest("c9");
    return text.insert(text.size() - 1, R"(,"edited":{"rows":)" + std::to_string(sum.rows) + R"(,"sum0":)" +
                                            std::to_string(sum.sum0) + R"(,"sum1":)" + std::to_string(sum.sum1) + "}");
  };
  const Tally none, li = text_tally("SaleOrder:1/unreviewed@li@" + since),
                    hidden = text_tally("SaleOrder:1/unreviewed@@" + since);
  catch_up();
  hears(proves(none));
  EXPECT_EQ(core.cursor(), "c9");
  hears(live("c2", upsert(row("1", 5, "unreviewed", edited("li")))));
  hears(proves(li));
  hears(live("c2", upsert(row("1", 6, "unreviewed", edited("li")))));
  hears(proves(li));
  hears(live("c2", upsert(row("1", 6, "unreviewed", R"(,"editing":{"since":")" + since + "\"}"))));
  hears(proves(hidden));
  hears(live("c2", upsert(row("1", 6))));
  hears(proves(none));
  hears(live("c2", upsert(row("1", 6, "unreviewed", edited("li"))) + R"(,"editing":"all")"));
  hears(proves(li));
  hears(live("c3", R"("editing":"all")"));
  hears(proves(none));
  hears(live("c2", upsert(row("1", 6, "unreviewed", edited("li")))));
  hears(live("c2", remove(removal("1", 7))));
  hears(proves(none));
  EXPECT_FALSE(core.wants_resubscribe());
  EXPECT_EQ(core.doubts(), 0U);
  for (std::uint32_t times = 1; times <= 3; ++times) {
    hears(proves(li));
    EXPECT_TRUE(core.wants_resubscribe());
    EXPECT_EQ(core.cursor(), "");
    EXPECT_EQ(core.doubts(), times) << "a digest of rows alone proves nothing of this";
    core.subscribing();
    catch_up();
    hears(digest("c4"));
    EXPECT_FALSE(core.wants_resubscribe());
  }
  hears(proves(none));
  EXPECT_EQ(core.doubts(), 0U);
}

TEST_F(Tree, a_row_that_cannot_be_read_may_be_edited_too) {
  hears(begin);
  hears(
      frame("todo.page", upsert(row("1", 5) + R"(,{"group":"unreviewed","type":"SaleOrder","id":"2","version":"x"})")));
  hears(live("c1"));
  Tally two = row_tally("SaleOrder:1", "unreviewed", 5);
  add(two, row_tally("SaleOrder:2", "unreviewed", 6));
  std::string text = digest("c2", two);
  hears(text.insert(text.size() - 1, R"(,"edited":{"rows":1,"sum0":1,"sum1":1})"));
  EXPECT_FALSE(core.wants_resubscribe());
}

TEST_F(Tree, a_snapshot_has_no_cursor_until_it_is_whole) {
  const auto first = hears(begin);
  EXPECT_EQ(first.snapshot, "first");
  EXPECT_EQ(core.counts().at("SaleOrder").at("unreviewed"), 2U);
  hears(frame("todo.page", upsert(row("1", 5))));
  EXPECT_EQ(core.cursor(), "");
  EXPECT_FALSE(core.live());
  hears(live("c1", upsert(row("2", 6))));
  EXPECT_EQ(core.cursor(), "c1");
  EXPECT_TRUE(core.live());
  EXPECT_EQ(shown(), "unreviewed/1@5 unreviewed/2@6 ");
}

TEST_F(Tree, rows_say_who_edits_them_until_a_frame_or_a_new_subscription_says_otherwise) {
  const std::string edited = R"(,"editing":{"user":"zhou","name":"Zhou","since":"2025-11-22T09:30:00.000Z"})";
  catch_up();
  EXPECT_EQ(hears(live("c2", upsert(row("1", 5, "unreviewed", edited)))).rows.size(), 1U) << "under the same version";
  const TodoKey first{"SaleOrder", "unreviewed", "1"}, second{"SaleOrder", "unreviewed", "2"};
  ASSERT_TRUE(core.rows().at(first).editing);
  EXPECT_EQ(core.rows().at(first).editing->by, (holdfast::Person{"zhou", "Zhou"}));
  hears(live("c3", upsert(row("1", 5) + "," + row("2", 6, "unreviewed", edited))));
  EXPECT_FALSE(core.rows().at(first).editing);
  core.subscribing();
  const auto changes = hears(live("c4", R"("editing":"all",)" + upsert(row("1", 5, "unreviewed", edited))));
  EXPECT_TRUE(core.rows().at(first).editing);
  EXPECT_FALSE(core.rows().at(second).editing) << "the frame tells all that are edited";
  EXPECT_EQ(changes.rows.size(), 2U);
  EXPECT_EQ(hears(live("c5")).rows.size(), 0U);
  EXPECT_TRUE(core.rows().at(first).editing);
  EXPECT_EQ(hears(digest("c6")).rows.size(), 0U) << "and digests know nothing of it";
  EXPECT_TRUE(core.live());
}

TEST_F(Tree, a_bill_that_was_made_again_is_newer_whatever_its_version) {
  catch_up();
  const std::string anew = R"(,"born":9)";
  hears(live("c2", upsert(row("1", 1, "unreviewed", anew))));
  EXPECT_EQ(shown(), "unreviewed/1@1 unreviewed/2@6 ");
  EXPECT_EQ(core.rows().at({"SaleOrder", "unreviewed", "1"}).born, 9U);
  hears(live("c3", upsert(row("1", 7)) + "," + remove(removal("1", 8))));
  EXPECT_EQ(shown(), "unreviewed/1@1 unreviewed/2@6 ") << "of the bill that had the id before";
  hears(live("c4", remove(R"({"type":"SaleOrder","id":"1","group":"unreviewed","version":1,"born":9})")));
  EXPECT_EQ(shown(), "unreviewed/2@6 ");
}

TEST_F(Tree, each_change_says_who_did_it_by_what) {
  catch_up();
  const auto changes =
      hears(live("c2", upsert(row("1", 7, "unreviewed", R"(,"actor":{"user":"wang"},"action":"驳回","reason":"no")") +
                              "," + row("3", 1)) +
                           "," + remove(removal("2", 8)) + R"(,"counts":{"SaleOrder":{"unreviewed":2}})"));
  ASSERT_EQ(changes.rows.size(), 3U);
  EXPECT_EQ(changes.rows[0].what, TodoChange::What::changed);
  EXPECT_EQ(changes.rows[0].by.user, "wang");
  EXPECT_EQ(changes.rows[0].action, "驳回");
  EXPECT_EQ(changes.rows[0].reason, "no");
  EXPECT_EQ(changes.rows[1].what, TodoChange::What::added);
  EXPECT_EQ(changes.rows[2].what, TodoChange::What::removed);
  EXPECT_EQ(changes.rows[2].row.bill.version, 6U);  // as it was
  EXPECT_EQ(changes.rows[2].by.name, "Li");
  EXPECT_EQ(changes.rows[2].action, "审核");
  EXPECT_EQ(changes.counts.at("SaleOrder").at("unreviewed"), 2U);
  EXPECT_EQ(shown(), "unreviewed/1@7 unreviewed/3@1 ");
}

TEST_F(Tree, a_version_never_goes_back_and_a_repeat_changes_nothing) {
  catch_up();
  EXPECT_TRUE(hears(live("c2", upsert(row("1", 4)))).rows.empty());
  EXPECT_TRUE(hears(live("c3", upsert(row("1", 5)))).rows.empty());
  EXPECT_TRUE(hears(live("c4", remove(removal("1", 4)))).rows.empty());
  EXPECT_TRUE(hears(live("c5", remove(removal("9", 4)))).rows.empty());
  EXPECT_EQ(shown(), "unreviewed/1@5 unreviewed/2@6 ");
  EXPECT_EQ(hears(live("c6", remove(removal("1", 5)))).rows.size(), 1U);
  EXPECT_EQ(core.cursor(), "c6");
}

TEST_F(Tree, a_bill_in_two_groups_is_two_rows) {
  catch_up();
  hears(live("c2", upsert(row("1", 5, "unclosed"))));
  EXPECT_EQ(shown(), "unclosed/1@5 unreviewed/1@5 unreviewed/2@6 ");
  hears(live("c3", remove(removal("1", 5))));
  EXPECT_EQ(shown(), "unclosed/1@5 unreviewed/2@6 ");
}

TEST_F(Tree, a_snapshot_that_nobody_asked_for_begins_anew_also_with_lower_versions) {
  catch_up();
  EXPECT_EQ(hears(frame("todo.page", R"("reason":"epoch","counts":{})")).snapshot, "epoch");
  EXPECT_EQ(shown(), "");
  EXPECT_TRUE(core.counts().empty());
  EXPECT_EQ(core.cursor(), "");
  EXPECT_FALSE(core.live());
  hears(frame("todo.page", upsert(row("1", 1))));
  EXPECT_EQ(shown(), "unreviewed/1@1 ");
}

TEST_F(Tree, a_digest_that_agrees_moves_the_cursor) {
  catch_up();
  hears(digest("c9"));
  EXPECT_EQ(core.cursor(), "c9");
  EXPECT_FALSE(core.wants_resubscribe());
  hears(live("d1", upsert(row("1", 9) + "," + row("4", 1)) + "," + remove(removal("2", 9))));
  hears(digest("d2"));
  EXPECT_EQ(core.cursor(), "d2");
}

// The sums that the server and every other client compute, once by hand: xxHash32 of "SaleOrder:1/unreviewed@5".
TEST_F(Tree, the_sums_of_a_digest_are_those_of_the_protocol) {
  hears(begin);
  hears(live("c1", upsert(row("1", 5))));
  hears(digest("c2", {1, 548049920, 2667630099}));
  EXPECT_EQ(core.cursor(), "c2");
  EXPECT_FALSE(core.wants_resubscribe());
}

TEST_F(Tree, a_digest_that_differs_ends_in_a_subscription_without_a_cursor) {
  catch_up();
  Tally wrong = row_tally("SaleOrder:1", "unreviewed", 5);
  hears(digest("c9", wrong));
  EXPECT_TRUE(core.wants_resubscribe());
  EXPECT_EQ(core.doubts(), 1U);
  EXPECT_EQ(core.cursor(), "");
  EXPECT_FALSE(core.live());
  core.subscribing();
  EXPECT_FALSE(core.wants_resubscribe());
  // What the former subscription still tells is shown, but proves nothing.
  hears(live("c10", upsert(row("3", 1))));
  EXPECT_EQ(core.cursor(), "");
  EXPECT_FALSE(core.live());
  EXPECT_EQ(shown(), "unreviewed/1@5 unreviewed/2@6 unreviewed/3@1 ");
  catch_up();
  EXPECT_TRUE(core.live());
  EXPECT_EQ(core.cursor(), "c1");
  EXPECT_EQ(core.doubts(), 1U);
  hears(digest("c2"));
  EXPECT_EQ(core.doubts(), 0U);
}

TEST_F(Tree, a_frame_that_cannot_be_read_changes_nothing_and_is_not_passed_over) {
  const std::string bad[] = {
      "",
      "[]",
      live("c2", R"("upsert":{})"),
      live("c2", upsert(row("3", 1)) + R"(,"remove":"1")"),
      live("c2", upsert(row("3", 1)) + R"(,"counts":{"SaleOrder":{"unreviewed":-1}})"),
      live("c2", upsert(row("3", 1)) + R"(,"counts":[])"),
      frame("todo.page", R"("reason":"first","counts":{"SaleOrder":3})"),
      frame("todo.digest", R"("cursor":"c2","rows":2)"),
  };
  for (const std::string& text : bad) {
    core = TodoCore();
    catch_up();
    const auto changes = core.feed(text);
    ASSERT_FALSE(changes) << text;
    EXPECT_EQ(changes.error().code, holdfast::Code::invalid);
    EXPECT_EQ(shown(), "unreviewed/1@5 unreviewed/2@6 ") << text;
    EXPECT_TRUE(core.wants_resubscribe()) << text;
    EXPECT_EQ(core.cursor(), "") << text;
  }
}

// A newer server may say a row as this client has never heard it.
const std::string strange_rows[] = {
    R"({"group":"unreviewed","type":"SaleOrder","id":"3"})",
    R"({"group":"unreviewed","type":"SaleOrder","id":"3","version":-1})",
    R"({"group":"unreviewed","type":"SaleOrder","id":"3","version":"7"})",
    R"({"group":["unreviewed"],"type":"SaleOrder","id":"3","version":7})",
    R"({"group":"unreviewed","bill":{"type":"SaleOrder","id":"3"},"version":7})",
    "7",
    "null",
};

TEST_F(Tree, what_is_told_of_a_row_that_cannot_be_read_is_passed_over_and_asked_for_anew) {
  std::vector<std::string> frames;
  for (const std::string& strange : strange_rows) frames.push_back(upsert(row("4", 1) + "," + strange));
  frames.push_back(upsert(row("4", 1)) + R"(,"remove":[{"type":"SaleOrder","id":"1","version":9}])");
  for (const std::string& each : frames) {
    core = TodoCore();
    catch_up();
    EXPECT_EQ(hears(live("c2", each)).rows.size(), 1U) << each;
    EXPECT_EQ(shown(), "unreviewed/1@5 unreviewed/2@6 unreviewed/4@1 ") << "the rest of the frame counts";
    EXPECT_TRUE(core.wants_resubscribe()) << each;
    EXPECT_EQ(core.cursor(), "") << each;
    EXPECT_FALSE(core.live()) << each;
    hears(live("c3", each));
    EXPECT_EQ(core.doubts(), 1U) << "it is asked for already";
    core.subscribing();
    hears(begin);
    hears(live("c4", upsert(row("1", 5) + "," + row("3", 7))));
    hears(digest("c5"));
    EXPECT_EQ(core.cursor(), "c5");
    EXPECT_EQ(core.doubts(), 0U);
    EXPECT_EQ(core.unread(), 0U);
  }
}

TEST_F(Tree, a_row_of_a_snapshot_that_cannot_be_read_is_counted_and_the_others_follow_and_are_proved) {
  const Tally strange = row_tally("SaleOrder:3", "unreviewed", 7);
  const auto of_server = [&] {
    Tally sum = strange;
    for (const auto& [key, kept] : core.rows())
      add(sum, row_tally(key.type + ":" + key.id, key.group, kept.bill.version.value_or(0)));
    return sum;
  };
  for (const std::string& each : strange_rows) {
    core = TodoCore();
    hears(begin);
    hears(frame("todo.page", upsert(row("1", 5) + "," + each + "," + row("2", 6))));
    hears(live("c1"));
    EXPECT_EQ(shown(), "unreviewed/1@5 unreviewed/2@6 ") << each;
    EXPECT_TRUE(core.live()) << each;
    EXPECT_EQ(core.unread(), 1U) << each;
    hears(digest("c2", of_server()));
    EXPECT_EQ(core.cursor(), "c2") << each;
    hears(live("c3", upsert(row("1", 6)) + "," + remove(removal("2", 7))));
    hears(digest("c4", of_server()));
    EXPECT_EQ(core.cursor(), "c4") << "what is left is what it was";
    EXPECT_FALSE(core.wants_resubscribe());
    Tally other = of_server();
    ++other.sum0;
    hears(digest("c5", other));
    EXPECT_TRUE(core.wants_resubscribe()) << "a row that it shows is not the server's";
  }
}

TEST_F(Tree, a_digest_of_more_or_fewer_rows_than_were_passed_over_is_not_agreed_with) {
  for (const std::uint32_t rows : {2U, 4U}) {
    core = TodoCore();
    hears(begin);
    hears(live("c1", upsert(row("1", 5) + "," + row("2", 6) + ",7")));
    hears(digest("c2", {rows, 1, 2}));
    EXPECT_TRUE(core.wants_resubscribe()) << rows;
    EXPECT_EQ(core.cursor(), "") << rows;
  }
}

TEST_F(Tree, how_often_something_did_not_fit_is_forgotten_only_when_every_row_is_here) {
  catch_up();
  for (std::uint32_t times = 1; times <= 3; ++times) {
    hears(live("c2", upsert("7")));
    EXPECT_EQ(core.doubts(), times);
    core.subscribing();
    hears(begin);
    hears(live("c3", upsert(row("1", 5) + ",7")));
    hears(digest("c4", {2, 3, 4}));
    EXPECT_EQ(core.cursor(), "c4");
  }
  core.subscribing();
  catch_up();
  EXPECT_EQ(core.unread(), 0U);
  hears(digest("c5"));
  EXPECT_EQ(core.doubts(), 0U);
}

TEST_F(Tree, what_it_never_heard_of_changes_nothing) {
  catch_up();
  for (const char* text : {R"({"event":"todo.moved","cursor":"x","rows":{"a":1}})", R"({"event":"bill.changed"})",
                           R"({"event":["todo.live"],"upsert":7})"})
    EXPECT_TRUE(hears(text).empty()) << text;
  EXPECT_EQ(core.cursor(), "c1");
  hears(live("c2", upsert(row("1", 6, "unreviewed", R"(,"editing":"elsewhere","due_at":7,"no":[1],"marks":{"a":[]})")) +
                       R"(,"editing":{"some":1},"moved":[1])"));
  EXPECT_EQ(shown(), "unreviewed/1@6 unreviewed/2@6 ");
  EXPECT_EQ(core.cursor(), "c2");
  EXPECT_TRUE(core.live());
  EXPECT_EQ(hears(frame("todo.page", R"("reason":"moved","counts":{})")).snapshot, "moved");
}

TEST_F(Tree, more_rows_than_can_be_kept_are_refused) {
  core = TodoCore({.rows_max = 3});
  catch_up();
  hears(live("c2", upsert(row("1", 7) + "," + row("2", 7) + "," + row("3", 1))));
  const auto beyond = core.feed(live("c3", upsert(row("1", 8) + "," + row("4", 1))));
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, holdfast::Code::too_large);
  EXPECT_EQ(shown(), "unreviewed/1@7 unreviewed/2@7 unreviewed/3@1 ");
  EXPECT_TRUE(core.wants_resubscribe());
  hears(begin);
  hears(frame("todo.page", upsert(row("1", 7) + "," + row("2", 7) + "," + row("3", 1))));
  EXPECT_FALSE(core.feed(frame("todo.page", upsert(row("4", 1)))));
}

TEST_F(Tree, other_messages_are_none_of_its_business) {
  catch_up();
  for (const char* text : {R"({"event":"notice","notice":1})", R"({"id":7,"ok":{"mode":"diff"}})", "{}"})
    EXPECT_TRUE(hears(text).empty());
  EXPECT_EQ(core.cursor(), "c1");
  EXPECT_TRUE(core.live());
}

TEST_F(Tree, a_row_has_all_that_the_server_told) {
  hears(begin);
  hears(live("c1", upsert(row("1", 5, "unreviewed",
                              R"(,"no":"SO1","state":{"DataStatus":2,"Memo":"x","Odd":[1]},"creator":{"user":"li"},)"
                              R"("handler":{"user":"wang","name":"Wang"},"owner":{"user":"e1"},"department":"D1",)"
                              R"("at":"2025-11-22T09:30:00.000Z","title":"t","partner":"p","amount":"7.50",)"
                              R"("cause":"Run:1","unordered":true,"later":{"a":1})"))));
  ASSERT_EQ(core.rows().size(), 1U);
  const holdfast::TodoRow& kept = core.rows().begin()->second;
  EXPECT_EQ(kept.bill.no, "SO1");
  EXPECT_EQ(kept.bill.state,
            (std::map<std::string, holdfast::StateValue>{{"DataStatus", std::int64_t{2}}, {"Memo", "x"}}));
  EXPECT_EQ(kept.bill.creator.user, "li");
  EXPECT_EQ(kept.bill.handler.name, "Wang");
  EXPECT_EQ(kept.bill.owner.user, "e1");
  EXPECT_EQ(kept.bill.department, "D1");
  EXPECT_TRUE(kept.bill.at.has_value());
  EXPECT_EQ(kept.bill.title + kept.bill.partner + kept.bill.amount + kept.bill.cause, "tp7.50Run:1");
  EXPECT_TRUE(kept.unordered);
}

}  // namespace
}  // namespace hf::client
