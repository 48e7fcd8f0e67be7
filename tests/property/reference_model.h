#pragma once

// ReferenceModel says what a lock engine must answer, in the slowest and plainest way: vectors, loops over all
// grants and all waits, conflicts found by comparing two paths. It is written from the contract (docs/locks.md),
// not from the engine, so that what both get wrong must have been misread twice.
//
// It answers with the same values as LockTree and takes no shortcut that a reader would have to believe: no
// index, no counter that follows the grants, no candidate list. Rule by rule it can be broken (Broken), which
// shows that the comparison would notice.
//
// Not a durable thing: restarted() says what a recovered engine must be like.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/lock_tree.h"
#include "model/commands.h"

namespace hf::test {

// A rule left out on purpose.
enum class Broken {
  nothing,
  shared_beside_exclusive,  // shared does not conflict with exclusive
  part_under_bill,          // a bill's lock does not cover its parts
  queue_order,              // earlier requests are overtaken
  holder_upgrade,           // a holder waits behind those who wait for it
  wake_up,                  // nobody is granted after a release
  token_on_reentry,         // a re-entry takes a new token
  release_counts,           // the first release ends it, whatever was counted
  partial_grant,            // a batch is granted without its last target
  deadlock,                 // cycles are not looked for
  lease_end,                // a session's end frees nothing
  stale_version,            // versions are not compared
  repeat,                   // request ids are not remembered
  hold_owner,               // a hold is exempt for the session that placed it
  defer_twice,              // a second defer moves the deadline again
  pass_holds,               // a run passes every hold that names what it stops
  run_waits_for_edit,       // a run waits for an edit lock, too
  run_outlives_locks,       // a run goes on when its locks have ended
};

class ReferenceModel {
 public:
  struct Session {
    SessionId id;
    std::string user, user_name;
    ClientInfo client;
    Secret proved;             // the secret last used
    std::vector<Secret> told;  // since, the newest last
    std::uint64_t attempt = 0;
    Millis lease{0};
    Instant lease_end{}, last_activity{};
    Wall opened_at{}, last_activity_at{};
    std::uint64_t seq = 0, created = 0;
    bool service = false;
  };
  struct Held {
    Grant grant;
    Instant ttl_end = Instant::max();  // its own time to live
    Instant max_end = Instant::max();  // by its type
    std::uint64_t created = 0;
  };
  struct Waiting {
    Acquire request;
    std::uint64_t created = 0;
    Wall since{};
    Instant deadline{};
    std::uint32_t told = 0;  // the position last told
    bool asking = false;
    LockId asked;
    std::string message, answer_reason;
    AskState state = AskState::asked;
    Instant answer_by = Instant::max();
    std::vector<std::string> asked_users;
  };

  struct Run {
    RunInfo info;
    std::uint64_t number = 0, fingerprint = 0;
    std::string request_id, step_id;
    bool own_session = false, told = false;
    EndReason reason = EndReason::released;
    Instant ended{};
    bool live() const { return info.state == RunState::locking || info.state == RunState::running; }
  };

  explicit ReferenceModel(LockTreeOptions options, Broken broken = Broken::nothing);

  LockOutcome apply(const LockCommand& command, Wall clock, std::vector<LockEvent>& events);
  // What a recovered engine is like: the engine time last recorded, full leases from there, tokens above `floor`.
  void restarted(Wall clock, Instant recorded, Token floor);
  // After a restart a session's events are numbered from anywhere above; false if `seq` is below.
  bool renumbered(SessionId session, std::uint64_t seq);

  const std::vector<Session>& sessions() const { return sessions_; }
  const std::vector<Held>& held() const { return held_; }           // token order
  const std::vector<Waiting>& waiting() const { return waiting_; }  // queue order
  const std::vector<Run>& runs() const { return runs_; }
  Instant now() const { return now_; }
  Token last_token() const { return last_token_; }

