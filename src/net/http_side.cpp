#include "net/http_side.h"

#include <algorithm>
#include <utility>

#include "net/peer_connection.h"

namespace hf {
namespace {

constexpr std::string_view subprotocol = "holdfast.v1.json";

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

bool HttpSide::is_late() const noexcept {
  const GatewayShared& shared = connection_.shared();
  return shared.now.monotonic - asked_ >= shared.options.half_close;
}

// ---------------------------------------------------------------------------------------------- requests

void HttpSide::receive(std::span<char> bytes) {
  // What is left over of earlier reads comes first. While a request is being answered, the next ones are kept.
  std::string kept;
  if (!received_.empty()) {
    received_.append(bytes.data(), bytes.size());
    if (is_answering()) return;
    kept.swap(received_);
    bytes = std::span(kept);
  }
  while (connection_.speaks_http() && !is_answering() && !bytes.empty() && read_some(bytes)) continue;
  if (bytes.empty()) return;
  if (connection_.speaks_http()) {
    received_.assign(bytes.data(), bytes.size());
  } else {
    connection_.receive_upgraded(bytes);
  }
}

void HttpSide::resume() {
  std::string kept;
  kept.swap(received_);
  receive(std::span(kept));
}

bool HttpSide::read_some(std::span<char>& bytes) {
  const GatewayOptions& options = connection_.shared().options;
  if (!reader_) {
    if (!connection_.reads_enough()) return false;  // who does not read is not answered more either
    // A line end too many after a request is common and means nothing (RFC 9112 §2.2).
    if (bytes.front() == '\r' || bytes.front() == '\n') {
      bytes = bytes.subspan(1);
      return true;
    }
    reader_ = std::make_unique<HttpReader>(options.http);
    connection_.set_deadline(options.header_timeout);
  }
  const bool had_header = reader_->header_done();
  std::string_view rest(bytes.data(), bytes.size());
  const HttpReader::Step step = reader_->feed(rest);
  bytes = bytes.last(rest.size());
  if (!had_header && reader_->header_done()) connection_.set_deadline(options.body_timeout);
  switch (step) {
    case HttpReader::Step::need_more: return false;
    case HttpReader::Step::wants_continue:
      connection_.out() += "HTTP/1.1 100 Continue\r\n\r\n";
      connection_.mark_dirty();
      return true;
    case HttpReader::Step::refused:
      refuse(reader_->refusal());
      bytes = {};
      return false;
    case HttpReader::Step::complete: {
      HttpIncoming incoming = reader_->take();
      reader_.reset();
      connection_.clear_deadline();
      serve(std::move(incoming));
      return true;
    }
  }
  return false;
}

void HttpSide::serve(HttpIncoming incoming) {
  GatewayShared& shared = connection_.shared();
  ++shared.counts.http_requests;
  head_ = incoming.head;
  keep_alive_ = incoming.keep_alive && !shared.draining;
  chunks_ = incoming.chunks;
  HttpRequest& request = incoming.request;
  language_ = language_of(request.accept_language);
  allow_origin_.clear();
  if (!is_allowed_origin(request.origin, request.host, shared.options.origins)) {
    return answer(
        problem_response(403, Code::forbidden, "Pages of that origin may not talk to this server.", language_));
  }
  if (is_listed_origin(request.origin, shared.options.origins)) {
    allow_origin_ = request.origin;
    if (request.method == "OPTIONS") return answer(preflight_response());
  }
  if (request.path == "/v1/ws") return upgrade(incoming);
  if (request.path == "/" && request.method == "GET") {
    HttpResponse response;
    response.content_type = "text/plain; charset=utf-8";
    response.body = shared.options.index;
    return answer(response);
  }
  request.loopback = connection_.peer().loopback;
  request.connection = connection_.id();
  exchange_ = shared.next_id++;
  asked_ = shared.now.monotonic;
  shared.exchanges.emplace(exchange_, &connection_);
  in_hub_ = true;
  shared.handler.http(exchange_, std::move(request), shared.now);
  in_hub_ = false;
}

void HttpSide::upgrade(const HttpIncoming& incoming) {
  const auto refuse_upgrade = [this](int status, Code code, std::string_view detail) {
    HttpResponse response = problem_response(status, code, detail, language_);
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
  if (connection_.shared().draining) {
    keep_alive_ = false;
    return refuse_upgrade(503, Code::draining, "This node is going: connect again.");
  }

  std::string& to = connection_.out();
  to +=
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Content-Type-Options: "
      "nosniff";
  to += "\r\nSec-WebSocket-Accept: ";
  to += websocket_accept_key(incoming.websocket_key);
  if (ours) to.append("\r\nSec-WebSocket-Protocol: ").append(subprotocol);
  to += "\r\n\r\n";
  connection_.mark_dirty();
  connection_.upgraded(incoming.request);
}

// ---------------------------------------------------------------------------------------------- answers

void HttpSide::append_answer(const HttpResponse& response) {
  GatewayShared& shared = connection_.shared();
  if (response.refusal && shared.options.on_refused) shared.options.on_refused(*response.refusal);
  append_response(connection_.out(), response,
                  HttpFraming{.head = head_, .keep_alive = keep_alive_, .allow_origin = allow_origin_},
                  shared.http_date_now());
  connection_.mark_dirty();
}

void HttpSide::respond(const HttpResponse& response) {
  append_answer(response);
  if (response.confirm) unconfirmed_.push_back({exchange_, connection_.queued(), is_late()});
  finish_exchange();
}

void HttpSide::answer(const HttpResponse& response) {
  append_answer(response);
  finish_exchange();
}

void HttpSide::refuse(HttpResponse response) {
  reader_.reset();
  keep_alive_ = false;
  head_ = false;
  allow_origin_.clear();
  answer(response);
}

// The answer is queued: the next request may come, or the connection ends.
void HttpSide::finish_exchange() {
  connection_.account();
  if (is_answering()) connection_.shared().exchanges.erase(std::exchange(exchange_, 0));
  if (keep_alive_) {
    connection_.set_deadline(connection_.shared().options.idle_timeout);
  } else {
    connection_.begin_closing();
  }
}

void HttpSide::begin_stream() {
  HttpResponse response;
  response.content_type = "text/event-stream";
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("X-Accel-Buffering", "no");
  if (!chunks_ || head_) keep_alive_ = false;
  append_response(connection_.out(), response,
                  HttpFraming{.head = head_,
                              .keep_alive = keep_alive_,
                              .chunked = chunks_,
                              .until_close = !chunks_,
                              .allow_origin = allow_origin_},
                  connection_.shared().http_date_now());
  connection_.mark_dirty();
}

void HttpSide::stream(std::string_view event) {
  if (head_ || event.empty()) return;
  if (chunks_) {
    append_chunk(connection_.out(), event);
  } else {
    connection_.out() += event;
  }
  connection_.mark_dirty();
  connection_.check_queue();
}

void HttpSide::end_stream() {
  if (chunks_ && !head_) append_chunk(connection_.out(), "");
  connection_.mark_dirty();
  finish_exchange();
}

// ---------------------------------------------------------------------------------------------- answers that must
// arrive

bool HttpSide::awaits_late_writing() const noexcept {
  return awaits_beyond(connection_.written()) && unconfirmed_.back().late;
}

void HttpSide::arrived(std::uint64_t place) {
  std::size_t done = 0;
  while (done < unconfirmed_.size() && unconfirmed_[done].end <= place) ++done;
  GatewayShared& shared = connection_.shared();
  for (std::size_t i = 0; i < done; ++i) shared.handler.http_delivered(unconfirmed_[i].exchange, shared.now);
  unconfirmed_.erase(unconfirmed_.begin(), unconfirmed_.begin() + static_cast<std::ptrdiff_t>(done));
}

void HttpSide::settle(std::uint64_t known) {
  GatewayShared& shared = connection_.shared();
  for (const Unconfirmed& one : std::exchange(unconfirmed_, {})) {
    if (one.end <= known) {
      shared.handler.http_delivered(one.exchange, shared.now);
    } else {
      shared.handler.http_gone(one.exchange, shared.now);
    }
  }
}

// ---------------------------------------------------------------------------------------------- ending

void HttpSide::stop() {
  reader_.reset();
  received_ = std::string();
}

void HttpSide::gone() {
  if (!is_answering()) return;
  GatewayShared& shared = connection_.shared();
  const ExchangeId exchange = std::exchange(exchange_, 0);
  shared.exchanges.erase(exchange);
  shared.handler.http_gone(exchange, shared.now);
}

}  // namespace hf
