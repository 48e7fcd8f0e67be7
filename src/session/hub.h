#pragma once

// Hub is the protocol of one node as a state machine: its connections, their users and rights, the requests in flight,
// and whom an event concerns. The transport does HTTP and WebSocket framing, the engine decides about locks; the hub
// stands between them and touches neither socket nor clock.
//
// Everything comes in as a call with the time, and everything goes out by the Transport. The same calls give the same
// output, so the protocol is tested without sockets.
//
// Not thread-safe: one loop owns hub, transport and engine port.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/sign_in_failure.h"
#include "base/time.h"
#include "catalog/catalog.h"
#include "catalog/rights.h"
#include "session/audit_reader.h"
#include "session/document_reader.h"
#include "store/lock_engine.h"
#include "wire/jwt.h"

namespace hf {

// Limits of a node's connections, beside those of base/limits.h.
inline constexpr std::uint32_t namespaces_dev_max = 100;
inline constexpr std::uint32_t tokens_remembered_max = 4096;
inline constexpr std::uint32_t audit_questions_per_user_max = 1;      // not answered yet
inline constexpr std::uint32_t document_questions_per_user_max = 32;  // not answered yet: a form asks many at once
// How much the node reads from a peer before it knows the user.
inline constexpr std::size_t login_bytes_max = 4 * 1024;   // of a login's body
inline constexpr std::size_t login_code_bytes_max = 64;    // of the code in it
inline constexpr std::size_t hello_bytes_max = 16 * 1024;  // of a WebSocket's message before it was greeted

// How to-do rows are told (session/todo_delivery.h).
struct TodoLimits {
  std::size_t unsent_bytes_max = 1 << 20;  // of a connection: beyond it it gets nothing more, until it has read half
  Millis behind_max{30'000};               // so long; then the connection is closed
  Millis digest_every{10'000};
  Millis digest_late_max{500};       // for so long a digest waits until all changes of edited bills are told
  std::uint32_t questions_max = 64;  // to the engine at a time: a crowd of returning clients waits in line
  std::uint32_t rows_per_page = 500;
  std::size_t batch_bytes_min = 4096;     // a frame that has so many is compressed
  std::size_t edited_bills_max = 20'000;  // of a namespace, whose rows say who edits them
  std::size_t edited_bills_per_tick = 500;
  bool hide_names = false;       // rows say that somebody edits them, not who
  Micros window_per_person{10};  // from one flush of a channel to the next, for each follower told; 100 ms at most
  std::uint32_t bills_per_frame_max = 2000;  // a channel's window that has so many leaves before its time
};

// Two readings taken together: the wall clock, and a monotonic clock that never jumps (for local timers).
struct Now {
  Wall wall{};
  Micros monotonic{0};
};

using ConnectionId = std::uint64_t;  // one WebSocket; never used twice
using ExchangeId = std::uint64_t;    // one HTTP request; never used twice
using PersonKey = std::uint64_t;     // a user of a namespace, whatever his token (Bearer::person); 0: nobody

struct HttpRequest {
  ConnectionId connection = 0;                             // that it came on
  std::string method;                                      // "GET"
  std::string path;                                        // decoded, without the query: "/v1/locks"
  std::vector<std::pair<std::string, std::string>> query;  // decoded
  std::string authorization;                               // header as it came; empty: none
  std::string cookie;
  std::string idempotency_key;
  std::string accept_language;
  std::string content_type;
  std::string origin;
  std::string host;  // header as it came: "localhost:7420"
  std::string if_none_match;
  std::string body;
  bool loopback = false;   // the peer's address is a loopback one
  bool forwarded = false;  // a header says that a proxy passed it on: the address is not the client's
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::optional<Code> refusal = {};  // the code of a refusal, to be counted; nothing: it is none
  bool confirm = false;              // http_delivered() or http_gone() follows
};

struct WebSocketOpened {
  std::string authorization;
  std::string cookie;
  std::string accept_language;
  std::string origin;  // a cookie counts only if it is the origin of `host`
  std::string host;
  bool loopback = false;
};

// What the hub asks of the world.
class Transport {
 public:
  virtual ~Transport() = default;
  // Queues one text message. It is written at the end of the turn, with all others of that connection.
  virtual void send(ConnectionId connection, std::string_view text) = 0;
  // The same for a large, compressed message (wire/batch_frame.h), as one binary message.
  virtual void send_batch(ConnectionId connection, std::string_view payload) = 0;
  // Bytes queued for the connection that its socket has not taken yet.
  virtual std::size_t unsent(ConnectionId connection) const = 0;
  // The same of all connections of a person.
  virtual std::size_t unsent_of(PersonKey person) const = 0;
  // From now on the connection belongs to this person alone. False, and nothing has changed, if he has as many as he
  // may.
  virtual bool belongs(ConnectionId connection, PersonKey person) = 0;
  // For the metrics: a refusal by WebSocket (an HttpResponse carries its own), and a failed sign-in.
  virtual void refused(Code code) = 0;
  virtual void sign_in_failed(ConnectionId connection, SignInFailure why) = 0;
  // Calls Hub::wake() at this time of the monotonic clock. Only the earliest of several counts.
  virtual void wake_at(Micros monotonic) = 0;
  // Closes after what is queued has been written.
  virtual void close(ConnectionId connection, std::uint16_t code, std::string_view reason) = 0;
  // With `confirm` the transport says later whether all of it reached the peer's system.
  virtual void respond(ExchangeId exchange, HttpResponse response) = 0;
  // Server-sent events: begins the stream, then appends events; ended by http_gone or end_stream.
  virtual void begin_stream(ExchangeId exchange) = 0;
  virtual void stream(ExchangeId exchange, std::string_view event) = 0;
  virtual void end_stream(ExchangeId exchange) = 0;
};

struct HubOptions {
  Limits limits;
  bool dev = false;  // serve /v1/dev/token to loopback peers
  bool strict_types = true;
  bool hide_names = false;
  std::string node;                                   // this node's name, for `welcome` and /v1/stats
  std::vector<std::string> namespaces = {"default"};  // with dev: any, up to 100
  JwtKeys keys;                                       // what tokens are verified with
  std::string dev_kid = "dev";                        // signs dev tokens; the same key is among `keys`
  std::string dev_secret;
  Millis dev_token_valid{12 * 3600 * 1000};
  std::string audience;        // expected `aud`; empty: not checked
  std::string openapi;         // what /v1/openapi.yaml answers; empty: 404
  bool cookie_secure = false;  // set where browsers come by TLS
  Millis ping_every{10'000};
  Millis hello_within{10'000};         // a connection that says no hello is closed 4000
  Millis answer_pings_within{45'000};  // one that answers no ping is closed 4003
  Millis auth_before{60'000};          // auth.required goes out so long before the token expires
  Millis http_wait_max{25'000};        // then a waiting acquire is answered 202: proxies give up after 30 s and more
  Millis login_code_valid{30'000};
  TodoLimits todo;
  std::uint32_t requests_per_second_max = 20'000;  // of one user, by WebSocket and HTTP together; a burst may take one
                                                   // second's worth
  std::uint32_t streams_per_user_max = 20;         // of server-sent events
  std::uint32_t login_codes_max = 1000;            // that wait to be used
  std::uint32_t login_codes_per_user_max = 10;
  // Unread bytes of answers and pushes. A client with more must read before it may ask for more.
  std::size_t unread_per_connection_max = 4 << 20;
  std::size_t unread_per_user_max = 16 << 20;
  // The newest metrics in Prometheus' text format, for GET /metrics; none: 404.
  std::function<std::string()> metrics_text;
  AuditReader* audit = nullptr;  // for audit.list; none: it is refused. Outlives the hub
  // For bill.get, bill.list and lookup, of the first of the namespaces; none: they are refused. Outlives the hub.
  DocumentReader* documents = nullptr;
};

class Hub final : public LockEngineSink {
 public:
  Hub(HubOptions options, const Catalog& catalog, LockEngine& engine, Transport& transport, SecretSource& secrets);
  ~Hub() override;

  void connected(ConnectionId connection, const WebSocketOpened& opened, Now now);
  void message(ConnectionId connection, std::string_view text, Now now);
  // The peer has sent its close frame: answers its earlier requests, then closes.
  void leaving(ConnectionId connection, Now now);
  void disconnected(ConnectionId connection, Now now);

  void http(ExchangeId exchange, HttpRequest request, Now now);
  void http_gone(ExchangeId exchange, Now now);       // the peer closed before the answer reached it
  void http_delivered(ExchangeId exchange, Now now);  // an answer with `confirm` reached it

  // At least every 100 ms: pings, timeouts of waiting HTTP requests, the engine's tick.
  void tick(Now now);
  void wake(Now now);  // Transport::wake_at asked for it
  // Stops taking work: readiness off, acquires refused as draining, connections closed 1012 with retry_ms,
  // spread over `window`. Frees nothing.
  void drain(Millis window, Now now);
  // Every connection is closed and every exchange answered.
  bool idle() const;

  // What options.audit was asked.
  void on_audit(Ticket ticket, Result<AuditAnswer>&& answer, Now now);
  // What options.documents was asked.
  void on_documents(Ticket ticket, Result<documents::Answer>&& answer, Now now);

  void on_outcome(Ticket ticket, Outcome&& outcome) override;
  void on_event(NamespaceIndex ns, const Event& event) override;
  void on_reset() override;
  void on_taken_elsewhere(const SessionId& session) override;
  void on_turn_end() override;
  void on_failed(std::string why) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hf
