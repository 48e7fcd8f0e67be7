// A token that our key has not signed is never accepted; one that it has signed, with any header and claims,
// gives a user within bounds or is refused. Input with a line break: header, then claims, which are signed here.
// Any other input is a token as it is.

#include "wire/jwt.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/limits.h"
#include "fuzz.h"

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

void run(std::string_view input) {
  static const JwtKeys keys = [] {
    JwtKeys some;
    HF_ASSERT(some.add_hs256("k1", kSecret));
    some.require_exp = false;
    return some;
  }();
  const std::size_t line = input.find('\n');
  if (line == std::string_view::npos) {
    const auto identity = verify_jwt(input, keys, kNow, "");
    HF_ASSERT(!identity && identity.error().code == Code::unauthenticated);
    return;
  }
  std::string token = base64url(input.substr(0, line)) + "." + base64url(input.substr(line + 1));
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), kSecret.data(), static_cast<int>(kSecret.size()),
       reinterpret_cast<const unsigned char*>(token.data()), token.size(), mac, &size);
  token += "." + base64url(std::string_view(reinterpret_cast<const char*>(mac), size));
  const auto identity = verify_jwt(token, keys, kNow, "");
  if (!identity) {
    HF_ASSERT(identity.error().code == Code::unauthenticated);
    return;
  }
  HF_ASSERT(!identity->user.empty() && identity->user.size() <= user_bytes_max && !identity->ns.empty());
  const auto back = verify_jwt(sign_hs256(*identity, "k1", kSecret, kNow, Millis(1000), ""), keys, kNow, "");
  // It may not fit 8 KB with all that is written out; else it is the same person.
  if (back) HF_ASSERT(back->user == identity->user && back->roles == identity->roles && back->super == identity->super);
}

}  // namespace
}  // namespace hf

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hf::run(hf::text_of(data, size));
  return 0;
}
