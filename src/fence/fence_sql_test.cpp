// The SQL that an ERP runs in its own database. If it is wrong for one table, whatever writes that table without the
// fence goes unseen, and the next save overwrites it. tests/fence runs it; here is what no database of ours can run.

#include "fence/fence_sql.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "catalog/erp_catalog_test.h"

namespace hf::fence {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::array<Dialect, dialect_count> dialects = {Dialect::sqlite, Dialect::postgresql, Dialect::sqlserver,
                                                         Dialect::mysql};
constexpr std::size_t name_bytes_max = 63;  // PostgreSQL's, the shortest of the four

TEST(FenceSql, every_type_of_the_erp_gets_triggers_on_its_master_and_on_each_part) {
  const auto catalog = test::erp();
  for (const Dialect dialect : dialects) {
    for (const catalog::Type& type : catalog->content().types) {
      SCOPED_TRACE(std::string(name_of(dialect)) + " " + type.name);
      const std::string sql = triggers_of(dialect, *catalog, type);
      EXPECT_THAT(sql, Not(HasSubstr("{")));
      EXPECT_THAT(sql, HasSubstr(catalog->content().tables[type.table].name));
      for (const catalog::Part& part : type.parts) {
        EXPECT_THAT(sql, HasSubstr(catalog->content().tables[part.table].name));
        EXPECT_THAT(sql, HasSubstr(part.parent));
      }
    }
  }
}

TEST(FenceSql, no_two_triggers_have_one_name_and_no_name_is_too_long) {
  const auto catalog = test::erp();
  const std::regex made(R"(CREATE (?:OR ALTER )?TRIGGER ["`\[](\w+))");
  for (const Dialect dialect : dialects) {
    std::set<std::string> names;
    for (const catalog::Type& type : catalog->content().types) {
      const std::string sql = triggers_of(dialect, *catalog, type);
      for (std::sregex_iterator at(sql.begin(), sql.end(), made); at != std::sregex_iterator(); ++at) {
        EXPECT_TRUE(names.insert((*at)[1].str()).second) << (*at)[1];
        EXPECT_LE((*at)[1].length(), static_cast<std::ptrdiff_t>(name_bytes_max)) << (*at)[1];
      }
    }
    EXPECT_GT(names.size(), catalog->content().types.size()) << name_of(dialect);
  }
}

TEST(FenceSql, types_that_share_a_table_are_told_apart) {
  const auto catalog = test::erp();
  const catalog::Type& income = *catalog->find_type("OtherIncome");
  ASSERT_TRUE(income.only);
  EXPECT_THAT(triggers_of(Dialect::postgresql, *catalog, income), HasSubstr(R"( AND r."EXPOrINC" = true)"));
  EXPECT_THAT(triggers_of(Dialect::sqlserver, *catalog, income), HasSubstr(" AND r.[EXPOrINC] = 1"));
  ASSERT_FALSE(income.parts.empty());
  const std::string part = triggers_of(Dialect::mysql, *catalog, income);
  EXPECT_THAT(part, HasSubstr(" AND NEW.`EXPOrINC` = 1"));
  EXPECT_THAT(part,
              HasSubstr("EXISTS (SELECT 1 FROM `tb_FM_OtherExpense` m WHERE m.`ExpenseMainID` = OLD.`ExpenseMainID` "
                        "AND m.`EXPOrINC` = 1)"));
}

}  // namespace
}  // namespace hf::fence
