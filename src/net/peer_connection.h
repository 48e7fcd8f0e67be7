#pragma once

// Connection is one accepted socket, from its first HTTP request through a WebSocket's life to its end.
//
//   http ──upgrade──▶ websocket ──close frame──▶ leaving     what was asked before is still answered, if soon
//     │                  │                          │
//     └────────┬─────────┴──────────────────────────┘        close(), a refusal, a broken frame
//           closing        nothing more is handed over; what is queued is written, then our side is shut
//              │           and what still comes is thrown away, until the peer's end or the deadline
//            ended
//
// It is kept alive by the gateway's table and owns its socket, which the gateway's poller watches. Calls that come
// from the hub only queue and mark; the hub is called from reads, deadlines and the end of a turn alone.
//
// Internal to net: only connection.cpp and gateway.cpp include it. Not thread-safe: the loop's.

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <queue>
#include <span>

#include "net/gateway.h"
#include "net/poller.h"
#include "wire/websocket.h"

namespace hf {

class Connection;

// Where a connection comes from.
struct Peer {
  std::string address;  // what Shares counts by
  bool loopback = false;
};

// What all connections of a gateway share.
struct GatewayShared : std::enable_shared_from_this<GatewayShared> {
  GatewayShared(Loop& l, ConnectionHandler& h, GatewayOptions o)
      : loop(l), handler(h), options(std::move(o)), shares(options.shares) {}

  Loop& loop;
  ConnectionHandler& handler;
  GatewayOptions options;
  GatewayCounts counts;
  Shares shares;
  Poller poller;
  Now now = Loop::now();      // of the event being handled, or of the look at the sockets that told it
  std::uint64_t next_id = 1;  // of connections and exchanges
  bool draining = false;
  boost::unordered_flat_map<ConnectionId, std::shared_ptr<Connection>> connections;
  boost::unordered_flat_map<ExchangeId, Connection*> exchanges;
  std::vector<std::shared_ptr<Connection>> dirty;      // have something to do at the end of the turn
  std::vector<std::weak_ptr<Connection>> unconfirmed;  // wait for their peers' acknowledgements
  std::array<char, 64 * 1024> scratch;
  std::vector<std::string> spare;  // buffers for sending, used in turn by all
  std::string date;                // of the Date header
  std::int64_t date_second = -1;
  std::function<void()> on_ended;  // a connection went

  struct Due {
    Micros at;
    std::weak_ptr<Connection> connection;
    bool operator<(const Due& other) const noexcept { return at > other.at; }
  };
  std::priority_queue<Due> due;

  std::string_view http_date_now();

 protected:
  ~GatewayShared() = default;
};

class Connection final : public std::enable_shared_from_this<Connection>, private WebSocketSink {
 public:
  // `socket` is the connection's to close.
  Connection(std::shared_ptr<GatewayShared> shared, int socket, Peer peer);
  ~Connection() override;

  ConnectionId id() const noexcept { return id_; }
  // Bytes on their way that the socket has not taken.
  std::size_t unsent() const noexcept { return out_.size() - sent_; }
  const std::string& address() const noexcept { return peer_.address; }
  // It is this person's from now on; false, and nothing has changed, if he has as many as he may.
  bool belong(PersonKey person);
  void start();
  // Answers and closes: one connection too many.
  void start_refused(int status, Code code, std::string_view detail);
  // The socket is ready.
  void on_ready(const Poller::Ready& ready);

  void send(Opcode opcode, std::string_view message);
  void close_websocket(std::uint16_t code, std::string_view reason);
  void respond(const HttpResponse& response);
  void begin_stream();
  void stream(std::string_view event);
  void end_stream();

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

 private:
  enum class Phase : std::uint8_t { http, websocket, leaving, closing, ended };
  struct Unconfirmed {
    ExchangeId exchange = 0;
    std::uint64_t end = 0;  // of the answer, among all bytes that were ever queued
    bool late = false;      // its peer does not shut its side any more but to leave
  };

  void watch();
  // Tells the poller what is waited for now, if that has changed.
  void rewatch();
  Poller::Interest interest() const noexcept { return {.read = may_read(), .write = writing_}; }
  void on_readable();
  void on_peer_shut();
  void receive(std::span<char> bytes);
  void receive_http(std::span<char> bytes);
  void serve(HttpIncoming incoming);
  void upgrade(const HttpIncoming& incoming);
  void answer(const HttpResponse& response);  // ours, not the hub's
  void refuse(HttpResponse response);         // and close
  void finish_exchange();
  bool is_late() const noexcept { return shared_.now.monotonic - asked_ >= shared_.options.half_close; }
  bool has_left() const noexcept;
  void confirm();
  void settle_unconfirmed(std::uint64_t acknowledged);
  // How many of the bytes ever queued the peer's system has.
  std::uint64_t acknowledged() const noexcept;
  void begin_closing();
  void end();
  // Once nothing can be said to it any more.
  void tell_gone();
  void close_socket() noexcept;

  std::string& out();
  void check_queue();
  // Tells Shares how much is unsent now.
  void account();
  void count(const HttpResponse& response);
  bool flush();
  void mark_dirty();
  void set_deadline(Millis from_now);
  void clear_deadline() noexcept { deadline_ = Micros{0}; }
  bool may_read() const noexcept;

  void on_message(Opcode opcode, std::string_view payload) override;
  void on_ping(std::string_view payload) override;
  void on_pong(std::string_view payload) override;
  void on_close(std::uint16_t code, std::string_view reason) override;

  const std::shared_ptr<GatewayShared> held_;  // it may outlive the gateway
  GatewayShared& shared_;
  int socket_;                // negative: closed
  Poller::Interest watched_;  // what the poller was told
  ConnectionId id_;
  ExchangeId exchange_ = 0;    // the request being answered; 0: none
  Micros deadline_{0};         // 0: none
  Micros deadline_queued_{0};  // the earliest entry in the queue of deadlines; 0: none
  std::string in_;             // read, not used yet
  std::string out_;            // queued; belongs to the pool of spare buffers when empty
  std::size_t sent_ = 0;       // how much of it
  std::size_t accounted_ = 0;  // what Shares has been told is unsent
  PersonKey person_ = 0;       // whose it is; 0: its address's
  const Peer peer_;
  std::uint64_t written_ = 0;  // how much the socket has taken ever
  Micros asked_{0};            // when the newest request was whole
  std::vector<Unconfirmed> unconfirmed_;
  std::unique_ptr<HttpReader> reader_;  // while a request is being read
  WebSocketParser parser_;
  Phase phase_ = Phase::http;
  std::uint16_t leave_code_ = 0;  // of the peer's close frame
  bool told_ = false;             // the hub knows this WebSocket
  bool writing_ = false;          // the socket takes no more for now
  bool dirty_ = false;
  bool broken_ = false;      // the socket failed
  bool reset_ = false;       // by its peer
  bool confirming_ = false;  // is among those that wait for acknowledgements
  bool shut_ = false;        // our side is shut
  bool peer_shut_ = false;   // the peer's is
  bool in_serve_ = false;
  std::string allow_origin_;  // whose page made the request being answered, if it may from another address
  bool head_ = false;         // of the request being answered:
  bool keep_alive_ = true;
  bool chunks_ = true;
};

}  // namespace hf
