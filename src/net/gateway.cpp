#include "net/gateway.h"

#include <unistd.h>
#include <algorithm>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "net/peer_connection.h"

namespace hf {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Acceptor = asio::basic_socket_acceptor<tcp, asio::io_context::executor_type>;
using Socket = asio::basic_stream_socket<tcp, asio::io_context::executor_type>;
using Descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

constexpr std::size_t refused_at_once_max = 256;  // connections beyond the limit that are still told so
constexpr int looks_a_turn_max = 4;
constexpr Millis accept_pause{100};  // when the system has no descriptor left

// What connections of one party share: an address of IPv4, or the network of an address of IPv6, which one party has
// whole (RFC 4291 §2.5.1).
std::string shared_address(const asio::ip::address& address) {
  if (address.is_v4()) return address.to_string();
  const asio::ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_string();
  if (v6.is_loopback()) return v6.to_string();
  return asio::ip::make_network_v6(v6, 64).canonical().to_string();
}

}  // namespace

struct Gateway::State : GatewayShared {
  State(Loop& l, ConnectionHandler& h, GatewayOptions o)
      : GatewayShared(l, h, std::move(o)), acceptor(l.context()), pause(l.context()), sockets(l.context()) {}

  Acceptor acceptor;
  asio::steady_timer pause;
  Descriptor sockets;  // the poller's: readable while a connection is ready
  std::optional<Micros> wake_at;
  bool accepting = false;
  bool closed = false;

  PeerConnection* find(ConnectionId id) {
    const auto found = connections.find(id);
    return found == connections.end() ? nullptr : found->second.get();
  }
  PeerConnection* find_exchange(ExchangeId id) {
    const auto found = exchanges.find(id);
    return found == exchanges.end() ? nullptr : found->second;
  }

  std::shared_ptr<State> self() { return std::static_pointer_cast<State>(shared_from_this()); }
  void accept();
  void accepted(Socket socket);
  Result<void> open_poller();
  void wait_ready();
  void read_ready();
  void turn_end();
};

void Gateway::State::accept() {
  if (accepting || closed || !acceptor.is_open()) return;
  if (connections.size() >= options.connections_max + refused_at_once_max) return;
  accepting = true;
  acceptor.async_accept([this, alive = std::weak_ptr<GatewayShared>(shared_from_this())](
                            const boost::system::error_code& error, Socket socket) {
    const auto held = alive.lock();
    if (!held || closed) return;
    accepting = false;
    now = Loop::now();
    if (!error) {
      accepted(std::move(socket));
    } else if (error != asio::error::connection_aborted) {
      // No descriptors or memory: connections wait in the kernel until some end.
      accepting = true;
      pause.expires_after(accept_pause);
      pause.async_wait([this, alive](const boost::system::error_code& stopped) {
        const auto still = alive.lock();
        if (stopped || !still || closed) return;
        accepting = false;
        accept();
      });
      return;
    }
    accept();
  });
}

void Gateway::State::accepted(Socket socket) {
  boost::system::error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return;  // it went before we looked
  const asio::ip::address address = peer.address();
  const bool mapped = address.is_v6() && address.to_v6().is_v4_mapped();
  const bool loopback =
      mapped ? asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback() : address.is_loopback();
  const std::string from = shared_address(address);
  const Shares::Welcome welcome = shares.come(from);
  ++counts.accepted;
  if (welcome != Shares::Welcome::welcome) ++counts.refused;
  if (welcome == Shares::Welcome::dropped) return;
  const int taken = socket.release(error);  // from Asio, which would watch it too
  if (error) return shares.leave(from);
  const bool full = connections.size() >= options.connections_max;
  auto connection = std::make_shared<PeerConnection>(self(), taken, Peer{from, loopback});
  connections.emplace(connection->id(), connection);
  if (welcome == Shares::Welcome::refused) {
    connection->start_refused(429, Code::too_many,
                              "Your address has as many connections that nobody signed in on as it may.");
  } else if (full) {
    ++counts.refused;
    connection->start_refused(503, Code::unavailable, "This node has as many connections as it may have.");
  } else {
    connection->start();
  }
}

