// The sockets alone, over real ones: a handler that echoes stands where the hub would. If these fail, a stranger's
// bytes stop the node for everybody, or an answer goes to the wrong question.

#include "net/gateway.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <thread>

#include "net/os_secrets.h"
#include "tests/server/client.h"

namespace hf {
namespace {

using test::Answer;
using test::Client;
using test::Received;

// Echoes; what it does beside that, tests steer by paths and texts.
class Echo final : public ConnectionHandler {
 public:
  Transport* transport = nullptr;
  std::atomic<int> open{0}, gone{0}, left{0}, delivered{0}, turns{0}, large{0};
  std::optional<ConnectionId> later;
  std::vector<ExchangeId> held;  // "/hold": answered by "/free", the newest first

  // Answers with something that nobody would know of if it did not arrive.
  void grant(ExchangeId exchange) {
    HttpResponse response{201, "text/plain", {}, "granted"};
    response.confirm = true;
    transport->respond(exchange, std::move(response));
  }

  void connected(ConnectionId, const WebSocketOpened&, Now) override { ++open; }
  // "later" is answered by "/free": until then its connection is not let go.
  void leaving(ConnectionId connection, Now) override {
    ++left;
    if (!later) transport->close(connection, close_code::normal, "");
  }
  void disconnected(ConnectionId, Now) override { --open; }
  void message(ConnectionId connection, std::string_view text, Now) override {
    if (text.starts_with("batch ")) return transport->send_batch(connection, text.substr(6));
    if (text == "close") return transport->close(connection, 4001, "replaced");
    if (text == "later") return static_cast<void>(later = connection);
    if (text.starts_with("flood ")) {
      const std::string block(static_cast<std::size_t>(std::stoul(std::string(text.substr(6)))), 'x');
      for (int i = 0; i < 16; ++i) transport->send(connection, block);
      return;
    }
    transport->send(connection, text);
  }
  void http(ExchangeId exchange, HttpRequest request, Now) override {
    if (request.path == "/hold") return held.push_back(exchange);
    if (request.path.starts_with("/as/")) {
      const bool his = transport->belongs(request.connection, std::stoull(request.path.substr(4)));
      return transport->respond(exchange, HttpResponse{his ? 200 : 429, "text/plain", {}, ""});
    }
    if (request.path == "/fail") transport->sign_in_failed(request.connection, SignInFailure::expired);
    if (request.path == "/grant") return grant(exchange);
    if (request.path == "/large") {
      const std::string name = std::to_string(++large) + " ";
      return transport->respond(exchange, HttpResponse{200, "text/plain", {}, name + std::string(100'000, 'x')});
    }
    if (request.path == "/stream") {
      transport->begin_stream(exchange);
      transport->stream(exchange, "data: one\n\n");
      transport->stream(exchange, "data: two\n\n");
      return transport->end_stream(exchange);
    }
    if (request.path == "/free") {
      if (later) {
        transport->send(*later, "at last");
        transport->close(*later, close_code::normal, "");
      }
      while (!held.empty()) {
        transport->respond(held.back(), HttpResponse{200, "text/plain", {}, "freed"});
        held.pop_back();
      }
    }
    transport->respond(exchange,
                       HttpResponse{200, "text/plain", {}, request.method + " " + request.path + " " + request.body});
  }
  void http_gone(ExchangeId exchange, Now) override {
    std::erase(held, exchange);
    ++gone;
  }
  void http_delivered(ExchangeId, Now) override { ++delivered; }
  void wake(Now now) override { woken.push_back(now.monotonic); }
  void turn_end() override { ++turns; }
  std::vector<Micros> woken;
};

class GatewayTest : public testing::Test {
 protected:
  void serve(GatewayOptions options = {}) {
    options.listen = ListenAddress{"127.0.0.1", 0, true};
    options.index = "index";
    gateway_ = std::make_unique<Gateway>(loop_, echo_, std::move(options));
    echo_.transport = gateway_.get();
    const auto address = gateway_->listen();
    ASSERT_TRUE(address) << address.error().detail;
    port_ = address->port;
    loop_.every(Millis{20}, [this] { gateway_->tick(); });
    thread_ = std::thread([this] { loop_.run(); });
  }
  void TearDown() override {
    if (!thread_.joinable()) return;
    loop_.post([this] {
      gateway_->close_all();
      loop_.stop();
    });
    thread_.join();
  }
  // What `question` says, asked on the loop.
  template <class F>
  auto on_loop(F question) {
    std::promise<decltype(question())> answer;
    auto future = answer.get_future();
    loop_.post([&] { answer.set_value(question()); });
    return future.get();
  }
  // Asks until it holds or ten seconds have passed.
  template <class F>
  bool comes_true(F holds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < until) {
      if (on_loop(holds)) return true;
      std::this_thread::yield();
    }
    return false;
  }

  Loop loop_;
  Echo echo_;
  std::unique_ptr<Gateway> gateway_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST_F(GatewayTest, requests_of_one_connection_are_answered_in_order) {
  serve();
  Client client(port_);
  client.send(
      "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhiGET /c "
      "HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read_answer().body, "GET /a ");
  EXPECT_EQ(client.read_answer().body, "POST /b hi");
  EXPECT_EQ(client.read_answer().body, "GET /c ");
  EXPECT_EQ(client.request("GET", "/").body, "index");
}

TEST_F(GatewayTest, a_pipelined_request_waits_for_the_answer_before_it) {
  serve();
  Client client(port_);
  client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\nGET /after HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(comes_true([this] { return echo_.held.size() == 1; }));
  EXPECT_FALSE(client.has_something(0));
  EXPECT_EQ(Client(port_).request("GET", "/free").status, 200);
  EXPECT_EQ(client.read_answer().body, "freed");
  EXPECT_EQ(client.read_answer().body, "GET /after ");
}

TEST_F(GatewayTest, who_leaves_before_the_answer_is_reported_gone_once) {
  serve();
  {
    Client client(port_);
    client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(comes_true([this] { return echo_.held.size() == 1; }));
  }
  EXPECT_TRUE(comes_true([this] { return echo_.gone == 1; }));
  Client other(port_);
  other.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(comes_true([this] { return echo_.held.size() == 1; }));
  other.reset();
  EXPECT_TRUE(comes_true([this] { return echo_.gone == 2; }));
  EXPECT_EQ(Client(port_).request("GET", "/x").status, 200);
}

TEST_F(GatewayTest, head_has_the_length_and_no_body) {
  serve();
  Client client(port_);
  const Answer head = client.request("HEAD", "/abc");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), "9");
  EXPECT_EQ(client.request("GET", "/next").body, "GET /next ");
}

TEST_F(GatewayTest, continue_is_said_before_the_body_is_sent) {
  serve();
  Client client(port_);
  client.send("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_answer().status, 100);
  client.send("abc");
  EXPECT_EQ(client.read_answer().body, "POST /p abc");
}

TEST_F(GatewayTest, a_stream_goes_out_in_chunks_and_the_connection_lives_on) {
  serve();
  Client client(port_);
  EXPECT_EQ(client.request("GET", "/stream").headers.at("content-type"), "text/event-stream");
  for (const char* line : {"b", "data: one", "", "", "b", "data: two", "", "", "0", ""})
    EXPECT_EQ(client.read_line(), line);
  EXPECT_EQ(client.request("GET", "/next").status, 200);
}

TEST_F(GatewayTest, an_old_client_gets_a_stream_that_ends_with_the_connection) {
  serve();
  Client client(port_);
  client.send("GET /stream HTTP/1.0\r\n\r\n");
  const auto all = client.read_to_end();
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->ends_with("\r\n\r\ndata: one\n\ndata: two\n\n")) << *all;
}

TEST_F(GatewayTest, a_refused_request_gets_its_problem_and_a_closed_connection) {
  serve();
  for (const auto& [bytes, status] : std::vector<std::pair<std::string, int>>{
           {"nonsense\r\n\r\n", 400},
           {"GET / HTTP/3.0\r\n\r\n", 505},
           {"GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(20'000, 'x'), 431},
           {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", 413},
           {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + std::string(300'000, 'x'), 413}}) {
    Client client(port_);
    client.send(bytes);
    const Answer answer = client.read_answer();
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.headers.at("content-type"), "application/problem+json");
    EXPECT_EQ(answer.headers.at("connection"), "close");
    EXPECT_EQ(answer.headers.at("cache-control"), "no-store");
    EXPECT_EQ(answer.headers.at("x-content-type-options"), "nosniff");
    EXPECT_EQ(answer.json().at("status").as_int64(), status);
    client.shut();
    EXPECT_EQ(client.read_to_end(), "");
  }
  EXPECT_EQ(Client(port_).request("GET", "/x").status, 200);
}

TEST_F(GatewayTest, a_page_of_another_origin_is_turned_away) {
  serve(GatewayOptions{.origins = {"https://erp.example.com"}});
  Client client(port_);
  EXPECT_EQ(client.request("GET", "/x", "", {{"Origin", "https://evil.example.com"}}).status, 403);
  EXPECT_EQ(client.request("GET", "/x", "", {{"Origin", "null"}}).status, 403);
  EXPECT_EQ(client.request("GET", "/x", "", {{"Origin", "https://erp.example.com"}}).status, 200);
  EXPECT_EQ(client.request("GET", "/x", "", {{"Origin", "http://127.0.0.1"}}).status, 200);
  EXPECT_FALSE(Client(port_).upgrade({{"Origin", "https://evil.example.com"}}));
  EXPECT_TRUE(Client(port_).upgrade({{"Origin", "https://erp.example.com"}}));
}

// Or no page of a listed origin could use the answers: a browser asks first, and hides what is not allowed.
TEST_F(GatewayTest, a_page_of_a_listed_origin_may_ask_and_read_and_no_other) {
  serve(GatewayOptions{.origins = {"https://erp.example.com"}});
  Client client(port_);
  const test::Headers listed = {{"Origin", "https://erp.example.com"}};
  const Answer preflight = client.request("OPTIONS", "/v1/locks", "", listed);
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight.headers.at("access-control-allow-origin"), "https://erp.example.com");
  EXPECT_EQ(preflight.headers.at("access-control-allow-methods"), "GET, POST, DELETE");
  EXPECT_NE(preflight.headers.at("access-control-allow-headers").find("Authorization"), std::string::npos);
  EXPECT_EQ(preflight.headers.at("vary"), "Origin");
  const Answer read = client.request("GET", "/x", "", listed);
  EXPECT_EQ(read.status, 200);
  EXPECT_EQ(read.headers.at("access-control-allow-origin"), "https://erp.example.com");
  for (const test::Headers& other : {test::Headers{}, test::Headers{{"Origin", "https://evil.example.com"}},
                                     test::Headers{{"Origin", "http://127.0.0.1"}}}) {
    for (const char* method : {"GET", "OPTIONS"})
      EXPECT_FALSE(client.request(method, "/x", "", other).headers.contains("access-control-allow-origin"));
  }
}

TEST_F(GatewayTest, who_shuts_his_side_after_asking_is_answered) {
  serve();
  const auto answered_with = [&](std::string_view bytes) {
    Client client(port_);
    client.send(bytes);
    client.shut();
    return client.read_to_end().value_or("(never closed)");
  };
  const std::string one = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";
  EXPECT_TRUE(answered_with(one).ends_with("GET /x "));
  const std::string two = answered_with(one + "GET /y HTTP/1.1\r\nHost: x\r\n\r\nGET /half");
  EXPECT_NE(two.find("GET /x "), std::string::npos) << two;
  EXPECT_TRUE(two.ends_with("GET /y ")) << two;
  EXPECT_TRUE(answered_with("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_EQ(answered_with("GET /half"), "");
  EXPECT_EQ(answered_with("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"), "") << "who waits is taken to be gone";
  EXPECT_TRUE(comes_true([this] { return echo_.gone == 1; }));
}

// ---------------------------------------------------------------------------------------------- what arrived

// Or a grant that nobody knows of would be held for as long as its session lives.
TEST_F(GatewayTest, an_answer_that_must_arrive_is_told_to_have_arrived) {
  serve();
  Client client(port_);
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(client.request("GET", "/grant").body, "granted");
    ASSERT_TRUE(comes_true([&] { return echo_.delivered == i; }));
  }
  client.send("GET /grant HTTP/1.1\r\nHost: x\r\n\r\nGET /grant HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.read_answer().body, "granted");
  EXPECT_EQ(client.read_answer().body, "granted");
  EXPECT_EQ(client.read_to_end(), "");
  ASSERT_TRUE(comes_true([this] { return echo_.delivered == 5; }));
  EXPECT_EQ(echo_.gone, 0);
}

TEST_F(GatewayTest, who_shuts_his_side_behind_his_request_and_reads_has_the_answer) {
  serve();
  Client client(port_);
  client.send("GET /grant HTTP/1.1\r\nHost: x\r\n\r\n");
  client.shut();
  EXPECT_TRUE(client.read_to_end().value_or("").ends_with("granted"));
  ASSERT_TRUE(comes_true([this] { return echo_.delivered == 1; }));
  EXPECT_EQ(echo_.gone, 0);
}

// The peer's FIN or RST lies in the socket, not looked at yet, when the answer is given.
TEST_F(GatewayTest, an_answer_to_a_peer_that_left_a_moment_before_is_told_to_be_lost) {
  serve();
  const auto lost_by = [this](void (*leave)(std::unique_ptr<Client>&)) {
    auto client = std::make_unique<Client>(port_);
    client->send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(comes_true([this] { return echo_.held.size() == 1; }));
    const int before = echo_.gone;
    on_loop([&] {
      leave(client);
      echo_.grant(echo_.held.back());
      echo_.held.clear();
      return 0;
    });
    EXPECT_TRUE(comes_true([&] { return echo_.gone == before + 1; }));
    EXPECT_EQ(echo_.delivered, 0);
  };
  lost_by([](std::unique_ptr<Client>& client) { client.reset(); });
  lost_by([](std::unique_ptr<Client>& client) { client->reset(); });
}

TEST_F(GatewayTest, an_answer_is_not_written_to_who_has_waited_and_shut_his_side) {
  serve(GatewayOptions{.half_close = Millis{0}});
  Client client(port_);
  client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(comes_true([this] { return echo_.held.size() == 1; }));
  on_loop([&] {
    client.shut();  // he would read on
    echo_.grant(echo_.held.back());
    echo_.held.clear();
    return 0;
  });
  EXPECT_TRUE(comes_true([this] { return echo_.gone == 1; }));
  EXPECT_EQ(client.read_to_end(), "");
  Client another(port_);
  another.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(comes_true([this] { return echo_.held.size() == 1; }));
  another.shut();
  EXPECT_EQ(another.read_to_end(), "") << "he is gone at once, not only when there is something to say";
  EXPECT_TRUE(comes_true([this] { return echo_.gone == 2; }));
}

TEST_F(GatewayTest, a_reset_behind_an_answer_that_arrived_takes_nothing_back) {
  serve();
  Client client(port_);
  EXPECT_EQ(client.request("GET", "/grant").body, "granted");
  client.reset();
  ASSERT_TRUE(comes_true([this] { return echo_.delivered == 1; }));
  ASSERT_TRUE(comes_true([this] { return gateway_->counts().connections == 0; }));
  EXPECT_EQ(echo_.gone, 0);
}

TEST_F(GatewayTest, an_upgrade_that_is_none_is_refused_and_says_how) {
  serve();
  Client client(port_);
  EXPECT_EQ(client.request("GET", "/v1/ws").status, 426);
  const test::Headers good = {{"Connection", "Upgrade"},
                              {"Upgrade", "websocket"},
                              {"Sec-WebSocket-Version", "13"},
                              {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  test::Headers bad = good;
  bad[2].second = "8";
  const Answer version = client.request("GET", "/v1/ws", "", bad);
  EXPECT_EQ(version.status, 426);
  EXPECT_EQ(version.headers.at("sec-websocket-version"), "13");
  bad = good;
  bad[3].second = "c2hvcnQ=";
  EXPECT_EQ(client.request("GET", "/v1/ws", "", bad).status, 400);
  bad = good;
  for (const char* protocol : {"mqtt", "Holdfast.v1.json", "holdfast.v1.json2"}) {
    bad = good;
    bad.emplace_back("Sec-WebSocket-Protocol", protocol);
    EXPECT_EQ(client.request("GET", "/v1/ws", "", bad).status, 400) << protocol;
  }
  bad = good;
  bad[1].second = "websocket/13";
  EXPECT_EQ(client.request("GET", "/v1/ws", "", bad).status, 426);
  for (const std::size_t twice : {std::size_t{2}, std::size_t{3}}) {
    bad = good;
    bad.push_back(good[twice]);
    EXPECT_EQ(Client(port_).request("GET", "/v1/ws", "", bad).status, 400) << good[twice].first;
  }
  bad = good;
  bad.insert(bad.begin(), {"Connection", "keep-alive"});
  bad.emplace_back("Sec-WebSocket-Protocol", "other");
  bad.emplace_back("Sec-WebSocket-Protocol", "x , holdfast.v1.json");
  Client listed(port_);
  const Answer switched = listed.request("GET", "/v1/ws", "", bad);
  EXPECT_EQ(switched.status, 101);
  EXPECT_EQ(switched.headers.at("sec-websocket-protocol"), "holdfast.v1.json");
  EXPECT_EQ(switched.headers.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(client.request("GET", "/v1/ws", "", good).status, 101);
}

TEST_F(GatewayTest, messages_come_back_whole_and_in_order_however_they_are_cut) {
  serve();
  Client client(port_);
  ASSERT_TRUE(client.upgrade());
  std::string bytes;
  for (int i = 0; i < 300; ++i)
    append_frame(bytes, Opcode::text, "message " + std::to_string(i), 7U * static_cast<unsigned>(i));
  for (std::size_t at = 0; at < bytes.size(); at += 97) client.send(std::string_view(bytes).substr(at, 97));
  for (int i = 0; i < 300; ++i) EXPECT_EQ(client.receive().payload, "message " + std::to_string(i));
  client.send_frame(Opcode::text, "in ", false);
  client.send_frame(Opcode::ping, "now");
  client.send_frame(Opcode::continuation, "pieces");
  EXPECT_EQ(client.receive().opcode, Opcode::pong);
  EXPECT_EQ(client.receive().payload, "in pieces");
  const std::string large(900'000, 'l');
  client.send_text(large);
  EXPECT_EQ(client.receive().payload, large);
}

TEST_F(GatewayTest, the_first_message_may_come_with_the_upgrade) {
  serve();
  Client client(port_);
  std::string bytes =
      "GET /v1/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  append_frame(bytes, Opcode::text, "early", 1U);
  client.send(bytes);
  EXPECT_EQ(client.read_answer().status, 101);
  EXPECT_EQ(client.receive().payload, "early");
}

TEST_F(GatewayTest, a_broken_frame_closes_with_its_code_and_nobody_else_notices) {
  serve();
  Client witness(port_);
  ASSERT_TRUE(witness.upgrade());
  const auto close_code = [this](const std::string& bytes) {
    Client client(port_);
    EXPECT_TRUE(client.upgrade());
    client.send(bytes);
    for (;;) {
      const Received message = client.receive();
      if (!message || message.opcode == Opcode::close) {
        EXPECT_EQ(client.read_to_end(), "");
        return message.close_code;
      }
    }
  };
  EXPECT_EQ(close_code(std::string("\x81\x01x", 3)), 1002);                                          // not masked
  EXPECT_EQ(close_code(std::string("\xf1\x80\0\0\0\0", 6)), 1002);                                   // reserved bits
  EXPECT_EQ(close_code(std::string("\x83\x80\0\0\0\0", 6)), 1002);                                   // unknown opcode
  EXPECT_EQ(close_code(std::string("\x81\xff\0\0\0\0\0\x20\0\0\0\0\0\0", 14)), 1009);                // 2 MB announced
  EXPECT_EQ(close_code(std::string("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14)), 1002);  // 2^64-1
  EXPECT_EQ(close_code(std::string("\x81\x82\0\0\0\0\xff\xff", 8)), 1007);                           // no UTF-8
  EXPECT_EQ(close_code(std::string("\x82\x82\0\0\0\0ab", 8)), 4000);                                 // a binary batch
  std::string bytes;
  append_close_frame(bytes, 1000, "bye", 5U);
  EXPECT_EQ(close_code(bytes), 1000);
  witness.send_text("still here");
  EXPECT_EQ(witness.receive().payload, "still here");
  EXPECT_TRUE(comes_true([this] { return echo_.open == 1; }));
}

TEST_F(GatewayTest, a_close_frame_in_the_segment_of_a_request_waits_for_its_answer) {
  serve();
  Client client(port_);
  ASSERT_TRUE(client.upgrade());
  std::string bytes;
  append_frame(bytes, Opcode::text, "later", 7U);
  append_close_frame(bytes, 1001, "bye", 8U);
  append_frame(bytes, Opcode::text, "behind the close", 9U);
  client.send(bytes);
  ASSERT_TRUE(comes_true([this] { return echo_.left == 1; }));
  EXPECT_FALSE(client.has_something(0));
  EXPECT_EQ(Client(port_).request("GET", "/free").status, 200);
  EXPECT_EQ(client.receive().payload, "at last");
  EXPECT_EQ(client.receive().close_code, 1001);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(comes_true([this] { return echo_.open == 0; }));
}

TEST_F(GatewayTest, who_takes_leave_and_shuts_his_side_is_answered_too_but_not_for_ever) {
  serve();
  const auto leave = [](Client& client) {
    ASSERT_TRUE(client.upgrade());
    std::string bytes;
    append_frame(bytes, Opcode::text, "later", 7U);
    append_close_frame(bytes, 1000, "", 8U);
    client.send(bytes);
    client.shut();
  };
  Client client(port_);
  leave(client);
  ASSERT_TRUE(comes_true([this] { return echo_.left == 1; }));
  EXPECT_EQ(Client(port_).request("GET", "/free").status, 200);
  EXPECT_EQ(client.receive().payload, "at last");
  EXPECT_EQ(client.receive().close_code, 1000);
  Client unanswered(port_);
  leave(unanswered);
  EXPECT_EQ(unanswered.receive().close_code, 1000);
  EXPECT_TRUE(comes_true([this] { return echo_.open == 0; }));
}

// Else whoever asked by it counts as connected for as long as the peer likes, and answers go nowhere.
TEST_F(GatewayTest, a_connection_that_is_being_closed_is_gone_for_the_handler_at_once) {
  serve(GatewayOptions{.close_timeout = Millis{20'000}});
  Client client(port_);
  ASSERT_TRUE(client.upgrade());
  ASSERT_TRUE(comes_true([this] { return echo_.open == 1; }));
  client.send(std::string("\x83\x80\0\0\0\0", 6));
  EXPECT_TRUE(comes_true([this] { return echo_.open == 0; }));
  EXPECT_EQ(client.receive().close_code, 1002);
}

TEST_F(GatewayTest, close_comes_after_what_was_queued) {
  serve(GatewayOptions{.close_timeout = Millis{100}});
  Client client(port_);
  ASSERT_TRUE(client.upgrade());
  client.send_text("first");
  client.send_text("close");
  client.send_text("too late");
  EXPECT_EQ(client.receive().payload, "first");
  const Received close = client.receive();
  EXPECT_EQ(close.close_code, 4001);
  EXPECT_EQ(close.payload, "replaced");
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(comes_true([this] { return echo_.open == 0; }));
}

TEST_F(GatewayTest, who_reads_too_slowly_is_closed_4003_and_costs_a_bounded_queue) {
  serve(GatewayOptions{.queue_bytes_max = 1'000'000, .close_timeout = Millis{20'000}});
  {
    Client client(port_);
    ASSERT_TRUE(client.upgrade());
    client.send_text("flood 900000");  // 14 MB: more than the kernel takes beside the queue
    ASSERT_TRUE(comes_true([this] { return gateway_->counts().queue_drops == 1; }));
    std::uint16_t code = 0;
    while (const Received message = client.receive()) {
      code = message.close_code;
      if (message.opcode == Opcode::close) break;
    }
    EXPECT_EQ(code, 4003);
  }
  EXPECT_TRUE(comes_true([this] { return echo_.open == 0; }));
}

TEST_F(GatewayTest, who_asks_on_and_reads_nothing_is_not_answered_on) {
  serve();
  Client client(port_);
  constexpr int requests = 500;  // 50 MB of answers: more than the kernel takes
  std::string all;
  for (int i = 0; i < requests; ++i) all += "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
  ASSERT_TRUE(client.send(all));
  ASSERT_TRUE(comes_true([&] { return gateway_->counts().bytes_in == all.size(); }));
  EXPECT_LT(echo_.large, requests);
  for (int i = 1; i <= requests; ++i) ASSERT_TRUE(client.read_answer().body.starts_with(std::to_string(i) + " "));
}

TEST_F(GatewayTest, a_header_that_never_ends_is_given_up) {
  serve(GatewayOptions{.header_timeout = Millis{50}, .body_timeout = Millis{50}});
  Client slow(port_);
  slow.send("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
  EXPECT_EQ(slow.read_answer().status, 408);
  EXPECT_EQ(slow.read_to_end(), "");
  Client body(port_);
  body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
  EXPECT_EQ(body.read_answer().status, 408);
  Client chinese(port_);
  chinese.send("POST / HTTP/1.1\r\nHost: x\r\nAccept-Language: zh\r\nContent-Length: 5\r\n\r\nab");
  EXPECT_NE(chinese.read_answer().body.find("请求到达所用时间过长。"), std::string::npos);
  Client silent(port_);
  EXPECT_EQ(silent.read_to_end(), "");
}

TEST_F(GatewayTest, an_idle_connection_is_closed_but_a_websocket_is_not) {
  serve(GatewayOptions{.header_timeout = Millis{5000}, .idle_timeout = Millis{50}});
  Client socket(port_);
  ASSERT_TRUE(socket.upgrade());
  Client idle(port_);
  EXPECT_EQ(idle.request("GET", "/x").status, 200);
  EXPECT_EQ(idle.read_to_end(), "");
  socket.send_text("alive");
  EXPECT_EQ(socket.receive().payload, "alive");
}

TEST_F(GatewayTest, one_connection_too_many_is_told_503_until_another_ends) {
  serve(GatewayOptions{.connections_max = 2});
  auto first = std::make_unique<Client>(port_);
  Client second(port_);
  EXPECT_EQ(first->request("GET", "/x").status, 200);
  EXPECT_EQ(second.request("GET", "/x").status, 200);
  {
    Client third(port_);
    const Answer answer = third.read_answer();
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.headers.at("retry-after"), "5");
  }
  first.reset();
  ASSERT_TRUE(comes_true([this] { return gateway_->counts().connections == 1; }));
  EXPECT_EQ(Client(port_).request("GET", "/x").status, 200);
}

TEST_F(GatewayTest, an_address_with_too_many_strangers_is_told_429_until_one_signs_in) {
  serve(GatewayOptions{.shares = {.connections_per_user_max = 2, .unidentified_per_address_max = 2}});
  Client first(port_);
  Client second(port_);
  EXPECT_EQ(first.request("GET", "/x").status, 200);
  EXPECT_EQ(second.request("GET", "/x").status, 200);
  {
    Client third(port_);
    const Answer answer = third.read_answer();
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.headers.at("retry-after"), "5");
    EXPECT_EQ(third.read_to_end(), "");
  }
  ASSERT_TRUE(comes_true([this] { return gateway_->counts().connections == 2; }));
  EXPECT_EQ(first.request("GET", "/as/7").status, 200);
  EXPECT_EQ(second.request("GET", "/as/7").status, 200);
  Client fourth(port_);
  EXPECT_EQ(fourth.request("GET", "/as/7").status, 429) << "two are all that he may have";
  EXPECT_EQ(fourth.request("GET", "/as/8").status, 200);
  EXPECT_EQ(first.request("GET", "/as/8").status, 200) << "a proxy's connection serves one after another";
  EXPECT_EQ(fourth.request("GET", "/as/7").status, 200);
}

TEST_F(GatewayTest, what_a_persons_connections_do_not_read_is_counted_byte_by_byte) {
  serve();
  constexpr int requests = 300;  // 30 MB of answers: more than the kernel takes
  std::string all;
  for (int i = 0; i < requests; ++i) all += "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<Client>(port_));
    ASSERT_EQ(clients.back()->request("GET", "/as/7").status, 200);
    ASSERT_TRUE(clients.back()->send(all));
  }
  ASSERT_TRUE(comes_true([this] { return gateway_->unsent_of(7) > 3 * 256U * 1024; }));
  EXPECT_LE(on_loop([this] { return gateway_->unsent_of(7); }), 3 * (256U + 110) * 1024);
  EXPECT_EQ(on_loop([this] { return gateway_->unsent_of(8); }), 0U);
  for (int i = 1; i <= requests; ++i) clients.front()->read_answer();
  EXPECT_TRUE(comes_true([this] { return gateway_->unsent_of(7) <= 2 * (256U + 110) * 1024; }));
  clients.clear();
  EXPECT_TRUE(comes_true([this] { return gateway_->unsent_of(7) == 0; }));
}

TEST_F(GatewayTest, refusals_and_failed_sign_ins_are_told_once_with_the_address) {
  std::map<Code, int> refusals;
  std::vector<std::string> addresses;
  GatewayOptions options;
  options.on_refused = [&](Code code) { ++refusals[code]; };
  options.on_sign_in_failed = [&](const std::string& address, SignInFailure) { addresses.push_back(address); };
  serve(std::move(options));
  Client client(port_);
  EXPECT_EQ(client.request("GET", "/fail").status, 200);
  EXPECT_EQ(client.request("GET", "/v1/ws").status, 426);
  EXPECT_EQ(client.request("GET", "/x", "", {{"Origin", "http://evil.example"}}).status, 403);
  client.send("nonsense\r\n\r\n");
  EXPECT_EQ(client.read_answer().status, 400);
  on_loop([&] {
    EXPECT_EQ(refusals, (std::map<Code, int>{{Code::invalid, 2}, {Code::forbidden, 1}}));
    EXPECT_EQ(addresses, std::vector<std::string>{"127.0.0.1"});
    return 0;
  });
}

TEST_F(GatewayTest, draining_refuses_upgrades_and_ends_connections_with_their_answers) {
  serve();
  Client idle(port_);
  Client busy(port_);
  EXPECT_EQ(idle.request("GET", "/x").status, 200);
  busy.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(comes_true([this] { return echo_.held.size() == 1; }));
  on_loop([this] {
    gateway_->drain();
    return 0;
  });
  EXPECT_EQ(idle.read_to_end(), "");
  Client late(port_);
  EXPECT_FALSE(late.upgrade());
  EXPECT_EQ(late.answer().status, 503);
  EXPECT_EQ(Client(port_).request("GET", "/free").headers.at("connection"), "close");
  EXPECT_EQ(busy.read_answer().body, "freed");
  EXPECT_EQ(busy.read_to_end(), "");
  EXPECT_TRUE(comes_true([this] { return echo_.held.empty(); }));
}

TEST_F(GatewayTest, messages_of_one_turn_share_one_write_and_one_turn_end) {
  serve();
  Client client(port_);
  ASSERT_TRUE(client.upgrade());
  std::string bytes;
  for (int i = 0; i < 1000; ++i) append_frame(bytes, Opcode::text, "x", 1U);
  const int before = echo_.turns;
  client.send(bytes);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(client.receive().payload, "x");
  EXPECT_LT(echo_.turns - before, 100);
}

TEST_F(GatewayTest, of_several_times_to_be_woken_at_the_earliest_counts) {
  serve();
  const Micros now = Loop::now().monotonic;
  on_loop([&] {
    gateway_->wake_at(now + Micros(3600'000'000));
    gateway_->wake_at(now + Micros(2000));
    gateway_->wake_at(now + Micros(3600'000'000));
    return 0;
  });
  ASSERT_TRUE(comes_true([this] { return echo_.woken.size() == 1; }));
  EXPECT_GE(on_loop([this] { return echo_.woken[0]; }), now + Micros(2000));
  on_loop([&] {
    gateway_->wake_at(now);  // past: as soon as may be
    return 0;
  });
  EXPECT_TRUE(comes_true([this] { return echo_.woken.size() == 2; }));
}

TEST_F(GatewayTest, a_batch_is_one_binary_message) {
  serve();
  Client socket(port_);
  ASSERT_TRUE(socket.upgrade());
  socket.send_text("batch \x01zip");
  const Received received = socket.receive();
  EXPECT_EQ(received.opcode, Opcode::binary);
  EXPECT_EQ(received.payload, "\x01zip");
}

TEST(OsSecrets, ids_do_not_repeat) {
  OsSecrets secrets;
  std::set<Id128> seen;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(secrets.next_id()).second);
}

}  // namespace
}  // namespace hf
