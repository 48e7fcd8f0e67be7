// What a connection may rely on: who it is, which sessions it carries, that it is asked and told in time. If one of
// these were false, a window would lose its locks by a reload, or keep believing in locks that are another's.
#include "session/hub_fixture_test.h"

namespace hf::test {
namespace {

class HubSockets : public HubTest {
 protected:
  // `{"op":…}` for the session and secret of the last welcome.
  std::string resume() const {
    return R"(,"session":")" + text(welcome, "session") + R"(","secret":")" + text(welcome, "secret") + '"';
  }
};

TEST_F(HubSockets, a_hello_opens_a_session_and_says_what_one_may) {
  start();
  const ConnectionId c = connect();
  const auto w = hello(c, token("li"), R"(,"client":{"program":"web","host":"pc7","window":"3"})");
  EXPECT_EQ(text(w, "event"), "welcome");
  EXPECT_EQ(text(w, "node"), "n1");
  EXPECT_EQ(text(w, "epoch"), engine.states[0].board().epoch().text());
  EXPECT_EQ(text(w, "lease_ms"), "30000");
  EXPECT_EQ(text(w, "resumed"), "false");
  EXPECT_EQ(text(w, "rights"), R"(["lock.edit","lock.view"])");
  EXPECT_EQ(text(w, "session").size(), 26u);
  EXPECT_EQ(text(w, "secret").size(), 26u);
}

TEST_F(HubSockets, anything_before_hello_closes_with_4000) {
  start();
  for (const char* first : {R"({"id":1,"op":"lock.list"})", R"({"op":"pong","n":1})",
                            R"({"id":1,"op":"auth","token":"x"})", R"({"id":1,"op":"no.such"})", "nonsense", "[]"}) {
    const ConnectionId c = connect();
    tell(c, first);
    ASSERT_TRUE(transport.closed.contains(c)) << first;
    EXPECT_EQ(transport.closed[c].first, 4000) << first;
  }
}

TEST_F(HubSockets, more_than_a_hello_needs_is_not_read_before_it) {
  start();
  const ConnectionId c = connect();
  tell(c, R"({"op":"hello","more":")" + std::string(hello_bytes_max, 'x') + "\"}");
  EXPECT_EQ(text(last(c), "error.code"), "too_large");
  EXPECT_EQ(transport.closed[c].first, 1009);
  const ConnectionId greeted = greet(token("li"));
  ask(greeted, R"({"id":1,"op":"session.list","more":")" + std::string(hello_bytes_max, 'x') + "\"}");
  EXPECT_FALSE(text(last(greeted), "ok.sessions").empty());
}

TEST_F(HubSockets, what_is_malformed_counts_as_asked) {
  options.requests_per_second_max = 2;
  start();
  const ConnectionId c = connect();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(text(ask(c, R"({"op":"hello","lease_ms":"x"})"), "error.field"), "lease_ms");
  EXPECT_EQ(text(ask(c, R"({"op":"hello","lease_ms":"x"})"), "error.code"), "too_many");
}

