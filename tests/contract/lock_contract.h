#pragma once

// The lock contract (docs/locks.md) as examples, one sentence each, written once and run against every engine.
//
// A test names what must hold; it speaks to the engine by commands only, so that the embedded engine and others
// are held to the same. An engine joins by INSTANTIATE_TEST_SUITE_P(Name, LockContract, Values(ContractEngine{…}))
// in an executable that also links lock_contract_*.cpp. Time passes only by pass().

#include <gtest/gtest.h>

#include <algorithm>

#include <initializer_list>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "property/subject.h"

namespace hf::test {

struct ContractEngine {
  std::string name;
  SubjectFactory make;
};
inline void PrintTo(const ContractEngine& engine, std::ostream* out) { *out << engine.name; }

class LockContract : public testing::TestWithParam<ContractEngine> {
 protected:
  LockContract() { start(); }

  // A new engine, with nothing in it.
  void start(const LockTreeOptions& options = {}) {
    engine_ = GetParam().make(options);
    run(Tick{});
  }
  LockOutcome run(const LockCommand& command) { return engine_->apply(command, clock_, events_); }
  // Lets `time` pass in steps that an engine's owner would tick in.
  void pass(Millis time) {
    while (time.count() > 0) {
      const Millis step = std::min(time, Millis(1000));
      clock_ += step;
      time -= step;
      run(Tick{});
    }
  }
  void restart() {
    const auto restarted = engine_->restart(clock_);
    ASSERT_EQ(restarted.error, "");
  }

  // Of one node of several: what another could tell is not ended by it.
  void restart_among_others() {
    if (!engine_->is_alone()) restart();
  }

  static Target target(std::string_view text) { return Target::parse(text).value(); }
  static std::vector<Target> targets(std::initializer_list<std::string_view> texts) {
    std::vector<Target> all;
    for (const std::string_view text : texts) all.push_back(target(text));
    return all;
  }
  static Caller by(std::string_view user) {
    Caller caller;
    caller.user = user;
    caller.user_name = "name of " + std::string(user);
    return caller;
  }
  static Caller by_holder_of_rights(std::string_view user) {
    Caller caller = by(user);
    caller.hold = true;
    caller.admin = true;
    return caller;
  }

  struct Window {
    SessionId id;
    std::string user;
  };
  Window open(std::string_view user, Millis lease = Millis(1'800'000)) {
    OpenSession c;
    c.caller = by(user);
    c.session = SessionId{Id128{1, ++made_}};
    c.secret = Secret{Id128{2, made_}};
    c.client = {"demo", "pc-" + std::to_string(made_), "main"};
    c.lease = lease;
    EXPECT_TRUE(std::holds_alternative<SessionOpened>(run(c)));
    return {c.session, std::string(user)};
  }
  Acquire wish(const Window& w, std::initializer_list<std::string_view> texts, Mode mode = Mode::exclusive,
               Millis wait = Millis(0)) {
    Acquire c;
    c.caller = by(w.user);
    c.session = w.id;
    c.lock = LockId{Id128{3, ++made_}};
    c.targets = targets(texts);
    c.mode = mode;
    c.wait = wait;
    return c;
  }
  Acquire hold_wish(const Window& w, std::initializer_list<std::string_view> texts, std::string_view owner,
                    Millis ttl = Millis(60'000)) {
    Acquire c = wish(w, texts);
    c.caller.hold = true;
    c.kind = Kind::hold;
    c.owner = owner;
    c.ttl = ttl;
    return c;
  }
  LockOutcome acquire(const Window& w, std::initializer_list<std::string_view> texts, Mode mode = Mode::exclusive,
                      Millis wait = Millis(0)) {
    return run(wish(w, texts, mode, wait));
  }
  // Acquires what must be free.
  Grant take(const Window& w, std::initializer_list<std::string_view> texts, Mode mode = Mode::exclusive) {
    return granted(acquire(w, texts, mode)).grant;
  }
  // Queues for what must not be free; returns the wait.
  LockId queue(const Window& w, std::initializer_list<std::string_view> texts, Mode mode = Mode::exclusive,
               Millis wait = Millis(60'000)) {
    const Acquire c = wish(w, texts, mode, wait);
    EXPECT_TRUE(std::holds_alternative<Queued>(run(c)));
    return c.lock;
  }
  LockOutcome release(const Window& w, LockId lock) {
    Release c;
    c.caller = by(w.user);
    c.session = w.id;
    c.lock = lock;
    return run(c);
  }
  LockOutcome release_hold(std::string_view user, LockId lock, std::string_view owner) {
    Release c;
    c.caller = by_holder_of_rights(user);
    c.lock = lock;
    c.owner = owner;
    return run(c);
  }
  LockOutcome verify(const Grant& g, std::initializer_list<std::string_view> texts = {}, Millis min_valid = Millis(0)) {
    return run(Verify{by(g.user), g.lock, g.token, targets(texts), min_valid});
  }
  LockId ask(const Window& w, LockId lock, std::initializer_list<std::string_view> texts = {}) {
    Ask c;
    c.caller = by(w.user);
    c.session = w.id;
    c.lock = lock;
    c.wait = LockId{Id128{3, ++made_}};
    c.targets = targets(texts);
    c.message = "please";
    EXPECT_TRUE(std::holds_alternative<Queued>(run(c)));
    return c.wait;
  }
  LockOutcome heartbeat(const Window& w, Millis idle = Millis(0)) { return run(Heartbeat{by(w.user), w.id, idle}); }
  LockOutcome end(const Window& w) { return run(EndSession{by(w.user), w.id}); }
  bool is_free(std::string_view text, Mode mode = Mode::exclusive) {
    const LockOutcome o = run(Check{by("nobody"), SessionId{}, {target(text)}, mode});
    return std::get<Checked>(o).items.front().free;
  }
  std::vector<Grant> all_locks() {
    ListLocks c;
    c.caller = by_holder_of_rights("root");
    c.limit = 500;
    return std::get<LockList>(run(c)).locks;
  }

  static Granted granted(const LockOutcome& o) {
    const auto* g = std::get_if<Granted>(&o);
    EXPECT_NE(g, nullptr) << "not granted";
    return g == nullptr ? Granted{} : *g;
  }
  static Refusal refusal(const LockOutcome& o) {
    const auto* r = std::get_if<Refusal>(&o);
    EXPECT_NE(r, nullptr) << "not refused";
    return r == nullptr ? Refusal{} : *r;
  }
  static bool refused(const LockOutcome& o, Code code) {
    const auto* r = std::get_if<Refusal>(&o);
    if (r != nullptr && r->code != code) ADD_FAILURE() << "refused as " << code_name(r->code);
    return r != nullptr && r->code == code;
  }
  // What `w` was told of that kind, in order, since forget().
  template <class E>
  std::vector<E> told(const Window& w) const {
    std::vector<E> all;
    for (const LockEvent& event : events_) {
      if (const auto* e = std::get_if<E>(&event); e != nullptr && e->session == w.id) all.push_back(*e);
    }
    return all;
  }
  template <class E>
  std::vector<E> told() const {
    std::vector<E> all;
    for (const LockEvent& event : events_) {
      if (const auto* e = std::get_if<E>(&event)) all.push_back(*e);
    }
    return all;
  }
  void forget() { events_.clear(); }

  Wall clock_ = wall_us(1'780'000'000'000'000);
  std::unique_ptr<Subject> engine_;
  std::vector<LockEvent> events_;
  std::uint64_t made_ = 0;
};

}  // namespace hf::test
