// The exact state of a tree. The changes of the journal say what there is; what they leave out, because a store can
// do without, is in one more change: how far leases have run, in which order things were made, what is due next.
#include <algorithm>

#include "engine/lock_tree_state.h"

namespace hf {
namespace {

template <class Range, class F>
void write_list(ByteWriter& w, const Range& items, F&& write) {
  w.varint(static_cast<std::uint64_t>(std::ranges::distance(items)));
  for (const auto& item : items) write(item);
}

// Calls `read` for each item of a list, until it says no.
template <class F>
bool read_list(ByteReader& r, F&& read) {
  const std::uint64_t count = r.varint();
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!r.ok() || !read()) return false;
  }
  return r.ok();
}

template <class Record>
std::vector<Index> live_by_birth(const Pool<Record>& pool) {
  std::vector<Index> found;
  for (Index i = 0; i < pool.end(); ++i) {
    if (pool[i].live) found.push_back(i);
  }
  std::ranges::sort(found, {}, [&](Index i) { return pool[i].birth; });
  return found;
}

std::array<std::uint64_t*, 9> counters_of(Stats& stats) {
  return {&stats.granted,     &stats.refused, &stats.released,  &stats.expired,     &stats.forced,
          &stats.handed_over, &stats.waited,  &stats.deadlocks, &stats.clock_alarms};
}

// It goes last, and not at all where no run has begun: then an earlier build reads the image.
void write_tally(ByteWriter& w, const RunTally& tally) {
  if (tally == RunTally{}) return;
  for (const std::uint64_t n : {tally.begun, tally.done, tally.failed, tally.unknown, tally.settled}) w.varint(n);
}
RunTally read_tally(ByteReader& r) {
  RunTally tally;
  if (r.at_end()) return tally;
  for (std::uint64_t* n : {&tally.begun, &tally.done, &tally.failed, &tally.unknown, &tally.settled}) *n = r.varint();
  return tally;
}

}  // namespace

void LockTree::image(std::string& out) const {
  state_->put_all(out);
  state_->put_image();
}

void LockTree::State::put_all(std::string& out) {
  journal = &out;
  const Instant written = meta_written;
  put_meta();
  meta_written = written;  // an image is not the journal
  for (const SessionIx i : live_by_birth(sessions)) put_session(i, Action::none, true);
  for (const auto& [token, grant] : order) {
    if (grant == no_index) continue;
    put_grant(grant, Action::none, true);
    put_stops(grants[grant]);
  }
  for (const WaitIx i : live_by_birth(waits)) put_wait(i, Action::none, true);
  for (std::uint64_t number = ended_oldest; number < ended_next; ++number) put_ended(number);
  for (const SessionIx i : live_by_birth(sessions)) {
    if (!sessions[i].memory) continue;
    for (const Remembered& entry : sessions[i].memory->ring) {
      if (entry.used) put_memory(i, {}, entry);
    }
  }
  std::vector<std::string_view> names;
  for (const auto& [name, user] : users) names.push_back(name);
  std::ranges::sort(names);
  for (const std::string_view name : names) {
    const auto& memory = users.find(name)->second.memory;
    if (!memory) continue;
    for (const Remembered& entry : memory->ring) {
      if (entry.used) put_memory(no_index, name, entry);
    }
  }
  std::vector<std::string> bills;
  for (const auto& [bill, known] : versions) bills.push_back(bill);
  std::ranges::sort(bills);
  for (const std::string& bill : bills) put_version(bill, versions.find(bill)->second, false);
  std::vector<std::pair<LockId, Id128>> owed(unheard.begin(), unheard.end());
  std::ranges::sort(owed);
  for (const auto& [wait, node] : owed) put_unheard(wait, node);
  runs.write(out, stamp(Action::none));
}

void LockTree::State::image_users(ByteWriter& w) const {
  std::vector<std::string_view> names;
  for (const auto& [name, user] : users) names.push_back(name);
  std::ranges::sort(names);
  write_list(w, names, [&](std::string_view name) {
    const UserRec& user = users.find(name)->second;
    w.text(name);
    write_list(w, user.sessions, [&](SessionIx i) { w.id(sessions[i].id.value); });
    write_list(w, user.asked, [&](WaitIx i) { w.id(waits[i].id.value); });
  });
}

