// The fence behind a real holdfastd: what its answers say is what the ERP's database is asked with. And what we give to
// an ERP's developer: the SQL that `holdfast fence` prints, the page and the example. If these fail, he builds a fence
// that lets the late save through.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "catalog/erp_catalog_test.h"
#include "fence/fence_sql.h"
#include "tests/fence/save.h"
#include "tests/server/people.h"

namespace hf::test {
namespace {

using ::testing::HasSubstr;

constexpr std::array<Dialect, dialect_count> dialects = {Dialect::sqlite, Dialect::postgresql, Dialect::sqlserver,
                                                         Dialect::mysql};

class FenceProcess : public ::testing::TestWithParam<Dialect> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(database.is_made());
    ASSERT_NE(port, 0) << server.log();
    ASSERT_TRUE(save(erp, {.version = 0, .token = 1}, order(1001, 10)));
    for (Person* person : {&li, &wang}) person->open_session(port);
  }
  static Token token(const Answer& granted) { return std::stoull(text_at(granted.json(), "token")); }
  // As an administrator who looks for the lock of the bill.
  void force(const Answer& granted) {
    const Person boss(port, "boss", "admin");
    const Answer forced = boss.call(port, "POST", "/v1/locks/" + text_at(granted.json(), "lock") + "/force",
                                    R"({"reason":"he has gone home"})");
    ASSERT_EQ(forced.status, 200) << forced.body;
  }

  FenceDatabase database{GetParam()};
  Connection erp = database.connect();
  Connection other = database.connect();
  TemporaryDirectory data;
  ServerProcess server{data.path()};
  const std::uint16_t port = server.port();
  Person li{port, "li"};
  Person wang{port, "wang"};
};

INSTANTIATE_TEST_SUITE_P(Databases, FenceProcess,
                         ::testing::Values(Dialect::sqlite, Dialect::postgresql, Dialect::mysql),
                         [](const auto& tested) { return std::string(name_of(tested.param)); });

TEST_P(FenceProcess, a_save_after_a_forced_unlock_meets_no_row) {
  const Answer first = li.acquire(port, "SaleOrder:1001", R"(,"if_versions":{"SaleOrder:1001":1})");
  ASSERT_EQ(first.status, 201) << first.body;
  ASSERT_EQ(wang.acquire(port, "SaleOrder:1001").status, 423);
  force(first);
  const Answer second = wang.acquire(port, "SaleOrder:1001");
  ASSERT_EQ(second.status, 201) << second.body;
  ASSERT_TRUE(save(other, {.version = 1, .token = token(second)}, set_quantity(20)));
  EXPECT_FALSE(save(erp, {.version = 1, .token = token(first)}, set_quantity(11)));
  EXPECT_FALSE(save(erp, {.version = version_of(erp), .token = token(first)}, set_quantity(11)));
  EXPECT_EQ(quantity_of(erp), 20);
}

TEST_P(FenceProcess, a_line_and_its_bill_are_written_with_what_verify_tells) {
  const std::string line = "SaleOrder:1001/SaleOrderDetail/7";
  const Answer own_line = li.acquire(port, line);
  ASSERT_EQ(own_line.status, 201) << own_line.body;
  const Answer own_bill = li.acquire(port, "SaleOrder:1001");
  ASSERT_EQ(own_bill.status, 201) << own_bill.body;
  ASSERT_TRUE(save(erp, {.version = 1, .token = token(own_bill)}, set_quantity(11)));
  EXPECT_FALSE(save(erp, {.version = 2, .token = token(own_line)}, set_quantity(12), Under::part));
  const Answer verified = li.call(port, "POST", "/v1/locks/verify",
                                  R"({"lock":")" + text_at(own_line.json(), "lock") + R"(","token":)" +
                                      std::to_string(token(own_line)) + R"(,"targets":[")" + line + "\"]}");
  ASSERT_EQ(verified.status, 200) << verified.body;
  EXPECT_TRUE(save(erp, {.version = 2, .token = token(verified)}, set_quantity(12), Under::part)) << verified.body;
}

TEST_P(FenceProcess, the_version_that_a_release_tells_refuses_who_reads_an_older_one) {
  const Answer held = li.acquire(port, "SaleOrder:1001", R"(,"if_versions":{"SaleOrder:1001":1})");
  ASSERT_EQ(held.status, 201) << held.body;
  ASSERT_TRUE(save(erp, {.version = 1, .token = token(held)}, set_quantity(11)));
  const Answer released =
      li.call(port, "DELETE", "/v1/locks/" + text_at(held.json(), "lock") + "?session=" + li.session() + "&version=2");
  ASSERT_EQ(released.status, 200) << released.body;
  const Answer behind = wang.acquire(port, "SaleOrder:1001", R"(,"if_versions":{"SaleOrder:1001":1})");
  EXPECT_EQ(behind.status, 409) << behind.body;
  EXPECT_EQ(text_at(behind.json(), "code"), "stale_version");
  EXPECT_EQ(wang.acquire(port, "SaleOrder:1001", R"(,"if_versions":{"SaleOrder:1001":2})").status, 201);
}

