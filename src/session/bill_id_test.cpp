// How ids are spelt. If two spellings of one id are taken, two people lock one bill, and each is told that he owns it.

#include "session/bill_id.h"

#include <gtest/gtest.h>

#include "catalog/catalog_loader.h"
#include "session/hub_fixture_test.h"
#include "session/todo_fixture_test.h"

namespace hf::test {
namespace {

using catalog::IdRule;
using session::misspelt;
using session::refuses_target;

// "" if it is spelt so, else its spelling, "-" if it has none.
std::string spelling(IdRule rule, std::string_view id) {
  const auto fault = misspelt(rule, id);
  if (!fault) return "";
  EXPECT_FALSE(fault->why.empty());
  if (!fault->canonical) return "-";
  EXPECT_FALSE(misspelt(rule, *fault->canonical)) << "what we say to write is taken: " << *fault->canonical;
  return *fault->canonical;
}

TEST(BillId, a_whole_number_has_one_spelling) {
  for (const char* good : {"0", "7", "1001", "-5", "9223372036854775807", "1740971599693221888"}) {
    EXPECT_EQ(spelling(IdRule::integer, good), "") << good;
  }
  for (const char* other : {"01001", "001001", "+1001", " 1001", "1001 ", "１００１", "1001\u200B", "1001\u00A0",
                            "\u200F1001", "1001\uFEFF", "\u30001001"}) {
    EXPECT_EQ(spelling(IdRule::integer, other), "1001") << other;
  }
  EXPECT_EQ(spelling(IdRule::integer, "-0"), "0");
  EXPECT_EQ(spelling(IdRule::integer, "00"), "0");
  for (const char* none : {"", "abc", "1.0", "1e3", "10 01", "undefined", "null", "NaN", ".", "..", "--1", "+", "-",
                           "9223372036854775808", "0x1F"}) {
    EXPECT_EQ(spelling(IdRule::integer, none), "-") << none;
  }
}

TEST(BillId, a_text_is_composed_and_has_nothing_that_nobody_sees) {
  for (const char* good : {"a", "SO-1", "A b", "订单7", "caf\u00E9", "Q00007Q", "1001", "01001", "...", "Null"}) {
    EXPECT_EQ(spelling(IdRule::text, good), "") << good;
  }
  EXPECT_EQ(spelling(IdRule::text, "cafe\u0301"), "caf\u00E9");
  EXPECT_EQ(spelling(IdRule::text, "\u1112\u1161\u11AB"), "\uD55C") << "Hangul";
  EXPECT_EQ(spelling(IdRule::text, "\u2126"), "\u03A9") << "the ohm sign is an omega";
  for (const char* invisible :
       {"\u200B", "\u200C", "\u200D", "\u200E", "\u200F", "\u00AD", "\u2060", "\uFEFF", "\u202E", "\u2066", "\u180E",
        "\u034F", "\u115F", "\u3164", "\uFE0F", "\u2800", "\u2028", "\U000E0041"}) {
    EXPECT_EQ(spelling(IdRule::text, std::string("SO") + invisible + "1"), "SO1") << invisible;
    EXPECT_EQ(spelling(IdRule::text, invisible), "-");
  }
  for (const char* blank : {"\u00A0", "\u2003", "\u202F", "\u3000"}) {
    EXPECT_EQ(spelling(IdRule::text, std::string("SO") + blank + "1"), "SO 1");
  }
  EXPECT_EQ(spelling(IdRule::text, " a"), "a");
  EXPECT_EQ(spelling(IdRule::text, "a  "), "a");
  for (const char* none : {".", "..", "undefined", "null", "NaN", " ", "null "}) {
    EXPECT_EQ(spelling(IdRule::text, none), "-") << none;
  }
  EXPECT_NE(misspelt(IdRule::text,
                     "a\u200B"
                     "b")
                ->why.find("U+200B"),
            std::string::npos);
}

TEST(BillId, a_text_without_small_letters_has_none_of_any_script) {
  EXPECT_EQ(spelling(IdRule::upper, "SO-1 订单"), "");
  EXPECT_EQ(spelling(IdRule::upper, "so-1"), "SO-1");
  EXPECT_EQ(spelling(IdRule::upper, "caf\u00E9"), "CAF\u00C9");
  EXPECT_EQ(spelling(IdRule::upper, "\u0434"), "\u0414");
  EXPECT_EQ(spelling(IdRule::upper, "NULL"), "-");
  EXPECT_EQ(spelling(IdRule::upper, "null"), "-");
}

TEST(BillId, the_real_erps_bills_and_lines_are_numbers_and_what_the_catalog_does_not_know_is_text) {
  const auto refused = [](std::string_view text, const Catalog& catalog) {
    const auto error = refuses_target(catalog, *Target::parse(text), "targets");
    return error ? error->detail : "";
  };
  EXPECT_EQ(refused("SaleOrder:1001", erp_catalog()), "");
  EXPECT_EQ(refused("SaleOrder", erp_catalog()), "");
  EXPECT_EQ(refused("SaleOrder:1001/SaleOrderDetail/7", erp_catalog()), "");
  EXPECT_EQ(refused("SaleOrder:01001", erp_catalog()),
            "This is no id of SaleOrder: an id is a whole number, without zeros, signs or blanks around it. Write "
            "`1001`.");
  EXPECT_NE(refused("SaleOrder:1001/SaleOrderDetail/07", erp_catalog()).find("Write `7`"), std::string::npos);
  const Catalog nothing;
  EXPECT_EQ(refused("Thing:01001/Part/a", nothing), "");
  EXPECT_NE(refused("Thing:a/Part/b ", nothing), "");
  EXPECT_NE(refused("Thing:a/Part\u200B/b", nothing), "");
  EXPECT_NE(refused("Thi\u200Bng", nothing), "");
}

class OneName : public TodoTest {
 protected:
  std::string session_of(const std::string& token) {
    return text(http("POST", "/v1/sessions", token, "{}"), "session");
  }
};

TEST_F(OneName, of_two_spellings_of_a_bill_only_one_is_locked_watched_published_and_asked_for) {
  begin();
  const std::string editor = token_of({"li", {"editor"}});
  const std::string session = session_of(editor);
  const auto refused = [&](const std::string& method, const std::string& path, const std::string& token,
                           const std::string& body) {
    const auto said = http(method, path, token, body);
    return std::to_string(status) + " " + text(said, "field");
  };
  const auto lock = [&](const std::string& members) {
    return refused("POST", "/v1/locks", editor, R"({"session":")" + session + "\"," + members + "}");
  };
  for (const std::string id : {"01001", "1001 ", "1001\u200B", "1001\u00A0", "\u200F1001", "１００１", "undefined",
                               "null", "NaN", ".", ".."}) {
    EXPECT_EQ(lock(R"("targets":["SaleOrder:)" + id + "\"]"), "400 targets") << id;
    EXPECT_EQ(refused("POST", "/v1/locks/check", editor, R"({"targets":["SaleOrder:)" + id + "\"]}"), "400 targets");
  }
  EXPECT_EQ(lock(R"("targets":["SaleOrder:1001"],"if_versions":{"SaleOrder:01001":1})"), "400 if_versions");
  EXPECT_EQ(lock(R"("targets":["SaleOrder:1001"],"if_versions":{"SaleOrder:1001":1})"), "201 ");
  EXPECT_EQ(refused("GET", "/v1/status/SaleOrder/01001", editor, ""), "400 bill");
  EXPECT_EQ(refused("GET", "/v1/status/SaleOrder/01001/history", editor, ""), "400 bill");
  EXPECT_EQ(refused("POST", "/v1/status", publisher, publish_body({bill("1", 1), bill("01", 1)})), "400 events[1].id");
  EXPECT_EQ(engine.states[0].board().last_offset(), 0u);
  const ConnectionId c = greet(editor);
  EXPECT_EQ(text(ask(c, R"({"id":1,"op":"watch","targets":["SaleOrder:01001"]})"), "error.field"), "targets");
}

