#include "client/core.h"

#include <boost/json.hpp>

#include "base/assert.h"
#include "client/status_values.h"
#include "client/values.h"
#include "wire/json_text.h"
#include "wire/json_writer.h"

namespace hf::client {
namespace {

using holdfast::failure;
using holdfast::LostReason;
using holdfast::Nothing;

constexpr Millis backoff_base{100};
constexpr Millis repeat_base{50};
constexpr Millis repeat_max{2'000};
// Timers of requests are rounded up to this, so that thousands of them wake the loop a hundred times a second.
constexpr Millis timer_grain{10};
constexpr std::size_t pongs_kept_max = 64;
constexpr std::size_t early_max = 64;
constexpr std::size_t remembered_max = 1'000;

std::int64_t ns(Time time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}
Time from_ns(std::int64_t value) {
  return Time(std::chrono::duration_cast<Time::duration>(std::chrono::nanoseconds(value)));
}

Time rounded(Time time) {
  const auto grain = std::chrono::duration_cast<Time::duration>(timer_grain);
  const auto rest = time.time_since_epoch() % grain;
  return rest.count() == 0 ? time : time + (grain - rest);
}

bool may_repeat(Code code) {
  return code == Code::unavailable || code == Code::unknown_outcome || code == Code::too_many || code == Code::draining;
}

holdfast::Error own(holdfast::Code code, std::string detail) { return failure(code, std::move(detail)).value(); }

template <class Set, class Key>
void remember(Set& set, const Key& key) {
  if (set.size() >= remembered_max) set.erase(set.begin());
  set.insert(key);
}

}  // namespace

std::int64_t Held::deadline_ns() const noexcept {
  const std::int64_t mine = own_deadline_ns.load(std::memory_order_acquire);
  return lease == nullptr ? mine : std::min(mine, lease->deadline_ns.load(std::memory_order_acquire));
}

Core::Core(holdfast::Options options, std::uint64_t seed, std::size_t addresses)
    : options_(std::move(options)), random_(seed), addresses_(addresses), token_(options_.token) {
  const std::uint64_t hi = random_.next();
  const std::uint64_t lo = random_.next();
  id_prefix_ = Id128{hi, lo}.text() + "-";
}
// A callback may well keep the handle that keeps it: whoever still holds one is told nothing more, so both can go.
Core::~Core() {
  std::vector<decltype(Held::watchers)> last_words;
  for (auto& [id, held] : locks_) last_words.push_back(std::exchange(held->watchers, {}));
}

Output Core::take() {
  Output out = std::move(out_);
  out_ = Output{};
  return out;
}

void Core::emit(std::function<void()> run, bool direct) { out_.calls.push_back({std::move(run), direct}); }

void Core::show(holdfast::Link link, bool resumed, holdfast::Error why) {
  if (shown_ == link && link != holdfast::Link::ready) return;
  shown_ = link;
  if (!options_.on_link) return;
  emit([callback = options_.on_link, change = holdfast::LinkChange{link, resumed, std::move(why)}] {
    callback(change);
  });
}

// ---------------------------------------------------------------------------------------------- the link

void Core::start(Time now) {
  if (phase_ == Phase::idle) begin_connect(now);
}

void Core::begin_connect(Time now) {
  if (options_.token_provider) {
    phase_ = Phase::token;
    link_due_ = Time::max();
    out_.want_token = true;
    return;
  }
  dial(now);
}

void Core::dial(Time now) {
  phase_ = Phase::dialing;
  link_due_ = now + dial_max;
  out_.connect = true;
  out_.address = address_;
}

void Core::token(Time now, holdfast::Result<std::string> token) {
  end_due(now);
  if (phase_ == Phase::token) {
    if (!token) {
      if (token.error().code == holdfast::Code::unauthenticated || token.error().code == holdfast::Code::forbidden) {
        stop(now, token.error(), LostReason::session_ended);
      } else {
        lost_link(now, token.error(), Millis(0), Address::same);
      }
      return;
    }
    token_ = *std::move(token);
    dial(now);
  } else if (phase_ == Phase::ready && token) {
    token_ = *std::move(token);
    quietly(now, AuthFields{token_});
  }
}

void Core::opened(Time now) {
  end_due(now);
  if (phase_ == Phase::dialing) say_hello(now);
}

void Core::say_hello(Time now) {
  phase_ = Phase::hello;
  link_due_ = now + dial_max;
  hello_sent_ = now;
  hello_id_ = ++last_id_;
  HelloFields hello;
  hello.token = token_;
  hello.session = session_;
  hello.secret = secret_;
  hello.client = from_public(options_.client);
  hello.lease = options_.lease;
  if (session_.is_nil()) {
    if (hello_request_.empty()) hello_request_ = id_prefix_ + "h" + std::to_string(hello_id_);
    hello.request_id = hello_request_;
  } else {
    hello.attempt = ++hello_attempt_;
  }
  append_message(out_.messages.emplace_back(), MessageId(hello_id_), Fields(std::move(hello)));
}

void Core::lost_link(Time now, holdfast::Error why, Millis least, Address address) {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::waiting;
  out_.drop = true;
  out_.messages.clear();
  pongs_.clear();
  early_.clear();
  early_ends_.clear();
  state_asked_ = state_again_ = false;
  in_flight_ = 0;
  for (auto it = pending_.begin(); it != pending_.end();) {
    Pending& pending = it->second;
    if (pending.abandoned || !pending.complete) {
      if (pending.claims) --claims_;
      if (pending.abandoned) orphans_ = true;
      it = pending_.erase(it);
      continue;
    }
    if (pending.in_flight) {
      pending.in_flight = false;
      unsent_.insert(it->first);
    }
    ++it;
  }
  if (address == Address::next) address_ = (address_ + 1) % addresses_;
  // Each round through the addresses waits longer than the one before.
  const std::size_t round = std::min<std::size_t>(link_attempts_++ / addresses_, 10);
  const auto span = std::min<std::int64_t>(backoff_max.count(), backoff_base.count() << round);
  std::int64_t delay = static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(span) + 1));
  if (drain_retry_) {
    delay = static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(drain_retry_->count()) + 1));
    drain_retry_.reset();
  }
  link_due_ = now + std::max(Millis(delay), least);
  link_error_ = why;
  todo_due_ = Time::max();
  show_todo(holdfast::TodoState::connecting, why);
  show(holdfast::Link::connecting, false, std::move(why));
}

