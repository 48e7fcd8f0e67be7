#pragma once

// Worker is a node's threads for what may block: files, SQL. The loop gives it jobs and goes on.
//
// A job is a function, which a thread of the worker runs, and a completion, which the loop calls with what the function
// gave. Jobs go by strands. A strand runs one job at a time, in the order given, and its completions come in that
// order: what only the jobs of one strand touch needs no mutex. Strands run side by side as far as there are threads,
// and take turns, so that a long queue of one keeps no other from its turn.
//
// Queues are bounded. A job that finds them full is refused to who gives it; nobody waits for room.
//
// All calls belong to the loop's thread, or come before it runs or after.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/result.h"
#include "base/time.h"
#include "net/loop.h"

namespace hf {

struct WorkerOptions {
  std::size_t threads = 2;
  std::size_t jobs_max = 1024;  // that wait, of all strands
};

struct WorkerCounts {
  std::uint64_t queued = 0, running = 0;  // now
  std::uint64_t refused = 0;
  Micros longest{0};  // that a job took, or takes by now
};

class Worker {
 private:
  struct State;
  struct Line;  // the inside of a strand

 public:
  // `loop` outlives it.
  explicit Worker(Loop& loop, const WorkerOptions& options = {});
  // Stops as stop() does.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // A name for a strand: copies are the same strand. It may outlive the worker, which then refuses its jobs.
  class Strand {
   public:
    // Has a thread run `work()`, then the loop call `done(result)` with what it gave, never from inside this call.
    // Both are copied. too_many: the strand or the worker has as many waiting as it may; unavailable: the worker has
    // stopped. Neither will be called then.
    template <class Work, class Done>
    Result<void> give(Work work, Done done) const {
      using Given = std::invoke_result_t<Work>;
      auto given = std::make_shared<std::optional<Given>>();
      return give(Job{[given, work = std::move(work)]() mutable { given->emplace(work()); },
                      [given, done = std::move(done)]() mutable { done(*std::move(*given)); }});
    }

   private:
    friend class Worker;
    struct Job {
      std::function<void()> work, done;
    };
    Strand(std::shared_ptr<State> state, std::shared_ptr<Line> line)
        : state_(std::move(state)), line_(std::move(line)) {}
    Result<void> give(Job job) const;

    std::shared_ptr<State> state_;
    std::shared_ptr<Line> line_;
  };

  // A new strand, of which up to `jobs_max` wait.
  Strand strand(std::size_t jobs_max);

  // Drops the jobs that have not begun, waits for those that have, and calls no completion any more.
  void stop();

  WorkerCounts counts() const;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace hf
