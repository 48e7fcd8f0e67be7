// Clients that know both nodes of one installation. If these fail, "kill either node, its people go on at the other" is
// true for those only who speak the protocol themselves.

#include <gtest/gtest.h>
#include <holdfast/todo_view.h>

#include <atomic>
#include <filesystem>
#include <future>

#include "tests/redis/redis_process.h"
#include "tests/server/people.h"
#include "tests/server/server_process.h"
#include "tests/server/todo_follower.h"

namespace hf::test {
namespace {

class Addresses : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(redis.is_running());
    start(a, data_a);
    std::filesystem::copy_file(data_a.path() + "/dev.key", data_b.path() + "/dev.key");
    start(b, data_b);
    erp = std::make_unique<Person>(b->port(), "erp", "admin");
  }
  void start(std::unique_ptr<ServerProcess>& node, const TemporaryDirectory& data) {
    node = std::make_unique<ServerProcess>(
        data.path(), std::vector<std::string>{"--engine", "redis", "--redis", redis.url().text()});
    ASSERT_NE(node->port(), 0) << node->log();
    ASSERT_TRUE(eventually([&] { return Client(node->port()).request("GET", "/readyz").status == 200; }));
  }
  static std::string url(const ServerProcess& node) { return "http://127.0.0.1:" + std::to_string(node.port()); }
  // The first one first.
  std::string both() const { return url(*a) + "," + url(*b); }
  std::string lock_of(const std::string& bill) const {
    return text_at(erp->call(b->port(), "GET", "/v1/locks?type=SaleOrder").json(), "locks.0.targets.0") == bill
               ? text_at(erp->call(b->port(), "GET", "/v1/locks?type=SaleOrder").json(), "locks.0.lock")
               : std::string();
  }
  void force(const std::string& lock) const {
    EXPECT_EQ(erp->call(b->port(), "POST", "/v1/locks/" + lock + "/force", R"({"reason":"test"})").status, 200);
  }

  RedisProcess redis{{.appendonly = true}};
  TemporaryDirectory data_a, data_b;
  std::unique_ptr<ServerProcess> a, b;
  std::unique_ptr<Person> erp;
};

TEST_F(Addresses, a_client_goes_on_at_the_other_node_with_its_lock_and_its_tree) {
  const Person li(a->port(), "li", "admin");
  std::atomic<int> lost{0};
  auto client =
      holdfast::Client::open({.url = both(), .token = li.token(), .on_lost = [&](const holdfast::Lost&) { ++lost; }});
  ASSERT_TRUE(client);
  auto lock = client->acquire({.targets = {"SaleOrder:1001"}});
  ASSERT_TRUE(lock) << lock.error().text();
  std::atomic<std::uint64_t> version{0};
  auto view = holdfast::TodoView::open(*client, {.on_change = [&](const holdfast::TodoChanges& changes) {
    for (const holdfast::TodoChange& change : changes.rows) {
      if (change.row.bill.id == "7") version = change.row.bill.version.value_or(0);
    }
  }});
  ASSERT_TRUE(view);
  ASSERT_EQ(erp->call(b->port(), "POST", "/v1/status", batch({order("7", 1)})).status, 200);
  ASSERT_TRUE(eventually([&] { return version == 1U; }));
  const std::string session = client->session();
  const holdfast::Token token = lock->token();

  a->kill();
  ASSERT_EQ(erp->call(b->port(), "POST", "/v1/status", batch({order("7", 2)})).status, 200);
  EXPECT_TRUE(eventually([&] { return version == 2U; })) << "the tree stands still";
  EXPECT_EQ(client->session(), session);
  EXPECT_TRUE(lock->held());
  EXPECT_EQ(lost, 0);
  const auto verified = client->verify(lock->id(), token, {"SaleOrder:1001"});
  ASSERT_TRUE(verified) << verified.error().text();
  EXPECT_TRUE(verified->valid);
  EXPECT_TRUE(lock->release());
}

TEST_F(Addresses, a_command_under_a_lock_goes_on_and_hears_of_the_loss_at_the_other_node) {
  const Person li(a->port(), "li");
  const std::string begun = data_a.path() + "/begun";
  auto ran = std::async(std::launch::async, [&] {
    return run_program({HF_HOLDFAST, "--server", both(), "--token", li.token(), "lock", "SaleOrder:1001", "--", "sh",
                        "-c", "echo yes > " + begun + "; while :; do sleep 1; done"},
                       {}, 60'000);
  });
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(begun); }));
  const std::string lock = lock_of("SaleOrder:1001");
  ASSERT_FALSE(lock.empty());
  a->kill();
  // The loss is pushed, so to hear of it the command must have come back: at the node that is left.
  force(lock);
  const Ended ended = ran.get();
  EXPECT_EQ(ended.exit_code, 1) << ended.errors;
}

TEST_F(Addresses, a_question_is_answered_by_the_node_that_is_left) {
  const Person li(a->port(), "li");
  a->kill();
  const Ended listed = run_program({HF_HOLDFAST, "--server", both(), "--token", li.token(), "locks"});
  EXPECT_EQ(listed.exit_code, 0) << listed.errors;
  const Ended by_environment =
      run_program({HF_HOLDFAST, "locks"}, {"HOLDFAST_SERVER=" + both(), "HOLDFAST_TOKEN=" + li.token()});
  EXPECT_EQ(by_environment.exit_code, 0) << by_environment.errors;
  auto token = holdfast::dev_token(both(), {.user = "wang", .roles = {"viewer"}});
  EXPECT_TRUE(token) << token.error().text();
}

}  // namespace
}  // namespace hf::test
