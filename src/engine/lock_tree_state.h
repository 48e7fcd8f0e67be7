#pragma once

// The inside of LockTree: records, indices and the rules that keep them true. Private to src/engine.
//
// Claims. A request's claim is its mode on each target plus the intention mode on every ancestor. A node counts the
// claims held on it by mode (`held`) and by party (`holdings`): a session is a party, the owner of holds is one. A
// request is blocked at a node if some of the claims incompatible with its own are left after subtracting those it is
// exempt from. So a check costs the depth of the targets, whatever the number of locks.
//
// Parties and exemption (docs/locks.md §2): edit and temporary locks never conflict within one session; a hold
// conflicts with everybody except requests that name its owner. Since the exemption must be a subtraction of counts, a
// non-hold that names an owner is also counted under the owner's alias, which is no part of `held`. In the same way a
// hold that names the actions that it stops is counted under an alias of that list: a run passes the lists that do not
// have its action. What passes a hold does not let a later hold pass: that waits for the run's end.
//
// Queue. One order per tree. A wait's claims stand in the queues of all nodes of its paths, by mode. A freed claim
// wakes the waits whose claims it was incompatible with; settle() grants them in order.
//
// Deadlines lie in one heap, stale entries are dropped lazily and compacted when they outnumber the live ones.

#include <algorithm>
#include <array>
#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/change_codec.h"
#include "engine/engine_clock.h"
#include "engine/lock_tree.h"
#include "engine/pool.h"
#include "engine/run_book.h"
#include "model/commands.h"

namespace hf {

using NodeIx = Index;
using GrantIx = Index;
using SessionIx = Index;
using WaitIx = Index;
using Party = std::uint64_t;  // 0: nobody

enum class Claim : std::uint8_t { is, ix, s, x };
using Counts = std::array<std::uint32_t, 4>;

constexpr std::size_t at(Claim c) noexcept { return static_cast<std::size_t>(c); }
// Gray et al. 1976, table 1, without SIX.
constexpr bool compatible(Claim a, Claim b) noexcept {
  constexpr bool table[4][4] = {
      {true, true, true, false}, {true, true, false, false}, {true, false, true, false}, {false, false, false, false}};
  return table[at(a)][at(b)];
}
constexpr Claim direct_claim(Mode mode) noexcept { return mode == Mode::shared ? Claim::s : Claim::x; }
constexpr Claim intent_claim(Mode mode) noexcept { return mode == Mode::shared ? Claim::is : Claim::ix; }
// True if holding `held` on a node makes a claim of `wanted` there nothing new.
constexpr bool covers(Claim held, Claim wanted) noexcept {
  if (held == Claim::x || held == wanted || wanted == Claim::is) return true;
  return false;
}

template <class Vector, class T>
void drop(Vector& from, const T& value) {
  from.erase(std::remove(from.begin(), from.end(), value), from.end());
}

struct TextHash {
  using is_transparent = void;
  using is_avalanching = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

// Who holds how much of one node. Most nodes have one party; a type has many.
class Holdings {
 public:
  const Counts* find(Party party) const noexcept;
  void add(Party party, Claim claim);
  void remove(Party party, Claim claim);
  template <class F>
  void each(F&& f) const {
    if (first_party_ != 0) f(first_party_, first_);
    if (more_) {
      for (const auto& [party, counts] : *more_) f(party, counts);
    }
  }

