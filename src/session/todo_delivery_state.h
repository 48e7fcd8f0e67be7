#pragma once

// The inside of TodoDelivery: its tables and the steps between an event and a frame. Private to src/session.
//
//   todo_delivery.cpp   who follows, what is asked for him, what the answers bring him to
//   todo_events.cpp     what the board tells, to the channels and persons whom it concerns
//   todo_frames.cpp     what a connection is told, and when
//
// A Follower is a connection that follows; a Channel is what all have in common who see the same by class.

#include <array>
#include <boost/container/flat_set.hpp>
#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "session/todo_delivery.h"
#include "session/todo_rows.h"

namespace hf::session {

struct TodoDelivery::State {
  struct Channel;

  enum class Stage : std::uint8_t {
    starting,  // what it sees is asked for or about to be: no event concerns it
    fetching,  // counted; pages or changes are asked for
    live
  };
  enum class Next : std::uint8_t { counts, page, changes };

  struct Follower {
    ConnectionId connection = 0;
    Subscription what;
    Channel* channel = nullptr;
    std::uint64_t serial = 0;
    Stage stage = Stage::starting;
    Next next = Next::counts;
    bool begun = false;   // the subscription was answered
    bool joined = false;  // live since the channel's window was opened: with what was true at this offset,
    Offset joined_with = 0;
    std::uint64_t joined_at = 0;  // and at this count of changes that have none
    SnapshotReason reason = SnapshotReason::first;
    std::optional<Micros> held_since;                          // it does not read: what comes next waits
    Cursor has;                                                // what the client has, as the last frame said
    Cursor base;                                               // where the snapshot began
    std::vector<std::uint32_t> pages;                          // groups to fetch, the last one first
    Offset after = 0;                                          // in the last one
    boost::unordered_flat_map<std::uint32_t, Tally> personal;  // beyond the class; none is zero
    TodoWindow window;                                         // of what he sees, or saw, as a person
  };

  struct Channel {
    std::uint64_t id = 0;
    std::string key;
    NamespaceIndex ns = 0;
    AudiencePtr audience;  // of the class
    TodoSelectionPtr selection;
    std::uint64_t serial = 0;
    bool asked = false, counted = false;
    std::vector<Tally> tallies;  // by group
    std::vector<Follower*> followers;
    TodoWindow window;
    bool dirty = false;
    Micros due{0};                           // not flushed before, but by a tick
    Tally edited;                            // of the rows that say who edits them
    std::optional<std::uint64_t> edited_at;  // TodoEditing::edition() then
  };

  // Followers to whom notices to reviewers, roles and departments mean the same.
  struct Circle {
    AudiencePtr one;
    std::vector<Follower*> followers;
  };

  struct Log {
    EpochId epoch;
    Offset last = 0;
  };

  State(const Catalog& c, TodoPort& p, TodoLimits l)
      : catalog(c),
        port(p),
        limits(l),
        editing(l.edited_bills_max),
        writer(c, editing, limits),
        everybody(std::make_shared<const Audience>(c, Claims{.super = true})) {
    const auto& types = catalog.content().types;
    begins.reserve(types.size() + 1);
    for (std::size_t i = 0; i < types.size(); ++i) {
      begins.push_back(static_cast<std::uint32_t>(groups.size()));
      for (std::uint32_t place = 0; place < types[i].groups.size(); ++place) {
        groups.push_back({static_cast<Catalog::Index>(i), place, {}});
      }
    }
  }

  const Catalog& catalog;
  TodoPort& port;
  TodoLimits limits;
  TodoEditing editing;
  TodoRows writer;
  AudiencePtr everybody;              // who sees all, for questions of our own
  std::vector<std::uint32_t> begins;  // by type: its first group among `groups`
  std::vector<GroupTally> groups;     // all of the catalog, by type and place; without tallies
  std::map<ConnectionId, std::unique_ptr<Follower>> followers;
  std::map<std::uint64_t, std::unique_ptr<Channel>> channels;
  boost::unordered_flat_map<std::string, Channel*> channel_by_key;
  boost::unordered_flat_map<std::string, boost::container::small_vector<Follower*, 1>> people;
  std::map<std::string, Circle> circles;  // by what notices ask
  std::map<NamespaceIndex, Log> logs;
  std::deque<std::pair<ConnectionId, std::uint64_t>> line;  // who has a question; with its serial
  std::uint32_t questions = 0;                              // on their way
  std::vector<std::pair<ConnectionId, std::uint64_t>> held;
  std::deque<std::pair<Micros, std::pair<ConnectionId, std::uint64_t>>> digests;
  std::vector<std::pair<Micros, std::pair<ConnectionId, std::uint64_t>>> unproved;  // digests due, and until when
  std::uint64_t next_channel = 1, next_serial = 1, stirs = 0;
  Micros now{0};
  bool any_dirty = false;
  std::string scratch, payload;

