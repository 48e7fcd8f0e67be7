// Two real nodes beside a real Redis, and plain HTTP clients on either. If these fail, the story that holds on one
// machine does not hold on two: a bill has two editors, or a node that dies takes its people's locks with it.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <future>
#include <iostream>
#include <map>
#include <set>

#include "holdfast/client.h"
#include "tests/redis/redis_process.h"
#include "tests/server/people.h"
#include "tests/server/server_process.h"

namespace hf::test {
namespace {

class Company : public ::testing::Test {
 protected:
  void start_both(const redis::Url& redis_url) {
    url = redis_url.text();
    start(a, data_a, "pc-a");
    std::filesystem::copy_file(data_a.path() + "/dev.key", data_b.path() + "/dev.key");
    start(b, data_b, "pc-b");
  }
  void start(std::unique_ptr<ServerProcess>& node, const TemporaryDirectory& data, const std::string& name) {
    node = std::make_unique<ServerProcess>(data.path(), std::vector<std::string>{"--engine", "redis", "--redis", url},
                                           std::vector<std::string>{"HOLDFAST_SERVER_NODE=" + name});
    ASSERT_NE(node->port(), 0) << node->log();
    ASSERT_TRUE(eventually([&] { return ready(*node); })) << node->log();
  }
  static bool ready(const ServerProcess& node) { return Client(node.port()).request("GET", "/readyz").status == 200; }

  std::string url;
  TemporaryDirectory data_a, data_b;
  std::unique_ptr<ServerProcess> a, b;
};

class TwoNodes : public Company {
 protected:
  void SetUp() override {
    ASSERT_TRUE(redis.is_running());
    start_both(redis.url());
  }

  RedisProcess redis{{.appendonly = true, .lines = {"appendfsync always"}}};
};

class TwoNodesAndSentinels : public Company {
 protected:
  void SetUp() override {
    ASSERT_TRUE(redis.is_ready());
    start_both(redis.url());
  }

