// What a publisher says of a bill must be read as he meant it or refused with the field at fault: a state that is read
// as another puts the bill into somebody's list where it does not belong.

#include "wire/status_messages.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "wire/json_writer.h"
#include "wire/messages.h"

namespace hf {
namespace {

const std::string kId = "0000000000000000000000000a";

Result<Fields> read(const std::string& text) {
  auto message = parse_message(text);
  if (!message) return tl::unexpected<Error>(message.error());
  return message->fields;
}
// How `{"op":OP,REST}` is refused: "code field".
std::string refusal(const std::string& op, const std::string& rest) {
  const auto fields = read("{\"op\":\"" + op + "\"" + (rest.empty() ? "" : ",") + rest + "}");
  if (fields) return "accepted";
  EXPECT_FALSE(fields.error().detail.empty());
  return std::string(code_name(fields.error().code)) + " " + fields.error().field;
}
std::string event(const std::string& rest) {
  return refusal("status.publish",
                 R"("events":[{"type":"SaleOrder","id":"1"},{"type":"SaleOrder","id":"2",)" + rest + "}]");
}

StatusEvent whole_event() {
  StatusEvent e;
  e.type = "SaleOrder";
  e.id = "1001";
  e.no = "SO1";
  e.version = version_max;
  e.state = {{"DataStatus", 2}, {"Delta", -3}, {"Paid", 1}, {"PayStatus", "部分"}};
  e.creator = {"li", "李雷"};
  e.handler = {"wang", ""};
  e.owner = {"e7", "Owner"};
  e.actor = {"zhao", "Zhao"};
  e.department = "华东";
  e.action = "提交";
  e.reason = "\"因为\"";
  e.at = parse_time("2025-11-22T09:30:00.123Z");
  e.deleted = true;
  e.title = "T";
  e.partner = "P";
  e.amount = "12.50";
  e.cause = "SaleOut:9";
  return e;
}

TEST(StatusMessages, an_event_is_read_with_every_field) {
  const auto fields =
      read(R"({"op":"status.publish","batch_id":"b1","events":[{"type":"SaleOrder","id":"1001","no":"SO1",
    "version":9007199254740991,"state":{"DataStatus":2,"Delta":-3,"Paid":true,"PayStatus":"部分","Nothing":null},
    "creator":{"user":"li","name":"李雷","more":1},"handler":"wang","owner":{"user":"e7","name":"Owner"},
    "actor":{"user":"zhao","name":"Zhao"},"department":"华东","action":"提交","reason":"\"因为\"",
    "at":"2025-11-22T17:30:00.123+08:00","deleted":true,"title":"T","partner":"P","amount":"12.50","cause":"SaleOut:9",
    "unknown":[1]}]})");
  ASSERT_TRUE(fields) << fields.error().detail;
  const auto& publish = std::get<Publish>(*fields);
  EXPECT_EQ(publish.caller.request_id, "b1");
  ASSERT_EQ(publish.events.size(), 1u);
  StatusEvent expected = whole_event();
  expected.none = {"state.Nothing"};
  EXPECT_EQ(std::get<StatusEvent>(publish.events[0]), expected);
}

TEST(StatusMessages, what_is_written_is_read_back_the_same) {
  RunEvent run{RunId(*Id128::parse(kId)),
               "SaleOrder",
               "1",
               "writing",
               "审核",
               "no stock",
               {"li", "Li"},
               parse_time("2025-11-22T09:30:00.123Z")};
  StatusEvent bare;
  bare.type = "SaleOrder";
  bare.id = "2";
  StatusResyncFields page{*ResyncId::parse(kId), "", {bare, whole_event()}, false, false};
  const std::vector<Fields> all = {
      Publish{{.request_id = "b"}, {whole_event(), run, bare}},
      GetStatus{nullptr, "SaleOrder", "1"},
      GetHistory{nullptr, "SaleOrder", "1", 99, 7},
      StatusResyncFields{{}, "SaleOrder", {}, false, false},
      page,
      StatusResyncFields{*ResyncId::parse(kId), "", {}, true, false},
      StatusResyncFields{*ResyncId::parse(kId), "", {}, false, true},
      TodoSubscribeFields{{"SaleOrder"}, TodoRows::opened, {"unreviewed", "SaleOut/rejected"}, "c"},
      TodoUnsubscribeFields{},
      TodoPageFields{"SaleOrder", "unreviewed", 50, 12},
      ListNotices{nullptr, 4, 10},
      ReadNotices{{}, "", {4, 5}}};
  for (const Fields& fields : all) {
    std::string text;
    append_message(text, MessageId(std::uint64_t{1}), fields);
    const auto back = read(text);
    ASSERT_TRUE(back) << text << back.error().detail;
    EXPECT_EQ(*back, fields) << text;
  }
}

