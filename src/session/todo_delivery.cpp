#include "session/todo_delivery.h"

#include <algorithm>

#include "base/assert.h"
#include "session/todo_digest.h"
#include "wire/batch_frame.h"
#include "wire/json_writer.h"

namespace hf::session {

// ---------------------------------------------------------------------------------------------- the inside

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
  // The pieces of a frame, without brackets.
  struct Pieces {
    std::string upsert, remove;
  };

  // The end of a frame, behind the cursor.
  struct Tail {
    std::string text;
    std::string deflated;  // the same, if it is large
  };

  State(const Catalog& c, TodoPort& p, TodoLimits l)
      : catalog(c),
        port(p),
        limits(l),
        editing(l.edited_bills_max),
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
  boost::unordered_flat_map<const Bill*, std::string> written;  // members of rows, within one flush
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
  void append_diff(Pieces& to, const Follower& f, const TodoDiff& diff);
  std::vector<BillPtr> edited_for(const Follower& f, const std::vector<BillPtr>& told) const;
  void soil(Channel& c) { any_dirty = c.dirty = true; }
  void flush_if_full(NamespaceIndex ns, const std::vector<Follower*>& told);

  // ---- frames
  std::uint32_t group_of(Catalog::Index type, std::size_t place) const {
    return begins[type] + static_cast<std::uint32_t>(place);
  }
  const std::string& members_of(NamespaceIndex ns, const Bill& bill);
  void upsert(Pieces& to, NamespaceIndex ns, const Bill& bill, std::uint32_t rows);
  void remove(Pieces& to, const Removal& removal, std::uint32_t rows, const Audience& audience);
  void write(Pieces& to, NamespaceIndex ns, const TodoWindow::Change& change, const Audience& audience,
             const TodoSelection& selection);
  void merge(Pieces& to, const Follower& f);
  void append_tail(std::string& out, const Pieces& pieces, const std::vector<GroupTally>& counts);
  Tail tail_of(const Pieces& pieces, const std::vector<GroupTally>& counts);
  std::vector<GroupTally> counts_of(const Channel& c, const Follower* f,
                                    const boost::container::flat_set<std::uint32_t>& touched) const;
  std::vector<GroupTally> all_counts_of(const Follower& f) const;
  Tally tally_of(const Follower& f, std::uint32_t group) const;
  void tell_frame(Follower& f);  // `scratch`
  void tell_live(Follower& f, const Tail& tail, bool all_editing = false);
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

// ---------------------------------------------------------------------------------------------- who follows

TodoDelivery::State::Channel& TodoDelivery::State::channel_of(const Subscription& what) {
  std::string key = std::to_string(what.ns);
  key.append(1, '.').append(std::to_string(what.audience->class_key()));
  key.append(1, '.').append(std::to_string(what.selection->key));
  if (const auto known = channel_by_key.find(key); known != channel_by_key.end()) return *known->second;
  auto made = std::make_unique<Channel>();
  Channel& c = *made;
  c.id = next_channel++;
  c.key = key;
  c.ns = what.ns;
  c.audience = what.audience_class;
  c.selection = what.selection;
  c.serial = next_serial++;
  c.tallies.resize(groups.size());
  channel_by_key.emplace(std::move(key), &c);
  channels.emplace(c.id, std::move(made));
  return c;
}

void TodoDelivery::State::follow(ConnectionId connection, Subscription&& what, bool begun, SnapshotReason reason) {
  leave(connection);
  auto made = std::make_unique<Follower>();
  Follower& f = *made;
  f.connection = connection;
  f.what = std::move(what);
  f.begun = begun;
  f.reason = reason;
  f.channel = &channel_of(f.what);
  f.channel->followers.push_back(&f);
  join_circle(f);
  followers.emplace(connection, std::move(made));
  stand_in_line(f);
}

bool TodoDelivery::State::leave(ConnectionId connection) {
  const auto found = followers.find(connection);
  if (found == followers.end()) return false;
  Follower& f = *found->second;
  untrack(f);
  leave_circle(f);
  Channel& c = *f.channel;
  std::erase(c.followers, &f);
  if (c.followers.empty()) {
    channel_by_key.erase(c.key);
    channels.erase(c.id);
  }
  followers.erase(found);
  return true;
}

std::string TodoDelivery::State::circle_of(const Follower& f) const {
  const Audience& who = *f.what.audience;
  std::string key = std::to_string(f.what.ns);
  key.push_back('.');
  for (Catalog::Index type = 0; type < begins.size(); ++type) key.push_back(who.reviews(type) ? 'r' : '-');
  for (const auto& role : catalog.content().roles) key.push_back(who.has_role(role.name) ? 'h' : '-');
  for (const std::string& department : who.departments()) key.append(1, '\x1e').append(department);
  return key;
}

void TodoDelivery::State::join_circle(Follower& f) {
  Circle& circle = circles[circle_of(f)];
  circle.one = f.what.audience;
  circle.followers.push_back(&f);
}

void TodoDelivery::State::leave_circle(Follower& f) {
  const auto at = circles.find(circle_of(f));
  std::erase(at->second.followers, &f);
  if (at->second.followers.empty()) circles.erase(at);
}

void TodoDelivery::State::track(Follower& f) {
  people[person(f.what.ns, 'u', f.what.audience->user())].push_back(&f);
  people[person(f.what.ns, 'e', f.what.audience->employee())].push_back(&f);
  f.stage = Stage::fetching;
}

void TodoDelivery::State::untrack(Follower& f) {
  if (f.stage == Stage::starting) return;
  f.stage = Stage::starting;
  for (const auto& key :
       {person(f.what.ns, 'u', f.what.audience->user()), person(f.what.ns, 'e', f.what.audience->employee())}) {
    const auto at = people.find(key);
    at->second.erase(std::remove(at->second.begin(), at->second.end(), &f), at->second.end());
    if (at->second.empty()) people.erase(at);
  }
}

template <class F>
void TodoDelivery::State::each_tracked(NamespaceIndex ns, char kind, std::string_view id, F&& f) const {
  if (id.empty()) return;
  const auto at = people.find(person(ns, kind, id));
  if (at == people.end()) return;
  for (Follower* follower : at->second) f(*follower);
}

// Those to whom the bill is, or was, more than a bill of their class; by connection.
std::vector<TodoDelivery::State::Follower*> TodoDelivery::State::concerned(NamespaceIndex ns, const Bill* before,
                                                                           const Bill& after) const {
  std::vector<Follower*> found;
  if (people.empty()) return found;
  const auto add = [&](Follower& f) { found.push_back(&f); };
  for (const Bill* bill : {before, &after}) {
    if (bill == nullptr) continue;
    each_tracked(ns, 'u', bill->text(Bill::creator), add);
    each_tracked(ns, 'u', bill->text(Bill::handler), add);
    each_tracked(ns, 'e', bill->text(Bill::owner), add);
  }
  std::ranges::sort(found, {}, &Follower::connection);
  found.erase(std::ranges::unique(found).begin(), found.end());
  return found;
}

// ---------------------------------------------------------------------------------------------- asking

void TodoDelivery::State::restart(Follower& f, SnapshotReason reason) {
  untrack(f);
  f.reason = reason;
  f.what.cursor.reset();
  f.next = Next::counts;
  f.joined = false;
  f.held_since.reset();
  f.personal.clear();
  f.window.clear();
  f.pages.clear();
  stand_in_line(f);
}

void TodoDelivery::State::stand_in_line(Follower& f) {
  f.serial = next_serial++;
  if (f.begun && port.unsent(f.connection) > limits.unsent_bytes_max) return hold(f);
  line.emplace_back(f.connection, f.serial);
  ask();
}

void TodoDelivery::State::hold(Follower& f) {
  if (!f.held_since) f.held_since = now;
  held.emplace_back(f.connection, f.serial);
}

void TodoDelivery::State::ask() {
  while (questions < limits.questions_max && !line.empty()) {
    const auto [connection, serial] = line.front();
    line.pop_front();
    const auto found = followers.find(connection);
    if (found != followers.end() && found->second->serial == serial) ask(*found->second);
  }
}

void TodoDelivery::State::ask(Follower& f) {
  const TodoAsker asker{TodoAsker::Kind::follower, f.connection, f.serial};
  ++questions;
  switch (f.next) {
    case Next::counts:
      if (Channel& c = *f.channel; !c.asked) {
        c.asked = true;
        port.ask(c.ns, {TodoAsker::Kind::channel, c.id, c.serial}, GetTodo{c.audience});
      }
      return port.ask(f.what.ns, asker, GetTodo{f.what.audience});
    case Next::page: {
      const GroupTally& group = groups[f.pages.back()];
      return port.ask(f.what.ns, asker,
                      GetTodoPage{f.what.audience, group.type, group.group, f.after, limits.rows_per_page});
    }
    case Next::changes: return port.ask(f.what.ns, asker, GetTodoDiff{f.what.audience, f.has, limits.rows_per_page});
  }
}

void TodoDelivery::State::refused(Follower& f, const Refusal& refusal) {
  const ConnectionId connection = f.connection;
  const bool begun = f.begun;
  leave(connection);
  if (begun) {
    port.end(connection, TodoPort::End::lost);
  } else {
    port.refused(connection, refusal);
  }
}

// ---------------------------------------------------------------------------------------------- answers

void TodoDelivery::State::counted(Channel& c, const StatusOutcome& outcome) {
  const Todo* const todo = std::get_if<Todo>(&outcome);
  if (todo == nullptr) {
    c.asked = false;  // the next follower asks again
    return;
  }
  for (const GroupTally& group : todo->groups) {
    if (c.selection->counted[group.type]) c.tallies[group_of(group.type, group.group)] = group.tally;
  }
  c.counted = true;
}

void TodoDelivery::State::counted(Follower& f, const Todo& todo) {
  Channel& c = *f.channel;
  if (!c.counted) return refused(f, Refusal{.code = Code::unavailable});
  logs[f.what.ns] = {todo.cursor.epoch, todo.cursor.through};
  for (const GroupTally& all : todo.groups) {
    if (!c.selection->counted[all.type]) continue;
    const std::uint32_t group = group_of(all.type, all.group);
    Tally beyond = all.tally;
    subtract(beyond, c.tallies[group]);
    if (beyond != Tally{}) f.personal[group] = beyond;
    const bool told = ((c.selection->rows[all.type] >> all.group) & 1) != 0;
    if (told && all.tally.rows != 0) f.pages.push_back(group);
  }
  std::ranges::reverse(f.pages);
  track(f);
  f.base = todo.cursor;
  if (!f.what.cursor) return begin_snapshot(f, f.reason);
  f.has = f.what.cursor->place;
  f.next = Next::changes;
  // Rows of groups that were not subscribed then are not known to the client.
  if (f.what.cursor->selection != c.selection->key) return begin_snapshot(f, SnapshotReason::first);
  stand_in_line(f);
}

void TodoDelivery::State::begin_snapshot(Follower& f, SnapshotReason reason) {
  if (!f.begun) port.begun(f.connection, reason);
  f.begun = true;
  scratch.clear();
  JsonWriter w(scratch);
  w.begin_object().field("event", "todo.page").field("reason", name_of(reason)).key("counts").raw("");
  append_counts(scratch, all_counts_of(f), catalog);
  w.end_object();
  port.tell(f.connection, scratch);
  f.has = f.base;
  f.after = 0;
  f.next = f.pages.empty() ? Next::changes : Next::page;
  stand_in_line(f);
}

void TodoDelivery::State::page(Follower& f, const TodoPage& page) {
  const GroupTally& group = groups[f.pages.back()];
  if (!page.bills.empty()) {
    Pieces pieces;
    for (const BillPtr& bill : page.bills) upsert(pieces, f.what.ns, *bill, std::uint32_t{1} << group.group);
    scratch.assign(R"({"event":"todo.page")");
    append_tail(scratch, pieces, {});
    tell_frame(f);
  }
  f.after = page.next;
  if (page.next == 0) f.pages.pop_back();
  f.next = f.pages.empty() ? Next::changes : Next::page;
  stand_in_line(f);
}

void TodoDelivery::State::changes(Follower& f, const TodoDiff& diff) {
  if (diff.snapshot != SnapshotReason::none) {
    // Only before the first frame are the counts as fresh as the snapshot must be.
    return f.begun ? restart(f, diff.snapshot) : begin_snapshot(f, diff.snapshot);
  }
  if (!f.begun) port.begun(f.connection, SnapshotReason::none);
  f.begun = true;
  f.pages.clear();
  f.has = diff.cursor;
  if (!diff.more) return go_live(f, diff);
  scratch.assign(R"({"event":"todo.page","cursor":")");
  append_cursor_of(scratch, f);
  scratch.push_back('"');
  Pieces pieces;
  append_diff(pieces, f, diff);
  append_tail(scratch, pieces, {});
  tell_frame(f);
  stand_in_line(f);
}

// Of the bill's rows those that he sees and has subscribed.
std::uint32_t TodoDelivery::State::rows_for(const Follower& f, const Bill& bill) const {
  return bill.rows(*f.what.audience) & f.channel->selection->rows[bill.type_index()];
}

void TodoDelivery::State::append_diff(Pieces& to, const Follower& f, const TodoDiff& diff) {
  for (const BillPtr& bill : diff.changed) upsert(to, f.what.ns, *bill, rows_for(f, *bill));
  for (const Removal& removal : diff.removed)
    remove(to, removal, removal.groups & f.channel->selection->rows[removal.by->type_index()], *f.what.audience);
}

void TodoDelivery::State::go_live(Follower& f, const TodoDiff& diff) {
  f.stage = Stage::live;
  f.joined = true;
  f.held_since.reset();
  f.serial = next_serial++;
  Pieces pieces;
  append_diff(pieces, f, diff);
  editing.said_all(f.what.ns);
  const std::vector<BillPtr> edited = edited_for(f, diff.changed);
  std::size_t next = 0;
  const auto append_some = [&] {
    for (const std::size_t end = next + limits.bills_per_frame_max; next < edited.size() && next < end; ++next)
      upsert(pieces, f.what.ns, *edited[next], rows_for(f, *edited[next]));
  };
  append_some();
  for (const RunPtr& run : diff.runs) {
    if (follows_type(f, run->event.type) || run->event.actor.user == f.what.audience->user()) tell_run(f, *run);
  }
  tell_live(f, tail_of(pieces, all_counts_of(f)), true);
  while (next < edited.size()) {
    pieces = {};
    append_some();
    tell_live(f, tail_of(pieces, {}));
  }
  f.joined_with = f.has.since;
  f.joined_at = stirs;
  tell_digest(f);
  digests.push_back({now + limits.digest_every, {f.connection, f.serial}});
}

// ---------------------------------------------------------------------------------------------- events

void TodoDelivery::State::changed(NamespaceIndex ns, const StatusChanged& event) {
  const Bill& after = *event.after;
  const Bill* const before = event.before.get();
  if (const auto log = logs.find(ns); log != logs.end()) log->second.last = after.offset();
  const Catalog::Index type = after.type_index();
  if (type >= begins.size()) return;
  const std::uint32_t was = before != nullptr ? before->groups() : 0;
  const std::uint32_t is = after.groups();
  if ((was | is) == 0) return;
  std::array<Tally, catalog::groups_per_type_max> minus, plus;
  for (std::uint32_t place = 0; ((was | is) >> place) != 0; ++place) {
    const std::string_view name = ((was | is) >> place & 1) != 0 ? group_name(catalog, type, place) : "";
    if ((was >> place & 1) != 0) minus[place] = row_tally(before->text(Bill::key), name, before->version());
    if ((is >> place & 1) != 0) plus[place] = row_tally(after.text(Bill::key), name, after.version());
  }
  const auto count = [&](std::uint32_t had, std::uint32_t has, TodoWindow& window, auto&& tally) {
    for (std::uint32_t place = 0; ((had | has) >> place) != 0; ++place) {
      if (((had | has) >> place & 1) == 0) continue;
      const std::uint32_t group = group_of(type, place);
      Tally& sum = tally(group);
      if ((had >> place & 1) != 0) subtract(sum, minus[place]);
      if ((has >> place & 1) != 0) add(sum, plus[place]);
      window.touch(group);
    }
  };
  for (const auto& [id, channel] : channels) {
    Channel& c = *channel;
    if (c.ns != ns || !c.counted || !c.selection->counted[type]) continue;
    const std::uint32_t had = was != 0 && c.audience->sees_by_class(before->facts()) ? was : 0;
    const std::uint32_t has = is != 0 && c.audience->sees_by_class(after.facts()) ? is : 0;
    if ((had | has) == 0) continue;
    count(had, has, c.window, [&](std::uint32_t group) -> Tally& { return c.tallies[group]; });
    c.window.note(event.before, event.after, had, has);
    soil(c);
  }
  const std::vector<Follower*> persons = concerned(ns, before, after);
  for (Follower* const f : persons) {
    const Audience& who = *f->what.audience;
    if (!f->channel->selection->counted[type]) continue;
    const bool saw = before != nullptr && visible(who, before->facts());
    const bool sees = visible(who, after.facts());
    const std::uint32_t had = saw && !who.sees_by_class(before->facts()) ? was : 0;
    const std::uint32_t has = sees && !who.sees_by_class(after.facts()) ? is : 0;
    // His class is told less of what it ceases to see than he may know.
    const bool knows_more =
        was != 0 && saw && sees && who.sees_by_class(before->facts()) && !who.sees_by_class(after.facts());
    if ((had | has) == 0 && !knows_more) continue;
    count(had, has, f->window, [&](std::uint32_t group) -> Tally& { return f->personal[group]; });
    for (std::uint32_t place = 0; ((had | has) >> place) != 0; ++place) {
      const auto at = f->personal.find(group_of(type, place));
      if (at != f->personal.end() && at->second == Tally{}) f->personal.erase(at);
    }
    if (f->stage != Stage::live) {
      f->window.clear();  // it will ask for what has changed
      continue;
    }
    f->window.note(event.before, event.after, saw ? was : 0, sees ? is : 0);
    soil(*f->channel);
  }
  flush_if_full(ns, persons);
}

// After an event has been noted for everybody: so that rows and counts of each frame agree.
void TodoDelivery::State::flush_if_full(NamespaceIndex ns, const std::vector<Follower*>& told) {
  const auto full = [&](const TodoWindow& w) {
    return w.changes().size() + w.runs().size() >= limits.bills_per_frame_max;
  };
  for (const auto& [id, channel] : channels) {
    if (channel->ns == ns && full(channel->window)) flush(*channel);
  }
  for (Follower* const f : told) {
    if (full(f->window)) flush(*f->channel);
  }
  written.clear();  // its bills may be gone
}

void TodoDelivery::State::ran(NamespaceIndex ns, const RunTold& event) {
  const Run& run = *event.run;
  if (const auto log = logs.find(ns); log != logs.end()) log->second.last = run.offset;
  const Bill* const bill = event.bill.get();
  const bool typed = bill != nullptr && bill->type_index() < begins.size();
  const auto by_class = [&](const Channel& c) {
    return typed && c.selection->counted[bill->type_index()] && c.audience->sees_by_class(bill->facts());
  };
  for (const auto& [id, channel] : channels) {
    Channel& c = *channel;
    if (c.ns != ns || !c.counted || !by_class(c)) continue;
    c.window.note(event.run);
    soil(c);
  }
  std::vector<Follower*> told;
  if (typed) told = concerned(ns, nullptr, *bill);
  each_tracked(ns, 'u', run.event.actor.user, [&](Follower& f) { told.push_back(&f); });
  const std::string key = std::string(run.event.type).append(1, ':').append(run.event.id);
  const TodoEditing::Editor* const editor = editing.find(ns, key);
  const std::string holder = editor != nullptr ? editor->user : std::string();
  each_tracked(ns, 'u', holder, [&](Follower& f) { told.push_back(&f); });
  std::ranges::sort(told, {}, &Follower::connection);
  told.erase(std::ranges::unique(told).begin(), told.end());
  for (Follower* const f : told) {
    if (f->stage != Stage::live || by_class(*f->channel)) continue;
    const bool sees =
        typed && f->channel->selection->counted[bill->type_index()] && visible(*f->what.audience, bill->facts());
    const std::string& user = f->what.audience->user();
    if (!sees && user != run.event.actor.user && user != holder) continue;
    f->window.note(event.run);
    soil(*f->channel);
  }
  flush_if_full(ns, told);
}

// Somebody else edits the bill now, or nobody: its rows are told again as they are.
void TodoDelivery::State::edited(const TodoAsker& asker, const StatusOutcome& outcome) {
  const auto ns = static_cast<NamespaceIndex>(asker.id);
  const auto* const refusal = std::get_if<Refusal>(&outcome);
  if (refusal != nullptr && refusal->code != Code::not_found) return editing.put_back(asker.serial);
  const auto* const found = std::get_if<StatusFound>(&outcome);
  editing.answered(asker.serial, found != nullptr ? found->bill : nullptr);
  if (found == nullptr) return;  // what is not on the board has no rows
  const BillPtr& bill = found->bill;
  ++stirs;
  const Catalog::Index type = bill->type_index();
  const std::uint32_t rows = bill->groups();
  if (type >= begins.size() || rows == 0) return;
  const BillFacts facts = bill->facts();
  for (const auto& [id, channel] : channels) {
    Channel& c = *channel;
    if (c.ns != ns || !c.counted || !c.selection->counted[type] || !c.audience->sees_by_class(facts)) continue;
    c.window.note(bill, bill, rows, rows, stirs);
    soil(c);
  }
  const std::vector<Follower*> persons = concerned(ns, nullptr, *bill);
  for (Follower* const f : persons) {
    const Audience& who = *f->what.audience;
    if (f->stage != Stage::live || !f->channel->selection->counted[type]) continue;
    if (!visible(who, facts) || who.sees_by_class(facts)) continue;
    f->window.note(bill, bill, rows, rows, stirs);
    soil(*f->channel);
  }
  flush_if_full(ns, persons);
}

// All bills that are edited and shown to him, but those in `told`: what the client knew of others is void.
std::vector<BillPtr> TodoDelivery::State::edited_for(const Follower& f, const std::vector<BillPtr>& told) const {
  std::vector<const Bill*> known;
  for (const BillPtr& bill : told) known.push_back(bill.get());
  std::ranges::sort(known);
  std::vector<BillPtr> edited;
  editing.each(f.what.ns, [&](const BillPtr& bill, const TodoEditing::Editor&) {
    if (bill->type_index() >= begins.size()) return;
    if (rows_for(f, *bill) != 0 && !std::ranges::binary_search(known, bill.get())) edited.push_back(bill);
  });
  return edited;
}

// A notice is kept until it is read: who reads too slowly finds it in notice.list.
void TodoDelivery::State::noticed(NamespaceIndex ns, const Notice& notice) {
  std::vector<Follower*> told;
  for (const std::string& reader : notice.persons) {
    each_tracked(ns, reader.front(), std::string_view(reader).substr(2), [&](Follower& f) { told.push_back(&f); });
  }
  const BillFacts bill = notice.bill->facts();
  for (const auto& [key, circle] : circles) {
    const Audience& one = *circle.one;
    if (circle.followers.front()->what.ns != ns) continue;
    if ((notice.department && one.in_department(bill.department)) || (notice.reviewers && one.reviews(bill.type)) ||
        std::ranges::any_of(notice.roles, [&](const std::string& role) { return one.has_role(role); })) {
      told.insert(told.end(), circle.followers.begin(), circle.followers.end());
    }
  }
  std::ranges::sort(told, {}, &Follower::connection);
  told.erase(std::ranges::unique(told).begin(), told.end());
  std::string text;
  for (Follower* const f : told) {
    if (!hears_of_notices(*f) || !is_reader(*f->what.audience, notice)) continue;
    if (text.empty()) append_notice(text, notice);
    port.tell(f->connection, text);
  }
}

void TodoDelivery::State::notices_read(NamespaceIndex ns, const NoticesRead& read) {
  const auto tell = [&](char kind, const std::string& id, const std::vector<std::uint64_t>& numbers) {
    if (numbers.empty()) return;
    std::string text;
    append_notices_read(text, numbers);
    each_tracked(ns, kind, id, [&](Follower& f) {
      const bool told_as_user = kind == 'e' && f.what.audience->user() == read.user;
      if (hears_of_notices(f) && !told_as_user) port.tell(f.connection, text);
    });
  };
  tell('u', read.user, read.numbers);
  tell('e', read.employee, read.shared);
}

void TodoDelivery::State::reset(NamespaceIndex ns, const BoardReset&) {
  logs.erase(ns);  // the next counts say where it is
  for (const auto& [id, channel] : channels) {
    Channel& c = *channel;
    if (c.ns != ns) continue;
    c.serial = next_serial++;
    c.asked = c.counted = c.dirty = false;
    c.tallies.assign(groups.size(), Tally{});
    c.window.clear();
    for (Follower* const f : c.followers) {
      const bool fresh = !f->begun && !f->what.cursor;
      restart(*f, fresh ? SnapshotReason::first : SnapshotReason::epoch);
    }
  }
}

// ---------------------------------------------------------------------------------------------- frames

const std::string& TodoDelivery::State::members_of(NamespaceIndex ns, const Bill& bill) {
  const auto [at, fresh] = written.try_emplace(&bill);
  if (!fresh) return at->second;
  append_bill_members(at->second, bill);
  if (const auto* const editor = editing.say(ns, bill.text(Bill::key))) {
    at->second.append(R"(,"editing":)");
    JsonWriter w(at->second);
    w.begin_object();
    if (!limits.hide_names) w.field("user", editor->user).some("name", editor->name);
    w.key("since").time(editor->since).end_object();
  }
  return at->second;
}

void TodoDelivery::State::upsert(Pieces& to, NamespaceIndex ns, const Bill& bill, std::uint32_t rows) {
  for (std::uint32_t place = 0; (rows >> place) != 0; ++place) {
    if ((rows >> place & 1) == 0) continue;
    if (!to.upsert.empty()) to.upsert.push_back(',');
    append_row(to.upsert, group_name(catalog, bill.type_index(), place), members_of(ns, bill));
  }
}

void TodoDelivery::State::remove(Pieces& to, const Removal& removal, std::uint32_t rows, const Audience& audience) {
  for (std::uint32_t place = 0; (rows >> place) != 0; ++place) {
    if ((rows >> place & 1) == 0) continue;
    if (!to.remove.empty()) to.remove.push_back(',');
    append_removal(to.remove, group_name(catalog, removal.by->type_index(), place), removal, audience);
  }
}

void TodoDelivery::State::write(Pieces& to, NamespaceIndex ns, const TodoWindow::Change& change,
                                const Audience& audience, const TodoSelection& selection) {
  const std::uint32_t told = selection.rows[change.now->type_index()];
  const std::uint32_t rows = change.now->rows(audience);
  upsert(to, ns, *change.now, rows & told);
  for (const Removal& removal : change.lost) remove(to, removal, removal.groups & told & ~rows, audience);
}

// What the channel's window and the person's own come to: of both the newer state, and what either has lost. Who joined
// since the window was opened has what it held then, and what became of it that only he would have been told.
void TodoDelivery::State::merge(Pieces& to, const Follower& f) {
  const Channel& c = *f.channel;
  for (const TodoWindow::Change& change : c.window.changes()) {
    const TodoWindow::Change* const own = f.window.find(change.now->text(Bill::key));
    if (own == nullptr) {
      if (change.now->offset() <= f.joined_with && change.stirred <= f.joined_at) continue;
      write(to, f.what.ns, change, *f.what.audience, *c.selection);
      continue;
    }
    TodoWindow::Change both = change;
    if (own->now->offset() > both.now->offset()) both.now = own->now;
    for (const Removal& removal : own->lost) {
      for (Removal& other : both.lost) other.groups &= ~removal.groups;
      both.lost.push_back(removal);
    }
    write(to, f.what.ns, both, *f.what.audience, *c.selection);
  }
  for (const TodoWindow::Change& change : f.window.changes()) {
    if (c.window.find(change.now->text(Bill::key)) == nullptr)
      write(to, f.what.ns, change, *f.what.audience, *c.selection);
  }
}

void TodoDelivery::State::append_tail(std::string& out, const Pieces& pieces, const std::vector<GroupTally>& counts) {
  if (!pieces.upsert.empty()) out.append(R"(,"upsert":[)").append(pieces.upsert).push_back(']');
  if (!pieces.remove.empty()) out.append(R"(,"remove":[)").append(pieces.remove).push_back(']');
  if (!counts.empty()) {
    out.append(R"(,"counts":)");
    append_counts(out, counts, catalog);
  }
  out.push_back('}');
}

Tally TodoDelivery::State::tally_of(const Follower& f, std::uint32_t group) const {
  Tally sum = f.channel->tallies[group];
  if (const auto at = f.personal.find(group); at != f.personal.end()) add(sum, at->second);
  return sum;
}

// Without a follower: what the class alone sees.
std::vector<GroupTally> TodoDelivery::State::counts_of(const Channel& c, const Follower* f,
                                                       const boost::container::flat_set<std::uint32_t>& touched) const {
  std::vector<GroupTally> counts;
  counts.reserve(touched.size());
  for (const std::uint32_t group : touched) {
    counts.push_back(groups[group]);
    counts.back().tally = f != nullptr ? tally_of(*f, group) : c.tallies[group];
  }
  return counts;
}

std::vector<GroupTally> TodoDelivery::State::all_counts_of(const Follower& f) const {
  std::vector<GroupTally> counts;
  for (std::uint32_t group = 0; group < groups.size(); ++group) {
    const Catalog::Index type = groups[group].type;
    if (!f.channel->selection->counted[type] || !f.what.audience->scope_of(type)) continue;
    counts.push_back(groups[group]);
    counts.back().tally = tally_of(f, group);
  }
  return counts;
}

void TodoDelivery::State::append_cursor_of(std::string& out, const Follower& f) const {
  append_cursor(out, TodoCursor{f.has, f.channel->selection->key});
}

TodoDelivery::State::Tail TodoDelivery::State::tail_of(const Pieces& pieces, const std::vector<GroupTally>& counts) {
  Tail tail;
  append_tail(tail.text, pieces, counts);
  if (tail.text.size() >= limits.batch_bytes_min) tail.deflated = deflate_end(tail.text);
  return tail;
}

void TodoDelivery::State::tell_frame(Follower& f) {
  if (scratch.size() < limits.batch_bytes_min) return port.tell(f.connection, scratch);
  payload.clear();
  append_batch(payload, {}, deflate_end(scratch));
  port.tell_batch(f.connection, payload);
}

void TodoDelivery::State::tell_live(Follower& f, const Tail& tail, bool all_editing) {
  f.has = here(f);
  scratch.assign(R"({"event":"todo.live","cursor":")");
  append_cursor_of(scratch, f);
  scratch.append(all_editing ? R"(","editing":"all")" : "\"");
  if (tail.deflated.empty()) {
    scratch.append(tail.text);
    return port.tell(f.connection, scratch);
  }
  payload.clear();
  append_batch(payload, scratch, tail.deflated);
  port.tell_batch(f.connection, payload);
}

