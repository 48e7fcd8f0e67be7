// What one person may have of a node, however many sockets he opens. Without these limits one of them, or a program
// that reads nothing, takes the memory and the time of all.

#include <boost/json.hpp>

#include "session/hub_fixture_test.h"

namespace hf::test {
namespace {

class HubLimits : public HubTest {};

TEST_F(HubLimits, requests_a_second_are_counted_over_all_sockets_and_http_of_a_person) {
  options.requests_per_second_max = 10;
  start();
  const ConnectionId first = greet(token("li"));
  const ConnectionId second = greet(token("li"));  // two hellos are two of ten
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(text(ask(first, R"({"id":1,"op":"session.list"})"), "error"), "");
    EXPECT_EQ(text(ask(second, R"({"id":1,"op":"session.list"})"), "error"), "");
  }
  EXPECT_EQ(text(ask(first, R"({"id":2,"op":"session.list"})"), "error.code"), "too_many");
  EXPECT_EQ(text(ask(second, R"({"id":2,"op":"session.list"})"), "error.code"), "too_many");
  http("GET", "/v1/sessions", token("li"));
  EXPECT_EQ(status, 429);
  EXPECT_EQ(text(hello(connect(), token("li")), "error.code"), "too_many") << "one more socket is no way round it";
  const ConnectionId other = greet(token("wang"));
  EXPECT_EQ(text(ask(other, R"({"id":1,"op":"session.list"})"), "error"), "");
}

TEST_F(HubLimits, what_cannot_be_read_as_a_request_counts_as_one) {
  options.requests_per_second_max = 3;
  start();
  const ConnectionId c = greet(token("li"));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(text(ask(c, R"({"id":1,"op":"lock.get","lock":7})"), "error.code"), "invalid");
  EXPECT_EQ(text(ask(c, R"({"id":1,"op":"lock.get","lock":7})"), "error.code"), "too_many");
}

TEST_F(HubLimits, one_connection_of_a_person_too_many_is_told_and_closed_4004) {
  transport.connections_per_user_max = 2;
  start();
  const ConnectionId first = greet(token("li"));
  greet(token("li"));
  const ConnectionId third = connect();
  EXPECT_EQ(text(hello(third, token("li")), "error.code"), "too_many");
  EXPECT_EQ(transport.closed[third].first, 4004);
  WebSocketOpened opened;
  opened.authorization = "Bearer " + token("li");
  const ConnectionId fourth = connect(opened);
  EXPECT_EQ(transport.closed[fourth].first, 4004) << "the handshake's token counts, too";
  HttpRequest r = request("GET", "/v1/sessions", token("li"));
  r.connection = 77;
  EXPECT_EQ(text(http(r), "code"), "too_many");
  EXPECT_EQ(status, 429);
  EXPECT_NE(header("Retry-After"), "");
  greet(token("wang"));
  hub->disconnected(first, now);
  transport.owners.erase(first);
  http(r);
  EXPECT_EQ(status, 200);
}

TEST_F(HubLimits, streams_of_a_person_have_a_limit_and_ended_ones_do_not_count) {
  options.streams_per_user_max = 2;
  start();
  const std::string li = token("li");
  const ExchangeId one = send(request("GET", "/v1/watch?targets=SaleOrder:1", li));
  const ExchangeId two = send(request("GET", "/v1/watch?targets=SaleOrder:2", li));
  EXPECT_TRUE(transport.streams.contains(one) && transport.streams.contains(two));
  EXPECT_EQ(text(http("GET", "/v1/watch?targets=SaleOrder:3", li), "code"), "too_many");
  EXPECT_EQ(status, 429);
  EXPECT_TRUE(transport.streams.contains(send(request("GET", "/v1/watch?targets=SaleOrder:1", token("wang")))));
  hub->http_gone(one, now);
  EXPECT_TRUE(transport.streams.contains(send(request("GET", "/v1/watch?targets=SaleOrder:3", li))));
}

TEST_F(HubLimits, who_reads_nothing_is_heard_no_more_until_he_reads) {
  options.unread_per_connection_max = 1000;
  start();
  const ConnectionId c = greet(token("li"));
  transport.backlog[c] = 1001;
  EXPECT_EQ(text(ask(c, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})"), "error.code"), "too_many");
  EXPECT_EQ(text(last(c), "error.retry_after_ms"), "100");
  transport.backlog[c] = 1000;
  EXPECT_EQ(text(ask(c, R"({"id":2,"op":"lock.acquire","targets":["SaleOrder:1"]})"), "error"), "")
      << "it was not carried out before";
}

TEST_F(HubLimits, what_all_connections_of_a_person_leave_unread_counts_together) {
  options.unread_per_user_max = 1000;
  start();
  const ConnectionId first = greet(token("li"));
  const ConnectionId second = greet(token("li"));
  transport.backlog[first] = 600;
  transport.backlog[second] = 401;
  EXPECT_EQ(text(ask(greet(token("wang")), R"({"id":1,"op":"session.list"})"), "error"), "");
  http("GET", "/v1/sessions", token("li"));
  EXPECT_EQ(status, 429);
  EXPECT_EQ(text(ask(first, R"({"id":1,"op":"session.list"})"), "error.code"), "too_many");
  transport.backlog[second] = 400;
  http("GET", "/v1/sessions", token("li"));
  EXPECT_EQ(status, 200);
}

// Sixty-four questions may be on their way before the first answer is unread.
TEST_F(HubLimits, of_questions_on_their_way_those_beyond_the_limit_are_refused_and_commands_are_told) {
  options.unread_per_connection_max = 1000;
  start();
  const ConnectionId c = greet(token("li"));
  tell(c, R"({"id":1,"op":"lock.list"})");
  tell(c, R"({"id":2,"op":"lock.acquire","targets":["SaleOrder:1"]})");
  tell(c, R"({"id":3,"op":"watch","targets":["SaleOrder:1"]})");
  tell(c, R"({"id":4,"op":"notice.list"})");
  transport.backlog[c] = 5000;
  engine.pump();
  std::map<std::string, std::string> answers;
  for (const std::string& one : transport.sent[c]) {
    const auto said = boost::json::parse(one);
    answers[text(said, "id")] = text(said, "error.code");
  }
  EXPECT_EQ(answers["1"], "too_many");
  EXPECT_EQ(answers["2"], "") << "it is done: he is told";
  EXPECT_EQ(answers["3"], "too_many");
  EXPECT_EQ(answers["4"], "too_many");
}

// ---------------------------------------------------------------------------------------------- traces

TEST_F(HubLimits, a_refusal_by_either_face_is_counted_once) {
  start();
  http("GET", "/v1/nothing", token("li"));
  http("PUT", "/v1/locks", token("li"));
  http("GET", "/v1/sessions");
  http("GET", "/v1/locks/x", token("li"));
  http("POST", "/v1/locks/check", token("li", {}), R"({"targets":["SaleOrder:1"]})");
  const std::string session = open_session(token("li"));
  http("GET", "/v1/sessions/" + session, token("wang"));
  EXPECT_EQ(transport.refusals,
            (std::map<Code, int>{
                {Code::not_found, 1}, {Code::invalid, 2}, {Code::unauthenticated, 1}, {Code::forbidden, 2}}));
  transport.refusals.clear();
  const ConnectionId c = greet(token("li"));
  const ConnectionId other = greet(token("wang"));
  ask(other, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})");
  ask(c, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})");
  ask(c, R"({"id":2,"op":"lock.get","lock":"00000000000000000000000001"})");
  ask(c, R"({"id":3,"op":"status.get","type":"SaleOrder","bill":"1"})");
  ask(c, R"({"id":4,"op":"lock.get"})");
  ask(c, R"({"id":5,"op":"lock.force","lock":"00000000000000000000000001","reason":"why"})");
  ask(connect(), R"({"op":"session.list"})");
  EXPECT_EQ(transport.refusals,
            (std::map<Code, int>{{Code::locked, 1}, {Code::not_found, 2}, {Code::invalid, 2}, {Code::forbidden, 1}}));
}

