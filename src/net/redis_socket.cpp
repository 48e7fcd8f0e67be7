#include "net/redis_socket.h"

#include <openssl/ssl.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "redis/resp.h"

namespace hf {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using Stream = asio::generic::stream_protocol::socket;
using Endpoint = asio::generic::stream_protocol::endpoint;

constexpr std::size_t read_bytes_max = 64 * 1024;
constexpr std::size_t socket_path_bytes_max = 107;  // sun_path of unix(7)

}  // namespace

struct RedisSocket::State : std::enable_shared_from_this<RedisSocket::State> {
  State(Loop& loop, Events e) : context(loop.context()), socket(context), resolver(context), events(std::move(e)) {}

  asio::io_context& context;
  Stream socket;
  asio::ip::tcp::resolver resolver;
  std::optional<asio::ssl::context> tls_context;
  std::optional<asio::ssl::stream<Stream&>> tls;
  Events events;
  redis::RespParser parser;
  std::array<char, read_bytes_max> in;
  std::string out;
  std::vector<Endpoint> endpoints;  // to be tried in turn
  std::size_t next_endpoint = 0;
  Micros received_at{0};
  bool writing = false;
  bool over = false;  // nothing is called any more

  void close() {
    over = true;
    ErrorCode ignored;  // it is gone in any case
    socket.close(ignored);
    resolver.cancel();
  }

  void end(const std::string& why) {
    if (over) return;
    close();
    events.ended(why);
  }

  // From inside the constructor no event may come.
  void end_later(std::string why) {
    asio::post(context, [self = shared_from_this(), why = std::move(why)] { self->end(why); });
  }

  // Reads the certificates anew for each connection, so that renewed files need no restart.
  bool set_up_tls(const redis::Url& url, const std::string& host) {
    ErrorCode error;
    tls_context.emplace(asio::ssl::context::tls_client);
    if (!url.verified) {
      tls_context->set_verify_mode(asio::ssl::verify_none, error);
    } else if (url.ca_path.empty()) {
      tls_context->set_default_verify_paths(error);
    } else {
      tls_context->load_verify_file(url.ca_path, error);
    }
    if (error) return end_later("The file of authorities cannot be used: " + error.message()), false;
    if (!url.certificate_path.empty()) {
      tls_context->use_certificate_chain_file(url.certificate_path, error);
      if (!error) tls_context->use_private_key_file(url.key_path, asio::ssl::context::pem, error);
      if (error) return end_later("The certificate or its key cannot be used: " + error.message()), false;
    }
    SSL_CTX_set_min_proto_version(tls_context->native_handle(), TLS1_2_VERSION);
    tls.emplace(socket, *tls_context);
    if (url.verified) {
      tls->set_verify_mode(asio::ssl::verify_peer, error);
      tls->set_verify_callback(asio::ssl::host_name_verification(host), error);
      if (error) return end_later("TLS cannot be set up: " + error.message()), false;
    }
    ErrorCode no_address;
    asio::ip::make_address(host, no_address);
    // The name goes to the server only if it is one (RFC 6066 §3).
    if (no_address) SSL_set_tlsext_host_name(tls->native_handle(), host.c_str());
    return true;
  }

  void start(const redis::Url& url, const redis::HostPort& to) {
    if (!url.socket_path.empty()) {
      if (url.socket_path.size() > socket_path_bytes_max) return end_later("The path of the socket is too long.");
      endpoints.emplace_back(asio::local::stream_protocol::endpoint(url.socket_path));
      return connect();
    }
    if (url.tls && !set_up_tls(url, to.host)) return;
    ErrorCode no_address;
    const auto address = asio::ip::make_address(to.host, no_address);
    if (!no_address) {
      endpoints.emplace_back(asio::ip::tcp::endpoint(address, to.port));
      return connect();
    }
    resolver.async_resolve(to.host, std::to_string(to.port),
                           [self = shared_from_this()](const ErrorCode& error, const auto& found) {
                             if (self->over) return;
                             if (error) return self->end("The name cannot be resolved: " + error.message());
                             for (const auto& one : found) self->endpoints.emplace_back(one.endpoint());
                             self->connect();
                           });
  }

