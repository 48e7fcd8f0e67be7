// If the journal lost, reordered or misread a change, a user would lose a lock that he was told he holds, or two
// would hold one bill after a restart.
#include "store/embedded/journal.h"

#include <gtest/gtest.h>

#include <fstream>

#include "store/embedded/faulty_vfs.h"
#include "store/embedded/store_fixture.h"

namespace hf {
namespace {

struct Recovered {
  FoldedState state;
  std::string order;  // everything that load() gave, in order
  bool sound = true;
};

Result<std::unique_ptr<Journal>> open_and_load(const std::string& directory, Recovered& into,
                                               JournalOptions options = {}) {
  auto journal = Journal::open(directory, std::move(options));
  if (!journal) return journal;
  auto ok = (*journal)->load([&](NamespaceIndex ns, std::string_view changes) {
    into.order += changes;
    into.sound = into.sound && replay(into.state, ns, changes);
    return true;
  });
  if (!ok) return tl::unexpected(ok.error());
  return journal;
}

// Most of these tests are about what is written, not about when it is synced: they need not wait for a disk.
JournalOptions quick() {
  static const FaultyVfs unsynced;
  JournalOptions options;
  options.vfs = unsynced.name();
  options.durability = Durability::relaxed;
  return options;
}

std::unique_ptr<Journal> opened(const std::string& directory, Recovered& into, JournalOptions options = quick()) {
  auto journal = open_and_load(directory, into, std::move(options));
  if (!journal) {
    ADD_FAILURE() << journal.error().detail;
    std::abort();
  }
  return std::move(*journal);
}

std::unique_ptr<Journal> opened(const std::string& directory, JournalOptions options = quick()) {
  Recovered ignored;
  return opened(directory, ignored, std::move(options));
}

const std::string kDefault = "default";

bool commit(Journal& journal, std::string_view changes, Token last_token = 0, Wall at = wall_us(1)) {
  const JournalSection section{0, changes, last_token};
  JournalBatch batch{at, {}, {&section, 1}};
  if (journal.namespaces().empty()) batch.new_namespaces = {&kDefault, 1};
  return journal.commit(batch).has_value();
}

std::unique_ptr<JournalReader> reader_of(const Journal& journal) {
  auto reader = journal.open_reader();
  if (!reader) {
    ADD_FAILURE() << reader.error().detail;
    std::abort();
  }
  return std::move(*reader);
}

std::string put_of(Id128 key, std::string_view body, std::uint8_t flags = change_fresh) {
  std::string change;
  add_change(change, Entity::grant, flags, key, body);
  return change;
}

std::string session_change(Id128 key, std::string_view who, Wall at) {
  std::string change;
  const ChangeFrame frame(change, Entity::session, change_fresh, key);
  ByteWriter w(change);
  write_stamp(w, {Action::session_open, at, who});
  w.text(who);
  return change;
}

}  // namespace

TEST(Journal, gives_back_how_grants_ended_although_that_is_never_folded) {
  const TemporaryDirectory directory;
  std::string ended;
  add_change(ended, Entity::ended, 0, {0, 3}, "released");
  {
    const auto journal = opened(directory.path(), JournalOptions{});
    ASSERT_TRUE(commit(*journal, put_of({1, 1}, "a") + ended));
    journal->fold(Micros::max());
  }
  Recovered again;
  const auto journal = opened(directory.path(), again);
  EXPECT_EQ(again.state.size(), 1u);
  EXPECT_NE(again.order.find("released"), std::string::npos);
}

TEST(Journal, gives_back_what_was_committed_in_order) {
  const TemporaryDirectory directory;
  std::string all;
  {
    const auto journal = opened(directory.path(), JournalOptions{});
    for (std::uint64_t i = 0; i < 100; ++i) {
      const std::string changes = put_of({i % 7, 1}, "body " + std::to_string(i), i < 7 ? change_fresh : 0);
      ASSERT_TRUE(commit(*journal, changes));
      all += changes;
    }
  }
  Recovered again;
  const auto journal = opened(directory.path(), again);
  EXPECT_EQ(again.order, all);
  ASSERT_EQ(journal->namespaces().size(), 1u);
  EXPECT_EQ(journal->namespaces()[0].name, "default");
}

TEST(Journal, keeps_namespaces_apart_and_in_their_places) {
  const TemporaryDirectory directory;
  const std::string names[] = {"acme", "beta"};
  {
    const auto journal = opened(directory.path());
    const std::string a = put_of({1, 1}, "a"), b = put_of({1, 1}, "b");
    const JournalSection sections[] = {{0, a, 5}, {1, b, 7}};
    ASSERT_TRUE(journal->commit({wall_us(1), names, sections}));
    journal->fold(Micros::max());
  }
  Recovered again;
  const auto journal = opened(directory.path(), again);
  EXPECT_EQ(again.state.at({0, Entity::grant, {1, 1}}), "a");
  EXPECT_EQ(again.state.at({1, Entity::grant, {1, 1}}), "b");
  EXPECT_EQ(journal->namespaces()[1].name, "beta");
  EXPECT_GE(journal->namespaces()[1].ceiling, 7u);
}

TEST(Journal, folded_state_and_tail_equal_the_replay_of_all_changes) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const TemporaryDirectory directory;
    ChangeStream stream(seed);
    FoldedState expected;
    for (int life = 0; life < 6; ++life) {
      JournalOptions options = quick();
      options.durability = seed % 8 == 0 ? Durability::full : Durability::relaxed;
      options.fold_bytes = 1 + stream.random().below(30'000);
      options.fold_round_bytes = 1 + stream.random().below(stream.random().one_in(2) ? 20'000 : 200'000);
      // One key in a slice: most lives end within a round of folding, and the next one takes it up.
      if (stream.random().one_in(2)) options.slice = Micros(0);
      Recovered again;
      const auto journal = opened(directory.path(), again, options);
      ASSERT_TRUE(again.sound) << "seed " << seed;
      ASSERT_EQ(again.state, expected) << "seed " << seed;
      for (int i = 0; i < 60; ++i) {
        const std::string changes = stream.next(0, 1 + stream.random().below(12));
        ASSERT_TRUE(commit(*journal, changes));
        ASSERT_TRUE(replay(expected, 0, changes));
        for (std::uint64_t n = stream.random().below(8); n > 0; --n)
          journal->tend(stream.random().one_in(2) ? Journal::Pace::idle : Journal::Pace::busy, wall_us(1));
        if (stream.random().one_in(40)) journal->fold(Micros::max());
      }
      ASSERT_EQ(journal->failed(), "") << "seed " << seed;
    }
  }
}

