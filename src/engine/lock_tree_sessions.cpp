// Sessions: who opened one, who may take it up, and what ends with a node that could have told somebody of it.
#include <algorithm>
#include <utility>

#include "engine/lock_tree_state.h"
#include "engine/page.h"

namespace hf {
namespace {

// Of the secrets told since one was proved, so many stay valid beside the newest. There is one for each resume whose
// welcome was lost, or which came so late that its asker lives by another already.
constexpr std::size_t secrets_between_max = 8;

}  // namespace

SessionIx LockTree::State::find_session(const SessionId& id, const Caller& caller, Refusal& refusal,
                                        bool admin_too) const {
  const auto it = session_by_id.find(id);
  if (it == session_by_id.end()) {
    refusal.code = Code::session_gone;
    refusal.field = "session";
    return no_index;
  }
  if (sessions[it->second].who->user != caller.user && !(admin_too && caller.admin)) {
    refusal.code = Code::forbidden;
    refusal.detail = "The session is another user's.";
    refusal.field = "session";
    return no_index;
  }
  return it->second;
}

void LockTree::State::follow_name(SessionIx index, const Caller& caller) {
  SessionRec& session = sessions[index];
  if (caller.user_name.empty() || caller.user_name == session.who->user_name) return;
  Principal named = *session.who;
  named.user_name = caller.user_name;
  session.who = std::make_shared<const Principal>(std::move(named));
  for (GrantIx g = session.first_grant; g != no_index; g = grants[g].next) {
    grants[g].who = session.who;
    if (grants[g].kind != Kind::edit) put_grant(g, Action::none, false);  // an edit lock's name is in its session
  }
  put_session(index, Action::none, false);
}

OutcomeOf<OpenSession> LockTree::State::open_session(const OpenSession& c, SessionIx) {
  if (c.lease < limits().lease_min || c.lease > limits().lease_max) {
    return Refusal{.code = Code::invalid, .detail = "A lease lasts 10,000 to 1,800,000 ms.", .field = "lease_ms"};
  }
  if (c.session.is_nil() || session_by_id.contains(c.session))
    return Refusal{.code = Code::invalid, .field = "session"};
  const auto known = users.find(c.caller.user);
  std::size_t open = known == users.end() ? 0 : known->second.sessions.size();
  if (open > 0 && !runs.empty()) {  // the sessions of runs have limits of their own
    open -= static_cast<std::size_t>(std::ranges::count_if(
        known->second.sessions, [this](SessionIx s) { return run_of(LockId{sessions[s].id.value}) != nullptr; }));
  }
  if (open >= (c.service ? limits().sessions_per_service_max : limits().sessions_per_user_max)) {
    return Refusal{
        .code = Code::too_many, .detail = "This user has too many sessions: end one.", .retry_after = Millis(10'000)};
  }
  const SessionRec& session = sessions[add_session(c)];
  return SessionOpened{session.id, session.lease, clock.wall_of(session.lease_end), session.seq};
}

SessionIx LockTree::State::add_session(const OpenSession& c) {
  const SessionIx index = sessions.make();
  SessionRec& session = sessions[index];
  session.id = c.session;
  session.who = std::make_shared<const Principal>(Principal{c.session, c.caller.user, c.caller.user_name, c.client});
  session.secret = c.secret;
  session.former = c.secret;
  session.party = next_party++;
  session.lease = c.lease;
  session.lease_end = now() + c.lease;
  session.last_activity = now();
  session.opened_at = clock.wall();
  session.birth = next_birth++;
  session.service = c.service;
  session.live = true;
  const bool is_new =
      session_by_id.emplace(session.id, index).second && session_by_party.emplace(session.party, index).second;
  HF_ASSERT(is_new && session.lease_end > now() && session.first_grant == no_index && session.waits.empty());
  users[c.caller.user].sessions.push_back(index);
  schedule_session(index);
  put_session(index, Action::session_open, true);
  return index;
}

namespace {

bool is_valid(const SessionRec& session, const Secret& secret) {
  bool valid = equal_constant_time(session.secret.value, secret.value);
  valid |= equal_constant_time(session.former.value, secret.value);
  for (const Secret& told : session.between) valid |= equal_constant_time(told.value, secret.value);
  return valid;
}

// Which of the secrets told since one was proved has reached its asker, nobody knows: they stay valid beside each
// other.
void tell(SessionRec& session, const Secret& next) {
  if (session.secret != session.former && session.secret != next) session.between.push_back(session.secret);
  if (session.between.size() > secrets_between_max) session.between.erase(session.between.begin());
  session.secret = next;
}

}  // namespace

// A repeat that another node, or this one before a restart, was asked first brings another secret: its asker must be
// able to resume with it. What he may have been told before stays valid, as with a resume.
void LockTree::State::tell_secret(const OpenSession& c, SessionId opened) {
  const auto found = session_by_id.find(opened);
  if (found == session_by_id.end()) return;
  SessionRec& session = sessions[found->second];
  if (is_valid(session, c.secret)) return;
  tell(session, c.secret);
  put_session(found->second, Action::session_open, false);
}

OutcomeOf<ResumeSession> LockTree::State::run(const ResumeSession& c) {
  actor = c.caller.user;
  Refusal refusal;
  const SessionIx index = find_session(c.session, c.caller, refusal);
  if (index == no_index) return refusal;
  SessionRec& session = sessions[index];
  if (!is_valid(session, c.secret))
    return Refusal{
        .code = Code::session_gone, .detail = "The session's secret is wrong or was replaced.", .field = "secret"};
  if (c.attempt != 0 && c.attempt < session.attempt)
    return Refusal{.code = Code::unavailable,
                   .detail = "A later hello has taken this session up: count on from it, or leave `attempt` out.",
                   .field = "attempt"};
  session.attempt = std::max(session.attempt, c.attempt);
  if (c.secret != session.former) {  // it is used for the first time: nobody needs those before and beside it
    session.former = session.secret = c.secret;
    session.between.clear();
  }
  tell(session, c.next_secret);
  HF_ASSERT(session.secret == c.next_secret && session.between.size() <= secrets_between_max);
  session.lease_end = now() + session.lease;
  session.last_activity = now();
  follow_name(index, c.caller);
  put_session(index, Action::session_resume, false);
  return SessionResumed{session_whole(index, page_bytes_max)};
}

OutcomeOf<TakeOver> LockTree::State::run(const TakeOver& c) {
  Refusal refusal;
  const SessionIx index = find_session(c.session, c.caller, refusal);
  if (index == no_index) return refusal;
  if (!equal_constant_time(sessions[index].secret.value, c.secret.value))
    return Refusal{
        .code = Code::session_gone, .detail = "A later resume has taken this session up.", .field = "session"};
  return Done{};
}

OutcomeOf<EndSession> LockTree::State::run(const EndSession& c) {
  Refusal refusal;
  const SessionIx session = find_session(c.session, c.caller, refusal, true);
  if (session == no_index) return refusal;
  actor = c.caller.user;
  return end_session(c, session);
}

OutcomeOf<EndSession> LockTree::State::end_session(const EndSession&, SessionIx session) {
  std::uint32_t count = 0;
  for (GrantIx g = sessions[session].first_grant; g != no_index; g = grants[g].next)
    count += grants[g].kind == Kind::edit ? 1 : 0;
  close_session(session, EndReason::session_ended);
  return SessionClosed{count};
}

void LockTree::State::close_session(SessionIx index, EndReason reason) {
  SessionRec& session = sessions[index];
  HF_ASSERT(session.live);
  while (!session.waits.empty()) {
    const WaitIx wait = session.waits.front();
    forget_unheard(waits[wait].id);
    erase_wait(waits[wait]);
    forget_wait(wait);
  }
  for (GrantIx g = session.first_grant; g != no_index;) {
    const GrantIx next = grants[g].next;
    if (grants[g].kind == Kind::edit) {
      if (reason == EndReason::expired) ++stats.expired;
      end_grant(g, reason, {}, {}, {}, false);
    } else {
      unlink_from_session(g);  // a temporary outlives its session until its run or its ttl ends
    }
    g = next;
  }
  HF_ASSERT(session.first_grant == no_index && session.last_grant == no_index && session.targets_held == 0);
  events->emplace_back(SessionEnded{session.id, reason});
  erase_session(index, reason);
  unschedule();
  auto user = users.find(session.who->user);
  HF_ASSERT(user != users.end());
  drop(user->second.sessions, index);
  if (user->second.sessions.empty() && user->second.asked.empty() && !user->second.memory) users.erase(user);
  const std::size_t forgotten = session_by_id.erase(session.id) + session_by_party.erase(session.party);
  HF_ASSERT(forgotten == 2);
  const auto stamp_now = static_cast<std::uint16_t>(session.due_stamp + 1);
  session = SessionRec{};
  session.due_stamp = stamp_now;
  sessions.free(index);
}

OutcomeOf<Heartbeat> LockTree::State::run(const Heartbeat& c) {
  Refusal refusal;
  const SessionIx index = find_session(c.session, c.caller, refusal);
  if (index == no_index) return refusal;
  SessionRec& session = sessions[index];
  follow_name(index, c.caller);
  session.lease_end = now() + session.lease;
  const Instant active = now() - std::max(c.idle, Millis(0));
  session.last_activity = std::max(session.last_activity, active);
  Renewed renewed{clock.wall_of(session.lease_end), session.seq, {}};
  for (GrantIx g = session.first_grant; g != no_index; g = grants[g].next) renewed.locks.push_back(grants[g].lock);
  return renewed;
}

// ---------------------------------------------------------------------------------------------- what a node owes

void LockTree::State::forget_unheard(const LockId& wait) {
  if (unheard.erase(wait) != 0) ChangeFrame(*journal, Entity::unheard, change_erase, wait.value);
}

OutcomeOf<Heard> LockTree::State::run(const Heard& c) {
  Refusal refusal;
  if (find_session(c.session, c.caller, refusal) == no_index) return refusal;
  forget_unheard(c.wait);
  return Done{};
}

OutcomeOf<NodesLiving> LockTree::State::run(const NodesLiving& c) {
  std::vector<LockId> owed;
  for (const auto& [wait, node] : unheard) {
    if (std::ranges::find(c.nodes, node) == c.nodes.end()) owed.push_back(wait);
  }
  std::ranges::sort(owed);  // the table has no order of its own
  for (const LockId& wait : owed) {
    if (!unheard.contains(wait)) continue;  // it went with another
    forget_unheard(wait);
    if (const auto it = wait_by_id.find(wait); it != wait_by_id.end()) {
      end_wait(it->second, Refusal{.code = Code::request_gone,
                                   .detail = "The wait ended with the node that would have told of its end."});
      settle();
      continue;
    }
    LockId lock = wait;
    if (const EndedRec* e = find_ended(wait); e != nullptr && e->more && e->more->wait) lock = e->more->became;
    const auto it = grant_by_id.find(lock);
    if (it == grant_by_id.end()) continue;
    if (grants[it->second].holds > 1) {
      --grants[it->second].holds;
      put_grant(it->second, Action::release, false);
    } else {
      end_grant(it->second, EndReason::released, {}, {}, "its node died before anybody was told", true);
    }
    settle();
  }
  return Done{};
}

}  // namespace hf