TEST(StatusMessages, what_is_said_to_be_nothing_is_not_what_is_not_said) {
  const auto of = [](const std::string& rest) {
    const auto fields = read(R"({"op":"status.publish","events":[{"type":"A","id":"1")" + rest + "}]}");
    return fields ? std::get<StatusEvent>(std::get<Publish>(*fields).events[0]) : StatusEvent();
  };
  const std::string nulls = R"(,"state":{"Way":null},"creator":null,"owner":null,"department":null)";
  StatusEvent none = of(nulls);
  EXPECT_EQ(none.none, (std::vector<std::string>{"state.Way", "creator", "owner", "department"}));
  EXPECT_EQ(of("").none, std::vector<std::string>{});
  std::string written;
  append_log_event(written, none);
  EXPECT_EQ(written, R"({"type":"A","id":"1")" + nulls + "}");
  none.creator.user = "li";
  none.state.push_back({"Way", 1});
  written.clear();
  append_log_event(written, none);
  EXPECT_EQ(written,
            R"({"type":"A","id":"1","state":{"Way":1},"creator":{"user":"li"},"owner":null,"department":null})")
      << "what has a value is no nothing";
}

TEST(StatusMessages, a_wrong_event_is_refused_with_its_place_and_field) {
  EXPECT_EQ(event(R"("version":-1)"), "invalid events[1].version");
  EXPECT_EQ(event(R"("version":9007199254740992)"), "invalid events[1].version");
  EXPECT_EQ(event(R"("version":"1")"), "invalid events[1].version");
  EXPECT_EQ(event(R"("state":[1])"), "invalid events[1].state");
  EXPECT_EQ(event(R"("state":{"DataStatus":1.5})"), "invalid events[1].state.DataStatus");
  EXPECT_EQ(event(R"("state":{"DataStatus":[2]})"), "invalid events[1].state.DataStatus");
  EXPECT_EQ(event(R"("creator":7)"), "invalid events[1].creator");
  EXPECT_EQ(event(R"("creator":{"user":7})"), "invalid events[1].creator.user");
  EXPECT_EQ(event(R"("at":"yesterday")"), "invalid events[1].at");
  EXPECT_EQ(event(R"("at":5)"), "invalid events[1].at");
  EXPECT_EQ(event(R"("deleted":1)"), "invalid events[1].deleted");
  EXPECT_EQ(event(R"("amount":12.5)"), "invalid events[1].amount");
  EXPECT_EQ(event(R"("run":"x")"), "invalid events[1].run");
  EXPECT_EQ(event(R"("run":null)"), "accepted");
  EXPECT_EQ(refusal("status.publish", R"("events":[{"id":"1"}])"), "invalid events[0].type");
  EXPECT_EQ(refusal("status.publish", R"("events":[{"type":"SaleOrder"}])"), "invalid events[0].id");
  EXPECT_EQ(refusal("status.publish", R"("events":["SaleOrder:1"])"), "invalid events[0]");
  EXPECT_EQ(refusal("status.publish", R"("events":[7])"), "invalid events[0]");
  EXPECT_EQ(refusal("status.publish", R"("events":{})"), "invalid events");
  EXPECT_EQ(refusal("status.publish", R"("events":[])"), "invalid events");
  EXPECT_EQ(refusal("status.publish", ""), "invalid events");
  EXPECT_EQ(refusal("status.publish", R"("batch_id":")" + std::string(65, 'b') + R"(","events":[])"),
            "too_large batch_id");
}

