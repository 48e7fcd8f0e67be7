// What the command line says to people. If these fail, a newcomer is left without the next step, or reads a language
// that he did not ask for.

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "apps/holdfast/keys.h"
#include "apps/holdfast/nearest.h"
#include "apps/holdfast/width.h"
#include "apps/holdfast/words.h"
#include "holdfast/client.h"
#include "tests/server/server_process.h"

namespace hf::test {
namespace {

// Words of English one after the other, as no command line example has them.
std::string english_in(const std::string& text) {
  static const std::regex typed(HF_HOLDFAST "[^#`\n]*");
  static const std::regex prose("[a-z]{2,},? [a-z]{2,},? [a-z]{2,}");
  const std::string said = std::regex_replace(text, typed, "");
  std::smatch found;
  return std::regex_search(said, found, prose) ? found.str() : "";
}

Ended say(std::vector<std::string> arguments, const std::string& language = "C",
          std::vector<std::string> environment = {}) {
  arguments.insert(arguments.begin(), HF_HOLDFAST);
  environment.push_back("LC_ALL=" + language);
  environment.emplace_back("XDG_CONFIG_HOME=/nonexistent");
  return run_program(arguments, environment);
}

std::vector<std::string> commands() {
  std::vector<std::string> names;
  std::istringstream lines(say({"help"}).output);
  std::regex command("^  ([a-z][a-z-]+)  .*");
  std::smatch found;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, found, command)) names.push_back(found[1]);
  }
  return names;
}

TEST(CliWords, help_has_a_page_for_every_command_in_either_language) {
  const auto all = commands();
  EXPECT_GE(all.size(), 28U) << say({"help"}).output;
  const Ended first = say({"help"}, "zh_CN.UTF-8");
  EXPECT_EQ(english_in(first.output), "") << first.output;
  EXPECT_NE(first.output.find("先编辑者拥有单据"), std::string::npos) << first.output;
  EXPECT_EQ(first.output, say({"--help"}, "zh_CN.UTF-8").output);
  for (const std::string& name : all) {
    const Ended english = say({"help", name});
    EXPECT_EQ(english.exit_code, 0) << name << english.errors;
    EXPECT_NE(english.output.find("Usage: " HF_HOLDFAST " " + name), std::string::npos) << english.output;
    const Ended chinese = say({"help", name}, "zh_CN.UTF-8");
    EXPECT_EQ(english_in(chinese.output), "") << chinese.output;
    std::istringstream lines(chinese.output);
    const std::string program = HF_HOLDFAST;  // as long as the folder that somebody builds in
    for (std::string line; std::getline(lines, line);) {
      if (const auto at = line.find(program); at != std::string::npos) line.replace(at, program.size(), "holdfast");
      EXPECT_LE(cli::columns(line), 130U) << line;
    }
  }
  EXPECT_EQ(say({"help", "outbox", "relay"}).exit_code, 0);
  EXPECT_NE(say({"lock", "--help"}).output.find("Examples:"), std::string::npos);
}

TEST(CliWords, a_mistyped_command_or_option_is_answered_by_what_may_be_meant) {
  const Ended command = say({"lokc", "SaleOrder:1"});
  EXPECT_EQ(command.exit_code, 2);
  EXPECT_NE(command.errors.find("There is no command lokc. Did you mean lock?"), std::string::npos) << command.errors;
  const Ended option = say({"lock", "--waitt", "5m", "SaleOrder:1"});
  EXPECT_EQ(option.exit_code, 2);
  EXPECT_NE(option.errors.find("Did you mean --wait?"), std::string::npos) << option.errors;
  EXPECT_NE(option.errors.find(HF_HOLDFAST " help lock"), std::string::npos) << option.errors;
  EXPECT_EQ(say({"help", "lokc"}).exit_code, 2);
  EXPECT_EQ(say({"version"}).output, "holdfast " HF_VERSION "\n");
}

TEST(CliWords, errors_have_one_form) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"lock"},
                                                {"nonsense"},
                                                {"agree", "x", "--token", "t"},
                                                {"locks", "--limit", "0"},
                                                {"publish", "--token", "t"},
                                                {"outbox", "status"},
                                                {"--server", "http://127.0.0.1:1", "--token", "t", "locks"}}) {
    const Ended ended = say(wrong);
    EXPECT_TRUE(std::regex_search(ended.errors, std::regex("^holdfast: [A-Z'`-].*[.a-z0-9]\n"))) << ended.errors;
    const Ended chinese = say(wrong, "zh_CN.UTF-8");
    EXPECT_EQ(english_in(chinese.errors), "") << chinese.errors;
    EXPECT_EQ(chinese.exit_code, ended.exit_code);
  }
}

