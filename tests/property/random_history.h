#pragma once

// Random histories of commands: from one seed always the same.
//
// Few users, sessions, bills and lines, so that they meet all the time; legal and illegal arguments; a clock that
// creeps, jumps, stands and goes back; repeated request ids; restarts. What it names it mostly takes from what
// there is (World), so that releases hit locks and answers hit requests; a history once made is a plain list and
// can be run again, or shortened, without the world it was made in.

#include <string>
#include <vector>

#include "base/random.h"
#include "model/commands.h"

namespace hf::test {

// An id is a kind and a number, shifted: an engine may take the lowest bits for its own keys.
inline constexpr unsigned id_shift = 20;

struct Step {
  LockCommand command;
  Wall clock{};
  bool restart = false;  // before the command: recover a second engine from the journal and go on with it
};
using History = std::vector<Step>;

// What a generator may name.
struct World {
  struct Lock {
    LockId lock;
    Token token = 0;
    SessionId session;
    std::string user, owner;
    Kind kind = Kind::edit;
    Mode mode = Mode::exclusive;
    std::vector<Target> targets;
    std::uint32_t holds = 1;
  };
  struct Wait {
    LockId wait;
    SessionId session;
    std::string user;
    bool asking = false;
  };
  struct Session {
    SessionId id;
    std::string user;
  };
  struct Run {
    RunId run;
    std::string user;
    std::vector<Target> bills;
  };
  std::vector<Run> runs;
  std::vector<Session> sessions;
  std::vector<Lock> locks;
  std::vector<Wait> waits;
};

class RandomHistory {
 public:
  explicit RandomHistory(std::uint64_t seed);
  // The next step in a world that looks like `world`.
  Step next(const World& world);

 private:
  SessionId some_session(const World& world);
  LockId fresh_lock();
  Caller caller_of(const World& world, SessionId session);
  std::vector<Target> some_targets(std::size_t max);
  Target some_target();
  LockCommand some_command(const World& world);
  LockCommand acquire(const World& world);
  LockCommand release(const World& world);
  LockCommand about_asks(const World& world);
  LockCommand about_nodes(const World& world);
  LockCommand about_runs(const World& world);
  LockCommand begin_run(const World& world);
  LockCommand resume(const Caller& caller, const SessionId& session);
  LockCommand query(const World& world);
  bool one_in(std::uint64_t n) { return random_.one_in(n); }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[random_.below(from.size())];
  }

  Random random_;
  Wall clock_;
  std::uint64_t made_ = 0;
  std::uint64_t requests_ = 0;
  std::uint32_t quiet_ = 0;  // ticks of a long silence still to come
  std::uint64_t bills_ = 2, users_ = 3;
  std::uint32_t hurry_ = 1;                                 // how much faster than usual time goes
  std::vector<LockId> past_;                                // lately named, perhaps gone
  std::vector<std::pair<Micros, LockCommand>> repeatable_;  // lately sent with a request id, and when
  Micros passed_{0};                                        // at most what engine time has passed
};

}  // namespace hf::test
