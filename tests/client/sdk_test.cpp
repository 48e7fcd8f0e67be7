// The SDK against a real server, through a relay that breaks what networks break. If these fail, two people
// hold one bill, or somebody loses a bill that nobody took.

#include <gtest/gtest.h>

#include <future>

#include "tests/client/sdk_fixture.h"

namespace hf::test {
namespace {

using holdfast::Client;
using holdfast::Code;
using holdfast::LockHandle;
using holdfast::LostReason;
using holdfast::Millis;
using holdfast::Result;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

TEST_F(Sdk, the_first_editor_owns_and_the_second_is_told_who) {
  auto li = person("li", {.client = {"erp", "pc-1", "order 1001"}});
  auto wang = person("wang");
  auto lock = li.acquire({.targets = {"SaleOrder:1001"}, .label = "SO-1001"});
  ASSERT_TRUE(lock) << lock.error().text();
  auto refused = wang.acquire({.targets = {"SaleOrder:1001/SaleOrderDetail"}});
  ASSERT_FALSE(refused);
  ASSERT_EQ(refused.error().code, Code::locked);
  ASSERT_EQ(refused.error().conflicts.size(), 1U);
  const auto& conflict = refused.error().conflicts[0];
  EXPECT_EQ(conflict.user, "li");
  EXPECT_EQ(conflict.user_name, "li the clerk");
  EXPECT_EQ(conflict.client.window, "order 1001");
  EXPECT_EQ(conflict.label, "SO-1001");
  EXPECT_EQ(conflict.lock, lock->id());
  EXPECT_NE(std::find(conflict.may.begin(), conflict.may.end(), "request"), conflict.may.end());
  EXPECT_TRUE(lock->release());
  EXPECT_TRUE(wang.acquire({.targets = {"SaleOrder:1001/SaleOrderDetail"}}));
}

TEST_F(Sdk, a_wait_is_granted_when_the_holder_lets_go) {
  auto li = person("li");
  auto wang = person("wang");
  auto lock = li.acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock);
  Told<std::uint32_t> waiting;
  std::promise<Result<LockHandle>> granted;
  wang.acquire({.targets = {"SaleOrder:1001"},
                .wait = Millis(30'000),
                .on_waiting = [&](const std::string&, std::uint32_t position) { waiting.tell(position); }},
               [&](Result<LockHandle> handle) { granted.set_value(std::move(handle)); });
  ASSERT_EQ(waiting.wait(), 1U);
  const auto former = lock->token();
  lock->release();
  auto handle = granted.get_future().get();
  ASSERT_TRUE(handle) << handle.error().text();
  EXPECT_TRUE(handle->held());
  EXPECT_GT(handle->token(), former);
}

TEST_F(Sdk, asking_and_agreeing_hands_the_bill_over) {
  Told<holdfast::Request> asked;
  Told<holdfast::Lost> lost;
  auto li = person("li", {.on_requested = [&](const holdfast::Request& request) { asked.tell(request); }});
  auto wang = person("wang");
  auto lock =
      li.acquire({.targets = {"SaleOrder:1001"}, .on_lost = [&](const holdfast::Lost& what) { lost.tell(what); }});
  ASSERT_TRUE(lock);
  std::promise<Result<LockHandle>> granted;
  wang.request({.lock = lock->id(), .message = "urgent"},
               [&](Result<LockHandle> handle) { granted.set_value(std::move(handle)); });
  const auto request = asked.wait();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->user, "wang");
  EXPECT_EQ(request->message, "urgent");
  auto list = li.requests();
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(li.agree(request->request), true);
  const auto end = lost.wait();
  ASSERT_TRUE(end);
  EXPECT_EQ(end->reason, LostReason::handed_over);
  EXPECT_FALSE(lock->held());
  auto handle = granted.get_future().get();
  ASSERT_TRUE(handle);
  EXPECT_TRUE(handle->held());
}

TEST_F(Sdk, a_refusal_is_told_and_the_asker_may_withdraw) {
  Told<holdfast::Request> asked;
  Told<holdfast::Answer> answered;
  auto li = person("li", {.on_requested = [&](const holdfast::Request& request) { asked.tell(request); }});
  auto wang = person("wang");
  auto lock = li.acquire({.targets = {"SaleOrder:1001"}});
  std::promise<Result<LockHandle>> over;
  wang.request({.lock = lock->id(), .on_answered = [&](const holdfast::Answer& answer) { answered.tell(answer); }},
               [&](Result<LockHandle> handle) { over.set_value(std::move(handle)); });
  const auto request = asked.wait();
  ASSERT_TRUE(request);
  ASSERT_TRUE(li.defer(request->request, Millis(60'000)));
  ASSERT_TRUE(li.refuse(request->request, "still counting"));
  const auto answer = answered.wait();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->request, request->request);
  ASSERT_TRUE(wang.withdraw(request->request));
  EXPECT_EQ(over.get_future().get().error().code, Code::request_gone);
  EXPECT_TRUE(lock->held());
}

TEST_F(Sdk, a_cut_link_is_resumed_and_nothing_is_lost) {
  Told<bool> resumed;
  Told<holdfast::Lost> lost;
  auto li = person("li", {.on_link =
                              [&](const holdfast::LinkChange& change) {
                                if (change.resumed) resumed.tell(true);
                              },
                          .on_lost = [&](const holdfast::Lost& what) { lost.tell(what); }});
  auto lock = li.acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock);
  const auto session = li.session();
  relay.cut();
  ASSERT_TRUE(resumed.wait());
  EXPECT_EQ(li.session(), session);
  EXPECT_TRUE(lock->held());
  auto verified = li.verify(lock->id(), lock->token(), {"SaleOrder:1001"});
  ASSERT_TRUE(verified);
  EXPECT_TRUE(verified->valid);
  EXPECT_FALSE(lost.wait(0ms));
}

TEST_F(Sdk, locks_survive_a_killed_server) {
  Told<bool> resumed;
  auto li = person("li", {.on_link = [&](const holdfast::LinkChange& change) {
                     if (change.resumed) resumed.tell(true);
                   }});
  auto lock = li.acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock);
  restart();
  ASSERT_TRUE(resumed.wait());
  EXPECT_TRUE(lock->held());
  auto verified = li.verify(lock->id(), lock->token(), {"SaleOrder:1001"});
  ASSERT_TRUE(verified);
  EXPECT_TRUE(verified->valid) << verified->why;
  EXPECT_EQ(person("wang").acquire({.targets = {"SaleOrder:1001"}}).error().code, Code::locked);
}

TEST_F(Sdk, a_holder_cut_off_is_told_of_the_loss_before_anybody_else_gets_the_bill) {
  Told<steady_clock::time_point> lost;
  auto wang = person("wang");
  auto li = person("li", {.lease = Millis(10'000)});
  auto lock = li.acquire({.targets = {"SaleOrder:1001"}, .on_lost = [&](const holdfast::Lost& what) {
                            EXPECT_EQ(what.reason, LostReason::deadline);
                            lost.tell(steady_clock::now());
                          }});
  ASSERT_TRUE(lock);
  // Wang goes past the relay, which swallows everything from now on.
  auto direct = Client::open({.url = "http://127.0.0.1:" + std::to_string(server->port()), .token = token("wang")});
  relay.swallow();
  auto next = direct->acquire({.targets = {"SaleOrder:1001"}, .wait = Millis(60'000)});
  const auto granted = steady_clock::now();
  ASSERT_TRUE(next) << next.error().text();
  EXPECT_FALSE(lock->held());
  const auto told = lost.wait(0ms);
  ASSERT_TRUE(told) << "granted to another while the holder believed to hold it";
  EXPECT_LT(*told, granted);
  relay.let_through();
}

TEST_F(Sdk, a_short_lease_is_renewed_though_pings_come_each_ten_seconds) {
  Told<holdfast::Lost> lost;
  auto li = person("li", {.lease = Millis(10'000), .on_lost = [&](const holdfast::Lost& what) { lost.tell(what); }});
  auto lock = li.acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock);
  EXPECT_FALSE(lost.wait(13s)) << "lost though the server was there all the time";
  EXPECT_TRUE(lock->held());
}

TEST_F(Sdk, a_lock_moves_between_windows_of_one_user) {
  Told<holdfast::Lost> lost;
  auto here = person("li");
  auto there = person("li");
  auto lock =
      here.acquire({.targets = {"SaleOrder:1001"}, .on_lost = [&](const holdfast::Lost& what) { lost.tell(what); }});
  ASSERT_TRUE(lock);
  auto taken = there.take_over(lock->id());
  ASSERT_TRUE(taken) << taken.error().text();
  EXPECT_TRUE(taken->held());
  const auto end = lost.wait();
  ASSERT_TRUE(end);
  EXPECT_EQ(end->reason, LostReason::transferred);
  EXPECT_FALSE(lock->held());
}

TEST_F(Sdk, a_moved_lock_arrives_in_the_window_it_was_sent_to) {
  std::promise<bool> arrived;
  auto here = person("li");
  auto there = person("li", {.on_transferred_here = [&](LockHandle handle) { arrived.set_value(handle.held()); }});
  auto lock = here.acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock);
  ASSERT_TRUE(here.transfer(lock->id(), there.session()));
  auto future = arrived.get_future();
  ASSERT_EQ(future.wait_for(patience), std::future_status::ready);
  EXPECT_TRUE(future.get());
}

TEST_F(Sdk, force_tells_the_holder_who_and_why) {
  Told<holdfast::Lost> lost;
  auto li = person("li", {.on_lost = [&](const holdfast::Lost& what) { lost.tell(what); }});
  auto boss = person("boss", {}, "admin");
  auto lock = li.acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock);
  EXPECT_EQ(person("wang").force(lock->id(), "mine").error().code, Code::forbidden);
  ASSERT_TRUE(boss.force(lock->id(), "stock-taking"));
  const auto end = lost.wait();
  ASSERT_TRUE(end);
  EXPECT_EQ(end->reason, LostReason::forced);
  EXPECT_EQ(end->by, "boss");
  EXPECT_EQ(end->note, "stock-taking");
}

TEST_F(Sdk, watching_tells_who_gets_and_leaves_a_bill) {
  std::mutex mutex;
  std::condition_variable more;
  std::vector<holdfast::WatchEvent> events;
  auto wang = person("wang", {.on_watch = [&](const holdfast::WatchEvent& event) {
                       std::lock_guard guard(mutex);
                       events.push_back(event);
                       more.notify_all();
                     }});
  ASSERT_TRUE(wang.watch({"SaleOrder:1001"}));
  auto li = person("li");
  auto lock = li.acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock);
  lock->release();
  std::unique_lock guard(mutex);
  ASSERT_TRUE(more.wait_for(
      guard, patience, [&] { return !events.empty() && events.back().what == holdfast::WatchEvent::What::lock_free; }));
  ASSERT_GE(events.size(), 2U);
  const auto& taken = events[events.size() - 2];
  EXPECT_EQ(taken.target, "SaleOrder:1001");
  ASSERT_TRUE(taken.holder);
  EXPECT_EQ(taken.holder->user, "li");
}

TEST_F(Sdk, watching_tells_what_a_bill_is_and_what_becomes_of_it) {
  const auto order = [](std::uint64_t version, std::int64_t data) {
    return holdfast::StatusEvent{.type = "SaleOrder",
                                 .id = "1001",
                                 .version = version,
                                 .state = {{"DataStatus", data}, {"ApprovalStatus", std::int64_t{0}}},
                                 .action = "审核",
                                 .none = {"creator", "owner", "department"}};
  };
  auto erp = person("erp", {}, "admin");
  ASSERT_TRUE(erp.publish({.events = {order(1, 2)}}));
  Told<holdfast::WatchEvent> first, second;
  auto wang = person("wang", {.on_watch = [&](const holdfast::WatchEvent& event) {
                       (event.bill && event.bill->version == 2U ? second : first).tell(event);
                     }});
  ASSERT_TRUE(wang.watch({"SaleOrder:1001"}));
  const auto now = first.wait();
  ASSERT_TRUE(now);
  ASSERT_TRUE(erp.publish({.events = {order(2, 4)}}));
  const auto then = second.wait();
  ASSERT_TRUE(then);
  for (const auto* event : {&*now, &*then}) {
    EXPECT_EQ(event->what, holdfast::WatchEvent::What::bill_changed);
    EXPECT_EQ(event->target, "SaleOrder:1001");
    ASSERT_TRUE(event->bill) << event->json;
  }
  EXPECT_EQ(now->bill->version, 1U);
  EXPECT_EQ(now->bill->state, order(1, 2).state);
  EXPECT_EQ(then->bill->state, order(2, 4).state);
}

TEST_F(Sdk, lists_checks_extends_and_releases_all) {
  auto li = person("li");
  auto wang = person("wang");
  auto first = li.acquire({.targets = {"SaleOrder:1"}});
  auto second = li.acquire({.targets = {"SaleOut:2"}});
  ASSERT_TRUE(first && second);
  auto page = wang.list({.type = "SaleOrder"});
  ASSERT_TRUE(page) << page.error().text();
  ASSERT_EQ(page->locks.size(), 1U);
  EXPECT_EQ(page->locks[0].lock, first->id());
  auto paged = wang.list({.limit = 1});
  ASSERT_TRUE(paged);
  ASSERT_FALSE(paged->next.empty());
  auto rest = wang.list({.limit = 1, .next = paged->next});
  ASSERT_TRUE(rest);
  ASSERT_EQ(rest->locks.size(), 1U);
  EXPECT_EQ(rest->locks[0].lock, second->id());
  auto checked = wang.check({"SaleOrder:1", "SaleOrder:3"});
  ASSERT_TRUE(checked);
  EXPECT_FALSE(checked->at(0).free);
  EXPECT_TRUE(checked->at(1).free);
  auto extended = li.extend(first->id(), Millis(20'000));
  ASSERT_TRUE(extended) << extended.error().text();
  EXPECT_LE(first->valid_for(), Millis(19'100));
  EXPECT_EQ(li.release_all("SaleOrder"), 1U);
  EXPECT_FALSE(first->held());
  EXPECT_TRUE(second->held());
  EXPECT_TRUE(wang.acquire({.targets = {"SaleOrder:1"}}));
}

TEST_F(Sdk, closing_a_client_frees_its_bills_at_once) {
  auto li = person("li");
  auto lock = li.acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock);
  li.close();
  EXPECT_TRUE(person("wang").acquire({.targets = {"SaleOrder:1001"}, .wait = Millis(5'000)}));
}

TEST_F(Sdk, a_client_that_comes_back_over_a_dead_link_is_not_replaced_by_its_former_self) {
  // The server still sees the old socket as open; the resume closes it with 4001, which must not reach us.
  Told<bool> resumed;
  auto li = person("li", {.on_link = [&](const holdfast::LinkChange& change) {
                     if (change.resumed) resumed.tell(true);
                   }});
  relay.strand();
  ASSERT_TRUE(resumed.wait());
  EXPECT_TRUE(li.acquire({.targets = {"SaleOrder:1001"}}));
  EXPECT_EQ(li.link(), holdfast::Link::ready);
}

TEST_F(Sdk, the_example_edits_a_bill) {
  const std::string url = "http://127.0.0.1:" + std::to_string(server->port());
  const Ended edited = run_program({HF_EDIT_BILL, url, token("li"), "SaleOrder:1001"});
  EXPECT_EQ(edited.exit_code, 0) << edited.errors;
  EXPECT_NE(edited.output.find("editing SaleOrder:1001, token "), std::string::npos);
}

}  // namespace
}  // namespace hf::test
