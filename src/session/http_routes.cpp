#include "session/http_routes.h"

#include <array>

namespace hf::session {
namespace {

constexpr std::array routes{
    HttpRoute{"POST", "/v1/sessions", Page::operation, Op::session_open},
    HttpRoute{"GET", "/v1/sessions", Page::operation, Op::session_list},
    HttpRoute{"GET", "/v1/sessions/{session}", Page::operation, Op::session_state},
    HttpRoute{"DELETE", "/v1/sessions/{session}", Page::operation, Op::session_end},
    HttpRoute{"POST", "/v1/sessions/{session}/heartbeat", Page::operation, Op::session_heartbeat},
    HttpRoute{"POST", "/v1/locks", Page::operation, Op::lock_acquire},
    HttpRoute{"GET", "/v1/locks", Page::operation, Op::lock_list},
    HttpRoute{"POST", "/v1/locks/check", Page::operation, Op::lock_check},
    HttpRoute{"POST", "/v1/locks/verify", Page::operation, Op::lock_verify},
    HttpRoute{"POST", "/v1/locks/release-all", Page::operation, Op::lock_release_all},
    HttpRoute{"GET", "/v1/locks/{lock}", Page::operation, Op::lock_get},
    HttpRoute{"DELETE", "/v1/locks/{lock}", Page::operation, Op::lock_release},
    HttpRoute{"POST", "/v1/locks/{lock}/extend", Page::operation, Op::lock_extend},
    HttpRoute{"POST", "/v1/locks/{lock}/transfer", Page::operation, Op::lock_transfer},
    HttpRoute{"POST", "/v1/locks/{lock}/force", Page::operation, Op::lock_force},
    HttpRoute{"POST", "/v1/locks/{lock}/requests", Page::operation, Op::lock_request},
    HttpRoute{"GET", "/v1/requests", Page::operation, Op::request_list},
    HttpRoute{"POST", "/v1/requests/{request}/agree", Page::operation, Op::request_agree},
    HttpRoute{"POST", "/v1/requests/{request}/refuse", Page::operation, Op::request_refuse},
    HttpRoute{"POST", "/v1/requests/{request}/defer", Page::operation, Op::request_defer},
    HttpRoute{"POST", "/v1/requests/{request}/withdraw", Page::operation, Op::request_withdraw},
    HttpRoute{"DELETE", "/v1/waits/{wait}", Page::operation, Op::lock_cancel_wait},
    HttpRoute{"GET", "/v1/watch", Page::operation, Op::watch},
    HttpRoute{"POST", "/v1/status", Page::operation, Op::status_publish},
    HttpRoute{"POST", "/v1/status/resync", Page::operation, Op::status_resync},
    HttpRoute{"GET", "/v1/status/{type}/{bill}", Page::operation, Op::status_get},
    HttpRoute{"GET", "/v1/status/{type}/{bill}/history", Page::operation, Op::status_history},
    HttpRoute{"GET", "/v1/todo", Page::operation, Op::todo_subscribe},
    HttpRoute{"GET", "/v1/todo/{type}/{group}", Page::operation, Op::todo_page},
    HttpRoute{"GET", "/v1/notices", Page::operation, Op::notice_list},
    HttpRoute{"POST", "/v1/notices/read", Page::operation, Op::notice_read},
    HttpRoute{"GET", "/v1/audit", Page::operation, Op::audit_list},
    HttpRoute{"GET", "/v1/catalog", Page::operation, Op::catalog_get},
    HttpRoute{"GET", "/v1/stats", Page::operation, Op::stats_get},
    HttpRoute{"GET", "/v1/openapi.yaml", Page::openapi},
    HttpRoute{"POST", "/v1/dev/token", Page::dev_token},
    HttpRoute{"POST", "/v1/login", Page::login},
    HttpRoute{"POST", "/v1/login/code", Page::login_code},
    HttpRoute{"DELETE", "/v1/login", Page::logout},
    HttpRoute{"GET", "/healthz", Page::health},
    HttpRoute{"GET", "/readyz", Page::ready},
    HttpRoute{"GET", "/metrics", Page::metrics},
};

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
