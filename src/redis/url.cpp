#include "redis/url.h"

#include <array>
#include <charconv>
#include <utility>

#include "base/percent.h"

namespace hf::redis {
namespace {

constexpr std::uint16_t port_default = 6379;
constexpr std::uint16_t sentinel_port_default = 26379;
constexpr std::uint32_t db_max = 1'000'000;
constexpr std::uint32_t timeout_ms_max = 600'000;
constexpr std::size_t hosts_max = 1000;

struct Scheme {
  std::string_view name;
  Url::Topology topology;
  bool tls;
};
constexpr std::array schemes = {
    Scheme{"redis", Url::Topology::standalone, false},        Scheme{"rediss", Url::Topology::standalone, true},
    Scheme{"redis+sentinel", Url::Topology::sentinel, false}, Scheme{"rediss+sentinel", Url::Topology::sentinel, true},
    Scheme{"redis+cluster", Url::Topology::cluster, false},   Scheme{"rediss+cluster", Url::Topology::cluster, true},
    Scheme{"unix", Url::Topology::standalone, false},
};

tl::unexpected<Error> wrong(std::string detail) { return fail(Code::invalid, std::move(detail), "url"); }

// The text before `separator`, which is taken off the front of `rest` with it; all of it if there is no separator.
std::string_view take_until(std::string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view taken = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return taken;
}

Result<std::string> decoded(std::string_view text, std::string_view what) {
  auto out = percent_decoded(text);
  if (!out || out->find('\0') != std::string::npos) {
    return wrong("In the " + std::string(what) +
                 ", a '%' is not followed by two hexadecimal digits: write '%' as %25.");
  }
  return *std::move(out);
}

std::string encoded(std::string_view text) { return percent_encoded(text, "/"); }

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<HostPort> parse_host(std::string_view text, std::uint16_t port) {
  HostPort at{"", port};
  std::string_view rest = text;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return wrong("An IPv6 address stands in brackets, [::1]: ']' is missing.");
    at.host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    const std::size_t colon = text.find(':');
    at.host = text.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
    if (rest.find(':', 1) != std::string_view::npos) return wrong("An IPv6 address stands in brackets: [::1]:6379.");
  }
  if (at.host.empty()) return wrong("A host is missing: redis://HOST:6379.");
  if (at.host.find_first_of(" \t\r\n%@[]\\") != std::string::npos) {
    return wrong("A host has a character that no host has; what stands before '@' is written user:password.");
  }
  if (rest.empty()) return at;
  const auto number = rest.front() == ':' ? number_of<std::uint16_t>(rest.substr(1)) : std::nullopt;
  if (!number || *number == 0) return wrong("A port is no number from 1 to 65535.");
  at.port = *number;
  return at;
}

Result<Credentials> parse_credentials(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return wrong("Before '@' stands user:password, or :password without a user.");
  }
  auto user = decoded(text.substr(0, colon), "user");
  if (!user) return tl::unexpected(user.error());
  auto password = decoded(text.substr(colon + 1), "password");
  if (!password) return tl::unexpected(password.error());
  return Credentials{std::move(*user), std::move(*password)};
}

Result<void> set_db(Url& url, std::string_view text) {
  const auto db = number_of<std::uint32_t>(text);
  if (!db || *db > db_max) return wrong("The database is a number, 0 as a rule: redis://HOST/0.");
  if (url.topology == Url::Topology::cluster && *db != 0) return wrong("A Cluster has no database but 0.");
  url.db = *db;
  return {};
}

Result<void> set_option(Url& url, std::string_view name, std::string value) {
  if (name == "db") return set_db(url, value);
  if (name == "ca") {
    url.ca_path = std::move(value);
  } else if (name == "cert") {
    url.certificate_path = std::move(value);
  } else if (name == "key") {
    url.key_path = std::move(value);
  } else if (name == "verify") {
    if (value != "yes" && value != "no") return wrong("The option verify is yes or no.");
    url.verified = value == "yes";
  } else if (name == "timeout_ms") {
    const auto ms = number_of<std::uint32_t>(value);
    if (!ms || *ms == 0 || *ms > timeout_ms_max) return wrong("The option timeout_ms is a number from 1 to 600000.");
    url.connect_timeout = Millis(*ms);
  } else if (name == "sentinel_user" || name == "sentinel_password") {
    if (url.topology != Url::Topology::sentinel) return wrong("There are no sentinels to sign in to.");
    if (!url.sentinel_credentials) url.sentinel_credentials.emplace();
    (name == "sentinel_user" ? url.sentinel_credentials->user : url.sentinel_credentials->password) = std::move(value);
  } else {
    // It is not repeated: it may be the rest of a password with an '&' in it.
    return wrong(
        "An option is unknown; there are ca, cert, key, verify, db, timeout_ms, sentinel_user and sentinel_password.");
  }
  return {};
}

