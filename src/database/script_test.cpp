// If a script fell apart at the wrong place, half a table would be made, or none.
#include "database/script.h"

#include <gmock/gmock.h>

namespace hf::database {
namespace {

using ::testing::ElementsAre;

TEST(Script, statements_end_with_a_semicolon_and_lose_their_comments) {
  EXPECT_THAT(statements_of("-- one: first\nCREATE TABLE a (\n  b TEXT  -- what: it is;\n);\n\nDROP TABLE c;\n"),
              ElementsAre("CREATE TABLE a (\n  b TEXT  \n)", "DROP TABLE c"));
  EXPECT_THAT(statements_of(" ;; \n-- nothing"), ElementsAre());
}

TEST(Script, what_is_quoted_is_left_alone) {
  EXPECT_THAT(statements_of("INSERT INTO a VALUES ('--;''x', \";\"); SELECT 1"),
              ElementsAre("INSERT INTO a VALUES ('--;''x', \";\")", "SELECT 1"));
  EXPECT_THAT(statements_of("CREATE FUNCTION f() AS $$\n SELECT 1; -- x\n $$; SELECT 2;"),
              ElementsAre("CREATE FUNCTION f() AS $$\n SELECT 1; -- x\n $$", "SELECT 2"));
  EXPECT_THAT(statements_of("SELECT 'open;"), ElementsAre("SELECT 'open;"));
}

}  // namespace
}  // namespace hf::database
