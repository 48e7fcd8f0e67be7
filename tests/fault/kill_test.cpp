// Servers that are killed, frozen and damaged while people work. What was answered must still be so afterwards; what
// was not answered may be either, but never both.

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

#include "tests/server/people.h"
#include "tests/server/server_process.h"

namespace hf::test {
namespace {

int rounds() { return std::getenv("HF_SOAK") != nullptr ? 300 : 6; }

// What the server has said.
struct Worked {
  std::map<std::string, long long> held;  // target -> token, as answered
  long long highest = 0;
};

TEST(Kill, at_any_moment_loses_no_answered_lock_and_brings_no_token_back) {
  const TemporaryDirectory data;
  Worked worked;
  std::unique_ptr<Person> li;
  auto server = std::make_unique<ServerProcess>(data.path());
  ASSERT_NE(server->port(), 0) << server->log();
  li = std::make_unique<Person>(server->port(), "li");
  li->open_session(server->port(), R"({"client":"fault","lease_ms":1800000})");
  for (int round = 0; round < rounds(); ++round) {
    // Everything answered in earlier rounds is there, under its token, and nobody else can take it.
    Client socket(server->port());
    ASSERT_EQ(text_at(li->hello(socket), "event"), "welcome");
    const Answer state = li->call(server->port(), "GET", "/v1/sessions/" + li->session());
    ASSERT_EQ(state.status, 200) << state.body;
    std::map<std::string, long long> there;
    const auto json = state.json();
    for (const auto& lock : json.at("locks").as_array())
      there[text_at(lock, "targets.0")] = std::stoll(text_at(lock, "token"));
    for (const auto& [target, token] : worked.held) {
      ASSERT_TRUE(there.contains(target)) << "round " << round << ": lost " << target;
      ASSERT_EQ(there[target], token) << target;
    }

    // 40 acquires on their way; the server dies after some of the answers.
    std::string frames;
    for (int i = 0; i < 40; ++i) {
      append_frame(frames, Opcode::text,
                   R"({"id":)" + std::to_string(i) + R"(,"op":"lock.acquire","session":")" + li->session() +
                       R"(","targets":["SaleOrder:)" + std::to_string(100 * (round + 1) + i) + "\"]}",
                   static_cast<std::uint32_t>(i + 1));
    }
    socket.send(frames);
    const int answers_before_kill = (round * 13) % 40;
    for (int i = 0; i < answers_before_kill; ++i) {
      const auto answer = socket.receive().json();
      if (text_at(answer, "ok.token").empty()) continue;
      const long long token = std::stoll(text_at(answer, "ok.token"));
      EXPECT_GT(token, worked.highest) << "a token came back";
      worked.highest = std::max(worked.highest, token);
      worked.held[text_at(answer, "ok.targets.0")] = token;
    }
    server->kill();
    // Answers that were in the socket when it died were answers.
    while (const Received late = socket.receive()) {
      const auto answer = late.json();
      if (text_at(answer, "ok.token").empty()) continue;
      worked.held[text_at(answer, "ok.targets.0")] = std::stoll(text_at(answer, "ok.token"));
      worked.highest = std::max(worked.highest, std::stoll(text_at(answer, "ok.token")));
    }
    server = std::make_unique<ServerProcess>(data.path());
    ASSERT_NE(server->port(), 0) << server->log();
  }
  EXPECT_FALSE(worked.held.empty());
}

TEST(Kill, a_request_repeated_with_its_id_after_a_kill_has_one_effect) {
  const TemporaryDirectory data;
  auto server = std::make_unique<ServerProcess>(data.path());
  ASSERT_NE(server->port(), 0) << server->log();
  Person li(server->port(), "li");
  li.open_session(server->port());
  const Answer first = li.acquire(server->port(), "SaleOrder:1", R"(,"request_id":"r1")");
  ASSERT_EQ(first.status, 201) << first.body;
  server->kill();
  server = std::make_unique<ServerProcess>(data.path());
  const Answer again = li.acquire(server->port(), "SaleOrder:1", R"(,"request_id":"r1")");
  ASSERT_EQ(again.status, 201) << again.body;
  EXPECT_EQ(text_at(again.json(), "token"), text_at(first.json(), "token"));
  EXPECT_EQ(text_at(li.call(server->port(), "GET", "/v1/locks/" + text_at(first.json(), "lock")).json(), "holds"), "1");
}

TEST(Freeze, a_stopped_server_answers_what_was_asked_meanwhile_and_expires_nothing_early) {
  const TemporaryDirectory data;
  const ServerProcess server(data.path());
  ASSERT_NE(server.port(), 0) << server.log();
  Person li(server.port(), "li"), wang(server.port(), "wang");
  li.open_session(server.port());
  wang.open_session(server.port());
  ASSERT_EQ(li.acquire(server.port(), "SaleOrder:1").status, 201);
  Client socket(server.port());
  ASSERT_EQ(text_at(wang.hello(socket), "event"), "welcome");
  server.signal(SIGSTOP);
  socket.send_text(R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})");
  EXPECT_FALSE(socket.has_something(300));
  server.signal(SIGCONT);
  EXPECT_EQ(text_at(socket.receive_with("id", 1).json(), "error.code"), "locked");
}

TEST(Damage, a_damaged_store_is_refused_and_left_as_it_is) {
  const TemporaryDirectory data;
  {
    ServerProcess server(data.path());
    ASSERT_NE(server.port(), 0) << server.log();
    Person li(server.port(), "li");
    li.open_session(server.port());
    ASSERT_EQ(li.acquire(server.port(), "SaleOrder:1").status, 201);
    ASSERT_TRUE(server.stop());
  }
  const std::string path = data.path() + "/holdfast.db";
  const auto size = std::filesystem::file_size(path);
  std::filesystem::resize_file(path, size / 2);
  const Ended ended = run_program({holdfastd_path(), "--dev", "--listen", "127.0.0.1:0", "--data", data.path()});
  EXPECT_EQ(ended.exit_code, 1) << ended.output;
  EXPECT_FALSE(ended.errors.empty());
  EXPECT_EQ(std::filesystem::file_size(path), size / 2);
}

TEST(Reset, peers_that_vanish_in_the_middle_leave_nothing_behind) {
  const TemporaryDirectory data;
  const ServerProcess server(data.path());
  ASSERT_NE(server.port(), 0) << server.log();
  Person li(server.port(), "li"), wang(server.port(), "wang");
  li.open_session(server.port());
  wang.open_session(server.port());
  const Answer held = li.acquire(server.port(), "SaleOrder:1");
  ASSERT_EQ(held.status, 201);
  // An HTTP wait without a request id, whose asker goes away, waits no more.
  {
    Client client(server.port());
    const std::string body = R"({"session":")" + wang.session() + R"(","targets":["SaleOrder:1"],"wait_ms":60000})";
    client.send("POST /v1/locks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " +
                wang.token() + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    ASSERT_TRUE(until_waiting(li, server.port(), "1"));
    client.reset();
  }
  ASSERT_TRUE(until_waiting(li, server.port(), "0"));
  EXPECT_EQ(
      li.call(server.port(), "DELETE", "/v1/locks/" + text_at(held.json(), "lock") + "?session=" + li.session()).status,
      200);
  EXPECT_EQ(li.acquire(server.port(), "SaleOrder:1").status, 201);
}

}  // namespace
}  // namespace hf::test
