// An ERP's action as one call of the SDK, against a real server that dies in the middle. If these fail, an action runs
// on a bill that somebody edits, or a bill stays locked whose action is over.

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tests/client/sdk_fixture.h"

namespace hf::test {
namespace {

using holdfast::Code;
using holdfast::Result;
using holdfast::StatusEvent;
using Events = Result<std::vector<StatusEvent>>;

std::string state_of(holdfast::Client& client, const std::string& run) {
  const auto told = client.call("run.get", R"({"run":")" + run + "\"}", holdfast::Client::Repeat::query);
  EXPECT_TRUE(told) << told.error().text();
  return told ? std::string(boost::json::parse(*told).at("state").as_string()) : std::string();
}

TEST_F(Sdk, an_action_is_one_call_and_keeps_editors_off_meanwhile) {
  auto li = person("li", {}, "manager");
  auto wang = person("wang");
  auto edit = li.acquire({.targets = {"SaleOut:77"}});
  ASSERT_TRUE(edit);
  holdfast::Token order = 0, delivery = 0;
  const auto end =
      li.run({.action = "approve", .bills = {"SaleOut:77", "SaleOrder:1"}}, [&](holdfast::Run& run) -> Events {
        order = run.token("SaleOrder:1");
        delivery = run.token("SaleOut:77");
        EXPECT_TRUE(run.step("writing"));
        const auto refused = wang.acquire({.targets = {"SaleOrder:1"}});
        EXPECT_FALSE(refused);
        return Events(std::vector<StatusEvent>{});
      });
  ASSERT_TRUE(end) << end.error().text();
  EXPECT_TRUE(end->told) << end->why.text();
  EXPECT_EQ(delivery, edit->token()) << "what this window edits keeps its token";
  EXPECT_GT(order, delivery);
  EXPECT_TRUE(edit->held());
  EXPECT_EQ(wang.acquire({.targets = {"SaleOrder:1"}}).error().conflicts.at(0).kind, holdfast::Kind::hold)
      << "the catalog's rule keeps the order of what is delivered";
}

TEST_F(Sdk, work_that_fails_leaves_nothing_locked) {
  auto li = person("li", {}, "manager");
  auto wang = person("wang");
  const auto end = li.run({.action = "approve", .bills = {"SaleOut:77"}},
                          [&](holdfast::Run&) -> Events { return holdfast::failure(Code::other, "no stock"); });
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().detail, "no stock");
  const auto edit = wang.acquire({.targets = {"SaleOut:77"}});
  EXPECT_TRUE(edit);
  bool called = false;
  const auto refused = li.run({.action = "approve", .bills = {"SaleOut:77"}}, [&](holdfast::Run&) -> Events {
    called = true;
    return Events(std::vector<StatusEvent>{});
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::locked);
  EXPECT_FALSE(called);
}

// Whoever waits for the bill is given it as the locks end: nobody looks at a clock.
TEST_F(Sdk, an_action_that_was_not_heard_of_in_time_has_lost_its_bill_and_may_not_go_on) {
  server->kill();
  server = std::make_unique<ServerProcess>(data.path(), std::vector<std::string>{},
                                           std::vector<std::string>{"HOLDFAST_LIMITS_TEMPORARY_TTL_MS=1000"});
  relay.lead_to(server->port());
  auto li = person("li", {}, "manager");
  auto wang = person("wang");
  std::string run;
  std::optional<Code> stepped;
  const auto end = li.run({.action = "approve", .bills = {"SaleOut:77"}}, [&](holdfast::Run& late) -> Events {
    run = late.id();
    EXPECT_TRUE(wang.acquire({.targets = {"SaleOut:77"}, .wait = holdfast::Millis(30'000)}));
    EXPECT_EQ(state_of(li, run), "unknown");
    const auto step = late.step("writing");
    if (!step) stepped = step.error().code;
    return holdfast::failure(Code::other, "rolled back");
  });
  ASSERT_FALSE(end);
  EXPECT_EQ(stepped, Code::lock_gone);
  EXPECT_EQ(state_of(li, run), "failed");
}

TEST_F(Sdk, a_run_goes_on_over_a_server_that_was_killed) {
  auto li = person("li", {}, "manager");
  auto wang = person("wang");
  const auto end =
      li.run({.action = "approve", .bills = {"SaleOut:77"}, .deadline = patience}, [&](holdfast::Run& run) -> Events {
        restart();
        EXPECT_TRUE(run.step("writing"));
        const auto refused = wang.acquire({.targets = {"SaleOut:77"}});
        EXPECT_FALSE(refused);
        return Events(std::vector<StatusEvent>{});
      });
  ASSERT_TRUE(end) << end.error().text();
  EXPECT_TRUE(end->told) << end->why.text();
  EXPECT_TRUE(wang.acquire({.targets = {"SaleOut:77"}}));
}

}  // namespace
}  // namespace hf::test
