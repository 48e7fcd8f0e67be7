// Who sees which bills: what a database is asked must be the board's own rule, and its conditions those of the catalog.
// If these fail, somebody reads what is not for him.
#include <gmock/gmock.h>

#include <cstdlib>
#include <set>

#include "base/random.h"
#include "documents/condition_sql.h"
#include "tests/documents/store_database.h"

namespace hf::test {
namespace {

class ScopeOnBoth : public OnBoth {};
HF_ON_BOTH(ScopeOnBoth);

constexpr int people_count = 4;

std::string person(Random& random) { return "u" + std::to_string(random.below(people_count)); }

struct Known {
  std::int64_t id = 0;
  std::string creator, handler, owner, department;
};

// Some bills of the type, by people, owners and departments that are few enough to meet.
std::vector<Known> fill(Rows& rows, const catalog::Type& type, Random& random, std::int64_t first) {
  const catalog::Table& table = erp()->content().tables[type.table];
  std::vector<Known> bills;
  for (std::int64_t id = first; id < first + 12; ++id) {
    Known known{.id = id};
    known.creator = person(random);
    if (random.below(2) == 0) known.handler = person(random);
    Columns columns;
    const auto draw = [&](const std::string& name, std::string& into) {
      const catalog::Column* const column = name.empty() ? nullptr : table.find(name);
      const std::uint64_t value = random.below(people_count);
      if (column == nullptr || (column->nullable && random.below(3) == 0)) return;
      columns[name] = into = std::to_string(value);
    };
    draw(type.owner, known.owner);
    draw(type.department, known.department);
    rows.add_bill(type.name, id, {known.creator, known.handler}, columns);
    bills.push_back(known);
  }
  return bills;
}

Claims somebodys_claims(Random& random) {
  Claims claims;
  claims.user = person(random);
  if (random.below(3) != 0) claims.employee = std::to_string(random.below(people_count));
  for (std::uint64_t i = random.below(3); i > 0; --i)
    claims.departments.push_back(std::to_string(random.below(people_count)));
  if (random.below(4) == 0) claims.departments.emplace_back("01");  // no id is spelt so
  const auto& roles = erp()->content().roles;
  for (std::uint64_t i = random.below(3); i > 0; --i) claims.roles.push_back(roles[random.below(roles.size())].name);
  claims.super = random.below(20) == 0;
  return claims;
}

TEST_P(ScopeOnBoth, a_list_and_a_bill_show_what_the_board_shows) {
  const std::uint64_t seed = 20261130;
  Random random(seed);
  const StoreDatabase database(GetParam(), Tables::of_erp);
  documents::DocumentStore store = database.prepared();
  Rows rows(store);
  std::vector<std::pair<const catalog::Type*, std::vector<Known>>> types;
  std::int64_t first = 1000;
  for (const char* name :
       {"SaleOrder", "PurOrder", "Receivable", "ExpenseClaim", "ManufacturingOrder", "PreReceived"}) {
    const catalog::Type* const type = erp()->find_type(name);
    if (type == nullptr) continue;
    types.emplace_back(type, fill(rows, *type, random, first));
    first += 1000;
  }
  ASSERT_GE(types.size(), 4U);
  std::size_t seen_total = 0, hidden_total = 0;
  const int rounds = std::getenv("HF_SOAK") != nullptr ? 200 : 15;
  for (int round = 0; round < rounds; ++round) {
    const Claims claims = somebodys_claims(random);
    const Audience audience = somebody(claims);
    for (const auto& [type, bills] : types) {
      std::set<std::int64_t> expected, listed;
      for (const Known& bill : bills) {
        if (visible(audience, {erp()->index_of(*type), bill.creator, bill.handler, bill.owner, bill.department}))
          expected.insert(bill.id);
      }
      seen_total += expected.size();
      hidden_total += bills.size() - expected.size();
      documents::BillListQuestion question{
          .type = type->name, .sort = round % 2 == 0 ? "" : type->no, .limit = 5, .total = true};
      while (true) {
        const auto page = store.list(audience, question);
        if (!page) {
          EXPECT_EQ(page.error().code, Code::not_found) << page.error().detail;
          break;
        }
        for (const documents::BillRow& row : page->rows) EXPECT_TRUE(listed.insert(row.id).second) << seed;
        EXPECT_EQ(page->total, expected.size()) << seed;
        question.next = page->next;
        if (page->next.empty()) break;
      }
      EXPECT_EQ(listed, expected) << type->name << " seed " << seed << " round " << round;
      for (const Known& bill : bills) {
        const auto got = store.get(audience, {.type = type->name, .id = std::to_string(bill.id)});
        EXPECT_EQ(got.has_value(), expected.contains(bill.id)) << type->name << bill.id << " seed " << seed;
        if (!got) EXPECT_EQ(got.error().code, Code::not_found) << got.error().detail;
      }
    }
  }
  EXPECT_GT(seen_total, 100U);
  EXPECT_GT(hidden_total, 100U);
}

// The row as a condition is asked it.
class Row : public FieldSource {
 public:
  explicit Row(const Columns& columns) : columns_(columns) {}
  std::optional<FieldValue> field(std::string_view name) const override {
    const auto at = columns_.find(std::string(name));
    if (at == columns_.end()) return std::nullopt;
    if (name == "Notes") return FieldValue(std::string_view(at->second));
    return FieldValue(*documents::whole_of(at->second));
  }

