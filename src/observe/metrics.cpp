#include "observe/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <string_view>
#include <vector>

namespace hf {
namespace {

constexpr std::array<std::string_view, 4> acquire_names = {"granted", "again", "queued", "locked"};
constexpr std::array<std::string_view, 2> wait_names = {"granted", "ended"};
constexpr std::array<std::string_view, 8> end_names = {"released",    "expired",     "max_hold",      "forced",
                                                       "handed_over", "transferred", "session_ended", "engine_lost"};
constexpr std::array<Code, 16> codes = {
#define HF_ERROR(name, number, status, en, zh) Code::name,
#include "base/errors.def"
#undef HF_ERROR
};

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

Histogram& histogram(prometheus::Registry& registry, const char* name, const char* help, std::vector<double> bounds) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, std::move(bounds));
}

template <std::size_t N>
std::array<Counter*, N> counters(prometheus::Registry& registry, const char* name, const char* help, const char* label,
                                 const std::array<std::string_view, N>& values) {
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  std::array<Counter*, N> made{};
  for (std::size_t i = 0; i < N; ++i) made[i] = &family.Add({{label, std::string(values[i])}});
  return made;
}

std::array<std::string_view, codes.size()> code_names() {
  std::array<std::string_view, codes.size()> names;
  for (std::size_t i = 0; i < codes.size(); ++i) names[i] = code_name(codes[i]);
  return names;
}

// A total that is kept elsewhere only grows; the counter follows it.
void follow(Counter& counter, double total) {
  const double grown = total - counter.Value();
  if (grown > 0) counter.Increment(grown);
}
void follow(Counter& counter, std::uint64_t total) { follow(counter, static_cast<double>(total)); }

}  // namespace

struct Metrics::State {
  mutable prometheus::Registry registry;
  prometheus::Registry& r = registry;

