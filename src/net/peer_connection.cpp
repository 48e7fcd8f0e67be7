#include "net/connection.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace hf {
namespace {

constexpr std::size_t spare_buffers_max = 64;
constexpr std::size_t spare_bytes_max = 256 * 1024;
constexpr std::size_t unsent_read_max = 256 * 1024;  // with more unsent, the peer is not read from
constexpr std::size_t unsent_at_once = 512 * 1024;   // more is written before the turn's end
constexpr std::size_t pipelined_bytes_max = 64 * 1024;
constexpr std::string_view subprotocol = "holdfast.v1.json";
constexpr int unacknowledged_ms_max = 30'000;
constexpr int silent_s_max = 60;

// Options only: without them it is slower, not wrong.
void set_option(int socket, int level, int name, int value) noexcept {
  [[maybe_unused]] const int ignored = ::setsockopt(socket, level, name, &value, sizeof value);
}

HttpResponse preflight_response() {
  HttpResponse response;
  response.status = 204;
  response.headers = {{"Access-Control-Allow-Methods", "GET, POST, DELETE"},
                      {"Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, If-None-Match"},
                      {"Access-Control-Max-Age", "600"}};
  return response;
}

// Names of subprotocols have a case (RFC 6455 §11.3.4).
bool offers(std::string_view protocols, std::string_view wanted) {
  const auto offered = list_elements(protocols);
  return std::find(offered.begin(), offered.end(), wanted) != offered.end();
}

}  // namespace

std::string_view GatewayShared::http_date_now() {
  const std::int64_t second = to_us(now.wall) / 1'000'000;
  if (second != date_second) {
    date = http_date(second);
    date_second = second;
  }
  return date;
}

Connection::Connection(std::shared_ptr<GatewayShared> shared, int socket, Peer peer)
    : held_(std::move(shared)),
      shared_(*held_),
      socket_(socket),
      id_(shared_.next_id++),
      peer_(std::move(peer)),
      parser_(WebSocketParser::Role::server, shared_.options.message_bytes_max) {
  ++shared_.counts.connections;
}

Connection::~Connection() {
  close_socket();
  if (person_ != 0) {
    shared_.shares.give_back(person_, accounted_);
  } else {
    shared_.shares.leave(peer_.address);
  }
  --shared_.counts.connections;
}

void Connection::start() {
  set_option(socket_, IPPROTO_TCP, TCP_NODELAY, 1);
  // A peer that vanished, or reads nothing at all, is noticed by the kernel: by what was sent to it, or by asking.
  set_option(socket_, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket_, IPPROTO_TCP, TCP_KEEPIDLE, silent_s_max);
  set_option(socket_, IPPROTO_TCP, TCP_USER_TIMEOUT, unacknowledged_ms_max);
  set_deadline(shared_.options.header_timeout);
  watch();
}

bool Connection::belong(PersonKey person) {
  if (person == person_) return true;
  if (!shared_.shares.take(person)) return false;
  if (person_ != 0) {
    shared_.shares.give_back(person_, accounted_);
  } else {
    shared_.shares.leave(peer_.address);
  }
  person_ = person;
  accounted_ = 0;
  account();
  return true;
}

void Connection::account() {
  if (person_ == 0) return;
  shared_.shares.unsent_changed(person_, accounted_, unsent());
  accounted_ = unsent();
}

void Connection::start_refused(int status, Code code, std::string_view detail) {
  HttpResponse response = problem_response(status, code, detail);
  response.headers.emplace_back("Retry-After", "5");
  refuse(response);
  watch();
}

// ---------------------------------------------------------------------------------------------- reading

bool Connection::may_read() const noexcept {
  if (phase_ == Phase::ended || broken_ || peer_shut_) return false;
  if (phase_ == Phase::closing) return true;
  return unsent() <= unsent_read_max && in_.size() <= pipelined_bytes_max + shared_.options.http.header_bytes_max;
}