TEST_F(HubSockets, a_hello_that_does_not_come_within_ten_seconds_closes_with_4000) {
  start();
  const ConnectionId c = connect();
  pass(Millis(9'900));
  EXPECT_FALSE(transport.closed.contains(c));
  pass(Millis(200));
  EXPECT_EQ(transport.closed[c].first, 4000);
}

TEST_F(HubSockets, a_bad_token_is_answered_and_then_closed_with_4002) {
  start();
  for (const std::string& bad : {std::string(), std::string("x.y.z"), token("li") + "x"}) {
    const ConnectionId c = connect();
    const auto answer = hello(c, bad);
    EXPECT_EQ(text(answer, "error.code"), "unauthenticated");
    EXPECT_EQ(transport.closed[c].first, 4002);
  }
}

TEST_F(HubSockets, a_bad_token_in_the_header_closes_before_hello) {
  start();
  WebSocketOpened opened;
  opened.authorization = "Bearer nonsense";
  const ConnectionId c = connect(opened);
  EXPECT_EQ(transport.closed[c].first, 4002);
}

TEST_F(HubSockets, tokens_of_header_and_hello_must_be_of_one_user) {
  start();
  WebSocketOpened opened;
  opened.authorization = "Bearer " + token("li");
  const ConnectionId same = connect(opened);
  EXPECT_EQ(text(ask(same, R"({"op":"hello"})"), "event"), "welcome");
  const ConnectionId other = connect(opened);
  EXPECT_EQ(text(hello(other, token("wang")), "error.code"), "unauthenticated");
  EXPECT_EQ(transport.closed[other].first, 4002);
}

TEST_F(HubSockets, a_cookie_counts_only_from_our_own_origin) {
  start();
  WebSocketOpened opened;
  opened.cookie = "a=b; holdfast=" + token("li");
  opened.host = "localhost:7420";
  opened.origin = "http://localhost:7420";
  EXPECT_EQ(text(ask(connect(opened), R"({"op":"hello"})"), "event"), "welcome");
  opened.origin = "http://evil.example";
  EXPECT_EQ(text(ask(connect(opened), R"({"op":"hello"})"), "error.code"), "unauthenticated");
  opened.origin = "";
  EXPECT_EQ(text(ask(connect(opened), R"({"op":"hello"})"), "error.code"), "unauthenticated");
}

TEST_F(HubSockets, a_token_of_an_unknown_namespace_is_forbidden) {
  start();
  const ConnectionId c = connect();
  EXPECT_EQ(text(hello(c, token("li", {"lock.view"}, "elsewhere")), "error.code"), "forbidden");
}

TEST_F(HubSockets, requests_sent_behind_a_hello_need_not_wait_for_the_welcome) {
  start();
  const ConnectionId c = connect();
  tell(c, R"({"op":"hello","token":")" + token("li") + "\"}");
  tell(c, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})");
  engine.pump();
  EXPECT_EQ(transport.sent[c].size(), 2u);
  EXPECT_EQ(text(last(c), "ok.targets.0"), "SaleOrder:1");
}

TEST_F(HubSockets, who_takes_leave_is_answered_what_he_asked_before) {
  start();
  const ConnectionId c = greet(token("li"));
  tell(c, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})");
  tell(c, R"({"id":2,"op":"status.get","type":"SaleOrder","bill":"1"})");
  hub->leaving(c, now);
  EXPECT_FALSE(transport.closed.contains(c));
  engine.pump();
  EXPECT_EQ(transport.closed[c].first, 1000);
  EXPECT_EQ(transport.sent[c].size(), 3U) << "the welcome and two answers";
  EXPECT_NE(transport.sent[c][1].find("\"token\""), std::string::npos);
  const ConnectionId idle = greet(token("li"));
  hub->leaving(idle, now);
  EXPECT_EQ(transport.closed[idle].first, 1000) << "nothing is owed";
}

TEST_F(HubSockets, a_command_that_needs_two_questions_is_answered_before_the_close) {
  start();
  const std::string li = token("li", {"lock.view:SaleOrder", "lock.edit:SaleOrder", "lock.force:SaleOrder"});
  const ConnectionId c = greet(li);
  const std::string lock = text(ask(c, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})"), "ok.lock");
  tell(c, R"({"id":2,"op":"lock.force","reason":"away","lock":")" + lock + "\"}");
  hub->leaving(c, now);
  engine.pump();
  EXPECT_EQ(transport.closed[c].first, 1000);
  bool answered = false;
  for (const std::string& one : transport.sent[c]) answered = answered || one.starts_with(R"({"id":2,"ok")");
  EXPECT_TRUE(answered);
}

// The session is nobody's: its secret never left. What was granted to it must not stand until its lease ends.
TEST_F(HubSockets, what_a_hello_and_its_requests_got_is_freed_if_nobody_could_be_told) {
  start();
  const ConnectionId c = connect();
  tell(c, R"({"op":"hello","token":")" + token("li") + "\"}");
  tell(c, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})");
  hub->leaving(c, now);
  hub->disconnected(c, now);
  engine.pump();
  const ConnectionId wang = greet(token("wang"));
  EXPECT_EQ(text(ask(wang, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})"), "ok.user"), "wang");
}