  std::array<Counter*, 4> acquires =
      counters(r, "holdfast_acquires_total", "Answers to acquires, by outcome", "outcome", acquire_names);
  std::array<Counter*, codes.size()> refusals =
      counters(r, "holdfast_refusals_total", "Refusals told, by code", "code", code_names());
  std::array<Counter*, sign_in_failure_names.size()> sign_ins = counters(
      r, "holdfast_sign_in_failures_total", "Sign-ins that failed, by reason", "reason", sign_in_failure_names);
  std::array<Counter*, 2> waits =
      counters(r, "holdfast_waits_ended_total", "Waits that ended, by how", "end", wait_names);
  std::array<Counter*, 8> lost =
      counters(r, "holdfast_locks_lost_total", "Locks that ended without their holder's release, by reason", "reason",
               end_names);
  Counter& requests = counter(r, "holdfast_requests_told_total", "Requests for a lock told to its holder's windows");
  Counter& clock_alarms =
      counter(r, "holdfast_clock_alarms_total", "Times that the clock was seen to jump or stand still");
  Histogram& commit =
      histogram(r, "holdfast_commit_seconds", "From the end of a turn to its answers: the durable commit included",
                {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5});
  Histogram& batch = histogram(r, "holdfast_commit_answers", "Answers given by one commit",
                               {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024});
  Histogram& late = histogram(r, "holdfast_tick_late_seconds", "How late the sweep came",
                              {0.001, 0.01, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 5});
  Gauge& locks = gauge(r, "holdfast_locks", "Locks held now");
  Gauge& sessions = gauge(r, "holdfast_sessions", "Sessions alive now");
  Gauge& waiters = gauge(r, "holdfast_waiters", "Requests that wait now");
  Gauge& asks = gauge(r, "holdfast_requests", "Requests to holders that are open now");
  Gauge& runs = gauge(r, "holdfast_runs", "Runs of actions that have not ended");
  Counter& runs_begun = counter(r, "holdfast_runs_begun_total", "Runs that got their locks");
  std::array<Counter*, 3> runs_ended = counters(r, "holdfast_runs_ended_total", "Runs that ended, by how", "state",
                                                std::array<std::string_view, 3>{"done", "failed", "unknown"});
  Counter& runs_settled =
      counter(r, "holdfast_runs_settled_total", "Unknown runs that what was told of their bills settled");
  Gauge& bills = gauge(r, "holdfast_bills", "Bills that the status boards know");
  Gauge& fullest = gauge(r, "holdfast_bills_of_fullest_type",
                         "Bills of the type that has most, in one namespace: status.bills_per_type_max is its limit");
  Gauge& ready = gauge(r, "holdfast_ready", "1 while the node takes work");
  Gauge& connections = gauge(r, "holdfast_connections", "Open connections of all kinds");
  Gauge& websockets = gauge(r, "holdfast_websockets", "Open WebSocket connections");
  Counter& accepted = counter(r, "holdfast_connections_accepted_total", "Connections accepted");
  Counter& turned_away = counter(r, "holdfast_connections_refused_total", "Connections refused at the limit");
  Counter& bytes_in = counter(r, "holdfast_received_bytes_total", "Bytes received");
  Counter& bytes_out = counter(r, "holdfast_sent_bytes_total", "Bytes sent");
  Counter& http_requests = counter(r, "holdfast_http_requests_total", "HTTP requests read");
  Counter& messages_in = counter(r, "holdfast_messages_received_total", "WebSocket messages received");
  Counter& messages_out = counter(r, "holdfast_messages_sent_total", "WebSocket messages queued for sending");
  Counter& queue_drops = counter(r, "holdfast_queue_drops_total", "Connections closed because they read too slowly");
  Gauge& worker_queued = gauge(r, "holdfast_worker_queued", "Jobs for the disk that wait for a thread");
  Gauge& worker_running = gauge(r, "holdfast_worker_running", "Jobs for the disk that threads carry out now");
  Counter& worker_refused = counter(r, "holdfast_worker_refused_total", "Jobs for the disk refused: too many waited");
  Gauge& worker_longest = gauge(r, "holdfast_worker_longest_seconds",
                                "The longest that a job for the disk took since the start, or takes by now");
  Gauge& documents_queued =
      gauge(r, "holdfast_documents_queued", "Questions to the document store that wait for a connection");
  Gauge& documents_running = gauge(r, "holdfast_documents_running", "Questions that the document store answers now");
  Counter& documents_refused =
      counter(r, "holdfast_documents_refused_total", "Questions to the document store refused: too many waited");
  Counter& documents_failed =
      counter(r, "holdfast_documents_failed_total", "Questions that the database of the document store did not answer");
  Gauge& documents_longest =
      gauge(r, "holdfast_documents_longest_seconds",
            "The longest that an answer of the document store took since the start, or takes by now");
  Counter& check_slices =
      counter(r, "holdfast_check_slices_total", "Looks at the own state while there was nothing to do");
  Counter& check_entities = counter(r, "holdfast_check_entities_total", "Locks, bills and the like looked at by them");
  Counter& check_rounds = counter(r, "holdfast_check_rounds_total", "Times that all of the own state was looked at");
  Counter& check_seconds = counter(r, "holdfast_check_seconds_total", "Time that the looks took");
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

void Metrics::acquired(AcquireOutcome outcome) noexcept {
  state_->acquires[static_cast<std::size_t>(outcome)]->Increment();
}
void Metrics::refused(Code code) noexcept { state_->refusals[static_cast<std::size_t>(code) - 1]->Increment(); }
void Metrics::sign_in_failed(SignInFailure why) noexcept {
  state_->sign_ins[static_cast<std::size_t>(why)]->Increment();
}
void Metrics::wait_ended(WaitEnd end) noexcept { state_->waits[static_cast<std::size_t>(end)]->Increment(); }
void Metrics::lock_lost(LockEnd end) noexcept { state_->lost[static_cast<std::size_t>(end)]->Increment(); }
void Metrics::requested() noexcept { state_->requests.Increment(); }
void Metrics::clock_alarm() noexcept { state_->clock_alarms.Increment(); }

void Metrics::committed(double seconds, std::uint64_t answers) noexcept {
  state_->commit.Observe(seconds);
  state_->batch.Observe(static_cast<double>(answers));
}

void Metrics::tick_late(double seconds) noexcept { state_->late.Observe(seconds); }

void Metrics::set(const EngineFigures& figures) noexcept {
  state_->locks.Set(static_cast<double>(figures.locks));
  state_->sessions.Set(static_cast<double>(figures.sessions));
  state_->waiters.Set(static_cast<double>(figures.waiters));
  state_->asks.Set(static_cast<double>(figures.requests));
  state_->runs.Set(static_cast<double>(figures.runs));
  follow(state_->runs_begun, figures.run_tally.begun);
  follow(*state_->runs_ended[0], figures.run_tally.done);
  follow(*state_->runs_ended[1], figures.run_tally.failed);
  follow(*state_->runs_ended[2], figures.run_tally.unknown);
  follow(state_->runs_settled, figures.run_tally.settled);
}

void Metrics::set(const BoardFigures& figures) noexcept {
  state_->bills.Set(static_cast<double>(figures.bills));
  state_->fullest.Set(static_cast<double>(figures.bills_of_fullest_type));
}

void Metrics::set(const SocketTotals& totals) noexcept {
  state_->connections.Set(static_cast<double>(totals.connections));
  state_->websockets.Set(static_cast<double>(totals.websockets));
  follow(state_->accepted, totals.accepted);
  follow(state_->turned_away, totals.refused);
  follow(state_->bytes_in, totals.bytes_in);
  follow(state_->bytes_out, totals.bytes_out);
  follow(state_->http_requests, totals.http_requests);
  follow(state_->messages_in, totals.messages_in);
  follow(state_->messages_out, totals.messages_out);
  follow(state_->queue_drops, totals.queue_drops);
}

void Metrics::set(const WorkerFigures& figures) noexcept {
  state_->worker_queued.Set(static_cast<double>(figures.queued));
  state_->worker_running.Set(static_cast<double>(figures.running));
  follow(state_->worker_refused, figures.refused);
  state_->worker_longest.Set(figures.longest_seconds);
}

void Metrics::set(const DocumentFigures& figures) noexcept {
  state_->documents_queued.Set(static_cast<double>(figures.queued));
  state_->documents_running.Set(static_cast<double>(figures.running));
  follow(state_->documents_refused, figures.refused);
  follow(state_->documents_failed, figures.failed);
  state_->documents_longest.Set(figures.longest_seconds);
}

void Metrics::set(const CheckFigures& figures) noexcept {
  follow(state_->check_slices, figures.slices);
  follow(state_->check_entities, figures.entities);
  follow(state_->check_rounds, figures.rounds);
  follow(state_->check_seconds, figures.seconds);
}

void Metrics::set_ready(bool ready) noexcept { state_->ready.Set(ready ? 1 : 0); }

std::string Metrics::text() const { return prometheus::TextSerializer().Serialize(state_->registry.Collect()); }

}  // namespace hf
