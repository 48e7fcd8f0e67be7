#include "wire/jwt.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/limits.h"
#include "model/plain_text.h"
#include "model/target.h"
#include "wire/json_text.h"
#include "wire/json_writer.h"

namespace hf {
namespace {

namespace json = boost::json;

constexpr std::size_t kHs256SecretMin = 32;
constexpr int kRsaBitsMin = 2048;
constexpr std::size_t kClaimBytesMax = 200;
constexpr std::array<std::string_view, 3> kAlgorithms{"HS256", "RS256", "EdDSA"};

constexpr std::string_view kBase64Url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::int8_t, 256> make_base64_values() {
  std::array<std::int8_t, 256> values{};
  for (auto& v : values) v = -1;
  for (std::size_t i = 0; i < kBase64Url.size(); ++i) {
    values[static_cast<unsigned char>(kBase64Url[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}
constexpr auto kBase64Values = make_base64_values();

// Base64url without padding (RFC 7515 §2). Bits left over must be 0: one value has one text.
std::optional<std::string> base64url_decode(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const int value = kBase64Values[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>((bits >> count) & 0xFFU));
    }
  }
  if ((bits & ((1U << count) - 1U)) != 0) return std::nullopt;
  return out;
}

void append_base64url(std::string& out, std::string_view bytes) {
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    for (count += 8; count >= 6;) {
      count -= 6;
      out.push_back(kBase64Url[(bits >> count) & 63U]);
    }
  }
  if (count > 0) out.push_back(kBase64Url[(bits << (6 - count)) & 63U]);
}

const unsigned char* unsigned_of(std::string_view s) noexcept {
  return reinterpret_cast<const unsigned char*>(s.data());
}

std::string hmac_sha256(std::string_view secret, std::string_view text) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), unsigned_of(text), text.size(), mac, &size);
  return std::string(reinterpret_cast<const char*>(mac), size);
}

// The points whose order divides 8, by the bytes that encode them; the last bit, the sign, is not looked at. For some
// of them as a key, a signature that nobody made is true of every text (RFC 8032 §8.2 leaves refusing them to us).
bool is_of_small_order(const EVP_PKEY* key) {
  static constexpr std::array<std::string_view, 5> hex = {
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",   // -1
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",   // 0, not reduced
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"};  // 1, not reduced
  std::array<unsigned char, 32> point{};
  std::size_t size = point.size();
  if (EVP_PKEY_get_raw_public_key(key, point.data(), &size) != 1 || size != point.size()) return true;
  point.back() &= 0x7F;
  const bool rest_is_0 = std::all_of(point.begin() + 1, point.end(), [](unsigned char byte) { return byte == 0; });
  if (rest_is_0 && point.front() <= 1) return true;  // 0 and 1
  std::string text;
  for (const unsigned char byte : point) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return std::find(hex.begin(), hex.end(), text) != hex.end();
}

// With the exponent 1 a signature is the text itself.
bool has_exponent_1(const EVP_PKEY* key) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &number) != 1) return true;
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> exponent(number, &BN_free);
  return BN_is_odd(exponent.get()) == 0 || BN_is_one(exponent.get()) == 1;
}

bool is_signed_by(const JwtKey& key, std::string_view text, std::string_view signature) {
  if (key.algorithm == JwtAlgorithm::hs256) {
    const std::string mac = hmac_sha256(key.secret, text);
    return mac.size() == signature.size() && CRYPTO_memcmp(mac.data(), signature.data(), mac.size()) == 0;
  }
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  const EVP_MD* digest = key.algorithm == JwtAlgorithm::rs256 ? EVP_sha256() : nullptr;  // Ed25519 hashes by itself
  const bool genuine =
      context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key.public_key.get()) == 1 &&
      EVP_DigestVerify(context.get(), unsigned_of(signature), signature.size(), unsigned_of(text), text.size()) == 1;
  ERR_clear_error();  // the queue is the thread's: TLS would take what is left in it for its own
  return genuine;
}

