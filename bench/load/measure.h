#pragma once

// What a load run is made of beside the load: a clock, latencies, what processes cost, and the line of JSON that
// every scenario prints. The line's fields are those of the peers' harness, so that one table takes both.
//
// Failing is ending: a load run that met anything unexpected has measured nothing, so die() says what and exits 1.
//
// One thread.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hf::load {

// Prints the sentence and exits 1.
[[noreturn]] void die(std::string_view what, std::string_view detail = {});

// Nanoseconds of the monotonic clock.
std::int64_t now_ns();

// Durations in nanoseconds. percentile_us() sorts when it must: O(n log n).
class Samples {
 public:
  void add(std::int64_t ns) { values_.push_back(ns); }
  void clear() { values_.clear(); }
  void reserve(std::size_t count) { values_.reserve(count); }
  bool empty() const { return values_.empty(); }
  double percentile_us(double percent);

 private:
  std::vector<std::int64_t> values_;
};
double median(std::vector<double> values);

// Seconds of CPU and megabytes resident, summed over processes; one that is gone counts nothing.
struct Use {
  double cpu_s = 0;
  double rss_mb = 0;
};
Use use_of(const std::vector<int>& pids);
double own_cpu_s();
// Busy seconds of all CPUs of the machine. Without the server's and the client's it is other people's load.
double machine_busy_s();

// The costs between its making and cost(). What the server side costs includes the Redis that works for it.
class CostMeter {
 public:
  explicit CostMeter(std::vector<int> server_pids, std::vector<int> redis_pids = {});
  struct Cost {
    double seconds, server_cpu_s, client_cpu_s, other_cpu_s, server_rss_mb, server_rss_mb_before;
    double redis_cpu_s, redis_rss_mb;
  };
  Cost cost() const;

 private:
  std::vector<int> pids_, redis_pids_;
  Use server_, redis_;
  double client_, machine_;
  std::int64_t began_;
};

// One JSON object on one line, fields in the order given. Texts need no escape: they are names of ours.
class JsonLine {
 public:
  JsonLine& text(std::string_view name, std::string_view value);
  JsonLine& number(std::string_view name, double value, int digits = 1);
  void print();

 private:
  JsonLine& field(std::string_view name, std::string_view value);
  std::string line_ = "{";
};

// The fields that every scenario's line has. `Options` says peer, mode, scenario, run and redis_pids.
template <class Options>
JsonLine begin_line(const Options& options, double clients, double ops, const CostMeter::Cost& cost, Samples& latency) {
  JsonLine line;
  line.text("peer", options.peer).text("scenario", options.scenario.empty() ? options.mode : options.scenario);
  line.number("clients", clients, 0).number("ops", ops, 0).number("seconds", cost.seconds, 3);
  line.number("ops_per_s", ops / cost.seconds).number("p50_us", latency.percentile_us(50));
  line.number("p95_us", latency.percentile_us(95)).number("p99_us", latency.percentile_us(99));
  line.number("cpu_s_server", cost.server_cpu_s, 2).number("rss_mb_server", cost.server_rss_mb);
  line.number("cpu_s_client", cost.client_cpu_s, 2).number("cpu_s_other", cost.other_cpu_s, 2).text("run", options.run);
  if (!options.redis_pids.empty())
    line.number("cpu_s_redis", cost.redis_cpu_s, 2).number("rss_mb_redis", cost.redis_rss_mb);
  return line;
}

// --name value pairs; a name without a value is "1". A name that is not in `known` ends the program with code 2.
class Arguments {
 public:
  Arguments(int count, char** values, const std::vector<std::string_view>& known);
  std::string text(const std::string& name, std::string_view otherwise = {}) const;
  double number(const std::string& name, double otherwise) const;
  int whole(const std::string& name, int otherwise) const { return static_cast<int>(number(name, otherwise)); }
  std::vector<int> whole_list(const std::string& name) const;

 private:
  std::map<std::string, std::string> given_;
};

}  // namespace hf::load