void Connection::watch() {
  watched_ = interest();
  if (shared_.poller.add(socket_, id_, watched_)) return;
  broken_ = true;  // the system has no memory for it
  mark_dirty();
}

void Connection::rewatch() {
  if (phase_ == Phase::ended || watched_ == interest()) return;
  watched_ = interest();
  shared_.poller.change(socket_, id_, watched_);
}

void Connection::on_ready(const Poller::Ready& ready) {
  if (ready.write && writing_) {
    writing_ = false;
    mark_dirty();
  }
  if (!ready.read) return rewatch();
  // What is not read from is not asked what came before its end: it would be told so again and again.
  if (ready.broken && !may_read()) return end();
  on_readable();
}

void Connection::on_readable() {
  auto& scratch = shared_.scratch;
  const ssize_t got = ::recv(socket_, scratch.data(), scratch.size(), MSG_DONTWAIT);
  if (got > 0) {
    shared_.counts.bytes_in += static_cast<std::uint64_t>(got);
    receive(std::span(scratch.data(), static_cast<std::size_t>(got)));
    shared_.loop.at_turn_end();
  } else if (got == 0) {
    on_peer_shut();
  } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
    reset_ = errno == ECONNRESET;
    return end();
  }
  rewatch();
}

// The peer sends no more. What it asked just before is still answered; a request that waits for longer is taken for one
// whose asker went, since a socket does not tell the two apart.
void Connection::on_peer_shut() {
  if (phase_ == Phase::leaving) {
    peer_shut_ = true;
    return mark_dirty();
  }
  if (phase_ == Phase::websocket || (exchange_ != 0 && unsent() == 0 && is_late())) return end();
  peer_shut_ = true;
  confirm();
  if (exchange_ == 0 && unsent() == 0 && in_.empty() && unconfirmed_.empty()) return end();
  if (phase_ == Phase::http) set_deadline(shared_.options.half_close);
  mark_dirty();
}

void Connection::receive(std::span<char> bytes) {
  switch (phase_) {
    case Phase::http: receive_http(bytes); break;
    case Phase::websocket:
      if (const auto code = parser_.feed(bytes, *this)) close_websocket(*code, "");
      break;
    case Phase::leaving:
    case Phase::closing:
    case Phase::ended: break;
  }
}

// ---------------------------------------------------------------------------------------------- HTTP

void Connection::receive_http(std::span<char> bytes) {
  // What is left over of earlier reads comes first. While a request is being answered, the next ones are kept.
  std::string kept;
  if (!in_.empty()) {
    in_.append(bytes.data(), bytes.size());
    if (exchange_ != 0) return;
    kept.swap(in_);
    bytes = std::span(kept);
  }
  while (phase_ == Phase::http && exchange_ == 0 && !bytes.empty()) {
    if (!reader_) {
      if (unsent() > unsent_read_max) break;  // who does not read is not answered more either: turn_end() goes on
      // A line end too many after a request is common and means nothing (RFC 9112 §2.2).
      if (bytes.front() == '\r' || bytes.front() == '\n') {
        bytes = bytes.subspan(1);
        continue;
      }
      reader_ = std::make_unique<HttpReader>(shared_.options.http);
      set_deadline(shared_.options.header_timeout);
    }
    const bool had_header = reader_->header_done();
    std::string_view rest(bytes.data(), bytes.size());
    const HttpReader::Step step = reader_->feed(rest);
    bytes = bytes.last(rest.size());
    if (!had_header && reader_->header_done()) set_deadline(shared_.options.body_timeout);
    if (step == HttpReader::Step::need_more) break;
    if (step == HttpReader::Step::wants_continue) {
      out() += "HTTP/1.1 100 Continue\r\n\r\n";
      mark_dirty();
      if (bytes.empty()) break;
    } else if (step == HttpReader::Step::refused) {
      refuse(reader_->refusal());
      return;
    } else {
      HttpIncoming incoming = reader_->take();
      reader_.reset();
      clear_deadline();
      serve(std::move(incoming));
    }
  }
  if (bytes.empty()) return;
  if (phase_ == Phase::http) {
    in_.assign(bytes.data(), bytes.size());
  } else if (phase_ == Phase::websocket) {
    receive(bytes);
  }
}

