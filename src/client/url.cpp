#include "client/url.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace hf::client {
namespace {

struct Scheme {
  std::string_view name;
  std::string_view port;
  bool tls;
};
constexpr std::array schemes = {Scheme{"http", "80", false}, Scheme{"ws", "80", false}, Scheme{"https", "443", true},
                                Scheme{"wss", "443", true}};

tl::unexpected<holdfast::Error> bad(std::string why) {
  return holdfast::failure(holdfast::Code::invalid, std::move(why), "url");
}

bool is_port(std::string_view text) {
  std::uint16_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && number != 0;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
}

// Sets host and port. A sentence about what is wrong, or nothing.
std::optional<std::string> take_authority(Url& url, std::string_view authority) {
  if (authority.find('@') != std::string_view::npos) return "an address has no user: give the token beside it";
  std::size_t colon = std::string_view::npos;
  if (authority.starts_with('[')) {
    const std::size_t shut = authority.find(']');
    if (shut == std::string_view::npos) return "the address has a '[' without its ']'";
    url.host = authority.substr(1, shut - 1);
    if (shut + 1 < authority.size()) colon = shut + 1;
    if (colon != std::string_view::npos && authority[colon] != ':') return "after ']' comes ':' and the port";
  } else {
    colon = authority.find(':');
    url.host = authority.substr(0, colon);
  }
  if (colon != std::string_view::npos) url.port = authority.substr(colon + 1);
  if (!is_port(url.port)) return "the port is a number from 1 to 65535";
  return std::nullopt;
}

}  // namespace

holdfast::Result<Url> parse_url(std::string_view text) {
  const std::size_t end = text.find("://");
  const auto scheme =
      std::find_if(schemes.begin(), schemes.end(), [&](const Scheme& one) { return one.name == text.substr(0, end); });
  if (end == std::string_view::npos || scheme == schemes.end())
    return bad("an address begins with http://, https://, ws:// or wss://");
  text.remove_prefix(end + 3);
  Url url;
  url.tls = scheme->tls;
  url.port = scheme->port;
  const std::size_t slash = std::min(text.find('/'), text.size());
  url.path = text.substr(slash);
  while (url.path.ends_with('/')) url.path.pop_back();
  if (auto wrong = take_authority(url, text.substr(0, slash))) return bad(*std::move(wrong));
  if (url.host.empty() || !is_printable(url.host) || !is_printable(url.path)) return bad("the address names no host");
  return url;
}

holdfast::Result<std::vector<Url>> parse_urls(std::string_view text) {
  std::vector<Url> urls;
  for (bool more = true; more;) {
    const std::size_t comma = text.find(',');
    std::string_view one = text.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    auto url = parse_url(one);
    if (!url) return tl::unexpected(std::move(url.error()));
    if (std::find(urls.begin(), urls.end(), *url) == urls.end()) urls.push_back(*std::move(url));
    if (urls.size() > urls_max) {
      return holdfast::failure(holdfast::Code::too_large, "give at most " + std::to_string(urls_max) + " addresses",
                               "url");
    }
  }
  return urls;
}

std::string host_header(const Url& url) {
  const std::string host = url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  return host + ":" + url.port;
}

}  // namespace hf::client