void TodoDelivery::State::tell_run(Follower& f, const Run& run) {
  scratch.clear();
  append_run(scratch, run);
  port.tell(f.connection, scratch);
}

bool TodoDelivery::State::follows_type(const Follower& f, std::string_view name) const {
  const catalog::Type* const type = catalog.find_type(name);
  return type != nullptr && f.channel->selection->counted[catalog.index_of(*type)];
}

// The steps of the channel's window, of which `texts` are written, and the person's own, in their order. They go before
// the frame whose cursor is beyond them: who is cut off in between is told them again, by their offsets, and misses
// none.
bool TodoDelivery::State::tell_runs(Follower& f, const std::vector<std::string>& texts) {
  const auto& shared = f.channel->window.runs();
  const auto& own = f.window.runs();
  bool any = false;
  for (std::size_t i = 0, j = 0; i < shared.size() || j < own.size();) {
    if (j < own.size() && (i == shared.size() || own[j]->offset < shared[i]->offset)) {
      tell_run(f, *own[j++]);
      any = true;
      continue;
    }
    if (!f.joined || shared[i]->offset > f.joined_with) {
      port.tell(f.connection, texts[i]);
      any = true;
    }
    ++i;
  }
  return any;
}

// Rows say who edits them up to a tick late: as long as that is so nothing is proved of it.
bool TodoDelivery::State::proves_edited(const Follower& f) const {
  return editing.settled(f.what.ns) && !f.channel->dirty;
}

