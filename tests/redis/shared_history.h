#pragma once

// SharedHistory judges what several nodes made of one log: what each of them decided of locks at which place of it, and
// when it threw its state away. It demands:
//   1. at each place of the log all nodes decided and told the same;
//   2. the log as a whole breaks no sentence of the HistoryChecker: never two holders, tokens only grow, no wake-up is
//      lost, waiters go on in order;
//   3. what a node decided at a place that is not in the log any more (a master that was left behind) it has thrown
//   away
//      since, and said so; and every token given then is below every token of a later generation: who holds such a lock
//      still is refused by a resource that has seen a newer one.
//
// A node made anew counts as another one. Not thread-safe.

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "redis/redis_engine.h"

namespace hf::test {

class SharedHistory {
 public:
  // A new node: the number it is called by below.
  std::size_t add_node();
  void decided(std::size_t node, const redis::Decided& decided);
  void reset(std::size_t node);

  // The first sentence that is broken, with its place; empty: none. REQUIRES: some node stands at the log's end.
  std::string verdict() const;
  // Of grants that are not in the log any more.
  std::size_t left_behind() const;

 private:
  struct Place {
    std::uint64_t generation = 0, number = 0;
    auto operator<=>(const Place&) const = default;
  };
  struct Step {
    LockCommand command;
    LockOutcome outcome;
    std::vector<LockEvent> events;
    Wall clock{};
  };
  struct Entry {
    bool opening = false;
    std::vector<Step> steps;
    std::size_t resets = 0;  // of its node, before it
  };
  struct Node {
    std::map<Place, Entry> entries;
    std::size_t resets = 0;
  };

  std::map<std::uint64_t, std::uint64_t> generations() const;  // of the log: first number -> generation
  static std::string text_of(const Entry& entry);
  static std::vector<Token> tokens_of(const Entry& entry);
  bool in_log(const std::map<std::uint64_t, std::uint64_t>& generations, const Place& place) const;

  std::vector<Node> nodes_;
};

}  // namespace hf::test
