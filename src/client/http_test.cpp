// Questions by HTTP against a server that answers what the test tells it to, as servers and proxies do. If these fail,
// `holdfast` calls a good answer no JSON, waits for what never comes, or believes half an answer.

#include "client/http.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace hf::client {
namespace {

using holdfast::Code;
using holdfast::Millis;

// Answers each connection with the same bytes.
class AnsweringServer {
 public:
  enum class Then : std::uint8_t { close, stay };

  explicit AnsweringServer(std::string answer, Then then = Then::close) : answer_(std::move(answer)), then_(then) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    EXPECT_EQ(::pipe(stop_), 0);
    thread_ = std::thread([this] { run(); });
  }
  ~AnsweringServer() {
    ::close(stop_[1]);
    thread_.join();
    ::close(stop_[0]);
    ::close(listener_);
  }
  AnsweringServer(const AnsweringServer&) = delete;
  AnsweringServer& operator=(const AnsweringServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int asked() const { return asked_; }

 private:
  bool readable(int socket) const {
    pollfd fds[2] = {{socket, POLLIN, 0}, {stop_[0], POLLIN, 0}};
    return ::poll(fds, 2, -1) > 0 && fds[1].revents == 0;
  }
  void run() {
    while (readable(listener_)) {
      const int socket = ::accept(listener_, nullptr, nullptr);
      serve(socket);
      ::close(socket);
    }
  }
  void serve(int socket) {
    std::string asked;
    char buffer[4096];
    while (asked.find("\r\n\r\n") == std::string::npos) {
      if (!readable(socket)) return;
      const ssize_t got = ::recv(socket, buffer, sizeof buffer, 0);
      if (got <= 0) return;
      asked.append(buffer, static_cast<std::size_t>(got));
    }
    ++asked_;
    for (std::string_view rest = answer_; !rest.empty();) {
      const ssize_t sent = ::send(socket, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    while (then_ == Then::stay && readable(socket) && ::recv(socket, buffer, sizeof buffer, 0) > 0) continue;
  }

  std::string answer_;
  Then then_;
  int listener_ = -1;
  int stop_[2] = {-1, -1};
  std::uint16_t port_ = 0;
  std::atomic<int> asked_{0};
  std::thread thread_;
};

constexpr auto stays = AnsweringServer::Then::stay;

holdfast::Result<std::string> ask(const std::string& url, const std::string& method = "GET") {
  return call_over_http({.url = url, .method = method, .path = "/v1/stats", .deadline = Millis(20'000)});
}

// What is said of a server that gives this answer and closes.
std::string refusal_of(const std::string& answer) {
  const AnsweringServer server(answer);
  const auto got = ask(server.url());
  EXPECT_FALSE(got) << answer.substr(0, 200);
  if (got) return "";
  EXPECT_EQ(got.error().code, Code::unavailable);
  return got.error().text();
}

constexpr const char* cut_off = "the server closed the connection before its answer was complete";

TEST(Http, an_answer_is_as_long_as_it_says_though_the_connection_stays) {
  const AnsweringServer server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", stays);
  const auto answer = ask(server.url());
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(*answer, "{}");
}

TEST(Http, bytes_behind_the_answer_are_not_of_it) {
  const AnsweringServer server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}{\"a\":1}", stays);
  const auto answer = ask(server.url());
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(*answer, "{}");
}

TEST(Http, an_answer_in_chunks_is_put_together) {
  const AnsweringServer server(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4;why=not\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\nTrailer: x\r\n\r\n",
      stays);
  const auto answer = ask(server.url());
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(*answer, R"({"a":1})");
}

TEST(Http, an_answer_without_a_length_ends_with_the_connection) {
  const AnsweringServer server("HTTP/1.0 200 OK\r\n\r\n{\"a\":1}");
  const auto answer = ask(server.url());
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(*answer, R"({"a":1})");
}

TEST(Http, an_answer_without_a_body_is_over_at_once) {
  const AnsweringServer server("HTTP/1.1 204 No Content\r\n\r\n", stays);
  const auto answer = ask(server.url());
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(*answer, "");
}

TEST(Http, half_an_answer_is_none) {
  for (const char* answer :
       {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}", "HTTP/1.1 100 Continue\r\n\r\n"})
    EXPECT_EQ(refusal_of(answer), cut_off) << answer;
}

TEST(Http, the_server_may_say_that_it_is_still_at_it) {
  const AnsweringServer server(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
      stays);
  const auto answer = ask(server.url());
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(*answer, "{}");
}

TEST(Http, but_not_for_ever) {
  std::string answer;
  for (int i = 0; i < 100; ++i) answer += "HTTP/1.1 103 Early Hints\r\n\r\n";
  EXPECT_EQ(refusal_of(answer), "the server's answer is too large");
}

TEST(Http, a_flood_of_headers_or_of_body_is_refused_unread) {
  std::string flood = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 100'000; ++i) flood += "X-" + std::to_string(i) + ": 0123456789\r\n";
  EXPECT_EQ(refusal_of(flood), "the server's answer is too large");
  EXPECT_EQ(refusal_of("HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x')), "the server's answer is too large");
  EXPECT_EQ(refusal_of("HTTP/1.1 200 OK\r\nContent-Length: 67108865\r\n\r\n{}"), "the server's answer is too large");
  EXPECT_EQ(refusal_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4000001\r\n{}"),
            "the server's answer is too large");
}

TEST(Http, what_is_no_http_is_told_as_that) {
  for (const char* answer : {"SSH-2.0-OpenSSH_9.2\r\n", "\x15\x03\x01\x00\x02\x02\x46", "{}\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"})
    EXPECT_TRUE(refusal_of(answer).starts_with("no Holdfast server there: its answer is not HTTP")) << answer;
}

TEST(Http, a_server_that_wants_tls_is_told_from_one_that_refuses) {
  constexpr const char* hint = "if it wants TLS, use https:// or wss://";
  EXPECT_NE(refusal_of("HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\n<html").find(hint), std::string::npos);
  EXPECT_NE(
      refusal_of("HTTP/1.1 301 Moved Permanently\r\nLocation: https://erp/v1\r\nContent-Length: 0\r\n\r\n").find(hint),
      std::string::npos);
  EXPECT_EQ(refusal_of("HTTP/1.1 302 Found\r\nLocation: http://erp/login\r\nContent-Length: 0\r\n\r\n"),
            "the server answered HTTP status 302");
  const AnsweringServer refuses(
      "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: 42\r\n\r\n"
      R"({"code":"invalid","detail":"why","x":"yz"})");
  const auto refused = ask(refuses.url());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_EQ(refused.error().text(), "why");
}

TEST(Http, what_may_have_been_done_is_asked_of_no_other_server) {
  const AnsweringServer dying("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}");
  const AnsweringServer good("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", stays);
  const std::string both = dying.url() + "," + good.url();
  const auto posted = ask(both, "POST");
  ASSERT_FALSE(posted);
  EXPECT_EQ(posted.error().text(), cut_off);
  EXPECT_EQ(good.asked(), 0);
  EXPECT_TRUE(ask(both, "GET")) << "what only asks may be asked again";
  EXPECT_EQ(good.asked(), 1);
  const AnsweringServer draining("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", stays);
  EXPECT_TRUE(ask(draining.url() + "," + good.url(), "POST")) << "nothing was done there";
  EXPECT_EQ(good.asked(), 2);
}

TEST(Http, an_unusable_file_of_authorities_is_refused_before_anything_is_asked) {
  const auto missing = call_over_http({.url = "https://127.0.0.1:1", .ca_file = "/no/such/file"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::invalid);
  EXPECT_EQ(missing.error().field, "ca_file");
  EXPECT_EQ(missing.error().text(), "the authorities' file /no/such/file cannot be read: No such file or directory");
  const auto none = call_over_http({.url = "https://127.0.0.1:1", .ca_file = "/etc/passwd"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().text(), "the authorities' file /etc/passwd has no certificate in PEM");
}

}  // namespace
}  // namespace hf::client
