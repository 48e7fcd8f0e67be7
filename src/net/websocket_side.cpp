#include "net/websocket_side.h"

#include <utility>

#include "net/peer_connection.h"

namespace hf {

void WebSocketSide::open(const HttpRequest& request) {
  GatewayShared& shared = connection_.shared();
  told_ = true;
  ++shared.counts.websockets;
  WebSocketOpened opened;
  opened.authorization = request.authorization;
  opened.cookie = request.cookie;
  opened.accept_language = request.accept_language;
  opened.origin = request.origin;
  opened.host = request.host;
  opened.loopback = connection_.peer().loopback;
  shared.handler.connected(connection_.id(), opened, shared.now);
}

void WebSocketSide::receive(std::span<char> bytes) {
  if (const auto code = parser_.feed(bytes, *this)) connection_.close_websocket(*code, "");
}

void WebSocketSide::on_message(Opcode opcode, std::string_view payload) {
  GatewayShared& shared = connection_.shared();
  ++shared.counts.messages_in;
  if (opcode == Opcode::binary) {
    connection_.close_websocket(close_code::holdfast_protocol, "binary batches are not taken here");
    return;
  }
  shared.handler.message(connection_.id(), payload, shared.now);
}

void WebSocketSide::on_ping(std::string_view payload) {
  append_frame(connection_.out(), Opcode::pong, payload);
  connection_.mark_dirty();
  connection_.check_queue();
}

void WebSocketSide::on_pong(std::string_view) {}

// The close frame is answered behind the answers to what came before it: it may lie in the same segment.
void WebSocketSide::on_close(std::uint16_t code, std::string_view) {
  leave_code_ = code == close_code::none_given ? close_code::normal : code;
  connection_.begin_leaving();
}

void WebSocketSide::send(Opcode opcode, std::string_view message) {
  ++connection_.shared().counts.messages_out;
  append_frame(connection_.out(), opcode, message);
  connection_.mark_dirty();
  connection_.check_queue();
}

void WebSocketSide::write_close(std::uint16_t code, std::string_view reason) {
  parser_.stop();
  if (leave_code_ != 0) {
    append_close_frame(connection_.out(), leave_code_, "");
  } else {
    append_close_frame(connection_.out(), code, reason);
  }
}

void WebSocketSide::tell_gone() {
  if (!std::exchange(told_, false)) return;
  GatewayShared& shared = connection_.shared();
  --shared.counts.websockets;
  shared.handler.disconnected(connection_.id(), shared.now);
}

}  // namespace hf
