#pragma once

// SimulatedRedis is what the real redis::Engine needs of a Redis, without a socket: hashes, two streams, and the
// scripts of the log and of its audit trail, done here as src/redis/lua has them (tests/redis runs those against real
// servers). Its memory can be taken and put back, so a test can flush it, or restart it from an old dump.
//
// SimulatedLink is one node's connection to it over a network that delays, cuts and swallows.
//
// Not thread-safe.

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "redis/port.h"
#include "simulation/scheduler.h"

namespace hf::sim {

class SimulatedRedis {
 public:
  struct Entry {
    std::uint64_t ms = 0, place = 0;
    std::vector<std::string> fields;
    std::string id() const { return std::to_string(ms) + "-" + std::to_string(place); }
  };
  struct Memory {
    std::map<std::string, std::map<std::string, std::string>> hashes;
    std::vector<Entry> log;
    std::vector<Entry> trail;  // of audit; ids are generation and number of the log
    std::uint64_t last_ms = 0, last_place = 0;
  };

  SimulatedRedis(Scheduler& scheduler, Wall start) : scheduler_(scheduler), start_(start) {}

  // Does a command. Nothing: it is a blocking read that finds nothing yet.
  std::optional<redis::Reply> run(const redis::Arguments& arguments);
  // Calls `work` with the next append.
  void wait(std::function<void()> work) { waiting_.push_back(std::move(work)); }

  Memory memory;
  std::set<std::string> scripts;  // known by digest
  std::string run_id = "run1";
  // Another process with this memory; scripts are forgotten.
  void restart(Memory with);

 private:
  using Keys = std::vector<std::string>;
  redis::Reply append(const Keys& keys, const Keys& arguments);
  redis::Reply hello(const Keys& keys, const Keys& arguments);
  redis::Reply open(const Keys& keys, const Keys& arguments);
  redis::Reply rebase(const Keys& keys, const Keys& arguments);
  redis::Reply audit(const Keys& keys, const Keys& arguments);
  redis::Reply range(const redis::Arguments& arguments) const;
  std::optional<redis::Reply> read(const redis::Arguments& arguments) const;
  void add(std::vector<std::string> fields);
  std::uint64_t now_ms() const;

  Scheduler& scheduler_;
  Wall start_;
  std::uint64_t runs_ = 1;
  std::vector<std::function<void()>> waiting_;
};

class SimulatedLink final : public redis::Link {
 public:
  SimulatedLink(Scheduler& scheduler, SimulatedRedis& redis, Random& random);
  ~SimulatedLink() override;

  void send(redis::Arguments arguments, Millis timeout, redis::Done done) override;
  void on_up(std::function<void(const redis::ServerInfo&)> call) override { up_ = std::move(call); }
  void on_down(std::function<void(const std::string&)> call) override { down_ = std::move(call); }
  bool is_up() const override { return standing_; }
  const std::string& trouble() const override { return trouble_; }
  void reconnect() override;

  // Faults: no connection; or one over which answers are lost, which nobody notices until a command's time is over.
  void cut(bool on);
  void swallow_answers(bool on) { deaf_ = on; }
  // Whether its owner stands still: what comes for it is kept until it goes on.
  void stand_still(bool on);
  void slow(Micros latency_max) { latency_max_ = latency_max; }

 private:
  struct Pending {
    redis::Arguments arguments;
    redis::Done done;
    bool sent = false;
  };
  void connect();
  void drop(const std::string& why);
  void transmit(std::uint64_t command);
  void arrived(std::uint64_t command, std::uint64_t connection, Micros deadline);
  void answer(std::uint64_t command, std::uint64_t connection, redis::Reply reply);
  void finish(std::uint64_t command, Result<redis::Reply> reply);
  Micros latency(Micros& last);
  // Tells the owner, now or once it goes on.
  void tell(std::function<void()> what);
  template <class F>
  auto guarded(F work) {
    return [alive = std::weak_ptr(alive_), work] {
      if (!alive.expired()) work();
    };
  }

  Scheduler& scheduler_;
  SimulatedRedis& redis_;
  Random& random_;
  std::function<void(const redis::ServerInfo&)> up_;
  std::function<void(const std::string&)> down_;
  std::string trouble_;
  bool standing_ = false, cut_ = false, deaf_ = false, still_ = false;
  std::vector<std::function<void()>> kept_;  // for the owner
  std::uint64_t connection_ = 0;             // counts them
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, Pending> pending_;
  Micros latency_max_{300}, to_last_{0}, from_last_{0};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace hf::sim
