// The judge must see what it is there to see: a judge that finds nothing makes every world look right.
#include "simulation/judge.h"

#include <gtest/gtest.h>

namespace hf::sim {
namespace {

class JudgeTest : public ::testing::Test {
 protected:
  JudgeTest() {
    commit("Q00001Q", 1, 2, "u0");
    commit("Q00001Q", 2, 1, "u0");
    commit("Q00002Q", 1, 2, "u1");
    judge.connected({"u0", "e0", {}, {"seller"}, {}, false});
    judge.subscribing({});
    screen.asked();
    hear(R"({"id":"todo","ok":{"mode":"snapshot","reason":"first"}})");
    hear(R"({"event":"todo.page","reason":"first","counts":{"A":{"draft":1}}})");
  }
  void commit(const std::string& id, Version version, std::int64_t s, const std::string& creator) {
    StatusEvent e;
    e.type = "A";
    e.id = id;
    e.version = version;
    e.state = {{"S", s}, {"P", 0}};
    e.creator = {creator, ""};
    e.owner = {"nobody", ""};
    erp.commit(erp.begin_with(e));
  }
  void hear(const std::string& message) { judge.hear(message, screen); }
  static std::string row(const std::string& id, Version version, const std::string& group) {
    return R"({"group":")" + group + R"(","type":"A","id":")" + id + R"(","version":)" + std::to_string(version) + "}";
  }
  static std::string live(const std::string& upsert, const std::string& counts, const std::string& removed = {}) {
    return R"({"event":"todo.live","cursor":"c","upsert":[)" + upsert + R"(],"remove":[)" + removed +
           R"(],"counts":{"A":{)" + counts + "}}}";
  }
  // The first fault since the last call, without the message.
  std::string fault() {
    const std::string first = faults.empty() ? "" : faults.front().substr(0, faults.front().find(": {"));
    faults.clear();
    return first;
  }

