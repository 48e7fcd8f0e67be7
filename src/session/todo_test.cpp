// What people see in their to-do trees, and when: a row that is told too early is a change that never was, one that is
// told to the wrong person is a leak, and one that is not told is a bill that lies there for days.
#include "session/todo_fixture_test.h"

#include "session/todo_cursor.h"

namespace hf::test {
namespace {

using Rows = std::map<std::string, std::uint64_t>;
using Texts = std::map<std::string, std::string>;
using Said = std::vector<std::string>;

// ------------------------------------------------------------------------------------------ publishing and asking

TEST_F(TodoTest, a_publisher_is_told_of_each_event_what_became_of_it) {
  begin();
  auto said = publish({bill("1", 5), bill("2", 1)}, "b1");
  EXPECT_EQ(status, 200);
  EXPECT_EQ(text(said, "results.0.offset"), "1");
  EXPECT_EQ(text(said, "results.1.offset"), "2");
  EXPECT_EQ(text(publish({bill("1", 5), bill("2", 1)}, "b1"), "results.1.offset"), "2") << "a repeat is harmless";
  publish({bill("3", 1)}, "b1");
  EXPECT_EQ(status, 409);
  said = publish({bill("1", 4), bill("1", 5, 4)});
  EXPECT_EQ(text(said, "results.0.stale"), "true");
  EXPECT_EQ(text(said, "results.0.version"), "5");
  EXPECT_EQ(text(said, "results.1.differs"), "true");
  const ConnectionId c = greet(publisher);
  std::string body = publish_body({bill("4", 1)});
  said = ask(c, R"({"id":1,"op":"status.publish",)" + body.substr(1));
  EXPECT_EQ(text(said, "ok.results.0.offset"), "3");
}

TEST_F(TodoTest, who_may_not_publish_a_type_publishes_nothing_of_the_batch) {
  begin();
  StatusEvent other = bill("2", 1);
  other.type = "SaleOut";
  const std::string limited = token_of({"shop", {}, {}, {"status.publish:SaleOrder"}});
  auto said = http("POST", "/v1/status", limited, publish_body({bill("1", 1), other}));
  EXPECT_EQ(status, 403);
  EXPECT_EQ(engine.states[0].board().last_offset(), 0u);
  http("POST", "/v1/status", limited, publish_body({bill("1", 1)}));
  EXPECT_EQ(status, 200);
  http("POST", "/v1/status", token_of(viewer), publish_body({bill("3", 1)}));
  EXPECT_EQ(status, 403);
  http("POST", "/v1/status/resync", limited, R"({"type":"SaleOut"})");
  EXPECT_EQ(status, 403);
  http("POST", "/v1/status/resync", token_of(viewer), R"({"type":"SaleOrder"})");
  EXPECT_EQ(status, 403);
}

TEST_F(TodoTest, an_event_that_states_less_than_the_whole_bill_is_refused_by_its_place_and_changes_nothing) {
  begin();
  publish({bill("1", 1)});
  StatusEvent misspelt = bill("1", 2);
  misspelt.state = {{"DataStaus", 4}, {"ApprovalStatus", 0}};
  auto said = publish({bill("2", 1), misspelt});
  EXPECT_EQ(status, 400);
  EXPECT_EQ(text(said, "code"), "invalid");
  EXPECT_EQ(text(said, "field"), "events[1].state.DataStaus");
  const auto refused = [&](const std::string& event) {
    const auto answer = http("POST", "/v1/status", publisher, R"({"events":[)" + event + "]}");
    return std::to_string(status) + " " + text(answer, "field");
  };
  const std::string rest = R"(,"creator":"li","owner":null,"department":null})";
  EXPECT_EQ(refused(R"({"type":"SaleOrder","id":"1","version":2)" + rest), "400 events[0].state.DataStatus");
  EXPECT_EQ(
      refused(R"({"type":"SaleOrder","id":"1","version":2,"state":{"DataStatus":2,"ApprovalStatus":null})" + rest),
      "400 events[0].state.ApprovalStatus");
  const std::string state = R"({"type":"SaleOrder","id":"1","version":2,"state":{"DataStatus":2,"ApprovalStatus":0})";
  EXPECT_EQ(refused(state + R"(,"owner":null,"department":null})"), "400 events[0].creator");
  EXPECT_EQ(refused(state + R"(,"creator":null,"department":null})"), "400 events[0].owner");
  EXPECT_EQ(refused(state + R"(,"creator":null,"owner":{}})"), "400 events[0].owner");
  EXPECT_EQ(refused(state + R"(,"creator":null,"owner":null})"), "400 events[0].department");
  EXPECT_EQ(engine.states[0].board().last_offset(), 1u) << "nothing of a batch that was refused";
  EXPECT_EQ(refused(state + R"(,"creator":null,"owner":null,"department":null})"), "200 ");
  EXPECT_EQ(refused(R"({"type":"SaleOrder","id":"1","version":3,"deleted":true})"), "200 ");
}

TEST_F(TodoTest, a_page_of_a_resync_states_whole_bills_too) {
  begin();
  const auto opened = http("POST", "/v1/status/resync", publisher, R"({"type":"SaleOrder"})");
  const std::string resync = text(opened, "resync");
  const auto said = http("POST", "/v1/status/resync", publisher,
                         R"({"resync":")" + resync + R"(","events":[{"type":"SaleOrder","id":"1","version":1}]})");
  EXPECT_EQ(status, 400);
  EXPECT_EQ(text(said, "field"), "events[0].state.DataStatus");
}

TEST_F(TodoTest, a_bill_is_deleted_and_made_again_under_its_id) {
  begin();
  const ConnectionId c = follow(viewer);
  publish({bill("1", 1), bill("1", 2)});
  pass(Millis(200));  // what follows is told at once
  auto said =
      http("POST", "/v1/status", publisher,
           R"({"events":[{"type":"SaleOrder","id":"1","version":2,"deleted":true,"actor":"wang","action":"删除"}]})");
  EXPECT_EQ(text(said, "results.0.offset"), "3");
  EXPECT_EQ(client(c).rows, Rows{});
  said = http("GET", "/v1/status/SaleOrder/1", token_of(li));
  EXPECT_EQ(status, 200);
  EXPECT_EQ(
      text(said, "deleted") + " " + text(said, "version") + " " + text(said, "by.user") + " " + text(said, "action"),
      "true 2 wang 删除");
  EXPECT_NE(text(said, "at"), "");
  EXPECT_EQ(text(said, "creator.user"), "") << "what it was is in its history";
  http("GET", "/v1/status/SaleOrder/1", token_of(wu));
  EXPECT_EQ(status, 404);
  said = publish({bill("1", 1)});
  EXPECT_EQ(
      text(said, "results.0.stale") + " " + text(said, "results.0.deleted") + " " + text(said, "results.0.version"),
      "true true 2");
  StatusEvent anew = bill("1", 1);
  anew.created = true;
  pass(Millis(200));
  said = publish({anew});
  EXPECT_EQ(text(said, "results.0.offset"), "4");
  EXPECT_EQ(client(c).rows, (Rows{{"SaleOrder:1/unreviewed", 1}}));
  said = http("GET", "/v1/status/SaleOrder/1", token_of(viewer));
  EXPECT_EQ(text(said, "version") + " " + text(said, "born"), "1 4");
}

TEST_F(TodoTest, a_client_that_was_away_while_a_bill_was_made_again_shows_the_new_one) {
  begin();
  publish({bill("1", 7)});
  const ConnectionId c = follow(viewer);
  const TodoClient left = client(c);
  lose(c);
  StatusEvent gone = bill("1", 7), anew = bill("1", 1);
  gone.deleted = anew.created = true;
  publish({gone, anew});
  const ConnectionId again = open(viewer);
  clients[again].rows = left.rows;
  subscribe(again, with_cursor(left.cursor));
  EXPECT_EQ(client(again).mode, "diff");
  EXPECT_EQ(client(again).rows, (Rows{{"SaleOrder:1/unreviewed", 1}})) << "though its version is lower";
}

TEST_F(TodoTest, who_may_not_publish_is_told_that_first) {
  begin();
  StatusEvent less = bill("1", 1);
  less.state.clear();
  http("POST", "/v1/status", token_of(viewer), publish_body({less}));
  EXPECT_EQ(status, 403);
}

TEST_F(TodoTest, a_bills_state_and_past_are_told_to_who_may_see_it_and_to_nobody_else) {
  begin();
  publish({bill("1", 1), bill("1", 2, 4, 1)});
  auto said = http("GET", "/v1/status/SaleOrder/1", token_of(viewer));
  EXPECT_EQ(status, 200);
  EXPECT_EQ(text(said, "version"), "2");
  EXPECT_EQ(text(said, "state.DataStatus"), "4");
  said = http("GET", "/v1/status/SaleOrder/1/history?limit=1", token_of(li));
  EXPECT_EQ(text(said, "states.0.version"), "2");
  said = http("GET", "/v1/status/SaleOrder/1/history?next=" + text(said, "next"), token_of(li));
  EXPECT_EQ(text(said, "states.0.version"), "1");
  EXPECT_EQ(text(said, "next"), "");
  http("GET", "/v1/status/SaleOrder/1", token_of(wu));
  EXPECT_EQ(status, 404);
  http("GET", "/v1/status/SaleOrder/1/history", token_of(wu));
  EXPECT_EQ(status, 404);
  http("GET", "/v1/status/SaleOrder/2", token_of(viewer));
  EXPECT_EQ(status, 404);
}

TEST_F(TodoTest, counts_and_pages_can_be_asked_for_without_a_socket) {
  begin();
  publish({bill("1", 1), bill("2", 1), bill("3", 1, 1)});
  auto said = http("GET", "/v1/todo?types=SaleOrder", token_of(viewer));
  EXPECT_EQ(status, 200);
  EXPECT_EQ(text(said, "counts.SaleOrder.unreviewed"), "2");
  EXPECT_EQ(text(said, "counts.SaleOrder.unsubmitted"), "1");
  EXPECT_EQ(text(said, "counts.SaleOut.unreviewed"), "") << "not asked for";
  said = http("GET", "/v1/todo/SaleOrder/unreviewed?limit=1", token_of(viewer));
  EXPECT_EQ(text(said, "rows.0.id"), "1");
  EXPECT_EQ(text(said, "rows.0.group"), "unreviewed");
  said = http("GET", "/v1/todo/SaleOrder/unreviewed?next=" + text(said, "next"), token_of(viewer));
  EXPECT_EQ(text(said, "rows.0.id"), "2");
  EXPECT_EQ(text(said, "next"), "");
  for (const char* path : {"/v1/todo/Nothing/unreviewed", "/v1/todo/SaleOrder/nothing"}) {
    http("GET", path, token_of(viewer));
    EXPECT_EQ(status, 404) << path;
  }
  http("GET", "/v1/todo?types=Nothing", token_of(viewer));
  EXPECT_EQ(status, 400);
}

TEST_F(TodoTest, a_resync_replaces_a_type_and_every_tree_begins_anew) {
  begin();
  publish({bill("1", 9), bill("2", 9)});
  const ConnectionId c = follow(viewer);
  const std::string before = client(c).cursor;
  const auto resync = [&](const std::string& body) { return http("POST", "/v1/status/resync", publisher, body); };
  auto said = resync(R"({"type":"SaleOrder"})");
  const std::string id = text(said, "resync");
  EXPECT_EQ(text(said, "bills"), "0");
  std::string page = publish_body({bill("2", 3), bill("5", 1)});
  said = resync(R"({"resync":")" + id + "\"," + page.substr(1));
  EXPECT_EQ(text(said, "bills"), "2");
  said = resync(R"({"resync":")" + id + R"(","commit":true})");
  EXPECT_EQ(text(said, "left"), "1");
  EXPECT_EQ(client(c).rows, (Rows{{"SaleOrder:2/unreviewed", 3}, {"SaleOrder:5/unreviewed", 1}}));
  EXPECT_EQ(client(c).reason, "epoch");
  EXPECT_TRUE(client(c).live);
  subscribe(c, with_cursor(before));
  EXPECT_EQ(client(c).mode, "snapshot");
  EXPECT_EQ(client(c).reason, "epoch");
  resync(R"({"resync":")" + id + R"(","drop":true})");
  EXPECT_EQ(status, 404);
  said = resync(R"({"type":"SaleOrder"})");
  resync(R"({"resync":")" + text(said, "resync") + R"(","drop":true})");
  EXPECT_EQ(status, 200);
}

// ------------------------------------------------------------------------------------------ who edits

TEST_F(TodoTest, rows_say_who_edits_the_bill_to_all_who_see_them_and_to_nobody_else) {
  begin();
  publish({bill("1", 1), bill("2", 1)});
  const ConnectionId editor = connect();
  hello(editor, token("zhou"));
  const auto lock = [&](const std::string& target) {
    return text(ask(editor, R"({"id":9,"op":"lock.acquire","targets":[")" + target + R"("]})"), "ok.lock");
  };
  const std::string first = lock("SaleOrder:1");
  const ConnectionId a = follow(viewer), b = follow(li), other = follow(wu);
  pass(Millis(200));
  EXPECT_EQ(client(a).editing, (Texts{{"SaleOrder:1/unreviewed", "zhou"}})) << "a lock from before there was a tree";
  EXPECT_EQ(client(b).editing, client(a).editing) << "a person's own rows too";
  EXPECT_TRUE(client(other).editing.empty());
  lock("SaleOrder:2");
  lock("SaleOrder:2/SaleOrderDetail/1");
  lock("SaleOrder:nowhere");
  ask(editor, R"({"id":9,"op":"lock.release","lock":")" + first + R"("})");
  pass(Millis(200));
  EXPECT_EQ(client(a).editing, (Texts{{"SaleOrder:2/unreviewed", "zhou"}}));
  EXPECT_EQ(client(b).editing, client(a).editing);
  publish({bill("2", 2)});
  pass(Millis(200));
  EXPECT_EQ(client(a).editing, (Texts{{"SaleOrder:2/unreviewed", "zhou"}})) << "told again with the bill";
  const std::string before = client(a).cursor;
  hub->disconnected(a, now);
  ask(editor, R"({"id":9,"op":"lock.release_all"})");
  pass(Millis(200));
  lock("SaleOrder:1");
  pass(Millis(200));
  const ConnectionId again = open(viewer);
  const std::size_t read = client(again).read;
  clients[again] = client(a);
  clients[again].read = read;
  subscribe(again, with_cursor(before));
  EXPECT_EQ(client(again).mode, "diff");
  EXPECT_EQ(client(again).editing, (Texts{{"SaleOrder:1/unreviewed", "zhou"}}));
  EXPECT_EQ(client(again).rows, board_rows(viewer));
}

TEST_F(TodoTest, a_resync_of_an_edited_bill_tells_its_new_state_alone) {
  begin();
  publish({bill("1", 9), bill("2", 9)});
  const ConnectionId a = follow(viewer), editor = connect();
  hello(editor, token("zhou"));
  ask(editor, R"({"id":9,"op":"lock.acquire","targets":["SaleOrder:1","SaleOrder:2"]})");
  pass(Millis(200));
  EXPECT_EQ(client(a).editing.size(), 2u);
  const auto resync = [&](const std::string& body) { return http("POST", "/v1/status/resync", publisher, body); };
  const std::string id = text(resync(R"({"type":"SaleOrder"})"), "resync");
  resync(R"({"resync":")" + id + "\"," + publish_body({bill("2", 3, 1)}).substr(1));
  resync(R"({"resync":")" + id + R"(","commit":true})");
  EXPECT_EQ(client(a).rows, (Rows{{"SaleOrder:2/unsubmitted", 3}}));
  pass(Millis(200));
  EXPECT_EQ(client(a).rows, (Rows{{"SaleOrder:2/unsubmitted", 3}}));
  EXPECT_EQ(client(a).editing, (Texts{{"SaleOrder:2/unsubmitted", "zhou"}}));
}