void TodoDelivery::State::tell_digest(Follower& f) {
  Channel& c = *f.channel;
  Tally sum;
  for (std::uint32_t group = 0; group < groups.size(); ++group) {
    const std::uint32_t told = c.selection->rows[groups[group].type];
    if ((told >> groups[group].group & 1) != 0) add(sum, tally_of(f, group));
  }
  std::optional<Tally> edited;
  if (proves_edited(f)) edited = edited_tally_of(f);
  f.has = here(f);
  scratch.clear();
  append_digest(scratch, TodoCursor{f.has, c.selection->key}, sum, edited);
  port.tell(f.connection, scratch);
}

// The class's part is added up once for all who share the channel.
Tally TodoDelivery::State::edited_tally_of(const Follower& f) {
  Channel& c = *f.channel;
  const EditedRows rows{catalog, editing, c.ns, *c.selection, limits.hide_names};
  if (const std::uint64_t edition = editing.edition(c.ns); c.edited_at != edition) {
    c.edited = rows.by_class(*c.audience);
    c.edited_at = edition;
  }
  Tally sum = c.edited;
  if (!f.personal.empty()) add(sum, rows.beyond_class(*f.what.audience));
  return sum;
}

// Those that are due: when they can prove all, or when they have waited long enough for that.
void TodoDelivery::State::tell_digests() {
  std::erase_if(unproved, [&](const auto& due) {
    Follower* const f = follower(due.second);
    if (f == nullptr) return true;
    if (due.first > now && !proves_edited(*f)) return false;
    if (port.unsent(f->connection) <= limits.unsent_bytes_max) tell_digest(*f);
    return true;
  });
}

