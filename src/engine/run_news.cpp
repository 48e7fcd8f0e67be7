#include "engine/run_news.h"

namespace hf {

std::optional<Publish> news_of(const LockEvent& event) {
  const auto* const changed = std::get_if<RunChanged>(&event);
  if (changed == nullptr) return std::nullopt;
  const RunInfo& run = changed->run;
  RunEvent told;
  told.run = run.run;
  told.action = run.action;
  told.error = run.error;
  told.actor = {run.user, run.user_name};
  told.at = run.changed_at;
  // A step by its name, else what became of the run: its beginning has no step yet.
  told.step = run.state == RunState::running && !run.step.empty() ? run.step : name_of(run.state);
  Publish news;
  news.caller.user = run.user;
  news.caller.user_name = run.user_name;
  for (const Target& bill : run.bills) {
    told.type = bill.type();
    told.id = bill.bill_id();
    news.events.emplace_back(told);
  }
  return news;
}

std::optional<SettleRun> settled_by(const BoardEvent& event) {
  const auto* const changed = std::get_if<StatusChanged>(&event);
  if (changed == nullptr || !changed->after) return std::nullopt;
  const auto run = RunId::parse(changed->after->text(Bill::cause));
  return run ? std::optional(SettleRun{*run}) : std::nullopt;
}

std::optional<Command> owed_by(const Event& event) {
  if (const auto* of_locks = std::get_if<LockEvent>(&event)) {
    if (auto news = news_of(*of_locks)) return StatusCommand(*std::move(news));
  } else if (const auto settled = settled_by(std::get<BoardEvent>(event))) {
    return LockCommand(*settled);
  }
  return std::nullopt;
}

}  // namespace hf
