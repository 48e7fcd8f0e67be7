// If a page of the audit trail lost or repeated a change, who looks for what happened to a bill would be told wrong.

#include "store/audit.h"

#include <gtest/gtest.h>

#include "engine/change_codec.h"

namespace hf {
namespace {

std::string opened(std::uint64_t session, const std::string& user) {
  std::string out;
  {
    const ChangeFrame change(out, Entity::session, 0, Id128{1, session});
    ByteWriter w(out);
    write_stamp(w, {Action::session_open, wall_us(1'760'000'000'000'000), user});
    w.text(user);
  }
  return out;
}

// Rows of the places 1-1, 1-2, 2-3 …, each with as many changes as its number.
std::vector<AuditRow> rows(std::uint64_t count) {
  std::vector<AuditRow> made;
  for (std::uint64_t n = 1; n <= count; ++n) {
    std::string changes;
    for (std::uint64_t i = 0; i < n; ++i) changes += opened(n * 100 + i, i % 2 == 0 ? "li" : "wang");
    made.push_back({{n < 3 ? 1U : 2U, n}, wall_us(static_cast<std::int64_t>(n)), "main", std::move(changes)});
  }
  return made;
}

AuditPage page(const std::vector<AuditRow>& all, const AuditFilter& filter, const AuditCursor& before,
               std::size_t limit, std::uint64_t scan = 1 << 20, std::size_t bytes = 1 << 20) {
  AuditPager pager(filter, before, {.limit = limit, .bytes_max = bytes, .scan_bytes_max = scan});
  auto row = all.rbegin();
  for (; row != all.rend() && !pager.done(); ++row) {
    if (before != AuditCursor{} && row->place > LogPlace{before.generation, before.seq}) continue;
    EXPECT_TRUE(pager.add(row->place, row->at, row->changes));
  }
  return pager.take(row == all.rend());
}

TEST(AuditPager, pages_of_any_size_give_each_change_once_from_new_to_old) {
  const auto all = rows(5);
  for (std::size_t limit = 1; limit < 20; ++limit) {
    std::vector<std::uint64_t> seen;
    AuditPage read;
    while (!read.end) {
      read = page(all, {}, read.next, limit);
      for (const AuditEntry& entry : read.entries) seen.push_back(entry.session.value.lo);
    }
    EXPECT_EQ(seen,
              (std::vector<std::uint64_t>{504, 503, 502, 501, 500, 403, 402, 401, 400, 302, 301, 300, 201, 200, 100}))
        << limit;
  }
}

TEST(AuditPager, a_page_of_few_bytes_has_one_entry_and_the_next_goes_on) {
  const auto all = rows(5);
  std::size_t seen = 0, pages = 0;
  AuditPage read;
  for (; !read.end; ++pages) {
    read = page(all, {}, read.next, 100, 1 << 20, 1);
    EXPECT_LE(read.entries.size(), 1U);
    seen += read.entries.size();
  }
  EXPECT_EQ(seen, 15U);
  EXPECT_LE(pages, 16U);
}

TEST(AuditPager, what_is_scanned_has_an_end_and_each_page_gets_on) {
  const auto all = rows(5);
  AuditFilter filter;
  filter.user = "nobody";
  AuditPage read;
  int pages = 0;
  while (!read.end && pages < 20) {
    const AuditCursor before = read.next;
    read = page(all, filter, before, 10, 1);
    EXPECT_TRUE(read.end || read.next != before);
    EXPECT_TRUE(read.entries.empty());
    ++pages;
  }
  EXPECT_TRUE(read.end);
  EXPECT_GT(pages, 4);
}

TEST(AuditPager, a_filter_by_user_takes_his_changes_alone) {
  AuditFilter filter;
  filter.user = "wang";
  const auto read = page(rows(4), filter, {}, 100);
  EXPECT_TRUE(read.end);
  ASSERT_EQ(read.entries.size(), 4U);
  for (const AuditEntry& entry : read.entries) EXPECT_EQ(entry.user, "wang");
}

TEST(AuditPager, bytes_that_are_no_changes_are_not_passed_over) {
  const AuditFilter filter;
  AuditPager pager(filter, {}, {.limit = 10});
  EXPECT_FALSE(pager.add({1, 1}, {}, opened(1, "li") + "x"));
}

TEST(AuditTrail, heartbeats_and_states_are_no_part_of_it) {
  std::string changes = opened(1, "li");
  {
    const ChangeFrame silent(changes, Entity::session, 0, Id128{1, 1});
    ByteWriter w(changes);
    write_stamp(w, {});
  }
  {
    const ChangeFrame meta(changes, Entity::meta, 0, {});
  }
  std::string_view rest = changes;
  std::vector<bool> audited;
  while (const auto change = take_change(rest)) {
    EXPECT_EQ(is_audited(*change), audit_of(*change).has_value());
    audited.push_back(is_audited(*change));
  }
  EXPECT_EQ(audited, (std::vector<bool>{true, false, false}));
}

}  // namespace
}  // namespace hf
