// The scenarios of status sync, one by one: README.md has the list. Each is something that goes wrong in installations;
// if its test fails, that goes wrong in ours, and somebody's tree is wrong without a sign.
#include "simulation/scenario_fixture.h"

namespace hf::sim {
namespace {

constexpr Millis offline{5'000};

// ------------------------------------------------------------------------------------------ coming back

TEST_F(Scenario, scenario_01_who_comes_back_in_time_is_told_each_change_once_and_then_follows) {
  World& w = begin();
  for (std::size_t i = 0; i < 20; ++i) w.change(a(i), 2);
  ASSERT_TRUE(all_published());
  Seat& seat = sit("u0");
  ASSERT_TRUE(all_live());
  w.fall_asleep(seat);
  for (std::size_t i = 0; i < 5; ++i) {
    w.change(a(i), 1);
    w.change(a(i), 2, 2);
  }
  w.time.run(offline);
  const std::size_t told = seat.judge->upserts;
  w.wake(seat);
  ASSERT_TRUE(all_live());
  EXPECT_EQ(seat.judge->mode, "diff");
  EXPECT_EQ(seat.judge->upserts - told, 5u) << "the last state of each row that changed, and no other";
  EXPECT_EQ(seat.judge->snapshots, 1u);
  w.change(a(7), 1);
  EXPECT_TRUE(converged());
}

TEST_F(Scenario, scenario_02_who_comes_back_too_late_is_given_a_snapshot_that_says_so) {
  WorldOptions options;
  options.board.log_entries_max = 10;
  World& w = begin(options);
  Seat& seat = sit("u0");
  w.change(a(1), 2);
  ASSERT_TRUE(converged());
  w.fall_asleep(seat);
  for (std::size_t i = 0; i < 15; ++i) w.change(a(i), 2);
  ASSERT_TRUE(all_published());
  w.wake(seat);
  ASSERT_TRUE(all_live());
  EXPECT_EQ(seat.judge->mode, "snapshot");
  EXPECT_EQ(seat.judge->reason, "trimmed");
  EXPECT_TRUE(converged());
}

TEST_F(Scenario, scenario_03_what_is_published_while_a_snapshot_is_paged_is_in_it_or_behind_it) {
  WorldOptions options;
  options.todo.rows_per_page = 2;
  options.publishers = 1;
  World& w = begin(options);
  for (std::size_t i = 0; i < 300; ++i) w.change(a(i), 2);
  ASSERT_TRUE(until([&] { return w.all_published(); }, Millis(60'000)));
  Seat& seat = sit("u0");
  keep(seat);
  std::size_t changed = 0;
  while (!seat.screen->live() && changed < 2'000) {
    w.change(a(changed % 310), changed % 3 == 0 ? 1 : 2, changed % 5 == 0 ? 2 : 0);
    ++changed;
    w.time.run(Millis(2));
  }
  EXPECT_GT(changed, 50u) << "the snapshot was over before anything was published";
  EXPECT_TRUE(seat.screen->live()) << "publishing without an end must not keep it from its end";
  EXPECT_TRUE(converged());
  EXPECT_EQ(seat.judge->snapshots, 1u);
  EXPECT_GT(frames(seat, "todo.page").size(), 100u);
}

TEST_F(Scenario, scenario_22_a_laptop_that_slept_for_a_night_connects_once_and_takes_one_diff) {
  World& w = begin();
  for (std::size_t i = 0; i < 10; ++i) w.change(a(i), 2);
  Seat& seat = sit("u0");
  ASSERT_TRUE(converged());
  w.fall_asleep(seat);
  for (int hour = 0; hour < 14; ++hour) {
    w.change(a(static_cast<std::size_t>(hour % 10)), hour % 2 == 0 ? 1 : 2);
    w.time.run(std::chrono::hours(1));
  }
  const std::size_t connects = seat.connects, told = seat.judge->frames;
  w.wake(seat);
  ASSERT_TRUE(all_live());
  EXPECT_EQ(seat.judge->mode, "diff");
  EXPECT_EQ(seat.connects - connects, 1u);
  EXPECT_EQ(seat.judge->frames - told, 1u);
  EXPECT_TRUE(converged());
}

TEST_F(Scenario, scenario_37_a_cursor_at_the_trimmed_offset_is_served_and_one_before_it_is_not) {
  WorldOptions options;
  options.board.log_entries_max = 10;
  for (const std::size_t missed : {9u, 10u, 11u}) {
    World& w = begin(options);
    Seat& seat = sit("u0");
    for (std::size_t i = 0; i < 30; ++i) w.change(a(i), 2);
    ASSERT_TRUE(converged());
    w.fall_asleep(seat);
    for (std::size_t i = 0; i < missed; ++i) w.change(a(i), 1);
    ASSERT_TRUE(all_published());
    w.time.run(offline);  // trimmed is with what comes next, a tick at the latest
    w.wake(seat);
    ASSERT_TRUE(all_live());
    EXPECT_EQ(seat.judge->mode, missed > 10 ? "snapshot" : "diff") << missed;
    EXPECT_TRUE(converged());
    EXPECT_TRUE(w.faults.empty());
  }
}

TEST_F(Scenario, scenario_42_the_first_subscriber_of_an_empty_system_has_a_position) {
  World& w = begin();
  Seat& seat = sit("u0");
  ASSERT_TRUE(all_live());
  EXPECT_NE(seat.screen->cursor(), "");
  w.fall_asleep(seat);
  w.change(a(1), 2);
  ASSERT_TRUE(all_published());
  w.wake(seat);
  ASSERT_TRUE(all_live());
  EXPECT_EQ(seat.judge->mode, "diff");
  World& shared = begin_on_redis(2);
  Seat& other = sit("u0");
  ASSERT_TRUE(all_live());
  shared.change(a(1), 2);
  EXPECT_TRUE(converged());
  EXPECT_NE(other.screen->cursor(), "");
}

// ------------------------------------------------------------------------------------------ a shared Redis

TEST_F(Scenario, scenario_04_a_flushed_redis_is_a_new_epoch_for_every_client_and_loses_nothing) {
  World& w = begin_on_redis(2);
  Seat& one = sit_at(0, "u0");
  Seat& two = sit_at(1, "u1");
  for (std::size_t i = 0; i < 8; ++i) w.change(a(i), 2);
  ASSERT_TRUE(converged());
  const std::size_t snapshots = one.judge->snapshots + two.judge->snapshots;
  w.redis.memory = {};
  w.change(a(1), 1);
  ASSERT_TRUE(until([&] { return one.judge->snapshots + two.judge->snapshots >= snapshots + 2; }, Millis(60'000)));
  ASSERT_TRUE(all_live());
  EXPECT_EQ(one.judge->reason, "epoch");
  EXPECT_EQ(two.judge->reason, "epoch");
  ASSERT_TRUE(all_published());
  EXPECT_TRUE(until([&] { return w.difference().empty(); }));
}

TEST_F(Scenario, scenario_05_a_failover_that_lost_the_tail_reuses_no_offset_under_the_old_epoch) {
  World& w = begin_on_redis(2);
  Seat& seat = sit("u0");
  w.change(a(1), 2);
  ASSERT_TRUE(converged());
  const SimulatedRedis::Memory replica = w.redis.memory;
  for (std::size_t i = 2; i < 8; ++i) w.change(a(i), 2);
  ASSERT_TRUE(converged());
  const std::string epoch = seat.screen->cursor().substr(0, 28);
  w.redis.restart(replica);
  for (std::size_t i = 0; i < w.nodes(); ++i) w.node(i).cut_redis(true);
  for (std::size_t i = 0; i < w.nodes(); ++i) w.node(i).cut_redis(false);
  w.change(a(9), 2);
  ASSERT_TRUE(until([&] { return w.all_published(); }, Millis(60'000)));
  ASSERT_TRUE(until([&] { return w.all_live() && w.difference().empty(); }, Millis(60'000)))
      << "what was acknowledged is still there: " << w.difference();
  EXPECT_EQ(seat.judge->reason, "epoch");
  EXPECT_NE(seat.screen->cursor().substr(0, 28), epoch);
}

TEST_F(Scenario, scenario_06_a_redis_restored_from_an_old_dump_is_given_what_it_lacks) {
  World& w = begin_on_redis(3);
  sit("u0");
  sit("u1", {"office"}, {"D1"});
  const SimulatedRedis::Memory dump = w.redis.memory;
  for (std::size_t i = 0; i < 12; ++i) w.change(a(i), 2, 0, "u1", "D1");
  ASSERT_TRUE(converged());
  for (std::size_t i = 0; i < w.nodes(); ++i) w.node(i).cut_redis(true);
  w.time.run(Millis(1'000));
  w.redis.restart(dump);
  for (std::size_t i = 0; i < w.nodes(); ++i) w.node(i).cut_redis(false);
  ASSERT_TRUE(until([&] { return w.node(0).ready() && w.node(1).ready() && w.node(2).ready(); }, Millis(60'000)));
  ASSERT_TRUE(until([&] { return w.all_live() && w.difference().empty(); }, Millis(60'000))) << w.difference();
  w.change(a(3), 1);
  EXPECT_TRUE(converged());
}

TEST_F(Scenario, scenario_07_a_read_whose_answer_was_lost_is_made_again_and_nothing_is_missed) {
  World& w = begin_on_redis(2);
  Seat& seat = sit_at(1, "u0");
  w.change(a(1), 2);
  ASSERT_TRUE(converged());
  w.node(1).swallow_redis(true);
  w.time.run(Millis(200));
  for (std::size_t i = 0; i < 5; ++i) {
    w.change(a(i), 1);
  }
  w.time.run(Millis(300));
  w.node(1).swallow_redis(false);
  ASSERT_TRUE(until([&] { return w.all_published() && w.all_live() && w.difference().empty(); })) << w.difference();
  EXPECT_EQ(seat.judge->snapshots, 1u) << "clients see nothing of it";
}

TEST_F(Scenario, scenario_08_a_node_whose_redis_is_silent_says_that_it_is_not_ready_and_catches_up) {
  World& w = begin_on_redis(2);
  Seat& deaf = sit_at(1, "u0");
  w.change(a(1), 2);
  ASSERT_TRUE(converged());
  w.node(1).swallow_redis(true);
  EXPECT_TRUE(until([&] { return !w.node(1).ready(); }, Millis(6'000))) << "within two timeouts";
  EXPECT_TRUE(w.node(0).ready());
  deaf.node.reset();
  w.cut(deaf);
  w.change(a(2), 2);
  ASSERT_TRUE(until([&] { return w.all_published(); }, Millis(60'000)));
  w.node(1).swallow_redis(false);
  EXPECT_TRUE(until([&] { return w.node(1).ready(); }));
  deaf.node = 1;
  w.cut(deaf);
  ASSERT_TRUE(all_live());
  EXPECT_TRUE(until([&] { return w.difference().empty(); }));
}

TEST_F(Scenario, scenario_24_the_clients_of_a_node_that_died_go_on_by_cursor_at_another_within_three_seconds) {
  World& w = begin_on_redis(2);
  for (std::size_t i = 0; i < 10; ++i) w.change(a(i), 2);
  ASSERT_TRUE(all_published());
  for (int i = 0; i < 20; ++i) sit("u" + std::to_string(i));
  ASSERT_TRUE(all_live());
  ASSERT_TRUE(converged());
  w.kill(1);
  w.change(a(1), 1);
  ASSERT_TRUE(until([&] { return w.all_published() && w.all_live() && w.difference().empty(); }, Millis(3'000)))
      << w.difference();
  for (const auto& seat : w.seats) EXPECT_EQ(seat->judge->snapshots, 1u) << "a diff, not all again";
}

// ------------------------------------------------------------------------------------------ publishing

TEST_F(Scenario, scenario_11_a_batch_that_is_repeated_after_its_answer_was_lost_is_one_change) {
  World& w = begin();
  Seat& seat = sit("u0");
  ASSERT_TRUE(all_live());
  w.answers_lost_one_in = 1;
  w.change(a(1), 2);
  w.time.run(Millis(20'000));
  EXPECT_FALSE(w.all_published());
  w.answers_lost_one_in = 0;
  ASSERT_TRUE(converged());
  EXPECT_EQ(seat.judge->upserts, 1u);
}

TEST_F(Scenario, scenario_13_of_one_bill_changed_by_two_servers_all_end_at_the_higher_version) {
  World& w = begin();
  Seat& seat = sit("u0");
  ASSERT_TRUE(all_live());
  StatusEvent low;
  low.type = "A";
  low.id = a(1);
  low.version = 1;
  low.state = {{"S", 1}, {"P", 0}};
  low.none = {"creator", "owner", "department"};
  StatusEvent high = low;
  high.version = 2;
  high.state = {{"S", 2}, {"P", 0}};
  w.erp.commit(w.erp.begin_with(low));
  w.erp.commit(w.erp.begin_with(high));
  w.publish({"higher", {high}}, 0);
  ASSERT_TRUE(converged());
  w.publish({"lower", {low}}, 1);
  ASSERT_TRUE(all_published());
  w.time.run(Millis(1'000));
  EXPECT_EQ(seat.screen->rows(), (Rows{{"A:" + a(1) + "/due", 2}}));
  EXPECT_EQ(seat.judge->upserts, 1u);
}

TEST_F(Scenario, scenario_14_of_two_transactions_that_commit_in_the_other_order_both_are_shown) {
  World& w = begin();
  sit("u0");
  const auto first = w.erp.begin(w.random, 20, 3, Erp::Fates::changed);
  const auto second = w.erp.begin(w.random, 20, 3, Erp::Fates::changed);
  w.commit(second);
  ASSERT_TRUE(converged());
  w.commit(first);
  EXPECT_TRUE(converged());
  for (const StatusEvent& change : first.changes) EXPECT_NE(w.erp.now(change.type + ":" + change.id), nullptr);
}

TEST_F(Scenario, scenario_15_a_transaction_of_ten_minutes_is_shown_when_it_commits_and_keeps_nobody_waiting) {
  World& w = begin();
  sit("u0");
  const auto open = w.erp.begin(w.random, 20, 3, Erp::Fates::changed);
  for (std::size_t i = 30; i < 40; ++i) {
    w.change(a(i), 2);
    ASSERT_TRUE(converged()) << i;
    w.time.run(std::chrono::minutes(1));
  }
  w.commit(open);
  EXPECT_TRUE(converged());
}

TEST_F(Scenario, scenario_16_of_a_thousand_bills_rolled_back_nobody_sees_one) {
  World& w = begin();
  Seat& seat = sit("u0");
  w.change(a(9'000), 2);
  ASSERT_TRUE(converged());
  const std::size_t frames = seat.judge->frames;
  const auto open = w.erp.begin(w.random, 5'000, 1'000, Erp::Fates::changed);
  EXPECT_EQ(open.changes.size(), 1'000u);
  w.time.run(Millis(1'000));
  w.erp.roll_back(open);
  w.time.run(Millis(5'000));
  EXPECT_EQ(seat.judge->frames, frames);
}

TEST_F(Scenario, scenario_17_a_repeat_of_a_batch_is_answered_as_the_first_was_whenever_and_wherever_it_comes) {
  WorldOptions options;
  World& w = begin(options);
  Seat& seat = sit("u0");
  ASSERT_TRUE(all_live());
  const StatusEvent event = w.change(a(1), 2);
  ASSERT_TRUE(converged());
  const std::string token = w.token({.user = "erp"}, {"status.publish"});
  const std::string body =
      R"({"batch_id":"b1","events":[{"type":"A","id":")" + event.id +
      R"(","version":1,"state":{"S":2,"P":0},"creator":{"user":"u0"},"owner":null,"department":null,)" +
      R"("actor":{"user":"erp"}}]})";
  const boost::json::value first = ask("POST", "/v1/status", token, body);
  EXPECT_EQ(status, 200);
  EXPECT_EQ(first.at("results").at(0).at("offset").to_number<int>(), 1) << "as the publisher was answered";
  w.time.run(std::chrono::minutes(5));
  EXPECT_EQ(ask("POST", "/v1/status", token, body), first);
  w.kill(0);
  w.start(0);
  EXPECT_EQ(ask("POST", "/v1/status", token, body), first) << "after a restart";
  ASSERT_TRUE(all_live());
  EXPECT_EQ(seat.judge->upserts, 1u);
  World& shared = begin_on_redis(2);
  shared.change(a(1), 2);
  ASSERT_TRUE(all_published());
  for (int i = 0; i < 6; ++i) {  // at either node
    EXPECT_EQ(ask("POST", "/v1/status", shared.token({.user = "erp"}, {"status.publish"}), body)
                  .at("results")
                  .at(0)
                  .at("offset")
                  .to_number<int>(),
              1);
  }
}

TEST_F(Scenario, scenario_18_a_bulk_of_thousands_reaches_each_client_in_few_frames_whose_counts_are_their_rows) {
  World& w = begin();
  Seat& all = sit("u0");
  Seat& own = sit("u1", {"seller"});
  ASSERT_TRUE(all_live());
  const std::size_t frames = all.judge->frames, own_frames = own.judge->frames;
  for (std::size_t batch = 0; batch < 5; ++batch) {
    Erp::Transaction bulk;
    for (std::size_t i = 0; i < 1'000; ++i) {
      StatusEvent e;
      e.type = "A";
      e.id = a(batch * 1'000 + i);
      e.version = 1;
      e.state = {{"S", 2}, {"P", 0}};
      e.creator = {i % 2 == 0 ? "u1" : "u2", ""};
      bulk.changes.push_back(std::move(e));
    }
    w.commit(bulk, 0);
  }
  ASSERT_TRUE(converged());
  EXPECT_LE(all.judge->frames - frames, 5U) << "one for each batch at most; with many to be told, fewer";
  EXPECT_LE(own.judge->frames - own_frames, 5U);
  EXPECT_EQ(all.screen->rows().size(), 5'000u);
  EXPECT_EQ(own.screen->rows().size(), 2'500u);
}

TEST_F(Scenario, scenario_19_of_ten_changes_within_a_window_the_last_is_told_and_the_history_has_all) {
  World& w = begin();
  Seat& seat = sit("u0");
  ASSERT_TRUE(all_live());
  w.time.run(Millis(300));
  Erp::Transaction ten;
  for (std::uint64_t v = 1; v <= 10; ++v) {
    StatusEvent e;
    e.type = "A";
    e.id = a(1);
    e.version = v;
    e.state = {{"S", 2}, {"P", 0}};
    ten.changes.push_back(std::move(e));
  }
  w.commit(ten, 0);
  ASSERT_TRUE(converged());
  EXPECT_EQ(seat.judge->upserts, 1u);
  const auto past = ask("GET", "/v1/status/A/" + a(1) + "/history", w.token(seat.claims));
  EXPECT_EQ(past.at("states").as_array().size(), 10u);
}

TEST_F(Scenario, scenario_29_a_bill_that_leaves_and_comes_back_within_a_window_does_not_flicker) {
  World& w = begin();
  Seat& seat = sit("u0");
  w.change(a(1), 2);
  ASSERT_TRUE(converged());
  w.time.run(Millis(300));
  Erp::Transaction moves;
  for (const auto& [version, s] : {std::pair(Version{2}, std::int64_t{8}), {3, 1}, {4, 2}}) {
    StatusEvent e;
    e.type = "A";
    e.id = a(1);
    e.version = version;
    e.state = {{"S", s}, {"P", 0}};
    moves.changes.push_back(std::move(e));
  }
  keep(seat);
  w.commit(moves, 0);
  ASSERT_TRUE(converged());
  const auto told = frames(seat, "todo.live");
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].at("upsert").as_array().size(), 1u);
  // The group that it went through is told to be empty of it, which it always was on this screen.
  for (const auto* list : {told[0].as_object().if_contains("remove")}) {
    if (list == nullptr) continue;
    for (const auto& row : list->as_array()) EXPECT_NE(row.at("group").as_string(), "due");
  }
}

TEST_F(Scenario, scenario_38_the_highest_version_that_a_browser_can_count_arrives_as_it_is) {
  World& w = begin();
  Seat& seat = sit("u0");
  ASSERT_TRUE(all_live());
  StatusEvent e;
  e.type = "A";
  e.id = a(1);
  e.version = version_max;
  e.state = {{"S", 2}, {"P", 0}};
  w.commit(w.erp.begin_with(e), 0);
  ASSERT_TRUE(converged());
  EXPECT_EQ(seat.screen->rows().begin()->second, (Version{1} << 53) - 1);
}

// ------------------------------------------------------------------------------------------ connections

TEST_F(Scenario, scenario_20_who_reads_nothing_costs_a_bounded_queue_is_closed_and_comes_back_by_cursor) {
  WorldOptions options;
  options.todo.unsent_bytes_max = 20'000;
  options.todo.behind_max = Millis(5'000);
  World& w = begin(options);
  Seat& slow = sit("u0");
  Seat& quick = sit("u1");
  ASSERT_TRUE(all_live());
  w.read(slow, false);
  std::size_t most = 0;
  for (int round = 0; round < 100 && slow.wire && !slow.wire->server_gone; ++round) {
    for (std::size_t i = 0; i < 40; ++i) w.change(a(i), round % 2 == 0 ? 1 : 2);
    w.time.run(Millis(200));
    if (slow.wire) most = std::max(most, slow.wire->unread);
  }
  ASSERT_TRUE(slow.wire && slow.wire->server_gone) << "it was never closed";
  EXPECT_LT(most, options.todo.unsent_bytes_max * 4);
  ASSERT_TRUE(all_published());
  EXPECT_TRUE(until([&] { return quick.screen->rows() == w.erp.rows(quick.claims, quick.selection); }, Millis(1'000)))
      << "nobody waits for it";
  w.read(slow, true);
  ASSERT_TRUE(all_live());
  EXPECT_EQ(slow.closed, 4003);
  EXPECT_EQ(slow.judge->mode, "diff");
  EXPECT_EQ(slow.judge->snapshots, 1u);
  EXPECT_TRUE(converged());
}

TEST_F(Scenario, scenario_21_a_pulled_cable_is_noticed_by_both_sides_and_the_client_comes_back_by_cursor) {
  World& w = begin();
  Seat& seat = sit("u0");
  w.change(a(1), 2);
  ASSERT_TRUE(converged());
  const WirePtr first = seat.wire;
  w.black_hole(seat, true, true);
  w.change(a(2), 2);
  ASSERT_TRUE(until([&] { return seat.wire && seat.wire != first && seat.screen->live(); }, Millis(35'000)));
  EXPECT_EQ(seat.judge->mode, "diff");
  EXPECT_TRUE(converged());
  ASSERT_TRUE(until([&] { return first->server_gone; }, Millis(60'000))) << "the server frees it";
}

TEST_F(Scenario, scenario_23_a_node_that_drains_sends_its_people_away_over_a_while_and_loses_nothing) {
  World& w = begin_on_redis(2);
  for (int i = 0; i < 30; ++i) sit("u" + std::to_string(i));
  w.change(a(1), 2);
  ASSERT_TRUE(all_live());
  ASSERT_TRUE(converged());
  w.node(0).drain(Millis(3'000));
  std::size_t left_at_once = 0;
  w.time.run(Millis(500));
  for (const auto& seat : w.seats) left_at_once += seat->closed == 1012 ? 1 : 0;
  w.change(a(2), 2);
  for (const auto& seat : w.seats) seat->node = 1;
  ASSERT_TRUE(until([&] { return w.all_published(); }, Millis(60'000)));
  ASSERT_TRUE(until([&] {
    return std::ranges::all_of(
        w.seats, [](const auto& seat) { return seat->wire && seat->wire->node == 1 && seat->screen->live(); });
  }));
  std::size_t sent_away = 0;
  for (const auto& seat : w.seats) sent_away += seat->closed == 1012 ? 1 : 0;
  EXPECT_LT(left_at_once, sent_away) << "not all in one moment";
  EXPECT_TRUE(until([&] { return w.difference().empty(); }));
  for (const auto& seat : w.seats) EXPECT_EQ(seat->judge->snapshots, 1u);
}

TEST_F(Scenario, scenario_26_clocks_that_are_ten_minutes_off_or_step_change_neither_order_nor_rows) {
  World& w = begin_on_redis(3);
  sit("u0");
  sit("u1", {"seller"});
  const Millis off(600'000);
  w.node(0).skew = off;
  w.node(1).skew = -off;
  for (std::size_t i = 0; i < 30; ++i) {
    w.change(a(i % 6), 1 + static_cast<std::int64_t>(i % 2), 0, "u1");
    if (i % 10 == 5) w.node(2).skew = i % 20 == 5 ? off : -off;
    w.time.run(Millis(150));
  }
  EXPECT_TRUE(converged());
}

TEST_F(Scenario, scenario_30_all_clients_of_one_person_show_the_same) {
  World& w = begin_on_redis(2);
  for (int i = 0; i < 5; ++i) sit("u0", {"office"}, {"D1"});
  ASSERT_TRUE(all_live());
  for (std::size_t i = 0; i < 10; ++i) w.change(a(i), 2, 0, "u3", i % 2 == 0 ? "D1" : "D2");
  ASSERT_TRUE(converged());
  w.change(a(0), 8);
  ASSERT_TRUE(converged());
  for (const auto& seat : w.seats) EXPECT_EQ(seat->screen->rows(), w.seats[0]->screen->rows());
}

TEST_F(Scenario, scenario_35_a_storm_of_clients_that_come_back_at_once_is_served_by_diffs) {
  WorldOptions options;
  options.todo.questions_max = 8;
  World& w = begin(options);
  for (std::size_t i = 0; i < 50; ++i) w.change(a(i), 2);
  ASSERT_TRUE(until([&] { return w.all_published(); }, Millis(60'000)));
  for (int i = 0; i < 200; ++i) sit("u" + std::to_string(i));
  ASSERT_TRUE(all_live());
  for (const auto& seat : w.seats) w.cut(*seat);
  w.change(a(3), 1);
  ASSERT_TRUE(until([&] { return w.all_published() && w.all_live() && w.difference().empty(); }, Millis(5'000)));
  for (const auto& seat : w.seats) EXPECT_EQ(seat->judge->snapshots, 1u);
}

// ------------------------------------------------------------------------------------------ rights

// A client that comes with a cursor of better days.
class OldCursor final : public TodoScreen {
 public:
  explicit OldCursor(std::string cursor) : cursor_(std::move(cursor)) {}
  void asked() override { screen_.asked(); }
  void hear(std::string_view message) override { screen_.hear(message); }
  void left() override { screen_.left(); }
  const Rows& rows() const override { return screen_.rows(); }
  const Counts& counts() const override { return screen_.counts(); }
  const Editors& editing() const override { return screen_.editing(); }
  const std::string& cursor() const override { return cursor_; }
  bool live() const override { return screen_.live(); }
  bool doubts() const override { return screen_.doubts(); }

 private:
  ReferenceScreen screen_;
  std::string cursor_;
};

TEST_F(Scenario, scenario_27_rights_that_change_online_move_rows_at_once_and_void_the_old_cursor) {
  World& w = begin();
  Seat& seat = sit("u9", {"seller"});
  w.change(a(1), 2, 0, "u9");
  w.change(a(2), 2, 0, "u1");
  ASSERT_TRUE(converged());
  EXPECT_EQ(seat.screen->rows().size(), 1u);
  Claims more = seat.claims;
  more.roles = {"all"};
  w.set_claims(seat, more);
  ASSERT_TRUE(until([&] { return seat.screen->rows().size() == 2; }, Millis(1'000)));
  EXPECT_EQ(seat.judge->reason, "audience");
  const std::string cursor = seat.screen->cursor();
  Claims none = seat.claims;
  none.roles = {};
  w.set_claims(seat, none);
  ASSERT_TRUE(until([&] { return seat.screen->rows().empty(); }, Millis(1'000)));
  w.change(a(2), 1, 0, "u1");
  Seat& again = w.add_seat(none, {}, std::make_unique<OldCursor>(cursor));
  ASSERT_TRUE(all_live());
  EXPECT_EQ(again.judge->mode, "snapshot");
  EXPECT_EQ(again.judge->reason, "audience");
  EXPECT_TRUE(again.screen->rows().empty());
  EXPECT_TRUE(converged());
}

TEST_F(Scenario, scenario_28_rights_that_changed_while_he_was_away_are_a_snapshot_without_what_he_lost) {
  World& w = begin();
  Seat& seat = sit("u9");
  w.change(a(1), 2, 0, "u9");
  w.change(a(2), 2, 0, "u1");
  ASSERT_TRUE(converged());
  EXPECT_EQ(seat.screen->rows().size(), 2u);
  w.fall_asleep(seat);
  w.change(a(2), 1, 0, "u1");
  Claims less = seat.claims;
  less.roles = {"seller"};
  w.set_claims(seat, less);
  ASSERT_TRUE(all_published());
  w.wake(seat);
  ASSERT_TRUE(all_live());
  EXPECT_EQ(seat.judge->mode, "snapshot");
  EXPECT_EQ(seat.judge->reason, "audience");
  EXPECT_EQ(seat.screen->rows(), (Rows{{"A:" + a(1) + "/due", 1}}));
}

// ------------------------------------------------------------------------------------------ durability

TEST_F(Scenario, what_was_acknowledged_is_there_after_any_crash_and_what_was_not_is_told_to_nobody) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    WorldOptions options;
    options.seed = seed;
    World& w = begin(options);
    sit("u0");
    ASSERT_TRUE(all_live());
    w.node(0).stall_disk(Micros(400'000));
    for (std::size_t i = 0; i < 10; ++i) {
      w.change(a(i % 4), 1 + static_cast<std::int64_t>(i % 2));
      w.time.run(Micros(static_cast<std::int64_t>(w.random.below(300'000))));
    }
    w.kill(0);
    w.start(0);
    ASSERT_TRUE(all_published());
    ASSERT_TRUE(until([&] { return w.all_live() && w.difference().empty(); }));
    ASSERT_TRUE(w.faults.empty()) << w.faults.front();
  }
}

TEST_F(Scenario, a_resync_while_others_publish_ends_with_what_the_database_has) {
  World& w = begin();
  Seat& seat = sit("u0");
  for (std::size_t i = 0; i < 10; ++i) w.change(a(i), 2);
  ASSERT_TRUE(converged());
  bool committed = false;
  w.resync("A", [&](bool done) { committed = done; });
  for (std::size_t i = 0; i < 10; ++i) {
    w.change(a(i), 1);
    w.time.run(Millis(3));
  }
  ASSERT_TRUE(until([&] { return committed; }));
  ASSERT_TRUE(until([&] { return w.all_published() && w.all_live() && w.difference().empty(); }));
  EXPECT_EQ(seat.judge->reason, "epoch");
}

}  // namespace
}  // namespace hf::sim