 private:
  const Columns& columns_;
};

TEST_P(ScopeOnBoth, a_condition_means_in_sql_what_it_means_to_the_board) {
  const std::uint64_t seed = 4711;
  Random random(seed);
  const StoreDatabase database(GetParam(), Tables::of_erp);
  documents::DocumentStore store = database.prepared();
  Rows rows(store);
  const catalog::Table& table = *erp()->find_table("tb_SaleOrder");
  std::map<std::int64_t, Columns> bills;
  for (std::int64_t id = 1; id <= 40; ++id) {
    Columns columns = {{"DataStatus", std::to_string(1 << random.below(5))},
                       {"PayStatus", std::to_string(random.below(3))}};
    if (random.below(2) == 0) columns["ProjectGroup_ID"] = std::to_string(random.below(3));
    if (random.below(2) == 0) columns["Notes"] = random.below(2) == 0 ? "a" : "b'";
    if (random.below(2) == 0) columns["isdeleted"] = std::to_string(random.below(2));
    rows.add_bill("SaleOrder", id, {}, columns);
    columns.emplace("isdeleted", "0");
    bills[id] = columns;
  }
  for (const char* text :
       {"DataStatus=2", "DataStatus!=2 and PayStatus in (0, 2)", "not ProjectGroup_ID=1", "ProjectGroup_ID!=1",
        "not (ProjectGroup_ID>=1 or Notes='a')", "Notes in ('a', 'b''', 'c')", "Notes not in ('a')", "Notes=1",
        "DataStatus='2'", "not DataStatus='2'", "PayStatus<1 or PayStatus>1 and DataStatus<=4", "Nothing=1",
        "isdeleted=true", "not isdeleted=1"}) {
    const auto condition = Condition::parse(text);
    ASSERT_TRUE(condition) << text;
    documents::SqlText sql{GetParam(), {}};
    sql.add("SELECT t.\"SOrder_ID\" FROM \"tb_SaleOrder\" t WHERE ");
    sql.add(documents::condition_sql(sql, table, "t", *condition));
    sql.made.columns = 1;
    const auto found = store.connection().read(sql.made);
    ASSERT_TRUE(found) << text << ": " << found.error().detail;
    std::set<std::int64_t> by_sql, by_board;
    for (const database::Row& row : *found) by_sql.insert(*documents::whole_of(*row[0]));
    for (const auto& [id, columns] : bills) {
      if (condition->evaluate(Row(columns))) by_board.insert(id);
    }
    EXPECT_EQ(by_sql, by_board) << text;
  }
}

}  // namespace
}  // namespace hf::test
