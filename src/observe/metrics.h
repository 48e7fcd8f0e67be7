#pragma once

// Metrics is what a node counts, and its text in Prometheus' format for GET /metrics.
//
// Names follow Prometheus' conventions: holdfast_ first, base units (seconds, bytes), counters end in _total.
// Every series exists from the start with the value 0, so that a rule never meets a missing one; labels take
// values from closed lists only (outcomes, codes), never from users: the number of series is bounded.
//
// Counters that another part keeps for itself (sockets, bytes) come in as totals just before the text is made.
//
// Thread-safe: the store's thread may observe while the loop serializes.

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/sign_in_failure.h"
#include "model/run.h"

namespace hf {

enum class AcquireOutcome : std::uint8_t { granted, again, queued, locked };
enum class WaitEnd : std::uint8_t { granted, ended };
enum class LockEnd : std::uint8_t {
  released,
  expired,
  max_hold,
  forced,
  handed_over,
  transferred,
  session_ended,
  engine_lost
};

// The engine's own figures, as they are now.
struct EngineFigures {
  std::uint64_t locks = 0, sessions = 0, waiters = 0, requests = 0;
  std::uint64_t runs = 0;
  RunTally run_tally;  // since the engine's start
};

// The status boards', of all namespaces.
struct BoardFigures {
  std::uint64_t bills = 0;
  std::uint64_t bills_of_fullest_type = 0;
};

// Totals that the sockets' side keeps.
struct SocketTotals {
  std::uint64_t connections = 0;  // now
  std::uint64_t websockets = 0;   // now
  std::uint64_t accepted = 0, refused = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::uint64_t http_requests = 0;
  std::uint64_t messages_in = 0, messages_out = 0;
  std::uint64_t queue_drops = 0;  // connections closed because they read too slowly
};

// What the threads for files and SQL do (net/worker.h).
struct WorkerFigures {
  std::uint64_t queued = 0, running = 0;  // now
  std::uint64_t refused = 0;
  double longest_seconds = 0;
};

// Questions to the document store (server/document_questions.h).
struct DocumentFigures {
  std::uint64_t queued = 0, running = 0;  // now
  std::uint64_t refused = 0, failed = 0;
  double longest_seconds = 0;
};

// What a node with nothing to do looked at of its own state (server/idle_check.h).
struct CheckFigures {
  std::uint64_t slices = 0, entities = 0, rounds = 0;
  double seconds = 0;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void acquired(AcquireOutcome outcome) noexcept;
  // A refusal was sent, by HTTP or WebSocket.
  void refused(Code code) noexcept;
  void sign_in_failed(SignInFailure why) noexcept;
  void wait_ended(WaitEnd end) noexcept;
  void lock_lost(LockEnd end) noexcept;
  void requested() noexcept;
  void clock_alarm() noexcept;
  // One turn of the engine: how long from its flush to its answers, and how many answers it gave.
  void committed(double seconds, std::uint64_t answers) noexcept;
  // How late the timer of the loop came.
  void tick_late(double seconds) noexcept;

  void set(const EngineFigures& figures) noexcept;
  void set(const BoardFigures& figures) noexcept;
  void set(const SocketTotals& totals) noexcept;
  void set(const WorkerFigures& figures) noexcept;
  void set(const DocumentFigures& figures) noexcept;
  void set(const CheckFigures& figures) noexcept;
  void set_ready(bool ready) noexcept;

  // All series in the text format 0.0.4.
  std::string text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hf