 private:
  Party first_party_ = 0;
  Counts first_{};
  std::unique_ptr<boost::unordered_flat_map<Party, Counts>> more_;
};

using NodeQueue = std::array<std::map<std::int64_t, WaitIx>, 4>;  // by claim: order -> wait

struct Node {
  std::string text;
  NodeIx parent = no_index, first_child = no_index, last_child = no_index, next = no_index, previous = no_index;
  std::uint32_t claims = 0;  // held and waiting; the node lives while there are any
  Counts held{};
  Holdings holdings;
  boost::container::small_vector<GrantIx, 2> direct;  // grants on this very node, in token order
  std::unique_ptr<NodeQueue> queue;
  std::unique_ptr<TypePolicy> policy;  // of a type
  Level level = Level::type;
};

struct Principal {
  SessionId session;
  std::string user;
  std::string user_name;
  ClientInfo client;
};
using PrincipalPtr = std::shared_ptr<const Principal>;

struct GrantTexts {
  std::string owner, label, reason;
  std::string rule;                // of a hold that a run placed
  std::vector<std::string> stops;  // of a hold: sorted
};

struct TargetRec {
  NodeIx node = no_index;
  Token token = 0;
};

struct GrantRec {
  LockId lock;
  Token token = 0;
  boost::container::small_vector<TargetRec, 1> targets;  // in text order
  PrincipalPtr who;
  std::unique_ptr<GrantTexts> texts;
  Party party = 0;
  Wall acquired_at{};
  Instant own_end = Instant::max();
  Instant max_end = Instant::max();
  std::uint64_t birth = 0;
  std::uint64_t order_slot = 0;
  SessionIx session = no_index;                  // no_index when its session is gone (holds, temporaries)
  GrantIx previous = no_index, next = no_index;  // the session's grants
  std::uint32_t holds = 0;
  std::uint16_t due_stamp = 0;
  Mode mode = Mode::exclusive;
  Kind kind = Kind::edit;
  bool live = false;
};

// The answers kept for repeats of requests, in a ring.
struct Remembered {
  std::uint64_t number = 0;  // counted per ring
  std::uint64_t fingerprint = 0;
  std::string request_id;
  Instant at{};
  LockId lock;                          // an acquire's: what became of it is looked up when it is asked again
  std::optional<Released> released;     // a release's answer: the most common, so it is kept here
  std::unique_ptr<LockOutcome> answer;  // any other; neither: an acquire that was granted or waits
  bool again = false;                   // it was a re-entry
  bool used = false;
};
struct Memory {
  std::vector<Remembered> ring;
  std::vector<std::uint64_t> id_hashes;  // of the ring's entries, close together for the search
  std::uint64_t next = 0;

  // The entry for answer `number` of a ring of `size`, to be filled.
  Remembered& place(std::uint64_t number, std::size_t size, std::uint64_t id_hash) {
    const std::size_t slot = number % size;
    if (ring.size() <= slot) {
      ring.resize(slot + 1);
      id_hashes.resize(slot + 1);
    }
    id_hashes[slot] = id_hash;
    return ring[slot];
  }
};

struct SessionRec {
  SessionId id;
  PrincipalPtr who;
  Secret secret, former;        // the newest, and the one that was last proved
  std::vector<Secret> between;  // told since that one was proved, the oldest first: either may be the one he has
  std::uint64_t attempt = 0;    // the highest that a resume brought
  Party party = 0;
  Millis lease{0};
  Instant lease_end{};
  Instant last_activity{};
  Wall opened_at{};
  std::uint64_t seq = 0;
  std::uint64_t birth = 0;
  std::uint32_t targets_held = 0;
  GrantIx first_grant = no_index, last_grant = no_index;
  boost::container::small_vector<WaitIx, 1> waits;  // queue order is by WaitRec::order
  std::unique_ptr<Memory> memory;
  std::uint16_t due_stamp = 0;
  bool service = false;
  bool warned = false;
  bool live = false;
};

struct AskRec {
  LockId lock;
  std::string message;
  AskState state = AskState::asked;
  std::string answer_reason;
  Instant answer_by{};
  std::vector<std::string> asked;  // users
  std::uint16_t due_stamp = 0;
  bool deferred = false;
};

struct WaitRec {
  LockId id;
  SessionIx session = no_index;
  std::vector<Target> targets;  // in text order
  std::vector<NodeIx> nodes;    // of the targets
  Mode mode = Mode::exclusive;
  Kind kind = Kind::edit;
  std::string owner, label, reason;
  Millis ttl{0};
  std::map<std::string, std::uint64_t> if_versions;
  std::int64_t order = 0;
  Instant until{};
  Wall since{};
  std::uint32_t position = 1;
  std::uint32_t told = 1;
  std::uint64_t birth = 0;
  std::uint64_t visit = 0;
  std::unique_ptr<AskRec> ask;
  std::uint16_t due_stamp = 0;
  bool live = false;
};

struct UserRec {
  boost::container::small_vector<SessionIx, 2> sessions;
  std::vector<WaitIx> asked;  // requests that ask this user
  std::unique_ptr<Memory> memory;
};

struct OwnerParties {
  Party hold = 0;
  Party alias = 0;
  std::uint32_t uses = 0;
  std::vector<WaitIx> waits;  // for holds of this owner
};

// The holds that stop the same actions.
struct StopsParty {
  Party alias = 0;
  std::uint32_t uses = 0;
};

struct EndedRec {
  LockId lock;
  SessionId session;
  EndReason reason = EndReason::released;
  Wall at{};
  Instant when{};
  struct More {
    std::string by, owner;  // who ended it, if another than the holder; a hold's owner
    LockId became;          // of a wait: the older lock that it was granted as
    bool wait = false;      // it was a wait
  };
  std::unique_ptr<const More> more;  // most have none
  EndedInfo info() const { return EndedInfo{reason, at, more ? more->by : std::string()}; }
};

struct KnownVersion {
  std::uint64_t version = 0;
  Instant at{};
  std::uint64_t life = 0;  // of the bill that had the id then
};

// The nodes from the type down to a target; no_index where nothing is claimed yet.
struct Path {
  std::array<NodeIx, 4> node{no_index, no_index, no_index, no_index};
  std::size_t depth = 1;  // levels in use
};

// A request as the conflict rules see it.
struct Want {
  Mode mode = Mode::exclusive;
  Kind kind = Kind::edit;
  SessionIx session = no_index;
  Party party = 0;  // the session's, or the owner's for a hold
  Party exempt =
      0;  // whose claims it does not conflict with, besides its own: the named owner's holds, or, for a hold, the alias
  std::string_view owner;
  std::string_view action;                          // of a run
  const std::vector<std::string>* stops = nullptr;  // of a hold; null: none
  boost::container::small_vector<Party, 2> passes;  // of a run: the aliases of holds that do not stop it
  boost::container::small_vector<Path, 1> paths;
  std::int64_t order = INT64_MAX;
};

struct LockTree::State {
  explicit State(LockTreeOptions o) : options(std::move(o)) {}
  struct Slices;  // lock_tree_check.cpp

