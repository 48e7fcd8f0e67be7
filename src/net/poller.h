#pragma once

// Poller tells which of many sockets are readable or writable: level-triggered epoll.
//
// A socket is named by an id that is never used twice, so news of a socket that has closed meanwhile matches no other.
// Level-triggered, because then a message costs one recv: no second recv that finds nothing, and no call to arm the
// next. The poller's own descriptor is readable while any socket is ready.
//
// Closing a socket removes it. Not thread-safe.

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <span>

namespace hf {

class Poller {
 public:
  struct Interest {
    bool read = false;
    bool write = false;
    bool operator==(const Interest&) const = default;
  };
  // An end or an error of the socket counts as both readable and writable.
  struct Ready {
    std::uint64_t id = 0;
    bool read = false;
    bool write = false;
    bool broken = false;  // no more can be sent, and what can be read is all that will come
  };

  Poller() noexcept;
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  int descriptor() const noexcept { return descriptor_; }  // negative: the system had none
  // False if the system cannot watch one more.
  bool add(int socket, std::uint64_t id, Interest interest) noexcept;
  void change(int socket, std::uint64_t id, Interest interest) noexcept;
  // Those that are ready now, up to 256; the others come with the next call. Valid until then.
  std::span<const Ready> look() noexcept;

 private:
  static constexpr int at_once_max = 256;
  int descriptor_;
  std::array<epoll_event, at_once_max> events_;
  std::array<Ready, at_once_max> ready_;
};

}  // namespace hf
