// If these fail, a guesser leaves no trace, or fills the disk with it.

#include "server/sign_in_log.h"

#include <gtest/gtest.h>

#include <vector>

namespace hf {
namespace {

struct Line {
  std::string address;
  SignInFailure why;
  std::uint64_t left_out;
  bool operator==(const Line&) const = default;
};

class SignInLogTest : public testing::Test {
 protected:
  std::vector<Line> lines;
  SignInLog log{[this](std::string_view address, SignInFailure why, std::uint64_t left_out) {
    lines.push_back({std::string(address), why, left_out});
  }};
};

TEST_F(SignInLogTest, an_address_is_told_of_once_a_second_with_the_count_of_what_was_left_out) {
  const Micros start{5'000'000};
  for (int i = 0; i < 100; ++i) log.failed("192.0.2.1", SignInFailure::bad_signature, start + Micros(i));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0], (Line{"192.0.2.1", SignInFailure::bad_signature, 0}));
  log.failed("192.0.2.2", SignInFailure::expired, start);
  ASSERT_EQ(lines.size(), 2U) << "another address is told of at once";
  log.failed("192.0.2.1", SignInFailure::wrong_code, start + SignInLog::told_each);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[2], (Line{"192.0.2.1", SignInFailure::wrong_code, 99}));
}

TEST_F(SignInLogTest, what_was_left_out_is_told_though_nothing_comes_after) {
  const Micros start{5'000'000};
  for (int i = 0; i < 3; ++i) log.failed("192.0.2.1", SignInFailure::malformed, start);
  log.tick(start + SignInLog::told_each - Micros(1));
  EXPECT_EQ(lines.size(), 1U);
  log.tick(start + SignInLog::told_each);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1].left_out, 1U) << "itself and one more";
  log.tick(start + 2 * SignInLog::told_each);
  log.tick(start + 3 * SignInLog::told_each);
  EXPECT_EQ(lines.size(), 2U);
}

TEST_F(SignInLogTest, beyond_a_number_of_addresses_the_others_share_a_line) {
  const Micros start{5'000'000};
  const std::size_t more = 1000;
  for (std::size_t i = 0; i < SignInLog::addresses_max + more; ++i)
    log.failed(std::to_string(i), SignInFailure::missing, start);
  EXPECT_EQ(lines.size(), SignInLog::addresses_max + 1);
  EXPECT_EQ(lines.back().address, "others");
  log.tick(start + SignInLog::told_each);
  EXPECT_EQ(lines.back().left_out, more - 2);
}

}  // namespace
}  // namespace hf