TEST_F(OneName, a_label_is_a_line_and_a_reason_may_have_several) {
  begin();
  const std::string editor = token_of({"li", {"editor"}});
  const std::string session = session_of(editor);
  const auto lock = [&](const std::string& id, const std::string& members) {
    const auto said = http("POST", "/v1/locks", editor,
                           R"({"session":")" + session + R"(","targets":["SaleOrder:)" + id + "\"]," + members + "}");
    return std::to_string(status) + " " + text(said, "field");
  };
  EXPECT_EQ(lock("1", R"("label":"SO\n1")"), "400 label");
  EXPECT_EQ(lock("1", R"("label":"SO\u202e1")"), "400 label");
  EXPECT_EQ(lock("1", R"("reason":"a\u0007")"), "400 reason");
  EXPECT_EQ(lock("1", R"("label":"订单 1","reason":"one\ntwo")"), "201 ");
}

TEST_F(OneName, a_lock_on_another_spelling_that_a_store_has_kept_is_verified_asked_for_and_released) {
  begin();
  const std::string editor = token_of({"li", {"editor"}});
  const std::string session = session_of(editor);
  Acquire kept{.caller = {.user = "li"}, .session = SessionId(*Id128::parse(session)), .lock = LockId{Id128{7, 7}}};
  kept.targets = {*Target::parse("SaleOrder:01001")};
  engine.submit(0, 999'999, std::move(kept), now.wall);
  engine.pump();
  const std::string lock = LockId{Id128{7, 7}}.text();
  http("GET", "/v1/locks/" + lock, editor);
  ASSERT_EQ(status, 200);
  const auto listed = http("GET", "/v1/locks/" + lock, editor);
  const auto verified =
      http("POST", "/v1/locks/verify", editor,
           R"({"lock":")" + lock + R"(","token":)" + text(listed, "token") + R"(,"targets":["SaleOrder:01001"]})");
  EXPECT_EQ(text(verified, "valid"), "true");
  http("DELETE", "/v1/locks/" + lock + "?session=" + session, editor);
  EXPECT_EQ(status, 200);
}

}  // namespace
}  // namespace hf::test
