#pragma once

// Chaos does to a world what happens to installations: transactions that commit late or never, publishers that repeat
// themselves, people who come, go, sleep, read slowly, look at something else, take locks and free them and are given
// other rights, connections that break or fall silent, nodes that die, disks that stall, clocks that jump, a Redis that
// is cut off, forgets or is restored from an old dump.
//
// What is lost for good by design is not done: a Redis that forgets while a node that knew more has just died or is cut
// off for longer than the quarantine.

#include "simulation/world.h"

namespace hf::sim {

class Chaos {
 public:
  explicit Chaos(World& world);
  // Goes on for so long, in virtual time, and gives transactions that are still open their end.
  void rage(Micros span);
  // Somebody with roles, departments and an employee's id by chance.
  static Claims somebody(Random& random, std::size_t person);
  static Selection some_selection(Random& random);

 private:
  void next(Micros end);
  void act();
  void transact();
  void tell_run(const StatusEvent& bill);
  void disturb_seat();
  void disturb_node();
  void disturb_redis();
  bool redis_may_forget() const;

  World& world_;
  Random& random_;
  std::vector<World::Batch> sent_;
  SimulatedRedis::Memory dump_;
  bool has_dump_ = false;
  Micros node_died_{-1'000'000'000}, redis_forgot_{-1'000'000'000};
};

// A world of the seed's kind, with people.
WorldOptions random_options(std::uint64_t seed, bool redis);

}  // namespace hf::sim
