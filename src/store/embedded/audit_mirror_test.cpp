// The copy of the trail that a node answers from. If it kept what the trail has not, or lost what it has, two nodes
// would tell two histories.

#include "store/embedded/audit_mirror.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "store/embedded/store_fixture.h"

namespace hf {
namespace {

// A batch of the generation's places (from, to], one row for each in each of two namespaces.
AuditBatch batch(std::uint64_t from, std::uint64_t to, std::uint64_t id, std::uint64_t generation = 1,
                 std::uint64_t from_generation = 1) {
  AuditBatch made{{from_generation, from}, {generation, to}, {id, id}, {}};
  for (std::uint64_t n = from + 1; n <= to; ++n) {
    for (const char* ns : {"a", "b"})
      made.rows.push_back({{generation, n}, wall_us(static_cast<std::int64_t>(n)), ns, std::to_string(id) + ns});
  }
  return made;
}

class AuditMirrorTest : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    mirror.reset();
    auto opened = AuditMirror::open(directory.path());
    ASSERT_TRUE(opened) << opened.error().detail;
    mirror = std::move(*opened);
  }
  std::vector<std::string> all() {
    std::vector<std::string> found;
    const auto rows = mirror->rows({}, 1 << 20);
    EXPECT_TRUE(rows);
    for (const AuditRow& row : *rows)
      found.push_back(std::to_string(row.place.generation) + "-" + std::to_string(row.place.number) + " " +
                      row.changes);
    return found;
  }

  TemporaryDirectory directory;
  std::unique_ptr<AuditMirror> mirror;
};

TEST_F(AuditMirrorTest, a_batch_takes_the_place_of_all_behind_its_beginning) {
  ASSERT_TRUE(mirror->take(batch(0, 2, 1), {}));
  ASSERT_TRUE(mirror->take(batch(2, 4, 2), {}));
  ASSERT_TRUE(mirror->take(batch(1, 3, 3, 2), {}));
  EXPECT_EQ(all(), (std::vector<std::string>{"1-1 1a", "1-1 1b", "2-2 3a", "2-2 3b", "2-3 3a", "2-3 3b"}));
  EXPECT_EQ(mirror->end().place, (LogPlace{2, 3}));
  EXPECT_EQ(mirror->end().batch, (Id128{3, 3}));
  reopen();
  EXPECT_EQ(all().size(), 6U);
  EXPECT_EQ(mirror->end().place, (LogPlace{2, 3}));
  EXPECT_EQ(mirror->end().batch, (Id128{3, 3}));
}

TEST_F(AuditMirrorTest, a_batch_that_comes_twice_is_there_once) {
  ASSERT_TRUE(mirror->take(batch(0, 2, 1), {}));
  ASSERT_TRUE(mirror->take(batch(0, 2, 1), {}));
  EXPECT_EQ(all().size(), 4U);
}

TEST_F(AuditMirrorTest, cut_leaves_whole_batches) {
  ASSERT_TRUE(mirror->take(batch(0, 2, 1), {}));
  ASSERT_TRUE(mirror->take(batch(2, 5, 2), {}));
  ASSERT_TRUE(mirror->cut({1, 5}));
  EXPECT_EQ(all().size(), 10U);
  ASSERT_TRUE(mirror->cut({1, 4}));
  EXPECT_EQ(all().size(), 4U);
  EXPECT_EQ(mirror->end().place, (LogPlace{1, 2}));
  ASSERT_TRUE(mirror->cut({1, 1}));
  EXPECT_TRUE(all().empty());
  EXPECT_TRUE(mirror->end().place.is_nil());
}

TEST_F(AuditMirrorTest, what_was_trimmed_goes) {
  ASSERT_TRUE(mirror->take(batch(0, 2, 1), {}));
  ASSERT_TRUE(mirror->take(batch(2, 4, 2), {1, 2}));
  EXPECT_EQ(all(), (std::vector<std::string>{"1-3 2a", "1-3 2b", "1-4 2a", "1-4 2b"}));
  ASSERT_TRUE(mirror->trim({1, 4}));
  EXPECT_TRUE(all().empty());
}

