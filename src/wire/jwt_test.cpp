// A token decides who somebody is. If a forged, expired or foreign one passed, anybody could hold, force and
// release locks in another's name.

#include "wire/jwt.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <boost/json.hpp>

#include "wire/json_writer.h"

namespace hf {
namespace {

const std::string kSecret(32, 's');
const Wall kNow = wall_us(1'709'208'000'000'000);

std::string base64url(std::string_view bytes) {
  std::string out(4 * (bytes.size() + 2) / 3 + 4, '\0');
  const int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(n));
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

// A key pair of our own, for signing what verify_jwt must accept or refuse.
struct KeyPair {
  std::shared_ptr<EVP_PKEY> key;
  const EVP_MD* digest = nullptr;

  static KeyPair rsa(unsigned bits) { return {{EVP_RSA_gen(bits), &EVP_PKEY_free}, EVP_sha256()}; }
  static KeyPair ed25519() { return {{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), &EVP_PKEY_free}, nullptr}; }
  static KeyPair ec() { return {{EVP_EC_gen("P-256"), &EVP_PKEY_free}, EVP_sha256()}; }

  std::string pem() const {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
    PEM_write_bio_PUBKEY(bio.get(), key.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
  }
  std::string sign(std::string_view text) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t size = 0;
    EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key.get());
    EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size());
    std::string signature(size, '\0');
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes, text.size());
    signature.resize(size);
    return signature;
  }
  std::string token(std::string_view header, std::string_view claims) const {
    const std::string text = base64url(header) + "." + base64url(claims);
    return text + "." + base64url(sign(text));
  }
};

KeyPair hmac_key(const std::string& secret) {
  return {{EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, nullptr, reinterpret_cast<const unsigned char*>(secret.data()),
                                        secret.size()),
           &EVP_PKEY_free},
          EVP_sha256()};
}

JwtKeys hs256_keys() {
  JwtKeys keys;
  EXPECT_TRUE(keys.add_hs256("k1", kSecret));
  return keys;
}

constexpr std::string_view kHeader = R"({"alg":"HS256"})";
constexpr std::string_view kClaims = R"({"sub":"li","exp":1709209000})";

std::string hs256(std::string_view claims, std::string_view header = kHeader) {
  return hmac_key(kSecret).token(header, claims);
}

// True if the token is refused, as unauthenticated, for a reason that does not show the token or the secret.
testing::AssertionResult refuses(const std::string& token, const JwtKeys& keys = hs256_keys(), Wall now = kNow,
                                 std::string_view audience = "") {
  const auto identity = verify_jwt(token, keys, now, audience);
  if (identity) return testing::AssertionFailure() << "accepted as " << identity->user;
  if (identity.error().code != Code::unauthenticated)
    return testing::AssertionFailure() << code_name(identity.error().code);
  if (identity.error().detail.empty()) return testing::AssertionFailure() << "without a sentence";
  return testing::AssertionSuccess();
}

