// HTTP's own rules: identity without a connection, waiting with an open response, streams, signing in. If one were
// false, a crashed client would block a bill, or a page of another site could act as the signed-in user.
#include "session/http_routes.h"
#include "session/hub_fixture_test.h"

namespace hf::test {
namespace {

class HubHttp : public HubTest {
 protected:
  std::string acquire_body(const std::string& session, const std::string& target, const std::string& more = "") {
    return R"({"session":")" + session + R"(","targets":[")" + target + "\"]" + more + "}";
  }
};

TEST_F(HubHttp, a_lock_lives_from_201_to_its_release) {
  start();
  const std::string li = token("li");
  const std::string session = open_session(li);
  const auto granted = http("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1001"));
  EXPECT_EQ(status, 201);
  const std::string lock = text(granted, "lock");
  EXPECT_EQ(text(http("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1001")), "again"), "true");
  EXPECT_EQ(text(http("GET", "/v1/locks/" + lock, li), "holds"), "2");
  EXPECT_EQ(text(http("GET", "/v1/locks?type=SaleOrder&limit=10", li), "locks.0.lock"), lock);
  EXPECT_EQ(text(http("DELETE", "/v1/locks/" + lock + "?session=" + session + "&holds=2", li), "holds"), "1");
  EXPECT_EQ(text(http("DELETE", "/v1/locks/" + lock + "?session=" + session + "&all=true", li), "released"), "true");
  EXPECT_EQ(text(http("DELETE", "/v1/locks/" + lock + "?session=" + session, li), "already_released"), "true");
  EXPECT_EQ(status, 200);
}

// A proxy that got no answer sends a DELETE once more.
TEST_F(HubHttp, a_release_that_is_repeated_on_the_way_counts_once) {
  start();
  const std::string li = token("li");
  const std::string session = open_session(li);
  const std::string lock = text(http("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1")), "lock");
  EXPECT_EQ(text(http("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1")), "holds"), "2");
  const std::string path = "/v1/locks/" + lock + "?session=" + session;
  const auto unnamed = http("DELETE", path, li);
  EXPECT_EQ(status, 400);
  EXPECT_EQ(text(unnamed, "field"), "holds");
  EXPECT_NE(text(unnamed, "detail").find("say holds=2 "), std::string::npos) << text(unnamed, "detail");
  EXPECT_EQ(text(http("DELETE", path + "&holds=2", li), "holds"), "1");
  const auto repeated = http("DELETE", path + "&holds=2", li);
  EXPECT_EQ(status, 200);
  EXPECT_EQ(text(repeated, "already_released"), "true");
  EXPECT_EQ(text(repeated, "holds"), "1");
  EXPECT_EQ(text(http("GET", "/v1/locks/" + lock, li), "holds"), "1");
  EXPECT_EQ(text(http("DELETE", path, li), "released"), "true") << "held once, nothing need be named";
  const auto gone = http("DELETE", path, li);
  EXPECT_EQ(text(gone, "already_released"), "true");
  EXPECT_EQ(text(gone, "holds"), "");
}

TEST_F(HubHttp, with_a_request_id_or_by_websocket_a_release_needs_no_count) {
  start();
  const std::string li = token("li");
  const ConnectionId c = greet(li);
  const auto acquire = [&] {
    return text(ask(c, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})"), "ok.lock");
  };
  const std::string lock = acquire();
  acquire();
  acquire();
  const std::string session = text(welcome, "session");
  HttpRequest r = request("DELETE", "/v1/locks/" + lock + "?session=" + session, li);
  r.idempotency_key = "k";
  EXPECT_EQ(text(http(r), "holds"), "2");
  EXPECT_EQ(text(http(r), "holds"), "2");
  EXPECT_EQ(text(ask(c, R"({"id":2,"op":"lock.release","lock":")" + lock + "\"}"), "ok.holds"), "1");
  const auto stale = ask(c, R"({"id":3,"op":"lock.release","holds":2,"lock":")" + lock + "\"}");
  EXPECT_EQ(text(stale, "ok.already_released"), "true");
  EXPECT_EQ(text(ask(c, R"({"id":4,"op":"lock.release","holds":1,"lock":")" + lock + "\"}"), "ok.released"), "true");
}

TEST_F(HubHttp, a_conflict_is_423_problem_json_in_the_readers_language) {
  start();
  const std::string li = token("li"), wang = token("wang");
  http("POST", "/v1/locks", li, acquire_body(open_session(li), "SaleOrder:1"));
  HttpRequest r = request("POST", "/v1/locks", wang, acquire_body(open_session(wang), "SaleOrder:1"));
  r.accept_language = "zh-CN";
  const auto refused = http(r);
  EXPECT_EQ(status, 423);
  EXPECT_EQ(content_type, "application/problem+json");
  EXPECT_EQ(text(refused, "status"), "423");
  EXPECT_EQ(text(refused, "code"), "locked");
  EXPECT_EQ(text(refused, "title"), code_sentence_zh(Code::locked));
  EXPECT_EQ(text(refused, "conflicts.0.holder.user"), "li");
}