void Connection::serve(HttpIncoming incoming) {
  ++shared_.counts.http_requests;
  head_ = incoming.head;
  keep_alive_ = incoming.keep_alive && !shared_.draining;
  chunks_ = incoming.chunks;
  HttpRequest& request = incoming.request;
  allow_origin_.clear();
  if (!is_allowed_origin(request.origin, request.host, shared_.options.origins)) {
    return answer(problem_response(403, Code::forbidden, "Pages of that origin may not talk to this server."));
  }
  if (is_listed_origin(request.origin, shared_.options.origins)) {
    allow_origin_ = request.origin;
    if (request.method == "OPTIONS") return answer(preflight_response());
  }
  if (request.path == "/v1/ws") return upgrade(incoming);
  if (request.path == "/" && request.method == "GET") {
    HttpResponse response;
    response.content_type = "text/plain; charset=utf-8";
    response.body = shared_.options.index;
    return answer(response);
  }
  request.loopback = peer_.loopback;
  request.connection = id_;
  exchange_ = shared_.next_id++;
  asked_ = shared_.now.monotonic;
  shared_.exchanges.emplace(exchange_, this);
  in_serve_ = true;
  shared_.handler.http(exchange_, std::move(request), shared_.now);
  in_serve_ = false;
}

void Connection::upgrade(const HttpIncoming& incoming) {
  const auto refuse_upgrade = [this](int status, Code code, std::string_view detail) {
    HttpResponse response = problem_response(status, code, detail);
    if (status == 426) {
      response.headers.emplace_back("Upgrade", "websocket");
      response.headers.emplace_back("Sec-WebSocket-Version", "13");
    }
    answer(response);
  };
  if (!incoming.upgrade) return refuse_upgrade(426, Code::invalid, "This address speaks WebSocket only.");
  if (incoming.websocket_version != "13")
    return refuse_upgrade(426, Code::invalid, "WebSocket version 13 is spoken here.");
  if (!is_websocket_key(incoming.websocket_key))
    return refuse_upgrade(400, Code::invalid, "Sec-WebSocket-Key is not the base64 of 16 bytes.");
  if (!incoming.request.body.empty()) return refuse_upgrade(400, Code::invalid, "An upgrade has no body.");
  const bool ours = offers(incoming.websocket_protocols, subprotocol);
  if (!ours && !incoming.websocket_protocols.empty()) {
    return refuse_upgrade(400, Code::invalid, "The subprotocol spoken here is holdfast.v1.json.");
  }
  if (shared_.draining) {
    keep_alive_ = false;
    return refuse_upgrade(503, Code::draining, "This node is going: connect again.");
  }

  std::string& to = out();
  to +=
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Content-Type-Options: "
      "nosniff";
  to += "\r\nSec-WebSocket-Accept: ";
  to += websocket_accept_key(incoming.websocket_key);
  if (ours) to.append("\r\nSec-WebSocket-Protocol: ").append(subprotocol);
  to += "\r\n\r\n";
  mark_dirty();
  phase_ = Phase::websocket;
  told_ = true;
  ++shared_.counts.websockets;
  clear_deadline();
  WebSocketOpened opened;
  opened.authorization = incoming.request.authorization;
  opened.cookie = incoming.request.cookie;
  opened.accept_language = incoming.request.accept_language;
  opened.origin = incoming.request.origin;
  opened.host = incoming.request.host;
  opened.loopback = peer_.loopback;
  shared_.handler.connected(id_, opened, shared_.now);
}

void Connection::count(const HttpResponse& response) {
  if (response.refusal && shared_.options.on_refused) shared_.options.on_refused(*response.refusal);
}

