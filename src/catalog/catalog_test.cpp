// The catalog of the real ERP, catalog/ruinorerp.toml, and what is asked of it. If it loses a type, that type's bills
// cannot be locked; if a role or group is wrong, people see too much or miss their work.

#include "catalog/catalog.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "catalog/catalog_loader.h"

namespace hf {
namespace {

using namespace catalog;

// The file, with the first `from` replaced by `to`.
Catalog load_erp(std::string_view from = "", std::string_view to = "") {
  std::ifstream file(HF_SOURCE_DIR "/catalog/ruinorerp.toml", std::ios::binary);
  std::stringstream stream;
  stream << file.rdbuf();
  std::string text = stream.str();
  const std::size_t at = text.find(from);
  if (at == std::string::npos) {
    ADD_FAILURE() << "not in the file: " << from;
    return Catalog();
  }
  text.replace(at, from.size(), to);
  auto made = load_catalog(text, "ruinorerp.toml");
  if (!made) {
    ADD_FAILURE() << made.error().text();
    return Catalog();
  }
  return std::move(*made);
}

const Catalog& erp() {
  static const Catalog loaded = load_erp();
  return loaded;
}

const Type& type(std::string_view name) {
  const Type* const found = erp().find_type(name);
  if (found == nullptr) throw std::runtime_error("no type " + std::string(name));
  return *found;
}

const Action& action(std::string_view name) {
  const Action* const found = erp().find_action(name);
  if (found == nullptr) throw std::runtime_error("no action " + std::string(name));
  return *found;
}

const Conversion& conversion(int no) {
  for (const Conversion& each : erp().content().conversions) {
    if (each.no == no) return each;
  }
  throw std::runtime_error("no conversion");
}

class State : public FieldSource {
 public:
  explicit State(std::map<std::string, std::int64_t, std::less<>> values) : values_(std::move(values)) {}
  std::optional<FieldValue> field(std::string_view name) const override {
    const auto found = values_.find(name);
    if (found == values_.end()) return std::nullopt;
    return found->second;
  }

