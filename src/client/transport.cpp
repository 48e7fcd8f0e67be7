#include "client/transport.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <cstring>

#include "wire/batch_frame.h"
#include "wire/websocket.h"

namespace hf::client {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t head_bytes_max = 16 * 1024;
constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::size_t message_bytes_max =
    64 * 1024 * 1024;  // a session.state of 10,000 locks has 5 MB; of a batch, inflated
constexpr std::size_t http_bytes_max = 64 * 1024 * 1024;  // 500 locks of 1,000 targets each
constexpr std::string_view subprotocol = "holdfast.v1.json";

std::string random_key() {
  unsigned char bytes[16];
  unsigned char text[25];
  if (RAND_bytes(bytes, sizeof bytes) != 1)
    std::memset(bytes, 0x5a, sizeof bytes);  // a nonce against caches, no secret
  EVP_EncodeBlock(text, bytes, sizeof bytes);
  return std::string(reinterpret_cast<char*>(text), 24);
}

std::uint32_t random_mask() {
  static thread_local unsigned char pool[256];
  static thread_local std::size_t used = sizeof pool;
  if (used == sizeof pool) {
    RAND_bytes(pool, sizeof pool);
    used = 0;
  }
  std::uint32_t mask = 0;
  std::memcpy(&mask, pool + used, sizeof mask);
  used += sizeof mask;
  return mask;
}

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
         });
}

// The value of a header in an answer's head; empty if it is not there.
std::string_view header(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !same_word(line.substr(0, colon), name)) continue;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
    while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
    return value;
  }
  return {};
}

int status_of(std::string_view head) {
  int status = 0;
  if (head.starts_with("HTTP/1.") && head.size() > 12) std::from_chars(head.data() + 9, head.data() + 12, status);
  return status;
}

std::string host_header(const Url& url) {
  const std::string host = url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  return host + ":" + url.port;
}

}  // namespace

holdfast::Result<Url> parse_url(std::string_view text) {
  const auto bad = [](std::string why) { return holdfast::failure(holdfast::Code::invalid, std::move(why), "url"); };
  Url url;
  const std::size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) return bad("an address begins with http:// or ws://");
  const std::string_view name = text.substr(0, scheme);
  if (name == "https" || name == "wss")
    return bad("this version has no TLS: put a proxy in front, or use http:// within the machine");
  if (name != "http" && name != "ws") return bad("an address begins with http:// or ws://");
  text.remove_prefix(scheme + 3);
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::string_view authority = text.substr(0, slash);
  url.path = text.substr(slash);
  while (url.path.ends_with('/')) url.path.pop_back();
  if (authority.find('@') != std::string_view::npos) return bad("an address has no user: give the token beside it");
  std::size_t colon = std::string_view::npos;
  if (authority.starts_with('[')) {
    const std::size_t shut = authority.find(']');
    if (shut == std::string_view::npos) return bad("the address has a '[' without its ']'");
    url.host = authority.substr(1, shut - 1);
    if (shut + 1 < authority.size()) colon = shut + 1;
    if (colon != std::string_view::npos && authority[colon] != ':') return bad("after ']' comes ':' and the port");
  } else {
    colon = authority.find(':');
    url.host = authority.substr(0, colon);
  }
  url.port = colon == std::string_view::npos ? "80" : authority.substr(colon + 1);
  std::uint16_t number = 0;
  const auto parsed = std::from_chars(url.port.data(), url.port.data() + url.port.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != url.port.data() + url.port.size() || number == 0)
    return bad("the port is a number from 1 to 65535");
  const auto printable = [](std::string_view part) {
    return std::all_of(part.begin(), part.end(), [](char c) { return c > ' ' && c < 127; });
  };
  if (url.host.empty() || !printable(url.host) || !printable(url.path)) return bad("the address names no host");
  return url;
}

