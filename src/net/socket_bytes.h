#pragma once

// SocketBytes is a connection's socket with the bytes that go through it: what arrived is read, what is to be said is
// queued, written when the turn ends, and followed until the peer's system has it.
//
// Owns the socket. Internal to net. Not thread-safe: the loop's.

#include <cstdint>
#include <span>
#include <string>

#include "net/gateway_shared.h"

namespace hf {

class SocketBytes {
 public:
  SocketBytes(GatewayShared& shared, int socket) : shared_(shared), socket_(socket) {}
  ~SocketBytes() { close(); }
  SocketBytes(const SocketBytes&) = delete;
  SocketBytes& operator=(const SocketBytes&) = delete;

  int socket() const noexcept { return socket_; }
  // A peer that vanished, or reads nothing at all, is noticed by the kernel: by what was sent to it, or by asking.
  void set_options() noexcept;
  void close() noexcept;

  // ---- reading
  enum class Got : std::uint8_t { bytes, nothing, end, failure };
  struct Read {
    Got got = Got::nothing;
    std::span<char> bytes;  // in the scratch buffer of all connections
  };
  Read read();
  // The peer sends no more, or the connection is broken; reads nothing.
  bool peer_has_left() const noexcept;

  // ---- writing
  // What is queued, to be appended to.
  std::string& out() {
    if (out_.capacity() <= unallocated_max && !shared_.spare.empty()) take_spare();
    return out_;
  }
  // Bytes on their way that the socket has not taken.
  std::size_t unsent() const noexcept { return out_.size() - sent_; }
  // How much the socket has taken ever, and how much was ever queued.
  std::uint64_t written() const noexcept { return written_; }
  std::uint64_t queued() const noexcept { return written_ + unsent(); }
  // False if something is left that the socket does not take now.
  bool flush();
  bool is_blocked() const noexcept { return sending_ == Sending::blocked; }
  bool is_broken() const noexcept { return sending_ == Sending::broken; }
  // The socket takes more again.
  void unblock() noexcept {
    if (is_blocked()) sending_ = Sending::free;
  }
  // Nothing more is to be written.
  void break_off() noexcept { sending_ = Sending::broken; }
  // Shuts our side, once.
  void shut() noexcept;

  // ---- what arrived
  // How many of the bytes ever queued the peer's system has.
  std::uint64_t acknowledged() const noexcept;
  // What is said not to have arrived must not be sent once more behind our back. Call before close().
  void forsake_unacknowledged() noexcept;
  // The peer broke the connection: what was written before that may have arrived.
  bool was_reset() const noexcept { return reset_; }

 private:
  enum class Sending : std::uint8_t { free, blocked, broken };
  static constexpr std::size_t unallocated_max = 32;  // a string of so many bytes may lie in the string itself

  void take_spare();
  void give_spare();

  GatewayShared& shared_;
  int socket_;                 // negative: closed
  std::string out_;            // queued; belongs to the pool of spare buffers when empty
  std::size_t sent_ = 0;       // how much of it
  std::uint64_t written_ = 0;  // how much the socket has taken ever
  Sending sending_ = Sending::free;
  bool reset_ = false;
  bool shut_ = false;  // our side
};

}  // namespace hf