  LockTreeOptions options;
  EngineClock clock;
  Token last_token = 0;
  bool watching = true;

  Pool<Node> nodes;
  boost::unordered_flat_map<std::string_view, NodeIx, TextHash, std::equal_to<>> node_by_text;
  Pool<GrantRec> grants;
  boost::unordered_flat_map<LockId, GrantIx, IdHash> grant_by_id;
  std::vector<std::pair<Token, GrantIx>> order;  // token order, no_index where a grant ended
  std::size_t order_dead = 0;
  Pool<SessionRec> sessions;
  boost::unordered_flat_map<SessionId, SessionIx, IdHash> session_by_id;
  boost::unordered_flat_map<Party, SessionIx> session_by_party;
  boost::unordered_flat_map<std::string, UserRec, TextHash, std::equal_to<>> users;
  boost::unordered_flat_map<std::string, OwnerParties, TextHash, std::equal_to<>> owners;
  std::map<std::vector<std::string>, StopsParty> stops_parties;  // by what they stop
  Pool<WaitRec> waits;
  boost::unordered_flat_map<LockId, WaitIx, IdHash> wait_by_id;
  std::int64_t next_order = 1;
  std::int64_t front_order = 0;
  Party next_party = 1;
  std::uint64_t next_birth = 1;
  std::uint64_t visit_mark = 0;

  std::vector<EndedRec> ended;  // a ring
  std::uint64_t ended_next = 0;
  std::uint64_t ended_oldest = 0;
  boost::unordered_flat_map<LockId, std::uint64_t, IdHash> ended_by_id;
  boost::unordered_flat_map<std::string, KnownVersion, TextHash, std::equal_to<>> versions;
  std::deque<std::pair<Instant, std::string>> version_age;
  boost::unordered_flat_map<LockId, Id128, IdHash> unheard;  // waits, and what they became, that only one node can tell
  std::deque<std::pair<Instant, std::string>> user_memory_age;
  RunBook runs{options.limits};

