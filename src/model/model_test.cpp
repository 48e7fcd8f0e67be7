// If two spellings named one target, or one spelling two, two people would edit one bill.
#include <gtest/gtest.h>

#include "model/commands.h"
#include "model/lock.h"
#include "model/plain_text.h"
#include "model/status_tally.h"
#include "model/target.h"

namespace hf {

TEST(Target, tells_its_level_and_segments) {
  const auto line = Target::parse("SaleOrder:1001/SaleOrderDetail/7");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->level(), Level::line);
  EXPECT_EQ(line->type(), "SaleOrder");
  EXPECT_EQ(line->bill_id(), "1001");
  EXPECT_EQ(line->part(), "SaleOrderDetail");
  EXPECT_EQ(line->line(), "7");
  EXPECT_EQ(line->text_at(Level::part), "SaleOrder:1001/SaleOrderDetail");
  EXPECT_EQ(line->text_at(Level::bill), "SaleOrder:1001");
  EXPECT_EQ(line->text_at(Level::type), "SaleOrder");
  EXPECT_EQ(Target::parse("SaleOrder")->level(), Level::type);
  EXPECT_EQ(Target::parse("SaleOrder:1")->level(), Level::bill);
  EXPECT_EQ(Target::parse("SaleOrder:1/D")->level(), Level::part);
  EXPECT_EQ(Target::parse("SaleOrder:1/D")->part(), "D");
  EXPECT_TRUE(Target::parse("销售订单:一/明细/七"));
}

TEST(Target, refuses_what_is_not_a_path) {
  const std::string long_segment(201, 'a');
  for (const std::string& text :
       {std::string(), std::string(":1"), std::string("A:"), std::string("A:1/"), std::string("A/1"),
        std::string("A:1//2"), std::string("A:1/D/"), std::string("A:1/D/2/3"), std::string("A:1:2"),
        std::string("A:\n"), std::string("A:\x7f"), std::string("A:\xc3"), std::string("A:\xc0\xaf"),
        std::string("A:\xed\xa0\x80"), std::string("A:\xc2\x85"), std::string("A:\0b", 4), long_segment,
        "A:" + long_segment}) {
    EXPECT_FALSE(Target::parse(text)) << text;
  }
  EXPECT_TRUE(Target::parse("A:" + std::string(200, 'b')));
}

TEST(Names, lead_back_to_their_values) {
  EXPECT_EQ(mode_from_name(name_of(Mode::shared)), Mode::shared);
  EXPECT_EQ(kind_from_name("hold"), Kind::hold);
  EXPECT_EQ(name_of(EndReason::engine_lost), "engine_lost");
  EXPECT_FALSE(kind_from_name("exclusive"));
}

// A name that reads otherwise than it is compared deceives whoever is asked for his bill.
TEST(PlainText, a_name_is_one_line_that_reads_as_it_is_written) {
  for (const char* good : {"", "li", "李雷", "Anne-Marie O'Neill", "\u0645\u062D\u0645\u062F", "\U0001F600"}) {
    EXPECT_TRUE(is_plain_line(good)) << good;
  }
  for (const char* bad : {"a\nb", "a\tb", "\x7f", "\u0085", "\u2028", "\u200E", "\u200F", "\u061C", "\u202A", "\u202E",
                          "\u2066", "\u2069", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE4\xBD", "\x80"}) {
    EXPECT_FALSE(is_plain_line(bad)) << bad;
  }
}

TEST(PlainText, what_people_write_to_others_may_have_lines) {
  EXPECT_TRUE(is_plain_prose("one\r\n\ttwo"));
  EXPECT_FALSE(is_plain_prose("a\x07"));
  EXPECT_FALSE(
      is_plain_prose("\u202E"
                     "a"));
}

// Whoever decides a release cannot answer it with a list: that does not compile.
static_assert(std::is_same_v<OutcomeOf<Release>, std::variant<Refusal, Released>>);
static_assert(!std::is_constructible_v<OutcomeOf<Release>, LockList>);
static_assert(std::is_same_v<OutcomeOf<Acquire>, std::variant<Refusal, Granted, Queued>>);

TEST(Outcome, an_answer_of_one_command_is_not_taken_for_one_of_another) {
  EXPECT_FALSE(narrowed<OutcomeOf<Release>>(LockOutcome(Done{})));
  const auto released = narrowed<OutcomeOf<Release>>(LockOutcome(Released{.released = true}));
  ASSERT_TRUE(released);
  EXPECT_TRUE(answer_in<Released>(*released)->released);
  EXPECT_EQ(answer_in<LockList>(*released), nullptr);
  EXPECT_TRUE(std::holds_alternative<Released>(widened<LockOutcome>(OutcomeOf<Release>(*released))));
}

TEST(Tally, sums_rows_as_the_protocol_says) {
  // xxHash32 of "SaleOrder:1001/unreviewed@7" with the seeds 0 and 1, by another implementation of its specification.
  const Tally row = row_tally("SaleOrder:1001", "unreviewed", 7);
  EXPECT_EQ(row.rows, 1u);
  EXPECT_EQ(row.sum0, 505416239u);
  EXPECT_EQ(row.sum1, 2118449447u);
  Tally sum = row;
  add(sum, row);
  subtract(sum, row);
  subtract(sum, row);
  EXPECT_EQ(sum, Tally{});
}

}  // namespace hf
