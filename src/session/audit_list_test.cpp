// The audit trail lies on a disk, so its questions are answered later. If these fail, who asks is answered twice or
// never, or one user keeps the disk from all others.

#include "session/hub_fixture_test.h"

namespace hf::test {
namespace {

class HubAudit : public HubTest {
 protected:
  HubAudit() { audit.late = true; }
  static constexpr std::string_view question = R"({"id":1,"op":"audit.list"})";
};

TEST_F(HubAudit, the_answer_comes_later_and_others_are_answered_meanwhile) {
  start();
  const ConnectionId c = greet(token("li"));
  tell(c, R"({"id":1,"op":"audit.list","user":"wang","next":"4.0"})");
  ASSERT_EQ(audit.asked.size(), 1U);
  EXPECT_EQ(audit.asked[0].question.next, "4.0");
  EXPECT_EQ(text(ask(c, R"({"id":2,"op":"stats.get"})"), "id"), "2") << "its own connection, too";
  audit.answer(now);
  EXPECT_EQ(text(last(c), "id"), "1");
  EXPECT_EQ(text(last(c), "ok.next"), "17");
}

TEST_F(HubAudit, over_http_too) {
  start();
  const ExchangeId e = send(request("GET", "/v1/audit", token("li")));
  answer_of(e);
  EXPECT_EQ(status, -1);
  audit.answer(now);
  EXPECT_EQ(text(answer_of(e), "entries.0.action"), "acquire");
  EXPECT_EQ(status, 200);
}

TEST_F(HubAudit, one_question_of_a_user_is_on_its_way_whatever_his_connections) {
  start();
  const ConnectionId c = greet(token("li"));
  tell(c, question);
  const auto second = ask(greet(token("li")), question);
  EXPECT_EQ(text(second, "error.code"), "too_many");
  EXPECT_EQ(text(second, "error.retry_after_ms"), "1000");
  http("GET", "/v1/audit", token("li"));
  EXPECT_EQ(status, 429);
  EXPECT_EQ(header("Retry-After"), "1");
  tell(greet(token("wang")), question);
  ASSERT_EQ(audit.asked.size(), 2U) << "another user has one of his own";
  audit.answer(now);
  tell(c, question);
  EXPECT_EQ(audit.asked.size(), 2U) << "answered: he may ask again";
}

// A user's allowance is forgotten when it is full again: his question on its way must not be.
TEST_F(HubAudit, a_question_that_takes_long_still_counts) {
  start();
  const ConnectionId c = greet(token("li"));
  tell(c, question);
  pass(Millis(5'000));
  EXPECT_EQ(text(ask(c, question), "error.code"), "too_many");
}

TEST_F(HubAudit, a_question_that_is_not_taken_is_refused_at_once) {
  start();
  const ConnectionId c = greet(token("li"));
  audit.refusal = Error{Code::too_many, "Later.", {}};
  EXPECT_EQ(text(ask(c, question), "error.code"), "too_many");
  EXPECT_EQ(text(last(c), "error.retry_after_ms"), "1000");
  audit.refusal = Error{Code::invalid, "No.", "since"};
  EXPECT_EQ(text(ask(c, question), "error.field"), "since");
  audit.refusal.reset();
  tell(c, question);
  EXPECT_EQ(audit.asked.size(), 1U) << "what was refused is not on its way";
}

TEST_F(HubAudit, who_has_gone_has_his_question_cancelled_and_is_not_told) {
  start();
  const ConnectionId c = greet(token("li"));
  tell(c, question);
  const ExchangeId e = send(request("GET", "/v1/audit", token("wang")));
  hub->disconnected(c, now);
  hub->http_gone(e, now);
  ASSERT_EQ(audit.cancelled, (std::vector<Ticket>{audit.asked[0].ticket, audit.asked[1].ticket}));
  const std::size_t said = transport.sent[c].size();
  // Else he had as much read at a time as he opens connections.
  EXPECT_EQ(text(ask(greet(token("li")), question), "error.code"), "too_many");
  audit.answer(now);
  audit.answer(now);
  EXPECT_EQ(transport.sent[c].size(), said);
  EXPECT_FALSE(transport.responses.contains(e));
  tell(greet(token("li")), question);
  EXPECT_EQ(audit.asked.size(), 1U);
}

TEST_F(HubAudit, who_takes_leave_is_answered_first) {
  start();
  const ConnectionId c = greet(token("li"));
  tell(c, question);
  hub->leaving(c, now);
  EXPECT_FALSE(transport.closed.contains(c));
  audit.answer(now);
  EXPECT_EQ(text(last(c), "ok.next"), "17");
  EXPECT_TRUE(transport.closed.contains(c));
}

TEST_F(HubAudit, a_node_that_drains_waits_for_the_answer) {
  start();
  const ExchangeId e = send(request("GET", "/v1/audit", token("li")));
  hub->drain(Millis(100), now);
  EXPECT_FALSE(hub->idle());
  audit.answer(now);
  answer_of(e);
  EXPECT_EQ(status, 200);
  EXPECT_TRUE(hub->idle());
}

TEST_F(HubAudit, an_engine_that_fails_answers_what_is_on_its_way_and_a_late_answer_finds_nobody) {
  start();
  const ConnectionId c = greet(token("li"));
  tell(c, question);
  hub->on_failed("the disk is gone");
  EXPECT_EQ(text(last(c), "error.code"), "unknown_outcome");
  const std::size_t said = transport.sent[c].size();
  audit.answer(now);
  EXPECT_EQ(transport.sent[c].size(), said);
}

TEST_F(HubAudit, an_answer_to_who_reads_nothing_is_a_refusal) {
  start();
  const ConnectionId c = greet(token("li"));
  tell(c, question);
  transport.backlog[c] = options.unread_per_connection_max + 1;
  audit.answer(now);
  EXPECT_EQ(text(last(c), "error.code"), "too_many");
}

TEST_F(HubAudit, a_node_without_a_trail_says_so) {
  options.audit = nullptr;
  start();
  EXPECT_EQ(text(ask(greet(token("li")), question), "error.code"), "unavailable");
}

}  // namespace
}  // namespace hf::test
