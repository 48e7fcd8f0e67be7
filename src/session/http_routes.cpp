#include "session/http_routes.h"

#include <algorithm>
#include <array>

namespace hf::session {
namespace {

constexpr std::array pages{
    HttpRoute{"GET", "/v1/openapi.yaml", Page::openapi},
    HttpRoute{"POST", "/v1/dev/token", Page::dev_token},
    HttpRoute{"POST", "/v1/login", Page::login},
    HttpRoute{"POST", "/v1/login/code", Page::login_code},
    HttpRoute{"DELETE", "/v1/login", Page::logout},
    HttpRoute{"GET", "/healthz", Page::health},
    HttpRoute{"GET", "/readyz", Page::ready},
    HttpRoute{"GET", "/metrics", Page::metrics},
};

// The operations that have a path, as HF_OPS has them ("GET /v1/locks"), and the pages.
constexpr std::array operations{
#define HF_OP(name, wire, fields, answer, mutating, http) std::pair(std::string_view(http), Op::name),
    HF_OPS(HF_OP)
#undef HF_OP
};
constexpr std::size_t operations_count =
    static_cast<std::size_t>(std::ranges::count_if(operations, [](const auto& row) { return !row.first.empty(); }));

constexpr auto routes = [] {
  std::array<HttpRoute, operations_count + pages.size()> all;
  std::size_t n = 0;
  for (const auto& [http, op] : operations) {
    if (http.empty()) continue;
    const std::size_t space = http.find(' ');
    all[n++] = {http.substr(0, space), http.substr(space + 1), Page::operation, op};
  }
  for (const HttpRoute& page : pages) all[n++] = page;
  return all;
}();

enum class Match : std::uint8_t { none, by_name, literal };

// Takes one segment, without its '/', off `path`.
std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::size_t end = path.find('/');
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(end == std::string_view::npos ? path.size() : end);
  return segment;
}

Match match(std::string_view pattern, std::string_view path, RouteFound* found) {
  Match kind = Match::literal;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view want = take_segment(pattern);
    const std::string_view have = take_segment(path);
    if (want.starts_with('{')) {
      if (have.empty()) return Match::none;
      kind = Match::by_name;
      if (found != nullptr) found->fields.emplace_back(want.substr(1, want.size() - 2), have);
    } else if (want != have) {
      return Match::none;
    }
  }
  return pattern.empty() && path.empty() ? kind : Match::none;
}

}  // namespace

std::span<const HttpRoute> http_routes() noexcept { return routes; }

RouteFound find_route(std::string_view method, std::string_view path) {
  RouteFound found;
  if (path.empty() || path.front() != '/') return found;
  const std::string_view wanted = method == "HEAD" ? std::string_view("GET") : method;
  Match best = Match::none;
  for (const HttpRoute& route : routes) best = std::max(best, match(route.pattern, path, nullptr));
  if (best == Match::none) return found;
  for (const HttpRoute& route : routes) {
    if (match(route.pattern, path, nullptr) != best) continue;
    if (!found.allow.empty()) found.allow += ", ";
    found.allow += route.method;
    if (route.method == wanted) found.route = &route;
  }
  if (found.route != nullptr) match(found.route->pattern, path, &found);
  return found;
}

}  // namespace hf::session
