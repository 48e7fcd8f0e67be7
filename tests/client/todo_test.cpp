// Publishing and to-do trees with the SDK against a real server. If these fail, what somebody sees on his desk is not
// what the board says, or a change of a bill is lost with a crash.

#include "holdfast/todo_view.h"

#include <algorithm>

#include "tests/client/sdk_fixture.h"

namespace hf::test {
namespace {

using holdfast::Client;
using holdfast::Code;
using holdfast::Millis;
using holdfast::Published;
using holdfast::TodoChange;
using holdfast::TodoChanges;
using holdfast::TodoState;
using holdfast::TodoView;

holdfast::StatusEvent order(const std::string& id, std::uint64_t version, std::int64_t data = 2,
                            const std::string& action = "提交") {
  return {.type = "SaleOrder",
          .id = id,
          .no = "SO" + id,
          .version = version,
          .state = {{"DataStatus", data}, {"ApprovalStatus", std::int64_t{data == 4 ? 1 : 0}}},
          .creator = {"li", "Li"},
          .actor = {"wang", "Wang"},
          .action = action,
          .none = {"owner", "department"}};
}

// What a view's callbacks told. Declared before the client, whose end is the end of its callbacks.
struct Desk {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<TodoChange> changes;
  std::vector<std::string> snapshots;
  std::vector<TodoState> states;

  holdfast::TodoOptions options() {
    return {.types = {"SaleOrder"},
            .on_change =
                [this](const TodoChanges& told) {
                  std::lock_guard guard(mutex);
                  if (!told.snapshot.empty()) snapshots.push_back(told.snapshot);
                  changes.insert(changes.end(), told.rows.begin(), told.rows.end());
                  changed.notify_all();
                },
            .on_state =
                [this](TodoState state, const holdfast::Error&) {
                  std::lock_guard guard(mutex);
                  states.push_back(state);
                  changed.notify_all();
                }};
  }
  template <class F>
  bool comes_to(F condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, patience, [&] { return condition(*this); });
  }
};

std::string shown(const TodoView& view) {
  std::string text;
  for (const auto& row : view.rows())
    text += row.group + "/" + row.bill.id + "@" + std::to_string(row.bill.version.value_or(0)) + " ";
  return text;
}

class Todo : public Sdk {
 protected:
  Client erp() { return person("erp", {}, "admin"); }
  static std::size_t counted(const TodoView& view) {
    std::size_t sum = 0;
    for (const auto& [type, groups] : view.counts()) {
      for (const auto& [group, count] : groups) sum += count;
    }
    return sum;
  }
};

TEST_F(Todo, the_example_follows_a_tree) {
  ASSERT_TRUE(erp().publish({.events = {order("1", 1), order("2", 1)}}));
  const std::string url = "http://127.0.0.1:" + std::to_string(server->port());
  const Ended followed = run_program({HF_FOLLOW_TODO, url, token("li"), "2"});
  EXPECT_EQ(followed.exit_code, 0) << followed.errors;
  EXPECT_EQ(followed.output, "all rows anew: first\n+ SaleOrder 1 unreviewed\n+ SaleOrder 2 unreviewed\n");
}

TEST_F(Todo, a_rejection_waits_for_its_creator_until_he_has_read_it) {
  auto rejected = order("1", 1, 1, "驳回");
  rejected.creator = {"li", "Li"};
  ASSERT_TRUE(erp().publish({.events = {rejected}}));
  auto li = person("li");
  Told<holdfast::Notice> told;
  auto view = TodoView::open(li, {.on_notice = [&](const holdfast::Notice& one) { told.tell(one); }});
  const auto notice = told.wait();
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->id, "1");
  EXPECT_TRUE(notice->rejection);
  const auto waiting = [&] { return li.call("notice.list", "{}", Client::Repeat::query).value_or(""); };
  EXPECT_NE(waiting(), R"({"notices":[]})");
  ASSERT_TRUE(li.read_notices({notice->notice}));
  EXPECT_EQ(waiting(), R"({"notices":[]})");
}