  void connect() {
    ErrorCode ignored;  // of the attempt before, which has failed
    socket.close(ignored);
    socket.async_connect(endpoints[next_endpoint++], [self = shared_from_this()](const ErrorCode& error) {
      if (self->over) return;
      if (!error) return self->connected();
      if (self->next_endpoint < self->endpoints.size()) return self->connect();
      self->end("No connection: " + error.message());
    });
  }

  void connected() {
    ErrorCode ignored;  // options only, and a Unix socket has no TCP_NODELAY
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    if (!tls) return opened();
    tls->async_handshake(asio::ssl::stream_base::client, [self = shared_from_this()](const ErrorCode& error) {
      if (self->over) return;
      if (!error) return self->opened();
      const long verdict = SSL_get_verify_result(self->tls->native_handle());
      const bool bad = verdict != X509_V_OK;
      self->end(bad ? std::string("The server's certificate is not good: ") + X509_verify_cert_error_string(verdict)
                    : "TLS: " + error.message());
    });
  }

  void opened() {
    read();
    events.opened();
  }

  void read() {
    auto done = [self = shared_from_this()](const ErrorCode& error, std::size_t size) {
      if (self->over) return;
      if (error == asio::error::eof) return self->end("Redis has closed the connection.");
      if (error) return self->end("The connection broke: " + error.message());
      self->received(std::string_view(self->in.data(), size));
    };
    if (tls) {
      tls->async_read_some(asio::buffer(in), std::move(done));
    } else {
      socket.async_read_some(asio::buffer(in), std::move(done));
    }
  }

  void received(std::string_view bytes) {
    received_at = Loop::now().monotonic;
    while (!bytes.empty()) {
      auto reply = parser.next(bytes);
      if (!reply) return end(reply.error().detail);
      if (!*reply) break;
      events.replied(std::move(**reply));
      if (over) return;
    }
    read();
  }

  void write(std::string bytes) {
    HF_ASSERT(!writing);
    out = std::move(bytes);
    writing = true;
    auto done = [self = shared_from_this()](const ErrorCode& error, std::size_t) {
      if (self->over) return;
      self->writing = false;
      if (error) return self->end("The connection broke: " + error.message());
      self->events.written();
    };
    if (tls) {
      asio::async_write(*tls, asio::buffer(out), std::move(done));
    } else {
      asio::async_write(socket, asio::buffer(out), std::move(done));
    }
  }
};

RedisSocket::RedisSocket(Loop& loop, const redis::Url& url, const redis::HostPort& to, Events events)
    : state_(std::make_shared<State>(loop, std::move(events))) {
  state_->start(url, to);
}
RedisSocket::~RedisSocket() { state_->close(); }
void RedisSocket::write(std::string bytes) { state_->write(std::move(bytes)); }
bool RedisSocket::is_writing() const noexcept { return state_->writing; }
Micros RedisSocket::received_at() const noexcept { return state_->received_at; }

struct RedisTimer::State : std::enable_shared_from_this<RedisTimer::State> {
  State(Loop& loop, std::function<void()> a) : timer(loop.context()), alarm(std::move(a)) {}
  asio::steady_timer timer;
  std::function<void()> alarm;
  bool over = false;
};

RedisTimer::RedisTimer(Loop& loop, std::function<void()> alarm)
    : state_(std::make_shared<State>(loop, std::move(alarm))) {}
RedisTimer::~RedisTimer() {
  state_->over = true;
  state_->timer.cancel();
}

void RedisTimer::set(Micros at) {
  state_->timer.expires_at(asio::steady_timer::time_point(at));
  state_->timer.async_wait([state = state_](const ErrorCode& error) {
    if (!error && !state->over) state->alarm();
  });
}

}  // namespace hf
