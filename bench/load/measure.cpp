#include "measure.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <numeric>
#include <sstream>

namespace hf::load {
namespace {

double ticks_per_second() {
  static const double hz = static_cast<double>(::sysconf(_SC_CLK_TCK));
  return hz;
}

// utime + stime of /proc/<pid>/stat: the 12th and 13th field behind the name, which may hold anything but ends at ')'.
double cpu_s_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return 0;
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / ticks_per_second();
}

double rss_mb_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmRSS:")) return std::atof(line.c_str() + 6) / 1024;
  }
  return 0;
}

}  // namespace

void die(std::string_view what, std::string_view detail) {
  std::fprintf(stderr, "lock_load: %.*s%s%.*s\n", static_cast<int>(what.size()), what.data(),
               detail.empty() ? "" : ": ", static_cast<int>(std::min<std::size_t>(detail.size(), 2000)), detail.data());
  std::exit(1);
}

std::int64_t now_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

double Samples::percentile_us(double percent) {
  if (values_.empty()) return 0;
  std::sort(values_.begin(), values_.end());
  const auto rank = static_cast<std::size_t>(std::lround(percent / 100 * static_cast<double>(values_.size() - 1)));
  return static_cast<double>(values_[std::min(rank, values_.size() - 1)]) / 1000;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Use use_of(const std::vector<int>& pids) {
  Use use;
  for (const int pid : pids) {
    use.cpu_s += cpu_s_of(pid);
    use.rss_mb += rss_mb_of(pid);
  }
  return use;
}

double own_cpu_s() {
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  return static_cast<double>(own.ru_utime.tv_sec + own.ru_stime.tv_sec) +
         static_cast<double>(own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
}

// The first line of /proc/stat: user nice system idle iowait irq softirq steal.
double machine_busy_s() {
  std::ifstream file("/proc/stat");
  std::string name;
  std::array<double, 8> ticks{};
  file >> name;
  for (double& tick : ticks) file >> tick;
  constexpr std::size_t idle = 3;
  constexpr std::size_t io_wait = 4;
  return (std::accumulate(ticks.begin(), ticks.end(), 0.0) - ticks[idle] - ticks[io_wait]) / ticks_per_second();
}

CostMeter::CostMeter(std::vector<int> server_pids, std::vector<int> redis_pids)
    : pids_(std::move(server_pids)),
      redis_pids_(std::move(redis_pids)),
      server_(use_of(pids_)),
      redis_(use_of(redis_pids_)),
      client_(own_cpu_s()),
      machine_(machine_busy_s()),
      began_(now_ns()) {}

CostMeter::Cost CostMeter::cost() const {
  Cost cost{};
  cost.seconds = static_cast<double>(now_ns() - began_) / 1e9;
  const Use redis = use_of(redis_pids_);
  const Use server = use_of(pids_);
  cost.redis_cpu_s = redis.cpu_s - redis_.cpu_s;
  cost.redis_rss_mb = redis.rss_mb;
  cost.server_cpu_s = server.cpu_s - server_.cpu_s + cost.redis_cpu_s;
  cost.client_cpu_s = own_cpu_s() - client_;
  cost.other_cpu_s = std::max(0.0, machine_busy_s() - machine_ - cost.server_cpu_s - cost.client_cpu_s);
  cost.server_rss_mb = server.rss_mb + redis.rss_mb;
  cost.server_rss_mb_before = server_.rss_mb + redis_.rss_mb;
  return cost;
}

JsonLine& JsonLine::field(std::string_view name, std::string_view value) {
  if (line_.size() > 1) line_ += ',';
  line_.append("\"").append(name).append("\":").append(value);
  return *this;
}

JsonLine& JsonLine::text(std::string_view name, std::string_view value) {
  return field(name, "\"" + std::string(value) + "\"");
}

JsonLine& JsonLine::number(std::string_view name, double value, int digits) {
  char shown[64];
  const int size = std::snprintf(shown, sizeof shown, "%.*f", digits, value);
  return field(name, std::string_view(shown, static_cast<std::size_t>(size)));
}

void JsonLine::print() {
  line_ += '}';
  std::puts(line_.c_str());
  std::fflush(stdout);
}

Arguments::Arguments(int count, char** values, const std::vector<std::string_view>& known) {
  for (int i = 1; i < count; ++i) {
    const std::string_view name = values[i];
    if (!name.starts_with("--") || std::find(known.begin(), known.end(), name.substr(2)) == known.end()) {
      std::fprintf(stderr, "lock_load: there is no argument %s; known are", values[i]);
      for (const std::string_view one : known)
        std::fprintf(stderr, " --%.*s", static_cast<int>(one.size()), one.data());
      std::fputc('\n', stderr);
      std::exit(2);
    }
    const bool has_value = i + 1 < count && !std::string_view(values[i + 1]).starts_with("--");
    given_[std::string(name.substr(2))] = has_value ? values[++i] : "1";
  }
}

std::string Arguments::text(const std::string& name, std::string_view otherwise) const {
  const auto found = given_.find(name);
  return found == given_.end() ? std::string(otherwise) : found->second;
}

double Arguments::number(const std::string& name, double otherwise) const {
  const auto found = given_.find(name);
  if (found == given_.end()) return otherwise;
  const std::string& shown = found->second;
  double value = 0;
  const auto read = std::from_chars(shown.data(), shown.data() + shown.size(), value);
  if (read.ec != std::errc() || read.ptr != shown.data() + shown.size() || value < 0)
    die("--" + name + " is a number", shown);
  return value;
}

std::vector<int> Arguments::whole_list(const std::string& name) const {
  std::vector<int> list;
  std::istringstream shown(text(name));
  for (std::string one; std::getline(shown, one, ',');) list.push_back(std::atoi(one.c_str()));
  return list;
}

}  // namespace hf::load