TodoDelivery::State::Follower* TodoDelivery::State::follower(const std::pair<ConnectionId, std::uint64_t>& who) const {
  const auto found = followers.find(who.first);
  return found != followers.end() && found->second->serial == who.second ? found->second.get() : nullptr;
}

void TodoDelivery::State::flush(Channel& c) {
  c.dirty = false;
  std::size_t told = 0;
  const auto& changes = c.window.changes();
  std::optional<Tail> shared;  // made when the first one needs it
  std::vector<std::string> runs;
  const auto class_rows = [&] {
    Pieces pieces;
    for (const TodoWindow::Change& change : changes) write(pieces, c.ns, change, *c.audience, *c.selection);
    return pieces;
  };
  for (const RunPtr& run : c.window.runs()) append_run(runs.emplace_back(), *run);
  for (Follower* const f : c.followers) {
    if (f->stage != Stage::live || (c.window.empty() && f->window.empty())) continue;
    if (port.unsent(f->connection) > limits.unsent_bytes_max) {
      // What it has is what the last frame said: from there it goes on when it has read.
      f->stage = Stage::fetching;
      f->next = Next::changes;
      f->window.clear();
      f->joined = false;
      stand_in_line(*f);
      continue;
    }
    const bool told_runs = tell_runs(*f, runs);
    const auto& touched = c.window.touched();
    const bool own_rows = !f->window.changes().empty() || (f->joined && !changes.empty());
    if (own_rows) {
      Pieces pieces;
      merge(pieces, *f);
      boost::container::flat_set<std::uint32_t> both = touched;
      both.insert(f->window.touched().begin(), f->window.touched().end());
      tell_live(*f, tail_of(pieces, counts_of(c, f, both)));
    } else if (!changes.empty()) {
      const bool own_counts = std::ranges::any_of(touched, [&](std::uint32_t g) { return f->personal.contains(g); });
      if (own_counts) {
        tell_live(*f, tail_of(class_rows(), counts_of(c, f, touched)));
      } else {
        if (!shared) shared = tail_of(class_rows(), counts_of(c, nullptr, touched));
        tell_live(*f, *shared);
      }
    } else if (told_runs) {
      tell_live(*f, tail_of({}, {}));
    }
    ++told;
    f->window.clear();
    f->joined = false;
  }
  c.window.clear();
  c.due = now + limits.window_per_person * static_cast<std::int64_t>(told);
}

