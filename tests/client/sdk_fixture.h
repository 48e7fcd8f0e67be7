#pragma once

// People with the SDK at a server of their own, through a relay that breaks what networks break.

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "holdfast/client.h"
#include "tests/client/relay.h"
#include "tests/server/server_process.h"

namespace hf::test {

inline constexpr std::chrono::seconds patience{30};

// Told once by another thread.
template <class T>
class Told {
 public:
  void tell(T value) {
    std::lock_guard guard(mutex_);
    if (!value_) value_ = std::move(value);
    told_.notify_all();
  }
  std::optional<T> wait(std::chrono::milliseconds at_most = patience) {
    std::unique_lock guard(mutex_);
    told_.wait_for(guard, at_most, [&] { return value_.has_value(); });
    return value_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::optional<T> value_;
};

class Sdk : public ::testing::Test {
 protected:
  Sdk() : server(std::make_unique<ServerProcess>(data.path())), relay(server->port()) {}
  void SetUp() override { ASSERT_NE(server->port(), 0) << server->log(); }

  std::string token(const std::string& user, const std::string& role = "editor") {
    auto made = holdfast::dev_token("http://127.0.0.1:" + std::to_string(server->port()),
                                    {user, user + " the clerk", {role}, {}});
    EXPECT_TRUE(made) << made.error().text();
    return made.value_or("");
  }
  holdfast::Client person(const std::string& user, holdfast::Options options = {}, const std::string& role = "editor") {
    options.url = relay.url();
    options.token = token(user, role);
    auto client = holdfast::Client::open(std::move(options));
    EXPECT_TRUE(client->wait_ready()) << "no welcome";
    return *std::move(client);
  }
  void restart() {
    server->kill();
    server = std::make_unique<ServerProcess>(data.path());
    relay.lead_to(server->port());
    relay.cut();
  }

  TemporaryDirectory data;
  std::unique_ptr<ServerProcess> server;
  Relay relay;
};

}  // namespace hf::test
