// Bills made, saved and deleted in real databases: whole or not at all, once, and by who holds the lock. If these fail,
// somebody's change is lost, a bill is half written, or a double click makes two.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <set>
#include <thread>

#include "catalog/event_check.h"
#include "tests/documents/write_fixture.h"
#include "wire/status_messages.h"

namespace hf::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;

class SaveOnBoth : public OnBoth {
 protected:
  SaveOnBoth() : database_(GetParam(), Tables::of_erp), prepared_(database_.prepared()), li_(database_) {}

  std::string count(const std::string& table) { return ask(prepared_, "SELECT COUNT(*) FROM " + table); }
  static SaidBill reason(const std::string& text) { return {{{"Reason", text}}, {}}; }

  StoreDatabase database_;
  documents::DocumentStore prepared_;
  Writer li_;
};
HF_ON_BOTH(SaveOnBoth);

TEST_P(SaveOnBoth, a_new_bill_is_there_with_its_lines_its_number_its_event_and_its_run) {
  const auto made = li_.create("ProdBorrowing", Writer::said_loan({"2", "3"}));
  ASSERT_TRUE(made) << why(made);
  ASSERT_THAT(made->bills, SizeIs(1));
  EXPECT_EQ(made->bills[0].no, "BL2511300001");
  EXPECT_EQ(made->bills[0].version, 1U);
  const BillKey key{"ProdBorrowing", made->bills[0].id};
  EXPECT_EQ(li_.seen(key).version, 1U);
  const auto bill = prepared_.get(everybody(), {.type = key.type, .id = std::to_string(key.id)});
  ASSERT_TRUE(bill) << bill.error().detail;
  EXPECT_EQ(bill->creator.user, "li");
  EXPECT_THAT(bill->parts.at(0).lines, SizeIs(2));
  const auto fields = documents::cells_of(bill->fields);
  EXPECT_EQ(documents::text_of(fields.at("TotalQty")), "5");
  EXPECT_EQ(documents::text_of(fields.at("TotalAmount")), "5.2000");
  EXPECT_EQ(documents::text_of(fields.at("Created_at")), "2025-11-30T12:00:00.000Z");
  EXPECT_EQ(count("hf_run"), "1");
  ASSERT_THAT(made->events, SizeIs(1));
  EXPECT_EQ(ask(prepared_, "SELECT event FROM holdfast_outbox"), made->events[0].event);
  EXPECT_EQ(ask(prepared_, "SELECT id FROM holdfast_outbox"), std::to_string(made->events[0].id));
  const auto event = parse_log_event(boost::json::parse(made->events[0].event), "event");
  ASSERT_TRUE(event) << event.error().detail;
  const auto& status = std::get<StatusEvent>(*event);
  EXPECT_EQ(refuses_event(*erp(), status, "event"), std::nullopt);
  EXPECT_TRUE(status.created);
  EXPECT_EQ(status.version, 1U);
  EXPECT_EQ(status.owner.user, "17");
  EXPECT_EQ(status.action, "create");
}

TEST_P(SaveOnBoth, a_save_writes_what_has_changed_and_counts_the_version_on) {
  const BillKey loan = li_.loan({"2", "3"});
  SaidBill said = reason("fair");
  const std::string first = line(prepared_, loan, 0, "BorrowDetaill_ID");
  said.parts = {{"ProdBorrowingDetail",
                 {{documents::whole_of(first), {{"Qty", "7"}}},
                  {{}, {{"Location_ID", "5"}, {"ProdDetailID", "9"}, {"Qty", "1"}}}}}};
  const auto done = li_.save(loan, said);
  ASSERT_TRUE(done) << why(done);
  EXPECT_EQ(done->bills.at(0).version, 2U);
  EXPECT_EQ(master(prepared_, loan, "Reason"), "fair");
  EXPECT_EQ(master(prepared_, loan, "TotalQty"), "8");
  EXPECT_EQ(line(prepared_, loan, 0, "BorrowDetaill_ID"), first);
  EXPECT_EQ(line(prepared_, loan, 0, "ProdDetailID"), "1");
  EXPECT_EQ(line(prepared_, loan, 1, "ProdDetailID"), "9");
  EXPECT_EQ(count("\"tb_ProdBorrowingDetail\""), "2");
  EXPECT_THAT(broken(prepared_), IsEmpty());
}

