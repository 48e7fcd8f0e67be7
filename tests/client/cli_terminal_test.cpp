// The command line on a terminal. If these fail, a user's shell is left without echo after his editor was ended, a
// message is painted over his text, or a command goes on without the lock that it was given.

#include <gtest/gtest.h>
#include <signal.h>

#include <future>

#include "holdfast/client.h"
#include "tests/client/terminal.h"
#include "tests/server/server_process.h"

namespace hf::test {
namespace {

using holdfast::Client;
using holdfast::Millis;

// What a full-screen editor does to its terminal, and that it cannot undo it when it is ended.
const std::string editor = "stty raw -echo; printf 'EDITOR\\n'; sleep 300";

class CliTerminal : public ::testing::Test {
 protected:
  CliTerminal() : server(data.path()) {}
  void SetUp() override { ASSERT_NE(server.port(), 0) << server.log(); }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(server.port()); }
  std::string token(const std::string& user, const std::string& role = "editor") const {
    return holdfast::dev_token(url(), {user, user, {role}, {}}).value_or("");
  }
  Client person(const std::string& user, const std::string& role = "editor") const {
    return *Client::open({.url = url(), .token = token(user, role)});
  }
  std::vector<std::string> environment(const std::string& user, const std::string& term = "xterm") const {
    return {"HOLDFAST_SERVER=" + url(), "HOLDFAST_TOKEN=" + token(user), "TERM=" + term, "LC_ALL=C", "NO_COLOR="};
  }
  // `script` in a shell; $HF is the command line.
  Terminal shell(const std::string& script, std::vector<std::string> variables, unsigned short rows = 24) const {
    variables.push_back("HF=" HF_HOLDFAST);
    return Terminal({"/bin/sh", "-c", script}, variables, rows);
  }
  void force(const std::string& bill, const std::string& reason) const {
    auto boss = person("boss", "admin");
    const auto page = boss.list({.type = bill.substr(0, bill.find(':'))});
    ASSERT_TRUE(page && page->locks.size() == 1);
    EXPECT_TRUE(boss.force(page->locks[0].lock, reason));
  }

