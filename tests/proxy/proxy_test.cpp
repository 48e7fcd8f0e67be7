// Holdfast behind the proxies that companies have. If these fail, a wait ends in a 504 and becomes a lock that nobody
// knows of, pages see changes late or never, or one click acts twice.

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>

#include "tests/proxy/proxy_process.h"
#include "tests/redis/redis_process.h"
#include "tests/server/people.h"

namespace hf::test {
namespace {

std::string name_of(const testing::TestParamInfo<Proxy>& info) {
  return info.param == Proxy::nginx ? "nginx" : "haproxy";
}

// Two nodes beside one Redis, and a proxy before both: what people ask, they ask the proxy, under /holdfast.
class BehindProxy : public testing::TestWithParam<Proxy> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(redis.is_running());
    start(a, data_a, "a");
    std::filesystem::copy_file(data_a.path() + "/dev.key", data_b.path() + "/dev.key");
    start(b, data_b, "b");
    proxy = std::make_unique<ProxyProcess>(GetParam(), a->port(), b->port());
    ASSERT_NE(proxy->port(), 0) << proxy->log();
    ASSERT_TRUE(eventually([&] { return Client(proxy->port()).request("GET", "/holdfast/readyz").status == 200; }))
        << proxy->log();
  }
  void start(std::unique_ptr<ServerProcess>& node, const TemporaryDirectory& data, const std::string& name) {
    node = std::make_unique<ServerProcess>(
        data.path(), std::vector<std::string>{"--engine", "redis", "--redis", redis.url().text()},
        std::vector<std::string>{"HOLDFAST_SERVER_NODE=" + name, "HOLDFAST_HTTP_WAIT_MAX_MS=" + wait_max_ms});
    ASSERT_NE(node->port(), 0) << node->log();
    ASSERT_TRUE(eventually([&] { return Client(node->port()).request("GET", "/readyz").status == 200; }))
        << node->log();
  }
  // Tokens come from a node itself: the proxy gives none.
  Person person(const std::string& user) {
    Person one((a ? a : b)->port(), user);
    return one;
  }
  Answer call(const Person& who, std::string_view method, const std::string& path, std::string_view body = {},
              Headers more = {}) const {
    more.emplace_back("Authorization", "Bearer " + who.token());
    Client client(proxy->port(), 60'000);
    return client.request(method, "/holdfast" + path, body, more);
  }
  std::string open_session(const Person& who) const {
    const Answer answer = call(who, "POST", "/v1/sessions", R"({"client":"test"})");
    EXPECT_EQ(answer.status, 201) << answer.body;
    return text_at(answer.json(), "session");
  }
  static std::string wish(const std::string& session, const std::string& bill, const std::string& more = {}) {
    return R"({"session":")" + session + R"(","targets":[")" + bill + "\"]" + more + "}";
  }
  std::size_t waits_of(const Person& who, const std::string& session) const {
    const auto state = call(who, "GET", "/v1/sessions/" + session).json();
    const auto* waits = state.is_object() ? state.get_object().if_contains("waits") : nullptr;
    return waits == nullptr || !waits->is_array() ? 0 : waits->get_array().size();
  }

  std::string wait_max_ms = "25000";
  RedisProcess redis{{.appendonly = true}};
  TemporaryDirectory data_a, data_b;
  std::unique_ptr<ServerProcess> a, b;
  std::unique_ptr<ProxyProcess> proxy;
};

class BehindProxyWithShortWaits : public BehindProxy {
 protected:
  BehindProxyWithShortWaits() { wait_max_ms = "300"; }
};