TEST_P(SaveOnBoth, who_saves_an_old_version_is_told_the_new_one) {
  const BillKey loan = li_.loan({"2"});
  Writer wang(database_, "wang");
  const SeenBill seen = wang.seen(loan);
  ASSERT_TRUE(li_.save(loan, reason("mine")));
  const auto late = wang.writer().save(wang.asker(), wang.call(), seen, reason("his"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().error.code, Code::stale_version);
  ASSERT_TRUE(late.error().current);
  EXPECT_EQ(late.error().current->version, 2U);
  EXPECT_EQ(master(prepared_, loan, "Reason"), "mine");
}

TEST_P(SaveOnBoth, of_many_who_save_one_version_at_once_one_wins) {
  const BillKey loan = li_.loan({"2"});
  const SeenBill seen = li_.seen(loan);
  std::vector<std::string> answers(6);
  std::vector<std::thread> people;
  for (std::string& answer : answers) {
    people.emplace_back([&, user = "p" + std::to_string(people.size())] {
      Writer writer(database_, user);
      const auto done = writer.writer().save(writer.asker(), writer.call(), seen, reason(user));
      answer = done ? "done" : std::string(code_name(done.error().error.code));
    });
  }
  for (std::thread& person : people) person.join();
  EXPECT_EQ(std::count(answers.begin(), answers.end(), "done"), 1);
  EXPECT_EQ(std::count(answers.begin(), answers.end(), "stale_version"), 5);
  EXPECT_THAT(broken(prepared_), IsEmpty());
}

TEST_P(SaveOnBoth, numbers_and_ids_are_never_drawn_twice) {
  std::vector<std::thread> people;
  for (int i = 0; i < 6; ++i) {
    people.emplace_back([&] {
      Writer writer(database_);
      for (int n = 0; n < 5; ++n) writer.loan({"1"});
    });
  }
  for (std::thread& person : people) person.join();
  EXPECT_EQ(count("\"tb_ProdBorrowing\""), "30");
  EXPECT_EQ(ask(prepared_, "SELECT COUNT(DISTINCT \"BorrowNo\") FROM \"tb_ProdBorrowing\""), "30");
}

TEST_P(SaveOnBoth, a_number_that_was_typed_before_is_skipped) {
  Rows(prepared_).add_bill("ProdBorrowing", 1, {}, {{"BorrowNo", "BL2511300001"}});
  const auto made = li_.create("ProdBorrowing", Writer::said_loan({"1"}));
  ASSERT_TRUE(made) << why(made);
  EXPECT_EQ(made->bills[0].no, "BL2511300002");
}

TEST_P(SaveOnBoth, a_gapless_number_leaves_no_gap_where_a_bill_is_refused) {
  catalog::Content content = erp()->content();
  for (catalog::Type& type : content.types) type.gapless = type.name == "ProdBorrowing";
  Writer writer(database_, "li", std::make_shared<const Catalog>(std::move(content)));
  ASSERT_TRUE(writer.create("ProdBorrowing", Writer::said_loan({"1"})));
  EXPECT_FALSE(writer.create("ProdBorrowing", Writer::said_loan({"x"})));
  run(prepared_, "ALTER TABLE holdfast_outbox RENAME TO gone");
  EXPECT_FALSE(writer.create("ProdBorrowing", Writer::said_loan({"1"})));
  run(prepared_, "ALTER TABLE gone RENAME TO holdfast_outbox");
  const auto made = writer.create("ProdBorrowing", Writer::said_loan({"1"}));
  ASSERT_TRUE(made) << why(made);
  EXPECT_EQ(made->bills[0].no, "BL2511300002");
}

TEST_P(SaveOnBoth, a_write_that_fails_in_the_middle_leaves_nothing) {
  const BillKey loan = li_.loan({"2"});
  run(prepared_, "ALTER TABLE holdfast_outbox RENAME TO gone");
  const auto failed = li_.save(loan, reason("lost"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().error.code, Code::unavailable);
  run(prepared_, "ALTER TABLE gone RENAME TO holdfast_outbox");
  EXPECT_EQ(li_.seen(loan).version, 1U);
  EXPECT_EQ(master(prepared_, loan, "Reason"), "");
  EXPECT_EQ(count("hf_run"), "1");
  ASSERT_TRUE(li_.save(loan, reason("kept")));
  EXPECT_THAT(broken(prepared_), IsEmpty());
}

TEST_P(SaveOnBoth, a_request_that_is_repeated_is_done_once) {
  const documents::NewBill bill{"ProdBorrowing", Writer::said_loan({"1"})};
  const auto made = li_.writer().create(li_.asker(), li_.call("r1"), bill);
  ASSERT_TRUE(made) << why(made);
  const auto again = li_.writer().create(li_.asker(), li_.call("r1"), bill);
  ASSERT_TRUE(again) << why(again);
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->bills, made->bills);
  EXPECT_EQ(count("\"tb_ProdBorrowing\""), "1");
  const auto other = li_.writer().create(li_.asker(), li_.call("r1"), {"ProdBorrowing", Writer::said_loan({"2"})});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().error.code, Code::request_id_reused);
  Writer wang(database_, "wang");
  EXPECT_TRUE(wang.writer().create(wang.asker(), wang.call("r1"), bill));
  EXPECT_EQ(*li_.writer().forget(wall_us(to_us(start) + 1'000'000)), 2U);
}

