// The relay over real databases, against a board in memory: whatever dies, waits or is wrong, an event that was
// committed is shown once, one that was not is never shown, and one bad row holds up no other. If these fail, people
// work by a list that does not say what the ERP says.

#include "outbox/relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "tests/outbox/erp_database.h"

namespace hf::outbox {
namespace {

using test::Erp;
using test::ErpDatabase;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace json = boost::json;

// What a server does with batches: repeats by batch id, versions, refusals as it words them.
class Board {
 public:
  std::optional<Error> trouble;           // answered instead
  bool answers_lost = false;              // logged, but nobody learns of it
  std::set<std::string> gone;             // ids of bills that were deleted
  std::set<std::string> poison;           // ids of bills that are refused, named by their place
  std::set<std::string> nameless_poison;  // the same, but nothing is named
  std::vector<std::string> shown;         // "bill@version", and "bill" without one
  std::vector<std::size_t> batches;       // how many events each had

  Result<std::vector<Verdict>> publish(const std::vector<Row>& rows) {
    batches.push_back(rows.size());
    if (trouble) return tl::unexpected(*trouble);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (poison.contains(bill(rows[i])))
        return fail(Code::invalid, "It is poison.", "events[" + std::to_string(i) + "].state");
      if (nameless_poison.contains(bill(rows[i]))) return fail(Code::too_large, "Something is too large.");
    }
    auto& answer = answers_[batch_id_of(rows)];
    if (answer.empty()) {
      for (const Row& row : rows) answer.push_back(log(row));
    }
    if (answers_lost) return fail(Code::unavailable, "The answer was lost.");
    return answer;
  }

 private:
  static std::string bill(const Row& row) { return json::value_to<std::string>(json::parse(row.event).at("id")); }
  Verdict log(const Row& row) {
    const std::string id = bill(row);
    if (gone.contains(id)) return {Verdict::Kind::deleted, 3};
    const json::value event = json::parse(row.event);
    const json::value* const version = event.get_object().if_contains("version");
    auto& [known, text] = versions_[id];
    if (version != nullptr) {
      const auto number = version->to_number<std::uint64_t>();
      if (number == known && text != row.event) return {Verdict::Kind::differs, known};
      if (number <= known) return {Verdict::Kind::stale, known};
      known = number;
      text = row.event;
    }
    shown.push_back(version == nullptr ? id : id + "@" + std::to_string(known));
    return {Verdict::Kind::logged, shown.size()};
  }

  std::map<std::string, std::vector<Verdict>> answers_;
  std::map<std::string, std::pair<std::uint64_t, std::string>> versions_;
};

class Outbox : public ::testing::TestWithParam<Dialect> {
 protected:
  void SetUp() override { ASSERT_FALSE(database.url().empty()) << "PostgreSQL did not start"; }
  bool on_postgresql() const { return GetParam() == Dialect::postgresql; }

  static RelayOptions options_of(const std::string& name) { return {.holder = name}; }
  Relay relay(const std::string& name) { return relay(options_of(name)); }
  Relay relay(RelayOptions options) {
    const std::string name = options.holder;
    return {database.outbox(),
            std::move(options),
            [this] { return now; },
            7,
            [this](const std::vector<Row>& rows, Millis) { return meanwhile(rows); },
            [this, name](RelayNews what, const std::string& text) {
              news.push_back(name + " " + std::string(name_of(what)));
              texts.push_back(text);
            }};
  }
  // Turns until nothing is to be done at once.
  static void drain(Relay& one) {
    for (int turn = 0; turn < 500; ++turn) {
      if (one.turn() > Millis(0)) return;
    }
    ADD_FAILURE() << "It never comes to rest.";
  }
  Relay leader(const std::string& name) {
    Relay one = relay(name);
    drain(one);
    EXPECT_TRUE(one.leads());
    return one;
  }
  std::size_t times_told(const std::string& what) const {
    return static_cast<std::size_t>(std::ranges::count(news, what));
  }

