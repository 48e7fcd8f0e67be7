// What may go wrong with a node beside others: it is stopped and goes on, it is killed with people who wait, it dies
// together with Redis. If these fail, people are thrown out of windows they work in, or hold what nobody told them of.

#include "simulation/scenario_fixture.h"

namespace hf::sim {
namespace {

const std::vector<std::string> editor = {"lock.edit", "lock.view"};

class AtNode {
 public:
  AtNode(World& world, std::size_t node, std::string user)
      : world_(world), node_(node), token_(world.token({.user = std::move(user)}, editor)) {}

  void post(const std::string& method, const std::string& path, const std::string& body,
            Node::Answered answered) const {
    HttpRequest request;
    request.method = method;
    request.path = path;
    request.authorization = "Bearer " + token_;
    request.body = body;
    request.host = "localhost:7420";
    world_.node(node_).request(std::move(request), std::move(answered));
  }
  boost::json::value ask(const std::string& method, const std::string& path, const std::string& body = {}) const {
    std::optional<std::string> said;
    post(method, path, body, [&](int, std::string text) { said = std::move(text); });
    EXPECT_TRUE(world_.time.until([&] { return said.has_value(); }, Millis(30'000))) << path;
    return said && !said->empty() ? boost::json::parse(*said) : boost::json::value();
  }
  std::string open(Millis lease) const {
    return std::string(
        ask("POST", "/v1/sessions", R"({"lease_ms":)" + std::to_string(lease.count()) + "}").at("session").as_string());
  }
  static std::string wish(const std::string& session, const std::string& bill, const std::string& more = {}) {
    return R"({"session":")" + session + R"(","targets":[")" + bill + "\"]" + more + "}";
  }

 private:
  World& world_;
  std::size_t node_;
  std::string token_;
};

TEST_F(Scenario, scenario_43_a_node_that_goes_on_with_a_late_resume_throws_nobody_out_of_where_he_lives) {
  World& w = begin_on_redis(2);
  for (int round = 0; round < 6; ++round) {
    Seat& seat = sit_at(0, "u" + std::to_string(round));
    seat.counts = round % 2 == 0;
    ASSERT_TRUE(all_live());
    w.node(0).stand_still(true);
    w.cut(seat);
    w.time.run(Millis(1'000));  // it is back, with its hello in the socket of a node that stands still
    ASSERT_FALSE(seat.greeted);
    w.cut(seat);
    seat.node = 1;
    ASSERT_TRUE(until([&] { return seat.greeted; }));
    const WirePtr lives_by = seat.wire;
    w.node(0).stand_still(false);
    w.time.run(Millis(5'000));
    EXPECT_EQ(seat.wire, lives_by);
    EXPECT_TRUE(seat.greeted);
    w.cut(seat);
    EXPECT_TRUE(until([&] { return seat.greeted; })) << "with the newest secret that he was told";
  }
  EXPECT_TRUE(all_live());
}

TEST_F(Scenario, scenario_44_a_wait_by_http_ends_with_the_node_that_would_have_answered_it) {
  World& w = begin_on_redis(2);
  const AtNode li(w, 0, "u1"), wang_there(w, 1, "u2"), wang(w, 0, "u2");
  const std::string lis = li.open(Millis(600'000)), wangs = wang.open(Millis(600'000));
  const std::string lock(li.ask("POST", "/v1/locks", AtNode::wish(lis, "A:1")).at("lock").as_string());
  bool answered = false;
  wang_there.post("POST", "/v1/locks", AtNode::wish(wangs, "A:1", R"(,"wait_ms":600000)"),
                  [&](int, std::string) { answered = true; });
  const auto waits = [&] { return wang.ask("GET", "/v1/sessions/" + wangs).at("waits").as_array().size(); };
  ASSERT_TRUE(until([&] { return waits() == 1; }));
  w.kill(1);
  li.ask("DELETE", "/v1/locks/" + lock + "?session=" + lis);
  EXPECT_TRUE(until([&] {
    const boost::json::value his = wang.ask("GET", "/v1/sessions/" + wangs);
    return his.at("waits").as_array().empty() && his.at("locks").as_array().empty();
  })) << "neither the wait nor what it became outlives the node";
  EXPECT_FALSE(answered);
}

TEST_F(Scenario,
       scenario_45_after_a_host_died_with_redis_and_a_node_service_is_back_before_any_lease_by_websocket_is_given_up) {
  World& w = begin_on_redis(3);
  for (std::size_t i = 0; i < 3; ++i) sit_at(i, "u" + std::to_string(i));
  ASSERT_TRUE(all_live());
  w.change(a(1), 2);
  ASSERT_TRUE(converged());
  const Micros died = w.time.now();
  w.kill(2);
  w.redis.restart(w.redis.memory);
  for (std::size_t i = 0; i < 2; ++i) {
    w.node(i).cut_redis(true);
    w.node(i).cut_redis(false);
  }
  w.seats[2]->node = 0;
  const auto ready = [&] { return w.node(0).ready() && w.node(1).ready(); };
  ASSERT_TRUE(until([&] { return !ready(); }));
  ASSERT_TRUE(until(ready));
  // Pings come each 10 s, so a holder may be that far into his lease when it happens.
  EXPECT_LT(w.time.now() - died, trusted(Limits{}.lease_websocket) - Millis(10'000));
  EXPECT_EQ(w.node(0).on_redis()->counters().members, 2U) << "who was waited for in vain is not waited for again";
  EXPECT_TRUE(all_live());
}

}  // namespace
}  // namespace hf::sim