  TemporaryDirectory data;
  ServerProcess server;
};

TEST_F(CliTerminal, a_terminal_is_as_it_was_when_a_command_has_lost_its_lock) {
  auto terminal = shell("$HF lock SaleOrder:1 -- sh -c \"" + editor + "\"; echo AFTER $?; read line; echo GOT $line",
                        environment("li"));
  ASSERT_TRUE(terminal.shown("EDITOR")) << terminal.output();
  EXPECT_EQ(terminal.modes().c_lflag & ICANON, 0U) << "the editor has it raw";
  force("SaleOrder:1", "stock-taking");
  ASSERT_TRUE(terminal.shown("AFTER 1")) << terminal.output();
  EXPECT_NE(terminal.modes().c_lflag & ICANON, 0U) << "no lines";
  EXPECT_NE(terminal.modes().c_lflag & ECHO, 0U) << "no echo";
  EXPECT_NE(terminal.modes().c_oflag & OPOST, 0U) << "lines that run down the stairs";
  terminal.type("still mine\n");  // read by the shell: it has the terminal again
  EXPECT_TRUE(terminal.shown("GOT still mine")) << terminal.output();
  EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(CliTerminal, why_a_lock_was_lost_is_told_after_the_command_has_left_the_screen) {
  auto terminal =
      shell("$HF lock SaleOrder:1 -- sh -c 'trap \"echo LEFT; exit\" TERM; echo EDITOR; sleep 300 & wait'; echo AFTER",
            environment("li"));
  ASSERT_TRUE(terminal.shown("EDITOR")) << terminal.output();
  force("SaleOrder:1", "stock-taking");
  ASSERT_TRUE(terminal.shown("AFTER")) << terminal.output();
  const auto left = terminal.output().find("LEFT");
  const auto told = terminal.output().find("The lock is lost: it was forced by boss: stock-taking");
  ASSERT_NE(left, std::string::npos) << terminal.output();
  ASSERT_NE(told, std::string::npos) << terminal.output();
  EXPECT_LT(left, told) << "painted over the command's screen";
  EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(CliTerminal, who_asks_rings_and_is_told_in_full_when_the_command_has_ended) {
  for (const std::string term : {"xterm", "linux"}) {
    const std::string bill = term == "xterm" ? "SaleOrder:1" : "SaleOrder:2";
    auto terminal =
        shell("$HF lock " + bill + " -- sh -c 'echo EDITOR; read line'; echo AFTER $?", environment("li", term));
    const auto begun = terminal.shown("EDITOR");
    ASSERT_TRUE(begun) << terminal.output();
    auto wang = person("wang");
    const auto page = wang.list({.type = "SaleOrder"});
    ASSERT_TRUE(page && page->locks.size() == 1);
    auto asked = wang.request({.lock = page->locks[0].lock, .message = "please", .wait = Millis(1)});
    ASSERT_TRUE(terminal.shown("\x07", *begun)) << terminal.output();
    const std::string title = "\x1b]2;wang asks for SaleOrder:1\x07";
    EXPECT_EQ(terminal.output().find(title) != std::string::npos, term == "xterm") << terminal.output();
    EXPECT_EQ(terminal.output().find("please"), std::string::npos) << "painted over the command's screen";
    terminal.type("\n");
    ASSERT_TRUE(terminal.shown("AFTER 0")) << terminal.output();
    EXPECT_NE(terminal.output().find("wang asks for " + bill + ": \"please\""), std::string::npos) << terminal.output();
    EXPECT_EQ(terminal.wait(), 0);
  }
}

TEST_F(CliTerminal, a_killed_command_leaves_the_normal_screen_behind) {
  auto terminal =
      shell("$HF lock SaleOrder:1 -- sh -c 'printf \"\\033[?1049h\"; echo EDITOR; kill -9 $$'; echo AFTER $?",
            environment("li"));
  ASSERT_TRUE(terminal.shown("AFTER 137")) << terminal.output();
  const auto picture = terminal.output().find("\x1b[?1049h");
  ASSERT_NE(picture, std::string::npos);
  EXPECT_NE(terminal.output().find("\x1b[?1049l", picture), std::string::npos) << "the shell writes into its picture";
  EXPECT_EQ(terminal.wait(), 0);
}

// The grant and its end reach a program that was stopped at once: it wakes once for both.
TEST_F(CliTerminal, a_command_whose_lock_is_lost_before_it_begins_is_ended) {
  for (int i = 0; i < 5; ++i) {
    auto wang = person("wang");
    auto boss = person("boss", "admin");
    auto first = wang.acquire({.targets = {"SaleOrder:1"}});
    ASSERT_TRUE(first);
    Background li({HF_HOLDFAST, "lock", "SaleOrder:1", "--wait", "60s", "--", "/bin/sleep", "300"}, environment("li"));
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    const auto queued = [&] {
      const auto checked = boss.check({"SaleOrder:1"});
      return checked && !checked->empty() && !(*checked)[0].conflicts.empty() && (*checked)[0].conflicts[0].queue > 0;
    };
    while (!queued()) ASSERT_LT(std::chrono::steady_clock::now(), until) << "it never waited";
    li.signal(SIGSTOP);
    ASSERT_TRUE(first->release());
    force("SaleOrder:1", "stock-taking");
    li.signal(SIGCONT);
    EXPECT_EQ(li.wait(), 1) << "the command goes on without the lock";
  }
}

TEST_F(CliTerminal, a_to_do_tree_scrolls_by_keys_and_ends_by_q) {
  auto erp = person("erp", "admin");
  for (int i = 10; i < 40; ++i) {
    holdfast::StatusEvent bill;
    bill.type = i < 25 ? "SaleOrder" : "PurOrder";
    bill.id = std::to_string(i);
    bill.no = "B" + bill.id;
    bill.version = 1;
    bill.partner = i % 2 == 0 ? "华强😀电子" : "Huaqiang";
    bill.state = {{"DataStatus", std::int64_t{1}}, {"ApprovalStatus", std::int64_t{0}}};
    bill.none = {"creator", "owner", "department"};
    ASSERT_TRUE(erp.publish({.events = {bill}}));
  }
  auto terminal = shell("$HF todo; echo AFTER $?", environment("li"), 12);
  ASSERT_TRUE(terminal.shown("30 bills")) << terminal.output();
  ASSERT_TRUE(terminal.shown("lines below")) << terminal.output();
  ASSERT_TRUE(terminal.shown("q: end")) << "the legend";
  terminal.type("a");  // all rows
  ASSERT_TRUE(terminal.shown("27 lines below")) << terminal.output();
  const std::size_t before = terminal.output().size();
  terminal.type("\x1b[F");  // End
  ASSERT_TRUE(terminal.shown("lines above", before)) << terminal.output();
  EXPECT_EQ(terminal.output().find("Nothing to do"), std::string::npos);
  const std::size_t there = terminal.output().size();
  terminal.type("\x1b[5~\x1b[A\x1b[H");
  ASSERT_TRUE(terminal.shown("27 lines below", there)) << terminal.output();
  terminal.type("q");
  ASSERT_TRUE(terminal.shown("AFTER 0")) << terminal.output();
  EXPECT_NE(terminal.modes().c_lflag & ICANON, 0U);
  EXPECT_NE(terminal.modes().c_lflag & ECHO, 0U);
  EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(CliTerminal, colours_follow_no_color) {
  const auto drawn = [&](const std::string& variable) {
    auto variables = environment("li");
    variables.back() = variable;
    auto terminal = shell("$HF todo", variables);
    EXPECT_TRUE(terminal.shown("q: end")) << terminal.output();
    terminal.type("q");
    EXPECT_EQ(terminal.wait(), 0);
    return terminal.output();
  };
  EXPECT_NE(drawn("NO_COLOR=").find("\x1b[7m"), std::string::npos) << "empty is not set";
  EXPECT_EQ(drawn("NO_COLOR=1").find("\x1b[7m"), std::string::npos);
}

}  // namespace
}  // namespace hf::test
