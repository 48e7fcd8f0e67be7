#include "server/metered_sink.h"

#include "net/loop.h"
#include "observe/log.h"

namespace hf {

void MeteredSink::flushed(Micros at) noexcept {
  if (flushed_at_ == Micros{0}) flushed_at_ = at;
}

void MeteredSink::ask_figures(LockEngine& engine, NamespaceIndex namespaces, Wall clock) {
  ++round_;
  if (round_ == 0) ++round_;
  figures_ = {};
  expected_ = namespaces;
  for (NamespaceIndex ns = 0; ns < namespaces; ++ns) engine.submit(ns, Ticket{round_} << 32, GetStats{}, clock);
}

void MeteredSink::take_figures(Ticket ticket, const Stats& stats) noexcept {
  if (static_cast<std::uint32_t>(ticket >> 32) != round_ || expected_ == 0) return;  // of a round given up
  figures_.locks += stats.locks;
  figures_.sessions += stats.sessions;
  figures_.waiters += stats.waits;
  figures_.requests += stats.asks;
  figures_.runs += stats.runs;
  figures_.run_tally.begun += stats.run_tally.begun;
  figures_.run_tally.done += stats.run_tally.done;
  figures_.run_tally.failed += stats.run_tally.failed;
  figures_.run_tally.unknown += stats.run_tally.unknown;
  figures_.run_tally.settled += stats.run_tally.settled;
  if (--expected_ == 0) metrics_.set(figures_);
}

void MeteredSink::count(const LockOutcome& outcome) noexcept {
  if (const auto* granted = std::get_if<Granted>(&outcome)) {
    metrics_.acquired(granted->again ? AcquireOutcome::again : AcquireOutcome::granted);
  } else if (std::holds_alternative<Queued>(outcome)) {
    metrics_.acquired(AcquireOutcome::queued);
  } else if (const auto* refusal = std::get_if<Refusal>(&outcome)) {
    if (refusal->code == Code::locked) metrics_.acquired(AcquireOutcome::locked);
  }
}

void MeteredSink::count(const LockEvent& event) {
  if (std::holds_alternative<LockGranted>(event)) {
    metrics_.wait_ended(WaitEnd::granted);
  } else if (std::holds_alternative<WaitEnded>(event)) {
    metrics_.wait_ended(WaitEnd::ended);
  } else if (const auto* lost = std::get_if<LockLost>(&event)) {
    metrics_.lock_lost(static_cast<LockEnd>(lost->reason));
  } else if (std::holds_alternative<LockRequested>(event)) {
    metrics_.requested();
  } else if (const auto* alarm = std::get_if<ClockAlarm>(&event)) {
    metrics_.clock_alarm();
    log(LogLevel::warning, "clock_alarm", {{"what", alarm->what}});
  }
}

void MeteredSink::on_outcome(Ticket ticket, Outcome&& outcome) {
  if (const auto* of_locks = std::get_if<LockOutcome>(&outcome)) {
    if (is_ours(ticket)) {
      if (const auto* stats = std::get_if<Stats>(of_locks)) take_figures(ticket, *stats);
      return;
    }
    if (ticket != 0) {
      ++answers_;
      count(*of_locks);
    }
  }
  hub_.on_outcome(ticket, std::move(outcome));
}

void MeteredSink::on_event(NamespaceIndex ns, const Event& event) {
  if (const auto* of_locks = std::get_if<LockEvent>(&event)) {
    count(*of_locks);
  } else if (const auto* differs = std::get_if<VersionDiffers>(&std::get<BoardEvent>(event))) {
    log(LogLevel::warning, "version_differs",
        {{"bill", differs->bill}, {"version", std::to_string(differs->version)}, {"publisher", differs->publisher}});
  }
  hub_.on_event(ns, event);
}

void MeteredSink::on_turn_end() {
  if (answers_ > 0 && flushed_at_ != Micros{0}) {
    metrics_.committed(std::chrono::duration<double>(Loop::now().monotonic - flushed_at_).count(), answers_);
    answers_ = 0;
  }
  flushed_at_ = Micros{0};
  // By the clock of now: a node that only hears of others' changes would go by its last tick's, and put off what it
  // tells.
  hub_.wake(Loop::now());
}

void MeteredSink::on_failed(std::string why) {
  hub_.on_failed(why);
  failed_(std::move(why));
}

}  // namespace hf