TEST(Journal, a_lock_that_came_and_went_leaves_nothing_in_the_state) {
  const TemporaryDirectory directory;
  const auto journal = opened(directory.path());
  for (std::uint64_t i = 0; i < 50; ++i) {
    ASSERT_TRUE(commit(*journal, put_of({i, 1}, "held")));
    ASSERT_TRUE(commit(*journal, put_of({i, 1}, "released", change_erase)));
  }
  ASSERT_TRUE(commit(*journal, put_of({99, 1}, "stays")));
  journal->fold(Micros::max());
  EXPECT_EQ(journal->sizes().state_rows, 1u);
  EXPECT_EQ(journal->sizes().rows_unfolded_bytes, 0u);
}

TEST(Journal, an_erased_key_leaves_the_state_it_was_folded_into) {
  const TemporaryDirectory directory;
  const auto journal = opened(directory.path());
  ASSERT_TRUE(commit(*journal, put_of({1, 1}, "held")));
  journal->fold(Micros::max());
  EXPECT_EQ(journal->sizes().state_rows, 1u);
  ASSERT_TRUE(commit(*journal, put_of({1, 1}, "", change_erase)));
  journal->fold(Micros::max());
  EXPECT_EQ(journal->sizes().state_rows, 0u);
}

TEST(Journal, folds_without_a_gap_when_twice_the_limit_waits) {
  const TemporaryDirectory directory;
  JournalOptions options = quick();
  options.fold_bytes = 10'000;
  const auto journal = opened(directory.path(), options);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(commit(*journal, put_of({i, 1}, std::string(100, 'x'))));
    journal->tend(Journal::Pace::busy, wall_us(1));
    ASSERT_LT(journal->sizes().rows_unfolded_bytes, 3 * options.fold_bytes);
  }
}

