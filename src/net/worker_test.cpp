// If these fail, a slow disk is everybody's: the loop waits for it, a queue grows without end, or what is told of a
// job comes out of order or to somebody who is gone.

#include "net/worker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace hf {
namespace {

constexpr std::chrono::seconds patience{20};

// Where jobs stand until they are let go.
class Gate {
 public:
  int pass() {
    std::unique_lock hold(mutex_);
    ++standing_;
    changed_.notify_all();
    changed_.wait(hold, [&] { return open_; });
    return --standing_;
  }
  // False if not that many came.
  bool await(int standing) {
    std::unique_lock hold(mutex_);
    return changed_.wait_for(hold, patience, [&] { return standing_ >= standing; });
  }
  void open() {
    const std::lock_guard hold(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int standing_ = 0;
  bool open_ = false;
};

class WorkerTest : public ::testing::Test {
 protected:
  Loop loop;

  bool until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!done()) {
      if (std::chrono::steady_clock::now() >= deadline) return false;
      loop.run_one(Millis(20));
    }
    return true;
  }
};

TEST_F(WorkerTest, a_job_runs_elsewhere_and_its_result_comes_to_the_loop) {
  Worker worker(loop);
  const Worker::Strand strand = worker.strand(1);
  std::thread::id ran;
  std::optional<std::string> told;
  ASSERT_TRUE(strand.give(
      [&ran] {
        ran = std::this_thread::get_id();
        return std::string("done");
      },
      [&](std::string result) { told = std::move(result); }));
  EXPECT_FALSE(told) << "told from inside give()";
  ASSERT_TRUE(until([&] { return told.has_value(); }));
  EXPECT_EQ(told, "done");
  EXPECT_NE(ran, std::this_thread::get_id());
}

TEST_F(WorkerTest, the_loop_turns_while_a_job_stands_still) {
  Gate gate;  // outlives the jobs that stand in it
  Worker worker(loop);
  const Worker::Strand strand = worker.strand(1);
  bool told = false;
  ASSERT_TRUE(strand.give([&gate] { return gate.pass(); }, [&](int) { told = true; }));
  ASSERT_TRUE(gate.await(1));
  int turns = 0;
  loop.post([&] { ++turns; });
  ASSERT_TRUE(until([&] { return turns == 1; }));
  EXPECT_FALSE(told);
  EXPECT_EQ(worker.counts().running, 1U);
  gate.open();
  EXPECT_TRUE(until([&] { return told; }));
}

TEST_F(WorkerTest, a_strand_runs_its_jobs_one_at_a_time_in_order) {
  Worker worker(loop, {.threads = 4});
  const Worker::Strand strand = worker.strand(1000);
  std::vector<int> ran;  // without a mutex: the strand is one
  std::vector<int> told;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(strand.give(
        [&ran, i] {
          ran.push_back(i);
          return i;
        },
        [&](int result) { told.push_back(result); }));
  }
  ASSERT_TRUE(until([&] { return told.size() == 1000; }));
  std::vector<int> in_order(1000);
  std::iota(in_order.begin(), in_order.end(), 0);
  EXPECT_EQ(ran, in_order);
  EXPECT_EQ(told, in_order);
}

TEST_F(WorkerTest, strands_do_not_wait_for_each_other) {
  Gate gate;  // outlives the jobs that stand in it
  Worker worker(loop, {.threads = 3});
  std::vector<Worker::Strand> strands;
  for (int i = 0; i < 3; ++i) {
    strands.push_back(worker.strand(1));
    ASSERT_TRUE(strands.back().give([&gate] { return gate.pass(); }, [](int) {}));
  }
  EXPECT_TRUE(gate.await(3)) << "they do not run side by side";
  gate.open();
}

TEST_F(WorkerTest, a_long_queue_of_one_strand_does_not_keep_another_from_its_turn) {
  Gate gate;  // outlives the jobs that stand in it
  Worker worker(loop, {.threads = 1});
  const Worker::Strand long_one = worker.strand(100), other = worker.strand(1);
  std::vector<char> ran;
  const auto give = [&](const Worker::Strand& strand, char name) {
    return strand.give(
        [&ran, name] {
          ran.push_back(name);
          return name;
        },
        [](char) {});
  };
  ASSERT_TRUE(long_one.give([&gate] { return gate.pass(); }, [](int) {}));
  ASSERT_TRUE(gate.await(1));
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(give(long_one, 'l'));
  ASSERT_TRUE(give(other, 'o'));
  gate.open();
  ASSERT_TRUE(until([&] { return worker.counts().queued + worker.counts().running == 0; }));
  ASSERT_EQ(ran.size(), 51U);
  EXPECT_LT(std::find(ran.begin(), ran.end(), 'o') - ran.begin(), 2);
}

