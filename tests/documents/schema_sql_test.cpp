// The tables of a document store in real databases: made whole or not at all, grown and never lessened. If these fail,
// a start of the server loses bills, or touches a database that is not ours.
#include <gmock/gmock.h>

#include <thread>

#include "documents/schema.h"
#include "tests/documents/store_database.h"

namespace hf::test {
namespace {

using ::testing::HasSubstr;

class DocumentSchemaOnBoth : public OnBoth {};
HF_ON_BOTH(DocumentSchemaOnBoth);

catalog::Content small() {
  catalog::Content content;
  content.name = "small";
  content.tables = {{"tb_A",
                     {{.name = "ID", .kind = catalog::ColumnKind::id},
                      {.name = "Rate", .kind = catalog::ColumnKind::decimal, .precision = 10, .scale = 4}}}};
  content.lookups = {{.name = "A", .zh = "A", .en = "A", .table = 0, .key = "ID"}};
  return content;
}

std::shared_ptr<const Catalog> made(catalog::Content content) {
  return std::make_shared<const Catalog>(std::move(content));
}

TEST_P(DocumentSchemaOnBoth, an_empty_database_gets_all_tables_and_a_second_start_changes_nothing) {
  const StoreDatabase database(GetParam());
  documents::DocumentStore store = database.prepared();
  for (const catalog::Table& table : erp()->content().tables) {
    EXPECT_EQ(ask(store, "SELECT COUNT(*) FROM \"" + table.name + "\""), "0");
  }
  for (const char* table : {"hf_bill", "hf_link", "hf_run", "hf_number", "holdfast_outbox"}) {
    EXPECT_EQ(ask(store, std::string("SELECT COUNT(*) FROM ") + table), "0");
  }
  EXPECT_EQ(ask(store, "SELECT catalog FROM hf_schema"), erp()->content().name);
  Rows(store).add_bill("SaleOrder", 1, {"li", ""});
  documents::DocumentStore again = database.prepared();
  EXPECT_EQ(ask(again, "SELECT COUNT(*) FROM \"tb_SaleOrder\""), "1");
  EXPECT_EQ(ask(again, "SELECT COUNT(*) FROM hf_schema"), "1");
}

TEST_P(DocumentSchemaOnBoth, a_catalog_that_has_grown_adds_what_is_new_and_keeps_what_is_there) {
  const StoreDatabase database(GetParam());
  catalog::Content content = small();
  {
    documents::DocumentStore store = database.prepared(made(content));
    Rows(store, made(content)).add("tb_A", {{"ID", "7"}, {"Rate", "1.2345"}});
  }
  content.tables[0].columns.push_back({.name = "Name", .kind = catalog::ColumnKind::text, .nullable = true});
  content.tables[0].columns.push_back({.name = "Count", .kind = catalog::ColumnKind::integer});
  content.tables.push_back({"tb_B", {{.name = "ID", .kind = catalog::ColumnKind::id}}});
  content.lookups[0].text = "Name";
  content.lookups.push_back({.name = "B", .zh = "B", .en = "B", .table = 1, .key = "ID"});
  documents::DocumentStore store = database.prepared(made(content));
  EXPECT_EQ(ask(store, "SELECT \"Count\" FROM \"tb_A\" WHERE \"ID\" = 7 AND \"Name\" IS NULL"), "0");
  EXPECT_EQ(ask(store, "SELECT COUNT(*) FROM \"tb_B\""), "0");
  const auto found = store.connection().read(documents::find_indexes(GetParam()));
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, testing::Contains(testing::ElementsAre("tb_A_Name")));
}

TEST_P(DocumentSchemaOnBoth, what_cannot_be_added_is_refused_and_nothing_is_half_done) {
  const StoreDatabase database(GetParam());
  catalog::Content content = small();
  database.prepared(made(content));
  content.tables[0].columns[1].scale = 2;
  content.tables.insert(content.tables.begin(), {"tb_Before", {{.name = "ID", .kind = catalog::ColumnKind::id}}});
  content.lookups[0].table = 1;
  content.lookups.push_back({.name = "B", .zh = "B", .en = "B", .table = 0, .key = "ID"});
  documents::DocumentStore store = database.store(made(content));
  const auto refused = store.prepare("default");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_EQ(refused.error().field, "documents");
  EXPECT_THAT(refused.error().detail, HasSubstr("tb_A.Rate is "));
  const auto columns = store.connection().read(documents::find_columns(GetParam()));
  ASSERT_TRUE(columns);
  EXPECT_THAT(*columns,
              testing::Not(testing::Contains(testing::Contains(testing::Optional(std::string("tb_Before"))))));
}

TEST_P(DocumentSchemaOnBoth, a_database_that_is_not_ours_is_left_alone) {
  const StoreDatabase database(GetParam());
  documents::DocumentStore store = database.store();
  run(store, "CREATE TABLE \"tb_SaleOrder\" (\"SOrder_ID\" bigint)");
  const auto refused = store.prepare("default");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("name an empty one"));
  const auto columns = store.connection().read(documents::find_columns(GetParam()));
  ASSERT_TRUE(columns);
  EXPECT_EQ(columns->size(), 1U);
}

TEST_P(DocumentSchemaOnBoth, a_database_of_another_version_is_refused) {
  const StoreDatabase database(GetParam());
  documents::DocumentStore store = database.prepared();
  run(store, "UPDATE hf_schema SET format = 2");
  const auto refused = store.prepare("default");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("Another version"));
}

TEST_P(DocumentSchemaOnBoth, a_database_keeps_the_bills_of_one_namespace) {
  const StoreDatabase database(GetParam());
  documents::DocumentStore store = database.prepared();
  const auto refused = store.prepare("another");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field, "documents");
  EXPECT_THAT(refused.error().detail, HasSubstr("of the namespace default"));
  EXPECT_TRUE(store.prepare("default"));
}

TEST_P(DocumentSchemaOnBoth, processes_that_start_at_once_make_it_once) {
  const StoreDatabase database(GetParam());
  std::vector<std::string> refusals(4);
  std::vector<std::thread> starts;
  for (std::string& refusal : refusals) {
    starts.emplace_back([&] {
      documents::DocumentStore store = database.store();
      if (const auto done = store.prepare("default"); !done) refusal = done.error().detail;
    });
  }
  for (std::thread& start : starts) start.join();
  EXPECT_THAT(refusals, testing::Each(""));
  documents::DocumentStore store = database.store();
  EXPECT_EQ(ask(store, "SELECT COUNT(*) FROM hf_schema"), "1");
}

TEST_P(DocumentSchemaOnBoth, a_number_of_a_bill_stands_once) {
  const StoreDatabase database(GetParam());
  documents::DocumentStore store = database.prepared();
  Rows rows(store);
  rows.add_bill("SaleOrder", 1, {}, {{"SOrderNo", "SO1"}});
  rows.add_bill("SaleOrder", 2, {});
  EXPECT_FALSE(
      store.connection().write({"UPDATE \"tb_SaleOrder\" SET \"SOrderNo\" = 'SO1' WHERE \"SOrder_ID\" = 2", {}, 0}));
}

}  // namespace
}  // namespace hf::test
