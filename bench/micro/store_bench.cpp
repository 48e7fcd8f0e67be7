// What durability costs: commits by their size and level, an engine's turn by where it commits, and a restart.
// The directory is HF_BENCH_DIR or the system's temporary one: measure on the disk that you will use.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "base/random.h"
#include "store/embedded/embedded_engine.h"
#include "store/embedded/engine_fixture.h"

namespace hf {
namespace {

constexpr Wall kStart = wall_us(1'800'000'000'000'000);
const std::string kDefault = "default";

struct Directory {
  Directory() {
    const char* given = std::getenv("HF_BENCH_DIR");
    path = (given != nullptr ? given : std::filesystem::temp_directory_path().string()) + "/holdfast-bench-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) std::abort();
  }
  ~Directory() {
    std::error_code error;
    std::filesystem::remove_all(path, error);
  }
  std::string path;
};

Caller caller_of(std::uint64_t n) {
  Caller c;
  c.user = c.user_name = "user" + std::to_string(n);
  return c;
}

// An acquire and its release, over and over, each on a bill of its own.
struct Editors {
  SeededSecrets ids{42};
  std::vector<SessionId> sessions;
  std::vector<LockId> held;
  std::uint64_t bill = 0;

  LockCommand open(std::size_t i) {
    OpenSession o;
    o.caller = caller_of(i);
    o.session.value = ids.next_id();
    o.secret.value = ids.next_id();
    sessions.push_back(o.session);
    held.emplace_back();
    return o;
  }
  LockCommand next(std::size_t i) {
    if (held[i].is_nil()) {
      Acquire a;
      a.caller = caller_of(i);
      a.session = sessions[i];
      a.lock.value = held[i].value = ids.next_id();
      a.targets = {*Target::parse("SaleOrder:" + std::to_string(bill++))};
      a.label = "SO-2026-000123";
      return a;
    }
    Release r;
    r.caller = caller_of(i);
    r.session = sessions[i];
    r.lock = std::exchange(held[i], {});
    return r;
  }
};

// The bytes of `n` grants that are there at the end, as the lock tree writes them; keys are random, as ids are.
std::string journal_of(LockTree& tree, Editors& editors, std::size_t first, std::size_t n) {
  std::string journal;
  std::vector<LockEvent> events;
  for (std::size_t i = first; i < first + n; ++i) {
    if (i % 5000 == 0) tree.apply(editors.open(i / 5000), kStart, events, journal);
    const std::size_t e = i / 5000;
    tree.apply(editors.next(e), kStart, events, journal);
    editors.held[e] = {};
    events.clear();
  }
  return journal;
}

Durability durability_of(std::int64_t n) { return n == 0 ? Durability::full : Durability::relaxed; }

// One commit of `range(0)` changes of about 180 bytes.
void commit(benchmark::State& state) {
  const Directory directory;
  JournalOptions options;
  options.durability = durability_of(state.range(1));
  auto journal = Journal::open(directory.path, options);
  if (!journal || !(*journal)->load([](NamespaceIndex, std::string_view) { return true; }))
    return state.SkipWithError("open");
  LockTree tree;
  Editors editors;
  const auto n = static_cast<std::size_t>(state.range(0));
  const std::string changes = journal_of(tree, editors, 0, n);
  const JournalSection section{0, changes, tree.last_token()};
  std::vector<std::int64_t> took;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    JournalBatch batch{kStart, {}, {&section, 1}};
    if ((*journal)->namespaces().empty()) batch.new_namespaces = {&kDefault, 1};
    if (!(*journal)->commit(batch)) return state.SkipWithError("commit");
    (*journal)->tend(Journal::Pace::busy, kStart);
    took.push_back(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(took.begin(), took.end());
  state.counters["p50_us"] = static_cast<double>(took[took.size() / 2]) / 1000;
  state.counters["p99_us"] = static_cast<double>(took[took.size() * 99 / 100]) / 1000;
  state.counters["max_us"] = static_cast<double>(took.back()) / 1000;
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(commit)
    ->ArgNames({"changes", "relaxed"})
    ->ArgsProduct({{1, 50, 800}, {0, 1}})
    ->UseRealTime()
    ->MeasureProcessCPUTime();

struct Counting final : LockEngineSink {
  std::uint64_t outcomes = 0;
  void on_outcome(Ticket, Outcome&&) override { ++outcomes; }
  void on_event(NamespaceIndex, const Event&) override {}
  void on_turn_end() override {}
  void on_failed(std::string) override {}
};

// One turn of `range(0)` editors who each acquire or release, from submit to the last outcome.
void turn(benchmark::State& state) {
  const Directory directory;
  TestLoop loop;
  EmbeddedOptions options;
  options.directory = directory.path;
  options.journal.durability = durability_of(state.range(1));
  options.relaxed_commits = state.range(2) != 0 ? CommitOn::loop : CommitOn::worker;
  options.tree.limits.ended_grants_max = 1000;
  options.wake = loop.wake();
  auto opened = EmbeddedEngine::open(std::move(options), kStart);
  if (!opened) return state.SkipWithError("open");
  EmbeddedEngine& engine = **opened;
  Counting counting;
  engine.attach(counting);
  engine.set_watching(false);
  if (!engine.open_namespace("default")) return state.SkipWithError("namespace");
  Editors editors;
  const auto n = static_cast<std::size_t>(state.range(0));
  for (std::size_t i = 0; i < n; ++i) engine.submit(0, 1, editors.open(i), kStart);
  loop.settle(engine);
  for (auto _ : state) {
    for (std::size_t i = 0; i < n; ++i) engine.submit(0, 1, editors.next(i), kStart);
    if (!loop.settle(engine)) return state.SkipWithError("settle");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  const auto& c = engine.counters();
  state.counters["inline"] =
      c.batches == 0 ? 0 : static_cast<double>(c.batches_inline) / static_cast<double>(c.batches);
}
BENCHMARK(turn)
    ->ArgNames({"commands", "relaxed", "on_loop"})
    ->ArgsProduct({{50, 800}, {1}, {0, 1}})
    ->UseRealTime()
    ->MeasureProcessCPUTime();
BENCHMARK(turn)
    ->ArgNames({"commands", "relaxed", "on_loop"})
    ->ArgsProduct({{50, 800}, {0}, {0}})
    ->UseRealTime()
    ->MeasureProcessCPUTime();

// A start with a million grants: the journal's part, and with the lock tree's. Folded or not yet.
struct Million {
  Directory directory;
  explicit Million(bool folded) {
    JournalOptions options;
    options.durability = Durability::relaxed;
    auto journal = Journal::open(directory.path, options);
    if (!journal || !(*journal)->load([](NamespaceIndex, std::string_view) { return true; })) std::abort();
    LockTree tree;
    Editors editors;
    for (std::size_t i = 0; i < 1'000'000; i += 1000) {
      const std::string changes = journal_of(tree, editors, i, 1000);
      const JournalSection section{0, changes, tree.last_token()};
      JournalBatch batch{kStart, {}, {&section, 1}};
      if (i == 0) batch.new_namespaces = {&kDefault, 1};
      if (!(*journal)->commit(batch)) std::abort();
      (*journal)->tend(Journal::Pace::busy, kStart);
    }
    if (folded) (*journal)->fold(Micros::max());
  }
};

void restart(benchmark::State& state) {
  const Million million(state.range(0) != 0);
  for (auto _ : state) {
    auto journal = Journal::open(million.directory.path, {});
    if (!journal) return state.SkipWithError("open");
    LockTree tree;
    std::size_t bytes = 0;
    const bool with_tree = state.range(1) != 0;
    const auto ok = (*journal)->load([&](NamespaceIndex, std::string_view changes) {
      bytes += changes.size();
      return !with_tree || tree.recover(changes);
    });
    if (!ok || (with_tree && !tree.recovered(kStart, (*journal)->namespaces()[0].ceiling)))
      return state.SkipWithError("load");
    state.counters["bytes"] = static_cast<double>(bytes);
    state.counters["state_rows"] = static_cast<double>((*journal)->sizes().state_rows);
    state.PauseTiming();  // the tree's end is not the start's
    tree = LockTree();
    journal->reset();
    state.ResumeTiming();
  }
}
BENCHMARK(restart)
    ->ArgNames({"folded", "with_tree"})
    ->ArgsProduct({{0, 1}, {0, 1}})
    ->Unit(benchmark::kMillisecond)
    ->Iterations(3)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

}  // namespace
}  // namespace hf
