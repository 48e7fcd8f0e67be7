// Entries of the log that many nodes live by. If these fail, a node that was upgraded decides otherwise than the one
// that wrote the entry, and two people hold one bill.

#include "redis/log_entry.h"

#include <gtest/gtest.h>

#include "base/hex_test.h"

namespace hf::redis {
namespace {

// What the build before the families shared a list wrote, byte for byte.
constexpr std::string_view format_3 =
    "0301000000000000000002046d61696e0276020101026c6902064c69204c656904010503722d37064d0002010000000000000002000000"
    "0000000000070101026c6902064c69204c656904010503722d37064d000201000000000000000200000000000000030300000000000000"
    "0400000000000000040500000000000000060000000000000000024a000109000000000000000800000000000000020566697273740001"
    "0101026c6902064c69204c656904010503722d37064d00020100010953616c654f7264657202043130303104030000056f746865720000"
    "01020700";

// The commands of a section, whose types must be these, in this order.
template <class... C>
std::tuple<C...> commands_of(const EntrySection& section) {
  const auto read = section.read();
  if (!read || read->size() != sizeof...(C)) {
    ADD_FAILURE() << (read ? std::to_string(read->size()) : "unreadable") << " commands";
    return {};
  }
  std::size_t next = 0;
  const auto take = [&]<class One>() {
    One taken;
    std::visit(
        [&](const auto& of_family) {
          std::visit(
              [&]<class Is>(const Is& is) {
                if constexpr (std::is_same_v<Is, One>) {
                  taken = is;
                } else {
                  ADD_FAILURE() << "another command at place " << next;
                }
              },
              of_family);
        },
        (*read)[next++]);
    return taken;
  };
  return std::tuple<C...> { take.template operator()<C>()... };
}

TEST(LogEntry, commands_of_all_families_stay_in_the_order_in_which_they_were_submitted) {
  Entry entry;
  entry.kind = EntryKind::commands;
  EntrySection& section = entry.sections.emplace_back();
  section.ns = "main";
  section.add(StatusCommand(StatusTick{}));
  section.add(LockCommand(Heartbeat{{}, SessionId{{1, 2}}, Millis(5)}));
  section.add(StatusCommand(DropResync{{}, ResyncId{{3, 4}}}));
  const auto read = read_entry(write_entry(entry));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->sections.size(), 1U);
  const auto [first, beat, drop] = commands_of<StatusTick, Heartbeat, DropResync>(read->sections[0]);
  EXPECT_EQ(beat.session, (SessionId{{1, 2}}));
  EXPECT_EQ(drop.resync, (ResyncId{{3, 4}}));
}

// What the build before the families shared a list wrote, byte for byte: first what is asked of locks, then of the
// board; and where nothing is asked of locks, time passes for them.
TEST(LogEntry, an_entry_of_format_3_is_read_as_it_was_meant) {
  const auto entry = read_entry(test::bytes_of_hex(format_3));
  ASSERT_TRUE(entry);
  ASSERT_EQ(entry->sections.size(), 2U);
  EXPECT_EQ(entry->sections[0].ns, "main");
  const Caller who{"li", "Li Lei", false, true, "r-7", 77};
  const auto [end, transfer, begin, publish] =
      commands_of<EndSession, Transfer, BeginEpoch, Publish>(entry->sections[0]);
  EXPECT_EQ(end, (EndSession{who, SessionId{{1, 2}}}));
  EXPECT_EQ(transfer, (Transfer{who, SessionId{{1, 2}}, LockId{{3, 4}}, SessionId{{5, 6}}}));
  EXPECT_EQ(begin, (BeginEpoch{EpochId{{9, 8}}, "first"}));
  EXPECT_EQ(publish, (Publish{who, {StatusEvent{.type = "SaleOrder", .id = "1001", .version = 3}}}));
  EXPECT_EQ(entry->sections[1].ns, "other");
  commands_of<Tick, StatusTick>(entry->sections[1]);
}

// What the build before tags wrote, byte for byte.
TEST(LogEntry, an_entry_of_format_2_is_read_as_it_was_meant) {
  const auto entry = read_entry(test::bytes_of_hex(
      "0201000000000000000001046d61696e011f020477616e670477616e67000000000100000000000000020000000000000001ad0101026c"
      "69064c69204c6569000103722d374d02000953616c654f726465720431303031000103020a4461746153746174757300feffffffffffff"
      "ff035761790106e58e82e59586026c6903e69d8e0000000000000000000101809828176506000200000531302e35300001010000000000"
      "000002000000000000000953616c654f7264657204313030310a76616c69646174696e6707617070726f766508746f6f206c617465026c"
      "69024c6900"));
  ASSERT_TRUE(entry);
  ASSERT_EQ(entry->sections.size(), 1U);
  const auto [end, publish] = commands_of<EndSession, Publish>(entry->sections[0]);
  EXPECT_EQ(end, (EndSession{{.user = "wang", .user_name = "wang"}, SessionId{{1, 2}}}));
  EXPECT_EQ(publish.caller.user_name, "Li Lei");
  ASSERT_EQ(publish.events.size(), 2U);
  EXPECT_EQ(std::get<StatusEvent>(publish.events[0]).amount, "10.50");
  EXPECT_EQ(std::get<RunEvent>(publish.events[1]).step, "validating");
}

TEST(LogEntry, a_list_that_does_not_have_as_many_commands_as_it_says_is_refused) {
  Entry entry;
  entry.kind = EntryKind::commands;
  entry.sections.emplace_back().add(LockCommand(Tick{}));
  ++entry.sections[0].count;
  EXPECT_FALSE(read_entry(write_entry(entry))->sections[0].read());
  std::string older = test::bytes_of_hex(format_3);
  ASSERT_EQ(older[16], 2);
  older[16] = 3;
  EXPECT_FALSE(read_entry(older));
}

TEST(LogEntry, a_newer_format_is_refused) {
  std::string bytes = write_entry({.kind = EntryKind::tick});
  ASSERT_TRUE(read_entry(bytes));
  ++bytes[0];
  EXPECT_FALSE(read_entry(bytes));
}

}  // namespace
}  // namespace hf::redis
