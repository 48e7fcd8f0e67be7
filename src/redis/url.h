#pragma once

// Where a Redis is, in one URL that chooses the topology too:
//   redis://[user:password@]host[:port][/db]                      one server; rediss:// with TLS
//   redis+sentinel://[user:password@]host[:port],…/MASTER[?db=n]  the master that sentinels name; rediss+sentinel://
//   redis+cluster://[user:password@]host[:port],…                 a Cluster, any of its nodes; rediss+cluster://
//   unix://[user:password@]/path/redis.sock[?db=n]                one server on this machine
// Options, after '?' and parted by '&': ca, cert and key name PEM files; verify=no takes any certificate; timeout_ms is
// how long connecting may take; sentinel_user and sentinel_password are for the sentinels themselves. Write characters
// that have a meaning in URLs as %XX in names and passwords, and an IPv6 address in brackets.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace hf::redis {

struct HostPort {
  std::string host;  // a name or an address, without brackets
  std::uint16_t port = 0;
  // "localhost:6379", "[::1]:6379".
  std::string text() const;
  bool operator==(const HostPort&) const = default;
};

struct Credentials {
  std::string user;  // empty: the user `default`
  std::string password;
  bool operator==(const Credentials&) const = default;
};

struct Url {
  enum class Topology : std::uint8_t { standalone, sentinel, cluster };
  Topology topology = Topology::standalone;
  bool tls = false;
  std::vector<HostPort> hosts;  // of the server, the sentinels, or nodes of the Cluster; not empty without socket_path
  std::string socket_path;      // standalone: instead of a host
  std::optional<Credentials> credentials;
  std::optional<Credentials> sentinel_credentials;
  std::string master_name;  // sentinel
  std::uint32_t db = 0;
  std::string ca_path;  // empty: the authorities of the system
  std::string certificate_path;
  std::string key_path;
  bool verified = true;  // whether the server's certificate has to be good
  std::optional<Millis> connect_timeout;

  // The URL for people and logs: without passwords.
  std::string text() const;
  bool operator==(const Url&) const = default;
};

// The place that `text` names. Fails with invalid, field "url", and never repeats a password.
Result<Url> parse_url(std::string_view text);

}  // namespace hf::redis
