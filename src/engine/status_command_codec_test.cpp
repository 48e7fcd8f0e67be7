// Status commands of a log that many nodes decide by. If these fail, two nodes read different events and their boards
// show different things.

#include <gtest/gtest.h>

#include "base/hex_test.h"
#include "engine/command_codec.h"

namespace hf {
namespace {

StatusEvent event() {
  StatusEvent e;
  e.type = "SaleOrder";
  e.id = "1001";
  e.no = "SO2511220007";
  e.version = (std::uint64_t{1} << 53) - 1;
  e.state = {{"DataStatus", std::int64_t{-2}}, {"Way", "厂商"}};
  e.creator = {"li", "李"};
  e.handler = {"wang", "王"};
  e.owner = {"E7", "七"};
  e.actor = {"boss", "老板"};
  e.department = "D1";
  e.action = "驳回";
  e.reason = "no";
  e.at = wall_us(1'800'000'000'000'001);
  e.deleted = true;
  e.title = "t";
  e.partner = "p";
  e.amount = "10.50";
  e.cause = "SaleOut:7";
  return e;
}

std::vector<StatusCommand> one_of_each() {
  const Caller caller{"erp", "ERP", true, true, "batch-7", 0xFEDC'BA98'7654'3210};
  const ResyncId resync{{5, 6}};
  RunEvent run{RunId{{1, 2}}, "SaleOrder", "1001", "validating", "approve", "too late", {"li", "Li"}, std::nullopt};
  return {BeginEpoch{EpochId{{9, 8}}, "first"},
          Publish{caller, {event(), run, StatusEvent{.type = "A", .id = "1"}}},
          OpenResync{caller, resync, "SaleOrder"},
          ResyncPage{caller, resync, {event()}},
          CommitResync{caller, resync, EpochId{{7, 7}}},
          DropResync{caller, resync},
          ReadNotices{caller, "E7", {1, 0xFFFF'FFFF'FFFF'FFFF}},
          StatusTick{}};
}

std::string bytes_of(const Command& command) {
  std::string bytes;
  write_command(bytes, command);
  return bytes;
}

TEST(StatusCommandCodec, what_was_written_is_read_whole_for_every_command) {
  std::string all;
  for (const StatusCommand& command : one_of_each()) write_command(all, command);
  std::string_view rest = all;
  for (const StatusCommand& command : one_of_each()) {
    const auto read = take_command(rest);
    ASSERT_TRUE(read) << command.index();
    EXPECT_EQ(std::get<StatusCommand>(*read).index(), command.index());
    EXPECT_EQ(bytes_of(*read), bytes_of(command));
  }
  EXPECT_TRUE(rest.empty());
}

TEST(StatusCommandCodec, every_field_of_an_event_arrives) {
  const std::string bytes = bytes_of(one_of_each()[1]);
  std::string_view rest = bytes;
  const auto read = take_command(rest);
  ASSERT_TRUE(read);
  const auto& publish = std::get<Publish>(std::get<StatusCommand>(*read));
  EXPECT_EQ(publish.caller.request_id, "batch-7");
  EXPECT_EQ(publish.caller.fingerprint, 0xFEDC'BA98'7654'3210);
  ASSERT_EQ(publish.events.size(), 3U);
  EXPECT_EQ(std::get<StatusEvent>(publish.events[0]), event());
  EXPECT_EQ(publish.events, std::get<Publish>(one_of_each()[1]).events);
}

TEST(StatusCommandCodec, whether_an_event_begins_or_ends_its_bill_arrives) {
  for (const bool created : {false, true}) {
    for (const bool deleted : {false, true}) {
      const std::string bytes =
          bytes_of(Publish{{}, {StatusEvent{.type = "A", .id = "1", .created = created, .deleted = deleted}}});
      std::string_view rest = bytes;
      const auto read = take_command(rest);
      ASSERT_TRUE(read);
      const auto& event = std::get<StatusEvent>(std::get<Publish>(std::get<StatusCommand>(*read)).events.at(0));
      EXPECT_EQ(event.created, created);
      EXPECT_EQ(event.deleted, deleted);
    }
  }
}

// What the build before tags wrote, byte for byte.
TEST(StatusCommandCodec, a_publish_by_place_is_read_as_it_was_meant) {
  const std::string bytes = test::bytes_of_hex(
      "01026c69064c69204c6569000103722d374d02000953616c654f726465720431303031000103020a4461746153746174757300feffffffff"
      "ffffff035761790106e58e82e59586026c6903e69d8e0000000000000000000101809828176506000200000531302e353000010100000000"
      "00000002000000000000000953616c654f7264657204313030310a76616c69646174696e6707617070726f766508746f6f206c617465026c"
      "69024c6900");
  StatusEvent e;
  e.type = "SaleOrder";
  e.id = "1001";
  e.version = 3;
  e.state = {{"DataStatus", std::int64_t{-2}}, {"Way", "厂商"}};
  e.creator = {"li", "李"};
  e.at = wall_us(1'800'000'000'000'001);
  e.created = true;
  e.amount = "10.50";
  const RunEvent run{RunId{{1, 2}}, "SaleOrder", "1001",       "validating",
                     "approve",     "too late",  {"li", "Li"}, std::nullopt};
  std::string_view rest = bytes;
  const auto read = take_status_command(rest, CommandFormat::by_place);
  ASSERT_TRUE(read);
  EXPECT_TRUE(rest.empty());
  const auto& publish = std::get<Publish>(std::get<StatusCommand>(*read));
  EXPECT_EQ(publish.caller.user_name, "Li Lei");
  EXPECT_EQ(publish.caller.fingerprint, 77U);
  EXPECT_EQ(publish.events, (std::vector<LogEvent>{e, run}));
}

TEST(StatusCommandCodec, truncated_bytes_are_refused_and_left_alone) {
  for (const StatusCommand& command : one_of_each()) {
    const std::string bytes = bytes_of(command);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      std::string_view rest = std::string_view(bytes).substr(0, size);
      EXPECT_FALSE(take_command(rest)) << command.index() << " cut to " << size;
      EXPECT_EQ(rest.size(), size);
    }
  }
}

TEST(StatusCommandCodec, what_is_no_command_is_refused) {
  std::string_view unknown = "\x7f";
  EXPECT_FALSE(take_command(unknown));
  const std::string question("\x48", 1);  // GetStatus is not written
  std::string_view rest = question;
  EXPECT_FALSE(take_command(rest));
  std::string bytes = bytes_of(Publish{{}, {RunEvent{}}});
  ASSERT_EQ(bytes.back(), 0);
  bytes[bytes.size() - 2] = 9;  // a tag that no run's event has; its end becomes its value
  bytes += '\0';
  rest = bytes;
  EXPECT_FALSE(take_command(rest));
}

TEST(StatusCommandCodec, only_questions_are_queries) {
  for (const StatusCommand& command : one_of_each()) EXPECT_FALSE(is_query(command)) << command.index();
  EXPECT_TRUE(is_query(GetStatus{}));
  EXPECT_TRUE(is_query(GetHistory{}));
  EXPECT_TRUE(is_query(GetTodo{}));
  EXPECT_TRUE(is_query(GetTodoPage{}));
  EXPECT_TRUE(is_query(GetTodoDiff{}));
  EXPECT_TRUE(is_query(ListNotices{}));
}

}  // namespace
}  // namespace hf