TEST_F(TodoTest, what_became_of_an_edited_bill_while_nobody_followed_is_known) {
  begin();
  publish({bill("1", 1)});
  const ConnectionId first = follow(viewer), editor = connect();
  hello(editor, token("zhou"));
  ask(editor, R"({"id":9,"op":"lock.acquire","targets":["SaleOrder:1"]})");
  pass(Millis(200));
  lose(first);
  publish({bill("1", 2, 1)});
  const ConnectionId second = follow(viewer);
  EXPECT_EQ(client(second).rows, (Rows{{"SaleOrder:1/unsubmitted", 2}}));
  EXPECT_EQ(client(second).editing, (Texts{{"SaleOrder:1/unsubmitted", "zhou"}}));
}

TEST_F(TodoTest, a_lock_that_ended_while_somebody_did_not_read_is_over_when_he_has) {
  begin();
  publish({bill("1", 1)});
  const ConnectionId a = follow(viewer), editor = connect();
  hello(editor, token("zhou"));
  const std::string lock = text(ask(editor, R"({"id":9,"op":"lock.acquire","targets":["SaleOrder:1"]})"), "ok.lock");
  pass(Millis(200));
  EXPECT_EQ(client(a).editing.size(), 1u);
  transport.backlog[a] = 2 << 20;
  ask(editor, R"({"id":9,"op":"lock.release","lock":")" + lock + R"("})");
  pass(Millis(300));
  EXPECT_EQ(client(a).editing.size(), 1u);
  transport.backlog[a] = 0;
  pass(Millis(300));
  EXPECT_TRUE(client(a).editing.empty());
}

