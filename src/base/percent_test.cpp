// URLs carry bills' ids, passwords and paths. If these fail, a request goes to another bill than the one named, or a
// password with a '%' lets nobody in.

#include "base/percent.h"

#include <gtest/gtest.h>

namespace hf {
namespace {

TEST(Percent, what_is_encoded_comes_back_byte_for_byte) {
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every += static_cast<char>(byte);
  const std::string encoded = percent_encoded(every);
  EXPECT_EQ(percent_decoded(encoded), every);
  EXPECT_EQ(percent_decoded(encoded, Plus::blank), every);
}

TEST(Percent, only_what_needs_it_is_encoded) {
  EXPECT_EQ(percent_encoded("SaleOrder-1._~"), "SaleOrder-1._~");
  EXPECT_EQ(percent_encoded("A/1 +&=%\xE5\x8D\x95"), "A%2F1%20%2B%26%3D%25%E5%8D%95");
  EXPECT_EQ(percent_encoded("/etc/a b", "/"), "/etc/a%20b");
  EXPECT_EQ(percent_encoded(""), "");
}

TEST(Percent, a_plus_is_a_blank_in_a_query_only) {
  EXPECT_EQ(percent_decoded("a+b%2Bc"), "a+b+c");
  EXPECT_EQ(percent_decoded("a+b%2Bc", Plus::blank), "a b+c");
}

TEST(Percent, digits_may_be_small_or_large) {
  EXPECT_EQ(percent_decoded("%2f%2F%e5"), "//\xE5");
  EXPECT_EQ(percent_decoded("%00"), std::string(1, '\0'));
}

TEST(Percent, a_broken_escape_is_refused) {
  for (const char* text : {"%", "%2", "a%", "a%2", "%%41", "%G0", "%0G", "%-1", "%+1", "% 1", "%0x"})
    EXPECT_FALSE(percent_decoded(text)) << text;
}

}  // namespace
}  // namespace hf
