// If these fail, a Chinese user reads half an error in English, or the wrong name in it.

#include "base/sentences.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"

namespace hf {
namespace {

constexpr Sentence few[] = {
    {"{} has it", "由 {} 锁定"},
    {"{} has it, says {}", "{1} 说由 {0} 锁定"},
    {"The bill is gone.", "单据已不存在。"},
    {"It failed: {}", "失败：{}"},
    {"a list {like: \"this\"} of {}", "{} 的列表 {like: \"this\"}"},
};

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) ++n;
  return n;
}

// The holes that a Chinese sentence uses, by their numbers.
std::set<std::size_t> holes_of(std::string_view chinese) {
  std::set<std::size_t> used;
  std::size_t next = 0;
  for (std::size_t i = 0; i + 1 < chinese.size(); ++i) {
    if (chinese[i] != '{') continue;
    if (chinese[i + 1] == '}') used.insert(next++);
    if (i + 2 < chinese.size() && chinese[i + 2] == '}' && chinese[i + 1] >= '0' && chinese[i + 1] <= '9')
      used.insert(static_cast<std::size_t>(chinese[i + 1] - '0'));
  }
  return used;
}

TEST(Sentences, a_pattern_gives_its_parts_to_the_chinese_where_that_has_them) {
  const Sentences table(few);
  EXPECT_EQ(table.chinese_of("Li has it"), "由 Li 锁定");
  EXPECT_EQ(table.chinese_of("Li has it, says Wang"), "Wang 说由 Li 锁定");
  EXPECT_EQ(table.chinese_of("a list {like: \"this\"} of ids"), "ids 的列表 {like: \"this\"}");
  EXPECT_EQ(table.chinese_of("Li had it"), std::nullopt);
  EXPECT_EQ(table.chinese_of(""), std::nullopt);
}

TEST(Sentences, a_sentence_within_a_sentence_becomes_chinese_too) {
  const Sentences table(few);
  EXPECT_EQ(table.chinese_of("It failed: The bill is gone."), "失败：单据已不存在。");
  EXPECT_EQ(table.chinese_of("It failed: no such thing"), "失败：no such thing");
  // However deep, it ends.
  std::string deep = "The bill is gone.";
  for (int i = 0; i < 50; ++i) deep.insert(0, "It failed: ");
  EXPECT_TRUE(table.chinese_of(deep));
}

TEST(Sentences, what_a_table_lacks_its_others_may_have) {
  constexpr Sentence own[] = {{"Held: {}", "已锁定：{}"}};
  const Sentences others(few);
  const Sentences table(own, &others);
  EXPECT_EQ(table.chinese_of("Held: The bill is gone."), "已锁定：单据已不存在。");
  EXPECT_EQ(table.chinese_of("Li has it"), "由 Li 锁定");
  EXPECT_EQ(table.pattern_of("The bill is gone."), "单据已不存在。");
  EXPECT_EQ(table.pattern_of("nothing"), "");
}

TEST(Sentences, values_fill_the_holes_and_other_braces_stay) {
  const std::string values[] = {"a", "b"};
  EXPECT_EQ(filled("{} and {}", values), "a and b");
  EXPECT_EQ(filled("{1} and {0} {2} {", values), "b and a {2} {");
  EXPECT_EQ(filled("{} {} {}", values), "a b {}");
  EXPECT_EQ(filled("{program, host} {}", values), "{program, host} a");
  EXPECT_EQ(filled("", values), "");
}

TEST(Sentences, the_environment_says_the_language_as_everywhere) {
  EXPECT_TRUE(reads_chinese(nullptr, nullptr, "zh_CN.UTF-8"));
  EXPECT_TRUE(reads_chinese("", "zh_TW", "en_US.UTF-8"));
  EXPECT_FALSE(reads_chinese("C", "zh_CN.UTF-8", "zh_CN.UTF-8"));
  EXPECT_FALSE(reads_chinese(nullptr, nullptr, "en_US.UTF-8"));
  EXPECT_FALSE(reads_chinese(nullptr, nullptr, nullptr));
}

TEST(Sentences, of_the_server_each_is_there_once_and_uses_what_its_english_has) {
  std::set<std::string_view> seen;
  for (const auto& [english, chinese] : sentences().table()) {
    EXPECT_TRUE(seen.insert(english).second) << "twice: " << english;
    EXPECT_FALSE(chinese.empty()) << english;
    const std::size_t holes = count(english, "{}");
    const auto used = holes_of(chinese);
    EXPECT_TRUE(used.empty() || *used.rbegin() < holes) << english << " | " << chinese;
    EXPECT_EQ(used.size(), holes) << english << " | " << chinese;
  }
}

TEST(Sentences, the_server_s_are_found_as_they_are_made) {
  EXPECT_EQ(in_chinese("The catalog has no type SaleOrdre."), "目录中没有单据类型 SaleOrdre。");
  EXPECT_EQ(in_chinese("`targets` must be a list of texts."), "`targets` 须为文本列表。");
  EXPECT_EQ(in_chinese("The message must be one JSON object: it is nested too deep."),
            "消息须为一个 JSON 对象：嵌套过深。");
  EXPECT_EQ(in_chinese("You lack the right lock.force for SaleOrder."), "您没有 SaleOrder 的权限 lock.force。");
  EXPECT_EQ(in_chinese("a.toml:7: server.listen: this is a text: \"…\"."),
            "a.toml:7：server.listen：此处须为文本：\"…\"。");
  EXPECT_EQ(in_chinese(code_sentence(Code::locked)), code_sentence_zh(Code::locked));
  EXPECT_EQ(in_chinese("Nobody has translated this."), "Nobody has translated this.");
  EXPECT_EQ(in_chinese("The server did not answer.\nThere is no such path."),
            "The server did not answer.\n没有这个路径。");
}

}  // namespace
}  // namespace hf
