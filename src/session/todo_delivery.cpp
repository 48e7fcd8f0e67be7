#include "session/todo_delivery.h"

#include <algorithm>

#include "base/assert.h"
#include "session/todo_delivery_state.h"
#include "wire/json_writer.h"

namespace hf::session {

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
  const std::size_t forgotten = std::erase(c.followers, &f);
  HF_ASSERT(forgotten == 1);
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
  HF_ASSERT(at != circles.end());
  const std::size_t forgotten = std::erase(at->second.followers, &f);
  HF_ASSERT(forgotten == 1);
  if (at->second.followers.empty()) circles.erase(at);
}

void TodoDelivery::State::track(Follower& f) {
  HF_ASSERT(f.stage == Stage::starting);
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
    HF_ASSERT(at != people.end());
    at->second.erase(std::remove(at->second.begin(), at->second.end(), &f), at->second.end());
    if (at->second.empty()) people.erase(at);
  }
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
  HF_ASSERT(questions <= limits.questions_max && (f.next == Next::counts) == (f.stage == Stage::starting));
  switch (f.next) {
    case Next::counts:
      if (Channel& c = *f.channel; !c.asked) {
        c.asked = true;
        port.ask(c.ns, {TodoAsker::Kind::channel, c.id, c.serial}, GetTodo{c.audience});
      }
      return port.ask(f.what.ns, asker, GetTodo{f.what.audience});
    case Next::page: {
      HF_ASSERT(!f.pages.empty() && f.pages.back() < groups.size());
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
  HF_ASSERT(c.asked && !c.counted);
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
  HF_ASSERT(f.begun && f.stage == Stage::fetching && f.next == Next::page && !f.pages.empty());
  const GroupTally& group = groups[f.pages.back()];
  if (!page.bills.empty()) {
    TodoRows::Pieces pieces;
    for (const BillPtr& bill : page.bills) writer.upsert(pieces, f.what.ns, *bill, std::uint32_t{1} << group.group);
    scratch.assign(R"({"event":"todo.page")");
    writer.append_tail(scratch, pieces, {});
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
  TodoRows::Pieces pieces;
  append_diff(pieces, f, diff);
  writer.append_tail(scratch, pieces, {});
  tell_frame(f);
  stand_in_line(f);
}

// Of the bill's rows those that he sees and has subscribed.
std::uint32_t TodoDelivery::State::rows_for(const Follower& f, const Bill& bill) const {
  return bill.rows(*f.what.audience) & f.channel->selection->rows[bill.type_index()];
}

void TodoDelivery::State::append_diff(TodoRows::Pieces& to, const Follower& f, const TodoDiff& diff) {
  for (const BillPtr& bill : diff.changed) writer.upsert(to, f.what.ns, *bill, rows_for(f, *bill));
  for (const Removal& removal : diff.removed)
    writer.remove(to, removal, removal.groups & f.channel->selection->rows[removal.by->type_index()], *f.what.audience);
}

void TodoDelivery::State::go_live(Follower& f, const TodoDiff& diff) {
  HF_ASSERT(f.begun && f.stage == Stage::fetching && f.pages.empty() && !diff.more);
  f.stage = Stage::live;
  f.joined = true;
  f.held_since.reset();
  f.serial = next_serial++;
  TodoRows::Pieces pieces;
  append_diff(pieces, f, diff);
  editing.said_all(f.what.ns);
  const std::vector<BillPtr> edited = edited_for(f, diff.changed);
  std::size_t next = 0;
  const auto append_some = [&] {
    for (const std::size_t end = next + limits.bills_per_frame_max; next < edited.size() && next < end; ++next)
      writer.upsert(pieces, f.what.ns, *edited[next], rows_for(f, *edited[next]));
  };
  append_some();
  for (const RunPtr& run : diff.runs) {
    if (follows_type(f, run->event.type) || run->event.actor.user == f.what.audience->user()) tell_run(f, *run);
  }
  tell_live(f, writer.tail_of(pieces, all_counts_of(f)), true);
  while (next < edited.size()) {
    pieces = {};
    append_some();
    tell_live(f, writer.tail_of(pieces, {}));
  }
  f.joined_with = f.has.since;
  f.joined_at = stirs;
  tell_digest(f);
  digests.push_back({now + limits.digest_every, {f.connection, f.serial}});
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
  s.writer.forget();
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
