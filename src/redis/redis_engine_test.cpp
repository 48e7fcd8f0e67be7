// The engine's phases, against a Redis that says what the test makes it say. If one of them were wrong, a node would
// answer before its entry is in the log, open a log that another node knows more of, or keep what the log has not.

#include "redis/redis_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>

#include "redis/digits.h"

namespace hf::redis {
namespace {

using testing::HasSubstr;

Reply text(std::string value) {
  Reply reply;
  reply.kind = Reply::Kind::text;
  reply.text = std::move(value);
  return reply;
}
Reply integer(std::uint64_t value) {
  Reply reply;
  reply.kind = Reply::Kind::integer;
  reply.integer = static_cast<std::int64_t>(value);
  return reply;
}
Reply array(std::vector<Reply> items) {
  Reply reply;
  reply.kind = Reply::Kind::array;
  reply.items = std::move(items);
  return reply;
}
Reply error(std::string value) {
  Reply reply;
  reply.kind = Reply::Kind::error;
  reply.text = std::move(value);
  return reply;
}

// Takes commands down; the test answers them.
class ScriptedLink final : public Link {
 public:
  struct Sent {
    Arguments arguments;
    Done done;
  };
  void send(Arguments arguments, Millis, Done done) override {
    sent.push_back({std::move(arguments), std::move(done)});
  }
  void on_up(std::function<void(const ServerInfo&)> call) override { up_ = std::move(call); }
  void on_down(std::function<void(const std::string&)> call) override { down_ = std::move(call); }
  bool is_up() const override { return standing_; }
  const std::string& trouble() const override { return trouble_; }
  void reconnect() override {
    sent.clear();
    standing_ = false;
  }

  void stand() {
    standing_ = true;
    ServerInfo info;
    info.run_id = "run";
    up_(info);
  }
  void fall(const std::string& why) {
    standing_ = false;
    trouble_ = why;
    down_(why);
  }
  // The oldest command that begins so and was not taken; nothing: there is none.
  std::optional<Sent> take(const std::string& first, const std::string& second = {}) {
    const auto found = std::ranges::find_if(sent, [&](const Sent& one) {
      return one.arguments[0] == first && (second.empty() || one.arguments[1] == second);
    });
    if (found == sent.end()) return std::nullopt;
    Sent taken = std::move(*found);
    sent.erase(found);
    return taken;
  }
  std::optional<Sent> take(ScriptName script) { return take("EVALSHA", script_of(script).digest); }

  std::deque<Sent> sent;

 private:
  std::function<void(const ServerInfo&)> up_;
  std::function<void(const std::string&)> down_;
  bool standing_ = false;
  std::string trouble_;
};

struct Told final : LockEngineSink {
  std::map<Ticket, Outcome> outcomes;
  int resets = 0;
  void on_outcome(Ticket ticket, Outcome&& outcome) override { outcomes.insert_or_assign(ticket, std::move(outcome)); }
  void on_event(NamespaceIndex, const Event&) override {}
  void on_turn_end() override {}
  void on_reset() override { ++resets; }
  void on_failed(std::string) override {}
};

constexpr std::uint64_t start_ms = 1'767'225'600'000;  // 2026: the engine decides nothing long before

// What hello.lua answers.
struct Hello {
  std::uint64_t generation = 1;
  bool open = true;
  std::uint64_t number = 0, opened = 0;
  std::string base;
  std::uint64_t base_number = 0, base_bytes = 0;
  std::uint64_t closed_for_ms = 0;
  bool found = true;
  std::vector<Reply> members;  // id, name …