void Core::closed(Time now, std::uint16_t code, std::string reason) {
  end_due(now);
  if (phase_ == Phase::closed || phase_ == Phase::waiting || phase_ == Phase::token) return;
  if (code == close_code::replaced) {
    stop(now, own(holdfast::Code::session_gone, "another client has taken this session over"), LostReason::replaced);
  } else if (code == close_code::unauthenticated) {
    refuse_identity(now, own(holdfast::Code::unauthenticated, std::move(reason)));
  } else {
    if (code == close_code::too_big) refuse_publish_too_big(now);
    engine_lost_ = engine_lost_ || (code == close_code::drain && reason.starts_with(close_code::engine_lost_reason));
    if (reason.empty()) reason = "the connection was closed";
    const bool drained = code == close_code::drain;
    lost_link(now, own(drained ? holdfast::Code::draining : holdfast::Code::unavailable, std::move(reason)), Millis(0),
              drained || phase_ != Phase::ready ? Address::next : Address::same);
  }
}

// With a provider of tokens the first refusal may be an expired token: a fresh one is worth one more try.
void Core::refuse_identity(Time now, holdfast::Error why) {
  if (options_.token_provider && identity_failures_++ == 0) {
    lost_link(now, std::move(why), Millis(0), Address::same);
  } else {
    stop(now, std::move(why), LostReason::session_ended);
  }
}

void Core::stop(Time now, holdfast::Error why, LostReason reason) {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  link_due_ = Time::max();
  out_.drop = true;
  link_error_ = why;
  lose_all(reason);
  auto pending = std::exchange(pending_, {});
  unsent_.clear();
  outbox_.clear();
  outbox_events_ = 0;
  in_flight_ = claims_ = 0;
  due_.clear();
  for (auto& [id, one] : pending) {
    if (one.complete && !one.abandoned) one.complete(now, tl::unexpected(why));
  }
  auto waits = std::exchange(waits_, {});
  for (auto& [id, wait] : waits) answer<Taken>(wait.reply, tl::unexpected(why));
  end_todo(why);
  show(holdfast::Link::closed, false, std::move(why));
}

