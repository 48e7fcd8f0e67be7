#pragma once

// Transport is the client's one thread: a TCP connection with HTTP's upgrade and WebSocket framing, a timer,
// and a queue of work from other threads. It decides nothing; what happens goes to the Listener.
//
// The listener is called on that thread only, which is also where connect(), send(), drop() and wake_at()
// may be called. post() may be called from any thread. Asio stays in transport.cpp.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/core.h"

namespace hf::client {

struct Url {
  std::string host;
  std::string port;
  std::string path;  // before /v1, without a trailing '/'
  bool operator==(const Url&) const = default;
};
// http://host[:port][/path], or ws://. invalid, with field "url", if it is none.
holdfast::Result<Url> parse_url(std::string_view text);
// One or more of them, with commas in between: the nodes of one installation.
inline constexpr std::size_t urls_max = 16;
holdfast::Result<std::vector<Url>> parse_urls(std::string_view text);

class Transport {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void on_open() = 0;
    virtual void on_text(std::string_view text) = 0;
    // Not called after drop(). `code` is the close frame's, 0 without one.
    virtual void on_closed(std::uint16_t code, std::string reason) = 0;
    virtual void on_timer() = 0;
  };

  // REQUIRES: urls is not empty
  Transport(std::vector<Url> urls, std::string language, Listener& listener);
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

// One HTTP request that waits for its answer: {status, body}.
struct HttpQuestion {
  std::string method, path;
  std::string body;     // JSON; empty: none
  std::string headers;  // whole lines
};
struct HttpAnswer {
  int status = 0;
  std::string body;
};
// By the first of `urls` that takes the question. What was sent goes to no other, unless it asks only (GET), or the
// answer says that nothing was done (503). `unavailable` if none can be reached.
holdfast::Result<HttpAnswer> http_ask(const std::vector<Url>& urls, const HttpQuestion& question, Millis deadline);

}  // namespace hf::client
