#pragma once

// WebSocketSide is a connection's WebSocket, from its upgrade on: it takes frames apart for the hub, and writes the
// hub's messages as frames.
//
// Internal to net: a part of PeerConnection, which outlives it. Not thread-safe: the loop's.

#include <cstdint>
#include <span>
#include <string_view>

#include "net/gateway_shared.h"
#include "wire/websocket.h"

namespace hf {

class WebSocketSide final : private WebSocketSink {
 public:
  WebSocketSide(PeerConnection& connection, std::size_t bytes_max)
      : connection_(connection), parser_(WebSocketParser::Role::server, bytes_max) {}
  WebSocketSide(const WebSocketSide&) = delete;
  WebSocketSide& operator=(const WebSocketSide&) = delete;

  // Tells the hub of it.
  void open(const HttpRequest& request);
  void receive(std::span<char> bytes);
  void send(Opcode opcode, std::string_view message);
  // Takes no more and writes the close frame: the answer to the peer's, if that has come.
  void write_close(std::uint16_t code, std::string_view reason);
  // Tells the hub, once, that nothing can be said to it any more.
  void tell_gone();

 private:
  void on_message(Opcode opcode, std::string_view payload) override;
  void on_ping(std::string_view payload) override;
  void on_pong(std::string_view payload) override;
  void on_close(std::uint16_t code, std::string_view reason) override;

  PeerConnection& connection_;
  WebSocketParser parser_;
  std::uint16_t leave_code_ = 0;  // of the peer's close frame; 0: it has sent none
  bool told_ = false;             // the hub knows this WebSocket
};

}  // namespace hf
