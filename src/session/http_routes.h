#pragma once

// The table of HTTP paths: each is one operation of the protocol, or one of the few that have no WebSocket face.
//
// A segment in braces takes any text and becomes the field of that name; a literal segment has precedence, so that
// /v1/locks/check is never the lock "check". HEAD has the routes of GET.
//
// docs/openapi.yaml names the same paths, and a test compares the two. Pure, thread-safe.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/messages.h"

namespace hf::session {

// The paths that are no operation.
enum class Page : std::uint8_t { operation, health, ready, metrics, openapi, dev_token, login, login_code, logout };

struct HttpRoute {
  std::string_view method;
  std::string_view pattern;
  Page page = Page::operation;
  Op op = Op::stats_get;  // of an operation
};

std::span<const HttpRoute> http_routes() noexcept;

struct RouteFound {
  const HttpRoute* route = nullptr;                                   // null: none for this method
  std::vector<std::pair<std::string_view, std::string_view>> fields;  // from the path; views into it
  std::string allow;  // methods that the path has, "GET, POST"; empty: no such path
};
RouteFound find_route(std::string_view method, std::string_view path);

}  // namespace hf::session