void TodoDelivery::State::flush_all(bool tick) {
  if (!any_dirty) return;
  any_dirty = false;
  Micros next = Micros::max();
  for (const auto& [id, channel] : channels) {
    Channel& c = *channel;
    if (!c.dirty) continue;
    if (tick || c.due <= now) {
      flush(c);
    } else {
      any_dirty = true;
      next = std::min(next, c.due);
    }
  }
  written.clear();
  if (any_dirty) port.wake_at(next);
}

// ---------------------------------------------------------------------------------------------- the outside

TodoDelivery::TodoDelivery(const Catalog& catalog, TodoPort& port, TodoLimits limits)
    : state_(std::make_unique<State>(catalog, port, limits)) {}
TodoDelivery::~TodoDelivery() = default;

void TodoDelivery::subscribe(ConnectionId connection, Subscription subscription) {
  state_->follow(connection, std::move(subscription), false, SnapshotReason::first);
}

bool TodoDelivery::unsubscribe(ConnectionId connection) { return state_->leave(connection); }

void TodoDelivery::renew(ConnectionId connection, AudiencePtr audience, AudiencePtr audience_class) {
  const auto found = state_->followers.find(connection);
  if (found == state_->followers.end()) return;
  State::Follower& f = *found->second;
  if (f.what.audience->key() == audience->key()) {
    state_->leave_circle(f);
    f.what.audience = std::move(audience);  // his roles, of which notices ask, may be others
    state_->join_circle(f);
    return;
  }
  Subscription what = f.what;
  what.audience = std::move(audience);
  what.audience_class = std::move(audience_class);
  const bool begun = f.begun;
  if (begun) what.cursor.reset();
  state_->follow(connection, std::move(what), begun, begun ? SnapshotReason::audience : f.reason);
}