  Reply reply() const {
    return array({integer(generation), integer(open ? 1 : 0), integer(number), integer(opened), text(base),
                  integer(base_number), integer(base_bytes), integer(closed_for_ms), integer(found ? 1 : 0), array({}),
                  integer(start_ms), array(members)});
  }
};

const Id128 self{0, 1}, other{0, 2};

// One entry as XREAD has it.
Reply entry_of(const Place& place, const Id128& origin, std::uint64_t batch, const std::string& bytes) {
  return array({text(digits(start_ms + place.number) + "-0"),
                array({text("n"), text(digits(place.number)), text("g"), text(digits(place.generation)), text("o"),
                       text(origin.text()), text("b"), text(digits(batch)), text("d"), text(bytes), text("t"),
                       text(digits(start_ms + place.number))})});
}

// The first entry of a log.
Reply opening_of(const Id128& origin) {
  Entry entry;
  entry.kind = EntryKind::open;
  entry.generation = 1;
  return entry_of({1, 1}, origin, 0, write_entry(entry));
}

LockCommand open_session() {
  return OpenSession{
      Caller{"li", "li", false, false, {}, 0}, SessionId{{100, 1}}, Secret{{1, 1}}, {}, Millis(30'000), false};
}

class RedisEngine : public testing::Test {
 protected:
  RedisEngine() : engine_(options(), writer_, reader_) { engine_.attach(told_); }

  EngineOptions options() {
    EngineOptions made;
    made.node = "one";
    made.self = self;
    made.monotonic = [this] { return now_; };
    made.random = [] { return Id128{7, 7}; };
    return made;
  }

  // Both links stand and the node has been told where the log is.
  void greet(const Hello& hello) {
    writer_.stand();
    answer_hello(hello);
  }
  void answer_hello(const Hello& hello) {
    const auto asked = writer_.take(script_hello);
    ASSERT_TRUE(asked);
    asked->done(hello.reply());
  }
  // What the node reads next.
  void read(std::vector<Reply> entries) {
    if (!reader_.is_up()) reader_.stand();
    const auto asked = reader_.take("XREAD");
    ASSERT_TRUE(asked);
    asked->done(array({array({text("hf:{holdfast}:log"), array(std::move(entries))})}));
  }
  // An append that the node asked for: the batch's number and bytes. Redis has not answered it.
  struct Appended {
    std::uint64_t batch = 0;
    std::string bytes;
    Done done;
  };
  Appended appended() {
    auto asked = writer_.take(script_append);
    if (!asked) {
      ADD_FAILURE() << "nothing was appended";
      return {};
    }
    // EVALSHA digest 3 meta log nodes generation node batch data
    return {number_in(asked->arguments[8]), asked->arguments[9], std::move(asked->done)};
  }
  void come_to_life() {
    greet({.number = 1, .opened = 1});
    read({opening_of(other)});
    engine_.tick();
    const Appended join = appended();
    join.done(integer(2));
    join_ = entry_of({1, 2}, self, join.batch, join.bytes);
    read({join_});
    ASSERT_TRUE(engine_.ready(why_)) << why_;
  }
  Ticket ask(Command command) {
    const auto ns = engine_.open_namespace("default");
    engine_.submit(*ns, ++tickets_, std::move(command), Wall{});
    return tickets_;
  }
  std::optional<Code> refused(Ticket ticket) {
    const auto found = told_.outcomes.find(ticket);
    if (found == told_.outcomes.end()) return std::nullopt;
    const Refusal* const refusal = refusal_in(found->second);
    return refusal == nullptr ? std::nullopt : std::optional(refusal->code);
  }

  Micros now_{1'000'000};
  ScriptedLink writer_, reader_;
  Told told_;
  Engine engine_;
  std::string why_;
  Ticket tickets_ = 0;
  Reply join_;  // the entry with which the node came
};

// ---------------------------------------------------------------------------------------------------- opening

TEST_F(RedisEngine, a_closed_log_that_nobody_else_knows_is_opened_at_once_without_an_image) {
  greet({.open = false});
  const auto opening = writer_.take(script_open);
  ASSERT_TRUE(opening);
  const auto entry = read_entry(opening->arguments[9]);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->kind, EntryKind::open);
  EXPECT_EQ(entry->generation, 1U);
  EXPECT_EQ(opening->arguments[10], "") << "there is nothing that the log lacks";
  opening->done(integer(1));
  answer_hello({.number = 1, .opened = 1});
  EXPECT_FALSE(engine_.ready(why_)) << "its own opening has not been read yet";
  read({entry_of({1, 1}, self, 0, opening->arguments[9])});
  engine_.tick();
  EXPECT_EQ(read_entry(appended().bytes)->kind, EntryKind::join);
}

TEST_F(RedisEngine, a_node_that_knows_more_than_the_log_opens_it_with_its_own_image) {
  come_to_life();
  writer_.fall("gone");
  greet({.generation = 2, .open = false, .number = 0, .found = false});
  const auto audit = writer_.take(script_audit);  // the trail is told first; this Redis cannot
  if (audit) audit->done(error("ERR no"));
  const auto piece = writer_.take("HSET", "hf:{holdfast}:base:2:" + Id128{7, 7}.text());
  ASSERT_TRUE(piece);
  EXPECT_TRUE(read_base_image(piece->arguments[3])) << "one piece holds it all";
  EXPECT_FALSE(writer_.take(script_open)) << "not before the image is there";
  piece->done(integer(1));
  writer_.take("EXPIRE")->done(integer(1));
  const auto opening = writer_.take(script_open);
  ASSERT_TRUE(opening);
  EXPECT_EQ(opening->arguments[10], piece->arguments[1]);
}

// ------------------------------------------------------------------------------------------------- quarantine

TEST_F(RedisEngine, a_closed_log_waits_for_a_member_that_has_not_spoken_and_then_opens_without_it) {
  const std::vector<Reply> members{text(other.text()), text("two")};
  greet({.open = false, .closed_for_ms = 1'000, .members = members});
  EXPECT_FALSE(writer_.take(script_open));
  EXPECT_FALSE(engine_.ready(why_));
  EXPECT_THAT(why_, HasSubstr("two"));
  now_ += Micros(300'000);
  engine_.tick();
  const auto past = static_cast<std::uint64_t>(quarantine_default.count()) + 1;
  answer_hello({.open = false, .closed_for_ms = past, .members = members});
  const auto opening = writer_.take(script_open);
  ASSERT_TRUE(opening);
  EXPECT_EQ(read_entry(opening->arguments[9])->unheard, std::vector{other});
}

// -------------------------------------------------------------------------------------------------- following

TEST_F(RedisEngine, a_node_decides_nothing_before_it_has_read_up_to_where_the_log_ended) {
  greet({.number = 2, .opened = 1});
  read({opening_of(other)});
  engine_.tick();
  EXPECT_FALSE(writer_.take(script_append)) << "number 2 is missing";
  EXPECT_FALSE(engine_.ready(why_));
  read({entry_of({1, 2}, other, 1, write_entry(Entry{}))});
  EXPECT_EQ(engine_.counters().number, 2U);
  EXPECT_EQ(read_entry(appended().bytes)->kind, EntryKind::join);
}

TEST_F(RedisEngine, what_others_put_into_the_log_is_passed_over_and_what_a_newer_version_put_there_stops_the_node) {
  come_to_life();
  read({array({text("1000009-0"), array({text("x"), text("y")})})});
  EXPECT_TRUE(engine_.ready(why_)) << "nobody's entry has no number";
  read({entry_of({1, 3}, other, 1, "of tomorrow")});
  EXPECT_FALSE(engine_.ready(why_));
  EXPECT_THAT(why_, HasSubstr("upgrade this node"));
  EXPECT_EQ(told_.resets, 1);
}

// -------------------------------------------------------------------------------------------------- appending

TEST_F(RedisEngine, a_command_is_answered_when_its_entry_is_met_and_not_when_redis_has_taken_it) {
  come_to_life();
  const Ticket ticket = ask(open_session());
  engine_.flush();
  const Appended batch = appended();
  batch.done(integer(3));
  EXPECT_TRUE(told_.outcomes.empty());
  read({entry_of({1, 3}, self, batch.batch, batch.bytes)});
  ASSERT_TRUE(told_.outcomes.contains(ticket));
  EXPECT_TRUE(std::holds_alternative<SessionOpened>(std::get<LockOutcome>(told_.outcomes[ticket])));
  EXPECT_FALSE(engine_.busy());
}

// An acquire that names a version asks the board for it: nodes that decide the two in another order disagree about who
// holds the bill.
TEST_F(RedisEngine, what_is_asked_of_the_board_and_of_locks_is_decided_in_one_order_on_every_node) {
  come_to_life();
  ask(open_session());
  engine_.flush();
  const Appended first = appended();
  const Reply first_entry = entry_of({1, 3}, self, first.batch, first.bytes);
  read({first_entry});
  const Caller li{"li", "li", false, false, {}, 0};
  ask(Publish{li, {StatusEvent{.type = "SaleOrder", .id = "1", .version = 5}}});
  Acquire behind;
  behind.caller = li;
  behind.session = SessionId{{100, 1}};
  behind.lock = LockId{{5, 5}};
  behind.targets = {*Target::parse("SaleOrder:1")};
  behind.if_versions = {{"SaleOrder:1", 4}};
  const Ticket ticket = ask(behind);
  engine_.flush();
  const Appended batch = appended();
  const Reply entry = entry_of({1, 4}, self, batch.batch, batch.bytes);
  read({entry});
  EXPECT_EQ(refused(ticket), Code::stale_version);

  ScriptedLink writer, reader;
  EngineOptions of_two = options();
  of_two.self = other;
  of_two.node = "two";
  Engine two(of_two, writer, reader);
  writer.stand();
  writer.take(script_hello)->done(Hello{.number = 4, .opened = 1}.reply());
  reader.stand();
  reader.take("XREAD")->done(
      array({array({text("hf:{holdfast}:log"), array({opening_of(other), join_, first_entry, entry})})}));
  EXPECT_EQ(two.image(), engine_.image());
}

TEST_F(RedisEngine, a_batch_that_surely_was_not_appended_waits_on_and_goes_with_the_next_one) {
  come_to_life();
  const Ticket ticket = ask(open_session());
  engine_.flush();
  const Appended batch = appended();
  batch.done(error("CLOSED the log is not open in generation 1"));
  EXPECT_FALSE(engine_.ready(why_));
  EXPECT_TRUE(told_.outcomes.empty());
  now_ += Micros(300'000);
  engine_.tick();
  answer_hello({.number = 2, .opened = 1});
  reader_.stand();
  engine_.flush();
  const Appended again = appended();
  EXPECT_GT(again.batch, batch.batch);
  EXPECT_EQ(again.bytes, batch.bytes);
  read({entry_of({1, 3}, self, again.batch, again.bytes)});
  EXPECT_TRUE(told_.outcomes.contains(ticket));
}

TEST_F(RedisEngine, a_batch_whose_answer_is_lost_is_appended_again_under_its_number) {
  come_to_life();
  ask(open_session());
  engine_.flush();
  const Appended batch = appended();
  batch.done(fail(Code::unknown_outcome, "the connection broke"));
  writer_.fall("the connection broke");
  greet({.number = 2, .opened = 1});
  const Appended again = appended();
  EXPECT_EQ(again.batch, batch.batch);
  EXPECT_EQ(again.bytes, batch.bytes);
}

TEST_F(RedisEngine, a_batch_that_nobody_answers_for_is_told_as_unknown_when_its_time_is_over) {
  come_to_life();
  const Ticket ticket = ask(open_session());
  engine_.flush();
  appended();
  now_ += Micros(2'000'001);
  engine_.tick();
  EXPECT_EQ(refused(ticket), Code::unknown_outcome);
}

// ------------------------------------------------------------------------------------------------------- lost

TEST_F(RedisEngine, while_redis_is_away_commands_wait_as_long_as_their_patience_and_are_then_refused_untouched) {
  come_to_life();
  writer_.fall("connection refused");
  const Ticket ticket = ask(open_session());
  engine_.flush();
  EXPECT_FALSE(writer_.take(script_append));
  EXPECT_FALSE(engine_.ready(why_));
  EXPECT_THAT(why_, HasSubstr("connection refused"));
  now_ += Micros(2'000'001);
  engine_.tick();
  EXPECT_EQ(refused(ticket), Code::unavailable);
}

TEST_F(RedisEngine, a_node_whose_place_the_log_does_not_know_begins_anew_with_the_image_under_it) {
  come_to_life();
  const std::string image = engine_.image();
  writer_.fall("gone");
  greet({.generation = 1,
         .number = 2,
         .opened = 1,
         .base = "base",
         .base_number = 2,
         .base_bytes = image.size(),
         .found = false});
  EXPECT_EQ(told_.resets, 1);
  EXPECT_EQ(engine_.counters().number, 0U);
  const auto pieces = reader_.take("HMGET", "base");
  ASSERT_TRUE(pieces);
  pieces->done(array({text(image)}));
  EXPECT_EQ(engine_.counters().number, 2U);
  EXPECT_TRUE(engine_.ready(why_)) << why_;
}

TEST_F(RedisEngine, after_a_gap_in_the_numbers_a_node_forgets_its_state_and_asks_where_the_log_is) {
  come_to_life();
  read({entry_of({1, 4}, other, 1, write_entry(Entry{}))});
  EXPECT_EQ(told_.resets, 1);
  EXPECT_FALSE(engine_.ready(why_));
  const auto asked = writer_.take(script_hello);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->arguments[10], "0") << "the number that it has come to";
}

TEST_F(RedisEngine, a_node_whose_name_another_process_took_steps_aside) {
  come_to_life();
  Entry join;
  join.kind = EntryKind::join;
  join.name = "one";
  read({entry_of({1, 3}, other, 1, write_entry(join))});
  EXPECT_FALSE(engine_.ready(why_));
  EXPECT_THAT(why_, HasSubstr("node one"));
}

}  // namespace
}  // namespace hf::redis
