// The command line against a real server: exit codes, what scripts read, and what happens to a command whose
// lock goes. If these fail, a script books a bill that it does not own.

#include <gtest/gtest.h>

#include <atomic>
#include <boost/json.hpp>
#include <future>
#include <thread>

#include "holdfast/client.h"
#include "tests/server/server_process.h"

namespace hf::test {
namespace {

using holdfast::Client;
using holdfast::Millis;
namespace json = boost::json;

class Cli : public ::testing::Test {
 protected:
  Cli() : server(data.path()) {}
  void SetUp() override { ASSERT_NE(server.port(), 0) << server.log(); }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(server.port()); }
  std::string token(const std::string& user, const std::string& role = "editor") {
    return holdfast::dev_token(url(), {user, user, {role}, {}}).value_or("");
  }
  Ended run(const std::string& user, std::vector<std::string> arguments, const std::string& role = "editor") {
    arguments.insert(arguments.begin(), HF_HOLDFAST);
    return run_program(arguments, {"HOLDFAST_SERVER=" + url(), "HOLDFAST_TOKEN=" + token(user, role)});
  }
  Client person(const std::string& user, holdfast::Options options = {}) {
    options.url = url();
    options.token = token(user);
    return *Client::open(std::move(options));
  }
  static json::object parsed(const std::string& text) {
    boost::system::error_code failed;
    auto value = json::parse(text, failed);
    EXPECT_TRUE(!failed && value.is_object()) << text;
    return value.is_object() ? value.get_object() : json::object();
  }

