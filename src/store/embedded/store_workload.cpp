#include "store/embedded/store_workload.h"

namespace hf {
namespace {

constexpr std::size_t kSessions = 6;
constexpr std::size_t kTargets = 9;
constexpr std::size_t kKnown = 24;

std::string target_text(std::uint64_t n) {
  std::string bill = "SaleOrder:" + std::to_string(n % 3);
  if (n < 3) return bill;
  if (n < 6) return bill + "/SaleOrderDetail";
  return bill + "/SaleOrderDetail/" + std::to_string(n);
}

std::string text_of(const Grant& grant) {
  std::string text = grant.lock.text() + " " + std::to_string(grant.token) + " " + std::string(name_of(grant.mode)) +
                     " " + grant.user + " x" + std::to_string(grant.holds);
  for (const HeldTarget& held : grant.targets) text += " " + held.target.text() + "@" + std::to_string(held.token);
  return text;
}

template <class... F>
struct Cases : F... {
  using F::operator()...;
};

}  // namespace

Caller Workload::caller(std::size_t session) const {
  Caller who;
  who.user = "user" + std::to_string(session % 3);
  who.user_name = who.user;
  return who;
}

LockCommand Workload::acquire(std::size_t session) {
  Acquire a;
  a.caller = caller(session);
  a.session = sessions_[session];
  a.lock.value = ids_.next_id();
  const std::uint64_t count = 1 + random_.below(3);
  for (std::uint64_t i = 0; i < count; ++i) a.targets.push_back(*Target::parse(target_text(random_.below(kTargets))));
  a.mode = random_.one_in(4) ? Mode::shared : Mode::exclusive;
  if (random_.one_in(3)) a.wait = Millis(1 + random_.below(2000));
  if (random_.one_in(4)) a.ttl = Millis(100 + random_.below(3000));
  a.reason = std::string(random_.below(200), 'r');
  if (known_.size() < kKnown)
    known_.push_back({a.lock, session});
  else
    known_[random_.below(kKnown)] = {a.lock, session};
  return a;
}

LockCommand Workload::next() {
  clock_ += Millis(random_.below(20));
  if (sessions_.size() < kSessions) {
    OpenSession open;
    open.caller = caller(sessions_.size());
    open.session.value = ids_.next_id();
    open.secret.value = ids_.next_id();
    open.lease = Millis(10'000);
    sessions_.push_back(open.session);
    return open;
  }
  const std::size_t session = random_.below(kSessions);
  const std::uint64_t dice = random_.below(100);
  if (dice < 45 || known_.empty()) return acquire(session);
  const Known known = known_[random_.below(known_.size())];
  if (dice < 80) {
    Release r;
    r.caller = caller(known.session);
    r.session = sessions_[known.session];
    r.lock = known.lock;
    r.all = random_.one_in(2);
    return r;
  }
  if (dice < 85) {
    Heartbeat h;
    h.caller = caller(session);
    h.session = sessions_[session];
    return h;
  }
  if (dice < 88) {
    Force f;
    f.caller = caller(session);
    f.lock = known.lock;
    f.reason = "stuck";
    return f;
  }
  if (dice < 94) return Tick{};
  GetLock get;
  get.caller = caller(known.session);
  get.lock = known.lock;
  return get;
}

std::string line_of(const LockOutcome& outcome) {
  return std::visit(Cases{[](const Granted& g) { return "granted " + text_of(g.grant) + (g.again ? " again" : ""); },
                          [](const Queued& q) { return "queued " + q.wait.text() + " " + std::to_string(q.position); },
                          [](const Released& r) {
                            return "released " + std::to_string(r.released) + " " + std::to_string(r.holds) +
                                   (r.already ? " already" : "");
                          },
                          [](const Refusal& r) {
                            std::string line =
                                "refused " + std::string(code_name(r.code)) + " " + std::to_string(r.conflicts_total);
                            for (const Conflict& c : r.conflicts) line += " " + c.lock.text() + "/" + c.user;
                            return line;
                          },
                          [](const Grant& g) { return "lock " + text_of(g); },
                          [&](const auto&) { return "outcome " + std::to_string(outcome.index()); }},
                    outcome);
}

std::string line_of(const LockEvent& event) {
  return std::visit(Cases{[](const LockGranted& e) {
                            return "event granted " + std::to_string(e.seq) + " " + text_of(e.granted.grant);
                          },
                          [](const LockLost& e) {
                            return "event lost " + std::to_string(e.seq) + " " + e.lock.text() + " " +
                                   std::string(name_of(e.reason));
                          },
                          [&](const auto&) { return "event " + std::to_string(event.index()); }},
                    event);
}

std::string state_of(LockTree& tree, Wall clock) {
  std::vector<LockEvent> events;
  std::string journal;
  Caller admin;
  admin.user = "admin";
  admin.admin = true;
  ListLocks locks;
  locks.caller = admin;
  locks.limit = 500;
  std::string text;
  const LockOutcome held = tree.apply(locks, clock, events, journal);
  if (const auto* list = std::get_if<LockList>(&held))
    for (const Grant& grant : list->locks) text += text_of(grant) + "\n";
  ListWaits waits;
  waits.caller = admin;
  const LockOutcome waiting = tree.apply(waits, clock, events, journal);
  if (const auto* list = std::get_if<WaitList>(&waiting))
    for (const WaitInfo& wait : list->waits)
      text += "waits " + wait.wait.text() + " " + std::to_string(wait.position) + "\n";
  return text;
}

void Told::on_outcome(Ticket ticket, Outcome&& outcome) {
  if (!failed.empty()) ++after_failure;
  const Refusal* const refusal = refusal_in(outcome);
  if (refusal != nullptr && refusal->code == Code::unknown_outcome) {
    ++unknown;
    return;
  }
  answered = ticket;
  if (const auto* of_locks = std::get_if<LockOutcome>(&outcome))
    lines.push_back(std::to_string(ticket) + " " + line_of(*of_locks));
}

void Told::on_event(NamespaceIndex, const Event& event) {
  if (!failed.empty()) ++after_failure;
  if (const auto* of_locks = std::get_if<LockEvent>(&event)) lines.push_back(line_of(*of_locks));
}

void Told::on_failed(std::string why) {
  if (!failed.empty()) ++after_failure;
  failed = std::move(why);
}

void Shadow::apply(Ticket ticket, const LockCommand& command, Wall clock, std::vector<std::string>& lines) {
  std::vector<LockEvent> events;
  std::string journal;
  const LockOutcome outcome = tree_.apply(command, clock, events, journal);
  for (const LockEvent& event : events) lines.push_back(line_of(event));
  lines.push_back(std::to_string(ticket) + " " + line_of(outcome));
}

}  // namespace hf
