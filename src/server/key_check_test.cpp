// If a key that everybody knows were taken for a good one, everybody could sign in as anybody.

#include "server/key_check.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "server/config.h"
#include "server/startup.h"
#include "server/temporary_directory_test.h"

namespace hf {
namespace {

constexpr const char* good = "h7Qd0vWmZk3pYt9xLr2BsNcF5gJ8uEaT1oKi";

TEST(KeyCheck, secrets_that_guessers_try_first_are_weak_and_random_ones_are_not) {
  for (const std::string_view weak :
       {"ssssssssssssssssssssssssssssssssssssssss", "abababababababababababababababababab",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "changemechangemechangemechangeme",
        "secret-secret-secret-secret-secret-", "Password12345678901234567890123456",
        "secret__________________________!", "a-string-secret-at-least-256-bits-long",
        "your-256-bit-secret-your-256-bit-secret-", "holdfastholdfastholdfastholdfast",
        "secretkey0000000000000000000000000000"}) {
    EXPECT_NE(weakness_of_secret(weak), "") << weak;
    EXPECT_EQ(weakness_of_secret(weak).find(weak), std::string::npos);
  }
  for (const std::string_view strong :
       {good, "3f1c9a7e5b2d8046e1f7c3a95d0b6284", "secret-h7Qd0vWmZk3pYt9xLr2BsNcF5gJ8uEaT"}) {
    EXPECT_EQ(weakness_of_secret(strong), "") << strong;
  }
}

class KeyFiles : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text, mode_t mode) const {
    const std::string path = directory.path + "/" + name;
    std::ofstream(path) << text << "\n";
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
  test::Directory directory;
  Config config;
};

TEST_F(KeyFiles, a_secret_that_everybody_may_read_refuses_the_start_and_one_of_a_group_warns) {
  for (const mode_t mode : {0644U, 0602U, 0666U}) {
    config.keys = {KeyConfig{.kid = "a", .secret_file = write("open", good, mode)}};
    const auto refused = open_keys(config, DevKey::leave);
    ASSERT_FALSE(refused) << mode;
    EXPECT_NE(refused.error().detail.find("/open"), std::string::npos);
    EXPECT_EQ(refused.error().detail.find(good), std::string::npos);
  }
  config.keys = {KeyConfig{.kid = "a", .secret_file = write("grouped", good, 0640)}};
  const auto warned = open_keys(config, DevKey::leave);
  ASSERT_TRUE(warned) << warned.error().detail;
  EXPECT_EQ(warned->warnings.size(), 1U);
  config.keys = {KeyConfig{.kid = "a", .secret_file = write("mine", good, 0600)}};
  const auto fine = open_keys(config, DevKey::leave);
  ASSERT_TRUE(fine) << fine.error().detail;
  EXPECT_TRUE(fine->warnings.empty());
}

TEST_F(KeyFiles, a_weak_secret_refuses_the_start_but_warns_in_development) {
  config.keys = {KeyConfig{.kid = "a", .secret_file = write("weak", std::string(40, 's'), 0600)}};
  EXPECT_FALSE(open_keys(config, DevKey::leave));
  config.keys.front().secret_file = write("open", good, 0644);
  config.keys.push_back(KeyConfig{.kid = "b", .secret_file = write("weak", std::string(40, 's'), 0600)});
  config.dev = true;
  config.data = directory.path;
  const auto lenient = open_keys(config, DevKey::make);
  ASSERT_TRUE(lenient) << lenient.error().detail;
  EXPECT_EQ(lenient->warnings.size(), 2U);
}

TEST_F(KeyFiles, two_keys_do_not_share_a_secret) {
  config.keys = {KeyConfig{.kid = "old", .secret_file = write("old", good, 0600)},
                 KeyConfig{.kid = "new", .secret_file = write("new", good, 0600)}};
  const auto shared = open_keys(config, DevKey::leave);
  ASSERT_FALSE(shared);
  EXPECT_NE(shared.error().detail.find("\"new\""), std::string::npos) << shared.error().detail;
}

TEST_F(KeyFiles, a_pem_is_no_secret_and_says_where_it_belongs) {
  config.keys = {KeyConfig{.kid = "a",
                           .secret_file = write("pem",
                                                "-----BEGIN PUBLIC KEY-----\n"
                                                "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
                                                "-----END PUBLIC KEY-----",
                                                0600)}};
  const auto refused = open_keys(config, DevKey::leave);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("public_key_file"), std::string::npos);
}

TEST(ConfigWarnings, doors_that_an_operator_may_not_know_of_are_told) {
  Config config;
  config.audience = "holdfast";
  EXPECT_EQ(warn_config(config), ConfigProblems{});
  config.origins = {"https://erp.example.com", "*"};
  config.require_exp = false;
  config.audience.clear();
  config.listen = "0.0.0.0:7420";
  const ConfigProblems warnings = warn_config(config);
  ASSERT_EQ(warnings.size(), 4U);
  for (const char* key : {"server.origins: ", "server.listen: ", "auth.require_exp: ", "auth.audience: "}) {
    EXPECT_TRUE(std::any_of(warnings.begin(), warnings.end(), [&](const auto& one) { return one.starts_with(key); }))
        << key;
  }
  config = Config{};
  config.dev = true;
  EXPECT_EQ(warn_config(config), ConfigProblems{});
}

}  // namespace
}  // namespace hf