void Connection::respond(const HttpResponse& response) {
  if (phase_ != Phase::http) return;
  count(response);
  append_response(out(), response, HttpFraming{.head = head_, .keep_alive = keep_alive_, .allow_origin = allow_origin_},
                  shared_.http_date_now());
  if (response.confirm) unconfirmed_.push_back({exchange_, written_ + unsent(), is_late()});
  mark_dirty();
  finish_exchange();
}

void Connection::answer(const HttpResponse& response) {
  count(response);
  append_response(out(), response, HttpFraming{.head = head_, .keep_alive = keep_alive_, .allow_origin = allow_origin_},
                  shared_.http_date_now());
  mark_dirty();
  finish_exchange();
}

void Connection::refuse(HttpResponse response) {
  reader_.reset();
  keep_alive_ = false;
  head_ = false;
  allow_origin_.clear();
  answer(response);
}

// The answer is queued: the next request may come, or the connection ends.
void Connection::finish_exchange() {
  account();
  if (exchange_ != 0) shared_.exchanges.erase(std::exchange(exchange_, 0));
  if (!keep_alive_) {
    begin_closing();
  } else {
    set_deadline(shared_.options.idle_timeout);
  }
}

void Connection::begin_stream() {
  if (phase_ != Phase::http) return;
  HttpResponse response;
  response.content_type = "text/event-stream";
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("X-Accel-Buffering", "no");
  if (!chunks_ || head_) keep_alive_ = false;
  append_response(out(), response,
                  HttpFraming{.head = head_,
                              .keep_alive = keep_alive_,
                              .chunked = chunks_,
                              .until_close = !chunks_,
                              .allow_origin = allow_origin_},
                  shared_.http_date_now());
  mark_dirty();
}

void Connection::stream(std::string_view event) {
  if (phase_ != Phase::http || head_ || event.empty()) return;
  if (chunks_) {
    append_chunk(out(), event);
  } else {
    out() += event;
  }
  mark_dirty();
  check_queue();
}

void Connection::end_stream() {
  if (phase_ != Phase::http) return;
  if (chunks_ && !head_) append_chunk(out(), "");
  mark_dirty();
  finish_exchange();
}

// ---------------------------------------------------------------------------------------------- WebSocket

void Connection::on_message(Opcode opcode, std::string_view payload) {
  ++shared_.counts.messages_in;
  if (opcode == Opcode::binary) {
    close_websocket(close_code::holdfast_protocol, "binary batches are not taken here");
    return;
  }
  shared_.handler.message(id_, payload, shared_.now);
}

void Connection::on_ping(std::string_view payload) {
  append_frame(out(), Opcode::pong, payload);
  mark_dirty();
  check_queue();
}

void Connection::on_pong(std::string_view) {}

// The close frame is answered behind the answers to what came before it: it may lie in the same segment.
void Connection::on_close(std::uint16_t code, std::string_view) {
  leave_code_ = code == close_code::none_given ? close_code::normal : code;
  phase_ = Phase::leaving;
  set_deadline(shared_.options.half_close);
  shared_.handler.leaving(id_, shared_.now);
}

void Connection::send(Opcode opcode, std::string_view message) {
  if (phase_ != Phase::websocket && phase_ != Phase::leaving) return;
  ++shared_.counts.messages_out;
  append_frame(out(), opcode, message);
  mark_dirty();
  check_queue();
}

void Connection::close_websocket(std::uint16_t code, std::string_view reason) {
  if (phase_ != Phase::websocket && phase_ != Phase::leaving) return;
  parser_.stop();
  if (phase_ == Phase::leaving) {
    append_close_frame(out(), leave_code_, "");
  } else {
    append_close_frame(out(), code, reason);
  }
  begin_closing();
}

// ---------------------------------------------------------------------------------------------- writing

std::string& Connection::out() {
  if (out_.capacity() <= 32 && !shared_.spare.empty()) {
    out_ = std::move(shared_.spare.back());
    shared_.spare.pop_back();
  }
  return out_;
}

void Connection::mark_dirty() {
  if (dirty_) return;
  dirty_ = true;
  shared_.dirty.push_back(shared_from_this());
  shared_.loop.at_turn_end();
}