// ---------------------------------------------------------------------------------------------- the examples

// A script of examples/, which waits for a line before it saves.
class Example {
 public:
  Example(const std::string& script, const std::vector<std::string>& arguments) {
    std::array<int, 2> in{-1, -1};
    std::array<int, 2> out{-1, -1};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) return;
    std::vector<std::string> all = {"python3", HF_SOURCE_DIR "/examples/" + script};
    all.insert(all.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& one : all) argv.push_back(one.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::dup2(out[1], 2);
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    enter_ = in[1];
    said_ = out[0];
  }
  ~Example() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    end();
    ::close(said_);
  }
  Example(const Example&) = delete;
  Example& operator=(const Example&) = delete;

  // Waits until it has said so much, or has ended; what it has said.
  const std::string& wait_for(std::string_view text) {
    std::array<char, 1024> block{};
    pollfd ready{said_, POLLIN, 0};
    while (heard_.find(text) == std::string::npos && ::poll(&ready, 1, 60'000) > 0) {
      const ssize_t got = ::read(said_, block.data(), block.size());
      if (got <= 0) break;
      heard_.append(block.data(), static_cast<std::size_t>(got));
    }
    return heard_;
  }
  // The user saves; its exit code.
  int enter() {
    wait_for("\n");
    EXPECT_EQ(::write(enter_, "\n", 1), 1);
    wait_for("nothing that it says: its end");
    return end();
  }

 private:
  int end() {
    if (enter_ >= 0) ::close(std::exchange(enter_, -1));
    int status = 0;
    if (pid_ <= 0 || ::waitpid(std::exchange(pid_, -1), &status, 0) <= 0) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  pid_t pid_ = -1;
  int enter_ = -1, said_ = -1;
  std::string heard_;
};

TEST(FenceExample, saves_under_its_lock_and_is_refused_when_somebody_else_has_saved) {
  const FenceDatabase database(Dialect::sqlite);
  ASSERT_TRUE(database.is_made());
  Connection erp = database.connect();
  ASSERT_TRUE(save(erp, {.version = 0, .token = 1}, order(1001, 10)));
  const TemporaryDirectory data;
  const ServerProcess server(data.path());
  ASSERT_NE(server.port(), 0) << server.log();
  const Person li(server.port(), "li");
  const std::string url = "http://127.0.0.1:" + std::to_string(server.port());
  const auto arguments = [&](const std::string& quantity) {
    return std::vector<std::string>{url, li.token(), database.file(), "SaleOrder:1001", quantity};
  };
  {
    Example first("fenced_save.py", arguments("11"));
    EXPECT_EQ(first.enter(), 0) << first.wait_for("");
    EXPECT_EQ(quantity_of(erp), 11);
    EXPECT_EQ(version_of(erp), 2);
  }
  {
    Example second("fenced_save.py", arguments("12"));
    EXPECT_THAT(second.wait_for("\n"), HasSubstr("version 2"));
    Example third("fenced_save.py", arguments("13"));
    EXPECT_THAT(third.wait_for("\n"), HasSubstr("\"locked\""));
    ASSERT_TRUE(erp.execute(set_quantity(20))) << "round the fence";
    EXPECT_EQ(second.enter(), 1) << second.wait_for("");
    EXPECT_THAT(second.wait_for(""), HasSubstr("has changed meanwhile"));
  }
  EXPECT_EQ(quantity_of(erp), 20);
}

class GuardedExample : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(database.is_made());
    ASSERT_NE(server.port(), 0) << server.log();
    ASSERT_TRUE(save(erp, {.version = 0, .token = 1}, order(1001, 10)));
    wang.open_session(server.port());
  }
  Example example(const std::string& quantity) {
    const std::string url = "http://127.0.0.1:" + std::to_string(server.port());
    return {"guarded_action.py", {url, li.token(), database.file(), "SaleOrder:1001", quantity}};
  }
  // The run that it says it has begun.
  static std::string run_of(Example& running) {
    const std::string& said = running.wait_for("\n");
    return said.starts_with("run ") ? said.substr(4, 26) : said;
  }
  std::string state_of(const std::string& run) {
    return text_at(li.call(server.port(), "GET", "/v1/runs/" + run).json(), "state");
  }

  const FenceDatabase database{Dialect::sqlite};
  Connection erp = database.connect();
  const TemporaryDirectory data;
  const ServerProcess server{data.path(), {}, {"HOLDFAST_LIMITS_TEMPORARY_TTL_MS=2000"}};
  const Person li{server.port(), "li", "manager"};
  Person wang{server.port(), "wang"};
};