TEST_F(HubHttp, a_person_who_asks_too_fast_is_told_for_how_long_and_nobody_else_is) {
  options.requests_per_second_max = 5;
  start();
  const std::string li = token("li");
  for (int i = 0; i < 5; ++i) {
    http("GET", "/v1/sessions", li);
    EXPECT_EQ(status, 200);
  }
  EXPECT_EQ(text(http("GET", "/v1/sessions", token("li", {"lock.view"})), "code"), "too_many") << "whatever the token";
  EXPECT_EQ(status, 429);
  EXPECT_EQ(header("Retry-After"), "1");
  http("GET", "/v1/sessions", token("wang"));
  EXPECT_EQ(status, 200);
  pass(Millis(200));
  http("GET", "/v1/sessions", li);
  EXPECT_EQ(status, 200);
  http("GET", "/v1/sessions", li);
  EXPECT_EQ(status, 429) << "a fifth of a second is one request";
}

TEST_F(HubHttp, sessions_are_opened_renewed_listed_and_ended) {
  start();
  const std::string li = token("li");
  const auto opened = http("POST", "/v1/sessions", li, R"({"client":"script","lease_ms":60000})");
  EXPECT_EQ(status, 201);
  EXPECT_EQ(text(opened, "lease_ms"), "60000");
  EXPECT_EQ(text(opened, "secret").size(), 26u);
  const std::string session = text(opened, "session");
  EXPECT_EQ(text(http("POST", "/v1/sessions/" + session + "/heartbeat", li, R"({"idle_ms":5})"), "locks"), "[]");
  EXPECT_EQ(text(http("GET", "/v1/sessions", li), "sessions.0.session"), session);
  EXPECT_EQ(text(http("GET", "/v1/sessions/" + session, li), "user"), "li");
  http("GET", "/v1/sessions/" + session, token("wang"));
  EXPECT_EQ(status, 403);
  EXPECT_EQ(text(http("DELETE", "/v1/sessions/" + session, li), "released"), "0");
  http("GET", "/v1/sessions/" + session, li);
  EXPECT_EQ(status, 401);
  http("POST", "/v1/sessions", li, R"({"lease_ms":9999})");
  EXPECT_EQ(status, 400);
  http("POST", "/v1/sessions", li, R"({"lease_ms":1800001})");
  EXPECT_EQ(status, 400);
}

