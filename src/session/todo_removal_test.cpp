// What a removal tells. If these fail, somebody is told what was done to a bill that he may not see any more, or keeps
// a row that is none of his.
#include "session/todo_fixture_test.h"

namespace hf::test {
namespace {

using Rows = std::map<std::string, std::uint64_t>;

class TodoRemoval : public TodoTest {
 protected:
  // The removals that the connection was told, each as its JSON.
  std::vector<std::string> removals(ConnectionId c) {
    std::vector<std::string> all;
    for (const std::string& frame : transport.sent[c]) {
      const auto said = boost::json::parse(frame);
      if (const auto* list = said.as_object().if_contains("remove")) {
        for (const auto& each : list->as_array()) all.push_back(boost::json::serialize(each));
      }
    }
    return all;
  }
  static std::string row_alone(Version version, const std::string& group = "unreviewed") {
    return R"({"type":"SaleOrder","id":"1","group":")" + group + R"(","version":)" + std::to_string(version) + "}";
  }
  // Approved, by wang, and given to others.
  static StatusEvent given_away(Version version) {
    StatusEvent e = bill("1", version, 4, 1);
    e.creator = {"wu", "Wu"};
    e.department = "D2";
    e.action = "审核";
    return e;
  }
  // Follows anew with what `c` has.
  ConnectionId come_back(ConnectionId c, const Who& who) {
    const ConnectionId back = open(who);
    const std::size_t read = client(back).read;
    clients[back] = client(c);
    clients[back].read = read;
    subscribe(back, with_cursor(client(c).cursor));
    EXPECT_EQ(client(back).mode, "diff");
    return back;
  }
};

TEST_F(TodoRemoval, of_a_bill_out_of_ones_sight_tells_neither_its_new_version_nor_who_did_what) {
  begin();
  publish({bill("1", 3)});
  const ConnectionId own = follow(li), department = follow(chief), all = follow(viewer);
  for (const ConnectionId c : {own, department}) lose(c);
  publish({given_away(4)});
  ASSERT_EQ(removals(all).size(), 1u);
  EXPECT_NE(removals(all)[0].find(R"("version":4,"by":{"user":"wang","name":"Wang"},"action":"审核","at":)"),
            std::string::npos)
      << removals(all)[0];
  for (const auto& [c, who] : {std::pair(own, li), std::pair(department, chief)}) {
    const ConnectionId back = come_back(c, who);
    EXPECT_EQ(removals(back), std::vector<std::string>{row_alone(3)}) << "by cursor";
    EXPECT_EQ(client(back).rows, board_rows(who));
  }
  publish({bill("1", 5)});
  const ConnectionId own_live = follow(li), department_live = follow(chief);
  pass(Millis(200));  // what follows is told at once
  publish({given_away(6)});
  for (const ConnectionId c : {own_live, department_live}) {
    EXPECT_EQ(removals(c), std::vector<std::string>{row_alone(5)}) << "live";
    EXPECT_TRUE(client(c).rows.empty());
    EXPECT_EQ(client(c).counts["SaleOrder/unreviewed"], 0u);
    for (const std::string& frame : transport.sent[c]) {
      EXPECT_EQ(frame.find("审核"), std::string::npos) << frame;
      EXPECT_EQ(frame.find("\"wu\""), std::string::npos) << frame;
    }
  }
}

TEST_F(TodoRemoval, of_a_bill_that_changes_on_after_it_left_ones_sight_says_no_more) {
  begin();
  publish({bill("1", 3)});
  const ConnectionId own = follow(li);
  StatusEvent seen = bill("1", 4, 4, 1);
  seen.action = "审核";
  publish({seen, given_away(5), given_away(6)});  // in one window
  std::vector<std::string> told = removals(own);
  ASSERT_FALSE(told.empty());
  for (const std::string& each : told) {
    EXPECT_EQ(each.find(R"("version":5)"), std::string::npos) << each;
    EXPECT_EQ(each.find(R"("version":6)"), std::string::npos) << each;
  }
  EXPECT_NE(told[0].find(R"("group":"unreviewed","version":4,"by":{"user":"wang")"), std::string::npos)
      << "what he could see he is told: " << told[0];
  EXPECT_TRUE(client(own).rows.empty());
}

TEST_F(TodoRemoval, of_a_deleted_bill_says_who_deleted_it_to_who_saw_it) {
  begin();
  for (const std::string id : {"1", "2"}) {
    publish({bill(id, 1)});
    const ConnectionId own = follow(li), other = follow(wu);
    pass(Millis(200));
    StatusEvent deleted = bill(id, 2);
    deleted.deleted = true;
    deleted.action = "删除";
    if (id == "2") {  // as it may be told of a row that is not there any more
      deleted.creator = {};
      deleted.department = {};
      deleted.state = {};
    }
    publish({deleted});
    ASSERT_EQ(removals(own).size(), 1u);
    EXPECT_NE(removals(own)[0].find(R"("by":{"user":"wang","name":"Wang"},"action":"删除","at":)"), std::string::npos);
    EXPECT_NE(removals(own)[0].find(R"("deleted":true)"), std::string::npos);
    EXPECT_TRUE(removals(other).empty());
  }
}

}  // namespace
}  // namespace hf::test