void Connection::check_queue() {
  if (unsent() > unsent_at_once && !writing_) flush();
  account();
  if (unsent() <= shared_.options.queue_bytes_max) return;
  ++shared_.counts.queue_drops;
  if (phase_ == Phase::websocket || phase_ == Phase::leaving) {
    close_websocket(close_code::too_slow, "you read too slowly");
  } else {
    broken_ = true;
  }
}

// False if something is left that the socket does not take now.
bool Connection::flush() {
  while (unsent() > 0 && !broken_) {
    const ssize_t sent = ::send(socket_, out_.data() + sent_, unsent(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        reset_ = errno == ECONNRESET;
        broken_ = true;
        mark_dirty();
        return true;
      }
      writing_ = true;
      // What is sent already need not be kept; moving the rest is worth it when it is the smaller part.
      if (sent_ > out_.size() / 2) {
        out_.erase(0, sent_);
        sent_ = 0;
      }
      return false;
    }
    sent_ += static_cast<std::size_t>(sent);
    written_ += static_cast<std::uint64_t>(sent);
    shared_.counts.bytes_out += static_cast<std::uint64_t>(sent);
  }
  sent_ = 0;
  out_.clear();
  if (out_.capacity() <= spare_bytes_max && shared_.spare.size() < spare_buffers_max && out_.capacity() > 32) {
    shared_.spare.push_back(std::move(out_));
  }
  out_ = std::string();
  return true;
}

void Connection::turn_end() {
  dirty_ = false;
  if (phase_ == Phase::ended) return;
  if (phase_ == Phase::closing) tell_gone();
  if (phase_ == Phase::http && exchange_ == 0 && !in_.empty() && !in_serve_ && unsent() <= unsent_read_max) {
    std::string kept;
    kept.swap(in_);
    receive_http(std::span(kept));
  }
  if (peer_shut_ && phase_ == Phase::http && !in_serve_ && unsent() <= unsent_read_max) {
    // With no request being answered, there is no whole one left.
    if (exchange_ == 0)
      begin_closing();
    else if (deadline_ == Micros{0})
      set_deadline(shared_.options.half_close);
  }
  if (has_left()) return end();
  const bool all = writing_ ? false : flush();
  account();
  if (broken_) return end();
  // With no request being read or answered, what is left in `in_` waited for the answers before it to go out.
  if (all && phase_ == Phase::http && exchange_ == 0 && !reader_ && !in_.empty()) mark_dirty();
  if (all && phase_ == Phase::closing) {
    confirm();
    // A socket that is shut on both sides tells nothing more: what the peer has not acknowledged is waited for before.
    if (unconfirmed_.empty()) {
      if (!shut_) ::shutdown(socket_, SHUT_WR);
      shut_ = true;
      if (peer_shut_) return end();
    }
  }
  if (!unconfirmed_.empty() && !confirming_) {
    confirming_ = true;
    shared_.unconfirmed.push_back(weak_from_this());
  }
  rewatch();
}

// ---------------------------------------------------------------------------------------------- what arrived

