// What somebody who watches a bill is told of it. If these fail, a window looks alive with a state that is over, or
// shows a bill to who may not see it.
#include "session/todo_fixture_test.h"

namespace hf::test {
namespace {

using Said = std::vector<std::string>;

class WatchedBill : public TodoTest {
 protected:
  // What the connection was told of SaleOrder:1: "version/DataStatus", with "deleted", or "gone".
  Said told(ConnectionId c) {
    Said all;
    for (const std::string& frame : transport.sent[c]) {
      const auto said = boost::json::parse(frame);
      const auto& o = said.as_object();
      if (!o.contains("event") || o.at("event") != "bill.changed") continue;
      EXPECT_EQ(text(said, "target"), "SaleOrder:1");
      const std::string what = text(said, "version") + "/" + text(said, "state.DataStatus");
      if (o.contains("gone")) {
        EXPECT_EQ(o.size(), 3u) << "nothing else of it: " << frame;
        all.push_back("gone");
      } else {
        all.push_back(what + (o.contains("deleted") ? " deleted" : ""));
      }
    }
    return all;
  }
};

TEST_F(WatchedBill, who_watches_a_bill_is_told_what_it_is_and_becomes_if_he_may_see_it) {
  begin();
  publish({bill("1", 1), bill("2", 1)});
  const ConnectionId sees = greet(token_of(viewer)), owns = greet(token_of(li)), other = greet(token_of(wu));
  for (const ConnectionId c : {sees, owns, other}) {
    ask(c, R"({"id":1,"op":"watch","targets":["SaleOrder:1"]})");
  }
  EXPECT_EQ(told(sees), (Said{"1/2"}));
  StatusEvent his = bill("1", 2, 4);
  publish({his, bill("2", 2)});
  his.version = 3;
  his.creator = {"wu", "Wu"};
  publish({his});
  his.version = 4;
  his.deleted = true;
  publish({his});
  EXPECT_EQ(told(sees), (Said{"1/2", "2/4", "3/4", "4/4 deleted"}));
  EXPECT_EQ(told(owns), (Said{"1/2", "2/4", "gone"}));
  EXPECT_EQ(told(other), (Said{"3/4", "4/4 deleted"}));
  ask(sees, R"({"id":1,"op":"unwatch","targets":["SaleOrder:1"]})");
  publish({bill("1", 5)});
  EXPECT_EQ(told(sees).size(), 4u);
}

TEST_F(WatchedBill, who_watches_a_bill_that_is_not_there_yet_is_told_when_it_comes) {
  begin();
  const ConnectionId a = greet(token_of(viewer));
  ask(a, R"({"id":1,"op":"watch","targets":["SaleOrder:1"]})");
  EXPECT_EQ(told(a), Said{});
  publish({bill("1", 7)});
  EXPECT_EQ(told(a), (Said{"7/2"}));
}

TEST_F(WatchedBill, a_resync_tells_who_watches_what_the_bill_is_now_or_that_it_is_gone) {
  begin();
  publish({bill("1", 5)});
  const ConnectionId a = greet(token_of(viewer));
  ask(a, R"({"id":1,"op":"watch","targets":["SaleOrder:1"]})");
  const auto resync = [&](const std::vector<LogEvent>& events) {
    const auto post = [&](const std::string& body) { return http("POST", "/v1/status/resync", publisher, body); };
    const std::string id = R"({"resync":")" + text(post(R"({"type":"SaleOrder"})"), "resync") + "\",";
    if (!events.empty()) post(id + publish_body(events).substr(1));
    EXPECT_EQ(post(id + R"("commit":true})").is_object(), true);
    EXPECT_EQ(status, 200);
    engine.pump();
  };
  resync({bill("1", 2, 4)});
  EXPECT_EQ(told(a), (Said{"5/2", "2/4"}));
  resync({});
  EXPECT_EQ(told(a), (Said{"5/2", "2/4", "gone"}));
}

TEST_F(WatchedBill, a_stream_of_a_watched_bill_has_its_changes) {
  begin();
  publish({bill("1", 1)});
  const ExchangeId stream = send(request("GET", "/v1/watch?targets=SaleOrder:1", token_of(viewer)));
  engine.pump();
  publish({bill("1", 2, 4)});
  const auto& said = transport.streams[stream];
  ASSERT_EQ(said.size(), 3u);
  EXPECT_TRUE(said[1].starts_with("event: bill.changed\ndata: {\"event\":\"bill.changed\",\"target\":\"SaleOrder:1\""))
      << said[1];
  EXPECT_NE(said[2].find("\"version\":2"), std::string::npos) << said[2];
  EXPECT_TRUE(said[2].ends_with("}\n\n"));
}

TEST_F(WatchedBill, who_is_given_other_roles_is_told_that_the_bill_is_gone_and_what_it_is_when_he_sees_it_again) {
  begin();
  publish({bill("1", 1), bill("2", 1)});
  for (const bool further_hello : {false, true}) {
    const ConnectionId c = greet(token_of(viewer));
    ask(c, R"({"id":1,"op":"watch","targets":["SaleOrder:1","SaleOrder:3"]})");
    const auto renew = [&](const std::vector<std::string>& roles) {
      const std::string token = token_of({"see", roles, {}, {}, "E-see"});
      ask(c, further_hello ? R"({"op":"hello","token":")" + token + "\"}"
                           : R"({"id":9,"op":"auth","token":")" + token + "\"}");
    };
    const Version version = further_hello ? 4 : 1;
    const auto at = [&](Version v) { return std::to_string(v) + "/2"; };
    EXPECT_EQ(told(c), (Said{at(version)}));
    renew({"sales"});  // his own orders
    EXPECT_EQ(told(c), (Said{at(version), "gone"}));
    publish({bill("1", version + 1)});
    EXPECT_EQ(told(c), (Said{at(version), "gone"}));
    renew({"viewer"});
    EXPECT_EQ(told(c), (Said{at(version), "gone", at(version + 1)}));
    renew({"editor"});  // who sees it too
    EXPECT_EQ(told(c).size(), 3u);
    publish({bill("1", version + 2)});
    EXPECT_EQ(told(c).back(), at(version + 2));
    renew({"sales"});
    renew({"sales"});
    EXPECT_EQ(told(c), (Said{at(version), "gone", at(version + 1), at(version + 2), "gone"}));
    publish({bill("1", version + 3)});
    lose(c);
  }
}

