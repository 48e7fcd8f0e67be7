// Runs over both faces: if these fail, an ERP acts on a bill that somebody edits, never learns whether it may go on, or
// leaves a bill locked that nobody acts on any more.
#include "session/todo_fixture_test.h"

namespace hf::test {
namespace {

class Runs : public TodoTest {
 protected:
  const Who chen{"chen", {"reviewer"}};
  const Who erp_server{"erp", {"reviewer"}, {}, {"status.publish"}};

  static std::string begin_body(const std::string& more = {},
                                const std::string& bills = R"("SaleOut:77","SaleOrder:1")") {
    return R"({"action":"approve","bills":[)" + bills + "]" + more + "}";
  }
  boost::json::value post(const Who& who, const std::string& path, const std::string& body) {
    return http("POST", "/v1/runs/" + path, token_of(who), body);
  }
  // The id of a run that has begun.
  std::string begun(const Who& who, const std::string& body = begin_body()) {
    const auto answer = post(who, "begin", body);
    EXPECT_EQ(status, 201) << boost::json::serialize(answer);
    return text(answer, "run");
  }
  std::string state_of(const Who& who, const std::string& run) {
    return text(http("GET", "/v1/runs/" + run, token_of(who)), "state");
  }
  static StatusEvent delivery(Version version, std::int64_t approval) {
    StatusEvent e = bill("77", version, approval == 1 ? 4 : 2, approval);
    e.type = "SaleOut";
    e.state.push_back({"PayStatus", std::int64_t{1}});
    e.state.push_back({"RefundStatus", std::int64_t{1}});
    return e;
  }
  static std::string events_body(const StatusEvent& event) {
    std::string body;
    append_fields(body, Fields(Publish{{}, {event}}));
    return body;
  }
};

TEST_F(Runs, begin_go_on_and_end_by_http) {
  begin();
  const auto answer = post(chen, "begin", begin_body());
  ASSERT_EQ(status, 201) << boost::json::serialize(answer);
  const std::string run = text(answer, "run");
  EXPECT_EQ(text(answer, "lock"), run);
  EXPECT_EQ(text(answer, "kind"), "temporary");
  EXPECT_NE(text(answer, "token"), "");
  EXPECT_EQ(text(answer, "session"), run) << "one of its own";
  EXPECT_EQ(text(http("GET", "/v1/locks?run=" + run, token_of(chen)), "locks.0.run"), run);
  EXPECT_EQ(text(post(chen, run + "/step", R"({"step":"writing"})"), "step"), "writing");
  EXPECT_EQ(text(post(chen, run + "/finish", "{}"), "state"), "done");
  EXPECT_EQ(status, 200);
  post(chen, run + "/step", R"({"step":"late"})");
  EXPECT_EQ(status, 410);
  EXPECT_EQ(text(http("GET", "/v1/locks", token_of(chen)), "locks.0.kind"), "hold") << "its rule's";
}

TEST_F(Runs, need_the_actions_right_for_the_first_bill_and_some_right_for_the_others) {
  begin();
  const Who keeper{"ma", {}, {}, {"action.approve:SaleOut"}};
  post(keeper, "begin", begin_body());
  EXPECT_EQ(status, 403) << "he may not touch the order";
  const Who both{"ma", {}, {}, {"action.approve:SaleOut", "lock.edit:SaleOrder"}};
  begun(both);
  post(both, "begin", begin_body({}, R"("SaleOrder:2","SaleOut:78")"));
  EXPECT_EQ(status, 403) << "he may not approve orders";
  const auto refused = post({"ma", {"editor"}}, "begin", begin_body());
  EXPECT_EQ(status, 403);
  EXPECT_EQ(text(refused, "detail"), "You lack the right action.approve for SaleOut.");
}

TEST_F(Runs, name_what_the_catalog_knows) {
  begin();
  const auto field = [&](const std::string& body) {
    const auto answer = post(chen, "begin", body);
    EXPECT_EQ(status, 400) << boost::json::serialize(answer);
    return text(answer, "field");
  };
  EXPECT_EQ(field(R"({"action":"dance","bills":["SaleOut:77"]})"), "action");
  EXPECT_EQ(field(R"({"action":"approve","bills":["Nothing:77"]})"), "bills");
  EXPECT_EQ(field(R"({"action":"approve","bills":["SaleOut:077"]})"), "bills");
  EXPECT_EQ(field(R"({"action":"approve"})"), "bills");
  const auto answer = post(chen, "begin", R"({"action":"审核","bills":["SaleOut:77"]})");
  EXPECT_EQ(text(http("GET", "/v1/runs/" + text(answer, "run"), token_of(chen)), "action"), "approve");
}

TEST_F(Runs, what_a_window_edits_counts_as_held_by_a_run_of_its_own) {
  begin();
  const ConnectionId c = open(chen);
  const auto edit = ask(c, R"({"id":1,"op":"lock.acquire","targets":["SaleOut:77"]})");
  const auto run = ask(c, R"({"id":2,"op":"run.begin","action":"approve","bills":["SaleOut:77","SaleOrder:1"]})");
  EXPECT_EQ(text(run, "ok.tokens.SaleOut:77"), text(edit, "ok.token"));
  EXPECT_EQ(text(run, "ok.session"), text(welcome, "session"));
  post(erp_server, "begin", begin_body());
  EXPECT_EQ(status, 423) << "for anybody else it is edited";
}

TEST_F(Runs, wait_for_each_other_with_their_answer_open) {
  begin();
  const std::string first = begun(chen);
  const ExchangeId waiting = send(request("POST", "/v1/runs/begin", token_of(erp_server), begin_body()));
  const ConnectionId c = open(chief);
  const auto before = transport.sent[c].size();
  tell(c, R"({"id":7,"op":"run.begin","action":"approve","bills":["SaleOrder:1"]})");
  engine.pump();
  answer_of(waiting);
  EXPECT_EQ(status, -1);
  EXPECT_EQ(transport.sent[c].size(), before);
  post(chen, first + "/fail", R"({"error":"no stock"})");
  const auto answer = answer_of(waiting);
  ASSERT_EQ(status, 201);
  post(erp_server, text(answer, "run") + "/fail", R"({"error":"no stock"})");
  bool answered = false;
  for (const std::string& one : transport.sent[c]) answered |= text(boost::json::parse(one), "ok.run").size() == 26;
  EXPECT_TRUE(answered);
}

TEST_F(Runs, that_wait_in_vain_are_told_who_is_in_the_way) {
  begin();
  begun(chen);
  const ExchangeId waiting =
      send(request("POST", "/v1/runs/begin", token_of(erp_server), begin_body(R"(,"wait_ms":1000)")));
  pass(Millis(1200));
  const auto answer = answer_of(waiting);
  EXPECT_EQ(status, 423);
  EXPECT_EQ(text(answer, "conflicts.0.holder.user"), "chen");
}

TEST_F(Runs, whose_asker_has_gone_are_taken_back_unless_he_may_ask_again) {
  begin();
  const std::string first = begun(chen);
  const ExchangeId lost = send(request("POST", "/v1/runs/begin", token_of(erp_server), begin_body()));
  hub->http_gone(lost, now);
  engine.pump();
  const ExchangeId kept =
      send(request("POST", "/v1/runs/begin", token_of(erp_server), begin_body(R"(,"request_id":"r1")")));
  hub->http_gone(kept, now);
  post(chen, first + "/fail", R"({"error":"no stock"})");
  const std::string again = begun(erp_server, begin_body(R"(,"request_id":"r1")"));
  EXPECT_EQ(state_of(erp_server, again), "running") << "the one that could not be asked for does not keep it out";
}

TEST_F(Runs, tell_everybody_who_sees_the_bill_how_far_they_are) {
  begin();
  publish({bill("1", 1)});
  const ConnectionId sees = follow(viewer), other = follow(wu);
  const std::string run = begun(chen);
  for (const auto& [what, body] :
       {std::pair{"/step", R"({"step":"writing"})"}, {"/step", "{}"}, {"/fail", R"({"error":"no stock"})"}}) {
    post(chen, run + what, body);
    pass(Millis(200));  // the news of a bill leave together
  }
  std::vector<std::string> steps;
  for (const auto& told : said(sees, "run.step")) {
    if (text(told, "type") == "SaleOrder") steps.push_back(text(told, "step"));
    EXPECT_EQ(text(told, "run"), run);
  }
  EXPECT_EQ(steps, (std::vector<std::string>{"running", "writing", "failed"}));
  EXPECT_EQ(text(said(sees, "run.step").back(), "error"), "no stock");
  EXPECT_TRUE(said(other, "run.step").empty());
}

TEST_F(Runs, publish_their_events_before_they_end) {
  begin();
  const std::string run = begun(erp_server);
  StatusEvent wrong = delivery(1, 1);
  wrong.state.clear();
  const auto refused = post(erp_server, run + "/finish", events_body(wrong));
  EXPECT_EQ(status, 400) << boost::json::serialize(refused);
  EXPECT_EQ(state_of(erp_server, run), "running");
  const auto done = post(erp_server, run + "/finish", events_body(delivery(1, 1)));
  EXPECT_EQ(text(done, "state"), "done") << boost::json::serialize(done);
  const auto known = http("GET", "/v1/status/SaleOut/77", token_of(viewer));
  EXPECT_EQ(text(known, "cause"), run) << boost::json::serialize(known);
  post(chen, run + "/finish", events_body(delivery(2, 0)));
  EXPECT_EQ(status, 403) << "who may not publish";
}

TEST_F(Runs, that_fell_silent_are_settled_by_what_the_outbox_brings) {
  begin();
  const std::string run = begun(chen);
  pass(Millis(61'000));
  EXPECT_EQ(state_of(chen, run), "unknown");
  StatusEvent event = delivery(1, 1);
  event.cause = run;
  publish({event});
  EXPECT_EQ(status, 200);
  EXPECT_EQ(state_of(chen, run), "done");
}

TEST_F(Runs, keep_on_their_source_the_holds_that_the_catalog_asks_for) {
  begin();
  const std::string run = begun(chen);
  const auto done = post(chen, run + "/finish", "{}");
  ASSERT_EQ(text(done, "placed.0.rule"), "delivery_holds_order") << boost::json::serialize(done);
  EXPECT_EQ(text(done, "placed.0.owner"), "SaleOut:77");
  EXPECT_EQ(text(done, "placed.0.targets.0"), "SaleOrder:1");
  const std::string second = begun(chen, begin_body({}, R"("SaleOut:78","SaleOrder:1")"));
  EXPECT_EQ(text(post(chen, second + "/finish", "{}"), "placed.0.owner"), "SaleOut:78");
  post(chen, "begin", R"({"action":"unapprove","bills":["SaleOrder:1"]})");
  EXPECT_EQ(status, 423) << "what was delivered keeps its order";
  for (const char* id : {"77", "78"}) {
    const auto undo = post(chen, "begin", R"({"action":"unapprove","bills":["SaleOut:)" + std::string(id) + R"("]})");
    ASSERT_EQ(status, 201) << boost::json::serialize(undo);
    post(chen, text(undo, "run") + "/finish", "{}");
  }
  post(chen, "begin", R"({"action":"unapprove","bills":["SaleOrder:1"]})");
  EXPECT_EQ(status, 423) << "a hold ends by a run that names its source";
}

TEST_F(Runs, of_others_are_told_only_to_who_may_view_their_bills) {
  begin();
  const std::string run = begun(chen);
  EXPECT_EQ(state_of(viewer, run), "running");
  http("GET", "/v1/runs/" + run, token_of({"ma", {}, {}, {"lock.view:SaleOut"}}));
  EXPECT_EQ(status, 404);
  post(viewer, run + "/fail", R"({"error":"mine now"})");
  EXPECT_EQ(status, 409);
}

}  // namespace
}  // namespace hf::test