TEST_F(TodoTest, a_further_hello_with_narrower_rights_begins_the_tree_anew) {
  begin();
  StatusEvent of_wu = bill("2", 1);
  of_wu.creator = {"wu", "Wu"};
  publish({bill("1", 1), of_wu});
  const Who wide{"wu", {"viewer"}};
  const ConnectionId c = follow(wide);
  EXPECT_EQ(client(c).rows.size(), 2u);
  clients[c].audience = audience_of(wu);
  tell(c, R"({"op":"hello","token":")" + token_of(wu) + R"("})");
  engine.pump();
  EXPECT_EQ(client(c).rows, (Rows{{"SaleOrder:2/unreviewed", 1}}));
  EXPECT_EQ(client(c).reason, "audience");
}

TEST_F(TodoTest, where_names_are_hidden_rows_say_only_that_somebody_edits_them) {
  options.hide_names = true;
  begin();
  publish({bill("1", 1)});
  const ConnectionId a = follow(viewer), editor = connect();
  hello(editor, token("zhou"));
  ask(editor, R"({"id":9,"op":"lock.acquire","targets":["SaleOrder:1"]})");
  pass(Millis(200));
  EXPECT_EQ(client(a).editing, (Texts{{"SaleOrder:1/unreviewed", ""}}));
}

TEST_F(TodoTest, a_bill_that_is_taken_and_freed_at_once_is_not_told_and_beyond_the_limit_none_is) {
  options.todo.edited_bills_max = 1;
  begin();
  publish({bill("1", 1), bill("2", 1)});
  const ConnectionId a = follow(viewer), editor = connect();
  hello(editor, token("zhou"));
  pass(Millis(200));
  const std::size_t frames = transport.sent[a].size();
  const std::string lock = text(ask(editor, R"({"id":9,"op":"lock.acquire","targets":["SaleOrder:1"]})"), "ok.lock");
  ask(editor, R"({"id":9,"op":"lock.release","lock":")" + lock + R"("})");
  ask(editor, R"({"id":9,"op":"lock.acquire","targets":["SaleOrder:1","SaleOrder:2"]})");
  pass(Millis(200));
  EXPECT_EQ(client(a).editing.size(), 1u);
  EXPECT_EQ(transport.sent[a].size(), frames + 1);
}

TEST_F(TodoTest, who_comes_is_told_of_many_edited_bills_in_frames_that_are_bounded) {
  options.todo.bills_per_frame_max = 2;
  begin();
  const ConnectionId editor = connect();
  hello(editor, token("zhou"));
  Texts edited;
  for (int i = 1; i <= 5; ++i) {
    const std::string id = std::to_string(i);
    publish({bill(id, 1)});
    ask(editor, R"({"id":9,"op":"lock.acquire","targets":["SaleOrder:)" + id + R"("]})");
    edited["SaleOrder:" + id + "/unreviewed"] = "zhou";
  }
  const ConnectionId first = follow(viewer);
  pass(Millis(200));
  const ConnectionId a = follow(viewer);
  EXPECT_EQ(client(a).editing, edited);
  EXPECT_EQ(client(first).editing, edited);
  std::vector<std::size_t> rows;
  for (const std::string& frame : transport.sent[a]) {
    const auto o = boost::json::parse(frame).as_object();
    if (const auto* upsert = o.if_contains("upsert"); upsert && o.at("event") == "todo.live") {
      rows.push_back(upsert->as_array().size());
    }
  }
  EXPECT_EQ(rows, (std::vector<std::size_t>{2, 2, 1}));
}

// ------------------------------------------------------------------------------------------ windows