  TemporaryDirectory data;
  ServerProcess server;
  std::atomic<bool> watched{false};
};

TEST_F(Cli, runs_a_command_under_the_lock_and_passes_its_exit_code_on) {
  const Ended ran =
      run("li", {"lock", "SaleOrder:1001", "--", "sh", "-c", "echo $HOLDFAST_TARGETS $HOLDFAST_TOKEN_NUMBER; exit 7"});
  EXPECT_EQ(ran.exit_code, 7) << ran.errors;
  EXPECT_EQ(ran.output.rfind("SaleOrder:1001 1", 0), 0U) << ran.output;
  auto wang = person("wang");
  EXPECT_TRUE(wang.acquire({.targets = {"SaleOrder:1001"}})) << "not released after the command";
}

TEST_F(Cli, a_held_bill_is_refused_with_code_1_and_the_command_is_not_run) {
  auto wang = person("wang");
  auto lock = wang.acquire({.targets = {"SaleOrder:1001"}, .label = "SO-1001"});
  ASSERT_TRUE(lock);
  const Ended ran = run("li", {"lock", "SaleOrder:1001", "--", "echo", "never"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(ran.output, "");
  EXPECT_NE(ran.errors.find("wang has it"), std::string::npos) << ran.errors;
  EXPECT_NE(ran.errors.find("SO-1001"), std::string::npos);
  EXPECT_NE(ran.errors.find("holdfast request SaleOrder:1001"), std::string::npos);
  const Ended as_json = run("li", {"lock", "--json", "SaleOrder:1001", "--", "echo", "never"});
  EXPECT_EQ(parsed(as_json.output)["error"].as_object()["code"].as_string(), "locked");
}

TEST_F(Cli, a_command_whose_lock_is_lost_is_ended_and_the_code_is_1) {
  std::thread boss([&] {
    auto client = Client::open({.url = url(), .token = token("boss", "admin")});
    for (int i = 0; i < 3000; ++i) {
      auto page = client->list({.type = "SaleOrder"});
      if (page && !page->locks.empty()) {
        EXPECT_TRUE(client->force(page->locks[0].lock, "stock-taking"));
        return;
      }
    }
    ADD_FAILURE() << "the command never held the lock";
  });
  const Ended ran = run("li", {"lock", "SaleOrder:1001", "--", "sleep", "300"});
  boss.join();
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_NE(ran.errors.find("stock-taking"), std::string::npos) << ran.errors;
}

TEST_F(Cli, a_request_is_answered_from_another_terminal) {
  std::promise<std::string> asked;
  auto wang =
      person("wang", {.on_requested = [&](const holdfast::Request& request) { asked.set_value(request.request); }});
  auto lock = wang.acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock);
  std::thread answer([&] {
    const Ended agreed = run("wang", {"agree", asked.get_future().get()});
    EXPECT_EQ(agreed.exit_code, 0) << agreed.errors;
  });
  const Ended ran = run("li", {"request", "SaleOrder:1001", "--message", "please", "--", "echo", "mine"});
  answer.join();
  EXPECT_EQ(ran.exit_code, 0) << ran.errors;
  EXPECT_EQ(ran.output, "mine\n");
  EXPECT_FALSE(lock->held());
}

TEST_F(Cli, unlock_ends_a_lock_of_ones_own_other_window_and_not_anothers) {
  auto li = person("li");
  auto lock = li.acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock);
  EXPECT_EQ(run("wang", {"unlock", "SaleOrder:1001"}).exit_code, 1);
  const Ended ended = run("li", {"unlock", "SaleOrder:1001"});
  EXPECT_EQ(ended.exit_code, 0) << ended.errors;
  EXPECT_EQ(run("wang", {"check", "SaleOrder:1001"}).exit_code, 0);
}

TEST_F(Cli, a_lock_above_or_below_the_named_target_is_never_ended) {
  auto li = person("li");
  auto part = li.acquire({.targets = {"SaleOrder:1001/SaleOrderDetail"}});
  auto batch = li.acquire({.targets = {"SaleOrder:1002", "SaleOrder:1003"}});
  ASSERT_TRUE(part && batch);
  const Ended bill = run("boss", {"force", "SaleOrder:1001", "--reason", "test"}, "admin");
  EXPECT_EQ(bill.exit_code, 1) << bill.errors;
  EXPECT_NE(bill.errors.find("li holds SaleOrder:1001/SaleOrderDetail"), std::string::npos) << bill.errors;
  EXPECT_EQ(run("boss", {"force", "SaleOrder", "--reason", "test"}, "admin").exit_code, 1);
  EXPECT_EQ(run("boss", {"force", "SaleOrder:1002/SaleOrderDetail", "--reason", "test"}, "admin").exit_code, 1);
  EXPECT_EQ(run("li", {"unlock", "SaleOrder:1001"}).exit_code, 1);
  EXPECT_TRUE(part->held() && batch->held());
  EXPECT_EQ(run("wang", {"check", "SaleOrder:1002"}).exit_code, 1);
  const Ended forced = run("boss", {"force", "SaleOrder:1002", "--reason", "test"}, "admin");
  EXPECT_EQ(forced.exit_code, 0) << forced.errors;
  for (const char* said : {"li", "SaleOrder:1002 SaleOrder:1003"})
    EXPECT_NE(forced.output.find(said), std::string::npos) << forced.output;
  EXPECT_TRUE(part->held());
}

TEST_F(Cli, of_several_locks_on_a_target_one_must_be_named) {
  auto li = person("li");
  auto wang = person("wang");
  auto one = li.acquire({.targets = {"SaleOrder:1001"}, .mode = holdfast::Mode::shared});
  auto two = wang.acquire({.targets = {"SaleOrder:1001"}, .mode = holdfast::Mode::shared});
  ASSERT_TRUE(one && two);
  const Ended both = run("boss", {"force", "SaleOrder:1001", "--reason", "test"}, "admin");
  EXPECT_EQ(both.exit_code, 2) << both.errors;
  EXPECT_NE(both.errors.find(one->id()), std::string::npos) << both.errors;
  EXPECT_NE(both.errors.find(two->id()), std::string::npos) << both.errors;
  EXPECT_EQ(run("li", {"unlock", "SaleOrder:1001"}).exit_code, 0) << "of one's own there is one";
  EXPECT_TRUE(two->held());
  const Ended named = run("boss", {"force", two->id(), "--reason", "test", "--json"}, "admin");
  EXPECT_EQ(named.exit_code, 0) << named.errors;
  EXPECT_EQ(parsed(named.output)["user"].as_string(), "wang");
}

TEST_F(Cli, who_has_all_his_sessions_open_can_still_look_answer_and_end_one) {
  std::promise<std::string> asked;
  std::vector<Client> windows;
  windows.push_back(
      person("li", {.on_requested = [&](const holdfast::Request& request) { asked.set_value(request.request); }}));
  ASSERT_TRUE(windows[0].wait_ready());
  while (windows.size() < 20) {
    windows.push_back(person("li"));
    ASSERT_TRUE(windows.back().wait_ready());
  }
  auto lock = windows[0].acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock);
  for (const std::vector<std::string>& question : {std::vector<std::string>{"locks"},
                                                   {"sessions"},
                                                   {"requests"},
                                                   {"stats"},
                                                   {"catalog"},
                                                   {"check", "SaleOrder:7"}})
    EXPECT_EQ(run("li", question).exit_code, 0) << question[0];
  auto wang = person("wang");
  std::promise<bool> got;
  wang.request({.lock = lock->id()},
               [&](holdfast::Result<holdfast::LockHandle> answer) { got.set_value(answer.has_value()); });
  EXPECT_EQ(run("li", {"agree", asked.get_future().get()}).exit_code, 0);
  EXPECT_TRUE(got.get_future().get());
  EXPECT_EQ(run("li", {"lock", "SaleOrder:8", "--", "true"}).exit_code, 1);
  const Ended ended = run("li", {"sessions", "--end", windows[5].session()});
  EXPECT_EQ(ended.exit_code, 0) << ended.errors;
  windows.erase(windows.begin() + 5);  // its client opens a session anew where the old one was ended, and ends that too
  EXPECT_EQ(run("li", {"lock", "SaleOrder:8", "--", "true"}).exit_code, 0);
}