TEST_F(WatchedBill, who_may_view_its_locks_no_more_is_told_that_it_is_gone_and_bill_and_lock_when_he_may_again) {
  begin();
  publish({bill("1", 1)});
  const ConnectionId c = greet(token_of(viewer)), editor = greet(token("zhou"));
  ask(c, R"({"id":1,"op":"watch","targets":["SaleOrder:1"]})");
  const auto renew = [&](const std::vector<std::string>& roles) {
    ask(c, R"({"id":9,"op":"auth","token":")" + token_of({"see", roles}) + "\"}");
  };
  renew({});
  EXPECT_EQ(told(c), (Said{"1/2", "gone"}));
  ask(editor, R"({"id":9,"op":"lock.acquire","targets":["SaleOrder:1"]})");
  publish({bill("1", 2)});
  EXPECT_EQ(told(c).size(), 2u);
  EXPECT_TRUE(said(c, "lock.changed").empty());
  renew({"viewer"});
  EXPECT_EQ(told(c), (Said{"1/2", "gone", "2/2"}));
  ASSERT_EQ(said(c, "lock.changed").size(), 1u);
  EXPECT_EQ(text(said(c, "lock.changed")[0], "holder.user"), "zhou");
  EXPECT_EQ(text(said(c, "lock.changed")[0], "target"), "SaleOrder:1");
  renew({});
  ask(editor, R"({"id":9,"op":"lock.release_all"})");
  EXPECT_TRUE(said(c, "lock.free").empty());
  renew({"viewer"});
  EXPECT_EQ(said(c, "lock.free").size(), 1u);
}

TEST_F(WatchedBill, a_change_on_its_way_while_the_roles_change_leaves_no_window_with_what_is_over) {
  begin();
  publish({bill("1", 1)});
  const ConnectionId c = greet(token_of(viewer));
  ask(c, R"({"id":1,"op":"watch","targets":["SaleOrder:1"]})");
  engine.late = true;
  StatusEvent of_wu = bill("1", 2);
  of_wu.creator = {"wu", "Wu"};
  publish_only({of_wu});
  tell(c, R"({"id":9,"op":"auth","token":")" + token_of({"see", {"sales"}}) + "\"}");
  engine.late = false;
  engine.pump();
  EXPECT_EQ(told(c), (Said{"1/2", "gone"}));
}

TEST_F(WatchedBill, a_session_resumed_with_other_roles_is_told_of_what_it_watches_again_that_it_is_gone) {
  begin();
  publish({bill("1", 1)});
  const ConnectionId first = greet(token_of(viewer));
  const std::string session = text(welcome, "session"), secret = text(welcome, "secret");
  ask(first, R"({"id":1,"op":"watch","targets":["SaleOrder:1"]})");
  hub->disconnected(first, now);
  const ConnectionId second = connect();
  hello(second, token_of({"see", {"sales"}}), R"(,"session":")" + session + R"(","secret":")" + secret + "\"");
  ask(second, R"({"id":1,"op":"watch","targets":["SaleOrder:1"]})");
  EXPECT_EQ(told(second), (Said{"gone"}));
}

TEST_F(WatchedBill, whoever_says_that_he_watches_again_is_told_of_each_bill_what_it_is_or_that_it_is_gone) {
  begin();
  publish({bill("1", 1)});
  const ConnectionId sees = greet(token_of(viewer)), not_his = greet(token_of(wu));
  for (const ConnectionId c : {sees, not_his}) {
    ask(c, R"({"id":1,"op":"watch","targets":["SaleOrder:1"],"again":true})");
  }
  EXPECT_EQ(told(sees), (Said{"1/2"}));
  EXPECT_EQ(told(not_his), (Said{"gone"}));
  const auto stream = [&](const std::string& more) {
    const ExchangeId made = send(request("GET", "/v1/watch?targets=SaleOrder:1" + more, token_of(wu)));
    engine.pump();
    return made;
  };
  EXPECT_EQ(transport.streams[stream("")].size(), 1u);
  const auto& again = transport.streams[stream("&again=true")];
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[1],
            "event: bill.changed\ndata: {\"event\":\"bill.changed\",\"target\":\"SaleOrder:1\",\"gone\":true}\n\n");
}

}  // namespace
}  // namespace hf::test
