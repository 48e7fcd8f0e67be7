// If a guard were passed over, somebody would approve his own bill, or take back another's.
#include "documents/write/transition.h"

#include <gmock/gmock.h>

#include "catalog/erp_catalog_test.h"

namespace hf::documents {
namespace {

using ::testing::HasSubstr;

class Transition : public testing::Test {
 protected:
  Transition() {
    bill_.type = test::erp()->find_type("ProdBorrowing");
    bill_.id = 1;
    bill_.creator = {"li", "Li Lei"};
    bill_.handler = bill_.creator;
    bill_.master.set("DataStatus", Decimal::of(1));
    bill_.master.set("ApprovalStatus", Decimal::of(0));
    bill_.parts.resize(1);
    li_ = actor("li", {"action.submit", "action.withdraw", "action.approve", "action.void"});
    li_.employee = 17;
  }
  static Actor actor(std::string user, const std::vector<std::string>& rights) {
    Actor made;
    made.person.user = std::move(user);
    made.rights.add_all(rights);
    return made;
  }
  static const catalog::Action& action(std::string_view name) { return *test::erp()->find_action(name); }
  Error refusal(const Actor& who, std::string_view name, std::string reason = {},
                const Catalog& catalog = *test::erp()) {
    const auto may = check_action(catalog, who, {*catalog.find_action(name), std::move(reason)}, bill_);
    return may ? Error{Code::locked, "allowed", {}} : may.error();
  }
  void act(std::string_view name, std::string reason = {}) {
    move(*test::erp(), li_, {action(name), std::move(reason)}, wall_us(1'700'000'000'000'000), bill_);
  }

  BillImage bill_;
  Actor li_;
};

TEST_F(Transition, states_go_by_the_catalogs_moves) {
  EXPECT_EQ(refusal(li_, "submit").detail, "allowed");
  EXPECT_EQ(refusal(li_, "approve").field, "action");
  EXPECT_THAT(refusal(li_, "approve").detail, HasSubstr("in the state Draft"));
  act("submit");
  EXPECT_EQ(state_of(*test::erp(), bill_), 2);
  EXPECT_EQ(refusal(li_, "submit").field, "action");
  act("approve", "good");
  EXPECT_EQ(state_of(*test::erp(), bill_), 4);
  EXPECT_TRUE(is_approved(*test::erp(), bill_));
  EXPECT_EQ(bill_.master.number("ApprovalStatus"), Decimal::of(1));
  EXPECT_EQ(bill_.master.id("ApprovalResults"), 1);
  EXPECT_EQ(bill_.master.id("Approver_by"), 17);
  EXPECT_EQ(bill_.master.at("ApprovalOpinions"), document::Value(std::string("good")));
  act("unapprove");
  EXPECT_EQ(state_of(*test::erp(), bill_), 2);
  EXPECT_EQ(bill_.master.number("ApprovalStatus"), Decimal::of(0));
  EXPECT_TRUE(bill_.master.is_null("Approver_by"));
}

TEST_F(Transition, the_right_is_asked_for_the_type) {
  EXPECT_EQ(refusal(actor("li", {}), "submit").code, Code::forbidden);
  EXPECT_EQ(refusal(actor("li", {"action.submit:SaleOrder"}), "submit").code, Code::forbidden);
  EXPECT_EQ(refusal(actor("li", {"action.submit:ProdBorrowing"}), "submit").detail, "allowed");
}

TEST_F(Transition, only_the_creator_or_a_superuser_withdraws) {
  act("submit");
  Actor wang = actor("wang", {"action.withdraw"});
  EXPECT_THAT(refusal(wang, "withdraw").detail, HasSubstr("Only li"));
  wang.super = true;
  EXPECT_EQ(refusal(wang, "withdraw").detail, "allowed");
}

TEST_F(Transition, a_rejection_says_why) {
  act("submit");
  EXPECT_EQ(refusal(li_, "reject").field, "reason");
  EXPECT_EQ(refusal(li_, "reject", " \n").field, "reason");
  EXPECT_EQ(refusal(li_, "reject", "the price").detail, "allowed");
  EXPECT_EQ(refusal(li_, "reject", std::string(501, 'x')).code, Code::too_large);
  act("reject", "the price");
  EXPECT_EQ(state_of(*test::erp(), bill_), 1);
  EXPECT_EQ(bill_.master.number("ApprovalStatus"), Decimal::of(2));
  EXPECT_EQ(bill_.master.id("ApprovalResults"), 0);
}

TEST_F(Transition, four_eyes_review) {
  act("submit");
  catalog::Content content = test::erp()->content();
  content.four_eyes = true;
  const Catalog strict(std::move(content));
  bill_.type = strict.find_type("ProdBorrowing");
  EXPECT_EQ(refusal(li_, "approve", {}, strict).code, Code::forbidden);
  EXPECT_EQ(refusal(actor("wang", {"action.approve"}), "approve", {}, strict).detail, "allowed");
  const auto of_itself = check_action(strict, actor("li", {}), {*strict.find_action("approve"), {}, true}, bill_);
  EXPECT_TRUE(of_itself);
}

TEST_F(Transition, a_bill_up_to_the_amount_approves_itself) {
  catalog::Content content = test::erp()->content();
  for (catalog::Type& each : content.types) {
    if (each.name == "ProdBorrowing") each.auto_approve_up_to = 100;
  }
  const Catalog generous(std::move(content));
  bill_.type = generous.find_type("ProdBorrowing");
  const catalog::Action& submit = *generous.find_action("submit");
  bill_.master.set("DataStatus", Decimal::of(2));
  bill_.master.set("TotalAmount", Decimal::of(1'000'000, 4));
  EXPECT_EQ(approves_itself(generous, submit, bill_), generous.find_action("approve"));
  bill_.master.set("TotalAmount", Decimal::of(1'000'001, 4));
  EXPECT_EQ(approves_itself(generous, submit, bill_), nullptr);
  EXPECT_EQ(approves_itself(*test::erp(), action("submit"), bill_), nullptr);
}

TEST_F(Transition, what_a_rule_in_cpp_does_is_not_left_out_silently) {
  const auto missing = [](std::string_view type, std::string_view name) {
    return rule_missing(*test::erp(), *test::erp()->find_type(type), action(name));
  };
  EXPECT_EQ(missing("ProdReturning", "approve"), "");
  EXPECT_EQ(missing("Receipt", "approve"), "settle");
  EXPECT_EQ(missing("SaleOut", "approve"), "");
  EXPECT_EQ(missing("SaleOrder", "cancel"), "cancel");
  EXPECT_EQ(missing("SaleOrder", "approve"), "");
  EXPECT_EQ(missing("FinishedGoodsInv", "approve"), "goods_deliver_order");
}

}  // namespace
}  // namespace hf::documents
