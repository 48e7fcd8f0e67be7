// Commands of a log that many nodes decide by. If these fail, two nodes read different requests and disagree about
// who holds a bill.

#include "engine/command_codec.h"

#include <gtest/gtest.h>

namespace hf {
namespace {

Caller somebody() { return Caller{"li", "Li Lei", true, true, "request-7", 0xFEDC'BA98'7654'3210}; }
Target target(const char* text) { return *Target::parse(text); }

std::vector<Command> one_of_each() {
  const SessionId session{{1, 2}};
  const LockId lock{{3, 4}};
  const std::vector<Target> targets{target("SaleOrder:1001"), target("SaleOrder:1002/line/3")};
  const std::uint64_t huge = 0xFFFF'FFFF'FFFF'FFFF;
  return {
      OpenSession{somebody(), session, Secret{{5, 6}}, {"erp", "pc-7", "order"}, Millis(45'000), true},
      ResumeSession{somebody(), session, Secret{{5, 6}}, Secret{{7, 8}}, 12},
      EndSession{somebody(), session},
      Heartbeat{somebody(), session, Millis(1'500)},
      Acquire{somebody(),
              session,
              lock,
              targets,
              Mode::shared,
              Kind::hold,
              "job",
              Millis(5),
              Millis(6),
              {{"SaleOrder:1001", huge}},
              "订单",
              "why",
              Id128{12, 13}},
      Release{somebody(), session, "job", lock, 17, true, targets, 9, std::nullopt, false},
      Extend{somebody(), session, lock, Millis(8)},
      Transfer{somebody(), session, lock, SessionId{{9, 9}}},
      Force{somebody(), lock, "gone home"},
      ReleaseAll{somebody(), session, "SaleOrder"},
      Ask{somebody(), session, lock, LockId{{4, 4}}, targets, Mode::shared, "please", "l", Millis(10)},
      Agree{somebody(), lock, std::nullopt},
      Refuse{somebody(), lock, "no"},
      Defer{somebody(), lock, Millis(11)},
      CancelWait{somebody(), session, lock},
      Tick{},
      GetLock{somebody(), lock},
      ListLocks{somebody(), "SaleOrder", "li", "erp", session, Kind::temporary, Millis(12), 13, 14},
      Check{somebody(), session, targets, Mode::shared},
      Verify{somebody(), lock, 15, targets, Millis(16)},
      GetSession{somebody(), session},
      ListSessions{somebody(), 17},
      ListAsks{somebody(), 18, 20},
      ListWaits{somebody(), 19},
      GetStats{},
      TakeOver{somebody(), session, Secret{{7, 8}}},
      Heard{somebody(), session, lock},
      NodesLiving{{Id128{14, 15}, Id128{16, 17}}},
  };
}

std::string bytes_of(const Command& command) {
  std::string bytes;
  write_command(bytes, command);
  return bytes;
}

TEST(CommandCodec, what_was_written_is_read_whole_for_every_command) {
  const auto commands = one_of_each();
  ASSERT_EQ(commands.size(), std::variant_size_v<Command>);
  std::string all;
  for (const Command& command : commands) write_command(all, command);
  std::string_view rest = all;
  for (const Command& command : commands) {
    const auto read = take_command(rest);
    ASSERT_TRUE(read) << command.index();
    EXPECT_EQ(read->index(), command.index());
    EXPECT_EQ(bytes_of(*read), bytes_of(command));
  }
  EXPECT_TRUE(rest.empty());
}

// A node of the build before wrote a release without the count; and one that knows no count must not misread it.
TEST(CommandCodec, a_release_with_its_count_is_another_layout_and_without_it_the_old_one) {
  Release release{somebody(), SessionId{{1, 2}},       "job", LockId{{3, 4}}, 17,
                  true,       {target("SaleOrder:1")}, 9,     std::nullopt,   false};
  const std::string old = bytes_of(release);
  EXPECT_EQ(old.front(), 5);
  release.holds = 2;
  release.exact = true;
  const std::string bytes = bytes_of(release);
  EXPECT_EQ(static_cast<unsigned char>(bytes.front()), 0x85);
  EXPECT_EQ(bytes.substr(1, old.size() - 1), old.substr(1));
  std::string_view rest = bytes;
  const auto read = take_command(rest);
  ASSERT_TRUE(read);
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(std::get<Release>(*read).holds, 2U);
  EXPECT_TRUE(std::get<Release>(*read).exact);
  EXPECT_EQ(std::get<Release>(*read).version, 9U);
  rest = old;
  const auto former = take_command(rest);
  ASSERT_TRUE(former);
  EXPECT_FALSE(std::get<Release>(*former).holds);
  EXPECT_FALSE(std::get<Release>(*former).exact);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    rest = std::string_view(bytes).substr(0, size);
    EXPECT_FALSE(take_command(rest)) << size;
  }
  std::string none = bytes_of(Tick{});
  none.front() = static_cast<char>(none.front() | 0x80);
  rest = none;
  EXPECT_FALSE(take_command(rest)) << "no other command has more";
}

TEST(CommandCodec, every_field_of_an_acquire_arrives) {
  const std::string bytes = bytes_of(one_of_each()[4]);
  std::string_view rest = bytes;
  const auto read = take_command(rest);
  ASSERT_TRUE(read);
  const auto& acquire = std::get<Acquire>(*read);
  EXPECT_EQ(acquire.caller.user_name, "Li Lei");
  EXPECT_EQ(acquire.caller.fingerprint, 0xFEDC'BA98'7654'3210);
  EXPECT_TRUE(acquire.caller.hold);
  EXPECT_EQ(acquire.lock, (LockId{{3, 4}}));
  ASSERT_EQ(acquire.targets.size(), 2U);
  EXPECT_EQ(acquire.targets[1].text(), "SaleOrder:1002/line/3");
  EXPECT_EQ(acquire.mode, Mode::shared);
  EXPECT_EQ(acquire.kind, Kind::hold);
  EXPECT_EQ(acquire.wait, Millis(6));
  EXPECT_EQ(acquire.if_versions.at("SaleOrder:1001"), 0xFFFF'FFFF'FFFF'FFFF);
  EXPECT_EQ(acquire.label, "订单");
  EXPECT_EQ(acquire.node, (Id128{12, 13}));
}

// An older node knows no bit beside the index: it must refuse such a command, and read all others as it did.
TEST(CommandCodec, what_a_later_version_added_is_said_by_a_bit_and_left_out_where_it_says_nothing) {
  ResumeSession plain{somebody(), SessionId{{1, 2}}, Secret{{5, 6}}, Secret{{7, 8}}};
  ResumeSession counted = plain;
  counted.attempt = 3;
  const std::string before = bytes_of(plain);
  const std::string after = bytes_of(counted);
  EXPECT_EQ(before.front(), 1);
  EXPECT_EQ(static_cast<unsigned char>(after.front()), 0x81);
  EXPECT_EQ(after.substr(1, before.size() - 1), before.substr(1));
  std::string_view rest = before;
  EXPECT_EQ(std::get<ResumeSession>(*take_command(rest)).attempt, 0U);
  std::string nonsense = bytes_of(EndSession{somebody(), SessionId{{1, 2}}});
  nonsense.front() = static_cast<char>(nonsense.front() | 0x80);
  rest = nonsense;
  EXPECT_FALSE(take_command(rest));
}

TEST(CommandCodec, truncated_bytes_are_refused_and_left_alone) {
  for (const Command& command : one_of_each()) {
    const std::string bytes = bytes_of(command);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      std::string_view rest = std::string_view(bytes).substr(0, size);
      EXPECT_FALSE(take_command(rest)) << command.index() << " cut to " << size;
      EXPECT_EQ(rest.size(), size);
    }
  }
}

TEST(CommandCodec, an_unknown_command_mode_or_target_is_refused) {
  std::string_view unknown = "\x7f";
  EXPECT_FALSE(take_command(unknown));
  std::string bytes = bytes_of(Check{{}, {}, {target("A:1")}, Mode::exclusive});
  bytes.back() = 9;  // the mode
  std::string_view rest = bytes;
  EXPECT_FALSE(take_command(rest));
  bytes = bytes_of(Check{{}, {}, {target("A:1")}, Mode::exclusive});
  bytes[bytes.find("A:1")] = 1;
  rest = bytes;
  EXPECT_FALSE(take_command(rest));
}

TEST(CommandCodec, only_questions_are_queries) {
  std::size_t queries = 0;
  for (const Command& command : one_of_each()) queries += is_query(command) ? 1 : 0;
  EXPECT_EQ(queries, 9U);
  EXPECT_TRUE(is_query(Verify{}));
  EXPECT_FALSE(is_query(Tick{}));
  EXPECT_FALSE(is_query(Heartbeat{}));
}

}  // namespace
}  // namespace hf
