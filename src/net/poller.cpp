#include "net/poller.h"

#include <unistd.h>

#include "base/assert.h"

namespace hf {
namespace {

epoll_event event_of(std::uint64_t id, Poller::Interest interest) noexcept {
  epoll_event event{};
  event.events = (interest.read ? EPOLLIN : 0U) | (interest.write ? EPOLLOUT : 0U);
  event.data.u64 = id;
  return event;
}

}  // namespace

Poller::Poller() noexcept : descriptor_(::epoll_create1(EPOLL_CLOEXEC)) {}

Poller::~Poller() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool Poller::add(int socket, std::uint64_t id, Interest interest) noexcept {
  epoll_event event = event_of(id, interest);
  return ::epoll_ctl(descriptor_, EPOLL_CTL_ADD, socket, &event) == 0;
}

void Poller::change(int socket, std::uint64_t id, Interest interest) noexcept {
  epoll_event event = event_of(id, interest);
  HF_ASSERT(::epoll_ctl(descriptor_, EPOLL_CTL_MOD, socket, &event) == 0);
}

std::span<const Poller::Ready> Poller::look() noexcept {
  const int count = ::epoll_wait(descriptor_, events_.data(), at_once_max, 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    const bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    ready_[static_cast<std::size_t>(i)] = Ready{event.data.u64, broken || (event.events & EPOLLIN) != 0,
                                                broken || (event.events & EPOLLOUT) != 0, broken};
  }
  return std::span(ready_).first(static_cast<std::size_t>(count < 0 ? 0 : count));
}

}  // namespace hf
