#pragma once

// Loop is the thread a node lives on: one Asio context, run by one thread. Sockets, hub and engine tables belong
// to it; other threads reach it by post() alone.
//
// It is also the only reader of the clock: now() is the time that everything else gets as an argument.
//
// A turn is what runs between two looks at the sockets. at_turn_end() asks for one call after everything that
// was ready has been handled, so that answers of a turn share one write per socket and commands share one commit.
//
// post() and stop() are thread-safe; all else is for the loop's own thread, or for before run().

#include <cstdint>
#include <functional>
#include <memory>

#include "base/time.h"
#include "session/hub.h"

namespace boost::asio {
class io_context;
}

namespace hf {

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until stop().
  void run();
  void stop();
  // Runs `work` on the loop, later.
  void post(std::function<void()> work);
  // Calls `work` each `period`, until the loop ends; calls that came too late are not made up for.
  void every(Millis period, std::function<void()> work);
  // Calls `work` once, at that time of the monotonic clock or just after, in place of what a former call has asked for
  // and has not got yet.
  void once_at(Micros monotonic, std::function<void()> work);
  // Calls `handler` with SIGTERM or SIGINT, each time one comes.
  void on_signal(std::function<void(int)> handler);

  // Sets what a turn ends with, and asks that the current turn end so.
  void set_turn_end(std::function<void()> work);
  void at_turn_end();

  static Now now() noexcept;

  boost::asio::io_context& context() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hf
