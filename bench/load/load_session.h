#pragma once

// A LoadSession is one WebSocket to a server with one session on it: upgraded, said hello, welcomed. It is as little
// code as the protocol allows, so that a run measures the server and not its client: texts go out in one write per
// flush(), what comes in is handed out where it lies, and pings are answered by whoever reads.
//
// Opening blocks, one step after the other, or goes on while others open; after it the socket does not block. What is
// not as the protocol says ends the program.
//
// One thread; a LoadSession is not moved while it is polled.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hf::load {

// The body of an HTTP answer that has a 2xx status; anything else ends the program. An empty body: GET, else POST.
std::string call_http(int port, std::string_view path, std::string_view token, std::string_view body);
// A development token for `user`; `roles` is the inside of a JSON list.
std::string dev_token(int port, std::string_view user, std::string_view roles);
std::string editor_token(int port, std::string_view user);

// The text value of `"name":"` in JSON that we know the shape of; empty if it is not there.
std::string_view text_after(std::string_view json, std::string_view name_quoted);

class LoadSession {
 public:
  enum class Opening : std::uint8_t {
    blocking,  // welcomed when it is made
    later      // what is queued goes out when the server has agreed; receive() sees to that
  };
  // lease_ms 0: the server's own.
  LoadSession(int port, std::string_view token, std::uint64_t lease_ms = 0, Opening opening = Opening::blocking);
  ~LoadSession();
  LoadSession(const LoadSession&) = delete;
  LoadSession& operator=(const LoadSession&) = delete;

  int descriptor() const { return socket_; }
  const std::string& session() const { return session_; }
  std::uint64_t pings() const { return pings_; }        // answered so far
  std::uint64_t bytes_in() const { return bytes_in_; }  // of the socket, frames and all

  // Frames and masks `text` behind what is queued.
  void queue(std::string_view text);
  // Writes what is queued, in one call if the socket takes it.
  void flush();

  // Reads once and hands each whole text to `on_text(std::string_view)`, which may queue() and flush() but not
  // receive(). A ping is answered here; the answer is queued.
  template <class OnText>
  void receive(OnText&& on_text) {
    std::string_view bytes = read();
    if (!upgraded_ && !take_upgrade(bytes)) return keep(bytes);
    while (const auto text = take_text(bytes)) {
      if (text->starts_with(R"({"event":"ping")")) {
        answer_ping(*text);
      } else {
        on_text(*text);
      }
    }
    keep(bytes);
  }

 private:
  std::string_view read();  // what was kept and what is there now; valid until any LoadSession reads
  bool take_upgrade(std::string_view& bytes);
  // A batch is inflated; its text is valid until the next one.
  static std::optional<std::string_view> take_text(std::string_view& bytes);
  void keep(std::string_view rest);
  void answer_ping(std::string_view text);

  int socket_ = -1;
  std::uint32_t mask_;
  std::string in_;
  std::string out_;
  std::string session_;
  std::uint64_t pings_ = 0, bytes_in_ = 0;
  bool upgraded_ = false;
};

}  // namespace hf::load
