#pragma once

// PeerConnection is one accepted socket, from its first HTTP request through a WebSocket's life to its end.
//
//   http ──upgrade──▶ websocket ──close frame──▶ leaving     what was asked before is still answered, if soon
//     │                  │                          │
//     └────────┬─────────┴──────────────────────────┘        close(), a refusal, a broken frame
//           closing        nothing more is handed over; what is queued is written, then our side is shut
//              │           and what still comes is thrown away, until the peer's end or the deadline
//            ended
//
// It has the phase, the deadline and the end of the turn; the bytes are SocketBytes', each protocol has its side. It is
// kept alive by the gateway's table; the gateway's poller watches its socket. Calls that come from the hub only queue
// and mark; the hub is called from reads, deadlines and the end of a turn alone.
//
// Internal to net: its sides and gateway.cpp include it. Not thread-safe: the loop's.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/gateway_shared.h"
#include "net/http_side.h"
#include "net/socket_bytes.h"
#include "net/websocket_side.h"

namespace hf {

// Where a connection comes from.
struct Peer {
  std::string address;  // what Shares counts by
  bool loopback = false;
};

class PeerConnection final : public std::enable_shared_from_this<PeerConnection> {
 public:
  // `socket` is the connection's to close.
  PeerConnection(std::shared_ptr<GatewayShared> shared, int socket, Peer peer);
  ~PeerConnection();
  PeerConnection(const PeerConnection&) = delete;
  PeerConnection& operator=(const PeerConnection&) = delete;

  ConnectionId id() const noexcept { return id_; }
  const Peer& peer() const noexcept { return peer_; }
  const std::string& address() const noexcept { return peer_.address; }
  // Bytes on their way that the socket has not taken.
  std::size_t unsent() const noexcept { return bytes_.unsent(); }
  // It is this person's from now on; false, and nothing has changed, if he has as many as he may.
  bool belong(PersonKey person);
  void start();
  // Answers and closes: one connection too many.
  void start_refused(int status, Code code, std::string_view detail);
  // The socket is ready.
  void on_ready(const Poller::Ready& ready);

  // ---- what the hub has to say; without effect where the phase does not speak so any more
  void send(Opcode opcode, std::string_view message) {
    if (speaks_websocket()) websocket_.send(opcode, message);
  }
  void close_websocket(std::uint16_t code, std::string_view reason);
  void respond(const HttpResponse& response) {
    if (speaks_http()) http_.respond(response);
  }
  void begin_stream() {
    if (speaks_http()) http_.begin_stream();
  }
  void stream(std::string_view event) {
    if (speaks_http()) http_.stream(event);
  }
  void end_stream() {
    if (speaks_http()) http_.end_stream();
  }

  void turn_end();
  // Looks at the deadline; `key` is the one it was put into the queue with.
  void check_deadline(Micros key);
  // Tells of the answers that the peer has acknowledged by now.
  void check_confirmed();
  void drain();
  // Writes what the socket takes and ends at once.
  void abort();
  // Ends without a word to the hub: the gateway itself is going.
  void discard();

  // ---- for its sides
  GatewayShared& shared() noexcept { return shared_; }
  bool speaks_http() const noexcept { return phase_ == Phase::http; }
  bool speaks_websocket() const noexcept { return phase_ == Phase::websocket || phase_ == Phase::leaving; }
  // The peer has read so much that more may be asked and answered.
  bool reads_enough() const noexcept;
  std::string& out() { return bytes_.out(); }
  std::uint64_t written() const noexcept { return bytes_.written(); }
  std::uint64_t queued() const noexcept { return bytes_.queued(); }
  void mark_dirty();
  // Writes at once what has become much, and drops a peer that reads too slowly.
  void check_queue();
  // Tells Shares how much is unsent now.
  void account();
  void set_deadline(Millis from_now);
  void clear_deadline() noexcept { deadline_ = Micros{0}; }
  // The request has been answered by 101.
  void upgraded(const HttpRequest& request);
  // What came behind that request.
  void receive_upgraded(std::span<char> bytes);
  // The peer's close frame has come.
  void begin_leaving();
  void begin_closing();

 private:
  enum class Phase : std::uint8_t { http, websocket, leaving, closing, ended };

  void watch();
  // Tells the poller what is waited for now, if that has changed.
  void rewatch();
  Poller::Interest interest() const noexcept { return {.read = may_read(), .write = bytes_.is_blocked()}; }
  bool may_read() const noexcept;
  void on_readable();
  void on_peer_shut();
  void receive(std::span<char> bytes);
  // At the end of a turn: what waited is gone on with, what the peer will not ask for any more is not waited for.
  void go_on_with_http();
  // True if an answer that must arrive is not to be written: its peer has begun to leave meanwhile.
  bool has_left() const noexcept;
  void confirm();
  void end();

  const std::shared_ptr<GatewayShared> held_;  // it may outlive the gateway
  GatewayShared& shared_;
  ConnectionId id_;
  const Peer peer_;
  SocketBytes bytes_;
  HttpSide http_;
  WebSocketSide websocket_;
  Phase phase_ = Phase::http;
  Poller::Interest watched_;   // what the poller was told
  Micros deadline_{0};         // 0: none
  Micros deadline_queued_{0};  // the earliest entry in the queue of deadlines; 0: none
  std::size_t accounted_ = 0;  // what Shares has been told is unsent
  PersonKey person_ = 0;       // whose it is; 0: its address's
  bool peer_shut_ = false;     // the peer sends no more
  bool dirty_ = false;         // is among those that have something to do at the end of the turn
  bool confirming_ = false;    // is among those that wait for acknowledgements
};

}  // namespace hf
