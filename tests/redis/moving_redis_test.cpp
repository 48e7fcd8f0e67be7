// An installation moves from one engine to another by a file. If these fail, who moves loses locks, hands one bill to
// two people, or puts an old state over a living one.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "net/loop.h"
#include "server/engine_host.h"
#include "server/moving.h"
#include "server/startup.h"
#include "store/embedded/journal.h"
#include "store/embedded/store_workload.h"
#include "tests/redis/engine_commands.h"
#include "tests/redis/redis_process.h"
#include "tests/server/people.h"
#include "tests/server/server_process.h"

namespace hf::test {
namespace {

Acquire acquire_of(std::uint64_t n, const std::string& user, std::uint64_t id, const std::string& target) {
  return std::get<Acquire>(acquire(n, user, id, target));
}

class Moving : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loaded = open_catalog(Config{});
    ASSERT_TRUE(loaded);
    catalog_ = std::make_unique<Catalog>(*std::move(loaded));
    source_ = embedded("source");
  }
  Config embedded(const std::string& name) const {
    Config config;
    config.data = directory_.path() + "/" + name;
    return config;
  }
  static Config in_redis(const RedisProcess& redis) {
    Config config;
    config.engine = "redis";
    config.redis = redis.url().text();
    return config;
  }
  std::string file(const std::string& name) const { return directory_.path() + "/" + name; }

