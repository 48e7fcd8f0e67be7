// Deadlines: leases, ttls, longest holds, waits and questions that run out, and the warnings before.
#include <algorithm>
#include <utility>

#include "engine/lock_tree_state.h"

namespace hf {

namespace {
template <class Entry>
bool later(const Entry& a, const Entry& b) noexcept {
  if (a.at != b.at) return a.at > b.at;
  if (a.what != b.what) return a.what > b.what;
  return a.birth > b.birth;
}
}  // namespace

void LockTree::State::schedule(Instant when, Due what, Index index, std::uint64_t birth, std::uint16_t stamp_now) {
  HF_ASSERT(index != no_index);
  due.push_back(DueEntry{when, birth, index, what, stamp_now});
  std::ranges::push_heap(due, later<DueEntry>);
  ++due_live;
  if (due.size() > 2 * due_live + 1024) compact_due();
}

bool LockTree::State::is_stale(const DueEntry& entry) const {
  const auto differs = [&](const auto& record, std::uint16_t stamp_now) {
    return !record.live || record.birth != entry.birth || stamp_now != entry.stamp;
  };
  switch (entry.what) {
    case Due::session:
    case Due::session_warning: return differs(sessions[entry.index], sessions[entry.index].due_stamp);
    case Due::grant:
    case Due::grant_warning: return differs(grants[entry.index], grants[entry.index].due_stamp);
    case Due::wait: return differs(waits[entry.index], waits[entry.index].due_stamp);
    case Due::ask: {
      const WaitRec& wait = waits[entry.index];
      return !wait.ask || differs(wait, wait.ask->due_stamp);
    }
  }
  return true;
}

void LockTree::State::compact_due() {
  std::erase_if(due, [&](const DueEntry& entry) { return is_stale(entry); });
  HF_ASSERT(due.size() == due_live);  // an entry is live as long as it is counted
  std::ranges::make_heap(due, later<DueEntry>);
}

void LockTree::State::sweep() {
  while (!due.empty() && due.front().at <= now()) {
    const DueEntry entry = due.front();
    std::ranges::pop_heap(due, later<DueEntry>);
    due.pop_back();
    if (is_stale(entry)) continue;
    unschedule();
    fire(entry);
    settle();
  }
  const Instant oldest = now() - limits().memory_age_max;
  while (ended_oldest < ended_next && ended[ended_oldest % limits().ended_grants_max].when < oldest) {
    const LockId& lock = ended[ended_oldest % limits().ended_grants_max].lock;
    const auto it = ended_by_id.find(lock);
    if (it != ended_by_id.end() && it->second == ended_oldest) ended_by_id.erase(it);
    ++ended_oldest;
  }
  while (!version_age.empty() && version_age.front().first < oldest) {
    const auto it = versions.find(version_age.front().second);
    if (it != versions.end() && it->second.at == version_age.front().first) {
      put_version(it->first, it->second, true);
      versions.erase(it);
    }
    version_age.pop_front();
  }
  prune_user_memories();
}

void LockTree::State::fire(const DueEntry& entry) {
  switch (entry.what) {
    case Due::session_warning:
    case Due::session: {
      SessionRec& session = sessions[entry.index];
      const Instant warning = session.lease_end - session.lease / 5;
      if (now() < warning) {
        schedule_session(entry.index);
      } else if (now() < session.lease_end) {
        for (GrantIx g = session.first_grant; g != no_index; g = grants[g].next) {
          if (grants[g].kind == Kind::edit)
            events->emplace_back(
                LockExpiring{session.id, grants[g].lock, clock.wall_of(end_of(grants[g])), EndReason::expired});
        }
        schedule(session.lease_end, Due::session, entry.index, session.birth, session.due_stamp);
      } else {
        ++due_live;  // what ends takes its entry off the heap; this one is off already (so below)
        close_session(entry.index, EndReason::expired);
      }
      return;
    }
    case Due::grant_warning: {
      const GrantRec& grant = grants[entry.index];
      if (grant.session != no_index && grant.kind == Kind::edit) {
        const EndReason reason = grant.max_end <= grant.own_end ? EndReason::max_hold : EndReason::expired;
        events->emplace_back(LockExpiring{grant.who->session, grant.lock, clock.wall_of(end_of(grant)), reason});
      }
      schedule_grant(entry.index, false);
      return;
    }
    case Due::grant: {
      const GrantRec& grant = grants[entry.index];
      const EndReason reason = grant.max_end <= grant.own_end ? EndReason::max_hold : EndReason::expired;
      ++stats.expired;
      ++due_live;
      end_grant(entry.index, reason, {}, {}, {}, true);
      return;
    }
    case Due::wait: {
      const WaitRec& wait = waits[entry.index];
      Refusal why = locked(want_of(wait), sessions[wait.session].who->user);
      why.detail = "The time to wait is over.";
      ++due_live;
      end_wait(entry.index, std::move(why));
      return;
    }
    case Due::ask: ask_due(entry.index); return;
  }
}

Instant LockTree::State::end_of(const GrantRec& grant) const {
  Instant end = std::min(grant.own_end, grant.max_end);
  if (grant.kind == Kind::edit && grant.session != no_index) end = std::min(end, sessions[grant.session].lease_end);
  return end;
}

void LockTree::State::schedule_session(SessionIx index) {
  SessionRec& session = sessions[index];
  HF_ASSERT(session.live && session.lease > Millis(0));
  schedule(session.lease_end - session.lease / 5, Due::session_warning, index, session.birth, session.due_stamp);
}

void LockTree::State::schedule_grant(GrantIx index, bool warning_too) {
  GrantRec& grant = grants[index];
  HF_ASSERT(grant.live);
  const Instant end = std::min(grant.own_end, grant.max_end);
  ++grant.due_stamp;
  const Micros ahead = grant.max_end <= grant.own_end ? Micros(std::chrono::seconds(60)) : (end - now()) / 5;
  const bool warn = warning_too && grant.kind == Kind::edit && end - ahead > now();
  schedule(warn ? end - ahead : end, warn ? Due::grant_warning : Due::grant, index, grant.birth, grant.due_stamp);
}

}  // namespace hf
