// The stories that the product is for, told to a real holdfastd by plain HTTP and WebSocket clients.

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <thread>

#include "tests/server/people.h"
#include "tests/server/server_process.h"

namespace hf::test {
namespace {

TEST(TwoPeople, the_first_editor_owns_the_second_asks_and_gets_it) {
  const TemporaryDirectory data;
  const ServerProcess server(data.path());
  const auto port = server.port();
  ASSERT_NE(port, 0) << server.log();
  Person li(port, "li"), wang(port, "wang");
  li.open_session(port);
  wang.open_session(port);

  const Answer granted = li.acquire(port, "SaleOrder:1001", R"(,"label":"SO-1001")");
  ASSERT_EQ(granted.status, 201) << granted.body;
  const Answer refused = wang.acquire(port, "SaleOrder:1001");
  ASSERT_EQ(refused.status, 423) << refused.body;
  EXPECT_EQ(refused.headers.at("content-type"), "application/problem+json");
  EXPECT_EQ(text_at(refused.json(), "code"), "locked");
  EXPECT_EQ(text_at(refused.json(), "conflicts_total"), "1");
  EXPECT_EQ(text_at(refused.json(), "conflicts.0.holder.user"), "li");
  EXPECT_EQ(text_at(refused.json(), "conflicts.0.label"), "SO-1001");

  const std::string lock = text_at(granted.json(), "lock");
  const Answer asked = wang.call(port, "POST", "/v1/locks/" + lock + "/requests",
                                 R"({"session":")" + wang.session() + R"(","message":"customer on the phone"})");
  ASSERT_EQ(asked.status, 201) << asked.body;
  const std::string request = text_at(asked.json(), "request");
  const Answer seen = li.call(port, "GET", "/v1/requests");
  EXPECT_NE(seen.body.find("customer on the phone"), std::string::npos) << seen.body;
  ASSERT_EQ(li.call(port, "POST", "/v1/requests/" + request + "/agree").status, 200);

  const Answer now = wang.call(port, "GET", "/v1/locks/" + text_at(asked.json(), "wait"));
  ASSERT_EQ(now.status, 200) << now.body;
  EXPECT_EQ(text_at(now.json(), "user"), "wang");
  EXPECT_GT(std::stoll(text_at(now.json(), "token")), std::stoll(text_at(granted.json(), "token")));
  EXPECT_EQ(
      li.call(port, "POST", "/v1/locks/" + lock + "/extend", R"({"session":")" + li.session() + R"(","ttl_ms":1000})")
          .status,
      410);
}

TEST(TwoPeople, a_killed_server_comes_back_with_the_lock_its_token_and_its_queue) {
  const TemporaryDirectory data;
  auto server = std::make_unique<ServerProcess>(data.path());
  ASSERT_NE(server->port(), 0) << server->log();
  Person li(server->port(), "li"), wang(server->port(), "wang");
  li.open_session(server->port());
  wang.open_session(server->port());
  const Answer granted = li.acquire(server->port(), "SaleOrder:1001");
  ASSERT_EQ(granted.status, 201) << granted.body;
  const std::string lock = text_at(granted.json(), "lock");
  const Answer asked =
      wang.call(server->port(), "POST", "/v1/locks/" + lock + "/requests", R"({"session":")" + wang.session() + "\"}");
  ASSERT_EQ(asked.status, 201) << asked.body;

  server->kill();
  server = std::make_unique<ServerProcess>(data.path());
  const auto port = server->port();
  ASSERT_NE(port, 0) << server->log();

  // The tokens of before the kill still count, the lock is the same, the heartbeat finds it.
  const Answer lives = li.call(port, "GET", "/v1/locks/" + lock);
  ASSERT_EQ(lives.status, 200) << lives.body;
  EXPECT_EQ(text_at(lives.json(), "token"), text_at(granted.json(), "token"));
  const Answer beat = li.call(port, "POST", "/v1/sessions/" + li.session() + "/heartbeat", "{}");
  ASSERT_EQ(beat.status, 200) << beat.body;
  EXPECT_EQ(text_at(beat.json(), "locks.0"), lock);
  EXPECT_EQ(wang.acquire(port, "SaleOrder:1001").status, 423);

  // The session's secret resumes it on a WebSocket.
  Client socket(port);
  const auto welcome = li.hello(socket, true);
  EXPECT_EQ(text_at(welcome, "event"), "welcome");
  EXPECT_EQ(text_at(welcome, "resumed"), "true");
  EXPECT_EQ(text_at(welcome, "state.locks.0.lock"), lock);

