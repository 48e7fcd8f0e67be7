// Questions to the reference model.
#include <algorithm>

#include "engine/page.h"
#include "property/reference_model.h"
#include "property/reference_pages.h"
#include "property/reference_parts.h"

namespace hf::test {

LockOutcome ReferenceModel::run(const GetLock& c) {
  const std::size_t i = find_held(c.lock);
  if (i == held_.size()) return gone_refusal(c.lock);
  return view(held_[i]);
}

LockOutcome ReferenceModel::run(const ListLocks& c) {
  LockList list;
  Page page;
  for (const Held& h : held_) {
    const Grant& g = h.grant;
    const bool of_type = c.type.empty() ||
                         std::ranges::any_of(g.targets, [&](const HeldTarget& t) { return t.target.type() == c.type; });
    if (g.token <= c.after || !of_type || (!c.user.empty() && g.user != c.user) ||
        (!c.session.is_nil() && g.session != c.session) || (!c.run.is_nil() && g.lock.value != c.run.value) ||
        (!c.client.empty() && g.client.program != c.client && g.client.host != c.client &&
         g.client.window != c.client) ||
        (c.older.count() > 0 && clock_ - g.acquired_at < c.older) || (c.kind && g.kind != *c.kind)) {
      continue;
    }
    Grant value = view(h);
    if (list.locks.size() == std::clamp(c.limit, 1U, options_.limits.list_page_max) || !page.takes(bytes_of(value))) {
      list.next = list.locks.back().token;
      break;
    }
    list.locks.push_back(std::move(value));
  }
  return list;
}

LockOutcome ReferenceModel::run(const Check& c) {
  if (!c.session.is_nil()) {
    if (auto r = session_refusal(c.caller, c.session)) return *r;
  }
  if (c.targets.empty()) return refuse(Code::invalid, "targets");
  if (c.targets.size() > options_.limits.targets_per_acquire_max) return refuse(Code::too_large, "targets");
  Checked checked;
  for (const Target& t : c.targets) {
    Acquire request;
    request.session = c.session;
    request.targets = {t};
    request.mode = c.mode;
    CheckItem item;
    item.target = t;
    item.mine = std::ranges::any_of(held_, [&](const Held& h) {
      return h.grant.session == c.session && h.grant.kind != Kind::hold &&
             (h.grant.mode == Mode::exclusive || c.mode == Mode::shared) &&
             std::ranges::any_of(h.grant.targets, [&](const HeldTarget& own) { return above_or_same(own.target, t); });
    });
    const bool again = std::ranges::any_of(held_, [&](const Held& h) {
      return h.grant.session == c.session && h.grant.kind == Kind::edit && same_set(h.grant.targets, request.targets) &&
             item.mine;
    });
    item.free = again || grantable(request, waiting_.size());
    checked.items.push_back(std::move(item));
  }
  return checked;
}

LockOutcome ReferenceModel::run(const Verify& c) {
  Verified v;
  const std::size_t i = find_held(c.lock);
  if (i == held_.size()) {
    const Gone* g = find_gone(c.lock);
    v.why = g != nullptr && !g->was_wait ? "lock_gone" : "not_found";
    return v;
  }
  const Held& h = held_[i];
  const Millis left = std::chrono::duration_cast<Millis>(deadline_of(h) - now_);
  if (c.targets.empty() && c.token != h.grant.token) v.why = "not_holder";
  for (const Target& t : c.targets) {
    const auto own =
        std::ranges::find_if(h.grant.targets, [&](const HeldTarget& held) { return above_or_same(held.target, t); });
    if (!v.why.empty()) break;
    if (own == h.grant.targets.end())
      v.why = "not_covered";
    else if (c.token != h.grant.token && c.token != own->token)
      v.why = "not_holder";
    else
      v.targets.push_back({t, own->token});
  }
  if (v.why.empty() && left < c.min_valid) v.why = "too_short";
  v.valid = v.why.empty();
  v.valid_for = left;
  if (!v.valid) v.targets.clear();
  std::ranges::sort(v.targets, {}, &HeldTarget::target);
  v.targets.erase(std::ranges::unique(v.targets).begin(), v.targets.end());
  return v;
}

LockOutcome ReferenceModel::run(const GetSession& c) {
  const Session* s = find_session(c.session);
  if (s == nullptr) return refuse(Code::session_gone);
  if (s->user != c.caller.user && !c.caller.admin) return refuse(Code::forbidden);
  const auto page = page_of(snapshot(*s, true), c);
  return page ? LockOutcome(*page) : refuse(page.error().code);
}

LockOutcome ReferenceModel::run(const ListSessions& c) {
  std::vector<SessionSnapshot> all;
  for (const Session& s : sessions_)
    if (c.caller.admin || s.user == c.caller.user) all.push_back(snapshot(s, false));
  const auto page = page_of(all, c.after, c.limit);
  return page ? LockOutcome(*page) : refuse(Code::invalid);
}

LockOutcome ReferenceModel::run(const ListAsks& c) {
  AskList list;
  Page page;
  // Its cursor is a place in the queue: good for a walk during which nothing changes.
  for (std::size_t i = c.after; i < waiting_.size(); ++i) {
    if (!waiting_[i].asking || !(c.caller.admin || concerns(i, c.caller.user))) continue;
    AskInfo value = ask_view(i);
    if (list.asks.size() == c.limit || !page.takes(bytes_of(value))) {
      list.next = i;
      break;
    }
    list.asks.push_back(std::move(value));
  }
  return list;
}

LockOutcome ReferenceModel::run(const ListWaits& c) {
  WaitList list;
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    const bool mine = c.caller.admin || find_session(waiting_[i].request.session)->user == c.caller.user;
    if (mine && list.waits.size() < c.limit) list.waits.push_back(view(i));
  }
  return list;
}

LockOutcome ReferenceModel::run(const GetStats&) {
  Stats stats;
  stats.locks = held_.size();
  stats.sessions = sessions_.size();
  stats.waits = waiting_.size();
  stats.runs = static_cast<std::uint64_t>(std::ranges::count_if(runs_, &Run::live));
  stats.asks = static_cast<std::uint64_t>(std::ranges::count_if(waiting_, &Waiting::asking));
  stats.last_token = last_token_;
  return stats;
}

}  // namespace hf::test
