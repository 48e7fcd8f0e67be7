#pragma once

// RunBook knows the runs of one partition: who does what to which bills, how far he is, and how it ended. It belongs to
// a LockTree, which gives it time and takes the locks; a run's deadline is that of its locks.
//
//   locking ──► running ──► done, failed        told by its ERP
//      │           └──────► unknown ──► done     its locks ended before; a bill told with it as its cause settles it
//      └► forgotten         it got no locks
//
// A run ends once: only `unknown` goes on, to `done` or `failed`, because then it is known. A bill that is told while
// the run goes on counts as well: such a run ends `done`, though nobody says so.
//
// Pure: no clock, no I/O. Every change goes out as bytes for the journal (engine/change.h), and the bytes are the whole
// state: a book restored from them goes on as the one that wrote them.
//
// Invariants, checked by check(): 1. the counts by user equal what the runs say; 2. every ended run stands in
// the order in which they are forgotten; 3. a repeat of a request id leads to the run that it began; 4. each run stands
// under its number.
//
// Not thread-safe: the tree's.

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "base/limits.h"
#include "engine/change_codec.h"
#include "model/run.h"

namespace hf {

struct RunRecord {
  RunInfo info;  // without expires_at
  std::uint64_t number = 0;
  std::string request_id;         // that began it
  std::uint64_t fingerprint = 0;  // of that request
  std::string step_id;            // the request id of the newest step
  Instant ended{};
  EndReason reason = EndReason::released;  // unknown: how its locks ended
  bool own_session = false;
  bool told = false;  // a bill was told with it as its cause

  bool is_live() const noexcept { return info.state == RunState::locking || info.state == RunState::running; }
};

class RunBook {
 public:
  explicit RunBook(const Limits& limits) : limits_(limits) {}

  // Null: no such run is known.
  const RunRecord* find(const RunId& run) const;
  // The run that this request of the user began; null: none is known.
  const RunRecord* begun_by(std::string_view user, std::string_view request_id) const;
  // Why the user may begin no run more; nothing: he may.
  std::optional<std::string_view> refuses(std::string_view user, bool service) const;

  // Each writes what it changed to `journal`.
  // REQUIRES: `run` is of a new id, and locking
  const RunRecord& begin(RunRecord run, std::string& journal, const Stamp& stamp);
  // It has its locks. REQUIRES: it is locking
  const RunRecord& start(const RunId& run, Wall at, std::string& journal, const Stamp& stamp);
  // It got no locks: as if it had never been. REQUIRES: it is locking
  void forget(const RunId& run, std::string& journal);
  // REQUIRES: it is running
  const RunRecord& step(const RunId& run, std::string_view step, std::string_view step_id, Wall at,
                        std::string& journal, const Stamp& stamp);
  // REQUIRES: it is running or unknown
  const RunRecord& end(const RunId& run, RunState state, std::string_view error, EndReason reason, Instant now, Wall at,
                       std::string& journal, const Stamp& stamp);
  // A bill was told with it as its cause. True: it is settled by that.
  bool tell(const RunId& run, Wall at, std::string& journal, const Stamp& stamp);
  // Forgets what ended long ago. O(what it forgets).
  void sweep(Instant now, std::string& journal);

  std::size_t live() const noexcept { return live_; }
  bool empty() const noexcept { return runs_.empty(); }
  const RunTally& tally() const noexcept { return tally_; }
  void set_tally(const RunTally& tally) noexcept { tally_ = tally; }

  // All of it, in the order in which the runs began.
  void write(std::string& journal, const Stamp& stamp) const;
  // False: malformed, or it contradicts what was restored before. The order does not matter.
  bool restore(const Id128& key, std::string_view body);

  // The first run whose number is greater: runs are numbered in the order of their beginnings, from 1. Null: none is.
  const RunRecord* after(std::uint64_t number) const;
  // What of one run does not hold, seen without the others; empty: all does.
  std::string check(const RunRecord& run) const;
  // The same of each, and of what all come to.
  std::string check() const;

 private:
  RunRecord& at(const RunId& run);
  void put(const RunRecord& run, std::string& journal, const Stamp& stamp, bool fresh) const;
  void add(RunRecord&& run);
  void assert_counts() const noexcept;
  void erase(const RunId& run, std::string& journal);
  void no_longer_live(const RunRecord& run);
  static std::string key_of(std::string_view user, std::string_view request_id);

  const Limits& limits_;
  boost::unordered_flat_map<RunId, RunRecord, IdHash> runs_;
  std::map<std::uint64_t, RunId> by_number_;
  std::map<std::string, RunId, std::less<>> by_request_;
  std::map<std::string, std::uint32_t, std::less<>> live_by_user_;
  std::set<std::tuple<Instant, std::uint64_t, RunId>> ended_;  // when, and its number
  std::size_t live_ = 0;
  std::uint64_t next_number_ = 1;
  RunTally tally_;
};

}  // namespace hf