TEST_F(TodoTest, a_few_are_told_at_once_and_many_who_were_just_told_a_little_later) {
  begin();
  std::vector<ConnectionId> all;
  for (int i = 0; i < 100; ++i) all.push_back(follow({"see" + std::to_string(i), {"viewer"}}));
  pass(Millis(200));
  transport.woken_at.reset();
  publish({bill("1", 1)});
  EXPECT_EQ(client(all[99]).rows.size(), 1u) << "nobody waits while little happens";
  EXPECT_FALSE(transport.woken_at);
  publish({bill("2", 1)});
  publish({bill("2", 2)});
  EXPECT_EQ(client(all[99]).rows.size(), 1u);
  ASSERT_TRUE(transport.woken_at) << "but not for long";
  EXPECT_EQ(*transport.woken_at - now.monotonic, Micros(10) * 100);
  now.monotonic = *transport.woken_at - Micros(1);
  hub->wake(now);
  EXPECT_EQ(client(all[99]).rows.size(), 1u);
  now.monotonic += Micros(1);
  hub->wake(now);
  EXPECT_EQ(client(all[0]).rows.at("SaleOrder:2/unreviewed"), 2u) << "the last one has left";
  EXPECT_EQ(client(all[99]).rows.size(), 2u);
}

TEST_F(TodoTest, a_bulk_goes_compressed_with_the_same_end_for_all_of_a_class) {
  begin();
  const ConnectionId a = follow(viewer), b = follow({"see2", {"viewer"}});
  publish({bill("1001", 1)});
  EXPECT_TRUE(transport.batch_bytes.empty()) << "a small change is readable";
  std::vector<LogEvent> bulk;
  for (int i = 0; i < 1000; ++i) bulk.push_back(bill(std::to_string(i), 1));
  pass(Millis(200));
  publish(std::move(bulk));
  EXPECT_EQ(client(a).rows.size(), 1001u);
  EXPECT_EQ(client(b).rows, client(a).rows);
  ASSERT_GT(transport.batch_bytes[a], 0u);
  EXPECT_LT(transport.batch_bytes[a], 12u * 1000);
  EXPECT_EQ(transport.batch_bytes[a], transport.batch_bytes[b]);
  const std::size_t live = transport.batch_bytes[a];
  const ConnectionId late = follow(viewer);
  EXPECT_EQ(client(late).rows, client(a).rows);
  EXPECT_LT(transport.batch_bytes[late], live * 2) << "pages too";
}

TEST_F(TodoTest, an_engine_that_fails_leaves_no_publisher_and_no_subscriber_without_an_answer) {
  begin();
  engine.late = true;
  const ExchangeId e = ++exchanges;
  hub->http(e, request("POST", "/v1/status", publisher, publish_body({bill("1", 1)})), now);
  const ConnectionId c = open(viewer);
  subscribe(c);
  hub->on_failed("disk");
  answer_of(e);
  EXPECT_EQ(status, 504);
  EXPECT_EQ(text(last(c), "error.code"), "unknown_outcome");
  tell(c, R"({"id":2,"op":"todo.subscribe"})");
  EXPECT_EQ(text(last(c), "error.code"), "unavailable");
}

// ------------------------------------------------------------------------------------------ trees

