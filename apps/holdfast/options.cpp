#include "options.h"

#include <CLI/CLI.hpp>

#include "completion.h"
#include "console.h"
#include "help.h"
#include "server_program.h"
#include "words.h"

namespace hf::cli {
namespace {

// The groups of `--help`, in the order of a first day.
constexpr const char* first_steps = "First steps";
constexpr const char* locking = "Locks";
constexpr const char* answering = "Asking and answering";
constexpr const char* following = "Bills and to-do";
constexpr const char* operating = "For operators";

}  // namespace

Options::Options(Arguments& a, OutboxArguments& o, Chosen& chosen)
    : app_(tr("The first editor owns the bill: lock, ask, answer, publish and follow from a shell."), "holdfast"),
      a_(a),
      o_(o),
      chosen_(chosen) {
  app_.formatter_fn([](const CLI::App* app, const std::string&, CLI::AppFormatMode) { return help_of(*app); });
  app_.require_subcommand(1);
  app_.fallthrough();
  app_.set_help_flag("-h,--help", tr("Show this"));
  app_.set_version_flag("--version", "holdfast " HF_VERSION, tr("Show the version"));
  app_.footer(
      tr("A target is a type (SaleOrder), a bill (SaleOrder:1001), a part of it (SaleOrder:1001/SaleOrderDetail) "
         "or a line (SaleOrder:1001/SaleOrderDetail/3). Times are 30s, 2m, 1h.") +
      "\n" + tr("Exit codes: 0 done, 1 refused, 2 wrong usage, 3 the server is not available.") + "\n" +
      tr("Environment: HOLDFAST_SERVER, HOLDFAST_CA, HOLDFAST_TOKEN, HOLDFAST_USER; LANG=zh_CN.UTF-8 for Chinese; "
         "NO_COLOR."));
  app_.add_option("--server", a_.server, tr("Address of the server; of several nodes, with commas in between"))
      ->type_name("URL");
  app_.add_option("--ca", a_.ca,
                  tr("Certificate of the authority that signed the server's, if the system does not trust it"))
      ->type_name("FILE");
  app_.add_option("--token", a_.token, tr("Who you are: a token of your sign-in"))->type_name("TOKEN");
  app_.add_option("--as", a_.as, tr("Who you are: a name, for a server that runs with --dev"))->type_name("PERSON");
  app_.add_flag("--json", a_.json, tr("One JSON object a line instead of text for people"));
  add_helping();
  add_signing_in();
  add_locking();
  add_asking();
  add_looking();
  add_status();
  add_publishing();
  add_runs();
  add_operating();
  add_outbox();
  add_fence();
  add_completion();
}

CLI::App* Options::add(const char* name, const char* group, const char* help, Run run, Needs needs) {
  CLI::App* command = app_.add_subcommand(name, tr(help))->group(tr(group));
  command->callback([this, run, needs] { chosen_ = {run, needs}; });
  return command;
}

void Options::add_locking() {
  auto* hold = add("lock", locking, "Hold targets until Ctrl-C, or while a command runs", lock);
  hold->add_option("targets", a_.targets, tr("All of them or none are locked"))->required()->type_name("TARGET");
  hold->add_flag("--shared", a_.shared, tr("Together with others who hold it shared"));
  hold->add_option("--wait", a_.wait, tr("Queue for so long if somebody else has it (at most 10m)"))->type_name("TIME");
  hold->add_option("--ttl", a_.ttl, tr("End by itself after so long"))->type_name("TIME");
  hold->add_option("--label", a_.label, tr("The bill's number, for people"))->type_name("TEXT");
  hold->add_option("--reason", a_.reason, tr("Why, shown to whoever meets the lock"))->type_name("TEXT");
  hold->footer(
      tr("The command after -- gets HOLDFAST_LOCK, HOLDFAST_TOKEN_NUMBER (the fencing token) and HOLDFAST_TARGETS; its "
         "exit code is passed on. If the lock is lost, the command and what it started are sent SIGTERM, ten seconds "
         "later SIGKILL, and the exit code is 1. While the command has the screen, the terminal rings for news and its "
         "title tells them; they are printed when the command has ended."));

  add("unlock", locking, "Release a lock of your own from here, whichever window holds it", unlock)
      ->add_option("target", a_.target, tr("A target, or a lock's id"))
      ->required()
      ->type_name("TARGET");

  auto* look = add("check", locking, "What trying to lock would say; exit code 1 if not all are free", check);
  look->add_option("targets", a_.targets, tr("Targets"))->required()->type_name("TARGET");
  look->add_flag("--shared", a_.shared, tr("As a shared lock"));

  auto* is_valid = add("verify", locking, "Whether a lock is valid now; exit code 1 if not", verify);
  is_valid->add_option("lock", a_.target, tr("The lock's id"))->required()->type_name("ID");
  is_valid->add_option("number", a_.fencing_token, tr("Its fencing token"))->required()->type_name("NUMBER");
  is_valid->add_option("targets", a_.targets, tr("What it must cover"))->required()->type_name("TARGET");

  auto* end = add("force", locking, "End somebody's lock; needs the right lock.force", force);
  end->add_option("target", a_.target, tr("A target, or a lock's id"))->required()->type_name("TARGET");
  end->add_option("--reason", a_.reason, tr("Why; the holder is told, and it is kept in the audit trail"))
      ->required()
      ->type_name("TEXT");
}

void Options::add_asking() {
  auto* question = add("request", answering, "Ask the holder for a target, wait for it and hold it", request);
  question->add_option("target", a_.target, tr("A target, or a lock's id"))->required()->type_name("TARGET");
  question->add_option("--message", a_.message, tr("Shown to the holder"))->type_name("TEXT");
  question->add_option("--wait", a_.wait, tr("How long to wait (10m)"))->type_name("TIME");
  question->footer(tr("After -- comes a command to run under the lock, as with `lock`."));

  add("requests", answering, "Requests that you made or are asked", requests)->alias("waits");
  add("agree", answering, "Give a lock to who asks for it", agree)
      ->add_option("request", a_.target, tr("The request's id"))
      ->required()
      ->type_name("ID");
  auto* no = add("refuse", answering, "Tell who asks that you go on editing", refuse);
  no->add_option("request", a_.target, tr("The request's id"))->required()->type_name("ID");
  no->add_option("--reason", a_.reason, tr("Why; they are told"))->type_name("TEXT");
  auto* later = add("defer", answering, "Tell who asks that you answer later; once for each request", defer);
  later->add_option("request", a_.target, tr("The request's id"))->required()->type_name("ID");
  later->add_option("--by", a_.by, tr("How much later (2m; at most 5m)"))->type_name("TIME");
}

void Options::add_looking() {
  auto* list = add("locks", locking, "Who holds what", locks);
  list->add_option("--type", a_.type, tr("Only bills of this type"))->type_name("TYPE");
  list->add_option("--user", a_.user, tr("Only this user's"))->type_name("USER");
  list->add_option("--client", a_.client, tr("Only from this program"))->type_name("PROGRAM");
  list->add_option("--kind", a_.kind, tr("Only edit, temporary or hold"))
      ->check(CLI::IsMember({"edit", "temporary", "hold"}))
      ->type_name("KIND");
  list->add_option("--older", a_.older, tr("Only those held for longer than this"))->type_name("TIME");
  list->add_option("--limit", a_.limit, tr("At most so many (100)"))->check(CLI::Range(1, 500))->type_name("NUMBER");

  auto* own = add("sessions", locking, "Your sessions; everybody's with the right admin", sessions);
  own->add_option("--limit", a_.limit, tr("At most so many (100)"))->check(CLI::Range(1, 500))->type_name("NUMBER");
  own->add_option("--end", a_.session, tr("End this one; its locks are free at once"))->type_name("ID");

  add("catalog", following, "The bill types that can be locked", catalog)
      ->add_option("type", a_.target, tr("One type in full"))
      ->type_name("TYPE");
}

void Options::add_status() {
  auto* tree = add("todo", following, "Your to-do tree, live", todo);
  tree->add_option("--types", a_.types, tr("Only these types, e.g. SaleOrder,PurOrder"))
      ->delimiter(',')
      ->type_name("TYPE,…");
  tree->add_option("--group", a_.group, tr("Rows of this group only, e.g. unreviewed or SaleOrder/unreviewed"))
      ->type_name("GROUP");
  tree->add_flag("--once", a_.once, tr("Print it as it is now and end"));
  tree->add_option("--count", a_.count, tr("End after so many changes"))->type_name("NUMBER");
  tree->footer(
      tr("On a terminal the tree is drawn in place and scrolls: arrows, PgUp, PgDn, Home, End; q ends it. Elsewhere, "
         "and with --json, each change is a line."));

  auto* bill = add("watch", following, "What bills are and become, and who edits them, until Ctrl-C", watch);
  bill->add_option("targets", a_.targets, tr("Bills to watch"))->required()->type_name("BILL");
  bill->add_option("--count", a_.count, tr("End after so many events"))->type_name("NUMBER");

  auto* unread = add("notices", following, "What you should know of and have not read", notices);
  unread->add_flag("--read", a_.read, tr("Then count them as read: they are told no more"));
  unread->add_option("--limit", a_.notices_limit, tr("At most so many, the oldest first (all)"))
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("NUMBER");
}

void Options::add_publishing() {
  auto* event = add("publish", following, "Tell what a bill is now; needs the right status.publish", publish);
  event->add_option("bill", a_.target, tr("The bill, e.g. SaleOrder:1001"))->type_name("BILL");
  event->add_option("--version", a_.event.version, tr("The version of the bill's own row; it only grows"))
      ->type_name("NUMBER");
  event->add_option("--state", a_.state, tr("Status columns: DataStatus=2,ApprovalStatus=0"))
      ->delimiter(',')
      ->type_name("COLUMN=VALUE,…");
  event->add_option("--no", a_.event.no, tr("Its number, for people"))->type_name("TEXT");
  event->add_option("--action", a_.event.action, tr("What was done, e.g. submit"))->type_name("ACTION");
  event->add_option("--reason", a_.event.reason, tr("Why"))->type_name("TEXT");
  event->add_option("--actor", a_.actor, tr("Who did it: USER or USER=NAME; the same for the next three"))
      ->type_name("USER");
  event->add_option("--creator", a_.creator, tr("Who made it"))->type_name("USER");
  event->add_option("--handler", a_.handler, tr("Who handles it"))->type_name("USER");
  event->add_option("--owner", a_.owner, tr("The responsible employee"))->type_name("USER");
  event->add_option("--department", a_.event.department, tr("Its department"))->type_name("TEXT");
  event->add_option("--title", a_.event.title, tr("A title"))->type_name("TEXT");
  event->add_option("--partner", a_.event.partner, tr("Customer or supplier"))->type_name("TEXT");
  event->add_option("--amount", a_.event.amount, tr("An amount, as text"))->type_name("TEXT");
  event->add_option("--cause", a_.event.cause, tr("The bill or run behind it"))->type_name("TEXT");
  event->add_option("--none", a_.event.none, tr("What it does not have any more: owner,handler,department"))
      ->delimiter(',')
      ->type_name("TEXT");
  auto* const created = event->add_flag("--created", a_.event.created, tr("It begins now, whatever had its id before"));
  event->add_flag("--deleted", a_.event.deleted, tr("The bill is no more"))->excludes(created);
  event->add_option("--file", a_.file, tr("Events as JSON, one a line or in one array; - is standard input"))
      ->type_name("FILE");
  event->add_option("--batch-id", a_.batch_id, tr("Under the same id the same events are published once"))
      ->type_name("ID");
  event->footer(
      tr("What the options leave out stays as the server knows the bill; an event of a file states the whole bill.") +
      "\n" + tr("Exit code 1 if an event was not logged: its version is not above the known one."));
}

void Options::add_runs() {
  CLI::App* runs =
      app_.add_subcommand("run", tr("An action of a script of yours, while others are kept off its bills"));
  runs->group(tr(following))->require_subcommand(1);
  const auto add_part = [&](const char* name, const char* help, Run run) {
    CLI::App* part = runs->add_subcommand(name, tr(help))->group(tr("Commands"));
    part->callback([this, run] { chosen_ = {run, Needs::token}; });
    return part;
  };
  const auto add_about = [&](const char* name, const char* help, Run run) {
    CLI::App* part = add_part(name, help, run);
    part->add_option("run", a_.target, tr("The run's id"))->required()->type_name("ID");
    return part;
  };
  auto* begin = add_part("begin", "Lock all its bills or none, and print its id and fencing tokens", run_begin);
  begin->add_option("action", a_.action, tr("The catalog's name of it, e.g. approve"))->required()->type_name("ACTION");
  begin->add_option("bills", a_.targets, tr("First the bill that it is done to, then those that it changes"))
      ->required()
      ->type_name("BILL");
  begin->add_option("--wait", a_.wait, tr("How long to wait for other actions (5s; at most 20s)"))->type_name("TIME");
  auto* step = add_about("step", "Tell that it lives, and how far it is; at least once a minute", run_step);
  step->add_option("step", a_.message, tr("What it does now, for people"))->type_name("TEXT");
  add_about("finish", "It is committed: its locks end, its holds begin", run_finish);
  add_about("fail", "It is rolled back: its locks end", run_fail)
      ->add_option("--reason", a_.reason, tr("Why"))
      ->required()
      ->type_name("TEXT");
  add_about("get", "What it is, and how it ended", run_get);
}

void Options::add_signing_in() {
  add("demo", first_steps, "Two people, one bill: the whole story in one terminal", demo, Needs::server);
  auto* bills = add("demo-data", first_steps, "Publish made-up bills, to have something to look at", demo_data,
                    Needs::token_if_told);
  bills->add_option("--bills", a_.bills, tr("How many (300)"))->check(CLI::Range(1, 100'000))->type_name("NUMBER");
  bills->add_option("--seed", a_.seed, tr("Another seed makes other bills (1)"))->type_name("NUMBER");
  bills->add_flag("--live", a_.live, tr("Then go on moving bills between groups until Ctrl-C"));
  bills->add_option("--rate", a_.per_second, tr("Moves in a second (4)"))
      ->check(CLI::Range(1, 1'000))
      ->type_name("NUMBER");
  bills->add_option("--count", a_.count, tr("With --live: end after so many moves"))->type_name("NUMBER");
  bills->footer(tr("A server that runs with --dev gives it a token of its own if you have not said who you are."));

  auto* in = add("login", first_steps, "Sign in and stay so: keeps the server and your token in a profile", login,
                 Needs::server);
  in->add_option("user", a_.target, tr("Your name, for a server that runs with --dev (the user of the shell)"))
      ->type_name("PERSON");
  in->add_option("--token-file", a_.file, tr("The token lies in this file; - is standard input"))->type_name("FILE");
  in->footer(
      tr("Without a token it is asked for. A server on this machine that runs with --dev makes one, and needs no "
         "login at all."));
  add("logout", first_steps, "Forget the server and the token of the profile", logout, Needs::nothing);
  add("whoami", first_steps, "Who you are to which server, whence your token is and when it expires", whoami);

  auto* made =
      add("token", first_steps, "Print a token for a user, from a server that runs with --dev", token, Needs::server);
  made->add_option("user", a_.target, tr("The user"))->required()->type_name("USER");
  made->add_option("--name", a_.name, tr("The name shown to others"))->type_name("PERSON");
  made->add_option("--role", a_.roles, tr("viewer, editor, admin, or one of the catalog (editor)"))->type_name("ROLE");
  made->add_option("--ns", a_.ns, tr("The namespace (default)"))->type_name("NAME");
  made->add_option("--employee", a_.employee, tr("The id that his own bills have as `owner` (the user)"))
      ->type_name("ID");
  made->add_option("--department", a_.departments, tr("A department of his; several times for several"))
      ->type_name("TEXT");
  made->add_flag("--super", a_.super, tr("Sees all bills of every type"));
}

void Options::add_operating() {
  add("stats", operating, "Counters of the server", stats);
  auto* all = add("resync", operating, "Replace all bills of a type by those of a file", resync);
  all->add_option("type", a_.type, tr("The type"))->required()->type_name("TYPE");
  all->add_option("--file", a_.file, tr("Events as JSON, one a line or in one array; - is standard input"))
      ->required()
      ->type_name("FILE");
  for (const auto& [name, help] : {std::pair{"backup", "Write all locks of a stopped server into a file"},
                                   {"restore", "Put the locks of a file into an empty engine, the same or another"}}) {
    CLI::App* command = add(name, operating, help, nullptr, Needs::nothing)->fallthrough(false)->prefix_command();
    command->set_help_flag();  // holdfastd has it
    command->callback([this, command] {
      chosen_ = {[which = command->get_name(), rest = command->remaining()](const Arguments&) {
                   return become_server_program(which, rest);
                 },
                 Needs::nothing};
    });
  }
}

void Options::add_outbox() {
  CLI::App* outbox = app_.add_subcommand("outbox", tr("The table that an ERP writes its events to (docs/outbox.md)"));
  outbox->group(tr(operating))->require_subcommand(1);
  const auto add_part = [&](const char* name, const char* help, int (*run)(const Arguments&, const OutboxArguments&),
                            Needs needs) {
    CLI::App* part = outbox->add_subcommand(name, tr(help))->group(tr("Commands"));
    part->callback([this, run, needs] { chosen_ = {[this, run](const Arguments& a) { return run(a, o_); }, needs}; });
    return part;
  };
  auto* relay = add_part("relay", "Publish what is written there, until Ctrl-C; of several, one publishes",
                         outbox_relay, Needs::token_if_told);
  relay->add_option("--from", o_.from, tr("sqlite:PATH or postgresql://USER@HOST/DATABASE (HOLDFAST_OUTBOX)"))
      ->type_name("URL");
  relay->add_option("--token-file", o_.token_file, tr("The token lies in this file, which may be renewed"))
      ->type_name("FILE");
  relay->add_option("--lease", o_.lease, tr("How long a silent relay is taken for alive (10s; 2s to 10m)"))
      ->type_name("TIME");
  auto* state = add_part("status", "What waits, what was refused, who relays", outbox_status, Needs::nothing);
  state->add_option("--from", o_.from, tr("As for relay (HOLDFAST_OUTBOX)"))->type_name("URL");
  auto* sql = add_part("sql", "Print the SQL that makes the table", outbox_sql, Needs::nothing);
  sql->add_option("database", o_.database, tr("sqlite, postgresql, sqlserver or mysql"))
      ->required()
      ->type_name("DATABASE");
}

void Options::add_fence() {
  CLI::App* fence = app_.add_subcommand("fence", tr("The table by which an ERP refuses late saves (docs/fencing.md)"));
  fence->group(tr(operating))->require_subcommand(1);
  const auto add_part = [&](const char* name, const char* help, int (*run)(const Arguments&, const FenceArguments&)) {
    CLI::App* part = fence->add_subcommand(name, tr(help))->group(tr("Commands"));
    part->callback(
        [this, run] { chosen_ = {[this, run](const Arguments& a) { return run(a, fence_); }, Needs::nothing}; });
    part->add_option("database", fence_.database, tr("sqlite, postgresql, sqlserver or mysql"))
        ->required()
        ->type_name("DATABASE");
    return part;
  };
  add_part("sql", "Print the SQL that makes the table", fence_sql);
  auto* triggers =
      add_part("triggers", "Print the triggers that notice what is written without the fence", fence_triggers);
  triggers->add_option("types", fence_.types, tr("Of these types; of all, if none is named"))->type_name("TYPE");
  triggers->add_option("--catalog", fence_.catalog, tr("The file that names the types' tables"))
      ->required()
      ->type_name("FILE");
}

void Options::add_completion() {
  auto* complete = add("completion", operating, "A completion script for bash or zsh", nullptr, Needs::nothing);
  complete->add_option("shell", shell_, tr("bash or zsh"))
      ->required()
      ->check(CLI::IsMember({"bash", "zsh"}))
      ->type_name("SHELL");
  complete->callback([this] {
    chosen_ = {[this](const Arguments&) { return say(completion(app_, shell_)), exit_done; }, Needs::nothing};
  });
}

void Options::add_helping() {
  auto* about = add("help", first_steps, "What there is, or one command in full", nullptr, Needs::nothing);
  about->add_option("command", a_.targets, tr("The command"))->type_name("COMMAND");
  about->callback(
      [this] { chosen_ = {[this](const Arguments& a) { return say_help(app_, a.targets); }, Needs::nothing}; });
  add("version", first_steps, "Show the version", nullptr, Needs::nothing)->callback([this] {
    chosen_ = {[](const Arguments&) { return say("holdfast " HF_VERSION "\n"), exit_done; }, Needs::nothing};
  });
}

}  // namespace hf::cli