TEST_F(Cli, what_a_command_started_ends_with_its_lock) {
  std::thread boss([&] {
    while (run("boss", {"force", "SaleOrder:1001", "--reason", "test"}, "admin").exit_code != 0) {
    }
  });
  const Ended ran = run("li", {"lock", "SaleOrder:1001", "--", "sh", "-c", "sleep 300 & echo $!; wait; wait"});
  boss.join();
  EXPECT_EQ(ran.exit_code, 1) << ran.errors;
  EXPECT_NE(run_program({"kill", "-0", ran.output.substr(0, ran.output.size() - 1)}).exit_code, 0)
      << "it goes on without the lock";
}

TEST_F(Cli, a_command_is_ended_when_holdfast_is_killed) {
  const std::string begun = data.path() + "/begun";
  const std::string ended = data.path() + "/ended";
  const std::string command =
      "sleep 300 & trap \"kill $!; echo yes > " + ended + "; exit\" TERM; echo $$ > " + begun + "; wait";
  const std::string script = HF_HOLDFAST " lock SaleOrder:1001 -- sh -c '" + command + "' & until test -s " + begun +
                             "; do :; done; kill -9 $!; until test -s " + ended + "; do :; done";
  const Ended ran = run_program({"sh", "-c", script}, {"HOLDFAST_SERVER=" + url(), "HOLDFAST_TOKEN=" + token("li")});
  EXPECT_EQ(ran.exit_code, 0) << "the command goes on: " << ran.errors;
}

TEST_F(Cli, ends_when_nobody_reads_what_it_prints) {
  const std::string head = " | head -1";
  for (const std::string command : {"watch SaleOrder:1001", "--json watch SaleOrder:1001", "lock SaleOrder:1001"}) {
    const Ended ran = run_program({"sh", "-c", HF_HOLDFAST " " + command + head},
                                  {"HOLDFAST_SERVER=" + url(), "HOLDFAST_TOKEN=" + token("li")});
    EXPECT_EQ(ran.exit_code, 0) << command << ran.errors;
    EXPECT_NE(ran.output.find("SaleOrder:1001"), std::string::npos) << command << ": " << ran.output;
  }
  EXPECT_EQ(run("wang", {"check", "SaleOrder:1001"}).exit_code, 0) << "the lock was not released";
}

TEST_F(Cli, output_that_could_not_be_written_is_no_success) {
  for (const std::string command : {"stats", "completion bash", "--version"}) {
    const Ended ran = run_program({"sh", "-c", HF_HOLDFAST " " + command + " > /dev/full"},
                                  {"HOLDFAST_SERVER=" + url(), "HOLDFAST_TOKEN=" + token("li")});
    EXPECT_EQ(ran.exit_code, 1) << command;
    EXPECT_NE(ran.errors.find("cannot be written"), std::string::npos) << ran.errors;
  }
}

TEST_F(Cli, a_json_watch_begins_with_the_state) {
  auto li = person("li");
  auto lock = li.acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock);
  const Ended seen = run_program({"sh", "-c", HF_HOLDFAST " --json watch SaleOrder:1001 | head -1"},
                                 {"HOLDFAST_SERVER=" + url(), "HOLDFAST_TOKEN=" + token("wang")});
  auto first = parsed(seen.output);
  EXPECT_EQ(first["event"].as_string(), "watch") << seen.output;
  EXPECT_EQ(first["targets"].at(0).at("conflicts").at(0).at("user").as_string(), "li");
}

