#include "client/http_question.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "client/stream.h"

namespace hf::client {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using holdfast::Millis;

// What one address made of a question.
struct Attempt {
  std::optional<HttpAnswer> answer;
  holdfast::Error why = holdfast::failure(holdfast::Code::unavailable, "the server did not answer in time").value();
  bool sent = false;  // some of it may have reached the server
};

// A question on its way to one address and back, on a loop of its own.
class Exchange {
 public:
  Exchange(const Url& url, const HttpQuestion& question, Trust* trust)
      : url_(url), resolver_(io_), stream_(io_, url, trust), patience_(io_) {
    request_ = question.method + " " + url.path + question.path + " HTTP/1.1\r\nHost: " + host_header(url) +
               "\r\nConnection: close\r\n" + question.headers;
    if (!question.body.empty() || question.method == "POST") {
      request_ += "Content-Type: application/json\r\nContent-Length: " + std::to_string(question.body.size()) + "\r\n";
    }
    request_ += "\r\n" + question.body;
  }

  // `open_max`: until it is connected and, with TLS, has shaken hands.
  Attempt run(Millis open_max, Millis deadline) {
    patience_.expires_after(open_max);
    patience_.async_wait([this](const error_code& cancelled) {
      if (!cancelled) io_.stop();
    });
    resolver_.async_resolve(url_.host, url_.port, [this](const error_code& failed, const Stream::Endpoints& found) {
      if (failed) return end("the server's name is not known: " + failed.message());
      stream_.open(found, [this](holdfast::Result<holdfast::Nothing> opened) { send(std::move(opened)); });
    });
    io_.run_for(deadline);
    return std::move(attempt_);
  }

 private:
  void end(std::string why) {
    patience_.cancel();
    attempt_.why.detail = std::move(why);
  }

  void send(holdfast::Result<holdfast::Nothing> opened) {
    patience_.cancel();
    if (!opened) {
      attempt_.why = std::move(opened.error());
      return;
    }
    attempt_.sent = true;
    asio::async_write(stream_, asio::buffer(request_), [this](const error_code& failed, std::size_t) {
      if (failed) return end("cannot send: " + failed.message());
      read();
    });
  }

  void read() {
    parser_.emplace();
    parser_->header_limit(head_bytes_max);
    parser_->body_limit(http_bytes_max);
    http::async_read(stream_, buffer_, *parser_, [this](const error_code& failed, std::size_t taken) {
      if (failed) return end(unread_answer(failed, url_, taken == 0 ? text_of(buffer_.cdata()) : std::string_view()));
      take();
    });
  }

  void take() {
    auto& answer = parser_->get();
    const unsigned status = answer.result_int();
    if (status / 100 == 1 && status != 101) {
      if (++interim_ > interim_answers_max) return end("the server's answer is too large");
      return read();
    }
    const auto location = answer[http::field::location];
    auto wants_tls = asks_for_tls(url_, status, {location.data(), location.size()});
    attempt_.answer =
        HttpAnswer{static_cast<int>(status), std::move(answer.body()),
                   wants_tls ? *std::move(wants_tls) : "the server answered HTTP status " + std::to_string(status)};
  }

  const Url& url_;
  asio::io_context io_{1};
  tcp::resolver resolver_;
  Stream stream_;
  asio::steady_timer patience_;
  std::string request_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::response_parser<http::string_body>> parser_;
  int interim_ = 0;
  Attempt attempt_;
};

}  // namespace

holdfast::Result<HttpAnswer> http_ask(const std::vector<Url>& urls, const HttpQuestion& question,
                                      const std::shared_ptr<Trust>& trust, Millis deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  Attempt last;
  for (std::size_t i = 0; i < urls.size(); ++i) {
    const auto left = std::chrono::duration_cast<Millis>(end - std::chrono::steady_clock::now());
    if (i > 0 && left <= Millis(0)) break;
    // A host that does not answer leaves time for those behind it.
    Attempt attempt =
        Exchange(urls[i], question, trust.get()).run(left / static_cast<std::int64_t>(urls.size() - i), left);
    const bool undone = attempt.answer && attempt.answer->status == 503;
    if (attempt.answer || !last.answer) last = std::move(attempt);
    if (last.answer && !undone) break;
    if (last.sent && !last.answer && question.method != "GET") break;
  }
  if (!last.answer) return tl::unexpected(std::move(last.why));
  return *std::move(last.answer);
}

}  // namespace hf::client
