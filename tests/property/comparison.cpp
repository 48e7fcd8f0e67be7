#include "property/comparison.h"

#include <algorithm>
#include <map>

#include "engine/engine_clock.h"
#include "property/describe.h"
#include "property/history_checker.h"

namespace hf::test {
namespace {

World world_of(const ReferenceModel& model) {
  World world;
  for (const auto& s : model.sessions()) world.sessions.push_back({s.id, s.user});
  for (const auto& h : model.held()) {
    const Grant& g = h.grant;
    World::Lock lock{g.lock, g.token, g.session, g.user, g.owner, g.kind, g.mode, {}, g.holds};
    for (const HeldTarget& t : g.targets) lock.targets.push_back(t.target);
    world.locks.push_back(std::move(lock));
  }
  for (const auto& r : model.runs()) world.runs.push_back({r.info.run, r.info.user, r.info.bills});
  for (const auto& w : model.waiting())
    world.waits.push_back({w.request.lock, w.request.session, w.request.caller.user, w.asking});
  return world;
}

// One run: subject, model and checker.
class Run {
 public:
  Run(const ComparisonOptions& options, const SubjectFactory& subject)
      : options_(options), subject_(subject(options.engine)), model_(options.engine) {}

  const ReferenceModel& model() const { return model_; }

  // What differs after `step`, or nothing.
  std::string take(const Step& step) {
    if (step.restart) {
      if (std::string why = restart(); !why.empty()) return why;
    }
    return take(step.command, step.clock);
  }

 private:
  // What the contract leaves open: the last page of a list may name a cursor behind which nothing lies, a refused
  // transfer need not count as the model does, and a repeated answer may show a deadline as it was or as it is.
  static void forgive(const LockCommand& command, LockOutcome& outcome, const LockOutcome& wanted) {
    auto* list = std::get_if<LockList>(&outcome);
    const auto* wanted_list = std::get_if<LockList>(&wanted);
    if (list != nullptr && wanted_list != nullptr && !list->locks.empty() && list->next == list->locks.back().token)
      list->next = wanted_list->next;
    const bool named = std::visit(
        [](const auto& c) {
          if constexpr (requires { c.caller; })
            return !c.caller.request_id.empty();
          else
            return false;
        },
        command);
    auto* grant = std::get_if<Grant>(&outcome);
    const auto* wanted_grant = std::get_if<Grant>(&wanted);
    if (named && grant != nullptr && wanted_grant != nullptr) grant->expires_at = wanted_grant->expires_at;
    auto* opened = std::get_if<SessionOpened>(&outcome);
    const auto* wanted_opened = std::get_if<SessionOpened>(&wanted);
    if (named && opened != nullptr && wanted_opened != nullptr)
      *opened = {opened->session, opened->lease, wanted_opened->expires_at, wanted_opened->seq};
    auto* refusal = std::get_if<Refusal>(&outcome);
    const auto* wanted_refusal = std::get_if<Refusal>(&wanted);
    if (refusal != nullptr && wanted_refusal != nullptr && std::holds_alternative<Transfer>(command))
      refusal->conflicts_total = wanted_refusal->conflicts_total;
  }

  // Which grants lie on a target itself.
  using Holders = std::map<std::string, std::vector<Token>, std::less<>>;
  Holders holders() const {
    Holders all;
    if (!subject_->tells_targets()) return all;
    for (const auto& h : model_.held()) {
      for (const HeldTarget& t : h.grant.targets) all[t.target.text()].push_back(h.grant.token);
    }
    return all;
  }

  // Who watches a target is told that its holders changed, at last what they are now.
  std::string watched(const Holders& before, const std::vector<LockEvent>& told) const {
    if (!subject_->tells_targets()) return {};
    const Holders after = holders();
    std::map<std::string, bool, std::less<>> last;
    for (const LockEvent& event : told) {
      if (const auto* e = std::get_if<TargetChanged>(&event)) last[e->target.text()] = e->grant.has_value();
    }
    Holders changed = before;
    changed.insert(after.begin(), after.end());
    for (const auto& [text, tokens] : changed) {
      const auto was = before.find(text);
      const auto is = after.find(text);
      const bool same = was != before.end() && is != after.end() && was->second == is->second;
      if (!same && !last.contains(text)) return "watched: nobody was told that the holders of " + text + " changed";
    }
    for (const auto& [text, held] : last) {
      if (held != after.contains(text)) return "watched: what was told of " + text + " is not how it is";
    }
    return {};
  }