using Failed = tl::unexpected<SignInError>;

Failed failed(SignInFailure why, std::string detail) {
  return Failed(SignInError{Error{Code::unauthenticated, std::move(detail), {}}, why});
}
// One sentence for whatever is wrong with form or signature: the difference is an attacker's business only.
Failed not_valid(SignInFailure why = SignInFailure::malformed) {
  return failed(why, "The token is not one that this server accepts: sign in again.");
}
Failed bad_claim(std::string_view claim) {
  return failed(SignInFailure::bad_claim,
                "The token's claim `" + std::string(claim) + "` is missing or malformed: ask who issues your tokens.");
}

const json::value* find(const json::object& claims, std::string_view name) noexcept {
  const json::value* value = claims.if_contains(json::string_view(name.data(), name.size()));
  return value != nullptr && !value->is_null() ? value : nullptr;
}

bool take_text(const json::object& claims, std::string_view name, std::size_t bytes_max, std::string& out) {
  const json::value* value = find(claims, name);
  if (value == nullptr) return true;
  const json::string* text = value->if_string();
  if (text == nullptr || text->size() > bytes_max) return false;
  out = text_of(*text);
  return true;
}

bool take_list(const json::object& claims, std::string_view name, std::vector<std::string>& out) {
  const json::value* value = find(claims, name);
  if (value == nullptr) return true;
  const json::array* list = value->if_array();
  if (list == nullptr || list->size() > jwt_list_max) return false;
  for (const json::value& element : *list) {
    const json::string* text = element.if_string();
    if (text == nullptr || text->empty() || text->size() > kClaimBytesMax) return false;
    out.emplace_back(text_of(*text));
  }
  return true;
}

bool take_flag(const json::object& claims, std::string_view name, bool& out) {
  const json::value* value = find(claims, name);
  if (value == nullptr) return true;
  const bool* flag = value->if_bool();
  if (flag == nullptr) return false;
  out = *flag;
  return true;
}

// A NumericDate (RFC 7519 §2): seconds, perhaps with a fraction.
bool take_date(const json::object& claims, std::string_view name, std::optional<Wall>& out) {
  const json::value* value = find(claims, name);
  if (value == nullptr) return true;
  constexpr std::int64_t kSecondsMax = 253'402'300'799;  // the end of the year 9999
  if (const std::int64_t* seconds = value->if_int64()) {
    if (*seconds < 0 || *seconds > kSecondsMax) return false;
    out = wall_us(*seconds * 1'000'000);
    return true;
  }
  const double* seconds = value->if_double();
  if (seconds == nullptr || !(*seconds >= 0 && *seconds <= static_cast<double>(kSecondsMax))) return false;
  out = wall_us(static_cast<std::int64_t>(*seconds * 1e6));
  return true;
}

bool is_for(const json::object& claims, std::string_view audience) noexcept {
  if (audience.empty()) return true;
  const json::value* aud = find(claims, "aud");
  if (aud == nullptr) return false;
  const auto is_ours = [&](const json::value& v) {
    const json::string* text = v.if_string();
    return text != nullptr && text_of(*text) == audience;
  };
  const json::array* list = aud->if_array();
  return list != nullptr ? std::any_of(list->begin(), list->end(), is_ours) : is_ours(*aud);
}

