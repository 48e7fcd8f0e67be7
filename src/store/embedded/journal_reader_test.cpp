// Who reads the audit trail has a connection of his own. If these fail, he is told what a power cut may take back, he
// holds up those who save, or what he still looks at costs a later start what was told.

#include "store/embedded/journal_reader.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "store/embedded/faulty_vfs.h"
#include "store/embedded/journal.h"
#include "store/embedded/store_fixture.h"

namespace hf {
namespace {

constexpr std::chrono::seconds patience{20};

JournalOptions options_for(const FaultyVfs& disk, Durability durability = Durability::relaxed) {
  JournalOptions options;
  options.vfs = disk.name();
  options.durability = durability;
  return options;
}

std::unique_ptr<Journal> opened(const std::string& directory, const JournalOptions& options, std::size_t* rows = {}) {
  auto journal = Journal::open(directory, options);
  std::size_t found = 0;
  auto loaded = journal ? (*journal)->load([&](NamespaceIndex, std::string_view changes) {
    while (take_change(changes)) ++found;
    return true;
  })
                        : Result<void>(tl::unexpected(journal.error()));
  if (!loaded) {
    ADD_FAILURE() << loaded.error().detail;
    std::abort();
  }
  if (rows != nullptr) *rows = found;
  return std::move(*journal);
}

std::unique_ptr<JournalReader> reader_of(const Journal& journal) {
  auto reader = journal.open_reader();
  if (!reader) {
    ADD_FAILURE() << reader.error().detail;
    std::abort();
  }
  return std::move(*reader);
}

// Commits one more change, of `bytes`, about an entity of its own.
bool commit(Journal& journal, std::uint64_t n, std::size_t bytes = 10) {
  static const std::string name = "default";
  std::string changes;
  add_change(changes, Entity::grant, change_fresh, Id128{0, n}, std::string(bytes, 'x'));
  const JournalSection section{0, changes, 0};
  JournalBatch batch{wall_us(1), {}, {&section, 1}};
  if (journal.namespaces().empty()) batch.new_namespaces = {&name, 1};
  return journal.commit(batch).has_value();
}

// How many rows a reader goes through: the trail's next page is before the oldest.
std::uint64_t newest(JournalReader& reader) {
  const auto page = reader.page(0, {}, {}, 1000);
  EXPECT_TRUE(page) << page.error().detail;
  return page && page->next != AuditCursor{} ? page->next.seq : 0;
}

// What a start finds after a `kill -9` now.
std::size_t found_after_kill(const TemporaryDirectory& directory) {
  const TemporaryDirectory copy;
  std::filesystem::copy(directory.path(), copy.path(), std::filesystem::copy_options::recursive);
  const FaultyVfs disk;
  std::size_t found = 0;
  opened(copy.path(), options_for(disk), &found);
  return found;
}

TEST(JournalReader, what_may_still_be_lost_is_in_no_page) {
  const TemporaryDirectory directory;
  FaultyVfs disk;
  const auto journal = opened(directory.path(), options_for(disk, Durability::full));
  const auto reader = reader_of(*journal);
  EXPECT_EQ(newest(*reader), 0U);
  disk.hold_syncs();
  std::thread commits([&] { EXPECT_TRUE(commit(*journal, 1)); });
  EXPECT_TRUE(disk.await_held_sync(patience));
  EXPECT_EQ(newest(*reader), 0U) << "a power cut would take it back";
  disk.let_syncs_go();
  commits.join();
  EXPECT_EQ(newest(*reader), 1U);
}

TEST(JournalReader, a_commit_does_not_wait_for_what_a_reader_waits_for) {
  const TemporaryDirectory directory;
  FaultyVfs disk;
  const auto journal = opened(directory.path(), options_for(disk));
  const auto reader = reader_of(*journal);
  ASSERT_TRUE(commit(*journal, 1));
  disk.hold_reads();
  std::thread reads([&] { EXPECT_EQ(newest(*reader), 1U); });
  EXPECT_TRUE(disk.await_held_read(patience));
  EXPECT_TRUE(commit(*journal, 2));
  disk.let_reads_go();
  reads.join();
  EXPECT_EQ(newest(*reader), 1U) << "a page goes down to the oldest row";
}

TEST(JournalReader, writes_nothing) {
  const TemporaryDirectory directory;
  FaultyVfs disk;
  const auto journal = opened(directory.path(), options_for(disk));
  ASSERT_TRUE(commit(*journal, 1));
  const std::uint64_t before = disk.writes();
  {
    const auto reader = reader_of(*journal);
    EXPECT_EQ(newest(*reader), 1U);
  }
  EXPECT_EQ(disk.writes(), before);
  ASSERT_TRUE(commit(*journal, 2)) << "the journal's file and log are still its own";
  EXPECT_EQ(found_after_kill(directory), 2U);
}

// The log cannot be emptied of what somebody still looks at. A start trusts the log by what the mark claims of it, and
// a log that begins anew at another time than it was thought to would be refused as damaged.
TEST(JournalReader, a_long_look_costs_no_start_what_was_told) {
  const TemporaryDirectory directory;
  const FaultyVfs disk;
  JournalOptions options = options_for(disk);
  options.wal_idle_bytes = 20'000;
  options.wal_busy_bytes = 40'000;
  options.fold_bytes = 1 << 30;
  const auto journal = opened(directory.path(), options);
  std::uint64_t told = 0;
  const auto commit_some = [&](int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(commit(*journal, ++told, 3000));
      journal->tend(Journal::Pace::busy, wall_us(1));
      ASSERT_EQ(journal->failed(), "");
      if (told % 7 == 0) ASSERT_EQ(found_after_kill(directory), told);
    }
  };
  commit_some(30);
  const std::uint64_t quiet = std::filesystem::file_size(directory.file("holdfast.db-wal"));
  for (int look = 0; look < 3; ++look) {
    Database looker;
    ASSERT_EQ(looker.open(directory.file("holdfast.db"), SQLITE_OPEN_READWRITE, disk.name()), SQLITE_OK);
    ASSERT_EQ(sqlite3_db_config(looker.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr), SQLITE_OK);
    ASSERT_EQ(looker.execute("BEGIN; SELECT count(*) FROM journal"), SQLITE_OK);
    commit_some(40 + look);  // that it begins and ends at several places of the log's life
    EXPECT_GT(std::filesystem::file_size(directory.file("holdfast.db-wal")), quiet);
    ASSERT_EQ(looker.execute("COMMIT"), SQLITE_OK);
    commit_some(30 + look);
    EXPECT_LE(journal->sizes().wal_bytes, options.wal_busy_bytes + 20'000) << "it is emptied again";
  }
}

// An emptying syncs the log before it copies: one that somebody's look has kept from copying has not.
TEST(JournalReader, a_look_costs_no_sync) {
  const TemporaryDirectory directory;
  FaultyVfs disk;
  disk.remember_synced();
  JournalOptions options = options_for(disk);
  options.wal_busy_bytes = 10'000;
  auto journal = opened(directory.path(), options);
  std::uint64_t told = 0;
  while (told < 3) ASSERT_TRUE(commit(*journal, ++told, 3000));
  ASSERT_TRUE(journal->tend(Journal::Pace::busy, wall_us(1)));
  {
    Database looker;  // at the file as it is now: the log has nothing more to give
    ASSERT_EQ(looker.open(directory.file("holdfast.db"), SQLITE_OPEN_READWRITE, disk.name()), SQLITE_OK);
    ASSERT_EQ(sqlite3_db_config(looker.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr), SQLITE_OK);
    ASSERT_EQ(looker.execute("BEGIN; SELECT count(*) FROM journal"), SQLITE_OK);
    while (told < 8) ASSERT_TRUE(commit(*journal, ++told, 3000));
    ASSERT_TRUE(journal->tend(Journal::Pace::busy, wall_us(1)));
    ASSERT_TRUE(journal->sync());
    disk.fail_write(1, SQLITE_IOERR_WRITE);  // so that it leaves the file as it is
    EXPECT_FALSE(commit(*journal, told + 1));
    journal.reset();
  }
  disk.power_cut();
  const FaultyVfs healed;
  std::size_t found = 0;
  opened(directory.path(), options_for(healed), &found);
  EXPECT_EQ(found, told);
}

// While somebody looks, an emptying finds nothing to do: it must not be tried again and again until he has looked away.
TEST(JournalReader, a_look_does_not_keep_the_journal_busy) {
  const TemporaryDirectory directory;
  FaultyVfs disk;
  JournalOptions options = options_for(disk);
  options.wal_idle_bytes = 20'000;
  const auto journal = opened(directory.path(), options);
  for (std::uint64_t n = 1; n < 4; ++n) ASSERT_TRUE(commit(*journal, n, 3000));
  Database looker;
  ASSERT_EQ(looker.open(directory.file("holdfast.db"), SQLITE_OPEN_READWRITE, disk.name()), SQLITE_OK);
  ASSERT_EQ(sqlite3_db_config(looker.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr), SQLITE_OK);
  ASSERT_EQ(looker.execute("BEGIN; SELECT count(*) FROM journal"), SQLITE_OK);
  for (std::uint64_t n = 4; n < 20; ++n) ASSERT_TRUE(commit(*journal, n, 3000));
  int slices = 0;
  while (journal->tend(Journal::Pace::idle, wall_us(1)) && slices < 100) ++slices;
  EXPECT_LT(slices, 100);
  EXPECT_FALSE(journal->wants_tending());
}

}  // namespace
}  // namespace hf
