// If these fail, the check of the state takes the loop's time from people who wait, or a state that was found broken is
// served on.
#include "server/idle_check.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hf {
namespace {

struct Idle : testing::Test {
  SlicedCheck::Slice slice{.entities = idle_check_entities, .is_round = false, .broken = {}};
  std::vector<std::size_t> looks;
  std::vector<std::string> reported;
  Micros now{0};
  IdleCheck check{[this](std::size_t entities) {
                    looks.push_back(entities);
                    return slice;
                  },
                  [this] { return now += Micros(7); }, [this](const std::string& what) { reported.push_back(what); }};

  void ticks(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) check.tick();
  }
};

TEST_F(Idle, a_node_that_works_looks_at_nothing) {
  for (int i = 0; i < 100; ++i) {
    check.worked();
    ticks(idle_check_after - 1);
  }
  EXPECT_TRUE(looks.empty());
}

TEST_F(Idle, after_a_while_without_work_each_tick_looks_at_one_slice_until_there_is_work) {
  ticks(idle_check_after + 4);
  EXPECT_EQ(looks, std::vector<std::size_t>(5, idle_check_entities));
  check.worked();
  ticks(idle_check_after - 1);
  EXPECT_EQ(looks.size(), 5U);
  slice.is_round = true;
  ticks(1);
  EXPECT_EQ(check.counts().slices, 6U);
  EXPECT_EQ(check.counts().entities, 6 * idle_check_entities);
  EXPECT_EQ(check.counts().rounds, 1U);
  EXPECT_EQ(check.counts().time, Micros(6 * 7));
}

TEST_F(Idle, what_is_broken_is_reported_once) {
  slice.broken = "default: two hold SaleOrder:1";
  ticks(idle_check_after + 3);
  EXPECT_EQ(reported, std::vector<std::string>{slice.broken});
  EXPECT_EQ(looks.size(), 1U);
}

}  // namespace
}  // namespace hf