Result<void> Gateway::State::open_poller() {
  // Asio closes what it is given, so it is given a descriptor of its own.
  const int own = poller.descriptor() < 0 ? -1 : ::dup(poller.descriptor());
  boost::system::error_code error;
  if (own >= 0) sockets.assign(own, error);
  if (own < 0 || error) return fail(Code::unavailable, "The system has no descriptor left to watch sockets by.");
  wait_ready();
  return {};
}

// All connections wait by this one operation: it is armed once a turn, not once a message.
void Gateway::State::wait_ready() {
  sockets.async_wait(Descriptor::wait_read, [this, alive = std::weak_ptr<GatewayShared>(shared_from_this())](
                                                const boost::system::error_code& error) {
    const auto held = alive.lock();
    if (error || !held || closed) return;
    read_ready();
    wait_ready();
  });
}

// While some are read, others become ready: these join the turn, whose one commit serves them all.
void Gateway::State::read_ready() {
  now = Loop::now();
  for (int looks = 0; looks < looks_a_turn_max; ++looks) {
    const auto ready = poller.look();
    for (const Poller::Ready& one : ready) {
      const auto found = connections.find(one.id);
      if (found == connections.end()) continue;
      const auto connection = found->second;  // it may end meanwhile
      connection->on_ready(one);
    }
    if (ready.size() < 2) return;  // nobody came meanwhile, most likely
  }
}

void Gateway::State::turn_end() {
  now = Loop::now();
  handler.turn_end();
  std::vector<std::shared_ptr<PeerConnection>> work;
  work.swap(dirty);
  for (const auto& connection : work) connection->turn_end();
  if (dirty.empty()) {
    work.clear();
    dirty.swap(work);  // keeps its memory
  }
}

Gateway::Gateway(Loop& loop, ConnectionHandler& handler, GatewayOptions options)
    : state_(std::make_shared<State>(loop, handler, std::move(options))) {
  State* state = state_.get();
  state->on_ended = [state] { state->accept(); };
  loop.set_turn_end([state] { state->turn_end(); });
}

Gateway::~Gateway() {
  State& s = *state_;
  s.closed = true;
  s.loop.set_turn_end({});
  boost::system::error_code ignored;  // the descriptor is gone either way
  s.acceptor.close(ignored);
  s.sockets.close(ignored);
  for (const auto& [id, connection] : s.connections) connection->discard();
  s.connections.clear();
  s.exchanges.clear();
  s.dirty.clear();
}

Result<ListenAddress> Gateway::listen() {
  State& s = *state_;
  ListenAddress address = s.options.listen;
  boost::system::error_code error;
  const asio::ip::address ip = asio::ip::make_address(address.host, error);
  if (error) return fail(Code::invalid, "Not an address to listen on: " + address.host + ".", "listen");
  const tcp::endpoint endpoint(ip, address.port);
  s.acceptor.open(endpoint.protocol(), error);
  if (!error) s.acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) s.acceptor.bind(endpoint, error);
  if (!error) s.acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) address.port = s.acceptor.local_endpoint(error).port();
  if (error)
    return fail(Code::unavailable, "Cannot listen on " + address.text() + ": " + error.message() + ".", "listen");
  if (auto watching = s.open_poller(); !watching) return tl::unexpected(watching.error());
  s.accept();
  return address;
}

void Gateway::tick() {
  State& s = *state_;
  s.now = Loop::now();
  while (!s.due.empty() && s.due.top().at <= s.now.monotonic) {
    const GatewayShared::Due due = s.due.top();
    s.due.pop();
    if (const auto connection = due.connection.lock()) connection->check_deadline(due.at);
  }
  for (const auto& one : std::exchange(s.unconfirmed, {})) {
    if (const auto connection = one.lock()) connection->check_confirmed();
  }
}

