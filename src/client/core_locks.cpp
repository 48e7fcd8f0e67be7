// The locks and waits of the session: taken, given back, lost, and compared with what the server lists.
#include <algorithm>

#include "client/core.h"
#include "client/core_parts.h"
#include "client/values.h"

namespace hf::client {

namespace {

constexpr std::uint32_t state_page_rows = 500;  // what a server gives at most

}  // namespace

using holdfast::failure;
using holdfast::LostReason;
using holdfast::Nothing;

// ---------------------------------------------------------------------------------------------- taking

void Core::acquire(Time now, holdfast::Acquire what, Reply<Taken> reply) {
  auto targets = from_public(what.targets);
  if (!targets || targets->empty()) {
    auto why = targets ? own(holdfast::Code::invalid, "name at least one target") : to_public(targets.error());
    why.field = "targets";
    return answer<Taken>(reply, tl::unexpected(std::move(why)));
  }
  Acquire fields;
  fields.targets = *std::move(targets);
  fields.mode = static_cast<Mode>(what.mode);
  fields.kind = static_cast<Kind>(what.kind);
  fields.owner = std::move(what.owner);
  fields.ttl = what.ttl;
  fields.wait = what.wait;
  fields.if_versions = std::move(what.if_versions);
  fields.label = std::move(what.label);
  fields.reason = std::move(what.reason);
  Waiting waiting{std::move(reply), std::move(what.on_waiting), {}, std::move(what.on_lost), {}, what.ttl};
  claim(now, std::move(fields), Op::lock_acquire, std::move(waiting), what.wait, what.deadline);
}

void Core::ask(Time now, holdfast::Ask what, Reply<Taken> reply) {
  auto lock = LockId::parse(what.lock);
  auto targets = from_public(what.targets);
  if (!lock || !targets) {
    auto why = lock ? to_public(targets.error()) : own(holdfast::Code::invalid, "this is no lock id");
    why.field = lock ? "targets" : "lock";
    return answer<Taken>(reply, tl::unexpected(std::move(why)));
  }
  Ask fields;
  fields.lock = *lock;
  fields.targets = *std::move(targets);
  fields.mode = static_cast<Mode>(what.mode);
  fields.message = std::move(what.message);
  fields.wait_for = what.wait;
  Waiting waiting{
      std::move(reply), std::move(what.on_waiting), std::move(what.on_answered), std::move(what.on_lost), {},
      Millis(0)};
  claim(now, std::move(fields), Op::lock_request, std::move(waiting), what.wait, what.deadline);
}

void Core::take_over(Time now, const std::string& lock, Reply<Taken> reply) {
  auto id = LockId::parse(lock);
  if (!id) return answer<Taken>(reply, failure(holdfast::Code::invalid, "this is no lock id", "lock"));
  Waiting waiting;
  waiting.reply = std::move(reply);
  claim(now, Transfer{.caller = {}, .session = {}, .lock = *id, .to_session = {}}, Op::lock_transfer,
        std::move(waiting), Millis(0), Millis(0));
}

// Sends what may bring a lock.
void Core::claim(Time now, Fields fields, Op op, Waiting waiting, Millis wait, Millis deadline) {
  Pending pending;
  pending.fields = std::move(fields);
  pending.claims = true;
  pending.complete = [this, op, waiting = std::move(waiting), wait, deadline](Time at,
                                                                              holdfast::Result<Answered> answered) {
    acquired(at, answered, op, waiting, wait, deadline);
  };
  submit(now, std::move(pending), deadline);
}

void Core::acquired(Time now, const holdfast::Result<Answered>& answered, Op op, Waiting waiting, Millis wait,
                    Millis deadline) {
  if (!answered) return answer<Taken>(waiting.reply, tl::unexpected(answered.error()));
  auto outcome = parse_outcome(op, answered->body);
  waiting.asked = answered->sent;
  if (answered->abandoned) waiting.reply.done = nullptr;
  if (outcome && std::holds_alternative<Granted>(*outcome)) {
    auto& grant = std::get<Granted>(*outcome);
    early_.erase(grant.grant.lock);  // a take-over is told twice
    if (answered->abandoned) {
      return release_quietly(now, grant.grant);
    }
    granted(now, grant, answered->sent, std::move(waiting), false);
  } else if (outcome && std::holds_alternative<Grant>(*outcome)) {
    auto& grant = std::get<Grant>(*outcome);
    early_.erase(grant.lock);
    granted(now, Granted{grant, false, {}}, answered->sent, std::move(waiting), false);
  } else if (outcome && std::holds_alternative<Queued>(*outcome)) {
    queued(now, std::get<Queued>(*outcome), std::move(waiting), wait, deadline, answered->abandoned);
  } else {
    orphans_ = true;
    answer<Taken>(waiting.reply, failure(holdfast::Code::unknown_outcome, "the server's answer cannot be read"));
    ask_state(now);
  }
}

void Core::queued(Time now, const Queued& queued, Waiting waiting, Millis wait, Millis deadline, bool abandoned) {
  const Time asked = waiting.asked;
  if (auto grant = early_.extract(queued.wait)) {
    if (abandoned) return release_quietly(now, grant.mapped().granted.grant);
    return granted(now, grant.mapped().granted, asked, std::move(waiting), true);
  }
  if (auto ended = early_ends_.extract(queued.wait)) {
    return answer<Taken>(waiting.reply, tl::unexpected(to_public(ended.mapped().why)));
  }
  if (abandoned) return cancel_quietly(now, queued.wait);
  if (waiting.on_waiting) {
    emit([callback = waiting.on_waiting, id = queued.wait.text(), position = queued.position] {
      callback(id, position);
    });
  }
  if (deadline.count() <= 0) deadline = options_.deadline;
  due_.emplace(rounded(now + wait + deadline), Due{Due::What::wait, 0, queued.wait});
  waits_.insert_or_assign(queued.wait, std::move(waiting));
}

// A grant told by push says nothing of when it was made, so a time to live of its own is set anew, from a
// moment that is known.
void Core::granted(Time now, const Granted& granted, Time asked, Waiting waiting, bool pushed) {
  if (!pushed || waiting.ttl.count() == 0) return hand_out(now, granted, asked, std::move(waiting));
  Pending pending;
  pending.claims = true;
  pending.fields = Extend{.caller = {}, .session = {}, .lock = granted.grant.lock, .ttl = waiting.ttl};
  pending.complete = [this, granted, waiting](Time at, holdfast::Result<Answered> answered) {
    if (answered && !answered->abandoned) return hand_out(at, granted, answered->sent, waiting);
    if (!answered) answer<Taken>(waiting.reply, tl::unexpected(answered.error()));
    release_quietly(at, granted.grant);
  };
  submit(now, std::move(pending), Millis(0));
}

void Core::hand_out(Time now, const Granted& granted, Time asked, Waiting waiting) {
  const Grant& grant = granted.grant;
  std::shared_ptr<Held>& held = locks_[grant.lock];
  if (held == nullptr) {
    held = std::make_shared<Held>();
    held->lock = grant.lock;
    held->id = grant.lock.text();
    if (grant.kind != Kind::hold) held->lease = lease_;
  }
  held->token.store(grant.token, std::memory_order_release);
  held->count = grant.holds;
  {
    std::lock_guard guard(held->mutex);
    held->info = to_public(grant);
  }
  if (waiting.ttl.count() > 0) {
    const Time deadline = asked + trusted_ttl(waiting.ttl);
    held->own_deadline_ns.store(ns(deadline), std::memory_order_release);
    due_.emplace(std::max(now, deadline), Due{Due::What::own, 0, grant.lock});
  }
  ++held->handles;
  Taken taken{held, ++last_handle_, std::make_shared<std::atomic<bool>>(true), granted.versions};
  if (waiting.on_lost) held->watchers[taken.handle] = {std::move(waiting.on_lost), taken.alive};
  answer<Taken>(waiting.reply, std::move(taken));
}

void Core::wait_over(Time, LockId wait, holdfast::Error why) {
  auto node = waits_.extract(wait);
  if (!node) return;
  answer<Taken>(node.mapped().reply, tl::unexpected(std::move(why)));
}

// ---------------------------------------------------------------------------------------------- giving back

void Core::release(Time now, const Taken& taken, std::optional<std::uint64_t> version, Reply<Nothing> reply) {
  end_due(now);
  const auto& held = taken.held;
  held->watchers.erase(taken.handle);
  if (held->handles > 0) --held->handles;
  if (held->ended.load() || !locks_.contains(held->lock)) return answer<Nothing>(reply, Nothing{});
  const bool last = held->handles == 0;
  if (last) {
    drop_lock(held->lock);
    remember(releasing_, held->lock);
  }
  give_back(now, held, version, last ? Share::last : Share::one, std::move(reply));
}

// The last share ends the lock, whatever it counts: a count that nobody has a handle of would keep the bill locked. It
// names the count that is known, so that a share which is on its way to another handle is not ended with it. A hold is
// its owner's, who may have counted it elsewhere.
void Core::give_back(Time now, const std::shared_ptr<Held>& held, std::optional<std::uint64_t> version, Share share,
                     Reply<Nothing> reply) {
  Release fields;
  fields.lock = held->lock;
  fields.version = version;
  if (held->lease == nullptr) {
    std::lock_guard guard(held->mutex);
    fields.owner = held->info.owner;
  } else {
    fields.token = held->token.load();
    fields.all = share == Share::last;
    if (fields.all) fields.holds = held->count;
  }
  if (!fields.all && held->count > 1) --held->count;
  Pending pending;
  pending.fields = std::move(fields);
  pending.complete = [this, reply, held, version](Time at, holdfast::Result<Answered> answered) {
    const auto outcome = answered ? parse_outcome(Op::lock_release, answered->body) : Result<LockOutcome>(Released{});
    const auto* released = outcome ? std::get_if<Released>(&*outcome) : nullptr;
    if (released != nullptr && released->already && released->holds > 0) {
      // It counts otherwise than was known. What is not ours to end is another handle's, or will be.
      held->count = released->holds;
      const auto other = locks_.find(held->lock);
      if (other != locks_.end()) other->second->count = std::max(1U, released->holds - 1);
      return give_back(at, held, version, other == locks_.end() && claims_ == 0 ? Share::last : Share::one, reply);
    }
    releasing_.erase(held->lock);
    if (answered) return answer<Nothing>(reply, Nothing{});
    switch (answered.error().code) {
      case holdfast::Code::lock_gone:
      case holdfast::Code::not_found:
      case holdfast::Code::not_holder:
      case holdfast::Code::session_gone: return answer<Nothing>(reply, Nothing{});
      default: answer<Nothing>(reply, tl::unexpected(answered.error()));
    }
  };
  submit(now, std::move(pending), Millis(0));
}

void Core::release_all(Time now, const std::string& type, Reply<std::uint32_t> reply) {
  end_due(now);
  std::vector<std::shared_ptr<Held>> mine;
  for (const auto& [id, held] : locks_) {
    if (held->lease == nullptr) continue;
    bool of_type = type.empty();
    std::lock_guard guard(held->mutex);
    for (const std::string& target : held->info.targets) {
      of_type = of_type || target == type || target.starts_with(type + ":");
    }
    if (of_type) mine.push_back(held);
  }
  for (const auto& held : mine) {
    held->watchers.clear();
    drop_lock(held->lock);
    remember(releasing_, held->lock);
  }
  Pending pending;
  pending.fields = ReleaseAll{.caller = {}, .session = {}, .type = type};
  pending.complete = [this, reply](Time, holdfast::Result<Answered> answered) {
    releasing_.clear();
    if (!answered) return answer<std::uint32_t>(reply, tl::unexpected(answered.error()));
    auto outcome = parse_outcome(Op::lock_release_all, answered->body);
    const auto* many = outcome ? std::get_if<ReleasedMany>(&*outcome) : nullptr;
    answer<std::uint32_t>(reply, many == nullptr ? 0U : many->released);
  };
  submit(now, std::move(pending), Millis(0));
}

void Core::extend(Time now, const std::string& lock, Millis ttl, Reply<holdfast::LockInfo> reply) {
  auto id = LockId::parse(lock);
  if (!id) return answer<holdfast::LockInfo>(reply, failure(holdfast::Code::invalid, "this is no lock id", "lock"));
  Pending pending;
  pending.fields = Extend{.caller = {}, .session = {}, .lock = *id, .ttl = ttl};
  pending.complete = [this, reply, id = *id, ttl](Time at, holdfast::Result<Answered> answered) {
    if (!answered) return answer<holdfast::LockInfo>(reply, tl::unexpected(answered.error()));
    holdfast::LockInfo info;
    if (auto outcome = parse_outcome(Op::lock_extend, answered->body)) {
      if (const auto* grant = std::get_if<Grant>(&*outcome)) info = to_public(*grant);
      if (const auto* again = std::get_if<Granted>(&*outcome)) info = to_public(again->grant);
    }
    if (auto it = locks_.find(id); it != locks_.end()) {
      const Time deadline = answered->sent + trusted_ttl(ttl);
      it->second->own_deadline_ns.store(ns(deadline), std::memory_order_release);
      due_.emplace(std::max(at, deadline), Due{Due::What::own, 0, id});
      std::lock_guard guard(it->second->mutex);
      if (!info.lock.empty()) it->second->info = info;
    }
    answer<holdfast::LockInfo>(reply, std::move(info));
  };
  submit(now, std::move(pending), Millis(0));
}

void Core::withdraw(Time now, const std::string& id, Reply<Nothing> reply) {
  auto wait = LockId::parse(id);
  if (!wait)
    return answer<Nothing>(reply, failure(holdfast::Code::invalid, "this is no id of a request or wait", "request"));
  Pending pending;
  pending.fields = CancelWait{.caller = {}, .session = {}, .wait = *wait};
  pending.complete = [this, reply, wait = *wait](Time at, holdfast::Result<Answered> answered) {
    if (!answered) return answer<Nothing>(reply, tl::unexpected(answered.error()));
    // It may have been granted a moment before: then it is the waiter's.
    auto outcome = parse_outcome(Op::lock_cancel_wait, answered->body);
    const auto* grant = outcome ? std::get_if<Granted>(&*outcome) : nullptr;
    if (auto node = grant == nullptr ? decltype(waits_)::node_type() : waits_.extract(wait)) {
      granted(at, *grant, node.mapped().asked, std::move(node.mapped()), true);
    }
    wait_over(at, wait, own(holdfast::Code::request_gone, "withdrawn"));
    answer<Nothing>(reply, Nothing{});
  };
  submit(now, std::move(pending), Millis(0));
}

void Core::on_lost(const Taken& taken, std::function<void(const holdfast::Lost&)> callback) {
  if (taken.held->lost) {
    if (callback) {
      emit([callback = std::move(callback), alive = taken.alive, lost = *taken.held->lost] {
        if (alive->load(std::memory_order_acquire)) callback(lost);
      });
    }
    return;
  }
  taken.held->watchers[taken.handle] = {std::move(callback), taken.alive};
}

// ---------------------------------------------------------------------------------------------- what is true

void Core::ask_state(Time now) {
  if (phase_ != Phase::ready) return;
  if (state_asked_) {
    state_again_ = true;
    return;
  }
  state_asked_ = true;
  // What came after the question was sent may be missing in the answer: it is not held against it.
  auto walk = std::make_shared<StateWalk>();
  for (const auto& [id, held] : locks_) walk->locks.insert(id);
  for (const auto& [id, wait] : waits_) walk->waits.insert(id);
  ask_state_page(now, std::move(walk), {});
}

void Core::ask_state_page(Time now, std::shared_ptr<StateWalk> walk, std::string next) {
  Pending pending;
  GetSession fields;
  fields.limit = state_page_rows;
  fields.after = std::move(next);
  pending.fields = std::move(fields);
  pending.complete = [this, walk = std::move(walk)](Time at, holdfast::Result<Answered> answered) {
    if (!answered && answered.error().code == holdfast::Code::session_gone && phase_ == Phase::ready) {
      state_asked_ = false;
      forget_session(at, LostReason::expired);
      return lost_link(at, answered.error(), Millis(0), Address::same);
    }
    if (answered) {
      auto outcome = parse_outcome(Op::session_state, answered->body);
      if (const auto* page = outcome ? std::get_if<SessionSnapshot>(&*outcome) : nullptr) {
        reconcile(at, *page, *walk);
        if (!page->next.empty()) return ask_state_page(at, walk, page->next);
      }
    }
    state_asked_ = false;
    if (std::exchange(state_again_, false)) ask_state(at);
  };
  submit(now, std::move(pending), Millis(0));
}

// Of the last page: what was known when the walk began, and no page had, has ended.
void Core::miss_unlisted(const StateWalk& walk) {
  std::vector<std::shared_ptr<Held>> missing;
  for (const auto& [id, held] : locks_) {
    if (held->lease != nullptr && !walk.listed_locks.contains(id) && (walk.is_welcome || walk.locks.contains(id)))
      missing.push_back(held);
  }
  const LostReason why = std::exchange(engine_lost_, false) ? LostReason::engine_lost : LostReason::missing;
  for (const auto& held : missing) lose(held, {held->id, why, {}, true, {}, {}, {}});
}

void Core::reconcile(Time now, const SessionSnapshot& page, StateWalk& walk) {
  seq_ = std::max(seq_, page.seq);
  for (const Grant& grant : page.locks) walk.listed_locks.insert(grant.lock);
  for (const WaitInfo& wait : page.waits) walk.listed_waits.insert(wait.wait);
  const bool is_last = page.next.empty();
  if (is_last) miss_unlisted(walk);

  for (const Grant& grant : page.locks) {
    if (grant.kind != Kind::edit) continue;
    if (auto wait = waits_.extract(grant.lock)) {
      granted(now, Granted{grant, false, {}}, wait.mapped().asked, std::move(wait.mapped()), true);
    } else if (!locks_.contains(grant.lock) && !releasing_.contains(grant.lock)) {
      // Moved here by another window, unless something of ours may have gone astray.
      const bool moved = options_.on_transferred_here && !orphans_ && !lost_here_.contains(grant.lock) && claims_ == 0;
      if (moved) {
        early_[grant.lock] = LockGranted{session_, 0, grant.lock, Granted{grant, false, {}}};
      } else {
        strange_locks_.insert(grant.lock);
      }
    }
  }
  for (const WaitInfo& wait : page.waits) {
    if (wait.kind == Kind::temporary) continue;  // a run's
    if (!waits_.contains(wait.wait)) strange_waits_.insert(wait.wait);
  }
  std::vector<LockId> over;
  for (const auto& [id, wait] : waits_) {
    if (is_last && !walk.listed_waits.contains(id) && (walk.is_welcome || walk.waits.contains(id))) over.push_back(id);
  }
  for (LockId id : over)
    wait_over(now, id, own(holdfast::Code::request_gone, "the wait ended while the connection was down"));
  for (const AskInfo& ask : page.asks) {
    if (ask.state == AskState::asked || ask.state == AskState::deferred) requested(ask);
  }
  settle(now);
}

// Once no unanswered acquire could claim them, locks and waits that nobody here knows of are given back.
void Core::settle(Time now) {
  if (claims_ > 0 || phase_ != Phase::ready) return;
  early_ends_.clear();
  auto early = std::exchange(early_, {});
  for (auto& [id, grant] : early) {
    if (locks_.contains(grant.granted.grant.lock)) continue;
    if (options_.on_transferred_here && !orphans_) {
      Waiting waiting;
      waiting.reply.done = [callback = options_.on_transferred_here,
                            here = transferred_](holdfast::Result<Taken> taken) {
        if (taken && here) here(callback, *std::move(taken));
      };
      hand_out(now, grant.granted, now, std::move(waiting));
    } else {
      strange_locks_.insert(grant.granted.grant.lock);
    }
  }
  auto locks = std::exchange(strange_locks_, {});
  for (LockId lock : locks) {
    if (locks_.contains(lock) || waits_.contains(lock)) continue;
    Release release;
    release.lock = lock;
    release.all = true;
    quietly(now, std::move(release));
  }
  auto waits = std::exchange(strange_waits_, {});
  for (LockId wait : waits) {
    if (!waits_.contains(wait) && !locks_.contains(wait)) cancel_quietly(now, wait);
  }
}

void Core::lose(const std::shared_ptr<Held>& held, holdfast::Lost lost) {
  {
    std::lock_guard guard(held->mutex);
    if (lost.targets.empty()) lost.targets = held->info.targets;
    if (!lost.whole) {
      std::erase_if(held->info.targets, [&](const std::string& target) {
        return std::find(lost.targets.begin(), lost.targets.end(), target) != lost.targets.end();
      });
    }
  }
  if (lost.whole) {
    held->ended.store(true, std::memory_order_release);
    held->lost = lost;
    locks_.erase(held->lock);
  }
  for (const auto& [handle, watcher] : held->watchers) {
    if (!watcher.on_lost) continue;
    emit([watcher, lost] {
      if (watcher.alive->load(std::memory_order_acquire)) watcher.on_lost(lost);
    });
  }
  if (lost.whole) held->watchers.clear();  // they have heard their last, and may keep the handle that keeps them
  if (options_.on_lost) emit([callback = options_.on_lost, lost] { callback(lost); });
}

void Core::lose_all(LostReason reason) {
  auto locks = locks_;
  for (const auto& [id, held] : locks) {
    if (held->lease != nullptr || reason == LostReason::closed) lose(held, {held->id, reason, {}, true, {}, {}, {}});
  }
}

void Core::drop_lock(LockId lock) {
  auto it = locks_.find(lock);
  if (it == locks_.end()) return;
  it->second->ended.store(true, std::memory_order_release);
  locks_.erase(it);
}

}  // namespace hf::client