TEST_F(WorkerTest, a_full_queue_refuses_and_counts_it) {
  Gate gate;  // outlives the jobs that stand in it
  Worker worker(loop, {.threads = 1, .jobs_max = 3});
  const Worker::Strand first = worker.strand(2), second = worker.strand(2);
  int told = 0;
  const auto give = [&](const Worker::Strand& strand) {
    return strand.give([&gate] { return gate.pass(); }, [&](int) { ++told; });
  };
  ASSERT_TRUE(give(first));
  ASSERT_TRUE(gate.await(1));
  ASSERT_TRUE(give(first));
  ASSERT_TRUE(give(first));
  EXPECT_EQ(give(first).error().code, Code::too_many) << "beyond what of one strand may wait";
  ASSERT_TRUE(give(second));
  EXPECT_EQ(give(second).error().code, Code::too_many) << "beyond what of all may wait";
  EXPECT_EQ(worker.counts().queued, 3U);
  EXPECT_EQ(worker.counts().refused, 2U);
  gate.open();
  EXPECT_TRUE(until([&] { return told == 4; }));
  EXPECT_TRUE(give(first)) << "there is room again";
}

TEST_F(WorkerTest, after_stop_nothing_begins_and_nobody_is_told) {
  Gate gate;  // outlives the jobs that stand in it
  Worker worker(loop, {.threads = 1});
  const Worker::Strand strand = worker.strand(10);
  int ran = 0, told = 0;
  const auto held = std::make_shared<int>(0);  // by what is dropped
  ASSERT_TRUE(strand.give([] { return 0; }, [&](int) { ++told; }));
  ASSERT_TRUE(until([&] { return told == 1; }));
  ASSERT_TRUE(strand.give([&gate] { return gate.pass(); }, [&](int) { ++told; }));
  ASSERT_TRUE(gate.await(1));
  ASSERT_TRUE(strand.give([&ran, held] { return ++ran; }, [&, held](int) { ++told; }));
  std::thread opens([&] {  // once it is stopping
    const auto is_stopping = [&] {
      const auto given = strand.give([&ran] { return ++ran; }, [&](int) { ++told; });
      return !given && given.error().code == Code::unavailable;
    };
    while (!is_stopping()) std::this_thread::yield();
    gate.open();
  });
  worker.stop();
  opens.join();
  EXPECT_EQ(ran, 0) << "it had not begun";
  EXPECT_EQ(held.use_count(), 1) << "what is dropped is gone";
  while (loop.run_one(Millis(0))) {
  }
  EXPECT_EQ(told, 1);
  EXPECT_EQ(strand.give([] { return 0; }, [&](int) { ++told; }).error().code, Code::unavailable);
  worker.stop();  // once more does nothing
}

TEST_F(WorkerTest, a_strand_may_outlive_its_worker_and_its_jobs_the_strand) {
  std::optional<Worker::Strand> left;
  bool told = false;
  {
    Worker worker(loop);
    left = worker.strand(1);
    ASSERT_TRUE(worker.strand(1).give([] { return 1; }, [&](int) { told = true; }));
    EXPECT_TRUE(until([&] { return told; }));
  }
  EXPECT_FALSE(left->give([] { return 1; }, [](int) { FAIL(); }));
}

TEST_F(WorkerTest, a_job_that_hangs_shows_as_the_longest) {
  Gate gate;  // outlives the jobs that stand in it
  Worker worker(loop);
  ASSERT_TRUE(worker.strand(1).give([&gate] { return gate.pass(); }, [](int) {}));
  ASSERT_TRUE(gate.await(1));
  EXPECT_TRUE(until([&] { return worker.counts().longest > Micros(0); }));
  gate.open();
}

}  // namespace
}  // namespace hf