TEST_F(GuardedExample, acts_while_others_are_kept_off_the_bill) {
  Example running = example("11");
  const std::string run = run_of(running);
  EXPECT_EQ(state_of(run), "running");
  EXPECT_EQ(wang.acquire(server.port(), "SaleOrder:1001").status, 423);
  EXPECT_EQ(running.enter(), 0) << running.wait_for("");
  EXPECT_EQ(quantity_of(erp), 11);
  EXPECT_EQ(version_of(erp), 2);
  EXPECT_EQ(state_of(run), "done");
  EXPECT_EQ(wang.acquire(server.port(), "SaleOrder:1001").status, 201);
}

// Whoever waits for the bill is given it as the locks end: nobody looks at a clock.
TEST_F(GuardedExample, that_is_killed_leaves_its_run_unknown_and_its_bill_free) {
  std::string run;
  {
    Example killed = example("11");
    run = run_of(killed);
  }
  EXPECT_EQ(wang.acquire(server.port(), "SaleOrder:1001", R"(,"wait_ms":25000)").status, 201);
  EXPECT_EQ(state_of(run), "unknown");
  EXPECT_EQ(quantity_of(erp), 10);
}

TEST_F(GuardedExample, that_wakes_up_too_late_writes_nothing) {
  Example late = example("11");
  const std::string run = run_of(late);
  const Answer held = wang.acquire(server.port(), "SaleOrder:1001", R"(,"wait_ms":25000)");
  ASSERT_EQ(held.status, 201) << held.body;
  ASSERT_TRUE(save(erp, {.version = 1, .token = std::stoull(text_at(held.json(), "token"))}, set_quantity(20)));
  EXPECT_EQ(late.enter(), 1);
  EXPECT_THAT(late.wait_for(""), HasSubstr("lock_gone"));
  EXPECT_EQ(quantity_of(erp), 20);
  EXPECT_EQ(state_of(run), "unknown");
}

// ---------------------------------------------------------------------------------------------- what we hand out

TEST(FencePage, quotes_the_sql_that_the_program_carries) {
  for (const Dialect dialect : dialects) {
    EXPECT_THAT(fencing_page(), HasSubstr("```sql\n" + std::string(fence::schema_of(dialect)) + "```"))
        << name_of(dialect);
  }
}

TEST(FencePage, has_one_fence_in_prose_in_the_examples_and_in_csharp) {
  const std::string condition =
      "WHERE type = :type AND id = :id AND version = :version AND token <= :token AND part_token "
      "<= :token AND guarded = 0";
  for (const char* script : {"fenced_save.py", "guarded_action.py"}) {
    std::ifstream in(std::string(HF_SOURCE_DIR "/examples/") + script);
    std::ostringstream example;
    example << in.rdbuf();
    EXPECT_THAT(example.str(), HasSubstr(condition)) << script;
  }
  EXPECT_THAT(fencing_page(), HasSubstr(condition));
}

TEST(FenceCommand, prints_the_table_and_the_triggers) {
  const std::string catalog = HF_SOURCE_DIR "/catalog/ruinorerp.toml";
  for (const Dialect dialect : dialects) {
    const std::string database(name_of(dialect));
    const Ended table = run_program({HF_HOLDFAST, "fence", "sql", database});
    EXPECT_EQ(table.output, fence::schema_of(dialect)) << table.errors;
    const Ended one = run_program({HF_HOLDFAST, "fence", "triggers", database, "--catalog", catalog, "SaleOrder"});
    EXPECT_EQ(one.output, fence::triggers_of(dialect, *erp(), *erp()->find_type("SaleOrder"))) << one.errors;
    const Ended all = run_program({HF_HOLDFAST, "fence", "triggers", database, "--catalog", catalog});
    EXPECT_THAT(all.output, HasSubstr(one.output));
    EXPECT_GT(all.output.size(), 10 * one.output.size());
  }
}

TEST(FenceCommand, says_what_is_wrong) {
  const std::string catalog = HF_SOURCE_DIR "/catalog/ruinorerp.toml";
  const Ended database = run_program({HF_HOLDFAST, "fence", "sql", "oracle"});
  EXPECT_EQ(database.exit_code, 2);
  EXPECT_THAT(database.errors, HasSubstr("sqlite, postgresql, sqlserver or mysql"));
  const Ended type = run_program({HF_HOLDFAST, "fence", "triggers", "mysql", "--catalog", catalog, "Nonsense"});
  EXPECT_EQ(type.exit_code, 2);
  EXPECT_THAT(type.errors, HasSubstr("The catalog has no type Nonsense."));
  EXPECT_EQ(type.output, "");
  const Ended missing = run_program({HF_HOLDFAST, "fence", "triggers", "mysql", "--catalog", "/nonexistent"});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.errors, HasSubstr("/nonexistent cannot be read"));
  const Ended broken =
      run_program({HF_HOLDFAST, "fence", "triggers", "mysql", "--catalog", HF_SOURCE_DIR "/README.md"});
  EXPECT_EQ(broken.exit_code, 2);
  EXPECT_THAT(broken.errors, HasSubstr("README.md:"));
}

}  // namespace
}  // namespace hf::test
