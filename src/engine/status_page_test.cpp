// How much a board takes and tells at once. If these fail, one publisher fills the memory for ever, or one answer is
// larger than what a slow reader may be owed.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "catalog/erp_catalog_test.h"
#include "engine/page.h"
#include "engine/status_board.h"

namespace hf {
namespace {

using test::erp;

class Crowd : public testing::Test {
 protected:
  Crowd() { start({}); }
  void make(StatusLimits limits) {
    StatusBoardOptions options;
    options.limits = limits;
    options.catalog = erp();
    board = StatusBoard(options);
    journal.clear();
  }
  void start(StatusLimits limits) {
    make(limits);
    EXPECT_TRUE(board.recovered(clock, EpochId{{1, 1}}));
  }
  static StatusEvent bill(const std::string& id, std::optional<Version> version = {}, std::string type = "SaleOrder") {
    StatusEvent e;
    e.type = std::move(type);
    e.id = id;
    e.version = version;
    e.creator = {"li", "Li"};
    return e;
  }
  StatusOutcome apply(const StatusCommand& c) {
    std::vector<BoardEvent> events;
    StatusOutcome outcome = board.apply(c, clock, events, journal);
    EXPECT_EQ(board.check(), "");
    return outcome;
  }
  StatusOutcome publish(std::vector<LogEvent> events, std::string id = {}) {
    Publish p{.events = std::move(events)};
    p.caller.user = "erp";
    p.caller.request_id = std::move(id);
    return apply(p);
  }
  static Refusal refusal(const StatusOutcome& outcome) {
    const auto* const made = std::get_if<Refusal>(&outcome);
    EXPECT_NE(made, nullptr);
    return made != nullptr ? *made : Refusal{};
  }
  static bool taken(const StatusOutcome& outcome) { return std::holds_alternative<Published>(outcome); }

  StatusBoard board;
  Wall clock = wall_us(1'800'000'000'000'000);
  std::string journal;
};

TEST_F(Crowd, a_batch_with_a_bill_too_many_is_refused_whole_and_names_it) {
  start({.bills_per_type_max = 3});
  EXPECT_TRUE(taken(publish({bill("1"), bill("2")}, "b1")));
  const Refusal no = refusal(publish({bill("1", 9), bill("3"), bill("3"), bill("4"), bill("5")}, "b2"));
  EXPECT_EQ(no.code, Code::too_many);
  EXPECT_EQ(no.field, "events[3]") << "a bill that comes twice is one";
  EXPECT_EQ(board.version_of("SaleOrder:1"), 1U) << "nothing of it was taken";
  EXPECT_EQ(board.stats().bills, 2U);
  EXPECT_TRUE(taken(publish({bill("3")})));
  EXPECT_TRUE(taken(publish({bill("1"), bill("2"), bill("3")}))) << "known bills go on";
  EXPECT_TRUE(taken(publish({bill("1"), bill("2")}, "b1"))) << "a repeat is answered as before";
  EXPECT_TRUE(taken(publish({bill("1", {}, "PurOrder")}))) << "another type has its own";
  EXPECT_EQ(board.stats().bills_of_fullest_type, 3U);
}

TEST_F(Crowd, all_types_together_have_a_limit) {
  start({.bills_per_type_max = 3, .bills_max = 4});
  EXPECT_TRUE(taken(publish({bill("1"), bill("2"), bill("1", {}, "SaleOut"), bill("1", {}, "SaleReturn")})));
  EXPECT_EQ(refusal(publish({bill("1", 9), bill("1", {}, "PurOrder")})).field, "events[1]");
}

TEST_F(Crowd, what_is_published_during_a_resync_does_not_fill_it_beyond_the_limit) {
  start({.bills_per_type_max = 3});
  Caller erp;
  erp.user = "erp";
  const ResyncId id{{3, 3}};
  ASSERT_TRUE(std::holds_alternative<ResyncTaken>(apply(OpenResync{erp, id, "SaleOrder"})));
  ASSERT_TRUE(
      std::holds_alternative<ResyncTaken>(apply(ResyncPage{erp, id, {bill("1", 1), bill("2", 1), bill("3", 1)}})));
  EXPECT_EQ(refusal(apply(ResyncPage{erp, id, {bill("4", 1)}})).code, Code::too_many);
  EXPECT_EQ(refusal(publish({bill("4")})).field, "events[0]");
  EXPECT_TRUE(taken(publish({bill("3")})));
  EXPECT_TRUE(std::holds_alternative<ResyncCommitted>(apply(CommitResync{erp, id, EpochId{{9, 9}}})));
  EXPECT_EQ(refusal(publish({bill("4")})).code, Code::too_many);
}

TEST_F(Crowd, a_board_that_came_from_its_journal_counts_as_before) {
  start({.bills_per_type_max = 2});
  EXPECT_TRUE(taken(publish({bill("1"), bill("2")})));
  std::string image;
  board.image(image);
  make({.bills_per_type_max = 2});
  ASSERT_TRUE(board.recover(image));
  ASSERT_TRUE(board.recovered(clock, EpochId{{1, 2}}));
  EXPECT_EQ(refusal(publish({bill("3")})).code, Code::too_many);
}

// ---------------------------------------------------------------------------------------------- pages

TEST_F(Crowd, a_page_of_a_history_ends_when_its_bytes_are_used_up_and_the_next_goes_on) {
  const auto everybody = std::make_shared<const Audience>(*erp(), Claims{.super = true});
  std::vector<Offset> published;
  for (int i = 0; i < 450; ++i) {
    StatusEvent large = bill("1");
    large.state = {{"DataStatus", 1}};
    large.title = std::string(1900, 't');
    ASSERT_TRUE(taken(publish({large})));
    RunEvent step;
    step.run = RunId{{5, static_cast<std::uint64_t>(i)}};
    step.type = "SaleOrder";
    step.id = "1";
    step.error = std::string(1900, 'e');
    ASSERT_TRUE(taken(publish({step})));
  }
  const Offset last = board.last_offset();
  for (Offset offset = last; offset > 0; --offset) published.push_back(offset);
  std::vector<Offset> read;
  GetHistory ask{.audience = everybody, .type = "SaleOrder", .id = "1", .limit = 500};
  std::size_t pages = 0;
  do {
    const auto page = std::get<History>(apply(ask));
    std::size_t bytes = 0, rows = 0;
    std::vector<Offset> here;
    for (const BillPtr& state : page.states) {
      here.push_back(state->offset());
      bytes += state->bytes();
      ++rows;
    }
    for (const RunPtr& run : page.runs) {
      here.push_back(run->offset);
      bytes += run->event.error.size();
      ++rows;
    }
    EXPECT_GE(rows, 1U);
    EXPECT_LE(bytes, page_bytes_max);
    std::ranges::sort(here, std::greater<>());
    read.insert(read.end(), here.begin(), here.end());
    ask.before = page.next;
    ++pages;
  } while (ask.before != 0 && pages < 100);
  EXPECT_EQ(read, published) << "each once, newest first";
  EXPECT_GE(pages, 2U);
}

}  // namespace
}  // namespace hf
