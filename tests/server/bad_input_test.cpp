// Whatever a stranger sends is refused with its code, and the server goes on serving everybody else.

#include <gtest/gtest.h>

#include "tests/server/people.h"
#include "tests/server/server_process.h"

namespace hf::test {
namespace {

class BadInput : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(server_.port(), 0) << server_.log();
    li_.emplace(server_.port(), "li");
    li_->open_session(server_.port());
  }
  // The server is well: the same process still grants.
  void TearDown() override {
    Person other(server_.port(), "other");
    other.open_session(server_.port());
    EXPECT_EQ(other.acquire(server_.port(), "SaleOrder:4711").status, 201) << server_.log();
    EXPECT_EQ(server_.stop()->exit_code, 0);
  }
  // The refusal's "STATUS code".
  std::string refused(std::string_view method, std::string_view path, std::string_view body = {}) {
    const Answer answer = li_->call(server_.port(), method, path, body);
    return std::to_string(answer.status) + " " + text_at(answer.json(), "code");
  }

  TemporaryDirectory data_;
  ServerProcess server_{data_.path()};
  std::optional<Person> li_;
};

TEST_F(BadInput, malformed_bodies_name_what_is_wrong) {
  const std::string head = R"({"session":")" + li_->session() + R"(",)";
  for (const std::string& body :
       {std::string("{"), std::string("[]"), std::string("null"), std::string("\xff\xfe"), std::string("{\"a\":1}{"),
        head + "}", head + R"("targets":[]})", head + R"("targets":"SaleOrder:1"})", head + R"("targets":[1]})",
        head + R"("targets":[""]})", head + R"("targets":["No Such Type:1"]})",
        head + R"("targets":["SaleOrder:1/NoPart"]})", head + R"("targets":["SaleOrder:1"],"mode":"loud"})",
        head + R"("targets":["SaleOrder:1"],"wait_ms":-1})", head + R"("targets":["SaleOrder:1"],"wait_ms":1e300})",
        head + R"("targets":["SaleOrder:1"],"ttl_ms":"soon"})",
        std::string(R"({"session":"short","targets":["SaleOrder:1"]})")}) {
    EXPECT_EQ(refused("POST", "/v1/locks", body), "400 invalid") << body;
  }
  EXPECT_EQ(refused("POST", "/v1/locks", std::string(100'000, '[')), "400 invalid");
  EXPECT_EQ(refused("POST", "/v1/locks", "{\"a\":" + std::string(50'000, '{')), "400 invalid");
  EXPECT_EQ(refused("GET", "/v1/locks/nonsense"), "400 invalid");
  EXPECT_EQ(refused("GET", "/v1/nothing"), "404 not_found");
  EXPECT_EQ(refused("GET", "/v1/locks?limit=many"), "400 invalid");
}

TEST_F(BadInput, sizes_over_the_limits_are_too_large) {
  std::string many = R"({"session":")" + li_->session() + R"(","targets":["SaleOrder:0")";
  for (int i = 1; i <= 1000; ++i) many += ",\"SaleOrder:" + std::to_string(i) + "\"";
  const std::string code = refused("POST", "/v1/locks", many + "]}");
  EXPECT_TRUE(code == "413 too_large" || code == "400 invalid") << code;
  EXPECT_EQ(refused("POST", "/v1/locks", std::string(1'100'000, ' ')), "413 too_large");
}

TEST_F(BadInput, tokens_that_are_none_of_ours_are_401) {
  const std::string& good = li_->token();
  for (const std::string& token :
       {std::string("x"), std::string("a.b.c"), good + "x", good.substr(0, good.size() - 3),
        "eyJhbGciOiJub25lIn0" + good.substr(good.find('.')), std::string(10'000, 'a'), std::string("..")}) {
    Client client(server_.port());
    const Answer answer = client.request("GET", "/v1/sessions", "", {{"Authorization", "Bearer " + token}});
    EXPECT_EQ(answer.status, 401) << token;
    EXPECT_EQ(answer.body.find(good), std::string::npos);
  }
  EXPECT_EQ(Client(server_.port()).request("GET", "/v1/sessions").status, 401);
}

TEST_F(BadInput, anothers_session_is_forbidden) {
  const Person wang(server_.port(), "wang");
  const Answer answer = wang.call(server_.port(), "POST", "/v1/sessions/" + li_->session() + "/heartbeat", "{}");
  EXPECT_EQ(answer.status, 403) << answer.body;
}

TEST_F(BadInput, a_websocket_that_breaks_the_protocol_is_closed_with_its_code) {
  const auto code_after = [this](const std::vector<std::string>& texts) -> int {
    Client client(server_.port());
    EXPECT_TRUE(client.upgrade());
    for (const std::string& text : texts) client.send_text(text);
    for (;;) {
      const Received message = client.receive();
      if (!message || message.opcode == Opcode::close) return message.close_code;
    }
  };
  EXPECT_EQ(code_after({"not json"}), 4000);
  EXPECT_EQ(code_after({R"({"op":"hello","token":"nonsense"})"}), 4002);
}

TEST_F(BadInput, a_bad_message_after_hello_is_answered_and_the_connection_lives) {
  Client client(server_.port());
  ASSERT_EQ(text_at(li_->hello(client), "event"), "welcome");
  client.send_text(R"({"id":1,"op":"no.such.op"})");
  EXPECT_EQ(text_at(client.receive_with("id", 1).json(), "error.code"), "invalid");
  client.send_text(R"({"id":2,"op":"lock.acquire","targets":["Nonsense:1"]})");
  EXPECT_EQ(text_at(client.receive_with("id", 2).json(), "error.code"), "invalid");
  client.send_text(R"({"id":3,"op":"lock.acquire","targets":["SaleOrder:3"]})");
  EXPECT_FALSE(text_at(client.receive_with("id", 3).json(), "ok.token").empty());
}

TEST_F(BadInput, a_request_and_a_close_in_one_segment_are_both_answered) {
  Client client(server_.port());
  ASSERT_EQ(text_at(li_->hello(client), "event"), "welcome");
  std::string bytes;
  append_frame(bytes, Opcode::text, R"({"id":9,"op":"lock.acquire","targets":["SaleOrder:9"]})", 7U);
  append_close_frame(bytes, 1000, "", 8U);
  client.send(bytes);
  EXPECT_FALSE(text_at(client.receive_with("id", 9).json(), "ok.token").empty());
  EXPECT_EQ(client.receive().close_code, 1000);
}

TEST_F(BadInput, a_development_token_is_not_given_through_a_proxy) {
  for (const char* header : {"X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "X-Real-IP", "Via"}) {
    const Answer answer = Client(server_.port()).request("POST", "/v1/dev/token", R"({"user":"li"})", {{header, "a"}});
    EXPECT_EQ(answer.status, 403) << header;
    EXPECT_EQ(answer.headers.at("cache-control"), "no-store");
    EXPECT_EQ(answer.headers.at("x-content-type-options"), "nosniff");
  }
  EXPECT_EQ(Client(server_.port()).request("POST", "/v1/dev/token", R"({"user":"li"})").status, 200);
}

TEST_F(BadInput, too_many_keys_cost_nobody_anything) {
  std::string text = "{\"k0\":0";
  for (int i = 1; i < 65'536; ++i) text += ",\"k" + std::to_string(i) + "\":0";
  text += '}';
  EXPECT_EQ(refused("POST", "/v1/locks", text), "400 invalid");
  EXPECT_EQ(Client(server_.port()).request("POST", "/v1/login", text).status, 413);
  EXPECT_EQ(Client(server_.port()).request("POST", "/v1/locks", text).status, 401);
  Client client(server_.port());
  ASSERT_TRUE(client.upgrade());
  client.send_text(text);
  EXPECT_EQ(text_at(client.receive().json(), "error.code"), "too_large");
  EXPECT_EQ(client.receive().close_code, 1009);
}

TEST_F(BadInput, truncated_bytes_of_every_length_leave_it_standing) {
  const std::string whole =
      "POST /v1/locks HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nContent-Type: application/json\r\n\r\n{\"a\":1234}";
  for (std::size_t length = 0; length < whole.size(); length += 3) {
    Client client(server_.port());
    client.send(whole.substr(0, length));
    if (length % 2 == 0) client.reset();
  }
  std::string frames;
  append_frame(frames, Opcode::text, R"({"op":"hello"})", 99U);
  for (std::size_t length = 0; length < frames.size(); ++length) {
    Client client(server_.port());
    ASSERT_TRUE(client.upgrade());
    client.send(frames.substr(0, length));
    client.reset();
  }
}

}  // namespace
}  // namespace hf::test
