// If these fail, an operator's setting is taken for another one, or the manual says what is not so.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "server/audit_lines.h"
#include "server/config.h"
#include "server/metered_sink.h"
#include "server/startup.h"
#include "server/temporary_directory_test.h"

namespace hf {
namespace {

using test::Directory;

ConfigProblems read(std::string_view text) {
  Config config;
  return read_config_toml(config, text, "f");
}

// ---- configuration

TEST(Config, the_manual_names_every_key_with_its_default) {
  const auto text = read_file(HF_SOURCE_DIR "/deploy/holdfast.toml", 1 << 20);
  ASSERT_TRUE(text) << text.error().detail;
  Config config;
  config.listen = "to be set by the file";
  EXPECT_EQ(read_config_toml(config, *text, "holdfast.toml"), ConfigProblems{});
  std::string section;
  std::vector<std::pair<std::string, std::string>> named;  // section.key, value
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = text->find('\n', at);
    const std::string line = text->substr(at, end - at);
    at = end + 1;
    if (line.starts_with('[')) section = line.substr(1, line.find(']') - 1);
    const auto equals = line.find(" = ");
    if (line.starts_with('#') || equals == std::string::npos) continue;
    std::string value = line.substr(equals + 3);
    if (const auto comment = value.find(" #"); comment != std::string::npos) value.resize(comment);
    while (value.ends_with(' ')) value.pop_back();
    named.emplace_back(section + "." + line.substr(0, equals), value);
  }
  std::vector<std::pair<std::string, std::string>> known;
  for (const ConfigKey& key : config_keys(Config{})) known.emplace_back(key.section + "." + key.name, key.value);
  std::sort(named.begin(), named.end());
  std::sort(known.begin(), known.end());
  EXPECT_EQ(named, known);
  for (const char* key : {"kid", "alg", "secret_file", "secret_env", "public_key_file"}) {
    EXPECT_NE(text->find("# " + std::string(key) + " = "), std::string::npos) << key;
  }
}

TEST(Config, every_limit_of_the_contract_can_be_set) {
  std::size_t limits = 0;
  for (const ConfigKey& key : config_keys(Config{})) limits += key.section == "limits" ? 1 : 0;
  // Each member of Limits is four or eight bytes; a new one changes its size, and then this number. Of the 20 small
  // ones one is a gap.
  EXPECT_EQ(sizeof(Limits), 20 * sizeof(std::uint32_t) + 11 * sizeof(Millis));
  EXPECT_EQ(limits, 30U);
}

TEST(Config, what_is_set_is_what_is_read) {
  Config config;
  const ConfigProblems problems = read_config_toml(config, R"(
[server]
listen = "[::1]:80"
dev = true
namespaces = ["a", "b"]
drain_ms = 5
[engine]
durability = "relaxed"
[limits]
targets_per_acquire_max = 7
lease_max_ms = 60000
[[auth.key]]
kid = "one"
alg = "EdDSA"
public_key_file = "/k.pem"
)",
                                                   "f");
  EXPECT_EQ(problems, ConfigProblems{});
  EXPECT_EQ(config.listen, "[::1]:80");
  EXPECT_TRUE(config.dev);
  EXPECT_EQ(config.namespaces, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(config.drain, Millis{5});
  EXPECT_EQ(config.durability, "relaxed");
  EXPECT_EQ(config.limits.targets_per_acquire_max, 7U);
  EXPECT_EQ(config.limits.lease_max, Millis{60'000});
  ASSERT_EQ(config.keys.size(), 1U);
  EXPECT_EQ(config.keys[0], (KeyConfig{"one", "EdDSA", "", "", "/k.pem"}));
}

TEST(Config, every_mistake_is_told_with_its_line_from_the_top) {
  EXPECT_EQ(
      read("[server]\ndrain_ms = 1\nlissten = \"x\"\ndev = 1\n[log]\nlevel = \"loud\"\n[engine]\naudit_bytes = -1\n"),
      (ConfigProblems{"f:3: there is no key server.lissten.", "f:4: server.dev: this is true or false.",
                      "f:6: log.level: \"loud\" is none of debug, info, warning, error, off.",
                      "f:8: engine.audit_bytes: -1 is not between 1048576 and 17592186044416."}));
  EXPECT_EQ(read("[nonsense]\n"), (ConfigProblems{"f:1: there is no section [nonsense]."}));
  EXPECT_EQ(read("server = 1\n"), (ConfigProblems{"f:1: server is a section: [server]."}));
  EXPECT_EQ(read("[server]\nnamespaces = [1]\n"),
            (ConfigProblems{"f:2: server.namespaces: this is a list of texts: [\"…\"]."}));
  EXPECT_EQ(read("[http]\nconnections_max = 4294967296\n").size(), 1U);
  EXPECT_EQ(read("[http]\nconnections_max = \"many\"\n"),
            (ConfigProblems{"f:2: http.connections_max: this is a whole number."}));
  EXPECT_EQ(read("[server]\n\nlisten = \n").size(), 1U);
  EXPECT_TRUE(read("[server]\n\nlisten = \n")[0].starts_with("f:3: ")) << read("[server]\n\nlisten = \n")[0];
}

TEST(Config, a_key_has_one_source_that_fits_its_algorithm) {
  EXPECT_EQ(read("[[auth.key]]\nkid = \"a\"\n").size(), 1U);
  EXPECT_EQ(read("[[auth.key]]\nsecret_file = \"a\"\nsecret_env = \"b\"\n").size(), 1U);
  EXPECT_EQ(read("[[auth.key]]\nalg = \"RS256\"\nsecret_file = \"a\"\n").size(), 1U);
  EXPECT_EQ(read("[[auth.key]]\nalg = \"none\"\nsecret_file = \"a\"\n").size(), 1U);
  EXPECT_EQ(read("[[auth.key]]\nsecret = \"not in this file\"\n").size(), 2U);
  EXPECT_EQ(read("[[auth.key]]\nsecret_env = \"X\"\n"), ConfigProblems{});
}

TEST(Config, the_environment_goes_over_the_file_and_unknown_keys_in_it_are_told) {
  Config config;
  EXPECT_EQ(read_config_toml(config, "[server]\nlisten = \"127.0.0.1:1\"\n", "f"), ConfigProblems{});
  EXPECT_EQ(read_config_environment(config, {{"HOLDFAST_SERVER_LISTEN", "127.0.0.1:2"},
                                             {"HOLDFAST_SERVER_NAMESPACES", "a,b"},
                                             {"HOLDFAST_LIMITS_WAIT_MAX_MS", "9"},
                                             {"HOLDFAST_SERVER_DEV", "true"},
                                             {"HOLDFAST_TOKEN", "x"},
                                             {"HOLDFAST_SERVER", "http://x"},
                                             {"PATH", "/bin"}}),
            ConfigProblems{});
  EXPECT_EQ(config.listen, "127.0.0.1:2");
  EXPECT_EQ(config.namespaces, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(config.limits.wait_max, Millis{9});
  EXPECT_TRUE(config.dev);
  EXPECT_EQ(read_config_environment(config, {{"HOLDFAST_SERVER_LISTN", "x"},
                                             {"HOLDFAST_HTTP_BODY_BYTES_MAX", "1k"},
                                             {"HOLDFAST_SERVER_DEV", "yes"}}),
            (ConfigProblems{"HOLDFAST_SERVER_LISTN: there is no such key.",
                            "HOLDFAST_HTTP_BODY_BYTES_MAX: \"1k\" is no whole number.",
                            "HOLDFAST_SERVER_DEV: \"yes\" is neither true nor false."}));
}

TEST(Config, a_flag_is_checked_like_its_key) {
  Config config;
  EXPECT_EQ(read_config_flag(config, "engine.durability", "relaxed", "--durability"), ConfigProblems{});
  EXPECT_EQ(config.durability, "relaxed");
  EXPECT_EQ(read_config_flag(config, "engine.durability", "none", "--durability"),
            (ConfigProblems{"--durability: \"none\" is none of full, relaxed."}));
}

TEST(Config, development_on_an_open_address_is_refused) {
  Config config;
  config.dev = true;
  EXPECT_EQ(check_config(config), ConfigProblems{});
  for (const char* open : {"0.0.0.0:7420", "[::]:7420", "10.0.0.1:7420"}) {
    config.listen = open;
    EXPECT_EQ(check_config(config).size(), 1U) << open;
  }
  config.dev = false;
  config.keys.push_back(KeyConfig{.kid = "a", .secret_env = "X"});
  EXPECT_EQ(check_config(config), ConfigProblems{});
}

TEST(Config, what_no_single_key_shows_is_checked_before_the_start) {
  Config config;
  EXPECT_EQ(check_config(config).size(), 1U);  // nobody's token could be believed
  config.dev = true;
  config.engine = "redis";
  EXPECT_EQ(check_config(config).size(), 1U);
  config = Config{};
  config.dev = true;
  config.namespaces = {"", "a/b", std::string(65, 'a')};
  EXPECT_EQ(check_config(config).size(), 3U);
  config = Config{};
  config.dev = true;
  config.engine = "redis";
  config.redis = "redis://127.0.0.1:6379";
  EXPECT_TRUE(check_config(config).empty());
  config.redis_quarantine = trusted(config.limits.lease_min);
  ASSERT_EQ(check_config(config).size(), 1U) << "whoever holds the shortest lease would give up first";
  EXPECT_NE(check_config(config)[0].find("redis_quarantine_ms: below 9300"), std::string::npos)
      << check_config(config)[0];
  config = Config{};
  config.dev = true;
  config.limits.lease_min = Millis{40'000};
  EXPECT_EQ(check_config(config).size(), 1U);
  config = Config{};
  config.keys = {KeyConfig{.kid = "a", .secret_env = "X"}, KeyConfig{.kid = "a", .secret_env = "Y"}};
  EXPECT_EQ(check_config(config).size(), 1U);
}

// ---- what is read before the start

TEST(Startup, the_built_in_catalog_is_the_file_of_the_tree) {
  const auto file = read_file(HF_SOURCE_DIR "/catalog/ruinorerp.toml", 4 << 20);
  ASSERT_TRUE(file);
  EXPECT_TRUE(embedded_catalog_text() == *file);
  const auto catalog = open_catalog(Config{});
  ASSERT_TRUE(catalog) << catalog.error().detail;
  EXPECT_NE(catalog->find_type("SaleOrder"), nullptr);
}

TEST(Startup, the_built_in_description_is_the_file_of_the_tree) {
  const auto file = read_file(HF_SOURCE_DIR "/docs/openapi.yaml", 4 << 20);
  ASSERT_TRUE(file);
  EXPECT_TRUE(embedded_openapi_text() == *file);
}

TEST(Startup, a_bad_catalog_is_refused_with_its_line) {
  const Directory directory;
  Config config;
  config.catalog = directory.path + "/c.toml";
  EXPECT_EQ(open_catalog(config).error().code, Code::unavailable);
  std::ofstream(config.catalog) << "format = 1\nname = \"x\"\nnonsense = 1\n";
  EXPECT_NE(open_catalog(config).error().detail.find(":3: "), std::string::npos) << open_catalog(config).error().detail;
}

TEST(Startup, the_development_key_stays_the_same_and_is_nobody_elses) {
  const Directory one, two;
  Config config;
  config.dev = true;
  config.data = one.path;
  EXPECT_TRUE(open_keys(config, DevKey::leave)->dev_secret.empty());
  const auto first = open_keys(config, DevKey::make);
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_EQ(first->dev_secret.size(), 64U);
  EXPECT_EQ(open_keys(config, DevKey::make)->dev_secret, first->dev_secret);
  struct stat about{};
  ASSERT_EQ(::stat((one.path + "/dev.key").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0600U);
  config.data = two.path;
  EXPECT_NE(open_keys(config, DevKey::make)->dev_secret, first->dev_secret);
  std::ofstream(two.path + "/dev.key") << "short\n";
  EXPECT_FALSE(open_keys(config, DevKey::make));
}

TEST(Startup, a_keys_secret_comes_from_its_file_or_variable_and_is_in_no_message) {
  const Directory directory;
  const std::string secret = "h7Qd0vWmZk3pYt9xLr2BsNcF5gJ8uEaT1oKi";
  std::ofstream(directory.path + "/k") << secret << "\n";
  std::filesystem::permissions(directory.path + "/k", std::filesystem::perms::owner_read);
  Config config;
  config.keys = {KeyConfig{.kid = "file", .secret_file = directory.path + "/k"}};
  auto keys = open_keys(config, DevKey::leave);
  ASSERT_TRUE(keys) << keys.error().detail;
  EXPECT_EQ(keys->keys.all().at(0).secret, secret);
  config.keys = {KeyConfig{.kid = "missing", .secret_env = "HOLDFAST_UNIT_TEST_NOT_SET"}};
  EXPECT_NE(open_keys(config, DevKey::leave).error().detail.find("HOLDFAST_UNIT_TEST_NOT_SET"), std::string::npos);
  std::ofstream(directory.path + "/weak") << "weaksecret\n";
  std::filesystem::permissions(directory.path + "/weak", std::filesystem::perms::owner_read);
  config.keys = {KeyConfig{.kid = "weak", .secret_file = directory.path + "/weak"}};
  const auto weak = open_keys(config, DevKey::leave);
  ASSERT_FALSE(weak);
  EXPECT_EQ(weak.error().detail.find("weaksecret"), std::string::npos);
}

// ---- audit lines

AuditEntry entry(int n, std::string holder) {
  AuditEntry made;
  made.at = wall_us(1'800'000'000'000'000 + n * 1000);
  made.action = "acquire";
  made.user = holder;
  made.holder = std::move(holder);
  return made;
}

// A trail of `count` entries, the newest first, whose holders take turns.
AuditSource trail(int count) {
  return [count](const AuditFilter&, AuditCursor before, std::size_t limit, std::size_t) -> Result<AuditPage> {
    AuditPage page;
    const int from = before == AuditCursor{} ? 0 : static_cast<int>(before.seq);
    int at = from;
    for (; at < count && page.entries.size() < limit; ++at)
      page.entries.push_back(entry(count - at, at % 2 == 0 ? "li" : "wang"));
    page.next = AuditCursor{static_cast<std::uint64_t>(at), 0};
    page.end = at >= count;
    return page;
  };
}

// One answer; `next` is the cursor of its page, then that of the page after.
Result<std::vector<std::string>> lines_of(const AuditSource& source,
                                          std::vector<std::pair<std::string, std::string>> filters, std::string& next) {
  const auto wanted = read_audit_question({std::move(filters), next}, 500);
  if (!wanted) return tl::unexpected(wanted.error());
  const std::atomic<bool> cancelled{false};
  auto answer = audit_lines(source, *wanted, cancelled);
  if (!answer) return tl::unexpected(answer.error());
  next = std::move(answer->next);
  return std::move(answer->lines);
}

TEST(AuditLines, pages_follow_each_other_without_gap_or_repeat) {
  std::vector<std::string> all;
  std::string next;
  do {
    const auto lines = lines_of(trail(25), {{"limit", "10"}}, next);
    ASSERT_TRUE(lines);
    all.insert(all.end(), lines->begin(), lines->end());
  } while (!next.empty());
  EXPECT_EQ(all.size(), 25U);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 25U);
}

TEST(AuditLines, a_filter_of_ours_reads_on_until_the_page_is_full) {
  std::string next;
  const auto lines = lines_of(trail(100), {{"limit", "10"}, {"holder", "wang"}}, next);
  ASSERT_TRUE(lines);
  EXPECT_EQ(lines->size(), 10U);
  for (const std::string& line : *lines) EXPECT_NE(line.find("wang"), std::string::npos);
}

// All nodes of an installation read it alike: it names a place of their log.
TEST(AuditLines, a_cursor_of_a_log_with_generations_comes_back_as_it_was) {
  const AuditCursor place{.seq = 40, .index = 5, .generation = 3};
  const AuditSource source = [&](const AuditFilter&, AuditCursor before, std::size_t,
                                 std::size_t) -> Result<AuditPage> {
    AuditPage page;
    page.next = before == AuditCursor{} ? place : AuditCursor{};
    page.end = before == place;
    page.entries.emplace_back();
    return page;
  };
  std::string next;
  ASSERT_TRUE(lines_of(source, {{"limit", "1"}}, next));
  EXPECT_EQ(next, "3.40.5");
  ASSERT_TRUE(lines_of(source, {{"limit", "1"}}, next));
  EXPECT_EQ(next, "");
}

TEST(AuditLines, a_filter_that_cannot_be_read_names_its_field) {
  std::string next;
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"lock", "x"}, {"since", "yesterday"}, {"until", "1"}, {"limit", "0"}, {"limit", "x"}}) {
    const auto lines = lines_of(trail(1), {{name, value}}, next);
    ASSERT_FALSE(lines) << name;
    EXPECT_EQ(lines.error().field, name);
  }
  for (const char* cursor : {"x", "1", "1.", ".1", "0.2.3", "1.2.", "1..3", "1.2.3.4", "1.2.x", "-1.0"}) {
    next = cursor;
    EXPECT_FALSE(lines_of(trail(1), {}, next)) << cursor;
  }
}

TEST(AuditLines, who_has_left_has_no_more_read_for_him) {
  int pages = 0;
  std::atomic<bool> cancelled{false};
  const AuditSource source = [&](const AuditFilter&, AuditCursor, std::size_t, std::size_t) -> Result<AuditPage> {
    cancelled = ++pages == 2;
    return AuditPage{};
  };
  ASSERT_TRUE(audit_lines(source, AuditWanted{}, cancelled));
  EXPECT_EQ(pages, 2);
}

}  // namespace
}  // namespace hf