  // The request waits still, and its agreement hands over under a greater token.
  ASSERT_EQ(li.call(port, "POST", "/v1/requests/" + text_at(asked.json(), "request") + "/agree").status, 200);
  const Answer handed = wang.call(port, "GET", "/v1/locks/" + text_at(asked.json(), "wait"));
  ASSERT_EQ(handed.status, 200) << handed.body;
  EXPECT_GT(std::stoll(text_at(handed.json(), "token")), std::stoll(text_at(granted.json(), "token")));
}

TEST(TwoPeople, over_websocket_the_waiter_is_told_the_moment_it_is_free) {
  const TemporaryDirectory data;
  const ServerProcess server(data.path());
  ASSERT_NE(server.port(), 0) << server.log();
  const Person li(server.port(), "li"), wang(server.port(), "wang");
  Client first(server.port()), second(server.port());
  EXPECT_EQ(text_at(li.hello(first), "event"), "welcome");
  EXPECT_EQ(text_at(wang.hello(second), "event"), "welcome");

  first.send_text(R"({"id":1,"op":"lock.acquire","targets":["SaleOut:7"]})");
  const auto granted = first.receive_with("id", 1).json();
  const std::string lock = text_at(granted, "ok.lock");
  ASSERT_FALSE(lock.empty()) << granted;
  second.send_text(R"({"id":1,"op":"lock.acquire","targets":["SaleOut:7"],"wait_ms":60000})");
  const auto queued = second.receive_with("id", 1).json();
  ASSERT_FALSE(text_at(queued, "ok.queued.wait").empty()) << queued;
  first.send_text(R"({"id":2,"op":"lock.release","lock":")" + lock + "\"}");
  EXPECT_EQ(text_at(first.receive_with("id", 2).json(), "ok.released"), "true");
  const auto pushed = second.receive_with("event", "lock.granted").json();
  EXPECT_NE(boost::json::serialize(pushed).find(text_at(queued, "ok.queued.wait")), std::string::npos) << pushed;
}

TEST(TwoPeople, an_open_http_wait_is_answered_by_the_release) {
  const TemporaryDirectory data;
  const ServerProcess server(data.path());
  const auto port = server.port();
  ASSERT_NE(port, 0) << server.log();
  Person li(port, "li"), wang(port, "wang");
  li.open_session(port);
  wang.open_session(port);
  const Answer held = li.acquire(port, "SaleOrder:5");
  ASSERT_EQ(held.status, 201) << held.body;
  Answer waited;
  std::thread waiter([&] { waited = wang.acquire(port, "SaleOrder:5", R"(,"wait_ms":60000)"); });
  // The waiter stands in the queue once the holder's conflict list or the waits show it; ask until they do.
  EXPECT_TRUE(until_waiting(li, port, "1"));
  const Answer freed =
      li.call(port, "DELETE", "/v1/locks/" + text_at(held.json(), "lock") + "?session=" + li.session());
  waiter.join();
  EXPECT_EQ(freed.status, 200) << freed.body;
  EXPECT_EQ(waited.status, 201) << waited.body;
  EXPECT_EQ(text_at(waited.json(), "user"), "wang");
}

// Whether the server hears of his leaving before the release or after it: nobody knows of the lock, so nobody holds it.
TEST(TwoPeople, who_leaves_a_moment_before_he_is_granted_holds_nothing) {
  const TemporaryDirectory data;
  const ServerProcess server(data.path(), {"--durability", "relaxed"});
  const auto port = server.port();
  ASSERT_NE(port, 0) << server.log();
  Person li(port, "li"), wang(port, "wang");
  li.open_session(port);
  wang.open_session(port);
  const std::string body = R"({"session":")" + wang.session() + R"(","targets":["SaleOrder:5"],"wait_ms":60000})";
  const std::string bytes =
      "POST /v1/locks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + wang.token() +
      "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  for (int round = 0; round < 30; ++round) {
    const Answer held = li.acquire(port, "SaleOrder:5");
    ASSERT_EQ(held.status, 201) << "round " << round << ": " << held.body;
    auto leaver = std::make_unique<Client>(port);
    leaver->send(bytes);
    ASSERT_TRUE(until_waiting(li, port, "1")) << "round " << round;
    if (round % 2 == 0) leaver->reset();
    leaver.reset();
    li.call(port, "DELETE", "/v1/locks/" + text_at(held.json(), "lock") + "?session=" + li.session() + "&all=true");
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    std::string state;
    do {
      const Answer mine = wang.call(port, "GET", "/v1/sessions/" + wang.session());
      state = text_at(mine.json(), "locks") + text_at(mine.json(), "waits");
    } while (state != "[][]" && std::chrono::steady_clock::now() < until);
    ASSERT_EQ(state, "[][]") << "round " << round;
  }
}