  Erp erp;
  std::vector<std::string> faults;
  Judge judge{erp, [this](const std::string& what) { faults.push_back(what); }};
  ReferenceScreen screen;
};

TEST_F(JudgeTest, finds_no_fault_with_what_is_right) {
  hear(live(row("Q00001Q", 2, "draft"), R"("draft":1)"));
  const Digest digest = digest_of(screen.rows());
  hear(R"({"event":"todo.digest","cursor":"c","rows":1,"sum0":)" + std::to_string(digest.sum0) + R"(,"sum1":)" +
       std::to_string(digest.sum1) + "}");
  commit("Q00001Q", 3, 8, "u0");
  hear(live("", R"("draft":0)", row("Q00001Q", 3, "draft")));
  EXPECT_EQ(fault(), "");
  EXPECT_TRUE(screen.rows().empty());
}

TEST_F(JudgeTest, finds_a_bill_that_is_named_to_who_never_saw_it) {
  hear(live(row("Q00002Q", 1, "due"), R"("draft":0,"due":1)"));
  EXPECT_EQ(fault(), "a leak");
  hear(R"({"event":"run.step","id":"Q00002Q","actor":{"user":"u1"}})");
  EXPECT_EQ(fault(), "a leak");
  hear(R"({"event":"run.step","id":"Q00002Q","actor":{"user":"u0"}})");
  EXPECT_EQ(fault(), "") << "its actor may be told";
  hear(R"({"event":"notice","id":"Q00002Q"})");
  EXPECT_EQ(fault(), "a leak");
}

TEST_F(JudgeTest, finds_a_row_of_a_state_that_he_may_not_see) {
  commit("Q00001Q", 3, 1, "u1");
  hear(live(row("Q00001Q", 3, "draft"), R"("draft":1)"));
  EXPECT_EQ(fault(), "a leak of a row");
  judge.renewing({"u0", "e0", {}, {"all"}, {}, false});
  hear(live(row("Q00001Q", 3, "draft"), R"("draft":1)"));
  EXPECT_NE(fault(), "a leak of a row") << "his new rights may hold already";
  hear(R"({"id":"auth1","ok":{}})");
  judge.renewing({"u0", "e0", {}, {}, {}, false});
  hear(R"({"id":"auth2","ok":{}})");
  hear(live(row("Q00001Q", 3, "draft"), R"("draft":1)"));
  EXPECT_EQ(fault(), "a leak") << "the old ones are over";
}

TEST_F(JudgeTest, finds_what_was_never_committed) {
  hear(live(row("Q00001Q", 7, "draft"), R"("draft":1)"));
  EXPECT_EQ(fault(), "a state that was never committed");
  hear(live("", R"("draft":0)", row("Q00001Q", 7, "draft")));
  EXPECT_EQ(fault(), "a removal by what was never committed");
}

TEST_F(JudgeTest, finds_a_removal_that_tells_of_what_he_may_not_see) {
  hear(live(row("Q00001Q", 2, "draft"), R"("draft":1)"));
  commit("Q00001Q", 3, 1, "u1");
  hear(live("", R"("draft":0)", row("Q00001Q", 3, "draft")));
  EXPECT_EQ(fault(), "a removal that tells of a state that he may not see");
  hear(live("", R"("draft":0)", row("Q00001Q", 2, "draft")));
  EXPECT_EQ(fault(), "") << "what he saw last he may be told";
}

TEST_F(JudgeTest, finds_a_digest_that_is_not_true_of_who_edits) {
  const std::string editing = R"("editing":{"user":"u2","since":"2025-11-22T09:30:00.000Z"})";
  const auto proves = [&](const Digest& edited) {
    const auto members = [](const Digest& d) {
      return R"("rows":)" + std::to_string(d.rows) + R"(,"sum0":)" + std::to_string(d.sum0) + R"(,"sum1":)" +
             std::to_string(d.sum1);
    };
    hear(R"({"event":"todo.digest","cursor":"c",)" + members(digest_of(screen.rows())) + R"(,"edited":{)" +
         members(edited) + "}}");
  };
  std::string edited = row("Q00001Q", 2, "draft");
  edited.insert(edited.size() - 1, "," + editing);
  hear(live(edited, R"("draft":1)"));
  proves(digest_of(Editors{{"A:Q00001Q/draft", "u2@2025-11-22T09:30:00.000Z"}}));
  EXPECT_EQ(fault(), "");
  proves({});
  EXPECT_EQ(fault(), "a digest of who edits is not that of the rows");
}

TEST_F(JudgeTest, finds_a_row_in_a_group_that_its_state_is_not_in) {
  hear(live(row("Q00001Q", 2, "due"), R"("due":1)"));
  EXPECT_EQ(fault(), "a row of a group that the state is not in");
}

TEST_F(JudgeTest, finds_a_version_that_goes_back) {
  hear(live(row("Q00001Q", 2, "draft"), R"("draft":1)"));
  hear(live(row("Q00001Q", 1, "due"), R"("draft":1,"due":1)"));
  EXPECT_EQ(fault(), "a version goes back on the screen");
}

TEST_F(JudgeTest, finds_what_is_told_twice) {
  hear(live(row("Q00001Q", 2, "draft"), R"("draft":1)"));
  hear(live(row("Q00001Q", 2, "draft"), R"("draft":1)"));
  EXPECT_EQ(fault(), "told twice");
}

TEST_F(JudgeTest, takes_a_row_told_again_for_news_only_if_others_edit_it_now) {
  const auto edited = [](const std::string& by) {
    std::string made = row("Q00001Q", 2, "draft");
    return made.insert(made.size() - 1, R"(,"editing":{"user":")" + by + R"(","since":"2025-11-22T09:30:00.000Z"})");
  };
  hear(live(row("Q00001Q", 2, "draft"), R"("draft":1)"));
  hear(live(edited("u1"), R"("draft":1)"));
  hear(live(edited("u2"), R"("draft":1)"));
  hear(live(row("Q00001Q", 2, "draft"), R"("draft":1)"));
  EXPECT_EQ(fault(), "");
  hear(live(edited("u1"), R"("draft":1)"));
  hear(live(edited("u1"), R"("draft":1)"));
  EXPECT_EQ(fault(), "told twice");
}

TEST_F(JudgeTest, finds_counts_that_are_not_the_rows) {
  hear(live(row("Q00001Q", 2, "draft"), R"("draft":2)"));
  EXPECT_EQ(fault(), "a count is not its rows");
}

TEST_F(JudgeTest, finds_a_digest_that_is_not_that_of_the_rows) {
  hear(live(row("Q00001Q", 2, "draft"), R"("draft":1)"));
  hear(R"({"event":"todo.digest","cursor":"c","rows":1,"sum0":1,"sum1":2})");
  EXPECT_EQ(fault(), "a digest is not that of the rows");
  EXPECT_TRUE(screen.doubts());
}

TEST_F(JudgeTest, finds_rows_that_were_not_subscribed) {
  judge.subscribing({.types = {"B"}, .open = std::nullopt});
  screen.asked();
  hear(R"({"id":"todo","ok":{"mode":"snapshot","reason":"first"}})");
  hear(live(row("Q00001Q", 2, "draft"), R"("draft":1)"));
  EXPECT_EQ(fault(), "a row that was not subscribed");
}

TEST_F(JudgeTest, what_comes_before_a_new_subscription_is_answered_changes_no_row) {
  hear(live(row("Q00001Q", 2, "draft"), R"("draft":1)"));
  const Rows kept = screen.rows();
  judge.subscribing({});
  screen.asked();
  commit("Q00001Q", 3, 8, "u0");
  hear(live("", R"("draft":0)", row("Q00001Q", 3, "draft")));
  EXPECT_EQ(screen.rows(), kept);
  hear(R"({"id":"todo","ok":{"mode":"diff"}})");
  hear(live("", R"("draft":0)", row("Q00001Q", 3, "draft")));
  EXPECT_TRUE(screen.rows().empty());
  EXPECT_EQ(fault(), "");
}

}  // namespace
}  // namespace hf::sim
