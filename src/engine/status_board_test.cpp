// What people see in their to-do trees, sentence by sentence. A board that is wrong here shows a bill to somebody who
// may not see it, or leaves one in a list that was done long ago.
#include "engine/status_board.h"

#include <gtest/gtest.h>

#include <set>

#include "base/random.h"
#include "catalog/erp_catalog_test.h"
#include "engine/change_codec.h"
#include "engine/status_rows.h"

namespace hf {
namespace {

using test::erp;

AudiencePtr audience(Claims claims) { return std::make_shared<const Audience>(*erp(), claims); }

struct Board : testing::Test {
  Board() { start({}); }

  void start(StatusLimits limits, bool notices = true) {
    options.limits = limits;
    options.catalog = erp();
    options.clock_step_max = Millis(std::chrono::hours(24 * 400));
    options.notices = notices;
    board = StatusBoard(options);
    journal.clear();
    EXPECT_TRUE(board.recovered(clock, epoch));
  }
  StatusOutcome apply(const StatusCommand& c) {
    events.clear();
    StatusOutcome outcome = board.apply(c, clock, events, journal);
    EXPECT_EQ(board.check(), "");
    return outcome;
  }
  void pass(Micros time) {
    clock += time;
    apply(StatusTick{});
  }
  static StatusEvent bill(const std::string& id, std::optional<Version> version, std::int64_t data,
                          std::int64_t approval = 0) {
    StatusEvent e;
    e.type = "SaleOrder";
    e.id = id;
    e.no = "SO" + id;
    e.version = version;
    e.state = {{"DataStatus", data}, {"ApprovalStatus", approval}};
    e.creator = {"li", "Li"};
    e.owner = {"E-li", "Li"};
    e.department = "D1";
    e.at = wall_us(1'790'000'000'000'000);
    return e;
  }
  Publish batch(std::vector<LogEvent> list, std::string id = "", std::uint64_t fingerprint = 0) {
    Publish p{.events = std::move(list)};
    p.caller.user = "erp";
    p.caller.request_id = std::move(id);
    p.caller.fingerprint = fingerprint;
    return p;
  }
  PublishResult publish(const LogEvent& event) {
    const StatusOutcome outcome = apply(batch({event}));
    const auto* const made = std::get_if<Published>(&outcome);
    if (made == nullptr) {
      ADD_FAILURE() << std::get<Refusal>(outcome).detail;
      return {};
    }
    return made->results.at(0);
  }
  Refusal refusal(const StatusCommand& c) {
    const StatusOutcome outcome = apply(c);
    const auto* const made = std::get_if<Refusal>(&outcome);
    EXPECT_NE(made, nullptr);
    return made != nullptr ? *made : Refusal{};
  }
  // Without check(), which looks at everything.
  void publish_unchecked(const LogEvent& event) { board.apply(batch({event}), clock, events, journal); }
  template <class T>
  std::vector<T> told() const {
    std::vector<T> found;
    for (const BoardEvent& event : events) {
      if (const T* const one = std::get_if<T>(&event)) found.push_back(*one);
    }
    return found;
  }
  std::uint32_t count(const AudiencePtr& who, std::string_view type, std::size_t group) {
    const auto todo = std::get<Todo>(apply(GetTodo{who}));
    for (const GroupTally& each : todo.groups) {
      if (erp()->content().types[each.type].name == type && each.group == group) return each.tally.rows;
    }
    return 0;
  }
  std::vector<std::string> page(const AudiencePtr& who, std::uint32_t group, std::uint32_t limit = 500) {
    std::vector<std::string> ids;
    GetTodoPage ask{who, erp()->index_of(*erp()->find_type("SaleOrder")), group, 0, limit};
    do {
      const StatusOutcome outcome = apply(ask);
      const auto* const made = std::get_if<TodoPage>(&outcome);
      if (made == nullptr) return {"refused"};
      for (const BillPtr& each : made->bills) ids.emplace_back(each->id());
      ask.after = made->next;
    } while (ask.after != 0);
    return ids;
  }
  TodoDiff diff(const AudiencePtr& who, const Cursor& cursor, std::uint32_t limit = 500) {
    return std::get<TodoDiff>(apply(GetTodoDiff{who, cursor, limit}));
  }
  Cursor here(const AudiencePtr& who) {
    Cursor cursor = std::get<Todo>(apply(GetTodo{who})).cursor;
    cursor.paged = false;  // nothing was read: what is there now is what the client has
    return cursor;
  }
  std::string image() const {
    std::string out;
    board.image(out);
    return out;
  }
  std::vector<std::uint64_t> unread(const AudiencePtr& who) {
    std::vector<std::uint64_t> numbers;
    const auto list = std::get<NoticeList>(apply(ListNotices{who}));
    for (const NoticePtr& each : list.notices) numbers.push_back(each->number);
    return numbers;
  }

  StatusBoardOptions options;
  StatusBoard board;
  Wall clock = wall_us(1'800'000'000'000'000);
  EpochId epoch{{1, 1}};
  std::vector<BoardEvent> events;
  std::string journal;
  const AudiencePtr everybody = audience({.user = "see", .roles = {"viewer"}});
  const AudiencePtr li = audience({.user = "li", .employee = "E-li", .roles = {"sales"}});
  const AudiencePtr wu = audience({.user = "wu", .employee = "E-wu", .roles = {"sales"}});
  const AudiencePtr chief = audience({.user = "chief", .departments = {"D1"}, .roles = {"manager"}});
};

using Kind = PublishResult::Kind;

// ------------------------------------------------------------------------------------------ versions and the log

TEST_F(Board, offsets_are_dense_and_of_one_epoch) {
  const auto made =
      std::get<Published>(apply(batch({bill("1", 1, 1), RunEvent{.type = "SaleOrder", .id = "1"}, bill("2", 1, 1)})));
  EXPECT_EQ(made.epoch, epoch);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(made.results[i], (PublishResult{Kind::logged, i + 1}));
}

TEST_F(Board, a_version_not_above_the_known_one_is_stale_and_not_logged) {
  publish(bill("1", 5, 1));
  EXPECT_EQ(publish(bill("1", 4, 2)), (PublishResult{Kind::stale, 5}));
  EXPECT_EQ(publish(bill("1", 5, 1)), (PublishResult{Kind::stale, 5})) << "the same again";
  EXPECT_EQ(board.last_offset(), 1u);
  EXPECT_TRUE(events.empty());
}

TEST_F(Board, the_same_version_with_other_content_differs_and_the_operator_is_told) {
  publish(bill("1", 5, 1));
  EXPECT_EQ(publish(bill("1", 5, 2)), (PublishResult{Kind::differs, 5}));
  ASSERT_EQ(told<VersionDiffers>().size(), 1u);
  EXPECT_EQ(told<VersionDiffers>()[0].bill, "SaleOrder:1");
  EXPECT_EQ(told<VersionDiffers>()[0].publisher, "erp");
  EXPECT_EQ(board.stats().differs, 1u);
  EXPECT_EQ(board.last_offset(), 1u);
  StatusEvent other = bill("1", 5, 1);
  other.department = "D2";
  EXPECT_EQ(publish(other).kind, Kind::differs);
  other = bill("1", 5, 1);
  other.at = *other.at + Micros(1);
  EXPECT_EQ(publish(other).kind, Kind::differs);
}

// ------------------------------------------------------------------------------------------ deleted and made again

struct Remade : Board {
  static StatusEvent deletion(std::optional<Version> version) {
    StatusEvent e;  // it need not say what the bill was
    e.type = "SaleOrder";
    e.id = "1";
    e.version = version;
    e.deleted = true;
    e.actor = {"wang", "Wang"};
    e.action = "删除";
    return e;
  }
  static StatusEvent created(std::optional<Version> version, std::int64_t data = 1) {
    StatusEvent e = bill("1", version, data);
    e.created = true;
    return e;
  }
  BillPtr found(const AudiencePtr& who) {
    const StatusOutcome outcome = apply(GetStatus{who, "SaleOrder", "1"});
    const auto* const made = std::get_if<StatusFound>(&outcome);
    return made != nullptr ? made->bill : nullptr;
  }
};

TEST_F(Remade, a_bill_is_deleted_with_the_version_that_it_had) {
  publish(bill("1", 2, 1));
  EXPECT_EQ(publish(deletion(1)), (PublishResult{Kind::stale, 2}));
  EXPECT_EQ(publish(deletion(2)), (PublishResult{Kind::logged, 2}));
  EXPECT_EQ(count(everybody, "SaleOrder", 0), 0u);
  EXPECT_EQ(publish(deletion(2)), (PublishResult{Kind::deleted, 2})) << "the same again";
}

TEST_F(Remade, what_comes_behind_a_deletion_is_refused_by_it_until_the_bill_begins_anew) {
  publish(bill("1", 1, 1));
  publish(bill("1", 2, 2));
  publish(deletion(3));
  for (const std::optional<Version> version :
       {std::optional<Version>(1), std::optional<Version>(3), std::optional<Version>(4), std::optional<Version>()}) {
    EXPECT_EQ(publish(bill("1", version, 1)), (PublishResult{Kind::deleted, 3}));
  }
  EXPECT_EQ(board.last_offset(), 3u);
  EXPECT_EQ(publish(created(1)), (PublishResult{Kind::logged, 4}));
  EXPECT_EQ(count(everybody, "SaleOrder", 0), 1u);
  EXPECT_EQ(publish(bill("1", 2, 2)), (PublishResult{Kind::logged, 5}));
  EXPECT_EQ(publish(bill("1", 1, 1)), (PublishResult{Kind::stale, 2})) << "its versions count on from the beginning";
}

TEST_F(Remade, a_bill_that_is_there_begins_anew_too) {
  publish(bill("1", 7, 2));
  publish(bill("2", 1, 2));
  EXPECT_EQ(page(everybody, 1), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(publish(created(1, 2)).kind, Kind::logged);
  EXPECT_EQ(found(everybody)->version(), 1u);
  EXPECT_EQ(page(everybody, 1), (std::vector<std::string>{"2", "1"})) << "it stands where new bills do";
  EXPECT_EQ(publish(created(std::nullopt)).kind, Kind::logged);
  EXPECT_EQ(found(everybody)->version(), 1u);
}

TEST_F(Remade, the_same_beginning_again_is_a_repeat) {
  publish(created(1));
  EXPECT_EQ(publish(created(1)), (PublishResult{Kind::stale, 1}));
  publish(bill("1", 2, 2));
  publish(deletion(2));
  EXPECT_EQ(publish(created(1)).kind, Kind::logged);
  EXPECT_EQ(publish(created(1)), (PublishResult{Kind::stale, 1}));
}

TEST_F(Remade, an_event_does_not_begin_and_end_a_bill) {
  StatusEvent both = created(1);
  both.deleted = true;
  EXPECT_EQ(refusal(batch({both})).field, "events[0].created");
}

TEST_F(Remade, a_client_tells_the_new_bills_rows_from_the_old_ones_whatever_their_versions) {
  publish(bill("1", 7, 2));
  EXPECT_EQ(found(everybody)->life(), 0u) << "most bills are made once";
  const Cursor before = here(everybody);
  publish(deletion(7));
  publish(created(1, 2));
  EXPECT_EQ(told<StatusChanged>().at(0).after->life(), 3u);
  EXPECT_EQ(found(everybody)->life(), 3u);
  const TodoDiff changes = diff(everybody, before);
  ASSERT_EQ(changes.changed.size(), 1u);
  EXPECT_EQ(changes.changed[0]->life(), 3u);
  publish(bill("1", 2, 4));
  EXPECT_EQ(found(everybody)->life(), 3u);
  EXPECT_EQ(std::pair(board.life_of("SaleOrder:1").number, board.life_of("SaleOrder:1").deleted),
            std::pair(3ul, false));
}

TEST_F(Remade, who_deleted_it_and_when_is_told_to_who_could_see_it_as_long_as_the_log_has_it) {
  publish(bill("1", 1, 1));
  publish(deletion(1));
  for (const AudiencePtr& who : {everybody, li, chief}) {
    ASSERT_TRUE(found(who));
    EXPECT_TRUE(found(who)->stamp().deleted);
    EXPECT_EQ(found(who)->text(Bill::actor), "wang");
  }
  EXPECT_FALSE(found(wu)) << "as before";
  const auto past = std::get<History>(apply(GetHistory{li, "SaleOrder", "1"}));
  ASSERT_EQ(past.states.size(), 2u);
  EXPECT_TRUE(past.states[0]->stamp().deleted);
  EXPECT_TRUE(std::holds_alternative<Refusal>(apply(GetHistory{wu, "SaleOrder", "1"})));
  pass(options.limits.log_age_max + Millis(1));
  EXPECT_FALSE(found(everybody));
}

TEST_F(Remade, the_past_of_another_bill_of_that_id_is_told_to_who_could_see_that_one) {
  publish(bill("1", 1, 1));
  publish(RunEvent{.type = "SaleOrder", .id = "1", .step = "writing"});
  publish(deletion(1));
  StatusEvent of_wu = created(1);
  of_wu.creator = {"wu", "Wu"};
  of_wu.owner = {"E-wu", "Wu"};
  publish(of_wu);
  auto past = std::get<History>(apply(GetHistory{wu, "SaleOrder", "1"}));
  EXPECT_EQ(past.states.size(), 1u);
  EXPECT_TRUE(past.runs.empty());
  past = std::get<History>(apply(GetHistory{everybody, "SaleOrder", "1"}));
  EXPECT_EQ(past.states.size(), 3u);
  EXPECT_EQ(past.runs.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<Refusal>(apply(GetHistory{li, "SaleOrder", "1"}))) << "his is gone";
}

TEST_F(Remade, a_deleted_bill_has_no_version_to_hold_a_lock_against) {
  publish(bill("1", 3, 1));
  EXPECT_EQ(board.version_of("SaleOrder:1"), 3u);
  publish(deletion(3));
  EXPECT_EQ(board.version_of("SaleOrder:1"), std::nullopt);
  EXPECT_TRUE(board.life_of("SaleOrder:1").deleted);
  publish(created(1));
  EXPECT_EQ(board.version_of("SaleOrder:1"), 1u);
}

TEST_F(Remade, a_restart_knows_what_was_made_anew) {
  publish(bill("1", 7, 2));
  publish(deletion(7));
  publish(created(1, 2));
  publish(bill("2", 1, 2));
  StatusEvent gone = bill("2", 1, 2);
  gone.deleted = true;
  publish(gone);
  board.seal(journal);
  StatusBoard again(options);
  ASSERT_TRUE(again.recover(journal));
  ASSERT_TRUE(again.recovered(clock, EpochId{{2, 2}}));
  const std::string expected = image();
  board = std::move(again);
  EXPECT_EQ(image(), expected);
  EXPECT_EQ(found(everybody)->life(), 3u);
  EXPECT_EQ(publish(bill("2", 2, 2)).kind, Kind::deleted);
}

TEST_F(Board, a_version_left_out_is_counted_up_and_marked_unordered) {
  publish(bill("1", 5, 1));
  EXPECT_EQ(publish(bill("1", std::nullopt, 2)).kind, Kind::logged);
  const auto found = std::get<StatusFound>(apply(GetStatus{everybody, "SaleOrder", "1"}));
  EXPECT_EQ(found.bill->version(), 6u);
  EXPECT_TRUE(found.bill->stamp().unordered);
  publish(bill("2", std::nullopt, 1));
  EXPECT_EQ(std::get<StatusFound>(apply(GetStatus{everybody, "SaleOrder", "2"})).bill->version(), 1u);
}

TEST_F(Board, no_version_is_above_the_greatest) {
  publish(bill("1", version_max, 1));
  EXPECT_EQ(publish(bill("1", std::nullopt, 2)), (PublishResult{Kind::stale, version_max}));
  EXPECT_EQ(refusal(batch({bill("1", version_max + 1, 2)})).field, "events[0].version");
}

TEST_F(Board, a_batch_is_taken_whole_or_not_at_all) {
  StatusEvent bad = bill("2", 1, 1);
  bad.type = "Nonsense";
  EXPECT_EQ(refusal(batch({bill("1", 1, 1), bad})).field, "events[1].type");
  EXPECT_EQ(board.last_offset(), 0u);
  bad = bill("a/b", 1, 1);
  EXPECT_EQ(refusal(batch({bad})).field, "events[0].id");
  EXPECT_EQ(refusal(batch({RunEvent{.type = "SaleOrder"}})).field, "events[0].id");
}

TEST_F(Board, an_event_over_its_bytes_or_fields_and_a_batch_over_its_events_are_refused) {
  StatusEvent e = bill("1", 1, 1);
  e.title.assign(status_event_bytes_max, 'x');
  EXPECT_EQ(refusal(batch({e})).code, Code::too_large);
  e = bill("1", 1, 1);
  for (std::size_t i = 0; i < status_fields_max; ++i) e.state.push_back({"F" + std::to_string(i), std::int64_t{1}});
  EXPECT_EQ(refusal(batch({e})).field, "events[0].state");
  EXPECT_EQ(refusal(batch({RunEvent{.type = "SaleOrder", .id = "1", .error = std::string(3000, 'e')}})).code,
            Code::too_large);
  EXPECT_EQ(refusal(batch(std::vector<LogEvent>(options.limits.events_per_batch_max + 1, bill("1", 1, 1)))).code,
            Code::too_large);
  EXPECT_EQ(refusal(batch({bill("1", 1, 1)}, std::string(batch_id_bytes_max + 1, 'b'))).field, "batch_id");
}

TEST_F(Board, a_batch_id_makes_its_repeat_harmless) {
  const auto first = std::get<Published>(apply(batch({bill("1", std::nullopt, 1), bill("2", 3, 1)}, "b1", 7)));
  const auto again = std::get<Published>(apply(batch({bill("1", std::nullopt, 1), bill("2", 3, 1)}, "b1", 7)));
  EXPECT_EQ(again, first);
  EXPECT_EQ(board.last_offset(), 2u);
  EXPECT_EQ(refusal(batch({bill("9", 1, 1)}, "b1", 8)).code, Code::request_id_reused);
  Publish other = batch({bill("3", 1, 1)}, "b1", 9);
  other.caller.user = "another";
  EXPECT_EQ(std::get<Published>(apply(other)).results[0].kind, Kind::logged);
}

TEST_F(Board, batch_ids_are_forgotten_by_age_count_and_bytes) {
  StatusLimits limits;
  limits.batches_kept_max = 2;
  start(limits);
  for (const char* id : {"a", "b", "c"}) apply(batch({bill(id, std::nullopt, 1)}, id, 1));
  apply(batch({bill("b", std::nullopt, 1)}, "b", 1));
  EXPECT_EQ(board.last_offset(), 3u) << "b is remembered";
  apply(batch({bill("a", std::nullopt, 1)}, "a", 1));
  EXPECT_EQ(board.last_offset(), 4u) << "a is not";
  pass(limits.batch_age_max + Millis(1));
  apply(batch({bill("a", std::nullopt, 1)}, "a", 1));
  EXPECT_EQ(board.last_offset(), 5u);
  limits = {};
  limits.batch_bytes_max = 100;
  start(limits);
  apply(batch({bill("1", std::nullopt, 1)}, "a", 1));
  apply(batch({bill("1", std::nullopt, 1)}, "b", 1));
  apply(batch({bill("1", std::nullopt, 1)}, "a", 1));
  EXPECT_EQ(board.last_offset(), 3u);
}

TEST_F(Board, nothing_is_published_before_there_is_an_epoch) {
  board = StatusBoard(options);
  EXPECT_EQ(refusal(batch({bill("1", 1, 1)})).code, Code::unavailable);
  EXPECT_EQ(refusal(BeginEpoch{}).field, "epoch");
  EXPECT_TRUE(std::holds_alternative<Done>(apply(BeginEpoch{epoch, "first"})));
  EXPECT_EQ(publish(bill("1", 1, 1)).number, 1u);
}

TEST_F(Board, an_absurd_clock_changes_nothing) {
  clock = wall_us(5);
  EXPECT_EQ(refusal(batch({bill("1", 1, 1)})).code, Code::unavailable);
  EXPECT_EQ(board.last_offset(), 0u);
}

TEST_F(Board, a_run_event_is_logged_without_a_version_check_and_tells_the_bill) {
  publish(bill("1", 5, 1));
  publish(RunEvent{.type = "SaleOrder", .id = "1", .step = "failed", .actor = {"li", "Li"}});
  ASSERT_EQ(told<RunTold>().size(), 1u);
  EXPECT_EQ(told<RunTold>()[0].run->event.at, clock);
  ASSERT_TRUE(told<RunTold>()[0].bill);
  EXPECT_EQ(told<RunTold>()[0].bill->id(), "1");
  publish(RunEvent{.type = "SaleOrder", .id = "unknown"});
  EXPECT_FALSE(told<RunTold>()[0].bill);
}

TEST_F(Board, a_run_reaches_by_cursor_its_actor_and_who_sees_the_bill_and_nobody_else) {
  publish(bill("1", 1, 1));
  const Cursor li_here = here(li), wu_here = here(wu), all_here = here(everybody);
  publish(RunEvent{.type = "SaleOrder", .id = "1", .step = "a", .actor = {"robot", ""}});
  publish(RunEvent{.type = "SaleOrder", .id = "gone", .step = "b", .actor = {"wu", ""}});
  ASSERT_EQ(diff(li, li_here).runs.size(), 1u);
  EXPECT_EQ(diff(li, li_here).runs[0]->event.step, "a");
  ASSERT_EQ(diff(wu, wu_here).runs.size(), 1u);
  EXPECT_EQ(diff(wu, wu_here).runs[0]->event.step, "b");
  EXPECT_EQ(diff(everybody, all_here).runs.size(), 1u);
  EXPECT_TRUE(diff(li, here(li)).runs.empty());
}

TEST_F(Board, of_many_runs_a_diff_has_the_newest) {
  StatusLimits limits;
  limits.runs_per_diff_max = 2;
  start(limits);
  const Cursor begin = here(li);
  for (const char* step : {"a", "b", "c"}) {
    publish(RunEvent{.type = "SaleOrder", .id = "1", .step = step, .actor = {"li", ""}});
  }
  const TodoDiff found = diff(li, begin);
  ASSERT_EQ(found.runs.size(), 2u);
  EXPECT_EQ(found.runs[0]->event.step, "b");
  EXPECT_EQ(found.runs[1]->event.step, "c");
}

// ------------------------------------------------------------------------------------------ groups, audience

TEST_F(Board, a_bill_stands_in_the_groups_whose_condition_holds) {
  publish(bill("1", 1, 1));
  EXPECT_EQ(count(everybody, "SaleOrder", 0), 1u);
  publish(bill("1", 2, 2));
  EXPECT_EQ(count(everybody, "SaleOrder", 0), 0u);
  EXPECT_EQ(count(everybody, "SaleOrder", 1), 1u);
  StatusEvent order = bill("7", 1, 1, 2);
  order.type = "PurOrder";
  publish(order);
  EXPECT_EQ(count(everybody, "PurOrder", 0), 1u);
  std::uint32_t groups = 0;
  const auto todo = std::get<Todo>(apply(GetTodo{everybody}));
  for (const GroupTally& each : todo.groups) {
    if (erp()->content().types[each.type].name == "PurOrder") groups += each.tally.rows;
  }
  EXPECT_EQ(groups, 2u) << "未提交 and 被驳回";
}

TEST_F(Board, a_deleted_bill_is_in_no_group) {
  publish(bill("1", 1, 1));
  StatusEvent gone = bill("1", 2, 1);
  gone.deleted = true;
  publish(gone);
  EXPECT_EQ(count(everybody, "SaleOrder", 0), 0u);
  EXPECT_EQ(page(everybody, 0), std::vector<std::string>{});
}

TEST_F(Board, scope_own_shows_what_one_owns_created_or_handles) {
  publish(bill("1", 1, 1));
  StatusEvent e = bill("2", 1, 1);
  e.creator = {"boss", ""};
  publish(e);  // owned by li
  e = bill("3", 1, 1);
  e.owner = {"E-wu", ""};
  publish(e);  // created by li
  e = bill("4", 1, 1);
  e.creator = e.handler = {"wu", ""};
  e.owner = {"E-wu", ""};
  publish(e);  // wu's alone, three times
  EXPECT_EQ(page(li, 0), (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(count(li, "SaleOrder", 0), 3u);
  EXPECT_EQ(page(wu, 0), (std::vector<std::string>{"3", "4"}));
  EXPECT_EQ(count(wu, "SaleOrder", 0), 2u);
  EXPECT_EQ(refusal(GetStatus{wu, "SaleOrder", "1"}).code, Code::not_found);
  EXPECT_EQ(refusal(GetHistory{wu, "SaleOrder", "1"}).code, Code::not_found);
}

TEST_F(Board, scope_department_shows_the_departments_bills_and_ones_own) {
  publish(bill("1", 1, 1));
  StatusEvent e = bill("2", 1, 1);
  e.department = "D2";
  publish(e);
  e = bill("3", 1, 1);
  e.department = "D2";
  e.handler = {"chief", ""};
  publish(e);
  e = bill("4", 1, 1);
  e.department = "";
  publish(e);
  EXPECT_EQ(page(chief, 0), (std::vector<std::string>{"1", "3"}));
  EXPECT_EQ(count(chief, "SaleOrder", 0), 2u);
}

TEST_F(Board, a_type_that_the_tree_does_not_show_is_nobodys_however_close) {
  StatusEvent e = bill("1", 1, 1);
  e.type = "PurOrder";
  publish(e);  // li's own, but sales do not see purchase orders
  EXPECT_EQ(count(li, "PurOrder", 0), 0u);
  EXPECT_EQ(refusal(GetStatus{li, "PurOrder", "1"}).code, Code::not_found);
  const GetTodoPage ask{li, erp()->index_of(*erp()->find_type("PurOrder")), 0};
  EXPECT_EQ(refusal(ask).code, Code::not_found);
  const GetTodoPage beyond{everybody, erp()->index_of(*erp()->find_type("SaleOrder")), 3};
  EXPECT_EQ(refusal(beyond).code, Code::not_found);
}

TEST_F(Board, pages_have_every_row_once_in_the_order_in_which_bills_came) {
  for (int i = 0; i < 1000; ++i) publish(bill(std::to_string(i), 1, i % 2 == 0 ? 1 : 2));
  publish(bill("1", 2, 1));
  std::vector<std::string> expected{"0", "1"};
  for (int i = 2; i < 1000; i += 2) expected.push_back(std::to_string(i));
  EXPECT_EQ(page(everybody, 0, 7), expected);
  EXPECT_EQ(page(li, 0, 7), expected);
  EXPECT_EQ(page(chief, 0, 499), expected);
}

TEST(OrderedRows, are_those_that_were_put_in_and_not_taken_out_in_order) {
  Random random(3);
  OrderedRows rows;
  std::set<std::uint64_t> expected;
  for (int n = 0; n < 20'000; ++n) {
    const std::uint64_t born = 1 + random.below(3000);
    if (expected.contains(born)) {
      rows.erase(born);
      expected.erase(born);
    } else {
      rows.insert({born, static_cast<Index>(born)});
      expected.insert(born);
    }
  }
  for (const std::uint64_t after : {0u, 1u, 700u, 1500u, 2999u, 3000u}) {
    std::vector<std::uint64_t> found;
    rows.walk(after, [&](const OrderedRows::Row& row) {
      found.push_back(row.born);
      return found.size() < 600;
    });
    std::vector<std::uint64_t> wanted(expected.upper_bound(after), expected.end());
    wanted.resize(std::min<std::size_t>(wanted.size(), 600));
    ASSERT_EQ(found, wanted);
  }
  EXPECT_EQ(rows.size(), expected.size());
}

TEST_F(Board, a_page_looks_at_so_many_rows_and_no_more) {
  StatusLimits limits;
  limits.rows_looked_at_max = 10;
  limits.rows_per_page_max = 3;
  start(limits);
  for (int i = 0; i < 25; ++i) {
    StatusEvent e = bill(std::to_string(i), 1, 1);
    if (i != 24) e.department = "D2";
    publish(e);
  }
  GetTodoPage ask{chief, erp()->index_of(*erp()->find_type("SaleOrder")), 0, 0, 500};
  const auto first = std::get<TodoPage>(apply(ask));
  EXPECT_TRUE(first.bills.empty());
  EXPECT_EQ(first.next, 10u);
  EXPECT_EQ(page(chief, 0), (std::vector<std::string>{"24"}));
  ask.audience = everybody;
  EXPECT_EQ(std::get<TodoPage>(apply(ask)).bills.size(), 3u);
}

// ------------------------------------------------------------------------------------------ diffs

TEST_F(Board, a_diff_has_the_last_state_of_each_bill_that_changed_and_nothing_else) {
  publish(bill("1", 1, 1));
  publish(bill("2", 1, 1));
  const Cursor begin = here(everybody);
  for (Version v = 2; v < 12; ++v) publish(bill("2", v, 1));
  const TodoDiff found = diff(everybody, begin);
  ASSERT_EQ(found.changed.size(), 1u);
  EXPECT_EQ(found.changed[0]->version(), 11u);
  EXPECT_TRUE(found.removed.empty());
  EXPECT_FALSE(found.more);
  EXPECT_EQ(found.cursor.since, board.last_offset());
  EXPECT_TRUE(diff(everybody, found.cursor).changed.empty());
}

TEST_F(Board, a_removal_says_who_by_which_action_and_when) {
  publish(bill("1", 1, 2));
  const Cursor begin = here(everybody);
  StatusEvent e = bill("1", 2, 4, 1);
  e.actor = {"boss", "Boss"};
  e.action = "审核";
  publish(e);
  e = bill("1", 3, 8, 1);
  e.actor = {"clerk", ""};
  publish(e);
  const TodoDiff found = diff(everybody, begin);
  EXPECT_TRUE(found.changed.empty());
  ASSERT_EQ(found.removed.size(), 1u);
  EXPECT_EQ(found.removed[0].groups, 2u);
  EXPECT_EQ(found.removed[0].by->text(Bill::actor), "boss");
  EXPECT_EQ(found.removed[0].by->text(Bill::action), "审核");
  EXPECT_EQ(found.removed[0].by->version(), 2u);
  EXPECT_EQ(found.removed[0].seen->version(), 1u);
  EXPECT_TRUE(may_know(*everybody, found.removed[0]));
}

TEST_F(Board, a_bill_that_moves_to_another_owner_leaves_one_and_comes_to_the_other) {
  publish(bill("1", 1, 1));
  const Cursor li_here = here(li), wu_here = here(wu);
  StatusEvent e = bill("1", 2, 1);
  e.creator = {"wu", ""};
  e.owner = {"E-wu", ""};
  publish(e);
  const TodoDiff from_li = diff(li, li_here), to_wu = diff(wu, wu_here);
  EXPECT_TRUE(from_li.changed.empty());
  EXPECT_EQ(from_li.removed.size(), 1u);
  EXPECT_EQ(to_wu.changed.size(), 1u);
  EXPECT_TRUE(to_wu.removed.empty());
}

TEST_F(Board, nothing_is_told_of_a_bill_that_the_audience_never_saw) {
  StatusEvent e = bill("1", 1, 1);
  e.creator = {"wu", ""};
  e.owner = {"E-wu", ""};
  publish(e);
  const Cursor li_here = here(li);
  e.version = 2;
  e.deleted = true;
  publish(e);
  const TodoDiff found = diff(li, li_here);
  EXPECT_TRUE(found.changed.empty());
  EXPECT_TRUE(found.removed.empty());
  // It came and went between two cursors.
  publish(bill("2", 1, 1));
  publish(bill("2", 2, 8, 1));
  EXPECT_TRUE(diff(li, li_here).removed.empty());
}

TEST_F(Board, a_large_diff_comes_in_parts_that_add_up) {
  StatusLimits limits;
  limits.rows_looked_at_max = 7;
  start(limits);
  for (int i = 0; i < 40; ++i) publish(bill(std::to_string(i), 1, 1));
  const Cursor begin = here(everybody);
  for (int i = 0; i < 40; ++i) publish(bill(std::to_string(i), 2, i < 20 ? 8 : 1, 1));
  for (const auto& [limit, expected] : {std::pair{5u, 8u}, std::pair{500u, 6u}}) {  // 6: by what was looked at
    std::size_t changed = 0, removed = 0, parts = 0;
    TodoDiff part;
    part.cursor = begin;
    do {
      part = diff(everybody, part.cursor, limit);
      changed += part.changed.size();
      removed += part.removed.size();
      ++parts;
    } while (part.more);
    EXPECT_EQ(changed, 20u);
    EXPECT_EQ(removed, 20u);
    EXPECT_EQ(parts, expected);
  }
}

TEST_F(Board, a_row_that_came_by_a_page_and_left_before_the_diff_is_removed) {
  const Cursor begin = std::get<Todo>(apply(GetTodo{everybody})).cursor;
  publish(bill("1", 1, 1));
  EXPECT_EQ(page(everybody, 0), (std::vector<std::string>{"1"}));
  publish(bill("1", 2, 8, 1));
  EXPECT_EQ(diff(everybody, begin).removed.size(), 1u);
}

TEST_F(Board, a_row_that_came_by_a_part_of_a_diff_and_left_before_the_next_is_removed) {
  const Cursor begin = here(everybody);
  publish(bill("1", 1, 1));
  publish(bill("2", 1, 1));
  const TodoDiff part = diff(everybody, begin, 1);
  ASSERT_TRUE(part.more);
  ASSERT_EQ(part.changed[0]->id(), "1");
  publish(bill("1", 2, 8, 1));
  const TodoDiff rest = diff(everybody, part.cursor);
  ASSERT_EQ(rest.removed.size(), 1u);
  EXPECT_EQ(rest.removed[0].by->id(), "1");
}

TEST_F(Board, who_cannot_be_served_by_cursor_is_told_why) {
  publish(bill("1", 1, 1));
  EXPECT_EQ(std::get<TodoDiff>(apply(GetTodoDiff{li, std::nullopt})).snapshot, SnapshotReason::first);
  Cursor cursor = here(li);
  EXPECT_EQ(diff(li, cursor).snapshot, SnapshotReason::none);
  EXPECT_EQ(diff(wu, cursor).snapshot, SnapshotReason::audience);
  const AudiencePtr promoted = audience({.user = "li", .employee = "E-li", .roles = {"sales", "viewer"}});
  EXPECT_EQ(diff(promoted, cursor).snapshot, SnapshotReason::audience);
  Cursor future = cursor;
  future.since = future.through = board.last_offset() + 1;
  EXPECT_EQ(diff(li, future).snapshot, SnapshotReason::epoch);
  apply(BeginEpoch{EpochId{{2, 2}}, "lost"});
  EXPECT_EQ(told<BoardReset>().size(), 1u);
  EXPECT_EQ(diff(li, cursor).snapshot, SnapshotReason::epoch);
}

TEST_F(Board, a_cursor_at_the_floor_is_served_and_one_below_it_is_trimmed) {
  StatusLimits limits;
  limits.log_entries_max = 3;
  start(limits);
  const Cursor begin = here(everybody);
  for (Version v = 1; v <= 5; ++v) publish(bill("1", v, 1));
  apply(StatusTick{});
  EXPECT_EQ(board.floor(), 2u);
  Cursor cursor = begin;
  cursor.since = cursor.through = 2;
  EXPECT_EQ(diff(everybody, cursor).snapshot, SnapshotReason::none);
  cursor.since = cursor.through = 1;
  EXPECT_EQ(diff(everybody, cursor).snapshot, SnapshotReason::trimmed);
}

TEST_F(Board, the_log_is_bounded_by_age_and_bytes_and_open_bills_stay) {
  StatusLimits limits;
  limits.log_bytes_max = 1000;
  start(limits);
  for (int i = 0; i < 20; ++i) publish(bill(std::to_string(i), 1, 1));
  apply(StatusTick{});
  EXPECT_LE(board.stats().log_bytes, 1000u);
  EXPECT_GT(board.floor(), 10u);
  EXPECT_EQ(count(everybody, "SaleOrder", 0), 20u);
  start({});
  publish(bill("1", 1, 1));
  publish(RunEvent{.type = "SaleOrder", .id = "1"});
  pass(StatusLimits{}.log_age_max + Millis(1));
  EXPECT_EQ(board.floor(), 2u);
  EXPECT_EQ(board.stats().log_entries, 0u);
  EXPECT_EQ(count(everybody, "SaleOrder", 0), 1u);
}

TEST_F(Board, a_bill_changed_a_thousand_times_costs_a_diff_one_row) {
  publish(bill("1", 1, 1));
  const Cursor begin = here(everybody);
  for (Version v = 2; v <= 1000; ++v) publish(bill("1", v, v % 2 == 0 ? 2 : 1));
  publish(bill("2", 1, 1));
  const TodoDiff found = diff(everybody, begin, 1);
  EXPECT_TRUE(found.more) << "the bill came to another group: a row and a removal";
  EXPECT_EQ(diff(everybody, found.cursor).changed.size(), 1u);
}

// ------------------------------------------------------------------------------------------ closed bills

TEST_F(Board, a_closed_bill_stays_for_the_catalogs_days_and_not_longer) {
  publish(bill("1", 1, 8, 1));
  pass(std::chrono::hours(24 * 7) - Millis(1));
  EXPECT_TRUE(std::holds_alternative<StatusFound>(apply(GetStatus{everybody, "SaleOrder", "1"})));
  pass(Millis(1));
  EXPECT_EQ(refusal(GetStatus{everybody, "SaleOrder", "1"}).code, Code::not_found);
  pass(std::chrono::hours(1));
  EXPECT_EQ(board.stats().bills, 0u);
}

TEST_F(Board, a_closed_bill_that_the_log_has_dropped_goes_too) {
  StatusLimits limits;
  limits.log_entries_max = 1;
  start(limits);
  publish(bill("1", 1, 8, 1));
  publish(bill("2", 1, 1));
  publish(bill("2", 2, 1));
  apply(StatusTick{});
  EXPECT_EQ(board.floor(), 2u);
  EXPECT_EQ(board.stats().bills, 2u);
  pass(std::chrono::hours(24 * 7));
  EXPECT_EQ(board.stats().bills, 1u);
}

TEST_F(Board, a_bill_closed_again_and_again_leaves_nothing_behind) {
  publish(bill("0", 1, 8, 1));  // what is true still stands before all that is not
  for (Version v = 1; v <= 5000; ++v) publish_unchecked(bill("1", v, v % 2 == 1 ? 8 : 4, 1));
  publish(bill("1", 5001, 8, 1));
  EXPECT_LE(board.stats().closing, 1030u) << "those that were opened again are not kept";
  pass(std::chrono::hours(24 * 8));
  while (board.floor() < 5002) pass(Millis(1));
  EXPECT_EQ(board.stats().bills, 0u);
}

TEST_F(Board, a_closed_bill_with_rows_leaves_with_an_entry_of_the_log) {
  StatusEvent e = bill("1", 1, 16, 2);
  e.type = "PurOrder";
  publish(e);  // 被驳回 and 作废
  const Cursor begin = here(everybody);
  pass(std::chrono::hours(24 * 7));
  ASSERT_EQ(told<StatusChanged>().size(), 1u);
  EXPECT_EQ(told<StatusChanged>()[0].after->groups(), 0u);
  EXPECT_EQ(diff(everybody, begin).removed.size(), 1u);
  EXPECT_EQ(refusal(GetStatus{everybody, "PurOrder", "1"}).code, Code::not_found);
}

TEST_F(Board, a_reopened_bill_stays_on_the_board) {
  publish(bill("1", 1, 8, 1));
  publish(bill("1", 2, 4, 1));
  pass(std::chrono::hours(24 * 30));
  EXPECT_EQ(count(everybody, "SaleOrder", 2), 1u);
}

TEST_F(Board, what_time_takes_is_bounded_for_each_command) {
  StatusLimits limits;
  limits.swept_per_command_max = 4;
  start(limits);
  for (int i = 0; i < 10; ++i) {
    StatusEvent e = bill(std::to_string(i), 1, 16, 2);
    e.type = "PurOrder";
    publish(e);
  }
  pass(std::chrono::hours(24 * 7));
  EXPECT_EQ(told<StatusChanged>().size(), 4u);
  pass(Millis(1));
  EXPECT_EQ(told<StatusChanged>().size(), 4u);
  pass(Millis(1));
  EXPECT_EQ(told<StatusChanged>().size(), 2u);
}

// ------------------------------------------------------------------------------------------ history

TEST_F(Board, history_has_the_states_and_runs_of_the_log_newest_first) {
  for (Version v = 1; v <= 4; ++v) publish(bill("1", v, 1));
  publish(RunEvent{.type = "SaleOrder", .id = "1", .step = "s"});
  publish(RunEvent{.type = "SaleOrder", .id = "2", .step = "other"});
  auto history = std::get<History>(apply(GetHistory{li, "SaleOrder", "1", 0, 3}));
  ASSERT_EQ(history.states.size(), 3u);
  EXPECT_EQ(history.states[0]->version(), 4u);
  EXPECT_EQ(history.states[2]->version(), 2u);
  ASSERT_EQ(history.runs.size(), 1u);
  EXPECT_EQ(history.runs[0]->event.step, "s");
  history = std::get<History>(apply(GetHistory{li, "SaleOrder", "1", history.next, 3}));
  ASSERT_EQ(history.states.size(), 1u);
  EXPECT_EQ(history.states[0]->version(), 1u);
  EXPECT_EQ(history.next, 0u);
  EXPECT_TRUE(history.runs.empty());
}

TEST_F(Board, pages_of_a_history_leave_out_no_step_and_no_state) {
  for (Version v = 1; v <= 3; ++v) {
    publish(bill("1", v, 1));
    for (const char* const step : {"a", "b", "c", "d", "e"})
      publish(RunEvent{.type = "SaleOrder", .id = "1", .step = std::to_string(v) + step});
  }
  for (const std::uint32_t limit : {1u, 2u, 3u, 4u, 5u, 100u}) {
    std::vector<Offset> states, steps;
    History history;
    do {
      history = std::get<History>(apply(GetHistory{li, "SaleOrder", "1", history.next, limit}));
      ASSERT_LE(history.states.size(), limit);
      ASSERT_LE(history.runs.size(), limit);
      for (const BillPtr& state : history.states) states.push_back(state->offset());
      for (const RunPtr& run : history.runs) steps.push_back(run->offset);
    } while (history.next != 0);
    EXPECT_EQ(states, (std::vector<Offset>{13, 7, 1})) << "limit " << limit;
    EXPECT_EQ(steps, (std::vector<Offset>{18, 17, 16, 15, 14, 12, 11, 10, 9, 8, 6, 5, 4, 3, 2})) << "limit " << limit;
  }
}

// ------------------------------------------------------------------------------------------ resync

struct Resync : Board {
  ResyncId id{{3, 3}};
  Caller caller{.user = "erp"};
  EpochId next{{2, 2}};
  StatusOutcome open(const std::string& type = "SaleOrder") { return apply(OpenResync{caller, id, type}); }
  StatusOutcome send(std::vector<StatusEvent> list) { return apply(ResyncPage{caller, id, std::move(list)}); }
  StatusOutcome commit() { return apply(CommitResync{caller, id, next}); }
};

TEST_F(Resync, a_commit_replaces_the_bills_of_its_type_and_no_other) {
  publish(bill("1", 5, 1));
  publish(bill("2", 5, 1));
  StatusEvent other = bill("9", 1, 1);
  other.type = "PurOrder";
  publish(other);
  const Cursor begin = here(everybody);
  open();
  send({bill("2", 1, 2)});
  EXPECT_EQ(count(everybody, "SaleOrder", 0), 2u) << "nothing is seen of it before the commit";
  const auto made = std::get<ResyncCommitted>(commit());
  EXPECT_EQ(made.epoch, next);
  EXPECT_EQ(made.bills, 1u);
  EXPECT_EQ(made.left, 1u);
  ASSERT_EQ(told<BoardReset>().size(), 1u);
  EXPECT_EQ(told<BoardReset>()[0].epoch, next);
  EXPECT_TRUE(told<StatusChanged>().empty());
  EXPECT_EQ(count(everybody, "SaleOrder", 0), 0u);
  EXPECT_EQ(count(everybody, "SaleOrder", 1), 1u);
  EXPECT_EQ(count(everybody, "PurOrder", 0), 1u);
  EXPECT_EQ(diff(everybody, begin).snapshot, SnapshotReason::epoch);
  EXPECT_EQ(publish(bill("2", 2, 1)).kind, Kind::logged) << "versions began anew";
  EXPECT_EQ(publish(bill("1", 1, 1)).kind, Kind::logged);
  EXPECT_EQ(publish(other).kind, Kind::stale);
}

TEST_F(Resync, what_is_published_meanwhile_is_not_lost) {
  publish(bill("1", 50, 1));
  open();
  send({bill("1", 3, 1), bill("2", 3, 1)});
  EXPECT_EQ(publish(bill("1", 4, 2)).kind, Kind::stale) << "of the restored ERP, below what the board knows";
  publish(bill("new", 1, 1));
  send({bill("2", 2, 8, 1)});  // an older one
  commit();
  EXPECT_EQ(count(everybody, "SaleOrder", 0), 2u) << "2 and new";
  EXPECT_EQ(std::get<StatusFound>(apply(GetStatus{everybody, "SaleOrder", "1"})).bill->version(), 4u);
}

TEST_F(Resync, without_versions_a_page_does_not_undo_what_was_published) {
  open();
  publish(bill("1", std::nullopt, 2));
  send({bill("1", std::nullopt, 1), bill("2", std::nullopt, 1)});
  publish(bill("2", std::nullopt, 2));
  commit();
  EXPECT_EQ(count(everybody, "SaleOrder", 1), 2u);
}

TEST_F(Resync, what_was_deleted_or_made_anew_meanwhile_is_not_undone_by_a_page) {
  publish(bill("1", 5, 1));
  open();
  StatusEvent gone = bill("1", 5, 1), anew = bill("2", 1, 1);
  gone.deleted = anew.created = true;
  publish(gone);
  publish(bill("2", 9, 2));
  publish(anew);
  send({bill("1", 5, 1), bill("2", 9, 2), bill("3", 4, 1)});
  StatusEvent page_says = bill("3", 1, 2);
  page_says.created = true;
  send({page_says});
  commit();
  EXPECT_EQ(page(everybody, 0), (std::vector<std::string>{"2", "3"}));
  EXPECT_EQ(publish(bill("1", 6, 1)).kind, Kind::deleted);
  EXPECT_EQ(publish(bill("2", 2, 2)).kind, Kind::logged) << "its version is that of the new bill";
  EXPECT_EQ(publish(bill("3", 4, 1)).kind, Kind::stale) << "a page says what is, and begins nothing";
}

TEST_F(Resync, only_who_opened_it_goes_on_with_it) {
  open();
  caller.user = "other";
  EXPECT_EQ(std::get<Refusal>(send({})).code, Code::not_found);
  EXPECT_EQ(std::get<Refusal>(commit()).code, Code::not_found);
  EXPECT_EQ(std::get<Refusal>(apply(DropResync{caller, id})).code, Code::not_found);
  caller.user = "erp";
  EXPECT_TRUE(std::holds_alternative<Done>(apply(DropResync{caller, id})));
  EXPECT_EQ(std::get<Refusal>(commit()).code, Code::not_found);
}

TEST_F(Resync, one_that_is_silent_too_long_is_dropped) {
  publish(bill("1", 1, 1));
  open();
  pass(options.limits.resync_idle_max - Millis(1));
  EXPECT_TRUE(std::holds_alternative<ResyncTaken>(send({bill("2", 1, 1)})));
  pass(options.limits.resync_idle_max - Millis(1));
  EXPECT_TRUE(std::holds_alternative<ResyncTaken>(send({bill("3", 1, 1)}))) << "a page makes it last on";
  pass(options.limits.resync_idle_max);
  EXPECT_EQ(std::get<Refusal>(commit()).code, Code::not_found);
  EXPECT_EQ(board.stats().resyncs_dropped, 1u);
  EXPECT_EQ(count(everybody, "SaleOrder", 0), 1u);
}

TEST_F(Resync, its_limits_are_kept) {
  StatusLimits limits;
  limits.resyncs_open_max = 1;
  limits.resync_bills_max = 2;
  limits.events_per_batch_max = 2;
  start(limits);
  open();
  EXPECT_EQ(std::get<Refusal>(open()).field, "resync") << "the id is taken";
  EXPECT_EQ(refusal(OpenResync{caller, ResyncId{{4, 4}}, "PurOrder"}).code, Code::too_many);
  EXPECT_EQ(refusal(OpenResync{caller, ResyncId{{4, 4}}, "Nonsense"}).field, "type");
  EXPECT_EQ(std::get<Refusal>(send({bill("1", 1, 1), bill("2", 1, 1), bill("3", 1, 1)})).code, Code::too_large);
  EXPECT_EQ(std::get<ResyncTaken>(send({bill("1", 1, 1), bill("2", 1, 1)})).bills, 2u);
  EXPECT_EQ(std::get<Refusal>(send({bill("3", 1, 1)})).code, Code::too_many);
  StatusEvent other = bill("1", 1, 1);
  other.type = "PurOrder";
  EXPECT_EQ(std::get<Refusal>(send({other})).field, "events[0].type");
  EXPECT_EQ(refusal(CommitResync{caller, id, epoch}).field, "epoch");
  // A second one of the type takes the place of the first.
  EXPECT_TRUE(std::holds_alternative<ResyncTaken>(apply(OpenResync{caller, ResyncId{{4, 4}}, "SaleOrder"})));
  EXPECT_EQ(std::get<Refusal>(commit()).code, Code::not_found);
}

// ------------------------------------------------------------------------------------------ notices

StatusEvent done(StatusEvent e, std::string action, std::string actor, std::string reason = "") {
  e.action = std::move(action);
  e.actor = {std::move(actor), ""};
  e.reason = std::move(reason);
  return e;
}

TEST_F(Board, a_rejection_always_tells_the_creator_with_its_reason) {
  start({}, false);  // notices are off
  publish(done(bill("1", 1, 1, 2), "驳回", "boss", "too dear"));
  ASSERT_EQ(told<NoticeMade>().size(), 1u);
  EXPECT_TRUE(told<NoticeMade>()[0].notice->rejection);
  const auto list = std::get<NoticeList>(apply(ListNotices{li}));
  ASSERT_EQ(list.notices.size(), 1u);
  EXPECT_EQ(list.notices[0]->bill->text(Bill::reason), "too dear");
  EXPECT_TRUE(unread(wu).empty());
  publish(done(bill("1", 2, 4, 1), "审核", "boss"));
  EXPECT_TRUE(told<NoticeMade>().empty()) << "the switch is off";
}

TEST_F(Board, nobody_is_told_what_he_did_himself) {
  publish(done(bill("1", 1, 1, 2), "reject", "li"));
  EXPECT_TRUE(unread(li).empty()) << "his own bill";
  EXPECT_TRUE(told<NoticeMade>().empty());
  publish(done(bill("2", 1, 1, 2), "reject", "boss"));
  EXPECT_EQ(unread(li), (std::vector<std::uint64_t>{2})) << "a number is one notice, whatever build a node is of";
  publish(done(bill("3", 1, 2), "submit", "rev"));
  EXPECT_TRUE(unread(audience({.user = "rev", .roles = {"reviewer"}})).empty()) << "as one of a role";
  EXPECT_EQ(unread(audience({.user = "other", .roles = {"reviewer"}})).size(), 1u);
}

TEST_F(Board, whoever_reads_notices_is_named_with_those_that_he_had_not_read) {
  const AudiencePtr rev = audience({.user = "rev", .roles = {"reviewer"}});
  publish(done(bill("1", 1, 2), "submit", "x"));
  publish(done(bill("1", 2, 1, 2), "reject", "boss"));
  apply(ReadNotices{Caller{.user = "rev"}, "E-rev", {1, 2, 7}});
  ASSERT_EQ(told<NoticesRead>().size(), 1u);
  EXPECT_EQ(told<NoticesRead>()[0].user, "rev");
  EXPECT_EQ(told<NoticesRead>()[0].employee, "E-rev");
  EXPECT_EQ(told<NoticesRead>()[0].numbers, (std::vector<std::uint64_t>{1}));
  EXPECT_TRUE(told<NoticesRead>()[0].shared.empty());
  apply(ReadNotices{Caller{.user = "rev"}, "E-rev", {1, 2, 7}});
  EXPECT_TRUE(told<NoticesRead>().empty());
  apply(ReadNotices{Caller{.user = "li"}, "E-li", {2}});
  ASSERT_EQ(told<NoticesRead>().size(), 1u);
  EXPECT_EQ(told<NoticesRead>()[0].numbers, (std::vector<std::uint64_t>{2}));
}

TEST_F(Board, who_lost_sight_of_a_type_is_told_of_his_rejections_only) {
  const AudiencePtr dismissed = audience({.user = "li", .employee = "E-li"});
  publish(done(bill("1", 1, 4, 1), "approve", "boss"));
  EXPECT_EQ(unread(li).size(), 1u);
  EXPECT_TRUE(unread(dismissed).empty());
  publish(done(bill("2", 1, 1, 2), "reject", "boss"));
  EXPECT_EQ(unread(dismissed).size(), 1u);
}

TEST_F(Board, notices_follow_the_rules_of_the_catalog) {
  const AudiencePtr stock = audience({.user = "stock", .roles = {"warehouse"}});
  const AudiencePtr reviewer = audience({.user = "rev", .roles = {"reviewer"}});
  publish(done(bill("1", 1, 2), "提交", "li"));
  EXPECT_EQ(unread(reviewer).size(), 1u);
  EXPECT_TRUE(unread(stock).empty());
  EXPECT_TRUE(unread(li).empty());
  publish(done(bill("1", 2, 4, 1), "approve", "boss"));
  EXPECT_EQ(unread(stock).size(), 1u);
  EXPECT_EQ(unread(li).size(), 1u);
  EXPECT_EQ(unread(reviewer).size(), 1u);
  publish(done(bill("1", 3, 8, 1), "close", "li"));
  EXPECT_EQ(unread(li).size(), 1u) << "nobody is told what he did himself";
}

TEST_F(Board, a_notice_to_a_class_reaches_only_who_sees_the_bill) {
  const AudiencePtr abroad = audience({.user = "m2", .departments = {"D2"}, .roles = {"manager"}});
  publish(done(bill("1", 1, 2), "submit", "li"));
  EXPECT_EQ(unread(chief).size(), 1u);
  EXPECT_TRUE(unread(abroad).empty());
}

TEST_F(Board, a_notice_is_kept_until_it_is_read_by_each) {
  publish(done(bill("1", 1, 2), "submit", "x"));
  const AudiencePtr a = audience({.user = "a", .roles = {"reviewer"}});
  const AudiencePtr b = audience({.user = "b", .roles = {"reviewer"}});
  ASSERT_EQ(unread(a).size(), 1u);
  apply(ReadNotices{Caller{.user = "a"}, "", unread(a)});
  EXPECT_TRUE(unread(a).empty());
  EXPECT_EQ(unread(b).size(), 1u);
  publish(done(bill("1", 2, 1, 2), "reject", "boss"));
  ASSERT_EQ(unread(li).size(), 1u);
  apply(ReadNotices{Caller{.user = "wu"}, "E-wu", unread(li)});
  EXPECT_EQ(unread(li).size(), 1u) << "only the reader reads it";
  apply(ReadNotices{Caller{.user = "li"}, "E-li", unread(li)});
  EXPECT_TRUE(unread(li).empty());
  EXPECT_EQ(board.stats().notices, 1u) << "read by all, it is gone";
}

TEST_F(Board, a_notice_goes_after_thirty_days) {
  publish(done(bill("1", 1, 1, 2), "reject", "boss"));
  pass(options.limits.notice_age_max);
  EXPECT_EQ(unread(li).size(), 1u);
  pass(Millis(1));
  EXPECT_TRUE(unread(li).empty());
  EXPECT_EQ(board.stats().notices, 0u);
}

TEST_F(Board, notices_are_bounded_for_a_person_for_classes_and_in_all) {
  StatusLimits limits;
  limits.notices_per_person_max = 3;
  start(limits);
  for (Version v = 1; v <= 5; ++v) publish(done(bill("1", v, 1, 2), "reject", "boss"));
  EXPECT_EQ(unread(li), (std::vector<std::uint64_t>{3, 4, 5}));
  limits = {};
  limits.notices_to_classes_max = 2;
  start(limits);
  for (Version v = 1; v <= 5; ++v) publish(done(bill("1", v, 2), "submit", "li"));
  EXPECT_EQ(unread(audience({.user = "rev", .roles = {"reviewer"}})), (std::vector<std::uint64_t>{4, 5}));
  limits = {};
  limits.notices_max = 2;
  start(limits);
  for (Version v = 1; v <= 5; ++v) publish(done(bill("1", v, 1, 2), "reject", "boss"));
  EXPECT_EQ(unread(li), (std::vector<std::uint64_t>{4, 5}));
  EXPECT_EQ(std::get<NoticeList>(apply(ListNotices{li, 4, 100})).notices.size(), 1u);
  EXPECT_EQ(std::get<NoticeList>(apply(ListNotices{li, 0, 1})).notices.size(), 1u);
}

TEST_F(Board, read_marks_are_bounded_for_a_person_and_in_number_of_persons) {
  StatusLimits limits;
  limits.notices_per_person_max = 2;
  limits.readers_max = 1;
  limits.notices_to_classes_max = 4;
  start(limits);
  for (Version v = 1; v <= 4; ++v) publish(done(bill("1", v, 2), "submit", "li"));
  const AudiencePtr a = audience({.user = "a", .roles = {"reviewer"}});
  apply(ReadNotices{Caller{.user = "a"}, "", {2, 3, 4}});
  EXPECT_TRUE(unread(a).empty()) << "with the marks of 3 and 4 kept, all before them count as read";
  EXPECT_EQ(refusal(ReadNotices{Caller{.user = "b"}, "", {2}}).code, Code::too_many);
  for (Version v = 5; v <= 8; ++v) publish(done(bill("1", v, 2), "submit", "li"));
  EXPECT_TRUE(std::holds_alternative<Done>(apply(ReadNotices{Caller{.user = "b"}, "", {5}})))
      << "a's marks are of notices that are gone";
  EXPECT_EQ(
      refusal(ReadNotices{Caller{.user = "b"}, "", std::vector<std::uint64_t>(limits.events_per_batch_max + 1, 5)})
          .code,
      Code::too_large);
}

TEST_F(Board, catalogs_that_would_make_other_rows_or_notices_have_other_rules) {
  catalog::Content content = erp()->content();
  content.name = "another name";
  EXPECT_EQ(group_rules(Catalog(content)), group_rules(*erp()));
  EXPECT_EQ(notice_rules(Catalog(content)), notice_rules(*erp()));
  content.groups.front().name = "another group";
  EXPECT_NE(group_rules(Catalog(content)), group_rules(*erp()));
  EXPECT_EQ(notice_rules(Catalog(content)), notice_rules(*erp()));
  content.notices.front().handler = !content.notices.front().handler;
  EXPECT_NE(notice_rules(Catalog(content)), notice_rules(*erp()));
  content = erp()->content();
  content.actions.front().aliases.emplace_back("another alias");
  EXPECT_NE(notice_rules(Catalog(content)), notice_rules(*erp()));
}

TEST_F(Board, owners_and_departments_are_told_where_the_catalog_says_so) {
  catalog::Content content = erp()->content();
  catalog::Notice rule;
  rule.name = "to_department";
  rule.actions = {erp()->index_of(*erp()->find_action("void"))};
  rule.types = {erp()->index_of(*erp()->find_type("SaleOrder")), erp()->index_of(*erp()->find_type("PurOrder"))};
  rule.owner = rule.department = true;
  content.notices = {rule};
  options.catalog = std::make_shared<const Catalog>(content);
  board = StatusBoard(options);
  ASSERT_TRUE(board.recovered(clock, epoch));
  const AudiencePtr mate = audience({.user = "mate", .departments = {"D1"}, .roles = {"sales"}});
  StatusEvent e = done(bill("1", 1, 16), "作废", "boss");
  publish(e);
  EXPECT_EQ(unread(li).size(), 1u) << "the owner, by his employee's id";
  EXPECT_EQ(unread(mate).size(), 1u) << "row scope aside";
  EXPECT_TRUE(unread(wu).empty());
  e.type = "PurOrder";
  publish(e);
  EXPECT_EQ(unread(mate).size(), 1u) << "not of a type that the tree does not show";
  apply(ReadNotices{Caller{.user = "li"}, "E-li", {1}});
  EXPECT_TRUE(unread(li).empty()) << "and sales are not shown the purchase order";
  apply(ReadNotices{Caller{.user = "li"}, "E-li", {2}});
  EXPECT_EQ(unread(mate).size(), 1u);
}

// ------------------------------------------------------------------------------------------ recovery

TEST_F(Resync, a_board_made_from_its_journal_or_image_is_the_same) {
  publish(bill("1", 1, 1));
  publish(done(bill("1", 2, 1, 2), "reject", "boss", "no"));
  publish(done(bill("2", 1, 2), "submit", "li"));
  apply(ReadNotices{Caller{.user = "rev"}, "", {2}});
  publish(bill("3", 1, 8, 1));
  publish(RunEvent{.run = RunId{{1, 2}}, .type = "SaleOrder", .id = "1", .step = "s", .error = "e"});
  apply(batch({bill("4", 1, 1), bill("4", 1, 2), bill("4", 1, 1)}, "b", 3));
  open("PurOrder");
  StatusEvent other = bill("9", 1, 1);
  other.type = "PurOrder";
  send({other});
  board.seal(journal);
  StatusBoard from_journal(options), from_image(options);
  ASSERT_TRUE(from_journal.recover(journal));
  ASSERT_TRUE(from_journal.recovered(clock, EpochId{{8, 8}}));
  ASSERT_TRUE(from_image.recover(image()));
  ASSERT_TRUE(from_image.recovered(clock, EpochId{{8, 8}}));
  EXPECT_EQ(from_journal.check(), "");
  std::string a, b;
  from_journal.image(a);
  from_image.image(b);
  EXPECT_TRUE(a == image());
  EXPECT_TRUE(b == image());
  EXPECT_EQ(from_journal.epoch(), epoch);
}

TEST_F(Board, a_catalog_with_other_groups_begins_an_epoch) {
  publish(bill("1", 1, 1));
  catalog::Content content = erp()->content();
  content.groups[0].when = *Condition::parse("DataStatus=2");
  StatusBoardOptions changed = options;
  changed.catalog = std::make_shared<const Catalog>(content);
  StatusBoard again(changed);
  ASSERT_TRUE(again.recover(journal));
  ASSERT_TRUE(again.recovered(clock, EpochId{{8, 8}}));
  EXPECT_EQ(again.epoch(), (EpochId{{8, 8}}));
  EXPECT_EQ(again.check(), "");
}

TEST_F(Board, a_malformed_change_is_refused_and_the_lock_trees_are_passed_over) {
  publish(bill("1", 1, 1));
  for (std::size_t cut = 1; cut < 20; ++cut) {
    StatusBoard again(options);
    EXPECT_FALSE(again.recover(std::string_view(journal).substr(0, journal.size() - cut)));
  }
  std::string foreign;
  ChangeFrame(foreign, Entity::grant, 0, Id128{1, 2})->text("whatever");
  StatusBoard again(options);
  EXPECT_TRUE(again.recover(foreign + journal));
  std::string bad;
  ChangeFrame(bad, Entity::status_bill, 0, Id128{0, 1})->text("whatever");
  EXPECT_FALSE(StatusBoard(options).recover(bad));
}

TEST_F(Board, a_question_writes_nothing_and_sweeps_nothing) {
  publish(bill("1", 1, 8, 1));
  clock += std::chrono::hours(24 * 30);
  const std::size_t size = journal.size();
  here(li);
  diff(everybody, here(everybody));
  page(chief, 0);
  unread(li);
  apply(GetStatus{li, "SaleOrder", "1"});
  apply(GetHistory{li, "SaleOrder", "1"});
  EXPECT_EQ(journal.size(), size);
  EXPECT_TRUE(std::holds_alternative<StatusFound>(apply(GetStatus{li, "SaleOrder", "1"}))) << "as of the last command";
}

}  // namespace
}  // namespace hf
