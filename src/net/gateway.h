#pragma once

// Gateway is a node's sockets: it listens, reads HTTP/1.1 and WebSocket on one port, and writes.
//
// What it promises to the hub: requests of one HTTP connection are handed over and answered in order, one at a
// time; connected() comes before the first message() and disconnected() after the last; no call of Transport
// calls the hub back. What it promises to peers: one write per socket and turn, a clean refusal for whatever is
// malformed, too large or too slow, and no memory reserved for what they only announce.
//
// Reading. A connection waits without a buffer and is read, when there is something, into one that all share: at
// most 64 KB a turn. So an idle connection is small. All wait in one poller of our own, watched by level: a message
// costs one recv and one send. Who does not read his answers is not read from either.
//
// Closing. A peer may shut its sending side behind its request, within `half_close`: what is answered in as much time
// again reaches it. Later, a shut side is a peer that leaves: the request has no asker any more, and its answer is not
// written. Of an answer with `confirm` the gateway tells whether the peer's system has acknowledged all of it. It did
// not arrive if it could not be written, or if the peer had begun to leave and did not acknowledge it. A connection
// that is reset behind an answer that was written is no proof: who has read it may leave so, too.
//
// Not thread-safe: all of it belongs to the loop.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/address.h"
#include "net/handler.h"
#include "net/http_codec.h"
#include "net/loop.h"
#include "net/shares.h"

namespace hf {

struct GatewayOptions {
  ListenAddress listen;
  HttpLimits http;
  std::size_t message_bytes_max = 1024 * 1024;    // of one WebSocket message
  std::size_t queue_bytes_max = 8 * 1024 * 1024;  // unsent bytes of one connection; then 4003
  std::size_t connections_max = 100'000;          // more are answered 503
  Shares::Limits shares;                          // of a user and an address
  Millis header_timeout{10'000};                  // from the first byte of a request to the end of its header
  Millis body_timeout{30'000};                    // then to the end of its body
  Millis idle_timeout{75'000};                    // between two requests of a connection
  Millis close_timeout{5'000};                    // for the peer to take leave
  Millis half_close{500};                         // see above
  std::vector<std::string> origins;               // allowed beside the server's own; "*": any
  std::string index = "Holdfast\n";               // what GET / answers
  std::function<void(Code)> on_refused;           // a refusal is being sent, by either face
  std::function<void(const std::string& address, SignInFailure why)> on_sign_in_failed;
};

struct GatewayCounts {
  std::uint64_t connections = 0, websockets = 0;  // now
  std::uint64_t accepted = 0, refused = 0, bytes_in = 0, bytes_out = 0, http_requests = 0, messages_in = 0,
                messages_out = 0, queue_drops = 0;
};

class Gateway final : public Transport {
 public:
  Gateway(Loop& loop, ConnectionHandler& handler, GatewayOptions options);
  ~Gateway() override;
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Begins to listen; the address as it became (port 0 is the system's choice). Fails with unavailable if the
  // address is taken or not this machine's.
  Result<ListenAddress> listen();

  // Closes what passed its deadline. Call at least each second.
  void tick();
  // No new WebSocket; an HTTP connection ends with its next answer, an idle one now.
  void drain();
  // Accepts nothing more.
  void stop_listening();
  // No connection is open.
  bool empty() const noexcept;
  // Writes what is queued, as far as the sockets take it, and closes everything.
  void close_all();

  GatewayCounts counts() const noexcept;

  void send(ConnectionId connection, std::string_view text) override;
  void send_batch(ConnectionId connection, std::string_view payload) override;
  std::size_t unsent(ConnectionId connection) const override;
  std::size_t unsent_of(PersonKey person) const override;
  bool belongs(ConnectionId connection, PersonKey person) override;
  void refused(Code code) override;
  void sign_in_failed(ConnectionId connection, SignInFailure why) override;
  void wake_at(Micros monotonic) override;
  void close(ConnectionId connection, std::uint16_t code, std::string_view reason) override;
  void respond(ExchangeId exchange, HttpResponse response) override;
  void begin_stream(ExchangeId exchange) override;
  void stream(ExchangeId exchange, std::string_view event) override;
  void end_stream(ExchangeId exchange) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// True if a page of `origin` may talk to a server that it calls `host`: its own pages, and those of `allowed`.
// No origin: no browser, so nobody to be protected from.
bool is_allowed_origin(std::string_view origin, std::string_view host,
                       const std::vector<std::string>& allowed) noexcept;
// True if `allowed` names it: its pages may read the answers, too.
bool is_listed_origin(std::string_view origin, const std::vector<std::string>& allowed) noexcept;

}  // namespace hf