  ErpDatabase database{GetParam()};
  Erp erp{database.erp()};
  Time now{std::chrono::hours(1)};
  Board board;
  std::function<Result<std::vector<Verdict>>(const std::vector<Row>&)> meanwhile = [this](const auto& rows) {
    return board.publish(rows);
  };
  std::vector<std::string> news, texts;
};

INSTANTIATE_TEST_SUITE_P(Databases, Outbox, ::testing::Values(Dialect::sqlite, Dialect::postgresql),
                         [](const auto& info) { return std::string(name_of(info.param)); });

// SQLite has one writer at a time.
class OutboxOfManyWriters : public Outbox {};
INSTANTIATE_TEST_SUITE_P(Databases, OutboxOfManyWriters, ::testing::Values(Dialect::postgresql),
                         [](const auto& info) { return std::string(name_of(info.param)); });

// ---------------------------------------------------------------------------------------------- what comes out

TEST_P(Outbox, what_was_committed_before_a_crash_of_the_erp_is_published_and_what_was_not_is_not) {
  {
    Erp committed = database.erp();
    committed.begin();
    committed.write_bill("1", 1);
    committed.commit();
  }
  {
    Erp died = database.erp();
    died.begin();
    died.write_bill("2", 1);
  }
  Relay one = leader("one");
  EXPECT_THAT(board.shown, ElementsAre("1@1"));
  EXPECT_EQ(erp.rows(), 0);
}

TEST_P(Outbox, nothing_of_a_rolled_back_bulk_of_a_thousand_is_seen) {
  Relay one = leader("one");
  erp.begin();
  for (int i = 0; i < 1000; ++i) erp.write_bill(std::to_string(i), 1);
  drain(one);
  erp.roll_back();
  drain(one);
  EXPECT_THAT(board.batches, IsEmpty());
}

TEST_P(Outbox, the_events_of_one_transaction_leave_in_the_order_in_which_they_were_written) {
  erp.begin();
  for (int i = 9; i > 0; --i) erp.write_bill(std::to_string(i), i);
  erp.commit();
  Relay one = leader("one");
  EXPECT_THAT(board.shown, ElementsAre("9@9", "8@8", "7@7", "6@6", "5@5", "4@4", "3@3", "2@2", "1@1"));
}

TEST_P(OutboxOfManyWriters, a_transaction_with_the_lower_row_that_commits_later_is_delivered_too) {
  Relay one = leader("one");
  Erp a = database.erp();
  a.begin();
  a.write_bill("a", 1);
  erp.write_bill("b", 1);
  drain(one);
  EXPECT_THAT(board.shown, ElementsAre("b@1"));
  a.commit();
  drain(one);
  EXPECT_THAT(board.shown, ElementsAre("b@1", "a@1"));
}

TEST_P(OutboxOfManyWriters, a_long_transaction_holds_up_nobody_and_its_early_event_is_delivered_after_its_commit) {
  Relay one = leader("one");
  Erp slow = database.erp();
  slow.begin();
  slow.write_bill("slow", 1);
  for (int minute = 1; minute <= 10; ++minute) {
    erp.write_bill("quick", minute);
    now += std::chrono::minutes(1);
    drain(one);
    EXPECT_THAT(board.shown, SizeIs(minute)) << "held up in minute " << minute;
  }
  slow.commit();
  drain(one);
  EXPECT_EQ(board.shown.back(), "slow@1");
}

TEST_P(Outbox, a_row_id_is_never_used_again) {
  erp.write_bill("1", 0);
  const int first = std::stoi(erp.ask("SELECT MAX(id) FROM holdfast_outbox"));
  Relay one = leader("one");
  erp.write_bill("1", 0);
  EXPECT_GT(std::stoi(erp.ask("SELECT MAX(id) FROM holdfast_outbox")), first);
  drain(one);
  EXPECT_THAT(board.shown, ElementsAre("1", "1")) << "the second change was taken for a repeat of the first";
}

TEST_P(Outbox, a_batch_has_at_most_a_thousand_events) {
  erp.begin();
  for (int i = 0; i < 1001; ++i) erp.write_bill(std::to_string(i), 1);
  erp.commit();
  Relay one = leader("one");
  EXPECT_THAT(board.batches, ElementsAre(1000, 1));
  EXPECT_EQ(one.counts().logged, 1001u);
}

TEST_P(Outbox, a_batch_has_at_most_so_many_bytes_but_always_one_event) {
  RelayOptions options = options_of("one");
  erp.write_bill("1", 1);
  options.bytes_max = 2 * erp.ask("SELECT event FROM holdfast_outbox").size();
  for (int i = 2; i <= 5; ++i) erp.write_bill(std::to_string(i), 1);
  Relay one = relay(options);
  drain(one);
  EXPECT_THAT(board.batches, ElementsAre(2, 2, 1));
  options.bytes_max = 1;
  erp.write_bill("6", 1);
  erp.write_bill("7", 1);
  one.stop();
  Relay other = relay(options);
  drain(other);
  EXPECT_THAT(board.batches, ElementsAre(2, 2, 1, 1, 1));
}

TEST_P(Outbox, what_two_publishers_say_differently_is_acknowledged_and_told) {
  erp.write_bill("1", 7, 2);
  erp.write_bill("1", 7, 4);
  erp.write_bill("1", 6);
  Relay one = leader("one");
  EXPECT_EQ(erp.rows(), 0);
  EXPECT_EQ(times_told("one differs"), 1u);
  EXPECT_THAT(texts.back(), HasSubstr("SaleOrder:1"));
  EXPECT_EQ(one.counts().stale, 1u);
}

TEST_P(Outbox, what_comes_behind_a_deletion_is_put_aside_and_a_deletion_again_is_done) {
  board.gone = {"1"};
  erp.write_bill("1", 1);
  erp.write(R"({"type":"SaleOrder","id":"1","version":3,"deleted":true})");
  erp.write_bill("2", 1);
  Relay one = leader("one");
  EXPECT_EQ(board.shown, std::vector<std::string>{"2@1"});
  EXPECT_EQ(erp.rows(), 1) << "the one that nobody acknowledged";
  EXPECT_EQ(one.counts().refused, 1u);
  EXPECT_EQ(times_told("one refused"), 1u);
  const std::string why = erp.ask("SELECT refused FROM holdfast_outbox");
  EXPECT_THAT(why, HasSubstr("the bill was deleted, with version 3"));
  EXPECT_THAT(why, HasSubstr("\"created\":true"));
}

// ---------------------------------------------------------------------------------------------- repeats and fences

TEST_P(Outbox, what_was_published_but_not_removed_is_shown_once_also_without_versions) {
  erp.write_bill("with", 1);
  erp.write_bill("without", 0);
  board.answers_lost = true;
  {
    Relay killed = leader("killed");
    EXPECT_THAT(board.shown, ElementsAre("with@1", "without"));
  }
  EXPECT_EQ(erp.rows(), 2);
  board.answers_lost = false;
  erp.write_bill("later", 1);  // it must not become part of the repeated batch
  Relay next = relay("next");
  drain(next);
  EXPECT_FALSE(next.leads()) << "who says that the other one is dead?";
  now += options_of("").lease;
  drain(next);
  EXPECT_THAT(board.shown, ElementsAre("with@1", "without", "later@1"));
  EXPECT_EQ(erp.rows(), 0);
}

TEST_P(Outbox, the_same_relay_repeats_the_same_batch_after_a_lost_answer) {
  erp.write_bill("1", 0);
  board.answers_lost = true;
  Relay one = leader("one");
  erp.write_bill("2", 0);
  board.answers_lost = false;
  now += options_of("").retry_max;
  drain(one);
  EXPECT_THAT(board.shown, ElementsAre("1", "2"));
}

TEST_P(Outbox, of_two_relays_one_publishes_and_the_one_that_was_taken_for_dead_is_fenced_off) {
  Relay stuck = leader("stuck");
  Relay next = relay("next");
  drain(next);
  erp.write_bill("1", 0);
  bool first = true;
  // The answer to the first relay takes longer than its lease; the other one is at work meanwhile.
  meanwhile = [&](const std::vector<Row>& rows) {
    auto answer = board.publish(rows);
    if (!std::exchange(first, false)) return answer;
    drain(next);
    now += options_of("").lease;
    drain(next);
    EXPECT_TRUE(next.leads());
    EXPECT_EQ(erp.rows(), 0);
    erp.write_bill("1", 0);
    return answer;
  };
  stuck.turn();
  EXPECT_FALSE(stuck.leads());
  EXPECT_EQ(times_told("stuck fenced_off"), 1u);
  drain(stuck);
  EXPECT_FALSE(stuck.leads());
  EXPECT_EQ(erp.rows(), 1) << "the one that was fenced off removed a row";
  drain(next);
  EXPECT_THAT(board.shown, ElementsAre("1", "1"));
}

TEST_P(Outbox, a_relay_that_was_fenced_off_while_it_slept_publishes_nothing) {
  Relay asleep = leader("asleep");
  Relay next = relay("next");
  drain(next);
  now += options_of("").lease;
  drain(next);
  ASSERT_TRUE(next.leads());
  erp.write_bill("1", 0);
  asleep.turn();
  EXPECT_FALSE(asleep.leads());
  EXPECT_THAT(board.batches, IsEmpty());
}

TEST_P(Outbox, a_fenced_off_relay_changes_no_row_whatever_it_still_does) {
  SqlOutbox outbox = database.outbox();
  erp.write_bill("1", 1);
  const auto rows = *outbox.read(10, 1000);
  const Lease lease = *outbox.look();
  ASSERT_EQ(outbox.take(lease, "old"), true);
  ASSERT_EQ(outbox.take(*outbox.look(), "new"), true);
  const std::int64_t old = lease.fence + 1;
  EXPECT_EQ(outbox.settle(old, rows, {}), Fenced::lost);
  EXPECT_EQ(outbox.settle(old, {}, {{rows[0].id, "no"}}), Fenced::lost);
  EXPECT_EQ(outbox.beat(old, rows), Fenced::lost);
  EXPECT_EQ(outbox.release(old), Fenced::lost);
  EXPECT_EQ(*outbox.read(10, 1000), rows);
  EXPECT_EQ(*outbox.look(), (Lease{lease.fence + 2, 0, "new", {}}));
}

TEST_P(Outbox, of_several_that_saw_the_same_lease_one_takes_it) {
  SqlOutbox one = database.outbox();
  SqlOutbox other = database.outbox();
  const Lease seen = *one.look();
  EXPECT_EQ(one.take(seen, "one"), true);
  EXPECT_EQ(other.take(seen, "other"), false);
  const Lease beating = *one.look();
  ASSERT_EQ(one.beat(beating.fence), Fenced::held);
  EXPECT_EQ(other.take(beating, "other"), false) << "it has beaten since";
}

TEST_P(Outbox, a_relay_that_beats_is_never_replaced) {
  Relay one = leader("one");
  Relay other = relay("other");
  for (int i = 0; i < 60; ++i) {
    now += std::max(Millis(1), std::min(one.turn(), other.turn()));
    ASSERT_FALSE(other.leads()) << "in turn " << i;
  }
  now += options_of("").beat;
  board.trouble = Error{Code::unavailable, "away", {}};
  erp.write_bill("1", 1);
  const Time until = now + 3 * options_of("").lease;
  while (now < until) {
    now += std::max(Millis(1), std::min(one.turn(), other.turn()));
    ASSERT_FALSE(other.leads()) << "although it waits for the server only";
  }
}

TEST_P(Outbox, a_relay_that_stops_is_followed_at_once) {
  Relay one = leader("one");
  Relay other = relay("other");
  drain(other);
  one.stop();
  EXPECT_FALSE(one.leads());
  drain(other);
  EXPECT_TRUE(other.leads());
}

// ---------------------------------------------------------------------------------------------- trouble

TEST_P(Outbox, while_the_server_is_away_all_is_kept_and_then_drained) {
  for (const Code code : {Code::unavailable, Code::unauthenticated, Code::forbidden, Code::too_many, Code::draining,
                          Code::unknown_outcome, Code::not_found}) {
    SCOPED_TRACE(code_name(code));
    board = Board();
    news.clear();
    board.trouble = Error{code, "not now", {}};
    Relay one = leader("one");
    for (int i = 0; i < 50; ++i) {
      erp.write_bill(std::to_string(i), 1);
      now += std::max(Millis(1), one.turn());
    }
    EXPECT_EQ(erp.rows(), 50);
    EXPECT_EQ(times_told("one server_away"), 1u) << "told once, not at each attempt";
    board.trouble.reset();
    now += options_of("").retry_max;
    drain(one);
    EXPECT_EQ(erp.rows(), 0);
    EXPECT_THAT(board.shown, SizeIs(50));
    EXPECT_EQ(times_told("one server_back"), 1u);
    one.stop();
  }
}

TEST_P(Outbox, a_server_that_is_away_is_asked_less_and_less_but_never_forgotten) {
  board.trouble = Error{Code::unavailable, "away", {}};
  Relay one = leader("one");
  erp.write_bill("1", 1);
  const auto attempts_within = [&](Millis span) {
    const std::size_t before = board.batches.size();
    for (const Time until = now + span; now < until;) now += std::max(Millis(1), one.turn());
    return board.batches.size() - before;
  };
  EXPECT_GE(attempts_within(Millis(1'000)), 3u);
  attempts_within(Millis(20'000));
  const std::size_t later = attempts_within(Millis(60'000));
  EXPECT_GE(later, 60u / 5);
  EXPECT_LE(later, 2 * 60u / 5 + 1);
}

TEST_P(Outbox, a_poison_row_is_put_aside_with_its_reason_and_the_others_are_shown) {
  for (int i = 0; i < 10; ++i) erp.write_bill(std::to_string(i), 1);
  board.poison = {"3", "7"};
  Relay one = leader("one");
  EXPECT_THAT(board.shown, SizeIs(8));
  EXPECT_EQ(erp.ask("SELECT refused FROM holdfast_outbox ORDER BY id LIMIT 1"), "invalid: It is poison.");
  EXPECT_EQ(times_told("one refused"), 2u);
  EXPECT_EQ(erp.rows(), 2);
  erp.write_bill("10", 1);
  drain(one);
  EXPECT_EQ(board.shown.back(), "10@1");
  // Mended: it is sent again.
  board.poison.clear();
  erp.execute("UPDATE holdfast_outbox SET refused = NULL");
  drain(one);
  EXPECT_THAT(board.shown, SizeIs(11));
  EXPECT_EQ(erp.rows(), 0);
}

TEST_P(Outbox, a_poison_row_that_the_refusal_does_not_name_is_found) {
  erp.begin();
  for (int i = 0; i < 100; ++i) erp.write_bill(std::to_string(i), 1);
  erp.commit();
  board.nameless_poison = {"0", "63", "99"};
  Relay one = leader("one");
  EXPECT_THAT(board.shown, SizeIs(97));
  EXPECT_EQ(one.counts().refused, 3u);
  EXPECT_EQ(erp.ask("SELECT refused FROM holdfast_outbox ORDER BY id LIMIT 1"), "too_large: Something is too large.");
  EXPECT_LT(board.batches.size(), 60u);
}

TEST_P(Outbox, a_row_that_is_no_event_never_reaches_the_server) {
  erp.write("no JSON");
  erp.write(R"({"id":"1"},{"id":"2"})");
  erp.write("[]");
  erp.write("");
  erp.write(R"({"id":")" + std::string(event_bytes_max, 'x') + "\"}");
  erp.write_bill("good", 1);
  EXPECT_EQ(database.outbox().read(10, 1 << 20)->at(4).event, "") << "what is too long is not even loaded";
  Relay one = leader("one");
  EXPECT_THAT(board.shown, ElementsAre("good@1"));
  EXPECT_THAT(board.batches, ElementsAre(1));
  EXPECT_EQ(erp.rows(), 5);
  EXPECT_THAT(erp.ask("SELECT refused FROM holdfast_outbox ORDER BY id DESC LIMIT 1"), HasSubstr("16384 bytes"));
}

TEST_P(Outbox, a_reason_is_cut_between_characters) {
  SqlOutbox outbox = database.outbox();
  erp.write_bill("1", 1);
  const RowId id = (*outbox.read(1, 1000))[0].id;
  std::string why(2, 'x');
  for (std::size_t i = 0; i < refused_bytes_max; ++i) why += "\u9a73";
  ASSERT_EQ(outbox.settle(0, {}, {{id, why}}), Fenced::held);
  const auto state = outbox.state();
  ASSERT_TRUE(state);
  EXPECT_EQ(state->refused_rows[0].why, why.substr(0, 2 + 3 * ((refused_bytes_max - 2) / 3)));
}

TEST_P(Outbox, its_state_says_what_waits_what_was_refused_and_who_relays) {
  SqlOutbox outbox = database.outbox();
  EXPECT_EQ(outbox.state()->waiting, 0u);
  EXPECT_EQ(outbox.state()->oldest_seconds, 0);
  for (int i = 0; i < 3; ++i) erp.write_bill(std::to_string(i), 1);
  const std::string ago = on_postgresql() ? "now() - interval '1 hour'" : "datetime('now', '-1 hour')";
  erp.execute("UPDATE holdfast_outbox SET written_at = " + ago);
  const Lease lease = *outbox.look();
  ASSERT_EQ(outbox.take(lease, "one"), true);
  const auto rows = *outbox.read(1, 1000);
  ASSERT_EQ(outbox.settle(lease.fence + 1, {}, {{rows[0].id, "bad"}}), Fenced::held);
  const auto state = outbox.state();
  ASSERT_TRUE(state);
  EXPECT_EQ(state->waiting, 2u);
  EXPECT_NEAR(static_cast<double>(state->oldest_seconds), 3600, 60);
  EXPECT_EQ(state->refused, 1u);
  EXPECT_EQ(state->refused_rows, (std::vector<RefusedRow>{{rows[0].id, "bad"}}));
  EXPECT_EQ(state->lease.holder, "one");
}

TEST_P(Outbox, its_state_tells_the_first_of_many_refused_rows) {
  SqlOutbox outbox = database.outbox();
  for (std::size_t i = 0; i <= refused_told_max; ++i) erp.write_bill(std::to_string(i), 1);
  erp.execute("UPDATE holdfast_outbox SET refused = 'bad'");
  const auto state = outbox.state();
  ASSERT_TRUE(state);
  EXPECT_EQ(state->refused, refused_told_max + 1);
  EXPECT_EQ(state->refused_rows.size(), refused_told_max);
}

TEST_P(Outbox, to_make_the_tables_again_changes_nothing) {
  const Lease lease = *database.outbox().look();
  ASSERT_EQ(database.outbox().take(lease, "one"), true);
  erp.write_bill("1", 1);
  const std::string again(schema_of(GetParam()));
  for (const char* table : {"holdfast_outbox (", "holdfast_outbox_relay ("}) {
    EXPECT_THAT(again, HasSubstr("CREATE TABLE IF NOT EXISTS " + std::string(table)));
  }
  const auto insert = again.find("INSERT INTO");
  ASSERT_NE(insert, std::string::npos);
  erp.execute(again.substr(insert, again.rfind(';') - insert));
  EXPECT_EQ(database.outbox().look()->holder, "one");
  EXPECT_EQ(erp.rows(), 1);
}

TEST_P(Outbox, a_database_without_the_tables_is_unavailable_and_says_which_table_is_missing) {
  erp.execute("DROP TABLE holdfast_outbox_relay");
  Relay one = relay("one");
  EXPECT_GT(one.turn(), Millis(0));
  EXPECT_EQ(times_told("one database_away"), 1u);
  EXPECT_THAT(texts.back(), HasSubstr("holdfast_outbox_relay"));
}

TEST_P(Outbox, a_lease_without_its_row_says_what_to_do) {
  erp.execute("DELETE FROM holdfast_outbox_relay");
  const auto look = database.outbox().look();
  ASSERT_FALSE(look);
  EXPECT_THAT(look.error().detail, HasSubstr("holdfast outbox sql"));
}

TEST_P(Outbox, a_database_that_fails_before_the_removal_is_found_again_and_nothing_is_shown_twice) {
  test::PostgresProcess* const server = on_postgresql() ? ErpDatabase::postgres() : nullptr;
  Relay one = leader("one");
  erp.write_bill("1", 0);
  meanwhile = [&](const std::vector<Row>& rows) {
    auto answer = board.publish(rows);
    if (server != nullptr)
      server->crash();
    else
      erp.execute("ALTER TABLE holdfast_outbox_relay RENAME TO away");
    return answer;
  };
  for (int i = 0; i < 5; ++i) EXPECT_GT(one.turn(), Millis(0));
  EXPECT_GE(times_told("one database_away"), 1u);
  EXPECT_LE(times_told("one database_away"), 2u) << "told when it changes, not at each attempt";
  if (server != nullptr) {
    ASSERT_TRUE(server->start());
    erp = database.erp();
  } else {
    erp.execute("ALTER TABLE away RENAME TO holdfast_outbox_relay");
  }
  meanwhile = [this](const std::vector<Row>& rows) { return board.publish(rows); };
  EXPECT_EQ(erp.rows(), 1);
  erp.write_bill("2", 0);
  drain(one);
  EXPECT_THAT(board.shown, ElementsAre("1", "2"));
  EXPECT_EQ(erp.rows(), 0);
  EXPECT_EQ(times_told("one database_back"), 1u);
}

// ---------------------------------------------------------------------------------------------- around it

TEST(OutboxAddress, is_of_sqlite_or_of_postgresql) {
  EXPECT_TRUE(SqlOutbox::at("sqlite:/tmp/erp.db"));
  EXPECT_TRUE(SqlOutbox::at("postgresql://erp@127.0.0.1/erp"));
  for (const char* url : {"", "sqlite:", "sqlite:a\"b", "/tmp/erp.db", "mysql://erp@127.0.0.1/erp", "http://a"}) {
    const auto made = SqlOutbox::at(url);
    ASSERT_FALSE(made) << url;
    EXPECT_EQ(made.error().field, "from");
  }
}

TEST(OutboxAddress, a_file_that_is_not_there_is_not_made) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path() + "/with space.db";
  auto outbox = SqlOutbox::at("sqlite:" + path);
  ASSERT_TRUE(outbox);
  EXPECT_FALSE(outbox->look());
  EXPECT_FALSE(std::filesystem::exists(path));
  std::ofstream(path).close();
  EXPECT_THAT(outbox->look().error().detail, HasSubstr("no such table"));
}

TEST(OutboxPage, quotes_the_sql_that_the_program_carries) {
  std::ifstream in(std::string(HF_SOURCE_DIR) + "/docs/outbox.md");
  std::ostringstream page;
  page << in.rdbuf();
  for (const Dialect dialect : {Dialect::sqlite, Dialect::postgresql, Dialect::sqlserver, Dialect::mysql}) {
    EXPECT_NE(page.str().find("```sql\n" + std::string(schema_of(dialect)) + "```"), std::string::npos)
        << name_of(dialect);
  }
}

}  // namespace
}  // namespace hf::outbox
