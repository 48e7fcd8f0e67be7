#pragma once

// MeteredSink stands between the engine and the hub and counts what passes: outcomes, events, turns. It changes
// nothing and keeps the order.
//
// The tickets it gives itself are its own: what comes back for them does not reach the hub.
//
// Not thread-safe: the loop's.

#include <functional>

#include "observe/metrics.h"
#include "session/hub.h"

namespace hf {

class MeteredSink final : public LockEngineSink {
 public:
  MeteredSink(Hub& hub, Metrics& metrics, std::function<void(std::string)> failed)
      : hub_(hub), metrics_(metrics), failed_(std::move(failed)) {}

  // The engine has been flushed at `at`: the next turn's answers are counted from here.
  void flushed(Micros at) noexcept;
  // Asks each of `namespaces` for its figures; they come with a later turn.
  void ask_figures(LockEngine& engine, NamespaceIndex namespaces, Wall clock);

  void on_outcome(Ticket ticket, Outcome&& outcome) override;
  void on_event(NamespaceIndex ns, const Event& event) override;
  void on_turn_end() override;
  void on_reset() override { hub_.on_reset(); }
  void on_taken_elsewhere(const SessionId& session) override { hub_.on_taken_elsewhere(session); }
  void on_failed(std::string why) override;

 private:
  // The hub's tickets never have a low half of 0 (session/tickets.h).
  static constexpr bool is_ours(Ticket ticket) noexcept { return ticket != 0 && (ticket & 0xffff'ffffU) == 0; }
  void count(const LockOutcome& outcome) noexcept;
  void count(const LockEvent& event);
  void take_figures(Ticket ticket, const Stats& stats) noexcept;

  Hub& hub_;
  Metrics& metrics_;
  std::function<void(std::string)> failed_;
  Micros flushed_at_{0};
  std::uint64_t answers_ = 0;
  EngineFigures figures_;        // summed up so far
  std::uint32_t round_ = 0;      // of questions
  NamespaceIndex expected_ = 0;  // answers still to come
};

}  // namespace hf