TEST_F(AuditMirrorTest, what_is_set_aside_is_kept_and_nothing_new_is) {
  ASSERT_TRUE(mirror->set_aside());
  EXPECT_FALSE(std::filesystem::exists(directory.file("audit.old.db")));
  ASSERT_TRUE(mirror->take(batch(0, 2, 1), {}));
  ASSERT_TRUE(mirror->set_aside());
  EXPECT_TRUE(all().empty());
  EXPECT_TRUE(std::filesystem::exists(directory.file("audit.old.db")));
  ASSERT_TRUE(mirror->set_aside());
  EXPECT_GT(std::filesystem::file_size(directory.file("audit.old.db")), 4096U);
  ASSERT_TRUE(mirror->take(batch(0, 2, 1), {}));
  EXPECT_EQ(all().size(), 4U);
}

TEST_F(AuditMirrorTest, a_damaged_file_is_set_aside_and_another_process_is_refused) {
  EXPECT_FALSE(AuditMirror::open(directory.path()));
  ASSERT_TRUE(mirror->take(batch(0, 2, 1), {}));
  mirror.reset();
  std::ofstream(directory.file("audit.db"), std::ios::trunc) << std::string(9000, 'x');
  reopen();
  EXPECT_TRUE(all().empty());
  EXPECT_TRUE(std::filesystem::exists(directory.file("audit.old.db")));
}

TEST_F(AuditMirrorTest, rows_come_in_pieces_that_divide_no_place) {
  ASSERT_TRUE(mirror->take(batch(0, 9, 1), {}));
  LogPlace after;
  std::size_t pieces = 0, found = 0;
  while (true) {
    const auto rows = mirror->rows(after, 5);
    ASSERT_TRUE(rows);
    if (rows->empty()) break;
    EXPECT_EQ(rows->size() % 2, 0U);
    EXPECT_LE(rows->size(), 4U);
    after = rows->back().place;
    found += rows->size();
    ++pieces;
  }
  EXPECT_EQ(found, 18U);
  EXPECT_GT(pieces, 3U);
}

TEST_F(AuditMirrorTest, a_namespace_is_read_from_new_to_old_and_from_a_cursor_on) {
  AuditBatch made{{1, 0}, {1, 4}, {1, 1}, {}};
  for (std::uint64_t n = 1; n <= 4; ++n) {
    for (const char* ns : {"a", "b"}) {
      std::string change;
      {
        const ChangeFrame frame(change, Entity::session, 0, Id128{1, n});
        ByteWriter w(change);
        write_stamp(w, {Action::session_open, {}, "li"});
        w.text(ns);
      }
      made.rows.push_back({{1, n}, {}, ns, change});
    }
  }
  ASSERT_TRUE(mirror->take(made, {}));
  const AuditFilter filter;
  const auto read = [&](const char* ns, const AuditCursor& before, std::size_t limit) {
    AuditPager pager(filter, before, {.limit = limit});
    const auto whole = mirror->read(ns, before, pager);
    EXPECT_TRUE(whole);
    return pager.take(*whole);
  };
  const AuditPage first = read("b", {}, 3);
  ASSERT_EQ(first.entries.size(), 3U);
  EXPECT_EQ(first.entries[0].session.value.lo, 4U);
  EXPECT_EQ(first.entries[0].holder, "b");
  EXPECT_FALSE(first.end);
  const AuditPage second = read("b", first.next, 3);
  ASSERT_EQ(second.entries.size(), 1U);
  EXPECT_EQ(second.entries[0].session.value.lo, 1U);
  EXPECT_TRUE(second.end);
  EXPECT_TRUE(read("c", {}, 3).end);
}

}  // namespace
}  // namespace hf
