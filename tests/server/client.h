#pragma once

// Client speaks HTTP/1.1 and WebSocket over one blocking socket: what a program of somebody else would send, and,
// by send(), what none should. Every read has a deadline; what does not come is an empty answer, never a hang.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/value.hpp>

#include "wire/websocket.h"

namespace hf::test {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Answer {
  int status = 0;                              // 0: none came
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  // The body as JSON; null if it is none.
  boost::json::value json() const;
};

struct Received {
  Opcode opcode = Opcode::continuation;  // continuation: nothing came
  std::string payload;
  std::uint16_t close_code = 0;  // of a close frame
  explicit operator bool() const noexcept { return opcode != Opcode::continuation; }
  boost::json::value json() const;
};

class Client final : private WebSocketSink {
 public:
  // Connects to 127.0.0.1. `patience_ms` is the deadline of each read.
  explicit Client(std::uint16_t port, int patience_ms = 10'000);
  ~Client() override;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const noexcept { return socket_ >= 0; }
  // False if the peer does not take it.
  bool send(std::string_view bytes);
  // Our side sends no more.
  void shut();
  // Closes without taking leave: the peer sees a reset.
  void reset();

  Answer request(std::string_view method, std::string_view path, std::string_view body = {},
                 const Headers& headers = {});
  // The next answer on the connection; `head`: of a HEAD request, without body.
  Answer read_answer(bool head = false);
  // Everything until the peer closes; nothing if it does not within the deadline.
  std::optional<std::string> read_to_end();
  // One line of a body that does not end, such as a stream of events, without its line end.
  std::optional<std::string> read_line();

  // True if the server took the upgrade; else answer() says why.
  bool upgrade(const Headers& headers = {}, std::string_view path = "/v1/ws");
  const Answer& answer() const noexcept { return answer_; }
  void send_text(std::string_view text);
  void send_frame(Opcode opcode, std::string_view payload, bool fin = true);
  Received receive();
  // Receives until an object has `"key": value`; other messages are dropped.
  Received receive_with(std::string_view key, const boost::json::value& value);
  // Whether something can be read at once.
  bool has_something(int within_ms);

 private:
  bool fill();
  void on_message(Opcode opcode, std::string_view payload) override;
  void on_ping(std::string_view payload) override;
  void on_pong(std::string_view payload) override;
  void on_close(std::uint16_t code, std::string_view reason) override;

  int socket_ = -1;
  int patience_ms_;
  std::string in_;
  Answer answer_;
  WebSocketParser parser_{WebSocketParser::Role::client, 64 << 20};
  std::vector<Received> received_;
  std::size_t taken_ = 0;
};

}  // namespace hf::test
