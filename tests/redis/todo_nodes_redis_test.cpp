// To-do trees on two real nodes over a real Redis. If these fail, what is done in one office is not seen in the other,
// or a Redis that lost its memory leaves people with trees that nobody will ever mend.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <set>
#include <thread>

#include "redis/redis_engine.h"
#include "redis/slots.h"
#include "tests/redis/redis_process.h"
#include "tests/server/server_process.h"
#include "tests/server/todo_follower.h"

namespace hf::test {
namespace {

class TodoNodes : public ::testing::Test {
 protected:
  void start_both(const redis::Url& redis_url) {
    url = redis_url.text();
    start(a, data_a);
    std::filesystem::copy_file(data_a.path() + "/dev.key", data_b.path() + "/dev.key");
    start(b, data_b);
    erp = std::make_unique<Person>(a->port(), "erp", "admin");
  }
  void start(std::unique_ptr<ServerProcess>& node, const TemporaryDirectory& data) {
    node = std::make_unique<ServerProcess>(data.path(), std::vector<std::string>{"--engine", "redis", "--redis", url});
    ASSERT_NE(node->port(), 0) << node->log();
    ASSERT_TRUE(eventually([&] { return ready(*node); })) << node->log();
  }
  static bool ready(const ServerProcess& node) { return Client(node.port()).request("GET", "/readyz").status == 200; }
  // At either node, repeated until it is answered: with its batch id, so that it counts once.
  void publish(const ServerProcess& node, const std::string& body) {
    ASSERT_TRUE(eventually([&] { return erp->call(node.port(), "POST", "/v1/status", body).status == 200; }));
  }
  static bool has(TodoFollower& follower, const std::string& id, std::uint64_t version) {
    return follower.until(
        [&](const TodoFollower& f) { return f.version_of("SaleOrder", "unreviewed", id) == version; });
  }

  std::string url;
  TemporaryDirectory data_a, data_b;
  std::unique_ptr<ServerProcess> a, b;
  std::unique_ptr<Person> erp;
};

TEST_F(TodoNodes, what_is_published_at_one_node_is_seen_at_the_other) {
  RedisProcess redis{{.appendonly = true}};
  ASSERT_TRUE(redis.is_running());
  start_both(redis.url());
  TodoFollower li(Person(a->port(), "li", "reviewer")), wang(Person(b->port(), "wang", "reviewer"));
  li.follow(a->port());
  wang.follow(b->port());
  publish(*a, batch({order("1", 1)}, "b1"));
  EXPECT_TRUE(has(wang, "1", 1));
  publish(*b, batch({order("1", 2), order("2", 1)}, "b2"));
  EXPECT_TRUE(has(li, "2", 1));
  EXPECT_TRUE(has(wang, "2", 1));
  publish(*b, batch({order("1", 2), order("2", 1)}, "b2"));
  EXPECT_EQ(li.core().rows(), wang.core().rows());
}

TEST_F(TodoNodes, the_people_of_a_killed_node_go_on_at_the_other_by_their_cursors) {
  RedisProcess redis{{.appendonly = true}};
  ASSERT_TRUE(redis.is_running());
  start_both(redis.url());
  publish(*a, orders(0, 100, 1));
  std::vector<std::unique_ptr<TodoFollower>> all;
  for (int i = 0; i < 100; ++i) {
    all.push_back(std::make_unique<TodoFollower>(Person(a->port(), "p" + std::to_string(i), "reviewer")));
    all.back()->begin(a->port());
  }
  for (const auto& one : all) ASSERT_NO_FATAL_FAILURE(one->catch_up());
  publish(*a, batch({order("5", 2)}, "answered"));
  a->kill();
  publish(*b, batch({order("6", 2)}, "elsewhere"));
  for (const auto& one : all) one->begin(b->port());
  for (const auto& one : all) {
    ASSERT_NO_FATAL_FAILURE(one->catch_up());
    EXPECT_EQ(one->mode(), "diff");
    EXPECT_EQ(one->version_of("SaleOrder", "unreviewed", "5"), 2U);
    EXPECT_EQ(one->version_of("SaleOrder", "unreviewed", "6"), 2U);
  }
  start(a, data_a);
  TodoFollower late(Person(a->port(), "late", "reviewer"));
  late.follow(a->port());
  EXPECT_EQ(late.core().rows(), all.front()->core().rows());
}

TEST_F(TodoNodes, a_redis_that_forgot_everything_ends_in_a_snapshot_of_a_new_epoch_and_the_trees_are_whole) {
  RedisProcess redis{{}};
  ASSERT_TRUE(redis.is_running());
  start_both(redis.url());
  publish(*a, orders(0, 20, 1));
  TodoFollower li(Person(a->port(), "li", "reviewer")), wang(Person(b->port(), "wang", "reviewer"));
  li.follow(a->port());
  wang.follow(b->port());
  redis.kill();
  ASSERT_TRUE(redis.start());
  publish(*b, batch({order("3", 2)}, "after"));
  for (TodoFollower* const one : {&li, &wang}) {
    if (!has(*one, "3", 2)) one->follow(b->port());  // its node may have sent it away
    EXPECT_EQ(one->version_of("SaleOrder", "unreviewed", "3"), 2U);
    EXPECT_EQ(one->rows(), 20U);
    ASSERT_FALSE(one->reasons().empty());
    EXPECT_EQ(one->reasons().back(), "epoch");
  }
  EXPECT_EQ(li.core().rows(), wang.core().rows());
}

TEST_F(TodoNodes, a_failover_ends_in_trees_that_agree_with_what_was_answered) {
  RedisSentinels redis{1};
  ASSERT_TRUE(redis.is_ready());
  start_both(redis.url());
  publish(*a, orders(0, 20, 1));
  TodoFollower li(Person(a->port(), "li", "reviewer"));
  li.follow(a->port());
  publish(*a, batch({order("4", 2)}, "before"));
  redis.master()->kill();
  publish(*b, batch({order("5", 2)}, "after"));
  if (!has(li, "5", 2)) li.follow(b->port());
  EXPECT_EQ(li.version_of("SaleOrder", "unreviewed", "4"), 2U) << "it was answered";
  EXPECT_EQ(li.version_of("SaleOrder", "unreviewed", "5"), 2U);
  TodoFollower wang(Person(b->port(), "wang", "reviewer"));
  wang.follow(b->port());
  EXPECT_EQ(li.core().rows(), wang.core().rows());
}

// Somebody publishes all the while, now at one node, now at the other, and repeats what is not answered and some
// of the rest.
class Stream {
 public:
  static constexpr std::size_t bills = 40, per_batch = 4;

