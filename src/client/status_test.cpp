// Publishing and following in the client's core: the outbox, and the subscription of a to-do tree. If these fail, an
// ERP tells two changes of a bill in the wrong order or one of them twice, or a tree stands still and says it is live.

#include <boost/json.hpp>

#include "client/core_script_test.h"
#include "client/status_values.h"
#include "wire/status_messages.h"

namespace hf::client {
namespace {

using holdfast::Code;
using holdfast::TodoState;
using Results = std::vector<holdfast::Published>;

holdfast::StatusEvent bill(const std::string& id, std::uint64_t version) {
  return {.type = "SaleOrder", .id = id, .version = version, .state = {{"DataStatus", std::int64_t{2}}}};
}

class Publishing : public ::testing::Test {
 protected:
  struct Told {
    std::optional<holdfast::Result<Results>> result;
    int calls = 0;
    Code code() const { return result && !*result ? result->error().code : Code::other; }
  };
  std::shared_ptr<Told> publish(const std::vector<holdfast::LogEvent>& events, Millis deadline = forever,
                                const std::string& batch_id = {}) {
    auto told = std::make_shared<Told>();
    s.core.publish(s.now, events, batch_id, deadline,
                   {[told](holdfast::Result<Results> result) {
                      ++told->calls;
                      told->result = std::move(result);
                    },
                    false});
    s.turn();
    return told;
  }
  std::shared_ptr<Told> publish(std::uint64_t version) { return publish({bill("1", version)}); }
  // The versions that were sent, in order.
  std::vector<std::uint64_t> sent() const {
    std::vector<std::uint64_t> versions;
    for (const Sent& one : s.sent) {
      if (const auto* fields = std::get_if<Publish>(&one.fields))
        versions.push_back(std::get<StatusEvent>(fields->events.at(0)).version.value_or(0));
    }
    return versions;
  }
  std::string batch_id() { return std::get<Publish>(s.last<Publish>().fields).caller.request_id; }
  void answer(std::uint64_t offset) {
    s.says(R"({"id":)" + std::to_string(s.last<Publish>().id) + R"(,"ok":{"epoch":"x","results":[{"offset":)" +
           std::to_string(offset) + "}]}}");
  }
  void refuse(hf::Code code) { s.refuses(s.last<Publish>().id, code); }