TEST_P(SaveOnBoth, a_double_click_at_once_makes_one_bill) {
  std::vector<std::int64_t> ids(4);
  std::vector<std::thread> clicks;
  for (std::int64_t& id : ids) {
    clicks.emplace_back([&] {
      Writer writer(database_);
      const auto made =
          writer.writer().create(writer.asker(), writer.call("r1"), {"ProdBorrowing", Writer::said_loan({"1"})});
      EXPECT_TRUE(made) << why(made);
      if (made) id = made->bills.at(0).id;
    });
  }
  for (std::thread& click : clicks) click.join();
  EXPECT_THAT(std::set<std::int64_t>(ids.begin(), ids.end()), SizeIs(1));
  EXPECT_EQ(count("\"tb_ProdBorrowing\""), "1");
}

TEST_P(SaveOnBoth, a_run_that_was_given_up_writes_nothing) {
  const BillKey loan = li_.loan({"1"});
  const Call call = li_.call();
  const auto failed = li_.writer().give_up(call.run, "li", start);
  ASSERT_TRUE(failed);
  EXPECT_EQ(*failed, std::nullopt);
  const auto late = li_.writer().save(li_.asker(), call, li_.seen(loan), reason("late"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().error.code, Code::lock_gone);
  EXPECT_EQ(li_.seen(loan).version, 1U);
  const Call other = li_.call();
  const auto done = li_.writer().save(li_.asker(), other, li_.seen(loan), reason("in time"));
  ASSERT_TRUE(done) << why(done);
  const auto known = li_.writer().give_up(other.run, "li", start);
  ASSERT_TRUE(known && *known);
  EXPECT_EQ(**known, done->bills);
}

TEST_P(SaveOnBoth, the_fence_lets_nobody_write_under_an_older_lock) {
  const BillKey loan = li_.loan({"1"});
  Call call = li_.call();
  call.tokens.emplace();
  const auto unlocked = li_.writer().save(li_.asker(), call, li_.seen(loan), reason("a"));
  ASSERT_FALSE(unlocked);
  EXPECT_EQ(unlocked.error().error.code, Code::locked);
  EXPECT_THAT(unlocked.error().touched, ElementsAre(loan));
  call.tokens->emplace(loan, 100);
  ASSERT_TRUE(li_.writer().save(li_.asker(), call, li_.seen(loan), reason("a")));
  EXPECT_EQ(ask(prepared_, "SELECT token FROM hf_bill"), "100");
  Call late = li_.call();
  late.tokens.emplace();
  late.tokens->emplace(loan, 99);
  const auto fenced = li_.writer().save(li_.asker(), late, li_.seen(loan), reason("b"));
  ASSERT_FALSE(fenced);
  EXPECT_EQ(fenced.error().error.code, Code::lock_gone);
  EXPECT_EQ(master(prepared_, loan, "Reason"), "a");
}

TEST_P(SaveOnBoth, a_bill_that_somebody_does_not_see_is_not_there_for_him) {
  const BillKey loan = li_.loan({"1"});
  Writer wang(database_, "wang");
  wang.audience = somebody({.user = "wang"});
  for (const auto& refused : {wang.save(loan, reason("x")), wang.remove(loan), wang.act(loan, "submit")}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().error.code, Code::not_found);
  }
  wang.audience = everybody();
  wang.actor.rights = {};
  for (const auto& refused : {wang.save(loan, reason("x")), wang.act(loan, "submit"),
                              wang.create("ProdBorrowing", Writer::said_loan({"1"}))}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().error.code, Code::forbidden);
  }
}

TEST_P(SaveOnBoth, a_deleted_bill_is_gone_from_lists_and_its_number_is_not_drawn_again) {
  const BillKey loan = li_.loan({"1"});
  Writer wang(database_, "wang");
  EXPECT_FALSE(wang.remove(loan));
  const auto done = li_.remove(loan);
  ASSERT_TRUE(done) << why(done);
  EXPECT_TRUE(done->bills.at(0).deleted);
  EXPECT_FALSE(prepared_.get(everybody(), {.type = loan.type, .id = std::to_string(loan.id)}));
  EXPECT_EQ(li_.seen(loan).version, 2U);
  EXPECT_THAT(ask(prepared_, "SELECT event FROM holdfast_outbox ORDER BY id DESC LIMIT 1"),
              testing::HasSubstr("\"deleted\":true"));
  const auto next = li_.create("ProdBorrowing", Writer::said_loan({"1"}));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->bills[0].no, "BL2511300002");
  const auto again = li_.save(loan, reason("x"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().error.code, Code::not_found);
}

}  // namespace
}  // namespace hf::test
