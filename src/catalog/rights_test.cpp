// Rights decide who may edit, force and approve. A mistake here shows a colleague's bills or lets a stranger approve.

#include "catalog/rights.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

// Counts allocations, so that "allows() does not allocate" can be false.
namespace {
std::size_t allocations = 0;
}
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace hf {
namespace {

RightSet of(std::vector<std::string> texts) {
  RightSet made;
  EXPECT_TRUE(made.add_all(texts).empty());
  return made;
}

TEST(RightSet, a_right_without_type_covers_every_type) {
  const RightSet rights = of({"lock.edit", "action.approve"});
  EXPECT_TRUE(rights.allows(Right::lock_edit, "SaleOrder"));
  EXPECT_TRUE(rights.allows_everywhere(Right::lock_edit));
  EXPECT_TRUE(rights.allows_action("approve", "SaleOrder"));
}

TEST(RightSet, a_right_limited_to_a_type_covers_that_type_and_no_other) {
  const RightSet rights =
      of({"lock.edit:SaleOut", "lock.edit:SaleOrder", "action.approve:SaleOut", "action.close:PurOrder"});
  EXPECT_TRUE(rights.allows(Right::lock_edit, "SaleOut"));
  EXPECT_TRUE(rights.allows(Right::lock_edit, "SaleOrder"));
  EXPECT_FALSE(rights.allows(Right::lock_edit, "PurOrder"));
  EXPECT_FALSE(rights.allows(Right::lock_edit, "SaleOu"));
  EXPECT_FALSE(rights.allows(Right::lock_view, "SaleOut"));
  EXPECT_FALSE(rights.allows_everywhere(Right::lock_edit));
  EXPECT_TRUE(rights.allows_somewhere(Right::lock_edit));
  EXPECT_FALSE(rights.allows_somewhere(Right::lock_force));
  EXPECT_TRUE(rights.allows_action("approve", "SaleOut"));
  EXPECT_FALSE(rights.allows_action("approve", "PurOrder"));
  EXPECT_FALSE(rights.allows_action("close", "SaleOut"));
}

TEST(RightSet, no_right_implies_another) {
  const RightSet rights = of({"admin"});
  for (const Right right :
       {Right::lock_view, Right::lock_edit, Right::lock_force, Right::lock_hold, Right::status_publish}) {
    EXPECT_FALSE(rights.allows(right, "SaleOrder"));
  }
  EXPECT_FALSE(rights.allows_action("approve", "SaleOrder"));
  EXPECT_FALSE(of({"lock.edit"}).allows(Right::lock_view, "SaleOrder"));
}

TEST(RightSet, what_is_not_a_right_is_refused_and_named) {
  RightSet rights;
  const std::vector<std::string> bad = {
      "",         "lock",           "lock.*",       "Lock.edit",     "lock.edit:",       "lock.edit ",     "action.",
      "action.*", "action.Approve", "action.a:b:c", "lock.edit:a/b", "status.publish.x", "action.approve:"};
  EXPECT_EQ(rights.add_all(bad), bad);
  EXPECT_TRUE(rights.empty());
}

TEST(RightSet, texts_are_sorted_and_leave_out_what_a_wider_right_contains) {
  const RightSet rights = of({"lock.view", "lock.edit:B", "lock.edit:A", "lock.view:A", "action.close:A",
                              "action.approve", "action.approve:A", "lock.edit:A"});
  EXPECT_EQ(rights.texts(),
            (std::vector<std::string>{"action.approve", "action.close:A", "lock.edit:A", "lock.edit:B", "lock.view"}));
}

TEST(RightSet, the_order_of_adding_does_not_matter) {
  EXPECT_EQ(of({"lock.edit:A", "action.x:B", "lock.edit:B"}), of({"lock.edit:B", "lock.edit:A", "action.x:B"}));
}

TEST(RightSet, a_full_set_refuses_one_more_and_keeps_the_rest) {
  RightSet rights;
  for (std::size_t i = 0; i < rights_per_set_max; ++i) {
    ASSERT_EQ(rights.add("lock.edit:T" + std::to_string(i)), RightSet::Added::yes);
  }
  EXPECT_EQ(rights.add("lock.edit:more"), RightSet::Added::too_many);
  EXPECT_FALSE(rights.allows(Right::lock_edit, "more"));
  EXPECT_TRUE(rights.allows(Right::lock_edit, "T0"));
}

TEST(RightSet, asking_never_allocates) {
  const RightSet rights =
      of({"lock.edit:SaleOrder", "lock.view", "action.approve:SaleOrder", "action.a_name_longer_than_small_strings"});
  const std::string type = "ATypeNameThatIsMuchLongerThanASmallString";
  const std::size_t before = allocations;
  bool any = rights.allows(Right::lock_edit, type);
  any |= rights.allows(Right::lock_force, type) || rights.allows_somewhere(Right::lock_hold);
  any |= rights.allows_action("another_name_longer_than_small_strings", type);
  EXPECT_EQ(allocations, before);
  EXPECT_FALSE(any);
}

}  // namespace
}  // namespace hf