TEST_P(BehindProxy, a_wait_is_granted_when_the_holder_lets_go) {
  const Person li = person("li"), wang = person("wang");
  const std::string of_li = open_session(li), of_wang = open_session(wang);
  const Answer held = call(li, "POST", "/v1/locks", wish(of_li, "SaleOrder:1"));
  ASSERT_EQ(held.status, 201) << held.body;
  auto waiting = std::async(std::launch::async, [&] {
    return call(wang, "POST", "/v1/locks", wish(of_wang, "SaleOrder:1", R"(,"wait_ms":60000)"));
  });
  ASSERT_TRUE(eventually([&] { return waits_of(wang, of_wang) == 1; }));
  const std::string lock = text_at(held.json(), "lock");
  EXPECT_EQ(call(li, "DELETE", "/v1/locks/" + lock + "?session=" + of_li + "&all=true").status, 200);
  const Answer granted = waiting.get();
  EXPECT_EQ(granted.status, 201) << granted.body;
  EXPECT_EQ(text_at(granted.json(), "user"), "wang");
}

TEST_P(BehindProxyWithShortWaits, a_wait_that_lasts_longer_is_202_and_its_repeat_goes_on) {
  const Person li = person("li"), wang = person("wang");
  const std::string of_li = open_session(li), of_wang = open_session(wang);
  const Answer held = call(li, "POST", "/v1/locks", wish(of_li, "SaleOrder:1"));
  ASSERT_EQ(held.status, 201) << held.body;
  const std::string body = wish(of_wang, "SaleOrder:1", R"(,"wait_ms":60000)");
  const Answer first = call(wang, "POST", "/v1/locks", body, {{"Idempotency-Key", "w"}});
  ASSERT_EQ(first.status, 202) << first.body;
  call(li, "DELETE", "/v1/locks/" + text_at(held.json(), "lock") + "?session=" + of_li + "&all=true");
  Answer second;
  ASSERT_TRUE(eventually([&] {
    second = call(wang, "POST", "/v1/locks", body, {{"Idempotency-Key", "w"}});
    return second.status != 202;
  }));
  EXPECT_EQ(second.status, 201) << second.body;
  EXPECT_EQ(text_at(second.json(), "lock"), text_at(first.json(), "wait"));
}