  RedisSentinels redis{1};
};

TEST_F(TwoNodes, the_first_editor_owns_the_bill_whichever_node_the_second_asks) {
  Person li(a->port(), "li"), wang(b->port(), "wang");
  li.open_session(a->port());
  wang.open_session(b->port());
  const Answer granted = li.acquire(a->port(), "SaleOrder:1001", R"(,"label":"SO-1001")");
  ASSERT_EQ(granted.status, 201) << granted.body;
  const Answer refused = wang.acquire(b->port(), "SaleOrder:1001");
  ASSERT_EQ(refused.status, 423) << refused.body;
  EXPECT_EQ(text_at(refused.json(), "conflicts.0.holder.user"), "li");

  const std::string lock = text_at(granted.json(), "lock");
  const Answer asked = wang.call(b->port(), "POST", "/v1/locks/" + lock + "/requests",
                                 R"({"session":")" + wang.session() + R"(","message":"customer on the phone"})");
  ASSERT_EQ(asked.status, 201) << asked.body;
  const Answer seen = li.call(a->port(), "GET", "/v1/requests");
  EXPECT_NE(seen.body.find("customer on the phone"), std::string::npos) << seen.body;
  ASSERT_EQ(li.call(a->port(), "POST", "/v1/requests/" + text_at(asked.json(), "request") + "/agree").status, 200);
  const Answer now = wang.call(b->port(), "GET", "/v1/locks/" + text_at(asked.json(), "wait"));
  ASSERT_EQ(now.status, 200) << now.body;
  EXPECT_GT(std::stoll(text_at(now.json(), "token")), std::stoll(text_at(granted.json(), "token")));
  const Answer trail = Person(a->port(), "boss", "admin").call(a->port(), "GET", "/v1/audit?target=SaleOrder:1001");
  EXPECT_NE(trail.body.find("\"agree\""), std::string::npos) << trail.body;
}

TEST_F(TwoNodes, who_waits_on_one_node_is_granted_by_a_release_on_the_other) {
  Person li(a->port(), "li"), wang(b->port(), "wang");
  li.open_session(a->port());
  wang.open_session(b->port());
  const Answer granted = li.acquire(a->port(), "SaleOrder:1001");
  auto waiting =
      std::async(std::launch::async, [&] { return wang.acquire(b->port(), "SaleOrder:1001", R"(,"wait_ms":20000)"); });
  ASSERT_TRUE(eventually([&] { return text_at(li.call(a->port(), "GET", "/v1/stats").json(), "waits") == "1"; }));
  ASSERT_EQ(
      li.call(a->port(), "DELETE", "/v1/locks/" + text_at(granted.json(), "lock") + "?session=" + li.session()).status,
      200);
  EXPECT_EQ(waiting.get().status, 201);
}

TEST_F(TwoNodes, a_killed_node_leaves_its_people_their_locks_on_the_other) {
  Person li(a->port(), "li"), wang(b->port(), "wang");
  li.open_session(a->port());
  wang.open_session(b->port());
  const Answer granted = li.acquire(a->port(), "SaleOrder:1001");
  ASSERT_EQ(granted.status, 201);
  Client on_a(a->port());
  ASSERT_EQ(text_at(li.hello(on_a, true), "resumed"), "true");
  a->kill();
  Client on_b(b->port());
  const auto welcome = li.hello(on_b, true);
  ASSERT_EQ(text_at(welcome, "resumed"), "true") << boost::json::serialize(welcome);
  EXPECT_EQ(text_at(welcome, "state.locks.0.lock"), text_at(granted.json(), "lock"));
  EXPECT_EQ(wang.acquire(b->port(), "SaleOrder:1001").status, 423);
  start(a, data_a, "pc-a");
  EXPECT_EQ(wang.acquire(a->port(), "SaleOrder:1001").status, 423);
}

// Each acknowledged change once, in the same words, at either node, whatever was started again.
TEST_F(TwoNodes, both_tell_one_audit_trail_that_outlives_them) {
  Person li(a->port(), "li");
  li.open_session(a->port());
  const auto pair = [&](const std::string& bill) {
    const Answer granted = li.acquire(b->port(), bill);
    ASSERT_EQ(granted.status, 201) << granted.body;
    const std::string path = "/v1/locks/" + text_at(granted.json(), "lock") + "?session=" + li.session();
    ASSERT_EQ(li.call(a->port(), "DELETE", path).status, 200);
  };
  const auto trail = [&](const ServerProcess& node) {
    Person boss(node.port(), "boss", "admin");
    Answer told;
    EXPECT_TRUE(eventually([&] {
      told = boss.call(node.port(), "GET", "/v1/audit?target=SaleOrder");
      return told.status == 200;
    })) << told.body;
    return told.body;
  };
  const auto count = [](const std::string& in, const std::string& what) {
    std::size_t found = 0;
    for (auto at = in.find(what); at != std::string::npos; at = in.find(what, at + 1)) ++found;
    return found;
  };
  pair("SaleOrder:1");
  b->kill();
  start(b, data_b, "pc-b");
  pair("SaleOrder:2");
  a->stop();
  start(a, data_a, "pc-a");
  pair("SaleOrder:3");
  const std::string told = trail(*a);
  EXPECT_EQ(count(told, "\"acquire\""), 3U) << told;
  EXPECT_EQ(count(told, "\"release\""), 3U) << told;
  EXPECT_TRUE(eventually([&] { return trail(*b) == told; })) << trail(*b);
}

// He sees a closed connection and knows no id to ask again: he must not be given a lock behind his back.
TEST_F(TwoNodes, a_waiter_of_a_killed_node_is_granted_nothing_behind_his_back) {
  Person li(b->port(), "li"), wang(b->port(), "wang");
  li.open_session(b->port());
  wang.open_session(b->port());
  const Answer granted = li.acquire(b->port(), "SaleOrder:1001");
  ASSERT_EQ(granted.status, 201);
  auto waiting =
      std::async(std::launch::async, [&] { return wang.acquire(a->port(), "SaleOrder:1001", R"(,"wait_ms":600000)"); });
  const auto waits = [&] { return text_at(li.call(b->port(), "GET", "/v1/stats").json(), "waits"); };
  ASSERT_TRUE(eventually([&] { return waits() == "1"; }));
  a->kill();
  EXPECT_NE(waiting.get().status, 201);
  start(a, data_a, "pc-a");  // else it takes the others 20 s to know that it is dead
  EXPECT_TRUE(eventually([&] { return waits() == "0"; }));
  ASSERT_EQ(
      li.call(b->port(), "DELETE", "/v1/locks/" + text_at(granted.json(), "lock") + "?session=" + li.session()).status,
      200);
  const Answer his = wang.call(b->port(), "GET", "/v1/sessions/" + wang.session());
  EXPECT_EQ(text_at(his.json(), "locks.0.lock"), "") << his.body;
}

// A node that stands still has a hello in its socket. Its client gives up, lives by the other node, and then the first
// one goes on. With the connection gone it takes nothing over; with one that nobody has closed, the count says it.
class LateResume : public TwoNodes, public ::testing::WithParamInterface<bool> {};

TEST_P(LateResume, a_resume_carried_out_late_leaves_the_client_where_he_lives) {
  const bool hangs_up = GetParam();
  Person li(b->port(), "li");
  li.open_session(b->port());
  const auto hello = [&](Client& at, const std::string& secret, int attempt) {
    at.send_text(R"({"id":"h","op":"hello","token":")" + li.token() + R"(","session":")" + li.session() +
                 R"(","secret":")" + secret + R"(","attempt":)" + std::to_string(hangs_up ? 0 : attempt) + "}");
  };
  auto on_a = std::make_unique<Client>(a->port());
  ASSERT_TRUE(on_a->upgrade());
  a->signal(SIGSTOP);
  hello(*on_a, li.secret(), 1);
  if (hangs_up) on_a.reset();
  Client on_b(b->port());
  ASSERT_TRUE(on_b.upgrade());
  hello(on_b, li.secret(), 2);
  const auto welcome = on_b.receive().json();
  ASSERT_EQ(text_at(welcome, "resumed"), "true") << boost::json::serialize(welcome);
  a->signal(SIGCONT);
  ASSERT_TRUE(eventually([&] { return ready(*a); }));
  if (!hangs_up) {
    const auto late = on_a->receive().json();
    EXPECT_EQ(text_at(late, "error.code"), "unavailable") << boost::json::serialize(late);
  }
  // Behind the late one at its own node, and then where he lives.
  ASSERT_EQ(li.call(a->port(), "GET", "/v1/sessions/" + li.session()).status, 200);
  on_b.send_text(R"({"id":1,"op":"lock.acquire","targets":["SaleOrder:1001"]})");
  const Received answer = on_b.receive();
  EXPECT_EQ(answer.close_code, 0) << "he was thrown out of where he lives";
  EXPECT_EQ(text_at(answer.json(), "ok.user"), "li") << answer.payload;
  Client again(b->port());
  ASSERT_TRUE(again.upgrade());
  hello(again, text_at(welcome, "secret"), 3);
  const auto back = again.receive().json();
  EXPECT_EQ(text_at(back, "resumed"), "true") << "the newest secret was void: " << boost::json::serialize(back);
  EXPECT_EQ(on_b.receive().close_code, 4001) << "this one is another matter";
}

