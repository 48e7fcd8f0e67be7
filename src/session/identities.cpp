#include "session/identities.h"
#include "base/fingerprint.h"

#include <algorithm>
#include <cctype>

namespace hf::session {
namespace {

constexpr std::size_t right_sets_max = 1024;
constexpr std::size_t classes_max = 1024;

}  // namespace

Identities::Identities(const HubOptions& options, const Catalog& catalog, LockEngine& engine, SecretSource& secrets)
    : options_(options), catalog_(catalog), engine_(engine), secrets_(secrets) {
  for (const std::string& name : options_.namespaces) {
    const auto opened = engine_.open_namespace(name);
    if (!opened) continue;  // its tokens are refused as forbidden; the server checks its configuration before
    namespaces_.emplace(name, *opened);
    namespaces_end_ = std::max<NamespaceIndex>(namespaces_end_, static_cast<NamespaceIndex>(*opened + 1U));
  }
}

Result<NamespaceIndex> Identities::namespace_of(const std::string& name) {
  if (const auto known = namespaces_.find(name); known != namespaces_.end()) return known->second;
  if (!options_.dev || namespaces_.size() >= namespaces_dev_max) {
    return fail(Code::forbidden, "This server does not keep the namespace that the token names.");
  }
  auto opened = engine_.open_namespace(name);
  if (!opened) return opened;
  namespaces_.emplace(name, *opened);
  namespaces_end_ = std::max<NamespaceIndex>(namespaces_end_, static_cast<NamespaceIndex>(*opened + 1U));
  return opened;
}

std::shared_ptr<const RightSet> Identities::rights_of(const Identity& identity) {
  std::string key;
  for (const std::string& role : identity.roles) key.append(role).push_back('\x1e');
  key.push_back('\x1f');
  for (const std::string& right : identity.rights) key.append(right).push_back('\x1e');
  if (const auto known = rights_.find(key); known != rights_.end()) return known->second;
  auto rights = std::make_shared<const RightSet>(catalog_.expand(identity.roles, identity.rights).rights);
  if (rights_.size() >= right_sets_max) rights_.clear();
  rights_.emplace(std::move(key), rights);
  return rights;
}

void Identities::see(Bearer& bearer, Identity& identity) {
  Claims claims;
  claims.user = identity.user;
  claims.employee = std::move(identity.employee);
  claims.departments = std::move(identity.departments);
  claims.roles = std::move(identity.roles);
  claims.rights = std::move(identity.rights);
  claims.super = identity.super;
  bearer.audience = std::make_shared<const Audience>(catalog_, claims);
  if (const auto known = classes_.find(bearer.audience->class_key()); known != classes_.end()) {
    bearer.audience_class = known->second;
    return;
  }
  claims.user.clear();
  claims.employee.clear();
  bearer.audience_class = std::make_shared<const Audience>(catalog_, claims);
  if (classes_.size() >= classes_max) classes_.clear();
  classes_.emplace(bearer.audience->class_key(), bearer.audience_class);
}

SignedIn Identities::of_token(std::string_view token, Wall now) {
  if (token.empty()) {
    return failed_sign_in(SignInFailure::missing, Code::unauthenticated,
                          "Send a token: Authorization: Bearer …, or `token` in hello.");
  }
  auto identity = verify_jwt(token, options_.keys, now, options_.audience);
  if (!identity) return tl::unexpected(std::move(identity.error()));
  const auto ns = namespace_of(identity->ns);
  if (!ns) return tl::unexpected(SignInError{ns.error(), SignInFailure::forbidden_namespace});
  auto bearer = std::make_shared<Bearer>();
  bearer->rights = rights_of(*identity);
  see(*bearer, *identity);
  bearer->user = std::move(identity->user);
  bearer->name = std::move(identity->name);
  bearer->ns = *ns;
  bearer->person = std::max<PersonKey>(1, fingerprint(bearer->user) + bearer->ns);
  bearer->service = identity->service;
  bearer->admin = bearer->rights->allows_everywhere(Right::admin);
  bearer->hold = bearer->rights->allows_somewhere(Right::lock_hold);
  bearer->expires_at = identity->expires_at;
  return BearerPtr(std::move(bearer));
}

SignedIn Identities::of_repeated_token(std::string_view token, Wall now) {
  std::string key(token);
  if (const auto known = remembered_.find(key); known != remembered_.end()) {
    if (!known->second->expires_at || now < *known->second->expires_at) return known->second;
    remembered_.erase(known);
  }
  auto bearer = of_token(token, now);
  if (!bearer) return bearer;
  if (remembered_.size() >= tokens_remembered_max) remembered_.clear();
  remembered_.emplace(std::move(key), *bearer);
  return bearer;
}

Result<std::string> Identities::make_code(PersonKey person, std::string token, Micros now) {
  while (!codes_.empty() && codes_.front().until <= now) codes_.pop_front();
  const auto of_person = std::ranges::count(codes_, person, &LoginCode::person);
  if (of_person >= std::int64_t{options_.login_codes_per_user_max})
    return fail(Code::too_many, "Too many of your sign-in codes wait to be used.");
  if (codes_.size() >= options_.login_codes_max) return fail(Code::too_many, "Too many sign-in codes wait to be used.");
  LoginCode& made = codes_.emplace_back();
  made.code = secrets_.next_id();
  made.until = now + options_.login_code_valid;
  made.person = person;
  made.token = std::move(token);
  return made.code.text();
}

tl::expected<std::string, SignInError> Identities::take_code(std::string_view code, Micros now) {
  while (!codes_.empty() && codes_.front().until <= now) codes_.pop_front();
  if (const auto id = Id128::parse(code)) {
    for (auto it = codes_.begin(); it != codes_.end(); ++it) {
      if (!equal_constant_time(it->code, *id)) continue;
      std::string token = std::move(it->token);
      codes_.erase(it);
      return token;
    }
  }
  return failed_sign_in(SignInFailure::wrong_code, Code::unauthenticated,
                        "This sign-in code was used or has expired: ask for another.");
}

std::string_view bearer_token(std::string_view authorization) noexcept {
  constexpr std::string_view scheme = "Bearer ";
  if (authorization.size() <= scheme.size() || !equals_ignoring_case(authorization.substr(0, scheme.size()), scheme))
    return {};
  authorization.remove_prefix(scheme.size());
  while (!authorization.empty() && authorization.front() == ' ') authorization.remove_prefix(1);
  while (!authorization.empty() && authorization.back() == ' ') authorization.remove_suffix(1);
  return authorization;
}

std::string_view cookie_value(std::string_view cookies, std::string_view name) noexcept {
  while (!cookies.empty()) {
    const std::size_t end = cookies.find(';');
    std::string_view pair = cookies.substr(0, end);
    cookies.remove_prefix(end == std::string_view::npos ? cookies.size() : end + 1);
    while (!pair.empty() && pair.front() == ' ') pair.remove_prefix(1);
    const std::size_t equal = pair.find('=');
    if (equal != std::string_view::npos && pair.substr(0, equal) == name) return pair.substr(equal + 1);
  }
  return {};
}

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

bool is_same_origin(std::string_view origin, std::string_view host) noexcept {
  if (host.empty()) return false;
  for (const std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
    if (origin.starts_with(scheme)) return equals_ignoring_case(origin.substr(scheme.size()), host);
  }
  return false;
}

bool is_loopback_host(std::string_view host) noexcept {
  std::string_view name = host;
  if (name.starts_with('[')) {
    const std::size_t end = name.find(']');
    if (end == std::string_view::npos) return false;
    const std::string_view rest = name.substr(end + 1);
    return name.substr(0, end + 1) == "[::1]" && (rest.empty() || rest.front() == ':');
  }
  name = name.substr(0, name.find(':'));
  if (equals_ignoring_case(name, "localhost")) return true;
  // 127.0.0.0/8 in dotted form only: "127.evil.example" is a name.
  if (!name.starts_with("127.")) return false;
  int dots = 0;
  for (const char c : name) {
    if (c == '.') {
      ++dots;
    } else if (c < '0' || c > '9') {
      return false;
    }
  }
  return dots == 3 && name.back() != '.';
}

}  // namespace hf::session
