// To-do trees of a real server that is killed, stopped and restarted under its people. If these fail, somebody who was
// disconnected for a moment sees bills that are long done, misses one that waits for him, or asks for everything anew
// and brings the server down with all others who do.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <future>

#include "tests/server/server_process.h"
#include "tests/server/todo_follower.h"

namespace hf::test {
namespace {

class TodoProcess : public ::testing::Test {
 protected:
  void SetUp() override {
    rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &descriptors);
  }
  void start(std::vector<std::string> environment = {}) {
    server = std::make_unique<ServerProcess>(data.path(), std::vector<std::string>{}, std::move(environment));
    ASSERT_NE(server->port(), 0) << server->log();
    if (!erp) erp = std::make_unique<Person>(server->port(), "erp", "admin");
  }
  Answer publish(const std::string& body) {
    const Answer answer = erp->call(server->port(), "POST", "/v1/status", body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer;
  }
  Person person(const std::string& user, const std::string& role = "reviewer") {
    return Person(server->port(), user, role);
  }

  TemporaryDirectory data;
  std::unique_ptr<ServerProcess> server;
  std::unique_ptr<Person> erp;
};

TEST_F(TodoProcess, two_thousand_trees_of_a_killed_server_go_on_by_their_cursors_and_lose_nothing) {
  start();
  publish(orders(0, 100, 1));
  std::vector<std::unique_ptr<TodoFollower>> all;
  for (int i = 0; i < 2000; ++i) {
    // A user may have 20 sessions, and those of before the kill live on for a lease.
    all.push_back(
        std::make_unique<TodoFollower>(i % 10 == 0 ? person("p" + std::to_string(i / 10)) : all.back()->person()));
  }
  for (const auto& one_of : all) one_of->begin(server->port());
  for (const auto& one_of : all) ASSERT_NO_FATAL_FAILURE(one_of->catch_up());
  ASSERT_EQ(all.back()->rows(), 100U);
  publish(batch({order("7", 2, approved)}));
  server->kill();
  start();
  publish(batch({order("8", 2), order("200", 1)}));
  for (const auto& one_of : all) one_of->begin(server->port());
  for (const auto& one_of : all) {
    ASSERT_NO_FATAL_FAILURE(one_of->catch_up());
    ASSERT_EQ(one_of->mode(), "diff");
    ASSERT_EQ(one_of->version_of("SaleOrder", "unreviewed", "8"), 2U);
    ASSERT_EQ(one_of->version_of("SaleOrder", "unreviewed", "200"), 1U);
    ASSERT_EQ(one_of->core().rows(), all.front()->core().rows());
  }
  EXPECT_EQ(all.front()->version_of("SaleOrder", "unreviewed", "7"), 0U) << "published before the kill, and answered";
}

TEST_F(TodoProcess, a_batch_that_was_answered_before_a_kill_is_answered_the_same_after_it) {
  start();
  const std::string body = batch({order("1", 1), order("2", 1)}, "batch-1");
  const std::string first = publish(body).body;
  server->kill();
  start();
  EXPECT_EQ(publish(body).body, first);
  EXPECT_EQ(text_at(publish(batch({order("1", 1)})).json(), "results.0.stale"), "true");
}

TEST_F(TodoProcess, who_was_away_beyond_what_the_log_keeps_begins_with_a_snapshot_that_says_so) {
  const std::vector<std::string> short_log{"HOLDFAST_STATUS_LOG_ENTRIES_MAX=50"};
  start(short_log);
  publish(orders(0, 40, 1));
  TodoFollower li(person("li"));
  li.follow(server->port());
  TodoFollower wang(person("wang"));
  wang.follow(server->port());
  wang.lose();
  publish(orders(0, 40, 2));
  wang.follow(server->port());
  EXPECT_EQ(wang.mode(), "diff") << "forty of fifty";
  wang.lose();
  publish(orders(40, 100, 1));
  publish(orders(100, 101, 1));  // the log is cut with the next batch
  wang.follow(server->port());
  EXPECT_EQ(wang.mode(), "snapshot");
  EXPECT_EQ(wang.reasons(), std::vector<std::string>{"trimmed"});
  EXPECT_EQ(wang.rows(), 101U);
  ASSERT_TRUE(li.until([](const TodoFollower& f) { return f.rows() == 101; }));
  EXPECT_EQ(li.core().rows(), wang.core().rows());
}

TEST_F(TodoProcess, what_is_published_while_a_hundred_thousand_rows_are_read_is_in_them_at_the_end) {
  start();
  constexpr int bills = 100'000;
  for (int from = 0; from < bills; from += 1000) publish(orders(from, from + 1000, 1));
  TodoFollower li(person("li"));
  li.begin(server->port());
  ASSERT_TRUE(li.until([](const TodoFollower& f) { return f.rows() > 0; })) << "pages have begun";
  auto publishing = std::async(std::launch::async, [this] {
    for (int i = 0; i < 50; ++i) {
      std::vector<std::string> events;
      for (int k = 0; k < 20; ++k) {
        const std::string id = std::to_string(i * 1999 + k * 7);
        events.push_back(k % 2 == 0 ? order(id, 2) : order(id, 2, approved));
      }
      publish(batch(events));
    }
    publish(batch({order("1000000", 1)}));
  });
  ASSERT_NO_FATAL_FAILURE(li.catch_up());
  publishing.get();
  ASSERT_TRUE(li.until([](const TodoFollower& f) { return f.version_of("SaleOrder", "unreviewed", "1000000") == 1; }));
  TodoFollower wang(person("wang"));
  wang.follow(server->port());
  ASSERT_NO_FATAL_FAILURE(li.catch_up()) << "the next digest";
  EXPECT_EQ(li.core().rows(), wang.core().rows());
  EXPECT_GT(wang.rows(), static_cast<std::size_t>(bills) / 2);
}

TEST_F(TodoProcess, who_lost_a_role_while_away_is_told_nothing_by_his_old_cursor) {
  start();
  publish(batch({order("1", 1, under_review, "wu"), order("2", 1)}));
  TodoFollower wu(person("wu", "reviewer"));
  wu.follow(server->port());
  EXPECT_EQ(wu.rows(), 2U);
  wu.lose();
  publish(batch({order("2", 2)}));
  wu.become(person("wu", "sales"));
  wu.follow(server->port());
  EXPECT_EQ(wu.mode(), "snapshot");
  EXPECT_EQ(wu.reasons(), std::vector<std::string>{"audience"});
  EXPECT_EQ(wu.rows(), 1U) << "his own order alone";
  EXPECT_EQ(wu.version_of("SaleOrder", "unreviewed", "1"), 1U);
}

TEST_F(TodoProcess, a_drained_server_sends_its_people_away_and_they_go_on_where_they_were) {
  start();
  publish(orders(0, 10, 1));
  TodoFollower li(person("li"));
  li.follow(server->port());
  server->signal(SIGTERM);
  while (li.hear()) {
  }
  EXPECT_EQ(li.close_code(), 1012);
  ASSERT_TRUE(server->wait());
  start();
  publish(batch({order("3", 2)}));
  li.follow(server->port());
  EXPECT_EQ(li.mode(), "diff");
  EXPECT_EQ(li.version_of("SaleOrder", "unreviewed", "3"), 2U);
}

TEST_F(TodoProcess, who_does_not_read_for_a_while_is_told_the_newest_states_when_he_reads_again) {
  start();
  TodoFollower slow(person("slow")), quick(person("quick"));
  slow.follow(server->port());
  quick.follow(server->port());
  int version = 0;
  // More than the server's queue and the kernel take together; quick keeps up. Few and large events: while he does not
  // read he answers no ping either, and must not be taken for dead.
  const auto flood = [&] {
    ++version;
    std::vector<std::string> events;
    for (int i = 0; i < 500; ++i) {
      std::string noise;
      for (int k = 0; k < 280; ++k)
        noise += std::to_string((i * 7919 + version * 104'729 + k * 1'299'709) % 99'991) + " ";
      events.push_back(order(std::to_string(i), version, under_review, "li", noise));
    }
    publish(batch(events));
    ASSERT_TRUE(quick.until([&](const TodoFollower& f) {
      return f.version_of("SaleOrder", "unreviewed", "499") == static_cast<std::uint64_t>(version);
    }));
  };
  for (int i = 0; i < 25; ++i) ASSERT_NO_FATAL_FAILURE(flood());
  // What was held back for the slow one was not kept: he is told the newest state alone.
  const std::size_t before = slow.changes();
  ASSERT_TRUE(slow.until([&](const TodoFollower& f) {
    return f.version_of("SaleOrder", "unreviewed", "499") == static_cast<std::uint64_t>(version);
  })) << "closed: "
      << slow.close_code();
  EXPECT_LT(slow.changes() - before, 500U * 22) << "of 25 rounds; some were on their way before";
  ASSERT_NO_FATAL_FAILURE(slow.catch_up());
  EXPECT_EQ(slow.core().rows(), quick.core().rows());
}

}  // namespace
}  // namespace hf::test