void Gateway::drain() {
  State& s = *state_;
  s.draining = true;
  std::vector<std::shared_ptr<PeerConnection>> all;
  for (const auto& [id, connection] : s.connections) all.push_back(connection);
  for (const auto& connection : all) connection->drain();
}

void Gateway::stop_listening() {
  boost::system::error_code ignored;  // it stops listening either way
  state_->acceptor.close(ignored);
}

bool Gateway::empty() const noexcept { return state_->connections.empty(); }

void Gateway::close_all() {
  State& s = *state_;
  s.now = Loop::now();
  std::vector<std::shared_ptr<PeerConnection>> all;
  for (const auto& [id, connection] : s.connections) all.push_back(connection);
  for (const auto& connection : all) connection->abort();
}

GatewayCounts Gateway::counts() const noexcept { return state_->counts; }

std::size_t Gateway::unsent(ConnectionId connection) const {
  const PeerConnection* c = state_->find(connection);
  return c == nullptr ? 0 : c->unsent();
}

std::size_t Gateway::unsent_of(PersonKey person) const { return state_->shares.unsent(person); }

bool Gateway::belongs(ConnectionId connection, PersonKey person) {
  PeerConnection* const c = state_->find(connection);
  return c == nullptr || c->belong(person);
}

void Gateway::refused(Code code) {
  if (state_->options.on_refused) state_->options.on_refused(code);
}

void Gateway::sign_in_failed(ConnectionId connection, SignInFailure why) {
  const PeerConnection* const c = state_->find(connection);
  if (c != nullptr && state_->options.on_sign_in_failed) state_->options.on_sign_in_failed(c->address(), why);
}

void Gateway::send(ConnectionId connection, std::string_view text) {
  if (PeerConnection* c = state_->find(connection)) c->send(Opcode::text, text);
}

void Gateway::send_batch(ConnectionId connection, std::string_view payload) {
  if (PeerConnection* c = state_->find(connection)) c->send(Opcode::binary, payload);
}

void Gateway::wake_at(Micros monotonic) {
  State& s = *state_;
  if (s.wake_at && *s.wake_at <= monotonic) return;
  s.wake_at = monotonic;
  s.loop.once_at(monotonic, [self = s.self()] {
    self->wake_at.reset();
    if (!self->closed) self->handler.wake(Loop::now());
  });
}

void Gateway::close(ConnectionId connection, std::uint16_t code, std::string_view reason) {
  if (PeerConnection* c = state_->find(connection)) c->close_websocket(code, reason);
}

void Gateway::respond(ExchangeId exchange, HttpResponse response) {
  if (PeerConnection* c = state_->find_exchange(exchange)) c->respond(response);
}

void Gateway::begin_stream(ExchangeId exchange) {
  if (PeerConnection* c = state_->find_exchange(exchange)) c->begin_stream();
}

void Gateway::stream(ExchangeId exchange, std::string_view event) {
  if (PeerConnection* c = state_->find_exchange(exchange)) c->stream(event);
}

void Gateway::end_stream(ExchangeId exchange) {
  if (PeerConnection* c = state_->find_exchange(exchange)) c->end_stream();
}

bool is_allowed_origin(std::string_view origin, std::string_view host,
                       const std::vector<std::string>& allowed) noexcept {
  if (origin.empty()) return true;
  const auto scheme = origin.find("://");
  if (scheme != std::string_view::npos && !host.empty() && origin.substr(scheme + 3) == host) return true;
  return is_listed_origin(origin, allowed);
}

bool is_listed_origin(std::string_view origin, const std::vector<std::string>& allowed) noexcept {
  if (origin.empty()) return false;
  return std::any_of(allowed.begin(), allowed.end(),
                     [origin](const std::string& one) { return one == origin || one == "*"; });
}

}  // namespace hf