TEST_P(BehindProxy, who_leaves_while_he_waits_leaves_no_wait_behind) {
  const Person li = person("li"), wang = person("wang");
  const std::string of_li = open_session(li), of_wang = open_session(wang);
  ASSERT_EQ(call(li, "POST", "/v1/locks", wish(of_li, "SaleOrder:1")).status, 201);
  {
    Client leaves(proxy->port());
    const std::string body = wish(of_wang, "SaleOrder:1", R"(,"wait_ms":60000)");
    leaves.send(
        "POST /holdfast/v1/locks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " +
        wang.token() + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    ASSERT_TRUE(eventually([&] { return waits_of(wang, of_wang) == 1; }));
  }
  EXPECT_TRUE(eventually([&] { return waits_of(wang, of_wang) == 0; }));
}

TEST_P(BehindProxy, events_of_a_stream_come_when_they_happen) {
  const Person li = person("li"), wang = person("wang");
  const std::string of_li = open_session(li);
  Client stream(proxy->port(), 8'000);  // less than from one comment of the stream to the next
  stream.send("GET /holdfast/v1/watch?targets=SaleOrder:1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
              wang.token() + "\r\n\r\n");
  const auto reads = [&](std::string_view wanted) {
    for (;;) {
      const auto line = stream.read_line();
      if (!line || line->starts_with(wanted)) return line.has_value();
    }
  };
  ASSERT_TRUE(reads("event: watch"));
  ASSERT_EQ(call(li, "POST", "/v1/locks", wish(of_li, "SaleOrder:1")).status, 201);
  EXPECT_TRUE(reads("event: lock.changed"));
}

TEST_P(BehindProxy, a_websocket_says_hello_is_pinged_and_goes_on_at_the_other_node_when_its_own_is_killed) {
  const Person li = person("li");
  const auto greet = [&](Client& client, const std::string& more) {
    if (!client.upgrade({}, "/holdfast/v1/ws")) return boost::json::value();
    client.send_text(R"({"op":"hello","token":")" + li.token() + "\"" + more + "}");
    return client.receive_with("event", "welcome").json();
  };
  auto client = std::make_unique<Client>(proxy->port(), 15'000);
  const auto welcome = greet(*client, "");
  const std::string session = text_at(welcome, "session");
  ASSERT_FALSE(session.empty()) << client->answer().status << proxy->log();
  client->send_text(R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1"]})");
  const std::string lock = text_at(client->receive_with("id", 1).json(), "ok.lock");
  ASSERT_FALSE(lock.empty());
  client->send_frame(Opcode::ping, "still there?");
  EXPECT_EQ(client->receive().opcode, Opcode::pong);
  ASSERT_TRUE(client->receive_with("event", "ping")) << "the connection is cut between two pings";
  client->send_text(R"({"op":"pong","n":1})");
  client->send_text(R"({"id":2,"op":"session.heartbeat"})");
  EXPECT_FALSE(text_at(client->receive_with("id", 2).json(), "ok.expires_at").empty());

  const std::string at = text_at(welcome, "node");
  (at == "a" ? a : b)->kill();
  (at == "a" ? a : b).reset();
  while (client->receive()) {
  }
  boost::json::value resumed;
  ASSERT_TRUE(eventually([&] {
    client = std::make_unique<Client>(proxy->port(), 15'000);
    resumed = greet(*client, R"(,"session":")" + session + R"(","secret":")" + text_at(welcome, "secret") + "\"");
    return text_at(resumed, "resumed") == "true";
  }));
  EXPECT_EQ(text_at(resumed, "node"), at == "a" ? "b" : "a");
  EXPECT_EQ(text_at(resumed, "state.locks.0.lock"), lock);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(call(li, "GET", "/v1/locks/" + lock).status, 200) << i;
  EXPECT_EQ(call(li, "DELETE", "/v1/locks/" + lock + "?session=" + session).status, 200);
}

TEST_P(BehindProxy, a_sign_in_stays_under_the_prefix_and_what_is_the_operators_is_not_shown) {
  const Person li = person("li");
  const Answer login = call(li, "POST", "/v1/login");
  ASSERT_EQ(login.status, 200) << login.body;
  const std::string cookie = login.headers.at("set-cookie");
  EXPECT_NE(cookie.find("; Path=/holdfast/; HttpOnly"), std::string::npos) << cookie;
  Client browser(proxy->port());
  const std::string host = "127.0.0.1:" + std::to_string(proxy->port());
  const std::string pair = cookie.substr(0, cookie.find(';'));
  browser.send("POST /holdfast/v1/sessions HTTP/1.1\r\nHost: " + host + "\r\nOrigin: http://" + host +
               "\r\nCookie: " + pair + "\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(browser.read_answer().status, 201) << "a page under the prefix is the server's own";
  for (const char* path : {"/metrics", "/v1/dev/token", "/%6detrics"})
    EXPECT_EQ(Client(proxy->port()).request("GET", std::string("/holdfast") + path).status, 404) << path;
}

INSTANTIATE_TEST_SUITE_P(Proxies, BehindProxy, testing::Values(Proxy::nginx, Proxy::haproxy), name_of);
INSTANTIATE_TEST_SUITE_P(Proxies, BehindProxyWithShortWaits, testing::Values(Proxy::nginx, Proxy::haproxy), name_of);

// ---------------------------------------------------------------------------------------------- repeats

// Says that it is ready; of any other request it keeps the header and closes without an answer, as a node does that is
// killed while it works.
class DyingNode {
 public:
  DyingNode() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), size);
    ::listen(socket_, 64);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~DyingNode() {
    stopping_ = true;
    thread_.join();
    ::close(socket_);
  }
  DyingNode(const DyingNode&) = delete;
  DyingNode& operator=(const DyingNode&) = delete;

  std::uint16_t port() const noexcept { return port_; }
  std::vector<std::string> heard() const {
    const std::lock_guard guard(mutex_);
    return heard_;
  }

 private:
  void serve() {
    while (!stopping_) {
      pollfd ready{socket_, POLLIN, 0};
      if (::poll(&ready, 1, 20) <= 0) continue;
      const int peer = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
      if (peer < 0) continue;
      std::string header;
      char block[4096];
      for (pollfd more{peer, POLLIN, 0}; header.find("\r\n\r\n") == std::string::npos && ::poll(&more, 1, 5000) > 0;) {
        const ssize_t got = ::recv(peer, block, sizeof block, 0);
        if (got <= 0) break;
        header.append(block, static_cast<std::size_t>(got));
      }
      if (header.starts_with("GET /readyz ")) {
        const std::string_view yes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        [[maybe_unused]] const ssize_t sent = ::send(peer, yes.data(), yes.size(), MSG_NOSIGNAL);
      } else if (!header.empty()) {
        const std::lock_guard guard(mutex_);
        heard_.push_back(std::move(header));
      }
      ::close(peer);
    }
  }

  int socket_;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> heard_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

class ProxyAlone : public testing::TestWithParam<Proxy> {};

TEST_P(ProxyAlone, a_change_that_a_node_may_have_read_is_sent_to_no_other) {
  const DyingNode first, second;
  const ProxyProcess proxy(GetParam(), first.port(), second.port());
  ASSERT_NE(proxy.port(), 0) << proxy.log();
  Answer answer;
  ASSERT_TRUE(eventually([&] {  // a proxy that looks after its nodes has not seen them ready yet
    answer = Client(proxy.port()).request("POST", "/holdfast/v1/locks?a=b+c", "{}", {{"X-Forwarded-For", "10.9.8.7"}});
    return !first.heard().empty() || !second.heard().empty();
  })) << proxy.log();
  EXPECT_EQ(answer.status, 502) << answer.body;
  auto heard = first.heard();
  for (std::string& one : second.heard()) heard.push_back(std::move(one));
  ASSERT_EQ(heard.size(), 1U) << "one click acts twice";
  EXPECT_TRUE(heard[0].starts_with("POST /v1/locks?a=b+c HTTP/1.1\r\n")) << heard[0];
}

TEST_P(ProxyAlone, a_node_hears_the_path_as_it_came_and_who_asks) {
  const DyingNode first, second;
  const ProxyProcess proxy(GetParam(), first.port(), second.port());
  ASSERT_NE(proxy.port(), 0) << proxy.log();
  std::vector<std::string> heard;
  ASSERT_TRUE(eventually([&] {
    Client client(proxy.port());
    client.request("GET", "/holdfast/v1/status/SaleOrder/A%2F1", "", {{"X-Forwarded-For", "10.9.8.7"}});
    heard = first.heard();
    for (std::string& one : second.heard()) heard.push_back(std::move(one));
    return !heard.empty();
  })) << proxy.log();
  std::string header = heard[0];
  for (char& c : header) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  EXPECT_NE(heard[0].find("GET /v1/status/SaleOrder/A%2F1 "), std::string::npos) << heard[0];
  EXPECT_NE(header.find("\r\nhost: 127.0.0.1\r\n"), std::string::npos) << heard[0];
  EXPECT_NE(header.find("127.0.0.1\r\n", header.find("\r\nx-forwarded-for: ")), std::string::npos) << heard[0];
  EXPECT_NE(header.find("\r\nx-forwarded-proto: http\r\n"), std::string::npos) << heard[0];
}

TEST_P(ProxyAlone, a_node_that_is_away_is_passed_over) {
  std::uint16_t away = 0;
  {
    const DyingNode gone;
    away = gone.port();
  }
  const DyingNode there;
  const ProxyProcess proxy(GetParam(), away, there.port());
  ASSERT_NE(proxy.port(), 0) << proxy.log();
  ASSERT_TRUE(eventually([&] {
    Client(proxy.port()).request("POST", "/holdfast/v1/locks", "{}");
    return !there.heard().empty();
  })) << proxy.log();
}

INSTANTIATE_TEST_SUITE_P(Proxies, ProxyAlone, testing::Values(Proxy::nginx, Proxy::haproxy), name_of);

}  // namespace
}  // namespace hf::test
