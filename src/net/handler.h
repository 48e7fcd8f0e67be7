#pragma once

// ConnectionHandler is what the gateway calls when something has arrived. In a server that is the hub (server/node.h);
// in tests of the sockets alone it is a few lines that echo.
//
// All calls come on the loop's thread. Views are valid during the call only.

#include <string_view>

#include "session/hub.h"

namespace hf {

class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  virtual void connected(ConnectionId connection, const WebSocketOpened& opened, Now now) = 0;
  virtual void message(ConnectionId connection, std::string_view text, Now now) = 0;
  // The peer has sent its close frame: no message comes any more. Answers to its earlier requests may still be sent for
  // a moment. Without an answer to wait for, the handler closes the connection by Transport::close.
  virtual void leaving(ConnectionId connection, Now now) = 0;
  // The connection has ended; nothing can be sent on it. Called once for each connected().
  virtual void disconnected(ConnectionId connection, Now now) = 0;
  virtual void http(ExchangeId exchange, HttpRequest request, Now now) = 0;
  // The peer left before it was answered, before an answer with `confirm` reached it, or before the stream ended.
  virtual void http_gone(ExchangeId exchange, Now now) = 0;
  // An answer with `confirm` reached the peer's system.
  virtual void http_delivered(ExchangeId exchange, Now now) = 0;
  // The time that Transport::wake_at asked for has come.
  virtual void wake(Now now) = 0;
  // Everything that was ready has been handled: commands given since the last call may be committed together.
  virtual void turn_end() = 0;
};

}  // namespace hf
