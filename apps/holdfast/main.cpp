// The command line `holdfast`: reads the arguments, then runs one of commands.h.

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "commands.h"
#include "outbox.h"
#include "server_program.h"

namespace {

using hf::cli::Arguments;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string language() {
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    const std::string value = environment(name);
    if (!value.empty()) return value.starts_with("zh") ? "zh-CN" : "";
  }
  return {};
}

// What a shell needs to know comes from the commands themselves, so it is never out of date.
std::string completion(const CLI::App& app, const std::string& shell) {
  std::string commands;
  std::string cases;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    std::string names = command->get_name();
    for (const std::string& alias : command->get_aliases()) names += " " + alias;
    commands += (commands.empty() ? "" : " ") + names;
    std::string pattern = names;
    for (std::size_t at = 0; (at = pattern.find(' ', at)) != std::string::npos; at += 3) pattern.replace(at, 1, " | ");
    // Of a command that has commands: these, and what they take.
    std::string options;
    std::vector<const CLI::App*> parts{command};
    for (const CLI::App* part : command->get_subcommands(nullptr)) {
      options += " " + part->get_name();
      parts.push_back(part);
    }
    for (const CLI::App* part : parts) {
      for (const CLI::Option* option : part->get_options()) {
        for (const std::string& name : option->get_lnames()) {
          if ((options + " ").find(" --" + name + " ") == std::string::npos) options += " --" + name;
        }
      }
    }
    cases += "    " + pattern + ") words=\"" + options + " --server --token --json\" ;;\n";
  }
  std::string script = "# holdfast: completion for " + shell +
                       ". Put it where your shell looks, or: source <(holdfast completion " + shell + ")\n";
  if (shell == "zsh") script += "autoload -U +X bashcompinit && bashcompinit\n";
  return script +
         "_holdfast() {\n  local word=${COMP_WORDS[COMP_CWORD]} command= words= i\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case \"${COMP_WORDS[i]}\" in --server | --token) ((i++)) ;; -*) ;; *) command=${COMP_WORDS[i]}; break ;; "
         "esac\n  done\n"
         "  case \"$command\" in\n    '') words=\"" +
         commands + " --server --token --json --help --version\" ;;\n" + cases +
         "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\ncomplete -o default -F _holdfast holdfast\n";
}

}  // namespace

