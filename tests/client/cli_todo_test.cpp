// Publishing and following from the command line against a real server. If these fail, a script that tells bills'
// states believes that what was refused was published, or a person looks at a tree that is not his.

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <future>
#include <sstream>

#include "holdfast/client.h"
#include "tests/server/server_process.h"

namespace hf::test {
namespace {

namespace json = boost::json;

class CliTodo : public ::testing::Test {
 protected:
  CliTodo() : server(data.path() + "/data") {}
  void SetUp() override { ASSERT_NE(server.port(), 0) << server.log(); }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(server.port()); }
  std::string token_of(const std::string& user, const std::string& role = "editor") const {
    return holdfast::dev_token(url(), {user, user, {role}, {}}).value_or("");
  }
  Ended run(const std::string& user, std::vector<std::string> arguments, const std::string& role = "editor") {
    arguments.insert(arguments.begin(), HF_HOLDFAST);
    return run_program(arguments, {"HOLDFAST_SERVER=" + url(), "HOLDFAST_TOKEN=" + token_of(user, role)});
  }
  Ended publish(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "publish");
    return run("erp", std::move(arguments), "admin");
  }
  json::value tree(const std::string& user) {
    const Ended ended = run(user, {"todo", "--once", "--json"});
    EXPECT_EQ(ended.exit_code, 0) << ended.errors;
    boost::system::error_code failed;
    auto value = json::parse(ended.output, failed);
    EXPECT_FALSE(failed) << ended.output;
    return failed ? json::value{{"rows", json::array()}} : value;
  }
  // A draft as a file has it: the whole bill.
  static std::string order(const std::string& id, int version) {
    return R"({"type":"SaleOrder","id":")" + id + R"(","version":)" + std::to_string(version) +
           R"(,"state":{"DataStatus":1,"ApprovalStatus":0},"creator":"li","owner":null,"department":null})";
  }
  std::string file(const std::string& name, const std::string& text) {
    const std::string path = data.path() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

  TemporaryDirectory data;
  ServerProcess server;
};

TEST_F(CliTodo, a_rejection_waits_for_its_creator_until_he_has_read_it) {
  ASSERT_EQ(publish({"SaleOrder:1", "--version", "3", "--state", "DataStatus=1,ApprovalStatus=2", "--no", "SO-1",
                     "--creator", "li=Li Lei", "--actor", "wang=Wang", "--action", "驳回", "--reason", "the price"})
                .exit_code,
            0);
  Ended told = run("li", {"notices"});
  EXPECT_EQ(told.exit_code, 0) << told.errors;
  for (const char* part : {"Sales order SO-1", "Reject", "Wang", "the price"})
    EXPECT_NE(told.output.find(part), std::string::npos) << part << " in " << told.output;
  EXPECT_EQ(run("wang", {"notices"}).output, "No notices.\n");
  told = run("li", {"--json", "notices", "--read"});
  EXPECT_EQ(json::parse(told.output).at("notices").as_array().size(), 1U) << told.output;
  EXPECT_EQ(run("li", {"notices"}).output, "No notices.\n");
}

TEST_F(CliTodo, a_bill_is_published_and_stands_in_the_tree_of_others) {
  const Ended done =
      publish({"SaleOrder:1", "--version", "3", "--state", "DataStatus=2,ApprovalStatus=0", "--no", "SO-1", "--creator",
               "li=Li Lei", "--actor", "wang", "--action", "提交", "--amount", "12.50"});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_NE(done.output.find("SaleOrder:1: logged at"), std::string::npos) << done.output;
  const auto seen = tree("li");
  ASSERT_EQ(seen.at("rows").as_array().size(), 1U);
  const auto& row = seen.at("rows").at(0);
  EXPECT_EQ(row.at("group").as_string(), "unreviewed");
  EXPECT_EQ(row.at("no").as_string(), "SO-1");
  EXPECT_EQ(row.at("version").to_number<int>(), 3);
  EXPECT_EQ(seen.at("counts").at("SaleOrder").at("unreviewed").to_number<int>(), 1);
  const Ended text = run("li", {"todo", "--once"});
  EXPECT_NE(text.output.find("To be reviewed 【1】"), std::string::npos) << text.output;
  EXPECT_NE(text.output.find("SO-1  v3"), std::string::npos) << text.output;
  EXPECT_NE(text.output.find("wang Submit"), std::string::npos) << text.output;
}

TEST_F(CliTodo, of_many_notices_the_oldest_are_shown_and_no_others_counted_as_read) {
  for (const char* bill : {"SaleOrder:1", "SaleOrder:2", "SaleOrder:3"}) {
    ASSERT_EQ(publish({bill, "--version", "3", "--state", "DataStatus=1,ApprovalStatus=2", "--creator", "li",
                       "--action", "reject", "--reason", bill})
                  .exit_code,
              0);
  }
  const Ended two = run("li", {"notices", "--limit", "2", "--read"});
  EXPECT_EQ(two.exit_code, 0) << two.errors;
  EXPECT_NE(two.output.find("SaleOrder:2"), std::string::npos) << two.output;
  EXPECT_EQ(two.output.find("SaleOrder:3"), std::string::npos) << two.output;
  EXPECT_NE(two.output.find("There are more"), std::string::npos) << two.output;
  const Ended last = run("li", {"notices", "--limit", "2"});
  EXPECT_NE(last.output.find("SaleOrder:3"), std::string::npos) << last.output;
  EXPECT_EQ(last.output.find("SaleOrder:1"), std::string::npos) << last.output;
  EXPECT_EQ(last.output.find("There are more"), std::string::npos) << last.output;
  EXPECT_EQ(run("li", {"notices", "--limit", "0"}).exit_code, 2);
}

TEST_F(CliTodo, what_was_not_logged_is_said_and_is_code_1) {
  ASSERT_EQ(publish({"SaleOrder:1", "--version", "3", "--state", "DataStatus=1,ApprovalStatus=0"}).exit_code, 0);
  const Ended stale = publish({"SaleOrder:1", "--version", "2"});
  EXPECT_EQ(stale.exit_code, 1);
  EXPECT_NE(stale.output.find("stale, the server knows version 3"), std::string::npos) << stale.output;
  const Ended differs = publish({"SaleOrder:1", "--version", "3", "--no", "X", "--json"});
  EXPECT_EQ(differs.exit_code, 1);
  EXPECT_NE(differs.output.find("\"differs\":true"), std::string::npos) << differs.output;
  EXPECT_EQ(run("li", {"publish", "SaleOrder:1"}).exit_code, 1) << "without the right";
  const std::vector<std::string> once{"SaleOrder:2", "--state", "DataStatus=1,ApprovalStatus=0", "--batch-id", "b1"};
  ASSERT_EQ(publish(once).exit_code, 0);
  EXPECT_EQ(publish(once).exit_code, 0) << "a repeat is answered as the first was";
}

TEST_F(CliTodo, what_is_not_told_of_a_bill_stays_as_the_server_knows_it) {
  const Ended made = publish({"SaleOrder:1", "--version", "1", "--state", "DataStatus=1,ApprovalStatus=0", "--no",
                              "SO-1", "--creator", "li=Li Lei", "--handler", "wang", "--owner", "E7", "--department",
                              "D1", "--partner", "ACME", "--reason", "first"});
  ASSERT_EQ(made.exit_code, 0) << made.errors;
  ASSERT_EQ(made.errors, "");
  ASSERT_EQ(publish({"SaleOrder:1", "--version", "2", "--state", "DataStatus=2", "--none", "handler"}).exit_code, 0);
  auto erp = holdfast::Client::open({.url = url(), .token = token_of("boss", "admin")});
  ASSERT_TRUE(erp) << erp.error().text();
  const auto known = erp->status("SaleOrder", "1");
  ASSERT_TRUE(known) << known.error().text();
  const holdfast::StatusEvent& bill = known->state;
  EXPECT_EQ(bill.state, (std::map<std::string, holdfast::StateValue>{{"ApprovalStatus", std::int64_t{0}},
                                                                     {"DataStatus", std::int64_t{2}}}));
  EXPECT_EQ(bill.creator, (holdfast::Person{"li", "Li Lei"}));
  EXPECT_EQ(bill.handler, holdfast::Person{});
  EXPECT_EQ(bill.owner.user + bill.department + bill.no + bill.partner, "E7D1SO-1ACME");
  EXPECT_EQ(bill.reason, "") << "of what was done then";
}

TEST_F(CliTodo, a_bill_that_nothing_is_known_of_is_published_without_its_people_and_that_is_said) {
  const Ended made = publish({"SaleOrder:1001", "--version", "1", "--state", "DataStatus=2,ApprovalStatus=0"});
  EXPECT_EQ(made.exit_code, 0) << made.errors;
  EXPECT_NE(made.errors.find("without creator, owner and department"), std::string::npos) << made.errors;
  const Ended less = publish({"SaleOrder:1002", "--version", "1", "--state", "DataStaus=2"});
  EXPECT_EQ(less.exit_code, 2);
  EXPECT_NE(less.errors.find("state.DataStaus"), std::string::npos) << less.errors;
}

TEST_F(CliTodo, a_file_of_events_is_published_in_its_order) {
  std::string lines;
  for (int i = 1; i <= 1'200; ++i) lines += order("1", i) + "\n\n";
  const Ended done = publish({"--file", file("events.jsonl", lines)});
  EXPECT_EQ(done.exit_code, 0) << done.errors << done.output;
  EXPECT_EQ(done.output, "1200 events logged, 0 not.\n");
  const Ended array = publish({"--file", file("a.json", "[" + order("1", 7) + "," + order("2", 1) + "]")});
  EXPECT_EQ(array.exit_code, 1);
  EXPECT_NE(array.output.find("1 event logged, 1 not."), std::string::npos) << array.output;
}

TEST_F(CliTodo, what_is_wrong_in_a_file_is_named_by_its_place) {
  std::string lines;
  for (int i = 1; i <= 1'001; ++i) lines += order(std::to_string(i), 1) + "\n";
  lines += R"({"type":"NoSuch","id":"1"})";
  const Ended ended = publish({"--file", file("events.jsonl", lines)});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_NE(ended.errors.find("Event 1002 of the file: "), std::string::npos) << ended.errors;
  EXPECT_NE(ended.errors.find("The 1000 events before are published."), std::string::npos) << ended.errors;
  const Ended first = publish({"--file", file("one.jsonl", R"({"type":"NoSuch","id":"1"})")});
  EXPECT_NE(first.errors.find("Event 1 of the file: "), std::string::npos) << first.errors;
  EXPECT_EQ(first.errors.find("published"), std::string::npos) << first.errors;
}

TEST_F(CliTodo, a_directory_in_place_of_a_file_is_wrong_usage) {
  for (const Ended& ended :
       {publish({"--file", data.path()}), run("erp", {"resync", "SaleOrder", "--file", data.path()}, "admin")}) {
    EXPECT_EQ(ended.exit_code, 2);
    EXPECT_NE(ended.errors.find("Is a directory"), std::string::npos) << ended.errors;
  }
}

TEST_F(CliTodo, line_breaks_in_what_people_wrote_part_its_words) {
  ASSERT_EQ(publish({"SaleOrder:1", "--state", "DataStatus=1,ApprovalStatus=0", "--partner", "price wrong\nask li"})
                .exit_code,
            0);
  const Ended text = run("li", {"todo", "--once"});
  EXPECT_NE(text.output.find("price wrong ask li"), std::string::npos) << text.output;
}

TEST_F(CliTodo, a_resync_replaces_the_bills_of_a_type) {
  ASSERT_EQ(publish({"SaleOrder:1", "--version", "9", "--state", "DataStatus=1,ApprovalStatus=0"}).exit_code, 0);
  const std::string path = file("all.json", "[" + order("2", 1) + "]");
  const Ended done = run("erp", {"resync", "SaleOrder", "--file", path}, "admin");
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_EQ(done.output, "SaleOrder has 1 bill now; 1 left.\n");
  const auto seen = tree("li");
  ASSERT_EQ(seen.at("rows").as_array().size(), 1U);
  EXPECT_EQ(seen.at("rows").at(0).at("id").as_string(), "2");
  EXPECT_EQ(run("erp", {"resync", "PurOrder", "--file", path}, "admin").exit_code, 2) << "of another type";
}

TEST_F(CliTodo, each_change_is_a_line_where_there_is_no_terminal) {
  auto text = std::async(std::launch::async, [&] { return run("li", {"todo", "--count", "2"}); });
  auto as_json = std::async(std::launch::async, [&] { return run("wang", {"todo", "--json", "--count", "2"}); });
  // Bills move until both have seen enough.
  const auto over = [](auto& f) { return f.wait_for(std::chrono::seconds(0)) == std::future_status::ready; };
  for (int version = 1; version < 400 && !(over(text) && over(as_json)); ++version) {
    const std::string state = version % 2 == 0 ? "DataStatus=2,ApprovalStatus=0" : "DataStatus=1,ApprovalStatus=0";
    ASSERT_EQ(
        publish({"SaleOrder:1", "--version", std::to_string(version), "--state", state, "--actor", "zhao"}).exit_code,
        0);
  }
  const Ended seen = text.get();
  EXPECT_EQ(seen.exit_code, 0) << seen.errors;
  EXPECT_NE(seen.output.find("+ Sales order 1 in "), std::string::npos) << seen.output;
  EXPECT_NE(seen.output.find("(zhao"), std::string::npos) << seen.output;
  EXPECT_EQ(seen.output.find('\x1b'), std::string::npos) << "no terminal";
  const Ended lines = as_json.get();
  EXPECT_EQ(lines.exit_code, 0) << lines.errors;
  std::istringstream in(lines.output);
  std::map<std::string, int> events;
  for (std::string line; std::getline(in, line);) ++events[json::parse(line).at("event").as_string().c_str()];
  EXPECT_EQ(events["snapshot"], 1);
  EXPECT_GE(events["added"], 1);
  EXPECT_GE(events["state"], 2);
  EXPECT_GE(events["counts"], 2);
}

TEST_F(CliTodo, on_a_terminal_the_tree_is_drawn_in_place_and_within_it) {
  for (int i = 1; i <= 30; ++i) {
    ASSERT_EQ(publish({"SaleOrder:" + std::to_string(i), "--version", "1", "--state", "DataStatus=1,ApprovalStatus=0",
                       "--partner", std::string(200, 'x')})
                  .exit_code,
              0);
  }
  auto drawn = std::async(std::launch::async, [&] {
    return run_program({"script", "-qec", "stty rows 12 cols 40; " HF_HOLDFAST " todo --count 1", "/dev/null"},
                       {"HOLDFAST_SERVER=" + url(), "HOLDFAST_TOKEN=" + token_of("li"), "LC_ALL=C"});
  });
  for (int version = 2; version < 400; ++version) {
    if (drawn.wait_for(std::chrono::seconds(0)) == std::future_status::ready) break;
    ASSERT_EQ(publish({"SaleOrder:1", "--version", std::to_string(version), "--state", "DataStatus=1,ApprovalStatus=0"})
                  .exit_code,
              0);
  }
  const Ended ended = drawn.get();
  EXPECT_EQ(ended.exit_code, 0) << ended.output << ended.errors;
  EXPECT_NE(ended.output.find("Not submitted 【30】"), std::string::npos) << ended.output;
  EXPECT_NE(ended.output.find("v1  xxx"), std::string::npos) << ended.output;
  EXPECT_NE(ended.output.find("~ Sales order 1 in Not submitted"), std::string::npos) << "the newest change, below";
  // Each drawing begins where the one before it began, and is no higher than the screen.
  std::size_t lines = 0, drawings = 0;
  std::istringstream in(ended.output);
  for (std::string line; std::getline(in, line);) {
    const auto up = line.find("A\r");
    if (line.find("\x1b[J") == 0 && up == std::string::npos) break;  // the end
    if (line.find("\x1b[J") == 0) {
      EXPECT_EQ(line.substr(3, up - 3), "\x1b[" + std::to_string(lines));
      ++drawings;
      lines = 0;
    }
    ++lines;
    EXPECT_LE(lines, 11U) << ended.output;
    EXPECT_LE(line.size(), 40U + 40U) << line;
  }
  EXPECT_GE(drawings, 1U) << ended.output;
}

TEST_F(CliTodo, demonstration_bills_fall_into_groups_and_are_the_same_for_the_same_seed) {
  const auto tree_of = [&] {
    std::string all;
    const auto seen = tree("li");
    for (const auto& row : seen.at("rows").as_array())
      all +=
          json::serialize(row.at("group")) + json::serialize(row.at("no")) + json::serialize(row.at("amount")) + "\n";
    return all;
  };
  const auto demo = [&](const std::string& seed) {
    const Ended ended = run_program({HF_HOLDFAST, "--server", url(), "demo-data", "--bills", "120", "--seed", seed});
    EXPECT_EQ(ended.exit_code, 0) << ended.errors << "it takes a token of its own where the server gives them";
  };
  const std::string empty = file("empty", "");
  const auto clear = [&] {
    for (const char* type :
         {"SaleOrder", "SaleOut", "SaleReturn", "PurOrder", "PurEntry", "BuyingRequisition", "ManufacturingOrder",
          "MaterialRequisition", "StockTransfer", "ExpenseClaim", "PreReceived", "Receivable"})
      ASSERT_EQ(run("erp", {"resync", type, "--file", empty}, "admin").exit_code, 0) << type;
    ASSERT_EQ(tree_of(), "");
  };
  demo("1");
  const std::string first = tree_of();
  EXPECT_GT(std::ranges::count(first, '\n'), 90);
  clear();
  demo("2");
  EXPECT_NE(tree_of(), first);
  clear();
  demo("1");
  EXPECT_EQ(tree_of(), first);
}

TEST_F(CliTodo, demonstration_bills_go_on_moving) {
  const Ended ended = run("erp", {"demo-data", "--bills", "20", "--live", "--rate", "1000", "--count", "50"}, "admin");
  EXPECT_EQ(ended.exit_code, 0) << ended.errors;
  EXPECT_EQ(std::ranges::count(ended.output, '\n'), 51) << ended.output;
  auto history = 0U;
  for (int i = 1; i <= 20; ++i) {
    auto client = holdfast::Client::open({.url = url(), .token = token_of("li")});
    for (const char* type : {"SaleOrder", "PurOrder"}) {
      auto known = client->history(type, std::to_string(900'000'000 + i));
      if (known) history = std::max(history, static_cast<unsigned>(known->states.size()));
    }
  }
  EXPECT_GT(history, 1U) << "no bill has moved";
  EXPECT_EQ(run("li", {"demo-data"}).exit_code, 1) << "an editor may not publish";
  const Ended lines = run("erp", {"demo-data", "--json", "--live", "--rate", "1000", "--count", "5"}, "admin");
  EXPECT_EQ(std::ranges::count(lines.output, '\n'), 6) << lines.output;
  EXPECT_NE(lines.output.find(R"("event":"moved")"), std::string::npos) << lines.output;
}

TEST_F(CliTodo, a_tree_of_one_group_has_its_rows_only) {
  ASSERT_EQ(publish({"SaleOrder:1", "--state", "DataStatus=1,ApprovalStatus=0"}).exit_code, 0);
  ASSERT_EQ(publish({"SaleOrder:2", "--state", "DataStatus=2,ApprovalStatus=0"}).exit_code, 0);
  const Ended ended = run("li", {"todo", "--once", "--types", "SaleOrder,PurOrder", "--group", "unreviewed"});
  EXPECT_EQ(ended.exit_code, 0) << ended.errors;
  EXPECT_NE(ended.output.find("Not submitted 【1】"), std::string::npos) << ended.output;
  EXPECT_NE(ended.output.find("    2  v"), std::string::npos) << ended.output;
  EXPECT_EQ(ended.output.find("    1  v"), std::string::npos) << ended.output;
  EXPECT_EQ(run("li", {"todo", "--once", "--types", "Nonsense"}).exit_code, 2);
  EXPECT_EQ(run("li", {"todo", "--once", "--group", "nonsense"}).exit_code, 2);
}

TEST_F(CliTodo, a_token_tells_which_bills_its_user_sees) {
  ASSERT_EQ(publish({"SaleOrder:1", "--state", "DataStatus=1,ApprovalStatus=0", "--department", "D1", "--owner", "E7"})
                .exit_code,
            0);
  const auto rows = [&](std::vector<std::string> who) {
    who.insert(who.begin(), {HF_HOLDFAST, "--server", url(), "token", "zhao"});
    const Ended made = run_program(who);
    EXPECT_EQ(made.exit_code, 0) << made.errors;
    const Ended seen = run_program({HF_HOLDFAST, "--server", url(), "--token",
                                    made.output.substr(0, made.output.size() - 1), "todo", "--once", "--json"});
    EXPECT_EQ(seen.exit_code, 0) << seen.errors;
    return json::parse(seen.output).at("rows").as_array().size();
  };
  EXPECT_EQ(rows({"--role", "sales"}), 0U);
  EXPECT_EQ(rows({"--role", "sales", "--employee", "E7"}), 1U);
  EXPECT_EQ(rows({"--role", "manager", "--department", "D2"}), 0U);
  EXPECT_EQ(rows({"--role", "manager", "--department", "D2", "--department", "D1"}), 1U);
  EXPECT_EQ(rows({"--role", "sales", "--super"}), 1U);
}

TEST(CliTodoUsage, wrong_usage_is_code_2) {
  const auto code = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {HF_HOLDFAST, "--server", "http://127.0.0.1:1", "--token", "t"});
    return run_program(arguments).exit_code;
  };
  EXPECT_EQ(code({"publish"}), 2);
  EXPECT_EQ(code({"publish", "SaleOrder"}), 2) << "no bill";
  EXPECT_EQ(code({"publish", "SaleOrder:1", "--file", "x"}), 2) << "both";
  EXPECT_EQ(code({"publish", "SaleOrder:1", "--state", "DataStatus"}), 2);
  EXPECT_EQ(code({"publish", "SaleOrder:1", "--version", "x"}), 2);
  EXPECT_EQ(code({"publish", "--file", "/nowhere"}), 2);
  EXPECT_EQ(code({"resync", "SaleOrder"}), 2);
  EXPECT_EQ(code({"demo-data", "--bills", "0"}), 2);
  EXPECT_EQ(code({"publish", "SaleOrder:1"}), 3);
  EXPECT_EQ(code({"todo"}), 3);
  TemporaryDirectory data;
  std::ofstream(data.path() + "/bad") << "{\"type\":\"SaleOrder\",\"id\":\"1\"}\n{\"type\":\"SaleOrder\"}\n";
  const Ended bad = run_program({HF_HOLDFAST, "--token", "t", "publish", "--file", data.path() + "/bad"});
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_NE(bad.errors.find("/bad:2.id"), std::string::npos) << "the line is named: " << bad.errors;
}

}  // namespace
}  // namespace hf::test
