#pragma once

// Identities turns tokens into bearers: the caller, his namespace and his rights.
//
// A bearer is immutable and shared; equal rights are one object, so that ten thousand connections with one role cost
// one set. A token that comes with every HTTP request is verified once and remembered until it expires. One-time codes
// carry a token into a browser without showing it in a URL.
//
// A namespace that is not configured is forbidden; in development it is created, up to a limit. No error says why a
// signature failed. Not thread-safe.

#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "session/hub.h"

namespace hf::session {

struct Bearer {
  PersonKey person = 0;  // the same for all tokens of one user of one namespace
  std::string user;
  std::string name;
  NamespaceIndex ns = 0;
  bool service = false;
  bool admin = false;
  bool hold = false;  // lock.hold on some type
  std::shared_ptr<const RightSet> rights;
  AudiencePtr audience;        // which bills' states he may see
  AudiencePtr audience_class;  // the class part of it, of nobody; one object for many
  std::optional<Wall> expires_at;

  bool same_person(const Bearer& other) const noexcept { return ns == other.ns && user == other.user; }
};
using BearerPtr = std::shared_ptr<const Bearer>;
using SignedIn = tl::expected<BearerPtr, SignInError>;

class Identities {
 public:
  // The references outlive this object. Opens the configured namespaces.
  Identities(const HubOptions& options, const Catalog& catalog, LockEngine& engine, SecretSource& secrets);

  // The bearer of `token`. Unauthenticated; forbidden if its namespace is unknown.
  SignedIn of_token(std::string_view token, Wall now);
  // The same, remembered: for tokens that come with every request.
  SignedIn of_repeated_token(std::string_view token, Wall now);

  // A code that stands for the person's `token` once, for HubOptions::login_code_valid; too_many beyond
  // login_codes_per_user_max and login_codes_max.
  Result<std::string> make_code(PersonKey person, std::string token, Micros now);
  // The token that `code` stands for; unauthenticated if there is none (any more).
  tl::expected<std::string, SignInError> take_code(std::string_view code, Micros now);

  // How many namespaces are open: 0 .. namespaces() - 1.
  NamespaceIndex namespaces() const noexcept { return namespaces_end_; }

  // Opens it if it is not open yet and this is development; else forbidden.
  Result<NamespaceIndex> namespace_of(const std::string& name);

 private:
  std::shared_ptr<const RightSet> rights_of(const Identity& identity);
  void see(Bearer& bearer, Identity& identity);

  struct LoginCode {
    Id128 code;
    Micros until{0};
    PersonKey person = 0;
    std::string token;
  };

  const HubOptions& options_;
  const Catalog& catalog_;
  LockEngine& engine_;
  SecretSource& secrets_;
  boost::unordered_flat_map<std::string, NamespaceIndex> namespaces_;
  NamespaceIndex namespaces_end_ = 0;
  boost::unordered_flat_map<std::string, std::shared_ptr<const RightSet>> rights_;  // by roles and rights
  boost::unordered_flat_map<std::uint64_t, AudiencePtr> classes_;                   // by Audience::class_key()
  boost::unordered_flat_map<std::string, BearerPtr> remembered_;                    // by token
  std::deque<LoginCode> codes_;                                                     // oldest first
};

// A sign-in that failed, and why for the operator.
inline tl::unexpected<SignInError> failed_sign_in(SignInFailure why, Code code, std::string detail,
                                                  std::string field = {}) {
  return tl::unexpected(SignInError{Error{code, std::move(detail), std::move(field)}, why});
}
// The token of an Authorization header ("Bearer x"), or empty.
std::string_view bearer_token(std::string_view authorization) noexcept;
// The value of a cookie in a Cookie header, or empty.
std::string_view cookie_value(std::string_view cookies, std::string_view name) noexcept;
// True if they differ in the case of ASCII letters at most.
bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;
// True if `origin` ("http://host:port") is the origin that `host` ("host:port") serves.
bool is_same_origin(std::string_view origin, std::string_view host) noexcept;
// True if `host` ("name" or "name:port") names this machine only: localhost, 127.0.0.0/8, [::1].
bool is_loopback_host(std::string_view host) noexcept;

inline constexpr std::string_view login_cookie = "holdfast";

}  // namespace hf::session
