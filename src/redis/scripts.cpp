#include "redis/scripts.h"

#include <openssl/sha.h>

#include <array>
#include <string_view>

namespace hf::redis {
namespace {

std::string sha1(std::string_view text) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> bytes{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes.data());
  std::string hex;
  for (const unsigned char byte : bytes) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

std::array<Script, script_count> made() {
  std::array<Script, script_count> scripts;
  for (std::size_t i = 0; i < script_count; ++i) scripts[i] = {std::string(lua_texts[i]), sha1(lua_texts[i])};
  return scripts;
}

}  // namespace

const Script& script_of(std::size_t name) {
  static const std::array<Script, script_count> scripts = made();
  return scripts.at(name);
}

void call_script(Link& link, ScriptName name, Arguments rest, std::function<Millis()> time_left, Done done) {
  const Script& script = script_of(name);
  Arguments all{"EVALSHA", script.digest};
  all.reserve(rest.size() + 2);
  all.insert(all.end(), rest.begin(), rest.end());
  const Millis timeout = time_left();
  link.send(std::move(all), timeout,
            [&link, &script, rest = std::move(rest), time_left = std::move(time_left),
             done = std::move(done)](const Result<Reply>& reply) {
              if (!reply || !reply->is_error("NOSCRIPT")) return done(reply);
              Arguments by_text{"EVAL", script.text};
              by_text.insert(by_text.end(), rest.begin(), rest.end());
              link.send(std::move(by_text), time_left(), done);
            });
}

}  // namespace hf::redis