  // ---- who follows
  void follow(ConnectionId connection, Subscription&& what, bool begun, SnapshotReason reason);
  bool leave(ConnectionId connection);
  Channel& channel_of(const Subscription& what);
  std::string circle_of(const Follower& f) const;
  void join_circle(Follower& f);
  void leave_circle(Follower& f);
  void track(Follower& f);
  void untrack(Follower& f);
  static std::string person(NamespaceIndex ns, char kind, std::string_view id) {
    return std::to_string(ns).append(1, kind).append(id);
  }
  template <class F>
  void each_tracked(NamespaceIndex ns, char kind, std::string_view id, F&& f) const;
  std::vector<Follower*> concerned(NamespaceIndex ns, const Bill* before, const Bill& after) const;

  // ---- asking
  void restart(Follower& f, SnapshotReason reason);
  void stand_in_line(Follower& f);
  void ask();
  void ask(Follower& f);
  void hold(Follower& f);
  void refused(Follower& f, const Refusal& refusal);

  // ---- answers
  void counted(Channel& c, const StatusOutcome& outcome);
  void counted(Follower& f, const Todo& todo);
  void begin_snapshot(Follower& f, SnapshotReason reason);
  void page(Follower& f, const TodoPage& page);
  void changes(Follower& f, const TodoDiff& diff);
  void go_live(Follower& f, const TodoDiff& diff);

  // ---- events
  void changed(NamespaceIndex ns, const StatusChanged& event);
  void ran(NamespaceIndex ns, const RunTold& event);
  void noticed(NamespaceIndex ns, const Notice& notice);
  void notices_read(NamespaceIndex ns, const NoticesRead& read);
  // Of what is kept elsewhere: who has not begun, or does not read, finds it there.
  bool hears_of_notices(const Follower& f) const {
    return f.begun && f.stage != Stage::starting && port.unsent(f.connection) <= limits.unsent_bytes_max;
  }
  void reset(NamespaceIndex ns, const BoardReset& event);
  void edited(const TodoAsker& asker, const StatusOutcome& outcome);
  std::uint32_t rows_for(const Follower& f, const Bill& bill) const;
  void append_diff(TodoRows::Pieces& to, const Follower& f, const TodoDiff& diff);
  std::vector<BillPtr> edited_for(const Follower& f, const std::vector<BillPtr>& told) const;
  void soil(Channel& c) { any_dirty = c.dirty = true; }
  void flush_if_full(NamespaceIndex ns, const std::vector<Follower*>& told);

  // ---- frames
  std::uint32_t group_of(Catalog::Index type, std::size_t place) const {
    return begins[type] + static_cast<std::uint32_t>(place);
  }
  void merge(TodoRows::Pieces& to, const Follower& f);
  std::vector<GroupTally> counts_of(const Channel& c, const Follower* f,
                                    const boost::container::flat_set<std::uint32_t>& touched) const;
  std::vector<GroupTally> all_counts_of(const Follower& f) const;
  Tally tally_of(const Follower& f, std::uint32_t group) const;
  void tell_frame(Follower& f);  // `scratch`
  void tell_live(Follower& f, const TodoRows::Tail& tail, bool all_editing = false);
  void append_cursor_of(std::string& out, const Follower& f) const;
  void tell_run(Follower& f, const Run& run);
  bool tell_runs(Follower& f, const std::vector<std::string>& texts);
  bool follows_type(const Follower& f, std::string_view name) const;
  bool proves_edited(const Follower& f) const;
  void tell_digest(Follower& f);
  void tell_digests();
  Tally edited_tally_of(const Follower& f);
  // Null: he is gone, or catches up anew.
  Follower* follower(const std::pair<ConnectionId, std::uint64_t>& who) const;
  void flush(Channel& c);
  void flush_all(bool tick);
  Cursor here(const Follower& f) const {
    const Log& log = logs.find(f.what.ns)->second;
    return {log.epoch, f.what.audience->key(), log.last, log.last, false};
  }
};

template <class F>
void TodoDelivery::State::each_tracked(NamespaceIndex ns, char kind, std::string_view id, F&& f) const {
  if (id.empty()) return;
  const auto at = people.find(person(ns, kind, id));
  if (at == people.end()) return;
  for (Follower* follower : at->second) f(*follower);
}

}  // namespace hf::session
