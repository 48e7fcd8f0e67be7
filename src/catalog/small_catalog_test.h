#pragma once

// A whole small catalog, for tests of the loader: they replace one piece of it and look at what the loader says.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "catalog/catalog_loader.h"

namespace hf::test {

inline constexpr std::string_view good = R"toml(format = 1
name = "small"
[lock]
max_hold_minutes = 100
[[status_model]]
name = "DataStatus"
zh = "状态"
en = "Status"
kind = "lifecycle"
values = [
  { value = 1, zh = "草稿", en = "Draft" },
  { value = 2, zh = "新建", en = "Submitted" },
  { value = 4, zh = "确认", en = "Approved" },
  { value = 8, zh = "完结", en = "Closed" },
]
transitions = [{ from = 1, to = [2] }, { from = 2, to = [1, 4] }, { from = 4, to = [2, 8] }, { from = 8, to = [4] }]
initial = 1
editable = [1, 2]
editable_strict = [1]
deletable = [1]
approved = [4, 8]
[[status_model]]
name = "PayStatus"
zh = "付款"
en = "Pay"
kind = "business"
values = [{ value = 1, zh = "未", en = "no" }]
[[action]]
name = "create"
zh = "新增"
en = "Create"
kind = "create"
right = "action.create"
stateless = true
moves = [{ model = "DataStatus", to = 1 }]
[[action]]
name = "submit"
zh = "提交"
en = "Submit"
kind = "move"
right = "action.submit"
moves = [
  { model = "DataStatus", from = [1], to = 2 },
]
[[action]]
name = "approve"
zh = "审核"
en = "Approve"
kind = "move"
right = "action.approve"
moves = [{ model = "DataStatus", from = [2], to = 4 }]
[[action]]
name = "unapprove"
zh = "反审"
en = "Un-approve"
kind = "move"
right = "action.unapprove"
moves = [{ model = "DataStatus", from = [4], to = 2 }]
[[group]]
name = "drafts"
zh = "草稿"
en = "Drafts"
when = "DataStatus=1"
[[type]]
name = "Order"
code = 1
zh = "订单"
en = "Order"
area = "sales"
table = "tb_Order"
key = "Order_ID"
no = "OrderNo"
status = ["DataStatus"]
groups = ["drafts"]
parts = [{ table = "tb_OrderDetail", key = "Line_ID", parent = "Order_ID", quantity = "Qty" }]
successors = [{ type = "Out", link = "Order_ID" }]
[[type]]
name = "Out"
code = 2
zh = "出库"
en = "Out"
area = "stock"
table = "tb_Out"
key = "Out_ID"
no = "OutNo"
status = ["DataStatus"]
lock = { idle_takeover_minutes = 3 }
parts = [{ table = "tb_OutDetail", key = "OutLine_ID", parent = "Out_ID" }]
[[effect]]
name = "out_delivers_order"
on = "approve"
undo = ["unapprove"]
from = "Out/OutDetail"
to = "Order/OrderDetail"
link = "Order_ID"
line = "Line_ID"
add = { Done = "Qty" }
limit = ["Qty"]
close = [{ model = "DataStatus", none = 4, part = 4, all = 8 }]
[[conversion]]
no = 1
name = "OrderToOut"
kind = "generate"
zh = "转"
en = "Make"
routes = [{ from = "Order", to = "Out" }]
require = [{ when = "DataStatus=4", zh = "未确认", en = "Not approved" }]
link = { id = "Order_ID" }
totals = [{ column = "Total", sum = ["Qty"] }]
[[conversion.lines]]
effect = ["out_delivers_order"]
set = { Made = "@now" }
[[hold]]
name = "out_holds_order"
type = "Out"
place = ["submit"]
source = "Order"
link = "Order_ID"
ttl_days = 30
[[role]]
name = "clerk"
zh = "员"
en = "Clerk"
rights = ["lock.view", "action.submit:@sales,Out"]
tree = ["@sales"]
scope = "own"
[[notice]]
name = "news"
actions = ["submit"]
types = ["*"]
to = ["creator", "role:clerk"]
[[lookup]]
name = "Customer"
zh = "客户"
en = "Customer"
table = "tb_Customer"
key = "Customer_ID"
code = "Code"
text = "Name"
enabled = "Enabled"
standard = "Code='house'"
picks = [{ tables = ["tb_Order"], when = "Kind=1" }]
[table.tb_Customer]
columns = ["Customer_ID id", "Code text(20)", "Name text", "Enabled bool", "Kind int", "Region_ID id?"]
[table.tb_Order]
columns = ["Order_ID id", "OrderNo text(50) 订单编号", "DataStatus int", "Customer_ID id(tb_Customer)?", "Total money", "Text text"]
[table.tb_OrderDetail]
columns = ["Line_ID id", "Order_ID id", "Prod_ID id", "Qty int", "Done int", "Note text"]
[table.tb_Out]
columns = ["Out_ID id", "OutNo text(50)", "DataStatus int", "PayStatus int", "Order_ID id", "Customer_ID id(tb_Customer)?", "Total money"]
[table.tb_OutDetail]
columns = ["OutLine_ID id", "Out_ID id", "Line_ID id", "Prod_ID id", "Qty int", "Made time", "Note text"]
)toml";

// `good` with the first `from` replaced by `to`.
inline std::string with(std::string_view from, std::string_view to) {
  std::string text(good);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

// The line of `good` on which the first `piece` stands.
inline int line_of(std::string_view piece) {
  const std::size_t at = good.find(piece);
  EXPECT_NE(at, std::string_view::npos) << piece;
  return 1 + static_cast<int>(std::count(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

inline std::string problems(const std::string& text) {
  const auto loaded = load_catalog(text, "small.toml");
  return loaded ? std::string() : loaded.error().text();
}

inline std::string problem_at(std::string_view piece, std::string_view reason) {
  return "small.toml:" + std::to_string(line_of(piece)) + ": " + std::string(reason) + "\n";
}

}  // namespace hf::test
