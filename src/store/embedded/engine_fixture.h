#pragma once

// TestLoop is a loop for engine tests: wake() raises a flag, run() sleeps until it is up and delivers.
//
// It gives up after a minute, so that a test of an answer which never comes fails and does not hang. wake() may
// be called by any thread, the rest by one. For tests and measurements only.

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "store/embedded/embedded_engine.h"

namespace hf {

class TestLoop {
 public:
  std::function<void()> wake() {
    return [this] {
      const std::lock_guard hold(mutex_);
      woken_ = true;
      changed_.notify_one();
    };
  }
  // Delivers until `done` says so; false if a minute passes before.
  template <class Done>
  bool run(EmbeddedEngine& engine, Done done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!done()) {
      {
        std::unique_lock hold(mutex_);
        if (!changed_.wait_until(hold, deadline, [&] { return woken_; })) return false;
        woken_ = false;
      }
      engine.deliver();
    }
    return true;
  }
  bool settle(EmbeddedEngine& engine) {
    engine.flush();
    return run(engine, [&] { return !engine.busy(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
};

}  // namespace hf