tl::expected<Identity, SignInError> identity_of(const json::object& claims, const JwtKeys& keys, Wall now,
                                                std::string_view audience) {
  Identity identity;
  std::optional<Wall> not_before;
  if (!take_date(claims, "exp", identity.expires_at) || (keys.require_exp && !identity.expires_at))
    return bad_claim("exp");
  if (identity.expires_at && now >= *identity.expires_at + jwt_skew) {
    return failed(SignInFailure::expired, "The token has expired: sign in again.");
  }
  if (!take_date(claims, "nbf", not_before)) return bad_claim("nbf");
  if (not_before && now + jwt_skew < *not_before) {
    return failed(SignInFailure::not_yet_valid,
                  "The token is not valid yet: check the clocks of its issuer and of this server.");
  }
  if (!is_for(claims, audience))
    return failed(SignInFailure::audience, "The token is meant for another service: ask for one for this.");
  if (!take_text(claims, "sub", user_bytes_max, identity.user) || identity.user.empty() ||
      !is_plain_line(identity.user)) {
    return bad_claim("sub");
  }
  if (!take_text(claims, "name", kClaimBytesMax, identity.name) || !is_plain_line(identity.name))
    return bad_claim("name");
  // A namespace may become a file's name.
  if (!take_text(claims, "ns", namespace_bytes_max, identity.ns) || !is_target_segment(identity.ns) ||
      identity.ns[0] == '.') {
    return bad_claim("ns");
  }
  if (!take_text(claims, "employee", kClaimBytesMax, identity.employee)) return bad_claim("employee");
  if (!take_list(claims, "roles", identity.roles)) return bad_claim("roles");
  if (!take_list(claims, "rights", identity.rights)) return bad_claim("rights");
  if (!take_list(claims, "departments", identity.departments)) return bad_claim("departments");
  if (!take_flag(claims, "super", identity.super)) return bad_claim("super");
  if (!take_flag(claims, "service", identity.service)) return bad_claim("service");
  if (identity.name.empty()) identity.name = identity.user;
  return identity;
}

}  // namespace

std::optional<JwtAlgorithm> jwt_algorithm_from_name(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kAlgorithms.size(); ++i) {
    if (kAlgorithms[i] == name) return static_cast<JwtAlgorithm>(i);
  }
  return std::nullopt;
}

Result<void> JwtKeys::add(JwtKey key) {
  if (std::any_of(keys_.begin(), keys_.end(), [&](const JwtKey& k) { return k.kid == key.kid; })) {
    return fail(Code::invalid, "Two keys have the kid `" + key.kid + "`: give each its own.", "kid");
  }
  keys_.push_back(std::move(key));
  return {};
}

Result<void> JwtKeys::add_hs256(std::string kid, std::string secret) {
  if (secret.size() < kHs256SecretMin) {
    return fail(Code::invalid, "An HS256 secret needs at least 32 bytes: make one with `openssl rand -base64 48`.",
                "secret");
  }
  if (secret.find("-----BEGIN") != std::string::npos) {
    return fail(Code::invalid,
                "This is a PEM, not an HS256 secret: name it as public_key_file, with alg RS256 or EdDSA.", "secret");
  }
  return add(JwtKey{std::move(kid), JwtAlgorithm::hs256, std::move(secret), nullptr});
}

Result<void> JwtKeys::add_pem(std::string kid, JwtAlgorithm algorithm, std::string_view pem) {
  if (algorithm == JwtAlgorithm::hs256) return fail(Code::invalid, "HS256 takes a secret, not a PEM key.", "algorithm");
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                      &BIO_free);
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };  // else OpenSSL asks the terminal
  std::shared_ptr<EVP_PKEY> key(bio ? PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr) : nullptr,
                                &EVP_PKEY_free);
  ERR_clear_error();
  if (key == nullptr) {
    return fail(Code::invalid, "This is no public key in PEM form (-----BEGIN PUBLIC KEY-----).", "pem");
  }
  const int type = EVP_PKEY_base_id(key.get());
  if (type != (algorithm == JwtAlgorithm::rs256 ? EVP_PKEY_RSA : EVP_PKEY_ED25519)) {
    return fail(Code::invalid,
                "The key is not one for " + std::string(kAlgorithms[static_cast<std::size_t>(algorithm)]) + ".", "pem");
  }
  if (type == EVP_PKEY_RSA && EVP_PKEY_bits(key.get()) < kRsaBitsMin) {
    return fail(Code::invalid, "An RSA key needs at least 2048 bits.", "pem");
  }
  if (type == EVP_PKEY_RSA ? has_exponent_1(key.get()) : is_of_small_order(key.get())) {
    return fail(Code::invalid, "Anybody can sign for this key: make a new pair, as `openssl genpkey` does.", "pem");
  }
  return add(JwtKey{std::move(kid), algorithm, {}, std::move(key)});
}