TEST(Journal, bounds_the_write_ahead_log_without_a_gap) {
  const TemporaryDirectory directory;
  JournalOptions options = quick();
  options.wal_busy_bytes = 400'000;
  const auto journal = opened(directory.path(), options);
  std::uint64_t most = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(commit(*journal, put_of({i, 1}, std::string(100, 'x'))));
    most = std::max(most, journal->sizes().wal_bytes);
    journal->tend(Journal::Pace::busy, wall_us(1));
  }
  EXPECT_LT(most, 500'000u);
  EXPECT_LT(std::filesystem::file_size(directory.file("holdfast.db-wal")), 600'000u);
}

TEST(Journal, drops_folded_rows_beyond_the_bytes_kept_for_audit) {
  const TemporaryDirectory directory;
  JournalOptions options = quick();
  options.audit_bytes_max = 20'000;
  FoldedState expected;
  {
    const auto journal = opened(directory.path(), options);
    for (std::uint64_t i = 0; i < 500; ++i) {
      const std::string change = put_of({i, 1}, std::string(100, 'x'));
      ASSERT_TRUE(commit(*journal, change));
      ASSERT_TRUE(replay(expected, 0, change));
    }
    EXPECT_FALSE(journal->tend(Journal::Pace::idle, wall_us(1))) << "what is not folded must stay";
    journal->fold(Micros::max());
    while (journal->tend(Journal::Pace::idle, wall_us(1))) {
    }
    EXPECT_LE(journal->sizes().rows_kept_bytes, options.audit_bytes_max);
    EXPECT_GT(journal->sizes().rows_kept_bytes, options.audit_bytes_max - 200);
    EXPECT_EQ(journal->failed(), "");
  }
  Recovered again;
  const auto journal = opened(directory.path(), again, options);
  EXPECT_EQ(again.state, expected);
  EXPECT_LE(journal->sizes().rows_kept_bytes, options.audit_bytes_max);
}

TEST(Journal, drops_folded_rows_older_than_the_audit_age) {
  const TemporaryDirectory directory;
  const auto journal = opened(directory.path());
  const auto day = std::chrono::hours(24);
  ASSERT_TRUE(commit(*journal, session_change({1, 1}, "old", wall_us(0)), 0, wall_us(0)));
  ASSERT_TRUE(commit(*journal, session_change({1, 2}, "young", wall_us(0) + 20 * day), 0, wall_us(0) + 20 * day));
  journal->fold(Micros::max());
  while (journal->tend(Journal::Pace::idle, wall_us(0) + 30 * day)) {
  }
  EXPECT_EQ(reader_of(*journal)->page(0, {}, {}, 10)->entries.size(), 2u);
  while (journal->tend(Journal::Pace::idle, wall_us(1) + 30 * day)) {
  }
  const auto page = reader_of(*journal)->page(0, {}, {}, 10);
  ASSERT_EQ(page->entries.size(), 1u);
  EXPECT_EQ(page->entries[0].user, "young");
}

TEST(Journal, states_of_bills_do_not_drive_the_audit_trail_out) {
  const TemporaryDirectory directory;
  JournalOptions options = quick();
  options.audit_bytes_max = 10'000;
  options.slice = Micros(0);  // one row at a time
  FoldedState expected;
  const auto state_of = [](std::uint64_t i) {
    std::string change;
    add_change(change, Entity::status_bill, i < 20 ? change_fresh : 0, {0, i % 20}, std::string(200, 'x'));
    add_change(change, Entity::meta, 0, {}, "time");
    return change;
  };
  std::vector<std::string> users;
  AuditPage page;
  {
    const auto journal = opened(directory.path(), options);
    for (std::uint64_t i = 0; i < 500; ++i) {
      std::string changes = state_of(i);
      if (i % 100 == 50) {  // beside locks, before and behind them
        users.insert(users.begin(), "u" + std::to_string(i));
        changes += session_change({7, i}, users.front(), wall_us(1));
        add_change(changes, Entity::status_meta, 0, {}, "m");
        users.insert(users.begin(), "v" + std::to_string(i));
        changes += session_change({8, i}, users.front(), wall_us(1));
      }
      ASSERT_TRUE(commit(*journal, changes));
      ASSERT_TRUE(replay(expected, 0, changes));
    }
    // A reader between two pages meets the same entries behind the folding.
    page = *reader_of(*journal)->page(0, {}, {}, 1);
    journal->fold(Micros::max());
    for (int slice = 0; slice < 20; ++slice) EXPECT_TRUE(journal->tend(Journal::Pace::idle, wall_us(1)));
    EXPECT_TRUE(journal->wants_tending());
  }
  {  // What one life has begun the next one ends.
    Recovered again;
    const auto journal = opened(directory.path(), again, options);
    EXPECT_EQ(again.state, expected);
    while (journal->tend(Journal::Pace::idle, wall_us(1))) {
    }
    EXPECT_LT(journal->sizes().rows_kept_bytes, 2'000u) << "rows with nothing but states of bills are still there";
    std::vector<std::string> walked{page.entries.at(0).user};
    while (!page.end) {
      page = *reader_of(*journal)->page(0, {}, page.next, 1);
      for (const auto& entry : page.entries) walked.push_back(entry.user);
    }
    EXPECT_EQ(walked, users);
    EXPECT_FALSE(journal->wants_tending());
    EXPECT_EQ(journal->failed(), "");
  }
  Recovered again;
  const auto journal = opened(directory.path(), again, options);
  EXPECT_EQ(again.state, expected);
  ASSERT_TRUE(commit(*journal, state_of(500)));
  journal->fold(Micros::max());
  while (journal->tend(Journal::Pace::idle, wall_us(1))) {
  }
  EXPECT_EQ(reader_of(*journal)->page(0, {}, {}, 100)->entries.size(), users.size());
  EXPECT_LT(journal->sizes().rows_kept_bytes, 2'000u);
}

TEST(Journal, walks_the_audit_trail_from_new_to_old_each_entry_once) {
  const TemporaryDirectory directory;
  JournalOptions options = quick();
  options.audit_scan_bytes_max = 300;  // so that pages end for both reasons
  const auto journal = opened(directory.path(), options);
  std::vector<std::string> expected;
  for (std::uint64_t row = 0; row < 30; ++row) {
    std::string changes;
    for (std::uint64_t i = 0; i < 1 + row % 5; ++i) {
      const std::string user = "u" + std::to_string(row) + "." + std::to_string(i);
      changes += session_change({row, i}, user, wall_us(static_cast<std::int64_t>(row)));
      add_change(changes, Entity::meta, 0, {}, "not audited");
      expected.insert(expected.begin(), user);
    }
    ASSERT_TRUE(commit(*journal, changes));
  }
  for (const std::size_t limit : {1u, 2u, 3u, 7u, 500u}) {
    std::vector<std::string> walked;
    AuditPage page;
    while (!page.end) {
      auto next = reader_of(*journal)->page(0, {}, page.next, limit);
      ASSERT_TRUE(next);
      ASSERT_LE(next->entries.size(), limit);
      page = std::move(*next);
      for (const auto& entry : page.entries) walked.push_back(entry.user);
    }
    EXPECT_EQ(walked, expected) << "limit " << limit;
  }
  for (const std::size_t bytes_max : {std::size_t{1}, 2 * row_bytes + 100}) {  // one entry a page, and about two
    std::vector<std::string> walked;
    AuditPage page;
    while (!page.end) {
      auto next = reader_of(*journal)->page(0, {}, page.next, 500, bytes_max);
      ASSERT_TRUE(next);
      ASSERT_LE(next->entries.size(), 2u);
      page = std::move(*next);
      for (const auto& entry : page.entries) walked.push_back(entry.user);
    }
    EXPECT_EQ(walked, expected) << "bytes " << bytes_max;
  }
  AuditFilter by_user;
  by_user.user = "u7.1";
  AuditPage page;
  std::size_t found = 0;
  while (!page.end) {
    page = *reader_of(*journal)->page(0, by_user, page.next, 10);
    found += page.entries.size();
  }
  EXPECT_EQ(found, 1u);
  AuditFilter by_time;
  by_time.from = wall_us(10);
  by_time.to = wall_us(11);
  page = {};
  found = 0;
  while (!page.end) {
    page = *reader_of(*journal)->page(0, by_time, page.next, 10);
    found += page.entries.size();
  }
  EXPECT_EQ(found, 1u);
}

TEST(Journal, refuses_a_directory_that_is_in_use_and_names_the_process) {
  const TemporaryDirectory directory;
  const auto journal = opened(directory.path());
  const auto second = Journal::open(directory.path());
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().detail.find("in use by process " + std::to_string(getpid())), std::string::npos)
      << second.error().detail;
}

TEST(Journal, refuses_a_file_of_another_format) {
  const TemporaryDirectory directory;
  opened(directory.path());
  {
    Database db;
    ASSERT_EQ(db.open(directory.file("holdfast.db"), SQLITE_OPEN_READWRITE, ""), SQLITE_OK);
    const std::string value = bytes_of(std::uint64_t{1}) + "sum?";  // by a checksum that this version does not make
    ASSERT_EQ(db.prepare("UPDATE meta SET value=? WHERE key='format'").bind_blob(1, value).run(), SQLITE_DONE);
  }
  const auto refused = Journal::open(directory.path());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("has format 1, this program reads format 2"), std::string::npos)
      << refused.error().detail;
}

TEST(Journal, refuses_an_empty_or_foreign_file_and_a_log_without_its_file) {
  {
    const TemporaryDirectory directory;
    std::ofstream(directory.file("holdfast.db")).flush();
    EXPECT_FALSE(Journal::open(directory.path()));
  }
  {
    const TemporaryDirectory directory;
    std::ofstream(directory.file("holdfast.db")) << std::string(10'000, 'x');
    EXPECT_FALSE(Journal::open(directory.path()));
  }
  {
    const TemporaryDirectory directory;
    std::ofstream(directory.file("holdfast.db-wal")) << std::string(10'000, 'x');
    const auto refused = Journal::open(directory.path());
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().detail.find("holdfast.db is missing"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(directory.file("holdfast.db")));
  }
}

// A write that the disk lost, or a hand in the file: rows that are sound each by itself, and together are not.
TEST(Journal, refuses_rows_that_are_missing_changed_or_moved) {
  const auto make = [](const std::string& directory) {
    const auto journal = opened(directory);
    for (std::uint64_t i = 0; i < 20; ++i)
      ASSERT_TRUE(commit(*journal, put_of({i, 1}, "body " + std::to_string(i)), i + 1));
    journal->fold(Micros::max());
    for (std::uint64_t i = 20; i < 40; ++i)
      ASSERT_TRUE(commit(*journal, put_of({i, 1}, "body " + std::to_string(i)), i + 1));
  };
  {
    const TemporaryDirectory directory;
    make(directory.path());
    Recovered sound;
    opened(directory.path(), sound);
    EXPECT_EQ(sound.state.size(), 40u);
  }
  for (const char* damage : {
           "DELETE FROM state WHERE key=(SELECT key FROM state LIMIT 1 OFFSET 7)",
           "DELETE FROM state",
           "UPDATE state SET body=(SELECT body FROM state LIMIT 1) WHERE key=(SELECT key FROM state LIMIT 1 OFFSET 7)",
           "UPDATE state SET body=substr(body,1,4)||x'00'||substr(body,6)",
           "UPDATE state SET entity=4 WHERE key=(SELECT key FROM state LIMIT 1)",
           "UPDATE state SET ns=1",
           "DELETE FROM journal WHERE seq=30",
           "DELETE FROM journal WHERE seq=21",
           "UPDATE journal SET body=substr(body,1,40)||x'00'||substr(body,42) WHERE seq=30",
           "UPDATE journal SET body=x'' WHERE seq=30",
           "UPDATE journal SET at_us=at_us+1 WHERE seq=30",
           "UPDATE journal SET body=(SELECT body FROM journal WHERE seq=29) WHERE seq=30",
           "UPDATE meta SET value=x'00'||substr(value,2) WHERE key='fold'",
           "DELETE FROM meta WHERE key='fold'",
           "DELETE FROM meta WHERE key='format'",
           "DELETE FROM meta WHERE key='ceiling/0'",
           "DELETE FROM namespaces",
           "UPDATE namespaces SET name='defaulu'",
           "UPDATE namespaces SET ix=1",
           "DROP TABLE journal",
       }) {
    const TemporaryDirectory directory;
    make(directory.path());
    {
      Database db;
      ASSERT_EQ(db.open(directory.file("holdfast.db"), SQLITE_OPEN_READWRITE, ""), SQLITE_OK);
      ASSERT_EQ(db.execute(damage), SQLITE_OK) << damage << db.message();
    }
    Recovered ignored;
    const auto refused = open_and_load(directory.path(), ignored, quick());
    ASSERT_FALSE(refused) << damage;
    EXPECT_NE(refused.error().detail.find("is damaged"), std::string::npos) << damage << ": " << refused.error().detail;
    EXPECT_NE(refused.error().detail.find("To restore"), std::string::npos) << damage << ": " << refused.error().detail;
  }
}

// What `kill -9` leaves of a journal with `commits` commits: its files, copied while it is open.
void copy_crashed(const std::string& to, int commits, JournalOptions options = quick()) {
  const TemporaryDirectory directory;
  const auto journal = opened(directory.path(), std::move(options));
  for (int i = 0; i < commits; ++i)
    ASSERT_TRUE(commit(*journal, put_of({static_cast<std::uint64_t>(i), 1}, "body " + std::to_string(i))));
  for (const auto& file : std::filesystem::directory_iterator(directory.path())) {
    if (file.path().filename() != "holdfast.lock")
      std::filesystem::copy_file(file, to + "/" + file.path().filename().string());
  }
}

void expect_damaged(const std::string& directory, const std::string& where) {
  Recovered ignored;
  const auto refused = open_and_load(directory, ignored, quick());
  ASSERT_FALSE(refused) << where;
  EXPECT_NE(refused.error().detail.find("is damaged"), std::string::npos) << where << ": " << refused.error().detail;
  EXPECT_NE(refused.error().detail.find("To restore"), std::string::npos) << where << ": " << refused.error().detail;
}

TEST(Journal, takes_up_what_a_killed_process_left_however_little_it_did) {
  for (const int commits : {0, 1, 40}) {
    const TemporaryDirectory directory;
    copy_crashed(directory.path(), commits);
    EXPECT_TRUE(std::filesystem::exists(directory.file("holdfast.open")));
    Recovered again;
    opened(directory.path(), again);
    EXPECT_EQ(again.state.size(), static_cast<std::size_t>(commits));
    EXPECT_FALSE(std::filesystem::exists(directory.file("holdfast.open"))) << "closed cleanly";
    Recovered after;
    opened(directory.path(), after);
    EXPECT_EQ(after.state.size(), static_cast<std::size_t>(commits));
  }
}

TEST(Journal, refuses_to_start_without_the_log_of_a_killed_process) {
  const TemporaryDirectory directory;
  copy_crashed(directory.path(), 5);
  const std::string log = directory.file("holdfast.db-wal");
  std::filesystem::rename(log, directory.file("aside"));
  expect_damaged(directory.path(), "missing");
  std::ofstream(log).flush();
  expect_damaged(directory.path(), "empty");
  std::filesystem::rename(directory.file("aside"), log);
  Recovered again;
  opened(directory.path(), again);
  EXPECT_EQ(again.state.size(), 5u) << "a refusal changes nothing";
}

TEST(Journal, refuses_a_log_that_was_written_over_anywhere) {
  const TemporaryDirectory made;
  copy_crashed(made.path(), 20);
  const auto size = std::filesystem::file_size(made.file("holdfast.db-wal"));
  for (std::uintmax_t at = 0; at + 64 < size; at += at < 5000 ? 100 : 3000) {
    const TemporaryDirectory directory;
    for (const auto& file : std::filesystem::directory_iterator(made.path()))
      std::filesystem::copy_file(file, directory.file(file.path().filename().string()));
    std::fstream log(directory.file("holdfast.db-wal"), std::ios::binary | std::ios::in | std::ios::out);
    log.seekp(static_cast<std::streamoff>(at));
    log << std::string(64, 'x');
    log.close();
    expect_damaged(directory.path(), "written over at " + std::to_string(at));
  }
}

TEST(Journal, refuses_a_log_that_was_cut_off) {
  const TemporaryDirectory directory;
  copy_crashed(directory.path(), 20);
  const std::string log = directory.file("holdfast.db-wal");
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 5000);
  expect_damaged(directory.path(), "cut");
}

TEST(Journal, takes_a_log_that_began_anew_with_old_pages_behind_the_new) {
  JournalOptions options = quick();
  options.wal_busy_bytes = 300'000;
  const TemporaryDirectory directory;
  const TemporaryDirectory copy;
  const auto journal = opened(directory.path(), options);
  for (std::uint64_t i = 0; i < 300; ++i) {
    ASSERT_TRUE(commit(*journal, put_of({i, 1}, std::string(100, 'x'))));
    journal->tend(Journal::Pace::busy, wall_us(1));
  }
  ASSERT_LT(journal->sizes().wal_bytes, std::filesystem::file_size(directory.file("holdfast.db-wal")) / 2)
      << "the log did not begin anew in this test";
  for (const char* name : {"holdfast.db", "holdfast.db-wal", "holdfast.open"})
    std::filesystem::copy_file(directory.file(name), copy.file(name));
  Recovered again;
  opened(copy.path(), again);
  EXPECT_EQ(again.state.size(), 300u);
}

// A relaxed commit may be lost to a power cut, with any of its pages before the others: that is no damage. What was
// synced may not.
TEST(Journal, after_a_power_cut_asks_for_what_was_synced_and_no_more) {
  const TemporaryDirectory directory;
  const auto journal = opened(directory.path());
  for (std::uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(commit(*journal, put_of({i, 1}, "synced")));
  ASSERT_TRUE(journal->sync());
  const auto synced = std::filesystem::file_size(directory.file("holdfast.db-wal"));
  for (std::uint64_t i = 10; i < 20; ++i) ASSERT_TRUE(commit(*journal, put_of({i, 1}, "not synced")));
  for (const bool too_much : {false, true}) {
    const TemporaryDirectory copy;
    for (const char* name : {"holdfast.db", "holdfast.db-wal", "holdfast.open"})
      std::filesystem::copy_file(directory.file(name), copy.file(name));
    std::ifstream in(copy.file("holdfast.open"), std::ios::binary);
    auto claim = log_claim_from(std::string{std::istreambuf_iterator<char>(in), {}});
    ASSERT_TRUE(claim);
    claim->boot = "another run";
    std::ofstream(copy.file("holdfast.open"), std::ios::binary) << bytes_of(*claim);
    std::fstream log(copy.file("holdfast.db-wal"), std::ios::binary | std::ios::in | std::ios::out);
    log.seekp(static_cast<std::streamoff>(too_much ? synced - 4000 : synced));
    log << std::string(200, 'x');
    log.close();
    if (too_much) {
      expect_damaged(copy.path(), "in what was synced");
      continue;
    }
    Recovered again;
    opened(copy.path(), again);
    EXPECT_EQ(again.state.size(), 10u);
  }
}

TEST(Journal, fails_once_its_files_are_removed_or_replaced) {
  for (const std::string name : {"holdfast.lock", "holdfast.db", "holdfast.db-wal"}) {
    const TemporaryDirectory directory;
    const auto journal = opened(directory.path());
    ASSERT_TRUE(commit(*journal, put_of({1, 1}, "a")));
    journal->look_at_files();
    EXPECT_EQ(journal->failed(), "");
    std::filesystem::copy_file(directory.file(name), directory.file("another"));
    std::filesystem::rename(directory.file("another"), directory.file(name));
    journal->look_at_files();
    EXPECT_NE(journal->failed(), "") << name << " replaced";
    EXPECT_FALSE(commit(*journal, put_of({2, 1}, "b"))) << name;
  }
  const TemporaryDirectory directory;
  const auto journal = opened(directory.path());
  std::filesystem::remove_all(directory.path());
  journal->look_at_files();
  EXPECT_NE(journal->failed(), "");
}

TEST(Journal, a_file_that_another_program_uses_is_not_called_damaged) {
  const TemporaryDirectory directory;
  opened(directory.path());
  Database other;
  ASSERT_EQ(other.open(directory.file("holdfast.db"), SQLITE_OPEN_READWRITE, ""), SQLITE_OK);
  ASSERT_EQ(other.execute("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE"), SQLITE_OK) << other.message();
  Recovered ignored;
  const auto refused = open_and_load(directory.path(), ignored, JournalOptions{});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("in use by another program"), std::string::npos) << refused.error().detail;
  EXPECT_EQ(refused.error().detail.find("damaged"), std::string::npos) << refused.error().detail;
}

TEST(Journal, begins_anew_where_an_earlier_beginning_was_interrupted) {
  const TemporaryDirectory directory;
  std::ofstream(directory.file("holdfast.db.new")) << "half";
  const auto journal = opened(directory.path());
  EXPECT_TRUE(commit(*journal, put_of({1, 1}, "a")));
}

TEST(Journal, keeps_a_ceiling_above_every_token) {
  const TemporaryDirectory directory;
  JournalOptions options = quick();
  options.token_reserve = 1000;
  {
    const auto journal = opened(directory.path(), options);
    for (Token token = 1; token < 5000; token += 300) {
      ASSERT_TRUE(commit(*journal, put_of({token, 1}, "a"), token));
      ASSERT_GE(journal->namespaces()[0].ceiling, token);
    }
  }
  Token ceiling = 0;
  {
    const auto journal = opened(directory.path(), options);
    ceiling = journal->namespaces()[0].ceiling;
    EXPECT_GE(ceiling, 4801u);
    EXPECT_LE(ceiling, 5801u);
    ASSERT_TRUE(journal->raise_ceilings(Token{1} << 40));
  }
  EXPECT_EQ(opened(directory.path(), options)->namespaces()[0].ceiling, ceiling + (Token{1} << 40));
}

TEST(Journal, copies_itself_while_commits_go_on) {
  const TemporaryDirectory directory;
  const TemporaryDirectory other;
  const auto journal = opened(directory.path());
  ChangeStream stream(3);
  FoldedState expected;
  const auto commit_some = [&](int n) {
    for (int i = 0; i < n; ++i) {
      const std::string changes = stream.next(0, 40);
      ASSERT_TRUE(commit(*journal, changes));
      ASSERT_TRUE(replay(expected, 0, changes));
    }
  };
  commit_some(300);
  std::optional<Result<void>> done;
  ASSERT_TRUE(journal->begin_backup(other.file("holdfast.db"), [&](Result<void> result) { done = std::move(result); }));
  EXPECT_FALSE(journal->begin_backup(other.file("second.db"), [](Result<void>) {})) << "one at a time";
  while (!done) {
    commit_some(1);
    journal->tend(Journal::Pace::busy, wall_us(1));
  }
  ASSERT_TRUE(*done) << done->error().detail;
  EXPECT_FALSE(journal->begin_backup(other.file("holdfast.db"), [](Result<void>) {})) << "never over a file";
  Recovered copy;
  const auto restored = opened(other.path(), copy);
  EXPECT_EQ(copy.state, expected);
  EXPECT_TRUE(commit(*restored, put_of({1, 77}, "goes on")));
}

}  // namespace hf
