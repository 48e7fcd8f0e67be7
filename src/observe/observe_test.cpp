// If these fail, an operator's dashboard or log search shows something else than what happened.

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "observe/log.h"
#include "observe/metrics.h"

namespace hf {
namespace {

TEST(Log, a_line_is_json_whatever_its_values_contain) {
  EXPECT_EQ(
      log_line("2026-01-02T03:04:05.678Z", LogLevel::warning, "refused",
               {{"why", "a \"quote\",\na \\ and \x01"},
                {"n", -3},
                {"big", std::uint64_t{18446744073709551615u}},
                {"ok", false}}),
      R"({"at":"2026-01-02T03:04:05.678Z","level":"warning","event":"refused","why":"a \"quote\",\u000aa \\ and \u0001",)"
      R"("n":-3,"big":18446744073709551615,"ok":false})");
}

TEST(Log, a_real_number_has_three_digits_behind_its_point) {
  EXPECT_EQ(log_line("t", LogLevel::info, "e", {{"ms", 0.25}, {"much", 1234567.0}, {"less", -0.0004}}),
            R"({"at":"t","level":"info","event":"e","ms":0.250,"much":1234567.000,"less":-0.000})");
}

TEST(Log, lines_of_several_threads_are_written_whole_and_none_below_the_level) {
  const std::string filler(10'000, 'x');  // more than a pipe takes as one
  testing::internal::CaptureStderr();
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) {
          log(LogLevel::debug, "unseen");
          log(LogLevel::info, "seen", {{"filler", filler}});
        }
      });
    }
  }
  set_log_level(LogLevel::off);
  log(LogLevel::error, "unseen");
  set_log_level(LogLevel::info);
  std::istringstream written(testing::internal::GetCapturedStderr());
  const std::string end = R"(Z","level":"info","event":"seen","filler":")" + filler + "\"}";
  int lines = 0;
  for (std::string line; std::getline(written, line); ++lines) {
    EXPECT_TRUE(line.starts_with("{\"at\":\"20") && line.ends_with(end)) << line.substr(0, 200);
    EXPECT_EQ(line.size(), std::string_view("{\"at\":\"2026-01-02T03:04:05.678").size() + end.size());
  }
  EXPECT_EQ(lines, 200);
}

TEST(Log, only_the_five_levels_have_a_name) {
  LogLevel level = LogLevel::off;
  EXPECT_TRUE(log_level_from_name("debug", level));
  EXPECT_EQ(level, LogLevel::debug);
  EXPECT_FALSE(log_level_from_name("trace", level));
  EXPECT_FALSE(log_level_from_name("", level));
  EXPECT_EQ(level, LogLevel::debug);
}

TEST(Metrics, every_series_is_there_before_anything_happened) {
  const std::string text = Metrics().text();
  for (const char* series : {"holdfast_acquires_total{outcome=\"granted\"} 0",
                             "holdfast_refusals_total{code=\"locked\"} 0",
                             "holdfast_refusals_total{code=\"unknown_outcome\"} 0",
                             "holdfast_locks_lost_total{reason=\"expired\"} 0",
                             "holdfast_sign_in_failures_total{reason=\"bad_signature\"} 0",
                             "holdfast_bills 0",
                             "holdfast_runs_ended_total{state=\"unknown\"} 0",
                             "holdfast_runs 0",
                             "holdfast_commit_seconds_count 0",
                             "holdfast_queue_drops_total 0",
                             "holdfast_ready 0",
                             "holdfast_worker_queued 0",
                             "holdfast_worker_running 0",
                             "holdfast_worker_refused_total 0",
                             "holdfast_worker_longest_seconds 0",
                             "holdfast_documents_queued 0",
                             "holdfast_documents_running 0",
                             "holdfast_documents_refused_total 0",
                             "holdfast_documents_failed_total 0",
                             "holdfast_documents_longest_seconds 0"}) {
    EXPECT_NE(text.find(series), std::string::npos) << series << "\nin\n" << text;
  }
}

TEST(Metrics, counts_go_to_the_series_they_name) {
  Metrics metrics;
  metrics.acquired(AcquireOutcome::locked);
  metrics.acquired(AcquireOutcome::locked);
  metrics.refused(Code::stale_version);
  metrics.sign_in_failed(SignInFailure::wrong_code);
  metrics.set(BoardFigures{.bills = 9, .bills_of_fullest_type = 4});
  metrics.set(WorkerFigures{.queued = 3, .running = 2, .refused = 6, .longest_seconds = 0.5});
  metrics.set(DocumentFigures{.queued = 7, .running = 4, .refused = 8, .failed = 2, .longest_seconds = 0.125});
  metrics.set(CheckFigures{.slices = 3, .entities = 2500, .rounds = 1, .seconds = 0.25});
  metrics.committed(0.0003, 7);
  metrics.set(EngineFigures{.locks = 5,
                            .sessions = 2,
                            .waiters = 1,
                            .requests = 0,
                            .runs = 2,
                            .run_tally = {.begun = 9, .done = 4, .failed = 1, .unknown = 2, .settled = 1}});
  const std::string text = metrics.text();
  for (const char* series : {"holdfast_acquires_total{outcome=\"locked\"} 2",
                             "holdfast_acquires_total{outcome=\"granted\"} 0",
                             "holdfast_refusals_total{code=\"stale_version\"} 1",
                             "holdfast_commit_answers_sum 7",
                             "holdfast_locks 5",
                             "holdfast_sessions 2",
                             "holdfast_waiters 1",
                             "holdfast_sign_in_failures_total{reason=\"wrong_code\"} 1",
                             "holdfast_runs 2",
                             "holdfast_runs_begun_total 9",
                             "holdfast_runs_ended_total{state=\"failed\"} 1",
                             "holdfast_runs_ended_total{state=\"unknown\"} 2",
                             "holdfast_runs_settled_total 1",
                             "holdfast_bills 9",
                             "holdfast_bills_of_fullest_type 4",
                             "holdfast_worker_queued 3",
                             "holdfast_worker_running 2",
                             "holdfast_worker_refused_total 6",
                             "holdfast_worker_longest_seconds 0.5",
                             "holdfast_documents_queued 7",
                             "holdfast_documents_running 4",
                             "holdfast_documents_refused_total 8",
                             "holdfast_documents_failed_total 2",
                             "holdfast_documents_longest_seconds 0.125",
                             "holdfast_check_slices_total 3",
                             "holdfast_check_entities_total 2500",
                             "holdfast_check_rounds_total 1",
                             "holdfast_check_seconds_total 0.25"}) {
    EXPECT_NE(text.find(series), std::string::npos) << series;
  }
}

TEST(Metrics, a_total_kept_elsewhere_never_goes_back) {
  Metrics metrics;
  metrics.set(SocketTotals{.bytes_in = 100});
  metrics.set(SocketTotals{.bytes_in = 250});
  metrics.set(SocketTotals{.bytes_in = 10});
  EXPECT_NE(metrics.text().find("holdfast_received_bytes_total 250"), std::string::npos);
}

}  // namespace
}  // namespace hf