holdfast::Result<std::vector<Url>> parse_urls(std::string_view text) {
  std::vector<Url> urls;
  for (bool more = true; more;) {
    const std::size_t comma = text.find(',');
    std::string_view one = text.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    auto url = parse_url(one);
    if (!url) return tl::unexpected(std::move(url.error()));
    if (std::find(urls.begin(), urls.end(), *url) == urls.end()) urls.push_back(*std::move(url));
    if (urls.size() > urls_max) {
      return holdfast::failure(holdfast::Code::too_large, "give at most " + std::to_string(urls_max) + " addresses",
                               "url");
    }
  }
  return urls;
}

// A link is one connection and what belongs to it. Its handlers hold it alive; one that was dropped ignores
// whatever still comes.
struct Link : WebSocketSink, std::enable_shared_from_this<Link> {
  Link(asio::io_context& io, Transport::Listener& told) : socket(io), linger(io), listener(told) {}

  void open(tcp::resolver::results_type endpoints, const Url& url, const std::string& language) {
    asio::async_connect(socket, endpoints,
                        [self = shared_from_this(), &url, &language](error_code failed, const tcp::endpoint&) {
                          if (self->dead) return;
                          if (failed) return self->gone(0, "cannot connect: " + failed.message());
                          error_code ignored;
                          self->socket.set_option(tcp::no_delay(true), ignored);
                          self->upgrade(url, language);
                        });
  }

  void upgrade(const Url& url, const std::string& language) {
    key = random_key();
    outbox = "GET " + url.path + "/v1/ws HTTP/1.1\r\nHost: " + host_header(url) +
             "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key +
             "\r\nSec-WebSocket-Protocol: " + std::string(subprotocol) + "\r\n";
    if (!language.empty()) outbox += "Accept-Language: " + language + "\r\n";
    outbox += "\r\n";
    write();
    read();
  }

  void read() {
    socket.async_read_some(asio::buffer(buffer), [self = shared_from_this()](error_code failed, std::size_t size) {
      if (failed) return self->gone(self->close_code, failed == asio::error::eof ? std::string() : failed.message());
      if (self->dead) {
        self->read();  // only until the peer has closed too
        return;
      }
      std::span<char> bytes(self->buffer.data(), size);
      if (!self->upgraded && !self->take_head(bytes)) return;
      self->feed(bytes);
      if (!self->dead || self->lingering) self->read();
    });
  }

  // True once the upgrade is done; then `bytes` is what came behind it.
  bool take_head(std::span<char>& bytes) {
    head.append(bytes.data(), bytes.size());
    const std::size_t end = head.find("\r\n\r\n");
    if (end == std::string::npos) {
      if (head.size() > head_bytes_max)
        gone(0, "the server's answer to the upgrade has no end");
      else
        read();
      return false;
    }
    const std::string_view answer = std::string_view(head).substr(0, end + 2);
    const int status = status_of(answer);
    if (status != 101) {
      gone(0, "no Holdfast server there: it answered the upgrade with HTTP status " + std::to_string(status));
      return false;
    }
    if (header(answer, "Sec-WebSocket-Accept") != websocket_accept_key(key) ||
        header(answer, "Sec-WebSocket-Protocol") != subprotocol) {
      gone(0, "no Holdfast server there: it does not speak " + std::string(subprotocol));
      return false;
    }
    upgraded = true;
    const std::size_t rest = head.size() - (end + 4);
    bytes = bytes.last(rest);
    head.clear();
    listener.on_open();
    return !dead;
  }

  void feed(std::span<char> bytes) {
    if (bytes.empty()) return;
    if (auto code = parser.feed(bytes, *this)) {
      append_close_frame(outbox, *code, {}, random_mask());
      write();
      gone(0, "the server broke the WebSocket protocol");
    }
  }

  void on_message(Opcode opcode, std::string_view payload) override {
    if (dead) return;
    if (opcode == Opcode::text) return listener.on_text(payload);
    const auto text = read_batch(payload, message_bytes_max);
    if (!text) return gone(0, "the server sent a batch that cannot be read");
    listener.on_text(*text);
  }
  void on_ping(std::string_view payload) override {
    if (dead) return;
    append_frame(outbox, Opcode::pong, payload, random_mask());
    write();
  }
  void on_pong(std::string_view) override {}
  void on_close(std::uint16_t code, std::string_view reason) override {
    append_close_frame(outbox, code, {}, random_mask());
    write();
    gone(code, std::string(reason));
  }

