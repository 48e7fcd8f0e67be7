// A row that is not an event must not spoil the batch of those that are, and an answer must never be read as an
// acknowledgement that it is not: if these fail, an event of a bill is lost, or a broken one holds up all others.

#include "outbox/batch.h"

#include <gtest/gtest.h>

namespace hf::outbox {
namespace {

Row row(RowId id, std::string event) {
  const auto bytes = event.size();
  return Row{id, std::move(event), bytes};
}

TEST(Batch, a_row_that_is_no_object_of_json_is_unfit) {
  EXPECT_EQ(unfit(row(1, R"( {"type":"SaleOrder","id":"1"} )")), std::nullopt);
  for (const char* event : {"", "{", "[]", "7", R"({"type":"A"},{"type":"B"})", R"({"a":1}]})", "{\"a\":\"\xFF\"}"}) {
    EXPECT_NE(unfit(row(1, event)), std::nullopt) << event;
  }
}

TEST(Batch, an_event_of_a_byte_too_many_is_unfit) {
  const std::string event = "{}" + std::string(event_bytes_max - 2, ' ');
  EXPECT_EQ(unfit(row(1, event)), std::nullopt);
  EXPECT_NE(unfit(Row{1, "", event_bytes_max + 1}), std::nullopt);
}

TEST(Batch, the_same_rows_have_the_same_id_and_others_another) {
  const std::string id = batch_id_of({row(1, "{}"), row(2, "{}")});
  EXPECT_EQ(batch_id_of({row(1, "{}"), row(2, "{}")}), id);
  EXPECT_NE(batch_id_of({row(1, "{}"), row(3, "{}")}), id);
  EXPECT_NE(batch_id_of({row(1, "{}"), row(2, "{ }")}), id);
  EXPECT_NE(batch_id_of({row(1, "{}")}), id);
  EXPECT_LE(id.size(), 64u);
}

TEST(Batch, an_answer_counts_only_if_it_has_a_verdict_for_each_row) {
  using Kind = Verdict::Kind;
  const auto read = read_verdicts(
      R"({"epoch":"e","results":[{"offset":7},{"stale":true,"version":3},{"differs":true,"version":4},{"stale":true,"deleted":true,"version":5}]})",
      4);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, (std::vector<Verdict>{{Kind::logged, 7}, {Kind::stale, 3}, {Kind::differs, 4}, {Kind::deleted, 5}}));
  for (const char* answer : {"", "{}", "[]", R"({"results":7})", R"({"results":[]})", R"({"results":[{}]})",
                             R"({"results":[{"offset":-1}]})", R"({"results":[{"offset":1},{"offset":2}]})",
                             R"({"results":[{"stale":true,"offset":1}]})"}) {
    EXPECT_FALSE(read_verdicts(answer, 1)) << answer;
  }
}

TEST(Batch, a_refusal_names_a_row_by_its_place_or_none) {
  EXPECT_EQ(place_named("events[3].version", 4), 3u);
  EXPECT_EQ(place_named("events[0]", 1), 0u);
  for (const char* field : {"", "events", "events[", "events[]", "events[x]", "events[4]", "events[-1]", "events[3",
                            "batch_id", "events[99999999999999999999]"}) {
    EXPECT_EQ(place_named(field, 4), std::nullopt) << field;
  }
}

TEST(Batch, a_row_says_whether_its_bill_is_no_more) {
  EXPECT_TRUE(is_deletion(row(1, R"({"type":"A","id":"1","deleted":true})")));
  for (const char* text : {R"({"deleted":false})", R"({"deleted":1})", "{}", "[]", "{"}) {
    EXPECT_FALSE(is_deletion(row(1, text))) << text;
  }
}

TEST(Batch, a_row_is_described_by_its_bill_where_it_has_one) {
  EXPECT_EQ(describe(row(7, R"({"type":"SaleOrder","id":"1001"})")), "SaleOrder:1001 (row 7)");
  EXPECT_EQ(describe(row(7, R"({"type":7})")), "row 7");
  EXPECT_EQ(describe(row(7, "{")), "row 7");
}

}  // namespace
}  // namespace hf::outbox