  Script s{holdfast::Options{.outbox_events_max = 4}};
};

TEST_F(Publishing, leaves_one_after_the_other) {
  s.ready();
  auto first = publish(1);
  auto second = publish(2);
  auto third = publish(3);
  EXPECT_EQ(sent(), (std::vector<std::uint64_t>{1}));
  answer(10);
  EXPECT_EQ(sent(), (std::vector<std::uint64_t>{1, 2}));
  answer(11);
  answer(12);
  for (const auto& told : {first, second, third}) EXPECT_EQ(told->calls, 1);
  ASSERT_TRUE(*third->result);
  EXPECT_EQ((**third->result)[0], (holdfast::Published{holdfast::Published::What::logged, 12}));
}

TEST_F(Publishing, what_was_not_answered_is_repeated_first_and_under_the_same_id) {
  s.ready();
  publish(1);
  const std::string id = batch_id();
  publish(2);
  s.breaks();
  s.open_link();
  s.sent.clear();
  s.welcomes(s.greeting());
  EXPECT_EQ(sent(), (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(batch_id(), id);
  answer(10);
  EXPECT_EQ(sent(), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_NE(batch_id(), id);
}

TEST_F(Publishing, what_is_published_while_the_server_is_away_waits_for_it) {
  auto first = publish(1);
  auto second = publish(2);
  s.core.start(s.now);
  s.turn();
  s.pass(std::chrono::minutes(10));
  EXPECT_EQ(first->calls + second->calls, 0);
  s.open_link();
  s.welcomes(s.greeting());
  answer(1);
  answer(2);
  EXPECT_EQ(sent(), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_TRUE(second->result && *second->result);
}

TEST_F(Publishing, a_full_outbox_refuses_at_once) {
  publish({bill("1", 1), bill("2", 1), bill("3", 1)});
  EXPECT_EQ(publish({bill("4", 1), bill("5", 1)})->code(), Code::too_many);
  EXPECT_EQ(publish(1)->calls, 0);
  EXPECT_EQ(publish(1)->code(), Code::too_many);
  s.ready();
  s.says(R"({"id":1,"ok":{"results":[{"offset":1},{"stale":true,"version":7},{"differs":true,"version":1}]}})");
  EXPECT_EQ(publish({bill("6", 1), bill("7", 1), bill("8", 1)})->calls, 0) << "there is room again";
  EXPECT_EQ(publish(1)->code(), Code::too_many);
}

TEST_F(Publishing, each_event_has_its_result) {
  s.ready();
  auto told = publish({bill("1", 1), bill("2", 1), bill("3", 1)}, forever, "mine");
  EXPECT_EQ(batch_id(), "mine");
  s.says(R"({"id":)" + std::to_string(s.last<Publish>().id) +
         R"(,"ok":{"results":[{"offset":1},{"stale":true,"version":7},{"stale":true,"deleted":true,"version":1}]}})");
  using What = holdfast::Published::What;
  ASSERT_TRUE(told->result && *told->result);
  EXPECT_EQ(**told->result, (Results{{What::logged, 1}, {What::stale, 7}, {What::deleted, 1}}));
}

TEST_F(Publishing, an_answer_that_cannot_be_read_is_no_success) {
  for (const char* body : {"{}", R"({"results":7})", R"({"results":[]})", R"({"results":[{"version":1}]})",
                           R"({"results":[{"offset":1},{"offset":2}]})"}) {
    s.core.end(s.now);
    Script fresh;
    fresh.ready();
    std::optional<Code> code;
    fresh.core.publish(
        fresh.now, {bill("1", 1)}, {}, forever,
        {[&](const holdfast::Result<Results>& result) { code = result ? Code::other : result.error().code; }, false});
    fresh.turn();
    fresh.says(R"({"id":)" + std::to_string(fresh.last<Publish>().id) + R"(,"ok":)" + body + "}");
    EXPECT_EQ(code, Code::unknown_outcome) << body;
  }
}

TEST_F(Publishing, a_deadline_ends_it_and_lets_the_next_one_leave) {
  s.ready();
  auto first = publish({bill("1", 1)}, Millis(5'000));
  auto second = publish({bill("1", 2)}, Millis(3'000));
  auto third = publish(3);
  s.pass(seconds(4));
  EXPECT_EQ(second->code(), Code::unavailable) << "nothing of it was sent";
  s.pass(seconds(2));
  EXPECT_EQ(first->code(), Code::unknown_outcome);
  EXPECT_EQ(sent(), (std::vector<std::uint64_t>{1, 3}));
  answer(1);
  EXPECT_TRUE(third->result && *third->result);
}

TEST_F(Publishing, a_refusal_that_may_be_repeated_holds_the_line) {
  s.ready();
  auto first = publish(1);
  publish(2);
  for (int i = 0; i < 20; ++i) {  // longer than any call's deadline
    refuse(hf::Code::unavailable);
    s.pass(seconds(3));
    if (i % 3 == 0) s.pings(static_cast<std::uint64_t>(i) + 1, 0);
  }
  EXPECT_EQ(sent(), std::vector<std::uint64_t>(21, 1));
  EXPECT_EQ(first->calls, 0);
  answer(1);
  EXPECT_EQ(sent().back(), 2U);
}

TEST_F(Publishing, a_refusal_for_good_is_told_and_the_next_one_leaves) {
  s.ready();
  auto first = publish(1);
  publish(2);
  refuse(hf::Code::forbidden);
  EXPECT_EQ(first->code(), Code::forbidden);
  EXPECT_EQ(sent(), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(Publishing, a_batch_that_no_server_reads_is_not_sent) {
  Script large;
  large.ready();
  std::vector<holdfast::LogEvent> events;
  for (int i = 0; i < 700; ++i) {
    auto one = bill(std::to_string(i), 1);
    one.reason = std::string(1'500, 'x');
    events.push_back(one);
  }
  std::optional<Code> code;
  large.core.publish(
      large.now, events, {}, forever,
      {[&](const holdfast::Result<Results>& result) { code = result ? Code::other : result.error().code; }, false});
  large.turn();
  EXPECT_EQ(code, Code::too_large);
  EXPECT_EQ(large.count<Publish>(), 0U);
}

TEST_F(Publishing, a_server_that_reads_less_does_not_end_every_connection) {
  s.ready();
  auto first = publish(1);
  publish(2);
  s.breaks(close_code::too_big);
  EXPECT_EQ(first->code(), Code::too_large);
  s.open_link();
  s.welcomes(s.greeting());
  EXPECT_EQ(sent(), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(Publishing, a_run_is_known_by_an_id) {
  s.ready();
  EXPECT_EQ(publish({holdfast::RunStep{.run = "r", .type = "SaleOrder", .id = "1"}})->code(), Code::invalid);
  publish({holdfast::RunStep{.run = lock_id(1).text(), .type = "SaleOrder", .id = "1", .step = "check"}});
  const auto& fields = std::get<Publish>(s.last<Publish>().fields);
  EXPECT_EQ(std::get<RunEvent>(fields.events.at(0)).step, "check");
}

TEST_F(Publishing, a_client_that_is_closed_tells_every_publish) {
  s.ready();
  auto first = publish(1);
  auto second = publish(2);
  s.core.end(s.now);
  s.turn();
  EXPECT_EQ(first->code(), Code::session_gone);
  EXPECT_EQ(second->code(), Code::session_gone);
  EXPECT_EQ(publish(3)->code(), Code::session_gone);
}

// ---------------------------------------------------------------------------------------------- values

TEST(StatusValues, what_is_published_comes_back_as_it_was) {
  const holdfast::WallTime at(Millis(1'700'000'000'123));
  const holdfast::StatusEvent event{.type = "SaleOrder",
                                    .id = "1",
                                    .no = "n",
                                    .version = 7,
                                    .state = {{"DataStatus", std::int64_t{-2}}, {"Memo", "\"x\n"}},
                                    .creator = {"a", "A"},
                                    .handler = {"b", ""},
                                    .owner = {"c", "C"},
                                    .actor = {"d", "D"},
                                    .department = "D1",
                                    .action = "提交",
                                    .reason = "r",
                                    .at = at,
                                    .created = false,
                                    .deleted = true,
                                    .title = "t",
                                    .partner = "p",
                                    .amount = "1.50",
                                    .cause = "c"};
  EXPECT_EQ(std::get<holdfast::StatusEvent>(to_public(LogEvent(from_public(event)))), event);
  std::string text;
  append_log_event(text, LogEvent(from_public(event)));
  EXPECT_EQ(read_bill(boost::json::parse(text).as_object()), event) << text;

  const holdfast::RunStep step{.run = lock_id(1).text(),
                               .type = "SaleOrder",
                               .id = "1",
                               .step = "s",
                               .action = "a",
                               .error = "e",
                               .actor = {"d", "D"},
                               .at = at};
  const auto inside = from_public(holdfast::LogEvent(step), 0);
  ASSERT_TRUE(inside);
  EXPECT_EQ(std::get<holdfast::RunStep>(to_public(*inside)), step);
  text.clear();
  append_log_event(text, *inside);
  EXPECT_EQ(read_run_step(boost::json::parse(text).as_object()), step) << text;
}

TEST(StatusValues, what_a_value_is_known_by_must_be_there) {
  const auto bill = [](const char* text) { return read_bill(boost::json::parse(text).as_object()).has_value(); };
  EXPECT_TRUE(bill(R"({"type":"A","id":"1","version":0,"no":7,"state":[],"creator":"li","at":"soon"})"));
  EXPECT_FALSE(bill(R"({"type":"A","id":"1"})"));
  EXPECT_FALSE(bill(R"({"type":"A","id":"1","version":1.5})"));
  EXPECT_FALSE(bill(R"({"type":"A","version":1})"));
  EXPECT_FALSE(bill(R"({"id":"1","version":1})"));
  EXPECT_FALSE(read_bill_status(R"({"type":"A","id":"1","version":1})")) << "a known state has an offset";
  EXPECT_TRUE(read_bill_status(R"({"type":"A","id":"1","version":1,"offset":3,"unordered":true})")->unordered);
  EXPECT_FALSE(read_bill_status("[]"));
  EXPECT_FALSE(read_history(R"({"states":[{"type":"A","id":"1","version":1}]})"));
  EXPECT_FALSE(read_history(R"({"states":[],"runs":[{}]})"));
  const auto history = read_history(
      R"({"states":[{"type":"A","id":"1","version":1,"offset":3}],"runs":[{"run":"r","type":"A","id":"1"}],"next":"3"})");
  ASSERT_TRUE(history);
  EXPECT_EQ(history->states.size() + history->runs.size(), 2U);
  EXPECT_EQ(history->next, "3");
}

// ---------------------------------------------------------------------------------------------- following

class Following : public ::testing::Test {
 protected:
  explicit Following(holdfast::Options options = {}) : s(with_events(std::move(options))) {
    followed = std::make_shared<Followed>();
    followed->options.types = {"SaleOrder"};
    followed->options.on_state = [this](TodoState state, const holdfast::Error& why) {
      states.push_back(state);
      last_why = why;
    };
    followed->options.on_change = [this](const holdfast::TodoChanges& changes) { told.push_back(changes); };
  }
  holdfast::Options with_events(holdfast::Options options) {
    options.on_event = [this](const std::string& event, const std::string&) { events.push_back(event); };
    return options;
  }
  Code follow(const std::shared_ptr<Followed>& what) {
    Code code = Code::other;
    s.core.follow(s.now, what,
                  {[&](const holdfast::Result<holdfast::Nothing>& result) {
                     if (!result) code = result.error().code;
                   },
                   true});
    s.turn();
    return code;
  }
  const TodoSubscribeFields& subscription() {
    return std::get<TodoSubscribeFields>(s.last<TodoSubscribeFields>().fields);
  }
  void accepts(const std::string& mode = "snapshot") {
    s.says(R"({"id":)" + std::to_string(s.last<TodoSubscribeFields>().id) + R"(,"ok":{"mode":")" + mode + "\"}}");
  }
  void refuses(const std::string& error) {
    s.says(R"({"id":)" + std::to_string(s.last<TodoSubscribeFields>().id) + R"(,"error":)" + error + "}");
  }
  void shows(const std::string& cursor, std::uint64_t version = 1) {
    s.says(R"({"event":"todo.page","reason":"first","counts":{"SaleOrder":{"unreviewed":1}}})");
    s.says(R"({"event":"todo.live","cursor":")" + cursor + R"(","upsert":[{"group":"unreviewed","type":"SaleOrder",)" +
           R"("id":"1","version":)" + std::to_string(version) + "}]}");
  }
  void doubts() { s.says(R"({"event":"todo.digest","cursor":"x","rows":9,"sum0":0,"sum1":0})"); }
  void live() {
    s.ready();
    EXPECT_EQ(follow(followed), Code::other);
    accepts();
    shows("c1");
    EXPECT_EQ(followed->state, TodoState::live);
  }

  Script s;
  std::shared_ptr<Followed> followed;
  std::vector<TodoState> states;
  holdfast::Error last_why;
  std::vector<holdfast::TodoChanges> told;
  std::vector<std::string> events;
};

TEST_F(Following, subscribes_when_connected_and_is_live_when_told) {
  follow(followed);
  EXPECT_EQ(s.count<TodoSubscribeFields>(), 0U);
  s.core.start(s.now);
  s.turn();
  s.open_link();
  s.welcomes(s.greeting());
  EXPECT_EQ(subscription().types, std::vector<std::string>{"SaleOrder"});
  EXPECT_EQ(subscription().cursor, "");
  EXPECT_TRUE(states.empty());
  accepts();
  shows("c1");
  EXPECT_EQ(states, (std::vector{TodoState::catching_up, TodoState::live}));
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].snapshot, "first");
  EXPECT_EQ(told[1].rows.size(), 1U);
  EXPECT_TRUE(events.empty());
}

TEST_F(Following, goes_on_by_the_cursor_after_a_drop) {
  live();
  s.breaks();
  EXPECT_EQ(states.back(), TodoState::connecting);
  EXPECT_FALSE(last_why.code_name.empty());
  EXPECT_EQ(followed->todo.rows().size(), 1U);
  s.open_link();
  s.sent.clear();
  s.welcomes(s.greeting());
  EXPECT_EQ(s.count<TodoSubscribeFields>(), 1U);
  EXPECT_EQ(subscription().cursor, "c1");
  accepts("diff");
  EXPECT_EQ(states.back(), TodoState::catching_up);
  s.says(R"({"event":"todo.live","cursor":"c2"})");
  EXPECT_EQ(states.back(), TodoState::live);
  EXPECT_EQ(followed->todo.cursor(), "c2");
}

TEST_F(Following, a_subscription_that_was_not_answered_is_sent_once_on_the_next_link) {
  s.ready();
  follow(followed);
  s.breaks();
  s.open_link();
  s.sent.clear();
  s.welcomes(s.greeting());
  EXPECT_EQ(s.count<TodoSubscribeFields>(), 1U);
  s.pass(seconds(12));
  EXPECT_NE(states.back(), TodoState::closed) << "it has no deadline";
}

TEST_F(Following, a_digest_that_differs_leads_to_a_snapshot) {
  live();
  doubts();
  s.pass(std::chrono::milliseconds(0));
  EXPECT_EQ(states.back(), TodoState::catching_up);
  EXPECT_EQ(s.count<TodoSubscribeFields>(), 2U);
  EXPECT_EQ(subscription().cursor, "");
  accepts();
  shows("c2", 1);
  EXPECT_EQ(states.back(), TodoState::live);
  EXPECT_EQ(followed->todo.cursor(), "c2");
}

TEST_F(Following, a_snapshot_that_begins_is_never_shown_as_live) {
  live();
  followed->options.on_change = [&](const holdfast::TodoChanges& changes) {
    if (!changes.snapshot.empty()) EXPECT_EQ(states.back(), TodoState::catching_up);
    if (!changes.rows.empty()) EXPECT_EQ(states.back(), TodoState::catching_up) << "live comes after the rows";
    told.push_back(changes);
  };
  told.clear();
  shows("c2");
  EXPECT_EQ(told.size(), 2U);
  EXPECT_EQ(states.back(), TodoState::live);
}

TEST_F(Following, rows_that_never_fit_are_not_asked_for_without_end) {
  live();
  for (int i = 0; i < 3; ++i) {
    doubts();
    s.pass(std::chrono::milliseconds(0));
    accepts();
    shows("c2");
  }
  EXPECT_EQ(s.count<TodoSubscribeFields>(), 2U) << "the second time it waits";
  s.pass(seconds(60));
  EXPECT_LE(s.count<TodoSubscribeFields>(), 4U);
}

// As an old client meets a newer server: the row is never said in another way.
TEST_F(Following, a_row_that_cannot_be_read_is_asked_for_ever_more_rarely_and_said_to_be_missing) {
  live();
  const std::string strange = R"("upsert":[{"group":"unreviewed","type":"SaleOrder","id":"2","version":"2"}]})";
  std::size_t asked = s.count<TodoSubscribeFields>();
  for (int i = 0; i < 600; ++i) {
    s.says(R"({"event":"todo.live","cursor":"c2",)" + strange);
    EXPECT_EQ(states.back(), TodoState::catching_up);
    s.pass(seconds(1));
    if (s.count<TodoSubscribeFields>() == asked) continue;
    ASSERT_EQ(s.count<TodoSubscribeFields>(), ++asked);
    EXPECT_EQ(subscription().cursor, "");
    accepts();
    s.says(R"({"event":"todo.page","reason":"first","counts":{"SaleOrder":{"unreviewed":2}}})");
    s.says(R"({"event":"todo.page",)" + strange);
    s.says(R"({"event":"todo.live","cursor":"c3","upsert":[{"group":"unreviewed","type":"SaleOrder","id":"1",)"
           R"("version":1}]})");
    EXPECT_EQ(states.back(), TodoState::live);
    EXPECT_EQ(last_why.detail, "rows that this program cannot read are not shown: 1; it may be older than the server");
    EXPECT_EQ(followed->todo.rows().size(), 1U);
  }
  EXPECT_GE(asked, 12U);
  EXPECT_LE(asked, 22U) << "in ten minutes";
  shows("c4");
  EXPECT_EQ(states.back(), TodoState::live);
  EXPECT_TRUE(last_why.code_name.empty()) << "now every row is here";
}

TEST_F(Following, a_cursor_that_the_server_does_not_know_is_given_up) {
  live();
  s.breaks();
  s.open_link();
  s.welcomes(s.greeting());
  refuses(R"({"code":"invalid","field":"cursor","detail":"This is no cursor of ours."})");
  EXPECT_EQ(subscription().cursor, "");
  EXPECT_NE(states.back(), TodoState::closed);
  refuses(R"({"code":"invalid","field":"cursor","detail":"Still none."})");
  EXPECT_EQ(states.back(), TodoState::closed) << "without a cursor that is no reason";
}

TEST_F(Following, what_the_server_refuses_closes_the_view_and_says_why) {
  s.ready();
  follow(followed);
  refuses(R"({"code":"invalid","field":"types","detail":"The catalog has no type Nothing."})");
  EXPECT_EQ(states.back(), TodoState::closed);
  EXPECT_EQ(last_why.field, "types");
  EXPECT_EQ(follow(std::make_shared<Followed>()), Code::other) << "another one may try";
}

TEST_F(Following, a_session_that_goes_does_not_end_it) {
  s.ready();
  follow(followed);
  refuses(R"({"code":"session_gone"})");
  s.sent.clear();
  s.pass(seconds(1));
  EXPECT_EQ(s.count<TodoSubscribeFields>(), 1U);
}

TEST_F(Following, a_client_follows_one_tree) {
  live();
  EXPECT_EQ(follow(std::make_shared<Followed>()), Code::invalid);
  s.core.unfollow(s.now, std::make_shared<Followed>());  // another's end is not its
  s.turn();
  EXPECT_EQ(s.count<TodoUnsubscribeFields>(), 0U);
}

TEST_F(Following, whoever_stops_is_told_nothing_more) {
  live();
  const std::size_t frames = told.size();
  s.core.unfollow(s.now, followed);
  s.turn();
  EXPECT_EQ(s.count<TodoUnsubscribeFields>(), 1U);
  s.says(R"({"event":"todo.live","cursor":"c2","remove":[]})");
  EXPECT_EQ(told.size(), frames);
  EXPECT_EQ(events, std::vector<std::string>{"todo.live"}) << "as without a view";
  s.breaks();
  s.open_link();
  s.sent.clear();
  s.welcomes(s.greeting());
  EXPECT_EQ(s.count<TodoSubscribeFields>(), 0U);
}

TEST_F(Following, stopping_before_the_answer_leaves_no_subscription_behind) {
  s.ready();
  follow(followed);
  s.core.unfollow(s.now, followed);
  s.turn();
  accepts();
  s.breaks();
  s.open_link();
  s.sent.clear();
  s.welcomes(s.greeting());
  EXPECT_EQ(s.count<TodoSubscribeFields>(), 0U);
}

TEST_F(Following, notices_and_steps_come_to_who_wants_them) {
  const std::string notice =
      R"({"event":"notice","notice":3,"type":"SaleOrder","id":"1","version":2,"action":"驳回","reason":"no","at":"2025-11-22T09:30:00.000Z","rejection":true})";
  const std::string step =
      R"({"event":"run.step","run":"r","type":"SaleOrder","id":"1","step":"post","error":"e","offset":9})";
  live();
  s.says(notice);
  EXPECT_EQ(events, std::vector<std::string>{"notice"}) << "no callback of its own";
  std::vector<holdfast::Notice> notices;
  std::vector<holdfast::RunStep> steps;
  followed->options.on_notice = [&](const holdfast::Notice& one) { notices.push_back(one); };
  followed->options.on_run_step = [&](const holdfast::RunStep& one) { steps.push_back(one); };
  s.says(notice);
  s.says(step);
  s.says(R"({"event":"notice","notice":"three"})");
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].notice, 3U);
  EXPECT_EQ(notices[0].reason, "no");
  EXPECT_TRUE(notices[0].rejection);
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].step, "post");
  EXPECT_EQ(steps[0].offset, 9U);
  EXPECT_EQ(events.size(), 1U);
}

TEST_F(Following, notices_of_while_nobody_listened_are_listed_and_each_is_told_once) {
  std::vector<std::uint64_t> notices;
  followed->options.on_notice = [&](const holdfast::Notice& one) { notices.push_back(one.notice); };
  const auto notice = [](std::uint64_t number) {
    return R"("notice":)" + std::to_string(number) +
           R"(,"type":"SaleOrder","id":"1","version":2,"at":"2025-11-22T09:30:00.000Z"})";
  };
  const auto lists = [&](std::uint64_t after, const std::vector<std::uint64_t>& numbers) {
    const auto& asked = s.last<ListNotices>();
    EXPECT_EQ(std::get<ListNotices>(asked.fields).after, after);
    std::string body;
    for (const std::uint64_t number : numbers) body += (body.empty() ? "{" : ",{") + notice(number);
    s.says(R"({"id":)" + std::to_string(asked.id) + R"(,"ok":{"notices":[)" + body + "]}}");
  };
  live();
  s.says(R"({"event":"notice",)" + notice(4));
  lists(0, {1, 3});
  lists(3, {4, 5});
  lists(5, {});
  EXPECT_EQ(s.count<ListNotices>(), 3U);
  EXPECT_EQ(notices, (std::vector<std::uint64_t>{4, 1, 3, 5}));
  s.breaks();
  s.open_link();
  s.sent.clear();
  s.welcomes(s.greeting());
  accepts("diff");
  lists(5, {});
  EXPECT_EQ(s.count<ListNotices>(), 1U);
  EXPECT_EQ(notices.size(), 4U);
}

TEST_F(Following, notices_that_are_read_elsewhere_are_told_as_read_live_and_when_one_comes_back) {
  std::vector<std::uint64_t> notices, read;
  followed->options.on_notice = [&](const holdfast::Notice& one) { notices.push_back(one.notice); };
  const auto says_read = [&](const std::string& numbers) {
    s.says(R"({"event":"notice.read","notices":[)" + numbers + "]}");
  };
  const auto notice = [](std::uint64_t number) {
    return R"("notice":)" + std::to_string(number) +
           R"(,"type":"SaleOrder","id":"1","version":2,"at":"2025-11-22T09:30:00.000Z"})";
  };
  const auto lists = [&](std::uint64_t after, const std::vector<std::uint64_t>& numbers) {
    const auto& asked = s.last<ListNotices>();
    EXPECT_EQ(std::get<ListNotices>(asked.fields).after, after);
    std::string body;
    for (const std::uint64_t number : numbers) body += (body.empty() ? "{" : ",{") + notice(number);
    s.says(R"({"id":)" + std::to_string(asked.id) + R"(,"ok":{"notices":[)" + body + "]}}");
  };
  live();
  says_read("1");
  EXPECT_EQ(events, std::vector<std::string>{"notice.read"}) << "no callback of its own";
  followed->options.on_notices_read = [&](const std::vector<std::uint64_t>& numbers) {
    read.insert(read.end(), numbers.begin(), numbers.end());
  };
  lists(0, {1, 2, 3});
  lists(3, {});
  s.says(R"({"event":"notice",)" + notice(4));
  s.says(R"({"event":"notice",)" + notice(5));
  says_read(R"(2,9,"x")");
  says_read("2");
  EXPECT_EQ(read, (std::vector<std::uint64_t>{2})) << "what was told, and once";
  s.breaks();
  s.open_link();
  s.welcomes(s.greeting());
  accepts("diff");
  lists(0, {1});  // 3 was read, and 4
  says_read("5");
  lists(1, {6});
  lists(6, {});
  EXPECT_EQ(read, (std::vector<std::uint64_t>{2, 5, 3, 4}));
  EXPECT_EQ(notices, (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6}));
}

TEST_F(Following, a_step_that_comes_again_after_a_drop_is_told_once) {
  std::vector<std::uint64_t> steps;
  followed->options.on_run_step = [&](const holdfast::RunStep& one) { steps.push_back(one.offset); };
  const auto step = [&](int offset) {
    s.says(R"({"event":"run.step","run":"r","type":"SaleOrder","id":"1","offset":)" + std::to_string(offset) + "}");
  };
  live();
  step(9);
  s.breaks();
  s.open_link();
  s.welcomes(s.greeting());
  accepts("diff");
  step(9);
  step(10);
  EXPECT_EQ(steps, (std::vector<std::uint64_t>{9, 10}));
  s.says(R"({"event":"todo.page","reason":"epoch"})");
  step(2);
  EXPECT_EQ(steps.back(), 2U) << "another log counts anew";
}

TEST_F(Following, a_client_that_is_closed_closes_its_view) {
  live();
  s.core.end(s.now);
  s.turn();
  EXPECT_EQ(states.back(), TodoState::closed);
  EXPECT_EQ(followed->todo.rows().size(), 1U);
}

}  // namespace
}  // namespace hf::client
