#pragma once

// Who is asking: JSON Web Tokens (RFC 7519) verified without I/O, and the small hashes around secrets.
//
// The algorithm is the key's, never the header's: a header that names another one, `none` included, is
// refused, and an RSA public key can never serve as an HMAC secret. Every failure is Code::unauthenticated
// with a sentence that tells the owner of the token what to do and an attacker nothing. Why it failed is beside it, for
// the operator's eyes.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/sign_in_failure.h"
#include "base/time.h"
#include "model/lock.h"

struct evp_pkey_st;

namespace hf {

inline constexpr std::size_t jwt_bytes_max = 8 * 1024;
inline constexpr std::size_t jwt_list_max = 200;  // roles, rights, departments: each list
inline constexpr std::size_t namespace_bytes_max = 64;
inline constexpr Millis jwt_skew{30'000};  // between the issuer's clock and ours

// Who a token speaks for. Rights by role are the catalog's to add.
struct Identity {
  std::string user;            // `sub`, 1 to 200 bytes
  std::string name;            // `name`; the user if absent
  std::string ns = "default";  // `ns`
  std::vector<std::string> roles;
  std::vector<std::string> rights;
  std::string employee;
  std::vector<std::string> departments;
  bool super = false;
  bool service = false;
  std::optional<Wall> expires_at;  // `exp`
  bool operator==(const Identity&) const = default;
};

enum class JwtAlgorithm : std::uint8_t { hs256, rs256, eddsa };
std::optional<JwtAlgorithm> jwt_algorithm_from_name(std::string_view name) noexcept;  // "HS256", "RS256", "EdDSA"

struct JwtKey {
  std::string kid;  // empty: for tokens that name none
  JwtAlgorithm algorithm = JwtAlgorithm::hs256;
  std::string secret;                       // hs256
  std::shared_ptr<evp_pkey_st> public_key;  // rs256, eddsa
};

// The keys that tokens are verified with. Copies share the parsed public keys.
class JwtKeys {
 public:
  // Invalid if the secret has fewer than 32 bytes (RFC 7518 §3.2) or is a PEM, or the kid is taken.
  Result<void> add_hs256(std::string kid, std::string secret);
  // Invalid if `pem` is no public key of that algorithm, an RSA key has fewer than 2048 bits or the exponent 1, an
  // Ed25519 key is a point of small order, for which anybody can sign, or the kid is taken.
  Result<void> add_pem(std::string kid, JwtAlgorithm algorithm, std::string_view pem);
  bool empty() const noexcept { return keys_.empty(); }
  const std::vector<JwtKey>& all() const noexcept { return keys_; }

  bool require_exp = true;  // refuse tokens that never expire

 private:
  Result<void> add(JwtKey key);
  std::vector<JwtKey> keys_;
};

// An error, and why for the operator.
struct SignInError : Error {
  SignInFailure why = SignInFailure::missing;
};

// The identity in `token` if one of `keys` signed it, it is valid at `now` and meant for `audience` (empty:
// any). A token that names a kid is tried with that key only.
tl::expected<Identity, SignInError> verify_jwt(std::string_view token, const JwtKeys& keys, Wall now,
                                               std::string_view audience);

// The claims of a token as they stand in it, JSON, whoever made it: to show to its bearer, never to believe. Nothing if
// it is no token.
std::optional<std::string> unverified_claims(std::string_view token);

// A token for `identity`, valid for `valid_for` from `now`; no `aud` if `audience` is empty. For development
// tokens and tests. `identity.expires_at` is not looked at.
std::string sign_hs256(const Identity& identity, std::string_view kid, std::string_view secret, Wall now,
                       Millis valid_for, std::string_view audience);

// What the engine may know of a secret: its SHA-256, cut to 128 bits.
Secret digest_of(const Secret& secret);

}  // namespace hf