  enum class Due : std::uint8_t { session, grant, wait, ask, session_warning, grant_warning };
  struct DueEntry {
    Instant at;
    std::uint64_t birth;
    Index index;
    Due what;
    std::uint16_t stamp;
  };
  std::vector<DueEntry> due;  // a heap, the earliest on top
  std::size_t due_live = 0;   // entries that are not stale

  Stats stats;
  Instant meta_written{};
  std::uint64_t starts = 0;  // how often this state was recovered and lived on

  // Of the command in hand.
  std::vector<LockEvent>* events = nullptr;
  std::string* journal = nullptr;
  std::string_view actor;
  std::set<std::pair<std::int64_t, WaitIx>> woken;
  std::vector<WaitIx> moved;
  std::vector<SessionId> sessions_over;  // of runs that have ended, or did not begin

  // lock_tree_sessions.cpp
  OutcomeOf<OpenSession> run(const OpenSession& c);
  OutcomeOf<ResumeSession> run(const ResumeSession& c);
  OutcomeOf<TakeOver> run(const TakeOver& c);
  OutcomeOf<EndSession> run(const EndSession& c);
  OutcomeOf<Heartbeat> run(const Heartbeat& c);
  OutcomeOf<Heard> run(const Heard& c);
  OutcomeOf<NodesLiving> run(const NodesLiving& c);
  // lock_tree.cpp: commands
  OutcomeOf<Acquire> run(const Acquire& c);
  OutcomeOf<Release> run(const Release& c);
  OutcomeOf<Extend> run(const Extend& c);
  OutcomeOf<Transfer> run(const Transfer& c);
  OutcomeOf<Force> run(const Force& c);
  OutcomeOf<ReleaseAll> run(const ReleaseAll& c);
  OutcomeOf<Tick> run(const Tick&) { return Done{}; }
  OutcomeOf<Ask> run(const Ask& c);
  OutcomeOf<Agree> run(const Agree& c);
  OutcomeOf<Refuse> run(const Refuse& c);
  OutcomeOf<Defer> run(const Defer& c);
  OutcomeOf<CancelWait> run(const CancelWait& c);
  // lock_tree_runs.cpp
  OutcomeOf<BeginRun> run(const BeginRun& c);
  OutcomeOf<StepRun> run(const StepRun& c);
  OutcomeOf<FinishRun> run(const FinishRun& c);
  OutcomeOf<FailRun> run(const FailRun& c);
  OutcomeOf<SettleRun> run(const SettleRun& c);
  OutcomeOf<GetRun> run(const GetRun& c);
  // lock_tree_query.cpp
  OutcomeOf<GetLock> run(const GetLock& c);
  OutcomeOf<ListLocks> run(const ListLocks& c);
  OutcomeOf<Check> run(const Check& c);
  OutcomeOf<Verify> run(const Verify& c);
  OutcomeOf<GetSession> run(const GetSession& c);      // lock_tree_snapshot.cpp
  OutcomeOf<ListSessions> run(const ListSessions& c);  // the same
  OutcomeOf<ListAsks> run(const ListAsks& c);
  OutcomeOf<ListWaits> run(const ListWaits& c);
  OutcomeOf<GetStats> run(const GetStats& c);

  void assert_counts() const noexcept;  // lock_tree.cpp
  Instant now() const noexcept { return clock.now(); }
  const Limits& limits() const noexcept { return options.limits; }

  // Sessions (lock_tree_sessions.cpp) and deadlines (lock_tree.cpp).
  SessionIx find_session(const SessionId& id, const Caller& caller, Refusal& refusal, bool admin_too = false) const;
  // The session has the name of the newest token that acts for it, and so has all that it holds.
  void follow_name(SessionIx session, const Caller& caller);
  void close_session(SessionIx session, EndReason reason);
  void sweep();
  void schedule(Instant when, Due what, Index index, std::uint64_t birth, std::uint16_t stamp);
  void unschedule() noexcept {
    HF_ASSERT(due_live > 0);
    --due_live;
  }
  bool is_stale(const DueEntry& entry) const;
  void compact_due();
  void schedule_session(SessionIx session);
  SessionIx add_session(const OpenSession& c);  // whoever calls has looked whether it may be opened
  void schedule_grant(GrantIx grant, bool warning_too);
  void fire(const DueEntry& entry);
  Instant end_of(const GrantRec& grant) const;
  std::uint64_t next_seq(SessionIx session) { return ++sessions[session].seq; }