// True if an answer that must arrive is not to be written: its peer has begun to leave meanwhile.
bool Connection::has_left() const noexcept {
  if (unconfirmed_.empty() || !unconfirmed_.back().late || unconfirmed_.back().end <= written_) return false;
  if (peer_shut_) return true;
  char byte = 0;
  const ssize_t got = ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

std::uint64_t Connection::acknowledged() const noexcept {
  int left = 0;
  if (socket_ < 0 || ::ioctl(socket_, SIOCOUTQ, &left) != 0 || left < 0) return 0;
  return written_ - std::min(written_, static_cast<std::uint64_t>(left));
}

void Connection::confirm() {
  if (unconfirmed_.empty()) return;
  const std::uint64_t known = acknowledged();
  std::size_t done = 0;
  while (done < unconfirmed_.size() && unconfirmed_[done].end <= known) ++done;
  for (std::size_t i = 0; i < done; ++i) shared_.handler.http_delivered(unconfirmed_[i].exchange, shared_.now);
  unconfirmed_.erase(unconfirmed_.begin(), unconfirmed_.begin() + static_cast<std::ptrdiff_t>(done));
}

void Connection::check_confirmed() {
  confirming_ = false;
  if (phase_ == Phase::ended) return;
  confirm();
  mark_dirty();  // to wait on, or to close
}

// The socket is closed: what the peer has not got by now it never will, or nobody knows.
void Connection::settle_unconfirmed(std::uint64_t acknowledged) {
  for (const Unconfirmed& one : std::exchange(unconfirmed_, {})) {
    if (one.end <= acknowledged || (reset_ && one.end <= written_)) {
      shared_.handler.http_delivered(one.exchange, shared_.now);
    } else {
      shared_.handler.http_gone(one.exchange, shared_.now);
    }
  }
}

// ---------------------------------------------------------------------------------------------- ending

void Connection::begin_closing() {
  phase_ = Phase::closing;
  reader_.reset();
  in_ = std::string();
  set_deadline(shared_.options.close_timeout);
  mark_dirty();
}

void Connection::end() {
  if (phase_ == Phase::ended) return;
  const auto self = shared_from_this();
  phase_ = Phase::ended;
  const std::uint64_t known = unconfirmed_.empty() ? written_ : acknowledged();
  if (!unconfirmed_.empty() && unconfirmed_.back().end > known) {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == ECONNRESET) reset_ = true;
    // What is said not to have arrived must not be sent once more behind our back.
    const linger at_once{1, 0};
    [[maybe_unused]] const int ignored = ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  close_socket();
  settle_unconfirmed(known);
  if (exchange_ != 0) {
    const ExchangeId exchange = std::exchange(exchange_, 0);
    shared_.exchanges.erase(exchange);
    shared_.handler.http_gone(exchange, shared_.now);
  }
  tell_gone();
  shared_.connections.erase(id_);
  shared_.loop.at_turn_end();
  shared_.on_ended();
}

void Connection::tell_gone() {
  if (!std::exchange(told_, false)) return;
  --shared_.counts.websockets;
  shared_.handler.disconnected(id_, shared_.now);
}

void Connection::close_socket() noexcept {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

void Connection::abort() {
  if (phase_ == Phase::ended) return;
  if (!writing_) flush();
  // It is us who leave: what was written reaches a peer that lives.
  for (const Unconfirmed& one : unconfirmed_) {
    if (one.end <= written_) shared_.handler.http_delivered(one.exchange, shared_.now);
  }
  std::erase_if(unconfirmed_, [this](const Unconfirmed& one) { return one.end <= written_; });
  end();
}

void Connection::discard() {
  phase_ = Phase::ended;
  close_socket();
}

void Connection::drain() {
  keep_alive_ = false;
  if (phase_ == Phase::http && exchange_ == 0 && !reader_) begin_closing();
}

void Connection::set_deadline(Millis from_now) {
  deadline_ = shared_.now.monotonic + from_now;
  if (deadline_queued_ != Micros{0} && deadline_queued_ <= deadline_) return;
  deadline_queued_ = deadline_;
  shared_.due.push(GatewayShared::Due{deadline_, weak_from_this()});
}

void Connection::check_deadline(Micros key) {
  if (phase_ == Phase::ended || key != deadline_queued_) return;  // a later, earlier deadline took its place
  deadline_queued_ = Micros{0};
  if (deadline_ == Micros{0}) return;
  if (deadline_ > shared_.now.monotonic) {
    deadline_queued_ = deadline_;
    shared_.due.push(GatewayShared::Due{deadline_, weak_from_this()});
    return;
  }
  if (phase_ == Phase::http && reader_) {
    refuse(problem_response(408, Code::invalid, "The request took too long to arrive."));
  } else if (phase_ == Phase::leaving) {
    close_websocket(leave_code_, "");
  } else {
    end();
  }
}

}  // namespace hf
