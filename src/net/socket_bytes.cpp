#include "net/socket_bytes.h"

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
constexpr int unacknowledged_ms_max = 30'000;
constexpr int silent_s_max = 60;

// Options only: without them it is slower, not wrong.
void set_option(int socket, int level, int name, int value) noexcept {
  [[maybe_unused]] const int ignored = ::setsockopt(socket, level, name, &value, sizeof value);
}

bool is_nothing_yet(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

void SocketBytes::set_options() noexcept {
  set_option(socket_, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket_, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket_, IPPROTO_TCP, TCP_KEEPIDLE, silent_s_max);
  set_option(socket_, IPPROTO_TCP, TCP_USER_TIMEOUT, unacknowledged_ms_max);
}

void SocketBytes::close() noexcept {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

// ---------------------------------------------------------------------------------------------- reading

SocketBytes::Read SocketBytes::read() {
  auto& scratch = shared_.scratch;
  const ssize_t got = ::recv(socket_, scratch.data(), scratch.size(), MSG_DONTWAIT);
  if (got > 0) {
    shared_.counts.bytes_in += static_cast<std::uint64_t>(got);
    return {Got::bytes, std::span(scratch.data(), static_cast<std::size_t>(got))};
  }
  if (got == 0) return {Got::end, {}};
  if (is_nothing_yet(errno)) return {Got::nothing, {}};
  reset_ = errno == ECONNRESET;
  return {Got::failure, {}};
}

bool SocketBytes::peer_has_left() const noexcept {
  char byte = 0;
  const ssize_t got = ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && !is_nothing_yet(errno));
}

// ---------------------------------------------------------------------------------------------- writing

void SocketBytes::take_spare() {
  out_ = std::move(shared_.spare.back());
  shared_.spare.pop_back();
}

void SocketBytes::give_spare() {
  sent_ = 0;
  out_.clear();
  if (out_.capacity() <= spare_bytes_max && shared_.spare.size() < spare_buffers_max &&
      out_.capacity() > unallocated_max) {
    shared_.spare.push_back(std::move(out_));
  }
  out_ = std::string();
}

bool SocketBytes::flush() {
  while (unsent() > 0 && !is_broken()) {
    const ssize_t sent = ::send(socket_, out_.data() + sent_, unsent(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        reset_ = errno == ECONNRESET;
        break_off();
        return true;
      }
      sending_ = Sending::blocked;
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
  give_spare();
  return true;
}

void SocketBytes::shut() noexcept {
  if (!std::exchange(shut_, true)) ::shutdown(socket_, SHUT_WR);
}

// ---------------------------------------------------------------------------------------------- what arrived

std::uint64_t SocketBytes::acknowledged() const noexcept {
  int left = 0;
  if (socket_ < 0 || ::ioctl(socket_, SIOCOUTQ, &left) != 0 || left < 0) return 0;
  return written_ - std::min(written_, static_cast<std::uint64_t>(left));
}

void SocketBytes::forsake_unacknowledged() noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == ECONNRESET) reset_ = true;
  const linger at_once{1, 0};
  [[maybe_unused]] const int ignored = ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace hf
