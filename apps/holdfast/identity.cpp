#include "identity.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "asking.h"
#include "client/http.h"
#include "console.h"
#include "profile.h"
#include "wire/json_text.h"
#include "wire/jwt.h"
#include "words.h"

namespace hf::cli {
namespace {

namespace json = boost::json;
using holdfast::Code;
using holdfast::Result;

constexpr const char* default_server = "http://127.0.0.1:7420";
constexpr holdfast::Millis development_token_max{10'000};

std::string environment(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// The addresses of --server: one, or several with commas between them.
std::vector<std::string> addresses_of(const std::string& server) {
  std::vector<std::string> all;
  std::string_view rest = server;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    std::string_view one = rest.substr(0, end);
    while (one.starts_with(' ')) one.remove_prefix(1);
    if (!one.empty()) all.emplace_back(one);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return all;
}

std::string_view host_of(std::string_view address) {
  if (const std::size_t scheme = address.find("://"); scheme != std::string_view::npos)
    address.remove_prefix(scheme + 3);
  address = address.substr(0, address.find('/'));
  if (address.starts_with('[')) return address.substr(1, address.find(']') - 1);
  return address.substr(0, address.find(':'));
}

// The profile, read once and only if it is needed.
class LazyProfile {
 public:
  Result<holdfast::Nothing> read() {
    if (read_) return holdfast::Nothing{};
    auto found = read_profile();
    if (!found) return tl::unexpected(found.error());
    read_ = true;
    if (*found) profile_ = **found;
    return holdfast::Nothing{};
  }
  const Profile& get() const noexcept { return profile_; }

 private:
  bool read_ = false;
  Profile profile_;
};

Result<holdfast::Nothing> find_server(Arguments& a, LazyProfile& profile) {
  a.server_from = "--server";
  if (a.server.empty()) {
    a.server = environment("HOLDFAST_SERVER");
    a.server_from = "HOLDFAST_SERVER";
  }
  a.server_given = !a.server.empty();
  if (a.server_given) return holdfast::Nothing{};
  if (auto read = profile.read(); !read) return read;
  a.server = profile.get().server;
  a.server_from = tr("the profile");
  if (a.server.empty()) {
    a.server = default_server;
    a.server_from = tr("the default");
  }
  return holdfast::Nothing{};
}

bool has_tls(const std::string& server) {
  const auto all = addresses_of(server);
  return std::any_of(all.begin(), all.end(), [](const std::string& address) {
    return address.starts_with("https://") || address.starts_with("wss://");
  });
}

Result<holdfast::Nothing> find_ca(Arguments& a, LazyProfile& profile) {
  if (a.ca.empty()) a.ca = environment("HOLDFAST_CA");
  if (!a.ca.empty() || !has_tls(a.server)) return holdfast::Nothing{};
  if (auto read = profile.read(); !read) return read;
  if (profile.get().server == a.server) a.ca = profile.get().ca;
  return holdfast::Nothing{};
}

tl::unexpected<holdfast::Error> no_token(const Arguments& a) {
  return holdfast::failure(Code::unauthenticated,
                           tr("You are not signed in to {}. `{}` does it.", a.server, typed("login")));
}

// A token by the name of a person.
Result<holdfast::Nothing> take_name(Arguments& a, const std::string& name, const std::string& from) {
  auto made = development_token(a, name);
  if (!made) return tl::unexpected(made.error());
  a.token = *std::move(made);
  a.token_from = from;
  return holdfast::Nothing{};
}

// Whether flags or the environment say who it is; then it is done.
Result<bool> find_told(Arguments& a) {
  if (!a.token.empty() && !a.as.empty())
    return holdfast::failure(Code::invalid, tr("--token and --as both say who you are. Give one."), "as");
  if (!a.token.empty()) return a.token_from = "--token", true;
  if (!a.as.empty()) {
    auto taken = take_name(a, a.as, "--as");
    return taken ? Result<bool>(true) : tl::unexpected(taken.error());
  }
  a.token = environment("HOLDFAST_TOKEN");
  if (!a.token.empty()) return a.token_from = "HOLDFAST_TOKEN", true;
  if (const std::string name = environment("HOLDFAST_USER"); !name.empty()) {
    auto taken = take_name(a, name, "HOLDFAST_USER");
    return taken ? Result<bool>(true) : tl::unexpected(taken.error());
  }
  return false;
}

}  // namespace

bool is_loopback(const std::string& server) {
  const auto all = addresses_of(server);
  return !all.empty() && std::all_of(all.begin(), all.end(), [](const std::string& address) {
    const std::string_view host = host_of(address);
    const bool is_name = host == "localhost" || host == "::1";
    return is_name || (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos);
  });
}

std::string shell_user() {
  for (const char* name : {"USER", "LOGNAME"}) {
    if (std::string user = environment(name); !user.empty()) return user;
  }
  const passwd* user = ::getpwuid(::getuid());
  return user == nullptr ? "" : user->pw_name;
}

Result<std::string> development_token(const Arguments& a, const std::string& user) {
  holdfast::DevToken who;
  who.user = user;
  who.roles = {"editor"};
  who.rights = {"status.publish"};
  auto made = development_token(a, who);
  if (made) return made;
  if (made.error().code == Code::not_found)
    return holdfast::failure(
        Code::unauthenticated,
        tr("{} gives no development tokens: it does not run with --dev. `{}` signs you in.", a.server, typed("login")));
  return tl::unexpected(at_server(a, made.error()));
}

Result<std::string> development_token(const Arguments& a, const holdfast::DevToken& who) {
  return holdfast::dev_token(a.server, who, development_token_max, a.ca);
}

Result<holdfast::Nothing> identify(Arguments& a, Needs needs) {
  if (needs == Needs::nothing) return holdfast::Nothing{};
  LazyProfile profile;
  if (auto found = find_server(a, profile); !found) return found;
  if (auto found = find_ca(a, profile); !found) return found;
  if (needs == Needs::server) return holdfast::Nothing{};
  auto told = find_told(a);
  if (!told) return tl::unexpected(told.error());
  if (*told) return holdfast::Nothing{};
  if (auto read = profile.read(); !read) return read;
  // A token is for the server it was got from, and is shown to no other.
  if (!profile.get().token.empty() && profile.get().server == a.server) {
    a.token = profile.get().token;
    a.token_from = profile_path();
    return holdfast::Nothing{};
  }
  if (needs == Needs::token_if_told) return holdfast::Nothing{};
  const std::string user = shell_user();
  if (user.empty() || !is_loopback(a.server)) return no_token(a);
  return take_name(a, user, tr("the development server, for the user of this shell"));
}

std::optional<TokenClaims> claims_of(const std::string& token) {
  const auto text = unverified_claims(token);
  if (!text) return std::nullopt;
  const auto parsed = parse_json(*text);
  const json::object* object = parsed ? parsed->if_object() : nullptr;
  if (object == nullptr) return std::nullopt;
  TokenClaims claims;
  claims.user = text_in(*object, "sub");
  claims.name = text_in(*object, "name");
  claims.ns = text_in(*object, "ns");
  const auto list = [&](const char* name, std::vector<std::string>& to) {
    const json::value* value = object->if_contains(name);
    if (value == nullptr || !value->is_array()) return;
    for (const json::value& one : value->get_array()) {
      if (one.is_string()) to.emplace_back(one.get_string());
    }
  };
  list("roles", claims.roles);
  list("rights", claims.rights);
  if (const json::value* exp = object->if_contains("exp"); exp != nullptr && exp->is_number()) {
    const auto seconds =
        exp->is_double() ? static_cast<std::int64_t>(exp->get_double()) : exp->to_number<std::int64_t>();
    claims.expires_at = holdfast::WallTime(std::chrono::seconds(seconds));
  }
  return claims;
}

}  // namespace hf::cli