void TodoDelivery::on_event(NamespaceIndex ns, const BoardEvent& event) {
  // Who edits what is known while nobody follows, too.
  if (const auto* const changed = std::get_if<StatusChanged>(&event)) state_->editing.now_is(ns, changed->after);
  if (std::holds_alternative<BoardReset>(event)) state_->editing.forget_bills(ns);
  if (state_->followers.empty()) return;
  struct Route {
    State& s;
    NamespaceIndex ns;
    void operator()(const StatusChanged& e) const { s.changed(ns, e); }
    void operator()(const RunTold& e) const { s.ran(ns, e); }
    void operator()(const NoticeMade& e) const { s.noticed(ns, *e.notice); }
    void operator()(const NoticesRead& e) const { s.notices_read(ns, e); }
    void operator()(const BoardReset& e) const { s.reset(ns, e); }
    void operator()(const VersionDiffers&) const {}
  };
  std::visit(Route{*state_, ns}, event);
}

void TodoDelivery::target_changed(NamespaceIndex ns, const Target& target, const Grant* grant) {
  state_->editing.changed(ns, target, grant);
}
bool TodoDelivery::wants_locks(NamespaceIndex ns) const { return !state_->editing.is_full(ns); }
void TodoDelivery::forget_locks() { state_->editing.clear(); }
void TodoDelivery::forget_locks(NamespaceIndex ns) { state_->editing.forget(ns); }
bool TodoDelivery::nobody() const noexcept { return state_->followers.empty(); }

