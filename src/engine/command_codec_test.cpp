// Commands of a log that many nodes decide by. If these fail, two nodes read different requests and disagree about
// who holds a bill.

#include "engine/command_codec.h"

#include <gtest/gtest.h>

#include "base/hex_test.h"

namespace hf {
namespace {

Caller somebody() { return Caller{"li", "Li Lei", true, true, "request-7", 0xFEDC'BA98'7654'3210}; }
Target target(const char* text) { return *Target::parse(text); }

std::vector<LockCommand> one_of_each() {
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
              Id128{12, 13},
              {"void", "cancel"}},
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
      TakeOver{somebody(), session, Secret{{7, 8}}},
      Heard{somebody(), session, lock},
      NodesLiving{{Id128{14, 15}, Id128{16, 17}}},
      BeginRun{somebody(),
               session,
               RunId{{3, 4}},
               "approve",
               targets,
               Millis(7),
               {"erp", "pc-7", "order"},
               true,
               Id128{12, 13}},
      StepRun{somebody(), RunId{{3, 4}}, "writing"},
      FinishRun{somebody(),
                RunId{{3, 4}},
                {},
                {{lock, targets[0], "SaleOut:77", "rule", {"void"}, Millis(9)}},
                {{targets[0], "SaleOut:77", "rule"}}},
      FailRun{somebody(), RunId{{3, 4}}, "no stock"},
      SettleRun{RunId{{3, 4}}},
  };
}

std::string bytes_of(const Command& command) {
  std::string bytes;
  write_command(bytes, command);
  return bytes;
}

TEST(CommandCodec, what_was_written_is_read_whole_for_every_command) {
  const auto commands = one_of_each();
  constexpr std::size_t queries = 10;
  ASSERT_EQ(commands.size() + queries, std::variant_size_v<LockCommand>);
  std::string all;
  for (const LockCommand& command : commands) write_command(all, command);
  std::string_view rest = all;
  for (const LockCommand& command : commands) {
    const auto read = take_command(rest);
    ASSERT_TRUE(read) << command.index();
    EXPECT_EQ(std::get<LockCommand>(*read).index(), command.index());
    EXPECT_EQ(bytes_of(*read), bytes_of(command));
  }
  EXPECT_TRUE(rest.empty());
}

// What the build before tags wrote, byte for byte.
TEST(CommandCodec, commands_by_place_are_read_as_they_were_meant) {
  const std::string log = test::bytes_of_hex(
      "84026c69064c69204c6569000103722d374d0100000000000000020000000000000003000000000000000400000000000000020e53616c65"
      "4f726465723a313030311553616c654f726465723a313030322f6c696e652f3300000005000000000000000600000000000000010e53616c"
      "654f726465723a313030310906e8aea2e58d95037768790c000000000000000d00000000000000"
      "05026c69064c69204c6569000103722d374d0100000000000000020000000000000000030000000000000004000000000000001101010e53"
      "616c654f726465723a313030310109"
      "85026c69064c69204c6569000103722d374d0100000000000000020000000000000000030000000000000004000000000000001101000001"
      "0201"
      "0f");
  const Caller who{"li", "Li Lei", false, true, "r-7", 77};
  const SessionId session{{1, 2}};
  const LockId lock{{3, 4}};
  const std::vector<LockCommand> meant{
      Acquire{who,
              session,
              lock,
              {target("SaleOrder:1001"), target("SaleOrder:1002/line/3")},
              Mode::shared,
              Kind::edit,
              "",
              Millis(5),
              Millis(6),
              {{"SaleOrder:1001", 9}},
              "订单",
              "why",
              Id128{12, 13}},
      Release{who, session, "", lock, 17, true, {target("SaleOrder:1001")}, 9, std::nullopt, false},
      Release{who, session, "", lock, 17, true, {}, std::nullopt, 2, true}, Tick{}};
  std::string_view rest = log;
  for (const LockCommand& command : meant) {
    const auto read = take_lock_command(rest, CommandFormat::by_place);
    ASSERT_TRUE(read) << command.index();
    EXPECT_EQ(std::get<LockCommand>(*read).index(), command.index());
    EXPECT_EQ(bytes_of(*read), bytes_of(command));
  }
  EXPECT_TRUE(rest.empty());
  for (std::size_t size = 0; size < log.size() - 1; ++size) {
    std::string_view cut = std::string_view(log).substr(0, size);
    while (take_lock_command(cut, CommandFormat::by_place)) {
    }
    EXPECT_LE(cut.size(), size);
  }
  std::string more("\x8F", 1);  // a tick has nothing more
  rest = more;
  EXPECT_FALSE(take_lock_command(rest, CommandFormat::by_place));
}

// A build that added a field, and one that added a command, after this one.
TEST(CommandCodec, a_field_or_a_command_of_a_later_build_is_refused_whole) {
  std::string bytes = bytes_of(Heartbeat{somebody(), SessionId{{1, 2}}, Millis(5)});
  std::string_view rest = bytes;
  ASSERT_TRUE(take_command(rest));
  ASSERT_EQ(bytes.back(), 0) << "the end of the fields";
  bytes.back() = 4;  // the next tag there may be
  bytes += std::string("\7\0", 2);
  rest = bytes;
  EXPECT_FALSE(take_command(rest));
  EXPECT_EQ(rest.size(), bytes.size());
  bytes[0] = 100;
  rest = bytes;
  EXPECT_FALSE(take_command(rest));
}

// One that is older than this one knows no `node`, and what it writes means what it meant.
TEST(CommandCodec, a_field_that_is_not_there_is_zero_or_empty) {
  Acquire acquire;
  acquire.session = SessionId{{1, 2}};
  acquire.targets = {target("A:1")};
  acquire.mode = Mode::shared;
  const std::string bytes = bytes_of(acquire);
  EXPECT_LT(bytes.size(), 40U) << "what says nothing takes no room";
  std::string_view rest = bytes;
  const auto read = std::get<Acquire>(std::get<LockCommand>(*take_command(rest)));
  EXPECT_EQ(read.mode, Mode::shared) << "zero, though a new acquire is exclusive";
  EXPECT_EQ(read.ttl, Millis(0));
  EXPECT_TRUE(read.node.is_nil());
}

TEST(CommandCodec, tags_that_do_not_rise_are_refused) {
  std::string bytes = bytes_of(Heartbeat{{}, SessionId{}, Millis(5)});
  const std::size_t idle = bytes.rfind('\3');
  ASSERT_NE(idle, std::string::npos);
  bytes.insert(idle, "\3\5");
  std::string_view rest = bytes;
  EXPECT_FALSE(take_command(rest));
}

TEST(CommandCodec, every_field_of_an_acquire_arrives) {
  const std::string bytes = bytes_of(one_of_each()[4]);
  std::string_view rest = bytes;
  const auto read = take_command(rest);
  ASSERT_TRUE(read);
  const auto& acquire = std::get<Acquire>(std::get<LockCommand>(*read));
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

TEST(CommandCodec, truncated_bytes_are_refused_and_left_alone) {
  for (const LockCommand& command : one_of_each()) {
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
  Acquire acquire;
  acquire.targets = {target("A:1")};
  acquire.mode = Mode::exclusive;
  acquire.kind = Kind::edit;
  std::string bytes = bytes_of(acquire);
  ASSERT_EQ(bytes.back(), 0);
  bytes[bytes.size() - 2] = 9;  // the mode
  std::string_view rest = bytes;
  EXPECT_FALSE(take_command(rest));
  bytes = bytes_of(acquire);
  bytes[bytes.find("A:1")] = 1;
  rest = bytes;
  EXPECT_FALSE(take_command(rest));
}

TEST(CommandCodec, only_questions_are_queries) {
  for (const LockCommand& command : one_of_each()) EXPECT_FALSE(is_query(command)) << command.index();
  EXPECT_TRUE(is_query(Verify{}));
  EXPECT_FALSE(is_query(Tick{}));
  EXPECT_FALSE(is_query(Heartbeat{}));
}

}  // namespace
}  // namespace hf
