// Who the user of the command line is. If these fail, a newcomer cannot begin, a token is kept where others read it,
// or one server is shown the token of another.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <fstream>

#include "holdfast/client.h"
#include "tests/server/server_process.h"

namespace hf::test {
namespace {

namespace json = boost::json;

class CliLogin : public ::testing::Test {
 protected:
  CliLogin() : server(data.path() + "/data") {}
  void SetUp() override { ASSERT_NE(server.port(), 0) << server.log(); }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(server.port()); }
  std::string token(const std::string& user) const {
    return holdfast::dev_token(url(), {user, user, {"editor"}, {}}).value_or("");
  }
  std::string profile() const { return data.path() + "/config/holdfast/profile.toml"; }
  Ended run(std::vector<std::string> arguments, std::vector<std::string> environment = {}) const {
    arguments.insert(arguments.begin(), HF_HOLDFAST);
    environment.insert(environment.end(), {"XDG_CONFIG_HOME=" + data.path() + "/config", "USER=zhao", "LC_ALL=C"});
    return run_program(arguments, environment);
  }
  json::object whoami(std::vector<std::string> arguments, const std::vector<std::string>& environment = {}) const {
    arguments.insert(arguments.end(), {"whoami", "--json"});
    const Ended ended = run(arguments, environment);
    EXPECT_EQ(ended.exit_code, 0) << ended.errors << ended.output;
    boost::system::error_code failed;
    const auto value = json::parse(ended.output, failed);
    return !failed && value.is_object() ? value.get_object() : json::object();
  }
  std::string user(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {}) const {
    const auto who = whoami(arguments, environment);
    return who.contains("user") ? std::string(who.at("user").as_string()) : "";
  }
  static unsigned mode_of(const std::string& path) {
    struct stat status{};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
  }

