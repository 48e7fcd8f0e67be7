#include "tests/redis/redis_subject.h"

#include <algorithm>

#include "property/describe.h"

namespace hf::test {
namespace {

std::string next_name() {
  static std::uint64_t count = 0;
  return "equal" + std::to_string(Loop::now().monotonic.count()) + "-" + std::to_string(++count);
}

class RedisSubject final : public Subject {
 public:
  RedisSubject(const redis::Url& url, const LockTreeOptions& options) {
    NodeOptions node;
    node.url = url;
    node.name = next_name();
    node.tree = options;
    node.clock_of_caller = true;
    node.log_bytes_max = 50'000;
    name_ = node.name;
    node.self = 1;
    a_ = std::make_unique<EngineNode>(loop_, node);
    node.self = 2;
    b_ = std::make_unique<EngineNode>(loop_, node);
    LinkOptions link;
    link.key = redis::Engine::key_of(name_);
    hand_ = RedisLink::open(loop_.loop(), url, link);
  }
  ~RedisSubject() override {
    for (const char* of : {"log", "meta", "nodes", "reports", "members", "audit"})
      hand_->send({"UNLINK", "hf:{" + name_ + "}:" + of}, Millis(1000), [](const Result<redis::Reply>&) {});
  }

  LockOutcome apply(const LockCommand& command, Wall clock, std::vector<LockEvent>& events) override {
    EngineNode& at = ++count_ % 3 == 0 ? *b_ : *a_;
    EngineNode& other = &at == a_.get() ? *b_ : *a_;
    if (!loop_.until([&] { return at.live(); })) return lost("a node does not come to life");
    at.told().all.clear();
    other.told().all.clear();
    const Ticket ticket = at.post(command, 0, clock);
    if (!loop_.until([&] { return at.told().outcome_of(ticket) != nullptr; })) return lost("no answer came");
    const auto told = at.told().events();
    events.insert(events.end(), told.begin(), told.end());
    if (!loop_.until([&] { return other.engine().counters().number >= at.engine().counters().number; }))
      return lost("the other node does not follow");
    if (error_.empty() && describe(other.told().events()) != describe(told))
      error_ = "the nodes tell differently after " + describe(command);
    return *at.told().outcome_of(ticket);
  }

  Restarted restart(Wall clock) override {
    Restarted restarted;
    bool done = false;
    // What is asked next is asked at `clock`.
    a_->engine().submit(0, 0, Tick{}, clock);
    b_->engine().submit(0, 0, Tick{}, clock);
    hand_->send({"HSET", "hf:{" + name_ + "}:meta", "run", "another", "open", "0"}, Millis(1000),
                [&](const Result<redis::Reply>&) { done = true; });
    (void)loop_.until([&] { return done; });
    const std::uint64_t generation = a_->engine().counters().generation;
    a_->reconnect();
    b_->reconnect();
    (void)loop_.until([&] {
      return a_->live() && b_->live() && a_->engine().counters().generation > generation &&
             a_->engine().counters().number == b_->engine().counters().number;
    });
    std::vector<LockEvent> ignored;
    Caller admin;
    admin.admin = true;
    const LockOutcome sessions = apply(ListSessions{admin, 500}, clock, ignored);
    if (const auto* list = std::get_if<SessionList>(&sessions)) {
      for (const SessionSnapshot& s : list->sessions) restarted.seqs.emplace_back(s.session, s.seq);
    }
    const LockOutcome stats = apply(GetStats{}, clock, ignored);
    if (const auto* figures = std::get_if<Stats>(&stats)) restarted.floor = figures->last_token;
    restarted.recorded = a_->engine().time(0);
    restarted.error = error_;
    return restarted;
  }

  std::string check() override {
    if (!error_.empty()) return error_;
    if (std::string broken = a_->engine().check(); !broken.empty()) return broken;
    return b_->engine().check();
  }

 private:
  LockOutcome lost(const char* why) {
    error_ = why;
    return Refusal{.code = Code::unknown_outcome};
  }

  TestLoop loop_;
  std::string name_;
  std::unique_ptr<RedisLink> hand_;
  std::unique_ptr<EngineNode> a_, b_;
  std::uint64_t count_ = 0;
  std::string error_;
};

}  // namespace

std::unique_ptr<Subject> redis_subject(const redis::Url& url, const LockTreeOptions& options) {
  return std::make_unique<RedisSubject>(url, options);
}

}  // namespace hf::test
