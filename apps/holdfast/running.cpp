// `holdfast run`: an action of one's own under guard, from a script. Each message is a process of its own, so the run
// has a session of its own, and nothing here keeps it alive between two of them: `run step` does, once a minute.
#include "asking.h"
#include "console.h"
#include "show.h"
#include "words.h"

namespace hf::cli {

namespace json = boost::json;

namespace {

constexpr holdfast::Millis wait_otherwise{5'000};

int say_run(const Arguments& a, const holdfast::Result<json::value>& answer) {
  if (!answer) return report(a, answer.error());
  if (a.json || !answer->is_object()) return say(json::serialize(*answer) + "\n"), exit_done;
  const json::object& run = answer->get_object();
  std::vector<std::vector<std::string>> rows{{tr("RUN"), plain_in(run, "run")},
                                             {tr("STATE"), tr(plain_in(run, "state"))},
                                             {tr("ACTION"), plain_in(run, "action")},
                                             {tr("BILLS"), joined(run, "bills")},
                                             {tr("BY"), person_in(run)}};
  for (const auto& [name, title] : {std::pair{"step", "STEP"}, {"error", "REASON"}}) {
    if (const std::string text = plain_in(run, name); !text.empty()) rows.push_back({tr(title), text});
  }
  for (const json::object& hold : list_in(*answer, "placed"))
    rows.push_back({tr("PLACED"), tr("a hold on {} for {}", joined(hold, "targets"), plain_in(hold, "owner"))});
  say(table({}, rows));
  return exit_done;
}

// Asks about the run that the arguments name.
int about_run(const Arguments& a, const char* method, const std::string& what, const json::object& fields = {}) {
  const auto id = id_of(a.target, Named::run);
  if (!id) return report(a, id.error());
  return say_run(a, ask(a, method, "/v1/runs/" + *id + what, fields));
}

}  // namespace

int run_begin(const Arguments& a) {
  const auto wait = duration_of(a.wait, wait_otherwise, "wait");
  if (!wait) return report(a, wait.error());
  const json::object fields{{"action", a.action}, {"bills", texts(a.targets)}, {"wait_ms", wait->count()}};
  const auto answer = ask(a, "POST", "/v1/runs/begin", fields, answered_within + *wait);
  if (!answer) return report(a, answer.error());
  if (a.json || !answer->is_object()) return say(json::serialize(*answer) + "\n"), exit_done;
  const json::object& run = answer->get_object();
  std::vector<std::vector<std::string>> rows{{tr("RUN"), plain_in(run, "run")}};
  const json::value* const own = run.if_contains("tokens");
  for (const std::string& bill : a.targets) {
    const bool differs = own != nullptr && own->is_object() && own->get_object().contains(bill);
    const json::value& token = differs ? own->get_object().at(bill) : run.at("token");
    rows.push_back({plain(bill), tr("fencing token {}", json::serialize(token))});
  }
  say(table({}, rows));
  return exit_done;
}

int run_step(const Arguments& a) { return about_run(a, "POST", "/step", {{"step", a.message}}); }
int run_finish(const Arguments& a) { return about_run(a, "POST", "/finish"); }
int run_fail(const Arguments& a) { return about_run(a, "POST", "/fail", {{"error", a.reason}}); }
int run_get(const Arguments& a) { return about_run(a, "GET", ""); }

}  // namespace hf::cli