TEST_F(HubLimits, a_sign_in_that_fails_leaves_its_reason_and_a_good_one_nothing) {
  start();
  const auto by_http = [&](const std::string& authorization) {
    HttpRequest r = request("GET", "/v1/sessions");
    r.authorization = authorization;
    r.connection = 9;
    http(r);
  };
  by_http("");
  by_http("Bearer nonsense");
  by_http("Bearer " + token("li").substr(0, token("li").size() - 4) + "AAAA");
  by_http("Bearer " + sign_hs256(Identity{.user = "li"}, "another", key_secret, now.wall, Millis(60'000), ""));
  by_http("Bearer " +
          sign_hs256(Identity{.user = "li"}, kid, key_secret, now.wall - Millis(600'000), Millis(1000), ""));
  by_http("Bearer " + token("li", {}, "nowhere"));
  http("POST", "/v1/login", "", R"({"code":"00000000000000000000000001"})");
  HttpRequest foreign = request("GET", "/v1/sessions");
  foreign.cookie = "holdfast=" + token("li");
  foreign.origin = "http://evil.example";
  http(foreign);
  const ConnectionId c = connect();
  hello(c, "nonsense");
  const ConnectionId li = greet(token("li"));
  ask(li, R"({"id":1,"op":"auth","token":")" + token("wang") + "\"}");
  by_http("Bearer " + token("li"));
  using Failed = std::pair<ConnectionId, SignInFailure>;
  EXPECT_EQ(transport.sign_ins_failed, (std::vector<Failed>{{9, SignInFailure::missing},
                                                            {9, SignInFailure::malformed},
                                                            {9, SignInFailure::bad_signature},
                                                            {9, SignInFailure::unknown_key},
                                                            {9, SignInFailure::expired},
                                                            {9, SignInFailure::forbidden_namespace},
                                                            {0, SignInFailure::wrong_code},
                                                            {0, SignInFailure::foreign_page},
                                                            {c, SignInFailure::malformed},
                                                            {li, SignInFailure::other_user}}));
}

}  // namespace
}  // namespace hf::test
