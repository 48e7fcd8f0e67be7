// Notices, as people hear of them. If these fail, somebody reads in one window what another shows as new for days, or
// is told what he has just done himself.
#include "session/todo_fixture_test.h"

namespace hf::test {
namespace {

using Said = std::vector<std::string>;

class Notices : public TodoTest {
 protected:
  static StatusEvent rejected(const std::string& id, const Person& by) {
    StatusEvent e = bill(id, 1, 1, 2);
    e.action = "驳回";
    e.actor = by;
    return e;
  }
  Said read_in(ConnectionId c) {
    Said all;
    for (const auto& each : said(c, "notice.read")) {
      EXPECT_EQ(each.as_object().size(), 2u);
      all.push_back(text(each, "notices"));
    }
    return all;
  }
  static std::string read_body(const std::string& numbers) { return R"({"notices":[)" + numbers + "]}"; }
};

TEST_F(Notices, that_one_window_has_read_are_told_to_the_others_of_the_user_and_to_nobody_else) {
  begin();
  publish({rejected("1", {"wang", ""}), rejected("2", {"wang", ""})});
  const ConnectionId one = follow(li), two = follow(li), other = follow(wu), no_tree = open(li);
  ask(one, R"({"id":7,"op":"notice.read","notices":[1,999]})");
  for (const ConnectionId c : {one, two}) EXPECT_EQ(read_in(c), (Said{"[1]"})) << "what was not there is not named";
  http("POST", "/v1/notices/read", token_of(li), read_body("1,2"));
  for (const ConnectionId c : {one, two})
    EXPECT_EQ(read_in(c), (Said{"[1]", "[2]"})) << "what was read already neither";
  EXPECT_TRUE(read_in(other).empty());
  EXPECT_TRUE(read_in(no_tree).empty());
}

TEST_F(Notices, to_a_role_are_read_by_each_for_himself) {
  begin();
  const ConnectionId chen = follow({"chen", {"reviewer"}}), again = follow({"chen", {"reviewer"}}),
                     fang = follow({"fang", {"reviewer"}});
  publish({bill("1", 1)});
  EXPECT_EQ(said(fang, "notice").size(), 1u);
  ask(chen, R"({"id":7,"op":"notice.read","notices":[1]})");
  EXPECT_EQ(read_in(again), (Said{"[1]"}));
  EXPECT_TRUE(read_in(fang).empty());
}

TEST_F(Notices, are_not_told_to_who_did_it_himself) {
  begin();
  const ConnectionId creator = follow(li), reviewer = follow({"chen", {"reviewer"}});
  publish({rejected("1", {"li", "Li"})});
  EXPECT_TRUE(said(creator, "notice").empty());
  EXPECT_EQ(text(http("GET", "/v1/notices", token_of(li)), "notices"), "[]");
  StatusEvent submitted = bill("2", 1);
  submitted.actor = {"chen", "Chen"};
  publish({submitted});
  EXPECT_TRUE(said(reviewer, "notice").empty()) << "who submits it and could approve it";
  EXPECT_EQ(text(http("GET", "/v1/notices", token_of({"chen", {"reviewer"}})), "notices"), "[]");
  const Who fang{"fang", {"reviewer"}};
  EXPECT_NE(text(http("GET", "/v1/notices", token_of(fang)), "notices"), "[]") << "the others are told";
}

}  // namespace
}  // namespace hf::test