  // Repeats (lock_tree.cpp).
  template <class C>
  OutcomeOf<C> once(SessionIx session, const C& command, OutcomeOf<C> (State::*body)(const C&, SessionIx));
  template <class C>
  OutcomeOf<C> in_session(const C& command, OutcomeOf<C> (State::*body)(const C&, SessionIx));
  std::optional<LockOutcome> recall(SessionIx session, const Caller& caller);
  template <class O>
  void remember(SessionIx session, const Caller& caller, const O& outcome, const LockId* lock);
  void prune_user_memories();
  OutcomeOf<OpenSession> open_session(const OpenSession& c, SessionIx);
  void tell_secret(const OpenSession& c, SessionId opened);
  OutcomeOf<Acquire> acquire(const Acquire& c, SessionIx session);
  OutcomeOf<Release> release(const Release& c, SessionIx session);
  OutcomeOf<Extend> extend(const Extend& c, SessionIx session);
  OutcomeOf<Transfer> transfer(const Transfer& c, SessionIx session);
  OutcomeOf<Force> force(const Force& c, SessionIx);
  OutcomeOf<ReleaseAll> release_all(const ReleaseAll& c, SessionIx session);
  OutcomeOf<EndSession> end_session(const EndSession& c, SessionIx session);
  bool covers_all(const GrantRec& grant, const std::vector<Target>& targets) const;
  OutcomeOf<Ask> ask(const Ask& c, SessionIx session);
  OutcomeOf<Agree> agree(const Agree& c, SessionIx);
  OutcomeOf<Refuse> refuse(const Refuse& c, SessionIx);
  OutcomeOf<Defer> defer(const Defer& c, SessionIx);
  OutcomeOf<CancelWait> cancel_wait(const CancelWait& c, SessionIx session);

  // Granting and ending (lock_tree.cpp).
  struct Details {  // what a grant has besides its claims
    LockId lock;
    std::string_view owner, label, reason;
    Millis ttl{0};
    const std::map<std::string, std::uint64_t>* if_versions = nullptr;
    Id128 node{};  // of a wait that only this node can tell
    std::string_view rule{};
    const std::vector<std::string>* stops = nullptr;  // of a hold: sorted
    PrincipalPtr who{};                               // of a hold that a run places; else its session's
  };
  OutcomeOf<Acquire> grant_now(Want& want, std::span<const Target> targets, const Details& details);
  std::optional<std::uint64_t> known_version(std::string_view bill) const;
  std::optional<Refusal> stale_versions(const std::map<std::string, std::uint64_t>& wanted,
                                        std::map<std::string, std::optional<std::uint64_t>>& known) const;
  GrantIx find_same(const Want& want, std::span<const Target> targets) const;
  Token token_held(Party party, NodeIx node) const;
  // The session holds `node` exclusively under `token` now: what it holds below is written with that one from now on.
  void raise_below(SessionIx session, NodeIx node, Token token);
  Token mint();
  void order_append(GrantIx grant);
  void order_remove(GrantIx grant);
  void link_to_session(GrantIx grant, SessionIx session);
  void move_grant(GrantIx index, SessionIx to, Party alias);
  void unlink_from_session(GrantIx grant);
  void end_grant(GrantIx grant, EndReason reason, std::string_view by_user, std::string_view by_name,
                 std::string_view note, bool tell);
  void drop_targets(GrantIx grant, const std::vector<std::size_t>& which, EndReason reason, std::string_view by_user,
                    std::string_view by_name, std::string_view note, bool tell);
  void remember_ended(EndedRec e);
  std::optional<Refusal> gone(const LockId& lock) const;  // lock_gone, or not_found
  const EndedRec* find_ended(const LockId& lock) const;
  void learn_version(std::string_view bill, std::uint64_t version);
  void target_changed(NodeIx node);
  Grant grant_value(GrantIx grant, NodeIx only = no_index) const;  // `only`: of its targets, this one
  void describe(Grant& value, GrantIx index, NodeIx only) const;
  Granted granted_value(GrantIx grant, bool again) const;