void TodoDelivery::answered(const TodoAsker& asker, StatusOutcome&& outcome) {
  State& s = *state_;
  if (asker.kind == TodoAsker::Kind::edited) return s.edited(asker, outcome);
  if (asker.kind == TodoAsker::Kind::channel) {
    const auto channel = s.channels.find(asker.id);
    if (channel != s.channels.end() && channel->second->serial == asker.serial) s.counted(*channel->second, outcome);
    return;
  }
  HF_ASSERT(s.questions > 0);
  --s.questions;
  const auto found = s.followers.find(asker.id);
  if (found != s.followers.end() && found->second->serial == asker.serial) {
    State::Follower& f = *found->second;
    if (const auto* refusal = std::get_if<Refusal>(&outcome)) {
      s.refused(f, *refusal);
    } else if (const auto* todo = std::get_if<Todo>(&outcome)) {
      s.counted(f, *todo);
    } else if (const auto* page = std::get_if<TodoPage>(&outcome)) {
      s.page(f, *page);
    } else if (const auto* diff = std::get_if<TodoDiff>(&outcome)) {
      s.changes(f, *diff);
    }
  }
  s.written.clear();
  s.ask();
}

void TodoDelivery::turn_end(Micros now) {
  state_->now = now;
  state_->flush_all(false);
  state_->tell_digests();
}