void Core::end(Time now) {
  end_due(now);
  if (phase_ == Phase::closed) return;
  if (phase_ == Phase::ready)
    append_message(out_.messages.emplace_back(), MessageId(++last_id_), Fields(SessionEndFields{}));
  auto messages = std::move(out_.messages);
  stop(now, own(holdfast::Code::session_gone, "this client was closed"), LostReason::closed);
  out_.messages = std::move(messages);
  out_.close = true;
}

// The session is no more: its locks are lost, its waits too. The next hello opens another.
void Core::forget_session(Time, LostReason reason) {
  session_ = {};
  secret_ = {};
  hello_request_.clear();
  seq_ = 0;
  lose_all(reason);
  strange_locks_.clear();
  strange_waits_.clear();
  lost_here_.clear();
  releasing_.clear();
  requests_.clear();
  orphans_ = false;
  engine_lost_ = false;
  auto waits = std::exchange(waits_, {});
  for (auto& [id, wait] : waits) {
    answer<Taken>(wait.reply, tl::unexpected(own(holdfast::Code::session_gone, "the session ended while this waited")));
  }
}

// ---------------------------------------------------------------------------------------------- time

bool Core::leased() const {
  return std::any_of(locks_.begin(), locks_.end(), [](const auto& one) { return one.second->lease != nullptr; });
}

Time Core::next() const {
  Time next = link_due_;
  if (!due_.empty()) next = std::min(next, due_.begin()->first);
  if (leased()) next = std::min(next, lease_deadline_);
  if (phase_ == Phase::ready) next = std::min({next, beat_due_, todo_due_, away_due()});
  return next;
}

void Core::tick(Time now) {
  end_due(now);
  if (now < link_due_ || phase_ == Phase::closed) return;
  switch (phase_) {
    case Phase::waiting: begin_connect(now); break;
    case Phase::dialing:
      lost_link(now, own(holdfast::Code::unavailable, "the server cannot be reached: connecting timed out"), Millis(0),
                Address::next);
      break;
    case Phase::hello:
      lost_link(now, own(holdfast::Code::unavailable, "the server did not answer hello"), Millis(0), Address::next);
      break;
    case Phase::ready:
      lost_link(now, own(holdfast::Code::unavailable, "the server has gone silent"), Millis(0), Address::next);
      break;
    default: link_due_ = Time::max();
  }
}

void Core::end_due(Time now) {
  if (leased() && now >= lease_deadline_) {
    std::vector<std::shared_ptr<Held>> gone;
    for (const auto& [id, held] : locks_) {
      if (held->lease != nullptr) gone.push_back(held);
    }
    for (const auto& held : gone) {
      remember(lost_here_, held->lock);
      lose(held, {held->id, LostReason::deadline, {}, true, {}, {}, {}});
    }
  }
  while (!due_.empty() && due_.begin()->first <= now) {
    const Due due = due_.begin()->second;
    due_.erase(due_.begin());
    switch (due.what) {
      case Due::What::deadline: late(now, due.id); break;
      case Due::What::retry:
        if (auto it = pending_.find(due.id); it != pending_.end() && !it->second.in_flight) unsent_.insert(due.id);
        break;
      case Due::What::wait:
        if (waits_.contains(due.lock)) {
          cancel_quietly(now, due.lock);
          wait_over(now, due.lock, own(holdfast::Code::unknown_outcome, "the end of the wait was not told in time"));
        }
        break;
      case Due::What::own:
        if (auto it = locks_.find(due.lock); it != locks_.end() && now >= from_ns(it->second->own_deadline_ns.load())) {
          remember(lost_here_, due.lock);
          const auto held = it->second;
          lose(held, {held->id, LostReason::expired, {}, true, {}, {}, {}});
        }
        break;
    }
  }
  if (phase_ == Phase::ready && now >= beat_due_) beat(now);
  if (phase_ == Phase::ready && now >= todo_due_) subscribe_todo(now);
  if (phase_ == Phase::ready && now >= away_due()) {
    lost_link(now, own(holdfast::Code::unavailable, "the server does not renew the lease"), Millis(0), Address::next);
  }
  pump(now);
}