  std::string take(const LockCommand& command, Wall clock) {
    std::vector<LockEvent> told;
    std::vector<LockEvent> expected;
    const Holders before = holders();
    LockOutcome outcome = subject_->apply(command, clock, told);
    const LockOutcome wanted = model_.apply(command, clock, expected);
    forgive(command, outcome, wanted);
    if (std::string d = difference(outcome, wanted, told, expected); !d.empty()) return d;
    if (!EngineClock::is_absurd(clock)) clock_ = clock;
    if (std::string untold = watched(before, told); !untold.empty()) return untold;
    if (std::string broken = checker_.record(command, clock, outcome, told); !broken.empty()) {
      std::ranges::replace(broken, ' ', '_');
      return "judged: " + broken;
    }
    if (++steps_ % options_.check_every == 0) {
      if (std::string broken = subject_->check(); !broken.empty()) return "check(): " + broken;
    }
    return {};
  }

  static std::string difference(const LockOutcome& outcome, const LockOutcome& wanted,
                                const std::vector<LockEvent>& told, const std::vector<LockEvent>& expected) {
    const std::string got = describe(outcome);
    const std::string want = describe(wanted);
    std::string text;
    if (got != want) text += "  answered: " + got + "\n  model:    " + want + "\n";
    const std::vector<std::string> got_events = describe(told);
    const std::vector<std::string> want_events = describe(expected);
    if (got_events == want_events) return text;
    for (const std::string& line : got_events) text += "  told:     " + line + "\n";
    for (const std::string& line : want_events) text += "  model:    " + line + "\n";
    return text;
  }

  std::string restart() {
    if (to_us(clock_) == 0) return {};
    const Subject::Restarted restarted = subject_->restart(clock_);
    if (!restarted.error.empty()) return "restart: " + restarted.error;
    if (restarted.recorded > model_.now()) return "restart: engine time went ahead";
    model_.restarted(clock_, restarted.recorded, restarted.floor);
    checker_.restarted();
    for (const auto& [session, seq] : restarted.seqs) {
      if (!model_.renumbered(session, seq)) return "restart: the numbers of a session's events went back";
    }
    Caller admin;
    admin.user = "li";
    admin.admin = true;
    ListLocks all;
    all.caller = admin;
    all.limit = 500;
    for (const LockCommand& query : {LockCommand(all), LockCommand(ListSessions{admin, 500}),
                                     LockCommand(ListWaits{admin, 500}), LockCommand(ListAsks{admin, 500})}) {
      if (std::string d = take(query, clock_); !d.empty()) return "after a restart, " + describe(query) + ":\n" + d;
    }
    return {};
  }

  const ComparisonOptions& options_;
  std::unique_ptr<Subject> subject_;
  ReferenceModel model_;
  HistoryChecker checker_;
  Wall clock_{};
  std::uint64_t steps_ = 0;
};

class ModelSubject final : public Subject {
 public:
  ModelSubject(const LockTreeOptions& options, Broken broken) : model_(options, broken) {}
  LockOutcome apply(const LockCommand& command, Wall clock, std::vector<LockEvent>& events) override {
    return model_.apply(command, clock, events);
  }
  Restarted restart(Wall clock) override {
    Restarted restarted{model_.now(), model_.last_token() + 1000, {}, {}};
    model_.restarted(clock, restarted.recorded, restarted.floor);
    for (const auto& s : model_.sessions()) restarted.seqs.emplace_back(s.id, s.seq);
    return restarted;
  }
  std::string check() override { return {}; }
  bool tells_targets() const override { return false; }

