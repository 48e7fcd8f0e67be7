// holdfastd: flags over environment over file, then a node. Exit codes: 0 drained, 1 cannot start, 2 usage or
// configuration, 70 the engine failed and wants to be started again.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "server/config.h"
#include "server/node.h"
#include "server/startup.h"

namespace {

constexpr std::size_t config_bytes_max = 1024 * 1024;

// A flag that sets a key of the configuration; the last one counts.
struct OptionFlag {
  const char* flag;
  const char* key;
  const char* help;
  std::vector<std::string> given;
};

struct Flags {
  std::string config_file;
  bool check = false;
  bool dev = false;
  std::vector<std::string> namespaces;
  std::vector<OptionFlag> options = {
      {"--listen", "server.listen", "HOST:PORT; port 0 lets the system choose (127.0.0.1:7420)", {}},
      {"--data", "server.data", "Directory of the store (data)", {}},
      {"--engine", "engine.kind", "embedded or redis (embedded)", {}},
      {"--redis", "engine.redis", "URL of the Redis engine", {}},
      {"--catalog", "server.catalog", "Catalog of bill types (built in)", {}},
      {"--durability", "engine.durability", "full or relaxed (full)", {}},
  };
};

std::vector<std::pair<std::string, std::string>> environment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string line = *one;
    const auto equals = line.find('=');
    if (equals != std::string::npos) variables.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
  return variables;
}

int tell(const hf::ConfigProblems& problems) {
  for (const std::string& problem : problems) std::fprintf(stderr, "holdfastd: %s\n", problem.c_str());
  return static_cast<int>(hf::NodeExit::usage);
}

int check(const hf::Config& config) {
  const auto catalog = hf::open_catalog(config);
  if (!catalog) return tell({catalog.error().detail});
  const auto keys = hf::open_keys(config, hf::DevKey::leave);
  if (!keys) return tell({keys.error().detail});
  std::puts("The configuration is good.");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Holdfast: locks for business documents. The first editor owns the bill.", "holdfastd");
  Flags flags;
  app.add_flag("--dev", flags.dev, "Give development tokens to this machine; listens to this machine only");
  for (OptionFlag& option : flags.options)
    app.add_option(option.flag, option.given, option.help)->expected(1)->take_all();
  app.add_option("--namespace", flags.namespaces, "A namespace to serve; may be repeated (default)")
      ->expected(1)
      ->take_all();
  app.add_option("--config", flags.config_file, "TOML file; deploy/holdfast.toml is its manual");
  app.add_flag("--check-config", flags.check, "Check the configuration, the catalog and the keys, then exit");
  app.set_version_flag("--version", std::string("holdfastd ") + HF_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(hf::NodeExit::usage);
  }

  hf::Config config;
  hf::ConfigProblems problems;
  if (!flags.config_file.empty()) {
    const auto text = hf::read_file(flags.config_file, config_bytes_max);
    if (!text) return tell({text.error().detail});
    problems = hf::read_config_toml(config, *text, flags.config_file);
  }
  for (std::string& problem : hf::read_config_environment(config, environment()))
    problems.push_back(std::move(problem));

  for (const OptionFlag& option : flags.options) {
    if (option.given.empty()) continue;
    for (std::string& problem : hf::read_config_flag(config, option.key, option.given.back(), option.flag))
      problems.push_back(std::move(problem));
  }
  if (flags.dev) config.dev = true;
  if (!flags.namespaces.empty()) config.namespaces = flags.namespaces;

  if (problems.empty()) problems = hf::check_config(config);
  if (!problems.empty()) return tell(problems);
  if (flags.check) return check(config);
  return static_cast<int>(hf::run_node(config));
}