TEST_F(Todo, two_peoples_trees_follow_what_is_published) {
  Desk at_li, at_wang;
  auto publisher = erp();
  auto li = person("li");
  auto wang = person("wang");
  ASSERT_TRUE(publisher.publish({.events = {order("1", 1), order("2", 1)}}));
  auto first = TodoView::open(li, at_li.options());
  auto second = TodoView::open(wang, at_wang.options());
  ASSERT_TRUE(first && second);
  ASSERT_TRUE(first->wait_live() && second->wait_live());
  EXPECT_EQ(shown(*first), "unreviewed/1@1 unreviewed/2@1 ");

  auto results = publisher.publish({.events = {order("1", 2, 4, "审核"), order("2", 1), order("3", 1, 1, "保存")}});
  ASSERT_TRUE(results) << results.error().text();
  EXPECT_EQ((*results)[0].what, Published::What::logged);
  EXPECT_EQ((*results)[1], (Published{Published::What::stale, 1}));
  for (Desk* desk : {&at_li, &at_wang}) {
    // Two rows of the snapshot, one that left, two that came.
    ASSERT_TRUE(desk->comes_to([](const Desk& d) { return d.changes.size() >= 5; }));
    const auto left = std::ranges::find(desk->changes, TodoChange::What::removed, &TodoChange::what);
    ASSERT_NE(left, desk->changes.end());
    EXPECT_EQ(left->row.group, "unreviewed");
    EXPECT_EQ(left->by.name, "Wang");
    EXPECT_EQ(left->action, "审核");
    EXPECT_EQ(desk->snapshots, std::vector<std::string>{"first"});
  }
  EXPECT_EQ(shown(*first), "to_deliver/1@2 unreviewed/2@1 unsubmitted/3@1 ");
  EXPECT_EQ(shown(*second), shown(*first));
  EXPECT_EQ(counted(*first), first->size());
  EXPECT_EQ(first->rows("SaleOrder", "unreviewed").size(), 1U);
  EXPECT_EQ(first->rows("SaleOrder").size(), 3U);
  EXPECT_TRUE(first->rows("PurOrder").empty());
}

TEST_F(Todo, after_a_crash_the_tree_catches_up_exactly_and_the_outbox_arrives_in_order_once) {
  Desk desk;
  auto publisher = erp();
  auto li = person("li");
  ASSERT_TRUE(publisher.publish({.events = {order("1", 1), order("2", 1)}}));
  auto view = TodoView::open(li, desk.options());
  ASSERT_TRUE(view && view->wait_live());
  const std::string cursor = view->cursor();
  EXPECT_FALSE(cursor.empty());

  server->kill();
  relay.cut();
  ASSERT_TRUE(desk.comes_to([](const Desk& d) { return d.states.back() == TodoState::connecting; }));
  EXPECT_EQ(shown(*view), "unreviewed/1@1 unreviewed/2@1 ") << "what was shown stays";
  constexpr std::uint64_t versions = 20;
  std::mutex mutex;
  std::condition_variable all;
  std::vector<std::uint64_t> offsets;
  for (std::uint64_t version = 2; version <= versions; ++version) {
    publisher.publish({.events = {order("1", version, version == versions ? 4 : 2, "审核")}},
                      [&](holdfast::Result<std::vector<Published>> results) {
                        std::lock_guard guard(mutex);
                        ASSERT_TRUE(results) << results.error().text();
                        ASSERT_EQ(results->at(0).what, Published::What::logged);
                        offsets.push_back(results->at(0).number);
                        all.notify_all();
                      });
  }
  restart();
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(all.wait_for(lock, patience, [&] { return offsets.size() == versions - 1; }));
    for (std::size_t i = 1; i < offsets.size(); ++i) EXPECT_EQ(offsets[i], offsets[i - 1] + 1) << "in order, once";
  }
  ASSERT_TRUE(desk.comes_to([&](const Desk& d) {
    return d.states.back() == TodoState::live &&
           std::ranges::any_of(d.changes, [](const TodoChange& c) { return c.row.group == "to_deliver"; });
  }));
  EXPECT_EQ(shown(*view), "to_deliver/1@20 unreviewed/2@1 ");
  EXPECT_EQ(desk.snapshots, std::vector<std::string>{"first"}) << "by the cursor, not anew";
  auto history = publisher.history("SaleOrder", "1");
  ASSERT_TRUE(history) << history.error().text();
  ASSERT_EQ(history->states.size(), versions);
  for (std::size_t i = 0; i < versions; ++i) EXPECT_EQ(history->states[i].state.version, versions - i);
}

TEST_F(Todo, a_publish_whose_answer_was_lost_is_in_the_log_once) {
  auto publisher = erp();
  relay.swallow_answers();
  std::mutex mutex;
  std::condition_variable told;
  std::optional<holdfast::Result<std::vector<Published>>> result;
  publisher.publish({.events = {order("1", 1)}}, [&](holdfast::Result<std::vector<Published>> results) {
    std::lock_guard guard(mutex);
    result = std::move(results);
    told.notify_all();
  });
  // Another way in sees when it has been logged.
  holdfast::Options straight;
  straight.url = "http://127.0.0.1:" + std::to_string(server->port());
  straight.token = token("boss", "admin");
  auto boss = Client::open(straight);
  ASSERT_TRUE(boss && boss->wait_ready());
  for (int i = 0; i < 10'000 && !boss->status("SaleOrder", "1"); ++i) {
  }
  relay.let_through();
  std::unique_lock lock(mutex);
  ASSERT_TRUE(told.wait_for(lock, patience, [&] { return result.has_value(); }));
  ASSERT_TRUE(*result) << result->error().text();
  EXPECT_EQ((**result)[0].what, Published::What::logged) << "a repeat is answered as the first was";
  auto history = boss->history("SaleOrder", "1");
  ASSERT_TRUE(history);
  EXPECT_EQ(history->states.size(), 1U);
}

