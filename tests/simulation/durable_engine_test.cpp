// The simulator's judge of durability must hear what is told too early, and only that.
#include "simulation/durable_engine.h"

#include <gtest/gtest.h>

#include "property/status_model.h"
#include "session/status_answers.h"

namespace hf::sim {
namespace {

class DurableEngineTest : public ::testing::Test, LockEngineSink {
 protected:
  DurableEngineTest() {
    board.catalog = catalog;
    engine.emplace(time, random, board, disk, clock);
    engine->attach(*this);
  }
  // Decided, and not yet durable.
  StatusChanged decide(Version version, bool deleted = false, bool created = false, const std::string& creator = "u0") {
    StatusEvent event;
    event.type = "A";
    event.id = "1";
    event.version = version;
    event.state = {{"S", 1}, {"P", 0}};
    event.creator = {creator, ""};
    event.none = {"handler", "owner", "department"};
    event.deleted = deleted;
    event.created = created;
    const BillPtr before = newest_;
    clock += Millis(5);
    engine->submit(0, 0, Publish{{}, {event}}, clock);
    newest_ = now();
    return {before, newest_};
  }
  void commit() {
    engine->flush();
    time.run(Millis(10));
  }
  static boost::json::object row(const StatusChanged& change) {
    std::string members;
    std::string text;
    append_bill_members(members, *change.after);
    append_row(text, "draft", members);
    return boost::json::parse(text).as_object();
  }
  boost::json::object removal(const StatusChanged& change, const std::string& user) const {
    std::string text;
    append_removal(text, "draft", Removal{change.after, 1, change.before},
                   Audience(*catalog, Claims{.user = user, .roles = {"seller"}}));
    return boost::json::parse(text).as_object();
  }

  std::optional<DurableEngine> engine;

 private:
  BillPtr now() {
    std::vector<BoardEvent> events;
    std::string journal;
    const StatusOutcome found = engine->board().apply(
        GetStatus{std::make_shared<const Audience>(*catalog, Claims{.user = "auditor", .super = true}), "A", "1"},
        clock, events, journal);
    const auto* status = std::get_if<StatusFound>(&found);
    return status == nullptr ? nullptr : status->bill;
  }
  void on_outcome(Ticket, Outcome&&) override {}
  void on_event(NamespaceIndex, const Event&) override {}
  void on_turn_end() override {}
  void on_failed(std::string why) override { ADD_FAILURE() << why; }

  std::shared_ptr<const Catalog> catalog = test::model_catalog();
  StatusBoardOptions board;
  Scheduler time;
  Random random{1};
  Disk disk;
  Wall clock = wall_us(1'760'000'000'000'000);
  BillPtr newest_;
};

TEST_F(DurableEngineTest, a_state_is_told_too_early_until_it_is_durable) {
  const StatusChanged first = decide(6);
  EXPECT_TRUE(engine->tells_undurable(row(first)));
  commit();
  EXPECT_FALSE(engine->tells_undurable(row(first)));
}

TEST_F(DurableEngineTest, a_bill_may_be_shown_as_it_was_while_its_deletion_with_the_same_version_is_on_its_way) {
  const StatusChanged last = decide(6);
  commit();
  const StatusChanged gone = decide(6, true);
  ASSERT_EQ(gone.after->version(), last.after->version());
  EXPECT_FALSE(engine->tells_undurable(row(last)));
  EXPECT_TRUE(engine->tells_undurable(removal(gone, "u0")));
  commit();
  EXPECT_FALSE(engine->tells_undurable(removal(gone, "u0")));
}

TEST_F(DurableEngineTest, a_bill_made_again_with_a_version_that_its_id_had_is_another_one) {
  const StatusChanged former = decide(1);
  commit();
  const StatusChanged again = decide(1, false, true, "u1");
  EXPECT_FALSE(engine->tells_undurable(row(former)));
  EXPECT_TRUE(engine->tells_undurable(row(again)));
}

TEST_F(DurableEngineTest, a_removal_that_names_only_what_was_seen_tells_of_the_change_all_the_same) {
  decide(6);
  commit();
  const StatusChanged hidden = decide(7, false, false, "u1");
  const boost::json::object told = removal(hidden, "u0");
  ASSERT_EQ(told.at("version").to_number<Version>(), 6u);
  ASSERT_FALSE(told.contains("at"));
  EXPECT_TRUE(engine->tells_undurable(told));
  commit();
  EXPECT_FALSE(engine->tells_undurable(told));
}

}  // namespace
}  // namespace hf::sim