void TodoDelivery::tick(Micros now) {
  State& s = *state_;
  s.now = now;
  s.flush_all(true);
  for (const auto& [connection, serial] : std::exchange(s.held, {})) {
    const auto found = s.followers.find(connection);
    if (found == s.followers.end() || found->second->serial != serial) continue;
    State::Follower& f = *found->second;
    if (s.port.unsent(connection) <= s.limits.unsent_bytes_max / 2) {
      f.held_since.reset();
      s.stand_in_line(f);
    } else if (now - *f.held_since > Micros(s.limits.behind_max)) {
      s.leave(connection);
      s.port.end(connection, TodoPort::End::too_slow);
    } else {
      s.hold(f);
    }
  }
  for (const auto& [number, ns, key] : s.editing.take_owed(s.limits.edited_bills_per_tick)) {
    const std::size_t colon = key.find(':');
    s.port.ask(ns, {TodoAsker::Kind::edited, ns, number},
               GetStatus{s.everybody, key.substr(0, colon), key.substr(colon + 1)});
  }
  while (!s.digests.empty() && s.digests.front().first <= now) {
    const auto who = s.digests.front().second;
    s.digests.pop_front();
    if (s.follower(who) == nullptr) continue;
    s.unproved.push_back({now + s.limits.digest_late_max, who});
    s.digests.push_back({now + s.limits.digest_every, who});
  }
  s.tell_digests();
}

std::size_t TodoDelivery::channels() const noexcept { return state_->channels.size(); }

}  // namespace hf::session