TEST(Strangers, a_plus_in_a_query_is_a_space_as_forms_write_it) {
  const TemporaryDirectory data;
  const ServerProcess server(data.path());
  ASSERT_NE(server.port(), 0) << server.log();
  Person spaced(server.port(), "spaced"), added(server.port(), "added");
  spaced.open_session(server.port(), R"({"client":"a b"})");
  added.open_session(server.port(), R"({"client":"a+b"})");
  ASSERT_EQ(spaced.acquire(server.port(), "SaleOrder:1").status, 201);
  ASSERT_EQ(added.acquire(server.port(), "SaleOrder:2").status, 201);
  const auto whose = [&](const std::string& client) {
    const Answer found = spaced.call(server.port(), "GET", "/v1/locks?client=" + client);
    EXPECT_EQ(text_at(found.json(), "locks.1.user"), "") << found.body;
    return text_at(found.json(), "locks.0.user");
  };
  EXPECT_EQ(whose("a+b"), "spaced");
  EXPECT_EQ(whose("a%20b"), "spaced");
  EXPECT_EQ(whose("a%2Bb"), "added");
}

TEST(Strangers, curl_can_tell_the_story) {
  const TemporaryDirectory data;
  const ServerProcess server(data.path());
  ASSERT_NE(server.port(), 0) << server.log();
  Person li(server.port(), "li");
  li.open_session(server.port());
  const std::string url = "http://127.0.0.1:" + std::to_string(server.port());
  const std::string bearer = "Authorization: Bearer " + li.token();
  const auto curl = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {
        "curl", "-sS", "-m", "20", "-H", bearer, "-H", "Content-Type: application/json", "-w", " %{http_code}"};
    all.insert(all.end(), more.begin(), more.end());
    const Ended ended = run_program(all);
    EXPECT_EQ(ended.exit_code, 0) << ended.errors;
    return ended.output;
  };
  const std::string acquire = R"({"session":")" + li.session() + R"(","targets":["SaleOrder:1"]})";
  EXPECT_TRUE(curl({"-d", acquire, url + "/v1/locks"}).ends_with(" 201"));
  // curl sends Expect: 100-continue with a large body, by a header of its own for a small one.
  EXPECT_TRUE(curl({"-H", "Expect: 100-continue", "-d", acquire, url + "/v1/locks"}).ends_with(" 201"));
  EXPECT_TRUE(curl({"-I", url + "/healthz"}).ends_with(" 200"));
  EXPECT_TRUE(curl({"--http1.0", url + "/readyz"}).ends_with(" 200"));
  const std::string metrics = curl({url + "/metrics"});
  EXPECT_NE(metrics.find("holdfast_acquires_total{outcome=\"granted\"} 1\n"), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("holdfast_acquires_total{outcome=\"again\"} 1\n"), std::string::npos);
  // Two requests over one connection, then one that is too large.
  EXPECT_TRUE(curl({url + "/healthz", url + "/v1/nothing"}).ends_with(" 404"));
  const TemporaryDirectory files;
  const std::string large = files.path() + "/large.json";
  std::ofstream(large) << std::string(2'000'000, ' ');
  EXPECT_TRUE(curl({"-d", "@" + large, url + "/v1/locks"}).ends_with(" 413"));
}

TEST(Audit, every_change_is_listed_newest_first_page_by_page) {
  const TemporaryDirectory data;
  const ServerProcess server(data.path());
  const auto port = server.port();
  ASSERT_NE(port, 0) << server.log();
  Person li(port, "li"), boss(port, "boss", "admin");
  li.open_session(port);
  const Answer one = li.acquire(port, "SaleOrder:1");
  const Answer two = li.acquire(port, "SaleOrder:2");
  ASSERT_EQ(two.status, 201);
  const std::string lock = text_at(two.json(), "lock");
  ASSERT_EQ(boss.call(port, "POST", "/v1/locks/" + lock + "/force", R"({"reason":"stocktaking"})").status, 200);
  const Answer first = boss.call(port, "GET", "/v1/audit?limit=1");
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(text_at(first.json(), "entries.0.user"), "boss") << first.body;
  EXPECT_NE(first.body.find("stocktaking"), std::string::npos);
  const std::string next = text_at(first.json(), "next");
  ASSERT_FALSE(next.empty());
  const Answer second = boss.call(port, "GET", "/v1/audit?limit=1&next=" + next);
  EXPECT_EQ(text_at(second.json(), "entries.0.lock"), lock) << second.body;
  const Answer only = boss.call(port, "GET", "/v1/audit?target=SaleOrder:1");
  EXPECT_EQ(only.body.find(lock), std::string::npos) << only.body;
  EXPECT_EQ(boss.call(port, "GET", "/v1/audit?lock=nonsense").status, 400);
  EXPECT_EQ(boss.call(port, "GET", "/v1/audit?next=nonsense").status, 400);
}

}  // namespace
}  // namespace hf::test
