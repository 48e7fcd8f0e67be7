#pragma once

// Loop is the event loop of a node: one Asio context, run by one thread. Sockets, hub and engine tables belong to it;
// other threads reach it only by post().
//
// It reads the clock for the whole node: session, engine and redis get now() as an argument.
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
  // Instead of run(), where a test looks at something in between: runs one handler that is ready, or becomes ready
  // within `patience`. False if there was none.
  bool run_one(Millis patience);
  // Runs `work` on the loop, later.
  void post(std::function<void()> work);
  // Calls `work` every `period`, until the loop ends; it does not catch up on late calls.
  void every(Millis period, std::function<void()> work);
  // Calls `work` once, at that time of the monotonic clock or just after; replaces the pending call of an earlier
  // once_at().
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