int main(int argc, char** argv) {
  Arguments a;
  a.server = environment("HOLDFAST_SERVER");
  a.server_given = !a.server.empty();
  if (a.server.empty()) a.server = "http://127.0.0.1:7420";
  a.token = environment("HOLDFAST_TOKEN");
  a.language = language();

  CLI::App app{"holdfast: the first editor owns the bill. Lock, watch, ask, answer, publish and follow from a shell."};
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", "holdfast " HF_VERSION);
  app.footer(
      "Exit codes: 0 done, 1 refused, 2 wrong usage, 3 the server is not available.\n"
      "A target is a type (SaleOrder), a bill (SaleOrder:1001), a part (SaleOrder:1001/SaleOrderDetail) or a line of "
      "it.\n"
      "Times are 30s, 2m, 1h. Environment: HOLDFAST_SERVER, HOLDFAST_TOKEN; LANG=zh… for Chinese messages.");
  auto* server = app.add_option("--server", a.server, "Address of the server (HOLDFAST_SERVER)")->capture_default_str();
  app.add_option("--token", a.token, "Who you are: a JWT (HOLDFAST_TOKEN)");
  app.add_flag("--json", a.json, "One JSON object a line instead of text for people");

  int code = hf::cli::exit_done;
  const auto add = [&](const char* name, const char* help, int (*run)(const Arguments&)) {
    CLI::App* command = app.add_subcommand(name, help);
    command->callback([&, run] {
      a.server_given = a.server_given || server->count() > 0;
      code = run(a);
    });
    return command;
  };

  auto* lock = add("lock", "Hold targets until Ctrl-C, or while a command runs", hf::cli::lock);
  lock->add_option("targets", a.targets, "All of them or none are locked")->required();
  lock->add_flag("--shared", a.shared, "Together with others who hold it shared");
  lock->add_option("--wait", a.wait, "Queue for so long if somebody else has it (at most 10m)");
  lock->add_option("--ttl", a.ttl, "End by itself after so long");
  lock->add_option("--label", a.label, "The bill's number, for people");
  lock->add_option("--reason", a.reason, "Why, shown to whoever meets the lock");
  lock->footer(
      "After -- comes a command to run under the lock, e.g. holdfast lock SaleOrder:1001 --wait 30s -- ./book.sh\n"
      "It gets HOLDFAST_LOCK, HOLDFAST_TOKEN_NUMBER (the fencing token) and HOLDFAST_TARGETS; its exit code is passed "
      "on.\n"
      "If the lock is lost, the command and what it started are sent SIGTERM, ten seconds later SIGKILL, and the exit "
      "code is 1.");

  auto* request = add("request", "Ask the holder for a target, wait for it and hold it", hf::cli::request);
  request->add_option("target", a.target, "A target, or a lock's id")->required();
  request->add_option("--message", a.message, "Shown to the holder");
  request->add_option("--wait", a.wait, "How long to wait (10m)");
  request->footer("After -- comes a command to run under the lock, as with `holdfast lock`.");

  add("unlock", "Release a lock of your own from here, whichever window holds it", hf::cli::unlock)
      ->add_option("target", a.target, "A target, or a lock's id")
      ->required();

  auto* locks = add("locks", "Who holds what", hf::cli::locks);
  locks->add_option("--type", a.type, "Only bills of this type");
  locks->add_option("--user", a.user, "Only this user's");
  locks->add_option("--client", a.client, "Only from this program");
  locks->add_option("--kind", a.kind, "edit, temporary or hold")->check(CLI::IsMember({"edit", "temporary", "hold"}));
  locks->add_option("--older", a.older, "Only those held for longer than this");
  locks->add_option("--limit", a.limit, "At most so many")->check(CLI::Range(1, 500))->capture_default_str();

  auto* watch =
      add("watch", "Print what bills are and become, and who gets and leaves them, until Ctrl-C", hf::cli::watch);
  watch->add_option("targets", a.targets, "Bills to watch")->required();
  watch->add_option("--count", a.count, "End after so many events");

  add("agree", "Give a lock to who asks for it", hf::cli::agree)
      ->add_option("request", a.target, "The request's id")
      ->required();
  auto* refuse = add("refuse", "Tell who asks that you go on editing", hf::cli::refuse);
  refuse->add_option("request", a.target, "The request's id")->required();
  refuse->add_option("--reason", a.reason, "Why; they are told");
  auto* defer = add("defer", "Tell who asks that you answer later; once for each request", hf::cli::defer);
  defer->add_option("request", a.target, "The request's id")->required();
  defer->add_option("--by", a.by, "How much later (2m; at most 5m)");
  auto* force = add("force", "End somebody's lock; needs the right lock.force", hf::cli::force);
  force->add_option("target", a.target, "A target, or a lock's id")->required();
  force->add_option("--reason", a.reason, "Why; the holder is told, and it is kept in the audit trail")->required();

  auto* check = add("check", "What trying to lock would say; exit code 1 if not all are free", hf::cli::check);
  check->add_option("targets", a.targets, "Targets")->required();
  check->add_flag("--shared", a.shared, "As a shared lock");
  auto* verify = add("verify", "Whether a lock is valid now; exit code 1 if not", hf::cli::verify);
  verify->add_option("lock", a.target, "The lock's id")->required();
  verify->add_option("number", a.fencing_token, "Its fencing token")->required();
  verify->add_option("targets", a.targets, "What it must cover")->required();

  auto* token = add("token", "A token for a user, from a server that runs with --dev", hf::cli::token);
  token->add_option("user", a.target, "The user")->required();
  token->add_option("--name", a.name, "The name shown to others");
  token->add_option("--role", a.roles, "viewer, editor, admin, or one of the catalog (editor)");
  token->add_option("--ns", a.ns, "The namespace (default)");
  token->add_option("--employee", a.employee, "The id that his own bills have as `owner` (the user)");
  token->add_option("--department", a.departments, "A department of his; several times for several");
  token->add_flag("--super", a.super, "Sees all bills of every type");
  add("catalog", "The bill types that can be locked", hf::cli::catalog)
      ->add_option("type", a.target, "One type in full");
  auto* sessions = add("sessions", "Your sessions; everybody's with the right admin", hf::cli::sessions);
  sessions->add_option("--limit", a.limit, "At most so many")->check(CLI::Range(1, 500));
  sessions->add_option("--end", a.session, "End this one; its locks are free at once");
  add("requests", "Requests that you made or are asked", hf::cli::requests)->alias("waits");
  add("notices", "What you should know of and have not read", hf::cli::notices)
      ->add_flag("--read", a.read, "Then count them as read: they are told no more");
  add("stats", "Counters of the server", hf::cli::stats);

  auto* todo = add("todo", "Your to-do tree, live, until Ctrl-C", hf::cli::todo);
  todo->add_option("--types", a.types, "Only these types, e.g. SaleOrder,PurOrder")->delimiter(',');
  todo->add_option("--group", a.group, "Rows of this group only, e.g. unreviewed or SaleOrder/unreviewed");
  todo->add_flag("--once", a.once, "Print it as it is now and end");
  todo->add_option("--count", a.count, "End after so many changes");
  todo->footer(
      "On a terminal the tree is drawn in place: types, their groups and how many bills stand in each, the bills that\n"
      "changed last. Elsewhere, and with --json, each change is a line.");

  auto* publish = add("publish", "Tell what a bill is now; needs the right status.publish", hf::cli::publish);
  publish->add_option("bill", a.target, "The bill, e.g. SaleOrder:1001");
  publish->add_option("--version", a.event.version, "The version of the bill's own row; it only grows");
  publish->add_option("--state", a.state, "Status columns: DataStatus=2,ApprovalStatus=0")->delimiter(',');
  publish->add_option("--no", a.event.no, "Its number, for people");
  publish->add_option("--action", a.event.action, "What was done, e.g. submit or 提交");
  publish->add_option("--reason", a.event.reason, "Why");
  publish->add_option("--actor", a.actor, "Who did it: USER or USER=NAME; the same for the next three");
  publish->add_option("--creator", a.creator, "Who made it");
  publish->add_option("--handler", a.handler, "Who handles it");
  publish->add_option("--owner", a.owner, "The responsible employee");
  publish->add_option("--department", a.event.department, "Its department");
  publish->add_option("--title", a.event.title, "A title");
  publish->add_option("--partner", a.event.partner, "Customer or supplier");
  publish->add_option("--amount", a.event.amount, "An amount, as text");
  publish->add_option("--cause", a.event.cause, "The bill or run behind it");
  publish->add_flag("--deleted", a.event.deleted, "The bill is no more");
  publish->add_option("--file", a.file, "Events as JSON, one a line or in one array; - is standard input");
  publish->add_option("--batch-id", a.batch_id, "Under the same id the same events are published once");
  publish->footer("Exit code 1 if an event was not logged: its version is not above the known one.");

  auto* resync = add("resync", "Replace all bills of a type by those of a file", hf::cli::resync);
  resync->add_option("type", a.type, "The type")->required();
  resync->add_option("--file", a.file, "Events as JSON, one a line or in one array; - is standard input")->required();

  auto* demo_data = add("demo-data", "Publish made-up bills, to have something to look at", hf::cli::demo_data);
  demo_data->add_option("--bills", a.bills, "How many")->check(CLI::Range(1, 100'000))->capture_default_str();
  demo_data->add_option("--seed", a.seed, "Another seed makes other bills")->capture_default_str();
  demo_data->add_flag("--live", a.live, "Then go on moving bills between groups until Ctrl-C");
  demo_data->add_option("--rate", a.per_second, "Moves in a second")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  demo_data->add_option("--count", a.count, "With --live: end after so many moves");
  demo_data->footer("Without a token it asks a server that runs with --dev for one.");
  add("demo", "Two people, one bill: the whole story in one terminal, with a crash of the server at the end",
      hf::cli::demo);
  for (const auto& [name, help] : {std::pair{"backup", "Write all locks of a stopped server into a file"},
                                   {"restore", "Put the locks of a file into an empty engine, the same or another"}}) {
    CLI::App* command = app.add_subcommand(name, help)->fallthrough(false)->prefix_command();
    command->set_help_flag();  // holdfastd has it
    command->callback(
        [&code, command] { code = hf::cli::become_server_program(command->get_name(), command->remaining()); });
  }

  hf::cli::OutboxArguments o;
  o.from = environment("HOLDFAST_OUTBOX");
  CLI::App* outbox = app.add_subcommand("outbox", "The table that an ERP writes its events to (docs/outbox.md)");
  outbox->require_subcommand(1);
  auto* relay =
      outbox->add_subcommand("relay", "Publish what is written there, until Ctrl-C; of several, one publishes");
  relay->add_option("--from", o.from, "sqlite:PATH or postgresql://USER@HOST/DATABASE (HOLDFAST_OUTBOX)");
  relay->add_option("--token-file", o.token_file, "The token lies in this file, which may be renewed");
  relay->add_option("--lease", o.lease, "How long a silent relay is taken for alive (10s; 2s to 10m)");
  relay->callback([&] { code = hf::cli::outbox_relay(a, o); });
  auto* state = outbox->add_subcommand("status", "What waits, what was refused, who relays");
  state->add_option("--from", o.from, "As for relay (HOLDFAST_OUTBOX)");
  state->callback([&] { code = hf::cli::outbox_status(a, o); });
  auto* sql = outbox->add_subcommand("sql", "Print the SQL that makes the table");
  sql->add_option("database", o.database, "sqlite, postgresql, sqlserver or mysql")->required();
  sql->callback([&] { code = hf::cli::outbox_sql(a, o); });

  std::string shell;
  CLI::App* complete = app.add_subcommand("completion", "A completion script for bash or zsh");
  complete->add_option("shell", shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
  complete->callback([&] { std::cout << completion(app, shell); });

  // The command after `--` is not ours to parse.
  int ours = argc;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--") {
      ours = i;
      a.command.assign(argv + i + 1, argv + argc);
      break;
    }
  }
  try {
    app.parse(ours, argv);
  } catch (const CLI::ParseError& error) {
    if (const auto unknown = app.remaining(true); app.get_subcommands().empty() && !unknown.empty()) {
      std::cerr << "holdfast: there is no " << (unknown[0].starts_with('-') ? "option " : "command ") << unknown[0]
                << ". Run with --help for more information.\n";
      return hf::cli::exit_usage;
    }
    return hf::cli::finish_output(app.exit(error) == 0 ? hf::cli::exit_done : hf::cli::exit_usage);
  }
  return hf::cli::finish_output(code);
}