 private:
  ReferenceModel model_;
};

}  // namespace

ComparisonOptions options_for(std::uint64_t seed) {
  Random random(seed ^ 0x5EED0F0971045ULL);
  ComparisonOptions options;
  Limits& limits = options.engine.limits;
  if (random.one_in(3)) limits.sessions_per_user_max = 2;
  if (random.one_in(3)) limits.waits_per_session_max = 2;
  if (random.one_in(3)) limits.targets_per_wait_max = 2;
  if (random.one_in(4)) limits.targets_per_acquire_max = 3;
  if (random.one_in(4)) limits.memory_age_max = Millis(20'000);
  if (random.one_in(4)) limits.locks_per_session_max = 5;
  if (random.one_in(3)) limits.runs_max = 3;
  if (random.one_in(3)) limits.runs_per_user_max = 1;
  if (random.one_in(3)) limits.runs_per_service_max = 2;
  if (random.one_in(3)) limits.runs_ended_max = 4;
  if (random.one_in(3)) limits.run_kept = Millis(30'000);
  if (random.one_in(2)) limits.temporary_ttl = Millis(8'000);
  if (random.one_in(2)) {
    const Millis hold(static_cast<std::int64_t>(20'000 + random.below(200'000)));
    options.engine.policy = [hold](std::string_view type) {
      return type == "Stock" ? TypePolicy{hold / 2, Millis(5'000), Millis(3'000)}
                             : TypePolicy{hold, Millis(30'000), Millis(6'000)};
    };
  }
  return options;
}

std::optional<Difference> compare(const History& history, const ComparisonOptions& options,
                                  const SubjectFactory& subject) {
  Run run(options, subject);
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (std::string what = run.take(history[i]); !what.empty()) return Difference{i, std::move(what)};
  }
  return std::nullopt;
}

std::optional<Difference> explore(std::uint64_t seed, std::size_t steps, const ComparisonOptions& options,
                                  const SubjectFactory& subject, History& history) {
  Run run(options, subject);
  RandomHistory random(seed);
  for (std::size_t i = 0; i < steps; ++i) {
    history.push_back(random.next(world_of(run.model())));
    if (std::string what = run.take(history.back()); !what.empty()) return Difference{i, std::move(what)};
  }
  return std::nullopt;
}

History shorten(History history, const ComparisonOptions& options, const SubjectFactory& subject) {
  // What is looked for is the same kind of difference: what the judge said, or the name of the answer.
  const auto kind_of = [](const Difference& d) { return d.what.substr(0, d.what.find_first_of(" \n", 12)); };
  const auto first = compare(history, options, subject);
  if (!first) return history;
  const auto still_differs = [&](History& h) {
    const auto found = compare(h, options, subject);
    if (!found || kind_of(*found) != kind_of(*first)) return false;
    h.resize(found->step + 1);
    return true;
  };
  // Drops pieces from the end to the start, ever smaller ones; where `quietly`, puts ticks in their place, for
  // engine time goes by commands.
  const auto drop = [&](bool quietly) {
    std::size_t before = history.size();
    for (std::size_t chunk = history.size() / 2; chunk > 0;) {
      for (std::size_t at = history.size(); at > 0;) {
        const std::size_t begin = at > chunk ? at - chunk : 0;
        const auto from = static_cast<std::ptrdiff_t>(begin);
        const auto to = static_cast<std::ptrdiff_t>(at);
        at = begin;
        History shorter = history;
        if (quietly) {
          bool any = false;
          for (auto step = shorter.begin() + from; step != shorter.begin() + to; ++step) {
            any = any || !std::holds_alternative<Tick>(step->command) || step->restart;
            step->command = Tick{};
            step->restart = false;
          }
          if (!any) continue;
        } else {
          shorter.erase(shorter.begin() + from, shorter.begin() + to);
        }
        if (!shorter.empty() && still_differs(shorter)) {
          history = std::move(shorter);
          at = std::min(at, history.size());
        }
      }
      if (chunk == 1 && (quietly || history.size() == before)) break;
      before = history.size();
      chunk = std::max<std::size_t>(1, chunk / 2);
    }
  };
  still_differs(history);
  drop(false);
  drop(true);
  drop(false);
  return history;
}

SubjectFactory broken_subject(Broken broken) {
  return [broken](const LockTreeOptions& options) { return std::make_unique<ModelSubject>(options, broken); };
}

}  // namespace hf::test
