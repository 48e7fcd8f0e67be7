#pragma once

// A world that a test scripts, and what the tests of scenarios share. Whatever a test looks at, the judges of all its
// clients read along: their findings fail it.

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "simulation/world.h"

namespace hf::sim {

class Scenario : public ::testing::Test {
 protected:
  World& begin(WorldOptions options = {}) {
    world_ = std::make_unique<World>(std::move(options));
    EXPECT_TRUE(until([this] {
      for (std::size_t i = 0; i < world_->nodes(); ++i) {
        if (!world_->node(i).ready()) return false;
      }
      return true;
    })) << "the nodes are not ready";
    return *world_;
  }
  World& begin_on_redis(std::size_t nodes) {
    WorldOptions options;
    options.redis = true;
    options.nodes = nodes;
    return begin(std::move(options));
  }
  void TearDown() override {
    if (!world_) return;
    EXPECT_EQ(world_->difference(), "");
    for (const std::string& each : world_->faults) ADD_FAILURE() << each;
  }

  bool until(const std::function<bool()>& done, Micros patience = Millis(30'000)) {
    return world_->time.until(done, patience);
  }
  bool all_live() {
    return until([this] { return world_->all_live(); }, Millis(90'000));
  }
  bool all_published() {
    return until([this] { return world_->all_published(); });
  }
  // Published and shown to everybody, within the promised second.
  bool converged() { return all_published() && world_->converges_within(Millis(1'000)); }
  Seat& sit(const std::string& user, std::vector<std::string> roles = {"all"},
            std::vector<std::string> departments = {}) {
    return world_->add_seat({user, "e-" + user, std::move(departments), std::move(roles), {}, false});
  }
  Seat& sit_at(std::size_t node, const std::string& user) {
    Seat& seat = sit(user);
    if (seat.wire) world_->cut(seat);
    seat.node = node;
    return seat;
  }
  static std::string a(std::size_t number) { return Erp::id_of('A', number); }
  static std::string b(std::size_t number) { return Erp::id_of('B', number); }
  // An answer of HTTP, with its status in `status`.
  boost::json::value ask(const std::string& method, const std::string& path, const std::string& token,
                         const std::string& body = {}) {
    bool answered = false;
    std::string text;
    world_->request(method, path, token, body, [&](int code, std::string said) {
      status = code;
      text = std::move(said);
      answered = true;
    });
    EXPECT_TRUE(until([&] { return answered; }));
    return text.empty() ? boost::json::value() : boost::json::parse(text);
  }
  // The frames that a client has been told since it keeps them.
  static std::vector<boost::json::value> frames(const Seat& seat, std::string_view event) {
    std::vector<boost::json::value> found;
    for (const std::string& each : seat.sent) {
      boost::json::value said = boost::json::parse(each);
      const auto* name = said.as_object().if_contains("event");
      if (name != nullptr && std::string_view(name->as_string()) == event) found.push_back(std::move(said));
    }
    return found;
  }
  static void keep(Seat& seat) {
    seat.keeps = true;
    seat.sent.clear();
  }

  std::unique_ptr<World> world_;
  int status = 0;
};

}  // namespace hf::sim
