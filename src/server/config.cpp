#include "server/config.h"

// toml++ then returns its errors instead of throwing them. All users of it in one program must agree on this.
#define TOML_EXCEPTIONS 0
// toml++ 3.3.0 asserts on malformed keys before its own error path; the error path is what we want. The same
// in both files that include it (one definition).
#define TOML_ASSERT(expr) static_cast<void>(0)
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <variant>

#include "database/address.h"
#include "net/address.h"
#include "observe/log.h"
#include "redis/url.h"

namespace hf {
namespace {

using Field = std::variant<std::string*, bool*, std::uint32_t*, std::uint64_t*, Millis*, std::vector<std::string>*>;

struct Key {
  std::string_view section;
  std::string_view name;
  Field (*field)(Config&);
  std::uint64_t min = 0;
  std::uint64_t max = 0;                      // of numbers; 0: what the type holds
  std::vector<std::string_view> one_of = {};  // of texts; empty: any
  std::string text() const { return std::string(section) + "." + std::string(name); }
};

constexpr std::uint64_t year_ms = 366ULL * 24 * 3600 * 1000;

#define HF_KEY(section, name, member, ...)                                   \
  Key {                                                                      \
    section, name, [](Config& c) -> Field { return &c.member; }, __VA_ARGS__ \
  }

std::vector<Key> limit_keys() {
  return {
      HF_KEY("limits", "targets_per_acquire_max", limits.targets_per_acquire_max, 1, 10'000),
      HF_KEY("limits", "targets_per_wait_max", limits.targets_per_wait_max, 1, 1000),
      HF_KEY("limits", "locks_per_session_max", limits.locks_per_session_max, 1, 1'000'000),
      HF_KEY("limits", "waits_per_session_max", limits.waits_per_session_max, 1, 1000),
      HF_KEY("limits", "waiters_per_node_max", limits.waiters_per_node_max, 1, 100'000),
      HF_KEY("limits", "sessions_per_user_max", limits.sessions_per_user_max, 1, 100'000),
      HF_KEY("limits", "sessions_per_service_max", limits.sessions_per_service_max, 1, 1'000'000),
      HF_KEY("limits", "runs_per_user_max", limits.runs_per_user_max, 1, 100'000),
      HF_KEY("limits", "runs_per_service_max", limits.runs_per_service_max, 1, 100'000),
      HF_KEY("limits", "runs_max", limits.runs_max, 1, 100'000),
      HF_KEY("limits", "runs_ended_max", limits.runs_ended_max, 1, 1'000'000),
      HF_KEY("limits", "hold_stops_max", limits.hold_stops_max, 1, 1000),
      HF_KEY("limits", "run_wait_max_ms", limits.run_wait_max, 1, 25'000),
      HF_KEY("limits", "run_kept_ms", limits.run_kept, 60'000, year_ms),
      HF_KEY("limits", "requests_in_flight_per_session_max", limits.requests_in_flight_per_session_max, 1, 10'000),
      HF_KEY("limits", "request_ids_per_session_max", limits.request_ids_per_session_max, 1, 1000),
      HF_KEY("limits", "ended_grants_max", limits.ended_grants_max, 1, 10'000'000),
      HF_KEY("limits", "deadlock_steps_max", limits.deadlock_steps_max, 1, 100'000),
      HF_KEY("limits", "conflicts_told_max", limits.conflicts_told_max, 1, 1000),
      HF_KEY("limits", "list_page_max", limits.list_page_max, 1, 10'000),
      HF_KEY("limits", "watched_per_session_max", limits.watched_per_session_max, 1, 10'000),
      HF_KEY("limits", "wait_max_ms", limits.wait_max, 1, 3'600'000),
      HF_KEY("limits", "lease_min_ms", limits.lease_min, 1000, 3'600'000),
      HF_KEY("limits", "lease_max_ms", limits.lease_max, 1000, 86'400'000),
      HF_KEY("limits", "lease_websocket_ms", limits.lease_websocket, 1000, 3'600'000),
      HF_KEY("limits", "temporary_ttl_ms", limits.temporary_ttl, 1000, 3'600'000),
      HF_KEY("limits", "hold_ttl_max_ms", limits.hold_ttl_max, 1000, 10 * year_ms),
      HF_KEY("limits", "defer_max_ms", limits.defer_max, 1000, 3'600'000),
      HF_KEY("limits", "memory_age_max_ms", limits.memory_age_max, 1000, 86'400'000),
      HF_KEY("limits", "clock_step_max_ms", limits.clock_step_max, 100, 60'000),
  };
}

std::vector<Key> other_keys() {
  return {
      HF_KEY("server", "listen", listen),
      HF_KEY("server", "data", data),
      HF_KEY("server", "node", node),
      HF_KEY("server", "dev", dev),
      HF_KEY("server", "namespaces", namespaces),
      HF_KEY("server", "catalog", catalog),
      HF_KEY("server", "hide_names", hide_names),
      HF_KEY("server", "origins", origins),
      HF_KEY("server", "drain_ms", drain, 0, 600'000),
      HF_KEY("engine", "kind", engine, 0, 0, {"embedded", "redis"}),
      HF_KEY("engine", "redis", redis),
      HF_KEY("engine", "redis_name", redis_name),
      HF_KEY("engine", "redis_timeout_ms", redis_timeout, 100, 60'000),
      HF_KEY("engine", "redis_quarantine_ms", redis_quarantine, 0, 3'600'000),
      HF_KEY("engine", "redis_wait_replicas", redis_wait_replicas, 0, 16),
      HF_KEY("engine", "redis_strict", redis_strict),
      HF_KEY("engine", "durability", durability, 0, 0, {"full", "relaxed"}),
      HF_KEY("engine", "audit_age_ms", audit_age, 3'600'000, 10 * year_ms),
      HF_KEY("engine", "audit_bytes", audit_bytes, 1 << 20, 1ULL << 44),
      HF_KEY("engine", "disk_reserve_bytes", disk_reserve_bytes, 1 << 20, 1ULL << 40),
      HF_KEY("engine", "idle_check", idle_check),
      HF_KEY("documents", "address", documents),
      HF_KEY("documents", "connections", document_connections, 1, 64),
      HF_KEY("auth", "audience", audience),
      HF_KEY("auth", "require_exp", require_exp),
      HF_KEY("auth", "cookie_secure", cookie_secure),
      HF_KEY("http", "connections_max", connections_max, 1, 1'000'000),
      HF_KEY("http", "header_bytes_max", header_bytes_max, 1024, 1 << 20),
      HF_KEY("http", "body_bytes_max", body_bytes_max, 1024, 64 << 20),
      HF_KEY("http", "message_bytes_max", message_bytes_max, 1024, 64 << 20),
      HF_KEY("http", "queue_bytes_max", queue_bytes_max, 64 * 1024, 1 << 30),
      HF_KEY("http", "requests_per_second_max", requests_per_second_max, 1, 10'000'000),
      HF_KEY("http", "connections_per_user_max", connections_per_user_max, 1, 1'000'000),
      HF_KEY("http", "unidentified_per_address_max", unidentified_per_address_max, 1, 1'000'000),
      HF_KEY("http", "streams_per_user_max", streams_per_user_max, 1, 100'000),
      HF_KEY("http", "login_codes_max", login_codes_max, 1, 100'000),
      HF_KEY("http", "login_codes_per_user_max", login_codes_per_user_max, 1, 100'000),
      HF_KEY("http", "unread_per_connection_max", unread_per_connection_max, 64 * 1024, 1 << 30),
      HF_KEY("http", "unread_per_user_max", unread_per_user_max, 64 * 1024, 1 << 30),
      HF_KEY("http", "header_timeout_ms", header_timeout, 100, 600'000),
      HF_KEY("http", "body_timeout_ms", body_timeout, 100, 3'600'000),
      HF_KEY("http", "idle_timeout_ms", idle_timeout, 100, 3'600'000),
      HF_KEY("http", "wait_max_ms", http_wait_max, 100, 600'000),
      HF_KEY("status", "notices", notices),
      HF_KEY("status", "log_entries_max", status.log_entries_max, 10, 100'000'000),
      HF_KEY("status", "log_bytes_max", status.log_bytes_max, 1 << 20, 1ULL << 38),
      HF_KEY("status", "log_age_max_ms", status.log_age_max, 60'000, year_ms),
      HF_KEY("status", "bills_per_type_max", status.bills_per_type_max, 1, 1'000'000'000),
      HF_KEY("status", "bills_max", status.bills_max, 1, 1'000'000'000),
      HF_KEY("log", "level", log_level, 0, 0, {"debug", "info", "warning", "error", "off"}),
  };
}
#undef HF_KEY

const std::vector<Key>& key_table() {
  static const std::vector<Key> keys = [] {
    std::vector<Key> all = other_keys();
    std::ranges::move(limit_keys(), std::back_inserter(all));
    return all;
  }();
  return keys;
}

const Key* find_key(std::string_view section, std::string_view name) {
  for (const Key& key : key_table()) {
    if (key.section == section && key.name == name) return &key;
  }
  return nullptr;
}

bool is_section(std::string_view section) {
  return std::any_of(key_table().begin(), key_table().end(), [&](const Key& key) { return key.section == section; });
}

// What was wrong, or nothing.
using Wrong = std::optional<std::string>;

Wrong set_text(const Key& key, std::string& to, std::string value) {
  if (!key.one_of.empty() && std::find(key.one_of.begin(), key.one_of.end(), value) == key.one_of.end()) {
    std::string list;
    for (const std::string_view one : key.one_of) list.append(list.empty() ? "" : ", ").append(one);
    return "\"" + value + "\" is none of " + list;
  }
  if (value.find('\0') != std::string::npos) return "a text has no zero byte";
  to = std::move(value);
  return std::nullopt;
}

Wrong set_number(const Key& key, Field field, std::int64_t value) {
  const std::uint64_t highest = key.max != 0 ? key.max
                                : std::holds_alternative<std::uint32_t*>(field)
                                    ? std::numeric_limits<std::uint32_t>::max()
                                    : std::uint64_t{1} << 62;
  if (value < 0 || static_cast<std::uint64_t>(value) < key.min || static_cast<std::uint64_t>(value) > highest) {
    return std::to_string(value) + " is not between " + std::to_string(key.min) + " and " + std::to_string(highest);
  }
  if (auto* const* small = std::get_if<std::uint32_t*>(&field)) **small = static_cast<std::uint32_t>(value);
  if (auto* const* large = std::get_if<std::uint64_t*>(&field)) **large = static_cast<std::uint64_t>(value);
  if (auto* const* millis = std::get_if<Millis*>(&field)) **millis = Millis(value);
  return std::nullopt;
}

bool is_number(Field field) {
  return std::holds_alternative<std::uint32_t*>(field) || std::holds_alternative<std::uint64_t*>(field) ||
         std::holds_alternative<Millis*>(field);
}

// A value as the environment has it: a list is separated by commas.
Wrong set_from_text(const Key& key, Config& config, const std::string& value) {
  const Field field = key.field(config);
  if (auto* const* text = std::get_if<std::string*>(&field)) return set_text(key, **text, value);
  if (auto* const* flag = std::get_if<bool*>(&field)) {
    if (value != "true" && value != "false") return "\"" + value + "\" is neither true nor false";
    **flag = value == "true";
    return std::nullopt;
  }
  if (auto* const* list = std::get_if<std::vector<std::string>*>(&field)) {
    (*list)->clear();
    std::istringstream in(value);
    for (std::string one; std::getline(in, one, ',');) (*list)->push_back(one);
    return std::nullopt;
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) return "\"" + value + "\" is no whole number";
  return set_number(key, field, number);
}

Wrong set_from_toml(const Key& key, Config& config, const toml::node& node) {
  const Field field = key.field(config);
  if (auto* const* text = std::get_if<std::string*>(&field)) {
    if (!node.is_string()) return "this is a text: \"…\"";
    return set_text(key, **text, node.as_string()->get());
  }
  if (auto* const* flag = std::get_if<bool*>(&field)) {
    if (!node.is_boolean()) return "this is true or false";
    **flag = node.as_boolean()->get();
    return std::nullopt;
  }
  if (auto* const* list = std::get_if<std::vector<std::string>*>(&field)) {
    const toml::array* array = node.as_array();
    if (array == nullptr ||
        !std::all_of(array->begin(), array->end(), [](const toml::node& n) { return n.is_string(); })) {
      return "this is a list of texts: [\"…\"]";
    }
    (*list)->clear();
    for (const toml::node& one : *array) (*list)->push_back(one.as_string()->get());
    return std::nullopt;
  }
  if (!is_number(field) || !node.is_integer()) return "this is a whole number";
  return set_number(key, field, node.as_integer()->get());
}

class TomlReader {
 public:
  TomlReader(Config& config, std::string_view file) : config_(config), file_(file) {}

  void problem(const toml::source_region& at, const std::string& what) {
    problems_.emplace_back(at.begin.line, file_ + ":" + std::to_string(at.begin.line) + ": " + what + ".");
  }

  void read(const toml::table& root) {
    for (const auto& [name, node] : root) {
      const std::string section(name.str());
      if (!is_section(section)) {
        problem(node.source(), "there is no section [" + section + "]");
      } else if (!node.is_table()) {
        problem(node.source(), section + " is a section: [" + section + "]");
      } else {
        read_section(section, *node.as_table());
      }
    }
  }

  ConfigProblems take() {
    // toml++ keeps tables sorted by name; people read files from the top.
    std::multimap<std::uint32_t, std::string> by_line(problems_.begin(), problems_.end());
    ConfigProblems sorted;
    for (auto& [line, problem] : by_line) sorted.push_back(std::move(problem));
    return sorted;
  }

 private:
  void read_section(const std::string& section, const toml::table& table) {
    for (const auto& [name, node] : table) {
      if (section == "auth" && name.str() == "key") {
        read_keys(node);
        continue;
      }
      const Key* key = find_key(section, name.str());
      if (key == nullptr) {
        problem(node.source(), "there is no key " + section + "." + std::string(name.str()));
      } else if (const Wrong wrong = set_from_toml(*key, config_, node)) {
        problem(node.source(), key->text() + ": " + *wrong);
      }
    }
  }

  void read_keys(const toml::node& node) {
    const toml::array* array = node.as_array();
    if (array == nullptr || !array->is_array_of_tables())
      return problem(node.source(), "keys are written [[auth.key]]");
    for (const toml::node& one : *array) {
      KeyConfig key;
      for (const auto& [name, value] : *one.as_table()) {
        std::string* to = name.str() == "kid"               ? &key.kid
                          : name.str() == "alg"             ? &key.alg
                          : name.str() == "secret_file"     ? &key.secret_file
                          : name.str() == "secret_env"      ? &key.secret_env
                          : name.str() == "public_key_file" ? &key.public_key_file
                                                            : nullptr;
        if (to == nullptr) {
          problem(value.source(), "there is no key " + ("auth.key." + std::string(name.str())));
        } else if (!value.is_string()) {
          problem(value.source(), "auth.key." + std::string(name.str()) + ": this is a text: \"…\"");
        } else {
          *to = value.as_string()->get();
        }
      }
      check_key(key, one.source());
      config_.keys.push_back(std::move(key));
    }
  }

  void check_key(const KeyConfig& key, const toml::source_region& at) {
    const int sources =
        int{!key.secret_file.empty()} + int{!key.secret_env.empty()} + int{!key.public_key_file.empty()};
    if (sources != 1) problem(at, "auth.key: it has exactly one of secret_file, secret_env, public_key_file");
    if (key.alg != "HS256" && key.alg != "RS256" && key.alg != "EdDSA") {
      problem(at, "auth.key.alg: \"" + key.alg + "\" is none of HS256, RS256, EdDSA");
    } else if (sources == 1 && (key.alg == "HS256") != key.public_key_file.empty()) {
      problem(at, "auth.key: HS256 has a secret, RS256 and EdDSA have a public_key_file");
    }
  }

  Config& config_;
  std::string file_;
  std::vector<std::pair<std::uint32_t, std::string>> problems_;  // by line
};

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return out;
}

std::string in_quotes(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string as_toml(Field field) {
  if (auto* const* text = std::get_if<std::string*>(&field)) return in_quotes(**text);
  if (auto* const* flag = std::get_if<bool*>(&field)) return **flag ? "true" : "false";
  if (auto* const* small = std::get_if<std::uint32_t*>(&field)) return std::to_string(**small);
  if (auto* const* large = std::get_if<std::uint64_t*>(&field)) return std::to_string(**large);
  if (auto* const* millis = std::get_if<Millis*>(&field)) return std::to_string((*millis)->count());
  std::string out = "[";
  for (const std::string& one : **std::get_if<std::vector<std::string>*>(&field))
    out.append(out.size() > 1 ? ", " : "").append(in_quotes(one));
  return out + "]";
}

void check_documents(const Config& config, ConfigProblems& problems) {
  if (config.documents.empty()) return;
  const auto address = database::address_of(config.documents, "documents");
  if (!address) {
    problems.push_back("documents.address: " + address.error().detail);
  } else if (address->dialect == Dialect::sqlite && config.engine == "redis") {
    problems.emplace_back(
        "documents.address: a file of SQLite is for one node, and over Redis there may be several. Name a PostgreSQL: "
        "postgresql://USER@HOST/DATABASE.");
  }
  if (config.namespaces.size() > 1)
    problems.emplace_back(
        "documents.address: a database keeps the bills of one namespace. Let server.namespaces name one.");
}

}  // namespace

ConfigProblems read_config_toml(Config& config, std::string_view text, std::string_view file) {
  TomlReader reader(config, file);
  const toml::parse_result parsed = toml::parse(text);
  if (parsed) {
    reader.read(parsed.table());
  } else {
    reader.problem(parsed.error().source(), std::string(parsed.error().description()));
  }
  return reader.take();
}

ConfigProblems read_config_environment(Config& config,
                                       const std::vector<std::pair<std::string, std::string>>& variables) {
  ConfigProblems problems;
  for (const auto& [variable, value] : variables) {
    if (!variable.starts_with("HOLDFAST_")) continue;
    const std::string_view rest = std::string_view(variable).substr(9);
    const Key* found = nullptr;
    bool in_section = false;
    for (const Key& key : key_table()) {
      const std::string section = upper(key.section) + "_";
      in_section = in_section || rest.starts_with(section);
      if (rest == section + upper(key.name)) found = &key;
    }
    if (found != nullptr) {
      if (const Wrong wrong = set_from_text(*found, config, value)) problems.push_back(variable + ": " + *wrong + ".");
    } else if (in_section) {
      problems.push_back(variable + ": there is no such key.");
    }
  }
  return problems;
}

ConfigProblems read_config_flag(Config& config, std::string_view key, const std::string& value, std::string_view flag) {
  const auto dot = key.find('.');
  const Key* found = dot == std::string_view::npos ? nullptr : find_key(key.substr(0, dot), key.substr(dot + 1));
  if (found == nullptr) return {std::string(flag) + ": there is no key " + std::string(key) + "."};
  const Wrong wrong = set_from_text(*found, config, value);
  return wrong ? ConfigProblems{std::string(flag) + ": " + *wrong + "."} : ConfigProblems{};
}

ConfigProblems check_config(const Config& config) {
  ConfigProblems problems;
  const auto listen = parse_listen_address(config.listen);
  if (!listen) {
    problems.push_back("server.listen: " + listen.error().detail);
  } else if (config.dev && !listen->loopback) {
    problems.push_back(
        "server.listen: --dev gives a token to whoever asks, so it listens to this machine only, not on " +
        config.listen + "; use 127.0.0.1, or configure [[auth.key]] and leave --dev away.");
  }
  if (config.data.empty()) problems.emplace_back("server.data: name the directory that the store lies in.");
  if (config.namespaces.empty()) problems.emplace_back("server.namespaces: name at least one.");
  if (config.namespaces.size() > 100) problems.emplace_back("server.namespaces: at most 100.");
  for (const std::string& name : config.namespaces) {
    const bool plain = !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
             c == '.';
    });
    if (!plain)
      problems.push_back("server.namespaces: \"" + name + "\" is not 1 to 64 letters, digits, '-', '_' or '.'.");
  }
  if (config.engine == "redis") {
    if (config.redis.empty()) {
      problems.emplace_back("engine.redis: name the Redis, as redis://127.0.0.1:6379.");
    } else if (const auto url = redis::parse_url(config.redis); !url) {
      problems.push_back("engine.redis: " + url.error().detail);
    }
    if (config.redis_name.empty() || config.redis_name.size() > 64 ||
        config.redis_name.find_first_of("{}") != std::string::npos)
      problems.emplace_back("engine.redis_name: 1 to 64 characters without braces.");
    // What is waited for is added to the outage, and a holder gives up when his lease cannot be relied upon any more.
    if (const Millis most = trusted(config.limits.lease_min); config.redis_quarantine >= most)
      problems.push_back("engine.redis_quarantine_ms: below " + std::to_string(most.count()) +
                         ", for which the holder of the shortest lease (limits.lease_min_ms) relies on it.");
  }
  check_documents(config, problems);
  if (!config.dev && config.keys.empty()) {
    problems.emplace_back("auth.key: without --dev, at least one [[auth.key]] says which tokens to believe.");
  }
  for (std::size_t i = 0; i < config.keys.size(); ++i) {
    for (std::size_t k = i + 1; k < config.keys.size(); ++k) {
      if (config.keys[i].kid == config.keys[k].kid)
        problems.push_back("auth.key: the kid \"" + config.keys[i].kid + "\" is there twice.");
    }
  }
  if (config.limits.lease_min > config.limits.lease_max)
    problems.emplace_back("limits.lease_min_ms: it is greater than lease_max_ms.");
  if (config.limits.lease_websocket < config.limits.lease_min ||
      config.limits.lease_websocket > config.limits.lease_max) {
    problems.emplace_back("limits.lease_websocket_ms: it is not between lease_min_ms and lease_max_ms.");
  }
  return problems;
}

ConfigProblems warn_config(const Config& config) {
  ConfigProblems warnings;
  if (std::find(config.origins.begin(), config.origins.end(), "*") != config.origins.end()) {
    warnings.emplace_back(
        "server.origins: \"*\" lets the pages of every site talk to this server. List the sites that should.");
  }
  if (const auto listen = parse_listen_address(config.listen); listen && !listen->loopback) {
    warnings.push_back("server.listen: others reach " + config.listen +
                       ", and this server speaks no TLS: whoever can listen to the network reads the tokens. Let a "
                       "proxy with TLS stand before it, and listen to 127.0.0.1.");
  }
  if (!config.require_exp) {
    warnings.emplace_back(
        "auth.require_exp: a token that never expires and gets lost is good for ever. Set it to true.");
  }
  if (config.audience.empty() && !config.dev) {
    warnings.emplace_back(
        "auth.audience: it is empty, so a token that was made for another service signs in here, too. Name this one.");
  }
  return warnings;
}

std::vector<ConfigKey> config_keys(const Config& config) {
  Config copy = config;
  std::vector<ConfigKey> keys;
  for (const Key& key : key_table())
    keys.push_back(ConfigKey{std::string(key.section), std::string(key.name), as_toml(key.field(copy))});
  return keys;
}

}  // namespace hf
