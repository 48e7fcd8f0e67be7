// If two bills had one number or one id, a payment would go to the wrong one.
#include "documents/write/numbers.h"

#include <gtest/gtest.h>

#include <set>

#include "documents/write/change.h"

namespace hf::documents {
namespace {

constexpr Wall noon = wall_us(1'764'504'000'000'000);  // 2025-11-30T12:00:00Z

TEST(Snowflakes, grow_and_are_never_alike) {
  Snowflakes first(1), second(2);
  std::set<std::int64_t> ids;
  std::int64_t last = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::int64_t id = first.next(noon);
    EXPECT_GT(id, last);
    last = id;
    ids.insert(id);
    ids.insert(second.next(noon));
  }
  EXPECT_EQ(ids.size(), 20'000U);
}

TEST(Snowflakes, a_clock_that_goes_back_brings_no_id_again) {
  Snowflakes ids(1);
  const std::int64_t before = ids.next(noon);
  EXPECT_GT(ids.next(wall_us(to_us(noon) - 3'600'000'000)), before);
  EXPECT_GT(ids.next(wall_us(0)), before);
}

TEST(Numbers, have_the_day_of_the_business) {
  catalog::Numbering numbering;
  EXPECT_EQ(number_day(numbering, noon, Micros(0)), "251130");
  EXPECT_EQ(number_day(numbering, noon, std::chrono::hours(13)), "251201");
  numbering.date = "yyyy-MM";
  EXPECT_EQ(number_day(numbering, noon, std::chrono::hours(-13)), "2025-11");
}

TEST(Numbers, are_prefix_day_and_count) {
  const catalog::Numbering numbering;
  EXPECT_EQ(number_text(numbering, "SO", "251130", 7), "SO2511300007");
  EXPECT_EQ(number_text(numbering, "SO", "251130", 12345), "SO25113012345");
}

TEST(RunResult, is_read_as_it_was_written) {
  const std::vector<WrittenBill> bills = {{"SaleOut", "SOD 1", 5, 3, false}, {"SaleOrder", "", 7, 12, true}};
  EXPECT_EQ(read_result(result_of(bills)), bills);
  EXPECT_TRUE(read_result("").empty());
}

}  // namespace
}  // namespace hf::documents