  void write() {
    if (writing || outbox.empty() || !socket.is_open()) return;
    writing = true;
    sent.swap(outbox);
    outbox.clear();
    asio::async_write(socket, asio::buffer(sent), [self = shared_from_this()](error_code failed, std::size_t) {
      self->writing = false;
      if (failed) return self->gone(0, "cannot send: " + failed.message());
      if (!self->outbox.empty()) return self->write();
      if (self->lingering) {
        error_code ignored;
        self->socket.shutdown(tcp::socket::shutdown_send, ignored);
      }
    });
  }

  void gone(std::uint16_t code, std::string reason) {
    if (dead) {
      shut();
      return;
    }
    dead = true;
    parser.stop();
    // What was queued last (a close frame) may still go out; the socket dies with the last handler.
    if (!writing) shut();
    listener.on_closed(code, std::move(reason));
  }

  void shut() {
    error_code ignored;
    linger.cancel(ignored);
    socket.close(ignored);
    if (on_shut) std::exchange(on_shut, nullptr)();
  }

  void drop(Transport::Drop how) {
    if (dead) return;
    dead = true;
    parser.stop();
    if (how == Transport::Drop::now || !upgraded) return shut();
    // Closing a socket with unread bytes resets it and may take back what was sent; so the peer closes first.
    lingering = true;
    append_close_frame(outbox, close_code::normal, {}, random_mask());
    write();
    linger.expires_after(Millis(2'000));
    linger.async_wait([self = shared_from_this()](error_code failed) {
      if (!failed) self->shut();
    });
  }

  tcp::socket socket;
  asio::steady_timer linger;
  Transport::Listener& listener;
  std::array<char, read_bytes> buffer;
  std::string head, key, outbox, sent;
  WebSocketParser parser{WebSocketParser::Role::client, message_bytes_max};
  std::function<void()> on_shut;
  std::uint16_t close_code = 0;
  bool upgraded = false, writing = false, dead = false, lingering = false;
};

struct Transport::State {
  State(std::vector<Url> where, std::string tongue, Listener& told)
      : urls(std::move(where)),
        language(std::move(tongue)),
        listener(told),
        work(asio::make_work_guard(io)),
        resolver(io),
        timer(io) {}

  const std::vector<Url> urls;
  std::string language;
  Listener& listener;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work;
  tcp::resolver resolver;
  asio::steady_timer timer;
  Time timer_at = Time::max();
  std::uint64_t dials = 0;
  std::shared_ptr<Link> link;
};

Transport::Transport(std::vector<Url> urls, std::string language, Listener& listener)
    : state_(std::make_unique<State>(std::move(urls), std::move(language), listener)) {}
Transport::~Transport() = default;

void Transport::run() { state_->io.run(); }
void Transport::post(std::function<void()> work) { asio::post(state_->io, std::move(work)); }

void Transport::connect(std::size_t address) {
  drop(Drop::now);
  const std::uint64_t dial = ++state_->dials;
  const Url& url = state_->urls.at(address);
  state_->resolver.async_resolve(
      url.host, url.port, [this, dial, &url](error_code failed, tcp::resolver::results_type found) {
        if (dial != state_->dials) return;
        if (failed) return state_->listener.on_closed(0, "the server's name is not known: " + failed.message());
        state_->link = std::make_shared<Link>(state_->io, state_->listener);
        state_->link->open(std::move(found), url, state_->language);
      });
}

void Transport::send(const std::vector<std::string>& messages) {
  Link* link = state_->link.get();
  if (link == nullptr || link->dead) return;
  for (const std::string& message : messages) append_frame(link->outbox, Opcode::text, message, random_mask());
  link->write();
}

void Transport::drop(Drop how) {
  ++state_->dials;
  if (state_->link != nullptr) state_->link->drop(how);
  if (how == Drop::now) state_->link.reset();
}

void Transport::wake_at(Time time) {
  if (time == state_->timer_at) return;
  state_->timer_at = time;
  if (time == Time::max()) {
    state_->timer.cancel();
    return;
  }
  state_->timer.expires_at(time);
  state_->timer.async_wait([this](error_code failed) {
    if (failed) return;
    state_->timer_at = Time::max();
    state_->listener.on_timer();
  });
}

void Transport::stop(Millis at_most) {
  state_->timer.cancel();
  state_->work.reset();
  const auto link = std::exchange(state_->link, nullptr);
  if (link == nullptr || !link->lingering || !link->socket.is_open()) {
    state_->io.stop();
    return;
  }
  link->on_shut = [this] { state_->io.stop(); };
  state_->timer.expires_after(at_most);
  state_->timer.async_wait([this](error_code failed) {
    if (!failed) state_->io.stop();
  });
}

namespace {

// What one address made of a question.
struct Attempt {
  std::optional<HttpAnswer> answer;
  std::string failure = "the server did not answer in time";
  bool sent = false;  // some of it may have reached the server
};

Attempt ask_one(const Url& url, const HttpQuestion& question, Millis connect_max, Millis deadline) {
  asio::io_context io{1};
  tcp::resolver resolver(io);
  tcp::socket socket(io);
  asio::steady_timer patience(io, connect_max);
  std::string request = question.method + " " + url.path + question.path + " HTTP/1.1\r\nHost: " + host_header(url) +
                        "\r\nConnection: close\r\n" + question.headers;
  if (!question.body.empty() || question.method == "POST") {
    request += "Content-Type: application/json\r\nContent-Length: " + std::to_string(question.body.size()) + "\r\n";
  }
  request += "\r\n" + question.body;
  std::string text;
  Attempt attempt;
  bool done = false;
  patience.async_wait([&](error_code cancelled) {
    if (!cancelled) io.stop();
  });
  resolver.async_resolve(url.host, url.port, [&](error_code failed, tcp::resolver::results_type found) {
    if (failed) {
      attempt.failure = "the server's name is not known: " + failed.message();
      return void(patience.cancel());
    }
    asio::async_connect(socket, found, [&](error_code refused, const tcp::endpoint&) {
      patience.cancel();
      if (refused) return void(attempt.failure = "cannot connect: " + refused.message());
      attempt.sent = true;
      asio::async_write(socket, asio::buffer(request), [&](error_code broken, std::size_t) {
        if (broken) return void(attempt.failure = "cannot send: " + broken.message());
        asio::async_read(socket, asio::dynamic_buffer(text, http_bytes_max), [&](error_code ended, std::size_t) {
          done = ended == asio::error::eof || ended == error_code();
          if (!done) attempt.failure = ended.message();
        });
      });
    });
  });
  io.run_for(deadline);
  const std::size_t head = text.find("\r\n\r\n");
  if (done && head != std::string::npos) attempt.answer = HttpAnswer{status_of(text), text.substr(head + 4)};
  return attempt;
}

}  // namespace

holdfast::Result<HttpAnswer> http_ask(const std::vector<Url>& urls, const HttpQuestion& question, Millis deadline) {
  const Time end = std::chrono::steady_clock::now() + deadline;
  Attempt last;
  for (std::size_t i = 0; i < urls.size(); ++i) {
    const auto left = std::chrono::duration_cast<Millis>(end - std::chrono::steady_clock::now());
    if (i > 0 && left <= Millis(0)) break;
    // A host that does not answer leaves time for those behind it.
    Attempt attempt = ask_one(urls[i], question, left / static_cast<std::int64_t>(urls.size() - i), left);
    const bool undone = attempt.answer && attempt.answer->status == 503;
    if (attempt.answer || !last.answer) last = std::move(attempt);
    if (last.answer && !undone) break;
    if (last.sent && !last.answer && question.method != "GET") break;
  }
  if (!last.answer) return holdfast::failure(holdfast::Code::unavailable, last.failure);
  return *std::move(last.answer);
}

}  // namespace hf::client
