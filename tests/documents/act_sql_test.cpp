// What actions do to bills and to those that they count on, in real databases and at once. If these fail, more is given
// back than was lent, a bill stays open for ever, or nobody knows why his was refused.
#include <gmock/gmock.h>

#include <thread>

#include "base/random.h"
#include "tests/documents/write_fixture.h"

namespace hf::test {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class ActOnBoth : public OnBoth {
 protected:
  ActOnBoth() : database_(GetParam(), Tables::of_erp), prepared_(database_.prepared()), li_(database_) {}

  std::string state(const BillKey& bill) { return master(prepared_, bill, "DataStatus"); }
  std::string closed_by(const BillKey& bill) {
    return ask(prepared_,
               "SELECT closed_by FROM hf_bill WHERE type = '" + bill.type + "' AND id = " + std::to_string(bill.id));
  }

  StoreDatabase database_;
  documents::DocumentStore prepared_;
  Writer li_;
};
HF_ON_BOTH(ActOnBoth);

TEST_P(ActOnBoth, an_approved_return_counts_and_the_last_one_closes_the_loan) {
  const BillKey loan = li_.approved(li_.loan({"5", "2"}));
  EXPECT_EQ(state(loan), "4");
  li_.approved(li_.give_back(loan, {"3", "2"}));
  EXPECT_EQ(line(prepared_, loan, 0, "ReQty"), "3");
  EXPECT_EQ(line(prepared_, loan, 1, "ReQty"), "2");
  EXPECT_EQ(state(loan), "4");
  const BillKey last = li_.approved(li_.give_back(loan, {"2"}));
  EXPECT_EQ(state(loan), "8");
  EXPECT_EQ(closed_by(loan), "return_gives_loan_back");
  EXPECT_THAT(broken(prepared_), IsEmpty());
  ASSERT_TRUE(li_.act(last, "unapprove"));
  EXPECT_EQ(line(prepared_, loan, 0, "ReQty"), "3");
  EXPECT_EQ(state(loan), "4");
  EXPECT_EQ(closed_by(loan), "");
  EXPECT_THAT(broken(prepared_), IsEmpty());
}

TEST_P(ActOnBoth, one_answer_names_all_bills_that_were_changed_and_each_has_its_event) {
  const BillKey loan = li_.approved(li_.loan({"1"}));
  const BillKey back = li_.give_back(loan, {"1"});
  ASSERT_TRUE(li_.act(back, "submit"));
  const auto done = li_.act(back, "approve");
  ASSERT_TRUE(done) << why(done);
  ASSERT_THAT(done->bills, SizeIs(2));
  EXPECT_EQ(done->bills[0].id, back.id);
  EXPECT_EQ(done->bills[1].id, loan.id);
  EXPECT_EQ(done->bills[1].version, 4U);
  ASSERT_THAT(done->events, SizeIs(2));
  EXPECT_THAT(done->events[0].event, testing::HasSubstr("\"action\":\"close\""));
}

TEST_P(ActOnBoth, what_a_draft_holds_nobody_else_gets_and_he_is_told_who_holds_it) {
  const BillKey loan = li_.approved(li_.loan({"5"}));
  const BillKey draft = li_.give_back(loan, {"3"});
  Writer wang(database_, "wang");
  const auto refused = wang.create("ProdReturning", Writer::said_return(loan, {"3"}));
  ASSERT_FALSE(refused);
  ASSERT_THAT(refused.error().shortages, SizeIs(1));
  const documents::Shortage& shortage = refused.error().shortages[0];
  EXPECT_EQ(shortage.bill, loan);
  EXPECT_EQ(shortage.left.text(), "2");
  EXPECT_EQ(shortage.asked.text(), "3");
  ASSERT_THAT(shortage.reservers, SizeIs(1));
  EXPECT_EQ(shortage.reservers[0].id, draft.id);
  EXPECT_EQ(shortage.reservers[0].creator.user, "li");
  const BillKey rest = wang.give_back(loan, {"2"});
  ASSERT_TRUE(li_.remove(draft));
  SaidBill more{{}, {{"ProdReturningDetail", {}}}};
  more.parts[0].lines.push_back({documents::whole_of(line(prepared_, rest, 0, "ReturnSub_ID")), {{"Qty", "5"}}});
  ASSERT_TRUE(wang.save(rest, more));
  more.parts[0].lines[0].fields[0].text = "6";
  EXPECT_FALSE(wang.save(rest, more));
  EXPECT_THAT(broken(prepared_), IsEmpty());
}

TEST_P(ActOnBoth, every_line_that_has_too_little_is_named) {
  const BillKey loan = li_.approved(li_.loan({"1", "2", "3"}));
  const auto refused = li_.create("ProdReturning", Writer::said_return(loan, {"2", "2", "4"}));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().shortages, SizeIs(2));
}