Result<void> set_options(Url& url, std::string_view query) {
  while (!query.empty()) {
    std::string_view value = take_until(query, '&');
    const std::string_view name = take_until(value, '=');
    auto text = decoded(value, "options");
    if (!text) return tl::unexpected(text.error());
    if (auto set = set_option(url, name, std::move(*text)); !set) return set;
  }
  const bool files = !url.ca_path.empty() || !url.certificate_path.empty() || !url.key_path.empty();
  if ((files || !url.verified) && !url.tls) return wrong("ca, cert, key and verify are for TLS: write rediss://.");
  if (url.certificate_path.empty() != url.key_path.empty()) return wrong("cert and key go together.");
  if (url.sentinel_credentials && url.sentinel_credentials->password.empty()) {
    return wrong("sentinel_user needs sentinel_password.");
  }
  return {};
}

Result<void> set_hosts(Url& url, std::string_view hosts) {
  const std::uint16_t port = url.topology == Url::Topology::sentinel ? sentinel_port_default : port_default;
  do {
    auto host = parse_host(take_until(hosts, ','), port);
    if (!host) return tl::unexpected(host.error());
    url.hosts.push_back(std::move(*host));
  } while (!hosts.empty() && url.hosts.size() < hosts_max);
  if (!hosts.empty()) return wrong("There are more than 1000 hosts.");
  if (url.topology == Url::Topology::standalone && url.hosts.size() > 1) {
    return wrong("One server has one host; several are for redis+sentinel:// and redis+cluster://.");
  }
  return {};
}

Result<void> set_path(Url& url, std::string_view path) {
  if (url.topology == Url::Topology::sentinel) {
    auto name = decoded(path, "master's name");
    if (!name) return tl::unexpected(name.error());
    if (name->empty() || name->find('/') != std::string::npos) {
      return wrong("The name of the master is missing: redis+sentinel://HOST:26379/MASTER.");
    }
    url.master_name = std::move(*name);
    return {};
  }
  return path.empty() ? Result<void>() : set_db(url, path);
}

}  // namespace

std::string HostPort::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string Url::text() const {
  std::string out;
  for (const Scheme& scheme : schemes) {
    const bool socket = scheme.name == "unix";
    if (scheme.topology != topology || scheme.tls != tls || socket != !socket_path.empty()) continue;
    out = std::string(scheme.name) + "://";
    break;
  }
  if (credentials) out += encoded(credentials->user) + ":***@";
  char separator = 0;
  for (const HostPort& host : hosts) {
    if (std::exchange(separator, ',') != 0) out += separator;
    out += host.text();
  }
  out += encoded(socket_path);
  if (topology == Topology::sentinel) out += "/" + encoded(master_name);
  separator = '?';
  const auto option = [&](std::string_view name, const std::string& value) {
    out += std::exchange(separator, '&');
    out.append(name).append("=").append(value);
  };
  if (db != 0) option("db", std::to_string(db));
  if (!ca_path.empty()) option("ca", encoded(ca_path));
  if (!certificate_path.empty()) option("cert", encoded(certificate_path));
  if (!key_path.empty()) option("key", encoded(key_path));
  if (!verified) option("verify", "no");
  if (connect_timeout) option("timeout_ms", std::to_string(connect_timeout->count()));
  if (sentinel_credentials) {
    if (!sentinel_credentials->user.empty()) option("sentinel_user", encoded(sentinel_credentials->user));
    option("sentinel_password", "***");
  }
  return out;
}

Result<Url> parse_url(std::string_view text) {
  const std::size_t colon = text.find("://");
  const std::string_view name = text.substr(0, colon == std::string_view::npos ? 0 : colon);
  Url url;
  const Scheme* found = nullptr;
  for (const Scheme& scheme : schemes) {
    if (scheme.name == name) found = &scheme;
  }
  if (found == nullptr) {
    return wrong(
        "A URL of Redis begins with redis://, redis+sentinel://, redis+cluster:// (with TLS: rediss…) or unix://.");
  }
  url.topology = found->topology;
  url.tls = found->tls;
  std::string_view query = text.substr(colon + 3);
  std::string_view rest = take_until(query, '?');
  // A password may hold what must be written as %XX, but not the '@' or '/' that ends it.
  const std::size_t slash = rest.find('/');
  if (const std::size_t at = rest.substr(0, slash).rfind('@'); at != std::string_view::npos) {
    auto credentials = parse_credentials(rest.substr(0, at));
    if (!credentials) return tl::unexpected(credentials.error());
    url.credentials = std::move(*credentials);
    rest.remove_prefix(at + 1);
  }
  if (found->name == "unix") {
    auto path = decoded(rest, "path");
    if (!path) return tl::unexpected(path.error());
    if (!path->starts_with('/')) return wrong("A socket's path begins with '/': unix:///run/redis/redis.sock.");
    url.socket_path = std::move(*path);
  } else {
    const std::string_view hosts = take_until(rest, '/');
    if (auto set = set_hosts(url, hosts); !set) return tl::unexpected(set.error());
    if (auto set = set_path(url, rest); !set) return tl::unexpected(set.error());
  }
  if (auto set = set_options(url, query); !set) return tl::unexpected(set.error());
  return url;
}

}  // namespace hf::redis