TEST_F(HubSockets, a_closed_socket_only_detaches_and_a_resume_brings_everything_back) {
  start();
  const std::string li = token("li");
  const ConnectionId c = greet(li);
  ask(c, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})");
  hub->disconnected(c, now);
  pass(Millis(5'000));
  const ConnectionId again = connect();
  const auto w = hello(again, li, resume());
  EXPECT_EQ(text(w, "event"), "welcome");
  EXPECT_EQ(text(w, "resumed"), "true");
  EXPECT_EQ(text(w, "session"), text(welcome, "session"));
  EXPECT_NE(text(w, "secret"), text(welcome, "secret"));
  EXPECT_EQ(text(w, "state.locks.0.targets.0"), "SaleOrder:1");
}

TEST_F(HubSockets, a_resume_with_a_wrong_secret_is_refused_and_the_connection_may_say_hello_anew) {
  start();
  const std::string li = token("li");
  greet(li);
  const ConnectionId c = connect();
  const auto refused = ask(c, R"({"id":"h","op":"hello","token":")" + li + R"(","session":")" +
                                  text(welcome, "session") + R"(","secret":"00000000000000000000000001"})");
  EXPECT_EQ(text(refused, "id"), "h");
  EXPECT_EQ(text(refused, "error.code"), "session_gone");
  EXPECT_FALSE(transport.closed.contains(c));
  EXPECT_EQ(text(ask(c, R"({"op":"hello"})"), "event"), "welcome");
}

TEST_F(HubSockets, a_resume_needs_both_session_and_secret) {
  start();
  const ConnectionId c = connect();
  const auto answer = hello(c, token("li"), R"(,"session":"00000000000000000000000001")");
  EXPECT_EQ(text(answer, "error.code"), "invalid");
  EXPECT_EQ(text(answer, "error.field"), "secret");
}

TEST_F(HubSockets, a_takeover_closes_the_older_socket_with_4001_if_it_carries_nothing_else) {
  start();
  const std::string li = token("li");
  const ConnectionId old = greet(li);
  const ConnectionId young = connect();
  EXPECT_EQ(text(hello(young, li, resume()), "resumed"), "true");
  EXPECT_EQ(transport.closed[old].first, 4001);
  EXPECT_EQ(transport.closed[old].second, "replaced");
  // What reaches the session goes to the new socket only, and the old one's end changes nothing.
  hub->disconnected(old, now);
  EXPECT_EQ(text(ask(young, R"({"id":1,"op":"session.state"})"), "ok.session"), text(welcome, "session"));
}

TEST_F(HubSockets, a_takeover_takes_one_session_from_a_socket_that_carries_more) {
  start();
  const std::string li = token("li");
  const ConnectionId shared = greet(li);
  const auto second = ask(shared, R"({"id":1,"op":"session.open","client":"tab 2"})");
  ASSERT_EQ(text(second, "ok.session").size(), 26u);
  const ConnectionId young = connect();
  EXPECT_EQ(text(hello(young, li, resume()), "resumed"), "true");
  EXPECT_FALSE(transport.closed.contains(shared));
  const auto ended = said(shared, "session.ended");
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(text(ended[0], "session"), text(welcome, "session"));
  EXPECT_EQ(text(ended[0], "reason"), "replaced");
  // The socket's own session has gone: what names none is refused, what names the other works.
  EXPECT_EQ(text(ask(shared, R"({"id":2,"op":"session.heartbeat"})"), "error.code"), "session_gone");
  EXPECT_EQ(
      text(ask(shared, R"({"id":3,"op":"session.heartbeat","session":")" + text(second, "ok.session") + "\"}"), "id"),
      "3");
  EXPECT_EQ(text(last(shared), "error"), "");
}