// A heartbeat of our own went out at a quarter of the lease; what has not been answered by now, another node may
// answer.
Time Core::away_due() const {
  if (addresses_ < 2 || !leased()) return Time::max();
  return lease_deadline_ - trusted(lease_length_) / 8;
}

// ---------------------------------------------------------------------------------------------- requests

std::uint64_t Core::submit(Time now, Pending pending, Millis deadline) {
  end_due(now);
  const std::uint64_t id = ++last_id_;
  if (phase_ == Phase::closed || pending_.size() >= pending_max + outbox_.size()) {
    auto why = phase_ == Phase::closed ? link_error_ : own(holdfast::Code::too_many, "too many calls are unanswered");
    if (pending.complete) pending.complete(now, tl::unexpected(std::move(why)));
    return id;
  }
  pending.deadline = deadline == forever ? Time::max() : now + (deadline.count() > 0 ? deadline : options_.deadline);
  if (std::string* request_id = request_id_field(pending.fields)) *request_id = id_prefix_ + std::to_string(id);
  if (pending.claims) ++claims_;
  if (deadline != forever) due_.emplace(rounded(pending.deadline), Due{Due::What::deadline, id, {}});
  if (!pending.in_line) unsent_.insert(id);
  pending_.emplace(id, std::move(pending));
  pump(now);
  return id;
}

void Core::pump(Time now) {
  if (phase_ != Phase::ready) return;
  while (!unsent_.empty() && in_flight_ < in_flight_max) {
    const std::uint64_t id = *unsent_.begin();
    unsent_.erase(unsent_.begin());
    if (auto it = pending_.find(id); it != pending_.end()) transmit(now, id, it->second);
  }
}

void Core::transmit(Time now, std::uint64_t id, Pending& pending) {
  if (auto* here = std::get_if<TransferFields>(&pending.fields); here != nullptr && here->to_session.is_nil())
    here->to_session = session_;
  if (auto* todo = std::get_if<TodoSubscribeFields>(&pending.fields); todo != nullptr && followed_ != nullptr)
    todo->cursor = followed_->todo.cursor();
  if (!pending.sent) pending.sent_first = now;
  pending.sent_last = now;
  pending.sent = pending.in_flight = true;
  ++pending.attempts;
  ++in_flight_;
  std::string& out = out_.messages.emplace_back();
  if (pending.raw_op.empty()) {
    append_message(out, MessageId(id), pending.fields);
    return;
  }
  JsonWriter writer(out);
  writer.begin_object().key("id").number(id).key("op").string(pending.raw_op);
  if (!pending.raw_request_id.empty()) writer.key("request_id").string(pending.raw_request_id);
  if (!pending.raw_fields.empty()) {
    out.push_back(',');
    out.append(pending.raw_fields);
  }
  out.push_back('}');
}

// Without a caller: sent once on this link, its answer is of no interest.
void Core::quietly(Time now, Fields fields) {
  if (phase_ != Phase::ready) return;
  Pending pending;
  pending.fields = std::move(fields);
  submit(now, std::move(pending), Millis(0));
}

void Core::cancel_quietly(Time now, LockId wait) { quietly(now, CancelWaitFields{{}, {}, wait}); }

// One share of it, so that a handle of an earlier grant of the same lock keeps what it has.
void Core::release_quietly(Time now, const Grant& grant) {
  ReleaseFields fields;
  fields.lock = grant.lock;
  fields.owner = grant.owner;
  quietly(now, std::move(fields));
}

void Core::finish(Time now, std::uint64_t id, holdfast::Result<Answered> result) {
  auto it = pending_.find(id);
  if (it == pending_.end()) return;
  Pending pending = std::move(it->second);
  pending_.erase(it);
  unsent_.erase(id);
  if (pending.in_flight) --in_flight_;
  if (pending.claims) --claims_;
  if (result) {
    result->sent = pending.sent_first;
    result->sent_last = pending.sent_last;
    result->abandoned = pending.abandoned;
  }
  if (pending.complete && (!pending.abandoned || result)) pending.complete(now, std::move(result));
  if (pending.claims) settle(now);
  pump(now);
}

