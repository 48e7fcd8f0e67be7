// A path that led to another operation than its own would release what it was to read.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "session/http_routes.h"

namespace hf::session {

TEST(Routes, lead_each_path_to_its_own_operation) {
  const auto op = [](std::string_view method, std::string_view path) {
    const auto found = find_route(method, path);
    return found.route != nullptr ? std::string(name_of(found.route->op)) : "none";
  };
  EXPECT_EQ(op("POST", "/v1/locks"), "lock.acquire");
  EXPECT_EQ(op("GET", "/v1/locks"), "lock.list");
  EXPECT_EQ(op("HEAD", "/v1/locks"), "lock.list");
  EXPECT_EQ(op("POST", "/v1/locks/check"), "lock.check");
  EXPECT_EQ(op("GET", "/v1/locks/abc"), "lock.get");
  EXPECT_EQ(op("POST", "/v1/locks/abc/force"), "lock.force");
  EXPECT_EQ(op("POST", "/v1/requests/abc/withdraw"), "request.withdraw");
  EXPECT_EQ(op("DELETE", "/v1/waits/abc"), "lock.cancel_wait");
}

TEST(Routes, take_fields_from_the_path) {
  const auto found = find_route("POST", "/v1/sessions/s1/heartbeat");
  ASSERT_EQ(found.fields.size(), 1u);
  EXPECT_EQ(found.fields[0].first, "session");
  EXPECT_EQ(found.fields[0].second, "s1");
}

TEST(Routes, know_no_path_that_is_longer_shorter_or_empty_in_between) {
  for (const std::string_view path : {"", "/", "v1/locks", "/v1", "/v1/locks/", "/v1/locks//force", "/v1/locks/a/b/c",
                                      "/v1/LOCKS", "/v1/locks/a/nothing"}) {
    const auto found = find_route("GET", path);
    EXPECT_EQ(found.route, nullptr) << path;
    EXPECT_EQ(found.allow, "") << path;
  }
}

TEST(Routes, reach_every_operation_that_has_an_http_face) {
  std::set<Op> reached;
  for (const HttpRoute& route : http_routes()) {
    if (route.page == Page::operation) EXPECT_TRUE(reached.insert(route.op).second) << route.pattern;
  }
  for (int i = 0; i <= static_cast<int>(Op::stats_get); ++i) {
    const Op op = static_cast<Op>(i);
    const bool socket_only =
        op == Op::hello || op == Op::auth || op == Op::pong || op == Op::unwatch || op == Op::todo_unsubscribe;
    EXPECT_EQ(reached.contains(op), !socket_only) << name_of(op);
  }
}

TEST(Routes, are_the_paths_of_openapi_yaml) {
  std::ifstream file(HF_SOURCE_DIR "/docs/openapi.yaml");
  ASSERT_TRUE(file);
  std::set<std::string> documented;
  std::string path;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("  /") && line.ends_with(':')) path = line.substr(2, line.size() - 3);
    if (line == "components:") path.clear();
    for (const std::string_view method : {"GET", "POST", "DELETE", "PUT"}) {
      std::string key = "    ";
      for (const char c : method) key.push_back(static_cast<char>(c - 'A' + 'a'));
      if (!path.empty() && line == key + ":") documented.insert(std::string(method) + " " + path);
    }
  }
  std::set<std::string> served;
  for (const HttpRoute& route : http_routes())
    served.insert(std::string(route.method) + " " + std::string(route.pattern));
  EXPECT_EQ(documented, served);
}

}  // namespace hf::session