 private:
  std::map<std::string, std::int64_t, std::less<>> values_;
};

// The groups in which a bill of the type stands.
std::vector<std::string> groups(std::string_view name, const State& state) {
  std::vector<std::string> made;
  for (const Index group : type(name).groups) {
    const Group& each = erp().content().groups[group];
    if (each.when.evaluate(state)) made.push_back(each.zh);
  }
  return made;
}

bool offers(std::string_view of, std::string_view what, std::optional<int> state) {
  return erp().offers(type(of), action(what), state);
}

TEST(Catalog, the_real_erp_has_59_types_18_conversions_and_99_tables_of_bills) {
  EXPECT_EQ(erp().content().types.size(), 59u);
  EXPECT_EQ(erp().content().conversions.size(), 18u);
  EXPECT_EQ(erp().content().tables.size(), 99u + 29u);  // of bills, and of base data
  EXPECT_EQ(erp().content().models.size(), 10u);
  EXPECT_TRUE(erp().strict_types());
}

TEST(Catalog, conversions_are_numbered_1_to_18_and_four_of_them_act) {
  std::set<int> numbers;
  int acts = 0;
  for (const Conversion& each : erp().content().conversions) {
    numbers.insert(each.no);
    acts += each.kind == ConversionKind::act;
  }
  EXPECT_EQ(numbers.size(), 18u);
  EXPECT_EQ(*numbers.begin(), 1);
  EXPECT_EQ(*numbers.rbegin(), 18);
  EXPECT_EQ(acts, 4);
}

TEST(Catalog, lifecycles_are_shared_out_as_in_the_erp) {
  std::map<std::string, int> counts;
  for (const Type& each : erp().content().types) {
    ++counts[each.lifecycle ? erp().content().models[*each.lifecycle].name : "none"];
  }
  EXPECT_EQ(counts, (std::map<std::string, int>{{"DataStatus", 44},
                                                {"PrePaymentStatus", 2},
                                                {"ARAPStatus", 2},
                                                {"PaymentStatus", 2},
                                                {"StatementStatus", 1},
                                                {"none", 8}}));
  for (const char* name : {"Product", "ProductDetail", "SaleContract"}) EXPECT_FALSE(type(name).has_approval) << name;
  EXPECT_TRUE(type("SaleOrder").has_approval);
}

TEST(Catalog, a_type_is_found_by_name_and_by_code) {
  EXPECT_EQ(type("SaleOrder").zh, "销售订单");
  EXPECT_EQ(erp().find_type(0), &type("SaleOrder"));
  EXPECT_EQ(erp().find_type(175), &type("Statement"));
  EXPECT_EQ(erp().find_type("saleorder"), nullptr);
  EXPECT_EQ(erp().find_type(8), nullptr);  // 采购退货统计 is a report
  EXPECT_EQ(type("Stocktake").key, "MainID");
  EXPECT_EQ(type("OtherStockIn").no, "BillNo");
}

TEST(Catalog, a_part_is_a_detail_table_without_tb) {
  EXPECT_TRUE(erp().has_part("SaleOrder", "SaleOrderDetail"));
  EXPECT_FALSE(erp().has_part("SaleOrder", "tb_SaleOrderDetail"));
  EXPECT_FALSE(erp().has_part("SaleOrder", "SaleOutDetail"));
  EXPECT_FALSE(erp().has_part("Nothing", "SaleOrderDetail"));
  EXPECT_TRUE(erp().has_part("ProductionDemand", "PurGoodsRecommendDetail"));
  EXPECT_EQ(type("ProductionDemand").parts.size(), 4u);
  EXPECT_TRUE(erp().has_part("Receipt", "FM_PaymentRecordDetail"));
}

TEST(Catalog, a_strict_catalog_accepts_only_what_it_lists_and_a_lax_one_anything) {
  EXPECT_TRUE(erp().accepts_type("SaleOrder"));
  EXPECT_FALSE(erp().accepts_type("Unheard"));
  EXPECT_FALSE(erp().accepts_part("SaleOrder", "Unheard"));
  const Catalog lax;
  EXPECT_TRUE(lax.accepts_type("Unheard"));
  EXPECT_TRUE(lax.accepts_part("Unheard", "Part"));
  EXPECT_FALSE(lax.has_part("Unheard", "Part"));
}

TEST(Catalog, shared_tables_are_told_apart_by_their_discriminator) {
  EXPECT_EQ(type("Receipt").table, type("Payment").table);
  EXPECT_EQ(type("Receipt").only->column, "ReceivePaymentType");
  EXPECT_EQ(type("Receipt").only->value, 1);
  EXPECT_EQ(type("Payment").only->value, 2);
  EXPECT_EQ(type("OtherIncome").only->value, 1);
  EXPECT_FALSE(type("SaleOrder").only);
}

TEST(Catalog, the_policy_of_a_type_is_the_default_unless_it_says_otherwise) {
  EXPECT_EQ(erp().policy("SaleOrder"), LockPolicy{});
  EXPECT_EQ(erp().policy("Unheard"), LockPolicy{});
  EXPECT_EQ(erp().policy("Stocktake").max_hold, Millis(24 * 3'600'000));
}

TEST(Catalog, a_closed_bill_reopens_to_approved_and_a_void_one_is_the_end) {
  const StatusModel& model = *erp().find_model("DataStatus");
  EXPECT_TRUE(model.allows(8, 4));
  EXPECT_FALSE(model.allows(8, 2));
  EXPECT_FALSE(model.allows(16, 1));
  EXPECT_TRUE(model.allows(4, 4));
  EXPECT_TRUE(model.closes(8));
  EXPECT_FALSE(model.closes(4));
  EXPECT_TRUE(model.is_approved(8));
  EXPECT_TRUE(erp().find_model("PayStatus")->allows(4, 1));  // lists no transitions: none is checked
}

TEST(Catalog, a_bill_stands_in_the_groups_whose_condition_it_meets) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(groups("SaleOrder", State({{"DataStatus", 1}, {"ApprovalStatus", 0}})), Names{"未提交"});
  EXPECT_EQ(groups("SaleOrder", State({{"DataStatus", 2}, {"ApprovalStatus", 0}})), Names{"未审核"});
  EXPECT_EQ(groups("SaleOrder", State({{"DataStatus", 4}, {"ApprovalStatus", 1}})), Names{"待出库"});
  EXPECT_EQ(groups("SaleOrder", State({{"DataStatus", 8}, {"ApprovalStatus", 1}})), Names{});
  EXPECT_EQ(groups("PurOrder", State({{"DataStatus", 1}, {"ApprovalStatus", 2}})), (Names{"未提交", "被驳回"}));
  EXPECT_EQ(groups("PurEntryReturn", State({{"DataStatus", 4}, {"ApprovalStatus", 1}, {"ProcessWay", 1}})),
            Names{"待返回"});
  EXPECT_EQ(groups("PurEntryReturn", State({{"DataStatus", 4}, {"ApprovalStatus", 1}, {"ProcessWay", 2}})), Names{});
  EXPECT_EQ(groups("PreReceived", State({{"PrePaymentStatus", 4}})), Names{"待核销"});
  EXPECT_EQ(groups("Receivable", State({{"ARAPStatus", 3}})), Names{"待回款"});
  EXPECT_EQ(groups("Payable", State({{"ARAPStatus", 3}})), Names{"待付款"});
  EXPECT_EQ(groups("Statement", State({{"StatementStatus", 5}})), Names{"部分结算"});
  EXPECT_EQ(groups("Product", State({{"DataStatus", 2}})), Names{"未审核"});
}

TEST(Catalog, an_event_must_carry_what_the_groups_of_its_type_ask_for) {
  EXPECT_EQ(type("PurEntryReturn").group_fields,
            (std::vector<std::string>{"DataStatus", "ApprovalStatus", "ProcessWay"}));
  EXPECT_TRUE(type("CrmFollowUpPlan").group_fields.empty());
}

TEST(Catalog, no_group_holds_a_closed_bill) {
  for (const Type& each : erp().content().types) {
    if (!each.lifecycle) continue;
    const StatusModel& model = erp().content().models[*each.lifecycle];
    for (const int closed : model.closing) {
      // 被驳回 asks for ApprovalStatus alone, and a closed bill is never in state rejected.
      const State state({{model.name, closed}, {"ApprovalStatus", 1}, {"ProcessWay", 1}});
      EXPECT_TRUE(groups(each.name, state).empty()) << each.name << " " << closed;
    }
  }
}

TEST(Catalog, actions_are_offered_by_state) {
  EXPECT_TRUE(offers("SaleOrder", "submit", 1));
  EXPECT_FALSE(offers("SaleOrder", "submit", 2));
  EXPECT_TRUE(offers("SaleOrder", "approve", 2));
  EXPECT_FALSE(offers("SaleOrder", "approve", 1));
  EXPECT_TRUE(offers("SaleOrder", "save", 2));
  EXPECT_FALSE(offers("SaleOrder", "save", 4));
  EXPECT_TRUE(offers("SaleOrder", "delete", 2));
  EXPECT_FALSE(offers("SaleOrder", "delete", 4));
  EXPECT_TRUE(offers("SaleOrder", "reopen", 8));
  EXPECT_TRUE(offers("SaleOrder", "create", std::nullopt));
  EXPECT_FALSE(offers("SaleOrder", "create", 1));
  EXPECT_FALSE(offers("SaleOrder", "submit", std::nullopt));
}

TEST(Catalog, saving_follows_editable_in_and_deleting_the_models_deletable) {
  const auto in_state_2 = [](const Catalog& in, std::string_view what) {
    return in.offers(*in.find_type("SaleOrder"), *in.find_action(what), 2);
  };
  const Catalog strict = load_erp("edit_after_submit = \"flexible\"", "edit_after_submit = \"strict\"");
  EXPECT_FALSE(in_state_2(strict, "save"));
  EXPECT_TRUE(in_state_2(strict, "delete"));
  const Catalog kept = load_erp("deletable = [1, 2]", "deletable = [1]");
  EXPECT_TRUE(in_state_2(kept, "save"));
  EXPECT_FALSE(in_state_2(kept, "delete"));
}

TEST(Catalog, only_a_sales_order_can_be_cancelled_and_a_payment_never_unapproved) {
  EXPECT_TRUE(offers("SaleOrder", "cancel", 4));
  EXPECT_FALSE(offers("PurOrder", "cancel", 4));
  EXPECT_FALSE(offers("Receipt", "unapprove", 3));
  EXPECT_TRUE(offers("Receivable", "unapprove", 3));
  EXPECT_FALSE(offers("Receivable", "unapprove", 4));
}

TEST(Catalog, a_type_without_status_has_create_save_delete_and_convert_only) {
  std::vector<std::string> names;
  for (const Index index : type("BillNoRule").actions) names.push_back(erp().content().actions[index].name);
  EXPECT_EQ(names, (std::vector<std::string>{"create", "save", "delete", "convert"}));
  EXPECT_TRUE(offers("BillNoRule", "save", std::nullopt));
}

TEST(Catalog, rejecting_needs_a_reason_and_withdrawing_is_the_creators) {
  EXPECT_TRUE(action("reject").reason_required);
  EXPECT_FALSE(action("approve").reason_required);
  EXPECT_TRUE(action("withdraw").creator_only);
  EXPECT_TRUE(action("delete").creator_only);
  EXPECT_TRUE(action("unapprove").no_successor);
  EXPECT_EQ(action("close").aliases, std::vector<std::string>{"执行"});
  EXPECT_EQ(action("reject").moves.at(0).approval, 2);
  EXPECT_EQ(action("reject").right, "approve");
}

TEST(Catalog, sales_orders_convert_to_deliveries_by_what_is_left) {
  const Conversion& made = conversion(16);
  EXPECT_EQ(made.zh, "转为销售出库单");
  EXPECT_EQ(made.identifier, "");
  ASSERT_EQ(made.routes.size(), 1u);
  EXPECT_EQ(&erp().content().types[made.routes[0].to], &type("SaleOut"));
  ASSERT_EQ(made.lines.size(), 1u);
  EXPECT_EQ(made.lines[0].ordered, std::vector<std::string>{"Quantity"});
  EXPECT_EQ(made.lines[0].done, std::vector<std::string>{"TotalDeliveredQty"});
  EXPECT_EQ(made.lines[0].line_link, "SaleOrderDetail_ID");
  EXPECT_EQ(made.link->id, "SOrder_ID");
  EXPECT_EQ(erp().content().effects[made.lines[0].effects.at(0)].close.at(0).all, 8);
  const auto copied = [&](std::string_view name) {
    return std::any_of(made.lines[0].filling.copies.begin(), made.lines[0].filling.copies.end(),
                       [&](const Copy& c) { return c.to == name; });
  };
  EXPECT_TRUE(copied("ProdDetailID"));
  EXPECT_TRUE(copied("TransactionPrice"));
  EXPECT_FALSE(copied("Quantity"));
  EXPECT_FALSE(copied("TotalReturnedQty"));
  EXPECT_FALSE(copied("SubtotalTransAmount"));
}

TEST(Catalog, a_conversion_never_copies_who_when_state_key_or_number) {
  const auto check = [](const Making& making) {
    const Type& to = erp().content().types[making.routes.at(0).to];
    for (const Copy& copy : making.filling.copies) {
      for (const std::string& never :
           {to.key, to.no, to.creator, to.deleted, std::string("DataStatus"), std::string("ApprovalStatus"),
            std::string("Approver_by"), std::string("PrintStatus")}) {
        EXPECT_NE(copy.to, never) << making.name;
      }
    }
  };
  for (const Conversion& each : erp().content().conversions) check(each);
  for (const Creation& each : erp().content().creations) check(each);
}

TEST(Catalog, finance_conversions_keep_their_direction) {
  for (const int no : {6, 8, 12}) {
    const Conversion& made = conversion(no);
    ASSERT_EQ(made.routes.size(), 2u) << no;
    for (const Route& route : made.routes) {
      EXPECT_EQ(erp().content().types[route.from].only->value, erp().content().types[route.to].only->value) << no;
    }
    EXPECT_EQ(made.link->biz_type, "SourceBizType");
  }
  EXPECT_EQ(conversion(8).lines.at(0).factor, -1);
  EXPECT_EQ(erp().content().effects[conversion(12).lines.at(0).effects.at(0)].close.at(0).part, 4);
}

TEST(Catalog, approved_deliveries_receipts_and_return_receipts_hold_their_source) {
  std::map<std::string, std::string> held;
  for (const HoldRule& rule : erp().content().holds) {
    held[erp().content().types[rule.type].name] = erp().content().types[rule.source].name;
    EXPECT_EQ(rule.ttl, Millis(365LL * 24 * 3'600'000));
    EXPECT_EQ(erp().content().actions[rule.place.at(0)].name, "approve");
  }
  EXPECT_EQ(held, (std::map<std::string, std::string>{
                      {"SaleOut", "SaleOrder"}, {"PurEntry", "PurOrder"}, {"PurReturnEntry", "PurEntryReturn"}}));
}

TEST(Catalog, deliveries_create_receivables_and_receipts_payables) {
  std::map<std::string, std::string> made;
  for (const Creation& each : erp().content().creations) {
    made[erp().content().types[each.routes.at(0).from].name] = erp().content().types[each.routes.at(0).to].name;
    EXPECT_EQ(each.state, 2);
  }
  EXPECT_EQ(made, (std::map<std::string, std::string>{{"SaleOut", "Receivable"}, {"PurEntry", "Payable"}}));
}

TEST(Catalog, the_development_roles_have_the_rights_of_the_locks_contract) {
  EXPECT_EQ(erp().find_role("viewer")->rights, std::vector<std::string>{"lock.view"});
  EXPECT_EQ(erp().find_role("editor")->rights, (std::vector<std::string>{"lock.edit", "lock.view"}));
  const auto admin = erp().expand(std::vector<std::string>{"admin"}, {});
  for (const Right right :
       {Right::lock_view, Right::lock_edit, Right::lock_force, Right::lock_hold, Right::status_publish, Right::admin}) {
    EXPECT_TRUE(admin.rights.allows_everywhere(right));
  }
  for (const Action& each : erp().content().actions) EXPECT_TRUE(admin.rights.allows_action(each.right, "SaleOrder"));
  EXPECT_EQ(admin.tree.size(), 59u);
}

TEST(Catalog, sales_edits_orders_but_neither_approves_them_nor_edits_purchases) {
  const auto sales = erp().expand(std::vector<std::string>{"sales"}, {});
  EXPECT_TRUE(sales.rights.allows(Right::lock_edit, "SaleOrder"));
  EXPECT_FALSE(sales.rights.allows(Right::lock_edit, "PurOrder"));
  EXPECT_TRUE(sales.rights.allows_action("submit", "SaleOrder"));
  EXPECT_FALSE(sales.rights.allows_action("approve", "SaleOrder"));
  EXPECT_FALSE(erp().is_reviewer(sales.rights, "SaleOrder"));
  const auto reviewer = erp().expand(std::vector<std::string>{"reviewer"}, {});
  EXPECT_TRUE(erp().is_reviewer(reviewer.rights, "SaleOrder"));
}

TEST(Catalog, an_unknown_role_gives_nothing_and_is_reported) {
  const auto made = erp().expand(std::vector<std::string>{"wizard", "viewer"}, std::vector<std::string>{"lock.magic"});
  EXPECT_EQ(made.roles_unknown, std::vector<std::string>{"wizard"});
  EXPECT_EQ(made.rights_refused, std::vector<std::string>{"lock.magic"});
  EXPECT_EQ(made.rights.texts(), std::vector<std::string>{"lock.view"});
}

TEST(Catalog, of_several_roles_the_widest_scope_of_each_type_counts) {
  const auto made =
      erp().expand(std::vector<std::string>{"sales", "warehouse"}, std::vector<std::string>{"lock.force:SaleOrder"});
  const auto scope = [&](std::string_view name) -> std::optional<Scope> {
    for (const auto& seen : made.tree) {
      if (&erp().content().types[seen.type] == &type(name)) return seen.scope;
    }
    return std::nullopt;
  };
  EXPECT_EQ(scope("SaleOrder"), Scope::all);     // own by sales, all by warehouse
  EXPECT_EQ(scope("SaleContract"), Scope::own);  // sales only
  EXPECT_EQ(scope("Receivable"), std::nullopt);  // neither
  EXPECT_TRUE(made.rights.allows(Right::lock_force, "SaleOrder"));
  EXPECT_FALSE(made.rights.allows(Right::lock_force, "SaleOut"));
}

TEST(Catalog, a_rejection_always_tells_the_creator) {
  const Index reject = erp().index_of(action("reject"));
  std::set<Index> told;
  for (const Notice& notice : erp().content().notices) {
    if (notice.creator && std::count(notice.actions.begin(), notice.actions.end(), reject) > 0) {
      told.insert(notice.types.begin(), notice.types.end());
    }
  }
  EXPECT_EQ(told.size(), 59u);
}

TEST(Catalog, a_copy_of_a_catalog_is_whole) {
  const Catalog copy = erp();
  ASSERT_NE(copy.find_type("SaleOrder"), nullptr);
  EXPECT_NE(copy.find_type("SaleOrder"), erp().find_type("SaleOrder"));
  EXPECT_EQ(copy.index_of(*copy.find_type("SaleOut")), erp().index_of(type("SaleOut")));
}

TEST(Catalog, an_action_is_found_by_each_of_its_names) {
  EXPECT_EQ(erp().find_action_called("reject"), &action("reject"));
  EXPECT_EQ(erp().find_action_called("驳回"), &action("reject"));
  EXPECT_EQ(erp().find_action_called("反执行"), &action("reopen"));
  EXPECT_EQ(erp().find_action_called(""), nullptr);
  EXPECT_EQ(erp().find_action_called("whatever"), nullptr);
}

TEST(Catalog, a_state_closes_a_bill_by_its_models_closing_values) {
  const Type& order = type("SaleOrder");
  EXPECT_TRUE(erp().closes(order, State({{"DataStatus", 8}})));
  EXPECT_TRUE(erp().closes(order, State({{"DataStatus", 16}})));
  EXPECT_FALSE(erp().closes(order, State({{"DataStatus", 4}, {"ApprovalStatus", 8}})));
  EXPECT_FALSE(erp().closes(order, State({})));
  EXPECT_FALSE(erp().closes(order, State({{"DataStatus", (std::int64_t{1} << 32) + 8}})));
}

}  // namespace
}  // namespace hf