void Core::refused(Time now, std::uint64_t id, const Refusal& refusal, std::string_view message) {
  auto it = pending_.find(id);
  if (it == pending_.end()) return;
  Pending& pending = it->second;
  auto error = to_public(refusal, message);
  if (may_repeat(refusal.code) && !pending.abandoned && pending.complete) {
    const auto span =
        std::min<std::int64_t>(repeat_max.count(), repeat_base.count() << std::min(pending.attempts, 10U));
    const auto jitter = static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(span) + 1));
    const Time again = now + std::max(Millis(jitter), refusal.retry_after);
    if (again < pending.deadline) {
      if (pending.in_flight) --in_flight_;
      pending.in_flight = false;
      pending.last_error = std::move(error);
      due_.emplace(rounded(again), Due{Due::What::retry, id, {}});
      pump(now);
      return;
    }
  }
  const bool gone = refusal.code == Code::session_gone;
  finish(now, id, tl::unexpected(std::move(error)));
  if (gone) ask_state(now);
}

void Core::late(Time now, std::uint64_t id) {
  auto it = pending_.find(id);
  if (it == pending_.end() || now < it->second.deadline) return;
  Pending& pending = it->second;
  if (!pending.sent) {
    auto why = own(holdfast::Code::unavailable,
                   link_error_.text().empty() ? "no connection to the server yet" : link_error_.text());
    if (phase_ == Phase::hello || phase_ == Phase::ready)
      why = own(holdfast::Code::unavailable, "the server is too slow");
    finish(now, id, tl::unexpected(std::move(why)));
    return;
  }
  auto why = !pending.in_flight && pending.last_error
                 ? *pending.last_error
                 : own(holdfast::Code::unknown_outcome, "sent, but not answered in time");
  if (!pending.claims) {
    finish(now, id, tl::unexpected(std::move(why)));
    return;
  }
  // What it brings must be given back: here if the answer still comes on this link, else when the server lists it.
  pending.complete(now, tl::unexpected(std::move(why)));
  if (!pending.in_flight) {
    orphans_ = true;
    pending.complete = nullptr;
    finish(now, id, tl::unexpected(own(holdfast::Code::unknown_outcome, {})));
    ask_state(now);
    return;
  }
  pending.abandoned = true;
}

// ---------------------------------------------------------------------------------------------- messages

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
    reconcile(now, *welcome.state, nullptr, nullptr);
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
  HeartbeatFields fields;
  if (options_.idle) fields.idle = std::max(Millis(0), options_.idle());
  pending.fields = fields;
  pending.complete = [this, session = session_](Time, holdfast::Result<Answered> answered) {
    if (answered && session == session_) renewed(answered->sent_last);
  };
  submit(now, std::move(pending), Millis(0));
}

