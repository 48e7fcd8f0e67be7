// If a database were changed in a way that loses something, bills would be gone; if one that is not ours were touched,
// the ERP's. These tests ask the plan alone; tests/documents runs it.
#include "documents/schema.h"

#include <gmock/gmock.h>

#include "catalog/erp_catalog_test.h"

namespace hf::documents {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::array<Dialect, 2> both = {Dialect::sqlite, Dialect::postgresql};

// What the database would tell after `plans` were made.
Found made_of(const std::vector<TablePlan>& plans) {
  Found found;
  for (const TablePlan& plan : plans) {
    for (const ColumnPlan& column : plan.columns) found.tables[plan.name][column.name] = {column.type, column.nullable};
    for (const IndexPlan& index : plan.indexes) found.indexes.insert(index.name);
  }
  return found;
}

TablePlan& table(std::vector<TablePlan>& plans, std::string_view name) {
  return *std::find_if(plans.begin(), plans.end(), [&](const TablePlan& plan) { return plan.name == name; });
}

ColumnPlan column(std::string name, std::string type, bool nullable, std::string filling) {
  return {std::move(name), std::move(type), nullable, std::move(filling)};
}

TEST(DocumentSchema, has_every_table_and_column_of_the_catalog_and_a_key_for_each) {
  for (const Dialect dialect : both) {
    const auto plans = plan_schema(*test::erp(), dialect);
    ASSERT_TRUE(plans) << plans.error().detail;
    const auto& tables = test::erp()->content().tables;
    ASSERT_GT(plans->size(), tables.size());
    for (std::size_t i = 0; i < tables.size(); ++i) {
      EXPECT_EQ((*plans)[i].name, tables[i].name);
      EXPECT_EQ((*plans)[i].columns.size(), tables[i].columns.size()) << tables[i].name;
      EXPECT_EQ((*plans)[i].key.size(), 1U) << tables[i].name;
    }
  }
}

TEST(DocumentSchema, each_database_is_told_scale_and_kind) {
  auto lite = *plan_schema(*test::erp(), Dialect::sqlite);
  auto big = *plan_schema(*test::erp(), Dialect::postgresql);
  const auto type = [](std::vector<TablePlan>& plans, std::string_view name) {
    for (const ColumnPlan& each : table(plans, "tb_SaleOrder").columns) {
      if (each.name == name) return each.type;
    }
    return std::string();
  };
  EXPECT_EQ(type(lite, "ExchangeRate"), "INTEGER(10,4)");
  EXPECT_EQ(type(big, "ExchangeRate"), "numeric(10,4)");
  EXPECT_EQ(type(lite, "TotalAmount"), "INTEGER(19,4)");
  EXPECT_EQ(type(big, "SOrder_ID"), "bigint");
}

TEST(DocumentSchema, a_store_that_is_as_wanted_is_left_alone) {
  for (const Dialect dialect : both) {
    const auto plans = *plan_schema(*test::erp(), dialect);
    const auto left = changes(plans, made_of(plans), dialect);
    ASSERT_TRUE(left) << left.error().detail;
    EXPECT_THAT(*left, IsEmpty());
  }
}

TEST(DocumentSchema, tables_columns_and_indexes_are_added) {
  for (const Dialect dialect : both) {
    auto plans = *plan_schema(*test::erp(), dialect);
    const Found before = made_of(plans);
    TablePlan added;
    added.name = "tb_New";
    added.columns = {column("ID", "bigint", false, "")};
    added.key = {"ID"};
    plans.push_back(added);
    TablePlan& orders = table(plans, "tb_SaleOrder");
    orders.columns.push_back(column("Extra", "bigint", true, ""));
    orders.columns.push_back(column("Count", "bigint", false, "0"));
    orders.indexes.push_back({"tb_SaleOrder_Extra", {"\"Extra\""}, false});
    const auto made = changes(plans, before, dialect);
    ASSERT_TRUE(made) << made.error().detail;
    EXPECT_THAT(*made, ElementsAre("ALTER TABLE \"tb_SaleOrder\" ADD COLUMN \"Extra\" bigint",
                                   "ALTER TABLE \"tb_SaleOrder\" ADD COLUMN \"Count\" bigint NOT NULL DEFAULT 0",
                                   "CREATE INDEX \"tb_SaleOrder_Extra\" ON \"tb_SaleOrder\" (\"Extra\")",
                                   "CREATE TABLE \"tb_New\" (\"ID\" bigint NOT NULL PRIMARY KEY)"));
  }
}

TEST(DocumentSchema, what_needs_more_than_adding_is_refused_by_name) {
  const auto plans = *plan_schema(*test::erp(), Dialect::sqlite);
  const auto refusal = [&](auto change) {
    auto wanted = plans;
    change(table(wanted, "tb_SaleOrder"));
    const auto made = changes(wanted, made_of(plans), Dialect::sqlite);
    EXPECT_FALSE(made);
    return made ? std::string() : made.error().field + ": " + made.error().detail;
  };
  const auto at = [](TablePlan& orders, std::string_view name) -> ColumnPlan& {
    return *std::find_if(orders.columns.begin(), orders.columns.end(),
                         [&](const ColumnPlan& each) { return each.name == name; });
  };
  EXPECT_THAT(refusal([&](TablePlan& orders) { at(orders, "ExchangeRate").type = "INTEGER(10,2)"; }),
              HasSubstr("documents: tb_SaleOrder.ExchangeRate is INTEGER(10,4) in the database and INTEGER(10,2) by"));
  EXPECT_THAT(refusal([&](TablePlan& orders) { at(orders, "SOrderNo").nullable = true; }),
              HasSubstr("tb_SaleOrder.SOrderNo is TEXT in the database and TEXT that may be null by the catalog"));
  EXPECT_THAT(refusal([&](TablePlan& orders) { orders.columns.pop_back(); }),
              HasSubstr("put it back into the catalog"));
  EXPECT_THAT(refusal([&](TablePlan& orders) { orders.columns.push_back(column("X_ID", "INTEGER", false, "")); }),
              HasSubstr("tb_SaleOrder.X_ID is new and may not be null"));
}

TEST(DocumentSchema, names_that_a_database_would_cut_or_mix_up_are_refused) {
  catalog::Content content;
  const catalog::Column id{.name = "ID", .kind = catalog::ColumnKind::id};
  const auto refusal = [&](std::vector<catalog::Table> tables) {
    content.tables = std::move(tables);
    const auto plans = plan_schema(Catalog(content), Dialect::sqlite);
    return plans ? std::string() : plans.error().detail;
  };
  EXPECT_EQ(refusal({{"tb_A", {id}}}), "");
  EXPECT_THAT(refusal({{"tb_A", {id}}, {"TB_a", {id}}}), HasSubstr("TB_a"));
  EXPECT_THAT(refusal({{"hf_run", {id}}}), HasSubstr("hf_run"));
  EXPECT_THAT(refusal({{std::string(64, 'a'), {id}}}), HasSubstr("1 to 63"));
  EXPECT_THAT(refusal({{"tb_A", {id, {.name = "Id"}}}}), HasSubstr("tb_A.Id"));
  EXPECT_THAT(refusal({{"tb_A", {{.name = "a\"; DROP TABLE x"}}}}), HasSubstr("1 to 63"));
}

}  // namespace
}  // namespace hf::documents
