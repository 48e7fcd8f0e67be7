// What a connection is told, and when: frames, digests, the flush of a window.
#include <algorithm>

#include "session/status_answers.h"
#include "session/todo_delivery_state.h"
#include "session/todo_digest.h"
#include "wire/batch_frame.h"

namespace hf::session {

// What the channel's window and the person's own come to: of both the newer state, and what either has lost. Who joined
// since the window was opened has what it held then, and what became of it that only he would have been told.
void TodoDelivery::State::merge(TodoRows::Pieces& to, const Follower& f) {
  const Channel& c = *f.channel;
  for (const TodoWindow::Change& change : c.window.changes()) {
    const TodoWindow::Change* const own = f.window.find(change.now->text(Bill::key));
    if (own == nullptr) {
      if (change.now->offset() <= f.joined_with && change.stirred <= f.joined_at) continue;
      writer.write(to, f.what.ns, change, *f.what.audience, *c.selection);
      continue;
    }
    TodoWindow::Change both = change;
    if (own->now->offset() > both.now->offset()) both.now = own->now;
    for (const Removal& removal : own->lost) {
      for (Removal& other : both.lost) other.groups &= ~removal.groups;
      both.lost.push_back(removal);
    }
    writer.write(to, f.what.ns, both, *f.what.audience, *c.selection);
  }
  for (const TodoWindow::Change& change : f.window.changes()) {
    if (c.window.find(change.now->text(Bill::key)) == nullptr)
      writer.write(to, f.what.ns, change, *f.what.audience, *c.selection);
  }
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

void TodoDelivery::State::tell_frame(Follower& f) {
  if (scratch.size() < limits.batch_bytes_min) return port.tell(f.connection, scratch);
  payload.clear();
  append_batch(payload, {}, deflate_end(scratch));
  port.tell_batch(f.connection, payload);
}

void TodoDelivery::State::tell_live(Follower& f, const TodoRows::Tail& tail, bool all_editing) {
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
  std::optional<TodoRows::Tail> shared;  // made when the first one needs it
  std::vector<std::string> runs;
  const auto class_rows = [&] {
    TodoRows::Pieces pieces;
    for (const TodoWindow::Change& change : changes) writer.write(pieces, c.ns, change, *c.audience, *c.selection);
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
      TodoRows::Pieces pieces;
      merge(pieces, *f);
      boost::container::flat_set<std::uint32_t> both = touched;
      both.insert(f->window.touched().begin(), f->window.touched().end());
      tell_live(*f, writer.tail_of(pieces, counts_of(c, f, both)));
    } else if (!changes.empty()) {
      const bool own_counts = std::ranges::any_of(touched, [&](std::uint32_t g) { return f->personal.contains(g); });
      if (own_counts) {
        tell_live(*f, writer.tail_of(class_rows(), counts_of(c, f, touched)));
      } else {
        if (!shared) shared = writer.tail_of(class_rows(), counts_of(c, nullptr, touched));
        tell_live(*f, *shared);
      }
    } else if (told_runs) {
      tell_live(*f, writer.tail_of({}, {}));
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
  writer.forget();
  if (any_dirty) port.wake_at(next);
}

}  // namespace hf::session
