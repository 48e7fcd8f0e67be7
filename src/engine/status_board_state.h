#pragma once

// The inside of StatusBoard: records, indices and the rules that keep them true. Private to src/engine.
//
// A state of a bill is one Bill, shared by the log, the bill's record and its past. `past` has the states that were in
// force at some offset since the floor; it shrinks as the floor rises. All bills lie in one list by the offset of their
// newest state; the bills changed since a cursor are the end of the list.
//
// In the journal every Bill that the board still needs is one entity under its offset, so the log, the board and the
// past are one thing there, too.

#include <algorithm>
#include <array>
#include <boost/container/flat_set.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "engine/change_codec.h"
#include "engine/engine_clock.h"
#include "engine/pool.h"
#include "engine/status_board.h"
#include "engine/status_rows.h"

namespace hf {

struct KeyHash {
  using is_transparent = void;
  using is_avalanching = void;
  std::size_t operator()(std::string_view text) const noexcept;
};
template <class V>
using ByText = boost::unordered_flat_map<std::string, V, KeyHash, std::equal_to<>>;

using BillIx = Index;
using PersonIx = Index;

// Why a person sees a bill that his class does not show him.
enum Bond : std::uint8_t { created, handled, owned, bond_count };

struct Neighbours {
  PersonIx person = no_index;
  BillIx previous = no_index, next = no_index;
};

// States that are no longer the newest, oldest first. Dropping the oldest costs O(1), amortized.
class Past {
 public:
  void push(BillPtr state) { states_.push_back(std::move(state)); }
  void pop() {
    HF_ASSERT(!empty());
    states_[first_++].reset();
    if (first_ * 2 > states_.size()) {
      states_.erase(states_.begin(), states_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
  }
  bool empty() const noexcept { return first_ == states_.size(); }
  std::size_t size() const noexcept { return states_.size() - first_; }
  const BillPtr& operator[](std::size_t i) const noexcept { return states_[first_ + i]; }

 private:
  std::vector<BillPtr> states_;
  std::size_t first_ = 0;
};

struct BillRec {
  BillPtr now;  // null: a free place
  std::unique_ptr<Past> past;
  BillIx newer = no_index, older = no_index;
  std::array<Neighbours, bond_count> links;
};

struct PersonRec {
  std::string id;
  std::array<BillIx, bond_count> first{no_index, no_index, no_index};
  std::uint32_t bills = 0;
};

struct GroupRows {
  OrderedRows rows;
  Tally all;
  ByText<Tally> departments;  // none is zero
};

struct LogEntry {
  BillPtr bill;  // or
  RunPtr run;    // or neither: a resync took it out
  BillIx rec = no_index;
};

// The board has as many bills as it may.
Refusal crowded(std::uint64_t bills_max, std::string field);

// What a run takes of log_bytes_max.
std::size_t bytes_of(const Run& run) noexcept;

struct BatchRec {
  std::uint64_t number = 0;
  std::string id;  // user, 0, batch id
  std::uint64_t fingerprint = 0;
  Instant at{};
  Published answer;
  std::size_t bytes() const noexcept { return id.size() + answer.results.size() * sizeof(PublishResult) + 64; }
};

struct ReadMarks {
  std::uint64_t below = 0;  // every one below is read
  boost::container::flat_set<std::uint64_t> numbers;
  bool has(std::uint64_t number) const { return number < below || numbers.contains(number); }
};

// How a state came into a resync; its offset holds this until it has a place in the log.
enum class Staged : Offset { by_page = 0, published = 1 };

struct ResyncRec {
  std::uint64_t number = 0;
  std::string user, type;
  Instant until{};
  std::vector<BillPtr> staged;
  ByText<std::size_t> places;  // key -> index into `staged`
};

struct StatusBoard::State {
  explicit State(StatusBoardOptions o);
  struct Slices;  // status_check.cpp

  struct RecHash {
    using is_transparent = void;
    using is_avalanching = void;
    const State* s;
    std::size_t operator()(BillIx i) const noexcept { return KeyHash{}(s->bills[i].now->text(Bill::key)); }
    std::size_t operator()(std::string_view key) const noexcept { return KeyHash{}(key); }
  };
  struct RecEqual {
    using is_transparent = void;
    const State* s;
    bool operator()(BillIx a, BillIx b) const noexcept { return a == b; }
    bool operator()(BillIx a, std::string_view b) const noexcept { return s->bills[a].now->text(Bill::key) == b; }
    bool operator()(std::string_view a, BillIx b) const noexcept { return (*this)(b, a); }
  };

  StatusBoardOptions options;
  std::uint64_t catalog_key = 0;  // of what decides which groups a bill is in
  Micros keep_closed{0};
  EngineClock clock;
  Instant meta_written{};
  BoardStats stats;

  EpochId epoch;
  Offset last = 0, floor = 0;
  std::deque<LogEntry> log;  // of floor + 1, floor + 2, …
  std::uint64_t log_bytes = 0;
  std::deque<RunPtr> runs;  // those of the log
  // States that closed a bill, in order. Those that are not the newest of their bill any more are dropped now and then.
  std::deque<std::pair<Offset, BillIx>> closed;
  std::size_t closed_compact_at = 1024;

  Pool<BillRec> bills;
  boost::unordered_flat_set<BillIx, RecHash, RecEqual> by_key;
  ByText<std::uint64_t> bills_by_type;  // how many; none is 0
  BillIx newest = no_index, oldest = no_index;
  std::vector<std::vector<GroupRows>> groups;  // by type, by place
  Pool<PersonRec> people;
  ByText<PersonIx> person_by_id;

  std::deque<BatchRec> batches;
  ByText<std::uint64_t> batch_by_id;
  std::uint64_t next_batch = 1, batch_bytes = 0;

  std::map<std::uint64_t, NoticePtr> notices;
  std::set<std::uint64_t> class_notices;
  ByText<std::set<std::uint64_t>> inboxes;  // "u:…", "e:…"
  std::map<std::string, ReadMarks, std::less<>> readers;
  std::uint64_t next_notice = 1;

  std::map<ResyncId, ResyncRec> resyncs;
  std::uint64_t next_resync = 1;

  std::vector<BoardEvent>* events = nullptr;
  std::string* journal = nullptr;

  void assert_counts() const noexcept;  // status_board.cpp
  Instant now() const noexcept { return clock.now(); }
  const StatusLimits& limits() const noexcept { return options.limits; }
  const Catalog& catalog() const noexcept { return *options.catalog; }

  // status_board.cpp: commands
  OutcomeOf<BeginEpoch> run(const BeginEpoch& c);
  OutcomeOf<Publish> run(const Publish& c);
  OutcomeOf<StatusTick> run(const StatusTick&) { return Done{}; }
  std::optional<Refusal> refuse(const StatusEvent& event, const std::string& where) const;
  std::optional<Refusal> refuse(const RunEvent& event, const std::string& where) const;
  PublishResult log_status(const StatusEvent& event, const Caller& caller);
  PublishResult log_run(const RunEvent& event);
  // Whether there is room for so many new bills, whatever their types.
  bool has_room(std::size_t more) const;
  // Refuses events that bring more bills than the limits allow, and names the first one.
  std::optional<Refusal> refuse_crowd(const std::vector<LogEvent>& new_events) const;
  std::uint64_t bills_of(std::string_view type) const {
    const auto known = bills_by_type.find(type);
    return known == bills_by_type.end() ? 0 : known->second;
  }
  const BatchRec* find_batch(std::string_view id) const;
  void remember(std::string id, std::uint64_t fingerprint, const Published& answer);
  void drop_batch();
  void sweep();
  bool sweep_closed();
  void reset(const EpochId& next, std::string why);
  // status_resync.cpp
  OutcomeOf<OpenResync> run(const OpenResync& c);
  OutcomeOf<ResyncPage> run(const ResyncPage& c);
  OutcomeOf<CommitResync> run(const CommitResync& c);
  OutcomeOf<DropResync> run(const DropResync& c);
  // A resync puts its bills in the place of its type's.
  std::uint64_t resync_bills_max() const { return std::min(limits().resync_bills_max, limits().bills_per_type_max); }
  ResyncRec* find_resync(const ResyncId& id, const Caller& caller);
  void stage(ResyncRec& resync, const StatusEvent& event, Staged how);
  void drop_resync(const ResyncId& id);
  // status_notices.cpp
  OutcomeOf<ReadNotices> run(const ReadNotices& c);
  OutcomeOf<ListNotices> run(const ListNotices& c);
  void notify(const BillPtr& bill);
  void file_notice(const NoticePtr& notice);
  void unread(const NoticePtr& notice, const std::string& person);
  void drop_notice(std::uint64_t number);
  void forget_readers();
  // status_query.cpp
  OutcomeOf<GetStatus> run(const GetStatus& c);
  OutcomeOf<GetHistory> run(const GetHistory& c);
  OutcomeOf<GetTodo> run(const GetTodo& c);
  OutcomeOf<GetTodoPage> run(const GetTodoPage& c);
  OutcomeOf<GetTodoDiff> run(const GetTodoDiff& c);
  const Bill* seen(const Audience& audience, std::string_view type, std::string_view id) const;
  BillIx told(const Audience& audience, std::string_view type, std::string_view id) const;
  static const BillPtr& state_of(const BillRec& rec, std::size_t n);
  static BillFacts facts_of(const BillRec& rec, std::size_t n);
  static std::size_t oldest_told(const Audience& audience, const BillRec& rec);
  BillIx changed_after(Offset through) const;
  void difference(const Audience& audience, const Cursor& cursor, const BillRec& rec, TodoDiff& into) const;
  // Calls f(index) for each bill that the audience sees as a person but not by class, once.
  template <class F>
  void each_personal(const Audience& audience, F&& f) const;

  // status_index.cpp
  BillIx find(std::string_view key) const;
  bool on_board(const Bill& bill) const {
    return !bill.stamp().deleted && !bill.stamp().left &&
           !(bill.closed() && now() - bill.stamp().logged >= keep_closed);
  }
  // Makes `state` the newest of its bill and the last of the log. The caller writes to `journal` and `events`.
  BillIx install(const BillPtr& state);
  void note_closed(BillIx bill);
  bool is_newest(const std::pair<Offset, BillIx>& entry) const {
    return bills[entry.second].now && bills[entry.second].now->offset() == entry.first;
  }
  void append(LogEntry entry);
  void index(BillIx bill, const Bill* before, const Bill* after);
  void link_newest(BillIx bill);
  void unlink_changed(BillIx bill);
  void bond(BillIx bill, Bond how, std::string_view person);
  void unbond(BillIx bill, Bond how);
  void remove_bill(BillIx bill);  // and what the journal has of it
  void drop_past(BillRec& rec);
  bool trim();  // drops the oldest log entry if it must go
  static Tally tally_of(const Bill& bill, std::string_view group) {
    return row_tally(bill.text(Bill::key), group, bill.version());
  }
  std::string_view group_name(Catalog::Index type, std::size_t place) const;

  // status_journal.cpp
  void put_meta(bool exact);
  void put_bill(const Bill& bill);
  void put_run(const Run& run);
  void put_batch(const BatchRec& batch);
  void put_notice(const Notice& notice, bool fresh);
  void put_reader(const std::string& user, const ReadMarks& marks);
  void erase_reader(const std::string& user);
  void put_resync(const ResyncId& id, const ResyncRec& resync, bool fresh);
  void put_staged(const ResyncRec& resync, std::size_t place, bool fresh);
  void erase(Entity entity, const Id128& key);
  void put_all(std::string& out);
  bool restore_meta(std::string_view body);
  struct Pending;
  std::shared_ptr<Pending> pending;
};

}  // namespace hf
