// If an id did not survive its own text, a user could not release what he holds.
#include <gtest/gtest.h>

#include <set>

#include "base/fingerprint.h"
#include "base/id.h"
#include "base/random.h"
#include "base/result.h"

namespace hf {

TEST(Id, survives_its_own_text) {
  SeededSecrets source(7);
  for (int i = 0; i < 1000; ++i) {
    const Id128 id = source.next_id();
    ASSERT_EQ(Id128::parse(id.text()), id);
  }
}

TEST(Id, refuses_other_lengths_characters_and_more_than_128_bits) {
  EXPECT_FALSE(Id128::parse(""));
  EXPECT_FALSE(Id128::parse("0000000000000000000000000"));
  EXPECT_FALSE(Id128::parse("0000000000000000000000000i"));
  EXPECT_FALSE(Id128::parse("80000000000000000000000000"));
  EXPECT_TRUE(Id128::parse("7zzzzzzzzzzzzzzzzzzzzzzzzz"));
}

TEST(Code, has_a_name_that_leads_back_to_it) {
  EXPECT_EQ(code_from_name("locked"), Code::locked);
  EXPECT_EQ(code_http_status(Code::locked), 423);
  EXPECT_EQ(code_name(Code::unknown_outcome), "unknown_outcome");
  EXPECT_FALSE(code_from_name("sorry"));
}

TEST(Random, gives_the_same_numbers_for_the_same_seed) {
  Random a(1), b(1), c(2);
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), c.next());
  for (int i = 0; i < 100; ++i) EXPECT_LT(a.below(3), 3u);
}

TEST(Fingerprint, differs_for_texts_that_differ_a_little) {
  std::set<std::uint64_t> seen;
  for (int length = 0; length < 40; ++length) {
    for (char c = 'a'; c <= 'z'; ++c) {
      std::string text(static_cast<std::size_t>(length), 'a');
      text.push_back(c);
      seen.insert(fingerprint(text));
    }
  }
  EXPECT_EQ(seen.size(), 40U * 26U);
  EXPECT_NE(fingerprint(""), fingerprint(std::string_view("\0", 1)));
  EXPECT_NE(fingerprint(std::string_view("\0", 1)), fingerprint(std::string_view("\0\0", 2)));
}

// Nodes of several builds compare them: a request that is repeated elsewhere is known by it.
TEST(Fingerprint, is_what_every_build_has) {
  EXPECT_EQ(fingerprint(""), 0x2D06800538D394C2ULL);
  EXPECT_EQ(fingerprint("abc"), 0x78AF5F94892F3950ULL);
}

}  // namespace hf
