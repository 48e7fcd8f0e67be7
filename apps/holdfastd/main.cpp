// holdfastd: flags over environment over file, then a node. Exit codes: 0 drained, 1 cannot start, 2 usage or
// configuration, 70 the engine failed and wants to be started again.

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "server/config.h"
#include "server/moving.h"
#include "server/node.h"
#include "server/said.h"
#include "server/startup.h"

namespace {

using hf::said;

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
      {"--name", "engine.redis_name", "Name of the installation in Redis (holdfast)", {}},
      {"--catalog", "server.catalog", "Catalog of bill types (built in)", {}},
      {"--documents", "documents.address", "Database that keeps the bills: sqlite:PATH or postgresql://… (none)", {}},
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
  for (const std::string& problem : problems) std::fprintf(stderr, "holdfastd: %s\n", hf::said(problem).c_str());
  return static_cast<int>(hf::NodeExit::usage);
}

// The commands that move the state of a stopped installation; each has the flags above, too.
struct Move {
  CLI::App* backup = nullptr;
  CLI::App* restore = nullptr;
  std::string file;
  bool old = false;

  void add_to(CLI::App& app) {
    backup = app.add_subcommand("backup", said("Write all locks of a stopped installation into FILE, which is new"));
    restore = app.add_subcommand("restore", said("Put the locks of FILE into an empty --data directory, or --redis"));
    for (CLI::App* command : {backup, restore}) {
      command->fallthrough();
      command->group(said("Subcommands"));
      command->add_option("file", file, said("The backup"))->required();
    }
    restore->add_flag("--old", old,
                      said("The others went on since the backup: keep holds only, drop sessions, edit and temporary "
                           "locks, waits and requests, and raise the tokens"));
    restore->footer(
        said("Without --old the source has to stay stopped: everything goes along. The audit trail does not."));
    app.require_subcommand(0, 1);
  }
  bool is_wanted() const { return backup->parsed() || restore->parsed(); }
  int run(const hf::Config& config) const {
    if (backup->parsed()) return hf::run_backup(config, file);
    return hf::run_restore(config, file, old ? hf::Restore::only_holds : hf::Restore::whole);
  }
};

// The flag that names a place chooses the engine, too; tokens and listeners are a node's business.
hf::ConfigProblems aim(hf::Config& config, const Flags& flags) {
  const auto given = [&](std::string_view flag) {
    return std::ranges::any_of(flags.options, [&](const auto& o) { return o.flag == flag && !o.given.empty(); });
  };
  if (given("--data") && given("--redis")) return {"Name one place: --data or --redis."};
  if (given("--data")) config.engine = "embedded";
  if (given("--redis")) config.engine = "redis";
  hf::Config moved = config;
  moved.listen = "127.0.0.1:0";
  moved.dev = true;
  return hf::check_config(moved);
}

int check(const hf::Config& config) {
  const auto catalog = hf::open_catalog(config);
  if (!catalog) return tell({catalog.error().detail});
  const auto keys = hf::open_keys(config, hf::DevKey::leave);
  if (!keys) return tell({keys.error().detail});
  for (const auto& warnings : {hf::warn_config(config), keys->warnings}) {
    for (const std::string& warning : warnings)
      std::fprintf(stderr, "holdfastd: %s\n", said("warning: " + warning).c_str());
  }
  std::puts(hf::said("The configuration is good.").c_str());
  return 0;
}

void add_options(CLI::App& app, Flags& flags) {
  for (const char* label : {"Usage", "OPTIONS", "SUBCOMMAND", "SUBCOMMANDS", "Positionals", "TEXT", "REQUIRED"})
    app.get_formatter()->label(label, said(label));
  app.option_defaults()->group(said("Options"));
  app.set_help_flag("-h,--help", said("Print this help message and exit"));
  app.add_flag("--dev", flags.dev, said("Give development tokens to this machine; listens to this machine only"));
  for (OptionFlag& option : flags.options)
    app.add_option(option.flag, option.given, said(option.help))->expected(1)->take_all()->allow_extra_args(false);
  app.add_option("--namespace", flags.namespaces, said("A namespace to serve; may be repeated (default)"))
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--config", flags.config_file, said("TOML file; deploy/holdfast.toml is its manual"));
  app.add_flag("--check-config", flags.check, said("Check the configuration, the catalog and the keys, then exit"));
  app.set_version_flag("--version", std::string("holdfastd ") + HF_VERSION,
                       said("Display program version information and exit"));
  app.footer(
      said("SIGTERM and SIGINT drain the node and stop it; a second one stops it at once. SIGHUP is logged and changes "
           "nothing: a terminal that closes does not end the server, and a new configuration needs a restart."));
}

// Sets what the file, the environment and the flags say, each over the one before.
hf::ConfigProblems read_config(hf::Config& config, const Flags& flags) {
  hf::ConfigProblems problems;
  if (!flags.config_file.empty()) {
    const auto text = hf::read_file(flags.config_file, config_bytes_max);
    if (!text) return {text.error().detail};
    problems = hf::read_config_toml(config, *text, flags.config_file);
  }
  const auto add = [&](hf::ConfigProblems more) {
    problems.insert(problems.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  };
  add(hf::read_config_environment(config, environment()));
  for (const OptionFlag& option : flags.options) {
    if (!option.given.empty()) add(hf::read_config_flag(config, option.key, option.given.back(), option.flag));
  }
  if (flags.dev) config.dev = true;
  if (!flags.namespaces.empty()) config.namespaces = flags.namespaces;
  return problems;
}

}  // namespace

int main(int argc, char** argv) {
  // Whatever it makes, SQLite's files too, is its own alone.
  ::umask(077);
  CLI::App app(said("Holdfast: locks for business documents. The first editor owns the bill."), "holdfastd");
  Flags flags;
  add_options(app, flags);
  Move move;
  move.add_to(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    std::fprintf(stderr, "%s\n%s\n", said(error.what()).c_str(), said("Run with --help for more information.").c_str());
    return static_cast<int>(hf::NodeExit::usage);
  }
  hf::Config config;
  hf::ConfigProblems problems = read_config(config, flags);
  if (problems.empty()) problems = move.is_wanted() ? aim(config, flags) : hf::check_config(config);
  if (!problems.empty()) return tell(problems);
  if (move.is_wanted()) return move.run(config);
  if (flags.check) return check(config);
  return static_cast<int>(hf::run_node(config));
}