TEST(Jwt, what_is_signed_is_what_is_verified) {
  Identity li;
  li.user = "li";
  li.name = "李 \"四\"";
  li.ns = "账套一";
  li.roles = {"sales", "reviewer"};
  li.rights = {"lock.edit:SaleOrder"};
  li.employee = "E7";
  li.departments = {"D1", "D2"};
  li.super = true;
  li.service = true;
  const std::string token = sign_hs256(li, "k1", kSecret, kNow, Millis(60'000), "holdfast");
  const auto back = verify_jwt(token, hs256_keys(), kNow, "holdfast");
  ASSERT_TRUE(back) << back.error().detail;
  li.expires_at = kNow + Millis(60'000);
  EXPECT_EQ(*back, li);
}

TEST(Jwt, the_claims_of_a_token_can_be_shown_without_its_key) {
  Identity identity;
  identity.user = "li";
  const std::string token =
      sign_hs256(identity, "k", std::string(32, 's'), wall_us(1'760'000'000'000'000), Millis(1000), "");
  const auto claims = unverified_claims(token);
  ASSERT_TRUE(claims);
  EXPECT_NE(claims->find(R"("sub":"li")"), std::string::npos) << *claims;
  for (const std::string bad : {"", "a", "a.b", "a.b=.c", "a.b!.c", "a.bbbbb.c"})
    EXPECT_FALSE(unverified_claims(bad)) << bad;
}

TEST(Jwt, a_stranger_s_token_with_little_in_it_is_enough) {
  const auto li = verify_jwt(hs256(kClaims), hs256_keys(), kNow, "");
  ASSERT_TRUE(li) << li.error().detail;
  EXPECT_EQ(li->user, "li");
  EXPECT_EQ(li->name, "li");
  EXPECT_EQ(li->ns, "default");
  EXPECT_FALSE(li->super);
}

TEST(Jwt, a_user_and_his_name_read_as_they_are_written) {
  for (const char* bad : {"li\\nlei", "li\\u007f", "li\\u202eiel", "\\u200fli", "\\u2066li", "li\\u0085"}) {
    EXPECT_TRUE(refuses(hs256(std::string(R"({"sub":")") + bad + R"(","exp":1709209000})"))) << bad;
    EXPECT_TRUE(refuses(hs256(std::string(R"({"sub":"li","name":")") + bad + R"(","exp":1709209000})"))) << bad;
  }
  EXPECT_FALSE(refuses(hs256(R"({"sub":"李","name":"\u0645\u062d\u0645\u062f","exp":1709209000})")));
}

TEST(Jwt, the_algorithm_is_the_key_s_and_never_the_header_s) {
  EXPECT_TRUE(refuses(base64url(R"({"alg":"none"})") + "." + base64url(kClaims) + "."));
  EXPECT_TRUE(refuses(base64url(R"({"alg":"None"})") + "." + base64url(kClaims) + "."));
  EXPECT_TRUE(refuses(base64url(kHeader) + "." + base64url(kClaims) + "."));
  EXPECT_TRUE(refuses(hs256(kClaims, R"({"alg":"HS512"})")));
  EXPECT_TRUE(refuses(hs256(kClaims, R"({})")));
  EXPECT_TRUE(refuses(hs256(kClaims, R"({"alg":"RS256"})")));

  const KeyPair rsa = KeyPair::rsa(2048);
  JwtKeys keys;
  ASSERT_TRUE(keys.add_pem("r", JwtAlgorithm::rs256, rsa.pem()));
  EXPECT_TRUE(verify_jwt(rsa.token(R"({"alg":"RS256"})", kClaims), keys, kNow, ""));
  EXPECT_TRUE(refuses(hmac_key(rsa.pem()).token(kHeader, kClaims), keys)) << "the public key used as an HMAC secret";
  EXPECT_TRUE(refuses(rsa.token(R"({"alg":"HS256"})", kClaims), keys));
  EXPECT_TRUE(refuses(KeyPair::rsa(2048).token(R"({"alg":"RS256"})", kClaims), keys));
}

TEST(Jwt, ed25519_signs_and_a_changed_claim_does_not_pass) {
  const KeyPair pair = KeyPair::ed25519();
  JwtKeys keys;
  ASSERT_TRUE(keys.add_pem("e", JwtAlgorithm::eddsa, pair.pem()));
  const std::string token = pair.token(R"({"alg":"EdDSA","kid":"e"})", kClaims);
  ASSERT_TRUE(verify_jwt(token, keys, kNow, ""));
  const std::size_t dot = token.find('.');
  const std::string other = base64url(R"({"sub":"wu","exp":1709209000})");
  EXPECT_TRUE(refuses(token.substr(0, dot + 1) + other + token.substr(token.rfind('.')), keys));
}

TEST(Jwt, a_token_that_names_a_key_is_tried_with_that_key_only) {
  JwtKeys keys = hs256_keys();
  ASSERT_TRUE(keys.add_hs256("k2", std::string(32, 't')));
  EXPECT_TRUE(verify_jwt(hs256(kClaims, R"({"alg":"HS256","kid":"k1"})"), keys, kNow, ""));
  EXPECT_TRUE(verify_jwt(hs256(kClaims), keys, kNow, ""));
  EXPECT_TRUE(refuses(hs256(kClaims, R"({"alg":"HS256","kid":"k2"})"), keys));
  EXPECT_TRUE(refuses(hs256(kClaims, R"({"alg":"HS256","kid":"../../etc/passwd"})"), keys));
  EXPECT_TRUE(refuses(hs256(kClaims), JwtKeys())) << "no keys";
}

TEST(Jwt, time_bounds_hold_to_the_skew_and_no_further) {
  const std::string token = hs256(R"({"sub":"li","exp":1709208000,"nbf":1709207000})");
  EXPECT_TRUE(verify_jwt(token, hs256_keys(), kNow + Millis(29'999), ""));
  EXPECT_TRUE(refuses(token, hs256_keys(), kNow + Millis(30'000)));
  EXPECT_TRUE(verify_jwt(token, hs256_keys(), kNow - Millis(1'030'000), ""));
  EXPECT_TRUE(refuses(token, hs256_keys(), kNow - Millis(1'030'001)));

  EXPECT_TRUE(refuses(hs256(R"({"sub":"li"})"))) << "a token that never expires";
  JwtKeys lenient = hs256_keys();
  lenient.require_exp = false;
  EXPECT_TRUE(verify_jwt(hs256(R"({"sub":"li"})"), lenient, kNow, ""));
  for (const char* exp : {"\"1709209000\"", "-1", "1e300", "true", "253402300800", "[]"}) {
    EXPECT_TRUE(refuses(hs256(std::string(R"({"sub":"li","exp":)") + exp + "}"))) << exp;
  }
  EXPECT_TRUE(verify_jwt(hs256(R"({"sub":"li","exp":1709209000.5})"), hs256_keys(), kNow, ""));
}

TEST(Jwt, a_token_for_another_service_is_refused) {
  const auto with = [](std::string_view aud) {
    return hs256(R"({"sub":"li","exp":1709209000,"aud":)" + std::string(aud) + "}");
  };
  EXPECT_TRUE(verify_jwt(with("\"holdfast\""), hs256_keys(), kNow, "holdfast"));
  EXPECT_TRUE(verify_jwt(with("[\"erp\",\"holdfast\"]"), hs256_keys(), kNow, "holdfast"));
  for (const char* aud : {"\"erp\"", "[]", "[\"erp\"]", "7", "null", "\"holdfast2\""}) {
    EXPECT_TRUE(refuses(with(aud), hs256_keys(), kNow, "holdfast")) << aud;
  }
  EXPECT_TRUE(refuses(hs256(kClaims), hs256_keys(), kNow, "holdfast")) << "no audience at all";
  EXPECT_TRUE(verify_jwt(with("\"erp\""), hs256_keys(), kNow, "")) << "not checked when none is configured";
}

TEST(Jwt, claims_of_a_wrong_shape_are_refused) {
  const auto with = [](std::string claims) { return hs256("{\"exp\":1709209000," + claims + "}"); };
  EXPECT_TRUE(verify_jwt(with(R"("sub":")" + std::string(200, 'u') + "\""), hs256_keys(), kNow, ""));
  EXPECT_TRUE(refuses(with(R"("sub":")" + std::string(201, 'u') + "\"")));
  for (const char* claims :
       {R"("name":"x")", R"("sub":"")", R"("sub":7)", R"("sub":"a\u0000b")", R"("sub":"li","name":7)",
        R"("sub":"li","ns":"")", R"("sub":"li","ns":"../x")", R"("sub":"li","ns":"..")", R"("sub":"li","ns":"a/b")",
        R"("sub":"li","roles":"admin")", R"("sub":"li","roles":[7])", R"("sub":"li","roles":[""])",
        R"("sub":"li","super":"true")", R"("sub":"li","sub":"wu")", R"("sub":"li","departments":{})"}) {
    EXPECT_TRUE(refuses(with(claims))) << claims;
  }
  std::string roles = R"("sub":"li","roles":["r")";
  for (std::size_t i = 1; i < jwt_list_max; ++i) roles += ",\"r\"";
  EXPECT_TRUE(verify_jwt(with(roles + "]"), hs256_keys(), kNow, ""));
  EXPECT_TRUE(refuses(with(roles + ",\"r\"]")));
}

TEST(Jwt, what_is_no_token_is_refused) {
  const std::string good = hs256(kClaims);
  ASSERT_TRUE(verify_jwt(good, hs256_keys(), kNow, ""));
  EXPECT_TRUE(refuses(""));
  EXPECT_TRUE(refuses("."));
  EXPECT_TRUE(refuses(".."));
  EXPECT_TRUE(refuses("a.b.c"));
  EXPECT_TRUE(refuses(good + "."));
  EXPECT_TRUE(refuses(good + "="));
  EXPECT_TRUE(refuses(" " + good));
  EXPECT_TRUE(refuses(good.substr(0, good.size() - 1)));
  EXPECT_TRUE(refuses(hs256("[]")));
  EXPECT_TRUE(refuses(hs256("{\"sub\":\"li\"")));
  EXPECT_TRUE(refuses(hs256(kClaims, R"({"alg":"HS256","crit":["b64"],"b64":false})")));
  EXPECT_TRUE(refuses(hs256(kClaims, R"({"alg":"HS256","alg":"HS256"})")));
  // The last character has two bits to spare: setting them must not give a second text of one signature.
  std::string twin = good;
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  twin.back() = kAlphabet[kAlphabet.find(twin.back()) | 1U];
  ASSERT_NE(twin, good);
  EXPECT_TRUE(refuses(twin));
}

TEST(Jwt, a_token_of_more_than_8_kb_is_not_looked_at) {
  const auto of_size = [](std::size_t padding) {
    return hs256(R"({"sub":"li","exp":1709209000,"x":")" + std::string(padding, 'x') + "\"}");
  };
  std::size_t padding = 6000;
  while (of_size(padding).size() < jwt_bytes_max) ++padding;
  EXPECT_TRUE(verify_jwt(of_size(padding - 1), hs256_keys(), kNow, ""));
  EXPECT_TRUE(refuses(of_size(padding + 1)));
}

TEST(Jwt, keys_that_are_too_weak_or_of_another_kind_are_not_taken) {
  JwtKeys keys;
  EXPECT_FALSE(keys.add_hs256("a", std::string(31, 's')));
  EXPECT_FALSE(
      keys.add_pem("a", JwtAlgorithm::rs256, "-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----\n"));
  EXPECT_FALSE(keys.add_pem("a", JwtAlgorithm::rs256, ""));
  EXPECT_FALSE(keys.add_pem("a", JwtAlgorithm::rs256, KeyPair::rsa(1024).pem()));
  EXPECT_FALSE(keys.add_pem("a", JwtAlgorithm::rs256, KeyPair::ec().pem()));
  EXPECT_FALSE(keys.add_pem("a", JwtAlgorithm::eddsa, KeyPair::rsa(2048).pem()));
  EXPECT_FALSE(keys.add_pem("a", JwtAlgorithm::hs256, KeyPair::ed25519().pem()));
  EXPECT_TRUE(keys.empty());
  EXPECT_TRUE(keys.add_hs256("a", kSecret));
  EXPECT_FALSE(keys.add_pem("a", JwtAlgorithm::eddsa, KeyPair::ed25519().pem())) << "the kid is taken";
}

// The PEM of an Ed25519 key that is these bytes.
std::string ed25519_pem(const std::array<unsigned char, 32>& bytes) {
  const std::shared_ptr<EVP_PKEY> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes.data(), bytes.size()), &EVP_PKEY_free);
  return KeyPair{key, nullptr}.pem();
}

TEST(Jwt, a_key_for_which_anybody_can_sign_is_not_taken) {
  std::array<unsigned char, 32> zero{}, one{}, minus_one{},
      order_8 = {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
                 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05};
  one[0] = 1;
  minus_one.fill(0xFF);
  minus_one[0] = 0xEC;
  minus_one[31] = 0x7F;
  for (std::array<unsigned char, 32> point : {zero, one, minus_one, order_8}) {
    for (const int sign : {0x00, 0x80}) {
      point[31] = static_cast<unsigned char>((point[31] & 0x7F) | sign);
      JwtKeys keys;
      EXPECT_FALSE(keys.add_pem("a", JwtAlgorithm::eddsa, ed25519_pem(point))) << int{point[0]} << " " << sign;
    }
  }
  JwtKeys keys;
  EXPECT_TRUE(keys.add_pem("a", JwtAlgorithm::eddsa, KeyPair::ed25519().pem()));
  const std::string pem = KeyPair::ed25519().pem();
  EXPECT_FALSE(keys.add_hs256("b", pem)) << "whoever has the public key could sign";
}

TEST(Jwt, a_digest_tells_secrets_apart_and_not_what_they_are) {
  const Secret secret{Id128{1, 2}};
  // The first half of `printf 00000000000000010000000000000002 | xxd -r -p | sha256sum`.
  EXPECT_EQ(digest_of(secret), (Secret{Id128{0x8c7654ecfd7b0b62ULL, 0x3b803e2f4e02ad1cULL}}));
  EXPECT_NE(digest_of(secret), digest_of(Secret{Id128{2, 1}}));
  EXPECT_NE(digest_of(secret), secret);
}

}  // namespace
}  // namespace hf