  TemporaryDirectory data;
  ServerProcess server;
};

TEST_F(CliLogin, at_a_development_server_on_this_machine_nobody_signs_in) {
  const std::vector<std::string> here{"HOLDFAST_SERVER=" + url()};
  EXPECT_EQ(user({}, here), "zhao") << "the user of the shell";
  EXPECT_EQ(user({"--as", "Li"}, here), "Li");
  EXPECT_EQ(user({}, {here[0], "HOLDFAST_USER=Wang"}), "Wang");
  const Ended held = run({"--as", "Li", "lock", "SaleOrder:1001", "--", "true"}, here);
  EXPECT_EQ(held.exit_code, 0) << held.errors;
  const Ended told =
      run({"publish", "SaleOrder:1001", "--version", "1", "--state", "DataStatus=2,ApprovalStatus=0"}, here);
  EXPECT_EQ(told.exit_code, 0) << told.errors << "the README's second story";
  EXPECT_EQ(run({"--as", "Li", "force", "SaleOrder:1001", "--reason", "x"}, here).exit_code, 1) << "no administrator";
}

TEST_F(CliLogin, a_login_is_kept_for_its_user_alone_and_until_he_signs_out) {
  const Ended in = run({"login", "--server", url(), "--token", token("li")});
  ASSERT_EQ(in.exit_code, 0) << in.errors;
  EXPECT_EQ(in.output.find(token("li")), std::string::npos) << "a secret on the screen";
  EXPECT_EQ(mode_of(profile()), 0600U);
  EXPECT_EQ(mode_of(data.path() + "/config/holdfast"), 0700U);
  const auto who = whoami({});
  EXPECT_EQ(who.at("user").as_string(), "li");
  EXPECT_EQ(who.at("server").as_string(), url());
  EXPECT_EQ(who.at("token_from").as_string(), profile());
  EXPECT_TRUE(who.contains("expires_at_s"));
  EXPECT_EQ(run({"locks"}).exit_code, 0);
  EXPECT_EQ(run({"logout"}).exit_code, 0);
  EXPECT_EQ(mode_of(profile()), 0U) << "the token is still there";
  EXPECT_EQ(run({"logout"}).exit_code, 0) << "twice is no error";
}

TEST_F(CliLogin, a_login_takes_a_token_from_a_file_or_the_standard_input) {
  const std::string path = data.path() + "/token";
  std::ofstream(path) << token("wang") << "\n";
  ASSERT_EQ(run({"login", "--server", url(), "--token-file", path}).exit_code, 0);
  EXPECT_EQ(user({}), "wang");
  const Ended piped = run_program({"sh", "-c", "echo " + token("chen") + " | " HF_HOLDFAST " login --token-file -"},
                                  {"XDG_CONFIG_HOME=" + data.path() + "/config", "HOLDFAST_SERVER=" + url()});
  EXPECT_EQ(piped.exit_code, 0) << piped.errors;
  EXPECT_EQ(user({}), "chen");
  EXPECT_EQ(run({"login", "Li", "--server", url()}).exit_code, 0) << "a development server makes one";
  EXPECT_EQ(user({}), "Li");
}

TEST_F(CliLogin, a_token_that_the_server_does_not_take_is_not_kept) {
  const Ended in = run({"login", "--server", url(), "--token", "nonsense"});
  EXPECT_EQ(in.exit_code, 1) << in.errors;
  EXPECT_EQ(mode_of(profile()), 0U);
}

TEST_F(CliLogin, a_flag_comes_before_the_environment_and_that_before_the_profile) {
  ASSERT_EQ(run({"login", "--server", url(), "--token", token("profile")}).exit_code, 0);
  const std::string told = "HOLDFAST_TOKEN=" + token("environment");
  EXPECT_EQ(user({}), "profile");
  EXPECT_EQ(user({}, {told}), "environment");
  EXPECT_EQ(user({}, {"HOLDFAST_USER=someone"}), "someone");
  EXPECT_EQ(user({}, {told, "HOLDFAST_USER=someone"}), "environment");
  EXPECT_EQ(user({"--as", "flag"}, {told}), "flag");
  EXPECT_EQ(user({"--token", token("flag")}, {told, "HOLDFAST_USER=someone"}), "flag");
  EXPECT_EQ(run({"--token", "t", "--as", "li", "locks"}).exit_code, 2) << "both";
}

TEST_F(CliLogin, a_token_of_the_profile_is_shown_to_its_own_server_only) {
  ASSERT_EQ(run({"login", "--server", url(), "--token", token("li")}).exit_code, 0);
  TemporaryDirectory second;
  ServerProcess other(second.path());
  EXPECT_EQ(user({"--server", "http://127.0.0.1:" + std::to_string(other.port())}), "zhao");
}

TEST_F(CliLogin, a_profile_that_others_can_read_is_refused) {
  ASSERT_EQ(run({"login", "--server", url(), "--token", token("li")}).exit_code, 0);
  ASSERT_EQ(::chmod(profile().c_str(), 0640), 0);
  const Ended ended = run({"locks"});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_NE(ended.errors.find("chmod 600"), std::string::npos) << ended.errors;
  EXPECT_EQ(run({"locks", "--server", url(), "--token", token("li")}).exit_code, 0) << "it was not needed";
}

TEST_F(CliLogin, a_broken_profile_is_named_by_its_line) {
  ASSERT_EQ(run({"login", "--server", url(), "--token", token("li")}).exit_code, 0);
  std::ofstream(profile()) << "# mine\nserver = \"" << url() << "\"\ntokn = \"x\"\n";
  const Ended ended = run({"locks"});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_NE(ended.errors.find("profile.toml:3:"), std::string::npos) << ended.errors;
}

TEST_F(CliLogin, elsewhere_than_on_this_machine_nobody_is_made_up) {
  const Ended ended = run({"--server", "http://192.0.2.1:7420", "locks"});
  EXPECT_EQ(ended.exit_code, 1) << ended.errors;
  EXPECT_NE(ended.errors.find(HF_HOLDFAST " --server http://192.0.2.1:7420 login"), std::string::npos) << ended.errors;
}

}  // namespace
}  // namespace hf::test
