#pragma once

// Config is everything an operator can set, with its default: one TOML file, the environment over it, flags over
// both. deploy/holdfast.toml is the manual; a test holds it against the keys here.
//
// A key is SECTION.NAME in the file, HOLDFAST_SECTION_NAME in the environment. An unknown key, a wrong type or a value
// out of range is a problem with its place; reading goes on, so that all problems are reported at once.
//
// A value. Nothing here opens a file or reads the environment: texts come in. Secrets are named by where they lie
// and are not in a Config.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/time.h"
#include "model/status_limits.h"

namespace hf {

// A key that tokens are verified with: exactly one of the three sources is set.
struct KeyConfig {
  std::string kid;
  std::string alg = "HS256";    // HS256, RS256, EdDSA
  std::string secret_file;      // HS256
  std::string secret_env;       // HS256: the name of an environment variable
  std::string public_key_file;  // RS256, EdDSA: PEM
  bool operator==(const KeyConfig&) const = default;
};

struct Config {
  // [server]
  std::string listen = "127.0.0.1:7420";
  std::string data = "data";
  std::string node;  // empty: the host's name
  bool dev = false;
  std::vector<std::string> namespaces = {"default"};
  std::string catalog;  // a file; empty: the one built in
  bool hide_names = false;
  std::vector<std::string> origins;
  Millis drain{2000};
  // [engine]
  std::string engine = "embedded";
  std::string redis;  // URL
  std::string redis_name = "holdfast";
  Millis redis_timeout{2000};
  Millis redis_quarantine = quarantine_default;
  std::uint32_t redis_wait_replicas = 0;
  bool redis_strict = false;
  std::string durability = "full";
  Millis audit_age{30LL * 24 * 3600 * 1000};
  std::uint64_t audit_bytes = 1ULL << 30;
  std::uint64_t disk_reserve_bytes = 64ULL << 20;
  bool idle_check = true;
  // [documents]
  std::string documents;  // sqlite:PATH or postgresql://…; empty: the server keeps no bills
  std::uint32_t document_connections = 4;
  // [auth]
  std::string audience;
  bool require_exp = true;
  bool cookie_secure = false;
  std::vector<KeyConfig> keys;  // [[auth.key]]
  // [http]
  std::uint32_t connections_max = 100'000;
  std::uint32_t header_bytes_max = 16 * 1024;
  std::uint32_t body_bytes_max = 1024 * 1024;
  std::uint32_t message_bytes_max = 1024 * 1024;
  std::uint32_t queue_bytes_max = 8 * 1024 * 1024;
  std::uint32_t requests_per_second_max = 20'000;
  std::uint32_t connections_per_user_max = 200;
  std::uint32_t unidentified_per_address_max = 1000;
  std::uint32_t streams_per_user_max = 20;
  std::uint32_t login_codes_max = 1000;
  std::uint32_t login_codes_per_user_max = 10;
  std::uint32_t unread_per_connection_max = 4 * 1024 * 1024;
  std::uint32_t unread_per_user_max = 16 * 1024 * 1024;
  Millis header_timeout{10'000};
  Millis body_timeout{30'000};
  Millis idle_timeout{75'000};
  Millis http_wait_max{25'000};
  // [status]
  StatusLimits status;
  bool notices = true;  // a rejection notifies the bill's creator in any case
  // [limits]
  Limits limits;
  // [log]
  std::string log_level = "info";
};

using ConfigProblems = std::vector<std::string>;  // whole sentences, each with its place; empty: none

// Sets what the file says. `file` is its name in problems, as "holdfast.toml:12: …".
ConfigProblems read_config_toml(Config& config, std::string_view text, std::string_view file);
// Sets what variables named HOLDFAST_SECTION_NAME say. Others, also HOLDFAST_TOKEN and the like, are not looked at.
ConfigProblems read_config_environment(Config& config,
                                       const std::vector<std::pair<std::string, std::string>>& variables);
// Sets one key, "server.listen", to what a flag says; nothing, or a problem that names the flag.
ConfigProblems read_config_flag(Config& config, std::string_view key, const std::string& value, std::string_view flag);
// What no single key shows: --dev on an open address, no key to verify tokens with, an engine that is not there.
ConfigProblems check_config(const Config& config);
// What works, but opens a door that an operator may not know of. Whole sentences; with --dev those of development are
// left away.
ConfigProblems warn_config(const Config& config);

// One key, for the manual's test.
struct ConfigKey {
  std::string section;
  std::string name;
  std::string value;  // of `config`, as TOML
};
std::vector<ConfigKey> config_keys(const Config& config);

}  // namespace hf