void Core::ping(Time now, const Ping& ping) {
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
  if (const auto* pinged = std::get_if<Ping>(&push)) {
    ping(now, *pinged);
  } else if (const auto* granted_push = std::get_if<LockGranted>(&push)) {
    if (granted_push->session != session_) return;
    saw(now, granted_push->seq);
    if (auto wait = waits_.extract(granted_push->wait)) {
      granted(now, granted_push->granted, wait.mapped().asked, std::move(wait.mapped()), true);
    } else if (early_.size() < early_max) {
      early_[granted_push->wait] = *granted_push;
      settle(now);
    } else {
      ask_state(now);
    }
  } else if (const auto* waiting = std::get_if<LockWaiting>(&push)) {
    if (auto it = waits_.find(waiting->wait); it != waits_.end() && it->second.on_waiting) {
      emit([callback = it->second.on_waiting, id = waiting->wait.text(), position = waiting->position] {
        callback(id, position);
      });
    }
  } else if (const auto* over = std::get_if<WaitEnded>(&push)) {
    if (over->session != session_) return;
    saw(now, over->seq);
    if (waits_.contains(over->wait)) {
      wait_over(now, over->wait, to_public(over->why, text));
    } else if (claims_ > 0 && early_ends_.size() < early_max) {
      early_ends_[over->wait] = *over;
    }
  } else if (const auto* lost = std::get_if<LockLost>(&push)) {
    if (lost->session != session_) return;
    saw(now, lost->seq);
    early_.erase(lost->lock);
    strange_locks_.erase(lost->lock);
    if (auto it = locks_.find(lost->lock); it != locks_.end()) {
      const auto held = it->second;
      lose(held, to_public(*lost));
    }
  } else if (const auto* soon = std::get_if<LockExpiring>(&push)) {
    expiring(now, *soon);
  } else if (const auto* asked = std::get_if<LockRequested>(&push)) {
    if (asked->session != session_) return;
    saw(now, asked->seq);
    requested(asked->ask);
  } else if (const auto* told = std::get_if<LockAnswered>(&push)) {
    if (told->session != session_) return;
    saw(now, told->seq);
    if (auto it = waits_.find(told->wait); it != waits_.end() && it->second.on_answered) {
      emit([callback = it->second.on_answered, answer = to_public(*told)] { callback(answer); });
    }
  } else if (const auto* whole = std::get_if<SessionState>(&push)) {
    if (whole->state.session == session_) reconcile(now, whole->state, nullptr, nullptr);
  } else if (const auto* ended = std::get_if<SessionEnded>(&push)) {
    if (ended->session != session_) return;
    forget_session(now, to_public(ended->reason));
    lost_link(now, own(holdfast::Code::session_gone, "the server ended the session"), Millis(0), Address::same);
  } else if (const auto* changed = std::get_if<TargetChanged>(&push)) {
    if (!options_.on_watch) return;
    holdfast::WatchEvent event;
    event.what = changed->grant ? holdfast::WatchEvent::What::lock_changed : holdfast::WatchEvent::What::lock_free;
    event.target = changed->target.text();
    if (changed->grant) event.holder = to_public(*changed->grant);
    event.json = text;
    emit([callback = options_.on_watch, event = std::move(event)] { callback(event); });
  } else if (std::holds_alternative<AuthRequired>(push) && options_.token_provider) {
    out_.want_token = true;
  } else {
    std::string name;
    if (const auto* drain = std::get_if<Drain>(&push)) {
      drain_retry_ = drain->retry;
      name = "drain";
    } else if (std::holds_alternative<AuthRequired>(push)) {
      name = "auth.required";
    } else if (const auto* unknown = std::get_if<UnknownPush>(&push)) {
      name = unknown->name;
    }
    if (pushed_status(now, name, text)) return;
    if (name == "bill.changed" && options_.on_watch) {
      holdfast::WatchEvent event;
      event.what = holdfast::WatchEvent::What::bill_changed;
      event.json = text;
      const auto value = parse_json(text);
      if (const auto* object = value ? value->if_object() : nullptr) {
        event.target = read_text(*object, "target");
        event.bill = read_bill(*object);
      }
      if (event.bill) {
        bills_shown_.insert(event.target);
      } else if (bills_shown_.erase(event.target) == 0) {
        return;  // there was nothing to take back
      }
      emit([callback = options_.on_watch, event = std::move(event)] { callback(event); });
    } else if (options_.on_event) {
      emit([callback = options_.on_event, name, json = std::string(text)] { callback(name, json); });
    }
  }
}

void Core::requested(const AskInfo& ask) {
  if (!options_.on_requested || ask.wait.session == session_) return;
  if (requests_.contains(ask.wait.wait)) return;
  remember(requests_, ask.wait.wait);
  emit([callback = options_.on_requested, request = to_public(ask)] { callback(request); });
}

