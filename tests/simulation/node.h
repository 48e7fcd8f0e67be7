#pragma once

// Node is one holdfastd of a simulated world: the real hub, over a real engine on a disk of paper or the real Redis
// engine over a simulated Redis, and a transport that hands what is sent to the world's network. It can be killed at
// any moment and started again.
//
// Not thread-safe.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "redis/redis_engine.h"
#include "session/hub.h"
#include "simulation/durable_engine.h"
#include "simulation/simulated_redis.h"

namespace hf::sim {

inline constexpr std::int64_t start_us = 1'760'000'000'000'000;  // 2025-10-09
inline constexpr std::string_view key_id = "sim";
inline constexpr std::string_view key_secret = "0123456789abcdef0123456789abcdef";

// What a node says to the world round it.
class Network {
 public:
  virtual ~Network() = default;
  virtual void to_client(std::size_t node, ConnectionId connection, std::string_view text) = 0;
  virtual void close_client(std::size_t node, ConnectionId connection, std::uint16_t code) = 0;
  virtual std::size_t unsent(std::size_t node, ConnectionId connection) const = 0;
  virtual void fault(const std::string& what) = 0;
};

struct NodeSetting {
  std::size_t index = 0;
  std::shared_ptr<const Catalog> catalog;
  StatusBoardOptions board;
  TodoLimits todo;
  SimulatedRedis* redis = nullptr;  // nothing: a disk of its own
};

class Node final : public Transport {
 public:
  using Answered = std::function<void(int status, std::string body)>;

  Node(Scheduler& scheduler, Random& random, Network& network, NodeSetting setting);
  ~Node() override;

  void start();
  void kill();
  void drain(Millis window);
  bool is_up() const noexcept { return hub_ != nullptr; }
  // Grows with each start: what is on its way to a node that was killed reaches nobody.
  std::uint64_t life() const noexcept { return life_; }
  bool ready() const;

  void connected(ConnectionId connection);
  void hear(ConnectionId connection, std::string_view text);
  void disconnected(ConnectionId connection);
  void request(HttpRequest request, Answered answered);

  // Faults.
  Micros skew{0};  // of its wall clock
  void stall_disk(Micros commit_max);
  void cut_redis(bool on);
  void swallow_redis(bool on);
  // The process is stopped: what comes for it, from clients and from Redis, waits until it goes on.
  void stand_still(bool on);
  bool has_redis() const noexcept { return !cut_ && !deaf_ && !still_; }

  // Empty, or what is broken: an invariant of the engine.
  std::string check() const;
  DurableEngine* durable() { return durable_.get(); }
  redis::Engine* on_redis() { return on_redis_.get(); }
  Wall wall() const { return wall_us(start_us) + scheduler_.now() + skew; }

  void send(ConnectionId connection, std::string_view text) override;
  void send_batch(ConnectionId connection, std::string_view payload) override;
  void wake_at(Micros monotonic) override;
  std::size_t unsent(ConnectionId connection) const override { return network_.unsent(setting_.index, connection); }
  std::size_t unsent_of(PersonKey) const override { return 0; }
  bool belongs(ConnectionId, PersonKey) override { return true; }
  void refused(Code) override {}
  void sign_in_failed(ConnectionId, SignInFailure) override {}
  void close(ConnectionId connection, std::uint16_t code, std::string_view reason) override;
  void respond(ExchangeId exchange, HttpResponse response) override;
  void begin_stream(ExchangeId) override {}
  void stream(ExchangeId, std::string_view) override {}
  void end_stream(ExchangeId) override {}

 private:
  Now now() const { return {wall(), Micros(5'000'000) + scheduler_.now()}; }
  void turn_end();
  void tick_hub(std::uint64_t life);
  void tick_redis(std::uint64_t life);
  void come(std::function<void()> what);

  Scheduler& scheduler_;
  Random& random_;
  Network& network_;
  NodeSetting setting_;
  Disk disk_;
  bool cut_ = false, deaf_ = false, still_ = false;
  std::vector<std::function<void()>> kept_;  // came while it stood still
  std::uint64_t life_ = 0;
  SeededSecrets secrets_;
  std::unique_ptr<SimulatedLink> writer_, reader_;
  std::unique_ptr<redis::Engine> on_redis_;
  std::unique_ptr<DurableEngine> durable_;
  std::unique_ptr<Hub> hub_;
  ExchangeId next_exchange_ = 0;
  std::map<ExchangeId, Answered> exchanges_;
  std::vector<ExchangeId> delivered_;  // with this turn; the network loses no answer by HTTP
};

}  // namespace hf::sim
