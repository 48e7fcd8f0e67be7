#pragma once

// Relay stands between a client and a server and does to their connections what networks do: it cuts them, or
// swallows what they say without closing anything. Its port stays while the server behind it changes.
//
// Thread-safe; the relaying runs on a thread of its own until the relay is destroyed.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace hf::test {

class Relay {
 public:
  explicit Relay(std::uint16_t server_port);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  void lead_to(std::uint16_t server_port) { server_port_ = server_port; }
  // Ends all connections now; new ones are let through.
  void cut();
  // Ends the client's side of all connections and leaves the server's open.
  void strand();
  // From now on nothing is passed on and new connections are left unanswered, until let_through().
  void swallow();
  // The same for what the server says; what the client says still arrives.
  void swallow_answers();
  void let_through();
  // Puts `by` in the place of the next `what` that the server says within one read. REQUIRES: equal sizes.
  void falsify(std::string what, std::string by);
  std::uint16_t port() const noexcept { return port_; }

 private:
  void run();
  void wake();
  bool pass_answer(int from, int to);

  std::atomic<std::uint16_t> server_port_;
  std::atomic<bool> swallowing_{false};  // what the client says
  std::atomic<bool> swallowing_answers_{false};
  std::atomic<bool> cutting_{false};
  std::atomic<bool> stranding_{false};
  std::atomic<bool> stopping_{false};
  std::mutex falsifying_;
  std::string what_, by_;
  int listener_ = -1;
  int wake_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace hf::test