TEST_P(ActOnBoth, a_loan_that_was_returned_is_not_taken_back) {
  const BillKey loan = li_.approved(li_.loan({"5"}));
  const BillKey back = li_.approved(li_.give_back(loan, {"1"}));
  const auto refused = li_.act(loan, "unapprove");
  ASSERT_FALSE(refused);
  ASSERT_THAT(refused.error().in_the_way, SizeIs(1));
  EXPECT_EQ(refused.error().in_the_way[0].id, back.id);
  ASSERT_TRUE(li_.act(back, "unapprove"));
  ASSERT_TRUE(li_.act(loan, "unapprove"));
  EXPECT_EQ(state(loan), "2");
}

TEST_P(ActOnBoth, what_was_closed_by_hand_is_closed_and_stays_so) {
  const BillKey loan = li_.approved(li_.loan({"5"}));
  const BillKey first = li_.approved(li_.give_back(loan, {"1"}));
  const BillKey draft = li_.give_back(loan, {"1"});
  ASSERT_TRUE(li_.act(draft, "submit"));
  const auto asked = li_.act(loan, "close");
  ASSERT_FALSE(asked);
  EXPECT_TRUE(asked.error().asks);
  ASSERT_THAT(asked.error().in_the_way, SizeIs(1));
  EXPECT_EQ(asked.error().in_the_way[0].id, draft.id);
  ASSERT_TRUE(li_.writer().act(li_.asker(), li_.call(), {li_.seen(loan), "close", {}, true}));
  EXPECT_EQ(state(loan), "8");
  EXPECT_FALSE(li_.act(draft, "approve"));
  ASSERT_TRUE(li_.act(first, "unapprove"));
  EXPECT_EQ(state(loan), "8");
  EXPECT_EQ(line(prepared_, loan, 0, "ReQty"), "0");
  EXPECT_FALSE(li_.act(loan, "reopen"));
  ASSERT_TRUE(li_.act(loan, "reopen", "too early"));
  EXPECT_EQ(state(loan), "4");
  ASSERT_TRUE(li_.act(draft, "approve"));
  EXPECT_THAT(broken(prepared_), IsEmpty());
}

TEST_P(ActOnBoth, a_source_keeps_what_drafts_take_of_it) {
  const BillKey loan = li_.loan({"5", "1"});
  const BillKey draft = li_.give_back(loan, {"3"});
  const auto id = documents::whole_of(line(prepared_, loan, 0, "BorrowDetaill_ID"));
  const auto less = li_.save(loan, {{}, {{"ProdBorrowingDetail", {{id, {{"Qty", "2"}}}}}}});
  ASSERT_FALSE(less);
  EXPECT_THAT(less.error().shortages, SizeIs(1));
  EXPECT_FALSE(li_.save(loan, {{}, {{"ProdBorrowingDetail", {}}}}));
  const auto gone = li_.remove(loan);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().in_the_way.at(0).id, draft.id);
  EXPECT_TRUE(li_.save(loan, {{}, {{"ProdBorrowingDetail", {{id, {{"Qty", "3"}}}}}}}));
  EXPECT_THAT(broken(prepared_), IsEmpty());
}

TEST_P(ActOnBoth, a_return_of_a_loan_that_is_not_there_is_not_made) {
  const BillKey loan = li_.loan({"5"});
  ASSERT_TRUE(li_.remove(loan));
  const auto refused = li_.create("ProdReturning", Writer::said_return(loan, {"1"}));
  ASSERT_FALSE(refused);
  ASSERT_THAT(refused.error().fields, SizeIs(1));
  EXPECT_EQ(refused.error().fields[0].field, "BorrowID");
}

TEST_P(ActOnBoth, a_return_of_what_was_not_lent_is_not_approved) {
  const BillKey loan = li_.approved(li_.loan({"5"}));
  const BillKey strange = li_.give_back(loan, {"0", "1"});
  ASSERT_TRUE(li_.act(strange, "submit"));
  const auto refused = li_.act(strange, "approve");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error.field, "lines");
}

TEST_P(ActOnBoth, an_action_on_another_version_is_stale_and_one_whose_rule_is_missing_is_refused) {
  const BillKey loan = li_.loan({"5"});
  const SeenBill seen = li_.seen(loan);
  ASSERT_TRUE(li_.act(loan, "submit"));
  const auto stale = li_.writer().act(li_.asker(), li_.call(), {seen, "withdraw", {}, false});
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().error.code, Code::stale_version);
  Rows(prepared_).add_bill("Receipt", 5, {"li", ""}, {{"PaymentStatus", "2"}});
  const auto missing = li_.act({"Receipt", 5}, "approve");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().error.detail, testing::HasSubstr("needs settle"));
}