TEST_F(TodoTest, two_peoples_trees_follow_what_is_published) {
  begin();
  StatusEvent of_wu = bill("2", 1);
  of_wu.creator = {"wu", "Wu"};
  publish({bill("1", 1), of_wu});
  const ConnectionId a = follow(viewer);
  const ConnectionId b = follow(li);
  EXPECT_EQ(client(a).mode, "snapshot");
  EXPECT_EQ(client(a).reason, "first");
  EXPECT_EQ(client(a).rows, (Rows{{"SaleOrder:1/unreviewed", 1}, {"SaleOrder:2/unreviewed", 1}}));
  EXPECT_EQ(client(b).rows, (Rows{{"SaleOrder:1/unreviewed", 1}}));
  EXPECT_EQ(client(b).counts["SaleOrder/unreviewed"], 1u);
  EXPECT_EQ(client(a).digests, 1u);

  publish({bill("1", 2, 1), bill("3", 1)});
  EXPECT_EQ(client(a).rows,
            (Rows{{"SaleOrder:1/unsubmitted", 2}, {"SaleOrder:2/unreviewed", 1}, {"SaleOrder:3/unreviewed", 1}}));
  EXPECT_EQ(client(b).rows, (Rows{{"SaleOrder:1/unsubmitted", 2}, {"SaleOrder:3/unreviewed", 1}}));
  EXPECT_EQ(client(a).removed, std::vector<std::string>{"SaleOrder:1/unreviewed by wang 提交"});
  EXPECT_EQ(client(b).counts["SaleOrder/unsubmitted"], 1u);
  EXPECT_EQ(client(a).counts["SaleOrder/unreviewed"], 2u);
  EXPECT_EQ(client(a).rows, board_rows(viewer));
  EXPECT_EQ(client(b).rows, board_rows(li));

  StatusEvent gone = bill("1", 3, 1);
  gone.deleted = true;
  pass(Millis(200));
  publish({gone});
  EXPECT_EQ(client(b).rows, (Rows{{"SaleOrder:3/unreviewed", 1}}));
  pass(Millis(10'000));
  EXPECT_GE(client(a).digests, 2u) << "each ten seconds";
  EXPECT_GE(client(b).digests, 2u);
}

TEST_F(TodoTest, a_bill_that_moves_between_what_a_class_and_a_person_sees_stays_in_his_tree) {
  begin();
  Who both = chief;  // sees department D1, and what he has made
  both.user = "li";
  const ConnectionId c = follow(both);
  const ConnectionId other = follow(chief);
  const auto in = [&](const std::string& department, Version version, const std::string& creator,
                      std::int64_t data = 2) {
    StatusEvent e = bill("1", version, data);
    e.department = department;
    e.creator = {creator, creator};
    return e;
  };
  const auto check = [&](const char* what) {
    pass(Millis(300));
    EXPECT_EQ(client(c).rows, board_rows(both)) << what;
    EXPECT_EQ(client(other).rows, board_rows(chief)) << what;
  };
  publish({in("D1", 1, "li")});
  check("both ways");
  publish({in("D2", 2, "li")});
  check("only his own");
  EXPECT_EQ(client(c).rows.size(), 1u);
  EXPECT_EQ(client(other).rows.size(), 0u);
  publish({in("D2", 3, "li", 1)});
  check("his own, in another group");
  publish({in("D1", 4, "li")});
  check("by class again, in another group");
  publish({in("D1", 5, "wu", 1), in("D2", 6, "li"), in("D2", 7, "li", 1)});
  check("to and fro in one window");
  EXPECT_EQ(client(c).rows, (Rows{{"SaleOrder:1/unsubmitted", 7}}));
  publish({in("D2", 8, "wu")});
  check("nobody's");
  EXPECT_EQ(client(c).rows.size(), 0u);
  publish({in("D2", 9, "li"), in("D1", 10, "wu"), in("D1", 11, "wu", 1)});
  check("from his own to the class's in one window");
  pass(Millis(10'000));
  EXPECT_GE(client(c).digests, 2u);
}

TEST_F(TodoTest, who_has_no_rights_hears_nothing_not_even_counts) {
  begin();
  publish({bill("1", 1)});
  const Who nobody{"nobody", {}};
  const ConnectionId c = follow(nobody);
  publish({bill("1", 2, 1), bill("2", 1)});
  pass(Millis(11'000));
  EXPECT_TRUE(client(c).rows.empty());
  EXPECT_TRUE(client(c).counts.empty());
  for (const std::string& one : transport.sent[c]) {
    EXPECT_EQ(one.find("SaleOrder"), std::string::npos) << one;
    EXPECT_EQ(one.find("unreviewed"), std::string::npos) << one;
  }
  // A type that somebody's tree shows tells nothing of a bill that he may not see: neither row nor number.
  const ConnectionId w = follow(wu);
  const std::size_t said = transport.sent[w].size();
  publish({bill("3", 1)});
  pass(Millis(300));
  EXPECT_EQ(transport.sent[w].size(), said);
  EXPECT_EQ(client(w).counts["SaleOrder/unreviewed"], 0u);
  const auto http_counts = http("GET", "/v1/todo", token_of(nobody));
  EXPECT_EQ(text(http_counts, "counts"), "{}");
  http("GET", "/v1/todo/SaleOrder/unreviewed", token_of(nobody));
  EXPECT_EQ(status, 404);
}

TEST_F(TodoTest, a_namespace_hears_nothing_of_another_and_serves_no_cursor_of_it) {
  options.namespaces = {"default", "other"};
  begin();
  Who elsewhere = viewer;
  elsewhere.ns = "other";
  const ConnectionId a = follow(viewer);
  const ConnectionId b = follow(elsewhere);
  publish({bill("1", 1)});
  EXPECT_EQ(client(a).rows.size(), 1u);
  EXPECT_EQ(client(b).rows.size(), 0u);
  subscribe(b, with_cursor(client(a).cursor));
  EXPECT_EQ(client(b).mode, "snapshot");
  EXPECT_EQ(client(b).reason, "epoch");
  EXPECT_EQ(client(b).rows.size(), 0u);
}

// ------------------------------------------------------------------------------------------ coming back

TEST_F(TodoTest, who_comes_back_by_cursor_is_told_exactly_what_has_changed) {
  begin();
  for (int i = 0; i < 20; ++i) publish({bill(std::to_string(i), 1)});
  ConnectionId c = follow(viewer);
  const TodoClient left = client(c);
  EXPECT_EQ(left.rows.size(), 20u);
  lose(c);
  publish({bill("3", 2, 1), bill("3", 3), bill("5", 2, 1), bill("7", 2, 4, 1)});
  c = open(viewer);
  clients[c].rows = left.rows;
  subscribe(c, with_cursor(left.cursor));
  EXPECT_EQ(client(c).mode, "diff");
  EXPECT_EQ(client(c).reason, "");
  EXPECT_EQ(client(c).rows, board_rows(viewer));
  EXPECT_EQ(client(c).upserts, 3u) << "each once";
  EXPECT_EQ(client(c).snapshots, 0u);
  EXPECT_EQ(client(c).digests, 1u);
  EXPECT_TRUE(client(c).live);
  // Nothing has changed: nothing is told but where it is.
  const TodoClient again = client(c);
  lose(c);
  c = open(viewer);
  clients[c].rows = again.rows;
  subscribe(c, with_cursor(again.cursor));
  EXPECT_EQ(client(c).upserts, 0u);
  EXPECT_TRUE(client(c).removed.empty());
}

TEST_F(TodoTest, a_long_diff_comes_in_parts_and_each_part_has_a_cursor_to_go_on_from) {
  options.todo.rows_per_page = 3;
  begin();
  publish({bill("0", 1)});
  ConnectionId c = follow(viewer);
  const TodoClient left = client(c);
  lose(c);
  for (int i = 1; i <= 10; ++i) publish({bill(std::to_string(i), 1)});
  c = open(viewer);
  clients[c].rows = left.rows;
  engine.late = true;
  subscribe(c, with_cursor(left.cursor));
  for (int i = 0; i < 4; ++i) engine.commit();  // the class's counts, his, and two parts
  const TodoClient part = client(c);
  EXPECT_EQ(part.upserts, 6u);
  engine.late = false;
  lose(c);
  c = open(viewer);
  clients[c].rows = part.rows;
  subscribe(c, with_cursor(part.cursor));
  EXPECT_EQ(client(c).mode, "diff");
  EXPECT_EQ(client(c).upserts, 4u);
  EXPECT_EQ(client(c).rows, board_rows(viewer));
}

TEST_F(TodoTest, a_cursor_serves_its_own_user_rights_and_selection_only) {
  begin();
  publish({bill("1", 1)});
  const TodoClient had = client(follow(viewer));
  const std::string cursor = had.cursor;
  const auto reason = [&](const Who& who, const std::string& more) {
    const ConnectionId c = open(who);
    clients[c].rows = had.rows;
    subscribe(c, more);
    EXPECT_EQ(client(c).rows.empty(), who.user == "wu");
    return client(c).mode + " " + client(c).reason;
  };
  EXPECT_EQ(reason(viewer, with_cursor(cursor)).substr(0, 4), "diff");
  EXPECT_EQ(reason(li, with_cursor(cursor)), "snapshot audience");
  EXPECT_EQ(reason(wu, with_cursor(cursor)), "snapshot audience");
  EXPECT_EQ(reason({"see2", {"viewer"}}, with_cursor(cursor)), "snapshot audience");
  EXPECT_EQ(reason({"see", {"reviewer", "finance"}}, with_cursor(cursor)).substr(0, 4), "diff") << "sees the same";
  EXPECT_EQ(reason(viewer, with_cursor(cursor) + R"(,"types":["SaleOrder"])"), "snapshot first");
  const ConnectionId c = open(viewer);
  for (const char* bad : {"x", "1-2-3", "2-00000000070000000000000001-1-1-1-1-0"}) {
    tell(c, R"({"id":1,"op":"todo.subscribe","cursor":")" + std::string(bad) + "\"}");
    EXPECT_EQ(text(last(c), "error.field"), "cursor") << bad;
  }
  // Made up: of an offset that is not there yet.
  auto made_up = session::parse_cursor(cursor);
  ASSERT_TRUE(made_up);
  made_up->place.since = made_up->place.through = 1000;
  std::string forged;
  session::append_cursor(forged, *made_up);
  EXPECT_EQ(reason(viewer, with_cursor(forged)), "snapshot epoch");
}

TEST_F(TodoTest, a_cursor_from_before_the_logs_floor_begins_a_snapshot) {
  engine.board_limits.log_entries_max = 5;
  begin();
  publish({bill("0", 1)});
  ConnectionId c = follow(viewer);
  const std::string cursor = client(c).cursor;
  lose(c);
  for (int i = 1; i <= 10; ++i) publish({bill(std::to_string(i), 1)});
  c = follow(viewer, with_cursor(cursor));
  EXPECT_EQ(client(c).mode + " " + client(c).reason, "snapshot trimmed");
  EXPECT_EQ(client(c).rows, board_rows(viewer));
}

// ------------------------------------------------------------------------------------------ commits, windows, slow
// readers

TEST_F(TodoTest, nothing_is_told_before_its_commit_and_a_snapshot_fits_what_follows) {
  options.todo.rows_per_page = 2;
  begin();
  for (int i = 0; i < 7; ++i) publish({bill(std::to_string(i), 1)});
  engine.late = true;
  publish_only({bill("0", 2, 1), bill("10", 1)});
  const ConnectionId c = open(viewer);
  subscribe(c);
  EXPECT_EQ(client(c).frames, 0u) << "its question lies behind a commit";
  // The board goes on deciding between any two commits; the client is held to each frame (see TodoClient).
  Version version = 3;
  for (int step = 0; step < 60 && !(engine.uncommitted.empty() && client(c).live); ++step) {
    if (step < 12) {
      publish_only(
          {bill(std::to_string(step % 7), version, step % 2 == 0 ? 1 : 2), bill("n" + std::to_string(step), 1)});
      ++version;
    }
    const std::size_t known = transport.sent[c].size();
    engine.commit();
    if (step % 3 == 0) hub->on_turn_end();
    for (std::size_t i = known; i < transport.sent[c].size(); ++i) {
      // What is decided and not committed is in nothing that was sent.
      for (const auto& waiting : engine.uncommitted) {
        for (const Event& event : waiting.events) {
          const auto* changed = std::get_if<StatusChanged>(&std::get<BoardEvent>(event));
          if (changed == nullptr || changed->before) continue;
          const std::string mark = "\"id\":\"" + std::string(changed->after->id()) + "\"";
          EXPECT_EQ(transport.sent[c][i].find(mark), std::string::npos) << transport.sent[c][i];
        }
      }
    }
  }
  engine.late = false;
  engine.pump();
  pass(Millis(10'100));
  EXPECT_EQ(client(c).rows, board_rows(viewer));
  EXPECT_GE(client(c).digests, 2u);
  EXPECT_EQ(client(c).snapshots, 1u);
}

TEST_F(TodoTest, the_first_change_leaves_at_once_and_ten_more_leave_as_the_last_within_100_ms) {
  begin();
  const ConnectionId c = follow(viewer);
  pass(Millis(200));
  const std::size_t frames = client(c).frames;
  publish({bill("1", 1)});
  EXPECT_EQ(client(c).frames, frames + 1) << "at the end of the turn";
  const std::size_t upserts = client(c).upserts;
  for (Version v = 2; v <= 11; ++v) publish({bill("1", v, v % 2 == 0 ? 1 : 2)});
  EXPECT_EQ(client(c).frames, frames + 1) << "under load they wait for each other";
  advance(Millis(100));
  hub->tick(now);
  EXPECT_EQ(client(c).frames, frames + 2);
  EXPECT_EQ(client(c).upserts, upserts + 1);
  EXPECT_EQ(client(c).rows, (Rows{{"SaleOrder:1/unreviewed", 11}}));
  pass(Millis(200));
  publish({bill("1", 12)});
  EXPECT_EQ(client(c).frames, frames + 3) << "idle again: at once";
}

TEST_F(TodoTest, a_frame_has_so_many_bills_and_no_more) {
  options.todo.bills_per_frame_max = 3;
  begin();
  const ConnectionId c = follow(viewer);
  const ConnectionId own = follow(li);
  std::vector<LogEvent> events;
  for (int i = 0; i < 8; ++i) events.emplace_back(bill(std::to_string(i), 1));
  for (int i = 0; i < 8; ++i) {
    events.emplace_back(RunEvent{RunId{Id128{1, 2}}, "SaleOrder", std::to_string(i), "x", "", "", {}, std::nullopt});
  }
  publish(events);
  pass(Millis(200));
  EXPECT_EQ(said(c, "run.step").size(), 8u);
  EXPECT_EQ(said(own, "run.step").size(), 8u);
  for (const ConnectionId each : {c, own}) {
    std::vector<std::size_t> rows;
    for (const auto& frame : said(each, "todo.live")) {
      if (const auto* some = frame.as_object().if_contains("upsert")) rows.push_back(some->as_array().size());
    }
    EXPECT_EQ(rows, (std::vector<std::size_t>{3, 3, 2}));
    EXPECT_EQ(client(each).rows, board_rows(each == c ? viewer : li));
  }
}

TEST_F(TodoTest, people_of_one_class_are_sent_one_text) {
  begin();
  const ConnectionId a = follow(viewer);
  const ConnectionId b = follow({"see2", {"viewer"}});
  const ConnectionId own = follow({"li", {"viewer"}});
  publish({bill("1", 1)});
  const auto tail = [&](ConnectionId c) {
    const std::string& said = transport.sent[c].back();
    return said.substr(said.find("\"upsert\""));
  };
  EXPECT_EQ(tail(a), tail(b));
  EXPECT_EQ(tail(a), tail(own)) << "what he sees anyway is nothing personal";
  EXPECT_NE(transport.sent[a].back(), transport.sent[b].back()) << "each has a cursor of his own";
}

TEST_F(TodoTest, who_reads_slowly_is_told_the_last_state_when_he_has_read) {
  begin();
  publish({bill("1", 1)});
  const ConnectionId c = follow(viewer);
  const ConnectionId quick = follow({"see2", {"viewer"}});
  transport.backlog[c] = options.todo.unsent_bytes_max + 1;
  const std::size_t frames = client(c).frames;
  for (Version v = 2; v < 12; ++v) {
    publish({bill("1", v, v % 2 == 0 ? 1 : 2), bill("9" + std::to_string(v), 1)});
    pass(Millis(100));
  }
  EXPECT_EQ(client(c).frames, frames) << "told nothing while it does not read";
  EXPECT_EQ(client(quick).rows, board_rows(viewer)) << "nobody waits for it";
  transport.backlog[c] = options.todo.unsent_bytes_max * 3 / 4;
  pass(Millis(200));
  EXPECT_EQ(client(c).frames, frames) << "half of it must be read";
  transport.backlog[c] = options.todo.unsent_bytes_max / 2;
  pass(Millis(200));
  EXPECT_EQ(client(c).frames, frames + 1) << "the last state, once";
  EXPECT_EQ(client(c).rows, board_rows(viewer));
  EXPECT_EQ(client(c).snapshots, 1u);
  EXPECT_FALSE(transport.closed.contains(c));
}

TEST_F(TodoTest, who_does_not_read_for_too_long_is_closed_and_comes_back_by_cursor) {
  begin();
  publish({bill("1", 1)});
  ConnectionId c = follow(viewer);
  pass(Millis(100));
  transport.backlog[c] = options.todo.unsent_bytes_max + 1;
  publish({bill("1", 2)});
  const Millis most = options.todo.behind_max;
  for (Millis left = most; left > Millis(0); left -= Millis(100)) {
    advance(Millis(100));
    hub->tick(now);
    for (const auto& ping : said(c, "ping")) tell(c, R"({"op":"pong","n":)" + text(ping, "n") + "}");
    engine.pump();
  }
  EXPECT_FALSE(transport.closed.contains(c));
  pass(Millis(300));
  ASSERT_TRUE(transport.closed.contains(c));
  EXPECT_EQ(transport.closed[c].first, 4003);
  const TodoClient left = client(c);
  c = open(viewer);
  clients[c].rows = left.rows;
  subscribe(c, with_cursor(left.cursor));
  EXPECT_EQ(client(c).mode, "diff");
  EXPECT_EQ(client(c).rows, board_rows(viewer));
}

TEST_F(TodoTest, a_snapshot_waits_for_its_reader) {
  options.todo.rows_per_page = 2;
  begin();
  for (int i = 0; i < 10; ++i) publish({bill(std::to_string(i), 1)});
  const ConnectionId c = open(viewer);
  engine.late = true;
  subscribe(c);
  engine.commit();
  engine.commit();
  engine.commit();
  EXPECT_EQ(client(c).upserts, 2u);
  transport.backlog[c] = options.todo.unsent_bytes_max + 1;
  engine.late = false;
  pass(Millis(1000));
  EXPECT_EQ(client(c).upserts, 4u) << "what was asked for already";
  transport.backlog[c] = 0;
  pass(Millis(200));
  EXPECT_EQ(client(c).rows, board_rows(viewer));
  EXPECT_TRUE(client(c).live);
}

TEST_F(TodoTest, a_storm_of_clients_asks_the_engine_so_many_questions_at_a_time) {
  options.todo.questions_max = 4;
  begin();
  publish({bill("1", 1)});
  engine.late = true;
  std::vector<ConnectionId> all;
  for (int i = 0; i < 15; ++i) all.push_back(open({"see" + std::to_string(i), {"viewer"}}));
  engine.uncommitted.clear();
  for (const ConnectionId c : all) subscribe(c);
  EXPECT_EQ(engine.uncommitted.size(), 5u) << "four, and one for the class that they share";
  lose(all[0]);  // while its question is on its way
  lose(all[9]);  // while it stands in line
  engine.late = false;
  engine.pump();
  for (const ConnectionId c : all) {
    if (c != all[0] && c != all[9]) EXPECT_EQ(client(c).rows.size(), 1u) << c;
  }
}

// ------------------------------------------------------------------------------------------ rights, selections

TEST_F(TodoTest, other_rights_are_another_snapshot_and_the_old_cursor_is_not_served) {
  begin();
  publish({bill("1", 1)});
  const ConnectionId c = follow(li);
  EXPECT_EQ(client(c).rows.size(), 1u);
  const auto renew = [&](const Who& who) {
    tell(c, R"({"id":9,"op":"auth","token":")" + token_of(who) + "\"}");
    client(c).audience = audience_of(who);
    engine.pump();
  };
  const std::string old = client(c).cursor;
  renew({"li", {}});
  EXPECT_EQ(client(c).reason, "audience");
  EXPECT_TRUE(client(c).rows.empty());
  EXPECT_TRUE(client(c).counts.empty());
  publish({bill("1", 2), bill("2", 1)});
  EXPECT_TRUE(client(c).rows.empty()) << "told no more";
  subscribe(c, with_cursor(old));
  EXPECT_EQ(client(c).reason, "audience");
  EXPECT_TRUE(client(c).rows.empty());
  renew({"li", {"viewer"}});
  EXPECT_EQ(client(c).reason, "audience");
  EXPECT_EQ(client(c).rows, board_rows(viewer));
  const std::size_t snapshots = client(c).snapshots;
  renew({"li", {"viewer"}});
  EXPECT_EQ(client(c).snapshots, snapshots) << "the same rights are no news";
  publish({bill("3", 1)});
  EXPECT_EQ(client(c).rows, board_rows(viewer));
}

TEST_F(TodoTest, rights_that_change_before_the_subscription_has_begun_are_those_that_count) {
  begin();
  publish({bill("1", 1)});
  engine.late = true;
  const ConnectionId c = open(viewer);
  subscribe(c);
  tell(c, R"({"id":9,"op":"auth","token":")" + token_of({"see", {}}) + "\"}");
  engine.late = false;
  engine.pump();
  EXPECT_EQ(client(c).mode + " " + client(c).reason, "snapshot first");
  EXPECT_TRUE(client(c).rows.empty());
  EXPECT_EQ(transport.sent[c].size(), [&] {
    std::size_t said = 0;
    for (const std::string& one : transport.sent[c]) said += one.find("SaleOrder") == std::string::npos ? 1u : 0u;
    return said;
  }());
}

TEST_F(TodoTest, only_opened_groups_have_rows_and_all_have_counts) {
  begin();
  publish({bill("1", 1), bill("2", 1, 1)});
  const ConnectionId c = open(viewer);
  clients[c].all_rows = false;
  subscribe(c, R"(,"rows":"opened","open":["SaleOrder/unreviewed"],"types":["SaleOrder","SaleOut"])");
  EXPECT_EQ(client(c).rows, (Rows{{"SaleOrder:1/unreviewed", 1}}));
  EXPECT_EQ(client(c).counts["SaleOrder/unsubmitted"], 1u);
  EXPECT_FALSE(client(c).counts.contains("PurOrder/unreviewed"));
  publish({bill("2", 2), bill("3", 1, 1)});
  EXPECT_EQ(client(c).rows, (Rows{{"SaleOrder:1/unreviewed", 1}, {"SaleOrder:2/unreviewed", 2}}));
  EXPECT_EQ(client(c).counts["SaleOrder/unsubmitted"], 1u);
  EXPECT_EQ(client(c).counts["SaleOrder/unreviewed"], 2u);
  publish({bill("2", 3, 1)});
  pass(Millis(10'100));
  EXPECT_EQ(client(c).rows, (Rows{{"SaleOrder:1/unreviewed", 1}}));
  EXPECT_GE(client(c).digests, 2u) << "of the rows subscribed";
  StatusEvent other = bill("9", 1);
  other.type = "PurOrder";
  const std::size_t said = transport.sent[c].size();
  publish({other});
  EXPECT_EQ(transport.sent[c].size(), said) << "a type that is not subscribed";
  for (const char* bad : {R"(,"types":["Nothing"])", R"(,"open":["nothing"])", R"(,"open":["SaleOrder/nothing"])",
                          R"(,"open":["Nothing/unreviewed"])"}) {
    subscribe(c, bad);
    EXPECT_EQ(text(last(c), "error.code"), "invalid") << bad;
  }
}

TEST_F(TodoTest, a_later_subscription_takes_the_place_of_the_former_and_unsubscribe_ends_it) {
  begin();
  publish({bill("1", 1)});
  engine.late = true;
  const ConnectionId c = open(viewer);
  tell(c, R"({"id":1,"op":"todo.subscribe"})");
  tell(c, R"({"id":2,"op":"todo.subscribe"})");
  EXPECT_EQ(text(last(c), "error.code"), "invalid");
  EXPECT_EQ(text(last(c), "id"), "1");
  engine.late = false;
  engine.pump();
  EXPECT_EQ(client(c).snapshots, 1u);
  EXPECT_EQ(client(c).rows.size(), 1u);
  EXPECT_EQ(text(ask(c, R"({"id":3,"op":"todo.unsubscribe"})"), "id"), "3");
  const std::size_t said = transport.sent[c].size();
  publish({bill("2", 1)});
  EXPECT_EQ(transport.sent[c].size(), said);
}

// ------------------------------------------------------------------------------------------ runs and notices

TEST_F(TodoTest, a_run_is_told_to_its_actor_to_who_sees_the_bill_and_to_who_edits_it) {
  begin();
  publish({bill("1", 1)});
  const ConnectionId editor = connect(), edits = follow({"zhou", {}});
  hello(editor, token("zhou"));
  ask(editor, R"({"id":9,"op":"lock.acquire","targets":["SaleOrder:1"]})");
  const ConnectionId sees = follow(viewer);
  const ConnectionId made = follow(li);
  const ConnectionId acts = follow({"zhao", {}});
  const ConnectionId other = follow(wu);
  const std::string cursor = client(sees).cursor;
  publish({RunEvent{RunId{Id128{1, 2}}, "SaleOrder", "1", "writing", "审核", "", {"zhao", "Zhao"}, std::nullopt}});
  for (const ConnectionId c : {sees, made, acts, edits}) {
    ASSERT_EQ(said(c, "run.step").size(), 1u) << c;
    EXPECT_EQ(text(said(c, "run.step")[0], "step"), "writing");
  }
  EXPECT_TRUE(said(other, "run.step").empty());
  EXPECT_TRUE(client(edits).rows.empty()) << "the bill itself he does not see";
  const ConnectionId back = open(viewer);
  clients[back].rows = client(sees).rows;
  subscribe(back, with_cursor(cursor));
  EXPECT_EQ(said(back, "run.step").size(), 1u) << "also by cursor";
}

TEST_F(TodoTest, a_step_is_told_before_the_frame_whose_cursor_is_beyond_it_and_not_by_that_cursor_again) {
  begin();
  const ConnectionId a = follow(viewer), own = follow(li);
  const auto step = [](const char* name) {
    return RunEvent{RunId{Id128{1, 2}}, "SaleOrder", "1", name, "审核", "", {"zhao", "Zhao"}, std::nullopt};
  };
  publish({bill("1", 1), step("one")});
  publish({step("two")});
  pass(Millis(200));
  for (const ConnectionId c : {a, own}) {
    Said heard;
    for (const std::string& frame : transport.sent[c]) {
      const auto said = boost::json::parse(frame);
      if (text(said, "event") == "run.step") heard.push_back(text(said, "step"));
      if (text(said, "event") == "todo.live") heard.push_back("live");
    }
    EXPECT_EQ(heard, (Said{"live", "one", "live", "two", "live"}));
    const ConnectionId back = open(c == a ? viewer : li);
    clients[back].rows = client(c).rows;
    subscribe(back, with_cursor(client(c).cursor));
    EXPECT_TRUE(said(back, "run.step").empty());
  }
}

TEST_F(TodoTest, who_follows_some_types_is_told_by_cursor_no_steps_of_others_but_his_own) {
  begin();
  publish({bill("1", 1)});
  const std::string types = R"(,"types":["SaleOut"])";
  const ConnectionId a = follow(viewer, types), acts = follow({"zhao", {"viewer"}}, types);
  const std::string cursor = client(a).cursor, his = client(acts).cursor;
  publish({RunEvent{RunId{Id128{1, 2}}, "SaleOrder", "1", "x", "审核", "", {"zhao", "Zhao"}, std::nullopt}});
  EXPECT_TRUE(said(a, "run.step").empty());
  EXPECT_EQ(said(acts, "run.step").size(), 1u);
  EXPECT_TRUE(said(follow(viewer, types + with_cursor(cursor)), "run.step").empty());
  EXPECT_EQ(said(follow({"zhao", {"viewer"}}, types + with_cursor(his)), "run.step").size(), 1u);
}

TEST_F(TodoTest, a_rejection_is_told_to_the_creator_until_he_has_read_it) {
  begin();
  const ConnectionId c = follow(li);
  const ConnectionId other = follow(wu);
  StatusEvent rejected = bill("1", 1, 1, 2);
  rejected.action = "驳回";
  rejected.reason = "价格";
  publish({rejected});
  ASSERT_EQ(said(c, "notice").size(), 1u);
  EXPECT_EQ(text(said(c, "notice")[0], "reason"), "价格");
  EXPECT_EQ(text(said(c, "notice")[0], "rejection"), "true");
  EXPECT_TRUE(said(other, "notice").empty());
  auto list = http("GET", "/v1/notices", token_of(li));
  const std::string number = text(list, "notices.0.notice");
  EXPECT_EQ(number, text(said(c, "notice")[0], "notice"));
  EXPECT_EQ(text(http("GET", "/v1/notices", token_of(wu)), "notices"), "[]");
  http("POST", "/v1/notices/read", token_of(li), R"({"notices":[)" + number + "]}");
  EXPECT_EQ(status, 200);
  list = http("GET", "/v1/notices", token_of(li));
  EXPECT_EQ(text(list, "notices"), "[]");
}

TEST_F(TodoTest, a_notice_to_reviewers_goes_to_who_reviews_and_sees_the_bill) {
  begin();
  const ConnectionId reviews = follow({"chen", {"reviewer"}});
  const ConnectionId sees = follow(viewer);
  const ConnectionId ships = follow({"sun", {"warehouse"}});
  const ConnectionId others = follow({"ping", {"sales"}, {}, {"action.approve"}});  // sees his own
  publish({bill("1", 1)});
  EXPECT_EQ(said(reviews, "notice").size(), 1u);
  EXPECT_TRUE(said(sees, "notice").empty());
  EXPECT_TRUE(said(others, "notice").empty());
  StatusEvent approved = bill("1", 2, 4, 1);
  approved.action = "审核";
  publish({approved});
  EXPECT_EQ(said(ships, "notice").size(), 1u) << "what is approved is shipped";
  EXPECT_EQ(said(reviews, "notice").size(), 1u);
  // The same rows by other roles: the tree stays as it is, the notices change.
  tell(sees, R"({"id":9,"op":"auth","token":")" + token_of({"see", {"reviewer"}}) + "\"}");
  publish({bill("2", 1)});
  EXPECT_EQ(said(sees, "notice").size(), 1u);
  EXPECT_EQ(client(sees).snapshots, 1u);
}

TEST_F(TodoTest, requests_of_a_session_to_the_board_are_limited_as_those_to_the_locks_are) {
  begin();
  engine.late = true;
  const ConnectionId c = greet(token_of(viewer));
  const std::uint32_t most = options.limits.requests_in_flight_per_session_max;
  for (std::uint32_t i = 0; i < most; ++i) tell(c, R"({"id":1,"op":"notice.list"})");
  EXPECT_EQ(text(last(c), "event"), "welcome");
  tell(c, R"({"id":2,"op":"notice.list"})");
  EXPECT_EQ(text(last(c), "error.code"), "too_many");
  engine.late = false;
  engine.pump();
  EXPECT_NE(text(ask(c, R"({"id":3,"op":"notice.list"})"), "ok"), "");
}

}  // namespace
}  // namespace hf::test