TEST_F(Cli, names_and_labels_that_drive_a_terminal_are_refused) {
  auto odd = Client::open(
      {.url = url(), .token = holdfast::dev_token(url(), {"li", "L\u202Ei\u2066", {"editor"}, {}}).value_or("none")});
  ASSERT_TRUE(odd);
  EXPECT_FALSE(odd->acquire({.targets = {"SaleOrder:1001"}}));
  auto li = person("li");
  auto labelled = li.acquire({.targets = {"SaleOrder:1001"}, .label = "a\u200Fb"});
  ASSERT_FALSE(labelled);
  EXPECT_EQ(labelled.error().code, holdfast::Code::invalid);
  EXPECT_EQ(labelled.error().field, "label");
}

TEST_F(Cli, lists_checks_and_verifies) {
  auto li = person("li");
  auto lock = li.acquire({.targets = {"SaleOrder:1001"}, .label = "SO-1001"});
  ASSERT_TRUE(lock);
  const Ended listed = run("wang", {"locks", "--type", "SaleOrder"});
  EXPECT_EQ(listed.exit_code, 0) << listed.errors;
  EXPECT_NE(listed.output.find("SO-1001"), std::string::npos) << listed.output;
  EXPECT_NE(listed.output.find(lock->id()), std::string::npos);
  EXPECT_EQ(parsed(run("wang", {"--json", "locks"}).output)["locks"].as_array().size(), 1U);
  EXPECT_EQ(run("wang", {"check", "SaleOrder:1001"}).exit_code, 1);
  EXPECT_EQ(run("wang", {"check", "SaleOrder:1002"}).exit_code, 0);
  EXPECT_EQ(run("wang", {"verify", lock->id(), std::to_string(lock->token()), "SaleOrder:1001"}).exit_code, 0);
  EXPECT_EQ(run("wang", {"verify", lock->id(), std::to_string(lock->token() + 1), "SaleOrder:1001"}).exit_code, 1);
}

TEST_F(Cli, the_other_questions_are_answered_too) {
  for (const char* command : {"sessions", "requests", "waits", "stats", "catalog"}) {
    const Ended asked = run("li", {command}, "admin");
    EXPECT_EQ(asked.exit_code, 0) << command << ": " << asked.errors;
    EXPECT_NE(asked.output, "") << command;
    const Ended as_json = run("li", {command, "--json"}, "admin");
    EXPECT_EQ(as_json.exit_code, 0) << command;
    parsed(as_json.output);
  }
  const Ended type = run("li", {"catalog", "SaleOrder"});
  EXPECT_EQ(type.exit_code, 0) << type.errors;
  EXPECT_EQ(run("li", {"catalog", "Nonsense"}).exit_code, 1);
}

TEST_F(Cli, a_token_is_made_and_works) {
  const Ended made = run_program({HF_HOLDFAST, "--server", url(), "token", "zhao", "--role", "viewer"});
  ASSERT_EQ(made.exit_code, 0) << made.errors;
  const std::string text = made.output.substr(0, made.output.size() - 1);
  EXPECT_EQ(run_program({HF_HOLDFAST, "--server", url(), "--token", text, "locks"}).exit_code, 0);
  EXPECT_EQ(
      run_program({HF_HOLDFAST, "--server", url(), "--token", text, "lock", "SaleOrder:1", "--", "true"}).exit_code, 1)
      << "a viewer locked";
  EXPECT_EQ(run_program({HF_HOLDFAST, "--server", url(), "--token", "x" + text, "locks"}).exit_code, 1)
      << "a bad token was taken";
}

TEST_F(Cli, a_script_acts_under_guard) {
  const Ended begun = run("li", {"run", "begin", "approve", "SaleOut:77", "SaleOrder:1001", "--json"}, "manager");
  ASSERT_EQ(begun.exit_code, 0) << begun.errors;
  const std::string id(parsed(begun.output)["run"].as_string());
  auto wang = person("wang");
  EXPECT_FALSE(wang.acquire({.targets = {"SaleOrder:1001"}}));
  EXPECT_EQ(run("li", {"run", "begin", "approve", "SaleOut:77", "--wait", "0s"}, "manager").exit_code, 1);
  const Ended step = run("li", {"run", "step", id, "writing"}, "manager");
  EXPECT_NE(step.output.find("running"), std::string::npos) << step.output << step.errors;
  const Ended done = run("li", {"run", "finish", id}, "manager");
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_NE(done.output.find("a hold on SaleOrder:1001 for SaleOut:77"), std::string::npos) << done.output;
  EXPECT_EQ(run("li", {"run", "fail", id, "--reason", "late"}, "manager").exit_code, 1) << "it has ended";
  EXPECT_EQ(parsed(run("wang", {"run", "get", id, "--json"}).output)["state"].as_string(), "done");
}

