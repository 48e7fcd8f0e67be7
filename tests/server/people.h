#pragma once

// People at work on a server: a token, a session and the calls of the stories, over HTTP with plain JSON.

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "tests/server/client.h"

namespace hf::test {

// A member of an object as text; numbers and booleans as they are written. Empty: there is none.
inline std::string text_at(const boost::json::value& value, std::string_view path) {
  const boost::json::value* at = &value;
  while (at != nullptr && !path.empty()) {
    const auto dot = path.find('.');
    const std::string_view name = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    if (const auto* object = at->if_object()) {
      at = object->if_contains(boost::json::string_view(name.data(), name.size()));
    } else if (const auto* array = at->if_array()) {
      at = array->if_contains(static_cast<std::size_t>(std::stoul(std::string(name))));
    } else {
      at = nullptr;
    }
  }
  if (at == nullptr) return {};
  if (const auto* text = at->if_string()) return std::string(text->data(), text->size());
  return boost::json::serialize(*at);
}

class Person {
 public:
  Person(std::uint16_t port, std::string user, std::string role = "editor") : user_(std::move(user)) {
    Client client(port);
    const Answer answer = client.request(
        "POST", "/v1/dev/token", R"({"user":")" + user_ + R"(","name":")" + user_ + R"(","roles":[")" + role + "\"]}");
    EXPECT_EQ(answer.status, 200) << answer.body;
    token_ = text_at(answer.json(), "token");
  }

  Answer call(std::uint16_t port, std::string_view method, std::string_view path, std::string_view body = {}) const {
    Client client(port, 60'000);
    return client.request(method, path, body, {{"Authorization", "Bearer " + token_}});
  }
  void open_session(std::uint16_t port, std::string_view body = R"({"client":"test","lease_ms":60000})") {
    const Answer answer = call(port, "POST", "/v1/sessions", body);
    EXPECT_EQ(answer.status, 201) << answer.body;
    session_ = text_at(answer.json(), "session");
    secret_ = text_at(answer.json(), "secret");
  }
  Answer acquire(std::uint16_t port, std::string_view target, std::string_view more = {}) const {
    return call(
        port, "POST", "/v1/locks",
        R"({"session":")" + session_ + R"(","targets":[")" + std::string(target) + "\"]" + std::string(more) + "}");
  }
  // Says hello on a WebSocket; the welcome, or whatever came instead.
  boost::json::value hello(Client& client, bool resume = false) const {
    if (!client.upgrade()) return nullptr;
    std::string hello = R"({"op":"hello","token":")" + token_ + '"';
    if (resume) hello += R"(,"session":")" + session_ + R"(","secret":")" + secret_ + '"';
    client.send_text(hello + "}");
    return client.receive().json();
  }

  const std::string& user() const noexcept { return user_; }
  const std::string& token() const noexcept { return token_; }
  const std::string& session() const noexcept { return session_; }
  const std::string& secret() const noexcept { return secret_; }

 private:
  std::string user_;
  std::string token_;
  std::string session_;
  std::string secret_;
};

// Waits until so many wait for locks, as a person may see it; false if it is not so in time.
inline bool until_waiting(const Person& who, std::uint16_t port, std::string_view count) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (text_at(who.call(port, "GET", "/v1/stats").json(), "waits") != count) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace hf::test