 private:
  struct Party {
    Kind kind;
    SessionId session;
    const std::string* owner;
  };
  struct Gone {
    LockId lock;
    EndedInfo info;
    SessionId session;
    std::string owner;
    Kind kind = Kind::edit;
    Instant at{};
    bool was_wait = false;
  };
  struct Became {  // a wait that was granted as a re-entry or an upgrade of another lock
    LockId wait, lock;
    SessionId session;
    Instant at{};
  };
  struct Remembered {
    std::string scope, request_id;
    std::uint64_t fingerprint = 0;
    LockOutcome outcome;
    LockId lock;  // of an acquire or an ask: what became of it decides the answer
    Instant at{};
  };
  struct Known {
    std::uint64_t version = 0;
    Instant at{};
  };

  // The rules of conflict and queue.
  bool clash(const Target& a, Mode am, const Target& b, Mode bm) const;
  static bool same_party(const Party& a, const Party& b);
  static bool exempt(const Party& a, const Party& b);
  static Party party_of(const Grant& grant) { return {grant.kind, grant.session, &grant.owner}; }
  static Party party_of(const Acquire& request) { return {request.kind, request.session, &request.owner}; }
  bool is_same(const Grant& grant, const Acquire& request) const;
  bool re_enters(const Grant& grant, const Acquire& request) const;
  bool upgrades(const Grant& grant, const Acquire& request) const;
  // Whether the request is a run's, and the grant a hold that does not stop it.
  bool passes(const Grant& grant, const Acquire& request) const;
  bool clashes(const Grant& grant, const Acquire& request) const;
  bool covered(const Acquire& request, const Target& mine, const Target& theirs) const;
  bool holds_against(const Acquire& request, const Acquire& waiter) const;
  bool behind(const Acquire& request, const Acquire& waiter) const;
  bool grantable(const Acquire& request, std::size_t earlier) const;
  std::uint32_t position_of(std::size_t index) const;
  bool deadlocks(const Acquire& request) const;
  Refusal locked(const Acquire& request, std::size_t earlier) const;

  // Time.
  void advance(Wall clock);
  // What is older is forgotten, though it lies there still: a restart may take engine time back a little.
  bool remembers(Instant at) const { return now_ - at <= options_.limits.memory_age_max; }
  void sweep();
  void answer_timeout(std::size_t index);

  // Effects.
  std::optional<Refusal> stale(const Acquire& request) const;
  Granted grant(const Acquire& request, const std::string& user, const std::string& name, const ClientInfo& client);
  LockOutcome give(const Acquire& request, const Session& session);
  void settle();
  void raise_below(const Grant& fresh);
  void tell_positions();
  void end(std::size_t index, EndReason reason, const std::string& by = {}, const std::string& note = {},
           const std::string& by_name = {}, bool tell = true);
  bool cut(std::size_t index, const std::vector<Target>& targets, EndReason reason, const std::string& by,
           const std::string& by_name, bool tell, const std::string& note = {});
  std::uint32_t end_session(std::size_t index, EndReason reason);
  void leave_queue(std::size_t index, Refusal why, bool tell);
  void to_front(LockId wait);
  bool hand_over(const Acquire& request, const std::string* user_only, const std::string& by,
                 const std::string& by_name, const std::string& note, std::optional<std::uint64_t> version);
  void learn(const std::vector<HeldTarget>& targets, std::optional<std::uint64_t> version);

  // What things look like.
  Instant deadline_of(const Held& held) const;
  Wall shown(Instant at) const;
  Grant view(const Held& held) const;
  WaitInfo view(std::size_t wait) const;
  AskInfo ask_view(std::size_t wait) const;
  SessionSnapshot snapshot(const Session& session, bool whole) const;
  bool concerns(std::size_t wait, const std::string& user) const;

  Session* find_session(SessionId id);
  const Session* find_session(SessionId id) const;
  std::size_t find_held(LockId lock) const;  // held_.size() if none
  std::size_t find_wait(LockId wait) const;
  const Gone* find_gone(LockId lock) const;
  bool known_gone(LockId lock) const;
  // What ends is forgotten in the order of its end, also where a restart took engine time back a little.
  Instant gone_at() const { return gone_.empty() ? now_ : std::max(now_, gone_.back().at); }
  std::optional<Refusal> session_refusal(const Caller& caller, SessionId session) const;
  Refusal gone_refusal(LockId lock) const;
  std::uint64_t next_seq(SessionId session);
  // The session has the name of the newest token that acted for it, and so has all that it holds.
  void follow_name(const Caller& caller, SessionId session);
  template <class E>
  void tell(E event) {
    events_->emplace_back(std::move(event));
  }