// The end of the longest hold comes whatever we do, also while the link is down; so its time is taken over to
// our own clock: the server's clock now is what a renewal says less the lease, and no later than its sending.
void Core::expiring(Time now, const LockExpiring& expiring) {
  auto it = locks_.find(expiring.lock);
  if (it == locks_.end() || expiring.session != session_) return;
  if (options_.on_expiring) {
    emit([callback = options_.on_expiring, id = expiring.lock.text(), reason = to_public(expiring.reason),
          at = to_public(expiring.expires_at)] { callback(id, reason, at); });
  }
  if (expiring.reason != EndReason::max_hold) return;
  Pending probe;
  HeartbeatFields beat;
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

// ---------------------------------------------------------------------------------------------- what is true

void Core::ask_state(Time now) {
  if (phase_ != Phase::ready) return;
  if (state_asked_) {
    state_again_ = true;
    return;
  }
  state_asked_ = true;
  Pending pending;
  pending.fields = SessionStateFields{};
  // What came after the question was sent may be missing in the answer: it is not held against it.
  std::set<LockId> locks, waits;
  for (const auto& [id, held] : locks_) locks.insert(id);
  for (const auto& [id, wait] : waits_) waits.insert(id);
  pending.complete = [this, locks = std::move(locks), waits = std::move(waits)](Time at,
                                                                                holdfast::Result<Answered> answered) {
    state_asked_ = false;
    if (!answered && answered.error().code == holdfast::Code::session_gone && phase_ == Phase::ready) {
      forget_session(at, LostReason::expired);
      return lost_link(at, answered.error(), Millis(0), Address::same);
    }
    if (answered) {
      auto outcome = parse_outcome(Op::session_state, answered->body);
      if (const auto* state = outcome ? std::get_if<SessionSnapshot>(&*outcome) : nullptr)
        reconcile(at, *state, &locks, &waits);
    }
    if (std::exchange(state_again_, false)) ask_state(at);
  };
  submit(now, std::move(pending), Millis(0));
}

void Core::reconcile(Time now, const SessionSnapshot& state, const std::set<LockId>* locks,
                     const std::set<LockId>* waits) {
  seq_ = std::max(seq_, state.seq);
  std::set<LockId> listed;
  for (const Grant& grant : state.locks) listed.insert(grant.lock);
  std::vector<std::shared_ptr<Held>> missing;
  for (const auto& [id, held] : locks_) {
    if (held->lease != nullptr && !listed.contains(id) && (locks == nullptr || locks->contains(id)))
      missing.push_back(held);
  }
  const LostReason why = std::exchange(engine_lost_, false) ? LostReason::engine_lost : LostReason::missing;
  for (const auto& held : missing) lose(held, {held->id, why, {}, true, {}, {}, {}});

  for (const Grant& grant : state.locks) {
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
  std::set<LockId> waiting;
  for (const WaitInfo& wait : state.waits) {
    waiting.insert(wait.wait);
    if (!waits_.contains(wait.wait)) strange_waits_.insert(wait.wait);
  }
  std::vector<LockId> over;
  for (const auto& [id, wait] : waits_) {
    if (!waiting.contains(id) && (waits == nullptr || waits->contains(id))) over.push_back(id);
  }
  for (LockId id : over)
    wait_over(now, id, own(holdfast::Code::request_gone, "the wait ended while the connection was down"));
  for (const AskInfo& ask : state.asks) {
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
    ReleaseFields release;
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

// ---------------------------------------------------------------------------------------------- acquiring

void Core::acquire(Time now, holdfast::Acquire what, Reply<Taken> reply) {
  auto targets = from_public(what.targets);
  if (!targets || targets->empty()) {
    auto why = targets ? own(holdfast::Code::invalid, "name at least one target") : to_public(targets.error());
    why.field = "targets";
    return answer<Taken>(reply, tl::unexpected(std::move(why)));
  }
  AcquireFields fields;
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
  Pending pending;
  pending.fields = std::move(fields);
  pending.claims = true;
  pending.complete = [this, waiting, wait = what.wait, deadline = what.deadline](Time at,
                                                                                 holdfast::Result<Answered> answered) {
    acquired(at, answered, Op::lock_acquire, waiting, wait, deadline);
  };
  submit(now, std::move(pending), what.deadline);
}

void Core::ask(Time now, holdfast::Ask what, Reply<Taken> reply) {
  auto lock = LockId::parse(what.lock);
  auto targets = from_public(what.targets);
  if (!lock || !targets) {
    auto why = lock ? to_public(targets.error()) : own(holdfast::Code::invalid, "this is no lock id");
    why.field = lock ? "targets" : "lock";
    return answer<Taken>(reply, tl::unexpected(std::move(why)));
  }
  LockRequestFields fields;
  fields.lock = *lock;
  fields.targets = *std::move(targets);
  fields.mode = static_cast<Mode>(what.mode);
  fields.message = std::move(what.message);
  fields.wait = what.wait;
  Waiting waiting{
      std::move(reply), std::move(what.on_waiting), std::move(what.on_answered), std::move(what.on_lost), {},
      Millis(0)};
  Pending pending;
  pending.fields = std::move(fields);
  pending.claims = true;
  pending.complete = [this, waiting, wait = what.wait, deadline = what.deadline](Time at,
                                                                                 holdfast::Result<Answered> answered) {
    acquired(at, answered, Op::lock_request, waiting, wait, deadline);
  };
  submit(now, std::move(pending), what.deadline);
}

void Core::take_over(Time now, const std::string& lock, Reply<Taken> reply) {
  auto id = LockId::parse(lock);
  if (!id) return answer<Taken>(reply, failure(holdfast::Code::invalid, "this is no lock id", "lock"));
  Pending pending;
  pending.claims = true;
  pending.fields = TransferFields{.request_id = {}, .lock = *id, .session = {}, .to_session = {}};
  Waiting waiting;
  waiting.reply = std::move(reply);
  pending.complete = [this, waiting](Time at, holdfast::Result<Answered> answered) {
    acquired(at, answered, Op::lock_transfer, waiting, Millis(0), Millis(0));
  };
  submit(now, std::move(pending), Millis(0));
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
  pending.fields = ExtendFields{.request_id = {}, .lock = granted.grant.lock, .session = {}, .ttl = waiting.ttl};
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

// ---------------------------------------------------------------------------------------------- the rest

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
  ReleaseFields fields;
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
    const auto outcome = answered ? parse_outcome(Op::lock_release, answered->body) : Result<Outcome>(Released{});
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
  pending.fields = ReleaseAllFields{.request_id = {}, .session = {}, .type = type};
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
  pending.fields = ExtendFields{.request_id = {}, .lock = *id, .session = {}, .ttl = ttl};
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
  pending.fields = CancelWaitFields{{}, {}, *wait};
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

void Core::watch(Time now, std::vector<Target> targets, Reply<Nothing> reply) {
  Pending pending;
  pending.fields = WatchFields{{}, targets};
  pending.complete = [this, reply, targets](Time, holdfast::Result<Answered> answered) {
    if (!answered) return answer<Nothing>(reply, tl::unexpected(answered.error()));
    watched_.insert(targets.begin(), targets.end());
    answer<Nothing>(reply, Nothing{});
  };
  submit(now, std::move(pending), Millis(0));
}

void Core::unwatch(Time now, std::vector<Target> targets, Reply<Nothing> reply) {
  for (const Target& target : targets) {
    watched_.erase(target);
    bills_shown_.erase(target.text());
  }
  Pending pending;
  pending.fields = UnwatchFields{{}, std::move(targets)};
  pending.complete = [this, reply](Time, holdfast::Result<Answered> answered) {
    if (!answered) return answer<Nothing>(reply, tl::unexpected(answered.error()));
    answer<Nothing>(reply, Nothing{});
  };
  submit(now, std::move(pending), Millis(0));
}

void Core::send(Time now, Fields fields, Reply<Outcome> reply) {
  Pending pending;
  const Op op = op_of(fields);
  pending.fields = std::move(fields);
  pending.complete = [this, reply, op](Time, holdfast::Result<Answered> answered) {
    if (!answered) return answer<Outcome>(reply, tl::unexpected(answered.error()));
    auto outcome = parse_outcome(op, answered->body);
    if (!outcome)
      return answer<Outcome>(reply, failure(holdfast::Code::unknown_outcome,
                                            "the server's answer cannot be read: " + outcome.error().detail));
    answer<Outcome>(reply, *std::move(outcome));
  };
  submit(now, std::move(pending), Millis(0));
}

void Core::call(Time now, const std::string& op, const std::string& fields_json, bool change,
                Reply<std::string> reply) {
  const auto value = parse_json(fields_json.empty() ? std::string_view("{}") : std::string_view(fields_json));
  if (!value || !value->is_object() || op.empty()) {
    return answer<std::string>(reply,
                               failure(holdfast::Code::invalid, "the fields of a call are a JSON object", "fields"));
  }
  Pending pending;
  pending.fields = StatsGetFields{};
  pending.raw_op = op;
  if (!value->get_object().empty()) {
    const std::string whole = boost::json::serialize(*value);
    pending.raw_fields = whole.substr(1, whole.size() - 2);
  }
  if (change) pending.raw_request_id = id_prefix_ + "r" + std::to_string(last_id_ + 1);
  pending.complete = [this, reply](Time, holdfast::Result<Answered> answered) {
    if (!answered) return answer<std::string>(reply, tl::unexpected(answered.error()));
    answer<std::string>(reply, std::string(answered->body));
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

}  // namespace hf::client
