// The loader stands between a person with an editor and a running server. A mistake that it lets through turns up
// weeks later as a bill in nobody's list or a conversion that fails half-way; one that it reports without its line
// costs an operator an evening.

#include "catalog/catalog_loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "catalog/small_catalog_test.h"

namespace hf {
namespace {

using namespace hf::test;

TEST(CatalogLoader, the_small_catalog_of_these_tests_has_no_problem) { EXPECT_EQ(problems(std::string(good)), ""); }

TEST(CatalogLoader, ids_are_what_the_type_says_or_else_the_file_or_else_texts) {
  using catalog::IdRule;
  const auto rules = [](const std::string& text) {
    const auto loaded = load_catalog(text, "small.toml");
    if (!loaded) return std::vector<IdRule>{};
    const catalog::Type* const order = loaded->find_type("Order");
    return std::vector<IdRule>{order->id, order->parts.at(0).id, loaded->find_type("Out")->id};
  };
  EXPECT_EQ(rules(std::string(good)), (std::vector<IdRule>{IdRule::text, IdRule::text, IdRule::text}));
  std::string text = with("format = 1", "format = 1\nid = \"integer\"\nline_id = \"upper\"");
  EXPECT_EQ(rules(text), (std::vector<IdRule>{IdRule::integer, IdRule::upper, IdRule::integer}));
  text.replace(text.find("name = \"Order\""), 14, "name = \"Order\"\nid = \"text\"");
  EXPECT_EQ(rules(text), (std::vector<IdRule>{IdRule::text, IdRule::upper, IdRule::integer}));
  EXPECT_NE(problems(with("format = 1", "format = 1\nid = \"number\"")).find("must be \"integer\""), std::string::npos);
}

TEST(CatalogLoader, what_the_file_says_is_what_the_catalog_holds) {
  const auto loaded = load_catalog(good, "small.toml");
  ASSERT_TRUE(loaded);
  const catalog::Type* const order = loaded->find_type("Order");
  ASSERT_NE(order, nullptr);
  EXPECT_EQ(order->zh, "订单");
  EXPECT_EQ(order->parts.at(0).name, "OrderDetail");
  EXPECT_EQ(order->group_fields, std::vector<std::string>{"DataStatus"});
  EXPECT_EQ(order->editable_in, (std::vector<int>{1, 2}));
  EXPECT_EQ(loaded->content().types.at(order->successors.at(0).type).name, "Out");
  const catalog::Column* const no = loaded->find_table("tb_Order")->find("OrderNo");
  EXPECT_EQ(no->kind, catalog::ColumnKind::text);
  EXPECT_EQ(no->length, 50u);
  EXPECT_EQ(no->label, "订单编号");
  EXPECT_FALSE(no->nullable);
  EXPECT_TRUE(loaded->find_table("tb_Order")->find("Customer_ID")->nullable);
}

TEST(CatalogLoader, like_named_columns_are_copied_except_keys_numbers_states_links_and_totals) {
  const auto loaded = load_catalog(good, "small.toml");
  ASSERT_TRUE(loaded);
  const catalog::Conversion& made = loaded->content().conversions.at(0);
  ASSERT_EQ(made.filling.copies.size(), 1u);
  EXPECT_EQ(made.filling.copies[0].to, "Customer_ID");
  const auto& copies = made.lines.at(0).filling.copies;
  ASSERT_EQ(copies.size(), 2u);
  EXPECT_EQ(copies[0].to, "Prod_ID");
  EXPECT_EQ(copies[1].to, "Note");
}

TEST(CatalogLoader, a_lock_table_overrides_only_what_it_names) {
  const auto loaded = load_catalog(good, "small.toml");
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->policy("Order").max_hold, Millis(100 * 60'000));
  EXPECT_EQ(loaded->policy("Order").idle_takeover, Millis(10 * 60'000));
  EXPECT_EQ(loaded->policy("Out").max_hold, Millis(100 * 60'000));
  EXPECT_EQ(loaded->policy("Out").idle_takeover, Millis(3 * 60'000));
}

TEST(CatalogLoader, strict_edit_after_submit_takes_the_strict_values) {
  const auto loaded = load_catalog(with("format = 1", "edit_after_submit = \"strict\"\nformat = 1"), "small.toml");
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->find_type("Order")->editable_in, std::vector<int>{1});
}

TEST(CatalogLoader, a_text_that_is_no_toml_is_refused_with_its_line) {
  const std::string said = problems("format = 1\nname = \n");
  EXPECT_TRUE(said.starts_with("small.toml:2: ")) << said;
}

TEST(CatalogLoader, an_empty_file_names_what_is_missing) {
  const std::string said = problems("");
  EXPECT_NE(said.find("format is missing"), std::string::npos) << said;
  EXPECT_NE(said.find("name is missing"), std::string::npos) << said;
}

TEST(CatalogLoader, a_newer_format_is_refused) {
  EXPECT_EQ(problems(with("format = 1", "format = 2")), "small.toml:1: catalog: format must be between 1 and 1\n");
}

TEST(CatalogLoader, an_unknown_key_is_refused_with_its_line) {
  EXPECT_EQ(problems(with("area = \"sales\"", "area = \"sales\"\nare = 1")),
            "small.toml:" + std::to_string(line_of("area = \"sales\"") + 1) + ": type Order: unknown key 'are'\n");
  EXPECT_EQ(problems(with("max_hold_minutes", "max_hold_minuts")),
            problem_at("max_hold_minutes", "lock: unknown key 'max_hold_minuts'"));
  EXPECT_EQ(problems(with("quantity = \"Qty\" }]", "quantity = \"Qty\", qty = 1 }]")),
            problem_at("quantity = \"Qty\" }]", "type Order: part: unknown key 'qty'"));
}

TEST(CatalogLoader, a_value_of_the_wrong_type_is_refused) {
  EXPECT_EQ(problems(with("code = 1", "code = \"1\"")),
            problem_at("code = 1", "type Order: code must be a whole number"));
  EXPECT_EQ(problems(with("stateless = true", "stateless = 1")),
            problem_at("stateless = true", "action create: stateless must be true or false"));
  EXPECT_EQ(problems(with("max_hold_minutes = 100", "max_hold_minutes = 1.5")),
            problem_at("max_hold_minutes", "lock: max_hold_minutes must be a whole number"));
  EXPECT_EQ(problems(with("max_hold_minutes = 100", "max_hold_minutes = 0")),
            problem_at("max_hold_minutes", "lock: max_hold_minutes must be between 1 and 10080"));
}

TEST(CatalogLoader, a_missing_key_is_refused_at_its_table) {
  EXPECT_EQ(problems(with("key = \"Order_ID\"\n", "")), problem_at("[[type]]", "type Order: key is missing"));
}

TEST(CatalogLoader, a_transition_to_an_unknown_state_is_refused_with_its_line) {
  EXPECT_EQ(problems(with("{ from = 1, to = [2] }", "{ from = 1, to = [2, 3] }")),
            problem_at("transitions", "status model DataStatus: transition names unknown value 3"));
}

TEST(CatalogLoader, a_move_that_is_no_legal_transition_is_refused_with_its_line) {
  EXPECT_EQ(
      problems(with("from = [1], to = 2", "from = [1], to = 4")),
      problem_at("from = [1], to = 2", "action submit: move: to is illegal: DataStatus has no transition 1 -> 4"));
  EXPECT_EQ(problems(with("from = [1], to = 2", "from = [1], to = 9")),
            problem_at("from = [1], to = 2", "action submit: move: to names unknown value 9 of DataStatus"));
}

TEST(CatalogLoader, a_move_of_a_business_status_is_refused) {
  EXPECT_EQ(problems(with("{ model = \"DataStatus\", to = 1 }", "{ model = \"PayStatus\", to = 1 }")).substr(0, 14),
            "small.toml:" + std::to_string(line_of("moves = [{")) + ":");
}

TEST(CatalogLoader, a_name_or_code_that_stands_twice_is_refused) {
  EXPECT_NE(problems(with("name = \"Out\"", "name = \"Order\"")).find("type 'Order' stands twice"), std::string::npos);
  EXPECT_NE(problems(with("code = 2", "code = 1")).find("code 1 is already that of Order"), std::string::npos);
  EXPECT_NE(problems(with("name = \"submit\"", "name = \"create\"")).find("action 'create' stands twice"),
            std::string::npos);
  EXPECT_NE(problems(with("\"Qty int\"", "\"Done int\", \"Qty int\"")).find("column 'Done' stands twice"),
            std::string::npos);
  EXPECT_NE(problems(with("value = 2,", "value = 1,")).find("value 1 stands twice"), std::string::npos);
}

TEST(CatalogLoader, a_reference_to_something_unknown_is_refused_with_its_line) {
  EXPECT_EQ(problems(with("[\"drafts\"]", "[\"draft\"]")), problem_at("[\"drafts\"]", "unknown group 'draft'"));
  EXPECT_EQ(problems(with("{ type = \"Out\",", "{ type = \"In\",")),
            problem_at("{ type = \"Out\"", "unknown type 'In'"));
  EXPECT_EQ(problems(with("to = \"Out\" }", "to = \"In\" }")).substr(0, 15),
            "small.toml:" + std::to_string(line_of("to = \"Out\" }")) + ":");
  EXPECT_EQ(problems(with("role:clerk", "role:boss")), problem_at("role:clerk", "unknown role 'boss'"));
  EXPECT_EQ(problems(with("[\"submit\"]\nsource", "[\"sumbit\"]\nsource")).substr(0, 15),
            "small.toml:" + std::to_string(line_of("place = ")) + ":");
  EXPECT_EQ(problems(with("tree = [\"@sales\"]", "tree = [\"@sale\"]")),
            problem_at("tree", "unknown type or area '@sale'"));
  EXPECT_EQ(problems(with("to = \"Order/OrderDetail\"", "to = \"Order/OrderDetails\"")).substr(0, 14),
            "small.toml:" + std::to_string(line_of("to = \"Order/OrderDetail\"")) + ":");
}

TEST(CatalogLoader, a_column_that_the_table_has_not_is_refused_with_its_line) {
  EXPECT_EQ(problems(with("no = \"OrderNo\"", "no = \"OrderNr\"")),
            problem_at("no = \"OrderNo\"", "table tb_Order has no column 'OrderNr'"));
  EXPECT_EQ(problems(with("add = { Done =", "add = { Don =")),
            problem_at("add = { Done =", "table tb_OrderDetail has no column 'Don'"));
  EXPECT_EQ(problems(with("add = { Done =", "add = { Note =")),
            problem_at("add = { Done =", "column tb_OrderDetail.Note is not a number"));
  EXPECT_EQ(problems(with("key = \"Order_ID\"", "key = \"OrderNo\"")),
            problem_at("key = \"Order_ID\"", "column tb_Order.OrderNo is not an id"));
}

TEST(CatalogLoader, a_column_that_is_badly_written_is_refused) {
  for (const char* bad :
       {"\"Text texts\"", "\"Text text(0)\"", "\"Text text(x)\"", "\"Text\"", "\"Te-xt text\"", "\"\"",
        "\"Text decimal\"", "\"Text decimal(19,2)\"", "\"Text decimal(4,5)\"", "\"Text decimal(4)\"",
        "\"Text money(19,4)\"", "\"Text id()\"", "\"Text int(4)\"", "\"Text text(5\""}) {
    EXPECT_TRUE(problems(with("\"Text text\"", bad))
                    .starts_with("small.toml:" + std::to_string(line_of("\"Text text\"")) + ": column"))
        << bad;
  }
}

TEST(CatalogLoader, a_condition_that_does_not_parse_is_refused_with_line_place_and_reason) {
  EXPECT_EQ(problems(with("when = \"DataStatus=1\"", "when = \"DataStatus=\"")),
            problem_at("when = \"DataStatus=1\"",
                       "condition 'DataStatus=': at 11: expected a whole number, a 'text', true or false"));
}

TEST(CatalogLoader, a_condition_about_what_the_type_has_not_is_refused) {
  EXPECT_EQ(problems(with("when = \"DataStatus=1\"", "when = \"Colour=1\"")),
            problem_at("[\"drafts\"]", "condition 'Colour=1': type Order has no column 'Colour'"));
  EXPECT_EQ(problems(with("when = \"DataStatus=1\"", "when = \"DataStatus=3\"")),
            problem_at("[\"drafts\"]", "condition 'DataStatus=3': DataStatus has no value 3"));
  EXPECT_EQ(problems(with("when = \"DataStatus=1\"", "when = \"OrderNo=1\"")),
            problem_at("[\"drafts\"]", "condition 'OrderNo=1': column OrderNo is no whole number"));
  EXPECT_EQ(problems(with("when = \"DataStatus=4\"", "when = \"Total>'x'\"")),
            problem_at("when = \"DataStatus=4\"", "condition 'Total>'x'': column Total is no text"));
  // Amounts are compared with 0, and only where the whole bill is at hand.
  EXPECT_EQ(problems(with("when = \"DataStatus=4\"", "when = \"Total>0\"")), "");
  EXPECT_EQ(problems(with("when = \"DataStatus=4\"", "when = \"Total>100\"")),
            problem_at("when = \"DataStatus=4\"",
                       "condition 'Total>100': column Total is an amount: compare it with 0 only"));
  EXPECT_EQ(problems(with("when = \"DataStatus=1\"", "when = \"Total>0\"")),
            problem_at("[\"drafts\"]", "condition 'Total>0': column Total is no whole number"));
  // The table has the column, but the type does not say that it is one of its states.
  EXPECT_EQ(problems(with("\"DataStatus int\", \"Customer_ID", "\"DataStatus int\", \"PayStatus int\", \"Customer_ID")
                         .replace(good.find("DataStatus=1"), 12, "PayStatus=1")),
            problem_at("[\"drafts\"]", "condition 'PayStatus=1': type Order has no status PayStatus"));
}

TEST(CatalogLoader, a_type_with_more_groups_than_a_word_has_bits_is_refused) {
  std::string groups, names;
  for (std::size_t i = 0; i < catalog::groups_per_type_max; ++i) {
    const std::string name = "g" + std::to_string(i);
    groups += "[[group]]\nname = \"" + name + "\"\nzh = \"z\"\nen = \"e\"\nwhen = \"DataStatus=1\"\n";
    names += (i == 0 ? "\"" : ", \"") + name + "\"";
  }
  std::string text = with("groups = [\"drafts\"]", "groups = [" + names + "]");
  text.replace(text.find("[[type]]"), 0, groups);
  EXPECT_EQ(problems(text), "");
  text.replace(text.find("groups = [\"g0\""), 10, "groups = [\"drafts\", ");
  EXPECT_NE(problems(text).find("groups are more than 31"), std::string::npos) << problems(text);
}

TEST(CatalogLoader, a_part_whose_table_lacks_the_prefix_is_refused) {
  std::string text = with("table = \"tb_OrderDetail\"", "table = \"OrderDetail\"");
  text.replace(text.find("[table.tb_OrderDetail]"), 22, "[table.OrderDetail]");
  EXPECT_NE(problems(text).find("table must begin with tb_"), std::string::npos);
}

TEST(CatalogLoader, types_that_share_a_table_must_tell_themselves_apart) {
  const std::string text = with("table = \"tb_Out\"\nkey = \"Out_ID\"\nno = \"OutNo\"",
                                "table = \"tb_Order\"\nkey = \"Order_ID\"\nno = \"OrderNo\"");
  EXPECT_NE(problems(text).find("types Order and Out share table tb_Order"), std::string::npos) << problems(text);
}

TEST(CatalogLoader, an_unknown_right_or_type_in_a_role_is_refused) {
  EXPECT_EQ(problems(with("\"lock.view\",", "\"lock.views\",")),
            problem_at("\"lock.view\"", "unknown right 'lock.views'"));
  EXPECT_EQ(problems(with("action.submit:@sales", "action.sumbit:@sales")),
            problem_at("\"lock.view\"", "unknown right 'action.sumbit'"));
  EXPECT_EQ(problems(with("@sales,Out", "@sales,In")), problem_at("\"lock.view\"", "unknown type or area 'In'"));
}

TEST(CatalogLoader, areas_in_rights_stand_for_their_types) {
  const auto loaded = load_catalog(good, "small.toml");
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->find_role("clerk")->rights,
            (std::vector<std::string>{"action.submit:Order", "action.submit:Out", "lock.view"}));
}

TEST(CatalogLoader, a_conversion_without_a_link_to_its_source_is_refused) {
  EXPECT_NE(problems(with("link = { id = \"Order_ID\" }\n", "")).find("the new bill must name its source"),
            std::string::npos);
}

TEST(CatalogLoader, the_key_and_parent_of_a_line_are_never_copied) {
  const auto loaded =
      load_catalog(with("\"Prod_ID id\", \"Qty int\"", "\"Prod_ID id\", \"Out_ID id\", \"OutLine_ID id\", \"Qty int\""),
                   "small.toml");
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->content().conversions.at(0).lines.at(0).filling.copies.size(), 2u);  // Prod_ID and Note
}

TEST(CatalogLoader, a_skip_that_changes_nothing_is_refused) {
  EXPECT_EQ(problems(with("set = { Made", "skip = [\"Qty\"]\nset = { Made")),
            "small.toml:" + std::to_string(line_of("set = { Made")) + ": column 'Qty' is not copied anyway\n");
}

TEST(CatalogLoader, a_mapping_between_columns_of_different_kinds_is_refused) {
  EXPECT_NE(problems(with("set = { Made", "map = { Note = \"Qty\" }\nset = { Made")).find("differ in kind"),
            std::string::npos);
}

TEST(CatalogLoader, many_problems_are_reported_in_one_pass_sorted_by_line) {
  std::string text = with("no = \"OrderNo\"", "no = \"X\"");
  text.replace(text.find("[\"drafts\"]"), 10, "[\"y\"]");
  text.replace(text.find("scope = \"own\""), 13, "scope = \"z\"");
  const auto loaded = load_catalog(text, "small.toml");
  ASSERT_FALSE(loaded);
  ASSERT_EQ(loaded.error().list.size(), 3u) << loaded.error().text();
  EXPECT_TRUE(std::is_sorted(loaded.error().list.begin(), loaded.error().list.end(),
                             [](const auto& a, const auto& b) { return a.line < b.line; }));
}

TEST(CatalogLoader, problems_beyond_the_limit_are_only_counted) {
  std::string text;
  for (std::size_t i = 0; i < catalog_problems_max + 50; ++i) text += "key" + std::to_string(i) + " = 1\n";
  const auto loaded = load_catalog(text, "small.toml");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().list.size(), catalog_problems_max);
  EXPECT_GE(loaded.error().left_out, 50u);
}

TEST(CatalogLoader, a_file_that_is_too_large_is_refused_unread) {
  EXPECT_NE(problems(std::string(catalog_bytes_max + 1, '#')).find("is larger than"), std::string::npos);
}

TEST(CatalogLoader, deep_nesting_is_refused) {
  const std::string text = "a = " + std::string(60, '[') + std::string(60, ']');
  EXPECT_NE(problems(text).find("nested too deep"), std::string::npos);
}

// Cutting the file anywhere must end in a catalog or in problems, never in a crash; run under ASan this is a small
// fuzz.
TEST(CatalogLoader, a_file_cut_off_or_garbled_anywhere_never_crashes) {
  for (std::size_t end = 0; end < good.size(); end += 7) {
    (void)load_catalog(good.substr(0, end), "cut.toml");
    std::string text(good);
    text[end] = text[end] == '"' ? '1' : '"';
    (void)load_catalog(text, "garbled.toml");
  }
}

}  // namespace
}  // namespace hf
