// `holdfast outbox` against a real server and real databases, also when it is killed at the worst moment. If these
// fail, an ERP that relies on the relay shows its people a change twice, or not at all.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/client/relay.h"
#include "tests/outbox/erp_database.h"
#include "tests/server/client.h"

namespace hf::test {
namespace {

using ::testing::HasSubstr;
namespace json = boost::json;

constexpr int patience_ms = 60'000;
constexpr int step_ms = 10;

template <class Condition>
bool eventually(Condition condition) {
  for (int waited = 0; waited < patience_ms; waited += step_ms) {
    if (condition()) return true;
    ::poll(nullptr, 0, step_ms);
  }
  return false;
}

// A `holdfast outbox relay` that runs; killed when it goes.
class RelayProcess {
 public:
  RelayProcess(const std::vector<std::string>& arguments, std::string log) : log_(std::move(log)) {
    std::vector<std::string> all = {HF_HOLDFAST, "outbox", "relay", "--lease", "2s"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (const std::string& one : all) argv.push_back(const_cast<char*>(one.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
    posix_spawn_file_actions_destroy(&actions);
  }
  ~RelayProcess() { end(SIGKILL); }
  RelayProcess(const RelayProcess&) = delete;
  RelayProcess& operator=(const RelayProcess&) = delete;

  // Its exit code, 128 + n by signal n; -1 if there was none to end.
  int end(int signal) {
    int status = 0;
    if (pid_ <= 0 || ::kill(pid_, signal) != 0 || ::waitpid(pid_, &status, 0) != pid_) return -1;
    pid_ = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  std::string log() const {
    std::ifstream in(log_);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }

 private:
  std::string log_;
  pid_t pid_ = -1;
};

class OutboxProcess : public ::testing::TestWithParam<Dialect> {
 protected:
  OutboxProcess() : server(data.path()) {}
  void SetUp() override {
    ASSERT_FALSE(database.url().empty()) << "PostgreSQL did not start";
    ASSERT_NE(server.port(), 0) << server.log();
    token = token_of("erp");
  }

  std::string token_of(const std::string& user) const {
    const Answer answer = Client(server.port())
                              .request("POST", "/v1/dev/token",
                                       R"({"user":")" + user + R"(","roles":["admin"],"rights":["status.publish"]})");
    return json::value_to<std::string>(answer.json().at("token"));
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server.port()); }
  std::vector<std::string> arguments(const std::string& server_url) const {
    return {"--from", database.url(), "--server", server_url, "--token", token};
  }
  std::string log() const { return data.path() + "/relay.log"; }
  // The versions of a bill that were logged, the newest first.
  std::vector<std::string> history(const std::string& bill) const {
    const Answer answer =
        Client(server.port())
            .request("GET", "/v1/status/SaleOrder/" + bill + "/history", {}, {{"Authorization", "Bearer " + token}});
    std::vector<std::string> versions;
    if (answer.status != 200) return versions;
    const json::value body = answer.json();
    for (const json::value& state : body.at("states").as_array())
      versions.push_back(json::serialize(state.at("version")));
    return versions;
  }

  TemporaryDirectory data;
  ServerProcess server;
  ErpDatabase database{GetParam()};
  Erp erp{database.erp()};
  std::string token;
};

INSTANTIATE_TEST_SUITE_P(Databases, OutboxProcess, ::testing::Values(Dialect::sqlite, Dialect::postgresql),
                         [](const auto& info) { return std::string(name_of(info.param)); });

using Versions = std::vector<std::string>;

TEST_P(OutboxProcess, a_relay_killed_between_publishing_and_removing_shows_nothing_twice) {
  Relay network(server.port());
  erp.write_bill("71", 7);
  erp.write_bill("72", 0);
  network.swallow_answers();
  {
    RelayProcess killed(arguments(network.url()), log());
    ASSERT_TRUE(eventually([&] { return history("72").size() == 1; })) << killed.log();
    EXPECT_EQ(killed.end(SIGKILL), 128 + SIGKILL);
  }
  EXPECT_EQ(erp.rows(), 2);
  erp.write_bill("73", 1);
  RelayProcess next(arguments(url()), log());
  ASSERT_TRUE(eventually([&] { return erp.rows() == 0; })) << next.log();
  EXPECT_EQ(history("71"), Versions{"7"});
  EXPECT_EQ(history("72"), Versions{"1"});
  EXPECT_EQ(history("73"), Versions{"1"});
  EXPECT_EQ(next.end(SIGTERM), 0);
  EXPECT_EQ(database.outbox().look()->holder, "");
}

TEST_P(OutboxProcess, a_row_that_the_server_refuses_is_put_aside_with_what_it_said) {
  erp.write_bill("1", 1);
  erp.write(R"({"type":"NoSuchType","id":"2","version":1})");
  erp.write(R"({"type":"SaleOrder","id":"3","version":"seven"})");
  const std::string people = R"(,"creator":"li","owner":null,"department":null,"reason":")";
  erp.write(R"({"type":"SaleOrder","id":"4","version":1,"state":{"DataStatus":1,"ApprovalStatus":0})" + people +
            std::string(3000, 'x') + "\"}");
  erp.write(R"({"type":"SaleOrder","id":"5","id":"5"})");
  erp.write_bill("6", 1);
  erp.write(R"({"type":"SaleOrder","id":"6","version":2,"state":{"DataStaus":4,"ApprovalStatus":1})" + people + "\"}");
  erp.write(R"({"type":"SaleOrder","id":"6","version":3,"state":{"DataStatus":4,"ApprovalStatus":1}})");
  RelayProcess relay(arguments(url()), log());
  ASSERT_TRUE(eventually([&] { return database.outbox().state()->waiting == 0; })) << relay.log();
  EXPECT_EQ(history("1"), Versions{"1"});
  EXPECT_EQ(history("6"), Versions{"1"});
  const Ended status = run_program({HF_HOLDFAST, "outbox", "status", "--from", database.url()});
  EXPECT_EQ(status.exit_code, 0) << status.errors;
  EXPECT_THAT(status.output, HasSubstr("No such type of bill"));
  EXPECT_THAT(status.output, HasSubstr(".version` must be a whole number"));
  EXPECT_THAT(status.output, HasSubstr("2048 bytes"));
  EXPECT_THAT(status.output, HasSubstr("a key occurs twice"));
  EXPECT_THAT(status.output, HasSubstr(".state.DataStaus` is no column of SaleOrder"));
  EXPECT_THAT(status.output, HasSubstr(".creator` is missing"));
}

TEST_P(OutboxProcess, rows_wait_for_a_server_and_for_a_token_and_are_then_drained) {
  const std::string file = data.path() + "/token";
  std::filesystem::create_directory(file);
  Relay network(server.port());
  network.swallow();
  erp.write_bill("1", 1);
  RelayProcess relay({"--from", database.url(), "--server", network.url(), "--token-file", file}, log());
  ASSERT_TRUE(eventually([&] { return relay.log().find("no token in") != std::string::npos; })) << relay.log();
  std::filesystem::remove(file);
  std::ofstream(file) << "to\nken\n";
  ASSERT_TRUE(eventually([&] { return relay.log().find("line breaks") != std::string::npos; })) << relay.log();
  EXPECT_EQ(database.outbox().state()->refused, 0u) << "an operator's mistake condemns no row";
  std::ofstream(file) << token << "\n";
  ASSERT_TRUE(eventually([&] { return relay.log().find("unavailable") != std::string::npos; })) << relay.log();
  EXPECT_EQ(erp.rows(), 1);
  network.let_through();
  ASSERT_TRUE(eventually([&] { return erp.rows() == 0; })) << relay.log();
  EXPECT_EQ(history("1"), Versions{"1"});
  EXPECT_EQ(database.outbox().state()->refused, 0u);
}

TEST_P(OutboxProcess, of_two_relays_the_second_goes_on_when_the_first_is_stopped_in_its_tracks) {
  RelayProcess first(arguments(url()), log());
  ASSERT_TRUE(eventually([&] { return first.log().find("leading") != std::string::npos; })) << first.log();
  RelayProcess second(arguments(url()), log() + "2");
  ASSERT_TRUE(eventually([&] { return second.log().find("standing_by") != std::string::npos; })) << second.log();
  EXPECT_EQ(first.end(SIGKILL), 128 + SIGKILL);
  erp.write_bill("1", 1);
  ASSERT_TRUE(eventually([&] { return erp.rows() == 0; })) << second.log();
  EXPECT_EQ(history("1"), Versions{"1"});
}

TEST(OutboxCommand, prints_the_sql_of_each_database_and_of_no_other) {
  for (const Dialect dialect : {Dialect::sqlite, Dialect::postgresql, Dialect::sqlserver, Dialect::mysql}) {
    const Ended ran = run_program({HF_HOLDFAST, "outbox", "sql", std::string(name_of(dialect))});
    EXPECT_EQ(ran.exit_code, 0);
    EXPECT_EQ(ran.output, outbox::schema_of(dialect));
  }
  EXPECT_EQ(run_program({HF_HOLDFAST, "outbox", "sql", "oracle"}).exit_code, 2);
}

TEST(OutboxCommand, says_what_is_wrong_with_its_arguments) {
  const auto ran = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {HF_HOLDFAST, "outbox"});
    return run_program(arguments);
  };
  EXPECT_EQ(ran({}).exit_code, 2);
  EXPECT_EQ(ran({"relay", "--token", "t"}).exit_code, 2);
  EXPECT_EQ(ran({"relay", "--from", "mysql://a/b", "--token", "t"}).exit_code, 2);
  EXPECT_EQ(ran({"relay", "--from", "sqlite:a"}).exit_code, 1) << "no token";
  for (const char* lease : {"1999ms", "601s", "never"}) {
    const Ended refused = ran({"relay", "--from", "sqlite:a", "--token", "t", "--lease", lease});
    EXPECT_EQ(refused.exit_code, 2) << lease;
    EXPECT_THAT(refused.errors, HasSubstr("2s to 10m"));
  }
  EXPECT_EQ(ran({"status", "--from", "sqlite:/nonexistent/erp.db"}).exit_code, 3);
}

}  // namespace
}  // namespace hf::test