void LockTree::State::put_image() {
  ChangeFrame frame(*journal, Entity::image, 0, Id128{});
  ByteWriter& w = *frame;
  w.i64(to_us(now()));
  w.i64(to_us(clock.wall()));
  // The nodes in an order in which children come out as they were made.
  std::vector<NodeIx> walk;
  std::vector<NodeIx> types;
  for (NodeIx i = 0; i < nodes.end(); ++i) {
    if (!nodes[i].text.empty() && nodes[i].parent == no_index) types.push_back(i);
  }
  std::ranges::sort(types, {}, [&](NodeIx i) { return std::string_view(nodes[i].text); });
  for (const NodeIx type : types) {
    for (NodeIx i = type; i != no_index;) {
      walk.push_back(i);
      if (nodes[i].first_child != no_index) {
        i = nodes[i].first_child;
        continue;
      }
      while (i != type && nodes[i].next == no_index) i = nodes[i].parent;
      i = i == type ? no_index : nodes[i].next;
    }
  }
  write_list(w, walk, [&](NodeIx i) { w.text(nodes[i].text); });

  w.u64(last_token);
  w.varint(next_birth);
  w.i64(next_order);
  w.i64(front_order);
  w.varint(ended_next);
  for (const std::uint64_t* n : counters_of(stats)) w.varint(*n);
  write_list(w, live_by_birth(sessions), [&](SessionIx i) {
    const SessionRec& session = sessions[i];
    w.id(session.id.value);
    w.varint(session.birth);
    w.i64(to_us(session.lease_end));
    w.i64(to_us(session.last_activity));
    w.varint(session.seq);
    std::vector<GrantIx> own;
    for (GrantIx g = session.first_grant; g != no_index; g = grants[g].next) own.push_back(g);
    write_list(w, own, [&](GrantIx g) { w.id(grants[g].lock.value); });
    write_list(w, session.waits, [&](WaitIx wait) { w.id(waits[wait].id.value); });
  });
  write_list(w, live_by_birth(grants), [&](GrantIx i) {
    w.id(grants[i].lock.value);
    w.varint(grants[i].birth);
  });
  write_list(w, live_by_birth(waits), [&](WaitIx i) {
    w.id(waits[i].id.value);
    w.varint(waits[i].birth);
    w.varint(waits[i].told);
  });
  image_users(w);
  std::vector<DueEntry> next = due;
  std::erase_if(next, [&](const DueEntry& entry) { return is_stale(entry); });
  std::ranges::sort(next, {}, [](const DueEntry& e) { return std::tuple(e.at, e.what, e.birth); });
  write_list(w, next, [&](const DueEntry& entry) {
    w.i64(to_us(entry.at));
    w.u8(static_cast<std::uint8_t>(entry.what));
    w.varint(entry.birth);
  });
  write_tally(w, runs.tally());
}

// Before anything is restored: the time, and the nodes in their order.
bool LockTree::State::begin_image(std::string_view body) {
  ByteReader r(body);
  const Instant at_now = instant_us(r.i64());
  const Wall mark = wall_us(r.i64());
  clock.stand_as(at_now, mark);
  return read_list(r, [&] {
    auto target = Target::parse(r.text());
    if (target) touch(*target);
    return target.has_value();
  });
}

// False if what an image says beside the entities contradicts them.
bool LockTree::State::end_restoring() {
  due_live = due.size();
  for (WaitIx w = 0; w < waits.end(); ++w) {
    if (waits[w].live && (waits[w].order <= front_order || waits[w].order >= next_order)) return false;
  }
  if (due_live < grants.live() + sessions.live() + waits.live()) return false;
  if (!order.empty() && order.back().first > last_token) return false;
  if (std::ranges::any_of(due, [&](const DueEntry& entry) { return is_stale(entry); })) return false;
  compact_due();  // makes it a heap
  return true;
}