std::optional<std::string> unverified_claims(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return base64url_decode(token.substr(first + 1, second - first - 1));
}

tl::expected<Identity, SignInError> verify_jwt(std::string_view token, const JwtKeys& keys, Wall now,
                                               std::string_view audience) {
  if (token.empty()) return failed(SignInFailure::missing, "There is no token: sign in.");
  if (token.size() > jwt_bytes_max) return not_valid();
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos) return not_valid();
  const auto header_text = base64url_decode(token.substr(0, first));
  const auto claims_text = base64url_decode(token.substr(first + 1, second - first - 1));
  const auto signature = base64url_decode(token.substr(second + 1));
  if (!header_text || !claims_text || !signature) return not_valid();

  std::string algorithm;
  std::string kid;
  {
    const Json parsed(*header_text);
    const json::object* header = parsed.object();
    // `crit` lists what a verifier must understand (RFC 7515 §4.1.11); we understand none of it.
    if (header == nullptr || find(*header, "crit") != nullptr) return not_valid();
    if (!take_text(*header, "alg", kClaimBytesMax, algorithm)) return not_valid();
    if (!take_text(*header, "kid", kClaimBytesMax, kid)) return not_valid();
  }
  const std::string_view signed_text = token.substr(0, second);
  bool known = false;
  const bool genuine = std::any_of(keys.all().begin(), keys.all().end(), [&](const JwtKey& key) {
    if (!kid.empty() && key.kid != kid) return false;
    if (algorithm != kAlgorithms[static_cast<std::size_t>(key.algorithm)]) return false;
    known = true;
    return is_signed_by(key, signed_text, *signature);
  });
  if (!genuine) return not_valid(known ? SignInFailure::bad_signature : SignInFailure::unknown_key);
  const Json claims(*claims_text);
  if (claims.object() == nullptr) return not_valid();
  return identity_of(*claims.object(), keys, now, audience);
}

std::string sign_hs256(const Identity& identity, std::string_view kid, std::string_view secret, Wall now,
                       Millis valid_for, std::string_view audience) {
  std::string header;
  JsonWriter h(header);
  h.begin_object().field("alg", "HS256").field("typ", "JWT").some("kid", kid).end_object();

  std::string claims;
  JsonWriter c(claims);
  const auto list = [&](std::string_view name, const std::vector<std::string>& texts) {
    if (texts.empty()) return;
    c.key(name).begin_array();
    for (const std::string& text : texts) c.string(text);
    c.end_array();
  };
  c.begin_object().field("sub", identity.user).some("name", identity.name).field("ns", identity.ns);
  list("roles", identity.roles);
  list("rights", identity.rights);
  c.some("employee", identity.employee);
  list("departments", identity.departments);
  if (identity.super) c.key("super").boolean(true);
  if (identity.service) c.key("service").boolean(true);
  c.some("aud", audience);
  c.key("iat").signed_number(to_us(now) / 1'000'000);
  c.key("exp").signed_number(to_us(now + valid_for) / 1'000'000);
  c.end_object();

  std::string token;
  append_base64url(token, header);
  token.push_back('.');
  append_base64url(token, claims);
  const std::string mac = hmac_sha256(secret, token);
  token.push_back('.');
  append_base64url(token, mac);
  return token;
}

Secret digest_of(const Secret& secret) {
  std::array<unsigned char, 16> bytes;
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<unsigned char>(secret.value.hi >> (56 - 8 * i));
    bytes[8 + i] = static_cast<unsigned char>(secret.value.lo >> (56 - 8 * i));
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  Secret out;
  for (std::size_t i = 0; i < 8; ++i) {
    out.value.hi = (out.value.hi << 8) | digest[i];
    out.value.lo = (out.value.lo << 8) | digest[8 + i];
  }
  return out;
}

}  // namespace hf
