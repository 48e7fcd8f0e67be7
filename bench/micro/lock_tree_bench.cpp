// The lock tree alone: acquire + release pairs with so many locks held already, and what a held lock costs.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include "base/random.h"
#include "engine/lock_tree.h"

namespace hf {
namespace {

constexpr Wall start = wall_us(1'800'000'000'000'000);

struct Setup {
  LockTree tree;
  SeededSecrets ids{7};
  std::vector<LockEvent> events;
  std::string journal;
  std::vector<SessionId> sessions;
  Wall clock = start;

  bool journal_kept = false;

  explicit Setup(std::size_t held) {
    tree.set_watching(false);
    if (held > 0) fill(held);
  }
  void fill(std::size_t held) {
    const std::size_t count = held / 5000 + 50;
    for (std::size_t i = 0; i < count; ++i) {
      const SessionId id{ids.next_id()};
      const Caller caller{.user = "user" + std::to_string(i), .user_name = "User"};
      apply(OpenSession{.caller = caller, .session = id, .lease = Millis(1'800'000)});
      sessions.push_back(id);
    }
    for (std::size_t i = 0; i < held; ++i) {
      const std::size_t s = i / 5000;
      Acquire a{.caller = {.user = "user" + std::to_string(s)}, .session = sessions[s], .lock = {ids.next_id()}};
      a.targets.push_back(Target::from_text("SaleOrder:" + std::to_string(10'000'000 + i)));
      apply(std::move(a));
    }
  }
  LockOutcome apply(LockCommand c) {
    events.clear();
    if (!journal_kept && journal.size() > 1'000'000) journal.clear();
    clock += Micros(1);
    return tree.apply(c, clock, events, journal);
  }
};

void pairs(benchmark::State& state) {
  Setup setup(static_cast<std::size_t>(state.range(0)));
  const SessionId session = setup.sessions.back();
  const Caller caller{.user = "user" + std::to_string(setup.sessions.size() - 1)};
  std::vector<Target> targets;
  for (int i = 0; i < 100'000; ++i) targets.push_back(Target::from_text("SaleOrder:" + std::to_string(i)));
  std::size_t next = 0;
  for (auto _ : state) {
    Acquire a{.caller = caller, .session = session, .lock = {setup.ids.next_id()}};
    a.targets.push_back(targets[next++ % targets.size()]);
    const LockOutcome granted = setup.apply(std::move(a));
    const LockId lock = std::get<Granted>(granted).grant.lock;
    benchmark::DoNotOptimize(setup.apply(Release{.caller = caller, .session = session, .lock = lock}));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(pairs)->Arg(1'000)->Arg(1'000'000)->Unit(benchmark::kMicrosecond);

void bytes_a_held_lock(benchmark::State& state) {
  for (auto _ : state) {
    const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    const Setup setup(1'000'000);
    const std::size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    state.counters["bytes"] = static_cast<double>(after - before) / 1'000'000;
  }
}
BENCHMARK(bytes_a_held_lock)->Iterations(1)->Unit(benchmark::kMillisecond);

// What a start costs beside reading the file: a million locks from their changes.
void recovery(benchmark::State& state) {
  std::string journal;
  {
    Setup filled(0);
    filled.journal_kept = true;
    filled.fill(1'000'000);
    journal = std::move(filled.journal);
  }
  for (auto _ : state) {
    LockTree tree;
    benchmark::DoNotOptimize(tree.recover(journal));
    benchmark::DoNotOptimize(tree.recovered(start, 0));
  }
}
BENCHMARK(recovery)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hf