INSTANTIATE_TEST_SUITE_P(Nodes, LateResume, ::testing::Values(true, false),
                         [](const auto& one) { return one.param ? "hung_up" : "counted"; });

TEST_F(TwoNodes, a_window_taken_up_on_another_node_is_closed_where_it_was) {
  Person li(a->port(), "li");
  li.open_session(a->port());
  Client on_a(a->port()), on_b(b->port());
  ASSERT_EQ(text_at(li.hello(on_a, true), "resumed"), "true");
  ASSERT_EQ(text_at(li.hello(on_b, true), "resumed"), "true");
  const Received closed = on_a.receive();
  EXPECT_EQ(closed.close_code, 4001) << closed.payload;
}

TEST_F(TwoNodes, without_redis_nothing_is_granted_and_all_is_there_when_it_is_back) {
  Person li(a->port(), "li"), wang(b->port(), "wang");
  li.open_session(a->port());
  wang.open_session(b->port());
  ASSERT_EQ(li.acquire(a->port(), "SaleOrder:1001").status, 201);
  redis.kill();
  const Answer away = wang.acquire(b->port(), "SaleOrder:2002");
  EXPECT_TRUE(away.status == 503 || away.status == 504) << away.status << away.body;
  EXPECT_TRUE(eventually([&] { return !ready(*a) && !ready(*b); }));
  EXPECT_EQ(Client(a->port()).request("GET", "/healthz").status, 200);
  ASSERT_TRUE(redis.start());
  ASSERT_TRUE(eventually([&] { return ready(*a) && ready(*b); }, 40'000));
  EXPECT_EQ(wang.acquire(b->port(), "SaleOrder:1001").status, 423);
  EXPECT_EQ(wang.acquire(b->port(), "SaleOrder:2002").status, 201);
}

TEST_F(TwoNodes, while_redis_refuses_writes_both_say_so_and_then_serve_again) {
  Person li(a->port(), "li");
  li.open_session(a->port());
  ASSERT_EQ(li.acquire(a->port(), "SaleOrder:1001").status, 201);
  ASSERT_EQ(redis.command({"CONFIG", "SET", "maxmemory", "1mb"}).text, "OK");
  for (const auto* node : {a.get(), b.get()}) {
    EXPECT_TRUE(eventually([&] {
      const Answer answer = Client(node->port()).request("GET", "/readyz");
      return answer.status == 503 && answer.body.find("OOM") != std::string::npos;
    })) << Client(node->port()).request("GET", "/readyz").body;
  }
  EXPECT_EQ(li.acquire(a->port(), "SaleOrder:2002").status, 503);
  EXPECT_NE(a->log().find("OOM"), std::string::npos) << a->log();
  ASSERT_EQ(redis.command({"CONFIG", "SET", "maxmemory", "0"}).text, "OK");
  EXPECT_TRUE(eventually([&] { return ready(*a) && ready(*b); }));
  EXPECT_EQ(li.acquire(b->port(), "SaleOrder:2002").status, 201);
}

// All at its defaults: who holds a lock by WebSocket must have it still when service is back, also if his own node
// died.
TEST_F(TwoNodesAndSentinels, a_host_that_dies_with_the_master_and_a_node_costs_nobody_his_lock) {
  Person li(a->port(), "li"), wang(b->port(), "wang");
  li.open_session(a->port(), R"({"client":"test","lease_ms":30000})");
  Client on_a(a->port());
  ASSERT_EQ(text_at(li.hello(on_a, true), "resumed"), "true");
  const std::string lis = text_at(li.acquire(a->port(), "SaleOrder:1001").json(), "lock");
  ASSERT_NE(lis, "");
  std::atomic<int> lost{0};
  holdfast::Options options;
  options.url = "http://127.0.0.1:" + std::to_string(b->port());
  options.token = wang.token();
  options.on_lost = [&](const holdfast::Lost&) { ++lost; };
  auto client = holdfast::Client::open(options);
  ASSERT_TRUE(client);
  holdfast::Acquire wanted;
  wanted.targets = {"SaleOrder:2002"};
  const auto wangs = client->acquire(wanted);
  ASSERT_TRUE(wangs) << wangs.error().text();

  const auto died = std::chrono::steady_clock::now();
  redis.server(0).kill();
  redis.sentinel(0).kill();
  a->kill();
  const auto elapsed = [&] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - died).count();
  };
  ASSERT_TRUE(eventually([&] { return !ready(*b); }));
  std::string waits_for;
  ASSERT_TRUE(eventually(
      [&] {
        const Answer answer = Client(b->port()).request("GET", "/readyz");
        if (answer.body.find("pc-a") != std::string::npos) waits_for = answer.body;
        return answer.status == 200;
      },
      60'000));
  std::cout << "ready again after " << elapsed() << " ms\n";
  RecordProperty("ready_again_ms", static_cast<int>(elapsed()));
  EXPECT_NE(waits_for, "") << "it says for whom it waits";
  Client on_b(b->port());
  const auto welcome = li.hello(on_b, true);
  ASSERT_EQ(text_at(welcome, "resumed"), "true") << boost::json::serialize(welcome);
  EXPECT_EQ(text_at(welcome, "state.locks.0.lock"), lis);
  EXPECT_EQ(wang.call(b->port(), "GET", "/v1/locks/" + wangs->id()).status, 200);
  EXPECT_EQ(lost.load(), 0);
}

// Two people want the same bills, one on each node, while the master dies. What they were told is all that is judged:
// whoever was granted a bill and did not give it back has it, and what is granted later has a greater token.
TEST_F(TwoNodesAndSentinels, a_failover_leaves_each_bill_its_editor_and_lets_tokens_grow) {
  struct Held {
    std::string user, lock;
  };
  Person li(a->port(), "li"), wang(b->port(), "wang");
  li.open_session(a->port());
  wang.open_session(b->port());
  std::map<std::string, Held> held;
  std::set<std::string> doubtful;  // what became of it nobody was told
  long long first = 0, last = 0;
  int granted = 0, refused = 0;
  for (int i = 0; i < 240; ++i) {
    const std::string bill = "SaleOrder:" + std::to_string(i % 7);
    const Person& who = i % 2 == 0 ? li : wang;
    const std::uint16_t port = i % 2 == 0 ? a->port() : b->port();
    if (i == 60) redis.server(0).kill();
    if (doubtful.contains(bill)) continue;
    Held& of = held[bill];
    const bool mine = of.user == who.user();
    const Answer answer =
        mine ? who.call(port, "DELETE", "/v1/locks/" + of.lock + "?session=" + who.session()) : who.acquire(port, bill);
    if (answer.status == 503 || answer.status == 504) {
      if (answer.status == 504) doubtful.insert(bill);
      ASSERT_TRUE(eventually([&] { return ready(*a) && ready(*b); }, 60'000));
    } else if (mine) {
      ASSERT_EQ(answer.status, 200) << "he was told that he has " << bill << answer.body;
      of = {};
    } else if (answer.status == 423) {
      EXPECT_NE(of.user, "") << bill << " is held by nobody";
      ++refused;
    } else {
      ASSERT_EQ(answer.status, 201) << answer.body;
      EXPECT_EQ(of.user, "") << bill << " has two editors";
      const long long token = std::stoll(text_at(answer.json(), "token"));
      EXPECT_GT(token, last);
      last = token;
      if (first == 0) first = token;
      of = {who.user(), text_at(answer.json(), "lock")};
      ++granted;
    }
  }
  EXPECT_GT(granted, 40);
  EXPECT_GT(refused, 20);
  EXPECT_GT(last - first, 1LL << 35) << "there was no failover";
}

}  // namespace
}  // namespace hf::test
