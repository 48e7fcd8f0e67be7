#include "server/key_check.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <set>

namespace hf {
namespace {

constexpr std::string_view make_one = " make one with `openssl rand -base64 48`.";
// 32 random characters have more, even if they are hexadecimal digits.
constexpr std::size_t distinct_min = 8;
// A text that is a shorter one said over and over holds no more than the shorter one.
constexpr std::size_t period_min = 16;

// In lower case, letters and digits only. Those of examples, and what people type until they have something better.
constexpr std::array<std::string_view, 14> known_keys = {"astringsecretatleast256bitslong",
                                                         "avalidstringsecretthatisatleast512bitslongwhichisverylong",
                                                         "changeme",
                                                         "changethis",
                                                         "changethissecret",
                                                         "jwtsecret",
                                                         "mysecret",
                                                         "mysecretkey",
                                                         "password",
                                                         "secret",
                                                         "secretkey",
                                                         "supersecret",
                                                         "your256bitsecret",
                                                         "yoursecretkey"};

std::string letters_of(std::string_view text) {
  std::string letters;
  for (const char c : text) {
    if (c >= 'A' && c <= 'Z') letters += static_cast<char>(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) letters += c;
  }
  return letters;
}

// The shortest text that, said over and over, gives `text`; the last time it may break off.
std::string_view period_of(std::string_view text) {
  for (std::size_t length = 1; length < text.size(); ++length) {
    if (text.substr(length) == text.substr(0, text.size() - length)) return text.substr(0, length);
  }
  return text;
}

// A known one, alone or with nothing but digits or one character behind it.
bool is_known(std::string_view letters) {
  return std::ranges::any_of(known_keys, [&](std::string_view one) {
    if (!letters.starts_with(one)) return false;
    const std::string_view rest = letters.substr(one.size());
    return std::ranges::all_of(rest, [](char c) { return c >= '0' && c <= '9'; }) ||
           rest.find_first_not_of(rest.front()) == std::string_view::npos;
  });
}

}  // namespace

std::string weakness_of_secret(std::string_view secret) {
  const std::string letters = letters_of(secret);
  if (is_known(letters) || is_known(period_of(letters)))
    return "The secret is one that guessers try first:" + std::string(make_one);
  if (std::set<char>(secret.begin(), secret.end()).size() < distinct_min)
    return "The secret has too few different characters:" + std::string(make_one);
  if (period_of(secret).size() < period_min) return "The secret is a short text over and over:" + std::string(make_one);
  return {};
}

FileExposure exposure_of(const std::string& path, KeyFile kind) {
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0) return {};  // the reader of the key reports why
  const bool secret = kind == KeyFile::secret;
  const auto may = [&](unsigned all) { return (about.st_mode & (secret ? all : all & 0222U)) != 0; };
  const std::string what = secret ? " can read or change " + path + ": whoever knows the secret signs in as anybody. "
                                  : " can change " + path + ": whoever puts his own key there signs in as anybody. ";
  const std::string how = secret ? "Set its mode to 0600." : "Set its mode to 0644.";
  FileExposure found;
  if (may(0007)) found.to_all = "Everybody on this machine" + what + how;
  if (may(0070)) found.to_group = "The group of the file" + what + how;
  return found;
}

}  // namespace hf