TEST_F(Cli, a_watch_prints_what_a_bill_is) {
  const Ended done = run("boss",
                         {"publish", "SaleOrder:1003", "--version", "7", "--state", "DataStatus=2,ApprovalStatus=0",
                          "--actor", "li=Li Lei", "--action", "提交"},
                         "admin");
  ASSERT_EQ(done.exit_code, 0) << done.errors;
  const Ended seen = run("wang", {"watch", "SaleOrder:1003", "--count", "1"});
  EXPECT_NE(seen.output.find("SaleOrder:1003: version 7: Submit by Li Lei, ApprovalStatus 0, DataStatus 2\n"),
            std::string::npos)
      << seen.output << seen.errors;
}

TEST_F(Cli, a_watch_prints_what_happens) {
  auto li = person("li");
  auto lock = li.acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock);
  std::thread later([&] {
    // Takes and leaves the bill until the watcher has seen enough.
    for (int i = 0; i < 200 && !watched; ++i) {
      auto again = li.acquire({.targets = {"SaleOrder:1002"}});
    }
  });
  const Ended seen = run("wang", {"watch", "SaleOrder:1002", "--count", "2"});
  watched = true;
  later.join();
  EXPECT_EQ(seen.exit_code, 0) << seen.errors;
  EXPECT_NE(seen.output.find("SaleOrder:1002: li has it"), std::string::npos) << seen.output;
}

TEST(CliUsage, wrong_usage_is_code_2_and_a_server_that_is_down_is_code_3) {
  EXPECT_EQ(run_program({HF_HOLDFAST}).exit_code, 2);
  EXPECT_EQ(run_program({HF_HOLDFAST, "nonsense"}).exit_code, 2);
  EXPECT_EQ(run_program({HF_HOLDFAST, "--token", "t", "lock", "SaleOrder:1", "--wait", "soon"}).exit_code, 2);
  EXPECT_EQ(run_program({HF_HOLDFAST, "--server", "nowhere", "--token", "t", "locks"}).exit_code, 2);
  EXPECT_EQ(run_program({HF_HOLDFAST, "force", "SaleOrder:1"}).exit_code, 2) << "a force without a reason";
  EXPECT_EQ(run_program({HF_HOLDFAST, "--server", "http://127.0.0.1:1", "--token", "t", "locks"}).exit_code, 3);
  EXPECT_NE(run_program({HF_HOLDFAST, "nonsense"}).errors.find("no command nonsense"), std::string::npos);
  EXPECT_NE(run_program({HF_HOLDFAST, "--nonsense"}).errors.find("no option --nonsense"), std::string::npos);
  EXPECT_NE(run_program({HF_HOLDFAST, "locks", "--nonsense"}).errors.find("--nonsense"), std::string::npos);
  const Ended no_id = run_program({HF_HOLDFAST, "--token", "t", "agree", std::string(26, '0')});
  EXPECT_EQ(no_id.exit_code, 2);
  EXPECT_NE(no_id.errors.find("is no id of a request"), std::string::npos) << no_id.errors;
  EXPECT_EQ(run_program({HF_HOLDFAST, "--token", "t", "lock", "SaleOrder:1", "--ttl", "0"}).exit_code, 2);
  EXPECT_EQ(run_program({HF_HOLDFAST, "--help"}).exit_code, 0);
  EXPECT_EQ(run_program({HF_HOLDFAST, "--version"}).output, "holdfast " HF_VERSION "\n");
}

TEST(CliUsage, the_completion_scripts_are_valid_shell_and_know_every_command) {
  const Ended bash = run_program({HF_HOLDFAST, "completion", "bash"});
  ASSERT_EQ(bash.exit_code, 0);
  for (const char* word : {"lock", "request", "--wait", "--message", "completion", "requests | waits)",
                           "outbox) words=\" relay status sql --help --from --token-file --lease ",
                           "fence) words=\" sql triggers --help --catalog "})
    EXPECT_NE(bash.output.find(word), std::string::npos) << word;
  EXPECT_EQ(run_program({"bash", "-n", "-c", bash.output}).exit_code, 0);
  EXPECT_EQ(run_program({HF_HOLDFAST, "completion", "fish"}).exit_code, 2);
}

TEST(CliDemo, tells_its_story_to_the_end_with_a_server_of_its_own) {
  const Ended told = run_program({HF_HOLDFAST, "demo"}, {}, 120'000);
  EXPECT_EQ(told.exit_code, 0) << told.errors << told.output;
  EXPECT_NE(told.output.find("the lock is still there"), std::string::npos) << told.output;
}

}  // namespace
}  // namespace hf::test
