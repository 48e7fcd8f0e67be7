#include "net/worker.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace hf {

struct Worker::Line {
  explicit Line(std::size_t max) : jobs_max(max) {}
  const std::size_t jobs_max;
  std::deque<Strand::Job> jobs;
  bool busy = false;  // a thread runs one of its jobs
};

struct Worker::State {
  State(Loop& l, const WorkerOptions& o) : loop(l), options(o), began(o.threads) {}

  Loop& loop;
  const WorkerOptions options;
  std::vector<std::thread> threads;

  std::mutex mutex;
  std::condition_variable changed;
  std::atomic<bool> stopped{false};          // changed under the mutex; completions read it without
  std::vector<std::weak_ptr<Line>> lines;    // of all strands
  std::deque<std::shared_ptr<Line>> ready;   // those with jobs that are not busy, each once
  std::vector<std::optional<Micros>> began;  // by thread: when its job did
  WorkerCounts counts;

  void run(const std::shared_ptr<State>& self, std::size_t thread);
};

void Worker::State::run(const std::shared_ptr<State>& self, std::size_t thread) {
  std::unique_lock hold(mutex);
  while (true) {
    changed.wait(hold, [&] { return stopped || !ready.empty(); });
    if (stopped) return;
    const std::shared_ptr<Line> line = std::move(ready.front());
    ready.pop_front();
    Strand::Job job = std::move(line->jobs.front());
    line->jobs.pop_front();
    line->busy = true;
    --counts.queued;
    ++counts.running;
    const Micros start = Loop::now().monotonic;
    began[thread] = start;
    hold.unlock();
    job.work();
    job.work = nullptr;  // what it holds ends before anybody hears of it
    // Before the strand's next job may begin: so completions come in order.
    loop.post([self, done = std::move(job.done)] {
      if (!self->stopped) done();
    });
    hold.lock();
    counts.longest = std::max(counts.longest, Loop::now().monotonic - start);
    --counts.running;
    began[thread].reset();
    line->busy = false;
    if (!line->jobs.empty()) ready.push_back(line);
  }
}

Worker::Worker(Loop& loop, const WorkerOptions& options) : state_(std::make_shared<State>(loop, options)) {
  for (std::size_t i = 0; i < options.threads; ++i)
    state_->threads.emplace_back([state = state_, i] { state->run(state, i); });
}

Worker::~Worker() { stop(); }

Worker::Strand Worker::strand(std::size_t jobs_max) {
  auto line = std::make_shared<Line>(jobs_max);
  const std::lock_guard hold(state_->mutex);
  std::erase_if(state_->lines, [](const std::weak_ptr<Line>& one) { return one.expired(); });
  state_->lines.push_back(line);
  return {state_, std::move(line)};
}

Result<void> Worker::Strand::give(Job job) const {
  {
    const std::lock_guard hold(state_->mutex);
    if (state_->stopped) return fail(Code::unavailable, "This node is stopping: ask another one.");
    if (line_->jobs.size() >= line_->jobs_max || state_->counts.queued >= state_->options.jobs_max) {
      ++state_->counts.refused;
      return fail(Code::too_many, "The disk does not keep up with the questions: repeat later.");
    }
    ++state_->counts.queued;
    line_->jobs.push_back(std::move(job));
    if (line_->busy || line_->jobs.size() > 1) return {};  // it has its turn already
    state_->ready.push_back(line_);
  }
  state_->changed.notify_one();
  return {};
}

void Worker::stop() {
  std::vector<std::deque<Strand::Job>> dropped;  // ended outside of the lock, for they hold what is not ours
  {
    const std::lock_guard hold(state_->mutex);
    state_->stopped = true;
    state_->ready.clear();
    for (const auto& line : state_->lines) {
      if (const auto living = line.lock()) dropped.push_back(std::exchange(living->jobs, {}));
    }
    state_->counts.queued = 0;
  }
  state_->changed.notify_all();
  for (std::thread& thread : state_->threads) {
    if (thread.joinable()) thread.join();
  }
}

WorkerCounts Worker::counts() const {
  const std::lock_guard hold(state_->mutex);
  WorkerCounts counts = state_->counts;
  const Micros now = Loop::now().monotonic;
  for (const auto& start : state_->began) {
    if (start) counts.longest = std::max(counts.longest, now - *start);
  }
  return counts;
}

}  // namespace hf