TEST(StatusMessages, a_batch_has_so_many_events_and_no_more) {
  ParseLimits limits;
  limits.events_max = 2;
  const std::string one = R"({"type":"SaleOrder","id":"1"})";
  const auto of = [&](const std::string& list) {
    const auto fields = parse_fields(Op::status_publish, R"({"events":[)" + list + "]}", limits);
    return fields ? std::string("accepted") : std::string(code_name(fields.error().code)) + " " + fields.error().field;
  };
  EXPECT_EQ(of(one + "," + one), "accepted");
  EXPECT_EQ(of(one + "," + one + "," + one), "too_large events");
  EXPECT_EQ(ParseLimits{}.events_max, StatusLimits{}.events_per_batch_max);
}

TEST(StatusMessages, a_resync_does_one_thing_at_a_time) {
  const std::string resync = R"("resync":")" + kId + "\"";
  const std::string page = R"("events":[{"type":"SaleOrder","id":"1"}])";
  EXPECT_EQ(refusal("status.resync", ""), "invalid type");
  EXPECT_EQ(refusal("status.resync", R"("type":"SaleOrder")"), "accepted");
  EXPECT_EQ(refusal("status.resync", R"("type":"SaleOrder","commit":true)"), "invalid resync");
  EXPECT_EQ(refusal("status.resync", page), "invalid resync");
  EXPECT_EQ(refusal("status.resync", resync), "invalid events");
  EXPECT_EQ(refusal("status.resync", resync + R"(,"commit":true,"drop":true)"), "invalid events");
  EXPECT_EQ(refusal("status.resync", resync + ",\"commit\":true," + page), "invalid events");
  EXPECT_EQ(refusal("status.resync", resync + "," + page), "accepted");
  EXPECT_EQ(refusal("status.resync", resync + R"(,"events":[{"run":")" + kId + R"(","type":"SaleOrder","id":"1"}])"),
            "invalid events[0].run");
  EXPECT_EQ(refusal("status.resync", R"("resync":"x")"), "invalid resync");
}

TEST(StatusMessages, a_wrong_subscription_is_refused_with_its_field) {
  EXPECT_EQ(refusal("todo.subscribe", R"("rows":"some")"), "invalid rows");
  EXPECT_EQ(refusal("todo.subscribe", R"("types":"SaleOrder")"), "invalid types");
  EXPECT_EQ(refusal("todo.subscribe", R"("types":[1])"), "invalid types");
  EXPECT_EQ(refusal("todo.subscribe", R"("types":[""])"), "invalid types");
  EXPECT_EQ(refusal("todo.subscribe", R"("open":[")" + std::string(402, 'x') + "\"]"), "too_large open");
  EXPECT_EQ(refusal("todo.subscribe", R"("cursor":")" + std::string(1024, 'x') + "\""), "accepted");
  EXPECT_EQ(refusal("todo.subscribe", R"("cursor":")" + std::string(1025, 'x') + "\""), "too_large cursor");
  EXPECT_EQ(refusal("todo.page", R"("type":"SaleOrder")"), "invalid group");
  EXPECT_EQ(refusal("todo.page", R"("type":"SaleOrder","group":"g","next":"x")"), "invalid next");
  EXPECT_EQ(refusal("todo.page", R"("type":"SaleOrder","group":"g","limit":0)"), "invalid limit");
  EXPECT_EQ(refusal("status.get", R"("type":"SaleOrder")"), "invalid bill");
  EXPECT_EQ(refusal("status.history", R"("bill":"1")"), "invalid type");
  EXPECT_EQ(refusal("notice.read", ""), "invalid notices");
  EXPECT_EQ(refusal("notice.read", R"("notices":["1"])"), "invalid notices");
  EXPECT_EQ(refusal("notice.list", R"("next":7)"), "invalid next");
  std::string types = R"("types":["a")";
  for (int i = 0; i < 1000; ++i) types += ",\"a\"";
  EXPECT_EQ(refusal("todo.subscribe", types + "]"), "too_large types");
}

TEST(StatusMessages, a_batch_that_says_something_else_has_another_fingerprint) {
  const auto print = [](const std::string& batch, const StatusEvent& e) {
    return fingerprint_of(Fields(Publish{{.request_id = batch}, {e}}));
  };
  StatusEvent other = whole_event();
  other.state[0].value = std::int64_t{3};
  EXPECT_EQ(print("a", whole_event()), print("b", whole_event())) << "the batch id is not what it says";
  EXPECT_NE(print("a", whole_event()), print("a", other));
}

}  // namespace
}  // namespace hf