  // Claims (lock_tree_claims.cpp).
  Path path_of(const Target& target) const;
  Path path_of(NodeIx node) const;
  NodeIx touch(const Target& target);
  void drop_node_if_idle(NodeIx node);
  Claim claim_at(const Path& path, std::size_t level, Mode mode) const noexcept {
    return level + 1 == path.depth ? direct_claim(mode) : intent_claim(mode);
  }
  // True if claims of these modes on the two paths are incompatible at a node that both have.
  bool paths_collide(const Path& a, Mode mode_a, const Path& b, Mode mode_b) const noexcept {
    for (std::size_t level = 0;
         level < std::min(a.depth, b.depth) && a.node[level] == b.node[level] && a.node[level] != no_index; ++level) {
      if (!compatible(claim_at(a, level, mode_a), claim_at(b, level, mode_b))) return true;
    }
    return false;
  }
  void hold_claims(NodeIx target, Mode mode, Party party, Party alias);
  void free_claims(NodeIx target, Mode mode, Party party, Party alias);
  Party alias_of(const GrantRec& grant) const;
  OwnerParties& use_owner(std::string_view owner);
  void unuse_owner(std::string_view owner);
  StopsParty& use_stops(const std::vector<std::string>& stops);
  void unuse_stops(const std::vector<std::string>& stops);
  Want want_of(SessionIx session, Kind kind, Mode mode, std::string_view owner) const;
  void let_pass(Want& want, std::string_view action) const;  // the want of a run
  Want want_of(const WaitRec& wait) const;
  std::uint32_t held_in_way(const Want& want, NodeIx node, Claim claim) const;
  bool is_blocked(const Want& want) const;
  bool covered(const Want& want, const Path& path, std::size_t level) const;
  bool owners_exempt(const Want& want, const WaitRec& wait) const;
  bool holds_what_waits(const Want& want, const WaitRec& wait) const;
  bool grant_exempt(const Want& want, const GrantRec& grant) const;
  // Calls f(wait) for each wait before want.order that it must not overtake, until f returns false. Repeats are
  // possible.
  template <class F>
  bool each_wait_in_way(const Want& want, F&& f) const;
  // Calls f(grant, index of its target) for what is held in the way, until f returns false or `steps` nodes were looked
  // at.
  template <class F>
  void each_grant_in_way(const Want& want, std::size_t steps, F&& f) const;
  // The nodes of the want's paths, each once, without targets that lie under another target of it.
  struct Spot {
    NodeIx node;
    Claim claim;
    bool is_target;
  };
  boost::container::small_vector<Spot, 4> spots(const Want& want) const;
  std::uint32_t passed_at(const GrantRec& hold, const Spot& spot) const;
  std::string check_run(const RunRecord& run) const;
  std::string check_runs() const;
  NodeIx shared_with_another(const GrantRec& grant, NodeIx node) const;
  Refusal locked(const Want& want, std::string_view user) const;
  Conflict conflict_of(GrantIx grant, std::size_t target, std::string_view user) const;
  Conflict conflict_of_wait(WaitIx wait, std::string_view user) const;
  std::uint32_t queue_length(NodeIx node) const;
  const TypePolicy& policy_of(NodeIx node) const;
  bool would_deadlock(const Want& want) const;

  // Runs (lock_tree_runs.cpp).
  const RunRecord* run_of(const LockId& lock) const { return runs.find(RunId{lock.value}); }
  SessionIx open_own_session(const BeginRun& c);
  OutcomeOf<BeginRun> run_granted(const RunId& run);
  void run_began(const LockId& lock);                      // it has its locks
  void run_lost(const GrantRec& grant, EndReason reason);  // its locks have ended
  void run_unlocked(const LockId& wait);                   // it waited, and gets none
  void run_over(const RunRecord& record);
  void close_sessions_over();
  void tell_run(const RunRecord& record);
  RunInfo run_value(const RunRecord& record) const;
  const RunRecord* find_run(const RunId& id, const Caller& caller, Refusal& refusal) const;
  Refusal run_gone(const RunRecord& record) const;
  void end_holds(const RunRecord& record, const RunRelease& which);
  std::optional<Grant> place_hold(const RunHold& hold, const PrincipalPtr& who);
  void renew_own_session(const RunRecord& record);
  // Whether something in a run's way lasts longer than an action: an edit lock or a hold.
  bool lasting_in_way(const Want& want) const;
  // Somebody edits or holds it now: runs that wait there look anew.
  void wake_runs_at(const GrantRec& grant);

