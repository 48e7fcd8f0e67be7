// The Redis engine on a real Redis: several nodes live by one log. If these fail, two nodes grant one bill to two
// people, a node that was away goes on from a state that nobody else has, or one of an older version from a wrong one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/change_codec.h"
#include "engine/command_codec.h"
#include "redis/log_entry.h"
#include "redis/scripts.h"
#include "tests/redis/engine_commands.h"
#include "tests/redis/engine_nodes.h"
#include "tests/redis/redis_process.h"

namespace hf::test {
namespace {

using ::testing::SizeIs;

class EngineOnRedis : public ::testing::Test {
 protected:
  std::unique_ptr<EngineNode> node(std::uint64_t self) {
    NodeOptions options = base;
    options.self = self;
    auto made = std::make_unique<EngineNode>(loop, options);
    EXPECT_TRUE(loop.until([&] { return made->live(); }));
    return made;
  }
  void SetUp() override {
    ASSERT_TRUE(server.is_running());
    base.url = server.url();
  }
  RedisProcess server;
  TestLoop loop;
  NodeOptions base;
};

TEST_F(EngineOnRedis, one_node_grants_refuses_and_releases) {
  auto a = node(1);
  ASSERT_TRUE(std::holds_alternative<SessionOpened>(a->ask(open_session(1, "li"))));
  ASSERT_TRUE(std::holds_alternative<SessionOpened>(a->ask(open_session(2, "wang"))));
  const LockOutcome granted = a->ask(acquire(1, "li", 1, "SaleOrder:1"));
  ASSERT_TRUE(std::holds_alternative<Granted>(granted));
  const LockOutcome refused = a->ask(acquire(2, "wang", 2, "SaleOrder:1"));
  ASSERT_TRUE(std::holds_alternative<Refusal>(refused));
  EXPECT_EQ(std::get<Refusal>(refused).code, Code::locked);
  EXPECT_THAT(std::get<Refusal>(refused).conflicts, SizeIs(1));
  EXPECT_TRUE(std::get<Released>(a->ask(release(1, "li", 1))).released);
  EXPECT_TRUE(std::holds_alternative<Granted>(a->ask(acquire(2, "wang", 3, "SaleOrder:1"))));
  EXPECT_EQ(a->engine().check(), "");
}

TEST_F(EngineOnRedis, a_conflict_and_a_hand_over_reach_across_nodes) {
  auto a = node(1);
  auto b = node(2);
  a->ask(open_session(1, "li"));
  b->ask(open_session(2, "wang"));
  const auto first = std::get<Granted>(a->ask(acquire(1, "li", 1, "SaleOrder:1")));
  EXPECT_EQ(std::get<Refusal>(b->ask(acquire(2, "wang", 2, "SaleOrder:1"))).conflicts.at(0).user, "li");
  EXPECT_EQ(std::get<Queued>(b->ask(acquire(2, "wang", 3, "SaleOrder:1", Millis(60'000)))).position, 1U);
  a->ask(release(1, "li", 1));
  const auto granted = [&]() -> const LockGranted* {
    for (const auto& one : b->told().all) {
      if (const auto* event = std::get_if<LockGranted>(&one.event); one.ticket == 0 && event != nullptr) return event;
    }
    return nullptr;
  };
  ASSERT_TRUE(loop.until([&] { return granted() != nullptr; }));
  EXPECT_EQ(granted()->session, session(2));
  EXPECT_GT(granted()->granted.grant.token, first.grant.token);
}

TEST_F(EngineOnRedis, a_node_that_comes_later_knows_all_and_one_that_dies_leaves_its_sessions) {
  base.log_bytes_max = 4000;  // so that there is an image to begin with
  auto a = node(1);
  a->ask(open_session(1, "li"));
  a->ask(acquire(1, "li", 1, "SaleOrder:1"));
  for (std::uint64_t i = 10; i < 200; ++i) {
    a->ask(acquire(1, "li", i, "SaleOrder:7"));
    a->ask(release(1, "li", i));
  }
  ASSERT_TRUE(loop.until([&] { return a->engine().counters().images > 0; }));
  auto b = node(2);
  EXPECT_LT(b->engine().counters().entries, a->engine().counters().entries);
  a.reset();
  const LockOutcome back = b->ask(resume_session(1, "li"));
  ASSERT_TRUE(std::holds_alternative<SessionResumed>(back)) << std::get<Refusal>(back).detail;
  EXPECT_THAT(std::get<SessionResumed>(back).state.locks, SizeIs(1));
  EXPECT_EQ(b->engine().check(), "");
}

TEST_F(EngineOnRedis, a_node_with_other_rules_stays_away_until_the_others_are_gone) {
  base.rules = 7;
  auto a = node(1);
  a->ask(open_session(1, "li"));
  ASSERT_TRUE(loop.until([&] { return a->engine().counters().members == 1; }));
  NodeOptions other = base;
  other.self = 2;
  other.rules = 8;
  EngineNode b(loop, other);
  std::string why;
  ASSERT_TRUE(loop.until([&] {
    why.clear();
    return !b.engine().ready(why) && why.find("node-1") != std::string::npos;
  })) << why;
  EXPECT_NE(why.find("another catalog or other limits"), std::string::npos) << why;
  bool left = false;
  a->engine().leave([&] { left = true; });
  ASSERT_TRUE(loop.until([&] { return left && b.live(); }));
  EXPECT_TRUE(std::holds_alternative<Granted>(b.ask(acquire(1, "li", 1, "SaleOrder:1"))));
}

TEST_F(EngineOnRedis, a_hundred_thousand_locks_that_come_and_go_leave_no_keys_and_a_short_log) {
  constexpr std::uint64_t pairs = 100'000;
  base.log_bytes_max = 200'000;
  auto a = node(1);
  a->ask(open_session(1, "li"));
  const auto keys = [&] { return server.command({"DBSIZE"}).integer; };
  for (std::uint64_t i = 1; i <= pairs; ++i) {
    a->post(acquire(1, "li", i, "SaleOrder:" + std::to_string(i)));
    a->post(release(1, "li", i));
    if (i % 500 != 0) continue;
    a->ask(GetStats{});
    a->told().all.clear();
    ASSERT_LE(keys(), 7);  // log, meta, nodes, members, audit, the image, and the next one while it is written
  }
  EXPECT_EQ(std::get<Stats>(a->ask(GetStats{})).released, pairs);
  EXPECT_GT(a->engine().counters().images, 1U);
  EXPECT_TRUE(loop.until([&] { return keys() == 6; }));
  EXPECT_LT(server.command({"XLEN", redis::Engine::key_of(base.name)}).integer, 2000);
}

// ------------------------------------------------------------------------------------------------- other versions

class OtherVersions : public EngineOnRedis {
 protected:
  void SetUp() override {
    EngineOnRedis::SetUp();
    a = node(1);
    a->ask(open_session(1, "li"));
    a->ask(open_session(2, "wang"));
    ASSERT_NE(token_of(a->ask(acquire(1, "li", 1, "SaleOrder:1"))), 0U);
  }
  std::string key(const std::string& of) const { return "hf:{" + base.name + "}:" + of; }
  // What a node appends whose scripts have another text.
  void append(const std::string& bytes) {
    append(bytes, redis::script_of(redis::script_append).text + "-- of another version\n");
  }
  void append(const std::string& bytes, const std::string& text) {
    const redis::Reply reply =
        server.command({"EVAL", text, "3", key("meta"), key("log"), key("nodes"),
                        std::to_string(a->engine().counters().generation), Id128{9, 9}.text(), digits(++batch), bytes});
    ASSERT_EQ(reply.kind, redis::Reply::Kind::integer) << reply.text;
  }
  static std::string digits(std::uint64_t n) { return std::to_string(n); }
  static std::string entry_of(const std::vector<LockCommand>& commands, const std::string& behind = {}) {
    redis::Entry entry;
    entry.kind = redis::EntryKind::commands;
    redis::EntrySection& section = entry.sections.emplace_back();
    section.ns = "main";
    section.count = commands.size() + (behind.empty() ? 0U : 1U);
    for (const LockCommand& command : commands) write_command(section.commands, command);
    section.commands += behind;
    return redis::write_entry(entry);
  }
  // The script of ours, with `of` in the place of `what`.
  static std::string script_with(const std::string& what, const std::string& of) {
    std::string text = redis::script_of(redis::script_append).text;
    const std::size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return at == std::string::npos ? text : text.replace(at, what.size(), of);
  }
  // Ids of the log are a day ahead from now on; the second that they begin with.
  std::uint64_t set_ids_ahead() const {
    const std::uint64_t ahead = std::stoull(server.command({"TIME"}).items.at(0).text) + 86'400;
    EXPECT_EQ(server.command({"XSETID", key("log"), digits(ahead * 1000) + "-0"}).text, "OK");
    return ahead;
  }
  // What a tree says of a clock that it did not believe.
  bool alarmed(const std::string& word) const {
    for (const LockEvent& event : a->told().events()) {
      const auto* alarm = std::get_if<ClockAlarm>(&event);
      if (alarm != nullptr && alarm->what.find(word) != std::string::npos) return true;
    }
    return false;
  }
  static std::string newer(std::string bytes) {
    bytes.at(0) = static_cast<char>(std::max(redis::entry_format, redis::base_image_format) + 1);
    return bytes;
  }
  std::string why_not_ready() const {
    std::string why;
    return a->engine().ready(why) ? "" : why;
  }
  // Out of the way, in one step, and it stays so.
  void expect_aside(const std::string& word) {
    ASSERT_TRUE(loop.until([&] { return why_not_ready().find(word) != std::string::npos; })) << why_not_ready();
    EXPECT_EQ(a->told().resets, 1);
    EXPECT_EQ(code_of(a->ask(acquire(1, "li", 50, "SaleOrder:50"))), Code::unavailable);
    EXPECT_NE(why_not_ready().find(word), std::string::npos) << why_not_ready();
    EXPECT_EQ(a->told().resets, 1) << "it tried again what it cannot read";
    EXPECT_EQ(server.command({"HLEN", key("members")}).integer, 0) << "nobody shall wait for it";
  }

  std::unique_ptr<EngineNode> a;
  std::uint64_t batch = 0;
};

TEST_F(OtherVersions, what_scripts_of_another_text_append_is_decided_by_all) {
  append(entry_of({acquire(2, "wang", 2, "SaleOrder:2")}));
  EXPECT_EQ(code_of(a->ask(acquire(1, "li", 3, "SaleOrder:2"))), Code::locked);
  append(entry_of({release(2, "wang", 2)}));
  EXPECT_NE(token_of(a->ask(acquire(1, "li", 4, "SaleOrder:2"))), 0U);
}

TEST_F(OtherVersions, an_entry_that_does_not_say_what_the_clock_showed_has_the_clock_of_its_id) {
  set_ids_ahead();
  a->ask(GetStats{});
  EXPECT_FALSE(alarmed("ahead"));
  append(entry_of({acquire(2, "wang", 2, "SaleOrder:2")}), script_with(", 't', now)", ")"));
  EXPECT_EQ(code_of(a->ask(acquire(1, "li", 3, "SaleOrder:2"))), Code::locked);
  EXPECT_TRUE(alarmed("ahead"));
}

TEST_F(OtherVersions, a_clock_of_redis_that_was_ahead_and_was_put_right_leaves_no_member_in_the_future) {
  const std::uint64_t ahead = set_ids_ahead();
  redis::Entry join;
  join.kind = redis::EntryKind::join;
  join.name = "a node that then dies";
  append(redis::write_entry(join), script_with("redis.call('TIME')", "{'" + digits(ahead + 1) + "', '0'}"));
  ASSERT_TRUE(loop.until([&] { return alarmed("ahead") && alarmed("back"); }));
  a->ask(GetStats{});
  const auto seen = [&] {
    const auto image = redis::read_base_image(a->engine().image());
    std::vector<std::int64_t> found;
    for (const auto& [id, member] : image->members) found.push_back(to_us(member.seen) / 1'000'000);
    return found;
  };
  EXPECT_TRUE(loop.until([&] {
    const auto found = seen();
    return found.size() == 2 &&
           std::ranges::all_of(found, [&](std::int64_t at) { return at < static_cast<std::int64_t>(ahead) - 80'000; });
  })) << ::testing::PrintToString(seen());
  EXPECT_NE(token_of(a->ask(acquire(1, "li", 3, "SaleOrder:2"))), 0U);
}

TEST_F(OtherVersions, an_entry_of_a_newer_format_makes_a_node_step_aside_until_something_else_is_there) {
  append(newer(entry_of({release(1, "li", 1)})));
  expect_aside("upgrade this node");
  ASSERT_EQ(server.command({"FLUSHALL"}).text, "OK");
  EXPECT_TRUE(loop.until([&] { return a->live(); })) << why_not_ready();
}

TEST_F(OtherVersions, a_command_that_is_not_known_keeps_what_is_beside_it_from_being_done) {
  const std::size_t told = a->told().all.size();
  append(entry_of({release(1, "li", 1)}, "\xFE a command of tomorrow"));
  expect_aside("upgrade this node");
  for (std::size_t i = told; i < a->told().all.size(); ++i) {
    EXPECT_NE(a->told().all[i].ticket, 0U) << "an event of an entry that was not understood";
  }
}

// A node of the build before wrote it, by place, and then all were upgraded.
TEST_F(OtherVersions, an_entry_of_the_format_before_is_decided_as_it_was_meant) {
  std::string bytes;
  ByteWriter w(bytes);
  w.u8(2);  // the end of a session
  w.text("wang");
  w.text("wang");
  w.u8(0);
  w.u8(0);
  w.text({});
  w.varint(0);
  w.id(session(2).value);
  a->ask(acquire(2, "wang", 2, "SaleOrder:2"));
  EXPECT_EQ(code_of(a->ask(acquire(1, "li", 3, "SaleOrder:2"))), Code::locked);
  std::string entry = redis::write_entry({.kind = redis::EntryKind::commands});
  entry.at(0) = 2;
  entry.pop_back();  // the number of sections
  ByteWriter e(entry);
  e.varint(1);
  e.text("main");
  e.varint(1);
  e.text(bytes);
  e.varint(0);  // of status
  e.text({});
  append(entry);
  EXPECT_TRUE(loop.until([&] { return token_of(a->ask(acquire(1, "li", 4, "SaleOrder:2"))) != 0; }));
}

// A node of the build after this one wrote a field that this one does not have.
TEST_F(OtherVersions, a_field_that_is_not_known_makes_a_node_step_aside) {
  std::string beat;
  write_command(beat, Heartbeat{caller("li"), session(1), Millis(5)});
  beat.back() = 99;  // a tag of tomorrow, behind all that is known
  beat += std::string("\1\0", 2);
  append(entry_of({}, beat));
  expect_aside("upgrade this node");
}

TEST_F(OtherVersions, an_image_of_a_newer_format_keeps_an_older_node_out_and_hinders_nobody) {
  ASSERT_TRUE(a->leave());
  a.reset();
  base.log_bytes_max = 2000;
  a = node(3);
  for (std::uint64_t i = 10; i < 100 && a->engine().counters().images == 0; ++i) {
    a->ask(acquire(1, "li", i, "SaleOrder:7"));
  }
  const auto image_key = [&] { return server.command({"HGET", key("meta"), "base"}).text; };
  ASSERT_TRUE(loop.until([&] { return !image_key().empty(); }));
  server.command({"HSET", image_key(), "0", newer(server.command({"HGET", image_key(), "0"}).text)});
  NodeOptions options = base;
  options.self = 2;
  EngineNode older(loop, options);
  std::string why;
  ASSERT_TRUE(loop.until([&] {
    why.clear();
    return !older.engine().ready(why) && why.find("of a newer version than this node: upgrade it") != std::string::npos;
  })) << why;
  EXPECT_EQ(code_of(a->ask(acquire(2, "wang", 2, "SaleOrder:1"))), Code::locked);
  EXPECT_FALSE(older.live());
}

// ------------------------------------------------------------------------------------------------- sessions

TEST_F(EngineOnRedis, a_session_taken_over_elsewhere_is_told_to_the_node_it_left) {
  auto a = node(1);
  auto b = node(2);
  a->ask(open_session(1, "li"));
  b->ask(resume_session(1, "li"));
  a->ask(GetSession{caller("li"), session(1)});
  EXPECT_TRUE(a->told().taken.empty()) << "nobody knows yet whether the asker is there";
  b->ask(take_over(1, "li"));
  ASSERT_TRUE(loop.until([&] { return !a->told().taken.empty(); }));
  EXPECT_EQ(a->told().taken.front(), session(1));
  EXPECT_TRUE(b->told().taken.empty());
}

// ------------------------------------------------------------------------------------------------- a node that dies

// Somebody waits at b for what li holds; nobody but b could tell him.
LockCommand wait_at(const EngineNode& b, std::uint64_t id) {
  Acquire wanted = std::get<Acquire>(acquire(2, "wang", id, "SaleOrder:1", Millis(600'000)));
  wanted.node = b.self();
  return wanted;
}

std::uint64_t waits_at(EngineNode& node) { return std::get<Stats>(node.ask(GetStats{})).waits; }

TEST_F(EngineOnRedis, what_only_a_dead_node_could_tell_ends_when_it_is_known_to_be_dead) {
  auto a = node(1);
  auto b = node(2);
  a->ask(open_session(1, "li"));
  b->ask(open_session(2, "wang", Millis(600'000)));
  a->ask(acquire(1, "li", 1, "SaleOrder:1"));
  b->ask(wait_at(*b, 2));
  ASSERT_EQ(waits_at(*a), 1U);
  bool left = false;
  b->engine().leave([&] { left = true; });
  ASSERT_TRUE(loop.until([&] { return left && waits_at(*a) == 0; }));
  EXPECT_TRUE(std::get<Released>(a->ask(release(1, "li", 1))).released);
  EXPECT_NE(token_of(a->ask(acquire(1, "li", 3, "SaleOrder:1"))), 0U) << "nobody was granted it instead";
}

TEST_F(EngineOnRedis, a_node_that_is_back_under_its_name_ends_what_only_its_former_self_could_tell) {
  base.node = "pc7";
  auto b = node(2);
  base.node = "pc1";
  auto a = node(1);
  a->ask(open_session(1, "li"));
  b->ask(open_session(2, "wang", Millis(600'000)));
  a->ask(acquire(1, "li", 1, "SaleOrder:1"));
  b->ask(wait_at(*b, 2));
  b.reset();  // no time for anything
  ASSERT_EQ(waits_at(*a), 1U);
  base.node = "pc7";
  auto c = node(3);
  EXPECT_EQ(waits_at(*a), 0U);
  EXPECT_EQ(waits_at(*c), 0U);
  EXPECT_EQ(a->engine().counters().members, 2U);
}

TEST_F(EngineOnRedis, a_process_whose_name_another_took_steps_aside_and_says_so) {
  base.node = "pc7";
  auto a = node(1);
  a->ask(open_session(1, "li"));
  auto b = node(2);
  std::string why;
  ASSERT_TRUE(loop.until([&] {
    why.clear();
    return !a->engine().ready(why) && why.find("pc7") != std::string::npos;
  })) << why;
  EXPECT_EQ(a->told().resets, 1);
  EXPECT_NE(token_of(b->ask(acquire(1, "li", 1, "SaleOrder:1"))), 0U);
  EXPECT_FALSE(a->live());
}

}  // namespace
}  // namespace hf::test
