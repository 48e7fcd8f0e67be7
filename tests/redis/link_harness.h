#pragma once

// LinkHarness runs a RedisLink on a loop of its own thread, and lets a test ask and wait with a deadline.

#include <condition_variable>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/redis_link.h"

namespace hf::test {

class LinkHarness {
 public:
  explicit LinkHarness(redis::Url url, LinkOptions options = {});
  ~LinkHarness();
  LinkHarness(const LinkHarness&) = delete;
  LinkHarness& operator=(const LinkHarness&) = delete;

  // Runs `work` on the loop and waits until it is done.
  void run(const std::function<void(RedisLink&)>& work);
  std::future<Result<redis::Reply>> begin(redis::Arguments arguments, Millis timeout = Millis(10'000));
  // The reply; or a failure, after the command's own timeout at the latest.
  Result<redis::Reply> ask(redis::Arguments arguments, Millis timeout = Millis(10'000));
  // The reply's text, or what came instead, for comparisons.
  std::string text(redis::Arguments arguments, Millis timeout = Millis(10'000));

  // Waits until the link has come up, or gone down, so many times in its life.
  bool wait_ups(std::size_t count, int patience_ms = 20'000);
  bool wait_downs(std::size_t count, int patience_ms = 20'000);
  std::size_t ups();
  std::size_t downs();
  redis::ServerInfo last_up();
  std::string last_down();
  std::string trouble();

 private:
  Loop loop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<redis::ServerInfo> ups_;
  std::vector<std::string> downs_;
  std::unique_ptr<RedisLink> link_;
  std::thread thread_;
};

// A result as text: the reply's, a number's digits, or "code: detail" of what came instead.
std::string shown(const Result<redis::Reply>& result);

}  // namespace hf::test