  // Repeats.
  struct RepeatKey {
    const Caller* caller = nullptr;
    std::string scope;
    SessionId session;
    LockId lock;
  };
  static RepeatKey repeat_key(const LockCommand& command);
  std::optional<LockOutcome> repeated(const RepeatKey& key);
  bool session_answers(const RepeatKey& key) const;
  void remember(const RepeatKey& key, const LockOutcome& outcome);

  // Runs. A run, its locks and its wait have one id.
  const Run* find_run(Id128 id) const;
  Run* find_run(Id128 id);
  std::optional<Refusal> run_refusal(const Caller& caller, RunId run) const;
  Refusal run_gone(const Run& run) const;
  bool lasting(const Acquire& request) const;
  LockOutcome begun(const Run& run);
  std::optional<LockOutcome> refuses(const BeginRun& c) const;
  void run_has_locks(LockId lock);
  void run_ends(Run& run, RunState state, EndReason reason, bool is_error);
  void run_gets_nothing(LockId wait);
  RunInfo view(const Run& run) const;
  void close_sessions_over();
  void finish_command();
  std::optional<Grant> place(const RunHold& hold, const Run& run, const Grant& before);

  LockOutcome enqueue(Acquire request, Waiting waiting);
  LockOutcome run(const OpenSession& c);
  void tell_secret(const OpenSession& c, const LockOutcome& before);
  LockOutcome run(const ResumeSession& c);
  LockOutcome run(const TakeOver& c);
  LockOutcome run(const Heard& c);
  LockOutcome run(const NodesLiving& c);
  LockOutcome run(const EndSession& c);
  LockOutcome run(const Heartbeat& c);
  LockOutcome run(const Acquire& c);
  LockOutcome run(const Release& c);
  LockOutcome run(const Extend& c);
  LockOutcome run(const Transfer& c);
  LockOutcome run(const Force& c);
  LockOutcome run(const ReleaseAll& c);
  LockOutcome run(const Ask& c);
  LockOutcome run(const Agree& c);
  LockOutcome run(const Refuse& c);
  LockOutcome run(const Defer& c);
  LockOutcome run(const CancelWait& c);
  LockOutcome run(const Tick& c);
  LockOutcome run(const BeginRun& c);
  LockOutcome run(const StepRun& c);
  LockOutcome run(const FinishRun& c);
  LockOutcome run(const FailRun& c);
  LockOutcome run(const SettleRun& c);
  LockOutcome run(const GetRun& c);
  LockOutcome run(const GetLock& c);
  LockOutcome run(const ListLocks& c);
  LockOutcome run(const Check& c);
  LockOutcome run(const Verify& c);
  LockOutcome run(const GetSession& c);
  LockOutcome run(const ListSessions& c);
  LockOutcome run(const ListAsks& c);
  LockOutcome run(const ListWaits& c);
  LockOutcome run(const GetStats& c);

  LockTreeOptions options_;
  Broken broken_;
  bool started_ = false;
  Wall clock_{};
  Instant now_{};
  Token last_token_ = 0;
  std::uint64_t created_ = 0;
  std::vector<Session> sessions_;
  std::vector<Held> held_;
  std::vector<Waiting> waiting_;
  std::vector<Gone> gone_;
  std::vector<Became> became_;
  std::vector<Remembered> remembered_;
  std::map<std::string, Known, std::less<>> versions_;
  std::map<LockId, Id128> unheard_;  // waits, and what became of them, that only one node can tell
  std::vector<Run> runs_;            // in the order of their beginnings
  std::uint64_t runs_made_ = 0;
  std::vector<SessionId> sessions_over_;
  std::vector<LockEvent>* events_ = nullptr;
};

}  // namespace hf::test
