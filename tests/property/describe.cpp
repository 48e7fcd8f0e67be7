#include "property/describe.h"

#include <map>

namespace hf::test {
namespace {

class Line {
 public:
  Line& add(std::string_view text) {
    if (!text_.empty()) text_ += ' ';
    text_ += text;
    return *this;
  }
  Line& operator()(std::string_view name, std::string_view value) {
    add(name);
    text_ += '=';
    text_ += value;
    return *this;
  }
  Line& operator()(std::string_view name, std::uint64_t value) {
    return (*this)(name, std::string_view(std::to_string(value)));
  }
  template <class Tag>
  Line& operator()(std::string_view name, const Id<Tag>& id) {
    // Ids of a history are numbers (random_history.h); those of a real engine are shown whole.
    if (id.value.hi >= 256) return (*this)(name, std::string_view(id.text()));
    return (*this)(name, std::string_view(std::to_string(id.value.hi) + "." + std::to_string(id.value.lo >> id_shift)));
  }
  Line& operator()(std::string_view name, Wall at) {
    return (*this)(name, std::string_view(std::to_string(to_us(at))));
  }
  Line& operator()(std::string_view name, Millis d) {
    return (*this)(name, std::string_view(std::to_string(d.count())));
  }
  Line& flag(std::string_view name, bool on) { return on ? add(name) : *this; }
  Line& operator()(std::string_view name, const std::vector<Target>& targets) {
    add(name);
    text_ += "=[";
    for (const Target& t : targets) (text_ += t.text()) += ' ';
    text_ += ']';
    return *this;
  }
  Line& operator()(const Grant& g) {
    (*this)("lock", g.lock)("token", g.token)("mode", name_of(g.mode))("kind", name_of(g.kind))("session", g.session)(
        "user", g.user);
    if (!g.owner.empty()) (*this)("owner", g.owner);
    if (!g.run.is_nil()) (*this)("run", g.run)("node", g.node.text());
    if (!g.rule.empty()) (*this)("rule", g.rule);
    for (const std::string& action : g.stops) (*this)("stops", action);
    (*this)("label", g.label)("holds", g.holds)("acquired", g.acquired_at)("expires", g.expires_at);
    add("targets=[");
    for (const HeldTarget& t : g.targets) {
      text_ += t.target.text();
      if (t.token != g.token) (text_ += '@') += std::to_string(t.token);
      text_ += ' ';
    }
    text_ += ']';
    return *this;
  }
  Line& operator()(const RunInfo& r) {
    (*this)("run", r.run)("state", name_of(r.state))("user", r.user)("name", r.user_name)("action", r.action)(
        "bills", r.bills)("session", r.session)("node", r.node.text())("step", r.step)("begun", r.begun_at)(
        "changed", r.changed_at)("expires", r.expires_at)
        .flag("why", !r.error.empty());
    for (const Grant& g : r.placed) add("{")(g).add("}");
    return *this;
  }
  Line& operator()(const WaitInfo& w) {
    return (*this)("wait", w.wait)("session", w.session)("user", w.user)("targets", w.targets)("mode", name_of(w.mode))(
               "kind", name_of(w.kind))("position", w.position)("since", w.since)("until", w.until)
        .flag("asking", w.asking);
  }
  Line& operator()(const AskInfo& a) {
    return (*this)(a.wait)("lock", a.lock)("message", a.message)("state", name_of(a.state))("reason", a.answer_reason)(
        "by", a.answer_by);
  }
  Line& operator()(const Granted& g) {
    (*this)(g.grant).flag("again", g.again);
    for (const auto& [bill, version] : g.versions)
      (*this)(bill, version ? std::to_string(*version) : std::string("unknown"));
    return *this;
  }
  Line& operator()(const Refusal& r) {
    add(code_name(r.code));
    if (r.code == Code::locked) (*this)("conflicts", r.conflicts_total).flag("deadlock", r.deadlock);
    if (r.ended) (*this)("ended", name_of(r.ended->reason))("by", r.ended->by);
    if (r.code == Code::stale_version) (*this)("bill", r.stale_target)("known", r.known_version);
    return *this;
  }
  Line& operator()(const SessionSnapshot& s) {
    (*this)("session", s.session)("user", s.user)("lease", s.lease)("seq", s.seq)("expires", s.expires_at);
    for (const Grant& g : s.locks) add("{")(g).add("}");
    for (const WaitInfo& w : s.waits) add("{")(w).add("}");
    std::map<LockId, const AskInfo*> asks;  // their order is open
    for (const AskInfo& a : s.asks) asks[a.wait.wait] = &a;
    for (const auto& [wait, a] : asks) add("{")(*a).add("}");
    return *this;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace

std::string describe(const LockOutcome& outcome) {
  Line l;
  struct Say {
    Line& l;
    void operator()(const Refusal& r) { l.add("Refusal")(r); }
    void operator()(const SessionOpened& s) {
      l.add("SessionOpened")("session", s.session)("lease", s.lease)("expires", s.expires_at)("seq", s.seq);
    }
    void operator()(const SessionResumed& s) { l.add("SessionResumed")(s.state); }
    void operator()(const SessionClosed& s) { l.add("SessionClosed")("released", s.released); }
    void operator()(const Renewed& r) {
      l.add("Renewed")("expires", r.expires_at)("seq", r.seq);
      for (const LockId& lock : r.locks) l("lock", lock);
    }
    void operator()(const Granted& g) { l.add("Granted")(g); }
    void operator()(const Queued& q) { l.add("Queued")("wait", q.wait)("position", q.position); }
    void operator()(const Released& r) {
      l.add("Released").flag("released", r.released)("holds", r.holds).flag("already", r.already);
    }
    void operator()(const ReleasedMany& r) { l.add("ReleasedMany")("released", r.released); }
    void operator()(const Done&) { l.add("Done"); }
    void operator()(const Answered& a) { l.add("Answered").flag("granted", a.granted); }
    void operator()(const SessionSnapshot& s) { l.add("SessionSnapshot")(s); }
    void operator()(const LockList& list) {
      l.add("LockList")("next", list.next);
      for (const Grant& g : list.locks) l.add("{")(g).add("}");
    }
    void operator()(const Checked& c) {
      l.add("Checked");
      for (const CheckItem& i : c.items) l.add(i.target.text()).flag("free", i.free).flag("mine", i.mine);
    }
    void operator()(const Verified& v) {
      l.add("Verified").flag("valid", v.valid);
      if (v.valid) {
        l("for", v.valid_for);
        for (const HeldTarget& t : v.targets) l.add(t.target.text())("token", t.token);
      } else {
        l("why", v.why);
      }
    }
    void operator()(const SessionList& list) {
      l.add("SessionList");
      for (const SessionSnapshot& s : list.sessions) l.add("{")(s).add("}");
    }
    void operator()(const AskList& list) {
      l.add("AskList")("next", list.next);
      for (const AskInfo& a : list.asks) l.add("{")(a).add("}");
    }
    void operator()(const WaitList& list) {
      l.add("WaitList");
      for (const WaitInfo& w : list.waits) l.add("{")(w).add("}");
    }
    void operator()(const Stats& s) {
      l.add("Stats")("runs", s.runs)("locks", s.locks)("sessions", s.sessions)("waits", s.waits)("asks", s.asks)(
          "last", s.last_token);
    }
    void operator()(const Grant& g) { l.add("Grant")(g); }
    void operator()(const RunInfo& r) { l.add("Run")(r); }
  };
  std::visit(Say{l}, outcome);
  return l.take();
}

std::string describe(const LockEvent& event) {
  Line l;
  struct Say {
    Line& l;
    void operator()(const LockGranted& e) { l.add("LockGranted")("seq", e.seq)("wait", e.wait)(e.granted); }
    void operator()(const LockWaiting& e) { l.add("LockWaiting")("wait", e.wait)("position", e.position); }
    void operator()(const WaitEnded& e) { l.add("WaitEnded")("seq", e.seq)("wait", e.wait)(e.why); }
    void operator()(const LockLost& e) {
      l.add("LockLost")("seq", e.seq)("lock", e.lock)("reason", name_of(e.reason))("targets", e.targets)
          .flag("whole", e.whole)("by", e.by_user)("note", e.note);
    }
    void operator()(const LockExpiring&) {}
    void operator()(const LockRequested& e) { l.add("LockRequested")("seq", e.seq)(e.ask); }
    void operator()(const LockAnswered& e) {
      l.add("LockAnswered")("seq", e.seq)("wait", e.wait)("answer", e.answer)("reason", e.reason)("by", e.by_user);
      if (e.answer == "deferred") l("until", e.answer_by);
    }
    void operator()(const SessionEnded& e) { l.add("SessionEnded")("reason", name_of(e.reason)); }
    void operator()(const TargetChanged&) {}
    void operator()(const ClockAlarm&) {}
    void operator()(const RunChanged& e) { l.add("RunChanged")(e.run); }
  };
  std::visit(Say{l}, event);
  return l.take();
}

std::vector<std::string> describe(const std::vector<LockEvent>& events) {
  std::map<SessionId, std::vector<std::string>> told;
  std::map<LockId, std::pair<SessionId, std::uint32_t>> positions;
  std::size_t alarms = 0;
  for (const LockEvent& event : events) {
    if (const auto* w = std::get_if<LockWaiting>(&event)) {
      positions[w->wait] = {w->session, w->position};
      continue;
    }
    if (std::holds_alternative<ClockAlarm>(event)) ++alarms;
    std::string text = describe(event);
    if (text.empty()) continue;
    std::visit(
        [&](const auto& e) {
          if constexpr (requires { e.session; }) {
            told[e.session].push_back(std::move(text));
          } else if constexpr (requires { e.run; }) {
            told[SessionId{}].push_back(std::move(text));
          }
        },
        event);
  }
  for (const auto& [wait, at] : positions)
    told[at.first].push_back(describe(LockEvent(LockWaiting{at.first, wait, at.second})));
  std::vector<std::string> lines;
  if (alarms > 0) lines.push_back(std::to_string(alarms) + " alarms of the clock");
  for (const auto& [session, texts] : told) {
    Line l;
    l("to", session);
    for (const std::string& t : texts) l.add("|").add(t);
    lines.push_back(l.take());
  }
  return lines;
}

namespace {

struct SayRun {
  Line& l;
  void by(const Caller& c) {
    l("user", c.user).flag("admin", c.admin).flag("hold", c.hold);
    if (!c.request_id.empty()) l("request_id", c.request_id)("fingerprint", c.fingerprint);
  }
  void operator()(const BeginRun& c) {
    l.add("BeginRun")("session", c.session)("run", c.run)("action", c.action)("bills", c.bills)("wait", c.wait);
    by(c.caller);
  }
  void operator()(const StepRun& c) {
    l.add("StepRun")("run", c.run)("step", c.step);
    by(c.caller);
  }
  void operator()(const FinishRun& c) {
    l.add("FinishRun")("run", c.run);
    for (const RunHold& h : c.places) l("place", h.lock)("on", h.source.text())("owner", h.owner)("rule", h.rule);
    for (const RunRelease& e : c.ends) l("end", e.source.text())("owner", e.owner)("rule", e.rule);
    by(c.caller);
  }
  void operator()(const FailRun& c) {
    l.add("FailRun")("run", c.run)("error", c.error);
    by(c.caller);
  }
  void operator()(const SettleRun& c) { l.add("SettleRun")("run", c.run); }
  void operator()(const GetRun& c) {
    l.add("GetRun")("run", c.run);
    by(c.caller);
  }
};

}  // namespace

std::string describe(const LockCommand& command) {
  Line l;
  struct Say : SayRun {
    using SayRun::operator();
    void operator()(const OpenSession& c) {
      l.add("OpenSession")("session", c.session)("lease", c.lease).flag("service", c.service);
      by(c.caller);
    }
    void operator()(const ResumeSession& c) {
      l.add("ResumeSession")("session", c.session)("secret", c.secret)("next", c.next_secret)("attempt", c.attempt);
      by(c.caller);
    }
    void operator()(const EndSession& c) {
      l.add("EndSession")("session", c.session);
      by(c.caller);
    }
    void operator()(const Heartbeat& c) {
      l.add("Heartbeat")("session", c.session)("idle", c.idle);
      by(c.caller);
    }
    void operator()(const Acquire& c) {
      l.add("Acquire")("session", c.session)("lock", c.lock)("targets", c.targets)("mode", name_of(c.mode))(
          "kind", name_of(c.kind));
      if (!c.owner.empty()) l("owner", c.owner);
      l("ttl", c.ttl)("wait", c.wait);
      for (const auto& [bill, version] : c.if_versions) l(bill, version);
      for (const std::string& action : c.stops) l("stops", action);
      by(c.caller);
    }
    void operator()(const Release& c) {
      l.add("Release")("session", c.session)("lock", c.lock)("token", c.token).flag("all", c.all)("targets", c.targets);
      if (c.holds) l("holds", *c.holds);
      l.flag("exact", c.exact);
      if (!c.owner.empty()) l("owner", c.owner);
      if (c.version) l("version", *c.version);
      by(c.caller);
    }
    void operator()(const Extend& c) {
      l.add("Extend")("session", c.session)("lock", c.lock)("ttl", c.ttl);
      by(c.caller);
    }
    void operator()(const Transfer& c) {
      l.add("Transfer")("session", c.session)("lock", c.lock)("to", c.to_session);
      by(c.caller);
    }
    void operator()(const Force& c) {
      l.add("Force")("lock", c.lock)("reason", c.reason);
      by(c.caller);
    }
    void operator()(const ReleaseAll& c) {
      l.add("ReleaseAll")("session", c.session)("type", c.type);
      by(c.caller);
    }
    void operator()(const Ask& c) {
      l.add("Ask")("session", c.session)("lock", c.lock)("wait", c.wait)("targets", c.targets)("mode", name_of(c.mode))(
          "for", c.wait_for);
      by(c.caller);
    }
    void operator()(const Agree& c) {
      l.add("Agree")("wait", c.wait);
      if (c.version) l("version", *c.version);
      by(c.caller);
    }
    void operator()(const Refuse& c) {
      l.add("Refuse")("wait", c.wait);
      by(c.caller);
    }
    void operator()(const Defer& c) {
      l.add("Defer")("wait", c.wait)("by", c.by);
      by(c.caller);
    }
    void operator()(const CancelWait& c) {
      l.add("CancelWait")("session", c.session)("wait", c.wait);
      by(c.caller);
    }
    void operator()(const TakeOver& c) {
      l.add("TakeOver")("session", c.session)("secret", c.secret);
      by(c.caller);
    }
    void operator()(const Heard& c) {
      l.add("Heard")("session", c.session)("wait", c.wait);
      by(c.caller);
    }
    void operator()(const NodesLiving& c) {
      l.add("NodesLiving");
      for (const Id128& node : c.nodes) l.add(node.text());
    }
    void operator()(const Tick&) { l.add("Tick"); }
    void operator()(const GetLock& c) {
      l.add("GetLock")("lock", c.lock);
      by(c.caller);
    }
    void operator()(const ListLocks& c) {
      l.add("ListLocks")("type", c.type)("of", c.user)("session", c.session)("limit", c.limit)("after", c.after);
      if (c.kind) l("kind", name_of(*c.kind));
      if (!c.run.is_nil()) l("run", c.run);
      by(c.caller);
    }
    void operator()(const Check& c) {
      l.add("Check")("session", c.session)("targets", c.targets)("mode", name_of(c.mode));
      by(c.caller);
    }
    void operator()(const Verify& c) {
      l.add("Verify")("lock", c.lock)("token", c.token)("targets", c.targets)("min_valid", c.min_valid);
      by(c.caller);
    }
    void operator()(const GetSession& c) {
      l.add("GetSession")("session", c.session);
      by(c.caller);
    }
    void operator()(const ListSessions& c) {
      l.add("ListSessions");
      by(c.caller);
    }
    void operator()(const ListAsks& c) {
      l.add("ListAsks");
      by(c.caller);
    }
    void operator()(const ListWaits& c) {
      l.add("ListWaits");
      by(c.caller);
    }
    void operator()(const GetStats&) { l.add("GetStats"); }
  };
  std::visit(Say{{l}}, command);
  return l.take();
}

std::string describe(const History& history) {
  std::string text;
  std::size_t ticks = 0;
  for (std::size_t i = 0; i < history.size(); ++i) {
    const Step& step = history[i];
    const bool tick_follows =
        i + 1 < history.size() && std::holds_alternative<Tick>(history[i + 1].command) && !history[i + 1].restart;
    if (step.restart) text += "    restart\n";
    if (std::holds_alternative<Tick>(step.command) && tick_follows && !step.restart) {
      ++ticks;
      continue;
    }
    if (ticks > 0) text += "    " + std::to_string(ticks) + " ticks\n";
    ticks = 0;
    text += "    at " + std::to_string(to_us(step.clock)) + ": " + describe(step.command) + "\n";
  }
  return text;
}

}  // namespace hf::test