TEST_F(HubSockets, a_further_hello_resumes_one_more_session_on_the_same_socket) {
  start();
  const std::string li = token("li");
  const ConnectionId gone = greet(li);
  const std::string first = resume(), first_session = text(welcome, "session");
  hub->disconnected(gone, now);
  const ConnectionId c = greet(li);
  EXPECT_EQ(text(hello(c, li, first), "session"), first_session);
  pass(Millis(10'100));
  const auto pings = said(c, "ping");
  ASSERT_EQ(pings.size(), 1u);
  EXPECT_EQ(pings[0].at("seq").as_object().size(), 2u);
}

TEST_F(HubSockets, a_welcome_leaves_out_a_state_that_is_over_the_size_of_a_page) {
  start();
  const std::string li = token("li");
  const ConnectionId gone = greet(li);
  const std::string former = resume();
  const std::string lines(190, 'x');
  for (int i = 0; i < 6; ++i) {
    std::string targets;
    for (int n = 0; n < 1000; ++n)
      targets += (n == 0 ? "\"A:" : ",\"A:") + std::to_string(i) + "/" + lines + "/" + std::to_string(n) + "\"";
    EXPECT_EQ(text(ask(gone, R"({"id":1,"op":"lock.acquire","targets":[)" + targets + "]}"), "ok.holds"), "1");
  }
  hub->disconnected(gone, now);
  const ConnectionId c = connect();
  const auto resumed = hello(c, li, former);
  EXPECT_EQ(text(resumed, "resumed"), "true");
  EXPECT_EQ(text(resumed, "state"), "");
  std::size_t locks = 0;
  std::string next;
  do {
    const std::string from = next.empty() ? "" : R"(,"next":")" + next + "\"";
    const auto page = ask(c, R"({"id":2,"op":"session.state","limit":500)" + from + "}");
    locks += page.at("ok").at("locks").as_array().size();
    next = text(page, "ok.next");
  } while (!next.empty());
  EXPECT_EQ(locks, 6u);
}

TEST_F(HubSockets, a_session_opened_for_a_socket_that_closed_meanwhile_is_ended) {
  start();
  const ConnectionId c = connect();
  tell(c, R"({"op":"hello","token":")" + token("li") + "\"}");
  hub->disconnected(c, now);
  const auto open = engine.take<OpenSession>();
  hub->on_outcome(open.ticket, SessionOpened{std::get<OpenSession>(open.command).session, Millis(30'000), now.wall, 0});
  EXPECT_EQ(engine.count<EndSession>(), 1u);
}

// ---------------------------------------------------------------------------------------------- what comes late

TEST_F(HubSockets, a_resume_whose_connection_is_gone_takes_nothing_over) {
  start();
  const std::string li = token("li");
  greet(li);
  const ConnectionId c = connect();
  tell(c, R"({"op":"hello","token":")" + li + "\"" + resume() + R"(,"attempt":7})");
  hub->disconnected(c, now);
  const auto asked = engine.take<ResumeSession>();
  EXPECT_EQ(std::get<ResumeSession>(asked.command).attempt, 7u);
  hub->on_outcome(asked.ticket, SessionResumed{});
  EXPECT_EQ(engine.count<TakeOver>(), 0u);
}

TEST_F(HubSockets, a_resume_that_reached_its_connection_tells_the_other_nodes_until_the_engine_has_heard_it) {
  start();
  const std::string li = token("li");
  greet(li);
  const ConnectionId c = connect();
  tell(c, R"({"op":"hello","token":")" + li + "\"" + resume() + "}");
  const auto asked = engine.take<ResumeSession>();
  hub->on_outcome(asked.ticket, SessionResumed{});
  ASSERT_EQ(engine.count<TakeOver>(), 1u);
  auto over = engine.take<TakeOver>();
  EXPECT_EQ(std::get<TakeOver>(over.command).secret, std::get<ResumeSession>(asked.command).next_secret);
  for (const Code trouble : {Code::unavailable, Code::unknown_outcome}) {
    hub->on_outcome(over.ticket, LockOutcome(Refusal{.code = trouble}));
    EXPECT_EQ(engine.count<TakeOver>(), 0u);
    hub->tick(now);
    ASSERT_EQ(engine.count<TakeOver>(), 1u);
    over = engine.take<TakeOver>();
  }
  hub->on_outcome(over.ticket, LockOutcome(Refusal{.code = Code::session_gone}));
  hub->tick(now);
  EXPECT_EQ(engine.count<TakeOver>(), 0u) << "a later resume has it";
}

TEST_F(HubSockets, a_hello_repeated_with_its_request_id_opens_one_session) {
  start();
  const std::string li = token("li");
  const std::string asked = R"(,"request_id":"h1","client":"erp")";
  const ConnectionId first = connect();
  tell(first, R"({"op":"hello","token":")" + li + "\"" + asked + "}");
  hub->disconnected(first, now);
  engine.pump();
  const ConnectionId second = connect();
  welcome = hello(second, token("li"), asked);
  ASSERT_EQ(text(welcome, "event"), "welcome") << boost::json::serialize(welcome);
  EXPECT_EQ(http("GET", "/v1/sessions", li).at("sessions").as_array().size(), 1u);
  EXPECT_EQ(text(ask(second, R"({"id":1,"op":"session.state"})"), "ok.session"), text(welcome, "session"));
  EXPECT_EQ(text(hello(connect(), li, resume()), "resumed"), "true");
  EXPECT_EQ(text(hello(connect(), li, R"(,"request_id":"h1","client":"another")"), "error.code"), "request_id_reused");
}

