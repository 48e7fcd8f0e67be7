// What an event must state. If this is too lax, a bill leaves its people's lists because its publisher forgot a column
// or misspelt one, and nobody is told; if it is too strict, an ERP cannot say what is so.

#include "catalog/event_check.h"

#include <gtest/gtest.h>

#include "catalog/catalog_loader.h"

namespace hf {
namespace {

constexpr std::string_view text = R"toml(
format = 1
name = "small"

[[status_model]]
name = "DataStatus"
zh = "单据状态"
en = "Data status"
kind = "lifecycle"
values = [{ value = 1, zh = "草稿", en = "Draft" }, { value = 2, zh = "新建", en = "Submitted" }]
initial = 1

[[status_model]]
name = "PayStatus"
zh = "付款状态"
en = "Pay status"
kind = "business"
values = [{ value = 1, zh = "未付款", en = "Unpaid" }]

[[group]]
name = "draft"
zh = "未提交"
en = "Draft"
when = "DataStatus=1"

[[group]]
name = "to_come_back"
zh = "待返回"
en = "To come back"
when = "DataStatus=2 and Way=1"

[[type]]
name = "Order"
code = 1
zh = "订单"
en = "Order"
area = "sales"
table = "tb_Order"
key = "ID"
no = "No"
status = ["DataStatus", "PayStatus"]
groups = ["draft", "to_come_back"]

[[type]]
name = "Plan"
code = 2
zh = "计划"
en = "Plan"
area = "plans"
table = "tb_Plan"
key = "ID"
no = "No"

[[role]]
name = "all"
zh = "全部"
en = "All"
rights = []
tree = ["*"]
scope = "all"

[[role]]
name = "seller"
zh = "销售"
en = "Seller"
rights = []
tree = ["Order"]
scope = "SCOPE"

[table.tb_Order]
columns = ["ID id", "No text(20)", "DataStatus int", "PayStatus int?", "Way int?", "Paid bool", "Total money?"]

[table.tb_Plan]
columns = ["ID id", "No text(20)"]
)toml";

Catalog loaded(std::string_view scope) {
  std::string with(text);
  with.replace(with.find("SCOPE"), 5, scope);
  auto made = load_catalog(with, "small.toml");
  if (made) return std::move(*made);
  ADD_FAILURE() << made.error().text();
  return Catalog();
}

const Catalog& small() {
  static const Catalog made = loaded("department");
  return made;
}

StatusEvent whole() {
  StatusEvent e;
  e.type = "Order";
  e.id = "1";
  e.state = {{"DataStatus", 1}, {"Way", 1}};
  e.creator.user = "li";
  e.owner.user = "E-li";
  e.department = "D1";
  return e;
}

// "field: sentence" of the refusal, without the place of the event; empty: it is taken.
std::string refusal(const StatusEvent& event, const Catalog& catalog = small()) {
  const auto error = refuses_event(catalog, event, "events[3]");
  if (!error) return {};
  EXPECT_EQ(error->code, Code::invalid);
  EXPECT_TRUE(error->field.starts_with("events[3].")) << error->field;
  EXPECT_NE(error->detail.find("`" + error->field + "`"), std::string::npos) << error->detail;
  return error->field.substr(10) + ": " + error->detail;
}
std::string place(const StatusEvent& event, const Catalog& catalog = small()) {
  const std::string said = refusal(event, catalog);
  return said.substr(0, said.find(':'));
}

TEST(EventCheck, an_event_that_states_the_whole_bill_is_taken) {
  EXPECT_EQ(refusal(whole()), "");
  StatusEvent more = whole();
  more.state.push_back({"PayStatus", 1});
  more.state.push_back({"Paid", 1});
  more.state.push_back({"No", "SO1"});
  more.state.push_back({"Total", "12.50"});
  EXPECT_EQ(refusal(more), "");
}

TEST(EventCheck, a_column_that_a_group_asks_for_is_stated) {
  StatusEvent e = whole();
  e.state = {{"Way", 1}};
  EXPECT_EQ(refusal(e),
            "state.DataStatus: `events[3].state.DataStatus` is missing, and an event states the whole bill: send its "
            "value: one of 1, 2.");
  e.state = {{"DataStatus", 2}};
  EXPECT_EQ(place(e), "state.Way");
  e.state.clear();
  EXPECT_EQ(place(e), "state.DataStatus") << "no state at all";
  e.none = {"state.Way"};
  e.state = {{"DataStatus", 2}};
  EXPECT_EQ(refusal(e), "") << "null, as the ERP's table may have it";
}

TEST(EventCheck, a_misspelt_column_is_no_column) {
  StatusEvent e = whole();
  e.state = {{"DataStaus", 2}, {"Way", 1}};
  EXPECT_EQ(place(e), "state.DataStaus") << "what is written wrong is named before what is missing by it";
  e.state = {{"DataStatus", 2}, {"Way", 1}, {"way", 1}};
  EXPECT_EQ(refusal(e),
            "state.way: `events[3].state.way` is no column of Order: correct its name, or leave it out. Its groups ask "
            "for: DataStatus, Way.");
  e = whole();
  e.none = {"state.Wey"};
  EXPECT_EQ(place(e), "state.Wey");
}

TEST(EventCheck, a_value_is_of_its_columns_kind) {
  const auto with = [](const std::string& name, std::variant<std::int64_t, std::string> value) {
    StatusEvent e = whole();
    std::erase_if(e.state, [&](const BillField& field) { return field.name == name; });
    e.state.push_back({name, std::move(value)});
    return place(e);
  };
  EXPECT_EQ(with("DataStatus", 99), "state.DataStatus") << "no value of its model";
  EXPECT_EQ(with("DataStatus", "2"), "state.DataStatus") << "a text";
  EXPECT_EQ(with("PayStatus", 0), "state.PayStatus") << "though no group asks for it";
  EXPECT_EQ(with("Way", "1"), "state.Way");
  EXPECT_EQ(with("Paid", 2), "state.Paid");
  EXPECT_EQ(with("No", 1), "state.No");
  StatusEvent e = whole();
  e.state = {{"Way", 1}};
  e.none = {"state.DataStatus"};
  EXPECT_EQ(place(e), "state.DataStatus") << "a bill is always in one state";
  e = whole();
  e.none = {"state.Paid"};
  EXPECT_EQ(place(e), "state.Paid") << "its table has no null";
}

TEST(EventCheck, who_sees_a_bill_is_stated_or_said_to_be_nobody) {
  StatusEvent e = whole();
  e.creator = {"", "Li Lei"};
  EXPECT_EQ(refusal(e),
            "creator: `events[3].creator` is missing, and an event states the whole bill: send the id of the user, or "
            "null if the bill has none.");
  e.none = {"creator"};
  EXPECT_EQ(refusal(e), "");
  e = whole();
  e.owner = {};
  EXPECT_EQ(place(e), "owner");
  e.none = {"owner"};
  e.department.clear();
  EXPECT_EQ(place(e), "department");
  e.none = {"owner", "department"};
  EXPECT_EQ(refusal(e), "");
}

TEST(EventCheck, only_what_somebodys_rows_hang_on_is_asked_for) {
  StatusEvent e = whole();
  e.owner = {};
  e.department.clear();
  EXPECT_EQ(place(e, loaded("all")), "") << "everybody who is shown the type sees every bill of it";
  EXPECT_EQ(place(e, loaded("own")), "owner");
  e.owner.user = "E-li";
  EXPECT_EQ(place(e, loaded("own")), "");
  StatusEvent plan;
  plan.type = "Plan";
  EXPECT_EQ(place(plan), "creator");
  plan.creator.user = "li";
  EXPECT_EQ(place(plan), "");
}

TEST(EventCheck, a_deletion_need_not_state_the_whole_but_what_it_states_is_right) {
  StatusEvent e;
  e.type = "Order";
  e.deleted = true;
  EXPECT_EQ(refusal(e), "");
  e.state = {{"DataStatus", 99}};
  EXPECT_EQ(place(e), "state.DataStatus");
}

TEST(EventCheck, of_a_type_that_the_catalog_does_not_know_nothing_is_asked) {
  StatusEvent e;
  e.type = "Other";
  EXPECT_EQ(refusal(e), "");
}

}  // namespace
}  // namespace hf
