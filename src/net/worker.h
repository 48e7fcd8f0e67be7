#pragma once

// Worker runs what may block (files, SQL) on threads of its own, so that the loop never waits for a disk.
//
// A job is a function, which a thread of the worker runs, and a completion, which the loop calls with the function's
// result. Every job belongs to a strand. A strand runs one job at a time, in the order given, and its completions come
// in that order: data that only one strand's jobs touch needs no mutex. Strands run side by side, one per thread, and
// take turns, so that a strand with a long queue delays another by one job at most.
//
// Queues are bounded: a full queue refuses a job at once.
//
// All calls belong to the loop's thread, or come before or after it runs.

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
  std::size_t jobs_max = 1024;  // waiting, of all strands
};

struct WorkerCounts {
  std::uint64_t queued = 0, running = 0;  // now
  std::uint64_t refused = 0;
  Micros longest{0};  // time that one job took, or has taken so far
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

  // A handle: its copies name the same strand. It may outlive the worker, and then refuses every job.
  class Strand {
   public:
    // A thread calls `work()`, then the loop calls `done(result)`, never from inside this call. Both must be copyable.
    // Fails with too_many if a queue is full, with unavailable if the worker has stopped; then it calls neither.
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

  // A new strand. Up to `jobs_max` of its jobs may wait.
  Strand strand(std::size_t jobs_max);

  // Drops the jobs that have not begun and waits for those that have. Afterwards no completion is called.
  void stop();

  WorkerCounts counts() const;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace hf
