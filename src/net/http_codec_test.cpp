// If these fail, a client's request is read as another one, or a stranger's bytes get further than the door.

#include "net/http_codec.h"

#include <gtest/gtest.h>

namespace hf {
namespace {

using Step = HttpReader::Step;

// Feeds `bytes` in pieces of `piece`, the way they come from a socket: what is not taken is given again.
Step feed_in_pieces(HttpReader& reader, std::string_view bytes, std::size_t piece, std::string* left = nullptr) {
  std::string held;
  Step step = Step::need_more;
  while (!bytes.empty() && step == Step::need_more) {
    held += bytes.substr(0, piece);
    bytes.remove_prefix(std::min(piece, bytes.size()));
    std::string_view rest = held;
    step = reader.feed(rest);
    held = std::string(rest);
  }
  if (left != nullptr) *left = held + std::string(bytes);
  return step;
}

int status_of_refusal(std::string_view bytes, HttpLimits limits = {}) {
  HttpReader reader(limits);
  std::string_view rest = bytes;
  return reader.feed(rest) == Step::refused ? reader.refusal().status : 0;
}

constexpr std::string_view full_request =
    "POST /v1/locks/%61?type=Sale+Order&user=%E6%9D%8E&flag HTTP/1.1\r\nHost: here:7420\r\nAuthorization: Bearer "
    "x.y.z\r\n"
    "Cookie: a=b\r\nIdempotency-Key: k1\r\nAccept-Language: zh\r\nContent-Type: application/json\r\nOrigin: "
    "http://here:7420\r\n"
    "If-None-Match: \"e\"\r\nContent-Length: 7\r\n\r\n{\"a\":1}";

TEST(HttpReader, a_request_is_the_same_however_its_bytes_are_cut) {
  for (std::size_t piece = 1; piece <= full_request.size(); ++piece) {
    HttpReader reader({});
    std::string left;
    ASSERT_EQ(feed_in_pieces(reader, std::string(full_request) + "GET /next", piece, &left), Step::complete) << piece;
    EXPECT_EQ(left, "GET /next");
    const HttpIncoming in = reader.take();
    EXPECT_EQ(in.request.method, "POST");
    EXPECT_EQ(in.request.path, "/v1/locks/a");
    const std::vector<std::pair<std::string, std::string>> query = {
        {"type", "Sale Order"}, {"user", "李"}, {"flag", ""}};
    EXPECT_EQ(in.request.query, query);
    EXPECT_EQ(in.request.host, "here:7420");
    EXPECT_EQ(in.request.authorization, "Bearer x.y.z");
    EXPECT_EQ(in.request.cookie, "a=b");
    EXPECT_EQ(in.request.idempotency_key, "k1");
    EXPECT_EQ(in.request.accept_language, "zh");
    EXPECT_EQ(in.request.content_type, "application/json");
    EXPECT_EQ(in.request.origin, "http://here:7420");
    EXPECT_EQ(in.request.if_none_match, "\"e\"");
    EXPECT_EQ(in.request.body, "{\"a\":1}");
    EXPECT_TRUE(in.keep_alive);
    EXPECT_FALSE(in.upgrade);
  }
}

TEST(HttpReader, a_chunked_body_arrives_whole) {
  HttpReader reader({});
  const std::string_view bytes =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
  ASSERT_EQ(feed_in_pieces(reader, bytes, 3), Step::complete);
  EXPECT_EQ(reader.take().request.body, "abcde");
}

TEST(HttpReader, a_trailer_never_becomes_a_header) {
  const std::string bytes =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nHost: b\r\nAuthorization: "
      "Bearer x\r\nCookie: holdfast=x\r\nOrigin: http://a\r\nIdempotency-Key: k\r\nContent-Type: text/plain\r\n\r\n";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    HttpReader reader({});
    ASSERT_EQ(feed_in_pieces(reader, bytes, piece), Step::complete) << piece;
    const HttpIncoming in = reader.take();
    EXPECT_EQ(in.request.host, "a");
    EXPECT_EQ(in.request.authorization + in.request.cookie + in.request.origin, "");
    EXPECT_EQ(in.request.idempotency_key + in.request.content_type, "");
    EXPECT_EQ(in.request.body, "{}");
  }
}

TEST(HttpReader, what_says_who_asks_or_what_is_said_once) {
  for (const std::string name : {"Host", "Authorization", "Cookie", "Origin", "Content-Type", "Idempotency-Key",
                                 "Sec-WebSocket-Key", "Sec-WebSocket-Version"}) {
    for (const int times : {1, 2}) {
      HttpReader reader({});
      std::string bytes = name == "Host" ? "GET / HTTP/1.1\r\n" : "GET / HTTP/1.1\r\nHost: a\r\n";
      for (int i = 0; i < times; ++i) bytes += name + ": x\r\n";
      bytes += "\r\n";
      EXPECT_EQ(feed_in_pieces(reader, bytes, bytes.size()), times == 1 ? Step::complete : Step::refused) << name;
    }
  }
}

TEST(HttpReader, head_is_shown_as_get_and_remembered) {
  HttpReader reader({});
  std::string_view bytes = "HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_EQ(reader.feed(bytes), Step::complete);
  const HttpIncoming in = reader.take();
  EXPECT_TRUE(in.head);
  EXPECT_EQ(in.request.method, "GET");
}

TEST(HttpReader, connection_lives_on_by_version_and_header) {
  const auto keep_alive = [](std::string_view bytes) {
    HttpReader reader({});
    EXPECT_EQ(reader.feed(bytes), Step::complete);
    return reader.take().keep_alive;
  };
  EXPECT_TRUE(keep_alive("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_FALSE(keep_alive("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(keep_alive("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_FALSE(keep_alive("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(HttpReader, a_proxys_absolute_target_is_the_path_in_it) {
  HttpReader reader({});
  std::string_view bytes = "GET http://here:1/v1/stats?x=1 HTTP/1.1\r\nHost: here:1\r\n\r\n";
  ASSERT_EQ(reader.feed(bytes), Step::complete);
  const HttpIncoming in = reader.take();
  EXPECT_EQ(in.request.path, "/v1/stats");
  ASSERT_EQ(in.request.query.size(), 1U);
}

TEST(HttpReader, an_upgrade_needs_both_headers) {
  HttpReader reader({});
  std::string_view bytes =
      "GET /v1/ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: "
      "WebSocket\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: "
      "holdfast.v1.json\r\n\r\n";
  ASSERT_EQ(reader.feed(bytes), Step::complete);
  const HttpIncoming in = reader.take();
  EXPECT_TRUE(in.upgrade);
  EXPECT_EQ(in.websocket_key, "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(in.websocket_protocols, "a,holdfast.v1.json");

  HttpReader other({});
  std::string_view half = "GET /v1/ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";
  ASSERT_EQ(other.feed(half), Step::complete);
  EXPECT_FALSE(other.take().upgrade);
}

TEST(HttpReader, a_malformed_request_is_400) {
  for (const std::string_view bytes : {
           std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),  // a TLS hello
           std::string_view("GET\r\n\r\n"),
           std::string_view("GET / HTTP/1.1\r\n\r\n"),  // no Host
           std::string_view("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
           std::string_view("GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n"),
           std::string_view("GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
           std::string_view("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 38),
           std::string_view("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string_view("GET /%e HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string_view("GET /?a=%f HTTP/1.1\r\nHost: a\r\n\r\n"),
           std::string_view("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"),
           std::string_view("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
           std::string_view("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
           std::string_view("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
           std::string_view("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
       }) {
    EXPECT_EQ(status_of_refusal(bytes), 400) << bytes;
  }
}

// Who reads the length of a body otherwise than a proxy before it takes a stranger's bytes for a request.
TEST(HttpReader, a_transfer_coding_other_than_chunked_is_never_passed_over) {
  const auto refused = [](std::string_view header, std::string_view version = "1.1") {
    return status_of_refusal("POST / HTTP/" + std::string(version) + "\r\nHost: a\r\n" + std::string(header) +
                             "\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
  };
  for (const char* unknown :
       {"Transfer-Encoding: gzip", "Transfer-Encoding: xchunked", "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity"})
    EXPECT_EQ(refused(unknown), 501) << unknown;
  for (const char* bad :
       {"Transfer-Encoding: chunked, chunked", "Transfer-Encoding: \"chunked\"", "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding:", "Transfer-Encoding: ,chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip", "Transfer-Encoding: gzip\r\nContent-Length: 3",
        "Content-Length: 3\r\nTransfer-Encoding: chunked"})
    EXPECT_EQ(refused(bad), 400) << bad;
  EXPECT_EQ(refused("Transfer-Encoding: chunked", "1.0"), 400);
  EXPECT_EQ(refused("Transfer-Encoding: Chunked"), 0);
}

TEST(HttpReader, the_length_of_a_body_is_said_once) {
  EXPECT_EQ(status_of_refusal("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"), 400);
  EXPECT_EQ(status_of_refusal("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx"), 400);
  EXPECT_EQ(status_of_refusal("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
}

TEST(HttpReader, a_line_that_goes_on_in_the_next_is_refused) {
  for (const std::string bytes : {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
                                  "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tAuthorization: Bearer x\r\n\r\n",
                                  "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n b\r\n\r\n", "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
                                  "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n \r\n\r\n"}) {
    for (const std::size_t piece : {std::size_t{1}, bytes.size() / 2, bytes.size()}) {
      HttpReader reader({});
      ASSERT_EQ(feed_in_pieces(reader, bytes, piece), Step::refused) << bytes << piece;
      EXPECT_EQ(reader.refusal().status, 400) << bytes;
    }
  }
  EXPECT_EQ(status_of_refusal("GET / HTTP/1.1\r\nHost: a\r\nX: b c\t d \r\n\r\n"), 0);
}

// What is decoded never changes where a request goes: a proxy that guards one path would let it pass as another.
TEST(HttpReader, a_path_is_split_before_it_is_decoded) {
  const auto path = [](std::string target) {
    HttpReader reader({});
    const std::string bytes = "GET " + std::move(target) + " HTTP/1.1\r\nHost: a\r\n\r\n";
    std::string_view rest = bytes;
    return reader.feed(rest) == Step::complete ? reader.take().request.path : std::to_string(reader.refusal().status);
  };
  EXPECT_EQ(path("/v1/status/SaleOrder/%E5%8D%95%201"), "/v1/status/SaleOrder/\u5355 1");
  EXPECT_EQ(path("/"), "/");
  EXPECT_EQ(path("http://a"), "/");
  EXPECT_EQ(path("http://a?x"), "/");
  EXPECT_EQ(path("/v1/locks/"), "/v1/locks/");
  EXPECT_EQ(path("/a..b/.c/..."), "/a..b/.c/...");
  for (const char* bad : {"%2Fhealthz",
                          "healthz",
                          "*",
                          "/v1%2flocks",
                          "/v1/locks/a%2Fforce",
                          "/v1/../metrics",
                          "/v1/%2e%2e/metrics",
                          "/v1/.",
                          "/./v1",
                          "/%2e",
                          "/..",
                          "/a%00b",
                          "/%ff",
                          "/%c0%af",
                          "/%ed%a0%80",
                          "http://a/..",
                          "/a?x=%ff",
                          "/a?%00=x",
                          "/a?x=%c3",
                          "/%zz"}) {
    EXPECT_EQ(path(bad), "400") << bad;
  }
  HttpReader reader({});
  std::string_view options = "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(reader.feed(options), Step::complete);
}

TEST(HttpReader, what_comes_beside_a_body_has_limits) {
  const auto status_of = [](const std::string& bytes, std::size_t piece) {
    HttpReader reader({.header_bytes_max = 16 * 1024, .body_bytes_max = 2000});
    return feed_in_pieces(reader, bytes, piece) == Step::refused ? reader.refusal().status : 0;
  };
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string large(http_trailer_bytes_max, 'x');
  std::string tiny = head;
  for (int i = 0; i < 500; ++i) tiny += "1\r\nx\r\n";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{100}, std::size_t{100'000}}) {
    EXPECT_EQ(status_of(head + "2;x=" + std::string(200, 'y') + "\r\nab\r\n0;x=y\r\nX: y\r\n\r\n", piece), 0);
    EXPECT_EQ(status_of(head + "2;x=" + std::string(300, 'y') + "\r\nab\r\n0\r\n\r\n", piece), 431);
    EXPECT_EQ(status_of(head + "2;x=" + large, piece), 431) << "a line that never ends";
    EXPECT_EQ(status_of(head + "2\r\nab\r\n0;x=" + large + "\r\n\r\n", piece), 431);
    EXPECT_EQ(status_of(head + "2\r\nab\r\n0\r\nX: " + large + "\r\n\r\n", piece), 431);
    EXPECT_EQ(status_of(head + "2\r\nab\r\n0\r\nX: " + large, piece), 431);
    EXPECT_EQ(status_of(tiny, piece), 413);
  }
}

TEST(HttpReader, a_header_has_few_lines_and_a_query_few_fields) {
  const auto lines = [](std::size_t count) {
    std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (std::size_t i = 1; i < count; ++i) bytes += "A:b\r\n";
    return bytes + "\r\n";
  };
  EXPECT_EQ(status_of_refusal(lines(http_header_lines_max)), 0);
  EXPECT_EQ(status_of_refusal(lines(http_header_lines_max + 1)), 431);
  const auto query = [](std::size_t count) {
    std::string bytes = "GET /?";
    for (std::size_t i = 0; i < count; ++i) bytes += "a&";
    return bytes + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  EXPECT_EQ(status_of_refusal(query(http_query_fields_max)), 0);
  EXPECT_EQ(status_of_refusal(query(http_query_fields_max + 1)), 400);
}

// Cut so, the parser takes each line before it sees how long the header is.
TEST(HttpReader, a_header_is_measured_whole_however_it_is_cut) {
  HttpReader reader({.header_bytes_max = 512, .body_bytes_max = 100});
  Step step = Step::need_more;
  std::string held = "GET / HTTP/1.1\r\nHost: a\r\nX";
  std::size_t fed = held.size();
  for (int i = 0; i < 200 && step == Step::need_more; ++i) {
    std::string_view rest = held;
    step = reader.feed(rest);
    held = std::string(rest) + ": yyyy\r\nX";
    fed += 9;
  }
  ASSERT_EQ(step, Step::refused);
  EXPECT_EQ(reader.refusal().status, 431);
  EXPECT_LT(fed, 600U);
}

TEST(HttpReader, an_upgrade_is_read_from_lists) {
  const auto upgrade = [](std::string_view lines) {
    HttpReader reader({});
    const std::string bytes = "GET /v1/ws HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n";
    std::string_view rest = bytes;
    EXPECT_EQ(reader.feed(rest), Step::complete) << lines;
    return reader.take().upgrade;
  };
  EXPECT_TRUE(upgrade("Connection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: WebSocket\r\n"));
  EXPECT_TRUE(upgrade("Connection: keep-alive ,\tupgrade\r\nUpgrade: h2c, websocket\r\n"));
  EXPECT_FALSE(upgrade("Connection: Upgrade\r\nUpgrade: websocket/13\r\n"));
  EXPECT_FALSE(upgrade("Connection: Upgrades\r\nUpgrade: websocket\r\n"));
  EXPECT_FALSE(upgrade("Connection: Upgrade\r\nUpgrade: web socket\r\n"));
  EXPECT_FALSE(upgrade("Upgrade: websocket\r\n"));
  HttpReader reader({});
  std::string_view closing = "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: Close\r\n\r\n";
  ASSERT_EQ(reader.feed(closing), Step::complete);
  EXPECT_FALSE(reader.take().keep_alive);
}

TEST(HttpReader, who_passed_a_request_on_is_noticed) {
  const auto forwarded = [](std::string_view line) {
    HttpReader reader({});
    const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(line) + "\r\n\r\n";
    std::string_view rest = bytes;
    EXPECT_EQ(reader.feed(rest), Step::complete) << line;
    return reader.take().request.forwarded;
  };
  for (const char* line : {"Forwarded: for=1.2.3.4", "X-Forwarded-For: 1.2.3.4", "x-forwarded-proto: https",
                           "X-FORWARDED-ANYTHING:", "X-Real-IP: 1.2.3.4", "Via: 1.1 nginx"})
    EXPECT_TRUE(forwarded(line)) << line;
  for (const char* line : {"X-Forward: a", "Viable: a", "Accept: x-forwarded-for"})
    EXPECT_FALSE(forwarded(line)) << line;
}

TEST(HttpReader, another_version_is_505) {
  EXPECT_EQ(status_of_refusal("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
  EXPECT_EQ(status_of_refusal("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 505);
  EXPECT_EQ(status_of_refusal("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
}

TEST(HttpReader, a_header_over_the_limit_is_431_though_it_never_ends) {
  const HttpLimits limits{.header_bytes_max = 512, .body_bytes_max = 100};
  EXPECT_EQ(status_of_refusal("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(600, 'x'), limits), 431);
  EXPECT_EQ(status_of_refusal("GET /" + std::string(600, 'x'), limits), 431);
  EXPECT_EQ(status_of_refusal("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(400, 'x') + "\r\n\r\n", limits), 0);
}

TEST(HttpReader, a_body_over_the_limit_is_413_before_it_arrives) {
  const HttpLimits limits{.header_bytes_max = 512, .body_bytes_max = 100};
  EXPECT_EQ(status_of_refusal("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n", limits), 413);
  EXPECT_EQ(
      status_of_refusal("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n", limits),
      413);
  EXPECT_EQ(status_of_refusal("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" +
                                  std::string(101, 'x') + "\r\n0\r\n\r\n",
                              limits),
            413);
  EXPECT_EQ(
      status_of_refusal("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'x'), limits),
      0);
}

TEST(HttpReader, continue_is_asked_for_once_and_other_expectations_are_417) {
  HttpReader reader({});
  std::string_view head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
  EXPECT_EQ(reader.feed(head), Step::wants_continue);
  std::string_view half = "a";
  EXPECT_EQ(reader.feed(half), Step::need_more);
  std::string_view rest = "b";
  EXPECT_EQ(reader.feed(rest), Step::complete);
  EXPECT_EQ(status_of_refusal("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: tea\r\n\r\n"), 417);
  EXPECT_EQ(status_of_refusal("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: tea\r\n\r\nab"), 417);
  EXPECT_EQ(status_of_refusal("GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n"), 417);
}

TEST(HttpResponse, is_written_as_its_framing_says) {
  const HttpResponse response{200, "application/json", {{"X-A", "b"}}, "{}"};
  std::string out;
  append_response(out, response, {}, "DATE");
  EXPECT_EQ(out,
            "HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Type: application/json\r\nX-A: b\r\nCache-Control: no-store\r\n"
            "X-Content-Type-Options: nosniff\r\nContent-Length: 2\r\n\r\n{}");
  out.clear();
  append_response(out, response, {.head = true, .keep_alive = false}, "DATE");
  EXPECT_EQ(out,
            "HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Type: application/json\r\nX-A: b\r\nCache-Control: no-store\r\n"
            "X-Content-Type-Options: nosniff\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
  out.clear();
  append_response(out, HttpResponse{204, "application/json", {}, ""}, {}, "DATE");
  EXPECT_EQ(
      out,
      "HTTP/1.1 204 No Content\r\nDate: DATE\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n");
  out.clear();
  append_chunk(out, std::string(26, 'x'));
  append_chunk(out, "");
  EXPECT_EQ(out, "1a\r\n" + std::string(26, 'x') + "\r\n0\r\n\r\n");
}

TEST(HttpResponse, what_says_how_it_may_be_kept_says_it_once) {
  std::string out;
  append_response(out, HttpResponse{200, "", {{"Cache-Control", "private, no-cache"}}, ""}, {}, "DATE");
  EXPECT_EQ(out.find("no-store"), std::string::npos);
  EXPECT_NE(out.find("X-Content-Type-Options: nosniff"), std::string::npos);
}

TEST(HttpResponse, a_header_value_never_becomes_a_second_header) {
  std::string out;
  append_response(out, HttpResponse{200, "", {{"X-A", "b\r\nSet-Cookie: c"}}, ""}, {}, "DATE");
  EXPECT_EQ(out.find("Set-Cookie"), std::string::npos);
}

TEST(HttpResponse, every_status_of_the_protocol_has_its_phrase) {
  EXPECT_EQ(reason_phrase(423), "Locked");
  EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(reason_phrase(429), "Too Many Requests");
}

// ---------------------------------------------------------------------------------------------- languages

// A Chinese reader would be told in English why his request was refused.
TEST(HttpReader, what_is_refused_behind_its_header_is_refused_in_the_language_of_its_header) {
  const std::string start = "POST /v1/locks HTTP/1.1\r\nHost: a\r\nAccept-Language: zh-CN,zh;q=0.9\r\n";
  const std::string chunked = start + "Transfer-Encoding: chunked\r\n\r\n";
  struct Refused {
    std::string bytes;
    int status;
    std::string detail;
  };
  const Refused all[] = {
      {start + "Content-Length: 99999999\r\n\r\n", 413, "正文超出大小限制。"},
      {start + "Expect: tea\r\n\r\n", 417, "Expect 只能是 100-continue。"},
      {start + "Transfer-Encoding: gzip\r\n\r\n", 501, "此处只支持 chunked 传输编码。"},
      {chunked + "2;" + std::string(500, 'x') + "\r\n{}\r\n", 431, "分块的首行或尾部字段超出大小限制。"},
      {chunked + "zz\r\n", 400, "这不是 HTTP/1.1 请求："},
  };
  for (const Refused& one : all) {
    HttpReader reader({});
    std::string_view rest = one.bytes;
    ASSERT_EQ(reader.feed(rest), Step::refused) << one.status;
    EXPECT_EQ(reader.refusal().status, one.status);
    EXPECT_NE(reader.refusal().body.find(one.detail), std::string::npos) << reader.refusal().body;
    EXPECT_EQ(reader.language(), Language::zh);
  }
  EXPECT_NE(problem_response(413, Code::too_large, "x", Language::zh).body.find(code_sentence_zh(Code::too_large)),
            std::string::npos);
}

TEST(HttpReader, what_is_refused_before_its_language_was_read_is_refused_in_english) {
  HttpReader reader({});
  const std::string bytes = "GET / HTTP/1.1\r\nX-Long: " + std::string(20'000, 'x') + "\r\nAccept-Language: zh\r\n\r\n";
  std::string_view rest = bytes;
  ASSERT_EQ(reader.feed(rest), Step::refused);
  EXPECT_NE(reader.refusal().body.find("The header is over the size limit."), std::string::npos);
}

TEST(HttpDate, is_the_one_of_the_rfc) { EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT"); }

}  // namespace
}  // namespace hf
