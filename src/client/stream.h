#pragma once

// Stream is one connection to a server: TCP, and TLS over it where the address says https or wss.
//
// With TLS the server's certificate is always checked: an authority of Trust has signed it, it is valid now, and it
// names the host that was dialled, a name or an IP address. Nothing turns that off. TLS 1.2 is the oldest version.
//
// The algorithms of Asio and Beast take a Stream as they take a socket. Whoever owns a Stream keeps it alive until each
// handler has been called or its io_context is gone. One thread.

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "client/trust.h"
#include "client/url.h"
#include "holdfast/client.h"

namespace hf::client {

// How much an answer's status line and headers may have.
inline constexpr std::uint32_t head_bytes_max = 16 * 1024;
// How many answers of the kind "still at it" (1xx) may come before the answer.
inline constexpr int interim_answers_max = 8;

struct Trust {
  boost::asio::ssl::context context{boost::asio::ssl::context::tls_client};
};

class Stream {
 public:
  using Tcp = boost::asio::ip::tcp;
  using Endpoints = Tcp::resolver::results_type;
  using executor_type = Tcp::socket::executor_type;

  // REQUIRES: `trust` is not null if `url` has TLS. `url` outlives the stream.
  Stream(boost::asio::io_context& io, const Url& url, Trust* trust);

  executor_type get_executor() noexcept { return socket_.get_executor(); }
  bool is_open() const noexcept { return socket_.is_open(); }

  // Connects to the first endpoint that takes it and, with TLS, shakes hands. `unavailable` says why not and what to
  // do; its field is "url" or "ca_file" where that is what has to be changed.
  using Opened = std::function<void(holdfast::Result<holdfast::Nothing>)>;
  void open(const Endpoints& endpoints, Opened opened);

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (tls_)
      tls_->async_read_some(buffers, std::forward<Handler>(handler));
    else
      socket_.async_read_some(buffers, std::forward<Handler>(handler));
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (tls_)
      tls_->async_write_some(buffers, std::forward<Handler>(handler));
    else
      socket_.async_write_some(buffers, std::forward<Handler>(handler));
  }

  // Says that nothing more will be said and throws away what still comes, until the peer has closed, too: closing a
  // socket with unread bytes resets it and may take back what was sent. A read that waits ends with operation_aborted.
  // It may wait for the peer for ever: close() ends it.
  // REQUIRES: no write is under way.
  void finish(std::function<void()> finished);
  // At once; takes no leave.
  void close();

 private:
  void shake_hands(Opened opened);
  bool expect_host();
  holdfast::Error refusal(const boost::system::error_code& failed);
  void throw_away(std::function<void()> finished);

  const Url& url_;
  Tcp::socket socket_;
  std::optional<boost::asio::ssl::stream<Tcp::socket&>> tls_;
  std::array<char, 4096> thrown_away_;
};

inline std::string_view text_of(const boost::asio::const_buffer& bytes) noexcept {
  return {static_cast<const char*>(bytes.data()), bytes.size()};
}
// What to say of an answer that could not be read. `begins`: what has come of its first line, if that has not come
// whole.
std::string unread_answer(const boost::system::error_code& failed, const Url& url, std::string_view begins);
// What to say of an answer that asks for TLS, as servers do that have it and were asked without; else nothing.
std::optional<std::string> asks_for_tls(const Url& url, unsigned status, std::string_view location);

}  // namespace hf::client