  // Two namespaces: one with an edit lock, a wait and a request for it, a temporary lock and a hold; one with a hold.
  void fill_source() const {
    const Wall now = Loop::now().wall;
    const auto options = tree_options(source_, *catalog_);
    std::vector<LockEvent> events;
    std::string changes;
    LockTree tree(options);
    const auto run = [&](const LockCommand& command) { return tree.apply(command, now, events, changes); };
    for (const auto& [n, user] : {std::pair{1, "li"}, {2, "wang"}, {3, "zhao"}})
      run(open_session(static_cast<std::uint64_t>(n), user));
    EXPECT_TRUE(std::holds_alternative<Granted>(run(acquire(1, "li", 1, "SaleOrder:1"))));
    EXPECT_TRUE(std::holds_alternative<Queued>(run(acquire(2, "wang", 2, "SaleOrder:1", Millis(600'000)))));
    Ask ask;
    ask.caller = caller("zhao");
    ask.session = session(3);
    ask.lock = lock(1);
    ask.wait = lock(3);
    ask.message = "customer on the phone";
    EXPECT_TRUE(std::holds_alternative<Queued>(run(ask)));
    Acquire temporary = acquire_of(1, "li", 4, "SaleOrder:4");
    temporary.kind = Kind::temporary;
    EXPECT_TRUE(std::holds_alternative<Granted>(run(temporary)));
    EXPECT_TRUE(std::holds_alternative<Granted>(run(hold(5))));
    tree.seal(changes);
    const Token last = tree.last_token();
    LockTree second(options);
    std::string others;
    second.apply(open_session(1, "li"), now, events, others);
    EXPECT_TRUE(std::holds_alternative<Granted>(second.apply(hold(6), now, events, others)));
    second.seal(others);
    auto journal = Journal::open(source_.data);
    ASSERT_TRUE(journal) << journal.error().detail;
    ASSERT_TRUE((*journal)->load([](NamespaceIndex, std::string_view) { return true; }));
    const std::vector<std::string> names = {"default", "second"};
    const std::vector<JournalSection> sections = {{0, changes, last}, {1, others, second.last_token()}};
    ASSERT_TRUE((*journal)->commit({now, names, sections}));
  }
  static LockCommand hold(std::uint64_t id) {
    Acquire command = acquire_of(1, "li", id, "SaleOrder:" + std::to_string(id));
    command.kind = Kind::hold;
    command.caller.hold = true;
    command.owner = "workflow:" + std::to_string(id);
    command.ttl = Millis(3'600'000);
    return command;
  }

  // What the engine holds, by namespace, as text; and the next token of each.
  struct Seen {
    std::map<std::string, std::string> states;
    std::map<std::string, Token> next_tokens;
    MoveCounts counts;
  };
  Seen look(const Config& config) const {
    auto backup = take_state(config, *catalog_);
    EXPECT_TRUE(backup) << backup.error().detail;
    Seen seen;
    if (!backup) return seen;
    const auto counts = prepare(*backup, config, *catalog_, Restore::whole);
    EXPECT_TRUE(counts) << counts.error().detail;
    if (counts) seen.counts = *counts;
    const Wall now = Loop::now().wall;
    for (const Backup::Part& part : backup->parts) {
      LockTree tree(tree_options(config, *catalog_));
      EXPECT_TRUE(tree.recover(part.image) && tree.recovered(now, 0));
      seen.states[part.ns] = state_of(tree, now);
      std::vector<LockEvent> events;
      std::string changes;
      tree.apply(open_session(9, "new"), now, events, changes);
      const LockOutcome granted = tree.apply(acquire(9, "new", 9, "SaleOrder:9"), now, events, changes);
      EXPECT_TRUE(std::holds_alternative<Granted>(granted));
      if (const auto* one = std::get_if<Granted>(&granted)) seen.next_tokens[part.ns] = one->grant.token;
    }
    return seen;
  }
  void move(const Config& from, const Config& to, const std::string& name) const {
    const auto taken = take_state(from, *catalog_);
    ASSERT_TRUE(taken) << taken.error().detail;
    ASSERT_TRUE(save_backup(file(name), *taken));
    auto read = load_backup(file(name));
    ASSERT_TRUE(read) << read.error().detail;
    ASSERT_TRUE(prepare(*read, to, *catalog_, Restore::whole));
    const auto put = put_state(*read, to, *catalog_);
    ASSERT_TRUE(put) << put.error().detail;
  }
  static std::string refusal(const Result<void>& result) { return result ? "done" : result.error().detail; }

  TemporaryDirectory directory_;
  std::unique_ptr<Catalog> catalog_;
  Config source_;
};

TEST_F(Moving, from_embedded_to_redis_and_back_everything_goes_along_and_tokens_grow) {
  fill_source();
  const RedisProcess redis;
  ASSERT_TRUE(redis.is_running());
  const Seen before = look(source_);
  const MoveCounts all{
      .namespaces = 2, .sessions = 4, .edits = 1, .temporaries = 1, .holds = 2, .queued = 1, .requests = 1};
  EXPECT_EQ(before.counts, all);
  EXPECT_NE(before.states.at("default").find("waits " + lock(2).text() + " 1"), std::string::npos)
      << before.states.at("default");
  move(source_, in_redis(redis), "first");
  const Seen between = look(in_redis(redis));
  EXPECT_EQ(between.states, before.states);
  EXPECT_EQ(between.counts, all);
  const Config target = embedded("target");
  move(in_redis(redis), target, "second");
  const Seen after = look(target);
  EXPECT_EQ(after.states, before.states);
  EXPECT_EQ(after.counts, all);
  for (const auto& [ns, token] : before.next_tokens) {
    EXPECT_GT(between.next_tokens.at(ns), token) << ns;
    EXPECT_GT(after.next_tokens.at(ns), token) << ns;
  }
}

TEST_F(Moving, of_an_old_backup_holds_alone_are_kept_and_tokens_pass_all_that_were_given_since) {
  fill_source();
  const RedisProcess redis;
  ASSERT_TRUE(redis.is_running());
  const Seen before = look(source_);
  const auto taken = take_state(source_, *catalog_);
  ASSERT_TRUE(taken);
  for (const Config& target : {embedded("target"), in_redis(redis)}) {
    Backup old = *taken;
    const auto counts = prepare(old, target, *catalog_, Restore::only_holds);
    ASSERT_TRUE(counts) << counts.error().detail;
    EXPECT_EQ(*counts, before.counts) << "what is dropped is counted";
    const auto put = put_state(old, target, *catalog_);
    ASSERT_TRUE(put) << put.error().detail;
    const Seen after = look(target);
    EXPECT_EQ(after.counts, (MoveCounts{.namespaces = 2, .holds = 2}));
    EXPECT_NE(after.states.at("default").find(lock(5).text()), std::string::npos);
    for (const auto& [ns, token] : before.next_tokens) EXPECT_GT(after.next_tokens.at(ns), token + token_raise) << ns;
  }
}

TEST_F(Moving, a_target_that_is_not_empty_is_refused_and_stays_as_it_was) {
  fill_source();
  const RedisProcess redis;
  ASSERT_TRUE(redis.is_running());
  auto taken = take_state(source_, *catalog_);
  ASSERT_TRUE(taken);
  ASSERT_TRUE(prepare(*taken, source_, *catalog_, Restore::whole));
  for (const Config& target : {embedded("target"), in_redis(redis)}) {
    ASSERT_TRUE(put_state(*taken, target, *catalog_));
    const Seen before = look(target);
    const std::string why = refusal(put_state(*taken, target, *catalog_));
    EXPECT_NE(why.find("is not empty"), std::string::npos) << why;
    EXPECT_EQ(look(target).states, before.states);
  }
}

TEST_F(Moving, a_source_that_is_not_there_is_not_made) {
  const RedisProcess redis;
  ASSERT_TRUE(redis.is_running());
  EXPECT_EQ(take_state(source_, *catalog_).error().code, Code::not_found);
  EXPECT_FALSE(std::filesystem::exists(source_.data));
  EXPECT_EQ(take_state(in_redis(redis), *catalog_).error().code, Code::not_found);
  EXPECT_EQ(redis.command({"DBSIZE"}).integer, 0);
}

TEST_F(Moving, a_redis_that_is_gone_is_said_in_time) {
  RedisProcess redis;
  ASSERT_TRUE(redis.is_running());
  const Config config = in_redis(redis);
  redis.kill();
  const auto taken = take_state(config, *catalog_);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::unavailable);
}

TEST_F(Moving, what_contradicts_itself_is_put_nowhere) {
  fill_source();
  auto taken = take_state(source_, *catalog_);
  ASSERT_TRUE(taken);
  taken->parts[0].image.resize(taken->parts[0].image.size() / 2);
  const auto counts = prepare(*taken, source_, *catalog_, Restore::whole);
  ASSERT_FALSE(counts);
  EXPECT_NE(counts.error().detail.find("contradicts itself"), std::string::npos) << counts.error().detail;
}

// The commands, by nodes that have run.
class MovingNodes : public ::testing::Test {
 protected:
  static Ended command(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), HF_HOLDFAST);
    return run_program(arguments, {}, 60'000);
  }
  static bool ready(const ServerProcess& node) { return Client(node.port()).request("GET", "/readyz").status == 200; }
  std::string file(const std::string& name) const { return directory_.path() + "/" + name; }
  TemporaryDirectory directory_;
};

TEST_F(MovingNodes, people_go_on_with_their_locks_after_a_move_and_a_node_at_work_is_left_alone) {
  const RedisProcess redis;
  ASSERT_TRUE(redis.is_running());
  const std::string url = redis.url().text();
  const std::string data = file("data");
  const std::string moved = file("moved");
  ASSERT_TRUE(make_directory(moved));
  std::string held;
  {
    ServerProcess node(data);
    ASSERT_NE(node.port(), 0) << node.log();
    Person li(node.port(), "li");
    li.open_session(node.port());
    held = text_at(li.acquire(node.port(), "SaleOrder:1").json(), "lock");
    ASSERT_FALSE(held.empty());
    const Ended busy = command({"backup", "--data", data, file("backup")});
    EXPECT_EQ(busy.exit_code, 1);
    EXPECT_NE(busy.errors.find("is in use by process"), std::string::npos) << busy.errors;
    EXPECT_EQ(node.stop()->exit_code, 0);
  }
  Ended done = command({"backup", "--data", data, file("backup")});
  ASSERT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_NE(done.output.find("1 edit lock,"), std::string::npos) << done.output;
  EXPECT_NE(command({"backup", "--data", data, file("backup")}).errors.find("there already"), std::string::npos);
  done = command({"restore", file("backup"), "--redis", url, "--name", "erp"});
  ASSERT_EQ(done.exit_code, 0) << done.errors;
  std::filesystem::copy_file(data + "/dev.key", moved + "/dev.key");
  ServerProcess node(moved, {"--engine", "redis", "--redis", url, "--name", "erp"});
  ASSERT_NE(node.port(), 0) << node.log();
  ASSERT_TRUE(eventually([&] { return ready(node); })) << node.log();
  Person wang(node.port(), "wang");
  wang.open_session(node.port());
  EXPECT_EQ(wang.acquire(node.port(), "SaleOrder:1").status, 423);
  EXPECT_EQ(text_at(wang.call(node.port(), "GET", "/v1/locks/" + held).json(), "lock"), held);
  EXPECT_EQ(wang.acquire(node.port(), "SaleOrder:2").status, 201);
  Ended busy = command({"backup", "--redis", url, "--name", "erp", file("second")});
  EXPECT_EQ(busy.exit_code, 1);
  EXPECT_NE(busy.errors.find("is in use by node"), std::string::npos) << busy.errors;
  busy = command({"restore", file("backup"), "--redis", url, "--name", "erp"});
  EXPECT_EQ(busy.exit_code, 1);
  EXPECT_NE(busy.errors.find("is not empty"), std::string::npos) << busy.errors;
  EXPECT_TRUE(ready(node));
  EXPECT_EQ(node.stop()->exit_code, 0);
  EXPECT_EQ(command({"backup", "--redis", url, "--name", "erp", file("second")}).exit_code, 0);
  done = command({"restore", "--old", file("second"), "--data", file("third")});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_NE(done.output.find("Dropped: 2 edit locks, 0 temporary locks, 2 sessions"), std::string::npos) << done.output;
}

TEST_F(MovingNodes, what_cannot_be_is_refused_with_a_sentence) {
  std::ofstream(file("text")) << "no backup";
  const auto said = [&](std::vector<std::string> arguments) {
    const Ended ended = command(std::move(arguments));
    return std::to_string(ended.exit_code) + " " + ended.errors;
  };
  EXPECT_NE(said({"restore", file("text"), "--data", file("new")}).find("is no backup"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(file("new"))) << "a restore that is refused makes nothing";
  EXPECT_TRUE(said({"restore", file("gone"), "--data", file("new")}).starts_with("1 "));
  EXPECT_TRUE(said({"backup", "--data", file("gone"), file("backup")}).starts_with("1 "));
  EXPECT_FALSE(std::filesystem::exists(file("backup")));
  EXPECT_TRUE(said({"backup"}).starts_with("2 "));
  EXPECT_TRUE(said({"backup", "--data", "a", "--redis", "redis://127.0.0.1:1", file("b")}).starts_with("2 "));
  EXPECT_NE(command({"backup", "--help"}).output.find("FILE"), std::string::npos);
}

}  // namespace
}  // namespace hf::test
