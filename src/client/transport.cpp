#include "client/transport.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <cstring>

#include "client/stream.h"
#include "wire/batch_frame.h"
#include "wire/websocket.h"

namespace hf::client {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::size_t message_bytes_max =
    64 * 1024 * 1024;  // a session.state of 10,000 locks has 5 MB; of a batch, inflated
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

std::string_view value_of(const http::response_header<>& answer, std::string_view name) {
  const auto value = answer[boost::beast::string_view(name.data(), name.size())];
  return {value.data(), value.size()};
}

}  // namespace

// A ServerSocket is one connection and what belongs to it. Its handlers hold it alive; one that was dropped ignores
// whatever still comes.
struct ServerSocket : WebSocketSink, std::enable_shared_from_this<ServerSocket> {
  ServerSocket(asio::io_context& io, const Url& to, Trust* trust, Transport::Listener& told)
      : url(to), stream(io, to, trust), linger(io), listener(told) {}

  void open(const Stream::Endpoints& endpoints, const std::string& language) {
    stream.open(endpoints, [self = shared_from_this(), &language](holdfast::Result<holdfast::Nothing> opened) {
      if (self->dead) return;
      if (!opened) return self->gone(0, std::move(opened.error().detail), std::move(opened.error().field));
      self->upgrade(language);
    });
  }

  void upgrade(const std::string& language) {
    key = random_key();
    outbox = "GET " + url.path + "/v1/ws HTTP/1.1\r\nHost: " + host_header(url) +
             "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key +
             "\r\nSec-WebSocket-Protocol: " + std::string(subprotocol) + "\r\n";
    if (!language.empty()) outbox += "Accept-Language: " + language + "\r\n";
    outbox += "\r\n";
    write();
    read_head();
  }

  void read_head() {
    head.emplace();
    head->header_limit(head_bytes_max);
    http::async_read_header(stream, ahead, *head, [self = shared_from_this()](error_code failed, std::size_t taken) {
      if (self->dead) return;
      const std::string_view begins = taken == 0 ? text_of(self->ahead.cdata()) : std::string_view();
      if (failed) return self->gone(0, unread_answer(failed, self->url, begins));
      self->take_head();
    });
  }

  void take_head() {
    const auto& answer = head->get();
    const unsigned status = answer.result_int();
    if (status / 100 == 1 && status != 101) {
      if (++interim > interim_answers_max) return gone(0, "the server's answer is too large");
      return read_head();
    }
    if (auto wants_tls = asks_for_tls(url, status, value_of(answer, "Location")))
      return gone(0, *std::move(wants_tls), "url");
    if (status != 101)
      return gone(0, "no Holdfast server there: it answered the upgrade with HTTP status " + std::to_string(status));
    if (value_of(answer, "Sec-WebSocket-Accept") != websocket_accept_key(key) ||
        value_of(answer, "Sec-WebSocket-Protocol") != subprotocol)
      return gone(0, "no Holdfast server there: it does not speak " + std::string(subprotocol));
    upgraded = true;
    head.reset();
    listener.on_open();
    if (dead && !lingering) return;
    if (!dead) feed({static_cast<char*>(ahead.data().data()), ahead.data().size()});  // what came behind it
    ahead.clear();
    if (!dead || lingering) read();
  }

  void read() {
    stream.async_read_some(asio::buffer(buffer), [self = shared_from_this()](error_code failed, std::size_t size) {
      if (self->finishing) return;
      const bool ended = failed == asio::error::eof || failed == asio::ssl::error::stream_truncated;
      if (failed) return self->gone(self->close_code, ended ? std::string() : failed.message());
      if (self->dead) {
        self->read();  // only until the peer has closed too
        return;
      }
      self->feed({self->buffer.data(), size});
      if (!self->dead || self->lingering) self->read();
    });
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
    if (writing || outbox.empty() || !stream.is_open()) return;
    writing = true;
    sent.swap(outbox);
    outbox.clear();
    asio::async_write(stream, asio::buffer(sent), [self = shared_from_this()](error_code failed, std::size_t) {
      self->writing = false;
      if (failed) return self->gone(0, "cannot send: " + failed.message());
      if (!self->outbox.empty()) return self->write();
      if (!self->lingering) return;
      self->finishing = true;
      self->stream.finish([self] { self->shut(); });
    });
  }

  void gone(std::uint16_t code, std::string reason, std::string field = {}) {
    if (dead) {
      shut();
      return;
    }
    dead = true;
    parser.stop();
    // What was queued last (a close frame) may still go out; the socket dies with the last handler.
    if (!writing) shut();
    listener.on_closed(code, std::move(reason), std::move(field));
  }

  void shut() {
    error_code ignored;
    linger.cancel(ignored);
    stream.close();
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

  const Url& url;
  Stream stream;
  asio::steady_timer linger;
  Transport::Listener& listener;
  std::optional<http::response_parser<http::empty_body>> head;
  boost::beast::flat_buffer ahead;  // of the answer to the upgrade, and what came with it
  std::array<char, read_bytes> buffer;
  std::string key, outbox, sent;
  WebSocketParser parser{WebSocketParser::Role::client, message_bytes_max};
  std::function<void()> on_shut;
  std::uint16_t close_code = 0;
  int interim = 0;
  bool upgraded = false, writing = false, dead = false, lingering = false, finishing = false;
};

struct Transport::State {
  State(std::vector<Url> where, std::shared_ptr<Trust> believed, std::string tongue, Listener& told)
      : urls(std::move(where)),
        trust(std::move(believed)),
        language(std::move(tongue)),
        listener(told),
        work(asio::make_work_guard(io)),
        resolver(io),
        timer(io) {}

  const std::vector<Url> urls;
  const std::shared_ptr<Trust> trust;
  std::string language;
  Listener& listener;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work;
  tcp::resolver resolver;
  asio::steady_timer timer;
  Time timer_at = Time::max();
  std::uint64_t dials = 0;
  std::shared_ptr<ServerSocket> link;
};

Transport::Transport(std::vector<Url> urls, std::shared_ptr<Trust> trust, std::string language, Listener& listener)
    : state_(std::make_unique<State>(std::move(urls), std::move(trust), std::move(language), listener)) {}
Transport::~Transport() = default;

void Transport::run() { state_->io.run(); }
void Transport::post(std::function<void()> work) { asio::post(state_->io, std::move(work)); }

void Transport::connect(std::size_t address) {
  drop(Drop::now);
  const std::uint64_t dial = ++state_->dials;
  const Url& url = state_->urls.at(address);
  state_->resolver.async_resolve(
      url.host, url.port, [this, dial, &url](error_code failed, const Stream::Endpoints& found) {
        if (dial != state_->dials) return;
        if (failed) return state_->listener.on_closed(0, "the server's name is not known: " + failed.message(), {});
        state_->link = std::make_shared<ServerSocket>(state_->io, url, state_->trust.get(), state_->listener);
        state_->link->open(found, state_->language);
      });
}

void Transport::send(const std::vector<std::string>& messages) {
  ServerSocket* link = state_->link.get();
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
  if (link == nullptr || !link->lingering || !link->stream.is_open()) {
    state_->io.stop();
    return;
  }
  link->on_shut = [this] { state_->io.stop(); };
  state_->timer.expires_after(at_most);
  state_->timer.async_wait([this](error_code failed) {
    if (!failed) state_->io.stop();
  });
}

}  // namespace hf::client
