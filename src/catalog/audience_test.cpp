// Who may see a bill. Too wide, and somebody reads what he must not; too narrow, and a bill waits in nobody's list.
#include "catalog/audience.h"

#include <gtest/gtest.h>

namespace hf {
namespace {

using namespace catalog;

Catalog three_types() {
  Content c;
  for (const char* name : {"A", "B", "C"}) {
    Type type;
    type.name = name;
    type.code = static_cast<int>(c.types.size());
    c.types.push_back(type);
  }
  Action approve;
  approve.name = approve.right = "approve";
  c.actions.push_back(approve);
  c.roles.push_back({"wide", "", "", {"action.approve:B", "action.approve:C"}, {0, 1}, Scope::all});
  c.roles.push_back({"office", "", "", {}, {0, 1}, Scope::department});
  c.roles.push_back({"own", "", "", {}, {0}, Scope::own});
  return Catalog(std::move(c));
}

const Catalog& types() {
  static const Catalog made = three_types();
  return made;
}
constexpr Catalog::Index a = 0, b = 1, c = 2;

Audience person(std::vector<std::string> roles, std::vector<std::string> departments = {}) {
  return Audience(types(),
                  {.user = "li", .employee = "E7", .departments = std::move(departments), .roles = std::move(roles)});
}

TEST(Audience, scope_all_sees_every_bill_of_the_types_shown) {
  const Audience wide = person({"wide"});
  EXPECT_TRUE(visible(wide, {.type = a}));
  EXPECT_FALSE(visible(wide, {.type = c, .creator = "li", .owner = "E7"})) << "a type that the tree does not show";
  EXPECT_FALSE(visible(wide, {.creator = "li"})) << "a type that the catalog does not know";
}

TEST(Audience, scope_department_sees_its_departments_and_what_is_the_persons_own) {
  const Audience office = person({"office"}, {"D2", "", "D1", "D2"});
  EXPECT_EQ(office.departments(), (std::vector<std::string>{"D1", "D2"}));
  EXPECT_TRUE(visible(office, {.type = a, .department = "D2"}));
  EXPECT_FALSE(visible(office, {.type = a, .department = "D3"}));
  EXPECT_FALSE(visible(office, {.type = a, .department = ""})) << "no department is nobody's";
  EXPECT_TRUE(visible(office, {.type = a, .owner = "E7", .department = "D3"}));
}

TEST(Audience, scope_own_sees_what_one_owns_created_or_handles) {
  const Audience own = person({"own"}, {"D1"});
  EXPECT_TRUE(visible(own, {.type = a, .creator = "li"}));
  EXPECT_TRUE(visible(own, {.type = a, .handler = "li"}));
  EXPECT_TRUE(visible(own, {.type = a, .owner = "E7"}));
  EXPECT_FALSE(visible(own, {.type = a, .owner = "li"})) << "the owner is an employee, not a user";
  EXPECT_FALSE(visible(own, {.type = a, .creator = "E7", .handler = "E7"}));
  EXPECT_FALSE(visible(own, {.type = a, .department = "D1"}));
  EXPECT_FALSE(own.sees_by_class({.type = a, .owner = "E7"}));
}

TEST(Audience, a_token_without_employee_owns_by_its_user) {
  const Audience li(types(), {.user = "li", .roles = {"own"}});
  EXPECT_TRUE(visible(li, {.type = a, .owner = "li"}));
}

TEST(Audience, the_widest_scope_of_several_roles_counts) {
  const Audience both = person({"own", "wide"});
  EXPECT_EQ(both.scope_of(a), Scope::all);
  EXPECT_EQ(person({"own", "office"}).scope_of(a), Scope::department);
}

TEST(Audience, who_has_no_role_sees_nothing_and_a_superuser_everything) {
  EXPECT_FALSE(visible(Audience(), {.type = a, .creator = ""}));
  EXPECT_FALSE(visible(person({}), {.type = a, .creator = "li"}));
  EXPECT_FALSE(visible(person({"unheard_of"}), {.type = a, .creator = "li"}));
  const Audience super(types(), {.user = "root", .super = true});
  EXPECT_TRUE(visible(super, {.type = c}));
  EXPECT_FALSE(visible(super, {.type = c + 1}));
}

TEST(Audience, a_reviewer_has_the_right_to_approve_and_is_shown_the_type) {
  const Audience wide = person({"wide"});
  EXPECT_FALSE(wide.reviews(a));
  EXPECT_TRUE(wide.reviews(b));
  EXPECT_FALSE(wide.reviews(c)) << "the right alone shows nothing";
  EXPECT_FALSE(wide.reviews(c + 1));
}

TEST(Audience, one_class_has_one_key_and_each_person_his_own) {
  const Audience li = person({"office"}, {"D1"});
  const Audience wu(types(), {.user = "wu", .departments = {"D1"}, .roles = {"office"}});
  EXPECT_EQ(li.class_key(), wu.class_key());
  EXPECT_NE(li.key(), wu.key());
  EXPECT_NE(li.class_key(), person({"office"}, {"D2"}).class_key());
  EXPECT_NE(li.class_key(), person({"wide"}, {"D1"}).class_key());
  EXPECT_EQ(person({"wide"}, {"D1"}).class_key(), person({"wide"}, {"D2"}).class_key())
      << "departments do not matter where no scope asks for them";
  EXPECT_EQ(li.key(), person({"office"}, {"D1"}).key());
}

}  // namespace
}  // namespace hf