TEST_F(Todo, rows_that_a_digest_disproves_are_taken_anew) {
  Desk desk;
  auto publisher = erp();
  ASSERT_TRUE(publisher.publish({.events = {order("1001", 1), order("1002", 1)}}));
  auto li = person("li");
  relay.falsify(R"("id":"1002")", R"("id":"1999")");
  auto view = TodoView::open(li, desk.options());
  ASSERT_TRUE(view);
  ASSERT_TRUE(
      desk.comes_to([](const Desk& d) { return d.snapshots.size() == 2 && d.states.back() == TodoState::live; }));
  EXPECT_EQ(shown(*view), "unreviewed/1001@1 unreviewed/1002@1 ");
}

TEST_F(Todo, a_resync_replaces_the_type_and_every_tree_begins_anew) {
  Desk desk;
  auto publisher = erp();
  ASSERT_TRUE(publisher.publish({.events = {order("1", 7), order("2", 7)}}));
  auto li = person("li");
  auto view = TodoView::open(li, desk.options());
  ASSERT_TRUE(view && view->wait_live());
  std::vector<holdfast::StatusEvent> bills;
  for (int i = 2; i <= 1'502; ++i) bills.push_back(order(std::to_string(i), 3));  // more than a page
  auto done = publisher.resync("SaleOrder", bills);
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(*done, (holdfast::Resynced{1'501, 1}));
  ASSERT_TRUE(
      desk.comes_to([](const Desk& d) { return d.snapshots.size() == 2 && d.states.back() == TodoState::live; }));
  EXPECT_EQ(desk.snapshots.back(), "epoch");
  EXPECT_EQ(view->size(), 1'501U);
  EXPECT_FALSE(publisher.resync("PurOrder", {order("1", 1)})) << "a bill of another type";
  EXPECT_EQ(person("wang").resync("SaleOrder", {}).error().code, Code::forbidden);
}

TEST_F(Todo, what_is_known_of_a_bill_can_be_asked_for) {
  auto publisher = erp();
  const auto published = order("1", 5);
  ASSERT_TRUE(publisher.publish({.events = {published}}));
  auto li = person("li");
  auto known = li.status("SaleOrder", "1");
  ASSERT_TRUE(known) << known.error().text();
  known->state.at.reset();  // the server's own
  auto told = published;
  told.none.clear();  // an answer leaves out what the bill has not
  EXPECT_EQ(known->state, told);
  EXPECT_FALSE(known->unordered);
  EXPECT_EQ(li.status("SaleOrder", "2").error().code, Code::not_found);
  EXPECT_EQ(li.publish({.events = {published}}).error().code, Code::forbidden);
  auto page = publisher.history("SaleOrder", "1", 1);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->states.size(), 1U);
}

TEST_F(Todo, a_view_ends_with_its_object_and_another_may_follow) {
  Desk desk;
  auto publisher = erp();
  auto li = person("li");
  {
    auto view = TodoView::open(li, desk.options());
    ASSERT_TRUE(view && view->wait_live());
    EXPECT_EQ(TodoView::open(li).error().code, Code::invalid) << "a client follows one tree";
  }
  auto again = TodoView::open(li, {.types = {"Nonsense"}});
  ASSERT_TRUE(again);
  auto refused = again->wait_live();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field, "types");
  EXPECT_EQ(again->state(), TodoState::closed);
}

TEST_F(Todo, a_rejection_comes_to_who_made_the_bill) {
  auto publisher = erp();
  Told<holdfast::Notice> told;
  auto li = person("li");
  auto view = TodoView::open(li, {.on_notice = [&](const holdfast::Notice& notice) {
                               if (notice.rejection) told.tell(notice);
                             }});
  ASSERT_TRUE(view && view->wait_live());
  auto rejected = order("1", 2, 1, "驳回");
  rejected.reason = "缺少附件";
  ASSERT_TRUE(publisher.publish({.events = {order("1", 1), rejected}}));
  const auto notice = told.wait();
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->id, "1");
  EXPECT_EQ(notice->reason, "缺少附件");
  EXPECT_EQ(notice->actor.user, "wang");
}

}  // namespace
}  // namespace hf::test
