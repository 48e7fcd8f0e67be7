#pragma once

// What both load clients wait with, and small things that both write.

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <charconv>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "load_session.h"
#include "measure.h"

namespace hf::load {

inline constexpr std::int64_t second_ns = 1'000'000'000;

inline std::string random_text(std::size_t size) {
  static std::mt19937_64 numbers(std::random_device{}());
  constexpr std::string_view alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
  std::string text;
  while (text.size() < size) text += alphabet[numbers() % alphabet.size()];
  return text;
}

// A whole number of so many digits: part of a bill's id.
inline std::string random_digits(std::size_t size) {
  static std::mt19937_64 numbers(std::random_device{}());
  std::string text(1, static_cast<char>('1' + numbers() % 9));
  while (text.size() < size) text += static_cast<char>('0' + numbers() % 10);
  return text;
}

inline void append_number(std::string& to, std::uint64_t number) {
  char digits[20];
  to.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

// As many sockets as the machine lets us have.
inline void raise_descriptors() {
  rlimit descriptors{};
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &descriptors);
}

// Tells which links have something to read, and when the one alarm is due.
class Poller {
 public:
  Poller()
      : poll_(::epoll_create1(EPOLL_CLOEXEC)), timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
    if (poll_ < 0 || timer_ < 0) die("no epoll or timer");
    add(timer_, alarm_index);
  }
  ~Poller() {
    ::close(timer_);
    ::close(poll_);
  }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  void add(const std::vector<std::unique_ptr<LoadSession>>& links) {
    for (std::size_t i = 0; i < links.size(); ++i) add(*links[i], i);
  }
  void add(const LoadSession& link, std::size_t index) { add(link.descriptor(), index); }
  void set_alarm(std::int64_t at_ns) {
    itimerspec at{};
    at.it_value.tv_sec = at_ns / second_ns;
    at.it_value.tv_nsec = at_ns % second_ns;
    ::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &at, nullptr);
  }
  // Waits up to `patience_ms`.
  template <class OnLink, class OnAlarm>
  void turn(OnLink&& on_link, OnAlarm&& on_alarm, int patience_ms = 100) {
    epoll_event ready[256];
    const int count = ::epoll_wait(poll_, ready, 256, patience_ms);
    for (int i = 0; i < count; ++i) {
      if (ready[i].data.u64 != alarm_index) {
        on_link(static_cast<std::size_t>(ready[i].data.u64));
        continue;
      }
      std::uint64_t expirations = 0;
      if (::read(timer_, &expirations, sizeof expirations) > 0) on_alarm();
    }
  }

 private:
  static constexpr std::uint64_t alarm_index = ~std::uint64_t{0};
  void add(int descriptor, std::uint64_t index) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    if (::epoll_ctl(poll_, EPOLL_CTL_ADD, descriptor, &event) != 0) die("epoll_ctl");
  }
  int poll_;
  int timer_;
};

}  // namespace hf::load