// After everything was restored: puts right what restoring made anew.
bool LockTree::State::end_image(std::string_view body) {
  ByteReader r(body);
  r.i64();
  r.i64();
  if (!read_list(r, [&] { return !r.text().empty(); })) return false;
  last_token = r.u64();
  next_birth = r.varint();
  next_order = r.i64();
  front_order = r.i64();
  ended_next = std::max(ended_next, r.varint());
  ended_oldest = ended_by_id.empty() ? ended_next : ended_oldest;
  for (std::uint64_t* n : counters_of(stats)) *n = r.varint();
  boost::unordered_flat_map<std::uint64_t, std::pair<Index, std::uint16_t*>> born;
  const auto session_of = [&](SessionIx& found) {
    const auto it = session_by_id.find(SessionId{r.id()});
    if (it != session_by_id.end()) found = it->second;
    return it != session_by_id.end();
  };
  const auto wait_of = [&](WaitIx& found) {
    const auto it = wait_by_id.find(LockId{r.id()});
    if (it != wait_by_id.end()) found = it->second;
    return it != wait_by_id.end();
  };
  const auto grant_of = [&](GrantIx& found) {
    const auto it = grant_by_id.find(LockId{r.id()});
    if (it != grant_by_id.end()) found = it->second;
    return it != grant_by_id.end();
  };
  bool good = read_list(r, [&] {
    SessionIx i = no_index;
    if (!session_of(i)) return false;
    SessionRec& session = sessions[i];
    session.birth = r.varint();
    session.lease_end = instant_us(r.i64());
    session.last_activity = instant_us(r.i64());
    session.seq = r.varint();
    born[session.birth] = {i, &session.due_stamp};
    std::vector<GrantIx> own;
    const bool grants_known = read_list(r, [&] { return grant_of(own.emplace_back(no_index)); });
    if (!grants_known) return false;
    for (const GrantIx g : own) {
      if (grants[g].session != i) return false;
      unlink_from_session(g);
    }
    for (const GrantIx g : own) link_to_session(g, i);
    session.waits.clear();
    return read_list(r, [&] { return wait_of(session.waits.emplace_back(no_index)); });
  });
  good = good && read_list(r, [&] {
           GrantIx i = no_index;
           if (!grant_of(i)) return false;
           grants[i].birth = r.varint();
           born[grants[i].birth] = {i, &grants[i].due_stamp};
           return true;
         });
  good = good && read_list(r, [&] {
           WaitIx i = no_index;
           if (!wait_of(i)) return false;
           waits[i].birth = r.varint();
           waits[i].told = static_cast<std::uint32_t>(r.varint());
           born[waits[i].birth] = {i, &waits[i].due_stamp};
           return true;
         });
  good = good && read_list(r, [&] {
           UserRec& user = users[std::string(r.text())];
           user.sessions.clear();
           user.asked.clear();
           return read_list(r, [&] { return session_of(user.sessions.emplace_back(no_index)); }) &&
                  read_list(r, [&] { return wait_of(user.asked.emplace_back(no_index)); });
         });
  due.clear();
  good = good && read_list(r, [&] {
           DueEntry entry{};
           entry.at = instant_us(r.i64());
           const std::uint8_t what = r.u8();
           entry.what = static_cast<Due>(what);
           entry.birth = r.varint();
           const auto it = born.find(entry.birth);
           if (it == born.end() || what > static_cast<std::uint8_t>(Due::grant_warning)) return false;
           entry.index = it->second.first;
           entry.stamp = *it->second.second;
           if (entry.what == Due::ask) {
             if (!waits[entry.index].ask) return false;
             entry.stamp = waits[entry.index].ask->due_stamp;
           }
           due.push_back(entry);
           return true;
         });
  if (good) runs.set_tally(read_tally(r));
  return good && r.at_end() && end_restoring();
}

bool LockTree::reopen(Wall clock, Token by) {
  std::string changes;
  state_->put_all(changes);
  LockTree other(state_->options);
  other.set_watching(state_->watching);
  if (!other.recover(changes) || !other.recovered(clock, last_token() + by)) return false;
  *this = std::move(other);
  return true;
}

}  // namespace hf
