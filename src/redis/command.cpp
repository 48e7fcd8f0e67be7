#include "redis/command.h"

#include <charconv>

namespace hf::redis {
namespace {

bool same_word(std::string_view text, std::string_view upper) {
  if (text.size() != upper.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c) != upper[i]) return false;
  }
  return true;
}

std::optional<Millis> millis_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value <= 0) return std::nullopt;
  return Millis(value);
}

}  // namespace

std::optional<Millis> blocking_time(const Arguments& arguments) {
  if (arguments.empty()) return std::nullopt;
  const std::string& name = arguments.front();
  if (same_word(name, "WAIT")) return arguments.size() == 3 ? millis_of(arguments[2]) : std::nullopt;
  if (!same_word(name, "XREAD") && !same_word(name, "XREADGROUP")) return std::nullopt;
  for (std::size_t i = 1; i + 1 < arguments.size(); ++i) {
    if (same_word(arguments[i], "STREAMS")) break;  // names of streams follow
    if (same_word(arguments[i], "BLOCK")) return millis_of(arguments[i + 1]);
  }
  return std::nullopt;
}

Meaning meaning_of(const Reply& reply) {
  if (!reply.is_error()) return Meaning::answer;
  if (reply.is_error("MOVED")) return Meaning::moved;
  if (reply.is_error("ASK")) return Meaning::ask;
  if (reply.is_error("TRYAGAIN")) return Meaning::try_again;
  if (reply.is_error("LOADING")) return Meaning::loading;
  if (reply.is_error("READONLY") || reply.is_error("MASTERDOWN") || reply.is_error("CLUSTERDOWN")) {
    return Meaning::not_master;
  }
  // Before Redis 7, a script that may not write ends with an error of its own around the one that says so.
  if (reply.text.starts_with("ERR Error running script") && reply.text.find(" -READONLY ") != std::string::npos) {
    return Meaning::not_master;
  }
  return Meaning::answer;
}

}  // namespace hf::redis
