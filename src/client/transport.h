#pragma once

// Transport is the client's one thread: a connection, with or without TLS, with HTTP's upgrade and WebSocket framing, a
// timer, and a queue of work from other threads. It decides nothing; what happens goes to the Listener.
//
// The listener is called on that thread only, which is also where connect(), send(), drop() and wake_at()
// may be called. post() may be called from any thread. Asio stays in transport.cpp.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/core.h"
#include "client/trust.h"
#include "client/url.h"

namespace hf::client {

class Transport {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void on_open() = 0;
    virtual void on_text(std::string_view text) = 0;
    // Not called after drop(). `code` is the close frame's, 0 without one. `field` is the option to change, if it is
    // one.
    virtual void on_closed(std::uint16_t code, std::string reason, std::string field) = 0;
    virtual void on_timer() = 0;
  };

  // REQUIRES: urls is not empty; `trust` is theirs
  Transport(std::vector<Url> urls, std::shared_ptr<Trust> trust, std::string language, Listener& listener);
  ~Transport();  // REQUIRES: run() has returned or was never called

  // Runs until stop(); the thread that calls it is the transport's.
  void run();
  void post(std::function<void()> work);

  // To the url at that place.
  void connect(std::size_t address);
  void send(const std::vector<std::string>& messages);
  enum class Drop : std::uint8_t { now, after_writing };
  void drop(Drop how);
  void wake_at(Time time);
  // run() returns once the link is closed, at most `at_most` from now.
  void stop(Millis at_most);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hf::client