TEST(CliWords, each_sentence_is_there_once_and_its_chinese_uses_what_the_english_has) {
  std::set<std::string_view> seen;
  for (const auto& [english, chinese] : cli::own_sentences().table()) {
    EXPECT_TRUE(seen.insert(english).second) << "twice: " << english;
    const auto holes = [](std::string_view text) {
      std::size_t n = 0;
      for (std::size_t i = 0; i + 1 < text.size(); ++i)
        n += text[i] == '{' && (text[i + 1] == '}' || (text[i + 1] >= '0' && text[i + 1] <= '9')) ? 1 : 0;
      return n;
    };
    EXPECT_EQ(holes(english), holes(chinese)) << english << " | " << chinese;
  }
}

TEST(CliWords, columns_are_counted_as_terminals_draw_them) {
  EXPECT_EQ(cli::columns("abc"), 3U);
  EXPECT_EQ(cli::columns("销售"), 4U);
  EXPECT_EQ(cli::columns("😀"), 2U);
  EXPECT_EQ(cli::columns("é"), 1U);
  EXPECT_EQ(cli::columns("e\u0301"), 1U) << "a mark over the letter";
  EXPECT_EQ(cli::columns("\u200b"), 0U);
  EXPECT_EQ(cli::columns("…→「"), 1U + 1U + 2U);
  EXPECT_EQ(cli::columns("\xff\xe9"), 2U) << "no UTF-8";
  EXPECT_EQ(cli::cut("销售订单", 5), "销售");
  EXPECT_EQ(cli::cut("e\u0301a", 1), "e\u0301");
  EXPECT_EQ(cli::cut("ab", 0), "");
  EXPECT_EQ(cli::padded("销", 4), "销  ");
}