  Stream(const Person& erp, std::uint16_t a, std::uint16_t b)
      : erp_(erp), ports_{a, b}, thread_([this] {
          while (!ends_ && publish_batch()) ++batches_;
        }) {}
  ~Stream() { end(); }
  std::size_t batches() const { return batches_; }
  void end() {
    ends_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // What follows is to be asked after the end.
  int version_of(std::size_t bill) const { return versions_[bill]; }
  std::size_t last_bill() const { return (batches_ * per_batch - 1) % bills; }
  std::size_t not_logged() const { return not_logged_; }
  std::size_t places() const { return places_.size(); }  // in the log

 private:
  // What it is answered, at last; null: nothing.
  boost::json::value take(const std::string& body) {
    Answer answer;
    const bool taken = eventually(
        [&] {
          answer = erp_.call(ports_[calls_++ % 2], "POST", "/v1/status", body);
          return answer.status == 200;
        },
        60'000);
    EXPECT_TRUE(taken) << answer.body;
    return taken ? answer.json() : boost::json::value();
  }
  bool publish_batch() {
    std::vector<std::string> events;
    for (std::size_t i = 0; i < per_batch; ++i) {
      const std::size_t bill = (batches_ * per_batch + i) % bills;
      events.push_back(order(std::to_string(bill), ++versions_[bill]));
    }
    const std::string body = batch(events, "s" + std::to_string(batches_));
    const boost::json::value said = take(body);
    if (said.is_null()) return false;
    if (batches_ % 4 == 0) EXPECT_EQ(take(body), said) << "once more, at the other node";
    for (std::size_t i = 0; i < per_batch; ++i) {
      const std::string offset = text_at(said, "results." + std::to_string(i) + ".offset");
      not_logged_ += offset.empty() ? 1 : 0;
      places_.insert(text_at(said, "epoch") + "/" + offset);
    }
    return true;
  }

  const Person& erp_;
  std::array<std::uint16_t, 2> ports_;
  std::array<int, bills> versions_{};
  std::set<std::string> places_;
  std::size_t not_logged_ = 0, calls_ = 0;
  std::atomic<std::size_t> batches_{0};
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

TEST_F(TodoNodes, while_the_slot_of_the_log_moves_nothing_is_lost_or_told_twice) {
  RedisCluster redis{3};
  ASSERT_TRUE(redis.is_ready());
  start_both(redis.url());
  TodoFollower li(Person(a->port(), "li", "reviewer")), wang(Person(b->port(), "wang", "reviewer"));
  li.follow(a->port());
  wang.follow(b->port());
  Stream stream(*erp, a->port(), b->port());
  const auto goes_on = [&] {
    return eventually([&, from = stream.batches()] { return stream.batches() >= from + 20; }, 60'000);
  };
  ASSERT_TRUE(goes_on());
  const std::string log = redis::Engine::key_of("holdfast");
  const std::uint16_t slot = redis::key_slot(log);
  const RedisProcess* const from = redis.owner(log);
  const RedisProcess* const to = redis.other(log);
  ASSERT_TRUE(from != nullptr && to != nullptr);
  ASSERT_TRUE(RedisCluster::begin_move(slot, *from, *to));
  const auto left = [&] { return from->command({"CLUSTER", "GETKEYSINSLOT", std::to_string(slot), "1"}).items; };
  for (auto keys = left(); !keys.empty(); keys = left()) ASSERT_TRUE(RedisCluster::move_key(keys[0].text, *from, *to));
  ASSERT_EQ(redis.owner(log), from) << "half way: the keys are there, the slot is not";
  ASSERT_TRUE(redis.finish_move(slot, *to));
  ASSERT_TRUE(goes_on()) << a->log() << b->log();
  stream.end();
  EXPECT_EQ(redis.owner(log), to);
  EXPECT_EQ(stream.not_logged(), 0U);
  EXPECT_EQ(stream.places(), stream.batches() * Stream::per_batch) << "each is logged once";

  const auto version_of = [&](std::size_t bill) { return static_cast<std::uint64_t>(stream.version_of(bill)); };
  const std::size_t newest = stream.last_bill();
  for (TodoFollower* const one : {&li, &wang}) {
    if (!has(*one, std::to_string(newest), version_of(newest))) one->follow(b->port());  // its node sent it away
    ASSERT_FALSE(one->reasons().empty());
    EXPECT_EQ(one->reasons().back(), "epoch") << "another master is another Redis";
    EXPECT_EQ(one->rows(), Stream::bills);
    for (std::size_t bill = 0; bill < Stream::bills; ++bill)
      EXPECT_EQ(one->version_of("SaleOrder", "unreviewed", std::to_string(bill)), version_of(bill)) << bill;
    EXPECT_EQ(one->repeats(), 0U);
  }
  EXPECT_EQ(li.core().rows(), wang.core().rows());
}

}  // namespace
}  // namespace hf::test
