// The command line `holdfast`: reads the arguments, finds out who is asking, then runs one of commands.h.

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "base/sentences.h"
#include "child.h"
#include "console.h"
#include "help.h"
#include "identity.h"
#include "options.h"
#include "words.h"

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// What stands after `--` is a command to run, and not ours to parse. The number of arguments before it.
int take_command(int argc, char** argv, hf::cli::Arguments& a) {
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) != "--") continue;
    a.command.assign(argv + i + 1, argv + argc);
    return i;
  }
  return argc;
}

int run(int argc, char** argv) {
  using namespace hf::cli;
  Arguments a;
  OutboxArguments outbox;
  outbox.from = environment("HOLDFAST_OUTBOX");
  Chosen chosen;
  Options options(a, outbox, chosen);
  const int ours = take_command(argc, argv, a);
  if (ours == 1) {
    complain(help_of(options.app()));
    return exit_usage;
  }
  try {
    options.app().parse(ours, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return options.app().exit(error), exit_done;  // --help, --version
    complain(complaint(usage_complaint(options.app(), error)));
    return exit_usage;
  }
  if (a.json) speak_english();  // scripts read the same in every language
  a.language = speaks_chinese() ? "zh-CN" : "";
  type_again("--server", a.server);
  type_again("--ca", a.ca);
  type_again("--as", a.as);
  if (auto known = identify(a, chosen.needs); !known) return report(a, known.error());
  return chosen.run(a);
}

}  // namespace

int main(int argc, char** argv) {
  if (hf::cli::Child::is_launch(argc, argv)) return hf::cli::Child::launch(argc, argv);
  hf::cli::begin_words(argc > 0 ? argv[0] : "",
                       hf::reads_chinese(std::getenv("LC_ALL"), std::getenv("LC_MESSAGES"), std::getenv("LANG")));
  return hf::cli::finish_output(run(argc, argv));
}
