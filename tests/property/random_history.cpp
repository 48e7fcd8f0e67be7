#include "property/random_history.h"

#include <algorithm>
#include <array>

namespace hf::test {
namespace {

constexpr std::array<std::string_view, 5> kUsers{"li", "wang", "zhao", "chen", "sun"};
constexpr std::array<std::string_view, 2> kTypes{"SaleOrder", "Stock"};
constexpr std::array<std::string_view, 2> kParts{"Detail", "Fee"};
constexpr std::array<std::string_view, 2> kOwners{"SaleOut:77", "SaleOut:78"};

constexpr std::array<std::string_view, 3> kActions{"approve", "close", "save"};

Id128 id(std::uint64_t kind, std::uint64_t number) { return Id128{kind, number << id_shift}; }

std::string request_id_of(const LockCommand& command) {
  return std::visit(
      [](const auto& c) {
        if constexpr (requires { c.caller.request_id; })
          return c.caller.request_id;
        else
          return std::string();
      },
      command);
}

Target target_of(const std::string& text) { return Target::parse(text).value(); }

}  // namespace

RandomHistory::RandomHistory(std::uint64_t seed) : random_(seed), clock_(wall_us(1'780'000'000'000'000)) {
  bills_ = 1 + random_.below(4);
  users_ = 2 + random_.below(4);
  hurry_ = one_in(4) ? 4 : 1;
}

Target RandomHistory::some_target() {
  std::string text(kTypes[one_in(5) ? 1 : 0]);
  if (one_in(12)) return target_of(text);
  text += ":" + std::to_string(1 + random_.below(bills_));
  if (one_in(2)) return target_of(text);
  text += "/" + std::string(kParts[one_in(4) ? 1 : 0]);
  if (one_in(3)) return target_of(text);
  return target_of(text + "/" + std::to_string(1 + random_.below(2)));
}

std::vector<Target> RandomHistory::some_targets(std::size_t max) {
  std::vector<Target> targets;
  const std::size_t count = one_in(3) ? 1 + random_.below(max) : 1;
  for (std::size_t i = 0; i < count; ++i) targets.push_back(some_target());
  return targets;
}

LockId RandomHistory::fresh_lock() {
  const LockId lock{id(7, ++made_)};
  past_.push_back(lock);
  if (past_.size() > 24) past_.erase(past_.begin());
  return lock;
}

SessionId RandomHistory::some_session(const World& world) {
  if (world.sessions.empty() || one_in(60)) return SessionId{id(5, 1 + random_.below(made_ + 2))};
  return pick(world.sessions).id;
}

Caller RandomHistory::caller_of(const World& world, SessionId session) {
  Caller caller;
  caller.user = kUsers[random_.below(users_)];
  const bool own = !one_in(50);
  for (const World::Session& s : world.sessions) {
    if (own && s.id == session) caller.user = s.user;
  }
  caller.user_name = "name of " + caller.user;
  if (one_in(20)) caller.user_name += ", married";
  caller.hold = !one_in(3);
  caller.admin = one_in(6);
  if (one_in(5)) {
    caller.request_id = "r" + std::to_string(++requests_);
    caller.fingerprint = random_.below(1000);
  }
  return caller;
}

LockCommand RandomHistory::acquire(const World& world) {
  Acquire c;
  c.session = some_session(world);
  c.caller = caller_of(world, c.session);
  c.lock = fresh_lock();
  c.targets = some_targets(4);
  c.mode = one_in(3) ? Mode::shared : Mode::exclusive;
  if (!world.locks.empty() && one_in(6)) {  // again, or an upgrade
    const World::Lock& lock = pick(world.locks);
    c.session = lock.session;
    c.caller = caller_of(world, c.session);
    c.targets = lock.targets;
    c.kind = lock.kind;
    c.owner = lock.owner;
  } else if (one_in(12)) {
    c.kind = Kind::temporary;
  } else if (one_in(14)) {
    c.kind = Kind::hold;
    c.owner = kOwners[random_.below(kOwners.size())];
    if (one_in(2)) c.stops.emplace_back(kActions[random_.below(kActions.size())]);
    if (one_in(4)) c.stops.emplace_back(kActions[random_.below(kActions.size())]);
    if (!c.stops.empty()) c.mode = one_in(4) ? Mode::exclusive : Mode::shared;
  } else if (one_in(15)) {
    c.owner = kOwners[random_.below(kOwners.size())];
  }
  if (c.kind == Kind::hold || one_in(8)) c.ttl = Millis(1 + random_.below(120'000));
  if (!one_in(3) && (c.stops.empty() || one_in(20))) c.wait = Millis(1 + random_.below(one_in(4) ? 600'000 : 20'000));
  if (one_in(10)) {
    const std::size_t count = 1 + random_.below(2);
    for (std::size_t i = 0; i < count; ++i)
      c.if_versions["SaleOrder:" + std::to_string(1 + random_.below(bills_))] = random_.below(12);
  }
  if (one_in(3)) c.node = id(50, 1 + random_.below(3));
  c.label = "bill " + std::to_string(made_);
  if (one_in(80)) {
    switch (random_.below(6)) {
      case 0: c.targets.clear(); break;
      case 1: c.wait = Millis(600'001); break;
      case 2: c.wait = Millis(-1); break;
      case 3: c.ttl = Millis(-5); break;
      case 4: c.kind = Kind::hold, c.owner.clear(), c.ttl = Millis(1000), c.caller.hold = true; break;
      default: c.kind = Kind::hold, c.owner = "SaleOut:77", c.ttl = Millis(0), c.caller.hold = true; break;
    }
  }
  return c;
}

LockCommand RandomHistory::release(const World& world) {
  Release c;
  if (world.locks.empty() || one_in(10)) {
    if (!past_.empty()) c.lock = pick(past_);
    c.session = some_session(world);
    c.caller = caller_of(world, c.session);
    return c;
  }
  const World::Lock& lock = pick(world.locks);
  c.lock = lock.lock;
  c.session = one_in(25) ? some_session(world) : lock.session;
  c.caller = caller_of(world, c.session);
  if (lock.kind == Kind::hold) {
    if (!one_in(4)) c.session = SessionId{};
    c.owner = one_in(10) ? std::string("SaleOut:79") : lock.owner;
  }
  if (one_in(3)) c.token = one_in(8) ? lock.token - 1 : lock.token;
  c.all = one_in(3);
  if (one_in(3)) c.holds = one_in(4) ? static_cast<std::uint32_t>(random_.below(4)) : lock.holds;
  c.exact = one_in(3);
  if (one_in(6)) {
    for (const Target& t : lock.targets) {
      if (one_in(2)) c.targets.push_back(t);
    }
    if (one_in(10)) c.targets.push_back(some_target());
  }
  if (one_in(3)) c.version = random_.below(12);
  return c;
}

LockCommand RandomHistory::about_asks(const World& world) {
  std::vector<World::Wait> asks;
  for (const World::Wait& w : world.waits) {
    if (w.asking) asks.push_back(w);
  }
  if (asks.empty() || one_in(3)) {
    Ask c;
    c.session = some_session(world);
    c.caller = caller_of(world, c.session);
    const bool stray = world.locks.empty() || one_in(12);
    const World::Lock named = stray ? World::Lock{} : pick(world.locks);
    c.lock = stray ? LockId{id(7, 1 + random_.below(made_ + 3))} : named.lock;
    c.wait = fresh_lock();
    if (one_in(12)) {
      c.targets = some_targets(2);
    } else if (one_in(3) && !stray) {
      const Target& held = named.targets[random_.below(named.targets.size())];
      const bool below = held.level() == Level::bill && one_in(2);
      c.targets = {below ? Target::from_text(held.text() + "/" + std::string(kParts[random_.below(kParts.size())]))
                         : held};
    }
    if (one_in(5)) c.mode = Mode::shared;
    c.message = "please";
    c.wait_for = one_in(30) ? Millis(0) : Millis(1 + random_.below(one_in(2) ? 600'000 : 30'000));
    return c;
  }
  const World::Wait ask = pick(asks);
  Caller caller = caller_of(world, SessionId{});
  if (!world.locks.empty() && !one_in(6)) caller.user = pick(world.locks).user;
  caller.user_name = "name of " + caller.user;
  if (one_in(20)) caller.user_name += ", married";
  const LockId wait = one_in(15) && !past_.empty() ? pick(past_) : ask.wait;
  switch (random_.below(4)) {
    case 0: return Refuse{caller, wait, "not now"};
    case 1: return Defer{caller, wait, one_in(8) ? Millis(300'001) : Millis(1 + random_.below(60'000))};
    default: {
      Agree c{caller, wait, {}};
      if (one_in(3)) c.version = random_.below(12);
      return c;
    }
  }
}

LockCommand RandomHistory::query(const World& world) {
  const SessionId session = some_session(world);
  Caller caller = caller_of(world, session);
  caller.request_id.clear();
  const LockId lock =
      world.locks.empty() || one_in(6) ? LockId{id(7, 1 + random_.below(made_ + 3))} : pick(world.locks).lock;
  switch (random_.below(9)) {
    case 0: return GetLock{caller, lock};
    case 1: {
      ListLocks c;
      c.caller = caller;
      if (one_in(5) && !world.runs.empty()) c.run = pick(world.runs).run;
      if (one_in(3)) c.type = kTypes[random_.below(2)];
      if (one_in(4)) c.user = kUsers[random_.below(users_)];
      if (one_in(4)) c.session = session;
      if (one_in(4)) c.kind = static_cast<Kind>(random_.below(3));
      c.limit = one_in(2) ? 3 : 100;
      if (one_in(3) && !world.locks.empty()) c.after = pick(world.locks).token;
      return c;
    }
    case 2: return Check{caller, session, some_targets(4), one_in(2) ? Mode::shared : Mode::exclusive};
    case 3: {
      Verify c;
      c.caller = caller;
      c.lock = lock;
      for (const World::Lock& l : world.locks) {
        if (l.lock == lock) {
          c.token = one_in(8) ? l.token - 1 : l.token;
          c.targets = l.targets;
        }
      }
      if (one_in(4)) c.targets.push_back(some_target());
      if (one_in(3)) c.min_valid = Millis(random_.below(40'000));
      return c;
    }
    case 4: return ListSessions{caller, 500};
    case 5: return ListAsks{caller, 500};
    case 6: return ListWaits{caller, 500};
    case 7: return GetStats{};
    default: return GetSession{caller, session};
  }
}

// By any of a few secrets, of which a session has been told some; late ones among them.
LockCommand RandomHistory::resume(const Caller& caller, const SessionId& session) {
  const auto secret = [&] { return Secret{id(9 + random_.below(3), session.value.lo >> id_shift)}; };
  const Secret presented = one_in(5) ? Secret{id(1, 1)} : secret();
  const Secret next = secret();
  if (one_in(3)) return TakeOver{caller, session, presented};
  return ResumeSession{caller, session, presented, next, one_in(2) ? 0 : 1 + random_.below(6)};
}

LockCommand RandomHistory::begin_run(const World& world) {
  BeginRun c;
  if (!one_in(4)) c.session = some_session(world);
  c.caller = caller_of(world, c.session);
  c.run = RunId{fresh_lock().value};
  c.action = kActions[random_.below(kActions.size())];
  const std::size_t count = one_in(3) ? 1 + random_.below(3) : 1;
  for (std::size_t i = 0; i < count; ++i) {
    c.bills.push_back(
        target_of(std::string(kTypes[one_in(5) ? 1 : 0]) + ":" + std::to_string(1 + random_.below(bills_))));
  }
  c.wait = one_in(4) ? Millis(0) : Millis(1 + random_.below(20'000));
  c.node = id(50, 1 + random_.below(3));
  c.service = one_in(6);
  if (one_in(40)) {
    switch (random_.below(4)) {
      case 0: c.bills.clear(); break;
      case 1: c.bills.push_back(target_of("SaleOrder")); break;
      case 2: c.wait = Millis(20'001); break;
      default: c.action.clear(); break;
    }
  }
  return c;
}

LockCommand RandomHistory::about_runs(const World& world) {
  if (world.runs.empty() || one_in(3)) return begin_run(world);
  const World::Run& run = pick(world.runs);
  Caller caller = caller_of(world, SessionId{});
  if (!one_in(15)) caller.user = run.user;
  caller.user_name = "name of " + caller.user;
  const RunId named = one_in(15) && !past_.empty() ? RunId{pick(past_).value} : run.run;
  switch (random_.below(8)) {
    case 0:
    case 1: return StepRun{caller, named, one_in(3) ? std::string() : "step " + std::to_string(random_.below(5))};
    case 2: return FailRun{caller, named, "no stock"};
    case 3: return SettleRun{named};
    case 4: return GetRun{caller, named};
    default: break;
  }
  FinishRun c;
  c.caller = caller;
  c.run = named;
  const auto rule = [&] { return std::string(one_in(3) ? "receipt" : "delivery"); };
  const auto bill = [&] { return one_in(8) ? some_target() : pick(run.bills); };
  if (one_in(2)) {
    RunHold hold{fresh_lock(), bill(), std::string(kOwners[random_.below(kOwners.size())]), rule(), {}, Millis(0)};
    if (!one_in(3)) hold.stops.emplace_back(kActions[random_.below(kActions.size())]);
    hold.ttl = Millis(1000 + random_.below(120'000));
    c.places.push_back(std::move(hold));
  }
  if (one_in(3)) c.ends.push_back({bill(), one_in(2) ? std::string() : std::string(kOwners[0]), rule()});
  return c;
}

// What became of a wait is told, or the node that could tell it dies.
LockCommand RandomHistory::about_nodes(const World& world) {
  if (one_in(2)) {
    Heard c;
    c.session = some_session(world);
    if (!world.waits.empty()) c.wait = pick(world.waits).wait;
    if (!world.locks.empty() && one_in(2)) c.wait = pick(world.locks).lock;
    for (const World::Lock& l : world.locks) {
      if (l.lock == c.wait) c.session = l.session;
    }
    c.caller = caller_of(world, c.session);
    return c;
  }
  NodesLiving living;
  for (std::uint64_t node = 1; node <= 3; ++node) {
    if (!one_in(3)) living.nodes.push_back(id(50, node));
  }
  return living;
}

namespace {

bool lives(const World& world, SessionId session) {
  return std::ranges::find(world.sessions, session, &World::Session::id) != world.sessions.end();
}

// Its lease may end with the next command, and its temporaries outlive it: under its id there would be another session,
// of another party. No node draws an id twice.
bool may_be_outlived(const World& world, SessionId session) {
  return std::ranges::any_of(
      world.locks, [&](const World::Lock& lock) { return lock.session == session && lock.kind == Kind::temporary; });
}

}  // namespace

LockCommand RandomHistory::some_command(const World& world) {
  if (world.sessions.size() < 2 || one_in(40)) {
    OpenSession c;
    c.session = one_in(40) ? some_session(world) : SessionId{id(5, ++made_)};
    c.caller = caller_of(world, SessionId{});
    c.secret = Secret{id(9, made_)};
    c.client = {"program", "host " + std::to_string(made_), "window"};
    c.lease = one_in(25) ? Millis(9'999) : Millis(10'000 + random_.below(50'000));
    c.service = one_in(10);
    return may_be_outlived(world, c.session) ? LockCommand(Tick{}) : LockCommand(c);
  }
  // Within what any engine remembers: an id used anew after that would be another request.
  std::erase_if(repeatable_, [&](const auto& sent) { return passed_ - sent.first > Millis(15'000); });
  if (!repeatable_.empty() && one_in(25)) {
    LockCommand again = pick(repeatable_).second;
    if (auto* open = std::get_if<OpenSession>(&again); open != nullptr) {
      if (!lives(world, open->session) || may_be_outlived(world, open->session)) return Tick{};
      if (one_in(2)) open->secret = Secret{id(10, open->session.value.lo >> id_shift)};  // another node was asked first
    }
    if (one_in(5)) {
      std::visit(
          [](auto& c) {
            if constexpr (requires { c.caller; }) ++c.caller.fingerprint;
          },
          again);
    }
    return again;
  }
  const std::uint64_t dice = random_.below(116);
  if (dice < 36) return acquire(world);
  if (dice < 54) return release(world);
  if (dice < 64) return about_asks(world);
  const SessionId session = some_session(world);
  const Caller caller = caller_of(world, session);
  const LockId lock =
      world.locks.empty() || one_in(10) ? (past_.empty() ? LockId{} : pick(past_)) : pick(world.locks).lock;
  if (dice < 74) return Heartbeat{caller, session, Millis(one_in(2) ? random_.below(5'000) : random_.below(900'000))};
  if (dice < 76) return EndSession{caller, session};
  if (dice < 78) return resume(caller, session);
  if (dice < 81) {
    Extend c{caller, session, lock, Millis(one_in(20) ? 0 : 1 + random_.below(100'000))};
    for (const World::Lock& l : world.locks) {
      if (l.lock == lock && !one_in(6)) {
        c.session = l.kind == Kind::hold ? SessionId{} : l.session;
        c.caller.user = l.user;
      }
    }
    return c;
  }
  if (dice < 83) {
    Transfer c{caller, session, lock, some_session(world)};
    for (const World::Lock& l : world.locks) {
      if (l.lock != lock || one_in(6)) continue;
      c.caller.user = l.user;
      for (const World::Session& s : world.sessions) {
        if (s.user == l.user && s.id != l.session) c.to_session = s.id;
      }
      c.session = one_in(2) ? l.session : c.to_session;
    }
    return c;
  }
  if (dice < 84) return Force{caller, lock, one_in(10) ? std::string() : std::string("month end")};
  if (dice < 85) return ReleaseAll{caller, session, one_in(2) ? std::string() : std::string(kTypes[random_.below(2)])};
  if (dice < 89) {
    CancelWait c{caller, session, lock};
    if (!world.waits.empty() && !one_in(5)) {
      const World::Wait& w = pick(world.waits);
      c.wait = w.wait;
      if (!one_in(8)) c.session = w.session, c.caller.user = w.user;
    }
    return c;
  }
  if (dice < 95) return query(world);
  if (dice < 98) return about_nodes(world);
  return dice < 100 ? LockCommand(Tick{}) : about_runs(world);
}

Step RandomHistory::next(const World& world) {
  Step step;
  const Wall before = clock_;
  if (quiet_ == 0 && one_in(300)) quiet_ = static_cast<std::uint32_t>(5 + random_.below(60));
  if (quiet_ > 0) {
    --quiet_;
    clock_ += Millis(1000);
    step.command = Tick{};
  } else {
    if (one_in(100))
      clock_ -= Millis(random_.below(100'000));
    else if (one_in(40))
      clock_ += Millis(random_.below(100'000));
    else if (!one_in(6))
      clock_ += Millis(random_.below(300) * hurry_);
    step.command = some_command(world);
  }
  passed_ += std::clamp(clock_ - before, Micros(0), Micros(Millis(1000)));
  step.clock = one_in(2000) ? wall_us(1'000'000) : clock_;
  step.restart = one_in(400);
  // A repeat is not itself repeated: that would make its id older than it seems.
  const std::string request_id = request_id_of(step.command);
  const bool known =
      std::ranges::any_of(repeatable_, [&](const auto& sent) { return request_id_of(sent.second) == request_id; });
  if (!request_id.empty() && !known) {
    repeatable_.emplace_back(passed_, step.command);
    if (repeatable_.size() > 6) repeatable_.erase(repeatable_.begin());
  }
  return step;
}

}  // namespace hf::test
