// What the server says: answers go to their requests, the rest is heard here.
#include <algorithm>
#include <boost/json.hpp>
#include <type_traits>

#include "client/core.h"
#include "client/core_parts.h"
#include "client/status_values.h"
#include "client/values.h"
#include "wire/json_text.h"
#include "wire/status_said.h"

namespace hf::client {
namespace {

constexpr std::size_t pongs_kept_max = 64;
constexpr std::size_t early_max = 64;

}  // namespace

using holdfast::LostReason;

void Core::message(Time now, std::string_view text) {
  end_due(now);
  if (phase_ != Phase::hello && phase_ != Phase::ready) return;
  auto parsed = parse_server_message(text);
  if (!parsed) {
    lost_link(now, own(holdfast::Code::unavailable, "the server speaks another protocol: " + parsed.error().detail),
              Millis(0), Address::next);
    return;
  }
  if (phase_ == Phase::ready) link_due_ = now + silence_max;
  const std::uint64_t* id = std::get_if<std::uint64_t>(&parsed->id);
  if (const auto* told = std::get_if<Push>(&parsed->what)) {
    push(now, *told, text);
  } else if (phase_ == Phase::hello) {
    const auto* error = std::get_if<ErrorAnswer>(&parsed->what);
    if (error != nullptr && (id == nullptr || *id == hello_id_)) hello_refused(now, error->refusal, text);
  } else if (id != nullptr) {
    if (const auto* error = std::get_if<ErrorAnswer>(&parsed->what)) {
      refused(now, *id, error->refusal, text);
    } else {
      Answered answered;
      answered.body = std::get<OkAnswer>(parsed->what).body;
      answered.message = text;
      finish(now, *id, answered);
    }
  }
  pump(now);
}

void Core::hello_refused(Time now, const Refusal& refusal, std::string_view message) {
  auto why = to_public(refusal, message);
  if (!may_repeat(refusal.code)) hello_request_.clear();
  if (refusal.code == Code::session_gone && !session_.is_nil()) {
    forget_session(now, engine_lost_ ? LostReason::engine_lost : LostReason::expired);
    say_hello(now);
  } else if (refusal.code == Code::unauthenticated) {
    refuse_identity(now, std::move(why));
  } else if (may_repeat(refusal.code) || refusal.code == Code::session_gone) {
    // Another node counts a user's sessions alike.
    lost_link(now, std::move(why), refusal.retry_after, refusal.code == Code::too_many ? Address::same : Address::next);
  } else {
    stop(now, std::move(why), LostReason::session_ended);
  }
}

void Core::welcome(Time now, const Welcome& welcome) {
  if (phase_ != Phase::hello) return;
  if (!session_.is_nil() && session_ != welcome.session) forget_session(now, LostReason::expired);
  session_ = welcome.session;
  hello_request_.clear();
  session_text_ = session_.text();
  secret_ = welcome.secret;
  rights_ = welcome.rights;
  lease_length_ = welcome.lease;
  if (lease_ == nullptr || !welcome.resumed) {
    lease_ = std::make_shared<Lease>();
    lease_deadline_ = Time{};
  }
  phase_ = Phase::ready;
  renewed(hello_sent_);
  link_due_ = now + silence_max;
  link_attempts_ = 0;
  identity_failures_ = 0;
  link_error_ = {};
  drain_retry_.reset();
  seq_ = std::max(seq_, welcome.seq);
  show(holdfast::Link::ready, welcome.resumed, {});
  if (!watched_.empty()) quietly(now, WatchFields{{}, {watched_.begin(), watched_.end()}, true});
  if (followed_ != nullptr && todo_asked_ == 0) subscribe_todo(now);
  if (welcome.resumed && welcome.state) {
    StateWalk walk{.is_welcome = true};
    reconcile(now, *welcome.state, walk);
  } else if (welcome.resumed) {
    ask_state(now);
  }
  pump(now);
}

// The server has acknowledged a renewal that was sent at `sent`.
void Core::renewed(Time sent) {
  const Time deadline = sent + trusted(lease_length_);
  if (lease_ == nullptr || deadline <= lease_deadline_) return;
  lease_deadline_ = deadline;
  lease_->deadline_ns.store(ns(deadline), std::memory_order_release);
  beat_due_ = deadline - trusted(lease_length_) / 4;
}

// Pings renew a lease of 30 s well ahead of time; a shorter one, or one whose pings come late, renews itself.
void Core::beat(Time now) {
  beat_due_ = now + trusted(lease_length_) / 8;
  Pending pending;
  Heartbeat fields;
  if (options_.idle) fields.idle = std::max(Millis(0), options_.idle());
  pending.fields = fields;
  pending.complete = [this, session = session_](Time, holdfast::Result<Answered> answered) {
    if (answered && session == session_) renewed(answered->sent_last);
  };
  submit(now, std::move(pending), Millis(0));
}

void Core::hear(Time now, const Ping& ping, std::string_view) {
  if (auto it = pongs_.find(ping.acked); it != pongs_.end()) {
    renewed(it->second);
    pongs_.erase(pongs_.begin(), std::next(it));
  }
  Millis idle{0};
  if (options_.idle) idle = std::max(Millis(0), options_.idle());
  append_message(out_.messages.emplace_back(), MessageId{}, Fields(PongFields{ping.n, {{session_, idle}}}));
  pongs_[ping.n] = now;
  if (pongs_.size() > pongs_kept_max) pongs_.erase(pongs_.begin());
  for (const auto& [session, seq] : ping.seqs) {
    if (session == session_ && seq > seq_) {
      seq_ = seq;
      ask_state(now);
    }
  }
}

// A push with this number came: if it is not the next, something was missed.
void Core::saw(Time now, std::uint64_t seq) {
  if (seq == 0) return;
  if (seq > seq_ + 1) ask_state(now);
  seq_ = std::max(seq_, seq);
}

void Core::push(Time now, const Push& push, std::string_view text) {
  if (const auto* greeting = std::get_if<Welcome>(&push)) return welcome(now, *greeting);
  if (phase_ != Phase::ready) return;
  std::visit(
      [&]<class Told>(const Told& told) {
        if constexpr (!std::is_same_v<Told, Welcome>) hear(now, told, text);
      },
      push);
}

void Core::hear(Time now, const LockGranted& told, std::string_view) {
  if (told.session != session_) return;
  saw(now, told.seq);
  if (told.granted.grant.kind == Kind::temporary) return;  // a run's, which has an answer of its own
  if (auto wait = waits_.extract(told.wait)) {
    granted(now, told.granted, wait.mapped().asked, std::move(wait.mapped()), true);
  } else if (early_.size() < early_max) {
    early_[told.wait] = told;
    settle(now);
  } else {
    ask_state(now);
  }
}

void Core::hear(Time, const LockWaiting& told, std::string_view) {
  const auto it = waits_.find(told.wait);
  if (it == waits_.end() || !it->second.on_waiting) return;
  emit([callback = it->second.on_waiting, id = told.wait.text(), position = told.position] { callback(id, position); });
}

void Core::hear(Time now, const WaitEnded& told, std::string_view text) {
  if (told.session != session_) return;
  saw(now, told.seq);
  if (waits_.contains(told.wait)) {
    wait_over(now, told.wait, to_public(told.why, text));
  } else if (claims_ > 0 && early_ends_.size() < early_max) {
    early_ends_[told.wait] = told;
  }
}

void Core::hear(Time now, const LockLost& told, std::string_view) {
  if (told.session != session_) return;
  saw(now, told.seq);
  early_.erase(told.lock);
  strange_locks_.erase(told.lock);
  const auto it = locks_.find(told.lock);
  if (it == locks_.end()) return;
  const auto held = it->second;
  lose(held, to_public(told));
}

void Core::hear(Time now, const LockRequested& told, std::string_view) {
  if (told.session != session_) return;
  saw(now, told.seq);
  requested(told.ask);
}

void Core::hear(Time now, const LockAnswered& told, std::string_view) {
  if (told.session != session_) return;
  saw(now, told.seq);
  const auto it = waits_.find(told.wait);
  if (it == waits_.end() || !it->second.on_answered) return;
  emit([callback = it->second.on_answered, answer = to_public(told)] { callback(answer); });
}

void Core::hear(Time now, const SessionState& told, std::string_view) {
  StateWalk walk{.is_welcome = true};
  if (told.state.session == session_) reconcile(now, told.state, walk);
}

void Core::hear(Time now, const SessionEnded& told, std::string_view) {
  if (told.session != session_) return;
  forget_session(now, to_public(told.reason));
  lost_link(now, own(holdfast::Code::session_gone, "the server ended the session"), Millis(0), Address::same);
}

void Core::hear(Time, const TargetChanged& told, std::string_view text) {
  if (!options_.on_watch) return;
  holdfast::WatchEvent event;
  event.what = told.grant ? holdfast::WatchEvent::What::lock_changed : holdfast::WatchEvent::What::lock_free;
  event.target = told.target.text();
  if (told.grant) event.holder = to_public(*told.grant);
  event.json = text;
  emit([callback = options_.on_watch, event = std::move(event)] { callback(event); });
}

void Core::hear(Time now, const AuthRequired&, std::string_view text) {
  if (options_.token_provider) {
    out_.want_token = true;
  } else {
    hear_event(now, "auth.required", text);
  }
}

void Core::hear(Time now, const Drain& told, std::string_view text) {
  drain_retry_ = told.retry;
  hear_event(now, "drain", text);
}

void Core::hear(Time now, const UnknownPush& told, std::string_view text) { hear_event(now, told.name, text); }

void Core::hear_event(Time now, const std::string& name, std::string_view text) {
  if (pushed_status(now, name, text)) return;
  if (name == "bill.changed" && options_.on_watch) return bill_changed(text);
  if (!options_.on_event) return;
  emit([callback = options_.on_event, name, json = std::string(text)] { callback(name, json); });
}

void Core::bill_changed(std::string_view text) {
  holdfast::WatchEvent event;
  event.what = holdfast::WatchEvent::What::bill_changed;
  event.json = text;
  const auto value = parse_json(text);
  if (const auto* object = value ? value->if_object() : nullptr) {
    BillGone gone;
    read_kindly(*object, gone);
    event.target = gone.target;
    event.bill = read_bill(*object);
  }
  if (event.bill) {
    bills_shown_.insert(event.target);
  } else if (bills_shown_.erase(event.target) == 0) {
    return;  // there was nothing to take back
  }
  emit([callback = options_.on_watch, event = std::move(event)] { callback(event); });
}

void Core::requested(const AskInfo& ask) {
  if (!options_.on_requested || ask.wait.session == session_) return;
  if (requests_.contains(ask.wait.wait)) return;
  remember(requests_, ask.wait.wait);
  emit([callback = options_.on_requested, request = to_public(ask)] { callback(request); });
}

// The end of the longest hold comes whatever we do, also while the link is down; so its time is taken over to
// our own clock: the server's clock now is what a renewal says less the lease, and no later than its sending.
void Core::hear(Time now, const LockExpiring& expiring, std::string_view) {
  auto it = locks_.find(expiring.lock);
  if (it == locks_.end() || expiring.session != session_) return;
  if (options_.on_expiring) {
    emit([callback = options_.on_expiring, id = expiring.lock.text(), reason = to_public(expiring.reason),
          at = to_public(expiring.expires_at)] { callback(id, reason, at); });
  }
  if (expiring.reason != EndReason::max_hold) return;
  Pending probe;
  Heartbeat beat;
  if (options_.idle) beat.idle = std::max(Millis(0), options_.idle());
  probe.fields = beat;
  probe.complete = [this, lock = expiring.lock, end = expiring.expires_at](Time at,
                                                                           holdfast::Result<Answered> answered) {
    if (!answered) return;
    auto outcome = parse_outcome(Op::session_heartbeat, answered->body);
    const Renewed* renewed = outcome ? std::get_if<Renewed>(&*outcome) : nullptr;
    auto held = locks_.find(lock);
    if (renewed == nullptr || held == locks_.end()) return;
    const Micros left = end - (renewed->expires_at - lease_length_);
    const Time deadline = answered->sent_last + (left - left / 50 - Millis(500));
    held->second->own_deadline_ns.store(std::min(held->second->own_deadline_ns.load(), ns(deadline)),
                                        std::memory_order_release);
    due_.emplace(std::max(at, deadline), Due{Due::What::own, 0, lock});
  };
  submit(now, std::move(probe), Millis(0));
}

}  // namespace hf::client