TEST_F(HubSockets, a_session_that_a_hello_may_have_opened_unheard_is_ended) {
  start();
  const ConnectionId c = connect();
  tell(c, R"({"op":"hello","token":")" + token("li") + "\"}");
  const auto open = engine.take<OpenSession>();
  hub->on_outcome(open.ticket, LockOutcome(Refusal{.code = Code::unknown_outcome}));
  EXPECT_EQ(text(last(c), "error.code"), "unknown_outcome");
  ASSERT_EQ(engine.count<EndSession>(), 1u);
  EXPECT_EQ(std::get<EndSession>(engine.take<EndSession>().command).session,
            std::get<OpenSession>(open.command).session);
}

TEST_F(HubSockets, pings_go_out_each_ten_seconds_and_are_acked_after_the_engine_renewed_every_session) {
  start();
  const ConnectionId c = greet(token("li"));
  ask(c, R"({"id":1,"op":"session.open"})");
  const std::string second = text(last(c), "ok.session");
  pass(Millis(10'000));
  auto pings = said(c, "ping");
  ASSERT_EQ(pings.size(), 1u);
  EXPECT_EQ(text(pings[0], "n"), "1");
  EXPECT_EQ(text(pings[0], "acked"), "0");

  tell(c, R"({"op":"pong","n":1,"idle_ms":{")" + second + R"(":90000}})");
  const auto beat1 = engine.take<Heartbeat>();
  const auto beat2 = engine.take<Heartbeat>();
  EXPECT_EQ(std::get<Heartbeat>(beat1.command).idle, Millis(0));
  EXPECT_EQ(std::get<Heartbeat>(beat2.command).idle, Millis(90'000));
  hub->on_outcome(beat1.ticket, Renewed{now.wall, 4, {}});
  pass(Millis(10'000));
  EXPECT_EQ(text(said(c, "ping")[1], "acked"), "0") << "one of two was renewed";
  hub->on_outcome(beat2.ticket, Renewed{now.wall, 7, {}});
  pass(Millis(10'000));
  pings = said(c, "ping");
  EXPECT_EQ(text(pings[2], "n"), "3");
  EXPECT_EQ(text(pings[2], "acked"), "1");
  EXPECT_EQ(text(pings[2], "seq." + second), "7");
  EXPECT_EQ(text(pings[2], "seq." + text(welcome, "session")), "4");
}

TEST_F(HubSockets, a_pong_that_the_engine_did_not_renew_is_not_acked) {
  start();
  const ConnectionId c = greet(token("li"));
  pass(Millis(10'000));
  tell(c, R"({"op":"pong","n":1})");
  const auto beat = engine.take<Heartbeat>();
  Refusal refusal;
  refusal.code = Code::unavailable;
  hub->on_outcome(beat.ticket, LockOutcome(refusal));
  pass(Millis(10'000));
  EXPECT_EQ(text(said(c, "ping")[1], "acked"), "0");
}

TEST_F(HubSockets, pongs_keep_a_session_beyond_its_lease_and_without_them_it_ends) {
  start();
  const ConnectionId c = greet(token("li"));
  ask(c, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})");
  for (int n = 1; n <= 4; ++n) {
    pass(Millis(10'000));
    ask(c, R"({"op":"pong","n":)" + std::to_string(n) + "}");
  }
  EXPECT_TRUE(said(c, "session.ended").empty());
  pass(Millis(31'000));
  ASSERT_EQ(said(c, "session.ended").size(), 1u);
  EXPECT_EQ(text(said(c, "session.ended")[0], "reason"), "expired");
}

TEST_F(HubSockets, a_pong_to_a_ping_never_sent_closes_with_4000) {
  start();
  const ConnectionId c = greet(token("li"));
  tell(c, R"({"op":"pong","n":1})");
  EXPECT_EQ(transport.closed[c].first, 4000);
}

TEST_F(HubSockets, a_socket_that_answers_no_ping_is_closed_with_4003) {
  start();
  const ConnectionId c = greet(token("li"));
  pass(Millis(49'000));
  EXPECT_FALSE(transport.closed.contains(c));
  pass(Millis(2'000));
  EXPECT_EQ(transport.closed[c].first, 4003);
}

TEST_F(HubSockets, a_token_with_another_name_names_what_the_session_holds) {
  start();
  const ConnectionId c = greet(token("li"));
  const std::string lock = text(ask(c, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})"), "ok.lock");
  Identity identity;
  identity.user = "li";
  identity.name = "Li Lei";
  identity.rights = {"lock.view", "lock.edit"};
  identity.ns = "default";
  const std::string named = sign_hs256(identity, kid, key_secret, now.wall, Millis(3'600'000), "");
  const auto before = text(http("GET", "/v1/sessions", token("li")), "sessions.0.last_activity_at");
  advance(Millis(1'000));
  ask(c, R"({"id":2,"op":"auth","token":")" + named + "\"}");
  EXPECT_EQ(text(http("GET", "/v1/locks/" + lock, token("wang")), "user_name"), "Li Lei");
  EXPECT_EQ(text(http("GET", "/v1/sessions", token("li")), "sessions.0.last_activity_at"), before)
      << "a fresh token is no work of the person";
}

TEST_F(HubSockets, auth_renews_the_same_user_in_place_and_no_other) {
  start();
  const ConnectionId c = greet(token("li", {"lock.view"}));
  EXPECT_EQ(text(ask(c, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})"), "error.code"), "forbidden");
  EXPECT_EQ(text(ask(c, R"({"id":2,"op":"auth","token":")" + token("wang") + "\"}"), "error.code"), "forbidden");
  EXPECT_EQ(text(ask(c, R"({"id":3,"op":"auth","token":"x"})"), "error.code"), "unauthenticated");
  EXPECT_FALSE(transport.closed.contains(c));
  EXPECT_EQ(text(ask(c, R"({"id":4,"op":"auth","token":")" + token("li") + "\"}"), "ok.rights"),
            R"(["lock.edit","lock.view"])");
  EXPECT_EQ(text(ask(c, R"({"id":5,"op":"lock.acquire","targets":["SaleOrder:1"]})"), "ok.mode"), "exclusive");
}

TEST_F(HubSockets, auth_is_asked_for_once_before_the_token_expires_and_its_lapse_closes_with_4002) {
  start();
  const ConnectionId c = greet(token("li", {"lock.view"}, "default", Millis(120'000)));
  const auto live = [&](int seconds) {
    for (int i = 0; i < seconds / 10; ++i) {
      pass(Millis(10'000));
      const auto pings = said(c, "ping");
      if (!transport.closed.contains(c)) ask(c, R"({"op":"pong","n":)" + std::to_string(pings.size()) + "}");
    }
  };
  live(40);
  EXPECT_TRUE(said(c, "auth.required").empty());
  live(60);
  EXPECT_EQ(said(c, "auth.required").size(), 1u);
  live(60);
  EXPECT_EQ(transport.closed[c].first, 4002);
}

TEST_F(HubSockets, an_expired_token_is_unauthenticated_but_ends_no_session) {
  start();
  const ConnectionId c = greet(token("li", {"lock.view"}, "default", Millis(1'000)));
  advance(Millis(31'500));  // past the expiry and the allowed skew, before the next ping
  EXPECT_EQ(text(ask(c, R"({"id":1,"op":"lock.list"})"), "error.code"), "unauthenticated");
  EXPECT_EQ(text(ask(c, R"({"id":2,"op":"auth","token":")" + token("li") + "\"}"), "id"), "2");
  EXPECT_EQ(text(ask(c, R"({"id":3,"op":"session.state"})"), "ok.user"), "li");
}

TEST_F(HubSockets, a_session_may_have_64_requests_in_flight_and_no_more) {
  start();
  const ConnectionId c = greet(token("li"));
  for (int i = 0; i < 64; ++i) tell(c, R"({"id":1,"op":"session.heartbeat"})");
  EXPECT_EQ(engine.queue.size(), 64u);
  tell(c, R"({"id":65,"op":"session.heartbeat"})");
  EXPECT_EQ(engine.queue.size(), 64u);
  EXPECT_EQ(text(last(c), "error.code"), "too_many");
  EXPECT_EQ(text(last(c), "error.retry_after_ms"), "100");
  engine.pump();
  tell(c, R"({"id":66,"op":"session.heartbeat"})");
  EXPECT_EQ(engine.queue.size(), 1u);
}

TEST_F(HubSockets, nobody_uses_up_what_anothers_session_may_have_in_flight) {
  start();
  const ConnectionId li = greet(token("li"));
  const std::string session = text(welcome, "session");
  const ConnectionId wang = greet(token("wang"));
  for (int i = 0; i < 65; ++i) tell(wang, R"({"id":1,"op":"session.heartbeat","session":")" + session + "\"}");
  EXPECT_EQ(text(last(wang), "error.code"), "too_many");
  EXPECT_EQ(text(ask(li, R"({"id":1,"op":"session.heartbeat"})"), "error"), "");
}

TEST_F(HubSockets, a_connection_that_asks_too_fast_is_told_and_recovers) {
  options.requests_per_second_max = 10;
  start();
  const ConnectionId c = greet(token("li"));  // the hello is one of ten
  for (int i = 0; i < 9; ++i) EXPECT_EQ(text(ask(c, R"({"id":1,"op":"session.list"})"), "error"), "");
  EXPECT_EQ(text(ask(c, R"({"id":2,"op":"session.list"})"), "error.code"), "too_many");
  advance(Millis(100));
  EXPECT_EQ(text(ask(c, R"({"id":3,"op":"session.list"})"), "error"), "");
  EXPECT_EQ(text(ask(c, R"({"id":4,"op":"session.list"})"), "error.code"), "too_many");
}

TEST_F(HubSockets, a_place_in_a_queue_is_told_with_the_tick_the_newest_only_and_not_to_who_waits_no_more) {
  start();
  std::vector<ConnectionId> people;
  for (const char* name : {"li", "wang", "zhao", "chen", "sun"}) {
    people.push_back(greet(token(name)));
    ask(people.back(), R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"],"wait_ms":60000})");
  }
  const auto release = [&](ConnectionId person, const std::string& lock) {
    ask(person, R"({"id":2,"op":"lock.release","lock":")" + lock + R"("})");
  };
  release(people[0], text(last(people[0]), "ok.lock"));
  ASSERT_EQ(said(people[1], "lock.granted").size(), 1U);
  release(people[1], text(said(people[1], "lock.granted")[0], "grant.lock"));
  EXPECT_EQ(said(people[2], "lock.granted").size(), 1U);
  for (const ConnectionId person : people) EXPECT_TRUE(said(person, "lock.waiting").empty()) << person;
  pass(Millis(100));
  EXPECT_TRUE(said(people[2], "lock.waiting").empty()) << "it holds the lock";
  for (const std::size_t waits : {3U, 4U}) {
    ASSERT_EQ(said(people[waits], "lock.waiting").size(), 1U);
    EXPECT_EQ(text(said(people[waits], "lock.waiting")[0], "position"), std::to_string(waits - 2));
  }
  pass(Millis(100));
  EXPECT_EQ(said(people[4], "lock.waiting").size(), 1U) << "told once";
}

TEST_F(HubSockets, malformed_fields_are_answered_with_the_id_and_the_field) {
  start();
  const ConnectionId c = greet(token("li"));
  const auto answer = ask(c, R"({"id":"a7","op":"lock.acquire","targets":"SaleOrder:1"})");
  EXPECT_EQ(text(answer, "id"), "a7");
  EXPECT_EQ(text(answer, "error.code"), "invalid");
  EXPECT_EQ(text(answer, "error.field"), "targets");
  EXPECT_EQ(text(ask(c, R"({"id":8,"op":"run.start"})"), "error.field"), "op");
  EXPECT_FALSE(transport.closed.contains(c));
}

TEST_F(HubSockets, what_is_no_message_closes_with_4000) {
  start();
  const ConnectionId c = greet(token("li"));
  tell(c, "{");
  EXPECT_EQ(transport.closed[c].first, 4000);
  EXPECT_EQ(text(last(c), "error.code"), "invalid");
}

TEST_F(HubSockets, errors_speak_the_language_of_the_handshake) {
  start();
  WebSocketOpened opened;
  opened.accept_language = "zh-CN,zh;q=0.9,en;q=0.5";
  const ConnectionId c = connect(opened);
  hello(c, token("li"));
  EXPECT_EQ(
      text(ask(c, R"({"id":1,"op":"lock.force","lock":"00000000000000000000000001","reason":"x"})"), "error.title"),
      code_sentence_zh(Code::forbidden));
}

TEST_F(HubSockets, ending_the_connections_session_detaches_it) {
  start();
  const ConnectionId c = greet(token("li"));
  EXPECT_EQ(text(ask(c, R"({"id":1,"op":"session.end"})"), "ok.released"), "0");
  EXPECT_EQ(text(ask(c, R"({"id":2,"op":"session.state"})"), "error.code"), "session_gone");
  EXPECT_EQ(text(ask(c, R"({"op":"hello"})"), "event"), "welcome");
  EXPECT_EQ(text(ask(c, R"({"id":3,"op":"session.state"})"), "ok.user"), "li");
}

TEST_F(HubSockets, a_drain_tells_everybody_and_closes_them_with_1012_over_the_window) {
  start();
  std::vector<ConnectionId> open;
  for (int i = 0; i < 4; ++i) open.push_back(greet(token("user" + std::to_string(i))));
  hub->drain(Millis(2'000), now);
  for (const ConnectionId c : open) {
    ASSERT_EQ(said(c, "drain").size(), 1u);
    EXPECT_EQ(text(said(c, "drain")[0], "retry_ms"), "2000");
  }
  EXPECT_EQ(text(ask(open[3], R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})"), "error.code"), "draining");
  pass(Millis(600));
  EXPECT_EQ(transport.closed.size(), 2u);
  pass(Millis(1'000));
  EXPECT_EQ(transport.closed.size(), 4u);
  EXPECT_EQ(transport.closed[open[0]], (std::pair<std::uint16_t, std::string>(1012, "retry_ms=2000")));
  EXPECT_TRUE(hub->idle());
  const ConnectionId late = connect();
  EXPECT_EQ(transport.closed[late].first, 1012);
}

TEST_F(HubSockets, an_engine_that_lost_its_state_sends_everybody_away_and_says_why) {
  start();
  const ConnectionId c = greet(token("li"));
  hub->on_reset();
  EXPECT_EQ(transport.closed[c], (std::pair<std::uint16_t, std::string>(1012, "engine_lost retry_ms=1000")));
}

TEST_F(HubSockets, a_failed_engine_leaves_no_request_unanswered) {
  start();
  const ConnectionId c = greet(token("li"));
  tell(c, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})");
  hub->on_failed("disk full");
  EXPECT_EQ(text(last(c), "error.code"), "unknown_outcome");
  engine.queue.clear();
  EXPECT_EQ(text(ask(c, R"({"id":2,"op":"lock.acquire","targets":["SaleOrder:1"]})"), "error.code"), "unavailable");
  EXPECT_TRUE(engine.queue.empty());
}

TEST_F(HubSockets, an_engine_that_is_not_ready_refuses_new_locks_and_nothing_else) {
  start();
  const ConnectionId c = greet(token("li"));
  const auto lock = text(ask(c, R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})"), "ok.lock");
  engine.not_ready = "disk nearly full";
  pass(Millis(100));
  const auto refused = ask(c, R"({"id":2,"op":"lock.acquire","targets":["SaleOrder:2"]})");
  EXPECT_EQ(text(refused, "error.code"), "unavailable");
  EXPECT_EQ(text(refused, "error.detail"), "disk nearly full");
  EXPECT_EQ(text(ask(c, R"({"id":3,"op":"lock.release","lock":")" + lock + "\"}"), "ok.released"), "true");
}

TEST_F(HubSockets, an_answer_that_comes_twice_or_for_nobody_is_dropped) {
  start();
  const ConnectionId c = greet(token("li"));
  tell(c, R"({"id":1,"op":"session.heartbeat"})");
  const auto beat = engine.take<Heartbeat>();
  hub->on_outcome(beat.ticket, Renewed{now.wall, 1, {}});
  const std::size_t said_before = transport.sent[c].size();
  hub->on_outcome(beat.ticket, Renewed{now.wall, 1, {}});
  hub->on_outcome(0, LockOutcome(Done{}));
  hub->on_outcome(0xFFFF'FFFF'FFFFULL, LockOutcome(Done{}));
  EXPECT_EQ(transport.sent[c].size(), said_before);
}

}  // namespace
}  // namespace hf::test
