// What clients of every language build on: the exact shape of answers and pushes. And what a reader may not
// see must not be in the bytes.

#include "wire/answers.h"

#include <gtest/gtest.h>

#include "model/audit_entry.h"
#include "wire/said_writer.h"

namespace hf {
namespace {

const LockId kLock = *LockId::parse("0000000000000000000000000a");
const SessionId kSession = *SessionId::parse("0000000000000000000000000b");
const Wall kNoon = wall_us(1'709'208'000'000'000);

Target target(std::string_view text) { return *Target::parse(text); }

Grant grant() {
  Grant g;
  g.lock = kLock;
  g.token = 17;
  g.targets = {HeldTarget{target("SaleOrder:1001"), 17}, HeldTarget{target("SaleOut:7"), 12}};
  g.session = kSession;
  g.user = "li";
  g.user_name = "李四";
  g.client = ClientInfo{"erp", "pc7", ""};
  g.label = "XS-1001";
  g.reason = "secret plan";
  g.acquired_at = kNoon;
  g.expires_at = kNoon + Millis(30'000);
  return g;
}

Conflict conflict() {
  const Grant g = grant();
  Conflict c;
  c.target = target("SaleOrder:1001");
  c.lock = g.lock;
  c.label = g.label;
  c.user = g.user;
  c.user_name = g.user_name;
  c.client = g.client;
  c.session = g.session;
  c.since = g.acquired_at;
  c.last_activity_at = g.acquired_at;
  c.expires_at = g.expires_at;
  c.reason = g.reason;
  c.queue = 2;
  return c;
}

View all_rights() {
  View view;
  view.allowed = [](std::string_view, std::string_view) { return true; };
  return view;
}

std::string answer(Op op, const LockOutcome& outcome, Face face = Face::websocket) {
  std::string out;
  View view;
  view.face = face;
  append_outcome(out, op, outcome, view);
  return out;
}

TEST(Answers, a_grant_has_the_contract_s_members_and_no_empty_ones) {
  std::string out;
  append_said(out, grant());
  EXPECT_EQ(
      out,
      R"({"lock":"0000000000000000000000000a","token":17,"targets":["SaleOrder:1001","SaleOut:7"],"tokens":{"SaleOut:7":12},)"
      R"("mode":"exclusive","kind":"edit","session":"0000000000000000000000000b","user":"li","user_name":"李四",)"
      R"("client":{"program":"erp","host":"pc7"},"label":"XS-1001","reason":"secret plan",)"
      R"("acquired_at":"2024-02-29T12:00:00.000Z","expires_at":"2024-02-29T12:00:30.000Z","holds":1})");
}

TEST(Answers, a_conflict_has_the_contract_s_members) {
  std::string out;
  append_said(out, conflict(), all_rights());
  EXPECT_EQ(
      out,
      R"({"target":"SaleOrder:1001","lock":"0000000000000000000000000a","mode":"exclusive","label":"XS-1001","holder":{"user":"li",)"
      R"("name":"李四","client":{"program":"erp","host":"pc7"},"session":"0000000000000000000000000b",)"
      R"("since":"2024-02-29T12:00:00.000Z","last_activity_at":"2024-02-29T12:00:00.000Z",)"
      R"("expires_at":"2024-02-29T12:00:30.000Z","kind":"edit","reason":"secret plan"},"same_user":false,"queue":2,)"
      R"("may":["read_only","notify","wait","request","force"]})");
  Conflict waiting = conflict();
  waiting.waiting = true;
  waiting.position = 3;
  out.clear();
  append_said(out, waiting);
  EXPECT_EQ(
      out,
      R"({"target":"SaleOrder:1001","lock":"0000000000000000000000000a","mode":"exclusive","label":"XS-1001","waiting":{"user":"li",)"
      R"("name":"李四","since":"2024-02-29T12:00:00.000Z","position":3},"same_user":false,"queue":2,)"
      R"("may":["read_only","notify"]})");
}

TEST(Answers, what_one_may_do_goes_by_rights_on_the_type_and_by_what_is_in_the_way) {
  const auto may = [](auto change, const View& view) {
    Conflict c = conflict();
    change(c);
    return may_of(c, view);
  };
  const auto as_is = [](Conflict&) {};
  const May told = may_read_only | may_notify;
  EXPECT_EQ(may(as_is, View{}), told);
  EXPECT_EQ(may(as_is, all_rights()), told | may_wait | may_request | may_force);
  EXPECT_EQ(may([](Conflict& c) { c.same_user = true; }, all_rights()),
            told | may_wait | may_request | may_transfer | may_force);
  EXPECT_EQ(may([](Conflict& c) { c.waiting = true; }, all_rights()), told | may_wait);
  EXPECT_EQ(may([](Conflict& c) { c.kind = Kind::hold; }, all_rights()), told | may_wait | may_force);
  View edit_other;
  edit_other.allowed = [](std::string_view right, std::string_view type) {
    return right == "lock.edit" && type == "SaleOut";
  };
  EXPECT_EQ(may(as_is, edit_other), told);
}

TEST(Answers, with_names_hidden_nothing_that_tells_who_is_in_the_bytes_but_one_s_own) {
  View hidden = all_rights();
  hidden.hide_names = true;
  hidden.user = "wu";
  const auto secretive = [](const std::string& out) {
    for (const char* clue : {"\"li\"", "李四", "pc7", "erp", "secret plan", "0000000000000000000000000b"}) {
      EXPECT_EQ(out.find(clue), std::string::npos) << clue << " in " << out;
    }
  };
  std::string out;
  append_said(out, grant(), hidden);
  secretive(out);
  EXPECT_NE(out.find(R"("session":null,"user":null,"user_name":null,"client":null,)"), std::string::npos) << out;
  out.clear();
  append_said(out, conflict(), hidden);
  secretive(out);
  Refusal refusal;
  refusal.code = Code::locked;
  refusal.conflicts = {conflict()};
  refusal.ended = EndedInfo{EndReason::forced, kNoon, "li"};
  secretive(encode_problem(refusal, hidden));
  out.clear();
  ASSERT_TRUE(encode_event(out, TargetChanged{target("SaleOrder:1001"), grant()}, hidden));
  secretive(out);
  AskInfo ask;
  ask.wait.wait = kLock;
  ask.wait.session = kSession;
  ask.wait.user = "li";
  ask.wait.user_name = "李四";
  ask.message = "secret plan";
  out.clear();
  append_said(out, ask, hidden);
  secretive(out);
  AskInfo own;
  own.wait.user = "wu";
  own.message = "mine";
  own.answer_reason = "secret plan";  // the holder's words
  out.clear();
  append_said(out, own, hidden);
  secretive(out);
  EXPECT_NE(out.find(R"("message":"mine")"), std::string::npos) << out;
  LockLost lost;
  lost.session = SessionId{Id128{1, 1}};
  lost.by_user = "li";
  lost.by_name = "李四";
  lost.note = "secret plan";
  out.clear();
  ASSERT_TRUE(encode_event(out, lost, hidden));
  secretive(out);
  LockAnswered answered;
  answered.session = SessionId{Id128{1, 1}};
  answered.by_user = "li";
  answered.reason = "secret plan";
  out.clear();
  ASSERT_TRUE(encode_event(out, answered, hidden));
  secretive(out);
  SessionSnapshot session;
  session.session = SessionId{Id128{1, 1}};
  session.user = "li";
  session.client = ClientInfo{"erp", "pc7", ""};
  session.locks = {grant()};
  out.clear();
  append_said(out, session, hidden);
  secretive(out);

  hidden.user = "li";
  out.clear();
  append_said(out, grant(), hidden);
  EXPECT_NE(out.find("李四"), std::string::npos) << "one's own";
}

TEST(Answers, answers_have_the_shape_of_the_protocol_s_table) {
  EXPECT_EQ(answer(Op::lock_release, Released{.released = true, .holds = 0}), R"({"released":true,"holds":0})");
  EXPECT_EQ(answer(Op::lock_release, Released{.already = true}), R"({"already_released":true})");
  EXPECT_EQ(answer(Op::lock_acquire, Queued{kLock, 2}),
            R"({"queued":{"wait":"0000000000000000000000000a","position":2}})");
  EXPECT_EQ(answer(Op::lock_acquire, Queued{kLock, 2}, Face::http),
            R"({"wait":"0000000000000000000000000a","position":2})");
  EXPECT_EQ(answer(Op::lock_request, Queued{kLock, 2}),
            R"({"request":"0000000000000000000000000a","wait":"0000000000000000000000000a","position":2})");
  EXPECT_EQ(answer(Op::session_heartbeat, Renewed{kNoon, 9, {kLock}}),
            R"({"expires_at":"2024-02-29T12:00:00.000Z","seq":9,"locks":["0000000000000000000000000a"]})");
  const HeldTarget bill{*Target::parse("SaleOrder:1"), 7};
  const HeldTarget line{*Target::parse("SaleOrder:2/SaleOrderDetail/1"), 9};
  EXPECT_EQ(answer(Op::lock_verify, Verified{true, Millis(5000), "", {bill}}),
            R"({"valid":true,"valid_for_ms":5000,"token":7,"tokens":{"SaleOrder:1":7}})");
  EXPECT_EQ(answer(Op::lock_verify, Verified{true, Millis(5000), "", {bill, line}}),
            R"({"valid":true,"valid_for_ms":5000,"tokens":{"SaleOrder:1":7,"SaleOrder:2/SaleOrderDetail/1":9}})");
  EXPECT_EQ(answer(Op::lock_verify, Verified{false, Millis(0), "lock_gone", {}}),
            R"({"valid":false,"why":"lock_gone"})");
  EXPECT_EQ(answer(Op::session_end, SessionClosed{3}), R"({"released":3})");
  EXPECT_EQ(answer(Op::lock_force, Done{}), "{}");
  EXPECT_EQ(answer(Op::lock_list, LockList{{}, 0}), R"({"locks":[]})");
  EXPECT_EQ(answer(Op::lock_list, LockList{{}, 77}), R"({"locks":[],"next":"77"})");
  EXPECT_EQ(answer(Op::request_list, AskList{{}, 77}), R"({"requests":[],"next":"77"})");
  std::string opened;
  append_outcome(opened, Op::session_open, SessionOpened{kSession, Millis(30'000), kNoon, 0}, {}, Secret{Id128{0, 12}});
  EXPECT_EQ(opened, R"({"session":"0000000000000000000000000b","secret":"0000000000000000000000000c","lease_ms":30000,)"
                    R"("expires_at":"2024-02-29T12:00:00.000Z","seq":0})");
  const std::string granted = answer(Op::lock_acquire, Granted{grant(), true, {{"SaleOrder:1001", std::nullopt}}});
  EXPECT_TRUE(granted.ends_with(R"("holds":1,"again":true,"versions":{"SaleOrder:1001":null}})")) << granted;
}

TEST(Answers, each_answer_has_its_http_status) {
  EXPECT_EQ(http_status_of(Op::session_open, SessionOpened{}), 201);
  EXPECT_EQ(http_status_of(Op::lock_acquire, Granted{}), 201);
  EXPECT_EQ(http_status_of(Op::lock_acquire, Queued{}), 202);
  EXPECT_EQ(http_status_of(Op::lock_request, Queued{}), 201);
  EXPECT_EQ(http_status_of(Op::lock_transfer, Granted{}), 200);
  EXPECT_EQ(http_status_of(Op::lock_release, Released{}), 200);
  Refusal refusal;
  refusal.code = Code::locked;
  EXPECT_EQ(http_status_of(Op::lock_acquire, refusal), 423);
}

TEST(Answers, a_problem_says_the_same_by_http_and_by_websocket_in_the_reader_s_language) {
  Refusal refusal;
  refusal.code = Code::too_many;
  refusal.detail = "Twenty sessions are open.";
  refusal.retry_after = Millis(1500);
  EXPECT_EQ(
      encode_problem(refusal),
      R"({"type":"urn:holdfast:problem:too_many","code":"too_many","title":"A limit is reached: wait, then repeat.",)"
      R"("status":429,"detail":"Twenty sessions are open.","retry_after_ms":1500})");
  std::string out;
  View zh;
  zh.language = Language::zh;
  encode_error(out, MessageId(std::string("a")), refusal, zh);
  EXPECT_EQ(
      out,
      R"({"id":"a","error":{"code":"too_many","title":"已达上限，请稍后再试。","detail":"Twenty sessions are open.","retry_after_ms":1500}})");
  out.clear();
  encode_error(out, MessageId(), Error{Code::invalid, "No.", "op"});
  EXPECT_TRUE(out.starts_with(R"({"id":null,"error":{"code":"invalid",)")) << out;
  EXPECT_TRUE(out.ends_with(R"("detail":"No.","field":"op"}})")) << out;
  Refusal locked;
  locked.code = Code::locked;
  locked.deadlock = true;
  locked.conflicts_total = 30;
  EXPECT_TRUE(encode_problem(locked).ends_with(R"("status":423,"deadlock":true,"conflicts_total":30,"conflicts":[]})"));
}

TEST(Answers, the_language_is_the_one_that_the_header_prefers) {
  EXPECT_EQ(language_of(""), Language::en);
  EXPECT_EQ(language_of("zh-CN,zh;q=0.9,en;q=0.8"), Language::zh);
  EXPECT_EQ(language_of("en-US,en;q=0.9,zh;q=0.8"), Language::en);
  EXPECT_EQ(language_of("de, en;q=0.3, zh-TW;q=0.7"), Language::zh);
  EXPECT_EQ(language_of("zh;q=0"), Language::en);
  EXPECT_EQ(language_of("zh;q=x,,;,"), Language::en);
  EXPECT_EQ(language_of("fr"), Language::en);
}

TEST(Answers, a_clock_alarm_is_told_to_no_client) {
  std::string out = "x";
  EXPECT_FALSE(encode_event(out, ClockAlarm{"jumped"}));
  EXPECT_EQ(out, "x");
}

TEST(Answers, an_audit_line_has_what_happened_and_no_empty_members) {
  AuditEntry entry;
  entry.at = kNoon;
  entry.action = "force";
  entry.user = "boss";
  entry.lock = kLock;
  entry.targets = {"SaleOrder:1001"};
  std::string out;
  append_said(out, entry);
  EXPECT_EQ(
      out,
      R"({"at":"2024-02-29T12:00:00.000Z","action":"force","user":"boss","lock":"0000000000000000000000000a","targets":["SaleOrder:1001"]})");
}

}  // namespace
}  // namespace hf