TEST(CliWords, letters_apart_and_words_near) {
  EXPECT_EQ(cli::letters_apart("lock", "lokc"), 1U);
  EXPECT_EQ(cli::letters_apart("SaleOrder", "saleorder"), 0U);
  EXPECT_EQ(cli::letters_apart("", "abc"), 3U);
  EXPECT_EQ(cli::nearest("SaleOrdr", {"PurOrder", "SaleOrder", "SaleOut"}, 3), (std::vector<std::string>{"SaleOrder"}));
  EXPECT_TRUE(cli::nearest("xyz", {"SaleOrder"}, 3).empty());
  EXPECT_TRUE(cli::nearest(std::string(10'000, 'x'), {"SaleOrder"}, 3).empty());
}

TEST(CliWords, keys_come_whole_and_in_pieces) {
  using cli::Key;
  std::string bytes = "\x1b[A\x1bOBq\x1b[6~\x1b[";
  EXPECT_EQ(cli::keys_of(bytes), (std::vector<Key>{Key::up, Key::down, Key::quit, Key::page_down}));
  EXPECT_EQ(bytes, "\x1b[");
  bytes += "H";
  EXPECT_EQ(cli::keys_of(bytes), (std::vector<Key>{Key::home}));
  EXPECT_EQ(bytes, "");
  bytes = "\x1b[200~x";  // what is not known is passed over whole
  EXPECT_EQ(cli::keys_of(bytes), (std::vector<Key>{Key::other, Key::other}));
}

class CliLanguage : public ::testing::Test {
 protected:
  CliLanguage() : server(data.path()) {}
  void SetUp() override { ASSERT_NE(server.port(), 0) << server.log(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server.port()); }
  Ended run(const std::vector<std::string>& arguments, const std::string& language) const {
    return say(arguments, language, {"HOLDFAST_SERVER=" + url(), "HOLDFAST_USER=li"});
  }

  TemporaryDirectory data;
  ServerProcess server;
};

TEST_F(CliLanguage, what_the_server_says_comes_in_the_language_of_the_terminal) {
  const Ended chinese = run({"lock", "SaleOrdr:1"}, "zh_CN.UTF-8");
  EXPECT_EQ(chinese.exit_code, 2);
  EXPECT_NE(chinese.errors.find("目录中没有单据类型 SaleOrdr。"), std::string::npos) << chinese.errors;
  EXPECT_NE(chinese.errors.find("您是否想用 SaleOrder？"), std::string::npos) << chinese.errors;
  const Ended english = run({"lock", "SaleOrdr:1"}, "en_US.UTF-8");
  EXPECT_NE(english.errors.find("The catalog has no type SaleOrdr."), std::string::npos) << english.errors;
  EXPECT_NE(english.errors.find("Did you mean SaleOrder?"), std::string::npos) << english.errors;
  const Ended by_name = run({"catalog", "销售订单"}, "zh_CN.UTF-8");
  EXPECT_NE(by_name.errors.find("SaleOrder"), std::string::npos) << by_name.errors;
  const Ended lines = run({"--json", "lock", "SaleOrdr:1"}, "zh_CN.UTF-8");
  EXPECT_EQ(lines.output, run({"--json", "lock", "SaleOrdr:1"}, "C").output) << "scripts read one language";
}

TEST_F(CliLanguage, types_groups_and_actions_have_their_names_in_it) {
  ASSERT_EQ(
      run({"publish", "SaleOrder:1", "--version", "1", "--state", "DataStatus=2,ApprovalStatus=0", "--action", "提交"},
          "C")
          .exit_code,
      0);
  ASSERT_EQ(run({"publish", "SaleOrder:2", "--version", "1", "--state", "DataStatus=2,ApprovalStatus=0", "--action",
                 "submit"},
                "C")
                .exit_code,
            0);
  const Ended english = run({"todo", "--once"}, "C");
  EXPECT_NE(english.output.find("To be reviewed 【2】"), std::string::npos) << english.output;
  EXPECT_NE(english.output.find("Submit"), std::string::npos) << english.output;
  EXPECT_EQ(english.output.find("提交"), std::string::npos) << english.output;
  const Ended chinese = run({"todo", "--once"}, "zh_CN.UTF-8");
  EXPECT_NE(chinese.output.find("销售订单 【2】"), std::string::npos) << chinese.output;
  EXPECT_NE(chinese.output.find("提交"), std::string::npos) << chinese.output;
  EXPECT_EQ(chinese.output.find("ubmit"), std::string::npos) << chinese.output;
}

TEST_F(CliLanguage, hints_name_the_program_as_it_was_called) {
  auto wang = holdfast::Client::open(
      {.url = url(), .token = holdfast::dev_token(url(), {"wang", "Wang", {"editor"}, {}}).value_or("")});
  auto lock = wang->acquire({.targets = {"SaleOrder:1"}});
  ASSERT_TRUE(lock);
  const Ended refused = run({"lock", "SaleOrder:1"}, "C");
  EXPECT_NE(refused.errors.find(HF_HOLDFAST " request SaleOrder:1"), std::string::npos) << refused.errors;
  const Ended named = run({"--as", "Li Lei", "lock", "SaleOrder:1"}, "C");
  EXPECT_NE(named.errors.find(HF_HOLDFAST " --as 'Li Lei' request SaleOrder:1"), std::string::npos)
      << "typed as the hint says, it would be somebody else who asks: " << named.errors;
  const Ended chinese = run({"lock", "SaleOrder:1"}, "zh_CN.UTF-8");
  EXPECT_EQ(english_in(chinese.errors), "") << chinese.errors;
  EXPECT_NE(chinese.errors.find("由 Wang（wang）"), std::string::npos) << chinese.errors;
}

TEST(CliWordsServer, the_server_s_program_speaks_chinese_too) {
  const auto run = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), HF_HOLDFASTD);
    return run_program(arguments, {"LC_ALL=zh_CN.UTF-8"});
  };
  const Ended page = run({"--help"});
  EXPECT_EQ(english_in(page.output), "") << page.output;
  TemporaryDirectory data;
  std::ofstream(data.path() + "/holdfast.toml") << "[server]\nlisten = 7\nnonsense = 1\n";
  const Ended checked = run({"--check-config", "--config", data.path() + "/holdfast.toml"});
  EXPECT_EQ(checked.exit_code, 2);
  EXPECT_EQ(english_in(checked.errors), "") << checked.errors;
  EXPECT_NE(checked.errors.find("此处须为文本"), std::string::npos) << checked.errors;
  EXPECT_NE(run({"--nonsense"}).errors.find("多余的参数：--nonsense"), std::string::npos);
}

}  // namespace
}  // namespace hf::test