TEST_P(ActOnBoth, people_who_take_the_same_remainder_at_once_never_take_more) {
  const BillKey loan = li_.approved(li_.loan({"20"}));
  std::vector<std::thread> people;
  std::atomic<int> made{0};
  for (int i = 0; i < 6; ++i) {
    people.emplace_back([&, i] {
      Writer writer(database_, "p" + std::to_string(i));
      for (int n = 0; n < 3; ++n) {
        const auto done = writer.create("ProdReturning", Writer::said_return(loan, {"3"}));
        if (done) {
          ++made;
        } else {
          EXPECT_THAT(done.error().shortages, SizeIs(1)) << why(done);
        }
      }
    });
  }
  for (std::thread& person : people) person.join();
  EXPECT_EQ(made, 6);
  EXPECT_THAT(broken(prepared_), IsEmpty());
}

TEST_P(ActOnBoth, returns_that_are_approved_at_once_all_count) {
  const BillKey loan = li_.approved(li_.loan({"6", "6"}));
  std::vector<BillKey> returns;
  for (int i = 0; i < 6; ++i) {
    returns.push_back(li_.give_back(loan, {"1", "1"}));
    ASSERT_TRUE(li_.act(returns.back(), "submit"));
  }
  std::vector<std::thread> people;
  for (const BillKey& each : returns) {
    people.emplace_back([&] {
      Writer writer(database_, "wang");
      const auto done = writer.act(each, "approve");
      EXPECT_TRUE(done) << why(done);
    });
  }
  for (std::thread& person : people) person.join();
  EXPECT_EQ(line(prepared_, loan, 1, "ReQty"), "6");
  EXPECT_EQ(state(loan), "8");
  EXPECT_THAT(broken(prepared_), IsEmpty());
}

TEST_P(ActOnBoth, whatever_people_do_the_rows_agree) {
  const std::uint64_t seed = 20251130;
  Random random(seed);
  std::vector<BillKey> loans, returns;
  const std::vector<std::string> actions = {"submit", "withdraw", "approve", "unapprove",
                                            "close",  "reopen",   "void",    "reject"};
  int done = 0;
  for (int step = 0; step < 250; ++step) {
    const auto quantity = [&] { return std::to_string(random.below(4)); };
    const std::uint64_t what = random.below(10);
    Outcome<Written> answer = tl::unexpected<Refusal>(Refusal());
    if (loans.empty() || what == 0) {
      answer = li_.create("ProdBorrowing", Writer::said_loan({std::to_string(1 + random.below(5)), "3"}));
      if (answer) loans.push_back({"ProdBorrowing", answer->bills.at(0).id});
    } else if (what <= 2) {
      answer =
          li_.create("ProdReturning", Writer::said_return(loans[random.below(loans.size())], {quantity(), quantity()}));
      if (answer) returns.push_back({"ProdReturning", answer->bills.at(0).id});
    } else {
      const std::vector<BillKey>& bills = returns.empty() || random.one_in(3) ? loans : returns;
      const BillKey bill = bills[random.below(bills.size())];
      answer = what == 3 ? li_.remove(bill) : li_.act(bill, actions[random.below(actions.size())], "why not");
    }
    if (answer) ++done;
    if (!answer) EXPECT_NE(answer.error().error.code, Code::unavailable) << why(answer);
    if (step % 25 == 24) ASSERT_THAT(broken(prepared_), IsEmpty()) << "seed " << seed << ", step " << step;
  }
  EXPECT_GT(done, 60);
}

// SQLite has no connection that somebody else could end.
TEST(ActOnPostgresql, who_loses_his_connection_in_the_middle_has_written_nothing) {
  const StoreDatabase database(Dialect::postgresql, Tables::of_erp);
  documents::DocumentStore holder = database.prepared();
  Writer li(database);
  const BillKey loan = li.approved(li.loan({"5"}));
  const BillKey back = li.give_back(loan, {"5"});
  ASSERT_TRUE(li.act(back, "submit"));
  // Somebody holds a row that comes after the guard, so the approval waits there.
  ASSERT_TRUE(holder.connection().begin_writing());
  run(holder, "SELECT 1 FROM \"tb_ProdBorrowingDetail\" FOR UPDATE");
  std::string outcome;
  std::thread approval([&] {
    Writer writer(database, "wang");
    const auto done = writer.act(back, "approve");
    outcome = done ? "done" : std::string(code_name(done.error().error.code));
  });
  documents::DocumentStore killer = database.store();
  const std::string waiting =
      "SELECT COUNT(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
      "AND "
      "wait_event_type = 'Lock') k";
  for (int tries = 0; tries < 100'000 && ask(killer, waiting) == "0"; ++tries) std::this_thread::yield();
  approval.join();
  holder.connection().roll_back();
  EXPECT_EQ(outcome, "unavailable");
  EXPECT_EQ(master(holder, back, "DataStatus"), "2");
  EXPECT_EQ(li.seen(loan).version, 3U);
  EXPECT_THAT(broken(holder), IsEmpty());
  ASSERT_TRUE(li.act(back, "approve"));
}

}  // namespace
}  // namespace hf::test
