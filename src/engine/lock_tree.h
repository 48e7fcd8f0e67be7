#pragma once

// LockTree decides who may edit what, for one partition (embedded: one namespace).
//
// A target is a path: type, bill, part, line. Exclusive and shared locks on a target conflict with locks of
// others on the same target, on its ancestors and on its descendants; intention modes on the ancestors make
// that a check of the path alone (Gray et al., "Granularity of Locks", 1976).
//
// The tree is a pure state machine. It reads no clock, does no I/O and starts no thread: the clock's reading comes in
// with each command, news for others goes out as events, and every change goes out as bytes for the journal
// (engine/change.h). Two trees that see the same commands, beside boards that know the same versions, give the same
// outcomes, events and bytes. A tree that recover() feeds with those bytes is in the same state, except that leases
// start anew.
//
// Invariants, checked by check():
//   1. no two parties hold incompatible modes on one path (a session, or a hold's owner, is one party);
//   2. every distinct grant's token is greater than all tokens granted before it;
//   3. every waiting request is blocked by something: nobody waits who could be granted;
//   4. every index and counter equals what the grants and waits say;
//   5. nothing outlives its deadline: each command first sweeps what is due.
//
// Not thread-safe: one owner per tree.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "engine/check_cursor.h"
#include "model/commands.h"

namespace hf {

// Grows with each change of a tree's decisions: nodes that share a log must have the same number (their joins say it).
inline constexpr std::uint32_t rules_version = 3;

// What the catalog may set for a bill type.
struct TypePolicy {
  Millis max_hold{8 * 3600 * 1000};
  Millis idle_takeover{10 * 60 * 1000};
  Millis request_timeout{60 * 1000};
};

struct LockTreeOptions {
  Limits limits;
  // The policy of a type. Called with any type name; must be deterministic.
  std::function<TypePolicy(std::string_view type)> policy = [](std::string_view) { return TypePolicy{}; };
  // The version of a bill that the board beside the tree knows now, for if_versions; deterministic, too. Empty: no
  // board.
  std::function<std::optional<std::uint64_t>(std::string_view bill)> board_version;
  // The life that the version belongs to: a version that a release told in another life does not count. Empty: bills
  // have one life.
  std::function<BillLife(std::string_view bill)> board_life;
};

class LockTree {
 public:
  explicit LockTree(LockTreeOptions options = {});
  ~LockTree();
  LockTree(LockTree&&) noexcept;
  LockTree& operator=(LockTree&&) noexcept;

  // Decides `command` at the clock's reading `clock` and answers it. Appends news for others to `events` and changes to
  // `journal` (none for a query that swept nothing).
  //
  // O(targets × depth) for acquire, release, verify; hand-over costs the waiters of the freed targets; a sweep
  // costs what expires. Unavailable, with nothing changed, if `clock` is outside the years 2024 to 2100.
  LockOutcome apply(const LockCommand& command, Wall clock, std::vector<LockEvent>& events, std::string& journal);

  // Appends the engine's time and last token to `journal`; the committer calls it once for each batch. Without it the
  // journal has them to the second.
  void seal(std::string& journal);

  // Puts back what the journal says: first the folded state, then later batches, in order (engine/change.h).
  // False if a change is malformed: the store is corrupt. REQUIRES: nothing was applied yet.
  bool recover(std::string_view changes);
  // Ends recovery: leases start anew at the engine time last recorded, tokens go on above every token ever given. The
  // store has reserved tokens up to `token_floor` (a restore adds 2^40). False as for recover().
  bool recovered(Wall clock, Token token_floor);

  // Appends the exact state to `out`, as changes for recover(). recovered() recognizes an image: leases go on, tokens
  // are not raised, and from then on both trees give the same answers, byte for byte. O(everything).
  void image(std::string& out) const;

  // Continues as after a restart from the journal, with tokens `by` above the last: for a break in which grants may
  // have been lost unnoticed. False, and nothing changed, if that fails (a defect).
  bool reopen(Wall clock, Token by);

  // Whether TargetChanged events are made; on at first. A node without watchers turns them off.
  void set_watching(bool any) noexcept;

  // Whether there are waits or locks that only one node can answer, which NodesLiving may end.
  bool has_unheard() const noexcept;
  // Every token given so far is <= this.
  Token last_token() const noexcept;
  // Engine time now.
  Instant now() const noexcept;

  // The first invariant found broken, or empty. O(everything); for tests and `holdfast check`.
  std::string check() const;
  // A part of check(): of up to `entities` from `cursor` on, what can be seen without a look at all others. Sets
  // `broken` to the first invariant found broken. Returns how many it looked at. O(entities × (targets + depth)).
  std::size_t check_some(CheckCursor& cursor, std::size_t entities, std::string& broken) const;

 private:
  friend struct LockTreeTamper;  // of tests: breaks what must be found
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hf
