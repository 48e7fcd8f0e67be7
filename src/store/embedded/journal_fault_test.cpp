// A disk that fails, at every place where it can: nobody may have been told of what is lost, and the next start
// must find everything that somebody was told of.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "store/embedded/embedded_engine.h"
#include "store/embedded/engine_fixture.h"
#include "store/embedded/faulty_vfs.h"
#include "store/embedded/store_fixture.h"
#include "store/embedded/store_workload.h"

namespace hf {
namespace {

constexpr Wall kStart = wall_us(1'800'000'000'000'000);
constexpr Ticket kCommands = 150;
constexpr std::uint64_t kSeed = 7;

JournalOptions small_journal(const std::string& vfs, Durability durability) {
  JournalOptions options;
  options.vfs = vfs;
  options.durability = durability;
  options.fold_bytes = 4000;
  options.wal_idle_bytes = 40'000;
  options.wal_busy_bytes = 60'000;
  options.disk_reserve_bytes = 1;
  return options;
}

// Runs the workload until its end or the disk's; gives what was let out.
void run_workload(const std::string& directory, const std::string& vfs, Durability durability, Told& told,
                  Ticket& submitted) {
  TestLoop loop;
  EmbeddedOptions options;
  options.directory = directory;
  options.journal = small_journal(vfs, durability);
  options.wake = loop.wake();
  auto engine = EmbeddedEngine::open(std::move(options), kStart);
  if (!engine) return;
  (*engine)->attach(told);
  ASSERT_TRUE((*engine)->open_namespace("default"));
  Workload workload(kSeed, kStart);
  for (submitted = 0; submitted < kCommands && told.failed.empty();) {
    for (int i = 0; i < 5; ++i) (*engine)->submit(0, ++submitted, workload.next(), workload.clock());
    ASSERT_TRUE(loop.settle(**engine));
  }
  (*engine)->stop();
}

// The state that a new start finds; nothing if it refuses.
std::optional<std::string> found_in(const std::string& directory, std::string* refusal = nullptr) {
  static const FaultyVfs unsynced;  // spares the disk a thousand syncs
  auto journal = Journal::open(directory, small_journal(unsynced.name(), Durability::relaxed));
  LockTree tree;
  if (journal) {
    const auto loaded =
        (*journal)->load([&](NamespaceIndex, std::string_view changes) { return tree.recover(changes); });
    if (!loaded) journal = tl::unexpected(loaded.error());
  }
  if (!journal) {
    if (refusal != nullptr) *refusal = journal.error().detail;
    return std::nullopt;
  }
  if (!(*journal)->namespaces().empty() && !tree.recovered(kStart, (*journal)->namespaces()[0].ceiling))
    return std::nullopt;
  EXPECT_EQ(tree.check(), "");
  return state_of(tree, kStart);
}

// What the workload comes to: the lines told and the states, after each command.
struct Course {
  std::vector<std::string> lines;
  std::vector<std::string> states;  // [k]: after k commands
};
const Course& course() {
  static const Course made = [] {
    Course c;
    Workload workload(kSeed, kStart);
    Shadow shadow{LockTree{}};
    c.states.emplace_back();
    for (Ticket ticket = 1; ticket <= kCommands; ++ticket) {
      const LockCommand command = workload.next();
      shadow.apply(ticket, command, workload.clock(), c.lines);
      c.states.push_back(shadow.state(workload.clock()));
    }
    return c;
  }();
  return made;
}

void expect_sound(const std::string& directory, const Told& told, Ticket submitted, const std::string& where) {
  const Course& c = course();
  ASSERT_LE(told.lines.size(), c.lines.size()) << where;
  ASSERT_TRUE(std::equal(told.lines.begin(), told.lines.end(), c.lines.begin()))
      << where << ": an answer that was never decided";
  EXPECT_EQ(told.after_failure, 0u) << where;
  std::string refusal;
  const auto found = found_in(directory, &refusal);
  ASSERT_TRUE(found) << where << ": " << refusal;
  bool sound = false;
  for (Ticket k = told.answered; k <= submitted && !sound; ++k) sound = c.states[k] == *found;
  EXPECT_TRUE(sound) << where << ": answered " << told.answered << " of " << submitted << ", found\n" << *found;
}

class DiskFault : public testing::TestWithParam<Durability> {};
INSTANTIATE_TEST_SUITE_P(Durabilities, DiskFault, testing::Values(Durability::full, Durability::relaxed),
                         [](const auto& i) { return i.param == Durability::full ? "full" : "relaxed"; });

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_content(const std::string& path, std::string_view content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
}

// A directory as `kill -9` leaves it, with some of it in the file and some in the log.
void make_crashed(const std::string& directory) {
  FaultyVfs vfs;
  Told told;
  Ticket submitted = 0;
  run_workload(directory, vfs.name(), Durability::relaxed, told, submitted);
  const std::string copy = directory + "/copy";
  auto journal = Journal::open(directory, small_journal(vfs.name(), Durability::relaxed));
  ASSERT_TRUE(journal);
  ASSERT_TRUE((*journal)->load([](NamespaceIndex, std::string_view) { return true; }));
  std::string changes;
  for (std::uint64_t i = 0; i < 40; ++i) {
    changes.clear();
    add_change(changes, Entity::version, change_fresh, {i, 1}, std::string(100, 'v'));
    const JournalSection section{0, changes, 0};
    ASSERT_TRUE((*journal)->commit({kStart, {}, {&section, 1}}));
  }
  std::filesystem::create_directory(copy);
  for (const char* name : {"holdfast.db", "holdfast.db-wal", "holdfast.open"})
    std::filesystem::copy_file(directory + "/" + name, copy + "/" + name);
}

// What load() gives, as the plain state; nothing if it refuses.
std::optional<FoldedState> folded_in(const std::string& directory, std::string& refusal) {
  static const FaultyVfs unsynced;  // spares the disk a thousand syncs
  auto journal = Journal::open(directory, small_journal(unsynced.name(), Durability::relaxed));
  FoldedState state;
  if (journal) {
    const auto loaded =
        (*journal)->load([&](NamespaceIndex ns, std::string_view changes) { return replay(state, ns, changes); });
    if (!loaded) journal = tl::unexpected(loaded.error());
  }
  if (journal) return state;
  refusal = journal.error().detail;
  return std::nullopt;
}

std::size_t versions_in(const FoldedState& state) {
  return static_cast<std::size_t>(std::count_if(state.begin(), state.end(), [](const auto& e) {
    return e.first.entity == Entity::version && e.first.key.lo == 1 && e.second == std::string(100, 'v');
  }));
}

// `state` is what all commits came to, but for the last of the forty versions.
bool is_prefix(const FoldedState& state, const FoldedState& whole) {
  const std::size_t versions = versions_in(state);
  FoldedState expected = whole;
  for (std::uint64_t i = versions; i < 40; ++i) expected.erase({0, Entity::version, {i, 1}});
  return state == expected;
}

// With the mark of a directory in use not even the last commit may be lost.
void expect_prefix_or_refusal(const std::string& directory, const FoldedState& whole, bool untouched,
                              const std::string& where) {
  const bool marked = std::filesystem::exists(directory + "/holdfast.open");
  const std::string before = content_of(directory + "/holdfast.db");
  std::string refusal;
  const auto found = folded_in(directory, refusal);
  if (found) {
    EXPECT_TRUE(is_prefix(*found, whole)) << where << ": neither refused nor a prefix";
    if (marked) EXPECT_EQ(versions_in(*found), 40u) << where << ": lost without a word";
    return;
  }
  EXPECT_NE(refusal.find("holdfast.db"), std::string::npos) << where << ": " << refusal;
  if (untouched) EXPECT_EQ(content_of(directory + "/holdfast.db"), before) << where << ": refused, but changed";
}

}  // namespace

TEST_P(DiskFault, no_failed_write_loses_what_was_told) {
  std::uint64_t n = 1;
  for (;; ++n) {
    const TemporaryDirectory directory;
    FaultyVfs vfs;
    vfs.fail_write(n, n % 2 == 0 ? SQLITE_FULL : SQLITE_IOERR_WRITE);
    Told told;
    Ticket submitted = 0;
    run_workload(directory.path(), vfs.name(), GetParam(), told, submitted);
    const bool failed = vfs.writes() >= n;
    vfs.heal();
    expect_sound(directory.path(), told, submitted, "write " + std::to_string(n));
    if (HasFatalFailure() || HasNonfatalFailure() || !failed) break;
  }
  EXPECT_GT(n, 50u) << "the workload wrote too little to say anything";
}

TEST_P(DiskFault, no_failed_sync_loses_what_was_told) {
  std::uint64_t n = 1;
  for (;; ++n) {
    const TemporaryDirectory directory;
    FaultyVfs vfs;
    vfs.remember_synced();
    vfs.fail_sync(n, SQLITE_IOERR_FSYNC);
    Told told;
    Ticket submitted = 0;
    run_workload(directory.path(), vfs.name(), GetParam(), told, submitted);
    const bool failed = vfs.syncs() >= n;
    vfs.heal();
    // What was not synced may be gone: at full durability nobody was told of it.
    if (GetParam() == Durability::full && failed) vfs.power_cut();
    expect_sound(directory.path(), told, submitted, "sync " + std::to_string(n));
    if (HasFatalFailure() || HasNonfatalFailure() || !failed) break;
  }
  EXPECT_GT(n, 5u) << "the workload synced too little to say anything";
}

TEST(PowerCut, at_full_durability_loses_nothing_that_was_committed) {
  const TemporaryDirectory directory;
  FaultyVfs vfs;
  vfs.remember_synced();
  ChangeStream stream(3);
  FoldedState expected;
  const std::string name = "default";
  for (int life = 0; life < 10; ++life) {
    {
      FoldedState found;
      auto journal = Journal::open(directory.path(), small_journal(vfs.name(), Durability::full));
      ASSERT_TRUE(journal);
      ASSERT_TRUE(
          (*journal)->load([&](NamespaceIndex ns, std::string_view changes) { return replay(found, ns, changes); }));
      ASSERT_EQ(found, expected);
      for (int i = 0; i < 30; ++i) {
        const std::string changes = stream.next(0, 5);
        const JournalSection section{0, changes, 0};
        JournalBatch batch{kStart, {}, {&section, 1}};
        if ((*journal)->namespaces().empty()) batch.new_namespaces = {&name, 1};
        ASSERT_TRUE((*journal)->commit(batch));
        ASSERT_TRUE(replay(expected, 0, changes));
        if (i < 29) (*journal)->tend(Journal::Pace::idle, kStart);
      }
      vfs.fail_write(1, SQLITE_IOERR_WRITE);  // closing writes nothing either
      vfs.fail_sync(1, SQLITE_IOERR_FSYNC);
    }
    vfs.heal();
    vfs.power_cut();
  }
}

TEST(PowerCut, at_relaxed_durability_brings_no_token_back) {
  const TemporaryDirectory directory;
  FaultyVfs vfs;
  vfs.remember_synced();
  JournalOptions options = small_journal(vfs.name(), Durability::relaxed);
  options.token_reserve = 500;
  const std::string name = "default";
  Token last = 1000;
  for (int life = 0; life < 10; ++life) {
    {
      auto journal = Journal::open(directory.path(), options);
      ASSERT_TRUE(journal) << journal.error().detail;
      ASSERT_TRUE((*journal)->load([](NamespaceIndex, std::string_view) { return true; }));
      if (life > 0) {
        ASSERT_FALSE((*journal)->namespaces().empty());
        ASSERT_GE((*journal)->namespaces()[0].ceiling, last) << "life " << life;
      }
      for (std::uint64_t i = 0; i < 37; ++i) {
        last += 17;
        std::string changes;
        add_change(changes, Entity::grant, 0, {i, 1}, "body");
        const JournalSection section{0, changes, last};
        JournalBatch batch{kStart, {}, {&section, 1}};
        if ((*journal)->namespaces().empty()) batch.new_namespaces = {&name, 1};
        ASSERT_TRUE((*journal)->commit(batch));
      }
      vfs.fail_write(1, SQLITE_IOERR_WRITE);
      vfs.fail_sync(1, SQLITE_IOERR_FSYNC);
    }
    vfs.heal();
    vfs.power_cut();
  }
}

TEST(TornFile, is_refused_or_recovered_to_a_prefix_wherever_it_ends) {
  const TemporaryDirectory made;
  ASSERT_NO_FATAL_FAILURE(make_crashed(made.path()));
  const std::string db = content_of(made.file("copy/holdfast.db"));
  const std::string log = content_of(made.file("copy/holdfast.db-wal"));
  ASSERT_GT(db.size(), 8000u);
  ASSERT_GT(log.size(), 8000u);
  const std::string mark = content_of(made.file("copy/holdfast.open"));
  std::string refusal;
  const auto whole = folded_in(made.file("copy"), refusal);
  ASSERT_TRUE(whole) << refusal;
  ASSERT_EQ(versions_in(*whole), 40u);
  const auto expect_sound_with = [&](std::string_view torn_db, std::string_view torn_log, const std::string& where) {
    for (const bool marked : {false, true}) {
      const TemporaryDirectory directory;
      write_content(directory.file("holdfast.db"), torn_db);
      write_content(directory.file("holdfast.db-wal"), torn_log);
      if (marked) write_content(directory.file("holdfast.open"), mark);
      expect_prefix_or_refusal(directory.path(), *whole, true, where);
    }
  };
  for (std::size_t size = 0; size < log.size(); size += 512)
    expect_sound_with(db, std::string_view(log).substr(0, size), "log cut at " + std::to_string(size));
  for (std::size_t size = 0; size < db.size(); size += 512)
    expect_sound_with(std::string_view(db).substr(0, size), log, "file cut at " + std::to_string(size));
}

TEST(TornFile, is_refused_or_recovered_to_a_prefix_whatever_bit_flips) {
  const TemporaryDirectory made;
  ASSERT_NO_FATAL_FAILURE(make_crashed(made.path()));
  const std::string db = content_of(made.file("copy/holdfast.db"));
  const std::string log = content_of(made.file("copy/holdfast.db-wal"));
  const std::string mark = content_of(made.file("copy/holdfast.open"));
  std::string refusal;
  const auto whole = folded_in(made.file("copy"), refusal);
  ASSERT_TRUE(whole) << refusal;
  Random random(9);
  for (int i = 0; i < 1500; ++i) {
    const TemporaryDirectory directory;
    std::string bad_db = db, bad_log = log;
    std::string& bad = random.one_in(3) ? bad_log : bad_db;
    // Half of them among the first bytes of a page, where the structure is.
    std::size_t at = random.below(bad.size());
    if (random.one_in(2)) at = std::min(bad.size() - 1, at / 4096 * 4096 + random.below(128));
    bad[at] = static_cast<char>(bad[at] ^ (1 << random.below(8)));
    write_content(directory.file("holdfast.db"), bad_db);
    write_content(directory.file("holdfast.db-wal"), bad_log);
    if (random.one_in(2)) write_content(directory.file("holdfast.open"), mark);
    expect_prefix_or_refusal(
        directory.path(), *whole, false,
        "flip " + std::to_string(i) + " at " + std::to_string(at) + (&bad == &bad_db ? " of the file" : " of the log"));
  }
}

}  // namespace hf
