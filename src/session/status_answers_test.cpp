// What a person is shown of a bill must be what its publisher said, and nothing that he may not know; and what the
// catalog says must be read by any client.

#include "session/status_answers.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "model/status_limits.h"
#include "session/catalog_json.h"
#include "wire/json_writer.h"
#include "wire/status_messages.h"

namespace hf {
namespace {

const std::string kId = "0000000000000000000000000a";

StatusEvent whole_event() {
  StatusEvent e;
  e.type = "SaleOrder";
  e.id = "1001";
  e.no = "SO1";
  e.version = version_max;
  e.state = {{"DataStatus", 2}, {"Delta", -3}, {"Paid", 1}, {"PayStatus", "部分"}};
  e.creator = {"li", "李雷"};
  e.handler = {"wang", ""};
  e.owner = {"e7", "Owner"};
  e.actor = {"zhao", "Zhao"};
  e.department = "华东";
  e.action = "提交";
  e.reason = "\"因为\"";
  e.at = parse_time("2025-11-22T09:30:00.123Z");
  e.deleted = true;
  e.title = "T";
  e.partner = "P";
  e.amount = "12.50";
  e.cause = "SaleOut:9";
  return e;
}

TEST(StatusAnswers, tell_of_each_event_what_became_of_it) {
  const Catalog catalog;
  using Kind = PublishResult::Kind;
  const Published published{EpochId(*Id128::parse(kId)),
                            {{Kind::logged, 7}, {Kind::stale, 3}, {Kind::differs, 4}, {Kind::deleted, 5}}};
  std::string out;
  append_status_outcome(out, published, {catalog, {}, {}});
  EXPECT_EQ(out, R"({"epoch":")" + kId +
                     R"(","results":[{"offset":7},{"stale":true,"version":3},{"differs":true,"version":4},)"
                     R"({"stale":true,"deleted":true,"version":5}]})");
}

TEST(StatusAnswers, show_all_that_was_said_of_a_bill) {
  catalog::Content content;
  content.types.emplace_back().name = "SaleOrder";
  const Catalog catalog(std::move(content));
  Bill::Texts texts;
  std::string keep;
  const StatusEvent e = whole_event();
  ASSERT_TRUE(bill_texts(e, texts, keep));
  Bill::Stamp stamp;
  stamp.offset = 9;
  stamp.version = *e.version;
  stamp.at = *e.at;
  stamp.deleted = true;
  const BillPtr bill = Bill::make(catalog, stamp, texts);
  std::string members, row, removal;
  append_bill_members(members, *bill);
  append_row(row, "g", members);
  const Audience everybody(catalog, Claims{.super = true});
  append_removal(removal, "g", Removal{bill, 1, bill}, everybody);
  const auto said = boost::json::parse(row);
  EXPECT_EQ(said.at("group"), "g");
  // A row is an event, with its group: whatever a publisher said, a reader can read.
  const auto back = parse_log_event(said, "row");
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(std::get<StatusEvent>(*back), e);
  EXPECT_EQ(removal,
            R"({"type":"SaleOrder","id":"1001","group":"g","version":9007199254740991,)"
            R"("by":{"user":"zhao","name":"Zhao"},"action":"提交","at":"2025-11-22T09:30:00.123Z","deleted":true})");
  std::string hidden;
  append_removal(hidden, "g", Removal{bill, 1, bill}, Audience());
  EXPECT_EQ(hidden, R"({"type":"SaleOrder","id":"1001","group":"g","version":9007199254740991})");
  // Without the life of the state that was seen last, the removal would look older than the row that it takes away.
  stamp.anew = true;
  stamp.born = 5;
  const BillPtr again = Bill::make(catalog, stamp, texts);
  hidden.clear();
  append_removal(hidden, "g", Removal{again, 1, again}, Audience());
  EXPECT_EQ(hidden, R"({"type":"SaleOrder","id":"1001","group":"g","version":9007199254740991,"born":5})");
}

TEST(CatalogJson, an_empty_catalog_has_empty_lists) {
  std::string out;
  append_catalog(out, Catalog());
  EXPECT_NE(out.find(R"("types":[],"models":[],"actions":[],"groups":[],"conversions":[],"roles":[])"),
            std::string::npos)
      << out;
}

}  // namespace
}  // namespace hf