TEST_F(HubHttp, a_request_without_a_good_token_is_401_with_a_challenge) {
  start();
  for (const std::string& bad : {std::string(), std::string("x"), token("li") + "x"}) {
    http("GET", "/v1/locks", bad);
    EXPECT_EQ(status, 401);
    EXPECT_EQ(header("WWW-Authenticate"), "Bearer");
  }
  HttpRequest r = request("GET", "/v1/locks");
  r.authorization = "Basic bGk6bGk=";
  http(r);
  EXPECT_EQ(status, 401);
  const std::string brief = token("li", {"lock.view"}, "default", Millis(1'000));
  http("GET", "/v1/locks", brief);
  EXPECT_EQ(status, 200);
  advance(Millis(40'000));
  http("GET", "/v1/locks", brief);
  EXPECT_EQ(status, 401) << "a remembered token expires all the same";
}

TEST_F(HubHttp, unknown_paths_are_404_and_unknown_methods_405_with_what_is_allowed) {
  start();
  http("GET", "/v1/nothing", token("li"));
  EXPECT_EQ(status, 404);
  EXPECT_EQ(content_type, "application/problem+json");
  const auto answer = http("PUT", "/v1/locks", token("li"));
  EXPECT_EQ(status, 405);
  EXPECT_EQ(header("Allow"), "POST, GET");
  EXPECT_EQ(text(answer, "status"), "405");
  EXPECT_EQ(text(answer, "detail"), "Methods of this path: POST, GET");
  HttpRequest chinese = request("PUT", "/v1/locks", token("li"), "");
  chinese.accept_language = "zh-CN";
  EXPECT_EQ(text(http(chinese), "detail"), "该路径支持的方法：POST、GET");
  http("GET", "/v1/locks/check", token("li"));
  EXPECT_EQ(status, 405);
}

TEST_F(HubHttp, malformed_bodies_and_fields_are_400_naming_the_field) {
  start();
  const std::string li = token("li");
  EXPECT_EQ(text(http("POST", "/v1/locks", li, R"({"targets":["SaleOrder:1"]})"), "field"), "session");
  EXPECT_EQ(text(http("POST", "/v1/locks", li, R"({"session":"x","targets":["SaleOrder:1"]})"), "field"), "session");
  EXPECT_EQ(text(http("GET", "/v1/locks?limit=many", li), "field"), "limit");
  EXPECT_EQ(status, 400);
  http("POST", "/v1/locks", li, "[");
  EXPECT_EQ(status, 400);
}

TEST_F(HubHttp, a_signed_in_browser_sends_json_or_nothing) {
  start();
  HttpRequest r = request("POST", "/v1/sessions", "", "{}");
  r.cookie = "holdfast=" + token("li");
  r.origin = "http://localhost:7420";
  r.content_type = "text/plain";  // what a form of any page can send
  EXPECT_EQ(text(http(r), "field"), "Content-Type");
  for (const char* json : {"application/json", "application/json; charset=utf-8", "Application/JSON ;charset=UTF-8"}) {
    r.content_type = json;
    http(r);
    EXPECT_EQ(status, 201) << json;
  }
  // A bearer token is nothing that a browser adds by itself: a script may leave its tool's default.
  r = request("POST", "/v1/sessions", token("li"), "{}");
  r.content_type = "application/x-www-form-urlencoded";
  http(r);
  EXPECT_EQ(status, 201);
}

// ---------------------------------------------------------------------------------------------- waiting

TEST_F(HubHttp, a_waiting_acquire_keeps_the_response_open_until_it_is_granted) {
  start();
  const std::string li = token("li"), wang = token("wang");
  const std::string session = open_session(li);
  const std::string lock = text(http("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1")), "lock");
  const ExchangeId waiting =
      send(request("POST", "/v1/locks", wang, acquire_body(open_session(wang), "SaleOrder:1", R"(,"wait_ms":600000)")));
  pass(Millis(5'000));
  answer_of(waiting);
  EXPECT_EQ(status, -1);
  http("DELETE", "/v1/locks/" + lock + "?session=" + session, li);
  EXPECT_EQ(text(answer_of(waiting), "user"), "wang");
  EXPECT_EQ(status, 201);
}

TEST_F(HubHttp, after_twenty_five_seconds_the_wait_is_202_and_a_repeat_goes_on_with_it) {
  start();
  const std::string li = token("li"), wang = token("wang");
  const std::string session = open_session(li);
  const std::string lock = text(http("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1")), "lock");
  HttpRequest r =
      request("POST", "/v1/locks", wang, acquire_body(open_session(wang), "SaleOrder:1", R"(,"wait_ms":600000)"));
  r.idempotency_key = "w1";
  const ExchangeId first = send(r);
  pass(Millis(24'900));
  answer_of(first);
  EXPECT_EQ(status, -1);
  pass(Millis(100));
  const auto waiting = answer_of(first);
  EXPECT_EQ(status, 202);
  EXPECT_EQ(text(waiting, "position"), "1");
  const ExchangeId second = send(r);
  answer_of(second);
  EXPECT_EQ(status, -1);
  http("DELETE", "/v1/locks/" + lock + "?session=" + session, li);
  EXPECT_EQ(text(answer_of(second), "lock"), text(waiting, "wait"));
  EXPECT_EQ(status, 201);
  EXPECT_EQ(text(http(r), "lock"), text(waiting, "wait")) << "one more repeat tells the same grant";
}

TEST_F(HubHttp, a_wait_whose_time_is_over_is_423) {
  start();
  const std::string li = token("li"), wang = token("wang");
  http("POST", "/v1/locks", li, acquire_body(open_session(li), "SaleOrder:1"));
  const ExchangeId waiting =
      send(request("POST", "/v1/locks", wang, acquire_body(open_session(wang), "SaleOrder:1", R"(,"wait_ms":2000)")));
  pass(Millis(2'300));
  EXPECT_EQ(text(answer_of(waiting), "code"), "locked");
  EXPECT_EQ(status, 423);
}

TEST_F(HubHttp, a_wait_ends_with_its_session) {
  start();
  const std::string li = token("li"), wang = token("wang");
  const std::string wang_session = open_session(wang);
  http("POST", "/v1/locks", li, acquire_body(open_session(li), "SaleOrder:1"));
  const ExchangeId waiting =
      send(request("POST", "/v1/locks", wang, acquire_body(wang_session, "SaleOrder:1", R"(,"wait_ms":600000)")));
  http("DELETE", "/v1/sessions/" + wang_session, wang);
  EXPECT_EQ(text(answer_of(waiting), "code"), "session_gone");
}

TEST_F(HubHttp, a_closed_connection_without_a_request_id_cancels_its_wait) {
  start();
  const std::string li = token("li"), wang = token("wang");
  const std::string session = open_session(li), wang_session = open_session(wang);
  http("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1"));
  const ExchangeId waiting =
      send(request("POST", "/v1/locks", wang, acquire_body(wang_session, "SaleOrder:1", R"(,"wait_ms":600000)")));
  EXPECT_EQ(http("GET", "/v1/sessions/" + wang_session, wang).at("waits").as_array().size(), 1u);
  hub->http_gone(waiting, now);
  engine.pump();
  EXPECT_EQ(http("GET", "/v1/sessions/" + wang_session, wang).at("waits").as_array().size(), 0u);
}

TEST_F(HubHttp, a_closed_connection_with_a_request_id_keeps_its_wait) {
  start();
  const std::string li = token("li"), wang = token("wang");
  const std::string wang_session = open_session(wang);
  http("POST", "/v1/locks", li, acquire_body(open_session(li), "SaleOrder:1"));
  const ExchangeId waiting = send(request(
      "POST", "/v1/locks", wang, acquire_body(wang_session, "SaleOrder:1", R"(,"wait_ms":600000,"request_id":"w")")));
  hub->http_gone(waiting, now);
  engine.pump();
  EXPECT_EQ(http("GET", "/v1/sessions/" + wang_session, wang).at("waits").as_array().size(), 1u);
}

TEST_F(HubHttp, a_grant_that_could_not_be_delivered_is_released) {
  start();
  const std::string li = token("li");
  const std::string session = open_session(li);
  hub->http(++exchanges, request("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1")), now);
  hub->http_gone(exchanges, now);  // before the engine has decided
  engine.pump();
  EXPECT_FALSE(transport.responses.contains(exchanges));
  EXPECT_EQ(http("GET", "/v1/sessions/" + session, li).at("locks").as_array().size(), 0u);
}

TEST_F(HubHttp, a_wait_decided_for_a_closed_connection_is_cancelled_and_a_grant_made_meanwhile_released) {
  start();
  const std::string li = token("li"), wang = token("wang");
  const std::string session = open_session(li), wang_session = open_session(wang);
  const std::string lock = text(http("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1")), "lock");
  const ExchangeId waiting =
      send(request("POST", "/v1/locks", wang, acquire_body(wang_session, "SaleOrder:1", R"(,"wait_ms":600000)")));
  // The release is on its way when the waiter's connection closes: the cancel meets a grant.
  hub->http(++exchanges, request("DELETE", "/v1/locks/" + lock + "?session=" + session, li), now);
  hub->http_gone(waiting, now);
  engine.pump();
  EXPECT_EQ(http("GET", "/v1/sessions/" + wang_session, wang).at("locks").as_array().size(), 0u);
  EXPECT_EQ(http("GET", "/v1/locks", li).at("locks").as_array().size(), 0u);
}

// A peer that goes round the moment of the 202 is told nothing: whether it went before or after, it leaves no wait that
// would become a lock nobody knows of.
TEST_F(HubHttp, who_leaves_round_the_end_of_the_wait_leaves_no_wait_behind) {
  for (const Millis leaves : {Millis(24'800), Millis(24'900), Millis(25'000), Millis(25'100)}) {
    SCOPED_TRACE(leaves.count());
    engine = PaperEngine();
    transport = PaperTransport();
    start();
    const std::string li = token("li"), wang = token("wang");
    const std::string session = open_session(li), wang_session = open_session(wang);
    const std::string lock = text(http("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1")), "lock");
    const ExchangeId waiting =
        send(request("POST", "/v1/locks", wang, acquire_body(wang_session, "SaleOrder:1", R"(,"wait_ms":600000)")));
    pass(leaves);
    answer_of(waiting);
    EXPECT_EQ(status, leaves < Millis(25'000) ? -1 : 202);
    if (status == 202) EXPECT_TRUE(transport.responses[waiting].confirm);
    hub->http_gone(waiting, now);
    engine.pump();
    EXPECT_EQ(http("GET", "/v1/sessions/" + wang_session, wang).at("waits").as_array().size(), 0u);
    http("DELETE", "/v1/locks/" + lock + "?session=" + session, li);
    EXPECT_EQ(http("GET", "/v1/locks", li).at("locks").as_array().size(), 0u);
    pass(Millis(1'000));
    EXPECT_EQ(transport.responses.contains(waiting), leaves >= Millis(25'000)) << "nobody is there to be told";
  }
}

TEST_F(HubHttp, a_202_that_arrived_keeps_its_wait) {
  start();
  const std::string li = token("li"), wang = token("wang");
  const std::string wang_session = open_session(wang);
  http("POST", "/v1/locks", li, acquire_body(open_session(li), "SaleOrder:1"));
  const ExchangeId waiting =
      send(request("POST", "/v1/locks", wang, acquire_body(wang_session, "SaleOrder:1", R"(,"wait_ms":600000)")));
  pass(Millis(25'000));
  hub->http_delivered(waiting, now);
  hub->http_gone(waiting, now);  // what ends later is another thing
  engine.pump();
  EXPECT_EQ(http("GET", "/v1/sessions/" + wang_session, wang).at("waits").as_array().size(), 1u);
}

TEST_F(HubHttp, with_a_request_id_an_answer_that_did_not_arrive_is_there_for_the_repeat) {
  start();
  const std::string li = token("li"), wang = token("wang");
  const std::string session = open_session(li), wang_session = open_session(wang);
  const std::string lock = text(http("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1")), "lock");
  HttpRequest r = request("POST", "/v1/locks", wang, acquire_body(wang_session, "SaleOrder:1", R"(,"wait_ms":600000)"));
  r.idempotency_key = "w";
  ExchangeId waiting = send(r);
  pass(Millis(25'000));
  const std::string wait = text(answer_of(waiting), "wait");
  EXPECT_FALSE(transport.responses[waiting].confirm) << "nothing is taken back";
  hub->http_gone(waiting, now);
  waiting = send(r);
  http("DELETE", "/v1/locks/" + lock + "?session=" + session, li);
  EXPECT_EQ(text(answer_of(waiting), "lock"), wait);
  hub->http_gone(waiting, now);
  engine.pump();
  EXPECT_EQ(text(http(r), "lock"), wait);
}

// The kinds of things that an answer may leave behind unknown: a grant at once, one after a wait, a hold, a request, a
// session.
TEST_F(HubHttp, whatever_an_answer_that_did_not_arrive_has_left_is_taken_back) {
  start();
  const std::string li = token("li", {"lock.view", "lock.edit", "lock.hold"}), wang = token("wang");
  const std::string session = open_session(li), wang_session = open_session(wang);
  const auto lost = [&](ExchangeId answered) {
    EXPECT_TRUE(transport.responses[answered].confirm);
    hub->http_gone(answered, now);
    engine.pump();
  };
  const auto locks = [&] { return http("GET", "/v1/locks", li).at("locks").as_array().size(); };
  lost(send(request("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1"))));
  EXPECT_EQ(locks(), 0u);
  lost(send(request("POST", "/v1/locks", li,
                    acquire_body(session, "SaleOrder:1", R"(,"kind":"hold","owner":"job","ttl_ms":60000)"))));
  EXPECT_EQ(locks(), 0u);
  const std::string lock = text(http("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1")), "lock");
  lost(send(request("POST", "/v1/locks/" + lock + "/requests", wang, R"({"session":")" + wang_session + "\"}")));
  EXPECT_EQ(http("GET", "/v1/requests", li).at("requests").as_array().size(), 0u);
  const ExchangeId waiting =
      send(request("POST", "/v1/locks", wang, acquire_body(wang_session, "SaleOrder:1", R"(,"wait_ms":600000)")));
  http("DELETE", "/v1/locks/" + lock + "?session=" + session, li);
  lost(waiting);
  EXPECT_EQ(locks(), 0u);
  // A re-entry counts one down and leaves what was held before.
  const std::string held = text(http("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1")), "lock");
  lost(send(request("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1"))));
  EXPECT_EQ(text(http("GET", "/v1/locks/" + held, li), "holds"), "1");
  // So does an upgrade that was waited for, of which this node's end must take no more.
  const auto share = [&](const std::string& who, const std::string& by) {
    return text(http("POST", "/v1/locks", who, acquire_body(by, "SaleOrder:2", R"(,"mode":"shared")")), "lock");
  };
  const std::string shared = share(li, session), other = share(wang, wang_session);
  const ExchangeId upgrade =
      send(request("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:2", R"(,"wait_ms":600000)")));
  http("DELETE", "/v1/locks/" + other + "?session=" + wang_session, wang);
  EXPECT_TRUE(engine.states[0].locks().has_unheard());
  lost(upgrade);
  EXPECT_EQ(text(http("GET", "/v1/locks/" + shared, li), "holds"), "1");
  EXPECT_FALSE(engine.states[0].locks().has_unheard());
  lost(send(request("POST", "/v1/sessions", wang)));
  EXPECT_EQ(http("GET", "/v1/sessions", wang).at("sessions").as_array().size(), 1u);
}

// A wait without a request id is this node's to tell; once that has arrived, it is as any other.
TEST_F(HubHttp, a_wait_without_a_request_id_is_its_nodes_until_somebody_was_told) {
  start();
  const std::string li = token("li"), wang = token("wang");
  const std::string session = open_session(li), wang_session = open_session(wang);
  ExchangeId asked = 0;
  const auto wait_for = [&](const std::string& bill, const std::string& more = {}) {
    asked = ++exchanges;
    hub->http(asked,
              request("POST", "/v1/locks", wang, acquire_body(wang_session, bill, R"(,"wait_ms":600000)" + more)), now);
    const LockCommand command = engine.queue.back().command;
    engine.pump();
    return std::get<Acquire>(command);
  };
  const auto arrives = [&] {
    EXPECT_TRUE(engine.states[0].locks().has_unheard());
    hub->http_delivered(asked, now);
    engine.pump();
    EXPECT_FALSE(engine.states[0].locks().has_unheard());
  };
  const std::string lock = text(http("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1")), "lock");
  http("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:2"));
  EXPECT_TRUE(wait_for("SaleOrder:2", R"(,"request_id":"w")").node.is_nil()) << "its repeat finds it";
  EXPECT_EQ(wait_for("SaleOrder:1").node, engine.self());
  http("DELETE", "/v1/locks/" + lock + "?session=" + session, li);
  arrives();  // that he has it
  wait_for("SaleOrder:2");
  pass(options.http_wait_max + Millis(200));
  arrives();  // that he waits, and as what
}

TEST_F(HubHttp, what_may_have_been_made_unheard_and_unrepeatable_is_taken_back) {
  start();
  const std::string wang = token("wang");
  const std::string session = open_session(wang);
  hub->http(++exchanges, request("POST", "/v1/locks", wang, acquire_body(session, "SaleOrder:1")), now);
  const auto asked = engine.take<Acquire>();
  hub->on_outcome(asked.ticket, LockOutcome(Refusal{.code = Code::unknown_outcome}));
  EXPECT_EQ(text(answer_of(exchanges), "code"), "unknown_outcome");
  // It is carried out all the same, before or behind what takes it back.
  std::vector<LockEvent> events;
  std::string journal;
  engine.states[0].locks().apply(asked.command, now.wall, events, journal);
  engine.pump();
  EXPECT_EQ(http("GET", "/v1/sessions/" + session, wang).at("locks").as_array().size(), 0u);
}

TEST_F(HubHttp, a_wait_that_nobody_can_be_answered_for_is_cancelled_when_the_engine_lost_its_state) {
  start();
  const std::string li = token("li"), wang = token("wang");
  const std::string session = open_session(li), wang_session = open_session(wang);
  http("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1"));
  const ExchangeId waiting =
      send(request("POST", "/v1/locks", wang, acquire_body(wang_session, "SaleOrder:1", R"(,"wait_ms":600000)")));
  hub->on_reset();
  EXPECT_EQ(text(answer_of(waiting), "code"), "unknown_outcome");
  auto cancel = engine.take<CancelWait>();
  hub->on_outcome(cancel.ticket, LockOutcome(Refusal{.code = Code::unavailable}));  // Redis is away
  hub->tick(now);
  engine.pump();
  EXPECT_EQ(http("GET", "/v1/sessions/" + wang_session, wang).at("waits").as_array().size(), 0u);
}

TEST_F(HubHttp, a_session_opened_for_a_closed_connection_is_ended) {
  start();
  const std::string li = token("li");
  hub->http(++exchanges, request("POST", "/v1/sessions", li), now);
  hub->http_gone(exchanges, now);
  engine.pump();
  EXPECT_EQ(http("GET", "/v1/sessions", li).at("sessions").as_array().size(), 0u);
}

TEST_F(HubHttp, a_wait_is_cancelled_by_its_id) {
  start();
  const std::string li = token("li"), wang = token("wang");
  const std::string wang_session = open_session(wang);
  http("POST", "/v1/locks", li, acquire_body(open_session(li), "SaleOrder:1"));
  const ExchangeId waiting =
      send(request("POST", "/v1/locks", wang, acquire_body(wang_session, "SaleOrder:1", R"(,"wait_ms":600000)")));
  const std::string wait = text(http("GET", "/v1/sessions/" + wang_session, wang), "waits.0.wait");
  http("DELETE", "/v1/waits/" + wait + "?session=" + wang_session, wang);
  EXPECT_EQ(status, 200);
  EXPECT_EQ(text(answer_of(waiting), "code"), "request_gone");
}

TEST_F(HubHttp, a_request_id_in_header_and_body_must_be_one) {
  start();
  const std::string li = token("li");
  HttpRequest r =
      request("POST", "/v1/locks", li, acquire_body(open_session(li), "SaleOrder:1", R"(,"request_id":"a")"));
  r.idempotency_key = "b";
  EXPECT_EQ(text(http(r), "field"), "request_id");
  r.idempotency_key = std::string(65, 'x');
  r.body = acquire_body(open_session(li), "SaleOrder:1");
  EXPECT_EQ(text(http(r), "code"), "too_large");
  r.idempotency_key = "a";
  const std::string lock = text(http(r), "lock");
  EXPECT_EQ(status, 201);
  EXPECT_EQ(text(http(r), "lock"), lock);
}

TEST_F(HubHttp, a_drain_answers_who_waits_and_keeps_his_place) {
  start();
  const std::string li = token("li"), wang = token("wang");
  const std::string wang_session = open_session(wang);
  http("POST", "/v1/locks", li, acquire_body(open_session(li), "SaleOrder:1"));
  const ExchangeId waiting =
      send(request("POST", "/v1/locks", wang, acquire_body(wang_session, "SaleOrder:1", R"(,"wait_ms":600000)")));
  const ExchangeId stream = send(request("GET", "/v1/watch?targets=SaleOrder:1", li));
  hub->drain(Millis(100), now);
  answer_of(waiting);
  EXPECT_EQ(status, 202);
  EXPECT_TRUE(transport.stream_ended[stream]);
  EXPECT_TRUE(hub->idle());
  EXPECT_EQ(http("GET", "/v1/sessions/" + wang_session, wang).at("waits").as_array().size(), 1u);
  http("GET", "/readyz");
  EXPECT_EQ(status, 503);
  http("POST", "/v1/locks", wang, acquire_body(wang_session, "SaleOrder:2"));
  EXPECT_EQ(status, 503);
  EXPECT_EQ(header("Retry-After"), "1");
}

TEST_F(HubHttp, a_failed_engine_answers_who_waits_with_unknown_outcome) {
  start();
  const std::string li = token("li"), wang = token("wang");
  http("POST", "/v1/locks", li, acquire_body(open_session(li), "SaleOrder:1"));
  const ExchangeId waiting =
      send(request("POST", "/v1/locks", wang, acquire_body(open_session(wang), "SaleOrder:1", R"(,"wait_ms":600000)")));
  hub->on_failed("torn file");
  EXPECT_EQ(text(answer_of(waiting), "code"), "unknown_outcome");
  EXPECT_EQ(status, 504);
  EXPECT_EQ(text(http("GET", "/readyz"), "why"), "torn file");
}

// ---------------------------------------------------------------------------------------------- streams

TEST_F(HubHttp, a_watch_streams_the_state_and_then_changes_until_its_end) {
  start();
  const std::string li = token("li");
  const std::string session = open_session(li);
  const ExchangeId stream =
      send(request("GET", "/v1/watch?targets=SaleOrder:1&targets=SaleOrder:2", token("wang", {"lock.view"})));
  ASSERT_EQ(transport.streams[stream].size(), 1u);
  EXPECT_TRUE(transport.streams[stream][0].starts_with("event: watch\ndata: {\"targets\":["))
      << transport.streams[stream][0];
  const std::string lock = text(http("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:2")), "lock");
  http("DELETE", "/v1/locks/" + lock + "?session=" + session, li);
  ASSERT_EQ(transport.streams[stream].size(), 3u);
  EXPECT_TRUE(transport.streams[stream][1].starts_with("event: lock.changed\ndata: {"));
  EXPECT_TRUE(transport.streams[stream][2].starts_with("event: lock.free\ndata: {"));
  EXPECT_TRUE(transport.streams[stream][2].ends_with("}\n\n"));
  pass(Millis(10'100));
  EXPECT_TRUE(transport.streams[stream][3].starts_with(":"));
  hub->http_gone(stream, now);
  http("POST", "/v1/locks", li, acquire_body(session, "SaleOrder:1"));
  EXPECT_EQ(transport.streams[stream].size(), 4u);
  EXPECT_TRUE(hub->idle());
}

TEST_F(HubHttp, a_stream_ends_with_its_token) {
  start();
  const ExchangeId stream =
      send(request("GET", "/v1/watch?targets=SaleOrder:1", token("wang", {"lock.view"}, "default", Millis(5'000))));
  pass(Millis(45'000));
  EXPECT_TRUE(transport.stream_ended[stream]);
}

TEST_F(HubHttp, a_watch_without_the_right_is_refused_before_the_stream_begins) {
  start();
  http("GET", "/v1/watch?targets=SaleOrder:1", token("wang", {}));
  EXPECT_EQ(status, 403);
  http("GET", "/v1/watch", token("wang"));
  EXPECT_EQ(status, 400);
  EXPECT_TRUE(transport.streams.empty());
}

// ---------------------------------------------------------------------------------------------- pages

TEST_F(HubHttp, health_and_readiness_and_metrics_need_no_token) {
  start();
  EXPECT_EQ(text(http("GET", "/healthz"), "status"), "live");
  EXPECT_EQ(text(http("GET", "/readyz"), "status"), "ready");
  http("GET", "/metrics");
  EXPECT_EQ(status, 200);
  EXPECT_EQ(content_type, "text/plain; version=0.0.4");
  engine.not_ready = "disk nearly full";
  EXPECT_EQ(text(http("GET", "/readyz"), "why"), "disk nearly full");
  EXPECT_EQ(status, 503);
}

TEST_F(HubHttp, the_description_of_the_operations_needs_no_token_and_is_sent_once) {
  options.openapi = "openapi: 3.1.0\n";
  start();
  const HttpResponse told = transport.responses.at(send(request("GET", "/v1/openapi.yaml")));
  EXPECT_EQ(told.status, 200);
  EXPECT_EQ(told.content_type, "application/yaml");
  EXPECT_EQ(told.body, options.openapi);
  HttpRequest again = request("GET", "/v1/openapi.yaml");
  for (const auto& [name, value] : told.headers) {
    if (name == "ETag") again.if_none_match = value;
  }
  EXPECT_FALSE(again.if_none_match.empty());
  const HttpResponse known = transport.responses.at(send(std::move(again)));
  EXPECT_EQ(known.status, 304);
  EXPECT_EQ(known.body, "");
}

TEST_F(HubHttp, the_catalog_is_sent_once_to_who_keeps_its_etag) {
  start();
  http("GET", "/v1/catalog", token("li"));
  EXPECT_EQ(status, 200);
  HttpRequest r = request("GET", "/v1/catalog", token("li"));
  r.if_none_match = header("ETag");
  EXPECT_FALSE(r.if_none_match.empty());
  http(r);
  EXPECT_EQ(status, 304);
  const std::string tag = r.if_none_match;
  for (const std::string& known :
       {"W/" + tag, "\"other\", " + tag, "W/\"other\" ,W/" + tag + ",\"more\"", std::string("*")}) {
    r.if_none_match = known;
    http(r);
    EXPECT_EQ(status, 304) << known;
  }
  for (const std::string& other :
       {std::string("\"other\""), "w/" + tag, tag.substr(0, tag.size() - 1), std::string(",")}) {
    r.if_none_match = other;
    http(r);
    EXPECT_EQ(status, 200) << other;
  }
}

// ---------------------------------------------------------------------------------------------- signing in

TEST_F(HubHttp, development_tokens_are_for_this_machine_in_development_only) {
  options.dev = true;
  start();
  const std::string body = R"({"user":"li","name":"Li","rights":["lock.view"]})";
  const auto made = http("POST", "/v1/dev/token", "", body);
  EXPECT_EQ(status, 200);
  http("GET", "/v1/locks", text(made, "token"));
  EXPECT_EQ(status, 200);
  HttpRequest far = request("POST", "/v1/dev/token", "", body);
  far.loopback = false;
  http(far);
  EXPECT_EQ(status, 403);
  HttpRequest rebound = request("POST", "/v1/dev/token", "", body);
  rebound.host = "evil.example:7420";
  http(rebound);
  EXPECT_EQ(status, 403);
  rebound.host = "127.0.0.1:7420";
  rebound.origin = "http://evil.example";
  http(rebound);
  EXPECT_EQ(status, 403);
  HttpRequest proxied = request("POST", "/v1/dev/token", "", body);
  proxied.forwarded = true;  // whatever the proxy on this machine says of host and peer
  EXPECT_NE(text(http(proxied), "detail").find("without --dev"), std::string::npos);
  EXPECT_EQ(status, 403);
  EXPECT_EQ(text(http("POST", "/v1/dev/token", "", "{}"), "field"), "user");
  EXPECT_EQ(text(http("POST", "/v1/dev/token", "", R"({"user":"li","roles":"x"})"), "field"), "roles");
  EXPECT_EQ(text(http("POST", "/v1/dev/token", "", R"({"user":"li","departments":"x"})"), "field"), "departments");
  const auto sees = http("POST", "/v1/dev/token", "",
                         R"({"user":"li","employee":"E7","departments":["D1","D2"],"super":true,"service":false})");
  const auto read = verify_jwt(text(sees, "token"), options.keys, now.wall, "");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->employee, "E7");
  EXPECT_EQ(read->departments, (std::vector<std::string>{"D1", "D2"}));
  EXPECT_TRUE(read->super);
  EXPECT_FALSE(read->service);
  options.dev = false;
  start();
  http("POST", "/v1/dev/token", "", body);
  EXPECT_EQ(status, 404);
}

TEST_F(HubHttp, development_makes_namespaces_up_to_a_limit) {
  options.dev = true;
  start();
  for (std::uint32_t i = 1; i < namespaces_dev_max; ++i) {
    http("GET", "/v1/locks", token("li", {"lock.view"}, "n" + std::to_string(i)));
    ASSERT_EQ(status, 200) << i;
  }
  http("GET", "/v1/locks", token("li", {"lock.view"}, "one-too-many"));
  EXPECT_EQ(status, 403);
}

TEST_F(HubHttp, a_login_makes_a_cookie_that_no_script_reads_and_no_other_site_uses) {
  start();
  const auto answer = http("POST", "/v1/login", token("li"));
  EXPECT_EQ(status, 200);
  EXPECT_EQ(text(answer, "user"), "li");
  const std::string cookie = header("Set-Cookie");
  EXPECT_NE(cookie.find("; HttpOnly; SameSite=Strict"), std::string::npos);
  HttpRequest r = request("GET", "/v1/locks");
  r.cookie = cookie.substr(0, cookie.find(';'));
  http(r);
  EXPECT_EQ(status, 200);
  HttpRequest change = request("POST", "/v1/sessions");
  change.cookie = r.cookie;
  http(change);
  EXPECT_EQ(status, 403) << "no Origin";
  change.origin = "http://evil.example";
  http(change);
  EXPECT_EQ(status, 403);
  change.origin = "http://localhost:7420";
  http(change);
  EXPECT_EQ(status, 201);
  http("DELETE", "/v1/login");
  EXPECT_EQ(status, 204);
  EXPECT_NE(header("Set-Cookie").find("Max-Age=0"), std::string::npos);
}

TEST_F(HubHttp, a_login_code_works_once_and_for_thirty_seconds) {
  start();
  const std::string code = text(http("POST", "/v1/login/code", token("li")), "code");
  EXPECT_EQ(status, 201);
  const std::string body = R"({"code":")" + code + "\"}";
  EXPECT_EQ(text(http("POST", "/v1/login", "", body), "user"), "li");
  http("POST", "/v1/login", "", body);
  EXPECT_EQ(status, 401);
  const std::string late = text(http("POST", "/v1/login/code", token("li")), "code");
  advance(Millis(30'000));
  http("POST", "/v1/login", "", R"({"code":")" + late + "\"}");
  EXPECT_EQ(status, 401);
  http("POST", "/v1/login/code");
  EXPECT_EQ(status, 401);
}

// Before it is known who asks, nothing is read that he could make costly.
TEST_F(HubHttp, a_body_is_not_looked_at_before_its_token_nor_where_a_token_is_enough) {
  start();
  for (const char* path : {"/v1/locks", "/v1/sessions", "/v1/status", "/v1/login/code"}) {
    http("POST", path, "", "{\"");
    EXPECT_EQ(status, 401) << path;
    http("POST", path, token("li") + "x", "{\"");
    EXPECT_EQ(status, 401) << path;
  }
  EXPECT_EQ(text(http("POST", "/v1/login", token("li"), "{\""), "user"), "li");
  http("POST", "/v1/login", token("li") + "x", "{\"");
  EXPECT_EQ(status, 401);
}

TEST_F(HubHttp, a_login_has_a_small_body) {
  start();
  const std::string code = text(http("POST", "/v1/login/code", token("li")), "code");
  const std::string body = R"({"code":")" + code + "\"";
  http("POST", "/v1/login", "", body + "}" + std::string(login_bytes_max, ' '));
  EXPECT_EQ(status, 413);
  http("POST", "/v1/login", "", R"({"code":")" + std::string(login_code_bytes_max + 1, 'x') + "\"}");
  EXPECT_EQ(status, 413);
  for (const char* bad : {"[]", "{", "{}}", R"({"code":"a","code":"b"})", R"({"code":1})"}) {
    http("POST", "/v1/login", "", bad);
    EXPECT_EQ(status, 400) << bad;
  }
  EXPECT_EQ(
      text(http("POST", "/v1/login", "", body + std::string(login_bytes_max - body.size() - 1, ' ') + "}"), "user"),
      "li");
}

TEST_F(HubHttp, login_codes_have_a_limit) {
  options.login_codes_max = 15;
  start();
  for (std::uint32_t i = 0; i < options.login_codes_per_user_max; ++i) http("POST", "/v1/login/code", token("li"));
  EXPECT_EQ(status, 201);
  EXPECT_EQ(text(http("POST", "/v1/login/code", token("li", {})), "code"), "too_many") << "whatever the token";
  EXPECT_EQ(status, 429);
  EXPECT_EQ(header("Retry-After"), "1");
  for (int i = 0; i < 5; ++i) http("POST", "/v1/login/code", token("wang"));
  EXPECT_EQ(status, 201) << "nobody uses up another's";
  http("POST", "/v1/login/code", token("wang"));
  EXPECT_EQ(status, 429) << "the whole has a limit, too";
  advance(Millis(30'000));
  http("POST", "/v1/login/code", token("li"));
  EXPECT_EQ(status, 201);
}

}  // namespace
}  // namespace hf::test