  // Queue (lock_tree_queue.cpp).
  OutcomeOf<Acquire> enqueue(const Want& want, SessionIx session, std::span<const Target> targets,
                             const Details& details, Millis wait_for, std::unique_ptr<AskRec> ask);
  void insert_in_queue(WaitIx wait);
  void remove_from_queue(WaitIx wait);
  void forget_wait(WaitIx wait);
  void end_wait(WaitIx wait, Refusal why);
  void wait_was(SessionIx session, const LockId& wait, const LockId& became);
  void wake(NodeIx node, Claim freed);
  void wake_waits_of(SessionIx session);
  void wake_waits_of_owner(std::string_view owner);
  void join_owner(WaitIx wait);
  void settle();
  void tell_positions();
  void move_to_front(WaitIx wait);
  bool collide(const WaitRec& a, const WaitRec& b) const;
  bool claims_collide(const WaitRec& a, const WaitRec& b) const;
  void hand_over(WaitIx wait, std::string_view only_user, std::string_view by_user, std::string_view by_name,
                 std::string_view note, std::optional<std::uint64_t> version);
  void answer_ask(WaitIx wait, std::string_view answer, std::string_view reason, std::string_view by_user,
                  std::string_view by_name);
  std::vector<GrantIx> blocking_grants(const WaitRec& wait) const;
  void ask_due(WaitIx wait);
  void forget_ask(WaitIx wait);
  WaitInfo wait_value(WaitIx wait) const;
  AskInfo ask_value(WaitIx wait) const;
  // lock_tree_snapshot.cpp
  class StatePage;
  SessionSnapshot session_head(SessionIx session) const;
  // The session with what fits one answer of so many bytes; `next` says that there is more.
  SessionSnapshot session_whole(SessionIx session, std::size_t bytes_max) const;

  // Journal (lock_tree_journal.cpp).
  Stamp stamp(Action action) const { return Stamp{action, clock.wall(), actor}; }
  void put_session(SessionIx session, Action action, bool fresh);
  void erase_session(SessionIx session, EndReason reason);
  // `dropped`: the targets that it lost with this change.
  void put_grant(GrantIx grant, Action action, bool fresh, std::span<const Target> dropped = {});
  void erase_grant(const GrantRec& grant, EndReason reason, std::string_view note);
  void put_wait(WaitIx wait, Action action, bool fresh);
  void erase_wait(const WaitRec& wait);
  void put_ended(std::uint64_t number);
  void put_memory(SessionIx session, std::string_view user, const Remembered& entry);
  void erase_user_memory(std::string_view user, const Memory& memory);
  void put_version(const std::string& bill, const KnownVersion& known, bool erase);
  void put_unheard(const LockId& wait, const Id128& node);
  void put_stops(const GrantRec& grant);
  void forget_unheard(const LockId& wait);  // if it is one
  void put_meta();
  // lock_tree_image.cpp
  void put_all(std::string& out);
  void put_image();
  void image_users(ByteWriter& w) const;
  bool begin_image(std::string_view body);
  bool end_image(std::string_view body);
  bool end_restoring();
  struct Pending;  // what recover() gathers until recovered()
  std::shared_ptr<Pending> pending;
  bool restore_session(const Id128& key, std::string_view body);
  bool read_stops(const Id128& key, GrantTexts& texts) const;
  bool restore_grant(const Id128& key, std::string_view body);
  std::optional<WaitRec> read_wait(const Id128& key, std::string_view body) const;
  void restore_wait(WaitRec&& restored);
  bool restore_ended();
  enum class Read : std::uint8_t { whole, gone, malformed };
  Read read_answer(ByteReader& r, Remembered& m) const;
  bool restore_memories();
  bool restore_versions();
  void write_grant_head(ByteWriter& w, const GrantRec& grant, std::string_view reason) const;
  void write_wait_head(ByteWriter& w, const WaitRec& wait, std::string_view reason) const;
  bool restore_unheard(const Id128& key, std::string_view body);
};

}  // namespace hf
