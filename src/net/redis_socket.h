#pragma once

// RedisSocket is one connection to a Redis server or sentinel: bytes out, replies in, over TCP, TLS or a Unix socket.
// RedisTimer is one alarm. Together they are all of Asio that a RedisLink (net/redis_link.h) needs.
//
// Events come from the loop, never from inside a call. An owner may destroy the socket or the timer in an event; then
// no further event comes. The owner sets all time limits.
//
// Not thread-safe: one loop owns them.

#include <functional>
#include <memory>
#include <string>

#include "base/time.h"
#include "net/loop.h"
#include "redis/reply.h"
#include "redis/url.h"

namespace hf {

class RedisSocket {
 public:
  struct Events {
    std::function<void()> opened;  // connected; with TLS, the server's certificate was good
    std::function<void(redis::Reply)> replied;
    std::function<void()> written;                      // the last write() has been handed to the system
    std::function<void(const std::string& why)> ended;  // it never opened, broke, or was closed by the peer
  };

  // Connects to `to`, or to the socket file that `url` names; certificates and their checking are as `url` says.
  RedisSocket(Loop& loop, const redis::Url& url, const redis::HostPort& to, Events events);
  ~RedisSocket();
  RedisSocket(const RedisSocket&) = delete;
  RedisSocket& operator=(const RedisSocket&) = delete;

  // REQUIRES: it has opened, and no write is under way.
  void write(std::string bytes);
  bool is_writing() const noexcept;
  // When bytes came last, by Loop::now().monotonic; zero: none have.
  Micros received_at() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

class RedisTimer {
 public:
  RedisTimer(Loop& loop, std::function<void()> alarm);
  ~RedisTimer();
  RedisTimer(const RedisTimer&) = delete;
  RedisTimer& operator=(const RedisTimer&) = delete;

  // Calls at `at`, by Loop::now().monotonic; replaces the time set before.
  void set(Micros at);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace hf
